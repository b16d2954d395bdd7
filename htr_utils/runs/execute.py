"""Runs: a chapter executed by papermill with given parameters, and the whole course."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from htr_utils.course.parameters import CHECKPOINT, refuse_unknown
from htr_utils.errors import HtrError
from htr_utils.runs.chapter_files import blank, find, kernel_environment, save

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
        chapter: number ("07"), name ("07_ctc"), or the path of a notebook or of a source.
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
