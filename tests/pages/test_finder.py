"""From maps to lines, and from lines to crops: with maps drawn from known lines, no network is needed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from htr_utils.lines import crops, cutting
from htr_utils.pages import finder, joining
from htr_utils.synth import finder_data
from htr_utils.synth.camera import Line


def row(
    x0: float, x1: float, y: float, x_height: float = 20.0, slope: float = 0.0, **more: bool
) -> Line:
    x = np.linspace(x0, x1, 7)
    rise = np.tan(np.deg2rad(slope)) * (x - x0)
    return Line(np.stack([x, y + rise], 1).astype(np.float32), x_height, **more)


def drawn(lines: list[Line], shape: tuple[int, int]) -> finder.Network:
    """A network that always answers rightly."""

    def network(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[1:3]
        scale = max(height, width) / max(shape)  # both are multiples of 32 here
        matrix = np.array([[scale, 0, 0], [0, scale, 0]], float)
        maps = finder_data.draw(lines, matrix, max(height, width))[: height // 4, : width // 4, :4]
        return 16 * (maps[None].astype(np.float32) - 0.5)

    return network


def found(lines: list[Line], shape: tuple[int, int] = (1536, 1152)) -> list[finder.FoundLine]:
    made = finder.find(np.full(shape, 230, np.uint8), drawn(lines, shape))
    return sorted(made, key=lambda line: (line.baseline[:, 1].mean(), line.baseline[0, 0]))


@pytest.mark.parametrize("slope", [-9, 0, 4])
@pytest.mark.parametrize("x_height", [9.0, 20.0, 60.0])
def test_lines_are_found_where_they_are(slope: float, x_height: float) -> None:
    lines = [row(120, 1000, 300 + 3 * x_height * k, x_height, slope) for k in range(6)]
    made = found(lines)
    assert len(made) == len(lines)
    for one, truth in zip(made, lines, strict=True):
        y = np.interp(one.baseline[:, 0], truth.baseline[:, 0], truth.baseline[:, 1])
        assert np.abs(one.baseline[:, 1] - y).max() < 0.3 * x_height + 5
        assert one.x_height == pytest.approx(x_height, rel=0.35, abs=8)
        ends = np.abs(one.baseline[[0, -1], 0] - [120, 1000])
        assert ends.max() < 0.7 * x_height + 6


def test_lines_beside_each_other_stay_apart() -> None:
    lines = [row(x, x + 420, 200 + 60.0 * k) for k in range(8) for x in (100, 545)]
    assert len(found(lines)) == 16


def test_a_line_in_pieces_is_one_line() -> None:
    whole = row(100, 1000, 400)

    def torn(picture: np.ndarray) -> np.ndarray:
        answer = drawn([whole], (1536, 1152))(picture)
        answer[:, :, 90:98, 0] = -8
        answer[:, :, 150:152, 0] = -8
        return answer

    assert len(finder.find(np.full((1536, 1152), 230, np.uint8), torn)) == 1


def test_print_is_marked() -> None:
    lines = [row(100, 700, 200, printed=True), row(100, 900, 300)]
    assert [line.printed > 0.5 for line in found(lines)] == [True, False]


def test_the_size_of_a_page_changes_nothing() -> None:
    lines = [row(100, 900, 200 + 70.0 * k) for k in range(9)]
    larger = [Line(line.baseline * 2, line.x_height * 2) for line in lines]
    one, two = found(lines), found(larger, (3072, 2304))
    assert len(one) == len(two) == 9
    for a, b in zip(one, two, strict=True):
        assert np.abs(a.baseline[0] * 2 - b.baseline[0]).max() < 12


def test_thousands_of_pieces_take_no_minutes() -> None:
    rng = np.random.default_rng(0)
    core = (rng.random((576, 432)) < 0.2).astype(np.float32)
    nothing = np.zeros_like(core)
    begun = time.process_time()
    finder.lines_of(finder.Maps(core, nothing, nothing, nothing, 2.0))
    assert time.process_time() - begun < 5


def written(lines: list[Line], shape: tuple[int, int] = (700, 900)) -> np.ndarray:
    """A page whose letters are bars: an x-height high, some with a stroke above, some with one below."""
    page = np.full(shape, 235, np.uint8)
    for line in lines:
        for k, (x, y) in enumerate(crops.frame(line.baseline, 1, 1).path[::14]):
            up, down = (2.0 if k % 3 == 0 else 1.0), (0.9 if k % 3 == 1 else 0.0)
            top, bottom = round(y - up * line.x_height), round(y + down * line.x_height)
            page[top:bottom, round(x) : round(x) + 4] = 40
    return page


def test_a_crop_holds_its_line_and_nothing_of_its_neighbours() -> None:
    lines = [row(100, 700, 200 + 52.0 * k, 18.0) for k in range(5)]
    page = written(lines)
    given = [finder.FoundLine(line.baseline, line.x_height, 1.0, 0.0) for line in lines]
    alone = cutting.cut(written([lines[2]]), [given[2]])[0]
    among = cutting.cut(page, given)[2]
    assert alone.crop.shape == among.crop.shape
    ink, with_others = alone.crop < 128, among.crop < 128
    assert (with_others & ~ink).sum() < 0.02 * ink.sum()
    assert (ink & ~with_others).sum() < 0.02 * ink.sum()


def test_a_polygon_goes_round_the_ink_and_a_crop_knows_its_place() -> None:
    line = row(150, 700, 300, 18.0, slope=5)
    (made,) = cutting.cut(written([line]), [finder.FoundLine(line.baseline, 18.0, 1.0, 0.0)])
    y, x = np.nonzero(written([line]) < 128)
    low, high = made.polygon.min(0), made.polygon.max(0)
    assert (low <= [x.min() + 2, y.min() + 2]).all() and (high >= [x.max() - 2, y.max() - 2]).all()
    assert (low >= [x.min() - 20, y.min() - 20]).all() and (
        high <= [x.max() + 20, y.max() + 20]
    ).all()
    rows, columns = np.nonzero(made.crop < 100)
    places = made.frame.where(np.stack([columns, rows], 1)).round().astype(int)
    assert (written([line])[places[:, 1], places[:, 0]] < 128).mean() > 0.85


def test_faint_strokes_are_made_deeper() -> None:
    line = row(100, 700, 300, 18.0)
    page = (235 - (235 - written([line]).astype(float)) * 0.12).astype(np.uint8)
    (made,) = cutting.cut(page, [finder.FoundLine(line.baseline, 18.0, 1.0, 0.0)])
    assert made.depth < 35 and made.crop.min() < 190
    assert np.ptp(made.polygon[:, 1]) > 2.5 * 18


def test_a_large_picture_gives_the_same_crops_and_places() -> None:
    line = row(150, 700, 300, 18.0)
    page = written([line])
    (one,) = cutting.cut(page, [finder.FoundLine(line.baseline, 18.0, 1.0, 0.0)])
    large = np.repeat(np.repeat(page, 4, 0), 4, 1)
    (two,) = cutting.cut(large, [finder.FoundLine(line.baseline * 4, 72.0, 1.0, 0.0)])
    assert np.abs(one.polygon.min(0) * 4 - two.polygon.min(0)).max() < 24
    assert two.crop.shape[0] < 1.5 * one.crop.shape[0]
    y, x = np.nonzero(two.crop < 100)
    places = two.frame.where(np.stack([x, y], 1)).round().astype(int)
    assert (large[places[:, 1], places[:, 0]] < 128).mean() > 0.85


def test_shadow_is_taken_out_of_a_crop() -> None:
    line = row(100, 700, 300, 18.0)
    shadow = np.linspace(1, 0.35, 900)[None]
    page = (written([line]) * shadow).astype(np.uint8)
    (made,) = cutting.cut(page, [finder.FoundLine(line.baseline, 18.0, 1.0, 0.0)])
    assert np.percentile(made.crop[made.crop > 150], 3) > 225 and (made.crop < 100).any()


def test_a_wide_gap_that_other_lines_cross_is_one_between_words() -> None:
    lines = [row(100, 1000, 300 + 60.0 * k) for k in (0, 2)]
    apart = [row(100, 500, 360), row(640, 1000, 360)]  # 7 x-heights
    made = found([*lines, *apart])
    assert len(made) in (3, 4)  # with both ends drawn the network may say that they are two

    def without_ends(picture: np.ndarray) -> np.ndarray:
        answer = drawn([*lines, *apart], (1536, 1152))(picture)
        answer[..., 1] = -8
        return answer

    assert len(finder.find(np.full((1536, 1152), 230, np.uint8), without_ends)) == 3


def test_leaning_words_that_overlap_are_one_line_and_rows_under_each_other_are_not() -> None:
    def line(x0: float, x1: float, y: float) -> finder.FoundLine:
        x = np.linspace(x0, x1, 9)
        return finder.FoundLine(np.stack([x, np.full(9, y)], 1).astype(np.float32), 20.0, 0.9, 0.0)

    long = [line(100, 900, 200), line(100, 900, 320)]
    (_, middle, _) = sorted(
        joining.rejoined([*long, line(100, 520, 258), line(480, 900, 262)]),
        key=lambda one: float(one.baseline[0, 1]),
    )
    assert middle.length == pytest.approx(800) and (np.diff(middle.baseline[:, 0]) > 0).all()
    assert len(joining.rejoined([*long, line(100, 520, 240), line(480, 900, 280)])) == 4


def test_columns_stay_apart_though_their_cores_nearly_touch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the map of ends leaves open, the rows under each other decide: without that the columns are one."""
    rows = [200 + 60.0 * k for k in range(6)]
    lines = [row(x, x + 440, y) for y in rows for x in (100, 566)]

    def unsure(picture: np.ndarray) -> np.ndarray:
        answer = drawn(lines, (1536, 1152))(picture)
        answer[..., 1] = np.minimum(answer[..., 1], 0.4)
        return answer

    page = np.full((1536, 1152), 230, np.uint8)
    assert len(finder.find(page, unsure)) == 12
    monkeypatch.setattr(
        finder,
        "_without_gutters",
        lambda offers, pieces: sorted((c, a, b) for c, _, a, b in offers),
    )
    assert len(finder.find(page, unsure)) < 12


