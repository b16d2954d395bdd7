"""`htr data`: build and check data sets."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from htr_utils import paths
from htr_utils.errors import HtrError


@click.group()
def data() -> None:
    """Build and check data sets."""


@data.command("check")
@click.argument("path", required=False)
def data_check(path: str | None) -> None:
    """Say whether a folder in IAM layout may be used; the exit status is 0 when it may."""
    from htr_utils.lines.check import check

    report = check(path or paths.data_root())
    click.echo(report.text())
    sys.exit(0 if report.usable else 1)


@data.command("build")
@click.option("--to", "target", default=None, help="folder [default: the embedded data/]")
@click.option(
    "--verify", is_flag=True, help="build into a temporary folder and compare the pixels' hashes"
)
def data_build(target: str | None, verify: bool) -> None:
    """Render the embedded data again: fetches its fonts with npm, takes about two minutes."""
    import tempfile

    from htr_utils.lines import build, datasheet, samples

    root = paths.repo_root()
    if root is None:
        raise HtrError(
            "data is built in a checkout of the course, which holds the passages; clone it first"
        )
    passages = build.read_passages(root / "data" / "passages.tsv")
    if verify:
        with tempfile.TemporaryDirectory() as folder:
            build.build(Path(folder) / "data", passages, say=click.echo)
            changed = build.verify(Path(folder) / "data", root / "data")
        click.echo(
            f"{len(changed)} lines differ"
            + (f", first {changed[0]}" if changed else ": the same pixels")
        )
        sys.exit(1 if changed else 0)
    folder_out = Path(target) if target else root / "data"
    build.build(folder_out, passages, say=click.echo)
    samples.build(folder_out / "samples")
    samples.build_letters(folder_out / "samples" / "pages")
    datasheet.write(folder_out, passages)
    click.echo(f"done: {folder_out}; check it with `htr data check {folder_out}`")
