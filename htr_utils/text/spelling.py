"""Spell correction after reading: each word looked up, unknown words replaced by the likeliest near one.

The look-up is the `autocorrect` package's (after Norvig, "How to write a spelling corrector", 2007): a word
that its list does not know becomes the most frequent known word one edit away or, in full mode, two. It
looks at one word alone, so it mends "hous" and spoils names: "Gaitskell" becomes "Gaskell". Whether it
helps is for a measurement to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from htr_utils.errors import HtrError

Mode = Literal["full", "fast"]


@dataclass(frozen=True)
class Change:
    """One replaced word: `start` and `end` (exclusive) are places in the text before the correction."""

    start: int
    end: int
    before: str
    after: str


@dataclass(frozen=True)
class Correction:
    """A corrected text, the text before, and the changes between them from left to right."""

    text: str
    before: str
    changes: tuple[Change, ...]


class Speller:
    """Corrects the words of a text; spacing, punctuation and digits stay exactly as they are.

    `full` tries words one and two edits away and takes .3 to .5 s for an unknown word; `fast` tries one
    edit, about .5 ms. Each word is looked up once per process, and so is the word list loaded, at the
    first correction. Nothing is ever downloaded.

    Raises:
        HtrError: another mode; at the first correction, a language whose word list is not installed.
    """

    def __init__(self, mode: Mode = "full", language: str = "en") -> None:
        if mode not in get_args(Mode):
            raise HtrError(
                f"speller mode {mode!r} is unknown: use one of {', '.join(get_args(Mode))}"
            )
        self.mode = mode
        self.language = language

    def correct(self, text: str) -> Correction:
        """Correct each word of a text by itself. A word keeps the case of its first letter."""
        changes = []
        for match in _word_pattern(self.language).finditer(text):
            word = match.group()
            corrected = _correct_word(word, self.mode, self.language)
            if corrected != word:
                changes.append(Change(match.start(), match.end(), word, corrected))
        return Correction(replaced(text, changes), text, tuple(changes))


# A run of letters with apostrophes inside, that touches no digit.
WORD = re.compile(r"(?<![^\W_])(?<![^\W_]')[^\W\d_]+(?:'[^\W\d_]+)*(?![^\W_])(?!'[^\W_])")


def same_case(word: str, like: str) -> str:
    """A lower-case word with the capitals of another: all, the first, or none."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word


def dictionary(
    own: Mapping[str, int] | None = None, least: int = 50, language: str = "en"
) -> dict[str, int]:
    """Words in lower case and their counts: those that autocorrect counted `least` times, and `own` words.

    `own` are usually `LanguageModel.words`; each of them counts as if autocorrect had seen it as often.
    """
    counts = {word.lower(): count for word, count in _word_list(language).items() if count > least}
    for word, count in (own or {}).items():
        counts[word.lower()] = counts.get(word.lower(), least) + count
    return counts


def listed(own: Iterable[str], least: int = 50, language: str = "en") -> Iterator[str]:
    """The words of `dictionary`, in any case and some twice, without keeping a list of them in memory."""
    words = _word_list.__wrapped__(language).items()
    yield from (word for word, count in words if count > least)
    yield from own


def without_with(text: str, correction: Correction) -> str:
    """The two lines "Without correction : ..." and "With correction    : ...", changed words in brackets.

    Raises:
        HtrError: `correction` belongs to another text.
    """
    if text != correction.before:
        raise HtrError(f"the correction belongs to {correction.before!r}, not to {text!r}")
    marked = [Change(c.start, c.end, c.before, f"[{c.before}]") for c in correction.changes]
    mended = [Change(c.start, c.end, c.before, f"[{c.after}]") for c in correction.changes]
    return f"Without correction : {replaced(text, marked)}\nWith correction    : {replaced(text, mended)}"


def replaced(text: str, changes: list[Change]) -> str:
    parts, done = [], 0
    for change in changes:
        parts += [text[done : change.start], change.after]
        done = change.end
    return "".join([*parts, text[done:]])


@lru_cache(maxsize=100_000)
def _correct_word(word: str, mode: Mode, language: str) -> str:
    corrected = str(_library(mode, language).autocorrect_word(word))
    first = corrected[:1].upper() if word[0].isupper() else corrected[:1].lower()
    return first + corrected[1:]


@lru_cache
def _word_pattern(language: str) -> re.Pattern[str]:
    """What the word list counts as a word, unless it touches a digit or a letter that the list lacks.

    The English list knows the halves of "don't" as "don" and "t", hence no apostrophe; "3rd" and "café"
    are left alone.
    """
    from autocorrect.constants import word_regexes

    if language not in word_regexes:
        raise HtrError(
            f"no spelling for the language {language!r}: known are {', '.join(word_regexes)}"
        )
    return re.compile(rf"(?<![^\W_])(?:{word_regexes[language]})(?![^\W_])")


@lru_cache
def _library(mode: Mode, language: str) -> Any:
    import autocorrect

    return autocorrect.Speller(language, nlp_data=_word_list(language), fast=mode == "fast")


@lru_cache
def _word_list(language: str) -> dict[str, int]:
    """Words and how often they were counted; shared by both modes."""
    import autocorrect

    # autocorrect would fetch a missing list from the network, in the middle of reading a line.
    stored = Path(autocorrect.__file__).parent / "data" / f"{language}.tar.gz"
    if not stored.is_file():
        installed = ", ".join(
            sorted(path.name.split(".")[0] for path in stored.parent.glob("*.tar.gz"))
        )
        raise HtrError(
            f"the word list for {language!r} is not installed with autocorrect: use {installed}"
        )
    words: dict[str, int] = autocorrect.load_from_tar(language)
    return words
