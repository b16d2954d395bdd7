"""Runs of chapters by papermill: parameters, failures, memory, the course as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files, execute, html
from workshop.chapters import notebooks, whole_course

CHAPTER = """# %% [markdown]
# # 3 · Squares
#
# Squares of numbers.

# %% tags=["parameters"]
number: int = 2   # what is squared

# %%
from pathlib import Path
from types import SimpleNamespace

from htr_utils.course.parameters import validate

run = validate(number=(number, "int", 0, 9))
run.record(square=number**2)
print(run.number**2, sorted(path.name for path in Path(".").iterdir()))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder `notebooks/` with a chapter that works and one that fails, built without execution."""
    sources = tmp_path / "notebooks" / "src"
    sources.mkdir(parents=True)
    (sources / "03_squares.py").write_text(CHAPTER, encoding="utf-8")
    (sources / "02_broken.py").write_text(
        "# %% [markdown]\n# # 2 · Broken\n\n# %%\n1 / 0\n", encoding="utf-8"
    )
    for source in sources.glob("*.py"):
        chapter_files.save(chapter_files.blank(source), notebooks.target(source))
    return sources.parent


def test_parameters_reach_the_chapter_and_its_metrics(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "a folder" / "runs"
    result = execute.run_chapter(folder / "03_squares.ipynb", {"number": 5}, out)
    assert result.error == "" and result.name == "03_squares"
    assert "25 ['metrics.json']" in result.notebook.read_text(encoding="utf-8")
    metrics = json.loads((result.folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == {"parameters": {"number": 5}, "results": {"square": 25}}
    assert result.seconds > 0 and result.peak_mb > 20


def test_a_source_runs_too(folder: Path, tmp_path: Path) -> None:
    result = execute.run_chapter(folder / "src" / "03_squares.py", out=tmp_path / "out")
    assert result.error == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "03_squares.ipynb",
        "work",
    ]


def test_unknown_parameter_is_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(HtrError, match="no parameter 'nubmer'; it has: number"):
        execute.run_chapter(folder / "03_squares.ipynb", {"nubmer": 5}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_parameter_value_is_one_line(folder: Path, tmp_path: Path) -> None:
    result = execute.run_chapter(folder / "03_squares.ipynb", {"number": "five"}, tmp_path / "out")
    assert result.error.startswith(
        "HtrError: parameter number is 'five' (str); allowed: a whole number from 0 to 9"
    )


def test_no_such_chapter() -> None:
    with pytest.raises(HtrError, match="no chapter"):
        execute.find_notebook("missing.ipynb")
    with pytest.raises(HtrError, match="no chapter '99'"):
        execute.find_notebook("99")


def test_course_goes_on_after_a_failure(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(chapter_files, "notebooks_folder", lambda: folder)

    def shown() -> None:
        print("two lines read")

    monkeypatch.setattr(whole_course, "show_readings", shown)
    out = tmp_path / "course"
    assert whole_course.main(["--out", str(out)]) == 1
    printed = capsys.readouterr()
    assert "1/2  02_broken" in printed.out and "ZeroDivisionError: division by zero" in printed.out
    assert "2/2  03_squares" in printed.out and "two lines read" in printed.out
    assert "error: failed: 02_broken" in printed.err
    for name in (
        "index.html",
        "02_broken.html",
        "03_squares.html",
        "02_broken.ipynb",
        "03_squares.ipynb",
    ):
        assert (out / name).is_file()
    index = (out / "index.html").read_text(encoding="utf-8")
    assert "failed" in index and "3 · Squares" in index and "Squares of numbers." in index
    assert whole_course.main(["--out", str(out), "3"]) == 0


@pytest.mark.parametrize("out", ["somefile", "somefile/below", "there"])
def test_a_place_that_cannot_be_written_is_one_line(
    out: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(chapter_files, "notebooks_folder", lambda: folder)
    monkeypatch.setattr(whole_course, "show_readings", lambda: None)
    (tmp_path / "somefile").write_text("kept")
    (tmp_path / "there" / "03_squares.html").mkdir(parents=True)
    assert whole_course.main(["--out", str(tmp_path / out), "3"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "cannot be written" in said and said.count("\n") == 1


def test_memory_of_children_is_seen() -> None:
    code = "import time; block = bytearray(150_000_000); time.sleep(1.5)"
    with execute.PeakMemory() as memory:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert 150 < memory.mb < 400


def test_a_process_counts_from_its_second_sample_on(monkeypatch) -> None:
    """Just after the fork a child shows the memory of its parent: 2 GB were once measured so."""

    def child(megabytes: int) -> object:
        memory = SimpleNamespace(rss=megabytes * 10**6)
        return SimpleNamespace(pid=7, memory_info=lambda: memory)

    samples = iter([[], [child(2000)], [child(50)], [child(60)]])
    memory = execute.PeakMemory(every=0.001)
    monkeypatch.setattr(memory, "_children", lambda: next(samples, []))
    with memory:
        time.sleep(0.2)
    assert memory.mb == 60


def test_a_page_shows_what_a_chapter_warns_of_and_not_what_tensorflow_greets_with(
    tmp_path: Path,
) -> None:
    from nbformat import v4

    greeting = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795652519.221247    8800 port.cc:153] oneDNN custom operations are on.\n"
    )
    cells = [
        v4.new_code_cell(
            "1", outputs=[v4.new_output("stream", name="stderr", text=greeting + more)]
        )
        for more in ("", "UserWarning: mind the gap\n")
    ]
    path = tmp_path / "03_small.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell("# 3 · Small"), *cells]), path)
    html.write_page(path, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "mind the gap" in page and "absl" not in page and "oneDNN" not in page
    assert "absl" in path.read_text(encoding="utf-8"), "the executed notebook stays as it is"
