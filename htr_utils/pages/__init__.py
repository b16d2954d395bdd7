"""A photographed or scanned page -> its lines in reading order, each cut out and level.

    for grey in open_pages("letter.pdf"):
        page = find(grey)
        readings = recogniser.read([line.crop for line in page.lines])

`sheet` straightens the page, `trace` finds its lines, `seams` gives each its ink, this module opens files and cuts
lines out.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.pages import seams, sheet, trace

MAX_PAGES = 200  # of one file
_PDF_DPI = 200


@dataclass(frozen=True)
class PageLine:
    """A line of a page.

    polygon: float64 (N, 2), x and y in pixels of the given picture. box: x, y, width, height around it there.
    crop: uint8 (h, w), this line alone, level, 255 = paper. x, rows, to_given: see `where`.
    """

    polygon: np.ndarray
    box: tuple[int, int, int, int]
    crop: np.ndarray
    left: float
    rows: np.ndarray  # row of the straightened picture at which each column of the crop begins
    to_given: np.ndarray

    def where(self, points: np.ndarray) -> np.ndarray:
        """Points of the crop, (N, 2) x and y in pixels, as points of the given picture, float64 (N, 2)."""
        points = np.asarray(points, float)
        top = np.interp(points[:, 0], np.arange(len(self.rows)), self.rows)
        straight = np.stack([points[:, 0] + self.left, points[:, 1] + top], 1)
        return (
            cv2.perspectiveTransform(straight[None], self.to_given)[0] if len(points) else straight
        )


@dataclass(frozen=True)
class Page:
    """image: uint8 (H, W), straightened, 255 = paper. lines: in reading order. to_given: (3, 3), image -> given."""

    image: np.ndarray
    lines: list[PageLine]
    to_given: np.ndarray


def open_pages(source: str | Path | bytes, most: int = MAX_PAGES) -> list[np.ndarray]:
    """The pages of a JPEG, PNG, TIFF or PDF file, or of its bytes: a list of uint8 (H, W).

    Raises:
        HtrError: what `images.load` raises, of any page; more than `most` pages; a PDF without pypdfium2.
    """
    return list(each_page(source, most))


def each_page(source: str | Path | bytes, most: int = MAX_PAGES) -> Iterator[np.ndarray]:
    """The same, one page at a time, so that a long file never is in memory as a whole."""
    name = "this file" if isinstance(source, bytes) else str(source)
    content = source if isinstance(source, bytes) else images.content(source)
    if content[:1024].lstrip().startswith(b"%PDF"):
        yield from _pdf(content, name, most)
        return
    count = frames(content, most)
    if count == 1:
        yield images.decode(name, content)
        return
    if count > most:
        raise HtrError(f"{name}: more than {most} pages; split the file")
    for number in range(count):
        yield images.decode(f"{name}, page {number + 1}", content, number)


def frames(content: bytes, most: int) -> int:
    """The pages of a TIFF file, counted up to `most` + 1; 1 of any other file, and where that cannot be told.

    PIL's `n_frames` follows a chain of them to its end, in a time that grows with the square of its length.
    """
    from PIL import Image

    count = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=("TIFF",)) as picture:
                while count <= most:
                    picture.seek(count)
                    count += 1
    except Exception as error:  # the last page; or no TIFF, or damaged: the decoder says how
        return count if isinstance(error, EOFError) else 1
    return count


def _pdf(content: bytes, name: str, most: int) -> Iterator[np.ndarray]:
    try:
        import pypdfium2 as pdfium
    except ImportError as error:
        raise HtrError(
            f"{name}: PDF needs pypdfium2; install it with `pip install -e '.[pages]'`"
        ) from error
    try:
        document = pdfium.PdfDocument(content)
        count = len(document)
    except pdfium.PdfiumError as error:
        raise HtrError(f"{name}: the PDF is damaged or locked ({error}); save it again") from error
    try:
        if not 0 < count <= most:
            raise HtrError(f"{name}: {count} pages, must be 1 to {most}; split the file")
        for number in range(count):
            try:
                page = document[number]
                width, height = page.get_size()
                scale = min(
                    _PDF_DPI / 72, (images.MAX_PIXELS / max(1.0, width * height)) ** 0.5 * 0.999
                )
                picture = page.render(scale=scale, grayscale=True).to_numpy()
            except pdfium.PdfiumError as error:
                raise HtrError(
                    f"{name}, page {number + 1}: cannot be drawn ({error}); save it again"
                ) from error
            if picture.ndim == 3:
                picture = picture[..., 0]
            if min(picture.shape) < images.MIN_SIDE:
                raise HtrError(f"{name}, page {number + 1}: is too small for a line of writing")
            yield np.ascontiguousarray(picture)
    finally:
        document.close()


def find(grey: np.ndarray) -> Page:
    """Straighten a page and find its lines.

    Args:
        grey: uint8 (H, W), dark ink on lighter paper.

    Raises:
        HtrError: no such picture, or one over 40 megapixels.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8 or min(grey.shape) < images.MIN_SIDE:
        raise HtrError(f"a page must be uint8 grey levels (H, W), not {grey.dtype} {grey.shape}")
    if grey.size > images.MAX_PIXELS:
        raise HtrError(
            f"{grey.shape[1]} x {grey.shape[0]} pixels is over 40 megapixels; scale it down"
        )
    flat = sheet.straighten(grey)
    labels, curves, scale = lines_of(flat.image)
    return Page(flat.image, cut(flat, labels, curves, scale, grey.shape), flat.to_given)


