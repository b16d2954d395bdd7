/**
 * Prefix beam search written out plainly, as in the chapter "Decoding", with all that happens in it: what search.js does
 * faster, without its short cuts. With no scorers it is `htr_utils.text.decoding.beam`.
 */
import { logAdd } from "./numbers.js";

const NEVER = -Infinity;
const FELT = Math.log(0.01); // a share that one of two ways adds at least, to speak of merging

const lastOf = (ids) => (ids.length ? ids[ids.length - 1] : 0);

/**
 * {steps, final}. steps: one a frame, {kept, lost}: the `width` best prefixes, best first, and those that fell out.
 *
 * A prefix: {ids, blank, letter, fused, score, how, ways}. blank, letter: log P of its paths that end in a blank, in its
 * last character; fused: what the scorers and the bonus add; score: the sum of all. how: "stayed", "grew" or "merged":
 * it stayed and grew out of the prefix before it, too; ways: the log P of both. final: the same with the scorers' word
 * on the end of the line.
 */
export function trace({ data, frames, classes }, { width, scorers = [], bonus = 0 }) {
  const states = scorers.map(([scorer]) => scorer.start);
  let beam = [{ ids: [], key: "", blank: 0, letter: NEVER, fused: 0, states, score: 0 }];
  const steps = [];
  for (let t = 0; t < frames; t++) {
    const next = step(beam, data.subarray(t * classes, (t + 1) * classes), width, scorers, bonus);
    const there = new Set(next.map(({ key }) => key));
    steps.push({ kept: next.map(plain), lost: beam.filter(({ key }) => !there.has(key)).map(plain) });
    beam = next;
  }
  const ended = beam.map((one) => {
    const ends = scorers.reduce((sum, [scorer, weight], k) => sum + weight * scorer.end(one.states[k]), 0);
    return { ...plain(one), fused: one.fused + ends, score: one.score + ends };
  });
  return { steps, final: ended.sort((a, b) => b.score - a.score) };
}

const plain = ({ ids, blank, letter, fused, score, how, ways }) => ({ ids, blank, letter, fused, score, how, ways });

function step(beam, row, width, scorers, bonus) {
  const places = new Map(beam.map((one) => [one.key, one]));
  const taken = new Set(); // growths that lead to a prefix which is in the beam already
  const all = beam.map((one) => {
    const { ids, key, fused, states } = one;
    const last = lastOf(ids);
    const both = logAdd(one.blank, one.letter);
    const blank = both + row[0];
    let letter = one.letter + row[last];
    const stays = logAdd(blank, letter);
    let [how, ways] = ["stayed", null];
    const parent = ids.length ? places.get(keyOf(ids.slice(0, -1))) : null;
    if (parent) {
      const before = lastOf(parent.ids) === last ? parent.blank : logAdd(parent.blank, parent.letter);
      const grows = before + row[last];
      taken.add(key);
      letter = logAdd(letter, grows);
      const sum = logAdd(stays, grows);
      if (Math.min(stays, grows) - sum > FELT) [how, ways] = ["merged", [stays, grows]];
    }
    return { ids, key, blank, letter, fused, states, how, ways, score: logAdd(blank, letter) + fused };
  });
  // What grows below this cannot stay in a full beam, since scorers only take away.
  const least = all.length < width ? NEVER : Math.min(...all.map(({ score }) => score));
  for (const one of beam) {
    const [last, both] = [lastOf(one.ids), logAdd(one.blank, one.letter)];
    for (let id = 1; id < row.length; id++) {
      const letter = (id === last ? one.blank : both) + row[id];
      if (letter === NEVER || letter + one.fused + bonus < least) continue;
      const ids = [...one.ids, id];
      const key = keyOf(ids);
      if (taken.has(key)) continue;
      const fused = scorers.reduce(
        (sum, [scorer, weight], k) => sum + weight * scorer.logProb(one.states[k], id),
        one.fused + bonus,
      );
      all.push({ ids, key, blank: NEVER, letter, fused, how: "grew", ways: null, from: one, score: letter + fused });
    }
  }
  const kept = all.sort((a, b) => b.score - a.score).slice(0, width);
  for (const one of kept) one.states ??= scorers.map(([scorer], k) => scorer.advance(one.from.states[k], lastOf(one.ids)));
  return kept.map(({ from, ...one }) => one);
}

const keyOf = (ids) => String.fromCharCode(...ids);
