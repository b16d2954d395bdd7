"""A trained model that reads lines.

from htr_utils import Recognizer
reading = Recognizer.load("course").read("line.png")
print(reading.text, reading.confidence)
"""

from __future__ import annotations

import importlib.util
import os
import re
import threading
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import cv2
import numpy as np

from htr_utils import engines, files, paths, quiet
from htr_utils.errors import HtrError
from htr_utils.lines import images, padding
from htr_utils.readings import Character, Reading, Word
from htr_utils.text import decoding, languages
from htr_utils.text.charset import Charset

if TYPE_CHECKING:
    from htr_utils.network.archive import Archive
    from htr_utils.network.models import Preset
    from htr_utils.results import ReadPage
    from htr_utils.text.gate import Gate
    from htr_utils.text.settings import Scales
    from htr_utils.text.spelling import Correction
    from htr_utils.text.tuned import Tuned

Picture = Any  # a path, bytes, an open file, a PIL image, an array: see `images.load`
Decoder = Literal["greedy", "beam", "lm", "lexicon"]
DECODERS: tuple[Decoder, ...] = ("greedy", "beam", "lm", "lexicon")
BATCH = 4  # lines that the network reads at once: more need more memory and are no faster on a processor
CHUNK = 256  # lines that are sorted by width together: a few MB prepared


def cores() -> int:
    """The cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on macOS and Windows
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def threads() -> int:
    """The threads that read: one a core, or as many as OMP_NUM_THREADS says, as for other libraries."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores(), int(told)) if told.isdecimal() and int(told) else cores()


@dataclass(frozen=True)
class _Line:
    """A line on its way: its number in the chunk, log_probs (T, C) of its true frames, what greedy decoding reads."""

    number: int
    log_probs: np.ndarray
    greedy: decoding.Candidate


@dataclass(frozen=True)
class _Job:
    """How to read; see `Recognizer.read_iter`."""

    decoder: Decoder
    language: str
    width: int | None
    top: int
    batch: int
    page_of: Callable[[int], Hashable]


