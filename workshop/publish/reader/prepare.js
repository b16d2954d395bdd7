/** A grey picture of a line -> what the network sees, as `htr_utils.lines.images.prepare` makes it. */
import { ReaderError } from "./errors.js";
import { clip, percentileOfSorted, round } from "./numbers.js";
import { blur, paper, picture, resize } from "./pixels.js";

export const MIN_SIDE = 4;
export const MAX_PIXELS = 40_000_000;
const GRAIN = 0.08; // how much darker than the paper its grain and faint lines may be
const KERNEL = 41; // rows and columns of the largest closing
const [FLOOR, TOP] = [0.2, 0.9]; // of a typical stroke: what is paper still, what is ink wholly
const [STRONG, PIXELS] = [0.4, 2]; // ink after a blur of 3 x 3, and how many such pixels make a row of writing
const [MARGIN, SIDE] = [
  [0.04, 1],
  [0.15, 2],
]; // shares of the ink's height, least pixels
const MAX_ASPECT = 100;

/** Grey levels, dark on light -> ink, Float32 0..1: paper, shadows and contrast taken out. */
export function normalise(grey) {
  const { data, width, height } = grey;
  const below = paper(grey, Math.max(3, Math.min(height >> 1, KERNEL)) | 1).data;
  const darker = new Float32Array(data.length);
  const candidates = new Float32Array(data.length);
  let count = 0;
  for (let k = 0; k < data.length; k++) {
    darker[k] = clip((below[k] - data[k]) / Math.max(below[k], 1), 0, 1);
    if (darker[k] > GRAIN) candidates[count++] = darker[k];
  }
  const found = candidates.slice(0, count).sort();
  const ink = picture(width, height, Float32Array);
  const peak = count >= 10 ? percentileOfSorted(found, 95) : 0;
  if (peak < 1.5 * GRAIN) return ink; // paper and its shadows, no writing
  const strokes = found.filter((x) => x > peak / 2);
  const stroke = strokes.reduce((total, x) => total + x, 0) / strokes.length;
  const floor = FLOOR * stroke;
  for (let k = 0; k < data.length; k++)
    ink.data[k] = clip((darker[k] - floor) / (TOP * stroke - floor), 0, 1);
  return ink;
}

/** The smallest box [left, top, right, bottom] around the writing, or null. */
export function inkBox(ink) {
  const { width, height } = ink;
  const smooth = blur(ink, 3).data;
  const rows = new Int32Array(height);
  const columns = new Int32Array(width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (smooth[y * width + x] > Math.fround(STRONG)) {
        rows[y]++;
        columns[x]++;
      }
    }
  }
  const enough = (n) => n >= PIXELS;
  const left = columns.findIndex(enough);
  const top = rows.findIndex(enough);
  if (left < 0 || top < 0) return null;
  return [left, top, columns.findLastIndex(enough) + 1, rows.findLastIndex(enough) + 1];
}

/** The ink without the empty paper around it, and the column at which it begins: {ink, left}. */
function cropToInk(ink) {
  const box = inkBox(ink);
  if (!box) return { ink, left: 0 };
  const [left, top, right, bottom] = box;
  const margin = Math.max(MARGIN[1], round(MARGIN[0] * (bottom - top)));
  const side = Math.max(SIDE[1], round(SIDE[0] * (bottom - top)));
  const made = picture(right - left + 2 * side, bottom - top + 2 * margin, Float32Array);
  for (let y = Math.max(0, top - margin); y < Math.min(ink.height, bottom + margin); y++) {
    const [first, last] = [Math.max(0, left - side), Math.min(ink.width, right + side)];
    const row = ink.data.subarray(y * ink.width + first, y * ink.width + last);
    made.data.set(row, (y - top + margin) * made.width + first - left + side);
  }
  return { ink: made, left: left - side };
}

/**
 * A line, grey {data: Uint8Array, width, height} -> {ink, left, scale}: ink is Float32 in steps of 1/255, 1 = ink; its
 * column x lies at column left + x / scale of the picture that was given.
 *
 * preparation: {height, width, crop} out of the model's description.
 */
export function prepare(grey, preparation) {
  const { width, height } = grey;
  const size = `${width} x ${height} pixels`;
  if (Math.min(width, height) < MIN_SIDE)
    throw new ReaderError(`${size} is too small for a line of writing.`);
  if (width * height > MAX_PIXELS)
    throw new ReaderError(`${size} is over 40 megapixels; cut the line out or scale it down.`);
  if (preparation.width !== null)
    throw new ReaderError("This page reads with models of any width; export one without --width.");
  let [shrink, given] = [1, grey];
  if (height > 3 * preparation.height) {
    const rows = 2 * preparation.height;
    shrink = rows / height;
    given = resize(grey, Math.max(MIN_SIDE, round(width * shrink)), rows, "area");
  }
  let [ink, left] = [normalise(given), 0];
  if (preparation.crop) ({ ink, left } = cropToInk(ink));
  if (ink.width > MAX_ASPECT * ink.height)
    throw new ReaderError(`${size} is too long for one line; cut it into lines first.`);
  const down = preparation.height / ink.height;
  const columns = Math.max(preparation.height >> 1, round(ink.width * down));
  const fitted = resize(ink, columns, preparation.height, down < 1 ? "area" : "linear");
  for (let k = 0; k < fitted.data.length; k++) fitted.data[k] = round(fitted.data[k] * 255) / 255;
  return { ink: fitted, left: left / shrink, scale: (columns / ink.width) * shrink };
}
