"""Lines made harder, bent and soiled: what the network says of them, and what is wrong in a reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from rapidfuzz.distance import Levenshtein

from htr_utils.lines import augment, images
from htr_utils.lines.iam import Line
from htr_utils.text import corrections, fusion, spelling
from htr_utils.text.metrics import cer

if TYPE_CHECKING:
    from htr_utils.recognizer import Recognizer


def damaged(picture: np.ndarray, number: int) -> np.ndarray:
    """A line (H, W) as a hard hand would leave it: training's augmentation, then twice its usual bending."""
    rng = np.random.default_rng([7, number])
    return augment.elastic(augment.augment(picture, rng), rng, amount=3.0)


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


def pictures(lines: Sequence[Line]) -> list[np.ndarray]:
    """The pictures of lines, each damaged in its own way."""
    return [damaged(images.load(line.path), number) for number, line in enumerate(lines)]


def read_damaged(recognizer: Recognizer, lines: Sequence[Line]) -> Lines:
    """What the network answers to lines that were damaged, each in its own way."""
    return padded(recognizer.log_probs(pictures(lines)), [line.text for line in lines])


def mistakes(texts: Sequence[str], truths: Sequence[str]) -> dict[str, int]:
    """Characters that were replaced, invented (read where nothing stands) and omitted, over all lines."""
    edits = [e.tag for pair in zip(texts, truths, strict=True) for e in Levenshtein.editops(*pair)]
    names = {"replaced": "replace", "invented": "delete", "omitted": "insert"}
    return {name: edits.count(tag) for name, tag in names.items()}


def right_by_list(
    recognizer: Recognizer, plain: Sequence[Line], prices: Sequence[float]
) -> Iterator[str]:
    """How many words of plain lines the tuned beam reads rightly, with a lexicon of each price: a sentence each."""
    tuned, truths = recognizer.tuned, [line.text for line in plain]
    lines = padded(recognizer.log_probs([line.path for line in plain]), truths)
    how = tuned.fusion
    words = {word.lower() for word in spelling.listed(tuned.lm.words)}
    for price in prices:
        lexicon = fusion.Lexicon(words, tuned.lm.characters, price, how.letter)
        settings = how.width, how.weight, how.bonus
        found = fusion.prefix_beam(
            lines.log_probs, lines.frames, tuned.lm, *settings, lexicon=lexicon
        )
        texts = [recognizer.charset.decode(one[0].ids).strip() for one in found]
        right: dict[str, list[bool]] = {"listed": [], "not listed": []}
        for text, truth in zip(texts, truths, strict=True):
            for word, good in zip(truth.split(), corrections.right_words(truth, text), strict=True):
                bare = word.strip(".,;:!?\"'()-").lower()
                right["not listed" if bare.isalpha() and bare not in words else "listed"].append(
                    good
                )
        listed, rare = (f"{sum(good)} of {len(good)}" for good in right.values())
        rate = cer(texts, truths).value
        yield f"price {price:<4g} right: {listed} listed words, {rare} others; CER {rate:.1%}"
