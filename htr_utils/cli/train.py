"""`htr train`."""

from __future__ import annotations

from typing import Any

import click

from htr_utils.cli.common import command_line, import_tensorflow


@click.command()
@click.option(
    "--data",
    type=str,
    default=None,
    help="IAM-layout folder, or one with transcriptions.tsv [default: embedded]",
)
@click.option(
    "--rendered",
    type=int,
    default=0,
    show_default=True,
    help="train on so many rendered lines per epoch instead",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="with --rendered: this share of the lines comes from --data",
)
@click.option(
    "--leave-out",
    type=click.Path(exists=True),
    default=None,
    help="file of writers or documents of --data that training must not see",
)
@click.option("--fold", is_flag=True, help="fold accents and unknown characters of the texts of --data")
@click.option(
    "--text",
    "texts",
    multiple=True,
    type=click.Path(exists=True),
    help="text files or folders for rendered lines",
)
@click.option(
    "--fonts", "font_folders", multiple=True, type=click.Path(exists=True), help="further folders of fonts"
)
@click.option("--debian/--no-debian", default=False, help="also the handwriting fonts that Debian packages")
@click.option("--preset", type=click.Choice(["course", "reference"]), default="course", show_default=True)
@click.option("--init", default=None, help="start from this model instead of random weights")
@click.option("--out", default="runs/train/model.keras", show_default=True, help="the model file to write")
@click.option("--epochs", type=int, default=20, show_default=True)
@click.option("--batch", type=int, default=24, show_default=True)
@click.option("--rate", type=float, default=1.5e-3, show_default=True)
@click.option("--augment", type=float, default=1.0, show_default=True, help="strength, 0 for none")
@click.option(
    "--task", default=None, help="which split lists, where a folder has several: own, official, aachen"
)
@click.option("--spacing", type=click.Choice(["natural", "raw"]), default="natural", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="processes that prepare lines"
)
def train(**options: Any) -> None:
    """Train a model. Interrupt it when you like: the same command goes on from the last finished epoch."""
    import_tensorflow()
    from htr_utils.network import fit

    fit.train(**options, command=command_line(), say=click.echo)
