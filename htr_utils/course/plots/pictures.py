"""Figures of "Images and augmentation": what becomes of a picture on its way to the network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from htr_utils.course.plots import base
from htr_utils.course.plots.collection import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REFERENCE_FRAMES = 100  # of the reference system, on its canvas of 64 x 800

_PATCH = (9, 16)  # rows and columns of the enlarged detail


def _draw(axis: Axes, image: np.ndarray) -> None:
    """Grey levels (uint8) or ink (float, 1 = ink), whichever it is."""
    base.picture(axis, image, ink=image.dtype != np.uint8)


def _one_width(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The pictures with white added on the right, up to the widest."""
    widest = max(image.shape[1] for image in images)
    padded = []
    for image in images:
        paper = 255 if image.dtype == np.uint8 else 0
        more = ((0, 0), (0, widest - image.shape[1]))
        padded.append(np.pad(image, more, constant_values=paper))
    return padded


def _inches(images: Sequence[np.ndarray], width: float) -> float:
    """Height of a panel `width` inches wide, so that the highest of the pictures fits."""
    return max(image.shape[0] / image.shape[1] for image in images) * width


def _paper(grey: np.ndarray) -> float:
    """The share of pixels, in per cent, that are nearer to the lightest level than to the darkest."""
    return 100 * float((grey > (int(grey.min()) + int(grey.max())) / 2).mean())