def _batches(prepared: Mapping[int, images.Prepared], most: int) -> list[list[int]]:
    """Lines of similar width together, at most so many, and on each thread some."""
    order = sorted(prepared, key=lambda number: (prepared[number].ink.shape[1], number))
    size = max(1, min(most, -(-len(order) // threads())))
    return [order[at : at + size] for at in range(0, len(order), size)]


class Recognizer:
    """Reads pictures of single lines. Make one with `Recognizer.load` and keep it.

    It may be used from several threads at once, after a fork, and pickled (its file is then loaded anew).

    Args:
        engine: what runs the network; or an `archive.Archive`, a network in training, which TensorFlow runs.
    """

    def __init__(self, engine: engines.Engine | Archive, file: Path | None = None) -> None:
        if not hasattr(engine, "logits"):
            from htr_utils.network.inference import TensorFlowEngine

            engine = TensorFlowEngine(engine)
        self.engine, self.file = engine, file
        self._tuned: dict[str, Tuned] = {}
        self._loading = threading.Lock()
        try:
            self.charset = Charset.from_json(engine.about["charset"])
            self.preparation = images.Preparation.from_json(engine.about["preparation"])
            self.frame_step = int(engine.about["frame_step"])
        except (HtrError, LookupError, TypeError, ValueError) as error:
            raise HtrError(
                f"{file}: its description is damaged ({error}); fetch or train the model again"
            ) from error

    @classmethod
    def load(
        cls, name: str | Path = "course", engine: Literal["onnx", "tensorflow"] = "onnx"
    ) -> Recognizer:
        """Load a model by its name (`course`) or its path.

        A `.keras` file is read through the `.onnx` file beside it; where there is none, or one of another model, it
        is made, for which the extra `train` is needed.

        Args:
            engine: "tensorflow" reads with the trained network itself.

        Raises:
            HtrError: no such model, or a damaged file.
        """
        file = paths.model_file(name)
        if engine == "onnx":
            from htr_utils.engines.onnx import OnnxEngine

            beside = file.with_suffix(".onnx")
            if beside.is_file():
                found = OnnxEngine.load(beside)
                if file == beside or found.about.get("made_from") == files.sha256(file):
                    return cls(found, file)
        if importlib.util.find_spec("tensorflow") is None:
            raise HtrError(
                f'{file}: no {file.stem}.onnx of this model beside it; pip install "htr-utils[train]" can make it'
            )
        with quiet.hushed():
            import tensorflow  # noqa: F401
        from htr_utils.network import archive, inference

        if engine == "onnx":
            return cls(inference.engine_of(file), file)
        return cls(inference.TensorFlowEngine(archive.load(file), files.sha256(file)), file)

    def __reduce__(self) -> tuple[Any, ...]:
        if self.file is None:
            raise HtrError(
                "a recognizer without a file cannot be pickled; save its model, load that"
            )
        engine = "tensorflow" if hasattr(self.engine, "archive") else "onnx"
        return Recognizer.load, (self.file.absolute(), engine)

    @cached_property
    def archive(self) -> Archive:
        """The network that was trained, its preset and origin. This loads TensorFlow; reading does not.

        Raises:
            HtrError: there is no `.keras` file of this model, or no TensorFlow.
        """
        if self.file is None:
            return self.engine.archive  # type: ignore[union-attr, no-any-return]
        if importlib.util.find_spec("tensorflow") is None:
            raise HtrError('the layers of a model need TensorFlow; pip install "htr-utils[train]"')
        from htr_utils.network import archive

        return archive.load(self.file.with_suffix(".keras"))

    @property
    def model(self) -> Any:
        """The keras.Model; see `archive`."""
        return self.archive.model

    @property
    def preset(self) -> Preset:
        """See `archive`."""
        return self.archive.preset

    @overload
    def read(self, source: list[Any] | tuple[Any, ...], **options: Any) -> list[Reading]: ...

    @overload
    def read(self, source: Generator[Any, None, None], **options: Any) -> Iterator[Reading]: ...

    @overload
    def read(self, source: Picture, **options: Any) -> Reading: ...

    def read(self, source: Any, **options: Any) -> Any:
        """Read a line, or many in batches of similar width.

        Args:
            source: a picture (see `images.load`), a list of these, or a generator of them.
            options: of `read_iter`.

        Returns:
            a Reading; for a list a list of them, for a generator a generator.

        Raises:
            HtrError: a picture that cannot be read or is no line.
        """
        many = isinstance(source, list | tuple)
        stream = isinstance(source, Iterator) and not hasattr(source, "read")  # not an open file
        readings = self.read_iter(source if many or stream else [source], **options)
        return readings if stream else list(readings) if many else next(readings)

    def read_page(self, source: Picture, kind: str = "auto", **options: Any) -> ReadPage:
        """Find and read the lines of a photo or scan; see `page_reading.read`."""
        from htr_utils import page_reading

        return page_reading.read(self, source, kind, **options)

    def read_iter(
        self,
        sources: Iterable[Picture],
        *,
        decoder: Decoder = "lexicon",
        language: str = "auto",
        width: int | None = None,
        batch: int = BATCH,
        errors: Literal["raise", "keep"] = "raise",
        chunk: int = CHUNK,
        candidates: int = 1,
        page_of: Callable[[int], Hashable] = lambda number: None,
    ) -> Iterator[Reading | HtrError]:
        """Read any number of lines, one after the other in the order given, in bounded memory.

        `chunk` lines at a time are sorted by width and read, while threads prepare the next ones.

        Args:
            sources: pictures, see `images.load`; fetched no further ahead than two chunks.
            decoder: "lexicon", a prefix beam with a language model and a price on words that are in no list; "lm",
                the same without the list; "beam", without either; "greedy".
            language: of "lm" and "lexicon": "en", "fr", "de", "es", "it", the path of a model of one's own, "none",
                or "auto": the one that foresees best what greedy decoding reads on the page (`page_of`, else in all
                lines), none where none does. With none, or a charset that none is made for, decoding is greedy.
            width: of the beam; 10, or 100 with a language model, by default.
            batch: lines per batch at most; changes the speed and nothing else.
            candidates: how many readings of the beam to keep: the best, and `others`. Spell correction asks for
                them; greedy decoding has one.
            errors: "keep" gives a bad picture's HtrError in its place and reads on; "raise" raises it.
            page_of: on which page the line of a number is; lines of a page share their language.

        Raises:
            HtrError: an unknown decoder or language; with "raise", the first bad picture of a chunk, before it is read.
        """
        if decoder not in DECODERS:
            raise HtrError(f"no decoder {decoder!r}; use one of {', '.join(DECODERS)}")

        languages.check(language)
        job = _Job(decoder, language, width, candidates, batch, page_of)
        return self._stream(sources, job, errors == "keep", chunk)

    def _stream(
        self, sources: Iterable[Picture], job: _Job, keep: bool, chunk: int
    ) -> Iterator[Reading | HtrError]:
        """Threads prepare the next chunk, run the network, and decode once each page's language is known."""
        rest, pool, done = iter(sources), ThreadPoolExecutor(threads()), 0
        settled: dict[Hashable, str] = {}  # the language of each page so far

        def network(numbers: list[int], good: Mapping[int, images.Prepared]) -> list[_Line]:
            made = self._emissions(numbers, good)
            plain = decoding.greedy(*made)
            return [
                _Line(number, log_probs[:count], one)
                for number, log_probs, count, one in zip(numbers, *made, plain, strict=True)
            ]

        def fetch() -> list[Future[images.Prepared | HtrError]]:
            return [pool.submit(self._tried, one) for one in islice(rest, chunk)]

        try:
            ahead = fetch()
            while ahead:
                part = [made.result() for made in ahead]
                good = {n: one for n, one in enumerate(part) if isinstance(one, images.Prepared)}
                bad = {n: one for n, one in enumerate(part) if isinstance(one, HtrError)}
                if bad and not keep:
                    raise bad[min(bad)]
                running = [pool.submit(network, some, good) for some in _batches(good, job.batch)]
                ahead = fetch()
                lines = sorted(
                    (line for one in running for line in one.result()), key=lambda line: line.number
                )
                readings: dict[int, Reading | HtrError] = dict(bad)
                asked = []
                for language, some in self._by_language(lines, job, settled, done).items():
                    some.sort(key=lambda line: len(line.log_probs))
                    size = max(1, -(-len(some) // threads()))
                    for at in range(0, len(some), size):
                        few = some[at : at + size]
                        asked.append((language, few, pool.submit(self._decode, few, job, language)))
                for language, few, found in asked:
                    for line, candidates in zip(few, found.result(), strict=True):
                        picture = good[line.number]
                        decoder = "greedy" if language == languages.NONE else job.decoder
                        reading = self._reading(candidates, picture, decoder)
                        readings[line.number] = replace(reading, language=language)
                yield from (readings[n] for n in range(len(part)))
                done += len(part)
        finally:
            pool.shutdown(cancel_futures=True)

    def _by_language(
        self, lines: list[_Line], job: _Job, settled: dict[Hashable, str], done: int
    ) -> dict[str, list[_Line]]:
        """The lines by the language to read them in; `done` lines came before.

        The first chunk with lines of a page settles the language of all of them, so that it never changes on a page.
        """
        if job.decoder not in ("lm", "lexicon"):
            return {languages.NONE: lines}
        if job.language != "auto":
            return {job.language: lines}
        pages = {line.number: job.page_of(done + line.number) for line in lines}
        evidence: dict[Hashable, languages.Evidence] = {}
        for line in lines:
            page = pages[line.number]
            if page not in settled:
                found = evidence.setdefault(page, languages.Evidence(self.charset.characters))
                found.add(self.charset.decode(line.greedy.ids), line.greedy.confidences)
        settled |= {page: found.language() for page, found in evidence.items()}
        groups: dict[str, list[_Line]] = {}
        for line in lines:
            groups.setdefault(settled[pages[line.number]], []).append(line)
        return groups

    def _tried(self, source: Picture) -> images.Prepared | HtrError:
        try:
            return self.prepare(source)
        except HtrError as error:
            return error
        except (MemoryError, OSError, cv2.error) as error:
            return HtrError(f"cannot be prepared ({error!r:.200})")

    def prepare(self, source: Picture) -> images.Prepared:
        """The network's input for one picture: `images.load` and `images.prepare` with this model's settings."""
        grey = images.load(source)
        try:
            return images.prepare(grey, self.preparation)
        except HtrError as error:
            if not isinstance(source, str | os.PathLike):
                raise
            raise HtrError(f"{source}: {error}") from error

    def log_probs(self, source: Sequence[Picture], batch: int = BATCH) -> list[np.ndarray]:
        """The network's answer before decoding: per line (T, C) log-probabilities, T its true frames."""
        prepared = {number: self.prepare(one) for number, one in enumerate(source)}
        answers = {}
        for numbers in _batches(prepared, batch):
            made = self._emissions(numbers, prepared)
            for number, one, count in zip(numbers, *made, strict=True):
                answers[number] = one[:count]
        return [answers[number] for number in range(len(answers))]

    @cached_property
    def tuned(self) -> Tuned:
        """The English language model, the settings of the beam and the gate that were chosen for the shipped models.

        Raises:
            HtrError: the file of the language model is missing or damaged.
        """
        return self.tuned_for(languages.USUAL)

    def tuned_for(self, language: str) -> Tuned:
        """`tuned` for another language: its name, or the path of a model of one's own. Loaded once.

        Raises:
            HtrError: no such file, a damaged one, or one for other characters than this model's.
        """
        from htr_utils.text.tuned import Tuned

        with self._loading:
            if language not in self._tuned:
                self._tuned[language] = Tuned.load(self.charset, language)
            return self._tuned[language]

    @cached_property
    def scales(self) -> dict[str, Scales]:
        """What makes confidences keep their promise, for each decoder; empty for a model that has no such scales."""
        from htr_utils.text import tuned

        return tuned.scales(self.engine.about.get("made_from", ""))

    def correct(self, reading: Reading) -> Correction:
        """Spell correction that asks first: a word changes where the reader was unsure and the language agrees."""
        sure = [c.confidence for c in reading.characters]
        return self.gate_of(reading.language).correct(reading.text, sure, reading.others)

    def gate_of(self, language: str) -> Gate:
        """What corrects lines of a language; English where a line was read without one."""
        return self.tuned_for(languages.USUAL if language == languages.NONE else language).gate

    def _emissions(
        self, numbers: list[int], prepared: Mapping[int, images.Prepared]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The network's answer to a batch: log-probabilities (B, T, C), and the true frames (B,)."""
        inks = [padding.to_bytes(prepared[number].ink) for number in numbers]
        made = padding.collate(inks, [np.zeros(0, np.int32)] * len(inks), numbers)
        logits, frames = self.engine.logits(made.image, made.width)
        return engines.log_softmax(logits), frames

    def _decode(
        self, lines: list[_Line], job: _Job, language: str
    ) -> list[list[decoding.Candidate]]:
        beam = job.decoder == "beam"
        if not beam and language == languages.NONE:
            return [[line.greedy] for line in lines]
        frames = np.array([len(line.log_probs) for line in lines])
        shape = len(lines), int(frames.max(initial=0)), self.charset.classes
        log_probs = np.zeros(shape, np.float32)
        for row, line in zip(log_probs, lines, strict=True):
            row[: len(line.log_probs)] = line.log_probs
        if beam:
            return decoding.beam(log_probs, frames, width=job.width or 10, top=job.top)
        return self.tuned_for(language).decode(
            log_probs, frames, lexicon=job.decoder == "lexicon", width=job.width, top=job.top
        )

    def _reading(
        self, candidates: list[decoding.Candidate], prepared: images.Prepared, decoder: str
    ) -> Reading:
        from htr_utils.text.settings import Scales

        best, step = candidates[0], self.frame_step
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
