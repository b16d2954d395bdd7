"""New lines out of pieces of real ones: the letters of a hand, in the words of another text.

A few thousand real lines hold few words, and maybe not those of the language that is to be read. Where each of
their characters lies is known once a network can read them a little (`network.align`); so a line is cut into
its characters, and new words are set from the longest pieces that one writer has (unit selection, as speech
synthesis does it: Hunt & Black 1996, ICASSP; for handwriting Guyon 1996, IWFHR).

Lines are brought to one scale before: small letters `X_HEIGHT` pixels high, the baseline in row `BASELINE`, the
slant taken out, so that cuts are upright and pieces meet.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import augment, images
from htr_utils.lines.dataset import to_bytes
from htr_utils.lines.iam import Line

X_HEIGHT, BASELINE, ROWS = 20, 46, 66
NEVER = "\0"  # stands in a hand's text for what no piece may hold
_SMALL = set("acemnorsuvwxz")
_SLANTS = np.linspace(-0.9, 0.9, 25)
_LONGEST = 6  # characters of a piece
_TRIES = 30


@dataclass(frozen=True)
class Located:
    """A line and where its characters are. text: one sign a character, `NEVER` for what is not to be used.

    centres: column of each character in the line's picture, in pixels, from left to right.
    """

    line: Line
    text: str
    centres: tuple[float, ...]


def usable(text: str, fold: Callable[[str], str]) -> str:
    """`fold(text)` with `NEVER` for each character that is folded: an e with an accent is no piece for an e."""
    parts = ((character, fold(character)) for character in unicodedata.normalize("NFC", text))
    return "".join(
        character if character == folded else NEVER * len(folded) for character, folded in parts
    )


@dataclass(frozen=True)
class Hand:
    """What one writer's pieces are cut from.

    text: all words, parted by spaces. left, right: (len(text),) the columns of `ink` between which a character lies.
    ink: uint8 (ROWS, columns), all lines side by side, upright. slant: columns per row, to be put back.
    gap: median space between words in columns.
    """

    text: str
    left: np.ndarray
    right: np.ndarray
    ink: np.ndarray
    slant: float
    gap: float

    def find(self, piece: str, rng: np.random.Generator) -> int:
        """Where in `text` a piece stands, any of its places; -1 where there is none."""
        at = self.text.find(piece, int(rng.integers(len(self.text))))
        return at if at >= 0 else self.text.find(piece)


def hand(lines: Sequence[Located]) -> Hand | None:
    """The pieces of one writer's lines; None where too few small letters tell how large the hand writes."""
    inks = [images.normalise(one.line.image()) for one in lines]
    slant = _slant(inks)
    parts, text, left, right, gaps, at = (
        list[np.ndarray](),
        "",
        list[int](),
        list[int](),
        list[int](),
        0,
    )
    for one, ink in zip(lines, inks, strict=True):
        level = _level(ink, one)
        if level is None:
            continue
        baseline, height = level
        scale = X_HEIGHT / height
        middle = (
            baseline - height / 2
        )  # the row that the shear leaves where it is, as the characters' centres are
        width = round(ink.shape[1] * scale) + 1
        matrix = np.array(
            [
                [scale, slant * scale, -slant * scale * middle],
                [0, scale, BASELINE - scale * baseline],
            ]
        )
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        straight = cv2.warpAffine(ink, matrix, (width, ROWS), flags=method)
        columns = straight.sum(0)
        filled = np.flatnonzero(columns > 0.5)
        if not filled.size:
            continue
        columns = columns - min(2.0, np.percentile(columns[filled], 5))  # the rule of ruled paper
        centres = np.clip(np.array(one.centres) * scale, 0, width - 1).round().astype(int)
        cuts = _cuts(columns, one.text, centres, int(filled[0]), int(filled[-1]) + 1)
        for character, (a, b) in zip(one.text, cuts, strict=True):
            usable = character == " " or b - a >= 2
            text += character if usable else NEVER
            left.append(at + a)
            right.append(at + b)
            if character == " ":
                gaps.append(b - a)  # without the air that stayed with the words
        text += " "
        left.append(at + width)
        right.append(at + width)
        parts.append(to_bytes(straight))
        at += width
    if len(text) < 40:
        return None
    gap = max(0.5 * X_HEIGHT, float(np.median(gaps)) if gaps else 0.0)
    return Hand(text, np.array(left), np.array(right), np.concatenate(parts, 1), slant, gap)


def _slant(inks: Sequence[np.ndarray]) -> float:
    """How far, in columns per row, upright strokes lean to the right: the shear that makes columns most unequal."""
    best, found = -1.0, 0.0
    sample = [ink for ink in inks if ink.shape[1] > 100][:4]
    for slant in _SLANTS:
        score = 0.0
        for ink in sample:
            height, width = ink.shape
            matrix = np.array([[1, slant, -slant * height / 2], [0, 1, 0]])
            columns = cv2.warpAffine(ink, matrix, (width, height)).sum(0)
            score += float((columns**2).sum())
        if score > best:
            best, found = score, float(slant)
    return found


def _level(ink: np.ndarray, one: Located) -> tuple[float, float] | None:
    """Row of the baseline and height of the small letters in pixels, from the letters known to be small."""
    tops, feet = [], []
    for number, character in enumerate(one.text):
        if character in _SMALL and 0 < number < len(one.text) - 1:
            reach = min(
                one.centres[number + 1] - one.centres[number],
                one.centres[number] - one.centres[number - 1],
            )
            a, b = (
                int(one.centres[number] - 0.4 * reach),
                int(one.centres[number] + 0.4 * reach) + 1,
            )
            rows = np.flatnonzero(ink[:, max(0, a) : b].max(1, initial=0) > 0.5)
            if rows.size:
                tops.append(rows[0])
                feet.append(rows[-1] + 1)
    if len(tops) < 4:
        return None
    height = float(np.median(feet) - np.median(tops))
    return (float(np.median(feet)), height) if 6 <= height <= 60 else None


