"""Lines of a page -> pictures of lines: each level, light taken out, the ink of its neighbours left out.

What lies between a line's core and half-way to the next core above and below is the line's own, or what lies inside its
outline where somebody drew one; a stroke that begins in its core and meets no other core stays whole, however far it
reaches. The lines that `pages` finds and those that PAGE and ALTO files tell of are cut here alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import crops, images

_UNIT = 22.0  # x-height of a crop in pixels, where the page has as many
_ABOVE, _BELOW = 2.6, 1.7  # what a crop holds over and under the baseline, in x-heights
_WIDE = 3.0  # how much further a crop's neighbours are looked for, in x-heights
_INK, _GRAIN = 0.4, 15.0  # ink is what has this share of the strokes' depth, and more than grain
_FAINT, _LIFT = 100.0, 4.0  # strokes less deep than this are made deeper, at most so many times


@dataclass(frozen=True)
class Standing:
    """Where a line stands: baseline (N, 2), from left to right, and x-height, pixels of the page."""

    baseline: np.ndarray
    x_height: float


@dataclass(frozen=True)
class Outlined:
    """A line with the outline (N, 2) that somebody drew around it, x and y in pixels."""

    baseline: np.ndarray
    outline: np.ndarray

    @cached_property
    def reach(self) -> tuple[float, float, np.ndarray]:
        """How far the outline reaches over and under the baseline, and the baseline with its ends moved to it."""
        base = self.baseline
        along = (base[-1] - base[0]) / max(1e-6, float(np.linalg.norm(base[-1] - base[0])))
        across = np.array([-along[1], along[0]])
        at, far = (base - base[0]) @ along, (self.outline - base[0]) @ along
        over = (self.outline - base[0]) @ across - np.interp(far, at, (base - base[0]) @ across)
        ends = [
            base[0] + min(0.0, far.min()) * along,
            base[0] + max(at[-1], far.max()) * along,
        ]
        whole = np.concatenate([ends[:1], base, ends[1:]])
        return max(2.0, -float(over.min())), max(1.0, float(over.max())), whole

    @property
    def x_height(self) -> float:
        """Half of what is over the baseline: about right for an outline that holds letters with a rise."""
        return self.reach[0] / 2


Stand = Standing | Outlined
AnyStand = TypeVar("AnyStand", bound=Stand)


@dataclass(frozen=True)
class Cut:
    """crop: uint8 (h, w), 255 = paper. polygon: float64 (N, 2) around its ink, in the picture. frame: its place there.

    share: of the core that is ink; peak: share of that ink in its fullest tenth of rows, what tells a rule. depth: how
    much darker than the paper the strokes are, 0 to 255. dark: share of the core's surroundings that is nearer to the
    darkest than to the lightest there: of holes and blots nearly all.
    """

    crop: np.ndarray
    polygon: np.ndarray
    frame: crops.Frame
    share: float
    peak: float
    depth: float
    dark: float = 0.0


def cut(
    grey: np.ndarray, lines: Sequence[Stand], numbers: Sequence[int] | None = None
) -> list[Cut]:
    """Cut lines out of a page, uint8 (H, W), dark ink on lighter paper.

    A page that is much larger than its writing needs is made smaller first.

    Args:
        lines: all that the page has. numbers: of the lines to cut out; None is all.
    """
    if not lines:
        return []
    fit = _UNIT / float(np.percentile([line.x_height for line in lines], 25))
    if fit < 0.7:
        small = cv2.resize(grey, None, fx=fit, fy=fit, interpolation=cv2.INTER_AREA)
        reduced = [_scaled(line, fit) for line in lines]
        return [_enlarged(one, 1 / fit) for one in cut(small, reduced, numbers)]
    cores = np.zeros(grey.shape, np.int16)
    for number, line in enumerate(lines, 1):
        band = np.concatenate(
            [
                line.baseline - [0, 0.85 * line.x_height],
                line.baseline[::-1] - [0, 0.15 * line.x_height],
            ]
        )
        cv2.fillPoly(cores, [np.round(band).astype(np.int32)], number)
    return [_cut(grey, cores, n + 1, lines[n]) for n in numbers or range(len(lines))]


def longest(lines: Sequence[AnyStand], count: int) -> list[AnyStand]:
    """The `count` lines that are longest in x-heights."""
    return sorted(lines, key=lambda line: -np.ptp(line.baseline, 0).max() / line.x_height)[:count]


def light_on_dark(grey: np.ndarray, lines: Sequence[Stand]) -> bool:
    """Whether in most of the longest lines what differs most from its surroundings is lighter than they."""
    votes = 0
    for line in longest(lines, 9):
        high = line.x_height
        part = crops.frame(line.baseline, 1.5 * high, 0.5 * high).cut(grey).astype(np.float32)
        around = (round(3 * high) | 1,) * 2
        away = part - cv2.blur(part, around)  # from its surroundings: shadow is no ink
        votes += 1 if float((away**3).mean()) > 0 else -1
    return votes > 0


def _scaled(line: Stand, fit: float) -> Stand:
    """A line in a page that is `fit` times as large."""
    if isinstance(line, Outlined):
        return Outlined(line.baseline * fit, line.outline * fit)
    factor = np.float32(fit)
    return Standing(line.baseline * factor, line.x_height * fit)


def _cut(grey: np.ndarray, cores: np.ndarray, number: int, line: Stand) -> Cut:
    unit = line.x_height
    scale = min(1.0, _UNIT / unit)
    outline = line.outline if isinstance(line, Outlined) else None
    if isinstance(line, Outlined):
        up, down, baseline = line.reach
        seen = 0.5 * (up + down)  # of what a stroke may have beyond the outline
        above, below = (up + seen) / unit, (down + seen) / unit
    else:
        above, below, baseline = _ABOVE, _BELOW, line.baseline
    baseline = _longer(baseline, unit)
    frame = crops.frame(baseline, above * unit, below * unit, scale)
    if frame.height * len(frame.path) > images.MAX_PIXELS:
        raise HtrError("a line's outline is larger than a page can be; mend it")
    wide = crops.frame(baseline, (above + _WIDE) * unit, (below + _WIDE) * unit, scale)
    around = wide.cut(cores, cv2.INTER_NEAREST)
    unit *= scale
    more = round(_WIDE * unit)
    top, bottom = _zone((around > 0) & (around != number), (above + _WIDE - 0.5) * unit, unit)
    places = around[more : more + frame.height]
    other = (places > 0) & (places != number)
    base = above * unit
    core = slice(max(0, round(base - 0.9 * unit)), round(base) + 1)
    given = frame.cut(grey)
    crop, ink, depth = _ink(_flat(given, unit), core)
    rows = np.arange(more, more + crop.shape[0])[:, None]
    mine = (rows >= top) & (rows < bottom)
    if outline is not None:
        inside = np.zeros(grey.shape, np.uint8)
        cv2.fillPoly(inside, [outline.round().clip(-1e6, 1e6).astype(np.int32)], 1)
        mine = frame.cut(inside, cv2.INTER_NEAREST) > 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    here = np.bincount(labels[core][mine[core]], minlength=count) > 0
    there = np.bincount(labels[other], minlength=count) > 0
    long = stats[:, cv2.CC_STAT_WIDTH] > 12 * unit  # a rule ties all to all
    whole = here & ~there & ~long
    centre = np.bincount(labels.ravel(), mine.ravel(), count) / np.maximum(
        stats[:, cv2.CC_STAT_AREA], 1
    )
    keep = whole[labels] | (mine & (here | (centre > 0.5))[labels])
    keep[ink == 0] = mine[ink == 0]
    crop[~keep] = 255
    ink &= keep
    first, last = _span(ink[:, :], places == number, other, core, unit)
    crop[:, :first], crop[:, last:] = 255, 255
    ink[:, :first], ink[:, last:] = 0, 0
    polygon = frame.where(_outline(ink, first, last, base, unit))
    profile = ink[core].sum(1)
    peak = np.sort(profile)[-max(1, len(profile) // 10) :].sum() / max(1, profile.sum())
    share = profile.sum() / max(1, (last - first) * len(profile))
    low, high = np.percentile(given, (2, 98))
    inner = given[core, round(1.0 * unit) : -round(1.0 * unit)]
    dark = float((inner < (low + high) / 2).mean()) if inner.size else 0.0
    polygon = np.clip(polygon, 0, [grey.shape[1], grey.shape[0]])
    return Cut(crop, polygon, frame, float(share), float(peak), depth, dark)


def _enlarged(one: Cut, factor: float) -> Cut:
    """The same in a picture that is `factor` times as large."""
    frame = one.frame
    larger = crops.Frame(
        frame.path * np.float32(factor),
        frame.down,
        frame.above * factor,
        frame.height,
        frame.scale / factor,
    )
    return replace(one, polygon=one.polygon * factor, frame=larger)


def _longer(baseline: np.ndarray, unit: float) -> np.ndarray:
    """A baseline with one more x-height at each end."""
    made = []
    for end, inner in ((baseline[0], baseline[1]), (baseline[-1], baseline[-2])):
        out = (end - inner) / max(1e-6, float(np.linalg.norm(end - inner)))
        made.append(end + 1.0 * unit * out)
    return np.concatenate([made[:1], baseline, made[1:]])


def _flat(crop: np.ndarray, unit: float) -> np.ndarray:
    """A crop divided by its paper, a grey closing wider than strokes: uint8, 255 = paper."""
    size = max(5, round(1.3 * unit)) | 1
    paper = cv2.morphologyEx(
        crop, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    paper = cv2.blur(paper, (size, size), borderType=cv2.BORDER_REPLICATE)
    return cv2.divide(crop, np.maximum(paper, 1), scale=255)


def _ink(crop: np.ndarray, core: slice) -> tuple[np.ndarray, np.ndarray, float]:
    """A flat crop with faint strokes made deeper, where its ink is (0 or 1), and how deep the strokes were."""
    depth = 255 - float(np.percentile(crop[core], 4))
    ink = (crop < 255 - max(_GRAIN, _INK * depth)).astype(np.uint8)
    lift = min(_LIFT, _FAINT / max(depth, 1.0))
    if lift > 1:
        crop = np.clip(255 - (255 - crop.astype(np.float32)) * lift, 0, 255).astype(np.uint8)
    return crop, ink, depth


def _zone(other: np.ndarray, middle: float, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last row of each column that are the line's own: half-way to the next core, (w,) each."""
    height = len(other)
    above, below = other[: int(middle)], other[int(middle) :]
    nearest_up = np.where(above.any(0), len(above) - 1 - above[::-1].argmax(0), -1e3)
    nearest_down = np.where(below.any(0), int(middle) + below.argmax(0), 1e4)
    top = np.where(nearest_up > -1, (nearest_up + middle - 0.4 * unit) / 2, 0)
    bottom = np.where(nearest_down < 1e4, (nearest_down + middle + 0.4 * unit) / 2, height)
    reach = 2 * round(1.5 * unit) + 1  # a gap between the neighbour's words is the neighbour's, too
    top = cv2.dilate(top[None].astype(np.float32), np.ones((1, reach))).ravel()
    bottom = cv2.erode(bottom[None].astype(np.float32), np.ones((1, reach))).ravel()
    return np.minimum(top, middle - 0.5 * unit), np.maximum(bottom, middle + 0.5 * unit)


