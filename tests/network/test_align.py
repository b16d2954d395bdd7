"""Characters found in a line of known text, and lines set from their pieces."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.lines import images
from htr_utils.network import align
from htr_utils.synth import recombine
from htr_utils.text.decoding import collapse


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 2), min_size=1, max_size=3), st.integers(1, 5)
)
def test_best_path_is_the_likeliest_of_all(seed: int, label: list[int], frames: int) -> None:
    rng = np.random.default_rng(seed)
    log_probs = np.log(
        rng.dirichlet(np.ones(3), size=(2, 6))
    )  # (2, 6, 3): a second line of another length
    labels, lengths = np.zeros((2, 4), int), np.array([len(label), 1])
    labels[0, : len(label)], labels[1, 0] = label, 2
    states, scores = align.best_paths(log_probs, np.array([frames, 6]), labels, lengths)
    fits = [p for p in itertools.product(range(3), repeat=frames) if collapse(p) == tuple(label)]
    if not fits:
        assert scores[0] == -np.inf
        return
    best = max(float(log_probs[0, np.arange(frames), p].sum()) for p in fits)
    assert scores[0] == pytest.approx(best)
    signs = [0 if s % 2 == 0 else label[s // 2] for s in states[0, :frames]]
    assert collapse(signs) == tuple(label)
    assert float(log_probs[0, np.arange(frames), signs].sum()) == pytest.approx(best)


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
