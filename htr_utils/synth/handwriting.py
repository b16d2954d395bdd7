"""Lines written by a made-up writer: text set from a handwriting font as a hand would.

A font draws every `e` alike; a hand does not. So letters are outlines here, not pixels: each one is turned,
scaled and bent a little, the baseline drifts, slant and size wander, and only then the outline is filled.
A `Writer` keeps what persists from line to line; the generator gives what differs each time.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from htr_utils.synth import fonts
from htr_utils.text.charset import LATIN

STRUCK = "#"  # IAM's sign for a word that was struck out
_SUPER = 1.6  # drawn larger, then averaged down
_NOTHING = fonts.Glyph((), 0.25)
_FRACTION = 4  # cv2 takes sub-pixel points as integers with this many fractional bits

Box = tuple[int, int, int, int]  # x, y, width, height in pixels


@dataclass(frozen=True)
class Writer:
    """What stays the same when one hand writes: all amounts relative to the letter size, angles in degrees.

    letter_size: pixels of the em at a line 64 px high. word_gap: in ems. pen: change of the stroke's width,
    -1 to 1. pressure: how much the ink's darkness varies. ink, paper: grey levels.
    bend: how much the shape of a letter differs from one time to the next. tall: size of what rises above the
    small letters. join: share of neighbouring small letters that a stroke joins. nib: 0 keeps the font's strokes;
    else every stroke is drawn with a ball pen of this width in ems. borrowed: letters taken from the font `second`.
    """

    font: fonts.FontFile
    slant: float = 0.0
    letter_size: float = 40.0
    stretch: float = 1.0
    letter_gap: float = 0.0
    word_gap: float = 0.3
    pen: float = 0.0
    pressure: float = 0.15
    drift: float = 0.02
    jitter: float = 1.0
    ink: int = 50
    paper: int = 240
    margin: float = 30.0
    bend: float = 0.0
    tall: float = 1.0
    join: float = 0.0
    nib: float = 0.0
    second: fonts.FontFile | None = None
    borrowed: str = ""

    @classmethod
    def draw(cls, font: fonts.FontFile, rng: np.random.Generator, variety: float = 1.0) -> Writer:
        """A random writer who uses `font`; `variety` scales how far from the font's own look (1 = usual)."""
        v = variety
        return cls(
            font=font,
            slant=float(rng.normal(0, 5 * v)),
            letter_size=float(rng.uniform(34, 44)),
            stretch=float(np.exp(rng.normal(0, 0.08 * v))),
            letter_gap=float(rng.normal(0.0, 0.012 * v)),
            word_gap=float(rng.uniform(0.22, 0.5)),
            pen=float(rng.uniform(-0.9, 0.6) * v),
            pressure=float(rng.uniform(0.02, 0.3) * v),
            drift=float(rng.uniform(0.0, 0.04) * v),
            jitter=float(rng.uniform(0.4, 1.4) * v),
            ink=int(rng.integers(15, 110)),
            paper=int(rng.integers(222, 252)),
            margin=float(rng.uniform(10, 60)),
        )

    @classmethod
    def draw_free(
        cls, font: fonts.FontFile, rng: np.random.Generator, second: fonts.FontFile | None = None
    ) -> Writer:
        """A hand further from any font: for training, where no two lines should look set by one machine.

        Args:
            second: a font from which this hand takes some of its letters.
        """
        nib = float(rng.uniform(0.028, 0.085)) if rng.random() < 0.6 else 0.0
        letters = list(string.ascii_uppercase + string.ascii_lowercase)
        count = int(rng.integers(3, 27)) if second is not None else 0
        return cls(
            font=font,
            slant=float(rng.normal(0, 9)),
            letter_size=float(rng.uniform(30, 46)),
            stretch=float(np.exp(rng.normal(0.05, 0.2))),
            letter_gap=float(rng.normal(0.01, 0.025) + rng.exponential(0.035)),
            word_gap=float(np.exp(rng.normal(-0.75, 0.45))),
            pen=float(rng.uniform(-1.0, 0.5)),
            pressure=float(rng.uniform(0.02, 0.4)),
            drift=float(rng.uniform(0.0, 0.06)),
            jitter=float(rng.uniform(0.8, 3.0)),
            ink=int(rng.integers(15, 130)),
            paper=int(rng.integers(215, 255)),
            bend=float(rng.uniform(0, 1.4)),
            tall=float(np.exp(rng.normal(0, 0.18))),
            join=float(rng.choice([0.0, rng.uniform(0.1, 0.95)], p=[0.55, 0.45])),
            nib=nib,
            second=second,
            borrowed="".join(rng.choice(letters, count)),
        )


