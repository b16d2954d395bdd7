"""What counts as a line found, and how a page's text is scored, on pages small enough to count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htr_utils.text import metrics
from workshop.measure import page_score


def line(text: str, y: float, x0: float = 0, x1: float = 100, **more: str) -> dict:
    return {"text": text, "polygon": [[x0, y], [x1, y], [x1, y + 20], [x0, y + 20]], **more}


TRUTH = [line("one two", 0), line("three", 40), line("four", 80)]


def test_a_page_read_rightly_has_no_fault() -> None:
    counts = page_score.score(TRUTH, TRUTH)
    assert (counts["lines"], counts["found"], counts["lost"]) == (3, 3, 0)
    assert not any(counts[k] for k in ("doubled", "invented", "order", "edits", "word_errors"))
    assert counts["chars"] == len("one two three four") and counts["words"] == 4


def test_a_lost_line_counts_its_letters() -> None:
    counts = page_score.score(TRUTH, TRUTH[:2])
    assert (counts["found"], counts["lost"], counts["edits"]) == (2, 1, len(" four"))
    assert counts["line_edits"] == 0


def test_a_line_cut_in_two_is_found_once_and_doubled_once() -> None:
    halves = [line("one", 0, 0, 55), line("two", 0, 55, 100)]
    counts = page_score.score(TRUTH, [*halves, *TRUTH[1:]])
    assert (counts["found"], counts["doubled"], counts["invented"]) == (3, 1, 0)
    assert counts["edits"] == 0


def test_two_lines_in_one_box_are_one_found_and_one_merged() -> None:
    both = {"text": "one two three", "polygon": [0, 0, 100, 60]}
    counts = page_score.score(TRUTH, [both, TRUTH[2]])
    assert (counts["found"], counts["lost"], counts["merged"]) == (2, 1, 1)


def test_what_lies_on_nothing_is_invented_and_print_does_not_count() -> None:
    printed = line("LETTERHEAD", 200, kind="printed")
    counts = page_score.score([*TRUTH, printed], [*TRUTH, line("LETTERHEAD", 200), line("x", 300)])
    assert (counts["lines"], counts["invented"], counts["edits"]) == (3, 1, len(" x"))


def test_the_order_counts_the_lines_to_be_moved() -> None:
    counts = page_score.score(TRUTH, [TRUTH[2], TRUTH[0], TRUTH[1]])
    assert counts["order"] == 1 and counts["word_errors"] == 0


def test_a_line_without_a_polygon_is_known_by_its_text() -> None:
    counts = page_score.score(TRUTH, [{"text": "thre", "polygon": None}])
    assert (counts["found"], counts["lost"]) == (1, 2)


@pytest.mark.parametrize(
    ("truth", "reading", "wrong"),
    [
        ("a [?] b", "a anything b", 0),
        ("a [?] b", "a b", 1),
        ("[?]", "x" * 17, 1),
        ("a # b", "a b", 0),
    ],
)
def test_what_nobody_can_read_costs_nothing(truth: str, reading: str, wrong: int) -> None:
    made = page_score.edits(page_score.plain(truth, truth=True), page_score.plain(reading))
    assert made == wrong


def test_folding_drops_case_and_accents_and_signs_are_made_plain() -> None:
    assert (
        page_score.plain("\u201c\u00c9t\u00e9\u201d \u2013 Caf\u00e9", fold=True) == '"ete" - cafe'
    )


@given(st.text("ab ", max_size=12), st.text("ab ", max_size=12))
def test_without_wildcards_it_is_the_edit_distance(truth: str, reading: str) -> None:
    assert page_score.edits(truth, reading) == metrics.edits(reading, truth)
    with_wild = page_score.edits(truth + "\uffff", reading)
    assert with_wild <= page_score.edits(truth, reading)
