"""The pages that measurements write: templates beside this file, filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import jinja2

from htr_utils.files import write_text


def filled(name: str, **values: Any) -> str:
    """The template `NAME.md` with its values."""
    text = Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8")
    return jinja2.Template(text, keep_trailing_newline=True).render(values)


def give(text: str, target: str | Path | None) -> None:
    """Print a page, and write it where a file is named."""
    click.echo(text)
    if target:
        write_text(target, text)
