"""Drawings of chapter 6: frames over a line, the trellis of CTC, posteriors, gradients and spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from htr_utils.course.plots import base
from htr_utils.network import ctc

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLANK_SIGN = "–"


def _named(label: np.ndarray, characters: str) -> list[str]:
    """The signs of the states of a label: blank, letter, blank, ..., blank."""
    letters = [characters[c - 1] for c in label]
    return [BLANK_SIGN] + [sign for letter in letters for sign in (letter, BLANK_SIGN)]


def frames_over_line(
    ink: np.ndarray, text: str, step: int, frames: int, *, columns: int = 420, alt: str
) -> None:
    """The beginning of a line with the borders of its frames.

    Args:
        ink: float (H, W), 1 = ink. step: columns per frame. frames: of the whole line.
    """
    made, axis = base.figure(height=1.5)
    part = ink[:, :columns]
    base.picture(axis, part, ink=True)
    for x in range(0, part.shape[1] + 1, step):
        axis.axvline(x - 0.5, color=base.SKY, linewidth=0.6)
    every = 10 * step
    axis.set_xticks(range(0, part.shape[1], every), [str(x // step) for x in range(0, part.shape[1], every)])
    axis.set_xlabel(f"frame (one every {step} columns)")
    more = frames > len(text)
    base.show(made, alt=alt, facts=f"{len(text)} characters; more frames than characters: {more}")


def trellis(log_probs: np.ndarray, label: np.ndarray, characters: str, *, alt: str) -> None:
    """All ways through frames and states; thicker where more probability flows, the best path dashed on top.

    Args:
        log_probs: (T, C). label: (N,) class ids from 1.
    """
    loss, alpha, beta = ctc.forward_backward(log_probs, label)
    extended, skip = ctc._states(label)
    frames, states = alpha.shape
    signs = _named(label, characters)
    made, axis = base.figure(height=0.55 * states + 0.9, width=min(9.0, 2.2 + 1.3 * frames))
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
    best = viterbi(log_probs, label)
    axis.plot(range(frames), best, color=base.RED, linestyle="--", linewidth=1.8, zorder=2, label="best path")
    for t in range(frames):
        for s in range(states):
            reached = np.isfinite(alpha[t, s] + beta[t, s])
            face = ("white" if signs[s] == BLANK_SIGN else base.YELLOW) if reached else "#eeeeee"
            edge = "black" if reached else "#cccccc"
            axis.scatter(t, s, s=300, color=face, edgecolors=edge, zorder=3)
            colour = "black" if reached else "#aaaaaa"
            axis.text(t, s, signs[s], ha="center", va="center", fontsize=11, zorder=4, color=colour)
    axis.set_xticks(range(frames), [str(t + 1) for t in range(frames)])
    axis.set_xlim(-0.4, frames - 0.6)
    axis.set_yticks(range(states), [f"state {s + 1}" for s in range(states)])
    axis.set_ylim(states - 0.5, -0.5)
    axis.set_xlabel("frame")
    axis.set_ylabel("label with blanks (read downwards)")
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, frameon=False)
    written = "".join(signs[s].replace(BLANK_SIGN, "-") for s in best)
    base.show(made, alt=alt, facts=f"{states} states, {frames} frames, {edges} arrows; best path {written}")


def viterbi(log_probs: np.ndarray, label: np.ndarray) -> list[int]:
    """The states of the single most probable path that writes `label`, one a frame."""
    extended, skip = ctc._states(np.asarray(label, int))
    frames, states = len(log_probs), len(extended)
    score = np.full((frames, states), -np.inf)
    came = np.zeros((frames, states), int)
    score[0, :2] = log_probs[0, extended[:2]]
    for t in range(1, frames):
        for s in range(states):
            options = [s] + ([s - 1] if s else []) + ([s - 2] if skip[s] else [])
            came[t, s] = max(options, key=lambda option: score[t - 1, option])
            score[t, s] = score[t - 1, came[t, s]] + log_probs[t, extended[s]]
    state = max(range(max(0, states - 2), states), key=lambda s: score[-1, s])
    path = [state]
    for t in range(frames - 1, 0, -1):
        path.append(int(came[t, path[-1]]))
    return path[::-1]


def _heat(
    axis: Axes, values: np.ndarray, names: Sequence[str], *, low: float, high: float, colours: Any
) -> None:
    """A table of numbers (T, K) with its values written in: frames along x, names along y."""
    axis.imshow(values.T, cmap=colours, vmin=low, vmax=high, aspect="auto")
    for t, row in enumerate(values):
        for k, value in enumerate(row):
            dark = abs(value) > 0.65 * max(abs(low), abs(high))
            shown = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
            axis.text(t, k, shown, ha="center", va="center", color="white" if dark else "black", fontsize=9)
    axis.set_xticks(range(len(values)), [str(t + 1) for t in range(len(values))])
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("frame")
    axis.spines[["left", "bottom"]].set_visible(False)


def _blue_orange() -> Any:
    """Colours from blue (negative) over white to orange (positive), told apart by colour-blind readers."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blue_orange", [base.BLUE, "white", base.RED])


