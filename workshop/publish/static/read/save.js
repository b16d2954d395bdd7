/** What a reader takes home: text, JSON, and training data as a zip. */

export function save(name, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

export const text = (lines) => lines.map((line) => line.shown).join("\n");

export function json(lines) {
  const told = lines.map(({ shown, reading, polygon, baseline }) => ({
    text: shown,
    read: reading.text,
    confidence: rounded(reading.confidence),
    polygon: polygon.map((point) => point.map(Math.round)),
    baseline: baseline.map((point) => point.map(Math.round)),
    characters: reading.characters.map(({ character, x, confidence }) => [character, Math.round(x), rounded(confidence)]),
  }));
  return JSON.stringify({ lines: told }, null, 1);
}

const rounded = (share) => Math.round(1000 * share) / 1000;

/** A zip with the picture of each line and the table of their texts, as `htr train` reads it. */
export async function training(lines) {
  const rows = [["name", "text"]];
  const files = [];
  for (const [k, line] of lines.entries()) {
    if (!line.shown.trim()) continue;
    const name = `line-${String(k + 1).padStart(2, "0")}`;
    const blob = await new Promise((resolve) => line.canvas.toBlob(resolve, "image/png"));
    files.push([`${name}.png`, new Uint8Array(await blob.arrayBuffer())]);
    rows.push([name, line.shown.replace(/\s+/g, " ").trim()]);
  }
  const table = rows.map((row) => row.join("\t")).join("\n");
  return zip([["transcriptions.tsv", new TextEncoder().encode(`${table}\n`)], ...files]);
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function checksum(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

/** A zip of [name, bytes], stored as they are. */
export function zip(files) {
  const parts = [];
  const index = [];
  let at = 0;
  const put = (list, ...numbers) => { // pairs of size in bytes and value
    const bytes = new Uint8Array(numbers.reduce((sum, [size]) => sum + size, 0));
    const view = new DataView(bytes.buffer);
    let place = 0;
    for (const [size, value] of numbers) {
      if (size === 2) view.setUint16(place, value, true);
      else view.setUint32(place, value, true);
      place += size;
    }
    list.push(bytes);
    return bytes.length;
  };
  for (const [name, content] of files) {
    const title = new TextEncoder().encode(name);
    const size = content.length;
    const about = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, checksum(content)], [4, size], [4, size], [2, title.length], [2, 0]];
    put(index, [4, 0x02014b50], [2, 20], ...about, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]);
    index.push(title);
    at += put(parts, [4, 0x04034b50], ...about) + title.length + size;
    parts.push(title, content);
  }
  const long = index.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  put(index, [4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, long], [4, at], [2, 0]);
  return new Blob([...parts, ...index], { type: "application/zip" });
}
