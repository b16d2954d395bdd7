"""What "Your own handwriting" needs: the two letters, a folder of corrected lines, a quick fine-tuning.

one, two = letters.samples()
found = pages.find(one.grey)
hand = letters.hand("my page.jpg", None, crops, readings)  # written to be corrected, or corrected
letters.fine_tune(hand.learn, "course", "mine.keras", epochs=40, seed=0)
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from htr_utils import pages, paths
from htr_utils.course import small_finder
from htr_utils.errors import HtrError
from htr_utils.lines import augment, iam, images, tables
from htr_utils.lines.labels import read as read_lines

TABLE, AS_READ = "transcriptions.tsv", ".as-read"
LEANING = "054"  # a writer of the embedded validation split
SHARE = (
    0.3  # of the lines seen in fine-tuning are embedded ones, so that other hands are not forgotten
)


@dataclass(frozen=True)
class Letter:
    """grey: uint8 (H, W). texts, polygons: of each line in reading order; (N, 2), x and y in pixels."""

    grey: np.ndarray
    texts: list[str]
    polygons: list[np.ndarray]


def samples() -> list[Letter]:
    """The letters of `data/samples/pages`, in one hand.

    Raises:
        HtrError: the package is not in a checkout of the course; what `images.load` raises.
    """
    root = paths.repo_root()
    if root is None:
        raise HtrError(
            "the letters are in a checkout of the course; clone it, or give a photo of your own"
        )
    folder = root / "data" / "samples" / "pages"
    return [
        Letter(
            images.load(folder / row["file"]),
            [line["text"] for line in row["lines"]],
            [np.array(line["polygon"]) for line in row["lines"]],
        )
        for row in json.loads((folder / "pages.json").read_text(encoding="utf-8"))
    ]


def truth_of(letter: Letter, polygons: Sequence[np.ndarray]) -> list[str]:
    """The text of each found line: that of the true line that it overlaps most, "" where there is none."""
    owners = small_finder.owners(letter.polygons, polygons, 0.05)
    return [letter.texts[owner] if owner >= 0 else "" for owner in owners]


Lines = tuple[list[np.ndarray], list[str]]  # pictures uint8 (h, w), and what each says


def material(my_lines: str | Path | None = None) -> tuple[Lines, Lines]:
    """Lines to learn from and lines to measure on: the first and the second letter's, or those of a folder.

    Args:
        my_lines: a folder with transcriptions.tsv: its first two thirds, and its last third.

    Raises:
        HtrError: what `labels.read` raises; a folder of fewer than six lines.
    """
    if my_lines is not None:
        lines = read_lines(my_lines)
        if len(lines) < 6:
            raise HtrError(
                f"{my_lines}: {len(lines)} lines are too few to learn from and to measure on; give six"
            )
        cut = 2 * len(lines) // 3
        first, second = (
            ([line.image() for line in part], [line.text for line in part])
            for part in (lines[:cut], lines[cut:])
        )
        return first, second
    return _lines_of(samples()[0]), _lines_of(samples()[1])


def leaning(forms: int = 4) -> tuple[Lines, Lines]:
    """A hand far from the training data: all lines of one embedded validation writer, made narrow and leaning.

    Returns:
        Those of the writer's first `forms` forms, and those of the two others: no text stands in both.
    """
    mine = [line for line in iam.read().split("validation") if line.writer_id == LEANING]
    first = list(dict.fromkeys(line.form_id for line in mine))[:forms]
    learn, unseen = (
        [line for line in mine if (line.form_id in first) == early] for early in (True, False)
    )
    return _leant(learn), _leant(unseen)


def _leant(lines: Sequence[iam.Line]) -> Lines:
    pictures = [augment.warp(line.image(), slant=0.6, stretch=0.55) for line in lines]
    return pictures, [line.text for line in lines]


def _lines_of(page: Letter) -> Lines:
    lines = pages.find(page.grey).lines
    texts = truth_of(page, [line.polygon for line in lines])
    known = [number for number, text in enumerate(texts) if text]
    return [lines[n].crop for n in known], [texts[n] for n in known]


def keep(crops: Sequence[np.ndarray], texts: Sequence[str], folder: str | Path) -> Path:
    """Write lines as a folder of one's own data: PNG files and `transcriptions.tsv` (name, tab, text)."""
    folder = Path(folder)
    rows = []
    for number, (crop, text) in enumerate(zip(crops, texts, strict=True), 1):
        images.save(folder / f"line-{number:02}.png", crop)
        rows.append((f"line-{number:02}", text))
    (folder / TABLE).write_text(tables.written(rows), encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Hand:
    """Lines of one hand. whose: in words. learn, unseen: lines with their texts, to learn from and to measure on.

    keep: the file for the model of a hand of one's own; None where the letters of the course stand in.
    """

    whose: str
    learn: Lines
    unseen: Lines
    keep: Path | None = None

    @property
    def all(self) -> Lines:
        """Everything that was corrected."""
        return self.learn[0] + self.unseen[0], self.learn[1] + self.unseen[1]


def hand(
    page: str | Path | None,
    my_lines: str | Path | None,
    crops: Sequence[np.ndarray],
    readings: Sequence[str],
) -> Hand:
    """The corrected lines that a chapter works on; says where they come from, and what to do for one's own.

    Args:
        page: a picture of one's own. Its lines and their readings are written into a folder beside it, once:
            afterwards what stands there is left alone. my_lines: a folder of corrected lines, taken in its place.
        crops, readings: of the page.

    Raises:
        HtrError: a folder that cannot be written; what `material` raises.
    """
    folder = Path(my_lines) if my_lines else None
    if page and folder is None:
        folder = Path(page).with_name(f"{Path(page).stem}-lines")
        if not _corrected(folder, crops, readings):
            print(
                f"{folder / TABLE} holds these readings, a line each: mend the text behind each tab, delete the lines "
                "that you do not want, save, and run the chapter again. Until then the two letters stand in."
            )
            folder = None
    learn, unseen = material(folder)
    whose = f"the hand of {folder.name}" if folder else "the hand of the two letters"
    counts = f"{len(learn[1])} lines to learn from, {len(unseen[1])} kept to measure on"
    print(f"{whose}: {counts}")
    return Hand(whose, learn, unseen, folder / "mine.keras" if folder else None)


def _corrected(folder: Path, crops: Sequence[np.ndarray], readings: Sequence[str]) -> bool:
    """Whether somebody changed the table of a folder; where there is none, it is written."""
    table, mark = folder / TABLE, folder / AS_READ
    try:
        if not table.is_file():
            keep(crops, [text or "?" for text in readings], folder)
            mark.write_bytes(table.read_bytes())
        # An editor may end its lines in another way.
        return not mark.is_file() or mark.read_bytes().split() != table.read_bytes().split()
    except OSError as error:
        raise HtrError(
            f"{folder}: cannot be written ({error.strerror}); copy the picture to a folder of yours"
        ) from error


def fine_tune(
    lines: Lines,
    model: str | Path,
    out: str | Path,
    *,
    epochs: int,
    seed: int,
    frozen: bool = False,
    batch: int = 5,
    rate: float = 1e-3,
) -> Path:
    """Train `model` further on some lines, for some seconds; returns the new model's file.

    What `htr train --data folder --init model` does at length, without validation lines and checkpoints.

    Args:
        frozen: the convolutions stay as they are.

    Raises:
        HtrError: what `Recognizer.load` raises; a line that is too narrow for its text.
    """
    import keras

    from htr_utils.lines import dataset
    from htr_utils.network import archive, training

    keras.utils.set_random_seed(seed)
    start = archive.load(paths.model_file(model))
    if frozen:
        for layer in start.model.layers:
            layer.trainable = not layer.name.startswith(("conv", "norm"))
    # Not beside `out`, where one's own lines lie; and kept, since a batch that is prepared ahead still reads them.
    folder = keep(*lines, tempfile.mkdtemp(prefix="htr-lines-"))
    preparation = start.preset.preparation
    labels = training.labels_for(start.preset, start.charset)
    root = paths.repo_root()
    known = dataset.FileLines(
        iam.read(root and root / "data").split("train"), preparation, 1.0, seed
    )
    mine = dataset.FileLines(read_lines(folder), preparation, 1.0, seed)
    short = training.infeasible(dataset.FileLines(mine.lines, preparation), labels)
    if short:
        raise HtrError(
            f"{mine.lines[short[0]].path}: too narrow for its text; correct the text or cut it anew"
        )
    batches = dataset.Batches(
        dataset.MixedLines(mine, known, SHARE, seed), labels, batch, seed=seed
    )
    settings = training.Settings(
        epochs=epochs, batch=batch, rate=rate, warmup=5, ema=0.98, seed=seed
    )
    trainer = training.Trainer(
        start.model, start.preset, start.charset, batches, settings, say=lambda _: None
    )
    trainer.run()
    batches.close()
    about = {"origin": f"{len(mine)} corrected lines", "seed": seed, "epochs": epochs}
    trainer.export(out, about)
    return Path(out)
