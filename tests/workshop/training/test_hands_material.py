"""Many hands: sources of lines, pieces set side by side, texts in all letters, their mixture."""

from __future__ import annotations

import lzma
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils import paths
from htr_utils.lines import images
from htr_utils.lines.iam import Line
from htr_utils.synth import handwriting
from htr_utils.text.charset import LATIN, Charset
from tests.helpers.tiny_fonts import FONTS, MONO, SERIF, one_line_error
from workshop.training import material, pieces, sources, texts

CHARSET, HEIGHT = Charset(LATIN), images.Preparation(48)
PROSE = [
    "It was a dull autumn day and Jill sat by the window.",
    "Nous étions à l'étude, en été.",
] * 3


def write_source(folder: Path, kind: str, rows: list[tuple[str, str, str]], drop: str = "") -> None:
    """A table and its pictures, which show what they say."""
    folder.mkdir(parents=True, exist_ok=True)
    table = "".join(f"{name}\t{writer}\t{text}\n" for name, writer, text in rows)
    (folder / f"{kind}.tsv").write_text(f"id\twriter\ttext\n{table}", encoding="utf-8")
    for name, writer, text in rows:
        place = folder / kind / writer
        place.mkdir(parents=True, exist_ok=True)
        hand = handwriting.Writer(SERIF, jitter=0.0, ink=20, paper=255)
        grey = handwriting.render(text, hand, np.random.default_rng(0), None).grey
        if name != drop:
            images.save(place / f"{name}.png", grey)


WORDS = [
    (f"w{n}", f"u{n % 2}", word)
    for n, word in enumerate(["moon", "moon", "pig", "pig", "tall", "hill", "axe", "car"] * 3)
]


def read_words(folder: Path) -> list[Line]:
    write_source(folder, "words", WORDS)
    return sources.read(folder, "words", CHARSET.fold)


# --- sources


def test_a_source_is_read_in_the_order_of_its_table_with_folded_texts(tmp_path: Path) -> None:
    rows = [("a-2", "w1", "Größe “x”"), ("a-1", "w2", "ĉu"), ("a-3", "w1", "漢字")]
    write_source(tmp_path, "lines", rows)
    lines = sources.read(tmp_path, "lines", CHARSET.fold)
    assert [(line.id, line.writer_id, line.text) for line in lines] == [
        ("a-2", "w1", 'Größe "x"'),
        ("a-1", "w2", "cu"),
    ]
    assert lines[0].image().ndim == 2
    assert sources.read(tmp_path, "words", CHARSET.fold) == []


def test_a_source_with_a_picture_missing_or_a_torn_row_is_told(tmp_path: Path) -> None:
    write_source(tmp_path, "lines", [("a-1", "w1", "one"), ("a-2", "w1", "two")], drop="a-2")
    assert "line 3: no a-2.png" in one_line_error(sources.read, tmp_path, "lines", str)
    (tmp_path / "lines.tsv").write_text("id\twriter\ttext\na-1\tone\n", encoding="utf-8")
    assert "parted by tabs" in one_line_error(sources.read, tmp_path, "lines", str)


