"""Draw docs/guide/reading.gif, the moving picture of README and chapter 0: `python docs/develop/make_animation.py`.

A short line of the embedded test split becomes frames, probabilities, a path and a text. All of it is what the shipped
model computes; nothing is typed in but the captions. The first picture is the last: it is what stands still in print.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from htr_utils import Recognizer
from htr_utils.lines import iam

LINE = "h08-051u-09"  # short, with a doubled letter and with one that two frames say
OUT = Path(__file__).parents[1] / "guide" / "reading.gif"
WIDTH, HEIGHT, LEFT, RIGHT = 720, 400, 40, 700  # pixels; LEFT to RIGHT is the line
TOP, STRIP, ROW = 40, 156, 14  # upper edges of line and strip; height of a class in it
PATH, KEPT, TEXT = 312, 338, 380  # baselines
LEAST = 0.04  # a class that is nowhere likelier gets no row
INK, GREY, BLUE, ORANGE, PALE = "#1c1c1c", "#6b6b6b", "#0072b2", "#d55e00", "#dcebf5"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
CAPTIONS = (
    "A line of handwriting becomes text",
    "1. The line, as the network gets it",
    "2. Frame by frame: how likely is each letter?",
    "3. The likeliest of each frame: the path. “-” is the blank",
    "4. Repeats become one",
    "5. Blanks go, and the text is left",
)


def font(size: int, name: str = "DejaVuSansMono.ttf") -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS / name), size)


class Film:
    """What is shown of one line. chances: (frames, classes); names: what stands for each class."""

    def __init__(self, grey: np.ndarray, chances: np.ndarray, names: list[str]) -> None:
        self.chances, self.names = chances, names
        self.frames = len(chances)
        self.path = chances.argmax(1)
        on_path = list(dict.fromkeys(int(k) for k in self.path if k))
        rest = [k for k in np.argsort(-chances.max(0)) if k and k not in on_path]
        rest = [int(k) for k in rest if chances[:, k].max() > LEAST]
        self.rows = [*[*on_path, *rest][:8], 0]
        self.first = [t == 0 or self.path[t - 1] != k for t, k in enumerate(self.path)]
        high = round(grey.shape[0] * (RIGHT - LEFT) / grey.shape[1])
        high = min(high, STRIP - TOP - 12)
        line = Image.fromarray(grey).resize((RIGHT - LEFT, high), Image.Resampling.LANCZOS)
        self.line = line.convert("RGB")
        self.wide = (RIGHT - LEFT) / self.frames

    def x(self, frame: float) -> float:
        """The middle of a frame."""
        return LEFT + (frame + 0.5) * self.wide

    def picture(
        self,
        caption: int,
        *,
        seen: int,
        walked: int = 0,
        merged: float = 0,
        cleaned: float = 0,
        window: bool = False,
    ) -> Image.Image:
        """One picture. seen: frames of the strip; walked: of the path; merged, cleaned: 0 to 1, how far that is."""
        made = Image.new("RGB", (WIDTH, HEIGHT), "white")
        pen = ImageDraw.Draw(made)
        pen.text((LEFT, 8), CAPTIONS[caption], INK, font(17, "DejaVuSans-Bold.ttf"))
        made.paste(self.line, (LEFT, TOP))
        if window:
            box = (
                self.x(seen - 1) - 9,
                TOP - 2,
                self.x(seen - 1) + 9,
                STRIP + ROW * len(self.rows),
            )
            pen.rectangle(box, outline=ORANGE, width=2)
        for row, k in enumerate(self.rows):
            top = STRIP + ROW * row
            if seen:
                pen.text((LEFT - 12, top + ROW / 2), self.names[k], INK, font(13), anchor="rm")
            for t in range(seen):
                share = float(self.chances[t, k])
                if share > 0.02:
                    colour = (107, 107, 107) if k == 0 else (0, 114, 178)
                    shade = tuple(round(255 + share * (one - 255)) for one in colour)
                    at = LEFT + t * self.wide
                    pen.rectangle((at, top + 1, at + self.wide - 1, top + ROW - 2), fill=shade)
        for t in range(walked):
            k = int(self.path[t])
            colour = GREY if k == 0 else BLUE
            pen.text((self.x(t), PATH), self.names[k], colour, font(14), anchor="ms")
        self._kept(pen, merged, cleaned)
        return made

    def _kept(self, pen: ImageDraw.ImageDraw, merged: float, cleaned: float) -> None:
        """The path without repeats, and the text without blanks, as far as they have come."""
        if merged:
            last = round(merged * self.frames)
            for t in range(last):
                if self.first[t]:
                    k = int(self.path[t])
                    colour = GREY if k == 0 else BLUE
                    pen.text((self.x(t), KEPT), self.names[k], colour, font(14), anchor="ms")
        letters = [t for t in range(self.frames) if self.first[t] and self.path[t]]
        if cleaned:
            size = 28
            step = font(size).getlength("n")
            start = (WIDTH - step * len(letters)) / 2
            for place, t in enumerate(letters):
                to = start + (place + 0.5) * step
                x = self.x(t) + cleaned * (to - self.x(t))
                y = KEPT + cleaned * (TEXT - KEPT)
                name = self.names[int(self.path[t])].replace("␣", " ")
                pen.text((x, y), name, INK, font(round(14 + cleaned * (size - 14))), anchor="ms")

    def pictures(self) -> tuple[list[Image.Image], list[int]]:
        """All pictures, and how long each stays (ms)."""
        whole = {"seen": self.frames, "walked": self.frames}
        shown = [(self.picture(0, **whole, merged=1, cleaned=1), 2500)]
        shown.append((self.picture(1, seen=0), 1600))
        every = max(1, self.frames // 38)
        for seen in [*range(1, self.frames, every), self.frames]:
            shown.append((self.picture(2, seen=seen, window=True), 110))
        shown.append((self.picture(2, seen=self.frames), 900))
        for walked in [*range(1, self.frames, 2 * every), self.frames]:
            shown.append((self.picture(3, seen=self.frames, walked=walked), 110))
        shown.append((self.picture(3, **whole), 1600))
        for k in range(1, 11):
            shown.append((self.picture(4, **whole, merged=k / 10), 110))
        shown.append((self.picture(4, **whole, merged=1), 1600))
        for k in range(1, 13):
            shown.append((self.picture(5, **whole, merged=1, cleaned=k / 12), 90))
        shown.append((self.picture(5, **whole, merged=1, cleaned=1), 2500))
        return [picture for picture, _ in shown], [stay for _, stay in shown]


def main(arguments: list[str] | None = None) -> str:
    """Write the animation; returns what it shows being read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args(arguments).out
    line = next(one for one in iam.read().split("test") if one.id == LINE)
    recognizer = Recognizer.load("course")
    (rows,) = recognizer.log_probs([line.image()])
    names = ["-", *("␣" if c == " " else c for c in recognizer.charset.characters)]
    film = Film(line.image(), np.exp(rows), names)
    pictures, stays = film.pictures()
    both = Image.new("RGB", (WIDTH, 2 * HEIGHT))
    both.paste(pictures[0])
    both.paste(pictures[len(pictures) // 4], (0, HEIGHT))  # its window has a colour of its own
    palette = both.quantize(64, dither=Image.Dither.NONE)
    drawn = [one.quantize(palette=palette, dither=Image.Dither.NONE) for one in pictures]
    drawn[0].save(
        out, save_all=True, append_images=drawn[1:], duration=stays, loop=0, optimize=True
    )
    said = recognizer.read(line.path, decoder="greedy").text
    print(
        f"{line.id}: {said!r} for {line.text!r}; {len(drawn)} pictures, {out.stat().st_size} bytes"
    )
    return said


if __name__ == "__main__":
    main()
