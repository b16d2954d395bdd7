/** A ruled sheet to write on with mouse, pen or finger. */
const PEN = 3.4; // pixels of the page
const MARGIN = 0.35; // of the distance of two rules, around the ink
const ONE = 1.35; // distances of two rules that one line may be high
const INK = "#1b2a4a";

export class Sheet {
  /** onChange: told when strokes came or went; onWrite: told while one is drawn. */
  constructor(canvas, { onChange, onWrite }) {
    Object.assign(this, { canvas, onChange, onWrite, strokes: [], current: null });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => this.up(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** The distance of two rules. */
  get pitch() {
    return this.canvas.clientHeight / (this.canvas.clientWidth < 500 ? 3 : 2);
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button !== 0 || this.current) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.current = [this.point(event)];
    this.strokes.push(this.current);
    this.onWrite();
    this.draw();
  }

  move(event) {
    if (!this.current || event.pointerId !== this.pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const one of events.length ? events : [event]) this.current.push(this.point(one));
    this.draw();
  }

  up(event) {
    if (!this.current || event.pointerId !== this.pointer) return;
    this.current = null;
    this.onChange();
  }

  undo() {
    this.strokes.pop();
    this.draw();
    this.onChange();
  }

  clear() {
    this.wipe();
    this.onChange();
  }

  /** An empty sheet; tells nobody. */
  wipe() {
    this.strokes = [];
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const scale = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.strokeStyle = "#b9c6da";
    for (let y = 0.72 * this.pitch; y < height; y += this.pitch) {
      pen.beginPath();
      pen.moveTo(12, Math.round(y) + 0.5);
      pen.lineTo(width - 12, Math.round(y) + 0.5);
      pen.stroke();
    }
    ink(pen, this.strokes, INK);
  }

  /** The strokes of each written line, from above: what has its middle between two rules, or all if that is one line. */
  get lines() {
    const [, top, , bottom] = boxOf(this.strokes);
    if (bottom - top < ONE * this.pitch) return [this.strokes];
    const rows = new Map();
    for (const stroke of this.strokes) {
      const [, above, , below] = boxOf([stroke]);
      const row = Math.floor((above + below) / 2 / this.pitch);
      rows.set(row, [...(rows.get(row) ?? []), stroke]);
    }
    return [...rows.keys()].sort((a, b) => a - b).map((row) => rows.get(row));
  }

  /** The ink of each line on white paper, a canvas each. */
  pictures() {
    const around = MARGIN * this.pitch;
    return this.lines.map((strokes) => {
      const [left, top, right, bottom] = boxOf(strokes);
      const made = document.createElement("canvas");
      made.width = Math.ceil(right - left + 2 * around);
      made.height = Math.ceil(bottom - top + 2 * around);
      const pen = made.getContext("2d");
      pen.fillStyle = "#f5f5f5";
      pen.fillRect(0, 0, made.width, made.height);
      pen.translate(around - left, around - top);
      ink(pen, strokes, "#1e1e1e");
      return made;
    });
  }
}

/** Left, top, right and bottom of strokes. */
function boxOf(strokes) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of strokes.flat()) {
    [box[0], box[1]] = [Math.min(box[0], x), Math.min(box[1], y)];
    [box[2], box[3]] = [Math.max(box[2], x), Math.max(box[3], y)];
  }
  return box;
}

/** Draws strokes as soft curves through the middles of their points. */
function ink(pen, strokes, colour) {
  Object.assign(pen, { strokeStyle: colour, fillStyle: colour, lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  for (const stroke of strokes) {
    pen.beginPath();
    const [first, ...rest] = stroke;
    pen.moveTo(...first);
    rest.forEach(([x, y], k) => {
      const [nextX, nextY] = rest[k + 1] ?? [x, y];
      pen.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    });
    if (!rest.length) pen.lineTo(first[0] + 0.1, first[1]);
    pen.stroke();
  }
}