def test_what_is_hardly_seen_is_a_line_only_where_one_goes_on() -> None:
    lines = [row(100, 1000, y) for y in (340, 400, 460)]
    alone = row(100, 300, 700)

    def weak(picture: np.ndarray) -> np.ndarray:
        answer = drawn([*lines, alone], (1536, 1152))(picture)
        if len(answer[0]) < 200:  # from further away it sees nothing
            return np.full_like(answer, -8)
        part = answer[:, 70:80, :, 0]  # of the second line: loose on both sides, 69 % between
        part[..., 90:167] = np.minimum(part[..., 90:167], 0.8)
        part[..., 90:107], part[..., 150:167] = -8, -8
        answer[:, 125:, :, 0] = np.minimum(answer[:, 125:, :, 0], 0.8)
        return answer

    made = finder.find(np.full((1536, 1152), 230, np.uint8), weak)
    assert [line.length > 880 for line in made] == [True] * 3


def flat(x0: float, x1: float, y: float, high: float) -> finder.FoundLine:
    x = np.linspace(x0, x1, 9)
    return finder.FoundLine(np.stack([x, np.full(9, y)], 1).astype(np.float32), high, 0.9, 0.0)


def test_spaced_capitals_of_two_heights_are_one_line() -> None:
    below, far = flat(100, 900, 270, 20.0), flat(420, 900, 200, 34.0)
    assert len(joining.rejoined([flat(100, 380, 200, 16.0), far, below])) == 2
    assert len(joining.rejoined([flat(100, 280, 200, 16.0), far, below])) == 3


