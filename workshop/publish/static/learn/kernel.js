/**
 * The one product that the small network is made of, C += A B of 32-bit numbers, as WebAssembly with four lanes; its bytes
 * are put together here. Arrays that take part lie in its memory: `array(n)` gives one of zeros, `at` is its address.
 */
const I32 = 0x7f;
const V128 = 0x7b;
const get = (k) => [0x20, k];
const set = (k) => [0x21, k];
const add = 0x6a;
const number = (n) => [0x41, ...(n < 64 ? [n] : [(n & 127) | 128, n >> 7])];
const load = (k) => [...get(k), 0xfd, 0x00, 2, 0];
const spread = (k) => [...get(k), 0xfd, 0x09, 2, 0]; // one number in all four lanes
const store = [0xfd, 0x0b, 2, 0];
const times = [0xfd, 0xe6, 0x01];
const plus = [0xfd, 0xe4, 0x01];
const move = (k, by) => [...get(k), ...by, add, ...set(k)];
const loop = (k, step, ...body) => [0x03, 0x40, ...body.flat(), ...get(k), ...number(step), 0x6b, 0x22, k, 0x0d, 0, 0x0b]; // until k is 0

// Parameters: addresses and distances in bytes. Of A: a, its rows aRow, its columns aColumn apart; of B and C rows alone.
const [A, A_ROW, A_COLUMN, B, B_ROW, C, C_ROW, M, N, K] = Array.from({ length: 10 }, (_, k) => k);
const [COLUMNS, DEPTH, PB, PC, BB, ...REST] = Array.from({ length: 20 }, (_, k) => 10 + k);
const P = REST.slice(0, 4); // the four rows of A
const Q = REST.slice(4, 8); // and of C
const FOUR = 23; // the next is the first of the lanes
const [S, VB] = [[24, 25, 26, 27], 28];

function code() {
  const rows = (list, first, step) => list.flatMap((k, r) => [...(r ? get(list[r - 1]) : get(first)), ...(r ? [...get(step), add] : []), ...set(k)]);
  const multiply = S.flatMap((s, r) => [...get(s), ...spread(P[r]), ...get(VB), ...times, ...plus, ...set(s)]);
  const inner = loop(DEPTH, 1, [...load(PB), ...set(VB)], multiply, P.flatMap((p) => move(p, get(A_COLUMN))), move(PB, get(B_ROW)));
  const tile = [
    rows(P, A, A_ROW), rows(Q, PC, C_ROW), S.flatMap((s, r) => [...load(Q[r]), ...set(s)]),
    [...get(BB), ...set(PB), ...get(K), ...set(DEPTH)], inner,
    S.flatMap((s, r) => [...get(Q[r]), ...get(s), ...store]),
    move(BB, number(16)), move(PC, number(16)),
  ];
  const row = [
    [...get(B), ...set(BB), ...get(C), ...set(PC), ...get(N), ...set(COLUMNS)], loop(COLUMNS, 4, ...tile),
    [...get(A_ROW), ...number(2), 0x74, ...set(FOUR)], move(A, get(FOUR)),
    [...get(C_ROW), ...number(2), 0x74, ...set(FOUR)], move(C, get(FOUR)),
  ];
  return loop(M, 4, ...row);
}

function bytes() {
  const size = (n) => (n < 128 ? [n] : [(n & 127) | 128, n >> 7]);
  const section = (id, body) => [id, ...size(body.length), ...body];
  const body = [2, 14, I32, 5, V128, ...code(), 0x0b];
  const text = (word) => [word.length, ...new TextEncoder().encode(word)];
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 10, ...Array(10).fill(I32), 0]),
    ...section(2, [1, ...text("js"), ...text("memory"), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text("product"), 0, 0]),
    ...section(10, [1, ...size(body.length), ...body]),
  ]);
}

export class Kernel {
  /** megabytes: of all arrays together. */
  static async load(megabytes) {
    const made = new Kernel();
    made.memory = new WebAssembly.Memory({ initial: megabytes * 16 });
    made.used = 0;
    const { instance } = await WebAssembly.instantiate(bytes(), { js: { memory: made.memory } });
    made.raw = instance.exports.product;
    return made;
  }

  array(count) {
    const made = new Float32Array(this.memory.buffer, this.used, count);
    this.used += Math.ceil(count / 4) * 16;
    return made;
  }

  /**
   * C (m, n) += A (m, k) B (k, n); m and n multiples of 4. Each of a, b, c: [array, first element, distance of rows]; of a
   * also the distance of columns. Distances in elements.
   */
  product([a, aFirst, aRow, aColumn = 1], [b, bFirst, bRow], [c, cFirst, cRow], m, n, k) {
    this.raw(a.byteOffset + 4 * aFirst, 4 * aRow, 4 * aColumn, b.byteOffset + 4 * bFirst, 4 * bRow,
      c.byteOffset + 4 * cFirst, 4 * cRow, m, n, k);
  }
}
