"""Checks of the chapter "CTC loss"."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from htr_utils.course.exercises import exercise, on_drawn_cases


@exercise("07.1")
def prediction(answer: Any) -> str | None:
    """Paths of four frames that collapse to "oo": o-o with one frame to spare."""
    if isinstance(answer, bool) or not isinstance(answer, numbers.Integral):
        return "a whole number is asked for"
    answer = int(answer)
    if answer >= 15:
        return "that is at least as many as for 'to'; what must stand between the two o's?"
    if answer == 1:
        return "that is how many paths of three frames there are; the fourth frame is to spare"
    if answer == 2:
        return (
            "two of them begin or end with one more blank; the spare frame may also repeat a sign"
        )
    if answer == 3:
        return "three of them repeat a sign of o-o; the spare frame may also be one more blank"
    if answer != 5:
        return "o-o takes three frames; which of its signs may be said twice, and where may one more blank go?"
    return None


@exercise("07.2")
def frames_needed(answer: Callable[[str], int]) -> str | None:
    """The smallest number of frames for a label: its length, and one more for each doubled letter."""
    if answer("to") != 2:
        return "two different letters fit into two frames"
    if answer("aba") != 3:
        return "the two a of 'aba' do not touch: which letters need a blank between them?"
    if answer("letter") != 7:
        return "try 'letter': what has to stand between its two t's?"
    if answer("aaa") != 5:
        return "three equal letters need a blank in two places"
    if answer("") != 0:
        return "an empty label needs no frame of its own"
    return on_drawn_cases(
        answer,
        lambda s: len(s) + sum(map(str.__eq__, s, s[1:])),
        lambda rng: ("".join(rng.choice(list("abc"), 9)),),
    )


def _log_probability(log_probs: np.ndarray, label: np.ndarray, jumps: str = "rule") -> np.ndarray:
    """The last frame of the trellis in logarithms, (states,). jumps: over which blanks; "rule", "all" or "none"."""
    states = np.zeros(2 * len(label) + 1, int)
    states[1::2] = label
    may = np.zeros(len(states), bool)
    if jumps != "none":
        may[3::2] = (label[1:] != label[:-1]) | (jumps == "all")
    row = np.where(np.arange(len(states)) < 2, log_probs[0, states], -np.inf)
    for frame in log_probs[1:]:
        one, two = (np.append(np.full(by, -np.inf), row)[: len(row)] for by in (1, 2))
        row = np.logaddexp(np.logaddexp(row, one), np.where(may, two, -np.inf)) + frame[states]
    return row


@exercise("07.3")
def log_probability(answer: Callable[[np.ndarray, np.ndarray], float]) -> str | None:
    """The logarithm of a label's probability, also of hundreds of frames."""
    logits = np.random.default_rng(73).normal(size=(6, 4))
    table = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    for label in (np.array([1, 2]), np.array([3, 3, 1])):
        row = _log_probability(table, label)
        total, found = np.logaddexp(row[-1], row[-2]), float(answer(table.copy(), label.copy()))
        others = {way: _log_probability(table, label, way)[-2:] for way in ("all", "none")}
        if math.isclose(found, total, abs_tol=1e-6):
            continue
        if math.isclose(found, -total, abs_tol=1e-6):
            return "that is the loss: the logarithm of a probability is negative"
        if math.isclose(found, math.exp(total), abs_tol=1e-6):
            return "that is the probability itself; its logarithm is asked for"
        if math.isclose(found, row[-1], abs_tol=1e-6) or math.isclose(found, row[-2], abs_tol=1e-6):
            return "a complete walk ends in the last letter or in the blank behind it: add both"
        if math.isclose(found, np.logaddexp(*others["all"]), abs_tol=1e-6):
            return "between two equal letters the blank must not be jumped over"
        if math.isclose(found, np.logaddexp(*others["none"]), abs_tol=1e-6):
            return "where the letters differ, the blank between them may be jumped over"
        return "products become sums, sums become `np.logaddexp`; is each of the three ways in?"
    if not math.isclose(
        answer(np.full((900, 3), -math.log(3)), np.array([1, 2])), -964.7, abs_tol=0.5
    ):
        return "of 900 frames something vanishes: where do you still multiply or add probabilities?"
    if answer(table[:2].copy(), np.array([1, 1])) != -math.inf:
        return "a doubled letter in two frames has probability 0: its logarithm is -np.inf"
    return None


@exercise("07.4")
def too_narrow(answer: Callable[[np.ndarray, np.ndarray, int], int]) -> str | None:
    """Lines with fewer frames (a started one counts) than their label needs."""
    widths, needed = np.array([40, 41, 80]), np.array([10, 11, 20])
    if answer(np.array([400]), np.array([10]), 4) != 0:
        return "a line of 400 columns has 100 frames at a step of 4: which lines are to be counted?"
    if answer(widths, needed, 4) == 3:
        return "a line that has exactly the frames it needs can be aligned: count those that have fewer"
    if answer(widths, needed, 4) != 0:
        return "at a step of 4, a line of 41 columns has 11 frames: a started frame counts"
    if answer(np.array([40]), np.array([11]), 4) != 1:
        return "at a step of 4, a line of 40 columns has 10 frames: no other one is started"
    if answer(widths, needed, 8) != 3:
        return "at a step of 8, lines of 40, 41 and 80 columns that need 10, 11 and 20 frames are all too narrow"
    if answer(np.array([40, 400]), np.array([10, 10]), 8) != 1:
        return "count only the lines that have fewer frames than they need"
    return on_drawn_cases(
        answer,
        lambda w, n, s: int(sum(-(-a // s) < b for a, b in zip(w, n, strict=True))),
        lambda rng: (rng.integers(20, 200, 9), rng.integers(4, 30, 9), int(rng.integers(3, 9))),
    )


@exercise("07.5")
def blank_share(answer: Callable[[np.ndarray], np.ndarray]) -> str | None:
    """The posterior of all blank states together, frame by frame."""
    rng = np.random.default_rng(605)
    for letters in (1, 3):
        table = rng.dirichlet(np.ones(2 * letters + 1), size=5)
        found = np.asarray(answer(table.copy()))
        if np.allclose(found, table[:, 1::2].sum(1)) if found.shape == (5,) else False:
            return "these are the letters' states: the blanks stand before, between and behind them"
        if found.shape != (5,):
            return f"one number for each of the 5 frames, please; this has the shape {found.shape}"
        if np.allclose(found, table[:, 0]):
            return "there is a blank behind every letter as well, not only at the beginning"
        if not np.allclose(found, table[:, ::2].sum(1)):
            return "every second state is a blank, the first one among them: add them up"
    return None
