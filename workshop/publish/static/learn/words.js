/** The words that come with the course, and words of the visitor, as the small network takes them. */
import { HEIGHT, WIDTH } from "./network.js";

const COLUMNS = 10; // pictures side by side on the sheet
const [TALL, ROOM, LARGEST] = [26, 4, 0.4]; // rows of a word of the visitor at most, columns free beside it, its scale

export const idsOf = (text) => Array.from(text, (c) => c.charCodeAt(0) - 96); // 0 is the blank
export const textOf = (ids) => String.fromCharCode(...ids.map((id) => 96 + id));

const canvasOf = (width, height) => new OffscreenCanvas(width, height);

/** Ink (0 to 1) of a stretch of RGBA pixels: HEIGHT x WIDTH. */
function inkOf({ data }) {
  const made = new Float32Array(HEIGHT * WIDTH);
  for (let k = 0; k < made.length; k++) made[k] = 1 - data[4 * k] / 255;
  return made;
}

async function fetched(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name} is missing on this site; build the site anew.`);
  return answer;
}

/** {train, validation}: lists of {text, ids, ink}. */
export async function words() {
  const [sheet, table] = await Promise.all([fetched("words.png").then((a) => a.blob()), fetched("words.tsv").then((a) => a.text())]);
  const image = await createImageBitmap(sheet);
  const pen = canvasOf(image.width, image.height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(image, 0, 0);
  const made = { train: [], validation: [] };
  table.trim().split(/\r?\n/).slice(1).forEach((row, k) => {
    const [split, text] = row.split("\t");
    const pixels = pen.getImageData((k % COLUMNS) * WIDTH, Math.floor(k / COLUMNS) * HEIGHT, WIDTH, HEIGHT);
    made[split].push({ text, ids: idsOf(text), ink: inkOf(pixels) });
  });
  return made;
}

/** Left, top, right and bottom of the ink of a canvas. */
function boxOf(canvas) {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const box = [width, height, 1, 1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[4 * (y * width + x)] > 128) continue;
      [box[0], box[1]] = [Math.min(box[0], x), Math.min(box[1], y)];
      [box[2], box[3]] = [Math.max(box[2], x + 1), Math.max(box[3], y + 1)];
    }
  }
  return box[0] < box[2] && box[1] < box[3] ? box : [0, 0, width, height];
}

/** A word of the visitor, a canvas of its ink on paper -> {ink, picture}: as large as the others, picture as an address. */
export function own(canvas) {
  const made = document.createElement("canvas");
  [made.width, made.height] = [WIDTH, HEIGHT];
  const pen = made.getContext("2d", { willReadFrequently: true });
  pen.fillStyle = "white";
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  const [left, top, right, bottom] = boxOf(canvas);
  const [wide, high] = [right - left, bottom - top];
  const scale = Math.min((WIDTH - 2 * ROOM) / wide, TALL / high, LARGEST);
  const [width, height] = [wide * scale, high * scale];
  pen.imageSmoothingQuality = "high";
  pen.filter = "contrast(1.6)"; // thin strokes pale when they are made small
  pen.drawImage(canvas, left, top, wide, high, (WIDTH - width) / 2, (HEIGHT - height) / 2, width, height);
  return { ink: inkOf(pen.getImageData(0, 0, WIDTH, HEIGHT)), picture: made.toDataURL() };
}
