"""Our PAGE and ALTO in the programs of others, and back in ours."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from htr_utils import drawn, formats, results
from htr_utils import pages as finder
from htr_utils.lines import iam, images, labels
from tests.helpers import sheets
from tests.helpers.chapters import ROOT

PHOTO = ROOT / "data" / "samples" / "pages" / "letter-1.jpg"
# Each without what it needs for more than parsing; what kraken imports of torch for other things is stood in for.
PACKAGES = (
    "lxml shapely python-bidi iso639-lang kraken==7.1.1 ocrd==3.13.3 deprecated wrapt frozendict atomicwrites pyyaml "
    "filetype elementpath bagit bagit_profile"
).split()
JUDGE = """
import sys
from unittest.mock import MagicMock
sys.path.insert(0, sys.argv[1])
for name in ("torch", "torch.nn", "torch.nn.functional"):
    sys.modules[name] = MagicMock(Tensor=type("Tensor", (), {}))
from kraken.lib.xml import XMLPage
for file in sys.argv[2:]:
    lines = list(XMLPage(file).to_container().lines)
    print(len(lines), all(len(line.baseline) > 1 and len(line.boundary) > 2 for line in lines), lines[0].text)
from ocrd_models.ocrd_page import parse
from ocrd_validators.page_validator import PageValidator
lines = parse(sys.argv[2], silence=True).get_Page().get_TextRegion()[0].get_TextLine()
print(len(lines), lines[0].get_TextEquiv()[0].Unicode, lines[0].get_TextEquiv()[0].conf)
report = PageValidator.validate(filename=sys.argv[2], page_textequiv_consistency="strict")
print(*map(str, report.errors))
"""


def read_page(grey: np.ndarray | None = None) -> tuple[np.ndarray, results.ReadPage]:
    """The lines of a page, by default of a photo, each "read" as its number and some words."""
    grey = images.load(PHOTO) if grey is None else grey
    found = finder.find(grey)
    readings = []
    for number, line in enumerate(found.lines):
        text = f"line {number} of a letter"
        columns = np.linspace(0, line.crop.shape[1], len(text) + 2)[1:-1]
        characters = tuple(
            SimpleNamespace(character=c, x=float(x), confidence=0.5)
            for c, x in zip(text, columns, strict=True)
        )
        readings.append(
            SimpleNamespace(
                text=text, confidence=0.75, characters=characters, others=(), language="none"
            )
        )
    return grey, results.of_page(PHOTO.name, grey.shape, found.lines, readings)


@pytest.mark.parametrize("kind", ["plain", "ruled", "on its side", "light on dark"])
def test_our_page_xml_is_training_data_with_the_very_crops_that_were_read(
    tmp_path: Path, kind: str
) -> None:
    grey, _ = sheets.page("ruled" if kind == "ruled" else "plain", 7)
    if kind == "on its side":
        grey = np.ascontiguousarray(np.rot90(grey))
    elif kind == "light on dark":
        grey = 255 - grey
    found = finder.find(grey)
    _, page = read_page(grey)
    images.save(tmp_path / PHOTO.name, grey)
    (tmp_path / "page.xml").write_text(formats.render([page], "page")[0], encoding="utf-8")
    back = labels.read(tmp_path)
    assert [line.text for line in back] == [line.text for line in page.lines]
    assert len(back) == 12
    for line, cut in zip(found.lines, back, strict=True):
        again = cut.image()
        if (
            kind == "on its side"
        ):  # the picture is turned first, which moves it by a part of a pixel
            inks = [images.prepare(one, images.Preparation()).ink for one in (line.crop, again)]
            assert abs(inks[0].shape[1] / inks[1].shape[1] - 1) < 0.03
            assert abs(inks[0].sum() / inks[1].sum() - 1) < 0.05
        else:
            assert np.array_equal(line.crop, again)


def test_a_line_that_somebody_moved_is_cut_where_it_is_now(tmp_path: Path) -> None:
    grey, _ = sheets.page("plain", 7)
    _, page = read_page(grey)
    images.save(tmp_path / PHOTO.name, grey)
    whole = formats.render([page], "page")[0]
    first = re.search(r'<Baseline points="([^"]+)"', whole)
    assert first is not None
    low = re.sub(r",(\d+)", lambda y: f",{int(y[1]) + 100}", first[1])
    (tmp_path / "page.xml").write_text(whole.replace(first[1], low), encoding="utf-8")
    moved, second = (line.part for line in labels.read(tmp_path)[:2])
    assert moved.row.found is None and second.row.found is not None


def test_our_alto_is_training_data_with_the_same_lines(tmp_path: Path) -> None:
    """Texts are the same, crops show the same strokes: where along the line ink is, and how much."""
    grey = np.full((700, 1300), 235, np.uint8)
    for number, line in enumerate(iam.read().split("train")[:5]):
        part = line.image()[:110, :1200]
        place = grey[60 + 120 * number :, 40:][: part.shape[0], : part.shape[1]]
        np.minimum(place, part, out=place)
    images.save(tmp_path / PHOTO.name, grey)
    _, page = read_page(grey)
    (tmp_path / "page.xml").write_text(formats.render([page], "alto")[0], encoding="utf-8")
    back = labels.read(tmp_path)
    assert [line.text for line in back] == [line.text for line in page.lines]
    assert len(back) == 5
    for line, cut in zip(finder.find(grey).lines, back, strict=True):
        inks = [images.prepare(one, images.Preparation()).ink for one in (line.crop, cut.image())]
        assert abs(inks[0].shape[1] / inks[1].shape[1] - 1) < 0.1
        profiles = [
            np.add.reduceat(ink.sum(0), np.linspace(0, ink.shape[1], 41).astype(int)[:-1])
            for ink in inks
        ]
        assert np.corrcoef(profiles)[0, 1] > 0.9, cut.id


def test_words_and_baselines_are_where_their_lines_are() -> None:
    _, page = read_page()
    for line in page.lines:
        x, y, w, h = line.box
        assert line.baseline is not None and len(line.baseline) > 1
        assert ((line.baseline >= [x, y]) & (line.baseline <= [x + w, y + h])).all()
        for word in line.words:
            assert word.box[0] >= x and word.box[0] + word.box[2] <= x + w
            assert word.box[1] >= y and word.box[1] + word.box[3] <= y + h


def test_a_pdf_holds_the_picture_and_the_words_behind_it() -> None:
    pdfium = pytest.importorskip("pypdfium2")
    grey, page = read_page()
    odd = results.ReadLine("Łódź & Gödel", page.lines[0].polygon, page.lines[0].box)
    whole = results.ReadPage("b.png", page.width, page.height, (odd,))
    document = pdfium.PdfDocument(drawn.pdf([(grey, page), (grey, whole)]))
    text = document[0].get_textpage().get_text_range()
    assert [" ".join(row.split()) for row in text.split("\r\n")] == [
        line.text for line in page.lines
    ]
    assert "Gödel" in document[1].get_textpage().get_text_range()
    shown = np.squeeze(document[0].render(scale=0.5, grayscale=True).to_numpy())
    assert abs(shown.mean() - grey.mean()) < 10 and shown.min() < 150


def test_markdown_has_paragraphs_and_no_markup_of_its_own() -> None:
    boxes = [(0, 100 * at, 500, 80) for at in (0, 1, 2, 5)]
    corners = np.zeros((3, 2))
    texts = ["# head", "- a *star*", "b", "c_d"]
    lines = tuple(results.ReadLine(t, corners, box) for t, box in zip(texts, boxes, strict=True))
    (made,) = formats.render([results.ReadPage("x", 500, 600, lines)], "markdown")
    assert made == "# head  \n- a \\*star\\*  \nb\n\nc\\_d\n"


@pytest.mark.net
def test_kraken_and_ocrd_read_our_files(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-deps"]
    subprocess.run([*pip, "--target", str(lib), *PACKAGES], check=True)
    _, page = read_page()
    shutil.copy(PHOTO, tmp_path)
    files = []
    for format_ in ("page", "alto"):
        files.append(tmp_path / f"{format_}.xml")
        files[-1].write_text(formats.render([page], format_)[0], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, str(lib), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    many, first = len(page.lines), page.lines[0].text
    assert done.stdout.splitlines() == [
        *[f"{many} True {first}"] * 2,
        f"{many} {first} 0.75",
        "",
    ]
