"""The fast search finds what a plain one finds: dictionaries, one line, one prefix and one character at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.text import fusion, lexicon, literal, ngrams
from htr_utils.text.charset import IAM79, Charset
from htr_utils.text.decoding import greedy
from htr_utils.text.language import LanguageModel
from htr_utils.text.lexicon import Lexicon
from htr_utils.text.tuned import Tuned

LETTERS = " 'abcdeB3"
TEXT = ["a bad cab abed", "dead bee ace", "add a bead", "cab 3 dab"]
LM = ngrams.train(TEXT * 2, LETTERS, order=4)
WORDS = Lexicon(["bad", "cab", "bee", "a", "bead", "dab", "ace", "bad's"], LETTERS, 2.0, 0.5)


def plain_search(
    line: np.ndarray,
    lm: LanguageModel,
    words: Lexicon | None,
    width: int,
    weight: float,
    bonus: float,
) -> tuple[tuple[int, ...], float]:
    """Prefix beam search with fusion in dictionaries: the best text and its score."""

    def judged(ids: tuple[int, ...]) -> float:
        total = 0.0
        for scorer, share in [(lm, weight), *([(words, 1.0)] if words else [])]:
            state = scorer.start(1)
            for i in ids:
                total += share * float(scorer.log_probs(state, [i])[0])
                state = scorer.advance(state, [i])
        return total + bonus * len(ids)

    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    for frame in line:
        found: dict[tuple[int, ...], list[float]] = {}

        def add(ids: tuple[int, ...], kind: int, p: float, found: dict = found) -> None:  # type: ignore[type-arg]
            both = found.setdefault(ids, [-math.inf, -math.inf])
            both[kind] = float(np.logaddexp(both[kind], p))

        for ids, (blank, letter) in beam.items():
            total = float(np.logaddexp(blank, letter))
            add(ids, 0, total + frame[0])
            if ids:
                add(ids, 1, letter + frame[ids[-1]])
            for i in range(1, frame.size):
                add((*ids, i), 1, (blank if ids and ids[-1] == i else total) + frame[i])
        ranked = sorted(found, key=lambda ids: -(float(np.logaddexp(*found[ids])) + judged(ids)))
        beam = {ids: (found[ids][0], found[ids][1]) for ids in ranked[:width]}

    def final(ids: tuple[int, ...]) -> float:
        state = lm.start(1)
        for i in ids:
            state = lm.advance(state, [i])
        end = weight * float(lm.end(state)[0])
        if words:
            state = words.start(1)
            for i in ids:
                state = words.advance(state, [i])
            end += float(words.end(state)[0])
        return float(np.logaddexp(*beam[ids])) + judged(ids) + end

    best = max(beam, key=final)
    return best, final(best)


def lines_like(seed: int, frames: int, sharp: float) -> np.ndarray:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(frames, len(LETTERS) + 1)) * sharp
    logits[random.random(frames) < 0.3, 0] += 4
    return logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from([1.0, 3.0]), st.booleans())
def test_both_searches_give_the_same_text(
    seed: int, frames: int, sharp: float, with_words: bool
) -> None:
    line, words, options = (
        lines_like(seed, frames, sharp),
        WORDS if with_words else None,
        (0.7, 1.5),
    )
    ids, score = plain_search(line, LM, words, 60, *options)
    call = {"width": 60, "weight": 0.7, "bonus": 1.5, "prune": 0, "top": 2}
    found = fusion.prefix_beam(line[None], [frames], LM, lexicon=words, **call)[0]
    assert found[0].log_prob == pytest.approx(score, abs=1e-4)
    if len(found) < 2 or found[0].log_prob - found[1].log_prob > 1e-3:
        assert found[0].ids == ids


def test_leaving_out_prefixes_with_the_same_future_costs_little() -> None:
    """With one text asked for, of prefixes with the same future one is kept. Their paths no longer add up, so a line
    may lose by it; most find the same text or, with room in the beam, a better one.
    """
    options = {"width": 20, "weight": 0.7, "bonus": 1.5, "prune": 1e-9, "behind": math.inf}
    gains = []
    for seed in range(60):
        line = lines_like(seed, 1 + seed % 30, 3.0)
        one, two = (
            fusion.prefix_beam(line[None], [len(line)], LM, top=top, lexicon=WORDS, **options)[0][0]
            for top in (1, 2)
        )
        gains.append(one.log_prob - two.log_prob)
    assert min(gains) > -1 and np.mean(np.array(gains) < -0.2) < 0.05


def test_width_is_kept_among_equals() -> None:
    even = np.full((6, len(LETTERS) + 1), -math.log(len(LETTERS) + 1))
    found = fusion.prefix_beam(even[None], [6], width=5, top=5, prune=0)[0]
    assert len(found) == 5 and len({one.ids for one in found}) == 5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("abé'd", min_size=1, max_size=5), max_size=8),
    st.text("abéd' 3B.", max_size=14),
)
def test_the_tree_of_bits_is_a_prefix_tree(words: list[str], line: str) -> None:
    charset = Charset(" '.3Babdé")
    made = Lexicon(words, charset.characters, price=3.0, letter=0.25)
    prefixes = {word.lower()[:k] for word in words for k in range(1, len(word) + 1)}
    ends = {word.lower() for word in words}
    ends |= {one + "'" for one in ends if one + "'" in prefixes} | ({"'"} & prefixes)
    state, at, total, expected = made.start(1), "", 0.0, 0.0
    for c in line:  # `at`: where in the tree; "-" is outside, "3" after a digit
        i = charset.encode(c)
        low = c.lower()
        inside = at not in ("-", "3") and at + low in prefixes
        if low.isalpha():
            if not inside and at != "3":
                expected -= 0.25 if at == "-" else 3.0
            at = at + low if inside else "3" if at == "3" else "-"
        else:
            if not inside and at not in ("", "-", "3") and at not in ends:
                expected -= 3.0
            at = "3" if c == "3" else at + low if inside else ""
        total += float(made.log_probs(state, i)[0])
        state = made.advance(state, i)
        assert total == pytest.approx(expected)
    assert made.end(state)[0] == (0 if at in ("", "-", "3") or at in ends else -3.0)


def test_letters_beyond_the_bits_are_strange_to_the_list() -> None:
    letters = "".join(chr(0x3B1 + i) for i in range(24)) + "".join(
        chr(0x430 + i) for i in range(48)
    )
    words = [c * 2 for c in letters] + [letters[0] * 3]
    made = Lexicon(words, " '" + letters)
    assert made._mask.max() < 2 ** (lexicon._MOST_LETTERS + 1)
    states = made.advance(made.start(len(letters)), np.arange(len(letters)) + 3)
    assert (states > 2).sum() == lexicon._MOST_LETTERS, "the most frequent ones are known"


@pytest.mark.parametrize(
    "word",
    [
        "20078",
        "6630",
        "2200",
        "3rd",
        "12.5",
        "(3)",
        "x+1",
        "a.b@c.de",
        "foo(bar",
        "NATO",
        "ID-7",
        "km/h",
        "no.5",
    ],
)
def test_literal_words(word: str) -> None:
    assert literal.is_literal(word)


@pytest.mark.parametrize(
    "word", ["the", "I", "A", "don't", "Mr.", "well-known", "end.", '"Oh!"', "&", "etc.,"]
)
def test_words_of_a_language(word: str) -> None:
    assert not literal.is_literal(word)


def typed(text: str, sure: float, doubts: dict[int, tuple[str, float]]) -> np.ndarray:
    """Two frames a character, each as sure as said, a blank between; `doubts`: place -> (other, its share)."""
    charset = Charset(IAM79)
    rows = []
    for n, c in enumerate(text):
        p = np.full(80, (1 - sure) / 79)
        p[charset.encode(c)] = sure
        if n in doubts:
            other, share = doubts[n]
            p[charset.encode(other)], p[charset.encode(c)] = share, sure - share
        rows += [p, np.where(np.arange(80) == 0, 0.97, 0.03 / 79)]
    return np.log(np.array(rows) / np.sum(rows, axis=1, keepdims=True))


@pytest.mark.parametrize(
    "text", ["room 20078 6630 now", "2200", "call 5 and 17:30", "is NATO in", "a 3 + 4"]
)
def test_what_is_sure_and_no_language_stays(text: str) -> None:
    charset = Charset(IAM79)
    line = typed(text, 0.9, {})
    frames = [len(line)]
    fixed = literal.fixed(line[None], frames, greedy(line[None], frames), IAM79)
    hostile = ngrams.train(["10078 16:30 22 0 nato 5, and mm 17 30 roam"] * 9, IAM79, 5)
    [[free]] = fusion.prefix_beam(line[None], frames, hostile, weight=3.0, bonus=4.0)
    [[kept]] = fusion.prefix_beam(fixed, frames, hostile, weight=3.0, bonus=4.0)
    numbers = [word for word in text.split() if literal.is_literal(word)]
    assert [word for word in charset.decode(kept.ids).split() if word in numbers] == numbers
    assert charset.decode(free.ids) != text, "the language model would have had its way"


def test_an_unsure_number_is_the_language_models_to_mend() -> None:
    line = typed("is 0f the", 0.9, {3: ("o", 0.4)})
    frames = [len(line)]
    fixed = literal.fixed(line[None], frames, greedy(line[None], frames), IAM79)
    assert fixed is not None and np.array_equal(fixed[0], line)


@pytest.mark.parametrize(
    "text",
    [
        "20078 6630",
        "2200",
        "see www.post.org or m.fay(a)post.org",
        "NATO AND EU",
        "12 + 7 is 19",
        "ID-7734X",
    ],
)
def test_the_shipped_decoder_leaves_sure_numbers_codes_and_addresses(text: str) -> None:
    line = typed(text, 0.9, {})
    [[kept]] = Tuned.load(Charset()).decode(line[None], [len(line)])
    assert Charset().decode(kept.ids) == text


def test_where_the_network_sees_nothing_no_language_model_writes() -> None:
    """Blank paper with faint doubts: the free search would make a sentence of them."""
    p = np.full((60, 80), 0.4 / 79)
    p[:, 0] = 0.6
    [[kept]] = Tuned.load(Charset()).decode(np.log(p)[None], [60])
    assert kept.ids == ()
