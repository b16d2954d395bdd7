"""Answers to the exercises of the chapter "Training", right and wrong: `test_exercises.py` tries them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from htr_utils.course import first_network
from htr_utils.lines.images import Preparation
from htr_utils.network import ctc, models
from htr_utils.text.charset import Charset
from tests.helpers.chapters import stored_output


def _clip(gradients: list[np.ndarray], longest: float) -> list[np.ndarray]:
    norm = np.sqrt(sum(float((g**2).sum()) for g in gradients))
    return [g * min(1.0, longest / max(norm, 1e-12)) for g in gradients]


def _each(gradients: list[np.ndarray], longest: float) -> list[np.ndarray]:
    return [g * min(1.0, longest / max(float(np.linalg.norm(g)), 1e-12)) for g in gradients]


def _in_place(gradients: list[np.ndarray], longest: float) -> list[np.ndarray]:
    factor = min(1.0, longest / max(np.sqrt(sum(float((g**2).sum()) for g in gradients)), 1e-12))
    for gradient in gradients:
        gradient *= factor
    return gradients


def _always(gradients: list[np.ndarray], longest: float) -> list[np.ndarray]:
    """Wrong: short gradients are lengthened."""
    norm = np.sqrt(sum(float((g**2).sum()) for g in gradients))
    return [g * longest / max(norm, 1e-12) for g in gradients]


def _letters_come(rates: list[float], limit: float = 0.9) -> int:
    top = int(np.argmax(rates))
    if rates[top] < limit:
        return -1
    return next((step for step in range(top + 1, len(rates)) if rates[step] < limit), -1)


def _never_asked(rates: list[float], limit: float = 0.9) -> int:
    """Wrong: the highest rate counts as the blank stage, however low it is."""
    top = int(np.argmax(rates))
    return next((step for step in range(top + 1, len(rates)) if rates[step] < limit), -1)


CULPRITS = {
    "the loss is inf from the first epoch on": "label does not fit",
    "60 steps done": "not finished",
    "after 2,000 steps": "rate too low",
    "ten times its start": "rate too high",
}


def _augmented(draw: Any, lines: int) -> bool:
    return any(not np.array_equal(draw(index, 0), draw(index, 1)) for index in range(lines))


RIGHT: dict[str, Any] = {
    "08.1": 100,
    "08.2": _clip,
    "08.3": CULPRITS,
    "08.4": _letters_come,
    "08.5": _augmented,
}
WRONG: list[tuple[Any, ...]] = [
    ("08.1", 1),
    ("08.1", 0),
    ("08.1", 150),
    ("08.1", "all"),
    ("08.2", _each),
    ("08.2", lambda gradients, longest: gradients),
    ("08.2", _in_place, "new ones"),
    ("08.2", _always, "short enough"),
    ("08.3", {**CULPRITS, "60 steps done": "rate too low"}),
    ("08.3", {}),
    ("08.3", {**CULPRITS, "after 2,000 steps": "not finished"}),
    ("08.3", {**CULPRITS, "ten times its start": "label does not fit"}),
    ("08.4", lambda rates, limit=0.9: next(i for i, rate in enumerate(rates) if rate < limit)),
    ("08.4", lambda rates, limit=0.9: _letters_come(rates)),
    ("08.4", _never_asked, "never came"),
    ("08.4", lambda rates, limit=0.9: _letters_come(rates, np.nextafter(limit, 2)), "not below"),
    (
        "08.4",
        lambda rates, limit=0.9: next(
            (n for n, rate in enumerate(rates) if n and rate < limit), -1
        ),
    ),
    ("08.5", lambda draw, lines: not np.array_equal(draw(0, 0), draw(1, 0))),
    ("08.5", lambda draw, lines: not np.array_equal(draw(0, 0), draw(0, 1))),
    ("08.5", lambda draw, lines: any(draw(n, 0).sum() != draw(n, 1).sum() for n in range(lines))),
    ("08.5", lambda draw, lines: any(draw(n, 0) is not draw(n, 1) for n in range(lines))),
]


# ---- what the chapter says, computed


def test_clipping_and_scale_change_no_step_of_adam() -> None:
    """Gradients times 1,000 move the weights alike, so clipping every gradient by one factor does nothing."""
    keras = pytest.importorskip("keras")
    gradients = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    ends = []
    for scale in (1.0, 1000.0):
        weights = keras.Variable(np.ones(5, np.float32))
        optimiser = keras.optimizers.AdamW(0.1)
        optimiser.build([weights])
        for gradient in gradients:
            optimiser.apply([keras.ops.convert_to_tensor(scale * gradient)], [weights])
        ends.append(keras.ops.convert_to_numpy(weights).copy())
    assert np.abs(ends[0] - 1).max() > 0.1
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-3)


def test_clipping_the_long_gradients_alone_does_change_the_steps() -> None:
    """The chapter said "the step is the same", which holds where all gradients are shortened alike."""
    gradients = np.random.default_rng(0).normal(size=(20, 5)) * np.logspace(1, -1, 20)[:, None]
    longest = np.median(np.linalg.norm(gradients, axis=1))

    def steps(some: np.ndarray) -> np.ndarray:
        m, v, made = np.zeros(5), np.zeros(5), []
        for number, g in enumerate(some, 1):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            made.append(m / (1 - 0.9**number) / np.sqrt(v / (1 - 0.999**number)))
        return np.array(made)

    short = np.stack([_clip([g], longest)[0] for g in gradients])
    np.testing.assert_allclose(steps(gradients), steps(gradients / 10))
    assert np.abs(steps(gradients) - steps(short)).max() > 0.1


@pytest.mark.parametrize(("frames", "wins"), [(54, "space"), (90, "blank")])
def test_the_best_blind_answer_depends_on_the_frames_per_letter(frames: int, wins: str) -> None:
    """One distribution for all frames, the best for a text of 49 characters: which class is the likeliest?"""
    text = "the old man saw a red fox run over the hill at te"
    charset = Charset(" abcdefghijklmnopqrstuvwxyz")
    label, logits = charset.encode(text), np.zeros(charset.classes)
    assert len(text) == 49
    for _ in range(200):
        log_probs = np.tile(logits - np.logaddexp.reduce(logits), (frames, 1))
        logits -= 0.02 * ctc.gradient(log_probs, label).sum(axis=0)
    assert int(logits.argmax()) == {"space": int(charset.encode(" ")[0]), "blank": ctc.BLANK}[wins]


@pytest.fixture(scope="module")
def printed() -> str:
    """What the cells of the stored chapter printed; the claims below are those of its prose."""
    return stored_output("08")


def test_texts_of_other_lines_are_learnt_by_heart_as_well(printed: str) -> None:
    counts = re.findall(r"(their own texts|texts of other lines) .* (\d+) of 10 by heart", printed)
    assert len(counts) == 2 and all(int(count) >= 8 for _, count in counts)


def test_the_miniature_goes_from_noise_to_reading(printed: str) -> None:
    rows = re.findall(r"^ *(\d+) +[\d.]+ +(\d+)% +(\d+)%", printed, re.MULTILINE)
    raw = [int(row[1]) for row in rows]
    assert len(raw) == 10 and raw[0] > 90 and raw[-1] < 25


def test_the_planted_labels_stand_out(printed: str) -> None:
    (places,) = re.findall(r"places of the five among 1500: \[(.*)\]", printed)
    assert max(map(int, places.split(", "))) <= 20


def test_warm_up_takes_the_peak_away_and_clipping_does_not(printed: str) -> None:
    rows = re.findall(
        r"^((?:no )?warm-up), .*: highest (\d+), (\d+), (\d+); .*: (\d+)$", printed, re.MULTILINE
    )
    assert [name for name, *_ in rows] == ["warm-up"] * 2 + ["no warm-up"] * 2
    peaks = [[int(peak) for peak in row[1:4]] for row in rows]
    for one in range(3):  # three first weights
        assert 1.3 * max(peaks[0][one], peaks[1][one]) < min(peaks[2][one], peaks[3][one])
    assert all(row[4] == "0" for row in rows)  # none reads a line right


def test_glued_words_and_their_losses() -> None:
    source = first_network.words("validation", 6)
    ink, text = first_network.glue(source, [0, 2])
    assert text == f"{source.texts[0]} {source.texts[2]}"
    assert ink.dtype == np.uint8 and ink.shape[0] == first_network.HEIGHT
    assert not ink[:, :6].any() and ink[:, 6].any() and not ink[:, -6:].any()
    preset = replace(
        models.preset("wide"),
        preparation=Preparation(32),
        blocks=tuple(
            replace(block, channels=block.channels // 16) for block in models.preset("wide").blocks
        ),
        lstm=4,
    )
    network = models.build(preset, first_network.LETTERS.classes)
    lines = [first_network.glue(source, [number]) for number in range(6)]
    together = first_network.losses(network, preset, first_network.LETTERS, lines)
    alone = [
        first_network.losses(network, preset, first_network.LETTERS, [line])[0] for line in lines
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-3)
