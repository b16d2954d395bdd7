"""Lines of handwriting with what they say, in whatever form people have them.

    found = open_lines("my_folder")
    for line in found.lines:
        line.id, line.text, line.writer_id, line.image()
    found.names, found.split("train")      # where a file or folder says which lines are for what

| form | what it is |
| --- | --- |
| IAM | lines.txt, or the XML of its forms, or words.txt: `htr_utils.lines.iam` reads it, with its splits |
| a table | .tsv, .csv, .jsonl, .json: a picture and its text in each row, with a header or without; a writer besides |
| a list | .txt as recognition sets have it (gt.txt, labels.txt): the picture, a blank or a tab, the text |
| pairs | `line.txt` or `line.gt.txt` beside `line.png` (Tesseract, Calamari, OCR-D, kraken) |
| pages | PAGE XML or ALTO with the pictures of the pages: the lines are cut out |
| parquet | a set of Hugging Face, pictures and texts in one file |

Several of them may lie in one folder, at any depth: their lines are put together. Tables come first, then pages, then
pairs; a text beside a picture that belongs to a table is a note. No picture is opened before it is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple, NoReturn
from unicodedata import normalize

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines import iam, page_files, parquet, tables
from htr_utils.lines.iam import Line
from htr_utils.lines.iam_files import read_text
from htr_utils.lines.opening import ENDINGS
from htr_utils.lines.spacing import Spacing
from htr_utils.lines.tables import Complain

SPLITS = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "va"), "validation"),
    **dict.fromkeys(("test", "testing", "te", "eval"), "test"),
}
WANTED = (
    "it takes IAM (lines.txt, or the XML of its forms), a table of pictures and texts (transcriptions.tsv, any .tsv, "
    ".csv, .jsonl, .json, or gt.txt), a .txt or .gt.txt beside each picture, "
    "PAGE XML or ALTO with the pages, or .parquet"
)


def refuse(kind: str, fault: str) -> NoReturn:
    """Complains by raising: a training reads all of a folder or nothing."""
    raise HtrError(fault)


class _Source(NamedTuple):
    """A file of labels, or the texts beside pictures. folder: within the root; lines: reads them."""

    kind: str
    name: str
    folder: str
    lines: Callable[[Complain], Iterable[Line]]


@dataclass(frozen=True)
class Found:
    """What was found in a folder: its sources, in the order in which they are read."""

    root: Path
    sources: tuple[_Source, ...]

    @property
    def kind(self) -> str:
        """What was found, in one sentence."""
        kinds: dict[str, list[str]] = {}
        for source in self.sources:
            kinds.setdefault(source.kind, []).append(source.name)
        return "; ".join(
            f"{kind}: {names[0]}" + f" and {len(names) - 1:,} more" * (len(names) > 1)
            for kind, names in kinds.items()
        )

    def lines(self, complain: Complain = refuse) -> list[Line]:
        """The lines; ids begin with the folder of their table.

        Raises:
            HtrError: what `complain` raises, by default at the first row that does not read, name without a picture
                or with two, picture that is named twice.
        """
        found: dict[tuple[Path, object], Line] = {}
        for source in self.sources:
            for line in source.lines(complain):
                inside = line.path.relative_to(self.root).as_posix()
                line_id = f"{source.folder}{line.id}"
                told = inside if source.kind == "pairs" else f"{source.name}/{inside}"
                line = replace(line, id=line_id, split=_split(told))
                found.setdefault((line.path, line.part), line)
        if not found and complain is refuse:
            raise HtrError(f"{self.root}: {self.kind} holds no line; write one row per image")
        return list(found.values())


@dataclass(frozen=True)
class Labelled:
    """The lines of a folder in whatever form, and its splits. folder: where it is in IAM layout, with what IAM has."""

    root: Path
    lines: list[Line]
    folder: iam.IamFolder | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its splits; () where nothing says which lines are for what.

        Raises:
            HtrError: IAM with the lists of several tasks, and none is chosen.
        """
        if self.folder is None:
            return tuple(splits(self.lines))
        return tuple(self.folder.split_lists()) if self.folder.tasks else ()

    def split(self, name: str) -> list[Line]:
        """The lines of a split.

        Raises:
            HtrError: there is none of that name.
        """
        if self.folder is not None and self.folder.tasks:
            return self.folder.split(name)
        if name not in self.names:
            raise HtrError(
                f"{self.root}: has no split {name!r}; leave --split out, all its lines are taken"
            )
        return splits(self.lines)[name]


