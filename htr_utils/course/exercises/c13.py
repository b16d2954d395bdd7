"""Checks of the chapter "Experiments"."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from htr_utils.course import statistics
from htr_utils.course.exercises import exercise
from htr_utils.errors import HtrError


@exercise("13.1")
def runs_of_a_grid(answer: int) -> str | None:
    """Every combination, with every seed."""
    if answer == 3 * 2 * 4 * 3:
        return None
    if answer == 3 * 2 * 4:
        return "each point is run with each of the seeds"
    if answer == 3 * (3 + 2 + 4):
        return "within a grid, too, every combination is run: multiply, do not add"
    if answer == 3 + 2 + 4 + 3:
        return "a grid takes every combination: multiply"
    return "every rate with every batch with every depth, each with every seed"


@exercise("13.2")
def pairs_needed(answer: Callable[[float, float], int]) -> str | None:
    """Fewest pairs whose interval by Student's t is narrow enough."""
    cases = [(2.0, 1.0), (4.5, 3.0), (1.0, 2.0), (3.0, 1.5), (0.1, 1.0), (2.72, 1.0)]
    cases += [(4.5, 0.5)]  # more pairs than the table has rows

    def fewest(factor: Callable[[int], float]) -> list[int]:
        return [
            next(n for n in range(2, 1000) if factor(n) * sd / math.sqrt(n) < effect)
            for sd, effect in cases
        ]

    given = [answer(sd, effect) for sd, effect in cases]
    if given == fewest(lambda n: statistics.T975[min(n - 2, 29)]):
        return None
    if given == fewest(lambda n: 1.96):
        return "1.96 is for many values; for so few, take the factor of Student's t from the table `T975`"
    if given == fewest(lambda n: statistics.T975[min(n - 1, 29)]):
        return "n values have n - 1 degrees of freedom, and `T975[0]` is the factor for one"
    if given == [max(3, n) for n in fewest(lambda n: statistics.T975[min(n - 2, 29)])]:
        return "two pairs are enough where the differences hardly vary: begin with n = 2"
    if given == fewest(lambda n: statistics.T975[min(n - 3, 29)]):
        return "`T975[n - 3]` takes, for two pairs, the last factor of the table: n values, `T975[n - 2]`"
    if any(number < 2 for number in given):
        return "an interval needs two pairs at least"
    return (
        "the first n, from 2 on, for which t x standard deviation / root of n is below the effect"
    )


@exercise("13.3")
def runs_for_luck(answer: Callable[[float, int], int]) -> str | None:
    """How many equal runs it takes until the best one looks so much too good."""
    # The mean of the lowest of n: .56, .85, 1.03, ... 1.27, 1.35.
    for limit, right in ((1.0, 4), (1.3, 7), (0.5, 2)):
        given = answer(limit, 0)
        if given == right:
            continue
        if given == right - 1:
            return "the lowest of so many lies above the limit yet: one run more"
        if given == right + 1:
            return "one fewer is enough: the first n that lies beyond the limit"
        if given > right:
            return "fewer are enough: average, over many sweeps, how far the lowest of n draws lies below zero"
        return "take the lowest of n normal values, average minus that over many sweeps: the first n beyond the limit"
    return None


@exercise("13.4")
def a_sweep(answer: dict[str, Any], read: Callable[[dict[str, Any]], Any]) -> str | None:
    """A sweep file's content for the chapter "Training": two learning-set sizes, two batches, three seeds.

    read: `runs.sweeps.from_dict`.
    """
    if not isinstance(answer, dict):
        return "a dictionary, as the YAML file would give it"
    try:
        sweep = read(answer)
    except HtrError as error:
        return str(error)
    if not sweep.chapter.name.startswith("08_"):
        return 'the chapter is "08"'
    if len(sweep.points) != 12:
        return f"that makes {len(sweep.points)} runs; two by two values with three seeds make 12"
    names = {
        name: {point.get(name) for point in sweep.points} for name in ("lines", "batch", "seed")
    }
    if [len(values) for values in names.values()] != [2, 2, 3]:
        return "vary lines and batch, two values each, and give three seeds"
    if names != {"lines": {16, 32}, "batch": {4, 8}, "seed": {0, 1, 2}}:
        return "the shape is right; the values are not all those that are asked for"
    return None


@exercise("13.5")
def matched(answer: Callable[[list[dict[str, Any]], str], list[float]]) -> str | None:
    """Differences of pairs that are alike in all but one parameter."""
    runs: list[dict[str, Any]] = []
    for name, depth, seed in itertools.product("ab", (1, 2), (0, 1, 2)):
        cer = 10 * depth + seed + (5 if name == "b" else 0)
        runs.append({"name": name, "depth": depth, "seed": seed, "cer": cer})
    order = np.random.default_rng(1205).permutation(len(runs))
    alone = {("b", 1, 2), ("b", 2, 2), ("a", 2, 1)}  # not run: their partners take no part
    some = [runs[int(n)] for n in order]
    some = [run for run in some if (run["name"], run["depth"], run["seed"]) not in alone]
    given = sorted(answer(some, "name"))
    if len(given) > 3:
        return "a run takes part only with a partner of the same depth and the same seed"
    if len(given) < 3:
        return "three of the runs of `b` have a partner of `a` here: three pairs"
    if all(math.isclose(value, -5) for value in given):
        return "after minus before: the run of `b` minus its partner of `a`"
    if all(math.isclose(value, 5) for value in given):
        return None
    return "pair runs of the same depth and the same seed"
