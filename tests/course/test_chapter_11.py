"""The chapter "Evaluation": its exercise checks and its figures."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from htr_utils.lines import iam
from htr_utils.text.metrics import cer
from tests.helpers.chapters import ROOT, stored_output


def pooled(edits: list[int], lengths: list[int]) -> float:
    return sum(edits) / sum(lengths)


def mean_of_lines(edits: list[int], lengths: list[int]) -> float:
    return float(np.mean([e / n for e, n in zip(edits, lengths, strict=True)]))


def paired(before: list[int], after: list[int], hands: list[str], seed: int) -> tuple[float, float]:
    gain, names, rng = (
        np.array(before) - np.array(after),
        sorted(set(hands)),
        np.random.default_rng(seed),
    )
    lines = {name: [n for n, hand in enumerate(hands) if hand == name] for name in names}
    drawn = [[n for name in rng.choice(names, len(names)) for n in lines[name]] for _ in range(200)]
    low, high = np.percentile([gain[rows].mean() for rows in drawn], [2.5, 97.5])
    return float(low), float(high)


def over_lines(
    before: list[int], after: list[int], hands: list[str], seed: int
) -> tuple[float, float]:
    return paired(before, after, [str(n) for n in range(len(before))], seed)


def mean_of_writers(
    before: list[int], after: list[int], hands: list[str], seed: int
) -> tuple[float, float]:
    gain, names = np.array(before) - np.array(after), sorted(set(hands))
    means = np.array(
        [
            np.mean([g for g, hand in zip(gain, hands, strict=True) if hand == name])
            for name in names
        ]
    )
    drawn = np.random.default_rng(seed).integers(len(names), size=(1000, len(names)))
    low, high = np.percentile(means[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def over_all(
    before: list[int], after: list[int], hands: list[str], seed: int
) -> tuple[float, float]:
    """Wrong: divides by all lines, not by those of the draw."""
    gain, names = np.array(before) - np.array(after), sorted(set(hands))
    sums = np.array(
        [sum(g for g, hand in zip(gain, hands, strict=True) if hand == name) for name in names]
    )
    drawn = np.random.default_rng(seed).integers(len(names), size=(1000, len(names)))
    low, high = np.percentile(sums[drawn].sum(axis=1) / len(gain), [2.5, 97.5])
    return float(low), float(high)


def unpaired(
    before: list[int], after: list[int], hands: list[str], seed: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    draws = [
        rng.choice(before, len(before)).mean() - rng.choice(after, len(after)).mean()
        for _ in range(99)
    ]
    return float(np.percentile(draws, 2.5)), float(np.percentile(draws, 97.5))


def emptied(items: list[int], size: int) -> list[list[int]]:
    made = []
    while items:
        made.append(items[:size])
        del items[:size]
    return made


def leak(train: list[str], test: list[str]) -> float:
    return sum(writer in set(train) for writer in test) / len(test)


ANSWERS: list[tuple[str, Any, list[Any]]] = [
    ("11.1", "writers", ["lines", "both", 3]),
    (
        "11.2",
        pooled,
        [
            mean_of_lines,
            lambda e, n: 100 * pooled(e, n),
            lambda e, n: sum(e) / len(n),
            lambda e, n: sum(n) / sum(e),
            lambda e, n: sum(e),
        ],
    ),
    (
        "11.3",
        paired,
        [
            unpaired,
            over_lines,
            over_all,
            mean_of_writers,
            lambda b, a, h, s: paired(a, b, h, s),
        ],
    ),
    (
        "11.5",
        lambda items, size: [items[start : start + size] for start in range(0, len(items), size)],
        [
            lambda items, size: [
                items[n * size : (n + 1) * size] for n in range(len(items) // size)
            ],
            lambda items, size: [
                items[n * size : (n + 1) * size] for n in range(len(items) // size + 1)
            ],
            emptied,
            lambda items, size: [items[n::size] for n in range(size)],
        ],
    ),
    (
        "11.4",
        leak,
        [
            lambda a, b: len(set(a) & set(b)) / len(set(b)),
            lambda a, b: 1.0,
            lambda a, b: 100 * leak(a, b),
            lambda a, b: leak(b, a),
        ],
    ),
]


def test_figures_take_little(capsys: pytest.CaptureFixture[str]) -> None:
    """One writer, no misread character at all, a line of which nothing was read."""
    from htr_utils.course.plots import errors

    perfect = cer(["a b"], ["a b"])
    errors.writers({"w": perfect}, whole=perfect)
    errors.crops([])
    errors.worst([(np.full((40, 200), 240, np.uint8), "a b", "")])
    assert "0 misread characters" in capsys.readouterr().out


# ---- what the chapter says, computed


def test_a_bootstrap_over_twelve_writers_is_too_narrow() -> None:
    """The share of 2,000 studies whose interval misses the rate for all people: it hangs on how unlike they are."""
    rng = np.random.default_rng(0)

    def missed(writers: np.ndarray, all_people: float) -> float:
        drawn = writers[:, rng.integers(12, size=(500, 12))].mean(axis=-1)  # (studies, draws)
        low, high = np.percentile(drawn, [2.5, 97.5], axis=1)
        return float(np.mean((low > all_people) | (high < all_people)))

    assert missed(rng.uniform(size=(2000, 12)), 0.5) == pytest.approx(0.08, abs=0.015)
    assert missed(rng.lognormal(0, 1, (2000, 12)), np.exp(0.5)) == pytest.approx(0.19, abs=0.02)


def test_what_the_chapter_says_of_its_numbers() -> None:
    """Length tells nothing, digits and marks are mended least, and new writers' gain stays above zero."""
    halves = re.findall(
        r"half: CER [\d.]+ % \[([\d.]+), ([\d.]+)\]", stored_output("11", "measures.line_rates")
    )
    (low, high), (other_low, other_high) = [tuple(map(float, pair)) for pair in halves]
    assert low < other_high and other_low < high
    found = re.findall(r"^(.*): (\d+) -> (\d+)$", stored_output("11", "mended = causes"), re.M)
    left = {name: int(after) / int(before) for name, before, after in found if int(before) > 9}
    assert max(left, key=left.__getitem__) == "a digit or a mark"
    assert left["letter for letter"] < 0.3


def test_a_shuffle_by_form_leaks_every_writer() -> None:
    lines = list(iam.read().lines.values())
    forms = sorted({line.id.rsplit("-", 1)[0] for line in lines})
    order = np.random.default_rng(0).permutation(len(forms))
    tested = {forms[n] for n in order[: len(forms) // 10]}
    sides: list[list[str]] = [[], []]
    for line in lines:
        sides[line.id.rsplit("-", 1)[0] in tested].append(line.writer_id)
    assert leak(*sides) == 1


def test_without_spaces_the_same_errors_make_a_higher_rate() -> None:
    texts, truths = ["a bcd ef"], ["a bcx ef"]
    without = [t.replace(" ", "") for t in texts], [t.replace(" ", "") for t in truths]
    assert cer(*without).value == 1 / 6 > cer(texts, truths).value == 1 / 8


def test_the_card_says_that_the_test_lines_decided() -> None:
    card = (ROOT / "model" / "course.md").read_text(encoding="utf-8")
    assert "five stages" in card and "looked at after each stage of the training" in card
