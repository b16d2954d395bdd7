"""`htr read`: pictures of lines and pages in, text out."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from htr_utils.cli.common import import_tensorflow, need
from htr_utils.errors import HtrError

if TYPE_CHECKING:
    import numpy as np

    from htr_utils.formats import ReadLine, ReadPage
    from htr_utils.pages import Page
    from htr_utils.recognizer import Recognizer
    from htr_utils.text.spelling import Correction

    _Speller = Callable[[ReadLine], Correction]

FORMATS = ("text", "json", "hocr", "alto", "page")
_OVERLAY = ".overlay.png"
_LONG = (".pdf", ".tif", ".tiff")  # may have many pages


@dataclass
class _Opened:
    """A page on its way: file number `file`, page `number` of it; `last`: no further page follows."""

    file: int
    number: int
    grey: np.ndarray
    found: Page
    last: bool


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--model", default="course", show_default=True, help="name of a model, or path of a .keras file"
)
@click.option(
    "--as",
    "kind",
    type=click.Choice(["auto", "line", "page"]),
    default="auto",
    show_default=True,
    help="what the pictures show",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="of what is printed or written; page is PAGE XML",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default=None,
    help="folder for one result file per input, instead of printing",
)
@click.option(
    "--overlay", is_flag=True, help="with --out: also the picture with the reading drawn over it"
)
@click.option(
    "--decoder",
    type=click.Choice(["greedy", "beam", "lm", "lexicon"]),
    default="greedy",
    show_default=True,
    help="lm, lexicon: with the English language model",
)
@click.option(
    "--spelling",
    type=click.Choice(["off", "gated", "fast", "full"]),
    default="off",
    show_default=True,
    help="also give the text after spell correction (in text and JSON): gated changes doubtful words "
    "only, fast and full are autocorrect",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    default=None,
    help="read over a Dask cluster, folders with all below them: tcp://host:8786, or local; needs --out, "
    "and goes on where it was stopped",
)
@click.option(
    "--chunk",
    type=click.IntRange(1, 10_000),
    default=32,
    show_default=True,
    help="with --scheduler: files per task",
)
def read(
    files: tuple[str, ...],
    model: str,
    kind: str,
    format_: str,
    out: str | None,
    overlay: bool,
    decoder: str,
    spelling: str,
    scheduler: str | None,
    chunk: int,
) -> None:
    """Read pictures of lines or of pages: PNG, JPEG, TIFF, PDF. A folder stands for the files in it.

    A file that cannot be read is named on stderr, the others are read all the same; the exit status is then 1.
    """
    if scheduler is not None:
        if out is None or overlay:
            raise click.UsageError("--scheduler needs --out FOLDER, and goes without --overlay")
        need("dask", "distributed", extra="runs")
        from htr_utils.cli import read_many

        told = read_many.Options(model, kind, format_, decoder, spelling, out)
        rows = read_many.run(
            files,
            told,
            scheduler=scheduler,
            chunk=chunk,
            say=lambda text: click.echo(text, err=True),
        )
        bad = sum(row["state"] != "finished" for row in rows)
        click.echo(
            f"{len(rows) - bad:,} files read, {bad:,} failed; {Path(out) / read_many.LEDGER}"
        )
        sys.exit(1 if bad else 0)
    names = _expand(files)
    if out is None and overlay:
        raise click.UsageError("--overlay needs --out FOLDER")
    if out is None and format_ != "text" and len(names) > 1:
        raise click.UsageError(f"--format {format_} of several files needs --out FOLDER")
    job = _Job(names, kind, printed=out is None)
    opened = job.open()
    first = next(opened, None)  # nothing to read: no model is loaded
    if first is not None:
        import_tensorflow()
        from htr_utils.recognizer import Recognizer

        recognizer = Recognizer.load(model)
        write = _Writer(names, format_, out, overlay, _speller(spelling, recognizer))
        if (
            spelling == "gated"
            and decoder in ("lm", "lexicon")
            and decoder not in recognizer.tuned.gated
        ):
            hint = f"note: after --decoder {decoder} the gate did not help on every validation set (docs/decoding.md)"
            click.echo(hint, err=True)
        for page, read_page in job.read(recognizer, chain([first], opened), decoder, spelling):
            job.tell(page.file, lambda page=page, read_page=read_page: write(page, read_page))  # type: ignore[misc]
    job.bar.close()
    if job.bad:
        sys.exit(1)


class _Job:
    """Opens the files one after the other, reads them, says what went wrong; `bad` counts it.

    `printed`: results go to stdout.
    """

    def __init__(self, names: list[str], kind: str, printed: bool = False) -> None:
        from tqdm import tqdm

        self.names, self.kind, self.printed, self.bad = names, kind, printed, 0
        long = len(names) > 1 or Path(names[0]).suffix.lower() in _LONG
        shown = long and sys.stderr.isatty()
        self.bar = tqdm(
            total=len(names), unit="file", leave=False, disable=not shown, file=sys.stderr
        )

    def tell(self, file: int, act: Any) -> None:
        """Print or write something of a file while the progress bar stands aside; what `act` raises is one of `bad`."""
        with self.bar.external_write_mode():
            try:
                act()
            except Exception as error:  # one file's trouble: the others are still read
                if self.printed and isinstance(error, OSError):  # stdout's fault, not the file's
                    raise
                self._complain(file, _one_line(self.names[file], error))

    def _complain(self, file: int, message: str) -> None:
        self.bad += 1
        with self.bar.external_write_mode(file=sys.stderr):
            click.echo(f"error: {message}", err=True)

    def open(self) -> Iterator[_Opened]:
        """The pages of all files that can be opened, and their lines."""
        from htr_utils import pages

        for file, name in enumerate(self.names):
            held: _Opened | None = None
            try:
                for number, grey in enumerate(pages.each_page(name), 1):
                    self.bar.set_postfix_str(f"{Path(name).name[-30:]}, page {number}")
                    page = _Opened(file, number, grey, self._lines(grey), False)
                    if (
                        held is not None
                    ):  # given only now: had this page been bad, it would be the last
                        yield held
                    held = page
                if held is not None:
                    held.last = True
                    yield held
            except (
                Exception
            ) as error:  # whatever a damaged file sets off: the others are still read
                if held is not None:  # the pages before the damage are still worth something
                    held.last = True
                    yield held
                self._complain(file, _one_line(name, error))
            self.bar.update()

    def _lines(self, grey: np.ndarray) -> Page:
        from htr_utils import pages
        from htr_utils.lines import images

        if self.kind == "line":
            images.prepare(
                grey, images.Preparation()
            )  # what is no line is refused before the model is loaded
            return pages.whole(grey)
        found = pages.find(grey)
        return pages.whole(grey) if self.kind == "auto" and pages.is_line(grey, found) else found

    def read(
        self, recognizer: Any, opened: Iterator[_Opened], decoder: str, spelling: str = "off"
    ) -> Iterator[tuple[_Opened, ReadPage]]:
        """Read the lines of all pages as one stream, so that short files share batches."""
        from htr_utils import formats
        from htr_utils.recognizer import Reading
        from htr_utils.text.tuned import CANDIDATES

        candidates = CANDIDATES if spelling == "gated" else 1
        waiting: deque[_Opened] = deque()
        readings: list[Any] = []

        def crops() -> Iterator[np.ndarray]:
            for page in opened:
                waiting.append(page)
                yield from (line.crop for line in page.found.lines)

        def ready() -> Iterator[tuple[_Opened, ReadPage]]:
            while waiting and len(readings) >= len(waiting[0].found.lines):
                page = waiting.popleft()
                name, lines = self.names[page.file], page.found.lines
                mine = [readings.pop(0) for _ in lines]
                for number, reading in enumerate(mine, 1):
                    if isinstance(reading, HtrError):
                        where = f", page {page.number}, line {number}" if len(lines) > 1 else ""
                        self._complain(page.file, f"{name}{where}: {reading}")
                if not lines:
                    self._complain(
                        page.file,
                        f"{name}, page {page.number}: no line of writing found; try --as line",
                    )
                empty = Reading("", 0.0, (), 0.0)
                texts = [empty if isinstance(reading, HtrError) else reading for reading in mine]
                try:
                    made = formats.of_page(
                        Path(name).name, page.grey.shape, lines, texts, page.number
                    )
                except Exception as error:
                    self._complain(page.file, _one_line(name, error))
                    continue
                yield page, made

        while True:
            stream = recognizer.read_iter(
                crops(), decoder=decoder, errors="keep", candidates=candidates
            )
            try:
                for reading in stream:
                    readings.append(reading)
                    yield from ready()
                yield from ready()
                return
            except HtrError:  # no such decoder, no language model: true of every file
                raise
            except (
                Exception
            ) as error:  # out of memory, say: the pages under way are lost, no others
                if not waiting:
                    raise
                for file in dict.fromkeys(page.file for page in waiting):
                    self._complain(file, _one_line(self.names[file], error))
                waiting.clear()
                readings.clear()


def _one_line(name: str, error: Exception) -> str:
    """What went wrong with a file, in one line that names it."""
    if isinstance(error, HtrError):
        return str(error) if name in str(error) else f"{name}: {error}"
    if isinstance(error, MemoryError):
        return f"{name}: the memory is not enough for it; make the picture smaller"
    told = " ".join(str(error).split()) or "no reason given"
    return f"{name}: could not be read ({type(error).__name__}: {told[:200]}); save it again, or leave it out"


class _Writer:
    """Prints or writes each file once its last page is read."""

    def __init__(
        self,
        names: list[str],
        format_: str,
        out: str | None,
        overlay: bool,
        speller: _Speller | None,
    ) -> None:
        self.names, self.format, self.overlay, self.speller = names, format_, overlay, speller
        self.out = None if out is None else Path(out)
        self.pages: list[ReadPage] = []
        self.stems = _stems(names)
        # Each result's name in small letters, as file systems may take A and a for the same: its file, its name.
        self.made: dict[str, tuple[int, str]] = {}

    def __call__(self, page: _Opened, read_page: ReadPage) -> None:
        from htr_utils import formats
        from htr_utils.files import write_text
        from htr_utils.lines import images

        if self.speller is not None:
            read_page = replace(read_page, lines=tuple(map(self._corrected, read_page.lines)))
        if page.number == 1:
            self.pages = []  # of a file that broke off
        self.pages.append(read_page)
        stem = self.stems[page.file]
        if self.overlay and self.out is not None:
            number = "" if page.last and page.number == 1 else f"-{page.number}"
            place = self._place(page.file, f"{stem}{number}{_OVERLAY}")
            images.save(place, formats.overlay(page.grey, read_page)[..., ::-1])
        if not page.last:
            return
        made, self.pages = self.pages, []
        contents = formats.render(made, self.format)
        if self.out is None:
            if len(self.names) > 1:
                click.echo(f"{click.format_filename(self.names[page.file])}:")  # may be no UTF-8
            click.echo("".join(contents), nl=False)
            return
        for nth, content in enumerate(contents, 1):
            part = f"-{nth}" if len(contents) > 1 else ""
            write_text(
                self._place(page.file, f"{stem}{part}{formats.ENDINGS[self.format]}"), content
            )

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


def _speller(mode: str, recognizer: Recognizer) -> _Speller | None:
    """What corrects a line, or None for `off`."""
    if mode == "off":
        return None
    if mode == "gated":
        return lambda line: recognizer.tuned.gate.correct(line.text, line.sure, line.others)
    from htr_utils.text.spelling import Speller

    speller = Speller(mode=mode)  # type: ignore[arg-type]
    return lambda line: speller.correct(line.text)


def _stems(names: list[str]) -> list[str]:
    """A name for each result: the input's own without its ending, or with it and a number where two would share one.

    `scan-1` is also what the first page of a long `scan.pdf` is called. Small and capital letters count as the same.
    """
    plain = [Path(name).stem.lower() for name in names]
    seen: set[str] = set()
    long: set[str] = set()  # of those seen, the ones that may have pages
    pages: set[str] = set()  # and what those are called that look like pages of something
    stems = []
    for name, stem in zip(names, plain, strict=True):
        whole, is_long = Path(name).name, Path(name).suffix.lower() in _LONG
        numbered = (f"{whole}{'_' if is_long else '-'}{number}" for number in count(2))
        for found in chain([] if plain.count(stem) > 1 else [Path(name).stem], [whole], numbered):
            low = found.lower()
            page = re.fullmatch(r"(.+)-\d+", low)
            if (
                low not in seen
                and not (page and page[1] in long)
                and not (is_long and low in pages)
            ):
                break
        stems.append(found)
        seen.add(low)
        long |= {low} if is_long else set()
        pages |= {page[1]} if page else set()
    return stems


def _expand(files: tuple[str, ...]) -> list[str]:
    """The files to read: a folder stands for the pictures and PDF files in it, but for overlays made before."""
    from htr_utils.lines.own import IMAGE_TYPES

    names: list[str] = []
    for file in files:
        if Path(file).is_dir():
            found = (
                path for path in sorted(Path(file).iterdir()) if not path.name.endswith(_OVERLAY)
            )
            inside = [str(path) for path in found if path.suffix.lower() in (*IMAGE_TYPES, ".pdf")]
            names += inside or [file]
        else:
            names.append(file)
    return names
