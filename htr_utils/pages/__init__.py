"""A photographed or scanned page -> its lines in reading order, each cut out and level.

    for grey in open_pages("letter.pdf"):
        page = find(grey)
        readings = recogniser.read([line.crop for line in page.lines])

`finder` says where the lines are, `order` in which order they are read, `cutting` cuts them out; this module opens
files, puts a page upright and dark on light, and leaves out what cannot be a line.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from htr_utils import paths
from htr_utils.engines import maps
from htr_utils.errors import HtrError
from htr_utils.lines import cutting, images
from htr_utils.lines.crops import Frame
from htr_utils.pages import finder
from htr_utils.pages.order import order

Judge = Callable[[list[np.ndarray]], Sequence[float]]  # crops -> how well each can be read, 0 to 1
MAX_PAGES = 200  # of one file
_PDF_DPI = 200
_SMALL = 5.0  # pixels of an x-height that can hardly be read
_FAINT = 30.0  # how much darker than the paper strokes are that can hardly be read, 0 to 255


@dataclass(frozen=True)
class PageLine:
    """A line of a page.

    polygon: float64 (N, 2), x and y in pixels of the given picture. box: x, y, width, height around it there.
    crop: uint8 (h, w), this line alone, level, 255 = paper. frame: the crop's place in the upright picture; to_given:
    (3, 3), from there to the given one. printed: not written by hand. found: x-height and baseline (N, 2) there, in
    hundredths of a pixel.
    """

    polygon: np.ndarray
    box: tuple[int, int, int, int]
    crop: np.ndarray
    frame: Frame | None = None
    to_given: np.ndarray | None = None
    printed: bool = False
    found: tuple[float, np.ndarray] | None = None

    def where(self, points: np.ndarray) -> np.ndarray:
        """Points of the crop, (N, 2) x and y in pixels, as points of the given picture, float64 (N, 2)."""
        points = np.asarray(points, float).reshape(-1, 2)
        if self.frame is not None:
            points = self.frame.where(points)
        return points if self.to_given is None else _moved(points, self.to_given)


@dataclass(frozen=True)
class Page:
    """image: uint8 (H, W), upright, dark on light. lines: in reading order. to_given: (3, 3), image -> given.

    notes: what was put right or cannot be read well, a sentence each.
    """

    image: np.ndarray
    lines: list[PageLine]
    to_given: np.ndarray
    notes: tuple[str, ...] = ()


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


def find(grey: np.ndarray, judge: Judge | None = None) -> Page:
    """Put a page upright and find its lines.

    Args:
        grey: uint8 (H, W); light ink on a dark ground is turned round.
        judge: says how well crops can be read; asked which way up the page is. None: 180 degrees go unnoticed.

    Raises:
        HtrError: no such picture, or one over 40 megapixels.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8 or min(grey.shape) < images.MIN_SIDE:
        raise HtrError(f"a page must be uint8 grey levels (H, W), not {grey.dtype} {grey.shape}")
    if grey.size > images.MAX_PIXELS:
        raise HtrError(
            f"{grey.shape[1]} x {grey.shape[0]} pixels is over 40 megapixels; scale it down"
        )
    run = network()
    lies, lines = finder.upright(grey, run)
    turns, notes = int(lies), []
    upright = np.ascontiguousarray(np.rot90(grey, turns))
    if lines and cutting.light_on_dark(upright, lines):
        upright = 255 - upright
        notes.append("light ink on a dark ground: turned to dark on light")
    if lines and judge is not None and _upside_down(upright, lines, judge):
        turns, upright = turns + 2, np.ascontiguousarray(np.rot90(upright, 2))
        lines = finder.find(upright, run)
    if turns % 4:
        notes.append(f"turned by {90 * (turns % 4)} degrees to stand upright")
    back = _turn_back(turns % 4, grey.shape)
    made, faint = _page_lines(upright, lines, back, grey.shape)
    notes += _warnings(lines, made, faint)
    return Page(upright, made, back, tuple(notes))


@functools.cache
def network() -> finder.Network:
    """The published finder, loaded once: float32 (1, H, W, 1) -> logits (1, H / 4, W / 4, 4)."""
    return maps.load(paths.finder_file())


def _upside_down(grey: np.ndarray, lines: Sequence[finder.FoundLine], judge: Judge) -> bool:
    """Whether a few lines can be read better when they are turned by 180 degrees."""
    crops = [one.crop for one in cutting.cut(grey, cutting.longest(lines, 5))]
    sure = np.asarray(judge(crops + [np.ascontiguousarray(np.rot90(crop, 2)) for crop in crops]))
    return bool(sure[len(crops) :].mean() > sure[: len(crops)].mean() + 0.1)


