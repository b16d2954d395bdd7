"""Is this folder fit to train and test on? Look before a night of training, not after it.

    report = check("my_folder")
    print(report.text())

Copies of IAM are often damaged: an archive that stopped half-way, images of zero bytes, a folder missing. Folders of
one's own have rows without a picture, texts of another line, the same picture twice. `check` takes whatever
`labels.look` knows, counts, looks at the first and last bytes of every image, and tells whether a writer is in two
splits. 100,000 lines take under two minutes.
"""

from __future__ import annotations

import json
import string
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.lines import labels, looks
from htr_utils.lines.iam import IamFolder, Line, is_layout, read
from htr_utils.lines.looks import listed

# IAM 3.0, counted in lines.txt and forms.txt.
IAM_COUNTS = {"lines": 13_353, "ok": 11_344, "err": 2_009}
IAM_COUNTS |= {"forms": 1_539, "writers": 657, "characters": 79}
IAM_FIRST_LINE = "a01-000u-00"  # a folder that has this line is taken for IAM
IAM_CHARACTERS = " !\"#&'()*+,-./:;?" + string.digits + string.ascii_letters
OFFICIAL_COUNTS = {"train": 6_161, "validation1": 900, "validation2": 940, "test": 1_861}

APART = ("train", "validation", "test")  # no writer may be in two of these
INTACT_SHARE = 0.99  # of the line images; below this a folder is not usable


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
    usable: bool = False  # all rows read, 99 % of the images are intact, no writer is in two splits
    lines: list[Line] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)  # to choose from with --task, where one must

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
    """Check a folder. It never raises for what is wrong there: the report says it.

    Args:
        root: the folder, or a file of labels; None for the embedded data, or what HTR_DATA names.
        characters: those that a recogniser can write; lines with others are reported.
    """
    try:
        report = CheckReport(paths.data_root() if root is None else paths.from_home(root))
        if not is_layout(report.root):
            return _check_own(report, characters)
        folder = read(report.root)
    except HtrError as error:
        return CheckReport(Path(root or "."), problems=[f"error: {error}"])
    report.layout, report.lines = folder.layout, list(folder.lines.values())
    report.counts = _counts(folder, report.problems)
    _check_texts(report.lines, characters, report.problems)
    _check_forms(folder, report.problems)
    intact = _check_images(folder.root, report.lines, report.problems)
    ready = [
        task for task in ("own", "official", "aachen") if "train" in folder.tasks.get(task, ())
    ]
    if folder.tasks and not ready:
        report.problems.append("error: no list of training lines; put train.txt in splits/")
    if len(folder.tasks) > 1 and ready[:1] != ["own"]:
        report.tasks = ready
    apart = _check_splits(folder, report.problems)
    report.problems.sort(key=lambda problem: not problem.startswith("error:"))
    report.usable = intact and apart and bool(ready or not folder.tasks)
    return report


def _check_own(report: CheckReport, characters: str) -> CheckReport:
    """The same for a folder that is not in IAM layout; a row that does not read is an error, as it ends a training."""
    found, faults = labels.look(report.root), dict[str, list[str]]()
    report.layout = found.kind
    lines = report.lines = found.lines(
        lambda kind, fault: faults.setdefault(kind, []).append(fault)
    )
    report.problems += [
        f"error: {len(every):,} {kind}, first {every[0]}" for kind, every in faults.items()
    ]
    numbers = {
        "lines": len(lines),
        "writers": len({line.writer_id for line in lines} - {""}),
        "characters": len({c for line in lines for c in line.text}),
        **{name: len(part) for name, part in sorted(labels.splits(lines).items())},
    }
    report.counts = [Count(name, number, None) for name, number in numbers.items()]
    _check_texts(lines, characters, report.problems)
    intact = bool(lines) and _check_images(found.root, lines, report.problems)
    report.problems.sort(key=lambda problem: not problem.startswith("error:"))
    report.usable = intact and not faults
    return report


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
        problems.append(f"warning: data.json expects counts that are not made: {listed(unknown)}")
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


def _check_texts(lines: Iterable[Line], characters: str, problems: list[str]) -> None:
    """Characters nobody knows, and entities left over from XML."""
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
        problems.append(f"warning: characters outside the charset, with lines: {listed(each)}")
    entities = ("&quot;", "&amp;", "&apos;")
    if escaped := [line.id for line in lines if any(name in line.text for name in entities)]:
        problems.append(f"warning: texts with XML entities such as &quot;: {listed(escaped)}")


def _check_forms(folder: IamFolder, problems: list[str]) -> None:
    """Lines that forms.txt counts and nobody has."""
    short = [
        f"{form.id} ({len(form.line_ids)} of {form.stated_lines})"
        for form in folder.forms.values()
        if form.stated_lines not in (None, len(form.line_ids))
    ]
    if short:
        problems.append(
            f"warning: forms with other line counts than forms.txt says: {listed(short)}"
        )


def _check_images(root: Path, lines: list[Line], problems: list[str]) -> bool:
    """Whether enough pictures are intact; which are damaged, too small for their texts, or there twice."""
    with ThreadPoolExecutor(max_workers=8) as pool:  # the time goes into waiting for the disk
        seen = list(pool.map(looks.look, lines))
    damaged: dict[str, list[Line]] = {}
    for line, look in zip(lines, seen, strict=True):
        if look.fault:
            damaged.setdefault(look.fault, []).append(line)
    share = 1 - sum(map(len, damaged.values())) / len(lines)
    level = "warning" if share >= INTACT_SHARE else "error"
    for fault, with_fault in sorted(damaged.items()):
        names = listed(line.id for line in with_fault)
        problems.append(f"{level}: {len(with_fault):,} line images {fault}: {names}")
    missing = {line.path.parent for line in damaged.get("missing", [])}
    gone = sorted(path.relative_to(root).as_posix() for path in missing if not path.is_dir())
    if gone:
        problems.append(
            f"{level}: {len(gone):,} image folders missing: {listed(gone)}; unpack lines.tgz again"
        )
    whole = [(line, look) for line, look in zip(lines, seen, strict=True) if not look.fault]
    problems += [f"warning: {one}" for one in looks.doubtful(whole)]
    return share >= INTACT_SHARE


def _check_splits(folder: IamFolder, problems: list[str]) -> bool:
    """Whether no writer is in two of train, validation and test, in any task."""
    unknown = [form.id for form in folder.forms.values() if form.line_ids and not form.writer_id]
    if unknown:
        problems.append(
            f"warning: {len(unknown):,} forms have no writer, so that splits are compared by form there: "
            f"{listed(unknown)}; add forms.txt"
        )
    if not folder.tasks:
        problems.append(
            "warning: no split lists: every tenth writer will choose the best epoch; or put train.txt, "
            "validation.txt and test.txt in splits/"
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
                    f"warning: ids without a line in {parts[0].path}: {listed(without_line)}"
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
            problems.append(f"error: writers in two splits of the task {task!r}: {listed(shared)}")
    return apart
