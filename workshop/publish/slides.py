"""Slides: a deck for each chapter out of its executed notebook, shown by a local reveal.js. `make slides`.

A slide for each section with the first sentence of each paragraph; a slide for each figure, each short piece of
code with what it prints, each exercise and each question of the quiz. The whole text of the chapter is in the
speaker's notes (press `s`). Nothing is fetched when a deck is shown: reveal.js and MathJax lie beside it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import FileSystemLoader
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from htr_utils import files
from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files
from htr_utils.runs.html import describe
from workshop.chapters.lint import code_lines, tags
from workshop.publish import vendor

CODE_LINES, CODE_WIDTH, PRINTED_LINES = 16, 100, 8
ROOMY = 15  # lines of code and of what it prints, beyond which both are set smaller
# Most words and list items of a slide; a sentence is cut at so many words.
WORDS, ITEMS, SENTENCE = 85, 6, 45
LIBRARIES = {
    "reveal.js": ("dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js", "LICENSE"),
    "mathjax": ("es5/tex-svg.js", "LICENSE"),
}
LEFT_OUT = ("Further reading",)

STATIC = Path(__file__).parent / "static"


@dataclass
class Slide:
    """One slide: `kind` is reveal's slide, subslide or fragment; both texts are markdown."""

    kind: str
    text: str
    notes: str = ""


@dataclass
class _Deck:
    slides: list[Slide] = field(default_factory=list)
    section: str = ""

    def add(self, kind: str, text: str, notes: str = "") -> None:
        self.slides.append(Slide(kind, text, notes))


