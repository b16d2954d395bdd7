"""Checks of the chapter "Your own handwriting"."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from htr_utils.course.exercises import exercise
from htr_utils.text.metrics import edits

BEFORE, BAR = 23.1, 15.0  # CER in %, of the lines that 12.6 measures


@exercise("12.1")
def twice_and_lost(answer: Callable[[list[int], int], tuple[int, int]]) -> str | None:
    """True lines with two or more finds, and those with none."""
    if tuple(answer([0, 1, 2], 3)) != (0, 0):
        return "each line was found once here: (0, 0)"
    given = tuple(answer([0, 1], 3))
    if given == (1, 0):
        return "first how many were found twice, then how many were lost"
    if given != (0, 1):
        return "of lines 0, 1 and 2 the last was lost here: (0, 1)"
    if tuple(answer([0, 1, -1], 3)) != (0, 1):
        return "a find that lies on no line (-1) stands for no line: line 2 is still lost"
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


@exercise("12.3")
def predict(answer: str) -> str | None:
    """What was trained on reads best."""
    if answer == "the learnt lines":
        return None
    if answer == "the unseen lines":
        return "which of the two has the model seen during training?"
    if answer == "both":
        return "they are in the same hand, but the model knows the texts of one of them: which?"
    return 'answer "the learnt lines" or "the unseen lines"'


@exercise("12.4")
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


@exercise("12.5")
def eight_bits(answer: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> str | None:
    """Whole numbers from -127 to 127, and a scale for each output."""
    weights = np.random.default_rng(1205).normal(size=(40, 5)) * [0.01, 1, 3, 0.2, 0]
    weights[3, 1] = -7.0  # the largest of its column is negative
    given = weights.copy()
    numbers, scales = (np.asarray(part) for part in answer(given))
    if (given != weights).any():
        return "the weights that are given must stay as they are: work on a copy"
    if numbers.shape != weights.shape or scales.shape != (5,):
        return "numbers of the shape of the weights, and one scale for each column"
    if not np.isfinite(scales).all() or scales[4] != 1:
        return "a column of zeros has nothing to scale: its scale is 1"
    if numbers.dtype != np.int8:
        return "whole numbers of 8 bits: round, then .astype(np.int8)"
    right = np.maximum(np.abs(weights).max(axis=0), 1e-12) / 127
    if np.allclose(scales[:4], weights.max(axis=0)[:4] / 127):
        return "the largest absolute weight of a column becomes 127: here it is a negative one"
    if np.allclose(scales[:4], np.abs(weights).max() / 127):
        return (
            "one scale for all columns leaves the small ones a few steps: one scale for each output"
        )
    if np.allclose(scales[:4], 1 / right[:4]):
        return "weight = number x scale: your scales are one divided by that"
    if not np.allclose(scales[:4], right[:4]):
        return "the scale of a column is its largest absolute weight, divided by 127"
    if (np.abs(numbers * scales - weights)[:, :4] > 0.51 * right[:4]).any():
        return "some weights are off by more than half a step: round to the nearest, do not cut"
    return None


@exercise("12.6")
def one_hand(plan: dict[str, Any], tried: Callable[..., float]) -> str | None:
    """A plan within its means whose model reads the unseen lines of the hand better than the chapter's recipe."""
    if missing := [word for word in ("lines", "epochs") if word not in plan]:
        return f"your plan does not say its {missing[0]}"
    lines = list(plan["lines"])
    if not set(lines) <= set(range(30)):
        return "lines 0 to 29 may be corrected; the others are what is measured"
    if len(set(lines)) < len(lines):
        return "a line that is named twice is corrected once: name others"
    if len(lines) > 20:
        return f"you have patience for 20 lines, not for {len(lines)}"
    if (pictures := len(lines) * plan["epochs"]) > 500:
        return f"that takes {pictures} pictures, and there is time for 500: fewer passes, or fewer lines"
    rate = tried(**plan)
    told = f"CER of the unseen lines: yours {rate:.1f} %, the bar {BAR:.1f} %"
    if rate <= BAR:
        print(f"12.6: {told}: correct")
        return None
    if rate > BEFORE:
        return f"{told}. Before the training it was {BEFORE:.1f} %: how large are your steps?"
    if plan.get("frozen"):
        return f"{told}. A hand so narrow looks unlike all that the frozen layers learnt from"
    if pictures < 400:
        return f"{told}. You have used {pictures} of 500 pictures"
    return (
        f"{told}. Where is the loss at the end: would larger steps, or more of them, get further?"
    )
