/** From pieces of lines to lines: strays go, words of one line come together; see `htr_utils.pages.joining`. */
import { clip, interpolate, mean, median } from "./numbers.js";

const [GAP, WIDE] = [5, 9]; // x-heights: a gap between words at most, and between lines that go on
const NEAR = 14; // x-heights: how near a line must be that says that a gap is one between words

const length = (line) => line.baseline.at(-1)[0] - line.baseline[0][0];
const column = (line, k) => line.baseline.map((point) => point[k]);

/** Without ascenders, descenders and accents of a longer line that were taken for lines. */
export function withoutStrays(lines) {
  const kept = [];
  for (const line of [...lines].sort((a, b) => length(b) - length(a))) {
    const x = mean(column(line, 0));
    const y = mean(column(line, 1)) - 0.5 * line.xHeight;
    const stray = kept.some((other) => {
      const high = other.xHeight;
      if (length(other) < 1.5 * length(line) || length(line) > 3.5 * high) return false;
      if (!(other.baseline[0][0] - 0.5 * high < x && x < other.baseline.at(-1)[0] + 0.5 * high))
        return false;
      const row = interpolate(x, column(other, 0), column(other, 1)) - 0.5 * high;
      const tail = line.xHeight < 0.6 * high && length(line) < 2.5 * high;
      return Math.abs(y - row) < (tail ? 3.2 : 1.5) * high;
    });
    if (!stray) kept.push(line);
  }
  return kept;
}

/** Lines put together over wide gaps between words: a gap that a line above or below crosses is no gutter. */
export function rejoined(given) {
  const lines = [...given].sort((a, b) => a.baseline[0][0] - b.baseline[0][0]);
  const slopes = lines.flatMap((line) => new Array(1 + Math.trunc(length(line))).fill(rise(line)));
  const slope = lines.length ? median(slopes) : 0;
  let k = 0;
  while (k < lines.length) {
    const one = lines[k];
    const [x, y] = one.baseline.at(-1);
    let chosen = null;
    for (let m = k + 1; m < lines.length; m++) {
      const [otherX, otherY] = lines[m].baseline[0];
      if (!(
        Math.abs(otherX - x - 3 * one.xHeight) < 8 * one.xHeight &&
        Math.abs(otherY - y) < 3 * one.xHeight
      ))
        continue;
      const cost = apart(one, lines[m], lines, slope);
      if (cost !== null && (!chosen || cost < chosen.cost)) chosen = { cost, m };
    }
    if (!chosen) {
      k++;
      continue;
    }
    const [other] = lines.splice(chosen.m, 1);
    const share = length(one) / (length(one) + length(other));
    const both = (name) => share * one[name] + (1 - share) * other[name];
    lines[k] = {
      baseline: endToEnd(one.baseline, other.baseline),
      xHeight: both("xHeight"),
      sure: both("sure"),
      printed: both("printed"),
    };
  }
  return lines;
}

/** Two baselines as one, its columns rising; where both are, the half of each. */
function endToEnd(one, other) {
  const middle = (one.at(-1)[0] + other[0][0]) / 2;
  return [...one.filter(([x]) => x < middle), ...other.filter(([x]) => x > middle)];
}

/** How far `other` goes on behind `one`, in x-heights, where both are words of one line; else null. */
function apart(one, other, lines, slope) {
  const high = (one.xHeight + other.xHeight) / 2;
  const [start, stop] = [one.baseline.at(-1), other.baseline[0]];
  const gap = stop[0] - start[0];
  if (Math.abs(one.printed - other.printed) > 0.5) return null; // a label and what is written behind it
  const overlap = Math.min(3 * high, 0.3 * length(one), 0.3 * length(other)); // letters that lean
  if (!(-Math.max(high, overlap) <= gap && gap <= WIDE * high)) return null;
  if (Math.abs(one.xHeight - other.xHeight) > 0.65 * high) return null;
  const known = 10 * high; // how much the page's slope counts for
  const steep =
    (rise(one) * length(one) + rise(other) * length(other) + slope * known) /
    (length(one) + length(other) + known);
  const ends = Math.abs(stop[1] - start[1] - steep * gap);
  const words = Math.abs(row(other, steep, high, false) - row(one, steep, high, true));
  const step = Math.min(ends, words);
  const [x, y] = [(start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2];
  const near = [NEAR * high, NEAR * high]; // above, below
  for (const line of lines) {
    if (line === one || line === other) continue;
    const [left, right] = [line.baseline[0][0] + 2 * high, line.baseline.at(-1)[0] - 2 * high];
    if (left >= Math.min(start[0], stop[0]) || right <= Math.max(start[0], stop[0])) continue;
    const away = interpolate(x, column(line, 0), column(line, 1)) - y;
    const side = away > 0 ? 1 : 0;
    near[side] = Math.min(near[side], Math.abs(away));
  }
  const nearest = Math.min(...near);
  const most = gap > -high ? 1.8 * high : 0.9 * high; // beside each other, or one over the other
  if (nearest === NEAR * high || step > Math.min(most, 0.38 * nearest)) return null;
  if (gap > GAP * high && Math.max(...near) > 7 * high) return null; // only between two lines that go on
  return (gap + 2 * step) / high;
}

/** The slope of a line from end to end. */
function rise({ baseline }) {
  const [x, y] = [0, 1].map((k) => baseline.at(-1)[k] - baseline[0][k]);
  return clip(y / Math.max(1, x), -0.3, 0.3);
}

/** The row of the words at one end of a line as it would be at column 0: a single stroke changes nothing. */
function row({ baseline }, steep, high, last) {
  const [first, end] = [baseline[0][0], baseline.at(-1)[0]];
  const part = baseline.filter(([x]) => (last ? x >= end - 8 * high : x <= first + 8 * high));
  return median(part.map(([x, y]) => y - steep * x));
}