@dataclass(frozen=True)
class Rendered:
    """A rendered line. grey: uint8 (H, W). letters: the box of each character but the spaces, in pixels.

    baseline: row of the baseline in pixels at the line's left end.
    """

    grey: np.ndarray
    letters: list[Box]
    baseline: float
    text: str

    @property
    def words(self) -> list[Box]:
        """The box of each word of the text."""
        boxes, at = [], 0
        for word in self.text.split(" "):
            boxes.append(union(self.letters[at : at + len(word)]))
            at += len(word)
        return boxes


def union(boxes: Sequence[Box]) -> Box:
    """The smallest box around boxes that are not empty; (0, 0, 0, 0) when all are."""
    full = [box for box in boxes if box[2] and box[3]]
    if not full:
        return (0, 0, 0, 0)
    left, top = min(b[0] for b in full), min(b[1] for b in full)
    return left, top, max(b[0] + b[2] for b in full) - left, max(b[1] + b[3] for b in full) - top


@dataclass
class _Outlines:
    """Points of all shapes of a line, one after the other, so that a bend moves them all at once."""

    contours: list[np.ndarray] = field(default_factory=list)
    shapes: list[int] = field(default_factory=list)  # contours per shape
    letters: list[int] = field(
        default_factory=list
    )  # contours before each character but the spaces


def can_write(font: fonts.FontFile, text: str) -> bool:
    """Whether the font has a glyph for each character of `text`."""
    glyphs = fonts.outlines(font.path, LATIN)
    return all(c in glyphs for c in text if c not in (" ", STRUCK))


