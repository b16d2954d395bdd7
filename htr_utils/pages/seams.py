"""Which ink belongs to which line.

Connected pieces of ink go to the line whose middle they cross; one that crosses two is cut along the seam with the
least ink (after Arvanitopoulos & Süsstrunk 2014, ICFHR, "Seam carving for text line extraction").
"""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np

from htr_utils.pages.trace import Curve


def assign(ink: np.ndarray, curves: list[Curve], unit: float) -> np.ndarray:
    """Which line each inked pixel belongs to: int32 (H, W), 0 = none, 1 = the first curve."""
    height, width = ink.shape
    core, zone = np.zeros(ink.shape, np.int32), np.zeros(ink.shape, np.int32)
    x = np.arange(width)
    rows = np.stack([curve.at(x) for curve in curves]) if curves else np.zeros((0, width))
    ends = np.array([(curve.start, curve.stop) for curve in curves]).reshape(-1, 2)
    active = (x >= ends[:, :1] - 3 * unit) & (x < ends[:, 1:] + 3 * unit)
    pairs = []  # of lines that may touch: the upper one first
    for j, k in combinations(range(len(curves)), 2):
        both = active[j] & active[k]
        apart = float((rows[k] - rows[j])[both].mean()) if both.any() else np.inf
        if abs(apart) < 8 * unit:
            pairs.append((j, k) if apart > 0 else (k, j))
    top, bottom = rows - 3.2 * unit, rows + 2.6 * unit
    for (j, k), seam in zip(pairs, _seams(ink, rows, pairs), strict=True):
        both = active[j] & active[k]
        bottom[j] = np.where(both, np.minimum(bottom[j], seam), bottom[j])
        top[k] = np.where(both, np.maximum(top[k], seam), top[k])
    y = np.arange(height)[:, None]
    for k, curve in enumerate(curves):
        a, b = max(0, int(top[k].min())), min(height, int(bottom[k].max()) + 2)
        inside = (y[a:b] >= top[k]) & (y[a:b] < bottom[k]) & active[k]
        zone[a:b][inside] = k + 1
        span = (x >= curve.start - unit) & (x < curve.stop + unit)
        core[a:b][inside & (np.abs(y[a:b] - rows[k]) < 0.6 * unit) & span] = k + 1
    return _give(ink, core, zone, rows, unit)


def _seams(ink: np.ndarray, rows: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    """For each pair of lines the way between them that cuts the least ink: rows (pairs, W), dynamic programming."""
    width = ink.shape[1]
    if not pairs:
        return np.zeros((0, width))
    upper, lower = rows[[j for j, _ in pairs]], rows[[k for _, k in pairs]]
    count = 25  # ways across; neighbouring columns are one way apart at most
    share = np.linspace(0.15, 0.85, count)
    y = upper[:, None] + (lower - upper).clip(2)[:, None] * share[:, None]  # (pairs, count, W)
    y = y.round().astype(int).clip(0, ink.shape[0] - 1)
    cost = 10 * ink[y, np.arange(width)].astype(np.float32) + 0.5 * np.abs(share - 0.52)[
        :, None
    ].astype(np.float32)
    back = np.zeros(cost.shape, np.int8)
    total = cost[:, :, 0].copy()
    options = np.full((3, len(pairs), count), np.inf, np.float32)
    for i in range(1, width):
        options[0] = total
        options[1, :, 1:] = total[:, :-1] + 0.2
        options[2, :, :-1] = total[:, 1:] + 0.2
        back[:, :, i] = options.argmin(0)
        total = options.min(0) + cost[:, :, i]
    at, each = total.argmin(1), np.arange(len(pairs))
    way = np.zeros((len(pairs), width), int)
    for i in range(width - 1, -1, -1):
        way[:, i] = at
        at = at + np.array([0, -1, 1])[back[each, at, i]]
    return y[each[:, None], way, np.arange(width)].astype(float)


def _give(
    ink: np.ndarray, core: np.ndarray, zone: np.ndarray, rows: np.ndarray, unit: float
) -> np.ndarray:
    """Each connected piece goes whole to the one line whose core it touches, or by its zone when none or several.

    A piece in no zone, such as a word far from the others, goes to the line at whose height it stands, if there is
    one; `rows`: (lines, W), the lines' middle.
    """
    lines = len(rows)
    count, pieces, _, centres = cv2.connectedComponentsWithStats(ink, connectivity=8)
    at = ink > 0
    size = np.bincount(pieces[at], minlength=count)
    touched = np.bincount(
        pieces[at] * (lines + 1) + core[at], minlength=count * (lines + 1)
    ).reshape(count, -1)
    zoned = np.bincount(pieces[at] * (lines + 1) + zone[at], minlength=count * (lines + 1)).reshape(
        count, -1
    )
    touched[:, 0] = 0
    real = touched >= np.maximum(2, 0.04 * size)[:, None]
    number = real.sum(1)
    owner = np.where(number == 1, (touched * real).argmax(1), zoned.argmax(1))
    alone = np.flatnonzero((owner == 0) & (size > 0.1 * unit * unit) & (np.arange(count) > 0))
    if lines and alone.size:
        x, y = centres[alone].round().astype(int).T
        away = np.abs(rows[:, x] - y)
        owner[alone] = np.where(away.min(0) < 1.3 * unit, away.argmin(0) + 1, 0)
    return np.where(at, np.where(number[pieces] > 1, zone, owner[pieces]), 0).astype(np.int32)
