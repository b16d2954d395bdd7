"""A picture of one's own in the chapters, a line or a page: its lines, and the one that a chapter looks at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from htr_utils import page_reading, pages
from htr_utils.errors import HtrError
from htr_utils.lines import images

if TYPE_CHECKING:
    from htr_utils.recognizer import Recognizer

CLEAR = 0.6  # of the longest line's width: a line so long is no heading and no date


def page(source: str | Path, reader: Recognizer | None = None) -> pages.Page:
    """A picture upright, dark on light, with its lines; a picture of one line is that line, as it is.

    What was put right is printed, a sentence each.

    Args:
        reader: says which way up the picture can be read; without, one on its head stays so.

    Raises:
        HtrError: no picture; no writing on it.
    """
    name, given = Path(source).name, next(pages.each_page(source))
    found = pages.find(given, None if reader is None else page_reading.judge(lambda: reader))
    notes = found.notes if found.lines else ()
    if found.image.shape != given.shape or (found.image != given).any():
        found = pages.find(found.image)
    if pages.is_line(found.image, found):
        found = pages.whole(found.image)
    if not any(images.ink_box(images.normalise(line.crop)) for line in found.lines):
        raise HtrError(
            f"{name}: no line of writing found; is it blank, or too far away? "
            "Photograph the writing itself, from above, in even light"
        )
    for note in notes:
        print(f"{name}: {note}")
    return found


def line(source: str | Path, reader: Recognizer | None = None) -> np.ndarray:
    """The line that a chapter looks at, uint8 (h, w): a picture of one, or the first clear line of a page.

    Raises:
        HtrError: what `page` raises.
    """
    crops = [one.crop for one in page(source, reader).lines]
    longest = max(crop.shape[1] for crop in crops)
    at = next(n for n, crop in enumerate(crops) if crop.shape[1] >= CLEAR * longest)
    if len(crops) > 1:
        print(f"{Path(source).name}: a page of {len(crops)} lines; this is line {at + 1}")
    return crops[at]
