"""The measure of a chapter: length, prose before code, alt text, sizes, words. `python -m workshop.chapters.lint`.

What a chapter says is looked at in its source, what it shows in its notebook. The limits are this course's
answer to what was measured on well-known courses.
"""

from __future__ import annotations

import argparse
import ast
import base64
import functools
import io
import re
import statistics
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

from nbformat import NotebookNode

from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.runs.chapter_files import blank, find, read
from workshop.chapters.notebooks import target

CELLS = 45  # lesson cells: without exercise, check, hint and quiz cells
WORDS = 2500  # of all prose, exercises and quiz included
MEDIAN_LINES, MOST_LINES = 6, 25  # code lines of a cell; neither blank ones nor comments count
BARE = 0.10  # share of the lesson's code cells that no prose stands before
ALT_WORDS = 8
FIGURE_BYTES, NOTEBOOK_BYTES = 120 * 1024, 3 * 1024 * 1024
SECTIONS = ("What goes wrong", "Summary", "Quiz", "Further reading")

# Words that tell a learner who is stuck that the fault is theirs.
_BELITTLING = re.compile(r"\b(simply|just|obviously)\b", re.IGNORECASE)
# American spellings of the words that a text like this one uses; every -ize but those that are spelt so everywhere.
_AMERICAN = re.compile(
    r"\b((?!(?:re|cap|over|under|out)?siz|priz|seiz|hori|bi?zarr)\w+iz(?:e[drs]?|ers?|ing|ations?)|"
    r"analyz(?:e[drs]?|ing)|gray(?:scale|s)?|(?:dis)?color(?:ed|s|ful|ing)?|behaviors?|"
    r"neighbor(?:s|ing|hood)?|center(?:ed|s|ing)?|favor(?:ed|s|ite|able)?|"
    r"(?:label|model|cancel|travel)(?:ed|ing)|fulfill|catalog|dialog|judgment|skeptic\w*|math)\b",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"(?<![\w.:/<])/(?:home|root|Users|tmp|usr|opt|var)/|\b[A-Z]:\\")


