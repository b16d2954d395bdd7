"""Figures of the chapter "Start here": where each character was read, and the way of a line through the course."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from htr_utils.course.plots.base import (
    BLUE,
    DASHES,
    GREY,
    ORANGE,
    SKY,
    bare,
    figure,
    lines,
    show,
    write,
)
from htr_utils.course.plots.collection import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from htr_utils.readings import Reading

UNSURE = 0.6  # below this a character is drawn as unsure


def grid(pictures: np.ndarray, texts: Sequence[str], columns: int = 6) -> None:
    """Small pictures of words side by side, float (N, H, W) with 1 = ink, each with its text above it."""
    rows = -(-len(texts) // columns)
    drawing, axes = figure(rows, columns, height=0.75 * rows, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, word, text in zip(axes.flat, pictures, texts, strict=False):
        axis.imshow(word, cmap="gray_r", vmin=0, vmax=1)
        axis.set_title(text, loc="left", fontsize=9, color=GREY)
    show(
        drawing,
        alt=f"{len(texts)} handwritten words of one hand in {rows} rows: {', '.join(texts)}.",
        facts=f"{len(texts)} pictures of {pictures.shape[1]} x {pictures.shape[2]} pixels",
    )


def readings(pictures: Sequence[np.ndarray], answers: Sequence[Reading]) -> None:
    """Pictures of lines, uint8 (H, W), one below the other, each with what was read in it above it."""
    texts = [short(answer.text, 100) for answer in answers]
    lines(
        pictures,
        [f"read: {text}" for text in texts],
        alt=f"{len(texts)} pictures of handwriting below each other; read were: {'; '.join(texts)}.",
        facts=", ".join(f"{len(answer.text)} characters read" for answer in answers),
    )


def where(grey: np.ndarray, reading: Reading) -> None:
    """Show `places`: a line's picture, below it each character at its place, as a bar of its confidence."""
    drawing, alt, facts = places(grey, reading)
    show(drawing, alt=alt, facts=facts)


def places(grey: np.ndarray, reading: Reading) -> tuple[Figure, str, str]:
    """A line's picture, below it each character at its place, as a bar of its confidence: figure, alt text, facts.

    Args:
        grey: uint8 (H, W). reading: what was read in it.
    """
    width = grey.shape[1]
    tall = min(2.5, 8.4 * grey.shape[0] / width)  # inches: the picture as it is, not stretched
    drawing, (top, low) = figure(
        2, 1, height=tall + 2.2, sharex=True, height_ratios=[max(0.3, tall), 1.6]
    )
    top.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="antialiased")
    bare(top)
    wide = width / max(25, 1.6 * len(reading.characters))
    for sure in (True, False):
        chosen = [c for c in reading.characters if (c.confidence >= UNSURE) == sure]
        if chosen:
            look: dict[str, Any] = {"color": BLUE, "hatch": "", "label": "sure"}
            if not sure:
                below = f"below {100 * UNSURE:.0f} %"
                look = {"color": ORANGE, "hatch": "//", "label": below}
            heights = [100 * c.confidence for c in chosen]
            low.bar([c.x for c in chosen], heights, width=wide, edgecolor="white", **look)
    for c in reading.characters:
        top.axvline(c.x, color=SKY, linewidth=0.7, linestyle=DASHES[2])
        sign, size, colour = ("␣", 6, GREY) if c.character == " " else (c.character, 9, "black")
        write(low, c.x, 103, sign, size, va="bottom", color=colour)
    low.set_ylim(0, 122)
    low.set_yticks([0, 50, 100])
    low.set_xlim(0, width)
    low.set_xlabel("x in the picture (pixels)")
    low.set_ylabel("confidence (%)")
    # Below the axis, since bars fill the whole of it.
    low.legend(loc="upper right", bbox_to_anchor=(1.0, -0.18), ncols=2, frameon=False, fontsize=8)
    ordered = all(a.x <= b.x for a, b in pairwise(reading.characters))
    unsure = sum(c.confidence < UNSURE for c in reading.characters)
    return (
        drawing,
        f"A line of handwriting and below it {len(reading.characters)} bars, each under the place where its "
        f"character was read; {unsure} hatched bars mark characters of which the network is unsure.",
        f"{len(reading.characters)} characters, {unsure} below {100 * UNSURE:.0f} %; "
        f"their places run from left to right: {ordered}",
    )


