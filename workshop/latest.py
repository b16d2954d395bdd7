"""`python -m htr_utils latest`: the course against the newest releases that pyproject.toml allows.

Makes an environment of its own in `runs/latest/venv` (made anew each time), installs the newest versions within the
ranges, runs the tests there, and writes `runs/latest/report.md`: what is newer than the lock, and what failed.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from workshop.setup import ROOT, SetupError, fix_opencv, listen, make_venv, quietly, run_pip

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)")


def pins(text: str) -> dict[str, str]:
    """Name (lower case, `-` for `_`) -> version of the `name==version` lines of a lock or of `pip freeze`."""
    found = (PIN.match(line) for line in text.splitlines())
    return {match[1].lower().replace("_", "-"): match[2] for match in found if match}


def report(
    locked: Mapping[str, str],
    newest: Mapping[str, str],
    code: int,
    output: str,
    day: date,
    chosen: Sequence[str] = (),
) -> str:
    """The report in Markdown: what differs from the lock, and how the tests ended.

    Args:
        chosen: pytest's arguments, where not every test ran.
    """
    rows = [
        f"| {name} | {locked[name]} | {version} |"
        for name, version in sorted(newest.items())
        if name in locked and locked[name] != version
    ]
    failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    last = next(
        (line.strip("= ") for line in reversed(output.splitlines()) if line.strip()), "no output"
    )
    tests = f"tests of `pytest {' '.join(chosen)}`" if chosen else "tests"
    lines = [
        f"# The newest versions, {day.isoformat()}",
        "",
        f"Python {sys.version_info[0]}.{sys.version_info[1]}. {'All' if code == 0 else 'Not all'} {tests} pass: {last}",
        "",
        f"{len(rows)} of {len(newest)} packages differ from the lock.",
        "",
        "| package | lock | newest |",
        "| --- | --- | --- |",
        *rows,
    ]
    if failed:
        lines += ["", "## Failed", "", *(f"- {line}" for line in failed)]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Install, test, report. Returns pytest's exit code, 1 where the versions do not go together.

    Args:
        arguments: the extras to install, joined by commas; pytest's arguments may follow.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments:
        print("error: name the extras, or use `python -m htr_utils latest`", file=sys.stderr)
        return 2
    folder = root / "runs" / "latest"
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    extras, arguments = arguments[0], arguments[1:]
    print("Installing the newest versions that pyproject.toml allows (some minutes)", flush=True)
    try:
        python = make_venv(folder / "venv")
        run_pip(python, ["install", "--upgrade", "-e", f"{root}[{extras}]"], folder / "pip.log")
        fix_opencv(python, quietly)
    except SetupError as error:
        print(f"error: the newest versions cannot be installed: {error}", file=sys.stderr)
        return 1
    frozen = quietly([str(python), "-m", "pip", "freeze"])
    print("Running the tests with them", flush=True)
    tests = [str(python), "-m", "pytest", *arguments]
    code, output = listen(tests, root, lambda line: print(line, end="", flush=True))
    locked = pins((root / "requirements.lock").read_text(encoding="utf-8"))
    text = report(locked, pins(frozen.stdout), code, output, date.today(), arguments)
    (folder / "report.md").write_text(text, encoding="utf-8")
    print(f"wrote {folder / 'report.md'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