def unlinked(markdown: str) -> str:
    """Markdown whose links are their texts, without pictures: a deck lies alone."""
    return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", re.sub(r"!\[[^\]]*\]\([^)]*\)", "", markdown))


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph; one longer than SENTENCE words is cut."""
    text = " ".join(paragraph.split())
    pieces = re.split(
        r"(?<=[.?!])(?<!e\.g\.)(?<!i\.e\.)(?<!\bal\.)(?<!\b[A-Z]\.)([*_)\"]*)\s+(?=[\W\d]*[A-Z])",
        text,
    )
    whole = [f"{piece}{mark}" for piece, mark in zip(pieces[::2], [*pieces[1::2], ""], strict=True)]
    cut = [piece.split(" ") for piece in whole]
    return [" ".join(words[:SENTENCE]) + (" ..." if len(words) > SENTENCE else "") for words in cut]


def paragraphs(markdown: str) -> list[str]:
    """A text in its blocks; a list, a table, a code block or a formula is one."""
    blocks, block, fence = [], [], False
    for line in markdown.split("\n"):
        fence ^= line.startswith("```")
        if line.strip() or fence:
            block.append(line)
        elif block:
            blocks.append("\n".join(block))
            block = []
    return blocks + (["\n".join(block)] if block else [])


def gist(markdown: str, limit: int = WORDS) -> str:
    """What a slide shows of a text: lists, tables and formulas whole, of its paragraphs as many sentences as fit.

    Args:
        markdown: the text of a section, without its heading.
        limit: how many words a slide may hold.
    """
    shown: list[str] = []
    words = 0
    for block in paragraphs(unlinked(markdown)):
        if re.match(r"[-*] |\d+\. ", block):
            items = re.split(r"\n(?=[-*] |\d+\. )", block)[:ITEMS]
            pieces = ["\n".join(" ".join(item.split()) for item in items)]
        elif block.startswith("|"):
            pieces = ["\n".join(block.split("\n")[: ITEMS + 4])]
        elif re.match(r"\$\$|```| {4}|>|<", block):
            pieces = [block]
        else:
            listed = sentences(block)
            pieces = [f"- {sentence}" for sentence in listed] if len(block.split()) > 5 else listed
        for piece in pieces:
            words += len(piece.split())
            if shown and words > limit:
                return "\n\n".join(shown)
            shown.append(piece)
    return "\n\n".join(shown)


def picture(output: NotebookNode) -> str:
    """A figure of an output as HTML with its alt text."""
    alt = output.metadata.get("image/png", {}).get("alt", "")
    data = output.data["image/png"].replace("\n", "")
    return f'<figure><img src="data:image/png;base64,{data}" alt="{escape(alt)}"></figure>'


def printed(cell: NotebookNode) -> str:
    """The text that a cell printed."""
    return "".join(o.text for o in cell.get("outputs", []) if o.output_type == "stream").rstrip()


def _quiz(deck: _Deck, body: str) -> None:
    last, kind = 0, "slide"
    answers = r"(?s)<details>\s*<summary>(.*?)</summary>(.*?)</details>"
    for answer in re.finditer(answers, body):
        question = (
            body[last : answer.start()] if answer[1].strip() == "Answer" else f"**{answer[1]}**"
        )
        deck.add(kind, f"## Quiz\n\n{unlinked(question).strip()}")
        deck.add("fragment", unlinked(answer[2]).strip())
        last, kind = answer.end(), "subslide"


def _markdown(deck: _Deck, source: str, *, alone: bool) -> None:
    """Slides of a text cell; `alone` says that no figure follows which takes the last words as its caption."""
    parts = re.split(r"^(?=#{1,3} )", source, flags=re.MULTILINE)
    for part in filter(str.strip, parts):
        heading = re.match(r"(#{1,3}) (.+)", part)
        if heading is None:
            if alone and deck.section not in LEFT_OUT:
                deck.add("subslide", f"### {deck.section}\n\n{gist(part)}", part)
            continue
        level, title, body = len(heading[1]), unlinked(heading[2]), part[heading.end() :].strip()
        if not title.startswith("Exercise"):
            deck.section = title
        if title in LEFT_OUT:
            continue
        if title == "Quiz":
            _quiz(deck, body)
        elif not body:
            continue
        elif level == 1:
            blocks = paragraphs(unlinked(body))
            cut = next((n for n, block in enumerate(blocks) if block.startswith("*")), 0) + 1
            deck.add("slide", f"# {title}\n\n" + "\n\n".join(blocks[:cut]), body)
            if blocks[cut:]:
                deck.add("subslide", gist("\n\n".join(blocks[cut:])), body)
        elif re.match(r"Exercise \d", title):
            deck.add("slide", f'## {title}\n\n<div class="task">\n\n{unlinked(body)}\n\n</div>')
        elif title == "Summary":
            listed = sentences(unlinked(body))
            deck.add("slide", f"## {title}\n\n" + "\n".join(f"- {sentence}" for sentence in listed))
        else:
            deck.add("slide" if level == 2 else "subslide", f"## {title}\n\n{gist(body)}", body)


def _code(deck: _Deck, cell: NotebookNode, before: str, behind: str) -> None:
    """Slides of a code cell: its figures, or its code with what it prints if that is short.

    Args:
        before, behind: what the chapter says before the cell, and about it afterwards; both go into the notes.
    """
    figures = [o for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    said = printed(cell)
    notes = "\n\n".join(filter(None, (before, said if figures else "", behind)))
    for output in figures:
        deck.add("subslide", f"### {deck.section}\n\n{picture(output)}", notes)
    long = code_lines(cell.source) > CODE_LINES or len(cell.source.split("\n")) > CODE_LINES + 5
    if figures or "parameters" in tags(cell) or "validate(" in cell.source or long:
        return
    shown = said.split("\n")
    if len(shown) > PRINTED_LINES:  # what comes last is the result as a rule
        shown = [*shown[: PRINTED_LINES // 2], "...", *shown[-PRINTED_LINES // 2 :]]
    said = "\n".join(line[:CODE_WIDTH] for line in shown)
    lines = len(cell.source.split("\n")) + len(said.split("\n"))
    text = f"### {deck.section}\n\n```python\n{cell.source}\n```"
    if said:
        text += f'\n\n<pre class="printed">{escape(said)}</pre>'
    if lines > ROOMY:
        text = f'<div class="long">\n\n{text}\n\n</div>'
    deck.add("subslide", text, notes)


def slides(notebook: NotebookNode) -> list[Slide]:
    """The slides of a chapter, in order.

    Args:
        notebook: executed; of one that is not, figures and outputs are missing.
    """
    deck, before = _Deck(), ""
    for position, cell in enumerate(notebook.cells):
        after = notebook.cells[position + 1] if position + 1 < len(notebook.cells) else None
        if cell.cell_type == "markdown":
            followed = after is not None and after.cell_type == "code"
            if not cell.source.lstrip().startswith("*Hint"):
                _markdown(deck, cell.source, alone=not followed)
            before = re.sub(r"^#{1,3} .*$", "", cell.source, flags=re.MULTILINE).strip()
        elif not {"exercise", "check"} & set(tags(cell)):
            said = after.source if after is not None and after.cell_type == "markdown" else ""
            behind = re.split(r"^#", said, maxsplit=1, flags=re.MULTILINE)[0]
            _code(deck, cell, before, behind.strip())
            before = ""
    return deck.slides


def as_notebook(shown: Sequence[Slide]) -> NotebookNode:
    """Slides as a notebook that nbconvert's slide exporter understands."""
    deck = nbformat.v4.new_notebook()
    for slide in shown:
        for kind, text in ((slide.kind, slide.text), ("notes", unlinked(slide.notes))):
            if text.strip():
                meta = {"slideshow": {"slide_type": kind}}
                deck.cells.append(nbformat.v4.new_markdown_cell(text, metadata=meta))
    for number, cell in enumerate(deck.cells):
        cell["id"] = f"slide-{number:03d}"
    return deck


