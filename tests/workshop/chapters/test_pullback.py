"""Edited chapters back into their source: no solution is lost, whatever became of the cells' ids."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import nbformat
import pytest

from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files
from workshop.chapters import notebooks
from workshop.chapters.pullback import pull

TWO = """# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 6 · Two exercises

# %% tags=["exercise"]
def first(label: str) -> int:
    # SOLUTION
    return len(label)
    # END

# %% tags=["exercise"]
def second(label: str) -> int:
    # SOLUTION
    return 2 * len(label)
    # END
"""
GAINED = TWO.replace("exercises\n", "exercises\n\n# %% [markdown]\n# One cell more.\n", 1)


def two(tmp_path: Path, text: str) -> tuple[Path, Path, nbformat.NotebookNode]:
    """The source with `text`, and the notebook that was built while it still was TWO."""
    source = tmp_path / "notebooks" / "src" / "07_two.py"
    source.parent.mkdir(parents=True)
    source.write_text(TWO, encoding="utf-8")
    notebook = chapter_files.blank(source)
    chapter_files.save(notebook, notebooks.target(source))
    source.write_text(text, encoding="utf-8")
    return source, notebooks.target(source), notebook


def test_pull_brings_edits_back_and_keeps_solutions(tmp_path: Path) -> None:
    source, path, notebook = two(tmp_path, TWO)
    folder = source.parent.parent
    assert pull(path, folder=folder) == (source, 0)
    assert source.read_text(encoding="utf-8") == TWO

    notebook.cells[0].source += "\n\nOne more sentence."
    notebook.cells[1].source = notebook.cells[1].source.replace("    ...", "    # Say it.\n    ...")
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell("A new cell."))
    chapter_files.save(notebook, path)
    assert pull(path, folder=folder) == (source, 3)
    pulled = chapter_files.blank(source, solution=True).cells
    assert len(pulled) == 4 and pulled[1].source == "A new cell."
    assert "One more sentence." in pulled[0].source
    assert pulled[2].source.endswith("    # Say it.\n    return len(label)")
    assert source.read_text(encoding="utf-8").startswith("# ---\n# jupyter:")

    with pytest.raises(HtrError, match="changed since this notebook was built"):
        pull(path, folder=folder)


def test_pull_refuses_a_solution_without_a_place(tmp_path: Path) -> None:
    source, path, notebook = two(tmp_path, TWO)
    notebook.cells[1].source = notebook.cells[1].source.replace("...", "return 3")
    chapter_files.save(notebook, path)
    with pytest.raises(HtrError, match="edit this cell in the source"):
        pull(path, folder=source.parent.parent)
    notebook.cells.pop(1)
    chapter_files.save(notebook, path)
    with pytest.raises(HtrError, match="lacks the exercise cells 07-001"):
        pull(path, folder=source.parent.parent)
    assert source.read_text(encoding="utf-8") == TWO


def test_pull_from_an_older_source_matches_cells_by_what_they_say(tmp_path: Path) -> None:
    """The ids are positions: when the source gained a cell, each names the neighbour of the cell that it named."""
    source, path, notebook = two(tmp_path, GAINED)
    notebook.cells[0].source += "\n\nOne more sentence."
    chapter_files.save(notebook, path)
    with pytest.raises(HtrError, match="changed since this notebook was built"):
        pull(path, folder=source.parent.parent)
    pull(path, force=True, folder=source.parent.parent)
    title, first, second = chapter_files.blank(source, solution=True).cells
    assert title.source == "# 6 · Two exercises\n\nOne more sentence."
    assert first.source.startswith("def first") and first.source.endswith("    return len(label)")
    assert second.source.startswith("def second") and second.source.endswith(
        "    return 2 * len(label)"
    )


@pytest.mark.parametrize("gone", [False, True])
def test_pull_from_an_older_source_never_drops_a_solution(gone: bool, tmp_path: Path) -> None:
    source, path, notebook = two(tmp_path, GAINED)
    if gone:
        notebook.cells.pop(1)
    else:
        notebook.cells[1].source = notebook.cells[1].source.replace("label", "text")
    chapter_files.save(notebook, path)
    with pytest.raises(HtrError, match=r"07-002.*make notebooks"):
        pull(path, force=True, folder=source.parent.parent)
    assert source.read_text(encoding="utf-8") == GAINED


def test_pull_drops_an_exercise_that_was_deleted_on_purpose(tmp_path: Path) -> None:
    source, path, notebook = two(tmp_path, TWO)
    notebook.cells.pop(1)
    chapter_files.save(notebook, path)
    pull(path, force=True, folder=source.parent.parent)
    kept = source.read_text(encoding="utf-8")
    assert "first" not in kept and "return 2 * len(label)" in kept


def test_pull_refuses_what_could_not_be_built(tmp_path: Path) -> None:
    """An exercise cell that lost its tag in Jupyter."""
    source, path, notebook = two(tmp_path, TWO)
    notebook.cells[2].metadata = {}
    chapter_files.save(notebook, path)
    with pytest.raises(
        HtrError, match=r"07_two\.ipynb.*cell 2: solution markers .* without the tag `exercise`"
    ):
        pull(path, folder=source.parent.parent)
    assert source.read_text(encoding="utf-8") == TWO


@pytest.mark.parametrize("text", ["<<<<<<< HEAD\n{", "[]", '{"nbformat": 4, "nbformat_minor": 5}'])
def test_a_broken_notebook_is_built_anew(text: str, tmp_path: Path) -> None:
    """As git leaves it after a merge that did not go through."""
    source, path, _ = two(tmp_path, TWO)
    path.write_text(text, encoding="utf-8")
    assert notebooks.stale(source)
    for read_it in (chapter_files.lesson, lambda path: pull(path, folder=source.parent.parent)):
        with pytest.raises(
            HtrError, match=r"07_two\.ipynb does not read as a notebook .*; .*make notebooks"
        ):
            read_it(path)


def renew(notebook: nbformat.NotebookNode, cells: Iterable[int], id: str | None = "") -> None:
    """Other ids for some cells, as nbstripout gives them: their numbers; None takes them away."""
    for number in cells:
        notebook.cells[number].pop("id")
        if id is not None:
            notebook.cells[number].id = f"{id}{number}"


@pytest.mark.parametrize("id", ["", None])
@pytest.mark.parametrize("cells", [(0, 1, 2), (1,), (0, 2)], ids=["all", "one", "some"])
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("edited", [False, True])
def test_pull_keeps_solutions_where_ids_were_renewed(
    id: str | None,
    cells: tuple[int, ...],
    force: bool,
    edited: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ids missing or renewed, of all or of some cells, in edited cells or not, with --force or without."""
    source, path, notebook = two(tmp_path, TWO)
    renew(notebook, cells, id)
    if edited:
        notebook.cells[0].source += "\n\nOne more sentence."
        for cell in notebook.cells[1:]:
            cell.source = cell.source.replace(
                "(label: str) -> int", "(word: str, more: int) -> int"
            )
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert pull(path, force=force, folder=source.parent.parent) == (source, 3 * edited)
    assert f"cell ids were renewed; {len(cells)} cells" in capsys.readouterr().err
    title, first, second = chapter_files.blank(source, solution=True).cells
    assert ("One more sentence." in title.source) == ("word: str" in second.source) == edited
    assert first.source.startswith("def first(") and first.source.endswith("  return len(label)")
    assert second.source.startswith("def second(")
    assert second.source.endswith("  return 2 * len(label)")


