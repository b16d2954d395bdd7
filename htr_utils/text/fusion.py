"""Beam search that listens to a language model: what the frames show and what the language allows.

`prefix_beam` is the beam search of `decoding.beam` with one change: prefixes compete by

    log P(prefix | frames) + weight * log P(prefix in the language) + bonus * characters

("shallow fusion", Gulcehre et al. 2015; with a model of words, asked at spaces, Hannun et al. 2014; the bonus makes
up for the model's dislike of long texts). With `lexicon` it adds a word list in the form of a prefix tree. Where one
text is asked for, of the prefixes that have the same future (the same end, as far as the scorers look back) only
the best is kept, as decoders with n-gram models do ("recombination"): the beam holds so many more that differ.
`search` does the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils.errors import HtrError
from htr_utils.text import search
from htr_utils.text.charset import BLANK
from htr_utils.text.decoding import Candidate, checked
from htr_utils.text.lexicon import Lexicon
from htr_utils.text.search import Ids, Scorer

_NEVER = -np.inf
_TOGETHER = 256  # lines in one go; more would fall out of the processor's cache
_MOST_CLASSES = 20  # of a frame, where unlikely classes are left out
PRUNE, BEHIND = 1e-4, 9.0  # see `prefix_beam`
_Floats = NDArray[np.float64]


def prefix_beam(
    log_probs: ArrayLike,
    lengths: ArrayLike,
    lm: Scorer | None = None,
    width: int = 25,
    weight: float = 0.5,
    bonus: float = 1.0,
    top: int = 1,
    prune: float = PRUNE,
    behind: float | None = None,
    *,
    lexicon: Lexicon | None = None,
) -> list[list[Candidate]]:
    """The `top` best readings of each line, best first, by prefix beam search with a language model.

    A candidate's `log_prob` is the fused score of the text, end of line included. Without `lm` there is
    neither weight nor bonus: the search is `decoding.beam`.

    Args:
        log_probs: (batch, frames, classes), class 0 the blank. lengths: (batch,), true frames.
        width: prefixes kept after each frame. weight, bonus: see above; the bonus is per character.
        prune: classes less probable than this start no prefix, and frames that are blank but for ten times as
            much are passed over; 0 searches everything, plainly.
        behind: prefixes whose score is worse than the best by more than this are given up, 9 by default.
        lexicon: a word list beside the language model; other words are possible at its price.

    Raises:
        HtrError: as `decoding.beam`; a language model of another number of classes.
    """
    if width < 1 or not 1 <= top <= width or not 0 <= prune < 0.1:
        raise HtrError(
            f"width {width}, top {top}, prune {prune}: 1 <= top <= width, 0 <= prune < 0.1 is needed"
        )
    if behind is None:
        behind = BEHIND if prune else np.inf
    values, frames = checked(log_probs, lengths)
    scorers: list[tuple[Scorer, float]] = [] if lexicon is None else [(lexicon, 1.0)]
    if lm is None:
        bonus = 0.0
    else:
        scorers.append((lm, weight))
    for scorer, _ in scorers:
        if scorer.classes != values.shape[2]:
            raise HtrError(
                f"the language model knows {scorer.classes} classes, the frames have {values.shape[2]}: "
                "train one for this charset with `htr lm train`"
            )
    found: list[list[Candidate]] = [[] for _ in frames]
    quiet = values[:, :, BLANK] > np.log1p(-prune)
    lively = (~quiet & (np.arange(values.shape[1]) < frames[:, None])).sum(axis=1)
    order = np.argsort(-lively, kind="stable")  # lines of like length together
    for at in range(0, len(order), _TOGETHER):
        chosen = order[at : at + _TOGETHER]
        part = values[chosen]
        plan = search.Frames(part, frames[chosen], prune, _MOST_CLASSES if prune else 256)
        texts = search.search(plan, scorers, width, bonus, top, behind, top == 1 and prune > 0)
        owner = [k for k, line in enumerate(texts) for _ in line]
        short = np.take_along_axis(part, plan.kept[:, :, None], axis=1)
        places = align_batch(short, plan.sizes, owner, [ids for line in texts for ids, _ in line])
        for k, (ids, score) in zip(owner, [one for line in texts for one in line], strict=True):
            at_frames = plan.kept[k, next(places)].tolist()
            sure = np.exp(part[k, at_frames, ids].astype(np.float64)).tolist() if ids else []
            found[chosen[k]].append(Candidate(ids, score, tuple(at_frames), tuple(sure)))
    return found


def align_batch(
    values: NDArray[np.floating],
    frames: NDArray[np.int64],
    owner: Sequence[int],
    texts: Sequence[Ids],
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
