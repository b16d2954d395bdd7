"""A user's mistake ends a command with one line on stderr and exit status 1, never with a traceback."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, ClassVar, ParamSpec

import click

from htr_utils import files
from htr_utils.errors import HtrError

_P = ParamSpec("_P")


class _WrongUse(click.ClickException):
    """One line where click writes four."""

    exit_code = click.UsageError.exit_code


def mistake(error: Exception) -> str | None:
    """The line for a user's mistake, or for a file or place that the system refuses; None for any other error."""
    if isinstance(error, HtrError):
        return str(error)
    if isinstance(error, BrokenPipeError) or not isinstance(error, OSError):
        return None
    reason = str(error.strerror or error)
    if isinstance(error, (FileExistsError, NotADirectoryError)) and error.filename:
        return str(files.refused(error.filename, error))
    if error.filename:
        return f"{error.filename}: {reason}"
    return f"{reason}; make room, or choose another place"


class OneLine(click.Command):
    """A command of its own, as `python -m workshop...`, whose help shows the defaults."""

    def __init__(self, name: str | None = None, **options: Any) -> None:
        super().__init__(name, **options)
        self.context_settings = {"show_default": True, **self.context_settings}

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if error.ctx is None or isinstance(error, click.exceptions.NoArgsIsHelpError):
                raise
            line = f"{error.format_message().rstrip('.')}; see {error.ctx.command_path} --help"
            raise _WrongUse(line) from error
        except Exception as error:
            said = mistake(error)
            if said is None:
                raise
            raise click.ClickException(said) from error


class Verbs(OneLine, click.Group):
    """A command with verbs.

    moved: the verbs of former versions, and what takes their place; asked for one of them, it says so.
    """

    moved: ClassVar[dict[str, str]] = {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] in self.moved:
            raise HtrError(f"`{ctx.command_path} {args[0]}` is now {self.moved[args[0]]}")
        return super().resolve_command(ctx, args)


def one_line(main: Callable[_P, int | None]) -> Callable[_P, int]:
    """The same for a command without click."""

    @functools.wraps(main)
    def run(*args: _P.args, **words: _P.kwargs) -> int:
        try:
            return main(*args, **words) or 0
        except Exception as error:
            line = mistake(error)
            if line is None:
                raise
        print(f"error: {line}", file=sys.stderr)
        return 1

    return run
