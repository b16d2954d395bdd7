"""Error rates: edit distances, micro averages, intervals, confusions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.errors import HtrError
from htr_utils.text import metrics

texts = st.text("ab c", max_size=8)
pairs = st.lists(st.tuples(texts, texts), min_size=1, max_size=12)
counted = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=1, max_size=25)


def plain_distance(a: list[str] | str, b: list[str] | str) -> int:
    """Edit distance by its textbook recursion, row by row."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        before, row = row, [i]
        for j, y in enumerate(b, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]


@settings(max_examples=150, deadline=None)
@given(texts, texts, texts)
def test_edits_are_a_distance(a: str, b: str, c: str) -> None:
    for edits in (metrics.edits, metrics.word_edits):
        assert edits(a, b) == edits(b, a)
        assert edits(a, c) <= edits(a, b) + edits(b, c)
    assert (metrics.edits(a, b) == 0) == (a == b)
    assert (metrics.word_edits(a, b) == 0) == (a.split() == b.split())


@settings(max_examples=100, deadline=None)
@given(texts, texts)
def test_edits_equal_the_textbook_recursion(a: str, b: str) -> None:
    assert metrics.edits(a, b) == plain_distance(a, b)
    assert metrics.word_edits(a, b) == plain_distance(a.split(), b.split())


@settings(max_examples=60, deadline=None)
@given(pairs)
def test_rates_are_micro_averages(lines: list[tuple[str, str]]) -> None:
    predictions, truths = [p for p, _ in lines], [t for _, t in lines]
    for function, edits, units in [
        (metrics.cer, metrics.edits, len),
        (metrics.wer, metrics.word_edits, lambda text: len(text.split())),
    ]:
        length = sum(units(t) for t in truths)
        if length == 0:
            with pytest.raises(HtrError, match="not defined"):
                function(predictions, truths, samples=20)
            continue
        found = function(predictions, truths, samples=20)
        assert found.edits == sum(edits(p, t) for p, t in lines)
        assert (found.length, found.lines) == (length, len(lines))
        assert found.value == found.edits / found.length


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abc ", min_size=1, max_size=8), min_size=1, max_size=8))
def test_equal_lines_have_no_errors(lines: list[str]) -> None:
    found = metrics.cer(lines, lines)
    assert (found.value, found.low, found.high) == (0, 0, 0)


@settings(max_examples=80, deadline=None)
@given(counted, st.integers(0, 5), st.booleans())
def test_interval_contains_the_value(
    counts: list[tuple[int, int]], seed: int, grouped: bool
) -> None:
    edits, lengths = np.array(counts).T
    lengths = lengths + (lengths.sum() == 0)
    groups = [i // 3 for i in range(len(counts))] if grouped else None
    found = metrics.rate(edits, lengths, seed=seed, groups=groups)
    assert 0 <= found.low <= found.value <= found.high


def test_interval_is_the_percentile_bootstrap() -> None:
    """Against the same draws in a plain loop, and against the normal approximation."""
    random = np.random.default_rng(1)
    lengths = random.integers(20, 60, size=400)
    edits = random.binomial(lengths, 0.1)
    found = metrics.rate(edits, lengths, seed=3)
    generator = np.random.default_rng(4)
    rates = []
    for _ in range(2000):
        drawn = generator.integers(400, size=400)
        rates.append(edits[drawn].sum() / lengths[drawn].sum())
    assert [found.low, found.high] == pytest.approx(np.percentile(rates, [2.5, 97.5]), abs=0.0008)
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.std(rates), rel=0.12)


def test_seed_decides_the_interval() -> None:
    edits, lengths = [1, 0, 7, 2, 0, 3], [10, 20, 30, 10, 20, 30]
    assert metrics.rate(edits, lengths, seed=1) == metrics.rate(edits, lengths, seed=1)
    assert metrics.rate(edits, lengths, seed=1) != metrics.rate(edits, lengths, seed=2)


def test_groups_widen_the_interval_when_their_lines_fail_together() -> None:
    edits = [0] * 50 + [10] * 50
    writers = [f"writer {i // 10}" for i in range(100)]
    over_lines = metrics.rate(edits, [40] * 100)
    over_writers = metrics.rate(edits, [40] * 100, groups=writers)
    assert over_writers.value == over_lines.value and over_writers.lines == 100
    assert over_writers.high - over_writers.low > 2 * (over_lines.high - over_lines.low)
    one = metrics.rate(edits, [40] * 100, groups=["same"] * 100)
    assert one.low == one.value == one.high


def test_a_long_line_weighs_more_than_a_short_one() -> None:
    assert (
        metrics.cer(["a", "xxxxxxxxx"], ["b", "xxxxxxxxx"]).value == 0.1
    )  # the mean of lines would be .5


def test_empty_truth_counts_its_insertions() -> None:
    found = metrics.cer(["abc", "word"], ["", "word"])
    assert (found.edits, found.length, found.value) == (3, 4, 0.75)
    assert (found.low, found.high) == (0, 0.75)  # the draws of the empty truth alone are left out


def test_rate_above_one() -> None:
    assert metrics.wer(["a b c d"], ["x"]).value == 4


@pytest.mark.parametrize(
    ("rate", "printed"),
    [
        (
            metrics.Rate(0.05312, 0.049, 0.0571, 1900, 35768, 812, "CER", "test"),
            "CER 5.31 % [4.9, 5.7] (test, natural, 812 lines)",
        ),
        (
            metrics.Rate(1, 1, 1, 1, 1, 1, "WER", "", "raw"),
            "WER 100.00 % [100.0, 100.0] (raw, 1 line)",
        ),
        (
            metrics.Rate(0, 0, 0, 0, 9, 13353, "CER", "train"),
            "CER 0.00 % [0.0, 0.0] (train, natural, 13,353 lines)",
        ),
    ],
)
def test_rate_prints_all_it_stands_on(rate: metrics.Rate, printed: str) -> None:
    assert str(rate) == printed


@settings(max_examples=80, deadline=None)
@given(pairs)
def test_confusions_add_up_to_the_edits(lines: list[tuple[str, str]]) -> None:
    predictions, truths = [p for p, _ in lines], [t for _, t in lines]
    found = metrics.confusions(predictions, truths, top=None)
    assert sum(count for *_, count in found) == sum(metrics.edits(p, t) for p, t in lines)
    assert all(true != read for true, read, _ in found)
    assert metrics.confusions(predictions, truths, top=2) == found[:2]


def test_confusions_name_truth_and_reading() -> None:
    assert metrics.confusions(["leter", "cot", "cots", "hot"], ["letter", "cat", "cat", "hat"]) == [
        ("a", "o", 3),
        ("", "s", 1),
        ("t", "", 1),
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.cer(["a"], ["a", "b"]), "1 predictions but 2 truths"),
        (lambda: metrics.cer("abc", "abd"), "lists of lines"),
        (lambda: metrics.cer([], []), "not defined"),
        (lambda: metrics.wer(["a"], [" "]), "WER of 1 lines whose truths are empty"),
        (lambda: metrics.rate([1, 2], [3]), "edit counts"),
        (lambda: metrics.rate([-1], [3]), "negative"),
        (lambda: metrics.rate([1], [3], samples=0), "bootstrap"),
        (lambda: metrics.rate([1], [3], groups=["a", "b"]), "1 lines but 2 groups"),
    ],
)
def test_mistakes_are_named(call: object, message: str) -> None:
    with pytest.raises(HtrError, match=message):
        call()  # type: ignore[operator]
