"""Figures of "CNN features": responses of kernels, work per layer, receptive fields, maps, what padding moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, GREY, ORANGE, figure, show


def read(ink: np.ndarray, text: str) -> None:
    """A line's ink, float (H, W), with what was read above it."""
    rows, columns = ink.shape
    base.lines(
        [ink],
        [f"read as: {text}"],
        ink=True,
        alt="A line of handwriting in dark ink on white paper, with the text that a model reads above it.",
        facts=f"the line has {rows} rows and {columns} columns",
    )


def responses(ink: np.ndarray, answers: Mapping[str, np.ndarray]) -> None:
    """A piece of a line and what a kernel answers at each pixel. ink and answers: float (H, W)."""
    drawing, axes = figure(len(answers) + 1, 1, height=2 * len(answers) + 2, width=7, sharex=True)
    axes[0].imshow(ink, cmap="gray_r", vmin=0, vmax=1)
    axes[0].set_title("the ink that goes in", loc="left", fontsize=9)
    top = max(float(np.abs(answer).max()) for answer in answers.values())
    for axis, (name, answer) in zip(axes[1:], answers.items(), strict=True):
        shown = axis.imshow(answer, cmap="RdBu_r", vmin=-top, vmax=top)
        axis.set_title(f"the kernel for {name} strokes", loc="left", fontsize=9)
    for axis in axes:
        axis.set_ylabel("row")
    axes[-1].set_xlabel("column (pixels)")
    drawing.colorbar(shown, ax=list(axes), label="answer: red yes, blue no", shrink=0.6)
    rows, columns = ink.shape
    show(
        drawing,
        alt="A handwritten word above its answers to two kernels: the first lights up red along upright strokes, "
        "the second along level ones, and both turn blue just beside a stroke.",
        facts=f"{len(answers)} kernels answer {rows} x {columns} pixels with {rows} x {columns} numbers each",
    )


