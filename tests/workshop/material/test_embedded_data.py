"""The embedded data set: is it what its datasheet says, and does training keep off its validation and test splits?"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from htr_utils.errors import HtrError
from htr_utils.lines import check, dataset, iam, images, labels
from htr_utils.synth import fonts
from htr_utils.text import charset
from htr_utils.text.passages import Passage, read_passages
from tests.helpers.tiny_fonts import FONTS, SANS
from workshop.material import build, datasheet, samples

SPLITS = ("train", "validation", "test")
HELD_OUT = ("validation", "test")
WORDS = 8  # a sequence of so many words says that a text was taken over


@pytest.fixture(scope="module")
def data() -> Path:
    return Path(__file__).resolve().parents[3] / "data"


@pytest.fixture(scope="module")
def folder(data: Path) -> iam.IamFolder:
    return iam.read(data)


@pytest.fixture(scope="module")
def raw(data: Path) -> iam.IamFolder:
    return iam.read(data, spacing="raw")


@pytest.fixture(scope="module")
def passages(data: Path) -> list[Passage]:
    return read_passages(data / "passages.tsv")


@pytest.fixture(scope="module")
def pictures(folder: iam.IamFolder) -> dict[str, np.ndarray]:
    """200 lines from all over the set."""
    lines = list(folder.lines.values())
    chosen = [lines[i] for i in np.random.default_rng(1).permutation(len(lines))[:200]]
    return {line.id: line.image() for line in chosen}


def plain_words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def sequences(texts: list[str], length: int = WORDS) -> set[tuple[str, ...]]:
    found = set()
    for text in texts:
        words = plain_words(text)
        found |= {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}
    return found


# --- what is there


def test_the_check_has_nothing_to_say(data: Path) -> None:
    report = check.check(data)
    assert report.usable
    assert report.problems == []
    assert all(count.known == count.found for count in report.counts[:6])


def test_it_is_as_large_as_promised(
    data: Path, folder: iam.IamFolder, passages: list[Passage]
) -> None:
    assert len(folder.lines) >= 2_400
    assert len(folder.writers) >= 48
    assert 330 <= len(folder.forms) <= 370
    assert len(passages) >= 120
    size = sum(path.stat().st_size for path in data.rglob("*") if path.is_file())
    assert size <= 30_000_000


def test_all_79_characters_occur(folder: iam.IamFolder) -> None:
    counts = Counter(c for line in folder.lines.values() for c in line.text)
    assert set(counts) == set(charset.IAM79)
    assert min(counts.values()) >= 20
    assert len(charset.IAM79) == 79
    assert "".join(sorted(check.IAM_CHARACTERS)) == charset.IAM79
    for split in SPLITS:
        assert len({c for line in folder.split(split) for c in line.text}) >= 75, split


def test_no_stray_files(data: Path, folder: iam.IamFolder) -> None:
    expected = {line.path for line in folder.lines.values()}
    assert set((data / "lines").rglob("*.png")) == expected
    assert {path.stem for path in (data / "xml").iterdir()} == set(folder.forms)
    assert not [
        p
        for p in data.rglob("*")
        if p.suffix.lower() in (".ttf", ".otf", ".woff", ".woff2", ".part")
    ]


def test_passages_are_short_and_varied(passages: list[Passage]) -> None:
    assert len({p.id for p in passages}) == len({p.text for p in passages}) == len(passages)
    assert len({p.genre for p in passages}) >= 8
    for passage in passages:
        assert 55 <= len(passage.text.split()) <= 95, passage.id
        assert not set(passage.text) - set(charset.IAM79), passage.id
    first = Counter(" ".join(plain_words(p.text)[:3]) for p in passages)
    assert max(first.values()) <= 4, "they do not all begin alike"


# --- what the files say is so


def test_pictures_are_what_hashes_txt_says(
    data: Path, folder: iam.IamFolder, pictures: dict[str, np.ndarray]
) -> None:
    rows = dict(row.split(" ") for row in (data / "hashes.txt").read_text().split("\n") if row)
    assert set(rows) == set(folder.lines)
    wrong = [
        line_id for line_id, grey in pictures.items() if build.pixel_digest(grey) != rows[line_id]
    ]
    assert wrong == []


def test_every_picture_once(data: Path) -> None:
    digests = [row.split(" ")[1] for row in (data / "hashes.txt").read_text().split("\n") if row]
    assert len(set(digests)) == len(digests)


@pytest.mark.slow
def test_all_pictures_are_what_hashes_txt_says(data: Path, folder: iam.IamFolder) -> None:
    rows = dict(row.split(" ") for row in (data / "hashes.txt").read_text().split("\n") if row)
    assert rows == {line.id: build.pixel_digest(line.image()) for line in folder.lines.values()}


def test_grey_level_components_and_box_are_measured(
    folder: iam.IamFolder, pictures: dict[str, np.ndarray]
) -> None:
    statuses = set()
    for line_id, grey in pictures.items():
        line = folder.lines[line_id]
        level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        assert line.grey_level == int(level), line_id
        count, _, stats, _ = cv2.connectedComponentsWithStats(
            (grey <= level).astype(np.uint8), connectivity=8
        )
        assert line.components == int((stats[1:count, cv2.CC_STAT_AREA] >= 4).sum()), line_id
        assert line.box[2:] == grey.shape[::-1], line_id
        right_count = build.segment_words(grey <= level) == len(line.text.split(" "))
        assert line.status == ("ok" if right_count else "err"), line_id
        statuses.add(line.status)
    assert statuses == {"ok", "err"}


def test_16_grey_levels(pictures: dict[str, np.ndarray]) -> None:
    levels = set()
    for grey in pictures.values():
        assert grey.dtype == np.uint8
        levels |= set(np.unique(grey).tolist())
    assert levels <= set(range(0, 256, 17))


def test_lines_are_about_64_pixels_high(folder: iam.IamFolder) -> None:
    heights = [line.box[3] for line in folder.lines.values()]
    assert 50 <= np.median(heights) <= 72
    assert max(heights) <= 100


def test_no_line_is_empty(pictures: dict[str, np.ndarray]) -> None:
    for line_id, grey in pictures.items():
        ink = images.prepare(grey, images.Preparation()).ink
        assert 0.02 < ink.mean() < 0.5, line_id


def test_no_line_is_too_narrow_for_its_text(
    folder: iam.IamFolder, pictures: dict[str, np.ndarray]
) -> None:
    """A frame every 4 columns must leave CTC one frame per character and one between equal ones."""
    for line_id, grey in pictures.items():
        text = folder.lines[line_id].text
        needed = len(text) + sum(a == b for a, b in zip(text, text[1:], strict=False))
        assert images.prepare(grey, images.Preparation()).ink.shape[1] / 4 >= needed, line_id


def test_forms_txt_counts_are_true(data: Path, raw: iam.IamFolder) -> None:
    rows = [
        row.split(" ")
        for row in (data / "ascii" / "forms.txt").read_text().split("\n")
        if row and row[0] != "#"
    ]
    assert {row[0] for row in rows} == set(raw.forms)
    for form_id, writer, sentences, kind, *counts in rows:
        lines = [raw.lines[line_id] for line_id in raw.forms[form_id].line_ids]
        good = [line for line in lines if line.status == "ok"]
        words = [sum(len(line.text.split(" ")) for line in some) for some in (lines, good)]
        assert list(map(int, counts)) == [len(lines), len(good), *words], form_id
        assert kind == "prt"
        assert 1 <= int(sentences) <= 20
        assert {line.writer_id for line in lines} == {writer}


def test_xml_says_the_same(data: Path, raw: iam.IamFolder) -> None:
    for form in raw.forms.values():
        tree = ElementTree.parse(data / "xml" / f"{form.id}.xml").getroot()
        assert (tree.get("id"), tree.get("writer-id")) == (form.id, form.writer_id)
        nodes = tree.findall("handwritten-part/line")
        assert tuple(node.get("id") for node in nodes) == form.line_ids
        for node in nodes:
            line = raw.lines[str(node.get("id"))]
            assert (
                node.get("text")
                == line.text
                == " ".join(str(w.get("text")) for w in node.findall("word"))
            )
            x, y, w, h = line.box
            pieces = list(node.iter("cmp"))
            assert len(pieces) == line.components
            for piece in pieces:
                a, b, c, d = (int(str(piece.get(k))) for k in ("x", "y", "width", "height"))
                assert x <= a <= a + c <= x + w
                assert y <= b <= b + d <= y + h


def test_data_json(data: Path, folder: iam.IamFolder) -> None:
    about = json.loads((data / "data.json").read_text())
    assert about["seed"] == build.SEED
    assert re.fullmatch(r"[0-9a-f]{16}", about["fingerprint"])
    expected = about["expected_counts"]
    assert expected["lines"] == len(folder.lines) == expected["ok"] + expected["err"]


def test_the_datasheet_is_up_to_date(data: Path, passages: list[Passage], tmp_path: Path) -> None:
    for name in ("ascii", "splits"):
        shutil.copytree(data / name, tmp_path / name)
    written = datasheet.write(tmp_path, passages).read_text(encoding="utf-8")
    assert (data / "README.md").read_text(encoding="utf-8") == written, "run `htr data build`"


def test_struck_words(folder: iam.IamFolder) -> None:
    struck = [line for line in folder.lines.values() if "#" in line.text]
    share = len(struck) / len(folder.lines)
    assert share == pytest.approx(build.STRUCK_SHARE, abs=0.01)
    assert all("#" in line.text.split(" ") for line in struck), "a struck word is a word of its own"


def test_samples(data: Path, passages: list[Passage]) -> None:
    lines = labels.read(data / "samples")
    assert [line.text for line in lines] == list(samples.TEXTS)
    assert len(lines) >= 5
    known = sequences([p.text for p in passages], 5)
    assert not known & sequences([line.text for line in lines], 5)
    for line in lines:
        assert images.prepare(line.image(), images.Preparation()).ink.mean() > 0.02


# --- the splits are apart


def test_writers_lines_and_forms_are_in_one_split(folder: iam.IamFolder) -> None:
    assert set(folder.split_names) == set(SPLITS)
    for what in ("id", "form_id", "writer_id"):
        sets = [{getattr(line, what) for line in folder.split(split)} for split in SPLITS]
        assert sum(map(len, sets)) == len(set().union(*sets)), what
    assert sum(len(folder.split(split)) for split in SPLITS) == len(folder.lines)
    for split, (writers, forms) in build.SPLITS.items():
        lines = folder.split(split)
        assert len({line.writer_id for line in lines}) == writers
        assert len({line.form_id for line in lines}) == forms


def test_a_form_says_a_passage_of_its_split(folder: iam.IamFolder, passages: list[Passage]) -> None:
    texts = {p.text: p for p in passages}
    used = set()
    for split in SPLITS:
        for form_id in {line.form_id for line in folder.split(split)}:
            lines = [folder.lines[line_id].text for line_id in folder.forms[form_id].line_ids]
            text = " ".join(word for word in " ".join(lines).split(" ") if word != "#")
            assert text in texts, form_id
            assert texts[text].split == split, form_id
            used.add(texts[text].id)
    assert used == {p.id for p in passages}, "no passage is left over"


def test_font_families_are_in_one_split(folder: iam.IamFolder) -> None:
    """Which writer has which family follows from fonts.tsv alone; the files are not needed."""
    fake = [fonts.FontFile(row["family"], 400, "", row["split"]) for row in fonts.table()]
    first = 0
    for split, (count, _) in build.SPLITS.items():
        hands = build.writers(split, count, first, fake)
        first += count
        listed = {row["family"] for row in fonts.table() if row["split"] == split}
        assert {hand.font.family for hand in hands.values()} == listed, (
            "each listed family is drawn"
        )
        assert set(hands) == {line.writer_id for line in folder.split(split)}
    families = [row["family"] for row in fonts.table()]
    assert len(set(families)) == len(families)


def test_no_text_of_the_held_out_splits_is_in_another(passages: list[Passage]) -> None:
    by_split = {split: [p.text for p in passages if p.split == split] for split in SPLITS}
    assert all(by_split.values())
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert not sequences(by_split[one]) & sequences(by_split[other])


def test_no_sentence_comes_twice(passages: list[Passage]) -> None:
    counts: Counter[tuple[str, ...]] = Counter()
    for passage in passages:
        counts.update(
            {
                tuple(plain_words(s))
                for s in re.split(r"[.!?]", passage.text)
                if len(plain_words(s)) >= 5
            }
        )
    assert [" ".join(words) for words, count in counts.items() if count > 1] == []


# --- what training may use


class Stop(Exception):
    """Ends a training before it begins."""


@pytest.fixture
def material() -> Any:
    pytest.importorskip("tensorflow")
    from htr_utils.trainer import material

    return material


@pytest.fixture
def no_npm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fonts as if all were fetched: the table's families, without files."""

    def listed(folder: Path, row: dict[str, str]) -> list[fonts.FontFile]:
        return [fonts.FontFile(row["family"], 400, SANS.path, row["split"])]

    monkeypatch.setattr(fonts.npm, "install", lambda wanted, folder: None)
    monkeypatch.setattr(fonts, "_npm_files", listed)
    monkeypatch.setattr(fonts, "_debian_file", lambda folder, row: listed(folder, row)[0])


