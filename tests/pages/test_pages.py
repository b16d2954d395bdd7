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
from htr_utils.course import line_finding
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images
from htr_utils.pages import sheet
from htr_utils.synth import compose
from workshop.measure import page_bench


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


# The sheet


def on_table(target, size=(900, 700), shadow=False):
    """A white sheet at the corners `target` on a dark, rough table."""
    rng = np.random.default_rng(0)
    picture = rng.normal(80, 8, size).astype(np.float32)
    cv2.fillPoly(picture, [np.array(target, np.int32)], 220.0)
    if shadow:
        shade = np.ones(size, np.float32)
        shade[300:, 250:] = 0.5
        picture *= cv2.GaussianBlur(shade, (0, 0), 25)
    return picture.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("shadow", [False, True])
def test_the_corners_of_a_sheet_are_found_also_under_a_shadow(shadow):
    target = [(90, 60), (610, 110), (580, 830), (60, 780)]
    found = sheet.corners(on_table(target, shadow=shadow))
    assert found is not None and np.abs(found - target).max() < 7  # 1 % of the side


def test_a_corner_outside_the_picture_is_worked_out():
    target = [(-40, -30), (610, 60), (590, 830), (20, 780)]
    found = sheet.corners(on_table(target))
    assert found is not None and np.abs(found - target).max() < 10


def test_a_scan_that_is_all_sheet_has_no_corners_to_find():
    assert sheet.corners(np.full((900, 700), 230, np.uint8)) is None
    assert sheet.corners(compose.page("ruled", 1).grey) is None


