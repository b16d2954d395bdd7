"""What a training sees: lines of a folder, rendered lines, and how they are mixed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from htr_utils import files, paths
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, iam, images, labels
from htr_utils.network import training
from htr_utils.synth import fonts
from htr_utils.synth.rendered import RenderedLines
from htr_utils.text import corpus
from htr_utils.text.charset import Charset
from htr_utils.text.passages import Passage, read_passages


def training_fonts(folders: Sequence[str] = (), *, debian: bool = False) -> list[fonts.FontFile]:
    """Every font that training may use: all families but those of the embedded validation and test splits."""
    held_out = {row["family"] for row in fonts.table() if row["split"] in ("validation", "test")}
    available = fonts.fetch(("train", "training"), debian=debian)
    for folder in folders:
        available += fonts.extra(folder, exclude=sorted(held_out))
    return available


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
    """Lines to train on, lines that choose the best epoch, and what the command line calls them.

    parted: the folder itself says which lines are for what.
    """

    train: list[iam.Line]
    validation: list[iam.Line]
    name: str
    parted: bool = True


def own_lines(lines: list[iam.Line]) -> tuple[list[iam.Line], list[iam.Line]]:
    """Training and validation lines of a folder without splits: every tenth writer, else every tenth line."""
    writers = sorted({line.writer_id for line in lines})
    if len(writers) < 10:
        return [line for n, line in enumerate(lines) if n % 10], lines[::10]
    watched = set(writers[::10])
    learnt = [line for line in lines if line.writer_id not in watched]
    return learnt, [line for line in lines if line.writer_id in watched]


def opened(data: str | labels.Labelled | None, **options: Any) -> labels.Labelled:
    """The lines of a folder (None: the embedded one), where they are not read yet; options of `labels.open_lines`."""
    if isinstance(data, labels.Labelled):
        return data
    return labels.open_lines(data or paths.embedded_root(), **options)


def material(
    data: str | labels.Labelled | None,
    charset: Charset,
    *,
    spacing: str = "natural",
    task: str | None = None,
    leave_out: str | None = None,
    fold: bool = False,
) -> Material:
    """The lines of a folder in any form; of one without splits every tenth writer watches.

    Args:
        data: None is the embedded folder, whatever HTR_DATA says; or what `labels.open_lines` gave.
        leave_out: file of writers, forms or line ids that no training may see. fold: fold the texts to the charset.

    Raises:
        HtrError: no line left, or a text with a character that the charset lacks.
    """
    found = opened(data, spacing=spacing, task=task)
    name = Path(found.root).resolve().name if data else "the embedded data"
    every, parted = found.lines, bool(found.names)
    train = found.split("train") if parted else every
    validation = found.split("validation") if "validation" in found.names else []
    if not validation:
        train, validation = own_lines(train)
    if leave_out:
        excluded = iam.named(every, leave_out)
        train = [line for line in train if line.id not in excluded]
        validation = [line for line in validation if line.id not in excluded]
    if fold:
        train = [replace(line, text=charset.fold(line.text)) for line in train]
        validation = [replace(line, text=charset.fold(line.text)) for line in validation]
    if not train:
        raise HtrError(f"{name}: no line is left to train on")
    unknown = charset.unknown("".join({c for line in train + validation for c in line.text}))
    if unknown:
        first = next(line.id for line in train + validation if charset.unknown(line.text))
        raise HtrError(
            f"{name}: the texts hold {unknown!r} (first in {first}), which the model's "
            f"{len(charset.characters)} characters lack; "
            "--charset texts adds them, --fold writes them otherwise"
        )
    return Material(train, validation, name, parted)


def charset_for(
    name: str | None, data: str | labels.Labelled | None, known: Charset | None
) -> Charset:
    """The charset that `--charset` names; None keeps `known`, that of the model to start from, or is `iam`.

    `texts` is taken from the texts of `data`: their characters and the space, besides those that are known.

    Raises:
        HtrError: what `Charset.named` raises, or `labels.open_lines` with `texts`.
    """
    if name != "texts":
        return Charset.named(name or "iam") if name or known is None else known
    before = set(known.characters if known else "")
    found = {" ", *(c for line in opened(data).lines for c in line.text if c.isprintable())}
    return known if known and found <= before else Charset("".join(sorted(found | before)))


def all_for_training(lines: Material) -> Material:
    """No line kept back: for a folder without splits beside rendered lines, where embedded lines watch."""
    return replace(lines, train=lines.train + lines.validation, validation=[])


def limited(lines: Material, limit: int | None) -> Material:
    """At most so many training lines, spread evenly over the folder."""
    count = len(lines.train)
    if limit is None or limit >= count:
        return lines
    return replace(lines, train=[lines.train[i * count // limit] for i in range(limit)])


def fingerprint(lines: Sequence[iam.Line]) -> str:
    """A short hash of the lines to train on or to watch: ids, texts, pictures."""
    mark = cache(lambda path: path.is_file() and files.sha256(path))  # a file may hold many lines
    rows = (f"{line.id}\t{line.text}\t{mark(line.path)}" for line in lines)
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
    source, damaged = dataset.FileLines(lines, preparation, keep=0), dict[int, str]()
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
    silent, right_model = (
        "say nothing that the charset can write",
        "is it the right model for these texts?",
    )
    for bad, what, remedy in (
        (list(damaged), "cannot be read", ""),  # the error of the first picture has its own remedy
        (empty, silent, f"; {right_model}"),
        (narrow, "are too narrow for their text", "; do the pictures show whole lines?"),
    ):
        if bad:
            message = f"{len(bad)} of {len(lines)} {kind} {what}"
            first = damaged.get(bad[0], lines[bad[0]].id)
            if len(left_out) == len(lines):
                raise HtrError(f"{message}, first {first}{remedy}")
            say(f"{message}: left out, first {first}")
    return [line for index, line in enumerate(lines) if index not in left_out]


class Mix(NamedTuple):
    """What a training sees. drawn: all that it is made from besides lines of `data`; origin: the same in words."""

    source: dataset.Source
    drawn: list[str]
    origin: str


def from_rendered(
    lines: Material,
    prepared: dataset.FileLines,
    written: list[str],
    available: list[fonts.FontFile],
    charset: Charset,
    rendered: int,
    share: float,
) -> Mix:
    """So many rendered lines per epoch, a share of them drawn from `prepared` instead."""
    words = corpus.Corpus(written, charset)
    like = (prepared.preparation, rendered, prepared.strength, prepared.seed)
    source: dataset.Source = RenderedLines(available, words.line, *like)
    origin = (
        f"{rendered} lines per epoch, {1 - share:.0%} rendered with {len(available)} font files"
    )
    if share:
        source = dataset.MixedLines(source, prepared, share, prepared.seed)
        origin += f", {share:.0%} drawn from {len(lines.train)} lines of {lines.name}"
    return Mix(
        source, [*written, *sorted(f"{font.family} {font.weight}" for font in available)], origin
    )


def from_lines(
    lines: Material, prepared: dataset.FileLines, charset: Charset, spacing: str, share: float
) -> Mix:
    """The lines of `prepared`, with a share of embedded lines among what is seen."""
    origin = f"{len(lines.train)} lines of {lines.name}"
    if not share:
        return Mix(prepared, [], origin)
    known = material(None, charset, spacing=spacing).train
    others = dataset.FileLines(known, prepared.preparation, prepared.strength, prepared.seed)
    origin += f", {share:.0%} of what is seen embedded lines"
    source = dataset.MixedLines(prepared, others, share, prepared.seed)
    return Mix(source, [fingerprint(known)], origin)
