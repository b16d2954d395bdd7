/** Why the language model's reading differs from the network's: both texts weighed by the ink and by the language. */
import { logAdd } from "./numbers.js";

/** log P of a text, as ids, given the frames: all its paths added up (Graves et al. 2006, section 4.1). */
export function likelihood({ data, frames, classes }, ids) {
  const states = 2 * ids.length + 1; // blank, id, blank, id, ..., blank
  const id = (state) => (state % 2 ? ids[state >> 1] : 0);
  let alpha = new Float64Array(states).fill(-Infinity);
  alpha[0] = data[0];
  if (states > 1) alpha[1] = data[ids[0]];
  for (let t = 1; t < frames; t++) {
    const next = new Float64Array(states);
    for (let s = 0; s < states; s++) {
      let sum = alpha[s];
      if (s > 0) sum = logAdd(sum, alpha[s - 1]);
      if (s > 2 && s % 2 && id(s) !== id(s - 2)) sum = logAdd(sum, alpha[s - 2]);
      next[s] = sum + data[t * classes + id(s)];
    }
    alpha = next;
  }
  return states > 1 ? logAdd(alpha[states - 1], alpha[states - 2]) : alpha[0];
}

/** Pieces of two lists of words that differ: [[from, to), [from, to)] of each, in order. */
export function differences(a, b) {
  const longest = Array.from({ length: a.length + 1 }, () => new Int32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      longest[i][j] = a[i] === b[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const found = [];
  let [i, j, from] = [0, 0, null];
  const close = () => {
    if (from) found.push([[from[0], i], [from[1], j]]);
    from = null;
  };
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      close();
      [i, j] = [i + 1, j + 1];
      continue;
    }
    from ??= [i, j];
    if (j >= b.length || (i < a.length && longest[i + 1][j] >= longest[i][j + 1])) i++;
    else j++;
  }
  close();
  return found;
}

/**
 * {changes, rival}: each {was, now, a, b}: words, and what the whole line scores with the one and with the other:
 * {ink, words, language, bonus, sum}; rival: the nearest other text where nothing changed, else null.
 *
 * texts: greedy decoding's and the language's; rivals: other texts, best first; scorers: the word list and the model.
 */
export function reasons(logProbs, [greedy, read], rivals, { scorers, bonus }, characters) {
  const scores = (text) => {
    const ids = [...text].map((c) => characters.indexOf(c) + 1);
    const [words, language] = scorers.map(([scorer, weight]) => {
      let [total, state] = [0, scorer.start];
      for (const id of ids) {
        total += scorer.logProb(state, id);
        state = scorer.advance(state, id);
      }
      return weight * (total + scorer.end(state));
    });
    const [ink, gift] = [likelihood(logProbs, ids), bonus * ids.length];
    return { ink, words, language, bonus: gift, sum: ink + words + language + gift };
  };
  const split = (text) => (text ? text.split(" ") : []);
  const compared = (other) => {
    const [a, b] = [split(other), split(read)];
    return differences(a, b).map(([[i, j], [k, l]]) => {
      const without = [...b.slice(0, k), ...a.slice(i, j), ...b.slice(l)].join(" ");
      const around = (list, from, to) => list.slice(from, to).join(" ");
      return { was: around(a, i, j), now: around(b, k, l), a: scores(without), b: scores(read) };
    });
  };
  if (!scorers.length) return { changes: [], rival: null };
  const changes = compared(greedy);
  const other = rivals.find((text) => text !== read);
  return { changes, rival: changes.length || other === undefined ? null : compared(other)[0] ?? null };
}
