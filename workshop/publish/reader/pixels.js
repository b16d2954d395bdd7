/**
 * Operations on pictures {data, width, height}, as OpenCV does them: data is a Uint8Array or a Float32Array, row by row.
 * What comes out is what cv2 gives for the same picture, to a grey level.
 */
import { clip, round } from "./numbers.js";

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
    made.data.set(one.data.subarray(y * one.width + left, y * one.width + right), (y - top) * made.width);
  }
  return made;
}

/** A quarter turn counter-clockwise, `turns` times. */
export function turned(one, turns) {
  const { data, width: w, height: h } = one;
  const quarter = ((turns % 4) + 4) % 4;
  const made = quarter % 2 ? like(one, h, w) : like(one);
  const place = [(x, y) => y * w + x, (x, y) => (w - 1 - x) * h + y, (x, y) => (h - 1 - y) * w + w - 1 - x, (x, y) => x * h + h - 1 - y][quarter];
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) made.data[place(x, y)] = data[y * w + x];
  return made;
}

// Resizing: along one side, which cells of the old picture make up each cell of the new one.

/** Each new cell is the mean of the area that it covers. */
function areaTaps(from, to, scale) {
  const taps = [];
  for (let at = 0; at < to; at++) {
    const start = at * scale;
    const end = start + scale;
    const cell = Math.min(scale, from - start);
    let first = Math.ceil(start);
    let last = Math.min(Math.floor(end), from - 1);
    first = Math.min(first, last);
    const one = [];
    if (first - start > 1e-3) one.push([first - 1, (first - start) / cell]);
    for (let k = first; k < last; k++) one.push([k, 1 / cell]);
    if (end - last > 1e-3) one.push([last, Math.min(Math.min(end - last, 1), cell) / cell]);
    taps.push(one);
  }
  return taps;
}

/** Straight lines between the middles of cells. */
function linearTaps(from, to, scale) {
  return Array.from({ length: to }, (_, at) => {
    const x = (at + 0.5) * scale - 0.5;
    const left = Math.floor(x);
    if (left < 0) return [[0, 1]];
    if (left >= from - 1) return [[from - 1, 1]];
    return [[left, 1 - (x - left)], [left + 1, x - left]];
  });
}

/** What OpenCV takes for areas where one side grows: straight lines between their borders. */
function grownAreaTaps(from, to, scale) {
  return Array.from({ length: to }, (_, at) => {
    const left = Math.floor(at * scale);
    let share = at + 1 - (left + 1) / scale;
    share = share <= 0 ? 0 : share - Math.floor(share);
    if (left >= from - 1) return [[from - 1, 1]];
    return [[left, 1 - share], [left + 1, share]];
  });
}

/** Cubic curves (a = -0.75) through four cells. */
function cubicTaps(from, to, scale) {
  const a = -0.75;
  return Array.from({ length: to }, (_, at) => {
    const x = (at + 0.5) * scale - 0.5;
    const left = Math.floor(x);
    const f = x - left;
    const c = [
      ((a * (f + 1) - 5 * a) * (f + 1) + 8 * a) * (f + 1) - 4 * a,
      ((a + 2) * f - (a + 3)) * f * f + 1,
      ((a + 2) * (1 - f) - (a + 3)) * (1 - f) * (1 - f) + 1,
    ];
    c.push(1 - c[0] - c[1] - c[2]);
    return c.map((weight, k) => [clip(left - 1 + k, 0, from - 1), weight]);
  });
}

const TAPS = { area: areaTaps, linear: linearTaps, cubic: cubicTaps };

/** A picture at another size. method: "area", "linear" or "cubic". scale: old cells a new one, where it is no round share. */
export function resize(one, width, height, method, scale = null) {
  if (width === one.width && height === one.height) return { ...one, data: one.data.slice() };
  let taps = TAPS[method];
  if (method === "area" && (width > one.width || height > one.height)) taps = grownAreaTaps;
  const across = taps(one.width, width, scale ?? one.width / width);
  const down = taps(one.height, height, scale ?? one.height / height);
  const made = like(one, width, height);
  const bytes = isBytes(one);
  const row = new Float32Array(width);
  const kept = new Map(); // rows of the old picture at the new width, as long as they are needed
  const narrowed = (y) => {
    if (!kept.has(y)) {
      if (kept.size > 64) kept.clear();
      const made = new Float32Array(width);
      for (let x = 0; x < width; x++) {
        let total = 0;
        for (const [k, weight] of across[x]) total += one.data[y * one.width + k] * weight;
        made[x] = total;
      }
      kept.set(y, made);
    }
    return kept.get(y);
  };
  for (let y = 0; y < height; y++) {
    row.fill(0);
    for (const [k, weight] of down[y]) {
      const from = narrowed(k);
      for (let x = 0; x < width; x++) row[x] += from[x] * weight;
    }
    for (let x = 0; x < width; x++) made.data[y * width + x] = bytes ? clip(round(row[x]), 0, 255) : row[x];
  }
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
    for (let k = -before; k < size - before; k++) total += data[y * width + inside(k, width, border)];
    for (let x = 0; x < width; x++) {
      sums[y * width + x] = total;
      total += data[y * width + inside(x + size - before, width, border)] - data[y * width + inside(x - before, width, border)];
    }
  }
  const made = like(one);
  const bytes = isBytes(one);
  const column = new Float64Array(width);
  const add = (y, sign) => {
    const from = inside(y, height, border) * width;
    for (let x = 0; x < width; x++) column[x] += sign * sums[from + x];
  };
  for (let k = -before; k < size - before; k++) add(k, 1);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = column[x] / (size * size);
      made.data[y * width + x] = bytes ? Math.floor(value + 0.5) : value;
    }
    add(y + size - before, 1);
    add(y - before, -1);
  }
  return made;
}

/** The greatest (or least) of `size` neighbours, `before` of them ahead, of a row of numbers. */
function extremes(values, made, size, before, sign) {
  const queue = new Int32Array(values.length + size);
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
  for (let y = 0; y < height; y++) {
    const at = y * width;
    extremes(one.data.subarray(at, at + width), across.data.subarray(at, at + width), columns, columns >> 1, sign);
  }
  if (rows === 1) return across;
  const made = like(one);
  const [before, after] = [new one.data.constructor(height), new one.data.constructor(height)];
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) before[y] = across.data[y * width + x];
    extremes(before, after, rows, rows >> 1, sign);
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
      const x = clip(round(xs[k]), 0, w - 1);
      made.data[k] = data[clip(round(ys[k]), 0, h - 1) * w + x];
      continue;
    }
    const [left, top] = [Math.floor(xs[k]), Math.floor(ys[k])];
    const [a, b] = [Math.fround(xs[k] - left), Math.fround(ys[k] - top)];
    const x0 = clip(left, 0, w - 1);
    const x1 = clip(left + 1, 0, w - 1);
    const y0 = clip(top, 0, h - 1) * w;
    const y1 = clip(top + 1, 0, h - 1) * w;
    const upper = data[y0 + x0] + a * (data[y0 + x1] - data[y0 + x0]);
    const lower = data[y1 + x0] + a * (data[y1 + x1] - data[y1 + x0]);
    made.data[k] = round(upper + b * (lower - upper));
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
      const y = (at - x) / width;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          if ((connectivity === 4 && dx && dy) || x + dx < 0 || x + dx >= width || y + dy < 0 || y + dy >= height) continue;
          const other = at + dy * width + dx;
          if (data[other] && !labels[other]) {
            labels[other] = count;
            waiting[tail++] = other;
          }
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
