"""Pictures of lines seen from outside: intact or damaged, with room for their texts, there once or twice."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image, ImageDraw

from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.lines.iam import Line
from htr_utils.lines.opening import readable
from htr_utils.lines.page_files import OnPage

LISTED = 10  # how many ids a problem names
LONG = 6, 3  # characters on a line's height that are too many, and times the usual number
ALIKE = 20  # of 256 marks of a picture may differ between near-duplicates
COMPARED = 5_000  # pictures whose texts are alike are compared, at most
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"  # the last chunk: length 0, its name, its checksum


class Look(NamedTuple):
    """A picture seen from outside. fault: "" when it is intact. shape: width and height. mark: the same of copies."""

    fault: str
    shape: tuple[float, float] = (0, 0)
    mark: object = None


def listed(items: Iterable[str]) -> str:
    """The first few of many: "a, b, c and 12 more"."""
    every = list(items)
    more = f" and {len(every) - LISTED:,} more" if len(every) > LISTED else ""
    return ", ".join(every[:LISTED]) + more


def doubtful(whole: list[tuple[Line, Look]]) -> Iterator[str]:
    """What is odd about intact pictures and their texts.

    Texts with more letters than their pictures have room for, as those of another line have; pictures that are there
    twice, and different ones of the same text that look alike.
    """
    of = [(line, len(line.text) * h / w) for line, (_, (w, h), _) in whole if w]
    usual = float(np.median([rate for _, rate in of])) if of else 0.0
    limit = max(LONG[0], LONG[1] * usual)
    if long := [line.id for line, rate in of if rate > limit and len(line.text) > 4]:
        what = "texts that look too long for their pictures"
        yield f"{len(long):,} {what}: {listed(long)}"
    known: dict[object, Line] = {}
    twice = list[str]()
    texts: dict[str, list[Line]] = {}
    for line, one in whole:
        first = known.setdefault(one.mark, line) if one.mark is not None else line
        if first is not line:
            other = "" if first.text == line.text else " with another text"
            twice.append(f"{line.id} and {first.id}{other}")
        elif len(line.text) > 9:
            texts.setdefault(line.text, []).append(line)
    compared = 0
    for same in texts.values():
        seen: list[tuple[Line, np.ndarray]] = []
        for line in same if len(same) > 1 and compared < COMPARED else ():
            compared += 1
            marks = _marks(line)
            like = next((other for other, of in seen if int((of != marks).sum()) <= ALIKE), None)
            if like is not None:
                twice.append(f"{line.id} and {like.id}")
            seen.append((line, marks))
    if twice:
        yield f"{len(twice):,} near-duplicates: {listed(twice)}"


def _marks(line: Line) -> np.ndarray:
    """256 marks of a picture: whether each of 8 x 32 fields has more ink than the next one to the right."""
    try:
        small = cv2.resize(line.image(), (33, 8), interpolation=cv2.INTER_AREA)
    except HtrError:
        return np.random.default_rng(0).random(256) > 0.5
    return (small[:, 1:] > small[:, :-1]).ravel()


def look(line: Line) -> Look:
    """The picture of a line seen from outside; one that lies in a table is opened."""
    if isinstance(line.part, OnPage):
        outline = line.part.row.outline
        size = np.ptp(np.array(outline), axis=0) if outline else (0.0, 0.0)
        return look_at(line.path)._replace(shape=(float(size[0]), float(size[1])), mark=None)
    if line.part is not None:
        try:
            grey = line.image()
        except HtrError:
            return Look("damaged")
        return Look("", (grey.shape[1], grey.shape[0]), hash(grey.tobytes()))
    return look_at(line.path)


def look_at(path: Path) -> Look:
    """What is wrong with a picture, seen from its first and last bytes.

    A PNG starts with 8 fixed bytes and the IHDR chunk (width and height are its first 8 bytes) and ends
    with an IEND chunk. A file that was cut short has no IEND. A JPEG ends with its own mark; of other pictures
    the header is read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(24)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 64))  # some programs write a few bytes after the end
            tail = file.read()
    except FileNotFoundError:
        return Look("missing")
    except OSError as error:
        return Look(f"unreadable ({error.strerror or error})")
    if size == 0:
        return Look("empty (0 bytes)")
    if not head.startswith(_PNG_SIGNATURE):
        return _other(path, (size, head, tail))
    width, height = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if len(head) < 24 or _PNG_END not in tail:
        return Look("cut short")
    if head[12:16] != b"IHDR" or width == 0 or height == 0:
        return Look("without a size")
    return Look("", (width, height), (size, head, tail))


def _other(path: Path, mark: tuple[int, bytes, bytes]) -> Look:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=readable()) as picture:
                if picture.format == "JPEG" and b"\xff\xd9" not in mark[2]:
                    return Look("cut short")
                return Look("", picture.size, mark)
    except Exception:  # on damaged bytes decoders raise nearly anything
        return Look("that are no picture or damaged")


def sheet(lines: list[Line], path: str | Path, seed: int = 0, count: int = 60) -> None:
    """Write a contact sheet: so many random lines, each with its text below it, in two columns."""
    chosen = np.random.default_rng(seed).permutation(len(lines))[:count]
    wide, high = 800, 84
    whole = Image.new("L", (2 * wide, high * -(-len(chosen) // 2)), 255)
    draw, font = ImageDraw.Draw(whole), images.font(17)
    for place, number in enumerate(sorted(chosen)):
        line = lines[number]
        x, y = wide * (place % 2) + 8, high * (place // 2) + 4
        try:
            picture = Image.fromarray(line.image())
            picture.thumbnail((wide - 16, 52))
            whole.paste(picture, (x, y))
        except HtrError as error:
            draw.text((x, y + 20), str(error)[-90:], 120, font)
        draw.text((x, y + 54), line.text[:95], 0, font)
    images.save(path, np.asarray(whole))
