"""What the README tells a stranger to type, and the files it points at."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.chapters import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_file_that_the_readme_links_is_there() -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", README)
    assert len(targets) > 12
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_command_of_the_readme_exists() -> None:
    from htr_utils.cli import VERBS

    named = set(re.findall(r"\bhtr ([a-z]+)", README))
    assert named and named <= set(VERBS)
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"^    make ([a-z-]+)|`make ([a-z-]+)`", README, re.MULTILINE)):
        assert re.search(rf"^(?:.* )?{''.join(target)}\b.*:", make, re.MULTILINE), target


@pytest.mark.net
def test_the_colab_cell_reads_a_line_in_an_empty_environment(tmp_path: Path) -> None:
    """The cell's lines, one by one: `!` in a shell, `%cd` changes the folder, the rest is Python."""
    install = (ROOT / "docs" / "guide" / "install.md").read_text(encoding="utf-8")
    cell = install[install.index("- **Colab**") :]
    cell = cell[cell.index("```python") + 9 : cell.index("```", cell.index("```python") + 9)]
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    programs = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    folder, python, seen = tmp_path, [], ""
    for row in map(str.strip, cell.strip().splitlines()):
        if row.startswith("!"):
            command = row[1:].replace("YOUR_CLONE_URL", ROOT.as_uri())
            subprocess.run(command, shell=True, check=True, cwd=folder, env=environment)
        elif row.startswith("%cd "):
            folder = folder / row[4:]
        else:
            python.append(row)
    done = subprocess.run(
        [str(programs / "python"), "-c", "\n".join(python)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    seen = done.stdout.strip()
    assert done.returncode == 0, done.stderr
    assert re.search(r"[A-Za-z]{3}", seen), f"no text was read: {seen!r}"
