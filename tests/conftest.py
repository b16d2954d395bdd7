"""What every test starts with: quiet libraries, no settings of the user, slow tests left out."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import settings

# How fast a machine is says nothing of what is right.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["HTR_NO_VENV"] = (
    "1"  # also of `python -m htr_utils`: the Python under test is the one that runs this
)
for name in ("HTR_DATA", "HTR_RUN_DIR"):
    os.environ.pop(name, None)

ROOT = Path(__file__).resolve().parent.parent
# The package under test is the one beside these tests, also in the processes that tests start.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))

# What takes long, the longest first: two processes that share the tests begin with it.
LONG = (
    "test_notebooks",
    "test_distribute",
    "test_faults_training",
    "test_sweeps",
    "test_chapter_12",
    "test_read_many",
    "test_faults_runs",
    "test_recognizer",
    "test_bench",
    "test_training",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="also the tests marked slow")
    parser.addoption(
        "--run-net", action="store_true", help="also the tests that need the package registry"
    )
    parser.addoption(
        "--shuffle",
        type=int,
        default=None,
        metavar="SEED",
        help="random order of modules and tests",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if " at 0x" in item.name:  # processes that share the tests would know them by other names
            raise pytest.UsageError(f"{item.nodeid}: named by an address; give it an id")
    for marker in ("slow", "net"):
        if not config.getoption(f"--run-{marker}"):
            skip = pytest.mark.skip(reason=f"{marker}: with --run-{marker}, or make test-all")
            for item in items:
                if marker in item.keywords:
                    item.add_marker(skip)
    seed = config.getoption("--shuffle")
    if seed is None:
        place = {name: number for number, name in enumerate(LONG)}
        items.sort(key=lambda item: place.get(item.path.stem, len(LONG)))
    else:
        # Modules in random order and the tests in each: what a module shares is still made only once.
        draw = random.Random(seed)
        modules: dict[str, list[pytest.Item]] = {}
        for item in items:
            modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
        groups = list(modules.values())
        draw.shuffle(groups)
        for group in groups:
            draw.shuffle(group)
        items[:] = [item for group in groups for item in group]


def pytest_report_header(config: pytest.Config) -> list[str]:
    seed = config.getoption("--shuffle")
    return [f"random order, seed {seed}"] if seed is not None else []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the chapters took: tests record it as the property `chapter`, which also comes from another process."""
    passed = terminalreporter.getreports("passed")
    table = {value for one in passed for name, value in one.user_properties if name == "chapter"}
    if table:
        terminalreporter.section("chapters, each alone in an empty folder")
        for line in sorted(map(str, table)):
            terminalreporter.write_line(line)


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return ROOT
