"""Beam search that listens to a language model: what the frames show and what the language allows.

`prefix_beam` is the beam search of `decoding.beam` with one change: prefixes compete by

    log P(prefix | frames) + weight * log P(prefix in the language) + bonus * characters

("shallow fusion", Hannun et al. 2014, algorithm 1; the bonus makes up for the model's dislike of long
texts). `lexicon_beam` adds a word list in the form of a prefix tree. Both walk through many lines at once:
each array of a step is (lines, beams) or (lines, beams, classes).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils.errors import HtrError
from htr_utils.text.charset import BLANK
from htr_utils.text.decoding import Candidate, _checked

_NEVER = -np.inf
_TOGETHER = 64  # lines in one go; more would fall out of the processor's cache
_MOST_CLASSES = 8  # of a frame, where unlikely classes are left out
_NO_PARENT, _NO_PREFIX = np.uint64(1), np.uint64(2)  # numbers that no prefix has
_Floats = NDArray[np.float64]
_Ids = tuple[int, ...]


class Scorer(Protocol):
    """What judges a prefix by its characters: `LanguageModel` or `Lexicon`. States are whole numbers."""

    classes: int

    def start(self, count: int) -> NDArray[np.int32]: ...
    def log_probs(self, states: ArrayLike, ids: ArrayLike | None = None) -> NDArray[np.float32]: ...
    def advance(self, states: ArrayLike, ids: ArrayLike) -> NDArray[np.int32]: ...
    def end(self, states: ArrayLike) -> NDArray[np.float32]: ...


class Lexicon:
    """A word list as a prefix tree, which charges for words that are not in it.

    Words are runs of letters, with apostrophes where the list has them. Capitals, punctuation and digits
    are free; so are letters right after a digit ("3rd").

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
        folded = [""] + [c.lower() if c.isalpha() or c == "'" else "" for c in characters]
        letters = {c: n for n, c in enumerate(sorted({c for c in folded if c} | {"'"}))}
        tree, ends = {(0, -1): 0, (1, -1): 0, (2, -1): 0}, {0, 1, 2}
        for word in words:
            node = 0
            if all(c in letters for c in word.lower()):
                for c in word.lower():
                    node = tree.setdefault((node, letters[c]), len(tree))
                ends.add(node)
        # The closing quote of 'dog' looks like the beginning of "dog's".
        ends |= {to for (node, place), to in tree.items() if place == letters["'"] and node in ends}
        self._child = np.zeros((len(tree), len(letters)), dtype=np.int32)
        for (node, place), to in tree.items():
            if place >= 0:
                self._child[node, place] = to
        self._ends = np.isin(np.arange(len(tree)), list(ends))
        self._letter = np.array([letters.get(c, 0) for c in folded])  # (classes,)
        self._is_letter = np.array([bool(c) and c != "'" for c in folded])
        self._is_quote = np.array([c == "'" for c in folded])
        self._is_digit = np.array([False] + [c.isdigit() for c in characters])

    def start(self, count: int) -> NDArray[np.int32]:
        return np.zeros(count, dtype=np.int32)

    def log_probs(self, states: ArrayLike, ids: ArrayLike | None = None) -> NDArray[np.float32]:
        """0 for what is free, minus the price for what is not: (n, classes), or as `LanguageModel` for `ids`."""
        now = np.asarray(states)[:, None] if ids is None else np.asarray(states)
        i = np.arange(self.classes) if ids is None else np.asarray(ids)
        inside = (self._child[now, self._letter[i]] > 0) & (self._is_letter | self._is_quote)[i]
        letter = np.select(
            [inside | (now == self._FREE), now == self._OUTSIDE], [0, self.letter], self.price
        )
        other = np.where(inside | self._ends[now] | (i == BLANK), 0, self.price)
        return -np.where(self._is_letter[i], letter, other).astype(np.float32)

    def advance(self, states: ArrayLike, ids: ArrayLike) -> NDArray[np.int32]:
        now, written = np.asarray(states, dtype=np.int32), np.asarray(ids)
        child = np.where(
            self._is_letter[written] | self._is_quote[written],
            self._child[now, self._letter[written]],
            0,
        )
        lost = np.where(now == self._FREE, self._FREE, self._OUTSIDE)
        after = np.where(self._is_letter[written], np.where(child > 0, child, lost), child)
        after = np.where(self._is_digit[written], self._FREE, after)
        return np.where(written == BLANK, now, after).astype(np.int32)

    def end(self, states: ArrayLike) -> NDArray[np.float32]:
        return np.where(self._ends[np.asarray(states)], 0, -self.price).astype(np.float32)


