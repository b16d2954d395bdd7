"""What "Your own handwriting" needs: the two letters, a folder of corrected lines, a quick fine-tuning.

one, two = letters.samples()
found = pages.find(one.grey)
folder = letters.keep(crops, texts, "mine")            # what `htr train --data mine` takes
letters.fine_tune(folder, "course", "mine/mine.keras", epochs=24, seed=0)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from htr_utils import pages, paths
from htr_utils.course import small_finder
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images, tables
from htr_utils.lines.labels import read as read_lines

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


def set_level(letter: Letter) -> np.ndarray:
    """A tidy page with the lines of a letter under each other: uint8 (H, W), 255 = paper."""
    crops = [line.crop for line in pages.find(letter.grey).lines]
    pitch = max(crop.shape[0] for crop in crops) + 12
    made = np.full((pitch * (len(crops) + 1), max(crop.shape[1] for crop in crops) + 120), 255)
    for number, crop in enumerate(crops):
        made[pitch * number + pitch // 2 :, 60:][: crop.shape[0], : crop.shape[1]] = crop
    return made.astype(np.uint8)


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
    (folder / "transcriptions.tsv").write_text(tables.written(rows), encoding="utf-8")
    return folder


def fine_tune(
    folder: str | Path,
    model: str | Path,
    out: str | Path,
    *,
    epochs: int,
    seed: int,
    batch: int = 5,
    rate: float = 1e-3,
) -> Path:
    """Train `model` further on the lines of a folder, for some seconds; returns the new model's file.

    What `htr train --data folder --init model` does at length, without validation lines and checkpoints.

    Raises:
        HtrError: what `labels.read` and `Recognizer.load` raise; a line that is too narrow for its text.
    """
    import keras

    from htr_utils.lines import dataset
    from htr_utils.network import archive, training

    keras.utils.set_random_seed(seed)
    start = archive.load(paths.model_file(model))
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
    about = {"origin": f"{len(mine)} lines of {Path(folder).name}", "seed": seed, "epochs": epochs}
    trainer.export(out, about)
    return Path(out)
