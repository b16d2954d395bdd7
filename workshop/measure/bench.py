"""`python -m htr_utils bench`: speed and accuracy, side by side with other readers."""

from __future__ import annotations

from pathlib import Path

import click

from htr_utils import paths
from htr_utils.cli.common import command_line, folder_of, need, only
from htr_utils.cli.one_line import OneLine
from htr_utils.errors import HtrError


@click.command(cls=OneLine)
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("course",),
    help="name of a model or path of a .keras file; repeatable, the first is ours",
)
@click.option(
    "--data", help="IAM-layout folder, or one with transcriptions.tsv [default: embedded]"
)
@click.option(
    "--split",
    help="of a folder without splits, what its lines are called in the title [default: test; all lines]",
)
@click.option("--task", help="which split lists, where a folder has official and Aachen's")
@click.option("--ids", type=click.Path(exists=True), help="file of writers or documents to keep")
@click.option(
    "--limit", type=click.IntRange(1), help="read so many lines, spread over all, at most"
)
@click.option(
    "--preset",
    "presets",
    multiple=True,
    type=click.Choice(["course", "wide", "reference"]),
    default=("course", "wide", "reference"),
    help="to measure; repeatable",
)
@click.option("--speed/--no-speed", default=True, help="measure the presets' speed")
@click.option(
    "--peers/--no-peers",
    default=True,
    help="read the same lines with RapidOCR, Tesseract and EasyHTR, where they are installed",
)
@click.option(
    "--peer-python",
    "python",
    multiple=True,
    metavar="FILE",
    help="a Python interpreter of another environment that has peers; repeatable",
)
@click.option(
    "--to",
    "target",
    help="Markdown file to write, the figure beside it [default: docs/measured/bench.md]",
)
def main(
    models: tuple[str, ...],
    data: str | None,
    split: str | None,
    task: str | None,
    ids: str | None,
    limit: int | None,
    presets: tuple[str, ...],
    speed: bool,
    peers: bool,
    python: tuple[str, ...],
    target: str | None,
) -> None:
    """Measure how fast the presets read and train, and how well this model and its peers read the same lines.

    Each measurement runs in a process of its own. Leave the machine alone meanwhile.
    """
    from htr_utils import evaluation

    need("matplotlib", extra="course")  # for the figure; said before anything is measured
    data = folder_of(data)
    root = paths.repo_root()
    file = Path(target) if target else (root or Path()) / "docs" / "measured" / "bench.md"
    if file.suffix != ".md":
        raise HtrError(f"--to {file}: the table is Markdown; let the name end in .md")
    if speed and not paths.has_embedded():
        raise HtrError(
            "speed is measured on the embedded lines, which are not here; clone the course, or use --no-speed"
        )
    for model in models:
        paths.model_file(model)
    lines, split = evaluation.to_measure(data, split, task=task)
    lines = only(lines, ids)
    if limit is not None and len(lines) > limit:
        lines = [lines[number * len(lines) // limit] for number in range(limit)]
    if not lines:
        raise HtrError("no lines to read; check --split and --ids")
    training = evaluation.load_lines(paths.embedded_root(), "train") if speed else []
    from workshop.measure import side_by_side as measure

    job = measure.Job(
        models,
        presets if speed else (),
        lines,
        training,
        python,
        peers,
        say=lambda text: click.echo(text, err=True),
    )
    title = f"{Path(data).name if data else 'embedded data'}, {Path(ids).stem if ids else split}"
    found = measure.run(job)
    table, figure = measure.write(found, file, command=command_line(data), title=title)
    ours = paths.model_file(models[0])
    figures = ours.with_name("metrics.json")  # without it the model has no card
    if (
        target is None
        and (data, ids, limit, split) == (None, None, None, "test")
        and figures.is_file()
    ):
        from workshop.publish import cards

        measure.keep_speed(found, ours, command_line(data))
        cards.write(ours, figures)
    click.echo(f"{table.read_text(encoding='utf-8')}\nkept in {table} and {figure.name}")


if __name__ == "__main__":
    main()
