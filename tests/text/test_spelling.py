"""Spell correction: what changes, and that nothing else does."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.errors import HtrError
from htr_utils.text import spelling
from htr_utils.text.spelling import Change, Correction, Speller, without_with

FAST = Speller("fast")
tokens = st.one_of(
    st.sampled_from(["hous", "House", "abot", "the", "wht", "don't", "Ther", "3rd", "café", "I"]),
    st.text("abcTé'7-", max_size=5),
    st.text(' .,;:!?"#&()\t', min_size=1, max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(tokens, max_size=6).map("".join))
def test_only_the_changed_words_change(text: str) -> None:
    correction = FAST.correct(text)
    assert correction.before == text
    rebuilt, done = "", 0
    for change in correction.changes:
        assert change.start >= done
        assert text[change.start : change.end] == change.before != change.after
        assert change.before.isalpha()
        assert change.before[0].isupper() == change.after[0].isupper()
        rebuilt += text[done : change.start] + change.after
        done = change.end
    assert rebuilt + text[done:] == correction.text


def test_example() -> None:
    text = 'The "Hous",  abot 3rd - don\'t !'
    correction = FAST.correct(text)
    assert correction.text == 'The "House",  about 3rd - don\'t !'
    assert correction.changes == (Change(5, 9, "Hous", "House"), Change(13, 17, "abot", "about"))
    assert without_with(text, correction) == (
        'Without correction : The "[Hous]",  [abot] 3rd - don\'t !\n'
        'With correction    : The "[House]",  [about] 3rd - don\'t !'
    )


@pytest.mark.parametrize(
    "text", ["", "   ", "?!", "the letter", "1960s café", "4abot éabot abot4", "don't they'll"]
)
def test_known_words_and_other_signs_stay(text: str) -> None:
    assert FAST.correct(text) == Correction(text, text, ())
    assert without_with(text, FAST.correct(text)).count(text) >= 2


def test_full_mode_looks_two_edits_away_and_spoils_names() -> None:
    """Without a gate, as in the reference system: the reason why its gain has to be measured."""
    assert Speller().correct("Mr. Gaitskell.").text == "Mr. Gaskell."
    assert FAST.correct("Mr. Gaitskell.").text == "Mr. Gaitskell."


def test_each_word_is_looked_up_once() -> None:
    FAST.correct("strnge")
    before = spelling._correct_word.cache_info()
    Speller("fast").correct("strnge strnge")
    after = spelling._correct_word.cache_info()
    assert (after.hits - before.hits, after.misses - before.misses) == (2, 0)


def test_a_lower_case_word_stays_lower_case() -> None:
    assert FAST.correct("xLondon").text == "london"


def test_the_word_list_is_loaded_at_the_first_correction() -> None:
    code = (
        "import sys; from htr_utils.text.spelling import Speller; s = Speller(); "
        "assert 'autocorrect' not in sys.modules; s.correct('the'); assert 'autocorrect' in sys.modules; "
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_mistakes_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HtrError, match="'slow' is unknown: use one of full, fast"):
        Speller("slow")  # type: ignore[arg-type]
    with pytest.raises(HtrError, match="language 'xx': known are en"):
        Speller("fast", "xx").correct("word")
    # autocorrect would fetch this list: the refusal must come before any download.
    monkeypatch.setattr("autocorrect.urlretrieve", lambda *_: pytest.fail("went to the network"))
    with pytest.raises(HtrError, match="'pl' is not installed with autocorrect: use en"):
        Speller("fast", "pl").correct("word")
    with pytest.raises(HtrError, match="belongs to"):
        without_with("other", FAST.correct("text"))
