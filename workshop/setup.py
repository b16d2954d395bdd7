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


DISK_GB = 4.0  # the environment takes about 2.8 GB, the downloads about .9 GB


STAMP = "htr-lock.sha256"


LOCKED_EXTRAS = (
    "train",
    "chapters",
    "course",
    "interactive",
    "runs",
    "synth",
    "web",
    "pages",
    "grading",
    "test",
    "lint",
)


LOG = "htr-setup.log"


CV2_WITHOUT_DISPLAY = re.compile(r"lib(GL|gthread|glib|xcb|X11|SM|ICE|Xext|Xrender|EGL)[\w.-]*\.so")


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
    unwanted = {
        "PYTHONHOME",
        "PYTHONPATH",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
        "__PYVENV_LAUNCHER__",
    }
    environment = {key: value for key, value in os.environ.items() if key not in unwanted}
    environment["PYTHONUTF8"] = "1"
    return environment


def make_venv(venv: Path) -> Path:
    """The interpreter of `venv`, made anew where it is missing, does not run or is of an untested version."""
    python = venv_python(venv)
    if python.is_file():
        probe = [str(python), "-c", "import sys, pip; print(*sys.version_info[:2])"]
        try:
            answer = subprocess.run(probe, capture_output=True, text=True, env=clean_environment())
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
    made = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    if made.returncode != 0 or not python.is_file():
        raise SetupError(explain(made.stdout + made.stderr, f"`{sys.executable} -m venv` failed"))
    return python


def explain(output: str, fallback: str) -> str:
    """One line with a remedy for what pip or venv printed when it failed."""
    known = [
        (
            r"No space left|Errno 28|not enough space",
            f"disk is full; free {DISK_GB:.0f} GB, then again",
        ),
        (
            r"ensurepip is not|python3-venv",
            "no venv module; on Debian or Ubuntu: `apt install python3-venv`",
        ),
        (
            r"NewConnectionError|NameResolution|Temporary failure in name|Network is unreachable|ProxyError"
            r"|ConnectTimeout|Read timed out|Connection refused|getaddrinfo|CERTIFICATE_VERIFY_FAILED",
            "no way to the package index; check the network or set pip's proxy or index, then again"
            " (what is installed stays)",
        ),
        (
            r"Permission denied|Errno 13",
            "may not write here; clone the course into a folder of your own",
        ),
        (
            r"No matching distribution|not a supported wheel",
            "a package has no build for this machine; TensorFlow has Linux, Windows and Apple silicon",
        ),
        (
            r"externally-managed",
            "this Python belongs to the system; leave out --here so that .venv is used",
        ),
    ]
    for pattern, remedy in known:
        if re.search(pattern, output):
            return f"{fallback}: {remedy}"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"(?i)error|fatal|\w+Error", line)]
    return f"{fallback}: {(errors or lines or ['it printed nothing'])[-1]}"


def run_pip(python: Path, arguments: Sequence[str], log: Path, total: int = 0) -> None:
    """Run pip, count the packages on the screen, keep all it printed in `log`; SetupError where it fails."""
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    seen, output = 0, []
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=clean_environment(),
        cwd=str(log.parent),
    )
    assert process.stdout is not None
    with log.open("a", encoding="utf-8") as file:
        for line in process.stdout:
            file.write(line)
            output.append(line)
            if line.startswith(("Collecting ", "Processing ", "Requirement already satisfied: ")):
                seen += 1
                if total and (seen % 25 == 0 or seen == 1):
                    say(f"  package {seen} of about {total}")
            elif total and line.startswith("Installing collected packages"):
                say("  unpacking (a minute or two)")
    if process.wait() != 0:
        raise SetupError(
            explain("".join(output), "the installation failed") + f" (all of it in {log})"
        )


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
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
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


def use_wheels(root: Path) -> bool:
    """Where a folder `wheels` came with the course, pip takes everything from it and asks no network.

    Raises:
        SetupError: the wheels are for another Python, system or processor.
    """
    folder = root / "wheels"
    if not (folder / "made-for.json").is_file():
        return False
    here = {"python": f"{sys.version_info[0]}.{sys.version_info[1]}", "system": platform.system()}
    here["machine"] = platform.machine().lower()
    made = json.loads((folder / "made-for.json").read_text(encoding="utf-8"))
    if made != here:
        kinds = [
            f"{one['system']} {one['machine']} with Python {one['python']}" for one in (made, here)
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

    def run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(command), capture_output=True, text=True, env=clean_environment(), cwd=str(venv)
        )

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
    if "opencv-python-headless" in run([str(python), "-m", "pip", "list"]).stdout:
        run(
            [
                str(python),
                "-m",
                "pip",
                "uninstall",
                "--yes",
                "opencv-python",
                "opencv-python-headless",
            ]
        )
        run_pip(python, install, log)
    run_pip(python, ["install", "--no-deps", "--no-build-isolation", "-e", str(root)], log)
    which = fix_opencv(python, run)
    stamp.write_text(wanted + "\n")
    say(f"Ready: {venv} ({which})")
    return python


def renew_lock(python: Path, root: Path) -> int:
    """Write requirements.lock anew from pyproject.toml: newest versions, one for all Pythons and systems."""
    run_pip(
        python,
        ["install", "uv"],
        root / ".venv" / LOG if (root / ".venv").is_dir() else root / "uv.log",
    )
    environment = {
        key: value for key, value in clean_environment().items() if not key.startswith("UV_")
    }
    options = "--universal --fork-strategy fewest --python-version 3.11 --upgrade --quiet"
    # Not peers: optional, large, and in the way of others.
    options += "".join(f" --extra {name}" for name in LOCKED_EXTRAS)
    command = [str(python), "-m", "uv", "--no-config", "pip", "compile", *options.split()]
    command += [
        "--no-header",
        "--no-annotate",
        "pyproject.toml",
        "--output-file",
        "requirements.lock",
    ]
    return subprocess.run(command, cwd=root, env=environment).returncode
