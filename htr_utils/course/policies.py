"""Measurements of "Spell correction": hard lines, letters with what came true of them, policies of correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from htr_utils.course import hard_lines
from htr_utils.errors import HtrError
from htr_utils.lines.iam import Line
from htr_utils.network import ctc
from htr_utils.text import corrections, decoding, gate, spelling, symspell

if TYPE_CHECKING:
    from htr_utils.readings import Reading
    from htr_utils.recognizer import Recognizer


@dataclass(frozen=True)
class Read:
    """Lines as the network answers them: tables (T, C) each, greedy readings, truths."""

    tables: list[np.ndarray]
    readings: list[Reading]
    truths: list[str]

    @property
    def texts(self) -> list[str]:
        return [reading.text for reading in self.readings]


@dataclass(frozen=True)
class Weighed:
    """A word at `start` of a reading that the list lacks, and listed words near it; arrays (options,) in nats.

    ink: log P(line with the option | picture) - log P(line as read | picture), over all paths. language: the same
    difference by the language model, times the gate's weight. guess: the gate's cheap estimate of `ink`.
    """

    start: int
    word: str
    options: list[str]
    ink: np.ndarray
    language: np.ndarray
    guess: np.ndarray

    @property
    def best(self) -> int:
        return int(np.argmax(self.ink + self.language))

    @property
    def gain(self) -> float:
        return float((self.ink + self.language).max())


def hard(recognizer: Recognizer, lines: Sequence[Line]) -> Read:
    """Lines bent and soiled, read greedily: on clean rendered lines nearly every letter is right."""
    pictures = hard_lines.pictures(lines)
    tables = recognizer.log_probs(pictures)
    readings = recognizer.read(pictures, decoder="greedy")
    return Read(tables, readings, [line.text for line in lines])


def letters(recognizer: Recognizer, read: Read) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The frame of every letter read (n, C), whether the letter is right (n,), and its line (n,)."""
    found = [decoding.greedy(table[None], [len(table)])[0] for table in read.tables]
    frames = [table[list(one.frames)] for table, one in zip(read.tables, found, strict=True)]
    right = [
        corrections.matched(recognizer.charset.decode(one.ids), recognizer.charset.fold(t))
        for one, t in zip(found, read.truths, strict=True)
    ]
    line = np.repeat(np.arange(len(found)), [len(one.ids) for one in found])
    return np.concatenate(frames), np.concatenate(right).astype(bool), line


def weigh(recognizer: Recognizer, reading: Reading, table: np.ndarray) -> list[Weighed]:
    """Every word of a reading that the gate would look at, with the listed words near it."""
    rule, encode = recognizer.tuned.gate, recognizer.charset.encode
    made, text = [], reading.text
    for match in spelling.WORD.finditer(text):
        word, start = match.group(), match.start()
        known = len(word) < rule.settings.shortest or word.lower() in rule.index.counts
        near = [] if known else rule.index.near(word)[:12]
        if near:
            options = [spelling.same_case(option, word) for _, option in near]
            lines = [text, *(text[:start] + one + text[match.end() :] for one in options)]
            ink = np.array([-ctc.forward_backward(table, encode(line))[0] for line in lines])
            language = rule.settings.weight * recognizer.tuned.lm.score(lines)
            sure = [c.confidence for c in reading.characters[start : match.end()]]
            guess = -np.array([rule.doubt(word, option, sure) for option in options])
            gains = ink[1:] - ink[0], language[1:] - language[0]
            made.append(Weighed(start, word, options, *gains, guess))
    return made


def telling(recognizer: Recognizer, read: Read) -> tuple[int, Weighed]:
    """A line and a word in it for which ink, exactly weighed, prefers the truth and the gate's guess another word.

    Where there is none: the word with the largest gain.
    """
    best: tuple[int, Weighed] | None = None
    for n, (reading, table) in enumerate(zip(read.readings, read.tables, strict=True)):
        for one in weigh(recognizer, reading, table):
            other = int(np.argmax(one.guess + one.language))
            if other != one.best and one.options[one.best] in read.truths[n].split():
                return n, one
            if best is None or one.gain > best[1].gain:
                best = n, one
    if best is None:
        raise HtrError(
            "no word here is missing from the word list; take more lines, or harder ones"
        )
    return best


def rescored(recognizer: Recognizer, reading: Reading, table: np.ndarray) -> spelling.Correction:
    """Each word replaced by the one that ink and language together like best, if they like it better."""
    text, changes = reading.text, []
    for one in reversed(weigh(recognizer, reading, table)):
        end, option = one.start + len(one.word), one.options[one.best]
        if one.gain > 0:
            text = text[: one.start] + option + text[end:]
            changes.append(spelling.Change(one.start, end, one.word, option))
    return spelling.Correction(text, reading.text, tuple(changes[::-1]))


def compare(recognizer: Recognizer, read: Read) -> dict[str, corrections.Report]:
    """autocorrect in its fast mode, SymSpell, the gate, and the exact likelihood, on the same readings."""
    fast, near = spelling.Speller("fast"), symspell.SymSpell(recognizer.tuned.words)
    ways = {
        "autocorrect fast": lambda n: fast.correct(read.texts[n]),
        "SymSpell": lambda n: near.correct(read.texts[n]),
        "package's gate": lambda n: recognizer.correct(read.readings[n]),
        "ink, exactly": lambda n: rescored(recognizer, read.readings[n], read.tables[n]),
    }
    for way in ways.values():
        way(0)  # dictionaries and indexes are loaded once, and not at the first line
    return {
        name: corrections.report(name, way, read.texts, read.truths) for name, way in ways.items()
    }


def margins(
    recognizer: Recognizer, read: Read, values: Sequence[float]
) -> list[corrections.Report]:
    """The gate with other margins, everything else as it was tuned."""
    tuned = recognizer.tuned.gate
    reports = []
    for value in values:
        tuned_so = gate.Gate(tuned.lm, {}, replace(tuned.settings, margin=value))
        tuned_so.index = tuned.index

        def correct(n: int, one: gate.Gate = tuned_so) -> spelling.Correction:
            reading = read.readings[n]
            return one.correct(reading.text, [c.confidence for c in reading.characters])

        reports.append(corrections.report(f"margin {value:g}", correct, read.texts, read.truths))
    return reports
