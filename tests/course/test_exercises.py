"""Every exercise of the course: its stub says "to do", its right answer is correct, wrong ones get hints of their own.

The answers stand in `test_chapter_NN.py`: in `RIGHT` and in `WRONG`, there perhaps with a part of the hint, or in
`ANSWERS`, where from "Decoding" on every wrong answer gets another hint. An exercise without them is noticed.
"""

from __future__ import annotations
import __future__

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from htr_utils.course import exercises
from htr_utils.course.exercises import check, solution, unsealed, verdict
from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files, sweeps
from tests.course import test_chapter_05_06, test_chapter_10, test_chapter_12
from tests.course.test_chapter_11 import emptied
from tests.helpers.chapters import NOTEBOOKS, SOURCES
from workshop.chapters import notebooks
from workshop.publish import kit

EXERCISES = 4  # at least, in a chapter
WRONG_ANSWERS = 2  # at least, for an exercise; four in the chapters that were gone through again
FOUR = ("05.", "06.", "07.", "08.")
TOOLS = {
    "05.6": (test_chapter_05_06.told_apart,),
    "10.5": (test_chapter_10.damaged,),
    "12.6": (test_chapter_12.recorded,),
    "13.4": (sweeps.from_dict,),
}
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


@cache
def answers() -> tuple[dict[str, Any], dict[str, list[tuple[Any, str]]], set[str]]:
    """The right answer of each exercise, its wrong ones with a part of their hints, and where no hints are alike."""
    right: dict[str, Any] = {}
    wrong: dict[str, list[tuple[Any, str]]] = defaultdict(list)
    strict: set[str] = set()
    for path in sorted(Path(__file__).parent.glob("test_chapter_*.py")):
        module = importlib.import_module(f"tests.course.{path.stem}")
        right |= getattr(module, "RIGHT", {})
        for number, answer, *part in getattr(module, "WRONG", []):
            wrong[number].append((answer, *part, "")[:2])
        for number, good, bad in getattr(module, "ANSWERS", []):
            right[number] = good
            wrong[number] += [(answer, "") for answer in bad]
            strict |= {number} if number >= "09" else set()
    return right, wrong, strict


def said(number: str, answer: Any) -> str:
    """The verdict on an answer, with the tools that the chapter hands to this check."""
    return verdict(number, answer, *TOOLS.get(number, ()))


def cells(source: Path) -> list[tuple[str, str]]:
    """(number, code of the stub) of each exercise of a chapter, in order."""
    found, stub = [], ""
    for cell in chapter_files.blank(source).cells:
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags:
            stub = cell.source
        if "check" in tags:
            found += [
                (number, stub) for number in re.findall(r'\bcheck\("(\d\d\.\d+)"', cell.source)
            ]
    return found


NUMBERS = [(number, stub) for source in SOURCES for number, stub in cells(source)]
each_number = pytest.mark.parametrize("number", [number for number, _ in NUMBERS])


