"""Photos of pages without end, with the place of every line known: what the finder learns from.

    stock = Stock([lines_folder], handwriting_fonts, print_fonts, text)
    page = compose(stock, np.random.default_rng(3))
    page.grey                        # uint8 (H, W), long side about 1,200
    page.lines[0].baseline           # float32 (N, 2), x and y in pixels

A sheet is laid out from pictures of lines by one hand, real or set from a font, with what stands between them on real
sheets: rules, print, sums, drawings, crossings-out, writing that shines through. `camera.photo` photographs it.
Sizes are in x-heights, the only unit that all pages share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from htr_utils.synth.camera import Line, PagePicture, photo
from htr_utils.synth.hands import Hand, Stock, Strip
from htr_utils.synth.stationery import cross_out, drawings, paper

Array = np.ndarray
Rng = np.random.Generator

_LONG = 1200  # long side of a sheet in pixels: near the finder's working size


@dataclass
class _Sheet:
    """ink: float32 (H, W), 0 to 1, how much each pixel is covered."""

    ink: Array
    lines: list[Line] = field(default_factory=list)


def compose(stock: Stock, rng: Rng) -> PagePicture:
    """One page: laid out, written, photographed."""
    high = rng.uniform(0.6, 1.7)
    height, width = (_LONG, round(_LONG / high)) if high > 1 else (round(_LONG * high), _LONG)
    sheet = _Sheet(np.zeros((height, width), np.float32))
    kind = str(
        rng.choice(
            ["text", "columns", "list", "sparse", "large", "form", "notes", "empty", "print"],
            p=[0.25, 0.1, 0.16, 0.12, 0.11, 0.12, 0.08, 0.02, 0.04],
        )
    )
    unit = float(np.exp(rng.uniform(np.log(5.5), np.log(19))))
    if kind == "large":
        unit = float(rng.uniform(25, 100))
    if kind in ("sparse", "notes"):
        unit *= 1.4
    pitch = unit * float(np.exp(rng.uniform(np.log(2.1), np.log(4.5))))
    hand, ink = stock.hand(rng, kind == "list" and rng.random() < 0.6), float(rng.uniform(0.35, 1))
    if rng.random() < 0.12:
        ink *= float(rng.uniform(0.2, 0.6))
    write = _writer(sheet, hand, unit, ink, rng)
    ground = paper(sheet.ink.shape, pitch, rng)
    left, right = width * rng.uniform(0.03, 0.14), width * rng.uniform(0.85, 0.98)
    top, bottom = height * rng.uniform(0.03, 0.15), height * rng.uniform(0.6, 0.98)
    if kind == "print":
        while top < bottom - 4 * unit:
            top = _print(sheet, stock, unit, (left, top, right), rng)
    elif rng.random() < 0.25 or kind == "form":
        top = _print(sheet, stock, unit, (left, top, right), rng)
    if kind in ("text", "list", "large"):
        _block(write, (left, top, right, bottom), pitch, kind == "list", rng)
    elif kind == "columns":
        gap = rng.uniform(1.5, 6) * unit + (width * 0.05 if rng.random() < 0.5 else 0)
        middle = width * rng.uniform(0.35, 0.65)
        listed = bool(rng.random() < 0.4)
        _block(write, (left, top, middle - gap / 2, bottom), pitch, listed, rng)
        _block(write, (middle + gap / 2, top, right, bottom), pitch, listed, rng)
        if rng.random() < 0.5:
            x = round(middle)
            cv2.line(
                ground, (x, 0), (x, height), float(rng.uniform(0.3, 0.9)), int(rng.integers(1, 9))
            )
    elif kind in ("sparse", "notes"):
        for _ in range(int(rng.integers(1, 7 if kind == "sparse" else 16))):
            at, y = rng.uniform(left, 0.8 * right), rng.uniform(top + 2 * unit, height - 2 * unit)
            write(at, y, right, float(rng.normal(0, 4)), rng.random() < 0.6)
    elif kind == "form":
        _form(sheet, stock, write, (left, top, right, bottom), unit, rng)
    if rng.random() < 0.15:
        _margin_note(sheet, hand, unit, ink, rng)
    drawings(sheet.ink, unit, ink, rng, kind == "notes")
    if rng.random() < 0.2:
        back = cv2.GaussianBlur(
            np.roll(sheet.ink[:, ::-1], int(0.6 * pitch), 0), (0, 0), 0.08 * unit + 0.6
        )
        sheet.ink = np.maximum(sheet.ink, back * rng.uniform(0.08, 0.3))
    return photo(ground * (1 - sheet.ink), sheet.lines, rng)


def _writer(
    sheet: _Sheet, hand: Hand, unit: float, ink: float, rng: Rng
) -> Callable[[float, float, float, float, bool], bool]:
    """A function that writes a line at (x, y) up to the column `right`, at a slope in degrees; `short`: a word or two.

    It returns False where the line would leave the sheet or touch the core of another.
    """
    taken = np.zeros(sheet.ink.shape, np.uint8)
    grow = float(np.exp(rng.normal(0, 0.1)))

    def write(x: float, y: float, right: float, slope: float, short: bool) -> bool:
        strip = hand()
        scale = unit / float(np.clip(strip.x_height, 10, 40)) * grow
        cover = cv2.resize(
            strip.cover,
            None,
            fx=scale * np.exp(rng.normal(0, 0.05)),
            fy=scale,
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        )
        limit = int(min(right - x, (rng.uniform(3, 14) * unit) if short else 1e9))
        part = _cut(cover, limit, unit)
        if part is None:
            return False
        cover = part
        base, x_height = strip.base * scale, strip.x_height * scale
        columns = np.flatnonzero(cover.max(0) > 60)
        span = np.array([columns[0], columns[-1] + 1], np.float32)
        t = np.linspace(0, 1, 9, dtype=np.float32)
        bend = rng.normal(0, 0.12) * unit
        rise = np.tan(np.deg2rad(slope))
        xs = span[0] + t * (span[1] - span[0])
        ys = rise * (xs - span[0]) + bend * np.sin(np.pi * t)
        points = np.stack([x + xs - span[0], y + ys], 1).astype(np.float32)
        low, high = points.min(0), points.max(0)
        if (
            low[0] < 0
            or high[0] >= sheet.ink.shape[1]
            or low[1] < unit
            or high[1] > sheet.ink.shape[0] - 0.4 * unit
        ):
            return False
        body = np.concatenate(
            [points - [0, x_height], points[::-1] + np.array([0, 0.25 * unit], np.float32)]
        )
        body = np.round(body).astype(np.int32)
        a, b = np.maximum(body.min(0) - round(0.7 * unit), 0), body.max(0) + 1
        mask = np.zeros((b[1] - a[1], b[0] - a[0]), np.uint8)
        cv2.fillPoly(mask, [body - a], 1)
        if (taken[a[1] : b[1], a[0] : b[0]][: mask.shape[0], : mask.shape[1]] & mask).any():
            return False
        wide = body.copy()
        wide[[0, -1], 0] -= round(0.8 * unit)
        wide[[len(points) - 1, len(points)], 0] += round(0.8 * unit)
        cv2.fillPoly(taken, [wide], 1)
        columns_all = np.arange(cover.shape[1], dtype=np.float32)
        shift = np.interp(columns_all, xs, ys)
        _put(
            sheet.ink,
            _sheared(cover, shift),
            x - span[0],
            y - base + min(0.0, float(shift.min())),
            ink,
        )
        sheet.lines.append(Line(points, float(np.clip(x_height, 0.75 * unit, 1.4 * unit))))
        if rng.random() < 0.06:
            cross_out(sheet.ink, points, unit, ink, rng)
        return True

    return write


def _cut(cover: Array, limit: int, unit: float) -> Array | None:
    """The part of a line left of the last gap between words before `limit`; None where there is nothing."""
    columns = np.flatnonzero(cover.max(0) > 60)
    if limit < 1.5 * unit or columns.size < 3:
        return None
    if columns[-1] - columns[0] > limit:
        near = columns[columns <= columns[0] + limit]
        gaps = np.flatnonzero(np.diff(near) > 0.45 * unit)
        end = near[gaps[-1]] if gaps.size else near[-1]
        if end - columns[0] < 0.6 * unit:
            return None
        cover = cover[:, : end + 2].copy()
    return cover


def _sheared(cover: Array, shift: Array) -> Array:
    """Each column moved down by `shift` less its smallest value below 0."""
    shift = shift - min(0.0, float(shift.min()))
    if shift.max() < 0.5:
        return cover
    rows = cover.shape[0] + int(np.ceil(shift.max()))
    y = (np.arange(rows, dtype=np.float32)[:, None] - shift[None]).astype(np.float32)
    x = np.broadcast_to(np.arange(cover.shape[1], dtype=np.float32), y.shape).copy()
    return cv2.remap(cover, x, y, cv2.INTER_LINEAR)


def _put(ink: Array, cover: Array, x: float, y: float, strength: float) -> None:
    """Lay `cover`, uint8, over the sheet's ink with its left top corner at (x, y); what is outside is lost."""
    left, top = round(x), round(y)
    a, b = max(0, -top), max(0, -left)
    part = ink[top + a : top + cover.shape[0], left + b : left + cover.shape[1]]
    piece = cover[a : a + part.shape[0], b : b + part.shape[1]]
    np.maximum(
        part[: piece.shape[0], : piece.shape[1]], piece * np.float32(strength / 255), out=part
    )


