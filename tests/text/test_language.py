"""The character language model: a distribution at every step, honest about its text, safe to load."""

from __future__ import annotations

import itertools
import math
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.cli import main
from htr_utils.errors import HtrError
from htr_utils.text import ngrams
from htr_utils.text.charset import IAM79, Charset
from htr_utils.text.corpus import without_held_out
from htr_utils.text.language import LanguageModel
from htr_utils.text.passages import read_passages
from tests.helpers.chapters import ROOT

TINY = " abc"
SHIPPED = ROOT / "model" / "languages" / "en.lm"
PASSAGES = read_passages(ROOT / "data" / "passages.tsv")
texts = st.lists(
    st.text(TINY, min_size=4, max_size=30).filter(lambda t: len(" ".join(t.split())) > 3),
    min_size=1,
    max_size=4,
)


def by_the_book(joined: str, order: int) -> dict[str, dict[str, float]]:
    """P(next | context) for every context, from the definition in dictionaries: interpolated Kneser-Ney."""
    grams = [[joined[i : i + k] for i in range(len(joined) - k + 1)] for k in range(1, order + 1)]
    tables: dict[str, dict[str, float]] = {}
    for k, found in enumerate(grams, start=1):
        kinds = set(found)
        if k < order:
            longer = set(grams[k])
            counts = {g: max(1, sum(c + g in longer for c in TINY)) for g in kinds}
        else:
            counts = {g: found.count(g) for g in kinds}
        n = [max(1, sum(c == t for c in counts.values())) for t in (1, 2, 3, 4)]
        y = n[0] / (n[0] + 2 * n[1])
        off = {t: t - (t + 1) * y * n[t] / n[t - 1] for t in (1, 2, 3)}
        off = {t: min(max(d, 0.1), 0.9 * t) for t, d in off.items()}
        for context in {g[:-1] for g in kinds}:
            inside = {g[-1]: c for g, c in counts.items() if g[:-1] == context}
            total = sum(inside.values())
            p = {c: max(count - off[min(count, 3)], 0.02) / total for c, count in inside.items()}
            below = tables[context[1:]] if context else dict.fromkeys(TINY, 1 / len(TINY))
            rest = 1 - sum(p.values())
            tables[context] = {c: p.get(c, 0) + rest * below[c] for c in TINY}
    return tables


@settings(max_examples=40, deadline=None)
@given(texts, st.integers(2, 4), st.text(TINY, max_size=8))
def test_it_is_kneser_ney_by_the_book(paragraphs: list[str], order: int, text: str) -> None:
    joined = " " + "".join(" ".join(p.split()) + " " for p in paragraphs)
    if len(joined) < order + 2:
        return
    tables = by_the_book(joined, order)
    model = ngrams.train(paragraphs, TINY, order)
    charset, state, seen = Charset(TINY), model.start(1), " "
    for c in text:
        context = next(
            seen[i:]
            for i in range(max(0, len(seen) - order + 1), len(seen) + 1)
            if seen[i:] in tables
        )
        expected = [tables[context][x] for x in TINY]
        # The file keeps one byte a probability, hence a few per cent.
        np.testing.assert_allclose(
            np.exp(model.log_probs(state)[0, 1:]), expected, rtol=0.2, atol=0.02
        )
        state, seen = model.advance(state, charset.encode(c)), seen + c


@settings(max_examples=40, deadline=None)
@given(texts, st.lists(st.text(TINY, max_size=12), min_size=1, max_size=5))
def test_every_answer_is_a_distribution_and_lines_do_not_mix(
    paragraphs: list[str], lines: list[str]
) -> None:
    model = ngrams.train(paragraphs, TINY, 3)
    charset = Charset(TINY)
    alone = []
    for line in lines:
        state, total = model.start(1), 0.0
        for i in charset.encode(line):
            row = model.log_probs(state)
            assert row.dtype == np.float32 and row.shape == (1, 5) and row[0, 0] == 0
            assert np.exp(row[0, 1:].astype(float)).sum() == pytest.approx(1, abs=1e-5)
            assert model.log_probs(state, [i])[0] == row[0, i]
            total += float(row[0, i])
            state = model.advance(state, [i])
            assert model.advance(state, [0]) == state, "a blank writes nothing"
        ending = float(model.end(state)[0])
        assert ending == (
            0 if line.endswith(" ") or not line else float(model.log_probs(state)[0, 1])
        )
        alone.append(total + ending)
    np.testing.assert_allclose(model.score(lines), alone, rtol=1e-5)


def test_it_prefers_what_it_was_trained_on_and_spreads_over_the_rest() -> None:
    model = ngrams.train(["the letter that the writer wrote"] * 5, IAM79, 6)
    seen, shuffled = model.score(["the letter", "eht rttele"])
    assert seen > shuffled + 10
    assert model.bits(["the letter"]) < 1 < math.log2(79) - 1 < model.bits(["QXZ+*"])
    assert model.words == {"the": 10, "letter": 5, "that": 5, "writer": 5, "wrote": 5}


