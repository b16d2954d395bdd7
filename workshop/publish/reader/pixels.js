/**
 * Operations on pictures {data, width, height}, as OpenCV does them: data is a Uint8Array or a Float32Array, row by row.
 * What comes out is what cv2 gives for the same picture, to a grey level.
 */
import { clip, round } from "./numbers.js";

const f = Math.fround; // sums are rounded to float32 as there: a grey level more or less would go on to the networks

export const picture = (width, height, Kind = Uint8Array) => ({
  data: new Kind(width * height),
  width,
  height,
});

const like = (one, width = one.width, height = one.height) =>
  picture(width, height, one.data.constructor);

const isBytes = (one) => one.data instanceof Uint8Array;

/** A rectangle of a picture; its columns and rows from `left` and `top`, exclusive of `right` and `bottom`. */
export function part(one, left, top, right, bottom) {
  const made = like(one, right - left, bottom - top);
  for (let y = top; y < bottom; y++) {
    made.data.set(
      one.data.subarray(y * one.width + left, y * one.width + right),
      (y - top) * made.width,
    );
  }
  return made;
}

/** A quarter turn counter-clockwise, `turns` times. */
export function turned(one, turns) {
  const { data, width: w, height: h } = one;
  const quarter = ((turns % 4) + 4) % 4;
  const made = quarter % 2 ? like(one, h, w) : like(one);
  const place = [
    (x, y) => y * w + x,
    (x, y) => (w - 1 - x) * h + y,
    (x, y) => (h - 1 - y) * w + w - 1 - x,
    (x, y) => x * h + h - 1 - y,
  ][quarter];
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) made.data[place(x, y)] = data[y * w + x];
  return made;
}

// Resizing: along one side, which cells of the old picture make up each cell of the new one, as pairs [cell, weight].

/** Each new cell is the mean of the area that it covers. */
function areaTaps(from, scale, at) {
  const start = at * scale;
  const end = start + scale;
  const covered = Math.min(scale, from - start);
  const last = Math.min(Math.floor(end), from - 1);
  const first = Math.min(Math.ceil(start), last);
  const taps = [];
  if (first - start > 1e-3) taps.push([first - 1, (first - start) / covered]);
  for (let k = first; k < last; k++) taps.push([k, 1 / covered]);
  if (end - last > 1e-3) taps.push([last, Math.min(end - last, 1, covered) / covered]);
  return taps;
}

/** Cubic curves (a = -0.75) through four cells. */
function cubicTaps(from, scale, at) {
  const a = -0.75;
  const x = (at + 0.5) * scale - 0.5;
  const left = Math.floor(x);
  const far = (d) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  const near = (d) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const d = x - left;
  const weights = [far(d + 1), near(d), near(1 - d)];
  weights.push(1 - weights[0] - weights[1] - weights[2]);
  return weights.map((weight, k) => [clip(left - 1 + k, 0, from - 1), weight]);
}

const TAPS = { area: areaTaps, cubic: cubicTaps };

/** The taps of `to` cells in flat lists: those of a cell lie from starts[cell] to starts[cell + 1]. */
function tapsOf(method, from, to, scale) {
  const [cells, weights, starts] = [[], [], [0]];
  for (let at = 0; at < to; at++) {
    for (const [cell, weight] of TAPS[method](from, scale, at)) {
      cells.push(cell);
      weights.push(weight);
    }
    starts.push(cells.length);
  }
  return { cells: Int32Array.from(cells), weights: Float32Array.from(weights), starts };
}

/**
 * A picture at another size. method: "area", "linear" or "cubic".
 * scale: old cells a new one, where it is not the ratio of the sizes.
 */
export function resize(one, width, height, method, scale = null) {
  if (width === one.width && height === one.height) return { ...one, data: one.data.slice() };
  const grown = method === "area" && (width > one.width || height > one.height);
  if (grown || method === "linear") return stretched(one, width, height, grown);
  const across = tapsOf(method, one.width, width, scale ?? one.width / width);
  const down = tapsOf(method, one.height, height, scale ?? one.height / height);
  const made = like(one, width, height);
  const kept = new Map(); // old rows at the new width, as long as they may be needed
  const narrowed = (y) => {
    let row = kept.get(y);
    if (row) return row;
    if (kept.size > 16) kept.delete(kept.keys().next().value);
    row = new Float32Array(width);
    kept.set(y, row);
    for (let x = 0; x < width; x++) {
      let total = 0;
      for (let k = across.starts[x]; k < across.starts[x + 1]; k++) {
        total = f(total + f(one.data[y * one.width + across.cells[k]] * across.weights[k]));
      }
      row[x] = total;
    }
    return row;
  };
  const row = new Float32Array(width);
  for (let y = 0; y < height; y++) {
    row.fill(0);
    for (let k = down.starts[y]; k < down.starts[y + 1]; k++) {
      const [from, weight] = [narrowed(down.cells[k]), down.weights[k]];
      for (let x = 0; x < width; x++) row[x] = f(row[x] + f(from[x] * weight));
    }
    for (let x = 0; x < width; x++)
      made.data[y * width + x] = isBytes(one) ? clip(round(row[x]), 0, 255) : row[x];
  }
  return made;
}

