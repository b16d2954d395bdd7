"""Fonts for tests: those that matplotlib ships, taken for handwriting. No network."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest

from htr_utils.errors import HtrError
from htr_utils.synth.fonts import FontFile

FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SANS = FontFile("sans", 400, str(FOLDER / "DejaVuSans.ttf"), "train")
SERIF = FontFile("serif", 400, str(FOLDER / "DejaVuSerif.ttf"), "train")
MONO = FontFile("mono", 400, str(FOLDER / "DejaVuSansMono.ttf"), "validation")
STIX = FontFile("stix", 400, str(FOLDER / "STIXGeneral.ttf"), "test")
SLANTED = FontFile("slanted", 400, str(FOLDER / "DejaVuSerif-Italic.ttf"), "test")
FONTS = [SANS, SERIF, MONO, STIX, SLANTED]


def one_line_error(call: object, *args: object, **options: object) -> str:
    """The message of the HtrError that a call raises; it must be one line."""
    with pytest.raises(HtrError) as caught:
        call(*args, **options)  # type: ignore[operator]
    message = str(caught.value)
    assert message
    assert len(message.splitlines()) == 1
    return message
