"""What was read, as a file: plain text, JSON, hOCR 1.2, ALTO 4.2, PAGE XML 2019-07-15.

    page = of_page("letter.jpg", grey.shape, found.lines, recogniser.read([line.crop for line in found.lines]))
    for content in render([page], "alto"):
        ...

Coordinates are whole pixels of the given picture, from its left top corner, and never outside it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from xml.etree import ElementTree as ET

import numpy as np

from htr_utils import __version__
from htr_utils.errors import HtrError

Box = tuple[int, int, int, int]  # x, y, width, height in pixels
ENDINGS = {
    "text": ".txt",
    "json": ".json",
    "hocr": ".hocr.html",
    "alto": ".alto.xml",
    "page": ".page.xml",
}
# What XML 1.0 cannot hold (W3C recommendation, production 2).
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Word:
    """A word of a line. box: None where it is not known, as in a text that somebody typed. confidence: 0 to 1."""

    text: str
    box: Box | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class ReadLine:
    """A line of a page: polygon float (N, 2), x and y. corrected: the text after spell correction, if it ran.

    sure, at: the confidence of each character of `text` and its column, where a recogniser read it. others: what
    its beam read besides. language: whose language model helped.
    """

    text: str
    polygon: np.ndarray
    box: Box
    confidence: float | None = None
    words: tuple[Word, ...] = ()
    corrected: str | None = None
    sure: tuple[float, ...] = ()
    at: tuple[int, ...] = ()
    others: tuple[str, ...] = ()
    language: str = "none"

    def split(self) -> tuple[Word, ...]:
        """The words, with their places where the text is still what was read."""
        known = self.words if [word.text for word in self.words] == self.text.split() else ()
        return known or tuple(Word(text) for text in self.text.split())


@dataclass(frozen=True)
class ReadPage:
    """image: name of the picture's file. width, height: pixels. number: of the page in that file, from 1.

    notes: what was put right in the picture, or stands in the way of reading it well, a sentence each.
    """

    image: str
    width: int
    height: int
    lines: tuple[ReadLine, ...]
    number: int = 1
    notes: tuple[str, ...] = ()


class _Found(Protocol):
    """What is needed of a `pages.PageLine`."""

    polygon: np.ndarray
    box: Box
    crop: np.ndarray

    def where(self, points: np.ndarray) -> np.ndarray: ...


def of_page(
    image: str,
    shape: tuple[int, ...],
    found: Sequence[Any],
    readings: Iterable[Any],
    number: int = 1,
    notes: Sequence[str] = (),
) -> ReadPage:
    """The page that `shape` (height, width), lines as `pages.find` gives them and their readings make up."""
    height, width = shape[:2]
    lines = []
    for line, reading in zip(found, readings, strict=True):
        words = tuple(_words(line, reading, width, height))
        sure = tuple(c.confidence for c in reading.characters)
        middle = np.array([[c.x, line.crop.shape[0] / 2] for c in reading.characters]).reshape(
            -1, 2
        )
        at = tuple(line.where(middle)[:, 0].round().clip(0, width - 1).astype(int).tolist())
        line_read = ReadLine(
            reading.text, line.polygon, line.box, reading.confidence, words, sure=sure, at=at
        )
        lines.append(replace(line_read, others=reading.others, language=reading.language))
    image = image.encode("utf-8", "replace").decode()  # a file's name may be no UTF-8, a result is
    return ReadPage(image, width, height, tuple(lines), number, tuple(notes))


def _words(line: _Found, reading: Any, width: int, height: int) -> Iterable[Word]:
    """The words of a reading with their boxes: a word reaches half-way to the characters beside it."""
    rows, columns = line.crop.shape
    x = np.array([c.x for c in reading.characters], float)
    if not x.size:
        return
    half = float(np.median(np.diff(x))) / 2 if x.size > 1 else columns / 2
    between = (x[1:] + x[:-1]) / 2
    left = np.concatenate([[x[0] - half], between]).clip(0, columns)
    right = np.concatenate([between, [x[-1] + half]]).clip(0, columns)
    known = {(word.start, word.end): word.confidence for word in getattr(reading, "words", ())}
    for match in re.finditer(r"\S+", "".join(c.character for c in reading.characters)):
        a, b = match.span()
        edges = np.array([[u, v] for u in (left[a], right[b - 1]) for v in (0, rows)])
        sure = known.get((a, b)) or float(np.mean([c.confidence for c in reading.characters[a:b]]))
        yield Word(match.group(), _around(line.where(edges), width, height), sure)


def _around(points: np.ndarray, width: int, height: int) -> Box:
    """The smallest box around points (N, 2) that lies in the page and is at least a pixel wide and high."""
    low = np.floor(points.min(0)).clip(0, [width - 1, height - 1]).astype(int)
    high = np.ceil(points.max(0)).clip(low + 1, [width, height]).astype(int)
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def render(pages: Sequence[ReadPage], format: str) -> list[str]:
    """The files' contents: one for all pages, but in PAGE XML, which knows no second page, one for each.

    Raises:
        HtrError: no such format.
    """
    if format not in ENDINGS:
        raise HtrError(f"no format {format!r}; known: {', '.join(ENDINGS)}")
    if format == "page":
        return [_page_xml(page) for page in pages]
    whole: dict[str, Callable[[Sequence[ReadPage]], str]] = {
        "text": _text,
        "json": _json,
        "hocr": _hocr,
        "alto": _alto,
    }
    return [whole[format](pages)]


def _text(pages: Sequence[ReadPage]) -> str:
    """A line per line; an empty line between pages."""
    return "\n".join("".join(f"{line.text}\n" for line in page.lines) for page in pages)


def _json(pages: Sequence[ReadPage]) -> str:
    """{"pages": [{"image", "page", "width", "height", "language", "lines": [...]}]}, a line of writing on each row."""
    sheets = []
    for page in pages:
        head = {
            "image": page.image,
            "page": page.number,
            "width": page.width,
            "height": page.height,
            "language": next((line.language for line in page.lines), "none"),
            **({"notes": list(page.notes)} if page.notes else {}),
        }
        rows = ",\n".join(json.dumps(_plain(line, page), ensure_ascii=False) for line in page.lines)
        sheets.append(f'{json.dumps(head, ensure_ascii=False)[:-1]}, "lines": [\n{rows}\n]}}')
    return '{"pages": [\n' + ",\n".join(sheets) + "\n]}\n"


def _plain(line: ReadLine, page: ReadPage) -> dict[str, Any]:
    content: dict[str, Any] = {
        "text": line.text,
        "confidence": _rounded(line.confidence),
        "box": list(line.box),
    }
    if line.corrected is not None:
        content["corrected"] = line.corrected
    content["polygon"] = [list(point) for point in _points(line, page)]
    content["words"] = [
        {
            "text": word.text,
            "confidence": _rounded(word.confidence),
            "box": word.box and list(word.box),
        }
        for word in line.split()
    ]
    if line.at and len(line.at) == len(line.text):
        content["characters"] = [
            {"text": character, "x": x, "confidence": _rounded(sure)}
            for character, x, sure in zip(line.text, line.at, line.sure, strict=True)
        ]
    return content


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)


def _points(line: ReadLine, page: ReadPage) -> list[tuple[int, int]]:
    """The polygon in whole pixels within the page, without points that fall together; at least three."""
    rounded = np.asarray(line.polygon).round().clip(0, [page.width, page.height]).astype(int)
    points = list(dict.fromkeys((int(x), int(y)) for x, y in rounded))
    x, y, w, h = line.box
    return points if len(points) >= 3 else [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def _clean(text: str) -> str:
    """Text without the characters that XML forbids; white space that it would change becomes spaces."""
    return _NO_XML.sub("\ufffd", re.sub("[\t\n\r]", " ", text))


def _add(parent: ET.Element, tag: str, text: str | None = None, /, **attributes: Any) -> ET.Element:
    child = ET.SubElement(
        parent, tag, {k: _clean(str(v)) for k, v in attributes.items() if v is not None}
    )
    if text is not None:
        child.text = _clean(text)
    return child


def _write(root: ET.Element, doctype: str = "") -> str:
    ET.indent(root, " ")
    text = io.StringIO()
    ET.ElementTree(root).write(text, "unicode", short_empty_elements=not doctype)
    whole = text.getvalue().replace(
        "></meta>", " />"
    )  # which parsers of HTML and of XML take alike
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}{whole}\n'


def _hocr(pages: Sequence[ReadPage]) -> str:
    """hOCR 1.2 (kba.github.io/hocr-spec): XHTML whose `title` attributes hold the places; x_wconf is 0 to 100."""
    root = ET.Element(
        "html", {"xmlns": "http://www.w3.org/1999/xhtml", "lang": "en", "xml:lang": "en"}
    )
    head = _add(root, "head")
    _add(head, "title", pages[0].image if pages else "")
    _add(head, "meta", **{"http-equiv": "Content-Type", "content": "text/html; charset=utf-8"})
    _add(head, "meta", name="ocr-system", content=f"htr-utils {__version__}")
    _add(head, "meta", name="ocr-capabilities", content="ocr_page ocr_carea ocr_line ocrx_word")
    body = _add(root, "body")
    for i, page in enumerate(pages, 1):
        name = page.image.replace("\\", "/").replace('"', "'")
        title = f'image "{name}"; bbox 0 0 {page.width} {page.height}; ppageno {page.number - 1}'
        sheet = _add(body, "div", **{"class": "ocr_page"}, id=f"page_{i}", title=title)
        if not page.lines:
            continue
        area = _add(
            sheet, "div", **{"class": "ocr_carea"}, id=f"block_{i}", title=_bbox(_region(page))
        )
        for j, line in enumerate(page.lines, 1):
            row = _add(
                area, "span", **{"class": "ocr_line"}, id=f"line_{i}_{j}", title=_bbox(line.box)
            )
            for k, word in enumerate(line.split(), 1):
                place = [_bbox(word.box)] if word.box else []
                place += (
                    [f"x_wconf {round(100 * word.confidence)}"]
                    if word.confidence is not None
                    else []
                )
                span = _add(
                    row, "span", word.text, id=f"word_{i}_{j}_{k}", title="; ".join(place) or None
                )
                span.set("class", "ocrx_word")
    return _write(root, "<!DOCTYPE html>\n")


def _bbox(box: Box) -> str:
    x, y, w, h = box
    return f"bbox {x} {y} {x + w} {y + h}"


def _region(page: ReadPage) -> Box:
    """The box around all lines of a page."""
    corners = np.array([(x, y, x + w, y + h) for x, y, w, h in (line.box for line in page.lines)])
    left, top = (int(value) for value in corners[:, :2].min(0))
    right, bottom = (int(value) for value in corners[:, 2:].max(0))
    return left, top, right - left, bottom - top


def _alto(pages: Sequence[ReadPage]) -> str:
    """ALTO 4.2 (loc.gov/standards/alto): every line is Shape, then String and SP in turn."""
    root = ET.Element(
        "alto", {"xmlns": "http://www.loc.gov/standards/alto/ns-v4#", "SCHEMAVERSION": "4.2"}
    )
    description = _add(root, "Description")
    _add(description, "MeasurementUnit", "pixel")
    if pages:
        _add(_add(description, "sourceImageInformation"), "fileName", pages[0].image)
    software = _add(_add(description, "Processing", ID="processing"), "processingSoftware")
    _add(software, "softwareName", "htr-utils")
    _add(software, "softwareVersion", __version__)
    layout = _add(root, "Layout")
    for i, page in enumerate(pages, 1):
        size: dict[str, Any] = {"WIDTH": page.width, "HEIGHT": page.height}
        sheet = _add(layout, "Page", ID=f"page_{i}", PHYSICAL_IMG_NR=page.number, **size)
        space = _add(sheet, "PrintSpace", HPOS=0, VPOS=0, **size)
        if not page.lines:
            continue
        block = _add(space, "TextBlock", ID=f"block_{i}", **_place(_region(page)))
        for j, line in enumerate(page.lines, 1):
            row = _add(block, "TextLine", ID=f"line_{i}_{j}", **_place(line.box))
            points = " ".join(f"{x},{y}" for x, y in _points(line, page))
            _add(_add(row, "Shape"), "Polygon", POINTS=points)
            # The schema wants a String in every line, also in one of which nothing was read.
            for k, word in enumerate(line.split() or (Word("", line.box, 0.0),), 1):
                if k > 1:
                    _add(row, "SP")
                place = _place(word.box) if word.box else {}
                name = f"word_{i}_{j}_{k}"
                _add(
                    row, "String", ID=name, CONTENT=word.text, WC=_rounded(word.confidence), **place
                )
    return _write(root)


def _place(box: Box) -> dict[str, Any]:
    return dict(zip(("HPOS", "VPOS", "WIDTH", "HEIGHT"), box, strict=True))


def _page_xml(page: ReadPage) -> str:
    """PAGE XML 2019-07-15 (PRImA): one region that holds all lines in reading order."""
    place = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
    root = ET.Element("PcGts", {"xmlns": place})
    metadata = _add(root, "Metadata")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for tag, text in (
        ("Creator", f"htr-utils {__version__}"),
        ("Created", now),
        ("LastChange", now),
    ):
        _add(metadata, tag, text)
    size: dict[str, Any] = {"imageWidth": page.width, "imageHeight": page.height}
    sheet = _add(root, "Page", imageFilename=page.image, **size)
    if page.lines:
        order = _add(_add(sheet, "ReadingOrder"), "OrderedGroup", id="order")
        _add(order, "RegionRefIndexed", index=0, regionRef="region")
        region = _add(sheet, "TextRegion", id="region", type="paragraph")
        _coords(region, _corners(_region(page)))
        for j, line in enumerate(page.lines, 1):
            row = _add(region, "TextLine", id=f"line_{j}")
            _coords(row, _points(line, page))
            for k, word in enumerate(line.split(), 1):
                if word.box:  # a word must have a place here
                    part = _add(row, "Word", id=f"word_{j}_{k}")
                    _coords(part, _corners(word.box))
                    _equivalent(part, word.text, word.confidence)
            _equivalent(row, line.text, line.confidence)
    return _write(root)


def _coords(parent: ET.Element, points: Sequence[tuple[int, int]]) -> None:
    _add(parent, "Coords", points=" ".join(f"{x},{y}" for x, y in points))


def _corners(box: Box) -> list[tuple[int, int]]:
    x, y, w, h = box
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def _equivalent(parent: ET.Element, text: str, confidence: float | None) -> None:
    _add(_add(parent, "TextEquiv", conf=_rounded(confidence)), "Unicode", text)


def overlay(grey: np.ndarray, page: ReadPage) -> np.ndarray:
    """The picture (H, W), paler, with each line's outline and above each word what was read: RGB uint8 (h, w, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    scale = min(1.0, 2000 / max(grey.shape))
    size = max(1, round(page.width * scale)), max(1, round(page.height * scale))
    picture = Image.blend(
        Image.fromarray(grey).resize(size).convert("RGB"), Image.new("RGB", size, "white"), 0.3
    )
    draw = ImageDraw.Draw(picture)
    for line in page.lines:
        outline = [(float(x) * scale, float(y) * scale) for x, y in line.polygon]
        draw.line([*outline, outline[0]], fill=(0, 114, 178), width=1)
        words = line.split()
        if not words or words[0].box is None:
            words = (Word(line.text, line.box),)
        full = max(9.0, 0.32 * scale * min(word.box[3] for word in words if word.box))
        lengths = [
            max(1.0, draw.textlength(word.text, ImageFont.load_default(full))) for word in words
        ]
        # One size for the line, at which most words fit above their places; a longer one is set smaller.
        room = [
            scale * (word.box or line.box)[2] / length
            for word, length in zip(words, lengths, strict=True)
        ]
        usual = min(1.0, float(np.median(room)))
        for word, fits in zip(words, room, strict=True):
            x, y = (scale * value for value in (word.box or line.box)[:2])
            points = max(8.0, full * min(usual, 0.97 * fits))
            place = x, max(0.0, y - 0.55 * points)
            font = ImageFont.load_default(points)
            draw.text(place, word.text, (170, 30, 0), font, stroke_width=2, stroke_fill="white")
    return np.asarray(picture)
