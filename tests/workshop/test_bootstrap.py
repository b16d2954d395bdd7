"""Installing: the lock, the set-up verbs, the OpenCV swap. Nothing here reaches a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.helpers.chapters import ROOT
from workshop import __main__ as verbs
from workshop import setup as bootstrap

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = [
    Requirement(line)
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]
WANTED = [
    Requirement(text)
    for name in bootstrap.LOCKED_EXTRAS
    for text in PROJECT["optional-dependencies"][name]
    if not text.startswith("htr-utils[")  # another extra, which is locked itself
]
WANTED += [Requirement(text) for text in PROJECT["dependencies"]]
MACHINES = [
    {
        "python_version": python,
        "python_full_version": f"{python}.4",
        "sys_platform": platform,
        "os_name": name,
    }
    for python in ("3.11", "3.12", "3.13")
    for platform, name in (("linux", "posix"), ("darwin", "posix"), ("win32", "nt"))
]


# ---- the lock


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_lock_satisfies_pyproject(wanted: Requirement) -> None:
    for machine in MACHINES:
        versions = [
            next(iter(entry.specifier)).version
            for entry in LOCK
            if canonicalize_name(entry.name) == canonicalize_name(wanted.name)
            and (entry.marker is None or entry.marker.evaluate(machine))
        ]
        assert len(versions) == 1, (
            f"{wanted.name} on {machine}: {versions or 'not in the lock'}; run `make lock`"
        )
        assert wanted.specifier.contains(Version(versions[0])), (
            f"{wanted} but the lock has {versions[0]}"
        )


def test_lock_is_exact_and_names_no_place() -> None:
    for entry in LOCK:
        assert [one.operator for one in entry.specifier] == ["=="], entry
        assert entry.url is None
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|--|^/", text, flags=re.MULTILINE)
    assert "opencv-python-headless" not in text


def test_conda_takes_its_versions_from_the_lock() -> None:
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    content = [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]
    assert "- -r requirements.lock" in content and "- -e ." in content
    pinned = [line for line in content if re.search(r"\w=+\d", line)]
    assert pinned == ["- python=3.12"]


def test_every_make_target_is_a_verb() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"\.PHONY: ((?:.+\\\n)*.+)", text)[1].split())  # type: ignore[index]
    assert {
        "course",
        "test",
        "test-all",
        "lab",
        "notebooks",
        "lint",
        "data",
        "serve",
        "clean",
    } <= targets
    assert set(verbs.VERBS) - {"pull", "data-build"} <= targets
    assert "$(RUN) data-build" in text, "make data"


def test_lab_names_the_site_where_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The views of the first page have no widgets in a notebook: whoever built the site is told its address."""
    monkeypatch.setenv("HTR_NO_VENV", "1")
    monkeypatch.setattr(verbs, "need_checkout", lambda root: None)
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(verbs.subprocess, "run", lambda *_, **__: done)
    assert verbs.main(["lab"], tmp_path) == 0 and capsys.readouterr().out == ""
    (tmp_path / "runs" / "site").mkdir(parents=True)
    (tmp_path / "runs" / "site" / "index.html").write_text("")
    assert verbs.main(["lab"], tmp_path) == 0
    assert "--directory runs/site, then http://localhost:8000/#layers" in capsys.readouterr().out


# ---- OpenCV with and without display libraries


class FakeRun:
    """Stands for the commands: cv2 imports or not, and what pip was asked is kept."""

    def __init__(self, *imports: str) -> None:
        self.imports, self.asked = list(imports), []  # type: ignore[var-annotated]

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        last = command[-1]
        if last == "import cv2":
            error = self.imports.pop(0)
            return subprocess.CompletedProcess(command, 1 if error else 0, "", error)
        if "importlib.metadata" in last:
            return subprocess.CompletedProcess(command, 0, "4.13.0.92\n", "")
        self.asked.append(" ".join(command[5:]))
        return subprocess.CompletedProcess(command, 0, "", "")


def test_opencv_stays_where_it_imports() -> None:
    run = FakeRun("")
    assert bootstrap.fix_opencv(Path("python"), run) == "opencv-python"
    assert run.asked == []


@pytest.mark.parametrize(
    "library", ["libGL.so.1", "libgthread-2.0.so.0", "libxcb.so.1", "libSM.so.6"]
)
def test_opencv_gives_way_without_display_libraries(library: str) -> None:
    message = f"Traceback ...\nImportError: {library}: cannot open shared object file: No such file or directory"
    run = FakeRun(message, "")
    assert bootstrap.fix_opencv(Path("python"), run) == "opencv-python-headless"
    assert run.asked == [
        "uninstall --yes opencv-python opencv-python-headless",
        "install --no-deps opencv-python-headless==4.13.0.92",
    ]


def test_opencv_that_fails_otherwise_is_not_swapped() -> None:
    run = FakeRun("ImportError: numpy.core.multiarray failed to import")
    with pytest.raises(bootstrap.SetupError, match="numpy"):
        bootstrap.fix_opencv(Path("python"), run)
    assert run.asked == []


