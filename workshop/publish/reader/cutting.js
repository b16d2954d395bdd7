/**
 * Found lines -> pictures of lines: level, light taken out, the ink of the neighbours left out; see
 * `htr_utils.pages.cutting`.
 */
import { frame } from "./crops.js";
import { clip, linspace, mean, percentile, round, sum } from "./numbers.js";
import { components, fillPolygon, paper, picture, resize, spread } from "./pixels.js";

const UNIT = 22; // x-height of a crop in pixels, where the page has as many
const [ABOVE, BELOW] = [2.6, 1.7]; // what a crop holds over and under the baseline, in x-heights
const WIDE = 3; // how much further a crop's neighbours are looked for, in x-heights
const [INK, GRAIN] = [0.4, 15]; // ink is what has this share of the strokes' depth, and more than grain
const [FAINT, LIFT] = [100, 4]; // strokes less deep than this are made deeper, at most so many times

/**
 * Lines of a page: a list of {crop, polygon, frame, share, peak, depth, dark}.
 *
 * share: of the core that is ink; peak: share of that ink in its fullest tenth of rows; depth: how much darker than the
 * paper the strokes are; dark: share of the core that is nearer to the darkest than to the lightest there.
 */
export function cut(grey, lines) {
  if (!lines.length) return [];
  const fit =
    UNIT /
    percentile(
      lines.map((line) => line.xHeight),
      25,
    );
  if (fit < 0.7) {
    const [width, height] = [grey.width, grey.height].map((size) => round(size * fit));
    const small = resize(grey, width, height, "area", 1 / fit);
    const share = Math.fround(fit);
    const reduced = lines.map((line) => ({
      ...line,
      baseline: line.baseline.map((point) => point.map((value) => Math.fround(value * share))),
      xHeight: line.xHeight * fit,
    }));
    return cut(small, reduced).map((one) => ({
      ...one,
      polygon: one.polygon.map((point) => point.map((value) => value / fit)),
      frame: one.frame.enlarged(1 / fit),
    }));
  }
  const cores = picture(grey.width, grey.height, Int16Array);
  lines.forEach(({ baseline, xHeight }, k) => {
    const upper = baseline.map(([x, y]) => [x, y - 0.85 * xHeight]);
    const lower = baseline.map(([x, y]) => [x, y - 0.15 * xHeight]).reverse();
    fillPolygon(
      cores,
      [...upper, ...lower].map((point) => point.map(round)),
      k + 1,
    );
  });
  return lines.map((line, k) => cutOne(grey, cores, k + 1, line));
}

function cutOne(grey, cores, number, line) {
  const scale = Math.min(1, UNIT / line.xHeight);
  const baseline = longer(line.baseline, line.xHeight);
  const place = frame(baseline, ABOVE * line.xHeight, BELOW * line.xHeight, scale);
  const wide = frame(baseline, (ABOVE + WIDE) * line.xHeight, (BELOW + WIDE) * line.xHeight, scale);
  const around = wide.cut(cores, true);
  const unit = line.xHeight * scale;
  const more = round(WIDE * unit);
  const zone = zoneOf(around, number, (ABOVE + WIDE - 0.5) * unit, unit);
  const { width, height } = place;
  const owner = around.data.subarray(more * width, (more + height) * width); // whose core a place lies in
  const base = ABOVE * unit;
  const core = [Math.max(0, round(base - 0.9 * unit)), round(base) + 1]; // rows
  const given = place.cut(grey);
  const { crop, ink, depth } = inkOf(flat(given, unit), core);
  keepOwn(crop, ink, owner, number, zone, more, core, unit);
  const [first, last] = span(owner, number, core, width);
  for (let y = 0; y < height; y++) {
    for (const [a, b] of [
      [0, first],
      [last, width],
    ]) {
      crop.data.fill(255, y * width + a, y * width + b);
      ink.data.fill(0, y * width + a, y * width + b);
    }
  }
  const bounds = [grey.width, grey.height];
  const polygon = place
    .where(outline(ink, first, last, base, unit))
    .map((point) => point.map((value, k) => clip(value, 0, bounds[k])));
  return { crop, polygon, frame: place, depth, ...looks(given, ink, first, last, core, unit) };
}

