"""PAGE XML and ALTO as training data: their lines with texts, each cut out of the picture of its page.

Ground truth of Transkribus, eScriptorium, kraken, HTR-United, and what `htr read` writes. A line is cut along its
baseline, or along the middle of its outline where the file has none; what lies outside its outline is left out.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import crops, images
from htr_utils.lines.iam import Line
from htr_utils.lines.iam_files import read_bytes

HIGH = 72  # rows of a crop, usually at most: a network's input has fewer
_ABOVE, _BELOW = 0.7, 0.35  # of the distance to the next line: what is cut around a baseline alone
Points = tuple[tuple[float, float], ...]


@functools.cache
def unpacked() -> Path:
    """A folder for pictures that lie inside other files; it goes when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="htr-lines-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(frozen=True)
class OnPage:
    """Where a line is on its page. outline, baseline: x and y, pixels of a page of `size`; either may be empty.

    pitch: pixels from line to line. store: folder where the crop is kept once it was cut.
    """

    outline: Points
    baseline: Points
    size: tuple[float, float]
    pitch: float
    store: Path

    def picture(self, path: Path) -> np.ndarray:
        """The line, uint8 (h, w), level, 255 = paper; `path` is the page's picture."""
        mark = hashlib.sha256(repr((path, self.outline, self.baseline)).encode()).hexdigest()[:32]
        kept = self.store / f"{mark}.png"
        if not kept.is_file():
            images.save(kept, self.cut(_page(path)))
        return images.load(kept)

    def cut(self, page: np.ndarray) -> np.ndarray:
        """The same out of a page, uint8 (H, W)."""
        height, width = page.shape
        fit = np.array([width / (self.size[0] or width), height / (self.size[1] or height)])
        outline, baseline = (
            np.array(p, float).reshape(-1, 2) * fit for p in (self.outline, self.baseline)
        )
        if len(baseline) < 2:
            baseline = _middle(outline)
        if len(outline) < 3:
            up, down = (np.array([0, by * self.pitch * fit[1]]) for by in (_ABOVE, _BELOW))
            outline = np.concatenate([baseline - up, (baseline + down)[::-1]])
        along = (baseline[-1] - baseline[0]) / max(1e-6, np.linalg.norm(baseline[-1] - baseline[0]))
        at, far = (baseline - baseline[0]) @ along, (outline - baseline[0]) @ along
        ends = [
            baseline[0] + min(0.0, far.min()) * along,
            baseline[0] + max(at[-1], far.max()) * along,
        ]
        over = (outline - baseline[0]) @ [-along[1], along[0]] - np.interp(
            far, at, (baseline - baseline[0]) @ [-along[1], along[0]]
        )
        above, below = max(2.0, -float(over.min())), max(1.0, float(over.max()))
        margin = 0.5 * (above + below)  # so much is seen of the neighbours' strokes
        whole = np.concatenate([ends[:1], baseline, ends[1:]])
        scale = min(1.0, HIGH / (above + below))
        frame = crops.frame(whole, above + margin, below + margin, scale)
        if frame.height * len(frame.path) > images.MAX_PIXELS:
            raise HtrError("a line's outline is larger than a page can be; mend it")
        inside = np.zeros(page.shape, np.uint8)
        cv2.fillPoly(inside, [outline.round().clip(-1e6, 1e6).astype(np.int32)], 1)
        return _alone(frame.cut(page), frame.cut(inside, cv2.INTER_NEAREST) > 0)


def _middle(outline: np.ndarray) -> np.ndarray:
    """A straight baseline for an outline (N, 2): a quarter of its usual height below its middle."""
    x, y = outline.T
    left, right = x.min(), max(x.max(), x.min() + 2)
    tilt = np.polyfit(x, y, 1) if np.ptp(x) > 4 * np.ptp(y) else np.array([0.0, y.mean()])
    high = cv2.contourArea(outline.astype(np.float32)) / (right - left)
    return np.array([[at, np.polyval(tilt, at) + 0.25 * high] for at in (left, right)])


def _alone(crop: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """A crop with paper where other lines are: strokes whose ink lies inside, but for a fifth, stay whole."""
    size = max(5, crop.shape[0] // 3) | 1
    paper = cv2.morphologyEx(crop, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
    flat = cv2.divide(crop, np.maximum(cv2.blur(paper, (size, size)), 1), scale=255)
    ink = (images.normalise(crop) > 0.3).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    share = np.bincount(labels.ravel(), inside.ravel(), count) / np.maximum(
        stats[:, cv2.CC_STAT_AREA], 1
    )
    long = stats[:, cv2.CC_STAT_WIDTH] > 4 * crop.shape[0]  # a rule ties all to all
    whole, some = (share > 0.8) & ~long, (share > 0.2) | long
    keep = np.where(labels > 0, whole[labels] | (some[labels] & inside), inside)
    flat[~keep] = 255
    rows = np.flatnonzero((inside | (keep & (ink > 0))).any(1))
    return flat[max(0, rows[0] - 2) : rows[-1] + 3] if rows.size else flat


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
        known = [p for _, _, outline, baseline in rows for p in outline + baseline]
        if not np.isfinite(np.array([*known, size], float)).all():
            raise ValueError("a number without end")
    except (ValueError, OverflowError) as error:
        complain(
            "pages that do not read", f"{where}: its places do not read ({error}); export it again"
        )
        return
    middles = sorted(float(np.mean([y for _, y in line])) for _, _, _, line in rows if line)
    steps = np.diff(middles)
    pitch = float(np.median(steps[steps > 4])) if (steps > 4).any() else (size[1] or 800) / 20
    for number, (row, text, outline, baseline) in enumerate(rows, 1):
        name = row.get("ID" if alto else "id") or f"line_{number}"
        if not text:
            complain(
                "lines without a text",
                f"{where}: line {name} has no text; write it, or delete the line",
            )
        elif len(outline) < 3 and len(baseline) < 2:
            complain(
                "lines without a place", f"{where}: line {name} has neither outline nor baseline"
            )
        else:
            part = OnPage(outline, baseline, size, pitch, unpacked())  # type: ignore[arg-type]
            yield Line(f"{page}/{name}", text, picture, page, part=part)


def _page_xml(row: ET.Element) -> tuple[str, Points, Points]:
    """Text, outline and baseline of a TextLine of PAGE; the first of several readings counts."""
    text = _said(row) or " ".join(filter(None, map(_said, row.iter("Word"))))
    places = []
    for name in ("Coords", "Baseline"):
        place = row.find(name)
        points = "" if place is None else place.get("points") or ""
        if place is not None and not points:  # before 2013
            points = " ".join(f"{p.get('x')},{p.get('y')}" for p in place.iter("Point"))
        places.append(_points(points))
    return " ".join(text.split()), places[0], places[1]


def _said(element: ET.Element) -> str:
    told = sorted(element.findall("TextEquiv"), key=lambda one: int(one.get("index") or 0))
    return next((said.text or "" for one in told for said in one.findall("Unicode")), "")


def _alto(row: ET.Element) -> tuple[str, Points, Points]:
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
        return (
            " ".join(text.split()),
            outline,
            ((outline[0][0], float(told)), (outline[1][0], float(told))),
        )
    return " ".join(text.split()), outline, _points(told)


def _points(told: str) -> Points:
    """ "x,y x,y" or "x y x y", as either format is written."""
    numbers = [float(one) for one in re.split(r"[\s,]+", told.strip()) if one]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
