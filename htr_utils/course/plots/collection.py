"""Figures of "Loading IAM": what is in a folder of lines, where its ink was found, who is in which split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from htr_utils.course.plots import base
from htr_utils.lines.iam import Line

Box = tuple[int, int, int, int]  # x, y, width, height in pixels


def short(text: str, most: int = 90) -> str:
    """`text`, cut after `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def captioned(lines: Sequence[Line]) -> None:
    """Pictures of lines below each other, each with its id, its writer and its text above it."""
    writers = len({line.writer_id for line in lines})
    facts = f"{len(lines)} lines by {writers} writer" + ("" if writers == 1 else "s")
    alt = f"{facts}, dark ink on light paper, each with its id, its writer and its text above it."
    titles = [f"{line.id}, writer {line.writer_id or '?'}:  {short(line.text)}" for line in lines]
    base.lines([line.image() for line in lines], titles, alt=alt, facts=facts)


def boxes(grey: np.ndarray, words: Sequence[tuple[str, Sequence[Box]]], *, title: str = "") -> None:
    """A line's picture with a dashed box around each word and a thin one around each piece of ink in it.

    Args:
        grey: uint8 (H, W). words: per word its text and the boxes of its pieces, in pixels of `grey`.
    """
    drawing, axis = base.figure(height=0.8 + 8.8 * (grey.shape[0] + 44) / (grey.shape[1] + 8))
    # Not base.picture: boxes are in pixels of the picture, so it must not be scaled.
    axis.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="equal", interpolation="antialiased")
    pieces = 0
    for number, (text, parts) in enumerate(words):
        full = [part for part in parts if part[2] and part[3]]
        if not full:
            continue
        pieces += len(full)
        for x, y, w, h in full:
            base.box(axis, x, y, x + w, y + h, edgecolor=base.RED, linewidth=0.6)
        left, top = min(p[0] for p in full), min(p[1] for p in full)
        right, bottom = max(p[0] + p[2] for p in full), max(p[1] + p[3] for p in full)
        look = {"edgecolor": base.BLUE, "linewidth": 1.4, "linestyle": "--"}
        base.box(axis, left - 2, top - 2, right + 2, bottom + 2, **look)
        # Every other name higher, so that short words do not write over each other.
        above = -6 - 15 * (number % 2)
        base.write(axis, (left + right) / 2, above, text, 8, va="baseline", color=base.BLUE)
    axis.set(xlim=(-4, grey.shape[1] + 4), ylim=(grey.shape[0] + 4, -40))
    axis.set_xlabel("x in the line's picture (pixels)", fontsize=9)
    base.bare(axis, bottom=False)
    if title:
        axis.set_title(title, loc="left", fontsize=9)
    base.show(
        drawing,
        alt="A line of handwriting; blue dashed boxes surround its words and punctuation marks, each with its "
        "text above it, and thin red boxes inside them surround single pieces of ink.",
        facts=f"{len(words)} words and marks, {pieces} pieces of ink",
    )


def widths_and_lengths(lines: Sequence[Line], height: int = 64) -> None:
    """Two histograms: the width of the lines scaled to `height` rows, and the number of characters."""
    widths = np.array([line.box[2] * height / max(1, line.box[3]) for line in lines])
    lengths = np.array([len(line.text) for line in lines])
    drawing, axes = base.figure(1, 2, height=2.8)
    panels = (
        (widths, f"width at {height} pixels height (pixels)", base.BLUE, ""),
        (lengths, "characters in the text", base.ORANGE, "//"),
    )
    for axis, (values, label, colour, hatch) in zip(axes, panels, strict=True):
        axis.hist(values, bins=40, color=colour, edgecolor="white", linewidth=0.3, hatch=hatch)
        median = float(np.median(values))
        axis.axvline(median, color="black", linestyle="--", linewidth=1.2)
        axis.set_title(f"dashed: the median, {median:.0f}", loc="right", fontsize=9)
        axis.set(xlabel=label, ylabel="lines")
    base.show(
        drawing,
        alt="Two histograms of all lines: widths pile up near the median with a tail of short last lines on the "
        "left, and text lengths show the same shape, with the median marked dashed in both.",
        facts=f"{len(lines)} lines; longest text {lengths.max()} characters; median {np.median(lengths):.0f}; "
        f"median width about {round(float(np.median(widths)), -2):.0f} pixels at {height} rows",
    )


def writers_in_splits(
    panels: Sequence[tuple[str, Sequence[Line], Sequence[Line]]], writers: Sequence[str]
) -> None:
    """For each way to split, a bar per writer: lines in train above zero, lines in test below.

    Args:
        panels: title, train lines, test lines. writers: ids in the order of the bars.
    """
    drawing, axes = base.figure(
        len(panels), 1, height=1.9 * len(panels), sharex=True, sharey=True, squeeze=False
    )
    place = np.arange(len(writers))
    shared = []
    for axis, (title, train, test) in zip(axes[:, 0], panels, strict=True):
        counts = [Counter(line.writer_id for line in part) for part in (train, test)]
        above, below = ([count[writer] for writer in writers] for count in counts)
        axis.bar(place, above, color=base.BLUE, width=0.8, label="train")
        hatched = {"color": base.ORANGE, "hatch": "//", "edgecolor": "white", "linewidth": 0}
        axis.bar(place, [-n for n in below], width=0.8, label="test", **hatched)
        both = sum(bool(a and b) for a, b in zip(above, below, strict=True))
        shared.append(both)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_title(f"{title}: {both} writers in both", loc="left", fontsize=9)
        axis.set_ylabel("lines")
        axis.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
    axes[-1, 0].set_xlabel(f"the {len(writers)} writers, one bar each")
    base.show(
        drawing,
        alt="Bars of lines per writer, training upwards and test downwards: split by random lines nearly every "
        "writer has both, split by writer every writer has only one of the two.",
        facts="writers in both train and test: "
        + ", ".join(f"{title} {both}" for (title, _, _), both in zip(panels, shared, strict=True)),
    )
