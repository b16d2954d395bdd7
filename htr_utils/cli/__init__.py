"""The `htr` command. Imports what a verb needs when it runs, so that `htr --help` answers at once."""

from __future__ import annotations

import os
from typing import ClassVar

import click

from htr_utils import __version__
from htr_utils.cli.data import data
from htr_utils.cli.evaluate import evaluate
from htr_utils.cli.export import export
from htr_utils.cli.lm import lm
from htr_utils.cli.one_line import Verbs
from htr_utils.cli.read import read
from htr_utils.cli.run import run
from htr_utils.cli.serve import serve
from htr_utils.cli.sweep import sweep
from htr_utils.cli.train import train


class _Commands(Verbs):
    moved: ClassVar[dict[str, str]] = {
        name: f"`python -m htr_utils {name}`, in a clone of the course"
        for name in ("bench", "classroom")
    }


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="htr")
def main() -> None:
    """Read handwritten text lines, train and measure the models that do."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


for command in (read, serve, evaluate, train, data, lm, run, sweep, export):
    main.add_command(command)
