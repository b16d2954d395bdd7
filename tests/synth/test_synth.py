"""Rendered lines: boxes, hands, letters that differ, holes that stay open; fonts and where they come from."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.synth import fonts, handwriting, npm
from htr_utils.text.charset import IAM79
from tests.helpers.tiny_fonts import FONTS, MONO, SANS, SERIF, one_line_error

CALM = handwriting.Writer(SANS, jitter=0.0, pressure=0.0, drift=0.0, ink=20, paper=250)
USUAL = handwriting.Writer(SANS)
words = st.lists(
    st.text(IAM79.replace(" ", "").replace("#", ""), min_size=1, max_size=9), min_size=1, max_size=8
)


def render(
    text: str, writer: handwriting.Writer = USUAL, seed: int = 0, height: int | None = 64
) -> handwriting.Rendered:
    return handwriting.render(text, writer, np.random.default_rng(seed), height)


def middle(box: handwriting.Box) -> float:
    return box[0] + box[2] / 2


# --- boxes


@settings(max_examples=25, deadline=None)
@given(
    words=words,
    seed=st.integers(0, 100),
    height=st.sampled_from([None, 48, 64]),
    struck=st.booleans(),
)
def test_a_box_for_each_letter(
    words: list[str], seed: int, height: int | None, struck: bool
) -> None:
    if struck:
        words = [*words[:1], handwriting.STRUCK, *words[1:]]
    text = " ".join(words)
    rng = np.random.default_rng(seed)
    line = handwriting.render(
        text, handwriting.Writer.draw(FONTS[seed % len(FONTS)], rng), rng, height
    )
    rows, columns = line.grey.shape
    assert line.grey.dtype == np.uint8
    assert height is None or rows == height
    assert len(line.letters) == len(text.replace(" ", ""))
    assert len(line.words) == len(words)
    for x, y, w, h in line.letters + line.words:
        assert w > 0
        assert h > 0
        assert x >= 0
        assert x + w <= columns
        assert y >= 0
        assert y + h <= rows
    assert [middle(box) for box in line.words] == sorted(middle(box) for box in line.words)
    at = 0
    for word, (x, y, w, h) in zip(words, line.words, strict=True):
        for a, b, c, d in line.letters[at : at + len(word)]:
            assert x <= a
            assert a + c <= x + w
            assert y <= b
            assert b + d <= y + h
        at += len(word)
    assert 0 < line.baseline < rows + 5


def test_letters_are_in_reading_order() -> None:
    line = render("abcdefghij klmnopqrst uvwxyz ABCDEFG HIJKLMN OPQRSTU")
    places = [middle(box) for box in line.letters]
    assert places == sorted(places)


def test_the_ink_is_in_the_boxes() -> None:
    line = render("Sphinx of black quartz", CALM)
    ink = line.grey < 150
    inside = np.zeros_like(ink)
    for x, y, w, h in line.letters:
        assert ink[y : y + h, x : x + w].any()
        inside[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2] = True
    assert not (ink & ~inside).any()


def test_the_baseline_is_where_letters_stand() -> None:
    line = render("nnnn", CALM)
    feet = [y + h for _, y, _, h in line.letters]
    assert np.abs(np.array(feet) - line.baseline).max() <= 1.5


def test_union() -> None:
    assert handwriting.union([]) == (0, 0, 0, 0)
    assert handwriting.union([(0, 0, 0, 0), (5, 6, 7, 8)]) == (5, 6, 7, 8)
    assert handwriting.union([(10, 0, 5, 5), (2, 3, 4, 20)]) == (2, 0, 13, 23)


def test_a_struck_word() -> None:
    line, plain = render("one # two", CALM), render("one two", CALM)
    assert len(line.letters) == 7
    x, y, w, h = line.letters[3]
    assert w > h, "a whole scribbled word stands for the one sign"
    assert (line.grey[y : y + h, x : x + w] < 120).mean() > 0.12
    assert line.grey.shape[1] > plain.grey.shape[1] + w
    assert handwriting.can_write(SANS, "one # two")


@pytest.mark.parametrize("text", ["", " ", "a  b", ".", "-", "'"])
def test_odd_texts(text: str) -> None:
    line = render(text)
    assert line.grey.shape[0] == 64
    assert len(line.letters) == len(text.replace(" ", ""))


def test_a_letter_that_is_not_written() -> None:
    assert handwriting.can_write(SANS, IAM79)
    line = render("a☃b")
    assert line.letters[1] == (0, 0, 0, 0)
    assert line.letters[0] != line.letters[2]


# --- hands


def test_the_seed_decides() -> None:
    first, again, other = render("Dear Anna"), render("Dear Anna"), render("Dear Anna", seed=1)
    assert np.array_equal(first.grey, again.grey)
    assert first.letters == again.letters
    assert not np.array_equal(first.grey, other.grey)
    draw = [handwriting.Writer.draw(SANS, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert draw[0] == draw[1] != draw[2]


def test_two_writers_differ() -> None:
    rng = np.random.default_rng(0)
    hands = [handwriting.Writer.draw(font, rng) for font in (SANS, SANS, SERIF, MONO)]
    pictures = [
        cv2.resize(render("The same words", hand).grey, (400, 64)).astype(float) for hand in hands
    ]
    for i in range(4):
        for other in pictures[i + 1 :]:
            assert np.abs(pictures[i] - other).mean() > 5


def test_each_letter_differs_a_little() -> None:
    line = render("e e e e e e", USUAL, height=None)
    shapes = []
    for x, y, w, h in line.letters:
        shapes.append(cv2.resize(line.grey[y : y + h, x : x + w], (24, 24)).astype(float))
    for i in range(6):
        for other in shapes[i + 1 :]:
            assert np.abs(shapes[i] - other).max() > 20
            assert np.corrcoef(shapes[i].ravel(), other.ravel())[0, 1] > 0.5, "and stays an e"
    sizes = {tuple(box[2:]) for box in render("e e e e e e", CALM).letters}
    assert len(sizes) <= 4, "a machine's letters differ by rounding only"


def test_letters_differ_also_on_a_straight_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn, size, width and height of each letter are drawn anew, not only bent with the line."""
    monkeypatch.setattr(handwriting, "_bend", lambda points, *others: points)
    line = render("eeeeeeee", handwriting.Writer(SANS, letter_size=200), height=None)
    assert len({box[2] for box in line.letters}) >= 4
    assert len({box[3] for box in line.letters}) >= 4
    assert len({box[1] for box in line.letters}) >= 4


