"""Characters found in a line of known text, and lines set from their pieces."""

from __future__ import annotations

import numpy as np

from htr_utils.lines import images
from htr_utils.synth import recombine


def _bar_line(text: str) -> tuple[np.ndarray, tuple[float, ...]]:
    """A picture in which each character is an upright bar, 20 px high and 4 px wide every 12 px."""
    grey, centres = np.full((40, 12 * len(text) + 12), 255, np.uint8), []
    for number, character in enumerate(text):
        x = 12 * number + 10
        centres.append(float(x + 2))
        if character != " ":
            grey[10:30, x : x + 4] = 0
    return grey, tuple(centres)


class _Drawn:
    """A line whose picture is in memory."""

    def __init__(self, text: str, writer: str) -> None:
        self.text, self.writer_id = text, writer
        self.grey, self.centres = _bar_line(text)

    def image(self) -> np.ndarray:
        return self.grey


def _source(texts: list[str], wanted: str) -> recombine.RecombinedLines:
    lines = [_Drawn(text, "w") for text in texts]
    located = [recombine.Located(line, line.text, line.centres) for line in lines]  # type: ignore[arg-type]
    return recombine.RecombinedLines(located, lambda rng: wanted, images.Preparation(48), 4, 0.0, 3)


def test_a_line_is_set_from_pieces_with_as_much_ink_as_it_has_letters() -> None:
    source = _source(["some men came near us", "a cow ran on a sand"], "no sea can scare me")
    hand = source.hands[0]
    assert hand.text.replace(" ", "") == "somemencamenearusacowranonasand"
    grey = source.write("no sea can scare me", np.random.default_rng(0))
    assert grey is not None
    dark = (grey < grey.max() - 40).any(0)
    bars = np.flatnonzero(dark[1:] & ~dark[:-1]).size
    assert bars == len("noseacanscareme")
    ink, text = source.get(0, 1)
    assert text == "no sea can scare me" and ink.shape[0] == 48 and ink.max() > 200
    again, _ = source.get(0, 1)
    assert (again == ink).all() and not (
        source.get(1, 1)[0].shape == ink.shape and (source.get(1, 1)[0] == ink).all()
    )


def test_a_character_that_nobody_wrote_is_not_made_up() -> None:
    source = _source(["some men came near us", "a cow ran on a sand"], "no quay")
    assert source.write("no quay", np.random.default_rng(0)) is None


def test_letters_with_accents_are_no_pieces() -> None:
    folds = {"é": "e", "œ": "oe"}
    assert recombine.usable("bébé œuf", lambda c: folds.get(c, c)) == "b\0b\0 \0\0uf"
