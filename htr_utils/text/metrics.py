"""How wrong a reading is: character and word error rates with their intervals.

An edit is one insertion, deletion or substitution; the edit distance of two texts is the smallest number
of edits that turns one into the other (Levenshtein 1966). An error rate is micro-averaged here:

    rate = edits of all lines together / length of all truths together

so a long line weighs more than a short one, and a line read with many extra characters can push the rate
above 1. Means of per-line rates are another number and are not computed here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rapidfuzz.distance import Levenshtein

from htr_utils.errors import HtrError


@dataclass(frozen=True)
class Rate:
    """An error rate that names its interval, its split and its spacing convention.

    `value`, `low` and `high` are fractions (.05 is 5 %), `low` to `high` the bootstrap 95 % interval.
    `edits` and `length` are summed over the lines; `length` counts characters (CER) or words (WER).
    """

    value: float
    low: float
    high: float
    edits: int
    length: int
    lines: int
    metric: str
    split: str = ""
    convention: str = "natural"

    def __str__(self) -> str:
        lines = f"{self.lines:,} line" + ("" if self.lines == 1 else "s")
        about = ", ".join(word for word in (self.split, self.convention, lines) if word)
        interval = f"[{100 * self.low:.1f}, {100 * self.high:.1f}]"
        return f"{self.metric} {100 * self.value:.2f} % {interval} ({about})"


def edits(prediction: str, truth: str) -> int:
    """Edit distance in characters."""
    return Levenshtein.distance(prediction, truth)


def word_edits(prediction: str, truth: str) -> int:
    """Edit distance in words; a word is what stands between white space, with its punctuation."""
    return Levenshtein.distance(prediction.split(), truth.split())


def cer(predictions: Sequence[str], truths: Sequence[str], **options: Any) -> Rate:
    """Character error rate of lines, micro-averaged, with its bootstrap interval.

    Both sides must follow the same spacing convention; `convention` only names it. An empty truth adds
    its insertions to the edits and nothing to the length.

    Args:
        options: of `rate`: split, convention, seed, samples, groups.

    Raises:
        HtrError: unequal numbers of lines, no lines, or not one character in all truths.
    """
    counts = [edits(prediction, truth) for prediction, truth in _pairs(predictions, truths)]
    return rate(counts, [len(truth) for truth in truths], metric="CER", **options)


def wer(predictions: Sequence[str], truths: Sequence[str], **options: Any) -> Rate:
    """Word error rate of lines: `cer` with words in place of characters."""
    counts = [word_edits(prediction, truth) for prediction, truth in _pairs(predictions, truths)]
    return rate(counts, [len(truth.split()) for truth in truths], metric="WER", **options)


def rate(
    edit_counts: ArrayLike,
    lengths: ArrayLike,
    *,
    metric: str = "CER",
    split: str = "",
    convention: str = "natural",
    seed: int = 0,
    samples: int = 1000,
    groups: Sequence[Hashable] | None = None,
) -> Rate:
    """Error rate from the edit count and the truth's length of each line, both of shape (lines,).

    The interval is the percentile bootstrap (Efron and Tibshirani 1993, chapter 13; for error rates of
    recognisers Bisani and Ney 2004): draw as many lines as there are, with replacement, `samples` times,
    and take the 2.5th and 97.5th percentile of the rates. `groups` (one value a line, such as its writer)
    draws whole groups instead: lines of one writer fail together, and the honest interval is wider.

    Raises:
        HtrError: no lines, arguments of unequal length, negative counts, total length 0, no samples.
    """
    edits_of = np.asarray(edit_counts, dtype=np.int64)  # (units,): lines first, groups below
    length_of = np.asarray(lengths, dtype=np.int64)
    lines = edits_of.size
    if edits_of.ndim != 1 or edits_of.shape != length_of.shape:
        raise HtrError(
            f"{edits_of.shape} edit counts but {length_of.shape} lengths: one of each a line"
        )
    if (edits_of < 0).any() or (length_of < 0).any():
        raise HtrError("edit counts and lengths cannot be negative")
    if length_of.sum() == 0:
        raise HtrError(f"{metric} of {lines} lines whose truths are empty: the rate is not defined")
    if samples < 1:
        raise HtrError(f"{samples} bootstrap samples: at least 1 is needed")
    if groups is not None:
        if len(groups) != lines:
            raise HtrError(f"{lines} lines but {len(groups)} groups: name the group of each line")
        edits_of, length_of = _summed(edits_of, groups), _summed(length_of, groups)

    counts = np.stack([edits_of, length_of], axis=1)
    low, high = bootstrap(counts, lambda sums: sums[:, 0] / sums[:, 1], seed, samples)
    return Rate(
        value=float(edits_of.sum() / length_of.sum()),
        low=low,
        high=high,
        edits=int(edits_of.sum()),
        length=int(length_of.sum()),
        lines=lines,
        metric=metric,
        split=split,
        convention=convention,
    )


def bootstrap(
    counts: ArrayLike,
    value: Callable[[np.ndarray], np.ndarray],
    seed: int = 0,
    samples: int = 1000,
) -> tuple[float, float]:
    """The 95 % interval of a value of sums, by the percentile bootstrap over the rows of `counts` (units, K).

    Args:
        value: the sums of all draws (samples, K) -> their values (samples,). A draw without a value, such as a rate
            of nothing but empty truths, is left out.
    """
    table = np.asarray(counts)
    draws = np.random.default_rng(seed).integers(
        len(table), size=(samples, len(table)), dtype=np.int32
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        values = value(np.stack([column[draws].sum(axis=1) for column in table.T], axis=1))
        defined = values[np.isfinite(values)]
        low, high = np.percentile(
            defined if defined.size else value(table.sum(0)[None]), [2.5, 97.5]
        )
    return float(low), float(high)


def confusions(
    predictions: Sequence[str], truths: Sequence[str], top: int | None = 20
) -> list[tuple[str, str, int]]:
    """The most frequent character edits: (character of the truth, character read instead, count).

    An inserted character has "" as its truth, a deleted one "" as its reading. Sorted by count, equal
    counts by character; `top=None` returns all, and their counts then add up to the edits of the CER.
    Where several shortest ways of editing exist, one of them is counted.

    Raises:
        HtrError: unequal numbers of lines.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for prediction, truth in _pairs(predictions, truths):
        for operation in Levenshtein.editops(truth, prediction):
            true = "" if operation.tag == "insert" else truth[operation.src_pos]
            read = "" if operation.tag == "delete" else prediction[operation.dest_pos]
            counts[true, read] += 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(true, read, count) for (true, read), count in ranked[:top]]


def _pairs(predictions: Sequence[str], truths: Sequence[str]) -> list[tuple[str, str]]:
    # A single string is a sequence of one-character strings, and would be scored as such without a word.
    if isinstance(predictions, str) or isinstance(truths, str):
        raise HtrError("predictions and truths are lists of lines: put a single line into [ ]")
    if len(predictions) != len(truths):
        raise HtrError(
            f"{len(predictions)} predictions but {len(truths)} truths: one of each a line"
        )
    return list(zip(predictions, truths, strict=True))


def _summed(counts: NDArray[np.int64], groups: Sequence[Hashable]) -> NDArray[np.int64]:
    """Counts of the lines (lines,) added up by group: (groups,), in order of first appearance."""
    numbers: dict[Hashable, int] = {}
    group_of_line = [numbers.setdefault(group, len(numbers)) for group in groups]
    total = np.zeros(len(numbers), dtype=np.int64)
    np.add.at(total, group_of_line, counts)
    return total
