"""Which line belongs to which split: the list files that come with IAM or lie in `splits/`.

A published error rate means nothing without its split, and IAM has two in common use:

- `official`, the "large writer independent text line recognition task": trainset.txt,
  validationset1.txt, validationset2.txt, testset.txt, with line ids;
- `aachen`: tr.lst, va.lst, te.lst (or train.uttlist and so on), usually with form ids;
- `own`: any other `splits/<name>.txt`, as in the embedded data.

A list holds one line id or form id a row; a form id stands for all lines of that form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from htr_utils.errors import HtrError
from htr_utils.lines.iam_files import data_rows

_OFFICIAL_FOLDER = "largeWriterIndependentTextLineRecognitionTask"
PLACES = (
    "splits",
    "split",
    ".",
    "ascii",
    _OFFICIAL_FOLDER,
    f"ascii/{_OFFICIAL_FOLDER}",
    f"splits/{_OFFICIAL_FOLDER}",
    "task",
    "aachen",
    "splits/official",
    "splits/aachen",
)
_FILES = {
    "trainset.txt": ("official", "train"),
    "validationset1.txt": ("official", "validation1"),
    "validationset2.txt": ("official", "validation2"),
    "testset.txt": ("official", "test"),
    "tr.lst": ("aachen", "train"),
    "va.lst": ("aachen", "validation"),
    "te.lst": ("aachen", "test"),
    "train.uttlist": ("aachen", "train"),
    "validation.uttlist": ("aachen", "validation"),
    "test.uttlist": ("aachen", "test"),
}
# Lower case: a README.txt beside the lists is none of them, nor are the `._` files of macOS.
_OWN_FILE = re.compile(r"[a-z0-9][a-z0-9_-]*\.txt")
_OTHER_NAMES = {
    "tr": "train",
    "va": "validation",
    "val": "validation",
    "valid": "validation",
    "te": "test",
}


@dataclass(frozen=True)
class SplitList:
    """A list file as it was written: its ids are not looked up yet."""

    task: str
    name: str
    path: Path
    ids: tuple[str, ...]


def find_lists(root: Path) -> dict[str, dict[str, SplitList]]:
    """Task -> split name -> list, from the usual places; where a list is in two places, the first counts.

    Raises:
        HtrError: a list that is not UTF-8, or two lists of one name in one place.
    """
    tasks: dict[str, dict[str, SplitList]] = {}
    for place in PLACES:
        found: dict[tuple[str, str], Path] = {}
        for path in sorted((root / place).glob("*")):
            key = _task_and_name(path)
            if key is None:
                continue
            if key in found:
                raise HtrError(
                    f"{path} and {found[key].name} both are the split {key[1]!r}; keep one"
                )
            found[key] = path
        for (task, name), path in found.items():
            lists = tasks.setdefault(task, {})
            if name not in lists:
                ids = tuple(row.removesuffix(".png") for _, row in data_rows(path))
                lists[name] = SplitList(task, name, path, ids)
    return tasks


def _task_and_name(path: Path) -> tuple[str, str] | None:
    """The task and the split of a list file, or None when the file is no list."""
    key = _FILES.get(path.name)
    if key is None and path.parent.name in ("splits", "split") and _OWN_FILE.fullmatch(path.name):
        key = "own", _OTHER_NAMES.get(path.stem, path.stem)
    return key if key is not None and path.is_file() else None


def expand(
    ids: Iterable[str], lines: Mapping[str, object], forms: Mapping[str, tuple[str, ...]]
) -> tuple[list[str], list[str]]:
    """Line ids for a list of line ids and form ids, each once, in order; and the ids that are neither.

    Args:
        lines: has the known line ids as keys.
        forms: form id -> ids of its lines.
    """
    found: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for item in ids:
        members = (item,) if item in lines else forms.get(item, ())
        found.update(dict.fromkeys(members))
        if not members:
            unknown[item] = None
    return list(found), list(unknown)
