"""Composed pages and the maps drawn of them: places are true, and every draw follows from its seed."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest

from htr_utils.lines import crops, images
from htr_utils.synth import camera, finder_data, hands, pages

LETTERS = "the quick brown fox jumps over the lazy dog and then it sleeps for a week "


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> hands.Stock:
    """One writer of bars; the font that matplotlib brings stands for handwriting and for print."""
    import matplotlib

    folder = tmp_path_factory.mktemp("lines")
    rows = ["id\twriter\ttext"]
    for number in range(4):
        picture = np.full((60, 700), 255, np.uint8)
        picture[20:42, 20:680:14] = picture[20:42, 21:681:14] = picture[20:42, 22:682:14] = 20
        images.save(folder / "lines" / "a" / f"a-{number:02}.png", picture)
        rows.append(f"a-{number:02}\twriter\tbars")
    (folder / "lines.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return hands.Stock([folder], [font], [font], LETTERS * 20)


def test_a_page_follows_from_its_seed(stock: hands.Stock) -> None:
    one, two = (pages.compose(stock, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.grey, two.grey) and len(one.lines) == len(two.lines)
    assert one.grey.dtype == np.uint8 and 700 < max(one.grey.shape) < 2000


def test_lines_lie_where_there_is_ink(stock: hands.Stock) -> None:
    checked = 0
    for seed in range(6):
        page = pages.compose(stock, np.random.default_rng([1, seed]))
        for line in page.lines:
            if line.turned or line.x_height < 6:
                continue
            crop = crops.frame(line.baseline, 2 * line.x_height, 1.2 * line.x_height).cut(page.grey)
            if crop.shape[1] < 3 * line.x_height:
                continue
            core = crop[round(1.1 * line.x_height) : round(1.9 * line.x_height)].astype(float)
            above = crop[: max(1, round(0.5 * line.x_height))].astype(float)
            checked += 1
            assert core.std() > 0.5 * above.std()
    assert checked > 20


def test_every_kind_of_page_has_been_made(stock: hands.Stock) -> None:
    made = [pages.compose(stock, np.random.default_rng([2, seed])) for seed in range(12)]
    lines = [line for page in made for line in page.lines]
    assert any(line.printed for line in lines) and not all(line.printed for line in lines)
    assert len({len(page.lines) for page in made}) > 4


def sample() -> finder_data.Sample:
    x = np.linspace(60, 560, 9)
    lines = [
        camera.Line(np.stack([x, np.full(9, y)], 1).astype(np.float32), 20.0, y == 300)
        for y in (100.0, 200.0, 300.0)
    ]
    grey = np.full((400, 640), 220, np.uint8)
    for line in lines:
        y = int(line.baseline[0, 1])
        grey[y - 20 : y, 60:560:9] = 30
    return finder_data.Sample(grey, lines)


def test_maps_lie_on_the_lines() -> None:
    maps = finder_data.draw(sample().lines, np.array([[1, 0, 0], [0, 1, 0]], float), 640)
    assert maps.shape == (160, 160, len(finder_data.MAPS) + 1)
    core, ends, printed, turned, unasked = np.moveaxis(maps, -1, 0)
    assert core[22:24, 20:135].all() and not core[:18].any() and not core[27:44].any()
    assert ends[23, 12:15].any() and ends[23, 140:144].any() and not ends[23, 30:130].any()
    assert printed[73, 50] and not printed[23].any()
    assert not turned.any() and not unasked.any()


def test_a_quarter_turn_makes_the_lines_turned() -> None:
    maps = finder_data.draw(sample().lines, np.array([[0, -1, 640], [1, 0, 0]], float), 640)
    assert not maps[..., 0].any() and maps[..., 3].any()


def test_lines_too_small_are_not_asked_for() -> None:
    maps = finder_data.draw(sample().lines, np.array([[0.1, 0, 0], [0, 0.1, 0]], float), 64)
    assert not maps[..., 0].any() and maps[..., -1].any()


def test_crops_and_maps_move_together() -> None:
    """Where the core is said to be, there is contrast; elsewhere on this page there is none."""
    for seed in range(8):
        grey, maps, counts = finder_data.crop(sample(), 320, np.random.default_rng(seed))
        assert (
            grey.shape == (320, 320, 1)
            and maps.shape == (80, 80, 4)
            and counts.shape == (80, 80, 1)
        )
        core = maps[..., 0] + maps[..., 3] > 0
        if core.sum() < 40:
            continue
        fine = np.abs(grey[..., 0] - cv2.GaussianBlur(grey[..., 0], (0, 0), 8))
        local = cv2.resize(fine, (80, 80), interpolation=cv2.INTER_AREA)
        assert local[core].mean() > 1.5 * np.median(local)


def test_pages_are_kept_and_found_again(tmp_path: Path) -> None:
    known = sample()
    hidden = finder_data.Sample(known.grey, known.lines, np.ones((100, 160), np.uint8))
    finder_data.save(tmp_path, 3, camera.PagePicture(known.grey, known.lines))
    finder_data.save(tmp_path, 4, hidden)
    one, two = finder_data.load(tmp_path)
    assert one.unknown is None and two.unknown is not None and two.unknown.all()
    assert np.abs(one.grey.astype(int) - known.grey).mean() < 4
    assert [line.printed for line in one.lines] == [False, False, True]
    assert np.allclose(one.lines[1].baseline, known.lines[1].baseline)


def test_light_of_an_inverted_photo_is_no_nan() -> None:
    """Paper brighter than white became negative when a photo was inverted, and its gamma NaN: black patches."""
    ground = np.full((300, 260), 1.0, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(60):
            camera.photo(ground, [], np.random.default_rng(seed))
