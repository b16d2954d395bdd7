/** The decoders with the settings that were chosen for the model: greedy, or the beam with a language; see `text.tuned`. */
import { align, greedy } from "./ctc.js";
import { Lexicon } from "./lexicon.js";
import { fixed } from "./literal.js";
import { clip } from "./numbers.js";
import { livelyFrames, search } from "./search.js";

const [PRUNE, BEHIND] = [1e-4, 9];

/** A language: its model and its word list. settings: `fusion` of decoding.json. */
export class Language {
  constructor(name, model, words, settings) {
    Object.assign(this, { name, model, settings });
    this.lexicon = new Lexicon(words, model.characters, settings.price, settings.letter);
  }

  /** What the beam reads; literal words stay as greedy decoding reads them. watch: see `search`. */
  decode(logProbs, characters, watch) {
    const seen = greedy(logProbs);
    if (!seen.ids.length) return seen; // where the network sees nothing, there is nothing to foresee
    const sure = fixed(logProbs, seen, characters);
    const frames = livelyFrames(sure, PRUNE);
    const { weight, bonus, width } = this.settings;
    const scorers = [
      [this.lexicon, 1],
      [this.model, weight],
    ];
    const { ids, score } = search(frames, scorers, { width, bonus, behind: BEHIND, watch });
    const places = align(sure, ids, frames.kept);
    const confidences = ids.map((id, k) =>
      Math.exp(logProbs.data[places[k] * logProbs.classes + id]),
    );
    return { ids, score, places, confidences };
  }
}

/** A network's confidence as one that keeps its promise (Guo et al. 2017; Platt 1999). scale: {temperature, shift}. */
export function scaled(confidence, scale) {
  if (!scale) return confidence;
  const p = clip(confidence, 1e-7, 1 - 1e-7);
  return 1 / (1 + Math.exp(-Math.log(p / (1 - p)) / scale.temperature - scale.shift));
}
