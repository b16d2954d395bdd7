"""Pictures: what loads, what does not and says so, and the way to the network's input."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.lines.images import Preparation
from htr_utils.synth import handwriting
from tests.helpers.tiny_fonts import SANS, one_line_error

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def written(height: int = 64, text: str = "The quick fox, 1926") -> np.ndarray:
    """A rendered line: uint8 (height, w)."""
    writer = handwriting.Writer(SANS, ink=40, paper=235)
    return handwriting.render(text, writer, np.random.default_rng(5), height=height).grey


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    picture.save(path, **options)
    return path


def as_file(path: Path, grey: np.ndarray) -> Path:
    return saved(path, Image.fromarray(grey))


def constant_png(width: int, height: int) -> bytes:
    """A white 1-bit PNG of any size: the rows compress to almost nothing."""
    packer, row = zlib.compressobj(9), b"\0" + b"\xff" * -(-width // 8)
    rows = b"".join(packer.compress(row * 500) for _ in range(height // 500))
    rows += packer.compress(row * (height % 500)) + packer.flush()

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# --- load: what it takes


def test_grey_png_comes_back_as_it_was(tmp_path: Path) -> None:
    grey = written()
    got = images.load(as_file(tmp_path / "a.png", grey))
    assert got.dtype == np.uint8
    assert np.array_equal(got, grey)
    assert got.flags.writeable


@pytest.mark.parametrize(
    "name", ["a b c.png", "Zeile für Jürgen.png", "строка.png", "行.png", "a'b\"c.png"]
)
def test_any_file_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "ordner mit ß"
    folder.mkdir()
    images.save(folder / name, written())
    assert np.array_equal(images.load(str(folder / name)), written())
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK"])
def test_every_colour_mode_becomes_grey(tmp_path: Path, mode: str) -> None:
    grey = np.full((20, 30), 255, np.uint8)
    grey[8:12, 5:25] = 0
    name = "a.tif" if mode == "CMYK" else "a.png"
    got = images.load(saved(tmp_path / name, Image.fromarray(grey).convert(mode)))
    assert got.dtype == np.uint8
    assert np.abs(got.astype(int) - grey).max() <= 3


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "bmp", "gif", "webp", "pgm"])
def test_file_formats(tmp_path: Path, ending: str) -> None:
    got = images.load(as_file(tmp_path / f"a.{ending}", written()))
    assert got.shape == written().shape
    assert np.abs(got.astype(int) - written()).mean() < 4


def test_formats_that_start_programs_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.eps", Image.new("L", (20, 20)))
    assert "not an image" in one_line_error(images.load, path)


def test_transparency_is_paper(tmp_path: Path) -> None:
    rgba = np.zeros((20, 30, 4), np.uint8)  # black, all of it transparent
    rgba[8:12, 5:25, 3] = 255
    got = images.load(saved(tmp_path / "a.png", Image.fromarray(rgba)))
    assert got[0, 0] == 255
    assert got[10, 10] == 0
    palette = Image.fromarray(np.where(rgba[..., 3] > 0, 1, 0).astype(np.uint8), "L").convert("P")
    palette.putpalette([0, 0, 0, 10, 10, 10])
    got = images.load(saved(tmp_path / "b.png", palette, transparency=0))
    assert got[0, 0] == 255
    assert got[10, 10] == 10


def test_deep_grey_levels_are_scaled(tmp_path: Path) -> None:
    grey = written()
    deep = saved(tmp_path / "a.png", Image.fromarray(grey.astype(np.uint16) * 257))
    assert np.abs(images.load(deep).astype(int) - grey).max() <= 1
    for name, levels in (
        ("b.tif", grey.astype(np.float32)),
        ("c.tif", grey.astype(np.float32) / 255),
    ):
        got = images.load(saved(tmp_path / name, Image.fromarray(levels)))
        assert np.abs(got.astype(int) - grey).max() <= 1
    odd = grey.astype(np.float32)
    odd[:2] = np.nan
    odd[2:4] = -50
    got = images.load(saved(tmp_path / "d.tif", Image.fromarray(odd)))
    assert not got[:4].any() and np.abs(got[4:].astype(int) - grey[4:]).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    grey = np.zeros((16, 32), np.uint8)
    grey[:8, :16] = 255  # light top left corner
    turned = {
        1: grey,
        2: grey[:, ::-1],
        3: grey[::-1, ::-1],
        4: grey[::-1],
        5: grey.T,
        6: grey.T[::-1],
        7: grey[::-1, ::-1].T,
        8: grey.T[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    turned = np.ascontiguousarray(turned)
    for name in ("a.jpg", "a.png"):
        path = saved(tmp_path / name, Image.fromarray(turned), exif=exif)
        got = images.load(path)
        assert got.shape == grey.shape
        assert got[2, 2] > 200
        assert max(got[2, -3], got[-3, 2], got[-3, -3]) < 50


# --- load: what it refuses, in one line that names the file


def test_what_is_no_picture(tmp_path: Path) -> None:
    png = as_file(tmp_path / "whole.png", written()).read_bytes()
    cases = {
        "text file.png": b"This is no picture.\n",
        "empty.png": b"",
        "signature only.png": png[:8],
        "truncated.png": png[: len(png) // 2],
        "broken.png": png[: len(png) // 2] + b"\0" * 40 + png[len(png) // 2 + 40 :],
        "webpage.jpg": b"<!doctype html><html></html>",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        assert name in one_line_error(images.load, tmp_path / name)
    assert "empty" in one_line_error(images.load, tmp_path / "empty.png")


@pytest.mark.parametrize("mode", ["LAB", "La"])
def test_a_colour_mode_that_cannot_become_grey_is_named(tmp_path: Path, mode: str) -> None:
    path = saved(tmp_path / "a.tif", Image.new(mode.upper(), (20, 20)))
    if (
        mode == "La"
    ):  # grey times alpha, which PIL reads and does not write: the tag that tells them apart
        alpha = b"\x52\x01\x03\x00\x01\x00\x00\x00"
        path.write_bytes(path.read_bytes().replace(alpha + b"\x02", alpha + b"\x01"))
    assert f"a.tif: has colour mode {mode}; save it as grey or RGB" in one_line_error(
        images.load, path
    )


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "no such file" in one_line_error(images.load, tmp_path / "missing.png")
    assert "folder" in one_line_error(images.load, tmp_path)
    one_line_error(images.load, as_file(tmp_path / "a.png", written()) / "below.png")
    one_line_error(images.load, "a\0b.png")
    one_line_error(images.load, tmp_path / ("x" * 5000))


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3)])
def test_too_small(tmp_path: Path, size: tuple[int, int]) -> None:
    path = saved(tmp_path / "dot.png", Image.new("L", size))
    message = one_line_error(images.load, path)
    assert "dot.png" in message
    assert "too small" in message


@pytest.mark.parametrize("side", [8_000, 10_000, 20_000])
def test_too_large(tmp_path: Path, side: int) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(constant_png(side, side))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # PIL's own warning would be a second message
        message = one_line_error(images.load, path)
    assert "huge.png" in message
    assert "40 megapixels" in message


def test_just_small_enough(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(constant_png(10_000, 3_999))
    assert images.load(path).shape == (3_999, 10_000)


def _damaged_seeds() -> dict[str, bytes]:
    grey, seeds = written(32, "ab"), {}
    exif = Image.Exif()
    exif[274] = 6
    for ending, options in (
        ("PNG", {"exif": exif}),
        ("JPEG", {"exif": exif}),
        ("TIFF", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("WEBP", {"exif": exif}),
    ):
        buffer = io.BytesIO()
        Image.fromarray(grey).save(buffer, ending, **options)
        seeds[ending] = buffer.getvalue()
    return seeds


SEEDS = _damaged_seeds()


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(sorted(SEEDS)),
    places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6),
    kept=st.floats(0.01, 1.5),
    front=st.booleans(),
)
def test_damaged_bytes_give_a_picture_or_one_line(
    kind: str, places: list[tuple[float, int]], kept: float, front: bool, tmp_path: Path
) -> None:
    content = bytearray(SEEDS[kind])
    span = min(len(content), 120) if front else len(content)
    for place, value in places:
        content[min(int(place * span), len(content) - 1)] = value
    path = tmp_path / "damaged"
    path.write_bytes(content[: int(kept * len(content))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            grey = images.load(path)
        except HtrError as error:
            assert len(str(error).splitlines()) == 1
            assert "damaged" in str(error)
        else:
            assert grey.ndim == 2
            assert grey.dtype == np.uint8


# --- normalise


def test_ink_is_one_and_paper_is_zero() -> None:
    grey = written()
    ink = images.normalise(grey)
    assert ink.shape == grey.shape
    assert ink.dtype == np.float32
    assert ink.min() == 0
    assert ink.max() == 1
    assert ink[grey >= 225].max() < 0.05
    assert np.median(ink[grey < 60]) > 0.95


@pytest.mark.parametrize("factor", [0.45, 0.7, 1.05])
def test_brightness_does_not_matter(factor: float) -> None:
    grey = written()
    darker = np.clip(np.round(grey * factor), 0, 255).astype(np.uint8)
    assert np.abs(images.normalise(darker) - images.normalise(grey)).max() < 0.12
    assert np.abs(images.normalise(darker) - images.normalise(grey)).mean() < 0.01


def test_a_shadow_does_not_matter() -> None:
    grey = written()
    height, width = grey.shape
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    shade = 1 - 0.5 * x * (0.7 + 0.3 * y)
    shaded = (grey * shade).astype(np.uint8)
    difference = np.abs(images.normalise(shaded) - images.normalise(grey))
    assert difference.mean() < 0.03
    assert np.percentile(difference, 99) < 0.35
    deep = (grey * np.linspace(1, 0.25, width)).astype(np.uint8)  # a lamp on the left
    ink = images.normalise(deep)
    strokes = grey < 60
    left, right = strokes[:, : width // 3], strokes[:, -width // 3 :]
    assert ink[:, : width // 3][left].mean() > 0.9
    assert ink[:, -width // 3 :][right].mean() > 0.9, "ink in the shade is as much ink"
    assert not images.normalise((200 * shade).astype(np.uint8)).any(), "a shadow is no ink"


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_empty_paper_has_no_ink(level: int) -> None:
    assert not images.normalise(np.full((60, 300), level, np.uint8)).any()


def test_paper_grain_is_no_ink() -> None:
    grain = np.random.default_rng(0).normal(230, 2, (60, 300)).clip(0, 255).astype(np.uint8)
    assert images.normalise(grain).mean() < 0.02


@FEW
@given(height=st.integers(1, 60), width=st.integers(1, 120), seed=st.integers(0, 1000))
def test_normalise_takes_any_size(height: int, width: int, seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    ink = images.normalise(grey)
    assert ink.shape == grey.shape
    assert np.isfinite(ink).all()
    assert 0 <= ink.min() <= ink.max() <= 1


# --- cropping, fitting, padding


def test_ink_box_leaves_specks_out() -> None:
    ink = np.zeros((50, 200), np.float32)
    assert images.ink_box(ink) is None
    ink[20:30, 60:140] = 1
    ink[5, 5] = ink[45, 190] = 1
    box = images.ink_box(ink)
    assert box is not None
    assert np.abs(np.array(box) - (60, 20, 140, 30)).max() <= 1


def test_crop_keeps_all_ink() -> None:
    ink = np.zeros((100, 400), np.float32)
    ink[40:70, 100:350] = 1
    cropped, left = images.crop_to_ink(ink)
    assert cropped.sum() == ink.sum()
    assert cropped.shape[0] < 40
    assert cropped.shape[1] < 270
    assert np.array_equal(cropped[:, 100 - left : 350 - left].max(0), np.ones(250))
    empty = np.zeros((30, 40), np.float32)
    assert images.crop_to_ink(empty)[0].shape == (30, 40)


def test_paper_around_the_line_does_not_matter() -> None:
    grey = written(72)
    rows, columns = np.flatnonzero((grey < 200).any(1)), np.flatnonzero((grey < 200).any(0))
    tight = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    first = images.prepare(np.pad(tight, 6, constant_values=235), Preparation())
    for above, side in ((6, 80), (40, 30)):
        wide = np.pad(tight, ((above, above), (side, side)), constant_values=235)
        other = images.prepare(wide, Preparation())
        assert abs(other.ink.shape[1] - first.ink.shape[1]) <= 4
        again = cv2.resize(other.ink, first.ink.shape[::-1])
        assert np.corrcoef(again.ravel(), first.ink.ravel())[0, 1] > 0.9
        assert other.original_x(100) - side == pytest.approx(first.original_x(100) - 6, abs=3)


@FEW
@given(height=st.integers(1, 200), width=st.integers(1, 900), to=st.integers(16, 96))
def test_fit_height(height: int, width: int, to: int) -> None:
    fitted, scale = images.fit_height(np.ones((height, width), np.float32), to)
    assert fitted.shape[0] == to
    assert fitted.shape[1] >= to // 2
    assert scale == pytest.approx(fitted.shape[1] / width)


@FEW
@given(height=st.integers(1, 300), width=st.integers(1, 3000))
def test_fit_canvas(height: int, width: int) -> None:
    fitted, scale = images.fit_canvas(np.ones((height, width), np.float32), 64, 800)
    assert fitted.shape == (64, 800)
    assert scale == pytest.approx(min(64 / height, 800 / width))
    columns = np.flatnonzero(fitted.max(0) > 0.5)
    assert columns[0] == 0, "the line stands on the left"
    assert abs(len(columns) - width * scale) <= 1


def test_pad_width() -> None:
    ink = np.ones((4, 10), np.float32)
    padded = images.pad_width(ink, 16)
    assert padded.shape == (4, 16)
    assert padded[:, :10].all()
    assert not padded[:, 10:].any()
    assert np.array_equal(images.pad_width(ink, 10), ink)
    with pytest.raises(ValueError, match="10 columns"):
        images.pad_width(ink, 9)


# --- prepare


@pytest.mark.parametrize(
    "preparation",
    [Preparation(), Preparation(64), Preparation(64, 800), Preparation(32, crop=False)],
)
def test_prepare_is_exact(preparation: Preparation) -> None:
    grey = written(90)
    before = grey.copy()
    prepared = images.prepare(grey, preparation)
    ink = prepared.ink
    assert ink.shape[0] == preparation.height
    assert preparation.width is None or ink.shape[1] == preparation.width
    assert ink.dtype == np.float32
    steps = ink * 255
    assert np.abs(steps - np.round(steps)).max() < 1e-4
    assert np.array_equal(
        ink, np.round(steps).astype(np.uint8).astype(np.float32) / np.float32(255)
    )
    assert np.array_equal(images.prepare(grey, preparation).ink, ink)
    assert np.array_equal(grey, before), "the picture that was given stays as it is"
    assert 0.03 < ink.mean() < 0.5


def test_a_much_larger_photo_reads_alike() -> None:
    small = images.prepare(written(64), Preparation()).ink
    photo = cv2.resize(written(64), None, fx=12, fy=12, interpolation=cv2.INTER_CUBIC)
    large = images.prepare(photo, Preparation()).ink
    assert large.shape[0] == 48
    assert abs(large.shape[1] - small.shape[1]) <= 0.05 * small.shape[1]
    again = cv2.resize(large, small.shape[::-1])
    assert np.corrcoef(again.ravel(), small.ravel())[0, 1] > 0.85


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((40, 40, 3), np.uint8),
        np.zeros((40, 40), np.float32),
        np.zeros(40, np.uint8),
        np.zeros((1, 1), np.uint8),
        np.zeros((2, 500), np.uint8),
        np.zeros((20, 5000), np.uint8),
        np.broadcast_to(np.uint8(255), (20_000, 20_000)),
    ],
)
def test_prepare_refuses_what_is_no_line(picture: np.ndarray) -> None:
    one_line_error(images.prepare, picture, Preparation())


def test_an_empty_line_is_empty() -> None:
    prepared = images.prepare(np.full((60, 600), 250, np.uint8), Preparation())
    assert prepared.ink.shape == (48, 480)
    assert not prepared.ink.any()


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(30, 600),
    aspect=st.floats(1.5, 14),
    place=st.floats(0.05, 0.95),
    fixed=st.booleans(),
    crop=st.booleans(),
    other=st.floats(0.05, 0.95),
)
def test_positions_lead_back_to_the_picture(
    height: int, aspect: float, place: float, fixed: bool, crop: bool, other: float
) -> None:
    """A vertical bar at a random place: its column in the network's input maps back onto it."""
    width = int(height * aspect)
    thick = max(2, height // 20)
    grey = np.full((height, width), 230, np.uint8)
    x = int(place * (width - thick))
    grey[height // 5 : height - height // 5, x : x + thick] = 30
    second = int(
        other * (width - thick)
    )  # a shorter one, so that the crop is not around the bar alone
    grey[height // 2 : height - height // 4, second : second + thick] = 30
    preparation = Preparation(48, 800 if fixed else None, crop)
    prepared = images.prepare(grey, preparation)
    for at in (x, second):
        middle = at + (thick - 1) / 2
        columns = prepared.left + np.arange(prepared.ink.shape[1]) / prepared.scale
        assert prepared.original_x(3) == pytest.approx(columns[3])
        near = np.abs(columns - middle) < max(4 * thick, 3 / prepared.scale)
        weights = prepared.ink.sum(0) * near
        if abs(x - second) > 9 * thick + 6 / prepared.scale:
            assert weights.sum() > 0, "the bar is where its column says"
            found = float((columns * weights).sum() / weights.sum())
            assert abs(found - middle) <= 1.5 / prepared.scale + 1


def test_settings_go_through_json() -> None:
    for preparation in (Preparation(), Preparation(64, 800, False)):
        assert Preparation.from_json(preparation.to_json()) == preparation
    for bad in (
        {},
        {"height": "x", "width": None, "crop": True},
        {"height": 5000, "width": None, "crop": True},
        {"height": 48, "width": 1, "crop": True},
    ):
        one_line_error(Preparation.from_json, bad)
