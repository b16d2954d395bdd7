"""The static site and the slides: what they hold, and how they behave in a real browser (slow tier).

The browser tests need Playwright and a Chromium, as those of the web page do.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from htr_utils.errors import HtrError
from htr_utils.runs import chapter_files
from tests.helpers.browsing import opened
from tests.helpers.chapters import NOTEBOOKS, ROOT
from workshop.chapters import notebooks
from workshop.publish import site, slides, vendor

WIDTHS = (390, 820, 1440)
SCHEMES = ("light", "dark")
CHAPTER = """# %% [markdown]
# # 6 · A small chapter
#
# After this chapter you can do one thing.
#
# *3 minutes to read, 5 for the exercises. Needs nothing.*
#
# You will
#
# - learn a word;
# - learn another.

# %% [markdown]
# ## One idea
#
# A [blank](../docs/guide/glossary.md#blank) is a class. It says "nothing new" ([next](08_other.ipynb)). Then
# $a^2 + b^2 = c^2$ follows, e.g. for 3, 4 and 5. Is it true?
#
# $$ \\frac{a}{b} $$

# %%
print("it is", 3**2 + 4**2 == 5**2)

# %% [markdown]
# The picture shows a dot. Look at it.

# %% tags=["figure"]
print("one pixel")

# %% [markdown]
# ## Exercise 7.1 · A number *(5 minutes)*
# Which one?

# %% tags=["exercise"]
number = (
    # SOLUTION
    1_234_567_890_123
    # END
)

# %% [markdown]
# ## Summary
# One thing is true. It has a picture.
#
# ## Quiz
#
# **1. Is it?**
# <details><summary>Answer</summary>Yes, it is.</details>
#
# ## Further reading
# - A. Author, [*A title*](../docs/guide/bibliography.md#author-2001), 2001.
"""
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEANl9ngAAAAABJRU5ErkJggg=="
)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A checkout with one chapter, its outputs written by hand."""
    source = tmp_path / "notebooks" / "src" / "07_small.py"
    source.parent.mkdir(parents=True)
    source.write_text(CHAPTER, encoding="utf-8")
    notebook = chapter_files.blank(source)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    code[0].outputs = [nbformat.v4.new_output("stream", text="it is True\n")]
    image = nbformat.v4.new_output(
        "display_data",
        {"image/png": PIXEL},
        metadata={"image/png": {"alt": "A white dot on white paper."}},
    )
    code[1].outputs = [image, nbformat.v4.new_output("stream", text="one pixel\n")]
    chapter_files.save(notebook, notebooks.target(source))
    (tmp_path / "docs" / "guide").mkdir(parents=True)
    (tmp_path / "docs" / "guide" / "glossary.md").write_text(
        "# Glossary\n\n### blank\nA class of CTC.\n", encoding="utf-8"
    )
    return tmp_path


