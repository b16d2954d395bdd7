"""Figures of chapter 10: error rates by writer and by character, and misread characters as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, GREY, ORANGE
from htr_utils.course.plots.measures import visible
from htr_utils.text.metrics import Rate


def writers(rates: Mapping[str, Rate], *, whole: Rate, alt: str) -> None:
    """The CER of each writer with its 95 % interval over lines, worst first; a line at the rate of all."""
    ranked = sorted(rates, key=lambda name: (-rates[name].value, name))
    drawing, axis = base.figure(height=0.28 * len(ranked) + 1.0)
    for row, name in enumerate(ranked):
        rate = rates[name]
        axis.plot([100 * rate.low, 100 * rate.high], [row, row], color=BLUE, linewidth=2)
        axis.plot(100 * rate.value, row, "o", color=ORANGE)
    axis.axvline(100 * whole.value, color=GREY, linestyle=":", label="all writers together")
    axis.set_yticks(range(len(ranked)), ranked, fontsize=8)
    axis.set_ylim(len(ranked) - 0.5, -0.5)
    axis.set_xlim(left=0)
    axis.set_xlabel("CER (%), with 95 % interval over lines")
    axis.set_ylabel("writer")
    axis.legend(frameon=False, fontsize=9)
    best, worst = rates[ranked[-1]], rates[ranked[0]]
    base.show(
        drawing,
        alt=alt,
        facts=f"{len(ranked)} writers; worst {ranked[0]}: {worst}; best {ranked[-1]}: {best}",
    )


def characters(wrong: Mapping[str, tuple[int, int]], *, top: int = 24, alt: str) -> None:
    """How often a character is misread, worst first.

    Args:
        wrong: character -> (times misread or lost, times written).
    """
    ranked = sorted(wrong, key=lambda name: (-wrong[name][0] / wrong[name][1], name))[:top]
    drawing, axis = base.figure(height=2.8)
    shares = [100 * wrong[name][0] / wrong[name][1] for name in ranked]
    axis.bar(range(len(ranked)), shares, color=BLUE)
    for column, name in enumerate(ranked):
        base.write(axis, column, shares[column], str(wrong[name][1]), 7, va="bottom", color=GREY)
    axis.set_xticks(range(len(ranked)), list(map(visible, ranked)))
    axis.set_xlabel("character of the truth (grey: how often it is written; ␣ is the space)")
    axis.set_ylabel("misread or lost (%)")
    worst_letters = ", ".join(
        f"{name!r} {wrong[name][0]} of {wrong[name][1]}" for name in ranked[:5]
    )
    base.show(drawing, alt=alt, facts=f"most often misread: {worst_letters}")


def crops(
    pictures: Sequence[np.ndarray], titles: Sequence[str], *, columns: int = 8, alt: str
) -> None:
    """Small grey pictures uint8 (H, W) in rows, each with what was written and read as its title."""
    rows = max(1, -(-len(pictures) // columns))
    drawing, axes = base.figure(rows, columns, height=1.35 * rows, squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for axis, crop, title in zip(axes.ravel(), pictures, titles, strict=False):
        base.picture(axis, crop)
        axis.set_title(title, fontsize=9)
    base.show(
        drawing,
        alt=alt,
        facts=f"{len(pictures)} misread characters (written > read): {', '.join(titles)}",
    )