def _cuts(
    columns: np.ndarray, text: str, centres: np.ndarray, first: int, last: int
) -> list[tuple[int, int]]:
    """The columns between which each character lies: cut where there is least ink, words where there is none."""
    edges = [[0, 0] for _ in text]
    edges[0][0], edges[-1][1] = first, last
    previous = 0
    for number in range(1, len(text)):
        if text[number] == " ":
            continue
        a, b = int(centres[previous]), int(centres[number])
        if b <= a:
            cut = (b, b)
        elif number - previous > 1:  # a space lies between
            cut = _longest_gap(columns[a:b], a)
            side = min(
                3, (cut[1] - cut[0]) // 3
            )  # a last letter may stand inside another word: some air stays with it
            cut = cut[0] + side, cut[1] - side
            edges[previous + 1] = [cut[0], cut[1]]
        else:
            inner = columns[a : b + 1]
            away = np.abs(np.arange(len(inner)) - (len(inner) - 1) / 2) / max(1, len(inner) - 1)
            at = a + int(np.argmin(inner + 3.0 * away))
            cut = (at, at)
        edges[previous][1], edges[number][0] = cut
        previous = number
    return [(a, max(a, b)) for a, b in edges]


def _longest_gap(columns: np.ndarray, offset: int) -> tuple[int, int]:
    """The longest run of columns nearly without ink."""
    empty = np.concatenate([[False], columns < 0.4, [False]])
    change = np.flatnonzero(empty[1:] != empty[:-1])
    if not change.size:
        middle = offset + int(np.argmin(columns))
        return middle, middle
    starts, stops = change[::2], change[1::2]
    best = int(np.argmax(stops - starts))
    return offset + int(starts[best]), offset + int(stops[best])


@dataclass
class RecombinedLines:
    """Lines that no epoch repeats: a text from `text(rng)` in pieces of one writer's real lines.

    located: the lines to cut up, by their writers. A character that a writer has not is borrowed from another.
    """

    located: Sequence[Located]
    text: Callable[[np.random.Generator], str]
    preparation: images.Preparation
    count: int = 4096
    strength: float = 1.0
    seed: int = 0
    _hands: list[Hand] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return self.count

    @property
    def hands(self) -> list[Hand]:
        """All writers' pieces, made at the first use (in the process that makes the lines)."""
        if not self._hands:
            writers: dict[str, list[Located]] = {}
            for one in self.located:
                writers.setdefault(one.line.writer_id, []).append(one)
            made = [hand(writers[name]) for name in sorted(writers)]
            self._hands = [one for one in made if one is not None]
            if not self._hands:
                raise HtrError(
                    "no writer has lines enough to be cut into pieces; use more lines or no --recombine"
                )
        return self._hands

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        rng = np.random.default_rng([self.seed, 11, epoch, index])
        for _ in range(_TRIES):
            text = self.text(rng)
            grey = self.write(text, rng)
            if grey is not None:
                grey = augment.augment(grey, rng, self.strength)
                return to_bytes(images.prepare(grey, self.preparation).ink), text
        raise HtrError(
            f"no text of {_TRIES} could be set from the pieces, the last one {text!r}; use other texts"
        )

    def write(self, text: str, rng: np.random.Generator) -> np.ndarray | None:
        """A text in one hand: grey levels uint8 (H, W); None where a character is to be had from nobody."""
        own = self.hands[int(rng.integers(len(self.hands)))]
        gap = own.gap * float(np.exp(rng.normal(0, 0.15)))
        pieces, x = list[tuple[int, np.ndarray]](), 0.0
        for word in text.split(" "):
            at = 0
            while at < len(word):
                cut = self._piece(own, word[at:], rng)
                if cut is None:
                    return None
                ink, length = cut
                pieces.append((round(x), ink))
                x += ink.shape[1]
                at += length
            x += gap * float(np.exp(rng.normal(0, 0.2)))
        canvas = np.zeros((ROWS, max(8, round(x))), np.uint8)
        for start, ink in pieces:
            part = canvas[:, start : start + ink.shape[1]]
            np.maximum(part, ink[:, : part.shape[1]], out=part)
        lean = own.slant + rng.normal(0, 0.08)
        side = round(abs(lean) * ROWS) + 4
        matrix = np.array([[1, -lean, lean * BASELINE + side], [0, 1, 3.0]])
        slanted = cv2.warpAffine(canvas, matrix, (canvas.shape[1] + 2 * side, ROWS + 6))
        paper, dark = rng.uniform(220, 254), rng.uniform(0.4, 0.95)
        return (paper * (1 - dark * (slanted.astype(np.float32) / 255))).astype(np.uint8)

    def _piece(
        self, own: Hand, rest: str, rng: np.random.Generator
    ) -> tuple[np.ndarray, int] | None:
        """The ink of the longest beginning of `rest` that the hand has (up to a drawn length), and its length."""
        for length in range(min(len(rest), int(rng.integers(1, _LONGEST + 1))), 0, -1):
            at = own.find(rest[:length], rng)
            if at >= 0:
                return own.ink[:, own.left[at] : own.right[at + length - 1]], length
        for _ in range(3 * _TRIES):
            other = self.hands[int(rng.integers(len(self.hands)))]
            at = other.find(rest[0], rng)
            if at >= 0:
                return other.ink[:, other.left[at] : other.right[at]], 1
        return None
