/** A mistake that the reader can name: one sentence, with its remedy. */
export class ReaderError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "ReaderError";
  }
}
