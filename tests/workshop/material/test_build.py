"""Building a data set in IAM layout: a tiny one, from fonts that matplotlib ships."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from htr_utils.lines import check, iam, images, labels
from htr_utils.synth import fonts, handwriting
from htr_utils.text import passages
from htr_utils.text.passages import Passage
from tests.helpers.tiny_fonts import FONTS, SANS, one_line_error
from workshop.material import build, datasheet, samples

TINY = {"train": (3, 4), "validation": (1, 1), "test": (2, 2)}
PASSAGES = [
    Passage(
        "p000",
        "train",
        "news",
        'Xavier Quill, 63, has left. "I shall miss it," he said, "but not the ladder!" Dr. J. Fox & Sons paid 4.50 '
        "for the boys' hats (all 12 of them); it's done.",
    ),
    Passage(
        "p001",
        "test",
        "news",
        "A left-hand drive lorry overturned near Exeter. Nobody was hurt! "
        '"Why?" isn\'t known yet, neither by us nor by them.',
    ),
    Passage(
        "p002",
        "validation",
        "list",
        "1. Eggs, 2. flour; 3. milk: mix them * well + wait 20 minutes (or more).",
    ),
    Passage(
        "p003",
        "train",
        "letter",
        "Dear Zoe, thank you for the jam/honey & the hat. Yours, B. Umber",
    ),
]
PARTS = ["ascii", "data.json", "hashes.txt", "lines", "splits", "xml"]


@pytest.fixture(scope="module", autouse=True)
def tiny() -> object:
    """Few forms; a crossed-out word in every third line, so that some occur."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "SPLITS", TINY)
        patch.setattr(build, "STRUCK_SHARE", 0.3)
        yield


def make(target: Path) -> Path:
    build.build(target, PASSAGES, say=lambda line: None, available=FONTS)
    return target


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("build") / "data")


@pytest.fixture(scope="module")
def folder(data: Path) -> iam.IamFolder:
    return iam.read(data)


def files(root: Path) -> dict[str, bytes]:
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in sorted(root.rglob("*"))
        if p.is_file()
    }


def test_the_check_passes(data: Path) -> None:
    report = check.check(data)
    assert report.usable
    assert report.problems == []
    assert all(
        count.known == count.found
        for count in report.counts
        if count.name in ("lines", "forms", "writers")
    )


def test_the_layout_is_iams(data: Path, folder: iam.IamFolder) -> None:
    assert sorted(path.name for path in data.iterdir()) == PARTS
    assert "text from ascii/lines.txt" in folder.layout
    assert "writers from ascii/forms.txt" in folder.layout
    for line in folder.lines.values():
        assert re.fullmatch(r"[a-r]0\d-\d{3}[uxzwvkr]-\d{2}", line.id)
        first, form = line.id.split("-")[0], line.id.rpartition("-")[0]
        assert line.path == data / "lines" / first / form / f"{line.id}.png"
        assert re.fullmatch(r"\d{3}", line.writer_id)


def test_the_text_is_the_passage(folder: iam.IamFolder) -> None:
    """Crossed-out words apart, the natural text of a form is its passage, word for word."""
    struck = 0
    for form in folder.forms.values():
        words = " ".join(folder.lines[line_id].text for line_id in form.line_ids).split(" ")
        struck += words.count("#")
        text = " ".join(word for word in words if word != "#")
        assert text in {passage.text for passage in PASSAGES}
    assert struck > 0
    assert struck == sum("#" in line.text for line in folder.lines.values())


def test_raw_and_natural_have_the_same_letters(data: Path, folder: iam.IamFolder) -> None:
    raw = iam.read(data, spacing="raw")
    for line_id, line in folder.lines.items():
        assert raw.lines[line_id].text.replace(" ", "") == line.text.replace(" ", "")
    assert any(" , " in line.text or " ," in line.text for line in raw.lines.values())


def test_grey_levels_and_components_are_measured(folder: iam.IamFolder) -> None:
    for line in folder.lines.values():
        grey = line.image()
        assert set(np.unique(grey)) <= set(range(0, 256, 17))
        assert line.grey_level == build.otsu(grey)
        count, _, stats, _ = cv2.connectedComponentsWithStats(
            (grey <= line.grey_level).astype(np.uint8)
        )
        assert line.components == sum(stats[1:count, cv2.CC_STAT_AREA] >= 4)
        assert line.box[2:] == grey.shape[::-1]
        words = build.segment_words(grey <= line.grey_level)
        assert (line.status == "ok") == (words == len(line.text.split(" ")))
    assert {line.status for line in folder.lines.values()} <= {"ok", "err"}


