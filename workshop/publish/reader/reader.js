/**
 * Reads handwriting in the page: lines, and whole pages of them. Nothing leaves the machine.
 *
 *     const reader = await Reader.load("reader/", { onProgress });
 *     const page = await reader.readPage(grey); // {data: Uint8Array, width, height}; see images.js
 *     await reader.useLanguage(await reader.languageOf(page.lines));
 *     for (const line of page.lines) console.log(reader.decode(line.logProbs).text);
 */
import { greedy } from "./ctc.js";
import { Language, scaled } from "./decoder.js";
import { ReaderError } from "./errors.js";
import { open, runtime } from "./files.js";
import { LanguageModel } from "./language.js";
import { languageOf } from "./languages.js";
import { FinderNetwork, LineNetwork } from "./network.js";
import { clip, linspace, mean, round } from "./numbers.js";
import { check, findPage, isLine, whole } from "./page.js";
import { prepare } from "./prepare.js";

export { ReaderError };

export class Reader {
  /**
   * base: the folder of the model's files, as an address. language: its model is loaded, too ("en", ...).
   * onProgress: told {name, loaded, total}, bytes of all that is loaded so far. ort: ONNX Runtime Web, else the one in
   * `base`. read: gives the bytes of a file by its name, where not fetch does.
   */
  static async load(base, { onProgress, ort, read, language = "none" } = {}) {
    const reader = new Reader();
    reader.read = read ?? open(base, onProgress);
    const text = async (name) => JSON.parse(new TextDecoder().decode(await reader.read(name)));
    const [engine, about, tuned, model, finder] = await Promise.all([
      ort ?? runtime(base, reader.read),
      text("reader.json"),
      text("decoding.json"),
      reader.read("course.onnx"),
      reader.read("finder.onnx"),
    ]);
    reader.network = await LineNetwork.load(engine, model);
    reader.finder = await FinderNetwork.load(engine, finder);
    reader.characters = [...reader.network.about.charset.characters];
    reader.languages = about.languages;
    reader.fusion = tuned.fusion;
    reader.scales = tuned.model === reader.network.about.made_from ? tuned.confidence : {};
    reader.loaded = new Map();
    await reader.useLanguage(language);
    return reader;
  }

  /** Loads a language's model and word list; from then on they help: "en", ..., or "none". */
  async useLanguage(name) {
    if (name !== "none" && !this.languages[name]) {
      throw new ReaderError(
        `There is no language ${name}; there are ${Object.keys(this.languages).join(", ")} and none.`,
      );
    }
    if (name !== "none" && !this.loaded.has(name)) {
      const file = `languages/${name}.lm`;
      const model = await LanguageModel.load(await this.read(file), file, this.characters.join(""));
      const more = this.languages[name].words
        ? new TextDecoder().decode(await this.read(`languages/${name}.words`))
        : "";
      this.loaded.set(
        name,
        new Language(name, model, [...more.split("\n"), ...model.words], this.fusion),
      );
    }
    this.language = this.loaded.get(name) ?? null;
  }

  /** The language that foresees best what greedy decoding reads in the lines of a page: "en", ..., or "none". */
  async languageOf(lines) {
    const names = Object.keys(this.languages);
    const all = await this.read("languages/profiles.bin");
    const size = all.length / names.length;
    const profiles = Object.fromEntries(
      names.map((name, k) => [name, all.subarray(k * size, (k + 1) * size)]),
    );
    const read = lines.map(({ logProbs }) => {
      const { ids, confidences } = greedy(logProbs);
      return { text: ids.map((id) => this.characters[id - 1]).join(""), confidences };
    });
    return languageOf(read, profiles, this.characters.join(""));
  }

  /**
   * A line, grey {data, width, height} -> {text, confidence, characters, words, language, logProbs, milliseconds}.
   *
   * characters: [{character, x, confidence}], x a column of the picture; words: [{text, start, end, confidence}].
   */
  async readLine(grey) {
    const started = performance.now();
    const { ink, left, scale } = prepare(grey, this.network.about.preparation);
    const logProbs = { ...(await this.network.logProbs(ink)), left, scale };
    return { ...this.decode(logProbs), logProbs, milliseconds: performance.now() - started };
  }

