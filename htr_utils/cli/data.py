"""`htr data`: is a folder of lines fit to train and test on?"""

from __future__ import annotations

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
    """Check data sets."""


@data.command("check")
@click.argument("path", required=False)
def data_check(path: str | None) -> None:
    """Say whether a folder in IAM layout may be used; the exit status is 0 when it may."""
    from htr_utils.lines.check import check

    report = check(path or paths.data_root())
    click.echo(report.text())
    sys.exit(0 if report.usable else 1)
