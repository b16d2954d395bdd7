"""Spelling that asks first: SymSpell against brute force, the gate's decisions, the count of mended and broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from htr_utils.course import hard_lines
from htr_utils.errors import HtrError
from htr_utils.text import ngrams, spelling
from htr_utils.text.charset import IAM79, Charset
from htr_utils.text.corrections import report
from htr_utils.text.gate import Gate
from htr_utils.text.settings import Fusion, Settings
from htr_utils.text.spelling import Change, Correction
from htr_utils.text.symspell import SymSpell
from htr_utils.text.tuned import Tuned
from tests.helpers.chapters import ROOT
from workshop.measure import decoders, tune

TEXT = [
    "the house stood by the river and the letter was on the table of the house in the winter",
    "Mr. Smith wrote the letter about the horse and the house",
    "a better horse by the river",
]
LM = ngrams.train(TEXT * 4, IAM79, 6)
COUNTS = {word.lower(): count for word, count in LM.words.items()}
GATE = Gate(LM, COUNTS)
short = st.text("abcd", min_size=1, max_size=10)


@settings(max_examples=60, deadline=None)
@given(st.lists(short, min_size=1, max_size=40), short, st.sampled_from([1, 2]))
def test_symspell_finds_what_a_search_through_all_words_finds(
    words: list[str], asked: str, distance: int
) -> None:
    counts = {word: 1 + len(word) * 7 % 5 for word in words}
    near = [(OSA.distance(asked, word), -count, word) for word, count in counts.items()]
    expected = [(edits, word) for edits, _, word in sorted(near) if edits <= distance]
    assert SymSpell(counts, distance).near(asked) == expected


def test_symspell_corrects_unknown_words_and_keeps_their_case() -> None:
    speller = SymSpell({"house": 9, "horse": 20, "about": 3, "don't": 4, "a": 50})
    text = 'The "Hause", ABUOT 3rd hxrse; dont x2 a b'
    correction = speller.correct(text)
    assert correction.text == 'The "House", ABOUT 3rd horse; don\'t x2 a b'
    assert correction.changes[0] == Change(5, 10, "Hause", "House")
    assert speller.correct("horse House").changes == ()
    with pytest.raises(HtrError, match="1 or 2 edits"):
        SymSpell({}, 3)
    assert SymSpell({}).near("word") == []


def test_dictionary_joins_both_lists() -> None:
    counts = spelling.dictionary({"Xylq": 2, "the": 7})
    assert counts["xylq"] == 52 and counts["the"] > 1000 and "house" in counts


def corrected(
    text: str, sure: float = 0.6, doubts: dict[int, float] | None = None, **how: object
) -> str:
    confidences = [(doubts or {}).get(i, sure) for i in range(len(text))]
    one = Gate(LM, COUNTS, replace(Settings(), **how))  # type: ignore[arg-type]
    return one.correct(text, confidences).text


def test_doubtful_words_are_mended_and_sure_ones_believed() -> None:
    assert corrected("the hause stood by the river") == "the house stood by the river"
    sure = corrected("the hause stood by the river", sure=0.999, weight=0.3)
    assert sure == "the hause stood by the river"
    assert corrected("the hause stood", sure=0.99, doubts={5: 0.5}) == "the house stood", (
        "only the letter changed counts"
    )


def test_the_language_chooses_among_near_words() -> None:
    assert (
        corrected("wrote the letter about the hoase", doubts={})
        == "wrote the letter about the house"
    )
    assert corrected("the better honse by the river", doubts={}) == "the better horse by the river"


def test_the_beam_may_tip_the_balance() -> None:
    text = "the hoise by"
    confidences = [0.97] * len(text)
    one = Gate(LM, COUNTS, replace(Settings(), seen=4.0))
    assert one.correct(text, confidences).text == "the horse by"  # what the language expects
    assert one.correct(text, confidences, ["the house by"]).text == "the house by"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "the house",
        "2hause hause2 h4use",
        "3rd on th",
        "Mr. Hause wrote",
        "zzzzzzzz the qqqqqqq",
        "HT.",
    ],
)
def test_known_short_strange_words_digits_and_names_stay(text: str) -> None:
    assert corrected(text, sure=0.7) == text


def test_a_capital_is_a_name_but_where_a_sentence_begins() -> None:
    assert corrected("by Hause the", 0.999, {4: 0.2}) == "by Hause the"
    assert corrected("Hause by the river", 0.999, {1: 0.2}) == "House by the river"
    assert corrected("by Hause the", 0.999, {4: 0.2}, name=0.0) == "by House the"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([*TEXT[0].split(), "hause", "leter", "Rivr,", "3x", '"wintr"', ""]),
        max_size=8,
    ),
    st.integers(0, 99),
)
def test_changes_say_what_happened(words: list[str], seed: int) -> None:
    text = " ".join(words)
    found = GATE.correct(text, np.random.default_rng(seed).random(len(text)).tolist())
    rebuilt, done = "", 0
    for change in found.changes:
        assert (
            done <= change.start
            and text[change.start : change.end] == change.before != change.after
        )
        assert change.before.lower() not in COUNTS and change.after.lower() in COUNTS
        assert change.before[0].isupper() == change.after[0].isupper()
        rebuilt += text[done : change.start] + change.after
        done = change.end
    assert rebuilt + text[done:] == found.text and found.before == text


def test_doubt_counts_the_edits() -> None:
    assert GATE.doubt("house", "house", [0.9] * 5) == 0
    assert GATE.doubt("hause", "house", [0.9, 0.5, 0.9, 0.9, 0.9]) == pytest.approx(0)
    assert GATE.doubt("hause", "house", [0.9] * 5) == pytest.approx(np.log(9))
    assert GATE.doubt("hous", "house", [0.9] * 4) == Settings().insert
    assert GATE.doubt("housee", "house", [1.0] * 6) == pytest.approx(np.log(999)), (
        "no certainty is total"
    )


def test_report_counts_mended_and_broken_words() -> None:
    texts, truths = ["the hause and", "a nice day", "x"], ["the house and", "a nice day", "x"]

    def policy(i: int) -> Correction:
        new = {0: "the house end", 1: "a mice day", 2: "x"}[i]
        return Correction(new, texts[i], (Change(0, 1, "x", "y"),) * 2)

    found = report("some", policy, texts, truths)
    assert (found.mended, found.broken, found.changed) == (1, 2, 6)
    assert found.wer_without == pytest.approx(100 / 7) and found.wer_with == pytest.approx(200 / 7)
    assert found.cer_without == pytest.approx(100 / 24) and found.cer_with == pytest.approx(
        200 / 24
    )
    assert "mended    1  broken    2" in str(found)


def test_settings_lie_beside_the_language_model(tmp_path: Path) -> None:
    LM.save(tmp_path / "m.lm")
    assert Tuned.load(Charset(), tmp_path / "m.lm").fusion == Fusion()
    chosen = Tuned(LM, Fusion(weight=0.7, width=9), Settings(margin=5.0), ("greedy",))
    (tmp_path / "decoding.json").write_text(json.dumps(chosen.to_json() | {"measured": {}}))
    again = Tuned.load(Charset(), tmp_path / "m.lm")
    assert (again.fusion, again.settings, again.gated) == (
        chosen.fusion,
        chosen.settings,
        ("greedy",),
    )
    assert again.gate.settings.margin == 5.0 and again.lexicon.price == Fusion().price
    for wrong in ("{", "[]", '{"fusion": {"weight": 1}, "gate": {}, "gated": []}', '{"fusion": 3}'):
        (tmp_path / "decoding.json").write_text(wrong)
        with pytest.raises(HtrError, match=r"decoding.json: settings that cannot be read"):
            Tuned.load(Charset(), tmp_path / "m.lm")
    with pytest.raises(HtrError, match="made for other characters"):
        Tuned.load(Charset("ab "), tmp_path / "m.lm")


def emissions(truths: list[str], seed: int) -> hard_lines.Lines:
    """Lines that a reader is unsure of: each letter a frame, with noise, and a blank after it."""
    random, charset = np.random.default_rng(seed), Charset()
    answers = []
    for text in truths:
        logits = random.normal(size=(2 * len(text), charset.classes))
        logits[np.arange(0, 2 * len(text), 2), charset.encode(text)] += random.normal(
            4.5, 1.5, len(text)
        )
        logits[1::2, 0] += 12
        answers.append(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))
    return hard_lines.padded(answers, truths)


def test_tuning_finds_settings_that_help_lines_like_those_it_saw() -> None:
    truths = [" ".join(text.split()[i : i + 6]) for text in TEXT for i in range(0, 8, 3)]
    said: list[str] = []
    start = Tuned(LM, Fusion(weight=0.01), listed=COUNTS)
    grid = {"weight": (0.5, 1.0), "bonus": (1.0, 2.0)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "GRID", grid)
        patch.setattr(tune, "GATE_GRID", {"margin": (0.0, 2.0)})
        chosen = tune.choose([emissions(truths, 0)], start, said.append)
    assert chosen.fusion.weight in grid["weight"] and len(said) >= 6
    found = decoders.figures(emissions(truths, 1), chosen, said.append)
    assert found["lexicon"]["cer"] < found["greedy"]["cer"]
    change = found["lexicon"]["cer_change"]
    assert change["low"] <= change["value"] <= change["high"] < 0
    assert found["greedy"]["gated"]["mended"] > 0


def test_paired_interval_is_about_the_same_lines() -> None:
    truths = ["aaaa"] * 50
    before, after = ["bbaa", "aaaa"] * 25, ["baaa", "aaaa"] * 25
    found = decoders.paired(
        before, after, truths, lambda a, b: sum(x != y for x, y in zip(a, b, strict=True))
    )
    assert found == {"value": -50.0, "low": -50.0, "high": -50.0}, (
        "halved on every line: no doubt is left"
    )
    with pytest.raises(HtrError, match="no errors before"):
        decoders.paired(truths, truths, truths, lambda a, b: 0)


def test_the_gate_counts_as_useful_only_if_it_harms_nothing() -> None:
    good = {
        "cer_without": 3.0,
        "cer_with": 2.5,
        "wer_without": 9.0,
        "wer_with": 9.0,
        "mended": 6,
        "broken": 1,
    }
    assert decoders.useful({"gated": good})
    for harm in ({"cer_with": 3.1}, {"wer_with": 9.1}, {"broken": 2}, {"cer_with": 3.0}):
        assert not decoders.useful({"gated": good | harm})


def test_stored_settings_fit_what_they_were_measured_with() -> None:
    stored = json.loads((ROOT / "model" / "decoding.json").read_text(encoding="utf-8"))
    assert {"validation (chosen on)", "test"} <= set(stored["measured"])
    for decoder in stored["gated"]:
        assert all(decoders.useful(entry[decoder]) for entry in stored["measured"].values())
    for name in ("validation (chosen on)", "test"):
        entry = stored["measured"][name]
        assert (
            entry["lexicon"]["cer_change"]["high"] < 0
            and entry["lexicon"]["wer_change"]["high"] < 0
        )
    assert Tuned.load(Charset()).fusion == Fusion(**stored["fusion"])
    assert Settings(**stored["gate"]) == Tuned.load(Charset()).settings


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_a_piece_of_the_line_judges_as_the_whole_line_does(seed: int) -> None:
    """What lies farther away than the language model's memory is left out of the scores: nothing changes."""
    random = np.random.default_rng(seed)
    known = ["the", "letter", "house", "garden", "green", "road", "old"]
    lm = ngrams.train(
        ["the old house by the green road", "a letter to the garden, the old letter"], IAM79, 4
    )
    whole = ngrams.train(
        ["the old house by the green road", "a letter to the garden, the old letter"], IAM79, 4
    )
    whole.order = 45  # longer than the text
    words = []
    for word in random.choice(known, 5):
        letters = list(word)
        letters[int(random.integers(len(letters)))] = "abegrt"[int(random.integers(6))]
        words.append("".join(letters))
    text = " ".join(words)
    sure = random.random(len(text)).tolist()
    counts = dict.fromkeys(known, 9)
    rule = Settings(weight=0.7, margin=-1.0, name=0.0)
    assert Gate(lm, counts, rule).correct(text, sure) == Gate(whole, counts, rule).correct(
        text, sure
    )


def test_every_figure_of_the_tuning_has_its_row() -> None:
    from workshop.measure import decoding_report

    stored = json.loads((ROOT / "model" / "decoding.json").read_text(encoding="utf-8"))
    told = decoding_report.tables(stored)
    assert told == (ROOT / decoding_report.TARGET).read_text(encoding="utf-8"), (
        "run `python -m workshop.measure.decoding_report`"
    )
    for name, found in stored["measured"].items():
        assert f"| {name}, {found['lines']} | greedy | {found['greedy']['cer']} |" in told
