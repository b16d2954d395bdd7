"""Are the tests awake? Each deliberate breakage, made in a copy, must make them fail.

The first test of each pair runs the same tests on an unbroken copy, so that a failure means the breakage.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from tests.helpers.chapters import ROOT

pytestmark = pytest.mark.slow


def replace(file: str, old: str, new: str) -> Callable[[Path], None]:
    """A breakage that changes one place of a file."""

    def change(root: Path) -> None:
        path = root / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) >= 1, f"{file} no longer holds {old!r}; renew this breakage"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def leak_split(root: Path) -> None:
    """Move some lines of the first test writer into the training split."""
    test, train = (root / "data" / "splits" / f"{name}.txt" for name in ("test", "train"))
    rows = test.read_text(encoding="utf-8").splitlines()
    test.write_text("\n".join(rows[5:]) + "\n", encoding="utf-8")
    train.write_text(
        train.read_text(encoding="utf-8") + "\n".join(rows[:5]) + "\n", encoding="utf-8"
    )


def remove_figure(root: Path) -> None:
    """Take the picture out of the first figure cell of the chapter "CTC loss"."""
    path = root / "notebooks" / "07_ctc_loss.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "figure" in cell.metadata.get("tags", []):
            cell.outputs = [o for o in cell.outputs if "image/png" not in o.get("data", {})]
            break
    nbformat.write(notebook, path)


def in_notebook(
    name: str, change: Callable[[nbformat.NotebookNode], bool]
) -> Callable[[Path], None]:
    """A breakage of a committed notebook: `change` is tried on its code cells until it has changed one."""

    def apply(root: Path) -> None:
        path = root / "notebooks" / f"{name}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        code = (cell for cell in notebook.cells if cell.cell_type == "code")
        assert any(change(cell) for cell in code), (
            f"{name} holds nothing to break any more; renew this breakage"
        )
        nbformat.write(notebook, path)

    return apply


def in_source(old: str, new: str) -> Callable[[nbformat.NotebookNode], bool]:
    """Another line of code in a cell, whose outputs stay as they were stored."""

    def change(cell: nbformat.NotebookNode) -> bool:
        found = old in cell.source
        cell.source = cell.source.replace(old, new, 1)
        return found

    return change


def in_output(old: str, new: str) -> Callable[[nbformat.NotebookNode], bool]:
    """Another text in what a cell printed."""

    def change(cell: nbformat.NotebookNode) -> bool:
        for output in cell.outputs:
            if old in output.get("text", ""):
                output["text"] = output["text"].replace(old, new, 1)
                return True
        return False

    return change


def forget_output(start: str) -> Callable[[nbformat.NotebookNode], bool]:
    """The cell that prints `start` stores nothing."""

    def change(cell: nbformat.NotebookNode) -> bool:
        found = any(start in output.get("text", "") for output in cell.outputs)
        cell.outputs = [] if found else cell.outputs
        return found

    return change


def no_alt_text(cell: nbformat.NotebookNode) -> bool:
    """A figure without its alt text."""
    found = [output for output in cell.outputs if "image/png" in output.get("data", {})]
    for output in found:
        output.metadata = {}
    return bool(found)


def nbval_of(chapter: str) -> tuple[str, ...]:
    return ("tests/workshop/chapters/test_notebooks.py", "-k", f"chapter_under_nbval and {chapter}")


@dataclass(frozen=True)
class Breakage:
    name: str
    change: Callable[[Path], None]
    tests: tuple[str, ...]


BREAKAGES = (
    Breakage(
        "wrong blank",
        replace("htr_utils/network/ctc.py", "blank_index=BLANK", "blank_index=-1"),
        ("tests/network/test_ctc.py",),
    ),
    Breakage(
        "width dropped",
        replace(
            "htr_utils/network/models.py",
            "        if fixed is None:\n            x = KeepWidth",
            "        if False:\n            x = KeepWidth",
        ),
        ("tests/network/test_models.py",),
    ),
    Breakage(
        "merge after collapse",
        replace(
            "htr_utils/text/decoding.py",
            "for prefix, log_prob in found]",
            "for prefix, log_prob in [\n"
            "            (tuple(i for k, i in enumerate(p) if k == 0 or i != p[k - 1]), s) for p, s in found]]",
        ),
        ("tests/text/test_decoding.py",),
    ),
    Breakage("split leak", leak_split, ("tests/workshop/material/test_embedded_data.py",)),
    Breakage(
        "figure removed",
        remove_figure,
        ("tests/workshop/chapters/test_notebooks.py", "-k", "figure or vacuous"),
    ),
    # The chapters.
    Breakage(
        "a changed number",
        in_notebook(
            "07_ctc_loss", in_output("paths of 4 frames collapse", "walks of 4 frames collapse")
        ),
        nbval_of("07_ctc_loss"),
    ),
    Breakage(
        "a swapped axis of a transpose",
        in_notebook("07_ctc_loss", in_source("label[::-1])[::-1, ::-1]", "label[::-1])[::-1]")),
        nbval_of("07_ctc_loss"),
    ),
    Breakage(
        "pooling over the other axis",
        in_notebook(
            "05_cnn_features", in_source("blocks.max(axis=(1, 3))", "blocks.max(axis=(0, 2))")
        ),
        nbval_of("05_cnn_features"),
    ),
    Breakage(
        "gates in another order",
        in_notebook(
            "06_blstm",
            in_source(
                "write, keep, candidate, show = np.split", "keep, write, candidate, show = np.split"
            ),
        ),
        nbval_of("06_blstm"),
    ),
    Breakage(
        "a lost character costs nothing",
        in_notebook(
            "03_characters_and_metrics", in_source("table[i - 1, j] + 1", "table[i - 1, j]")
        ),
        nbval_of("03_characters_and_metrics"),
    ),
    Breakage(
        "a shuffle that does not shuffle",
        in_notebook(
            "01_loading_iam",
            in_source("order = np.random.default_rng(run.seed).permutation(", "order = np.arange("),
        ),
        nbval_of("01_loading_iam"),
    ),
    Breakage(
        "a claim without its output",
        in_notebook("02_images_and_augmentation", forget_output("same seed, same picture")),
        ("tests/workshop/chapters/test_lint.py", "-k", "outputs_of_a_chapter"),
    ),
    Breakage(
        "alt text gone",
        in_notebook("11_evaluation", no_alt_text),
        ("tests/workshop/chapters/test_notebooks.py", "-k", "alt_text"),
    ),
    Breakage(
        "a source that was not built",
        replace("notebooks/src/08_training.py", "steps: int = 90", "steps: int = 91"),
        ("tests/workshop/chapters/test_notebooks.py", "-k", "came_from_its_source"),
    ),
    Breakage(
        "a solution in a lesson",
        in_notebook(
            "01_loading_iam",
            in_source(
                '"""Form id -> writer id."""', "# return {one[0]: one[1] for one in columns if one}"
            ),
        ),
        ("tests/course/test_exercises.py", "-k", "no_lesson_holds"),
    ),
    Breakage(
        "a check that takes everything",
        replace("htr_utils/course/exercises/c07.py", "if answer != 5:", "if answer > 5:"),
        ("tests/course/test_exercises.py", "-k", "07.1"),
    ),
)


def copy_checkout(target: Path) -> None:
    """What the tests need, without what is large and stays unbroken: pictures and model are linked."""
    ignore = shutil.ignore_patterns("__pycache__", "_model")
    for folder in ("htr_utils", "tests", "notebooks"):
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore)
    (target / "data").mkdir()
    for entry in (ROOT / "data").iterdir():
        if entry.name in ("splits", "ascii", "xml"):  # a search with ** does not follow links
            shutil.copytree(entry, target / "data" / entry.name)
        else:
            (target / "data" / entry.name).symlink_to(entry)
    (target / "model").symlink_to(ROOT / "model")
    for name in ("pyproject.toml", "requirements.lock", "README.md"):
        shutil.copy(ROOT / name, target / name)


def passes(root: Path, tests: tuple[str, ...]) -> tuple[bool, str]:
    environment = dict(os.environ, PYTHONPATH=str(root))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stdout[-2000:] + done.stderr[-2000:]
    return done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda b: b.name)
def test_a_breakage_is_noticed(breakage: Breakage, tmp_path: Path) -> None:
    copy_checkout(tmp_path)
    whole, output = passes(tmp_path, breakage.tests)
    assert whole, f"the tests fail without the breakage:\n{output}"
    breakage.change(tmp_path)
    whole, output = passes(tmp_path, breakage.tests)
    assert not whole, f"nobody noticed: {breakage.name}\n{output}"
