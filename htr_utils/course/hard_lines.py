"""Validation lines made as hard as real ones: bent and soiled, or set from pieces of strange hands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import augment, iam, images
from htr_utils.synth import recombine
from htr_utils.text.charset import Charset


def damaged(picture: np.ndarray, number: int) -> np.ndarray:
    """A line (H, W) as a hard hand would leave it: training's augmentation, then twice its usual bending."""
    rng = np.random.default_rng([7, number])
    return augment.elastic(augment.augment(picture, rng), rng, amount=3.0)


def in_hands(
    texts: Sequence[str], folder: str, ids: str, seed: int = 7
) -> tuple[list[np.ndarray], list[str]]:
    """Texts as strange writers would write them: pictures set from pieces of the real lines that `ids` names.

    Returns:
        the pictures, grey uint8 (H, W), and their texts: those of `texts` whose characters the pieces have.

    Raises:
        HtrError: as `iam.named`; no text can be set.
    """
    from htr_utils.trainer import material  # imports TensorFlow

    whole = material.all_for_training(material.material(folder, Charset(), fold=True))
    held_out = iam.named(whole.train, ids)
    lines = sorted((line for line in whole.train if line.id in held_out), key=lambda line: line.id)
    pieces = material.located(replace(whole, train=lines))
    source = recombine.RecombinedLines(pieces, lambda rng: "", images.Preparation())
    pictures, kept = list[np.ndarray](), list[str]()
    for number, text in enumerate(texts):
        rng = np.random.default_rng([seed, number])
        grey = source.write(text, rng)
        if grey is not None:
            pictures.append(augment.augment(grey, rng, 0.5))
            kept.append(text)
    if not kept:
        raise HtrError(
            f"{folder}: none of {len(texts)} texts can be set from its pieces; name more lines"
        )
    return pictures, kept


@dataclass(frozen=True)
class Lines:
    """What the network answered to some lines: (lines, frames, classes), true frames, true texts."""

    log_probs: np.ndarray
    frames: np.ndarray
    truths: list[str]


def padded(answers: Sequence[np.ndarray], truths: list[str]) -> Lines:
    """Lines of their own length, (T, C) each, as one array."""
    frames = np.array([len(one) for one in answers])
    values = np.zeros((len(answers), int(frames.max()), answers[0].shape[1]), np.float32)
    for row, one in zip(values, answers, strict=True):
        row[: len(one)] = one
    return Lines(values, frames, truths)
