"""Running a notebook under nbval, measured; shared by the tests of the chapters."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from htr_utils.runs import chapter_files
from htr_utils.runs.execute import PeakMemory
from workshop.chapters import lint

HELPERS = Path(__file__).resolve().parent
ROOT = HELPERS.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
SOURCES = sorted((ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.py"))

# For each chapter, parameters that are not the defaults and still quick: run by papermill in `make test-all`,
# those of 03, which is the quickest, also in `make test`.
OTHER_PARAMETERS: dict[str, dict[str, object]] = {
    "00": {"line": 7, "others": 5},
    "01": {"line_number": 40, "seed": 2},
    "02": {"line_number": 12, "strength": 0.5, "seed": 3},
    "03": {"line": 7, "split": "validation", "worst": 0.3, "samples": 200},
    "04": {"examples": 900, "steps": 100, "few": 90, "seed": 1},
    "05": {"line_number": 5, "extra_padding": 64},
    "06": {"line_number": 5, "cells": 4, "toy_lines": 500},
    "07": {"word": "no", "frames": 3},
    "08": {"steps": 20, "epochs": 2, "lines": 16, "batch": 4},
    "09": {"lines": 5, "beam_width": 4, "seed": 3},
    "10": {"lines": 10, "unsure_below": 0.5, "seed": 2},
    "11": {"lines": 12, "seed": 2},
    "12": {"examples": 48, "rounds": 2, "epochs": 12, "frozen": True, "seed": 2},
    "13": {"seed": 3},
}


@dataclass(frozen=True)
class Measured:
    """What nbval said about a notebook, and what it took."""

    code: int
    output: str
    passed: int
    seconds: float
    peak_mb: float


def nbval(notebook: Path, folder: Path, **more: str) -> Measured:
    """Run a copy of `notebook`, alone in the empty `folder`, comparing every stored output.

    A notebook in which a claim has no stored output is refused: nothing would be compared. The memory is that of the
    kernel and what it starts, without pytest itself.

    Args:
        more: environment variables for the kernel.
    """
    assert not any(folder.iterdir()), "the working folder must be empty"
    vacuous = list(lint.unkept(nbformat.read(notebook, as_version=4)))
    assert not vacuous, "\n".join(vacuous)
    copy = shutil.copy(notebook, folder)
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT)])
    environment["PYTHONHASHSEED"] = "0"
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    environment["HTR_INTERACTIVE"] = "0"
    for name in ("HTR_RUN_DIR", "PYTEST_ADDOPTS", "MPLBACKEND"):
        environment.pop(name, None)
    environment.update(more)
    # A chapter needs no network: whatever tries is sent nowhere.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        environment[name] = "http://127.0.0.1:9"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-p",
        "tests.helpers.nbval_plugin",
    ]
    command += [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-q",
        "--color=no",
        "--rootdir",
        str(folder),
    ]
    command += [
        "-c",
        os.devnull,
        "--nbval-sanitize-with",
        str(HELPERS / "nbval_sanitize.cfg"),
        str(copy),
    ]
    begin = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with PeakMemory(process.pid) as memory:
        output, _ = process.communicate()
    passed = re.search(r"(\d+) passed", output)
    return Measured(
        process.returncode,
        output,
        int(passed[1]) if passed else 0,
        time.monotonic() - begin,
        memory.mb,
    )


def stored_output(number: str, part: str = "") -> str:
    """What a stored chapter ("07") printed; with `part`, in the one code cell that holds it."""
    [path] = [path for path in NOTEBOOKS if path.stem.startswith(f"{number}_")]
    cells = nbformat.read(path, as_version=4).cells
    cells = [cell for cell in cells if cell.cell_type == "code" and part in cell.source]
    assert not part or len(cells) == 1, f"{len(cells)} cells of {path.stem} hold {part!r}"
    outputs = [output for cell in cells for output in cell.outputs]
    return "\n".join(output.text for output in outputs if output.output_type == "stream")


def defined(number: str, name: str, **given: object) -> Any:
    """A function that a cell of a chapter's source ("07") defines at its top, run with the names given."""
    [path] = [path for path in SOURCES if path.stem.startswith(f"{number}_")]
    [source] = [
        cell.source
        for cell in chapter_files.blank(path).cells
        if cell.cell_type == "code" and f"\ndef {name}(" in f"\n{cell.source}"
    ]
    space: dict[str, Any] = {"np": np, **given}
    body = [node for node in ast.parse(source).body if not isinstance(node, ast.Assign)]
    exec(compile(ast.Module(body, []), path.name, "exec"), space)
    return space[name]
