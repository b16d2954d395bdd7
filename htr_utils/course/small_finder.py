"""What the small line finder of "Your own handwriting" learns from: crops of composed pages, and the lines' cores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from htr_utils.lines import augment, iam
from htr_utils.synth import finder_data, hands, pages


class _Embedded(hands.Stock):
    """Lines of the embedded training writers; print in the font that matplotlib brings."""

    def __init__(self) -> None:
        import matplotlib

        font = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
        known = iam.read().split("train")
        super().__init__([], [font], [font], " ".join(line.text for line in known[:200]))
        by_writer: dict[str, list[iam.Line]] = defaultdict(list)
        for line in known:
            by_writer[line.writer_id].append(line)
        self.hands = list(by_writer.values())

    def hand(self, rng: np.random.Generator, code: bool = False) -> hands.Hand:
        mine = self.hands[rng.integers(len(self.hands))]

        def written() -> hands.Strip:
            grey = mine[rng.integers(len(mine))].image()
            paper = float(augment.paper_tone(grey))
            cover = np.clip(290.0 * (paper - grey) / paper - 30, 0, 255).astype(np.uint8)
            return hands.Strip(cover, *hands.x_band(cover))

        return written


def crops(
    composed: int, count: int, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Crops to learn from, cut out of pages composed for the purpose.

    Returns:
        float32 (count, size, size, 1), about 0 to 1; float32 (count, size / 4, size / 4, 1), 1 in the core of a line;
        some of the pages, uint8 (H, W).
    """
    stock = _Embedded()
    made = []
    for number in range(composed):
        page = pages.compose(stock, np.random.default_rng([seed, number]))
        made.append(finder_data.Sample(page.grey, page.lines))
    rng = np.random.default_rng([seed, composed])
    cut: list[tuple[np.ndarray, ...]] = []
    while len(cut) < count:
        one = finder_data.crop(made[rng.integers(composed)], size, rng)
        if one[1][..., 0].mean() > 0.04:  # level lines: a small network has no time for others
            cut.append(one)
    pictures, maps = (np.stack([one[k] for one in cut]) for k in (0, 1))
    return pictures, maps[..., :1], [one.grey for one in made[:3]]


def at_work(grey: np.ndarray, longest: int = 1152) -> tuple[np.ndarray, float]:
    """A page as a finder sees it, float32 (1, h, w, 1), h and w multiples of 32; pixels of the page a pixel of it."""
    scale = longest / max(grey.shape)
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = np.pad(small, [(0, -side % 32) for side in small.shape], mode="edge")
    return small[None, ..., None].astype(np.float32) / 255, 1 / scale


def owners(
    true: Sequence[np.ndarray], found: Sequence[np.ndarray], least: float = 0.3
) -> list[int]:
    """For each polygon found, (N, 2), the true one that it overlaps most; -1: with an IoU under `least`."""
    if not len(found):
        return []
    corner = np.ceil(np.concatenate([*true, *found]).max(0)).astype(int) // 2 + 2

    def painted(polygon: np.ndarray) -> np.ndarray:
        mask = np.zeros(corner[::-1], np.uint8)
        return cv2.fillPoly(mask, [np.round(polygon / 2).astype(np.int32)], 1) > 0

    masks, made = [painted(one) for one in true], []
    for polygon in found:
        mine = painted(polygon)
        shares = [(mine & other).sum() / max(1, (mine | other).sum()) for other in masks]
        made.append(int(np.argmax(shares)) if max(shares) >= least else -1)
    return made
