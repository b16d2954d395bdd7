"""Networks trained for equal times: the candidates exist, a tiny comparison runs, the table is sorted and kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.network import models
from workshop.measure import compare


@pytest.mark.parametrize("name", compare.CANDIDATES)
def test_every_candidate_can_be_built(name: str) -> None:
    given = compare.candidate(name)
    chosen = given.network
    assert given.batch > 0 and given.precision in ("float32", "bfloat16") and 0 <= given.share < 1
    width = chosen.preparation.width or 96
    assert models.frames(np.array([width]), chosen) == [width // chosen.frame_step]
    assert models.macs(chosen, 80, 96) > 0


def test_an_unknown_candidate_is_one_line() -> None:
    with pytest.raises(HtrError, match=r"huge.*wide"):
        compare.candidate("huge")


class _Bars:
    """Lines of black bars, one for each letter of a text of one letter."""

    def __init__(self, given: compare.Candidate, count: int) -> None:
        self.height, self.count = given.network.preparation.height, count

    def __len__(self) -> int:
        return self.count

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        ink = np.zeros((self.height, 64), np.uint8)
        ink[8:-8, 10:14] = 255
        return ink, "l"


@pytest.mark.slow
def test_a_tiny_comparison_counts_what_was_seen() -> None:
    row = compare.measure("LSTM of 128", _Bars, 1.0, [], [])
    assert row.lines > 0 and row.lines_per_second > 0 and row.other is None


def test_the_table_has_the_best_first_and_finished_rows_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        compare.Row("a", 10**6, 20.0, 100, 9.0, None),
        compare.Row("b", 2 * 10**6, 30.0, 150, 7.0, None),
    ]
    text = compare.table(rows, 1, "cmd", None)
    assert text.index("| b |") < text.index("| a |") and "2.00 M" in text
    assert "Not measured yet; the command goes on with them: wide, course," in text
    target = tmp_path / "t.md"
    asked = {
        "minutes": 2.0,
        "data": None,
        "leave-out": None,
        "fold": False,
        "text": [],
        "fonts": [],
    }
    kept = {"asked": asked, "rows": [vars(row) for row in rows]}
    target.with_suffix(".json").write_text(json.dumps(kept))
    monkeypatch.setattr(compare, "CANDIDATES", {"a": {}, "b": {}})
    monkeypatch.setattr(compare.material, "training_fonts", lambda folders: [])
    done = CliRunner().invoke(compare.main, ["--minutes", "2", "--to", str(target)])
    assert done.exit_code == 0, done.output
    written = target.read_text(encoding="utf-8")
    assert "| b | 2.00 M | 30.0 | 150 | 0.1 | 7.0 |" in written
    other = CliRunner().invoke(compare.main, ["--minutes", "3", "--to", str(target)])
    assert (
        other.exit_code == 1
        and "another --minutes" in other.output
        and "Traceback" not in other.output
    )
    assert target.read_text(encoding="utf-8") == written
    wrong = CliRunner().invoke(compare.main, ["--network", "huge"])
    assert wrong.exit_code == 1 and wrong.output.startswith("Error: no candidate 'huge'")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("/home/me/lines", "lines"),
        ("../lines", "lines"),
        ("jls=../shared/jls", "jls=jls"),
        ("--to=docs/a.md", "--to=docs/a.md"),
        ("--fold", "--fold"),
        ("0.5", "0.5"),
    ],
)
def test_a_command_names_what_lies_outside_by_its_last_part(given: str, told: str) -> None:
    assert paths.as_told(given) == told
