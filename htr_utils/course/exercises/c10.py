"""Checks of the chapter "Spell correction"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from htr_utils.course.exercises import exercise
from htr_utils.text.metrics import cer
from htr_utils.text.spelling import Speller

if TYPE_CHECKING:
    from htr_utils.course.policies import Read
    from htr_utils.readings import Reading

SHARE = 0.85  # of the baseline's rate that may be left

_WORDS = ("wasps", "wbich", "1960s", "Hedley", "garden")


@exercise("10.1")
def changed_words(answer: set[str]) -> str | None:
    """The words that the fast speller changes."""
    if not isinstance(answer, (set, frozenset, list, tuple)):
        return 'a set of words, please: {"one", "two"}'
    given = set(answer)
    if given - set(_WORDS):
        return "use words of the list only, written as there"
    speller = Speller("fast")
    right = {word for word in _WORDS if speller.correct(word).text != word}
    if given == right:
        return None
    if "1960s" in given:
        return "what touches a digit is left alone"
    if given - right:
        return (
            "one of your words is in the list of the library: what is in the list is never touched"
        )
    if "wbich" not in given:
        return "one is missing: which word of the list is one letter from 'wbich'?"
    return "one is missing: the speller does not know which words are names; what is one letter from 'hedley'?"


@exercise("10.2")
def mended_broken(answer: Callable[[str, str, str], tuple[int, int]]) -> str | None:
    """(wrong and then right, right and then wrong), word by word."""

    def counts(*texts: str) -> tuple[int, ...]:
        return tuple(map(int, answer(*texts)))

    first = counts("tbe hous", "the house", "the house")
    if first == (0, 2):
        return "the other way round, please: how many were mended, then how many were broken"
    if first == (1, 0):
        return "a line is not one word: compare word by word, two were mended here"
    if first != (2, 0):
        return "'tbe hous' becomes 'the house', as it was written: two words are mended, none is broken"
    if counts("Mr Umber", "Mr Number", "Mr Umber") != (0, 1):
        return "'Umber' was right and becomes 'Number': one word is broken, and 'Mr' is neither"
    if counts("hxusx", "housx", "house") != (0, 0):
        return "a word that is closer to the truth and still wrong is neither"
    if counts("cot sat", "cat sad", "cut sat") != (0, 1):
        return "compare word by word: the first is wrong before and after, the second is broken"
    if counts("the tbe", "the the", "the the") != (1, 0):
        return "a word may stand in the text twice: compare place by place"
    return None


@exercise("10.3")
def looks_alike(answer: Callable[[str, str, set[tuple[str, str]]], bool]) -> str | None:
    """Equal lengths, and each difference is a known pair in either order."""
    pairs = {("n", "u"), ("o", "a")}
    if not answer("nuder", "under", pairs):
        return "'nuder' and 'under' differ in n/u and in u/n: both are the pair, in either order"
    if answer("tbe", "the", pairs):
        return "b and h are not among the pairs"
    if answer("hous", "house", pairs):
        return "the words must be equally long"
    chain = {("n", "u"), ("u", "v")}
    if answer("nit", "vit", chain) or not answer("nit", "uit", chain):
        return "with the pairs n/u and u/v: n may be u, and u may be v, but n is not v. Do you replace letters in turn?"
    if answer("cat", "cut", pairs):
        return "a and u each occur in a pair, but not in the same one"
    if not answer("cat", "cot", pairs) or not answer("cot", "cat", pairs):
        return "a and o are a pair, in either order, however it is written"
    if answer("nit", "uat", pairs):
        return "every letter that differs must be in a pair: n and u are, i and a are not"
    return None if answer("same", "same", set()) else "words that do not differ pass"


@exercise("10.4")
def harm(answer: Callable[[Sequence[str], Callable[[str], str]], float]) -> str | None:
    """Changed words by all words, over all texts together."""
    texts = ["d d d b", "a  a"]  # six words
    if not math.isclose(answer(list(texts), str), 0.0, abs_tol=1e-9):
        return "a corrector that changes nothing does no harm: 0"
    share = answer(list(texts), lambda word: "x" if word == "d" else word)
    if math.isclose(share, 1 / 3, abs_tol=1e-9):
        return "count each word as often as it stands there"
    if math.isclose(share, 0.375, abs_tol=1e-9):
        return "all words of all texts together, not the mean of the texts: a long text counts for more"
    if math.isclose(share, 3 / 7, abs_tol=1e-9):
        return "two spaces in a row hold no word: `split()` without an argument knows that"
    if math.isclose(share, 0.0, abs_tol=1e-9):
        return "the corrector takes one word, not a whole text; three of six words change here"
    if math.isclose(share, 3.0, abs_tol=1e-9):
        return "that is how many words change; divide by the number of all words"
    if not math.isclose(share, 0.5, abs_tol=1e-9):
        return "three of six words changed, over all texts together: one half"
    if not math.isclose(answer(list(texts), str.upper), 1.0, abs_tol=1e-9):
        return "a corrector that changes every word: 1"
    return None


@exercise("10.5")
def better(answer: Callable[[Reading, np.ndarray], str], damaged: Callable[[], Read]) -> str | None:
    """A lower CER than that of greedy reading and autocorrect, on damaged lines that the chapter does not show."""
    lines, fast = damaged(), Speller("fast")
    pairs = zip(lines.readings, lines.tables, strict=True)
    texts = [answer(reading, table.copy()) for reading, table in pairs]
    if not all(isinstance(text, str) for text in texts):
        return "a text for each line, please: a str"
    corrected = [fast.correct(text).text for text in lines.texts]
    mine, plain, base = (100 * cer(t, lines.truths).value for t in (texts, lines.texts, corrected))
    told = f"CER: yours {mine:.1f} %, the baseline {base:.1f} %, the bar {SHARE * base:.1f} %"
    if mine <= SHARE * base:
        print(f"10.5: {told}: correct")
        return None
    if texts == lines.texts:
        return f"{told}. This is the greedy reading as it was"
    if texts == corrected:
        return f"{told}. This is the baseline itself"
    if mine > 2 * plain:
        return f"{told}. Most of each line is lost or changed: print some beside the truth"
    if mine > plain:
        return f"{told}. Worse than leaving it as it was ({plain:.1f} %): which right words does it change?"
    return f"{told}. On the way: can the frames say more of each word, and the language of its neighbours?"
