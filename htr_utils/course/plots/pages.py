"""Figures of "Your own handwriting": from a photo to lines, two kinds of writing, before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, DASHES, GREEN, GREY, ORANGE, RED
from htr_utils.text.metrics import Rate


def _small(grey: np.ndarray, longest: int = 620) -> tuple[np.ndarray, float]:
    """A page scaled down to `longest` pixels, and the scale."""
    scale = min(1.0, longest / max(grey.shape))
    return cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), scale


def steps(pictures: Mapping[str, np.ndarray]) -> None:
    """Pages, crops or maps side by side, each below its name: uint8 (H, W), or float from 0 (black) to 1."""
    drawing, axes = base.figure(1, len(pictures), height=4.0, squeeze=False)
    for axis, (name, picture) in zip(axes[0], pictures.items(), strict=True):
        if picture.dtype != np.uint8:
            picture = (255 * picture.clip(0, 1)).astype(np.uint8)
        base.picture(axis, _small(picture)[0])
        axis.set_title(name, fontsize=9)
    sizes = ", ".join(f"{picture.shape[0]} x {picture.shape[1]}" for picture in pictures.values())
    base.show(
        drawing,
        alt=f"Pages, crops or maps side by side, with titles: {'; '.join(pictures)}.",
        facts=f"pixels: {sizes}",
    )


def profile(
    image: np.ndarray, rows: np.ndarray, level: float, cuts: Sequence[tuple[int, int]]
) -> None:
    """A level page, beside it how much ink each row holds; runs over `level` are shaded.

    Args:
        image: uint8 (H, W). rows: (H,) inked pixels. cuts: top and bottom row of each run.
    """
    small, scale = _small(image)
    drawing, (left, right) = base.figure(1, 2, height=4.4, width_ratios=[1, 1.1])
    base.picture(left, small)
    right.plot(rows, np.arange(len(rows)) * scale, color=BLUE, linewidth=0.8)
    right.axvline(level, color=ORANGE, linestyle=DASHES[1], label="level of the cut")
    for axis in (left, right):
        for top, bottom in cuts:
            axis.axhspan(top * scale, bottom * scale, color=GREEN, alpha=0.18)
    right.set(ylim=(small.shape[0], 0), yticks=[], xlabel="inked pixels in the row")
    right.legend(frameon=False, fontsize=9, loc="lower right")
    base.show(
        drawing,
        alt=f"A page with {len(cuts)} shaded stripes where its rows hold much ink, and beside it the ink of each row "
        "with the level of the cut.",
        facts=f"{len(cuts)} runs of rows lie above the level",
    )


def hands(groups: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Groups of lines as a network sees them, float32 (H, W) with 1 = ink, one below the other at one scale."""
    inks = [(name, ink) for name, group in groups.items() for ink in group]
    widest = max(ink.shape[1] for _, ink in inks)
    counts = ", then ".join(f"{len(group)} {name}" for name, group in groups.items())
    base.lines(
        [np.pad(ink, ((0, 0), (0, widest - ink.shape[1]))) for _, ink in inks],
        [name for name, _ in inks],
        alt=f"Lines as the network sees them, below each other at one scale: {counts}.",
        facts=counts,
        ink=True,
    )


def outlines(grey: np.ndarray, finders: Mapping[str, Sequence[np.ndarray]]) -> None:
    """A page once for each finder, with outline and number of each line: polygons (N, 2) in pixels of the page."""
    drawing, axes = base.figure(1, len(finders), height=5.6, squeeze=False)
    for axis, (title, page_lines) in zip(axes[0], finders.items(), strict=True):
        small, scale = _small(grey, 760)
        base.picture(axis, small)
        for number, polygon in enumerate(page_lines, 1):
            closed = np.vstack([polygon, polygon[:1]]) * scale
            colour = (BLUE, RED)[number % 2]
            axis.plot(
                closed[:, 0],
                closed[:, 1],
                color=colour,
                linewidth=1.2,
                linestyle=DASHES[number % 2],
            )
            x, y = closed[:, 0].min(), closed[:, 1].mean()
            axis.text(x - 4, y, str(number), color=colour, fontsize=8, ha="right", va="center")
        axis.set_title(title, fontsize=9)
        axis.set(xlim=(-14, small.shape[1]), ylim=(small.shape[0], 0))
    counts = "; ".join(f"{title}: {len(page_lines)}" for title, page_lines in finders.items())
    base.show(
        drawing,
        alt=f"A page with numbered outlines around what each finder takes for a line; {counts}.",
        facts=f"lines found - {counts}",
    )


def before_after(rates: Mapping[str, tuple[Rate, Rate]]) -> None:
    """For each set of lines its CER before and after, with 95 % intervals, an arrow from one to the other."""
    drawing, axis = base.figure(height=0.75 * len(rates) + 1.0)
    for row, (before, after) in enumerate(rates.values()):
        for one, colour, marker, up in ((before, GREY, "o", -0.12), (after, BLUE, "D", 0.12)):
            axis.plot(
                [100 * one.low, 100 * one.high], [row + up, row + up], color=colour, linewidth=2
            )
            axis.plot(100 * one.value, row + up, marker, color=colour, markersize=7)
        axis.annotate(
            "",
            xy=(100 * after.value, row + 0.12),
            xytext=(100 * before.value, row - 0.12),
            arrowprops={"arrowstyle": "->", "color": ORANGE, "linewidth": 1.4},
        )
    axis.plot([], [], "o", color=GREY, label="before")
    axis.plot([], [], "D", color=BLUE, label="after")
    axis.set_yticks(range(len(rates)), list(rates), fontsize=9)
    axis.set_ylim(len(rates) - 0.5, -0.5)
    axis.set_xlim(left=0)
    axis.set_xlabel("CER (%), with 95 % interval over lines")
    axis.legend(frameon=False, fontsize=9)
    told = "; ".join(
        f"{name} {before.value:.0%} -> {after.value:.0%}" for name, (before, after) in rates.items()
    )
    base.show(
        drawing,
        alt=f"The CER of sets of lines before and after, each with its interval and an arrow: {told}.",
        facts=f"CER: {told}",
    )
