"""What the README tells a stranger to type, and the files it points at."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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


ANIMATION = ROOT / "docs" / "guide" / "reading.gif"
SHOWN = re.compile(r"!\[([^\]]+)\]\([./]*docs/guide/reading\.gif\)")


def frames(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """The pictures of an animation (H, W, 3), and how long each stays (ms)."""
    with Image.open(path) as film:
        pictures, stays = [], []
        for number in range(film.n_frames):
            film.seek(number)
            pictures.append(np.asarray(film.convert("RGB")).astype(int))
            stays.append(film.info["duration"])
    return pictures, stays


def test_the_moving_picture_is_small_calm_and_described() -> None:
    """First frame = last; no frame but few changes more than a hundredth of the light, so nothing flashes."""
    assert ANIMATION.stat().st_size <= 600_000
    pictures, stays = frames(ANIMATION)
    assert len(pictures) > 60 and pictures[0].shape == (400, 720, 3)
    assert min(stays) >= 80 and stays[0] >= 2000 and sum(stays) < 30_000
    body = slice(40, None)  # below the caption
    np.testing.assert_array_equal(pictures[0][body], pictures[-1][body])
    light = np.array([picture.mean() for picture in pictures])
    assert (np.abs(np.diff(light)) > 2.55).sum() <= 1, "the first shows all, the second begins anew"
    chapter = (ROOT / "notebooks" / "src" / "00_start_here.py").read_text(encoding="utf-8")
    for text in (README, chapter.replace("\n# ", " ")):
        (alt,) = SHOWN.findall(text)
        assert 20 < len(alt.split()) < 60
    assert len(README.splitlines()) <= 90


def test_the_moving_picture_is_what_its_script_draws(tmp_path: Path) -> None:
    place = ROOT / "docs" / "develop" / "make_animation.py"
    spec = importlib.util.spec_from_file_location("make_animation", place)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.main(["--out", str(tmp_path / "made.gif")]) == 'as well."'
    made, stays = frames(tmp_path / "made.gif")
    stored, wanted = frames(ANIMATION)
    assert stays == wanted
    apart = max(np.abs(a - b).mean() for a, b in zip(made, stored, strict=True))
    assert apart < 0.5, "the network is exact to rounding, and so is the picture"


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
