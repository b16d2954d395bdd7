/** Buttons and a slider that go through something step by step; the arrow keys move the slider. */
import { make } from "./make.js";

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * count: of places, from 0. draw: told the place; gives what the slider says of it. label: of the slider. Gives
 * {element, go}; who asked for less motion gets no button that plays.
 */
export function stepper({ count, draw, label, at = 0, seconds = 8 }) {
  const slider = make("input", { type: "range", min: 0, max: count - 1, value: at, "aria-label": label });
  const [play, back, next] = ["Play", "Back", "Next"].map((words) => make("button", { type: "button" }, words));
  let timer = null;
  const here = () => Number(slider.value);
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
  };
  const show = () => slider.setAttribute("aria-valuetext", draw(here()));
  const go = (place) => {
    slider.value = place;
    show();
  };
  const by = (change) => () => {
    stop();
    go(here() + change);
  };
  back.addEventListener("click", by(-1));
  next.addEventListener("click", by(1));
  slider.addEventListener("input", () => {
    stop();
    show();
  });
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (here() === count - 1) go(0);
    play.textContent = "Stop";
    timer = setInterval(() => {
      if (!slider.isConnected) return stop();
      go(here() + 1);
      if (here() === count - 1) stop();
    }, Math.max(60, (1000 * seconds) / count));
  });
  go(at);
  return { element: make("div", { class: "row stepper" }, ...(still() ? [] : [play]), back, next, slider), go };
}
