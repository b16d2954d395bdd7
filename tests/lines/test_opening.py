"""Pictures from wherever they are: whatever is given becomes grey levels or one line that says what to do."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from htr_utils.errors import HtrError
from htr_utils.lines import opening

KINDS = (np.uint8, np.bool_, np.uint16, np.int32, np.float32, np.float64, np.complex64)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=12)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, SHAPES)))
def test_any_array_is_grey_levels_or_one_line(array: np.ndarray) -> None:
    kept = array.copy()
    try:
        grey = opening.load(array)
    except HtrError as error:
        assert "\n" not in str(error)
    else:
        assert grey.dtype == np.uint8 and grey.shape == array.shape[:2]
    assert np.array_equal(array, kept, equal_nan=array.dtype.kind in "fc")


def drawn() -> Image.Image:
    return Image.fromarray(np.tile(np.linspace(20, 235, 120).astype(np.uint8), (40, 1)))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "WEBP", "JPEG"])
def test_formats_are_read(kind: str) -> None:
    data = io.BytesIO()
    drawn().save(data, kind, **({"lossless": True} if kind == "WEBP" else {}))
    grey = opening.load(data.getvalue())
    assert np.abs(grey.astype(int) - np.asarray(drawn())).max() <= (3 if kind == "JPEG" else 1)


def test_photos_of_apple_phones_are_read(tmp_path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(drawn().convert("RGB")).save(tmp_path / "photo.heic", quality=100)
    grey = opening.load(tmp_path / "photo.heic")
    assert np.abs(grey.astype(int) - np.asarray(drawn())).max() <= 6


def test_without_the_extra_the_remedy_for_them_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(opening, "readable", lambda: opening.FORMATS)
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(HtrError, match=r"htr-utils\[pages\]"):
        opening.load(tmp_path / "photo.heic")
