"""The course as a web site: one folder for any static host that fetches nothing from elsewhere. `make site`.

The first page reads handwriting in the browser (`front`). Behind it executed notebooks, glossary and bibliography,
with a list of chapters, the headings of the page, a search over everything, a light and a dark theme, formulas as
MathML, alt text on every figure, meanings at glossary words, and the notebook to download. Without a server all but
the reading works.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape, unescape
from pathlib import Path

from jinja2 import Template
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from PIL import Image
from pygments.formatters import HtmlFormatter

from htr_utils import files
from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files
from htr_utils.runs.html import Card, _Exporter, describe, reading_time, tile
from workshop.chapters.links import slug
from workshop.publish import front, learning

STATIC = Path(__file__).parent / "static"
DOCS = (("glossary", "Glossary"), ("bibliography", "Bibliography"))
# The views of the first page, by what their links say, and the figures that they show live: chapter and call.
VIEWS = {
    "layers": "the seven layers as pictures",
    "frames": "what one frame sees and says",
    "path": "from frames to text, step by step",
    "beam": "the beam growing and merging",
    "language": "the language model changing its mind",
}
LIVE = {
    ("05", "plots.effective("): "frames",
    ("05", "plots.maps("): "layers",
    ("06", "plots.strips("): "frames",
    ("07", "plots.spikes("): "path",
    ("08", "plots.progress("): "path",
    ("09", "plots.posteriors("): "path",
    ("09", "plots.beam_tree("): "beam",
    ("09", "plots.weight_curve("): "language",
    ("10", "plots.gains("): "language",
}


@dataclass(frozen=True)
class Page:
    """One page before it is framed. `download` is the notebook beside it, "" for none."""

    name: str
    title: str
    body: str
    download: str = ""


def text_of(html: str) -> str:
    """The words of HTML; a formula counts as nothing."""
    bare = re.sub(r"<(script|style|math)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def anchored(body: str) -> str:
    """HTML whose headings carry the anchors that the course's links use, each once."""
    seen: dict[str, int] = {}

    def one(found: re.Match[str]) -> str:
        name = slug(text_of(found[2])) or "part"
        count = seen.get(name, 0)
        seen[name] = count + 1
        name = f"{name}-{count}" if count else name
        return f'<h{found[1]} id="{escape(name)}">{found[2]}</h{found[1]}>'

    return re.sub(r"<h([1-6])\b[^>]*>(.*?)</h\1>", one, body, flags=re.DOTALL)


def local(body: str, known: set[str]) -> str:
    """HTML whose links to chapters and pages lead to the site's own; a link to a file that it lacks becomes text."""

    def one(found: re.Match[str]) -> str:
        before, target, after, words = found.groups()
        path, _, anchor = unescape(target).partition("#")
        if re.match(r"[a-z]+:", target) or path in ("", "index.html"):
            return found[0]
        stem = Path(path).stem
        if Path(path).suffix in (".ipynb", ".md") and stem in known:
            lead = f"#{slug(anchor.replace('-', ' '))}" if anchor else ""
            return f'<a{before}href="{escape(stem)}.html{lead}"{after}>{words}</a>'
        return words

    return re.sub(r'<a\b([^>]*?)href="([^"]+)"([^>]*)>(.*?)</a>', one, body, flags=re.DOTALL)


def meanings(glossary: str) -> dict[str, str]:
    """The first two sentences on each word of the glossary (markdown), by its anchor."""
    found = {}
    for word, text in re.findall(r"(?ms)^### (.+?)\n(.+?)(?=^#|\Z)", glossary):
        plain = re.sub(r"\[([^\]]+)\]\([^)]*\)|[`*]", r"\1", " ".join(text.split()))
        plain = re.sub(r"\bSee [^.]*\.", "", plain)
        found[slug(word)] = " ".join(re.split(r"(?<=[.!?]) (?=[A-Z])", plain)[:2]).strip()
    return found


def explained(body: str, words: Mapping[str, str]) -> str:
    """HTML whose links into the glossary carry the meaning of the word as their title."""

    def one(found: re.Match[str]) -> str:
        meaning = words.get(found[1])
        return f'{found[0]} title="{escape(meaning)}" class="word"' if meaning else found[0]

    return re.sub(r'<a href="glossary\.html#([^"]+)"', one, body)


