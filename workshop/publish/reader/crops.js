/** A line out of a page, level and upright; see `htr_utils.lines.crops`. */
import { clip, interpolate, linspace, round } from "./numbers.js";
import { blur, part, remap } from "./pixels.js";

const f = Math.fround;

/** A line's own coordinates on its page; path and down: [x, y] of each column of the crop. */
export class Frame {
  constructor(path, down, above, height, scale) {
    Object.assign(this, { path, down, above, height, scale, width: path.length });
  }

  /** Points [x, y] of the crop as points of the page. */
  where(points) {
    return points.map(([x, y]) => {
      const place = clip(x, 0, this.width - 1);
      const left = Math.min(Math.floor(place), this.width - 2);
      const at = (list, k) => list[left][k] + (list[left + 1][k] - list[left][k]) * (place - left);
      return [0, 1].map((k) => at(this.path, k) + (y / this.scale - this.above) * at(this.down, k));
    });
  }

  /** Where each place of the crop lies on the page, in one direction (0: x, 1: y), Float32. */
  places(direction) {
    const { width, height } = this;
    const made = new Float32Array(width * height);
    const [path, down] = [this.path, this.down].map((list) =>
      Float32Array.from(list, (point) => point[direction]),
    );
    for (let y = 0; y < height; y++) {
      const row = f(f(f(y + 0.5) / f(this.scale)) - f(this.above));
      for (let x = 0; x < width; x++) made[y * width + x] = path[x] + f(row * down[x]);
    }
    return made;
  }

  /** The crop of a page; the page's edge is continued. */
  cut(page, nearest = false) {
    const [x, y] = [this.places(0), this.places(1)];
    const [left, right] = around(x, page.width);
    const [top, bottom] = around(y, page.height);
    let cell = part(page, left, top, right, bottom);
    if (this.scale < 0.75 && !nearest) cell = blur(cell, round(1 / this.scale));
    for (let k = 0; k < x.length; k++) {
      x[k] -= left;
      y[k] -= top;
    }
    return remap(cell, x, y, this.width, this.height, nearest);
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
  const [x, y] = [0, 1].map((c) =>
    smooth(
      ahead.map((step) => step[c]),
      reach,
    ),
  );
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

/** The stretch of a page of `size` places that all of these lie in, and what is needed beside them. */
function around(places, size) {
  let [low, high] = [Infinity, -Infinity];
  for (const place of places) {
    low = Math.min(low, place);
    high = Math.max(high, place);
  }
  const first = clip(Math.floor(low) - 2, 0, size - 1);
  return [first, clip(Math.ceil(high) + 3, first + 1, size)];
}
