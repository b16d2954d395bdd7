"""Confidences that keep their promise: the fit finds what was hidden, the error is the one of the definition."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.course import calibration, hard_lines
from htr_utils.errors import HtrError
from htr_utils.text import corrections, language, ngrams, tuned
from htr_utils.text.charset import Charset
from htr_utils.text.settings import Scale, Scales
from workshop.measure import decoders, tune


@settings(max_examples=20, deadline=None)
@given(st.floats(0.7, 3), st.floats(-1, 1), st.integers(0, 1000))
def test_the_fit_finds_a_hidden_scale(temperature: float, shift: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    said = 1 / (1 + np.exp(-random.normal(1, 2, 20_000)))
    hidden = Scale(temperature, shift)
    right = random.random(said.size) < np.array([hidden(p) for p in said])
    found = calibration.fit(said, right)
    assert found.temperature == pytest.approx(temperature, rel=0.15)
    assert found.shift == pytest.approx(shift, abs=0.15)
    mended = np.array([found(p) for p in said])
    assert calibration.error(mended, right) < 0.02


def test_the_fit_lowers_the_error_of_a_boaster() -> None:
    random = np.random.default_rng(0)
    truth = random.beta(3, 1, 5000)
    right = random.random(5000) < truth
    boast = 1 / (1 + ((1 - truth) / truth) ** 3)
    found = calibration.fit(boast, right)
    assert found.temperature > 2
    mended = [found(p) for p in boast]
    assert calibration.error(mended, right) < calibration.error(boast, right) / 3


def test_the_error_by_hand() -> None:
    assert calibration.error([0.95, 0.95, 0.95, 0.15], [True, True, False, True]) == pytest.approx(
        0.75 * abs(0.95 - 2 / 3) + 0.25 * 0.85
    )
    bins = calibration.reliability([0.95, 1.0, 0.0], [True, True, False])
    assert [(b.right, b.count) for b in bins] == [(0.0, 1), (1.0, 2)]
    assert calibration.error([], []) == 0


def test_extreme_answers_do_not_break_the_fit() -> None:
    for said, right in (
        ([1.0] * 9, [True] * 9),
        ([0.0, 1.0], [True, False]),
        ([1.0] * 5, [False] * 5),
    ):
        scale = calibration.fit(said, right)
        assert all(0 <= scale(p) <= 1 for p in (0.0, 0.5, 1.0)) and scale.temperature > 0


@given(st.floats(0.5, 4), st.floats(-2, 2))
def test_scales_keep_the_order(temperature: float, shift: float) -> None:
    scale = Scale(temperature, shift)
    values = [scale(p) for p in np.linspace(0, 1, 50)]
    assert values == sorted(values) and values[0] >= 0 and values[-1] <= 1
    assert Scale()(0.123) == 0.123, "a model without scales is left alone"


def test_right_letters_and_words() -> None:
    assert corrections.matched("hxt", "hat") == [True, False, True]
    assert corrections.matched("hatt", "hat").count(True) == 3
    sure, right = calibration.words(["the cat the"], [[0.9] * 11], ["the hat the"], Scales())
    assert right.tolist() == [True, False, True]
    assert sure == pytest.approx([0.9**3] * 3)


def test_calibrated_settings_survive_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ngrams.train(["the letter that the writer wrote"], Charset().characters, 3).save(
        tmp_path / "m.lm"
    )
    kept = {"greedy": Scales(Scale(1.5, -0.5), Scale(2.0, 0.25))}
    made = tuned.Tuned(language.LanguageModel.load(tmp_path / "m.lm"), confidence=kept)
    file = tmp_path / tuned.FILE
    file.write_text(json.dumps(made.to_json() | {"model": "abc"}), encoding="utf-8")
    assert tuned.Tuned.load(Charset(), tmp_path / "m.lm").confidence == kept
    assert tuned.scales("abc", tmp_path / "m.lm") == kept
    assert tuned.scales("another model", tmp_path / "m.lm") == {}
    file.write_text(
        json.dumps({"model": "abc", "confidence": {"greedy": {"letter": 3}}}), encoding="utf-8"
    )
    with pytest.raises(HtrError, match="run the tuning again"):
        tuned.scales("abc", tmp_path / "m.lm")


def test_tuning_fits_every_decoder() -> None:
    lm = ngrams.train(["ab ab ba b aab ab bab", "a bb ab"], " ab", order=3)
    random = np.random.default_rng(0)
    logits = random.normal(size=(6, 12, 4)) * 2
    values = logits - np.logaddexp.reduce(logits, axis=2, keepdims=True)
    lines = hard_lines.padded(
        list(values.astype(np.float32)), ["ab ab", "ba", "a", "b a", "ab", "bb a"]
    )
    start = tuned.Tuned(lm, listed={"ab": 3, "ba": 1})
    found = tune.calibrated([lines], start, say=lambda _: None)
    assert set(found.confidence) == {"greedy", "lm", "lexicon"}
    charset = Charset(" ab")
    for decoder, scales in found.confidence.items():
        told = decoders.promises(
            decoders.read(lines, start, decoder), lines.truths, charset, scales
        )
        assert (
            told["letter"]["ece"] <= told["letter"]["ece_raw"] + 12
        )  # few letters: no more than not absurd


def test_a_reading_carries_letters_and_words_with_scaled_confidence() -> None:
    from htr_utils import Recognizer, formats, pages, results
    from htr_utils.lines import iam, images
    from tests.helpers.chapters import ROOT

    recognizer = Recognizer.load()
    line = iam.read(ROOT / "data").split("test")[0]
    stored = json.loads((ROOT / "model" / tuned.FILE).read_text(encoding="utf-8"))
    for decoder in ("greedy", "lm"):
        reading = recognizer.read(line.path, decoder=decoder)  # type: ignore[call-overload]
        assert [word.text for word in reading.words] == reading.text.split()
        assert all(
            reading.text[w.start : w.end] == w.text and 0 <= w.confidence <= 1
            for w in reading.words
        )
        recognizer.__dict__["scales"] = {}
        plain = recognizer.read(line.path, decoder=decoder)  # type: ignore[call-overload]
        del recognizer.__dict__["scales"]
        scales = recognizer.scales.get(decoder, Scales())
        if recognizer.scales:
            assert (
                stored["confidence"][decoder]["letter"]["temperature"] == scales.letter.temperature
            )
        for scaled, raw in zip(reading.characters, plain.characters, strict=True):
            assert scaled.confidence == pytest.approx(scales.letter(raw.confidence))
    grey = images.load(line.path)
    found = pages.whole(grey)
    page = results.of_page("line.png", grey.shape, found.lines, [reading])
    [told] = json.loads(formats.render([page], "json")[0])["pages"][0]["lines"]
    assert [word["confidence"] for word in told["words"]] == [
        round(w.confidence, 4) for w in reading.words
    ]
    assert "".join(one["text"] for one in told["characters"]) == reading.text
    assert [one["x"] for one in told["characters"]] == sorted(
        one["x"] for one in told["characters"]
    )
    assert all(0 <= one["x"] < grey.shape[1] for one in told["characters"])


def test_a_model_without_scales_says_what_its_network_says() -> None:
    assert tuned.scales("the hash of no model") == {}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--report", "jls"], "--report jls: give NAME=FOLDER"),
        (["--report", "jls="], "--report jls=: give NAME=FOLDER"),
        (["--hands", "copiste"], "--hands and --ids go together"),
    ],
)
def test_the_tuning_refuses_a_set_without_its_folder(arguments, told):
    """`--report FOLDER` once measured the embedded test split and called it by the folder's name."""
    done = CliRunner().invoke(tune.main, arguments)
    assert done.exit_code == 2 and told in done.output
