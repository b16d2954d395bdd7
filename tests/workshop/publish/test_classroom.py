"""The class's machines: each fault has its remedy in one line; the offline zip installs with the network cut."""

from __future__ import annotations

import builtins
import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files
from tests.helpers.chapters import ROOT
from tests.helpers.small_chapter import CHAPTER
from workshop import setup as bootstrap
from workshop.chapters import notebooks
from workshop.publish import machines
from workshop.publish.classroom import main

# ---- check


def test_this_machine_is_ready_but_for_its_load(tmp_path: Path) -> None:
    found = list(machines.look(tmp_path, quick=True))
    assert [one.name for one in found] == [
        "python",
        "packages",
        "cv2",
        "memory",
        "disk",
        "writing",
        "course",
    ]
    assert [one for one in found if one.state != "ok" and one.name != "memory"] == []
    assert not list(tmp_path.iterdir()), "leaves nothing behind"


def test_each_fault_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machines.python_version((3, 9)).state == "bad"
    assert machines.python_version((3, 14)).state == "bad"
    assert machines.memory(0.7) == machines.Finding(
        "memory", "bad", "0.7 GB free", "close other programs until 2 GB are free"
    )
    monkeypatch.setattr(machines, "MODULES", {**machines.MODULES, "no_such_library": "some-name"})
    assert "missing: some-name" in machines.packages().says
    monkeypatch.setattr(machines, "DISK_GB", 1e9)
    assert "free 1000000000 GB" in machines.disk(tmp_path).remedy
    assert machines.writing(tmp_path / "nowhere").state == "bad"
    monkeypatch.setattr(machines, "repo_root", lambda: tmp_path)
    assert "missing" in machines.material().says
    monkeypatch.setattr(machines, "repo_root", lambda: None)
    assert "no chapters" in machines.material().says


def test_an_old_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: "0.1" if name == "numpy" else real(name)
    )
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda name: ["numpy>=1.26,<3", "x; extra == 'web'"]
    )
    assert "numpy 0.1" in machines.packages().says


def test_a_broken_opencv_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(importlib, "import_module", broken)
    found = machines.opencv()
    assert found.state == "bad" and "libGL.so.1" in found.says and "headless" in found.remedy


def test_a_kernel_that_is_not_there_is_found() -> None:
    found = machines.kernel("no-such-kernel", timeout=5)
    assert (
        found.state == "bad"
        and "does not start" in found.says
        and "ipykernel install" in found.remedy
    )


def test_a_look_that_breaks_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "packages", lambda: builtins.__import__("no_such_library"))
    found = {one.name: one for one in machines.look(tmp_path, quick=True)}
    assert found["packages"].state == "bad" and "ModuleNotFoundError" in found["packages"].says
    assert len(found) == 7, "and the rest go on"


def test_verdict_is_one_line_with_the_remedy() -> None:
    good = machines.Finding("a", "ok", "fine")
    slow = machines.Finding("b", "slow", "9 s", "work in pairs")
    bad = machines.Finding("c", "bad", "no", "do this")
    assert machines.verdict([good]) == "Verdict: this machine is ready."
    assert machines.verdict([good, slow]) == "Verdict: ready, but slow. work in pairs"
    assert machines.verdict([good, slow, bad]) == "Verdict: not ready. c: do this"
    assert json.loads(machines.as_json([bad]))["verdict"] == "Verdict: not ready. c: do this"


def test_check_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "memory", lambda: machines.Finding("memory", "ok", "much"))
    done = CliRunner().invoke(main, ["check", "--quick"])
    assert done.exit_code == 0 and done.output.endswith("Verdict: this machine is ready.\n")
    monkeypatch.setattr(
        machines, "memory", lambda: machines.Finding("memory", "bad", "little", "close programs")
    )
    done = CliRunner().invoke(main, ["check", "--quick", "--json"])
    told = json.loads(done.output)
    assert done.exit_code == 1 and told["verdict"] == "Verdict: not ready. memory: close programs"
    assert str(Path.home()) not in done.output


def test_a_training_step_is_timed() -> None:
    found = machines.training_step(limit=1e-9)
    assert (
        found.state == "slow"
        and "one step of 8 lines takes" in found.says
        and "pairs" in found.remedy
    )


