"""Lines rectified along their baseline, and the way back to the page."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.lines import crops


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-np.pi, np.pi),
    st.floats(40, 300),
    st.floats(5, 40),
    st.floats(2, 30),
    st.floats(0.4, 1.5),
)
def test_points_of_a_crop_lie_where_it_was_cut(
    angle: float, length: float, above: float, below: float, scale: float
) -> None:
    ahead = np.array([np.cos(angle), np.sin(angle)])
    frame = crops.frame(np.stack([[400, 400], [400, 400] + length * ahead]), above, below, scale)
    places = frame.places()
    height, width = places.shape[:2]
    assert abs(height - (above + below) * scale) <= 1 and abs(width - length * scale) <= 1
    points = np.array([[0, 0.5], [width - 1, height - 0.5], [width // 2, height // 2 + 0.5]])
    shown = np.array([places[0, 0], places[-1, -1], places[height // 2, width // 2]])
    assert np.abs(frame.where(points) - shown).max() < 1e-2
    down = np.array([-ahead[1], ahead[0]])
    assert np.abs(places[0, 0] - ([400, 400] + (0.5 / scale - above) * down)).max() < 0.01


def test_a_wavy_line_becomes_level() -> None:
    x = np.arange(0, 600, dtype=np.float32)
    y = 200 + 25 * np.sin(x / 90)
    page = np.full((400, 600), 255, np.uint8)
    for column, row in zip(x.astype(int), y, strict=True):
        page[round(float(row)) - 3 : round(float(row)) + 3, column] = 0
    crop = crops.frame(np.stack([x[::20], y[::20]], 1), 30, 30).cut(page)
    rows = np.flatnonzero((crop < 128).mean(1) > 0.02)
    assert rows[-1] - rows[0] < 11 and abs(rows.mean() - 29.5) < 2


def test_a_crop_at_the_edge_continues_the_page() -> None:
    page = np.full((50, 80), 90, np.uint8)
    crop = crops.frame(np.array([[-20.0, 10], [120, 10]]), 30, 60).cut(page)
    assert crop.shape == (90, 140) and (crop == 90).all()