def _block(
    write: Callable[[float, float, float, float, bool], bool],
    box: tuple[float, float, float, float],
    pitch: float,
    short: bool,
    rng: Rng,
) -> None:
    """Lines one below the other: paragraphs, or a list with indents."""
    left, top, right, bottom = box
    slope, indent, y = float(rng.normal(0, 1.2)), 0.0, top + 0.8 * pitch
    ragged = float(rng.choice([0.1, 0.5, 2.0])) * pitch
    while y < bottom:
        if rng.random() < (0.3 if short else 0.08):
            indent = float(rng.choice([0, 0, 1, 2, 3])) * 1.2 * pitch
        last = rng.random() < 0.12
        write(
            left + indent + abs(float(rng.normal(0, 0.15 * pitch))),
            y + float(rng.normal(0, 0.05 * pitch)),
            right - abs(float(rng.normal(0, ragged))),
            slope + float(rng.normal(0, 0.4)),
            (short and rng.random() < 0.7) or last,
        )
        y += pitch * (2 if rng.random() < (0.15 if short else 0.05) else 1)


def _print(
    sheet: _Sheet, stock: Stock, unit: float, box: tuple[float, float, float], rng: Rng
) -> float:
    """A letterhead, some small print, or a printed paragraph; returns where it ends."""
    left, y, right = box
    size = unit * float(rng.uniform(0.6, 1.6))
    ink, made = float(rng.uniform(0.4, 1)), stock.print(rng)
    paragraph = rng.random() < 0.35
    pitch = size * float(rng.uniform(2.0, 3.2))
    for _ in range(int(rng.integers(5, 15) if paragraph else rng.integers(1, 5))):
        y += pitch if paragraph else size * float(rng.uniform(2.2, 3.5))
        x = left if paragraph else rng.uniform(left, max(left + 1, 0.6 * right))
        _print_line(sheet, made(), x, y, right, size, ink)
    return y + 2 * unit


