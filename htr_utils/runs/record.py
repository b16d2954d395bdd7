"""One run with its record: notebook, page, and `metrics.json` with all that is needed to do it again."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from htr_utils import __version__, files, paths
from htr_utils.course.parameters import CHECKPOINT
from htr_utils.errors import HtrError
from htr_utils.lines.opening import ENDINGS
from htr_utils.runs import execute, given
from htr_utils.runs.chapter_files import lesson
from htr_utils.runs.html import write_page
from htr_utils.runs.origin import machine, versions
from htr_utils.text import language, tuned

METRICS = "metrics.json"
_OURS = {"runs", "points", "work", "report"}  # folders of runs
_READ = {*ENDINGS, ".pdf", ".txt", ".tsv", ".csv", ".xml", ".json", ".lm"}
BEGUN = "begun.json"  # what an unfinished run was made from
# What sets the number of threads in the libraries that a chapter uses.
THREADS = (
    "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS TF_NUM_INTRAOP_THREADS "
    "TF_NUM_INTEROP_THREADS OPENCV_FOR_THREADS_NUM"
).split()


def key(parameters: Mapping[str, Any]) -> str:
    """A short name for a set of parameters, whatever their order."""
    text = json.dumps(dict(parameters), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def git_state() -> dict[str, Any] | None:
    """Commit of the checkout and whether something in it is changed; None without a checkout or without git."""
    root = paths.repo_root()
    if root is None:
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit, "changed": bool(changed)}


def _git(root: Path, *words: str) -> str:
    command = ["git", "--no-optional-locks", "-C", str(root), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def data_fingerprint(root: str | None) -> str | None:
    """A short hash of the lines of an IAM-layout folder: ids, texts, sizes of pictures; None without such a folder."""
    from htr_utils.evaluation import fingerprint
    from htr_utils.lines import iam

    try:
        lines = list(iam.read(root or None).lines.values())
    except HtrError:
        return None
    sizes = "".join(f"{line.path.stat().st_size if line.path.is_file() else 0} " for line in lines)
    return hashlib.sha256(f"{fingerprint(lines)} {sizes}".encode()).hexdigest()[:16]


def source_sha(path: Path) -> str:
    """What code a chapter runs: the hash of its source's cells, the same for notebook and source."""
    code = "\n\n".join(cell.source for cell in lesson(path).cells if cell.cell_type == "code")
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def listing(path: str | Path) -> str:
    """A short hash of a file's content, or of names, sizes and times of last change of the pictures and texts below a
    folder, without hidden files and what runs wrote."""
    place = Path(path)
    if place.is_file():
        return files.sha256(place)[:16]
    rows = []
    for below in sorted(place.rglob("*")):
        within = below.relative_to(place).parts
        ours = _OURS.intersection(within[:-1]) or any(part.startswith(".") for part in within)
        if below.suffix.lower() in _READ and below.is_file() and not ours:
            state = below.stat()
            rows.append(
                f"{below.relative_to(place).as_posix()}\t{state.st_size}\t{state.st_mtime_ns}"
            )
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()[:16]


@functools.cache
def package_sha() -> str:
    """A short hash of this package's sources."""
    root = Path(paths.__file__).parent
    paths_ = sorted(root.rglob("*.py"))
    rows = [f"{path.relative_to(root).as_posix()} {files.sha256(path)}" for path in paths_]
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def made_from(chapter: given.Chapter, values: Mapping[str, Any]) -> dict[str, Any]:
    """What else than its parameters a run's results depend on: its code, data, files that parameters name, models.

    The package itself counts by its version here; see `package_sha`. A chapter with a parameter `model` reads, so
    that the language model and its settings count too.

    Args:
        values: all parameters, checked; `data_root` names the data.
    """
    read: dict[str, str] = {}
    for name, its in chapter.parameters.items():
        value = values.get(name)
        if its.kind == "path" and name != "data_root" and isinstance(value, str) and value:
            read[name] = listing(value)
    if "model" in values:
        lm = language.find("en")
        try:
            model = paths.model_file(str(values["model"] or "course"))
        except HtrError:  # the run itself says what is wrong with it
            model = Path(str(values["model"]))
        settings = tuned.settings_file("en")
        for name, file in (("model", model), ("language model", lm), ("its settings", settings)):
            read[name] = files.sha256(file)[:16] if file.is_file() else ""
    return {
        "source": source_sha(chapter.path),
        "data": data_fingerprint(values.get("data_root")),
        "files": read,
        "package": __version__,
    }


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """The record of a run, or None where there is none that can be read."""
    try:
        record = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def run(
    chapter: str | Path,
    parameters: Mapping[str, Any],
    out: Path,
    *,
    timeout: int = 3600,
    threads: int | None = None,
) -> dict[str, Any]:
    """Run a chapter into the folder `out`: `NN_name.ipynb`, `NN_name.html` and `metrics.json`.

    Args:
        parameters: checked before anything is written. timeout: seconds for one cell.
        threads: for each library of the chapter; None leaves it to them.

    Returns:
        What is in `metrics.json`; its `error` is "" for a run that went through.

    Raises:
        HtrError: no such chapter, a parameter that it refuses, another run at work in the folder.
    """
    source = execute.find_notebook(chapter)
    about = given.Chapter(source)
    values = about.check(parameters)
    set_here = {name: values[name] for name in parameters}
    with files.alone(out, "run"):
        (out / METRICS).unlink(
            missing_ok=True
        )  # a run that is killed must not look like the last one
        pinned = {} if threads is None else dict.fromkeys(THREADS, str(threads))
        origin = made_from(about, values)
        begun = json.dumps([origin, package_sha(), values], default=str)
        marker = out / BEGUN
        go_on = marker.is_file() and marker.read_text(encoding="utf-8") == begun
        files.write_text(marker, begun)
        done = execute.run_chapter(
            source, set_here, out, timeout=timeout, environment=pinned, go_on=go_on
        )
        if not done.error:
            marker.unlink()
            for weights in (done.folder / CHECKPOINT).glob("*.npz"):  # its curves and logs stay
                weights.unlink()
        recorded = read_metrics(done.folder) or {}
        content = {
            "chapter": source.stem,
            **origin,
            "parameters": values,
            "given": set_here,
            "seed": values.get("seed"),
            "results": recorded.get("results", {}),
            "error": done.error,
            "seconds": round(done.seconds, 2),
            "peak_mb": round(done.peak_mb),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
            "git": git_state(),
            "package_sha": package_sha(),
            "machine": machine() | {"threads": threads},
        }
        if done.notebook.is_file():
            write_page(done.notebook, out / f"{done.name}.html")
        (done.folder / METRICS).unlink(missing_ok=True)
        for empty in (done.folder, out / "work"):  # files that the chapter wrote stay
            if not any(empty.iterdir()):
                empty.rmdir()
        files.write_text(
            out / METRICS, json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"
        )
        return content
