"""The chapter "CTC loss": its checks take right answers, name wrong ones, and the drawn best path is the best."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import numpy as np
import pytest

from htr_utils.network import ctc
from htr_utils.text.charset import Charset
from tests.helpers.chapters import stored_output


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


@pytest.mark.parametrize(("frames", "wins"), [(66, " "), (75, "")])
def test_the_space_wins_below_about_1_2_frames_a_character(frames: int, wins: str) -> None:
    text = "A left-hand-drive lorry carrying 9,000 jars of quince jelly"
    charset = Charset("".join(sorted(set(text))))
    assert len(text) == 59 and 66 / 59 < 1.2 < 75 / 59
    said = int(blind(charset.encode(text), frames, charset.classes).argmax())
    assert charset.decode([said] if said else []) == wins


def test_each_path_pulls_by_its_share_of_the_sum() -> None:
    """The gradient is the mean of softmax minus path over all paths, each weighted by its probability."""
    x = np.random.default_rng(0).normal(size=(4, 3))
    probs = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    paths = [["-ot".index(sign) for sign in path] for path in ctc.alignments("to", 4)]
    shares = np.array([np.prod(probs[np.arange(4), path]) for path in paths])
    pulls = np.stack([probs - np.eye(3)[path] for path in paths])
    whole = np.tensordot(shares / shares.sum(), pulls, 1)
    np.testing.assert_allclose(whole, ctc.gradient(np.log(probs), np.array([2, 1])), atol=1e-9)


def test_what_the_exercises_say_to_expect() -> None:
    """7.3: -8.4 for the line of the chapter, most of it the comma; 7.4: none, few, most at 4, 8, 16 columns."""
    pytest.importorskip("tensorflow")
    from htr_utils import Recognizer
    from htr_utils.lines import iam

    recognizer, data = Recognizer.load("course"), iam.read(None)
    line = data.split("test")[0]
    answer = recognizer.log_probs([line.image()])[0]
    ids = recognizer.charset.encode(line.text)
    assert abs(_log_probability(answer, ids) + 8.4) < 0.2
    assert _log_probability(answer, np.delete(ids, line.text.index(","))) > -3
    train = data.split("train")
    widths = np.array([round(48 * one.box[2] / one.box[3]) for one in train])
    needed = np.array([ctc.frames_needed(recognizer.charset.encode(one.text)) for one in train])
    counts = [int((np.ceil(widths / step) < needed).sum()) for step in (4, 8, 16, 32)]
    assert counts[0] == 0 and 0.01 < counts[1] / len(train) < 0.06 and counts[2] > len(train) / 2


def test_the_number_of_paths_is_a_binomial_coefficient() -> None:
    for word, frames in (("to", 4), ("abc", 5), ("abcd", 7)):
        assert len(ctc.alignments(word, frames)) == math.comb(frames + len(word), 2 * len(word))


def test_independent_frames_give_half_to_words_that_nobody_wrote() -> None:
    """Two readings that are equally likely: no pair of independent frames costs less than half and half."""
    half = np.log(0.5)
    assert np.isclose(np.logaddexp(half + half, half + half), half)  # P(an) + P(or) = 1/2
    best = min(
        -np.log(a * n) / 2 - np.log((1 - a) * (1 - n)) / 2
        for a in np.linspace(0.05, 0.95, 19)
        for n in np.linspace(0.05, 0.95, 19)
    )
    assert np.isclose(best, -np.log(0.25))


@pytest.fixture(scope="module")
def printed() -> str:
    """What the cells of the stored chapter printed; the claims below are those of its prose."""
    return stored_output("07")


def test_what_the_prose_says_about_the_default_run(printed: str) -> None:
    """The posterior is alpha beta / p / P; the gradient is what wiggling shows; at first longer lines cost more."""
    a, b, p, total, found = map(
        float,
        re.findall(r"state 2: ([\d.]+) x ([\d.]+) / ([\d.]+) / ([\d.]+) = ([\d.]+)", printed)[0],
    )
    assert abs(a * b / p / total - found) < 0.02
    watched, formula = re.findall(r"watched (-?[\d.]+), by the formula (-?[\d.]+)", printed)[0]
    assert abs(float(watched) - float(formula)) < 0.0002
    (few, low, short), (many, high, long) = re.findall(
        r"(\d+) characters: knowing nothing (\d+) nats, trained ([\d.]+)", printed
    )
    assert int(few) < int(many) and 100 < int(low) < int(high) and float(short) < float(long) < 5
    (spike,) = re.findall(r"the lowest spike: ',', ([\d.]+)%", printed)
    assert float(spike) < 1
    (other_end,) = re.findall(r"blank at the other end: a loss of (\d+)", printed)
    assert int(other_end) > 100
    assert "loss of 'oo' in two frames: inf" in printed and "'a lay ebra'" in printed
    shares = [int(share) for share in re.findall(r"says blank with (\d+) %", printed)]
    assert shares[0] < 50 < shares[1] < shares[2]


def _log_probability(
    log_probs: np.ndarray, label: np.ndarray, jumps: str = "rule", ends: int = 2
) -> float:
    states = [0] + [c for letter in label for c in (int(letter), 0)]
    alpha = np.full((len(log_probs), len(states)), -np.inf)
    alpha[0, :2] = log_probs[0, states[:2]]
    for t, s in itertools.product(range(1, len(log_probs)), range(len(states))):
        reach = np.logaddexp.reduce(alpha[t - 1, max(0, s - 1) : s + 1])
        may = s >= 2 and states[s] != 0 and (jumps == "all" or states[s] != states[s - 2])
        if may and jumps != "none":
            reach = np.logaddexp(reach, alpha[t - 1, s - 2])
        alpha[t, s] = reach + log_probs[t, states[s]]
    return float(np.logaddexp.reduce(alpha[-1, -ends:]))


def _multiplied(log_probs: np.ndarray, label: np.ndarray) -> float:
    """Wrong: right while nothing vanishes."""
    with np.errstate(divide="ignore"):
        found = _log_probability(log_probs, label)
        return found if found > -700 else float(np.log(np.exp(found)))


RIGHT: dict[str, Any] = {
    "07.1": 5,
    "07.2": lambda label: len(label) + sum(a == b for a, b in itertools.pairwise(label)),
    "07.3": _log_probability,
    "07.4": lambda widths, needed, step: int((np.ceil(widths / step) < needed).sum()),
    "07.5": lambda table: table[:, ::2].sum(axis=1),
}
WRONG: list[tuple[Any, ...]] = [
    ("07.1", 15),
    ("07.1", 3),
    ("07.1", 1),
    ("07.1", "five"),
    ("07.2", len),
    ("07.2", lambda label: 2 * len(label) + 1),
    ("07.2", lambda label: 2 * len(label) - len(set(label))),
    ("07.2", lambda label: len(label) + any(a == b for a, b in itertools.pairwise(label))),
    ("07.3", lambda table, label: -_log_probability(table, label), "that is the loss"),
    ("07.3", lambda table, label: math.exp(_log_probability(table, label)), "probability itself"),
    ("07.3", lambda table, label: _log_probability(table, label, ends=1), "add both"),
    ("07.3", lambda table, label: _log_probability(table, label, "all"), "must not"),
    ("07.3", lambda table, label: _log_probability(table, label, "none"), "may be jumped over"),
    ("07.3", _multiplied, "vanishes"),
    ("07.4", lambda widths, needed, step: int((widths // step < needed).sum())),
    ("07.4", lambda widths, needed, step: len(widths)),
    ("07.4", lambda widths, needed, step: int((np.ceil(widths / step) <= needed).sum())),
    ("07.4", lambda widths, needed, step: int((widths // step + 1 < needed).sum())),
    ("07.5", lambda table: table[:, 0]),
    ("07.5", lambda table: table[:, 1::2].sum(axis=1)),
    ("07.5", lambda table: table[:, ::2].sum()),
    ("07.5", lambda table: table[:, ::2].max(axis=1)),
]
