"""Reading order: columns, facing pages, headings across them, rows of a form.

A recursive cut (after Nagy and Seth 1984, ICPR): where a gutter parts the lines, all of the left side comes before
the right; lines across it (headings) part the page into bands. What no gutter parts is read row by row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_CROSSING = 0.12  # share of the lines that may cross a gutter


def order(
    baselines: Sequence[np.ndarray], x_heights: Sequence[float], printed: Sequence[float] = ()
) -> list[int]:
    """The numbers of the lines in reading order.

    Args:
        baselines: (N, 2) each, x and y in pixels. x_heights: pixels. printed: share of print of each, for forms.
    """
    if not baselines:
        return []
    ends = np.array([[b[0], b[-1]] for b in baselines], float)
    long = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    slopes = (ends[:, 1, 1] - ends[:, 0, 1]) / np.maximum(
        1e-6, np.abs(ends[:, 1, 0] - ends[:, 0, 0])
    )
    slope = _weighted_median(slopes, long)
    left, right = ends[..., 0].min(1), ends[..., 0].max(1)
    middle = np.array([np.median(b[:, 1]) for b in baselines]) - slope * (left + right) / 2
    unit = float(np.median(x_heights))
    label = np.array(printed) > 0.5 if len(printed) else np.zeros(len(left), bool)
    box = np.stack([left, right, middle, np.asarray(x_heights, float)], 1)
    return _cut(list(range(len(box))), box, unit, label)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    by = np.argsort(values)
    total = np.cumsum(weights[by])
    return float(values[by][np.searchsorted(total, total[-1] / 2)])


def _cut(chosen: list[int], box: np.ndarray, unit: float, label: np.ndarray) -> list[int]:
    if len(chosen) < 4:
        return _rows(chosen, box)
    gutter = _gutter(box[chosen], unit, label[chosen])
    if gutter is None:
        return _rows(chosen, box)
    across = [k for k in chosen if box[k, 0] < gutter < box[k, 1]]
    result: list[int] = []
    low = -np.inf
    for head in [*sorted(across, key=lambda k: box[k, 2]), None]:
        high = np.inf if head is None else box[head, 2]
        band = [k for k in chosen if k not in across and low <= box[k, 2] < high]
        for side in (
            [k for k in band if box[k, 1] <= gutter],
            [k for k in band if box[k, 0] >= gutter],
        ):
            result += _cut(side, box, unit, label) if len(side) < len(chosen) else _rows(side, box)
        if head is not None:
            result.append(head)
        low = high
    return result


def _gutter(box: np.ndarray, unit: float, label: np.ndarray) -> float | None:
    """The column of the widest gap that parts the lines in two blocks beside each other, or None."""
    best, chosen = -np.inf, None
    edges = np.unique(np.concatenate([box[:, 0], box[:, 1]]))
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        x = (a + b) / 2
        cross = (box[:, 0] < x) & (box[:, 1] > x)
        one, other = box[:, 1] <= x, box[:, 0] >= x
        if cross.sum() > _CROSSING * len(box) or min(one.sum(), other.sum()) < 3:
            continue
        top, bottom = (
            max(box[one, 2].min(), box[other, 2].min()),
            min(box[one, 2].max(), box[other, 2].max()),
        )
        short = min(np.ptp(box[one, 2]), np.ptp(box[other, 2]))
        if bottom - top < 0.5 * short or label[one].mean() > 0.6 > 0.4 > label[other].mean():
            continue
        gap = box[other, 0].min() - box[one, 1].max()
        typical = np.median(box[other, 0]) - np.median(box[one, 1])
        worth = gap + 0.1 * typical - 10 * unit * cross.sum()  # better no line across it
        if gap > 0.8 * unit and worth > best:
            best, chosen = worth, x
    return chosen


def _rows(chosen: list[int], box: np.ndarray) -> list[int]:
    """Row by row, and in a row from left to right."""
    rows: list[list[int]] = []
    for k in sorted(chosen, key=lambda k: box[k, 2]):
        last = rows[-1] if rows else []
        apart = all(box[k, 0] >= box[j, 1] or box[k, 1] <= box[j, 0] for j in last)
        if (
            last
            and apart
            and box[k, 2] - np.mean(box[last, 2]) < 0.6 * min(box[k, 3], box[last[-1], 3])
        ):
            last.append(k)
        else:
            rows.append([k])
    return [k for row in rows for k in sorted(row, key=lambda k: box[k, 0])]