@each_source
def test_a_chapter_has_enough_exercises(source: Path) -> None:
    numbers = [number for number, _ in cells(source)]
    assert len(numbers) >= EXERCISES
    prefix = source.stem[:2]
    assert sorted(numbers) == [f"{prefix}.{n}" for n in range(1, len(numbers) + 1)]
    titles = re.findall(
        r"^# #+ Exercise (\d+\.\d+)", source.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(title.zfill(len(numbers[0])) for title in titles) == sorted(numbers)


@pytest.mark.parametrize(("number", "stub"), NUMBERS, ids=[number for number, _ in NUMBERS])
def test_stub_is_to_do(number: str, stub: str) -> None:
    """The stub as the learner gets it: the last statement of its cell, a function or a value."""
    *_, last = ast.parse(stub).body
    flags = __future__.annotations.compiler_flag
    space: dict[str, Any] = {"np": np}
    exec(compile(ast.Module([last], []), "stub", "exec", flags=flags), space)
    name = last.name if isinstance(last, ast.FunctionDef) else last.targets[0].id  # type: ignore[attr-defined]
    assert said(number, space[name]) == said(number, ...) == "to do"
    if callable(space[name]):
        assert said(number, lambda *_: ...) == said(number, lambda *_: None) == "to do"


@each_number
def test_right_answer_is_correct(number: str) -> None:
    right, *_ = answers()
    assert number in right, "name a right answer in tests/course/test_chapter_NN.py"
    assert said(number, right[number]) == "correct"


@each_number
def test_wrong_answers_get_hints_of_their_own(number: str) -> None:
    _, wrong, strict = answers()
    least = 4 if number.startswith(FOUR) else WRONG_ANSWERS
    assert len(wrong[number]) >= least, "name wrong answers in tests/course"
    hints = [said(number, answer) for answer, _ in wrong[number]]
    assert all(hint.startswith("hint: ") for hint in hints), hints
    assert all(part in hint for hint, (_, part) in zip(hints, wrong[number], strict=True)), hints
    different = len(hints) if number in strict else least
    assert len(set(hints)) >= different, f"one hint for several mistakes: {hints}"
    if number.startswith(
        ("00.", "03.")
    ):  # not so where the mistake lies in a case that was left out
        assert not [hint for hint in hints if "Error" in hint], "a wrong answer is no broken one"


def test_no_lesson_holds_a_line_of_a_solution() -> None:
    secret = kit.secrets(SOURCES)
    assert len(secret) > 50
    lessons = {path.name: path.read_bytes() for path in NOTEBOOKS}
    assert kit.leaks(lessons, secret) == []
    line = next(iter(secret))
    notebook = nbformat.reads(lessons[NOTEBOOKS[0].name].decode(), as_version=4)
    notebook.cells[-1].source += f"\n{line}"
    assert kit.leaks({"a.ipynb": nbformat.writes(notebook).encode()}, secret)


def test_sealed_solutions_are_those_of_the_sources() -> None:
    assert unsealed() == notebooks.solved(SOURCES), "run `make notebooks`"
    assert [number for number, _ in NUMBERS] == list(unsealed())
    assert not kit.leaks({"a.txt": exercises.SEALED.read_bytes()}, kit.secrets(SOURCES))


def test_a_solution_is_shown_after_an_honest_try(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def shown(number: str) -> str:
        solution(number)
        return capsys.readouterr().out

    monkeypatch.setattr(exercises, "_tried", set())
    assert "try first" in shown("06.2")
    check("06.2", ...)
    check("06.3", answers()[0]["06.3"])
    assert "try first" in capsys.readouterr().out + shown("06.2")
    check("06.2", lambda inputs, units: 1)
    assert "hint" in capsys.readouterr().out
    assert shown("06.2") == shown("6.2") == notebooks.solved(SOURCES)["06.2"] + "\n"
    with pytest.raises(HtrError, match=r"no exercise '06\.9'"):
        solution("6.9")
    monkeypatch.setattr(exercises, "SEALED", tmp_path / "none.txt")
    assert "your lecturer" in shown("06.2")


def no_return(rates: list[float], limit: float = 0.9) -> int:
    max(rates)  # computed, and not given back


def without_end(items: list[int], size: int) -> Iterator[list[int]]:
    start = 0
    while True:
        yield items[start : start + size]
        start += size


# Answers that a check took for right: plausible mistakes, each with a word of its hint.
MISTAKES = [
    ("08.4", no_return, "return"),
    ("11.5", without_end, "without end"),
    ("11.5", emptied, "stay as it is"),
    (
        "01.6",
        lambda w, share: len(set(w[: round(share * len(w))]) & set(w[round(share * len(w)) :])),
        "",
    ),
    ("07.4", lambda widths, needed, step: int(np.sum(widths // step + 1 < needed)), ""),
    (
        "10.3",
        lambda a, b, pairs: (
            len(a) == len(b) and any(pair in pairs for pair in zip(a, b, strict=True))
        ),
        "",
    ),
    (
        "10.4",
        lambda texts, correct: np.mean(
            [correct(w) != w for w in {w for t in texts for w in t.split()}]
        ),
        "",
    ),
    (
        "13.4",
        {"chapter": "08", "grid": {"lines": [32, 64], "batch": [4, 8]}, "seeds": [0, 1, 2]},
        "values",
    ),
]


@pytest.mark.parametrize(("number", "answer", "word"), MISTAKES)
def test_a_plausible_mistake_is_no_right_answer(number: str, answer: Any, word: str) -> None:
    hint = said(number, answer)
    assert hint.startswith("hint: ") and word in hint


# Right answers that a check once refused for how they are written.
WAYS = [
    ("07.1", np.int64),
    ("08.1", np.float32),
    ("10.2", list),
    ("11.5", lambda right: lambda items, size: iter(right(items, size))),
]


@pytest.mark.parametrize(("number", "way"), WAYS, ids=[number for number, _ in WAYS])
def test_a_right_answer_may_be_written_in_another_way(number: str, way: Callable[..., Any]) -> None:
    right = answers()[0][number]
    if callable(right) and isinstance(way, type):
        assert said(number, lambda *given: way(right(*given))) == "correct"
    else:
        assert said(number, way(right)) == "correct"
