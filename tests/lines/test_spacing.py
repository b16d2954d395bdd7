"""Spacing conventions: the rule, the quotes across lines, and the exact way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htr_utils.lines.spacing import _MARKS, convert, natural_lines, raw_lines

EXAMPLES = [
    ("house , he", "house, he"),
    ("Why ? Because ! One ; two : three .", "Why? Because! One; two: three."),
    ("Anna 's I 'd we 'll I 'm we 've you 're can 't", "Anna's I'd we'll I'm we've you're can't"),
    ("the ( old ) one", "the (old) one"),
    ('he said " yes " and left', 'he said "yes" and left'),
    ("the ' old ' one", "the 'old' one"),
    ("\" ' Go ! ' he said . \"", "\"'Go!' he said.\""),
    ("Mr. Gaitskell - B B C", "Mr. Gaitskell - B B C"),
    ("a # word", "a # word"),
    ("", ""),
]


@pytest.mark.parametrize(("raw", "natural"), EXAMPLES)
def test_rule(raw: str, natural: str) -> None:
    assert natural_lines([raw]) == [natural]


def test_quotes_are_carried_across_the_lines_of_a_form() -> None:
    raw = ['He said : " I shall', "go home", 'now . " Then " yes', '" again']
    assert natural_lines(raw) == ['He said: "I shall', "go home", 'now." Then "yes', '" again']
    assert natural_lines(raw[2:]) != natural_lines(raw)[2:], "the state of the first line matters"


@pytest.mark.parametrize(
    ("natural", "raw"),
    [
        (
            'She said, "Don\'t go to Anna\'s (the old one)!" - then 4.30 p.m.; "e.g." 3/4, AT&T.',
            'She said , " Don\'t go to Anna \'s ( the old one ) ! " - then 4.30 p.m. ; " e.g. " 3/4 , AT&T .',
        ),
        (
            "Dr. J. Smith met Mrs. Ulla X. at 10 a.m., so did I.",
            "Dr. J. Smith met Mrs. Ulla X. at 10 a.m. , so did I .",
        ),
        ("the boys' hats, o'clock", "the boys' hats , o'clock"),
        ("well... word(s), f(x).", "well... word(s) , f(x) ."),
        ('a "6". nicely", he', 'a " 6 " . nicely", he'),
        ("(isn't).", "( isn't ) ."),
        ("I'd've gone", "I 'd 've gone"),
        ("ill, i'll; it's!", "ill , i 'll ; it 's !"),
    ],
)
def test_raw_tokens_and_back(natural: str, raw: str) -> None:
    assert raw_lines([natural]) == [raw]
    assert natural_lines([raw]) == [natural]


def test_convert_is_its_own_repetition() -> None:
    raw, natural = ['" Go', 'on ! " she said .'], ['"Go', 'on!" she said.']
    assert convert(raw, to="natural") == convert(natural, to="natural") == natural
    assert convert(raw, to="raw") == convert(natural, to="raw") == raw
    with pytest.raises(ValueError, match="raw"):
        convert(raw, to="Natural")  # type: ignore[arg-type]


def test_a_monster_of_a_word_stays_whole() -> None:
    monster = "a" + "'m." * 5000
    assert raw_lines([monster]) == [monster]


words = st.text(st.sampled_from("aBstmM19.,;:?!()\"'-/&#"), min_size=1, max_size=9)
chunks = words.filter(lambda word: word not in _MARKS)
forms = st.lists(st.lists(chunks, max_size=8).map(" ".join), max_size=4)


@given(forms)
def test_the_way_back_is_exact(lines: list[str]) -> None:
    raw = raw_lines(lines)
    assert natural_lines(raw) == lines
    assert natural_lines(lines) == lines
    assert raw_lines(raw) == raw


@given(st.lists(st.text(), max_size=4))
def test_any_text_keeps_its_characters(lines: list[str]) -> None:
    for converted in (raw_lines(lines), natural_lines(lines)):
        assert ["".join(line.split()) for line in converted] == [
            "".join(line.split()) for line in lines
        ]
