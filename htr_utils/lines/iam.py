"""Read a folder in the layout of the IAM Handwriting Database: lines, forms, writers, splits.

    folder = read()                       # the embedded data, or what HTR_DATA names
    line = folder.lines["a01-000u-00"]
    line.text, line.writer_id, line.image().shape
    train = folder.split("train")

The text comes from lines.txt, the writers from forms.txt (or from the XML of the forms), the splits from
list files. People keep these files in different places; `read` tries the usual ones and `IamFolder.layout`
says what it found. It opens no image: `htr_utils.lines.check` looks at those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines.iam_files import (
    LineRow,
    is_line_id,
    lines_of_words,
    read_bytes,
    read_form_xml,
    read_forms_txt,
    read_lines_txt,
    read_names,
    read_words_txt,
)
from htr_utils.lines.iam_splits import SplitList, expand, find_lists
from htr_utils.lines.opening import ENDINGS
from htr_utils.lines.spacing import Spacing, natural_lines

if TYPE_CHECKING:
    import numpy as np

TEXT_FOLDERS = ("ascii", ".", "lines", "ascii/ascii")
_BOM = b"\xef\xbb\xbf"
XML_FOLDERS = ("xml", "xml/xml")
# a01/a01-000u/a01-000u-00.png is IAM's own; `lines/lines` is what unpacking lines.tgz inside `lines` gives.
IMAGE_PATTERNS = tuple(
    f"{folder}{shape}"
    for shape in ("{first}/{form}/{id}.png", "{id}.png")
    for folder in ("lines/", "lines/lines/", "")
)


class Part(Protocol):
    """A picture within a file: a line of a page, a row of a table. It can be sent to other processes."""

    def picture(self, path: Path) -> np.ndarray: ...


@dataclass(frozen=True)
class Line:
    """A line of handwriting: its text and where its image is."""

    id: str
    text: str  # in the spacing convention of the folder
    path: Path  # where the image should be; `check` says whether it is
    form_id: str = ""
    writer_id: str = ""  # "" when nothing names the writer
    status: str = "ok"  # or "err" when the word segmentation failed; the text is right in both
    grey_level: int = 0  # the grey value (0..255) that separates ink from paper
    components: int = 0  # connected pieces of ink
    box: tuple[int, int, int, int] = (0, 0, 0, 0)  # x, y, width, height on the page, pixels
    part: Part | None = (
        None  # where in the file `path` the picture is, where it is not the whole file
    )
    split: str = ""  # train, validation or test, where a folder or file name says so

    def image(self) -> np.ndarray:
        """The grey image, uint8, (height, width)."""
        from htr_utils.lines import images

        return images.load(self.path) if self.part is None else self.part.picture(self.path)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        """So that a line is taken wherever a picture is: `Recognizer.read`, `images.load`."""
        return self.image()


@dataclass(frozen=True)
class Form:
    """A filled-in form: one paragraph by one writer."""

    id: str
    writer_id: str  # "" when nothing names the writer
    line_ids: tuple[str, ...]  # from top to bottom; empty when only forms.txt knows the form
    stated_lines: int | None = None  # how many lines forms.txt says it has


@dataclass(frozen=True)
class IamFolder:
    """A folder in IAM layout, as `read` found it."""

    root: Path
    layout: str  # what was found where, in one sentence
    spacing: Spacing
    lines: dict[str, Line]  # in the order of lines.txt
    forms: dict[str, Form]
    tasks: dict[str, dict[str, SplitList]]  # task -> split name -> its list
    task: str | None = None  # the task that was chosen for `split`

    @property
    def writers(self) -> dict[str, tuple[str, ...]]:
        """Writer id -> ids of the forms with lines by that writer; unknown writers are left out."""
        writers: dict[str, tuple[str, ...]] = {}
        for form in self.forms.values():
            if form.writer_id and form.line_ids:
                writers[form.writer_id] = (*writers.get(form.writer_id, ()), form.id)
        return writers

    @property
    def split_names(self) -> tuple[str, ...]:
        """The names that `split` takes, sorted; of all tasks when none is chosen yet."""
        try:
            return tuple(sorted(self.split_lists(None)))
        except HtrError:
            return tuple(sorted({name for task in self.tasks for name in self.split_lists(task)}))

    def split(self, name: str, task: str | None = None) -> list[Line]:
        """The lines of a split, in the order of its list.

        The lists in `splits/` (task "own") come first; else there must be one task, or `task` names it.
        `validation` of the official task is its validation1 and validation2 together.

        Raises:
            HtrError: no such split or task, two tasks to choose from, or a list without a single known line.
        """
        lists = self.split_lists(task)
        if name not in lists:
            raise HtrError(f"no split {name!r} in {self.root}; known: {', '.join(sorted(lists))}")
        found, _ = self.expand(lists[name])
        if not found:
            files = ", ".join(str(part.path) for part in lists[name])
            raise HtrError(
                f"no id in {files} is in lines.txt; do the list and the data belong together?"
            )
        return [self.lines[line_id] for line_id in found]

    def expand(self, parts: Iterable[SplitList]) -> tuple[list[str], list[str]]:
        """The line ids of split lists, and those of their ids that name no line."""
        forms = {form.id: form.line_ids for form in self.forms.values()}
        return expand((item for part in parts for item in part.ids), self.lines, forms)

    def split_lists(self, task: str | None = None) -> dict[str, tuple[SplitList, ...]]:
        """Split name -> the lists that make it up, of one task; chosen and refused as in `split`."""
        known = sorted(self.tasks)
        wanted = task or self.task or ("own" if "own" in known else None)
        if not known:
            raise HtrError(
                f"no split lists in {self.root}; put the official trainset.txt and its companions, Aachen's tr.lst, "
                "va.lst, te.lst, or lists of your own (train.txt, validation.txt, test.txt) in splits/"
            )
        if wanted is None and len(known) > 1:
            raise HtrError(
                f"{self.root}: lists of several tasks; choose with task= or --task: {', '.join(known)}"
            )
        if wanted is not None and wanted not in known:
            raise HtrError(f"no lists of task {wanted!r} in {self.root}; known: {', '.join(known)}")
        chosen = self.tasks[wanted or known[0]]
        lists: dict[str, tuple[SplitList, ...]] = {name: (part,) for name, part in chosen.items()}
        halves = tuple(chosen[name] for name in ("validation1", "validation2") if name in chosen)
        if halves:
            lists.setdefault("validation", halves)
        return lists


def read(
    root: str | Path | None = None, *, spacing: Spacing = "natural", task: str | None = None
) -> IamFolder:
    """Read a folder in IAM layout.

    Args:
        root: the folder; None for the embedded data, or what HTR_DATA names.
        spacing: "natural" text as written ("house, he"), or "raw" tokens ("house , he").
        task: "own", "official" or "aachen", when the folder holds the lists of several tasks.

    Raises:
        HtrError: whatever is missing, does not read or contradicts itself, with file, line and remedy.
    """
    folder = paths.data_root() if root is None else paths.from_home(root)
    if spacing not in ("natural", "raw"):
        raise HtrError(f"spacing is {spacing!r}, must be 'natural' or 'raw'")
    if not folder.exists():
        raise HtrError(f"no folder {folder}; name the folder that holds lines/ and ascii/")
    if not folder.is_dir():
        raise HtrError(f"{folder} is a file; unpack it if it is an archive, and name the folder")
    folder = _home(folder) or folder
    rows, text_from = _rows(folder)
    place, seen, shown = _image_places(folder, rows)
    forms, source = _forms(folder, rows)
    texts = _texts(rows, forms, spacing)
    lines = {
        row.id: Line(
            id=row.id,
            text=texts[row.id],
            path=place(row.id),
            form_id=_form_id(row.id),
            writer_id=forms[_form_id(row.id)].writer_id,
            status=row.status,
            grey_level=row.grey_level,
            components=row.components,
            box=row.box,
        )
        for row in rows
    }
    tasks = find_lists(folder)
    layout = "; ".join(
        [
            f"text from {text_from}",
            f"images as {shown}" if seen else "no images found",
            f"writers from {source}" if source else "no writers (neither forms.txt nor xml/)",
            f"splits: {', '.join(sorted(tasks))}" if tasks else "no split lists",
        ]
    )
    found = IamFolder(folder, layout, spacing, lines, forms, tasks, task)
    if task is not None:
        found.split_lists(task)  # an unknown task is better refused here than at the first split
    return found


def is_layout(root: str | Path) -> bool:
    """Whether a folder is in IAM layout, which one file or another of it shows.

    One with a table of its own is not; nor is one where lines.txt says what `lines.png` says, or lists pictures.
    """
    folder = paths.from_home(root)
    return folder.is_dir() and _home(folder) is not None


def _home(root: Path) -> Path | None:
    """The folder in IAM layout: this one, or the only one in it that is."""
    if _shows(root):
        return root
    if any((root / name).is_file() for name in ("transcriptions.tsv", "lines.tsv")):
        return None
    inside = [path for path in sorted(root.iterdir()) if path.is_dir() and _shows(path)]
    return inside[0] if len(inside) == 1 else None


def _shows(folder: Path) -> bool:
    if any((folder / name).is_file() for name in ("transcriptions.tsv", "lines.tsv")):
        return False
    for place in (folder / name for name in TEXT_FOLDERS):
        beside = any((place / f"lines{ending}").is_file() for ending in ENDINGS)
        if (place / "lines.txt").is_file() and not beside:
            return not re.match(rb"\S+\.[A-Za-z]{3,4}\s", _first_row(place / "lines.txt"))
    if (words := _find(folder, "words.txt")) is not None:
        return re.match(rb"\w+-\w+-[0-9]+-[0-9]+\s+(ok|err)\s", _first_row(words)) is not None
    return next(_xml_forms(folder), None) is not None


def _first_row(file: Path) -> bytes:
    with file.open("rb") as rows:
        return next((row for row in rows if row.strip() and row[:1] != b"#"), b"").lstrip(_BOM)


def _xml_forms(root: Path) -> Iterator[Path]:
    """The XML of forms in their usual places; only the first file of a place is looked into."""
    for place in (*XML_FOLDERS, "."):
        files = sorted((root / place).glob("*.xml"))
        if files and re.search(rb"<form\s[^>]*writer-id", read_bytes(files[0])[:9999]):
            yield from files
            return


def _rows(root: Path) -> tuple[list[LineRow], str]:
    """The lines of lines.txt, else those that words.txt or the XML of the forms spell out; and which it was."""
    if (file := _find(root, "lines.txt")) is not None:
        return read_lines_txt(file), file.relative_to(root).as_posix()
    if (file := _find(root, "words.txt")) is not None:
        words, name = read_words_txt(file), file.relative_to(root).as_posix()
        lines = lines_of_words(words)
        known = _pictures(root)
        if not any(row.id in known for row in lines) and any(row.id in known for row in words):
            return words, f"{name} (each word is taken for a line)"
        return lines, name
    forms = [(path, read_form_xml(path)) for path in _xml_forms(root)]
    rows = {
        line_id: LineRow(0, line_id, "ok", 0, 0, (0, 0, 0, 0), text)
        for _, form in forms
        for line_id, text in form.texts.items()
        if text.strip() and is_line_id(line_id)
    }
    if rows:
        return list(rows.values()), forms[0][0].parent.relative_to(root).as_posix() + "/*.xml"
    looked = ", ".join(_inside(place, "lines.txt") for place in TEXT_FOLDERS)
    packed = ", ".join(sorted(path.name for path in root.glob("*.tgz")))
    remedy = f"unpack {packed}" if packed else "unpack ascii.tgz there, if this is IAM"
    raise HtrError(f"no lines.txt in {root}; looked at {looked}; {remedy}")


def _form_id(line_id: str) -> str:
    return "-".join(line_id.split("-")[:2])


def _names(line_id: str) -> dict[str, str]:
    """What the image patterns are filled with."""
    return {"id": line_id, "form": _form_id(line_id), "first": line_id.partition("-")[0]}


def _inside(place: str, name: str) -> str:
    return name if place == "." else f"{place}/{name}"


def _find(root: Path, name: str) -> Path | None:
    """A text file in one of its usual places."""
    places = (root / _inside(place, name) for place in TEXT_FOLDERS)
    return next((path for path in places if path.is_file()), None)


def _image_places(root: Path, rows: list[LineRow]) -> tuple[Callable[[str], Path], bool, str]:
    """Where the image of a line id is, whether any is there, and how the first is called within the folder.

    The pattern counts that finds most images of a sample; where none does, images are looked for by their names.
    """
    sample = [_names(row.id) for row in rows[:: len(rows) // 50 + 1]]
    hits = {
        pattern: sum((root / pattern.format_map(names)).is_file() for names in sample)
        for pattern in IMAGE_PATTERNS
    }
    best = max(IMAGE_PATTERNS, key=hits.__getitem__)  # the first of several equal ones: IAM's own
    known = {} if hits[best] else _pictures(root)

    def place(line_id: str) -> Path:
        return known.get(line_id) or root / best.format_map(_names(line_id))

    first = place(next((row.id for row in rows if row.id in known), rows[0].id))
    seen = bool(hits[best]) or any(row.id in known for row in rows)
    return place, seen, first.relative_to(root).as_posix()


def _pictures(root: Path) -> dict[str, Path]:
    """The pictures below a folder by their names without ending."""
    return {path.stem: path for path in root.rglob("*") if path.suffix.lower() in ENDINGS}


def _forms(root: Path, rows: list[LineRow]) -> tuple[dict[str, Form], str]:
    """The forms of the lines and of forms.txt, and where their writers come from ("" for nowhere)."""
    line_ids: dict[str, list[str]] = {}
    for row in rows:
        line_ids.setdefault(_form_id(row.id), []).append(row.id)
    forms_txt = _find(root, "forms.txt")
    known = {} if forms_txt is None else {row.id: row for row in read_forms_txt(forms_txt)}
    sources = [] if forms_txt is None else [forms_txt.relative_to(root).as_posix()]
    forms: dict[str, Form] = {}
    for form_id in dict.fromkeys([*line_ids, *known]):
        below = tuple(
            sorted(line_ids.get(form_id, []), key=lambda line_id: int(line_id.rpartition("-")[2]))
        )
        if form_id in known:
            forms[form_id] = Form(
                form_id, known[form_id].writer_id, below, known[form_id].stated_lines
            )
            continue
        candidates = (root / place / f"{form_id}.xml" for place in (*XML_FOLDERS, "."))
        xml = next((path for path in candidates if path.is_file()), None)
        forms[form_id] = Form(form_id, "" if xml is None else read_form_xml(xml).writer_id, below)
        if (
            xml is not None
            and (place := xml.parent.relative_to(root).as_posix() + "/") not in sources
        ):
            sources.append(place)
    return forms, " and ".join(sources)


def _texts(rows: list[LineRow], forms: dict[str, Form], to: Spacing) -> dict[str, str]:
    """Line id -> text. Form by form, because a quote may stay open from one line to the next."""
    texts = {row.id: " ".join(row.tokens.replace("|", " ").split()) for row in rows}
    if to == "natural":
        for form in forms.values():
            natural = natural_lines([texts[line_id] for line_id in form.line_ids])
            texts.update(zip(form.line_ids, natural, strict=True))
    return texts


def named(lines: Iterable[Line], file: str | Path) -> set[str]:
    """The ids of the lines whose writer, form (document) or own id the file names, one a row.

    Raises:
        HtrError: a name that is none of them, or the file does not read.
    """
    names = read_names(Path(file))
    of_line = {line.id: {line.id, line.form_id, line.writer_id} for line in lines}
    unknown = sorted(names.difference(*of_line.values()))
    if unknown:
        raise HtrError(
            f"{file}: no line here has the writer, form or id {unknown[0]!r} ({len(unknown)} of {len(names)} names); "
            "mend the file"
        )
    return {line_id for line_id, known in of_line.items() if names & known}
