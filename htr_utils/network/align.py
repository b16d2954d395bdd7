"""Where the characters of a line lie, when its text is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import dataset, images
from htr_utils.lines.iam import Line
from htr_utils.network import models, training
from htr_utils.text import decoding
from htr_utils.text.charset import Charset

UNSURE = 0.6  # nats per character: above it a line's characters are not where the network says


def centres(
    model: Any, preset: models.Preset, charset: Charset, lines: Sequence[Line], batch: int = 32
) -> list[np.ndarray | None]:
    """The column of each character in each line's picture, in pixels; None where the network cannot tell.

    A character lies at the frame of its part of the best path where the network is surest of it.

    Args:
        lines: with texts in the charset.
    """
    columns: list[np.ndarray | None] = [None] * len(lines)
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
        labels = [charset.encode(lines[number].text) for number in chosen]
        batched = dataset.collate(inks, labels, chosen)
        log_probs = training.log_softmax(training.predict(model, batched))
        frames = np.asarray(models.frames(batched.width, preset))
        for row, number in enumerate(chosen):
            label = batched.label[row, : batched.length[row]].tolist()
            values = log_probs[row, : frames[row]]
            path, score = decoding.best_path(values, label)
            if label and score > -UNSURE * len(label):
                middles = (np.array(decoding.peaks(path, values, label)) + 0.5) * preset.frame_step
                columns[number] = np.array([prepared[number].original_x(x) for x in middles])
    return columns