def way(
    grey: np.ndarray, ink: np.ndarray, log_probs: np.ndarray, text: str, corrected: str
) -> None:
    """The map of the course: the way of a line from its picture to its text, with chapter numbers.

    Args:
        grey: uint8 (H, W), the picture. ink: (h, w), the network's input. log_probs: (T, C), its answer.
        text, corrected: what was read, and the same after spell correction.
    """
    frames, classes = log_probs.shape
    drawing, axis = figure(height=5.0)
    axis.set(xlim=(0, 120), ylim=(0, 68))
    axis.axis("off")
    _strip(axis, grey, (2, 57, 116, 9), {"cmap": "gray", "vmin": 0, "vmax": 255})
    size = f"{grey.shape[0]} x {grey.shape[1]}"
    axis.text(2, 66.5, f"the picture: {size} grey levels", fontsize=8, color=GREY)
    steps = [
        ("1  2", "picture", "find it, cut it,\nmake ink 1"),
        ("5", "CNN", "sees strokes\nand shapes"),
        ("6", "BLSTM", "looks left\nand right"),
        ("7", "CTC", "one answer a frame,\nor a blank"),
        ("9", "decoding", "frames become\ncharacters"),
        ("10", "spelling", "words that\nexist"),
    ]
    size = f"{ink.shape[0]} x {ink.shape[1]}"
    between = [size, "", f"{frames} frames", f"{frames} x {classes}", ""]
    lefts = np.linspace(1, 104, len(steps))
    for left, (chapter, name, words) in zip(lefts, steps, strict=True):
        _box(axis, left, 35, chapter, name, words, BLUE)
    for left, label in zip(lefts[:-1], between, strict=True):
        _arrow(axis, (left + 15, 41.5), (left + 20.6, 41.5))
        axis.text(left + 17.8, 49.5, label, ha="center", fontsize=7.5, color=GREY)
    _arrow(axis, (8.5, 56), (8.5, 48.5))
    # What a network answers, the blank (class 0) left out; the darker, the surer.
    winners = [number for number in np.unique(log_probs.argmax(axis=1)) if number]
    answer = np.exp(log_probs[:, winners or [0]]).T
    _strip(axis, answer, (44, 17, 44, 13), {"cmap": "Blues", "vmin": 0, "vmax": 1})
    label = f"of {classes} classes the {len(winners)} that win somewhere"
    axis.text(44, 13.6, f"the answer, frame by frame: {label}", fontsize=8, color=GREY)
    _arrow(axis, (lefts[3] + 7.5, 34.5), (lefts[3] + 7.5, 30.8))
    _box(axis, 1, 17, "3", "characters", "the true text,\nas numbers", ORANGE)
    _box(axis, lefts[1], 17, "4  8", "training", "loss falls, the\nnetwork learns", ORANGE)
    _arrow(axis, (16, 23.5), (21.6, 23.5), dashed=True)
    _arrow(axis, (43.5, 23.5), (37.2, 23.5), dashed=True)
    _arrow(axis, (29.5, 30.5), (29.5, 34.5), dashed=True)
    _arrow(axis, (34.5, 30.5), (47, 34.5), dashed=True)
    _box(axis, 104, 17, "3", "metrics", "how much\nis wrong?", ORANGE)
    _arrow(axis, (111.5, 34.5), (111.5, 30.9))
    axis.text(1, 6.5, "Without correction :", fontsize=8, color=GREY, family="monospace")
    axis.text(1, 2.5, "With correction    :", fontsize=8, color=GREY, family="monospace")
    axis.text(21.6, 6.5, short(text, 84), fontsize=8, family="monospace")
    axis.text(21.6, 2.5, short(corrected, 84), fontsize=8, family="monospace")
    chapters = " -> ".join(f"{name} ({chapter.replace('  ', ', ')})" for chapter, name, _ in steps)
    show(
        drawing,
        alt="A map of the course: a handwritten line at the top, six boxes from picture through CNN, BLSTM, CTC and "
        "decoding to spelling with their chapter numbers, the network's answer below them, and dashed arrows "
        "for characters and training.",
        facts=f"{chapters}; beside them: characters and metrics (3), training (4, 8)",
    )


def _strip(
    axis: Axes, values: np.ndarray, place: tuple[float, float, float, float], look: dict[str, Any]
) -> None:
    """A picture at (left, bottom, width, height) of `axis`, in a thin frame."""
    x, y, width, height = place
    inset = axis.inset_axes((x, y, width, height), transform=axis.transData)
    inset.imshow(values, aspect="auto", interpolation="antialiased", **look)
    inset.set(xticks=[], yticks=[])
    for spine in inset.spines.values():
        spine.set(edgecolor=GREY, linewidth=0.6)


def _box(axis: Axes, x: float, y: float, chapter: str, name: str, words: str, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    frame = FancyBboxPatch((x + 0.6, y + 0.6), 13.8, 11.8, boxstyle="round,pad=0.6")
    frame.set(facecolor="white", edgecolor=colour, linewidth=1.6)
    axis.add_patch(frame)
    write(axis, x + 7.5, y + 9.6, name, 10, fontweight="bold", color=colour)
    write(axis, x + 7.5, y + 5.4, words, 7.5)
    chapters = f"chapter {chapter.replace('  ', ', ')}"
    write(axis, x + 7.5, y + 1.6, chapters, 7.5, color=GREY)


def _arrow(
    axis: Axes, begin: tuple[float, float], end: tuple[float, float], *, dashed: bool = False
) -> None:
    style = {"arrowstyle": "-|>", "color": ORANGE if dashed else BLUE, "linewidth": 1.5}
    style["linestyle"] = DASHES[1] if dashed else DASHES[0]
    axis.annotate("", xy=end, xytext=begin, arrowprops=style)
