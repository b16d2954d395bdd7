"""Words that no language foresees: numbers, sums, codes, addresses, capitals. They stay as the network read them.

A language model that never saw `20078 6630` would rather read a time in it. So where the network is sure of such a
word, its frames are fixed: each says what its best class is and nothing else, and the search walks through them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from htr_utils.text.decoding import Candidate

SURE = 0.8  # the least confidence of a character in such a word
_FIXED = 0.0  # log P of what a fixed frame says
_MARKS = re.compile(r"\d|[@/\\+=_<>\[\]{}|%]|\w[.:(]\w")


def is_literal(word: str) -> bool:
    """Whether a word between spaces is a number, a code, an address or a word in capitals."""
    bare = word.strip(".,;:!?\"'()-")
    return bool(_MARKS.search(word)) or (len(bare) > 1 and bare.isalpha() and bare.isupper())


def fixed(
    log_probs: NDArray[np.floating],
    frames: Sequence[int] | NDArray[np.integer],
    greedy: Sequence[Candidate],
    characters: str,
) -> NDArray[np.floating]:
    """The frames (lines, frames, classes) with those of sure literal words fixed; a copy, where there are such.

    Fixed is what lies between the space before such a word and the space after it, so that nothing is added there.

    Args:
        greedy: what greedy decoding reads in each line.
    """
    made = log_probs
    for row, (line, length) in enumerate(zip(greedy, frames, strict=True)):
        text = "".join(characters[i - 1] for i in line.ids)
        for match in re.finditer(r"\S+", text):
            first, end = match.span()
            if not is_literal(match.group()) or min(line.confidences[first:end]) < SURE:
                continue
            begin = line.frames[first - 1] if first else 0
            after = line.frames[end] + 1 if end < len(text) else int(length)
            if made is log_probs:
                made = log_probs.copy()
            best = log_probs[row, begin:after].argmax(axis=1)
            made[row, begin:after] = -np.inf
            made[row, np.arange(begin, after), best] = _FIXED
    return made
