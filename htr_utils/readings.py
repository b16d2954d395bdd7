"""What was read in the picture of a line: its text, characters and words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Character:
    """One character that was read. x: its column in the given picture, in pixels. confidence: 0 to 1."""

    character: str
    x: float
    confidence: float


@dataclass(frozen=True)
class Word:
    """A word that was read: the characters `start` to `end` (exclusive) of the text. confidence: 0 to 1."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True)
class Reading:
    """What a line says.

    confidence: mean of the characters' confidences, 0 to 1 (0 for an empty line). Those of characters and words
    are calibrated for the shipped model (see `text.settings.Scale`), as the network gave them for any other.
    log_prob: the decoder's score in nats: of the best path (greedy) or of the text (beam).
    others: what the beam read next to this, best first, where more than one candidate was asked for.
    language: whose language model helped: en, fr, ... or none.
    """

    text: str
    confidence: float
    characters: tuple[Character, ...]
    log_prob: float
    words: tuple[Word, ...] = ()
    others: tuple[str, ...] = ()
    language: str = "none"
