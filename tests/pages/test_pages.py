"""Pages: what opens, how a sheet is straightened, and that every line is found once and whole."""

from __future__ import annotations

import builtins
import io

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as arrays
from PIL import Image, TiffImagePlugin

from htr_utils import pages, paths
from htr_utils.course import letters
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images
from tests.helpers import sheets
from workshop.material import samples


def saved(picture, **options):
    out = io.BytesIO()
    picture.save(out, **options)
    return out.getvalue()


def grey_page(shade=200, size=(60, 90)):
    return Image.new("L", size, shade)


# Files


def test_bytes_and_paths_open_alike(tmp_path):
    (tmp_path / "a.png").write_bytes(saved(grey_page(), format="PNG"))
    (one,), (two,) = (
        pages.open_pages(tmp_path / "a.png"),
        pages.open_pages((tmp_path / "a.png").read_bytes()),
    )
    assert one.shape == (90, 60) and one.dtype == np.uint8 and np.array_equal(one, two)


def test_a_phone_s_orientation_is_applied():
    picture = grey_page()
    exif = picture.getexif()
    exif[0x0112] = 6  # turn by 90 degrees
    assert pages.open_pages(saved(picture, format="JPEG", exif=exif))[0].shape == (60, 90)


def test_every_page_of_a_tiff_opens_at_its_own_size():
    more = [grey_page(90, (70, 50)), grey_page(30)]
    found = pages.open_pages(saved(grey_page(), format="TIFF", save_all=True, append_images=more))
    assert [page.shape for page in found] == [(90, 60), (50, 70), (90, 60)]
    assert [int(page[5, 5]) for page in found] == [200, 90, 30]


def test_every_page_of_a_pdf_is_drawn():
    pytest.importorskip("pypdfium2")
    found = pages.open_pages(
        saved(
            grey_page(), format="PDF", save_all=True, append_images=[grey_page(30)], resolution=200
        )
    )
    assert len(found) == 2 and all(
        np.abs(np.subtract(page.shape, (90, 60))).max() <= 1 for page in found
    )
    assert [int(page[40, 30]) for page in found] == [200, 30]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not an image"),
        (b"no picture at all", "not an image"),
        (saved(grey_page(), format="TIFF")[:60], "damaged|not an image"),
        (b"%PDF-1.7\n of no use", "PDF"),
    ],
)
def test_what_is_no_page_is_one_line(content, says):
    with pytest.raises(HtrError, match=says) as error:
        pages.open_pages(content)
    assert "\n" not in str(error.value) and str(error.value).startswith("this file")


def test_too_many_pages_are_refused_before_they_are_drawn():
    content = saved(grey_page(), format="TIFF", save_all=True, append_images=[grey_page()] * 3)
    with pytest.raises(HtrError, match="more than 3 pages"):
        pages.open_pages(content, most=3)


def test_a_long_chain_of_pages_is_followed_no_further_than_the_limit(monkeypatch):
    """PIL's own count takes a time that grows with the square of the chain's length."""
    content = saved(
        grey_page(), format="TIFF", save_all=True, append_images=[grey_page(size=(8, 8))] * 200
    )
    loads, load = [], TiffImagePlugin.ImageFileDirectory_v2.load
    monkeypatch.setattr(
        TiffImagePlugin.ImageFileDirectory_v2,
        "load",
        lambda self, file: (loads.append(1), load(self, file)),
    )
    assert pages.frames(content, 3) == 4 and len(loads) < 12
    assert pages.frames(content, 300) == 201
    assert pages.frames(saved(grey_page(), format="PNG"), 3) == pages.frames(b"II*\0", 3) == 1


def test_a_damaged_page_is_named_by_its_number():
    content = bytearray(
        saved(grey_page(), format="TIFF", save_all=True, append_images=[grey_page(9, (300, 300))])
    )
    with pytest.raises(HtrError, match="page 2"):
        list(pages.each_page(bytes(content[:-2000])))


def test_a_pdf_without_its_library_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pypdfium2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(HtrError, match=r"pip install -e '\.\[pages\]'"):
        pages.open_pages(b"%PDF-1.7")


# Lines


@pytest.fixture(scope="module", params=sheets.KINDS)
def written(request):
    grey, lines = sheets.page(request.param, 3)
    return grey, lines, pages.find(grey)


def test_each_line_is_found_once_and_in_order(written):
    _, lines, found = written
    assert sheets.wrong(lines, found) == {}


def test_boxes_and_polygons_lie_on_the_picture(written):
    grey, _, found = written
    height, width = grey.shape
    for line in found.lines:
        x, y, w, h = line.box
        assert 0 <= x < x + w <= width and 0 <= y < y + h <= height
        assert (line.polygon >= 0).all() and (line.polygon <= [width, height]).all()
        assert (line.polygon >= [x, y]).all() and (line.polygon <= [x + w, y + h]).all()


