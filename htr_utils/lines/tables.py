"""Tables of pictures and their texts, as spreadsheets, programs and people write them: CSV, TSV, lists, JSON."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from htr_utils.errors import HtrError
from htr_utils.lines.iam_files import read_text
from htr_utils.lines.opening import ENDINGS as PICTURES

NAMES = ("transcriptions.tsv", "lines.tsv")  # ours: a table whatever stands in it
ENDINGS = (".tsv", ".csv", ".jsonl", ".ndjson", ".json", ".txt")
HEAD = 30  # rows that are looked at to recognise a table
# What the columns are called, the surest names first.
FILE = "file_name filename file file_path filepath image_path img_path path image img picture name id image_id line_id"
TEXT = "text transcription transcript label ground_truth gt sentence identity"
WRITER = "writer writer_id author hand scribe person writer_or_document document"
_LISTED = re.compile(
    rf"(.+?(?:{'|'.join(map(re.escape, PICTURES))}))(?:[\t ]*,[\t ]*|[\t ]+)(.*)", re.IGNORECASE
)
_QUOTED = re.compile(r'(?:^|(?<=[\t\n]))"(?:[^"]|"")*"(?=[\t\n]|$)')  # a cell between tabs
_WAYS = {
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), ("json",)),
    ".txt": ("\t", "list"),
}
Complain = Callable[[str, str], object]  # takes the kind of fault, and the fault in one line


class Row(NamedTuple):
    """A row of a table: where it stands, from 1; the picture's name, its text and its writer ("": not told)."""

    number: int
    name: str
    text: str
    writer: str


@dataclass(frozen=True)
class Table:
    """A table that was recognised. delimiter: between columns; "list" and "json" are no columns."""

    path: Path
    delimiter: str

    @property
    def parted(self) -> str:
        """How a name and a text are parted in it, for messages."""
        named = {
            "\t": "parted by a tab",
            "list": "parted by a blank",
            "json": "as file_name and text",
        }
        return named.get(self.delimiter, f"parted by {self.delimiter!r}")

    def rows(self, complain: Complain) -> Iterator[Row]:
        """The rows; what `complain` is told: rows that do not read.

        Raises:
            HtrError: the whole table does not read.
        """
        return _named(self.path, read_text(self.path), self.delimiter, complain)


def written(rows: Iterable[Iterable[str]]) -> str:
    """A table with tabs as a spreadsheet writes it, with quotes about cells that hold some: it is read as it was."""
    table = io.StringIO()
    csv.writer(table, delimiter="\t", lineterminator="\n").writerows(rows)
    return table.getvalue()


def recognise(path: Path, find: Callable[[str], list[str]]) -> Table | None:
    """What kind of table a file is, or None where its first rows name no picture; `find` looks for one.

    Raises:
        HtrError: a table of ours that is no UTF-8.
    """
    ours, ending = path.name in NAMES, path.suffix.lower()
    try:
        text = read_text(path)
    except HtrError:
        if ours or ending == ".csv":
            raise
        return None
    ways = _WAYS.get(ending, ("\t", ";", ","))
    best, table = 0, None
    for way in ways:
        head: list[Row] = []
        with contextlib.suppress(HtrError):
            head.extend(islice(_named(path, text, way, lambda *fault: None), HEAD))
        score = 2 * sum(bool(row.name and find(row.name)) for row in head)
        with contextlib.suppress(HtrError, StopIteration):
            first = [] if way in ("list", "json") else next(_cells(text, way))[1]
            named = _header(first)
            score += named is not None and first[named[0]].lower().strip() not in ("name", "id")
        if score > best:
            best, table = score, Table(path, way)
    return table or (Table(path, "\t") if ours else None)


def _line_ends(text: str) -> str:
    text = text.replace("\r\n", "\n").removesuffix("\r")
    return text if "\n" in text else text.replace("\r", "\n")


def _named(path: Path, text: str, way: str, complain: Complain) -> Iterator[Row]:
    if way in ("json", "list"):
        yield from (_of_json if way == "json" else _of_list)(path, text, complain)
        return
    header, columns = list[str](), None
    for number, row in _cells(text, way, f"{path}, "):
        if not header:
            header, columns = row, _header(row)
            if columns:
                continue
        many, where = len(row), f"{path}, line {number}"
        if columns is None and many not in (2, 3):
            fault = f"{where}: needs a name and a text, {Table(path, way).parted}; it has {many} columns"
            complain("rows that do not read", fault)
        elif columns and many != len(header):
            fault = f"{where}: {many} columns, the header has {len(header)}; quote texts that hold the separator"
            complain("rows that do not read", fault)
        else:
            name, said, writer = columns or (0, many - 1, 1 if many == 3 else None)
            by = row[writer].strip() if writer is not None else ""
            tidy = re.sub(r"\s*[\r\n]+\s*", " ", row[said].strip()) if way != "\t" else row[said]
            yield Row(number, row[name].strip(), tidy.strip(), by)


