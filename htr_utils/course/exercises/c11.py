"""Checks of the chapter "Evaluation"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from htr_utils.course.exercises import exercise


@exercise("11.1")
def wider(answer: str) -> str | None:
    """Lines of one writer fail together."""
    if answer == "both":
        return "one of them is wider: of how many independent witnesses does each draw?"
    if answer not in ("lines", "writers"):
        return 'answer "lines" or "writers"'
    if answer == "lines":
        return (
            "lines of one writer fail together: how many independent things are drawn in each case?"
        )
    return None


@exercise("11.2")
def pooled(answer: Callable[[Sequence[int], Sequence[int]], float]) -> str | None:
    """All edits by all characters."""
    rng = np.random.default_rng(1002)
    edits, lengths = rng.integers(0, 9, 6).tolist(), rng.integers(10, 60, 6).tolist()
    given, right = answer(edits, lengths), sum(edits) / sum(lengths)
    if math.isclose(given, right, rel_tol=1e-6):
        return None
    mean = float(np.mean([e / n for e, n in zip(edits, lengths, strict=True)]))
    if math.isclose(given, mean, rel_tol=1e-6):
        return "that is the mean of the lines' own rates: a short line would weigh as much as a long one"
    if math.isclose(given, 100 * right, rel_tol=1e-6):
        return "a fraction, please, not per cent"
    if math.isclose(given, sum(edits) / len(edits), rel_tol=1e-6):
        return "these are edits a line: divide by characters, not by lines"
    if math.isclose(given, 1 / right, rel_tol=1e-6):
        return "the other way round: edits over characters"
    return "all edits together, divided by all characters together"


@exercise("11.3")
def difference(
    answer: Callable[[Sequence[int], Sequence[int], Sequence[str], int], tuple[float, float]],
) -> str | None:
    """The paired bootstrap over writers: the same draw for both readers, and all lines of a writer in it."""
    rng = np.random.default_rng(1003)
    before = rng.integers(0, 30, 80)
    alone = [f"w{number}" for number in range(80)]
    low, high = answer(before.tolist(), (before - 1).tolist(), alone, 0)
    if low > high:
        return "the lower end comes first"
    if not math.isclose(low, high, abs_tol=1e-9):
        return "every line gains exactly one edit, so every draw gives the same: use one draw for both readers"
    if not math.isclose(low, 1.0, abs_tol=1e-9):
        return "edits saved per line: before minus after, averaged over the drawn lines"
    gain = np.array([0, 4] * 40)
    low, high = answer(gain.tolist(), [0] * 80, alone, 1)
    if not (1.2 < low < 2.0 < high < 2.8):
        return "the 2.5th and the 97.5th percentile of the drawn means, with replacement, please"
    other = rng.integers(0, 99, 40)
    ends = [tuple(answer(other.tolist(), [0] * 40, alone[:40], seed)) for seed in (1, 1, 2, 3)]
    if ends[0] != ends[1] or ends[0] == ends[2] == ends[3]:
        return "the same seed gives the same interval, another seed another one: draw from default_rng(seed)"
    ends = [answer(gain.tolist(), [0] * 80, alone, seed) for seed in range(6)]
    if not 0.81 < np.mean([high - low for low, high in ends]) < 0.96:
        return "95 of 100 draws lie inside: the 2.5th and the 97.5th percentile, please"
    gain = np.repeat([0, 4], 40)
    low, high = answer(gain.tolist(), [0] * 80, ["a"] * 40 + ["b"] * 40, 1)
    if not (math.isclose(low, 0, abs_tol=1e-9) and math.isclose(high, 4, abs_tol=1e-9)):
        return "of two writers a draw may hold one alone: draw writers, and let each bring all of their lines"
    low, high = answer([0] * 90 + [9], [0] * 91, ["a"] * 90 + ["b"], 3)
    if not (math.isclose(low, 0, abs_tol=1e-9) and math.isclose(high, 9, abs_tol=1e-9)):
        return "divide the edits saved in a draw by the lines in that draw"
    writers = [f"long{n // 9}" for n in range(90)] + [f"short{n}" for n in range(10)]
    low, high = answer([0] * 90 + [9] * 10, [0] * 100, writers, 4)
    if low > 1 or high > 2.6:
        return "a writer of nine lines weighs more than one of a single line: all edits of a draw by all of its lines"
    return None


@exercise("11.4")
def leak(answer: Callable[[Sequence[str], Sequence[str]], float]) -> str | None:
    """Share of the test lines whose writer also wrote training lines."""
    given = answer(["a", "b"], ["c", "d"])
    if math.isclose(given, 1.0):
        return "no writer of the test lines is in training here: 0"
    given = answer(["a", "a", "b"], ["a", "a", "a", "c"])
    if math.isclose(given, 0.75):
        return None
    if math.isclose(given, 0.5):
        return "count test lines, not writers: one writer may hold most of the lines"
    if math.isclose(given, 2 / 3):
        return "that is the share of the training lines: the test lines are asked for"
    if math.isclose(given, 75):
        return "a share from 0 to 1, not per cent"
    return "test lines whose writer also stands in the training list, divided by all test lines"


@exercise("11.5")
def batches(answer: Callable[[list[int], int], list[list[int]]]) -> str | None:
    """All items in batches, the last one as long as it is."""
    cut = [list(batch) for batch in answer([1, 2, 3, 4, 5], 2)]
    if cut == [[1, 2], [3, 4]]:
        return "the fifth line is lost: this is the reference system's mistake"
    if cut == [[1, 2], [3, 4], [5], []] or [] in cut:
        return "an empty batch holds no line"
    if cut != [[1, 2], [3, 4], [5]]:
        return "five items in twos: two full batches and one of one, in their order"
    if [list(batch) for batch in answer([1, 2, 3, 4], 2)] != [[1, 2], [3, 4]]:
        return "four items in twos make two batches, and no empty one behind them"
    items, size = list(range(39)), 7
    given = items.copy()
    cut = [list(batch) for batch in answer(given, size)]
    if cut != [items[start : start + size] for start in range(0, len(items), size)]:
        return "every item once, in its order, `size` of them in a batch"
    if given != items:
        return "the list that was given must stay as it is: work on a copy"
    return None