@pytest.mark.slow
def test_the_whole_check() -> None:
    """As a learner runs it: with a kernel and a training step."""
    done = subprocess.run(
        [sys.executable, "-m", "htr_utils", "classroom", "check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith(
        ("Verdict: this machine is ready", "Verdict: ready, but slow")
    )
    assert len(done.stdout.splitlines()) == 10


# ---- pack

BACKEND = '''"""A build backend of twenty lines, for a course that is installed in place."""
import zipfile
from pathlib import Path

WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def get_requires_for_build_editable(config_settings=None):
    return []

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "htr_utils-0.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory, name), "w") as wheel:
        wheel.writestr("htr_here.pth", str(Path.cwd()))
        wheel.writestr("htr_utils-0.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: htr-utils\\nVersion: 0.0\\n")
        kind = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr("htr_utils-0.0.dist-info/WHEEL", kind)
        wheel.writestr("htr_utils-0.0.dist-info/RECORD", "")
    return name
'''


def make_wheel(folder: Path, name: str, module: str) -> None:
    """A wheel with one empty module."""
    stem = name.replace("-", "_")
    info = f"{stem}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"{stem}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{module}.py", "__version__ = '1.0'\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, list[str]]:
    """A checkout of one chapter whose lock holds two tiny packages, and pip's arguments that find them."""
    root, shelf = tmp_path / "course", tmp_path / "shelf"
    source = root / "notebooks" / "src" / "07_small.py"
    source.parent.mkdir(parents=True)
    source.write_text(CHAPTER, encoding="utf-8")
    chapter_files.save(chapter_files.blank(source), notebooks.target(source))
    for name in ("data", "model", "htr_utils", "workshop", "docs"):
        (root / name).mkdir()
    for name in ("htr_utils/__init__", "htr_utils/__main__"):
        shutil.copy(ROOT / f"{name}.py", root / f"{name}.py")
    for name in ("workshop/__init__", "workshop/__main__", "workshop/setup"):
        shutil.copy(ROOT / f"{name}.py", root / f"{name}.py")
    (root / "htr_utils" / "backend.py").write_text(BACKEND, encoding="utf-8")
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["htr_utils"]\n',
        encoding="utf-8",
    )
    (root / "requirements.lock").write_text(
        "tiny-one==1.0\nopencv-python==1.0\nother==9.9 ; sys_platform == 'nowhere'\n",
        encoding="utf-8",
    )
    shelf.mkdir()
    for name, module in (
        ("tiny-one", "tiny_one"),
        ("opencv-python", "cv2"),
        ("opencv-python-headless", "cv2"),
    ):
        make_wheel(shelf, name, module)
    return root, ["--no-index", "--find-links", str(shelf)]


def cut_off() -> list[str]:
    """What a command starts with to have no network; [] where this system cannot do that."""
    for start in (["unshare", "-n"], ["unshare", "-rn"]):
        try:
            if subprocess.run([*start, "true"], capture_output=True).returncode == 0:
                return start
        except OSError:
            break
    return []


