/** The beam: the best beginnings of a text after each frame, how they grow and merge, with the language model or without. */
import { logAdd } from "../reader/numbers.js";
import { make } from "./make.js";
import { NAMES } from "./names.js";
import { stepper } from "./stepper.js";
import { scroller, Strip } from "./strip.js";

const [WIDTH, SHOWN] = [25, 8]; // beginnings that the beam keeps, and how many are shown
const DULL = Math.log(0.999); // frames whose blank is surer than this change nothing
const TAIL = 18; // characters of a beginning that are shown

const minus = (number) => (number === -Infinity ? "–" : Math.abs(number) < 0.05 ? "0.0" : number.toFixed(1).replace("-", "−"));

export async function view(see) {
  const { frames, classes, data } = see.logProbs;
  const lively = Array.from({ length: frames }, (_, t) => t).filter((t) => t === 0 || t === frames - 1 || data[t * classes] < DULL);
  const body = make("div");
  const at = { place: Math.min(lively.length - 1, 6) }; // of the slider; it stays when the judge changes
  const show = async (language) => {
    const { steps, final } = await see.ask("beam", { logProbs: see.logProbs, language, width: WIDTH });
    body.replaceChildren(table(see, steps, final, lively, at, language));
  };
  await show(see.language);
  const choice = make("div", { class: "row", role: "group", "aria-label": "Who judges" });
  if (see.language !== "none") {
    for (const [language, words] of [[see.language, `With the language model (${NAMES[see.language]})`], ["none", "Without"]]) {
      const button = make("button", { type: "button", "aria-pressed": language === see.language }, words);
      button.addEventListener("click", async () => {
        for (const one of choice.children) one.setAttribute("aria-pressed", one === button);
        await show(language);
      });
      choice.append(button);
    }
  }
  return make("div", {},
    make("p", {}, "Many paths say the same text, and their chances add up. So the reader goes along the line in small steps, the frames, and keeps the best ",
      "beginnings of a text: the beam. In each frame a beginning stays as it is or grows by a character. Where two ways lead to the same beginning, they merge. ",
      `The best ${WIDTH} go on, of which you see ${SHOWN}; the others are lost. Numbers are logarithms: ink 0 is certain, and 2.3 less is ten times less likely.`),
    choice, body);
}

function table(see, steps, final, lively, at, language) {
  const judged = language !== "none";
  const strip = new Strip(see.line, "Your line, with the frame that the beam has come to");
  const told = make("p", { class: "here" });
  const rows = make("tbody");
  const lost = make("p", { class: "quiet" });
  const shown = (ids) => {
    const text = see.text(ids);
    return text ? (text.length > TAIL ? `…${text.slice(-TAIL)}` : text) : "(nothing yet)";
  };
  const happened = ({ how, ways, ids }) => {
    if (how === "grew") return `grew by ${see.sign(ids.at(-1))}`;
    if (how === "merged") return `merged: ${ways.map(minus).join(" and ")}`;
    return "stayed";
  };
  const draw = (place) => {
    at.place = place;
    const frame = lively[place];
    const { kept, lost: out } = steps[frame];
    strip.mark(["own", see.own(frame)]);
    rows.replaceChildren(...kept.slice(0, SHOWN).map((one) => {
      const cells = [one.blank, one.letter, logAdd(one.blank, one.letter), ...(judged ? [one.fused] : []), one.score].map(minus);
      return make("tr", { class: one.how }, make("th", { scope: "row" }, shown(one.ids)),
        ...cells.map((words, k) => make("td", { class: k < 2 ? "number fine" : "number" }, words)), make("td", {}, happened(one)));
    }));
    const merged = kept.slice(0, SHOWN).filter(({ how }) => how === "merged").length;
    told.textContent = `Frame ${frame + 1} of ${steps.length}: ${see.word(see.path[frame])} is likeliest. Best so far: ${shown(kept[0].ids)}.`
      + (merged ? ` Merged (marked): ${merged}.` : "");
    lost.textContent = out.length ? `Left behind in this frame: ${out.slice(0, 4).map(({ ids }) => shown(ids)).join(", ")}${out.length > 4 ? ` and ${out.length - 4} more` : ""}.` : "";
    return told.textContent;
  };
  const { element } = stepper({ count: lively.length, draw, label: "Frame of the beam", at: at.place, seconds: 30 });
  const head = (words, kind = "") => make("th", { scope: "col", class: kind }, words);
  const end = final[0] ? see.text(final[0].ids).replaceAll("␣", " ").trim() : "";
  return make("div", {}, strip.element, element, told,
    scroller("The beam, scrolls sideways", make("table", { class: "beam" },
      make("thead", {}, make("tr", {}, head("Text so far"), head("ends in a blank", "fine"), head("ends in its letter", "fine"), head("ink"),
        ...(judged ? [head("language")] : []), head("score"), head("In this frame"))), rows)),
    lost,
    make("p", { class: "quiet fine" }, "Ink has two parts, the ways that end in a blank and those that end in the last letter: only after a blank can the same letter be written once more."),
    make("p", { class: "quiet" }, `At the end of the line this beam reads “${end}”. `,
      judged ? "Language: the language model and the word list take points from unusual texts, and each character adds two, so that long texts are not punished. " : "",
      "Frames that are sure of the blank change nothing and are passed over. The reader's own beam is wider still, so the text above may be another."));
}
