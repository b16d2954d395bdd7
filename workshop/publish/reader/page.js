/** A photo or scan -> an upright page, dark on light, and its lines in reading order; see `htr_utils.pages`. */
import { frame } from "./crops.js";
import { cut } from "./cutting.js";
import { ReaderError } from "./errors.js";
import { findLines, liesOnItsSide } from "./finder.js";
import { maps } from "./maps.js";
import { mean, median, weightedMedian } from "./numbers.js";
import { order } from "./order.js";
import { blur, picture, turned } from "./pixels.js";
import { MAX_PIXELS, MIN_SIDE } from "./prepare.js";

const SMALL = 5; // pixels of an x-height that can hardly be read
const FAINT = 30; // how much darker than the paper strokes are that can hardly be read, 0 to 255

const length = (line) => line.baseline.at(-1)[0] - line.baseline[0][0];
const longest = (lines, count) =>
  [...lines].sort((a, b) => length(b) / b.xHeight - length(a) / a.xHeight).slice(0, count);

/** Checks the size of a picture. */
export function check({ width, height }) {
  if (Math.min(width, height) < MIN_SIDE)
    throw new ReaderError(`${width} x ${height} pixels is too small for a page of writing.`);
  if (width * height > MAX_PIXELS)
    throw new ReaderError(`${width} x ${height} pixels is over 40 megapixels; scale it down.`);
}

/**
 * A page, upright: {image, lines, notes}; each line {polygon, box, crop, printed, where}: polygon and box in pixels of
 * the given picture; where: points of the crop as points of the given picture.
 *
 * judge: tells of crops how well each can be read, 0 to 1; asked which way up the page is.
 */
export async function findPage(grey, network, judge = null) {
  check(grey);
  const notes = [];
  const seen = await maps(grey, network);
  let turns = (await liesOnItsSide(grey, seen, network)) ? 1 : 0;
  let upright = turned(grey, turns);
  let lines = await findLines(upright, turns ? await maps(upright, network) : seen, network);
  if (lines.length && lightOnDark(upright, lines)) {
    upright = { ...upright, data: upright.data.map((level) => 255 - level) };
    notes.push("light ink on a dark ground: turned to dark on light");
  }
  if (lines.length && judge && (await upsideDown(upright, lines, judge))) {
    turns += 2;
    upright = turned(upright, 2);
    lines = await findLines(upright, await maps(upright, network), network);
  }
  if (turns % 4) notes.push(`turned by ${90 * (turns % 4)} degrees to stand upright`);
  const { made, faint } = pageLines(upright, lines, turnBack(turns % 4, grey), grey);
  return { image: upright, lines: made, notes: [...notes, ...warnings(lines, made, faint)] };
}

/** Whether in most of the longest lines what differs most from its surroundings is lighter than they. */
function lightOnDark(grey, lines) {
  let votes = 0;
  for (const { baseline, xHeight } of longest(lines, 9)) {
    const cell = frame(baseline, 1.5 * xHeight, 0.5 * xHeight).cut(grey);
    const levels = picture(cell.width, cell.height, Float32Array);
    levels.data.set(cell.data);
    const around = blur(levels, Math.round(3 * xHeight) | 1).data; // shadow is no ink
    votes +=
      levels.data.reduce((total, level, k) => total + (level - around[k]) ** 3, 0) > 0 ? 1 : -1;
  }
  return votes > 0;
}

/** Whether a few lines can be read better when they are turned by 180 degrees. */
async function upsideDown(grey, lines, judge) {
  const crops = cut(grey, longest(lines, 5)).map((one) => one.crop);
  const sure = await judge([...crops, ...crops.map((crop) => turned(crop, 2))]);
  return mean(sure.slice(crops.length)) > mean(sure.slice(0, crops.length)) + 0.1;
}

/** From a point of the picture turned `turns` quarters counter-clockwise to that of the given one. */
function turnBack(turns, { width, height }) {
  return [
    ([x, y]) => [x, y],
    ([x, y]) => [width - y, x],
    ([x, y]) => [width - x, height - y],
    ([x, y]) => [y, height - x],
  ][turns];
}

/** A number as files say it: in hundredths. */
const hundredths = (value) => Math.round(value * 100) / 100;

