/**
 * Reads handwriting in the page: lines, and whole pages of them.
 *
 *     const reader = await Reader.load("reader/", { onProgress });
 *     const line = await reader.readLine(grey); // {data: Uint8Array, width, height}, dark on light
 *     console.log(line.text, line.confidence);
 */
import { greedy } from "./ctc.js";
import { ReaderError } from "./errors.js";
import { open } from "./files.js";
import { FinderNetwork, LineNetwork } from "./network.js";
import { clip, linspace, mean, round } from "./numbers.js";
import { check, findPage, isLine, whole } from "./page.js";
import { prepare } from "./prepare.js";

export { ReaderError };

export class Reader {
  static async load(base, { onProgress, ort, read } = {}) {
    const reader = new Reader();
    reader.files = read ?? open(base, onProgress);
    const [runtime, model] = await Promise.all([ort ?? runtimeAt(base), reader.files("course.onnx")]);
    reader.ort = runtime;
    reader.network = await LineNetwork.load(runtime, model);
    reader.characters = [...reader.network.about.charset.characters];
    return reader;
  }

  /** A line -> {text, confidence, characters: [{character, x, confidence}], logProbs, milliseconds}. */
  async readLine(grey) {
    const started = performance.now();
    const prepared = prepare(grey, this.network.about.preparation);
    const logProbs = await this.network.logProbs(prepared.ink);
    const { left, scale } = prepared;
    const reading = this.decode({ ...logProbs, left, scale });
    return { ...reading, logProbs: { ...logProbs, left, scale }, milliseconds: performance.now() - started };
  }

  /** How well crops can be read, 0 to 1 each: so one sees which way up a page is. */
  async sureOf(crops) {
    const sure = [];
    for (const crop of crops) {
      const { ink } = prepare(crop, this.network.about.preparation);
      const { confidence } = this.decode(await this.network.logProbs(ink));
      sure.push(confidence);
    }
    return sure;
  }

  /**
   * A page -> {lines: [{polygon, box, baseline, crop, text, confidence, characters, logProbs}], notes, image,
   * single, milliseconds}.
   *
   * polygon, baseline: [x, y] in pixels of the picture given; a character's x is a column of the crop, `at` its point
   * of the picture. kind: "page", "line", or "auto", which looks. onLine: told each line and its number when it is read.
   * image: the page upright. single: the picture is one line.
   */
  async readPage(grey, { onLine = () => {}, kind = "auto" } = {}) {
    const started = performance.now();
    check(grey);
    const { page, single } = await this.findLines(grey, kind);
    const lines = [];
    for (const [number, found] of page.lines.entries()) {
      const { frame, where, ...shown } = found;
      const reading = await this.readLine(found.crop);
      const line = { ...shown, baseline: baselineOf(found), ...placed(reading, found, grey) };
      lines.push(line);
      onLine(line, number, page.lines.length);
    }
    return { lines, notes: page.notes, image: page.image, single, milliseconds: performance.now() - started };
  }

  async findLines(grey, kind) {
    if (kind === "line") return { page: whole(grey), single: true };
    this.finder ??= await FinderNetwork.load(this.ort, await this.files("finder.onnx"));
    const page = await findPage(grey, this.finder, (crops) => this.sureOf(crops));
    const single = kind === "auto" && isLine(grey, page);
    if (single && (!page.notes.length || !page.lines.length)) return { page: whole(grey), single };
    return { page, single };
  }

  decode(logProbs) {
    const found = greedy(logProbs);
    const step = this.network.about.frame_step;
    const { left = 0, scale = 1 } = logProbs;
    let characters = found.ids.map((id, k) => ({
      character: this.characters[id - 1],
      x: left + ((found.places[k] + 0.5) * step) / scale,
      confidence: found.confidences[k],
    }));
    const first = characters.findIndex((one) => one.character !== " ");
    const last = characters.findLastIndex((one) => one.character !== " ");
    characters = first < 0 ? [] : characters.slice(first, last + 1);
    const text = characters.map((one) => one.character).join("");
    return { text, confidence: mean(characters.map((one) => one.confidence)), characters };
  }
}

async function runtimeAt(base) {
  const ort = await import(new URL("ort.wasm.min.mjs", new URL(base, document.baseURI)));
  ort.env.wasm.wasmPaths = base;
  ort.env.wasm.numThreads = 1;
  return ort;
}

/** A reading whose characters know their points of the picture. */
function placed(reading, line, { width, height }) {
  const points = line.where(reading.characters.map((one) => [one.x, line.crop.height / 2]));
  const at = points.map(([x, y]) => [clip(x, 0, width - 1), clip(y, 0, height - 1)]);
  return { ...reading, characters: reading.characters.map((one, k) => ({ ...one, at: at[k] })) };
}

/** Where a found line's letters stand, from its first ink to its last; the lower edge of a whole picture. */
function baselineOf({ crop, frame, where }) {
  const { data, width, height } = crop;
  const inked = new Uint8Array(width);
  data.forEach((level, at) => level < 128 && (inked[at % width] = 1));
  const [first, last] = [inked.indexOf(1), inked.lastIndexOf(1)];
  if (!frame || first < 0) return [[0, height], [width, height]];
  const columns = linspace(first, last + 1, Math.max(2, round((2 * (last - first)) / height) + 1));
  return where(columns.map((x) => [x, frame.above * frame.scale]));
}