def _turn_back(turns: int, shape: tuple[int, ...]) -> np.ndarray:
    """The matrix (3, 3) from a picture turned `turns` quarters counter-clockwise to the given one of `shape`."""
    height, width = shape[:2]
    return np.array(
        [
            [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            [[0, -1, width], [1, 0, 0], [0, 0, 1]],
            [[-1, 0, width], [0, -1, height], [0, 0, 1]],
            [[0, 1, 0], [-1, 0, height], [0, 0, 1]],
        ][turns],
        float,
    )


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


def _page_lines(
    grey: np.ndarray, lines: Sequence[finder.FoundLine], back: np.ndarray, shape: tuple[int, ...]
) -> tuple[list[PageLine], bool]:
    """The lines that hold writing, in reading order, and whether they are faint."""
    made = []
    # In hundredths, as files say it: who cuts the lines out again by what they say gets the same pictures.
    lines = [
        replace(
            line,
            baseline=line.baseline.astype(float).round(2).astype(np.float32),
            x_height=round(line.x_height, 2),
        )
        for line in lines
    ]
    cuts = cutting.cut(grey, lines)
    lengths = np.array([line.length for line in lines])
    by = np.argsort([one.depth for one in cuts])
    half = np.searchsorted(np.cumsum(lengths[by]), lengths.sum() / 2) if cuts else 0
    usual = cuts[by[half]].depth if cuts else 0.0  # of half of all writing
    chosen = [line for line, one in zip(lines, cuts, strict=True) if _is_writing(one, line, usual)]
    if len(chosen) < len(lines):  # rules and blots take no ink away from their neighbours
        cuts = cutting.cut(grey, chosen)
    for k in order(
        [c.baseline for c in chosen], [c.x_height for c in chosen], [c.printed for c in chosen]
    ):
        one = cuts[k]
        polygon = np.clip(_moved(one.polygon, back), 0, [shape[1], shape[0]])
        low = np.minimum(np.floor(polygon.min(0)), [shape[1] - 1, shape[0] - 1]).astype(int)
        high = np.maximum(np.ceil(polygon.max(0)), low + 1).astype(int)
        box = int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])
        found = chosen[k].x_height, _moved(chosen[k].baseline.astype(float), back)
        printed = chosen[k].printed > 0.5
        made.append(PageLine(polygon, box, one.crop, one.frame, back, printed, found))
    faint = bool(chosen) and float(np.median([one.depth for one in cuts])) < _FAINT
    return made, faint


def _is_writing(one: cutting.Cut, line: finder.FoundLine, usual: float) -> bool:
    """Whether a crop holds letters: no rule, no blot, no crease. Less dark than the rest is what is sure."""
    clear = one.depth > 0.5 * usual or (line.length > 5 * line.x_height and line.sure > 0.82)
    hole = one.dark > 0.47 and line.length < 5 * line.x_height
    return clear and 0.02 < one.share < 0.65 and one.peak < 0.75 and not hole


def _warnings(
    lines: Sequence[finder.FoundLine], made: Sequence[PageLine], faint: bool
) -> list[str]:
    """What stands in the way of reading well, a sentence each."""
    notes = []
    if not made:
        return ["no line of writing found: empty, or too far away"]
    small = float(np.median([line.x_height for line in lines]))
    if small < _SMALL:
        notes.append(f"too small: about {small:.0f} pixels a letter; photograph it closer")
    if faint:
        notes.append("faint: darker ink or more light helps")
    if sum(line.printed for line in made) > 0.8 * len(made):
        notes.append("this looks printed: a program for print reads it better")
    return notes


def whole(grey: np.ndarray) -> Page:
    """A picture (H, W) that is one line, as a page of one line: nothing is changed."""
    height, width = grey.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    line = PageLine(corners, (0, 0, width, height), grey)
    return Page(grey, [line], np.eye(3))


def is_line(grey: np.ndarray, page: Page) -> bool:
    """Whether a picture (H, W) holds one line of writing rather than a page; `page` has its lines.

    Remains of the neighbours above and below do not make a page of a line: they hold little ink, and a picture of
    one line is wide and low. Nor does one word on a large sheet make a line: it is better cut out.
    """
    height, width = grey.shape
    if not page.lines:
        return width > 1.5 * height
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
