"""Answers to the exercises of chapter 7, right and wrong: `test_exercises.py` tries them."""

from __future__ import annotations

from typing import Any

import numpy as np


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
    "07.1": 100,
    "07.2": _clip,
    "07.3": CULPRITS,
    "07.4": _letters_come,
    "07.5": _augmented,
}
WRONG: list[tuple[Any, ...]] = [
    ("07.1", 1),
    ("07.1", 0),
    ("07.2", _each),
    ("07.2", lambda gradients, longest: gradients),
    ("07.2", _in_place, "new ones"),
    ("07.3", {**CULPRITS, "60 steps done": "rate too low"}),
    ("07.3", {}),
    ("07.4", lambda rates, limit=0.9: next(i for i, rate in enumerate(rates) if rate < limit)),
    ("07.4", lambda rates, limit=0.9: _letters_come(rates)),
    ("07.4", _never_asked, "never came"),
    (
        "07.4",
        lambda rates, limit=0.9: next(
            (n for n, rate in enumerate(rates) if n and rate < limit), -1
        ),
    ),
    ("07.5", lambda draw, lines: not np.array_equal(draw(0, 0), draw(1, 0))),
    ("07.5", lambda draw, lines: not np.array_equal(draw(0, 0), draw(0, 1))),
    ("07.5", lambda draw, lines: any(draw(n, 0) is not draw(n, 1) for n in range(lines))),
]
