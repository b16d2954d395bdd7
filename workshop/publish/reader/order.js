/** Reading order: columns, facing pages, headings across them, rows of a form; see `htr_utils.pages.order`. */
import { mean, median, weightedMedian } from "./numbers.js";

const CROSSING = 0.12; // share of the lines that may cross a gutter

/** The numbers of the lines in reading order. lines: {baseline, xHeight, printed}. */
export function order(lines) {
  if (!lines.length) return [];
  const ends = lines.map(({ baseline }) => [baseline[0], baseline.at(-1)]);
  const long = ends.map(([a, b]) => Math.hypot(b[0] - a[0], b[1] - a[1]));
  const slopes = ends.map(([a, b]) => (b[1] - a[1]) / Math.max(1e-6, Math.abs(b[0] - a[0])));
  const slope = weightedMedian(slopes, long);
  const boxes = lines.map((line, k) => {
    const left = Math.min(ends[k][0][0], ends[k][1][0]);
    const right = Math.max(ends[k][0][0], ends[k][1][0]);
    const middle = median(line.baseline.map((point) => point[1])) - (slope * (left + right)) / 2;
    return {
      number: k,
      left,
      right,
      middle,
      high: line.xHeight,
      printed: line.printed > 0.5 ? 1 : 0,
    };
  });
  return cut(boxes, median(lines.map((line) => line.xHeight))).map((box) => box.number);
}

function cut(boxes, unit) {
  const gutter = boxes.length < 4 ? null : gutterOf(boxes, unit);
  if (gutter === null) return rows(boxes);
  const across = boxes.filter((box) => box.left < gutter && gutter < box.right);
  const heads = [...across].sort((a, b) => a.middle - b.middle);
  const made = [];
  let low = -Infinity;
  for (const head of [...heads, null]) {
    const high = head ? head.middle : Infinity;
    const band = boxes.filter(
      (box) => !across.includes(box) && low <= box.middle && box.middle < high,
    );
    for (const side of [
      band.filter((box) => box.right <= gutter),
      band.filter((box) => box.left >= gutter),
    ]) {
      made.push(...(side.length < boxes.length ? cut(side, unit) : rows(side)));
    }
    if (head) made.push(head);
    low = high;
  }
  return made;
}

/** The column of the widest gap that parts the lines in two blocks beside each other, or null. */
function gutterOf(boxes, unit) {
  let [best, chosen] = [-Infinity, null];
  const edges = [...new Set(boxes.flatMap((box) => [box.left, box.right]))].sort((a, b) => a - b);
  for (let k = 0; k + 1 < edges.length; k++) {
    const x = (edges[k] + edges[k + 1]) / 2;
    const cross = boxes.filter((box) => box.left < x && box.right > x).length;
    const one = boxes.filter((box) => box.right <= x);
    const other = boxes.filter((box) => box.left >= x);
    if (cross > CROSSING * boxes.length || Math.min(one.length, other.length) < 3) continue;
    const [tops, bottoms] = [one, other].reduce(
      ([t, b], side) => {
        const middles = side.map((box) => box.middle);
        return [
          [...t, Math.min(...middles)],
          [...b, Math.max(...middles)],
        ];
      },
      [[], []],
    );
    const shared = Math.min(...bottoms) - Math.max(...tops);
    const short = Math.min(bottoms[0] - tops[0], bottoms[1] - tops[1]);
    const print = [one, other].map((side) => mean(side.map((box) => box.printed)));
    if (shared < 0.5 * short || (print[0] > 0.6 && print[1] < 0.4)) continue;
    const gap =
      Math.min(...other.map((box) => box.left)) - Math.max(...one.map((box) => box.right));
    const typical = median(other.map((box) => box.left)) - median(one.map((box) => box.right));
    const worth = gap + 0.1 * typical - 10 * unit * cross; // better no line across it
    if (gap > 0.8 * unit && worth > best) [best, chosen] = [worth, x];
  }
  return chosen;
}

/** Row by row, and in a row from left to right. */
function rows(boxes) {
  const made = [];
  for (const box of [...boxes].sort((a, b) => a.middle - b.middle)) {
    const last = made.at(-1);
    const beside = last?.every((other) => box.left >= other.right || box.right <= other.left);
    const near = () =>
      box.middle - mean(last.map((other) => other.middle)) <
      0.6 * Math.min(box.high, last.at(-1).high);
    if (beside && near()) last.push(box);
    else made.push([box]);
  }
  return made.flatMap((row) => row.sort((a, b) => a.left - b.left));
}
