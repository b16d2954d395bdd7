"""`htr read`: pictures in, text out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from htr_utils.cli.common import import_tensorflow
from htr_utils.errors import HtrError


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--model", default="course", show_default=True, help="name of a model, or path of a .keras file"
)
@click.option("--decoder", type=click.Choice(["greedy", "beam"]), default="greedy", show_default=True)
@click.option("--spelling", type=click.Choice(["off", "fast", "full"]), default="off", show_default=True,
              help="also print the text after autocorrect")  # fmt: skip
def read(files: tuple[str, ...], model: str, decoder: str, spelling: str) -> None:
    """Read pictures of single lines. A folder stands for the images in it.

    A file that cannot be read is named on stderr, the others are read all the same; the exit status is then 1.
    """
    from htr_utils.lines import images

    names = _expand(files)
    pictures, bad = {}, 0
    for name in names:
        try:
            grey = images.load(name)
            images.prepare(grey, images.Preparation())
            pictures[name] = grey
        except HtrError as error:
            bad += 1
            message = str(error) if name in str(error) else f"{name}: {error}"
            click.echo(f"error: {message}", err=True)
    if pictures:
        import_tensorflow()
        from htr_utils.recognizer import Recognizer

        readings = Recognizer.load(model).read(list(pictures.values()), decoder=decoder)  # type: ignore[call-overload]
        for name, reading in zip(pictures, readings, strict=True):
            if len(names) > 1:
                click.echo(f"{name}:")
            click.echo(reading.text if spelling == "off" else _corrected(reading.text, spelling))
    if bad:
        sys.exit(1)


def _corrected(text: str, mode: str) -> str:
    from htr_utils.text.spelling import Speller, without_with

    return without_with(text, Speller(mode=mode).correct(text))  # type: ignore[arg-type]


def _expand(files: tuple[str, ...]) -> list[str]:
    from htr_utils.lines.own import IMAGE_TYPES

    names: list[str] = []
    for file in files:
        if Path(file).is_dir():
            inside = [str(p) for p in sorted(Path(file).iterdir()) if p.suffix.lower() in IMAGE_TYPES]
            names += inside or [file]
        else:
            names.append(file)
    return names
