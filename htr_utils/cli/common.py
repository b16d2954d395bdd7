"""What several commands of `htr` share."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from typing import TYPE_CHECKING

import click

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.quiet import hushed

if TYPE_CHECKING:
    from htr_utils.lines.iam import Line

MODEL = click.option(
    "--model", default="course", help="name of a model, or path of a .keras or .onnx file"
)
DATA = click.option(
    "--data",
    help="folder of lines and texts in any usual form, see `htr data check` [default: embedded]",
)
TASK = click.option(
    "--task", help="which split lists, where a folder has several: own, official, aachen"
)
SPACING = click.option("--spacing", type=click.Choice(["natural", "raw"]), default="natural")
DECODERS = click.Choice(["greedy", "beam", "lm", "lexicon"])


def import_tensorflow() -> None:
    """Import it without its greetings."""
    if "tensorflow" not in sys.modules:
        with hushed():
            import tensorflow  # noqa: F401


def need(*modules: str, extra: str) -> None:
    """Raises HtrError with the remedy where a library of an extra is missing."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise HtrError(
            f'this needs {", ".join(missing)}; install it with: pip install -e ".[{extra}]"'
        )


def command_line(data: str | None = None) -> str:
    """This command as others would give it: folders of this machine by their last part alone.

    Args:
        data: the folder that is used; it is added where HTR_DATA named it.
    """
    command = "htr " + shlex.join(map(paths.as_told, sys.argv[1:]))
    given = any(part.split("=")[0] == "--data" for part in sys.argv[1:])
    return command if data is None or given else f"{command} --data {paths.as_told(data)}"


def folder_of(data: str | None) -> str | None:
    """--data, or where it is not given the folder that HTR_DATA names; None is the embedded data."""
    named = paths.named_data() if data is None else None
    return str(named) if named else data


def only(lines: list[Line], ids: str | None) -> list[Line]:
    """The lines whose writer, form or id the file `ids` names, for --ids; all of them where it is None."""
    if ids is None:
        return lines
    from htr_utils.lines.iam import named

    kept = named(lines, ids)
    return [line for line in lines if line.id in kept]
