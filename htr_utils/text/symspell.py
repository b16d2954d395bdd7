"""A second speller: every word of a list that is near a word, found by deleting letters from both (Garbe 2012)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from htr_utils.errors import HtrError
from htr_utils.text.spelling import WORD, Change, Correction, replaced, same_case


class SymSpell:
    """All words of a list within two edits of a word, in a fraction of a millisecond, whatever the list's size.

    Two words within `distance` edits (insert, delete, substitute, swap neighbours) become equal when the right
    characters are deleted from both (Garbe 2012). So every deletion from every word, or from its first `_PREFIX`
    characters, is kept as one number in a sorted array, and those of the word asked for are looked up in it.

    Args:
        counts: words and how often they occur; compared in lower case.
        distance: edits, 1 or 2.
    """

    _PREFIX = 7

    def __init__(self, counts: Mapping[str, int], distance: int = 2) -> None:
        if distance not in (1, 2):
            raise HtrError(f"distance {distance}: SymSpell looks 1 or 2 edits away")
        self.distance = distance
        self.counts: dict[str, int] = {}
        for word, count in counts.items():
            self.counts[word.lower()] = self.counts.get(word.lower(), 0) + count
        self._words = list(self.counts)
        self._numbers = np.zeros(0, dtype=np.uint64)

    def near(self, word: str) -> list[tuple[int, str]]:
        """(edits, word) of all words near a word, nearest first, the frequent first among equals."""
        if not self._numbers.size:
            self._build()
        low = word.lower()
        asked = self._deletions(np.array([[ord(c) for c in low[: self._PREFIX]]], dtype=np.uint64))[
            0
        ]
        first, last = (
            np.searchsorted(self._numbers, asked),
            np.searchsorted(self._numbers, asked, "right"),
        )
        found = {int(i) for a, b in zip(first, last, strict=True) for i in self._owner[a:b]}
        pairs = [
            (OSA.distance(low, self._words[i], score_cutoff=self.distance), self._words[i])
            for i in found
        ]
        near = [pair for pair in pairs if pair[0] <= self.distance]
        return sorted(near, key=lambda pair: (pair[0], -self.counts[pair[1]], pair[1]))

    def correct(self, text: str) -> Correction:
        """Each unknown word of two letters or more becomes the nearest known one, where there is one.

        Frequency decides among equals. A word keeps the case of its first letter, or of all.
        """
        changes = []
        for match in WORD.finditer(text):
            word = match.group()
            near = [] if word.lower() in self.counts or len(word) < 2 else self.near(word)
            if near:
                changes.append(
                    Change(match.start(), match.end(), word, same_case(near[0][1], word))
                )
        return Correction(replaced(text, changes), text, tuple(changes))

    def _build(self) -> None:
        numbers, owner = [], []
        size = np.array([min(len(word), self._PREFIX) for word in self._words])
        for length in np.unique(size):
            at = np.flatnonzero(size == length)
            letters = [[ord(c) for c in self._words[i][:length]] for i in at]
            made = self._deletions(np.array(letters, dtype=np.uint64).reshape(at.size, length))
            numbers.append(made.ravel())
            owner.append(np.repeat(at, made.shape[1]))
        joined = np.concatenate([*numbers, np.zeros(1, np.uint64)])
        order = np.argsort(joined)
        self._owner = np.concatenate([*owner, [0]])[order].astype(np.int32)
        self._numbers = joined[order]

    def _deletions(self, letters: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """A number for every way to delete up to `distance` letters: (words, length) -> (words, ways)."""
        length, made = letters.shape[1], []
        for deleted in range(min(self.distance, length) + 1):
            for places in combinations(range(length), length - deleted):
                number = np.full(len(letters), 7, dtype=np.uint64)
                for place in places:
                    number = (
                        number * np.uint64(0x100000001B3) + letters[:, place]
                    )  # wraps at 64 bits
                made.append(number)
        return np.stack(made, axis=1)
