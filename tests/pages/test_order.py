"""Reading order of pages laid out by hand."""

from __future__ import annotations

import numpy as np

from htr_utils.pages.order import order


def page(rows: list[tuple[float, float, float]], turn: float = 0.0) -> list[np.ndarray]:
    """Baselines from (left, right, y), the page turned by `turn` degrees."""
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    return [np.array([[a, y], [(a + b) / 2, y], [b, y]]) @ [[c, s], [-s, c]] for a, b, y in rows]


def reading(
    rows: list[tuple[float, float, float]], turn: float = 0.0, printed: tuple = ()
) -> list[int]:
    shuffled = np.random.default_rng(0).permutation(len(rows))
    chosen = [rows[k] for k in shuffled]
    marks = [float(printed[k]) for k in shuffled] if printed else []
    return [int(shuffled[k]) for k in order(page(chosen, turn), [10.0] * len(rows), marks)]


def test_lines_of_a_letter_are_read_from_above_however_they_rise() -> None:
    rows = [
        (400, 600, 0.0),
        *[(0, 560 + 9 * k, 40.0 + 30 * k) for k in range(9)],
        (350, 500, 340.0),
    ]
    for turn in (-8, 0, 8):
        assert reading(rows, turn) == list(range(len(rows)))


def test_columns_are_read_one_after_the_other_and_a_heading_first() -> None:
    left, right = (
        [(0, 240, 60 + 30.0 * k) for k in range(8)],
        [(300, 560, 60 + 30.0 * k) for k in range(7)],
    )
    rows = [(100, 450, 0.0), *left, *right]
    for turn in (-4, 0, 4):
        assert reading(rows, turn) == list(range(len(rows)))


def test_lines_that_reach_into_the_gutter_do_not_part_facing_pages() -> None:
    left = [(0, 240, 30.0 * k) for k in range(20)]
    right = [(262 if k % 6 else 250, 500, 30.0 * k + 4) for k in range(20)]
    assert reading([*left, *right]) == list(range(40))


def test_a_heading_between_parts_the_columns() -> None:
    def block(y: float) -> list[tuple[float, float, float]]:
        return [(x, x + 240, y + 30.0 * k) for x in (0, 300) for k in range(5)]

    rows = [*block(0), (50, 520, 170.0), *block(220)]
    assert reading(rows) == list(range(len(rows)))


def test_a_form_is_read_label_by_label() -> None:
    rows = [place for k in range(5) for place in ((0, 90, 60.0 * k), (130, 400, 60.0 * k + 2))]
    assert reading(rows, printed=(1, 0) * 5) == list(range(10))


def test_words_of_a_row_are_read_from_left_to_right() -> None:
    rows = [(0, 90, 0.0), (120, 200, 3.0), (240, 300, -2.0), (0, 100, 40.0)]
    assert reading(rows) == [0, 1, 2, 3]


def test_no_lines_have_no_order() -> None:
    assert order([], []) == []
