"""What `decoding.json` sets: the beam, the gate, and what makes confidences keep their promise.

All are chosen on validation lines by `python -m workshop.measure.tune`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fusion:
    """Settings of the beam. weight, bonus: of the language model. price, letter: of words that are not listed."""

    weight: float = 0.5
    bonus: float = 2.0
    price: float = 2.0
    letter: float = 0.0
    width: int = 100


@dataclass(frozen=True)
class Scale:
    """Turns a network's confidence into one that keeps its promise: of all the .9 nine in ten are right.

    Its logit is divided by `temperature` and shifted: a logistic curve with a slope and a shift (Platt 1999). This
    is not the temperature scaling of Guo et al. (2017), which divides all logits of a frame before the softmax.
    """

    temperature: float = 1.0
    shift: float = 0.0

    def __call__(self, confidence: float) -> float:
        if (self.temperature, self.shift) == (1.0, 0.0):
            return confidence
        p = min(max(confidence, 1e-7), 1 - 1e-7)
        return 1 / (1 + math.exp(-math.log(p / (1 - p)) / self.temperature - self.shift))


@dataclass(frozen=True)
class Scales:
    """For the letters and for the words of a decoder's readings, which are as sure as all their letters together."""

    letter: Scale = field(default_factory=Scale)
    word: Scale = field(default_factory=Scale)

    def of_word(self, letters: Sequence[float]) -> float:
        """A word's confidence from those of its letters, which are scaled already."""
        return self.word(math.prod(letters))


@dataclass(frozen=True)
class Settings:
    """Of the gate; all in nats but `weight` and `shortest`."""

    weight: float = 0.5
    margin: float = 1.0
    name: float = 3.0
    insert: float = 3.0
    seen: float = 2.0  # added where another reading of the beam has the word
    shortest: int = 3
