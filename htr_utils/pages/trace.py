"""Text lines in the ink of a level sheet: their middle curves. Which ink belongs to which line is for `seams`.

1. `x_height`: how high small letters are, by scale selection.
2. `blocks`: columns of writing, parted by tall empty strips, in reading order.
3. `ridges`: blurred along the rows, a line of writing is a ridge; its crest is followed from left to right
   and pieces that continue each other are joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

_ACROSS = (0.0, 0.08, 0.16, 0.3, 0.4, 0.5, 0.6, 0.7)  # of the way from a curve to the next
UNIT = 10.0  # pixels of a small letter's height at which lines are traced


@dataclass
class Curve:
    """The middle of a line's small letters: rows[i] is its row in pixels at column `start` + i."""

    start: int
    rows: np.ndarray
    heights: np.ndarray  # of the ridge at each column; 0 in gaps

    @property
    def stop(self) -> int:
        return self.start + len(self.rows)

    def at(self, x: np.ndarray) -> np.ndarray:
        """Rows at any columns; beyond its ends the curve goes on level."""
        return np.interp(x, np.arange(self.start, self.stop), self.rows)

    def lengthen(self, other: Curve) -> None:
        """Go on as `other` does where that is longer."""
        start, stop = min(self.start, other.start), max(self.stop, other.stop)
        x, ends = np.arange(start, stop), np.array([self.start, self.stop - 1])
        rows, heights = self.at(x), np.zeros(len(x))
        off = other.at(ends) - self.rows[[0, -1]]
        left, right = x < self.start, x >= self.stop
        rows[left], rows[right] = other.at(x[left]) - off[0], other.at(x[right]) - off[1]
        heights[self.start - start : self.stop - start] = self.heights
        self.start, self.rows, self.heights = start, rows, heights


def _ridge(ink: np.ndarray, sigma: float) -> np.ndarray:
    """Minus the second derivative across the rows of the blurred ink, scaled to be comparable between sigmas."""
    soft = cv2.GaussianBlur(ink, (0, 0), 3.5 * sigma, None, sigma, cv2.BORDER_CONSTANT)
    up, down = np.roll(soft, 1, 0), np.roll(soft, -1, 0)
    up[0], down[-1] = 0, 0
    return (sigma**2) * (2 * soft - up - down)


