"""Pages of embedded lines whose places are known: plain, in columns, ruled, turned, or a sheet on a table."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from htr_utils.lines import iam
from workshop.measure import page_score

KINDS = ("plain", "columns", "ruled", "sloping", "photo")
HIGH, WIDE = 1754, 1240


def page(kind: str = "plain", seed: int = 0, count: int = 12) -> tuple[np.ndarray, list[dict]]:
    """uint8 (H, W), and {"text", "polygon"} of each line in reading order."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    known = iam.read().split("test")
    writer = str(rng.choice(sorted({line.writer_id for line in known})))
    mine = [line for line in known if line.writer_id == writer][:count]
    sheet, lines = np.full((HIGH, WIDE), 235, np.uint8), []
    if kind == "ruled":
        for y in range(200, HIGH, 100):
            cv2.line(sheet, (0, y), (WIDE, y), 170, 2)
    width = 440 if kind == "columns" else 1000
    half = -(-len(mine) // 2)
    for number, line in enumerate(mine):
        grey = line.image()
        grey = cv2.resize(grey, None, fx=min(1.3, width / grey.shape[1]), fy=1.2)
        h, w = grey.shape
        column, row = divmod(number, half) if kind == "columns" else (0, number)
        x, y = 80 + 640 * column, 140 + 100 * row
        part = sheet[y : y + h, x : x + w]
        np.minimum(part, grey.astype(int) + 235 - int(np.median(grey)), out=part, casting="unsafe")
        box = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float)
        lines.append({"text": line.text, "polygon": box})
    matrix, border = np.eye(3), 235
    if kind == "sloping":
        matrix[:2] = cv2.getRotationMatrix2D((WIDE / 2, HIGH / 2), 3.0, 0.95)
    elif kind == "photo":
        corners = np.float32([[0, 0], [WIDE, 0], [WIDE, HIGH], [0, HIGH]])
        matrix = cv2.getPerspectiveTransform(
            corners, np.float32([[90, 60], [1130, 20], [1200, 1690], [40, 1640]])
        )
        border = 70
    sheet = cv2.warpPerspective(sheet, matrix, (WIDE, HIGH), borderValue=border)
    for one in lines:
        one["polygon"] = cv2.perspectiveTransform(one["polygon"][None], matrix)[0].tolist()
    noise = rng.normal(0, 2, sheet.shape)
    return np.clip(sheet + noise, 0, 255).astype(np.uint8), lines


def wrong(lines: list[dict], found: Any, factor: float = 1.0) -> dict[str, int]:
    """What was lost, doubled, invented or out of order among the lines of a page `factor` times as large."""
    read = [{"text": "", "polygon": (line.polygon / factor).tolist()} for line in found.lines]
    counts = page_score.score(lines, read)
    return {k: counts[k] for k in ("lost", "doubled", "invented", "order") if counts[k]}
