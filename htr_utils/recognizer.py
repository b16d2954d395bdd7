"""The hall of the house: a trained model that reads lines.

from htr_utils import Recognizer
reading = Recognizer.load("course").read("line.png")
print(reading.text, reading.confidence)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, images
from htr_utils.text import decoding

if TYPE_CHECKING:
    from htr_utils.network.archive import Archive

Picture = str | Path | np.ndarray
Decoder = Literal["greedy", "beam"]


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
    """log_probs: (T, C) of one line. frames: how many of them belong to it."""

    log_probs: np.ndarray
    frames: int
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
        if decoder not in ("greedy", "beam"):
            raise HtrError(f"no decoder {decoder!r}; use 'greedy' or 'beam'")
        prepared = [self.prepare(one) for one in source]
        readings: list[Reading | None] = [None] * len(prepared)
        for index, emission in self._emissions(prepared, batch):
            readings[index] = self._decode(emission, decoder, width)
        return [reading for reading in readings if reading is not None]

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
        prepared = [self.prepare(one) for one in source]
        found: list[Any] = [None] * len(prepared)
        for index, emission in self._emissions(prepared, batch):
            found[index] = emission.log_probs[: emission.frames]
        return found

    def _emissions(self, prepared: Sequence[images.Prepared], batch: int) -> Iterator[tuple[int, _Emission]]:
        from htr_utils.network import models, training

        order = sorted(range(len(prepared)), key=lambda i: (prepared[i].ink.shape[1], i))
        for at in range(0, len(order), batch):
            chosen = order[at : at + batch]
            inks = [dataset.to_bytes(prepared[i].ink) for i in chosen]
            made = dataset.collate(inks, [np.zeros(0, np.int32)] * len(inks), chosen)
            log_probs = training.log_softmax(training.predict(self.model, made))
            frames = np.asarray(models.frames(made.width, self.preset))
            for index, one, count in zip(chosen, log_probs, frames, strict=True):
                yield index, _Emission(one, int(count), prepared[index])

    def _decode(self, emission: _Emission, decoder: Decoder, width: int) -> Reading:
        log_probs, lengths = emission.log_probs[None, : emission.frames], np.array([emission.frames])
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
