/** How likely is this text? A character n-gram model out of a `.lm` file; see `htr_utils.text.language`. */
import { ReaderError } from "./errors.js";
import { unzip } from "./zip.js";

const f = Math.fround;
// A probability is stored in one byte: its logit on an even grid.
const P = Float32Array.from({ length: 256 }, (_, k) => 1 / (1 + Math.exp(-(-13 + (k * 21) / 255))));

/**
 * P(c | h) = p(c | h) + rest(h) * P(c | h without its first character), the shortest context first.
 *
 * The n-grams are a tree in arrays: node 0 is the empty context; the children of a node lie together, sorted by
 * character. A state is a node that has children: the longest context that something is known to follow.
 */
export class LanguageModel {
  static async load(bytes, name, characters) {
    try {
      const parts = await unzip(bytes);
      const text = (part) => new TextDecoder().decode(parts[part]);
      const about = JSON.parse(text("about.json"));
      if (about.format !== 1) throw new RangeError(`format ${about.format}`);
      const words = text("words.tsv")
        .split("\n")
        .filter(Boolean)
        .map((row) => row.split("\t")[0]);
      const model = new LanguageModel(about, parts.char, parts.children, parts.share, words);
      if (about.characters === characters) return model;
    } catch (error) {
      throw new ReaderError(
        `The language model ${name} is damaged; load the page again or build the site anew.`,
        { cause: error },
      );
    }
    throw new ReaderError(
      `The language model ${name} is made for other characters than the network's.`,
    );
  }

  constructor(about, char, children, share, words) {
    Object.assign(this, { characters: about.characters, char, children, share, words });
    this.classes = [...about.characters].length + 1;
    this.space = [...about.characters].indexOf(" ") + 1;
    this.first = new Uint32Array(char.length); // the place of a node's first child
    let next = 1;
    for (let node = 0; node < char.length; node++) {
      this.first[node] = next;
      next += children[node];
    }
    if (next !== char.length || !this.space || share.length !== char.length)
      throw new RangeError("its tree does not hold together");
    this.suffix = new Int32Array(char.length); // of nodes met so far: the node without its first character
    this.rests = new Float32Array(char.length); // 0: not yet known
    this.start = this.advance(0, this.space);
  }

  /** The child of a node that ends in a character, or 0. */
  child(node, id) {
    let low = this.first[node];
    let high = low + this.children[node];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.char[middle] < id) low = middle + 1;
      else high = middle;
    }
    return low < this.first[node] + this.children[node] && this.char[low] === id ? low : 0;
  }

  /** What a node leaves to shorter contexts. */
  rest(node) {
    if (this.rests[node]) return this.rests[node];
    const shares = this.share.subarray(this.first[node], this.first[node] + this.children[node]);
    const rest = 1 - shares.reduce((total, k) => total + P[k], 0);
    return (this.rests[node] = Math.max(rest, 1e-6));
  }

  /** log P of a character after a state, natural logarithm. */
  logProb(state, id) {
    return f(Math.log(this.prob(state, id)));
  }

  prob(state, id) {
    const shorter = state ? this.prob(this.suffix[state], id) : f(1 / (this.classes - 1));
    const child = this.child(state, id);
    const left = f(shorter * this.rest(state));
    return child ? f(left + P[this.share[child]]) : left;
  }

  /** The state after one more character. */
  advance(state, id) {
    const child = this.child(state, id);
    const shorter = state ? () => this.advance(this.suffix[state], id) : () => 0;
    if (!child || !this.children[child]) return shorter();
    if (!this.suffix[child] && state) this.suffix[child] = shorter();
    return child;
  }

  /** log P that the line ends in a state: that of a space, or 0 where a space was written last. */
  end(state) {
    return this.char[state] === this.space ? 0 : this.logProb(state, this.space);
  }

  /** log P of a text with its end, in nats. */
  score(text) {
    const places = new Map([...this.characters].map((c, k) => [c, k + 1]));
    let [total, state] = [0, this.start];
    for (const c of text) {
      total += this.logProb(state, places.get(c));
      state = this.advance(state, places.get(c));
    }
    return total + this.end(state);
  }
}
