"""One training loop for every preset and every source of lines.

AdamW with warm-up and cosine, clipped gradients, an exponential moving average (EMA) of the weights, a
checkpoint after each epoch. An interrupted training goes on where its last checkpoint stands and ends with
the same weights as an unbroken one (same number of threads, deterministic operations).
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils import files
from htr_utils.engines import log_softmax as log_softmax
from htr_utils.errors import HtrError
from htr_utils.lines import dataset
from htr_utils.network import archive, checkpoints, ctc, models, onnx_file
from htr_utils.text import decoding, metrics
from htr_utils.text.charset import Charset


@dataclass(frozen=True)
class Settings:
    """What a training run is told; a resumed run must be told the same.

    rate: highest learning rate. warmup: steps to reach it. floor: share of it left at the end. clip: largest
    norm of the gradient. ema: decay of the averaged weights. shortcut: weight of the shortcut's loss. precision:
    `float32`, or `bfloat16` for the convolutions' products, weights staying float32 (Micikevicius et al. 2018, ICLR,
    arXiv:1710.03740); faster where the processor multiplies bfloat16 itself, slower elsewhere.
    """

    epochs: int = 20
    batch: int = 24
    rate: float = 1e-3
    weight_decay: float = 5e-5
    warmup: int = 300
    floor: float = 0.01
    clip: float = 5.0
    ema: float = 0.999
    shortcut: float = 0.3
    seed: int = 0
    precision: str = "float32"

    def check(self) -> None:
        """HtrError for a value out of range."""
        ranges = {
            "epochs": (1, 100_000),
            "batch": (1, 1024),
            "rate": (1e-7, 1),
            "ema": (0, 0.99999),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise HtrError(f"{name}={value} is out of range; allowed: {low} to {high}")


@dataclass(frozen=True)
class Labels:
    """Text -> label for one preset: what `dataset` asks of an encoder."""

    charset: Charset
    frame_step: int
    frames: int | None = None

    def encode(self, text: str) -> np.ndarray:
        return self.charset.encode(text)

    def fits(self, label: np.ndarray, width: int) -> bool:
        return ctc.frames_needed(label) <= (self.frames or -(-width // self.frame_step))


def labels_for(preset: models.Preset, charset: Charset) -> Labels:
    """The encoder for a preset: it knows how many frames a line of some width gets."""
    fixed = preset.preparation.width
    return Labels(charset, preset.frame_step, fixed // preset.frame_step if fixed else None)


def infeasible(source: dataset.Source, labels: Labels) -> list[int]:
    """Indices of lines whose label needs more frames than the line has; training leaves them out."""

    def fits(index: int) -> bool:
        ink, text = source.get(0, index)
        return labels.fits(labels.encode(text), ink.shape[1])

    return [index for index in range(len(source)) if not fits(index)]


# How the line of an epoch says what its row holds. Gradient: the median norm before clipping.
SHOWN = {
    "loss": "loss {:.2f}",
    "gradient": "gradient {:.1f}",
    "rate": "rate {:.1e}",
    "lines_per_second": "{:.1f} lines/s",
    "cer": "validation CER {:.2%}",
    "blank_rate": "{:.0%} of the frames blank",
}


class Trainer:
    """A model, its optimiser, and the state of its training.

    Args:
        model, preset, charset: see `models.build`.
        batches: of the training lines. validation: of the lines that choose the best epoch, or None.
        folder: for checkpoints, history and TensorBoard's logs; None keeps nothing on disk.
        made_from: what else the result depends on, plain JSON values by name: the lines, the start. Kept in the
            checkpoint, which goes on with the same alone.

    Attributes:
        after_step: called after each step with the trainer and the loss of its batch.
    """

    def __init__(
        self,
        model: Any,
        preset: models.Preset,
        charset: Charset,
        batches: dataset.Batches,
        settings: Settings,
        *,
        validation: dataset.Batches | None = None,
        folder: str | Path | None = None,
        say: Callable[[str], None] = print,
        made_from: Mapping[str, Any] | None = None,
    ) -> None:
        import keras
        import tensorflow as tf

        settings.check()
        self.model, self.preset, self.charset, self.settings = model, preset, charset, settings
        self.batches, self.validation, self.say = batches, validation, say
        self.made_from = dict(made_from) if made_from is not None else None
        self.folder = Path(folder) if folder is not None else None
        self.total_steps = settings.epochs * len(batches)
        self.history: list[dict[str, Any]] = []
        self.epoch = 0
        self.best: checkpoints.Best | None = None
        self.curves = checkpoints.Curves(self.folder) if self.folder is not None else None
        self.optimiser = keras.optimizers.AdamW(settings.rate, weight_decay=settings.weight_decay)
        self.optimiser.exclude_from_weight_decay(var_names=["bias", "norm", "gamma", "beta"])
        self.optimiser.build(model.trainable_variables)
        self.averaged = archive.stored(model)
        self.ema = [tf.Variable(v, trainable=False) for v in self.averaged]
        batch = dataset.specification(preset.preparation.height)
        self._compiled = tf.function(
            self._train_step, input_signature=[batch, tf.TensorSpec((), tf.float32)]
        )
        self.after_step: list[Callable[[Trainer, float], None]] = []

    @property
    def step(self) -> int:
        """Optimiser steps done."""
        return int(self.optimiser.iterations.numpy())

    def rate(self, step: int) -> float:
        """Learning rate at a step: linear warm-up, then half a cosine down to `floor`."""
        s = self.settings
        if step < s.warmup:
            return s.rate * (step + 1) / s.warmup
        progress = min(1.0, (step - s.warmup) / max(1, self.total_steps - s.warmup))
        return s.rate * (s.floor + (1 - s.floor) * 0.5 * (1 + math.cos(math.pi * progress)))

    def _gradients(self, batch: Any) -> tuple[Any, list[Any]]:
        """The mean loss of a batch without the shortcut's, and the gradient of both by each trainable weight."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            out = self.model({"image": batch["image"], "width": batch["width"]}, training=True)
            frames = models.frames(batch["width"], self.preset)
            main = tf.reduce_mean(ctc.loss(out["logits"], frames, batch["label"], batch["length"]))
            total = main
            if "shortcut" in out:
                side = ctc.loss(out["shortcut"], frames, batch["label"], batch["length"])
                total += self.settings.shortcut * tf.reduce_mean(side)
        return main, tape.gradient(total, self.model.trainable_variables)

    def learn(self, batch: dict[str, Any], average: float) -> tuple[float, float]:
        """One step of the optimiser.

        Args:
            batch: as `dataset.tensors` gives it. average: decay of the averaged weights.

        Returns:
            the mean loss of the batch without the shortcut's, and the norm of the gradient before clipping.
        """
        loss, norm = self._compiled(batch, np.float32(average))
        return float(loss), float(norm)

    def _train_step(self, batch: Any, average: Any) -> Any:
        import tensorflow as tf

        main, gradients = self._gradients(batch)
        gradients, norm = tf.clip_by_global_norm(gradients, self.settings.clip)
        self.optimiser.apply(gradients, self.model.trainable_variables)
        for mean, value in zip(self.ema, self.averaged, strict=True):
            mean.assign_sub((1 - average) * (mean - tf.convert_to_tensor(value)))
        return main, norm

    def run_epoch(self) -> dict[str, Any]:
        """Train one epoch, measure, keep the checkpoint; returns the epoch's row of the history."""
        start, losses, norms, lines = time.perf_counter(), [], [], 0
        feed = dataset.tensors(
            lambda: self.batches.epoch(self.epoch), self.preset.preparation.height
        )
        for batch in feed:
            step = self.step
            self.optimiser.learning_rate.assign(self.rate(step))
            average = min(self.settings.ema, (1 + step) / (10 + step))
            loss, norm = self.learn(batch, average)
            losses.append(loss)
            norms.append(norm)
            lines += len(batch["width"])
            for call in self.after_step:
                call(self, loss)
            if not math.isfinite(losses[-1]):
                remedy = "lower the rate, or see whether texts and pictures belong together"
                raise HtrError(f"the loss is {losses[-1]} at step {step}; {remedy}")
        if not losses:
            raise HtrError("there is no line to train on")
        seconds = time.perf_counter() - start
        row: dict[str, Any] = {
            "epoch": self.epoch + 1,
            "step": self.step,
            "loss": round(float(np.mean(losses)), 4),
            "gradient": round(float(np.median(norms)), 3),
            "rate": self.rate(self.step),
            "lines_per_second": round(lines / seconds, 1),
        }
        if self.validation is not None:
            row.update(self.measure(self.validation))
            if self.best is None or row["cer"] < self.best.cer:
                self.best = checkpoints.Best(
                    row["epoch"], row["cer"], [v.numpy() for v in self.ema]
                )
        self.history.append(row)
        self.epoch = row["epoch"]  # last: what Ctrl-C interrupts is no finished epoch
        return row

    @contextlib.contextmanager
    def _with_averages(self, weights: Sequence[Any] | None = None) -> Iterator[None]:
        """The model holds the averaged weights (or others) meanwhile, and its own again afterwards."""
        kept = [v.numpy() for v in self.averaged]
        for value, mean in zip(self.averaged, weights or self.ema, strict=True):
            value.assign(mean)
        try:
            yield
        finally:
            for value, old in zip(self.averaged, kept, strict=True):
                value.assign(old)

    def measure(self, batches: dataset.Batches) -> dict[str, Any]:
        """Greedy CER of the averaged weights on `batches`, and the share of frames that say blank."""
        with self._with_averages():
            predictions, truths, blanks, frames_seen = [], [], 0, 0
            for batch in batches.epoch(0):
                logits = predict(self.model, batch)
                frames = np.asarray(models.frames(batch.width, self.preset))
                read = decoding.greedy(log_softmax(logits), frames)
                predictions += [self.charset.decode(reading.ids) for reading in read]
                written = zip(batch.label, batch.length, strict=True)
                truths += [self.charset.decode(label[:n]) for label, n in written]
                own = np.arange(logits.shape[1])[None] < frames[:, None]
                blanks += int(((logits.argmax(-1) == ctc.BLANK) & own).sum())
                frames_seen += int(frames.sum())
        cer = sum(map(metrics.edits, predictions, truths)) / max(1, sum(map(len, truths)))
        return {"cer": round(cer, 5), "blank_rate": round(blanks / max(1, frames_seen), 4)}

    def run(self, *, stop_after: int | None = None) -> list[dict[str, Any]]:
        """Train to the last epoch, from where the checkpoint in `folder` stands.

        Args:
            stop_after: epochs to do in this sitting at most.

        Raises:
            HtrError: another training is at work in the folder; as `resume`; the disk is full; the loss is no number.
        """
        with files.alone(self.folder, "training") if self.folder else contextlib.nullcontext():
            return self._run(stop_after)

    def _run(self, stop_after: int | None) -> list[dict[str, Any]]:
        self.resume()
        done = 0
        while self.epoch < self.settings.epochs and (stop_after is None or done < stop_after):
            row = self.run_epoch()
            done += 1
            shown = "  ".join(form.format(row[name]) for name, form in SHOWN.items() if name in row)
            self.say(f"epoch {row['epoch']}/{self.settings.epochs}  {shown}")
            if self.folder is not None:
                self.checkpoint()
        return self.history

    def export(self, path: str | Path, about: dict[str, Any], half: bool = True) -> None:
        """Write the averaged weights as a model file: those of the best epoch, where lines were watched.

        Beside it the `.onnx` file that reads, its 8-bit scales from lines that were learnt from.
        """
        with self._with_averages(self.best.weights if self.best else None):
            archive.save(path, self.model, self.preset, self.charset, about, half)
        if importlib.util.find_spec("onnx") is None:
            return self.say("without the library onnx no .onnx file was written; pip install onnx")
        source = self.batches.source
        chosen = np.random.default_rng(0).permutation(len(source))[: onnx_file.SCALE_LINES]
        onnx_file.write_beside(path, [source.get(0, int(number))[0] for number in chosen])

    # Everything that the next step depends on, in one file.
    def _state(self) -> list[Any]:
        seeds = [v for v in self.model.variables if "seed" in archive.name_of(v)]
        return [*self.averaged, *self.optimiser.variables, *self.ema, *seeds]

    def checkpoint(self) -> None:
        """Keep weights, optimiser, EMA, random states and history in `folder`."""
        assert self.folder is not None and self.curves is not None
        about = {
            "epoch": self.epoch,
            "settings": asdict(self.settings),
            "preset": self.preset.to_json(),
            "history": self.history,
            "made_from": self.made_from,
        }
        checkpoints.write(self.folder, about, [np.asarray(v) for v in self._state()], self.best)
        for row in self.history[-1:]:
            self.curves.add(row)

    def resume(self) -> bool:
        """Go on from the folder's checkpoint, if there is one.

        One that was finished and made from other lines (or from another start) stays behind: a new training begins.

        Raises:
            HtrError: damaged, made with other settings, or unfinished and made from something else.
        """
        found = checkpoints.read(self.folder) if self.folder is not None else None
        if self.folder is None or found is None:
            return False
        about, arrays = found
        if other := checkpoints.outdated(self.folder, about, self.made_from):
            self.say(other)
            return False
        # Older checkpoints lack the newest settings. More epochs are welcome, or fewer, with the warm-up they bring.
        mine = {"epochs": self.settings.epochs, "warmup": self.settings.warmup}
        told = asdict(Settings()) | about["settings"] | mine
        if told != asdict(self.settings) or about["preset"] != self.preset.to_json():
            raise HtrError(
                f"{self.folder}: its checkpoint was made with other settings; give those or another --out"
            )
        state = self._state()
        if [tuple(v.shape) for v in state] != [a.shape for a in arrays]:
            raise HtrError(
                f"{self.folder}: its checkpoint does not fit this model; use another --out"
            )
        for variable, value in zip(state, arrays, strict=True):
            variable.assign(value)
        self.epoch, self.history = about["epoch"], about["history"]
        best = checkpoints.read_best(self.folder)
        if best is not None and [w.shape for w in best.weights] != [
            tuple(v.shape) for v in self.ema
        ]:
            raise HtrError(
                f"{self.folder}: its best.npz does not fit this model; use another --out"
            )
        # One that is ahead will be made again; one that the history does not know is another training's.
        if best is not None and (best.epoch, best.cer) in [
            (r["epoch"], r.get("cer")) for r in self.history
        ]:
            self.best = best
        self.say(f"resumed after epoch {self.epoch} from {self.folder}")
        return True


