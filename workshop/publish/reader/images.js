/** A file, a canvas or its pixels -> grey levels {data: Uint8Array, width, height}: 0 is black, transparency is paper. */
import { ReaderError } from "./errors.js";
import { round } from "./numbers.js";
import { MAX_PIXELS } from "./prepare.js";

/** Pixels of a canvas (ImageData) as grey levels, as Pillow makes them. */
export function ofPixels({ data, width, height }) {
  const grey = { data: new Uint8Array(width * height), width, height };
  for (let k = 0; k < grey.data.length; k++) {
    const share = data[4 * k + 3] / 255;
    const [r, g, b] = [0, 1, 2].map((c) =>
      share === 1 ? data[4 * k + c] : round(255 - (255 - data[4 * k + c]) * share),
    );
    grey.data[k] = (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
  }
  return grey;
}

/** A canvas as grey levels. */
export function ofCanvas(canvas) {
  return ofPixels(
    canvas
      .getContext("2d", { willReadFrequently: true })
      .getImageData(0, 0, canvas.width, canvas.height),
  );
}

/**
 * A picture's file (Blob) as grey levels, upright as its camera says, with `scale` besides: 1, or how much smaller it
 * was made, since it had more than 40 megapixels.
 */
export async function ofFile(blob) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch (error) {
    const name = blob.name ? `${blob.name} is` : "This is";
    throw new ReaderError(`${name} no picture that this browser can open; use PNG or JPEG.`, {
      cause: error,
    });
  }
  const scale = Math.min(1, Math.sqrt((0.99 * MAX_PIXELS) / (bitmap.width * bitmap.height)));
  const [width, height] = [bitmap.width, bitmap.height].map((size) =>
    Math.max(1, Math.floor(size * scale)),
  );
  const canvas =
    typeof OffscreenCanvas === "function"
      ? new OffscreenCanvas(width, height)
      : document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { ...ofCanvas(canvas), scale };
}

/** Grey levels as pixels for a canvas. */
export function toPixels({ data, width, height }) {
  const pixels = new ImageData(width, height);
  data.forEach((level, k) => pixels.data.set([level, level, level, 255], 4 * k));
  return pixels;
}
