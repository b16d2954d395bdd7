"""Validation lines made harder."""

from __future__ import annotations

import numpy as np

from htr_utils.course.hard_lines import damaged


def test_damage_follows_the_number_alone() -> None:
    grey = np.full((64, 200), 240, np.uint8)
    grey[20:40, 30:170:12] = 20
    assert np.array_equal(damaged(grey, 3), damaged(grey, 3))
    assert (
        damaged(grey, 3).shape != damaged(grey, 4).shape
        or (damaged(grey, 3) != damaged(grey, 4)).any()
    )
