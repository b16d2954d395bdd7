"""What was read, as a file: plain text, Markdown, JSON, hOCR 1.2, ALTO 4.2, PAGE XML 2019-07-15.

    page = results.of_page("letter.jpg", grey.shape, found.lines, recogniser.read([line.crop for line in found.lines]))
    for content in render([page], "alto"):
        ...

Coordinates are whole pixels of the given picture, from its left top corner, and never outside it.
"""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from htr_utils import __version__
from htr_utils.errors import HtrError
from htr_utils.results import PLAIN, Box, ReadLine, ReadPage, Word, plain

ENDINGS = {
    "text": PLAIN,
    "markdown": ".md",
    "json": ".json",
    "hocr": ".hocr.html",
    "alto": ".alto.xml",
    "page": ".page.xml",
}
# What XML 1.0 cannot hold (W3C recommendation, production 2).
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


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
        "text": plain,
        "markdown": _markdown,
        "json": _json,
        "hocr": _hocr,
        "alto": _alto,
    }
    return [whole[format](pages)]


def _markdown(pages: Sequence[ReadPage]) -> str:
    """A line per line, a paragraph where the next line is further away than usual, a rule between pages."""
    sheets = []
    for page in pages:
        tops = np.array([line.box[1] + line.box[3] / 2 for line in page.lines])
        steps = np.diff(tops)
        usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
        text = ""
        for number, line in enumerate(page.lines):
            if number:
                text += "\n\n" if abs(steps[number - 1]) > 1.5 * usual else "  \n"
            text += re.sub(r"([\\`*_<\[\]])", r"\\\1", line.text)
        sheets.append(text + "\n")
    return "\n---\n\n".join(sheets)


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


def _stand(line: ReadLine, page: ReadPage) -> list[tuple[int, int]]:
    """The baseline in whole pixels within the page; a quarter of the box's height above its foot if it is not known."""
    x, y, w, h = line.box
    known = line.baseline
    if known is None:
        known = np.array([[x, y + 0.75 * h], [x + w, y + 0.75 * h]])
    rounded = known.round().clip(0, [page.width, page.height]).astype(int)
    points = list(dict.fromkeys((int(x), int(y)) for x, y in rounded))
    return points if len(points) > 1 else [*points, (points[0][0] + 1, points[0][1])]


def _pairs(points: Iterable[tuple[int, int]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _cut(polygon: list[tuple[int, int]], box: Box) -> list[tuple[int, int]]:
    """The part of a line's polygon that lies in a word's box (Sutherland & Hodgman); the box where that is nothing."""
    points = [np.array(p, float) for p in polygon]
    for axis, side in ((0, 1), (0, -1), (1, 1), (1, -1)):
        edge = side * (box[axis] + (box[axis + 2] if side < 0 else 0))
        kept: list[np.ndarray] = []
        for a, b in zip(points[-1:] + points[:-1], points, strict=True):
            at, to = side * a[axis] - edge, side * b[axis] - edge
            if at * to < 0:
                kept.append(a + (b - a) * (at / (at - to)))
            if to >= 0:
                kept.append(b)
        points = kept
    whole = list(dict.fromkeys((round(float(x)), round(float(y))) for x, y in points))
    return whole if len(whole) > 2 else _corners(box)


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
            (x0, y0), (x1, y1) = (_stand(line, page)[k] for k in (0, -1))
            slope = (y1 - y0) / max(1, x1 - x0)
            foot = y0 + slope * (line.box[0] - x0) - line.box[1] - line.box[3]
            place = [f"{_bbox(line.box)}; baseline {slope:.4f} {foot:.0f}"]
            if line.confidence is not None:
                place.append(f"x_wconf {round(100 * line.confidence)}")
            name, title = f"line_{i}_{j}", "; ".join(place)
            row = _add(area, "span", **{"class": "ocr_line"}, id=name, title=title)
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
            stand = {"BASELINE": _pairs(_stand(line, page))}
            row = _add(block, "TextLine", ID=f"line_{i}_{j}", **_place(line.box), **stand)
            _add(_add(row, "Shape"), "Polygon", POINTS=_pairs(_points(line, page)))
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
            row = _add(region, "TextLine", id=f"line_{j}", custom=_exact(line, page))
            _coords(row, _points(line, page))
            _add(row, "Baseline", points=_pairs(_stand(line, page)))
            for k, word in enumerate(line.split(), 1):
                if word.box:  # a word must have a place here
                    part = _add(row, "Word", id=f"word_{j}_{k}")
                    _coords(part, _cut(_points(line, page), word.box))
                    _equivalent(part, word.text, word.confidence)
            _equivalent(row, line.text, line.confidence)
    return _write(root)


def _exact(line: ReadLine, page: ReadPage) -> str | None:
    """Where a line was found, for `lines.page_files`: PAGE's own places are in whole pixels and know no x-height.

    `of` tells whose it is: who moves the baseline makes it void.
    """
    if line.found is None:
        return None
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in line.found[1])
    of = zlib.crc32(_pairs(_stand(line, page)).encode())
    return f"htr {{x-height:{line.found[0]:.2f}; of:{of:08x}; at:{points};}}"


def _coords(parent: ET.Element, points: Sequence[tuple[int, int]]) -> None:
    _add(parent, "Coords", points=_pairs(points))


def _corners(box: Box) -> list[tuple[int, int]]:
    x, y, w, h = box
    return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]


def _equivalent(parent: ET.Element, text: str, confidence: float | None) -> None:
    _add(_add(parent, "TextEquiv", conf=_rounded(confidence)), "Unicode", text)