def render(
    text: str, writer: Writer, rng: np.random.Generator, height: int | None = 64
) -> Rendered:
    """Write one line.

    Args:
        text: words parted by single spaces; a word `#` becomes a struck-out word.
        writer: the hand. rng: what differs from line to line. height: of the result in pixels; None
            keeps the letter size, so that a line without long letters is less high.

    Returns:
        grey levels (height, W), ink on paper without noise (see `augment` for what a scanner adds).
    """
    em = writer.letter_size * _SUPER
    outlines, strikes = _place(text, writer, rng, em)
    points = (
        np.concatenate(outlines.contours) if outlines.contours else np.zeros((1, 2), np.float32)
    )
    points = _bend(points, writer, rng, em)
    low, high = points.min(0), points.max(0)
    pad = np.array([0.12 * em, 0.1 * em]) + np.abs(rng.normal(0, 0.06 * em, 2))
    shift = pad - low
    size = np.ceil(high - low + 2 * pad).astype(int)
    points = points + shift
    mask = np.zeros((max(8, size[1]), max(8, size[0])), np.uint8)
    bounds = np.cumsum([0, *map(len, outlines.contours)])
    fixed = np.round(points * (1 << _FRACTION)).astype(np.int32)
    pieces = [fixed[a:b] for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    at = 0
    for count in outlines.shapes:
        cv2.fillPoly(mask, pieces[at : at + count], 255, cv2.LINE_AA, _FRACTION)
        at += count
    letters = _letter_boxes(points, bounds, outlines.letters)
    for index in strikes:
        _strike(mask, letters[index], rng, em)
    grey = inked(mask, writer, rng, em)
    rows = height or max(8, round(grey.shape[0] / _SUPER))
    scale = rows / grey.shape[0]
    grey = cv2.resize(
        grey, (max(8, round(grey.shape[1] * scale)), rows), interpolation=cv2.INTER_AREA
    )
    boxes = [
        (round(x * scale), round(y * scale), round(w * scale), round(h * scale))
        for x, y, w, h in letters
    ]
    return Rendered(grey, boxes, float(shift[1] * scale), text)


def _place(
    text: str, writer: Writer, rng: np.random.Generator, em: float
) -> tuple[_Outlines, list[int]]:
    """Set the letters one by one along the baseline; points in pixels, baseline at y = 0."""
    glyphs = _letters(writer)
    made, strikes, x = _Outlines(), [], 0.0
    shear = np.tan(np.deg2rad(writer.slant))
    j = writer.jitter
    for word in text.split(" "):
        struck = word == STRUCK
        if struck:
            strikes.append(len(made.letters))
            made.letters.append(len(made.contours))
            word = "".join(rng.choice(list("aceinorstu"), rng.integers(3, 8)))
        lift = rng.normal(0, 0.012 * j) * em
        draws = rng.normal(0, 1, (len(word), 5))
        before: np.ndarray | None = None  # points of the letter before, where a stroke may join
        for character, (turn, grow, widen, up, gap) in zip(word, draws, strict=True):
            if not struck:
                made.letters.append(len(made.contours))
            glyph = glyphs.get(character, _NOTHING)
            angle = 0.018 * j * turn
            tall = em * (1 + 0.025 * j * grow)
            wide = tall * writer.stretch * (1 + 0.035 * j * widen)
            cos, sin = np.cos(angle), np.sin(angle)
            matrix = np.array(
                [[wide * cos, wide * sin - shear * tall], [-tall * sin, tall * cos]], np.float32
            )
            move = np.array([x, lift + 0.009 * j * up * em], np.float32)
            shapes = _reshaped(glyph, writer, rng)
            placed = [[contour @ matrix.T + move for contour in shape] for shape in shapes]
            if writer.join:
                points = np.concatenate([c for shape in placed for c in shape]) if placed else None
                if not character.islower():
                    points = None
                if before is not None and points is not None and rng.random() < writer.join:
                    placed += _joining(before, points, rng, em)
                before = points
            for shape in placed:
                made.contours += shape
                made.shapes.append(len(shape))
            x += glyph.advance * wide + (writer.letter_gap + 0.008 * j * gap) * em
        x += em * writer.word_gap * float(np.exp(rng.normal(0, 0.18 * j)))
    return made, strikes


def _letters(writer: Writer) -> dict[str, fonts.Glyph]:
    """The glyphs of a hand; borrowed ones are scaled so that small letters are equally high in both fonts."""
    glyphs = fonts.outlines(writer.font.path, LATIN)
    if writer.second is None:
        return glyphs
    other = fonts.outlines(writer.second.path, LATIN)
    heights = [
        float(-min(s[0][:, 1].min() for s in g["x"].shapes)) if "x" in g and g["x"].shapes else 0.0
        for g in (glyphs, other)
    ]
    if min(heights) <= 0.05:
        return glyphs
    scale = np.float32(heights[0] / heights[1])
    mixed = dict(glyphs)
    for c in writer.borrowed:
        if c in other:
            shapes = tuple(tuple(contour * scale for contour in shape) for shape in other[c].shapes)
            mixed[c] = fonts.Glyph(shapes, other[c].advance * float(scale))
    return mixed


def _reshaped(
    glyph: fonts.Glyph, writer: Writer, rng: np.random.Generator
) -> Sequence[Sequence[np.ndarray]]:
    """A letter as it comes out this time: bent by a random quadratic, its upper part longer or shorter."""
    if not writer.bend and writer.tall == 1.0:
        return glyph.shapes
    a = rng.normal(0, 0.16 * writer.bend, 6).astype(np.float32)
    grow = np.float32(writer.tall * np.exp(rng.normal(0, 0.06 * writer.bend)))
    middle, x_height = np.float32(glyph.advance / 2), np.float32(0.4)

    def moved(contour: np.ndarray) -> np.ndarray:
        x, y = contour[:, 0] - middle, contour[:, 1]
        y = np.where(y < -x_height, -x_height + (y + x_height) * grow, y)
        v = y + np.float32(0.2)
        new_x = x * (1 + a[0] * v) + a[1] * v * v * np.float32(0.7) + a[2] * x * x
        new_y = y + np.float32(0.6) * (a[3] * x * x + a[4] * x * v) + np.float32(0.25) * a[5] * x
        return np.stack([new_x + middle, new_y], 1)

    return [[moved(contour) for contour in shape] for shape in glyph.shapes]


def _joining(
    left: np.ndarray, right: np.ndarray, rng: np.random.Generator, em: float
) -> list[list[np.ndarray]]:
    """A thin stroke from the foot of one letter to the next, as a closed outline; nothing where they are apart."""
    low, near = (
        left[left[:, 1] > -0.28 * em],
        right[(right[:, 1] > -0.5 * em) & (right[:, 1] < 0.02 * em)],
    )
    if not len(low) or not len(near):
        return []
    start, end = low[low[:, 0].argmax()], near[near[:, 0].argmin()]
    if end[0] - start[0] > 0.3 * em or end[0] < start[0] - 0.1 * em:
        return []
    t = np.linspace(0, 1, 7, dtype=np.float32)[:, None]
    sag = np.array([0, rng.uniform(0, 0.06) * em], np.float32)
    path = start + (end - start) * t + sag * (4 * t * (1 - t))
    half = np.array([0, rng.uniform(0.012, 0.03) * em], np.float32)
    return [[np.concatenate([path - half, path[::-1] + half]).astype(np.float32)]]


def _bend(points: np.ndarray, writer: Writer, rng: np.random.Generator, em: float) -> np.ndarray:
    """Let baseline, size and slant wander along the line, and bend strokes a little, all smoothly."""
    x, y = points[:, 0] / em, points[:, 1] / em
    j = writer.jitter

    def wave(amount: float, *periods: float) -> np.ndarray:
        total = np.zeros_like(x)
        for period in periods:
            total += np.sin(
                2 * np.pi * (x / (period * rng.uniform(0.7, 1.4)) + rng.random())
            ) / len(periods)
        return total * amount

    tall = 1 + wave(0.05 * j, 9, 4)
    lean = wave(0.06 * j, 11, 3)
    rise = writer.drift * rng.normal(0, 0.4) * x + wave(writer.drift * 1.2, 14, 6)
    fine_x = wave(0.008 * j, 0.9, 0.45) * np.cos(2 * np.pi * (y / 0.8 + rng.random()))
    fine_y = wave(0.008 * j, 0.8, 0.4) * np.cos(2 * np.pi * (y / 0.9 + rng.random()))
    return np.stack([x - lean * y + fine_x, y * tall + rise + fine_y], 1).astype(
        np.float32
    ) * np.float32(em)


def _letter_boxes(points: np.ndarray, bounds: np.ndarray, starts: list[int]) -> list[Box]:
    boxes = []
    for first, last in zip(starts, [*starts, len(bounds) - 1][1:], strict=True):
        part = points[bounds[first] : bounds[last]]
        if len(part):
            low, high = np.floor(part.min(0)), np.ceil(part.max(0))
            boxes.append((int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])))
        else:
            boxes.append((0, 0, 0, 0))
    return boxes


