"""How well lines are found on composed pages: found polygons against true ones, and two finders side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np

from htr_utils import pages
from htr_utils.pages import sheet
from htr_utils.synth import compose

Finder = Callable[[np.ndarray], list[np.ndarray]]


@dataclass
class Count:
    """Sums over pages. right: found with IoU >= 0.5 and in text order. ordered: pages without a line out of order."""

    true: int = 0
    found: int = 0
    right: int = 0
    twice: int = 0
    lost: int = 0
    ordered: int = 0
    pages: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 to 1; 1 for a page without lines where none are found."""
        return 2 * self.right / (self.true + self.found) if self.true + self.found else 1.0

    def row(self, name: str) -> str:
        share = 100 / max(1, self.true)
        return (
            f"{name:12} {self.true:5} {100 * self.f1:7.2f} {self.twice * share:6.2f} {self.lost * share:6.2f} "
            f"{self.ordered:4}/{self.pages}"
        )


HEAD = "kind         lines  F1 in % twice % lost % in order"


def overlaps(
    true: Sequence[np.ndarray], found: Sequence[np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """Shared areas of polygons (N, 2): (true + 1, found + 1), the last row and column holding the polygons' own."""
    scale = min(1.0, 1200 / max(shape))
    size = [round(side * scale) + 1 for side in shape]

    def painted(polygon: np.ndarray) -> tuple[np.ndarray, slice, slice]:
        points = (np.asarray(polygon) * scale).round().astype(np.int32)
        mask = cv2.fillPoly(np.zeros(size, np.uint8), [points], 1) > 0
        low, high = points.min(0).clip(0), points.max(0).clip(0) + 1
        return mask, slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))

    table = np.zeros((len(true) + 1, len(found) + 1))
    masks = [painted(polygon) for polygon in found]
    table[-1, :-1] = [mask.sum() for mask, _, _ in masks]
    for i, polygon in enumerate(true):
        mask, rows, columns = painted(polygon)
        table[i, -1] = mask.sum()
        table[i, :-1] = [
            (mask[rows, columns] & other[rows, columns]).sum() for other, _, _ in masks
        ]
    return table


def count(true: Sequence[np.ndarray], found: Sequence[np.ndarray], shape: tuple[int, int]) -> Count:
    """Compare the lines of one page, both in reading order.

    A found line belongs to the true line that holds the most of it. A true line to which two belong, each with a
    tenth of its area or more, is found twice (also when it is broken in two); one of which none of its own covers
    half is lost (also when its ink went to a neighbour).
    """
    table = overlaps(true, found, shape)
    shared, own_true, own_found = table[:-1, :-1], table[:-1, -1], table[-1, :-1]
    iou = shared / np.maximum(own_true[:, None] + own_found[None] - shared, 1)
    pairs: list[tuple[int, int]] = []
    for place in np.argsort(-iou, axis=None):
        i, j = divmod(int(place), max(1, len(found)))
        if iou.size == 0 or iou[i, j] < 0.5:
            break
        if i not in (a for a, _ in pairs) and j not in (b for _, b in pairs):
            pairs.append((i, j))
    order = [j for _, j in sorted(pairs)]
    right = _longest_rise(order)
    belongs = np.zeros_like(shared, bool)
    if shared.size:
        belongs[shared.argmax(0), np.arange(len(found))] = shared.max(0) > 0
    parts = (
        (belongs & (shared >= 0.1 * own_true[:, None])).sum(1)
        if shared.size
        else np.zeros(len(true))
    )
    covered = (
        (belongs & (shared >= 0.5 * own_true[:, None])).any(1)
        if shared.size
        else np.zeros(len(true), bool)
    )
    return Count(
        len(true),
        len(found),
        right,
        int((parts > 1).sum()),
        int((~covered).sum()),
        int(right == len(order)),
        1,
    )


def _longest_rise(order: Sequence[int]) -> int:
    """Length of the longest rising part: how many lines keep the text's order."""
    tails: list[int] = []
    for value in order:
        place = int(np.searchsorted(tails, value))
        tails[place : place + 1] = [value]
    return len(tails)


def ridges(grey: np.ndarray) -> list[np.ndarray]:
    """The polygons that `pages.find` gives."""
    return [line.polygon for line in pages.find(grey).lines]


def profile(grey: np.ndarray) -> list[np.ndarray]:
    """The plain method for comparison: on the same straightened page, straight cuts where rows hold little ink.

    The row profile is smoothed over half a small letter; every run above a fifth of its typical peak is a line, and
    reaches to the last inked row on either side before the middle of the gap.
    """
    flat = sheet.straighten(grey)
    ink = sheet.ink_mask(flat.image)
    unit = x_height(ink)
    rows = cv2.GaussianBlur(
        ink.sum(1, dtype=np.float32)[:, None], (1, 2 * round(unit) + 1), 0, None, unit / 4
    )[:, 0]
    if not rows.any():
        return []
    busy = rows > 0.2 * float(np.percentile(rows[rows > 0], 90))
    runs = np.flatnonzero(np.diff(np.concatenate([[0], busy.astype(int), [0]]))).reshape(-1, 2)
    runs = runs[runs[:, 1] - runs[:, 0] > 0.5 * unit]
    between: np.ndarray | list[int] = (
        np.concatenate([[0], (runs[1:, 0] + runs[:-1, 1]) // 2, [len(rows)]]) if len(runs) else []
    )
    found = []
    for (top, bottom), above, below in zip(runs, between[:-1], between[1:], strict=True):
        # Ascenders and descenders reach out of the run: to the last inked row before the middle of the gap.
        inked = np.flatnonzero(ink[above:below].sum(1) > 1) + above
        inked = inked[(inked > top - 2.2 * unit) & (inked < bottom + 1.6 * unit)]
        columns = np.flatnonzero(ink[top:bottom].any(0))
        if not inked.size or columns.size < unit:
            continue
        low, high, left, right = inked[0], inked[-1] + 1, columns[0], columns[-1] + 1
        box = np.array([[[left, low], [right, low], [right, high], [left, high]]], float)
        found.append(cv2.perspectiveTransform(box, flat.to_given)[0])
    return found


def detect(
    kinds: Sequence[str],
    seeds: Sequence[int],
    split: str,
    finder: Finder = ridges,
    say: Callable[[str], Any] = print,
) -> dict[str, Count]:
    """Compose pages, find their lines, count; says one row per kind and one for all."""
    table: dict[str, Count] = {}
    say(HEAD)
    for kind in kinds:
        total = Count()
        for seed in seeds:
            made = compose.page(kind, seed, split)
            total += count(
                [line.polygon for line in made.lines], finder(made.grey), made.grey.shape
            )  # type: ignore[arg-type]
        table[kind] = total
        say(total.row(kind))
    table["all"] = sum(table.values(), Count())
    say(table["all"].row("all"))
    return table


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


def _ridge(ink: np.ndarray, sigma: float) -> np.ndarray:
    """Minus the second derivative across the rows of the blurred ink, scaled to be comparable between sigmas."""
    soft = cv2.GaussianBlur(ink, (0, 0), 3.5 * sigma, None, sigma, cv2.BORDER_CONSTANT)
    up, down = np.roll(soft, 1, 0), np.roll(soft, -1, 0)
    up[0], down[-1] = 0, 0
    return (sigma**2) * (2 * soft - up - down)
