"""The small task of the chapter "How a network learns": which way does the stroke run through a patch of a word?"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from htr_utils.course import first_network

SIDE = 7  # rows and columns of a patch
KINDS = ("upright", "level", "neither")


@dataclass(frozen=True)
class Patches:
    """pixels: float64 (N, SIDE, SIDE), 1 = ink, ink in the middle. kinds: int (N,), an index into KINDS."""

    pixels: np.ndarray
    kinds: np.ndarray


def patches(split: str, count: int, seed: int = 0) -> Patches:
    """Patches of the words of the chapter "Start here", as many of each kind.

    The kind comes from the structure tensor (Foerstner and Guelch 1987) of a wider neighbourhood than the patch shows:
    `upright` and `level` where the stroke's direction is within 20 degrees of it and clear, `neither` where it is more
    than 30 degrees from both, or not clear.

    Args:
        split: "train" or "validation". count: of all patches together, rounded down to a multiple of three.
    """
    words = first_network.words(split).pictures[..., 0]
    kinds = np.stack([_kinds(ink) for ink in words])
    rim = SIDE // 2
    places = [np.argwhere(kinds[:, rim:-rim, rim:-rim] == kind) for kind in range(len(KINDS))]
    each = min(count // len(KINDS), *map(len, places))
    rng = np.random.default_rng(seed)
    chosen = np.concatenate([group[rng.permutation(len(group))[:each]] for group in places])
    chosen = rng.permutation(chosen)
    pixels = [words[n, row : row + SIDE, column : column + SIDE] for n, row, column in chosen]
    word, row, column = chosen.T
    return Patches(np.array(pixels, np.float64), kinds[word, row + rim, column + rim])


def _kinds(ink: np.ndarray) -> np.ndarray:
    """The kind of each place of a picture, -1 where it is none: no ink, or between the kinds."""
    across, down = cv2.Sobel(ink, cv2.CV_64F, 1, 0), cv2.Sobel(ink, cv2.CV_64F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(p, (0, 0), 1.8) for p in (across**2, down**2, across * down))
    clear = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-6)  # 0 to 1
    lean = np.abs(np.degrees(np.arctan2(2 * xy, xx - yy)) / 2)  # of the stroke: 90 = level
    kinds = np.full(ink.shape, -1)
    kinds[(clear > 0.6) & (lean < 20)] = 0
    kinds[(clear > 0.6) & (lean > 68)] = 1
    kinds[(clear < 0.35) | ((lean > 30) & (lean < 58))] = 2
    kinds[ink < 0.5] = -1
    return kinds
