"""`htr export`: a model for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from htr_utils import files, paths
from htr_utils.cli.common import MODEL, import_tensorflow, need
from htr_utils.errors import HtrError


@click.command()
@MODEL
@click.option("--to", type=click.Choice(["onnx"]), default="onnx", hidden=True)
@click.option("--out", help="file to write [default: runs/export/<model>.onnx]")
@click.option("--check/--no-check", default=True, help="read a line with the export, and compare")
@click.option(
    "--convolutions",
    type=click.Choice(["8bit", "float32"]),
    default="8bit",
    help="8 bits read half as many lines again in the same time",
)
def export(model: str, to: str, out: str | None, check: bool, convolutions: str) -> None:
    """Write a model as ONNX, for other programs.

    Put beside the model (`--out mine.onnx`), an ONNX file is what `htr read --model mine.keras` reads with, without
    TensorFlow. A JSON file beside each export holds the charset, how pictures are prepared, and an example.
    """
    file = paths.model_file(model)
    target = Path(out) if out else Path("runs") / "export" / file.stem
    if not target.name:
        raise HtrError(f"--out {out}: name a file")
    if target.suffix == ".keras":
        raise HtrError(f"--out {out}: an export never ends in .keras; choose another name")
    need("tensorflow", "onnx", extra="train")
    import_tensorflow()
    from htr_utils.network import archive
    from htr_utils.network import export as exports

    loaded, digest = archive.load(file), files.sha256(file)
    path = exports.export(loaded, target, made_from=digest)
    checked = [exports.check(loaded, path)] if check else []
    if convolutions == "8bit":
        inks = exports.scale_lines(loaded.preset.preparation)
        if inks:
            path = exports.export(loaded, target, inks, digest)
            checked += [f"in 8 bits {exports.check(loaded, path, inks)}"] if check else []
        else:
            click.echo("note: 8 bits need the embedded lines of a clone; float32 instead", err=True)
    click.echo(f"{path}; {exports.description_file(path).name} beside it says how to use it")
    if checked:
        click.echo(f"checked: {'; '.join(checked)}")
