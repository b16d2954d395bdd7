"""Rows of a language model's contexts: made when they are met, searched by bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Table:
    """Rows made when they are first asked for, since a text meets few of all: `columns[k][place[key]]`.

    Several threads may read while one adds: they look up `place` first and take `columns` then.
    """

    def __init__(self, many: int, *empty: NDArray[Any]) -> None:
        self.place = np.full(many, -1, dtype=np.int32)
        self.columns, self._size = list(empty), 0

    def add(self, keys: NDArray[Any], *rows: NDArray[Any]) -> None:
        end, room = self._size + keys.size, len(self.columns[0])
        if end > room:
            more = max(end, 2 * room) - room
            self.columns = [
                np.concatenate([old, np.zeros((more, *old.shape[1:]), old.dtype)])
                for old in self.columns
            ]
        for column, row in zip(self.columns, rows, strict=True):
            column[self._size : end] = row
        self.place[keys] = np.arange(self._size, end, dtype=np.int32)
        self._size = end


def child_of(
    bits: NDArray[np.uint64], first: NDArray[np.uint32], at: NDArray[Any], bit: NDArray[np.uint64]
) -> tuple[NDArray[np.intp], NDArray[np.uint32]]:
    """Which of some contexts have a child of a character, and the nodes of those children.

    `bits`, `first`: (contexts, words) as in `LanguageModel`. `at`: context * words + word, `bit` of the character.
    """
    mask = bits.ravel()[at]
    there = np.flatnonzero(mask >> bit & np.uint64(1))
    below = np.bitwise_count(mask[there] & ((np.uint64(1) << bit[there]) - np.uint64(1)))
    return there, first.ravel()[at[there]] + below