  /**
   * What stored log-probabilities say with the language that is in use, as `readLine`. greedily: without it.
   * watch: told the beam after each frame; see search.js.
   */
  decode(logProbs, { greedily = false, watch } = {}) {
    const language = greedily ? null : this.language;
    const found = language ? language.decode(logProbs, this.characters, watch) : greedy(logProbs);
    const scale = this.scales[language ? "lexicon" : "greedy"] ?? {};
    const { left = 0, scale: zoom = 1 } = logProbs;
    const all = found.ids.map((id, k) => ({
      character: this.characters[id - 1],
      x: left + ((found.places[k] + 0.5) * this.network.about.frame_step) / zoom,
      confidence: scaled(found.confidences[k], scale.letter),
    }));
    // Spaces at the ends are no reading; they go, with their places.
    const [first, last] = [
      all.findIndex((one) => one.character !== " "),
      all.findLastIndex((one) => one.character !== " "),
    ];
    const characters = first < 0 ? [] : all.slice(first, last + 1);
    const text = characters.map((one) => one.character).join("");
    const words = Array.from(text.matchAll(/\S+/g), (match) => {
      const [start, end] = [match.index, match.index + match[0].length];
      const sure = characters.slice(start, end).reduce((total, one) => total * one.confidence, 1);
      return { text: match[0], start, end, confidence: scaled(sure, scale.word) };
    });
    const confidence = mean(characters.map((one) => one.confidence));
    return {
      text,
      confidence,
      characters,
      words,
      score: found.score,
      language: language?.name ?? "none",
    };
  }

  /**
   * A page -> {lines: [{polygon, box, baseline, crop, printed, ...}], notes, image, single, milliseconds}.
   *
   * Each line has what `readLine` gives, too. polygon, box, baseline and a character's `at` are [x, y] in pixels of the
   * picture given; a character's x is a column of the crop. notes: what was put right, or stands in the way of reading
   * well. image: the page, upright. single: the picture is one line.
   * kind: "page", "line", or "auto", which looks. onLine: told each line when it is read, its number, how many there are.
   */
  async readPage(grey, { onLine = () => {}, kind = "auto" } = {}) {
    const started = performance.now();
    check(grey);
    const { page, single } = await this.#findLines(grey, kind);
    const lines = [];
    for (const [number, found] of page.lines.entries()) {
      const { polygon, box, crop, printed } = found;
      const reading = placed(await this.readLine(crop), found, grey);
      lines.push({
        polygon,
        box,
        baseline: baselineOf(found),
        crop,
        printed,
        where: found.where,
        ...reading,
      });
      onLine(lines[number], number, page.lines.length);
    }
    return {
      lines,
      notes: page.notes,
      image: page.image,
      single,
      milliseconds: performance.now() - started,
    };
  }

  /** A line of a page once more, from its stored log-probabilities: after `useLanguage`. */
  decodeLine(line, grey) {
    return { ...line, ...placed(this.decode(line.logProbs), line, grey) };
  }

  async #findLines(grey, kind) {
    if (kind === "line") return { page: whole(grey), single: true };
    const page = await findPage(grey, this.finder, (crops) => this.#sureOf(crops));
    const single = kind === "auto" && isLine(grey, page);
    // What was put right in the picture is only in its crops.
    if (single && (!page.notes.length || !page.lines.length)) return { page: whole(grey), single };
    return { page, single };
  }

  /** How well crops can be read, 0 to 1 each, without words made up: so one sees which way up a page is. */
  async #sureOf(crops) {
    const sure = [];
    for (const crop of crops) {
      const { ink } = prepare(crop, this.network.about.preparation);
      sure.push(this.decode(await this.network.logProbs(ink), { greedily: true }).confidence);
    }
    return sure;
  }
}

/** A reading whose characters know their points of the picture. */
function placed(reading, { crop, where }, { width, height }) {
  const points = where(reading.characters.map((one) => [one.x, crop.height / 2]));
  const at = points.map(([x, y]) => [clip(x, 0, width - 1), clip(y, 0, height - 1)]);
  return { ...reading, characters: reading.characters.map((one, k) => ({ ...one, at: at[k] })) };
}

/** Where a found line's letters stand, from its first ink to its last; the lower edge of a whole picture. */
function baselineOf({ crop, frame, where }) {
  const { data, width, height } = crop;
  const inked = new Uint8Array(width);
  data.forEach((level, at) => level < 128 && (inked[at % width] = 1));
  const [first, last] = [inked.indexOf(1), inked.lastIndexOf(1)];
  if (!frame || first < 0)
    return where([
      [0, height],
      [width, height],
    ]);
  const columns = linspace(first, last + 1, Math.max(2, round((2 * (last - first)) / height) + 1));
  return where(columns.map((x) => [x, frame.above * frame.scale]));
}
