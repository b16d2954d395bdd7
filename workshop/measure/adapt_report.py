"""What training a model further on some documents brings for the other ones: `docs/measured/adapting.md`.

    python -m workshop.measure.adapt_report --data FOLDER --lines 1000 --fold
    python -m workshop.measure.adapt_report --data FOLDER --lines 2000 --fold --init FILE.keras --note "what it is" \\
        --unseen model/copiste_held_out.txt

Documents (or writers: the second column of the folder's table) are drawn until they hold so many lines;
`htr train --init` learns from these alone; the others are read before and after. Each run adds its row to the page,
whose figures are kept in `docs/measured/experiments/adapting.json`. To be run on an idle machine, for its minutes.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np

from htr_utils import files, paths
from htr_utils.cli.one_line import OneLine
from htr_utils.errors import HtrError
from htr_utils.files import write_text
from htr_utils.lines import iam, labels, tables
from htr_utils.text import metrics
from workshop.measure.page import filled
from workshop.measure.side_by_side import SAMPLES, by_document, paired

SEED = 0


@dataclass(frozen=True)
class Row:
    """One run; rates are fractions with their interval: (value, low, high)."""

    start: str
    data: str
    documents: int
    lines: int
    unseen_documents: int
    unseen_lines: int
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    difference: tuple[float, float, float]  # in points
    minutes: float
    command: str
    ran: str
    machine: str
    date: str

    @property
    def shown(self) -> str:
        """The row of the page's table."""
        points, low, high = (f"{value:+.1f}" for value in self.difference)
        cells = (
            self.start,
            f"{self.lines:,} of {self.data}, {self.documents} documents",
            f"`{more}`" if (more := self.command.partition(" -- ")[2]) else "as by default",
            f"{self.unseen_lines:,}, {self.unseen_documents} documents",
            _shown(self.before),
            _shown(self.after),
            f"{points} [{low}, {high}]",
            f"{100 * self.after[0] / self.before[0]:.0f} %",
            f"{self.minutes:.0f}",
        )
        return "| " + " | ".join(cells) + " |"


