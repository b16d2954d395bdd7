"""Answers to the exercises of chapter 1, right and wrong: `test_exercises.py` tries them."""

from __future__ import annotations

from typing import Any

import numpy as np

from htr_utils.lines.iam import Line


def writers_of(rows: list[str]) -> dict[str, str]:
    columns = [row.split() for row in rows if not row.startswith("#")]
    return {one[0]: one[1] for one in columns if one}


def split_by_writer(lines: list[Line], share: float, seed: int) -> tuple[list[Line], list[Line]]:
    writers = sorted({one.writer_id for one in lines})
    chosen = set(np.random.default_rng(seed).permutation(writers)[: round(share * len(writers))])
    train = [one for one in lines if one.writer_id not in chosen]
    return train, [one for one in lines if one.writer_id in chosen]


def split_lines(lines: list[Line], share: float, seed: int) -> tuple[list[Line], list[Line]]:
    order = np.random.default_rng(seed).permutation(len(lines))
    cut = round(share * len(lines))
    return [lines[i] for i in order[cut:]], [lines[i] for i in order[:cut]]


def split_without_seed(lines: list[Line], share: float, seed: int) -> tuple[list[Line], list[Line]]:
    return split_by_writer(lines, share, 0)


def per_character(lines: list[Line], height: int) -> float:
    return float(np.median([one.box[2] * height / one.box[3] / len(one.text) for one in lines]))


def harmed(rows: list[str]) -> list[str]:
    return [row.split()[0] for row in rows if len(row.split()) > 9]


def on_both_sides(writers: list[str], share: float) -> int:
    cut = int(share * len(writers))
    return len(set(writers[:cut]) & set(writers[cut:]))


RIGHT: dict[str, Any] = {
    "01.1": 100,
    "01.2": writers_of,
    "01.3": split_by_writer,
    "01.4": per_character,
    "01.5": harmed,
    "01.6": on_both_sides,
}
WRONG = [
    ("01.1", 10, "dozens"),
    ("01.1", 1000, "between 0 and 100"),
    ("01.2", lambda rows: {row.split(" ")[0]: row.split(" ")[1] for row in rows}, "comments"),
    (
        "01.2",
        lambda rows: {row.split()[0]: row.split()[1] for row in rows if row[0] != "#"},
        "raises",
    ),
    ("01.2", lambda rows: {row.split()[0]: int(row.split()[1]) for row in rows}, "text"),
    ("01.3", split_lines, "both parts"),
    ("01.3", split_without_seed, "seed"),
    ("01.3", lambda lines, share, seed: (lines[:10], lines[75:]), "each line"),
    (
        "01.4",
        lambda lines, height: np.median([one.box[2] / len(one.text) for one in lines]),
        "scaled",
    ),
    ("01.4", lambda ls, h: np.mean([a.box[2] * h / a.box[3] / len(a.text) for a in ls]), "median"),
    ("01.5", lambda rows: [row for row in rows if len(row.split()) > 9], "ids"),
    ("01.5", lambda rows: [row.split()[0] for row in rows if "|" in row], "column nine"),
    (
        "01.5",
        lambda rows: [row.split(" ")[0] for row in rows if len(row.split(" ")) > 9],
        "end of a row",
    ),
    (
        "01.6",
        lambda writers, share: len([w for w in writers[3:] if w in writers[:3]]) + 1,
        "nobody",
    ),
    (
        "01.6",
        lambda ws, share: len(
            set(ws[: round(share * len(ws)) + 1]) & set(ws[round(share * len(ws)) :])
        ),
        "nobody",
    ),
    (
        "01.6",
        lambda ws, share: sum(w in ws[int(share * len(ws)) :] for w in ws[: int(share * len(ws))]),
        "not their",
    ),
]