def posteriors(log_probs: np.ndarray, label: np.ndarray, characters: str, *, alt: str) -> None:
    """What the network says, and how likely each state is once the label is known."""
    occupied = ctc.posteriors(log_probs, label)
    made, axes = base.figure(1, 2, height=0.38 * occupied.shape[1] + 1.2)
    names = [BLANK_SIGN, *characters]
    _heat(axes[0], np.exp(log_probs), names, low=0, high=1, colours="Blues")
    axes[0].set_title("before: the network's probability", fontsize=10)
    axes[0].set_ylabel("class")
    _heat(axes[1], occupied, _named(label, characters), low=0, high=1, colours="Blues")
    axes[1].set_title("after: posterior, given the label", fontsize=10)
    axes[1].set_ylabel("state")
    facts = f"{len(occupied)} frames, {len(names)} classes, {occupied.shape[1]} states; each column sums to 1"
    base.show(made, alt=alt, facts=facts)


def gradient(values: np.ndarray, characters: str, *, alt: str) -> None:
    """The gradient by the logits (T, C): blue classes are pushed up, orange ones down."""
    top = float(np.abs(values).max())
    made, axis = base.figure(height=0.4 * values.shape[1] + 1.0, width=6.0)
    _heat(axis, values, [BLANK_SIGN, *characters], low=-top, high=top, colours=_blue_orange())
    axis.set_ylabel("class")
    axis.set_title("gradient of the loss by each logit, in nats per unit", fontsize=10)
    zero = bool(np.allclose(values.sum(1), 0, atol=1e-6))
    base.show(
        made,
        alt=alt,
        facts=f"{values.shape[0]} frames, {values.shape[1]} classes; each frame sums to 0: {zero}",
    )


def learned(
    blind: np.ndarray, seeing: np.ndarray, characters: str, *, alt: str, titles: tuple[str, str]
) -> None:
    """Two answers (T, C) as probabilities over frames, side by side."""
    made, axes = base.figure(1, 2, height=2.6, sharey=True)
    for axis, values, title in zip(axes, (blind, seeing), titles, strict=True):
        for k, name in enumerate(["blank", *characters]):
            colour = base.GREY if k == 0 else base.COLOURS[(k - 1) % len(base.COLOURS)]
            dashes = base.DASHES[k % len(base.DASHES)]
            x = np.arange(1, len(values) + 1)
            axis.plot(x, values[:, k], color=colour, linestyle=dashes, marker=".", label=name)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("frame")
        axis.set_ylim(-0.03, 1.03)
    axes[0].set_ylabel("probability")
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    rows = [int((values.argmax(1) == ctc.BLANK).sum()) for values in (blind, seeing)]
    facts = f"frames won by the blank: {rows[0]} of {len(blind)} on the left, fewer on the right: {rows[1] < rows[0]}"
    base.show(made, alt=alt, facts=facts)


def spikes(
    ink: np.ndarray,
    log_probs: np.ndarray,
    label: np.ndarray,
    text: str,
    step: int,
    *,
    frames: int = 76,
    alt: str,
) -> None:
    """A line over the frames in which a trained network places its letters.

    Args:
        ink: float (H, W). log_probs: (T, C). label: (N,) of `text`. step: columns per frame. frames: drawn.
    """
    occupied = ctc.posteriors(log_probs, label)
    frames = min(frames, len(log_probs))
    made, axes = base.figure(2, 1, height=2.9, sharex=True, height_ratios=(1, 2))
    axes[0].imshow(
        ink[:, : frames * step],
        cmap="gray_r",
        vmin=0,
        vmax=1,
        aspect="auto",
        extent=(-0.5, frames - 0.5, 1, 0),
    )
    axes[0].set_yticks([])
    axes[0].tick_params(bottom=False)
    axes[0].spines[["left", "bottom"]].set_visible(False)
    blank = occupied[:frames, 0::2].sum(1)
    axes[1].plot(blank, color=base.GREY, linestyle="--", linewidth=1.0, label="blank")
    for n, character in enumerate(text):
        spike = occupied[:, 2 * n + 1]
        peak = int(spike.argmax())
        if peak >= frames - 1:
            break
        colour = base.BLUE if n % 2 == 0 else base.ORANGE
        near = np.arange(max(0, peak - 4), min(frames, peak + 5))
        axes[1].plot(near, spike[near], color=colour)
        axes[1].text(
            peak, 1.05, character if character != " " else "␣", ha="center", fontsize=9, color=colour
        )
    axes[1].set_ylim(0, 1.2)
    axes[1].set_yticks((0, 0.5, 1))
    axes[1].set_xlim(-0.5, frames - 0.5)
    axes[1].set_xlabel(f"frame (one every {step} columns)")
    axes[1].set_ylabel("posterior")
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    mostly = bool(occupied[:, 0::2].sum() > 0.5 * len(log_probs))
    base.show(made, alt=alt, facts=f"blanks hold more than half of the line's frames: {mostly}")
