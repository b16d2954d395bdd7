"""The chapter "Decoding": its exercise checks and its figures."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest


def lost_letters(text: str) -> int:
    return sum(a == b for a, b in itertools.pairwise(text))


def sureness(best: float, second: float) -> float:
    return 1 / (1 + math.exp(second - best))


def by_mean(text: str, confidences: list[float]) -> str:
    words, at = [], 0
    for word in text.split(" "):
        words.append((sum(confidences[at : at + len(word)]) / len(word), word))
        at += len(word) + 1
    return min(words)[1]


def weakest_word(text: str, confidences: list[float]) -> str:
    lowest = min((c, n) for n, c in enumerate(confidences) if text[n] != " ")[1]
    return text[: lowest + 1].split(" ")[-1] + text[lowest + 1 :].split(" ")[0]


ANSWERS: list[tuple[str, Any, list[Any]]] = [
    ("09.1", ("ab", "a"), [("ab", "ab"), ("a", "a"), 3]),
    (
        "09.2",
        lost_letters,
        [
            len,
            lambda text: len(text) - len(set(text)),
            lambda text: int(lost_letters(text) > 0),
        ],
    ),
    (
        "09.3",
        sureness,
        [lambda a, b: a / (a + b), lambda a, b: math.exp(a) / (math.exp(a) + math.exp(b))],
    ),
    ("09.4", weakest_word, [lambda text, c: text, by_mean]),
]


def test_beam_figure_states_what_the_package_finds(capsys: pytest.CaptureFixture[str]) -> None:
    from htr_utils.course.plots import search
    from htr_utils.text import decoding

    random = np.random.default_rng(0)
    for width in (1, 2, 4):
        table = random.dirichlet(np.ones(3), size=4)
        search.beam_tree(table, "ab", width)
        [[best]] = decoding.beam(np.log(table)[None], [4], width=width)
        text = "".join(" ab"[i] for i in best.ids)
        assert (
            f"the answer is {text!r} with probability {math.exp(best.log_prob):.3f}"
            in capsys.readouterr().out
        )


def test_the_curve_of_weights_says_where_it_is_lowest(capsys: pytest.CaptureFixture[str]) -> None:
    from htr_utils.course.plots import search

    search.weight_curve(
        [0, 0.5, 1], {"bonus 0": [0.2, 0.1, 0.3], "bonus 2": [0.1, 0.2, 0.3]}, published=0.5
    )
    assert "bonus 0: inside, bonus 2: at the edge" in capsys.readouterr().out
