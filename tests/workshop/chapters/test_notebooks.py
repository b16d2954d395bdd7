"""The committed chapters: made from their source, complete, reproducible, alone, quick and small."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files, execute, html
from tests.helpers.chapters import NOTEBOOKS, OTHER_PARAMETERS, SOURCES, nbval
from workshop.chapters import notebooks

SECONDS = 90  # what a chapter may take on two cores; asserted with room for busy machines
MEGABYTES = 2000
FIGURE_KB = 120

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def figures(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(
        output.text for output in cell.get("outputs", []) if output.output_type == "stream"
    )


# ---- committed notebooks


@each_source
def test_notebook_came_from_its_source(source: Path) -> None:
    path = notebooks.target(source)
    assert path.is_file(), f"{path.name} is missing; run `make notebooks`"
    expected, stored = chapter_files.blank(source), read(path)
    assert stored.metadata.htr.source_sha256 == expected.metadata.htr.source_sha256, (
        f"{source.name} changed; run `make notebooks`"
    )
    assert [(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in stored.cells] == [
        (cell.id, cell.cell_type, cell.source, cell.metadata) for cell in expected.cells
    ]


@each_notebook
def test_notebook_has_a_source(path: Path) -> None:
    assert (path.parent / "src" / f"{path.stem}.py").is_file()


@each_notebook
def test_notebook_is_executed_and_not_vacuous(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), (
        "not executed in order"
    )
    with_output = [cell for cell in code if cell.outputs]
    compared = [
        cell
        for cell in with_output
        if printed(cell) and "nbval-ignore-output" not in cell.metadata.get("tags", [])
    ]
    assert len(compared) >= 3, "too few printed outputs for nbval to compare"
    assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert not [
        output for cell in code for output in cell.outputs if output.get("name") == "stderr"
    ]
    assert not notebooks.machine_paths(notebook)


@each_notebook
def test_figures_have_alt_text_and_facts(path: Path) -> None:
    notebook = read(path)
    for cell in notebook.cells:
        tagged = "figure" in cell.metadata.get("tags", [])
        images = figures(cell)
        assert tagged or not images, f"cell {cell.id} shows a figure and lacks the tag `figure`"
        if not tagged:
            continue
        assert images, f"cell {cell.id} is tagged `figure` and shows none"
        assert printed(cell).strip(), f"cell {cell.id} prints no facts about its figure"
        for image in images:
            alt = image.metadata.get("image/png", {}).get("alt", "")
            assert len(alt) >= 40 and alt.rstrip().endswith("."), (
                f"cell {cell.id}: alt text {alt!r}"
            )
            assert image.data.get("text/plain") == alt, (
                f"cell {cell.id}: nbval compares no alt text"
            )
            size = len(base64.b64decode(image.data["image/png"])) / 1024
            assert size <= FIGURE_KB, f"cell {cell.id}: a figure of {size:.0f} KB"


@each_notebook
def test_exercises_are_open(path: Path) -> None:
    for cell in read(path).cells:
        if "check" in cell.metadata.get("tags", []):
            assert re.fullmatch(r"(\d\d\.\d+: to do\n)+", printed(cell)), (
                f"cell {cell.id}: {printed(cell)!r}"
            )


@each_notebook
def test_chapter_under_nbval(
    path: Path, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    result = nbval(path, tmp_path)
    took = f"{result.seconds:6.1f} s   peak {result.peak_mb:6,.0f} MB"
    record_property("chapter", f"{path.stem:<32} {took}")
    assert result.code == 0, result.output[-6000:]
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert result.passed == len(cells)
    assert result.peak_mb < MEGABYTES
    assert result.seconds < 3 * SECONDS


@pytest.mark.slow
@each_notebook
def test_claims_hold_on_another_processor(path: Path, tmp_path: Path) -> None:
    """Without oneDNN and with one thread sums are taken in another order: a claim must not hang on the last digits."""
    result = nbval(
        path,
        tmp_path,
        TF_ENABLE_ONEDNN_OPTS="0",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        TF_NUM_INTRAOP_THREADS="1",
        TF_NUM_INTEROP_THREADS="1",
    )
    assert result.code == 0, result.output[-6000:]


@each_notebook
def test_page_has_no_script_and_fetches_nothing(path: Path) -> None:
    check_page(html.chapter_page(read(path), path.stem))


def check_page(text: str) -> None:
    assert "<script" not in text
    assert not re.findall(r"<(?:link|iframe|object|embed)\b", text)
    assert not re.findall(r"@import|url\(", text)
    for image in re.findall(r"<img\b[^>]*>", text):
        assert re.search(r"\bsrc=\"data:image/", image), image[:200]
        assert re.search(r"""\balt=("[^"]+"|'[^']+')""", image), image[:200]
    assert "No description has been provided" not in text