def test_what_a_writer_is_told_is_seen() -> None:
    def width(**changes: float) -> int:
        return render(
            "seven words in one single short line", handwriting.Writer(SANS, jitter=0.3, **changes)
        ).grey.shape[1]

    assert width(stretch=1.3) > 1.15 * width()
    assert width(word_gap=0.8) > 1.1 * width()
    assert width(letter_gap=0.1) > 1.1 * width()

    def ink(**changes: float) -> float:
        return float(
            (render("illiterate", handwriting.Writer(SANS, jitter=0, **changes)).grey < 140).mean()
        )

    assert ink(pen=0.8) > 1.2 * ink(pen=0) > 1.2 * ink(pen=-0.8)
    light = render("x", handwriting.Writer(SANS, ink=100, paper=230, pressure=0)).grey
    assert light.max() == 230
    assert light.min() == pytest.approx(100, abs=2)
    slanted = render("llll", handwriting.Writer(SANS, slant=20, jitter=0, drift=0)).letters[0]
    assert (
        slanted[2] > 1.8 * render("llll", handwriting.Writer(SANS, jitter=0, drift=0)).letters[0][2]
    )


# --- outlines


@pytest.mark.parametrize("character", list("oOaebdpqgADPQR4689&"))
def test_holes_stay_open(character: str) -> None:
    line = render(character, CALM, height=96)
    ink = (line.grey < 135).astype(np.uint8)
    paper, _ = cv2.connectedComponents(1 - ink, connectivity=4)
    assert paper - 1 >= 2, "the paper inside the letter is apart from the paper around it"
    if character in "oO":
        x, y, w, h = line.letters[0]
        assert line.grey[y + h // 2, x + w // 2] > 230


def test_shapes_of_contours() -> None:
    def square(x: float, y: float, side: float) -> np.ndarray:
        return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]], np.float32)

    ring, hole, dot = square(0, 0, 10), square(3, 3, 4)[::-1], square(20, 0, 2)
    shapes = fonts._shapes([hole, dot, ring])
    assert sorted(len(shape) for shape in shapes) == [1, 2]
    outer = next(shape for shape in shapes if len(shape) == 2)
    assert outer[0] is ring
    assert outer[1] is hole
    assert fonts._shapes([]) == ()
    crossing = fonts._shapes([square(0, 0, 10), square(5, 5, 10)])
    assert len(crossing) == 2, "strokes that overlap are filled one by one"


