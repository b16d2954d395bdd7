"""Figures of "CNN features": responses of kernels, work per layer, receptive fields, maps, what padding moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, COLOURS, GREY, ORANGE, figure, show


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


def kernels(weights: np.ndarray, yours: Mapping[str, np.ndarray]) -> None:
    """The learned kernels of a first layer, and which of them are most like kernels made by hand.

    Args:
        weights: float (k, k, 1, channels). yours: name -> float (3, 3), k at least 3 and odd.
    """
    count = weights.shape[-1]
    columns = 12
    rows = -(-count // columns)
    drawing, axes = figure(rows, columns, height=0.8 * rows + 0.25, squeeze=False)
    top = float(np.abs(weights).max())
    for number, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if number < count:
            shown = axis.imshow(weights[:, :, 0, number], cmap="RdBu_r", vmin=-top, vmax=top)
            axis.set_title(str(number + 1), fontsize=7, pad=2)
    alike, border = [], (weights.shape[0] - 3) // 2
    for name, kernel in yours.items():
        wanted = np.pad(kernel, border).ravel()
        close = [
            float(np.corrcoef(wanted, one.ravel())[0, 1])
            for one in weights[:, :, 0].transpose(2, 0, 1)
        ]
        alike.append(f"most like {name!r}: {np.argmax(close) + 1}, correlation {max(close):.1f}")
    drawing.colorbar(shown, ax=list(axes.flat), label="weight", shrink=0.8, pad=0.01)
    show(
        drawing,
        alt=f"A grid of {count} small square kernels in red and blue; in each, blue weights that want "
        "paper lie beside red weights that want ink.",
        facts=f"{count} kernels of {weights.shape[0]} x {weights.shape[1]} weights; {'; '.join(alike)}",
    )


def work(tables: Mapping[str, Sequence[tuple[str, int]]]) -> None:
    """Multiply-accumulates of each layer as bars, one colour per network. tables: name -> (layer, operations)."""
    names = [name for name, _ in max(tables.values(), key=len)]
    drawing, axis = figure(height=0.5 * len(names) + 0.6)
    thick = 0.8 / len(tables)
    for number, (name, rows) in enumerate(tables.items()):
        total = sum(count for _, count in rows)
        place = [names.index(layer) + (number - (len(tables) - 1) / 2) * thick for layer, _ in rows]
        axis.barh(
            place,
            [count / 1e6 for _, count in rows],
            thick,
            color=COLOURS[number],
            hatch=("", "///")[number % 2],
            edgecolor="white",
            label=f"{name}: {total / 1e6:,.0f} million in all",
        )
        for at, (_, count) in zip(place, rows, strict=True):
            shown = f"{count / 1e6:,.0f} ({count / total:.0%})"
            axis.text(count / 1e6 + 15, at, shown, va="center", fontsize=7)
    axis.set_yticks(np.arange(len(names)), names)
    axis.invert_yaxis()
    axis.margins(x=0.09)
    axis.set_xlabel("multiply-accumulates for one line (millions)")
    axis.legend(frameon=False, loc="lower right", fontsize=8)
    largest = {name: max(rows, key=lambda row: row[1])[0] for name, rows in tables.items()}
    show(
        drawing,
        alt="Horizontal bars, one pair a layer: the second convolution of the reference network towers over all "
        "others, and the bars of the other one are short throughout.",
        facts="; ".join(f"most work in {name}: {layer}" for name, layer in largest.items()),
    )


def field(ink: np.ndarray, spans: Sequence[tuple[str, int, int]], frame: int) -> None:
    """Which columns one frame's numbers depend on. spans: (layer, first column, last column), bottom layer first."""
    drawing, (above, below) = figure(
        2, 1, height=0.35 * len(spans) + 1.6, sharex=True, height_ratios=(1, 2.2)
    )
    base.columns(above, ink)
    above.set_yticks([])
    above.set_title(f"what frame {frame} sees of the line", loc="left", fontsize=9)
    first, last = spans[-1][1], spans[-1][2]
    above.axvspan(first, last + 1, color=ORANGE, alpha=0.25, lw=0)
    for number, (name, first, last) in enumerate(spans):
        strength = 0.35 + 0.6 * number / len(spans)
        below.barh(number, last + 1 - first, left=first, color=BLUE, alpha=strength)
        below.text(last + 6, number, f"{name}: {last + 1 - first} columns", va="center", fontsize=8)
    below.set_ylim(len(spans) - 0.4, -0.6)
    below.set_yticks([])
    below.set_ylabel("block")
    below.set_xlabel("column of the picture (pixels)")
    below.set_xlim(0, ink.shape[1])
    widths = [last + 1 - first for _, first, last in spans]
    show(
        drawing,
        alt=f"A handwritten line with an orange band a few letters wide at most; below it {len(spans)} bars, one a "
        "block, grow from a few columns to the width of the band.",
        facts=f"columns seen after each block: {', '.join(map(str, widths))}",
    )


