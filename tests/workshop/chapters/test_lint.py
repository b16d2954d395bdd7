"""The chapters keep their measure, and the lint that says so sees each kind of lapse."""

from __future__ import annotations

import base64
import shutil
import sys
from pathlib import Path

import nbformat
import pytest

from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files
from tests.helpers.chapters import NOTEBOOKS, SOURCES
from workshop.chapters import lint, notebooks

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg=="
)
GOOD = """# %% [markdown]
# # 6 · A chapter
# Colours are recognised here; see [the other one](07_other.ipynb) and `color` in the code.

# %% tags=["parameters"]
seed: int = 0

# %% [markdown]
# Here is a picture.

# %% tags=["figure"]
draw(color="red")

# %% [markdown]
# ## What goes wrong
# Nothing. It costs $x$, that is `simply` nothing.

# %% [markdown]
# ## Exercise 7.1
# Say so.

# %% tags=["exercise"]
answer = ...

# %% tags=["check"]
check("07.1", answer)

# %% [markdown]
# ## Summary
# It was a chapter.

# %% [markdown]
# ## Quiz
# Was it?
#
# ## Further reading
# - *Optimizing color by neighbors*, 1999.
"""


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_text_and_code_of_a_chapter(source: Path) -> None:
    complaints = list(lint.lint_source(chapter_files.blank(source), source.parent.parent))
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_of_a_chapter(path: Path) -> None:
    complaints = list(lint.lint_outputs(nbformat.read(path, as_version=4)))
    assert not complaints, "\n".join(complaints)
    assert path.stat().st_size <= lint.NOTEBOOK_BYTES


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The source of a chapter without fault, beside the chapter that it links to."""
    (tmp_path / "07_other.ipynb").touch()
    file = tmp_path / "src" / "07_small.py"
    file.parent.mkdir()
    file.write_text(GOOD, encoding="utf-8")
    return file


def test_a_good_chapter_passes(source: Path) -> None:
    assert lint.lint(source) == []


MORE_CELLS = "".join(f"\n# %% [markdown]\n# Cell {n}.\n" for n in range(40))
LONG_CELLS = "".join(
    f"\n# %% [markdown]\n# Cell.\n\n# %%\n{'x = 1' + chr(10)}" + "x += 1\n" * 6 for n in range(4)
)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("# It was a chapter.\n", "# It was.\n" + MORE_CELLS, "46 lesson cells"),
        ("# It was a chapter.", "# It was" + " a word" * 1240, "words; at most 2500"),
        ("# It was a chapter.\n", "# It was.\n" + LONG_CELLS, "7 lines in the median"),
        ("answer = ...", "answer = ...\n" + "answer += 1\n" * 25, "26 lines of code; at most 25"),
        (
            "# %% [markdown]\n# Here is a picture.\n\n",
            "",
            "no prose before 1 of 2 code cells (07-002)",
        ),
        ('tags=["parameters"]', "", "no cell tagged `parameters`"),
        ("## What goes wrong", "## What goes right", "no section 'What goes wrong'"),
        ("Here is a picture", "This is simply a picture", "cell 07-002: leave out 'simply'"),
        ("Colours are", "The color is", "'color' is American"),
        ("recognised", "recognized", "'recognized' is American"),
        ("recognised", "localized", "'localized' is American"),
        ("recognised", "recogniced", "'recogniced' is in no word list"),
        ('draw(color="red")', "draw()  # a pictrue", "'pictrue' is in no word list"),
        ('draw(color="red")', "draw()  # in gray", "'gray' is American"),
        ('draw(color="red")', 'draw("/' + 'home/me/a.png")', "an absolute path in the source"),
        ("07_other.ipynb", "07_gone.ipynb", "the link 07_gone.ipynb leads nowhere"),
    ],
)
def test_a_lapse_in_the_source_is_seen(source: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    source.write_text(GOOD.replace(old, new), encoding="utf-8")
    complaints = lint.lint(source)
    assert len(complaints) == 1 and complaint in complaints[0], complaints


def picture(
    data: bytes = PNG, alt: str = "One white dot on white paper, one pixel wide."
) -> nbformat.NotebookNode:
    """A figure as it is stored."""
    png = base64.b64encode(data).decode()
    return nbformat.v4.new_output(
        "display_data", {"image/png": png}, metadata={"image/png": {"alt": alt}}
    )


def said(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    """A printed line as it is stored."""
    return nbformat.v4.new_output("stream", name=name, text=text)


@pytest.mark.parametrize(
    ("outputs", "complaint"),
    [
        ([picture(), said("1 x 1")], None),
        ([picture()], "claims something, and no printed output is stored"),
        ([said("1 x 1")], "tagged `figure` and shows none"),
        ([picture(alt="A white dot."), said("1")], "alt text of 3 words; at least 8"),
        ([picture(PNG + bytes(lint.FIGURE_BYTES)), said("1")], "a figure of 120 KB; at most 120"),
        ([picture(), said("a warning", "stderr")], "stderr in a stored output"),
        ([picture(), said("read /" + "home/me/a.png")], "an absolute path in an output"),
        (
            [picture(), said("1"), nbformat.v4.new_output("error", ename="KeyError", evalue="1")],
            "ends in KeyError",
        ),
        ([picture(), said("x" * lint.NOTEBOOK_BYTES)], "the notebook has 3.0 MB; at most 3"),
    ],
)
def test_a_lapse_in_the_outputs_is_seen(source: Path, outputs: list, complaint: str | None) -> None:
    notebook = chapter_files.blank(source)
    notebook.cells[3].outputs = outputs
    notebook.cells[7].outputs = [said("07.1: to do\n")]
    chapter_files.save(notebook, notebooks.target(source))
    complaints = lint.lint(source)
    assert len(complaints) == (complaint is not None), complaints
    assert complaint is None or complaint in complaints[0]


def test_the_command_says_what_is_wrong_and_fails(
    source: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chapter_files, "notebooks_folder", lambda: source.parent.parent)
    assert lint.main([]) == 0
    shutil.copy(source, source.with_name("08_bad.py"))
    source.with_name("08_bad.py").write_text(
        GOOD.replace("Colours are", "Just colours are"), encoding="utf-8"
    )
    assert lint.main([]) == 1
    assert capsys.readouterr().out.endswith(
        "08_bad: cell 08-000: leave out 'Just'\n2 chapters, 1 complaints\n"
    )
    assert lint.main(["9"]) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1", False),
        ("print(1)", True),
        ("for n in (1, 2):\n    print(n)", True),
        ("def f():\n    print(1)", False),
        ("names = [print(n) for n in (1,)]", True),
        ('check("07.1", f)', True),
        ("show(1)", False),
    ],
)
def test_what_claims_something(code: str, expected: bool) -> None:
    assert lint.claims(code) is expected


def test_without_the_word_list_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spellchecker", None)
    lint.dictionary.cache_clear()
    with pytest.raises(HtrError, match="pip install pyspellchecker"):
        lint.misspelt("A word.")
    lint.dictionary.cache_clear()


def test_words_of_the_course_are_sorted_and_needed() -> None:
    lines = Path(lint.__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines()
    words = [line for line in lines if not line.startswith("#")]
    assert words == sorted(set(words))
