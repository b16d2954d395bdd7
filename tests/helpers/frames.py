"""Frames of made-up lines, for tests of decoders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from htr_utils.text import decoding


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def random_line(seed: int, frames: int, classes: int, sharpness: float = 2) -> np.ndarray:
    return log_softmax(sharpness * np.random.default_rng(seed).normal(size=(frames, classes)))


def line_of(path: list[int], classes: int, sure: float = 0.9) -> np.ndarray:
    """Frames (frames, classes) that are `sure` of each class of a path."""
    probabilities = np.full((len(path), classes), (1 - sure) / (classes - 1))
    probabilities[np.arange(len(path)), path] = sure
    return np.log(probabilities)


def check_frames(reading: decoding.Candidate, line: np.ndarray) -> None:
    assert len(reading.ids) == len(reading.frames) == len(reading.confidences)
    assert all(a < b for a, b in itertools.pairwise(reading.frames))
    for i, frame, confidence in zip(reading.ids, reading.frames, reading.confidences, strict=True):
        assert confidence == pytest.approx(np.exp(line[frame, i]))
