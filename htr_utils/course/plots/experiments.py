"""Drawings of "Experiments": curves of a sweep's runs, effects with their intervals, best of many, grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from htr_utils.course.plots import base
from htr_utils.course.statistics import Effect, Run


def curves(groups: Mapping[str, Sequence[Run]]) -> None:
    """Validation CER over epochs: a panel for each group, a curve for each run, the first group's in grey behind them;
    a line of text where no run trained anything."""
    trained = {
        name: [[100 * row["cer"] for row in run["results"]["history"]] for run in all_]
        for name, all_ in groups.items()
        if all(run["results"].get("history") for run in all_)
    }
    if not trained:
        print("no curves: nothing was trained in these runs")
        return
    columns = min(3, len(trained))
    rows = -(-len(trained) // columns)
    look = {"height": 2.1 * rows + 0.3, "squeeze": False, "sharex": True, "sharey": True}
    drawing, axes = base.figure(rows, columns, **look)
    first = next(iter(trained.values()))
    for axis in axes.flat[len(trained) :]:
        axis.axis("off")
    for number, (axis, (name, some)) in enumerate(zip(axes.flat, trained.items(), strict=False)):
        for curve in first if number else []:
            axis.plot(range(1, len(curve) + 1), curve, color="#BBBBBB", linewidth=1)
        for curve in some:
            axis.plot(range(1, len(curve) + 1), curve, color=base.style(number)["color"])
        axis.set_title(name, fontsize=10)
        axis.set_ylim(0, None)
        axis.xaxis.get_major_locator().set_params(integer=True)
    for axis in axes[-1]:
        axis.set_xlabel("epoch")
    for axis in axes[:, 0]:
        axis.set_ylabel("validation CER (%)")
    ends = "; ".join(
        f"{name} {', '.join(f'{curve[-1]:.0f}' for curve in some)} %"
        for name, some in trained.items()
    )
    base.show(
        drawing,
        alt=f"A panel for each of {len(trained)} kinds of run with the error rate on the validation lines over the "
        f"epochs, a curve for each seed, before the grey curves of the first kind. They end at: {ends}.",
        facts=f"{sum(map(len, trained.values()))} runs in {len(trained)} groups, which end at: {ends}",
    )


def spread(groups: Mapping[str, Sequence[Run]], what: str = "CER on the validation lines") -> None:
    """The rate of each run as a dot, a row for each group, the group's mean as a bar."""
    drawing, axis = base.figure(height=0.45 * len(groups) + 1.0, width=7.5)
    for row, runs in enumerate(groups.values()):
        values = [run["rate"] for run in runs]
        colour = base.style(row)["color"]
        axis.plot(values, [row] * len(values), "o", color=colour, markersize=7, alpha=0.8)
        axis.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color="black", linewidth=2)
    axis.set_yticks(range(len(groups)), list(groups))
    axis.invert_yaxis()
    axis.set_xlabel(f"{what} (%); a dot is a run, the bar their mean")
    means = "; ".join(
        f"{name} {np.mean([run['rate'] for run in runs]):.1f} %" for name, runs in groups.items()
    )
    base.show(
        drawing,
        alt=f"A row for each kind of run with a dot for each seed and a bar at the mean: {means}.",
        facts=f"means: {means}",
    )


def effects(effects: Sequence[Effect]) -> None:
    """Each effect as a dot with its interval, and a line at zero; a line of text where there is none."""
    if not effects:
        print("no effects: no two of these runs differ in one parameter alone")
        return
    drawing, axis = base.figure(height=0.5 * len(effects) + 1.0, width=8.0)
    ends = np.abs([[effect.low, effect.high, effect.mean] for effect in effects])
    far = 1.2 * float(ends[np.isfinite(ends)].max(initial=0) or 1.0)
    for row, effect in enumerate(effects):
        colour, dashes = (base.BLUE, "-") if effect.clear else (base.GREY, "--")
        span = np.clip([effect.low, effect.high], -far, far)
        axis.plot(span, [row, row], color=colour, linestyle=dashes, linewidth=2)
        axis.plot([effect.mean], [row], "o", color=colour)
    axis.axvline(0, color="black", linewidth=1)
    axis.set_yticks(range(len(effects)), [effect.change for effect in effects])
    axis.invert_yaxis()
    axis.set_xlabel(
        "change of the error rate (percentage points), 95 % interval; left of zero is better"
    )
    clear = [effect.change for effect in effects if effect.clear]
    base.show(
        drawing,
        alt="A dot and an interval for each change of one parameter, beside a line at zero: solid where the interval "
        "keeps away from zero, dashed and grey where it does not.",
        facts=f"{len(effects)} changes; clear of zero: {', '.join(clear) or 'none'}",
    )


def winners(truth: float, width: float, seed: int) -> None:
    """How low the best of n equal runs looks, on average over 2,000 sweeps.

    Args:
        truth: mean rate of every run (%). width: standard deviation of the runs (points).
    """
    counts = [1, 2, 4, 8, 16, 32, 64]
    draws = np.random.default_rng(seed).normal(truth, width, (2000, counts[-1]))  # (sweeps, runs)
    lowest = np.minimum.accumulate(draws, axis=1).mean(axis=0)[np.subtract(counts, 1)]
    drawing, axis = base.figure(height=2.8, width=7.0)
    axis.plot(counts, lowest, "o-", color=base.RED, label="best of n runs, on average")
    axis.axhline(truth, color=base.BLUE, linestyle="--", label="what every run is worth")
    axis.set_xscale("log")
    axis.set_xticks(counts, [str(count) for count in counts])
    axis.minorticks_off()
    axis.set(xlabel="runs to choose from, all of the same network", ylabel="CER (%)")
    axis.legend(frameon=False)
    base.show(
        drawing,
        alt="The best error rate of n runs falls steadily as n grows, below the dashed line of what all of these runs, "
        "which differ by chance alone, are worth.",
        facts=f"every run is worth {truth:.1f} %; the best of 16 looks like {lowest[4]:.1f} %, "
        f"{(truth - lowest[4]) / width:.1f} standard deviations too good",
    )


def designs(grid: np.ndarray, drawn: np.ndarray) -> None:
    """Points of a grid and points drawn at random: (n, 2) each, 0 to 1."""
    drawing, axes = base.figure(1, 2, height=3.2, width=7.0)
    for axis, points, name, colour in zip(
        axes, (grid, drawn), ("grid", "random"), (base.BLUE, base.ORANGE), strict=True
    ):
        axis.plot(points[:, 0], points[:, 1], "o", color=colour)
        axis.plot(points[:, 0], np.full(len(points), -0.06), "|", color="black", markersize=12)
        different = len(np.unique(points[:, 0].round(6)))
        axis.set_title(f"{name}: {different} rates tried", fontsize=10)
        axis.set(xlim=(0, 1), ylim=(-0.12, 1))
        axis.set(xlabel="learning rate (its logarithm)", ylabel="dropout", xticks=[], yticks=[])
    base.show(
        drawing,
        alt="Left nine points in three columns, right nine points scattered; the marks under them show three different "
        "learning rates on the left and nine on the right.",
        facts=f"{len(grid)} and {len(drawn)} points",
    )
