/** From log-probabilities {data, frames, classes} to ids: greedy decoding and alignment; class 0 is the blank. */

/**
 * A reading of a line: ids without blanks; places: the frame of each where it is strongest; confidences: its
 * probability there; score: a natural logarithm.
 */
export const candidate = (ids, score, places, confidences) => ({ ids, score, places, confidences });

/** The class that is most probable in a frame. */
export function best({ data, classes }, frame) {
  let found = 0;
  const at = frame * classes;
  for (let k = 1; k < classes; k++) if (data[at + k] > data[at + found]) found = k;
  return found;
}

/** The best class of each frame; repeats merged, then blanks dropped (Graves et al. 2006, section 3.2). */
export function greedy(logProbs) {
  const { data, frames, classes } = logProbs;
  const [ids, places, confidences] = [[], [], []];
  let [score, last, top] = [0, 0, -Infinity];
  for (let t = 0; t < frames; t++) {
    const id = best(logProbs, t);
    const p = data[t * classes + id];
    score += p;
    if (id && id !== last) {
      ids.push(id);
      places.push(t);
      confidences.push(Math.exp(p));
      top = p;
    } else if (id && p > top) {
      places[places.length - 1] = t;
      confidences[confidences.length - 1] = Math.exp(p);
      top = p;
    }
    last = id;
  }
  return candidate(ids, score, places, confidences);
}

/**
 * The frame of each character when a line must read `ids`: on the most probable path (Viterbi) the strongest frame of
 * its stretch. frames: those to look at, in order; the others are passed over.
 */
export function align({ data, classes }, ids, frames) {
  if (!ids.length) return [];
  const states = 2 * ids.length + 1; // blank, id, blank, id, ..., blank
  const id = (state) => (state % 2 ? ids[state >> 1] : 0);
  let score = new Float64Array(states).fill(-Infinity);
  score[0] = 0; // before the first frame: as if a blank had been written
  const back = new Uint8Array(frames.length * states); // 0, 1 or 2 states back
  frames.forEach((frame, t) => {
    const next = new Float64Array(states);
    for (let s = 0; s < states; s++) {
      let [top, step] = [score[s], 0];
      if (s > 0 && score[s - 1] > top) [top, step] = [score[s - 1], 1];
      if (s > 2 && s % 2 && id(s) !== id(s - 2) && score[s - 2] > top)
        [top, step] = [score[s - 2], 2];
      next[s] = top + data[frame * classes + id(s)];
      back[t * states + s] = step;
    }
    score = next;
  });
  let state = score[states - 2] > score[states - 1] ? states - 2 : states - 1;
  const places = new Array(ids.length).fill(0);
  const strongest = new Float64Array(ids.length).fill(-Infinity);
  for (let t = frames.length - 1; t >= 0; t--) {
    const p = data[frames[t] * classes + id(state)];
    if (state % 2 && p >= strongest[state >> 1]) {
      strongest[state >> 1] = p;
      places[state >> 1] = frames[t];
    }
    state -= back[t * states + state];
  }
  return places;
}
