"""Pages put together from pictures of lines, with the place and the text of every line known.

    made = page("photo", seed=3, split="test")
    made.grey                       # uint8 (H, W)
    made.lines[0].text, made.lines[0].polygon
    write("pages", [made])          # pages/photo-3.png and pages/pages.json

They stand in for photographed pages until there are real ones: sheet, pen and text are the embedded data's,
camera and table are drawn. Everything is a function of kind, seed and split.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from htr_utils.errors import HtrError
from htr_utils.files import write_bytes, write_text
from htr_utils.lines import augment, iam, images, labels

KINDS = (
    "plain ruled squared shadowed rotated perspective columns indented sloping touching unequal "
    "photo"
).split()
_WIDTH, _HEIGHT = 1240, 1754  # A4 at 150 dpi, the scale of the embedded lines
_GRAIN = 0.07  # what is this little darker than a line's paper is grain and not taken over


@dataclass(frozen=True)
class ComposedLine:
    """A line of a page: its text, and the outline of its ink, float64 (N, 2), x and y in pixels of the page."""

    text: str
    polygon: np.ndarray


@dataclass(frozen=True)
class Composed:
    """grey: uint8 (H, W). lines: in reading order."""

    grey: np.ndarray
    lines: list[ComposedLine]
    kind: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.seed}"


@dataclass
class _Placed:
    """A line on the sheet: how much it covers, float32 (h, w) from 0 to 1, and where its left top corner is."""

    text: str
    cover: np.ndarray
    x: float = 0.0
    y: float = 0.0

    @property
    def baseline(self) -> float:
        """The row below which only descenders are: the last with half of the fullest row's ink."""
        rows = self.cover.sum(1)
        return float(np.flatnonzero(rows > 0.5 * rows.max())[-1])


def page(
    kind: str,
    seed: int,
    split: str = "train",
    data: str | Path | None = None,
    only: Collection[str] = (),
) -> Composed:
    """Compose a page.

    Args:
        kind: one of KINDS. split: whose lines to take, of the folder in IAM layout `data` (None: the embedded). A
            folder with a table of transcriptions has no splits: of it all lines are taken.
        only: writers or documents that may be taken, where the folder has any of them.

    Raises:
        HtrError: no such kind; no such split.
    """
    if kind not in KINDS:
        raise HtrError(f"no kind of page {kind!r}; known: {', '.join(KINDS)}")
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    return compose(_choose(split, data, only, rng, 2 if kind == "columns" else 1), kind, seed)


def _choose(
    split: str,
    data: str | Path | None,
    only: Collection[str],
    rng: np.random.Generator,
    columns: int,
) -> list[tuple[np.ndarray, str]]:
    """Lines by one writer, form after form."""
    if data is not None and labels.is_own(data):
        lines = labels.read(data)
    else:
        lines = [line for line in iam.read(data).split(split) if min(line.box[2:]) >= 8]
    lines = [line for line in lines if line.writer_id in only] or lines
    writer = str(rng.choice(sorted({line.writer_id for line in lines})))
    forms = sorted({line.form_id for line in lines if line.writer_id == writer})
    rng.shuffle(forms)
    mine = [line for form in forms for line in lines if line.form_id == form]
    return [(line.image(), line.text) for line in mine[: columns * int(rng.integers(8, 21))]]


def compose(lines: Sequence[tuple[np.ndarray, str]], kind: str, seed: int) -> Composed:
    """The same from pictures of lines, uint8 (h, w) about 55 pixels high, with their texts, in reading order."""
    rng = np.random.default_rng([seed, KINDS.index(kind), 1])
    placed, rules, (width, height) = _lay_out(lines, kind, rng)
    paper = float(rng.uniform(205, 248))
    sheet = _sheet(width, height, paper, rng)
    if kind in ("ruled", "squared", "photo") and not (kind == "photo" and rng.random() < 0.4):
        sheet *= _rules(width, rules, height, kind == "squared" or rng.random() < 0.2, rng)
    for one in placed:
        h, w = one.cover.shape
        x, y = round(one.x), round(one.y)
        sheet[y : y + h, x : x + w] *= 1 - one.cover
    polygons = [_outline(one.cover) + np.round([one.x, one.y]) for one in placed]
    grey, matrix = _photograph(sheet, kind, rng)
    moved = [cv2.perspectiveTransform(p[None], matrix)[0] for p in polygons]
    made = [ComposedLine(one.text, p) for one, p in zip(placed, moved, strict=True)]
    return Composed(grey, made, kind, seed)