def _print_line(
    sheet: _Sheet, strip: Strip, x: float, y: float, right: float, size: float, ink: float
) -> float:
    """One printed line with its baseline at y; returns its right end."""
    scale = size / strip.x_height
    cover = _cut(
        cv2.resize(strip.cover, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA),
        int(min(right, sheet.ink.shape[1] - 2) - x),
        size,
    )
    if cover is None or y > sheet.ink.shape[0] - size:
        return x
    columns = np.flatnonzero(cover.max(0) > 60)
    if not columns.size:
        return x
    _put(sheet.ink, cover, x - columns[0], y - strip.base * scale, ink)
    end = x + columns[-1] - columns[0]
    sheet.lines.append(
        Line(np.array([[x, y], [(x + end) / 2, y], [end, y]], np.float32), size, True)
    )
    return float(end)


def _form(
    sheet: _Sheet,
    stock: Stock,
    write: Callable[[float, float, float, float, bool], bool],
    box: tuple[float, float, float, float],
    unit: float,
    rng: Rng,
) -> None:
    """Printed labels, each with a field: a rule or a box, most of them filled in."""
    left, y, right, bottom = box
    made, size = stock.print(rng), unit * float(rng.uniform(0.5, 1.8))
    boxed, below = rng.random() < 0.4, rng.random() < 0.3
    step = unit * float(rng.uniform(4, 7))
    while (y := y + step) < bottom:
        end = _print_line(sheet, made(), left, y, left + rng.uniform(6, 20) * unit, size, 0.85)
        start, base = (left, y + 2.6 * unit) if below else (end + 1.5 * unit, y)
        tone = float(rng.uniform(0.3, 0.9))
        if boxed:
            a, b = (
                (round(start - unit / 2), round(base - 2.2 * unit)),
                (round(right), round(base + unit)),
            )
            cv2.rectangle(sheet.ink, a, b, tone, int(rng.integers(1, 3)))
        elif rng.random() < 0.8:
            cv2.line(
                sheet.ink, (round(start), round(base + 3)), (round(right), round(base + 3)), tone, 1
            )
        if rng.random() < 0.75:
            write(start, base, right, float(rng.normal(0, 1)), rng.random() < 0.6)
        y += 2.6 * unit if below else 0


def _margin_note(sheet: _Sheet, hand: Hand, unit: float, ink: float, rng: Rng) -> None:
    """A note that runs up or down one margin."""
    side = _Sheet(np.zeros((round(4 * unit), sheet.ink.shape[0]), np.float32))
    write = _writer(side, hand, unit, ink, rng)
    if not write(
        rng.uniform(0.1, 0.6) * side.ink.shape[1], 2.6 * unit, side.ink.shape[1], 0.0, False
    ):
        return
    left = bool(rng.random() < 0.5)
    x0 = 0 if left else sheet.ink.shape[1] - side.ink.shape[0]
    old = sheet.ink[:, x0 : x0 + side.ink.shape[0]]
    line = side.lines[0]
    up = bool(rng.random() < 0.5)
    turned = np.rot90(side.ink, 1 if up else -1)
    if (np.minimum(old, turned[:, : old.shape[1]]) > 0.2).any() or old.shape != turned.shape:
        return
    np.maximum(old, turned, out=old)
    h, n = side.ink.shape
    x, y = line.baseline.T
    moved = np.stack([x0 + y, n - x] if up else [x0 + h - y, x], 1).astype(np.float32)
    sheet.lines.append(Line(moved, line.x_height, turned=True))