def slide(ink: np.ndarray, windows: Sequence[tuple[int, int, int]]) -> None:
    """The receptive field as it slides along a line: where it lies for some frames, and what is in it.

    Args:
        ink: float (H, W). windows: (frame, first column, last column) each, from left to right.
    """
    drawing, axes = figure(2, 1, height=3.7, height_ratios=(1.5, 1.1))
    rows, columns = ink.shape
    count = len(windows)
    top, bottom = axes
    until = min(columns, windows[-1][2] + 160)
    base.columns(top, ink, height=rows)
    bottom.set_axis_off()
    wide = np.pad(ink, ((0, 0), (columns, columns)))
    for number, (frame, first, last) in enumerate(windows):
        colour, level = COLOURS[number % len(COLOURS)], rows * (1.15 + 0.17 * number)
        top.plot([first, last + 1], [level, level], color=colour, lw=4, solid_capstyle="butt")
        top.text(last + 6, level, f"frame {frame}", va="center", fontsize=8, color=GREY)
        inset = bottom.inset_axes((number / count, 0.0, 0.94 / count, 0.86))
        inset.imshow(wide[:, columns + first : columns + last + 1], cmap="gray_r", vmin=0, vmax=1)
        inset.axvline((last - first) / 2, color=colour, lw=1, linestyle=":")
        inset.set_xticks([])
        inset.set_yticks([])
        for spine in inset.spines.values():
            spine.set(color=colour, linewidth=2)
        inset.set_title(f"frame {frame}: {first} to {last}", fontsize=8)
    top.set_ylim(rows * (1.25 + 0.17 * count), 0)
    top.set_xlim(0, until)
    top.set_yticks([])
    top.spines["left"].set_visible(False)
    top.set_xlabel("column of the picture (pixels)")
    steps = {b[1] - a[1] for a, b in zip(windows, windows[1:], strict=False)}
    show(
        drawing,
        alt=f"The beginning of a handwritten line with {count} bars below it, each further to the right than the one "
        "above, and under them what each of these windows holds: the same letters, moved to the left from window "
        "to window.",
        facts=f"{count} windows of {windows[0][2] - windows[0][1] + 1} columns; each lies "
        f"{' or '.join(map(str, sorted(steps)))} columns further to the right",
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


def maps(ink: np.ndarray, blocks: Sequence[np.ndarray], shown: int = 5) -> None:
    """The most active channels after each block. ink: (H, W); blocks: (h, w, channels) each, of the same stretch."""
    drawing, axes = figure(len(blocks) + 1, shown, height=0.78 * (len(blocks) + 1) + 0.2)
    for axis in axes.flat:
        axis.set_axis_off()
    extent = (0, ink.shape[1], ink.shape[0], 0)
    for axis in axes[0]:  # above each column, so that places can be compared
        axis.imshow(ink, cmap="gray_r", vmin=0, vmax=1, extent=extent)
    axes[0, 0].set_title("the ink", loc="left", fontsize=8, pad=2)
    for number, (row, block) in enumerate(zip(axes[1:], blocks, strict=True), 1):
        active = np.argsort(-block.std((0, 1)), kind="stable")[:shown]
        for axis, channel in zip(row, active, strict=True):
            axis.imshow(block[:, :, channel], cmap="magma", extent=extent, interpolation="nearest")
        size = " x ".join(map(str, block.shape))
        row[0].set_title(f"block {number}: {size}", loc="left", fontsize=8, pad=2)
    show(
        drawing,
        alt=f"A word and, row by row, {shown} feature maps after each of {len(blocks)} blocks: the first rows still "
        "look like the word's outlines, the last rows are a few bright cells on dark ground.",
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
    axis.set_xlabel("frame")
    axis.set_ylabel("largest change of a logit")
    axis.set_ylim(floor / 2, None)
    axis.legend(frameon=False, fontsize=8, loc="center right")
    sizes = [f"{name}: logits move by up to {curve.max():.1f}" for name, curve in curves.items()]
    show(
        drawing,
        alt=f"{len(curves)} curves over the frames of a line after one change, {cause}; {'; '.join(sizes)}.",
        facts=f"{cause}: {'; '.join(sizes)}",
    )
