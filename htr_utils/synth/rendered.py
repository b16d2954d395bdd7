"""Lines to learn from that no epoch repeats: rendered with a font by a new writer each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import augment, images
from htr_utils.lines.dataset import to_bytes
from htr_utils.synth import fonts, handwriting
from htr_utils.synth.fonts import FontFile

TRIES = 1000  # fonts that are tried for a text before giving up


@dataclass
class RenderedLines:
    """Lines that no epoch repeats: text from `text(rng)`, a new writer each, rendered and augmented.

    free: share of hands that stay less close to a font (`synth.Writer.draw_free`). variety: least and most of the
        others' distance from their font; near 0 gives print.
    """

    fonts: Sequence[fonts.FontFile]
    text: Callable[[np.random.Generator], str]
    preparation: images.Preparation
    count: int = 4096
    strength: float = 1.0
    seed: int = 0
    free: float = 0.6
    variety: tuple[float, float] = (0.5, 1.5)

    def __post_init__(self) -> None:
        families: dict[str, list[fonts.FontFile]] = {}
        for font in self.fonts:
            families.setdefault(font.family, []).append(font)
        self._families = [families[name] for name in sorted(families)]

    def __len__(self) -> int:
        return self.count

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        rng = np.random.default_rng([self.seed, epoch, index])
        text = self.text(rng)
        font = self._font(rng, text)
        if rng.random() < self.free:
            second = self._font(rng, text) if rng.random() < 0.35 else None
            writer = handwriting.Writer.draw_free(font, rng, second)
        else:
            writer = handwriting.Writer.draw(font, rng, variety=rng.uniform(*self.variety))
        grey = handwriting.render(text, writer, rng, height=int(rng.integers(52, 80))).grey
        grey = augment.augment(grey, rng, self.strength)
        return to_bytes(images.prepare(grey, self.preparation).ink), text

    def _font(self, rng: np.random.Generator, text: str) -> FontFile:
        """A font that can write the text: each family as often as any other."""
        for _ in range(TRIES):
            family = self._families[int(rng.integers(len(self._families)))]
            font = family[int(rng.integers(len(family)))]
            if handwriting.can_write(font, text):
                return font
        raise HtrError(
            f"none of {TRIES} fonts has all letters of {text!r}; use other fonts or another text"
        )
