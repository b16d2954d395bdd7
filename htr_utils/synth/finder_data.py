"""What the finder learns from: pages with lines, composed or real, as crops and the maps that belong to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from htr_utils.files import write_bytes, write_text
from htr_utils.lines import crops, images
from htr_utils.synth.camera import Line, PagePicture
from htr_utils.synth.hands import x_band

MAPS = ("core", "ends", "print", "turned")
STRIDE = 4  # pixels of the picture a pixel of the maps


@dataclass(frozen=True)
class Sample:
    """A page to learn from. unknown: uint8 (H / 4, W / 4), 1 where it is not known whether a line is there; or None."""

    grey: np.ndarray
    lines: list[Line]
    unknown: np.ndarray | None = None


def save(folder: Path, number: int, page: PagePicture | Sample) -> None:
    """Keep a page: a picture, its lines as JSON, and what is unknown of it, where there is such."""
    picture = cv2.imencode(".jpg", page.grey, [cv2.IMWRITE_JPEG_QUALITY, 93])[1]
    write_bytes(folder / f"{number:05}.jpg", picture.tobytes())
    rows = [
        {
            "baseline": line.baseline.round(1).tolist(),
            "x_height": round(line.x_height, 2),
            "printed": line.printed,
            "turned": line.turned,
        }
        for line in page.lines
    ]
    if isinstance(page, Sample) and page.unknown is not None:
        images.save(folder / f"{number:05}.unknown.png", page.unknown)
    write_text(folder / f"{number:05}.json", json.dumps(rows) + "\n")


def load(folder: Path) -> list[Sample]:
    """The pages that `save` kept."""
    made = []
    for place in sorted(folder.glob("*.json")):
        rows = json.loads(place.read_text(encoding="utf-8"))
        lines = [
            Line(np.array(r["baseline"], np.float32), r["x_height"], r["printed"], r["turned"])
            for r in rows
        ]
        hidden = place.with_suffix(".unknown.png")
        unknown = cv2.imread(str(hidden), cv2.IMREAD_GRAYSCALE) if hidden.exists() else None
        made.append(Sample(images.load(place.with_suffix(".jpg")), lines, unknown))
    return made


def real(folder: Path) -> Iterator[Sample]:
    """Real pages with `truth.json` (lines with polygon and baseline). Ink outside all polygons is unknown."""
    for page in json.loads((folder / "truth.json").read_text("utf-8")):
        yield _real(folder, page)


def _real(folder: Path, page: dict) -> Sample:
    grey = images.load(folder / page["file"])
    scale = min(1.0, 1400 / max(grey.shape))
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    bands, known = [], np.zeros(grey.shape, np.uint8)
    for line in page["lines"]:
        polygon = np.float32(line["polygon"]).reshape(-1, 2) * scale
        cv2.fillPoly(known, [np.round(polygon).astype(np.int32)], 1)
        baseline = np.array(line.get("baseline") or [], np.float32).reshape(-1, 2) * scale
        if len(baseline) < 2 or np.ptp(baseline, axis=0).max() < 8:
            continue
        high = float(np.median(_heights(polygon, baseline)))
        crop = crops.frame(baseline, high, 0.6 * high).cut(grey)
        ink = np.maximum(cv2.blur(crop, (51, 51)).astype(np.int16) - crop - 15, 0)
        base, x_height = x_band(ink)
        bands.append((baseline, base - high, x_height, high))
    if bands:
        usual = float(np.median([b[2] / b[3] for b in bands]))
    lines = []
    for baseline, shift, x_height, high in bands:
        x_height = float(np.clip(x_height, 0.75 * usual * high, 1.3 * usual * high))
        shift = float(np.clip(shift, -0.3 * x_height, 0.3 * x_height))
        lines.append(Line(_shifted(baseline, shift), x_height))
    size = (grey.shape[1] // STRIDE, grey.shape[0] // STRIDE)
    dark = cv2.blur(grey, (61, 61)).astype(np.int16) - grey > 20
    rules = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((1, 81), np.uint8))
    dark &= (known == 0) & (cv2.dilate(rules, np.ones((5, 5), np.uint8)) == 0)
    strokes = cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    unknown = cv2.resize(cv2.dilate(strokes, np.ones((25, 41), np.uint8)) * (1 - known), size)
    return Sample(grey, lines, unknown)


def _heights(polygon: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """The polygon's height across the baseline, at points along it."""
    a, b = baseline[0], baseline[-1]
    ahead = (b - a) / max(1e-6, float(np.linalg.norm(b - a)))
    local = (polygon - a) @ np.array([[ahead[0], -ahead[1]], [ahead[1], ahead[0]]], np.float32)
    mask = np.zeros((round(np.ptp(local[:, 1])) + 3, round(np.ptp(local[:, 0])) + 3), np.uint8)
    cv2.fillPoly(mask, [np.round(local - local.min(0)).astype(np.int32)], 1)
    heights = mask.sum(0)
    return heights[heights > 2]


def _shifted(baseline: np.ndarray, down: float) -> np.ndarray:
    """A baseline moved across itself by `down` pixels."""
    ahead = np.gradient(baseline, axis=0)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
    return np.asarray(baseline + down * np.stack([-ahead[:, 1], ahead[:, 0]], 1), np.float32)


