"""What is handed out: a zip for the class without any solution, and one for the lecturer with all of them.

`python -m htr_utils student` and `python -m htr_utils solutions`. Both are made from the chapters' one source, and
the same content gives the same bytes. The student's zip is looked through before it is written: a line of a
solution anywhere in it stops the command.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from htr_utils import __version__, files
from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.paths import repo_root
from htr_utils.runs import chapter_files
from workshop.chapters import links, notebooks

FOLDER = Path("runs/kit")
SECRET = 15  # a line of a solution of so many characters or more gives it away
TOP = "pyproject.toml requirements.lock environment.yml Makefile LICENSE CITATION.cff".split()
PLAIN = set(".py .md .ipynb .txt .toml .json .lock .cfg .html .js .css .yml".split())
_EXERCISE = re.compile(r"^#+ Exercise (\d+\.\d+) · (.+?) \*\((\d+) minutes?\)\*", re.MULTILINE)


def course_root() -> Path:
    """The checkout; HtrError where this package was installed from a wheel."""
    root = repo_root()
    if root is None:
        raise HtrError("no chapters beside this installation; clone the course to pack it")
    return root


def _below(folder: Path, root: Path) -> Iterable[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(root).as_posix()
        hidden = re.search(r"(^|/)(\.|__pycache__/)", name)
        if path.is_file() and not hidden and not name.endswith((".pyc", ".part")):
            yield name, path


def _linked(pages: Sequence[Path], root: Path) -> dict[str, bytes]:
    """Glossary, bibliography, and what else of `docs/` the pages link to, and these in turn; not the lecturer's."""
    docs, content, seen = root / "docs", {}, set()
    waiting = [*pages, docs / "guide" / "glossary.md", docs / "guide" / "bibliography.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or not page.is_file():
            continue
        seen.add(page)
        if page.is_relative_to(docs):
            name = page.relative_to(root).as_posix()
            if name.startswith("docs/lecturer/"):
                continue
            content[name] = page.read_bytes()
        if page.suffix in (".md", ".ipynb") and (page in pages or page.is_relative_to(docs)):
            targets = (target for _, target in links.targets(links.prose(page)))
            here = (t.partition("#")[0] for t in targets if not re.match(r"[a-z]+:|#", t))
            waiting += [(page.parent / name).resolve() for name in here]
    return content


def student_files(root: Path) -> dict[str, bytes]:
    """Name in the zip -> content of everything that a class gets.

    Raises:
        HtrError: there are no chapters, or one was built from another source than lies here.
    """
    chapters = chapter_files.find(folder=root / "notebooks")
    if not chapters:
        raise HtrError("no chapters in notebooks/src")
    old = [source.stem for source in chapters if notebooks.stale(source)]
    if old:
        raise HtrError(
            f"{', '.join(old)}: not built from the source that lies here; run `make notebooks` first"
        )
    content = {name: (root / name).read_bytes() for name in TOP if (root / name).is_file()}
    for folder in ("htr_utils", "workshop", "data", "model", "sweeps"):
        content.update((name, path.read_bytes()) for name, path in _below(root / folder, root))
    content.pop(notebooks.SEALED, None)
    # What chapters open by themselves: records of trainings that took hours.
    opened = _below(root / "docs" / "measured", root)
    content.update((name, path.read_bytes()) for name, path in opened if name.endswith(".json"))
    for source in chapters:
        path = notebooks.target(source)
        content[f"notebooks/{path.name}"] = path.read_bytes()
    cards = sorted((root / "model").glob("*.md"))
    content.update(_linked([*(notebooks.target(source) for source in chapters), *cards], root))
    content["README.md"] = _page("student.md")
    return content


def _page(name: str, **values: str) -> bytes:
    """A page of `static/` with its values filled in."""
    text = (Path(__file__).parent / "static" / name).read_text(encoding="utf-8")
    return text.format(version=__version__, **values).encode()


def _lines(notebook: NotebookNode) -> set[str]:
    return {line.strip() for cell in notebook.cells for line in cell.source.split("\n")}


def secrets(sources: Sequence[Path]) -> dict[str, str]:
    """Lines of solutions that no lesson shows, and the chapter of each.

    A line counts from 15 characters on; what any lesson says as well, its code or its prose, is no secret.
    """
    lessons = [chapter_files.blank(source) for source in sources]
    shown = "\n".join(cell.source for lesson in lessons for cell in lesson.cells)
    chapter_of = {}
    for source, lesson in zip(sources, lessons, strict=True):
        for line in _lines(chapter_files.blank(source, solution=True)) - _lines(lesson):
            if len(line) >= SECRET and line not in shown:
                chapter_of[line] = source.stem
    return chapter_of


def _text(name: str, content: bytes) -> str:
    """What a file says; a notebook's cells and outputs without the quoting of JSON."""
    if Path(name).suffix not in PLAIN:
        return ""
    text = content.decode("utf-8", "replace")
    if not name.endswith(".ipynb"):
        return text
    said = []
    for cell in nbformat.reads(text, as_version=4).cells:
        said.append(cell.source)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            said.append(output.get("text", ""))
            said += [str(data[kind]) for kind in data if kind.startswith("text/")]
    return "\n".join(said)


def leaks(content: Mapping[str, bytes], secret: Mapping[str, str]) -> list[str]:
    """Where a secret line shows, as "file: line of chapter"."""
    places = []
    for name, data in content.items():
        text = _text(name, data)
        places += [
            f"{name}: {line!r} of {chapter}" for line, chapter in secret.items() if line in text
        ]
    return places


def zipped(content: Mapping[str, bytes], top: str) -> bytes:
    """A zip with everything below the folder `top`; the same content gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(content):
            info = zipfile.ZipInfo(f"{top}/{name}", date_time=(1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            packed = name.endswith((".png", ".keras", ".whl"))
            info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            archive.writestr(info, content[name])
    return buffer.getvalue()


def student(out: Path, root: Path | None = None) -> Path:
    """Write what a class gets; returns the zip.

    Raises:
        HtrError: a chapter is out of date, or a solution shows in a file.
    """
    root = root or course_root()
    content = student_files(root)
    leaking = leaks(content, secrets(chapter_files.find(folder=root / "notebooks")))
    if leaking:
        raise HtrError(
            f"{len(leaking)} lines of solutions would be given away; write them otherwise, first {leaking[0]}"
        )
    files.write_bytes(out, zipped(content, "handwriting"))
    return out


def exercises(source: Path) -> list[tuple[str, str, int, str]]:
    """The exercises of a chapter: number, title, minutes, code of the solution."""
    cells = chapter_files.blank(source, solution=True).cells
    rows = []
    for position, cell in enumerate(cells):
        heading = _EXERCISE.search(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            code = next(
                (c.source for c in cells[position:] if "exercise" in c.metadata.get("tags", [])), ""
            )
            rows.append((heading[1], heading[2], int(heading[3]), code))
    return rows


def solution_files(root: Path, *, run: bool = True) -> dict[str, bytes]:
    """Name in the zip -> content of what the lecturer gets; solved chapters that are out of date are built first.

    Args:
        run: False leaves the built notebooks unexecuted (for tests).
    Raises:
        HtrError: a solved chapter fails, or a check in it says anything but "correct".
    """
    content, rows = {}, []
    for source in chapter_files.find(folder=root / "notebooks"):
        path = notebooks.target(source, solution=True)
        old = notebooks.stale(source, solution=True)
        if old:
            print(f"{source.stem:<32} solving", flush=True)
        # `make notebooks --solutions` builds them as well, and asks no check.
        notebook = (
            notebooks.build(source, solution=True, run=run) if old else chapter_files.lesson(path)
        )
        refused = [line for line in said_by_checks(notebook) if not line.endswith(": correct")]
        if refused:
            raise HtrError(f"{source.stem}: a solution is not accepted: {refused[0]}")
        if old:
            chapter_files.save(notebook, path)
        content[f"notebooks/solutions/{path.name}"] = path.read_bytes()
        content[f"notebooks/src/{source.name}"] = source.read_bytes()
        link = f"[{source.stem}](notebooks/solutions/{path.name})"
        rows += [
            f"| {number} · {title} | {time} | {link} |"
            for number, title, time, _ in exercises(source)
        ]
    for name, path in _below(root / "docs" / "lecturer", root):
        content[name] = path.read_bytes()
    for page in ("docs/guide/glossary.md", "docs/guide/bibliography.md"):
        if (root / page).is_file():
            content[page] = (root / page).read_bytes()
    content["README-lecturer.md"] = _page("solutions.md", rows="\n".join(rows))
    return content


def said_by_checks(notebook: NotebookNode) -> list[str]:
    """The lines that the check cells of a notebook printed."""
    checks = (cell for cell in notebook.cells if "check" in cell.metadata.get("tags", []))
    outputs = (output for cell in checks for output in cell.get("outputs", []))
    return [line for output in outputs for line in output.get("text", "").splitlines()]


def solutions(out: Path, root: Path | None = None, *, run: bool = True) -> Path:
    """Write what the lecturer gets; returns the zip."""
    files.write_bytes(out, zipped(solution_files(root or course_root(), run=run), "handwriting"))
    return out


def manifest(path: Path) -> dict[str, int]:
    """Name -> size of what lies in a zip."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


@one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """`kit student|solutions [--out FILE] `."""
    parser = argparse.ArgumentParser(
        prog="python -m htr_utils", description="Make the zips that are handed out."
    )
    parser.add_argument("which", choices=("student", "solutions"))
    parser.add_argument("--out", help=f"the zip (default: {FOLDER}/student.zip or solutions.zip)")
    options = parser.parse_args(arguments)
    out = Path(options.out) if options.out else course_root() / FOLDER / f"{options.which}.zip"
    pack = student(out) if options.which == "student" else solutions(out)
    inside = manifest(pack)
    print(f"{pack.name}: {len(inside)} files, {pack.stat().st_size / 1e6:.1f} MB, in {pack.parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
