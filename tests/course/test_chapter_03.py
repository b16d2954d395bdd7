"""The exercises of the first chapter and of "Characters and metrics", and the way through its table of edits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htr_utils.course import statistics
from htr_utils.course.plots.measures import cheapest_way
from htr_utils.lines import iam
from htr_utils.text import metrics


def table(truth: str, reading: str) -> np.ndarray:
    """Distances of all beginnings, by the library."""
    rows = [
        [metrics.edits(reading[:j], truth[:i]) for j in range(len(reading) + 1)]
        for i in range(len(truth) + 1)
    ]
    return np.array(rows)


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_way_costs_the_distance(truth: str, reading: str) -> None:
    way, steps = cheapest_way(table(truth, reading), truth, reading)
    assert way[0] == (0, 0) and way[-1] == (len(truth), len(reading))
    assert sum(step != "keep" for step in steps) == metrics.edits(reading, truth)


def test_no_way_through_another_table() -> None:
    with pytest.raises(ValueError, match="no table of edit distances"):
        cheapest_way(np.full((3, 3), 7), "ab", "cd")


def test_what_an_interval_over_few_writers_holds() -> None:
    """Twelve writers: fewer than 95 % of bootstrap intervals hold the true rate, Student's t more of them; the rate of
    another twelve writers falls outside more often still."""
    rng = np.random.default_rng(3)
    sets, writers, samples = 600, 12, 400
    rates = rng.lognormal(np.log(0.08), 0.6, (2 * sets, writers))  # of each writer, of lines alike
    true = 0.08 * np.exp(0.6**2 / 2)
    mine, others = rates[:sets], rates[sets:].mean(axis=1)
    drawn = rng.integers(writers, size=(samples, writers))
    low, high = np.percentile(mine[:, drawn].mean(axis=2), (2.5, 97.5), axis=1)
    by_t = np.array([statistics.interval(one)[1:] for one in mine])
    holds = ((low < true) & (true < high)).mean()
    holds_t = ((by_t[:, 0] < true) & (true < by_t[:, 1])).mean()
    next_inside = ((low < others) & (others < high)).mean()
    assert 0.82 < holds < 0.93 and holds < holds_t < 0.95
    assert next_inside < holds - 0.05


def test_students_t_of_a_rate_is_centred_on_the_micro_rate() -> None:
    """The two lines of the chapter: writers' distances from the rate add up to nothing."""
    edits, length = np.array([5, 9, 40]), np.array([100, 90, 200])
    rate = edits.sum() / length.sum()
    mean, low, high = statistics.interval(rate + (edits - rate * length) / length.mean())
    assert mean == pytest.approx(rate) and low < rate < high


def test_mixed_spacing_costs_more_words_than_characters() -> None:
    test, raw = iam.read().split("test"), iam.read(spacing="raw").split("test")
    pair = [one.text for one in test], [one.text for one in raw]
    assert 3 * metrics.cer(*pair).value < metrics.wer(*pair).value


def test_the_two_cells_filled_by_hand() -> None:
    assert table("corner", "comer")[1, 1:3].tolist() == [0, 1]


def least_sure(reading: Any) -> tuple[str, float]:
    weakest = min(reading.characters, key=lambda character: character.confidence)
    return weakest.character, weakest.x


def surest(reading: Any) -> tuple[str, float]:
    weakest = max(reading.characters, key=lambda character: character.confidence)
    return weakest.character, weakest.x


def mean_of_lines(readings: list[str], truths: list[str]) -> float:
    return float(
        np.mean([metrics.edits(r, t) / len(t) for r, t in zip(readings, truths, strict=True)])
    )


def serve(
    uploads: list[bytes], load: Callable[[], Callable[[Path], str]], folder: Path
) -> list[str]:
    reader, texts = load(), []
    for upload in uploads:
        picture = folder / "upload.png"
        picture.write_bytes(upload)
        try:
            texts.append(reader(picture))
        finally:
            picture.unlink()
    return texts


