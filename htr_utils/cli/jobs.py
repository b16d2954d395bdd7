"""The files of one call of `htr read`, one after the other: opened, their lines found and read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from htr_utils.cli.outputs import LONG
from htr_utils.errors import HtrError

if TYPE_CHECKING:
    from htr_utils.page_reading import OpenedPage
    from htr_utils.recognizer import Recognizer
    from htr_utils.results import ReadPage


def trouble(name: str, error: Exception) -> str:
    """What went wrong with a file, in one line that names it."""
    if isinstance(error, HtrError):
        return str(error) if name in str(error) else f"{name}: {error}"
    if isinstance(error, MemoryError):
        return f"{name}: the memory is not enough for it; make the picture smaller"
    reason = " ".join(str(error).split()) or "no reason given"
    return f"{name}: could not be read ({type(error).__name__}: {reason[:200]}); save it again, or leave it out"


class Job:
    """Opens the files one after the other, reads them, says what went wrong; `bad` counts it.

    Args:
        kind: see `page_reading.KINDS`. printed: results go to stdout.
        complain: takes the number of a file and what is wrong with it; by default it goes to stderr.
        load: gives the recognizer, which says which way up a page is.
    """

    def __init__(
        self,
        names: Sequence[str],
        kind: str,
        *,
        printed: bool = False,
        complain: Callable[[int, str], None] | None = None,
        load: Callable[[], Recognizer] | None = None,
    ) -> None:
        from tqdm import tqdm

        self.names, self.kind, self.printed, self.bad = list(names), kind, printed, 0
        self._say = complain or self._print
        self.load = load
        long = len(names) > 1 or Path(names[0]).suffix.lower() in LONG
        shown = long and sys.stderr.isatty()
        self.bar = tqdm(
            total=len(names), unit="file", leave=False, disable=not shown, file=sys.stderr
        )

    def _print(self, file: int, line: str) -> None:
        with self.bar.external_write_mode(file=sys.stderr):
            click.echo(f"error: {line}", err=True)

    def complain(self, file: int, line: str) -> None:
        """Count something that went wrong with a file, and say it."""
        self.bad += 1
        self._say(file, line)

    def do(self, file: int, act: Callable[[], None]) -> None:
        """Print or write something of a file while the progress bar stands aside; what it raises is complained of."""
        with self.bar.external_write_mode():
            try:
                act()
            except Exception as error:  # one file's trouble: the others are still read
                if self.printed and isinstance(error, OSError):  # stdout's fault, not the file's
                    raise
                self.complain(file, trouble(self.names[file], error))

    def open(self) -> Iterator[OpenedPage]:
        """The pages of all files that can be opened, and their lines."""
        for file, name in enumerate(self.names):
            held: OpenedPage | None = None
            try:
                for page in self._pages_of(file, name):
                    # Given only when the next one is there: had that been bad, this would be the last.
                    if held is not None:
                        yield held
                    held = page
            except Exception as error:  # whatever a damaged file sets off: the others are read
                failure: Exception | None = error
            else:
                failure = None
            if held is not None:  # the pages before the damage are still worth something
                held.last = True
                yield held
            if failure is not None:
                self.complain(file, trouble(name, failure))
            self.bar.update()

    def _pages_of(self, file: int, name: str) -> Iterator[OpenedPage]:
        from htr_utils import page_reading, pages

        for number, grey in enumerate(pages.each_page(name), 1):
            self.bar.set_postfix_str(f"{Path(name).name[-30:]}, page {number}")
            lines, single, notes = page_reading.find_lines(grey, self.kind, load=self.load)
            yield page_reading.OpenedPage(file, number, grey, lines, single, False, notes)

    def read(
        self,
        recognizer: Recognizer,
        opened: Iterable[OpenedPage],
        decoder: str,
        spelling: str = "off",
        language: str = "auto",
    ) -> Iterator[tuple[OpenedPage, ReadPage]]:
        """Read the lines of all pages, and say which cannot be read."""
        from htr_utils import page_reading, results
        from htr_utils.text.tuned import CANDIDATES

        candidates = CANDIDATES if spelling == "gated" else 1
        broken: set[int] = set()
        for page, readings in page_reading.read_pages(
            recognizer, opened, decoder=decoder, language=language, candidates=candidates
        ):
            name = self.names[page.file]
            if isinstance(readings, Exception):
                if page.file not in broken:
                    broken.add(page.file)
                    self.complain(page.file, trouble(name, readings))
                continue
            texts: list[Any] = []
            for number, reading in enumerate(readings, 1):
                if isinstance(reading, HtrError):
                    where = f", page {page.number}, line {number}" if len(readings) > 1 else ""
                    self.complain(page.file, f"{name}{where}: {reading}")
                    reading = page_reading.NOTHING
                texts.append(reading)
            with self.bar.external_write_mode(file=sys.stderr):
                for note in page.notes if readings else ():
                    click.echo(f"note: {name}, page {page.number}: {note}", err=True)
            if not readings:
                nothing = "no line of writing found; try --as line"
                self.complain(page.file, f"{name}, page {page.number}: {nothing}")
            try:
                whole = results.of_page(
                    Path(name).name, page.grey.shape, page.lines, texts, page.number, page.notes
                )
            except Exception as error:
                self.complain(page.file, trouble(name, error))
                continue
            yield page, whole
