"""Lines of several widths in one array: paper on the right, their true widths beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Widths are padded to a multiple: few distinct shapes, strides fall alike on every line.
PAD_TO = 32


class Batch(NamedTuple):
    """image: float32 (B, H, W, 1), 1 = ink. width: int32 (B,). label: int32 (B, N), 0-padded. length: int32 (B,).

    numbers: which lines of the source these are.
    """

    image: np.ndarray
    width: np.ndarray
    label: np.ndarray
    length: np.ndarray
    numbers: np.ndarray


def to_bytes(ink: np.ndarray) -> np.ndarray:
    """Ink in steps of 1/255 as uint8; exact for what `images.prepare` gives."""
    return np.round(ink * 255).astype(np.uint8)


def collate(
    inks: Sequence[np.ndarray],
    labels: Sequence[np.ndarray],
    numbers: Sequence[int],
    width: int | None = None,
) -> Batch:
    """Pad lines to one batch.

    Args:
        inks: uint8 (H, w_i). labels: int32 (n_i,). width: of the batch; by default the widest line's, rounded up.
    """
    widths = np.array([ink.shape[1] for ink in inks], np.int32)
    total = width or -(-int(widths.max()) // PAD_TO) * PAD_TO
    image = np.zeros((len(inks), inks[0].shape[0], total, 1), np.float32)
    for row, ink in zip(image, inks, strict=True):
        np.multiply(ink, np.float32(1 / 255), out=row[:, : ink.shape[1], 0])
    lengths = np.array([len(label) for label in labels], np.int32)
    label = np.zeros((len(inks), max(1, int(lengths.max(initial=0)))), np.int32)
    for number, one in enumerate(labels):
        label[number, : len(one)] = one
    return Batch(image, widths, label, lengths, np.asarray(numbers))
