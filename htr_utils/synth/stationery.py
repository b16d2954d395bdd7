"""What stands on a sheet beside the lines: rules, squares, drawings, crossings-out."""

from __future__ import annotations

import cv2
import numpy as np

Array = np.ndarray
Rng = np.random.Generator


def cross_out(ink: Array, points: Array, unit: float, strength: float, rng: Rng) -> None:
    """A stroke or a scribble through a part of a line, or a stroke below it."""
    a, b = np.sort(rng.uniform(points[0, 0], points[-1, 0], 2))
    x = np.linspace(a, b, max(2, int((b - a) / unit * 3)))
    y = np.interp(x, points[:, 0], points[:, 1])
    y = y + (0.4 * unit if rng.random() < 0.5 else rng.normal(-0.5 * unit, 0.25 * unit, len(x)))
    path = np.stack([x, y], 1).round().astype(np.int32)
    cv2.polylines(ink, [path], False, strength, max(1, round(0.14 * unit)), cv2.LINE_AA)


def drawings(page: Array, unit: float, ink: float, rng: Rng, many: bool) -> None:
    """Frames, arrows, curves, circles, holes and stamps where nothing is written, now and then across a line."""
    height, width = page.shape
    thick = max(1, round(unit * float(rng.uniform(0.08, 0.25))))
    for _ in range(int(rng.poisson(5 if many else 0.8))):
        at = rng.uniform(0, 1, 2) * [width, height]
        size = unit * np.exp(rng.uniform(0, np.log(20)))
        shape = rng.integers(5)
        turns = np.linspace(0, 2 * np.pi * rng.uniform(0.5, 1.1), 30) + rng.uniform(0, 6)
        if shape == 0:
            path = at + size * np.stack([np.cos(turns), rng.uniform(0.3, 1) * np.sin(turns)], 1)
        elif shape == 1:
            path = at + size * np.array([[0, 0], [1, 0.02], [1, 0.6], [0, 0.6], [0, 0]])
        elif shape == 2:
            end = at + rng.normal(0, 1, 2) * size
            path = np.array([at, end, end + rng.normal(0, 0.6, 2) * unit])
        elif shape == 3:
            path = at + size * 0.3 * np.cumsum(rng.normal(0, 1, (20, 2)), 0) / 3
        else:
            path = at + np.stack([np.linspace(0, size, 40), unit * 0.5 * np.sin(np.arange(40))], 1)
        body = np.round(path).astype(np.int32)
        cv2.polylines(page, [body], False, ink, thick, cv2.LINE_AA)


def paper(shape: tuple[int, int], pitch: float, rng: Rng) -> Array:
    """The sheet's paper with its rules, squares or dots: float32 (H, W), 0 to 1; 0 = black."""
    height, width = shape
    tone = float(rng.uniform(0.7, 1)) if rng.random() < 0.8 else float(rng.uniform(0.35, 0.8))
    clouds = cv2.resize(
        rng.normal(0, 0.012, (9, 8)).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    ground = np.asarray(tone + clouds, np.float32)
    kind = rng.choice(["plain", "ruled", "squared", "dotted"], p=[0.38, 0.4, 0.16, 0.06])
    rules = np.zeros((height, width), np.float32)
    step = pitch if rng.random() < 0.6 else pitch * float(rng.uniform(0.6, 1.5))
    if kind != "ruled" and kind != "plain":
        step /= max(1, round(step / rng.uniform(12, 40)))
    thick = int(rng.choice([1, 1, 2, 3]))
    rows = np.arange(rng.uniform(0, step) + 0.08 * height * (kind == "ruled"), height, step)
    columns = np.arange(rng.uniform(0, step), width, step)
    if kind == "dotted":
        for y in rows:
            for x in columns:
                cv2.circle(rules, (round(x), round(y)), thick, 1.0, -1)
    elif kind != "plain":
        for y in rows:
            cv2.line(rules, (0, round(y)), (width, round(y)), 1.0, thick, cv2.LINE_AA)
        for x in (
            columns
            if kind == "squared"
            else [rng.uniform(0.05, 0.15) * width] * int(rng.random() < 0.4)
        ):
            cv2.line(rules, (round(x), 0), (round(x), height), 1.0, thick, cv2.LINE_AA)
    if rng.random() < 0.15:
        for y in np.arange(0.04, 1, rng.uniform(0.03, 0.3)) * height:
            cv2.circle(rules, (round(0.025 * width), round(y)), 8, 2.0, -1)
    if rng.random() < 0.12:  # a binding: holes or squares close together, with its wire
        side, size = int(rng.integers(2)), int(rng.integers(4, 16))
        long, short = (height, width)[side], (width, height)[side]
        edge = round(short * (0.02 if rng.random() < 0.5 else 0.97))
        for at in np.arange(0, long, size * rng.uniform(1.8, 3)):
            a = (edge, round(at)) if side == 0 else (round(at), edge)
            b = (a[0] + size, a[1] + size)
            cv2.rectangle(rules, a, b, 2.5, -1)
            if size % 2:
                cv2.line(rules, a, (b[0] + size, b[1]), 1.5, 2)
    return np.clip(
        ground * (1 - rules * float(np.exp(rng.uniform(np.log(0.06), np.log(0.6))))), 0.02, 1
    )
