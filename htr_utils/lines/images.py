"""One picture of a line, from the file to the network's input.

The same functions, in the same order, serve training, evaluation, the notebooks, the command line and the
web page: `load` -> `normalise` -> `crop_to_ink` -> `fit_height` or `fit_canvas`; `prepare` runs them all.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from htr_utils import files
from htr_utils.errors import HtrError

MAX_PIXELS = 40_000_000
_GRAIN = 0.08  # how much darker than the paper its grain and faint lines may be
MIN_SIDE = 4  # a picture with a side shorter than this cannot hold a letter
MAX_ASPECT = 100.0  # the longest IAM line is 40 times as wide as it is high
# Only these are tried: other formats of PIL start programs (EPS) or hold no scans.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")


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


def load(path: str | Path) -> np.ndarray:
    """Read a picture as grey levels.

    Returns:
        uint8 (H, W), 0 = black. Colour becomes grey, transparency becomes white paper, a phone's EXIF
        orientation is applied. Deeper grey levels (16 bit, floating point) are scaled to 0..255.

    Raises:
        HtrError: missing file, not a picture, damaged, under 4 pixels high or wide, or over 40 megapixels.
    """
    return decode(path, content(path))


def content(path: str | Path) -> bytes:
    """The bytes of a file; HtrError says why there are none."""
    try:
        found = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise HtrError(f"{path}: no such file; check the name") from error
    except IsADirectoryError as error:
        raise HtrError(f"{path}: is a folder; name image files, or use `folder/*.png`") from error
    except OSError as error:
        raise HtrError(
            f"{path}: cannot be read ({error.strerror}); check its permissions"
        ) from error
    except ValueError as error:  # a null character
        raise HtrError(f"{str(path)!r}: is no file name ({error}); check the name") from error
    if not found:
        raise HtrError(f"{path}: the file is empty; copy it again")
    return found


def decode(path: str | Path, content: bytes, frame: int = 0) -> np.ndarray:
    """`load` for the bytes of an image file, or for one frame of several; `path` is named in errors."""
    with warnings.catch_warnings():
        # PIL warns about odd metadata and sizes; a mistake gets its one line, from here.
        warnings.simplefilter("ignore")
        return _decode(path, content, frame)


def _decode(path: str | Path, content: bytes, frame: int) -> np.ndarray:
    """Grey levels, uint8 (H, W), of an image file's bytes; `path` is named in errors."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            picture.verify()  # PNG's checksums, which decoding passes over
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if frame:
                picture.seek(frame)
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise HtrError(
                    f"{path}: {width} x {height} pixels is over 40 megapixels; cut the line out or scale it down"
                )
            if min(width, height) < MIN_SIDE:
                raise HtrError(
                    f"{path}: {width} x {height} pixels is too small for a line of writing"
                )
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I;16") or upright.mode in ("I", "F"):
                levels = np.asarray(upright, np.float32)
                top = float(levels.max())
                white = 1.0 if upright.mode == "F" and top <= 1 else max(255.0, top)
                return np.clip(np.nan_to_num(levels / white * 255), 0, 255).astype(np.uint8)
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                rgba = upright.convert("RGBA")
                paper = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
                upright = Image.alpha_composite(paper, rgba)
            if upright.mode in ("LAB", "La"):  # which PIL cannot convert
                raise HtrError(f"{path}: has colour mode {upright.mode}; save it as grey or RGB")
            return np.asarray(upright.convert("L")).copy()
    except HtrError:
        raise
    except Image.DecompressionBombError as error:
        raise HtrError(
            f"{path}: far over 40 megapixels; cut the line out or scale it down"
        ) from error
    except UnidentifiedImageError as error:
        raise HtrError(f"{path}: not an image that can be read; use PNG, JPEG or TIFF") from error
    except Exception as error:  # on damaged bytes decoders raise nearly anything
        reason = " ".join(str(error).split())
        raise HtrError(f"{path}: the image is damaged ({reason}); copy it again") from error


def save(path: str | Path, grey: np.ndarray) -> None:
    """Write uint8 (H, W) as PNG: to a temporary file first, then renamed, so that no half file stays."""
    ok, data = cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not ok:
        raise HtrError(f"{path}: could not be encoded as PNG")
    files.write_bytes(path, data.tobytes())


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
    size = max(3, min(grey.shape[0] // 2, 41)) | 1
    kernel = np.ones((size, size), np.uint8)
    paper = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    paper = cv2.blur(paper, (size, size), borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    darker = np.clip(
        (paper - grey) / np.maximum(paper, 1), 0, 1
    )  # relative: a shadow darkens ink and paper alike
    # Only pixels darker than grain count, so that the amount of empty paper changes nothing.
    candidates = darker[darker > _GRAIN]
    peak = float(np.percentile(candidates, 95)) if candidates.size >= 10 else 0.0
    if peak < 1.5 * _GRAIN:  # paper and its shadows, no writing
        return np.zeros(grey.shape, np.float32)
    stroke = float(candidates[candidates > peak / 2].mean())
    floor = 0.2 * stroke  # grain and faint lines stay paper
    return np.clip((darker - floor) / (0.9 * stroke - floor), 0, 1).astype(np.float32)


def ink_box(ink: np.ndarray) -> tuple[int, int, int, int] | None:
    """The smallest box (left, top, right, bottom), right and bottom exclusive, around the writing.

    Stray pixels do not count. None when there is no ink.
    """
    strong = cv2.blur(ink, (3, 3)) > 0.4  # a stray pixel does not survive the blur
    rows = np.flatnonzero(strong.sum(1) >= 2)
    columns = np.flatnonzero(strong.sum(0) >= 2)
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
    margin = max(1, round(0.04 * (bottom - top)))
    side = max(2, round(0.15 * (bottom - top)))
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
    if (
        grey.shape[0] > 3 * preparation.height
    ):  # a photo: no need to clean pixels that are averaged away
        shrink = 2 * preparation.height / grey.shape[0]
        size = (max(MIN_SIDE, round(grey.shape[1] * shrink)), 2 * preparation.height)
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
