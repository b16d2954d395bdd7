"""What is reported after a training: both spacing conventions, beside published results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from htr_utils import evaluation
from htr_utils.lines import iam
from htr_utils.network import fit


class Reader:
    """Reads every line rightly, but writes `x` for its first letter."""

    def __init__(self, lines: list[iam.Line]) -> None:
        self.texts = {line.path: line.text for line in lines}

    def read(self, paths: list[Any]) -> list[Any]:
        return [SimpleNamespace(text="x" + self.texts[path][1:]) for path in paths]


def test_both_conventions_convert_both_sides() -> None:
    folder = iam.read()
    lines = folder.split("validation")
    rates = evaluation.in_both_conventions(Reader(lines), folder, "validation")  # type: ignore[arg-type]
    assert [convention for convention, _, _ in rates] == ["natural", "raw"]
    raw = {line.id: line.text for line in iam.read(spacing="raw").split("validation")}
    wrong = sum(line.text[0] != "x" for line in lines)
    assert rates[0][1].edits == wrong
    assert rates[0][1].length == sum(len(line.text) for line in lines)
    assert rates[1][1].length == sum(map(len, raw.values()))  # as iam.read gives them
    table = evaluation.beside_published(rates, "validation")
    assert f"{100 * rates[0][1].value:.2f} [" in table
    assert "TrOCR" in table and "8.65" in table


@pytest.mark.parametrize(
    ("lines", "least", "most"), [(100, 60, 90), (2000, 35, 45), (6161, 20, 28), (1, 1, 5000)]
)
def test_default_epochs_suit_the_number_of_lines(lines: int, least: int, most: int) -> None:
    assert least <= fit.default_epochs(lines) <= most


def test_own_lines_are_parted_by_writer_where_there_are_ten() -> None:
    def line(n: int, writer: str) -> iam.Line:
        return iam.Line(str(n), "a", None, writer, writer, "ok", 0, 0, (0, 0, 0, 0))  # type: ignore[arg-type]

    train, watched = fit._own_lines([line(n, f"w{n % 20:02d}") for n in range(200)])
    assert {x.writer_id for x in watched} == {"w00", "w10"}
    assert not {x.writer_id for x in watched} & {x.writer_id for x in train}
    train, watched = fit._own_lines([line(n, "one") for n in range(30)])
    assert len(watched) == 3 and len(train) == 27
