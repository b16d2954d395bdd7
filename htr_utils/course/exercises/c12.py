"""Checks of the chapter "Your own handwriting"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from htr_utils.course.exercises import exercise
from htr_utils.text.metrics import edits


@exercise("12.1")
def twice_and_lost(answer: Callable[[list[int], int], tuple[int, int]]) -> str | None:
    """True lines with two or more finds, and those with none."""
    if tuple(answer([0, 1, 2], 3)) != (0, 0):
        return "each line was found once here: (0, 0)"
    if tuple(answer([0, 1, -1], 3)) != (0, 1):
        return "here line 2 was lost, and a find that lies on no line (-1) is neither twice nor lost: (0, 1)"
    if tuple(answer([0, 1, -1, -1], 2)) != (0, 0):
        return "two finds that lie on no line (-1) are no line that was found twice"
    given = tuple(answer([0, 0, 0, 2], 3))
    if given == (2, 1):
        return "a line found three times counts once: count lines, not finds"
    if given == (1, 0) or given == (0, 1):
        return "look at both: line 0 was found more than once, and line 1 not at all"
    if given != (1, 1):
        return "line 0 was found three times and line 1 never: (1, 1)"
    if tuple(answer([1, 0], 2)) != (0, 0):
        return "the order does not matter here"
    return None if tuple(answer([], 4)) == (0, 4) else "where nothing is found, every line is lost"


@exercise("12.2")
def runs_of(answer: Callable[[list[float], float], list[tuple[int, int]]]) -> str | None:
    """Runs of rows over a level, also at both ends."""

    def given(profile: Sequence[float], level: float) -> list[tuple[int, int]]:
        return [(int(a), int(b)) for a, b in answer(list(profile), level)]

    first = given([0, 5, 6, 0, 0, 7, 0], 2)
    if first == [(1, 2), (5, 5)]:
        return "the second number is the row after the last of the run"
    if first != [(1, 3), (5, 6)]:
        return "in 0 5 6 0 0 7 0 with level 2 the runs are (1, 3) and (5, 6)"
    if given([0, 4, 4], 2) != [(1, 3)]:
        return "a run may reach the last row"
    if given([4, 0], 2) != [(0, 1)]:
        return "a run may begin in row 0"
    if given([2, 2, 3], 2) != [(2, 3)]:
        return "a row at the level itself is not over it"
    return None if given([0, 0], 2) == [] else "where no row is over the level there is no run"


@exercise("12.3")
def without_shadow(answer: Callable[[np.ndarray, int], np.ndarray]) -> str | None:
    """Paper in light and shade is 1; ink keeps its share of the paper."""
    light = np.linspace(240, 60, 160)[None].repeat(60, axis=0)
    grey = light.copy()
    grey[20:40, 10::20] *= 0.3  # strokes one pixel wide
    given = np.asarray(answer(grey.copy(), 4), float)
    if given.shape != grey.shape:
        return "the result is as large as the picture"
    if given.max() > 2:
        return "divide: paper becomes 1, not 255"
    inner = given[:, 8:-8]
    paper, ink = inner[5], inner[30, 2::20]
    if np.abs(paper - paper.mean()).max() > 0.12:
        return "paper in the shade should come out as light as paper in the lamp: is the paper's tone local?"
    if abs(paper.mean() - 1) > 0.08:
        return "paper should be 1: divide by the brightest value nearby"
    if np.abs(ink - 0.3).max() > 0.06:
        return "a stroke should keep its share of the paper's light (0.3 here): is the tone taken from the paper?"
    grey[50, 20:140] *= 0.3  # a stroke that lies
    around = np.lib.stride_tricks.sliding_window_view(grey, (9, 9)).max((2, 3))
    given = np.asarray(answer(grey.copy(), 4), float)[4:-4, 4:-4]
    if np.abs(given - grey[4:-4, 4:-4] / around).max() > 0.015:
        return "with a reach of 4 a window is 9 rows high and 9 columns wide: 4 on each side, and the point itself"
    return None


@exercise("12.4")
def predict(answer: str) -> str | None:
    """What was trained on reads best."""
    if answer not in ("the corrected lines", "the second letter"):
        return 'answer "the corrected lines" or "the second letter"'
    if answer == "the second letter":
        return "which of the two has the model seen during training?"
    return None


@exercise("12.5")
def forgotten(answer: Callable[[list[str], list[str], list[str]], float]) -> str | None:
    """Pooled CER after minus before, in percentage points."""
    truth = ["abcd", "a" * 16]
    before, after = ["abcd", "b" + "a" * 15], ["abxxx", "b" + "a" * 15]
    right = 100 * (sum(map(edits, after, truth)) - sum(map(edits, before, truth))) / 20
    given = float(answer(before, after, truth))
    if math.isclose(given, right, rel_tol=1e-6):
        fell = float(answer(after, before, truth))
        if math.isclose(fell, -right, rel_tol=1e-6):
            return None
        return "a rate that fell gives a negative number"
    if math.isclose(given, -right, rel_tol=1e-6):
        return "after minus before: three letters more are wrong now, so the rate rose"
    if math.isclose(given, right / 100, rel_tol=1e-6):
        return "in percentage points, so times 100"
    if math.isclose(given, 37.5, rel_tol=1e-6):
        return "pool edits and lengths over the lines: do not average the lines' own rates"
    return (
        "all edits after, minus all edits before, divided by all characters of the truth, times 100"
    )
