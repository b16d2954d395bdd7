"""From lines to batches: pictures of similar width together, padded on the right, their true widths beside them.

A source says what line `index` of epoch `epoch` is; every random draw in it is a function of (seed, epoch,
index), so that an interrupted training sees what an unbroken one would have seen.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import augment, images
from htr_utils.lines.iam import Line
from htr_utils.lines.padding import Batch, collate, to_bytes

POOL = 12  # batches sorted by width together
MIXING = 7  # in the seed of a mix: its draws are none of those that its sources make


class Encoder(Protocol):
    """Text -> label, and whether a network can write that label on a line of `width` columns at all."""

    def encode(self, text: str) -> np.ndarray: ...

    def fits(self, label: np.ndarray, width: int) -> bool: ...


class Source(Protocol):
    """Lines by number: `get` gives ink as uint8 (H, w) in steps of 1/255 and the text."""

    def __len__(self) -> int: ...

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]: ...


@dataclass
class FileLines:
    """Lines of a folder, their pictures read when they are asked for.

    strength: of the augmentation, 0 for none. Without augmentation prepared pictures are kept in memory up to `keep`
    bytes; with it each is read again, since all grey pictures of IAM would take a gigabyte in every process.
    """

    lines: Sequence[Line]
    preparation: images.Preparation
    strength: float = 0.0
    seed: int = 0
    keep: int = 500_000_000

    def __post_init__(self) -> None:
        self._ink: dict[int, np.ndarray] = {}
        self._kept = 0

    def __len__(self) -> int:
        return len(self.lines)

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        line = self.lines[index]
        if index in self._ink:
            return self._ink[index], line.text
        grey = line.image()
        if self.strength:
            rng = np.random.default_rng([self.seed, epoch, index])
            grey = augment.augment(grey, rng, self.strength)
        try:
            ink = to_bytes(images.prepare(grey, self.preparation).ink)
        except HtrError as error:
            raise HtrError(f"{line.path}: {error}") from error
        if not self.strength and self._kept + ink.nbytes <= self.keep:
            self._ink[index] = ink
            self._kept += ink.nbytes
        return ink, line.text


@dataclass
class MixedLines:
    """Two sources in one: a share of the lines of `second`, the others of `first`; its length is that of `first`."""

    first: Source
    second: Source
    share: float
    seed: int = 0

    def __len__(self) -> int:
        return len(self.first)

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        rng = np.random.default_rng([self.seed, MIXING, epoch, index])
        if rng.random() >= self.share:
            return self.first.get(epoch, index)
        number = int(rng.integers(len(self.second)))
        # A line drawn twice in an epoch is distorted anew: its "epoch" is the draw's own number.
        return self.second.get(int(rng.integers(2**31)), number)


def _pool(
    source: Source, encoder: Encoder, epoch: int, order: np.ndarray, size: int, seed: int
) -> list[Batch]:
    """The batches of one pool of lines: sorted by width, cut, shuffled."""
    cv2.setNumThreads(1)
    lines = []
    for number in map(int, order):
        ink, text = source.get(epoch, number)
        label = encoder.encode(text)
        if encoder.fits(label, ink.shape[1]):  # CTC's loss is infinite for the others
            lines.append((ink, label, number))
    lines.sort(key=lambda line: (line[0].shape[1], line[2]))
    batches = []
    for at in range(0, len(lines), size):
        inks, labels, numbers = zip(*lines[at : at + size], strict=True)
        batches.append(collate(inks, labels, numbers))
    rng = np.random.default_rng([seed, epoch, int(order[0])])
    return [batches[int(i)] for i in rng.permutation(len(batches))]


_worker_job: tuple[Any, ...] = ()


def _start_worker(*job: Any) -> None:
    global _worker_job
    _worker_job = job
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the training's to answer


def _work(epoch: int, order: np.ndarray) -> list[Batch]:
    source, encoder, size, seed = _worker_job
    return _pool(source, encoder, epoch, order, size, seed)


class Batches:
    """All batches of an epoch, in an order that (seed, epoch) decides.

    Args:
        shuffle: False forms the pools in the source's order (for reading); the batches of a pool come in any
            order, so that `Batch.numbers` says which line is which.
        workers: processes that prepare lines beside the training; 0 prepares them in this one.
    """

    def __init__(
        self,
        source: Source,
        encoder: Encoder,
        size: int,
        *,
        seed: int = 0,
        shuffle: bool = True,
        workers: int = 0,
    ) -> None:
        self.source, self.encoder, self.size = source, encoder, size
        self.seed, self.shuffle = seed, shuffle
        self._executor: ProcessPoolExecutor | None = None
        if workers:
            context, job = multiprocessing.get_context("spawn"), (source, encoder, size, seed)
            self._executor = ProcessPoolExecutor(workers, context, _start_worker, job)
        self._ahead: dict[int, deque[Future[list[Batch]]]] = {}

    def __len__(self) -> int:
        """Batches per epoch; fewer where lines are left out because their label does not fit."""
        full, rest = divmod(len(self.source), self.size * POOL)
        return full * POOL + -(-rest // self.size)

    def _orders(self, epoch: int) -> list[np.ndarray]:
        order = np.arange(len(self.source))
        if self.shuffle:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        step = self.size * POOL
        return [order[at : at + step] for at in range(0, len(order), step)]

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch; while they are used, the next pools are made (the next epoch's as well)."""
        if self._executor is None:
            for order in self._orders(epoch):
                yield from _pool(self.source, self.encoder, epoch, order, self.size, self.seed)
            return
        jobs = self._ahead.pop(epoch, deque())
        waiting = deque(self._orders(epoch)[len(jobs) :])
        upcoming = deque(self._orders(epoch + 1)[len(self._ahead.get(epoch + 1, ())) :])
        while jobs or waiting:
            while waiting and len(jobs) < 4:
                jobs.append(self._executor.submit(_work, epoch, waiting.popleft()))
            ahead = self._ahead.setdefault(epoch + 1, deque())
            while not waiting and upcoming and len(jobs) + len(ahead) < 4:
                ahead.append(self._executor.submit(_work, epoch + 1, upcoming.popleft()))
            yield from jobs.popleft().result()

    def close(self) -> None:
        """Stop the worker processes."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)


def specification(height: int) -> dict[str, Any]:
    """Names, shapes and types of a batch as TensorFlow gets it."""
    import tensorflow as tf

    image = tf.TensorSpec((None, height, None, 1), tf.float32)
    one, two = tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None, None), tf.int32)
    return {"image": image, "width": one, "label": two, "length": one}


def tensors(batches: Callable[[], Iterator[Batch]], height: int) -> Iterator[Any]:
    """The same batches through a tf.data.Dataset that fetches two ahead: dicts with the names of `Batch`.

    An error that the batches raise comes out as it is: TensorFlow would wrap it in its own.
    """
    import tensorflow as tf

    shapes, failed = specification(height), list[Exception]()

    def rows() -> Iterator[dict[str, np.ndarray]]:
        try:
            for batch in batches():
                yield {name: getattr(batch, name) for name in shapes}
        except BrokenProcessPool:
            failed.append(
                HtrError(
                    "a process that prepares lines has ended; is memory short? take fewer --workers"
                )
            )
        except Exception as error:
            failed.append(error)

    yield from tf.data.Dataset.from_generator(rows, output_signature=shapes).prefetch(2)
    if failed:
        raise failed[0]
