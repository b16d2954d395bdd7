"""`make test-all`: every test, the slow ones too, in random order; writes docs/test-report-YYYY-MM-DD.md."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def write(report: Path, xml: Path, seed: int, seconds: float, date: datetime.date) -> None:
    """Write the report of a run from pytest's JUnit file."""
    cases = list(ElementTree.parse(xml).getroot().iter("testcase"))
    kinds = {
        kind: [case for case in cases if case.find(kind) is not None]
        for kind in ("failure", "error", "skipped")
    }
    passed = len(cases) - sum(len(group) for group in kinds.values())
    packages = installed(
        ("tensorflow", "keras", "numpy", "opencv-python", "opencv-python-headless")
    )
    lines = [
        f"# Test report, {date.isoformat()}",
        "",
        f"{passed} passed, {len(kinds['failure'])} failed, {len(kinds['error'])} errors, "
        f"{len(kinds['skipped'])} skipped in {seconds / 60:.1f} minutes; "
        f'random order, seed {seed} (`make test-all ARGS="--shuffle {seed}"`).',
        "",
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores; {packages}.",
        "",
        "| module | tests | seconds | failed |",
        "| --- | ---: | ---: | ---: |",
    ]
    modules: dict[str, list[ElementTree.Element]] = {}
    for case in cases:
        modules.setdefault(case.get("classname", "?"), []).append(case)
    bad = kinds["failure"] + kinds["error"]
    for name, group in sorted(modules.items()):
        took = sum(float(case.get("time", 0)) for case in group)
        lines.append(
            f"| {name} | {len(group)} | {took:.1f} | {sum(case in bad for case in group)} |"
        )
    for title, group in (("Failed", bad), ("Skipped", kinds["skipped"])):
        if group:
            lines += ["", f"## {title}", ""]
            for case in group:
                node = next(child for child in case if child.tag in kinds)
                reason = " ".join((node.get("message") or "").split())[:160].replace(str(ROOT), ".")
                lines.append(f"- {case.get('classname')}: {case.get('name')}: {reason}")
    slowest = sorted(cases, key=lambda case: -float(case.get("time", 0)))[:10]
    lines += ["", "## The ten slowest", ""]
    lines += [
        f"- {float(case.get('time', 0)):.1f} s, {case.get('classname')}: {case.get('name')}"
        for case in slowest
    ]
    report.write_text("\n".join(lines) + "\n", encoding="utf-8")


def installed(names: tuple[str, ...]) -> str:
    """Names and versions of those packages that are installed."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def main() -> int:
    arguments = sys.argv[1:]
    date = datetime.date.today()
    seed = int(time.time()) % 100_000
    if "--shuffle" in arguments:
        seed = int(arguments[arguments.index("--shuffle") + 1])
    else:
        arguments += ["--shuffle", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "junit.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--run-slow",
            "--run-net",
            f"--junit-xml={xml}",
            *arguments,
        ]
        begin = time.monotonic()
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, "HTR_TEST_ALL": "1"}).returncode
        if xml.is_file():
            report = ROOT / "docs" / "measured" / f"test-report-{date.isoformat()}.md"
            write(report, xml, seed, time.monotonic() - begin, date)
            print(f"wrote {report.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
