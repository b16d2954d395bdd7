"""The `python -m htr_utils.course...` commands end with one line for a user's mistake, as `htr` does."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec

import click

from htr_utils import files
from htr_utils.errors import HtrError

_P = ParamSpec("_P")


class OneLine(click.Command):
    """Turns HtrError into one line on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HtrError as error:
            raise click.ClickException(str(error)) from error


def one_line(main: Callable[_P, int | None]) -> Callable[_P, int]:
    """The same for a command without click, and for a file that is not there or cannot be written."""

    @functools.wraps(main)
    def run(*args: _P.args, **words: _P.kwargs) -> int:
        try:
            return main(*args, **words) or 0
        except HtrError as error:
            said = str(error)
        except FileNotFoundError as error:
            said = f"no file {error.filename}"
        except OSError as error:
            if error.filename is None:
                raise
            said = str(files.refused(Path(error.filename), error))
        print(f"error: {said}", file=sys.stderr)
        return 1

    return run
