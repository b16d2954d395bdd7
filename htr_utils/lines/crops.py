"""A line out of a page: level and upright. Who calls it blanks the neighbours.

The one way from a page to the picture of a line: readers of photos, of PAGE and ALTO files and makers of training lines
all cut here.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Frame:
    """A line's own coordinates on its page.

    path: float32 (w, 2), where on the page each column of the crop crosses the baseline. down: float32 (w, 2), the
    step across the line, of one pixel of the page. above: pixels of the page over the baseline. height: rows of the
    crop. scale: pixels of the crop a pixel of the page.
    """

    path: np.ndarray
    down: np.ndarray
    above: float
    height: int
    scale: float

    def where(self, points: np.ndarray) -> np.ndarray:
        """Points of the crop, (N, 2) x and y in pixels, as points of the page, float64 (N, 2)."""
        points = np.asarray(points, float).reshape(-1, 2)
        columns = np.arange(len(self.path))
        at, step = (
            np.stack([np.interp(points[:, 0], columns, part[:, k]) for k in (0, 1)], 1)
            for part in (self.path, self.down)
        )
        return np.asarray(at + (points[:, 1:] / self.scale - self.above) * step)

    def places(self) -> np.ndarray:
        """Where each pixel of the crop lies on the page: float32 (h, w, 2), x and y."""
        rows = (np.arange(self.height, dtype=np.float32) + 0.5) / self.scale - self.above
        return np.asarray(self.path[None] + rows[:, None, None] * self.down[None], np.float32)

    def cut(self, page: np.ndarray, method: int = cv2.INTER_LINEAR) -> np.ndarray:
        """The crop of a page, uint8 (H, W) -> (h, w); the page's edge is continued."""
        places = self.places()
        x0, y0 = np.maximum(np.floor(places.min((0, 1))).astype(int) - 2, 0)
        x0, y0 = int(min(x0, page.shape[1] - 1)), int(min(y0, page.shape[0] - 1))
        x1, y1 = np.ceil(places.max((0, 1))).astype(int) + 3
        part = page[
            y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)
        ]  # remap takes at most 32,767 columns
        if self.scale < 0.75 and method == cv2.INTER_LINEAR:
            part = cv2.blur(part, (round(1 / self.scale),) * 2)
        x, y = places[..., 0] - x0, places[..., 1] - y0
        return cv2.remap(part, x, y, method, borderMode=cv2.BORDER_REPLICATE)


def frame(baseline: np.ndarray, above: float, below: float, scale: float = 1.0) -> Frame:
    """The coordinates of a line.

    Args:
        baseline: (N, 2), N >= 2, x and y in reading direction, pixels of the page.
        above, below: how much the crop holds over and under it, pixels of the page.
        scale: pixels of the crop a pixel of the page.
    """
    points = np.asarray(baseline, np.float32)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0, length[-1], max(2, round(float(length[-1]) * scale)))
    path = np.stack([np.interp(at, length, points[:, k]) for k in (0, 1)], 1).astype(np.float32)
    ahead = np.gradient(path, axis=0)
    height = max(1, round((above + below) * scale))
    reach = (
        2 * min(height, (len(path) - 1) // 2) + 1
    )  # the direction of a stretch twice as long as high
    kernel = np.ones(reach) / reach
    padded = np.pad(ahead, ((reach // 2, reach // 2), (0, 0)), mode="edge")
    ahead = np.stack([np.convolve(padded[:, k], kernel, "valid") for k in (0, 1)], 1)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-6)
    down = np.stack([-ahead[:, 1], ahead[:, 0]], 1).astype(np.float32)
    return Frame(path, down, float(above), height, scale)
