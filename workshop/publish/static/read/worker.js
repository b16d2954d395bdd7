/** Runs the reader beside the page, which stays quick. Calls: load, page, language; layers, beam, reasons. */
import { open } from "../reader/files.js";

const BASE = new URL("../reader/", import.meta.url).href;
let reader = null;
let progress = () => {}; // told {loaded, total} of the files of the call that is running
const read = open(BASE, (told) => progress(told));
for (const name of ["course.onnx", "ort-wasm-simd-threaded.wasm"]) read(name).catch(() => {}); // large: begun before the code is here
const code = import("../reader/reader.js");

const calls = {
  /** Fetches and starts the reader; gives its characters, the names of its languages, what a frame sees. */
  async load(_, tell) {
    progress = tell;
    const { Reader } = await code;
    reader = await Reader.load(BASE, { read, finder: false });
    setTimeout(() => reader.useFinder().catch(() => {}), 0); // a page that needs it tells what is wrong
    const { characters, languages, sees, network } = reader;
    return { characters, languages: Object.keys(languages), sees, step: network.about.frame_step };
  },

  /** Reads a picture as the network sees it, without a language; tells each line as it is read. */
  async page({ grey, kind }, tell) {
    await reader.useLanguage("none");
    const plain = ({ where, ...line }) => line; // functions cannot be sent
    const onLine = (line, number, count) => tell({ line: plain(line), number, count });
    const { notes, single, milliseconds } = await reader.readPage(grey, { kind, onLine });
    return { notes, single, milliseconds };
  },

  /** Reads stored lines once more with a language; "auto" finds it in what they say. */
  async language({ name, lines }, tell) {
    progress = tell;
    const language = name === "auto" ? await reader.languageOf(lines) : name;
    await reader.useLanguage(language);
    return { language, readings: lines.map((line) => reader.decode(line.logProbs)) };
  },

  // For the views; they leave the language alone that is in use.

  layers: ({ crop }) => reader.layers(crop),

  beam: ({ logProbs, language, width }) => reader.beam(logProbs, language, width),

  reasons: ({ logProbs, language }) => reader.reasons(logProbs, language),
};

addEventListener("message", async ({ data: { id, name, argument } }) => {
  try {
    const value = await calls[name](argument, (told) => postMessage({ id, kind: "told", value: told }));
    postMessage({ id, kind: "done", value });
  } catch (error) {
    const plain = error.name === "ReaderError" ? error.message : `The reader failed: ${error.message}`;
    postMessage({ id, kind: "failed", value: plain });
  }
});
