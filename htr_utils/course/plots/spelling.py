"""Figures of spell correction: what weighs for a change, and whether a confidence keeps its promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from htr_utils.course import calibration
from htr_utils.course.plots import base
from htr_utils.course.plots.base import COLOURS, GREY


def gains(word: str, options: Sequence[str], parts: Mapping[str, np.ndarray]) -> None:
    """What speaks for each option against `word`, in nats: a bar for each part, the last of which is what decides."""
    names = list(parts)
    shown = np.argsort(-parts[names[-1]])[:4]
    drawing, axis = base.figure(height=0.75 * len(shown) + 1.1)
    looks = [(COLOURS[n], ("", "////", "..")[n % 3]) for n in range(len(names))]
    for row, option in enumerate(shown):
        for n, name in enumerate(names):
            value, place = float(parts[name][option]), row + 0.26 * (n - (len(names) - 1) / 2)
            colour, hatch = looks[n]
            label = name if row == 0 else None
            look = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": label}
            axis.barh(place, value, height=0.24, **look)
            side = {"ha": "left" if value >= 0 else "right", "va": "center", "fontsize": 8}
            axis.text(value, place, f" {value:+.1f} ", **side)
    axis.axvline(0, color=GREY, lw=1)
    axis.margins(x=0.12)
    axis.set_yticks(range(len(shown)), [options[option] for option in shown])
    axis.invert_yaxis()
    axis.set_xlabel(f"gain against “{word}” as it was read (nats); right of 0: better than it")
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    first = ", ".join(f"{name} {parts[name][shown[0]]:+.1f}" for name in names)
    told = f"{word!r}: first {options[shown[0]]!r} ({first})"
    base.show(
        drawing,
        alt=f"Bars of what speaks for each of {len(shown)} listed words in place of what was read, {told}.",
        facts=told,
    )


def reliability(groups: Mapping[str, np.ndarray], right: np.ndarray, line: np.ndarray) -> None:
    """Reliability diagram: for each group of confidences (n,) the share that is right over the confidence.

    The size of a mark says how much lies in its bin. The facts give each expected calibration error with the middle
    95 % of what it is when whole lines are drawn again.

    Args:
        right: whether each letter is right (n,). line: the line in which it stands (n,).
    """
    drawing, axis = base.figure(height=3.4, width=6.2)
    axis.plot([0, 1], [0, 1], color=GREY, ls=":", label="a promise kept")
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(line == one) for one in np.unique(line)]
    drawn = rng.integers(len(members), size=(200, len(members)))
    facts, errors = [], {}
    for number, (name, sure) in enumerate(groups.items()):
        bins = calibration.reliability(sure, right)
        errors[name] = calibration.error(sure, right)
        again = [np.concatenate([members[one] for one in draw]) for draw in drawn]
        low, high = np.percentile(
            [calibration.error(sure[i], right[i]) for i in again], [2.5, 97.5]
        )
        facts.append(f"{name} {100 * errors[name]:.1f} % [{100 * low:.1f}, {100 * high:.1f}]")
        x, y = [b.confidence for b in bins], [b.right for b in bins]
        sizes = [15 + 250 * (b.count / len(sure)) ** 0.5 for b in bins]
        axis.plot(x, y, label=name, **base.style(number))
        axis.scatter(x, y, s=sizes, color=COLOURS[number], marker="os^D"[number % 4], alpha=0.75)
    axis.set_xlabel("confidence of a letter")
    axis.set_ylabel("share that is right")
    axis.set_xlim(0, 1.03)
    axis.set_ylim(0, 1.06)
    axis.legend(frameon=False, loc="upper left")
    base.show(
        drawing,
        alt=f"A diagram of the share of right letters over their confidence, with a dotted diagonal and "
        f"{len(groups)} curves; nearest to it in the mean is the one '{min(errors, key=lambda n: errors[n])}'.",
        facts=f"ECE of {len(right)} letters in {len(members)} lines: {'; '.join(facts)}",
    )
