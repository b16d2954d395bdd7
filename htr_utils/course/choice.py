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
        few: wrong characters that are still welcome. letters: how long the text should be at least;
            nothing in it is crossed out.
    Returns:
        of the lines with so few errors, if possible of those in which letters were taken for others, the one with the
        least sure character, where there is most to see; else
        the one with the fewest errors among those with any; else the first line.
    """
    step = max(1, len(lines) // look_at)
    plain = [
        n for n, line in enumerate(lines) if len(line.text) >= letters and "#" not in line.text
    ]
    places = [place for place in plain if place % step == 0][:look_at]
    readings = (
        recognizer.read([lines[place].path for place in places], decoder="greedy") if places else []
    )
    chosen = []  # (many errors, no plainly misread letters, least confidence or errors, place)
    for place, reading in zip(places, readings, strict=True):
        truth = lines[place].text
        wrong = metrics.edits(reading.text, truth)
        swapped = [(a, b) for a, b in zip(reading.text, truth, strict=False) if a != b]
        letters_alone = len(swapped) == wrong and all(
            a.isalpha() and b.isalpha() for a, b in swapped
        )
        if 0 < wrong <= few:
            least = min((character.confidence for character in reading.characters), default=1.0)
            # Rounded: the same choice on another processor.
            chosen.append((False, not letters_alone, round(least, 1), place))
        elif wrong:
            chosen.append((True, True, float(wrong), place))
    return min(chosen, default=(True, True, 0.0, 0))[-1]
