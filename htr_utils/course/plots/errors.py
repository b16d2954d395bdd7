"""Figures of the chapter "Evaluation": error rates by writer, and misread characters as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, GREY, ORANGE
from htr_utils.lines import images
from htr_utils.text.metrics import Rate


def writers(rates: Mapping[str, Rate], *, whole: Rate) -> None:
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
    axis.set(xlabel="CER (%), with 95 % interval over lines", ylabel="writer")
    axis.legend(frameon=False, fontsize=9)
    best, worst = rates[ranked[-1]], rates[ranked[0]]
    above = sum(rate.value > whole.value for rate in rates.values())
    base.show(
        drawing,
        alt=f"A row for each of {len(ranked)} writers with the error rate and its interval, worst on top; {above} of "
        f"them lie to the right of the dotted line of all writers together, {100 * whole.value:.1f} %.",
        facts=f"{len(ranked)} writers; worst {ranked[0]}: {worst}; best {ranked[-1]}: {best}",
    )


def crops(
    places: Sequence[tuple[np.ndarray, float, str]], *, columns: int = 8, reach: int = 40
) -> None:
    """What stands at some places of lines, in rows, with a mark below the place and a title above.

    Args:
        places: grey picture uint8 (H, W), x of the place in it, title. reach: columns shown to either side.
    """
    rows = max(1, -(-len(places) // columns))
    drawing, axes = base.figure(rows, columns, height=1.35 * rows, squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for axis, (grey, x, title) in zip(axes.ravel(), places, strict=False):
        left = max(0, round(x) - reach)
        crop = grey[:, left : round(x) + reach]
        base.picture(axis, crop)
        axis.plot(x - left, 1.08 * len(crop), "^", color=base.RED, markersize=5, clip_on=False)
        axis.set_title(title, fontsize=9)
    titles = ", ".join(title for _, _, title in places)
    base.show(
        drawing,
        alt=f"{len(places)} small pictures cut from lines where a character was misread, a mark below each character; "
        f"written > read: {titles}.",
        facts=f"{len(places)} misread characters (written > read): {titles}",
    )


def worst(lines: Sequence[tuple[np.ndarray, str, str]]) -> None:
    """Pictures of lines, uint8 (H, W), without paper; above each what is written and read, `^` where wrong."""
    drawing, axes = base.figure(len(lines), 1, height=1.3 * len(lines) + 0.2, squeeze=False)
    for axis, (grey, truth, text) in zip(axes[:, 0], lines, strict=True):
        base.picture(axis, images.normalise(grey), ink=True)
        wrong = {step.dest_pos for step in Levenshtein.editops(truth, text)}
        marks = "".join(" ^"[n in wrong] for n in range(len(text) + 1))
        title = f"written: {truth}\nread:    {text}\n         {marks}"
        axis.set_title(title, loc="left", fontsize=9, family="monospace")
    told = "; ".join(f"{truth} > {text}" for _, truth, text in lines)
    base.show(
        drawing,
        alt=f"Pictures of {len(lines)} lines, the worst one on top; above each: written > read: {told}.",
        facts=f"{len(lines)} lines, the worst on top",
    )