def _header(row: list[str]) -> tuple[int, int, int | None] | None:
    """Which columns hold the name, the text and the writer, where a first row says it."""
    named = [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in row]
    file, text, writer = (
        next((named.index(word) for word in words.split() if word in named), None)
        for words in (FILE, TEXT, WRITER)
    )
    if file is not None and text is None:  # a picture's text may be "name": only the first counts
        left = [n for n in range(len(row)) if n not in (file, writer)]
        text = left[0] if file == 0 and len(left) == 1 else None
    return None if file is None or text is None or file == text else (file, text, writer)


def _cells(text: str, delimiter: str, where: str = "") -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, each with its number: with the quotes of a spreadsheet taken off."""
    text = _line_ends(text)
    first = 1
    if match := re.match(r"sep=.\n", text):  # Excel's own
        text, first = text[match.end() :], 2
    if delimiter == "\t" and not _by_spreadsheet(text, where):
        rows: Any = (row.split("\t") for row in text.split("\n"))
        yield from (at for at in enumerate(rows, first) if any(map(str.strip, at[1])))
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(map(str.strip, row)):
                yield reader.line_num + first - 1, row
    except csv.Error as error:
        raise HtrError(
            f"{where}line {reader.line_num}: {error}; is a quote not closed? save the table as CSV again"
        ) from None


def _by_spreadsheet(text: str, where: str) -> bool:
    """Whether the quotes in a table with tabs are those of a spreadsheet, not of the writing.

    A spreadsheet quotes a cell that holds a quote, which it doubles, or an end of line; Excel also each one that holds
    a comma. Some programs quote every cell. Quotes of the writing are not doubled, and stand anywhere.

    Raises:
        HtrError: there are both.
    """
    quoted = [cell[1:-1] for cell in _QUOTED.findall(text)]
    left = _QUOTED.sub("", text)
    if '"' in left and any('""' in cell and "\t" not in cell for cell in quoted):
        row = left[: left.index('"')].count("\n") + 1
        raise HtrError(
            f"{where}line {row}: a quote as people write it, others as spreadsheets do; save the table as CSV again"
        )
    if not quoted or '"' in left or any("\t" in cell for cell in quoted):
        return False
    commas = "," not in left
    return not left.strip() or all(
        '""' in cell or "\n" in cell or ("," in cell and commas) for cell in quoted
    )


def _of_list(path: Path, text: str, complain: Complain) -> Iterator[Row]:
    """Rows of recognition sets: the picture, a blank or a comma, the text; ICDAR's have it in quotes."""
    rows = [(n, row.strip()) for n, row in enumerate(_line_ends(text).split("\n"), 1)]
    rows = [(number, row) for number, row in rows if row and not row.startswith("#")]
    quoted = all(re.fullmatch(r'.*?, ".*"', row) for _, row in rows)
    for number, row in rows:
        match = _LISTED.fullmatch(row)
        name, said = match.groups() if match else (*row.split(None, 1), "")[:2]
        yield Row(number, name, said.strip()[1:-1] if quoted else said.strip(), "")


def _of_json(path: Path, text: str, complain: Complain) -> Iterator[Row]:
    """{name: text, ...} of docTR, a list of objects, or an object in each row."""
    found: list[tuple[int, Any]] = []
    try:
        whole = json.loads(text)
        if isinstance(whole, dict) and _header(list(whole)) is None:
            whole = [{"file": name, "text": said} for name, said in whole.items()]
        found.extend(enumerate(whole if isinstance(whole, list) else [whole], 1))
    except (ValueError, RecursionError):
        for number, row in enumerate(text.split("\n"), 1):
            try:
                found += [(number, json.loads(row))] if row.strip() else []
            except (ValueError, RecursionError):
                complain(
                    "rows that do not read", f"{path}, line {number}: is no JSON; mend the row"
                )
    for number, one in found:
        columns = _header(list(one)) if isinstance(one, dict) else None
        cells = list(one.values()) if columns else []
        if columns is None or not all(isinstance(cells[n], str) for n in columns[:2]):
            fault = f"{path}, entry {number}: has no file_name and text; mend it"
            complain("rows that do not read", fault)
            continue
        writer = str(cells[columns[2]]) if columns[2] is not None else ""
        yield Row(number, cells[columns[0]], " ".join(cells[columns[1]].split()), writer)
