"""`htr export`: a model for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from htr_utils import paths
from htr_utils.cli.common import import_tensorflow
from htr_utils.errors import HtrError


@click.command()
@click.option(
    "--model", default="course", show_default=True, help="name of a model, or path of a .keras file"
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
def export(model: str, kind: str, width: int | None, out: str | None, check: bool) -> None:
    """Write a model as TensorFlow SavedModel, for TensorFlow Lite, or as ONNX.

    A JSON file beside it holds the charset and how pictures are prepared. ONNX needs `pip install -e '.[export]'`.
    """
    file = paths.model_file(model)
    target = Path(out) if out else Path("runs") / "export" / file.stem
    if not target.name:
        raise HtrError(f"--out {out}: name a file or a folder of its own")
    if target.suffix == ".keras":
        raise HtrError(f"--out {out}: an export never ends in .keras; choose another name")
    import_tensorflow()
    from htr_utils.network import archive
    from htr_utils.network import export as exports

    loaded = archive.load(file)
    path = exports.export(loaded, target, kind, width)
    click.echo(
        f"{path}: {kind}; {exports.description_file(path).name} beside it says how to use it"
    )
    if check:
        gap = exports.difference(loaded, path, width)
        click.echo(f"checked: its logits differ from the model's by at most {gap:.1e}")
