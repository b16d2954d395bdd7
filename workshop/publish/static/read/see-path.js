/** What the network holds likely at each frame, and how CTC makes a text of it, step by step. */
import { make } from "./make.js";
import { percent } from "./see-frames.js";
import { stepper } from "./stepper.js";
import { scroller } from "./strip.js";

const ROWS = 26; // classes shown, the most likely ones
const LEAST = 0.02; // a class below this everywhere is not shown
const [HIGH, LINE] = [14, 40]; // pixels of a row, of the line above them

/** What a path says: repeats become one, then blanks (0) go. */
export const collapsed = (path) => path.filter((k, t) => k !== 0 && k !== path[t - 1]);

function rowsOf({ path, share, logProbs: { frames, classes } }) {
  const peak = Array.from({ length: classes }, (_, k) => Math.max(...Array.from({ length: frames }, (_, t) => share(t, k))));
  const firsts = new Map(path.map((k, t) => [k, t]).reverse()); // classes on the path, by their first frame
  const rest = peak.map((_, k) => k).filter((k) => k && !firsts.has(k) && peak[k] > LEAST).sort((a, b) => peak[b] - peak[a]);
  return [0, ...[...firsts.keys()].filter(Boolean).sort((a, b) => firsts.get(a) - firsts.get(b)), ...rest].slice(0, ROWS);
}

export function view(see) {
  const { path, logProbs: { frames } } = see;
  const share = (t, k) => see.share(t, k);
  const rows = rowsOf({ path, share, logProbs: see.logProbs });
  const wide = Math.max(6, Math.min(12, Math.round(900 / frames)));
  const canvas = make("canvas", { role: "img", width: frames * wide + 24, height: LINE + rows.length * HIGH,
    "aria-label": `The line, and below it a strip of ${frames} frames by ${rows.length} classes; darker is more likely. The blank is the first row.` });
  const box = scroller("Frames and classes, scrolls sideways", canvas);
  const told = make("p", { class: "here" });
  const steps = make("dl");

  const [from, to] = [see.own(0)[0], see.own(frames - 1)[1]];

  const strip = (seen) => {
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.font = `${HIGH - 1}px ui-monospace, monospace`;
    pen.drawImage(see.line.canvas, from, 0, to - from, see.line.crop.height, 24, 0, frames * wide, LINE - 4);
    rows.forEach((k, row) => {
      pen.fillStyle = "#333";
      pen.fillText(see.sign(k), 6, LINE + (row + 1) * HIGH - 3);
      for (let t = 0; t < frames; t++) {
        const likely = share(t, k);
        if (likely < 0.005) continue;
        pen.fillStyle = k === 0 ? `rgba(90, 90, 90, ${0.6 * likely})` : `rgba(0, 90, 170, ${likely})`;
        pen.fillRect(24 + t * wide, LINE + row * HIGH + 1, wide - 1, HIGH - 2);
      }
    });
    pen.fillStyle = "rgba(255, 255, 255, 0.75)";
    pen.fillRect(24 + seen * wide, 0, canvas.width, canvas.height);
    if (!seen || seen === frames) return;
    pen.strokeStyle = "#a3271b";
    pen.strokeRect(24 + (seen - 1) * wide - 0.5, 0.5, wide, canvas.height - 1);
    const x = 24 + seen * wide;
    if (x < box.scrollLeft + 40 || x > box.scrollLeft + box.clientWidth - 40) box.scrollLeft = x - box.clientWidth / 2;
  };

  /** What the last frame that was walked does. */
  const happens = (seen) => {
    if (!seen) return "Before the first frame: nothing is written.";
    const [k, before] = [path[seen - 1], path[seen - 2]];
    const says = `Frame ${seen} of ${frames}: ${see.word(k)} (${percent(share(seen - 1, k))}). `;
    if (!k) return `${says}A blank: nothing is written.`;
    if (k === before) return `${says}The same as the frame before: still the same letter, nothing is written.`;
    return `${says}It is written down.`;
  };

  const draw = (seen) => {
    strip(seen);
    const walked = path.slice(0, seen);
    const signs = walked.map((k, t) => make("span", { class: !k ? "gap" : k === walked[t - 1] ? "again" : "kept" }, see.sign(k)));
    const merged = walked.filter((k, t) => k !== walked[t - 1]).map((k) => make("span", { class: k ? "kept" : "gap" }, see.sign(k)));
    const pairs = [
      ["The likeliest of each frame (- is the blank)", signs],
      ["Repeats become one", merged],
      ["Blanks go: the text", [see.text(collapsed(walked)).replaceAll("␣", " ")]],
    ];
    if (seen === frames && see.language !== "none") pairs.push(["After the language model", [see.line.reading.text]]);
    steps.replaceChildren(...pairs.flatMap(([term, words]) => [make("dt", {}, term), make("dd", {}, ...words)]));
    told.textContent = happens(seen);
    return told.textContent;
  };
  const { element } = stepper({ count: frames + 1, draw, label: "Frames walked", at: frames, seconds: 12 });
  return make("div", {},
    make("p", {}, "Below your line, each column is a frame and each row a character: the darker, the likelier. The grey row is the blank, “nothing new”. ",
      "Take the darkest of each column, from left to right: that is the path. Two rules make a text of it: repeats become one, and blanks go. ",
      "Between two equal letters, as in “letter”, the network puts a blank: so the two stay two."),
    box, element, told, steps);
}
