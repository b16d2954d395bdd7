/** The lines of a reading, as they are shown: picture, letters under their places, a field to correct the text in. */
import { toPixels } from "../reader/images.js";
import { make } from "./make.js";
import { Thinking } from "./think.js";

const [UNSURE, DOUBTFUL] = [0.9, 0.6];
const percent = (share) => `${Math.round(100 * share)} %`;
const level = (share) => (share < DOUBTFUL ? "doubtful" : share < UNSURE ? "unsure" : "sure");

/** One line on show. shown: its text as it stands in the field, corrected or not. ask, about: see `Thinking`. */
export class Line {
  constructor(line, number, ask, about) {
    Object.assign(this, { ...line, number, edited: false, canvas: make("canvas", { width: line.crop.width, height: line.crop.height }) });
    this.canvas.getContext("2d").putImageData(toPixels(line.crop), 0, 0);
    this.letters = make("div", { class: "letters", "aria-hidden": "true" });
    this.field = make("textarea", { rows: 1, "aria-label": `Text of line ${number}`, autocomplete: "off", spellcheck: "false" });
    this.field.addEventListener("input", () => { this.edited = true; });
    this.field.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault()); // it is one line
    this.sure = make("span", { class: "quiet" });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `Picture of line ${number}`);
    // Never so small that its letters cannot be told apart: a long line scrolls on a phone.
    const least = `min-width: ${((3.4 * line.crop.width) / line.crop.height).toFixed(1)}rem`;
    const film = make("div", { class: "film", style: least }, this.canvas, this.letters);
    const strip = make("div", { class: "strip", tabindex: "0", role: "region", "aria-label": `Line ${number} and its letters` }, film);
    this.thinking = new Thinking(this, ask, about);
    const row = make("div", { class: "row" }, this.field, this.sure);
    this.item = make("li", { class: "line" }, strip, row, this.thinking.element);
    this.show(line);
  }

  get shown() {
    return this.field.value;
  }

  /** Shows a reading {text, confidence, characters}; what was corrected by hand stays. Tells whether it is news. */
  show(reading) {
    const news = this.reading && this.reading.text !== reading.text;
    this.reading = reading;
    if (!this.edited) this.field.value = reading.text;
    this.sure.textContent = reading.text ? `${percent(reading.confidence)} sure` : "nothing read";
    const { width, height } = this.crop;
    const size = letterSize(reading.characters, height);
    const svg = make("svg:svg", { viewBox: `0 0 ${width} ${1.5 * size}`, width, height: 1.5 * size, "font-size": size });
    for (const { character, x, confidence } of reading.characters) {
      if (character === " ") continue;
      const kind = level(confidence);
      const letter = make("svg:g", { class: kind }, make("svg:title", {}, `${character}: ${percent(confidence)}`));
      if (kind !== "sure") letter.append(make("svg:rect", { x: x - 0.4 * size, y: 0.1 * size, width: 0.8 * size, height: 1.3 * size }));
      letter.append(make("svg:text", { x, y: 1.05 * size, "text-anchor": "middle" }, character));
      if (kind === "doubtful") letter.append(make("svg:line", { x1: x - 0.4 * size, x2: x + 0.4 * size, y1: 1.3 * size, y2: 1.3 * size }));
      svg.append(letter);
    }
    this.letters.replaceChildren(svg);
    this.thinking.renew();
    return news;
  }
}

/** So large that letters do not run together, in columns of the picture. */
function letterSize(characters, height) {
  const gaps = characters.slice(1).map(({ x }, k) => x - characters[k].x).sort((a, b) => a - b);
  const usual = gaps[gaps.length >> 1] || height / 3;
  return Math.min(0.45 * height, Math.max(0.2 * height, 1.25 * usual));
}

/** The picture with an outline round each line; outlines are added as lines are read. */
export class Overview {
  constructor(place, picture) {
    const { width, height } = picture;
    this.svg = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", "The photo, its lines outlined");
    place.replaceChildren(picture, this.svg);
  }

  add(line) {
    const shape = make("svg:polygon", { points: line.polygon.map((point) => point.join()).join(" ") },
      make("svg:title", {}, line.reading.text));
    shape.addEventListener("click", () => {
      line.item.scrollIntoView({ block: "center" });
      line.field.focus({ preventScroll: true });
    });
    const mark = (on) => () => shape.classList.toggle("chosen", on);
    line.item.addEventListener("focusin", mark(true));
    line.item.addEventListener("focusout", mark(false));
    line.item.addEventListener("pointerenter", mark(true));
    line.item.addEventListener("pointerleave", mark(false));
    this.svg.append(shape);
  }
}
