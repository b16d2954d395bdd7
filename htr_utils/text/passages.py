"""The passages that the embedded data is written from: `data/passages.tsv`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from htr_utils.errors import HtrError


@dataclass(frozen=True)
class Passage:
    """A text to be written: id, split, genre, text."""

    id: str
    split: str
    genre: str
    text: str


def read_passages(path: Path) -> list[Passage]:
    """The rows of `passages.tsv`; HtrError names the first bad one."""
    found = []
    for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if row.startswith("#") or row.startswith("id\t") or not row.strip():
            continue
        columns = row.split("\t")
        if len(columns) != 4 or columns[1] not in ("train", "validation", "test"):
            raise HtrError(
                f"{path}, line {number}: needs id, split, genre and text, parted by tabs"
            )
        found.append(Passage(*columns))
    return found
