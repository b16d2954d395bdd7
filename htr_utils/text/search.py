"""The engine of `fusion`: many lines walk through prefix beam search side by side.

The rules are those of `fusion.prefix_beam`. What makes it fast changes no answer: the prefixes of all lines lie
one behind the other in flat arrays, and a prefix grows only by those characters with which it could still come
into the beam. The language model never adds to a score, so what the frame and the bonus give is the most that
a character can bring, and most pairs of prefix and character are out before any scorer is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils.text.charset import BLANK

_NEVER, _LEAST = -np.inf, -1e300
_TABLE = 18  # at most 2 ** 18 places where prefixes are looked up by their number
_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
Ids = tuple[int, ...]


class Judge(Protocol):
    """What a scorer says of some states (n,), looked up once. Asked with places in them and ids > 0, (m,) each."""

    def log_probs(self, of: Any, ids: Any) -> NDArray[np.float32]: ...
    def advance(self, of: Any, ids: Any) -> NDArray[np.int32]: ...


class Scorer(Protocol):
    """What judges a prefix by its characters: `LanguageModel` or `Lexicon`. States are whole numbers.

    `log_probs` is never above 0.
    """

    classes: int

    def start(self, count: int) -> NDArray[np.int32]: ...
    def log_probs(self, states: ArrayLike, ids: ArrayLike | None = None) -> NDArray[np.float32]: ...
    def judge(self, states: Any) -> Judge: ...
    def advance(self, states: ArrayLike, ids: ArrayLike) -> NDArray[np.int32]: ...
    def end(self, states: ArrayLike) -> NDArray[np.float32]: ...


class Frames:
    """The frames of some lines where something may happen, those with most such frames first.

    Args:
        values: (lines, frames, classes) log-probabilities. lengths: (lines,), true frames.
        prune: classes less probable than this start no prefix; frames that are blank but for ten times as much
            are passed over; 0 leaves nothing out.
        most: classes of a frame that may start a prefix.
    """

    def __init__(
        self, values: NDArray[np.floating], lengths: _Ints, prune: float, most: int
    ) -> None:
        inside = np.arange(values.shape[1]) < lengths[:, None]
        blank = values[:, :, BLANK].astype(np.float64)
        quiet = inside & (blank > (np.log1p(-min(10 * prune, 0.1)) if prune else 0.0))
        lively = inside & ~quiet
        count = lively.sum(axis=1)
        self.order = np.argsort(-count, kind="stable")
        self.steps = count[self.order]
        longest, most = int(count.max(initial=0)), min(most, values.shape[2] - 1)
        # log P of the blanks passed over before each step of each line, 0 where there was none.
        self.passed = np.zeros((longest + 1, count.size))
        row = np.argsort(self.order)
        of, at = np.nonzero(quiet)
        step = lively.cumsum(axis=1)
        np.add.at(self.passed, (step[of, at], row[of]), np.minimum(blank[of, at], -1e-300))
        # The frames lie one behind the other, line by line: that of a step is at `first` of its line + step.
        self.first = np.cumsum(self.steps) - self.steps
        row, at = np.nonzero(lively[self.order])
        self.used = values[self.order[row], at].astype(np.float64)  # (frames, classes)
        letters = -self.used[:, 1:]
        likely = np.argpartition(letters, most - 1, axis=1)[:, :most]
        ranks = np.argsort(np.take_along_axis(letters, likely, axis=1), axis=1, kind="stable")
        ranked = np.take_along_axis(likely, ranks, axis=1) + 1
        self.ids = ranked.astype(np.int16)  # (frames, most): the likely classes, best first
        p = np.take_along_axis(self.used, ranked, axis=1)
        self.p = np.where(p > (np.log(prune) if prune else _NEVER), p, _NEVER)
        self.most = np.ones(longest, dtype=np.int64)  # at a step, of any line
        np.maximum.at(
            self.most, np.arange(row.size) - self.first[row], (self.p > _NEVER).sum(axis=1)
        )
        self.rank = np.full(self.used.shape, most, dtype=np.int16)  # places in `ids`
        np.put_along_axis(self.rank, ranked, np.arange(most, dtype=np.int16)[None], axis=1)
        # For an alignment one blank stands for a stretch of them: (lines,), and the frames (lines, most of them).
        kept = lively | quiet
        kept[:, 1:] &= ~(quiet[:, 1:] & quiet[:, :-1])
        self.sizes = kept.sum(axis=1)
        of, at = np.nonzero(kept)
        self.kept = np.zeros((count.size, int(self.sizes.max(initial=0))), dtype=np.int64)
        self.kept[of, (kept.cumsum(axis=1) - 1)[of, at]] = at


def search(
    frames: Frames,
    scorers: Sequence[tuple[Scorer, float]],
    width: int,
    bonus: float,
    top: int,
    behind: float,
    recombine: bool,
) -> list[list[tuple[Ids, float]]]:
    """The `top` best texts of each line, as ids and fused score, best first, in the order given to `Frames`.

    Args:
        scorers: with their weights. bonus: for each character.
        behind: a prefix worse than the best of its line by more than this is given up.
        recombine: keep one of the prefixes that have the same future.
    """
    lines = frames.steps.size
    finals: list[list[tuple[Ids, float]]] = [[] for _ in range(lines)]
    trail: list[tuple[_Ints, NDArray[np.int16]]] = []
    # Of each prefix: its line; log P of its paths, of those that end in a blank and of those that end in its
    # last character; what the scorers gave; last character; its number and that of its parent; scorers' states.
    line = np.arange(lines)
    both, blank, letter = np.zeros(lines), np.zeros(lines), np.full(lines, _NEVER)
    fused, last = np.zeros(lines), np.zeros(lines, dtype=np.int16)
    number = _mixed(np.zeros(lines, dtype=np.uint64), line + 1)
    parent = np.zeros(lines, dtype=np.uint64)  # no prefix has the number 0
    states = [scorer.start(lines) for scorer, _ in scorers]
    places = 1 << min(_TABLE, (16 * lines * width).bit_length())
    table, best = np.zeros(places, dtype=np.int32), np.full(places, _NEVER)

    for step in range(frames.most.size + 1):
        running = int((frames.steps > step).sum())
        border = int(np.searchsorted(line, running))
        if border < line.size:  # these lines are at their end
            rest = slice(border, None)
            score = both[rest] + frames.passed[step, line[rest]] + fused[rest]
            for (scorer, weight), state in zip(scorers, states, strict=True):
                score += weight * scorer.end(state[rest])
            _finish(finals, frames.order, line[rest], score, border, trail, top)
            both, blank, letter = both[:border], blank[:border], letter[:border]
            line, fused, last = line[:border], fused[:border], last[:border]
            number, parent = number[:border], parent[:border]
            states = [state[:border] for state in states]
        if not running:
            break
        starts = np.searchsorted(line, np.arange(running))
        frame, quiet = (frames.first + step)[line], frames.passed[step, line]
        total = both + quiet
        b, w = np.where(quiet < 0, total, blank), np.where(quiet < 0, _NEVER, letter)

        # The prefix stays: through a blank, or through its last character once more, or it grew out of its
        # parent once more, whose paths then belong to it.
        again = frames.used[frame, last]
        stay_blank, stay_letter = total + frames.used[frame, BLANK], w + again
        child, mother = _families(number, parent, table)
        paths = np.where(last[mother] == last[child], b[mother], total[mother]) + again[child]
        stay_letter[child] = np.logaddexp(stay_letter[child], paths)
        stay = np.logaddexp(stay_blank, stay_letter)
        score = stay + fused
        enough = np.maximum(np.maximum.reduceat(score, starts) - behind, _LEAST)
        full = np.diff(starts, append=line.size) >= width
        enough[full] = np.maximum(enough, np.minimum.reduceat(score, starts))[full]

        # It grows by one of the likely classes, if that could be enough: first by the likeliest of its frame,
        # so that what is enough is known better for the others.
        free = np.ones((line.size, int(frames.most[step])), dtype=bool)  # not in the beam already
        place = frames.rank[frame[mother], last[child]]
        known = place < free.shape[1]
        free[mother[known], place[known]] = False
        before = total + fused + bonus
        asked = frames.p[frame, 0] > enough[line] - before
        one_of = np.cumsum(asked) - 1
        judges = [
            scorer.judge(state[asked]) for (scorer, _), state in zip(scorers, states, strict=True)
        ]
        parts = []
        for columns in (slice(0, 1), slice(1, free.shape[1])):
            slack = enough[line] - before
            p = frames.p[frames.first[:running] + step, columns]
            some = (p > np.minimum.reduceat(slack, starts)[:, None]).any(axis=0).sum()
            able = p[line, :some] > slack[:, None]
            able &= free[:, columns][:, :some]
            grown, place = np.divmod(np.flatnonzero(able), max(1, some))
            of = line[grown]
            ids = frames.ids[frame[grown], place + columns.start]
            new = np.where(ids == last[grown], b[grown], total[grown]) + p[of, place]
            gain = fused[grown] + bonus
            for judge, (_, weight) in zip(judges, scorers, strict=True):
                gain += weight * judge.log_probs(one_of[grown], ids)
                able = new + gain >= enough[of]  # what is out now needs no further scorer
                grown, of, ids = grown[able], of[able], ids[able]
                new, gain = new[able], gain[able]
            np.maximum.at(enough, of, new + gain - behind)
            parts.append((grown, ids, new, gain))
        grown, ids, new, gain = (np.concatenate(part) for part in zip(*parts, strict=True))
        reached = new + gain
        able = reached >= enough[line[grown]]
        grown, ids, new, gain = grown[able], ids[able], new[able], gain[able]

        source = np.concatenate([np.arange(line.size), grown])
        score, of = np.concatenate([score, reached[able]]), line[source]
        last = np.concatenate([last, ids])
        states = [
            np.concatenate([state, judge.advance(one_of[grown], ids)])
            for judge, state in zip(judges, states, strict=True)
        ]
        kept = np.flatnonzero(score >= enough[of])
        if recombine:
            kept = kept[_distinct(score[kept], [one[kept] for one in (of, last, *states)], best)]
        kept = _best(score, of, kept, width)
        stayed, source = kept < line.size, source[kept]
        trail.append((source, np.where(stayed, 0, last[kept]).astype(np.int16)))
        numbers, last = number[source], last[kept]
        parent = np.where(stayed, parent[source], numbers)
        number = np.where(stayed, numbers, _mixed(numbers, last))
        states = [state[kept] for state in states]
        line = of[kept]
        both, letter = np.concatenate([stay, new])[kept], np.concatenate([stay_letter, new])[kept]
        blank = np.concatenate([stay_blank, np.full(new.size, _NEVER)])[kept]
        fused = np.concatenate([fused, gain])[kept]
    return finals


def _best(score: _Floats, line: _Ints, kept: _Ints, width: int) -> _Ints:
    """Of the candidates `kept`, the `width` best of each line, line by line; of equals the first stay."""
    kept = kept[np.argsort(line[kept].astype(np.int16), kind="stable")]
    many = np.bincount(line[kept])
    crowded = many > width
    if not crowded.any():
        return kept
    starts = np.cumsum(many) - many
    row = np.cumsum(crowded) - 1
    inside = np.flatnonzero(crowded[line[kept]])
    of = line[kept[inside]]
    table = np.full((int(crowded.sum()), int(many.max())), _NEVER)
    table[row[of], inside - starts[of]] = score[kept[inside]]
    least = np.partition(table, -width, axis=1)[:, -width, None]
    chosen = table >= least
    for i in np.flatnonzero(chosen.sum(axis=1) > width):  # equals at the border
        equal = np.flatnonzero(table[i] == least[i])
        chosen[i, equal[equal.size + width - int(chosen[i].sum()) :]] = False
    stay = np.ones(kept.size, dtype=bool)
    stay[inside] = chosen[row[of], inside - starts[of]]
    return kept[stay]


def _distinct(score: _Floats, marks: Sequence[_Ints], best: _Floats) -> NDArray[np.bool_]:
    """False for prefixes that another one beats whatever comes, since all that follows is the same for both.

    `marks`: line, last character, states: what the future depends on. `best` is scratch paper, filled with -inf.
    """
    number = np.zeros(score.size, dtype=np.uint64)
    for mark in marks:
        number = _mixed(number, mark)
    slot = (number & np.uint64(best.size - 1)).astype(np.int64)
    np.maximum.at(best, slot, score)
    beaten = score < best[slot]
    best[slot] = _NEVER
    if beaten.any():  # by one of the same marks, not by one that only shares the place?
        winner = np.zeros(best.size, dtype=np.int32)
        winner[slot[~beaten]] = np.flatnonzero(~beaten)
        beaten &= number[winner[slot]] == number
    return ~beaten


def _families(
    number: NDArray[np.uint64], parent: NDArray[np.uint64], table: NDArray[np.int32]
) -> tuple[_Ints, _Ints]:
    """Which prefixes have their parent in the beam, and where it is. `table` is scratch paper."""
    places = np.arange(number.size, dtype=np.int32)
    slot = (number & np.uint64(table.size - 1)).astype(np.int64)
    table[slot] = places
    mother = table[(parent & np.uint64(table.size - 1)).astype(np.int64)].astype(np.int64)
    mother[mother >= number.size] = 0  # left over from an earlier step
    found = number[mother] == parent
    lost = np.flatnonzero(table[slot] != places)  # another one took their place
    if lost.size:
        lost = lost[np.argsort(number[lost])]
        other = lost[np.minimum(np.searchsorted(number[lost], parent), lost.size - 1)]
        also = number[other] == parent
        mother[also], found = other[also], found | also
    child = np.flatnonzero(found)
    return child, mother[child]


def _mixed(number: NDArray[np.uint64], ids: NDArray[np.integer]) -> NDArray[np.uint64]:
    """The number of a prefix that grew: 64 well-mixed bits (splitmix64), so that two never meet in practice."""
    z = number * np.uint64(0x9E3779B97F4A7C15) + ids.astype(np.uint64)
    z = z + np.uint64(0x632BE59BD9B4E019)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _finish(
    finals: list[list[tuple[Ids, float]]],
    order: NDArray[np.int64],
    line: _Ints,
    score: _Floats,
    first: int,
    trail: Sequence[tuple[_Ints, NDArray[np.int16]]],
    top: int,
) -> None:
    """Write down the best texts of lines that are at their end; their prefixes begin at the place `first`."""
    ranked = np.lexsort((-score, line))
    place = np.arange(line.size) - np.searchsorted(line, line)
    best = ranked[(place < top) & (score[ranked] > _NEVER)]
    written = np.zeros((len(trail), best.size), dtype=np.int16)
    at = best + first
    for step in range(len(trail) - 1, -1, -1):
        source, ids = trail[step]
        written[step], at = ids[at], source[at]
    for k, row in enumerate(best.tolist()):
        ids = written[:, k]
        finals[int(order[line[row]])].append((tuple(ids[ids > 0].tolist()), float(score[row])))
