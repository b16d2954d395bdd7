"""The trainer: `train(Plan(...))` makes a model file from what `htr train` is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from htr_utils import files, paths
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, labels
from htr_utils.network import archive, distribute, models, training, widen
from htr_utils.text.charset import Charset
from htr_utils.trainer import material


@dataclass(frozen=True)
class Plan:
    """What a training learns from, and how. The options of `htr train`, whose help says more.

    data: folder of lines; None is the embedded one. rendered: lines per epoch that are rendered from `texts` with
    fonts of the table and of `font_folders`; 0 trains on the lines of `data` alone. share: with `rendered`, of
    lines drawn from `data` instead; without, of embedded lines mixed in. limit: at most so many lines of `data`.
    leave_out: file of writers, forms or line ids that no training may see. fold: texts are folded to the charset.
    init: model to go on from; preset: network to build otherwise. charset: `iam`, `latin`, `texts` (those of `data`) or
    a file of characters; None keeps that of `init`, or is `iam`. augment: strength, 0 for none. epochs, rate, share:
    None takes what suits lines and start. precision: see `training.Settings`. workers: processes that prepare lines.
    """

    out: str
    data: str | None = None
    rendered: int = 0
    share: float | None = None
    limit: int | None = None
    leave_out: str | None = None
    fold: bool = False
    texts: Sequence[str] = ()
    font_folders: Sequence[str] = ()
    debian: bool = False
    preset: str = "course"
    charset: str | None = None
    init: str | None = None
    epochs: int | None = None
    batch: int = 24
    rate: float | None = None
    augment: float = 1.0
    precision: str = "float32"
    task: str | None = None
    spacing: str = "natural"
    seed: int = 0
    workers: int = 1


def default_epochs(lines: int) -> int:
    """Epochs over a data set of so many lines: short for a handful, 150,000 lines in all for a whole database.

    On two cores (about 20 lines a second) that is under ten minutes for 100 lines and two hours for IAM.
    """
    return max(1, round(min(150_000, min(4_000, 40 * lines) + 40 * lines) / max(1, lines)))


def train(
    plan: Plan,
    *,
    command: str = "",
    way: distribute.Way = distribute.ONE,
    say: Callable[[str], None] = print,
) -> Path:
    """Train a model as planned; returns its file.

    The validation lines of `data` choose the best epoch, or the embedded ones where lines are rendered and `data`
    has no splits. A model that is trained further on lines of `data` sees embedded lines besides, so that it keeps
    what it knew.

    Args:
        command: what the model file says made it. way: on which devices.

    Raises:
        HtrError: interrupted; no line to train on; whatever else is wrong with files, texts, or `plan.out`.
    """
    import keras

    if plan.share is None and not plan.rendered:
        keeps = plan.init is not None and plan.data is not None and paths.has_embedded()
        plan = replace(plan, share=0.2 if keeps else 0.0)
    keras.utils.set_random_seed(plan.seed)
    data = open_data(plan, say)
    start = None
    with models.built_for(plan.precision), way.scope():
        if plan.init is not None:
            start = archive.load(paths.model_file(plan.init))
            known = start.charset
            charset = material.charset_for(plan.charset, data, known)
            start = widen.with_charset(start, charset)
            if new := known.unknown(charset.characters):
                say(f"writes {len(charset.characters)} characters, of them new: {new}")
            if gone := charset.unknown(known.characters):
                say(f"writes {len(charset.characters)} characters, no longer: {gone}")
            chosen, model = start.preset, start.model
        else:
            chosen, charset = (
                models.preset(plan.preset),
                material.charset_for(plan.charset, data, None),
            )
            model = models.build(chosen, charset.classes)
    targets = training.labels_for(chosen, charset)
    lines, validation = _lines(plan, data, chosen, charset, targets, say)
    prepared = dataset.FileLines(lines.train, chosen.preparation, plan.augment, plan.seed)
    mix = _mix(plan, lines, prepared, charset)
    epochs = default_epochs(len(mix.source)) if plan.epochs is None else plan.epochs
    rate = (5e-4 if plan.init is not None else 1.5e-3) if plan.rate is None else plan.rate
    say(
        f"training {chosen.name} ({model.count_params() / 1e6:.2f} M parameters) on {mix.origin}; "
        f"{epochs} epochs, rate {rate:g}"
    )
    if validation:
        validation = material.usable(
            validation, chosen.preparation, targets, "validation lines", say
        )
    settings = training.Settings(
        epochs=epochs,
        batch=plan.batch,
        rate=rate,
        warmup=min(300, max(1, epochs * len(mix.source) // max(1, plan.batch) // 10)),
        seed=plan.seed,
        precision=plan.precision,
    )
    batches = dataset.Batches(mix.source, targets, plan.batch, seed=plan.seed, workers=plan.workers)
    watched = dataset.Batches(
        dataset.FileLines(validation, chosen.preparation), targets, 32, shuffle=False
    )
    trainer = way.trainer(
        model,
        chosen,
        charset,
        batches,
        settings,
        validation=watched if validation else None,
        folder=Path(plan.out).with_suffix(""),
        say=say,
        made_from=_made_from(plan, lines.train, validation, mix),
    )
    begun = trainer.measure(watched)["cer"] if start and validation else None
    if begun is not None:
        say(f"before training: validation CER {100 * begun:.2f} %")
    about: dict[str, Any] = {"command": command, "seed": plan.seed, "origin": mix.origin}
    if start and start.about.get("command"):
        about["stages"] = [*start.about.get("stages", []), start.about["command"]]
    _run(trainer, batches, plan.out, about, begun, way.first, say)
    return Path(plan.out)


def open_data(plan: Plan, say: Callable[[str], None]) -> labels.Labelled | None:
    """The labels of `plan.data`, read once; None is the embedded folder.

    Raises:
        HtrError: a folder of which no line would be used; what `labels.open_lines` raises.
    """
    if plan.data is None:
        return None
    found = labels.open_lines(plan.data, spacing=plan.spacing, task=plan.task)  # type: ignore[arg-type]
    if plan.rendered and not plan.share:
        if not found.names:
            raise HtrError(
                f"--data {plan.data}: no line of it would be used; say with --share how much of it"
            )
        say(f"{plan.data}: its validation lines only watch; --share learns from the others")
    return found


def _lines(
    plan: Plan,
    data: labels.Labelled | None,
    chosen: models.Preset,
    charset: Charset,
    targets: training.Labels,
    say: Callable[[str], None],
) -> tuple[material.Material, list[Any]]:
    """The lines of `plan.data`, those that no network can learn left out, and the lines that are watched."""
    lines = material.material(
        data,
        charset,
        spacing=plan.spacing,
        task=plan.task,
        leave_out=plan.leave_out,
        fold=plan.fold,
    )
    if plan.rendered and not lines.parted:
        lines = material.all_for_training(lines)
    lines = material.limited(lines, plan.limit)
    if plan.data is not None or not plan.rendered:
        usable = material.usable(lines.train, chosen.preparation, targets, "lines", say)
        lines = replace(lines, train=usable)
    validation = lines.validation
    if not validation and plan.rendered:
        validation = material.material(None, charset, spacing=plan.spacing).validation
    if not validation:
        say("no validation lines: the last epoch is kept, not the best")
    return lines, validation


def _mix(
    plan: Plan, lines: material.Material, prepared: dataset.FileLines, charset: Charset
) -> material.Mix:
    """What is seen in each epoch."""
    if plan.rendered:
        return material.from_rendered(
            lines,
            prepared,
            material.training_text(plan.texts),
            material.training_fonts(plan.font_folders, debian=plan.debian),
            charset,
            plan.rendered,
            plan.share or 0,
        )
    return material.from_lines(lines, prepared, charset, plan.spacing, plan.share or 0)


def _made_from(
    plan: Plan, train: Sequence[Any], validation: Sequence[Any], mix: material.Mix
) -> dict[str, Any]:
    """What the weights depend on besides the settings, for `training.Trainer`."""
    return ({"--charset": plan.charset} if plan.charset else {}) | {
        "lines": material.fingerprint(train),
        "validation lines": material.fingerprint(validation),
        "--init": plan.init and files.sha256(paths.model_file(plan.init)),
        "options": [plan.rendered, plan.share, plan.augment],
        "texts, fonts or embedded lines": hashlib.sha256("\n".join(mix.drawn).encode()).hexdigest()[
            :16
        ],
    }


def _run(
    trainer: training.Trainer,
    batches: dataset.Batches,
    out: str,
    about: dict[str, Any],
    begun: float | None,
    first: bool,
    say: Callable[[str], None],
) -> None:
    """Train to the end or to Ctrl-C, write the best model, say what it is.

    Args:
        about: what the file tells of itself; epochs and validation CER are added.
        begun: the validation CER of the model that it began with, if measured. first: whether to say what is written.

    Raises:
        HtrError: interrupted; the best model so far is written all the same.
    """
    stopped = False
    try:
        trainer.run()
    except KeyboardInterrupt:
        stopped = True
    finally:
        batches.close()
    if stopped and not trainer.epoch:
        raise HtrError("interrupted in the first epoch: nothing is kept yet")
    best = trainer.best
    about |= {"epochs": trainer.epoch, "best_epoch": best.epoch if best else trainer.epoch}
    trainer.export(out, about | {"validation_cer": best.cer if best else None})
    result = f"{out}: epoch {best.epoch}, validation CER {100 * best.cer:.2f} %" if best else out
    if stopped:
        raise HtrError(
            f"interrupted after epoch {trainer.epoch}; the same command goes on; so far {result}"
        )
    if first:
        say(f"wrote {result}")
        if best and begun is not None and best.cer > begun:
            say(
                "no epoch reads the validation lines as well as the model before: that one may be better"
            )