def test_opencv_that_fails_after_the_swap_is_reported() -> None:
    with pytest.raises(bootstrap.SetupError, match="headless or not"):
        bootstrap.fix_opencv(
            Path("python"), FakeRun("ImportError: libGL.so.1: no", "ImportError: libc.so")
        )


# ---- mistakes and their remedies


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_other_pythons_are_refused(version: tuple[int, int]) -> None:
    with pytest.raises(bootstrap.SetupError, match=r"3\.11 to 3\.13"):
        bootstrap.check_version(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_tested_pythons_pass(version: tuple[int, int]) -> None:
    bootstrap.check_version(version)


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        (
            "Retrying ... NewConnectionError(...)\nERROR: No matching distribution",
            "network",
        ),
        (
            "The virtual environment was not created because ensurepip is not available.",
            "apt install python3-venv",
        ),
        (
            "ERROR: No matching distribution found for tensorflow==2.21.0",
            "no build for this machine",
        ),
        ("[Errno 13] Permission denied: '/x'", "folder of your own"),
        ("note\nERROR: something new\n", "ERROR: something new"),
        ("", "it printed nothing"),
    ],
)
def test_failures_are_explained_in_one_line(output: str, remedy: str) -> None:
    line = bootstrap.explain(output, "it failed")
    assert remedy in line and "\n" not in line


def test_verbs_of_the_course_need_a_clone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verbs.main(["course"], root=tmp_path) == 1
    assert "error: this needs a clone of the course" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert verbs.main([]) == 0
    for verb in verbs.VERBS:
        assert verb in capsys.readouterr().out or verb != "setup"


# ---- set-up in a folder of its own, with pip and venv replaced


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[str]]:
    """A checkout in a folder with a space, and the list of what pip is asked for."""
    root = tmp_path / "my course"
    (root / "notebooks").mkdir(parents=True)
    (root / "requirements.lock").write_text("numpy==2.0\n")
    (root / "pyproject.toml").write_text("[project]\n")
    asked: list[str] = []

    def make_venv(venv: Path) -> Path:
        python = bootstrap.venv_python(venv)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch()
        return python

    monkeypatch.setattr(bootstrap, "make_venv", make_venv)
    monkeypatch.setattr(
        bootstrap,
        "run_pip",
        lambda python, arguments, log, total=0: asked.append(" ".join(arguments)),
    )
    monkeypatch.setattr(bootstrap, "fix_opencv", lambda python, run: "opencv-python")
    monkeypatch.setattr(
        bootstrap.subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 0, "", ""),
    )
    return root, asked


def test_second_set_up_does_nothing(clone: tuple[Path, list[str]]) -> None:
    root, asked = clone
    assert bootstrap.setup(root) == bootstrap.venv_python(root / ".venv")
    assert (
        len(asked) == 2
        and str(root / "requirements.lock") in asked[0]
        and asked[1].endswith(f"-e {root}")
    )
    bootstrap.setup(root)
    assert len(asked) == 2
    (root / "requirements.lock").write_text("numpy==2.1\n")
    bootstrap.setup(root)
    assert len(asked) == 4


def test_set_up_that_broke_off_is_done_again(
    clone: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, asked = clone

    def fail(python: Path, run: object) -> str:
        raise bootstrap.SetupError("no")

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "fix_opencv", fail)
        with pytest.raises(bootstrap.SetupError):
            bootstrap.setup(root)
    bootstrap.setup(root)
    assert len(asked) == 4


