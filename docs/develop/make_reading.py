"""Draw docs/guide/reading.png, the picture of the README: `python docs/develop/make_reading.py`.

A line of the embedded test split, read by the shipped model with its language model: nothing on it is typed in.
"""

from pathlib import Path

from htr_utils import Recognizer
from htr_utils.course.plots import base
from htr_utils.lines import iam

LINE = "a08-"  # the first test line of a form with this beginning, else the first of the split


def main() -> None:
    lines = [line for line in iam.read().split("test") if 38 <= len(line.text) <= 55]
    line = next((line for line in lines if line.id.startswith(LINE)), lines[0])
    grey, reading = line.image(), Recognizer.load("course").read(line.path, decoder="lexicon")
    made, (top, low) = base.figure(2, 1, height=1.9, sharex=True, height_ratios=[1.3, 1])
    top.imshow(grey, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation="antialiased")
    for axis in (top, low):
        axis.set_yticks([])
        axis.set_xticks([])
        axis.spines[["left", "bottom"]].set_visible(False)
    for c in reading.characters:
        top.axvline(c.x, color=base.SKY, linewidth=0.7, linestyle=":")
        colour = base.BLUE if c.confidence >= 0.6 else base.ORANGE
        low.text(c.x, 0.8, c.character, ha="center", va="center", fontsize=11, color=colour)
    low.set_xlim(0, grey.shape[1])
    low.text(grey.shape[1] / 2, 0.2, reading.text, ha="center", va="center", fontsize=13)
    Path(__file__).parents[1].joinpath("guide", "reading.png").write_bytes(base.encode(made))
    print(f"{line.id}: {reading.text!r} for {line.text!r}")


if __name__ == "__main__":
    main()