def prefix_beam(
    log_probs: ArrayLike,
    lengths: ArrayLike,
    lm: Scorer | None = None,
    width: int = 25,
    weight: float = 0.5,
    bonus: float = 1.0,
    top: int = 1,
    prune: float = 1e-3,
) -> list[list[Candidate]]:
    """The `top` best readings of each line, best first, by prefix beam search with a language model.

    A candidate's `log_prob` is the fused score of the text, end of line included. Without `lm` there is
    neither weight nor bonus: the search is `decoding.beam`.

    Args:
        log_probs: (batch, frames, classes), class 0 the blank. lengths: (batch,), true frames.
        width: prefixes kept after each frame. weight, bonus: see above; the bonus is per character.
        prune: classes less probable than this start no prefix, and frames that are blank but for this much
            are passed over; 0 searches everything.

    Raises:
        HtrError: as `decoding.beam`; a language model of another number of classes.
    """
    scorers = [] if lm is None else [(lm, weight)]
    return _decode(log_probs, lengths, scorers, width, 0.0 if lm is None else bonus, top, prune)


def lexicon_beam(
    log_probs: ArrayLike,
    lengths: ArrayLike,
    lexicon: Lexicon,
    lm: Scorer | None = None,
    width: int = 25,
    weight: float = 0.5,
    bonus: float = 1.0,
    top: int = 1,
    prune: float = 1e-3,
) -> list[list[Candidate]]:
    """`prefix_beam` with a word list beside the language model: other words are possible at its price."""
    scorers: list[tuple[Scorer, float]] = [(lexicon, 1.0)] + ([] if lm is None else [(lm, weight)])
    return _decode(log_probs, lengths, scorers, width, 0.0 if lm is None else bonus, top, prune)


def _decode(
    log_probs: ArrayLike,
    lengths: ArrayLike,
    scorers: Sequence[tuple[Scorer, float]],
    width: int,
    bonus: float,
    top: int,
    prune: float,
) -> list[list[Candidate]]:
    if width < 1 or not 1 <= top <= width or not 0 <= prune < 0.1:
        raise HtrError(
            f"width {width}, top {top}, prune {prune}: 1 <= top <= width, 0 <= prune < 0.1 is needed"
        )
    values, frames = _checked(log_probs, lengths)
    for scorer, _ in scorers:
        if scorer.classes != values.shape[2]:
            raise HtrError(
                f"the language model knows {scorer.classes} classes, the frames have {values.shape[2]}: "
                "train one for this charset with `htr lm train`"
            )
    plan = [_steps(line[:n], prune) for line, n in zip(values, frames.tolist(), strict=True)]
    order = sorted(
        range(len(plan)), key=lambda i: -len(plan[i][0])
    )  # lines of like length together
    found: list[list[Candidate]] = [[] for _ in plan]
    for at in range(0, len(order), _TOGETHER):
        chosen = order[at : at + _TOGETHER]
        part = values[chosen].astype(np.float64)
        texts = _search(part, [plan[i] for i in chosen], scorers, width, bonus, top, prune)
        owner = [k for k, line in enumerate(texts) for _ in line]
        places = align_batch(
            part, frames[chosen], owner, [ids for line in texts for ids, _ in line]
        )
        for k, (ids, score) in zip(owner, [one for line in texts for one in line], strict=True):
            at_frames = next(places)
            sure = np.exp(part[k, at_frames, ids]).tolist() if ids else []
            found[chosen[k]].append(Candidate(ids, score, tuple(at_frames), tuple(sure)))
    return found


def _steps(line: NDArray[np.floating], prune: float) -> tuple[NDArray[np.int64], _Floats]:
    """The frames (steps,) where something may happen, and the log P of the blanks passed over before each.

    The second array has one entry more, for the blanks at the end; 0 where none was passed over.
    """
    blank = line[:, BLANK].astype(np.float64)
    quiet = blank > np.log1p(-prune) if prune else np.zeros(len(line), dtype=bool)
    at = np.flatnonzero(~quiet)
    passed = np.zeros(at.size + 1)
    np.add.at(passed, np.searchsorted(at, np.flatnonzero(quiet)), np.minimum(blank[quiet], -1e-300))
    return at, passed


