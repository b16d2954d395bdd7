"""Which line a chapter shows: chosen by a rule, so that the text still fits when model or data are replaced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from htr_utils.text import metrics

if TYPE_CHECKING:
    from htr_utils.lines.iam import Line
    from htr_utils.recognizer import Recognizer


def with_an_error(
    recognizer: Recognizer,
    lines: Sequence[Line],
    *,
    look_at: int = 32,
    few: int = 4,
    letters: int = 30,
) -> int:
    """Index of a line that is read with an error, but not with many.

    Args:
        lines: of which `look_at` are read, spread over all of them.
        few: wrong characters that are still welcome. letters: how long the text should be at least.
    Returns:
        of the lines with so few errors, the one with the least sure character, where there is most to see; else
        the one with the fewest errors among those with any; else the first line.
    """
    step = max(1, len(lines) // look_at)
    places = [place for place in range(0, len(lines), step) if len(lines[place].text) >= letters][
        :look_at
    ]
    readings = (
        recognizer.read([lines[place].path for place in places], decoder="greedy") if places else []
    )
    chosen = []  # (has more than a few errors, least confidence or errors, place)
    for place, reading in zip(places, readings, strict=True):
        wrong = metrics.edits(reading.text, lines[place].text)
        if 0 < wrong <= few:
            least = min((character.confidence for character in reading.characters), default=1.0)
            # Rounded: the same choice on another processor.
            chosen.append((False, round(least, 1), place))
        elif wrong:
            chosen.append((True, float(wrong), place))
    return min(chosen, default=(True, 0.0, 0))[2]
