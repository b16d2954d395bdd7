"""From the command line's words to a training: which lines, which model, which file at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from htr_utils import files, paths
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, iam, images, own
from htr_utils.network import align, archive, distribute, models, training
from htr_utils.synth import fonts, recombine
from htr_utils.synth.rendered import RenderedLines
from htr_utils.text import corpus
from htr_utils.text.charset import Charset
from htr_utils.text.passages import Passage, read_passages


def training_fonts(folders: Sequence[str] = (), *, debian: bool = False) -> list[fonts.FontFile]:
    """Every font that training may use: all families but those of the embedded validation and test splits."""
    held_out = {row["family"] for row in fonts.table() if row["split"] in ("validation", "test")}
    found = fonts.fetch(("train", "training"), debian=debian)
    for folder in folders:
        found += fonts.extra(folder, exclude=sorted(held_out))
    return found


def _passages() -> list[Passage]:
    root = paths.repo_root()
    return read_passages(root / "data" / "passages.tsv") if root is not None else []


def training_passages() -> list[str]:
    """The embedded passages that training may use: those of the train split alone."""
    return [p.text for p in _passages() if p.split == "train"]


def training_text(files: Sequence[str]) -> list[str]:
    """The paragraphs to render: of the files, and the training passages five times, since they are few and modern.

    A paragraph that shares a stretch of 25 letters with a held-out passage is left out, wherever it comes from.
    """
    held_out = [p.text for p in _passages() if p.split != "train"]
    return (
        corpus.without_held_out(corpus.read_paragraphs(files), held_out)[0]
        + training_passages() * 5
    )


@dataclass(frozen=True)
class Material:
    """Lines to train on, lines that choose the best epoch, and what the command line calls them."""

    train: list[iam.Line]
    validation: list[iam.Line]
    name: str
    originals: dict[str, str]  # texts before folding, by line id


def default_epochs(lines: int) -> int:
    """Epochs over a data set of so many lines: short for a handful, 150,000 lines in all for a whole database.

    On two cores (about 20 lines a second) that is under ten minutes for 100 lines and two hours for IAM.
    """
    return max(1, round(min(150_000, min(4_000, 40 * lines) + 40 * lines) / max(1, lines)))


def _own_lines(lines: list[iam.Line]) -> tuple[list[iam.Line], list[iam.Line]]:
    """Training and validation lines of a folder without splits: every tenth writer, else every tenth line."""
    writers = sorted({line.writer_id for line in lines})
    if len(writers) < 10:
        return [line for n, line in enumerate(lines) if n % 10], lines[::10]
    watched = set(writers[::10])
    learnt = [line for line in lines if line.writer_id not in watched]
    return learnt, [line for line in lines if line.writer_id in watched]


def material(
    data: str | None,
    charset: Charset,
    *,
    spacing: str = "natural",
    task: str | None = None,
    leave_out: str | None = None,
    fold: bool = False,
) -> Material:
    """The lines of a folder in IAM layout (None: the embedded one), or of a folder with `transcriptions.tsv`.

    Args:
        data: None is the embedded folder, whatever HTR_DATA says.
        leave_out: file of writers, forms or line ids that no training may see. fold: fold the texts to the charset.

    Raises:
        HtrError: no line left, or a text with a character that the charset lacks.
    """
    name = Path(data).resolve().name if data else "the embedded data"
    if data is None or not own.is_own(data):
        folder = iam.read(data or paths.embedded_root(), spacing=spacing, task=task)  # type: ignore[arg-type]
        every = list(folder.lines.values())
        train, validation = folder.split("train"), folder.split("validation")
    else:
        every = own.read(data)
        train, validation = _own_lines(every)
    originals = {line.id: line.text for line in train + validation}
    excluded = iam.named(every, leave_out) if leave_out else set()
    found = []
    for lines in (train, validation):
        kept = [line for line in lines if line.id not in excluded]
        found.append(
            [replace(line, text=charset.fold(line.text)) for line in kept] if fold else kept
        )
    train, validation = found
    if not train:
        raise HtrError(f"{data or 'the embedded data'}: no line is left to train on")
    unknown = sorted(
        {c for line in train + validation for c in line.text if c not in charset.characters}
    )
    if unknown:
        raise HtrError(
            f"the texts hold {''.join(unknown)!r}, which the model's charset lacks; replace them or use --fold"
        )
    return Material(train, validation, name, originals)


def all_for_training(found: Material) -> Material:
    """No line kept back: for a folder without splits beside rendered lines, where embedded lines watch."""
    return replace(found, train=found.train + found.validation, validation=[])


def limited(found: Material, limit: int | None) -> Material:
    """At most so many training lines, spread evenly over the folder."""
    count = len(found.train)
    if limit is None or limit >= count:
        return found
    return replace(found, train=[found.train[i * count // limit] for i in range(limit)])


def located(found: Material) -> list[recombine.Located]:
    """The training lines whose characters the shipped model finds, to be cut into pieces."""
    start = archive.load(paths.model_file("course"))
    places = align.centres(start.model, start.preset, start.charset, found.train)
    return [
        recombine.Located(
            line, recombine.usable(found.originals[line.id], start.charset.fold), tuple(columns)
        )
        for line, columns in zip(found.train, places, strict=True)
        if columns is not None
    ]


def _print_of(lines: Sequence[iam.Line]) -> str:
    """A short hash of the lines to train on or to watch: ids, texts, pictures."""
    rows = (
        f"{line.id}\t{line.text}\t{line.path.is_file() and files.sha256(line.path)}"
        for line in lines
    )
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def usable(
    lines: list[iam.Line],
    preparation: images.Preparation,
    labels: training.Labels,
    kind: str,
    say: Callable[[str], None],
) -> list[iam.Line]:
    """The lines whose picture can be read and is wide enough for the text, and whose text is more than blanks; the
    others are counted and the first of each kind named.

    Raises:
        HtrError: none is left.
    """
    source, damaged = dataset.FileLines(lines, preparation), dict[int, str]()
    empty, narrow = list[int](), list[int]()
    for index in range(len(lines)):
        try:
            ink, text = source.get(0, index)
        except HtrError as error:
            damaged[index] = str(error)
            continue
        if not text.strip():  # folded away: CTC takes no empty label
            empty.append(index)
        elif not labels.fits(labels.encode(text), ink.shape[1]):
            narrow.append(index)
    left_out = {*damaged, *empty, *narrow}
    for bad, what, remedy in (
        (
            list(damaged),
            "cannot be read",
            "",
        ),  # what is said of the first picture has its own remedy
        (
            empty,
            "say nothing that the charset can write",
            "; is it the right model for these texts?",
        ),
        (narrow, "are too narrow for their text", "; do the pictures show whole lines?"),
    ):
        if bad:
            told, first = (
                f"{len(bad)} of {len(lines)} {kind} {what}",
                damaged.get(bad[0], lines[bad[0]].id),
            )
            if len(left_out) == len(lines):
                raise HtrError(f"{told}, first {first}{remedy}")
            say(f"{told}: left out, first {first}")
    return [line for index, line in enumerate(lines) if index not in left_out]


class _Made(NamedTuple):
    """What a training sees. drawn: all that it is made from besides lines of `data`; origin: the same, told."""

    source: dataset.Source
    drawn: list[str]
    origin: str


def _from_rendered(
    found: Material,
    prepared: dataset.FileLines,
    written: list[str],
    available: list[fonts.FontFile],
    charset: Charset,
    rendered: int,
    share: float,
    recombine_share: float,
) -> _Made:
    """So many rendered lines per epoch, some of them set from pieces of `prepared` or drawn from it instead."""
    words = corpus.Corpus(written, charset)
    like = (prepared.preparation, rendered, prepared.strength, prepared.seed)
    source: dataset.Source = RenderedLines(available, words.line, *like)
    rest = 1 - share
    origin = f"{rendered} lines per epoch, {rest * (1 - recombine_share):.0%} rendered with {len(available)} font files"
    if recombine_share:
        pieces = located(found)
        cut = recombine.RecombinedLines(pieces, words.line, *like)
        source = dataset.MixedLines(source, cut, recombine_share, prepared.seed + 1)
        origin += (
            f", {rest * recombine_share:.0%} set from pieces of {len(pieces)} lines of {found.name}"
        )
    if share:
        source = dataset.MixedLines(source, prepared, share, prepared.seed)
        origin += f", {share:.0%} drawn from {len(found.train)} lines of {found.name}"
    return _Made(
        source, [*written, *sorted(f"{font.family} {font.weight}" for font in available)], origin
    )


def _from_lines(
    found: Material, prepared: dataset.FileLines, charset: Charset, spacing: str, share: float
) -> _Made:
    """The lines of `prepared`, with a share of embedded lines among what is seen."""
    origin = f"{len(found.train)} lines of {found.name}"
    if not share:
        return _Made(prepared, [], origin)
    known = material(None, charset, spacing=spacing).train
    others = dataset.FileLines(known, prepared.preparation, prepared.strength, prepared.seed)
    origin += f", {share:.0%} of what is seen embedded lines"
    return _Made(
        dataset.MixedLines(prepared, others, share, prepared.seed), [_print_of(known)], origin
    )


def train(
    *,
    data: str | None,
    rendered: int,
    texts: Sequence[str],
    font_folders: Sequence[str],
    debian: bool,
    preset: str,
    init: str | None,
    out: str,
    epochs: int | None,
    batch: int,
    rate: float | None,
    augment: float,
    task: str | None,
    spacing: str,
    seed: int,
    workers: int,
    share: float | None,
    leave_out: str | None,
    fold: bool,
    limit: int | None,
    command: str,
    precision: str = "float32",
    recombine_share: float = 0.0,
    way: distribute.Way = distribute.ONE,
    say: Callable[[str], None] = print,
) -> Path:
    """Train as `htr train` is told; see its help. Returns the model file.

    With `rendered` every epoch has so many rendered lines, of which `share` are drawn from `data` instead; the
    validation lines of `data` watch, or the embedded ones where it is a folder without splits. Without, the lines
    of `data` are the material; a model that is trained further then sees embedded lines besides (`share` of them),
    so that it keeps what it knew. `recombine_share` of the rendered lines are
    set from pieces of the lines of `data` instead. `precision`: see `training.Settings`. `way`: on which devices.
    """
    import keras

    keras.utils.set_random_seed(seed)
    start = None
    with training.built_for(precision), way.scope():
        if init is not None:
            start = archive.load(paths.model_file(init))
            chosen, charset, model = start.preset, start.charset, start.model
        else:
            chosen, charset = models.preset(preset), Charset()
            model = models.build(chosen, charset.classes)
    labels = training.labels_for(chosen, charset)
    found = material(data, charset, spacing=spacing, task=task, leave_out=leave_out, fold=fold)
    if rendered and data is not None and own.is_own(data):
        found = all_for_training(found)
    found = limited(found, limit)
    if data is not None or not rendered:
        found = replace(found, train=usable(found.train, chosen.preparation, labels, "lines", say))
    validation = found.validation or (
        material(None, charset, spacing=spacing).validation if rendered else []
    )
    prepared = dataset.FileLines(found.train, chosen.preparation, augment, seed)
    if rendered:
        written, available = training_text(texts), training_fonts(font_folders, debian=debian)
        made = _from_rendered(
            found, prepared, written, available, charset, rendered, share or 0, recombine_share
        )
    else:
        if share is None:
            share = 0.2 if init is not None and data is not None and paths.has_embedded() else 0.0
        made = _from_lines(found, prepared, charset, spacing, share)
    if not validation:
        say("no validation lines: the last epoch is kept, not the best")
    epochs = default_epochs(len(made.source)) if epochs is None else epochs
    rate = (5e-4 if init is not None else 1.5e-3) if rate is None else rate
    say(
        f"training {chosen.name} ({model.count_params() / 1e6:.2f} M parameters) on {made.origin}; "
        f"{epochs} epochs, rate {rate:g}"
    )
    validation = validation and usable(
        validation, chosen.preparation, labels, "validation lines", say
    )
    plain = dataset.FileLines(validation, chosen.preparation)
    warmup = min(300, max(1, epochs * len(made.source) // max(1, batch) // 10))
    settings = training.Settings(
        epochs=epochs, batch=batch, rate=rate, warmup=warmup, seed=seed, precision=precision
    )
    batches = dataset.Batches(made.source, labels, batch, seed=seed, workers=workers)
    watched = dataset.Batches(plain, labels, 32, shuffle=False)
    made_from = {
        "lines": _print_of(found.train),
        "validation lines": _print_of(validation),
        "--init": init and files.sha256(paths.model_file(init)),
        "options": [rendered, share, recombine_share, augment],
        "model that cuts pieces": files.sha256(paths.model_file("course"))
        if recombine_share
        else "",
        "texts, fonts or embedded lines": hashlib.sha256(
            "\n".join(made.drawn).encode()
        ).hexdigest()[:16],
    }
    trainer = way.trainer(
        model,
        chosen,
        charset,
        batches,
        settings,
        validation=watched if validation else None,
        folder=Path(out).with_suffix(""),
        say=say,
        made_from=made_from,
    )
    begun = trainer.measure(watched)["cer"] if start and validation else None
    if begun is not None:
        say(f"before training: validation CER {100 * begun:.2f} %")
    about: dict[str, Any] = {"command": command, "seed": seed, "origin": made.origin}
    if start and start.about.get("command"):
        about["stages"] = [*start.about.get("stages", []), start.about["command"]]
    _run(trainer, batches, out, about, begun, way.first, say)
    return Path(out)


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
    told = f"{out}: epoch {best.epoch}, validation CER {100 * best.cer:.2f} %" if best else out
    if stopped:
        raise HtrError(
            f"interrupted after epoch {trainer.epoch}; the same command goes on; so far {told}"
        )
    if first:
        say(f"wrote {told}")
        if best and begun is not None and best.cer > begun:
            say(
                "no epoch reads the validation lines as well as the model before: that one may be better"
            )
