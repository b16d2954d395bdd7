"use strict";
// The page's script: sends a picture, shows progress, then the lines; edits stay here until they are downloaded.

const settings = JSON.parse(document.body.dataset.settings);
const $ = (id) => document.getElementById(id);
const UNSURE = 0.9, DOUBTFUL = 0.6; // as in the legend
let job = null; // {url, name, lines, timer}: what is shown
let attempt = null; // AbortController of the picture that is on its way
let unsaved = false; // edits that no download holds yet

/** A text of the interface with its {values} filled in. */
function say(key, values = {}) {
  return settings.texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? settings.values[name] ?? "");
}

/** An HTML element with attributes and children; a name that begins with "svg:" makes an SVG one. */
function make(name, attributes = {}, ...children) {
  const svg = name.startsWith("svg:");
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4)) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const percent = (share) => `${Math.round(100 * share)}\u00a0%`;
const level = (sure) => (sure < DOUBTFUL ? "doubtful" : sure < UNSURE ? "unsure" : "");
const wait = (ms, signal) => new Promise((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

// ---- what is visible -------------------------------------------------------------------------------------

function show(part) { // "upload", "progress" or "result"
  $("upload").hidden = part !== "upload";
  $("progress").hidden = part !== "progress";
  $("result").hidden = part !== "result";
  document.querySelector(".skip").hidden = part !== "result";
  $("status").classList.toggle("unseen", part === "progress"); // its words stand above the bar already
}

function announce(text) {
  if ($("status").textContent !== text) $("status").textContent = text;
}

function complain(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
}

function step(text, share = null, spoken = text) {
  $("step").textContent = text;
  if (share === null) $("bar").removeAttribute("value");
  else $("bar").value = share;
  announce(spoken);
}

// ---- from the file to the result -------------------------------------------------------------------------

class Refused extends Error {
  constructor(message, status, retry) { super(message); this.status = status; this.retry = retry; }
}

async function ask(url, options = {}) {
  let answer;
  try {
    answer = await fetch(url, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(say("no_connection"), 0);
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  const retry = Number(answer.headers.get("Retry-After"));
  throw new Refused(body.error ?? say("failed", { status: answer.status }), answer.status, retry);
}

/** Ask again for as long as the server says that it is busy, five times at most. */
async function askPatiently(url, options) {
  for (let times = 0; ; times++) {
    try {
      return await ask(url, options);
    } catch (error) {
      if (![429, 503].includes(error.status) || !error.retry || times === 5) throw error;
      step(say("retry", { seconds: error.retry }));
      await wait(1000 * error.retry, options.signal);
    }
  }
}

async function read(files) {
  if (!files.length) return;
  const file = files[0];
  if (file.size > settings.bytes) return complain(say("too_large")); // what is shown or under way stays
  if (unsaved && !confirm(say("unsaved"))) return;
  stop();
  forget();
  complain(files.length > 1 ? say("only_first", { files: files.length }) : "");
  const mine = (attempt = new AbortController());
  show("progress");
  step(say("sending"));
  $("cancel").focus();
  let url = null;
  try {
    const form = new FormData();
    form.append("kind", document.querySelector("input[name=kind]:checked").value);
    form.append("file", file);
    const options = { method: "POST", body: form, signal: mine.signal };
    ({ url } = await (await askPatiently("/api/jobs", options)).json());
    const result = await follow(url, mine.signal);
    if (attempt !== mine) return;
    attempt = null;
    render(url, result);
  } catch (error) {
    if (url) fetch(url, { method: "DELETE", keepalive: true }).catch(() => {});
    if (attempt !== mine) return; // cancelled, or another picture came meanwhile
    attempt = null;
    show("upload");
    announce("");
    complain(error instanceof Refused ? error.message : say("failed", { status: error.message }));
    $("file").focus();
  }
}

async function follow(url, signal) {
  for (let pause = 200; ; pause = Math.min(1500, 1.3 * pause)) {
    const answer = await (await ask(url, { signal })).json();
    if (answer.state === "done") return answer;
    if (answer.state === "waiting") step(say("waiting", answer));
    else if (answer.step === "finding") step(say("finding", answer), (answer.page - 1) / answer.pages);
    else if (answer.step === "reading") {
      const share = (answer.page - 1 + answer.done / Math.max(1, answer.total)) / answer.pages;
      // Heard once a page, seen line by line.
      step(say("reading", answer), share, say("reading_page", answer));
    } else step(say("opening"));
    await wait(pause, signal);
  }
}

function stop() {
  const mine = attempt;
  attempt = null;
  mine?.abort();
}

function forget() {
  if (!job) return;
  clearInterval(job.timer);
  fetch(job.url, { method: "DELETE", keepalive: true }).catch(() => {});
  job = null;
  unsaved = false;
  $("pages").replaceChildren();
}

function startAgain(message) {
  stop();
  forget();
  complain("");
  show("upload");
  announce(message);
  $("file").focus();
}

// ---- the result ------------------------------------------------------------------------------------------

function render(url, result) {
  const count = result.pages.reduce((sum, page) => sum + page.lines.length, 0);
  job = { url, name: result.name, lines: [] };
  job.timer = setInterval(() => fetch(url, { method: "HEAD" }).catch(() => {}), 1000 * settings.expire / 3);
  document.querySelector("input[name=start][value=text]").checked = true;
  $("pages").replaceChildren(...result.pages.map((page) => pageOf(page, result.pages.length)));
  show("result");
  countRight();
  announce(say(count === 1 ? "done_one" : "done_many", { lines: count, seconds: result.seconds }));
  $("result-heading").focus();
}

function pageOf(page, pages) {
  const heading = make("h3", { class: pages === 1 ? "unseen" : null }, say("page_heading", { page: page.number }));
  const list = make("ol", { class: "lines" }, ...page.lines.map(lineOf));
  const section = make("section", { class: page.single ? "page single" : "page" }, heading);
  for (const note of page.notes) section.append(make("p", { class: "quiet note" }, note));
  if (!page.single) section.append(overviewOf(page));
  section.append(list);
  return section;
}

/** The page with a polygon around each line. A mouse's short way: by keyboard the list does the same. */
function overviewOf(page) {
  const { width, height } = page;
  const label = say("page_picture");
  const picture = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    make("svg:image", { href: page.picture, width, height, preserveAspectRatio: "none" }));
  for (const { number, polygon } of page.lines) {
    const shape = make("svg:polygon", { points: polygon.join(" "), "data-line": number },
      make("svg:title", {}, say("line", { line: number })));
    shape.addEventListener("click", () => {
      const line = job.lines[number - 1];
      toggle(line, true);
      line.item.scrollIntoView({ block: "center" });
      line.input.focus({ preventScroll: true });
    });
    picture.append(shape);
  }
  return make("div", { class: "overview" }, picture);
}

function lineOf(data) {
  const line = { data, edited: false };
  job.lines.push(line);
  const number = data.number;
  const text = `text-${number}`, note = `note-${number}`, detail = `detail-${number}`;
  line.picture = pictureOf(data);
  line.strip = make("div", { class: "strip" }, line.picture);
  line.strip.addEventListener("click", () => toggle(line));
  line.where = make("button", { type: "button", class: "plain", "aria-expanded": "false", "aria-controls": detail,
    "aria-label": say("where_line", { line: number }) }, say("where"));
  line.where.addEventListener("click", () => toggle(line));
  line.input = make("textarea", { id: text, rows: 1, autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    maxlength: settings.characters, "aria-describedby": note, "aria-label": say("your_text_line", { line: number }) });
  line.input.value = data.text;
  line.right = make("input", { type: "checkbox", "aria-label": say("checked_line", { line: number }) });
  line.note = make("p", { id: note, class: "quiet note" });
  line.detail = make("p", { id: detail, class: "quiet", hidden: true }, leastOf(data));
  line.input.addEventListener("input", () => { line.edited = unsaved = true; checkCharacters(line); });
  line.input.addEventListener("change", () => { line.right.checked = Boolean(line.input.value.trim()); countRight(); });
  line.input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault(); // a line has no line breaks
    accept(line);
  });
  line.right.addEventListener("change", () => { unsaved = true; countRight(); });
  line.item = make("li", { class: "line", id: `line-${number}` },
    make("div", { class: "line-head" },
      make("h4", {}, say("line", { line: number })),
      make("span", { class: "quiet" }, say("sure_in_all", { percent: percent(data.confidence) })),
      line.where),
    line.strip, line.detail,
    make("div", { class: "row" }, make("span", { class: "name" }, say("as_read")), readOf(data)),
    make("div", { class: "row" }, make("span", { class: "name" }, say("corrected")), correctedOf(data)),
    make("div", { class: "row edit" }, make("label", { class: "name", for: text }, say("your_text")), line.input,
      make("label", { class: "right" }, line.right, " ", say("checked"))),
    line.note);
  line.item.addEventListener("focusin", () => mark(number));
  line.item.addEventListener("pointerenter", () => mark(number));
  return line.item;
}

/** The text as read, its uncertain letters marked. */
function readOf(data) {
  const made = make("span", { class: "text" });
  if (!data.text) made.append(make("span", { class: "quiet" }, say("nothing_read")));
  for (const [letter, , sure] of data.characters) {
    const kind = level(sure);
    made.append(kind ? make("span", { class: kind, title: `${letter} ${percent(sure)}` }, letter) : letter);
  }
  return made;
}

/** The corrected text, its changed words marked; what stood there is in the tip and for screen readers. */
function correctedOf(data) {
  if (!data.changes.length) return make("span", { class: "quiet" }, data.text ? say("unchanged") : "");
  const made = make("span", { class: "text" });
  let done = 0;
  for (const { start, end, before, after } of data.changes) {
    const was = say("was", { before });
    made.append(data.text.slice(done, start),
      make("ins", { title: was }, after), make("span", { class: "unseen" }, ` (${was})`));
    done = end;
  }
  made.append(data.text.slice(done));
  return made;
}

/** The line's picture; above it, shown on demand, each letter over the column where it was read. */
function pictureOf({ number, picture, width, height, characters }) {
  const gaps = characters.slice(1).map(([, x], i) => x - characters[i][1]).sort((a, b) => a - b);
  const usual = gaps[Math.floor(gaps.length / 2)] || height / 3;
  const size = Math.min(0.4 * height, Math.max(0.16 * height, 1.2 * usual));
  const band = 1.6 * size;
  const letters = make("svg:g", { class: "letters", "font-size": size, "aria-hidden": "true" },
    make("svg:rect", { class: "band", x: 0, y: -band, width, height: band }));
  for (const [letter, x, sure] of characters) {
    if (letter === " ") continue;
    const group = make("svg:g", { class: level(sure) });
    if (level(sure)) {
      const from = x - 0.4 * size, to = x + 0.4 * size, under = -0.28 * size;
      group.append(make("svg:rect", { x: from, y: -1.4 * size, width: to - from, height: 1.25 * size }),
        make("svg:line", { class: "under", x1: from, x2: to, y1: under, y2: under }));
      if (sure < DOUBTFUL) { // two lines for doubtful, one dotted for uncertain: also seen without colour
        const second = under + 0.1 * size;
        group.append(make("svg:line", { class: "under", x1: from, x2: to, y1: second, y2: second }));
      }
    }
    group.append(make("svg:line", { x1: x, x2: x, y1: -0.15 * size, y2: height }),
      make("svg:text", { x, y: -0.45 * size, "text-anchor": "middle" }, letter),
      make("svg:title", {}, `${letter} ${percent(sure)}`));
    letters.append(group);
  }
  const label = say("line_picture", { line: number });
  const made = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label,
    preserveAspectRatio: "xMinYMid meet" }, make("svg:image", { href: picture, width, height }), letters);
  Object.assign(made.dataset, { width, height, band });
  return made;
}