@pytest.mark.parametrize("angle", [-4.7, -1.0, 0.0, 2.3, 5.0])
def test_the_turn_of_a_page_is_measured_to_a_fifth_of_a_degree(angle):
    grey = compose.page("plain", 2).grey
    height, width = grey.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    turned = cv2.warpAffine(grey, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    assert abs(sheet.skew(sheet.flatten(turned)) - angle) <= 0.2


def test_flattening_takes_a_shadow_out():
    grey = np.full((600, 500), 220, np.uint8)
    grey[:, 250:] = 120
    soft = cv2.GaussianBlur(grey, (0, 0), 20)
    assert sheet.flatten(soft).min() > 240


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("shade", [150, 215])
def test_rules_go_and_strokes_that_cross_them_stay(squared, shade):
    flat = sheet.flatten(compose.page("plain", 4).grey)
    ruled, rules = flat.copy(), np.zeros(flat.shape, bool)
    rules[40::60] = rules[41::60] = True
    if squared:
        rules[:, 30::60] = rules[:, 31::60] = True
    ruled[rules] = np.minimum(ruled[rules], shade)
    clean = sheet.without_rules(ruled)
    ink = flat < 120
    assert (clean[ink] < 160).mean() > 0.93
    paper = rules & (cv2.erode(flat, np.ones((9, 9), np.uint8)) > 225)
    assert (clean[paper] > 225).mean() > 0.97


def test_a_page_without_rules_is_left_as_it_is():
    flat = sheet.flatten(compose.page("plain", 4).grey)
    assert np.array_equal(sheet.without_rules(flat), flat)


# Lines


@pytest.fixture(scope="module", params=compose.KINDS)
def composed(request):
    made = compose.page(request.param, 3)
    return made, pages.find(made.grey)


def test_each_line_is_found_once_and_in_order(composed):
    made, found = composed
    counted = line_finding.count(
        [line.polygon for line in made.lines],
        [line.polygon for line in found.lines],
        made.grey.shape,
    )
    assert (counted.right, counted.found, counted.twice, counted.lost) == (
        counted.true,
        counted.true,
        0,
        0,
    )


def test_boxes_and_polygons_lie_on_the_picture(composed):
    made, found = composed
    height, width = made.grey.shape
    for line in found.lines:
        x, y, w, h = line.box
        assert 0 <= x < x + w <= width and 0 <= y < y + h <= height
        assert (line.polygon >= 0).all() and (line.polygon <= [width, height]).all()
        assert (line.polygon >= [x, y]).all() and (line.polygon <= [x + w, y + h]).all()


def test_the_place_of_ink_in_a_crop_is_its_place_in_the_picture(composed):
    made, found = composed
    darker = sheet.flatten(made.grey)
    for line in found.lines[::4]:
        y, x = np.nonzero(line.crop < float(line.crop.min()) + 40)
        there = line.where(np.stack([x, y], 1)).round().astype(int)
        inside = (there >= 0).all(1) & (there < made.grey.shape[::-1]).all(1)
        there = there[inside]
        # Strokes are three pixels wide, so that a place wrong by more than one would be paper.
        assert np.median(darker[there[:, 1], there[:, 0]]) < np.median(darker) - 60


def test_heads_of_capitals_are_no_lines_of_their_own():
    made = compose.page("touching", 4)
    assert len(pages.find(made.grey).lines) == len(made.lines)


def test_lines_are_found_alike_at_another_scale():
    made = compose.page("plain", 6)
    larger = cv2.resize(made.grey, None, fx=1.8, fy=1.8, interpolation=cv2.INTER_CUBIC)
    counted = line_finding.count(
        [line.polygon * 1.8 for line in made.lines],
        [line.polygon for line in pages.find(larger).lines],
        larger.shape,
    )
    assert counted.right == counted.true == counted.found


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


def test_lines_look_like_lines_and_pages_do_not():
    lines = [images.load(path) for path in paths.samples()]
    lines += [line.image() for line in iam.read().split("validation")[::40]]
    assert all(pages.looks_like_line(grey) for grey in lines)
    assert not any(
        pages.looks_like_line(compose.page(kind, 7).grey) for kind in ("plain", "columns", "photo")
    )


def test_remains_of_the_neighbours_do_not_make_a_page():
    grey = iam.read().split("validation")[3].image()
    height = len(grey)
    framed = np.vstack([grey[-height // 4 :, ::-1], grey, grey[: height // 5, ::-1]])
    assert pages.looks_like_line(np.ascontiguousarray(framed))


def test_a_whole_line_is_left_as_it_is():
    grey = images.load(paths.samples()[0])
    (line,) = pages.whole(grey).lines
    assert line.crop is grey and line.box == (0, 0, grey.shape[1], grey.shape[0])
    assert np.allclose(line.where(np.array([[3.0, 5.0]])), [[3, 5]])


# The measures


def box(x, y, w, h):
    return np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float)


@pytest.mark.parametrize(
    ("found", "right", "twice", "lost"),
    [
        ([box(10, 10, 100, 20), box(10, 40, 100, 20), box(10, 70, 100, 20)], 3, 0, 0),
        (
            [box(10, 40, 100, 20), box(10, 10, 100, 20), box(10, 70, 100, 20)],
            2,
            0,
            0,
        ),  # out of order
        ([box(10, 10, 100, 20), box(10, 40, 100, 20)], 2, 0, 1),  # the last one lost
        ([box(10, 10, 100, 50), box(10, 70, 100, 20)], 1, 0, 1),  # two in one
        (
            [box(10, 10, 50, 20), box(60, 10, 50, 20), box(10, 40, 100, 20), box(10, 70, 100, 20)],
            3,
            1,
            0,
        ),  # broken
        (
            [box(10, 10, 100, 20)] * 2 + [box(10, 40, 100, 20), box(10, 70, 100, 20)],
            3,
            1,
            0,
        ),  # twice
        ([], 0, 0, 3),
    ],
)
def test_the_measure_of_lines(found, right, twice, lost):
    true = [box(10, 10, 100, 20), box(10, 40, 100, 20), box(10, 70, 100, 20)]
    counted = line_finding.count(true, found, (120, 140))
    assert (counted.right, counted.twice, counted.lost) == (right, twice, lost)


def test_bag_of_words_error_of_known_texts():
    assert page_bench.bag_of_words_error("b a", "a b") == 0
    assert page_bench.bag_of_words_error("a c", "a b") == 0.5  # one of two words wrong
    assert page_bench.bag_of_words_error("a", "a b") == 0.5  # one of two lost
    assert page_bench.bag_of_words_error("", "a b") == 1
