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
import { LineNetwork } from "./network.js";
import { mean } from "./numbers.js";
import { prepare } from "./prepare.js";

export { ReaderError };

export class Reader {
  static async load(base, { onProgress, ort, read } = {}) {
    const reader = new Reader();
    reader.files = read ?? open(base, onProgress);
    const [runtime, model] = await Promise.all([ort ?? runtimeAt(base), reader.files("course.onnx")]);
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
