"""The lecturer's kit agrees with the chapters: a page for each, its minutes, times that add up, words and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from htr_utils.errors import HtrError
from tests.helpers.chapters import ROOT, SOURCES
from workshop.chapters import links

KIT = ROOT / "docs" / "lecturer"
PARTS = ["Minutes", "On the board", "Misconceptions", "When time is short"]
each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def section(markdown: str, heading: str) -> str:
    """What stands below a heading, down to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n", markdown, re.MULTILINE)
    assert found, f"no section {heading!r}"
    return re.split(rf"^#{{1,{len(found[1])}}} ", markdown[found.end() :], flags=re.MULTILINE)[0]


def rows(table: str) -> list[list[str]]:
    """The cells of a markdown table, without head and rule."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def minutes(cell: str) -> int:
    return int(cell.strip("*") or 0)


def plan(stem: str) -> list[list[str]]:
    return rows(section((KIT / f"{stem}.md").read_text(encoding="utf-8"), "Minutes"))


def stated(source: Path) -> tuple[int, int]:
    """Minutes to read and for the exercises, as the chapter says itself."""
    found = re.search(r"(\d+) minutes to read, (\d+) for the exercises", links.prose(source))
    assert found, f"{source.stem} does not say how long it takes"
    return int(found[1]), int(found[2])


@each_source
def test_every_chapter_has_its_page(source: Path) -> None:
    text = (KIT / f"{source.stem}.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert f"notebooks/{source.stem}.ipynb" in text
    assert f"({source.stem}.md)" in (KIT / "README.md").read_text(encoding="utf-8")
    assert len(section(text, "On the board").split()) >= 40
    assert len(section(text, "When time is short").split()) >= 15
    told = section(text, "Misconceptions")
    assert re.findall(r"^(\d)\. \*\*\".+\"\*\*$", told, re.MULTILINE) == ["1", "2", "3"]
    for misconception in re.split(r"^\d\. ", told, flags=re.MULTILINE)[1:]:
        question = re.search(r"Ask: \*(.+?)\*\n", misconception, re.DOTALL)
        assert question and "?" in question[1], misconception
        assert len(misconception[question.end() :].split()) >= 3, "the answer is missing"


@each_source
def test_minutes_agree_with_the_chapter(source: Path) -> None:
    *parts, total = plan(source.stem)
    assert total[0] == "**Sum**"
    teach, exercise = (sum(minutes(row[column]) for row in parts) for column in (1, 2))
    assert (teach, exercise) == (minutes(total[1]), minutes(total[2])), "the sums are wrong"
    assert (teach, exercise) == stated(source), "the chapter says otherwise"
    of_chapter = {
        number: int(time)
        for number, time in re.findall(
            r"^#+ Exercise (\d+\.\d+) .*\*\((\d+) minutes?\)\*", links.prose(source), re.MULTILINE
        )
    }
    planned = {
        found[1]: minutes(row[2])
        for row in parts
        if (found := re.match(r"Exercise (\d+\.\d+)", row[0]))
    }
    assert planned == of_chapter


def test_no_page_without_a_chapter() -> None:
    pages = {path.stem for path in KIT.glob("[0-9][0-9]_*.md")}
    assert pages == {source.stem for source in SOURCES}


def clock(text: str) -> int:
    hours, _, rest = text.partition(":")
    return 60 * int(hours) + int(rest)


@pytest.mark.parametrize("day", ["One day", "First day", "Second day"])
def test_a_day_adds_up(day: str) -> None:
    table = rows(section((KIT / "schedules.md").read_text(encoding="utf-8"), day))
    for (start, length, what), (after, _, _) in zip(table, table[1:], strict=False):
        assert clock(start) + minutes(length) == clock(after), f"{start} {what}"
    since = 0  # minutes of work since the last break
    for _, length, what in table:
        since = 0 if what in ("break", "lunch") else since + minutes(length)
        assert since <= 120, f"no break before {what}"
    assert clock(table[-1][0]) - clock(table[0][0]) <= 8 * 60


def asked(chapter: str, rest: str) -> int:
    """Minutes that a slot of a schedule needs, by its words and the chapter's plan."""
    teach, exercise = stated(next(source for source in SOURCES if source.stem == chapter))
    costs = {
        found[1]: minutes(row[2])
        for row in plan(chapter)
        if (found := re.match(r"Exercise (\d+\.\d+)", row[0]))
    }
    named = re.match(r", (without|teaching and) exercises? ((?:\d+\.\d+(?:, | and )?)+)", rest)
    if named is None:
        return teach + exercise
    some = sum(costs[number] for number in re.findall(r"\d+\.\d+", named[2]))
    return teach + exercise - some if named[1] == "without" else teach + some


