/** The network's seven layers as pictures: after each, the maps that vary most over the line. */
import { make } from "./make.js";
import { scroller } from "./strip.js";

const HIGH = 44; // CSS pixels of a map
const COLOURS = [[0, 0, 4], [60, 15, 110], [145, 42, 130], [225, 85, 95], [254, 160, 110], [252, 253, 191]]; // from nothing to most
const css = COLOURS.map((colour) => `rgb(${colour})`).join(", ");
const [LINE, FEW] = [28, 4]; // CSS pixels of the line above the maps; so few rows are coarse

/** What to look at in a layer: its sizes are compared with those before it. */
function note(layer, before, last) {
  if (!before) return "Outlines, shadows, thick and thin: the writing can still be read.";
  if (last) return "Of each column the largest number goes on: so each frame gets one list of numbers.";
  const said = [];
  if (layer.width < before.width) said.push("Half the rows and columns are left.");
  else if (layer.height < before.height) said.push("Half the rows are left; all columns stay, for they become the frames.");
  if (layer.height < FEW) said.push("Follow one bright place upwards: which letters light it up?");
  else if (!said.length) said.push("Most of its questions have no name in English.");
  return said.join(" ");
}

function colour(share) {
  const at = Math.min(share, 1) * (COLOURS.length - 1);
  const k = Math.min(Math.floor(at), COLOURS.length - 2);
  return COLOURS[k].map((from, c) => from + (at - k) * (COLOURS[k + 1][c] - from));
}

function picture({ data }, { width, height }, most) {
  const canvas = make("canvas", { width, height, role: "img" });
  const pixels = new ImageData(width, height);
  data.forEach((value, k) => pixels.data.set([...colour(value / most), 255], 4 * k));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

/** The character over which a map is brightest. */
function brightest(map, layer, see) {
  const at = map.data.indexOf(Math.max(...map.data)) % layer.width;
  const x = see.own(Math.floor((at / layer.width) * see.logProbs.frames))[0];
  const near = see.line.reading.characters.reduce((a, b) => (!a || Math.abs(b.x - x) < Math.abs(a.x - x) ? b : a), null);
  return near ? `, brightest near “${near.character}”` : "";
}

export async function view(see) {
  const layers = await see.ask("layers", { crop: see.line.crop });
  const last = layers.at(-1);
  const wide = Math.round((HIGH * last.width * 4) / 48); // as wide as the line at this height
  const size = `width: ${wide}px; height: ${HIGH}px`;
  const [from, to] = [see.own(0)[0], see.own(last.width - 1)[1]];
  const writing = () => { // above the maps, so that places can be compared
    const canvas = make("canvas", { width: wide, height: LINE, "aria-hidden": "true" });
    const { canvas: picture, crop } = see.line;
    canvas.getContext("2d").drawImage(picture, from, 0, to - from, crop.height, 0, 0, wide, LINE);
    return canvas;
  };
  const rows = layers.map((layer, k) => {
    const most = Math.max(...layer.maps.map(({ data }) => data.reduce((a, b) => Math.max(a, b), 0))) || 1;
    const maps = layer.maps.map((map) => {
      const canvas = picture(map, layer, most);
      canvas.setAttribute("style", size);
      canvas.setAttribute("aria-label", `Layer ${k + 1}, map ${map.channel + 1}${brightest(map, layer, see)}`);
      return canvas;
    });
    const bar = make("span", { class: "colours", style: `background: linear-gradient(to right, ${css})`, "aria-hidden": "true" });
    const head = make("figcaption", {}, make("strong", {}, `Layer ${k + 1}`),
      ` ${layer.channels} maps of ${layer.height} rows and ${layer.width} columns. ${note(layer, layers[k - 1], layer === last)}`,
      make("span", { class: "scale" }, "0 ", bar, ` ${most.toFixed(1)}`));
    return make("figure", {}, head, scroller(`Maps of layer ${k + 1}, scrolls sideways`, writing(), make("div", { class: "maps" }, ...maps)));
  });
  return make("div", {},
    make("p", {}, `${layers.length === 7 ? "Seven" : layers.length} layers look at your line, one after the other. Each asks many small questions at every place, `,
      "such as: is there a stroke like this one? All answers to one question make a map, bright where the answer is yes. ",
      "A layer looks at the maps of the one before it. Here are, of each, the three maps that change most along your line, stretched to its size."),
    ...rows);
}
