"""The exercises of the chapter "Images and augmentation"."""

from __future__ import annotations

from typing import Any

import numpy as np

from htr_utils.course.plots import pictures
from htr_utils.lines import augment, iam, images


def pad_batch(
    inks: list[np.ndarray], right: bool = True, paper: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    widths = np.array([ink.shape[1] for ink in inks])
    batch = np.full((len(inks), inks[0].shape[0], widths.max()), paper, np.float32)
    for row, ink in zip(batch, inks, strict=True):
        row[:, slice(0, ink.shape[1]) if right else slice(-ink.shape[1], None)] = ink
    return batch, widths


def padding_share(widths: list[int], size: int) -> float:
    batches = [widths[at : at + size] for at in range(0, len(widths), size)]
    return 1 - sum(widths) / sum(max(batch) * len(batch) for batch in batches)


def upright(grey: np.ndarray) -> np.ndarray:
    middle = (int(grey.min()) + int(grey.max())) / 2
    return grey if np.median(grey) > middle else 255 - grey


def guard(array: np.ndarray) -> str:
    if array.max() > 1:
        return "grey levels"
    if array.max() == array.min():
        return "empty"
    return "inverted" if np.median(array) > 0.5 else "ink"


RIGHT: dict[str, Any] = {
    "02.1": 32,
    "02.2": pad_batch,
    "02.3": padding_share,
    "02.4": upright,
    "02.5": guard,
}
WRONG = [
    ("02.1", 64, "halved"),
    ("02.1", 16, "same factor"),
    ("02.2", lambda inks: pad_batch(inks, right=False), "on the right"),
    ("02.2", lambda inks: pad_batch(inks, paper=1.0), "paper"),
    ("02.2", lambda inks: pad_batch(inks)[0], "two things"),
    ("02.3", lambda widths, size: 1 - sum(widths) / (max(widths) * len(widths)), "last batch"),
    ("02.3", lambda widths, size: 0.5, "equal width"),
    ("02.4", lambda grey: grey, "inverted"),
    (
        "02.4",
        lambda grey: grey if np.median(grey) > (grey.min() + grey.max()) / 2 else 255 - grey,
        "wraps around",
    ),
    (
        "02.5",
        lambda array: (
            guard(array)
            if array.max() > 1 or array.max() == array.min()
            else ("inverted" if array[0, 0] > 0.5 else "ink")
        ),
        "corner",
    ),
    ("02.4", lambda grey: grey if np.median(grey) > 128 else 255 - grey, "dim"),
    ("02.5", lambda array: "ink" if array.max() <= 1 else "grey levels", "most of a line is paper"),
    ("02.5", lambda array: "ok", "answer with one of"),
    ("02.5", lambda array: "inverted" if np.median(array) > 0.5 else "ink", "up to 255"),
]


def test_the_paper_of_the_line_is_nearly_one_level_and_its_ink_is_not() -> None:
    """The chapter said that both are hills; of this line only the ink is spread."""
    every = list(iam.read().lines.values())
    line = next(one for one in every if 8 <= len(one.text) <= 14 and {"h", "d"} <= set(one.text))
    grey = line.image()
    paper = grey > (int(grey.min()) + int(grey.max())) / 2
    assert 0.6 < paper.mean() < 0.95
    assert (grey[paper] == np.median(grey)).mean() > 0.8
    shares = np.unique(grey[~paper], return_counts=True)[1] / (~paper).sum()
    assert len(shares) >= 5 and shares.max() < 0.6  # at any one level


def test_padding_shrinks_when_lines_are_sorted_as_the_chapter_expects() -> None:
    lines = list(iam.read().lines.values())
    some = [lines[i] for i in np.random.default_rng(0).permutation(len(lines))[:400]]
    widths = [round(48 * one.box[2] / one.box[3]) for one in some]  # columns, about
    assert 0.25 < padding_share(widths, 16) < 0.35
    assert padding_share(sorted(widths), 16) < 0.05


def test_a_shadow_turns_paper_into_ink_unless_the_paper_is_guessed_nearby() -> None:
    grey = np.full((40, 400), 230, np.uint8)
    grey[18:22, 10:390:9] = 30
    shaded = augment.shadow(grey, np.random.default_rng(0), depth=0.5)
    paper, stroke = np.percentile(shaded, (80, 2))
    one_level = np.clip((paper - shaded) / (paper - stroke), 0, 1)
    assert one_level.mean() > images.normalise(shaded).mean() + 0.03


def test_symbols_counts_doubled_letters() -> None:
    assert [pictures.symbols(text) for text in ("", "to", "letter", "aaa")] == [0, 2, 7, 5]
