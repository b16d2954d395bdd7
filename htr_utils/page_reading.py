"""From the pages of files to their readings: one way for the command line and the web page."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from htr_utils import pages, results
from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.readings import Reading

Kind = Literal["auto", "line", "page"]
KINDS: tuple[Kind, ...] = ("auto", "line", "page")
NOTHING = Reading("", 0.0, (), 0.0)  # of a line that could not be read at all


@dataclass
class OpenedPage:
    """A page on its way to be read.

    file: number of its file. number: of the page in that file, from 1. grey: uint8 (H, W). lines: in reading order.
    single: the picture is one line. last: no further page of the file follows. notes: what was put right, or stands in
    the way of reading well.
    """

    file: int
    number: int
    grey: np.ndarray
    lines: Sequence[Any]
    single: bool = False
    last: bool = True
    notes: tuple[str, ...] = ()


def judge(load: Callable[[], Any]) -> pages.Judge:
    """How well the recognizer that `load` gives can read crops: so `pages.find` sees which way up a page is."""

    def sure(crops: list[np.ndarray]) -> list[float]:
        readings = load().read_iter(crops, errors="keep", decoder="greedy")  # no words made up
        return [one.confidence if isinstance(one, Reading) else 0.0 for one in readings]

    return sure


def find_lines(
    grey: np.ndarray, kind: str = "auto", finder: Any = pages, load: Callable[[], Any] | None = None
) -> tuple[list[Any], bool, tuple[str, ...]]:
    """The lines of a picture (H, W), whether the picture is one line, and the notes of `pages.Page`.

    Args:
        kind: "line", "page", or "auto", which looks. finder: `htr_utils.pages`, or what stands in for it in a test.
        load: gives the recognizer, which says which way up a page can be read; without, pages on their head stay so.

    Raises:
        HtrError: a picture that is no line though it is said to be one; what `pages.find` raises.
    """
    if kind == "line":
        images.prepare(grey, images.Preparation())
        return pages.whole(grey).lines, True, ()
    page = finder.find(grey, judge(load)) if load is not None else finder.find(grey)
    notes = tuple(getattr(page, "notes", ()))
    single = kind == "auto" and finder.is_line(grey, page)
    if single and (not notes or not page.lines):
        return pages.whole(grey).lines, True, ()
    return page.lines, single, notes  # what was put right in the picture is only in its crops


def read(recognizer: Any, source: Any, kind: str = "auto", **options: Any) -> results.ReadPage:
    """The lines of a photo or scan in reading order, read: `print(page.text)`, `page.lines[0].polygon`, `page.notes`.

    Args:
        recognizer: a `Recognizer`. source: a picture, see `images.load`.
        kind: "page", "line" (the whole picture is one), or "auto", which looks.
        options: of `Recognizer.read_iter`: decoder, language ...

    Returns:
        a page without lines where nothing is written; its `notes` say why. A line that cannot be read is "".

    Raises:
        HtrError: no picture; an unknown kind, decoder or language; with "line", a picture that is none.
    """
    if kind not in KINDS:
        raise HtrError(f"no kind of picture {kind!r}; use one of {', '.join(KINDS)}")
    grey = images.load(source)
    lines, _, notes = find_lines(grey, kind, load=lambda: recognizer)
    crops = [line.crop for line in lines]
    readings = recognizer.read_iter(crops, **{**options, "errors": "keep"})
    texts = [NOTHING if isinstance(one, HtrError) else one for one in readings]
    name = Path(source).name if isinstance(source, str | os.PathLike) else ""
    return results.of_page(name, grey.shape, lines, texts, notes=notes)


def read_pages(
    recognizer: Any,
    opened: Iterable[OpenedPage],
    *,
    read_so_far: Callable[[OpenedPage, int], None] = lambda page, count: None,
    **options: Any,
) -> Iterator[tuple[OpenedPage, list[Reading | HtrError] | Exception]]:
    """The readings of each page's lines. All pages are one stream, so that short pages share batches.

    Args:
        recognizer: a `Recognizer`. opened: fetched as lines are needed.
        read_so_far: told the page and how many of its lines are read, line by line. options: of `read_iter`.

    Returns:
        A bad line's HtrError stands in its place. Where reading itself breaks down (out of memory, say), the pages
        under way get that error instead of readings, and the next pages are read on.

    Raises:
        HtrError: what is true of every page: no such decoder, no language model.
    """
    opened = iter(opened)
    waiting: deque[OpenedPage] = deque()
    readings: list[Any] = []
    owner: list[int] = []  # of each line that was fetched, which page it is on

    def crops() -> Iterator[np.ndarray]:
        for number, page in enumerate(opened):
            waiting.append(page)
            owner.extend([number] * len(page.lines))
            yield from (line.crop for line in page.lines)

    def ready() -> Iterator[tuple[OpenedPage, list[Any]]]:
        while waiting and len(readings) >= len(waiting[0].lines):
            page = waiting.popleft()
            count = len(page.lines)
            yield page, readings[:count]
            del readings[:count]

    while True:
        try:
            owner.clear()
            for reading in recognizer.read_iter(
                crops(), errors="keep", page_of=owner.__getitem__, **options
            ):
                readings.append(reading)
                if waiting:
                    read_so_far(waiting[0], min(len(readings), len(waiting[0].lines)))
                yield from ready()
            yield from ready()
            return
        except HtrError:
            raise
        except Exception as error:
            if not waiting:
                raise
            lost = list(waiting)
            waiting.clear()
            readings.clear()
            yield from ((page, error) for page in lost)
