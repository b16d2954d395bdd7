/** Trains the small network beside the page; tells a moment of the training after every few steps. */
import { greedy } from "../reader/ctc.js";
import { Network, random } from "./network.js";
import { textOf, words } from "./words.js";

const [BATCH, RATE] = [32, 4e-3]; // as in the chapter; the rate falls along a straight line to a twentieth
const OWN = 4; // of a batch, where the visitor gave words to learn from

/** Letters wrong, missing or too many. */
function edits(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, k) => k);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row.at(-1);
}

/** Reads words: [{text, strip}], strip as the recorded run has it. */
function look(network, some) {
  const made = [];
  for (let at = 0; at < some.length; at += BATCH) {
    const part = some.slice(at, at + BATCH);
    network.forward(Array.from({ length: BATCH }, (_, b) => (part[b] ?? part[0]).ink), false);
    part.forEach((_, b) => {
      const rows = network.logProbs(b);
      const strip = Array.from(rows.data, (p) => Math.round(15 * Math.exp(p)).toString(16)).join("");
      made.push({ text: textOf(greedy(rows).ids), strip });
    });
  }
  return made;
}

/** shown: the unseen words that are shown, [first, end]; own: words of the visitor, [{ink, ids}], ids null to be read alone. */
async function train({ steps, every, seed, shown, own }) {
  const { train: given, validation } = await words();
  const network = await Network.load(BATCH, seed);
  const draw = random(seed + 1);
  const pick = (list) => list[Math.floor(draw() * list.length)];
  const learnt = own.filter(({ ids }) => ids);
  const letters = validation.reduce((sum, { text }) => sum + text.length, 0);
  for (let step = 0; step <= steps; step++) {
    if (step % every === 0 || step === steps) {
      const all = look(network, [...validation, ...own]);
      const wrong = validation.reduce((sum, { text }, k) => sum + edits(all[k].text, text), 0);
      const seen = [...all.slice(...shown), ...all.slice(validation.length)];
      postMessage({ step, error: (100 * wrong) / letters, texts: seen.map((one) => one.text), strips: seen.map((one) => one.strip) });
    }
    if (step === steps) break;
    const some = Array.from({ length: BATCH }, (_, b) => pick(b < OWN && learnt.length ? learnt : given));
    network.forward(some.map(({ ink }) => ink), true);
    network.loss(some.map(({ ids }) => ids));
    network.backward();
    network.step(RATE * Math.max(0.05, 1 - step / steps));
  }
}

addEventListener("message", ({ data }) => train(data).catch((error) => postMessage({ failed: error.message })));
