/** The reading desk of the first page: sheet and photo in, text out. Nothing leaves the machine. */
import { ofCanvas } from "../reader/images.js";
import { Line, Overview } from "./lines.js";
import { make } from "./make.js";
import { pictureOf } from "./photo.js";
import { Reading } from "./reading.js";
import * as home from "./save.js";
import { Sheet } from "./sheet.js";
import { VIEWS } from "./think.js";

const PAUSE = 700; // milliseconds after the last stroke
const LATER = 15_000; // milliseconds until the site is kept for visits without a network, where nobody reads before
const $ = (id) => document.getElementById(id);
const desk = $("desk");
const BYTES = Number(desk.dataset.bytes); // before the first reading
const NAMES = Object.fromEntries([...$("language").options].map((option) => [option.value, option.textContent]));
let reading = null; // the worker, once it is loading
let loaded = null; // a promise
let lines = [];
let turn = 0; // of what was last given to read; older readings are dropped
let timer = null;

const seconds = (ms) => (ms < 950 ? `${Math.max(10, Math.round(ms / 10) * 10)} ms` : `${(ms / 1000).toFixed(1)} s`);
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
const megabytes = (bytes) => (bytes / 1e6).toFixed(0);

function say(text, share = null) {
  $("status").textContent = text;
  $("bar").hidden = share === null;
  if (share !== null) $("bar").value = share;
}

function complain(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
  if (text) say("");
}

/** Fetches and starts the reader once; after a failure the next call tries again. */
function load() {
  loaded ??= (async () => {
    if (typeof WebAssembly !== "object") {
      throw new Error("This browser runs no WebAssembly, which the network needs; a current Firefox, Chrome, Edge or Safari does.");
    }
    const started = performance.now();
    reading = new Reading();
    const about = await reading.call("load", null, ({ loaded: have }) => {
      const text = have < BYTES ? `Loading the reader: ${megabytes(have)} of ${megabytes(BYTES)} MB` : "Starting the reader";
      say(text, have / BYTES);
    });
    say(`Ready in ${seconds(performance.now() - started)}. Write a line, or give a photo. Nothing leaves your machine.`);
    setTimeout(keepForOffline, LATER);
    return about;
  })();
  loaded.catch(() => { loaded = null; reading?.worker.terminate(); });
  return loaded;
}

/** Asks the reader what a view shows. */
const ask = (name, argument) => reading.call(name, argument);

function keepForOffline() {
  if (navigator.serviceWorker && isSecureContext) navigator.serviceWorker.register("sw.js").catch(() => {});
}

/** Reads a photo, or the lines of the sheet, and shows them. said: what was done to the picture before. */
async function read(pictures, { kind, said = "" }) {
  turn += 1;
  const mine = turn;
  complain("");
  try {
    const about = await load();
    if (mine !== turn) return;
    const photo = kind !== "line";
    if (photo) makeRoom();
    let looking = false;
    const anew = () => {
      looking = lines.some((line) => line.thinking.element.open); // whoever looks inside by now goes on looking
      begin(shown);
    };
    say(photo ? "Looking for lines" : "Reading", photo ? 0 : null);
    const [shown, notes] = [[], new Set([said])];
    let [spent, single] = [0, false];
    const around = photo ? new Overview($("overview"), pictures[0]) : null;
    if (photo) anew();
    for (const picture of pictures) {
      const result = await reading.call("page", { grey: ofCanvas(picture), kind }, ({ line, number, count: many }) => {
        if (mine !== turn) return;
        const made = new Line(line, shown.push(null), ask, about);
        shown[shown.length - 1] = made;
        if (!photo) return;
        around.add(made);
        $("lines").append(made.item);
        say(`Reading line ${number + 1} of ${many}`, (number + 1) / many);
      });
      if (mine !== turn) return;
      spent += result.milliseconds;
      single = result.single;
      result.notes.forEach((note) => notes.add(note));
    }
    if (!photo) { // what stood there stays until all is read anew
      anew();
      $("lines").append(...shown.map((line) => line.item));
    }
    if (!photo || single) $("overview").replaceChildren(); // the line shows the same
    $("notes").replaceChildren(...[...notes].filter(Boolean).map((note) => make("li", {}, sentence(note))));
    performance.mark("reading"); // see docs/develop/time_first_reading.py
    const done = `Read ${count(shown.length, "line")} in ${seconds(spent)}, on your machine.`;
    say(done);
    if (shown.length) await mend(done, mine);
    if (looking && mine === turn && shown.length) shown[0].thinking.element.open = true;
    keepForOffline(); // not before: it fetches the whole site
  } catch (error) {
    if (mine === turn) complain(error.message);
  }
}

/** A photo takes the place of what was written: else "Clear" would throw its reading away, corrections included. */
function makeRoom() {
  clearTimeout(timer);
  sheet.wipe();
  controls();
  const state = $("status").parentElement; // on a phone it stands below the screen
  if (state.getBoundingClientRect().bottom > 0.8 * innerHeight) state.scrollIntoView();
}

