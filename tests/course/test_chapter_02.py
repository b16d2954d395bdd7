"""The exercises of chapter 2."""

from __future__ import annotations

from typing import Any

import numpy as np

from htr_utils.course.plots import pictures


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
    ("02.2", lambda inks: pad_batch(inks, right=False), "paper"),
    ("02.2", lambda inks: pad_batch(inks, paper=1.0), "paper"),
    ("02.2", lambda inks: pad_batch(inks)[0], "two things"),
    ("02.3", lambda widths, size: 1 - sum(widths) / (max(widths) * len(widths)), "last batch"),
    ("02.3", lambda widths, size: 0.5, "equal width"),
    ("02.4", lambda grey: grey, "turned over"),
    ("02.4", lambda grey: grey if np.median(grey) > 128 else 255 - grey, "dim"),
    ("02.5", lambda array: "ink" if array.max() <= 1 else "grey levels", "most of a line is paper"),
    ("02.5", lambda array: "ok", "answer with one of"),
    ("02.5", lambda array: "inverted" if np.median(array) > 0.5 else "ink", "up to 255"),
]


def test_symbols_counts_doubled_letters() -> None:
    assert [pictures.symbols(text) for text in ("", "to", "letter", "aaa")] == [0, 2, 7, 5]