def _span(
    ink: np.ndarray, own: np.ndarray, other: np.ndarray, core: slice, unit: float
) -> tuple[int, int]:
    """First and last column of the line: its core's, and what ink goes on there, up to another line's core."""
    width = ink.shape[1]
    mine = np.flatnonzero(own.any(0))
    if not mine.size:
        return 0, width
    foreign = np.flatnonzero(other[core].any(0))
    before, after = foreign[foreign < mine[0]], foreign[foreign > mine[-1]]
    first = (before[-1] + mine[0]) // 2 if before.size else 0
    last = (after[0] + mine[-1]) // 2 + 1 if after.size else width
    return int(first), int(last)


def _outline(ink: np.ndarray, first: int, last: int, base: float, unit: float) -> np.ndarray:
    """A polygon around the ink of a crop, never closer than its core; (N, 2), x and y."""
    columns = np.flatnonzero(ink[:, first:last].any(0)) + first
    if columns.size:
        first, last = int(columns[0]), int(columns[-1]) + 1
    edges = (
        np.linspace(first, last, max(1, round((last - first) / (3 * unit))) + 1).round().astype(int)
    )
    xs, tops, bottoms = [], [], []
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        rows = np.flatnonzero(ink[:, a:b].sum(1) > 0)
        xs.append((a + b) / 2)
        tops.append(min(base - unit, float(rows[0])) if rows.size else base - unit)
        bottoms.append(max(base, float(rows[-1]) + 1) if rows.size else base)
    margin = 0.1 * unit
    xs = [first - margin, *xs, last + margin]
    top = np.array([tops[0], *tops, tops[-1]]) - margin
    bottom = np.array([bottoms[0], *bottoms, bottoms[-1]]) + margin
    return np.concatenate([np.stack([xs, top], 1), np.stack([xs, bottom], 1)[::-1]])
