"""`htr export`: a model for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from htr_utils import files, paths
from htr_utils.cli.common import import_tensorflow, need
from htr_utils.errors import HtrError


@click.command()
@click.option(
    "--model",
    default="course",
    show_default=True,
    help="name of a model, or path of a .keras or .onnx file",
)
@click.option("--to", "kind", type=click.Choice(["savedmodel", "tflite", "onnx"]), required=True)
@click.option(
    "--width",
    type=int,
    default=None,
    help="fix the width in pixels, a multiple of 32 [default: any width]",
)
@click.option("--out", default=None, help="file or folder to write [default: runs/export/<model>]")
@click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="read a line with the export, and compare",
)
@click.option(
    "--convolutions",
    type=click.Choice(["8bit", "float32"]),
    default="8bit",
    show_default=True,
    help="of ONNX: 8 bits read half as many lines again in the same time",
)
def export(
    model: str, kind: str, width: int | None, out: str | None, check: bool, convolutions: str
) -> None:
    """Write a model as ONNX, as TensorFlow SavedModel, or for TensorFlow Lite.

    Put beside the model (`--out mine.onnx`), an ONNX file is what `htr read --model mine.keras` reads with, without
    TensorFlow. A JSON file beside each export holds the charset, how pictures are prepared, and an example.
    """
    file = paths.model_file(model)
    target = Path(out) if out else Path("runs") / "export" / file.stem
    if not target.name:
        raise HtrError(f"--out {out}: name a file or a folder of its own")
    if target.suffix == ".keras":
        raise HtrError(f"--out {out}: an export never ends in .keras; choose another name")
    need("tensorflow", *(["onnx"] if kind == "onnx" else []), extra="train")
    import_tensorflow()
    from htr_utils.network import archive
    from htr_utils.network import export as exports

    loaded, digest, inks = archive.load(file), files.sha256(file), []
    if kind == "onnx":
        path = exports.export(loaded, target, kind, width, made_from=digest)
        told = exports.check(loaded, path, width=width) if check else ""
        if convolutions == "8bit":
            inks = exports.scale_lines(loaded.preset.preparation)
            if not inks:
                click.echo(
                    "note: 8 bits need the embedded lines of a clone; float32 instead", err=True
                )
    if inks or kind != "onnx":
        path = exports.export(loaded, target, kind, width, inks, digest)
        more = exports.check(loaded, path, inks, width) if check else ""
        told = "; in 8 bits ".join(filter(None, [told, more])) if inks else more
    click.echo(
        f"{path}: {kind}; {exports.description_file(path).name} beside it says how to use it"
    )
    if check:
        click.echo(f"checked: {told}")
