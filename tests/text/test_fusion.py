"""Beam search with a language model or a word list, each against the definition on tiny lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.errors import HtrError
from htr_utils.text import decoding, fusion, ngrams
from htr_utils.text.charset import Charset
from htr_utils.text.decoding import Candidate
from tests.helpers.frames import check_frames, line_of, log_softmax, random_line

WIDE = 400
TINY = " ab"
ABAB = ngrams.train(["ab ab ba b aab ab bab", "a bb ab"], TINY, order=3)
WORDS = fusion.Lexicon(["ab", "Ba"], TINY, price=1.5, letter=0.25)
LETTERS = Charset(" -'3abcdefghilmnoprstuvwxyT")
RHYME = ngrams.train(
    ["the letter the little rabbit wrote to the other rabbit was better than a letter"] * 3,
    LETTERS.characters,
    order=5,
)

lines = st.builds(
    random_line,
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 5),
    classes=st.just(4),
    sharpness=st.sampled_from([0.2, 1.0, 4.0]),
)


def judged(ids: tuple[int, ...], scorer: fusion.Scorer) -> float:
    """The scorer's log P of a text, one character after the other, the end included."""
    state, total = scorer.start(1), 0.0
    for i in ids:
        total += float(scorer.log_probs(state)[0, i])
        state = scorer.advance(state, np.array([i]))
    return total + float(scorer.end(state)[0])


def searched(
    line: np.ndarray, parts: list[tuple[fusion.Scorer, float]], bonus: float
) -> dict[tuple[int, ...], float]:
    """The fused score of every possible reading: the definition itself."""
    return {
        ids: log_prob
        + bonus * len(ids)
        + sum(weight * judged(ids, scorer) for scorer, weight in parts)
        for ids, log_prob in decoding.exhaustive(line).items()
    }


def check(readings: list[Candidate], truth: dict[tuple[int, ...], float], line: np.ndarray) -> None:
    assert {reading.ids for reading in readings} == set(truth)
    for reading in readings:
        assert reading.log_prob == pytest.approx(truth[reading.ids], abs=1e-4)
        check_frames(reading, line)
    scores = [reading.log_prob for reading in readings]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=40, deadline=None)
@given(lines, st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([0.0, 1.0]))
def test_wide_fused_beam_equals_exhaustive_search(
    line: np.ndarray, weight: float, bonus: float
) -> None:
    [found] = fusion.prefix_beam(
        line[None], [len(line)], ABAB, width=WIDE, weight=weight, bonus=bonus, top=WIDE, prune=0
    )
    check(found, searched(line, [(ABAB, weight)], bonus), line)


@settings(max_examples=40, deadline=None)
@given(lines, st.booleans())
def test_wide_lexicon_beam_equals_exhaustive_search(line: np.ndarray, with_lm: bool) -> None:
    parts: list[tuple[fusion.Scorer, float]] = [(WORDS, 1.0)]
    if with_lm:
        parts.append((ABAB, 0.5))
    lm = ABAB if with_lm else None
    [found] = fusion.prefix_beam(
        line[None], [len(line)], lm, width=WIDE, top=WIDE, prune=0, lexicon=WORDS
    )
    check(found, searched(line, parts, 1.0 if with_lm else 0.0), line)


@settings(max_examples=60, deadline=None)
@given(lines, st.integers(1, 8))
def test_without_a_language_model_it_is_the_plain_beam(line: np.ndarray, width: int) -> None:
    [ours] = fusion.prefix_beam(line[None], [len(line)], width=width, top=width, prune=0)
    [plain] = decoding.beam(line[None], [len(line)], width=width, top=width)
    assert [c.ids for c in ours] == [c.ids for c in plain]
    assert [c.frames for c in ours] == [c.frames for c in plain]
    assert [c.log_prob for c in ours] == pytest.approx([c.log_prob for c in plain])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=5),
    st.integers(0, 4),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_neighbours_and_padding_never_change_a_line(
    lengths: list[int], extra: int, seed: int, sharp: bool
) -> None:
    random = np.random.default_rng(seed)
    batch = random.normal(size=(len(lengths), max(lengths) + extra, 4))
    batch[:, ::2, 0] += 9 * sharp  # blanks that are passed over
    batch = log_softmax(3 * batch)
    for line, length in zip(batch, lengths, strict=True):
        line[length:] = np.nan
    for lm, lexicon in [(None, None), (ABAB, None), (ABAB, WORDS)]:

        def decode(part: np.ndarray, n: list[int], lm=lm, lexicon=lexicon) -> list[list[Candidate]]:  # type: ignore[no-untyped-def]
            return fusion.prefix_beam(part, n, lm, width=3, top=2, lexicon=lexicon)

        together = decode(batch, lengths)
        assert together == [
            decode(line[None, :n], [n])[0] for line, n in zip(batch, lengths, strict=True)
        ]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_what_is_pruned_hardly_matters(seed: int, frames: int) -> None:
    random = np.random.default_rng(seed)
    logits = random.normal(size=(frames, 4))
    logits[np.arange(frames), random.integers(0, 4, frames)] += 9
    logits[::2, 0] += 14
    line = log_softmax(logits)
    [[quick]] = fusion.prefix_beam(line[None], [frames], ABAB, width=50)
    [[whole]] = fusion.prefix_beam(line[None], [frames], ABAB, width=50, prune=0)
    assert quick.log_prob == pytest.approx(whole.log_prob, abs=0.1)
    check_frames(quick, line)


def test_alignment_is_that_of_decoding() -> None:
    values = np.stack([random_line(seed, 14, 4, 3) for seed in range(30)])
    frames = np.random.default_rng(0).integers(0, 15, 30)
    greedy = decoding.greedy(values, frames)
    found = fusion.align_batch(values, frames, range(30), [reading.ids for reading in greedy])
    for line, n, reading, places in zip(values, frames, greedy, found, strict=True):
        assert places == decoding.align(line[:n], reading.ids)


