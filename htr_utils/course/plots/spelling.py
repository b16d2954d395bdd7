"""Figures of spell correction: candidates of a word, error rates without and with, what became of the changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from htr_utils.course import calibration
from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, COLOURS, GREEN, GREY, ORANGE, RED
from htr_utils.text.corrections import Report
from htr_utils.text.metrics import Rate


def candidates(
    word: str, lists: Mapping[str, Mapping[str, int]], *, top: int = 8, alt: str
) -> None:
    """The known words one edit from `word` and their counts, a panel for each word list.

    Args:
        lists: name of the word list -> candidate -> how often it was counted.
    """
    rows = max(1, min(top, max(map(len, lists.values()))))
    drawing, axes = base.figure(1, len(lists), height=0.32 * rows + 1.1, squeeze=False)
    facts = []
    for axis, (name, known) in zip(axes[0], lists.items(), strict=True):
        ranked = sorted(known, key=lambda word: (-known[word], word))[:top]
        colours = [ORANGE, *[BLUE] * top][: len(ranked)]
        axis.barh(range(len(ranked)), [known[word] for word in ranked], color=colours)
        axis.set_yticks(range(len(ranked)), ranked)
        axis.set_ylim(rows - 0.4, -0.6)
        if ranked:
            axis.set_xscale("log")
            axis.set_xlim(0.5, 3 * known[ranked[0]])
        else:
            axis.text(0.5, 0.5, "no candidate", transform=axis.transAxes, ha="center", color=GREY)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("count (logarithmic)")
        facts.append(f"{name}: {len(known)}" + (f", first {ranked[0]!r}" if ranked else ""))
    axes[0][0].set_ylabel(f"one edit from “{word}”")
    base.show(drawing, alt=alt, facts=f"candidates for {word!r} in {'; in '.join(facts)}")


def rates(measured: Mapping[str, tuple[Rate, Rate]], *, alt: str) -> None:
    """CER and WER of several ways to correct, each with its 95 % interval, against the first."""
    drawing, axes = base.figure(1, 2, height=0.42 * len(measured) + 1.0, sharey=True)
    names = list(measured)
    for panel, axis in enumerate(axes):
        for row, name in enumerate(names):
            rate = measured[name][panel]
            value = 100 * rate.value
            error = [[value - 100 * rate.low], [100 * rate.high - value]]
            look = {"color": COLOURS[row % len(COLOURS)], "marker": "os^Dv"[row % 5]}
            axis.errorbar(value, row, xerr=error, capsize=3, **look)
            place = {"xytext": (0, 7), "textcoords": "offset points"}
            axis.annotate(f"{value:.1f}", (value, row), ha="center", fontsize=8, **place)
        axis.axvline(100 * measured[names[0]][panel].value, color=GREY, ls=":", lw=1)
        axis.set_xlim(left=0)
        axis.set_xlabel(f"{'CER' if panel == 0 else 'WER'} (%), with 95 % interval")
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.5, -0.7)
    axes[0].set_ylabel("correction")
    edits = ", ".join(f"{name} {measured[name][0].edits}" for name in names)
    base.show(drawing, alt=alt, facts=f"character edits left: {edits}")


def outcomes(counts: Mapping[str, Mapping[str, int]], kinds: Sequence[str], *, alt: str) -> None:
    """What became of the changes, a bar for each way to correct: `counts[way][kind]`."""
    drawing, axis = base.figure(height=0.5 * len(counts) + 1.0)
    looks = {"helped": (GREEN, ""), "harmed": (RED, "////"), "neither": ("#bbbbbb", "..")}
    for row, count in enumerate(counts.values()):
        left = 0
        for kind in kinds:
            colour, hatch = looks[kind]
            number = count.get(kind, 0)
            label = kind if row == 0 else None
            look = {"color": colour, "hatch": hatch, "edgecolor": "white", "label": label}
            axis.barh(row, number, left=left, height=0.6, **look)
            if number:
                ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                place = left + number / 2
                base.write(axis, place, row, str(number), weight="bold", bbox=ground)
            left += number
    axis.set_yticks(range(len(counts)), list(counts))
    axis.set_ylim(len(counts) - 0.4, -0.6)
    axis.set_xlim(left=0)
    axis.set_xlabel("changed words")
    axis.set_ylabel("correction")
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    shares = "; ".join(
        f"{way}: " + ", ".join(f"{count.get(kind, 0)} {kind}" for kind in kinds)
        for way, count in counts.items()
    )
    base.show(drawing, alt=alt, facts=shares)


def reliability(groups: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Reliability diagram: for each group (confidences, right) the share that is right over the confidence.

    The size of a mark says how much lies in its bin. The facts rank the groups by their calibration error.
    """
    drawing, axis = base.figure(height=3.4, width=6.2)
    axis.plot([0, 1], [0, 1], color=GREY, ls=":", label="a promise kept")
    errors = {}
    for number, (name, (sure, right)) in enumerate(groups.items()):
        bins = calibration.reliability(sure, right)
        errors[name] = calibration.error(sure, right)
        x, y = [b.confidence for b in bins], [b.right for b in bins]
        sizes = [15 + 250 * (b.count / len(sure)) ** 0.5 for b in bins]
        axis.plot(x, y, label=name, **base.style(number))
        axis.scatter(x, y, s=sizes, color=COLOURS[number], marker="os^D"[number % 4], alpha=0.75)
    axis.set_xlabel("confidence of a letter")
    axis.set_ylabel("share that is right")
    axis.set_xlim(0, 1.03)
    axis.set_ylim(0, 1.06)
    axis.legend(frameon=False, loc="upper left")
    ranked = " < ".join(sorted(errors, key=lambda name: errors[name]))
    base.show(
        drawing,
        alt=f"A diagram of the share of right letters over their confidence, with a dotted diagonal and "
        f"{len(groups)} curves; nearest to it in the mean is the one '{min(errors, key=lambda n: errors[n])}'.",
        facts=f"expected calibration error: {ranked}",
    )


def margin_curve(margins: Sequence[float], reports: Sequence[Report]) -> None:
    """Words mended and broken on validation lines over the margin of the gate."""
    drawing, axis = base.figure(height=2.8)
    mended, broken = [report.mended for report in reports], [report.broken for report in reports]
    axis.plot(margins, mended, color=GREEN, marker="o", label="mended")
    axis.plot(margins, broken, color=RED, marker="s", ls="--", label="broken")
    axis.set_xlabel("margin of the gate (natural logarithm): further right, fewer changes")
    axis.set_ylabel("words, validation lines")
    axis.set_ylim(bottom=-0.5)
    axis.legend(frameon=False)
    kept = [margin for margin, a, b in zip(margins, mended, broken, strict=True) if a > 5 * b]
    base.show(
        drawing,
        alt="Two curves over the margin of the gate: the words that it mends fall from left to right, and the few "
        "words that it breaks fall as well.",
        facts=f"{len(kept)} of {len(margins)} margins break fewer than one word for five mended",
    )
