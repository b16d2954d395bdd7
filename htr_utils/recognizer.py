"""The hall of the house: a trained model that reads lines.

from htr_utils import Recognizer
reading = Recognizer.load("course").read("line.png")
print(reading.text, reading.confidence)
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import cv2
import numpy as np

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, images
from htr_utils.text import decoding

if TYPE_CHECKING:
    from htr_utils.network import inference
    from htr_utils.network.archive import Archive
    from htr_utils.text.spelling import Correction
    from htr_utils.text.tuned import Scales, Tuned

Picture = str | Path | np.ndarray
Decoder = Literal["greedy", "beam", "lm", "lexicon"]
DECODERS: tuple[Decoder, ...] = ("greedy", "beam", "lm", "lexicon")
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
class Word:
    """A word that was read: the characters `start` to `end` (exclusive) of the text. confidence: 0 to 1."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True)
class Reading:
    """What a line says.

    confidence: mean of the characters' confidences, 0 to 1 (0 for an empty line). Those of characters and words
    are calibrated for the shipped model (see `text.tuned.Scale`), as the network gave them for any other.
    log_prob: the decoder's score in nats: of the best path (greedy) or of the text (beam).
    others: what the beam read next to this, best first, where more than one candidate was asked for.
    """

    text: str
    confidence: float
    characters: tuple[Character, ...]
    log_prob: float
    words: tuple[Word, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Emissions:
    """The network's answer to a batch. log_probs: (B, T, C). frames: (B,) true frames. numbers: which lines."""

    log_probs: np.ndarray
    frames: np.ndarray
    numbers: list[int]


class Recognizer:
    """Reads pictures of single lines. Make one with `Recognizer.load` and keep it: loading takes seconds."""

    def __init__(self, archive: Archive, file: Path | None = None) -> None:
        self.archive, self.file = archive, file
        self.preset, self.charset, self.model = archive.preset, archive.charset, archive.model

    @classmethod
    def load(cls, name: str | Path = "course") -> Recognizer:
        """Load a model by its name (`course`) or its path.

        Raises:
            HtrError: no such model, or a damaged file.
        """
        file = paths.model_file(name)
        from htr_utils.network import archive  # TensorFlow is imported here and not before

        return cls(archive.load(file), file)

    @overload
    def read(
        self,
        source: Picture,
        *,
        decoder: Decoder = ...,
        width: int | None = ...,
        batch: int = ...,
        candidates: int = ...,
    ) -> Reading: ...

    @overload
    def read(
        self,
        source: list[Any] | tuple[Any, ...],
        *,
        decoder: Decoder = ...,
        width: int | None = ...,
        batch: int = ...,
        candidates: int = ...,
    ) -> list[Reading]: ...

    def read(
        self,
        source: Picture | Sequence[Picture],
        *,
        decoder: Decoder = "greedy",
        width: int | None = None,
        batch: int = 32,
        candidates: int = 1,
    ) -> Reading | list[Reading]:
        """Read a line, or a list of lines in batches of similar width.

        Args:
            source: a path, grey levels uint8 (H, W), or a list of these.
            decoder: "greedy"; "beam"; "lm", a prefix beam with the English language model; "lexicon", the same
                with a price on words that are in no list.
            width: of the beam; 10, or 25 with a language model, by default.
            batch: lines per batch; changes the speed and nothing else.
            candidates: how many readings of the beam to keep: the best, and `others`. Spell correction asks for
                them; greedy decoding has one.

        Raises:
            HtrError: a picture that cannot be read or is no line.
        """
        if isinstance(source, str | Path | np.ndarray):
            return self.read(
                [source], decoder=decoder, width=width, batch=batch, candidates=candidates
            )[0]
        readings = self.read_iter(
            source, decoder=decoder, width=width, batch=batch, candidates=candidates
        )
        return [reading for reading in readings if isinstance(reading, Reading)]

    def read_iter(
        self,
        sources: Iterable[Picture],
        *,
        decoder: Decoder = "greedy",
        width: int | None = None,
        batch: int = 32,
        errors: Literal["raise", "keep"] = "raise",
        chunk: int = CHUNK,
        candidates: int = 1,
    ) -> Iterator[Reading | HtrError]:
        """Read any number of lines, one after the other in the order given, in bounded memory.

        `chunk` lines at a time are sorted by width and read, while threads prepare the next ones.

        Args:
            sources: as for `read`; fetched no further ahead than two chunks.
            errors: "keep" gives a bad picture's HtrError in its place and reads on; "raise" raises it.

        Raises:
            HtrError: an unknown decoder; with "raise", the first bad picture of a chunk, before it is read.
        """
        if decoder not in DECODERS:
            raise HtrError(f"no decoder {decoder!r}; use one of {', '.join(DECODERS)}")
        return self._stream(sources, decoder, width, batch, errors == "keep", chunk, candidates)

    def _stream(
        self,
        sources: Iterable[Picture],
        decoder: Decoder,
        width: int | None,
        batch: int,
        keep: bool,
        chunk: int,
        top: int,
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
            for made in self._emissions(good, batch):
                decoded = self._decode(made, decoder, width, top)
                for number, line in zip(made.numbers, decoded, strict=True):
                    found[number] = self._reading(line, good[number], decoder)
            yield from (found[number] for number in range(len(part)))

    def _prepared(
        self, sources: Iterable[Picture], chunk: int
    ) -> Iterator[list[images.Prepared | HtrError]]:
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
        except (HtrError, MemoryError, OSError, cv2.error) as error:
            return (
                error
                if isinstance(error, HtrError)
                else HtrError(f"cannot be prepared ({error!r:.200})")
            )

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
        found = {
            number: one[:count]
            for made in self._emissions(prepared, batch)
            for number, one, count in zip(made.numbers, made.log_probs, made.frames, strict=True)
        }
        return [found[number] for number in range(len(found))]

    @cached_property
    def tuned(self) -> Tuned:
        """The language model, the settings of the beam and the gate that were chosen for the shipped models.

        Raises:
            HtrError: the file of the language model is missing or damaged.
        """
        from htr_utils.text.tuned import Tuned

        return Tuned.load(self.charset)

    @cached_property
    def scales(self) -> dict[str, Scales]:
        """What makes confidences keep their promise, for each decoder; empty for a model that has no such scales."""
        from htr_utils.files import sha256
        from htr_utils.text import tuned

        return tuned.scales(sha256(self.file)) if self.file is not None else {}

    def correct(self, reading: Reading) -> Correction:
        """Spell correction that asks first: a word changes where the reader was unsure and the language agrees."""
        return self.tuned.gate.correct(
            reading.text, [c.confidence for c in reading.characters], reading.others
        )

    @cached_property
    def _network(self) -> inference.Reader:
        """The compiled network, made at the first line, from the weights as they are then, and kept warm."""
        from htr_utils.network import inference

        return inference.reader(self.model, self.preset)

    def _emissions(
        self, prepared: Mapping[int, images.Prepared], batch: int
    ) -> Iterator[_Emissions]:
        from htr_utils.network import models

        order = sorted(prepared, key=lambda number: (prepared[number].ink.shape[1], number))
        for at in range(0, len(order), batch):
            chosen = order[at : at + batch]
            inks = [dataset.to_bytes(prepared[number].ink) for number in chosen]
            made = dataset.collate(inks, [np.zeros(0, np.int32)] * len(inks), chosen)
            log_probs = self._network(made.image, made.width)
            frames = np.asarray(models.frames(made.width, self.preset))
            yield _Emissions(log_probs, frames, chosen)

    def _decode(
        self, made: _Emissions, decoder: Decoder, width: int | None, top: int
    ) -> list[list[decoding.Candidate]]:
        if decoder == "greedy":
            return [[one] for one in decoding.greedy(made.log_probs, made.frames)]
        if decoder == "beam":
            return decoding.beam(made.log_probs, made.frames, width=width or 10, top=top)
        lexicon = decoder == "lexicon"
        return self.tuned.decode(made.log_probs, made.frames, lexicon=lexicon, width=width, top=top)

    def _reading(
        self, candidates: list[decoding.Candidate], prepared: images.Prepared, decoder: str
    ) -> Reading:
        from htr_utils.text.tuned import Scales

        best, step = candidates[0], self.preset.frame_step
        others = tuple(self.charset.decode(one.ids).strip() for one in candidates[1:])
        text = self.charset.decode(best.ids)
        scales = self.scales.get("greedy" if decoder == "beam" else decoder, Scales())
        characters = tuple(
            Character(c, prepared.original_x((frame + 0.5) * step), scales.letter(confidence))
            for c, frame, confidence in zip(text, best.frames, best.confidences, strict=True)
        )
        # Spaces at the ends are no reading; they go, with their positions.
        first, last = len(text) - len(text.lstrip()), len(text.rstrip())
        characters = characters[first:last]
        sure = [c.confidence for c in characters]
        words = tuple(
            Word(match.group(), *match.span(), scales.of_word(sure[slice(*match.span())]))
            for match in re.finditer(r"\S+", text.strip())
        )
        mean = float(np.mean(sure)) if sure else 0.0
        return Reading(text.strip(), mean, characters, best.log_prob, words, others)