def test_training_passages_are_those_of_train(material: Any, passages: list[Passage]) -> None:
    allowed = material.training_passages()
    assert allowed == [p.text for p in passages if p.split == "train"]
    held_out = [p.text for p in passages if p.split in HELD_OUT]
    assert not sequences(allowed) & sequences(held_out)


def test_training_fonts_leave_the_held_out_families_out(
    material: Any, no_npm: None, tmp_path: Path
) -> None:
    held_out = {row["family"] for row in fonts.table() if row["split"] in HELD_OUT}
    for name in ("Caveat-Bold.ttf", "PatrickHand-Regular.ttf", "indie-flower.ttf", "allowed.ttf"):
        shutil.copy(SANS.path, tmp_path / name)
    for debian in (False, True):
        found = material.training_fonts([str(tmp_path)], debian=debian)
        names = {file.family for file in found}
        assert not names & held_out
        assert {file.split for file in found} <= {"train", "training"}
        assert names & {"allowed", "Caveat-Bold", "PatrickHand-Regular"} == {"allowed"}
        assert len(names) > 40


@pytest.mark.parametrize("rendered", [0, 16])
def test_a_training_sees_neither(
    material: Any,
    no_npm: None,
    rendered: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    passages: list[Passage],
    folder: iam.IamFolder,
) -> None:
    """What `htr train` hands to the trainer: lines of train alone; validation lines never augmented."""
    from htr_utils.cli import main

    seen: dict[str, Any] = {}

    def trainer(
        model: object,
        preset: object,
        charset: object,
        batches: object,
        *rest: object,
        **options: Any,
    ) -> None:
        seen.update(batches=batches, **options)
        raise Stop

    monkeypatch.setattr("htr_utils.network.training.Trainer", trainer)
    monkeypatch.setattr(material, "usable", lambda lines, *rest: lines)
    command = [
        "train",
        "--rendered",
        str(rendered),
        "--workers",
        "0",
        "--out",
        str(tmp_path / "m.keras"),
    ]
    done = CliRunner().invoke(main, command)
    assert isinstance(done.exception, Stop), done.output
    watched = seen["validation"].source
    assert isinstance(watched, dataset.FileLines)
    assert watched.strength == 0
    assert {line.id for line in watched.lines} == {line.id for line in folder.split("validation")}
    source = seen["batches"].source
    if rendered:
        said = sequences([" ".join(words) for words in source.text.__self__.paragraphs])
        families = {file.family for file in source.fonts}
        assert not families & {row["family"] for row in fonts.table() if row["split"] in HELD_OUT}
    else:
        assert {line.id for line in source.lines} == {line.id for line in folder.split("train")}
        said = sequences([line.text for line in source.lines])
    assert said
    assert not said & sequences([p.text for p in passages if p.split in HELD_OUT])


