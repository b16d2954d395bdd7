"""The sample pictures of `data/samples/`: single lines and two letters as a phone would catch them.

They are rendered, like the embedded data, by families of its test split, which no training saw. The letters, in
`pages/`, are by one hand that is far from the training data on purpose: narrow, leaning, joined, with a thin pen.
"Your own handwriting" reads them until its reader brings a page of their own. Their pictures are kept as they were
made with version 0.1; here are their texts.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from htr_utils.lines import augment, images
from htr_utils.synth import fonts, handwriting

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

# Two letters in one hand, CC0 too: the first to learn from, the second to be measured on.
LETTERS = (
    (
        "Dear Marta, the parcel came on Wednesday, quite dry,",
        "though it had rained for two days without a break.",
        "Grandfather's clock is on the kitchen wall again and",
        "ticks so loudly that the cat has moved next door.",
        "You asked what the garden looks like. The plum tree",
        "is over, the beans are up, and five of the six roses",
        "have buds. The sixth was eaten by Jakob's new goat.",
        "On Saturday we walked to the quarry with Xavier, who",
        "knows each bird by its voice and every fern by name.",
        "We counted 14 herons, 3 kingfishers & one very wet",
        "fox. He looked at us as if we had taken his lunch.",
        "Come before the 20th of June, and bring your boots!",
    ),
    (
        "My dear Paul, I meant to answer you a week ago, but",
        "the old typewriter has lost its letter K for good,",
        "and nobody wants to read about a missing kettle, a",
        "broken key or a quiet walk without that small sign.",
        "So I write by hand, slowly, at the window. It snowed",
        "this morning. By noon the roofs were dripping, and",
        "the boys next door had built half of a white giant.",
        "Have you finished the book about the Zambezi? I got",
        "as far as page 96 and then began it all over again,",
        "because I had mixed up the two brothers Vogel.",
        "Give my love to Hanna, and tell her that her jumper",
        "fits: it is the warmest thing that I have ever worn.",
    ),
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
        writer = handwriting.Writer.draw(families[number % len(families)], rng)
        grey = photograph(handwriting.render(text, writer, rng, height=110).grey, rng)
        path = target / f"sample-{number + 1}.png"
        images.save(path, (np.round(grey / 8) * 8).clip(0, 255).astype(np.uint8))
        made.append(path)
    rows = [f"{path.stem}\t{text}" for path, text in zip(made, TEXTS, strict=True)]
    (target / "transcriptions.tsv").write_text(
        "name\ttext\n" + "\n".join(rows) + "\n", encoding="utf-8"
    )
    return made