def test_held_out_writers_are_never_among_the_learnt(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("# remark\nu1  # why\n\n", encoding="utf-8")
    held = sources.read_ids([tmp_path / "a.txt"])
    assert held == {"u1"}
    learnt, watched = sources.parted(read_words(tmp_path), held)
    assert {line.writer_id for line in learnt} == {"u0"}
    assert {line.writer_id for line in watched} == {"u1"}


# --- pieces


def test_words_with_descenders_reach_below_the_line_of_the_others(tmp_path: Path) -> None:
    (hand, _) = pieces.hands(read_words(tmp_path))
    high = {
        text: pieces._picture(str(found[0].path)).shape[0] for text, found in hand.pieces.items()
    }
    below = {text: pieces._below(text, high[text], hand) for text in hand.pieces}
    assert below["moon"] == below["tall"] == 0
    assert 0.2 * hand.small < below["pig"] < hand.small
    assert hand.small < hand.tall


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_side_by_side_says_what_the_pieces_say_in_one_hand(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = read_words(tmp_path_factory.mktemp("words"))
    source = pieces.SideBySide(words, HEIGHT, seed=seed)
    ink, text = source.get(0, 0)
    assert ink.dtype == np.uint8 and ink.shape[0] == 48
    by_writer = [{w.text for w in words if w.writer_id == name} for name in ("u0", "u1")]
    assert any(set(text.split(" ")) <= known for known in by_writer)
    again, same = pieces.SideBySide(words, HEIGHT, seed=seed).get(0, 0)
    assert same == text and np.array_equal(again, ink)


def test_single_signs_spell_words_of_the_text_and_others_only_where_one_lacks(
    tmp_path: Path,
) -> None:
    write_source(tmp_path, "chars", [(f"c{n}", "u7", sign) for n, sign in enumerate("abcdefghij")])
    signs = sources.read(tmp_path, "chars", CHARSET.fold)
    drawn = iter(["zebra", "badge", "cab", "zoo"] * 99)
    source = pieces.SideBySide(signs, HEIGHT, lambda rng: next(drawn))
    text = source.get(0, 0)[1]
    assert set(text.split(" ")) <= {"badge", "cab"}


def test_few_pieces_make_no_hand(tmp_path: Path) -> None:
    words = read_words(tmp_path)[:6]
    assert "no writer has 8" in one_line_error(pieces.SideBySide(words, HEIGHT).get, 0, 0)


def test_another_pen_keeps_the_strokes_where_they_are() -> None:
    grey = np.full((64, 200), 255, np.uint8)
    cv2.line(grey, (20, 32), (180, 32), 0, 4)
    tones = set()
    for seed in range(25):
        made = pieces.rewritten(grey, np.random.default_rng(seed))
        assert made.shape == grey.shape
        paper = int(np.median(made))
        assert made[31:34, 60:140].min() < paper - 40  # the stroke is there
        assert (made[:20] > paper - 30).all()  # and nothing else
        tones.add(int(made[32, 100]))
    assert len(tones) > 10


# --- texts


def test_texts_cover_every_character_of_the_charset() -> None:
    made = texts.Texts({"en": (1.0, PROSE)}, CHARSET)
    rng = np.random.default_rng(0)
    lines = [made.line(rng) for _ in range(3000)]
    seen = Counter("".join(lines))
    assert not set(LATIN) - set(seen)
    assert all(1 <= len(line) <= 90 and line == " ".join(line.split()) for line in lines)
    assert min(seen.values()) >= 10


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_texts_stay_within_the_charset_and_are_a_function_of_the_seed(seed: int) -> None:
    for charset in (CHARSET, Charset()):
        made = texts.Texts({"en": (1.0, PROSE)}, charset)
        first = made.line(np.random.default_rng(seed))
        assert charset.unknown(first) == "" and first.strip()
        assert made.line(np.random.default_rng(seed)) == first


def test_prose_comes_by_language_packed_or_not_without_what_is_held_out(tmp_path: Path) -> None:
    held = "This sentence is long enough to be a held-out passage."
    (tmp_path / "a.txt").write_text(f"Some words of a book.\n\n{held}\n", encoding="utf-8")
    with lzma.open(tmp_path / "fr.txt.xz", "wt", encoding="utf-8") as file:
        file.write("Un été.\n" * 100)
    places = [f"en={tmp_path / 'a.txt'}", f"fr={tmp_path / 'fr.txt.xz'}"]
    found = texts.by_language(places, 200, [held])
    assert found["en"] == ["Some words of a book."]
    assert 20 <= len(found["fr"]) <= 29 and set(found["fr"]) == {"Un été."}
    assert "write en=FILE" in one_line_error(texts.by_language, [str(tmp_path)], 9, [])


# --- the mixture


class Constant:
    """A source of one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __len__(self) -> int:
        return 3

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        return np.zeros((48, 32), np.uint8), self.text


def test_a_mixture_draws_each_source_by_its_share_and_by_its_seed() -> None:
    mixture = material.Mixture({"a": (3.0, Constant("a")), "b": (1.0, Constant("b"))}, 2000, 5)
    drawn = Counter(mixture.get(0, index)[1] for index in range(2000))
    assert 0.72 < drawn["a"] / 2000 < 0.78
    first = [mixture.get(1, index)[1] for index in range(50)]
    assert first == [mixture.get(1, index)[1] for index in range(50)]
    assert first != [mixture.get(2, index)[1] for index in range(50)]


def test_the_material_holds_half_real_lines_and_no_held_out_writer(tmp_path: Path) -> None:
    rows = [(f"l{n}", f"u{n % 2}", "it was") for n in range(8)]
    write_source(tmp_path / "copiste", "lines", rows)
    write_source(tmp_path / "unipen", "lines", rows)
    write_source(tmp_path / "unipen", "words", WORDS)
    seen = material.assemble(
        tmp_path, {"en": PROSE}, FONTS[:2], [MONO], {"u1"}, CHARSET, HEIGHT, count=16
    )
    assert set(seen.train.parts) == {"copiste", "unipen", "unipen words", "written", "printed"}
    assert {name: len(lines) for name, lines in seen.watched.items()} == {"copiste": 4, "unipen": 4}
    for _, source in seen.train.parts.values():
        held = getattr(source, "lines", getattr(source, "pieces", []))
        assert all(line.writer_id != "u1" for line in held)
    for index in range(16):
        ink, text = seen.train.get(0, index)
        assert ink.shape[0] == 48 and ink.max() > 0 and CHARSET.unknown(text) == ""
    real = sum(material.REAL.values()) + material.WORDS + material.SIGNS
    assert real > 0.5 and 0.05 <= material.PRINTED <= 0.1
    assert real + material.WRITTEN + material.PRINTED == pytest.approx(1.0)


def test_a_folder_without_sources_is_told(tmp_path: Path) -> None:
    call = (tmp_path, {"en": PROSE}, FONTS[:1], FONTS[:1], set(), CHARSET, HEIGHT)
    assert "holds none of copiste" in one_line_error(material.assemble, *call)


def test_the_page_of_the_charset_is_that_of_the_charset() -> None:
    from workshop.training import charset_page

    page = (paths.repo_root() / "docs" / "guide" / "charset.md").read_text("utf-8")  # type: ignore[operator]
    assert page == charset_page.page()
