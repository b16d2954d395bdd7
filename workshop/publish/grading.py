"""A chapter as an nbgrader assignment: exercises become solution cells, checks become graded cells with hidden tests.

The class sees what it sees in the course ("to do", a hint, "correct"); at grading nbgrader puts the hidden line
back, which fails unless the check says "correct". A point is a minute that the chapter announces.
"""

from __future__ import annotations

import contextlib
import copy
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.quiet import hushed
from htr_utils.runs import chapter_files
from workshop.publish import kit

# The stub stands inside brackets in some exercises, where nbgrader's own `raise` would be no Python.
CONFIG = """# Written by `python -m htr_utils classroom nbgrader`; add what you like, the command leaves it alone.
c = get_config()
c.ClearSolutions.code_stub = {"python": "..."}
c.ExecutePreprocessor.timeout = 900
c.Execute.timeout = 900
"""
_CHECK = re.compile(r"check\(\"(\d\d\.\d+)\",\s*(.+?)\)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Assignment:
    """What was made. `solved` and `released` say what became of the tests in either version."""

    name: str
    folder: Path
    exercises: int
    points: int
    solved: str
    released: str
    valid: bool


def _meta(grade_id: str, *, points: int | None = None) -> dict[str, Any]:
    graded = points is not None
    meta = {"grade_id": grade_id, "schema_version": 3, "cell_type": "code", "task": False}
    meta |= {"grade": graded, "locked": graded, "solution": not graded}
    return {**meta, "points": points} if graded else meta


def source_notebook(source: Path) -> NotebookNode:
    """The lecturer's version of a chapter: solutions between nbgrader's markers, checks with hidden tests.

    Raises:
        HtrError: the chapter has no exercise that is checked.
    """
    notebook = chapter_files.blank(source, solution=True)
    marked = _with_markers(source)
    # "7.2" -> "07.2".
    minutes = {number.zfill(4): time for number, _, time, _ in kit.exercises(source)}
    count = 0
    for cell, with_marks in zip(notebook.cells, marked, strict=True):
        tags = cell.metadata.get("tags", [])
        if "exercise" in tags:
            count += 1
            cell.source = with_marks
            cell.metadata["nbgrader"] = _meta(f"exercise-{count}")
        elif "check" in tags:
            checks = _CHECK.findall(cell.source)
            if not checks:
                raise HtrError(
                    f'{source.stem}, cell {cell.id}: no `check("NN.n", answer)` to grade'
                )
            tests = [
                f'assert verdict("{number}", {answer}) == "correct"' for number, answer in checks
            ]
            tests.insert(0, "from htr_utils.course.exercises import verdict")
            marks = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"
            cell.source = "\n".join([cell.source, marks[0], *tests, marks[1]])
            points = sum(minutes.get(number, 1) for number, _ in checks)
            cell.metadata["nbgrader"] = _meta(
                f"check-{checks[0][0].replace('.', '-')}", points=points
            )
    if not count:
        raise HtrError(f"{source.stem} has no exercises to grade")
    return notebook


def _with_markers(source: Path) -> list[str]:
    """The cells' sources, each solution between nbgrader's markers."""
    import jupytext

    cells = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent").cells
    swapped = []
    for cell in cells:
        text = re.sub(
            r"^(\s*)# SOLUTION$", r"\1### BEGIN SOLUTION", cell.source, flags=re.MULTILINE
        )
        swapped.append(re.sub(r"^(\s*)# END$", r"\1### END SOLUTION", text, flags=re.MULTILINE))
    return swapped


def _config(folder: Path) -> Any:
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
    config.ClearSolutions.code_stub = {"python": "..."}
    config.ExecutePreprocessor.timeout = 900
    config.Execute.timeout = 900
    return config


def _failing(notebook: Path, config: Any) -> list[str]:
    """Ids of the graded cells that fail when a notebook is run as nbgrader validates it."""
    from nbgrader.validator import Validator

    with chapter_files.kernel_environment():
        report = Validator(config=config).validate(str(notebook))
    if report.get("changed") or report.get("type_changed"):
        raise HtrError(f"{notebook.name}: nbgrader finds changed cells; make the assignment again")
    return [str(failure.get("source", "")) for failure in report.get("failed", [])]


@contextlib.contextmanager
def _beside_python() -> Iterator[None]:
    """nbgrader starts `alembic` by its name, which is found only where this environment's programs are."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join(filter(None, [str(Path(sys.executable).parent), before]))
    try:
        yield
    finally:
        os.environ["PATH"] = before


def assignment(chapter: str, folder: Path) -> Assignment:
    """Make and validate an assignment in an nbgrader course; an assignment of this name is made anew.

    Args:
        chapter: number or name.
        folder: the nbgrader course; made where it is missing.
    Raises:
        HtrError: no such chapter, or nbgrader refuses it.
    """
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.preprocessors import ClearSolutions

    (source,) = chapter_files.find([chapter])
    name, folder = source.stem, folder.resolve()
    notebook = source_notebook(source)
    mine = folder / "source" / name / f"{name}.ipynb"
    chapter_files.save(notebook, mine)
    if not (folder / "nbgrader_config.py").is_file():
        files.write_text(folder / "nbgrader_config.py", CONFIG)
    config = _config(folder)
    with hushed(), _beside_python():
        answer = NbGraderAPI(config=config).generate_assignment(name, force=True, create=True)
    if not answer["success"]:
        said = str(answer.get("error") or answer.get("log") or "").strip().splitlines()
        raise HtrError(f"nbgrader refuses {name}: {(said or ['no message'])[-1]}")
    released = nbformat.read(folder / "release" / name / f"{name}.ipynb", as_version=4)
    graded = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    wrong = _failing(mine, config)

    # The class's version with the hidden tests left in: each of them has to fail on the empty stubs.
    stubs, _ = ClearSolutions(config=config).preprocess(
        copy.deepcopy(notebook), {"language": "python"}
    )
    empty = folder / f".{name}.stubs.ipynb"
    try:
        chapter_files.save(stubs, empty)
        failing = _failing(empty, config)
    finally:
        empty.unlink(missing_ok=True)
    text = "\n".join(cell.source for cell in released.cells)
    given_away = [line for line in kit.secrets([source]) if line in text] + re.findall(
        "HIDDEN TESTS", text
    )
    return Assignment(
        name,
        folder,
        len(graded),
        sum(cell.metadata["nbgrader"]["points"] for cell in graded),
        f"{len(graded) - len(wrong)} of {len(graded)} tests pass",
        f"{len(failing)} of {len(graded)} tests fail on empty stubs, {len(given_away)} lines given away",
        not wrong and len(failing) == len(graded) and not given_away,
    )
