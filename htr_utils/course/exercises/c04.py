"""Checks of the chapter "How a network learns"."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from htr_utils.course.exercises import exercise, on_drawn_cases


def _near(value: Any, *wanted: float) -> bool:
    return any(abs(float(value) - one) < 0.011 for one in wanted)


@exercise("04.1")
def first_losses(answer: Any) -> str | None:
    """The loss of a shrug among ten kinds, and of the best blind answer to two uneven ones."""
    if not isinstance(answer, (list, tuple)) or len(answer) != 2:
        return "two numbers, please: the loss of ten digits, then the one of paper and ink"
    ten, uneven = answer
    if _near(ten, 0.1):
        return "0.1 is the probability that it gives to each digit; the loss is minus the logarithm of it"
    if _near(ten, 1.0):
        return "this is the logarithm with base 10; the loss takes the natural one (`np.log`)"
    if _near(ten, 3.32):
        return "this is the logarithm with base 2; the loss takes the natural one (`np.log`)"
    if float(ten) < 0 or float(uneven) < 0:
        return "the logarithm of a probability is negative, and the loss is MINUS that"
    if not _near(ten, math.log(10)):
        return (
            "without knowledge each of ten digits gets the probability 1/10: what does that cost?"
        )
    if _near(uneven, math.log(2)):
        return "that is half and half; saying 'paper' with 0.9 costs less on nine patches in ten"
    if _near(uneven, -math.log(0.9)):
        return "0.11 is what each 'paper' costs; one patch in ten is 'ink' and costs more"
    if _near(uneven, -math.log(0.1) / 10, -math.log(0.1)):
        return "this counts the 'ink' alone; nine patches in ten are 'paper' and cost a little, too"
    if not _near(uneven, 0.325):
        return "it says 0.9 and 0.1 every time: nine tenths of one cost plus one tenth of the other"
    return None


@exercise("04.2")
def by_hand(answer: Any) -> str | None:
    """Backpropagation through one hidden number: error (-.5, .3, .2), weights (1, -1, 0), pixel .5."""
    if not isinstance(answer, (list, tuple)) or len(answer) != 3:
        return "three numbers, please: the slope, the new weight, the slope at -0.4"
    slope, new, dead = answer
    if _near(slope, 0.4):
        return "look at the sign: the error is what it SAID minus the truth, for the first logit 0.5 - 1"
    if _near(slope, -0.8):
        return "-0.8 arrives at the hidden number; for the weight, multiply by its pixel"
    if _near(slope, -0.25, -0.5):
        return "more than one logit hands something back: the second comes in with 0.3 times its weight -1"
    if _near(slope, 0.1, 0.2):
        return "subtract the truth before you hand anything back: the error of the true kind is 0.5 - 1"
    if not _near(slope, -0.4):
        return "errors -0.5, 0.3, 0.2, times the weights 1, -1, 0, summed up, times the pixel 0.5"
    if _near(new, 0.2):
        return "the step goes AGAINST the slope: a negative slope makes the weight larger"
    if _near(new, 0.8):
        return "the whole slope is too far: multiply it by the rate first"
    if not _near(new, 0.6):
        return "the new weight is the old one, 0.4, minus rate times slope"
    if not _near(dead, 0.0):
        return (
            "at -0.4 ReLU gives zero: does a small change of the weight change anything behind it?"
        )
    return None


@exercise("04.3")
def pick_rate(answer: Callable[..., Any]) -> str | None:
    """The rate whose training ends lowest, broken and lucky ones passed over."""
    calm = {0.1: [2.0 - 0.01 * n for n in range(40)], 2.0: [2.0 - 0.04 * n for n in range(40)]}

    def picked(rows: dict[float, list[float]]) -> float:
        rates = list(rows)
        return float(answer(rates, rows.__getitem__))

    given = picked(calm)
    if given in (0, 1):
        return "return the rate itself, not its place in the list"
    if given == 0.1:
        return "the smaller the loss, the better: of two calm trainings you picked the slower one"
    if given != 2.0:
        return "return one of the rates"
    if picked({2.0: calm[2.0], 0.1: calm[0.1]}) != 2.0:
        return "the order of the rates must not matter"
    if picked(calm | {3.0: [1.0] * 30 + [9.0, 0.01] * 4 + [9.0, 0.02]}) == 3.0:
        return "one training jumps between 9 and 0.02 and ends low by luck: take the mean of its last ten losses"
    if picked(calm | {3.0: [0.1] * 30 + [3.0] * 10}) == 3.0:
        return "one training was low early and ended high: only the last ten losses count"
    for broken in (math.nan, -math.inf, math.inf):
        if picked({9.0: [1.0] * 20 + [broken] * 20} | calm) != 2.0:
            return (
                f"a training that ends in {broken} must never win, wherever it stands in the list"
            )
    if picked({9.0: [1.0] * 30 + [math.nan] + [0.1] * 9} | calm) != 2.0:
        return "a nan among the last ten losses is a broken training, too"
    return None


@exercise("04.4")
def adam_step(answer: Callable[..., Any]) -> str | None:
    """One step of Adam, as Keras goes it."""
    given = answer(1.0, 4.0, 0.0, 0.0, 1, 0.01)
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return "return three things: the new weight, m and v"
    weight, m, v = map(float, given)
    if math.isclose(weight, 1.01, abs_tol=1e-6):
        return "the step goes against the slope: a positive slope makes the weight smaller"
    if math.isclose(m, 3.6) or math.isclose(m, 4.0):
        return "m keeps 0.9 of itself and takes 0.1 of the slope"
    if math.isclose(v, 0.004):
        return "v is the running mean of the slope's SQUARE"
    if math.isclose(weight, 1 - 0.01 * 0.4 / math.sqrt(0.016), abs_tol=1e-4):
        return "in the first step both means are too small: divide by 1 - 0.9**t and 1 - 0.999**t"
    if math.isclose(m, 4.0 * 0.1 / 0.1) or math.isclose(v, 16.0):
        return "give back m and v as they are; the divisions are for the move alone"
    if math.isclose(weight, 1 - 0.01 * 4 / 16, abs_tol=1e-4):
        return "the mean of the squares goes under a root"
    if not math.isclose(weight, 0.99, abs_tol=1e-6):
        return "from weight 1, in the first step with slope 4 and rate 0.01, it moves by the rate: to 0.99"
    first = np.array([1.0, 2.0]), np.array([3.0, -1.0]), np.array([0.2, 0.1]), np.array([0.5, 0.3])
    kept = [one.copy() for one in first]
    answer(*first, 2, 0.1)
    if not all(map(np.array_equal, first, kept)):
        return "one of the arrays that it was given has changed: compute new ones"
    tiny = float(answer(0.0, 1e-7, 0.0, 0.0, 1, 1.0)[0])
    if not math.isclose(tiny, -0.5, rel_tol=1e-3):
        return "epsilon, 1e-7, is added to the root, not under it and not to v"
    return on_drawn_cases(
        lambda *case: np.concatenate([np.ravel(one) for one in answer(*case)]),
        lambda *case: np.concatenate(_adam(*case)),
        lambda rng: (*rng.normal(size=(3, 4)), rng.random(4), int(rng.integers(2, 30)), 0.1),
    )


def _adam(w: Any, g: Any, m: Any, v: Any, t: int, rate: float) -> tuple[Any, Any, Any]:
    mean, square = m + 0.1 * (g - m), v + 0.001 * (g * g - v)
    unbiased = mean / -math.expm1(t * math.log(0.9)), square / -math.expm1(t * math.log(0.999))
    return w - rate * unbiased[0] / (unbiased[1] ** 0.5 + 1e-7), mean, square


@exercise("04.5")
def keep_epoch(answer: Callable[..., Any]) -> str | None:
    """Early stopping with patience, without a look into the future."""
    falling = [1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01]
    turning = [1.0, 0.8, 0.6, 0.7, 0.9, 1.1, 1.2]
    value = answer(list(falling), list(turning), 2)
    if value == 6:
        return "the training loss always falls: look at the validation loss"
    if value == 3:
        return "count epochs from 0"
    if value == 4:
        return "epoch 4 is where it stops; the weights that are kept are those of the best epoch"
    if value != 2:
        return "the validation loss 1, .8, .6, .7, .9, ... is lowest at epoch 2"
    if answer(falling, [1.0, 0.8, 0.9, 1.0, 1.1, 0.1, 0.2], 2) == 5:
        return "the low loss at epoch 5 lies after the stop: nobody would have got there"
    if answer(falling, [1.0, 0.8, 0.9, 0.7, 0.8, 0.6, 0.9], 2) != 5:
        return "patience starts anew at each new lowest loss; single worse epochs in between are forgiven"
    if answer(falling, [1.0, 0.5, 0.9, 0.8, 0.7, 0.1, 0.2], 3) != 1:
        return (
            "better than the epoch before is not enough: it must get below the lowest value so far"
        )
    if answer(falling[:4], [1.0, 0.9, 0.9, 0.9], 2) != 1:
        return "as low as the best is not below it: of equal epochs the first is kept"
    if answer(falling[:3], [1.0, 0.9, 0.8], 5) != 2:
        return "the training may end before patience runs out: then the best so far is kept"
    if answer(falling[:4], [0.5, 0.6, 0.7, 0.1], 3) != 3:
        return "with patience 3 the third worse epoch stops it, not an earlier one"
    return None
