"""What a camera or a scanner makes of a sheet with lines: laid on a table, bent, lit, blurred, stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Array = np.ndarray
Rng = np.random.Generator


@dataclass(frozen=True)
class Line:
    """A line of a page. baseline: float32 (N, 2). x_height: pixels. printed: not written by hand.

    turned: it runs up or down the page.
    """

    baseline: Array
    x_height: float
    printed: bool = False
    turned: bool = False


@dataclass(frozen=True)
class PagePicture:
    """grey: uint8 (H, W). lines: all that is written or printed there."""

    grey: Array
    lines: list[Line]


def _table(width: int, height: int, rng: Rng) -> Array:
    """What lies under the sheet: wood, cloth, a floor, and things on it; float32 (H, W), 0 to 1."""
    grain = rng.standard_normal(
        (height // int(rng.integers(1, 8)) + 2, width // int(rng.choice([1, 2, 6, 60])) + 2)
    ).astype(np.float32)
    board = cv2.resize(cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.6, 2)), (width, height))
    if rng.random() < 0.3:
        board = (
            np.ascontiguousarray(board.T)
            if height == width
            else cv2.resize(board.T, (width, height))
        )
    table = rng.uniform(0.05, 0.8) * (1 + rng.uniform(0.02, 0.5) * board)
    for _ in range(int(rng.poisson(1.5))):
        centre, size = rng.uniform(0, 1, 2) * [width, height], rng.uniform(10, 300, 2)
        box = cv2.boxPoints((centre.tolist(), size.tolist(), float(rng.uniform(0, 180))))
        cv2.fillPoly(table, [np.round(box).astype(np.int32)], float(rng.uniform(0, 1)))
    return np.asarray(np.clip(table, 0, 1), np.float32)


def photo(sheet: Array, lines: Sequence[Line], rng: Rng) -> PagePicture:
    """What a camera or a scanner makes of a sheet, float32 (H, W), 0 to 1: laid down, bent, lit, blurred, stored."""
    height, width = sheet.shape
    camera = rng.random() < 0.65
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    room = rng.uniform(1, 1.5) if camera and rng.random() < 0.5 else rng.uniform(0.93, 1.06)
    wide, tall = round(width * room), round(height * room)
    spread = float(rng.choice([0.01, 0.04, 0.08])) if camera else 0.002
    target = corners + rng.normal(0, spread, (4, 2)) * [width, height]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 3 if camera else 0.7), 1)
    place = rng.uniform(0.2, 0.8, 2) if camera else np.array([0.5, 0.5])
    target = target @ turn[:, :2].T + turn[:, 2] + place * [wide - width, tall - height]
    matrix = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    curl = rng.normal(0, 0.012) * height if camera and rng.random() < 0.5 else 0.0
    wave, phase = np.pi * rng.uniform(0.8, 2) / width, rng.uniform(0, 6)
    y, x = np.mgrid[0:tall, 0:wide].astype(np.float32)
    flat = np.stack([x, y], -1).reshape(1, -1, 2)
    back = cv2.perspectiveTransform(flat, np.linalg.inv(matrix)).reshape(tall, wide, 2)
    map_x, map_y = (
        back[..., 0].copy(),
        back[..., 1] + np.float32(curl) * np.sin(wave * back[..., 0] + phase),
    )
    moved = cv2.remap(sheet, map_x, map_y.astype(np.float32), cv2.INTER_LINEAR)
    inside = ((map_x >= 0) & (map_y >= 0) & (map_x < width) & (map_y < height)).astype(np.float32)
    under = (
        _table(wide, tall, rng)
        if camera
        else np.full((tall, wide), float(rng.choice([0.02, 0.97])), np.float32)
    )
    if camera:
        under *= 1 - 0.5 * cv2.GaussianBlur(np.roll(inside, (6, 8), (0, 1)), (0, 0), 8)
    picture = moved * inside + under * (1 - inside)
    if camera:
        picture *= _light(wide, tall, rng)
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.3, 1.4)))
    if rng.random() < 0.08:
        picture = 1 - picture
    gain = float(rng.uniform(0.75, 1.1))
    picture = gain * np.maximum(picture, 0) ** float(rng.uniform(0.7, 1.5))
    picture += rng.standard_normal(picture.shape, np.float32) * float(rng.uniform(0, 0.03))
    grey = np.clip(255 * picture, 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))]
    grey = cv2.imdecode(cv2.imencode(".jpg", grey, quality)[1], cv2.IMREAD_GRAYSCALE)
    made = []
    for line in lines:
        points = line.baseline.copy()
        side = np.array([1, 0] if line.turned else [0, -1], np.float32) * line.x_height
        both = np.stack([points, points + side])
        both[..., 1] -= np.float32(curl) * np.sin(wave * both[..., 0] + phase)
        both = cv2.perspectiveTransform(both.reshape(1, -1, 2), matrix).reshape(2, -1, 2)
        high = float(np.median(np.linalg.norm(both[1] - both[0], axis=1)))
        made.append(Line(both[0], high, line.printed, line.turned))
    return PagePicture(np.asarray(grey), made)


def _light(width: int, height: int, rng: Rng) -> Array:
    """A lamp from one side, a flash, and the shadow of a hand or a phone: factors, float32 (H, W)."""
    lamp = cv2.resize(rng.uniform(0.45, 1, (2, 2)).astype(np.float32), (width, height))
    x, y = np.meshgrid(
        np.linspace(0, 1, width, dtype=np.float32), np.linspace(0, 1, height, dtype=np.float32)
    )
    if rng.random() < 0.2:
        cx, cy, r = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.1, 0.5)
        lamp = lamp * (
            1 + rng.uniform(0.1, 0.8) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))
        )
    if rng.random() < 0.5:
        shade = np.ones((height, width), np.float32)
        angles = np.sort(rng.uniform(0, 2 * np.pi, 7))
        reach = rng.uniform(0.15, 0.7, (7, 1)) * [width, height]
        blob = (
            rng.uniform(-0.2, 1.2, 2) * [width, height]
            + np.stack([np.cos(angles), np.sin(angles)], 1) * reach
        )
        cv2.fillPoly(shade, [blob.round().astype(np.int32)], float(rng.uniform(0.4, 0.85)))
        lamp = lamp * cv2.GaussianBlur(
            shade, (0, 0), float(np.exp(rng.uniform(np.log(2), np.log(60))))
        )
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 12))):  # folds and dents
            angle, width_ = rng.uniform(0, np.pi), rng.uniform(0.003, 0.03)
            across = (x - rng.uniform(0, 1)) * np.cos(angle) + (y - rng.uniform(0, 1)) * np.sin(
                angle
            )
            along = (x - rng.uniform(0, 1)) * np.sin(angle) - (y - rng.uniform(0, 1)) * np.cos(
                angle
            )
            short = np.exp(-((along / rng.uniform(0.03, 0.8)) ** 2))
            lamp = lamp * (
                1 + rng.normal(0, 0.2) * across / width_ * np.exp(-((across / width_) ** 2)) * short
            )
    return np.asarray(lamp, np.float32)
