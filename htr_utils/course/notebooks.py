"""Chapters: from their source (`notebooks/src/NN_name.py`, jupytext percent) to executed notebooks, and back.

One source holds lesson and solution. In cells tagged `exercise` the lines from `# SOLUTION` to `# END` are
the solution; the lesson has `...` in their place. Cell ids follow from chapter and position, and whatever
differs between two executions of the same code is left out, so that a rebuild changes only what changed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import re
import sys
import tempfile
import time
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
_START, _END = "# SOLUTION", "# END"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


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
    """Chapter files in order; `names` choose some by number or name ("06", "6", "06_ctc", a path).

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
        if mark == (_END if inside else _START):
            inside = not inside
            if inside:
                lesson.append(line[: len(line) - len(line.lstrip())] + "...")
        elif mark in (_START, _END):
            raise HtrError(f"{where}: `{mark}` without its partner")
        else:
            solution.append(line)
            if not inside:
                lesson.append(line)
    if inside:
        raise HtrError(f"{where}: `{_START}` without `{_END}`")
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
        marked = any(line.strip() in (_START, _END) for line in cell.source.split("\n"))
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
    except (
        Exception
    ) as error:  # whatever JSON there is instead, or none: after a merge, conflict markers
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
        with (
            hushed()
        ):  # what kernels and TensorFlow say on stderr; a failing cell is reported otherwise
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def strip(notebook: NotebookNode) -> None:
    """Leave out, in place, what differs from run to run: times, stderr, widget state."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}
    count = 0
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        kept = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in kept:
            if output.output_type == "execute_result":
                output.execution_count = count
            data = output.get("data", {})
            data.pop("application/vnd.jupyter.widget-view+json", None)
            if "image/png" in data:
                alone = {"alt": output.metadata.get("image/png", {}).get("alt", "")}
                output.metadata = {"image/png": alone}
                data["image/png"] = data["image/png"].replace("\n", "")
        cell.outputs = [output for output in kept if output.get("data", True)]


def machine_paths(notebook: NotebookNode) -> list[str]:
    """Cells whose text output names a folder of this machine, as "cell 06-004: /home/..."."""
    places = {
        str(Path.home()),
        str(Path.cwd()),
        tempfile.gettempdir(),
        sys.prefix,
        str(repo_root() or sys.prefix),
    }
    places = {place for place in places if len(place) > 3}
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("text", "") + "".join(output.get("traceback", []))
            text += "".join(
                str(v) for k, v in output.get("data", {}).items() if k.startswith("text/")
            )
            found += [f"cell {cell.id}: {place}" for place in places if place in text]
    return found


def execute(notebook: NotebookNode, name: str, timeout: int = 900) -> NotebookNode:
    """Run a notebook in place, in an empty folder of its own, and strip it.

    Raises:
        HtrError: a cell failed; one line with the cell and the exception.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    with tempfile.TemporaryDirectory(prefix="htr-build-") as folder, kernel_environment():
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
            record_timing=False,
            coalesce_streams=True,
        )
        try:
            client.execute()
        except CellExecutionError as error:
            failed = next(
                (
                    c
                    for c in notebook.cells
                    if any(o.output_type == "error" for o in c.get("outputs", []))
                ),
                None,
            )
            where = failed.id if failed is not None else "?"
            print(_ANSI.sub("", error.traceback), file=sys.stderr)
            raise HtrError(f"{name}, cell {where}: {error.ename}: {error.evalue}") from None
        except CellTimeoutError:
            raise HtrError(f"{name}: a cell ran longer than {timeout} s") from None
        except DeadKernelError:
            raise HtrError(f"{name}: the kernel died (out of memory?)") from None
    strip(notebook)
    found = machine_paths(notebook)
    if found:
        raise HtrError(
            f"{name}: an output shows a folder of this machine ({found[0]}); print a relative path"
        )
    return notebook


def build(source: Path, *, solution: bool = False, run: bool = True) -> NotebookNode:
    """The finished notebook of a chapter: `blank`, then (unless `run` is False) `execute`."""
    notebook = blank(source, solution=solution)
    return execute(notebook, source.stem) if run else notebook


def target(source: Path, *, solution: bool = False) -> Path:
    """Where a chapter's notebook is committed."""
    folder = source.parent.parent
    return (folder / "solutions" if solution else folder) / f"{source.stem}.ipynb"


def stale(source: Path, *, solution: bool = False) -> bool:
    """Whether the committed notebook is missing, broken, or came from another source or package version."""
    path = target(source, solution=solution)
    if not path.is_file():
        return True
    try:
        made_from = read(path).metadata.get("htr", {})
    except HtrError:
        return True
    return made_from != blank(source, solution=solution).metadata["htr"]


def save(notebook: NotebookNode, path: Path) -> None:
    """Write a valid notebook, whole or not at all."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, nbformat.writes(notebook, version=4).rstrip("\n") + "\n")


def build_all(names: Sequence[str], *, force: bool = False, solutions: bool = False) -> int:
    """Rebuild what is out of date, with a line for each chapter; returns how many failed."""
    failures = 0
    for source in find(names):
        for solution in (False, True) if solutions else (False,):
            label = f"{source.stem}{' (solutions)' if solution else ''}"
            if not force and not stale(source, solution=solution):
                print(f"{label:<40} up to date", flush=True)
                continue
            print(f"{label:<40} ", end="", flush=True)
            begin = time.monotonic()
            try:
                notebook = build(source, solution=solution)
                save(notebook, target(source, solution=solution))
            except HtrError as error:
                failures += 1
                print(f"failed\nerror: {error}", flush=True)
                continue
            size = target(source, solution=solution).stat().st_size / 1024
            print(f"built in {time.monotonic() - begin:.0f} s, {size:.0f} KB", flush=True)
    return failures


def main(arguments: Sequence[str] | None = None) -> int:
    """`notebooks [chapter ...] [--force] [--solutions]`."""
    parser = argparse.ArgumentParser(
        prog="python -m htr_utils notebooks",
        description="Rebuild the chapters whose source changed.",
    )
    parser.add_argument("names", nargs="*", help="chapters by number or name; all without")
    parser.add_argument("--force", action="store_true", help="also those that are up to date")
    parser.add_argument("--solutions", action="store_true", help="also notebooks/solutions/")
    options = parser.parse_args(arguments)
    try:
        return (
            1 if build_all(options.names, force=options.force, solutions=options.solutions) else 0
        )
    except HtrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