def _search(
    values: _Floats,
    plan: Sequence[tuple[NDArray[np.int64], _Floats]],
    scorers: Sequence[tuple[Scorer, float]],
    width: int,
    bonus: float,
    top: int,
    prune: float,
) -> list[list[tuple[_Ids, float]]]:
    """The best texts of lines that are sorted by their number of steps, most first: (ids, fused score)."""
    batch, _, classes = values.shape
    steps = np.array([len(at) for at, _ in plan])
    longest = int(steps.max(initial=0))
    # What is known of each prefix: log P of its paths, of those that end in a blank and of those that end in
    # its last character; what the scorers gave it, its last character, its number and that of its parent.
    both, blank, letter = (np.full((batch, width), _NEVER) for _ in range(3))
    both[:, 0] = blank[:, 0] = 0.0
    fused, last = np.zeros((batch, width)), np.zeros((batch, width), dtype=np.int64)
    number = np.full((batch, width), _NO_PREFIX)
    number[:, 0] = 0
    parent = np.full((batch, width), _NO_PARENT)
    states = [scorer.start(batch * width).reshape(batch, width) for scorer, _ in scorers]
    came_from = np.tile(
        np.arange(width, dtype=np.int32), (longest, batch, 1)
    )  # (steps, batch, width)
    wrote = np.zeros((longest, batch, width), dtype=np.int32)
    used, passed = np.zeros((batch, longest, classes)), np.zeros((batch, longest + 1, 1))
    for i, (at, quiet) in enumerate(plan):
        used[i, : at.size], passed[i, : quiet.size, 0] = values[i, at], quiet
    floor = np.log(prune) if prune else _NEVER
    likely = np.minimum((used[:, :, 1:] > floor).sum(axis=2), _MOST_CLASSES if prune else classes)
    ranked = 1 + np.argsort(-used[:, :, 1:], axis=2, kind="stable")

    for step in range(longest):
        n = int((steps > step).sum())  # the lines that are not done yet come first
        lines = np.arange(n)[:, None]
        frame, quiet = used[:n, step], passed[:n, step]
        total, b, w = both[:n] + quiet, blank[:n], letter[:n]
        b, w = np.where(quiet < 0, total, b), np.where(quiet < 0, _NEVER, w)

        # The prefix stays: through a blank, or through its last character once more.
        stay_blank = total + frame[:, :1]
        stay_letter = w + frame[lines, last[:n]]

        # It grows by one of the likely classes of its line.
        count = max(1, int(likely[:n, step].max()))
        chosen = ranked[:n, step, :count]  # (n, count)
        p = frame[lines, chosen]
        p = np.where(p > floor, p, _NEVER)
        repeated = (
            chosen[:, None, :] == last[:n, :, None]
        )  # the same character again: only after a blank
        grow = (
            np.where(repeated, b[:, :, None], total[:, :, None]) + p[:, None, :]
        )  # (n, width, count)

        # A grown prefix may be in the beam already: its paths belong to that one.
        line, child, mother = np.nonzero(parent[:n, :, None] == number[:n, None, :])
        c = last[line, child]
        paths = (
            np.where(last[line, mother] == c, b[line, mother], total[line, mother]) + frame[line, c]
        )
        stay_letter[line, child] = np.logaddexp(stay_letter[line, child], paths)
        known, place = np.nonzero(chosen[line] == c[:, None])
        grow[line[known], mother[known], place] = _NEVER

        gain = np.full(grow.shape, float(bonus))
        for (scorer, weight), state in zip(scorers, states, strict=True):
            gain += weight * scorer.log_probs(state[:n, :, None], chosen[:, None, :])
        stay = np.logaddexp(stay_blank, stay_letter)
        score = np.concatenate(
            [stay + fused[:n], (grow + fused[:n, :, None] + gain).reshape(n, -1)], axis=1
        )
        kept = _best(score, width)  # (n, width)

        # Places below `width` are prefixes that stayed, the others grew: parent * count + class.
        stayed = kept < width
        grown, k = np.divmod(np.maximum(kept - width, 0), count)
        source = np.where(stayed, kept, grown)
        ids = np.where(stayed, BLANK, chosen[lines, k])
        new = grow[lines, grown, k]
        both[:n] = np.where(stayed, stay[lines, source], new)
        blank[:n] = np.where(stayed, stay_blank[lines, source], _NEVER)
        letter[:n] = np.where(stayed, stay_letter[lines, source], new)
        fused[:n] = fused[lines, source] + np.where(stayed, 0, gain[lines, grown, k])
        last[:n] = np.where(stayed, last[lines, source], ids)
        numbers = number[lines, source]
        parent[:n] = np.where(stayed, parent[lines, source], numbers)
        number[:n] = np.where(stayed, numbers, _mixed(numbers, ids))
        dead = score[lines, kept] == _NEVER
        number[:n][dead], parent[:n][dead] = _NO_PREFIX, _NO_PARENT
        for (scorer, _), state in zip(scorers, states, strict=True):
            state[:n] = scorer.advance(state[lines, source], ids)
        came_from[step, :n], wrote[step, :n] = source, ids

    total = both + passed[np.arange(batch), steps] + fused
    for (scorer, weight), state in zip(scorers, states, strict=True):
        total += weight * scorer.end(state)
    best = np.argsort(-total, axis=1, kind="stable")[:, :top]  # (batch, top)
    slot, lines = best, np.arange(batch)[:, None]
    written = np.zeros((longest, *best.shape), dtype=np.int32)
    for step in range(longest - 1, -1, -1):
        written[step] = wrote[step, lines, slot]
        slot = came_from[step, lines, slot]
    scores = np.take_along_axis(total, best, axis=1)
    return [
        [
            (tuple(written[written[:, i, j] > 0, i, j].tolist()), float(scores[i, j]))
            for j in range(best.shape[1])
            if scores[i, j] > _NEVER
        ]
        for i in range(batch)
    ]


