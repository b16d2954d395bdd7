"""What rendered lines say: only known characters, no longer than a line, a function of the generator."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.text.charset import IAM79, Charset
from htr_utils.text.corpus import Corpus, read_paragraphs
from tests.helpers.tiny_fonts import one_line_error

PARAGRAPHS = [
    "It was a bright cold day in the valley, and the clocks of both churches were striking eleven at once.",
    "“Naïve” cafés – they said – don’t serve œufs; nobody minded at all.",
    "Supercalifragilisticexpialidociousandevenlongerthanthat is one word among others here.",
]
LONGEST = 95  # IAM's longest line has 93 characters


def lines(corpus: Corpus, count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [corpus.line(rng) for _ in range(count)]


def test_lines_are_lines() -> None:
    drawn = lines(Corpus(PARAGRAPHS), 3000)
    assert {c for line in drawn for c in line} <= set(IAM79)
    for line in drawn:
        assert 1 <= len(line) <= LONGEST
        assert line == " ".join(line.split()), "words are parted by single spaces"
    lengths = [len(line) for line in drawn]
    assert 25 <= np.median(lengths) <= 45, "most are shorter than IAM's, some as long"
    assert min(lengths) < 5, "single words occur"


def test_long_words_do_not_make_long_lines() -> None:
    long = Corpus(
        ["incomprehensibilities counterrevolutionaries uncharacteristically disproportionately"]
    )
    rng = np.random.default_rng(0)
    for make in (long._made_up, long._piece):
        assert max(len(" ".join(make(rng, 88))) for _ in range(400)) <= LONGEST


def test_all_characters_occur() -> None:
    counts = Counter("".join(lines(Corpus(PARAGRAPHS), 3000)))
    assert {c for c in IAM79 if counts[c] < 10} == set()


def test_the_generator_decides() -> None:
    corpus = Corpus(PARAGRAPHS)
    assert lines(corpus, 50, 4) == lines(Corpus(PARAGRAPHS), 50, 4)
    assert lines(corpus, 50, 4) != lines(corpus, 50, 5)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_running_text(share: float) -> None:
    """A piece of running text is, word for word, in a paragraph."""
    corpus = Corpus(PARAGRAPHS[:1], running=share, struck=0.0)
    drawn = lines(corpus, 800)
    running = sum(line in PARAGRAPHS[0] and len(line) > 3 for line in drawn) / len(drawn)
    assert running == pytest.approx(share, abs=0.08)


def test_running_text_is_folded() -> None:
    text = " ".join(lines(Corpus(PARAGRAPHS[1:2], running=1.0), 300))
    assert "cafes" in text
    assert "don't" in text
    assert '"Naive"' in text


def test_struck_words() -> None:
    drawn = lines(Corpus(PARAGRAPHS[:1], running=1.0, struck=0.3), 1000)
    struck = [line for line in drawn if "#" in line.split(" ")]
    assert 0.2 < len(struck) / len(drawn) < 0.35
    assert not any(
        "#" in line for line in lines(Corpus(PARAGRAPHS[:1], running=1.0, struck=0.0), 200)
    )


@settings(max_examples=20, deadline=None)
@given(
    characters=st.sampled_from(
        ["abcdefghijklmnopqrstuvwxyz ", "0123456789 ", IAM79 + "éß", "x", ".- "]
    ),
    seed=st.integers(0, 1000),
)
def test_any_charset(characters: str, seed: int) -> None:
    paragraph = " ".join([characters.strip()[:3] or "x"] * 8) if characters != "x" else "x x x x x"
    charset = Charset(characters if " " in characters else characters + " ")
    for line in lines(Corpus([paragraph], charset, running=0.5, struck=0.5), 30, seed):
        assert line.strip() == line != ""
        assert not charset.unknown(line)


def test_a_word_counts_as_much_in_any_paragraph() -> None:
    corpus = Corpus(["one one one one", "two " * 36], running=1.0, struck=0.0)
    drawn = Counter(line.split(" ")[0] for line in lines(corpus, 2000))
    assert drawn["two"] / drawn.total() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("paragraphs", [[], ["too short"], ["漢 字 漢 字 漢"]])
def test_no_text(paragraphs: list[str]) -> None:
    assert "--text" in one_line_error(Corpus, paragraphs)


def test_reading_paragraphs(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("First paragraph.\n\nÜber uns.\n", encoding="utf-8")
    (tmp_path / "b.tsv").write_text("# a comment\np1\tnews\tSecond paragraph.\n", encoding="utf-8")
    (tmp_path / "c.md").write_text("not read")
    assert read_paragraphs([tmp_path]) == ["First paragraph.", "Über uns.", "Second paragraph."]
    assert read_paragraphs([str(tmp_path / "b.tsv")]) == ["Second paragraph."]
    assert read_paragraphs([]) == []


def test_a_row_of_a_text_file_is_taken_as_it_stands(tmp_path: Path) -> None:
    """Only of a table the last column counts, and a comment says nothing: `#` is a struck-out word, too."""
    for name in ("a.txt", "b.tsv"):
        (tmp_path / name).write_text("# was late\nOne\ttwo\n", encoding="utf-8-sig")
    assert read_paragraphs([tmp_path / "a.txt"]) == ["# was late", "One\ttwo"]
    assert read_paragraphs([tmp_path / "b.tsv"]) == ["two"]


def test_a_folder_without_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.txt").write_text("too deep")
    (tmp_path / "b.md").write_text("another kind")
    message = one_line_error(read_paragraphs, [tmp_path])
    assert "no .txt, .txt.xz or .tsv file" in message and tmp_path.name in message
    (tmp_path / "c.TXT").write_text("from Windows")
    assert read_paragraphs([tmp_path]) == ["from Windows"]


def test_text_files_that_do_not_read(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("Käse".encode("latin-1"))
    assert "latin.txt" in one_line_error(read_paragraphs, [tmp_path / "latin.txt"])
    assert "missing.txt" in one_line_error(read_paragraphs, [tmp_path / "missing.txt"])


def test_held_out_passages_never_come_in_by_a_file(tmp_path: Path) -> None:
    from htr_utils import paths
    from htr_utils.text import passages
    from htr_utils.trainer import material

    table = paths.data_root() / "passages.tsv"
    held_out = next(p.text for p in passages.read_passages(table) if p.split == "test").split()
    rows = [" ".join(held_out[i : i + 7]).upper() for i in range(0, len(held_out), 7)]
    (tmp_path / "wrapped.txt").write_text("\n".join(["Before it.", *rows, "After."]))
    found = set(material.training_text([str(tmp_path / "wrapped.txt")]))
    assert {"Before it.", "After."} <= found and not found & set(rows)
    found = set(material.training_text([str(table)]))
    for passage in passages.read_passages(table):
        assert (passage.text in found) == (passage.split == "train")
