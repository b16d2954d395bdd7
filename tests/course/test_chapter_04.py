"""The chapter "How a network learns": its exercises, and each claim of its prose about what the default run prints."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from htr_utils.course import strokes
from htr_utils.course.plots import learning
from tests.course.test_first_network import small_network
from tests.helpers.chapters import stored_output


@pytest.fixture(scope="module")
def printed() -> str:
    """What the cells of the built chapter print."""
    return stored_output("04")


def numbers(printed: str, pattern: str) -> list[float]:
    """The groups of the one place where a pattern occurs."""
    (found,) = re.finditer(pattern, printed)
    return [float(one) for one in found.groups()]


NUMBER = r"(-?\d+\.?\d*)"


def test_patches_are_balanced_and_unseen_ones_come_from_other_words() -> None:
    for split, count in (("train", 300), ("validation", 1100)):
        some = strokes.patches(split, count)
        assert some.pixels.shape == (count // 3 * 3, 7, 7)
        assert np.bincount(some.kinds).tolist() == [count // 3] * 3
        assert (some.pixels[:, 3, 3] >= 0.5).all()  # ink in the middle
    again, other = strokes.patches("train", 90, 0), strokes.patches("train", 90, 1)
    assert np.array_equal(strokes.patches("train", 90, 0).pixels, again.pixels)
    assert not np.array_equal(again.pixels, other.pixels)


def test_numbers_named_in_the_text() -> None:
    assert small_network().count_params() == 82_199
    assert 49 * 3 + 3 == 150
    powers = np.exp([2, 1, 0])
    assert (powers / powers.sum()).round(2).tolist() == [0.67, 0.24, 0.09]
    costs = [round(-math.log(p), 2) for p in (0.99, 1 / 3, 0.01)]
    assert costs == [0.01, 1.1, 4.61] and round(math.log(80), 2) == 4.38


def test_nudging_and_formula_agree(printed: str) -> None:
    pairs = re.findall(rf"by nudging {NUMBER}, by the formula {NUMBER}", printed)
    assert len(pairs) == 1
    for nudged, formula in pairs:
        assert float(nudged) == pytest.approx(float(formula), abs=2e-4)
        assert abs(float(formula)) > 0.01
    middle = float(re.findall(rf"the middle of upright: {NUMBER}", printed)[0])
    assert middle < -0.01  # "larger is better here"
    apart = re.findall(r"all 147 differ by less than (\S+)", printed)
    assert len(apart) == 1 and float(apart[0]) < 2e-4
    assert numbers(printed, rf"Keras differ by {NUMBER}") == [0.0]


def test_the_middle_pixel_is_one_more_constant() -> None:
    learnt, unseen = strokes.patches("train", 1500, 0), strokes.patches("validation", 600)
    shares = []
    for keep in (np.arange(49), np.delete(np.arange(49), 24)):
        x, other = (part.pixels.reshape(-1, 49)[:, keep] for part in (learnt, unseen))
        weights, constants = np.zeros((len(keep), 3)), np.zeros(3)
        for _ in range(200):
            logits = x @ weights + constants
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            error = powers / powers.sum(axis=1, keepdims=True) - np.eye(3)[learnt.kinds]
            weights -= x.T @ error / len(x)
            constants -= error.mean(axis=0)
        answers = (other @ weights + constants).argmax(axis=1)
        shares.append(100 * (answers == unseen.kinds).mean())
    assert min(shares) > 75 and abs(shares[0] - shares[1]) < 2, shares


def test_one_layer_learns_and_a_hidden_layer_does_better(printed: str) -> None:
    start, shrug = numbers(printed, rf"loss at the start {NUMBER}, of a shrug {NUMBER}")
    assert shrug == 1.10 and abs(start - shrug) < 0.2
    first, last, right = numbers(printed, rf"loss {NUMBER} -> {NUMBER}; right on {NUMBER} %")
    assert last < 0.5 < first and 80 < right < 90
    shares = [float(one) for one in re.findall(r"\d+ hidden numbers: right on (\d+) %", printed)]
    assert right < shares[0] < shares[1] < shares[2] and shares[2] >= 97


def test_too_low_a_rate_creeps_and_too_high_a_rate_jumps(printed: str) -> None:
    ends = dict(re.findall(rf"rate {NUMBER}: at most {NUMBER}, last ", printed))
    lasts = {
        rate: numbers(printed, rf"rate {rate}: .*?last {NUMBER}".replace(".*?", r"[^;]*?"))
        for rate in ends
    }
    assert lasts["0.01"][0] > lasts["0.1"][0] > lasts["1"][0] < lasts["3"][0]
    assert (
        float(ends["3"]) > 3 * 1.18
        and max(float(ends[rate]) for rate in ("0.01", "0.1", "1")) <= 1.2
    )


def detector() -> np.ndarray:
    """The weights (49, 3) of the chapter's ten lines."""
    some = strokes.patches("train", 3000, 0)
    x, true = some.pixels.reshape(-1, 49), np.eye(3)[some.kinds]
    weights, constants = np.random.default_rng(0).normal(0, 0.1, (49, 3)), np.zeros(3)
    for _ in range(300):
        p = np.exp(x @ weights + constants)
        error = p / p.sum(axis=1, keepdims=True) - true
        weights, constants = weights - x.T @ error / len(x), constants - error.mean(axis=0)
    return weights


