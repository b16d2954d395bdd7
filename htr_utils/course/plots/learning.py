"""Drawings of "How a network learns" and "Training": patches, losses, readings while a network learns, curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from htr_utils import paths
from htr_utils.course.plots import base


def patches(pixels: np.ndarray, kinds: np.ndarray, names: Sequence[str], each: int = 10) -> None:
    """The first patches of each kind in a row of its own. pixels: float (N, H, W), 1 = ink. kinds: int (N,)."""
    drawing, axes = base.figure(len(names), each, height=0.8 * len(names), width=0.8 * each + 1)
    for kind, row in enumerate(axes):
        for axis, patch in zip(row, pixels[kinds == kind], strict=False):
            axis.imshow(patch, cmap="gray_r", vmin=0, vmax=1)
        for axis in row:
            axis.set_xticks([])
            base.bare(axis)
        row[0].set_ylabel(names[kind], rotation=0, ha="right", va="center")
    rows, columns = pixels.shape[1:]
    base.show(
        drawing,
        alt=f"Small patches of handwriting, {rows} x {columns} pixels each, in {len(names)} rows by what the stroke in "
        f"their middle does: {', '.join(names)}.",
        facts=f"{len(pixels)} patches: "
        + ", ".join(f"{(kinds == kind).sum()} {name}" for kind, name in enumerate(names)),
    )


def coloured(ink: np.ndarray, kinds: np.ndarray, names: Sequence[str]) -> None:
    """A line of words, float (H, W) with 1 = ink, and the same with each pixel of ink in the colour of its kind."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    colours, is_ink = (base.BLUE, base.ORANGE, "#BBBBBB"), ink >= 0.5
    painted = np.ones((*ink.shape, 3))
    painted[is_ink] = np.array([to_rgb(one) for one in colours])[kinds[is_ink]]
    drawing, axes = base.figure(2, 1, height=2.9)
    base.picture(axes[0], ink, ink=True)
    axes[1].imshow(painted, interpolation="nearest")
    axes[1].set_xticks([])
    base.bare(axes[1])
    marks = [Patch(color=colour, label=name) for colour, name in zip(colours, names, strict=True)]
    axes[1].legend(
        handles=marks, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3, frameon=False
    )
    shares = [100 * (kinds[is_ink] == kind).mean() for kind in range(len(names))]
    told = ", ".join(f"{name} {share:.0f} %" for name, share in zip(names, shares, strict=True))
    base.show(
        drawing,
        alt=f"Handwritten words, and below them the same with each pixel of ink in the colour of its kind: {told}.",
        facts=f"of the ink: {told}",
    )


def descents(losses: Mapping[float, Sequence[float]], shrug: float) -> None:
    """Loss over steps for several learning rates, and the loss of a network that knows nothing as a level line."""
    drawing, axis = base.figure(height=3.2)
    for number, (rate, row) in enumerate(losses.items()):
        axis.plot(row, label=f"rate {rate:g}", **base.style(number))
    axis.axhline(shrug, color=base.GREY, linewidth=0.8)
    axis.text(
        1,
        shrug,
        "shrug",
        transform=axis.get_yaxis_transform(),
        ha="right",
        va="bottom",
        color=base.GREY,
    )
    axis.set_yscale("log")
    seen = [value for row in losses.values() for value in row]
    ticks = [
        tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if min(seen) / 2 < tick < 2 * max(seen)
    ]
    axis.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set(xlabel="step", ylabel="loss (mean over patches)")
    axis.legend(frameon=False)
    told = "; ".join(
        f"rate {rate:g}: at most {max(row):.1f}, last {row[-1]:.2f}" for rate, row in losses.items()
    )
    base.show(
        drawing,
        alt=f"The loss over {len(next(iter(losses.values())))} steps for {len(losses)} learning rates, and a level "
        f"line at {shrug:.2f}. {told}.",
        facts=told,
    )


def two_losses(history: np.ndarray, every: int) -> None:
    """Loss on the patches to learn from and on unseen ones, float (looks, 2), one look each `every` steps."""
    drawing, axis = base.figure(height=3.0)
    steps, best = every * np.arange(len(history)), int(history[:, 1].argmin())
    for number, name in enumerate(("learnt from", "unseen")):
        axis.plot(steps, history[:, number], label=name, **base.style(number))
    axis.plot(steps[best], history[best, 1], "o", color=base.ORANGE)
    base.write(axis, steps[best], history[best, 1] - 0.04, "lowest", 9, va="top", color=base.GREY)
    axis.set(xlabel="step", ylabel="loss (mean over patches)", ylim=(0, None))
    axis.legend(frameon=False)
    told = (
        f"learnt from {history[0, 0]:.2f} -> {history[-1, 0]:.2f}; unseen {history[0, 1]:.2f} -> "
        f"{history[best, 1]:.2f} at step {steps[best]} -> {history[-1, 1]:.2f}"
    )
    base.show(drawing, alt=f"Two curves of the loss over {steps[-1]} steps: {told}.", facts=told)


