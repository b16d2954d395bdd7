/** Where a page's lines are: what is made of the network's maps; see `htr_utils.pages.finder`. Lengths are in x-heights. */
import { rejoined, withoutStrays } from "./joining.js";
import { WORK, maps } from "./maps.js";
import {
  argsort,
  clip,
  interpolate,
  linspace,
  mean,
  median,
  percentileOfSorted,
  round,
  runningMean,
  sum,
} from "./numbers.js";
import { components, turned } from "./pixels.js";

const USUAL = [7, 22]; // x-heights in pixels at the working size that need no second look
const FEW = 9; // lines: what large writing may be the reason of
const LONG = 4; // a line longer than this many x-heights is more than a letter or two
const [LEVEL, END, MIDDLE] = [0.5, 0.5, 0.85];
const LEAST = 3; // pixels of the picture: an x-height that nobody can read
const SURE = 0.74; // mean of the core's map in a line; letters' heads and blots have less

const length = (line) => line.baseline.at(-1)[0] - line.baseline[0][0];

/** Whether a page holds more lines when it is turned by a quarter. seen: its maps. */
export async function liesOnItsSide(grey, seen, network) {
  const above = (plane) => plane.reduce((count, value) => count + (value > 0.5), 0);
  const lines = linesOf(seen);
  if (lines.length && above(seen.turned) < 0.5 * above(seen.core) && !inPieces(lines)) return false;
  const other = linesOf(await maps(turned(grey, 1), network));
  return merit(other) > 1.2 * merit(lines);
}

/** The lines of an upright page, in no order: {baseline: [[x, y], ...], xHeight, sure, printed}, pixels of the page. */
export async function findLines(grey, seen, network) {
  let lines = linesOf(seen);
  if (!lines.length) return lines;
  const usual = (usualHeight(lines) * WORK) / Math.max(grey.width, grey.height);
  const side = usual < USUAL[0] ? WORK * Math.min(1.8, 12 / usual) : WORK / 2;
  if (usual < USUAL[0] || usual > USUAL[1] || lines.length < FEW || inPieces(lines)) {
    const again = linesOf(await maps(grey, network, 32 * round(side / 32)));
    if (merit(again) > 1.05 * merit(lines)) lines = again;
  }
  return lines.filter((line) => line.xHeight >= LEAST);
}

function usualHeight(lines) {
  const by = argsort(lines.map((line) => line.xHeight)).map((k) => lines[k]);
  const half = sum(by.map(length)) / 2;
  let total = 0;
  return by.find((line) => (total += length(line)) >= half).xHeight;
}

/** Whether much of what was found are single letters: the page may be turned, or its writing large. */
function inPieces(lines) {
  const short = lines.filter((line) => length(line) < LONG * line.xHeight);
  return sum(short.map(length)) > 0.1 * sum(lines.map(length));
}

/** How much was found: the length of all lines longer than a few letters, each as far as it is sure. */
function merit(lines) {
  return sum(
    lines.map((line) => (length(line) > LONG * line.xHeight ? length(line) * line.sure : 0)),
  );
}

const usualThickness = (pieces) =>
  median(pieces.flatMap((piece) => new Array(piece.x.length).fill(piece.thick)));

/** The lines that the maps show. */
export function linesOf(seen) {
  const pieces = joined(cutPieces(seen), seen);
  if (!pieces.length) return [];
  const usual = usualThickness(pieces);
  const lines = [];
  for (const piece of pieces) {
    const [first, last] = [piece.x[0], piece.x.at(-1)];
    const long = last - first + 1;
    const small = piece.thick < 0.62 * usual;
    if (long < 0.9 * usual || piece.sure < SURE || (small && long < 8 * usual)) continue;
    const xHeight = Math.max(1, piece.thick - 1) / 0.8; // the maps were drawn with their border
    const knots = linspace(first, last, Math.max(2, round(long / (3 * xHeight)) + 1));
    const smooth = smoothed(piece, Math.max(3, round(3 * xHeight)));
    const step = Math.fround(seen.step);
    const baseline = knots.map((x) => {
      const y = interpolate(x, piece.x, smooth) + 0.5 * xHeight;
      return [x + 0.5, y + 0.5].map((value) => Math.fround(Math.fround(value) * step));
    });
    lines.push({
      baseline,
      xHeight: xHeight * seen.step,
      sure: piece.sure,
      printed: piece.printed,
    });
  }
  return rejoined(withoutStrays(lines));
}

