"""The chapter "Spell correction": its exercise checks and its figures."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from htr_utils import Recognizer
from htr_utils.course import policies
from htr_utils.course.plots import spelling
from htr_utils.lines import iam
from htr_utils.text.metrics import edits
from htr_utils.text.settings import Scale
from htr_utils.text.spelling import Speller
from tests.helpers.chapters import ROOT, stored_output


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


def as_sets(before: str, after: str, truth: str) -> tuple[int, int]:
    """Wrong: a word that stands twice is looked at once."""
    a, b, t = set(before.split()), set(after.split()), set(truth.split())
    return len((b & t) - a), len((a & t) - b)


def chained(before: str, after: str, pairs: set[tuple[str, str]]) -> bool:
    """Wrong: letters that look alike replaced in turn."""
    for a, b in pairs:
        before, after = before.replace(a, b), after.replace(a, b)
    return before == after


def one_is_enough(before: str, after: str, pairs: set[tuple[str, str]]) -> bool:
    """Wrong: one known pair lets everything pass."""
    both = pairs | {(b, a) for a, b in pairs}
    return before == after or (
        len(before) == len(after) and any(one in both for one in zip(before, after, strict=True))
    )


def shortest(before: str, after: str, pairs: set[tuple[str, str]]) -> bool:
    """Wrong: what the longer word has besides is not looked at."""
    both = pairs | {(b, a) for a, b in pairs}
    return all(a == b or (a, b) in both for a, b in zip(before, after, strict=False))


def share(words: list[str], correct: Callable[[str], str]) -> float:
    return sum(correct(word) != word for word in words) / len(words)


@functools.cache
def reader() -> Recognizer:
    return Recognizer.load("course")


@functools.cache
def damaged() -> policies.Read:
    """As the chapter hands them to the check of exercise 10.5."""
    return policies.hard(reader(), iam.read().split("test")[6::12])


def decoded(reading: Any, table: np.ndarray) -> str:
    [[best]] = reader().tuned.decode(table[None], [len(table)])
    return reader().charset.decode(best.ids).strip()


ANSWERS: list[tuple[str, Any, list[Any]]] = [
    (
        "10.1",
        {"wbich", "Hedley"},
        [
            {"wbich"},
            {"Hedley"},
            {"wbich", "Hedley", "wasps"},
            {"wbich", "Hedley", "1960s"},
            {"table"},
            2,
        ],
    ),
    (
        "10.2",
        mended_broken,
        [
            whole_line,
            by_letters,
            lambda b, a, t: (0, 0),
            lambda b, a, t: mended_broken(b, a, t)[::-1],
            as_sets,
        ],
    ),
    (
        "10.3",
        looks_alike,
        [lambda b, a, p: len(b) == len(a), one_order, chained, one_is_enough, shortest],
    ),
    (
        "10.4",
        harm,
        [
            lambda texts, correct: 0.0,
            lambda texts, correct: share([w for t in texts for w in set(t.split())], correct),
            lambda texts, correct: np.mean([share(t.split(), correct) for t in texts]),
            lambda texts, correct: share([w for t in texts for w in t.split(" ")], correct),
            lambda texts, correct: harm(texts, correct) * sum(len(t.split()) for t in texts),
            lambda texts, correct: harm(texts[:1], correct),
        ],
    ),
    (
        "10.5",
        decoded,
        [
            lambda reading, table: reading.text,
            lambda reading, table: Speller("fast").correct(reading.text).text,
            lambda reading, table: reading.text[::2],
            lambda reading, table: reading.text.replace("n", "u"),
            lambda reading, table: reader().correct(reading).text,
            lambda reading, table: reading,
        ],
    ),
]


printed = functools.partial(stored_output, "10")


def test_platt_scaling_is_not_temperature_scaling() -> None:
    """.6 with 79 equal rivals: .12 at temperature 2, .55 on the logistic curve; with one rival they agree."""
    frame = np.array([0.6] + [0.4 / 79] * 79) ** 0.5
    assert frame[0] / frame.sum() == pytest.approx(0.12, abs=0.005)
    assert Scale(2.0)(0.6) == pytest.approx(0.55, abs=0.005)
    two = np.array([0.6, 0.4]) ** 0.5
    assert two[0] / two.sum() == pytest.approx(Scale(2.0)(0.6))


def test_the_gate_asks_the_least_that_a_replaced_letter_can_cost_in_its_frame() -> None:
    frames = np.random.default_rng(0).dirichlet(np.ones(80) / 10, size=200)
    top = frames.argsort(axis=1)[:, ::-1]
    c, other = (frames[np.arange(200), top[:, rank]] for rank in (0, 1))
    sure = c < 0.99
    assert (np.log(c / other) >= np.log(c / (1 - c)) - 1e-9)[sure].all()


def test_what_the_chapter_says_of_its_numbers() -> None:
    """The library mends words of damaged lines and saves no characters to speak of; the exact ink is best."""
    told = printed("policies.compare")
    rate = {
        name: (float(before), float(after), int(mended), int(broken))
        for name, before, after, mended, broken in re.findall(
            r"^(.*?) +CER +([\d.]+) -> +([\d.]+).*mended +(\d+) +broken +(\d+)", told, re.M
        )
    }
    assert rate["ink, exactly"][1] < rate["package's gate"][1] < rate["package's gate"][0]
    low, high = re.findall(r"ink against .* between ([+-]\d+) and ([+-]\d+)", told)[0]
    assert int(low) <= 0 < int(high)
    mended, broken = rate["autocorrect fast"][2:]
    assert (
        mended > 5 * broken and abs(rate["autocorrect fast"][0] - rate["autocorrect fast"][1]) < 0.5
    )
    saved = [int(n) for n in re.findall(r"([+-]\d+) edits saved", told)]
    assert saved[0] >= 0 > saved[-1]
    own, _ = re.findall(r"between [+-]\d+ and ([+-]\d+)", printed("def saved"))
    assert int(own) < 0
    words = [word for line in iam.read().split("test") for word in line.text.split()]
    fast = Speller("fast")
    assert 0.01 < np.mean([fast.correct(word).text != word for word in words]) < 0.04


def test_the_misread_word_is_three_edits_away_and_two_edits_make_many_strings() -> None:
    assert edits("dioappoistmest", "disappointment") == 3
    source = (ROOT / "notebooks" / "src" / "10_spell_correction.py").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    start = source.index("import string")
    exec(source[start : source.index("for word in (", start)], names)
    one = names["edits1"]("hous")
    assert len(one) == 233 and "hous" not in one and "house" in one
    two = set().union(*map(names["edits1"], one))
    assert len(two) > 100 * len(one)


def test_the_options_printed_are_the_best_and_hold_the_truth() -> None:
    told = printed("policies.telling")
    words = re.findall(r"^(\w+) +ink", told, re.M)
    assert (
        words[0] == "coorying" and words[1] == "carrying" and " carrying " in told.splitlines()[0]
    )


def test_a_redrawn_calibration_error_lies_above_its_value() -> None:
    values = re.findall(r"([\d.]+) % \[([\d.]+), ([\d.]+)\]", printed("plots.reliability"))
    assert len(values) == 3
    assert all(float(v) - float(low) < (float(high) - float(v)) / 2 for v, low, high in values)


def test_figures_say_what_they_show(capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence for those who do not see a figure is made of what was drawn."""
    parts = {"ink": np.array([-2.0, -1.0]), "ink + language": np.array([3.0, 1.0])}
    spelling.gains("tbe", ["the", "tube"], parts)
    assert "first 'the' (ink -2.0, ink + language +3.0)" in capsys.readouterr().out
    right = np.array([True, True, False, True])
    groups = {"boaster": np.full(4, 0.99), "honest": np.full(4, 0.75)}
    spelling.reliability(groups, right, np.array([0, 0, 1, 1]))
    told = capsys.readouterr().out
    assert (
        "honest 0.0 %" in told and "is the one 'honest'" in told and "4 letters in 2 lines" in told
    )
