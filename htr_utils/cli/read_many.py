"""`htr read --scheduler`: folders of pages over the workers of a Dask cluster, in chunks, resumable.

Each input has a result of its own, at the same place below `--out` as the input has below the folder given.
`ledger.jsonl` there has a line for each input: which file it was, and its results. A run that was stopped goes on
with those that are not in it, or that have changed since. `reading.json` says how the folder is read: all of it with
one model and one set of options.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from htr_utils import files
from htr_utils.cli.jobs import Job, trouble
from htr_utils.cli.outputs import OVERLAY, Writer, speller_of
from htr_utils.errors import HtrError

LEDGER = "ledger.jsonl"
SETTINGS = "reading.json"
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
AHEAD = 4  # chunks for each worker that are handed out before others have come back
_recognizers: dict[str, Any] = {}  # of a worker process: loaded once


@dataclass(frozen=True)
class Options:
    """What every chunk is read with; see `htr read`. made: a hash of all that the readings depend on, or ""."""

    model: str
    kind: str
    format: str
    decoder: str
    spelling: str
    out: str
    language: str = "auto"
    made: str = ""

    def settings(self) -> dict[str, str]:
        """What the readings depend on, model files by their hashes, by the names of the options.

        Raises:
            HtrError: no such model here.
        """
        from htr_utils import paths
        from htr_utils.text import language, languages, tuned

        settings = {
            "--model": files.sha256(paths.model_file(self.model)),
            "line finder": files.sha256(paths.finder_file()),
            "--as": self.kind,
            "--format": self.format,
            "--decoder": self.decoder,
            "--language": self.language,
            "--spelling": self.spelling,
            "language model": "",
        }
        if self.decoder in ("lm", "lexicon") or self.spelling == "gated":
            found = language.shipped()
            used = [*found.values(), tuned.settings_file(languages.USUAL)]
            if self.language not in ("auto", languages.NONE, *found):
                used = [Path(self.language), tuned.settings_file(self.language)]
            beside = [one for one in used if one.is_file()]
            settings["language model"] = " ".join(map(files.sha256, beside))
        return settings


@dataclass(frozen=True)
class Input:
    """A file to read, and its result's place below `--out`, without the ending.

    size, changed: bytes, and nanoseconds of its last change, when it was listed; -1 and 0 where it cannot be asked.
    """

    path: str
    place: str
    size: int
    changed: int


def inputs(names: Sequence[str]) -> list[Input]:
    """The files to read, folders with all below them; two inputs never share a result.

    Raises:
        HtrError: a file or folder that is not there, two files with one result, nothing to read.
    """
    from htr_utils.lines.opening import ENDINGS

    inputs_by_place: dict[str, Input] = {}
    for name in names:
        root = Path(name)
        if root.is_dir():
            inside = (
                path
                for path in root.rglob("*")
                if path.suffix.lower() in (*ENDINGS, ".pdf") and not path.is_dir()
            )
            some = [
                (path, path.relative_to(root).as_posix())
                for path in sorted(inside)
                if not path.name.endswith(OVERLAY)
            ]
        elif root.is_file():
            some = [(root, root.name)]
        else:
            raise HtrError(f"{name}: no such file or folder")
        for path, place in some:
            if place in inputs_by_place:
                raise HtrError(
                    f"{inputs_by_place[place].path} and {path} would have one result; give them in two calls"
                )
            try:
                state = path.stat()
                inputs_by_place[place] = Input(
                    str(path.resolve()), place, state.st_size, state.st_mtime_ns
                )
            except OSError:  # a link to nowhere: its reading will say so
                inputs_by_place[place] = Input(str(path.absolute()), place, -1, 0)
    if not inputs_by_place:
        raise HtrError(f"{' '.join(names)}: no picture and no PDF file in it")
    return list(inputs_by_place.values())


def read_chunk(
    chunk: list[dict[str, Any]], options: dict[str, str], threads: int
) -> list[dict[str, Any]]:
    """Read some files on whatever machine and write their results; the ledger's rows. Nothing is raised."""
    for name in THREADS:
        os.environ.setdefault(name, str(threads))  # read when TensorFlow starts, in a new worker
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    how, some = Options(**options), [Input(**one) for one in chunk]
    begin = time.perf_counter()
    problems, lines = [""] * len(some), [0] * len(some)
    places: dict[str, tuple[int, str]] = {}
    wrong = "has no result"

    def note(file: int, line: str) -> None:
        problems[file] = problems[file] or line

    try:
        settings = how.settings()
        if how.made not in ("", digest(settings)):
            raise HtrError(
                "the model or language model of this worker is not the one that the reading began with"
            )
        which = settings["--model"]
        if which not in _recognizers:
            from htr_utils.recognizer import Recognizer

            _recognizers.clear()
            _recognizers[which] = Recognizer.load(how.model)
        recognizer = _recognizers[which]
        job = Job([one.path for one in some], how.kind, complain=note)
        write = Writer(job.names, how.format, how.out, False, speller_of(how.spelling, recognizer))
        write.stems, write.made = [one.place for one in some], places
        for page, read_page in job.read(
            recognizer, job.open(), how.decoder, how.spelling, how.language
        ):
            lines[page.file] += len(read_page.lines)
            job.do(page.file, partial(write, page, read_page))
        job.bar.close()
    except Exception as error:  # no model, say: what has no result yet has none by it
        wrong = trouble("", error).removeprefix(": ")
    seconds = (time.perf_counter() - begin) / len(some)
    rows = []
    for number, one in enumerate(some):
        results = [
            name
            for file, name in places.values()
            if file == number and (Path(how.out) / name).is_file()
        ]
        problem = problems[number] or ("" if results else f"{one.path}: {wrong}")
        rows.append(
            {
                **asdict(one),
                "state": "failed" if problem else "finished",
                "error": problem,
                "results": results,
                "lines": lines[number],
                "seconds": round(seconds, 3),
                "memory_mb": memory(),
            }
        )
    return rows


