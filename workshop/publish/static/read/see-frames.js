/** One frame at a time: which columns it sees, and what the network holds likely there. */
import { make } from "./make.js";
import { stepper } from "./stepper.js";
import { Strip } from "./strip.js";

const SHOWN = 5;

/** The classes of a frame, most likely first. */
const order = ({ logProbs: { classes } }, share) => Array.from({ length: classes }, (_, k) => k).sort((a, b) => share(b) - share(a));

export function percent(share) {
  const shown = 100 * share;
  return shown > 0 && shown < 0.1 ? "under 0.1 %" : `${shown.toFixed(shown < 10 || shown > 99 ? 1 : 0)} %`;
}

export function view(see) {
  const { frames, classes } = see.logProbs;
  const told = make("p", { class: "here" });
  const list = make("ol", { class: "classes" });
  const strip = new Strip(see.line, "Your line, with the columns that one frame sees", (x) => steps.go(see.frameAt(x)));
  const draw = (frame) => {
    strip.mark(["field", see.field(frame)], ["own", see.own(frame)]);
    const first = order(see, (k) => see.share(frame, k)).slice(0, SHOWN);
    list.replaceChildren(...first.map((k) => {
      const share = see.share(frame, k);
      return make("li", { class: k ? "" : "blank" }, make("b", {}, k ? see.sign(k) : "blank"),
        make("span", { class: "bar", "aria-hidden": "true" }, make("span", { style: `width: ${(100 * share).toFixed(1)}%` })), ` ${percent(share)}`);
    }));
    const says = first[0] ? `says ${see.word(first[0])}` : "says blank: nothing new here";
    told.textContent = `Frame ${frame + 1} of ${frames} ${says}.`;
    return told.textContent;
  };
  const start = Math.max(0, see.path.findIndex(Boolean)); // a frame that says a character
  const steps = stepper({ count: frames, draw, label: "Frame", at: start, seconds: 20 });
  return make("div", {},
    make("p", {}, "The network cuts out no letters. It goes along the line in small steps, called frames. ",
      "The dark stripe is where the frame stands; the light band is all that the seven layers see for it: about one letter and its neighbours. ",
      "Move over the line, or use the slider."),
    strip.element, steps.element, told, list,
    make("p", { class: "quiet" }, `In each frame the ${classes} shares add up to 100 %: ${classes - 1} characters and the blank, which says “nothing new here”. `,
      "What comes before and after also counts: behind the seven layers, two LSTM layers carry what they have seen along the whole line, in both directions."));
}
