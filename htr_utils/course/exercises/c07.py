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
    if answer != 5:
        return "o-o takes three frames; which of its signs may be said twice, and where may one more blank go?"
    return None


@exercise("07.2")
def frames_needed(answer: Callable[[str], int]) -> str | None:
    """The smallest number of frames for a label: its length, and one more for each doubled letter."""
    if answer("to") != 2:
        return "two different letters fit into two frames"
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


@exercise("07.3")
def log_sum(answer: Callable[[list[float]], float]) -> str | None:
    """log(sum(exp(values))) without underflow."""
    if not math.isclose(answer([0.0, 0.0]), math.log(2), abs_tol=1e-6):
        return "of two zeros it is the logarithm of two: is the sum taken after the exponential?"
    if not math.isclose(answer([-1.0, -2.0, -3.0]), -0.5923940, abs_tol=1e-4):
        return (
            "try [-1, -2, -3]: what you take out of the sum must come back as a sum of logarithms"
        )
    if not math.isclose(answer([-1000.0, -1000.0]), -1000 + math.log(2), abs_tol=1e-3):
        return "at -1000 the exponential is zero: what can you take out of the sum before it?"
    if not math.isclose(answer([0.0, -math.inf]), 0.0, abs_tol=1e-6):
        return "something impossible adds nothing: try [0, -inf]"
    if not math.isclose(answer([-2000.0, 0.0]), 0.0, abs_tol=1e-6):
        return "try [-2000, 0]: take the largest value out, not the first or the smallest"
    if answer([-math.inf, -math.inf]) != -math.inf:
        return "the sum of two impossible things is impossible: treat a list of minus infinities on its own"
    return on_drawn_cases(
        answer,
        lambda v: float(np.logaddexp.reduce(v)),
        lambda rng: (rng.uniform(-900, -700, 5).tolist(),),
    )


@exercise("07.4")
def too_narrow(answer: Callable[[np.ndarray, np.ndarray, int], int]) -> str | None:
    """Lines with fewer frames (a started one counts) than their label needs."""
    widths, needed = np.array([40, 41, 80]), np.array([10, 11, 20])
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
