/** The files of the reader, fetched from beside the page, with the progress of all of them together. */
import { ReaderError } from "./errors.js";

/** A function that fetches a file below `base`: name -> Uint8Array. onProgress: told {name, loaded, total} in bytes. */
export function open(base, onProgress = () => {}) {
  return async (name) => {
    const url = new URL(name, new URL(base, globalThis.location?.href));
    let answer;
    try {
      answer = await fetch(url);
    } catch (error) {
      throw new ReaderError(`${name} could not be fetched; check the connection and load the page again.`, { cause: error });
    }
    if (!answer.ok) throw new ReaderError(`${name} is not on this site (${answer.status}); build the site anew.`);
    const total = Number(answer.headers.get("Content-Length")) || 0;
    const [parts, from] = [[], answer.body.getReader()];
    let loaded = 0;
    for (;;) {
      const { done, value } = await from.read();
      if (done) break;
      parts.push(value);
      loaded += value.length;
      onProgress({ name, loaded, total: Math.max(total, loaded) });
    }
    const content = new Uint8Array(loaded);
    let at = 0;
    for (const one of parts) {
      content.set(one, at);
      at += one.length;
    }
    return content;
  };
}
