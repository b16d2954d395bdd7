"""How long a million pages take: measured on one core, worked out in docs/million-pages.md.

python -m workshop.measure.million            measure here, on an idle machine, and write the page
python -m workshop.measure.million --draft    write it without figures
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from htr_utils import files, paths
from htr_utils.cli.read_many import THREADS
from htr_utils.errors import HtrError

PAGES = 1_000_000
ROUNDS = 8  # pages measured: so many times the samples
CODE = """
import json, sys
from htr_utils.cli import read_many
some, options = json.load(sys.stdin)
read_many.read_chunk(some[:2], options, 1)
print(json.dumps(read_many.read_chunk(some[2:], options, 1)))
"""


def measure() -> dict[str, float]:
    """Seconds a page on one core, most memory of a worker in MB, lines a page, bytes a page in and out.

    One process with one thread reads photographed sample pages; the first two, with the loading of the model, do not
    count.

    Raises:
        HtrError: no sample pages here, or one that was not read.
    """
    root = paths.repo_root()
    samples = sorted((root / "data" / "samples" / "pages").glob("*.jpg")) if root else []
    if not samples:
        raise HtrError("no pages in data/samples/pages; this needs a clone of the course")
    with tempfile.TemporaryDirectory() as folder:
        some = []
        for number in range(ROUNDS * len(samples) + 2):
            path = Path(folder) / f"{number}.jpg"
            shutil.copy(samples[number % len(samples)], path)
            some.append({"path": str(path), "place": path.name, "size": 0, "changed": 0})
        out = Path(folder) / "out"
        options = {
            "model": "course",
            "kind": "page",
            "format": "page",
            "decoder": "greedy",
            "spelling": "off",
        }
        one = dict.fromkeys(THREADS, "1")
        if hasattr(os, "sched_getaffinity"):
            core = min(os.sched_getaffinity(0))
            code = f"import os; os.sched_setaffinity(0, [{core}])\n{CODE}"
        else:
            code = CODE
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps([some, options | {"out": str(out)}]),
            text=True,
            capture_output=True,
            env={**os.environ, **one},
        )
        if done.returncode != 0:
            raise HtrError(f"the measurement failed: {done.stderr.strip().splitlines()[-1:]}")
        rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        failed = [row["error"] for row in rows if row["error"]]
        if failed:
            raise HtrError(f"a sample page was not read: {failed[0]}")
        results = [path.stat().st_size for path in out.rglob("*.xml")]
        return {
            "seconds": sum(row["seconds"] for row in rows) / len(rows),
            "memory": max(row["memory_mb"] for row in rows),
            "lines": sum(row["lines"] for row in rows) / len(rows),
            "in": sum(path.stat().st_size for path in samples) / len(samples),
            "out": sum(results) / len(results),
        }


def page(found: dict[str, float] | None) -> str:
    """The page in Markdown; without figures where nothing was measured."""

    def n(name: str, factor: float = 1.0, digits: int = 1) -> str:
        return f"{found[name] * factor:,.{digits}f}" if found else "..."

    hours = PAGES / 3600
    when = (
        f"{date.today().isoformat()}, {platform.machine()}, Python {platform.python_version()}"
        if found
        else "not yet"
    )
    rows = [
        f"| {cores:,} | {n('seconds', hours / cores)} | {n('memory', cores / 1000)} |"
        for cores in (2, 16, 64, 256)
    ]
    return f"""# A million pages

What a large job takes, worked out from what one core does. `python -m workshop.measure.million` measures it on the
machine
at hand and writes this page (measured: {when}).

## Measured on one core

The sample pages (photographed letters, {n("lines", digits=0)} lines each) found, read with the model `course`,
greedy, and written as PAGE XML, by one process with one thread:

- **{n("seconds", digits=3)} s a page**, loading the model once not counted;
- **{n("memory", digits=0)} MB** of memory for a worker;
- {n("in", 1e-3, 0)} KB a page read, {n("out", 1e-3, 0)} KB a page written.

## The arithmetic

{PAGES:,} pages x {n("seconds", digits=3)} s = {n("seconds", hours)} core hours. Workers share nothing but the disk,
so the hours divide by the cores, as long as the disk delivers {n("in", 1e-6, 3)} MB in {n("seconds", digits=3)} s
for each of them.

| cores | hours | memory, GB |
| ---: | ---: | ---: |
{chr(10).join(rows)}

The pictures take {n("in", PAGES / 1e9, 0)} GB, the results {n("out", PAGES / 1e9, 0)} GB. Your pages have other
sizes and other numbers of lines: read a hundred of them first (`--scheduler local`) and put the rate that it prints in
place of ours.

## The job

    dask scheduler                                        # on one machine; prints its ADDRESS
    dask worker ADDRESS --nthreads 1 --nworkers 16        # on each machine, with this package and the same disk
    htr read archive --scheduler ADDRESS --chunk 64 --format page --out results

One thread a worker: libraries that all take every core get into each other's way. A chunk of 64 pages is
{n("seconds", 64, 0)} s of work, so that the scheduler has little to do and a lost worker little to lose: its chunk is
given to another one. Stop the job when you like, and give the same command again: `ledger.jsonl` says which pages are
done. Pages that could not be read are named there with the reason, and are tried again, as are pages that changed since
or whose result is gone. `reading.json` beside it keeps model and options, so that no folder mixes two ways of reading.
Begin with a thousand pages, and look at some results before you start the rest.
"""


def main() -> int:
    root = paths.repo_root()
    try:
        if root is None:
            raise HtrError("this needs a clone of the course")
        found = None if "--draft" in sys.argv[1:] else measure()
    except HtrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    files.write_text(root / "docs" / "million-pages.md", page(found))
    print("wrote docs/million-pages.md", found or "without figures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
