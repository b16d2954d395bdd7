"""Checks of the chapter "Images and augmentation"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from htr_utils.course.exercises import exercise, on_drawn_cases


@exercise("02.1")
def predicted_height(answer: float) -> str | None:
    """Height of the writing of a 64 x 1600 line on a canvas of 64 x 800."""
    if answer == 64:
        return "the width has to be halved; what does keeping the aspect do to the height then?"
    if answer != 32:
        return "width and height shrink by the same factor: 800 / 1600"
    return None


@exercise("02.2")
def pad_batch(answer: Callable[[list[np.ndarray]], tuple[np.ndarray, np.ndarray]]) -> str | None:
    """(batch, widths): lines of ink padded with paper on the right to the widest."""
    inks = [
        np.full((4, width), value, np.float32) for width, value in ((3, 0.5), (5, 1.0), (2, 0.25))
    ]
    result = answer(inks)
    if not isinstance(result, (list, tuple)) or len(result) != 2:
        return "return two things: the batch and the true widths"
    batch, widths = np.asarray(result[0]), np.asarray(result[1])
    if batch.shape != (3, 4, 5):
        return f"three lines of 4 rows, the widest 5 columns, make a batch of (3, 4, 5), not {batch.shape}"
    if widths.tolist() != [3, 5, 2]:
        return "the widths are those before padding, in the order of the lines"
    right = [row[:, 5 - ink.shape[1] :] for row, ink in zip(batch, inks, strict=True)]
    if all((part == ink).all() for part, ink in zip(right, inks, strict=True)):
        return "these lines stand on the right: padding comes behind them, on their right"
    if any((row[:, width:] != 0).any() for row, width in zip(batch, widths, strict=True)):
        return "padding is paper, and paper is 0 here"
    if any((row[:, : ink.shape[1]] != ink).any() for row, ink in zip(batch, inks, strict=True)):
        return "the line itself stands on the left and is not changed"
    return None


@exercise("02.3")
def padding_share(answer: Callable[[list[int], int], float]) -> str | None:
    """Share of padding when lines are cut into batches of a size in their given order."""
    if abs(answer([100, 100], 2)) > 1e-6:
        return "lines of equal width need no padding"
    if abs(answer([100, 300], 2) - 1 / 3) > 1e-6:
        return "100 and 300 columns in a batch of 2 x 300: 200 of 600 columns are padding"
    if abs(answer([100, 300, 100, 300], 2) - 1 / 3) > 1e-6:
        return (
            "every batch has its own widest line; add the columns of all batches before you divide"
        )
    if abs(answer([100, 100, 300], 2)) > 1e-6:
        return "the last batch may be smaller than the others, and it counts as well"
    return on_drawn_cases(
        answer,
        lambda w, n: (
            1 - sum(w) / sum(max(w[i : i + n]) * len(w[i : i + n]) for i in range(0, len(w), n))
        ),
        lambda rng: (rng.integers(50, 900, 11).tolist(), int(rng.integers(2, 5))),
    )


@exercise("02.4")
def upright(answer: Callable[[np.ndarray], np.ndarray]) -> str | None:
    """Grey levels with dark ink on light paper, inverted where they were not."""
    grey = np.full((20, 60), 230, np.uint8)
    grey[8:12, 5:55] = 40
    negative = 255 - grey
    before = grey.copy()
    kept, turned = answer(grey), answer(negative)
    if not (grey == before).all() or not (negative == 255 - before).all():
        return "the picture that was given must not change; return a new one"
    if np.shape(kept) != grey.shape or not (kept == grey).all():
        return "a picture with dark ink on light paper comes back as it is"
    if np.shape(turned) != grey.shape or not (turned == grey).all():
        return "white ink on black has to be inverted; most pixels of a line are paper: are they dark or light?"
    if turned.dtype != np.uint8:
        return "grey levels stay uint8"
    for paper, ink in ((120, 20), (60, 5), (250, 190)):
        dim = np.where(before > 128, paper, ink).astype(np.uint8)
        if not (answer(dim.copy()) == dim).all() or not (answer(255 - dim) == dim).all():
            wider = [answer(given.astype(np.int64)) for given in (dim, 255 - dim)]
            if all((given == dim).all() for given in wider):
                return "right with wider integers: in uint8 a sum above 255 wraps around, so make it an int first"
            return "a dim photograph has paper below 128 too: compare the paper with the ink, not with 128"
    return None


@exercise("02.5")
def guard(answer: Callable[[np.ndarray], str]) -> str | None:
    """What an array is: ink, inverted ink, grey levels, or empty."""
    rng = np.random.default_rng(205)
    ink = np.zeros((12, 40), np.float32)
    ink[4:8, rng.integers(2, 20) : 30] = rng.uniform(0.7, 1)
    kinds = {
        "ink": (ink, "floats with paper 0 and strokes near 1 are what the network wants"),
        "grey levels": (255 - 200 * ink, "numbers up to 255: what is the largest that ink can be?"),
        "inverted": (1 - ink, "most of a line is paper: is it 0 or 1 here?"),
        "empty": (np.zeros_like(ink), "an array without any ink"),
    }
    for kind, (array, hint) in kinds.items():
        found = answer(array.copy())
        if found not in kinds:
            return f"answer with one of {', '.join(map(repr, kinds))}"
        if found != kind:
            return f"{kind!r} was taken for {found!r}: {hint}"
    touching = ink.copy()
    touching[:2, :2] = touching[-2:, -2:] = 0.9
    for kind, array in (("ink", touching), ("inverted", 1 - touching)):
        if answer(array.copy()) != kind:
            return "a stroke may begin in a corner: look at most of the pixels, not at one of them"
    for grey in (255 - 200 * ink, 200 * ink, 255 * (ink > 0)):
        if answer(grey.astype(np.uint8)) != "grey levels":
            return "whole numbers up to 255 are grey levels, too, also with white ink on black"
    return None
