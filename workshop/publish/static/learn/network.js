/**
 * The small network of the chapter "Start here", forward and backward: four convolutions with batch normalisation, ReLU and
 * max pooling, a BLSTM, and 27 numbers for each of 24 steps. Sizes, first weights and steps as in the chapter.
 */
import { Kernel } from "./kernel.js";

export const [HEIGHT, WIDTH, FRAMES, CLASSES] = [32, 96, 24, 27];
const LAYERS = [[12, 2], [24, 2], [32, 1], [48, 1]]; // channels, columns pooled; two rows are, always
const [UNITS, GATES, FEATURES, OUT] = [48, 192, 96, 28]; // OUT: classes and one that is not used, for fours
const [EPSILON, MOMENTUM, CLIP] = [1e-3, 0.9, 5];

/** Random numbers below 1, the same for the same seed (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class Network {
  /** batch: words that go through at once, a multiple of 4. */
  static async load(batch, seed = 0) {
    const made = new Network();
    made.kernel = await Kernel.load(64);
    made.batch = batch;
    made.#build(random(seed));
    return made;
  }

  #build(draw) {
    const { kernel, batch } = this;
    this.weights = []; // {name, value, gradient, first and second moment}
    this.done = 0; // steps
    const weight = (name, count, first) => {
      const [value, gradient] = [kernel.array(count), kernel.array(count)];
      for (let k = 0; k < count; k++) value[k] = first(k);
      this.weights.push({ name, value, gradient, one: new Float32Array(count), two: new Float32Array(count) });
      return { value, gradient };
    };
    const even = (limit) => () => (2 * draw() - 1) * limit; // Glorot and Bengio's first weights
    let [high, wide, given] = [HEIGHT, WIDTH, 4]; // ink is the first of four channels: products go by fours
    this.layers = LAYERS.map(([channels, pooled], number) => {
      const inputs = number ? given : 1;
      const first = even(Math.sqrt(6 / (9 * (inputs + channels))));
      const size = batch * high * wide * channels;
      const layer = {
        high, wide, given, channels, pooled, size,
        input: kernel.array(batch * (high + 2) * (wide + 2) * given), // with a border of zeros
        back: number ? kernel.array(batch * (high + 2) * (wide + 2) * given) : null,
        kernel: weight(`conv${number}`, 9 * given * channels, (k) => (Math.floor(k / channels) % given < inputs ? first() : 0)),
        turned: kernel.array(9 * given * channels),
        gamma: weight(`gamma${number}`, channels, () => 1),
        beta: weight(`beta${number}`, channels, () => 0),
        mean: new Float64Array(channels), variance: new Float64Array(channels).fill(1), // of all words so far
        made: kernel.array(size), slope: kernel.array(size),
        chosen: new Int32Array(size / (2 * pooled)), // which of each pool, -1 where it is below 0
      };
      [high, wide, given] = [high / 2, wide / pooled, channels];
      return layer;
    });
    const rows = FRAMES * batch;
    this.features = kernel.array(rows * FEATURES); // by frame, then word
    this.featuresBack = kernel.array(rows * FEATURES);
    this.directions = [0, 1].map((number) => ({
      number,
      input: weight(`input${number}`, FEATURES * GATES, even(Math.sqrt(6 / (FEATURES + GATES)))),
      recurrent: weight(`recurrent${number}`, UNITS * GATES, orthogonal(UNITS, GATES, draw)),
      bias: weight(`bias${number}`, GATES, (k) => (k >= UNITS && k < 2 * UNITS ? 1 : 0)), // forget gates begin open
      inputTurned: kernel.array(FEATURES * GATES), recurrentTurned: kernel.array(UNITS * GATES),
      gates: kernel.array(rows * GATES), gatesBack: kernel.array(rows * GATES),
      cells: kernel.array(rows * UNITS), before: kernel.array(batch * UNITS),
    }));
    this.hidden = kernel.array(rows * FEATURES);
    this.hiddenBack = kernel.array(rows * FEATURES);
    const last = even(Math.sqrt(6 / (FEATURES + CLASSES)));
    this.last = weight("last", FEATURES * OUT, (k) => (k % OUT < CLASSES ? last() : 0));
    this.lastTurned = kernel.array(FEATURES * OUT);
    this.lastBias = weight("lastBias", OUT, () => 0);
    this.logits = kernel.array(rows * OUT); // frame by frame, word by word
    this.logitsBack = kernel.array(rows * OUT);
  }

  /** pictures: HEIGHT x WIDTH of ink each, as many as the batch. learning: by the batch's own mean and spread. */
  forward(pictures, learning) {
    const first = this.layers[0];
    pictures.forEach((ink, b) => {
      for (let y = 0; y < HEIGHT; y++) {
        const at = ((b * (HEIGHT + 2) + y + 1) * (WIDTH + 2) + 1) * 4;
        for (let x = 0; x < WIDTH; x++) first.input[at + 4 * x] = ink[y * WIDTH + x];
      }
    });
    this.layers.forEach((layer, number) => {
      this.#convolve(layer);
      this.#normalise(layer, learning);
      this.#pool(layer, this.layers[number + 1]);
    });
    this.hidden.fill(0);
    for (const direction of this.directions) this.#walk(direction);
    const rows = FRAMES * this.batch;
    for (let r = 0; r < rows; r++) this.logits.set(this.lastBias.value, r * OUT);
    this.kernel.product([this.hidden, 0, FEATURES], [this.last.value, 0, OUT], [this.logits, 0, OUT], rows, OUT, FEATURES);
  }

  /** Rows of a layer and the three rows of its input that each sees: what a product of three rows takes. */
  #rows({ high, wide, given, channels }, what) {
    for (let b = 0; b < this.batch; b++) {
      for (let y = 0; y < high; y++) {
        for (let ky = 0; ky < 3; ky++) {
          what((b * high + y) * wide * channels, (b * (high + 2) + y + ky) * (wide + 2) * given, ky * 3 * given);
        }
      }
    }
  }

  #convolve(layer) {
    const { wide, given, channels, input, made, kernel } = layer;
    made.fill(0);
    this.#rows(layer, (to, from, part) => this.kernel.product([input, from, given],
      [kernel.value, part * channels, channels], [made, to, channels], wide, channels, 3 * given));
  }

  #normalise(layer, learning) {
    const { channels, size, made, gamma, beta } = layer;
    const count = size / channels;
    const mean = new Float64Array(channels);
    const variance = new Float64Array(channels);
    if (learning) {
      for (let at = 0; at < size; at += channels) {
        for (let c = 0; c < channels; c++) {
          const v = made[at + c];
          mean[c] += v;
          variance[c] += v * v;
        }
      }
      for (let c = 0; c < channels; c++) {
        mean[c] /= count;
        variance[c] = Math.max(0, variance[c] / count - mean[c] * mean[c]);
        layer.mean[c] = MOMENTUM * layer.mean[c] + (1 - MOMENTUM) * mean[c];
        layer.variance[c] = MOMENTUM * layer.variance[c] + (1 - MOMENTUM) * variance[c];
      }
    } else {
      mean.set(layer.mean);
      variance.set(layer.variance);
    }
    layer.seen = mean;
    layer.inverse = variance.map((v) => 1 / Math.sqrt(v + EPSILON));
    layer.scale = layer.inverse.map((v, c) => v * gamma.value[c]);
    layer.shift = layer.scale.map((v, c) => beta.value[c] - v * mean[c]);
  }

  /** The largest of each pool, no less than 0, goes into the next layer's input, or into the features. */
  #pool({ high, wide, channels, pooled, made, scale, shift, chosen }, next) {
    let k = 0;
    this.#pools({ high, wide, channels, pooled }, next, (at, to) => {
      for (let c = 0; c < channels; c++) {
        let [top, from] = [0, -1];
        for (let dy = 0; dy < 2; dy++) {
          for (let dx = 0; dx < pooled; dx++) {
            const place = at + (dy * wide + dx) * channels + c;
            const v = made[place] * scale[c] + shift[c];
            if (v > top) {
              top = v;
              from = place;
            }
          }
        }
        chosen[k++] = from;
        (next ? next.input : this.features)[to + c] = top;
      }
    });
  }

  /** Calls `what` with the first place of each pool, and where its result goes. */
  #pools({ high, wide, channels, pooled }, next, what) {
    const [rows, columns] = [high / 2, wide / pooled];
    for (let b = 0; b < this.batch; b++) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          const to = next ? ((b * (rows + 2) + y + 1) * (columns + 2) + x + 1) * channels
            : (x * this.batch + b) * FEATURES + y * channels;
          what(((b * high + 2 * y) * wide + pooled * x) * channels, to);
        }
      }
    }
  }

  /** The frames in the order of a direction. */
  #order = (number) => Array.from({ length: FRAMES }, (_, k) => (number ? FRAMES - 1 - k : k));

  #walk({ number, input, recurrent, bias, gates, cells }) {
    const { kernel, batch, features, hidden } = this;
    const rows = FRAMES * batch;
    for (let r = 0; r < rows; r++) gates.set(bias.value, r * GATES);
    kernel.product([features, 0, FEATURES], [input.value, 0, GATES], [gates, 0, GATES], rows, GATES, FEATURES);
    const half = number * UNITS; // where its part of the hidden numbers begins
    let past = -1;
    for (const t of this.#order(number)) {
      if (past >= 0) {
        kernel.product([hidden, past * batch * FEATURES + half, FEATURES], [recurrent.value, 0, GATES],
          [gates, t * batch * GATES, GATES], batch, GATES, UNITS);
      }
      for (let b = 0; b < batch; b++) {
        const at = (t * batch + b) * GATES;
        for (let u = 0; u < UNITS; u++) {
          const [i, f] = [sigmoid(gates[at + u]), sigmoid(gates[at + UNITS + u])];
          const [g, o] = [Math.tanh(gates[at + 2 * UNITS + u]), sigmoid(gates[at + 3 * UNITS + u])];
          const c = f * (past < 0 ? 0 : cells[(past * batch + b) * UNITS + u]) + i * g;
          gates[at + u] = i;
          gates[at + UNITS + u] = f;
          gates[at + 2 * UNITS + u] = g;
          gates[at + 3 * UNITS + u] = o;
          cells[(t * batch + b) * UNITS + u] = c;
          hidden[(t * batch + b) * FEATURES + half + u] = o * Math.tanh(c);
        }
      }
      past = t;
    }
  }

  /** From `logitsBack`, the slope of the loss at each logit, to the gradient of every weight. */
  backward() {
    const { kernel, batch, last, lastTurned, lastBias, logitsBack, hidden, hiddenBack, features, featuresBack } = this;
    for (const { gradient } of this.weights) gradient.fill(0);
    const rows = FRAMES * batch;
    kernel.product([hidden, 0, 1, FEATURES], [logitsBack, 0, OUT], [last.gradient, 0, OUT], FEATURES, OUT, rows);
    sumRows(logitsBack, lastBias.gradient);
    turn(last.value, FEATURES, OUT, lastTurned);
    hiddenBack.fill(0);
    kernel.product([logitsBack, 0, OUT], [lastTurned, 0, FEATURES], [hiddenBack, 0, FEATURES], rows, FEATURES, OUT);
    featuresBack.fill(0);
    for (const direction of this.directions) {
      this.#walkBack(direction);
      const { gatesBack, input, inputTurned, bias } = direction;
      kernel.product([features, 0, 1, FEATURES], [gatesBack, 0, GATES], [input.gradient, 0, GATES], FEATURES, GATES, rows);
      sumRows(gatesBack, bias.gradient);
      turn(input.value, FEATURES, GATES, inputTurned);
      kernel.product([gatesBack, 0, GATES], [inputTurned, 0, FEATURES], [featuresBack, 0, FEATURES], rows, FEATURES, GATES);
    }
    for (let number = LAYERS.length - 1; number >= 0; number--) this.#layerBack(this.layers[number], this.layers[number + 1]);
  }

  #walkBack({ number, recurrent, recurrentTurned, gates, gatesBack, cells, before }) {
    const { kernel, batch, hidden, hiddenBack } = this;
    const half = number * UNITS;
    turn(recurrent.value, UNITS, GATES, recurrentTurned);
    before.fill(0); // slopes of the cells
    const order = this.#order(number);
    for (let k = FRAMES - 1; k >= 0; k--) {
      const [t, past] = [order[k], k ? order[k - 1] : -1];
      for (let b = 0; b < batch; b++) {
        const at = (t * batch + b) * GATES;
        for (let u = 0; u < UNITS; u++) {
          const [i, f, g, o] = [gates[at + u], gates[at + UNITS + u], gates[at + 2 * UNITS + u], gates[at + 3 * UNITS + u]];
          const bent = Math.tanh(cells[(t * batch + b) * UNITS + u]);
          const slope = hiddenBack[(t * batch + b) * FEATURES + half + u];
          const cell = before[b * UNITS + u] + slope * o * (1 - bent * bent);
          const old = past < 0 ? 0 : cells[(past * batch + b) * UNITS + u];
          gatesBack[at + u] = cell * g * i * (1 - i);
          gatesBack[at + UNITS + u] = cell * old * f * (1 - f);
          gatesBack[at + 2 * UNITS + u] = cell * i * (1 - g * g);
          gatesBack[at + 3 * UNITS + u] = slope * bent * o * (1 - o);
          before[b * UNITS + u] = cell * f;
        }
      }
      if (past < 0) continue;
      kernel.product([gatesBack, t * batch * GATES, GATES], [recurrentTurned, 0, UNITS],
        [hiddenBack, past * batch * FEATURES + half, FEATURES], batch, UNITS, GATES);
      kernel.product([hidden, past * batch * FEATURES + half, 1, FEATURES], [gatesBack, t * batch * GATES, GATES],
        [recurrent.gradient, 0, GATES], UNITS, GATES, batch);
    }
  }

  #layerBack(layer, next) {
    const { wide, given, channels, size, input, back, kernel, turned, gamma, beta, made, slope, chosen, seen, inverse, scale } = layer;
    const came = next ? next.back : this.featuresBack;
    slope.fill(0);
    const [ofBeta, ofGamma] = [new Float64Array(channels), new Float64Array(channels)];
    let k = 0;
    this.#pools(layer, next, (_, from) => {
      for (let c = 0; c < channels; c++) {
        const place = chosen[k++];
        if (place < 0) continue;
        const d = came[from + c];
        slope[place] = d * scale[c];
        ofBeta[c] += d;
        ofGamma[c] += d * (made[place] - seen[c]) * inverse[c];
      }
    });
    const count = size / channels;
    const inner = ofGamma.map((v, c) => (-scale[c] * inverse[c] * v) / count);
    const outer = ofBeta.map((v, c) => (-scale[c] * v) / count - inner[c] * seen[c]);
    for (let at = 0; at < size; at += channels) {
      for (let c = 0; c < channels; c++) slope[at + c] += inner[c] * made[at + c] + outer[c];
    }
    gamma.gradient.set(ofGamma);
    beta.gradient.set(ofBeta);
    if (back) {
      back.fill(0);
      for (let ky = 0; ky < 3; ky++) {
        const part = ky * 3 * given * channels;
        turn(kernel.value.subarray(part), 3 * given, channels, turned.subarray(part));
      }
    }
    this.#rows(layer, (from, to, part) => {
      this.kernel.product([input, to, 1, given], [slope, from, channels], [kernel.gradient, part * channels, channels],
        3 * given, channels, wide);
      if (back) {
        this.kernel.product([slope, from, channels], [turned, part * channels, 3 * given], [back, to, given],
          wide, 3 * given, channels);
      }
    });
  }

  /** One step of Adam down the gradient, which is shortened where it is longer than CLIP. */
  step(rate) {
    this.done += 1;
    let length = 0;
    for (const { gradient } of this.weights) for (let k = 0; k < gradient.length; k++) length += gradient[k] ** 2;
    const shorter = Math.min(1, CLIP / Math.max(1e-12, Math.sqrt(length)));
    const pace = (rate * Math.sqrt(1 - 0.999 ** this.done)) / (1 - 0.9 ** this.done);
    for (const { value, gradient, one, two } of this.weights) {
      for (let k = 0; k < value.length; k++) {
        const g = gradient[k] * shorter;
        one[k] = 0.9 * one[k] + 0.1 * g;
        two[k] = 0.999 * two[k] + 0.001 * g * g;
        value[k] -= (pace * one[k]) / (Math.sqrt(two[k]) + 1e-7);
      }
    }
  }

  /** The logits of word b: {data, frames, classes}, as log-probabilities. */
  logProbs(b) {
    const data = new Float32Array(FRAMES * CLASSES);
    for (let t = 0; t < FRAMES; t++) {
      const row = this.logits.subarray((t * this.batch + b) * OUT, (t * this.batch + b) * OUT + CLASSES);
      const top = Math.max(...row);
      const rest = top + Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0));
      row.forEach((v, k) => { data[t * CLASSES + k] = v - rest; });
    }
    return { data, frames: FRAMES, classes: CLASSES };
  }

  /** Sets the slope of the loss of each word, CTC, divided by their number; returns the mean loss. */
  loss(labels) {
    let total = 0;
    this.logitsBack.fill(0);
    labels.forEach((ids, b) => {
      const rows = this.logProbs(b);
      const { loss, chances } = ctc(rows.data, ids);
      total += loss / labels.length;
      for (let t = 0; t < FRAMES; t++) {
        for (let k = 0; k < CLASSES; k++) {
          const at = t * CLASSES + k;
          this.logitsBack[(t * this.batch + b) * OUT + k] = (Math.exp(rows.data[at]) - chances[at]) / labels.length;
        }
      }
    });
    return total;
  }
}

