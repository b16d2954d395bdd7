"""What a sweep found: its runs as one small file, which values differ, and what a difference is worth.

A run here is a dictionary: `parameters`, `given`, `seed`, `results` (error rates as fractions, and a `history` with a
row per epoch where something was trained), `rate` (the error rate that is compared, in %), and where it came from.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Student's t, 97.5 %, for 1 to 30 degrees of freedom.
_T975 = """
12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 2.201 2.179 2.160 2.145 2.131
2.120 2.110 2.101 2.093 2.086 2.080 2.074 2.069 2.064 2.060 2.056 2.052 2.048 2.045 2.042
"""
T975 = tuple(map(float, _T975.split()))

Run = dict[str, Any]


def rates(runs: Sequence[Run]) -> list[str]:
    """The error rates that all runs recorded: results called cer..., wer... that are numbers; `cer` first."""
    common = [
        name
        for name in (runs[0]["results"] if runs else ())
        if name[:3] in ("cer", "wer")
        and all(type(run["results"].get(name)) in (int, float) for run in runs)
    ]
    return sorted(common, key=lambda name: name != "cer")


def varied(runs: Sequence[Run]) -> list[str]:
    """The parameters that are not the same in all runs, without the seed."""
    names = dict.fromkeys(name for run in runs for name in run["parameters"])
    kinds = {name: {repr(run["parameters"].get(name)) for run in runs} for name in names}
    return [name for name in names if name != "seed" and len(kinds[name]) > 1]


def usual(runs: Sequence[Run], name: str) -> Any:
    """The value that most runs have: the one that the others are compared with."""
    counts = Counter(repr(run["parameters"].get(name)) for run in runs)
    first = max(counts, key=lambda shown: counts[shown])
    return next(
        run["parameters"].get(name) for run in runs if repr(run["parameters"].get(name)) == first
    )


def special(run: Run, runs: Sequence[Run]) -> list[str]:
    """The parameters of a run that are not as in most runs: `["augment=0.0"]`."""
    return [
        f"{name}={run['parameters'].get(name)}"
        for name in varied(runs)
        if run["parameters"].get(name) != usual(runs, name)
    ]


def label(run: Run, runs: Sequence[Run]) -> str:
    """What is special about a run: `augment=0.0`, or `as usual`."""
    return " ".join(special(run, runs)) or "as usual"


def groups(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs that differ in nothing but the seed, under their label; `as usual` first, where there is such a run."""
    labelled: dict[str, list[Run]] = {"as usual": []}
    for run in runs:
        labelled.setdefault(label(run, runs), []).append(run)
    return {name: some for name, some in labelled.items() if some}


@dataclass(frozen=True)
class Effect:
    """What one change does to a result: mean difference over matched pairs of runs, with its 95 % interval.

    low and high are infinite where there is only one pair: it says nothing about the spread.
    """

    change: str
    mean: float
    low: float
    high: float
    pairs: int

    @property
    def clear(self) -> bool:
        """Whether the interval keeps away from zero."""
        return self.low > 0 or self.high < 0


def interval(differences: Sequence[float]) -> tuple[float, float, float]:
    """Mean of differences and its 95 % interval by Student's t; infinite for fewer than two."""
    values = np.asarray(differences, float)
    mean = float(values.mean())
    if len(values) < 2:
        return mean, -math.inf, math.inf
    factor = T975[min(len(values) - 2, len(T975) - 1)]
    half = factor * float(values.std(ddof=1)) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def effects(runs: Sequence[Run]) -> list[Effect]:
    """For each value that is not the usual one: how far it moves the rate, over pairs alike in all else, seed too."""
    names = [*varied(runs), "seed"]

    def rest(run: Run, but: str) -> str:
        return repr([(name, run["parameters"].get(name)) for name in names if name != but])

    effects_of = []
    for name in names[:-1]:
        base = usual(runs, name)
        partners = {rest(run, name): run for run in runs if run["parameters"].get(name) == base}
        others: dict[str, list[float]] = {}
        for run in runs:
            value, partner = run["parameters"].get(name), partners.get(rest(run, name))
            if value != base and partner is not None:
                change = run["rate"] - partner["rate"]
                others.setdefault(f"{name}={value} instead of {base}", []).append(change)
        effects_of += [
            Effect(change, *interval(all_), len(all_)) for change, all_ in others.items()
        ]
    return effects_of


def best(runs: Sequence[Run]) -> Run:
    """The run with the lowest rate; of equals the first."""
    return min(runs, key=lambda run: run["rate"])


def deviation(rows: Sequence[Sequence[float]], seed: int = 0) -> float:
    """The usual standard deviation within rows of equal runs, where a row may hold a run that went astray.

    The median of the rows' variances, each divided by what the median variance of so many standard normal values
    is (10,000 draws): a variance of few values is mostly too small. Two rows or one: their pooled variance.

    Returns:
        The deviation; 0 where no row has two runs.
    """
    several = [np.asarray(row, float) for row in rows if len(row) > 1]
    if not several:
        return 0.0
    if len(several) < 3:
        squares = sum(float(np.square(row - row.mean()).sum()) for row in several)
        return math.sqrt(squares / sum(len(row) - 1 for row in several))
    draws = np.random.default_rng(seed)
    usual = {
        size: float(np.median(draws.normal(size=(10_000, size)).var(axis=1, ddof=1)))
        for size in sorted({len(row) for row in several})
    }
    return math.sqrt(float(np.median([row.var(ddof=1) / usual[len(row)] for row in several])))
