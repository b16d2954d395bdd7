/** The line reader and the line finder: two ONNX files that ONNX Runtime Web runs. */
import { ReaderError } from "./errors.js";
import { picture } from "./pixels.js";

const PAD_TO = 32; // columns

/** The fields of a protobuf message that hold bytes: pairs [number, bytes]. Numbers are passed over. */
function* fields(bytes) {
  let at = 0;
  const number = () => {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError("the file ends too early");
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const key = number();
    const kind = key & 7;
    if (kind === 0) number();
    else if (kind === 1 || kind === 5) at += kind === 1 ? 8 : 4;
    else if (kind === 2) {
      const size = number();
      at += size;
      if (at > bytes.length) throw new RangeError("the file ends too early");
      yield [Math.floor(key / 8), bytes.subarray(at - size, at)];
    } else throw new RangeError("no such field");
  }
}

/** What an ONNX file of `htr` says of itself: the JSON under the key "htr" of its metadata (field 14 of the file). */
export function description(bytes) {
  const text = new TextDecoder();
  for (const [number, content] of fields(bytes)) {
    if (number !== 14) continue;
    const entry = Object.fromEntries(fields(content));
    if (text.decode(entry[1]) === "htr") return JSON.parse(text.decode(entry[2]));
  }
  throw new RangeError("it has no description");
}

async function session(ort, bytes, name) {
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: ["wasm"],
      logSeverityLevel: 3,
    });
  } catch (error) {
    if (/wasm|WebAssembly|backend/i.test(String(error)) && typeof WebAssembly !== "object") {
      throw new ReaderError(
        "This browser runs no WebAssembly; a current Firefox, Chrome, Edge or Safari does.",
        { cause: error },
      );
    }
    throw new ReaderError(
      `The file ${name} is damaged or no model; load the page again or build the site anew.`,
      { cause: error },
    );
  }
}

/** What ONNX Runtime is given of one line: its ink, filled up with paper, and its true width. */
function feeds(ort, ink) {
  const wide = Math.ceil(ink.width / PAD_TO) * PAD_TO;
  const image = picture(wide, ink.height, Float32Array);
  for (let y = 0; y < ink.height; y++) {
    image.data.set(ink.data.subarray(y * ink.width, (y + 1) * ink.width), y * wide);
  }
  return {
    image: new ort.Tensor("float32", image.data, [1, ink.height, wide, 1]),
    width: new ort.Tensor("int32", Int32Array.of(ink.width), [1]),
  };
}

/** Log-probabilities of a row of logits, written to `made` at the place `at`. */
function logSoftmax(logits, from, classes, made, at) {
  let top = -Infinity;
  for (let k = 0; k < classes; k++) top = Math.max(top, logits[from + k]);
  let total = 0;
  for (let k = 0; k < classes; k++) total += Math.exp(logits[from + k] - top);
  const rest = top + Math.log(total);
  for (let k = 0; k < classes; k++) made[at + k] = logits[from + k] - rest;
}

/** The line reader. about: what its file says of it. */
export class LineNetwork {
  static async load(ort, bytes) {
    const made = new LineNetwork();
    made.ort = ort;
    try {
      made.about = description(bytes);
    } catch (error) {
      throw new ReaderError(
        "The file course.onnx is damaged or no line reader; load the page again or build the site anew.",
        { cause: error },
      );
    }
    made.session = await session(ort, bytes, "course.onnx");
    return made;
  }

  /** Prepared ink of one line, Float32 -> logits {data, frames, classes}. */
  async logits(ink) {
    const { logits } = await this.session.run(feeds(this.ort, ink));
    const classes = logits.dims[2];
    const frames = Math.ceil(ink.width / this.about.frame_step);
    return { data: logits.data.slice(0, frames * classes), frames, classes };
  }

  /** The same as log-probabilities. */
  async logProbs(ink) {
    const { data, frames, classes } = await this.logits(ink);
    const made = new Float32Array(data.length);
    for (let t = 0; t < frames; t++) logSoftmax(data, t * classes, classes, made, t * classes);
    return { data: made, frames, classes };
  }
}

/** The line reader with what each of its layers hands on: the same file, and behind it what names further outputs. */
export class Layers {
  static async load(ort, bytes, part) {
    const made = new Layers();
    made.ort = ort;
    const both = new Uint8Array(bytes.length + part.length);
    both.set(bytes);
    both.set(part, bytes.length);
    made.session = await session(ort, both, "course.onnx");
    return made;
  }

  /** Prepared ink of one line -> a list of {data, width, height, channels}, one a layer, map after map. */
  async of(ink) {
    const names = this.session.outputNames.slice(1); // the first are the logits
    const given = feeds(this.ort, ink);
    const wide = given.image.dims[2];
    const made = await this.session.run(given, names);
    return names.map((name) => {
      const { data, dims } = made[name];
      const [, channels, height, padded] = dims;
      const width = Math.ceil((ink.width * padded) / wide); // without the paper behind the line
      const maps = new Float32Array(channels * height * width);
      for (let row = 0; row < channels * height; row++)
        maps.set(data.subarray(row * padded, row * padded + width), row * width);
      return { data: maps, width, height, channels };
    });
  }
}

/** The line finder: a page of grey levels, sides multiples of 32 -> {data, width, height, planes} of logits. */
export class FinderNetwork {
  static async load(ort, bytes) {
    const made = new FinderNetwork();
    made.ort = ort;
    made.session = await session(ort, bytes, "finder.onnx");
    return made;
  }

  async maps(page) {
    const seen = Float32Array.from(page.data, (level) => level / 255);
    const tensor = new this.ort.Tensor("float32", seen, [1, page.height, page.width, 1]);
    const { maps } = await this.session.run({ page: tensor });
    const [, height, width, planes] = maps.dims;
    return { data: maps.data, width, height, planes };
  }
}
