"""A picture of one's own: chapters take a line or a page, and say in one line what they cannot read."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from htr_utils import Recognizer, paths
from htr_utils.course import letters, own
from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.runs import chapter_files
from tests.helpers.chapters import ROOT, SOURCES

PAGE = ROOT / "data" / "samples" / "pages" / "letter-1.jpg"
TAKING = [path for path in SOURCES if "own.line(" in path.read_text(encoding="utf-8")]
each_chapter = pytest.mark.parametrize("source", TAKING, ids=lambda path: path.stem[:2])


@cache
def reader() -> Recognizer:
    return Recognizer.load("course")


def loaded(source: Path, picture: Path) -> dict[str, Any]:
    """What the statement of a chapter that takes the picture leaves, and the imports of its cell."""
    names: dict[str, Any] = {
        "run": SimpleNamespace(my_image=picture),
        "recognizer": reader(),
        "own": own,
        "paths": paths,
        "first": SimpleNamespace(path="unused"),
        "fast": SimpleNamespace(correct=str.upper),
        "without_with": lambda *texts: texts,
    }
    for cell in chapter_files.blank(source).cells:
        if cell.cell_type == "code" and "own.line(" in cell.source:
            for statement in ast.parse(cell.source).body:
                text = ast.unparse(statement)
                if "own.line(" in text or text.startswith("sample"):
                    exec(text, names)
    return names


def picture_of(names: dict[str, Any]) -> np.ndarray | None:
    return next((names[name] for name in ("grey", "own_grey", "source") if name in names), None)


def test_these_chapters_take_a_picture() -> None:
    assert [path.stem[:2] for path in TAKING] == ["00", "02", "05", "06", "07", "09", "10", "11"]
    for path in TAKING:
        assert "my_image=(my_image or None" in path.read_text(encoding="utf-8")


@each_chapter
def test_a_chapter_takes_a_line_and_a_page(
    source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = paths.samples()[0]
    grey = picture_of(loaded(source, line))
    if grey is not None:
        assert np.array_equal(grey, images.load(line))
    elif "10" in source.stem or "11" in source.stem:
        assert "mine" in loaded(source, line)
    assert "a page of" not in capsys.readouterr().out
    grey = picture_of(loaded(source, PAGE))
    assert "letter-1.jpg: a page of 12 lines; this is line 1" in capsys.readouterr().out
    assert grey is None or (grey.shape[1] > 4 * grey.shape[0] and grey.dtype == np.uint8)


@each_chapter
def test_a_chapter_says_in_one_line_what_it_cannot_read(source: Path, tmp_path: Path) -> None:
    blank, text = tmp_path / "blank.png", tmp_path / "notes.png"
    images.save(blank, np.full((300, 900), 235, np.uint8))
    text.write_text("no picture")
    for picture, said in (
        (blank, "blank.png: no line of writing found"),
        (text, "not an image that can be read"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(HtrError, match=said) as error:
            loaded(source, picture)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("height", "width"), [(64, 900), (700, 500), (300, 300)])
def test_a_picture_without_writing_is_told(height: int, width: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    white = np.full((height, width), 255.0)
    shaded = np.linspace(240, 120, width) + rng.normal(0, 3, (height, width))
    for name, grey in (("white", white), ("shaded", shaded)):
        images.save(tmp_path / f"{name}.png", grey.astype(np.uint8))
        with pytest.raises(HtrError, match=f"{name}.png: no line of writing found"):
            own.line(tmp_path / f"{name}.png", reader())


def test_a_turned_and_an_inverted_page_are_put_right_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = images.load(PAGE)
    upright = own.line(PAGE, reader())
    for name, picture, said in (
        ("side", np.rot90(grey), "turned by 270 degrees"),
        ("head", np.rot90(grey, 2), "turned by 180 degrees"),
        ("night", 255 - grey, "light ink on a dark ground"),
    ):
        images.save(tmp_path / f"{name}.png", np.ascontiguousarray(picture))
        capsys.readouterr()
        crop = own.line(tmp_path / f"{name}.png", reader())
        assert f"{name}.png: {said}" in capsys.readouterr().out
        assert abs(crop.shape[1] - upright.shape[1]) < 0.1 * upright.shape[1]
        assert abs(float(np.median(crop)) - float(np.median(upright))) < 40


def test_an_own_page_is_written_once_and_corrections_stay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.png"
    crops = [np.full((40, 300), 200 + n, np.uint8) for n in range(9)]
    readings = [f"reading {n}" for n in range(8)] + [""]
    table = tmp_path / "page-lines" / "transcriptions.tsv"
    for _ in range(2):  # written, and left alone
        hand = letters.hand(page, None, crops, readings)
        said = capsys.readouterr().out
        assert f"{table} holds these readings" in said and "the hand of the two letters" in said
        assert hand.keep is None and len(hand.learn[0]) == 12
    assert table.read_text().splitlines()[-1] == "line-09\t?"
    table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))  # saved by an editor, unchanged
    assert letters.hand(page, None, crops, readings).keep is None
    corrected = table.read_text().replace("reading 3", "written 3")
    table.write_text(corrected)
    hand = letters.hand(page, None, crops, ["other"] * 9)
    assert table.read_text() == corrected and hand.keep == table.with_name("mine.keras")
    assert hand.all[1] == [f"reading {n}" for n in range(3)] + ["written 3"] + [
        f"reading {n}" for n in range(4, 8)
    ] + ["?"]
    assert "page-lines: 6 lines to learn from, 3 kept" in capsys.readouterr().out
    assert letters.hand(page, table.parent, crops, readings).whose == "the hand of page-lines"
    table.write_text("\n".join(corrected.splitlines()[:4]) + "\n")
    with pytest.raises(HtrError, match="4 lines are too few"):
        letters.hand(page, None, crops, readings)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "page-lines").write_text("a file where the folder should be")
    with pytest.raises(HtrError, match="page-lines") as error:
        letters.hand(tmp_path / "page.png", None, [np.full((40, 90), 200, np.uint8)], ["a"])
    assert "\n" not in str(error.value)
