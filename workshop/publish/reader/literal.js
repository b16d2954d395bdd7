/** Words that no language foresees: numbers, codes, addresses, capitals; see `htr_utils.text.literal`. */
import { best } from "./ctc.js";

const SURE = 0.8; // the least confidence of a character in such a word
const MARKS = /\p{Nd}|[@/\\+=_<>[\]{}|%]|[\p{L}\p{N}_][.:(][\p{L}\p{N}_]/u;

/** Whether a word between spaces is a number, a code, an address or a word in capitals. */
export function isLiteral(word) {
  const bare = word.replace(/^[.,;:!?"'()-]+|[.,;:!?"'()-]+$/g, "");
  return (
    MARKS.test(word) ||
    (/^\p{L}{2,}$/u.test(bare) && bare === bare.toUpperCase() && bare !== bare.toLowerCase())
  );
}

/** The frames with those of sure literal words fixed: each says what its best class is and nothing else. */
export function fixed(logProbs, greedy, characters) {
  const text = greedy.ids.map((id) => characters[id - 1]).join("");
  let { data } = logProbs;
  const { frames, classes } = logProbs;
  for (const match of text.matchAll(/\S+/g)) {
    const [first, end] = [match.index, match.index + match[0].length];
    if (!isLiteral(match[0]) || Math.min(...greedy.confidences.slice(first, end)) < SURE) continue;
    if (data === logProbs.data) data = data.slice();
    const begin = first ? greedy.places[first - 1] : 0;
    const after = end < text.length ? greedy.places[end] + 1 : frames;
    for (let t = begin; t < after; t++) {
      data.fill(-Infinity, t * classes, (t + 1) * classes);
      data[t * classes + best(logProbs, t)] = 0;
    }
  }
  return { data, frames, classes };
}
