"""Validation lines made harder: bent and soiled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from htr_utils.lines import augment


def damaged(picture: np.ndarray, number: int) -> np.ndarray:
    """A line (H, W) as a hard hand would leave it: training's augmentation, then twice its usual bending."""
    rng = np.random.default_rng([7, number])
    return augment.elastic(augment.augment(picture, rng), rng, amount=3.0)


@dataclass(frozen=True)
class Lines:
    """What the network answered to some lines: (lines, frames, classes), true frames, true texts."""

    log_probs: np.ndarray
    frames: np.ndarray
    truths: list[str]


def padded(answers: Sequence[np.ndarray], truths: list[str]) -> Lines:
    """Lines of their own length, (T, C) each, as one array."""
    frames = np.array([len(one) for one in answers])
    values = np.zeros((len(answers), int(frames.max()), answers[0].shape[1]), np.float32)
    for row, one in zip(values, answers, strict=True):
        row[: len(one)] = one
    return Lines(values, frames, truths)
