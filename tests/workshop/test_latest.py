"""`python -m htr_utils latest`: what it installs, runs and reports, with stand-ins for pip and pytest."""

from __future__ import annotations

import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.helpers.chapters import ROOT
from workshop import __main__ as verbs
from workshop import latest
from workshop import setup as bootstrap


def test_the_verb_hands_over_what_the_lock_holds() -> None:
    (command,) = verbs.commands("latest", ["-k", "metrics"], Path("python"), ROOT)
    assert command[2:] == [
        "workshop.latest",
        ",".join(bootstrap.LOCKED_EXTRAS),
        "-k",
        "metrics",
    ]


def test_the_report_says_what_differs_and_what_failed() -> None:
    locked = latest.pins(
        "numpy==2.0\nTyping_Extensions==4.1 ; python_version < '3.12'\n# no\nsame==1\n"
    )
    assert locked == {"numpy": "2.0", "typing-extensions": "4.1", "same": "1"}
    output = "...\nFAILED tests/test_x.py::test_y - AssertionError\n==== 1 failed, 3 passed in 2 s ====\n"
    day = datetime.date(2026, 1, 2)
    text = latest.report(locked, {"numpy": "2.1", "same": "1"}, 1, output, day)
    assert (
        "| numpy | 2.0 | 2.1 |" in text and "same" not in text and "1 of 2 packages differ" in text
    )
    assert (
        "Not all tests pass: 1 failed, 3 passed in 2 s" in text
        and "- FAILED tests/test_x.py::test_y" in text
    )
    assert "Failed" not in latest.report(locked, locked, 0, "3 passed", day)


@pytest.mark.parametrize("fails", [False, True])
def test_install_test_report(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "requirements.lock").write_text("numpy==2.0\n")
    (tmp_path / "runs" / "latest" / "venv").mkdir(parents=True)
    asked: list[list[str]] = []

    def pip(python: Path, arguments: list[str], log: Path) -> None:
        asked.append(arguments)
        if fails:
            raise bootstrap.SetupError("no build for numpy")

    def listen(command: list[str], folder: Path, heard: Any) -> tuple[int, str]:
        asked.append(command)
        return 0, "5 passed\n"

    monkeypatch.setattr(latest, "make_venv", bootstrap.venv_python)
    monkeypatch.setattr(latest, "run_pip", pip)
    monkeypatch.setattr(latest, "fix_opencv", lambda python, run: "opencv-python")
    monkeypatch.setattr(latest, "quietly", lambda command: SimpleNamespace(stdout="numpy==2.1\n"))
    monkeypatch.setattr(latest, "listen", listen)
    code = latest.main(["course,test", "-x"], tmp_path)
    assert asked[0][-1] == f"{tmp_path}[course,test]"
    if fails:
        assert code == 1 and "cannot be installed: no build for numpy" in capsys.readouterr().err
        return
    assert code == 0 and asked[-1][1:] == ["-m", "pytest", "-x"]
    text = (tmp_path / "runs" / "latest" / "report.md").read_text(encoding="utf-8")
    assert "| numpy | 2.0 | 2.1 |" in text and "All tests of `pytest -x` pass: 5 passed" in text


def test_it_tests_the_clone_that_it_lies_in() -> None:
    assert (latest.ROOT / "requirements.lock").is_file() and callable(latest.fix_opencv)
