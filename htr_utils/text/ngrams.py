"""Makes a language model out of text: counts n-grams, drops those that matter least, shares out probability.

Every n-gram keeps its count less a discount (modified Kneser-Ney, Chen and Goodman 1999, section 3); what was
taken off goes to the shorter context. A shorter n-gram counts in how many places it was seen, not how often.

Most n-grams of a text say nothing that their ending does not say as well. Entropy pruning (Stolcke 1998) asks of
each how much worse the text would be foreseen without it, and the least useful go. Kneser-Ney's short n-grams
would then know too little of them, so a pruned n-gram hands its whole count down (Siivola, Hirsimaki and
Virpioja 2007, "On growing and pruning Kneser-Ney smoothed n-gram models").
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from htr_utils.errors import HtrError
from htr_utils.text import languages
from htr_utils.text.charset import Charset
from htr_utils.text.language import GRID, LanguageModel

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_WORD = re.compile(r"(?<![^\W_])[^\W\d_]+(?:'[^\W\d_]+)?(?![^\W_])")


@dataclass
class _Level:
    """The n-grams of one length, sorted: as numbers, their counts, where their context and their ending stand.

    `parent` is the place of an n-gram without its last character, `ending` that without its first, both in the
    level below.
    """

    key: _Ints
    count: _Ints
    parent: _Ints
    ending: _Ints
    parents: int


def train(
    paragraphs: Iterable[str],
    characters: str,
    order: int = 7,
    most: int | None = None,
    about: Mapping[str, Any] | None = None,
    least: int = 1,
) -> LanguageModel:
    """Count a text and make a model of it.

    Args:
        paragraphs: running text; folded to the characters, one space between words.
        order: longest n-gram, 2 to 9 with 79 characters.
        most: n-grams to keep, those that matter most; all without it. A file has about 1.2 bytes for each.
        least: how often a word must occur to be listed in `LanguageModel.words`.

    Raises:
        HtrError: an order that cannot be counted, no text.
    """
    charset = Charset(characters)
    if (
        order < 2
        or charset.classes**order >= 2**63
        or charset.classes > 256
        or " " not in characters
    ):
        raise HtrError(
            f"a language model of order {order} over {len(characters)} characters cannot be made"
        )
    joined = " ".join(["", *charset.fold("\n".join(paragraphs)).split(), ""])
    if len(joined) < order + 2:
        raise HtrError("no text to train a language model on; name files with --text")
    ids = charset.encode(joined).astype(np.int64)
    levels = _levels(ids, charset.classes, order)
    kept = [np.ones(level.key.size, dtype=bool) for level in levels]
    if most is not None and most < sum(level.key.size for level in levels):
        kept = _worth_keeping(levels, most)

    shares, _ = _shares(levels, kept)
    char, children, share = [np.zeros(1, np.uint8)], [], [np.zeros(1, np.uint8)]
    alive = np.ones(1, dtype=bool)  # of the level below
    for level, keep, p in zip(levels, kept, shares, strict=True):
        number = np.cumsum(alive) - 1  # the place of a kept context among the kept ones
        parent, parents = number[level.parent[keep]], int(alive.sum())
        char.append((level.key[keep] % charset.classes).astype(np.uint8))
        children.append(np.bincount(parent, minlength=parents).astype(np.uint8))
        share.append(_quantised(p[keep], parent, parents))
        alive = keep
    children.append(np.zeros(int(alive.sum()), np.uint8))
    words = Counter(_WORD.findall(joined))
    return LanguageModel(
        characters,
        order,
        np.concatenate(char),
        np.concatenate(children),
        np.concatenate(share),
        {word: count for word, count in words.items() if count >= least},
        about,
        languages.profile(ids, characters).tobytes(),
    )


def _levels(ids: _Ints, base: int, order: int) -> list[_Level]:
    """The n-grams of each length as numbers in base `base`, sorted."""
    found: list[_Level] = []
    key, below = np.zeros(ids.size + 1, dtype=np.int64), np.zeros(1, dtype=np.int64)
    for k in range(order):
        key = key[:-1] * base + ids[k:]
        unique, count = np.unique(key, return_counts=True)
        parent = np.searchsorted(below, unique // base)
        # The text's last n-gram may be the only one of its ending; it is found all the same.
        ending = np.searchsorted(below, unique % base**k)
        found.append(_Level(unique, count, parent, ending, below.size))
        below = unique
    return found


def _shares(
    levels: list[_Level], kept: list[NDArray[np.bool_]]
) -> tuple[list[_Floats], list[_Floats]]:
    """Of each n-gram the discounted probability after its context; of each context what is left over."""
    counts = [level.count for level in levels]
    for k in range(len(levels) - 2, -1, -1):
        longer = levels[k + 1]
        handed = np.where(kept[k + 1], 1, counts[k + 1])
        places = np.bincount(longer.ending, handed, minlength=levels[k].key.size)
        counts[k] = np.maximum(places.astype(np.int64), 1)
    shares, rests = list[_Floats](), list[_Floats]()
    for level, count, keep in zip(levels, counts, kept, strict=True):
        n = [max(1, int((count == times).sum())) for times in (1, 2, 3, 4)]
        y = n[0] / (n[0] + 2 * n[1])
        discount = np.clip(
            [0, *(i - (i + 1) * y * n[i] / n[i - 1] for i in (1, 2, 3))], 0.1, (1, 0.9, 1.8, 2.7)
        )
        total = np.bincount(level.parent, count, minlength=level.parents)
        p: _Floats = np.maximum(count - discount[np.minimum(count, 3)], 0.02) / total[level.parent]
        shares.append(p)
        kept_share = np.bincount(level.parent, p * keep, minlength=level.parents)
        rests.append(1.0 - kept_share.astype(np.float64))
    return shares, rests


def _worth_keeping(levels: list[_Level], most: int) -> list[NDArray[np.bool_]]:
    """Which n-grams are kept: every single character, and of the others those whose loss would cost most.

    The cost of dropping c after h is count(h) times the relative entropy of the answers before and after, where
    what c had goes to the shorter context. An n-gram stays as long as one that begins with it.
    """
    shares, rests = _shares(levels, [np.ones(level.key.size, dtype=bool) for level in levels])
    costs: list[_Floats] = []
    lower = np.full(1, 1 / levels[0].key.size)
    for level, p, rest in zip(levels, shares, rests, strict=True):
        seen_below = lower[level.ending]  # P of the character after the shorter context
        left = np.maximum(rest, 1e-6)[level.parent]
        now, then = p + left * seen_below, (left + p) * seen_below
        seen = np.bincount(level.parent, seen_below, minlength=level.parents)[level.parent]
        unseen = left * np.maximum(1 - seen, 0)
        context = np.bincount(level.parent, level.count, minlength=level.parents)[level.parent]
        gain = unseen * np.log1p(p / left) + p * np.maximum(seen - seen_below, 0)
        costs.append(context * (now * np.log(now / then) - gain))
        lower = now
    costs[0][:] = np.inf
    for k in range(len(levels) - 2, -1, -1):
        np.maximum.at(costs[k], levels[k + 1].parent, costs[k + 1])
    everything = np.concatenate(costs)
    least = np.partition(everything, -most)[-most] if most < everything.size else -np.inf
    return [cost >= least for cost in costs]


def _quantised(p: _Floats, parent: _Ints, parents: int) -> NDArray[np.uint8]:
    """The nearest place in the grid, or the one below where a parent's children would use up all of 1."""
    above = np.clip(np.searchsorted(GRID, p), 1, 255)
    below = above - 1
    nearest = np.where(GRID[above] - p < p - GRID[below], above, below)
    full = np.bincount(parent, GRID[nearest], minlength=parents) > 0.9999
    return np.where(full[parent], below, nearest).astype(np.uint8)
