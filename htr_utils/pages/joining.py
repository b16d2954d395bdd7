"""From pieces of lines to lines: strays go, and words of one line come together, however wide their gap.

Every length is in x-heights. That two pieces are one line, and not two columns, the lines above and below them say:
where one of them goes on across the gap there is no gutter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from htr_utils.lines.cutting import Standing

_GAP, _WIDE = 5.0, 9.0  # x-heights: a gap between words at most, and between lines that go on
_NEAR = 14.0  # x-heights: how near a line must be that says that a gap is one between words


@dataclass(frozen=True)
class FoundLine(Standing):
    """A line of a page.

    baseline: float32 (N, 2), x and y in pixels of the picture, from left to right. x_height: pixels. sure: mean of the
    core's map, 0 to 1. printed: share of it that is print.
    """

    sure: float
    printed: float

    @property
    def length(self) -> float:
        """From end to end, pixels."""
        return float(self.baseline[-1, 0] - self.baseline[0, 0])


def without_strays(lines: list[FoundLine]) -> list[FoundLine]:
    """Without ascenders, descenders and accents of a longer line that were taken for lines."""
    kept: list[FoundLine] = []
    for line in sorted(lines, key=lambda line: -line.length):
        x, y = line.baseline.mean(0) - [0, 0.5 * line.x_height]
        stray = False
        for other in kept:
            high = other.x_height
            if other.length < 1.5 * line.length or line.length > 3.5 * high:
                continue
            if not other.baseline[0, 0] - 0.5 * high < x < other.baseline[-1, 0] + 0.5 * high:
                continue
            row = np.interp(x, other.baseline[:, 0], other.baseline[:, 1]) - 0.5 * high
            tail = line.x_height < 0.6 * high and line.length < 1.8 * high
            stray = stray or abs(y - row) < (3.2 if tail else 1.5) * high
        if not stray:
            kept.append(line)
    return kept


def rejoined(lines: list[FoundLine]) -> list[FoundLine]:
    """Lines put together over wide gaps between words: a gap that a line above or below crosses is no gutter."""
    lines = sorted(lines, key=lambda line: float(line.baseline[0, 0]))
    slopes = np.repeat([_rise(line) for line in lines], [1 + int(line.length) for line in lines])
    slope = float(np.median(slopes)) if lines else 0.0
    k, again = 0, True  # what has grown may reach back to what was passed by
    while k < len(lines) or (again and lines):
        if k == len(lines):
            k, again = 0, False
        one = lines[k]
        away = np.array([line.baseline[0] for line in lines]) - one.baseline[-1]
        near = (np.abs(away - [3 * one.x_height, 0]) < [8 * one.x_height, 3 * one.x_height]).all(1)
        costs = {m: _apart(one, lines[m], lines, slope) for m in np.flatnonzero(near) if m > k}
        offers = [(cost, m) for m, cost in costs.items() if cost is not None]
        if not offers:
            k += 1
            continue
        other = lines.pop(min(offers)[1])
        share = one.length / (one.length + other.length)
        lines[k] = FoundLine(
            _end_to_end(one.baseline, other.baseline),
            share * one.x_height + (1 - share) * other.x_height,
            share * one.sure + (1 - share) * other.sure,
            share * one.printed + (1 - share) * other.printed,
        )
    return lines


def _end_to_end(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Two baselines as one, its columns rising; where both are, the half of each."""
    middle = (one[-1, 0] + other[0, 0]) / 2
    return np.concatenate([one[one[:, 0] < middle], other[other[:, 0] > middle]])


def _apart(
    one: FoundLine, other: FoundLine, lines: Sequence[FoundLine], slope: float
) -> float | None:
    """How far `other` goes on behind `one`, in x-heights, where both are words of one line; else None."""
    high = (one.x_height + other.x_height) / 2
    start, stop = one.baseline[-1], other.baseline[0]
    gap = float(stop[0] - start[0])
    if abs(one.printed - other.printed) > 0.5:  # a label and what is written behind it
        return None
    overlap = min(3.0 * high, 0.3 * one.length, 0.3 * other.length)  # letters that lean
    if (
        one is other
        or not -max(high, overlap) <= gap <= _WIDE * high
        or abs(one.x_height - other.x_height) > (0.74 if gap < 2.5 * high else 0.65) * high
    ):
        return None
    known = 10 * high  # how much the page's slope counts for
    rise = (_rise(one) * one.length + _rise(other) * other.length + slope * known) / (
        one.length + other.length + known
    )
    ends = abs(float(stop[1] - start[1]) - rise * gap)
    words = abs(_row(other, rise, high, False) - _row(one, rise, high, True))
    step = min(ends, words)
    middle = (start + stop) / 2
    near = [_NEAR * high] * 2  # above, below
    for line in lines:
        left, right = line.baseline[0, 0] + 2 * high, line.baseline[-1, 0] - 2 * high
        beside = left < min(start[0], stop[0]) and right > max(start[0], stop[0])
        if beside and line is not one and line is not other:
            away = float(np.interp(middle[0], *line.baseline.T) - middle[1])
            near[away > 0] = min(near[away > 0], abs(away))
    nearest = min(near)
    most = 1.8 * high if gap > -high else 0.9 * high  # beside each other, or one over the other
    if nearest == _NEAR * high or step > min(most, 0.38 * nearest):
        return None
    if gap > _GAP * high and max(near) > 7 * high:  # only between two lines that go on
        return None
    return (gap + 2 * step) / high


def _rise(line: FoundLine) -> float:
    """The slope of a line from end to end."""
    x, y = line.baseline[-1] - line.baseline[0]
    return float(np.clip(y / max(1.0, float(x)), -0.3, 0.3))


def _row(line: FoundLine, rise: float, high: float, last: bool) -> float:
    """The row of the words at one end of a line as it would be at column 0: a single stroke changes nothing."""
    x, y = line.baseline.T
    part = x >= x[-1] - 8 * high if last else x <= x[0] + 8 * high
    return float(np.median(y[part] - rise * x[part]))
