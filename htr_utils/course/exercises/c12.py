"""Checks of chapter 12, experiments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from htr_utils.course import experiments, sweeps
from htr_utils.course.exercises import exercise
from htr_utils.errors import HtrError


@exercise("12.1")
def runs_of_a_grid(answer: int) -> str | None:
    """Every combination, with every seed."""
    if answer == 3 * 2 * 4 * 3:
        return None
    if answer == 3 * 2 * 4:
        return "each point is run with each of the seeds"
    if answer == 3 + 2 + 4 + 3:
        return "a grid takes every combination: multiply"
    return "every rate with every batch with every depth, each with every seed"


@exercise("12.2")
def interval(answer: Callable[[Sequence[float]], tuple[float, float]]) -> str | None:
    """Student's t over the pairs' differences."""
    for count in (3, 5):
        values = np.random.default_rng().normal(1, 2, count).tolist()
        low, high = answer(values)
        _, right_low, right_high = experiments.interval(values)
        if low > high:
            return "the lower end comes first"
        if math.isclose(low, right_low, rel_tol=1e-3) and math.isclose(high, right_high, rel_tol=1e-3):
            continue
        half, deviation = (high - low) / 2, float(np.std(values, ddof=1))
        if math.isclose(half, 1.96 * deviation / math.sqrt(count), rel_tol=0.02):
            return "1.96 is for many values; for so few, take the factor of Student's t from the table `T975`"
        if math.isclose(half * math.sqrt(count), (right_high - right_low) / 2 * count, rel_tol=1e-3):
            return "the mean of n values varies less than one value: divide by the root of n"
        population = float(np.std(values)) / deviation
        if math.isclose(half, population * (right_high - right_low) / 2, rel_tol=1e-3):
            return "divide the squares by n - 1, not n: `ddof=1`"
        return "mean -/+ t x standard deviation / root of n, with t for n - 1 degrees of freedom"
    return None


@exercise("12.3")
def best_of(answer: Callable[[int, float, int], float]) -> str | None:
    """How far below the mean the best of n runs lies when nothing but chance differs."""
    one, many, wide = answer(1, 1.0, 0), answer(16, 1.0, 0), answer(16, 3.0, 0)
    if abs(one) > 0.15:
        return "the best of a single run is that run: 0 on average; average over many sweeps"
    if many < 0:
        return "say how far BELOW the mean the best lies: a positive number"
    if not 1.6 < many < 1.95:
        return "draw n normal values, take the lowest, and average minus that over at least 1,000 sweeps"
    if not 2.8 < wide / many < 3.2:
        return "the draws have the standard deviation that is given"
    return None


@exercise("12.4")
def a_sweep(answer: dict[str, Any]) -> str | None:
    """A sweep file's content for chapter 7: two learning-set sizes, two batches, three seeds."""
    if not isinstance(answer, dict):
        return "a dictionary, as the YAML file would give it"
    try:
        found = sweeps.from_dict(answer)
    except HtrError as error:
        return str(error)
    if not found.chapter.name.startswith("07_"):
        return 'the chapter is "07"'
    if len(found.points) != 12:
        return f"that makes {len(found.points)} runs; two by two values with three seeds make 12"
    names = {name: {point.get(name) for point in found.points} for name in ("lines", "batch", "seed")}
    if [len(values) for values in names.values()] != [2, 2, 3]:
        return "vary lines and batch, two values each, and give three seeds"
    return None


@exercise("12.5")
def matched(answer: Callable[[list[dict[str, Any]], str], list[float]]) -> str | None:
    """Differences of pairs that are alike in all but one parameter."""
    runs: list[dict[str, Any]] = [
        {"name": name, "depth": depth, "seed": seed, "cer": 10 * depth + seed + (5 if name == "b" else 0)}
        for name in "ab" for depth in (1, 2) for seed in (0, 1, 2)
    ]  # fmt: skip
    order = np.random.default_rng().permutation(len(runs))
    given = sorted(
        answer(
            [runs[int(n)] for n in order if runs[int(n)]["seed"] < 2 or runs[int(n)]["name"] == "a"], "name"
        )
    )
    if len(given) > 4:
        return "a run takes part only with a partner of the same depth and the same seed"
    if len(given) < 4:
        return "every run of `b` has one partner of `a`: four pairs here"
    if all(math.isclose(value, -5) for value in given):
        return "after minus before: the run of `b` minus its partner of `a`"
    return (
        None
        if all(math.isclose(value, 5) for value in given)
        else "pair runs of the same depth and the same seed"
    )