def lines_of(image: np.ndarray) -> tuple[np.ndarray, list[trace.Curve], float]:
    """The lines of a straightened picture (H, W), at a scale of small letters 10 pixels high.

    Returns:
        int32 (h, w): the number of the line that each pixel's ink belongs to, 0 = none; the curves of lines
        1, 2, ... in reading order; the scale h / H.
    """
    ink = sheet.ink_mask(image)
    unit = trace.x_height(ink)
    scale = min(1.0, trace.UNIT / unit)
    if scale < 1:
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        ink = sheet.ink_mask(small)
    unit *= scale
    pitch, unit = trace.pitch_and_unit(ink, unit)
    ink = trace.drop_foreign(ink, unit)
    labels, found = np.zeros(ink.shape, np.int32), []
    for left, top, right, bottom in trace.blocks(ink, unit, pitch):
        part = np.ascontiguousarray(ink[top:bottom, left:right])
        curves = trace.ridges(np.pad(part, round(2 * unit)), unit)
        for curve in curves:
            curve.start, curve.rows = curve.start - round(2 * unit), curve.rows - round(2 * unit)
        mine = seams.assign(part, curves, unit)
        for number, curve in enumerate(curves, 1):
            own = mine == number
            if _is_line(own, unit):
                found.append(trace.Curve(curve.start + left, curve.rows + top, curve.heights))
                labels[top:bottom, left:right][own] = len(found)
    return labels, found, scale


def _is_line(own: np.ndarray, unit: float) -> bool:
    """Whether the ink of a curve is writing: enough of it, and as high as a letter or as long as a word."""
    rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
    if not rows.size or own.sum() < 0.6 * unit * unit:
        return False
    high, long = rows[-1] - rows[0], columns[-1] - columns[0]
    return bool(high > 0.7 * unit or (high > 0.4 * unit and long > 5 * unit))


def cut(
    flat: sheet.Sheet,
    labels: np.ndarray,
    curves: list[trace.Curve],
    scale: float,
    shape: tuple[int, ...],
) -> list[PageLine]:
    """Cut the lines out of a straightened page; `shape`: height and width of the given picture."""
    made = []
    for number, curve in enumerate(curves, 1):
        own = labels == number
        columns = np.flatnonzero(own.any(0))
        x, top, bottom = _envelope(own, int(columns[0]), int(columns[-1]) + 1)
        outline = np.concatenate([np.stack([x, top], 1), np.stack([x, bottom], 1)[::-1]]) / scale
        polygon = cv2.perspectiveTransform(outline[None].astype(float), flat.to_given)[0]
        polygon = np.clip(polygon, 0, [shape[1], shape[0]])
        low = np.minimum(np.floor(polygon.min(0)), [shape[1] - 1, shape[0] - 1]).astype(int)
        high = np.maximum(np.ceil(polygon.max(0)), low + 1).astype(int)
        box = int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
        crop, left, rows = _crop(flat.image, labels, number, curve, (x, top, bottom), scale)
        made.append(PageLine(polygon, box, crop, left, rows, flat.to_given))
    return made


