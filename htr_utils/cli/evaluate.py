"""`htr evaluate`: CER and WER of a model."""

from __future__ import annotations

from typing import Any

import click

from htr_utils import paths
from htr_utils.cli import common


@click.command()
@common.MODEL
@common.DATA
@click.option(
    "--split",
    help="of a folder without splits, what its lines are called in the figures [default: test; all lines]",
)
@common.TASK
@common.SPACING
@click.option("--decoder", type=common.DECODERS, default="greedy")
@click.option("--fold", is_flag=True, help="fold accents and unknown characters of the truth")
@click.option("--ids", type=click.Path(exists=True), help="file of writers or documents to keep")
@click.option(
    "--groups",
    type=click.Choice(["line", "form", "writer"]),
    default="line",
    help="what the bootstrap draws: lines of one writer are alike, so the interval is wider",
)
@click.option(
    "--save",
    metavar="NAME",
    help="keep the figures under this name in metrics.json beside the model",
)
def evaluate(
    model: str,
    data: str | None,
    split: str | None,
    task: str | None,
    spacing: str,
    decoder: Any,
    fold: bool,
    ids: str | None,
    groups: str,
    save: str | None,
) -> None:
    """Measure CER and WER of a model, with 95 % bootstrap intervals."""
    from htr_utils import evaluation

    data = common.folder_of(data)
    lines, split = evaluation.to_measure(data, split, spacing=spacing, task=task)
    lines = common.only(lines, ids)
    file = paths.model_file(model)
    target = file.with_name("metrics.json")
    if save:
        evaluation.figures(target)
    from htr_utils.recognizer import Recognizer

    rates = evaluation.evaluate(
        Recognizer.load(model),
        lines,
        split=split,
        convention=spacing,
        decoder=decoder,
        fold=fold,
        groups=groups,
        say=click.echo,
    )
    click.echo(f"{rates['cer_text']}\n{rates['wer_text']}\n{rates['lines_per_second']} lines/s")
    if save:
        evaluation.record(target, save, rates, file, common.command_line(data))
        click.echo(f"kept as {save!r} in {target}")