def test_n_grams_that_tell_least_are_left_out() -> None:
    text = ["the letter that the writer wrote", "the reader read the letter"] * 9 + ["a quiz"]
    whole = ngrams.train(text, IAM79, 5)
    pruned = ngrams.train(text, IAM79, 5, most=60)
    assert 60 < pruned._char.size < 70 and whole._char.size > 100  # equals are kept together
    row = np.exp(pruned.log_probs(pruned.start(1))[0, 1:].astype(float))
    assert row.sum() == pytest.approx(1, abs=1e-5)
    random = ngrams.train(text, IAM79, 2)
    assert whole.bits(text) < pruned.bits(text) < random.bits(text)


@settings(max_examples=30, deadline=None)
@given(texts, st.integers(4, 40), st.text(TINY, max_size=20))
def test_a_pruned_model_is_still_a_distribution(
    paragraphs: list[str], most: int, line: str
) -> None:
    model = ngrams.train(paragraphs, TINY, 4, most=most)
    state = model.start(1)
    for i in Charset(TINY).encode(line):
        assert np.exp(model.log_probs(state)[0, 1:].astype(float)).sum() == pytest.approx(
            1, abs=1e-4
        )
        state = model.advance(state, [i])


def test_more_than_64_characters_are_looked_up_right() -> None:
    """A context keeps its characters as bits of several numbers: those of the second one are found too."""
    letters = " " + "".join(chr(0x100 + i) for i in range(200))
    model = ngrams.train([letters[1:] * 2, letters[1:]], letters, 3)
    for i in (1, 62, 63, 64, 65, 127, 128, 199):
        pair = letters[i : i + 2]
        state = model.start(1)
        for k in Charset(letters).encode(pair[:1]):
            state = model.advance(state, [k])
        assert int(model.log_probs(state)[0, 1:].argmax()) == i + 1 or i == 200


def test_saved_and_loaded_it_is_the_same(tmp_path: Path) -> None:
    model = ngrams.train(
        ["the letter that the writer's wife wrote"], IAM79, 4, about={"sources": ["x"]}
    )
    model.save(tmp_path / "m.lm")
    again = LanguageModel.load(tmp_path / "m.lm", Charset())
    np.testing.assert_array_equal(again.score(["a letter", "Z"]), model.score(["a letter", "Z"]))
    assert (again.words, again.about, again.order) == (model.words, {"sources": ["x"]}, 4)
    first = (tmp_path / "m.lm").read_bytes()
    again.save(tmp_path / "m.lm")
    assert (tmp_path / "m.lm").read_bytes() == first