/**
 * Straight lines from cell to cell: between their middles, or between their borders, as OpenCV takes areas where a side
 * grows.
 */
function stretched(one, width, height, borders) {
  const made = like(one, width, height);
  const pairs = (from, to) => {
    const scale = from / to;
    return Array.from({ length: to }, (_, at) => {
      const x = borders ? at * scale : (at + 0.5) * scale - 0.5;
      const left = Math.floor(x);
      const past = Math.max(0, at + 1 - (left + 1) / scale);
      const share = left < 0 || left >= from - 1 ? 0 : borders ? past - Math.floor(past) : x - left;
      return [clip(left, 0, from - 1), Math.min(Math.max(left, 0) + 1, from - 1), f(share)];
    });
  };
  const mixed = (a, b, share) => f(a + f(b - a) * share);
  const across = pairs(one.width, width);
  pairs(one.height, height).forEach(([upper, lower, share], y) => {
    across.forEach(([left, right, aside], x) => {
      const [above, below] = [upper, lower].map((row) => {
        const at = row * one.width;
        return mixed(one.data[at + left], one.data[at + right], aside);
      });
      const value = mixed(above, below, share);
      made.data[y * width + x] = isBytes(one) ? clip(round(value), 0, 255) : value;
    });
  });
  return made;
}

/** The place that stands for one outside of 0..size - 1: the border's, or its mirror image. */
function inside(at, size, border) {
  if (at >= 0 && at < size) return at;
  if (border === "replicate" || size === 1) return clip(at, 0, size - 1);
  const period = 2 * size - 2;
  const k = ((at % period) + period) % period;
  return k < size ? k : period - k;
}

/** Every cell becomes the mean of `size` x `size` cells. border: "replicate" or "reflect". */
export function blur(one, size, border = "reflect") {
  const { data, width, height } = one;
  const sums = new Float64Array(width * height);
  const before = size >> 1;
  for (let y = 0; y < height; y++) {
    let total = 0;
    for (let k = -before; k < size - before; k++)
      total += data[y * width + inside(k, width, border)];
    for (let x = 0; x < width; x++) {
      sums[y * width + x] = total;
      total +=
        data[y * width + inside(x + size - before, width, border)] -
        data[y * width + inside(x - before, width, border)];
    }
  }
  const made = like(one);
  const bytes = isBytes(one);
  if (size === 1) return { ...one, data: one.data.slice() };
  const cells = size * size;
  const half = (cells >> 1) + (cells & (cells - 1) ? 0 : 1); // OpenCV's rounding for means over 4, 16, ... cells
  const column = new Float64Array(width);
  const add = (y, sign) => {
    const from = inside(y, height, border) * width;
    for (let x = 0; x < width; x++) column[x] += sign * sums[from + x];
  };
  for (let k = -before; k < size - before; k++) add(k, 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      made.data[y * width + x] = bytes ? Math.floor((column[x] + half) / cells) : column[x] / cells;
    }
    add(y + size - before, 1);
    add(y - before, -1);
  }
  return made;
}

/** The greatest (or least) of `size` neighbours, `before` of them ahead, of a row of numbers. */
function extremes(values, made, size, before, sign, queue) {
  let head = 0;
  let tail = 0;
  const after = size - 1 - before;
  for (let k = 0; k < values.length + after; k++) {
    if (k < values.length) {
      while (tail > head && sign * values[queue[tail - 1]] <= sign * values[k]) tail--;
      queue[tail++] = k;
    }
    const at = k - after;
    if (at < 0) continue;
    while (queue[head] < at - before) head++;
    made[at] = values[queue[head]];
  }
}

/** Dilation (sign 1) or erosion (sign -1) by a rectangle of odd sides; outside lies what stands at the border. */
export function spread(one, columns, rows, sign) {
  const { width, height } = one;
  const across = like(one);
  const queue = new Int32Array(Math.max(width, height));
  for (let y = 0; y < height; y++) {
    const at = y * width;
    extremes(
      one.data.subarray(at, at + width),
      across.data.subarray(at, at + width),
      columns,
      columns >> 1,
      sign,
      queue,
    );
  }
  if (rows === 1) return across;
  const made = like(one);
  const [before, after] = [new one.data.constructor(height), new one.data.constructor(height)];
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) before[y] = across.data[y * width + x];
    extremes(before, after, rows, rows >> 1, sign, queue);
    for (let y = 0; y < height; y++) made.data[y * width + x] = after[y];
  }
  return made;
}

