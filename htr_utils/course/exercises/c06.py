"""Checks of the chapter "BLSTM"."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from htr_utils.course.exercises import exercise, on_drawn_cases


@exercise("06.1")
def guess(answer: str) -> str | None:
    """Whose outputs change in the left half when the right half is covered."""
    chosen = str(answer).strip().lower()
    hints = {
        "backward": None,
        "forward": "at a frame in the left half, which of the two directions has met the cover already?",
        "both": "the forward direction has not met the right half yet; run on, see the curves, and answer again",
        "neither": "one of the two comes from the covered side",
    }
    return hints.get(chosen, 'answer with "forward", "backward" or "both"')


@exercise("06.2")
def blstm_parameters(answer: Callable[[int, int], int]) -> str | None:
    """Numbers stored by one bidirectional layer."""
    wanted = 2 * 4 * 128 * (160 + 128 + 1)
    count = answer(160, 128)
    if count == wanted // 2:
        return "that is one direction"
    if count == wanted - 2 * 4 * 128:
        return "each of the four blocks also has a bias per unit"
    if count == wanted - 2 * 4 * 128 * 128:
        return "each block reads the hidden state as well: units numbers"
    if count == wanted // 4:
        return "three gates and a candidate: how many blocks of weights are that?"
    if count != wanted or answer(7, 3) != 2 * 4 * 3 * 11:
        return "two directions, four blocks each, fed by the inputs, the hidden state (units) and a bias"
    return None


@exercise("06.3")
def turn_round(answer: Callable[[np.ndarray, int], np.ndarray]) -> str | None:
    """The first `length` frames reversed, the padding where it was."""
    sequence = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0], [0.0, 0.0], [0.0, 0.0]])
    given = sequence.copy()
    turned = np.asarray(answer(given, 3))
    if not np.array_equal(given, sequence):
        return "the array that was given has changed; work on a copy"
    if turned.shape != sequence.shape:
        return f"the shape should stay {sequence.shape}; it is {turned.shape}"
    if np.array_equal(turned, sequence[::-1]):
        return "now the padding comes first; only the first `length` frames are to be turned"
    if np.array_equal(turned[:, 0], sequence[:, 1]) or not np.array_equal(
        np.sort(turned, 0), np.sort(sequence, 0)
    ):
        return "frames are rows: turn their order, keep each row as it is"
    if not np.array_equal(turned, [*sequence[2::-1], *sequence[3:]]):
        return "frame 1 of 3 should become frame 3, frame 3 frame 1; the padding stays at the end"
    if not np.array_equal(answer(sequence, 5), sequence[::-1]):
        return "a line without padding is turned as a whole"
    return None


@exercise("06.4")
def reach(answer: Callable[[np.ndarray, float], int]) -> str | None:
    """Frames from the end back to the earliest changed one."""
    if answer(np.array([0.0, 0.0, 0.0, 0.5]), 0.1) != 1:
        return "if only the last frame is changed, the reach is 1"
    if answer(np.array([0.0, 0.5, 0.05, 0.5]), 0.1) != 3:
        return (
            "the earliest changed frame counts, even if a later one in between is below the limit"
        )
    if answer(np.array([0.0, 0.5, 0.2, 0.7]), 0.5) != 1:
        return "a change of the limit itself is not above it"
    if answer(np.zeros(4), 0.1) != 0:
        return "if no frame is changed, the reach is 0"
    return on_drawn_cases(
        answer,
        lambda c, limit: len(c) - int(np.flatnonzero(c > limit)[0]),
        lambda rng: (np.append(rng.random(8), 1.0), 0.5),
    )


@exercise("06.5")
def which_blstm(answer: Callable[[int, int, int], str]) -> str | None:
    """Which of the two wirings of two layers has so many weights."""
    rng = np.random.default_rng(505)
    for _ in range(3):
        inputs, units = (int(n) for n in rng.integers(3, 90, 2))
        below = units * 8 * (inputs + units + 1)
        joined, stacked = below + 8 * units * (2 * units + 1), below + 8 * units * (3 * units + 1)
        said = [answer(inputs, units, count) for count in (joined, stacked, joined + 1)]
        if said == ["joined", "stacked", "neither"]:
            continue
        if not set(said) <= {"joined", "stacked", "neither"}:
            return 'answer with "joined", "stacked" or "neither"'
        if said[:2] == ["stacked", "joined"]:
            return "the other way round: joined LSTMs get one direction from below, which takes fewer weights"
        if said[:2] == ["joined", "stacked"]:
            return "a count that is off by one fits neither of the two"
        return "layer 1 reads the inputs; layer 2 reads `units` numbers (joined) or twice as many (stacked)"
    return None
