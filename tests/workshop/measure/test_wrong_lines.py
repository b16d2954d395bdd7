"""Wrong lines find their cause: hand-made scores, and a line whose truth the beam cannot see."""

from __future__ import annotations

import numpy as np
import pytest

from htr_utils.text import decoding, tuned
from htr_utils.text.charset import Charset
from workshop.measure import wrong_lines

CHARSET = Charset()


@pytest.mark.parametrize(
    ("network", "language", "cause"),
    [
        (2, -1, "search"),
        (-1, 2, "search"),
        (-3, 1, "network"),
        (1, -3, "language"),
        (-1, -1, "both"),
    ],
)
def test_the_cause_is_whose_score_the_truth_loses_by(
    network: float, language: float, cause: str
) -> None:
    assert wrong_lines.cause(network, language) == cause


def lines(texts: list[str], sure: float) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities that spell texts: a letter, a blank, a letter ...; each with probability `sure`."""
    frames = 2 * max(map(len, texts)) + 1
    p = np.full((len(texts), frames, CHARSET.classes), (1 - sure) / (CHARSET.classes - 1))
    for row, text in enumerate(texts):
        spelt = np.zeros(frames, int)
        spelt[1 : 2 * len(text) : 2] = CHARSET.encode(text)
        p[row, np.arange(frames), spelt] = sure
    return np.log(p), np.full(len(texts), frames)


def test_lines_are_counted_by_cause() -> None:
    settings = tuned.Tuned.load(CHARSET)
    truths = ["the house", "the horse", "the house"]
    log_probs, frames = lines(["the house", "xqj zkvwq", "the house"], 0.98)
    readings = [one[0] for one in settings.decode(log_probs, frames, lexicon=False)]
    # The third line is read as nonsense although its truth scores better by far: a search that failed.
    nonsense = tuple(int(c) for c in CHARSET.encode("zzz"))
    readings[2] = decoding.Candidate(nonsense, -1.0, (1, 3, 5), (0.1, 0.1, 0.1))
    found = wrong_lines.count(log_probs, frames, truths, readings, settings)
    assert found == {"wrong": 2, "search": 1, "network": 1, "language": 0, "both": 0}


def test_a_truth_that_does_not_fit_its_frames_is_the_networks_error() -> None:
    settings = tuned.Tuned.load(CHARSET)
    log_probs, frames = lines(["of"], 0.98)
    readings = [one[0] for one in settings.decode(log_probs, frames, lexicon=False)]
    found = wrong_lines.count(log_probs, frames, ["of the house"], readings, settings)
    assert found["wrong"] == 1 and found["search"] == 0 and found["language"] == 0
