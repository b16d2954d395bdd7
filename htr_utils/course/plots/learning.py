"""Drawings of chapter 7: losses, blank rates, readings while a network learns, schedules, published curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from htr_utils.course.plots import base
from htr_utils.network import ctc

if TYPE_CHECKING:
    from htr_utils.text.charset import Charset


def montage(inks: Sequence[np.ndarray], texts: Sequence[str], *, columns: int = 5) -> None:
    """Short lines in a grid, each under its text. inks: float (H, w), 1 = ink."""
    rows = -(-len(inks) // columns)
    drawing, axes = base.figure(rows, columns, height=0.95 * rows, squeeze=False)
    widest = max(ink.shape[1] for ink in inks)
    for axis in axes.ravel():
        axis.axis("off")
    for axis, ink, text in zip(axes.ravel(), inks, texts, strict=False):
        base.picture(axis, np.pad(ink, ((0, 0), (0, widest - ink.shape[1]))), ink=True)
        axis.set_title(text, loc="left", fontsize=9)
    alt = f"{len(inks)} very short lines of handwriting, mostly single words, each under its text, in {rows} rows."
    base.show(drawing, alt=alt, facts=f"{len(inks)} lines, {sum(map(len, texts))} characters")


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
    collapsed, left = max(blanks) > 0.95, blanks[-1] < 0.8
    fell = losses[-1] < 0.5 * losses[0]
    base.show(
        drawing,
        alt="Two charts over steps. Left: the loss falls steeply, flattens, then falls to near zero. Right: the blank "
        "rate jumps to one hundred per cent, stays, and then sinks.",
        facts=f"loss halved: {fell}; nearly all frames said blank: {collapsed}; "
        f"later fewer than 80 %: {left}",
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
    alt = (
        "A table of readings at several steps: gibberish at first, then nothing at all, then single frequent letters, "
        "then parts of the words, and at last mostly the written words, which stand below."
    )
    base.show(drawing, alt=alt, facts=f"{len(table)} moments, {len(truths)} lines")


def schedule(rates: Sequence[float], weight: Sequence[float], averaged: Sequence[float]) -> None:
    """Left: the learning rate over steps. Right: one weight during a training, and its moving average."""
    drawing, axes = base.figure(1, 2, height=2.8)
    axes[0].plot(rates, color=base.BLUE)
    axes[0].set_ylabel("learning rate")
    axes[0].set_ylim(0, None)
    axes[1].plot(weight, color=base.GREY, linewidth=1, label="weight")
    axes[1].plot(averaged, color=base.RED, linestyle="--", label="moving average")
    axes[1].set_ylabel("value of one weight")
    axes[1].legend(frameon=False)
    for axis in axes:
        axis.set_xlabel("step")
    peak = int(np.argmax(rates))
    base.show(
        drawing,
        alt="Left: the learning rate rises in a straight line, then falls along half a cosine nearly to zero. Right: "
        "one weight of a network over the steps, and its moving average following behind it.",
        facts=f"highest rate at step {peak} of {len(rates)}; {len(weight)} values of a weight",
    )


def compare(curves: Mapping[str, Sequence[float]], *, facts: str) -> None:
    """Losses of several trainings over steps, each with its own colour and dashes."""
    drawing, axis = base.figure(height=3.0, width=8.0)
    for number, (name, losses) in enumerate(curves.items()):
        axis.plot(losses, label=name, **base.style(number))
    axis.set_yscale("log")
    ticks = (5, 10, 20, 50, 100, 200, 500)
    axis.set_yticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel("step")
    axis.set_ylabel("loss (nats per line)")
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    alt = (
        "Loss curves over the steps on a logarithmic axis: with a small rate a smooth fall, with a large one a "
        "ragged fall, and without warm-up and clipping a jump far above the start."
    )
    base.show(drawing, alt=alt, facts=facts)


def curves(
    own: Sequence[Mapping[str, Any]], published: Sequence[Mapping[str, Any]], *, facts: str
) -> None:
    """Histories of `Trainer`: loss, and blank rate and CER on the validation lines, over epochs.

    Args:
        own: rows of the short training of this chapter. published: of the course's model; may be empty.
    """
    histories = [("this chapter", own), ("the published model", published)]
    histories = histories[: 2 if published else 1]
    drawing, axes = base.figure(2, len(histories), height=4.2, squeeze=False, sharex="col")
    for (title, rows), column in zip(histories, axes.T, strict=True):
        epochs = [row["epoch"] for row in rows]
        mark = "." if len(epochs) < 40 else ""
        column[0].plot(epochs, [row["loss"] for row in rows], color=base.BLUE, marker=mark)
        column[0].set_title(title, fontsize=10)
        column[0].set_ylabel("training loss\n(nats per line)")
        column[0].set_ylim(0, None)
        # The wider line lies below: both are at 100 % in the blank stage.
        broad = {"label": "CER", "color": base.SKY, "linewidth": 4.0}
        thin = {"label": "blank rate", "color": base.RED, "linewidth": 1.5, "linestyle": "--"}
        for key, look in (("cer", broad), ("blank_rate", thin)):
            column[1].plot(epochs, [100 * row.get(key, np.nan) for row in rows], **look)
        column[1].set_ylabel("validation (%)")
        column[1].set_ylim(0, 108)
        column[1].set_xlabel("epoch")
        column[1].xaxis.get_major_locator().set_params(integer=True)
    axes[1, -1].legend(frameon=False)
    alt = (
        "Training loss above, validation blank rate and character error rate below, over epochs. In the short "
        "training the loss falls while the blank rate stays near one hundred per cent."
    )
    base.show(drawing, alt=alt, facts=facts)


def strips(moments: Mapping[int, np.ndarray], charset: Charset, text: str) -> None:
    """One line at several steps of a training: what the network says, and the gradient that it gets for it.

    Args:
        moments: step -> logits (T, C) of the line. text: what is written.
    """
    label = charset.encode(text)
    classes = [ctc.BLANK, *dict.fromkeys(label.tolist())]
    names = ["blank", *(repr(charset.decode([c])).strip("'") for c in classes[1:])]
    drawing, axes = base.figure(
        len(moments), 2, height=0.19 * len(classes) * len(moments) + 0.6, sharex=True
    )
    sizes = []
    for (step, logits), (left, right) in zip(moments.items(), axes, strict=True):
        log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        slopes = ctc.gradient(log_probs, label)
        sizes.append(float(np.abs(slopes).sum()))
        left.imshow(np.exp(log_probs[:, classes]).T, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        look = {"cmap": base.blue_orange(), "vmin": -0.6, "vmax": 0.6}
        right.imshow(slopes[:, classes].T, aspect="auto", **look)
        for axis in (left, right):
            axis.set_yticks(range(len(classes)), names, fontsize=7)
            axis.tick_params(length=0)
            axis.xaxis.get_major_locator().set_params(integer=True)
        left.set_ylabel(f"step {step}", rotation=0, ha="right", va="center", labelpad=14)
    axes[0, 0].set_title(f"what the network says while it learns {text!r}", fontsize=9)
    axes[0, 1].set_title("gradient by the logits: blue = say more", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel("frame")
    base.show(
        drawing,
        alt=f"Strips of one line at {len(moments)} steps. On the left no class stands out at first, then the row "
        "of the blank is dark nearly everywhere, then letters turn dark in frames of their own, in the order of the "
        "word. On the right the gradient: blue along a falling diagonal at first, then fainter, at last nearly white.",
        facts=f"{len(moments)} moments, {len(classes)} classes; the gradient is smaller at the end than at the start: "
        f"{sizes[-1] < sizes[0]}",
    )
