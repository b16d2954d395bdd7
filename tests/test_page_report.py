"""The published figures of pages: their tables, and what an interval is drawn over."""

from __future__ import annotations

import pytest

from htr_utils.course import page_report
from htr_utils.course.page_bench import Count


def test_an_interval_holds_its_figure_and_is_one_point_where_pages_agree():
    same = [Count(10, 10, 9, 0, 1, 1, 1)] * 5
    assert page_report.interval(same, lambda count: count.f1, 0) == "90.00 [90.0, 90.0]"
    mixed = [Count(10, 10, 10, 0, 0, 1, 1), Count(10, 10, 0, 0, 10, 1, 1)]
    assert page_report.interval(mixed, lambda count: count.lost / count.true, 0) == "50.00 [0.0, 100.0]"


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
    assert "1.00 %" in page_report._never(clean) and "found twice or lost" in page_report._never(clean)
    once = [*clean, Count(10, 10, 9, 1, 0, 1, 1)]
    assert page_report.never(once) == ["lost"]