def install(folder: Path) -> subprocess.CompletedProcess[str]:
    """`python -m htr_utils setup` in an unpacked zip, without a network."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_", "HTR_", "UV_"))
    }
    dead = dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
    )
    command = [*cut_off(), sys.executable, "-m", "htr_utils", "setup"]
    return subprocess.run(command, cwd=folder, env={**kept, **dead}, capture_output=True, text=True)


def test_a_small_pack_installs_with_the_network_cut(
    small: tuple[Path, list[str]], tmp_path: Path
) -> None:
    root, shelf = small
    out = tmp_path / "offline.zip"
    files, wheels = machines.pack(out, root, shelf)
    assert wheels == 3, "the headless OpenCV comes along"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "offline.zip", "shelf"]
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "a learner's desk")
    assert not [name for name in names if "src/" in name] and len(names) == files + wheels + 1
    shutil.rmtree(tmp_path / "shelf")
    folder = tmp_path / "a learner's desk" / "handwriting"
    done = install(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from wheels/" in done.stdout and "Ready" in done.stdout
    python = bootstrap.venv_python(folder / ".venv")
    code = "import tiny_one, cv2, htr_utils; print(tiny_one.__version__, htr_utils.__file__)"
    there = subprocess.run(
        [python, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={}
    )
    assert there.returncode == 0, there.stderr
    version, file = there.stdout.strip().split(" ", 1)
    assert version == "1.0" and Path(file).is_relative_to(folder)


def test_a_pack_for_another_machine_says_so(
    small: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _ = small
    assert bootstrap.use_wheels(root) is False
    (root / "wheels").mkdir()
    other = {**bootstrap.made_for(), "python": "3.99"}
    (root / "wheels" / bootstrap.MADE_FOR).write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(
        bootstrap.SetupError,
        match=rf"with Python 3\.99, this is .* with Python {platform.python_version()[:4]}",
    ):
        bootstrap.use_wheels(root)
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "")
    (root / "wheels" / bootstrap.MADE_FOR).write_text(
        json.dumps(bootstrap.made_for()), encoding="utf-8"
    )
    assert bootstrap.use_wheels(root) is True and os.environ["PIP_NO_INDEX"] == "1"


def test_a_missing_wheel_is_told_and_nothing_is_left(
    small: tuple[Path, list[str]], tmp_path: Path
) -> None:
    root, shelf = small
    (root / "requirements.lock").write_text("not-there==1.0\n", encoding="utf-8")
    with pytest.raises(HtrError, match=r"the wheels cannot be fetched: .*not-there"):
        machines.pack(tmp_path / "offline.zip", root, shelf)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "shelf"]


@pytest.mark.slow
@pytest.mark.net
def test_the_whole_pack_installs_with_the_network_cut(tmp_path: Path) -> None:
    """The real one: about 1 GB of wheels, unpacked elsewhere, installed and used with the network cut."""
    out = tmp_path / "offline.zip"
    _, wheels = machines.pack(out)
    assert wheels > 100
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "desk")
    out.unlink()
    folder = tmp_path / "desk" / "handwriting"
    done = install(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "HTR_"))}
    python = bootstrap.venv_python(folder / ".venv")
    for command in (["classroom", "check"], ["read", "data/samples/sample-1.png"]):
        start = [*cut_off(), str(python), "-m", "htr_utils", *command]
        used = subprocess.run(start, cwd=folder, env=kept, capture_output=True, text=True)
        # Without a network namespace's loopback a kernel cannot answer: that one finding does not count here.
        told = used.stdout + used.stderr
        assert used.returncode == 0 or "not ready. kernel" in told, told


# ---- nbgrader


def test_a_chapter_becomes_an_assignment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nbgrader", reason="no nbgrader: pip install -e '.[grading]'")
    from workshop.publish import grading

    source = tmp_path / "notebooks" / "src" / "07_small.py"
    source.parent.mkdir(parents=True)
    source.write_text(CHAPTER, encoding="utf-8")
    monkeypatch.setattr(chapter_files, "notebooks_folder", lambda: tmp_path / "notebooks")
    made = grading.assignment("07", tmp_path / "grading")
    assert made.valid and (made.exercises, made.points) == (1, 5), made
    assert made.solved == "1 of 1 tests pass"
    assert made.released == "1 of 1 tests fail on empty stubs, 0 lines given away"
    released = (tmp_path / "grading" / "release" / "07_small" / "07_small.ipynb").read_text(
        encoding="utf-8"
    )
    assert (
        "doubled" not in released
        and "HIDDEN" not in released
        and "    ...\\n" not in released.replace("    ...", "", 1)
    )
    assert "BEGIN SOLUTION" in (
        tmp_path / "grading" / "source" / "07_small" / "07_small.ipynb"
    ).read_text(encoding="utf-8")
    again = grading.assignment("07", tmp_path / "grading")
    assert again == made, "made anew without complaint"

    source.write_text(CHAPTER.replace("+ doubled", "- doubled"), encoding="utf-8")
    wrong = grading.assignment("07", tmp_path / "grading")
    assert not wrong.valid and wrong.solved == "0 of 1 tests pass"


def test_what_grading_needs_is_named_with_every_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra `grading` alone brings no jupytext, by which chapters are read."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "jupytext" else real(name)
    )
    done = CliRunner().invoke(main, ["nbgrader", "07", "--out", str(tmp_path)])
    assert done.exit_code == 1 and done.output.count("\n") == 1
    assert "needs jupytext" in done.output and "[course,grading]" in done.output


def test_every_chapter_can_be_graded() -> None:
    """The markers are where nbgrader wants them, in each real chapter; a point for each announced minute."""
    pytest.importorskip("nbgrader", reason="no nbgrader: pip install -e '.[grading]'")
    from nbgrader.preprocessors import ClearSolutions

    from workshop.publish import grading, kit

    for source in chapter_files.find():
        made = grading.source_notebook(source)
        graded = [cell for cell in made.cells if cell.metadata.get("nbgrader", {}).get("grade")]
        assert len(graded) == len(kit.exercises(source)) >= 4, source.stem
        assert sum(cell.metadata["nbgrader"]["points"] for cell in graded) == sum(
            minutes for _, _, minutes, _ in kit.exercises(source)
        )
        config = grading._config(ROOT)
        cleared, _ = ClearSolutions(config=config).preprocess(made, {"language": "python"})
        secret = kit.secrets([source])
        text = "\n".join(cell.source for cell in cleared.cells)
        assert not [line for line in secret if line in text], source.stem
        for cell in cleared.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                compile(cell.source, source.stem, "exec")
