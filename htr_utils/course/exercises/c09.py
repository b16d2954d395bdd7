"""Checks of the chapter "Decoding"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from htr_utils.course.exercises import exercise


@exercise("09.1")
def prediction(answer: Sequence[str]) -> str | None:
    """Greedy writes "ab" (the best class of each row); width 1 keeps "a", whose paths add up to .36."""
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        return "two texts, please: the one of greedy first, then the one of the beam"
    if not all(isinstance(text, str) for text in answer):
        return "write the two texts as strings"
    if "-" in "".join(answer):
        return "a text holds no blanks: collapse the path first"
    greedy, beam = (text.strip() for text in answer)
    if greedy != "ab":
        return "greedy looks at each frame alone: which class is largest in the first, which in the second?"
    if beam == greedy:
        return "after the first frame the beam holds one prefix; add up all the ways in which that prefix can stay"
    if beam != "a":
        return "which prefix is kept after the first frame? In the second it may stay or grow by one letter"
    return None


@exercise("09.2")
def fair_bonus(answer: Callable[[float, list[float]], float]) -> str | None:
    """Weight times the mean of -ln P."""
    case, right = [0.5, 0.25, 0.125, 0.0625], 0.5 * 2.5 * math.log(2)
    mine = answer(0.5, list(case))

    def is_(value: float) -> bool:
        return math.isclose(mine, value, abs_tol=1e-6)

    if is_(-right):
        return "the logarithm of a probability is negative; the bonus must make up for it"
    if is_(0.5 * 2.5):
        return "natural logarithms, please, as in the score of the beam"
    if is_(4 * right):
        return "that is the cost of the whole text; the bonus is paid for each character"
    if is_(2 * right):
        return "the score holds weight x log P: where is the weight?"
    if is_(-0.5 * math.log(sum(case) / 4)):
        return (
            "take the logarithm of each probability first, then the mean; not the other way round"
        )
    if is_(0.5 * 2**2.5):
        return "that is the perplexity times the weight; costs add up as logarithms"
    if not is_(right):
        return "for one character of P = 0.5 and a weight of 1 it is 0.69, which pays for log 0.5"
    if not math.isclose(answer(0.0, list(case)), 0.0, abs_tol=1e-9):
        return "with a weight of 0 there is nothing to make up for"
    many = answer(1.0, [0.01] * 1000)
    if not math.isclose(many, math.log(100), rel_tol=1e-6):
        return "a long text: the product of a thousand probabilities is 0 for a computer, a sum of logarithms is not"
    return None


@exercise("09.3")
def sureness(answer: Callable[[float, float], float]) -> str | None:
    """1 / (1 + exp(second - best)), which never divides 0 by 0."""
    third = answer(math.log(0.3), math.log(0.1))
    if math.isclose(third, 0.3, abs_tol=1e-6):
        return (
            "that is the probability of the first among all texts; here only the two are possible"
        )
    if math.isclose(third, 3.0, abs_tol=1e-6):
        return (
            "that is how many times more probable the first is; a probability lies between 0 and 1"
        )
    if math.isclose(third, 0.25, abs_tol=1e-6):
        return "that is the probability of the second reading"
    if not math.isclose(third, 0.75, abs_tol=1e-6):
        return "with probabilities .3 and .1 the first has .3 of .4; the arguments are their logarithms"
    # e to the power of -744 is the smallest number but one; of -746 it is 0.
    if not math.isclose(answer(-744.0, -746.0), 1 / (1 + math.exp(-2)), abs_tol=1e-6):
        return "for -744 and -746 it is not right: their exponentials are 0 or nearly so. Use their difference alone"
    if not math.isclose(answer(-900.0, -901.0), 1 / (1 + math.exp(-1)), abs_tol=1e-6):
        return "for -900 and -901 both exponentials are 0; divide numerator and denominator by the first"
    if not math.isclose(answer(-2.0, -2000.0), 1.0, abs_tol=1e-9):
        return "a second reading that is hopeless: the first is certain"
    return None


Readings = list[tuple[str, float, float]]


@exercise("09.4")
def best_reading(answer: Callable[[Readings, set[str], float, float, float], str]) -> str | None:
    """Ink + weight * language + bonus * characters - price * strange words, the largest of it."""
    words = {"the", "cat", "sat", "a"}
    turn = [("tne cat", -1.0, -18.0), ("the cat", -6.0, -9.0)]

    def says(readings: Readings, *settings: float) -> str:
        return answer(list(readings), set(words), *settings)

    if not isinstance(says(turn, 0, 0, 0), str):
        return "return the text of the best reading alone"
    if says([("a cat", -1.0, 0.0), ("the cat", -4.0, 0.0)], 0, 0, 0) != "a cat":
        return "with weight, bonus and price 0 the ink decides: the largest log probability, which is nearest to 0"
    if says(turn, 0, 0, 0) != "tne cat":
        return "with a weight of 0 the language has no say: where does the weight enter?"
    if says(turn, 0.6, 0, 0) != "the cat" or says(turn, 0.5, 0, 0) != "tne cat":
        return "the weight: -6 - 0.6 x 9 beats -1 - 0.6 x 18, and with 0.5 it does not. How does yours enter?"
    short = [("a cat", -1.0, 0.0), ("the cat", -4.0, 0.0)]
    if says(short, 1, 2, 0) != "the cat" or says(short, 1, 1, 0) != "a cat":
        return "the bonus is paid for each character, spaces too: two more characters must make up for 3"
    strange = [("tne cit", -1.0, 0.0), ("the cat", -4.0, 0.0)]
    if says(strange, 1, 0, 1) != "tne cit" or says(strange, 1, 0, 2) != "the cat":
        return "the price is asked for each word that is not listed: here two of them against 3"
    if says([("The cat", -1.0, 0.0), ("a a cat", -1.5, 0.0)], 1, 0, 5) != "The cat":
        return "case does not matter: 'The' is in the list as 'the'"
    if says([("cat", -3.0, 0.0), ("tne tne", -1.0, 0.0)], 1, 0, 1.5) != "cat":
        return "a strange word costs each time it stands in the text"
    return None
