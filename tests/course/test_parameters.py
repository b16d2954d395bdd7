"""Notebook parameters and exercise checks: one clear line for every mistake."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htr_utils.course import exercises
from htr_utils.course.parameters import validate
from htr_utils.errors import HtrError


def test_good_values_come_back() -> None:
    run = validate(
        word=("to", "letters", 2, 4),
        frames=(np.int64(4), "int", 2, 8),
        rate=(1, "float", 0, None),
        quick=(False, "bool"),
        decoder=("beam", "choice", "greedy", "beam"),
        preset=("course", "choice", ["course", "reference"]),
        title=("", "text"),
        my_image=(None, "path"),
    )
    assert (run.word, run.frames, run.rate, run.quick, run.decoder) == ("to", 4, 1.0, False, "beam")
    assert isinstance(run.rate, float) and type(run.frames) is int and run.my_image is None


@pytest.mark.parametrize(
    ("specification", "message"),
    [
        ((10.0, "int", 2, 8), "x is 10.0 (float); allowed: a whole number from 2 to 8, written 10"),
        ((9, "int", 2, 8), "x is 9 (int); allowed: a whole number from 2 to 8"),
        ((-1, "int", 0, None), "x is -1 (int); allowed: a whole number of at least 0"),
        ((True, "int"), "x is True (bool); allowed: a whole number"),
        (("4", "int"), "x is '4' (str); allowed: a whole number"),
        (
            ("false", "bool"),
            "x is 'false' (str); allowed: True or False; papermill's -p passes text: use -y 'x: false'",
        ),
        ((0, "bool"), "x is 0 (int); allowed: True or False"),
        ((float("nan"), "float"), "x is nan (float); allowed: a number"),
        (("0.1", "float", 0, 1), "x is '0.1' (str); allowed: a number from 0 to 1"),
        ((2, "float", None, 1), "x is 2 (int); allowed: a number of at most 1"),
        (("greed", "choice", "greedy", "beam"), "x is 'greed' (str); allowed: 'greedy' or 'beam'"),
        ((True, "choice", 1, 2), "x is True (bool); allowed: 1 or 2"),
        (
            ("a", "letters", 2, 4),
            "x is 'a' (str); allowed: letters a-z or A-Z, a length from 2 to 4",
        ),
        (("a1", "letters", 2, 4), "x is 'a1' (str); allowed: letters a-z or A-Z, nothing else"),
        ((3, "text"), "x is 3 (int); allowed: text"),
        (
            ("no/such/file.png", "path"),
            "x is 'no/such/file.png' (str); allowed: None, or a path that exists",
        ),
        (
            ("~nobody-of-that-name/x", "path"),
            "x is '~nobody-of-that-name/x' (str); allowed: None, or a path that",
        ),
        (("", "path"), "x is '' (str); allowed: None, or the path of a file or folder"),
        ((1, "integer"), "x: no kind 'integer'"),
    ],
)
def test_bad_values_are_named(specification: tuple[Any, ...], message: str) -> None:
    with pytest.raises(HtrError) as caught:
        validate(x=specification)
    assert str(caught.value).startswith(f"parameter {message}")
    assert "\n" not in str(caught.value)


@given(
    value=st.one_of(
        st.integers(), st.floats(), st.text(), st.none(), st.booleans(), st.lists(st.integers())
    )
)
def test_any_value_passes_or_gives_one_line(value: Any) -> None:
    for kind, *limits in (
        ("int", 0, 9),
        ("float", 0, 1),
        ("bool",),
        ("letters", 1, 3),
        ("text", 0, 5),
    ):
        try:
            validate(x=(value, kind, *limits))
        except HtrError as error:
            assert "\n" not in str(error)


def test_a_path_comes_back_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my line.png").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert (
        validate(my_image=("my line.png", "path")).my_image == (tmp_path / "my line.png").resolve()
    )


def test_seed_makes_draws_repeatable() -> None:
    draws = []
    for _ in range(2):
        validate(seed=(7, "int", 0, None))
        draws.append((random.random(), np.random.rand()))  # noqa: NPY002
    assert draws[0] == draws[1]


def test_record_writes_only_into_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = validate(frames=(4, "int"), where=(str(tmp_path), "path"))
    run.record(loss=1.5)
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("HTR_RUN_DIR", str(tmp_path / "run"))
    run.record(loss=np.float32(1.5), curve=np.arange(2), worst=float("inf"))
    run.record(cer={"test": 0.25})
    content = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))
    assert content["parameters"]["frames"] == 4
    assert content["results"] == {
        "loss": 1.5,
        "curve": [0, 1],
        "worst": "inf",
        "cer": {"test": 0.25},
    }
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["metrics.json"]


# ---- exercises


def stub(label: str) -> int:
    """Smallest number of frames."""
    ...


def half(label: str) -> int:
    return len(label) if label != "letter" else None  # type: ignore[return-value]


def wrong(label: str) -> int:
    return len(label)


def raising(label: str) -> int:
    return 1 // (len(label) - 2)


def endless(label: str) -> int:
    return endless(label)


def right(label: str) -> int:
    return len(label) + sum(a == b for a, b in itertools.pairwise(label))


@pytest.mark.parametrize(
    ("answer", "start"),
    [
        (..., "to do"),
        (None, "to do"),
        ([1, ...], "to do"),
        (stub, "to do"),
        (right, "correct"),
        (wrong, "hint: try 'letter'"),
        (half, "hint: half returns nothing, at least for some inputs"),
        (raising, "hint: raising raises ZeroDivisionError ("),
        (endless, "hint: endless calls itself without end"),
        (7, "hint: this is not the kind of answer that is asked for (TypeError"),
        (len, "hint: try 'letter'"),
        (lambda: 3, "hint: <lambda> raises TypeError"),
    ],
)
def test_verdicts(answer: Any, start: str) -> None:
    assert exercises.verdict("07.2", answer).startswith(start)


def test_hint_names_the_line() -> None:
    assert "in line " in exercises.verdict("07.2", raising)
    assert "`return 1 // (len(label) - 2)`" in exercises.verdict("07.2", raising)


def test_check_prints(capsys: pytest.CaptureFixture[str]) -> None:
    exercises.check("07.2", ...)
    assert capsys.readouterr().out == "07.2: to do\n"


@pytest.mark.parametrize("number", ["07.99", "77.1", "x"])
def test_unknown_exercise(number: str) -> None:
    with pytest.raises(HtrError, match="no exercise"):
        exercises.check(number, 1)
