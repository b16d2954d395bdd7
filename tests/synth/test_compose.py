"""Composed pages: a function of kind and seed, ink where the polygons say, the texts in reading order."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from htr_utils import pages, paths
from htr_utils.course import line_finding
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images
from htr_utils.synth import compose, handwriting
from tests.helpers.tiny_fonts import SANS
from workshop.material import samples


def written(count=6):
    """Rendered lines with their texts; no data set needed."""
    writer = handwriting.Writer(SANS, ink=40, paper=235, letter_size=36)
    texts = [f"line {number} of the page" for number in range(count)]
    return [
        (handwriting.render(t, writer, np.random.default_rng(i), height=None).grey, t)
        for i, t in enumerate(texts)
    ]


def covered(made):
    """Where the polygons are: bool (H, W)."""
    mask = np.zeros(made.grey.shape, np.uint8)
    for line in made.lines:
        cv2.fillPoly(mask, [line.polygon.round().astype(np.int32)], 1)
    return mask > 0


@pytest.mark.parametrize("kind", ["plain", "photo"])
def test_a_page_is_a_function_of_kind_seed_and_split(kind):
    one, again, other = (compose.page(kind, seed) for seed in (3, 3, 4))
    assert np.array_equal(one.grey, again.grey)
    assert [line.text for line in one.lines] == [line.text for line in again.lines]
    assert one.grey.shape != other.grey.shape or not np.array_equal(one.grey, other.grey)


@pytest.mark.parametrize("kind", compose.KINDS)
def test_polygons_hold_the_ink_and_lie_on_the_picture(kind):
    made = compose.compose(written(12 if kind == "columns" else 6), kind, seed=1)
    height, width = made.grey.shape
    for line in made.lines:
        assert (line.polygon >= 0).all() and (line.polygon <= [width, height]).all()
    # Rules and shadows are dark too, so the ink is looked for as thin dark strokes on kinds without them.
    if kind not in ("ruled", "squared", "shadowed", "perspective", "photo", "rotated"):
        ink = made.grey < 0.6 * np.median(made.grey)
        assert (ink & covered(made)).sum() > 0.99 * ink.sum() > 0
    strokes = cv2.morphologyEx(made.grey, cv2.MORPH_BLACKHAT, np.ones((15, 15), np.uint8))
    for line in made.lines:  # and no polygon is empty
        inside = cv2.fillPoly(
            np.zeros(made.grey.shape, np.uint8), [line.polygon.round().astype(np.int32)], 1
        )
        assert (strokes[inside > 0] > 25).mean() > 0.02


def test_lines_come_from_one_writer_of_the_split_in_the_order_of_their_forms():
    folder = iam.read()
    texts: dict[str, set[str]] = {}
    for line in folder.split("test"):
        texts.setdefault(line.writer_id, set()).add(line.text)
    made = [line.text for line in compose.page("plain", 5, "test").lines]
    assert any(set(made) <= known for known in texts.values())
    forms = [[folder.lines[i].text for i in form.line_ids] for form in folder.forms.values()]
    assert any(made[: len(form)] == form[: len(made)] for form in forms)


def test_columns_are_read_one_after_the_other():
    made = compose.compose(written(12), "columns", seed=2)
    left = [line.polygon[:, 0].mean() for line in made.lines]
    tops = [line.polygon[:, 1].min() for line in made.lines]
    assert max(left[1:6]) < min(left[6:])
    assert tops[1:6] == sorted(tops[1:6]) and tops[6:] == sorted(tops[6:])


def test_touching_lines_share_rows_and_sloping_ones_rise_or_fall():
    made = compose.compose(written(), "touching", seed=0)
    assert all(
        a.polygon[:, 1].max() > b.polygon[:, 1].min()
        for a, b in zip(made.lines, made.lines[1:], strict=False)
    )
    rises = [
        np.mean(
            [
                np.polyfit(*line.polygon.T, 1)[0]
                for line in compose.compose(written(), "sloping", s).lines
            ]
        )
        for s in range(4)
    ]
    assert min(rises) < -0.01 and max(rises) > 0.01  # up and down, by degrees


def test_written_pages_come_back(tmp_path):
    pages = [compose.compose(written(), kind, seed=1) for kind in ("plain", "perspective")]
    table = json.loads(compose.write(tmp_path, pages).read_text(encoding="utf-8"))
    for row, made in zip(table, pages, strict=True):
        assert np.array_equal(images.load(tmp_path / row["file"]), made.grey)
        assert [line["text"] for line in row["lines"]] == [line.text for line in made.lines]
        for line, true in zip(row["lines"], made.lines, strict=True):
            assert np.abs(np.array(line["polygon"]) - true.polygon).max() <= 0.051


def test_an_unknown_kind_and_split_are_refused():
    with pytest.raises(HtrError, match=r"crumpled.*plain"):
        compose.page("crumpled", 1)
    with pytest.raises(HtrError, match="nonsense"):
        compose.page("plain", 1, "nonsense")


def test_pages_load_as_they_were_written_also_as_jpeg(tmp_path):
    made = [compose.compose(written(), kind, 4) for kind in ("plain", "photo")]
    compose.write(tmp_path, made, names=("one", "two"), jpeg=90)
    assert {path.name for path in tmp_path.iterdir()} == {"one.jpg", "two.jpg", "pages.json"}
    for one, again in zip(made, compose.load(tmp_path), strict=True):
        assert [line.text for line in again.lines] == [line.text for line in one.lines]
        assert (
            again.grey.shape == one.grey.shape
            and np.abs(again.grey - one.grey.astype(float)).mean() < 6
        )
        for line, other in zip(one.lines, again.lines, strict=True):
            assert np.abs(line.polygon - other.polygon).max() <= 0.05 + 1e-9


@pytest.mark.parametrize("content", [None, "{", "[{}]", "[3]"])
def test_a_table_that_holds_no_pages_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "pages.json").write_text(content)
    with pytest.raises(HtrError, match=r"pages\.json") as error:
        compose.load(tmp_path)
    assert "\n" not in str(error.value)


def test_the_two_letters_are_what_their_module_says():
    """The embedded ones: texts, one hand on two ruled photos, every line found once, and in no passage."""
    found = compose.load(paths.repo_root() / "data" / "samples" / "pages")
    assert tuple(tuple(line.text for line in one.lines) for one in found) == samples.LETTERS
    passages = (paths.repo_root() / "data" / "passages.tsv").read_text(encoding="utf-8")
    assert not [line.text for one in found for line in one.lines if line.text in passages]
    for one in found:
        counted = line_finding.count(
            [line.polygon for line in one.lines],
            [line.polygon for line in pages.find(one.grey).lines],
            one.grey.shape,
        )
        assert (counted.right, counted.found, counted.twice, counted.lost) == (12, 12, 0, 0)