def write(
    folder: str | Path,
    pages: Sequence[Composed],
    names: Sequence[str] | None = None,
    jpeg: int | None = None,
) -> Path:
    """Write the pages as PNG, or JPEG of quality `jpeg`, and one `pages.json` with their lines; returns its path.

    names: of the files without ending; None: each page's own.
    """
    ending = ".png" if jpeg is None else ".jpg"
    stems = [one.name for one in pages] if names is None else names
    for one, stem in zip(pages, stems, strict=True):
        place = Path(folder) / f"{stem}{ending}"
        if jpeg is None:
            images.save(place, one.grey)
        else:
            write_bytes(
                place, cv2.imencode(ending, one.grey, [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1].tobytes()
            )
    table = [
        {
            "file": f"{stem}{ending}",
            "kind": one.kind,
            "seed": one.seed,
            "lines": [
                {"text": line.text, "polygon": line.polygon.round(1).tolist()} for line in one.lines
            ],
        }
        for one, stem in zip(pages, stems, strict=True)
    ]
    write_text(Path(folder) / "pages.json", json.dumps(table, ensure_ascii=False, indent=1) + "\n")
    return Path(folder) / "pages.json"


def load(folder: str | Path) -> list[Composed]:
    """The pages that `write` wrote.

    Raises:
        HtrError: no `pages.json`, or one that does not hold what it should; what `images.load` raises.
    """
    path = Path(folder) / "pages.json"
    try:
        made = []
        for row in json.loads(path.read_text(encoding="utf-8")):
            lines = [
                ComposedLine(str(line["text"]), np.array(line["polygon"], float))
                for line in row["lines"]
            ]
            made.append(
                Composed(
                    images.load(path.parent / row["file"]), lines, row["kind"], int(row["seed"])
                )
            )
    except FileNotFoundError as error:
        raise HtrError(f"{path}: is missing; write it with `compose.write`") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HtrError(f"{path}: is no table of pages ({error}); write it again") from error
    return made


def _lay_out(
    lines: Sequence[tuple[np.ndarray, str]], kind: str, rng: np.random.Generator
) -> tuple[list[_Placed], np.ndarray, tuple[int, int]]:
    """Where each line goes, the rows that rules would have, and the sheet's width and height in pixels."""
    mean_height = float(np.mean([grey.shape[0] for grey, _ in lines]))
    pitch = mean_height * {"touching": rng.uniform(0.72, 0.85), "sloping": 1.55}.get(
        kind, rng.uniform(1.05, 1.5)
    )
    common = rng.uniform(-2.5, 2.5) if kind == "sloping" else 0.0
    placed = []
    for grey, text in lines:
        size = float(np.exp(rng.normal(0, 0.22))) if kind == "unequal" else 1.0
        slope, bend = 0.0, 0.0
        if kind in ("sloping", "photo"):
            slope, bend = common + rng.normal(0, 0.5), rng.normal(0, 0.08)
        placed.append(_Placed(text, _shift(_cover(grey, size), slope, bend)))
    middle = len(placed) // 2 if kind == "columns" else len(placed)
    left, top, lowest, first_rule = rng.uniform(70, 160), rng.uniform(90, 260), 0.0, 0.0
    heading = kind == "columns" and rng.random() < 0.4
    for column in (placed[:middle], placed[middle:]):
        y = first_rule = top + pitch + (2 * pitch if heading else 0.0)
        y += rng.uniform(0, pitch) if kind == "columns" else 0.0
        for number, one in enumerate(column):
            one.x, one.y = (
                left + abs(rng.normal(0, 8)),
                y - one.baseline + rng.normal(0, 0.03 * pitch),
            )
            if kind == "indented":
                one.x += float(rng.choice([0, 0, 60, 140, 300]))
            step = pitch * (1.6 if kind == "indented" and rng.random() < 0.2 else 1.0)
            if kind == "unequal":
                after = column[number + 1] if number + 1 < len(column) else one
                step = rng.uniform(1.0, 1.6) * (one.cover.shape[0] + after.cover.shape[0]) / 2
            y += step
        lowest = max(lowest, *(one.y + one.cover.shape[0] for one in column)) if column else lowest
        left = max((one.x + one.cover.shape[1] for one in placed), default=0) + rng.uniform(70, 150)
    if heading:
        placed[0].x, placed[0].y = (left - placed[0].cover.shape[1]) / 2, top - 0.3 * pitch
    above = min(0.0, *(one.y - 20 for one in placed))  # a steep line may begin above the sheet
    for one in placed:
        one.y -= above
    right = max(one.x + one.cover.shape[1] for one in placed)
    sheet = (
        max(_WIDTH, round(right + rng.uniform(40, 120))),
        max(_HEIGHT, round(lowest - above + 120)),
    )
    return placed, np.arange(first_rule - above, sheet[1] - 60, pitch), sheet


def _cover(grey: np.ndarray, size: float) -> np.ndarray:
    """How much each pixel of a line covers the paper, 0 to 1, scaled by `size`."""
    paper = float(augment.paper_tone(grey))
    cover = ((paper - grey) / paper - _GRAIN).clip(0, 1).astype(np.float32) / (1 - _GRAIN)
    method = cv2.INTER_AREA if size < 1 else cv2.INTER_CUBIC
    return cv2.resize(cover, None, fx=size, fy=size, interpolation=method).clip(0, 1)


def _shift(cover: np.ndarray, slope: float, bend: float) -> np.ndarray:
    """Let a line rise or fall by `slope` degrees and bend by `bend` of its height: each column moves up or down."""
    if not slope and not bend:
        return cover
    height, width = cover.shape
    x = np.arange(width, dtype=np.float32)
    down = -np.tan(np.deg2rad(slope)) * x + bend * height * np.sin(np.pi * 2 * x / width)
    down -= down.min()
    rows = height + int(np.ceil(down.max()))
    y = np.arange(rows, dtype=np.float32)[:, None] - down[None]
    return cv2.remap(
        cover, np.broadcast_to(x, y.shape).copy(), y.astype(np.float32), cv2.INTER_LINEAR
    )


def _outline(cover: np.ndarray) -> np.ndarray:
    """A polygon around a line's ink that follows its slope: (N, 2), x and y; 2 pixels of margin."""
    ink = cv2.blur(cover, (3, 3)) > 0.15
    columns = np.flatnonzero(ink.any(0))
    if not columns.size:
        columns, ink = np.arange(cover.shape[1]), np.ones(cover.shape, bool)
    first, last = int(columns[0]), int(columns[-1])
    edges = np.linspace(
        first, last + 1, max(2, round((last - first) / (2 * cover.shape[0]))) + 1
    ).round()
    top, bottom, xs = [], [], []
    for a, b in zip(edges[:-1].astype(int), edges[1:].astype(int), strict=True):
        rows = np.flatnonzero(ink[:, a:b].any(1))
        if rows.size:  # a wide gap between words has none: the neighbours' edges are joined
            top.append(rows[0] - 2.0)
            bottom.append(rows[-1] + 3.0)
            xs.append((a + b) / 2)
    xs[0], xs[-1] = first - 2.0, last + 3.0
    there = list(zip(xs, top, strict=True))
    back = list(zip(xs, bottom, strict=True))[::-1]
    return np.array(there + back, float)


def _sheet(width: int, height: int, paper: float, rng: np.random.Generator) -> np.ndarray:
    """Paper: its tone, clouds and fibres; float32 (height, width)."""
    clouds = cv2.resize(
        rng.normal(0, 1.5, (6, 5)).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    fibres = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 0.8)
    return np.clip(paper + clouds + 2.5 * fibres, 1, 255).astype(np.float32)


def _rules(
    width: int, rows: np.ndarray, height: int, squared: bool, rng: np.random.Generator
) -> np.ndarray:
    """The rules of lined or squared paper as a factor on the paper, float32 (height, width)."""
    layer = np.full((height, width), 255, np.uint8)
    shade, thick = int(rng.uniform(130, 225)), int(rng.integers(1, 3))
    pitch = float(rows[1] - rows[0])
    if squared:
        pitch = pitch / round(pitch / 30)
        rows = np.arange(rows[0] % pitch, height, pitch)
        for x in np.arange(rng.uniform(0, pitch), width, pitch):
            cv2.line(layer, (round(x), 0), (round(x), height), shade, thick, cv2.LINE_AA)
    elif rng.random() < 0.5:
        x = int(rng.uniform(40, 70))
        cv2.line(layer, (x, 0), (x, height), shade, thick, cv2.LINE_AA)
    for y in rows:
        cv2.line(layer, (0, round(y)), (width, round(y)), shade, thick, cv2.LINE_AA)
    return layer.astype(np.float32) / 255


def _photograph(
    sheet: np.ndarray, kind: str, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What the camera or scanner makes of the sheet: uint8 (H, W), and the matrix (3, 3) from sheet to picture."""
    height, width = sheet.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn, size, target = 0.0, (width, height), corners.astype(float)
    if kind in ("perspective", "photo"):
        size = (round(width * rng.uniform(1.08, 1.25)), round(height * rng.uniform(1.06, 1.2)))
        turn = rng.uniform(-3, 3)
        target = corners + rng.uniform(-0.05, 0.05, (4, 2)) * [width, height]
    elif kind == "rotated":
        turn = rng.uniform(-5, 5)
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0)
    target = (
        target @ turned[:, :2].T + turned[:, 2] + [(size[0] - width) / 2, (size[1] - height) / 2]
    )
    matrix = cv2.getPerspectiveTransform(corners, target.astype(np.float32))
    if kind in ("perspective", "photo"):
        picture = _on_table(sheet, matrix, size, rng)
    else:  # a scanner: what is beyond the sheet is the lid
        lid = float(rng.choice([np.median(sheet), 250.0, 30.0]))
        picture = cv2.warpPerspective(sheet, matrix, size, flags=cv2.INTER_AREA, borderValue=lid)
    if kind in ("shadowed", "photo"):
        picture = picture * _light(size, rng)
    if kind in ("shadowed", "perspective", "photo"):
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.0))
        grey = augment.noise(
            picture.clip(0, 255).astype(np.uint8), rng, sigma=rng.uniform(2, 5), grain=0.6
        )
        return augment.jpeg(grey, int(rng.integers(70, 92))), matrix
    return augment.noise(
        picture.clip(0, 255).astype(np.uint8), rng, sigma=rng.uniform(1, 3), grain=0.4
    ), matrix


def _on_table(
    sheet: np.ndarray, matrix: np.ndarray, size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """The sheet lies on a table with a grain, and throws a small shadow; float32 (H, W)."""
    width, height = size
    grain = rng.standard_normal((height, max(2, width // 60)), np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), 1.2, None, 4.0).astype(np.float32)
    board = cv2.resize(grain, size, interpolation=cv2.INTER_CUBIC)
    table: np.ndarray = rng.uniform(45, 130) * (1 + 0.35 * board)
    inside = cv2.warpPerspective(np.ones_like(sheet), matrix, size, flags=cv2.INTER_LINEAR)
    thrown = cv2.GaussianBlur(np.roll(inside, (7, 9), (0, 1)), (0, 0), 9)
    table = table * (1 - 0.6 * thrown)
    moved = cv2.warpPerspective(sheet, matrix, size, flags=cv2.INTER_LINEAR)
    return np.asarray(moved + (1 - inside) * table.clip(5, 200), np.float32)


def _light(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A lamp from one side, darker corners, and the soft shadow of a hand or a phone; factors, float32 (H, W)."""
    width, height = size
    lamp = cv2.resize(
        rng.uniform(0.62, 1, (2, 2)).astype(np.float32), size, interpolation=cv2.INTER_LINEAR
    )
    x, y = np.meshgrid(
        np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    )
    lamp = lamp * (1 - np.float32(rng.uniform(0, 0.2)) * (x * x + y * y) / 2)
    shade = np.ones((height, width), np.float32)
    side, deep = rng.integers(0, 4), rng.uniform(0.45, 0.8)
    centre = np.array(
        [[width, 0.5 * height], [0.5 * width, height], [0, 0.5 * height], [0.2 * width, height]][
            side
        ]
    )
    angles = np.sort(rng.uniform(0, 2 * np.pi, 9))
    reach = rng.uniform(0.25, 0.6, 9)[:, None] * [width, height]
    blob = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * reach
    cv2.fillPoly(shade, [blob.round().astype(np.int32)], float(deep))
    return np.asarray(
        lamp * cv2.GaussianBlur(shade, (0, 0), float(rng.uniform(15, 60))), np.float32
    )
