"""A page as one call of the library: the same text as `htr read`, places in the picture that was given, notes."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from htr_utils import HtrError, Recognizer, paths
from htr_utils.cli import main
from htr_utils.text import metrics

LETTERS = paths.embedded_root() / "samples" / "pages"


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer.load("course")


def first_letter() -> tuple[str, list[str]]:
    page = json.loads((LETTERS / "pages.json").read_text("utf-8"))[0]
    return page["file"], [line["text"] for line in page["lines"]]


def test_a_photo_is_read_as_the_command_reads_it(recognizer: Recognizer) -> None:
    name, texts = first_letter()
    page = recognizer.read_page(LETTERS / name)
    told = CliRunner().invoke(main, ["read", str(LETTERS / name)])
    assert page.text == told.stdout.rstrip("\n")
    assert len(page.lines) == len(texts) and page.image == name
    assert metrics.edits(page.text, "\n".join(texts)) < 0.6 * len(page.text)
    grey = cv2.imread(str(LETTERS / name), cv2.IMREAD_GRAYSCALE)
    assert (page.height, page.width) == grey.shape
    tops = [line.polygon[:, 1].mean() for line in page.lines]
    assert tops == sorted(tops) and all(0 < line.confidence <= 1 for line in page.lines)


def test_an_array_a_line_and_options(recognizer: Recognizer) -> None:
    name, _ = first_letter()
    grey = cv2.imread(str(LETTERS / name), cv2.IMREAD_GRAYSCALE)
    page = recognizer.read_page(grey, decoder="greedy")
    assert page.image == "" and {line.language for line in page.lines} == {"none"}
    line = page.lines[0].box
    cut = grey[line[1] : line[1] + line[3], line[0] : line[0] + line[2]]
    assert len(recognizer.read_page(cut, "line").lines) == 1


def test_nothing_written_is_a_page_with_a_note(recognizer: Recognizer) -> None:
    page = recognizer.read_page(np.full((600, 500), 240, np.uint8))
    assert page.lines == () and page.text == "" and "no line of writing" in page.notes[0]


def test_what_cannot_be_read_is_one_line(recognizer: Recognizer) -> None:
    with pytest.raises(HtrError, match="no kind of picture 'side'; use one of auto, line, page"):
        recognizer.read_page(LETTERS / "pages.json", "side")
    with pytest.raises(HtrError, match=r"pages\.json"):
        recognizer.read_page(LETTERS / "pages.json")
    with pytest.raises(HtrError, match="no decoder 'best'"):
        recognizer.read_page(np.full((600, 500), 240, np.uint8), decoder="best")
