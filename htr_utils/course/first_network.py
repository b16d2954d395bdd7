"""The network of the chapter "Start here": small enough to learn to read the words of one hand within a minute.

    learned = first_network.words("train")                 # 1,500 words, as pictures and as text
    for moment in first_network.learn(network, learned, steps=400, look_every=50):
        print(moment.step, first_network.read(network, unseen.pictures[:5]))

What the chapters take apart later is all here in small: convolutions, a BLSTM, CTC, greedy decoding.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.text import decoding
from htr_utils.text.charset import Charset

HEIGHT, WIDTH = 32, 96  # pixels of a word's picture
COLUMNS = 10  # pictures side by side on the sheet
SHEET, TABLE = "words.png", "words.tsv"
LETTERS = Charset("abcdefghijklmnopqrstuvwxyz")
FRAME_STEP = 4  # columns of the picture that become one frame


@dataclass(frozen=True)
class Words:
    """pictures: float32 (N, HEIGHT, WIDTH, 1), 1 = ink. texts: the word on each."""

    pictures: np.ndarray
    texts: list[str]


def words(split: str, count: int | None = None) -> Words:
    """The words of one hand that come with the course, the first `count` of them.

    Args:
        split: "train" (1,500 words to learn from) or "validation" (200 others).

    Raises:
        HtrError: no such split, or the embedded data is not there.
    """
    folder = paths.embedded_root() / "words"
    sheet = images.load(folder / SHEET)
    pictures = sheet.reshape(-1, HEIGHT, COLUMNS, WIDTH).swapaxes(1, 2).reshape(-1, HEIGHT, WIDTH)
    with (folder / TABLE).open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    chosen = [number for number, row in enumerate(rows) if row["split"] == split][:count]
    if not chosen:
        raise HtrError(
            f"{folder / TABLE} has no words of the split {split!r}: take train or validation"
        )
    ink = 1 - pictures[chosen, :, :, None].astype(np.float32) / 255
    return Words(ink, [rows[number]["word"] for number in chosen])


def glue(source: Words, numbers: Sequence[int]) -> tuple[np.ndarray, str]:
    """A line of some of the words: ink uint8 (HEIGHT, w), 255 = ink, empty columns cut down to 6 around each; text."""
    inks = []
    for ink in source.pictures[list(numbers), :, :, 0]:
        written = np.flatnonzero(ink.max(axis=0) > 0.2)
        inks.append(np.pad(ink[:, written[0] : written[-1] + 1], ((0, 0), (6, 6))))
    text = " ".join(source.texts[number] for number in numbers)
    return np.round(255 * np.hstack(inks)).astype(np.uint8), text


def losses(
    network: Any, preset: Any, charset: Charset, lines: Sequence[tuple[np.ndarray, str]]
) -> np.ndarray:
    """The CTC loss of each line (ink uint8 (H, w), text) in nats, float32 (N,), weights as in reading.

    Args:
        network, preset, charset: as `models.build` takes and gives them.
    """
    from htr_utils.lines.padding import collate
    from htr_utils.network import ctc, models, training

    of_line = np.zeros(len(lines), np.float32)
    order = sorted(range(len(lines)), key=lambda number: lines[number][0].shape[1])
    for some in (order[at : at + 100] for at in range(0, len(order), 100)):
        labels = [charset.encode(lines[number][1]) for number in some]
        batch = collate([lines[number][0] for number in some], labels, some)
        frames = models.frames(batch.width, preset)
        logits = training.predict(network, batch)
        of_line[some] = ctc.loss(logits, frames, batch.label, batch.length)
    return of_line


@dataclass(frozen=True)
class Moment:
    """Where a training stands: steps done, and the mean loss since the moment before (nats a word)."""

    step: int
    loss: float


def learn(
    network: Any, learned: Words, *, steps: int, look_every: int, rate: float = 4e-3, seed: int = 0
) -> Iterator[Moment]:
    """Train a network on words; stops at step 0 and after every `look_every` steps, so that one can look.

    Args:
        network: keras model, pictures (B, HEIGHT, WIDTH, 1) -> logits (B, WIDTH / FRAME_STEP, 27).
        rate: of Adam; it falls along a straight line to a twentieth. seed: of the order of the words.
    """
    import keras
    import tensorflow as tf

    from htr_utils.network import ctc

    longest = max(map(len, learned.texts))
    labels = np.zeros((len(learned.texts), longest), np.int32)
    for row, text in zip(labels, learned.texts, strict=True):
        row[: len(text)] = LETTERS.encode(text)
    lengths = np.array([len(text) for text in learned.texts], np.int32)
    optimiser = keras.optimizers.Adam(rate, global_clipnorm=5.0)

    @tf.function(reduce_retracing=True)
    def step(pictures: Any, label: Any, length: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = network(pictures, training=True)
            frames = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
            loss = tf.reduce_mean(ctc.loss(logits, frames, label, length))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimiser.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    rng, losses = np.random.default_rng(seed), [np.nan]
    for number in range(steps):
        if number % look_every == 0:
            yield Moment(number, float(np.mean(losses)))
            losses = []
        chosen = rng.choice(len(labels), min(32, len(labels)), replace=False)
        optimiser.learning_rate = rate * max(0.05, 1 - number / steps)
        losses.append(float(step(learned.pictures[chosen], labels[chosen], lengths[chosen])))
    yield Moment(steps, float(np.mean(losses)))


def read(network: Any, pictures: np.ndarray) -> list[str]:
    """What the network reads on each picture (N, HEIGHT, WIDTH, 1): the best class of each frame, collapsed."""
    import keras

    logits = keras.ops.convert_to_numpy(network(pictures, training=False))
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    frames = np.full(len(logits), logits.shape[1])
    return [LETTERS.decode(candidate.ids) for candidate in decoding.greedy(logits, frames)]
