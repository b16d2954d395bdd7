"""Figures of the chapter "BLSTM": strips of a line, LSTM cells along it, directions, ways to stack, padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from htr_utils.course.plots import base
from htr_utils.course.plots.base import BLUE, GREY, ORANGE, RED, figure, show

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _line(axis: Axes, ink: np.ndarray, letters: Sequence[tuple[str, float]] = ()) -> None:
    """A line's ink over its columns, with the letters read below it. letters: (character, column)."""
    base.columns(axis, ink)
    for letter, column in letters:
        base.write(axis, column, 1.05, letter, 9, va="top", color=BLUE, clip_on=False)
    base.bare(axis)
    axis.tick_params(labelbottom=False)


def _curves(axis: Axes, curves: Mapping[str, np.ndarray], columns: float | None = None) -> None:
    """A curve for each name over its frames, or over so many columns of the picture that they cover."""
    for number, (name, curve) in enumerate(curves.items()):
        place = np.arange(len(curve)) if columns is None else _middles(len(curve), columns)
        axis.plot(place, curve, label=name, **base.style(number))


def _middles(frames: int, columns: float) -> np.ndarray:
    """The columns in the middle of so many frames."""
    return np.asarray((np.arange(frames) + 0.5) * columns / frames)


def strips(ink: np.ndarray, columns: Sequence[int], width: int, around: int = 36) -> None:
    """Narrow strips of a line, and the same places with their neighbourhood. columns: the strips' first columns."""
    drawing, axes = figure(2, len(columns), height=2.9, height_ratios=(1.5, 1))
    drawing.set_layout_engine("constrained", wspace=0.08)
    wide = np.pad(ink, ((0, 0), (around, around + width)))
    for number, column in enumerate(columns):
        above, below = axes[:, number]
        above.imshow(ink[:, column : column + width], cmap="gray_r", vmin=0, vmax=1)
        above.set_title(f"strip {number + 1}", fontsize=9)
        below.imshow(wide[:, column : column + width + 2 * around], cmap="gray_r", vmin=0, vmax=1)
        for edge in (around, around + width):
            below.axvline(edge - 0.5, color=ORANGE, lw=1.2)
        for axis in (above, below):
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set(visible=axis is above, color=ORANGE)
    show(
        drawing,
        alt="Above, narrow strips cut out of a handwritten line, each showing a piece of a letter that could be many; "
        "below, the same strips with the writing around them, where the letter is plain.",
        facts=f"{len(columns)} strips of {width} columns",
    )


def cells(
    ink: np.ndarray,
    letters: Sequence[tuple[str, float]],
    states: np.ndarray,
    gates: Mapping[str, np.ndarray],
    until: int = 440,
) -> None:
    """States of a few LSTM cells along a line; below, the first of them alone: its state and its gates.

    Args:
        letters: (character, column) as read. states: (T, cells). gates: name -> (T,), values 0 to 1.
        until: the first columns that are drawn.
    """
    drawing, (top, middle, bottom) = figure(
        3, 1, height=5.3, sharex=True, height_ratios=(1, 1.7, 1.7)
    )
    columns = ink.shape[1]
    _line(top, ink, [letter for letter in letters if letter[1] < until])
    limit = float(np.abs(np.tanh(states)).max())
    extent = (0, columns, states.shape[1] + 0.5, 0.5)
    look = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "interpolation": "nearest"}
    shown = middle.imshow(np.tanh(states).T, aspect="auto", extent=extent, **look)
    middle.set(yticks=range(1, states.shape[1] + 1), ylabel="cell")
    drawing.colorbar(shown, ax=(top, middle, bottom), label="tanh(state)", pad=0.01, shrink=0.5)
    area = {"color": GREY, "alpha": 0.3, "lw": 0, "label": "tanh(state)"}
    bottom.fill_between(_middles(len(states), columns), np.tanh(states[:, 0]), **area)
    _curves(bottom, gates, columns)
    for letter, column in letters:
        if column < until:
            base.write(bottom, column, 1.06, letter, 7, va="bottom", color=GREY)
    bottom.set_ylim(-1.05, 1.25)
    bottom.set_yticks((-1, 0, 1))
    bottom.set_ylabel("cell 1 alone")
    bottom.set_xlabel("column of the picture (pixels)")
    bottom.legend(frameon=False, fontsize=8, loc="upper left", ncols=3, bbox_to_anchor=(0, 1.2))
    bottom.set_xlim(0, min(until, columns))
    show(
        drawing,
        alt="A handwritten line with the letters read below it; under it the states of several LSTM cells as red and "
        "blue bands, some lasting over many letters, some changing with every stroke; at the foot one cell alone, its "
        "state as a grey area with two gates going up and down.",
        facts=f"{states.shape[1]} cells, gates drawn: {', '.join(gates)}",
    )


