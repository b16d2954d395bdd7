"""Measurements side by side: how fast each preset reads and trains, how well this model and its peers read.

Every measurement runs in a process of its own, so that memory, threads and warm caches of one cannot serve
another. `run` gives plain values; `markdown` and `figure` make the document of them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils import files, paths
from htr_utils.errors import HtrError
from htr_utils.lines.iam import Line
from htr_utils.recognizer import cores
from htr_utils.text import metrics
from htr_utils.text.charset import Charset
from workshop.measure import peers

BATCHES = (1, 32)
SAMPLES = 2000  # of the paired bootstrap
_LIMIT = 3600  # seconds that one measurement may take


@dataclass
class Job:
    """What is measured.

    models: names or paths whose reading is compared with the peers'. presets: whose speed is measured.
    lines: read by everybody. training: embedded lines for the presets' speed. python: interpreters that may hold peers.
    """

    models: Sequence[str]
    presets: Sequence[str]
    lines: Sequence[Line]
    training: Sequence[Line]
    python: Sequence[str] = ()
    peers: bool = True
    say: Callable[[str], None] = print
    rows: list[dict[str, Any]] = field(default_factory=list)


def run(job: Job) -> dict[str, Any]:
    """All measurements of a job: {"readers": [...], "differences": [...], "speed": [...], "machine": ...}."""
    names = [str(line.path) for line in job.lines]
    truths = [line.text for line in job.lines]
    groups = [line.writer_id or line.id for line in job.lines]
    threads = cores()
    readers = []
    for model in job.models:
        job.say(f"reading with {Path(model).stem}")
        found = _measure("read", {"model": model, "files": names, "batch": 32}, threads)
        digest = files.sha256(paths.model_file(model))[:12]
        said = f"greedy, batches of 32 of similar width; model {digest}"
        about = {"name": Path(model).stem, "version": "", "setting": said}
        readers.append({**about, **found, "scores": score(found["texts"], truths, groups)})
    for name, (python, version) in find_peers(job.python).items() if job.peers else ():
        job.say(f"reading with {peers.PEERS[name]}")
        tried = []
        for setting in peers.SETTINGS[name]:
            asked = {"files": names, "threads": threads, "setting": setting}
            one = _call([python, "-I", peers.__file__, name], asked, {})
            about = {"name": peers.PEERS[name], "version": version}
            said = f"{peers.ABOUT[name]}; {setting}"
            tried.append(
                {**about, "setting": said, **one, "scores": score(one["texts"], truths, groups)}
            )
        readers.append(min(tried, key=lambda one: one["scores"]["letters"]["value"]))
    for reader in readers:
        del reader["texts"]
        reader["lines_per_second"] = len(names) / reader["seconds"]
    speed = []
    for preset in job.presets:
        for batch in BATCHES:
            for count in sorted({1, threads}):
                job.say(f"speed of {preset}, batch {batch}, {count} thread{'s' * (count > 1)}")
                place: dict[str, Any] = {"preset": preset, "batch": batch, "threads": count}
                speed.append(place | _speed(job, preset, batch, count))
    missing = sorted(set(peers.PEERS.values()) - {reader["name"] for reader in readers})
    return {
        "readers": readers,
        "missing": missing if job.peers else [],
        "differences": differences(readers),
        "speed": speed,
        "lines": len(names),
        "documents": len(set(groups)),
        "machine": f"{threads} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "date": date.today().isoformat(),
    }


def _speed(job: Job, preset: str, batch: int, threads: int) -> dict[str, Any]:
    """Reading and training of a preset with random weights, which take as long as trained ones."""
    slow = preset == "reference"
    count = (8 if slow else 48) if batch == 1 else (32 if slow else 192)
    names = [str(line.path) for line in job.training[:count]]
    read = _measure("read", {"preset": preset, "files": names, "batch": batch}, threads)
    count = (12 if slow else 48) if batch == 1 else (192 if slow else 640)
    rows = [[str(line.path), line.text] for line in job.training[:count]]
    train = _measure("train", {"preset": preset, "lines": rows, "batch": batch}, threads)
    return {
        "parameters": read["parameters"],
        "read": len(names) / read["seconds"],
        "load": read["load"],
        "first": read["first"],
        "read_peak": read["peak"],
        "train": train["lines_per_second"],
        "train_peak": train["peak"],
    }


def find_peers(python: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Peers that are installed: name -> (interpreter that has it, version).

    Args:
        python: further interpreters to ask, before this one.

    Raises:
        HtrError: one of them does not start.
    """
    found: dict[str, tuple[str, str]] = {}
    for one in (*python, sys.executable):
        for name, version in _call([one, "-I", peers.__file__, "list"], None, {}).items():
            found.setdefault(name, (one, version))
    return {name: found[name] for name in peers.PEERS if name in found}


def _measure(what: str, asked: dict[str, Any], threads: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "workshop.measure.bench_worker", what]
    names = "OMP_NUM_THREADS TF_NUM_INTRAOP_THREADS OPENBLAS_NUM_THREADS".split()
    limits = dict.fromkeys(names, str(threads))
    return _call(command, {**asked, "threads": threads}, {**limits, "TF_CPP_MIN_LOG_LEVEL": "3"})


