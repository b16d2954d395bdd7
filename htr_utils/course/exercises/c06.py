"""Checks of chapter 6, CTC."""

from __future__ import annotations

from collections.abc import Callable

from htr_utils.course.exercises import exercise


@exercise("06.2")
def frames_needed(answer: Callable[[str], int]) -> str | None:
    """The smallest number of frames for a label: its length, and one more for each doubled letter."""
    if answer("to") != 2:
        return "two different letters fit into two frames"
    if answer("letter") != 7:
        return "try 'letter': what has to stand between its two t's?"
    if answer("aaa") != 5:
        return "three equal letters need a blank in two places"
    if answer("") != 0:
        return "an empty label needs no frame of its own"
    return None