def test_the_detector_wants_ink_along_the_stroke_and_none_across_it() -> None:
    upright, level = (detector()[:, kind].reshape(7, 7) for kind in (0, 1))
    beside = [0, 1, 2, 4, 5, 6]
    for pattern in (upright, level.T):
        assert pattern[[0, 1, 5, 6], 3].mean() > 0.5  # along the stroke
        assert pattern[3, beside].mean() < -0.3  # across it
    assert upright[3, 3] < 0.5 and level[3, 3] < 0.5


def test_few_patches_are_remembered_and_what_helps(printed: str) -> None:
    seen, unseen = numbers(printed, rf"at the end right on {NUMBER} % of the 60, on {NUMBER} %")
    assert seen == 100 and unseen < 80
    own, first, low, last = numbers(
        printed,
        rf"learnt from [\d.]+ -> {NUMBER}; unseen {NUMBER} -> {NUMBER} at step \d+ -> {NUMBER}",
    )
    assert own < 0.01 and low < 0.6 * first and last > 1.3 * low
    few, dropped, every = (
        numbers(printed, rf"\n{name} +{NUMBER} +{NUMBER}")
        for name in ("few", "few, dropout", "all")
    )
    assert every[1] < 0.5 * dropped[1] and dropped[1] < 0.8 * few[1] and dropped[0] < few[0]


def test_mistakes_that_keep_the_loss_up(printed: str) -> None:
    well, moved, zero = (
        numbers(printed, rf"{name} +{NUMBER} +{NUMBER} +{NUMBER}")
        for name in ("all well", "labels moved", "weights zero")
    )
    assert well[2] < 0.2
    assert 1.0 < moved[1] < 1.10 < moved[2]
    assert zero == [1.10, 1.10, 1.10]


def test_adam_learns_on_faint_pixels_and_descent_does_not(printed: str) -> None:
    rows = re.findall(rf"(descent|Adam) +pixels up to +{NUMBER}: loss {NUMBER}", printed)
    losses = {(name, float(strength)): float(loss) for name, strength, loss in rows}
    assert losses["descent", 0.01] > 1.08
    assert losses["Adam", 1.0] < losses["Adam", 0.01] < 0.8