class _Exporter(SlidesExporter):
    """nbconvert's slide exporter with a template that names local files only."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            extra_loaders=[FileSystemLoader(STATIC)],
            template_file="deck.html",
            **options,
        )


def deck_page(notebook: NotebookNode, title: str) -> str:
    """The deck of a chapter as one HTML page; `lib/` has to lie beside it.

    Raises:
        HtrError: the chapter has no text.
    """
    shown = slides(notebook)
    if not shown:
        raise HtrError(f"{title}: no text to make slides of")
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    style = f"{colours}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"
    style += (STATIC / "deck.css").read_text(encoding="utf-8")
    exporter = _Exporter(exclude_anchor_links=True)
    page, _ = exporter.from_notebook_node(
        as_notebook(shown), resources={"deck_title": title, "deck_style": style}
    )
    return str(page)


def copy_libraries(out: Path) -> None:
    """Put reveal.js and MathJax below `out/lib`.

    Raises:
        HtrError: they are not in the cache and cannot be fetched.
    """
    for package, names in LIBRARIES.items():
        source, target = vendor.package(package), out / "lib" / package
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copyfile(source / name, target / Path(name).name)


def make(
    out: Path, names: Sequence[str] = (), folder: Path | None = None
) -> Iterator[tuple[Path, int]]:
    """Write decks and their index; yields each deck and its number of slides.

    Raises:
        HtrError: no chapter of that name, or the libraries cannot be fetched.
    """
    chapters = chapter_files.find(names, folder, pattern="*.ipynb")
    if not chapters:
        raise HtrError("no notebooks; build them with `make notebooks`")
    out.mkdir(parents=True, exist_ok=True)
    copy_libraries(out)
    items = []
    for chapter in chapters:
        notebook = chapter_files.read(chapter)
        title = describe(notebook, chapter.stem).title
        files.write_text(out / f"{chapter.stem}.html", deck_page(notebook, title))
        items.append(f'<li><a href="{chapter.stem}.html">{escape(title)}</a></li>')
        yield out / f"{chapter.stem}.html", len(slides(notebook))
    head = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Slides</title>'
    body = "<body><main><h1>Slides</h1><p>Arrow keys move, <kbd>s</kbd> opens your notes, "
    body += "<kbd>f</kbd> the whole screen.</p>"
    style = "<style>body { font: 1.1rem/1.7 system-ui, sans-serif; margin: 2rem auto; max-width: 40rem }</style></head>"
    files.write_text(
        out / "index.html", f"{head}{style}{body}<ol>{''.join(items)}</ol></main></body></html>\n"
    )


@one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """`slides [chapter ...] [--out FOLDER]`."""
    parser = argparse.ArgumentParser(
        prog="python -m htr_utils slides", description="A deck for each chapter."
    )
    parser.add_argument("names", nargs="*", help="chapters by number or name; all without")
    parser.add_argument("--out", help="where the decks go (default: runs/slides)")
    options = parser.parse_args(arguments)
    out = Path(options.out or chapter_files.notebooks_folder().parent / "runs" / "slides")
    for path, count in make(out, options.names):
        print(
            f"{path.name:<40} {count:>3} slides, {path.stat().st_size / 1024:,.0f} KB", flush=True
        )
    print(f"Open {out.name}/index.html in a browser: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