def montage(
    inks: Sequence[np.ndarray], texts: Sequence[str], *, columns: int = 5, facts: str = ""
) -> None:
    """Short lines in a grid, each under its text. inks: float (H, w), 1 = ink."""
    rows = -(-len(inks) // columns)
    drawing, axes = base.figure(rows, columns, height=0.95 * rows, squeeze=False)
    widest = max(ink.shape[1] for ink in inks)
    for axis in axes.ravel():
        axis.axis("off")
    for axis, ink, text in zip(axes.ravel(), inks, texts, strict=False):
        base.picture(axis, np.pad(ink, ((0, 0), (0, widest - ink.shape[1]))), ink=True)
        axis.set_title(text, loc="left", fontsize=9)
    alt = f"{len(inks)} very short lines of handwriting in {rows} rows, each under its text: {', '.join(texts)}."
    facts = facts or f"{len(inks)} lines, {sum(map(len, texts))} characters"
    base.show(drawing, alt=alt, facts=facts)


def progress(losses: Sequence[float], blanks: Sequence[float]) -> None:
    """Loss (nats per line) and blank rate (share of frames won by the blank) over optimiser steps."""
    drawing, axes = base.figure(1, 2, height=2.8)
    axes[0].plot(losses, color=base.BLUE)
    axes[0].set(ylabel="loss (nats per line)", ylim=(0, None))
    axes[1].plot(np.multiply(blanks, 100), color=base.ORANGE, linestyle="--")
    axes[1].set(ylabel="blank rate (% of frames)", ylim=(0, 105))
    for axis in axes:
        axis.set_xlabel("step")
    loss, blank = (f"{losses[0]:.0f} -> {losses[-1]:.1f}", f"{max(blanks):.0%}, {blanks[-1]:.0%}")
    base.show(
        drawing,
        alt=f"Two charts over {len(losses)} steps. Left: the loss, {loss} nats a line. Right: the blank rate, at most "
        f"and at the end {blank}.",
        facts=f"loss {loss}; blank rate at most, and at the end: {blank}",
    )


def readings(table: Mapping[int, Sequence[str]], truths: Sequence[str]) -> None:
    """What a network reads at some steps: a column per line, a row per step, the truth below."""
    drawing, axis = base.figure(height=0.34 * (len(table) + 2))
    axis.axis("off")
    rows = [*[(f"step {step}", texts) for step, texts in table.items()], ("written", truths)]
    for down, (name, texts) in enumerate(rows):
        y = 1 - (down + 0.5) / len(rows)
        last = down == len(rows) - 1
        axis.text(0, y, name, va="center", fontsize=10, color="black" if last else base.GREY)
        for column, text in enumerate(texts):
            x = 0.12 + 0.88 * column / len(truths)
            right = text == truths[column]
            shown = text if len(text) <= 11 else text[:10] + "…"
            colour = "black" if last else base.GREEN if right else base.RED
            look = {"color": colour, "weight": "bold" if right and not last else "normal"}
            base.write(axis, x, y, shown or "∅", 10, ha="left", family="monospace", **look)
    told = "; ".join(
        f"step {step}: {', '.join(t[:20] or '∅' for t in texts)}" for step, texts in table.items()
    )
    counts = [sum(map(str.__eq__, texts, truths)) for texts in table.values()]
    base.show(
        drawing,
        alt=f"A table of what a network reads at {len(table)} steps. {told}. Written is: {', '.join(truths)}.",
        facts=f"right of {len(truths)} lines at these steps: {', '.join(map(str, counts))}",
    )


def curves(own: Sequence[Mapping[str, Any]]) -> None:
    """Loss over epochs, and blank rate and CER on the validation lines: of `own`, the history of a `Trainer`, and of
    the published model's, where its file is in `model/`."""
    root = paths.repo_root()
    file = root / "model" / "course.history.json" if root else None
    histories = [("this chapter", own)]
    if file is not None and file.is_file():
        histories.append(("the published model", json.loads(file.read_text(encoding="utf-8"))))
    drawing, axes = base.figure(2, len(histories), height=4.2, squeeze=False, sharex="col")
    for (title, rows), column in zip(histories, axes.T, strict=True):
        epochs = [row["epoch"] for row in rows]
        mark = "." if len(epochs) < 40 else ""
        column[0].plot(epochs, [row["loss"] for row in rows], color=base.BLUE, marker=mark)
        column[0].set_title(title, fontsize=10)
        column[0].set(ylabel="training loss\n(nats per line)", ylim=(0, None))
        kinds = [("cer", "CER", 0), ("blank_rate", "blank rate", 5)][: 2 if rows is own else 1]
        for key, name, number in kinds:
            values = [100 * row.get(key, np.nan) for row in rows]
            column[1].plot(epochs, values, label=name, **base.style(number))
        top = 108 if rows is own else 1.5 * max(values)
        column[1].set(ylabel="validation (%)", ylim=(0, top), xlabel="epoch")
        column[1].legend(frameon=False)
        column[1].xaxis.get_major_locator().set_params(integer=True)
    told = "; ".join(
        f"{title}: CER {rows[0]['cer']:.1%} -> {rows[-1]['cer']:.1%} in {len(rows)} epochs"
        for title, rows in histories
    )
    base.show(
        drawing,
        alt=f"Training loss above, validation blank rate and character error rate below, over epochs. {told}.",
        facts=told,
    )
