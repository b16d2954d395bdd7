"""The line that a chapter shows is chosen by a rule that always gives one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from htr_utils.course.choice import with_an_error

LONG = "a text of more than thirty characters"


def reader(
    wrong: list[int], texts: list[str] | None = None, sure: list[float] | None = None
) -> tuple[SimpleNamespace, list[SimpleNamespace]]:
    """A recogniser that makes so many errors in each line, and the lines; paths are the lines' numbers."""
    texts = texts or [LONG] * len(wrong)
    lines = [SimpleNamespace(path=place, text=text) for place, text in enumerate(texts)]

    def read(paths: list[int], decoder: str) -> list[SimpleNamespace]:
        letters = [[SimpleNamespace(confidence=sure[p])] if sure else [] for p in paths]
        return [
            SimpleNamespace(text=lines[p].text[wrong[p] :], characters=c)
            for p, c in zip(paths, letters, strict=True)
        ]

    return SimpleNamespace(read=read), lines


@pytest.mark.parametrize(
    ("wrong", "chosen"),
    [
        ([0, 9, 3, 1], 2),  # the first with few errors, not the one with fewest
        ([0, 9, 7, 0], 2),  # none with few: the least bad one
        ([0, 0, 0], 0),  # no error at all
        ([], 0),  # no line
    ],
)
def test_the_line_is_chosen_by_its_errors(wrong: list[int], chosen: int) -> None:
    assert with_an_error(*reader(wrong)) == chosen  # type: ignore[arg-type]


def test_the_least_sure_of_several_is_taken() -> None:
    assert with_an_error(*reader([1, 1, 1, 0, 9], sure=[0.9, 0.4, 0.7, 0.1, 0.1])) == 1  # type: ignore[arg-type]


def test_short_lines_are_passed_over() -> None:
    assert with_an_error(*reader([2, 2], ["short", LONG])) == 1  # type: ignore[arg-type]
    assert with_an_error(*reader([2, 2], ["short", "too"])) == 0  # type: ignore[arg-type]


def test_only_some_lines_are_read() -> None:
    recognizer, lines = reader([0] * 50 + [1] + [0] * 49)
    assert with_an_error(recognizer, lines, look_at=10) == 50  # type: ignore[arg-type]
    assert with_an_error(recognizer, lines, look_at=3) == 0  # type: ignore[arg-type]


def test_letters_taken_for_others_come_before_lost_spaces() -> None:
    """ "Start here" begins with a misread letter, not with a space too many, and with nothing crossed out."""
    texts = [
        "At 9:15 the bird left, on foot,",
        "The bird finally # left, on foot",
        "The cat sat down on the mat, alas",
    ]
    answers = [
        "At 9: 15 the bird left, on foot,",
        "The bird finally  left, on foot",
        "The cot sat down on the mat, alas",
    ]
    lines = [SimpleNamespace(path=place, text=text) for place, text in enumerate(texts)]

    def read(paths: list[int], decoder: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(text=answers[path], characters=[]) for path in paths]

    assert with_an_error(SimpleNamespace(read=read), lines) == 2  # type: ignore[arg-type]
