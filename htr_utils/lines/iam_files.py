"""IAM's own files, one reader each: lines.txt, forms.txt and the XML of a form.

Every reader refuses what it cannot read with one line that names the file, the line and the remedy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import unescape

from htr_utils.errors import HtrError

_LINE_ID = re.compile(r"[A-Za-z0-9_]+-[A-Za-z0-9_]+-[0-9]{1,9}")
_FORM_ID = re.compile(r"[A-Za-z0-9_]+-[A-Za-z0-9_]+")
_WORD_ID = re.compile(_LINE_ID.pattern + r"-[0-9]+")
_SENTENCE_ID = re.compile(_FORM_ID.pattern + r"-s[0-9]+-[0-9]+")


class LineRow(NamedTuple):
    """A row of lines.txt."""

    number: int  # where it stands in the file, from 1
    id: str
    status: str  # "ok", or "err" when the word segmentation failed; the text is right in both
    grey_level: int  # the grey value (0..255) that separates ink from paper
    components: int  # connected pieces of ink
    box: tuple[int, int, int, int]  # x, y, width, height on the page, pixels
    tokens: str  # the text as it is in the file, tokens joined by `|`


class FormRow(NamedTuple):
    """A row of forms.txt: the columns used here."""

    number: int
    id: str
    writer_id: str
    stated_lines: int | None  # how many lines the form should have


class FormXml(NamedTuple):
    """What the XML of a form says."""

    id: str
    writer_id: str
    texts: dict[str, str]  # line id -> text


def read_bytes(path: Path) -> bytes:
    """The content of a file; HtrError where the system does not give it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise HtrError(f"{path} cannot be read: {error.strerror or error}") from None


