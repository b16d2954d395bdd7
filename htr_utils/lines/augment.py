"""What a pen, a camera and a scanner do to a line: random changes that keep its text.

Each function takes and gives uint8 grey levels (H, W); `augment` draws how much of each from one generator,
so that a line's changes are a function of the seed alone.
"""

from __future__ import annotations

import cv2
import numpy as np


def warp(
    grey: np.ndarray, *, slant: float = 0.0, rotation: float = 0.0, stretch: float = 1.0
) -> np.ndarray:
    """Shear, turn and stretch a line; the canvas grows so that nothing is cut off.

    Args:
        slant: shift to the right per row upwards (tangent of the slant's change).
        rotation: degrees, counter-clockwise. stretch: factor on the width.
    """
    height, width = grey.shape
    angle = np.deg2rad(rotation)
    matrix = np.array([[stretch, -slant * stretch], [0, 1]]) @ np.array(
        [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    )
    corners = matrix @ np.array([[0, width, 0, width], [0, 0, height, height]], float)
    low, high = corners.min(1), corners.max(1)
    size = np.ceil(high - low).astype(int)
    transform = np.column_stack([matrix, -low])
    return cv2.warpAffine(
        grey, transform, (int(size[0]), int(size[1])), borderValue=paper_tone(grey)
    )


def elastic(
    grey: np.ndarray, rng: np.random.Generator, amount: float = 1.5, grid: int = 24
) -> np.ndarray:
    """Bend the line by a smooth random field (Simard et al. 2003, ICDAR, section 3).

    Args:
        amount: standard deviation of the shift in pixels. grid: distance of the independent shifts in pixels.
    """
    height, width = grey.shape
    coarse = (max(2, height // grid + 2), max(2, width // grid + 2))
    shifts = rng.normal(0, amount, (2, *coarse)).astype(np.float32)
    dx, dy = (cv2.resize(shift, (width, height), interpolation=cv2.INTER_CUBIC) for shift in shifts)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(grey, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def pen(grey: np.ndarray, change: float) -> np.ndarray:
    """Make strokes thicker (change > 0) or thinner (< 0), -1 to 1; in between it blends."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    moved = cv2.erode(grey, kernel) if change > 0 else cv2.dilate(grey, kernel)
    share = min(1.0, abs(change))
    return cv2.addWeighted(moved, share, grey, 1 - share, 0)


def tone(
    grey: np.ndarray, *, contrast: float = 1.0, gamma: float = 1.0, brightness: float = 0.0
) -> np.ndarray:
    """Change contrast towards the paper, gamma, and brightness (in grey levels)."""
    paper = float(paper_tone(grey))
    levels = np.arange(256, dtype=np.float32)
    table = paper + (levels - paper) * contrast
    table = 255 * np.clip(table / 255, 0, 1) ** gamma + brightness
    return cv2.LUT(grey, np.clip(table, 0, 255).astype(np.uint8))


def shadow(grey: np.ndarray, rng: np.random.Generator, depth: float = 0.3) -> np.ndarray:
    """Darken the line smoothly by up to `depth`, as a hand or a phone does that shades the paper."""
    height, width = grey.shape
    coarse = rng.uniform(1 - depth, 1, (2, max(2, width // 160 + 2))).astype(np.float32)
    light = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return (grey * light.clip(1 - depth, 1)).astype(np.uint8)  # a cubic overshoots, light does not


def noise(
    grey: np.ndarray, rng: np.random.Generator, sigma: float = 6.0, grain: float = 0.0
) -> np.ndarray:
    """Add sensor noise of standard deviation `sigma` grey levels, smoothed by a blur of `grain` pixels."""
    field: np.ndarray = rng.standard_normal(grey.shape, np.float32)
    if grain > 0:
        field = cv2.GaussianBlur(field, (0, 0), grain)
        field = np.asarray(field / max(float(field.std()), 1e-6), np.float32)
    return np.clip(grey + sigma * field, 0, 255).astype(np.uint8)


def jpeg(grey: np.ndarray, quality: int) -> np.ndarray:
    """Compress as JPEG of `quality` (1 to 100) and read it again."""
    ok, data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)) if ok else grey


def crop(grey: np.ndarray, top: int, bottom: int) -> np.ndarray:
    """Cut rows off (positive, at most half the line's in all) or add paper (negative) above and below."""
    most = (grey.shape[0] - 1) // 4
    top, bottom = min(top, most), min(bottom, most)
    kept = grey[max(0, top) : grey.shape[0] - max(0, bottom)]
    return cv2.copyMakeBorder(
        kept, max(0, -top), max(0, -bottom), 0, 0, cv2.BORDER_CONSTANT, value=paper_tone(grey)
    )


def ruled(grey: np.ndarray, rng: np.random.Generator, squared: bool = False) -> np.ndarray:
    """Draw the rules of lined (or squared) paper over the line."""
    height, width = grey.shape
    paper = paper_tone(grey)
    layer = np.full_like(grey, 255)
    shade = int(rng.uniform(0.55, 0.9) * paper)
    step = float(rng.uniform(0.25, 0.5) * height if squared else rng.uniform(0.7, 1.3) * height)
    tilt = rng.normal(0, 0.004) * width
    thick = int(rng.integers(1, 3))
    y = rng.uniform(0, step)
    while y < height:
        cv2.line(layer, (0, round(y)), (width, round(y + tilt)), shade, thick, cv2.LINE_AA)
        y += step
    if squared:
        for x in np.arange(rng.uniform(0, step), width, step):
            cv2.line(layer, (round(x), 0), (round(x), height), shade, thick, cv2.LINE_AA)
    return np.minimum(grey, layer)


def neighbours(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Leave remains of the lines above or below: strips of this line's own ink, moved along and to the edge."""
    height, width = grey.shape
    if height < 20:  # no room for a strip
        return grey
    rows = round(height * rng.uniform(0.08, 0.22))
    # Of the other line: its feet above, its heads below.
    share = round(height * rng.uniform(0.3, 0.5))
    other = np.roll(
        grey, int(rng.integers(width // 4, max(width // 4 + 1, 3 * width // 4))), axis=1
    )
    below = rng.random() < 0.6
    strip = other[share - rows : share] if below else other[height - share : height - share + rows]
    made = np.full((height + rows // 2, width), paper_tone(grey), np.uint8)
    if below:
        made[:height] = grey
        made[-rows:] = np.minimum(made[-rows:], strip)
    else:
        made[-height:] = grey
        made[:rows] = np.minimum(made[:rows], strip)
    return made


def paper_tone(grey: np.ndarray) -> int:
    """The most common light grey level: the 80th percentile of a sample."""
    return int(np.percentile(grey[::2, ::4], 80))


def augment(grey: np.ndarray, rng: np.random.Generator, strength: float = 1.0) -> np.ndarray:
    """A random, text-keeping change of a line.

    Args:
        grey: uint8 (H, W). rng: every draw comes from it.
        strength: 0 = no change, 1 = as in training; above 1.5 or so some lines lose their ink.

    Returns:
        uint8 (h, w), of another size as a rule. With strength 0 the very array that was given.
    """
    if strength <= 0:
        return grey
    s = strength

    def often(share: float) -> bool:
        return bool(rng.random() < share * min(1.0, s))

    unit = grey.shape[0] / 64  # amounts are in pixels of a line 64 high
    if often(0.9):
        grey = warp(
            grey,
            slant=rng.normal(0, 0.18 * s),
            rotation=rng.normal(0, 0.7 * s),
            stretch=float(np.exp(rng.normal(0, 0.13 * s))),
        )
    if often(0.7):
        grey = elastic(
            grey,
            rng,
            amount=rng.uniform(0.3, 1.8) * s * unit,
            grid=max(1, round(rng.uniform(14, 36) * unit)),
        )
    if often(0.5):
        grey = pen(grey, rng.uniform(-0.8, 1) * s)
    if often(0.5):
        grey = crop(grey, round(rng.normal(-1, 3) * s * unit), round(rng.normal(-1, 3) * s * unit))
    if often(0.1):
        grey = neighbours(grey, rng)
    if often(0.2):
        grey = ruled(grey, rng, squared=often(0.25))
    if often(0.6):
        grey = tone(
            grey,
            contrast=rng.uniform(max(0.2, 1 - 0.6 * s), 1.1),
            gamma=float(np.exp(rng.normal(0, 0.25 * s))),
        )
    if often(0.3):
        grey = shadow(grey, rng, depth=min(0.8, rng.uniform(0.05, 0.5) * s))
    if often(0.35):
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.3, 1.3) * s * unit)
    if often(0.4):
        grey = noise(grey, rng, sigma=rng.uniform(1, 9) * s, grain=rng.uniform(0, 1.2))
    if often(0.15):
        grey = jpeg(grey, int(rng.integers(25, 80)))
    return grey
