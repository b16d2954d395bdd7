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
import { FinderNetwork, Layers, LineNetwork } from "./network.js";
import { clip, linspace, mean, round, spread } from "./numbers.js";
import { check, findPage, isLine, whole } from "./page.js";
import { prepare } from "./prepare.js";
import { reasons } from "./reasons.js";
import { trace } from "./trace.js";

export { ReaderError };

const RIVALS = 25; // width of the beam that looks for other readings of a line

export class Reader {
  /**
   * base: the folder of the model's files, as an address. language: its model is loaded, too ("en", ...).
   * onProgress: told {name, loaded, total}, bytes of all that is loaded so far. ort: ONNX Runtime Web, else the one in
   * `base`. read: gives the bytes of a file by its name, where not fetch does. finder: whether the line finder comes at
   * once; else with the first page, or when `useFinder` is called.
   */
  static async load(base, { onProgress, ort, read, language = "none", finder = true } = {}) {
    const reader = new Reader();
    reader.read = read ?? open(base, onProgress);
    const text = async (name) => JSON.parse(new TextDecoder().decode(await reader.read(name)));
    const [engine, about, model] = await Promise.all([
      ort ?? runtime(base, reader.read),
      text("reader.json"),
      reader.read("course.onnx"),
      finder && reader.read("finder.onnx"),
    ]);
    reader.engine = engine;
    reader.network = await LineNetwork.load(engine, model);
    if (finder) await reader.useFinder();
    reader.characters = [...reader.network.about.charset.characters];
    reader.languages = about.languages;
    reader.sees = about.sees;
    reader.fusion = about.fusion;
    reader.scales = about.model === reader.network.about.made_from ? about.confidence : {};
    reader.loaded = new Map();
    await reader.useLanguage(language);
    return reader;
  }

  /** Loads the line finder, once; pages need it, single lines do not. */
  async useFinder() {
    this.finding ??= this.read("finder.onnx").then((bytes) =>
      FinderNetwork.load(this.engine, bytes),
    );
    this.finding.catch(() => {
      this.finding = null; // a later try begins anew
    });
    this.finder = await this.finding;
  }

  /**
   * Loads a language's model and word list; from then on they help. Returns its name.
   *
   * asked: "en", ..., "none", or "auto": that of the lines, as `languageOf` says.
   */
  async useLanguage(asked, lines = []) {
    const name = asked === "auto" ? await this.languageOf(lines) : asked;
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
    return name;
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
   * logProbs: {data, frames, classes} and what places characters, to `decode` once more. track: of a line of a page.
   */
  async readLine(grey, track = null) {
    const started = performance.now();
    const { ink, left, scale } = prepare(grey, this.network.about.preparation);
    const logProbs = {
      ...(await this.network.logProbs(ink)),
      left,
      scale,
      ...(track && { track }),
    };
    return { ...this.decode(logProbs), logProbs, milliseconds: performance.now() - started };
  }

  /**
   * What stored log-probabilities say with the language that is in use, as `readLine`. greedily: without it. name: with
   * another that is loaded.
   * watch: told the beam after each frame; see search.js.
   */
  decode(logProbs, { greedily = false, watch, name } = {}) {
    const language = greedily ? null : name ? this.loaded.get(name) : this.language;
    const found = language ? language.decode(logProbs, this.characters, watch) : greedy(logProbs);
    const scale = this.scales[language ? "lexicon" : "greedy"] ?? {};
    const { left = 0, scale: zoom = 1, track } = logProbs;
    const all = found.ids.map((id, k) => {
      const x = left + ((found.places[k] + 0.5) * this.network.about.frame_step) / zoom;
      const confidence = scaled(found.confidences[k], scale.letter);
      return {
        character: this.characters[id - 1],
        x,
        confidence,
        ...(track && { at: onTrack(track, x) }),
      };
    });
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
   * picture given; a character's x is a column of the crop. All is plain data, which a worker may send. notes: what was put right, or stands in the way of reading
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
      const reading = await this.readLine(crop, trackOf(found, grey));
      lines.push({ polygon, box, baseline: baselineOf(found), crop, printed, ...reading });
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

  /**
   * What each layer hands on for a line, grey {data, width, height}: a list of {width, height, channels, maps}.
   *
   * maps: [{channel, data}], the `shown` that vary most over the line, as in the chapter "CNN features". The session
   * that gives them is made when they are asked for the first time.
   */
  async layers(grey, shown = 3) {
    const files = ["course.onnx", "layers.part"].map((name) => this.read(name));
    this.inside ??= Promise.all(files).then((both) => Layers.load(this.network.ort, ...both));
    this.inside.catch(() => (this.inside = null)); // a later try begins anew
    const { ink } = prepare(grey, this.network.about.preparation);
    return (await (await this.inside).of(ink)).map(({ data, width, height, channels }) => {
      const size = width * height;
      const map = (channel) => data.slice(channel * size, (channel + 1) * size);
      const varies = Array.from({ length: channels }, (_, channel) => spread(map(channel)));
      const order = varies.map((_, channel) => channel).sort((a, b) => varies[b] - varies[a]);
      const maps = order.slice(0, shown).map((channel) => ({ channel, data: map(channel) }));
      return { width, height, channels, maps };
    });
  }

  /** What is in a beam of `width` after each frame of a line, with a loaded language or "none"; see trace.js. */
  beam(logProbs, name, width) {
    return trace(logProbs, { width, ...this.#judges(name) });
  }

  /** What a loaded language changed in a line and why; see reasons.js. */
  reasons(logProbs, name) {
    const texts = [true, false].map((greedily) => this.decode(logProbs, { greedily, name }).text);
    const found = trace(logProbs, { width: RIVALS, ...this.#judges(name) }).final;
    const rivals = found.map(({ ids }) => ids.map((id) => this.characters[id - 1]).join("").trim());
    return reasons(logProbs, texts, rivals, this.#judges(name), this.characters);
  }

  /** The scorers of a loaded language, as the search takes them. */
  #judges(name) {
    const language = this.loaded.get(name);
    if (!language) return { scorers: [], bonus: 0 };
    const { weight, bonus } = this.fusion;
    const scorers = [
      [language.lexicon, 1],
      [language.model, weight],
    ];
    return { scorers, bonus };
  }

  async #findLines(grey, kind) {
    if (kind === "line") return { page: whole(grey), single: true };
    await this.useFinder();
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

/** The points [x, y] of the page along the middle of a crop, one for each border of its columns. */
function trackOf({ crop, where }, { width, height }) {
  const points = where(Array.from({ length: crop.width + 1 }, (_, x) => [x, crop.height / 2]));
  return points.map(([x, y]) => [clip(x, 0, width - 1), clip(y, 0, height - 1)]);
}

/** The point of a track at column x. */
function onTrack(track, x) {
  const left = clip(Math.floor(x), 0, track.length - 2);
  const share = clip(x - left, 0, 1);
  return [0, 1].map((k) => track[left][k] + (track[left + 1][k] - track[left][k]) * share);
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
