"""The table of readers of pages, from readings that are known."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from htr_utils import pages
from htr_utils.errors import HtrError
from htr_utils.readings import Reading
from workshop.measure import pagebench

ROWS = [
    {"file": "a.png", "kind": "photo", "lines": [{"text": "One", "polygon": [0, 0, 90, 20]}]},
    {"file": "b.png", "kind": "scan", "lines": [{"text": "Two", "polygon": [0, 0, 90, 20]}]},
]


def test_counts_are_added_up_by_kind_and_the_table_names_them() -> None:
    read = [[{"text": "one", "polygon": [0, 0, 90, 20]}], []]
    sums = {fold: pagebench.counts(ROWS, read, [0.5, 1.5], fold) for fold in (False, True)}
    assert list(sums[False]) == ["photo", "scan", "all"]
    assert sums[False]["photo"]["edits"] == 1 and sums[True]["photo"]["edits"] == 0
    lines = pagebench.table({"ours": sums}).splitlines()
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells[:5] == ["ours", "photo", "1", "1", "1"] and cells[-1] == "0.50"
    assert [cell.strip() for cell in lines[-1].strip("|").split("|")][1:6] == [
        "all",
        "2",
        "2",
        "1",
        "1",
    ]
    assert len({line.count("|") for line in lines}) == 1


def test_a_folder_without_truth_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(HtrError, match=r"truth\.json"):
        pagebench.truths(tmp_path)
    (tmp_path / "truth.json").write_text(json.dumps(ROWS), encoding="utf-8")
    assert pagebench.truths(tmp_path) == ROWS


def test_pages_are_brought_to_a_size_and_places_are_those_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def find(grey: np.ndarray, judge: object) -> pages.Page:
        seen.append(grey.shape)
        return pages.whole(grey)

    class Reader:
        def read(self, crops: list, decoder: str) -> list:
            return [Reading("x", 1.0, (), 0.0)] * len(crops)

    monkeypatch.setattr(pagebench.Recognizer, "load", lambda model: Reader())
    monkeypatch.setattr(pages, "open_pages", lambda name: [np.zeros((300, 600), np.uint8)])
    monkeypatch.setattr(pages, "find", find)
    for side in (None, 1200, 150):
        made, _ = pagebench.ours([Path("a.png")], "course", "greedy", side)
        assert np.allclose(made[0][0]["polygon"], [[0, 0], [600, 0], [600, 300], [0, 300]])
    assert seen == [(300, 600), (600, 1200), (75, 150)]


def test_a_peer_that_is_not_installed_is_one_line() -> None:
    with pytest.raises(HtrError, match=r"kraken.*failed in"):
        pagebench.peer("kraken", sys.executable, [Path("a.png")])
