/** Plain arithmetic on lists of numbers, as NumPy does it. */

/** The nearest whole number; halves go to the even one. */
export function round(x) {
  const whole = Math.floor(x);
  const over = x - whole;
  if (over !== 0.5) return over < 0.5 ? whole : whole + 1;
  return whole % 2 ? whole + 1 : whole;
}

export const clip = (x, low, high) => Math.min(Math.max(x, low), high);

export const sum = (values) => values.reduce((total, x) => total + x, 0);

export const mean = (values) => (values.length ? sum(values) / values.length : 0);

/** The standard deviation. */
export function spread(values) {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((x) => (x - middle) ** 2)));
}

/** log(e^a + e^b); minus infinity stands for nothing. */
export function logAdd(a, b) {
  if (a === -Infinity || b === -Infinity) return Math.max(a, b);
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}

/** The value below which `share` per cent lie, between neighbours in a straight line; NaN of nothing. */
export function percentile(values, share) {
  return percentileOfSorted(
    values instanceof Uint8Array ? countingSort(values) : Float64Array.from(values).sort(),
    share,
  );
}

function countingSort(bytes) {
  const counts = new Uint32Array(256);
  for (const level of bytes) counts[level]++;
  const sorted = new Uint8Array(bytes.length);
  let at = 0;
  counts.forEach((count, level) => sorted.fill(level, at, (at += count)));
  return sorted;
}

export function percentileOfSorted(sorted, share) {
  if (!sorted.length) return NaN;
  const place = ((sorted.length - 1) * share) / 100;
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below);
}

export const median = (values) => percentile(values, 50);

/** The value that half of all weight lies at or below. */
export function weightedMedian(values, weights) {
  const by = argsort(values);
  const half = sum(weights) / 2;
  let total = 0;
  for (const k of by) {
    total += weights[k];
    if (total >= half) return values[k];
  }
  return values[by.at(-1)];
}

/** The places of the values from the least to the greatest; equals keep their order. */
export function argsort(values) {
  return Array.from(values, (_, k) => k).sort((a, b) => values[a] - values[b] || a - b);
}

/** `count` numbers from `first` to `last`, evenly. */
export function linspace(first, last, count) {
  const step = (last - first) / Math.max(1, count - 1);
  const made = Array.from({ length: count }, (_, k) => first + k * step);
  if (count > 1) made[count - 1] = last;
  return made;
}

/** The value at `x` of the line through the points (xs, ys), xs rising; the ends go on level. */
export function interpolate(x, xs, ys) {
  const last = xs.length - 1;
  if (!(x > xs[0])) return ys[0];
  if (x >= xs[last]) return ys[last];
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  return ys[low] + ((ys[high] - ys[low]) / (xs[high] - xs[low])) * (x - xs[low]);
}

/** The mean over `size` neighbours (odd) of each value; the list must be longer by size - 1 than what comes back. */
export function runningMean(values, size) {
  const made = new Float64Array(values.length - size + 1);
  for (let at = 0; at < made.length; at++) {
    let total = 0;
    for (let k = 0; k < size; k++) total += values[at + k];
    made[at] = total / size;
  }
  return made;
}
