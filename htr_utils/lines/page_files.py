"""PAGE XML and ALTO as training data: their lines with texts, each cut out of the picture of its page.

Ground truth of Transkribus, eScriptorium, kraken, HTR-United, and what `htr read` writes. `cutting` cuts a line out
along its baseline, or along the middle of its outline where the file has none; what lies outside its outline is left
out. A line that `htr read` found and nobody has moved is the same picture, to the pixel, that was read.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import cutting, images
from htr_utils.lines.iam import Line
from htr_utils.lines.iam_files import read_bytes

_ABOVE, _BELOW = 0.7, 0.35  # of the distance to the next line: what is cut around a baseline alone
Points = tuple[tuple[float, float], ...]
# What `formats` writes into PAGE's `custom`: the x-height and the baseline as they were found, and whose they are.
_EXACT = re.compile(
    r"htr \{x-height:(?P<high>[\d.]+); of:(?P<mark>\w+); at:(?P<points>[-\d., ]+);\}"
)


@functools.cache
def unpacked() -> Path:
    """A folder for pictures that lie inside other files; it goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="htr-lines-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Row(NamedTuple):
    """A line of a file. outline, baseline: x and y, pixels of the page; either may be empty.

    found: x-height and exact baseline, where `htr read` found the line and nobody has moved it.
    """

    outline: Points
    baseline: Points
    found: tuple[float, Points] | None = None


@dataclass(frozen=True)
class Sheet:
    """All lines of a page of `size`, in the file's pixels. pitch: pixels from line to line."""

    size: tuple[float, float]
    pitch: float
    rows: tuple[Row, ...]

    def lines(self, shape: tuple[int, ...]) -> list[cutting.Stand]:
        """Where the lines stand in a picture of `shape`."""
        height, width = shape
        fit = np.array([width / (self.size[0] or width), height / (self.size[1] or height)])
        return [self._line(row, fit) for row in self.rows]

    def _line(self, row: Row, fit: np.ndarray) -> cutting.Stand:
        if row.found is not None:
            exact = (np.array(row.found[1]) * fit).astype(np.float32)
            return cutting.Standing(exact, row.found[0] * float(fit[1]))
        outline, baseline = (
            np.array(p, float).reshape(-1, 2) * fit for p in (row.outline, row.baseline)
        )
        if len(baseline) < 2:
            baseline = _middle(outline)
        if len(outline) < 3:
            up, down = (np.array([0, by * self.pitch * fit[1]]) for by in (_ABOVE, _BELOW))
            outline = np.concatenate([baseline - up, (baseline + down)[::-1]])
        return cutting.Outlined(baseline, outline)


@dataclass(frozen=True)
class OnPage:
    """Line `number` of a page. store: folder where the crop is kept once it was cut."""

    sheet: Sheet
    number: int
    store: Path

    @property
    def row(self) -> Row:
        return self.sheet.rows[self.number]

    def picture(self, path: Path) -> np.ndarray:
        """The line, uint8 (h, w), level, 255 = paper; `path` is the page's picture."""
        mark = hashlib.sha256(repr((path, self.sheet, self.number)).encode()).hexdigest()[:32]
        kept = self.store / f"{mark}.png"
        if not kept.is_file():
            images.save(kept, self.cut(_page(path)))
        return images.load(kept)

    def cut(self, page: np.ndarray) -> np.ndarray:
        """The same out of a page, uint8 (H, W); the page itself where the line's outline is all of it."""
        lines = self.sheet.lines(page.shape)
        line = lines[self.number]
        if isinstance(line, cutting.Outlined):
            low, high = line.outline.min(0), line.outline.max(0)
            if (low <= 0).all() and (high >= page.shape[::-1]).all():
                return page
        elif cutting.light_on_dark(page, lines):
            page = 255 - page
        crop = cutting.cut(page, lines, [self.number])[0].crop
        if not isinstance(line, cutting.Outlined):
            return crop
        rows = np.flatnonzero((crop < 200).any(1))
        return crop[max(0, rows[0] - 2) : rows[-1] + 3] if rows.size else crop


def _middle(outline: np.ndarray) -> np.ndarray:
    """A straight baseline for an outline (N, 2): a quarter of its usual height below its middle."""
    x, y = outline.T
    left, right = x.min(), max(x.max(), x.min() + 2)
    tilt = np.polyfit(x, y, 1) if np.ptp(x) > 4 * np.ptp(y) else np.array([0.0, y.mean()])
    high = cv2.contourArea(outline.astype(np.float32)) / (right - left)
    return np.array([[at, np.polyval(tilt, at) + 0.25 * high] for at in (left, right)])


@functools.lru_cache(maxsize=2)
def _page(path: Path) -> np.ndarray:
    return images.load(path)


