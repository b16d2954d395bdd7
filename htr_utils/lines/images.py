"""One picture of a line, from the file to the network's input.

The same functions, in the same order, serve training, evaluation, the notebooks, the command line and the
web page: `load` -> `normalise` -> `crop_to_ink` -> `fit_height` or `fit_canvas`; `prepare` runs them all.
"""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines.opening import MAX_PIXELS, MIN_SIDE
from htr_utils.lines.opening import content as content
from htr_utils.lines.opening import decode as decode
from htr_utils.lines.opening import load as load

GRAIN = 0.08  # how much darker than the paper its grain and faint lines may be
KERNEL = 41  # rows and columns of the largest closing
FLOOR, TOP = 0.2, 0.9  # of a typical stroke: what is paper still, what is ink wholly
# Ink after a blur of 3 x 3, and how many such pixels make a row or column of writing.
STRONG, PIXELS = 0.4, 2
# Shares of the height of the ink, least pixels: above and below, left and right.
MARGIN, SIDE = (0.04, 1), (0.15, 2)
SHRINK = (3, 2)  # more rows than 3 times the height become 2 times the height first
MAX_ASPECT = 100.0  # the longest IAM line is 40 times as wide as it is high


@dataclass(frozen=True)
class Preparation:
    """How a grey picture becomes the network's input.

    height: rows of the result in pixels. width: None keeps the line's own width; a number is a fixed canvas.
    crop: cut the paper around the ink away.
    """

    height: int = 48
    width: int | None = None
    crop: bool = True

    def to_json(self) -> dict[str, Any]:
        """Plain values for a model's `htr.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Preparation:
        """The inverse of `to_json`; HtrError when a value is out of range."""
        try:
            made = cls(int(values["height"]), values["width"], bool(values["crop"]))
        except (KeyError, TypeError, ValueError) as error:
            raise HtrError(
                f"the model's preparation settings are damaged ({error}); fetch the model again"
            ) from error
        if not 16 <= made.height <= 256 or not (
            made.width is None or 16 <= int(made.width) <= 8192
        ):
            raise HtrError(
                "the model's preparation settings are out of range; fetch the model again"
            )
        return made


@dataclass(frozen=True)
class Prepared:
    """A prepared line. ink: float32 (height, width), 0 = paper, 1 = ink, in steps of 1/255.

    A column x of `ink` lies at column `left + x / scale` of the picture that was given.
    """

    ink: np.ndarray
    left: float
    scale: float

    def original_x(self, x: float) -> float:
        """The column of the original picture, in pixels, that column `x` of `ink` comes from."""
        return self.left + x / self.scale


def save(path: str | Path, grey: np.ndarray) -> None:
    """Write uint8 (H, W) as PNG: to a temporary file first, then renamed, so that no half file stays."""
    ok, data = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not ok:
        raise HtrError(f"{path}: could not be encoded as PNG")
    files.write_bytes(path, data.tobytes())


def font(size: float) -> Any:
    """A font of this machine that has accents, for Pillow to draw with; Pillow's own where there is none."""
    from PIL import ImageFont

    for name in ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf"):
        with contextlib.suppress(OSError):
            return ImageFont.truetype(name, size)
    return ImageFont.load_default(size)


