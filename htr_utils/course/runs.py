"""Runs: a chapter executed by papermill with given parameters, and the whole course."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from htr_utils import files
from htr_utils.course.command import one_line
from htr_utils.course.html import describe, index_page, write_page
from htr_utils.course.notebooks import blank, find, kernel_environment, notebooks_folder, save
from htr_utils.course.parameters import CHECKPOINT, refuse_unknown
from htr_utils.errors import HtrError
from htr_utils.quiet import hushed

LINES_SHOWN = 5
_ALONE = threading.Lock()


class PeakMemory:
    """Samples the memory of this process's descendants that start while it is open.

    Attributes:
        mb: the greatest sum of their resident memory so far, in MB (10**6 bytes).
    """

    def __init__(self, parent: int | None = None, every: float = 0.2) -> None:
        self.mb = 0.0
        self._parent, self._every = parent or os.getpid(), every
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._old: set[int] = set()
        self._seen: set[int] = set()

    def __enter__(self) -> PeakMemory:
        self._old = {process.pid for process in self._children()}
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()

    def _children(self) -> list[Any]:
        import psutil

        try:
            return psutil.Process(self._parent).children(recursive=True)
        except psutil.Error:
            return []

    def _watch(self) -> None:
        import psutil

        while not self._end.is_set():
            total, running = 0, self._children()
            # A process counts from its second sample on: between fork and exec it still shows
            # the memory of the one that starts it.
            counted = self._seen - self._old
            self._seen = {process.pid for process in running}
            for process in running:
                if process.pid in counted:
                    try:
                        total += process.memory_info().rss
                    except psutil.Error:
                        continue
            self.mb = max(self.mb, total / 1e6)
            self._end.wait(self._every)


@dataclass(frozen=True)
class RunResult:
    """One run of a chapter. `error` is "" where it went through, else one line."""

    name: str
    notebook: Path
    folder: Path
    seconds: float
    peak_mb: float
    error: str = ""


def find_notebook(chapter: str | Path) -> Path:
    """A chapter by path, number or name: its notebook, or its source where that is given or is all there is.

    Raises:
        HtrError: there is no such chapter.
    """
    path = Path(chapter)
    if path.suffix in (".ipynb", ".py"):
        if path.is_file():
            return path.resolve()
        raise HtrError(f"no chapter {path}")
    try:
        return find([str(chapter)], pattern="*.ipynb")[0]
    except HtrError:
        return find([str(chapter)])[0]


def run_chapter(
    chapter: str | Path,
    parameters: Mapping[str, Any] | None = None,
    out: str | Path = "runs",
    *,
    timeout: int = 3600,
    environment: Mapping[str, str] | None = None,
    go_on: bool = False,
) -> RunResult:
    """Run one chapter with papermill.

    Args:
        chapter: number ("06"), name ("06_ctc"), or the path of a notebook or of a source.
        parameters: values for the names in its parameters cell.
        out: folder for the executed notebook `NN_name.ipynb`; the chapter itself runs in the new, empty
            folder `work/NN_name/` below it (but for `go_on`), where `metrics.json` goes.
        timeout: seconds for one cell.
        environment: variables that its kernel gets beside the usual ones.
        go_on: keep the checkpoints that an interrupted run left in its folder.
    Returns:
        Times and memory; a chapter that fails has `error` set and its notebook written as far as it got.
    Raises:
        HtrError: no such chapter or parameter (before anything is run).
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    logging.getLogger("papermill").setLevel(logging.ERROR)
    source = find_notebook(chapter)
    parameters = dict(parameters or {})
    out = Path(out).resolve()
    folder = out / "work" / source.stem
    notebook = source
    if source.suffix == ".py":
        out.mkdir(parents=True, exist_ok=True)
        notebook = out / f".{source.stem}.lesson.ipynb"
        save(blank(source), notebook)
    try:
        known = papermill.inspect_notebook(str(notebook))
        refuse_unknown(source.stem, parameters, known)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.iterdir():
            if left.is_dir() and not left.is_symlink():
                if not (go_on and left.name == CHECKPOINT):
                    shutil.rmtree(left)
            else:
                left.unlink()
        output = out / f"{source.stem}.ipynb"
        error = ""
        begin = time.monotonic()
        # One after the other in a process: a kernel inherits its environment, which the threads of a worker share.
        with (
            _ALONE,
            kernel_environment(**(environment or {}), HTR_RUN_DIR=str(folder)),
            PeakMemory() as memory,
        ):
            begin = time.monotonic()
            try:
                papermill.execute_notebook(
                    str(notebook),
                    str(output),
                    parameters=parameters,
                    kernel_name="python3",
                    cwd=str(folder),
                    progress_bar=False,
                    execution_timeout=timeout,
                )
            except papermill.PapermillExecutionError as failed:
                error = f"{failed.ename}: {' '.join(str(failed.evalue).split())} (cell {failed.cell_index})"
            except CellTimeoutError:
                error = f"a cell ran longer than {timeout} s"
            except DeadKernelError:
                error = "the kernel died (out of memory?)"
        return RunResult(source.stem, output, folder, time.monotonic() - begin, memory.mb, error)
    finally:
        if notebook != source:
            notebook.unlink(missing_ok=True)