def with_files(body: str, folder: Path) -> str:
    """HTML whose embedded figures are files in `folder`, named by their content, PNG loaded when in sight.

    What moves stands still for whom wants no motion.
    """

    def one(found: re.Match[str]) -> str:
        content = base64.b64decode(found[1])
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.png"
        files.write_bytes(folder / name, content)
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        return f'src="{folder.name}/{name}" width="{width}" height="{height}" loading="lazy"'

    def moving(found: re.Match[str]) -> str:
        content = base64.b64decode(found[2])
        name = hashlib.sha256(content).hexdigest()[:16]
        files.write_bytes(folder / f"{name}.gif", content)
        with Image.open(io.BytesIO(content)) as picture:
            (width, height), still = picture.size, io.BytesIO()
            picture.save(still, "PNG", save_all=False)
        files.write_bytes(folder / f"{name}.png", still.getvalue())
        place = f"{folder.name}/{name}"
        return (
            f'<picture><source media="(prefers-reduced-motion: reduce)" srcset="{place}.png">'
            f'<img{found[1]}src="{place}.gif" width="{width}" height="{height}"{found[3]}></picture>'
        )

    body = re.sub(r'<img([^>]*?)src="data:image/gif;base64,([^"]+)"([^>]*)>', moving, body)
    return re.sub(r'src="data:image/png;base64,([^"]+)"', one, body)


def finished(body: str, known: set[str]) -> str:
    """The body of a page: anchors, links, tables in boxes that may scroll."""
    body = re.sub(r"(?s)<table\b.*?</table>", r'<div class="table">\g<0></div>', body)
    formula = r'(?s)<math[^>]* display="block".*?</math>'
    body = re.sub(formula, r'<div class="formula">\g<0></div>', body)
    body = re.sub(r'<a class="anchor-link"[^>]*>.*?</a>', "", body)
    return local(anchored(body), known)


def with_views(notebook: NotebookNode, number: str) -> NotebookNode:
    """The notebook of a chapter with a link below each figure of LIVE: the same on the reader's own line."""
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        for (where, call), view in LIVE.items():
            if where == number and cell.cell_type == "code" and call in cell.source:
                link = f'<a class="button" href="index.html#{view}">{VIEWS[view]}</a>'
                text = f'<p class="try">Try it on your own line: {link}</p>'
                cells.append(new_markdown_cell(text))
    return NotebookNode({**notebook, "cells": cells})


def chapter(path: Path, known: set[str], reads: bool = True) -> tuple[Page, Card]:
    """The page of an executed notebook, and its card for the front page. reads: as `make` takes it."""
    notebook = chapter_files.read(path)
    card = describe(notebook, path.stem)
    if reads:
        notebook = with_views(notebook, path.stem[:2])
    body, _ = _Exporter().from_notebook_node(notebook)
    return Page(path.stem, card.title, finished(body, known), f"notebooks/{path.name}"), card


def document(path: Path, title: str, known: set[str]) -> Page:
    """The page of a markdown file."""
    body = _Exporter().to_html(path.read_text(encoding="utf-8"))
    return Page(path.stem, title, finished(body, known))


def sections(page: Page) -> Iterator[dict[str, str]]:
    """The parts of a page for the search: address, title of the page, heading, text."""
    parts = re.split(r'(<h[1-3] id="[^"]+">.*?</h[1-3]>)', page.body, flags=re.DOTALL)
    for heading, body in zip(parts[1::2], parts[2::2], strict=True):
        place = f"{page.name}.html#{unescape(heading.split(chr(34))[1])}"
        yield {"p": place, "t": page.title, "h": text_of(heading), "x": text_of(body)[:4000]}


def _contents(body: str) -> list[tuple[str, str, str]]:
    """Level, anchor and text of the headings that are listed beside a page."""
    headings = re.findall(r'<h([23]) id="([^"]+)">(.*?)</h\1>', body, flags=re.DOTALL)
    # Of a page with many, as the glossary, the groups are enough.
    deepest = "2" if len(headings) > 40 else "3"
    return [(level, a, text_of(words)) for level, a, words in headings if level <= deepest]


def framed(page: Page, order: Sequence[tuple[str, str]], repository: str = "") -> str:
    """A whole HTML page.

    Args:
        page: what stands in the middle.
        order: (name, title) of all pages, as they are listed and turned.
        repository: OWNER/NAME on GitHub, for the buttons that open a notebook in Colab; none without.
    """
    names = [name for name, _ in order]
    at = names.index(page.name) if page.name in names else None
    template = Template((STATIC / "site.html").read_text(encoding="utf-8"), autoescape=True)
    contents = _contents(page.body)
    return template.render(page=page, order=order, at=at, contents=contents, repository=repository)


