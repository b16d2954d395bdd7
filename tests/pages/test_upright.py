"""Pages that are turned, inverted or empty are put right, or it is said what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

from htr_utils import pages
from htr_utils.pages import finder
from htr_utils.synth import finder_data
from htr_utils.synth.camera import Line

SHAPE = (1152, 864)


def letter(printed: bool = False) -> tuple[np.ndarray, list[Line]]:
    """A letter of bars, some with a stroke above, fewer with one below, as writing has it."""
    page, lines = np.full(SHAPE, 225, np.uint8), []
    for y in range(200, 900, 70):
        for k, x in enumerate(range(120, 700, 16)):
            page[y - (40 if k % 3 == 0 else 20) : y + (16 if k % 9 == 4 else 0), x : x + 5] = 40
        points = np.stack([np.linspace(120, 700, 7), np.full(7, y)], 1).astype(np.float32)
        lines.append(Line(points, 20.0, printed))
    return page, lines


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows the lines of the letter, upright or on its head, and sees nothing in a page that lies on its side."""
    _, lines = letter()

    def answer(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[1:3]
        if height < width or np.ptp(picture) < 0.2:
            return np.full((1, height // 4, width // 4, 4), -8, np.float32)
        dark = picture[0, ..., 0] < np.median(picture)
        if np.median(picture) < 0.5:
            dark = picture[0, ..., 0] > np.median(picture)
        scale = height / SHAPE[0]
        matrix = np.array([[scale, 0, 0], [0, scale, 0]], float)
        ink = np.flatnonzero(dark.any(1))
        if ink[0] > 0.15 * height:  # on its head: the letter ends high above its lower edge
            matrix = np.array([[-scale, 0, scale * SHAPE[1]], [0, -scale, scale * SHAPE[0]]])
        maps = finder_data.draw(lines, matrix, height)[:, : width // 4, :4]
        return 16 * (maps[None].astype(np.float32) - 0.5)

    pages.network.cache_clear()
    monkeypatch.setattr(pages, "network", lambda: answer)


def judge(crops: list[np.ndarray]) -> list[float]:
    """Whether more of a crop's ink is above the middle of its fullest rows than below it."""
    sure = []
    for crop in crops:
        rows = (crop < 128).sum(1)
        core = np.flatnonzero(rows > 0.6 * rows.max())
        sure.append(float(rows[: core[0]].sum() > rows[core[-1] + 1 :].sum()))
    return sure


@pytest.mark.usefixtures("network")
def test_a_page_on_its_head_is_found_out_by_reading() -> None:
    page, lines = letter()
    given = np.ascontiguousarray(np.rot90(page, 2))
    found = pages.find(given, judge)
    assert len(found.lines) == len(lines) and "180" in found.notes[0]
    tops = [line.box[1] for line in found.lines]
    assert tops == sorted(tops, reverse=True)
    assert all(judge([line.crop]) == [1.0] for line in found.lines)
    assert not pages.find(page, judge).notes


@pytest.mark.parametrize("turns", [0, 1, 3])
@pytest.mark.usefixtures("network")
def test_a_page_on_its_side_is_turned_and_its_places_are_those_of_the_given_picture(
    turns: int,
) -> None:
    page, lines = letter()
    given = np.ascontiguousarray(np.rot90(page, turns))
    found = pages.find(given)
    assert len(found.lines) == len(lines)
    assert bool(found.notes) == bool(turns)
    for line in found.lines:
        y, x = np.nonzero(line.crop < 100)
        places = line.where(np.stack([x, y], 1)).round().astype(int)
        assert (given[places[:, 1], places[:, 0]] < 128).mean() > 0.8
        left, top, width, height = line.box
        assert (given[top : top + height, left : left + width] < 128).mean() > 0.05


@pytest.mark.usefixtures("network")
def test_light_ink_on_a_dark_ground_is_turned_to_dark_on_light() -> None:
    page, lines = letter()
    found = pages.find(255 - page)
    assert len(found.lines) == len(lines) and "light ink" in found.notes[0]
    assert np.median(found.lines[0].crop) > 200 and (found.lines[0].crop < 100).any()


@pytest.mark.usefixtures("network")
def test_an_empty_page_is_said_to_be_empty() -> None:
    found = pages.find(np.full((600, 900), 230, np.uint8))
    assert found.lines == [] and "no line of writing" in found.notes[0]


def test_small_and_printed_pages_are_told() -> None:
    line = finder.FoundLine(np.float32([[0, 10], [50, 10]]), 3.0, 1.0, 1.0)
    made = pages.PageLine(
        np.zeros((4, 2)), (0, 0, 50, 9), np.zeros((9, 50), np.uint8), printed=True
    )
    notes = pages._warnings([line], [made], faint=True)
    assert [note.split(":")[0] for note in notes] == ["too small", "faint", "this looks printed"]


def test_quarter_turns_are_taken_back() -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for turns in range(4):
        turned = np.rot90(grey, turns)
        back = pages._turn_back(turns, grey.shape)
        for (y, x), value in np.ndenumerate(turned):
            there = back[:2, :2] @ [x + 0.5, y + 0.5] + back[:2, 2]
            assert grey[int(there[1]), int(there[0])] == value