/** A grey closing: what is darker and narrower than the square vanishes. */
export const close = (one, size) => spread(spread(one, size, size, 1), size, size, -1);

/** The paper of a picture: a grey closing, made smooth. */
export const paper = (grey, size) => blur(close(grey, size), size, "replicate");

/** The picture seen at places (x, y) of another; linear between cells, or the nearest one; its border goes on. */
export function remap(one, xs, ys, width, height, nearest = false) {
  const { data, width: w, height: h } = one;
  const made = like(one, width, height);
  for (let k = 0; k < xs.length; k++) {
    if (nearest) {
      made.data[k] = data[clip(round(ys[k]), 0, h - 1) * w + clip(round(xs[k]), 0, w - 1)];
      continue;
    }
    const left = Math.floor(xs[k]);
    const top = Math.floor(ys[k]);
    const a = xs[k] - left;
    const x0 = clip(left, 0, w - 1);
    const x1 = clip(left + 1, 0, w - 1);
    const y0 = clip(top, 0, h - 1) * w;
    const y1 = clip(top + 1, 0, h - 1) * w;
    const upper = data[y0 + x0] + a * (data[y0 + x1] - data[y0 + x0]);
    const lower = data[y1 + x0] + a * (data[y1 + x1] - data[y1 + x0]);
    made.data[k] = round(upper + (ys[k] - top) * (lower - upper));
  }
  return made;
}

/**
 * Connected places of a mask (0 or not): {labels: Int32Array, count}, 0 for the rest, the others from 1 by their first
 * place. connectivity: 4 or 8.
 */
export function components(mask, connectivity) {
  const { data, width, height } = mask;
  const labels = new Int32Array(data.length);
  const waiting = new Int32Array(data.length);
  let count = 1;
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    let [head, tail] = [0, 0];
    labels[start] = count;
    waiting[tail++] = start;
    while (head < tail) {
      const at = waiting[head++];
      const x = at % width;
      const [left, right] = [x > 0 ? -1 : 0, x < width - 1 ? 1 : 0];
      for (let row = at - width; row <= at + width; row += width) {
        if (row < 0 || row >= data.length) continue;
        const level = row === at || connectivity === 8;
        for (let other = row + (level ? left : 0); other <= row + (level ? right : 0); other++) {
          if (!data[other] || labels[other]) continue;
          labels[other] = count;
          waiting[tail++] = other;
        }
      }
    }
    count++;
  }
  return { labels, count };
}

/** Draws a straight stroke, one place wide, between whole points (Bresenham), as cv2.line does. */
function stroke({ data, width, height }, from, to, value) {
  let [[x, y], [endX, endY]] = [from, to];
  if (endX < x) [x, y, endX, endY] = [endX, endY, x, y];
  const long = endX - x;
  const high = Math.abs(endY - y);
  const down = endY < y ? -1 : 1;
  const steep = high > long;
  const [major, minor] = steep ? [high, long] : [long, high];
  let error = major - 2 * minor;
  for (let k = 0; k <= major; k++) {
    if (x >= 0 && x < width && y >= 0 && y < height) data[y * width + x] = value;
    const aside = error < 0;
    error += (aside ? 2 * major : 0) - 2 * minor;
    if (steep) [x, y] = [x + (aside ? 1 : 0), y + down];
    else [x, y] = [x + 1, y + (aside ? down : 0)];
  }
}

/** Fills a polygon of whole points [x, y] and its border, as cv2.fillPoly does. */
export function fillPolygon(one, points, value) {
  const { data, width, height } = one;
  const edges = points.map((point, k) => [points.at(k - 1), point]);
  for (const [from, to] of edges) stroke(one, from, to, value);
  const rows = points.map(([, y]) => y);
  for (let y = Math.max(0, Math.min(...rows)); y < Math.min(height, Math.max(...rows)); y++) {
    const crossed = [];
    for (const [a, b] of edges) {
      const [upper, lower] = a[1] <= b[1] ? [a, b] : [b, a];
      if (upper[1] > y || lower[1] <= y) continue;
      // In steps of 1/65536, as it is computed there.
      const slope = Math.floor((65536 * (lower[0] - upper[0])) / (lower[1] - upper[1]));
      crossed.push(upper[0] * 65536 + 32768 + slope * (y - upper[1]));
    }
    crossed.sort((a, b) => a - b);
    for (let k = 0; k + 1 < crossed.length; k += 2) {
      const left = Math.floor(crossed[k] / 65536);
      const right = Math.ceil(crossed[k + 1] / 65536) - 1;
      data.fill(value, y * width + Math.max(0, left), y * width + Math.min(width - 1, right) + 1);
    }
  }
}
