"""Where the characters of a line lie, when its text is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import dataset, images
from htr_utils.lines.iam import Line
from htr_utils.network import models, training
from htr_utils.text.charset import BLANK, Charset

UNSURE = 0.6  # nats per character: above it a line's characters are not where the network says


def best_paths(
    log_probs: np.ndarray, frames: np.ndarray, labels: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest CTC path that writes each label (Viterbi's algorithm on the states of Graves 2006, section 4.1).

    Args:
        log_probs: (B, T, C). frames: (B,) true frames. labels: (B, N), padded with 0. lengths: (B,).

    Returns:
        states (B, T): 2i + 1 at the frames of character i, even numbers at blanks; and the paths' log-probabilities
        (B,), minus infinity where a label does not fit.
    """
    lines, steps, _ = log_probs.shape
    rows = np.arange(lines)
    extended = np.full((lines, 2 * labels.shape[1] + 1), BLANK)
    extended[:, 1::2] = labels
    states = np.arange(extended.shape[1])
    outside = states > 2 * lengths[:, None]
    skip = np.zeros(extended.shape, bool)
    skip[:, 3::2] = extended[:, 3::2] != extended[:, 1:-2:2]
    emit = np.take_along_axis(log_probs, extended[:, None], 2)  # (B, T, S)
    emit[np.broadcast_to(outside[:, None], emit.shape)] = -np.inf
    score = np.where(states < 2, emit[:, 0], -np.inf)
    back = np.zeros((steps, *extended.shape), np.int8)
    best = np.full((lines,), -np.inf)
    path = np.zeros((lines, steps), int)
    for t in range(steps):
        if t:
            one = np.pad(score, ((0, 0), (1, 0)), constant_values=-np.inf)[:, :-1]
            two = np.where(
                skip, np.pad(score, ((0, 0), (2, 0)), constant_values=-np.inf)[:, :-2], -np.inf
            )
            ways = np.stack([score, one, two])
            back[t] = ways.argmax(0)
            score = ways.max(0) + emit[:, t]
        ends = frames == t + 1
        last = 2 * lengths - (
            score[rows, np.maximum(2 * lengths - 1, 0)] > score[rows, 2 * lengths]
        )
        best = np.where(ends, score[rows, last], best)
        path[:, t] = np.where(ends, last, 0)
    for t in range(steps - 2, -1, -1):
        inside = frames > t + 1
        after = path[:, t + 1]
        path[:, t] = np.where(inside, after - back[t + 1][rows, after], path[:, t])
    return path, best


def centres(
    model: Any, preset: models.Preset, charset: Charset, lines: Sequence[Line], batch: int = 32
) -> list[np.ndarray | None]:
    """The column of each character in each line's picture, in pixels; None where the network cannot tell.

    A character lies at the frame of its part of the best path where the network is surest of it.

    Args:
        lines: with texts in the charset.
    """
    found: list[np.ndarray | None] = [None] * len(lines)
    prepared: dict[int, images.Prepared] = {}
    for number, line in enumerate(lines):
        try:
            prepared[number] = images.prepare(line.image(), preset.preparation)
        except HtrError:
            continue  # a training says so when it meets the line
    order = sorted(prepared, key=lambda number: prepared[number].ink.shape[1])
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        inks = [dataset.to_bytes(prepared[number].ink) for number in chosen]
        made = dataset.collate(
            inks, [charset.encode(lines[number].text) for number in chosen], chosen
        )
        log_probs = training.log_softmax(training.predict(model, made))
        paths, scores = best_paths(
            log_probs, np.asarray(models.frames(made.width, preset)), made.label, made.length
        )
        for row, number in enumerate(chosen):
            count = int(made.length[row])
            if not count or not scores[row] > -UNSURE * count:
                continue
            peaks = []
            for i in range(count):
                at = np.flatnonzero(paths[row] == 2 * i + 1)
                peaks.append(at[log_probs[row, at, made.label[row, i]].argmax()])
            found[number] = np.array(
                [prepared[number].original_x((peak + 0.5) * preset.frame_step) for peak in peaks]
            )
    return found
