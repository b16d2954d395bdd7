"""Chapter 10: its exercise checks and its figures."""

from __future__ import annotations

import numpy as np
import pytest

from htr_utils.course.exercises import verdict
from htr_utils.text.metrics import cer


def pooled(edits: list[int], lengths: list[int]) -> float:
    return sum(edits) / sum(lengths)


def mean_of_lines(edits: list[int], lengths: list[int]) -> float:
    return float(np.mean([e / n for e, n in zip(edits, lengths, strict=True)]))


def paired(before: list[int], after: list[int], seed: int) -> tuple[float, float]:
    gain = np.array(before) - np.array(after)
    means = gain[np.random.default_rng(seed).integers(len(gain), size=(1000, len(gain)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def unpaired(before: list[int], after: list[int], seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    draws = [rng.choice(before, len(before)).mean() - rng.choice(after, len(after)).mean() for _ in range(99)]
    return float(np.percentile(draws, 2.5)), float(np.percentile(draws, 97.5))


def leak(train: list[str], test: list[str]) -> float:
    return sum(writer in set(train) for writer in test) / len(test)


@pytest.mark.parametrize(
    ("number", "right", "wrong"),
    [
        ("10.1", "writers", ["lines", 3]),
        ("10.2", pooled, [mean_of_lines, lambda e, n: 100 * pooled(e, n)]),
        ("10.3", paired, [unpaired, lambda b, a, s: paired(a, b, s)]),
        (
            "10.5",
            lambda items, size: [items[start : start + size] for start in range(0, len(items), size)],
            [
                lambda items, size: [items[n * size : (n + 1) * size] for n in range(len(items) // size)],
                lambda items, size: [items[n * size : (n + 1) * size] for n in range(len(items) // size + 1)],
            ],
        ),
        ("10.4", leak, [lambda a, b: len(set(a) & set(b)) / len(set(b)), lambda a, b: 1.0]),
    ],
)
def test_checks(number: str, right: object, wrong: list[object]) -> None:
    assert verdict(number, ...) == "to do"
    assert verdict(number, right) == "correct"
    hints = [verdict(number, answer) for answer in wrong]
    assert all(hint.startswith("hint: ") for hint in hints) and len(set(hints)) == len(hints)


def test_figures_take_little(capsys: pytest.CaptureFixture[str]) -> None:
    """One writer, one character, and no misread character at all."""
    from htr_utils.course.plots import errors

    alt = "Points and bars that stand for error rates, drawn for a test."
    perfect = cer(["a b"], ["a b"])
    errors.writers({"w": perfect}, whole=perfect, alt=alt)
    errors.characters({"a": (0, 1)}, alt=alt)
    errors.crops([], [], alt=alt)
    assert "0 misread characters" in capsys.readouterr().out
