"""The `htr` command. Imports what a verb needs when it runs, so that `htr --help` answers at once."""

from __future__ import annotations

import os
from typing import Any

import click

from htr_utils import __version__
from htr_utils.errors import HtrError


class _WrongUse(click.ClickException):
    """One line where click writes four."""

    exit_code = click.UsageError.exit_code


class _Commands(click.Group):
    """Turns a user's mistake into one line on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HtrError as error:
            raise click.ClickException(str(error)) from error
        except click.UsageError as error:
            if error.ctx is None or isinstance(error, click.exceptions.NoArgsIsHelpError):
                raise
            said = f"{error.format_message().rstrip('.')}; see {error.ctx.command_path} --help"
            raise _WrongUse(said) from error
        except OSError as error:  # a full disk, a folder that may not be written
            if isinstance(error, BrokenPipeError):
                raise
            said = str(error.strerror or error)
            told = (
                f"{error.filename}: {said}"
                if error.filename
                else f"{said}; make room, or choose another place"
            )
            raise click.ClickException(told) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="htr")
def main() -> None:
    """Read handwritten text lines, train and measure the models that do."""
    _quiet()


def _quiet() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


from htr_utils.cli.bench import bench  # noqa: E402
from htr_utils.cli.classroom import classroom  # noqa: E402
from htr_utils.cli.data import data  # noqa: E402
from htr_utils.cli.evaluate import evaluate  # noqa: E402
from htr_utils.cli.export import export  # noqa: E402
from htr_utils.cli.lm import lm  # noqa: E402
from htr_utils.cli.read import read  # noqa: E402
from htr_utils.cli.run import run  # noqa: E402
from htr_utils.cli.serve import serve  # noqa: E402
from htr_utils.cli.sweep import sweep  # noqa: E402
from htr_utils.cli.train import train  # noqa: E402

for command in (read, serve, evaluate, train, data, lm, run, sweep, bench, export, classroom):
    main.add_command(command)
