"""Executed notebooks as plain HTML pages: one file each, no script, nothing fetched from anywhere.

Formulas become MathML, which browsers show by themselves; figures are embedded, with their alt text.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from latex2mathml.converter import convert as to_mathml
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from htr_utils import files, paths

STYLE = Path(__file__).with_name("page.css")


class _Renderer(IPythonRenderer):
    """Markdown with formulas as MathML; a formula that cannot be turned into it stays as it is written."""

    def _formula(self, body: str, display: str) -> str:
        try:
            return str(to_mathml(body.strip(), display=display))
        except Exception:
            return f"<code>{escape(body)}</code>"

    def inline_math(self, body: str) -> str:
        return self._formula(body, "inline")

    def block_math(self, body: str) -> str:
        return self._formula(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return self._formula(f"\\begin{{{name}}}{body}\\end{{{name}}}", "block")


class _Exporter(HTMLExporter):
    """nbconvert's script-free template with the renderer above."""

    def __init__(self, **options: Any) -> None:
        super().__init__(template_name="basic", **options)
        self.register_filter("markdown2html", self.to_html)

    def to_html(self, source: str) -> str:
        """Markdown to HTML (replaces nbconvert's filter of the same use)."""
        html = str(MarkdownWithMath(renderer=_Renderer(escape=False)).render(source))
        return re.sub(r'src="\.\./(docs/[^"]+\.gif)"', _embedded, html)


def _embedded(found: re.Match[str]) -> str:
    """A picture of the checkout inside the page; where it is not there, the link stays."""
    file = (paths.repo_root() or Path()) / found[1]
    content = base64.b64encode(file.read_bytes() if file.is_file() else b"").decode()
    return f'src="data:image/gif;base64,{content}"' if content else found[0]


@dataclass(frozen=True)
class Card:
    """What the index says about a chapter. `picture` is a PNG in base64, "" where there is none."""

    name: str
    title: str
    sentence: str
    minutes: int
    picture: str
    alt: str


def describe(notebook: NotebookNode, name: str) -> Card:
    """Title, first sentence, reading minutes and first figure of a chapter."""
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    title = re.search(r"^#\s+(.+)$", prose, flags=re.MULTILINE)
    minutes = re.search(r"(\d+)\s+minutes to read", prose)
    after = prose[title.end() :] if title else prose
    first = next((s for s in map(str.strip, after.split("\n\n")) if s and s[0] not in "#*!<|-"), "")
    sentence = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", " ".join(first.split()))
    picture, alt = "", ""
    tagged = [cell for cell in notebook.cells if "figure" in cell.metadata.get("tags", [])]
    for cell in tagged + list(notebook.cells):
        for output in cell.get("outputs", []):
            if not picture and "image/png" in output.get("data", {}):
                picture = output.data["image/png"].replace("\n", "")
                alt = output.metadata.get("image/png", {}).get("alt", "")
    plain, sentence = (re.sub(r"[`*_]", "", s) for s in (title[1] if title else name, sentence))
    return Card(name, plain, sentence, int(minutes[1]) if minutes else 0, picture, alt)


def page(title: str, body: str) -> str:
    """A whole HTML page round `body`."""
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>{colours}\n\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def chapter_page(notebook: NotebookNode, name: str) -> str:
    """One chapter as a page."""
    body, _ = _Exporter().from_notebook_node(notebook)
    body = f'<nav><a href="index.html">All chapters</a></nav>\n<main>\n{body}\n</main>'
    return page(describe(notebook, name).title, body)


# What TensorFlow's compiled parts say on stderr when they start; TF_CPP_MIN_LOG_LEVEL does not silence all of it.
_GREETINGS = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]\d{4} \d\d:\d\d:).*\n?", re.MULTILINE
)


def without_greetings(notebook: NotebookNode) -> NotebookNode:
    """The notebook, in place, without TensorFlow's greetings; whatever else was said on stderr stays."""
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        for output in outputs:
            if output.get("name") == "stderr":
                output.text = _GREETINGS.sub("", output.text)
        outputs[:] = [one for one in outputs if one.get("name") != "stderr" or one.text.strip()]
    return notebook


def write_page(notebook_path: Path, html_path: Path) -> Card:
    """Write a notebook file as a page; returns its card for the index."""
    notebook = without_greetings(nbformat.read(notebook_path, as_version=4))
    files.write_text(html_path, chapter_page(notebook, notebook_path.stem))
    return describe(notebook, notebook_path.stem)


def reading_time(card: Card) -> str:
    """How long a chapter takes to read, "" where it does not say."""
    return f"{card.minutes} minutes to read" if card.minutes else ""


def tile(card: Card, note: str) -> str:
    """A chapter in a list of chapters: its figure, its title, its first sentence. note: HTML below them."""
    title = f"<strong>{escape(card.title)}</strong>"
    image = f'<img src="data:image/png;base64,{card.picture}" alt="{escape(card.alt)}">'
    return (
        f'<li><a href="{escape(card.name)}.html"><div class="picture">{image if card.picture else title}</div>'
        f'<div class="words">{title}<br>{escape(card.sentence)}<br><small>{note}</small></div></a></li>\n'
    )


def index_page(cards: list[tuple[Card, str, bool]]) -> str:
    """The page of all chapters.

    Args:
        cards: for each chapter its card, one line about the run ("38 s, 1,204 MB"), and whether it passed.
    """
    tiles = ""
    for card, line, passed in cards:
        state = escape(line) if passed else f'<span class="failed">failed</span>: {escape(line)}'
        tiles += tile(card, ". ".join(filter(None, [reading_time(card), state])))
    heading = "<h1>Reading handwriting: the course</h1>"
    return page("The course", f'{heading}\n<main><ul class="tiles">\n{tiles}</ul></main>')