/** A baseline with one more x-height at each end. */
function longer(baseline, unit) {
  const beyond = (end, inner) => {
    const [x, y] = [end[0] - inner[0], end[1] - inner[1]];
    const size = Math.max(1e-6, Math.hypot(x, y));
    return [end[0] + (unit * x) / size, end[1] + (unit * y) / size];
  };
  return [beyond(baseline[0], baseline[1]), ...baseline, beyond(baseline.at(-1), baseline.at(-2))];
}

/** A crop divided by its paper: 255 = paper. */
function flat(crop, unit) {
  const below = paper(crop, Math.max(5, round(1.3 * unit)) | 1);
  const made = picture(crop.width, crop.height);
  made.data.set(
    crop.data.map((level, k) => Math.min(255, round((level * 255) / Math.max(1, below.data[k])))),
  );
  return made;
}

/** A flat crop with faint strokes made deeper, where its ink is (0 or 1), and how deep the strokes were. */
function inkOf(crop, core) {
  const { data, width, height } = crop;
  const depth = 255 - percentile(data.subarray(core[0] * width, core[1] * width), 4);
  const least = 255 - Math.max(GRAIN, INK * depth);
  const ink = { data: data.map((level) => (level < least ? 1 : 0)), width, height };
  const lift = Math.fround(Math.min(LIFT, FAINT / Math.max(depth, 1)));
  if (lift <= 1) return { crop, ink, depth };
  const deeper = data.map((level) =>
    Math.trunc(clip(255 - Math.fround((255 - level) * lift), 0, 255)),
  );
  return { crop: { data: deeper, width, height }, ink, depth };
}

/** The first and the last row of each column that are the line's own: half-way to the next core. */
function zoneOf(around, number, middle, unit) {
  const { data, width, height } = around;
  const at = Math.trunc(middle);
  const [top, bottom] = [picture(width, 1, Float32Array), picture(width, 1, Float32Array)];
  const foreign = (x, y) => data[y * width + x] > 0 && data[y * width + x] !== number;
  for (let x = 0; x < width; x++) {
    let up = at - 1;
    while (up >= 0 && !foreign(x, up)) up--;
    let down = at;
    while (down < height && !foreign(x, down)) down++;
    top.data[x] = up < 0 ? 0 : (up + middle - 0.4 * unit) / 2;
    bottom.data[x] = down === height ? height : (down + middle + 0.4 * unit) / 2;
  }
  const reach = 2 * round(1.5 * unit) + 1; // a gap between the neighbour's words is the neighbour's, too
  return {
    top: spread(top, reach, 1, 1).data.map((row) => Math.min(row, middle - 0.5 * unit)),
    bottom: spread(bottom, reach, 1, -1).data.map((row) => Math.max(row, middle + 0.5 * unit)),
  };
}

/**
 * Makes paper of what is not the line's own: strokes that begin in its core and meet no other core stay whole, others
 * as far as they lie in its zone.
 */
function keepOwn(crop, ink, owner, number, zone, more, core, unit) {
  const { width, height } = ink;
  const { labels, count } = components(ink, 8);
  const mine = new Uint8Array(labels.length);
  const [here, there] = [new Uint8Array(count), new Uint8Array(count)];
  const [area, own] = [new Int32Array(count), new Int32Array(count)];
  const [left, right] = [new Int32Array(count).fill(width), new Int32Array(count)];
  labels.forEach((label, at) => {
    const x = at % width;
    const y = (at - x) / width;
    mine[at] = y + more >= zone.top[x] && y + more < zone.bottom[x] ? 1 : 0;
    if (mine[at] && y >= core[0] && y < core[1]) here[label] = 1;
    if (owner[at] > 0 && owner[at] !== number) there[label] = 1;
    area[label]++;
    own[label] += mine[at];
    left[label] = Math.min(left[label], x);
    right[label] = Math.max(right[label], x);
  });
  labels.forEach((label, at) => {
    const whole = here[label] && !there[label] && right[label] - left[label] + 1 <= 12 * unit; // a rule ties all to all
    const stays = whole || (mine[at] && (here[label] || own[label] / area[label] > 0.5));
    if (ink.data[at] ? stays : mine[at]) return;
    crop.data[at] = 255;
    ink.data[at] = 0;
  });
}