def test_a_line_that_has_grown_reaches_back_to_what_was_too_far_before() -> None:
    first, small, large = (
        flat(100, 200, 200, 20.0),
        flat(300, 330, 200, 17.0),
        flat(345, 900, 200, 34.0),
    )
    below = flat(100, 900, 270, 20.0)
    assert len(joining.rejoined([first, small, below])) == 3
    assert len(joining.rejoined([first, small, large, below])) == 2
    assert joining.rejoined([]) == []


def test_a_low_mark_of_some_width_is_a_line_and_a_descender_is_none() -> None:
    line = flat(100, 600, 300, 40.0)
    for width, kept in ((60, 1), (74, 2)):
        assert len(joining.without_strays([line, flat(120, 120 + width, 380, 20.0)])) == kept


def test_small_pieces_of_large_letters_are_looked_at_from_further_away() -> None:
    """At the usual size a line of digits fills the picture and is seen as specks."""
    line, shape, sides = row(60, 660, 110, 60.0), (160, 736), []

    def network(picture: np.ndarray) -> np.ndarray:
        sides.append(picture.shape[2])
        if picture.shape[2] > 600:
            specks = [row(x, x + 14, 80, 3.2) for x in (100, 300, 500)]
            return drawn(specks, shape)(picture)
        return drawn([line], shape)(picture)

    (found_line,) = finder.find(np.full(shape, 230, np.uint8), network)
    assert sides == [1152, 576] and found_line.length > 560


def test_a_black_hole_is_no_writing() -> None:
    line = row(100, 700, 200, 18.0)
    page = written([line])
    page[390:412, 100:150] = 10
    known = [finder.FoundLine(line.baseline, 18.0, 0.9, 0.0)]
    hole = row(104, 146, 410, 18.0)
    known.append(finder.FoundLine(hole.baseline, 18.0, 0.9, 0.0))
    writing, nothing = cutting.cut(page, known)
    assert writing.dark < 0.47 < nothing.dark