def normalise(grey: np.ndarray) -> np.ndarray:
    """Turn grey levels into ink: paper, shadows and contrast taken out.

    The paper under the ink is guessed by a grey closing (dilation, then erosion: strokes narrower than the
    kernel vanish), as in Gonzalez & Woods, Digital Image Processing, 9.6. Ink is how much darker than that
    paper a pixel is, scaled so that a typical stroke has 1.

    Args:
        grey: uint8 (H, W), dark ink on lighter paper.

    Returns:
        float32 (H, W), 0 = paper, 1 = ink. All zero when nothing on it is darker than the paper.
    """
    size = max(3, min(grey.shape[0] // 2, KERNEL)) | 1
    kernel = np.ones((size, size), np.uint8)
    paper = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    paper = cv2.blur(paper, (size, size), borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    # Relative: a shadow darkens ink and paper alike.
    darker = np.clip((paper - grey) / np.maximum(paper, 1), 0, 1)
    # Only pixels darker than grain count, so that the amount of empty paper changes nothing.
    candidates = darker[darker > GRAIN]
    peak = float(np.percentile(candidates, 95)) if candidates.size >= 10 else 0.0
    if peak < 1.5 * GRAIN:  # paper and its shadows, no writing
        return np.zeros(grey.shape, np.float32)
    stroke = float(candidates[candidates > peak / 2].mean())
    floor = FLOOR * stroke  # grain and faint lines stay paper
    return np.clip((darker - floor) / (TOP * stroke - floor), 0, 1).astype(np.float32)


def ink_box(ink: np.ndarray) -> tuple[int, int, int, int] | None:
    """The smallest box (left, top, right, bottom), right and bottom exclusive, around the writing.

    Stray pixels do not count. None when there is no ink.
    """
    strong = cv2.blur(ink, (3, 3)) > STRONG  # a stray pixel does not survive the blur
    rows = np.flatnonzero(strong.sum(1) >= PIXELS)
    columns = np.flatnonzero(strong.sum(0) >= PIXELS)
    if not rows.size or not columns.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def crop_to_ink(ink: np.ndarray) -> tuple[np.ndarray, int]:
    """Cut the empty paper around the ink away, but for a small margin on each side.

    Args:
        ink: float32 (H, W).

    Returns:
        the cropped ink, float32 (h, w), and the column of the given picture at which it begins (negative where
        paper was added).
    """
    box = ink_box(ink)
    if box is None:
        return ink, 0
    left, top, right, bottom = box
    margin = max(MARGIN[1], round(MARGIN[0] * (bottom - top)))
    side = max(SIDE[1], round(SIDE[0] * (bottom - top)))
    # Paper is added where the picture is cut closer: how much was left around the ink must not matter.
    wide = np.pad(ink, ((margin, margin), (side, side)))
    return wide[top : bottom + 2 * margin, left : right + 2 * side], left - side


def fit_height(ink: np.ndarray, height: int) -> tuple[np.ndarray, float]:
    """Scale to `height` rows, the aspect kept: float32 (height, w) and the scale."""
    scale = height / ink.shape[0]
    width = max(height // 2, round(ink.shape[1] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cv2.resize(ink, (width, height), interpolation=method), width / ink.shape[1]


def fit_canvas(ink: np.ndarray, height: int, width: int) -> tuple[np.ndarray, float]:
    """Scale to fit inside `height` x `width`, the aspect kept, and fill up with paper on the right, above and below.

    Returns:
        float32 (height, width) and the scale.
    """
    scale = min(height / ink.shape[0], width / ink.shape[1])
    size = (
        min(width, max(1, round(ink.shape[1] * scale))),
        min(height, max(1, round(ink.shape[0] * scale))),
    )
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((height, width), np.float32)
    top = (height - size[1]) // 2
    canvas[top : top + size[1], : size[0]] = cv2.resize(ink, size, interpolation=method)
    return canvas, scale


def pad_width(ink: np.ndarray, width: int) -> np.ndarray:
    """Add paper on the right up to `width` columns: float32 (H, width)."""
    if ink.shape[1] > width:
        raise ValueError(f"a line of {ink.shape[1]} columns does not fit into {width}")
    return np.pad(ink, ((0, 0), (0, width - ink.shape[1])))


def prepare(grey: np.ndarray, preparation: Preparation) -> Prepared:
    """The whole way from grey levels to the network's input; everybody calls this one function.

    Args:
        grey: uint8 (H, W).
        preparation: the settings that the model carries.

    Raises:
        HtrError: not a two-dimensional uint8 picture, too small, or too long for a line.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8:
        raise HtrError(
            f"a line must be uint8 grey levels (H, W), not {grey.dtype} {grey.shape}; see images.load"
        )
    if min(grey.shape) < MIN_SIDE:
        raise HtrError(
            f"{grey.shape[1]} x {grey.shape[0]} pixels is too small for a line of writing"
        )
    if grey.size > MAX_PIXELS:
        raise HtrError(
            f"{grey.shape[1]} x {grey.shape[0]} pixels is over 40 megapixels; cut the line out or scale it down"
        )
    shrink = 1.0
    # A photo: no need to clean pixels that are averaged away.
    if grey.shape[0] > SHRINK[0] * preparation.height:
        rows = SHRINK[1] * preparation.height
        shrink = rows / grey.shape[0]
        size = (max(MIN_SIDE, round(grey.shape[1] * shrink)), rows)
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    ink, left = normalise(grey), 0
    if preparation.crop:
        ink, left = crop_to_ink(ink)
    if ink.shape[1] > MAX_ASPECT * ink.shape[0]:
        raise HtrError(
            f"{ink.shape[1]} x {ink.shape[0]} pixels is too long for one line; cut it into lines first"
        )
    if preparation.width is None:
        fitted, scale = fit_height(ink, preparation.height)
    else:
        fitted, scale = fit_canvas(ink, preparation.height, preparation.width)
    # Steps of 1/255: a line cached as bytes is exactly the line read from its file.
    return Prepared(
        np.round(fitted * 255).astype(np.float32) / np.float32(255), left / shrink, scale * shrink
    )
