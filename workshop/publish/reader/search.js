/**
 * Prefix beam search with scorers (Hannun et al. 2014, algorithm 1); see `htr_utils.text.search`. Prefixes compete by
 *
 *     log P(prefix | frames) + sum of weight * log P(prefix by a scorer) + bonus * characters
 */
import { logAdd } from "./numbers.js";

const MOST_CLASSES = 20; // of a frame
const NEVER = -Infinity;

/**
 * The frames of a line where something may happen: a list of {row, passed, likely}; passed: log P of the blanks passed
 * over before it; likely: classes that may start a prefix there, best first. Besides {after}, the blanks at the end, and
 * {kept}: frames for an alignment, where one blank stands for a stretch of them.
 */
export function livelyFrames({ data, frames, classes }, prune) {
  const [lively, kept] = [[], []];
  const surely = Math.log1p(-Math.min(10 * prune, 0.1));
  let [passed, quietBefore] = [0, false];
  for (let t = 0; t < frames; t++) {
    const row = data.subarray(t * classes, (t + 1) * classes);
    const quiet = row[0] > surely;
    if (!quiet || !quietBefore) kept.push(t);
    quietBefore = quiet;
    if (quiet) {
      passed += Math.min(row[0], -1e-300);
      continue;
    }
    const likely = [];
    for (let id = 1; id < classes; id++) if (row[id] > Math.log(prune)) likely.push(id);
    likely.sort((a, b) => row[b] - row[a]);
    lively.push({ row, passed, likely: likely.slice(0, MOST_CLASSES) });
    passed = 0;
  }
  return { lively, after: passed, kept };
}

/**
 * The best text of a line: {ids, score}.
 *
 * scorers: pairs [scorer, weight]; a scorer has start, logProb(state, id) <= 0, advance(state, id), end(state).
 * behind: a prefix worse than the best by more than this is given up. watch: told the beam after each frame.
 */
export function search({ lively, after }, scorers, { width, bonus, behind, watch }) {
  const root = { parent: null, id: 0, children: new Map() };
  let beam = [
    {
      node: root,
      both: 0,
      blank: 0,
      letter: NEVER,
      fused: 0,
      states: scorers.map(([scorer]) => scorer.start),
    },
  ];
  for (const frame of lively) {
    beam = step(beam, frame, scorers, width, bonus, behind);
    watch?.(beam);
  }
  let [best, top] = [beam[0], NEVER];
  for (const one of beam) {
    const ends = scorers.reduce(
      (total, [scorer, weight], k) => total + weight * scorer.end(one.states[k]),
      0,
    );
    const score = one.both + after + one.fused + ends;
    if (score > top) [best, top] = [one, score];
  }
  const ids = [];
  for (let node = best.node; node.parent; node = node.parent) ids.push(node.id);
  return { ids: ids.reverse(), score: top };
}

function step(beam, { row, passed, likely }, scorers, width, bonus, behind) {
  const places = new Map();
  for (const one of beam) {
    places.set(one.node, one);
    one.total = one.both + passed;
    one.afterBlank = passed < 0 ? one.total : one.blank;
    one.afterLetter = passed < 0 ? NEVER : one.letter;
    one.taken = null; // characters with which it grows into what is in the beam already
  }
  // The prefix stays: through a blank, or through its last character once more, or it grew out of its parent once more,
  // whose paths then belong to it.
  const next = [];
  let [most, least] = [NEVER, Infinity];
  for (const one of beam) {
    const { id, parent } = one.node;
    const blank = one.total + row[0];
    let letter = one.afterLetter + row[id];
    const mother = parent && places.get(parent);
    if (mother) {
      letter = logAdd(letter, (parent.id === id ? mother.afterBlank : mother.total) + row[id]);
      (mother.taken ??= new Set()).add(id);
    }
    const both = logAdd(blank, letter);
    const score = both + one.fused;
    next.push({ node: one.node, both, blank, letter, fused: one.fused, states: one.states, score });
    most = Math.max(most, score);
    least = Math.min(least, score);
  }
  let enough = Math.max(most - behind, -1e300);
  if (beam.length >= width) enough = Math.max(enough, least);

  // It grows by one of the likely classes, if that could be enough: first by the likeliest of the frame, so that what
  // is enough is known better for the others.
  for (const classes of [likely.slice(0, 1), likely.slice(1)]) {
    let reached = NEVER;
    for (const one of beam) {
      for (const id of classes) {
        if (row[id] <= enough - one.total - one.fused - bonus) break; // the others are less likely still
        if (one.taken?.has(id)) continue;
        const letter = (id === one.node.id ? one.afterBlank : one.total) + row[id];
        let fused = one.fused + bonus;
        for (let k = 0; k < scorers.length && letter + fused >= enough; k++) {
          fused += scorers[k][1] * scorers[k][0].logProb(one.states[k], id);
        }
        const score = letter + fused;
        if (!(score >= enough)) continue;
        reached = Math.max(reached, score);
        next.push({ from: one, id, both: letter, blank: NEVER, letter, fused, score });
      }
    }
    enough = Math.max(enough, reached - behind);
  }
  const kept = bestOf(next, enough, width, scorers);
  for (const one of kept) if (one.from) grow(one);
  return kept;
}

/** The prefix of a candidate that grew. */
function grow(one) {
  const parent = one.from.node;
  if (!parent.children.has(one.id))
    parent.children.set(one.id, { parent, id: one.id, children: new Map() });
  one.node = parent.children.get(one.id);
  one.from = null;
}

/** The `width` best candidates; of those that have the same future (last character, states) only the best. */
function bestOf(candidates, enough, width, scorers) {
  const futures = new Map();
  for (const one of candidates) {
    if (!(one.score >= enough)) continue;
    const id = one.from ? one.id : one.node.id;
    one.states ??= scorers.map(([scorer], k) => scorer.advance(one.from.states[k], id));
    const mark = `${id},${one.states}`;
    const other = futures.get(mark);
    if (!other || one.score > other.score) futures.set(mark, one);
  }
  const left = [...futures.values()];
  return left.length <= width ? left : left.sort((a, b) => b.score - a.score).slice(0, width);
}