def x_height(ink: np.ndarray) -> float:
    """The height of small letters in pixels, for 0/1 ink (H, W).

    The sigma at which ridges along the rows are strongest on the ink (scale selection, Lindeberg 1998, IJCV 30):
    a bar of height h answers most at h / 2.
    """
    scale = min(1.0, 1300 / max(ink.shape))
    small = cv2.resize(
        ink.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    best, height, factor = -1.0, 2.0 * 1.6, 1.0
    while min(small.shape) >= 8:
        for sigma in (1.6, 2.0, 2.54):  # three steps an octave, then at half the size
            if 4 * sigma > small.shape[0]:
                break
            # Strokes are ridges too, though thin ones: where scales answer about alike, the larger one counts.
            score = (
                float((_ridge(small, sigma).clip(0) * small).sum())
                * factor**2
                * (sigma * factor) ** 0.1
            )
            if score > best:
                best, height = score, 2 * sigma * factor
        small = cv2.resize(small, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        factor *= 2
    return height / scale


def pitch_and_unit(ink: np.ndarray, unit: float) -> tuple[float, float]:
    """How far apart lines are in pixels, and the height of small letters made to fit it.

    Slender joined writing answers at the scale of its strokes; no line is six times as far from the next as its
    letters are high, or else nothing is lost by taking them for higher.
    """
    for _ in range(2):
        pitch = _pitch(_crests(ink, unit, unit / 2, 3.5 * unit), unit)
        unit = float(np.clip(pitch / 6, unit, 1.6 * unit))
    return pitch, unit


def drop_foreign(ink: np.ndarray, unit: float) -> np.ndarray:
    """Ink without what is no writing: specks, blots, long thin strokes, and what reaches in from the edge."""
    height, width = ink.shape
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    x, y, w, h, area = stats.T
    bad = (area < 0.02 * unit * unit) | (h > 12 * unit) | ((w > 40 * unit) & (h > 8 * unit))
    bad |= (w > 20 * unit) & (area / np.maximum(w, 1) < 0.4 * unit) & (h < unit)
    edge = (x <= 1) | (y <= 1) | (x + w >= width - 1) | (y + h >= height - 1)
    thick = np.zeros(
        count
    )  # half of the thickest stroke: what is solid is the lid beyond a sheet, or a thumb
    at = ink > 0
    np.maximum.at(thick, labels.astype(int)[at], cv2.distanceTransform(ink, cv2.DIST_L2, 3)[at])
    bad |= (thick > 1.6 * unit) | (
        edge & ((h > 5 * unit) | ((w > 5 * unit) & (h < 0.7 * unit)) | (thick > 0.4 * unit))
    )
    bad[0] = True
    return np.where(bad[labels], 0, ink).astype(np.uint8) if count > 1 else ink


def blocks(ink: np.ndarray, unit: float, pitch: float) -> list[tuple[int, int, int, int]]:
    """Columns of writing as (left, top, right, bottom), in reading order.

    A gutter is a strip wider than a gap between words, empty over several lines, with much writing on either side.
    """
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not rows.size:
        return []
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    return _split(ink, unit, pitch, box)


def _word_gap(filled: np.ndarray) -> float:
    """The usual gap between words, in cells: the median gap in well filled rows of `filled` (H, W)."""
    counts = filled.sum(1)
    gaps: list[np.ndarray] = []
    for row in filled[counts > 0.5 * np.percentile(counts[counts > 0], 90)]:
        apart = np.diff(np.flatnonzero(row)) - 1
        gaps.append(apart[apart > 1])
    found = np.concatenate(gaps) if gaps else np.zeros(0)
    return float(np.median(found)) if found.size else 0.0


def _split(
    ink: np.ndarray, unit: float, pitch: float, box: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    left, top, right, bottom = box
    part = ink[top:bottom, left:right]
    need = max(4.2 * pitch, 0.4 * (bottom - top))
    cell = max(2, round(unit / 2))
    if right - left < 24 * unit or bottom - top < need:
        return [box]
    filled = part[: part.shape[0] // cell * cell, : part.shape[1] // cell * cell]
    filled = filled.reshape(part.shape[0] // cell, cell, -1, cell).sum((1, 3)) > 0.02 * cell * cell
    wide = int(
        np.clip(round(1.1 * _word_gap(filled)), round(2 * unit / cell), round(4 * unit / cell))
    )
    best: tuple[float, int, int, int, int] | None = None
    for c in range(round(8 * unit / cell), filled.shape[1] - round(8 * unit / cell) - wide):
        busy = np.flatnonzero(filled[:, c : c + wide].any(1))
        ends = np.concatenate([[-1], busy, [filled.shape[0]]])
        for a, b in pairwise(ends):
            if (b - a - 1) * cell < need:
                continue
            # Written rows on either side, near the gutter as well as far: ragged ends leave one side empty.
            sides = [
                filled[a + 1 : b, max(0, c - round(16 * unit / cell)) : c],
                filled[a + 1 : b, c + wide : c + wide + round(16 * unit / cell)],
            ]
            written = min(float(side.any(1).mean()) * (b - a - 1) * cell for side in sides)
            if written > 0.35 * need and (best is None or written > best[0] + cell):
                best = written, a + 1, b, c, c + wide
    if best is None:
        return [box]
    _, first, last, c0, c1 = best
    middle = left + (c0 + c1) * cell // 2
    upper, lower = top + first * cell, min(bottom, top + last * cell)
    if last >= filled.shape[0]:
        lower = bottom
    found = []
    for piece in (
        (left, top, right, upper),
        (left, upper, middle, lower),
        (middle, upper, right, lower),
        (left, lower, right, bottom),
    ):
        inside = ink[piece[1] : piece[3], piece[0] : piece[2]]
        ys, xs = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        if ys.size:
            tight = (
                piece[0] + int(xs[0]),
                piece[1] + int(ys[0]),
                piece[0] + int(xs[-1]) + 1,
                piece[1] + int(ys[-1]) + 1,
            )
            found += _split(ink, unit, pitch, tight)
    return found


def ridges(ink: np.ndarray, unit: float) -> list[Curve]:
    """The middle curves of the lines in a block of 0/1 ink (H, W), from top to bottom.

    Twice: the first result says how far apart the lines are, and so how much blur makes one ridge of each,
    also where capitals are tall and small letters low.
    """
    first = _crests(ink, unit, unit / 2, 3.5 * unit)
    pitch = _pitch(first, unit)
    return _crests(ink, unit, float(np.clip(0.18 * pitch, 0.5 * unit, 0.9 * unit)), pitch)


def _crests(ink: np.ndarray, unit: float, sigma: float, pitch: float) -> list[Curve]:
    answer = _ridge(ink.astype(np.float32), sigma)
    on_ink = answer[(ink > 0) & (answer > 0)]
    if not on_ink.size:
        return []
    floor = 0.22 * float(np.percentile(on_ink, 85))
    step = max(2, round(unit / 3))
    pieces = _follow(answer, floor, step, unit)
    pieces = _join([piece for piece in pieces if len(piece[0]) * step > 0.8 * unit], unit)
    return _without_doubles(ink, [_smooth(*piece, unit) for piece in pieces], unit, pitch)


def _pitch(curves: list[Curve], unit: float) -> float:
    """The usual distance in pixels from a line to the next below it; 3.5 units where there are too few lines."""
    totals = np.array([curve.heights.sum() for curve in curves])
    strong = [c for c, total in zip(curves, totals, strict=True) if total > 0.25 * totals.max()]
    gaps = []
    for curve in strong:
        middle = np.array([(curve.start + curve.stop) / 2])
        below = [
            float((other.at(middle) - curve.at(middle))[0])
            for other in strong
            if other.start < middle[0] < other.stop
        ]
        gaps += [min(gap for gap in below if gap > 0)] if any(gap > 0 for gap in below) else []
    return float(np.median(gaps)) if len(gaps) >= 3 else 3.5 * unit


Piece = tuple[np.ndarray, np.ndarray, np.ndarray]  # columns, rows and heights of a crest


def _follow(answer: np.ndarray, floor: float, step: int, unit: float) -> list[Piece]:
    """Follow crests from left to right, column by column; a crest ends where none goes on within 0.45 units."""
    open_: list[list[tuple[int, float, float]]] = []
    done: list[list[tuple[int, float, float]]] = []
    for x in range(step // 2, answer.shape[1], step):
        column = answer[:, x]
        middle = column[1:-1]
        rows = (
            np.flatnonzero((middle > column[:-2]) & (middle >= column[2:]) & (middle > floor)) + 1
        )
        free = set(range(len(rows)))
        pairs = sorted(
            (abs(float(rows[j]) - crest[-1][1]), i, j)
            for i, crest in enumerate(open_)
            for j in range(len(rows))
            if abs(float(rows[j]) - crest[-1][1]) < 0.45 * unit
        )
        taken: set[int] = set()
        for _, i, j in pairs:
            if i not in taken and j in free:
                open_[i].append((x, float(rows[j]), float(column[rows[j]])))
                taken.add(i)
                free.discard(j)
        done += [crest for i, crest in enumerate(open_) if i not in taken]
        open_ = [crest for i, crest in enumerate(open_) if i in taken]
        open_ += [[(x, float(rows[j]), float(column[rows[j]]))] for j in sorted(free)]
    return [tuple(np.array(c) for c in zip(*crest, strict=True)) for crest in done + open_]  # type: ignore[misc]


def _ends(piece: Piece, unit: float) -> tuple[float, float, float, float]:
    """Row and slope of a crest at its left and at its right end, from straight fits over up to 12 units."""
    xs, ys, _ = piece
    found = []
    for at in (xs[0], xs[-1]):
        near = np.abs(xs - at) <= 12 * unit
        slope = 0.0
        if near.sum() >= 4 and np.ptp(xs[near]) > 4 * unit:
            slope = float(np.clip(np.polyfit(xs[near], ys[near], 1)[0], -0.08, 0.08))
            slope *= min(1.0, float(np.ptp(xs[near])) / (12 * unit))
        found += [float(np.mean(ys[near] + slope * (at - xs[near]))), slope]
    return found[0], found[1], found[2], found[3]


def _join(pieces: list[Piece], unit: float) -> list[Piece]:
    """Join crests that continue each other, the best match first, until none is left."""
    pieces = list(pieces)
    while True:
        ends = [_ends(piece, unit) for piece in pieces]
        best: tuple[float, int, int] | None = None
        for i, a in enumerate(pieces):
            for j, b in enumerate(pieces):
                gap = float(b[0][0] - a[0][-1])
                if i == j or b[0][-1] <= a[0][-1] or a[0][0] >= b[0][0]:
                    continue
                if (
                    gap < 0
                ):  # side by side for a while: the heads of figures, say, beside small letters
                    both = b[0][b[0] <= a[0][-1]]
                    off = float(
                        np.abs(np.interp(both, a[0], a[1]) - np.interp(both, b[0], b[1])).mean()
                    )
                    if gap < -12 * unit or off > 0.95 * unit:
                        continue
                reach = min(max(gap, 0.0), 20 * unit) / 2
                if gap >= 0:
                    off = abs(ends[i][2] + ends[i][3] * reach - (ends[j][0] - ends[j][1] * reach))
                if gap < 0 or off < 0.75 * unit + min(0.5 * unit, 0.03 * gap):
                    cost = off + 0.12 * max(gap, 0.0)
                    if best is None or cost < best[0]:
                        best = cost, i, j
        if best is None:
            return pieces
        _, i, j = best
        keep = pieces[j][0] > pieces[i][0][-1]
        joined = tuple(
            np.concatenate([p, q[keep]]) for p, q in zip(pieces[i], pieces[j], strict=True)
        )
        pieces = [piece for k, piece in enumerate(pieces) if k not in (i, j)] + [joined]  # type: ignore[list-item]


def _smooth(xs: np.ndarray, ys: np.ndarray, heights: np.ndarray, unit: float) -> Curve:
    """A crest as a curve for each column, averaged over about 8 units so that single letters do not lift it."""
    x = np.arange(int(xs[0]), int(xs[-1]) + 1)
    rows = np.interp(x, xs, ys)
    reach = int(4 * unit)
    if len(rows) > 3 * reach:
        fit = np.polyfit(x, rows, 1)
        rest = np.pad(rows - np.polyval(fit, x), reach, "reflect")
        rows = np.polyval(fit, x) + cv2.blur(rest[None], (2 * reach + 1, 1))[0, reach:-reach]
    else:
        rows = np.full(len(rows), float(np.average(ys, weights=heights)))
    strong = np.zeros(len(x))
    strong[xs - int(xs[0])] = heights
    return Curve(int(xs[0]), rows, strong)


def _without_doubles(
    ink: np.ndarray, curves: list[Curve], unit: float, pitch: float
) -> list[Curve]:
    """From top to bottom, without those that run beside a stronger one closer than two lines can.

    The heads of capitals and the feet of long letters make weak ridges beside the line's own, bound to it by
    ink; small lines that stand close have a white valley between them and stay. Where a ridge that goes is longer
    than the one that stays, the line is lengthened.
    """
    kept: list[Curve] = []
    for curve in sorted(curves, key=lambda c: -float(c.heights.sum())):
        for other in kept:
            a, b = (
                max(curve.start, other.start - round(unit)),
                min(curve.stop, other.stop + round(unit)),
            )
            if b - a > 0.3 * len(curve.rows):
                x = np.arange(a, b)
                apart = float(np.abs(curve.at(x) - other.at(x)).mean())
                beside = other.heights[max(0, a - other.start) : max(0, b - other.start)].sum()
                weak = curve.heights.sum() < 0.6 * beside
                near = apart < (
                    max(1.9 * unit, 0.58 * pitch) if weak else max(1.15 * unit, 0.42 * pitch)
                )
                # A row of dots or two capitals' heads: a line that close is longer and has more ink.
                bits = curve.heights.sum() < 0.2 * beside or len(curve.rows) < 12 * unit
                if near and (
                    apart < 1.15 * unit or bits or not _valley(ink, curve.at(x), other.at(x), x)
                ):
                    other.lengthen(curve)
                    break
        else:
            kept.append(curve)
    return sorted(kept, key=lambda c: float(c.rows.mean()))


def _valley(ink: np.ndarray, one: np.ndarray, other: np.ndarray, x: np.ndarray) -> bool:
    """Whether hardly any ink lies somewhere between two curves, beside what lies on the first."""
    x = x.clip(0, ink.shape[1] - 1)
    rows = [
        (one + (other - one) * share).round().astype(int).clip(0, ink.shape[0] - 1)
        for share in _ACROSS
    ]
    filled = [float(ink[row, x].mean()) for row in rows]
    return min(filled[3:]) < 0.2 * max(filled[:3])
