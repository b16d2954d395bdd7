"""Checks of the chapter "Training"."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from htr_utils.course.exercises import exercise


@exercise("08.1")
def prediction(answer: Any) -> str | None:
    """The CER of empty readings: every character of the truth is missing."""
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        return "a number is asked for, in per cent"
    answer = float(answer)
    if answer == 1:
        return "per cent, please"
    if answer > 100:
        return "an empty reading inserts nothing; how many characters of the truth can be missing at most?"
    return None if answer == 100 else "count the edits that turn an empty text into the truth"


@exercise("08.2")
def clip(answer: Callable[[list[np.ndarray], float], list[np.ndarray]]) -> str | None:
    """Clipping by the global norm: one factor for all arrays, only where it is too long."""
    short = [np.array([0.3]), np.array([0.4])]
    if not _equal(answer([g.copy() for g in short], 5.0), short):
        return "a gradient that is short enough must stay as it is"
    long = [np.array([3.0]), np.array([[4.0]])]
    given = [g.copy() for g in long]
    found = answer(given, 1.0)
    if _equal(found, [np.array([1.0]), np.array([[1.0]])]):
        return "each array was clipped on its own, which turns the direction; use one norm for all of them"
    if not _equal(found, [np.array([0.6]), np.array([[0.8]])]):
        return (
            "of the arrays [3] and [[4]] the global norm is 5; clipped to 1, what is left of each?"
        )
    if not _equal(given, long):
        return "the arrays that were given have changed: return new ones"
    if not _equal(answer([np.zeros(3)], 1.0), [np.zeros(3)]):
        return "a gradient of zeros has norm 0: mind the division"
    return None


def _equal(found: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
    return len(found) == len(wanted) and all(
        np.shape(a) == b.shape and np.allclose(a, b) for a, b in zip(found, wanted, strict=True)
    )


@exercise("08.3")
def culprits(answer: dict[str, str]) -> str | None:
    """Four symptoms and their causes."""
    hints = (
        ("inf from", "label does not fit", "which loss is infinite however good the network is?"),
        ("60 steps", "not finished", "at which stage are empty readings usual?"),
        ("2,000 steps", "rate too low", "what keeps the weights where they are?"),
        ("ten times", "rate too high", "what throws the weights far away within a few steps?"),
    )
    for symptom, cause, hint in hints:
        given = next((value for text, value in answer.items() if symptom in text), None)
        if given != cause:
            return f"the one with {symptom!r}: {hint}"
    return None


@exercise("08.4")
def letters_come(answer: Callable[..., int]) -> str | None:
    """The first step after the maximum at which the blank rate is below the limit."""
    if answer([0.0, 0.5, 1.0, 0.95, 0.8, 0.7], 0.9) != 4:
        return "try [0, .5, 1, .95, .8, .7]: the low rates before the highest one do not count"
    if answer([0.1, 0.95, 1.0, 1.0], 0.9) != -1:
        return "a network that has not left the blank stage gets -1"
    if answer([0.0, 1.0, 0.7, 0.4], 0.5) != 3:
        return "does your function use `limit`?"
    if answer([0.0, 0.95, 0.8, 1.0, 0.95, 0.7], 0.9) != 5:
        return "a dip before the highest rate does not count: try [0, .95, .8, 1, .95, .7]"
    if answer([0.0, 1.0, 0.5, 0.4], 0.5) != 3:
        return "a rate of the limit itself is not below it"
    if answer([0.1, 0.3, 0.2], 0.9) != -1:
        return "no rate of [.1, .3, .2] reaches .9: the blank stage never came, and that gets -1"
    if answer([0.1, 0.9, 0.2], 0.9) != 2:
        return "a rate of the limit itself belongs to the blank stage: try [.1, .9, .2]"
    if answer([0.0, 1.0, 0.8, 0.95], 0.9) != 2:
        return "the first step below the limit counts, even if the rate rises once more"
    return None


@exercise("08.5")
def augmented(answer: Callable[..., bool]) -> str | None:
    """Does any line look different in another epoch?"""
    pictures = list(np.random.default_rng(705).integers(0, 256, (12, 8, 20)))

    def fixed(index: int, epoch: int) -> np.ndarray:
        return pictures[index]

    def always(index: int, epoch: int) -> np.ndarray:
        return np.roll(pictures[index], epoch % 19 + 1, 1)

    def seldom(index: int, epoch: int) -> np.ndarray:
        return np.roll(pictures[index], (epoch % 19 + 1) * (index == 11), 1)

    if answer(fixed, 12):
        return "here every line looks alike in every epoch: do you compare a line with itself, or with another line?"
    if not answer(always, 12):
        return "here every line changes from epoch to epoch: do you ask for two epochs, and look at every pixel?"
    if not answer(seldom, 12):
        return "here the last line alone changes: one difference anywhere is enough, so look at all lines"
    if answer(lambda index, epoch: pictures[index].copy(), 12):
        return "compare the numbers; two arrays that are equal need not be the same object"
    return None
