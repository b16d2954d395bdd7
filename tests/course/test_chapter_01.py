"""Answers to the exercises of the chapter "Loading IAM", right and wrong: `test_exercises.py` tries them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from htr_utils.lines import iam, spacing
from htr_utils.lines.iam import Line
from htr_utils.text import metrics


def writers_of(rows: list[str]) -> dict[str, str]:
    columns = [row.split() for row in rows if not row.startswith("#")]
    return {one[0]: one[1] for one in columns if one}


def split_by_writer(lines: list[Line], share: float, seed: int) -> tuple[list[Line], list[Line]]:
    writers = sorted({one.writer_id for one in lines})
    count = max(1, round(share * len(writers)))
    chosen = set(np.random.default_rng(seed).permutation(writers)[:count])
    train = [one for one in lines if one.writer_id not in chosen]
    return train, [one for one in lines if one.writer_id in chosen]


def split_lines(lines: list[Line], share: float, seed: int) -> tuple[list[Line], list[Line]]:
    order = np.random.default_rng(seed).permutation(len(lines))
    cut = round(share * len(lines))
    return [lines[i] for i in order[cut:]], [lines[i] for i in order[:cut]]


def a_coin_for_each_writer(
    lines: list[Line], share: float, seed: int
) -> tuple[list[Line], list[Line]]:
    writers = sorted({one.writer_id for one in lines})
    coins = np.random.default_rng(seed).random(len(writers)) < share
    chosen = {writer for writer, coin in zip(writers, coins, strict=True) if coin}
    train = [one for one in lines if one.writer_id not in chosen]
    return train, [one for one in lines if one.writer_id in chosen]


def split_without_seed(lines: list[Line], share: float, seed: int) -> tuple[list[Line], list[Line]]:
    return split_by_writer(lines, share, 0)


def per_character(lines: list[Line], height: int) -> float:
    return float(np.median([one.box[2] * height / one.box[3] / len(one.text) for one in lines]))


def harmed(rows: list[str]) -> list[str]:
    return [row.split()[0] for row in rows if len(row.split()) > 9]


def on_both_sides(writers: list[str], share: float) -> int:
    cut = int(share * len(writers))
    return len(set(writers[:cut]) & set(writers[cut:]))


def components(line: Line, root: Path) -> dict[str, list[tuple[int, ...]]]:
    """Per word of a line the boxes of its pieces of ink, as the XML of its form gives them."""
    tree = ElementTree.parse(root / "xml" / f"{line.form_id}.xml")
    element = tree.find(f".//line[@id='{line.id}']")
    assert element is not None
    return {
        str(word.get("text")): [
            tuple(int(piece.get(key, "")) for key in ("x", "y", "width", "height"))
            for piece in word.iter("cmp")
        ]
        for word in element.iter("word")
    }


def test_the_dot_of_an_i_is_a_piece_of_its_own_in_some_words_only() -> None:
    """The chapter said: in all. A dot is small, and ends above the middle of its word."""
    folder = iam.read()
    words = components(list(folder.lines.values())[3], folder.root)

    def dotted(boxes: list[tuple[int, ...]]) -> bool:
        high = max(h for *_, h in boxes)
        middle = (min(y for _, y, *_ in boxes) + max(y + h for _, y, _, h in boxes)) / 2
        return any(h < high / 3 and y + h < middle for _, y, _, h in boxes)

    with_i = {word: dotted(boxes) for word, boxes in words.items() if "i" in word}
    assert with_i == {"miss": True, "pigeons": False, "said": True, "certainly": False}


def test_the_mark_err_says_nothing_about_the_text() -> None:
    """Marked or not, the text of a line is that of its words in the XML."""
    folder = iam.read(spacing="raw")
    lines = [line for line in folder.lines.values() if line.status == "err"][:25]
    assert len(lines) == 25
    for line in lines:
        tree = ElementTree.parse(folder.root / "xml" / f"{line.form_id}.xml")
        element = tree.find(f".//line[@id='{line.id}']")
        assert element is not None
        words = " ".join(str(word.get("text")) for word in element.iter("word"))
        assert words.split() == line.text.split()


def test_the_rule_of_spaces_errs_where_the_chapter_says() -> None:
    assert spacing.natural_lines(["the boys ' hats"]) == ["the boys 'hats"]


def test_mixing_conventions_costs_points_and_random_lines_leak_writers() -> None:
    """The two places of the riddle that the chapter measures."""
    folder, raw = iam.read(), iam.read(spacing="raw")
    test = folder.split("test")
    mixed = metrics.cer([raw.lines[one.id].text for one in test], [one.text for one in test])
    assert 0.03 < mixed.value < 0.07
    every = list(folder.lines.values())
    train, shuffled = split_lines(every, 0.1, 0)
    assert {one.writer_id for one in shuffled} <= {one.writer_id for one in train}


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
    ("01.1", "10", "dozens"),
    (
        "01.2",
        lambda rows: {
            row.split()[0]: row.split()[1] for row in rows if row.strip() and "#" not in row
        },
        "further on",
    ),
    (
        "01.6",
        lambda ws, share: sum(w in ws[: int(share * len(ws))] for w in ws[int(share * len(ws)) :]),
        "not their",
    ),
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
    ("01.3", a_coin_for_each_writer, "leave none"),
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