def test_dropout_of_hidden_numbers_brings_next_to_nothing_here() -> None:
    """And dropout of pixels does, as in the chapter: mean of the last losses over three seeds."""
    some, other = strokes.patches("train", 3000, 0), strokes.patches("validation", 1100)
    x, true = some.pixels.reshape(-1, 49)[:60], np.eye(3)[some.kinds[:60]]
    x_unseen, unseen = other.pixels.reshape(-1, 49), np.eye(3)[other.kinds]

    def last(seed: int, pixels: float, inner: float) -> float:
        rng = np.random.default_rng(seed)
        a, b = rng.normal(0, 1 / 7, (49, 64)), np.zeros(64)
        c, d = rng.normal(0, 1 / 8, (64, 3)), np.zeros(3)
        for _ in range(1500):
            given = x * (rng.random(x.shape) >= pixels) / (1 - pixels)
            heard = (rng.random((len(x), 64)) >= inner) / (1 - inner)
            hidden = np.maximum(0, given @ a + b) * heard
            p = np.exp(hidden @ c + d)
            error = (p / p.sum(axis=1, keepdims=True) - true) / len(x)
            back = error @ c.T * (hidden > 0) * heard
            for values, slope in (
                (a, given.T @ back),
                (b, back.sum(0)),
                (c, hidden.T @ error),
                (d, error.sum(0)),
            ):
                values -= 0.1 * slope
        z = np.maximum(0, x_unseen @ a + b) @ c + d
        z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
        return float(-(z * unseen).sum(axis=1).mean())

    none, hidden, pixels = (
        np.mean([last(seed, *drops) for seed in range(3)]) for drops in ((0, 0), (0, 0.5), (0.3, 0))
    )
    assert hidden > 0.85 * none and pixels < 0.75 * none


def test_figures_say_what_they_draw(capsys: pytest.CaptureFixture[str]) -> None:
    learning.patches(np.zeros((5, 7, 7)), np.array([0, 1, 2, 0, 0]), strokes.KINDS)
    assert "5 patches: 3 upright, 1 level, 1 neither" in capsys.readouterr().out
    learning.coloured(np.eye(8), np.full((8, 8), 1), strokes.KINDS)
    assert "of the ink: upright 0 %, level 100 %" in capsys.readouterr().out
    learning.descents({0.1: [1.0, 0.5], 3.0: [1.0, 7.0]}, shrug=1.1)
    assert "rate 3: at most 7.0, last 7.00" in capsys.readouterr().out
    learning.two_losses(np.array([[1.0, 1.1], [0.5, 0.9], [0.1, 1.3]]), every=50)
    assert "unseen 1.10 -> 0.90 at step 50 -> 1.30" in capsys.readouterr().out


def pick_rate(rates: Sequence[float], train: Callable[[float], list[float]]) -> float:
    means = [float(np.mean(train(rate)[-10:])) for rate in rates]
    return min((m, r) for m, r in zip(means, rates, strict=True) if math.isfinite(m))[1]


def test_the_rate_that_the_exercise_picks_lies_where_the_chapter_says() -> None:
    some = strokes.patches("train", 3000, 0)
    x, kinds = some.pixels.reshape(-1, 49), some.kinds

    def train(rate: float) -> list[float]:
        weights, constants = np.random.default_rng(0).normal(0, 0.1, (49, 3)), np.zeros(3)
        losses = []
        for _ in range(100):
            z = x @ weights + constants
            z -= z.max(axis=1, keepdims=True)
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            losses.append(float(-np.log(p[np.arange(len(x)), kinds]).mean()))
            error = p - np.eye(3)[kinds]
            weights, constants = (
                weights - rate * x.T @ error / len(x),
                constants - rate * error.mean(0),
            )
        return losses

    assert 0.3 <= pick_rate([0.01, 0.03, 0.1, 0.3, 1, 3, 10], train) <= 1


def adam(w: Any, g: Any, m: Any, v: Any, t: int, rate: float) -> tuple[Any, Any, Any]:
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return w - rate * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7), m, v


def test_the_step_is_that_of_keras() -> None:
    import keras

    variable = keras.Variable(np.array([1.0, -2.0], np.float32))
    optimiser, mine = keras.optimizers.Adam(0.1), (np.array([1.0, -2.0]), 0.0, 0.0)
    for t, slope in enumerate(([3.0, -0.1], [1.0, 0.2], [-2.0, 0.3]), start=1):
        optimiser.apply([keras.ops.convert_to_tensor(slope)], [variable])
        mine = adam(mine[0], np.array(slope), *mine[1:], t, 0.1)
    np.testing.assert_allclose(mine[0], keras.ops.convert_to_numpy(variable), atol=1e-5)


def adam_in_place(w: Any, g: Any, m: Any, v: Any, t: int, rate: float) -> Any:
    new = adam(w, g, m, v, t, rate)
    if isinstance(m, np.ndarray):
        m[:], v[:] = new[1:]
    return new