def open_lines(
    root: str | Path | None = None, *, spacing: Spacing = "natural", task: str | None = None
) -> Labelled:
    """The lines of a folder, or of one file of labels: IAM or any other form.

    Args:
        root: None for the embedded data, or what HTR_DATA names. spacing, task: of IAM, see `iam.read`.

    Raises:
        HtrError: what `iam.read`, `look` and `Found.lines` raise.
    """
    root = paths.data_root() if root is None else root
    if not iam.is_layout(root):
        return Labelled(Path(root), read(root))
    folder = iam.read(root, spacing=spacing, task=task)
    return Labelled(folder.root, list(folder.lines.values()), folder)


def read(root: str | Path) -> list[Line]:
    """The lines of a folder, or of one file of labels; see `Found.lines` and `look` for what it raises."""
    return look(root).lines()


def splits(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """The lines by split, where files or folders are called train, validation, test; {} where they are not."""
    named: dict[str, list[Line]] = {}
    for line in lines:
        named.setdefault(line.split, []).append(line)
    return named if "train" in named and len(named) > 1 and "" not in named else {}


def _split(inside: str) -> str:
    words = (re.split(r"[^a-z]", part.lower())[0] for part in Path(inside).parts)
    return next((SPLITS[word] for word in words if word in SPLITS), "")


def look(root: str | Path) -> Found:
    """Recognise what is in a folder, or what a file of labels is; of tables only the first rows are looked at.

    Raises:
        HtrError: no such folder, or nothing in it that is known: the message lists what would be.
    """
    given = paths.from_home(root)
    if not given.exists():
        raise HtrError(f"{root}: no such folder; check the name")
    folder = given if given.is_dir() else given.parent
    tree = _Tree(folder)
    files = tree.files if given.is_dir() else [given.name]
    found = sorted(_tables(tree, files), key=lambda source: source.folder.split("/"))
    held = tuple(source.folder for source in found)
    found += _others(tree, files)
    whole = {page_files.stem(source.name) for source in found if source.name.endswith(".xml")}
    pairs = [
        (image, text)
        for image, text in _pairs(tree, set(files))
        if not image.startswith(held) and bare(image).rpartition("/")[2] not in whole
    ]
    if pairs:
        found.append(_Source("pairs", pairs[0][1], "", partial(_read_pairs, folder, pairs)))
    if found:
        return Found(folder, tuple(found))
    if not given.is_dir():
        raise HtrError(f"{root}: is no file of labels, or names no picture beside it; {WANTED}")
    other = [file for file in files if not _is_picture(file)]
    held_files = f"{len(tree.pictures.inside):,} pictures, {len(other):,} other files"
    if other:
        held_files += f" such as {other[0]}"
    packed = [file for file in other if re.search(r"\.(t?gz|tar|zip|7z|rar)$", file.lower())]
    remedy = f"unpack {packed[0]}; " if packed else ""
    raise HtrError(f"{root}: no labelled lines in it ({held_files}); {remedy}{WANTED}")


class _Pictures:
    """Pictures under each name that a table may use: path, file name, both without the ending."""

    def __init__(self, inside: Sequence[str]) -> None:
        self.inside = inside
        self.known: dict[str, list[str]] = {}
        for path in inside:
            name = path.rpartition("/")[2]
            for one in {path, name, bare(path), bare(name)}:
                self.known.setdefault(_nfc(one), []).append(path)

    @cached_property
    def folders(self) -> set[str]:
        """The names of the folders that hold them."""
        return {part for path in self.inside for part in path.split("/")[:-1]}

    def find(self, name: str) -> list[str]:
        """The pictures that a name may mean; a whole path counts, whatever else lies in the folders below.

        Folders in the name that are not here, as of another machine, are left out.
        """
        name = _nfc(name.replace("\\", "/"))
        while True:
            found = self.known.get(name) or self.known.get(bare(name)) or []
            if found or "/" not in name:
                whole = [path for path in found if _nfc(bare(path)) == bare(name)]
                return whole or found
            first, _, name = name.partition("/")
            if first in self.folders:
                return []


class _Tree:
    """All files below a folder by their paths within it, hidden ones left out, and its pictures."""

    def __init__(self, root: Path) -> None:
        self.root, self.files = root, list[str]()
        for place, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
            inside = Path(place).relative_to(root).as_posix()
            prefix = "" if inside == "." else f"{inside}/"
            self.files += [prefix + name for name in sorted(names) if not name.startswith(".")]
        self.files.sort(key=lambda path: path.split("/"))
        self.pictures = _Pictures([path for path in self.files if _is_picture(path)])
        self._below: dict[str, _Pictures] = {"": self.pictures}

    def find(self, folder: str, name: str) -> list[str]:
        """The pictures that a name in a table of `folder` may mean: below it first, then anywhere."""
        if folder not in self._below:
            inside = (path for path in self.pictures.inside if path.startswith(folder))
            self._below[folder] = _Pictures([path[len(folder) :] for path in inside])
        return [folder + path for path in self._below[folder].find(name)] or self.pictures.find(
            name
        )


def _tables(tree: _Tree, files: Iterable[str]) -> Iterator[_Source]:
    """The tables and lists among files; where a folder has one with a name of ours, that alone counts there."""
    known, alone = set(files), {bare(path) for path in tree.pictures.inside}
    for file in files:
        folder = file[: file.rfind("/") + 1]
        ours = next((folder + name for name in tables.NAMES if folder + name in known), file)
        beside = file.lower().endswith(".txt") and file[:-4].removesuffix(".gt") in alone
        if not file.lower().endswith(tables.ENDINGS) or beside or file != ours:
            continue
        table = tables.recognise(tree.root / file, partial(tree.find, folder))
        if table is not None:
            yield _Source("table", file, folder, partial(_read_table, tree, folder, table))


def _others(tree: _Tree, files: Iterable[str]) -> Iterator[_Source]:
    """The pages and parquet files."""
    for file in files:
        folder = file[: file.rfind("/") + 1]
        if file.lower().endswith(".parquet"):
            yield _Source("parquet", file, "", partial(parquet.read, tree.root, file))
        elif file.lower().endswith(".xml") and (kind := page_files.kind(tree.root / file)):
            find = partial(tree.find, folder)
            yield _Source(kind, file, folder, partial(page_files.read, tree.root, file, find))


def _read_table(
    tree: _Tree, folder: str, table: tables.Table, complain: Complain
) -> Iterator[Line]:
    rows_of: dict[str, int] = {}
    ids: set[str] = set()
    place = tree.root / folder
    for row in table.rows(complain):
        where = f"{table.path}, line {row.number}"
        name = _nfc(row.name)
        found = tree.find(folder, name)
        if not row.text:
            complain("rows without a text", f"{where}: needs a name and a text, {table.parted}")
        elif not found:
            fault = f"{where}: no image named {name!r} in {place}; add it or delete the row"
            complain("rows whose image is missing", fault)
        elif len(found) > 1:
            two = " or ".join(str(tree.root / path) for path in found[:2])
            fault = f"{where}: {name!r} may be {two}; write the path within the folder"
            complain("rows that may mean two images", fault)
        elif found[0] in rows_of:
            fault = (
                f"{where}: {name!r} is in line {rows_of[found[0]]} too; keep one of the two rows"
            )
            complain("rows whose image is named before", fault)
        else:
            rows_of[found[0]] = row.number
            line_id = name if bare(name) in ids else bare(name)
            ids.add(line_id)
            yield Line(line_id, row.text, tree.root / found[0], row.writer, row.writer)
    if not rows_of:
        complain("tables without a line", f"{table.path}: holds no line; write one row per image")


def _pairs(tree: _Tree, files: set[str]) -> Iterator[tuple[str, str]]:
    """Each picture that has a text file beside it, and that file; of several versions of a picture the first."""
    taken: set[str] = set()
    for path in tree.pictures.inside:
        stem = bare(path)
        plain = re.sub(r"\.(bin|nrm|dew|raw|color)$", "", stem)
        names = (f"{stem}.gt.txt", f"{plain}.gt.txt", f"{stem}.txt", f"{path}.txt")
        text = next((name for name in names if name in files), None)
        if text is not None and text not in taken:
            taken.add(text)
            yield path, text


def _read_pairs(root: Path, pairs: list[tuple[str, str]], complain: Complain) -> Iterator[Line]:
    for image, file in pairs:
        rows = [row.strip() for row in re.split(r"[\r\n]+", read_text(root / file)) if row.strip()]
        if not rows:
            fault = f"{root / file}: is empty; write what {Path(image).name} says"
            complain("texts that are empty", fault)
        elif len(rows) > 1:
            fault = (
                f"{root / file}: {len(rows)} rows for one picture; cut {Path(image).name} into lines, or "
                "give PAGE XML (`htr read --format page` writes it)"
            )
            complain("texts of several lines", fault)
        else:
            yield Line(bare(image), " ".join(rows[0].split()), root / image)


def _is_picture(path: str) -> bool:
    return path.lower().endswith(ENDINGS)


def _nfc(name: str) -> str:
    """ "é" as one character, in whatever form the editor wrote it or macOS hands it out."""
    return name if name.isascii() else normalize("NFC", name)


def bare(name: str) -> str:
    """A name without its ending, where that is an image's: the dot of `line.2` is part of the name."""
    return name.rpartition(".")[0] if _is_picture(name) else name
