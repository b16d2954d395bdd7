/** The languages that the page knows, by their short names. */
export const NAMES = { en: "English", de: "German", fr: "French", es: "Spanish", it: "Italian" };
