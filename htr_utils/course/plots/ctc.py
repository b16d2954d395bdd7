"""Drawings of the chapter "CTC loss": the trellis of CTC, posteriors, gradients and spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from htr_utils.course.plots import base
from htr_utils.network import ctc
from htr_utils.text import decoding

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from htr_utils.text.charset import Charset

BLANK_SIGN = "–"


def _named(label: np.ndarray, characters: str) -> list[str]:
    """The signs of the states of a label: blank, letter, blank, ..., blank."""
    letters = [characters[c - 1] for c in label]
    return [BLANK_SIGN] + [sign for letter in letters for sign in (letter, BLANK_SIGN)]


def trellis(log_probs: np.ndarray, label: np.ndarray, characters: str) -> None:
    """All ways through frames and states; thicker where more probability flows, the best path dashed on top.

    Args:
        log_probs: (T, C). label: (N,) class ids from 1.
    """
    loss, alpha, beta = ctc.forward_backward(log_probs, label)
    extended, skip = ctc._states(label)
    frames, states = alpha.shape
    signs = _named(label, characters)
    drawing, axis = base.figure(height=0.55 * states + 0.9, width=min(9.0, 2.2 + 1.3 * frames))
    edges = 0
    for t in range(frames - 1):
        for s in range(states):
            for to in [s, s + 1] + ([s + 2] if s + 2 < states and skip[s + 2] else []):
                if to >= states:
                    continue
                flow = alpha[t, s] + log_probs[t + 1, extended[to]] + beta[t + 1, to] + loss
                if np.isfinite(flow):
                    edges += 1
                    width = 0.5 + 7 * float(np.exp(flow))
                    axis.plot([t, t + 1], [s, to], color=base.SKY, linewidth=width, zorder=1)
    best = decoding.best_path(log_probs, label)[0].tolist()
    look = {"color": base.RED, "linestyle": "--", "linewidth": 1.8, "zorder": 2}
    axis.plot(range(frames), best, label="best path", **look)
    for t in range(frames):
        for s in range(states):
            reached = np.isfinite(alpha[t, s] + beta[t, s])
            face = ("white" if signs[s] == BLANK_SIGN else base.YELLOW) if reached else "#eeeeee"
            edge = "black" if reached else "#cccccc"
            axis.scatter(t, s, s=300, color=face, edgecolors=edge, zorder=3)
            colour = "black" if reached else "#aaaaaa"
            base.write(axis, t, s, signs[s], 11, zorder=4, color=colour)
    axis.set_xticks(range(frames), [str(t + 1) for t in range(frames)])
    axis.set_xlim(-0.4, frames - 0.6)
    axis.set_yticks(range(states), [f"state {s + 1}" for s in range(states)])
    axis.set(ylim=(states - 0.5, -0.5), xlabel="frame", ylabel="label with blanks (read downwards)")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, frameon=False)
    written = "".join(signs[s].replace(BLANK_SIGN, "-") for s in best)
    base.show(
        drawing,
        alt="A grid of frames by states. Blue arrows mark every allowed walk from the first two states to the last "
        "two, thicker where more probability flows; a dashed red line marks the best single path.",
        facts=f"{states} states, {frames} frames, {edges} arrows; best path {written}",
    )


def _heat(
    axis: Axes, values: np.ndarray, names: Sequence[str], *, low: float, high: float, colours: Any
) -> None:
    """A table of numbers (T, K) with its values written in: frames along x, names along y."""
    axis.imshow(values.T, cmap=colours, vmin=low, vmax=high, aspect="auto")
    for t, row in enumerate(values):
        for k, value in enumerate(row):
            dark = abs(value) > 0.65 * max(abs(low), abs(high))
            shown = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
            base.write(axis, t, k, shown, 9, color="white" if dark else "black")
    axis.set_xticks(range(len(values)), [str(t + 1) for t in range(len(values))])
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("frame")
    axis.spines[["left", "bottom"]].set_visible(False)


def posteriors(
    probs: np.ndarray,
    tables: tuple[np.ndarray, np.ndarray, np.ndarray],
    label: np.ndarray,
    characters: str,
) -> None:
    """What the network says, the sums over beginnings and over ends, and how likely each state is given the label.

    Args:
        probs: (T, C). tables: alpha, beta and posterior, each (T, S). label: (N,) class ids from 1.
    """
    alpha, beta, occupied = tables
    drawing, axes = base.figure(2, 2, height=2 * (0.3 * occupied.shape[1] + 0.9))
    names, states = [BLANK_SIGN, *characters], _named(label, characters)
    panels = (
        (probs, names, "the network's probability of each class", "class"),
        (alpha, states, "forward: alpha, all beginnings up to here", "state"),
        (beta, states, "backward: beta, all ends from here", "state"),
        (occupied, states, "posterior: where it was, given the label", "state"),
    )
    for axis, (values, rows, title, kind) in zip(np.ravel(axes), panels, strict=True):
        _heat(axis, values, rows, low=0, high=float(values.max()), colours="Blues")
        axis.set_title(title, fontsize=10)
        axis.set_ylabel(kind)
    sums = occupied.sum(1)
    base.show(
        drawing,
        alt="Four tables over the frames. Above: the probability of each class, and alpha, which begins in the upper "
        "left. Below: beta, which ends in the lower right, and the posterior, zero where no walk can be.",
        facts=f"{len(occupied)} frames, {len(names)} classes, {occupied.shape[1]} states; posteriors of a frame "
        f"sum to {sums.min():.3f} at least, {sums.max():.3f} at most",
    )


def gradient(values: np.ndarray, characters: str) -> None:
    """The gradient by the logits (T, C): blue classes are pushed up, orange ones down."""
    top = float(np.abs(values).max())
    drawing, axis = base.figure(height=0.4 * values.shape[1] + 1.0, width=6.0)
    _heat(axis, values, [BLANK_SIGN, *characters], low=-top, high=top, colours=base.blue_orange())
    axis.set_ylabel("class")
    axis.set_title("gradient of the loss by each logit, in nats per unit", fontsize=10)
    base.show(
        drawing,
        alt="A table with a number for each frame and class: blue where the logit will be pushed up, orange where it "
        "will be pushed down; each frame's numbers sum to zero.",
        facts=f"{values.shape[0]} frames, {values.shape[1]} classes; the numbers of a frame sum to "
        f"{abs(values.sum(1)).max():.4f} at most",
    )


def learned(blind: np.ndarray, seeing: np.ndarray, characters: str) -> None:
    """Two answers (T, C) as probabilities over frames: one for all frames, and one for each."""
    titles = ("cannot see: one answer for all frames", "can see: an answer per frame")
    drawing, axes = base.figure(1, 2, height=2.6, sharey=True)
    for axis, values, title in zip(axes, (blind, seeing), titles, strict=True):
        for k, name in enumerate(["blank", *characters]):
            look = base.style(k) | {"color": base.style(k - 1)["color"] if k else base.GREY}
            axis.plot(np.arange(1, len(values) + 1), values[:, k], marker=".", label=name, **look)
        axis.set_title(title, fontsize=10)
        axis.set(xlabel="frame", ylim=(-0.03, 1.03))
    axes[0].set_ylabel("probability")
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    rows = [int((values.argmax(1) == ctc.BLANK).sum()) for values in (blind, seeing)]
    base.show(
        drawing,
        alt=f"Two charts of probability over {len(blind)} frames. Left: flat lines, one height for each class. Right: "
        "each letter rises in a few frames of its own, and the blank is high in others.",
        facts=f"frames won by the blank: {rows[0]} of {len(blind)} on the left, {rows[1]} on the right",
    )


def _blank(axis: Axes, probs: np.ndarray, width: float) -> None:
    axis.plot(probs[:, ctc.BLANK], color=base.GREY, linestyle="--", linewidth=width, label="blank")


def spikes(
    ink: np.ndarray,
    log_probs: np.ndarray,
    label: np.ndarray,
    text: str,
    step: int,
) -> None:
    """A line around its least likely letter, the spikes of a trained network, the forced alignment of the text.

    Args:
        ink: float (H, W). log_probs: (T, C). label: (N,) of `text`. step: columns per frame.
    """
    path = decoding.best_path(log_probs, label)[0]
    occupied = ctc.posteriors(log_probs, label)
    held = [np.flatnonzero(path == 2 * n + 1) for n in range(len(text))]
    worst = min(range(len(text)), key=lambda n: log_probs[held[n], label[n]].max())
    last = min(ink.shape[1] // step, len(log_probs))
    start = int(np.clip(held[worst][0] - 38, 0, max(0, last - 76)))
    last = min(start + 76, last)
    drawing, axes = base.figure(3, 1, height=3.7, sharex=True, height_ratios=(1, 1.7, 0.55))
    extent = (start - 0.5, last - 0.5, 1, 0)
    shown_ink = ink[:, start * step : last * step]
    axes[0].imshow(shown_ink, cmap="gray_r", vmin=0, vmax=1, aspect="auto", extent=extent)
    base.bare(axes[0])
    axes[2].set_yticks([])
    axes[2].spines["left"].set_visible(False)
    spoken = np.exp(log_probs[:last])
    _blank(axes[1], spoken, 1.0)
    for n, (character, at) in enumerate(zip(text, held, strict=True)):
        if at[0] < start or at[-1] >= last:
            continue
        colour, on = (base.BLUE, "white") if n % 2 == 0 else (base.ORANGE, "black")
        near = np.arange(max(start, at[0] - 3), min(last, at[-1] + 4))
        axes[1].plot(near, spoken[near, label[n]], color=colour, linestyle=base.DASHES[0])
        shown = character if character != " " else "␣"
        axes[1].text(at.mean(), 1.05, shown, ha="center", fontsize=9, color=colour)
        axes[2].barh(0, len(at), left=at[0] - 0.5, height=1, color=colour)
        base.write(axes[2], at.mean(), 0, shown, 8, color=on)
    axes[1].set(ylim=(0, 1.2), yticks=(0, 0.5, 1), ylabel="probability")
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    axes[2].set_xlim(start - 0.5, last - 0.5)
    axes[2].set_ylabel("aligned", rotation=0, ha="right", va="center")
    axes[2].set_xlabel(f"frame (one every {step} columns)")
    peaks = occupied[:, 1::2].argmax(0)
    inside = float(np.mean([path[peak] == 2 * n + 1 for n, peak in enumerate(peaks)]))
    lowest = f"{text[worst]!r}, {np.exp(log_probs[held[worst], label[worst]].max()):.1%}"
    base.show(
        drawing,
        alt="A piece of a handwritten line above a chart of probabilities over frames: narrow spikes, one for nearly "
        "each letter and under it in the picture, with blanks between them; at the foot the aligned letters.",
        facts=f"{100 * inside:.0f} % of all letters peak where they are aligned; the lowest spike: {lowest}",
    )


def window(
    ink: np.ndarray,
    log_probs: np.ndarray,
    charset: Charset,
    frame: int,
    width: int,
    *,
    step: int,
    truth: str,
) -> tuple[Figure, str, str]:
    """One frame of a line: where it lies, what the network says there, what a beam of `width` makes of all frames.

    Args:
        ink: float (H, W). log_probs: (T, C). truth: what is written. Returns: figure, alt text, facts.
    """
    drawing, (top, middle, low) = base.figure(3, 1, height=4.6, height_ratios=(1, 1.1, 1.5))
    columns = ink.shape[1]
    base.columns(top, ink)
    top.axvspan(frame * step, (frame + 1) * step, color=base.ORANGE, alpha=0.6, lw=0)
    [[best]] = decoding.beam(log_probs[None], [len(log_probs)], width=width)
    read = f"written: {truth}\nread by a beam of {width}: {charset.decode(best.ids)}"
    top.set_title(read, loc="left", fontsize=9, family="monospace")
    top.set_axis_off()
    top.set_xlim(0, columns)
    probs = np.exp(log_probs)
    _blank(middle, probs, 0.9)
    middle.plot(probs[:, 1:].max(1), color=base.BLUE, linewidth=0.9, label="likeliest character")
    middle.axvline(frame, color=base.ORANGE, linewidth=2)
    middle.set(xlim=(-0.5, columns / step - 0.5), yticks=(0, 1))
    middle.set_xlabel("frame", fontsize=8)
    place = {"loc": "lower left", "bbox_to_anchor": (0, 0.95), "borderaxespad": 0}
    middle.legend(frameon=False, fontsize=8, ncols=2, **place)
    order = np.argsort(-log_probs[frame], kind="stable")[:8]
    names = ["blank" if c == ctc.BLANK else repr(charset.decode([int(c)])) for c in order]
    colours = [base.GREY if c == ctc.BLANK else base.BLUE for c in order]
    low.bar(names, 100 * probs[frame, order], color=colours)
    low.set(ylim=(0, 105), ylabel="probability (%)")
    low.set_title(f"what the network says in frame {frame}", loc="left", fontsize=9)
    alt = (
        "A handwritten line with one frame marked; below it the probabilities of the blank and of the likeliest "
        "character over all frames, and bars of the eight likeliest classes of the marked frame."
    )
    facts = f"one frame of a line, {len(order)} of its classes; a beam of width {width}"
    return drawing, alt, facts
