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
from chapters import ROOT

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
    train.write_text(train.read_text(encoding="utf-8") + "\n".join(rows[:5]) + "\n", encoding="utf-8")


def remove_figure(root: Path) -> None:
    """Take the picture out of the first figure cell of chapter 6."""
    path = root / "notebooks" / "06_ctc_loss.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "figure" in cell.metadata.get("tags", []):
            cell.outputs = [o for o in cell.outputs if "image/png" not in o.get("data", {})]
            break
    nbformat.write(notebook, path)


@dataclass(frozen=True)
class Breakage:
    name: str
    change: Callable[[Path], None]
    tests: tuple[str, ...]


BREAKAGES = (
    Breakage(
        "wrong blank",
        replace("htr_utils/network/ctc.py", "blank_index=BLANK", "blank_index=-1"),
        ("tests/test_ctc.py",),
    ),
    Breakage(
        "width dropped",
        replace(
            "htr_utils/network/models.py",
            "        if fixed is None:\n            x = KeepWidth",
            "        if False:\n            x = KeepWidth",
        ),
        ("tests/test_models.py",),
    ),
    Breakage(
        "merge after collapse",
        replace(
            "htr_utils/text/decoding.py",
            "for prefix, log_prob in found]",
            "for prefix, log_prob in [\n"
            "            (tuple(i for k, i in enumerate(p) if k == 0 or i != p[k - 1]), s) for p, s in found]]",
        ),
        ("tests/test_decoding.py",),
    ),
    Breakage("split leak", leak_split, ("tests/test_embedded_data.py",)),
    Breakage("figure removed", remove_figure, ("tests/test_notebooks.py", "-k", "figure or vacuous")),
)


def copy_checkout(target: Path) -> None:
    """What the tests need, without what is large and stays unbroken: pictures and model are linked."""
    ignore = shutil.ignore_patterns("__pycache__", "_model")
    for folder in ("htr_utils", "tests", "notebooks"):
        shutil.copytree(ROOT / folder, target / folder, ignore=ignore)
    (target / "data").mkdir()
    for entry in (ROOT / "data").iterdir():
        if entry.name == "splits":
            shutil.copytree(entry, target / "data" / "splits")
        else:
            (target / "data" / entry.name).symlink_to(entry)
    (target / "model").symlink_to(ROOT / "model")
    for name in ("pyproject.toml", "requirements.lock", "README.md"):
        shutil.copy(ROOT / name, target / name)


def passes(root: Path, tests: tuple[str, ...]) -> tuple[bool, str]:
    environment = dict(os.environ, PYTHONPATH=str(root))
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
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