# --- the same pixels again


def fetched(splits: tuple[str, ...]) -> list[fonts.FontFile]:
    try:
        return fonts.fetch(splits)
    except HtrError as error:
        pytest.skip(f"no fonts: {error}")


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory, passages: list[Passage]) -> Iterator[Any]:
    """A function that renders a form of the embedded data again."""
    available = fetched(SPLITS)
    hands = {}
    first = 0
    for split, (count, _) in build.SPLITS.items():
        hands.update(build.writers(split, count, first, available))
        first += count
    target = tmp_path_factory.mktemp("again")

    def render(form: iam.Form, text: str) -> build.BuiltForm:
        passage = next(p for p in passages if p.text == text)
        return build._form(form.id, form.writer_id, hands[form.writer_id], passage, target)

    yield render


@pytest.mark.net
@pytest.mark.parametrize("split", SPLITS)
def test_forms_come_out_pixel_for_pixel(split: str, again: Any, folder: iam.IamFolder) -> None:
    for form_id in sorted({line.form_id for line in folder.split(split)})[::40]:
        form = folder.forms[form_id]
        lines = [folder.lines[line_id] for line_id in form.line_ids]
        words = " ".join(line.text for line in lines).split(" ")
        made = again(form, " ".join(word for word in words if word != "#"))
        assert [line.id for line in made.lines] == list(form.line_ids)
        for built, line in zip(made.lines, lines, strict=True):
            assert built.digest == build.pixel_digest(line.image()), line.id
            assert (built.grey_level, built.components, built.box, built.status) == (
                line.grey_level,
                line.components,
                line.box,
                line.status,
            )


@pytest.mark.net
def test_samples_come_out_pixel_for_pixel(data: Path, tmp_path: Path) -> None:
    fetched(("test",))
    samples.build(tmp_path)
    for path in sorted((data / "samples").glob("*.png")):
        assert np.array_equal(images.load(tmp_path / path.name), images.load(path)), path.name


def test_the_stand_in_fonts_are_no_handwriting() -> None:
    """The fonts of these tests are in no split of the table: nothing here can leak."""
    assert not {file.family for file in FONTS} & {row["family"] for row in fonts.table()}