/** The middle rows at the piece's columns, each a mean over `reach` columns on either side, the ends continued straight. */
function smoothed(piece, reach) {
  const first = piece.x[0];
  const columns = Array.from({ length: piece.x.at(-1) - first + 1 }, (_, k) => first + k);
  const y = columns.map((x) => interpolate(x, piece.x, piece.y));
  const far = Math.min(reach, y.length - 1);
  if (far < 1) return y;
  const last = y.length - 1;
  const before = y
    .slice(1, far + 1)
    .reverse()
    .map((value) => 2 * y[0] - value);
  const after = y
    .slice(last - far, last)
    .reverse()
    .map((value) => 2 * y[last] - value);
  const smooth = runningMean([...before, ...y, ...after], 2 * far + 1);
  return piece.x.map((x) => smooth[x - first]);
}

/** Components of the core, cut where the ends of lines are: {x, y, thick, sure, printed, most}. */
function cutPieces(seen) {
  const { core, ends } = seen;
  const inCore = core.map(
    (value, k) => value > LEVEL && ends[k] < Math.max(END, Math.fround(value * Math.fround(0.8))),
  );
  const { pieces, places } = pieceComponents(inCore, seen);
  if (!pieces.length) return pieces;
  const usual = usualThickness(pieces);
  const area = sum(inCore);
  const sure = sum(inCore.map((inside, k) => inside && core[k] > MIDDLE));
  const widen = Math.min(2, area / Math.max(1, sure)); // a line's middle -> its core
  return pieces.flatMap((piece, k) => {
    if (piece.most < 1.7 * usual) return [piece];
    const middle = new Uint8Array(core.length); // two lines that touch: their middles do not
    for (const at of places[k]) middle[at] = core[at] > MIDDLE;
    const middles = pieceComponents(middle, seen).pieces;
    for (const one of middles) one.thick *= widen;
    return middles;
  });
}

function pieceComponents(inside, seen) {
  const { width, height } = seen;
  const { labels, count } = components({ data: inside, width, height }, 4);
  const all = Array.from({ length: count }, () => []);
  labels.forEach((label, at) => label && all[label].push(at));
  const [pieces, places] = [[], []];
  for (const one of all) {
    if (one.length < 6) continue;
    const columns = new Map(); // column -> [places in it, sum of their rows]
    for (const at of one) {
      const x = at % width;
      const now = columns.get(x) ?? [0, 0];
      columns.set(x, [now[0] + 1, now[1] + (at - x) / width]);
    }
    const x = [...columns.keys()].sort((a, b) => a - b);
    const here = x.map((column) => columns.get(column)[0]);
    const middle = x.map((column) => columns.get(column)[1] / columns.get(column)[0]);
    const sorted = Float64Array.from(here).sort();
    const [thick, most] = [percentileOfSorted(sorted, 50), percentileOfSorted(sorted, 90)];
    const full = [...x.keys()].filter((k) => here[k] >= 0.6 * thick); // not the slanting ends
    const [fullX, fullY] = [full.map((k) => x[k]), full.map((k) => middle[k])];
    const y = x.map((column) => interpolate(column, fullX, fullY));
    const sure = mean(one.map((at) => seen.core[at]));
    const printed = mean(one.map((at) => (seen.printed[at] > 0.5 ? 1 : 0)));
    pieces.push({ x, y, thick, sure, printed, most });
    places.push(one);
  }
  return { pieces, places };
}

/** Column and row of one end of a piece, and the slope of the stretch before it: [x, y, rise]. */
function slope(piece, right) {
  const many = Math.max(4, round(5 * piece.thick));
  const part = right ? [-many] : [0, many];
  const [x, y] = [piece.x.slice(...part), piece.y.slice(...part)];
  const [middleX, middleY] = [mean(x), mean(y)];
  let rise = 0;
  if (x.at(-1) - x[0] > 3 * piece.thick) {
    const across = sum(x.map((value, k) => (value - middleX) * (y[k] - middleY)));
    rise = across / sum(x.map((value) => (value - middleX) ** 2));
  }
  rise = clip(rise, -0.35, 0.35);
  const at = right ? x.at(-1) : x[0];
  return [at, middleY + rise * (at - middleX), rise];
}