def test_the_place_of_ink_in_a_crop_is_its_place_in_the_picture(written):
    grey, _, found = written
    for line in found.lines[::4]:
        y, x = np.nonzero(line.crop < float(line.crop.min()) + 40)
        there = line.where(np.stack([x, y], 1)).round().astype(int)
        inside = (there >= 0).all(1) & (there < grey.shape[::-1]).all(1)
        there = there[inside]
        # Strokes are three pixels wide, so that a place wrong by more than one would be paper.
        assert np.median(grey[there[:, 1], there[:, 0]]) < np.median(grey) - 60


@pytest.mark.parametrize(("kind", "seed"), [("photo", 5), ("photo", 8), ("ruled", 6)])
def test_the_same_lines_are_found_at_every_size(kind, seed):
    """As many, one for one with overlapping polygons, and all that there are."""
    grey, lines = sheets.page(kind, seed)
    found = {}
    for side in (1000, 1800, 3000):
        factor = side / max(grey.shape)
        method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
        resized = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=method)
        page = pages.find(resized)
        assert sheets.wrong(lines, page, factor) == {}
        found[side] = [
            {"text": "x", "polygon": (line.polygon / factor).tolist()} for line in page.lines
        ]
        assert sheets.wrong(found[1000], page, factor) == {}
    assert len({len(known) for known in found.values()}) == 1


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=90))
)
def test_any_picture_gives_lines_on_it_or_one_clear_error(grey):
    try:
        found = pages.find(grey)
    except HtrError:
        assert min(grey.shape) < images.MIN_SIDE
        return
    for line in found.lines:
        x, y, w, h = line.box
        assert 0 <= x < x + w <= grey.shape[1] and 0 <= y < y + h <= grey.shape[0]
        assert line.crop.dtype == np.uint8 and min(line.crop.shape) >= images.MIN_SIDE


@pytest.mark.parametrize("shape", [(9, 20_000), (20_000, 9), (4, 200_000), (4, 60_000)])
def test_a_strip_is_a_page_like_any_other(shape):
    grey = np.full(shape, 230, np.uint8)
    grey[tuple(slice(size // 3, size // 2) for size in shape)] = 20
    for line in pages.find(grey).lines:
        x, y, w, h = line.box
        assert 0 <= x < x + w <= shape[1] and 0 <= y < y + h <= shape[0]


@pytest.mark.parametrize(
    "grey", [np.full((1000, 800), 230, np.uint8), np.zeros((500, 400), np.uint8)]
)
def test_an_empty_page_has_no_lines(grey):
    assert pages.find(grey).lines == []


def test_noise_alone_is_no_writing():
    noise = np.random.default_rng(1).normal(200, 6, (900, 700)).clip(0, 255).astype(np.uint8)
    assert pages.find(noise).lines == []


# Line or page


def looks_like_line(grey):
    return pages.is_line(grey, pages.find(grey))


def test_lines_look_like_lines_and_pages_do_not():
    lines = [images.load(path) for path in paths.samples()]
    lines += [line.image() for line in iam.read().split("validation")[::40]]
    assert all(looks_like_line(grey) for grey in lines)
    kinds = ("plain", "columns", "photo")
    assert not any(looks_like_line(sheets.page(kind, 7)[0]) for kind in kinds)


def test_remains_of_the_neighbours_do_not_make_a_page():
    grey = iam.read().split("validation")[3].image()
    height = len(grey)
    framed = np.vstack([grey[-height // 4 :, ::-1], grey, grey[: height // 5, ::-1]])
    assert looks_like_line(np.ascontiguousarray(framed))


def test_a_whole_line_is_left_as_it_is():
    grey = images.load(paths.samples()[0])
    (line,) = pages.whole(grey).lines
    assert line.crop is grey and line.box == (0, 0, grey.shape[1], grey.shape[0])
    assert np.allclose(line.where(np.array([[3.0, 5.0]])), [[3, 5]])


def test_the_two_letters_are_what_their_module_says():
    """Texts, one hand on two ruled photos, every line found once, and in no passage."""
    found = letters.samples()
    assert tuple(tuple(one.texts) for one in found) == samples.LETTERS
    passages = (paths.repo_root() / "data" / "passages.tsv").read_text(encoding="utf-8")
    assert not [text for one in found for text in one.texts if text in passages]
    for one in found:
        lines = [
            {"text": text, "polygon": polygon.tolist()}
            for text, polygon in zip(one.texts, one.polygons, strict=True)
        ]
        page = pages.find(one.grey)
        assert sheets.wrong(lines, page) == {}
        assert letters.truth_of(one, [line.polygon for line in page.lines]) == one.texts
