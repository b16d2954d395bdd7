/** Trains a network in the page, on words of the course and, where there are some, of the visitor. */
import { Sheet } from "../read/sheet.js";
import { idsOf, own } from "./words.js";

const { show, added, make } = window.PLAYER;
const [STEPS, EVERY, SHOWN, MANY] = [400, 10, [1, 6], 8]; // MANY: words of the visitor
const LONGEST = 10; // letters
const $ = (id) => document.getElementById(id);
const words = []; // of the visitor: {ink, picture, text, ids}
let worker = null;
let seed = 0;

function stop(said) {
  worker?.terminate();
  worker = null;
  $("train").textContent = "Train one here, now";
  $("state").textContent = said;
}

function start() {
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1000);
  const mine = words.map(({ picture, text }) => ({ picture, text, own: true }));
  const run = { live: true, steps: STEPS, words: [...window.RUN.words, ...mine], moments: [] };
  show(run);
  $("train").textContent = "Stop";
  $("recorded").hidden = false;
  $("state").textContent = "Starting";
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onerror = (event) => {
    event.preventDefault();
    stop("The training could not start; a current Firefox, Chrome, Edge or Safari runs it.");
  };
  worker.onmessage = ({ data }) => {
    if (data.failed) return stop(`The training stopped: ${data.failed}`);
    run.moments.push(data);
    added();
    if (data.step === STEPS) return stop(`Learnt in ${seconds()} s, on your machine. It has made ${STEPS} steps.`);
    $("state").textContent = `Learning: step ${data.step} of ${STEPS}, ${seconds()} s.`;
  };
  seed += 1; // each training begins with noise of its own
  worker.postMessage({ steps: STEPS, every: EVERY, seed, shown: SHOWN, own: words.map(({ ink, ids }) => ({ ink, ids })) });
}

const sheet = new Sheet($("sheet"), { onWrite: () => {}, onChange: () => {
  $("add").disabled = $("clear").disabled = !sheet.strokes.length;
} });
Object.defineProperty(sheet, "pitch", { get: () => $("sheet").clientHeight }); // one line

function add() {
  const text = $("says").value.trim().toLowerCase();
  if (text && (!/^[a-z]+$/.test(text) || text.length > LONGEST)) {
    $("added").textContent = `This network knows the letters a to z alone, and words of at most ${LONGEST} of them.`;
    return;
  }
  const made = own(sheet.pictures()[0]);
  words.push({ ...made, text, ids: text ? idsOf(text) : null });
  $("mine").append(make("li", {}, make("img", { src: made.picture, width: 96, height: 32, alt: `Your word ${text || words.length}` }),
    text ? ` ${text}: it learns from this` : " it reads this, and never learns from it"));
  $("added").textContent = worker ? "Added; the next training has it." : "Added. Now press “Train one here, now”, above the words.";
  sheet.clear();
  $("says").value = "";
  if (words.length === MANY) $("writing").hidden = true;
}

$("train").addEventListener("click", () => (worker ? stop("Stopped.") : start()));
$("recorded").addEventListener("click", () => {
  stop("");
  $("recorded").hidden = true;
  show(window.RUN);
});
$("clear").addEventListener("click", () => sheet.clear());
$("add").addEventListener("click", add);
$("live").hidden = $("writing").hidden = false;
sheet.draw();
