"""`python -m htr_utils VERB` in a clone: set up the course where nothing is installed yet, and carry out its verbs.

Imports the standard library only, so that any Python 3.11 to 3.13 can start it; the Makefile's targets are short
calls of it. Any other verb goes to the `htr` command.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from workshop.setup import (
    LOCKED_EXTRAS,
    ROOT,
    STAMP,
    SetupError,
    clean_environment,
    need_checkout,
    renew_lock,
    setup,
    venv_python,
)

HELP = Path(__file__).with_name("help.txt")
LIVE = "views of your own line: python -m http.server --directory runs/site, then http://localhost:8000/#layers"


def commands(verb: str, arguments: Sequence[str], python: Path, root: Path) -> list[list[str]]:
    """What a verb runs, in order, once the environment stands."""
    start = [str(python), "-m"]
    if verb == "test":
        # All of them in two processes, each module in one; chosen ones in this process.
        shared = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
        return [[*start, "pytest", *(arguments or shared)]]
    if verb == "test-all":
        return [[str(python), str(root / "tests" / "helpers" / "report.py"), *arguments]]
    if verb == "lab":
        first = sorted((root / "notebooks").glob("00_*.ipynb"))[:1]
        return [[*start, "jupyterlab", *map(str, first), *arguments]]
    if verb == "lint":
        here = arguments or ["."]
        tools = [["ruff", "check", *here], ["ruff", "format", "--check", *here], ["mypy"]]
        tools += [["workshop.chapters.lint"], ["workshop.chapters.links"]]
        return [[*start, *tool] for tool in tools]
    if verb in ("student", "solutions"):
        return [[*start, "workshop.publish.kit", verb, *arguments]]
    if verb == "latest":
        return [[*start, "workshop.latest", ",".join(LOCKED_EXTRAS), *arguments]]
    if verb in MODULES:
        return [[*start, f"workshop.{MODULES[verb]}", *arguments]]
    return []


MODULES = {
    "course": "chapters.whole_course",
    "notebooks": "chapters.notebooks",
    "pull": "chapters.pullback",
    "slides": "publish.slides",
    "site": "publish.site",
    "classroom": "publish.classroom",
    "cards": "publish.cards",
    "bench": "measure.bench",
    "pagebench": "measure.pagebench",
    "tune": "measure.tune",
    "data-build": "material.build_data",
}
VERBS = [*"setup test test-all lab lint lock latest student solutions".split(), *MODULES]


def pass_on(arguments: Sequence[str], root: Path, here: bool = False) -> int:
    """Hand the call to the `htr` command line, in `.venv` where that is set up or this Python lacks what it needs."""
    venv, python = root / ".venv", venv_python(root / ".venv")
    lacks = any(
        importlib.util.find_spec(name) is None for name in ("click", "numpy", "onnxruntime")
    )
    here = here or Path(sys.prefix).resolve() == venv.resolve()
    if not here and python.is_file() and (lacks or (venv / STAMP).is_file()):
        # Which hands nothing on in turn.
        call = [str(python), "-m", "htr_utils", "--here", *arguments]
        process = subprocess.Popen(call, env=clean_environment())
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # Ctrl-C reached it too, and it may need a while to keep what it has.
                continue
    if lacks:
        raise SetupError(
            "the package is not installed here; first `python -m htr_utils setup`, or with --here `pip install -e .`"
        )
    from htr_utils.cli import main as htr

    sys.argv = ["htr", *arguments]
    htr()
    return 0


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Carry out a verb; returns the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    here = os.environ.get("HTR_NO_VENV", "") not in ("", "0")
    if arguments[:1] == ["--here"]:
        here, arguments = True, arguments[1:]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP.read_text(encoding="utf-8"), end="")
        return 0
    verb, rest = arguments[0], arguments[1:]
    try:
        if verb not in VERBS:
            return pass_on(arguments, root, here)
        need_checkout(root)
        # The Makefile's, for the htr commands.
        again = verb == "setup" and "--if-needed" not in rest
        python = Path(sys.executable) if here else setup(root, again)
        if verb == "lock":
            return renew_lock(python, root)
        environment = clean_environment()
        if here:  # nothing is installed for us: the clone itself goes on the path
            parts = [str(root), os.environ.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, parts))
        if verb == "lab" and (root / "runs" / "site" / "index.html").is_file():
            print(LIVE, flush=True)
        where, todo = None if verb == "pull" else root, commands(verb, rest, python, root)
        codes = [subprocess.run(command, cwd=where, env=environment).returncode for command in todo]
        return next((code for code in codes if code), 0)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
