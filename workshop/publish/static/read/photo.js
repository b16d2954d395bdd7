/** Files as pictures on a canvas. */
const LONGEST = 3000; // pixels: more makes letters no clearer to the network

/** A file -> {canvas, said}: its picture, upright and at most LONGEST long; said: what was done, "" for nothing. */
export async function pictureOf(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Error(`“${file.name}” is no picture that this browser can open; choose a JPEG, PNG or WebP file.`);
  }
  const { width, height } = bitmap;
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const megapixels = ((width * height) / 1e6).toFixed(0);
  const said = scale < 1 ? `The photo has ${megapixels} megapixels; it was scaled down to ${canvas.width} × ${canvas.height} pixels.` : "";
  return { canvas, said };
}
