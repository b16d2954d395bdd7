"""A page of one's own through "Your own handwriting", from end to end: found, read, corrected, learnt, read again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from htr_utils import Recognizer
from htr_utils.course import letters, own
from htr_utils.lines import augment, images, tables
from htr_utils.runs import record
from htr_utils.text.metrics import cer

LINES = 40


def composed(target: Path) -> list[str]:
    """A page of lines by a writer of the validation split, narrow and leaning, under a lamp; returns its texts."""
    (pictures, texts), (more, others) = letters.leaning()
    pictures, texts = [*pictures, *more][:LINES], [*texts, *others][:LINES]
    pitch, width = 84, max(one.shape[1] for one in pictures)
    page = np.full((pitch * (LINES + 2), width + 240), 235, np.float32)
    for number, one in enumerate(pictures):
        top = round(pitch * (number + 1.5)) - one.shape[0] // 2
        cover = np.clip(augment.paper_tone(one) - one.astype(np.float32), 0, None)
        page[top : top + one.shape[0], 120 : 120 + one.shape[1]] -= cover
    grey = augment.shadow(page.clip(0, 255).astype(np.uint8), np.random.default_rng(0), depth=0.3)
    images.save(target, augment.jpeg(grey, 85))
    return texts


def correct(table: Path, texts: list[str]) -> None:
    """The table as somebody would mend it: its lines are those of the page, in order."""
    rows = table.read_text(encoding="utf-8").splitlines()
    assert len(rows) == LINES, f"{len(rows)} lines were found of {LINES}"
    names = [row.split("\t")[0] for row in rows]
    table.write_text(tables.written(list(zip(names, texts, strict=True))), encoding="utf-8")


def test_an_own_page_is_learnt_and_read_better(tmp_path: Path) -> None:
    texts = composed(tmp_path / "page.png")
    reader = Recognizer.load("course")
    crops = [line.crop for line in own.page(tmp_path / "page.png", reader).lines]

    def read(model: Recognizer, pictures: list[np.ndarray]) -> list[str]:
        return [one.text for one in model.read(pictures, decoder="greedy")]

    before = read(reader, crops)
    assert letters.hand(tmp_path / "page.png", None, crops, before).keep is None
    correct(tmp_path / "page-lines" / "transcriptions.tsv", texts)
    hand = letters.hand(tmp_path / "page.png", None, crops, before)
    assert hand.keep == tmp_path / "page-lines" / "mine.keras"
    assert (len(hand.learn[1]), len(hand.unseen[1])) == (26, 14)
    made = letters.fine_tune(hand.learn, "course", hand.keep, epochs=6, seed=0)
    tuned = Recognizer.load(made)
    pictures, truth = hand.unseen
    rates = [cer(read(model, pictures), truth).value for model in (reader, tuned)]
    assert rates[1] < 0.9 * rates[0], rates
    assert read(tuned, crops) != before


@pytest.mark.slow
def test_the_chapter_takes_an_own_page_from_end_to_end(tmp_path: Path) -> None:
    """The curve over 5, 10, 20 and all lines, with the passes that the chapter gives a hand of one's own."""
    texts = composed(tmp_path / "page.png")
    given = {"my_image": str(tmp_path / "page.png"), "examples": 16, "rounds": 1}
    first = record.run("12", given | {"epochs": 1}, tmp_path / "first", timeout=7200)
    assert first["error"] == ""
    correct(tmp_path / "page-lines" / "transcriptions.tsv", texts)
    second = record.run("12", given, tmp_path / "second", timeout=7200)
    assert second["error"] == ""
    found = second["results"]
    print(json.dumps(found))
    curve = {int(count): rate for count, rate in found["curve"].items()}
    assert list(curve) == [0, 5, 10, 26] and found["unseen_before"] == curve[0]
    assert curve[26] < 0.7 * curve[0] and curve[26] < curve[5]
    told = next((tmp_path / "second").glob("*.ipynb")).read_text(encoding="utf-8")
    assert "26 lines to learn from, 14 kept" in told and "kept: htr read --model" in told
    kept = Recognizer.load(tmp_path / "page-lines" / "mine.keras")
    crops = [line.crop for line in own.page(tmp_path / "page.png", kept).lines]
    again = [one.text for one in kept.read(crops, decoder="greedy")]
    assert cer(again, texts).value < found["unseen_before"]
