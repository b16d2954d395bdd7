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
    greedy, beam = (text.replace("-", "").strip() for text in answer)
    if greedy != "ab":
        return "greedy looks at each frame alone: which class is largest in the first, which in the second?"
    if beam == greedy:
        return "after the first frame the beam holds one prefix; add up all the ways in which that prefix can stay"
    if beam != "a":
        return "which prefix is kept after the first frame? In the second it may stay or grow by one letter"
    return None


@exercise("09.2")
def lost_letters(answer: Callable[[str], int]) -> str | None:
    """Characters that equal their left neighbour."""
    if answer("letter") != 1:
        return "'letter' becomes 'leter': how many characters are gone?"
    if answer("bookkeeper") != 3:
        return (
            "'bookkeeper' has three doubled letters; compare each character with the one before it"
        )
    if answer("aaa") != 2:
        return "of three equal letters in a row one is left"
    if answer("tot") != 0:
        return "only neighbours count: the two t's of 'tot' are not side by side"
    return (
        None if answer("") == 0 and answer("9,000") == 2 else "mind the empty text, and digits too"
    )


@exercise("09.3")
def sureness(answer: Callable[[float, float], float]) -> str | None:
    """1 / (1 + exp(second - best)), which never divides 0 by 0."""
    if not math.isclose(answer(-2.0, -2.0), 0.5, abs_tol=1e-9):
        return "two readings that are equally probable: each has one half"
    if not math.isclose(answer(math.log(0.3), math.log(0.1)), 0.75, abs_tol=1e-6):
        return "with probabilities .3 and .1 the first has .3 of .4"
    if not math.isclose(answer(-900.0, -901.0), 1 / (1 + math.exp(-1)), abs_tol=1e-6):
        return "for -900 and -901 both exponentials are 0; divide numerator and denominator by the first"
    return None


@exercise("09.4")
def weakest_word(answer: Callable[[str, list[float]], str]) -> str | None:
    """The word around the least confident character that is no space."""
    if answer("an old hat", [0.9, 0.8, 1.0, 0.9, 0.3, 0.9, 1.0, 0.9, 0.9, 0.9]) != "old":
        return "the lowest number stands in the middle word; return that word whole"
    if answer("so it", [0.9, 0.9, 0.1, 0.7, 0.9]) != "it":
        return "a space can have a low confidence too, and it belongs to no word"
    if answer("so it", [0.9, 0.7, 0.1, 0.9, 0.9]) != "so":
        return "a space can have a low confidence too, and it belongs to no word"
    if answer("we saw an owl", [0.9] * 12 + [0.2]) != "owl":
        return (
            "the last character is the least sure one here: do you count the spaces before a word?"
        )
    if answer("to cat a cat", [0.9] * 9 + [0.9, 0.3, 0.9]) != "cat":
        return "a word may stand in a line twice"
    # A mean would choose the first word here.
    if answer("ab cdef", [0.6, 0.6, 1.0, 1.0, 0.2, 1.0, 1.0]) != "cdef":
        return "the lowest single character decides, not the mean of the word"
    if answer("handwriting I", [0.8] * 11 + [1.0, 0.7]) != "I":
        return "the lowest single character decides, not the product of a word's"
    if answer("word", [0.5, 0.6, 0.7, 0.8]) != "word":
        return "a line of one word"
    return None
