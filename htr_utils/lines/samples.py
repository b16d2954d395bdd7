"""The sample pictures of `data/samples/`: single lines as a phone would catch them, to try the recogniser on.

They are rendered, like the embedded data, by families of its test split, which no training saw.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from htr_utils.lines import augment, fonts, images, synth

SEED = 7
# Written for this purpose, CC0; the texts are in none of the passages.
TEXTS = (
    "Please water the tomatoes twice a week, Quentin.",
    "Meet me at 7:45 by the old ferry office!",
    "A letter from Zagreb came in a yellow envelope.",
    "Bring 2 umbrellas, the better kettle & some jam.",
    'She wrote "maybe later" and went to bed.',
    "The accommodation was full, so we slept aboard.",
)


def photograph(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paper under a lamp: a turn, a shadow, some blur, sensor noise, JPEG."""
    grey = augment.warp(grey, rotation=rng.normal(0, 0.5))
    if rng.random() < 0.5:
        grey = augment.ruled(grey, rng)
    grey = augment.shadow(grey, rng, depth=rng.uniform(0.1, 0.4))
    grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.4, 0.9))
    return augment.jpeg(augment.noise(grey, rng, sigma=rng.uniform(2, 6)), 80)


def build(target: Path) -> list[Path]:
    """Write the samples and `transcriptions.tsv` (name, text) into `target`."""
    families = [font for font in fonts.fetch(("test",)) if font.weight == 400]
    made = []
    for number, text in enumerate(TEXTS):
        rng = np.random.default_rng([SEED, number])
        writer = synth.Writer.draw(families[number % len(families)], rng)
        grey = photograph(synth.render(text, writer, rng, height=110).grey, rng)
        path = target / f"sample-{number + 1}.png"
        images.save(path, (np.round(grey / 8) * 8).clip(0, 255).astype(np.uint8))
        made.append(path)
    rows = [f"{path.stem}\t{text}" for path, text in zip(made, TEXTS, strict=True)]
    (target / "transcriptions.tsv").write_text("name\ttext\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return made
