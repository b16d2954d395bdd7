"""Real lines by where they come from: a folder with one folder a source, each with tables of what its pictures say.

hands/copiste/lines.tsv      id, writer or document, text       hands/copiste/lines/.../ID.png
hands/unipen/words.tsv       single words, in words/            hands/unipen_chars/chars.tsv   signs
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from htr_utils.errors import HtrError
from htr_utils.lines.iam import Line
from htr_utils.lines.iam_files import read_text

KINDS = ("lines", "words", "chars")


def read(folder: str | Path, kind: str, fold: Callable[[str], str]) -> list[Line]:
    """The lines (or words, or chars) of one source, by the order of its table; none where it has no such table.

    Args:
        fold: writes a text with the characters that may be learnt (`Charset.fold`); rows of which nothing is left are
            left out.

    Raises:
        HtrError: a row that is not id, writer and text, or one without its picture.
    """
    table = Path(folder) / f"{kind}.tsv"
    if not table.is_file():
        return []
    pictures = {path.stem: path for path in (Path(folder) / kind).rglob("*.png")}
    lines = []
    for number, row in enumerate(read_text(table).splitlines()[1:], 2):
        columns = row.split("\t")
        if len(columns) != 3:
            raise HtrError(f"{table}, line {number}: needs id, writer and text, parted by tabs")
        name, writer, text = columns
        if name not in pictures:
            raise HtrError(f"{table}, line {number}: no {name}.png below {table.with_suffix('')}")
        if text := fold(text).strip():
            place = (0, 0, 0, 0)
            lines.append(Line(name, text, pictures[name], writer, writer, "ok", 0, 0, place))
    return lines


def read_ids(files: Iterable[str | Path]) -> set[str]:
    """Writers and documents named in files, one a row; what follows a `#` is a remark."""
    rows = (row for file in files for row in read_text(Path(file)).splitlines())
    return {name for row in rows if (name := row.split("#")[0].strip())}


def parted(lines: Iterable[Line], held_out: Collection[str]) -> tuple[list[Line], list[Line]]:
    """The lines to learn from, and those whose writer or document is held out."""
    learnt, watched = list[Line](), list[Line]()
    for line in lines:
        (watched if line.writer_id in held_out else learnt).append(line)
    return learnt, watched
