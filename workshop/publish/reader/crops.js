/** A line out of a page, level and upright; see `htr_utils.lines.crops`. */
import { interpolate, linspace, round } from "./numbers.js";
import { blur, part, remap } from "./pixels.js";

const f = Math.fround;

/** A line's own coordinates on its page; path and down: [x, y] of each column of the crop. */
export class Frame {
  constructor(path, down, above, height, scale) {
    Object.assign(this, { path, down, above, height, scale, width: path.length });
  }

  /** Points [x, y] of the crop as points of the page. */
  where(points) {
    const columns = this.path.map((_, k) => k);
    const at = (list, x, k) => interpolate(x, columns, list.map((point) => point[k]));
    return points.map(([x, y]) => [0, 1].map((k) => at(this.path, x, k) + (y / this.scale - this.above) * at(this.down, x, k)));
  }

  /** The crop of a page; the page's edge is continued. */
  cut(page, nearest = false) {
    const [w, h] = [this.width, this.height];
    const places = [0, 1].map((k) => {
      const made = new Float32Array(w * h);
      for (let y = 0; y < h; y++) {
        const row = f(f(f(y + 0.5) / f(this.scale)) - f(this.above));
        for (let x = 0; x < w; x++) made[y * w + x] = f(this.path[x][k] + f(row * this.down[x][k]));
      }
      return made;
    });
    const size = [page.width, page.height];
    const low = places.map((list, k) => Math.min(size[k] - 1, Math.max(0, Math.floor(list.reduce((a, b) => Math.min(a, b))) - 2)));
    const high = places.map((list, k) => Math.min(size[k], Math.max(low[k] + 1, Math.ceil(list.reduce((a, b) => Math.max(a, b))) + 3)));
    let cell = part(page, ...low, ...high);
    if (this.scale < 0.75 && !nearest) cell = blur(cell, round(1 / this.scale));
    places.forEach((list, k) => list.forEach((value, at) => (list[at] = value - low[k])));
    return remap(cell, ...places, w, h, nearest);
  }

  /** The same in a picture that is `factor` times as large. */
  enlarged(factor) {
    const path = this.path.map((point) => point.map((value) => f(value * f(factor))));
    return new Frame(path, this.down, this.above * factor, this.height, this.scale / factor);
  }
}

/** The coordinates of a line; `above` and `below`: pixels of the page over and under the baseline. */
export function frame(baseline, above, below, scale = 1) {
  const points = baseline.map((point) => point.map(f));
  const length = [0];
  for (let k = 1; k < points.length; k++) {
    const [x, y] = [0, 1].map((c) => f(points[k][c] - points[k - 1][c]));
    length.push(f(length[k - 1] + f(Math.sqrt(f(f(x * x) + f(y * y))))));
  }
  const columns = Math.max(2, round(length.at(-1) * scale));
  const at = linspace(0, length.at(-1), columns);
  const lists = [0, 1].map((c) => points.map((point) => point[c]));
  const path = at.map((s) => lists.map((list) => f(interpolate(s, length, list))));
  const height = Math.max(1, round((above + below) * scale));
  const reach = 2 * Math.min(height, (columns - 1) >> 1) + 1; // the direction of a stretch twice as long as high
  const last = columns - 1;
  const ahead = path.map((_, k) => {
    const [before, after] = [Math.max(0, k - 1), Math.min(last, k + 1)];
    return [0, 1].map((c) => f(f(path[after][c] - path[before][c]) / (after - before)));
  });
  const [x, y] = [0, 1].map((c) => smooth(ahead.map((step) => step[c]), reach));
  const down = path.map((_, k) => {
    const size = Math.max(Math.sqrt(x[k] * x[k] + y[k] * y[k]), 1e-6);
    return [f(-y[k] / size), f(x[k] / size)];
  });
  return new Frame(path, down, above, height, scale);
}

/** The mean of `reach` neighbours of each value (an odd number), the ends repeated. */
function smooth(values, reach) {
  const sums = [0];
  const far = reach >> 1;
  const at = (k) => values[Math.min(values.length - 1, Math.max(0, k))];
  for (let k = -far; k < values.length + far; k++) sums.push(sums.at(-1) + at(k));
  return values.map((_, k) => (sums[k + reach] - sums[k]) / reach);
}
