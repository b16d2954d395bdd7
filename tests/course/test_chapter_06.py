"""Chapter 6: its checks take right answers, name wrong ones, and the drawn best path is the best."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np


def _log_sum(values: list[float]) -> float:
    return float(np.logaddexp.reduce(values))


RIGHT: dict[str, Any] = {
    "06.1": 5,
    "06.2": lambda label: len(label) + sum(a == b for a, b in itertools.pairwise(label)),
    "06.3": _log_sum,
    "06.4": lambda widths, needed, step: int((np.ceil(widths / step) < needed).sum()),
    "06.5": lambda table: table[:, ::2].sum(axis=1),
}
WRONG: list[tuple[str, Any]] = [
    ("06.1", 15),
    ("06.1", 3),
    ("06.2", len),
    ("06.2", lambda label: len(label) + len(set(label))),
    ("06.3", lambda values: math.log(sum(math.exp(value) for value in values))),
    ("06.3", max),
    ("06.4", lambda widths, needed, step: int((widths // step < needed).sum())),
    ("06.4", lambda widths, needed, step: len(widths)),
    ("06.5", lambda table: table[:, 0]),
    ("06.5", lambda table: table[:, 1::2].sum(axis=1)),
    ("06.5", lambda table: table[:, ::2].sum()),
]