def _front(cards: Sequence[Card], size: int) -> Page:
    template = Template((STATIC / "front.html").read_text(encoding="utf-8"), autoescape=True)
    tiles = "".join(tile(card, reading_time(card)) for card in cards)
    body = template.render(size=size, tiles=tiles)
    return Page("index", "Reading handwriting: the course", body)


def _learning(out: Path) -> Page:
    template = Template((STATIC / "learn.html").read_text(encoding="utf-8"), autoescape=True)
    return Page("learn", "See it learn", finished(template.render(run=learning.copy(out)), set()))


def make(
    out: Path, root: Path | None = None, repository: str = "", reads: bool = True
) -> list[Path]:
    """Write the site of the notebooks that lie in the checkout; returns its pages.

    Args:
        root: another checkout. repository: as `framed` takes it.
        reads: whether the first page reads handwriting; what it needs comes from npm the first time.

    Raises:
        HtrError: there are no notebooks, or `out` cannot be written, or npm cannot fetch.
    """
    folder = root / "notebooks" if root else chapter_files.notebooks_folder()
    chapters = chapter_files.find(folder=folder, pattern="*.ipynb")
    if not chapters:
        raise HtrError("no notebooks; build them with `make notebooks`")
    for path in chapters:  # the work begins with what tells whether the place can be written
        files.write_bytes(out / "notebooks" / path.name, path.read_bytes())
    guide = folder.parent / "docs" / "guide"
    docs = [(name, title) for name, title in DOCS if (guide / f"{name}.md").is_file()]
    known = {path.stem for path in chapters} | {name for name, _ in docs}
    pairs = [chapter(path, known, reads) for path in chapters]
    pages = [page for page, _ in pairs]
    pages += [document(guide / f"{name}.md", title, known) for name, title in docs]
    words = {}
    if "glossary" in known:
        words = meanings((guide / "glossary.md").read_text(encoding="utf-8"))
    order = [(page.name, page.title) for page in pages]
    places = [place for page in pages for place in sections(page)]
    files.write_text(
        out / "search-index.js", f"window.SEARCH = {json.dumps(places, ensure_ascii=False)};\n"
    )
    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs("DARK .highlight")
    night = dark.replace("DARK", ':root[data-theme="dark"]')
    auto = dark.replace("DARK", ':root:not([data-theme="light"])')
    style = (STATIC / "site.css").read_text(encoding="utf-8")
    colours = f"{light}\n{night}\n@media (prefers-color-scheme: dark) {{\n{auto}\n}}\n"
    files.write_text(out / "site.css", colours + style)
    shutil.copyfile(STATIC / "site.js", out / "site.js")
    size = front.copy(out) if reads else 0
    extra = [_learning(out)] if reads else []
    results = (
        '<h1>Search</h1><p id="found" role="status"></p><ul id="results" class="results"></ul>'
    )
    search = Page("search", "Search", f"{results}<noscript>The search needs JavaScript.</noscript>")
    for page in [*pages, *extra, search, _front([card for _, card in pairs], size)]:
        body = with_files(explained(page.body, words), out / "figures")
        body = learning.linked(body) if reads else body
        text = framed(replace(page, body=body), order, repository)
        files.write_text(out / f"{page.name}.html", f"{text}\n")
    if reads:
        front.keep(out)
    return sorted(out.glob("*.html"))


@one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """`site [--out FOLDER] [--repository OWNER/NAME] [--no-reading]`."""
    parser = argparse.ArgumentParser(
        prog="python -m htr_utils site", description="The course as a web site."
    )
    parser.add_argument("--out", help="where it goes (default: runs/site)")
    parser.add_argument(
        "--repository",
        default=os.environ.get("GITHUB_REPOSITORY", ""),
        help="OWNER/NAME on GitHub, for buttons that open a chapter in Colab",
    )
    parser.add_argument(
        "--no-reading", action="store_true", help="a first page without the reader (needs no npm)"
    )
    options = parser.parse_args(arguments)
    out = Path(options.out or chapter_files.notebooks_folder().parent / "runs" / "site")
    pages = make(out, repository=options.repository, reads=not options.no_reading)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    how = f"python -m http.server --directory {out}"
    print(f"{len(pages)} pages, {size / 1e6:.1f} MB, in {out}. To look at it: {how}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
