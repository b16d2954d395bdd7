"""Is this folder fit to train and test on? Look before a night of training, not after it.

    report = check("IAM")
    print(report.text())

Copies of IAM are often damaged: an archive that stopped half-way, images of zero bytes, a folder missing.
`check` counts what is there against what should be, looks at the first and last bytes of every line image,
and tells whether a writer is in two splits. The whole of IAM takes seconds.
"""

from __future__ import annotations

import json
import os
import re
import string
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines.iam import IamFolder, Line, read

# IAM 3.0, counted in lines.txt and forms.txt.
IAM_COUNTS = {"lines": 13_353, "ok": 11_344, "err": 2_009}
IAM_COUNTS |= {"forms": 1_539, "writers": 657, "characters": 79}
IAM_FIRST_LINE = "a01-000u-00"  # a folder that has this line is taken for IAM
IAM_CHARACTERS = " !\"#&'()*+,-./:;?" + string.digits + string.ascii_letters
OFFICIAL_COUNTS = {"train": 6_161, "validation1": 900, "validation2": 940, "test": 1_861}

APART = ("train", "validation", "test")  # no writer may be in two of these
INTACT_SHARE = 0.99  # of the line images; below this a folder is not usable
LISTED = 10  # how many ids a problem names

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"  # the last chunk: length 0, its name, its checksum


class Count(NamedTuple):
    """A row of the table of counts."""

    name: str
    found: int
    known: int | None  # what it should be; None where nobody has said


@dataclass
class CheckReport:
    """What `check` found. `problems` are one-line strings that start with "error:" or "warning:"."""

    root: Path
    layout: str = ""
    counts: list[Count] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    # True where lines.txt reads, 99 % of the images are intact, no writer is in two splits.
    usable: bool = False

    def text(self) -> str:
        """The report as lines of text to print."""
        rows = [str(self.root), self.layout] if self.layout else [str(self.root)]
        for name, found, known in self.counts:
            note = (
                "" if known is None else "  as known" if found == known else f"  known: {known:,}"
            )
            rows.append(f"  {name:<24}{found:>8,}{note}")
        rows += self.problems or ["no problems"]
        rows.append("usable" if self.usable else "not usable: mend the errors above")
        return "\n".join(rows)


def check(root: str | Path | None = None, *, characters: str = IAM_CHARACTERS) -> CheckReport:
    """Check a folder in IAM layout. It never raises for what is wrong there: the report says it.

    Args:
        root: the folder; None for the embedded data, or what HTR_DATA names.
        characters: those that a recogniser can write; lines with others are reported.
    """
    try:
        report = CheckReport(paths.data_root() if root is None else paths.from_home(root))
        folder = read(report.root)
    except HtrError as error:
        return CheckReport(Path(root or "."), problems=[f"error: {error}"])
    report.layout = folder.layout
    report.counts = _counts(folder, report.problems)
    _check_texts(folder, characters, report.problems)
    intact = _check_images(folder, report.problems)
    apart = _check_splits(folder, report.problems)
    report.problems.sort(key=lambda problem: not problem.startswith("error:"))
    report.usable = intact and apart
    return report


def _listed(items: Iterable[str]) -> str:
    """The first few of many: "a, b, c and 12 more"."""
    every = list(items)
    more = f" and {len(every) - LISTED:,} more" if len(every) > LISTED else ""
    return ", ".join(every[:LISTED]) + more


def _counts(folder: IamFolder, problems: list[str]) -> list[Count]:
    """The table of counts; every difference from a known number is a warning."""
    statuses = Counter(line.status for line in folder.lines.values())
    found = {
        "lines": len(folder.lines),
        "ok": statuses["ok"],
        "err": statuses["err"],
        "forms": sum(bool(form.line_ids) for form in folder.forms.values()),
        "writers": len(folder.writers),
        "characters": len({character for line in folder.lines.values() for character in line.text}),
    }
    known = _known_counts(folder, problems)
    if unknown := sorted(set(known) - set(found)):
        problems.append(f"warning: data.json expects counts that are not made: {_listed(unknown)}")
    counts = [Count(name, number, known.get(name)) for name, number in found.items()]
    for task, lists in folder.tasks.items():
        for name, one in sorted(lists.items()):
            expected = (
                OFFICIAL_COUNTS.get(name) if known is IAM_COUNTS and task == "official" else None
            )
            counts.append(Count(f"{task} {name}", len(folder.expand([one])[0]), expected))
    for name, number, expected in counts:
        if expected not in (None, number):
            problems.append(f"warning: {name}: {number:,} found, {expected:,} known")
    return counts


def _known_counts(folder: IamFolder, problems: list[str]) -> dict[str, int]:
    """Those of data.json in the folder, else those of IAM where this is IAM."""
    path = folder.root / "data.json"
    if not path.is_file():
        return IAM_COUNTS if IAM_FIRST_LINE in folder.lines else {}
    try:
        known = json.loads(path.read_bytes()).get("expected_counts", {})
        if all(type(number) is int for number in known.values()):
            return dict(known)
        reason = "expected_counts must be whole numbers"
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        reason = str(error)
    problems.append(
        f"warning: {path} does not read ({reason}); the counts are compared with nothing"
    )
    return {}


