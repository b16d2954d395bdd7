/** "See how it came to this": five views of one line, each made when it is opened. */
import { make } from "./make.js";
import { best } from "../reader/ctc.js";

/** Titles by the name in the address. `see-NAME.js` comes when it is asked for: view(see) gives its element, or a promise of it. */
export const VIEWS = { layers: "Layers", frames: "Frames", path: "Path to text", beam: "Beam", language: "Language" };
let chosen = "layers"; // the view of whoever opened one last
let panels = 0; // made so far; names their parts

/** What the views know of a line. */
class See {
  constructor(line, ask, { characters, sees, step }) {
    Object.assign(this, { line, ask, characters, logProbs: line.logProbs, language: line.reading.language });
    this.path = Array.from({ length: this.logProbs.frames }, (_, t) => best(this.logProbs, t));
    const { left = 0, scale = 1 } = this.logProbs;
    const span = (first, end) => [left + first / scale, left + end / scale];
    this.own = (frame) => span(frame * step, (frame + 1) * step);
    this.field = (frame) => span(frame * step + sees[0], frame * step + sees[1] + 1);
    this.frameAt = (x) => Math.max(0, Math.min(this.logProbs.frames - 1, Math.floor(((x - left) * scale) / step)));
  }

  share(frame, k) {
    return Math.exp(this.logProbs.data[frame * this.logProbs.classes + k]);
  }

  /** A class as one sign. */
  sign(k) {
    return k === 0 ? "-" : this.characters[k - 1] === " " ? "␣" : this.characters[k - 1];
  }

  /** A class in words. */
  word(k) {
    return k === 0 ? "blank" : this.characters[k - 1] === " " ? "a space" : `“${this.characters[k - 1]}”`;
  }

  text(ids) {
    return ids.map((k) => this.sign(k)).join("");
  }
}

/** The panel of a line. ask: asks the worker. about: what it told of itself when it was loaded. */
export class Thinking {
  constructor(line, ask, about) {
    Object.assign(this, { line, ask, about, turn: 0 });
    this.element = make("details", { class: "think" }, make("summary", {}, "See how it came to this"));
    this.element.addEventListener("toggle", () => this.element.open && this.#show());
  }

  /** Opens a view. */
  open(view) {
    chosen = view;
    this.element.open = true;
    this.#show();
    this.tabs[view].focus({ preventScroll: true });
  }

  /** Shows the view anew, after the language model has read. */
  renew() {
    this.shown = null;
    if (this.element.open) this.#show();
  }

  #build() {
    panels += 1;
    const id = (name) => `think-${panels}-${name}`;
    const list = make("div", { role: "tablist", class: "tabs", "aria-label": "How it came to this" });
    const names = Object.keys(VIEWS);
    this.tabs = Object.fromEntries(names.map((name, k) => {
      const tab = make("button", { type: "button", role: "tab", id: id(name), "aria-controls": id("panel") }, `${k + 1} ${VIEWS[name]}`);
      tab.addEventListener("click", () => {
        chosen = name;
        this.#show();
      });
      return [name, tab];
    }));
    list.append(...Object.values(this.tabs));
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      chosen = names[(names.indexOf(chosen) + step + names.length) % names.length];
      this.#show();
      this.tabs[chosen].focus();
    });
    this.panel = make("div", { role: "tabpanel", id: id("panel"), class: "view" });
    this.element.append(list, this.panel);
  }

  async #show() {
    if (!this.tabs) this.#build();
    if (this.shown === chosen) return;
    this.shown = chosen;
    this.turn += 1;
    const mine = this.turn;
    for (const [name, tab] of Object.entries(this.tabs)) {
      tab.setAttribute("aria-selected", name === chosen);
      tab.tabIndex = name === chosen ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", this.tabs[chosen].id);
    const waiting = setTimeout(() => this.panel.replaceChildren(make("p", { role: "status" }, "Looking inside")), 150);
    try {
      const { view } = await import(`./see-${chosen}.js`);
      const made = await view(new See(this.line, this.ask, this.about));
      if (mine === this.turn) this.panel.replaceChildren(made);
    } catch (error) {
      if (mine !== this.turn) return;
      this.shown = null; // the next click tries again
      this.panel.replaceChildren(make("p", { class: "error", role: "alert" }, error.message));
    } finally {
      clearTimeout(waiting);
    }
  }
}
