"""Sweeps: one chapter run at many points, in parallel, resumable, with a table at the end.

A sweep is a YAML file:

    chapter: "08"                   # number, name, or the path of a notebook or source, seen from this file
    parameters: {lines: 32}         # the same at every point
    grid: {steps: [40, 90], batch: [4, 8]}          # every combination, or
    random: {points: 8, seed: 0, from: {rate: {low: 1.0e-4, high: 1.0e-2, log: true}, batch: [4, 8]}}, or
    points: [{steps: 40}, {steps: 90, batch: 4}]    # as listed
    seeds: [0, 1, 2]                # each point with each of these
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.recognizer import cores
from htr_utils.runs import cluster, execute, given, record, table

KEYS = ("chapter", "parameters", "grid", "random", "points", "seeds", "timeout")
POINTS = "points.json"  # in a sweep's folder: the keys of its points
MEMORY_GB = 2.0  # what one chapter may take


@dataclass(frozen=True)
class Sweep:
    """A checked sweep. `points`: the parameters given at each, beside the chapter's defaults."""

    chapter: Path
    points: list[dict[str, Any]]
    timeout: int = 3600
    source: str = field(default="", compare=False)

    def folder(self, out: Path, point: Mapping[str, Any]) -> Path:
        """Where a point's notebook, page and metrics.json lie."""
        return out / "points" / record.key(point)