def raw_adam(w: Any, g: Any, m: Any, v: Any, t: int, rate: float) -> Any:
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return w - rate * m / (np.sqrt(v) + 1e-7), m, v


def epsilon_under_the_root(w: Any, g: Any, m: Any, v: Any, t: int, rate: float) -> Any:
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return w - rate * m / (1 - 0.9**t) / np.sqrt(v / (1 - 0.999**t) + 1e-7), m, v


def keep_epoch(training: list[float], validation: list[float], patience: int) -> int:
    best = 0
    for epoch, value in enumerate(validation):
        best = epoch if value < validation[best] else best
        if epoch - best >= patience:
            break
    return best


def stop_at_the_first_rise(training: list[float], validation: list[float], patience: int) -> int:
    """Compares with the epoch before."""
    worse = 0
    for epoch in range(1, len(validation)):
        worse = worse + 1 if validation[epoch] >= validation[epoch - 1] else 0
        if worse == patience:
            return int(np.argmin(validation[: epoch + 1]))
    return int(np.argmin(validation))


def patience_in_all(training: list[float], validation: list[float], patience: int) -> int:
    """Counts all worse epochs, not those in a row."""
    best, worse = 0, 0
    for epoch, value in enumerate(validation[1:], start=1):
        if value < validation[best]:
            best = epoch
        else:
            worse += 1
        if worse == patience:
            break
    return best


RIGHT: dict[str, Any] = {
    "04.1": [2.3, 0.33],
    "04.2": [-0.4, 0.6, 0.0],
    "04.3": pick_rate,
    "04.4": adam,
    "04.5": keep_epoch,
}
WRONG: list[tuple[str, Any, str]] = [
    ("04.1", [0.1, 0.33], "probability"),
    ("04.1", [1.0, 0.33], "base 10"),
    ("04.1", [3.32, 0.47], "base 2"),
    ("04.1", [-2.3, 0.33], "MINUS"),
    ("04.1", [2.3, 0.69], "half and half"),
    ("04.1", [2.3, 0.11], "'paper'"),
    ("04.1", [2.3, 0.23], "'ink' alone"),
    ("04.2", [0.4, 0.2, 0.0], "sign"),
    ("04.2", [-0.8, 0.8, 0.0], "pixel"),
    ("04.2", [-0.25, 0.525, 0.0], "more than one logit"),
    ("04.2", [0.1, 0.35, 0.0], "subtract the truth"),
    ("04.2", [-0.4, 0.2, 0.0], "AGAINST"),
    ("04.2", [-0.4, 0.8, 0.0], "rate first"),
    ("04.2", [-0.4, 0.6, -0.4], "ReLU"),
    ("04.3", lambda rates, train: rates.index(pick_rate(rates, train)), "not its place"),
    ("04.3", lambda rates, train: max(rates, key=lambda r: np.mean(train(r)[-10:])), "smaller"),
    ("04.3", lambda rates, train: min(rates, key=lambda r: train(r)[-1]), "by luck"),
    ("04.3", lambda rates, train: min(rates, key=lambda r: np.mean(train(r))), "only the last ten"),
    ("04.3", lambda rates, train: min(rates, key=lambda r: np.mean(train(r)[-10:])), "never win"),
    ("04.4", lambda w, g, m, v, t, rate: adam(w, g, m, v, t, -rate), "against the slope"),
    ("04.4", raw_adam, "too small"),
    ("04.4", lambda w, g, m, v, t, rate: adam(w, g, m, v, t, rate)[0], "three things"),
    ("04.4", adam_in_place, "has changed"),
    ("04.4", epsilon_under_the_root, "epsilon"),
    ("04.4", lambda w, g, m, v, t, rate: adam(w, g, 0.0 * m, v, t, rate), "others drawn"),
    ("04.5", lambda training, validation, patience: int(np.argmin(training)), "always falls"),
    ("04.5", lambda training, validation, patience: int(np.argmin(validation)), "after the stop"),
    ("04.5", lambda t, validation, p: keep_epoch(t, validation, p) + 1, "from 0"),
    ("04.5", lambda t, validation, p: keep_epoch(t, validation, p) + p, "where it stops"),
    ("04.5", stop_at_the_first_rise, "lowest value so far"),
    ("04.5", patience_in_all, "starts anew"),
]
