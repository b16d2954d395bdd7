"""A page that was read: its lines and words with their places, in pixels of the picture that was given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Box = tuple[int, int, int, int]  # x, y, width, height in pixels
PLAIN = ".txt"  # what a file of plain text is called


@dataclass(frozen=True)
class Word:
    """A word of a line. box: None where it is not known, as in a text that somebody typed. confidence: 0 to 1."""

    text: str
    box: Box | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class ReadLine:
    """A line of a page: polygon float (N, 2), x and y. corrected: the text after spell correction, if it ran.

    baseline: float (N, 2), from left to right, where it is known. found: x-height and baseline as `pages` found them.
    sure, at: the confidence of each character of `text` and its column, where a recogniser read it. others: what
    its beam read besides. language: whose language model helped.
    """

    text: str
    polygon: np.ndarray
    box: Box
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    corrected: str | None = None
    sure: tuple[float, ...] = ()
    at: tuple[int, ...] = ()
    others: tuple[str, ...] = ()
    language: str = "none"
    baseline: np.ndarray | None = None
    found: tuple[float, np.ndarray] | None = None

    def split(self) -> tuple[Word, ...]:
        """The words, with their places where the text is still what was read."""
        known = self.words if [word.text for word in self.words] == self.text.split() else ()
        return known or tuple(Word(text) for text in self.text.split())


@dataclass(frozen=True)
class ReadPage:
    """image: name of the picture's file. width, height: pixels. number: of the page in that file, from 1.

    notes: what was put right in the picture, or stands in the way of reading it well, a sentence each.
    """

    image: str
    width: int
    height: int
    lines: tuple[ReadLine, ...]
    number: int = 1
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text, a line per line."""
        return "\n".join(line.text for line in self.lines)


def plain(pages: Sequence[ReadPage]) -> str:
    """The text alone: a line per line; an empty line between pages."""
    return "\n".join("".join(f"{line.text}\n" for line in page.lines) for page in pages)


def of_page(
    image: str,
    shape: tuple[int, ...],
    page_lines: Sequence[Any],
    readings: Iterable[Any],
    number: int = 1,
    notes: Sequence[str] = (),
) -> ReadPage:
    """The page that `shape` (height, width), lines as `pages.find` gives them and their readings make up."""
    height, width = shape[:2]
    lines = []
    for line, reading in zip(page_lines, readings, strict=True):
        words = tuple(_words(line, reading))
        sure = tuple(c.confidence for c in reading.characters)
        middle = np.array([[c.x, line.crop.shape[0] / 2] for c in reading.characters]).reshape(
            -1, 2
        )
        at = tuple(line.where(middle)[:, 0].round().clip(0, width - 1).astype(int).tolist())
        line_read = ReadLine(
            reading.text, line.polygon, line.box, reading.confidence, words, sure=sure, at=at
        )
        line_read = replace(line_read, others=reading.others, language=reading.language)
        found = getattr(line, "found", None)
        lines.append(replace(line_read, baseline=_baseline(line), found=found))
    image = image.encode("utf-8", "replace").decode()  # a file's name may be no UTF-8, a result is
    return ReadPage(image, width, height, tuple(lines), number, tuple(notes))


def _baseline(line: Any) -> np.ndarray | None:
    """Where a found line's letters stand, (N, 2), from its first ink to its last; None of a whole picture."""
    frame, ink = getattr(line, "frame", None), np.flatnonzero((line.crop < 128).any(0))
    if frame is None or not ink.size:
        return None
    count = max(2, round(2 * (ink[-1] - ink[0]) / line.crop.shape[0]) + 1)
    x = np.linspace(ink[0], ink[-1] + 1, count)
    return np.asarray(line.where(np.stack([x, np.full(count, frame.above * frame.scale)], 1)))


def _words(line: Any, reading: Any) -> Iterable[Word]:
    """The words of a reading with their boxes: a word reaches half-way to the characters beside it, and no further
    than its line."""
    rows, columns = line.crop.shape
    x = np.array([c.x for c in reading.characters], float)
    if not x.size:
        return
    half = float(np.median(np.diff(x))) / 2 if x.size > 1 else columns / 2
    between = (x[1:] + x[:-1]) / 2
    left = np.concatenate([[x[0] - half], between]).clip(0, columns)
    right = np.concatenate([between, [x[-1] + half]]).clip(0, columns)
    known = {(word.start, word.end): word.confidence for word in getattr(reading, "words", ())}
    for match in re.finditer(r"\S+", "".join(c.character for c in reading.characters)):
        a, b = match.span()
        edges = np.array([[u, v] for u in (left[a], right[b - 1]) for v in (0, rows)])
        sure = known.get((a, b)) or float(np.mean([c.confidence for c in reading.characters[a:b]]))
        yield Word(match.group(), _around(line.where(edges), line.box), sure)


def _around(points: np.ndarray, box: Box) -> Box:
    """The smallest box around points (N, 2) that lies in another and is at least a pixel wide and high."""
    start, end = np.array(box[:2]), np.array(box[:2]) + box[2:]
    low = np.floor(points.min(0)).clip(start, end - 1).astype(int)
    high = np.ceil(points.max(0)).clip(low + 1, end).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