def test_damaged_files_are_one_line(tmp_path: Path) -> None:
    model = ngrams.train(["the letter that the writer wrote"], IAM79, 4)
    model.save(tmp_path / "m.lm")
    data = (tmp_path / "m.lm").read_bytes()
    draw = np.random.default_rng(0)
    broken = [b"", b"nothing", data[: len(data) // 2], data[:-30]]
    for at in draw.integers(0, len(data), 60):
        broken.append(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
    refused = 0
    for content in broken:
        (tmp_path / "b.lm").write_bytes(content)
        try:
            again = LanguageModel.load(tmp_path / "b.lm")
            assert again.score(["the"]) == model.score(["the"]), "only a date or the like differs"
        except HtrError as error:
            assert "b.lm" in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 40


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("about.json", b'{"format": 9}', "format 9"),
        ("about.json", b"[]", "damaged"),
        ("char", b"abc", "do(es)? not hold together|arrays of one size"),
        ("children", None, "hold together"),
        ("words.tsv", b"word\tmany", "damaged"),
    ],
)
def test_parts_that_do_not_fit_are_named(
    tmp_path: Path, name: str, change: bytes | None, message: str
) -> None:
    ngrams.train(["the letter that the writer wrote"], IAM79, 4).save(tmp_path / "m.lm")
    with zipfile.ZipFile(tmp_path / "m.lm") as archive:
        parts = {entry: archive.read(entry) for entry in archive.namelist()}
    parts[name] = parts[name][::-1] if change is None else change
    with zipfile.ZipFile(tmp_path / "b.lm", "w") as archive:
        for entry, data in parts.items():
            archive.writestr(entry, data)
    with pytest.raises(HtrError, match=message):
        LanguageModel.load(tmp_path / "b.lm")


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(HtrError, match="no such language model; train one"):
        LanguageModel.load(tmp_path / "none.lm")
    model = ngrams.train(["ab ab ab"], TINY, 2)
    model.save(tmp_path / "m.lm")
    with pytest.raises(
        HtrError, match=r"m\.lm: made for other characters .*it lacks .*htr lm train --model"
    ):
        LanguageModel.load(tmp_path / "m.lm", Charset())
    with pytest.raises(HtrError, match="not in the charset: 'X'"):
        model.score(["X"])
    for order, message in [(1, "order 1"), (30, "order 30")]:
        with pytest.raises(HtrError, match=message):
            ngrams.train(["ab ab ab"], TINY, order)
    with pytest.raises(HtrError, match="no text to train"):
        ngrams.train([], TINY, 2)
    with pytest.raises(HtrError, match="no text to score"):
        model.bits([])


def test_paragraphs_with_held_out_text_are_left_out() -> None:
    held = [p.text for p in PASSAGES if p.split != "train"]
    other = "A paragraph of no passage, long enough to be looked at in every place it has."
    long = held[3]
    half = len(long) // 2
    hidden = [
        other,
        f"Once more. {held[0]} The end.",
        held[1].upper().replace(" ", "  "),
        long[:half],
        long[half:],
        other,
    ]
    kept, left_out = without_held_out(hidden, held)
    assert kept == [other, other] and left_out == hidden[1:-1]
    cut = [
        long[i : i + 16] for i in range(0, len(long), 16)
    ]  # pieces shorter than what is looked for
    assert without_held_out([other, *cut], held)[0] == [other]
    assert without_held_out(["Short.", other], ["short"])[0] == [other]


def test_the_command_trains_and_scores_and_drops_held_out_text(tmp_path: Path) -> None:
    held = next(p.text for p in PASSAGES if p.split == "test")
    (tmp_path / "text.txt").write_text(f"Some free text of a writer.\n{held}\n", encoding="utf-8")
    run = CliRunner().invoke(
        main,
        ["lm", "train", "--text", str(tmp_path), "--order", "4", "--to", str(tmp_path / "m.lm")],
    )
    assert run.exit_code == 0, run.output
    assert (
        f"left out, it holds a passage of the validation or test split: {held[:60]!r}" in run.output
    )
    model = LanguageModel.load(tmp_path / "m.lm")
    assert (
        model.about["paragraphs_left_out"] == 1 and model.about["sources"][0]["name"] == "text.txt"
    )
    assert str(tmp_path) not in str(model.about)
    score = CliRunner().invoke(
        main, ["lm", "score", str(tmp_path / "text.txt"), "--lm", str(tmp_path / "m.lm")]
    )
    assert score.exit_code == 0 and "bits per character, perplexity" in score.output
    (tmp_path / "struck.TXT").write_text("# of a writer\n", encoding="utf-8")
    score = CliRunner().invoke(
        main, ["lm", "score", str(tmp_path / "struck.TXT"), "--lm", str(tmp_path / "m.lm")]
    )
    assert score.exit_code == 0 and "(1 lines)" in score.output, "a struck-out word begins the line"
    wrong = CliRunner().invoke(
        main, ["lm", "score", str(tmp_path / "text.txt"), "--lm", str(tmp_path / "no.lm")]
    )
    assert wrong.exit_code == 1 and "no such language model" in wrong.output


def test_shipped_model_is_small_records_its_sources_and_foresees_new_text() -> None:
    model = LanguageModel.load("en", Charset())
    assert SHIPPED.stat().st_size < 5 * 2**20
    sources = model.about["sources"]
    assert len(sources) == 11 and all(len(source["sha256"]) == 64 for source in sources)
    assert model.about["kept_apart"] == ["jls", "inkbench"]
    assert model.about["embedded_passages"]["split"] == "train"
    unseen = [p.text for p in PASSAGES if p.split == "validation"]
    assert model.bits(unseen) < 2.5


def test_shipped_model_never_saw_the_held_out_passages() -> None:
    """What it was trained on it foresees far better than what was kept apart, which is of the same kind."""
    model, charset = LanguageModel.load("en"), Charset()
    said = {
        split: [charset.fold(p.text) for p in PASSAGES if p.split == split]
        for split in ("train", "validation", "test")
    }
    bits = {split: model.bits(texts) for split, texts in said.items()}
    assert min(bits["validation"], bits["test"]) > 1.25 * bits["train"]


def test_states_are_shared_by_contexts_that_predict_alike() -> None:
    model = ngrams.train(["abc abd"], " abcd", 3)
    ids = Charset(" abcd").encode
    ends = []
    for text in ("cab", "dab", "ab"):
        state = model.start(1)
        for i in ids(text):
            state = model.advance(state, [i])
        ends.append(int(state[0]))
    assert len(set(ends)) == 1 and all(a <= b for a, b in itertools.pairwise(ends))


def test_lines_that_are_kept_apart_are_left_out(tmp_path: Path) -> None:
    import cv2

    folder = tmp_path / "letters"
    folder.mkdir()
    cv2.imwrite(str(folder / "one.png"), np.full((40, 300), 255, np.uint8))
    secret = "the grey heron waded past our neighbour's boat"
    (folder / "transcriptions.tsv").write_text(f"one.png\t{secret}\n", encoding="utf-8")
    text = tmp_path / "text.txt"
    text.write_text(
        f"A free text that anyone may use.\nHe wrote: {secret.upper()}, twice.\n", encoding="utf-8"
    )
    words = ["lm", "train", "--text", str(text), "--apart", str(folder), "--order", "4"]
    run = CliRunner().invoke(main, [*words, "--to", str(tmp_path / "m.lm")])
    assert run.exit_code == 0, run.output
    model = LanguageModel.load(tmp_path / "m.lm")
    assert (model.about["paragraphs"], model.about["paragraphs_left_out"]) == (1, 1)
    assert model.about["kept_apart"] == ["letters"] and "heron" not in model.words
