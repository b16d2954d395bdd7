// Runs the reader of the site in node, for tests: `node reader_runner.mjs SITE_FOLDER JOBS_FOLDER`.
// jobs.json says what to do; pictures and arrays lie beside it as raw bytes, and so does what comes out.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [site, jobs] = process.argv.slice(2);
const module = (name) => import(pathToFileURL(path.resolve(site, name)));
const bytes = (file) => new Uint8Array(fs.readFileSync(file));
const floats = (name) => new Float32Array(bytes(path.join(jobs, name)).buffer);
const grey = ({ file, width, height }) => ({ data: bytes(path.join(jobs, file)), width, height });
const write = (name, array) => fs.writeFileSync(path.join(jobs, name), array);

const ort = await module("ort.wasm.min.mjs");
ort.env.wasm.numThreads = 1;
const { Reader } = await module("reader.js");
const { prepare } = await module("prepare.js");
const { linesOf } = await module("finder.js");
const { planes } = await module("maps.js");
const { likelihood } = await module("reasons.js");
const { cut } = await module("cutting.js");
const reader = await Reader.load("", { ort, read: async (name) => bytes(path.join(site, name)) });

const rows = ({ file, frames }) => ({
  data: floats(file),
  frames,
  classes: reader.characters.length + 1,
});
const plain = ({ data, ...rest }) => rest;
const shown = ({ text, confidence, characters, words, score }) => ({
  text,
  confidence,
  characters,
  words,
  score,
});

const does = {
  /** Prepared ink and the reading. */
  async line(job) {
    const { ink, left, scale } = prepare(grey(job), reader.network.about.preparation);
    write(`${job.file}.ink`, ink.data);
    return { left, scale, ...shown(await reader.readLine(grey(job))) };
  },

  /** Logits of ink. */
  async logits({ file, width, height }) {
    const { data } = await reader.network.logits({ data: floats(file), width, height });
    write(`${file}.logits`, data);
  },

  /** What stored log-probabilities say with a language. */
  async decode({ file, frames, language }) {
    await reader.useLanguage(language);
    return shown(reader.decode(rows({ file, frames })));
  },

  /** What the layers hand on; their maps one behind the other. */
  async layers(job) {
    const layers = await reader.layers(grey(job), job.shown);
    return layers.map(({ maps, ...rest }, k) => {
      maps.forEach(({ data }, m) => write(`${job.file}.${k}.${m}`, data));
      return { ...rest, shown: maps.map((one) => one.channel) };
    });
  },

  /** The beam after each frame of stored log-probabilities. */
  async beam({ file, frames, language, width }) {
    await reader.useLanguage(language);
    return reader.beam(rows({ file, frames }), language, width);
  },

  /** What a language changed, and log P(text | frames) of some ids. */
  async reasons({ file, frames, language, ids }) {
    await reader.useLanguage(language);
    const told = reader.reasons(rows({ file, frames }), language);
    return { ...told, likelihoods: ids.map((one) => likelihood(rows({ file, frames }), one)) };
  },

  async scores({ texts, language }) {
    await reader.useLanguage(language);
    return texts.map((text) => reader.language.model.score(text));
  },

  async lexicon({ texts, language }) {
    await reader.useLanguage(language);
    const { lexicon } = reader.language;
    return texts.map((text) => {
      let [total, state] = [0, lexicon.start];
      for (const c of text) {
        const id = reader.characters.indexOf(c) + 1;
        total += lexicon.logProb(state, id);
        state = lexicon.advance(state, id);
      }
      return total + lexicon.end(state);
    });
  },

  async language({ pages }) {
    const made = [];
    for (const lines of pages) {
      made.push(
        await reader.languageOf(
          lines.map(({ file, frames }) => ({
            logProbs: { data: floats(file), frames, classes: 80 },
          })),
        ),
      );
    }
    return made;
  },

  /** Lines of given maps, crops of given lines. */
  async page(job) {
    const { maps, lines } = job;
    const seen = planes(
      { ...maps, data: floats(maps.file) },
      maps.onPage[0],
      maps.onPage[1],
      maps.step,
    );
    const cuts = cut(grey(job), lines);
    cuts.forEach((one, k) => write(`${job.file}.${k}.crop`, one.crop.data));
    return {
      lines: linesOf(seen),
      crops: cuts.map(({ crop, polygon }) => ({ ...plain(crop), polygon })),
    };
  },

  async read(job) {
    await reader.useLanguage("none");
    const page = await reader.readPage(grey(job), { kind: job.kind });
    return {
      ...page,
      image: plain(page.image),
      lines: page.lines.map((line) => ({ ...line, crop: plain(line.crop), logProbs: null })),
    };
  },

  async refused(job) {
    try {
      await does[job.of](job);
    } catch (error) {
      return `${error.name}: ${error.message}`;
    }
    return "nothing was refused";
  },
};

const made = [];
for (const job of JSON.parse(fs.readFileSync(path.join(jobs, "jobs.json"), "utf-8")))
  made.push(await does[job.do](job));
fs.writeFileSync(path.join(jobs, "made.json"), JSON.stringify(made));