def test_outlines_of_a_font() -> None:
    found = fonts.outlines(SANS.path, "aé漢 ")
    assert set(found) == {"a", "é", " "}
    assert found[" "].shapes == ()
    assert 0.2 < found[" "].advance < 0.5
    points = np.concatenate([contour for shape in found["a"].shapes for contour in shape])
    assert points[:, 1].min() < -0.4, "letters rise above the baseline: y grows downwards"
    assert points[:, 1].max() < 0.05


def test_a_file_that_is_no_font(tmp_path: Path) -> None:
    whole = Path(SANS.path).read_bytes()
    for name, content in {
        "text.ttf": b"no font",
        "empty.ttf": b"",
        "half.ttf": whole[: len(whole) // 2],
        "start.ttf": whole[:700],
        "zeros.ttf": whole[:700] + bytes(5000),
    }.items():
        (tmp_path / name).write_bytes(content)
        assert name in one_line_error(fonts.outlines, str(tmp_path / name), "abc")
    one_line_error(fonts.outlines, str(tmp_path / "missing.ttf"), "abc")


# --- where fonts come from


def test_the_table_of_fonts() -> None:
    rows = fonts.table()
    assert len({row["family"] for row in rows}) == len(rows), "a family is in one split"
    assert {row["split"] for row in rows} == {*fonts.SPLITS, "print"}
    for row in rows:
        assert all(
            row[name] for name in ("family", "package", "version", "licence", "style", "split")
        ), row
        assert row["package"].startswith("deb:") <= (row["split"] == "training"), (
            "data build needs npm alone"
        )


def test_one_hand_is_not_in_two_splits_under_two_names() -> None:
    held_out = [r["family"] for r in fonts.table() if r["split"] in ("validation", "test")]
    for row in fonts.table():
        if row["family"] not in held_out:
            assert not any(row["family"].startswith(f"{name}-") for name in held_out), row["family"]
            assert not any(name.startswith(f"{row['family']}-") for name in held_out), row["family"]


def fake_package(
    folder: Path, row: dict[str, str], names: list[str], version: str | None = None
) -> None:
    package = folder / "node_modules" / row["package"]
    (package / "files").mkdir(parents=True)
    for name in names:
        shutil.copy(
            SANS.path, package / "files" / f"{row['package'].split('/')[-1]}-latin-{name}.woff2"
        )
    (package / "package.json").write_text(json.dumps({"version": version or row["version"]}))


def test_fetch_takes_what_is_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTR_CACHE", str(tmp_path))
    monkeypatch.setattr(
        npm.subprocess, "run", lambda *a, **k: pytest.fail("nothing needs fetching")
    )
    assert tmp_path in npm.cache_folder(fonts.CACHE).parents
    rows = [row for row in fonts.table() if row["split"] == "test"]
    for row in rows:
        fake_package(npm.cache_folder(fonts.CACHE), row, ["400-normal", "700-normal", "400-italic"])
    found = fonts.fetch(("test",))
    assert {file.family for file in found} == {row["family"] for row in rows}
    assert {file.weight for file in found} == {400, 700}
    assert {file.split for file in found} == {"test"}
    assert all(Path(file.path).is_file() and "italic" not in file.path for file in found)


def test_fetch_without_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm.shutil, "which", lambda name: None)
    assert "npm" in one_line_error(fonts.fetch, ("test",), target=tmp_path)


def test_fetch_asks_npm_for_exact_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(
            command, 1, "", "npm error code ENOTFOUND\nnpm error more\n"
        )

    monkeypatch.setattr(npm.shutil, "which", lambda name: "npm")
    monkeypatch.setattr(npm.subprocess, "run", run)
    row = next(row for row in fonts.table() if row["split"] == "validation")
    fake_package(tmp_path, row, ["400-normal"], version="0.0.1")
    assert "ENOTFOUND" in one_line_error(fonts.fetch, ("validation",), target=tmp_path)
    assert f"{row['package']}@{row['version']}" in calls[0], "another version is fetched again"
    assert "--ignore-scripts" in calls[0], "packages run no code"