def _check_texts(folder: IamFolder, characters: str, problems: list[str]) -> None:
    """Characters nobody knows, entities left over from XML, lines that forms.txt counts and nobody has."""
    lines = folder.lines.values()
    known = set(characters)
    strange: dict[str, list[str]] = {}
    for line in lines:
        for character in sorted(set(line.text) - known):
            strange.setdefault(character, []).append(line.id)
    if strange:
        each = (
            f"{character!r} ({len(ids):,}, first {ids[0]})"
            for character, ids in sorted(strange.items())
        )
        problems.append(f"warning: characters outside the charset, with lines: {_listed(each)}")
    entity = re.compile("&(quot|amp|apos);")
    escaped = [line.id for line in lines if entity.search(line.text)]
    if escaped:
        problems.append(f"warning: texts with XML entities such as &quot;: {_listed(escaped)}")
    short = [
        f"{form.id} ({len(form.line_ids)} of {form.stated_lines})"
        for form in folder.forms.values()
        if form.stated_lines not in (None, len(form.line_ids))
    ]
    if short:
        problems.append(
            f"warning: forms with other line counts than forms.txt says: {_listed(short)}"
        )


def _check_images(folder: IamFolder, problems: list[str]) -> bool:
    """Whether enough line images are intact."""
    lines = list(folder.lines.values())
    with ThreadPoolExecutor(max_workers=8) as pool:  # the time goes into waiting for the disk
        faults = list(pool.map(lambda line: image_fault(line.path), lines))
    damaged: dict[str, list[Line]] = {}
    for line, fault in zip(lines, faults, strict=True):
        if fault:
            damaged.setdefault(fault, []).append(line)
    share = 1 - sum(map(len, damaged.values())) / len(lines)
    level = "warning" if share >= INTACT_SHARE else "error"
    for fault, with_fault in sorted(damaged.items()):
        names = _listed(line.id for line in with_fault)
        problems.append(f"{level}: {len(with_fault):,} line images {fault}: {names}")
    missing = {line.path.parent for line in damaged.get("missing", [])}
    gone = sorted(path.relative_to(folder.root).as_posix() for path in missing if not path.is_dir())
    if gone:
        problems.append(
            f"{level}: {len(gone):,} image folders missing: {_listed(gone)}; unpack lines.tgz again"
        )
    return share >= INTACT_SHARE


def image_fault(path: Path) -> str:
    """What is wrong with a PNG, seen from its first and last bytes; "" when nothing is.

    A PNG starts with 8 fixed bytes and the IHDR chunk (width and height are its first 8 bytes) and ends
    with an IEND chunk. A file that was cut short has no IEND.
    """
    try:
        with path.open("rb") as file:
            head = file.read(24)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 64))  # some programs write a few bytes after the end
            tail = file.read()
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"unreadable ({error.strerror or error})"
    if size == 0:
        return "empty (0 bytes)"
    if not head.startswith(_PNG_SIGNATURE):
        return "no PNG"
    width, height = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if len(head) < 24 or _PNG_END not in tail:
        return "cut short"
    if head[12:16] != b"IHDR" or width == 0 or height == 0:
        return "without a size"
    return ""


def _check_splits(folder: IamFolder, problems: list[str]) -> bool:
    """Whether no writer is in two of train, validation and test, in any task."""
    unknown = [form.id for form in folder.forms.values() if form.line_ids and not form.writer_id]
    if unknown:
        problems.append(
            f"warning: {len(unknown):,} forms have no writer, so that splits are compared by form there: "
            f"{_listed(unknown)}; add forms.txt"
        )
    if not folder.tasks:
        problems.append(
            "warning: no split lists; put train.txt, validation.txt and test.txt in splits/"
        )
    apart = True
    for task in sorted(folder.tasks):
        # Writer, or form where the writer is unknown -> splits.
        splits_of: dict[str, list[str]] = {}
        for name, parts in folder.split_lists(task).items():
            found, without_line = folder.expand(parts)
            # `validation` of two halves is reported as those.
            if without_line and name == parts[0].name:
                problems.append(
                    f"warning: ids without a line in {parts[0].path}: {_listed(without_line)}"
                )
            if not found:
                problems.append(f"warning: the split {name!r} of the task {task!r} has no lines")
            if name in APART:
                lines = (folder.lines[line_id] for line_id in found)
                for who in dict.fromkeys(
                    line.writer_id or f"form {line.form_id}" for line in lines
                ):
                    splits_of.setdefault(who, []).append(name)
        shared = [
            f"{who} ({' and '.join(sorted(names, key=APART.index))})"
            for who, names in splits_of.items()
            if len(names) > 1
        ]
        if shared:
            apart = False
            problems.append(f"error: writers in two splits of the task {task!r}: {_listed(shared)}")
    return apart