def draw(lines: Sequence[Line], matrix: np.ndarray, size: int) -> np.ndarray:
    """The maps of the lines moved by `matrix` (2, 3), of `size` pixels: uint8 (size / 4, size / 4, len(MAPS) + 1).

    core: four fifths of the x-height, between its ends. ends: a bar at each end of a line. The last map is 1 where
    nothing is asked: lines too small.
    """
    side, fine = size // STRIDE, 2
    planes = [np.zeros((side * fine, side * fine), np.uint8) for _ in range(len(MAPS) + 1)]
    factor = fine / STRIDE
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    turned = abs(matrix[0, 1]) > abs(matrix[0, 0])
    for line in lines:
        points = line.baseline @ matrix[:, :2].T + matrix[:, 2]
        x_height = line.x_height * scale
        if (points.max(0) < -2 * x_height).any() or (points.min(0) > size + 2 * x_height).any():
            continue
        points, high = points * factor, x_height * factor
        thick = max(0.8 * high, 1.2 * fine)
        a, b = (_shifted(points, -0.5 * high + k * thick / 2) for k in (-1, 1))
        middle = _shifted(points, -0.5 * high)
        upright = line.turned == turned
        if x_height < 3.5:
            _fill(
                planes[-1],
                np.concatenate([_shifted(points, -2 * high), _shifted(points, high)[::-1]]),
            )
            continue
        _fill(planes[0 if upright else 3], np.concatenate([a, b[::-1]]))
        if upright and line.printed:
            _fill(planes[2], np.concatenate([a, b[::-1]]))
        if not upright:
            continue
        for end, inner in ((middle[0], middle[1]), (middle[-1], middle[-2])):
            out = (end - inner) / max(1e-6, float(np.linalg.norm(end - inner)))
            across = np.array([-out[1], out[0]]) * 0.9 * high
            near, far = end + 0.05 * high * out, end + max(0.6 * high, 1.6 * fine) * out
            _fill(planes[1], np.array([near - across, far - across, far + across, near + across]))
    shrunk = [
        cv2.resize(p * np.uint8(255), (side, side), interpolation=cv2.INTER_AREA) for p in planes
    ]
    return (np.stack(shrunk, -1) > 127).astype(np.uint8)


def _fill(plane: np.ndarray, polygon: np.ndarray) -> None:
    cv2.fillPoly(plane, [np.round(polygon * 16).astype(np.int32)], 1, shift=4)


def crop(
    sample: Sample, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A piece of a page, scaled, turned and lit anew.

    Returns:
        float32 (size, size, 1), about 0 to 1; the maps, float32 (size / 4, size / 4, len(MAPS)); what of them counts,
        float32 (size / 4, size / 4, 1).
    """
    height, width = sample.grey.shape
    centre = rng.uniform(0, 1, 2) * [width, height]
    scale = float(np.exp(rng.uniform(np.log(0.55), np.log(1.4)))) * min(
        1.0, 1200 / max(height, width)
    )
    if sample.lines and rng.random() < 0.8:
        line = sample.lines[rng.integers(len(sample.lines))]
        centre = line.baseline[rng.integers(len(line.baseline))] + rng.normal(0, 0.25 * size, 2)
        wanted = float(np.exp(rng.uniform(np.log(4.5), np.log(30)))) / line.x_height
        scale = float(np.clip(wanted, 0.5 * scale, 2 * scale))
    angle = rng.normal(0, 3) if rng.random() < 0.85 else rng.uniform(-15, 15)
    angle += float(rng.choice([0, 180, 90, 270], p=[0.68, 0.12, 0.1, 0.1]))
    c, s = scale * np.cos(np.deg2rad(angle)), scale * np.sin(np.deg2rad(angle))
    matrix = np.array([[c, -s, 0], [s, c, 0]])
    matrix[:, 2] = size / 2 - matrix[:, :2] @ centre
    corner = np.maximum(0, centre - 0.75 * size / scale - 4).astype(int)
    corner = np.minimum(corner, [width - 1, height - 1])
    border = int(rng.integers(0, 256))
    mode = cv2.BORDER_REPLICATE if rng.random() < 0.4 else cv2.BORDER_CONSTANT
    reach = int(1.5 * size / scale) + 8
    grey = sample.grey[corner[1] : corner[1] + reach, corner[0] : corner[0] + reach]
    part = matrix.copy()
    part[:, 2] += matrix[:, :2] @ corner
    if scale < 0.7:  # what follows takes single pixels
        grey = cv2.blur(grey, (3, 3) if scale < 0.4 else (2, 2))
    grey = cv2.warpAffine(
        grey, part, (size, size), flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=border
    )
    maps = draw(sample.lines, matrix, size)
    counts = 1 - maps[..., -1]
    if sample.unknown is not None:
        shrink = matrix.copy()
        shrink[:, 2] /= STRIDE
        hidden = cv2.warpAffine(
            sample.unknown, shrink, (size // STRIDE, size // STRIDE), flags=cv2.INTER_NEAREST
        )
        counts = np.where(maps[..., 0] > 0, counts, counts * (1 - hidden))
    return (
        _lit(grey, rng)[..., None],
        maps[..., :-1].astype(np.float32),
        counts[..., None].astype(np.float32),
    )


def _lit(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another light, contrast and sharpness: float32 (H, W), about 0 to 1."""
    picture: np.ndarray = grey.astype(np.float32) / 255
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.6)))
    size = picture.shape[0]
    slope = np.linspace(-1, 1, size, dtype=np.float32)
    picture = picture * (
        1
        + np.float32(rng.normal(0, 0.15)) * slope
        + np.float32(rng.normal(0, 0.15)) * slope[:, None]
    )
    contrast = float(np.exp(rng.uniform(np.log(0.25), np.log(1.2))))
    picture = (picture - picture.mean()) * contrast + float(rng.uniform(0.3, 0.8))
    if rng.random() < 0.06:
        picture = 1 - picture
    picture += (
        rng.standard_normal(picture.shape, np.float32) * float(rng.uniform(0, 0.05)) * contrast
    )
    return np.clip(picture, -0.1, 1.1).astype(np.float32)
