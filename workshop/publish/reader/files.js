/** The files of the reader, fetched from beside the page, with the progress of all of them together. */
import { ReaderError } from "./errors.js";

const address = (base, name) => new URL(name, new URL(base, globalThis.location?.href));

/** A function that fetches a file below `base`, once: name -> Uint8Array. onProgress: see `Reader.load`. */
export function open(base, onProgress = () => {}) {
  const [kept, sizes] = [new Map(), new Map()];
  const told = (name, loaded, total) => {
    sizes.set(name, [loaded, total]);
    const sum = (k) => [...sizes.values()].reduce((all, pair) => all + pair[k], 0);
    onProgress({ name, loaded: sum(0), total: sum(1) });
  };
  return (name) => {
    if (!kept.has(name))
      kept.set(
        name,
        fetched(address(base, name), name, (...bytes) => told(name, ...bytes)),
      );
    kept.get(name).catch(() => kept.delete(name)); // a later try begins anew
    return kept.get(name);
  };
}

async function fetched(url, name, told) {
  const lost = (why, cause) =>
    new ReaderError(`${name} ${why}; check the connection and load the page again.`, { cause });
  let answer;
  try {
    answer = await fetch(url);
  } catch (error) {
    throw lost("could not be fetched", error);
  }
  if (!answer.ok)
    throw new ReaderError(
      `${name} is missing on this site (${answer.status}); build the site anew.`,
    );
  const packed = answer.headers.get("Content-Encoding"); // then the length is not that of the file
  const length = packed ? 0 : Number(answer.headers.get("Content-Length"));
  const parts = [];
  let loaded = 0;
  try {
    const from = answer.body.getReader();
    for (let { done, value } = await from.read(); !done; { done, value } = await from.read()) {
      parts.push(value);
      loaded += value.length;
      told(loaded, Math.max(length, loaded));
    }
  } catch (error) {
    throw lost("broke off", error);
  }
  told(loaded, loaded);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** ONNX Runtime Web out of `base`, in one thread: more need headers that plain hosts do not send. */
export async function runtime(base, read) {
  if (typeof WebAssembly !== "object") {
    throw new ReaderError(
      "This browser runs no WebAssembly; a current Firefox, Chrome, Edge or Safari does.",
    );
  }
  const [ort, wasm] = await Promise.all([
    import(address(base, "ort.wasm.min.mjs")).catch((error) => {
      throw new ReaderError(
        "ort.wasm.min.mjs could not be loaded; check the connection and load the page again.",
        { cause: error },
      );
    }),
    read("ort-wasm-simd-threaded.wasm"),
  ]);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = String(address(base, ""));
  ort.env.wasm.wasmBinary = wasm;
  return ort;
}
