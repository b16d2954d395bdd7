"""Links of the course: every one leads somewhere, and what lies outside stands in the bibliography.

`python -m workshop.chapters.links` reads the chapters' sources, the notebooks, `docs/` and the top pages, and
prints a line for each link that is broken. An address outside the repository dies sooner or later; so each must
be one of `docs/guide/bibliography.md`, whose entries carry author, title and year.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.paths import repo_root
from htr_utils.runs.chapter_files import blank, read

BIBLIOGRAPHY, GLOSSARY = Path("docs/guide/bibliography.md"), Path("docs/guide/glossary.md")
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_BARE = re.compile(r"https?://[^\s)\]<>\"'`|]+")
_CODE = re.compile(
    r"```.*?```|^ {4}[^\n]*$|``[^`]*``|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Entry:
    """One entry of the bibliography. `url` is "" where there is no address."""

    anchor: str
    authors: str
    title: str
    year: int
    url: str


def slug(heading: str) -> str:
    """The anchor of a heading, as code hosting sites make it: "CTC loss!" -> "ctc-loss"."""
    plain = re.sub(r"[^\w\s-]", "", re.sub(r"[*`]", "", heading).strip().lower())
    return re.sub(r"\s", "-", plain)


def without_code(markdown: str) -> str:
    """Markdown without code and formulas, whose brackets are no links."""
    return _CODE.sub(" ", markdown)


def headings(markdown: str) -> list[str]:
    """The texts of all headings, in order."""
    outside = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    return [
        found[1].strip() for found in re.finditer(r"^#{1,6}\s+(.+?)\s*#*$", outside, re.MULTILINE)
    ]


def anchors(markdown: str) -> set[str]:
    """Anchors that a page offers: one for each heading, and those of `<a id="...">`."""
    names: set[str] = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", markdown))
    for heading in headings(markdown):
        name, count = slug(heading), 0
        while (unique := f"{name}-{count}" if count else name) in names:
            count += 1
        names.add(unique)
    return names


def targets(markdown: str) -> list[tuple[str, str]]:
    """Links and pictures of a page as (text, target); code in a text is one character of it."""
    return [(found[1], found[2]) for found in _LINK.finditer(_CODE.sub("`", markdown))]


def addresses(markdown: str) -> list[str]:
    """Addresses outside the repository, wherever they stand in a page's prose."""
    return [address.rstrip(".,;:") for address in _BARE.findall(without_code(markdown))]


@lru_cache(maxsize=256)
def _read(path: Path, _changed: int) -> str:
    if path.suffix == ".ipynb":
        cells = read(path).cells
    elif path.suffix == ".py":
        cells = blank(path).cells
    else:
        return path.read_text(encoding="utf-8")
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def prose(path: Path) -> str:
    """The markdown of a page, a notebook or a chapter's source."""
    return _read(path, path.stat().st_mtime_ns)


def bibliography(markdown: str) -> list[Entry]:
    """The entries of the bibliography: below each third-level heading authors, *title*, year and address.

    Raises:
        HtrError: an entry without author, title or year.
    """
    entries = []
    for part in re.split(r"^### ", markdown, flags=re.MULTILINE)[1:]:
        heading, _, body = re.split(r"^## ", part, flags=re.MULTILINE)[0].partition("\n")
        text = " ".join(body.split())
        entry = re.match(
            r"(?P<authors>[^*]+?),? \*(?P<title>[^*]+)\*,? (?P<year>(?:19|20)\d\d)\b", text
        )
        if not entry:
            raise HtrError(
                f"{BIBLIOGRAPHY.name}, {heading!r}: write author, *title*, year in this order"
            )
        address = re.search(r"<(https?://[^>]+)>", text)
        authors, title, year = entry.groups()
        url = address[1] if address else ""
        entries.append(Entry(slug(heading), authors, title, int(year), url))
    return entries


def pages(root: Path) -> list[Path]:
    """The pages whose links are checked: top pages, `docs/`, datasheet, model cards, chapters."""
    places = ("*.md", "docs/**/*.md", "data/*.md", "model/*.md")
    return sorted(page for place in places for page in root.glob(place)) + sorted(
        root.glob("notebooks/src/[0-9][0-9]_*.py")
    )


def check_page(path: Path, root: Path, known: set[str]) -> Iterator[str]:
    """Complaints about one page.

    Args:
        path: the page; a chapter's source stands for its notebook.
        root: the checkout.
        known: addresses that the bibliography holds.
    """
    markdown = prose(path)
    where = path.relative_to(root).as_posix()
    folder = path.parent.parent if path.suffix == ".py" else path.parent
    for text, target in targets(markdown):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        goal = (folder / name).resolve() if name else path
        if not goal.exists():
            yield f"{where}: the link {target} leads nowhere"
        elif not goal.is_relative_to(root):
            yield f"{where}: the link {target} leaves the course"
        elif anchor and goal.suffix in (".md", ".ipynb", ".py"):
            source = goal.parent / "src" / f"{goal.stem}.py"
            page = source if goal.suffix == ".ipynb" and source.is_file() else goal
            if slug(anchor.replace("-", " ")) not in anchors(prose(page)):
                yield f"{where}: no heading #{anchor} in {name or where}"
        if not text.strip():
            yield f"{where}: the link {target} has no text"
    if path != root / BIBLIOGRAPHY:
        for address in addresses(markdown):
            if address not in known:
                yield f"{where}: {address} is not in {BIBLIOGRAPHY.name}; enter it with author, title and year"


def reading_lists(path: Path, entries: list[Entry]) -> Iterator[str]:
    """Complaints about a chapter's further reading: each item links to the bibliography, title and year agree."""
    listed = prose(path).partition("# Further reading")[2]
    known = {entry.anchor: entry for entry in entries}
    for item in re.split(r"^- ", listed, flags=re.MULTILINE)[1:]:
        text = " ".join(item.partition("\n\n")[0].split())
        linked = re.findall(
            r"\[\*?([^\]]+?)\*?\]\([./]*docs/guide/bibliography\.md#([\w-]+)\)", text
        )
        if not linked and "](" not in text and "`" not in text:
            yield f"{path.stem}: {text[:50]!r} has no link to {BIBLIOGRAPHY.name}"
        for title, anchor in linked:
            entry = known.get(anchor)
            if entry is None:
                continue  # told by check_page
            if not slug(entry.title).startswith(slug(title)):
                yield f"{path.stem}: the title {title!r} is {entry.title!r} in {BIBLIOGRAPHY.name}"
            if str(entry.year) not in text:
                yield f"{path.stem}: {entry.title!r} is of {entry.year} in {BIBLIOGRAPHY.name}"


def complaints(root: Path) -> list[str]:
    """Everything that is wrong with the links of a checkout, a line each."""
    entries = bibliography((root / BIBLIOGRAPHY).read_text(encoding="utf-8"))
    known = {entry.url for entry in entries if entry.url}
    lines = [line for path in pages(root) for line in check_page(path, root, known)]
    for source in sorted(root.glob("notebooks/src/[0-9][0-9]_*.py")):
        lines += reading_lists(source, entries)
    return lines


@one_line
def main() -> int:
    """Print the complaints; 1 if there are any."""
    root = repo_root()
    if root is None:
        print("error: no course beside this installation; clone it", file=sys.stderr)
        return 1
    wrong = complaints(root)
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(pages(root))} pages, {len(wrong)} broken links")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