def _strike(mask: np.ndarray, box: Box, rng: np.random.Generator, em: float) -> None:
    """Cross a word out: one to four strokes, straight or scribbled."""
    x, y, w, h = box
    thick = max(2, round(0.05 * em))
    for _ in range(int(rng.integers(1, 5))):
        count = int(rng.integers(2, 9))
        xs = np.linspace(x - 0.05 * em, x + w + 0.05 * em, count) + rng.normal(0, 0.05 * em, count)
        ys = y + h * np.clip(rng.normal(0.55, 0.12, count), 0.1, 0.95)
        line = np.stack([xs, ys], 1).round().astype(np.int32)
        cv2.polylines(mask, [line], False, 255, thick, cv2.LINE_AA)


def inked(mask: np.ndarray, writer: Writer, rng: np.random.Generator, em: float) -> np.ndarray:
    """Strokes (uint8, 255 = ink) as the pen, pressure, ink and paper of `writer` show them: grey levels, same shape."""
    return _ball_pen(mask, writer, rng, em) if writer.nib else _ink(mask, writer, rng, em)


def _ink(mask: np.ndarray, writer: Writer, rng: np.random.Generator, em: float) -> np.ndarray:
    """Ink on paper: stroke width by blurring and cutting at another level, pressure by a smooth field."""
    width = mask.shape[1]
    soft = cv2.GaussianBlur(mask, (0, 0), 0.028 * em).astype(np.float32) / 255
    knots = rng.normal(0, 1, max(3, round(width / (0.8 * em))))
    press = np.interp(np.linspace(0, 1, width), np.linspace(0, 1, len(knots)), knots)
    press = press.astype(np.float32)[None]  # along the line; one value per column
    cut = 0.42 - 0.24 * writer.pen - 0.3 * writer.pressure * press  # more pressure, broader stroke
    cover = np.clip((soft - np.clip(cut, 0.13, 0.72)) * 4 + 0.5, 0, 1)
    dark = np.clip(1 - writer.pressure * (0.8 + 0.5 * press), 0.25, 1)
    return (writer.paper - cover * dark * (writer.paper - writer.ink)).astype(np.uint8)


def _ball_pen(mask: np.ndarray, writer: Writer, rng: np.random.Generator, em: float) -> np.ndarray:
    """The letters' middle lines (Zhang & Suen 1984, CACM 27(3)) drawn with a round tip of one width."""
    from skimage.morphology import skeletonize

    thin = skeletonize(mask > 127)
    away = cv2.distanceTransform((~thin).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    width = mask.shape[1]
    knots = rng.normal(0, 1, max(3, round(width / (0.5 * em))))
    press = np.interp(np.linspace(0, 1, width), np.linspace(0, 1, len(knots)), knots).astype(
        np.float32
    )[None]
    half = 0.5 * writer.nib * em * np.clip(1 + 0.5 * writer.pressure * press, 0.5, 1.6)
    cover = np.clip(half - away + 0.5, 0, 1)
    dark = np.clip(1 - writer.pressure * (0.6 + 0.5 * press), 0.3, 1)
    return (writer.paper - cover * dark * (writer.paper - writer.ink)).astype(np.uint8)