def _yaml(text: str, name: str) -> Any:
    """YAML as people mean it: 1e-3 is a number, `no` and `on` are words."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, rule) for tag, rule in rules if tag != "tag:yaml.org,2002:bool"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:bool", re.compile(r"^(true|false|True|False)$"), list("tfTF")
    )
    number = re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+0123456789"))
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where is not None else ""
        raise HtrError(
            f"{name}{line}: is not YAML ({getattr(error, 'problem', None) or error})"
        ) from None


def read(path: str | Path) -> Sweep:
    """A sweep file, every point checked against the chapter.

    Raises:
        HtrError: one line with what is wrong, and at which point.
    """
    path = Path(path)
    try:
        content = _yaml(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise HtrError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None
    return from_dict(content, path.parent, path.name)


def from_dict(content: Any, folder: Path = Path(), name: str = "sweep") -> Sweep:
    """The same from the file's content. `folder`: from where a chapter's path is seen."""
    if not isinstance(content, dict):
        raise HtrError(f"{name}: a sweep has the keys {', '.join(KEYS)}")
    unknown = sorted(str(word) for word in set(content) - set(KEYS))
    if unknown:
        raise HtrError(
            f"{name}: no key {', '.join(map(repr, unknown))} in a sweep; it has: {', '.join(KEYS)}"
        )
    if "chapter" not in content:
        raise HtrError(f"{name}: `chapter` is missing: the number, name or path of what is run")
    ways = [way for way in ("grid", "random", "points") if way in content]
    if len(ways) > 1:
        raise HtrError(f"{name}: give one of grid, random and points, not {' and '.join(ways)}")
    written = str(content["chapter"])
    chapter = execute.find_notebook(
        folder / written if written.endswith((".py", ".ipynb")) else written
    )
    same = content.get("parameters") or {}
    if not isinstance(same, dict):
        raise HtrError(f"{name}: `parameters` are `name: value`")
    timeout = content.get("timeout", 3600)
    if isinstance(timeout, bool) or not isinstance(timeout, int) or timeout < 1:
        raise HtrError(
            f"{name}: `timeout` is {timeout!r}; allowed: seconds for one cell, a whole number"
        )
    points = _points(content, ways[0] if ways else "", name)
    if "seeds" in content:
        seeds = _list(content["seeds"], "seeds", name)
        points = [point | {"seed": seed} for point in points for seed in seeds]
    description = given.Chapter(chapter)
    checked: list[dict[str, Any]] = []
    for number, point in enumerate(points, 1):
        full = {**same, **point}
        try:
            values = description.check(full)
        except HtrError as error:
            raise HtrError(f"{name}, point {number}: {error}") from None
        point = {word: values[word] for word in full}
        if point not in checked:
            checked.append(point)
    return Sweep(chapter, checked, timeout, record.source_sha(chapter))


def _list(value: Any, what: str, name: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise HtrError(f"{name}: `{what}` is {value!r}; allowed: a list of values, [a, b, ...]")
    return value


def _points(content: dict[str, Any], way: str, name: str) -> list[dict[str, Any]]:
    body = content.get(way)
    if way == "points":
        if not all(isinstance(point, dict) for point in _list(body, "points", name)):
            raise HtrError(f"{name}: each of `points` is {{name: value, ...}}")
        return list(body)  # type: ignore[arg-type]
    if way == "grid":
        if not isinstance(body, dict):
            raise HtrError(f"{name}: `grid` is `name: [value, value, ...]`")
        axes = [_list(values, f"grid: {word}", name) for word, values in body.items()]
        return [dict(zip(body, values, strict=True)) for values in itertools.product(*axes)]
    if way == "random":
        return _drawn(body, name)
    return [{}]


def _drawn(body: Any, name: str) -> list[dict[str, Any]]:
    """Points drawn from ranges and lists, the same for the same seed."""
    if (
        not isinstance(body, dict)
        or set(body) - {"points", "seed", "from"}
        or not isinstance(body.get("from"), dict)
    ):
        raise HtrError(
            f"{name}: `random` has the keys points (how many), seed, and from (name: range or list)"
        )
    count, seed = body.get("points"), body.get("seed", 0)
    if type(count) is not int or count < 1 or type(seed) is not int:
        raise HtrError(f"{name}: `random` needs whole numbers for points (at least 1) and seed")
    draw = random.Random(seed)
    return [
        {word: _draw(rule, draw, word, name) for word, rule in body["from"].items()}
        for _ in range(count)
    ]


def _draw(rule: Any, draw: random.Random, word: str, name: str) -> Any:
    if isinstance(rule, list) and rule:
        return draw.choice(rule)
    bad = HtrError(
        f"{name}: random {word} is {rule!r}; allowed: a list, or low and high, with `log: true` for a scale"
    )
    if not isinstance(rule, dict) or set(rule) - {"low", "high", "log"}:
        raise bad
    low, high = rule.get("low"), rule.get("high")
    if not all(type(end) in (int, float) for end in (low, high)) or not low <= high:  # type: ignore[operator]
        raise bad
    if rule.get("log"):
        if low <= 0:  # type: ignore[operator]
            raise bad
        value = math.exp(draw.uniform(math.log(low), math.log(high)))  # type: ignore[arg-type]
        return round(value) if type(low) is int and type(high) is int else float(f"{value:.4g}")
    if type(low) is int and type(high) is int:
        return draw.randint(low, high)
    return float(f"{draw.uniform(low, high):.4g}")  # type: ignore[arg-type]


def finished(sweep: Sweep, out: Path) -> list[dict[str, Any] | None]:
    """The record of each point that went through with this chapter, version of the package, data and model; or None."""
    chapter = given.Chapter(sweep.chapter)
    about = chapter.parameters.items()
    names = [name for name, its in about if its.kind == "path" or name == "model"]
    known: dict[str, dict[str, Any]] = {}  # by what names files: reading them takes a while

    def origin(point: dict[str, Any]) -> dict[str, Any]:
        values = chapter.check(point)
        which = repr([values.get(name) for name in names])
        if which not in known:
            known[which] = record.made_from(chapter, values)
        return known[which]

    def through(point: dict[str, Any]) -> dict[str, Any] | None:
        row = record.read_metrics(sweep.folder(out, point))
        if row is None or row.get("error") != "" or row.get("given") != dict(point):
            return None
        return row if origin(point).items() <= row.items() else None

    return [through(point) for point in sweep.points]


def _failed(point: dict[str, Any], error: str) -> dict[str, Any]:
    """The record of a point that left none."""
    return {"error": error, "results": {}, "seconds": 0.0, "given": point}


def run_point(
    chapter: str, point: dict[str, Any], folder: str, timeout: int, threads: int
) -> dict[str, Any]:
    """One point, on whatever machine: nothing is raised, what went wrong is in `error`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        return record.run(chapter, point, Path(folder), timeout=timeout, threads=threads)
    except (HtrError, OSError) as error:
        return _failed(point, f"{type(error).__name__}: {error}")