def run_with_others(number: str, out: Path) -> None:
    result = execute.run_chapter(number, OTHER_PARAMETERS[number], out)
    assert result.error == ""
    metadata = read(result.notebook).metadata.papermill.parameters
    assert dict(metadata) == OTHER_PARAMETERS[number]


def test_papermill_with_other_parameters(tmp_path: Path) -> None:
    run_with_others("03", tmp_path)


@pytest.mark.slow
@each_notebook
def test_every_chapter_with_other_parameters(path: Path, tmp_path: Path) -> None:
    assert path.stem[:2] in OTHER_PARAMETERS, (
        "name other parameters for this chapter in tests/helpers/chapters.py"
    )
    run_with_others(path.stem[:2], tmp_path)


@pytest.mark.slow
@each_source
def test_solutions_are_correct(source: Path) -> None:
    notebook = notebooks.build(source, solution=True)
    for cell in notebook.cells:
        if "check" in cell.metadata.get("tags", []):
            assert re.fullmatch(r"(\d\d\.\d+: correct\n)+", printed(cell)), (
                f"cell {cell.id}: {printed(cell)!r}"
            )


# ---- the tools, on a small chapter of their own

SMALL = '''# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 6 · A small chapter
#
# It shows that $a^2 + b^2 = c^2$ and `x`.
#
# *3 minutes to read.*

# %% tags=["parameters"]
word: str = "to"   # a word
frames: int = 4    # how many frames

# %%
from htr_utils.course.parameters import validate

run = validate(word=(word, "letters", 2, 4), frames=(frames, "int", 2, 8))
run.record(length=len(word))
print(f"{run.word} in {run.frames} frames")

# %% tags=["figure"]
import base64
import sys

from IPython.display import display

png = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg=="
)
alt = "A white dot on white paper, one pixel wide."
display({"image/png": png}, raw=True, metadata={"image/png": {"alt": alt}})
print("figure: 1 x 1 px")
print("a warning", file=sys.stderr)

# %% tags=["exercise"]
def frames_needed(label: str) -> int:
    """Smallest number of frames."""
    # SOLUTION
    return len(label) + sum(a == b for a, b in zip(label, label[1:]))
    # END

# %% tags=["check"]
from htr_utils.course.exercises import check

check("07.2", frames_needed)
'''


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of a small chapter in a folder of its own, built."""
    source = tmp_path_factory.mktemp("course") / "notebooks" / "src" / "07_small.py"
    source.parent.mkdir(parents=True)
    source.write_text(SMALL, encoding="utf-8")
    chapter_files.save(notebooks.build(source), notebooks.target(source))
    return source


def test_build_keeps_what_counts_and_strips_the_rest(small: Path) -> None:
    notebook = read(notebooks.target(small))
    assert [cell.id for cell in notebook.cells] == [f"07-{position:03d}" for position in range(6)]
    assert "SOLUTION" not in str(notebook) and "    ..." in notebook.cells[4].source
    assert "sum(" not in notebook.cells[4].source
    assert printed(notebook.cells[2]) == "to in 4 frames\n"
    assert figures(notebook.cells[3])[0].metadata == {
        "image/png": {"alt": "A white dot on white paper, one pixel wide."}
    }
    assert [output.output_type for output in notebook.cells[3].outputs] == [
        "display_data",
        "stream",
    ]
    assert printed(notebook.cells[5]) == "07.2: to do\n"
    assert not notebooks.stale(small)


def test_rebuild_gives_the_same_file(small: Path) -> None:
    before = notebooks.target(small).read_text(encoding="utf-8")
    chapter_files.save(notebooks.build(small), notebooks.target(small))
    assert notebooks.target(small).read_text(encoding="utf-8") == before


def test_solution_is_correct(small: Path) -> None:
    notebook = notebooks.build(small, solution=True)
    assert (
        "return len(label)" in notebook.cells[4].source and "# END" not in notebook.cells[4].source
    )
    assert printed(notebook.cells[5]) == "07.2: correct\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # END\n", ""),
        ("    # SOLUTION\n", ""),
        ('# %% tags=["exercise"]', "# %%"),
    ],
)
def test_broken_solution_markers_are_refused(
    small: Path, tmp_path: Path, old: str, new: str
) -> None:
    broken = tmp_path / "07_small.py"
    broken.write_text(SMALL.replace(old, new), encoding="utf-8")
    with pytest.raises(HtrError, match=r"07_small\.py, cell 4"):
        chapter_files.blank(broken)


def test_failing_cell_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "08_bad.py"
    source.write_text("# %%\nprint(1)\n\n# %%\n1 / 0\n", encoding="utf-8")
    with pytest.raises(HtrError, match="08_bad, cell 08-001: ZeroDivisionError: division by zero"):
        notebooks.build(source)


def test_machine_path_in_an_output_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "08_path.py"
    source.write_text(
        "# %%\nfrom pathlib import Path\nprint(Path.home() / 'x')\n", encoding="utf-8"
    )
    with pytest.raises(HtrError, match="shows a folder of this machine"):
        notebooks.build(source)


def test_nbval_passes_and_is_not_vacuous(small: Path, tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    good = nbval(notebooks.target(small), tmp_path / "good")
    assert (good.code, good.passed) == (0, 5), good.output
    assert 20 < good.peak_mb < MEGABYTES
    changed = read(notebooks.target(small))
    changed.cells[2].outputs[0].text = "to in 5 frames\n"  # a number in an output
    facts = next(output for output in changed.cells[3].outputs if output.output_type == "stream")
    facts.text = "another fact\n"  # the line of facts about the figure
    path = tmp_path / "07_small.ipynb"
    chapter_files.save(changed, path)
    (tmp_path / "bad").mkdir()
    bad = nbval(path, tmp_path / "bad")
    assert bad.code == 1 and bad.passed == 3, bad.output
    changed.cells[2].outputs = []  # nbval alone would pass over a claim without an output
    chapter_files.save(changed, path)
    (tmp_path / "vacuous").mkdir()
    with pytest.raises(AssertionError, match="cell 07-002: claims something"):
        nbval(path, tmp_path / "vacuous")
    changed.cells[2].outputs = read(notebooks.target(small)).cells[2].outputs
    changed.cells[3].outputs = changed.cells[3].outputs[:1]  # a figure without its facts
    chapter_files.save(changed, path)
    with pytest.raises(AssertionError, match="cell 07-003: claims something"):
        nbval(path, tmp_path / "vacuous")


def test_page_of_a_chapter(small: Path, tmp_path: Path) -> None:
    card = html.write_page(notebooks.target(small), tmp_path / "07_small.html")
    text = (tmp_path / "07_small.html").read_text(encoding="utf-8")
    check_page(text)
    assert "<math" in text and "$a^2" not in text
    assert 'alt="A white dot on white paper, one pixel wide."' in text
    assert (card.title, card.minutes) == ("6 · A small chapter", 3) and card.picture
    index = html.index_page([(card, "2 s, 90 MB", True), (card, "NameError: x <y>", False)])
    check_page(index)
    assert "failed" in index and "&lt;y&gt;" in index


def test_find_names_what_there_is(small: Path) -> None:
    folder = small.parent.parent
    assert chapter_files.find(["7"], folder) == chapter_files.find(["07_small"], folder) == [small]
    with pytest.raises(HtrError, match="no chapter '11'; there are: 07_small"):
        chapter_files.find(["11"], folder)