def test_xml_agrees_with_lines_txt(data: Path, folder: iam.IamFolder) -> None:
    raw = iam.read(data, spacing="raw")
    for form in folder.forms.values():
        tree = ElementTree.parse(data / "xml" / f"{form.id}.xml").getroot()
        assert (tree.get("id"), tree.get("writer-id")) == (form.id, form.writer_id)
        found = tree.findall("handwritten-part/line")
        assert tuple(node.get("id") for node in found) == form.line_ids
        for node in found:
            line = raw.lines[str(node.get("id"))]
            words = node.findall("word")
            assert node.get("text") == line.text
            assert " ".join(str(word.get("text")) for word in words) == line.text
            assert node.get("threshold") == str(line.grey_level)
            x, y, w, h = line.box
            boxes = [
                tuple(int(str(c.get(k))) for k in ("x", "y", "width", "height"))
                for c in node.iter("cmp")
            ]
            assert len(boxes) == line.components
            for a, b, c, d in boxes:
                assert x <= a
                assert a + c <= x + w
                assert y <= b
                assert b + d <= y + h
            middles = [np.mean([int(str(c.get("x"))) for c in word]) for word in words if len(word)]
            assert len(middles) >= 0.8 * len(words), "each word has its pieces of ink"
            assert np.mean(np.diff(middles) > 0) > 0.9, (
                "in reading order" if len(middles) > 1 else ""
            )


def test_lines_of_a_form_follow_each_other_downwards(folder: iam.IamFolder) -> None:
    for form in folder.forms.values():
        boxes = [folder.lines[line_id].box for line_id in form.line_ids]
        for upper, lower in zip(boxes, boxes[1:], strict=False):
            assert lower[1] > upper[1] + upper[3] // 2


def test_splits_are_apart(data: Path, folder: iam.IamFolder) -> None:
    assert set(folder.split_names) == set(TINY)
    writers, texts, lines = [], [], []
    for split in TINY:
        found = folder.split(split)
        lines.append({line.id for line in found})
        writers.append({line.writer_id for line in found})
        texts.append({line.form_id[:-1] for line in found})
        allowed = {p.text for p in PASSAGES if p.split == split}
        for form_id in {line.form_id for line in found}:
            text = " ".join(folder.lines[one].text for one in folder.forms[form_id].line_ids)
            assert " ".join(word for word in text.split(" ") if word != "#") in allowed
        assert len({line.form_id for line in found}) == TINY[split][1]
    for sets in (writers, texts, lines):
        assert len(set().union(*sets)) == sum(map(len, sets))
    assert set().union(*lines) == set(folder.lines)


def test_families_are_apart() -> None:
    seen: dict[str, str] = {}
    first = 0
    for split, (count, _) in TINY.items():
        hands = build.writers(split, count, first, FONTS)
        assert sorted(hands) == [f"{number:03d}" for number in range(first, first + count)]
        assert hands == build.writers(split, count, first, FONTS), (
            "writers are a function of their number"
        )
        for hand in hands.values():
            assert seen.setdefault(hand.font.family, split) == split
        first += count
    assert len(seen) == len(FONTS)


def test_forms_txt_counts(data: Path, folder: iam.IamFolder) -> None:
    raw = iam.read(data, spacing="raw")
    rows = [row for row in (data / "ascii" / "forms.txt").read_text().splitlines() if row[0] != "#"]
    assert len(rows) == len(folder.forms)
    for row in rows:
        form_id, writer, _, kind, *counts = row.split(" ")
        lines = [raw.lines[line_id] for line_id in folder.forms[form_id].line_ids]
        good = [line for line in lines if line.status == "ok"]
        words = [sum(len(line.text.split(" ")) for line in some) for some in (lines, good)]
        assert [*map(int, counts)] == [len(lines), len(good), *words]
        assert (writer, kind) == (folder.forms[form_id].writer_id, "prt")


def test_the_same_again(data: Path, tmp_path: Path) -> None:
    again = make(tmp_path / "again")
    assert files(again) == files(data)
    assert build.verify(again, data) == []
    assert not (tmp_path / "again.part").exists()


def test_hashes_are_those_of_the_pixels(data: Path, folder: iam.IamFolder, tmp_path: Path) -> None:
    rows = dict(row.split(" ") for row in (data / "hashes.txt").read_text().split("\n") if row)
    assert rows == {line.id: build.pixel_digest(line.image()) for line in folder.lines.values()}
    other = np.zeros((4, 6), np.uint8)
    assert build.pixel_digest(other) != build.pixel_digest(other.reshape(6, 4))
    shutil.copytree(data, tmp_path / "changed")
    text = (data / "hashes.txt").read_text().split("\n")
    name, digest = text[3].split(" ")
    text[3] = f"{name} {digest[::-1]}"
    gone = text.pop(5).split(" ")[0]
    (tmp_path / "changed" / "hashes.txt").write_text("\n".join(text))
    assert build.verify(tmp_path / "changed", data) == sorted([name, gone])


