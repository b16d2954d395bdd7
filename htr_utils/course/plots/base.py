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
BLUE, ORANGE, GREEN, PINK = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, RED, YELLOW = "#56B4E9", "#D55E00", "#F0E442"
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
    named = map(_rgb, (*COLOURS, YELLOW, GREY, "#FFFFFF"))
    kept = [rgb for rgb in named if rgb in seen]
    for colours in (64, 32, 16):
        # The median cut merges two colours of which one is rare, such as orange and a small red mark.
        free = colours - len(kept)
        cut = np.reshape(picture.quantize(free).getpalette() or [], (-1, 3))[:free]
        # Pillow looks colours up coarsely: what is nearly one of the palette would take its place.
        far = [rgb for rgb in cut if all(np.abs(rgb - own).max() > 8 for own in np.array(kept))]
        palette = Image.new("P", (1, 1))
        palette.putpalette(np.array([*far, *kept], np.uint8).ravel().tolist())
        small = io.BytesIO()
        fewer = picture.quantize(palette=palette, dither=Image.Dither.NONE)
        fewer.save(small, format="PNG", optimize=True)
        if small.tell() <= _LARGEST:
            break
    return small.getvalue()


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def blue_orange() -> Any:
    """Colours from blue (negative) over white to orange (positive), told apart by colour-blind readers."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("blue_orange", [BLUE, "white", RED])


def bare(axis: Axes, *, bottom: bool = True) -> None:
    """Take away what says nothing below or beside a picture: ticks of y, the frame, and of x where `bottom`."""
    axis.set_yticks([])
    axis.spines[["left", "bottom"]].set_visible(False)
    if bottom:
        axis.tick_params(bottom=False)


def columns(axis: Axes, ink: np.ndarray, *, height: float = 1) -> None:
    """Ink (H, W), 1 = ink, over the columns of the picture; y goes down from 0 to `height`."""
    extent = (0, ink.shape[1], height, 0)
    axis.imshow(ink, cmap="gray_r", vmin=0, vmax=1, aspect="auto", extent=extent)


def write(
    axis: Axes, x: float, y: float, text: str, size: float | None = None, **more: Any
) -> None:
    """A text in the middle of a place. more: of `Axes.text`."""
    axis.text(x, y, text, fontsize=size, **{"ha": "center", "va": "center", **more})


def style(number: int) -> dict[str, Any]:
    """Colour and dashes of the curve of that number."""
    colours, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    return {"color": colours, "linestyle": dashes}


def box(axis: Axes, left: float, top: float, right: float, bottom: float, **more: Any) -> None:
    """A frame round a place. more: of `Rectangle`."""
    from matplotlib.patches import Rectangle

    more = {"fill": False, **more}
    axis.add_patch(Rectangle((left, top), right - left, bottom - top, **more))


def picture(axis: Axes, grey: np.ndarray, *, ink: bool = False) -> None:
    """Draw a line's picture on axes without ticks. ink: True for float (H, W) with 1 = ink, else grey levels."""
    if grey.shape[1] > 1200:  # no screen shows more
        size = (1200, max(1, round(grey.shape[0] * 1200 / grey.shape[1])))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    colours, high = ("gray_r", 1) if ink else ("gray", 255)
    axis.imshow(grey, cmap=colours, vmin=0, vmax=high, interpolation="antialiased")
    axis.set_xticks([])
    bare(axis, bottom=False)


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
    for number, (axis, image) in enumerate(zip(axes[:, 0], pictures, strict=True)):
        picture(axis, image, ink=ink)
        if titles is not None:
            axis.set_title(titles[number], loc="left", fontsize=9)
    show(drawing, alt=alt, facts=facts)