def read_text(path: Path) -> str:
    """A text file without its byte order mark; HtrError where the system does not give it, or it is not UTF-8."""
    data = read_bytes(path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        byte = f"byte 0x{data[error.start]:02x}"
        raise HtrError(
            f"{path}, line {number}: {byte} is no UTF-8; save the file as UTF-8 or copy it again"
        ) from None


def data_rows(path: Path) -> Iterator[tuple[int, str]]:
    """The rows of a text file that are not blank and no `#` comment, each with its number from 1.

    The line ends of Windows are taken off. Raises as `read_text`.
    """
    # Not str.splitlines: that also cuts at form feeds and other characters a damaged text may hold.
    for number, row in enumerate(re.split(r"\r\n|\n|\r", read_text(path)), start=1):
        row = row.strip()
        if row and not row.startswith("#"):
            yield number, row


def read_names(path: Path) -> set[str]:
    """The names in a file, one a row, comments left out; raises as `read_text`."""
    return {row for _, row in data_rows(path)}


def is_line_id(name: str) -> bool:
    """Whether a name looks like a01-000u-00."""
    return _LINE_ID.fullmatch(name) is not None


def read_words_txt(path: Path) -> list[LineRow]:
    """The rows of words.txt, `id status greylevel x y w h tag word`, as those of lines.txt are given.

    Raises:
        HtrError: a row that does not read, an id that comes twice.
    """
    rows: dict[str, LineRow] = {}
    for number, row in data_rows(path):
        where = f"{path}, line {number}"
        columns = row.split(maxsplit=8)
        if len(columns) < 9 or not _WORD_ID.fullmatch(columns[0]) or columns[0] in rows:
            wanted = "a new id and 9 columns: id status greylevel x y w h tag word"
            raise HtrError(f"{where}: {row[:40]!r} is no word; {wanted}; mend the row")
        level, x, y, w, h = (_integer(where, n, columns[n - 1]) for n in range(3, 8))
        box = (x, y, w, h)
        rows[columns[0]] = LineRow(number, columns[0], columns[1], level, 0, box, columns[8])
    if not rows:
        raise HtrError(f"{path} holds no words; copy it again from ascii.tgz")
    return list(rows.values())


def lines_of_words(words: list[LineRow]) -> list[LineRow]:
    """The lines that words of words.txt make up, in the order of their ids."""
    inside: dict[str, list[LineRow]] = {}
    for word in words:
        inside.setdefault(word.id.rpartition("-")[0], []).append(word)
    lines = []
    for line_id, row in inside.items():
        row.sort(key=lambda word: int(word.id.rpartition("-")[2]))
        status = "ok" if all(word.status == "ok" for word in row) else "err"
        text = "|".join(word.tokens for word in row)
        first = row[0]._replace(id=line_id, status=status, box=(0, 0, 0, 0), tokens=text)
        lines.append(first)
    return lines


def read_lines_txt(path: Path) -> list[LineRow]:
    """The rows of lines.txt: `id status greylevel components x y w h text`.

    The text is everything from the ninth column on: 36 lines of IAM have spaces inside a token.

    Raises:
        HtrError: a row that does not read, an id that comes twice, or no row at all.
    """
    rows: dict[str, LineRow] = {}
    for number, row in data_rows(path):
        where = f"{path}, line {number}"
        parsed = _line_row(where, number, row)
        if parsed.id in rows:
            first = rows[parsed.id].number
            raise HtrError(f"{where}: {parsed.id} is already on line {first}; delete one of them")
        rows[parsed.id] = parsed
    if not rows:
        raise HtrError(f"{path} holds no lines; copy it again from ascii.tgz")
    return list(rows.values())


def _line_row(where: str, number: int, row: str) -> LineRow:
    columns = row.split(maxsplit=8)
    line_id = columns[0]
    if _WORD_ID.fullmatch(line_id):
        raise HtrError(f"{where}: {line_id} is a word; this is words.txt, lines.txt is wanted")
    if _SENTENCE_ID.fullmatch(line_id):
        raise HtrError(
            f"{where}: {line_id} is a sentence; this is sentences.txt, lines.txt is wanted"
        )
    if not _LINE_ID.fullmatch(line_id):
        raise HtrError(f"{where}: {line_id[:40]!r} is no line id; ids look like a01-000u-00")
    if len(columns) < 9:
        wanted = "9 are wanted: id status greylevel components x y w h text"
        raise HtrError(f"{where}: {len(columns)} columns, {wanted}; mend the row")
    if not columns[8].strip("| "):
        raise HtrError(f"{where}: {line_id} has no text; mend the row or delete it")
    status = columns[1].lower()
    if status not in ("ok", "err"):
        raise HtrError(
            f"{where}: column 2 is {status[:40]!r}, must be ok or err; is this IAM's lines.txt?"
        )
    grey_level, components, *box = (
        _integer(where, place, value) for place, value in enumerate(columns[2:8], start=3)
    )
    x, y, width, height = box
    return LineRow(
        number, line_id, status, grey_level, components, (x, y, width, height), columns[8]
    )


def _integer(where: str, column: int, value: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise HtrError(
            f"{where}: column {column} is {value[:40]!r}, must be a whole number; mend the row"
        )
    return int(value)


def read_forms_txt(path: Path) -> list[FormRow]:
    """The rows of forms.txt: `id writer nsent prt|all nlines nlines_ok nwords nwords_ok`.

    Two columns are enough: the form and its writer.

    Raises:
        HtrError: a row that does not read, or a form that comes twice.
    """
    rows: dict[str, FormRow] = {}
    for number, row in data_rows(path):
        where = f"{path}, line {number}"
        columns = row.split()
        if len(columns) < 2 or not _FORM_ID.fullmatch(columns[0]):
            raise HtrError(
                f"{where}: {row[:40]!r} is no form id and writer; rows look like a01-000u 000 2 prt 7"
            )
        if columns[0] in rows:
            first = rows[columns[0]].number
            raise HtrError(
                f"{where}: form {columns[0]} is already on line {first}; delete one of them"
            )
        stated = _integer(where, 5, columns[4]) if len(columns) > 4 else None
        rows[columns[0]] = FormRow(number, columns[0], columns[1], stated)
    return list(rows.values())


def read_form_xml(path: Path) -> FormXml:
    """The id, the writer and the line texts of a form's XML.

    Entities are often escaped twice in these files (`&amp;quot;` for a quote), so they are resolved once
    more after parsing. IAM's files name a DTD: it is never fetched. An XML that declares entities of its
    own is refused, because a few nested ones fill the memory ("billion laughs").

    Raises:
        HtrError: no well-formed XML, entity declarations, or no form in it.
    """
    forms: list[dict[str, str]] = []
    texts: dict[str, str] = {}

    def on_element(name: str, attributes: dict[str, str]) -> None:
        if name == "form":
            forms.append(attributes)
        elif name == "line" and "id" in attributes:
            texts[attributes["id"]] = _unescape(attributes.get("text", ""))

    def on_entity(*_: object) -> None:
        raise HtrError(
            f"{path} declares XML entities, which IAM's files never do; copy the file again"
        )

    parser = expat.ParserCreate()
    parser.StartElementHandler = on_element
    parser.EntityDeclHandler = on_entity
    try:
        parser.Parse(read_bytes(path), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        # ValueError, LookupError: odd encodings.
        raise HtrError(
            f"{path} is no well-formed XML ({error}); copy it again from xml.tgz"
        ) from None
    if len(forms) != 1:
        raise HtrError(
            f"{path} holds {len(forms)} forms, one is wanted; copy it again from xml.tgz"
        )
    return FormXml(forms[0].get("id", path.stem), forms[0].get("writer-id", ""), texts)


def _unescape(text: str) -> str:
    return unescape(text, {"&quot;": '"', "&apos;": "'"})
