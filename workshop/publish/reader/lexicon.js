/** A word list that judges a beam: the tree of its words, and a price for words that it lacks; see `htr_utils.text.lexicon`. */

const [ROOT, OUTSIDE, FREE] = [0, 1, 2];
const isLetter = (c) => /^\p{L}$/u.test(c);
const isDigit = (c) => /^\p{Nd}$/u.test(c);

/**
 * Words are runs of letters, with apostrophes where the list has them. Capitals, punctuation and digits are free; so
 * are letters right after a digit. A state is a node: its first child and its next sibling lie in flat arrays.
 */
export class Lexicon {
  /** price: for leaving the list, in nats; letter: for each further letter of that word. */
  constructor(words, characters, price, letter) {
    const all = [...characters];
    this.folded = ["", ...all.map((c) => (isLetter(c) || c === "'" ? c.toLowerCase() : ""))];
    this.letter = ["", ...all].map((c) => isLetter(c));
    this.digit = ["", ...all].map((c) => isDigit(c));
    const known = new Set(this.folded);
    const list = new Set();
    for (const word of words) {
      const low = word.toLowerCase();
      if (low && [...low].every((c) => known.has(c))) list.add(low);
    }
    this.#grow([...list].sort());
    // Prices of what is not in the tree, by the kind of node: within a word, at the end of one, outside, free.
    this.prices = [
      [price, price],
      [0, price],
      [0, letter],
      [0, 0],
    ];
  }

  #grow(sorted) {
    const size = 3 + sorted.reduce((total, word) => total + word.length, 0);
    [this.child, this.next] = [new Int32Array(size), new Int32Array(size)];
    this.code = new Uint16Array(size);
    this.kind = new Uint8Array(size); // 0 within a word, 1 at the end of one
    [this.kind[ROOT], this.kind[OUTSIDE], this.kind[FREE]] = [1, 2, 3];
    let count = 3;
    let [path, before] = [[ROOT], ""];
    for (const word of sorted) {
      let same = 0;
      while (same < before.length && word[same] === before[same]) same++;
      const sibling = path[same + 1]; // the last child that the shared beginning has so far
      path = path.slice(0, same + 1);
      for (let k = same; k < word.length; k++) {
        const parent = path[k];
        if (k === same && sibling !== undefined) this.next[sibling] = count;
        else this.child[parent] = count;
        this.code[count] = word.charCodeAt(k);
        // The closing quote of 'dog' looks like the beginning of "dog's".
        if (word[k] === "'") this.kind[count] = this.kind[parent];
        path.push(count++);
      }
      this.kind[path.at(-1)] = 1;
      before = word;
    }
    this.start = ROOT;
  }

  /** The node that a character leads to within the list, or 0. */
  find(state, id) {
    const code = this.folded[id].charCodeAt(0);
    let node = this.child[state];
    while (node && this.code[node] !== code) node = this.next[node];
    return node;
  }

  logProb(state, id) {
    return this.find(state, id) ? 0 : -this.prices[this.kind[state]][this.letter[id] ? 1 : 0];
  }

  advance(state, id) {
    if (this.digit[id]) return FREE;
    const node = this.find(state, id);
    if (node) return node;
    if (!this.letter[id]) return ROOT;
    return state === FREE ? FREE : OUTSIDE;
  }

  end(state) {
    return -this.prices[this.kind[state]][0];
  }
}
