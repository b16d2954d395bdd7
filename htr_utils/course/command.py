"""The `python -m htr_utils.course...` commands end with one line for a user's mistake, as `htr` does."""

from __future__ import annotations

from typing import Any

import click

from htr_utils.errors import HtrError


class OneLine(click.Command):
    """Turns HtrError into one line on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HtrError as error:
            raise click.ClickException(str(error)) from error
