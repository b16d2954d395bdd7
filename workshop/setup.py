"""The set-up: `.venv` made or mended from requirements.lock, with the standard library alone.

Any Python 3.11 to 3.13 can start it in a fresh clone; an older one gets as far as `check_version`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # at run time an old Python must get as far as `check_version`
    Runner = Callable[[Sequence[str]], subprocess.CompletedProcess[str]]


ROOT = Path(__file__).resolve().parent.parent


OLDEST, NEWEST = (3, 11), (3, 13)


DISK_GB = 4.5  # the environment takes about 3.5 GB, the downloads about .9 GB


STAMP = "htr-lock.sha256"


LOCKED_EXTRAS = "train chapters course interactive runs synth web pages grading test lint".split()


LOG = "htr-setup.log"


MADE_FOR = "made-for.json"  # in `wheels`


PIP = ["-m", "pip", "--disable-pip-version-check", "--no-input"]


UNWANTED = set("PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER __PYVENV_LAUNCHER__".split())


CV2_WITHOUT_DISPLAY = re.compile(r"lib(GL|gthread|glib|xcb|X11|SM|ICE|Xext|Xrender|EGL)[\w.-]*\.so")


# What pip and venv print when they fail -> the remedy.
FAILURES = {
    r"No space left|Errno 28|not enough space": f"disk is full; free {DISK_GB:.0f} GB, then again",
    r"ensurepip is not|python3-venv": "no venv module; on Debian or Ubuntu: `apt install python3-venv`",
    r"NewConnectionError|NameResolution|Temporary failure in name|Network is unreachable|ProxyError|ConnectTimeout"
    r"|Read timed out|Connection refused|getaddrinfo|CERTIFICATE_VERIFY_FAILED": "no way to the package index; check "
    "the network or set pip's proxy or index, then again (what is installed stays)",
    r"Permission denied|Errno 13": "may not write here; clone the course into a folder of your own",
    r"No matching distribution|not a supported wheel": "a package has no build for this machine; "
    "TensorFlow has Linux, Windows and Apple silicon",
    "externally-managed": "this Python belongs to the system; leave out --here so that .venv is used",
}


class SetupError(Exception):
    """What stopped the set-up, with its remedy, in one line."""


def say(line: str) -> None:
    print(line, flush=True)


def venv_python(venv: Path) -> Path:
    """The interpreter inside a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def runs(name: str) -> bool:
    """Whether a command of that name is there and starts (a version manager leaves some that do not)."""
    path = shutil.which(name)
    if path is None:
        return False
    try:
        return subprocess.run([path, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def check_version(version: Sequence[int] = sys.version_info[:2]) -> None:
    """Raises SetupError outside the tested range of Python versions."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return
    others = [f"python3.{minor}" for minor in (12, 13, 11) if runs(f"python3.{minor}")]
    remedy = (
        f"this machine has {others[0]}: `{others[0]} -m htr_utils ...` or `make PYTHON={others[0]} ...`"
        if others
        else "install Python 3.12 and call it by name"
    )
    raise SetupError(
        f"Python {version[0]}.{version[1]} is outside the tested range 3.11 to 3.13; {remedy}"
    )


def clean_environment() -> dict[str, str]:
    """This process's environment without what would lead pip or Python out of the virtual environment."""
    kept = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    return {**kept, "PYTHONUTF8": "1"}


def quietly(command: Sequence[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a clean environment and keep what it prints."""
    return subprocess.run(
        list(command), capture_output=True, text=True, env=clean_environment(), cwd=folder
    )


def make_venv(venv: Path) -> Path:
    """The interpreter of `venv`, made anew where it is missing, does not run or is of an untested version."""
    python = venv_python(venv)
    if python.is_file():
        probe = [str(python), "-c", "import sys, pip; print(*sys.version_info[:2])"]
        try:
            answer = quietly(probe)
            version = answer.stdout.split() if answer.returncode == 0 else []
        except OSError:
            version = []
        if OLDEST <= tuple(map(int, version)) <= NEWEST:
            return python
        say(
            f"{venv.name} is of no use (its Python does not run, has no pip or is not 3.11 to 3.13): making it again"
        )
    package = f"python3.{sys.version_info[1]}-venv"
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"this Python has no venv module; on Debian and Ubuntu: `apt install {package}`, then again"
        )
    say(f"Making {venv} with Python {sys.version_info[0]}.{sys.version_info[1]}")
    command = [sys.executable, "-m", "venv", "--clear", str(venv)]
    done = quietly(command)
    if done.returncode != 0 or not python.is_file():
        raise SetupError(explain(done.stdout + done.stderr, f"`{sys.executable} -m venv` failed"))
    return python


def explain(output: str, fallback: str) -> str:
    """One line with a remedy of FAILURES, or the last error, of what pip or venv printed."""
    for pattern, remedy in FAILURES.items():
        if re.search(pattern, output):
            return f"{fallback}: {remedy}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(?i)error|fatal|\w+Error", line)]
    return f"{fallback}: {(errors or lines or ['it printed nothing'])[-1]}"


def listen(command: Sequence[str], folder: Path, heard: Callable[[str], object]) -> tuple[int, str]:
    """Run a command in a clean environment; each line that it prints goes to `heard`. Its exit code, all it printed."""
    process = subprocess.Popen(
        list(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=clean_environment(),
        cwd=folder,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        heard(line)
        lines.append(line)
    return process.wait(), "".join(lines)


def run_pip(python: Path, arguments: Sequence[str], log: Path, total: int = 0) -> None:
    """Run pip, count the packages on the screen, keep all it printed in `log`; SetupError where it fails."""
    seen = 0
    with log.open("a", encoding="utf-8") as file:

        def heard(line: str) -> None:
            nonlocal seen
            file.write(line)
            if line.startswith(("Collecting ", "Processing ", "Requirement already satisfied: ")):
                seen += 1
                if total and (seen % 25 == 0 or seen == 1):
                    say(f"  package {seen} of about {total}")
            elif total and line.startswith("Installing collected packages"):
                say("  unpacking (a minute or two)")

        code, output = listen([str(python), *PIP, *arguments], log.parent, heard)
    if code:
        raise SetupError(f"{explain(output, 'the installation failed')} (all of it in {log})")


def fix_opencv(python: Path, run: Runner) -> str:
    """Swap opencv-python for the headless wheel of the same version where the display libraries are missing.

    Args:
        python: interpreter of the environment.
        run: runs a command and returns what it printed (a test gives a fake one).
    Returns:
        "opencv-python" or "opencv-python-headless": the one that is installed at the end, never both.
    Raises:
        SetupError: cv2 does not import for another reason, or the swap failed.
    """
    probe = [str(python), "-c", "import cv2"]
    first = run(probe)
    if first.returncode == 0:
        return "opencv-python"
    message = first.stderr.strip().splitlines()[-1] if first.stderr.strip() else "no message"
    if not CV2_WITHOUT_DISPLAY.search(first.stderr):
        raise SetupError(f"OpenCV does not import: {message}")
    read = "from importlib.metadata import version; print(version('opencv-python'))"
    version = run([str(python), "-c", read]).stdout.strip()
    if not version:
        raise SetupError(f"OpenCV does not import and its version is not known: {message}")
    say(f"  no display libraries here: opencv-python {version} gives way to opencv-python-headless")
    pip = [str(python), *PIP]
    run([*pip, "uninstall", "--yes", "opencv-python", "opencv-python-headless"])
    done = run([*pip, "install", "--no-deps", f"opencv-python-headless=={version}"])
    if done.returncode != 0:
        raise SetupError(
            explain(done.stdout + done.stderr, "opencv-python-headless could not be installed")
        )
    again = run(probe)
    if again.returncode != 0:
        raise SetupError(
            f"OpenCV does not import, headless or not: {again.stderr.strip().splitlines()[-1:]}"
        )
    return "opencv-python-headless"


def fingerprint(root: Path) -> str:
    """What the environment was made from: the lock and the package's own entry."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml"):
        digest.update((root / name).read_bytes().replace(b"\r\n", b"\n"))
    digest.update(str(root).encode())
    return digest.hexdigest()


def need_checkout(root: Path) -> None:
    """Raises SetupError where this package was installed from a wheel: there is no course beside it."""
    if not (root / "requirements.lock").is_file() or not (root / "notebooks").is_dir():
        raise SetupError(
            "this needs a clone of the course; without one there are only the `htr` commands"
        )


def made_for() -> dict[str, str]:
    """What a set of wheels fits: Python's version, system and processor."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    machine = platform.machine().lower()
    return {"python": version, "system": platform.system(), "machine": machine}


def use_wheels(root: Path) -> bool:
    """Where a folder `wheels` came with the course, pip takes everything from it and asks no network.

    Raises:
        SetupError: the wheels are for another Python, system or processor.
    """
    folder = root / "wheels"
    if not (folder / MADE_FOR).is_file():
        return False
    here, wanted = made_for(), json.loads((folder / MADE_FOR).read_text(encoding="utf-8"))
    if wanted != here:
        kinds = [
            "{system} {machine} with Python {python}".format(**kind) for kind in (wanted, here)
        ]
        raise SetupError(
            f"the wheels here are for {kinds[0]}, this is {kinds[1]}; take the zip made for it, or remove `wheels`"
        )
    os.environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=folder.resolve().as_uri())
    return True


def setup(root: Path = ROOT, again: bool = False) -> Path:
    """Make `.venv` and install the lock and the package; where that is done already, only if it is asked for `again`.

    Returns:
        The interpreter to use.
    """
    check_version()
    need_checkout(root)
    venv = root / ".venv"
    stamp = venv / STAMP
    wanted = fingerprint(root)
    done = stamp.is_file() and stamp.read_text().strip() == wanted and venv_python(venv).is_file()
    if done and not again:
        return venv_python(venv)
    free = shutil.disk_usage(root).free / 1e9
    if free < DISK_GB and not stamp.is_file():
        raise SetupError(
            f"{free:.1f} GB free on this disk, the environment needs about {DISK_GB:.0f}; free some"
        )
    offline = use_wheels(root)
    python = make_venv(venv)
    log = venv / LOG
    log.unlink(missing_ok=True)

    lock = root / "requirements.lock"
    total = sum(1 for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line)
    say(
        f"Installing {lock.name} ({'from wheels/' if offline else 'about .9 GB to fetch the first time'})"
    )
    install = ["install", "--progress-bar", "off", "-r", str(lock)]
    # Before anything goes: without a network all stays as it is.
    run_pip(python, install, log, total)
    stamp.unlink(missing_ok=True)
    # A swapped OpenCV, or one of the learner's, shares its files with the one in the lock: both go, one comes back.
    pip = [str(python), "-m", "pip"]
    if "opencv-python-headless" in quietly([*pip, "list"], venv).stdout:
        both = ["opencv-python", "opencv-python-headless"]
        quietly([*pip, "uninstall", "--yes", *both], venv)
        run_pip(python, install, log)
    run_pip(python, ["install", "--no-deps", "--no-build-isolation", "-e", str(root)], log)
    which = fix_opencv(python, quietly)
    stamp.write_text(wanted + "\n")
    say(f"Ready: {venv} ({which})")
    return python


def renew_lock(python: Path, root: Path) -> int:
    """Write requirements.lock anew from pyproject.toml: newest versions, one for all Pythons and systems."""
    log = root / ".venv" / LOG if (root / ".venv").is_dir() else root / "uv.log"
    run_pip(python, ["install", "uv"], log)
    kept = {key: value for key, value in clean_environment().items() if not key.startswith("UV_")}
    options = "--universal --fork-strategy fewest --python-version 3.11 --upgrade --quiet"
    options += " --no-header --no-annotate --output-file requirements.lock"
    # Not peers: optional, large, and in the way of others.
    options += "".join(f" --extra {name}" for name in LOCKED_EXTRAS)
    compile_ = ["-m", "uv", "--no-config", "pip", "compile", *options.split(), "pyproject.toml"]
    return subprocess.run([str(python), *compile_], cwd=root, env=kept).returncode
