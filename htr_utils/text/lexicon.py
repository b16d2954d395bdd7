"""A word list that judges a beam: the prefix tree of its words, and a price for words that it lacks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils.text.charset import BLANK

_MOST_LETTERS = (
    61  # one bit each in a node's set of children; the rarest count as strange to the list
)


class Lexicon:
    """A word list as a prefix tree, which charges for words that are not in it.

    Words are runs of letters, with apostrophes where the list has them. Capitals, punctuation and digits
    are free; so are letters right after a digit ("3rd").

    A node is a number; its children lie together, in the order of their letters, and the bits of a whole number
    say which letters it has. So a child's place is that of the first one and the number of bits below its own.

    Args:
        words: the list; case makes no difference.
        characters: the charset's characters.
        price: for leaving the list, in nats; `letter` for each further letter of that word.
    """

    _ROOT, _OUTSIDE, _FREE = 0, 1, 2

    def __init__(
        self, words: Iterable[str], characters: str, price: float = 4.0, letter: float = 0.5
    ) -> None:
        self.classes, self.price, self.letter = len(characters) + 1, price, letter
        folded = [c.lower() if c.isalpha() or c == "'" else "" for c in characters]
        codes = np.frombuffer(("\n".join(words).lower() + "\n").encode("utf-32-le"), "<u4")
        counts = np.bincount(codes, minlength=max(map(ord, "'" + characters)) + 1)
        often = sorted(set(folded) - {"", "'"}, key=lambda c: (-counts[ord(c)], c))
        letters = sorted(["'", *(c for c in often[:_MOST_LETTERS] if counts[ord(c)])])
        place = {c: n for n, c in enumerate(letters)}
        strange = len(letters)  # a bit that no node has
        bits = [strange if c else strange + 1 for c in folded]
        self._bit = np.array(
            [strange + 1, *(place.get(c, b) for c, b in zip(folded, bits, strict=True))]
        )
        self._bit = self._bit.astype(np.uint64)
        self._is_letter = np.array([False, *(c not in ("", "'") for c in folded)])
        self._is_digit = np.array([False, *(c.isdigit() for c in characters)])
        number = np.full(counts.size, -1, dtype=np.int8)
        number[[ord(c) for c in letters]] = np.arange(len(letters))
        written = number[codes]
        last = np.flatnonzero(codes == ord("\n"))
        lengths = np.diff(last, prepend=-1) - 1
        unknown = np.add.reduceat(written < 0, last - lengths, dtype=np.int32) > 1  # one: the end
        good = ~unknown & (lengths > 0)
        self._tree(written[np.repeat(good, lengths + 1) & (written >= 0)], lengths[good], place)
        # Prices of what is not in the tree, by the kind of node and whether a letter is written.
        self._prices = -np.array(
            [[price, price], [0, price], [0, letter], [0, 0]], dtype=np.float32
        ).ravel()

    def _tree(
        self, joined: NDArray[np.int8], lengths: NDArray[np.int64], place: dict[str, int]
    ) -> None:
        """Nodes 0 to 2, then those of the tree, one length of prefix after the other.

        `joined`: the letters of all words, one behind the other, as `place` numbers them; `lengths` of the words.
        """
        size = int(lengths.max(initial=0))
        table = np.full((lengths.size, size), -1, dtype=np.int8)
        table[np.arange(size) < lengths[:, None]] = joined
        order = np.lexsort(table.T[::-1]) if size else np.arange(0)
        table, lengths = table[order], lengths[order]
        mask, first, ends = [np.zeros(3, np.uint64)], [np.zeros(3, np.int64)], [np.ones(3, bool)]
        node, count = np.zeros(lengths.size, dtype=np.int64), 3  # where each word is now
        parents = np.zeros(1, dtype=np.int64)  # the nodes of the level before, by their numbers
        for k in range(size):
            longer = np.flatnonzero(lengths > k)
            letter, above = table[longer, k].astype(np.uint64), node[longer]
            new = np.ones(longer.size, dtype=bool)
            new[1:] = (above[1:] != above[:-1]) | (letter[1:] != letter[:-1])
            node[longer] = count + np.cumsum(new) - 1
            at = np.searchsorted(parents, above[new])
            bits = np.zeros(parents.size, dtype=np.uint64)
            np.bitwise_or.at(bits, at, np.uint64(1) << letter[new])
            begin = np.zeros(parents.size, dtype=np.int64)
            begin[at[::-1]] = (count + np.arange(at.size))[::-1]
            if k == 0:
                mask[0][0], first[0][0] = bits[0], begin[0]
            else:
                mask.append(bits)
                first.append(begin)
            parents = count + np.arange(int(new.sum()))
            end = np.zeros(parents.size, dtype=bool)
            end[node[longer[lengths[longer] == k + 1]] - count] = True
            if k and "'" in place:  # the closing quote of 'dog' looks like the beginning of "dog's"
                quotes = letter[new] == place["'"]
                end[quotes] |= np.concatenate(ends)[above[new][quotes]]
            elif "'" in place:
                end[letter[new] == place["'"]] = True
            ends.append(end)
            count += parents.size
        if size:
            mask.append(np.zeros(parents.size, np.uint64))
            first.append(np.zeros(parents.size, np.int64))
        self._mask, self._first = np.concatenate(mask), np.concatenate(first).astype(np.int32)
        self._kind = np.concatenate(ends).astype(np.int8)  # 0 within a word, 1 at the end of one
        self._kind[[self._OUTSIDE, self._FREE]] = 2, 3

    def start(self, count: int) -> NDArray[np.int32]:
        return np.zeros(count, dtype=np.int32)

    def judge(self, states: ArrayLike) -> _Judge:
        """As `LanguageModel.judge`."""
        return _Judge(self, np.asarray(states))

    def log_probs(self, states: ArrayLike, ids: ArrayLike | None = None) -> NDArray[np.float32]:
        """0 for what is free, minus the price for what is not: (n, classes), or as `LanguageModel` for `ids`."""
        now = np.asarray(states)[:, None] if ids is None else np.asarray(states)
        i = np.arange(self.classes) if ids is None else np.asarray(ids)
        now, i = np.broadcast_arrays(now, i)
        found = self.judge(now.ravel()).log_probs(np.arange(now.size), i.ravel())
        return np.where(i.ravel() == BLANK, np.float32(0), found).reshape(now.shape)

    def advance(self, states: ArrayLike, ids: ArrayLike) -> NDArray[np.int32]:
        now, written = np.asarray(states, dtype=np.int32), np.asarray(ids)
        mask, bit = self._mask[now], self._bit[written]
        below = mask & ((np.uint64(1) << bit) - np.uint64(1))
        child = self._first[now] + np.bitwise_count(below).astype(np.int32)
        lost = np.where(
            self._is_letter[written], np.where(now == self._FREE, self._FREE, self._OUTSIDE), 0
        )
        after = np.where((mask >> bit) & np.uint64(1) > 0, child, lost)
        after = np.where(self._is_digit[written], self._FREE, after)
        return np.where(written == BLANK, now, after).astype(np.int32)

    def end(self, states: ArrayLike) -> NDArray[np.float32]:
        return self._prices[self._kind[np.asarray(states)] * np.int8(2)]


class _Judge:
    """`search.Judge` of a lexicon."""

    def __init__(self, words: Lexicon, states: NDArray[np.integer]) -> None:
        self._words, self._states = words, states
        self._mask, self._kind = words._mask[states], words._kind[states] * np.int8(2)

    def log_probs(self, of: NDArray, ids: NDArray) -> NDArray[np.float32]:
        price = self._words._prices[self._kind[of] + self._words._is_letter[ids]]
        price[(self._mask[of] >> self._words._bit[ids]) & np.uint64(1) > 0] = 0
        return price

    def advance(self, of: NDArray, ids: NDArray) -> NDArray[np.int32]:
        return self._words.advance(self._states[of], ids)
