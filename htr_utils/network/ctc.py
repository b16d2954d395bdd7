"""The CTC loss (Graves et al. 2006, ICML, doi:10.1145/1143844.1143891).

TensorFlow computes it for training. For teaching it is written out twice in NumPy: by brute force over all
paths, and by the forward-backward recursion; tests hold all three together. The blank is class 0.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from htr_utils.text.charset import BLANK
from htr_utils.text.decoding import collapse


def frames_needed(label: np.ndarray) -> int:
    """The least number of frames in which a path can write `label` (N,): a blank must part doubled letters."""
    label = np.asarray(label)
    return len(label) + int(np.sum(label[1:] == label[:-1]))


def alignments(word: str, frames: int, blank: str = "-") -> list[str]:
    """All paths of `frames` frames that collapse to `word`, written with its letters and `blank`.

    Grows as fast as it sounds: meant for words of up to four letters and at most eight frames.
    """
    letters = sorted(set(word))
    label = tuple(letters.index(c) + 1 for c in word)
    signs = blank + "".join(letters)
    paths = itertools.product(range(len(signs)), repeat=frames)
    return ["".join(signs[c] for c in path) for path in paths if collapse(path) == label]


def brute_force(log_probs: np.ndarray, label: np.ndarray) -> float:
    """Minus the log of the summed probability of every path that writes `label`, one by one.

    Args:
        log_probs: (T, C) log-probabilities, each frame's sum to one. label: (N,) class ids from 1.

    Returns:
        the loss in nats; infinity where no path fits. Visits C**T paths: for tiny cases.
    """
    frames, classes = log_probs.shape
    wanted = tuple(int(c) for c in label)
    total = -np.inf
    for path in itertools.product(range(classes), repeat=frames):
        if collapse(path) == wanted:
            total = np.logaddexp(total, log_probs[np.arange(frames), path].sum())
    return float(-total)


def _states(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The label with blanks around every letter, and for each state whether the one two before may jump to it."""
    extended = np.full(2 * len(label) + 1, BLANK)
    extended[1::2] = label
    skip = np.zeros(len(extended), bool)
    skip[2:] = (extended[2:] != BLANK) & (extended[2:] != extended[:-2])
    return extended, skip


def forward_backward(
    log_probs: np.ndarray, label: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss by dynamic programming: forward variables alpha, backward variables beta.

    alpha[t, s]: log-probability of all path beginnings that are in state s at frame t, that frame included.
    beta[t, s]: the same for all path ends from state s at frame t, that frame not included.
    States s are the label with a blank before, between and after its letters (Graves 2006, section 4.1).

    Args:
        log_probs: (T, C). label: (N,) class ids from 1.

    Returns:
        the loss in nats, alpha (T, 2N+1), beta (T, 2N+1).
    """
    extended, skip = _states(np.asarray(label, int))
    frames, states = len(log_probs), len(extended)
    emit = log_probs[:, extended]  # (T, S)
    alpha = np.full((frames, states), -np.inf)
    beta = np.full((frames, states), -np.inf)
    alpha[0, :2] = emit[0, :2]
    beta[-1, -2:] = 0.0
    with np.errstate(invalid="ignore"):
        for t in range(1, frames):
            one = np.concatenate([[-np.inf], alpha[t - 1, :-1]])
            two = np.concatenate([[-np.inf, -np.inf], alpha[t - 1, :-2]])[:states]
            reach = np.logaddexp(np.logaddexp(alpha[t - 1], one), np.where(skip, two, -np.inf))
            alpha[t] = reach + emit[t]
        for t in range(frames - 2, -1, -1):
            later = beta[t + 1] + emit[t + 1]
            one = np.concatenate([later[1:], [-np.inf]])
            two = np.concatenate([np.where(skip, later, -np.inf)[2:], [-np.inf, -np.inf]])[:states]
            beta[t] = np.logaddexp(np.logaddexp(later, one), two)
    total = np.logaddexp.reduce(alpha[-1, -2:])
    return float(-total), alpha, beta


def posteriors(log_probs: np.ndarray, label: np.ndarray) -> np.ndarray:
    """How likely each state is at each frame, given that the label is written: (T, 2N+1), rows sum to one."""
    loss, alpha, beta = forward_backward(log_probs, label)
    return np.exp(alpha + beta + loss)


def gradient(log_probs: np.ndarray, label: np.ndarray) -> np.ndarray:
    """The loss's gradient by the logits: softmax minus the posterior of each class (Graves 2006, eq. 16): (T, C)."""
    extended, _ = _states(np.asarray(label, int))
    occupied = np.zeros_like(log_probs)
    for state, share in enumerate(posteriors(log_probs, label).T):
        occupied[:, extended[state]] += share
    return np.exp(log_probs) - occupied


def loss(logits: Any, frames: Any, labels: Any, lengths: Any) -> Any:
    """CTC loss of each line, by TensorFlow.

    Uses sparse labels, which is several times faster on a CPU than the dense path that Keras takes. Lines that
    need more frames than there are must be left out before (see `frames_needed`): the loss is infinite there.

    Args:
        logits: (B, T, C) float32. frames: (B,) int32, true lengths. labels: (B, N) int32, padded with 0.
        lengths: (B,) int32, characters per label.

    Returns:
        (B,) float32, in nats.
    """
    import tensorflow as tf

    present = tf.sequence_mask(lengths, tf.shape(labels)[1])
    where = tf.cast(tf.where(present), tf.int64)
    sparse = tf.SparseTensor(
        where, tf.boolean_mask(labels, present), tf.cast(tf.shape(labels), tf.int64)
    )
    return tf.nn.ctc_loss(
        sparse,
        tf.transpose(logits, (1, 0, 2)),
        None,
        frames,
        logits_time_major=True,
        blank_index=BLANK,
    )
