"""Result files: well-formed, ids unique, nothing outside the page, every word back as it was."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils import drawn, formats, paths, results
from htr_utils import pages as finder
from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.readings import Reading
from htr_utils.results import ReadLine, ReadPage, Word

ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"
PAGE = "{http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15}"
HTML = "{http://www.w3.org/1999/xhtml}"
WIDTH, HEIGHT = 300, 200


@st.composite
def lines(draw):
    x, y = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    w, h = draw(st.integers(1, WIDTH - x)), draw(st.integers(1, HEIGHT - y))
    points = draw(
        st.lists(
            st.tuples(st.floats(-9, WIDTH + 9), st.floats(-9, HEIGHT + 9)), min_size=3, max_size=8
        )
    )
    text = draw(st.text(max_size=25))
    sure = draw(st.none() | st.floats(0, 1))
    known = draw(st.booleans())
    words = tuple(Word(word, (x, y, w, h), sure) for word in text.split()) if known else ()
    return ReadLine(text, np.array(points, float), (x, y, w, h), sure, words)


documents = st.lists(
    st.lists(lines(), max_size=4).map(
        lambda found: ReadPage('a <"b"> & c.png', WIDTH, HEIGHT, tuple(found))
    ),
    min_size=1,
    max_size=3,
)


def parsed(text):
    root = ET.fromstring(text.encode("utf-8"))
    ids = [e.get("id") or e.get("ID") for e in root.iter() if e.get("id") or e.get("ID")]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"[A-Za-z_][\w.-]*", i) for i in ids)
    return root


def words(text):
    """The words of a text as XML can hold them."""
    return [formats._clean(word) for word in text.split()]


def within(x, y, right, bottom):
    assert 0 <= x < right <= WIDTH and 0 <= y < bottom <= HEIGHT


@settings(max_examples=60, deadline=None)
@given(documents)
def test_alto_holds_every_word_where_it_is(pages):
    root = parsed(formats.render(pages, "alto")[0])
    assert [child.tag for child in root] == [f"{ALTO}Description", f"{ALTO}Layout"]
    sheets = root.findall(f".//{ALTO}Page")
    assert len(sheets) == len(pages)
    for sheet, page in zip(sheets, pages, strict=True):
        rows = list(sheet.iter(f"{ALTO}TextLine"))
        assert len(rows) == len(page.lines)
        for row, line in zip(rows, page.lines, strict=True):
            strings = row.findall(f"{ALTO}String")
            assert [s.get("CONTENT") for s in strings] == (words(line.text) or [""])
            # The schema's order: Shape, then strings with a space between each two.
            tags = [child.tag.removeprefix(ALTO) for child in row]
            assert tags == [
                "Shape",
                *("SP" if i % 2 else "String" for i in range(2 * len(strings) - 1)),
            ]
            for place in [row, *(s for s in strings if s.get("HPOS"))]:
                x, y, w, h = (int(place.get(name)) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT"))
                within(x, y, x + w, y + h)
            assert all(0 <= float(s.get("WC")) <= 1 for s in strings if s.get("WC"))


@settings(max_examples=60, deadline=None)
@given(documents)
def test_page_xml_is_one_file_a_page_with_the_text_of_every_line(pages):
    made = formats.render(pages, "page")
    assert len(made) == len(pages)
    for text, page in zip(made, pages, strict=True):
        root = parsed(text)
        assert [child.tag.removeprefix(PAGE) for child in root] == ["Metadata", "Page"]
        rows = list(root.iter(f"{PAGE}TextLine"))
        said = [row.findtext(f"{PAGE}TextEquiv/{PAGE}Unicode") or "" for row in rows]
        assert said == [formats._clean(line.text) for line in page.lines]
        for coords in root.iter(f"{PAGE}Coords"):
            points = coords.get("points")
            assert re.fullmatch(r"(\d+,\d+ )+\d+,\d+", points) and len(points.split()) >= 3
            for point in points.split():
                x, y = map(int, point.split(","))
                assert x <= WIDTH and y <= HEIGHT
        for row in rows:
            tags = [child.tag.removeprefix(PAGE) for child in row]
            assert tags == sorted(tags, key=["Coords", "Baseline", "Word", "TextEquiv"].index)


@settings(max_examples=60, deadline=None)
@given(documents)
def test_hocr_holds_the_words_and_boxes(pages):
    root = parsed(formats.render(pages, "hocr")[0].replace("<!DOCTYPE html>\n", ""))
    rows = [e for e in root.iter(f"{HTML}span") if e.get("class") == "ocr_line"]
    true = [line for page in pages for line in page.lines]
    for row, line in zip(rows, true, strict=True):
        assert [word.text for word in row] == words(line.text)
        x, y, right, bottom = map(
            int, re.match(r"bbox (\d+) (\d+) (\d+) (\d+); baseline ", row.get("title")).groups()
        )
        within(x, y, right, bottom)
        assert (right - x, bottom - y) == line.box[2:]


@settings(max_examples=60, deadline=None)
@given(documents)
def test_json_and_text_hold_the_very_texts(pages):
    loaded = json.loads(formats.render(pages, "json")[0])["pages"]
    assert [[line["text"] for line in page["lines"]] for page in loaded] == [
        [line.text for line in p.lines] for p in pages
    ]
    for page in loaded:
        assert (page["image"], page["width"], page["height"]) == ('a <"b"> & c.png', WIDTH, HEIGHT)
        for line in page["lines"]:
            assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in line["polygon"])
            assert [word["text"] for word in line["words"]] == line["text"].split()
    assert formats.render(pages, "text")[0] == "\n".join(
        "".join(f"{line.text}\n" for line in page.lines) for page in pages
    )


def reading(text, step=10.0):
    """A reading whose characters stand every `step` pixels, the first at step / 2."""
    characters = [
        SimpleNamespace(character=c, x=(i + 0.5) * step, confidence=0.1 * i)
        for i, c in enumerate(text)
    ]
    return SimpleNamespace(
        text=text, confidence=0.5, characters=characters, others=("a b",), language="none"
    )


def test_a_found_line_in_which_nothing_was_read_has_its_place():
    """No character, so no point to carry back to the page."""
    grey = images.load(paths.samples()[0])
    found = finder.whole(grey)
    made = results.of_page("a.png", grey.shape, found.lines, [Reading("", 0.0, (), 0.0)])
    assert made.lines[0].text == "" and made.lines[0].at == ()
    for format_ in formats.ENDINGS:
        assert formats.render([made], format_)


def test_words_reach_half_way_to_the_characters_beside_them():
    found = SimpleNamespace(
        polygon=np.array([[40, 30], [110, 30], [110, 50], [40, 50]]),
        box=(40, 30, 70, 20),
        crop=np.zeros((20, 70), np.uint8),
        where=lambda points: np.add(points, [40, 30]),
    )
    page = results.of_page("x.png", (HEIGHT, WIDTH), [found], [reading("ab cde!")])
    assert [(w.text, w.box) for w in page.lines[0].words] == [
        ("ab", (40, 30, 20, 20)),
        ("cde!", (70, 30, 40, 20)),
    ]
    assert page.lines[0].words[0].confidence == pytest.approx(0.05)
    assert page.lines[0].others == ("a b",)


def test_a_word_beyond_the_page_is_drawn_back_onto_it():
    found = SimpleNamespace(
        polygon=np.array([[290, 190], [300, 190], [300, 200]]),
        box=(290, 190, 10, 10),
        crop=np.zeros((20, 70), np.uint8),
        where=lambda points: np.add(points, [290, 195]),
    )
    (first, second) = (
        results.of_page("x.png", (HEIGHT, WIDTH), [found], [reading("ab cd")]).lines[0].words
    )
    for word in (first, second):
        x, y, w, h = word.box
        within(x, y, x + w, y + h)


def test_a_typed_text_keeps_no_places_of_the_words_that_were_read():
    line = ReadLine(
        "other words", np.zeros((3, 2)), (0, 0, 9, 9), 0.5, (Word("what", (0, 0, 4, 9), 0.5),)
    )
    assert line.split() == (Word("other"), Word("words"))


def test_an_unknown_format_is_named_with_those_there_are():
    with pytest.raises(HtrError, match=r"docx.*hocr"):
        formats.render([], "docx")


def test_the_overlay_marks_the_lines_and_leaves_the_picture_as_large():
    line = ReadLine(
        "hello", np.array([[20, 40], [200, 40], [200, 80], [20, 80]], float), (20, 40, 180, 40), 0.9
    )
    grey = np.full((HEIGHT, WIDTH), 200, np.uint8)
    made = drawn.overlay(grey, ReadPage("x", WIDTH, HEIGHT, (line,)))
    assert made.shape == (HEIGHT, WIDTH, 3)
    coloured = np.ptp(made.astype(int), axis=2) > 40
    assert coloured[78:83, 20:200].any() and coloured[20:60].any() and not coloured[120:].any()


# The schemas of the Library of Congress (ALTO 4.2) and of PRImA (PAGE 2019-07-15) travel in these packages.
SCHEMAS = {"ocrd==3.13.3": [], "ocrd-page-to-alto==1.3.0": ["--no-binary", "ocrd-page-to-alto"]}
JUDGE = """
import sys
from pathlib import Path
lib, folder = Path(sys.argv[1]), Path(sys.argv[2])
sys.path.insert(0, str(lib))
from lxml import etree, html
class Local(etree.Resolver):
    def resolve(self, url, public, context):
        if url.endswith("xlink.xsd"):
            return self.resolve_filename(str(lib / "xlink.xsd"), context)
