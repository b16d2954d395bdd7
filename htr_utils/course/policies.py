"""Measurements of "Spell correction": hard lines, letters with what came true of them, policies of correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from htr_utils.course import calibration
from htr_utils.course.hard_lines import damaged
from htr_utils.lines import images
from htr_utils.lines.iam import Line
from htr_utils.text import corrections, decoding, gate, spelling

if TYPE_CHECKING:
    from htr_utils.readings import Reading
    from htr_utils.recognizer import Recognizer


def hard(lines: Sequence[Line]) -> list[np.ndarray]:
    """The pictures of lines bent and soiled, uint8 (H, W): on clean rendered lines nearly every letter is right."""
    return [damaged(images.load(line.path), number) for number, line in enumerate(lines)]


def letters(recognizer: Recognizer, lines: Sequence[Line]) -> tuple[np.ndarray, np.ndarray]:
    """Hard lines read greedily: the confidence of each letter as the network gives it, and whether it is right."""
    tables = recognizer.log_probs(hard(lines))
    readings = [decoding.greedy(table[None], [len(table)])[0] for table in tables]
    texts = [recognizer.charset.decode(reading.ids) for reading in readings]
    truths = [recognizer.charset.fold(line.text) for line in lines]
    return calibration.letters(texts, [reading.confidences for reading in readings], truths)


def compare(
    recognizer: Recognizer, readings: Sequence[Reading], truths: Sequence[str]
) -> dict[str, corrections.Report]:
    """autocorrect in its fast mode, SymSpell and the gate on the same readings."""
    texts = [reading.text for reading in readings]
    fast, near = spelling.Speller("fast"), spelling.SymSpell(recognizer.tuned.words)
    ways = {
        "autocorrect fast": lambda n: fast.correct(texts[n]),
        "SymSpell": lambda n: near.correct(texts[n]),
        "package's gate": lambda n: recognizer.correct(readings[n]),
    }
    for way in ways.values():
        way(0)  # dictionaries and indexes are loaded once, and not at the first line
    return {name: corrections.report(name, way, texts, truths) for name, way in ways.items()}


def margins(
    recognizer: Recognizer,
    readings: Sequence[Reading],
    truths: Sequence[str],
    values: Sequence[float],
) -> list[corrections.Report]:
    """The gate with other margins, everything else as it was tuned."""
    texts, tuned = [reading.text for reading in readings], recognizer.tuned.gate
    reports = []
    for value in values:
        tuned_so = gate.Gate(tuned.lm, {}, replace(tuned.settings, margin=value))
        tuned_so.index = tuned.index

        def correct(n: int, one: gate.Gate = tuned_so) -> spelling.Correction:
            return one.correct(texts[n], [c.confidence for c in readings[n].characters])

        reports.append(corrections.report(f"margin {value:g}", correct, texts, truths))
    return reports