def test_site_of_a_small_course(course: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    pages = {
        path.stem: path.read_text(encoding="utf-8") for path in site.make(out, course, reads=False)
    }
    assert set(pages) == {"index", "07_small", "glossary", "search"}
    chapter = pages["07_small"]
    assert 'href="glossary.html#blank"' in chapter and 'id="blank"' in pages["glossary"]
    assert "08_other" not in chapter and "bibliography" not in chapter, (
        "links to what the site lacks become text"
    )
    assert chapter.count("<math") == 2 and "$" not in re.sub(r"<script.*?</script>", "", chapter)
    assert 'alt="A white dot on white paper."' in chapter
    assert '<a class="button" href="notebooks/07_small.ipynb" download>' in chapter
    assert (out / "notebooks" / "07_small.ipynb").read_bytes() == (
        course / "notebooks" / "07_small.ipynb"
    ).read_bytes()
    assert 'id="one-idea"' in chapter and 'href="#one-idea"' in chapter
    for text in pages.values():
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", text), "fetches from elsewhere"
    places = json.loads(
        (out / "search-index.js")
        .read_text(encoding="utf-8")
        .removeprefix("window.SEARCH = ")
        .rstrip(";\n")
    )
    assert {
        "p": "glossary.html#blank",
        "t": "Glossary",
        "h": "blank",
        "x": "A class of CTC.",
    } in places
    assert all((out / place["p"].partition("#")[0]).is_file() for place in places)


def test_figures_lead_to_the_view_that_shows_them_live() -> None:
    """Each chapter from CNN features to spell correction has a link below a figure, and each view is linked."""
    chapters = {path.stem[:2]: path for path in NOTEBOOKS}
    known, linked = {path.stem for path in NOTEBOOKS}, set()
    for number in ("05", "06", "07", "08", "09", "10"):
        page, _ = site.chapter(chapters[number], known)
        links = re.findall(r'<p class="try">.*?href="index\.html#(\w+)">(.*?)</a></p>', page.body)
        wanted = [view for (where, _), view in site.LIVE.items() if where == number]
        assert sorted(view for view, _ in links) == sorted(wanted) != [], number
        assert all(words == site.VIEWS[view] for view, words in links)
        # What stands before each is a figure.
        for before in page.body.split('<p class="try">')[:-1]:
            assert before.rindex("<img") > before.rindex('class="input'), number
        linked |= set(wanted)
    assert 'class="try"' not in site.chapter(chapters["10"], known, reads=False)[0].body
    assert linked == set(site.VIEWS)
    module = (site.STATIC / "read" / "think.js").read_text(encoding="utf-8")
    (named,) = re.findall(r"VIEWS = \{ (.*) \};", module)
    assert re.findall(r'(\w+): "', named) == list(site.VIEWS)


def test_meanings_are_the_first_sentences_of_the_glossary() -> None:
    text = """# Glossary

### domain gap
The [difference](x.md) between `a` and b. It costs. A third sentence.

### Q
See [Here](y.ipynb).
"""
    words = site.meanings(text)
    assert words["domain-gap"] == "The difference between a and b. It costs." and words["q"] == ""
    link = '<a href="glossary.html#{}">word</a>'
    assert (
        site.explained(link.format("domain-gap"), {"domain-gap": 'Says "no".'})
        == '<a href="glossary.html#domain-gap" title="Says &quot;no&quot;." class="word">word</a>'
    )
    assert site.explained(link.format("q"), words) == link.format("q")


def test_figures_become_files(tmp_path: Path) -> None:
    image = f'<img alt="A dot." src="data:image/png;base64,{PIXEL}">'
    body = site.with_files(image * 2, tmp_path / "figures")
    (file,) = (tmp_path / "figures").iterdir()
    wanted = f'<img alt="A dot." src="figures/{file.name}" width="1" height="1" loading="lazy">'
    assert body == wanted * 2


def test_every_word_of_the_glossary_has_a_meaning() -> None:
    text = (ROOT / "docs" / "guide" / "glossary.md").read_text(encoding="utf-8")
    words = site.meanings(text)
    assert len(words) > 80
    assert [word for word, meaning in words.items() if not 10 < len(meaning) < 420] == []
    assert [
        word for word, meaning in words.items() if re.search(r"[`*\]\[]|\.md|See ", meaning)
    ] == []


def test_site_needs_notebooks(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    with pytest.raises(HtrError, match="make notebooks"):
        site.make(tmp_path / "site", tmp_path, reads=False)


def test_slides_of_a_small_chapter(course: Path) -> None:
    notebook = nbformat.read(course / "notebooks" / "07_small.ipynb", as_version=4)
    shown = slides.slides(notebook)
    texts = [slide.text for slide in shown]
    assert [slide.kind for slide in shown].count(
        "slide"
    ) == 5  # title, idea, exercise, summary, quiz
    assert texts[0].startswith("# 6 · A small chapter") and "*3 minutes to read" in texts[0]
    idea = next(text for text in texts if text.startswith("## One idea"))
    assert "- A blank is a class." in idea and "e.g. for 3, 4 and 5." in idea and "\\frac" in idea
    assert any("```python\nprint(" in text and "it is True" in text for text in texts)
    figure = next(slide for slide in shown if "<figure>" in slide.text)
    assert 'alt="A white dot on white paper."' in figure.text
    assert "Look at it." in figure.notes and "Look at it." not in figure.text
    assert (
        texts[-2].startswith("## Quiz")
        and shown[-1].kind == "fragment"
        and "Yes, it is." in texts[-1]
    )
    assert not [text for text in texts if "1_234_567" in text or "A title" in text]
    page = slides.deck_page(notebook, "6 · A small chapter")
    assert page.count("<section") == page.count("</section>") >= 8
    assert not re.findall(r"https?://(?!www\.w3\.org)", page), "names an address outside"
    assert (
        "A blank is a class"
        in re.search(r'<aside class="notes">.*?</aside>', page[page.index("One idea") :], re.S)[0]
    )


def test_a_slide_keeps_the_end_of_what_was_printed_and_its_notes_what_is_said_of_it() -> None:
    new = nbformat.v4
    rows = "\n".join(f"step {number}" for number in range(30))
    printing = new.new_code_cell("learn()")
    printing.outputs = [new.new_output("stream", name="stdout", text=rows)]
    cells = [
        new.new_markdown_cell("## Learning\n\nWatch the steps."),
        printing,
        new.new_markdown_cell("It went down.\n\n## What next\n\nAnother matter."),
    ]
    shown = slides.slides(new.new_notebook(cells=cells))
    code = next(slide for slide in shown if "learn()" in slide.text)
    assert all(f"step {number}\n" in code.text + "\n" for number in (0, 3)) and "..." in code.text
    assert "step 29<" in code.text and "step 15" not in code.text
    assert "Watch the steps." in code.notes and "It went down." in code.notes
    assert "Another matter." not in code.notes


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two.", 2),
        ("Is it? *Yes.* No.", 3),
        ("See A. Graves, e.g. his thesis. Then go.", 2),
        ("about .09 %", 1),
    ],
)
def test_sentences(text: str, count: int) -> None:
    found = slides.sentences(text)
    assert len(found) == count and " ".join(found) == text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_chapter_becomes_a_deck(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    shown = slides.slides(notebook)
    assert 20 <= len(shown) <= 80
    assert sum("<figure>" in slide.text for slide in shown) == sum(
        "image/png" in output.get("data", {})
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    exercises = sum(bool(re.match(r"## Exercise \d", slide.text)) for slide in shown)
    assert exercises == len(
        re.findall(r"Exercise \d+\.\d+ ·", str([c.source for c in notebook.cells]))
    )
    assert sum(slide.kind == "fragment" for slide in shown) == 3, "a quiz of three questions"
    assert all(
        len(slide.text.split()) < 190
        for slide in shown
        if not re.search("<figure>|```", slide.text)
    )


# ---- in a browser


@pytest.mark.slow
@pytest.mark.net
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_site_at_this_width(browser, built: Path, width: int, scheme: str) -> None:  # type: ignore[no-untyped-def]
    """No complaint, nothing fetched, formulas drawn, nothing sticks out sideways, on every page."""
    for path in sorted(built.glob("*.html")):
        page, said = opened(
            browser, path, viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        assert said == [], path.name
        sizes = page.evaluate(
            "[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().height)"
        )
        assert all(size > 5 for size in sizes), path.name
        assert len(sizes) == len(re.findall(r"<math\b", path.read_text(encoding="utf-8")))
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{path.name} is {wide} px wide"
        page.evaluate(
            "Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode() }))"
        )
        pictures = page.evaluate(
            "[...document.images].every(i => i.complete && i.naturalWidth > 0 && i.alt.length > 20)"
        )
        assert pictures, path.name
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) == (scheme == "dark")
        page.context.close()


@pytest.mark.slow
@pytest.mark.net
@pytest.mark.parametrize(("scheme", "width"), [("light", WIDTHS[0]), ("dark", WIDTHS[-1])])
@pytest.mark.parametrize(
    "name", ["index", "learn", "search", "glossary", *(path.stem for path in NOTEBOOKS)]
)
def test_site_passes_axe(browser, built: Path, name: str, scheme: str, width: int) -> None:  # type: ignore[no-untyped-def]
    """axe-core finds nothing against WCAG 2 A and AA, contrast among it, on a phone and on a screen."""
    axe = (vendor.package("axe-core") / "axe.min.js").read_text(encoding="utf-8")
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
    options = json.dumps({"runOnly": rules, "resultTypes": ["violations"], "preload": False})
    page, _ = opened(
        browser,
        built / f"{name}.html",
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    page.evaluate(axe)
    found = page.evaluate(f"axe.run(document, {options})")["violations"]
    told = [f"{one['id']}: {one['nodes'][0]['html'][:160]} ({len(one['nodes'])})" for one in found]
    page.context.close()
    assert told == []


@pytest.mark.slow
@pytest.mark.net
def test_site_by_keyboard(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    """Skip link first, then search and theme; every stop shows that it has the focus; search and download work."""
    chapter = next(path.stem for path in NOTEBOOKS if path.stem.startswith("07"))
    page, said = opened(browser, f"{served}/{chapter}.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.reload()
    seen = []
    for _ in range(400):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            "(() => { const e = document.activeElement, c = getComputedStyle(e);"
            " return [e.tagName, e.id || e.textContent.trim(), c.outlineStyle] })()"
        )
        if stop[0] == "BODY":
            break
        seen.append(stop)
    assert seen[-1][0] != "BODY" and len(seen) < 400, "the focus leaves the page at its end"
    assert all(style != "none" for _, _, style in seen), [
        stop for stop in seen if stop[2] == "none"
    ]
    names = [name for _, name, _ in seen]
    assert names.index("q") < names.index("theme") < names.index("Download this notebook")
    everything = page.evaluate(
        "[...document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"]')]"
        ".filter(e => e.getClientRects().length).length"
    )
    assert len(seen) == everything
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None
    page.locator("#theme").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    with page.expect_download() as download:
        page.get_by_role("link", name="Download this notebook").press("Enter")
    got = nbformat.read(download.value.path(), as_version=4)
    assert got.metadata.htr.source_sha256
    page.locator("#q").fill("blank")
    page.locator("#q").press("Enter")
    page.wait_for_url("**/search.html?q=blank")
    assert page.locator("#results li").count() >= 5
    assert "places" in page.get_by_role("status").inner_text()
    first = page.locator("#results a").first
    assert first.get_attribute("href") == "glossary.html#blank"
    first.press("Enter")
    page.wait_for_url("**/glossary.html#blank")
    assert page.locator("#blank").is_visible() and said == []


@pytest.fixture(scope="module")
def decks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("decks")
    assert len(list(slides.make(out))) == len(NOTEBOOKS)
    return out


@pytest.mark.slow
@pytest.mark.net
def test_decks_in_a_browser(browser, decks: Path) -> None:  # type: ignore[no-untyped-def]
    """Every slide of every deck fits, formulas are drawn, nothing is fetched, nothing complains."""
    for path in sorted(decks.glob("[0-9]*.html")):
        page, said = opened(browser, path, viewport={"width": 1280, "height": 800})
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            ink, paper = (
                sum(map(int, re.findall(r"\d+", colour)[:3]))
                for colour in page.evaluate(
                    "[getComputedStyle(document.querySelector('.reveal')).color,"
                    " getComputedStyle(document.body).backgroundColor]"
                )
            )
            assert (ink < 150 and paper > 700) if scheme == "light" else (ink > 600 and paper < 120)
        page.evaluate("MathJax.startup.promise")
        formulas = page.locator("section:not(.none) mjx-container").count()
        assert (formulas > 0) == bool(
            re.search(
                r"\$[^$\n]+\$",
                re.sub(
                    r"<aside.*?</aside>|<script.*?</script>|<pre.*?</pre>|<code.*?</code>",
                    "",
                    path.read_text(encoding="utf-8"),
                    flags=re.S,
                ),
            )
        )
        while True:
            page.evaluate(
                "document.querySelectorAll('section.present .fragment').forEach(e => e.classList.add('visible'))"
            )
            height, width, text = page.evaluate(
                "(() => { const s = Reveal.getCurrentSlide(); return [s.scrollHeight, s.scrollWidth, s.innerText] })()"
            )
            assert height <= 700 and width <= 1120, (
                f"{path.name}: {text[:80]!r} is {width} x {height}"
            )
            assert text.strip() or page.locator("section.present img").count()
            if page.evaluate("Reveal.isLastSlide()"):
                break
            page.evaluate(
                "(() => { const at = Reveal.getIndices(); do Reveal.next(); while ("
                "Reveal.getIndices().h === at.h && Reveal.getIndices().v === at.v) })()"
            )
        assert said == [], path.name
        page.context.close()


def test_npm_is_asked_for_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        HtrError, match=r"npm is not on the PATH; install Node\.js, it brings reveal\.js"
    ):
        vendor.package("reveal.js", tmp_path)


def test_commands_write_where_they_are_told(
    course: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    assert site.main(["--out", str(here), "--no-reading", "--repository", "someone/course"]) == 0
    assert (here / "index.html").is_file() and (ROOT / "notebooks").is_dir()
    index = (here / "index.html").read_text(encoding="utf-8")
    assert 'id="desk"' not in index and "JavaScript" not in index
    large = [path.name for path in here.glob("*.html") if path.stat().st_size > 600_000]
    assert not large, "figures are files beside the pages"
    chapter = NOTEBOOKS[0].name
    page = (here / f"{NOTEBOOKS[0].stem}.html").read_text(encoding="utf-8")
    address = "https://colab.research.google.com/github/someone/course/blob/main/notebooks"
    assert f'href="{address}/{chapter}"' in page
    assert f"{len(NOTEBOOKS) + 4} pages" in capsys.readouterr().out


@pytest.mark.parametrize("tool", [site, slides])
def test_a_place_that_cannot_be_written_is_one_line_before_any_work(
    tool,
    course: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(chapter_files, "notebooks_folder", lambda: course / "notebooks")
    for name in ("describe", "copy_libraries"):  # the first that each does with a chapter
        monkeypatch.setattr(tool, name, lambda *_: pytest.fail("worked in vain"), raising=False)
    file = tmp_path / "somefile"
    file.write_text("kept")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notebooks").write_text("kept")
    for out in (file, file / "below", *([tmp_path / "out"] if tool is site else [])):
        assert tool.main(["--out", str(out)]) == 1
        said = capsys.readouterr().err
        assert said.startswith("error: ") and "cannot be written" in said and said.count("\n") == 1
    assert file.read_text() == "kept"