def _call(command: list[str], asked: Any, environment: dict[str, str]) -> dict[str, Any]:
    """Run a program that takes JSON and gives JSON.

    Raises:
        HtrError: it does not start, fails, or takes over an hour; with the last line that it said.
    """
    root = str(Path(paths.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **environment, "PYTHONPATH": path}
    shown = " ".join(Path(part).name for part in command)
    try:
        words: dict[str, Any] = {"capture_output": True, "text": True, "encoding": "utf-8"}
        words |= {"env": environment, "timeout": _LIMIT}
        done = subprocess.run(command, input=json.dumps(asked), **words)
    except OSError as error:
        raise HtrError(
            f"{command[0]}: does not start ({error.strerror}); name a Python interpreter"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise HtrError(f"{shown}: took over {_LIMIT} s; use --limit") from error
    try:
        if done.returncode == 0:
            return dict(json.loads(done.stdout))
    except ValueError:
        pass
    said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    raise HtrError(f"{shown}: failed ({said})")


def plain(text: str, charset: Charset | None = None) -> str:
    """A text in the 79 characters of IAM: accents, curly quotes and other signs folded, spaces single."""
    return " ".join((charset or Charset()).fold(text).split())


def letters(text: str) -> str:
    """A text without case and punctuation: what a reader of upper-case words can write, too."""
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain(text).lower().replace("'", "")).split())


def score(texts: Sequence[str], truths: Sequence[str], groups: Sequence[str]) -> dict[str, Any]:
    """Edits and lengths of each document, for three measures, and their rates with intervals.

    Both sides are folded alike: `plain` for cer and wer, `letters` for "letters".
    """
    both = [(plain(a), plain(b)) for a, b in zip(texts, truths, strict=True)]
    bare = [(letters(a), letters(b)) for a, b in zip(texts, truths, strict=True)]
    counts = {
        "cer": [(metrics.edits(a, b), len(b)) for a, b in both],
        "wer": [(metrics.word_edits(a, b), len(b.split())) for a, b in both],
        "letters": [(metrics.edits(a, b), len(b)) for a, b in bare],
    }
    rates: dict[str, Any] = {}
    for name, pairs in counts.items():
        edits, lengths = zip(*pairs, strict=True)
        rate = metrics.rate(edits, lengths, metric=name, groups=groups)
        rates[name] = {
            "value": 100 * rate.value,
            "low": 100 * rate.low,
            "high": 100 * rate.high,
            "documents": by_document(pairs, groups),
        }
    return rates


def by_document(pairs: Sequence[tuple[int, int]], groups: Sequence[str]) -> list[list[int]]:
    """(edits, length) of lines added up by document, in the order of the documents' names: for `paired`."""
    sums = {group: [0, 0] for group in sorted(set(groups))}
    for group, (edit, length) in zip(groups, pairs, strict=True):
        sums[group][0] += edit
        sums[group][1] += length
    return list(sums.values())


def paired(
    ours: Sequence[Sequence[int]], theirs: Sequence[Sequence[int]], seed: int = 0
) -> tuple[float, float, float]:
    """The difference of two rates in points, ours minus theirs, with its 95 % interval.

    Whole documents are drawn with replacement, the same for both readers: what makes a document hard for
    both falls out of the difference (paired bootstrap; Bisani and Ney 2004).

    Args:
        ours, theirs: (edits, length) of each document, in the same order.

    Returns:
        the difference, and its 2.5th and 97.5th percentile, in percentage points.
    """
    mine, other = np.asarray(ours, float), np.asarray(theirs, float)
    if mine.shape != other.shape or not np.array_equal(mine[:, 1], other[:, 1]):
        raise ValueError("the readers were measured on other documents")
    counts = np.stack([mine[:, 0] - other[:, 0], mine[:, 1]], axis=1)

    def points(sums: np.ndarray) -> np.ndarray:
        return 100 * sums[:, 0] / sums[:, 1]

    return float(points(counts.sum(0)[None])[0]), *metrics.bootstrap(counts, points, seed, SAMPLES)


def differences(readers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first reader against each other one, by CER as written and by letters alone."""
    rows = []
    for other in readers[1:]:
        row: dict[str, Any] = {"ours": readers[0]["name"], "theirs": other["name"]}
        for name in ("cer", "letters"):
            mine, its = (reader["scores"][name]["documents"] for reader in (readers[0], other))
            row[name] = paired(mine, its)
        rows.append(row)
    return rows


def keep_speed(found: dict[str, Any], model: Path, command: str) -> Path:
    """Keep how fast the first reader of a run read, and with how much memory, for its model card.

    Args:
        found: of `run`. model: the first reader's file; what is kept lies beside it.
    """
    ours = found["readers"][0]
    kept = {
        "lines_per_second": round(ours["lines_per_second"], 1),
        "peak_mb": ours["peak"] and round(ours["peak"]),
        "load_s": round(ours["load"], 1),
        "first_line_s": round(ours["first"], 2),
        "lines": found["lines"],
        "machine": found["machine"],
        "date": found["date"],
        "command": command,
        "sha256": files.sha256(model),
    }
    target = model.with_suffix(".speed.json")
    files.write_text(target, json.dumps(kept, indent=1) + "\n")
    return target


def write(found: dict[str, Any], target: Path, *, command: str, title: str) -> tuple[Path, Path]:
    """Write `target` (Markdown) and the figure beside it; returns both paths."""
    from workshop.measure.bench_report import figure, markdown

    picture = target.with_suffix(".png")
    alt, png = figure(found)
    files.write_text(
        target, markdown(found, command=command, title=title, picture=picture.name, alt=alt)
    )
    files.write_bytes(picture, png)
    return target, picture
