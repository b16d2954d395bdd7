"""Where a page's lines are: a small network's maps, and what is made of them.

    lines = find(grey, network())       # uint8 (H, W) -> baselines, x-heights, print or writing

The network (network/finder.py) sees the page at a fixed size and says for each place whether it lies in the core of a
line (its x-height band), at the end of one, in print, or in a line that runs up or down. Components of the core become
pieces, and pieces are joined along the line; all in time linear in their number. Every length is in x-heights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from htr_utils.pages.joining import FoundLine, rejoined, without_strays

Network = Callable[[np.ndarray], np.ndarray]
WORK = 1152  # long side at which the network sees a page, a multiple of 32
_FINE = 2  # places of the maps that the pieces are cut from, a place of the network's answer
_USUAL = (7.0, 22.0)  # x-heights in pixels at the working size that need no second look
_FEW = 9  # lines: what large writing may be the reason of
_LONG = 4.0  # a line longer than this many x-heights is more than a letter or two
_LEVEL, _END, _MIDDLE = 0.5, 0.5, 0.85
_LEAST = 3.0  # pixels of the picture: an x-height that nobody can read
_WEAK = 0.62  # of a piece that lives when a line goes on there
_SURE = 0.74  # mean of the core's map in a line; letters' heads and blots have less


@dataclass(frozen=True)
class Maps:
    """The network's answer, float32 (h, w) each, 0 to 1, and the pixels of the picture a place of them."""

    core: np.ndarray
    ends: np.ndarray
    printed: np.ndarray
    turned: np.ndarray
    step: float


@dataclass
class _Piece:
    """A piece of a line: columns, middle row at each, thickness, mean of the core's and of the print's map."""

    x: np.ndarray
    y: np.ndarray
    thick: float
    sure: float
    printed: float
    most: float = 0.0  # thickness that nine of ten columns have at most

    def slope(self, right: bool) -> tuple[float, float, float]:
        """Column and row of one end, and the slope of the stretch before it."""
        part = (
            slice(-max(4, round(5 * self.thick)), None)
            if right
            else slice(0, max(4, round(5 * self.thick)))
        )
        x, y = self.x[part], self.y[part]
        rise = float(np.polyfit(x, y, 1)[0]) if np.ptp(x) > 3 * self.thick else 0.0
        rise = float(np.clip(rise, -0.35, 0.35))
        at = float(x[-1] if right else x[0])
        return at, float(y.mean() + rise * (at - x.mean())), rise


