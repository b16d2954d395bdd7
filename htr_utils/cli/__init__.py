"""The `htr` command. A verb's module is imported when it is called, so that `htr --help` answers at once."""

from __future__ import annotations

import importlib
import os
from typing import ClassVar

import click

from htr_utils import __version__
from htr_utils.cli.one_line import Verbs

VERBS = {
    "read": "Read pictures of lines or of pages.",
    "serve": "The web page, on this machine.",
    "evaluate": "Measure CER and WER of a model.",
    "train": "Train a model.",
    "data": "Check data sets.",
    "lm": "Train a language model, and score text with it.",
    "run": "Run one chapter with parameters.",
    "sweep": "Run one chapter at many points.",
    "export": "A model for other programs.",
}


class _Commands(Verbs):
    moved: ClassVar[dict[str, str]] = {
        name: f"`python -m htr_utils {name}`, in a clone of the course"
        for name in ("bench", "classroom")
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = getattr(
            importlib.import_module(f"htr_utils.cli.{cmd_name}"), cmd_name
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="htr")
def main() -> None:
    """Read handwritten text lines, train and measure the models that do."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