function pageLines(grey, found, back, { width, height }) {
  const lines = found.map((line) => ({
    ...line,
    xHeight: hundredths(line.xHeight),
    baseline: line.baseline.map((point) => point.map((value) => Math.fround(hundredths(value)))),
  }));
  const cuts = cut(grey, lines);
  const usual = cuts.length
    ? weightedMedian(
        cuts.map((one) => one.depth),
        lines.map(length),
      )
    : 0; // of half of all writing
  const chosen = lines.filter((line, k) => isWriting({ ...cuts[k], ...line }, usual));
  const anew = chosen.length < lines.length ? cut(grey, chosen) : cuts; // rules take no ink away
  const good = chosen.map((line, k) => ({ ...anew[k], ...line }));
  const made = order(good).map((k) => {
    const { crop, frame, printed } = good[k];
    const polygon = good[k].polygon
      .map(back)
      .map(([x, y]) => [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)]);
    return {
      polygon,
      box: boxOf(polygon, width, height),
      crop,
      printed: printed > 0.5,
      frame,
      where: (points) => frame.where(points).map(back),
    };
  });
  return { made, faint: good.length > 0 && median(good.map((one) => one.depth)) < FAINT };
}

/** [x, y, width, height] around a polygon, whole pixels. */
function boxOf(polygon, width, height) {
  const [xs, ys] = [0, 1].map((k) => polygon.map((point) => point[k]));
  const left = Math.min(Math.floor(Math.min(...xs)), width - 1);
  const top = Math.min(Math.floor(Math.min(...ys)), height - 1);
  const right = Math.max(Math.ceil(Math.max(...xs)), left + 1);
  const bottom = Math.max(Math.ceil(Math.max(...ys)), top + 1);
  return [left, top, right - left, bottom - top];
}

/** Whether a crop holds letters: no rule, no blot, no crease. Less dark than the rest is what is sure. */
function isWriting(one, usual) {
  const clear = one.depth > 0.5 * usual || (length(one) > 5 * one.xHeight && one.sure > 0.82);
  const hole = one.dark > 0.47 && length(one) < 5 * one.xHeight;
  return clear && one.share > 0.02 && one.share < 0.65 && one.peak < 0.75 && !hole;
}

/** What stands in the way of reading well, a sentence each. */
function warnings(lines, made, faint) {
  if (!made.length) return ["no line of writing found: empty, or too far away"];
  const notes = [];
  const small = median(lines.map((line) => line.xHeight));
  if (small < SMALL)
    notes.push(`too small: about ${small.toFixed(0)} pixels a letter; photograph it closer`);
  if (faint) notes.push("faint: darker ink or more light helps");
  if (made.filter((line) => line.printed).length > 0.8 * made.length)
    notes.push("this looks printed: a program for print reads it better");
  return notes;
}

/** A picture that is one line, as a page of one line: nothing is changed. */
export function whole(grey) {
  const { width, height } = grey;
  const polygon = [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
  ];
  const line = {
    polygon,
    box: [0, 0, width, height],
    crop: grey,
    printed: false,
    frame: null,
    where: (points) => points,
  };
  return { image: grey, lines: [line], notes: [] };
}

/** Whether a picture holds one line of writing rather than a page. */
export function isLine({ width, height }, page) {
  if (!page.lines.length) return width > 1.5 * height;
  const weights = page.lines
    .map((line) => line.crop.data.reduce((total, level) => total + 255 - level, 0))
    .sort((a, b) => b - a);
  if (
    weights.length > 1 &&
    (weights[1] > 0.3 * weights[0] || width < 2 * height) &&
    !broken(page.lines)
  )
    return false;
  return Math.max(...page.lines.map((line) => line.crop.height)) > 0.3 * height;
}

/** Whether these are pieces of one line, as a word or two may give: each shares many rows with the next. */
function broken(lines) {
  const spans = lines
    .map(({ box }) => [box[1], box[1] + box[3]])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return (
    lines.length <= 3 &&
    spans.slice(1).every((b, k) => {
      const a = spans[k];
      return Math.min(a[1], b[1]) - b[0] > 0.3 * Math.min(a[1] - a[0], b[1] - b[0]);
    })
  );
}