function leastOf({ characters }) {
  const least = characters.filter(([letter, , sure]) => letter !== " " && sure < UNSURE);
  least.sort((a, b) => a[2] - b[2]);
  if (!least.length) return characters.length ? say("all_sure", { percent: percent(UNSURE) }) : say("nothing_read");
  const named = least.slice(0, 6).map(([letter, , sure]) => `“${letter}”\u00a0${percent(sure)}`);
  return say("least", { characters: named.join(", ") });
}

function toggle(line, open = !line.strip.classList.contains("open")) {
  const { width, height, band } = Object.fromEntries(
    Object.entries(line.picture.dataset).map(([key, value]) => [key, Number(value)]));
  line.strip.classList.toggle("open", open);
  line.where.setAttribute("aria-expanded", open);
  line.detail.hidden = !open;
  const top = open ? band : 0;
  line.picture.setAttribute("viewBox", `0 ${-top} ${width} ${height + top}`);
  if (!open) {
    line.strip.removeAttribute("tabindex");
    line.strip.removeAttribute("role");
    line.strip.removeAttribute("aria-label");
    line.picture.style.removeProperty("min-width");
    return;
  }
  // Wide enough that letters do not run together; what does not fit is scrolled, by keyboard too.
  line.picture.style.minWidth = `${Math.round(width * (6.5 * 16) / (height + top))}px`;
  line.strip.setAttribute("tabindex", "0");
  line.strip.setAttribute("role", "region");
  line.strip.setAttribute("aria-label", say("where_region", { line: line.data.number }));
}