def two_kinds(states: np.ndarray, forget: np.ndarray, count: int) -> list[int]:
    """Cells to draw: half whose forget gate is above .8 in the mean, then those below; the most varying of each kind.

    Args:
        states, forget: (T, units). count: how many; fewer where a kind has too few.
    """
    lively = np.argsort(-np.tanh(states).std(axis=0), kind="stable")
    keeps = forget.mean(axis=0)[lively] > 0.8
    return [*map(int, lively[keeps][: count // 2]), *map(int, lively[~keeps][: count - count // 2])]


def _felt(axis: Axes, place: str) -> None:
    axis.set_xlabel(place)
    axis.set_ylabel("mean change of\nan LSTM output")
    axis.legend(frameon=False, fontsize=8, loc="upper left")


def covered(ink: np.ndarray, start: int, moved: Mapping[str, np.ndarray]) -> None:
    """What each direction notices when the line right of `start` is covered. moved: name -> (T,) mean change."""
    drawing, (top, below) = figure(2, 1, height=3.6, sharex=True, height_ratios=(1, 2))
    columns = ink.shape[1]
    _line(top, ink)
    top.axvspan(start, columns, color=GREY, alpha=0.6, lw=0)
    _curves(below, moved, columns)
    below.axvline(start, color=GREY, lw=1)
    _felt(below, "column of the picture (pixels)")
    show(
        drawing,
        alt="A line whose right half is covered, and curves of what moves: the forward direction lies at zero until "
        "shortly before the cover, the backward direction already differs to the left of it.",
        facts=f"directions drawn: {', '.join(moved)}",
    )


def scores(
    right: Mapping[str, float], ceiling: float, strokes: str, truth: str, read: Mapping[str, str]
) -> None:
    """One line as each direction reads it, and the share of right letters beside what one direction can reach.

    Args:
        strokes, truth: of one line, a sign a frame. read: name -> what that direction made of it.
    """
    drawing, table = figure(height=2.2, width=8.5)
    table.set_axis_off()
    table.set_xlim(-5.5, len(strokes) + 2.5)
    rows = [("strokes", strokes, ""), ("letters", truth, f"at best, of one: {ceiling:.0%}")]
    rows += [(name, text, f"{right[name]:.0%} right") for name, text in read.items()]
    table.set_ylim(len(rows) - 0.4, -0.6)
    for down, (name, text, share) in enumerate(rows):
        colour = "black" if name in read else GREY
        table.text(-5.4, down, name, va="center", fontsize=9, color=colour)
        table.text(len(strokes), down, share, va="center", fontsize=9, color=colour)
        for at, (sign, true) in enumerate(zip(text, truth, strict=True)):
            look: dict[str, Any] = {"family": "monospace", "color": colour}
            if name in read and sign != true:
                patch = {"facecolor": "#fbe3d6", "edgecolor": "none", "pad": 1.5}
                look |= {"color": RED, "weight": "bold", "bbox": patch}
            base.write(table, at, down, sign, 11, **look)
    show(
        drawing,
        alt="One made-up line as each direction reads it, wrong letters on red: the forward reader errs at some c and "
        "d, the backward reader at some d and l. Beside each the share of right letters: each direction alone stops at "
        "about three quarters, both together get nearly all.",
        # Trained afresh on every machine: in whole tens.
        facts="; ".join(
            f"{name}: {10 * int(10 * min(value, 0.99))} % of the letters or more"
            for name, value in right.items()
        ),
    )


def _box(axis: Axes, x: float, y: float, text: str, ground: str = "white") -> None:
    shape = {"boxstyle": "round,pad=0.45", "facecolor": ground, "edgecolor": GREY}
    colour = "black" if ground == "white" else "white"
    base.write(axis, x, y, text, 8.5, color=colour, bbox=shape)


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": GREY, "lw": 1.3})


def _plan(axis: Axes, width: float = 10) -> None:
    axis.set_xlim(0, width)
    axis.set_ylim(0, 10)
    axis.set_axis_off()


def step() -> None:
    """One step of an LSTM: the cell state on top, the gates that work on it, frame and hidden state below."""
    drawing, axis = figure(height=3.0)
    _plan(axis, 20)
    ways = [
        ((1.9, 8), (18.2, 8)),
        ((9, 6.1), (9, 7.3)),
        ((15, 8), (15, 6.1)),
        ((15.7, 5.4), (18.2, 5.4)),
    ]
    gates = {5: ("forget $f$", (5, 7.3)), 7.7: ("input $i$", (8.7, 4.7))}
    gates |= {11: ("candidate $g$", (9.4, 4.7)), 14.4: ("output $o$", (14.8, 4.7))}
    for x, (name, end) in gates.items():
        ways += [((x, 0.9), (x, 2.2)), ((x, 3.4), end)]
        _box(axis, x, 2.8, name, "#A34700" if name[0] == "c" else BLUE)
    for start, end in ways:
        _arrow(axis, start, end)
    for x, y, sign in ((5, 8, "×"), (9, 8, "+"), (9, 5.4, "×"), (15, 5.4, "×")):
        _box(axis, x, y, sign)
    axis.plot((3.4, 14.4), (0.9, 0.9), color=GREY, lw=1.3)
    _box(axis, 1.9, 0.9, "$x_t$ and $h_{t-1}$")
    for x, y, name in (
        (1.3, 8, "$c_{t-1}$"),
        (18.8, 8, "$c_t$"),
        (18.8, 5.4, "$h_t$"),
        (15.7, 7, "tanh"),
    ):
        axis.text(x, y, name, ha="center", va="center", fontsize=10)
    show(
        drawing,
        alt="A plan of one LSTM step: the cell state runs straight from left to right, is multiplied by the forget "
        "gate, then the candidate times the input gate is added; below, frame and last hidden state feed all three "
        "gates and the candidate; its tanh times the output gate leaves as the new hidden state.",
        facts="on the way of the cell state: one multiplication, one addition",
    )


def stacks() -> None:
    """How two layers in two directions can be wired: joined once at the top, or stacked."""
    drawing, axes = figure(1, 2, height=3.4)
    titles = ("joined once at the top (`stacked=False`)", "stacked (`stacked=True`)")
    for axis, title, crossed in zip(axes, titles, (False, True), strict=True):
        axis.set_title(title, fontsize=10)
        _plan(axis)
        _box(axis, 5, 0.9, "feature sequence: 512 numbers a frame")
        for x, name, colour in ((2.4, "forward", BLUE), (7.6, "backward", "#A34700")):
            for layer, y in ((1, 3.6), (2, 6.3)):
                _box(axis, x, y, f"{name} LSTM {layer}", colour)
            for start, end in (((5, 1.6), (x, 2.9)), ((x, 4.3), (x, 5.6)), ((x, 7.0), (5, 8.4))):
                _arrow(axis, start, end)
        if crossed:
            _arrow(axis, (2.4, 4.3), (7.2, 5.6))
            _arrow(axis, (7.6, 4.3), (2.8, 5.6))
        _box(axis, 5, 9.1, "2 joined: 1,024 numbers a frame")
    show(
        drawing,
        alt="Two wiring plans: on the left the forward and the backward column of two LSTMs meet only at the top, on "
        "the right crossing arrows give each LSTM of layer two both directions of layer one.",
        facts="arrows between layer 1 and layer 2: joined 2, stacked 4",
    )


def reach(curves: Mapping[str, np.ndarray]) -> None:
    """How far padding changes LSTM outputs. curves: name -> (T,) mean change per frame."""
    drawing, axis = figure(height=2.7)
    _curves(axis, curves)
    _felt(axis, "frame of the line")
    show(
        drawing,
        alt="Three curves along a line: the backward direction without a mask is changed most at the end of the "
        "line, the forward one and the masked one lie at zero.",
        facts="; ".join(
            f"{name}: changes by up to {curve.max():.2f}" for name, curve in curves.items()
        ),
    )
