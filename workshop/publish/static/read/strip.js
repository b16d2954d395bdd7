/** The picture of a line, small enough for a view, with columns of it marked. */
import { make } from "./make.js";

const HIGH = 56; // CSS pixels

/** A box that scrolls sideways and that the keyboard reaches. */
export const scroller = (label, ...children) =>
  make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, ...children);

export class Strip {
  /** onColumn: told the column of the line's picture that is under the pointer. */
  constructor(line, label, onColumn = null) {
    const { width, height } = line.crop;
    this.scale = HIGH / height;
    const picture = make("canvas", { width, height, role: "img", "aria-label": label });
    picture.getContext("2d").drawImage(line.canvas, 0, 0);
    this.marks = make("svg:svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const film = make("div", { class: "small film", style: `width: ${Math.round(this.scale * width)}px` }, picture, this.marks);
    this.element = scroller("The line, scrolls sideways", film);
    this.height = height;
    if (!onColumn) return;
    film.classList.add("touch");
    const told = (event) => onColumn((event.clientX - film.getBoundingClientRect().left) / this.scale);
    film.addEventListener("pointermove", (event) => event.pointerType === "mouse" && told(event));
    film.addEventListener("pointerdown", told);
  }

  /** spans: of columns, pairs [kind, [from, to]]; the last one is brought into sight. */
  mark(...spans) {
    this.marks.replaceChildren(...spans.map(([kind, [from, to]]) =>
      make("svg:rect", { class: kind, x: from, width: to - from, y: 0, height: this.height })));
    const [from, to] = spans.at(-1)[1].map((x) => x * this.scale);
    const { scrollLeft, clientWidth } = this.element;
    if (from < scrollLeft + 40 || to > scrollLeft + clientWidth - 40) this.element.scrollLeft = (from + to - clientWidth) / 2;
  }
}
