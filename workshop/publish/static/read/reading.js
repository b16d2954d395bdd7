/** The reader in a worker, so that the page stays quick while it reads: calls go out, answers come back. */
export class Reading {
  constructor() {
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.last = 0;
    this.worker.onmessage = ({ data: { id, kind, value } }) => {
      const call = this.waiting.get(id);
      if (!call) return;
      if (kind === "told") return call.tell(value);
      this.waiting.delete(id);
      if (kind === "done") call.resolve(value);
      else call.reject(new Error(value));
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      for (const call of this.waiting.values()) {
        call.reject(new Error("The reader could not start; a current Firefox, Chrome, Edge or Safari runs it."));
      }
      this.waiting.clear();
    };
  }

  /** Calls `name` of worker.js; `tell` is told what it reports on the way. */
  call(name, argument = null, tell = () => {}) {
    return new Promise((resolve, reject) => {
      this.last += 1;
      this.waiting.set(this.last, { resolve, reject, tell });
      this.worker.postMessage({ id: this.last, name, argument });
    });
  }
}
