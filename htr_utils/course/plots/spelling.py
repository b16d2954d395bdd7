"""Figures of spell correction: candidates of a word, rates without and with, what weighs for a change, confidence."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from htr_utils.course import calibration
from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, COLOURS, GREEN, GREY, ORANGE, RED
from htr_utils.text.corrections import Report
from htr_utils.text.metrics import Rate


def candidates(
    word: str, near: Collection[str], lists: Mapping[str, Mapping[str, int]], *, top: int = 8
) -> None:
    """The known words among those near `word` and their counts, a panel for each word list.

    Args:
        lists: name of the word list -> word -> how often it was counted.
    """
    lists = {name: {c: counts[c] for c in near if c in counts} for name, counts in lists.items()}
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
            axis.set(xscale="log", xlim=(0.5, 3 * known[ranked[0]]))
        else:
            axis.text(0.5, 0.5, "no candidate", transform=axis.transAxes, ha="center", color=GREY)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("count (logarithmic)")
        facts.append(f"{name}: {len(known)}" + (f", first {ranked[0]!r}" if ranked else ""))
    axes[0][0].set_ylabel(f"one edit from “{word}”")
    told = f"candidates for {word!r} in {'; in '.join(facts)}"
    base.show(
        drawing,
        alt=f"{len(lists)} panels of bars over a logarithmic axis of counts: {told}.",
        facts=told,
    )


def rates(measured: Mapping[str, tuple[Rate, Rate]]) -> None:
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
    axes[0].set(ylim=(len(names) - 0.5, -0.7), ylabel="correction")
    edits = ", ".join(f"{name} {measured[name][0].edits}" for name in names)
    told = ", ".join(f"{name} {100 * measured[name][0].value:.1f} %" for name in names)
    base.show(
        drawing,
        alt=f"Two panels, character and word error rate, a point with its interval for each way: CER {told}.",
        facts=f"character edits left: {edits}",
    )


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


def margin_curve(margins: Sequence[float], reports: Sequence[Report], *, published: float) -> None:
    """Words mended and broken on validation lines over the margin of the gate; the published one is marked."""
    drawing, axis = base.figure(height=2.8)
    mended, broken = [report.mended for report in reports], [report.broken for report in reports]
    axis.plot(margins, mended, color=GREEN, marker="o", label="mended")
    axis.plot(margins, broken, color=RED, marker="s", ls="--", label="broken")
    axis.axvline(published, color=GREY, ls=":", label="published margin")
    axis.set_xlabel("margin of the gate (nats): further right, fewer changes")
    axis.set_ylabel("words, validation lines")
    axis.set_ylim(bottom=-0.5)
    axis.legend(frameon=False)
    ends = (
        f"from {mended[0]} mended and {broken[0]} broken at {margins[0]:g} to {mended[-1]} and {broken[-1]} "
        f"at {margins[-1]:g}"
    )
    base.show(
        drawing,
        alt=f"Two curves of words over the margin of the gate, {ends}; a dotted line marks the published margin.",
        facts=f"words {ends}; the published margin is {published:g}",
    )
