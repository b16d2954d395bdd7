"""Render the embedded data again: `python -m htr_utils data-build`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from htr_utils import paths
from htr_utils.cli.one_line import OneLine
from htr_utils.errors import HtrError
from htr_utils.text.passages import read_passages


@click.command(cls=OneLine)
@click.option("--to", "target", help="folder [default: the embedded data/]")
@click.option(
    "--verify", is_flag=True, help="build into a temporary folder and compare the pixels' hashes"
)
def main(target: str | None, verify: bool) -> None:
    """Render the embedded data again: fetches its fonts with npm, takes about two minutes."""
    from workshop.material import build, datasheet, samples

    root = paths.repo_root()
    if root is None:
        raise HtrError("data is built in a clone of the course, which holds the passages")
    passages = read_passages(root / "data" / "passages.tsv")
    if verify:
        with tempfile.TemporaryDirectory() as folder:
            build.build(Path(folder) / "data", passages, say=click.echo)
            changed = build.verify(Path(folder) / "data", root / "data")
        click.echo(
            f"{len(changed)} lines differ"
            + (f", first {changed[0]}" if changed else ": the same pixels")
        )
        sys.exit(1 if changed else 0)
    out = Path(target) if target else root / "data"
    build.build(out, passages, say=click.echo)
    samples.build(out / "samples")
    datasheet.write(out, passages)
    click.echo(f"done: {out}; check it with `htr data check {out}`")


if __name__ == "__main__":
    main()
