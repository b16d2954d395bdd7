"""CTC: brute force = forward-backward = TensorFlow; gradients against autodiff; what cannot be aligned."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.network import ctc


def random_case(seed: int, frames: int, classes: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (frames, classes))
    log_probs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return log_probs, rng.integers(1, classes, length)


cases = st.tuples(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 4), st.integers(0, 4))


@given(cases)
@settings(max_examples=60, deadline=None)
def test_forward_backward_equals_brute_force(case):
    log_probs, label = random_case(*case)
    brute = ctc.brute_force(log_probs, label)
    loss, alpha, beta = ctc.forward_backward(log_probs, label)
    if math.isinf(brute):
        assert math.isinf(loss)
        return
    assert loss == pytest.approx(brute, abs=1e-8)
    # At every frame the paths through all states sum to the same total (Graves 2006, eq. 14).
    assert np.allclose(np.logaddexp.reduce(alpha + beta, axis=1), -loss)


def test_tensorflow_gives_the_same_loss_and_gradient():
    import tensorflow as tf

    for seed in range(25):
        frames, classes, length = 3 + seed % 6, 3 + seed % 4, 1 + seed % 3
        log_probs, label = random_case(seed, frames, classes, length)
        if ctc.frames_needed(label) > frames:
            continue
        logits = tf.constant(log_probs[None], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = ctc.loss(logits, [frames], tf.constant(label[None], tf.int32), [length])
        assert float(loss[0]) == pytest.approx(ctc.forward_backward(log_probs, label)[0], abs=1e-4)
        assert np.abs(tape.gradient(loss, logits)[0] - ctc.gradient(log_probs, label)).max() < 1e-4


def test_padding_of_frames_and_labels_changes_nothing():
    import tensorflow as tf

    log_probs, label = random_case(5, 7, 5, 3)
    alone = ctc.loss(
        tf.constant(log_probs[None], tf.float32), [7], tf.constant(label[None], tf.int32), [3]
    )
    more = np.concatenate([log_probs, np.random.default_rng(0).normal(0, 5, (4, 5))]).astype(
        np.float32
    )
    padded = np.concatenate([label, [0, 0]]).astype(np.int32)
    wide = ctc.loss(tf.constant(more[None]), [7], tf.constant(padded[None]), [3])
    assert float(alone[0]) == pytest.approx(float(wide[0]), abs=1e-4)


@given(st.text("abc", max_size=5), st.integers(0, 6))
@settings(max_examples=60, deadline=None)
def test_a_label_fits_from_frames_needed_on(word, frames):
    label = np.array([ord(c) - 96 for c in word], int)
    fits = (
        any(True for _ in ctc.alignments(word, frames))
        if frames and word
        else frames >= 0 and not word
    )
    assert (ctc.frames_needed(label) <= frames) == bool(fits)


def test_known_counts_of_alignments():
    # "to" in 4 frames: by hand, blanks and repeats placed in 15 ways.
    assert len(ctc.alignments("to", 4)) == math.comb(4 + 2, 4)
    assert ctc.alignments("aa", 3) == ["a-a"]
    assert ctc.frames_needed(np.array([1, 2, 2, 3])) == 5


@given(st.lists(st.integers(0, 3), max_size=8))
@settings(max_examples=100, deadline=None)
def test_collapse_merges_then_drops(path):
    out = ctc.collapse(tuple(path))
    assert 0 not in out
    assert len(out) <= len(path)
    doubled = tuple(c for c in path for _ in range(2))
    assert ctc.collapse(doubled) == out


def test_posteriors_are_distributions_and_the_gradient_sums_to_zero():
    log_probs, label = random_case(11, 6, 4, 2)
    assert np.allclose(ctc.posteriors(log_probs, label).sum(1), 1)
    assert np.allclose(ctc.gradient(log_probs, label).sum(1), 0)