parser = etree.XMLParser(no_network=True)
parser.resolvers.add(Local())
for kind, schema in (("page", "page.xsd"), ("alto", "alto-4-2.xsd")):
    judge = etree.XMLSchema(etree.parse(str(lib / schema), parser))
    for file in sorted(folder.glob(f"*.{kind}.xml")):
        judge.validate(etree.parse(str(file)))
        print(kind, file.name, *(str(e) for e in judge.error_log))
from hocr_spec import HocrValidator
for file in sorted(folder.glob("*.hocr.html")):
    found = HocrValidator("standard").validate(str(file), parse_strict=False, filename=file.name)
    print("hocr", file.name, *(str(item) for item in found.items if item.level in ("ERROR", "FATAL")))
    tree = html.parse(str(file), html.HTMLParser())  # as a browser does
    print("html", file.name, len(tree.findall(".//span[@class='ocr_line']")))
"""


@pytest.mark.net
def test_files_hold_to_the_official_schemas(tmp_path):
    """ALTO and PAGE by their publishers' schemas, hOCR by the validator of its specification."""
    lib, folder = tmp_path / "lib", tmp_path / "out"
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--target", str(lib), "lxml", "hocr-spec"], check=True)
    for package, how in SCHEMAS.items():
        subprocess.run(
            [*pip, "download", "--no-deps", *how, package, "-d", str(tmp_path)], check=True
        )
    (wheel,) = tmp_path.glob("ocrd-3*.whl")
    with zipfile.ZipFile(wheel) as packed:
        for name in ("page.xsd", "xlink.xsd"):
            (lib / name).write_bytes(packed.read(f"ocrd_validators/{name}"))
    (source,) = tmp_path.glob("ocrd*page*.tar.gz")
    with tarfile.open(source) as packed:
        member = next(m for m in packed if m.name.endswith("tests/data/alto-4-2.xsd"))
        (lib / "alto-4-2.xsd").write_bytes(packed.extractfile(member).read())
    corners = np.array([[20.0, 20], [220, 20], [220, 60], [20, 60]])
    read = ReadLine(
        'He said: "<no> & go"',
        corners,
        (20, 20, 200, 40),
        0.8,
        (Word("He", (20, 20, 30, 40), 0.9),),
    )
    typed = ReadLine("typed by hand", corners + 50, (70, 70, 200, 40), None, ())
    empty = ReadLine("", corners + np.array([0, 100]), (20, 120, 200, 40), 0.0, ())
    pages = [
        ReadPage("a & b.png", WIDTH, HEIGHT, (read, typed, empty), 1),
        ReadPage("a & b.png", WIDTH, HEIGHT, (), 2),
    ]
    folder.mkdir()
    for format_, ending in formats.ENDINGS.items():
        for number, content in enumerate(formats.render(pages, format_)):
            (folder / f"{number}{ending}").write_text(content, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, str(lib), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "page 0.page.xml",
        "page 1.page.xml",
        "alto 0.alto.xml",
        "hocr 0.hocr.html",
        "html 0.hocr.html 3",
    ]
