"""The page about training further: documents are learnt from or measured, never both, and a run replaces its row."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.errors import HtrError
from htr_utils.lines.iam import Line
from workshop.measure import adapt_report

ROW = adapt_report.Row(
    start="course",
    data="letters",
    documents=3,
    lines=30,
    unseen_documents=2,
    unseen_lines=20,
    before=(0.5, 0.4, 0.6),
    after=(0.2, 0.1, 0.3),
    difference=(-30.0, -40.0, -20.0),
    minutes=4.2,
    command="python -m a --lines 30",
    ran="htr train",
    machine="2 cores, Linux",
    date="2026-11-25",
)


def line(number: int, document: str) -> Line:
    return Line(str(number), "text", Path(f"{number}.png"), "", document)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from("abcdef"), min_size=2, max_size=60),
    st.integers(1, 70),
    st.integers(0, 9),
)
def test_a_document_is_learnt_from_or_measured(documents: list[str], count: int, seed: int) -> None:
    lines = [line(number, document) for number, document in enumerate(documents)]
    try:
        learnt, unseen = adapt_report.draw(lines, count, seed)
    except HtrError:
        # Even the best luck leaves nothing: drawing all but the last document drawn is not enough.
        assert count > len(lines) - max(documents.count(name) for name in set(documents))
        return
    assert len(learnt) == count and unseen
    assert not {one.writer_id for one in learnt} & {one.writer_id for one in unseen}
    measured = {one.writer_id for one in unseen}
    assert unseen == [one for one in lines if one.writer_id in measured], "whole documents"


def test_a_run_adds_its_row_or_replaces_it(tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    adapt_report.keep(ROW, figures, page)
    adapt_report.keep(replace(ROW, command="python -m a --lines 90", lines=90), figures, page)
    adapt_report.keep(replace(ROW, after=(0.1, 0.1, 0.2)), figures, page)
    text = page.read_text(encoding="utf-8")
    assert len(json.loads(figures.read_text(encoding="utf-8"))) == 2
    cells = "as by default | 20, 2 documents | 50.0 [40.0, 60.0] | 10.0 [10.0, 20.0] |"
    assert f"| course | 30 of letters, 3 documents | {cells}" in text
    assert "| `--epochs 3` |" in replace(ROW, command="python -m a -- --epochs 3").shown
    assert "-30.0 [-40.0, -20.0] | 20 % | 4 |" in text and "| 40 % |" in text


def test_the_page_says_what_was_measured() -> None:
    """The committed page is what the committed figures give."""
    root = Path(__file__).resolve().parents[3]
    figures = root / "docs" / "measured" / "experiments" / "adapting.json"
    rows = [adapt_report.Row(**one) for one in json.loads(figures.read_text(encoding="utf-8"))]
    assert (root / "docs" / "measured" / "adapting.md").read_text(
        encoding="utf-8"
    ) == adapt_report.page(rows)


@pytest.mark.slow
def test_the_report_at_a_tiny_size(tmp_path: Path) -> None:
    """The real way on rendered letters: both rates, no folder of this machine."""
    from htr_utils.course import letters

    (pictures, texts), (more, others) = letters.material()
    folder = letters.keep([*pictures, *more], [*texts, *others], tmp_path / "letters")
    table = folder / "transcriptions.tsv"
    rows = table.read_text(encoding="utf-8").splitlines()
    named = [
        row.replace("\t", f"\t{'ab'[number >= len(texts)]}\t", 1) for number, row in enumerate(rows)
    ]
    table.write_text("\n".join(named) + "\n", encoding="utf-8")
    row = adapt_report.run(folder, 5, "course", None, False, None, ["--epochs", "1"])
    assert row.lines == 5 and row.unseen_lines in (len(texts), len(others)) and row.minutes > 0
    assert str(tmp_path) not in row.command + row.ran and "--epochs 1" in row.ran
