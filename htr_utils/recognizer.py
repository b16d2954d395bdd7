"""The hall of the house: a trained model that reads lines.

from htr_utils import Recognizer
reading = Recognizer.load("course").read("line.png")
print(reading.text, reading.confidence)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, images
from htr_utils.text import decoding

if TYPE_CHECKING:
    from htr_utils.network import inference
    from htr_utils.network.archive import Archive

Picture = str | Path | np.ndarray
Decoder = Literal["greedy", "beam"]
CHUNK = 256  # lines that are sorted by width together: a few MB prepared


def cores() -> int:
    """The cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(allowed(0)) if allowed else os.cpu_count() or 1


@dataclass(frozen=True)
class Character:
    """One character that was read. x: its column in the given picture, in pixels. confidence: 0 to 1."""

    character: str
    x: float
    confidence: float


@dataclass(frozen=True)
class Reading:
    """What a line says.

    confidence: mean of the characters' confidences, 0 to 1 (0 for an empty line); not calibrated yet.
    log_prob: the decoder's score in nats: of the best path (greedy) or of the text (beam).
    """

    text: str
    confidence: float
    characters: tuple[Character, ...]
    log_prob: float


@dataclass(frozen=True)
class _Emission:
    """log_probs: (T, C) of one line, its true frames."""

    log_probs: np.ndarray
    prepared: images.Prepared