def test_pull_finds_an_exercise_that_was_cut_and_pasted(tmp_path: Path) -> None:
    """Jupyter gives a pasted cell another id."""
    source, path, notebook = two(tmp_path, TWO)
    notebook.cells.append(notebook.cells.pop(1))
    renew(notebook, [2], "pasted")
    chapter_files.save(notebook, path)
    pull(path, folder=source.parent.parent)
    _, second, first = chapter_files.blank(source, solution=True).cells
    assert first.source.endswith("  return len(label)")
    assert second.source.endswith("  return 2 * len(label)")


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("kept", ["tag", "stub"])
def test_pull_never_drops_an_exercise_that_may_be_there(
    force: bool, kept: str, tmp_path: Path
) -> None:
    """Id renewed and text written anew: nobody can tell, so nothing is written."""
    source, path, notebook = two(tmp_path, TWO)
    renew(notebook, range(3))
    notebook.cells[1].source = "class Counter:\n    " + ("..." if kept == "stub" else "pass")
    if kept == "stub":
        notebook.cells[1].metadata = {}
    chapter_files.save(notebook, path)
    with pytest.raises(HtrError, match=r"exercise 07-001, and cell 1, whose id is new, may be it"):
        pull(path, force=force, folder=source.parent.parent)
    assert source.read_text(encoding="utf-8") == TWO


def test_pull_does_not_give_a_deleted_exercise_s_solution_to_its_neighbour(tmp_path: Path) -> None:
    source, path, notebook = two(tmp_path, TWO)
    renew(notebook, range(3))
    notebook.cells[2].source = notebook.cells[2].source.replace("label", "text")
    notebook.cells.pop(1)
    chapter_files.save(notebook, path)
    with pytest.raises(HtrError, match="lacks the exercise cells 07-001; --force drops them"):
        pull(path, folder=source.parent.parent)
    pull(path, force=True, folder=source.parent.parent)
    _, second = chapter_files.blank(source, solution=True).cells
    assert second.source == "def second(text: str) -> int:\n    return 2 * len(label)"