def test_the_verb_setup_mends_what_the_others_trust(
    clone: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A learner's own pip install broke a package: the stamp does not know, and `setup` is the remedy that is told."""
    root, asked = clone
    monkeypatch.delenv("HTR_NO_VENV", raising=False)
    assert verbs.main(["setup"], root=root) == 0 and len(asked) == 2
    assert verbs.main(["lint"], root=root) == verbs.main(["setup", "--if-needed"], root=root) == 0
    assert len(asked) == 2
    assert verbs.main(["setup"], root=root) == 0 and len(asked) == 4
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not re.search(r"\$\(RUN\) setup$", makefile, re.MULTILINE), (
        "make serve installs nothing twice"
    )


def test_of_two_opencvs_neither_stays_half(
    clone: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, asked = clone

    def run(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        if command[-1] == "list":
            return subprocess.CompletedProcess(command, 0, "opencv-python-headless 4.13.0.92\n", "")
        if "uninstall" in command:
            asked.append(" ".join(command[3:]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    bootstrap.setup(root)
    lock = f"install --progress-bar off -r {root / 'requirements.lock'}"
    assert asked[:3] == [lock, "uninstall --yes opencv-python opencv-python-headless", lock]


def test_without_a_network_what_is_installed_stays(
    clone: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, asked = clone
    bootstrap.setup(root)

    def fail(*_: object) -> None:
        raise bootstrap.SetupError("no way to the package index")

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "run_pip", fail)
        patch.setattr(
            bootstrap.subprocess, "run", lambda command, **_: pytest.fail(f"ran {command}")
        )
        with pytest.raises(bootstrap.SetupError, match="no way"):
            bootstrap.setup(root, again=True)
    bootstrap.setup(root)
    assert len(asked) == 2, "the other verbs go on with it"


@pytest.mark.parametrize(("version", "made"), [("3 10", 1), ("3 14", 1), ("3 12", 0)])
def test_an_environment_of_an_untested_python_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, made: int
) -> None:
    """An editor made it: `setup`, run with a tested Python, must not send for itself for ever."""
    python, ran = bootstrap.venv_python(tmp_path / ".venv"), []
    python.parent.mkdir(parents=True)
    python.touch()

    def run(command: Sequence[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 0, f"{version}\n", "")

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    assert bootstrap.make_venv(tmp_path / ".venv") == python
    assert [command[0] for command in ran[1:]] == [sys.executable] * made


@pytest.mark.parametrize("stamp", [True, False])
def test_htr_commands_run_in_the_environment_that_was_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stamp: bool
) -> None:
    """Also where the Python that is called has all they need; not in one that somebody else made."""
    calls: list[list[str]] = []

    class Process:
        """Ctrl-C comes while it runs; then it ends in its own way."""

        def __init__(self, command: list[str], **_: object) -> None:
            calls.append(command)
            self.codes = [KeyboardInterrupt, 3]

        def wait(self) -> int:
            code = self.codes.pop(0)
            if code is KeyboardInterrupt:
                raise KeyboardInterrupt
            return code  # type: ignore[return-value]

    def here() -> None:
        calls.append(sys.argv)

    monkeypatch.delenv("HTR_NO_VENV", raising=False)
    monkeypatch.setattr(bootstrap.subprocess, "Popen", Process)
    monkeypatch.setattr("htr_utils.cli.main", here)
    monkeypatch.setattr(sys, "argv", sys.argv)
    python = bootstrap.venv_python(tmp_path / ".venv")
    python.parent.mkdir(parents=True)
    python.touch()
    if stamp:
        (tmp_path / ".venv" / bootstrap.STAMP).touch()
    there, own = [str(python), "-m", "htr_utils", "--here", "serve"], ["htr", "serve"]
    assert verbs.main(["serve"], root=tmp_path) == (3 if stamp else 0)
    assert verbs.main(["--here", "serve"], root=tmp_path) == 0
    monkeypatch.setenv("HTR_NO_VENV", "1")
    assert verbs.main(["serve"], root=tmp_path) == 0
    assert calls == [there if stamp else own, own, own]


def test_here_makes_no_environment(
    clone: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, asked = clone
    ran: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        ran.append(command)
        return subprocess.CompletedProcess(command, 5, "", "")

    monkeypatch.setattr(bootstrap.subprocess, "run", run)
    assert verbs.main(["--here", "test", "-k", "x"], root=root) == 5
    monkeypatch.setenv("HTR_NO_VENV", "1")
    assert verbs.main(["course", "6"], root=root) == 5
    assert ran == [
        [sys.executable, "-m", "pytest", "-k", "x"],
        [sys.executable, "-m", "workshop.chapters.whole_course", "6"],
    ]
    assert asked == [] and not (root / ".venv").exists()


# ---- the wheel


def build_wheel(folder: Path) -> Path:
    """The package as a wheel."""
    if not (ROOT / "model" / "course.keras").is_file():
        pytest.skip("the model that the wheel carries is not trained yet")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


def read_a_line(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """`htr read` on an embedded line from an empty folder; the line comes out as text."""
    folder.mkdir()
    line = next((ROOT / "data" / "lines").rglob("*.png"))
    done = subprocess.run(
        [*command, "read", str(line)], capture_output=True, text=True, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"[A-Za-z]{2}", done.stdout), done.stdout
    assert not any(folder.iterdir())


def without_checkout() -> dict[str, str]:
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "HTR_"))
    }


@pytest.mark.slow
@pytest.mark.net
def test_wheel_reads_a_line_in_an_empty_environment(tmp_path: Path) -> None:
    """`pip install WHEEL` and nothing else: the base install, without Jupyter."""
    wheel = build_wheel(tmp_path)
    venv.create(tmp_path / "env", with_pip=True)
    python = bootstrap.venv_python(tmp_path / "env")
    log = tmp_path / "pip.log"
    bootstrap.run_pip(python, ["install", "-c", str(ROOT / "requirements.lock"), str(wheel)], log)

    def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(list(command), capture_output=True, text=True, env=without_checkout())

    bootstrap.fix_opencv(python, run)
    assert run([str(python), "-c", "import jupyterlab"]).returncode != 0
    read_a_line([str(python.parent / "htr")], tmp_path / "empty", without_checkout())


@pytest.mark.slow
@pytest.mark.net
def test_no_network_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    nowhere = ["--index-url", "http://127.0.0.1:9/simple", "--retries", "1", "--isolated"]
    with pytest.raises(bootstrap.SetupError, match="no way to the package index") as caught:
        bootstrap.run_pip(
            bootstrap.venv_python(tmp_path / "env"),
            ["install", *nowhere, "no-such-package"],
            tmp_path / "log",
        )
    assert "\n" not in str(caught.value)