def test_an_interrupted_build_leaves_the_old_data(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "data"
    drawn = []

    def stop(*arguments: object, **options: object) -> handwriting.Rendered:
        drawn.append(1)
        if len(drawn) > 5:
            raise KeyboardInterrupt
        return render(*arguments, **options)  # type: ignore[arg-type]

    render = handwriting.render
    monkeypatch.setattr(build.handwriting, "render", stop)
    with pytest.raises(KeyboardInterrupt):
        make(target)
    assert not target.exists(), "nothing half-written"
    shutil.copytree(data, target)
    (target / "passages.tsv").write_text("what else is there stays")
    drawn.clear()
    with pytest.raises(KeyboardInterrupt):
        make(target)
    before = files(target)
    monkeypatch.setattr(build.handwriting, "render", render)
    make(target)
    assert files(target) == before, "and the next build clears up"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_build_replaces_the_old_data(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    stray = tmp_path / "data" / "lines" / "z99" / "z99-000u" / "z99-000u-00.png"
    images.save(stray, np.zeros((9, 9), np.uint8))
    make(tmp_path / "data")
    assert not stray.exists(), "no picture of an older build stays"


def test_a_build_into_the_current_folder(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path / "data")
    make(Path())
    assert files(tmp_path / "data") == files(data)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_passage_that_does_not_come_back_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens must give the text back; were they to lose a letter, the build would stop and say where."""
    raw_lines = build.spacing.raw_lines
    monkeypatch.setattr(
        build.spacing, "raw_lines", lambda x: [line.replace("q", "") for line in raw_lines(x)]
    )
    odd = [Passage("p009", "train", "news", "A quiet quay."), *PASSAGES]
    message = one_line_error(
        build.build, tmp_path / "data", odd, say=lambda line: None, available=FONTS
    )
    assert "p009" in message
    assert not (tmp_path / "data").exists()


# --- the parts


@pytest.mark.parametrize("seed", range(5))
def test_wrap_keeps_the_words(seed: int) -> None:
    rng = np.random.default_rng(seed)
    writer = handwriting.Writer.draw(FONTS[seed], rng)
    text = " ".join(p.text for p in PASSAGES)
    lines = build.wrap(text, writer, rng)
    assert " ".join(lines) == text
    assert all(line and len(line) <= 88 for line in lines)
    assert len({len(line) for line in lines}) > 1, "a ragged margin"
    assert build.wrap("x" * 300, writer, rng) == ["x" * 300]


def test_struck_words_are_put_in() -> None:
    lines = ["one two three four five"] * 200
    made = build.struck(lines, np.random.default_rng(0))
    with_mark = [line for line in made if "#" in line.split(" ")]
    assert 30 < len(with_mark) < 90
    for line in with_mark:
        words = line.split(" ")
        assert 0 < words.index("#") < len(words) - 1
        words.remove("#")
        assert " ".join(words) == lines[0]
    assert build.struck(["one two three"] * 50, np.random.default_rng(0)) == ["one two three"] * 50


def test_segment_words() -> None:
    def ink(*widths: int, gap: int) -> np.ndarray:
        picture = np.zeros((40, 600), bool)
        at = 10
        for width in widths:
            picture[10:30, at : at + width] = True
            at += width + gap
        return picture

    assert build.segment_words(np.zeros((10, 10), bool)) == 0
    assert build.segment_words(ink(100, gap=0)) == 1
    assert build.segment_words(ink(50, 60, 70, gap=20)) == 3
    assert build.segment_words(ink(50, 60, 70, gap=4)) == 1


def test_quantise() -> None:
    levels = build.quantise(np.arange(256, dtype=np.uint8)[None])
    assert list(np.unique(levels)) == list(range(0, 256, 17))
    assert np.abs(levels.astype(int) - np.arange(256)).max() <= 8
    assert np.array_equal(build.quantise(levels), levels)


def test_passages_that_do_not_read(tmp_path: Path) -> None:
    path = tmp_path / "passages.tsv"
    path.write_text("# comment\nid\tsplit\tgenre\ttext\np1\ttrain\tnews\tSome text.\n\n")
    assert passages.read_passages(path) == [Passage("p1", "train", "news", "Some text.")]
    for row in ("p2\ttrain\tnews", "p2\tdev\tnews\ttext", "p2 train news text"):
        path.write_text(f"id\tsplit\tgenre\ttext\n{row}\n")
        assert "line 2" in one_line_error(passages.read_passages, path)


# --- what goes with it


def test_the_datasheet_counts(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "data")
    text = datasheet.write(tmp_path / "data", PASSAGES).read_text()
    folder = iam.read(data)
    assert (
        f"{len(folder.lines):,} lines of **rendered** handwriting by 6 made-up writers on 7 forms"
        in text
    )
    for split, (writers, forms) in TINY.items():
        lines = folder.split(split)
        good = sum(line.status == "ok" for line in lines)
        assert f"| {split} | {len(lines)} | {good} | {forms} | {writers} |" in text
    assert "not real handwriting" in text
    for row in fonts.table():
        assert (f"| {row['family']} |" in text) == (row["split"] not in ("training", "print"))


def test_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        samples.fonts, "fetch", lambda splits: asked.append(tuple(splits)) or [SANS]
    )
    made = samples.build(tmp_path / "one")
    assert asked == [("test",)], "families that no training saw"
    lines = labels.read(tmp_path / "one")
    assert [line.text for line in lines] == list(samples.TEXTS)
    assert [line.path for line in lines] == made
    for line in lines:
        assert images.prepare(line.image(), images.Preparation()).ink.mean() > 0.02
    samples.build(tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")
