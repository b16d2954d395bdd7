"""The shape of the package: arrows between its rooms, sizes, what an import may load."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest
from chapters import ROOT

PACKAGE = ROOT / "htr_utils"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "_model" not in path.parts)
BASE = {"errors", "files", "paths", "quiet", ""}
# Which rooms a room may use, beside itself and the base.
ARROWS = {
    "text": set(),
    "lines": set(),
    "network": {"text", "lines"},
    "recognizer": {"text", "lines", "network"},
    "formats": {"text", "lines", "network", "recognizer"},
    "evaluation": {"text", "lines", "network", "recognizer"},
    "cards": {"network"},
    "course": {"text", "lines", "network", "recognizer", "formats", "evaluation"},
    "web": {"text", "lines", "network", "recognizer", "formats"},
    "cli": {
        "text",
        "lines",
        "network",
        "recognizer",
        "formats",
        "evaluation",
        "cards",
        "course",
        "web",
    },
    "__main__": {"cli"},
}
# 4,000 until pages came, 4,500 until a second preset, bfloat16 and lines set from pieces, 4,800 until trainings left
# out damaged lines, said where they begin and wrote a model when interrupted.
CORE_LINES = 4900
# These make rendered lines and pages out of text and fonts. No line is read or learnt by them.
MAKERS = {
    *(
        "lines.build",
        "lines.compose",
        "lines.datasheet",
        "lines.fonts",
        "lines.recombine",
        "lines.samples",
    ),
    "lines.synth",
    "text.corpus",
}
# Other formats for a model, other devices for a training: the same network, the same loop.
BESIDE = {"network.export", "network.distribute"}
# These hand a result or a model on, or stand before the package.
DOORS = {"cli", "cards", "web", "course", "formats", "__main__"}
MODULE_LINES = 400


def module_name(path: Path) -> str:
    """`htr_utils/lines/iam.py` -> `lines.iam`; the package itself -> ``."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {module_name(path) for path in MODULES}


def room(name: str) -> str:
    """The room of a module, "" for the base."""
    first = name.partition(".")[0]
    return "" if first in BASE else first


def imports(path: Path) -> set[str]:
    """Modules of this package that a module imports anywhere, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        targets = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            targets = [node.module or ""] + [f"{node.module}.{alias.name}" for alias in node.names]
        for target in targets:
            if target == "htr_utils" or target.startswith("htr_utils."):
                name = target.removeprefix("htr_utils").removeprefix(".")
                if name in NAMES:
                    found.add(name)
                elif name == "Recognizer":
                    found.add("recognizer")
    return found


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_arrows_point_one_way(path: Path) -> None:
    here = room(module_name(path))
    if module_name(path) == "":
        return  # the short way in: `from htr_utils import Recognizer`, loaded late
    for name in imports(path):
        there = room(name)
        if there not in ("", here):
            assert there in ARROWS.get(here, set()), f"{module_name(path)} may not import {name}"


def test_every_room_is_known() -> None:
    assert {room(name) for name in NAMES} - {""} <= set(ARROWS)


def test_no_circles_between_modules() -> None:
    graph = {
        module_name(path): imports(path) - {module_name(path)}
        for path in MODULES
        if module_name(path)
    }
    # A package counts as its __init__ only; importing it from inside to reach a registry is no circle.
    graph = {
        name: {to for to in targets if not name.startswith(f"{to}.")}
        for name, targets in graph.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail, name))
        if name not in done:
            for to in sorted(graph.get(name, ())):
                visit(to, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MODULE_LINES


def code_lines(path: Path) -> int:
    """Lines of a module that hold code."""
    text = path.read_text(encoding="utf-8")
    empty = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in empty:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
            and ast.get_docstring(node) is not None
        ):
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def test_core_stays_small() -> None:
    """The core is what reads and learns lines: the three rooms and the hall, without the doors (command line,
    web page, notebooks, set-up, output formats, export, several devices) and without what renders data.

    Counted are lines of code: not blank ones, comments and docstrings, which ought not to be rationed.
    """
    counted = [
        path
        for path in MODULES
        if room(module_name(path)) not in DOORS and module_name(path) not in MAKERS | BESIDE
    ]
    total = sum(code_lines(path) for path in counted)
    print(f"core: {total} lines of code in {len(counted)} modules")
    assert total < CORE_LINES


def test_commands_of_the_course_end_with_one_line() -> None:
    """As `course/command.py` says of them. `peers` and `latest` use nothing of this package."""
    for path in sorted((PACKAGE / "course").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "__main__" in text and path.stem not in ("peers", "latest"):
            assert re.search(r"except HtrError|@one_line|cls=OneLine", text), path.name


def test_text_and_lines_load_no_tensorflow() -> None:
    names = [f"htr_utils.{name}" for name in sorted(NAMES) if room(name) in ("", "text", "lines")]
    names = [name.rstrip(".") for name in names]
    code = f"import importlib, sys\nfor name in {names!r}:\n    importlib.import_module(name)\n"
    code += "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_set_up_needs_the_standard_library_only() -> None:
    for name in ("__main__.py", "__init__.py"):
        tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.Import):
                assert all(
                    alias.name.partition(".")[0] in sys.stdlib_module_names for alias in node.names
                )
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] in sys.stdlib_module_names
    code = (
        "import sys; sys.argv = ['x', '--help']; import htr_utils.__main__ as m; sys.exit(m.main())"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"]
    )
    assert done.returncode == 0
