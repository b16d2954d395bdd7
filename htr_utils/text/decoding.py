"""From the network's frames to text: greedy and beam search decoding of CTC.

The network gives each frame a probability for each class. A path picks one class a frame; `collapse`
turns a path into ids: merge repeats, then drop blanks. Many paths collapse into the same ids, and the
probability of the ids is the sum over those paths (Graves et al. 2006). The decoders differ in how much of
that sum they see: `greedy` one path, `beam` the paths of a few good prefixes, `exhaustive` all of them.

Arrays: `log_probs` (batch, frames, classes), the log-softmax of the logits, class 0 the blank; `lengths`
(batch,), how many frames of each line are true. Frames beyond the length are never looked at.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils.errors import HtrError
from htr_utils.text.charset import BLANK

_MOST_PATHS = 1_000_000
_NEVER = -np.inf  # the logarithm of probability 0


@dataclass(frozen=True)
class Candidate:
    """One possible reading of a line.

    `ids` are class ids without blanks. `log_prob` is a natural logarithm: of the ids for `beam`, of the
    single best path for `greedy`. For each id, `frames` holds the frame where the character is strongest,
    `confidences` its probability there (0 to 1).
    """

    ids: tuple[int, ...]
    log_prob: float
    frames: tuple[int, ...]
    confidences: tuple[float, ...]


def collapse(path: Iterable[int]) -> tuple[int, ...]:
    """Ids of a path: repeats merged first, blanks dropped then. a a - a b collapses into a a b."""
    return tuple(int(i) for i, _ in itertools.groupby(path) if i != BLANK)


def greedy(log_probs: ArrayLike, lengths: ArrayLike) -> list[Candidate]:
    """The best class of each frame, collapsed ("best path decoding", Graves et al. 2006, section 3.2).

    The whole batch goes through NumPy at once; a run is a stretch of frames with the same best class.

    Raises:
        HtrError: shapes that do not fit, values that are not log probabilities.
    """
    values, true_frames = checked(log_probs, lengths)
    batch, frames, _ = values.shape
    if batch == 0 or frames == 0:
        return [Candidate((), 0.0, (), ()) for _ in range(batch)]

    best = values.argmax(axis=2)  # (batch, frames)
    score = np.take_along_axis(values, best[:, :, None], axis=2)[:, :, 0]
    padding = np.arange(frames) >= true_frames[:, None]
    best[padding], score[padding] = BLANK, 0.0  # as if the network were sure of the blank there

    begins = np.ones((batch, frames), dtype=bool)
    begins[:, 1:] = best[:, 1:] != best[:, :-1]

    # From here the lines lie one behind the other; every line begins a run, so no run crosses a border.
    start = np.flatnonzero(begins)  # (runs,)
    strongest = np.maximum.reduceat(score.ravel(), start)
    is_strongest = score.ravel() == np.repeat(strongest, np.diff(start, append=batch * frames))
    position = np.where(is_strongest, np.arange(batch * frames), batch * frames)
    peak = np.minimum.reduceat(position, start)  # (runs,): the first of the strongest frames

    run_id = best.ravel()[start]
    written = run_id != BLANK
    line, frame = np.divmod(peak[written], frames)
    ids, confidence = run_id[written].tolist(), np.exp(strongest[written]).tolist()
    # Summed frame by frame: `sum` adds in another order for another width, padding would shift digits.
    total = score.cumsum(axis=1, dtype=np.float64)[:, -1].tolist()
    border = np.searchsorted(line, np.arange(batch + 1)).tolist()
    frame_list = frame.tolist()
    return [
        Candidate(tuple(ids[a:b]), total[i], tuple(frame_list[a:b]), tuple(confidence[a:b]))
        for i, (a, b) in enumerate(itertools.pairwise(border))
    ]


def beam(
    log_probs: ArrayLike, lengths: ArrayLike, width: int = 10, top: int = 1
) -> list[list[Candidate]]:
    """The `top` most probable readings of each line, best first, by CTC prefix beam search.

    After each frame the `width` most probable prefixes are kept (Hannun et al. 2014, algorithm 1, without
    the language model). Fewer than `top` come back where fewer are possible. Only those paths are added up of
    which every beginning survived the cuts: `log_prob` is a lower bound, width 1 is not `greedy`, and a wider beam
    can find a less probable text. Wide enough, the beam equals `exhaustive`.

    Raises:
        HtrError: as `greedy`; `width` or `top` below 1, `top` above `width`.
    """
    if width < 1 or not 1 <= top <= width:
        raise HtrError(
            f"beam of width {width}, top {top}: both are at least 1, and top at most the width"
        )
    values, true_frames = checked(log_probs, lengths)
    readings = []
    for line, length in zip(values, true_frames.tolist(), strict=True):
        frames = line[:length].astype(np.float64)
        found = _prefix_beam(frames, width)[:top]
        readings.append([_candidate(frames, prefix, log_prob) for prefix, log_prob in found])
    return readings


def _prefix_beam(log_probs: NDArray[np.float64], width: int) -> list[tuple[tuple[int, ...], float]]:
    """Prefix beam search of one line (frames, classes): (ids, log probability), best first.

    Each prefix has two scores, for its paths that end in a blank and for those that end in its last
    character. Only after a blank may the same character be written again: that is how "tt" survives.
    """
    prefixes: list[tuple[int, ...]] = [()]
    blank, letter = np.array([0.0]), np.array([_NEVER])  # (prefixes,)

    for frame in log_probs:  # (classes,)
        classes = frame.size
        rows = np.arange(len(prefixes))
        last = np.array([prefix[-1] if prefix else BLANK for prefix in prefixes])
        both = np.logaddexp(blank, letter)

        # The prefix stays as it is: through a blank, or through its last character once more.
        stay_blank = both + frame[BLANK]
        stay_letter = (
            letter + frame[last]
        )  # for the empty prefix `letter` is log 0, whatever its frame

        # The prefix grows by one character.
        grow = both[:, None] + frame  # (prefixes, classes)
        grow[rows, last] = blank + frame[last]
        grow[:, BLANK] = _NEVER

        # A grown prefix may be in the beam already: its paths belong to that one.
        row_of = {prefix: row for row, prefix in enumerate(prefixes)}
        for row, prefix in enumerate(prefixes):
            parent = row_of.get(prefix[:-1]) if prefix else None
            if parent is not None:
                stay_letter[row] = np.logaddexp(stay_letter[row], grow[parent, last[row]])
                grow[parent, last[row]] = _NEVER

        stay = np.logaddexp(stay_blank, stay_letter)
        score = np.concatenate([stay, grow.ravel()])
        kept = np.argsort(-score, kind="stable")[:width]
        kept = kept[score[kept] > _NEVER]

        # Places below len(prefixes) are prefixes that stayed, the others grew: parent * classes + class.
        stayed = kept < len(prefixes)
        parents, letters = np.divmod(kept - len(prefixes), classes)
        source = np.where(stayed, kept, parents)
        blank = np.where(stayed, stay_blank[source], _NEVER)
        letter = np.where(stayed, stay_letter[source], score[kept])
        prefixes = [
            prefixes[row] if same else (*prefixes[row], i)
            for row, same, i in zip(source.tolist(), stayed.tolist(), letters.tolist(), strict=True)
        ]

    total = np.logaddexp(blank, letter)
    return [(prefixes[row], float(total[row])) for row in np.argsort(-total, kind="stable")]


def beam_merge_mistake(
    log_probs: ArrayLike, lengths: ArrayLike, width: int = 10
) -> list[Candidate]:
    """A beam search with TensorFlow 1's default `merge_repeated=True`, for teaching: the best reading of each line.

    It merges repeated ids after collapsing. Repeats that are left by then are doubled letters, so "letter"
    becomes "leter".
    """
    return [_without_repeats(readings[0]) for readings in beam(log_probs, lengths, width)]


def _without_repeats(reading: Candidate) -> Candidate:
    first = [k for k, i in enumerate(reading.ids) if k == 0 or i != reading.ids[k - 1]]
    return Candidate(
        tuple(reading.ids[k] for k in first),
        reading.log_prob,
        tuple(reading.frames[k] for k in first),
        tuple(reading.confidences[k] for k in first),
    )


def best_path(log_probs: np.ndarray, label: ArrayLike) -> tuple[np.ndarray, float]:
    """The most probable path that collapses into `label` (Viterbi, on the states of Graves 2006, 4.1).

    Args:
        log_probs: (T, C). label: (N,) class ids from 1.

    Returns:
        the state of each frame (T,): 2i + 1 at character i, even numbers at blanks; and the path's log-probability,
        minus infinity where no path fits.
    """
    ids = np.asarray(label, int)
    states = np.full(2 * ids.size + 1, BLANK)  # blank, id, blank, id, ..., blank
    states[1::2] = ids
    may_skip = np.zeros(states.size, dtype=bool)  # from one id straight to the next, over the blank
    may_skip[3::2] = states[3::2] != states[1:-2:2]

    emitted = log_probs[:, states]  # (T, states)
    score = np.full(states.size, _NEVER)
    score[:2] = emitted[0, :2]
    came_from = np.zeros(emitted.shape, dtype=np.int8)  # 0, 1 or 2 states back
    for t in range(1, len(emitted)):
        ways = np.full((3, states.size), _NEVER)
        ways[0] = score
        ways[1, 1:] = score[:-1]
        ways[2, 2:] = np.where(may_skip[2:], score[:-2], _NEVER)
        came_from[t] = ways.argmax(axis=0)
        score = ways.max(axis=0) + emitted[t]

    state = states.size - 1 if ids.size == 0 or score[-1] >= score[-2] else states.size - 2
    path = [state]
    for t in range(len(emitted) - 1, 0, -1):
        path.append(path[-1] - int(came_from[t, path[-1]]))
    return np.array(path[::-1]), float(score[state])


def peaks(path: np.ndarray, log_probs: np.ndarray, ids: Sequence[int]) -> list[int]:
    """The frame of each character of a path of `best_path`: of its stretch the one where it is most probable."""
    stretches = [np.flatnonzero(path == 2 * place + 1) for place in range(len(ids))]
    return [int(on[log_probs[on, i].argmax()]) for on, i in zip(stretches, ids, strict=True)]


def align(log_probs: ArrayLike, ids: Sequence[int]) -> list[int]:
    """The frame of each character when a line must read `ids`: `log_probs` (frames, classes), one line.

    Finds the most probable of all paths that collapse into `ids` (Viterbi) and returns, for each id, the
    frame of its stretch on that path where it is most probable: as many as ids, strictly increasing.

    Raises:
        HtrError: too few frames for the ids (each id needs one, each doubled letter a blank between), ids
            that are no characters, or ids that the frames give probability 0.
    """
    values = np.asarray(log_probs, dtype=np.float64)
    if values.ndim != 2 or not all(0 < i < values.shape[1] for i in ids):
        raise HtrError(
            f"align needs (frames, classes) and ids without blanks, not {values.shape}, {ids!r}"
        )
    needed = len(ids) + sum(a == b for a, b in itertools.pairwise(ids))
    if needed > len(values):
        raise HtrError(f"{len(ids)} characters need {needed} frames, the line has {len(values)}")
    if len(ids) == 0:
        return []
    path, score = best_path(values, ids)
    if score == _NEVER:
        raise HtrError("the frames give these characters probability 0: no alignment exists")
    return peaks(path, values, ids)


def exhaustive(log_probs: ArrayLike) -> dict[tuple[int, ...], float]:
    """Log probability of every possible reading of one tiny line (frames, classes), best first.

    Walks through all classes ** frames paths: the definition itself, to check the decoders against.

    Raises:
        HtrError: more than a million paths.
    """
    values = np.asarray(log_probs, dtype=np.float64)
    if values.ndim != 2:
        raise HtrError(
            f"exhaustive needs one line, (frames, classes), not the shape {values.shape}"
        )
    frames, classes = values.shape
    if classes**frames > _MOST_PATHS:
        raise HtrError(
            f"{classes} classes ** {frames} frames are too many paths: at most {_MOST_PATHS:,}"
        )
    rows = values.tolist()
    scores: dict[tuple[int, ...], list[float]] = {}
    for path in itertools.product(range(classes), repeat=frames):
        log_prob = math.fsum(row[i] for row, i in zip(rows, path, strict=True))
        scores.setdefault(collapse(path), []).append(log_prob)
    total = {ids: float(np.logaddexp.reduce(parts)) for ids, parts in scores.items()}
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def _candidate(log_probs: NDArray[np.float64], ids: tuple[int, ...], log_prob: float) -> Candidate:
    frames = align(log_probs, ids)
    confidences = np.exp(log_probs[frames, ids]) if ids else np.array([])
    return Candidate(ids, log_prob, tuple(frames), tuple(confidences.tolist()))


def checked(
    log_probs: ArrayLike, lengths: ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
    """Both as arrays, after the checks that spare a user a silent wrong answer."""
    values, true_frames = np.asarray(log_probs), np.asarray(lengths, dtype=np.int64)
    if values.ndim != 3 or values.shape[2] == 0 or true_frames.shape != values.shape[:1]:
        raise HtrError(
            "decoding needs log_probs (batch, frames, classes) and lengths (batch,), "
            f"not {values.shape} and {true_frames.shape}"
        )
    if true_frames.size and not 0 <= true_frames.min() <= true_frames.max() <= values.shape[1]:
        raise HtrError(
            f"lengths {true_frames.min()}..{true_frames.max()} with {values.shape[1]} frames"
        )
    in_line = np.arange(values.shape[1]) < true_frames[:, None]
    highest = values.max(axis=2)[in_line]  # one value a true frame, NaN where the frame holds NaN
    if np.isnan(highest).any():
        raise HtrError(
            "the frames hold NaN: the model's training has diverged, load an earlier checkpoint"
        )
    if (highest > 0.01).any():  # half precision may round a little above 0
        raise HtrError(
            "log_probs holds values above 0: pass the log-softmax of the logits, not the logits"
        )
    if (highest == _NEVER).any():
        raise HtrError(
            "a frame gives every class probability 0: pass the log-softmax of the logits"
        )
    return values, true_frames
