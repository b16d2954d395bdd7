"""The words of the chapter "Start here": single words in one hand, small enough to learn to read in a minute.

    python -m workshop.material.words data/words

They are set by one family of the embedded data's training split. The words to learn from are taken from its training
passages, the unseen ones from its validation passages; none stands in both.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import cv2
import numpy as np

from htr_utils import files, paths
from htr_utils.cli.one_line import one_line
from htr_utils.course.first_network import COLUMNS, HEIGHT, SHEET, TABLE, WIDTH
from htr_utils.lines import images
from htr_utils.synth import fonts, handwriting
from htr_utils.text import passages

SEED = 11
FAMILY = "shadows-into-light"
COUNTS = {"train": 1500, "validation": 200}
_GREYS = 51  # 6 grey levels: noise in the last bits is most of a PNG's size


def vocabulary() -> dict[str, list[str]]:
    """Words of 3 to 9 small letters a split, drawn without order; the validation's stand in no training passage."""
    read = passages.read_passages(paths.embedded_root() / "passages.tsv")
    texts = {
        split: " ".join(passage.text for passage in read if passage.split == split)
        for split in COUNTS
    }
    pools = {
        split: set(re.findall(r"(?<![\w'-])[a-z]{3,9}(?![\w'-])", text))
        for split, text in texts.items()
    }
    pools["validation"] -= set(re.findall(r"\w+", texts["train"].lower()))
    rng = np.random.default_rng(SEED)
    return {
        split: [str(word) for word in rng.permutation(sorted(pools[split]))[:count]]
        for split, count in COUNTS.items()
    }


def picture(word: str, font: fonts.FontFile, rng: np.random.Generator) -> np.ndarray:
    """One word, uint8 (HEIGHT, WIDTH), dark on white, at about the same size each time, at the left."""
    writer = handwriting.Writer(font, slant=float(rng.normal(0, 4)), jitter=0.8, ink=30, paper=255)
    grey = handwriting.render(word, writer, rng, height=None).grey
    scale = min(rng.uniform(0.5, 0.6), HEIGHT / grey.shape[0], (WIDTH - 4) / grey.shape[1])
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((HEIGHT, WIDTH), 255, np.uint8)
    top = int(rng.integers(0, HEIGHT - grey.shape[0] + 1))
    left = int(rng.integers(0, min(4, WIDTH - grey.shape[1]) + 1))
    canvas[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    return (np.round(canvas / _GREYS) * _GREYS).astype(np.uint8)


def build(target: Path) -> None:
    """Write the sheet of pictures and the table of words."""
    font = next(f for f in fonts.fetch(("train",)) if f.family == FAMILY and f.weight == 400)
    rows = [(split, word) for split, words in vocabulary().items() for word in words]
    pictures = [
        picture(word, font, np.random.default_rng([SEED, number]))
        for number, (_, word) in enumerate(rows)
    ]
    pictures += [np.full((HEIGHT, WIDTH), 255, np.uint8)] * (-len(pictures) % COLUMNS)
    sheet = np.vstack(
        [np.hstack(pictures[at : at + COLUMNS]) for at in range(0, len(pictures), COLUMNS)]
    )
    target.mkdir(parents=True, exist_ok=True)
    images.save(target / SHEET, sheet)
    files.write_text(target / TABLE, "split\tword\n" + "".join(f"{s}\t{w}\n" for s, w in rows))


@one_line
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", type=Path, help="folder for words.png and words.tsv")
    build(parser.parse_args().target)


if __name__ == "__main__":
    main()
