"""Figures of "Characters and metrics": character counts, the table of edits, rates with intervals, confusions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils.course.plots.base import (
    BLUE,
    DASHES,
    GREY,
    ORANGE,
    RED,
    SKY,
    figure,
    lines,
    show,
    write,
)
from htr_utils.text.metrics import Rate

_SPACE = "␣"


def three_readings(grey: np.ndarray, readings: Mapping[str, str]) -> None:
    """A line's picture, uint8 (H, W), with readings of it printed below: name -> text."""
    lines(
        [grey],
        alt="One line of handwriting, dark ink on light paper, to be compared with the readings below it.",
        facts="\n".join(f"reading {name}: {text}" for name, text in readings.items()),
    )


def frequencies(counts: Mapping[str, int], *, rare: int = 100) -> None:
    """Bars of how often each character occurs, most frequent first; a logarithmic axis.

    Args:
        counts: character -> occurrences. rare: below this, a bar is drawn in the second colour.
    """
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    names = [visible(name) for name, _ in ranked]
    values = [count for _, count in ranked]
    drawing, axis = figure(height=2.6)
    colours = [ORANGE if count < rare else BLUE for count in values]
    axis.bar(range(len(names)), values, color=colours)
    axis.set_xticks(range(len(names)), names, fontsize=7)
    axis.set(xlim=(-0.8, len(names) - 0.2), yscale="log")
    axis.set_ylim(bottom=min(10.0, max(1.0, 0.7 * values[-1])))
    axis.set(xlabel="character (␣ is the space)", ylabel="occurrences")
    axis.axhline(rare, color=GREY, linestyle=DASHES[1], linewidth=1)
    write(axis, len(names) - 0.4, rare * 1.1, f"{rare}", 8, ha="right", va="bottom", color=GREY)
    few = sum(value < rare for value in values)
    show(
        drawing,
        alt=f"Bars for {len(names)} characters on a logarithmic axis, from the space and the letter e down to "
        f"a long tail of capitals and signs; {few} of them lie below the dashed line at {rare} occurrences.",
        facts=f"{len(names)} characters; the first 13 ({' '.join(names[:13])}) make up "
        f"{100 * sum(values[:13]) / sum(values):.0f} % of the text; "
        f"{few} occur fewer than {rare} times: {' '.join(names[-few:]) if few else 'none'}",
    )


def edit_table(table: ArrayLike, truth: str, reading: str) -> None:
    """The table of edit distances as a grid of numbers with one cheapest way through it.

    Args:
        table: integers (len(truth) + 1, len(reading) + 1), row by row the beginnings of the truth.
    """
    values = np.asarray(table)
    way, steps = cheapest_way(values, truth, reading)
    rows, columns = values.shape
    drawing, axis = figure(height=0.42 * rows + 0.75, width=0.62 * columns + 3.4)
    axis.imshow(values, cmap="Blues", vmin=0, vmax=2.0 * max(1, values.max()), aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        on_way = (row, column) in way
        weight, colour = ("bold", "black") if on_way else ("normal", GREY)
        write(axis, column, row, str(value), 11, fontweight=weight, color=colour)
    for step, here, there in zip(steps, way[:-1], way[1:], strict=True):
        colour, dash = (BLUE, DASHES[0]) if step == "keep" else (RED, DASHES[1])
        axis.plot(*_shortened(here, there), color=colour, linestyle=dash, linewidth=2)
    axis.plot([], [], color=BLUE, linewidth=2, label="keep (free)")
    axis.plot([], [], color=RED, linestyle=DASHES[1], linewidth=2, label="edit (costs 1)")
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    axis.set_xticks(range(columns), ["start", *map(visible, reading)], fontsize=10)
    axis.set_yticks(range(rows), ["start", *map(visible, truth)], fontsize=10)
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set(xlabel="characters of the reading", ylabel="characters of the truth")
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(length=0)
    show(
        drawing,
        alt=f"A grid of {rows} by {columns} numbers, {truth!r} downwards and {reading!r} across; a line runs from "
        f"the upper left to the lower right corner, where the distance {values[-1, -1]} stands.",
        facts=f"{rows} x {columns} cells, distance {values[-1, -1]}, one cheapest way: {', '.join(steps)}",
    )


def cheapest_way(
    table: NDArray[np.int64], truth: str, reading: str
) -> tuple[list[tuple[int, int]], list[str]]:
    """One cheapest way through a table of edit distances: its cells, and the names of the steps between."""
    row, column = len(truth), len(reading)
    way, steps = [(row, column)], []
    while row or column:
        same = row > 0 and column > 0 and truth[row - 1] == reading[column - 1]
        value = table[row, column]
        if same and table[row - 1, column - 1] == value:
            row, column, step = row - 1, column - 1, "keep"
        elif row and column and table[row - 1, column - 1] + 1 == value:
            step = f"{truth[row - 1]} read as {reading[column - 1]}"
            row, column = row - 1, column - 1
        elif row and table[row - 1, column] + 1 == value:
            row, step = row - 1, f"{truth[row - 1]} lost"
        elif column and table[row, column - 1] + 1 == value:
            column, step = column - 1, f"{reading[column - 1]} too many"
        else:
            place = f"row {row}, column {column}"
            raise ValueError(f"no way leads to {place}: this is no table of edit distances")
        way.append((row, column))
        steps.append(step)
    return way[::-1], steps[::-1]


def line_rates(lengths: ArrayLike, rates: ArrayLike, *, micro: float, mean: float) -> None:
    """Each line's own error rate against its length, with the two averages as horizontal lines.

    Args:
        lengths: characters of each truth (lines,). rates: edits / length of each line (lines,), fractions.
    """
    length_of, rate_of = np.asarray(lengths), 100 * np.asarray(rates)
    drawing, axis = figure(height=3.4)
    # Lengths are whole: dots are drawn beside each other.
    jitter = (np.arange(len(length_of)) % 7 - 3) / 12
    dots = {"markersize": 3, "color": SKY, "alpha": 0.8}
    axis.plot(length_of + jitter, rate_of, "o", label="one line", **dots)
    # The broad light line stays seen below the other where both averages are nearly one.
    broad = {"color": BLUE, "linewidth": 4, "alpha": 0.35}
    axis.axhline(100 * micro, label="all edits / all characters", **broad)
    axis.axhline(100 * mean, color=RED, linestyle=DASHES[1], label="mean of the lines' rates")
    axis.set(xlabel="length of the truth (characters)", ylabel="edits / length (%)")
    axis.set_ylim(bottom=-1)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=9)
    show(
        drawing,
        alt="A dot for each line: its length to the right, its own error rate upwards. Two horizontal lines cross the "
        "dots: a dashed one, the mean of the lines' rates, and a broad light one, the micro average.",
        facts=f"{len(length_of)} lines of {length_of.min()} to {length_of.max()} characters; "
        f"micro average {micro:.1%}, mean of the lines {mean:.1%}; worst line {rate_of.max():.0f} %, of "
        f"{length_of[rate_of.argmax()]} characters",
    )


