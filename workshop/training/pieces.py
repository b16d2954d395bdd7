"""Lines of words or letters that one writer wrote singly, set side by side as that writer might have.

The pieces are cut close and in one scale a writer, so nothing says how high each stood over its line. What its
letters are tells: a word without descenders stands on the baseline; one with them reaches below it by what it is
higher than the writer's words without.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import augment, images, opening
from htr_utils.lines.dataset import to_bytes
from htr_utils.lines.iam import Line
from htr_utils.synth import fonts, handwriting

_SMALL, _LOW = set("acemnorsuvwxz"), set("gjpqy")
_NO_FONT = fonts.FontFile("", 400, "")
LEAST = 8  # pieces of a writer whose lines are worth setting


def rewritten(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Drawn strokes (uint8, dark on white) with another pen, ink and paper; same shape."""
    writer = replace(
        handwriting.Writer.draw_free(_NO_FONT, rng),
        pen=float(rng.uniform(-0.2, 0.9)),
        pressure=float(rng.uniform(0.02, 0.2)),
        nib=float(rng.uniform(0.04, 0.09)) if rng.random() < 0.25 else 0.0,
    )
    return handwriting.inked(255 - grey, writer, rng, float(np.clip(0.8 * grey.shape[0], 24, 90)))


@dataclass
class DrawnLines:
    """Lines that were drawn from pen strokes, each time with another pen, ink, paper and distortion."""

    lines: Sequence[Line]
    preparation: images.Preparation
    strength: float = 1.0
    seed: int = 0

    def __len__(self) -> int:
        return len(self.lines)

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        rng = np.random.default_rng([self.seed, 17, epoch, index])
        line = self.lines[index]
        return _finished(line.image(), rng, self.strength, self.preparation), line.text


@dataclass(frozen=True)
class Hand:
    """One writer's pieces by text, the heights of its small and tall letters in pixels."""

    pieces: dict[str, list[Line]]
    small: float
    tall: float


def hands(pieces: Sequence[Line]) -> list[Hand]:
    """The writers with at least `LEAST` pieces, by name."""
    by_writer: dict[str, list[Line]] = {}
    for piece in pieces:
        by_writer.setdefault(piece.writer_id, []).append(piece)
    return [_hand(by_writer[name]) for name in sorted(by_writer) if len(by_writer[name]) >= LEAST]


def _hand(pieces: Sequence[Line]) -> Hand:
    small, tall, found = list[int](), list[int](), dict[str, list[Line]]()
    for piece in pieces:
        found.setdefault(piece.text, []).append(piece)
        letters = set(piece.text)
        if not letters & _LOW:
            height = _picture(str(piece.path)).shape[0]
            (small if letters <= _SMALL else tall).append(height)
    high = float(np.median(tall)) if tall else 1.8 * float(np.median(small or [32]))
    return Hand(found, float(np.median(small)) if small else high / 1.8, high)


@functools.lru_cache(maxsize=20_000)
def _picture(path: str) -> np.ndarray:
    """A piece cut to its ink, uint8; black where there is none to be seen."""
    grey = opening.load(path)
    rows, columns = np.flatnonzero((grey < 160).any(1)), np.flatnonzero((grey < 160).any(0))
    if not rows.size:
        return grey
    return grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@dataclass
class SideBySide:
    """Lines that no epoch repeats, of pieces of one writer.

    words: None sets whole words of the writer in any order; else `words(rng)` gives a word that is spelt with the
        writer's single signs, or another one where one is lacking.
    """

    pieces: Sequence[Line]
    preparation: images.Preparation
    words: Callable[[np.random.Generator], str] | None = None
    count: int = 4096
    strength: float = 1.0
    seed: int = 0
    _hands: list[Hand] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return self.count

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        if not self._hands:
            self._hands = hands(self.pieces)
        if not self._hands:
            raise HtrError(f"no writer has {LEAST} words or signs to be set side by side")
        rng = np.random.default_rng([self.seed, 19, epoch, index])
        hand = self._hands[int(rng.integers(len(self._hands)))]
        text = self._text(hand, rng)
        return _finished(self._set(hand, text, rng), rng, self.strength, self.preparation), text

    def _text(self, hand: Hand, rng: np.random.Generator) -> str:
        length = int(np.clip(rng.normal(34, 13), 3, 70))
        known = list(hand.pieces)
        words, used = list[str](), 0
        while used < length:
            word = known[int(rng.integers(len(known)))]
            if self.words is not None:
                tried = (self.words(rng) for _ in range(50))
                word = next((one for one in tried if one and set(one) <= hand.pieces.keys()), word)
            words.append(word)
            used += len(word) + 1
        return " ".join(words)

    def _set(self, hand: Hand, text: str, rng: np.random.Generator) -> np.ndarray:
        """The text in grey levels (H, W): pieces on one baseline that drifts a little."""
        letter_gap = hand.small * float(rng.uniform(0.0, 0.3))
        gap = hand.small * float(np.clip(np.exp(rng.normal(-0.1, 0.35)), 0.5, 2.5)) + letter_gap
        placed, x = list[tuple[int, float, np.ndarray]](), 0.0
        for word in text.split(" "):
            for part in [word] if self.words is None else list(word):
                choices = hand.pieces[part]
                ink = _picture(str(choices[int(rng.integers(len(choices)))].path))
                below = _below(part, ink.shape[0], hand) + hand.small * float(rng.normal(0, 0.05))
                placed.append((round(x), below, ink))
                x += ink.shape[1] + letter_gap * float(np.exp(rng.normal(0, 0.3)))
            x += gap * float(np.exp(rng.normal(0, 0.2))) - letter_gap
        top = max(ink.shape[0] - below for _, below, ink in placed)
        bottom = max(max(below, 0) for _, below, _ in placed)
        margin = 6
        canvas = np.full(
            (round(top + bottom) + 2 * margin + 2, round(x) + 2 * margin), 255, np.uint8
        )
        for left, below, ink in placed:
            row = max(0, round(margin + top + below - ink.shape[0]))
            under = canvas[row : row + ink.shape[0], margin + left : margin + left + ink.shape[1]]
            np.minimum(under, ink[: under.shape[0], : under.shape[1]], out=under)
        return canvas


def _below(text: str, height: int, hand: Hand) -> float:
    """How far a piece reaches below the baseline, in pixels; negative for what hangs above it."""
    letters = set(text)
    if letters <= set("'\"*"):
        return height - hand.tall
    if letters <= set("-~=+"):
        return height / 2 - hand.small / 2
    if not letters & (_LOW | set(",;")):
        return 0.0
    above = hand.small if letters <= _SMALL | _LOW - set("j") else hand.tall
    return float(np.clip(height - above, 0.2 * hand.small, 1.2 * hand.tall))


def _finished(
    grey: np.ndarray, rng: np.random.Generator, strength: float, preparation: images.Preparation
) -> np.ndarray:
    grey = cv2.copyMakeBorder(grey, 6, 6, 10, 10, cv2.BORDER_CONSTANT, value=255)
    if rng.random() < 0.8:
        grey = rewritten(grey, rng)
    return to_bytes(images.prepare(augment.augment(grey, rng, strength), preparation).ink)
