"""Lines in any form written in another: a table, IAM's layout, a text beside each picture, PAGE XML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from htr_utils import files, formats, results
from htr_utils.errors import HtrError
from htr_utils.lines import images, labels, spacing, tables
from htr_utils.lines.iam import Line


def convert(source: str | Path, out: str | Path, to: str) -> int:
    """Write the lines of `source` to a folder; returns how many they are.

    Pictures are copied, or cut out where they lie in other files. "iam" calls forms by their writers' numbers, as
    forms.txt says; "tsv" and "gt.txt" keep the names. "page" gives each picture a page of one line.

    Raises:
        HtrError: what reading raises; the folder holds something.
    """
    folder = Path(out)
    if folder.is_dir() and any(folder.iterdir()):
        raise HtrError(f"{out}: is not empty; name a new folder")
    lines = _lines(source)
    ways = {"iam": _as_iam, "tsv": _as_table, "gt.txt": _beside, "page": _as_pages}
    written = ways[to](lines, folder)
    for name, content in written.items():
        files.write_text(folder / name, content)
    return len(lines)


def _lines(source: str | Path) -> list[Line]:
    """All lines of a folder, each with its split; where IAM comes with several tasks, without."""
    found = labels.open_lines(source)
    if (folder := found.folder) is None:
        return found.lines
    parts = folder.split_lists() if len(folder.tasks) == 1 or "own" in folder.tasks else {}
    names = [name for name in ("train", "validation", "test") if name in parts]
    split = {i: name for name in names for i in folder.expand(parts[name])[0]}
    return [replace(line, split=split.get(line.id, "")) for line in found.lines]


def _copy(line: Line, place: Path) -> Path:
    """Write a line's picture at a place that has no ending yet; returns where it is."""
    if line.part is None:
        place = place.with_name(place.name + line.path.suffix.lower())
        files.write_bytes(place, images.content(line.path))
    else:
        place = place.with_name(place.name + ".png")
        images.save(place, line.image())
    return place


def _named(lines: Sequence[Line]) -> list[tuple[str, Line]]:
    """Each line with a name that every file system takes, and that no other line has."""
    taken: dict[str, int] = {}
    named = []
    for line in lines:
        name = re.sub(r"[^\w./-]|\.\.", "_", line.id).strip("/.") or "line"
        if line.split and not name.startswith(f"{line.split}/"):
            name = f"{line.split}/{name}"
        again = taken[name.lower()] = taken.get(name.lower(), 0) + 1
        named.append((name if again == 1 else f"{name}_{again}", line))
    return named


def _as_table(lines: Sequence[Line], folder: Path) -> dict[str, str]:
    rows = [("file", "writer", "text")]
    for name, line in _named(lines):
        place = _copy(line, folder / name).relative_to(folder).as_posix()
        rows.append((place, line.writer_id, line.text))
    return {"transcriptions.tsv": tables.written(rows)}


def _beside(lines: Sequence[Line], folder: Path) -> dict[str, str]:
    written = {}
    for name, line in _named(lines):
        place = _copy(line, folder / name).relative_to(folder)
        written[labels.bare(place.as_posix()) + ".gt.txt"] = line.text + "\n"
    return written


def _as_pages(lines: Sequence[Line], folder: Path) -> dict[str, str]:
    written = {}
    for name, line in _named(lines):
        place = _copy(line, folder / name).relative_to(folder)
        h, w = line.image().shape
        corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], float)
        page = results.ReadPage(
            place.name, w, h, (results.ReadLine(line.text, corners, (0, 0, w, h)),)
        )
        written[f"{labels.bare(place.as_posix())}.xml"] = formats.render([page], "page")[0]
    return written


def _as_iam(lines: Sequence[Line], folder: Path) -> dict[str, str]:
    writers: dict[str, int] = {}
    forms: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:  # lines that nobody says are of one page share no quotes
        writers.setdefault(line.writer_id or line.form_id, len(writers))
        forms.setdefault(
            (line.writer_id or line.form_id, line.form_id or line.id, line.split), []
        ).append(line)
    rows, known, splits = list[str](), list[str](), dict[str, list[str]]()
    for number, ((writer, _, split), inside) in enumerate(forms.items()):
        form = f"w{writers[writer]:03}-{number:03}"
        known.append(f"{form} {writers[writer]:03} 1 all {len(inside)} {len(inside)} 0 0")
        splits.setdefault(split, []).append(form)
        raw = spacing.convert([line.text.replace("|", "/") for line in inside], "raw")
        for at, (line, text) in enumerate(zip(inside, raw, strict=True)):
            _copy(line, folder / "lines" / form.partition("-")[0] / form / f"{form}-{at:02}")
            rows.append(f"{form}-{at:02} ok 128 0 0 0 0 0 {'|'.join(text.split())}")
    lists = {f"splits/{name}.txt": forms for name, forms in splits.items() if name}
    files = {"ascii/lines.txt": rows, "ascii/forms.txt": known, **lists}
    return {name: "\n".join([*content, ""]) for name, content in files.items()}