const sigmoid = (v) => 1 / (1 + Math.exp(-v));

/** (rows, columns) -> (columns, rows). */
function turn(given, rows, columns, made) {
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) made[c * rows + r] = given[r * columns + c];
}

function sumRows(given, made) {
  for (let at = 0; at < given.length; at += made.length) for (let k = 0; k < made.length; k++) made[k] += given[at + k];
}

/** First weights whose rows stand at right angles, each of length 1. */
function orthogonal(rows, columns, draw) {
  const normal = () => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  const made = [];
  while (made.length < rows) {
    const row = Array.from({ length: columns }, normal);
    for (const other of made) {
      const along = row.reduce((sum, v, k) => sum + v * other[k], 0);
      row.forEach((_, k) => { row[k] -= along * other[k]; });
    }
    const length = Math.hypot(...row);
    made.push(row.map((v) => v / length));
  }
  return (k) => made[Math.floor(k / columns)][k % columns];
}

/** Minus the log-probability of the labels over all alignments, and how probable each class is in each frame then. */
export function ctc(logProbs, ids) {
  const states = 2 * ids.length + 1; // blank, id, blank, ...
  const id = (s) => (s % 2 ? ids[s >> 1] : 0);
  const leap = (s) => s > 1 && s % 2 && id(s) !== id(s - 2); // past the blank between two different ones
  const sum = (...values) => {
    const top = Math.max(...values);
    return top === -Infinity ? top : top + Math.log(values.reduce((all, v) => all + Math.exp(v - top), 0));
  };
  const [alpha, beta] = [0, 1].map(() => new Float64Array(FRAMES * states).fill(-Infinity));
  const p = (t, s) => logProbs[t * CLASSES + id(s)];
  for (let t = 0; t < FRAMES; t++) {
    for (let s = 0; s < states; s++) {
      const from = (k) => (k < 0 ? -Infinity : t ? alpha[(t - 1) * states + k] : -Infinity);
      const before = t ? sum(from(s), from(s - 1), leap(s) ? from(s - 2) : -Infinity) : s < 2 ? 0 : -Infinity;
      alpha[t * states + s] = before + p(t, s);
    }
  }
  for (let t = FRAMES - 1; t >= 0; t--) {
    for (let s = states - 1; s >= 0; s--) {
      const to = (k) => (k < states && t + 1 < FRAMES ? beta[(t + 1) * states + k] + p(t + 1, k) : -Infinity);
      beta[t * states + s] = t + 1 < FRAMES ? sum(to(s), to(s + 1), s + 2 < states && leap(s + 2) ? to(s + 2) : -Infinity)
        : s > states - 3 ? 0 : -Infinity;
    }
  }
  const end = (FRAMES - 1) * states;
  const all = sum(alpha[end + states - 1], states > 1 ? alpha[end + states - 2] : -Infinity);
  const chances = new Float64Array(FRAMES * CLASSES);
  for (let t = 0; t < FRAMES; t++) {
    for (let s = 0; s < states; s++) chances[t * CLASSES + id(s)] += Math.exp(alpha[t * states + s] + beta[t * states + s] - all);
  }
  return { loss: -all, chances };
}
