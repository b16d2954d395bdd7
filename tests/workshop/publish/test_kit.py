"""What is handed out: the student's zip holds no solution and stands alone, the lecturer's holds all of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files
from tests.helpers.chapters import ROOT, SOURCES
from tests.helpers.small_chapter import CHAPTER
from workshop.chapters import links, notebooks
from workshop.publish import kit


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A checkout with one small chapter, built but not run."""
    root = tmp_path / "course"
    source = root / "notebooks" / "src" / "07_small.py"
    source.parent.mkdir(parents=True)
    source.write_text(CHAPTER, encoding="utf-8")
    for name in (
        "data/ascii",
        "model",
        "htr_utils/__pycache__",
        "workshop",
        "docs/lecturer",
        "docs/guide",
    ):
        (root / name).mkdir(parents=True)
    (root / "data" / "README.md").write_text("# Data\n", encoding="utf-8")
    (root / "htr_utils" / "x.py").write_text("frames = 3\n", encoding="utf-8")
    (root / "workshop" / "setup.py").write_text("frames = 3\n", encoding="utf-8")
    (root / "htr_utils" / "__pycache__" / "x.pyc").write_bytes(b"x")
    for name in (
        "docs/guide/glossary.md",
        "docs/guide/bibliography.md",
        "docs/lecturer/README.md",
        "LICENSE",
    ):
        (root / name).write_text("# Words\n", encoding="utf-8")
    chapter_files.save(chapter_files.blank(source), notebooks.target(source))
    return root


def inside(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_student_zip(course: Path, tmp_path: Path) -> None:
    first, second = (kit.student(tmp_path / name, course) for name in ("a.zip", "b.zip"))
    assert first.read_bytes() == second.read_bytes()
    names = {name.removeprefix("handwriting/") for name in inside(first)}
    assert {
        "notebooks/07_small.ipynb",
        "htr_utils/x.py",
        "workshop/setup.py",
        "data/README.md",
        "docs/guide/glossary.md",
    } <= names
    assert not [
        name for name in names if "src/" in name or "lecturer" in name or name.endswith(".pyc")
    ]
    assert b"doubled" not in b"".join(inside(first).values())


def test_solutions_zip(course: Path, tmp_path: Path) -> None:
    content = inside(kit.solutions(tmp_path / "s.zip", course, run=False))
    assert b"doubled" in content["handwriting/notebooks/solutions/07_small.ipynb"]
    assert "handwriting/notebooks/src/07_small.py" in content
    assert "handwriting/docs/lecturer/README.md" in content
    assert (
        "7.2 · A word that does not fit | 5 |" in content["handwriting/README-lecturer.md"].decode()
    )


def test_a_wrong_solution_is_not_packed(course: Path, tmp_path: Path) -> None:
    source = course / "notebooks" / "src" / "07_small.py"
    source.write_text(CHAPTER.replace("+ doubled", "- doubled"), encoding="utf-8")
    with pytest.raises(HtrError, match=r"07_small: a solution is not accepted: 07\.2: hint"):
        kit.solutions(tmp_path / "s.zip", course)
    assert not (tmp_path / "s.zip").exists()


def test_a_wrong_solution_is_not_packed_by_whatever_it_was_built(
    course: Path, tmp_path: Path
) -> None:
    """`make notebooks --solutions` builds the solved chapters too, and asks no check."""
    source = course / "notebooks" / "src" / "07_small.py"
    notebook = chapter_files.blank(source, solution=True)
    for said, accepted in (("07.2: correct", True), ("07.2: hint", False)):
        notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text=said + "\n")]
        chapter_files.save(notebook, notebooks.target(source, solution=True))
        assert not notebooks.stale(source, solution=True)
        if accepted:
            assert kit.solutions(tmp_path / "right.zip", course, run=False).is_file()
    with pytest.raises(HtrError, match=r"07_small: a solution is not accepted: 07\.2: hint"):
        kit.solutions(tmp_path / "wrong.zip", course, run=False)
    assert not (tmp_path / "wrong.zip").exists()