def test_schedules_give_each_chapter_what_it_takes() -> None:
    """Once, ten slots were shorter than what they asked for."""
    text = (KIT / "schedules.md").read_text(encoding="utf-8")
    seen = 0
    for row in re.findall(
        r"^\| [\w:]+ \| (\d+) \| \[[^]]+\]\((\d\d_\w+)\.md\)([^|]*)", text, re.MULTILINE
    ):
        needed = asked(row[1], row[2])
        assert needed <= int(row[0]) <= needed + 5, (row, needed)
        seen += 1
    assert seen >= 25
    weeks = rows(section(text, "Six weeks"))
    assert [row[0] for row in weeks] == [f"{week}{half}" for week in range(1, 7) for half in "ab"]
    assert all(minutes(row[1]) <= 90 for row in weeks)
    named = set(re.findall(r"\((\d\d_\w+)\.md\)", section(text, "Six weeks")))
    assert named == {source.stem for source in SOURCES}, "six weeks take the whole course"


def test_learner_profiles_are_whole() -> None:
    text = (KIT / "learners.md").read_text(encoding="utf-8")
    people = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert len(people) >= 4
    for person in people:
        assert re.findall(r"^- \*\*(.+?)\*\*:", person, re.MULTILINE) == [
            "Brings",
            "Wants",
            "Way",
            "Stumbles over",
            "Has won when",
        ]


def test_commands_of_the_kit_exist() -> None:
    from workshop.publish.classroom import main

    text = (KIT / "README.md").read_text(encoding="utf-8")
    verbs = set(re.findall(r"htr_utils classroom (\w+)", text))
    assert verbs == set(main.commands)
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`", text):
        assert re.search(rf"^(?:.* )?{target}\b.*:", make, re.MULTILINE), target


# ---- links, glossary, bibliography


def test_every_link_and_anchor_leads_somewhere() -> None:
    assert links.complaints(ROOT) == []


def test_glossary_terms_are_sorted_and_explained() -> None:
    text = (ROOT / links.GLOSSARY).read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    terms = []
    for part in sections:
        found = re.findall(r"^### (.+)\n(.+)", part, re.MULTILINE)
        names = [name for name, _ in found]
        assert names == sorted(names, key=str.lower), part.split("\n")[0]
        assert all(len(body.split()) >= 4 for _, body in found), found
        terms += names
    assert len(terms) == len({links.slug(term) for term in terms}) >= 80
    assert len(re.findall(r"^### ", text, re.MULTILINE)) == len(terms)


@each_source
def test_chapters_link_their_words_to_the_glossary(source: Path) -> None:
    linked = {
        target
        for _, target in links.targets(links.prose(source))
        if "docs/guide/glossary.md#" in target
    }
    assert len(linked) >= 4


def test_bibliography_is_used() -> None:
    entries = links.bibliography((ROOT / links.BIBLIOGRAPHY).read_text(encoding="utf-8"))
    assert len({entry.anchor for entry in entries}) == len(entries)
    assert all(entry.authors and entry.title and entry.year for entry in entries)
    everything = "\n".join(
        links.prose(path) for path in links.pages(ROOT) if path != ROOT / links.BIBLIOGRAPHY
    )
    unused = [
        entry.anchor
        for entry in entries
        if f"bibliography.md#{entry.anchor})" not in everything
        and (entry.url or " ") not in everything
    ]
    assert unused == []


PAGE = """# A page

See [the glossary](glossary.md#blank), [above](#a-page), [`code`](page.md) and <https://example.org/known>.
`[no link](in code)` and $x[1](2)$.
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "guide").mkdir(parents=True)
    (tmp_path / "docs" / "guide" / "page.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "docs" / "guide" / "glossary.md").write_text(
        "# Words\n\n### blank\nA class.\n", encoding="utf-8"
    )
    (tmp_path / "docs" / "guide" / "bibliography.md").write_text(
        "# Books\n\n### Known 2001\nA. Author, *A title*, 2001.\n<https://example.org/known>.\n",
        encoding="utf-8",
    )
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("", "", ""),
        ("glossary.md#blank", "glossary.md#blanks", "no heading #blanks"),
        ("glossary.md#blank", "glosary.md", "leads nowhere"),
        ("(#a-page)", "(#no-page)", "no heading #no-page"),
        ("example.org/known", "example.org/unknown", "is not in bibliography.md"),
        ("[above]", "[]", "has no text"),
        ("glossary.md#blank", "../../../../etc", "leads nowhere|leaves the course"),
    ],
)
def test_a_broken_link_is_found(small: Path, old: str, new: str, complaint: str) -> None:
    page = small / "docs" / "guide" / "page.md"
    page.write_text(PAGE.replace(old, new) if old else PAGE, encoding="utf-8")
    found = links.complaints(small)
    assert len(found) == bool(complaint)
    assert not complaint or re.search(complaint, found[0]), found


@pytest.mark.parametrize(
    "body", ["*A title*, 2001.", "A. Author, A title, 2001.", "A. Author, *A title*."]
)
def test_an_entry_without_author_title_or_year_is_refused(body: str) -> None:
    with pytest.raises(HtrError, match="author, \\*title\\*, year"):
        links.bibliography(f"# Books\n\n### Some 2001\n{body}\n")
