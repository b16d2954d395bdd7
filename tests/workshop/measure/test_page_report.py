"""The published figures of pages: their tables, and what an interval is drawn over."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from htr_utils.course.line_finding import Count
from htr_utils.lines import images
from workshop.measure import page_bench, page_report


def test_an_interval_holds_its_figure_and_is_one_point_where_pages_agree():
    same = [Count(10, 10, 9, 0, 1, 1, 1)] * 5
    assert page_report.interval(same, lambda count: count.f1, 0) == "90.00 [90.0, 90.0]"
    mixed = [Count(10, 10, 10, 0, 0, 1, 1), Count(10, 10, 0, 0, 10, 1, 1)]
    assert (
        page_report.interval(mixed, lambda count: count.lost / count.true, 0)
        == "50.00 [0.0, 100.0]"
    )


@pytest.mark.parametrize("read", [None, lambda crops: ["a b"] * len(crops)])
def test_both_finders_are_counted_on_the_same_pages(read):
    found = page_report.measure("plain", (3,), "test", read)
    assert found.counts["ridges"][0].true == found.counts["profile"][0].true > 5
    assert found.counts["ridges"][0].lost == 0
    text = page_report.tables({"plain": found}, 0)
    lines = found.counts["ridges"][0].true
    assert text.count(f"| plain | {lines} | 100.00 [100.0, 100.0] | 0.00 [0.0, 0.0] |") == 1
    assert f"| all | {lines} |" in text
    assert ("bag of words" in text) == (read is not None)
    if read is not None:
        assert len(found.texts) == 1 and len(found.given) == lines
        assert all(len(row.split("|")) == 6 for row in text.splitlines()[-3:])


def test_errors_that_never_happened_get_a_bound():
    """3 / 300 = 1 %; the exact bound, 1 - 0.05 ** (1 / 300), is 0.99 %."""
    clean = [Count(150, 150, 150, 0, 0, 1, 1)] * 2
    assert "1.00 %" in page_report._never(clean) and "found twice or lost" in page_report._never(
        clean
    )
    once = [*clean, Count(10, 10, 9, 1, 0, 1, 1)]
    assert page_report.never(once) == ["lost"]


def test_pages_of_real_lines_take_one_hand_and_fold_its_accents(tmp_path):
    rows = []
    for number in range(24):
        grey = np.full((60, 500), 240, np.uint8)
        cv2.putText(
            grey, "una folha", (20 + number, 40), cv2.FONT_HERSHEY_SCRIPT_COMPLEX, 1.2, 40, 2
        )
        images.save(tmp_path / f"{number}.png", grey)
        rows.append(f"{number}.png\t{'ab'[number % 2]}\tu\u00e0 {'ab'[number % 2]}")
    (tmp_path / "transcriptions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    found = page_report.measure(
        "plain", (1, 2), "test", lambda crops: ["x"] * len(crops), str(tmp_path), {"b", "no"}
    )
    assert {text for _, page in found.texts for text in page.splitlines()} == {"ua b"}
    with_all = page_report.measure(
        "plain", range(8), "test", lambda crops: ["x"] * len(crops), str(tmp_path)
    )
    pages = [set(page.splitlines()) for _, page in with_all.texts]
    assert all(len(page) == 1 for page in pages) and set.union(*pages) == {"ua a", "ua b"}
    assert sum(found.counts["ridges"], Count()).lost == 0


@pytest.mark.parametrize(
    ("tool", "words", "said"),
    [
        (page_report, "--pages 0", "--pages 0: from 1 to 10 of each kind"),
        (page_report, "--pages 11", "--pages 11: from 1 to 10 of each kind"),
        (page_report, "--kinds nonsense", "no kind of page 'nonsense'"),
        (page_report, "--only nowhere.txt", "nowhere.txt cannot be read"),
        (page_bench, "--kinds nonsense", "no kind of page 'nonsense'"),
    ],
)
def test_a_mistake_is_one_line(tool, words, said, monkeypatch, capsys):
    model = ["--model", ""] if tool is page_report else []
    monkeypatch.setattr(sys, "argv", ["x", *model, *words.split()])
    assert tool.main() == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: {said}") and error.count("\n") == 1