/** First and last column of the line: its core's, and what goes on there, up to another line's core. */
function span(owner, number, core, width) {
  const [own, foreign] = [new Uint8Array(width), new Uint8Array(width)];
  for (let at = 0; at < owner.length; at++) {
    if (owner[at] === number) own[at % width] = 1;
    else if (owner[at] > 0 && at >= core[0] * width && at < core[1] * width)
      foreign[at % width] = 1;
  }
  const [low, high] = [own.indexOf(1), own.lastIndexOf(1)];
  if (low < 0) return [0, width];
  const before = foreign.subarray(0, low).lastIndexOf(1);
  const after = foreign.indexOf(1, high + 1);
  return [before < 0 ? 0 : (before + low) >> 1, after < 0 ? width : ((after + high) >> 1) + 1];
}

/** A polygon around the ink of a crop, never closer than its core. */
function outline({ data, width, height }, first, last, base, unit) {
  const inked = new Uint8Array(width);
  for (let at = 0; at < data.length; at++) inked[at % width] |= data[at];
  const [left, right] = [inked.indexOf(1), inked.lastIndexOf(1)]; // nothing lies outside of first and last
  const [a, b] = right < 0 ? [first, last] : [left, right + 1];
  const edges = linspace(a, b, Math.max(1, round((b - a) / (3 * unit))) + 1).map(round);
  const [tops, bottoms, xs] = [[], [], []];
  for (let k = 0; k + 1 < edges.length; k++) {
    const rows = [];
    for (let y = 0; y < height; y++) {
      if (data.subarray(y * width + edges[k], y * width + edges[k + 1]).includes(1)) rows.push(y);
    }
    xs.push((edges[k] + edges[k + 1]) / 2);
    tops.push(rows.length ? Math.min(base - unit, rows[0]) : base - unit);
    bottoms.push(rows.length ? Math.max(base, rows.at(-1) + 1) : base);
  }
  const margin = 0.1 * unit;
  const all = [a - margin, ...xs, b + margin];
  const ends = (list) => [list[0], ...list, list.at(-1)];
  const upper = ends(tops).map((y, k) => [all[k], y - margin]);
  const lower = ends(bottoms).map((y, k) => [all[k], y + margin]);
  return [...upper, ...lower.reverse()];
}

/** What tells writing from rules, blots and holes: {share, peak, dark}. */
function looks(given, ink, first, last, core, unit) {
  const { width } = ink;
  const rows = [];
  for (let y = core[0]; y < Math.min(core[1], ink.height); y++)
    rows.push(sum(ink.data.subarray(y * width, (y + 1) * width)));
  const all = Math.max(1, sum(rows));
  const fullest = [...rows].sort((a, b) => a - b).slice(-Math.max(1, Math.floor(rows.length / 10)));
  const middle = (percentile(given.data, 2) + percentile(given.data, 98)) / 2;
  const inner = [];
  for (let y = core[0]; y < Math.min(core[1], given.height); y++) {
    const row = given.data.subarray(y * width + round(unit), (y + 1) * width - round(unit));
    inner.push(...row.map((level) => (level < middle ? 1 : 0)));
  }
  return {
    share: sum(rows) / Math.max(1, (last - first) * rows.length),
    peak: sum(fullest) / all,
    dark: mean(inner),
  };
}