def train(folder: Path, out: Path, more: Sequence[str], init: str = "course") -> tuple[str, float]:
    """Run `htr train --init`; the command without folders of this machine, and the minutes it took.

    Raises:
        HtrError: it failed; with its last line.
    """
    arguments = ["train", "--data", str(folder), "--init", init, "--out", str(out), *more]
    begin = time.monotonic()
    command = [sys.executable, "-m", "htr_utils.cli", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise HtrError(f"htr train: {(ended.stderr.strip() or 'failed').splitlines()[-1]}")
    shown = ["htr", "train", "--data", folder.name, "--init", Path(init).name, "--out", out.name]
    return shlex.join([*shown, *more]), (time.monotonic() - begin) / 60


def draw(
    lines: Sequence[iam.Line], count: int, seed: int = SEED
) -> tuple[list[iam.Line], list[iam.Line]]:
    """`count` lines of documents drawn until they hold as many, and those of all the documents that were not drawn.

    What is left of the last document drawn is in neither.

    Raises:
        HtrError: no document would be left.
    """
    names = sorted({line.writer_id for line in lines})
    chosen: set[str] = set()
    held = 0
    for index in np.random.default_rng(seed).permutation(len(names)):
        if held >= count:
            break
        chosen.add(names[int(index)])
        held += sum(line.writer_id == names[int(index)] for line in lines)
    if held < count or len(chosen) == len(names):
        raise HtrError(
            f"{count} lines to learn from leave no document to measure on; ask for fewer"
        )
    learnt = [line for line in lines if line.writer_id in chosen]
    return learnt[:count], [line for line in lines if line.writer_id not in chosen]


def measure(
    model: str | Path, lines: Sequence[iam.Line], fold: bool
) -> tuple[metrics.Rate, list[list[int]]]:
    """The CER of a model on lines, its interval over documents, and (edits, length) of each document."""
    from htr_utils.recognizer import Recognizer

    reader = Recognizer.load(model)
    readings = reader.read([line.path for line in lines], decoder="greedy")
    truths = [reader.charset.fold(line.text) if fold else line.text for line in lines]
    documents = [line.writer_id for line in lines]
    both = zip(readings, truths, strict=True)
    pairs = [(metrics.edits(reading.text, truth), len(truth)) for reading, truth in both]
    edits, lengths = zip(*pairs, strict=True)
    return metrics.rate(edits, lengths, groups=documents), by_document(pairs, documents)


def run(
    data: Path,
    count: int,
    init: str,
    note: str | None,
    fold: bool,
    unseen_names: str | None,
    more: Sequence[str],
) -> Row:
    """Draw, read, train, read again.

    Args:
        note: what `init` is, for the table, which names its hash besides.
        unseen_names: a file with the documents to measure on; None: all that were not drawn.
        more: arguments for `htr train`.

    Raises:
        HtrError: too few documents, or the training failed.
    """
    lines = labels.read(data)
    named = iam.named(lines, unseen_names) if unseen_names else set()
    learnt, unseen = draw([line for line in lines if line.id not in named], count)
    unseen = [line for line in lines if line.id in named] or unseen
    arguments = [*(["--fold"] if fold else []), *more]
    with tempfile.TemporaryDirectory() as work:
        before, sums_before = measure(init, unseen, fold)
        folder = _copy(learnt, Path(work) / data.name)
        command, minutes = train(folder, Path(work) / "adapted.keras", arguments, init)
        after, sums_after = measure(Path(work) / "adapted.keras", unseen, fold)
    ran = f"python -m workshop.measure.adapt_report --data {data.name} --lines {count} --init {Path(init).name}"
    ran += f" --note {shlex.quote(note)}" if note else ""
    ran += f" --unseen {paths.as_told(unseen_names)}" if unseen_names else ""
    ran += " --fold" if fold else ""
    ran += " ".join([" --", *more]) if more else ""
    start = f"{note or Path(init).name} (sha256 {files.sha256(paths.model_file(init))[:8]})"
    return Row(
        start=start,
        data=data.name,
        documents=len({line.writer_id for line in learnt}),
        lines=len(learnt),
        unseen_documents=len(sums_before),
        unseen_lines=len(unseen),
        before=(before.value, before.low, before.high),
        after=(after.value, after.low, after.high),
        difference=paired(sums_after, sums_before),
        minutes=round(minutes, 1),
        command=ran,
        ran=command,
        machine=f"{os.cpu_count()} cores, {platform.system()}",
        date=str(datetime.now(UTC).date()),
    )


def page(rows: Sequence[Row]) -> str:
    """The page's Markdown."""
    return filled("adapt_report", rows=rows, seed=SEED, samples=SAMPLES)


def keep(row: Row, figures: Path, out: Path) -> None:
    """Put a row into the file of figures, in the place of one of the same command, and write the page anew."""
    known = json.loads(figures.read_text(encoding="utf-8")) if figures.is_file() else []
    others = [Row(**kept) for kept in known if kept["command"] != row.command]
    rows = sorted([*others, row], key=lambda kept: kept.command)
    write_text(figures, json.dumps([asdict(kept) for kept in rows], indent=1) + "\n")
    write_text(out, page(rows))


def _copy(lines: Sequence[iam.Line], folder: Path) -> Path:
    """The lines as a folder for `htr train --data`."""
    folder.mkdir()
    rows = []
    for number, line in enumerate(lines):
        shutil.copy(line.path, folder / f"{number:05d}{line.path.suffix}")
        rows.append(f"{number:05d}\t{line.writer_id}\t{line.text}\n")
    write_text(folder / tables.NAMES[0], "".join(rows))
    return folder


def _shown(rate: Sequence[float]) -> str:
    value, low, high = (100 * one for one in rate)
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


@click.command(cls=OneLine)
@click.option("--data", required=True, help="A folder with lines.tsv or transcriptions.tsv.")
@click.option("--lines", "count", default=1000, help="Learn from so many lines.")
@click.option("--init", default="course", help="The model that is trained further.")
@click.option("--note", help="What --init is, for the table.")
@click.option("--fold", is_flag=True, help="Fold accents and unknown characters.")
@click.option(
    "--unseen", metavar="FILE", help="The documents to measure on [default: all not drawn]."
)
@click.option("--out", default="docs/measured/adapting.md", help="The page.")
@click.argument("more", nargs=-1)
def main(
    data: str,
    count: int,
    init: str,
    note: str | None,
    fold: bool,
    unseen: str | None,
    out: str,
    more: tuple[str, ...],
) -> None:
    """Add a row to the page; arguments after `--` go to `htr train`."""
    row = run(Path(data), count, init, note, fold, unseen, more)
    keep(row, Path(out).parent / "experiments" / "adapting.json", Path(out))
    print(f"{row.shown}\nwrote {out}")


if __name__ == "__main__":
    main()