function mark(number) {
  for (const shape of document.querySelectorAll(".overview polygon")) {
    shape.classList.toggle("chosen", shape.dataset.line === String(number));
  }
}

function accept(line) {
  line.right.checked = Boolean(line.input.value.trim());
  unsaved = true;
  countRight();
  const next = job.lines[line.data.number];
  (next?.input ?? document.querySelector("#downloads button")).focus();
}

function checkCharacters(line) {
  const unknown = [...new Set(line.input.value)].filter((c) => settings.charset && !settings.charset.includes(c));
  line.note.textContent = unknown.length ? say("unknown", { characters: unknown.join(" ") }) : "";
}

function countRight() {
  const lines = job.lines.filter((line) => line.right.checked && line.input.value.trim()).length;
  const many = say(lines === 1 ? "training_one" : "training_many", { lines });
  $("training-note").textContent = lines ? `${many} ${say("training_how")}` : say("training_none");
}

async function download(kind) {
  const body = JSON.stringify({
    texts: job.lines.map((line) => line.input.value),
    right: job.lines.map((line) => line.right.checked),
  });
  try {
    complain("");
    const headers = { "Content-Type": "application/json" };
    const answer = await ask(`${job.url}/download/${kind}`, { method: "POST", body, headers });
    const file = /filename="?([^";]+)/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? kind;
    const link = make("a", { href: URL.createObjectURL(await answer.blob()), download: file });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    unsaved = false;
    announce(say("saved", { file }));
  } catch (error) {
    complain(error.message);
    $("error").scrollIntoView({ block: "nearest" });
  }
}