const sentence = (note) => note[0].toUpperCase() + note.slice(1) + (/[.!?]$/.test(note) ? "" : ".");

function begin(shown) {
  lines = shown;
  $("lines").replaceChildren();
  $("notes").replaceChildren();
  $("result").hidden = false;
}

/** Lets the language model of the page's language read once more what stands there. done: said before it. */
async function mend(done, mine) {
  const name = $("language").value;
  const started = performance.now();
  say(`${done} Now the language model`);
  const given = lines.map(({ logProbs }) => ({ logProbs }));
  let before = null; // bytes of all else
  const { language, readings } = await reading.call("language", { name, lines: given }, ({ loaded: have }) => {
    before ??= have;
    if (mine === turn && have - before > 5e5) say(`${done} Loading the language model: ${megabytes(have - before)} MB`);
  });
  if (mine !== turn) return;
  const news = readings.filter((one, k) => lines[k].show(one)).length;
  const which = language === "none" ? `Without a language model ${news ? `${count(news, "line")} read otherwise` : "nothing reads otherwise"}`
    : `Language model: ${NAMES[language]}; it changed ${news ? count(news, "line") : "nothing"} in ${seconds(performance.now() - started)}`;
  say(`${done} ${which}.`.trim());
}

// ---- what is given

function controls() {
  const empty = !sheet.strokes.length;
  $("undo").disabled = $("clear").disabled = empty;
  $("here").hidden = !empty;
  return empty;
}

const sheet = new Sheet($("sheet"), {
  onWrite: () => clearTimeout(timer),
  onChange: () => {
    clearTimeout(timer);
    if (controls()) {
      turn += 1;
      $("result").hidden = true;
      say("A fresh sheet.");
    } else timer = setTimeout(() => read(sheet.pictures(), { kind: "line" }), PAUSE);
  },
});

async function readFile(file, saying = "") {
  if (!file) return;
  complain("");
  say(`Opening ${file.name}`);
  try {
    const { canvas, said } = await pictureOf(file);
    await read([canvas], { kind: "auto", said: said || saying });
  } catch (error) {
    complain(error.message);
  }
}

async function readExample(name, said = "") {
  try {
    const answer = await fetch(`examples/${name}`);
    if (!answer.ok) throw new Error("The example is not on this site; build the site anew.");
    await readFile(new File([await answer.blob()], name), said);
  } catch (error) {
    complain(error.message);
  }
}

$("undo").addEventListener("click", () => sheet.undo());
$("clear").addEventListener("click", () => sheet.clear());
$("pick").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  target.value = ""; // so that the same file can be chosen again
  readFile(file);
});
$("try-line").addEventListener("click", () => readExample("line.png"));
$("try-page").addEventListener("click", () => readExample("page.png"));
addEventListener("dragover", (event) => {
  event.preventDefault();
  desk.classList.add("dragging");
});
addEventListener("dragleave", (event) => event.relatedTarget || desk.classList.remove("dragging"));
addEventListener("drop", (event) => {
  event.preventDefault();
  desk.classList.remove("dragging");
  readFile(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => readFile(event.clipboardData.files[0]));

// ---- what is taken home

$("copy").addEventListener("click", async ({ target }) => {
  const label = "Copy the text"; // said where the eyes are: the status stands far above the last line
  try {
    await navigator.clipboard.writeText(home.text(lines));
    target.textContent = "Copied";
    say("Copied.");
  } catch {
    target.textContent = "Not copied: take the text file";
  }
  setTimeout(() => { target.textContent = label; }, 2000);
});
$("save-text").addEventListener("click", () => home.save("reading.txt", `${home.text(lines)}\n`, "text/plain"));
$("save-json").addEventListener("click", () => home.save("reading.json", home.json(lines), "application/json"));
$("save-training").addEventListener("click", async () => home.save("lines.zip", await home.training(lines), "application/zip"));
$("language").addEventListener("change", async () => {
  try {
    await mend("", turn);
  } catch (error) {
    complain(error.message);
  }
});

// ---- an address that names a view opens it, with a line of ours where none is read yet

const OURS = "This is a line of ours. Write your own above, or give a photo: then you see the same of yours.";

async function openView() {
  const view = location.hash.slice(1);
  if (!VIEWS[view]) return;
  if ($("result").hidden || !lines.length) await readExample("line.png", OURS);
  lines[0]?.thinking.open(view);
  $("result").scrollIntoView();
}
addEventListener("hashchange", openView);

desk.hidden = false;
sheet.draw();
if (navigator.connection?.saveData) say(`The reader (${megabytes(BYTES)} MB) loads when you write or give a photo.`);
else load().catch((error) => complain(error.message));
openView();
