"""Pictures of lines by one hand after the other: real ones, and lines set from fonts."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from htr_utils.lines import images

Array = np.ndarray
Rng = np.random.Generator
Hand = Callable[[], "Strip"]

_CODE = (
    'def main():|for i in range(10):|if x == 0:|return total|print("Sum:", a + b)|while n > 0:|x = int(input())|'
    "count += 1|# step 2|import math|A B C D E F G H I J|a b c d e f g h i j|0 1 2 3 4 5 6 7 8 9|y = 2x^2 + 3x - 5|"
    '{ } [ ] ( ) < > /|"""|1) milk|2) eggs|- bread|* call Ann|TODO|12.50|+ 348|= 1,024|x = 7|Total: 83|@ # $ % & *'
).split("|")


@dataclass(frozen=True)
class Strip:
    """A line's ink. cover: uint8 (h, w), 255 = ink. base: row of the baseline. x_height: pixels."""

    cover: Array
    base: float
    x_height: float


def x_band(ink: Array) -> tuple[float, float]:
    """Baseline and x-height of a line, (h, w) with ink > 0, in rows: where half of the fullest row is reached."""
    rows = cv2.GaussianBlur(ink.astype(np.float32).sum(1)[:, None], (1, 0), 0.02 * len(ink) + 0.5)
    full = np.flatnonzero(rows[:, 0] > 0.5 * rows.max())
    return float(full[-1]) + 1, float(full[-1] - full[0]) + 1


class Stock:
    """Where pictures of lines come from: folders with `lines.tsv` (id, writer, text), fonts, and text to set."""

    def __init__(
        self,
        folders: Sequence[Path],
        fonts: Sequence[Path],
        print_fonts: Sequence[Path],
        text: str,
    ) -> None:
        self.fonts, self.print_fonts, self.words = list(fonts), list(print_fonts), text.split()
        self.sources: list[list[list[Path]]] = []
        for folder in folders:
            writers: dict[str, list[Path]] = defaultdict(list)
            with (folder / "lines.tsv").open(encoding="utf-8", newline="") as table:
                for row in csv.reader(table, delimiter="\t", quoting=csv.QUOTE_NONE):
                    name = row[0]
                    if name == "id":  # a header
                        continue
                    writers[row[1]].append(
                        folder / "lines" / name.rsplit("-", 1)[0] / f"{name}.png"
                    )
            self.sources.append(list(writers.values()))

    def hand(self, rng: Rng, code: bool = False) -> Hand:
        """Lines by one hand; `code`: programs, lists and sums, which only fonts can write."""
        if code or not self.sources or rng.random() < 0.25:
            return self._set(
                self.fonts[int(rng.integers(len(self.fonts)))], rng, 0.7 if code else 0.1
            )
        source = self.sources[rng.integers(len(self.sources))]
        files = source[rng.integers(len(source))]

        def real() -> Strip:
            grey = images.load(files[rng.integers(len(files))])
            cover = np.clip((245.0 - grey) * 1.1, 0, 255).astype(np.uint8)
            cover[:, [0, -1]] = 0
            return Strip(cover, *x_band(cover))

        return real

    def print(self, rng: Rng) -> Hand:
        """Lines of one printing font."""
        return self._set(self.print_fonts[int(rng.integers(len(self.print_fonts)))], rng, 0.05)

    def _set(self, path: Path, rng: Rng, code: float) -> Hand:
        from PIL import Image, ImageDraw, ImageFont

        font = ImageFont.truetype(str(path), 44)
        high = -font.getbbox("x", anchor="ls")[1] or 20

        def line() -> Strip:
            start = int(rng.integers(len(self.words) - 12))
            text = " ".join(self.words[start : start + int(rng.integers(1, 11))])
            if rng.random() < code:
                text = str(rng.choice(_CODE))
            width = int(font.getlength(text)) + 60
            picture = Image.new("L", (width, 150))
            ImageDraw.Draw(picture).text((30, 95), text, fill=255, font=font, anchor="ls")
            return Strip(np.asarray(picture), 95.0, float(high))

        return line