def memory() -> int:
    """The most that this process has held so far, in MB; 0 where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    import sys

    return round(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        / (1e6 if sys.platform == "darwin" else 1e3)
    )


def known(out: Path) -> dict[str, dict[str, Any]]:
    """The ledger's rows by place, the latest of each; a line that was cut off is left out."""
    rows = {}
    path = out / LEDGER
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
                rows[str(row["place"])] = row
            except (ValueError, TypeError, LookupError):
                continue
    return rows


def digest(settings: Mapping[str, str]) -> str:
    """A short name for settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _settle(out: Path, settings: Mapping[str, str]) -> None:
    """Hold a folder to one model and one set of options: what it was begun with.

    Raises:
        HtrError: it was begun with others.
    """
    path = out / SETTINGS
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name, value in settings.items() if begun[name] != value]
    except FileNotFoundError:
        files.write_text(path, json.dumps(settings, indent=1) + "\n")
        return
    except (ValueError, LookupError, TypeError) as error:
        raise HtrError(f"{path}: damaged ({error}); choose another --out") from None
    if other:
        name = other[0]
        unnamed = {"--model": "model", "language model": "language model"}
        how = (
            f"with another {unnamed[name]}"
            if name in unnamed
            else f"with {name} {begun[name]}, not {settings[name]}"
        )
        raise HtrError(f"{out}: was begun {how}; choose another --out, or read as it was begun")


def _is_read(one: Input, row: Mapping[str, Any] | None, out: Path) -> bool:
    """Whether the ledger's row is of this very file, and its results are there.

    Raises:
        HtrError: the place holds the result of another file.
    """
    if row is None or "path" not in row:
        return False
    as_it_was = (row["size"], row["changed"]) == (one.size, one.changed)
    if row["path"] != one.path and not as_it_was:  # the same archive may be mounted elsewhere now
        raise HtrError(
            f"{out}: the result at {one.place} there is that of {row['path']}, not of {one.path}; choose another --out"
        )
    return (
        as_it_was
        and row["state"] == "finished"
        and all((out / name).is_file() for name in row["results"])
    )


def run(
    names: Sequence[str],
    options: Options,
    *,
    scheduler: str,
    chunk: int = 32,
    workers: int | None = None,
    say: Callable[[str], None] = click.echo,
) -> list[dict[str, Any]]:
    """Read all that is not read yet; returns the rows of this sitting.

    Args:
        scheduler: address of a Dask scheduler whose workers see the same paths, or "local".
        chunk: files per task. workers: of a local cluster; one a core by default.

    Raises:
        HtrError: as `inputs`; another run works in the folder, or one read other files or otherwise into it; no
            scheduler answers.
    """
    every, out = inputs(names), Path(options.out)
    if Path(options.model).is_file():
        # Workers have folders of their own.
        options = replace(options, model=str(Path(options.model).resolve()))
    settings = options.settings()
    options = replace(options, made=digest(settings))
    with files.alone(out, "reading"):
        before = known(out)
        left = [one for one in every if not _is_read(one, before.get(one.place), out)]
        _settle(out, settings)
        if len(left) < len(every):
            say(f"{len(every) - len(left):,} of {len(every):,} files are read already")
        rows: list[dict[str, Any]] = []
        begin = time.perf_counter()
        _note(out, "\n" if (out / LEDGER).exists() else "")  # after a line that was cut off
        for some in _chunks(left, options, scheduler, chunk, workers):
            _note(out, "".join(json.dumps(row) + "\n" for row in some))  # names may be no UTF-8
            for row in some:
                old = before.get(row["place"], {}).get("results", [])
                for name in set(old) - set(row["results"]) if row["state"] == "finished" else ():
                    (out / name).unlink(missing_ok=True)  # of a page that the file no longer has
            rows += some
            took = time.perf_counter() - begin
            to_go = (len(left) - len(rows)) * took / len(rows) / 60
            say(
                f"{len(rows):,}/{len(left):,} files  {len(rows) / took:.2f} a second, about {to_go:.0f} min to go"
            )
            for row in some:
                if row["error"]:
                    say(f"error: {row['error']}".encode("utf-8", "backslashreplace").decode())
    return rows


def _note(out: Path, text: str) -> None:
    """Add to the ledger; HtrError where the system does not let us."""
    try:
        with (out / LEDGER).open("a", encoding="utf-8") as ledger:
            ledger.write(text)
    except OSError as error:
        raise files.refused(out / LEDGER, error) from error


def _chunks(
    left: list[Input], options: Options, scheduler: str, size: int, workers: int | None
) -> Iterator[list[dict[str, Any]]]:
    """Chunks' rows as they come back. Few are out at a time: a scheduler holds no million of tasks."""
    from htr_utils.recognizer import cores
    from htr_utils.runs import cluster

    if not left:
        return
    parts = [left[at : at + size] for at in range(0, len(left), size)]
    options_told = asdict(options) | {"out": str(Path(options.out).resolve())}
    count = min(workers or cores(), len(parts))
    local = scheduler == "local"
    with cluster.client(count, None if local else scheduler, failures=2) as client:
        threads = max(1, cores() // count) if local else 1
        ahead = AHEAD * max(1, len(client.nthreads()))

        def words(part: list[Input]) -> tuple[Any, ...]:
            return [asdict(one) for one in part], options_told, threads

        def singly(part: list[Input]) -> list[list[Input]]:
            return [[one] for one in part]

        for part, rows in cluster.results(
            client, read_chunk, parts, words, ahead=ahead, alone=singly
        ):
            if cluster.ended(rows):
                (one,) = part
                error = f"{one.path}: its worker ended while it read this file; leave it out"
                empty = {"error": error, "results": [], "lines": 0, "seconds": 0.0, "memory_mb": 0}
                yield [asdict(one) | {"state": "failed"} | empty]
            elif isinstance(rows, Exception):
                said = cluster.one_line(rows)
                raise HtrError(f"the workers cannot read ({said}); give all of them this version")
            elif [row["place"] for row in rows] != [one.place for one in part]:
                raise HtrError(
                    "a worker answered for other files than it was given; use this version everywhere"
                )
            else:
                yield rows
