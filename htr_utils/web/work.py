"""What the worker does with one uploaded file: look at it, find its lines, read them, make small pictures."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from htr_utils import page_reading, pages, results
from htr_utils.errors import HtrError
from htr_utils.page_reading import OpenedPage
from htr_utils.readings import Reading
from htr_utils.text.spelling import Correction
from htr_utils.web.isolated import pdf_pages
from htr_utils.web.jobs import Job, Limits, Refusal, Say

PREVIEW = 1600  # longest side of the page picture that is shown
CROP_HEIGHT = 160  # rows of a line's picture at most: over twice what any preset looks at
CHUNK = 64  # lines read together: most pages whole, so that all of one tell its language

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"%PDF-", "PDF"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
)
_HEIC = (b"heic", b"heix", b"hevc", b"heif", b"mif1", b"msf1", b"avif")


class Reader(Protocol):
    """What the page needs of a `Recognizer`; a test gives a quick one."""

    @property
    def read_iter(self) -> Callable[..., Iterator[Reading | HtrError]]: ...

    def correct(self, reading: Reading) -> Correction: ...


class Finder(Protocol):
    """What the page needs of `htr_utils.pages`."""

    def each_page(self, source: bytes, most: int) -> Iterator[np.ndarray]: ...

    def find(self, grey: np.ndarray, judge: pages.Judge | None = None) -> Any: ...

    def is_line(self, grey: np.ndarray, page: Any) -> bool: ...


@dataclass(frozen=True)
class WebLine:
    """One line. polygon: (N, 2) x, y in pixels of the page.

    png: the line's picture, width x height pixels. characters: each with its x in that picture and its
    confidence.
    """

    polygon: np.ndarray
    png: bytes
    width: int
    height: int
    characters: tuple[tuple[str, float, float], ...]
    confidence: float
    correction: Correction

    @property
    def text(self) -> str:
        """As read, without correction."""
        return self.correction.before


@dataclass(frozen=True)
class WebPage:
    """picture: a JPEG of the page, smaller. single: it is one line. read: for the files to download."""

    picture: bytes
    lines: tuple[WebLine, ...]
    single: bool
    read: results.ReadPage


@dataclass(frozen=True)
class Result:
    """All pages of one file."""

    pages: tuple[WebPage, ...]

    @property
    def lines(self) -> list[WebLine]:
        """The lines of all pages in reading order."""
        return [line for page in self.pages for line in page.lines]

    @property
    def size(self) -> int:
        """Bytes held, about."""
        return sum(len(page.picture) for page in self.pages) + sum(
            len(line.png) + 6000 for line in self.lines
        )


def check_file(content: bytes, limits: Limits) -> str:
    """The format of an uploaded file by its first bytes and its header, whatever its name says.

    Nothing is decoded here: a bomb is refused by the size that its header announces.

    Raises:
        Refusal: 400 empty, 413 too many bytes or pixels, 415 no picture, 422 a header that makes no sense.
    """
    if not content:
        raise Refusal(400, "empty")
    if len(content) > limits.bytes:
        raise Refusal(413, "bytes", megabytes=limits.bytes // 1_000_000)
    kind = next((name for start, name in _SIGNATURES if content.startswith(start)), "")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "WEBP"
    if content[4:8] == b"ftyp" and content[8:12] in _HEIC:
        raise Refusal(415, "heic")
    if not kind:
        raise Refusal(415, "type")
    if kind != "PDF":
        width, height = _announced_size(content, kind)
        if width * height > limits.pixels:
            megapixels = limits.pixels // 1_000_000
            raise Refusal(413, "pixels", width=width, height=height, megapixels=megapixels)
    return kind


def _announced_size(content: bytes, kind: str) -> tuple[int, int]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=[kind]) as picture:
                return picture.size
    except Image.DecompressionBombError as error:
        raise Refusal(413, "bomb") from error
    except Exception as error:  # damaged headers raise nearly anything
        raise Refusal(422, "damaged") from error


class Worker:
    """Reads files with one recognizer, which is loaded once and used by one thread."""

    def __init__(self, recognizer: Reader, limits: Limits, finder: Finder | None = None) -> None:
        self.recognizer, self.limits = recognizer, limits
        self.finder: Any = finder or pages

    def __call__(self, job: Job, say: Say) -> Result:
        """Carry out one job.

        Raises:
            Refusal: 413 too many pages, 422 damaged, without lines, with too many lines, or out of time.
        """
        limits = self.limits
        say(step="opening")
        done: list[WebPage] = []
        try:
            count, pictures = self._open(job.content)

            def opened() -> Iterator[OpenedPage]:
                total = 0
                for number, grey in enumerate(pictures, 1):
                    height, width = grey.shape
                    if grey.size > limits.pixels:
                        megapixels = limits.pixels // 1_000_000
                        raise Refusal(
                            413, "pixels", width=width, height=height, megapixels=megapixels
                        )
                    say(step="finding", page=number, pages=count)
                    lines, single, notes = page_reading.find_lines(
                        grey, job.kind, self.finder, lambda: self.recognizer
                    )
                    total += len(lines)
                    if total > limits.lines:
                        raise Refusal(422, "lines", found=total, lines=limits.lines)
                    say(step="reading", page=number, pages=count, done=0, total=len(lines))
                    yield OpenedPage(0, number, grey, lines, single, notes=notes)

            def progress(page: OpenedPage, lines: int) -> None:
                total = len(page.lines)
                say(step="reading", page=page.number, pages=count, done=lines, total=total)

            for page, readings in page_reading.read_pages(
                self.recognizer, opened(), read_so_far=progress, chunk=CHUNK
            ):
                if isinstance(readings, Exception):
                    raise readings
                done.append(self._page(job.name, page, readings))
        except HtrError as error:
            raise Refusal(422, "plain", message=_sentence(error)) from error
        if not any(page.lines for page in done):
            raise Refusal(422, "no_lines")
        return Result(tuple(done))

    def _page(self, name: str, page: OpenedPage, readings: Sequence[Reading | HtrError]) -> WebPage:
        texts = [page_reading.NOTHING if isinstance(one, HtrError) else one for one in readings]
        picture = _encode(_shrink(page.grey, PREVIEW / max(page.grey.shape)), ".jpg")
        read = results.of_page(name, page.grey.shape, page.lines, texts, page.number, page.notes)
        return WebPage(picture, tuple(map(self._line, page.lines, texts)), page.single, read)

    def _open(self, content: bytes) -> tuple[int, Iterator[np.ndarray]]:
        """How many pages a file has, and the pages one after the other, so that one is held at a time."""
        limits = self.limits
        if content.startswith(b"%PDF-"):
            return pdf_pages(content, limits, limits.seconds)
        count = pages.frames(content, limits.pages)
        if count > limits.pages:
            raise Refusal(413, "pages", found=f"at least {count}", pages=limits.pages)
        return count, iter(self.finder.each_page(content, limits.pages))

    def _line(self, line: Any, reading: Reading) -> WebLine:
        """A found line and its reading as the page shows them: the picture smaller, the places in it to match."""
        small = _shrink(line.crop, CROP_HEIGHT / max(1, line.crop.shape[0]))
        height, width = small.shape
        scale = width / max(1, line.crop.shape[1])
        characters = tuple(
            (c.character, float(np.clip(c.x * scale, 0, width)), c.confidence)
            for c in reading.characters
        )
        png = _encode(small, ".png")
        try:
            # Gated: an ungated speller breaks more than it mends.
            correction = self.recognizer.correct(reading)
        except HtrError:  # a model of one's own whose characters the language model does not know
            correction = Correction(reading.text, reading.text, ())
        return WebLine(line.polygon, png, width, height, characters, reading.confidence, correction)


def _shrink(grey: np.ndarray, scale: float) -> np.ndarray:
    """Scaled down, never up: uint8 (h, w)."""
    if scale >= 1 or not grey.size:
        return grey
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def _encode(grey: np.ndarray, ending: str) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, 80] if ending == ".jpg" else []
    ok, data = cv2.imencode(ending, grey, options)
    if not ok:
        raise HtrError("a picture of a line could not be encoded")
    return data.tobytes()


def _sentence(error: HtrError) -> str:
    """An error of the package as a sentence, without the file name that it begins with."""
    message = str(error).removeprefix("this file: ")
    return message[:1].upper() + message[1:].rstrip(".") + "."
