"""From a page of one's own to a better model, timed: `docs/own.md`. To be run on an idle machine.

    python -m workshop.measure.own_report --out docs/own.md

The first letter's lines, with their texts, become a folder; `htr train --init course` trains on it with its defaults;
the second letter, which no training saw, and lines in other hands are read before and after.
"""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from htr_utils import paths
from htr_utils.cli.one_line import OneLine
from htr_utils.course import letters
from htr_utils.errors import HtrError
from htr_utils.files import write_text
from htr_utils.lines import iam
from htr_utils.text import metrics
from htr_utils.text.charset import Charset
from htr_utils.trainer import material

HEAD = """# A model for one hand, from one page

Made by `{command}` on {date}; do not edit. {machine}.

The lines of `data/samples/pages/letter-1.jpg` ({lines} lines, {characters} characters) stand in for a page whose lines
somebody corrected on the web page. Trained with `{train}` in **{minutes:.1f} minutes**,
everything else as by default: {learnt} lines were learnt from, {watched} chose the epoch that was kept. Both letters
are rendered in one hand far from the training data: a real hand varies more.

| lines | before | after |
|---|---|---|
"""
TAIL = """
CER in per cent with 95 % bootstrap intervals over lines (1,000 draws, seed 0); greedy, natural spacing. The second
letter is the measure: no training saw it. Other hands are every {step}th line of the embedded test split: the price of
bending to one hand.
"""
STEP = 20


def measure(model: str | Path) -> dict[str, metrics.Rate]:
    """The CER of each set of lines."""
    from htr_utils.recognizer import Recognizer

    reader = Recognizer.load(model)
    first, second = letters.material()
    root = paths.repo_root()
    others = iam.read(root and root / "data").split("test")[::STEP]
    sets: dict[str, letters.Lines] = {
        "the first letter, which it learnt from": first,
        "the second letter": second,
        "other hands": ([line.image() for line in others], [line.text for line in others]),
    }
    return {
        name: metrics.cer([reading.text for reading in reader.read(pictures)], texts)
        for name, (pictures, texts) in sets.items()
    }


def train(folder: Path, out: Path, more: Sequence[str], init: str = "course") -> tuple[str, float]:
    """Run `htr train --init`; the command without folders of this machine, and the minutes it took.

    Raises:
        HtrError: it failed; with its last line.
    """
    arguments = ["train", "--data", str(folder), "--init", init, "--out", str(out), *more]
    begin = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "htr_utils.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise HtrError(f"htr train: {(ended.stderr.strip() or 'failed').splitlines()[-1]}")
    shown = [
        "htr",
        "train",
        "--data",
        folder.name,
        "--init",
        Path(init).name,
        "--out",
        out.name,
        *more,
    ]
    return shlex.join(shown), (time.monotonic() - begin) / 60


def report(out: Path, more: Sequence[str] = ()) -> Path:
    """Train, measure, write the page; `more`: arguments for `htr train`."""
    (pictures, texts), _ = letters.material()
    with tempfile.TemporaryDirectory() as work:
        folder = letters.keep(pictures, texts, Path(work) / "my_folder")
        learnt = len(material.material(str(folder), Charset()).train)
        before = measure("course")
        command, minutes = train(folder, Path(work) / "mine.keras", more)
        after = measure(Path(work) / "mine.keras")
    watched = len(texts) - learnt
    rows = "".join(
        f"| {name} | {_shown(before[name])} | {_shown(after[name])} |\n" for name in before
    )
    ran = "python -m workshop.measure.own_report" + (f" -- {shlex.join(more)}" if more else "")
    head = HEAD.format(
        command=ran,
        date=datetime.now(UTC).date(),
        lines=len(texts),
        machine=f"{os.cpu_count()} cores, {platform.system()}",
        characters=sum(map(len, texts)),
        train=command,
        minutes=minutes,
        learnt=learnt,
        watched=watched,
    )
    write_text(out, head + rows + TAIL.format(step=STEP))
    return out


def _shown(rate: metrics.Rate) -> str:
    return f"{100 * rate.value:.1f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


@click.command(cls=OneLine)
@click.option("--out", default="docs/own.md", show_default=True, help="The page.")
@click.argument("more", nargs=-1)
def main(out: str, more: tuple[str, ...]) -> None:
    """Write the page; arguments after `--` go to `htr train`."""
    print(f"wrote {report(Path(out), more)}")


if __name__ == "__main__":
    main()
