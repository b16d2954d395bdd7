"""Stand-ins for the web page's tests: a quick reader, a plain line finder, pictures that do no good."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import iam, images
from htr_utils.readings import Character, Reading
from htr_utils.text.spelling import Correction, Speller


def batched(items: Iterable[np.ndarray], size: int) -> Iterator[list[np.ndarray]]:
    """`itertools.batched`, which Python 3.11 lacks."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


class FakeReader:
    """Reads the same for any line; `pause` seconds per call, `calls` counts the lines of each."""

    def __init__(self, text: str = "teh hous is here", pause: float = 0.0) -> None:
        self.text, self.pause, self.calls = text, pause, []

    def read_iter(
        self, sources: Iterable[np.ndarray], *, chunk: int = 8, **options: object
    ) -> Iterator[Reading | HtrError]:
        for crops in batched(sources, chunk):
            self.calls.append(len(crops))
            time.sleep(self.pause)
            for crop in crops:
                small = min(crop.shape) < 4
                yield HtrError("too small for a line") if small else self._one(crop.shape[1])

    def correct(self, reading: Reading) -> Correction:
        return Speller("fast").correct(reading.text)

    def _one(self, width: int) -> Reading:
        step = width / (len(self.text) + 1)
        sure = [0.5 if i == 0 else 0.8 if i == 1 else 0.99 for i in range(len(self.text))]
        characters = tuple(
            Character(c, (i + 1) * step, s)
            for i, (c, s) in enumerate(zip(self.text, sure, strict=True))
        )
        return Reading(self.text, float(np.mean(sure)), characters, -1.0)


@dataclass(frozen=True)
class FakeLine:
    polygon: np.ndarray
    box: tuple[int, int, int, int]
    crop: np.ndarray

    def where(self, points: np.ndarray) -> np.ndarray:
        return np.asarray(points, float) + self.box[:2]


@dataclass(frozen=True)
class FakePage:
    lines: list[FakeLine]


class FakeFinder:
    """Lines of a clean page: the rows between empty ones."""

    def __init__(self, pages: int = 1) -> None:
        self.pages = pages

    def each_page(self, source: bytes, most: int) -> Iterator[np.ndarray]:
        for _ in range(self.pages):
            yield images.decode("this file", source)

    def find(self, grey: np.ndarray, judge: object = None) -> FakePage:
        full = np.concatenate([[False], (grey < 160).sum(1) > 2, [False]])
        edges = np.flatnonzero(full[1:] != full[:-1]).reshape(-1, 2)
        return FakePage(
            [self._line(grey, int(top), int(bottom)) for top, bottom in edges if bottom - top > 15]
        )

    @staticmethod
    def _line(grey: np.ndarray, top: int, bottom: int) -> FakeLine:
        columns = np.flatnonzero((grey[top:bottom] < 160).any(0))
        left, right = max(0, int(columns[0]) - 6), min(grey.shape[1], int(columns[-1]) + 7)
        top, bottom = max(0, top - 4), min(grey.shape[0], bottom + 4)
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
        return FakeLine(
            corners, (left, top, right - left, bottom - top), grey[top:bottom, left:right].copy()
        )

    def is_line(self, grey: np.ndarray, page: FakePage) -> bool:
        return grey.shape[1] > 4 * grey.shape[0]


def page_of_lines(count: int = 6) -> tuple[np.ndarray, list[str]]:
    """A clean page of embedded test lines below each other, uint8 (H, W), and their texts."""
    chosen = iam.read().split("test")[:count]
    pictures = [np.where(line.image() > 200, 245, line.image()) for line in chosen]
    width = max(picture.shape[1] for picture in pictures) + 120
    sheet = [np.full((60, width), 245, np.uint8)]
    for picture in pictures:
        strip = np.full((picture.shape[0] + 26, width), 245, np.uint8)
        strip[: picture.shape[0], 60 : 60 + picture.shape[1]] = picture
        sheet.append(strip)
    return np.vstack([*sheet, sheet[0]]).astype(np.uint8), [line.text for line in chosen]


def png(grey: np.ndarray) -> bytes:
    """The bytes of a PNG file."""
    return cv2.imencode(".png", grey)[1].tobytes()


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few bytes that announces side x side pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(200_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def upload(content: bytes, name: str = "page.png", **fields: str) -> dict[str, object]:
    """The form of one upload for Flask's test client."""
    return {"file": (io.BytesIO(content), name), **fields}
