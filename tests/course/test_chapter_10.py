"""The chapter "Spell correction": its exercise checks and its figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from htr_utils.text.corrections import Report
from htr_utils.text.metrics import cer, edits, wer


def mended_broken(before: str, after: str, truth: str) -> tuple[int, int]:
    words = list(zip(before.split(), after.split(), truth.split(), strict=True))
    return sum(a != t and b == t for a, b, t in words), sum(a == t and b != t for a, b, t in words)


def whole_line(before: str, after: str, truth: str) -> tuple[int, int]:
    """Wrong: takes the line for one word."""
    return int(before != truth and after == truth), int(before == truth and after != truth)


def by_letters(before: str, after: str, truth: str) -> tuple[int, int]:
    """Wrong: a word that came closer counts as mended."""
    pairs = list(zip(before.split(), after.split(), truth.split(), strict=True))
    gains = [edits(a, t) - edits(b, t) for a, b, t in pairs]
    return sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)


def looks_alike(before: str, after: str, pairs: set[tuple[str, str]]) -> bool:
    if len(before) != len(after):
        return False
    return all(
        a == b or (a, b) in pairs or (b, a) in pairs for a, b in zip(before, after, strict=True)
    )


def one_order(before: str, after: str, pairs: set[tuple[str, str]]) -> bool:
    return len(before) == len(after) and all(
        a == b or (a, b) in pairs for a, b in zip(before, after, strict=True)
    )


def harm(texts: list[str], correct: Callable[[str], str]) -> float:
    words = [word for text in texts for word in text.split()]
    return sum(correct(word) != word for word in words) / len(words)


ANSWERS: list[tuple[str, Any, list[Any]]] = [
    ("10.1", {"wbich", "Hedley"}, [{"wbich"}, {"wbich", "Hedley", "1960s"}, {"table"}, 2]),
    ("10.2", mended_broken, [whole_line, by_letters, lambda b, a, t: (0, 0)]),
    ("10.3", looks_alike, [lambda b, a, p: len(b) == len(a), one_order]),
    (
        "10.4",
        harm,
        [lambda texts, correct: 0.0, lambda texts, correct: harm(texts[:1], correct)],
    ),
]


def test_figures_take_empty_answers(capsys: pytest.CaptureFixture[str]) -> None:
    """A strong model leaves nothing to change, and a rare word has no candidates."""
    from htr_utils.course.plots import spelling

    alt = "Bars that stand for counts of words, drawn for a test."
    spelling.candidates("xqzv", {"one": {}, "two": {}}, alt=alt)
    spelling.outcomes({"library": {}, "gated": {}}, ("helped", "neither", "harmed"), alt=alt)
    perfect = (cer(["a b"], ["a b"]), wer(["a b"], ["a b"]))
    spelling.rates({"none": perfect, "gated": perfect}, alt=alt)
    assert "gated: 0 helped, 0 neither, 0 harmed" in capsys.readouterr().out


def test_figures_of_confidence_and_margin(capsys: pytest.CaptureFixture[str]) -> None:
    from htr_utils.course.plots import spelling

    right = np.array([True, True, False, True])
    spelling.reliability(
        {"boaster": (np.full(4, 0.99), right), "honest": (np.full(4, 0.75), right)}
    )
    told = (
        capsys.readouterr().out
    )  # the sentence for those who do not see it says which curve is nearer
    assert "honest < boaster" in told and "is the one 'honest'" in told
    reports = [
        Report("", 9, 1, 1, 1, 1, 9, mended, broken, 0.1)
        for mended, broken in ((9, 3), (6, 1), (3, 0))
    ]
    spelling.margin_curve([0.0, 1.0, 2.0], reports)
    assert "2 of 3 margins" in capsys.readouterr().out
