"""Checks of the chapter "Characters and metrics"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from htr_utils.course.exercises import exercise, on_drawn_cases


@exercise("03.1")
def predicted_rates(answer: Any) -> str | None:
    """How large a CER can get: nothing read, and much more read than there is."""
    if not isinstance(answer, (list, tuple)) or len(answer) != 2:
        return "two numbers, please: first for the line where nothing was read, then for 'banana'"
    nothing, banana = map(float, answer)
    if math.isclose(nothing, 100) or math.isclose(banana, 500):
        return "write a fraction, as the package does: 100 % is 1.0"
    if not math.isclose(nothing, 1.0):
        return "every character of the truth is lost: how many edits for how many characters?"
    if math.isclose(banana, 6.0):
        return "one 'a' of 'banana' is right and need not be inserted"
    if math.isclose(banana, 5 / 6, abs_tol=0.01):
        return "the length of the TRUTH is below the line, and it is 1"
    if not math.isclose(banana, 5.0):
        return "count the letters of 'banana' that have to go until 'a' is left"
    return None


@exercise("03.2")
def word_distance(answer: Callable[[str, str], int]) -> str | None:
    """Edit distance in words."""
    if answer("the cat sat", "the cat sat") != 0:
        return "two equal texts are 0 words apart"
    if answer("the hat sat", "the cat sat") == 1 and answer("a hat sat", "the cat sat") == 4:
        return "this still counts characters: split both texts into words first"
    if answer("the hat sat", "the cat sat") != 1:
        return "one wrong word is one edit, whatever its letters"
    if answer("thecat sat", "the cat sat") != 2:
        return "try 'thecat sat': one word is replaced and one is lost"
    if answer("", "the cat") != 2:
        return "nothing read: each word of the truth is lost"
    if answer("man bites dog", "dog bites man") != 2:
        return "the order of the words counts: try 'man bites dog' for 'dog bites man'"
    if answer("house , he", "house, he") != 2:
        return "a word is what stands between spaces, with its punctuation: try 'house , he'"
    return None


@exercise("03.3")
def micro_rate(answer: Callable[[Sequence[str], Sequence[str]], float]) -> str | None:
    """The micro-averaged CER of several lines."""
    value = answer(["b", "aaaaaaaaa"], ["a", "aaaaaaaaa"])
    if math.isclose(value, 0.5):
        return "this is the mean of the lines' rates: add all edits first, divide once"
    if math.isclose(value, 10.0):
        return "write a fraction, not per cent"
    if math.isclose(value, 1.0):
        return "divide the edits by something: the characters of all truths together"
    if not math.isclose(value, 0.1, rel_tol=1e-6):
        return "one edit in ten characters is .1: try a line 'a' read as 'b' and one of nine right letters"
    if not math.isclose(answer(["banana"], ["a"]), 5.0, rel_tol=1e-6):
        return "the truth's length belongs below the line, not the reading's: try 'banana' for 'a'"
    if not math.isclose(answer(["x", "ab"], ["", "ab"]), 0.5, rel_tol=1e-6):
        return "an empty truth adds its insertions and no length: try truths '' and 'ab'"
    if not math.isclose(answer(["ab", "c"], ["a", "bc"]), 2 / 3, rel_tol=1e-6):
        return "compare line with line: 'ab', 'c' for 'a', 'bc' are two edits, though the joined texts are equal"
    return None


@exercise("03.4")
def writers_needed(answer: Callable[[int, float, float], int]) -> str | None:
    """How many writers make an interval as narrow as wanted: the width falls with the square root."""
    if answer(100, 2.0, 2.0) != 100:
        return "as wide as it is now: as many writers as there are now"
    value = answer(100, 2.0, 1.0)
    if value == 200:
        return "twice the writers make the interval narrower by the square root of 2 only"
    if value != 400:
        return "half the width takes four times the writers: the width falls with the square root of their number"
    if answer(100, 1.0, 2.0) != 25:
        return "twice the width takes a quarter of the writers: fewer than there are now may do"
    if answer(100, 1.0, 0.3) != 1112:
        return "round up: nobody is a part of a writer (try 100 writers, from 1.0 to 0.3 points)"
    return on_drawn_cases(
        answer,
        lambda n, width, wanted: math.ceil(n * (width / wanted) ** 2),
        lambda rng: (int(rng.integers(50, 900)), 2.0, float(rng.choice([0.5, 1.0, 4.0]))),
    )


@exercise("03.5")
def forgiven(answer: Any) -> str | None:
    """A reading and a truth that the reference system's rate forgives and the CER does not."""
    from htr_utils.text.metrics import edits

    if (
        not isinstance(answer, (list, tuple))
        or len(answer) != 2
        or not all(isinstance(one, str) for one in answer)
    ):
        return "two texts, please: the reading, then the truth"
    reading, truth = answer
    if not truth:
        return "the truth needs a character, or there is nothing to divide by"
    count = edits(reading, truth)
    if count / len(truth) < 5:
        swapped = (
            " (are they in the right order? the reading comes first)"
            if len(truth) > len(reading)
            else ""
        )
        return f"{count} edits for {len(truth)} characters are a CER of {count / len(truth):.1f}, not yet 5{swapped}"
    if count >= max(len(reading), len(truth)):
        return "its rate is 1 here: let one character at least be right"
    return None


@exercise("03.6")
def word_rate(answer: Callable[[Sequence[str], Sequence[str]], float]) -> str | None:
    """The micro-averaged WER of several lines."""
    readings, truths = ["the hat sat", "a"], ["the cat sat on a mat", "a"]
    value, right = answer(readings, truths), 4 / 7
    if math.isclose(value, 2.0):
        return "this is the mean count of edits: where are the words of the truths?"
    if math.isclose(value, (4 / 6 + 0) / 2):
        return "this is the mean of the lines' rates: add all edits first, divide once"
    if math.isclose(value, 100 * right):
        return "a fraction, please, not per cent"
    if not math.isclose(value, right, rel_tol=1e-6):
        return "four word edits, seven words in the truths: 4 / 7"
    if not math.isclose(answer(["x y z"], ["x"]), 2.0):
        return "divide by the words of the truths, not of the readings; a rate above 1 is possible"
    if not math.isclose(answer(["a b", "c"], ["a", "b c"]), 2 / 3, rel_tol=1e-6):
        return "compare line with line: 'a b', 'c' for 'a', 'b c' are two edits, though the joined texts are equal"
    return None
