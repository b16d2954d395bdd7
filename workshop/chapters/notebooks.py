"""Chapters: from their source (`notebooks/src/NN_name.py`, jupytext percent) to executed notebooks, and back.

One source holds lesson and solution. In cells tagged `exercise` the lines from `# SOLUTION` to `# END` are
the solution; the lesson has `...` in their place. Cell ids follow from chapter and position, and whatever
differs between two executions of the same code is left out, so that a rebuild changes only what changed.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode

from htr_utils import files
from htr_utils.cli.one_line import one_line
from htr_utils.course import exercises
from htr_utils.errors import HtrError
from htr_utils.paths import repo_root
from htr_utils.runs.chapter_files import blank, find, kernel_environment, read, save

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
SEALED = (
    "htr_utils/course/exercises/solutions.txt"  # what `solution(...)` shows to whoever learns alone
)


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
    known = (Path.home(), Path.cwd(), tempfile.gettempdir(), sys.prefix, repo_root() or sys.prefix)
    places = {str(place) for place in known if len(str(place)) > 3}
    cells = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("text", "") + "".join(output.get("traceback", []))
            data = output.get("data", {})
            text += "".join(str(data[kind]) for kind in data if kind.startswith("text/"))
            cells += [f"cell {cell.id}: {place}" for place in places if place in text]
    return cells


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
            outputs = ((c.id, o) for c in notebook.cells for o in c.get("outputs", []))
            where = next((cell for cell, o in outputs if o.output_type == "error"), "?")
            print(_ANSI.sub("", error.traceback), file=sys.stderr)
            raise HtrError(f"{name}, cell {where}: {error.ename}: {error.evalue}") from None
        except CellTimeoutError:
            raise HtrError(f"{name}: a cell ran longer than {timeout} s") from None
        except DeadKernelError:
            raise HtrError(f"{name}: the kernel died (out of memory?)") from None
    strip(notebook)
    shown = machine_paths(notebook)
    if shown:
        raise HtrError(
            f"{name}: an output shows a folder of this machine ({shown[0]}); print a relative path"
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


def solved(sources: Sequence[Path]) -> dict[str, str]:
    """Number -> solved cell of each exercise whose check stands in these sources."""
    found: dict[str, str] = {}
    code = ""
    for cell in (cell for source in sources for cell in blank(source, solution=True).cells):
        if "exercise" in cell.metadata.get("tags", []):
            code = cell.source
        if "check" in cell.metadata.get("tags", []):
            found |= dict.fromkeys(re.findall(r'\bcheck\("(\d\d\.\d+)"', cell.source), code)
    return found


def seal() -> None:
    """Write every solution into the package, where they are not there as the sources have them."""
    wanted = solved(find())
    if exercises.unsealed() != wanted:
        rows = (
            f"{number} {base64.b64encode(zlib.compress(code.encode(), 9)).decode()}\n"
            for number, code in wanted.items()
        )
        files.write_text(exercises.SEALED, "".join(rows))


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


@one_line
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
    seal()
    failed = build_all(options.names, force=options.force, solutions=options.solutions)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
