"""The table of what each chapter costs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from htr_utils.runs.execute import RunResult
from tests.helpers.chapters import ROOT, SOURCES
from workshop.measure import costs

TABLE = ROOT / "docs" / "measured" / "chapters.md"


def result(name: str, seconds: float, megabytes: float, error: str = "") -> RunResult:
    return RunResult(name, Path(f"{name}.ipynb"), Path("work"), seconds, megabytes, error)


def test_table_has_a_row_for_each_chapter_and_says_on_what_it_was_measured(tmp_path: Path) -> None:
    page = tmp_path / "chapters.md"
    assert costs.write([result("00_start", 20, 900), result("01_more", 40, 1100)], page) == []
    text = page.read_text(encoding="utf-8")
    assert "| 00_start | 20 | 900 |" in text and "| **mean** | 30 | 1,000 |" in text
    assert (
        "| **greatest** | 40 | 1,100 |" in text
        and "cores" in text
        and "All within the limits." in text
    )


def test_what_passes_a_limit_is_told(tmp_path: Path) -> None:
    slow = [
        result("00_a", 95, 900),
        result("01_b", 10, 2500),
        result("02_c", 40, 100, "KeyError: 1"),
    ]
    page = tmp_path / "chapters.md"
    assert costs.write(slow, page) == [
        "02_c failed",
        "00_a took 95 s",
        "01_b held 2,500 MB",
        "the mean is 48 s",
    ]
    assert "Over the limits: 02_c failed" in page.read_text(encoding="utf-8")


def test_published_table_is_of_these_chapters_and_within_the_limits() -> None:
    if not TABLE.is_file():
        pytest.skip('not measured yet: make course ARGS="--table docs/measured/chapters.md"')
    rows = re.findall(
        r"^\| (\d\d_\w+) \| (\d+) \| ([\d,]+) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [name for name, _, _ in rows] == [source.stem for source in SOURCES]
    assert all(int(seconds) <= costs.SECONDS for _, seconds, _ in rows)
    assert all(int(memory.replace(",", "")) <= costs.MEGABYTES for _, _, memory in rows)
    assert sum(int(seconds) for _, seconds, _ in rows) / len(rows) <= costs.MEAN_SECONDS + 1
