"""The `htr` command. Imports what a verb needs when it runs, so that `htr --help` answers at once."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from htr_utils import __version__, paths
from htr_utils.errors import HtrError
from htr_utils.quiet import hushed


class _Commands(click.Group):
    """Turns a user's mistake into one line on stderr and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HtrError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="htr")
def main() -> None:
    """Read handwritten text lines, train and measure the models that do."""
    _quiet()


def _quiet() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def _import_tensorflow() -> None:
    """Import it without its greetings."""
    if "tensorflow" not in sys.modules:
        with hushed():
            import tensorflow  # noqa: F401


@main.command()
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
        _import_tensorflow()
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


@main.command()
@click.option(
    "--model", default="course", show_default=True, help="name of a model, or path of a .keras file"
)
@click.option(
    "--data",
    type=str,
    default=None,
    help="IAM-layout folder, or one with transcriptions.tsv [default: embedded]",
)
@click.option("--split", default="test", show_default=True)
@click.option(
    "--task", default=None, help="which split lists, where a folder has several: own, official, aachen"
)
@click.option("--spacing", type=click.Choice(["natural", "raw"]), default="natural", show_default=True)
@click.option("--decoder", type=click.Choice(["greedy", "beam"]), default="greedy", show_default=True)
@click.option("--fold", is_flag=True, help="fold accents and unknown characters of the truth")
@click.option(
    "--ids", type=click.Path(exists=True), default=None, help="file of writers or documents to keep"
)
@click.option(
    "--save", metavar="NAME", default=None, help="keep the figures in model/metrics.json under this name"
)
def evaluate(
    model: str, data: str | None, split: str, task: str | None, spacing: str, decoder: Any, fold: bool, ids: str | None,
    save: str | None,
) -> None:  # fmt: skip
    """Measure CER and WER of a model, with 95 % bootstrap intervals."""
    from htr_utils import evaluation

    lines = evaluation.load_lines(data, split, spacing=spacing, task=task)
    if ids is not None:
        rows = Path(ids).read_text(encoding="utf-8").splitlines()
        keep = {row.strip() for row in rows if row.strip() and not row.startswith("#")}
        lines = [line for line in lines if line.writer_id in keep]
    _import_tensorflow()
    from htr_utils.recognizer import Recognizer

    found = evaluation.evaluate(
        Recognizer.load(model),
        lines,
        split=split,
        convention=spacing,
        decoder=decoder,
        fold=fold,
    )
    click.echo(f"{found['cer_text']}\n{found['wer_text']}\n{found['lines_per_second']} lines/s")
    if save:
        from htr_utils import cards

        root, file = paths.repo_root(), paths.model_file(model)
        target = (root / "model" if root else file.parent) / "metrics.json"
        evaluation.record(target, save, found, file, "htr " + shlex.join(_portable(sys.argv[1:])))
        cards.write(file, target)
        click.echo(f"kept as {save!r} in {target}")


def _portable(arguments: list[str]) -> list[str]:
    """A command as others would give it: folders of this machine by their last part alone."""
    return [Path(a).name if Path(a).is_absolute() else a for a in arguments]


@main.command()
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
@click.option("--workers", type=click.IntRange(0, 64), default=1, show_default=True, help="processes that prepare lines")
def train(**options: Any) -> None:
    """Train a model. Interrupt it when you like: the same command goes on from the last finished epoch."""
    _import_tensorflow()
    from htr_utils.network import fit

    fit.train(**options, command="htr " + shlex.join(_portable(sys.argv[1:])), say=click.echo)


@main.group()
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
@click.option("--verify", is_flag=True, help="build into a temporary folder and compare the pixels' hashes")
def data_build(target: str | None, verify: bool) -> None:
    """Render the embedded data again: fetches its fonts with npm, takes about two minutes."""
    import tempfile

    from htr_utils.lines import build, datasheet, samples

    root = paths.repo_root()
    if root is None:
        raise HtrError("data is built in a checkout of the course, which holds the passages; clone it first")
    passages = build.read_passages(root / "data" / "passages.tsv")
    if verify:
        with tempfile.TemporaryDirectory() as folder:
            build.build(Path(folder) / "data", passages, say=click.echo)
            changed = build.verify(Path(folder) / "data", root / "data")
        click.echo(
            f"{len(changed)} lines differ" + (f", first {changed[0]}" if changed else ": the same pixels")
        )
        sys.exit(1 if changed else 0)
    folder_out = Path(target) if target else root / "data"
    build.build(folder_out, passages, say=click.echo)
    samples.build(folder_out / "samples")
    datasheet.write(folder_out, passages)
    click.echo(f"done: {folder_out}; check it with `htr data check {folder_out}`")


if __name__ == "__main__":
    main()
