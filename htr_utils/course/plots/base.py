"""What all figures share: palette, sizes, and `show`, which puts a figure with its alt text into the notebook."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito (2008), "Color Universal Design": told apart by colour-blind readers. Lines also differ in dashes.
BLUE, ORANGE, GREEN, PINK, SKY, RED, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
)
COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, RED)
DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
GREY = "#666666"
DPI = 100
_LARGEST = 120_000  # bytes of a stored figure


def figure(
    rows: int = 1, columns: int = 1, *, height: float = 3.0, width: float = 9.0, **more: Any
) -> tuple[Figure, Any]:
    """A figure and its axes, as `plt.subplots` gives them, in the course's look. Sizes in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as MplFigure

    drawing = MplFigure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(drawing)
    axes = drawing.subplots(rows, columns, **more)
    for axis in np.ravel(axes):
        axis.spines[["top", "right"]].set_visible(False)
    return drawing, axes


def show(drawing: Figure, *, alt: str, facts: str) -> None:
    """Put a figure into the notebook.

    The picture is stored as PNG of few colours; `alt` goes into the output's metadata, where converters find
    it, and beside the picture as its text, which nbval compares, so that no stale one stays in a notebook; `facts` is
    printed, because nbval never compares pictures. Outside a notebook `alt` is printed in the picture's place.

    Args:
        alt: a full sentence that says what is seen. facts: one line, the same on every machine.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    if len(alt.split()) < 8:
        raise ValueError(f"alt text of at least eight words, please: {alt!r}")
    shown = {"image/png": encode(drawing), "text/plain": alt}
    if InteractiveShell.initialized():
        display(shown, metadata={"image/png": {"alt": alt}}, raw=True)
    else:  # IPython would print the bytes of the file
        print(alt)
    print(facts)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(drawing)  # one that a chapter drew in the open would be shown a second time


def encode(drawing: Figure) -> bytes:
    """PNG bytes of a figure: at most 64 colours, which keeps notebooks small; those of the palette stay as they are."""
    from PIL import Image

    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", metadata={"Software": None})
    picture = Image.open(buffer).convert("RGB")
    seen = {colour for _, colour in picture.getcolors(picture.width * picture.height) or ()}
    kept = [
        rgb
        for rgb in (_rgb(colour) for colour in (*COLOURS, YELLOW, GREY, "#FFFFFF"))
        if rgb in seen
    ]
    for colours in (64, 32, 16):
        # The median cut merges two colours of which one is rare, such as orange and a small red mark.
        cut = np.reshape(picture.quantize(colours - len(kept)).getpalette() or [], (-1, 3))[
            : colours - len(kept)
        ]
        # Pillow looks colours up coarsely: what is nearly one of the palette would take its place.
        far = [rgb for rgb in cut if all(np.abs(rgb - own).max() > 8 for own in np.array(kept))]
        palette = Image.new("P", (1, 1))
        palette.putpalette(np.array([*far, *kept], np.uint8).ravel().tolist())
        small = io.BytesIO()
        picture.quantize(palette=palette, dither=Image.Dither.NONE).save(
            small, format="PNG", optimize=True
        )
        if small.tell() <= _LARGEST:
            break
    return small.getvalue()


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def blue_orange() -> Any:
    """Colours from blue (negative) over white to orange (positive), told apart by colour-blind readers."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blue_orange", [BLUE, "white", RED])


def picture(axis: Axes, grey: np.ndarray, *, ink: bool = False) -> None:
    """Draw a line's picture on axes without ticks. ink: True for float (H, W) with 1 = ink, else grey levels."""
    if grey.shape[1] > 1200:  # no screen shows more
        grey = cv2.resize(
            grey,
            (1200, max(1, round(grey.shape[0] * 1200 / grey.shape[1]))),
            interpolation=cv2.INTER_AREA,
        )
    low, high = (0, 1) if ink else (0, 255)
    axis.imshow(
        grey,
        cmap="gray_r" if ink else "gray",
        vmin=low,
        vmax=high,
        aspect="equal",
        interpolation="antialiased",
    )
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[["left", "bottom"]].set_visible(False)


def lines(
    pictures: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    *,
    alt: str,
    facts: str,
    ink: bool = False,
) -> None:
    """Show pictures of lines below each other, each with a title on its upper left."""
    drawing, axes = figure(len(pictures), 1, height=0.95 * len(pictures) + 0.2, squeeze=False)
    for number, (axis, one) in enumerate(zip(axes[:, 0], pictures, strict=True)):
        picture(axis, one, ink=ink)
        if titles is not None:
            axis.set_title(titles[number], loc="left", fontsize=9)
    show(drawing, alt=alt, facts=facts)
