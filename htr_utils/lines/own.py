"""A folder of one's own line images, with one table of transcriptions or a text file beside each image.

    my_folder/transcriptions.tsv      name <tab> text, or name <tab> writer <tab> text
    my_folder/monday.png ...          the images, anywhere below the folder
    my_folder/monday.txt ...          or, without a table, what each image says

The table may have a header (`id`, `file`, `name` in its first column). `lines.tsv` is taken too. Several such folders,
each with its table, may lie in one, at any depth: their lines are put together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from htr_utils.errors import HtrError
from htr_utils.lines.iam import TEXT_FOLDERS, Line
from htr_utils.lines.iam_files import read_text

TABLES = ("transcriptions.tsv", "lines.tsv")
IMAGE_TYPES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def find_table(root: str | Path) -> Path | None:
    """The table of transcriptions in a folder, or None."""
    return next((Path(root) / name for name in TABLES if (Path(root) / name).is_file()), None)


def _in_iam_layout(folder: Path) -> bool:
    """Whether a folder without a table has IAM's lines.txt; one beside `lines.png` says what that picture says."""
    found = [folder / place for place in TEXT_FOLDERS if (folder / place / "lines.txt").is_file()]
    beside = (place / f"lines{ending}" for place in found for ending in IMAGE_TYPES)
    return bool(found) and not find_table(folder) and not any(map(Path.is_file, beside))


def _tables(root: str | Path) -> list[Path]:
    """The tables of a folder and of all below it, its own first; below a folder in IAM layout none is looked for."""
    folder = Path(root)
    if _in_iam_layout(folder):
        return []
    places = {table.parent for name in TABLES for table in folder.rglob(name)}
    return [table for place in sorted(places) if (table := find_table(place))]


def is_own(root: str | Path) -> bool:
    """Whether a folder is of this kind: a table in or below it, or an image with a text file of the same name.

    A folder in IAM layout is not, whatever `htr read` wrote beside its images.
    """
    folder = Path(root)
    return not _in_iam_layout(folder) and (
        bool(_tables(folder)) or next(_pairs(folder), None) is not None
    )


def _pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each image below a folder that has a text file beside it, and that file."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_TYPES and path.with_suffix(".txt").is_file():
            yield path, path.with_suffix(".txt")


def _read_pairs(folder: Path) -> list[Line]:
    lines = []
    for image, text_file in _pairs(folder):
        text = " ".join(read_text(text_file).split())
        if not text:
            raise HtrError(f"{text_file}: is empty; write what {image.name} says")
        name = image.relative_to(folder).with_suffix("").as_posix()
        lines.append(Line(name, text, image))
    return lines


def read(root: str | Path) -> list[Line]:
    """The lines of such a folder, in the order of its tables and of their names; ids begin with their table's folder.

    Raises:
        HtrError: no table, a row that does not parse, a name without an image or with two, a name twice.
    """
    folder = Path(root)
    lines: dict[Path, Line] = {}
    tables = _tables(folder)
    for table in tables:
        part = table.parent.relative_to(folder).as_posix()
        for line in _read_table(table):
            lines.setdefault(
                line.path, replace(line, id=line.id if part == "." else f"{part}/{line.id}")
            )
    for line in _read_pairs(folder):  # a text beside a picture that belongs to a table is a note
        if not any(table.parent in line.path.parents for table in tables):
            lines[line.path] = line
    if not lines:
        raise HtrError(
            f"{root}: neither lines.txt (IAM layout) nor transcriptions.tsv in it, nor pictures with a .txt beside them"
        )
    return list(lines.values())


def _read_table(table: Path) -> list[Line]:
    folder = table.parent
    pictures = _pictures(folder)
    lines: list[Line] = []
    rows_of: dict[Path, int] = {}
    ids: set[str] = set()
    for number, row in enumerate(read_text(table).split("\n"), 1):
        columns = row.split("\t")
        if not row.strip() or (number == 1 and columns[0].lower() in ("id", "file", "name")):
            continue
        if len(columns) not in (2, 3) or not columns[-1].strip():
            raise HtrError(f"{table}, line {number}: needs a name and a text, parted by a tab")
        name = normalize("NFC", columns[0].strip())
        named = pictures.get(name) or pictures.get(_bare(name)) or []
        if not named:
            raise HtrError(
                f"{table}, line {number}: no image named {name!r} in {folder}; add it or delete the row"
            )
        if len(named) > 1:
            raise HtrError(
                f"{table}, line {number}: {name!r} may be {named[0]} or {named[1]}; write the path within the folder"
            )
        if named[0] in rows_of:
            raise HtrError(
                f"{table}, line {number}: {name!r} is in line {rows_of[named[0]]} too; keep one of the two rows"
            )
        rows_of[named[0]] = number
        line_id = name if _bare(name) in ids else _bare(name)
        ids.add(line_id)
        writer = columns[1].strip() if len(columns) == 3 else ""
        lines.append(Line(line_id, columns[-1].strip(), named[0], writer, writer))
    if not lines:
        raise HtrError(f"{table}: holds no line; write one row per image: name, tab, text")
    return lines


def _pictures(folder: Path) -> dict[str, list[Path]]:
    """The images below a folder under each name that a table may use: path, file name, both without the ending."""
    pictures: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_TYPES:
            inside = path.relative_to(folder).as_posix()
            # "é" as one character, in whatever form the editor wrote it or macOS hands it out
            for name in {
                normalize("NFC", one) for one in (inside, path.name, _bare(inside), path.stem)
            }:
                pictures.setdefault(name, []).append(path)
    # A whole path counts, whatever else lies in the folders below.
    for name, paths in pictures.items():
        whole = [
            path for path in paths if _bare(path.relative_to(folder).as_posix()) == _bare(name)
        ]
        pictures[name] = whole or paths
    return pictures


def _bare(name: str) -> str:
    """A name without its ending, where that is an image's: the dot of `line.2` is part of the name."""
    path = PurePosixPath(normalize("NFC", name))
    return path.with_suffix("").as_posix() if path.suffix.lower() in IMAGE_TYPES else name