def kind(path: Path) -> str:
    """ "PAGE XML" or "ALTO", by the first element of a file; "" for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(4096).replace(b"\0", b"")
    except OSError:
        return ""
    match = re.search(rb"<(?:[A-Za-z0-9_]+:)?(PcGts|alto)[\s>]", head, re.IGNORECASE)
    return {b"pcgts": "PAGE XML", b"alto": "ALTO"}.get(match[1].lower(), "") if match else ""


def read(
    root: Path, file: str, find: Callable[[str], list[str]], complain: Callable[[str, str], object]
) -> Iterator[Line]:
    """The lines of a PAGE or ALTO file that have a text; `find` gives the pictures that a name may mean, in `root`.

    Raises:
        HtrError: no well-formed XML.
    """
    path = root / file
    try:
        tree = ET.fromstring(read_bytes(path))
    except (ET.ParseError, ValueError, LookupError) as error:
        raise HtrError(f"{path}: is no well-formed XML ({error}); copy it again") from None
    for element in tree.iter():
        element.tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
    alto = tree.tag.lower() == "alto"
    if alto and (tree.findtext(".//MeasurementUnit") or "pixel").strip() != "pixel":
        complain("pages in other units", f"{path}: its places are not in pixels; export it again")
        return
    told = (tree.findtext(".//fileName") or "") if alto else ""
    for number, sheet in enumerate(tree.iter("Page")):
        name = told or sheet.get("imageFilename") or ""
        found = find(name.strip()) if name.strip() else []
        name = name or stem(file)
        found = found or find(stem(file))
        if len(found) != 1 or number:
            what = f"{len(found)} pictures" if found else "no picture"
            remedy = "one picture a page is wanted; put it beside the file"
            complain("pages without a picture", f"{path}: {what} of name {name!r}; {remedy}")
            continue
        yield from _lines(sheet, root / found[0], stem(file), alto, f"{path}", complain)


def stem(file: str) -> str:
    """What a page is called: the file's name without its endings."""
    return re.sub(r"(\.page|\.alto)?\.xml$", "", file.rpartition("/")[2])


def _lines(
    sheet: ET.Element,
    picture: Path,
    page: str,
    alto: bool,
    where: str,
    complain: Callable[[str, str], object],
) -> Iterator[Line]:
    try:
        size = tuple(
            float(sheet.get(n) or 0)
            for n in (("WIDTH", "HEIGHT") if alto else ("imageWidth", "imageHeight"))
        )
        rows = [(row, *(_alto if alto else _page_xml)(row)) for row in sheet.iter("TextLine")]
        known = [p for _, _, row in rows for p in row.outline + row.baseline]
        if not np.isfinite(np.array([*known, size], float)).all():
            raise ValueError("a number without end")
    except (ValueError, OverflowError) as error:
        complain(
            "pages that do not read", f"{where}: its places do not read ({error}); export it again"
        )
        return
    middles = sorted(float(np.mean([y for _, y in p.baseline])) for *_, p in rows if p.baseline)
    steps = np.diff(middles)
    pitch = float(np.median(steps[steps > 4])) if (steps > 4).any() else (size[1] or 800) / 20
    placed = [place for *_, place in rows if len(place.outline) > 2 or len(place.baseline) > 1]
    whole, at = Sheet(size, pitch, tuple(placed)), -1  # type: ignore[arg-type]
    for number, (row, text, place) in enumerate(rows, 1):
        name = row.get("ID" if alto else "id") or f"line_{number}"
        has_place = len(place.outline) > 2 or len(place.baseline) > 1
        at += has_place
        if not text:
            complain(
                "lines without a text",
                f"{where}: line {name} has no text; write it, or delete the line",
            )
        elif not has_place:
            complain(
                "lines without a place", f"{where}: line {name} has neither outline nor baseline"
            )
        else:
            yield Line(f"{page}/{name}", text, picture, page, part=OnPage(whole, at, unpacked()))


def mark(baseline: Points) -> str:
    """What tells whether a baseline was moved; in whole pixels, as PAGE has it."""
    return f"{zlib.crc32(' '.join(f'{x:.0f},{y:.0f}' for x, y in baseline).encode()):08x}"


def _page_xml(row: ET.Element) -> tuple[str, Row]:
    """Text and place of a TextLine of PAGE; the first of several readings counts."""
    text = _said(row) or " ".join(filter(None, map(_said, row.iter("Word"))))
    places = []
    for name in ("Coords", "Baseline"):
        place = row.find(name)
        points = "" if place is None else place.get("points") or ""
        if place is not None and not points:  # before 2013
            points = " ".join(f"{p.get('x')},{p.get('y')}" for p in place.iter("Point"))
        places.append(_points(points))
    exact = _EXACT.search(row.get("custom") or "")
    found = None
    if exact and exact["mark"] == mark(places[1]):
        found = float(exact["high"]), _points(exact["points"])
    return " ".join(text.split()), Row(places[0], places[1], found)


def _said(element: ET.Element) -> str:
    told = sorted(element.findall("TextEquiv"), key=lambda one: int(one.get("index") or 0))
    return next((said.text or "" for one in told for said in one.findall("Unicode")), "")


def _alto(row: ET.Element) -> tuple[str, Row]:
    """The same of ALTO, where a line without a Shape has its box."""
    text = " ".join(word.get("CONTENT") or "" for word in row.iter("String"))
    text += "".join(one.get("CONTENT") or "" for one in row.iter("HYP"))
    shape = row.find("Shape/Polygon")
    outline = _points(shape.get("POINTS") or "") if shape is not None else ()
    if not outline and row.get("WIDTH"):
        x, y, w, h = (float(row.get(name) or 0) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
        outline = ((x, y), (x + w, y), (x + w, y + h), (x, y + h))
    told = row.get("BASELINE") or ""
    if re.fullmatch(r"\s*[\d.]+\s*", told) and outline:  # ALTO 2 and 3: one height
        level = tuple((x, float(told)) for x, _ in outline[:2])
        return " ".join(text.split()), Row(outline, level)
    return " ".join(text.split()), Row(outline, _points(told))


def _points(told: str) -> Points:
    """ "x,y x,y" or "x y x y", as either format is written."""
    numbers = [float(one) for one in re.split(r"[\s,]+", told.strip()) if one]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