def levels(grey: np.ndarray) -> None:
    """A detail of a stroke with its grey levels written in, beside the histogram of the whole line."""
    rows, columns = min(_PATCH[0], grey.shape[0]), min(_PATCH[1], grey.shape[1])
    values = grey.astype(np.float64)
    mean, square = (cv2.boxFilter(v, -1, (columns, rows)) for v in (values, values**2))
    # Much paper and much ink: a stroke.
    spread = (square - mean**2)[:, : max(columns + 1, grey.shape[1] // 3)]
    y, x = (int(v) for v in np.unravel_index(int(spread.argmax()), spread.shape))
    top = int(np.clip(y - rows // 2, 0, grey.shape[0] - rows))
    left = int(np.clip(x - columns // 2, 0, grey.shape[1] - columns))
    detail = grey[top : top + rows, left : left + columns]
    drawing, (picture, histogram) = base.figure(1, 2, height=3.0, width_ratios=(1.25, 1))
    picture.imshow(detail, cmap="gray", vmin=0, vmax=255, aspect="auto")
    for (i, j), level in np.ndenumerate(detail):
        colour = "black" if level > 128 else "white"
        base.write(picture, j, i, str(level), 7, color=colour)
    picture.set_xticks(range(0, columns, 4), [str(left + j) for j in range(0, columns, 4)])
    picture.set_yticks(range(0, rows, 4), [str(top + i) for i in range(0, rows, 4)])
    picture.set(xlabel="column (pixels)", ylabel="row (pixels)")
    histogram.hist(grey.ravel(), bins=np.arange(-8.5, 265, 17), color=base.BLUE, rwidth=0.9)
    histogram.set_yscale("log")
    histogram.set_xlabel("grey level (0 black, 255 white)")
    histogram.set_ylabel("pixels (log scale)")
    base.show(
        drawing,
        alt="On the left a few letters' strokes enlarged, each pixel with its grey level; on the right a "
        "histogram of the line's grey levels with a high hill of bright paper and a long low one of dark ink.",
        facts=f"{grey.shape[0]} x {grey.shape[1]} pixels, levels {grey.min()} to {grey.max()}; "
        f"{_paper(grey):.0f} % of the pixels are paper",
    )


def stages(titles: Sequence[str], images: Sequence[np.ndarray], *, columns: int = 1) -> None:
    """Pictures with a title each, in `columns`; grey levels (uint8) and ink (float) may be mixed."""
    if columns > 1:  # one scale for all, so that a narrower line looks narrower
        images = _one_width(images)
    rows = -(-len(images) // columns)
    height = rows * (min(1.1, _inches(images, 8.8 / columns)) + 0.36)
    drawing, axes = base.figure(rows, columns, height=height, squeeze=False)
    for axis in np.ravel(axes)[len(images) :]:
        axis.set_axis_off()
    for axis, title, image in zip(np.ravel(axes), titles, images, strict=False):
        _draw(axis, image)
        axis.set_title(title, loc="left", fontsize=9)
    named = "; ".join(title.replace("\n", " ") for title in titles)
    base.show(
        drawing,
        alt=f"{len(images)} pictures of handwriting, each with its title above it: {named}.",
        facts=f"{len(images)} pictures of {min(one.shape[0] for one in images)} to "
        f"{max(one.shape[0] for one in images)} rows",
    )


def fits(kept: np.ndarray, canvas: np.ndarray) -> None:
    """A line at its own width above the same line on a fixed canvas, in one scale, with the canvas outlined."""
    drawing, axes = base.figure(2, 1, height=1.9, sharex=True, sharey=True)
    widest = max(kept.shape[1], canvas.shape[1])
    highest = max(kept.shape[0], canvas.shape[0])
    panels = ((kept, "width kept"), (canvas, "fixed canvas"))
    for axis, (image, title) in zip(axes, panels, strict=True):
        axis.imshow(1 - image, cmap="gray", vmin=0, vmax=1, aspect="equal")
        h, w = image.shape
        axis.plot([0, w, w, 0, 0], [0, 0, h, h, 0], color=base.RED, linestyle="--", linewidth=1)
        axis.set_title(f"{title}: {h} x {w}", loc="left", fontsize=9)
        base.bare(axis, bottom=False)
    axes[0].tick_params(bottom=False)
    axes[0].set(xlim=(-5, widest + 5), ylim=(highest + 3, -3))
    axes[1].set_xlabel("columns (pixels)")
    base.show(
        drawing,
        alt="The same line twice in one scale: at its own width it is long and fills the height, on the canvas of "
        "800 columns it is pressed into less width, so that its letters are smaller.",
        facts=f"{kept.shape[0]} x {kept.shape[1]} against {canvas.shape[0]} x {canvas.shape[1]}",
    )


def symbols(text: str) -> int:
    """Frames that CTC needs for a text: one per character, one more between two equal neighbours."""
    return len(text) + sum(a == b for a, b in pairwise(text))


def frames_per_symbol(widths: Sequence[int], texts: Sequence[str], step: int) -> None:
    """Histograms of frames per needed symbol: a fixed 100 frames, and a frame every `step` columns.

    Args:
        widths: of the lines at the course's height, in pixels.
    """
    needed = np.array([symbols(text) for text in texts])
    fixed = REFERENCE_FRAMES / needed
    kept = -(-np.array(widths) // step) / needed
    drawing, axis = base.figure(height=2.8)
    bins = np.linspace(0, 8, 65)
    full = {"color": base.ORANGE, "alpha": 0.75, "hatch": "//"}
    full |= {"edgecolor": "white", "linewidth": 0.3, "label": "fixed canvas, 100 frames"}
    line = {"color": base.BLUE, "histtype": "step", "linewidth": 1.8}
    line |= {"label": f"width kept, a frame every {step} columns"}
    for values, look in ((fixed, full), (kept, line)):
        axis.hist(np.clip(values, 0, 8), bins=bins, **look)
    axis.axvline(1, color="black", linestyle="--", linewidth=1.2)
    high = axis.get_ylim()[1] * 0.9
    base.write(axis, 0.93, high, "cannot be\nwritten", 9, ha="right", va="top")
    axis.set(xlabel="frames per symbol that has to be written (8 = 8 or more)", ylabel="lines")
    axis.legend(frameon=False, fontsize=9)
    low = [float(np.percentile(values, 5)) for values in (fixed, kept)]
    base.show(
        drawing,
        alt="Two histograms of frames per symbol over many lines: with a fixed canvas most lines have about two "
        "frames per symbol, close to the dashed limit of one; with the width kept nearly all have more.",
        facts=f"{len(needed)} lines; with fewer than one frame per symbol: fixed {int((fixed < 1).sum())}, kept "
        f"{int((kept < 1).sum())}; the tightest 5 % have at most {low[0]:.1f} frames per symbol on the canvas, "
        f"{low[1]:.1f} when the width is kept",
    )


def padded(batch: np.ndarray, widths: Sequence[int]) -> None:
    """A batch of ink (B, H, W): padding hatched, the true width of each line marked."""
    count, height, width = batch.shape
    drawing, axes = base.figure(count, 1, height=0.62 * count + 0.5, squeeze=False, sharex=True)
    for axis, image, true in zip(axes[:, 0], batch, widths, strict=True):
        axis.imshow(1 - image, cmap="gray", vmin=0, vmax=1, aspect="equal")
        look = {"facecolor": "#EEEEEE", "edgecolor": base.GREY, "hatch": "///", "linewidth": 0}
        base.box(axis, true, 0, width, height, fill=True, **look)
        axis.axvline(true, color=base.RED, linewidth=1.5)
        base.bare(axis, bottom=axis is not axes[-1, 0])
        axis.set_ylabel(f"{true}", rotation=0, ha="right", va="center", fontsize=9)
    axes[-1, 0].set_xlabel("columns of the batch (pixels); on the left the true width of each line")
    filled = 100 * sum(width - true for true in widths) / (count * width)
    base.show(
        drawing,
        alt="Lines of different width in one batch, flush left; a red mark shows where each line ends and hatched "
        "padding fills the rest up to the widest.",
        facts=f"batch of {count} x {height} x {width}; about {filled:.0f} % of its columns are padding",
    )


def readings(images: Sequence[np.ndarray], titles: Sequence[str], texts: Sequence[str]) -> None:
    """What a recogniser makes of different pictures of one line: each picture with the text read below it."""
    height = len(images) * (min(1.0, _inches(images, 8.8)) + 0.6)
    drawing, axes = base.figure(len(images), 1, height=height, squeeze=False)
    for axis, image, title, text in zip(axes[:, 0], images, titles, texts, strict=True):
        _draw(axis, image)
        axis.set_title(title, loc="left", fontsize=9)
        read = short(text, 95)
        axis.set_xlabel(f"read: {read}", loc="left", fontsize=9, color=base.BLUE, parse_math=False)
    base.show(
        drawing,
        alt="One line of handwriting given to the recogniser in several ways; below each picture stands the text "
        "that it reads, right or nearly so for ink from 0 to 1, worse on another scale, gibberish in negative.",
        facts=f"one line, read {len(images)} times",
    )
