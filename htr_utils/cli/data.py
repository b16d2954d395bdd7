"""`htr data`: is a folder of lines fit to train and test on? And the same lines in another form."""

from __future__ import annotations

import shlex
import sys
from typing import ClassVar

import click

from htr_utils import paths
from htr_utils.cli.one_line import Verbs


class _Data(Verbs):
    moved: ClassVar[dict[str, str]] = {
        "build": "`python -m htr_utils data-build`, in a clone of the course"
    }


@click.group(cls=_Data)
def data() -> None:
    """Check data sets, and convert them."""


@data.command("check")
@click.argument("path", required=False)
@click.option("--model", default="course", help="whose charset the texts need")
@click.option("--sheet", help="write a picture of 60 random lines and their texts")
def data_check(path: str | None, model: str, sheet: str | None) -> None:
    """Say what a folder or file of lines holds, and whether it may be trained on: exit status 0 when it may.

    IAM in any layout; tables (.tsv, .csv, .jsonl, .json) and lists (gt.txt) of pictures and texts; .txt or .gt.txt
    beside each picture; PAGE XML or ALTO with the pages; .parquet of Hugging Face.
    """
    from htr_utils.lines import looks
    from htr_utils.lines.check import check
    from htr_utils.recognizer import Recognizer

    root = path or paths.data_root()
    known = Recognizer.load(model).charset
    report = check(root, characters=known.characters)
    click.echo(report.text())
    if sheet is not None and report.lines:
        looks.sheet(report.lines, sheet)
        click.echo(f"wrote {sheet}")
    if report.usable:
        told = known.unknown("".join({c for line in report.lines for c in line.text}))
        charset = "--charset texts " if told else ""
        task = f"--task {report.tasks[0]} " if report.tasks else ""
        command = f"--data {shlex.quote(str(root))} {task}{charset}--init {model} --out mine.keras"
        click.echo(f"to train on it: htr train {command}")
        if others := report.tasks[1:]:
            click.echo(f"or by the other lists: --task {' or '.join(others)}")
    sys.exit(0 if report.usable else 1)


@data.command("convert")
@click.argument("path")
@click.argument("out", type=click.Path(file_okay=False))
@click.option("--to", type=click.Choice(["tsv", "iam", "gt.txt", "page"]), required=True)
def data_convert(path: str, out: str, to: str) -> None:
    """Write the lines of a folder or file (see `htr data check`) to a new folder in another form."""
    from htr_utils.convert import convert

    click.echo(f"wrote {convert(path, out, to):,} lines to {out}")
