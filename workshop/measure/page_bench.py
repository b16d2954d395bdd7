"""How well lines are found on composed pages, and how well whole pages are read.

    python -m workshop.measure.page_bench --split test            # detection, every kind, the measured seeds
    python -m workshop.measure.page_bench --split test --read     # and end to end with the course model

The finder was tuned on pages of TUNED seeds with lines of the train split; MEASURED seeds and the test split
were only ever measured.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from htr_utils import pages
from htr_utils.cli.one_line import one_line
from htr_utils.course.line_finding import detect, profile, ridges
from htr_utils.synth import compose
from htr_utils.text import metrics

TUNED = tuple(range(8))
MEASURED = tuple(
    range(2000, 2010)
)  # 1000 to 1009 were measured once, and one of their pages showed a fault


def bag_of_words_error(read: str, true: str) -> float:
    """Word error without order (Vidal et al. 2023, Pattern Recognition 142): 0 to about 1, of the true words."""
    a, b = Counter(read.split()), Counter(true.split())
    words = max(1, sum(b.values()))
    apart = sum(abs(a[word] - b[word]) for word in a | b)
    return (abs(sum(a.values()) - sum(b.values())) + apart) / (2 * words)


def read(
    kinds: Sequence[str],
    seeds: Sequence[int],
    split: str,
    model: str = "course",
    say: Callable[[str], Any] = print,
) -> None:
    """Read composed pages end to end; beside it the same lines before they were composed (no page at all)."""
    from htr_utils.recognizer import Recognizer

    reader = Recognizer.load(model)
    say("kind         page CER %  bag of words %  cut by the truth: CER %")
    for kind in kinds:
        pairs, bags, given = [], [], []
        for seed in seeds:
            made = compose.page(kind, seed, split)
            text = "\n".join(
                r.text
                for r in reader.read(
                    [line.crop for line in pages.find(made.grey).lines], decoder="greedy"
                )
            )
            truth = "\n".join(line.text for line in made.lines)
            pairs.append((text, truth))
            bags.append(bag_of_words_error(text, truth))
            given += list(
                zip(reader.read(_cut_by_truth(made), decoder="greedy"), made.lines, strict=True)
            )
        page = metrics.cer([a for a, _ in pairs], [b for _, b in pairs]).value
        lines = metrics.cer([a.text for a, _ in given], [b.text for _, b in given]).value
        say(f"{kind:12} {100 * page:10.2f} {100 * float(np.mean(bags)):14.2f} {100 * lines:14.2f}")


def _cut_by_truth(made: compose.Composed) -> list[np.ndarray]:
    """The true lines cut straight out of the page: what reading costs without finding."""
    cuts = []
    for line in made.lines:
        x, y, w, h = cv2.boundingRect(line.polygon.astype(np.float32))
        x, y = max(0, x), max(0, y)
        part = made.grey[y : y + h, x : x + w].copy()
        outline = (line.polygon - [x, y]).round().astype(np.int32)
        inside = cv2.fillPoly(np.zeros(part.shape, np.uint8), [outline], 1)
        part[inside == 0] = np.percentile(part, 90)
        cuts.append(part)
    return cuts


@one_line
def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--split", default="test")
    parser.add_argument("--kinds", nargs="+", default=list(compose.KINDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=list(MEASURED))
    parser.add_argument("--finder", choices=["ridges", "profile"], default="ridges")
    parser.add_argument("--read", action="store_true")
    chosen = parser.parse_args()
    if chosen.read:
        read(chosen.kinds, chosen.seeds, chosen.split)
    else:
        detect(
            chosen.kinds,
            chosen.seeds,
            chosen.split,
            {"ridges": ridges, "profile": profile}[chosen.finder],
        )


if __name__ == "__main__":
    sys.exit(main())