@pytest.mark.parametrize(
    "name", ["notebooks/07_small.ipynb", "htr_utils/x.py", "docs/guide/glossary.md"]
)
def test_a_solution_in_any_file_stops_the_student_zip(
    course: Path, tmp_path: Path, name: str
) -> None:
    secret = "doubled = sum(a == b for a, b in zip(label, label[1:]))"
    path = course / name
    if path.suffix == ".ipynb":
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text=secret + "\n")]
        chapter_files.save(notebook, path)
    else:
        path.write_text(f"# {secret}\n", encoding="utf-8")
    with pytest.raises(HtrError, match=re.escape(name)):
        kit.student(tmp_path / "a.zip", course)
    assert not (tmp_path / "a.zip").exists()


def test_an_old_notebook_is_refused(course: Path, tmp_path: Path) -> None:
    source = course / "notebooks" / "src" / "07_small.py"
    source.write_text(CHAPTER.replace("seed: int = 0", "seed: int = 1"), encoding="utf-8")
    with pytest.raises(HtrError, match="07_small: not built from the source"):
        kit.student(tmp_path / "a.zip", course)


# ---- the real course


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The student's zip of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("kit")
    with zipfile.ZipFile(kit.student(folder / "student.zip", ROOT)) as archive:
        archive.extractall(folder)
    return folder / "handwriting"


def test_there_is_something_to_hide() -> None:
    assert len(kit.secrets(SOURCES)) >= 3 * len(SOURCES)


def test_student_zip_of_the_course_holds_no_solution(real: Path) -> None:
    secret = kit.secrets(SOURCES)
    content = {
        path.relative_to(real).as_posix(): path.read_bytes()
        for path in real.rglob("*")
        if path.is_file()
    }
    assert kit.leaks(content, secret) == []
    assert notebooks.SEALED not in content and (ROOT / notebooks.SEALED).is_file()
    said = [
        line
        for p in real.glob("notebooks/*.ipynb")
        for line in kit.said_by_checks(chapter_files.lesson(p))
    ]
    assert said and all(line.endswith(": to do") for line in said)


def test_student_zip_of_the_course_stands_alone(real: Path) -> None:
    """Every link in it leads somewhere in it, and the package there knows its chapters, data and model."""
    broken = []
    pages = [path for path in real.rglob("*.md") if path.parent.name != "static"]  # no templates
    for path in [*pages, *real.glob("notebooks/*.ipynb")]:
        for _, target in links.targets(links.prose(path)):
            name = target.partition("#")[0]
            if name and not re.match(r"[a-z]+:", name) and not (path.parent / name).exists():
                broken.append(f"{path.relative_to(real)}: {target}")
    assert broken == []
    code = (
        "from htr_utils import paths; from htr_utils.lines import iam; from htr_utils.runs.chapter_files import find\n"
        "print(paths.repo_root(), paths.model_file('course'), len(iam.read().lines), len(find(pattern='*.ipynb')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=real,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": "."},
    )
    assert done.returncode == 0, done.stderr
    root, model, lines, chapters = done.stdout.split()
    assert Path(root) == real and Path(model).is_relative_to(real)
    assert int(lines) > 1000 and int(chapters) == len(SOURCES)


def test_the_chapter_that_opens_records_runs_from_the_student_zip(real: Path) -> None:
    """No link leads to what a chapter opens by itself: once the zip lacked it, and Experiments stopped there."""
    chapter = nbformat.read(next(real.glob("notebooks/13_*.ipynb")), as_version=4)
    code = "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "code")
    env = os.environ | {"PYTHONPATH": str(real), "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-"],
        input=code,
        cwd=real / "notebooks",
        capture_output=True,
        text=True,
        env=env,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_no_output_of_a_solution_is_in_the_student_zip(real: Path, tmp_path: Path) -> None:
    """Each chapter solved and run: what it prints and the lesson does not is nowhere in the student's files."""
    everything = "\n".join(
        kit._text(path.name, path.read_bytes())
        for path in real.rglob("*")
        if path.suffix in kit.PLAIN
    )
    for source in SOURCES:
        solved = notebooks.build(source, solution=True)
        for cell in solved.cells:
            if not {"exercise", "check"} & set(cell.metadata.get("tags", [])):
                continue
            for output in cell.outputs:
                for line in output.get("text", "").splitlines():
                    assert line not in everything.splitlines(), (
                        f"{source.stem}, cell {cell.id}: {line!r}"
                    )