def intervals(draws: Mapping[str, ArrayLike], rates: Mapping[str, Rate]) -> None:
    """Histograms of bootstrap rates, one row a way of drawing, each with its 95 % interval.

    Args:
        draws: way of drawing -> rates of the samples, fractions. rates: the same keys -> the package's rate.
    """
    drawing, axes = figure(len(draws), 1, height=1.5 * len(draws) + 0.5, sharex=True, squeeze=False)
    everything = 100 * np.concatenate([np.asarray(values) for values in draws.values()])
    bins = np.linspace(everything.min(), everything.max(), 45)
    colours = (BLUE, ORANGE)
    for number, (axis, (name, values)) in enumerate(zip(axes[:, 0], draws.items(), strict=True)):
        interval = rates[name]
        percent, colour = 100 * np.asarray(values), colours[number % 2]
        counts, _, _ = axis.hist(percent, bins=bins, color=colour, alpha=0.75)
        level = counts.max() * 1.12
        ends = [100 * interval.low, 100 * interval.high]
        axis.plot(ends, [level, level], color="black", linewidth=2, marker="|")
        axis.axvline(100 * interval.value, color="black", linestyle=DASHES[1], linewidth=1)
        axis.set_title(f"drawing {name}", loc="left", fontsize=9)
        axis.set(ylabel="samples", ylim=(0, level * 1.15))
    axes[-1, 0].set_xlabel(
        "CER of a bootstrap sample (%); bar: 95 % interval; dashed: the CER itself"
    )
    widths = {name: interval.high - interval.low for name, interval in rates.items()}
    widest = max(widths, key=lambda name: widths[name])
    show(
        drawing,
        alt=f"Histograms of bootstrap error rates around the same centre, one for each way of drawing: "
        f"{' and '.join(draws)}; the interval is widest when drawing {widest}.",
        facts="; ".join(
            f"drawing {name}: {100 * width:.1f} points wide" for name, width in widths.items()
        ),
    )


def confusions(ranked: Sequence[tuple[str, str, int]]) -> None:
    """Bars of the most frequent confusions, as `text.metrics.confusions` gives them."""
    drawing, axis = figure(height=0.24 * len(ranked) + 0.8, width=7.0)
    kinds, names = zip(*(_confusion(true, read) for true, read, _ in ranked), strict=True)
    counts = [count for _, _, count in ranked]
    looks = [("inserted", ORANGE, "//"), ("deleted", SKY, ".."), ("replaced", BLUE, "")]
    for kind, colour, hatch in looks:
        places = [i for i, its in enumerate(kinds) if its == kind]
        if places:
            chosen = [counts[i] for i in places]
            axis.barh(places, chosen, color=colour, hatch=hatch, edgecolor="white", label=kind)
    axis.set_yticks(range(len(names)), names, fontsize=9)
    axis.invert_yaxis()
    axis.set_xlabel("times in the split")
    axis.legend(loc="lower right", frameon=False, fontsize=9)
    show(
        drawing,
        alt=f"Horizontal bars of the {len(ranked)} most frequent confusions, the longest on top: {names[0]}, "
        f"then {names[min(1, len(names) - 1)]}; inserted, deleted and replaced characters differ in hatching.",
        facts=f"{len(ranked)} kinds of error shown; the first three: {'; '.join(names[:3])}",
    )


def _confusion(true: str, read: str) -> tuple[str, str]:
    """Its kind, and what it is called."""
    if not true:
        return "inserted", f"{visible(read)} too many"
    if not read:
        return "deleted", f"{visible(true)} lost"
    return "replaced", f"{visible(true)} read as {visible(read)}"


def visible(character: str) -> str:
    """A character that can be seen: the space gets a sign of its own."""
    return _SPACE if character == " " else character


def _shortened(here: tuple[int, int], there: tuple[int, int]) -> tuple[list[float], list[float]]:
    """x and y of a stroke between two cells that leaves their numbers free."""
    (y0, x0), (y1, x1) = here, there
    shares = (0.3, 0.7)
    return [x0 + share * (x1 - x0) for share in shares], [
        y0 + share * (y1 - y0) for share in shares
    ]
