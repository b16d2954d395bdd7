"""A chapter as a notebook: found by number or name, read from its source (jupytext percent) or its notebook.

One source holds lesson and solution. In cells tagged `exercise` the lines from `# SOLUTION` to `# END` are
the solution; the lesson has `...` in their place. Cell ids follow from chapter and position.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from htr_utils import __version__, files
from htr_utils.errors import HtrError
from htr_utils.paths import repo_root
from htr_utils.quiet import hushed

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


START, END = "# SOLUTION", "# END"


def notebooks_folder() -> Path:
    """The folder `notebooks/` of the checkout; HtrError where there is no checkout."""
    root = repo_root()
    if root is None:
        raise HtrError(
            "no chapters beside this installation; clone the course to run or build them"
        )
    return root / "notebooks"


def find(
    names: Sequence[str] = (), folder: Path | None = None, pattern: str = "src/*.py"
) -> list[Path]:
    """Chapter files in order; `names` choose some by number or name ("07", "7", "07_ctc", a path).

    Raises:
        HtrError: a name fits no chapter.
    """
    folder = folder or notebooks_folder()
    files = sorted(file for file in folder.glob(pattern) if re.match(r"\d\d_", file.name))
    if not names:
        return files
    chosen = []
    for name in names:
        stem = Path(name).stem
        wanted = stem.zfill(2) if stem.isdigit() else stem
        fitting = [file for file in files if file.stem == wanted or file.stem[:2] == wanted]
        if not fitting:
            raise HtrError(
                f"no chapter {name!r}; there are: {', '.join(file.stem for file in files) or 'none'}"
            )
        chosen += fitting
    return chosen


def source_hash(text: str) -> str:
    """sha256 of a chapter's source, the same whatever the line endings."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode()).hexdigest()


def split_solution(source: str, where: str = "") -> tuple[str, str]:
    """An exercise cell as (lesson, solution): `...` for each marked block, and the blocks without markers.

    Raises:
        HtrError: markers without a partner.
    """
    lesson: list[str] = []
    solution: list[str] = []
    inside = False
    for line in source.split("\n"):
        mark = line.strip()
        if mark == (END if inside else START):
            inside = not inside
            if inside:
                lesson.append(line[: len(line) - len(line.lstrip())] + "...")
        elif mark in (START, END):
            raise HtrError(f"{where}: `{mark}` without its partner")
        else:
            solution.append(line)
            if not inside:
                lesson.append(line)
    if inside:
        raise HtrError(f"{where}: `{START}` without `{END}`")
    return "\n".join(lesson), "\n".join(solution)


def blank(source: Path, *, solution: bool = False, text: str | None = None) -> NotebookNode:
    """The notebook of a chapter before execution.

    Args:
        source: `NN_name.py` in percent format.
        solution: the exercises solved instead of stubs.
        text: what the source is to hold; without, what it holds.
    Raises:
        HtrError: no such file, no cells, or broken solution markers.
    """
    if not source.is_file():
        raise HtrError(f"no chapter source {source}")
    text = source.read_text(encoding="utf-8") if text is None else text
    notebook = jupytext.reads(text, fmt="py:percent")
    if not notebook.cells:
        raise HtrError(f"{source.name} has no cells; is it in percent format (`# %%`)?")
    for position, cell in enumerate(notebook.cells):
        cell["id"] = f"{source.stem[:2]}-{position:03d}"
        cell.metadata = {"tags": list(cell.metadata["tags"])} if cell.metadata.get("tags") else {}
        marked = any(line.strip() in (START, END) for line in cell.source.split("\n"))
        if marked and "exercise" not in cell.metadata.get("tags", []):
            raise HtrError(
                f"{source.name}, cell {position}: solution markers in a cell without the tag `exercise`"
            )
        if marked:
            cell.source = split_solution(cell.source, f"{source.name}, cell {position}")[solution]
    notebook.metadata = {
        "kernelspec": dict(KERNEL),
        "language_info": {"name": "python"},
        "htr": {"source_sha256": source_hash(text), "version": __version__},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return nbformat.from_dict(notebook)


def read(path: Path) -> NotebookNode:
    """A notebook file; HtrError where it does not read as one."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:
        # Whatever JSON there is instead, or none: after a merge, conflict markers.
        raise HtrError(
            f"{path.name} does not read as a notebook ({type(error).__name__}); build it anew: `make notebooks`"
        ) from error


def lesson(path: Path) -> NotebookNode:
    """A chapter as a notebook, from its notebook or from its source."""
    return blank(path) if path.suffix == ".py" else read(path)


@contextlib.contextmanager
def kernel_environment(**more: str) -> Iterator[None]:
    """The environment that every chapter's kernel starts with: quiet, hashing fixed, the package in reach."""
    root = repo_root()
    paths = [str(root)] if root else []
    settings = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "HTR_INTERACTIVE": "0",
        "PYTHONPATH": os.pathsep.join(paths + list(filter(None, [os.environ.get("PYTHONPATH")]))),
        **more,
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        # What kernels and TensorFlow say on stderr; a failing cell is reported otherwise.
        with hushed():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def save(notebook: NotebookNode, path: Path) -> None:
    """Write a valid notebook, whole or not at all."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, nbformat.writes(notebook, version=4).rstrip("\n") + "\n")
