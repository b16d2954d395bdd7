"""Charset: the table between characters and class ids."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.errors import HtrError
from htr_utils.text.charset import IAM79, LATIN, LETTERS, SIGNS, Charset

charsets = st.sets(st.characters(), min_size=1, max_size=30).map(
    lambda found: Charset("".join(sorted(found)))
)
texts_with_traps = st.text(
    st.one_of(st.characters(), st.sampled_from("éÅœﬁßø“”—… \t\n\u0301\u212b½¨´Æ")), max_size=30
)


def test_iam79_is_the_list_of_the_database() -> None:
    assert len(IAM79) == 79
    assert IAM79[0] == " " and IAM79[-1] == "z"
    assert list(IAM79) == sorted(IAM79)
    assert Charset().characters == IAM79
    assert (Charset().blank, Charset().classes) == (0, 80)


def test_latin_has_ascii_every_listed_letter_in_both_cases_and_the_signs() -> None:
    latin = Charset(LATIN)
    assert len(LATIN) == 214 and list(LATIN) == sorted(LATIN)
    assert not latin.unknown("".join(map(chr, range(32, 127))) + SIGNS)
    for language, letters in LETTERS.items():
        assert not latin.unknown(letters), language
        assert not latin.unknown(letters.replace("ß", "").upper()), language
    assert set(IAM79) < set(LATIN)


@pytest.mark.parametrize(
    "sentence",
    [
        "Voix ambiguë d'un cœur qui préfère les jattes de kiwis à l'août - Ÿ, Ç, « hélas » !",
        "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich: 5,99 €.",
        "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia. ¿Añoraba? ¡Sí!",
        "À noite, vovô Kowalsky vê o ímã cair no pé do pinguim queixoso; coração, limões.",
        "Ma perché così? È già lì, più giù. Ciò nonostìante.",
        "Pchnąć w tę łódź jeża lub ośm skrzyń fig. ŻÓŁĆ",
        "Příliš žluťoučký kůň úpěl ďábelské ódy. ŇĚ",
        "Høj bly gom vandt fræk sexquiz på wc. Flygande bäckasiner söka. Sævör grét áðan, Þórður.",
        "if (a[0] <= b && c != '\\n') { x = ~y ^ (z | 1); }  # 100 % @home $5 `q`",
        "£3, § 12, 25 °C, 3 × 4 ÷ 2 ± 1, ½ cup, m², 7 µm",
    ],
)
def test_latin_writes_ten_languages_code_and_sums_as_they_are(sentence: str) -> None:
    assert Charset(LATIN).unknown(sentence) == ""
    assert Charset(LATIN).fold(sentence) == sentence
    assert Charset().unknown(Charset().fold(sentence)) == ""


def test_latin_folds_what_it_lacks() -> None:
    assert Charset(LATIN).fold("„Don’t…“ — ő ĉ ﬁ") == '"Don\'t..." - o c fi'


def test_a_charset_is_named_or_read_from_a_file(tmp_path: Path) -> None:
    assert Charset.named("iam") == Charset() and Charset.named("latin").characters == LATIN
    (tmp_path / "mine.txt").write_text("zażółć\nab\n", encoding="utf-8")
    assert Charset.named(tmp_path / "mine.txt").characters == " abzóćłż"
    with pytest.raises(HtrError, match=r"neither iam nor latin, nor a UTF-8 file"):
        Charset.named(tmp_path / "none.txt")


@settings(max_examples=100, deadline=None)
@given(data=st.data(), charset=charsets)
def test_decode_undoes_encode(data: st.DataObject, charset: Charset) -> None:
    text = data.draw(st.text(charset.characters, max_size=30))
    ids = charset.encode(text)
    assert ids.dtype == np.int32 and ids.shape == (len(text),)
    assert all(1 <= i < charset.classes for i in ids)
    assert charset.decode(ids) == text


@settings(max_examples=300, deadline=None)
@given(charset=st.one_of(st.just(Charset()), charsets), text=texts_with_traps)
def test_fold_stays_inside_the_charset_and_is_idempotent(charset: Charset, text: str) -> None:
    folded = charset.fold(text)
    assert charset.unknown(folded) == ""
    assert charset.fold(folded) == folded


@settings(max_examples=50, deadline=None)
@given(text=st.text(IAM79, max_size=30))
def test_fold_leaves_known_text_alone(text: str) -> None:
    assert Charset().fold(text) == text


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("café", "cafe"),
        ("cafe\u0301", "cafe"),
        ("“Don’t” — he said…", '"Don\'t" - he said...'),
        ("ﬁnd the œuvre, Straße", "find the oeuvre, Strasse"),
        ("Øre Łódź", "Ore Lodz"),
        ("a\tb\u00a0c\nd", "a b c d"),
        ("½ full", "1/2 full"),
        ("½¨", "1/2"),
        ("5 € = 漢字", "5   "),
        ("¨o", "o"),
    ],
)
def test_fold_examples(text: str, folded: str) -> None:
    assert Charset().fold(text) == folded


def test_fold_composes_towards_a_charset_with_accents() -> None:
    assert Charset("acefé").fold("cafe\u0301") == "café"
    assert Charset("\u212b").fold("\u212b") == "\u212b"  # known characters are not composed


def test_decode_skips_blanks_and_keeps_repeats() -> None:
    charset = Charset("elrt")
    assert charset.decode([2, 1, 4, 0, 4, 1, 3]) == "letter"
    assert charset.decode([4, 4]) == "tt"
    assert charset.decode([]) == ""


@pytest.mark.parametrize("ids", [[81], [-1], np.array([80])])
def test_decode_refuses_foreign_ids(ids: list[int]) -> None:
    with pytest.raises(HtrError, match=r"outside 0\.\.79"):
        Charset().decode(ids)


def test_encode_names_the_unknown_characters() -> None:
    assert Charset().unknown("née ß né") == "ßé"
    with pytest.raises(HtrError, match=r"'ß' 'é'.*fold"):
        Charset().encode("née ß")


@pytest.mark.parametrize(
    ("characters", "message"), [("", "at least one"), ("abca", "'a' more than once")]
)
def test_malformed_charsets(characters: str, message: str) -> None:
    with pytest.raises(HtrError, match=message):
        Charset(characters)


@settings(max_examples=30, deadline=None)
@given(charset=charsets)
def test_json_round_trip(charset: Charset) -> None:
    stored = json.loads(json.dumps(charset.to_json()))
    assert Charset.from_json(stored) == charset
    assert hash(Charset.from_json(stored)) == hash(charset)


def test_order_matters_for_equality() -> None:
    assert Charset("ab") != Charset("ba")


@pytest.mark.parametrize("stored", [{}, {"characters": 5}, {"characters": "ab", "blank": 2}, []])
def test_malformed_json(stored: dict[str, object]) -> None:
    with pytest.raises(HtrError, match="stored charset"):
        Charset.from_json(stored)