def test_a_package_without_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npm, "install", lambda wanted, folder: None)
    message = one_line_error(fonts.fetch, ("test",), target=tmp_path)
    assert "no usable font" in message


def test_fonts_of_ones_own(tmp_path: Path) -> None:
    for name in ("PatrickHand-Regular.ttf", "caveat.TTF", "mine.ttf", "Other Hand.otf"):
        shutil.copy(SANS.path, tmp_path / name)
    (tmp_path / "licence.txt").write_text("free")
    every = {file.family for file in fonts.extra(tmp_path)}
    assert every == {"PatrickHand-Regular", "caveat", "mine", "Other Hand"}
    kept = {file.family for file in fonts.extra(tmp_path, exclude=["patrick-hand", "caveat"])}
    assert kept == {"mine", "Other Hand"}, "whatever the file is called"
    assert fonts.extra(tmp_path, exclude=["dejavu-sans"]) == [], "the name in the file counts too"
    (tmp_path / "empty").mkdir()
    assert "no .ttf" in one_line_error(fonts.extra, tmp_path / "empty")
    assert "no .ttf" in one_line_error(fonts.extra, tmp_path / "missing")
    (tmp_path / "empty" / "bad.ttf").write_bytes(b"no font")
    assert "bad.ttf" in one_line_error(fonts.extra, tmp_path / "empty", exclude=["x"])


# --- freer hands, for training


@settings(max_examples=15, deadline=None)
@given(words=words, seed=st.integers(0, 100))
def test_a_free_hand_writes_each_letter_too(words: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    writer = handwriting.Writer.draw_free(
        FONTS[seed % len(FONTS)], rng, FONTS[(seed + 1) % len(FONTS)]
    )
    line = handwriting.render(" ".join(words), writer, rng)
    assert len(line.letters) == len("".join(words))
    assert all(w > 0 and h > 0 for _, _, w, h in line.letters)
    assert line.grey.min() < writer.paper - 15


def test_a_ball_pen_has_one_width_whatever_the_font() -> None:
    def stroke(font: fonts.FontFile, nib: float) -> float:
        grey = render(
            "lift lift",
            handwriting.Writer(
                font, letter_size=160, jitter=0, pressure=0, nib=nib, ink=0, paper=255
            ),
            height=None,
        ).grey
        ink = (grey < 128).astype(np.uint8)
        inside = cv2.distanceTransform(ink, cv2.DIST_L2, 5)
        return float(np.percentile(inside[ink > 0], 90))

    widths = [stroke(font, 0.06) for font in (SANS, SERIF, MONO)]
    assert max(widths) < 1.35 * min(widths)
    assert stroke(SANS, 0.1) > 1.3 * stroke(SANS, 0.05)


def test_a_joining_stroke_makes_pieces_fewer() -> None:
    def pieces(join: float) -> int:
        grey = render("nunununu", replace(CALM, join=join), height=None).grey
        return int(cv2.connectedComponents((grey < 128).astype(np.uint8))[0])

    assert pieces(1.0) < pieces(0.0) / 2


def test_borrowed_letters_come_from_the_second_font() -> None:
    own = render("axe", CALM).grey
    mixed = replace(CALM, second=SERIF, borrowed="e")
    assert np.array_equal(render("ax", CALM).grey, render("ax", replace(mixed, borrowed="")).grey)
    assert not np.array_equal(own, render("axe", mixed).grey)
    heights = [
        box[3]
        for box in render("xx", replace(CALM, second=SERIF, borrowed="x"), height=None).letters
    ]
    plain = [box[3] for box in render("xx", CALM, height=None).letters]
    assert heights == pytest.approx(plain, abs=2)  # scaled to the same x-height


def test_a_contour_that_lies_in_no_other_is_drawn() -> None:
    """A regression: dots drawn the other way round than the stem vanished."""
    stem = np.array([[0, 0], [0.1, 0], [0.1, 0.5], [0, 0.5]], np.float32)
    dot = np.array([[0, -0.2], [0, -0.1], [0.1, -0.1], [0.1, -0.2]], np.float32)
    assert sum(len(shape) for shape in fonts._shapes([stem, dot])) == 2
    assert len(fonts._shapes([stem, dot])) == 2
