"""Does a confidence keep its promise? Reliability, expected calibration error, and the curve that mends it.

A reader that says .9 ought to be right nine times in ten. `reliability` sorts what it said into bins and compares
each bin's mean confidence with the share that was right; the expected calibration error (ECE) is the mean of these
gaps, weighed by how much lies in each bin (Guo et al. 2017). `fit` chooses `text.settings.Scale` by the likelihood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from htr_utils.text import corrections
from htr_utils.text.settings import Scale, Scales


@dataclass(frozen=True)
class Bin:
    """Confidences of one range: their mean, the share of them that was right, how many there are."""

    confidence: float
    right: float
    count: int


def letters(
    texts: Sequence[str], confidences: Sequence[Sequence[float]], truths: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Confidence of every character that was read, and whether it is right: (n,), (n,)."""
    sure = [c for line in confidences for c in line]
    right = [
        r
        for text, truth in zip(texts, truths, strict=True)
        for r in corrections.matched(text, truth)
    ]
    return np.array(sure), np.array(right, dtype=bool)


def words(
    texts: Sequence[str],
    confidences: Sequence[Sequence[float]],
    truths: Sequence[str],
    scales: Scales,
) -> tuple[np.ndarray, np.ndarray]:
    """The same of every word, from confidences of characters that are scaled already."""
    sure, right = [], []
    for text, line, truth in zip(texts, confidences, truths, strict=True):
        at = 0
        for word in text.split():
            at = text.index(word, at)
            sure.append(scales.of_word(line[at : at + len(word)]))
            at += len(word)
        right += corrections.right_words(text, truth)
    return np.array(sure), np.array(right, dtype=bool)


def reliability(confidences: ArrayLike, right: ArrayLike, bins: int = 10) -> list[Bin]:
    """What was said against what came true, in bins of equal width over 0 to 1; empty bins are left out."""
    sure, good = np.asarray(confidences, dtype=float), np.asarray(right, dtype=float)
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return [
        Bin(float(sure[place == b].mean()), float(good[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if (place == b).any()
    ]


def error(confidences: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error, 0 to 1; 0 where there is nothing."""
    filled = reliability(confidences, right, bins)
    return sum(b.count * abs(b.confidence - b.right) for b in filled) / max(
        1, sum(b.count for b in filled)
    )


def fit(confidences: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None) -> Scale:
    """Platt scaling: slope (1 / temperature) and shift of most likelihood (Newton's method, a faint pull to 1, 0)."""
    p = np.clip(np.asarray(confidences, dtype=float), 1e-7, 1 - 1e-7)
    inputs = np.stack([np.log(p / (1 - p)), np.ones_like(p)], axis=1)  # (n, 2)
    good = np.asarray(right, dtype=float)
    each = np.ones_like(p) if weights is None else np.asarray(weights, dtype=float)
    start = np.array([1.0, 0.0])
    scale = start.copy()
    for _ in range(100):
        said = 1 / (1 + np.exp(-inputs @ scale))
        slope = inputs.T @ (each * (said - good)) + (scale - start)
        bend = (inputs * (each * said * (1 - said))[:, None]).T @ inputs + np.eye(2)
        step = np.linalg.solve(bend, slope)
        scale = scale - np.clip(step, -0.5, 0.5)
        if np.abs(step).max() < 1e-9:
            break
    return Scale(round(1 / max(float(scale[0]), 0.05), 4), round(float(scale[1]), 4))
