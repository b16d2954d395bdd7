"""Which language is this? The one whose letter triples foresee the text best.

What the network reads before any language model helps it is full of mistakes, and still it looks like its
language: "the" and "ing", "que" and "eau". A profile says how likely each symbol is after two others. Symbols are
letters without their case, the space, "any digit" and "any other character". A profile lies in each language
model's file, so that all languages are asked before one model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from htr_utils.errors import HtrError
from htr_utils.text import language
from htr_utils.text.charset import Charset

NONE = "none"
_STEP = 16  # a stored 1 is 1 / 16 bit
_SMOOTH = 4.0  # what is known of shorter runs counts as so many sightings
USUAL = "en"
_CLEAR = 10.0  # bits by which another language must be better than the usual one
# Bits a character up to which a text may be of a language: of one that was read surely, more for each doubt.
_PLAIN, _PER_DOUBT, _BY_CHANCE = 3.45, 7.0, 4.0


def check(name: str) -> str:
    """A language as a user may name it: auto, none, a shipped one, or the path of a model of one's own.

    Raises:
        HtrError: anything else.
    """
    known = ["auto", NONE, *language.shipped()]
    if name in known or Path(name).is_file():
        return name
    raise HtrError(
        f"no language {name!r}; use one of {', '.join(known)}, or a file of `htr lm train`"
    )


def _symbols(characters: str) -> tuple[NDArray[np.int64], int]:
    """The symbol of each class id (that of the blank is the space's), and how many there are."""
    low = [
        " ",
        *(
            c.lower() if c.isalpha() else "0" if c.isdigit() else c if c in " '" else "."
            for c in characters
        ),
    ]
    kinds = {c: n for n, c in enumerate(sorted(set(low)))}
    return np.array([kinds[c] for c in low]), len(kinds)


def profile(ids: NDArray[np.integer], characters: str) -> NDArray[np.uint8]:
    """Bits that each symbol costs after each two others, in sixteenths: (symbols, symbols, symbols).

    Args:
        ids: the class ids of a long text.
    """
    of_class, many = _symbols(characters)
    text = of_class[ids]
    p = np.full(many, 1 / many)
    for size in (1, 2, 3):
        number = sum(
            text[k : text.size - size + 1 + k] * many ** (size - 1 - k) for k in range(size)
        )
        counts = np.bincount(number, minlength=many**size).reshape((many,) * size).astype(float)
        p = (counts + _SMOOTH * p) / (counts.sum(axis=-1, keepdims=True) + _SMOOTH)
    return np.clip(np.round(-np.log2(p) * _STEP), 0, 255).astype(np.uint8)


@cache
def _profiles(characters: str) -> dict[str, NDArray[np.uint8]]:
    """The profiles of the shipped languages whose models are made for these characters."""
    _, many = _symbols(characters)
    found = {}
    for name, file in language.shipped().items():
        data = language.stored_profile(file, characters)
        if len(data) == many**3:
            found[name] = np.frombuffer(data, np.uint8).reshape(many, many, many)
    return found


def none_for(characters: str) -> str:
    """Why `auto` finds no language for a network that writes these characters; "" where models are made for them."""
    if _profiles(characters):
        return ""
    return (
        f"no language model is made for the {len(characters)} characters of this model: read without one; "
        "`htr lm train --model YOUR_MODEL --text ... --to mine.lm` makes one, --language mine.lm uses it"
    )


class Evidence:
    """What the greedy readings of some lines, of a page say, tell about its language."""

    def __init__(self, characters: str) -> None:
        self._tables, self._charset = _profiles(characters), Charset(characters)
        self._of_class, _ = _symbols(characters)
        self._bits = dict.fromkeys(self._tables, 0.0)
        self._count, self._letters, self._sure = 0, 0, 0.0

    def add(self, text: str, confidences: Sequence[float]) -> None:
        """Take in a line; `confidences` of its characters, 0 to 1."""
        if not text.strip():
            return
        symbols = self._of_class[self._charset.encode(f" {text.strip()} ")]
        for name, table in self._tables.items():
            cost = table[symbols[:-2], symbols[1:-1], symbols[2:]].sum(dtype=np.int64)
            self._bits[name] += float(cost) / _STEP
        self._count += symbols.size - 2
        self._letters += sum(c.isalpha() or c == " " for c in text.strip())
        self._sure += float(np.mean(confidences)) * (symbols.size - 2)

    def language(self, usual: str = USUAL) -> str:
        """The language that foresees the lines best, or `NONE` where none does: a program, sums, names.

        Mistakes make a text look strange too, so a text may be the stranger the less the network was sure of it.
        `usual` is the answer where the lines are too short to tell.
        """
        if not self._count:
            return usual if usual in self._bits else NONE
        best = min(self._bits, key=self._bits.__getitem__, default=NONE)
        if best == NONE or self._letters < self._count / 2:
            return NONE
        if self._bits.get(usual, np.inf) - self._bits[best] < _CLEAR:
            best = usual
        doubt = 1 - self._sure / self._count
        strange = _PLAIN + _PER_DOUBT * doubt + _BY_CHANCE / self._count**0.5
        return best if self._bits[best] / self._count < strange else NONE
