"""The wheel: carries the model and the table of fonts, nothing of the course, and reads a line anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "model" / "course.keras"
pytest.importorskip("build")
pytest.importorskip("hatchling")


def run(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "HTR_", "PIP_"))}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout; the checkout itself stays clean."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    skip = shutil.ignore_patterns("__pycache__", "*.pyc", "lines", "xml", ".ipynb_checkpoints")
    shutil.copytree(
        ROOT / "htr_utils",
        copy / "htr_utils",
        ignore=shutil.ignore_patterns("__pycache__", "*.pyc"),
    )
    for folder in ("data", "notebooks", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "model").mkdir()
    shutil.copy(ROOT / "model" / "decoding.json", copy / "model")
    shutil.copytree(ROOT / "model" / "languages", copy / "model" / "languages")
    for file in (MODEL, MODEL.with_suffix(".onnx"), MODEL.with_name("finder.onnx")):
        shutil.copy(file, copy / "model")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(out),
        str(copy),
    ]
    done = run(command, copy)
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel installed, without its dependencies: those come from this environment."""
    target = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "--no-compile",
        "--disable-pip-version-check",
        "--target",
        str(target),
        str(wheel),
    ]
    done = run(command, target)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def test_what_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        models = {end: archive.read(f"htr_utils/_model/course{end}") for end in (".keras", ".onnx")}
        entry = next(archive.read(n).decode() for n in names if n.endswith("entry_points.txt"))
    for ending, content in models.items():
        assert content == MODEL.with_suffix(ending).read_bytes()
    carried = {"languages/en.lm", "decoding.json", "finder.onnx"}
    assert {f"htr_utils/_model/{name}" for name in carried} <= set(names)
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "htr_utils").rglob("*.py")}
    assert modules <= set(names)
    assert "htr_utils/synth/fonts.tsv" in names
    assert "htr = htr_utils.cli:main" in entry
    assert {name.split("/")[0] for name in names} == {
        "htr_utils",
        wheel.name.split("-py3")[0] + ".dist-info",
    }
    assert not [n for n in names if n.endswith((".png", ".ipynb", ".ttf", ".woff2", ".pyc"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert wheel.stat().st_size < 28_000_000  # five languages take 15 MB of it


def test_the_installed_package_is_the_wheels(installed: Path, tmp_path: Path) -> None:
    code = (
        "import htr_utils; from htr_utils import paths; from htr_utils.synth import fonts\n"
        "print(htr_utils.__file__, paths.repo_root(), len(fonts.table()), paths.model_file('course'), sep='\\n')"
    )
    done = run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    file, root, count, model = done.stdout.split("\n")[:4]
    assert Path(file).is_relative_to(installed)
    assert root == "None", "no checkout is near"
    assert int(count) > 50
    assert Path(model).is_relative_to(installed)


def test_commands_that_need_the_checkout_say_so(installed: Path, tmp_path: Path) -> None:
    for arguments in (["data", "check"], ["data", "build"]):
        done = run(
            [sys.executable, "-m", "htr_utils", *arguments], tmp_path, PYTHONPATH=str(installed)
        )
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert "clone" in done.stderr + done.stdout


def test_it_reads_a_line_anywhere(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "empty folder").mkdir()
    shutil.copy(ROOT / "data" / "samples" / "sample-1.png", tmp_path / "sample.png")
    command = [sys.executable, "-m", "htr_utils", "read", "../sample.png"]
    done = run(command, tmp_path / "empty folder", PYTHONPATH=str(installed))
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    (text,) = done.stdout.strip().split("\n")
    assert len(text.split()) >= 3, "a line of words"
    assert not list((tmp_path / "empty folder").iterdir()), "and leaves nothing behind"


LIGHT_MB = 430  # numpy 76, OpenCV 197, ONNX Runtime 79, Pillow 24, RapidFuzz 12, models 12, languages to come


@pytest.mark.net
@pytest.mark.slow
def test_it_reads_alone_in_an_empty_environment_that_stays_small(
    wheel: Path, tmp_path: Path
) -> None:
    """What `pip install htr-utils` brings: no TensorFlow, less than `LIGHT_MB`, the first line soon."""
    import venv

    venv.create(tmp_path / "light", with_pip=True)
    python = tmp_path / "light" / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", str(wheel)], timeout=900, check=False
    )
    assert done.returncode == 0
    (site,) = (tmp_path / "light").rglob("site-packages")
    own = {"pip", "setuptools", "pkg_resources"}  # of the environment itself
    size = sum(
        file.stat().st_size
        for file in site.rglob("*")
        if file.is_file() and file.relative_to(site).parts[0].split("-")[0] not in own
    )
    print(f"{size / 1e6:.0f} MB installed")
    assert size < LIGHT_MB * 1e6
    assert not [name for name in ("tensorflow", "keras", "onnx") if (site / name).exists()]
    for _ in range(2):  # the first time compiles modules and fills the system's cache
        begun = os.times().children_user + os.times().children_system
        sample = str(ROOT / "data" / "samples" / "sample-1.png")
        done = run([str(python), "-m", "htr_utils", "read", sample], tmp_path)
        assert done.returncode == 0, done.stderr
        spent = os.times().children_user + os.times().children_system - begun
    print(f"{spent:.2f} s of processor time from the command to the text")
    assert len(done.stdout.split()) >= 3
    assert spent < 2  # about 1 s where nothing else runs
