/** How a line came to its text: what the network holds likely at each frame, and how CTC makes a text of it. */
import { best } from "../reader/ctc.js";
import { make } from "./lines.js";

const ROWS = 26; // classes shown, the most likely ones
const LEAST = 0.02; // a class below this everywhere is not shown

/** What a path says: repeats become one, then blanks (0) go. */
export const collapsed = (path) => path.filter((k, t) => k !== 0 && k !== path[t - 1]);

/** A view of one line. characters: of the classes from 1 on; 0 is the blank. */
export function thinking(line, characters) {
  const { data, frames, classes } = line.logProbs;
  const path = Array.from({ length: frames }, (_, t) => best(line.logProbs, t));
  const name = (k) => (k === 0 ? "-" : characters[k - 1] === " " ? "␣" : characters[k - 1]);
  const peak = Array.from({ length: classes }, (_, k) => {
    let top = 0;
    for (let t = 0; t < frames; t++) top = Math.max(top, Math.exp(data[t * classes + k]));
    return top;
  });
  const firsts = new Map(path.map((k, t) => [k, t]).reverse()); // classes on the path, by their first frame
  const rest = peak.map((_, k) => k).filter((k) => k && !firsts.has(k) && peak[k] > LEAST).sort((a, b) => peak[b] - peak[a]);
  const rows = [0, ...[...firsts.keys()].filter(Boolean).sort((a, b) => firsts.get(a) - firsts.get(b)), ...rest].slice(0, ROWS);

  const [wide, high] = [Math.max(4, Math.min(12, Math.round(900 / frames))), 13];
  const canvas = make("canvas", { role: "img", width: frames * wide + 24, height: rows.length * high,
    "aria-label": `A strip of ${frames} frames by ${rows.length} classes; darker is more likely. The blank is the first row.` });
  const slider = make("input", { type: "range", min: 0, max: frames, value: frames, "aria-label": "Frames seen" });
  const play = make("button", { type: "button" }, "Play");
  const steps = make("dl");
  const told = (term, words, kind = "") => steps.append(make("dt", {}, term), make("dd", { class: kind }, words));

  const draw = () => {
    const seen = Number(slider.value);
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.font = `${high - 1}px ui-monospace, monospace`;
    rows.forEach((k, row) => {
      pen.fillStyle = "#333";
      pen.fillText(name(k), 6, (row + 1) * high - 3);
      for (let t = 0; t < frames; t++) {
        const share = Math.exp(data[t * classes + k]);
        if (share < 0.005) continue;
        pen.fillStyle = k === 0 ? `rgba(90, 90, 90, ${0.6 * share})` : `rgba(0, 90, 170, ${share})`;
        pen.fillRect(24 + t * wide, row * high + 1, wide - 1, high - 2);
      }
    });
    pen.fillStyle = "rgba(255, 255, 255, 0.75)";
    pen.fillRect(24 + seen * wide, 0, canvas.width, canvas.height);
    steps.replaceChildren();
    const walked = path.slice(0, seen);
    told("most likely class of each frame", walked.map(name).join(""), "path");
    told("repeats become one", walked.filter((k, t) => k !== walked[t - 1]).map(name).join(""), "path");
    told("blanks (-) go", collapsed(walked).map((k) => characters[k - 1]).join(""), "path");
    if (seen === frames && line.reading.language !== "none") told("after the language model", line.reading.text, "path");
  };
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) >= frames) slider.value = 0;
    play.textContent = "Stop";
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      draw();
      if (Number(slider.value) >= frames || !canvas.isConnected) stop();
    }, Math.max(25, 6000 / frames));
  });
  slider.addEventListener("input", draw);
  draw();
  return make("div", {},
    make("p", { class: "quiet" }, `The network cut the line into ${frames} frames. Each column below is one of them: the darker, the likelier. The grey row is the blank, which says “nothing new”.`),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Frames and classes, scrolls sideways" }, canvas),
    make("div", { class: "row" }, play, slider), steps);
}
