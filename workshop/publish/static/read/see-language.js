/** The language model changing its mind: which words, and how ink and language weigh both. */
import { make } from "./make.js";
import { NAMES } from "./names.js";
import { scroller } from "./strip.js";

/** How much likelier the first is than the second, by the difference of their logarithms. */
function times(x, first, second) {
  const factor = Math.exp(Math.abs(x));
  if (factor < 1.1) return `finds ${first} and ${second} about as likely`;
  if (factor >= 1e6) return `finds ${first} more than a million times as likely as ${second}`;
  const shown = factor < 10 ? factor.toFixed(1) : Number(factor.toPrecision(2)).toLocaleString("en");
  return `finds ${first} ${shown} times as likely as ${second}`;
}

const quoted = (words) => (words ? `“${words}”` : "nothing");
const minus = (number) => number.toFixed(1).replace("-", "−");

function weighed({ was, now, a, b }, { rival }) {
  const ink = b.ink - a.ink;
  const speech = b.sum - b.ink - (a.sum - a.ink);
  const said = (who, x) => `${who} ${times(x, ...(x >= 0 ? [now, was] : [was, now]).map(quoted))}.`;
  const parts = [["the ink: log P(text | frames)", "ink"], ["the word list", "words"], ["the language model", "language"],
    ["a gift for each character", "bonus"], ["together", "sum"]];
  const table = make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "the whole line with"),
    make("th", { scope: "col" }, quoted(was)), make("th", { scope: "col" }, quoted(now)))),
  make("tbody", {}, ...parts.map(([words, key]) => make("tr", { class: key }, make("th", { scope: "row" }, words),
    make("td", { class: "number" }, minus(a[key])), make("td", { class: "number" }, minus(b[key]))))));
  const wins = b.sum >= a.sum;
  return make("section", {},
    make("h3", {}, rival ? `${quoted(now)} stayed; the nearest other reading is ${quoted(was)}` : `${quoted(was)} became ${quoted(now)}`),
    make("p", {}, said("The ink", ink), " ", said("The language", speech), " ",
      wins ? `Both together: ${quoted(now)}.` : `Added up exactly, ${quoted(was)} would win; the search had given it up before.`),
    scroller("Scores, scrolls sideways", table));
}

export async function view(see) {
  if (see.language === "none") {
    return make("p", {}, "No language model is in use: the text is as the network read it. Choose a language below the lines, and look again.");
  }
  const { changes, rival } = await see.ask("reasons", { logProbs: see.logProbs, language: see.language });
  const name = NAMES[see.language];
  const count = ["", "one place", "two places", "three places"][changes.length] ?? `${changes.length} places`;
  const parts = changes.map((one) => weighed(one, { rival: false }));
  if (rival) parts.push(weighed(rival, { rival: true }));
  return make("div", {},
    make("p", {}, `The network knows letters, not words. The ${name} language model knows which letters follow each other in ${name}, and a word list knows its words. `,
      "The reader asks both: how well does the ink fit this text, and how usual is it? ",
      changes.length ? `In this line they changed ${count}.` : "In this line they changed nothing."),
    ...parts,
    make("p", { class: "quiet" }, "Scores are logarithms; the higher sum wins. The language model takes more from a long text than from a short one, so each character gets a gift that makes up for it. Numbers, codes and words in capitals that the network is sure of stay as it read them."));
}