def tags(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return list(cell.metadata.get("tags", []))


def practice(cell: NotebookNode) -> bool:
    """Whether a cell belongs to an exercise, a check, a hint or the quiz."""
    if cell.cell_type == "code":
        return bool({"exercise", "check"} & set(tags(cell)))
    return re.match(r"#+ (Exercises?|Hint|Quiz)\b|\*Hint\b", cell.source) is not None


def prose(source: str) -> str:
    """Markdown as a reader's eye meets it: without code, formulas, HTML tags, link targets and table rules."""
    text = re.sub(r"```.*?```|^ {4}.*$", " ", source, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(
        r"\$\$.*?\$\$|\$[^$\n]+\$|``[^`]*``|`[^`]*`|<[^>]+>", " x ", text, flags=re.DOTALL
    )
    return re.sub(r"\]\([^)]*\)", "]", text)


def own_words(source: str) -> str:
    """Prose without the reading list, whose titles are spelt as their authors spelt them."""
    return prose(source).partition("# Further reading")[0]


def count_words(notebook: NotebookNode) -> int:
    """Words in all markdown cells; code in the text counts as one word."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return sum(len(re.findall(r"[^\W_][\w'’.-]*", prose(source))) for source in sources)


@functools.lru_cache(1)
def dictionary() -> frozenset[str]:
    """Every word that a chapter may use, in small letters: an English list, and the course's own in `words.txt`.

    Raises:
        HtrError: pyspellchecker, which brings the list, is not installed.
    """
    try:
        from spellchecker import SpellChecker
    except ImportError:
        raise HtrError(
            "the spelling check needs pyspellchecker: `pip install pyspellchecker`"
        ) from None
    own = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(SpellChecker(language="en").word_frequency.words()) | {
        word.strip() for word in own if word.strip() and not word.startswith("#")
    }


def misspelt(text: str) -> list[str]:
    """Words of a text that no list knows. Code, formulas, abbreviations and words of two letters are passed over."""
    text = re.sub(r"\$\$.*?\$\$|\$[^$]+\$|`[^`]*`", " ", text, flags=re.DOTALL)
    words = re.findall(
        r"(?<![\w.])[A-Za-z][a-z]+(?:['’][a-z]+)?(?![\w(=\[])", re.sub(r"[*_]", " ", text)
    )
    plain = (re.sub(r"['’]s?$", "", word).lower() for word in words)
    known = dictionary()
    return [
        word
        for word in dict.fromkeys(plain)
        if len(word) > 2 and word not in known and _in_america(word) not in known
    ]


def _in_america(word: str) -> str:
    """A British spelling as the list, which is American, has it: "recognised" -> "recognized"."""
    return re.sub(r"is(e[drs]?|ers?|ing|ations?)$", r"iz\1", word).replace("our", "or")


def code_lines(source: str) -> int:
    """Lines of code: neither blank ones nor whole-line comments."""
    lines = (line.strip() for line in source.split("\n"))
    return sum(bool(line) and not line.startswith("#") for line in lines)


def remarks(source: str) -> str:
    """Comments and docstrings of a code cell."""
    tokens = tokenize.generate_tokens(io.StringIO(source + "\n").readline)
    comments = (token.string for token in tokens if token.type == tokenize.COMMENT)
    texts = [text for text in comments if not text.startswith(("# fmt:", "# noqa", "# type:"))]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            texts.append(ast.get_docstring(node) or "")
    return "\n".join(texts)


def lint_source(notebook: NotebookNode, folder: Path) -> Iterator[str]:
    """What is wrong with a chapter's text and code, one complaint each.

    Args:
        notebook: as `notebooks.blank` gives it, or executed.
        folder: where the chapter's notebook lies; relative links start there.
    """
    cells = notebook.cells
    lesson = [cell for cell in cells if not practice(cell)]
    if len(lesson) > CELLS:
        yield f"{len(lesson)} lesson cells; at most {CELLS}"
    if (words := count_words(notebook)) > WORDS:
        yield f"{words} words; at most {WORDS}"
    code = [cell for cell in cells if cell.cell_type == "code" and "check" not in tags(cell)]
    lengths = [code_lines(cell.source) for cell in code]
    if lengths and statistics.median(lengths) > MEDIAN_LINES:
        yield f"code cells have {statistics.median(lengths):g} lines in the median; at most {MEDIAN_LINES}"
    for cell, length in zip(code, lengths, strict=True):
        if length > MOST_LINES:
            yield f"cell {cell.id}: {length} lines of code; at most {MOST_LINES}"
    lesson_code = [cell for cell in lesson if cell.cell_type == "code"]
    bare = [
        cell.id
        for before, cell in zip(cells, cells[1:], strict=False)
        if before.cell_type == cell.cell_type == "code" and not practice(cell)
    ]
    if len(bare) >= BARE * max(1, len(lesson_code)):
        yield f"no prose before {len(bare)} of {len(lesson_code)} code cells ({', '.join(bare)}); under {BARE:.0%}"
    if not any("parameters" in tags(cell) for cell in cells):
        yield "no cell tagged `parameters`"
    whole = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    yield from (
        f"no section {name!r}"
        for name in SECTIONS
        if not re.search(rf"^#+ .*{name}", whole, re.MULTILINE)
    )
    for cell in cells:
        yield from (f"cell {cell.id}: {complaint}" for complaint in _words(cell, folder))


def _words(cell: NotebookNode, folder: Path) -> Iterator[str]:
    markdown = cell.cell_type == "markdown"
    text = own_words(cell.source) if markdown else remarks(cell.source)
    for word in _BELITTLING.findall(text):
        yield f"leave out {word!r}"
    for word in _AMERICAN.findall(text):
        yield f"{word!r} is American; this course is written in British English"
    for word in misspelt(text):
        yield f"{word!r} is in no word list; spell it otherwise, or add it to course/words.txt"
    if _ABSOLUTE.search(cell.source):
        yield "an absolute path in the source"
    if markdown:
        for name in re.findall(r"\]\(([^)#\s]+)[^)]*\)", cell.source):
            if "://" not in name and not (folder / name).exists():
                yield f"the link {name} leads nowhere"


def claims(source: str) -> bool:
    """Whether a code cell prints something when it runs: `print` or `check` outside of functions and classes."""
    waiting: list[ast.AST] = list(ast.parse(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in ("print", "check"):
            return True
        waiting += ast.iter_child_nodes(node)
    return False


def unkept(notebook: NotebookNode) -> Iterator[str]:
    """Cells that claim something and store no output: nbval compares what is stored, and here it would pass."""
    for cell in notebook.cells:
        if cell.cell_type != "code" or "nbval-ignore-output" in tags(cell):
            continue
        text = "".join(output.get("text", "") for output in cell.get("outputs", []))
        if not text.strip() and ("figure" in tags(cell) or claims(cell.source)):
            yield f"cell {cell.get('id', '?')}: claims something, and no printed output is stored to compare with"


def lint_outputs(notebook: NotebookNode) -> Iterator[str]:
    """What is wrong with the stored outputs of an executed chapter, one complaint each."""
    yield from unkept(notebook)
    for cell in notebook.cells:
        where = f"cell {cell.get('id', '?')}"
        outputs = cell.get("outputs", [])
        if "figure" in tags(cell) and not any(
            "image/png" in output.get("data", {}) for output in outputs
        ):
            yield f"{where}: tagged `figure` and shows none"
        for output in outputs:
            if output.get("name") == "stderr":
                yield f"{where}: stderr in a stored output"
            if output.output_type == "error":
                yield f"{where}: ends in {output.ename}"
            data = output.get("data", {})
            texts = (str(data[kind]) for kind in data if kind.startswith("text/"))
            text = output.get("text", "") + "".join(texts)
            if _ABSOLUTE.search(text):
                yield f"{where}: an absolute path in an output"
            if "image/png" in data:
                alt = output.metadata.get("image/png", {}).get("alt", "")
                if len(alt.split()) < ALT_WORDS:
                    yield f"{where}: alt text of {len(alt.split())} words; at least {ALT_WORDS}"
                if (size := len(base64.b64decode(data["image/png"]))) > FIGURE_BYTES:
                    yield f"{where}: a figure of {size / 1024:.0f} KB; at most {FIGURE_BYTES // 1024}"


def lint(source: Path) -> list[str]:
    """Every complaint about a chapter: its source, and its notebook where that is built.

    Args:
        source: `NN_name.py`, in `src/` below the notebooks' folder.
    Raises:
        HtrError: no such source, or one that cannot be read.
    """
    path = target(source)
    complaints = list(lint_source(blank(source), path.parent))
    if path.is_file():
        complaints += lint_outputs(read(path))
        if (size := path.stat().st_size) > NOTEBOOK_BYTES:
            complaints.append(
                f"the notebook has {size / 1024**2:.1f} MB; at most {NOTEBOOK_BYTES // 1024**2}"
            )
    return complaints


@one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """`lint [chapter ...]`: a line for each complaint, and how many there are."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.chapters.lint", description="Measure the chapters."
    )
    parser.add_argument("names", nargs="*", help="chapters by number or name; all without")
    sources = find(parser.parse_args(arguments).names)
    complaints = [f"{source.stem}: {complaint}" for source in sources for complaint in lint(source)]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"{len(sources)} chapters, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
