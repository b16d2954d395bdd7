// Runs the small network of the site in node, for tests: `node learning_runner.mjs SCRIPTS_FOLDER JOBS_FOLDER`.
// given.json: {batch, labels, layers: {name: numbers}, means, variances}; pictures.raw: ink, float32.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [scripts, jobs] = process.argv.slice(2);
const { Network, HEIGHT, WIDTH } = await import(pathToFileURL(path.resolve(scripts, "network.js")));
const given = JSON.parse(fs.readFileSync(path.join(jobs, "given.json"), "utf8"));
const raw = new Float32Array(new Uint8Array(fs.readFileSync(path.join(jobs, "pictures.raw"))).buffer);
const size = HEIGHT * WIDTH;
const pictures = Array.from({ length: given.batch }, (_, b) => raw.subarray(b * size, (b + 1) * size));

const network = await Network.load(given.batch, 0);
for (const weight of network.weights) weight.value.set(given.layers[weight.name]);
network.layers.forEach((layer, k) => {
  layer.mean.set(given.means[k]);
  layer.variance.set(given.variances[k]);
});
network.forward(pictures, false);
const reading = Array.from(network.logits);
network.forward(pictures, true);
const learning = Array.from(network.logits);
const losses = [network.loss(given.labels)];
network.backward();
const gradients = Object.fromEntries(network.weights.map(({ name, gradient }) => [name, Array.from(gradient)]));
for (let step = 0; step < given.steps; step++) {
  network.step(given.rate);
  network.forward(pictures, true);
  losses.push(network.loss(given.labels));
  network.backward();
}
const made = { reading, learning, losses, gradients, means: network.layers.map(({ mean }) => Array.from(mean)) };
fs.writeFileSync(path.join(jobs, "made.json"), JSON.stringify(made));
