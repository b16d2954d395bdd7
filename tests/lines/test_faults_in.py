"""Wounds in every form of labels: one line or the lines as they stand there, never a traceback, never another text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from htr_utils.errors import HtrError
from htr_utils.lines import labels
from tests.helpers.iam_fake import write
from tests.lines.test_formats_in import (
    FORMATS,
    NAMES,
    TEXTS,
    alto_xml,
    objects,
    page,
    page_xml,
    pictures,
)

EACH = 250  # mutated files of each form, 2,000 in all


def wounds(data: bytes, count: int, seed: int) -> list[bytes]:
    """Copies with bytes changed, cut out, doubled, or the end lost."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        at, size = int(rng.integers(len(data))), int(rng.integers(1, 9))
        junk = bytes(rng.choice(list(b'"\t\n,;<>/=&{}[]\x00\xff\r 0-'), size).tolist())
        kind = rng.integers(5)
        made.append(
            [
                data[:at] + junk + data[at + size :],
                data[:at] + junk + data[at:],
                data[:at] + data[at + size :],
                data[:at] + data[at : at + size] + data[at:],
                data[:at],
            ][kind]
        )
    return made


def read_or_one_line(root: Path) -> list[labels.Line] | None:
    told: list[str] = []
    try:
        found = labels.look(root)
        found.lines(lambda kind, fault: told.append(fault))
        assert all("\n" not in fault for fault in told)
        return found.lines()
    except HtrError as error:
        assert "\n" not in str(error), str(error)
        return None


@pytest.mark.parametrize(
    "name", ["csv", "tsv of Excel", "gt.txt with blanks", "docTR", "JSON lines", "csv of pandas"]
)
def test_a_damaged_table(tmp_path: Path, name: str) -> None:
    pictures(tmp_path)
    FORMATS[name](tmp_path)
    (table,) = (
        path
        for path in tmp_path.iterdir()
        if path.suffix in (".csv", ".tsv", ".txt", ".json", ".jsonl")
    )
    data, kept = table.read_bytes(), 0
    for damaged in wounds(data, EACH, seed=1):
        table.write_bytes(damaged)
        lines = read_or_one_line(tmp_path)
        kept += lines is not None
        # What is read of a row that has no wound is what stood there.
        whole = damaged.decode("utf-8", "replace")
        for line in lines or ():
            place = line.path.relative_to(tmp_path).as_posix()
            true = TEXTS[NAMES.index(place)]
            if line.text != true:
                rows = [
                    row for row in data.decode("utf-8").splitlines() if place.split("/")[-1] in row
                ]
                assert len(rows) > 1 or rows[0] not in whole.splitlines(), (line.text, true)
    assert kept > 10


@pytest.mark.parametrize("make", [page_xml, alto_xml])
def test_a_damaged_page_file(tmp_path: Path, make: object) -> None:
    _, lines = page(tmp_path)
    data = make(lines, True, True).encode()  # type: ignore[operator]
    file = write(tmp_path / "p1.xml", data)
    kept = 0
    for damaged in wounds(data, EACH, seed=2):
        file.write_bytes(damaged)
        found = read_or_one_line(tmp_path)
        for line in found or ():
            kept += 1
            try:
                assert line.image().ndim == 2
            except HtrError as error:
                assert "\n" not in str(error)
    assert kept > 10


def test_damaged_parquet(tmp_path: Path) -> None:
    pictures(tmp_path)
    FORMATS["parquet"](tmp_path)
    file = tmp_path / "data.parquet"
    data = file.read_bytes()
    for damaged in wounds(data, 60, seed=3):
        file.write_bytes(damaged)
        for line in read_or_one_line(tmp_path) or ():
            try:
                line.image()
            except HtrError as error:
                assert "\n" not in str(error)


def test_odd_json(tmp_path: Path) -> None:
    pictures(tmp_path)
    for odd in ("[" * 100_000, "{}", "[]", "1", "null", '{"a": {"b": 1}}', json.dumps([objects()])):
        write(tmp_path / "labels.json", odd.encode())
        assert read_or_one_line(tmp_path) is None
