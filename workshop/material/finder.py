"""Train the finder.

    python -m workshop.material.finder pages OUT --lines FOLDER ... --fonts FOLDER --print-fonts FOLDER --text FILE
    python -m workshop.material.finder real OUT FOLDER
    python -m workshop.material.finder train OUT --pages FOLDER ... --real FOLDER
    python -m workshop.material.finder export OUT MODEL --pages FOLDER ...

The first composes pages, the second prepares real ones that have a `truth.json`; the third learns from both, keeps its
state every 250 steps, goes on from there when it is started again, and writes OUT/finder.keras. The last puts that into
the folder MODEL, and beside it `finder.onnx` with 8-bit convolutions, whose scales are measured on the pages.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from htr_utils import files
from htr_utils.cli.one_line import one_line
from htr_utils.synth import finder_data, hands, pages

SIZE, BATCH, RATE, AVERAGE = 320, 4, 3e-3, 0.995


def compose(out: Path, stock: hands.Stock, first: int, count: int, seed: int = 7) -> None:
    """Compose pages `first` to `first + count` into a folder; those that are there stay."""
    out.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        if not (out / f"{number:05}.json").exists():
            finder_data.save(
                out, number, pages.compose(stock, np.random.default_rng([seed, number]))
            )


def batches(
    composed: Sequence[finder_data.Sample],
    real: Sequence[finder_data.Sample],
    share: float,
    first: int,
) -> Iterator[tuple[np.ndarray, ...]]:
    """Batches of crops from step `first` on, each a function of its step; `share`: of real pages among them."""
    pending: queue.Queue[tuple[np.ndarray, ...]] = queue.Queue(6)

    def fill() -> None:
        step = first
        while True:
            rng, made = np.random.default_rng([11, step]), []
            for _ in range(BATCH):
                known = bool(real) and rng.random() < share
                pool = real if known or not composed else composed
                made.append(finder_data.crop(pool[int(rng.integers(len(pool)))], SIZE, rng))
            pending.put(tuple(np.stack(part) for part in zip(*made, strict=True)))
            step += 1

    threading.Thread(target=fill, daemon=True).start()
    while True:
        yield pending.get()


def train(
    out: Path,
    composed: Sequence[finder_data.Sample],
    real: Sequence[finder_data.Sample],
    steps: int,
    share: float,
    threads: int,
    begin: Path | None = None,
    rate: float = RATE,
) -> None:
    """Learn for `steps` batches, from the weights in `begin` where it is given; see the module."""
    import keras
    import tensorflow as tf

    from htr_utils.network import finder

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(0)
    out.mkdir(parents=True, exist_ok=True)
    model, mean = finder.build(), finder.build()
    if begin is not None:
        model.set_weights(keras.models.load_model(begin, compile=False).get_weights())
    mean.set_weights(model.get_weights())
    optimizer = keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=2.0)
    optimizer.build(model.trainable_variables)
    done = tf.Variable(0)
    state = tf.train.Checkpoint(model=model, mean=mean, optimizer=optimizer, done=done)
    kept = tf.train.CheckpointManager(state, str(out / "state"), 1)
    state.restore(kept.latest_checkpoint)

    @tf.function
    def learn(grey: tf.Tensor, maps: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = finder.loss(maps, model(grey, training=True), counts)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        for average, now in zip(mean.variables, model.variables, strict=True):
            if average.dtype == "float32":
                average.assign(average * AVERAGE + now * (1 - AVERAGE))
        return loss

    recent: list[float] = []
    for step, batch in enumerate(batches(composed, real, share, int(done)), int(done)):
        if step >= steps:
            break
        warm = min(1.0, (step + 1) / 200)
        optimizer.learning_rate = rate * warm * max(0.01, 0.5 + 0.5 * np.cos(np.pi * step / steps))
        recent.append(float(learn(*batch)))
        if (step + 1) % 100 == 0:
            print(f"{step + 1} of {steps} steps, loss {np.mean(recent[-100:]):.4f}", flush=True)
        if (step + 1) % 250 == 0 or step + 1 == steps:
            done.assign(step + 1)
            kept.save()
            mean.save(out / "finder.keras")


def export(file: Path, target: Path, samples: Sequence[finder_data.Sample]) -> float:
    """Write `finder.keras` and `finder.onnx` into `target`; how far both agree where the core is, 0 to 1 (IoU)."""
    import keras

    from htr_utils.engines import maps
    from htr_utils.network import finder_onnx

    target.mkdir(parents=True, exist_ok=True)
    model = keras.models.load_model(file, compile=False)
    model.save(target / "finder.keras")
    rng = np.random.default_rng(0)
    seen = [finder_data.crop(one, 640, rng)[0][None] for one in samples[:64]]
    small = finder_onnx.quantise(finder_onnx.build(model), seen[:48])
    files.write_bytes(target / "finder.onnx", small)
    whole, quick = (maps.load(target / f"finder.{kind}") for kind in ("keras", "onnx"))
    cores = [(whole(page)[..., 0] > 0, quick(page)[..., 0] > 0) for page in seen[48:]]
    both, either = (
        sum(int(way(a, b).sum()) for a, b in cores) for way in (np.logical_and, np.logical_or)
    )
    return both / max(1, either)


@one_line
def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("pages", help="compose pages")
    one.add_argument("out", type=Path)
    one.add_argument("--lines", type=Path, nargs="*", default=[], help="folders with lines.tsv")
    one.add_argument("--fonts", type=Path, required=True, help="folder of handwriting fonts")
    one.add_argument("--print-fonts", type=Path, required=True, help="folder of printing fonts")
    one.add_argument("--text", type=Path, required=True, help="a text to set")
    one.add_argument("--first", type=int, default=0)
    one.add_argument("--count", type=int, default=1000)
    real = verbs.add_parser("real", help="prepare real pages")
    real.add_argument("out", type=Path)
    real.add_argument("folder", type=Path, help="with truth.json")
    two = verbs.add_parser("train", help="learn from them")
    two.add_argument("out", type=Path)
    two.add_argument("--pages", type=Path, nargs="*", default=[], help="folders of composed pages")
    two.add_argument("--real", type=Path, nargs="*", default=[], help="folders of real pages")
    two.add_argument("--share", type=float, default=0.4, help="of real pages among the crops")
    two.add_argument("--steps", type=int, default=14000)
    two.add_argument("--threads", type=int, default=2)
    two.add_argument("--begin", type=Path, help="a finder.keras to go on from")
    two.add_argument(
        "--rate", type=float, default=RATE, help="of the first steps after the warm-up"
    )
    last = verbs.add_parser(
        "export", help="put the trained finder into a folder, as .keras and .onnx"
    )
    last.add_argument("out", type=Path)
    last.add_argument("model", type=Path)
    last.add_argument("--pages", type=Path, nargs="+", required=True, help="to measure scales on")
    given = parser.parse_args()
    if given.verb == "export":
        samples = [s for folder in given.pages for s in finder_data.load(folder)[:40]]
        agreed = export(given.out / "finder.keras", given.model, samples)
        print(f"8 bits and 32 agree on {100 * agreed:.1f} % of the core")
        return
    if given.verb == "pages":
        fonts, printing = (sorted(f.glob("*.ttf")) for f in (given.fonts, given.print_fonts))
        stock = hands.Stock(given.lines, fonts, printing, given.text.read_text(encoding="utf-8"))
        compose(given.out, stock, given.first, given.count)
        return
    if given.verb == "real":
        given.out.mkdir(parents=True, exist_ok=True)
        for number, sample in enumerate(finder_data.real(given.folder)):
            finder_data.save(given.out, number, sample)
        return
    composed, known = (
        [s for f in group for s in finder_data.load(f)] for group in (given.pages, given.real)
    )
    print(f"{len(composed)} composed and {len(known)} real pages", flush=True)
    train(
        given.out, composed, known, given.steps, given.share, given.threads, given.begin, given.rate
    )


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
