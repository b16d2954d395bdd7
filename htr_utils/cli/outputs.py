"""Where the results of `htr read` go: printed, or a file for each input."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from htr_utils.errors import HtrError

if TYPE_CHECKING:
    import numpy as np

    from htr_utils.page_reading import OpenedPage
    from htr_utils.recognizer import Recognizer
    from htr_utils.results import ReadLine, ReadPage
    from htr_utils.text.spelling import Correction

    Speller = Callable[[ReadLine], Correction]

FORMATS = ("text", "markdown", "json", "hocr", "alto", "page", "pdf")
OVERLAY = ".overlay.png"
LONG = (".pdf", ".tif", ".tiff")  # may have many pages


class Writer:
    """Prints or writes each file once its last page is read."""

    def __init__(
        self,
        names: list[str],
        format_: str,
        out: str | None,
        overlay: bool,
        speller: Speller | None,
    ) -> None:
        self.names, self.format, self.overlay, self.speller = names, format_, overlay, speller
        self.out = None if out is None else Path(out)
        self.pages: list[ReadPage] = []
        self.greys: list[np.ndarray] = []  # of the pages so far, for a PDF
        self.stems = stems_of(names)
        # Each result's name in small letters, as file systems may take A and a for the same: its file, its name.
        self.made: dict[str, tuple[int, str]] = {}

    def __call__(self, page: OpenedPage, read_page: ReadPage) -> None:
        from htr_utils.files import write_bytes, write_text

        if self.speller is not None:
            read_page = replace(read_page, lines=tuple(map(self._corrected, read_page.lines)))
        if page.number == 1:
            self.pages, self.greys = [], []  # of a file that broke off
        self.pages.append(read_page)
        stem = self.stems[page.file]
        if self.overlay and self.out is not None:
            number = "" if page.last and page.number == 1 else f"-{page.number}"
            from htr_utils import drawn
            from htr_utils.lines import images

            place = self._place(page.file, f"{stem}{number}{OVERLAY}")
            images.save(place, drawn.overlay(page.grey, read_page)[..., ::-1])
        if self.format == "pdf":
            self.greys.append(page.grey)
        if not page.last:
            return
        pages, self.pages = self.pages, []
        if self.format == "pdf":
            from htr_utils import drawn

            place = self._place(page.file, f"{stem}.pdf")
            write_bytes(place, drawn.pdf(list(zip(self.greys, pages, strict=True))))
            return
        contents, ending = _rendered(pages, self.format)
        if self.out is None:
            if len(self.names) > 1:
                click.echo(f"{click.format_filename(self.names[page.file])}:")  # may be no UTF-8
            click.echo("".join(contents), nl=False)
            return
        for nth, content in enumerate(contents, 1):
            part = f"-{nth}" if len(contents) > 1 else ""
            write_text(self._place(page.file, f"{stem}{part}{ending}"), content)

    def _place(self, file: int, name: str) -> Path:
        """Where a result goes.

        Raises:
            HtrError: the result of another file of this call is there.
        """
        assert self.out is not None
        first, _ = self.made.setdefault(name.lower(), (file, name))
        if first != file:
            raise HtrError(
                f"{self.names[file]}: its result {name} would replace that of {self.names[first]}; "
                "read it in a call of its own, with another --out"
            )
        return self.out / name

    def _corrected(self, line: ReadLine) -> ReadLine:
        from htr_utils.text.spelling import without_with

        assert self.speller is not None
        correction = self.speller(line)
        if self.format == "text":
            return replace(line, text=without_with(line.text, correction))
        return replace(line, corrected=correction.text)


def _rendered(pages: list[ReadPage], format_: str) -> tuple[list[str], str]:
    """The contents of the files of a result, and their ending."""
    if format_ == "text":  # by far the most frequent, and quicker to load than the others
        from htr_utils import results

        return [results.plain(pages)], results.PLAIN
    from htr_utils import formats

    return formats.render(pages, format_), formats.ENDINGS[format_]


def speller_of(mode: str, recognizer: Recognizer) -> Speller | None:
    """What corrects a line, or None for `off`."""
    if mode == "off":
        return None
    if mode == "gated":
        return lambda line: recognizer.gate_of(line.language).correct(
            line.text, line.sure, line.others
        )
    from htr_utils.text.spelling import Speller

    speller = Speller(mode=mode)  # type: ignore[arg-type]
    return lambda line: speller.correct(line.text)


def stems_of(names: list[str]) -> list[str]:
    """A name for each result: the input's own without its ending, or with it and a number where two would share one.

    `scan-1` is also what the first page of a long `scan.pdf` is called. Small and capital letters count as the same.
    """
    plain = [Path(name).stem.lower() for name in names]
    seen: set[str] = set()
    long: set[str] = set()  # of those seen, the ones that may have pages
    pages: set[str] = set()  # and what those are called that look like pages of something
    stems = []
    for name, stem in zip(names, plain, strict=True):
        whole, is_long = Path(name).name, Path(name).suffix.lower() in LONG
        numbered = (f"{whole}{'_' if is_long else '-'}{number}" for number in count(2))
        for candidate in chain(
            [] if plain.count(stem) > 1 else [Path(name).stem], [whole], numbered
        ):
            low = candidate.lower()
            page = re.fullmatch(r"(.+)-\d+", low)
            if (
                low not in seen
                and not (page and page[1] in long)
                and not (is_long and low in pages)
            ):
                break
        stems.append(candidate)
        seen.add(low)
        long |= {low} if is_long else set()
        pages |= {page[1]} if page else set()
    return stems


def expand(files: tuple[str, ...]) -> list[str]:
    """The files to read: a folder stands for the pictures and PDF files in it, but for overlays made before.

    What else is there, hidden files apart, is named on stderr.
    """
    from htr_utils.lines.opening import ENDINGS

    names: list[str] = []
    for file in files:
        if not Path(file).is_dir():
            names.append(file)
            continue
        inside = [
            path
            for path in sorted(Path(file).iterdir())
            if not path.name.endswith(OVERLAY) and not path.name.startswith(".")
        ]
        pictures = [path for path in inside if path.suffix.lower() in (*ENDINGS, ".pdf")]
        names += [str(path) for path in pictures] or [file]
        others = [path.name for path in inside if path not in pictures]
        if pictures and others:
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            click.echo(f"note: left out of {file}: {', '.join(others[:3])}{more}", err=True)
    return names
