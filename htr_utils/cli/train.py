"""`htr train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from htr_utils import paths
from htr_utils.cli import common
from htr_utils.errors import HtrError


@click.command()
@common.DATA
@click.option(
    "--rendered",
    type=click.IntRange(0),
    default=0,
    help="train on so many rendered lines per epoch instead",
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1),
    help="with --rendered: this share of the lines comes from --data [default: 0]; without: this share of embedded "
    "lines is mixed in [default: 0.2 with --init]",
)
@click.option("--limit", type=click.IntRange(1), help="train on so many lines of --data only")
@click.option(
    "--leave-out",
    type=click.Path(exists=True),
    help="file of writers, forms or line ids of --data that training must not see",
)
@click.option(
    "--fold", is_flag=True, help="fold accents and unknown characters of the texts of --data"
)
@click.option(
    "--text",
    "texts",
    multiple=True,
    type=click.Path(exists=True),
    help="text files or folders for rendered lines",
)
@click.option(
    "--fonts",
    "font_folders",
    multiple=True,
    type=click.Path(exists=True),
    help="further folders of fonts",
)
@click.option("--debian", is_flag=True, help="also the handwriting fonts that Debian packages")
@click.option(
    "--preset",
    type=click.Choice(["course", "wide", "reference"]),
    help="[default: course, or that of --init]",
)
@click.option(
    "--charset",
    help="characters it writes: iam, latin, texts (those in --data), or a file that holds them; with --init, known "
    "ones keep what was learnt [default: that of --init, or iam]",
)
@click.option("--init", help="start from this model instead of random weights")
@click.option("--out", default="runs/train/model.keras", help="the model file to write")
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="[default: as many as suit the number of lines: 80 for 100 lines, 24 for IAM]",
)
@click.option("--batch", type=click.IntRange(1), default=24)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="[default: 0.0015, or 0.0005 with --init]",
)
@click.option("--augment", type=click.FloatRange(0, 3), default=1.0, help="strength, 0 for none")
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    help="of the convolutions; bfloat16 may be faster where the processor has it",
)
@common.TASK
@common.SPACING
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0)
@click.option(
    "--workers", type=click.IntRange(0, 64), default=1, help="processes that prepare lines"
)
@click.option(
    "--strategy",
    type=click.Choice(["auto", "mirrored", "multiworker"]),
    default="auto",
    help="devices: auto takes all GPUs here, or else the processor; multiworker is one process a machine, "
    "with TF_CONFIG and one shared --out",
)
@click.option(
    "--deterministic",
    is_flag=True,
    help="the same weights from every run and after every interruption, bit by bit",
)
def train(strategy: str, deterministic: bool, **options: Any) -> None:
    """Train a model. Interrupt it when you like: the same command goes on from the last finished epoch.

    `tensorboard --logdir OUT/logs` (OUT without .keras) shows the curves of a training while it runs.
    """
    _check(options)
    common.need("tensorflow", "keras", extra="train")
    common.import_tensorflow()
    from htr_utils import trainer
    from htr_utils.network import distribute

    if deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    way = distribute.Way(distribute.choose(strategy, click.echo))
    plan = trainer.Plan(**options)
    trainer.train(plan, command=common.command_line(plan.data), way=way, say=click.echo)
    if not plan.rendered and way.first:
        _report(plan.out, plan.data, plan.task, plan.spacing, plan.fold)


def _check(options: dict[str, Any]) -> None:
    """What can be said without TensorFlow, which takes seconds to import; HTR_DATA becomes --data.

    Raises:
        HtrError: a folder or model that is not there, a name that is no model file, options that mean nothing together.
    """
    options["data"] = common.folder_of(options["data"])
    if options["data"] is not None and not Path(options["data"]).exists():
        raise HtrError(f"--data {options['data']}: no such folder")
    if Path(options["out"]).suffix != ".keras":
        raise HtrError(f"--out {options['out']}: a model file ends in .keras")
    if options["init"] is not None:
        if paths.model_file(options["init"]).resolve() == Path(options["out"]).resolve():
            raise HtrError(
                f"--out {options['out']}: the model that is trained further stays as it is; give another"
            )
        if options["preset"] is not None:
            raise HtrError("--init says which preset it is; leave --preset out")
    options["preset"] = options["preset"] or "course"
    if not options["rendered"]:
        idle = (("texts", "--text"), ("font_folders", "--fonts"), ("debian", "--debian"))
        for name, shown in idle:
            if options[name]:
                raise HtrError(
                    f"{shown} is for rendered lines; say with --rendered how many, or leave it out"
                )
        if options["share"] and not paths.has_embedded():
            raise HtrError(
                "--share: the embedded lines are not here; clone the course, or say --share 0"
            )
    else:
        common.need("fontTools", "brotli", "skimage", extra="synth")


def _report(model: str, data: str | None, task: str | None, spacing: str, fold: bool) -> None:
    """The test split, which the training has not seen, beside what others published."""
    from htr_utils import published
    from htr_utils.lines import labels
    from htr_utils.recognizer import Recognizer

    found = labels.open_lines(data, spacing=spacing, task=task)  # type: ignore[arg-type]
    if "test" not in found.names:
        return
    rates = published.in_both_conventions(
        Recognizer.load(model), found.split("test"), "test", spacing, fold, click.echo
    )
    name = "embedded test"
    if data is not None:
        name = f"test of {Path(data).resolve().name}" + (f", {task}" if task else "")
    click.echo(published.beside_published(rates, name))