/** Pieces joined along the line: each right end with the left end that continues it best. */
function joined(pieces, seen) {
  if (!pieces.length) return [];
  const cell = Math.max(4, 4 * median(pieces.map((piece) => piece.thick)));
  const lefts = pieces.map((piece) => slope(piece, false));
  const rights = pieces.map((piece) => slope(piece, true));
  const near = new Map();
  const box = (x, y) => `${Math.floor(x / cell)},${Math.floor(y / cell)}`;
  lefts.forEach(([x, y], k) => near.set(box(x, y), [...(near.get(box(x, y)) ?? []), k]));
  const offers = [];
  rights.forEach((right, one) => {
    const [x, y] = right;
    const reach = 5 * pieces[one].thick;
    for (
      let column = Math.floor((x - reach / 2) / cell);
      column <= Math.floor((x + reach) / cell);
      column++
    ) {
      for (
        let row = Math.floor((y - reach / 3) / cell);
        row <= Math.floor((y + reach / 3) / cell);
        row++
      ) {
        for (const other of near.get(`${column},${row}`) ?? []) {
          if (other === one) continue;
          const offer = price(pieces[one], right, pieces[other], lefts[other], seen);
          if (offer) offers.push({ ...offer, one, other });
        }
      }
    }
  });
  const [after, before] = [new Map(), new Map()];
  const head = (k) => (before.has(k) ? head(before.get(k)) : k);
  for (const { one, other } of withoutGutters(offers, pieces)) {
    if (after.has(one) || before.has(other) || head(one) === other) continue;
    after.set(one, other);
    before.set(other, one);
  }
  const made = [];
  for (let k = 0; k < pieces.length; k++) {
    if (before.has(k)) continue;
    const chain = [k];
    while (after.has(chain.at(-1))) chain.push(after.get(chain.at(-1)));
    made.push(merged(chain.map((one) => pieces[one])));
  }
  return made;
}

/** The offers, best first, but for those under each other where three or more lines seem to end. */
function withoutGutters(offers, pieces) {
  const end = ({ one }) => pieces[one].x.at(-1);
  const ends = offers
    .filter((offer) => offer.end > 0.5)
    .map((offer) => [end(offer), pieces[offer.one].thick]);
  return offers
    .filter(
      (offer) =>
        offer.end < 0.4 ||
        ends.filter(([x, thick]) => Math.abs(x - end(offer)) < 1.5 * thick).length < 3,
    )
    .sort((a, b) => a.cost - b.cost || a.one - b.one || a.other - b.other);
}

/**
 * What it costs to take `other` for the continuation of `one`, in x-heights, and how much the map of ends is against
 * it: {cost, end}; null: it is none.
 */
function price(one, right, other, left, seen) {
  const thick = (one.thick + other.thick) / 2;
  const gap = left[0] - right[0];
  const step = Math.abs(left[1] - right[1] - ((right[2] + left[2]) / 2) * gap);
  const alike = Math.max(one.thick, other.thick) / Math.min(one.thick, other.thick);
  if (Math.abs(one.printed - other.printed) > 0.5) return null;
  if (gap < -1.2 * thick || gap > 5 * thick || step > 0.85 * thick || alike > 2.5) return null;
  if (other.x.at(-1) <= one.x.at(-1) || other.x[0] <= one.x[0]) return null;
  const end = Math.min(endAt(seen, right, 1, thick), endAt(seen, left, -1, thick));
  if (gap > thick * (5 - 4.3 * end)) return null;
  return { cost: Math.max(gap, 0) / thick + (2 * step) / thick + 2 * end, end };
}

/** How much of an end the map shows just outside the end of a piece. */
function endAt({ ends, width, height }, [x, y], side, thick) {
  const xs = [x - 0.3 * side * thick, x + side * (thick + 1)].sort((a, b) => a - b);
  const [left, right] = [
    Math.max(0, Math.trunc(xs[0])),
    Math.min(width, Math.max(0, Math.trunc(xs[1])) + 1),
  ];
  const top = Math.max(0, Math.trunc(y - 0.5 * thick));
  const bottom = Math.min(height, Math.max(0, Math.trunc(y + 0.5 * thick + 1)) + 1);
  let most = 0;
  for (let column = left; column < right && bottom > top; column++) {
    let total = 0;
    for (let row = top; row < bottom; row++) total += ends[row * width + column];
    most = Math.max(most, total / (bottom - top));
  }
  return most;
}

function merged(chain) {
  if (chain.length === 1) return chain[0];
  const all = sum(chain.map((piece) => piece.x.length));
  const rows = new Map(); // column -> row; the first piece that has a column decides
  for (const piece of chain) piece.x.forEach((x, k) => rows.has(x) || rows.set(x, piece.y[k]));
  const x = [...rows.keys()].sort((a, b) => a - b);
  const made = { x, y: x.map((column) => rows.get(column)) };
  for (const name of ["thick", "sure", "printed"])
    made[name] = sum(chain.map((piece) => (piece[name] * piece.x.length) / all));
  return made;
}