def _envelope(own: np.ndarray, left: int, right: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns, and the rows above and below a line's ink at each, smoothed over the width of a word."""
    stride = 4 * trace.UNIT
    edges = np.linspace(left, right, max(1, round((right - left) / stride)) + 1).round().astype(int)
    xs, tops, bottoms = [], [], []
    for a, b in zip(edges[:-1], edges[1:], strict=True):
        rows = np.flatnonzero(own[:, a:b].any(1))
        if rows.size:
            xs.append((a + b) / 2)
            tops.append(float(rows[0]))
            bottoms.append(float(rows[-1]) + 1)
    top, bottom = np.array(tops), np.array(bottoms)
    if len(xs) > 2:  # an envelope of ascenders and descenders, not of single letters
        top = np.minimum(
            np.minimum(top, np.append(top[1:], top[-1])), np.insert(top[:-1], 0, top[0])
        )
        bottom = np.maximum(
            np.maximum(bottom, np.append(bottom[1:], bottom[-1])),
            np.insert(bottom[:-1], 0, bottom[0]),
        )
    margin = 0.15 * trace.UNIT
    xs[0], xs[-1] = (left - margin, right + margin) if len(xs) > 1 else (xs[0], xs[0])
    if len(xs) == 1:
        xs, top, bottom = [left - margin, right + margin], top.repeat(2), bottom.repeat(2)
    return np.array(xs), top - margin, bottom + margin


def _crop(
    image: np.ndarray,
    labels: np.ndarray,
    number: int,
    curve: trace.Curve,
    outline: tuple[np.ndarray, np.ndarray, np.ndarray],
    scale: float,
) -> tuple[np.ndarray, float, np.ndarray]:
    """The line alone, its middle curve made level: the crop, its left column and the row where each column begins."""
    xs, tops, bottoms = outline
    pad = 0.3 * trace.UNIT
    left, right = (xs[0] - pad) / scale, (xs[-1] + pad) / scale
    columns = left + np.arange(max(4, round(right - left)))
    middle = curve.at(columns * scale)
    above = float(np.max(curve.at(xs) - tops)) + pad
    below = float(np.max(bottoms - curve.at(xs))) + pad
    rows = (middle - above) / scale
    height = max(4, round((above + below) / scale))
    y = rows[None] + np.arange(height, dtype=np.float32)[:, None]
    map_x = np.broadcast_to(columns, y.shape).astype(np.float32)
    map_y = y.astype(np.float32)
    crop = cv2.remap(
        image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255
    )
    # Ink of other lines goes, with its soft edges; near this line's own ink nothing does.
    a, b = max(0, int(map_y.min() * scale) - 3), int(map_y.max() * scale) + 4
    near = labels[a:b]
    own = cv2.dilate((near == number).astype(np.uint8), np.ones((3, 3), np.uint8))
    other = cv2.dilate(((near > 0) & (near != number)).astype(np.uint8), np.ones((5, 5), np.uint8))
    gone = ((other > 0) & (own == 0)).astype(np.uint8)
    mask = cv2.remap(
        gone,
        map_x * np.float32(scale),
        map_y * np.float32(scale) - np.float32(a),
        cv2.INTER_NEAREST,
    )
    # What lies beyond the outline and is nobody's ink: a speck, the rest of a rule.
    inside_top = (np.interp(columns * scale, xs, tops) - pad) / scale
    inside_bottom = (np.interp(columns * scale, xs, bottoms) + pad) / scale
    crop[(mask > 0) | (y < inside_top) | (y > inside_bottom)] = 255
    return crop, float(left), rows


def whole(grey: np.ndarray) -> Page:
    """A picture (H, W) that is one line, as a page of one line: nothing is changed."""
    height, width = grey.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    line = PageLine(corners, (0, 0, width, height), grey, 0.0, np.zeros(width), np.eye(3))
    return Page(grey, [line], np.eye(3))


def looks_like_line(grey: np.ndarray) -> bool:
    """Whether a picture (H, W) holds one line of writing rather than a page."""
    return is_line(grey, find(grey))


def is_line(grey: np.ndarray, page: Page) -> bool:
    """The same where the page's lines are known.

    Remains of the neighbours above and below do not make a page of a line: they hold little ink, and a picture of
    one line is wide and low. Nor does one word on a large sheet make a line: it is better cut out.
    """
    height, width = grey.shape
    if not page.lines:
        return width > 2 * height
    weights = sorted(
        (float((255 - line.crop.astype(np.float32)).sum()) for line in page.lines), reverse=True
    )
    if (
        len(weights) > 1
        and (weights[1] > 0.3 * weights[0] or width < 2 * height)
        and not _broken(page.lines)
    ):
        return False
    return max(line.crop.shape[0] for line in page.lines) > 0.3 * height


def _broken(lines: list[PageLine]) -> bool:
    """Whether these are pieces of one line, as a word or two may give: each shares many rows with the next."""
    spans = sorted((line.box[1], line.box[1] + line.box[3]) for line in lines)
    return len(lines) <= 3 and all(
        min(a[1], b[1]) - b[0] > 0.3 * min(a[1] - a[0], b[1] - b[0]) for a, b in pairwise(spans)
    )
