// Plays a training: the recorded one (window.RUN), or one that runs. No library; works from a folder, without a server.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const make = (name, attributes = {}, ...children) => {
    const made = name.startsWith("svg:") ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const [CLASSES, FRAMES, HIGH] = [27, 24, 3]; // HIGH: pixels of a row of a strip
  const [LEFT, RIGHT, TOP, BOTTOM] = [62, 632, 10, 156]; // of the curve
  const INTERVAL = 220; // milliseconds for each point of the training
  let run = null; // {steps, words, moments}
  let timer = null;

  const slider = $("step"), play = $("play");
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** Shows another run; its moments may still come, each announced by `added`. */
  function show(given) {
    stop();
    run = given;
    $("words").replaceChildren(...run.words.map((word) => make("li", {},
      make("img", { class: "film", src: word.picture, width: 96, height: 32, alt: `The word “${word.text || "of yours"}”, written by hand` }),
      make("canvas", { class: "film", width: FRAMES * 4, height: CLASSES * HIGH, role: "img", "aria-label": "How sure the network is" }),
      make("span", { class: "said" }), make("small", {}, word.text ? `written: ${word.text}` : "written by you"))));
    added(true);
  }

  /** Moments have come. fresh: of another run. */
  function added(fresh = false) {
    const last = Math.max(0, run.moments.length - 1);
    const follows = run.live && Number(slider.value) >= last - 1; // unless somebody looks at an earlier one
    slider.max = last;
    if (fresh) slider.value = run.live || !still ? 0 : last;
    else if (follows) slider.value = last;
    draw();
  }

  function draw() {
    const at = Number(slider.value), moment = run.moments[at];
    if (!moment) {
      $("told").textContent = $("moment").textContent = "";
      return $("curve").replaceChildren();
    }
    $("told").textContent = `step ${moment.step} of ${run.steps}`;
    slider.setAttribute("aria-valuetext", `step ${moment.step}, ${Math.round(moment.error)} % of letters wrong`);
    if (!timer) $("moment").textContent = `After ${moment.step} steps ${Math.round(moment.error)} % of the letters of 200 unseen words are wrong.`;
    run.words.forEach((word, k) => {
      const [, strip, said] = $("words").children[k].children;
      said.textContent = moment.texts[k] || "(nothing)";
      said.classList.toggle("right", moment.texts[k] === word.text);
      if (moment.texts[k] === word.text) said.append(" ✓");
      paint(strip, moment.strips[k]);
    });
    curve(at);
  }

  /** A strip: frames from left to right; classes from "a" down, the blank (class 0) last. */
  function paint(canvas, digits) {
    const pen = canvas.getContext("2d");
    pen.fillStyle = "white";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    for (let t = 0; t < FRAMES; t++) {
      for (let k = 0; k < CLASSES; k++) {
        const share = parseInt(digits[t * CLASSES + k], 16) / 15;
        if (!share) continue;
        pen.fillStyle = k ? `rgba(0, 80, 160, ${share})` : `rgba(90, 90, 90, ${0.6 * share})`;
        pen.fillRect(t * 4, ((k + CLASSES - 1) % CLASSES) * HIGH, 4, HIGH);
      }
    }
  }

  function curve(at) {
    const top = 150; // per cent; a network of noise may be above, and is cut
    const x = (step) => LEFT + ((RIGHT - LEFT) * step) / run.steps;
    const y = (error) => BOTTOM - ((BOTTOM - TOP) * Math.min(top, error)) / top;
    const path = (moments) => moments.map((one) => `${x(one.step).toFixed(1)},${y(one.error).toFixed(1)}`).join(" ");
    const parts = [];
    for (const error of [0, 50, 100, 150]) {
      parts.push(make("svg:line", { class: "axis", x1: LEFT, x2: RIGHT, y1: y(error), y2: y(error) }));
      parts.push(make("svg:text", { x: LEFT - 6, y: y(error) + 4, "text-anchor": "end" }, `${error} %`));
    }
    for (const step of [0, 0.25, 0.5, 0.75, 1].map((share) => Math.round(share * run.steps))) {
      parts.push(make("svg:text", { x: x(step), y: BOTTOM + 17, "text-anchor": "middle" }, String(step)));
    }
    parts.push(make("svg:text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 36, "text-anchor": "middle" }, "steps; the line is the share of letters that are wrong"));
    parts.push(make("svg:polyline", { class: "all", points: path(run.moments) }));
    parts.push(make("svg:polyline", { class: "seen", points: path(run.moments.slice(0, at + 1)) }));
    const now = run.moments[at];
    parts.push(make("svg:circle", { class: "now", cx: x(now.step), cy: y(now.error), r: 5 }));
    $("curve").replaceChildren(...parts);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    if (run) draw();
  }

  play.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = 0;
    play.textContent = "Pause";
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      draw();
      if (slider.value === slider.max) stop();
    }, INTERVAL);
    draw();
  });
  slider.addEventListener("input", () => (timer ? stop() : draw()));

  $("learn").hidden = false;
  show(window.RUN);
  window.PLAYER = { show, added, make };
  if (location.protocol !== "file:" && typeof WebAssembly === "object") import("./live.js").catch(() => {});
})();