def test_doubled_letters_survive() -> None:
    path = [LETTERS.characters.find(c) + 1 for c in "-llet-tte-r- -rrab-bit"]
    path = [0 if c == "-" else i for c, i in zip("-llet-tte-r- -rrab-bit", path, strict=True)]
    line = line_of(path, LETTERS.classes)
    lexicon = fusion.Lexicon(["letter", "rabbit"], LETTERS.characters)
    for found in (
        fusion.prefix_beam(line[None], [len(line)]),
        fusion.prefix_beam(line[None], [len(line)], RHYME),
        fusion.prefix_beam(line[None], [len(line)], lexicon=lexicon),
        fusion.prefix_beam(line[None], [len(line)], RHYME, lexicon=lexicon),
    ):
        assert LETTERS.decode(found[0][0].ids) == "letter rabbit"


def test_width_one_is_not_greedy() -> None:
    line = np.log([[0.4, 0.6, 1e-9], [0.3, 0.3, 0.4]])
    assert decoding.greedy(line[None], [2])[0].ids == (1, 2)
    assert fusion.prefix_beam(line[None], [2], width=1)[0][0].ids == (1,)


def unsure(text: str, doubts: dict[int, tuple[str, float]]) -> np.ndarray:
    """Frames of a text, a blank after each letter; at some places another letter has a larger share."""
    line = line_of([x for i in LETTERS.encode(text) for x in (int(i), 0)], LETTERS.classes, 0.98)
    for place, (other, share) in doubts.items():
        ids = LETTERS.encode(text[place] + other)
        line[2 * place, ids] = np.log([0.98 * (1 - share), 0.98 * share])
    return line


def test_the_language_model_decides_what_the_frames_leave_open() -> None:
    line = unsure("the letter", {5: ("a", 0.6), 8: ("c", 0.7)})
    assert LETTERS.decode(decoding.greedy(line[None], [len(line)])[0].ids) == "the lattcr"
    [[best]] = fusion.prefix_beam(line[None], [len(line)], RHYME)
    assert LETTERS.decode(best.ids) == "the letter"
    sure = unsure("the letter", {5: ("a", 0.9999)})
    [[best]] = fusion.prefix_beam(sure[None], [len(sure)], RHYME)
    assert LETTERS.decode(best.ids) == "the latter", "frames that are sure are believed"


def test_a_word_list_decides_and_strange_words_have_their_price() -> None:
    line = unsure("the letter", {5: ("a", 0.6), 8: ("c", 0.7)})
    lexicon = fusion.Lexicon(["the", "letter"], LETTERS.characters)
    assert (
        LETTERS.decode(fusion.prefix_beam(line[None], [len(line)], lexicon=lexicon)[0][0].ids)
        == "the letter"
    )
    cheap = fusion.Lexicon(["the", "letter"], LETTERS.characters, price=0.1, letter=0.0)
    assert (
        LETTERS.decode(fusion.prefix_beam(line[None], [len(line)], lexicon=cheap)[0][0].ids)
        == "the lattcr"
    )


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("the dog's", 0.0),
        ("The THE -the-the 'the'", 0.0),
        ("'dog' the'", 0.0),
        ("33 3rd 3-3", 0.0),
        ("cat", 4 + 2 * 0.5),
        ("do", 4.0),
        ("the cat the", 4 + 2 * 0.5),
        ("dogs's", 4.0 + 4.0),
    ],
)
def test_lexicon_charges_for_unknown_words_alone(text: str, price: float) -> None:
    charset = Charset("".join(sorted(set("the dog's THE-'33rdcat"))))
    lexicon = fusion.Lexicon(["the", "dog's", "dog"], charset.characters)
    assert judged(tuple(charset.encode(text)), lexicon) == pytest.approx(-price)


def test_probability_zero_is_no_obstacle() -> None:
    with np.errstate(divide="ignore"):
        line = np.log([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.5, 0.0]])
    for prune in (0, 1e-3):
        [found] = fusion.prefix_beam(line[None], [3], width=10, top=10, prune=prune)
        assert sorted(reading.ids for reading in found) == [(1, 1), (1, 2)]


@pytest.mark.parametrize("shape", [(0, 5, 4), (2, 0, 4)])
def test_empty_batches_and_empty_lines(shape: tuple[int, int, int]) -> None:
    found = fusion.prefix_beam(np.zeros(shape), np.zeros(shape[0], dtype=int), ABAB)
    assert [[c.ids for c in line] for line in found] == [[()]] * shape[0]


def test_mistakes_are_named() -> None:
    line = random_line(0, 2, 3)[None]
    with pytest.raises(HtrError, match="4 classes, the frames have 3"):
        fusion.prefix_beam(line, [2], ABAB)
    for options in ({"width": 0}, {"top": 26}, {"prune": 0.5}):
        with pytest.raises(HtrError, match="1 <= top <= width"):
            fusion.prefix_beam(line, [2], **options)
    with pytest.raises(HtrError, match="log-softmax"):
        fusion.prefix_beam(line + 9, [2])


def test_many_lines_at_once_are_quicker_than_one_after_the_other() -> None:
    import time

    logits = np.random.default_rng(0).normal(size=(64, 60, 30)) * 2
    logits[:, ::2, 0] += 12
    batch, lengths = log_softmax(logits), np.full(64, 60)

    def seconds(decode: object) -> float:
        started = time.process_time()
        decode(batch, lengths, width=25)  # type: ignore[operator]
        return time.process_time() - started

    assert seconds(fusion.prefix_beam) < seconds(decoding.beam) / 1.5
