"""The shape of the house: `rooms.toml` says which room may import which, and how large each may be."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.chapters import ROOT

RULES = tomllib.loads(Path(__file__).with_name("rooms.toml").read_text(encoding="utf-8"))
BASE = {*RULES["base"], ""}


def module_name(path: Path) -> str:
    """`htr_utils/lines/iam.py` -> `htr_utils.lines.iam`; a package by its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(path): path
    for folder in ("htr_utils", "workshop")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "_model" not in path.parts
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def room(name: str) -> str:
    """The room of a module of htr_utils; "" for the base and the package itself."""
    parts = name.split(".")
    return "" if len(parts) < 2 or parts[1] in BASE else parts[1]


def imports(name: str) -> Iterator[str]:
    """Our modules that a module imports anywhere: in functions, and by name through importlib."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            targets = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            yield from (target for target in targets if target in MODULES)
            if node.module == "htr_utils" and any(a.name == "Recognizer" for a in node.names):
                yield "htr_utils.recognizer"
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            words = [word.value for word in node.args if isinstance(word, ast.Constant)]
            yield from (str(word) for word in words if word in MODULES)


def code_lines(path: Path) -> int:
    """Lines of a module that hold code: no blank lines, comments and docstrings."""
    text = path.read_text(encoding="utf-8")
    empty = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in (*empty, tokenize.ENDMARKER):
            lines.update(range(token.start[0], token.end[0] + 1))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def test_arrows_point_one_way() -> None:
    wrong = []
    for name in MODULES:
        here = room(name)
        if name in ("htr_utils", "htr_utils.__main__") or name.startswith("workshop"):
            continue  # the short way in, loaded late; the workshop may import all
        for target in imports(name):
            there = room(target)
            if target.startswith("workshop"):
                wrong.append(f"{name} imports {target}")
            elif there not in ("", here):
                allowed = RULES["may_import"].get(here, []) if here else []
                only = RULES["only"].get(here, {}).get(there)
                part = target.split(".")[2:3]
                if there not in allowed or (only and part and part[0] not in only):
                    wrong.append(f"{name} imports {target}")
    assert not wrong, "\n".join(wrong)


def test_every_room_is_known() -> None:
    rooms = {room(name) for name in MODULES if name.startswith("htr_utils")} - {""}
    assert rooms <= set(RULES["may_import"])


def test_no_circles_between_modules() -> None:
    # A package counts as its __init__ only; importing it from inside to reach a registry is no circle.
    graph = {
        name: {to for to in imports(name) if to != name and not name.startswith(f"{to}.")}
        for name in MODULES
        if name != "htr_utils"
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


def test_the_house_stays_small() -> None:
    limits = RULES["lines_of_code"]
    sizes = {name: code_lines(path) for name, path in MODULES.items()}
    wrong = [f"{name}: {size}" for name, size in sizes.items() if size >= limits["module"]]
    for house in ("htr_utils", "workshop"):
        total = sum(size for name, size in sizes.items() if name.split(".")[0] == house)
        print(f"{house}: {total} lines of code")
        if total > limits[house]:
            wrong.append(f"{house}: {total} lines of code, {limits[house]} allowed")
    assert not wrong, "\n".join(wrong)


def test_what_reads_a_page_stays_small() -> None:
    """Counted are the modules that a fresh process loads to read one page with the lexicon."""
    page = ROOT / "data" / "samples" / "pages"
    picture = sorted(page.glob("*.jpg"))[0]
    code = (
        "import sys\nfrom htr_utils.cli import main\n"
        f"main(['read', {str(picture)!r}, '--decoder', 'lexicon'], standalone_mode=False)\n"
        "print('loaded', *(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'htr_utils'"
        " and getattr(m, '__file__', None)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    loaded = [Path(name) for name in done.stdout.splitlines()[-1].split()[1:]]
    total = sum(map(code_lines, loaded))
    print(f"{total} lines of code in {len(loaded)} modules")
    assert total <= RULES["lines_of_code"]["to_read_a_page"]


def test_formatting_is_never_switched_off() -> None:
    """Only tables of data and the sweeps' notebooks, whose hash is stored with their records, may say so."""
    marked = subprocess.run(
        ["git", "grep", "-nE", r"fmt: (skip|off)", "--", "htr_utils/*.py", "workshop/*.py"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert not marked.stdout


def test_every_draw_is_seeded() -> None:
    """Also those of the tests: what failed once must fail again."""
    wrong = []
    for folder in ("htr_utils", "workshop", "tests", "sweeps", "notebooks/src"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                draws = isinstance(node, ast.Call) and not node.args and not node.keywords
                if draws and ast.unparse(node.func).endswith(("default_rng", "random.Random")):
                    wrong.append(f"{path.relative_to(ROOT)}, line {node.lineno}")
    assert not wrong, "\n".join(wrong)


def test_commands_of_the_workshop_end_with_one_line() -> None:
    """`peers`, `page_peers` and `latest` run where nothing of this package is."""
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        runs = name.startswith("workshop.") and 'if __name__ == "__main__"' in text
        if runs and path.stem not in ("peers", "page_peers", "latest", "__main__"):
            assert re.search(r"except HtrError|@one_line|cls=(OneLine|Verbs)", text), name


def test_text_lines_and_pages_load_no_tensorflow() -> None:
    names = [
        name for name in MODULES if name.startswith("htr_utils") and name != "htr_utils.__main__"
    ]
    names = [name for name in names if room(name) in ("", "text", "lines", "pages", "engines")]
    code = f"import importlib, sys\nfor name in {names!r}:\n    importlib.import_module(name)\n"
    code += "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_set_up_needs_the_standard_library_only() -> None:
    for name in (
        "htr_utils",
        "htr_utils.__main__",
        "workshop",
        "workshop.__main__",
        "workshop.setup",
    ):
        for node in TREES[name].body:
            if isinstance(node, ast.Import):
                loaded = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                loaded = [node.module or ""]
            else:
                continue
            for module in loaded:
                first = module.partition(".")[0]
                assert first in sys.stdlib_module_names or module == "workshop.setup", name
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['x', '--help']; "
        "import htr_utils.__main__ as m; sys.exit(m.main())"
    )
    assert subprocess.run([sys.executable, "-I", "-S", "-c", code]).returncode == 0