def predict(model: Any, batch: dataset.Batch) -> np.ndarray:
    """Logits (B, T, C) of a batch, batch norm and dropout as in reading."""
    return reader(model)(batch.image, batch.width).numpy()


def reader(model: Any) -> Any:
    """A compiled function (image, width) -> logits for any batch size and width; one per model, made once."""
    import tensorflow as tf

    made = getattr(model, "_htr_reader", None)
    if made is None:
        height, fixed = next(tensor.shape[1:3] for tensor in model.inputs if len(tensor.shape) == 4)
        given = [
            tf.TensorSpec((None, height, fixed, 1), tf.float32),
            tf.TensorSpec((None,), tf.int32),
        ]
        made = model._htr_reader = tf.function(
            lambda image, width: model({"image": image, "width": width}, training=False)["logits"],
            given,
        )
    return made


def overfit(
    model: Any,
    preset: models.Preset,
    charset: Charset,
    lines: Sequence[tuple[np.ndarray, str]],
    steps: int = 150,
    rate: float = 2e-3,
    say: Callable[[str], None] | None = None,
) -> list[float]:
    """The first check of any training: a network must be able to learn ten lines by heart.

    Args:
        lines: (ink uint8 (H, w), text) each.

    Returns:
        the loss of each step; its end should be near zero, or something in the way is broken.
    """

    class Few:
        def __len__(self) -> int:
            return len(lines)

        def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
            return lines[index]

    batches = dataset.Batches(Few(), labels_for(preset, charset), len(lines), shuffle=False)
    settings = Settings(epochs=1, batch=len(lines), rate=rate, warmup=10)
    trainer = Trainer(model, preset, charset, batches, settings)
    trainer.total_steps = steps * 4  # so that the rate does not fall to nothing meanwhile
    losses = []
    for batch in batches.epoch(0):
        given = {name: getattr(batch, name) for name in ("image", "width", "label", "length")}
        for step in range(steps):
            trainer.optimiser.learning_rate.assign(trainer.rate(step))
            loss, _ = trainer.learn(given, 0.9)
            losses.append(float(loss))
            if say and (step % 25 == 0 or step == steps - 1):
                say(f"step {step}: loss {losses[-1]:.2f}")
    return losses