// ---- what the reader does --------------------------------------------------------------------------------

for (const id of ["file", "camera"]) {
  $(id).addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = ""; // so that the same file can be chosen again
    read(files);
  });
}
$("upload").addEventListener("submit", (event) => event.preventDefault());
$("cancel").addEventListener("click", () => startAgain(say("cancelled")));
$("forget").addEventListener("click", () => startAgain(say("forgotten")));
for (const button of document.querySelectorAll(".again")) {
  button.addEventListener("click", () => { if (!unsaved || confirm(say("unsaved"))) startAgain(""); });
}
for (const button of document.querySelectorAll("[data-kind]")) {
  button.addEventListener("click", () => download(button.dataset.kind));
}
for (const choice of document.querySelectorAll("input[name=start]")) {
  choice.addEventListener("change", () => {
    for (const line of job.lines.filter((each) => !each.edited && !each.right.checked)) {
      line.input.value = line.data[choice.value];
    }
  });
}

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (files.length) {
    event.preventDefault();
    read(files);
  } else if (!event.target.closest?.("textarea")) complain(say("no_picture_pasted"));
});
let inside = 0; // enter and leave come for every element on the way
document.addEventListener("dragenter", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  inside++;
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", () => { if (--inside <= 0) endDrag(); });
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  endDrag();
  read([...(event.dataTransfer?.files ?? [])]);
});
function endDrag() {
  inside = 0;
  document.body.classList.remove("dragging");
}

window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
