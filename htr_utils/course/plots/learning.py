"""Drawings of the chapter "Training": losses, blank rates, readings while a network learns, published curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from htr_utils import paths
from htr_utils.course.plots import base


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
    axes[0].set_ylabel("loss (nats per line)")
    axes[0].set_ylim(0, None)
    axes[1].plot(np.multiply(blanks, 100), color=base.ORANGE, linestyle="--")
    axes[1].set_ylabel("blank rate (% of frames)")
    axes[1].set_ylim(0, 105)
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
        column[0].set_ylabel("training loss\n(nats per line)")
        column[0].set_ylim(0, None)
        for key, name, number in (("cer", "CER", 0), ("blank_rate", "blank rate", 5)):
            values = [100 * row.get(key, np.nan) for row in rows]
            column[1].plot(epochs, values, label=name, **base.style(number))
        column[1].set_ylabel("validation (%)")
        column[1].set_ylim(0, 108)
        column[1].set_xlabel("epoch")
        column[1].xaxis.get_major_locator().set_params(integer=True)
    axes[1, -1].legend(frameon=False)
    told = "; ".join(
        f"{title}: CER {rows[0]['cer']:.1%} -> {rows[-1]['cer']:.1%} in {len(rows)} epochs"
        for title, rows in histories
    )
    base.show(
        drawing,
        alt=f"Training loss above, validation blank rate and character error rate below, over epochs. {told}.",
        facts=told,
    )
