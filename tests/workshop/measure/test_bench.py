"""Side by side: fair folding, the paired interval, what a failing process says, the document."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from htr_utils import HtrError, paths
from htr_utils.lines import iam
from htr_utils.text import metrics
from workshop.measure import bench_report, peers, side_by_side
from workshop.measure.bench import main
from workshop.publish import cards

PAIRS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 60)), min_size=1, max_size=12
)


def test_letters_leave_neither_case_nor_punctuation_nor_accents():
    truth = "Élise didn't say: \u201cœuvre - No. 5!\u201d"
    assert (
        side_by_side.letters(truth)
        == side_by_side.letters("ELISE DIDN'T SAY OEUVRE NO 5")
        == "elise didnt say oeuvre no 5"
    )
    assert side_by_side.plain("  caf\u00e9 \u2014\tno ") == "cafe - no"


def test_a_reader_of_upper_case_words_is_perfect_by_letters_alone():
    truths = ["My dear Sir,", "it is - I think - late.", "Nos 7 & 8"]
    shouted = [side_by_side.letters(text).upper() for text in truths]
    found = side_by_side.score(shouted, truths, ["a", "a", "b"])
    assert found["letters"]["value"] == 0 and found["cer"]["value"] > 30
    assert found["cer"]["documents"] == [
        [
            sum(metrics.edits(a, b) for a, b in zip(shouted[:2], truths[:2], strict=True)),
            len("".join(truths[:2])),
        ],
        [metrics.edits(shouted[2], truths[2]), len(truths[2])],
    ]


@given(PAIRS)
def test_the_paired_interval_is_that_of_a_plain_loop(rows):
    ours, theirs = [(a, n) for a, _, n in rows], [(b, n) for _, b, n in rows]
    value, low, high = side_by_side.paired(ours, theirs)
    total = sum(n for _, _, n in rows)
    assert value == pytest.approx(
        100 * (sum(a for a, _, _ in rows) - sum(b for _, b, _ in rows)) / total
    )
    rng, drawn = np.random.default_rng(0), []
    for draw in rng.integers(len(rows), size=(side_by_side.SAMPLES, len(rows))):
        picked = [rows[i] for i in draw]
        drawn.append(100 * sum(a - b for a, b, _ in picked) / sum(n for _, _, n in picked))
    assert (low, high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))


@given(PAIRS, st.integers(-3, 3))
def test_what_makes_a_document_hard_for_both_falls_out(rows, better):
    """Two readers that differ by one in every hundred letters everywhere: no spread is left."""
    ours = [(100 * a + better * n, 100 * n) for a, _, n in rows]
    theirs = [(100 * a, 100 * n) for a, _, n in rows]
    assert side_by_side.paired(ours, theirs) == pytest.approx((better, better, better))
    with pytest.raises(ValueError, match="other documents"):
        side_by_side.paired(ours, [(1, 1)] * len(rows))


@pytest.fixture
def stand_in(tmp_path):
    """A program that answers like a Python with RapidOCR: it reads every line as its own name, and one worse."""
    if os.name == "nt":
        pytest.skip("needs a script that can be started")
    file = tmp_path / "python-of-peers"
    file.write_text(
        f"#!{sys.executable}\n"
        "import json, sys\n"
        "if sys.argv[-1] == 'list':\n    print(json.dumps({'rapidocr': '9.9'})); sys.exit()\n"
        "job = json.load(sys.stdin)\n"
        "if 'cut' not in job['setting']: text = 'it is late'\n"
        "else: text = '?'\n"
        "print(json.dumps({'texts': [text] * len(job['files']), 'load': 1.5, 'first': 0.25, 'seconds': 2,\n"
        "                  'peak': None}))\n"
    )
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def test_one_run_gives_table_and_figure(stand_in, tmp_path, monkeypatch):
    monkeypatch.setattr(
        side_by_side,
        "find_peers",
        lambda python, find=side_by_side.find_peers: {
            name: one for name, one in find(python).items() if name == "rapidocr"
        },
    )
    lines = iam.read().split("test")[::100]
    said = []
    job = side_by_side.Job(["course"], [], lines, [], [str(stand_in)], say=said.append)
    found = side_by_side.run(job)
    ours, theirs = found["readers"]
    assert ours["name"] == "course" and ours["lines_per_second"] > 0 and ours["peak"] > 100
    assert ours["scores"]["cer"]["value"] < 30 < theirs["scores"]["cer"]["value"]
    assert theirs["lines_per_second"] == len(lines) / 2 and "whole picture" in theirs["setting"]
    assert found["missing"] == ["EasyHTR", "Tesseract"]
    assert found["differences"][0]["cer"][2] < 0  # ours is better, and its interval says so
    table, figure = side_by_side.write(
        found, tmp_path / "docs" / "x.md", command="htr bench", title="embedded"
    )
    text = table.read_text(encoding="utf-8")
    assert "| RapidOCR 9.9 |" in text and "course - RapidOCR" in text and "(x.png)" in text
    assert "Presets" not in text and str(tmp_path) not in text
    assert figure.read_bytes().startswith(b"\x89PNG") and figure.stat().st_size < 120_000
    assert not any(line.text in text for line in lines)


@pytest.mark.parametrize("peak", [1095.4, None])
def test_the_card_has_the_speed_of_its_very_model(peak, tmp_path):
    model = tmp_path / "mine.keras"
    shutil.copy(paths.model_file("course"), model)
    ours = {"lines_per_second": 88.04, "peak": peak, "load": 3.3, "first": 0.95}
    found = {"readers": [ours], "lines": 558, "machine": "2 cores", "date": "2026-01-02"}
    kept = side_by_side.keep_speed(found, model, "htr bench")
    figures = tmp_path / "metrics.json"
    figures.write_text("{}")
    text = cards.write(model, figures).read_text(encoding="utf-8")
    memory = "1,095 MB of memory at most, " if peak else ""
    assert (
        f"**Reading**: 88 lines a second, {memory}the first line 4.2 s after the start; 558 embedded"
        in text
    )
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"sha256": "another model's"}))
    assert "**Reading**" not in cards.write(model, figures).read_text(encoding="utf-8")


@pytest.mark.parametrize("figures", [False, True])
def test_a_model_without_figures_is_measured_and_gets_no_card(figures, tmp_path, monkeypatch):
    """What was measured is kept even where the model has no metrics.json, and so no card to write it on."""
    model = tmp_path / "mine.keras"
    shutil.copy(paths.model_file("course"), model)
    if figures:
        (tmp_path / "metrics.json").write_text("{}")
    ours = {"lines_per_second": 88.0, "peak": 900.0, "load": 3.3, "first": 0.95}
    found = {"readers": [ours], "lines": 558, "machine": "2 cores", "date": "2026-01-02"}
    table = tmp_path / "bench.md"
    table.write_text("the table")
    monkeypatch.setattr(side_by_side, "run", lambda job: found)
    monkeypatch.setattr(side_by_side, "write", lambda *_, **__: (table, tmp_path / "bench.png"))
    result = CliRunner().invoke(main, ["--model", str(model), "--no-peers", "--no-speed"])
    assert result.exit_code == 0 and "the table" in result.output, result.output
    made = {file.name for file in tmp_path.iterdir()} - {"mine.keras", "metrics.json", "bench.md"}
    assert made == ({"mine.speed.json", "mine.md"} if figures else set())


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ((), "samples, all lines"),
        (("--split", "letters"), "samples, letters"),
        (("--split", "test"), None),
    ],
)
def test_lines_without_splits_are_never_called_a_test_split(options, title, tmp_path, monkeypatch):
    seen = {}
    table = tmp_path / "bench.md"
    table.write_text("the table")
    monkeypatch.setattr(side_by_side, "run", lambda job: {})
    monkeypatch.setattr(
        side_by_side, "write", lambda *_, **told: (seen.update(told), (table, table))[1]
    )
    words = [
        "--data",
        str(paths.embedded_root() / "samples"),
        "--no-peers",
        "--no-speed",
        "--to",
        str(table),
    ]
    result = CliRunner().invoke(main, [*words, *options])
    assert seen.get("title") == title, result.output
    assert result.exit_code == (title is None) and ("has no split 'test'" in result.output) == (
        title is None
    )


def test_without_embedded_lines_the_speed_asks_to_be_left_out(monkeypatch):
    """As from a wheel: --data is given, so it is no remedy."""
    data, model = paths.embedded_root(), paths.model_file("course")
    monkeypatch.setattr(paths, "repo_root", lambda: None)
    result = CliRunner().invoke(main, ["--model", str(model), "--data", str(data), "--no-peers"])
    assert result.exit_code == 1 and "--no-speed" in result.output and "--data" not in result.output


def test_the_speed_of_a_preset_is_in_the_table():
    row = {
        "preset": "course",
        "parameters": 1_090_000,
        "batch": 1,
        "threads": 2,
        "read": 123.4,
        "load": 3.2,
        "first": 0.5,
        "read_peak": 812.3,
        "train": 9.87,
        "train_peak": None,
    }
    found = {
        "readers": [],
        "missing": ["EasyHTR"],
        "differences": [],
        "speed": [row],
        "lines": 3,
        "documents": 2,
        "machine": "m",
        "date": "d",
    }
    text = bench_report.markdown(found, command="htr bench", title="t", picture="p.png", alt="a")
    assert "not in the table: EasyHTR." in text
    assert "| course | 1.09 M | 1 | 2 | 123 lines/s | 0.50 s | 812 MB | 9.9 lines/s | ? |" in text


def test_speed_is_of_the_embedded_lines_whatever_is_read(monkeypatch):
    """As with --data: `lines` are those of the folder, `training` those of the course."""
    every, asked = iam.read(), {}
    answer = dict.fromkeys(
        ("seconds", "parameters", "load", "first", "peak", "lines_per_second"), 1
    )
    monkeypatch.setattr(
        side_by_side, "_measure", lambda what, job, _: asked.update({what: job}) or answer
    )
    ours = every.split("train")[:3]
    side_by_side._speed(
        side_by_side.Job([], ["course"], every.split("test")[:5], ours, say=lambda _: None),
        "course",
        1,
        1,
    )
    assert asked["read"]["files"] == [str(line.path) for line in ours]
    assert asked["train"]["lines"] == [[str(line.path), line.text] for line in ours]


def test_the_documents_say_what_was_timed_and_whose_memory():
    """The committed ones were made before these sentences were mended; they have to be the same."""
    pages = sorted((paths.embedded_root().parent / "docs" / "measured").glob("bench*.md"))
    assert len(pages) == 4
    template = Path(bench_report.__file__).with_suffix(".md").read_text(encoding="utf-8")
    notes = template[template.index("- **CER, WER**") : template.index("{%- if found.missing")]
    for page in pages:
        assert notes in page.read_text(encoding="utf-8"), page.name
    assert "ours after a first batch as well" in " ".join(notes.split())


@pytest.mark.slow
def test_speed_is_measured_in_processes_of_their_own():
    lines = iam.read().split("train")[:6]
    job = side_by_side.Job([], ["course"], lines, lines, say=lambda _: None)
    row = side_by_side._speed(job, "course", 1, 1)
    assert (
        row["read"] > 0
        and row["train"] > 0
        and row["parameters"] > 900_000
        and row["read_peak"] > 100
    )


def test_mistakes_are_one_line(tmp_path, monkeypatch):
    with pytest.raises(HtrError, match="does not start"):
        side_by_side.find_peers([str(tmp_path / "python")])
    monkeypatch.setattr(side_by_side, "_LIMIT", 60)
    with pytest.raises(HtrError, match="no model 'nonsense'") as caught:
        side_by_side._measure("read", {"model": "nonsense", "files": [], "batch": 1}, 1)
    assert "\n" not in str(caught.value)


def test_peers_need_nothing_of_this_package():
    """`peers.py` runs in an environment that has the peers alone, so it names its answer by JSON only."""
    import ast

    tree = ast.parse(Path(peers.__file__).read_text(encoding="utf-8"))
    for node in tree.body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert all(name.partition(".")[0] in sys.stdlib_module_names for name in names), names
    assert set(peers.SETTINGS) == set(peers.ABOUT) == set(peers.PEERS)
    found = side_by_side._call([sys.executable, "-I", peers.__file__, "list"], None, {})
    assert json.dumps(found) and set(found) <= set(peers.PEERS)