def serve_carelessly(uploads: list[bytes], load: Any, folder: Path) -> list[str]:
    """Deletes, but not after a failure."""
    reader, texts = load(), []
    for upload in uploads:
        (folder / "upload.png").write_bytes(upload)
        texts.append(reader(folder / "upload.png"))
        (folder / "upload.png").unlink()
    return texts


def serve_keeping(uploads: list[bytes], load: Any, folder: Path) -> list[str]:
    reader, texts = load(), []
    for number, upload in enumerate(uploads):
        (folder / f"{number}.png").write_bytes(upload)
        texts.append(reader(folder / f"{number}.png"))
    return texts


def stub(*_: Any) -> Any:
    return ...


RIGHT: dict[str, Any] = {
    "00.1": 200,
    "00.2": least_sure,
    "00.3": lambda readings, truths: sum(r == t for r, t in zip(readings, truths, strict=True)),
    "00.4": lambda sure, right: max(
        (c for c, good in zip(sure, right, strict=True) if not good), default=0.0
    ),
    "00.5": serve,
    "00.6": lambda count, steps: (4.3, 69.8),  # test_first_network trains it
    "03.1": [1, 5.0],
    "03.2": metrics.word_edits,
    "03.3": lambda readings, truths: metrics.cer(readings, truths).value,
    "03.4": lambda lines, width, wanted: int(np.ceil(lines * (width / wanted) ** 2)),
    "03.5": ("banana", "a"),
    "03.6": lambda readings, truths: metrics.wer(readings, truths).value,
}
WRONG: list[tuple[str, Any]] = [
    ("00.1", 0),
    ("00.1", 100),
    ("00.2", surest),
    ("00.2", lambda reading: min(c.confidence for c in reading.characters)),
    ("00.3", lambda readings, truths: sum(r != t for r, t in zip(readings, truths, strict=True))),
    ("00.3", lambda readings, truths: len(set(readings) & set(truths))),
    ("00.4", lambda sure, right: min(c for c, good in zip(sure, right, strict=True) if good)),
    (
        "00.4",
        lambda sure, right: min(
            (c for c, good in zip(sure, right, strict=True) if not good), default=0.0
        ),
    ),
    ("00.4", lambda sure, right: sorted(sure)[-3] if not all(right) else 1.0),
    ("03.1", [100, 500]),
    ("03.1", [1, 6]),
    ("03.2", metrics.edits),
    ("03.2", lambda reading, truth: abs(len(reading.split()) - len(truth.split()))),
    ("03.3", mean_of_lines),
    ("03.3", lambda readings, truths: 100 * metrics.cer(readings, truths).value),
    ("03.4", lambda lines, width, wanted: round(lines * width / wanted)),
    ("03.4", lambda lines, width, wanted: int(lines * (width / wanted) ** 2)),
    ("00.5", serve_carelessly),
    ("00.5", serve_keeping),
    (
        "00.3",
        lambda readings, truths: sum(r.strip() == t for r, t in zip(readings, truths, strict=True)),
    ),
    ("00.6", lambda count, steps: (69.8, 4.3)),
    ("00.6", lambda count, steps: (0.043, 0.698)),
    ("00.6", lambda count, steps: (4.3, 4.9)),
    ("00.6", lambda count, steps: (94.0, 95.5)),
    ("00.6", lambda count, steps: 69.8),
    ("00.5", lambda uploads, load, folder: [serve([one], load, folder)[0] for one in uploads]),
    ("03.5", ("a", "banana")),
    ("03.5", ("bbbbbb", "a")),
    ("03.5", ("banana", "")),
    (
        "03.6",
        lambda rs, ts: float(
            np.mean([metrics.word_edits(r, t) for r, t in zip(rs, ts, strict=True)])
        ),
    ),
    ("03.6", lambda readings, truths: 100 * metrics.wer(readings, truths).value),
]