def _workers(wanted: int | None) -> int:
    import psutil

    memory = psutil.virtual_memory().available / 1e9
    return wanted if wanted is not None else max(1, min(cores(), int(memory / MEMORY_GB)))


def _each(
    sweep: Sweep, out: Path, points: Sequence[dict[str, Any]], workers: int, scheduler: str | None
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Run points and yield each with its record as it ends.

    Every worker takes one point at a time. On this machine each has its share of the cores: libraries that all take
    every core get into each other's way.
    """
    threads = max(1, cores() // max(1, workers))
    if workers == 0:
        for point in points:
            folder = str(sweep.folder(out, point))
            yield point, run_point(str(sweep.chapter), point, folder, sweep.timeout, threads)
        return

    def words(point: dict[str, Any]) -> tuple[Any, ...]:
        return str(sweep.chapter), point, str(sweep.folder(out, point)), sweep.timeout, threads

    with cluster.client(min(workers, len(points)), scheduler, failures=3) as client:
        for point, row in cluster.results(client, run_point, points, words, ahead=len(points)):
            if cluster.ended(row):
                yield point, _failed(point, "its worker ended, again and again (out of memory?)")
            elif isinstance(row, Exception):
                yield point, _failed(point, cluster.one_line(row))
            else:
                yield point, row


def run(
    sweep: Sweep,
    out: str | Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Run the points that are not finished yet, with a line for each, and write `table.csv` and `table.parquet`.

    Args:
        out: folder of the sweep; each point has a folder of its own in `points/`.
        workers: processes on this machine, 0 for this one without Dask; None for one a core, where the memory is
            enough. scheduler: address of a Dask scheduler instead, whose workers see `out` and have this package.

    Returns:
        The table's rows, in the order of the points.

    Raises:
        HtrError: another sweep works in the folder, or no scheduler answers.
    """
    out = Path(out).resolve()
    workers = _workers(workers)
    with files.alone(out, "sweep"):
        keys = [record.key(point) for point in sweep.points]
        known = dict(zip(keys, finished(sweep, out), strict=True))
        left = [point for point in sweep.points if known[record.key(point)] is None]
        files.write_text(out / POINTS, json.dumps(keys) + "\n")
        if again := sum(_forget(sweep.folder(out, point)) for point in left):
            say(f"finished with other code, data, files or version, so run again: {again} points")
        if done := len(keys) - len(left):
            say(f"{done} of {len(keys)} points are finished already")
            if {row.get("package_sha") for row in known.values() if row} != {record.package_sha()}:
                say(
                    "note: some of them ran with other code of the package; delete their folders to run them again"
                )
        begin = time.monotonic()
        runs = _each(sweep, out, left, workers, scheduler) if left else ()
        try:
            for count, (point, row) in enumerate(runs, 1):
                known[record.key(point)] = row
                minutes = (len(left) - count) * (time.monotonic() - begin) / count / 60
                to_go = f", about {minutes:.1f} min to go" if count < len(left) else ""
                progress = f"{done + count}/{len(keys)}  {label(point)}"
                say(f"{progress}  {row['seconds']:.0f} s{to_go}")
                if row["error"]:
                    notebook = sweep.folder(out, point) / f"{sweep.chapter.stem}.ipynb"
                    say(f"     FAILED: {row['error']}\n     see {notebook}")
        except KeyboardInterrupt:
            raise HtrError(
                "interrupted; the same command goes on with the points that are left"
            ) from None
        finally:
            name = sweep.chapter.stem
            rows = [
                table.row(key, point, known[key], name)
                for key, point in zip(keys, sweep.points, strict=True)
            ]
            table.write(rows, out)
    return rows


def _forget(folder: Path) -> bool:
    """Take away the record of a point that must run again; whether that run had gone through.

    What is left of another reading of the data, say, is no result of this sweep.
    """
    old = record.read_metrics(folder)
    (folder / record.METRICS).unlink(missing_ok=True)
    return old is not None and not old.get("error")


def label(point: Mapping[str, Any]) -> str:
    """A point in one line."""
    return " ".join(f"{name}={value}" for name, value in point.items()) or "defaults"