def _best(score: _Floats, width: int) -> NDArray[np.int64]:
    """Places of the `width` highest scores of each row, in the order of the places; of equals the first."""
    least = np.partition(score, -width, axis=1)[:, -width, None]
    above, equal = score > least, score == least
    missing = width - above.sum(axis=1, keepdims=True)
    chosen = above | (equal & (np.cumsum(equal, axis=1) <= missing))
    return np.nonzero(chosen)[1].reshape(len(score), width)


def _mixed(number: NDArray[np.uint64], ids: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The number of a prefix that grew: 64 well-mixed bits (splitmix64), so that two never meet in practice."""
    z = (
        number * np.uint64(0x9E3779B97F4A7C15)
        + ids.astype(np.uint64)
        + np.uint64(0x632BE59BD9B4E019)
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def align_batch(
    values: _Floats, frames: NDArray[np.int64], owner: Sequence[int], texts: Sequence[_Ids]
) -> Iterator[list[int]]:
    """`decoding.align` for many texts at once: yields the frame of each character of each text.

    Args:
        values: (lines, frames, classes). frames: (lines,), true frames. owner: (texts,), the line of each text.
    """
    line = np.array(owner, dtype=np.int64)
    size = np.array([len(ids) for ids in texts], dtype=np.int64)
    many, longest = len(texts), int(size.max(initial=0))
    states = np.zeros((many, 2 * longest + 1), dtype=np.int64)  # blank, id, blank, id, ..., blank
    for row, ids in zip(states, texts, strict=True):
        row[1 : 2 * len(ids) : 2] = ids
    barred = np.ones((many, max(0, 2 * longest - 1)), dtype=bool)  # no way over a blank ...
    barred[:, 1::2] = (
        states[:, 3::2] == states[:, 1:-2:2]
    )  # ... but between two characters that differ
    rows, length = np.arange(many), frames[line]
    last_frame = int(length.max(initial=0))
    score = np.full(states.shape, _NEVER)
    score[:, 0] = 0.0  # before the first frame: as if a blank had been written
    came_from = np.zeros((last_frame, *states.shape), dtype=np.int8)  # 0, 1 or 2 states back
    for t in range(last_frame):
        going = (t < length)[:, None]
        best, back = score.copy(), came_from[t]
        back[:, 1:] = going & (score[:, :-1] > score[:, 1:])
        best[:, 1:] = np.maximum(score[:, 1:], score[:, :-1])
        two = np.where(barred, _NEVER, score[:, :-2])
        back[:, 2:][going & (two > best[:, 2:])] = 2
        best[:, 2:] = np.maximum(best[:, 2:], two)
        score = np.where(going, best + values[line[:, None], t, states], score)

    at = 2 * size
    at = np.where((at > 0) & (score[rows, at - 1] > score[rows, at]), at - 1, at)
    walked = np.zeros((last_frame, many), dtype=np.int64)  # the state of each frame
    for t in range(last_frame - 1, -1, -1):
        walked[t] = at
        at = at - came_from[t, rows, at]
    strongest = np.full((many, longest + 1), _NEVER)
    found = np.zeros((many, longest + 1), dtype=np.int64)
    for t in range(last_frame):
        p = values[line, t, states[rows, walked[t]]]
        better = (walked[t] % 2 == 1) & (t < length) & (p > strongest[rows, walked[t] // 2])
        strongest[rows[better], walked[t][better] // 2] = p[better]
        found[rows[better], walked[t][better] // 2] = t
    for row, count in zip(found, size.tolist(), strict=True):
        yield row[:count].tolist()