def effective(ink: np.ndarray, first: int, effect: np.ndarray, frame: int) -> None:
    """How much each column of a frame's receptive field counts.

    Args:
        ink: float (H, W). first: the field's first column. effect: (columns,) shares, sum 1.
    """
    drawing, (above, below) = figure(2, 1, height=3.4, sharex=True, height_ratios=(1, 1.6))
    base.columns(above, ink)
    base.bare(above)
    above.set_title(f"what frame {frame} can see of the line: {len(effect)} columns", fontsize=9)
    above.axvspan(first, first + len(effect), color=ORANGE, alpha=0.25, lw=0)
    place = np.arange(len(effect)) + first + 0.5
    order = np.argsort(-effect, kind="stable")
    half, most = (int((np.cumsum(effect[order]) < share).sum()) + 1 for share in (0.5, 0.9))
    inner = np.isin(np.arange(len(effect)), order[:half])
    for kept, colour, hatch, name in (
        (inner, BLUE, "", f"the {half} columns that hold half of the effect"),
        (~inner, ORANGE, "///", "the rest"),
    ):
        look = {"color": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        below.bar(place[kept], 100 * effect[kept], 1, label=name, **look)
    below.set_ylabel("effect (%)")
    below.set_xlabel("column of the picture (pixels)")
    below.set_xlim(max(0, first - 120), min(ink.shape[1], first + len(effect) + 160))
    below.legend(frameon=False, fontsize=8, loc="upper right")
    show(
        drawing,
        alt=f"A piece of a handwritten line with a band of {len(effect)} columns; below it bars, high in the middle of "
        f"the band and low towards both ends: {half} columns hold half of the effect.",
        facts=f"of {len(effect)} columns {half} hold half of the effect, {most} hold 90 %",
    )


def layers(ink: np.ndarray, blocks: Sequence[np.ndarray]) -> None:
    """One channel after each layer for the same word: in one scale, and enlarged to one size.

    Args:
        ink: float (H, W). blocks: (h, w, channels) each.
    """
    drawing, (top, below) = figure(2, 1, height=2.7, height_ratios=(1.2, 1))
    stages = [ink[:, :, None], *blocks]
    gap = 8
    whole = sum(stage.shape[1] + gap for stage in stages)
    left = 0
    for number, stage in enumerate(stages):
        channel = stage[:, :, int(stage.std((0, 1)).argmax())]
        rows, columns = channel.shape
        place = (left / whole, 0.1, columns / whole, 0.75)
        enlarged = (number / len(stages), 0.0, 0.94 / len(stages), 0.72)
        for axis, where, aspect in ((top, place, "equal"), (below, enlarged, "auto")):
            inset = axis.inset_axes(where)
            extent = (0, columns, (ink.shape[0] + rows) / 2, (ink.shape[0] - rows) / 2)
            look = {"cmap": "magma" if number else "gray_r", "interpolation": "nearest"}
            inset.imshow(channel, aspect=aspect, extent=extent, **look)
            if aspect == "equal":
                inset.set_ylim(ink.shape[0], 0)
            inset.set_axis_off()
        name = f"block {number}" if number else "the ink"
        inset.set_title(f"{name}\n{rows} x {columns} x {stage.shape[2]}", fontsize=7.5)
        left += columns + gap
    for axis in (top, below):
        axis.set_axis_off()
    top.set_title("in one scale", loc="left", fontsize=9)
    last = blocks[-1].shape
    show(
        drawing,
        alt=f"The same word after each of {len(blocks)} blocks, in one scale above and enlarged below: it gets smaller "
        "from left to right, faster in height than in width, until one row of cells is left.",
        facts=f"{len(blocks)} blocks; the last leaves {last[0]} row of {last[1]} frames, {last[2]} channels each",
    )


def maps(ink: np.ndarray, blocks: Sequence[np.ndarray], shown: int = 3) -> None:
    """The most active channels after each block. ink: (H, W); blocks: (h, w, channels) each, of the same stretch."""
    drawing, axes = figure(len(blocks) + 1, shown, height=1.1 * (len(blocks) + 1) + 0.2)
    for axis in axes.flat:
        axis.set_axis_off()
    extent = (0, ink.shape[1], ink.shape[0], 0)
    middles = np.arange(ink.shape[1]) + 0.5, np.arange(ink.shape[0]) + 0.5
    for axis in axes[0]:  # above each column, so that places can be compared
        axis.imshow(ink, cmap="gray_r", vmin=0, vmax=1, extent=extent)
    axes[0, 0].set_title("the ink", loc="left", fontsize=8, pad=2)
    for number, (row, block) in enumerate(zip(axes[1:], blocks, strict=True), 1):
        active = np.argsort(-block.std((0, 1)), kind="stable")[:shown]
        for axis, channel in zip(row, active, strict=True):
            axis.imshow(block[:, :, channel], cmap="magma", extent=extent, interpolation="nearest")
            if len(block) < ink.shape[0] / 6:  # coarse maps: which letters are they bright at?
                axis.contour(*middles, ink, [0.5], colors="white", linewidths=0.5)
        size = " x ".join(map(str, block.shape))
        row[0].set_title(f"block {number}: {size}", loc="left", fontsize=8, pad=2)
    show(
        drawing,
        alt=f"A word and, row by row, {shown} feature maps after each of {len(blocks)} blocks with the word's outline "
        "drawn over them: the first rows still look like the word, the last are a few bright cells at some letters.",
        facts=f"after the first block {blocks[0].shape[0]} rows of {blocks[0].shape[2]} channels, "
        f"after the last {blocks[-1].shape[0]} rows of {blocks[-1].shape[2]}",
    )


def changes(
    curves: Mapping[str, np.ndarray],
    cause: str,
    texts: Sequence[str] = (),
    floor: float = 1e-7,
) -> None:
    """How far each frame's logits moved, on a logarithmic axis. curves: name -> (T,) largest change.

    Args:
        cause: what was changed. texts: lines to write above the curves: what was read.
        floor: smaller changes are drawn here.
    """
    drawing, axis = figure(height=2.8 + 0.2 * len(texts))
    for number, (name, curve) in enumerate(curves.items()):
        axis.semilogy(np.maximum(curve, floor), lw=1.6, label=name, **base.style(number))
    axis.axhline(1e-4, color=GREY, lw=0.8, linestyle=":")
    axis.text(0, 1.25e-4, "1e-4: what this course allows", fontsize=7, color=GREY)
    axis.set_title("\n".join(texts), loc="left", fontsize=8)
    axis.set(xlabel="frame", ylabel="largest change of a logit", ylim=(floor / 2, None))
    axis.legend(frameon=False, fontsize=8, loc="center right")
    sizes = [f"{name}: logits move by up to {curve.max():.1f}" for name, curve in curves.items()]
    show(
        drawing,
        alt=f"{len(curves)} curves over the frames of a line after one change, {cause}; {'; '.join(sizes)}.",
        facts=f"{cause}: {'; '.join(sizes)}",
    )