class Recognizer:
    """Reads pictures of single lines. Make one with `Recognizer.load` and keep it: loading takes seconds."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.preset, self.charset, self.model = archive.preset, archive.charset, archive.model

    @classmethod
    def load(cls, name: str | Path = "course") -> Recognizer:
        """Load a model by its name (`course`) or its path.

        Raises:
            HtrError: no such model, or a damaged file.
        """
        file = paths.model_file(name)
        from htr_utils.network import archive  # TensorFlow is imported here and not before

        return cls(archive.load(file))

    @overload
    def read(
        self, source: Picture, *, decoder: Decoder = ..., width: int = ..., batch: int = ...
    ) -> Reading: ...

    @overload
    def read(
        self,
        source: list[Any] | tuple[Any, ...],
        *,
        decoder: Decoder = ...,
        width: int = ...,
        batch: int = ...,
    ) -> list[Reading]: ...

    def read(
        self,
        source: Picture | Sequence[Picture],
        *,
        decoder: Decoder = "greedy",
        width: int = 10,
        batch: int = 32,
    ) -> Reading | list[Reading]:
        """Read a line, or a list of lines in batches of similar width.

        Args:
            source: a path, grey levels uint8 (H, W), or a list of these.
            decoder: "greedy", or "beam" of `width`.
            batch: lines per batch; changes the speed and nothing else.

        Raises:
            HtrError: a picture that cannot be read or is no line.
        """
        if isinstance(source, str | Path | np.ndarray):
            return self.read([source], decoder=decoder, width=width, batch=batch)[0]
        readings = self.read_iter(source, decoder=decoder, width=width, batch=batch)
        return [reading for reading in readings if isinstance(reading, Reading)]

    def read_iter(
        self,
        sources: Iterable[Picture],
        *,
        decoder: Decoder = "greedy",
        width: int = 10,
        batch: int = 32,
        errors: Literal["raise", "keep"] = "raise",
        chunk: int = CHUNK,
    ) -> Iterator[Reading | HtrError]:
        """Read any number of lines, one after the other in the order given, in bounded memory.

        `chunk` lines at a time are sorted by width and read, while threads prepare the next ones.

        Args:
            sources: as for `read`; fetched no further ahead than two chunks.
            errors: "keep" gives a bad picture's HtrError in its place and reads on; "raise" raises it.

        Raises:
            HtrError: an unknown decoder; with "raise", the first bad picture of a chunk, before it is read.
        """
        if decoder not in ("greedy", "beam"):
            raise HtrError(f"no decoder {decoder!r}; use 'greedy' or 'beam'")
        return self._stream(sources, decoder, width, batch, errors == "keep", chunk)

    def _stream(
        self, sources: Iterable[Picture], decoder: Decoder, width: int, batch: int, keep: bool, chunk: int
    ) -> Iterator[Reading | HtrError]:
        for part in self._prepared(sources, chunk):
            found: dict[int, Reading | HtrError] = {}
            good: dict[int, images.Prepared] = {}
            for number, one in enumerate(part):
                if isinstance(one, images.Prepared):
                    good[number] = one
                elif keep:
                    found[number] = one
                else:
                    raise one
            for number, emission in self._emissions(good, batch):
                found[number] = self._decode(emission, decoder, width)
            yield from (found[number] for number in range(len(part)))

    def _prepared(self, sources: Iterable[Picture], chunk: int) -> Iterator[list[images.Prepared | HtrError]]:
        """Pictures prepared by threads, a chunk at a time; the next chunk is under way meanwhile."""
        rest = iter(sources)
        pool = ThreadPoolExecutor(cores())
        try:
            ahead = [pool.submit(self._tried, one) for one in islice(rest, chunk)]
            while ahead:
                part, ahead = ahead, [pool.submit(self._tried, one) for one in islice(rest, chunk)]
                yield [job.result() for job in part]
        finally:
            pool.shutdown(cancel_futures=True)

    def _tried(self, source: Picture) -> images.Prepared | HtrError:
        try:
            return self.prepare(source)
        except HtrError as error:
            return error

    def prepare(self, source: Picture) -> images.Prepared:
        """The network's input for one picture: `images.load` and `images.prepare` with this model's settings."""
        if isinstance(source, np.ndarray):
            return images.prepare(source, self.preset.preparation)
        grey = images.load(source)
        try:
            return images.prepare(grey, self.preset.preparation)
        except HtrError as error:
            raise HtrError(f"{source}: {error}") from error

    def log_probs(self, source: Sequence[Picture], batch: int = 32) -> list[np.ndarray]:
        """The network's answer before decoding: per line (T, C) log-probabilities, T its true frames."""
        prepared = {number: self.prepare(one) for number, one in enumerate(source)}
        found = {number: emission.log_probs for number, emission in self._emissions(prepared, batch)}
        return [found[number] for number in range(len(found))]

    @cached_property
    def _network(self) -> inference.Reader:
        """The compiled network, made at the first line, from the weights as they are then, and kept warm."""
        from htr_utils.network import inference

        return inference.reader(self.model, self.preset)

    def _emissions(
        self, prepared: Mapping[int, images.Prepared], batch: int
    ) -> Iterator[tuple[int, _Emission]]:
        from htr_utils.network import models

        order = sorted(prepared, key=lambda number: (prepared[number].ink.shape[1], number))
        for at in range(0, len(order), batch):
            chosen = order[at : at + batch]
            inks = [dataset.to_bytes(prepared[number].ink) for number in chosen]
            made = dataset.collate(inks, [np.zeros(0, np.int32)] * len(inks), chosen)
            log_probs = self._network(made.image, made.width)
            frames = np.asarray(models.frames(made.width, self.preset))
            for number, one, count in zip(chosen, log_probs, frames, strict=True):
                yield number, _Emission(one[:count], prepared[number])

    def _decode(self, emission: _Emission, decoder: Decoder, width: int) -> Reading:
        log_probs, lengths = emission.log_probs[None], np.array([len(emission.log_probs)])
        if decoder == "greedy":
            best = decoding.greedy(log_probs, lengths)[0]
        else:
            best = decoding.beam(log_probs, lengths, width=width)[0][0]
        step = self.preset.frame_step
        text = self.charset.decode(best.ids)
        characters = tuple(
            Character(c, emission.prepared.original_x((frame + 0.5) * step), confidence)
            for c, frame, confidence in zip(text, best.frames, best.confidences, strict=True)
        )
        # Spaces at the ends are no reading; they go, with their positions.
        first, last = len(text) - len(text.lstrip()), len(text.rstrip())
        characters = characters[first:last]
        sure = float(np.mean([c.confidence for c in characters])) if characters else 0.0
        return Reading(text.strip(), sure, characters, best.log_prob)
