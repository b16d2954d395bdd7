"""`htr run`: one chapter with parameters, its results beside it."""

from __future__ import annotations

from pathlib import Path

import click

from htr_utils.cli.common import need
from htr_utils.errors import HtrError


@click.command()
@click.argument("chapter")
@click.option(
    "-p",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="a parameter of the chapter; repeatable",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    help="folder for the results [default: runs/NN_name-KEY, a key for each set of parameters]",
)
@click.option("--timeout", type=click.IntRange(1), default=3600, help="seconds for one cell")
@click.option(
    "--parameters", "only_list", is_flag=True, help="list the chapter's parameters and stop"
)
def run(
    chapter: str, given: tuple[str, ...], out: str | None, timeout: int, only_list: bool
) -> None:
    """Run CHAPTER (number, name, or path of a notebook) with other parameters.

    Writes the executed notebook, the same as a page, and metrics.json with parameters, results, versions, git
    state, the data's fingerprint, seed and machine.
    """
    need("papermill", "jupytext", "nbconvert", extra="course")
    from htr_utils.runs import execute, record
    from htr_utils.runs import given as described

    notebook = execute.find_notebook(chapter)
    known = described.Chapter(notebook)
    if only_list:
        click.echo("\n".join(map(str, known.parameters.values())))
        return
    values = {}
    for one in given:
        name, sign, text = one.partition("=")
        if not sign or not name:
            raise HtrError(f"-p {one}: give NAME=VALUE, without spaces around the sign")
        if name in values:
            raise HtrError(f"-p {name} is given twice")
        values[name] = known.typed(name, text)
    known.check(values)
    folder = Path(out or f"runs/{notebook.stem}-{record.key(values)}")
    click.echo(f"running {notebook.stem} into {folder}", err=True)
    row = record.run(notebook, values, folder, timeout=timeout)
    if row["error"]:
        raise HtrError(f"{row['error']}; see {folder / (notebook.stem + '.ipynb')}")
    click.echo(f"{row['seconds']:.0f} s, {row['peak_mb']:,} MB; {folder / record.METRICS}")
