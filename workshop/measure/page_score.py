"""How well a page was read: lines found, lost, doubled, invented, their order, and the page's text.

A truth line and a prediction are one when their polygons overlap with an IoU of at least .3, best first. Of the other
truth lines "merged" counts those that a prediction of another line covers by half. Of the other predictions those
half of which lie on a truth line are doubled, those on print or on what is not asked for do not count, the rest is
invented. `[?]` in a truth, what nobody can read, matches up to 16 characters.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from htr_utils.text import metrics

IOU = 0.3
_LEFT_OUT = ("printed", "ignore")
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u02bc", "'"),
        **dict.fromkeys("\u201c\u201d\u201e", '"'),
        **dict.fromkeys("\u2013\u2014\u2212\u00ac\u2010\u2011", "-"),
        "\u2026": "...",
        "\u00a0": " ",
        "\u2264": "<=",
        "\u2265": ">=",
        "\u0153": "oe",
        "\u0152": "OE",
        "#": " ",
    }
)
_ANY, _LONGEST = "\uffff", 16


def plain(text: str, fold: bool = False, truth: bool = False) -> str:
    """A text with plain signs and single spaces; `fold`: without case and accents; `truth`: [?] made a wildcard."""
    text = unicodedata.normalize("NFC", text or "")
    if truth:
        text = re.sub(r"\S*\[\?\]\S*", _ANY, text)
    text = text.translate(_PLAIN)
    if fold:
        apart = unicodedata.normalize("NFD", text.lower())
        text = "".join(c for c in apart if not unicodedata.combining(c))
    return " ".join(text.split())


def edits(truth: str, reading: str) -> int:
    """Edit distance; a wildcard of the truth takes up to 16 characters of the reading for nothing."""
    if _ANY not in truth:
        return metrics.edits(reading, truth)
    letters = np.array([ord(c) for c in reading], np.int64)
    at = np.arange(len(reading) + 1)
    row = at.copy()
    for c in truth:
        if c == _ANY:
            later = [
                np.r_[[1 << 30] * k, row[: len(row) - k]]
                for k in range(min(_LONGEST, len(reading)) + 1)
            ]
            new = np.min(later, 0)
        else:
            new = row + 1
            new[1:] = np.minimum(new[1:], row[:-1] + (letters != ord(c)))
        row = np.minimum.accumulate(new - at) + at
    return int(row[-1])


def _length(text: str) -> int:
    return len(text) - text.count(_ANY)


def _polygon(points: Any) -> np.ndarray | None:
    if points is None:
        return None
    made = np.asarray(points, float)
    if made.shape == (4,):
        a, b, c, d = made
        made = np.array([[a, b], [c, b], [c, d], [a, d]])
    return made.reshape(-1, 2)


class _Areas:
    """Polygons of a page as masks on a grid that is fine enough for its lowest line."""

    def __init__(self, polygons: Sequence[np.ndarray | None], low: float) -> None:
        step = max(1.0, low / 14)
        self.masks: list[tuple[np.ndarray, np.ndarray] | None] = []
        for points in polygons:
            if points is None:
                self.masks.append(None)
                continue
            corner = np.floor(points.min(0) / step).astype(int)
            size = np.maximum(1, np.ceil(points.max(0) / step).astype(int) - corner)
            mask = np.zeros(size[::-1] + 1, np.uint8)
            cv2.fillPoly(
                mask, [np.round((points / step - corner) * 16).astype(np.int32)], 1, shift=4
            )
            self.masks.append((corner, mask))

    def area(self, one: int) -> int:
        known = self.masks[one]
        return 0 if known is None else int(known[1].sum())

    def shared(self, one: int, other: int) -> int:
        a, b = self.masks[one], self.masks[other]
        if a is None or b is None:
            return 0
        low = np.maximum(a[0], b[0])
        high = np.minimum(a[0] + a[1].shape[::-1], b[0] + b[1].shape[::-1])
        if (high <= low).any():
            return 0
        parts = [
            m[low[1] - c[1] : high[1] - c[1], low[0] - c[0] : high[0] - c[0]] for c, m in (a, b)
        ]
        return int((parts[0] & parts[1]).sum())


def score(
    truth: Sequence[dict[str, Any]], read: Sequence[dict[str, Any]], fold: bool = False
) -> Counter[str]:
    """Counts of one page: lines, found, lost, merged, doubled, invented, order; edits, chars; word_errors, words.

    Args:
        truth: {"text", "polygon", perhaps "kind"} in reading order. read: {"text", "polygon"} in reading order;
            polygon: points, [x0, y0, x1, y1], or None, and then the line is known by its text (at most half wrong).
    """
    asked = [t for t in truth if t.get("kind") not in _LEFT_OUT and plain(t["text"], fold, True)]
    others = [t for t in truth if t.get("kind") in _LEFT_OUT]
    polygons = [_polygon(one.get("polygon")) for one in (*asked, *others, *read)]
    sizes = [n for p in polygons[: len(asked)] if p is not None for n in np.ptp(p, axis=0)]
    areas = _Areas(polygons, float(np.percentile(sizes, 10)) if sizes else 56.0)
    n, m = len(asked), len(asked) + len(others)
    texts = [plain(t["text"], fold, True) for t in asked]
    said = [plain(r.get("text", ""), fold) for r in read]
    both = np.array([[areas.shared(i, m + j) for j in range(len(read))] for i in range(m)]).reshape(
        m, len(read)
    )
    size = np.array([areas.area(m + j) for j in range(len(read))])
    offers = []
    for i in range(n):
        for j in range(len(read)):
            if polygons[i] is not None and polygons[m + j] is not None:
                overlap = both[i, j] / max(1, areas.area(i) + size[j] - both[i, j])
                if overlap >= IOU:
                    offers.append((0, -overlap, i, j))
            elif said[j] and (wrong := edits(texts[i], said[j]) / max(1, _length(texts[i]))) <= 0.5:
                offers.append((1, wrong + 1e-6 * abs(i / n - j / len(read)), i, j))
    pairs: dict[int, int] = {}
    for _, _, i, j in sorted(offers):
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    counts: Counter[str] = Counter(lines=n, found=len(pairs), lost=n - len(pairs))
    for i in range(n):
        covered = any(both[i, j] >= 0.5 * areas.area(i) for j in pairs.values())
        counts["merged"] += i not in pairs and areas.area(i) > 0 and covered
    kept = []
    for j in range(len(read)):
        mine, foreign = (part.max(initial=0) for part in (both[:n, j], both[n:, j]))
        if j not in pairs.values():
            if foreign >= 0.5 * max(1, size[j]) and foreign >= mine:
                continue
            counts["doubled" if mine >= 0.5 * max(1, size[j]) else "invented"] += 1
        kept.append(said[j])
    sequence = [pairs[i] for i in sorted(pairs)]
    counts["order"] = len(sequence) - _longest_run(sequence)
    whole, reading = " ".join(texts), " ".join(" ".join(kept).split())
    counts["edits"], counts["chars"] = edits(whole, reading), _length(whole)
    counts["line_edits"] = sum(edits(texts[i], said[j]) for i, j in pairs.items())
    counts["line_chars"] = sum(_length(texts[i]) for i in pairs)
    words, there = Counter(w for w in whole.split() if _ANY not in w), Counter(reading.split())
    free = sum(_ANY in w for w in whole.split())
    counts["word_errors"] = max((words - there).total(), (there - words).total() - free)
    counts["words"] = words.total()
    return counts


def _longest_run(numbers: Sequence[int]) -> int:
    tails: list[int] = []
    for number in numbers:
        at = bisect_left(tails, number)
        tails[at : at + 1] = [number]
    return len(tails)
