/** What the line finder's network says of a page; see `htr_utils.pages.finder`. */
import { round } from "./numbers.js";
import { picture, resize } from "./pixels.js";

export const WORK = 1152; // long side at which the network sees a page, a multiple of 32
const FINE = 2; // places of the maps a place of the network's answer

/** The page as the network sees it, its sides filled up to multiples of 32: {page, width, height, scale}. */
function seen(grey, side) {
  const scale = side / Math.max(grey.width, grey.height);
  const [width, height] = [grey.width, grey.height].map((size) => Math.max(1, round(size * scale)));
  const small = resize(grey, width, height, scale < 1 ? "area" : "cubic");
  const page = picture(Math.ceil(width / 32) * 32, Math.ceil(height / 32) * 32);
  for (let y = 0; y < page.height; y++) {
    const from = Math.min(y, height - 1) * width;
    const row = page.data.subarray(y * page.width, (y + 1) * page.width);
    row.fill(small.data[from + width - 1]);
    row.set(small.data.subarray(from, from + width));
  }
  return { page, width, height, scale };
}

/**
 * {core, ends, printed, turned, width, height, step}: planes of 0 to 1, Float32, and the pixels of the page a place of
 * them. network: a FinderNetwork.
 */
export async function maps(grey, network, side = WORK) {
  const { page, width, height, scale } = seen(grey, side);
  const answer = await network.maps(page);
  return planes(answer, Math.ceil(width / 4), Math.ceil(height / 4), 4 / FINE / scale);
}

/** The network's logits, of which `width` x `height` places lie on the page, as finer planes of 0 to 1. */
export function planes(logits, width, height, step) {
  const made = { width: width * FINE, height: height * FINE, step };
  ["core", "ends", "printed", "turned"].forEach((name, k) => {
    const one = picture(width, height, Float32Array);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++)
        one.data[y * width + x] = logits.data[(y * logits.width + x) * logits.planes + k];
    }
    made[name] = resize(one, made.width, made.height, "linear").data.map(
      (value) => 1 / (1 + Math.exp(-value)),
    );
  });
  return made;
}