def maps(grey: np.ndarray, network: Network, side: int = WORK) -> Maps:
    """What the network says of a page, uint8 (H, W), seen with `side` pixels on its long side."""
    scale = side / max(grey.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    height, width = (max(1, round(size * scale)) for size in grey.shape)
    seen = cv2.resize(grey, (width, height), interpolation=method)
    seen = np.pad(seen, ((0, -height % 32), (0, -width % 32)), mode="edge")
    logits = network(seen.astype(np.float32)[None, ..., None] / 255)[0]
    logits = logits[: -(-height // 4), : -(-width // 4)]
    fine = cv2.resize(logits, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_LINEAR)
    core, ends, printed, turned = np.moveaxis(1 / (1 + np.exp(-fine)), -1, 0)
    return Maps(core, ends, printed, turned, 4 / _FINE / scale)


def upright(grey: np.ndarray, network: Network) -> tuple[bool, list[FoundLine]]:
    """Whether a page, uint8 (H, W), holds more lines turned by a quarter; and its lines as it then stands."""
    seen = maps(grey, network)
    lines = _closer(grey, network, lines_of(seen))
    turned, core = (int((plane > 0.5).sum()) for plane in (seen.turned, seen.core))
    if lines and turned < 0.5 * core and not in_pieces(lines):
        return False, lines
    other = find(np.ascontiguousarray(np.rot90(grey)), network)
    lies = merit(other) > 1.2 * merit(lines)
    return lies, other if lies else lines


def find(grey: np.ndarray, network: Network) -> list[FoundLine]:
    """The lines of an upright page, uint8 (H, W), in no order."""
    return _closer(grey, network, lines_of(maps(grey, network)))


def _closer(grey: np.ndarray, network: Network, lines: list[FoundLine]) -> list[FoundLine]:
    """What is very small, very large or in many pieces is looked at again at a size that may suit it better."""
    if not lines:
        return lines
    usual, pieces = usual_height(lines) * WORK / max(grey.shape), in_pieces(lines)
    small = (
        usual < _USUAL[0] and not pieces
    )  # small pieces may be all that is seen of large letters
    side = WORK * min(1.8, 12 / usual) if small else WORK / 2
    if small or usual > _USUAL[1] or len(lines) < _FEW or pieces:
        again = lines_of(maps(grey, network, 32 * round(side / 32)))
        lines = again if merit(again) > 1.05 * merit(lines) else lines
    return [line for line in lines if line.x_height >= _LEAST]


def usual_height(lines: Sequence[FoundLine]) -> float:
    """The x-height that half of all writing has at most, in pixels."""
    by = sorted(lines, key=lambda line: line.x_height)
    total = np.cumsum([line.length for line in by])
    return by[int(np.searchsorted(total, total[-1] / 2))].x_height


def in_pieces(lines: Sequence[FoundLine]) -> bool:
    """Whether much of what was found are single letters: the page may be turned, or its writing large."""
    short = sum(line.length for line in lines if line.length < _LONG * line.x_height)
    return short > 0.1 * sum(line.length for line in lines)


def merit(lines: Sequence[FoundLine]) -> float:
    """How much was found: the length of all lines longer than a few letters, in pixels, each as far as it is sure."""
    return sum(line.length * line.sure for line in lines if line.length > _LONG * line.x_height)


def lines_of(seen: Maps) -> list[FoundLine]:
    """The lines that the maps show."""
    pieces = _joined(_pieces(seen), seen)
    if not pieces:
        return []
    usual = float(np.median(np.repeat([p.thick for p in pieces], [len(p.x) for p in pieces])))
    lines = []
    for piece in pieces:
        length = piece.x[-1] - piece.x[0] + 1
        small = piece.thick < 0.62 * usual
        if length < 0.9 * usual or piece.sure < _WEAK or (small and length < 8 * usual):
            continue
        x_height = max(1.0, piece.thick - 1) / 0.8  # the maps were drawn with their border
        knots = np.linspace(piece.x[0], piece.x[-1], max(2, round(length / (3 * x_height)) + 1))
        smooth = _smoothed(piece, max(3, round(3 * x_height)))
        rows = np.interp(knots, piece.x, smooth) + 0.5 * x_height
        baseline = np.stack([knots + 0.5, rows + 0.5], 1).astype(np.float32) * np.float32(seen.step)
        lines.append(FoundLine(baseline, x_height * seen.step, piece.sure, piece.printed))
    made = rejoined(without_strays(lines))
    return [line for line in made if line.sure >= _SURE]


def _smoothed(piece: _Piece, reach: int) -> np.ndarray:
    """The middle rows, each a mean over `reach` columns on either side, the ends continued straight."""
    x = np.arange(piece.x[0], piece.x[-1] + 1)
    y = np.interp(x, piece.x, piece.y)
    reach = min(reach, len(x) - 1)
    if reach < 1:
        return y
    padded = np.concatenate([2 * y[0] - y[reach:0:-1], y, 2 * y[-1] - y[-2 : -2 - reach : -1]])
    kernel = np.ones(2 * reach + 1) / (2 * reach + 1)
    smooth = np.convolve(padded, kernel, "valid")
    return np.asarray(np.interp(piece.x, x, smooth))


def _pieces(seen: Maps) -> list[_Piece]:
    """Components of the core, cut where the ends of lines are."""
    mask = (seen.core > _LEVEL) & (seen.ends < np.maximum(_END, seen.core * 0.8))
    pieces, masks = _components(mask, seen)
    if not pieces:
        return pieces
    usual = float(np.median(np.repeat([p.thick for p in pieces], [len(p.x) for p in pieces])))
    sure = int((mask & (seen.core > _MIDDLE)).sum())
    widen = min(2.0, int(mask.sum()) / max(1, sure))  # a line's middle -> its core
    made: list[_Piece] = []
    for piece, (y, x) in zip(pieces, masks, strict=True):
        if piece.most < 1.7 * usual:
            made.append(piece)
            continue
        part = np.zeros_like(mask)  # two lines that touch: their middles do not
        part[y, x] = seen.core[y, x] > _MIDDLE
        middles = _components(part, seen)[0]
        for one in middles:
            one.thick *= widen
        made += middles
    return made


def _components(
    mask: np.ndarray, seen: Maps
) -> tuple[list[_Piece], list[tuple[np.ndarray, np.ndarray]]]:
    """The components of a mask as pieces, and the places of each."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    y, x = np.nonzero(mask)
    order = np.argsort(labels[y, x], kind="stable")
    y, x = y[order], x[order]
    bounds = np.searchsorted(labels[y, x], np.arange(1, count + 1))
    pieces, places = [], []
    for a, b in zip(bounds[:-1], bounds[1:], strict=True):
        if b - a < 6:
            continue
        py, px = y[a:b], x[a:b]
        left = px.min()
        here = np.bincount(px - left)
        columns = np.flatnonzero(here)
        here = here[columns]
        middle = np.bincount(px - left, py)[columns] / here
        thick, most = float(np.median(here)), float(np.percentile(here, 90))
        full = here >= 0.6 * thick  # not the slanting ends
        middle = np.interp(columns, columns[full], middle[full])
        sure, printed = float(seen.core[py, px].mean()), float((seen.printed[py, px] > 0.5).mean())
        pieces.append(_Piece(columns + left, middle, thick, sure, printed, most))
        places.append((py, px))
    return pieces, places


def _joined(pieces: list[_Piece], seen: Maps) -> list[_Piece]:
    """Pieces joined along the line: each right end with the left end that continues it best."""
    if not pieces:
        return []
    cell = max(4.0, 4 * float(np.median([p.thick for p in pieces])))
    lefts, rights = [p.slope(False) for p in pieces], [p.slope(True) for p in pieces]
    near: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (x, y, _) in enumerate(lefts):
        near[int(x // cell), int(y // cell)].append(number)
    offers = []
    for one, (x, y, rise) in enumerate(rights):
        reach = 5.0 * pieces[one].thick
        for column in range(int((x - reach / 2) // cell), int((x + reach) // cell) + 1):
            for row in range(int((y - reach / 3) // cell), int((y + reach / 3) // cell) + 1):
                for other in near.get((column, row), ()):
                    if other != one:
                        cost = _cost(pieces[one], (x, y, rise), pieces[other], lefts[other], seen)
                        if cost is not None:
                            offers.append((*cost, one, other))
    after: dict[int, int] = {}
    before: dict[int, int] = {}
    for _, one, other in _without_gutters(offers, pieces):
        if one not in after and other not in before and _head(before, one) != other:
            after[one], before[other] = other, one
    made = []
    for number in range(len(pieces)):
        if number in before:
            continue
        chain = [number]
        while chain[-1] in after:
            chain.append(after[chain[-1]])
        made.append(_merged([pieces[k] for k in chain]))
    return made


def _without_gutters(
    offers: Sequence[tuple[float, float, int, int]], pieces: Sequence[_Piece]
) -> list[tuple[float, int, int]]:
    """The offers, best first, but for those under each other where three or more lines seem to end."""
    ends = [(pieces[one].x[-1], pieces[one].thick) for _, end, one, _ in offers if end > 0.5]
    made = []
    for cost, end, one, other in offers:
        there = sum(abs(x - pieces[one].x[-1]) < 1.5 * thick for x, thick in ends)
        if end < 0.4 or there < 3:
            made.append((cost, one, other))
    return sorted(made)


def _head(before: dict[int, int], number: int) -> int:
    while number in before:
        number = before[number]
    return number


def _cost(
    one: _Piece,
    right: tuple[float, float, float],
    other: _Piece,
    left: tuple[float, float, float],
    seen: Maps,
) -> tuple[float, float] | None:
    """What it costs to take `other` for the continuation of `one`, in x-heights; None: it is not.

    The second number says how much the map of ends is against it, 0 to 1.
    """
    thick = (one.thick + other.thick) / 2
    gap = left[0] - right[0]
    rise = (right[2] + left[2]) / 2
    step = abs(left[1] - right[1] - rise * gap)
    alike = max(one.thick, other.thick) / min(one.thick, other.thick)
    inside = other.x[-1] <= one.x[-1] or other.x[0] <= one.x[0]
    if inside or alike > 2.5 or abs(one.printed - other.printed) > 0.5:
        return None
    if gap < -1.2 * thick or gap > 5 * thick or step > 0.85 * thick:
        return None
    ends = min(_at(seen.ends, right, 1, thick), _at(seen.ends, left, -1, thick))
    if gap > thick * (5 - 4.3 * ends):
        return None
    return float(max(gap, 0) / thick + 2 * step / thick + 2 * ends), ends


def _at(plane: np.ndarray, end: tuple[float, float, float], side: int, thick: float) -> float:
    """How much of an end the map shows just outside the end of a piece."""
    x0, x1 = sorted((end[0] - 0.3 * side * thick, end[0] + side * (1.0 * thick + 1)))
    y0, y1 = end[1] - 0.5 * thick, end[1] + 0.5 * thick + 1
    part = plane[max(0, int(y0)) : max(0, int(y1)) + 1, max(0, int(x0)) : max(0, int(x1)) + 1]
    return float(part.mean(0).max()) if part.size else 0.0


def _merged(chain: list[_Piece]) -> _Piece:
    if len(chain) == 1:
        return chain[0]
    weights = np.array([len(p.x) for p in chain], float)
    weights /= weights.sum()
    x, first = np.unique(np.concatenate([p.x for p in chain]), return_index=True)
    y = np.concatenate([p.y for p in chain])[first]
    thick, sure, printed = (
        float(weights @ [getattr(p, name) for p in chain]) for name in ("thick", "sure", "printed")
    )
    return _Piece(x, y, thick, sure, printed)
