"""A picture from wherever it is - a file, bytes, PIL, an array - as grey levels: `images.load`."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils.errors import HtrError

MAX_PIXELS = 40_000_000
MIN_SIDE = 4  # a picture with a side shorter than this cannot hold a letter
# Only these are tried: other formats of PIL start programs (EPS) or hold no scans.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM", "JPEG2000")
# The endings of such files, for folders: ".heic" too, so that it is named where it cannot be read.
ENDINGS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".gif", ".webp"),
    *(".pbm", ".pgm", ".ppm", ".pnm", ".jp2", ".j2k", ".heic", ".heif"),
)


def load(source: Any) -> np.ndarray:
    """Read a picture as grey levels.

    Args:
        source: a path, the bytes of an image file, an open file (binary), a PIL image, or an array: (H, W), (H, W, 1),
            (H, W, 3) in RGB order or (H, W, 4), of uint8, bool (True is white), whole numbers from 0 (of 8 to 16
            bits, by the largest), or floating point numbers 0..1 or 0..255.

    Returns:
        uint8 (H, W), 0 = black. Colour becomes grey, transparency becomes white paper, a phone's EXIF
        orientation is applied. Deeper grey levels (16 bit, floating point) are scaled to 0..255.

    Raises:
        HtrError: missing file, not a picture, damaged, under 4 pixels high or wide, or over 40 megapixels.
    """
    if isinstance(source, str | os.PathLike):
        return decode(source, content(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return decode("the bytes given", bytes(source))
    if callable(getattr(source, "read", None)):
        return _of_file(source)
    pil = sys.modules.get("PIL.Image")  # who has a PIL image has imported it
    if pil is not None and isinstance(source, pil.Image):
        with _one_line("the picture given"):
            return _grey("the picture given", source)
    if hasattr(source, "__array__"):
        return _of_array(np.asarray(source))
    raise HtrError(
        f"a picture cannot be read from {type(source).__name__}; give a path, bytes, an open file, a PIL image or "
        "an array"
    )


def _of_file(file: Any) -> np.ndarray:
    name = str(getattr(file, "name", "") or "the open file")
    data = file.read()
    if not isinstance(data, bytes):
        raise HtrError(f"{name}: is open as text; open it with mode 'rb'")
    if not data:
        raise HtrError(f"{name}: nothing is left to read in it; open it again, or seek(0)")
    return decode(name, data)


def _of_array(array: np.ndarray) -> np.ndarray:
    told = f"an array {array.dtype} {array.shape}"
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            remedy = "move the colours to the end: np.moveaxis(array, 0, -1)"
        elif array.ndim == 4:
            remedy = "give a list of pictures"
        else:
            remedy = "give (H, W), (H, W, 3) in RGB order, or (H, W, 4)"
        raise HtrError(f"{told} is no picture; {remedy}")
    _check_size(told, array.shape[1], array.shape[0])
    if array.dtype == bool:
        array = array * np.uint8(255)
    if array.dtype != np.uint8:
        numbers = np.issubdtype(array.dtype, np.number) and not np.iscomplexobj(array)
        if not numbers or not np.isfinite(array).all() or array.min() < 0:
            raise HtrError(f"{told} is no picture; give uint8, bool, uint16, or numbers in 0..1")
        array = _to_bytes(array, np.issubdtype(array.dtype, np.floating))
    if array.ndim == 2:
        return array
    from PIL import Image

    return _grey(told, Image.fromarray(array))


def _to_bytes(levels: np.ndarray, floating: bool) -> np.ndarray:
    """Deeper levels as uint8: floating point up to 1 as 0..1, else white is that of 8, 10, 12, 14 or 16 bits."""
    levels = np.nan_to_num(levels)
    top = float(levels.max())
    whites = [1.0] * floating + [2.0**bits - 1 for bits in (8, 10, 12, 14, 16)]
    white = next((white for white in whites if top <= white), top)
    return np.clip(levels / white * 255, 0, 255).astype(np.uint8)


def _check_size(name: str | os.PathLike[str], width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise HtrError(
            f"{name}: {width} x {height} pixels is over 40 megapixels; cut the line out or scale it down"
        )
    if min(width, height) < MIN_SIDE:
        raise HtrError(f"{name}: {width} x {height} pixels is too small for a line of writing")


def content(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file; HtrError says why there are none."""
    if re.match(r"[a-z]{2,}://", str(path)):
        raise HtrError(f"{path}: is a web address; fetch the picture first, then name its file")
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


def decode(path: str | os.PathLike[str], content: bytes, frame: int = 0) -> np.ndarray:
    """`load` for the bytes of an image file, or for one frame of several; `path` is named in errors."""
    from PIL import Image

    formats = readable()
    with _one_line(path):
        with Image.open(io.BytesIO(content), formats=formats) as picture:
            picture.verify()  # PNG's checksums, which decoding passes over
        with Image.open(io.BytesIO(content), formats=formats) as picture:
            if frame:
                picture.seek(frame)
            return _grey(path, picture)


@functools.cache
def readable() -> tuple[str, ...]:
    """The formats that are tried, by PIL's names; photos of Apple's phones (HEIC) where the extra `pages` is there."""
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


@contextlib.contextmanager
def _one_line(name: str | os.PathLike[str]) -> Iterator[None]:
    """Whatever a decoder raises over a picture becomes one line that names it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # PIL warns about odd metadata and sizes; a mistake gets its one line, from here.
            warnings.simplefilter("ignore")
            yield
    except HtrError:
        raise
    except Image.DecompressionBombError as error:
        raise HtrError(
            f"{name}: far over 40 megapixels; cut the line out or scale it down"
        ) from error
    except UnidentifiedImageError as error:
        heic = str(name).lower().endswith((".heic", ".heif"))
        remedy = 'pip install "htr-utils[pages]" reads HEIC' if heic else "use PNG, JPEG or TIFF"
        raise HtrError(f"{name}: not an image that can be read; {remedy}") from error
    except Exception as error:  # on damaged bytes decoders raise nearly anything
        reason = " ".join(str(error).split())
        raise HtrError(f"{name}: the image is damaged ({reason}); copy it again") from error


def _grey(name: str | os.PathLike[str], picture: Any) -> np.ndarray:
    """Grey levels, uint8 (H, W), of a PIL image; `name` is named in errors."""
    from PIL import Image, ImageOps

    _check_size(name, *picture.size)
    picture.load()
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I;16") or upright.mode in ("I", "F"):
        return _to_bytes(np.asarray(upright, np.float32), upright.mode == "F")
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        rgba = upright.convert("RGBA")
        paper = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        upright = Image.alpha_composite(paper, rgba)
    if upright.mode in ("LAB", "La"):  # which PIL cannot convert
        raise HtrError(f"{name}: has colour mode {upright.mode}; save it as grey or RGB")
    return np.asarray(upright.convert("L")).copy()
