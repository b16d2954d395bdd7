"""The chapter "CTC loss": its checks take right answers, name wrong ones, and the drawn best path is the best."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from htr_utils.network import ctc
from htr_utils.text.charset import Charset


def blind(label: np.ndarray, frames: int, classes: int, steps: int = 150) -> np.ndarray:
    """Probabilities (classes,) of the best answer that is the same in every frame, by gradient descent."""
    x = np.zeros(classes)
    for _ in range(steps):
        log_p = np.tile(x - np.logaddexp.reduce(x), (frames, 1))
        x -= ctc.gradient(log_p, label).mean(0) * 2
    return np.asarray(np.exp(x - np.logaddexp.reduce(x)))


def test_which_class_a_blind_network_says_depends_on_the_frames_of_a_character() -> None:
    """The chapter said that every CTC training starts with blanks: with few frames the space wins."""
    text = "the pigeons of the town sit on the roof of a mill"
    charset = Charset("".join(sorted(set(text))))
    label = charset.encode(text)
    assert len(text) == 49
    tight, wide = (blind(label, frames, charset.classes) for frames in (54, 120))
    assert charset.decode([int(tight.argmax())]) == " "
    assert int(wide.argmax()) == ctc.BLANK and wide[0] > tight[0]
    shares = [blind(np.array([2, 1]), frames, 3)[0] for frames in (4, 8, 24)]  # "to", as printed
    assert 0.15 < shares[0] < 0.3 and 0.65 < shares[1] < 0.75 and shares[2] > 0.88


def test_the_number_of_paths_is_a_binomial_coefficient() -> None:
    for word, frames in (("to", 4), ("abc", 5), ("abcd", 7)):
        assert len(ctc.alignments(word, frames)) == math.comb(frames + len(word), 2 * len(word))


def _log_sum(values: list[float]) -> float:
    return float(np.logaddexp.reduce(values))


RIGHT: dict[str, Any] = {
    "07.1": 5,
    "07.2": lambda label: len(label) + sum(a == b for a, b in itertools.pairwise(label)),
    "07.3": _log_sum,
    "07.4": lambda widths, needed, step: int((np.ceil(widths / step) < needed).sum()),
    "07.5": lambda table: table[:, ::2].sum(axis=1),
}
WRONG: list[tuple[str, Any]] = [
    ("07.1", 15),
    ("07.1", 3),
    ("07.2", len),
    ("07.2", lambda label: len(label) + len(set(label))),
    ("07.3", lambda values: math.log(sum(math.exp(value) for value in values))),
    ("07.3", max),
    ("07.4", lambda widths, needed, step: int((widths // step < needed).sum())),
    ("07.4", lambda widths, needed, step: len(widths)),
    ("07.5", lambda table: table[:, 0]),
    ("07.5", lambda table: table[:, 1::2].sum(axis=1)),
    ("07.5", lambda table: table[:, ::2].sum()),
]
