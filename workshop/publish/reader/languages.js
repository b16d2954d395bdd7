/** Which language is this? The one whose letter triples foresee the text best; see `htr_utils.text.languages`. */
import { mean } from "./numbers.js";

const STEP = 16; // a stored 1 is 1 / 16 bit
const CLEAR = 10; // bits by which another language must be better than the usual one
const [PLAIN, PER_DOUBT, BY_CHANCE] = [3.45, 7, 4];

/** Letters without their case, the space, the apostrophe, "any digit", "any other character": one number each. */
function symbols(characters) {
  const low = [...characters].map((c) => {
    if (/\p{L}/u.test(c)) return c.toLowerCase();
    if (/\p{Nd}/u.test(c)) return "0";
    return " '".includes(c) ? c : ".";
  });
  const kinds = [...new Set([" ", ...low])].sort();
  return {
    of: new Map([...characters].map((c, k) => [c, kinds.indexOf(low[k])])),
    many: kinds.length,
  };
}

/**
 * The language that foresees the lines of a page best, or "none": a program, sums, names.
 *
 * lines: {text, confidences} as greedy decoding reads them. profiles: {name: Uint8Array (symbols ** 3)}.
 */
export function languageOf(lines, profiles, characters, usual = "en") {
  const { of, many } = symbols(characters);
  const bits = Object.fromEntries(Object.keys(profiles).map((name) => [name, 0]));
  let [count, letters, sure] = [0, 0, 0];
  for (const { text, confidences } of lines) {
    if (!text.trim()) continue;
    const row = [...` ${text.trim()} `].map((c) => of.get(c));
    for (let k = 2; k < row.length; k++) {
      const place = (row[k - 2] * many + row[k - 1]) * many + row[k];
      for (const [name, profile] of Object.entries(profiles)) bits[name] += profile[place] / STEP;
    }
    count += row.length - 2;
    letters += [...text.trim()].filter((c) => c === " " || /\p{L}/u.test(c)).length;
    sure += mean(confidences) * (row.length - 2);
  }
  const names = Object.keys(profiles);
  if (!count) return names.includes(usual) ? usual : "none";
  if (!names.length || letters < count / 2) return "none";
  let best = names.reduce((a, b) => (bits[b] < bits[a] ? b : a));
  if ((bits[usual] ?? Infinity) - bits[best] < CLEAR) best = usual;
  const strange = PLAIN + PER_DOUBT * (1 - sure / count) + BY_CHANCE / Math.sqrt(count);
  return bits[best] / count < strange ? best : "none";
}