def course(out: str | Path = "runs/course", names: Sequence[str] = ()) -> list[RunResult]:
    """Run chapters in order at their defaults into `out`: notebooks, pages, index.html; a line for each.

    A chapter that fails is reported and the rest go on.

    Raises:
        HtrError: there are no chapters, or none of that name.
    """
    out = Path(out).resolve()
    chapters = find(names, pattern="*.ipynb")
    if not chapters:
        raise HtrError(
            f"no notebooks in {notebooks_folder().name}/; build them with `make notebooks`"
        )
    out.mkdir(parents=True, exist_ok=True)
    results, cards = [], []
    for position, chapter in enumerate(chapters, 1):
        print(f"{position:>2}/{len(chapters)}  {chapter.stem:<28}", end="", flush=True)
        result = run_chapter(chapter, out=out)
        results.append(result)
        line = f"{result.seconds:.0f} s, {result.peak_mb:,.0f} MB"
        print(
            f"{result.seconds:5.0f} s {result.peak_mb:7,.0f} MB{'   FAILED' if result.error else ''}",
            flush=True,
        )
        if result.error:
            print(f"       {result.error}\n       see {_near(result.notebook)}", flush=True)
        if result.notebook.is_file():
            card = write_page(result.notebook, out / f"{result.name}.html")
        else:
            card = describe(blank(chapter.parent / "src" / f"{chapter.stem}.py"), chapter.stem)
        cards.append((card, result.error or line, not result.error))
    files.write_text(out / "index.html", index_page(cards))
    return results


def _near(path: Path) -> Path:
    """A path as seen from the current folder, where that is shorter."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def show_readings(count: int = LINES_SHOWN) -> None:
    """Print what the trained model reads in test lines and in the samples, without and with spell correction.

    Raises:
        HtrError: no model or no data.
    """
    from htr_utils import Recognizer
    from htr_utils.lines import iam
    from htr_utils.paths import samples
    from htr_utils.text.spelling import Speller, without_with

    with hushed():
        recognizer = Recognizer.load("course")
    speller = Speller(mode="fast")
    lines = iam.read().split("test")
    step = max(1, len(lines) // count)
    chosen = [(f"test line {line.id}", line.path, line.text) for line in lines[::step][:count]]
    chosen += [(f"sample {path.name}", path, "") for path in samples()]
    for label, path, truth in chosen:
        reading = recognizer.read(path)
        print(f"\n{label}")
        if truth:
            print(f"Written            : {truth}")
        print(without_with(reading.text, speller.correct(reading.text)))


@one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """`course [chapter ...] [--out FOLDER] [--table FILE]`."""
    parser = argparse.ArgumentParser(
        prog="python -m htr_utils course", description="Run the chapters in order."
    )
    parser.add_argument("chapters", nargs="*", help="by number or name; all without")
    parser.add_argument(
        "--out", default="runs/course", help="where the results go (default: %(default)s)"
    )
    parser.add_argument(
        "--table", metavar="FILE", help="also write time and memory of each chapter, in Markdown"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    begin = time.monotonic()
    print("Running each chapter at its quick defaults", flush=True)
    results = course(options.out, options.chapters)
    failed = [result.name for result in results if result.error]
    if options.table:
        from htr_utils.course import costs

        print(*costs.write(results, Path(options.table)), sep="\n")
    try:
        show_readings()
    except HtrError as error:
        failed.append("reading lines")
        print(f"error: {error}", file=sys.stderr)
    where = _near(Path(options.out).resolve())
    print(f"\n{len(results)} chapters in {(time.monotonic() - begin) / 60:.1f} minutes.")
    print(f"Open {where / 'index.html'} in a browser; the executed notebooks are beside it.")
    print("To work in the chapters: make lab (or python -m htr_utils lab).")
    if failed:
        print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
