"""What spell correction does to lines whose texts are known: changes that mend, changes that harm, rates."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from htr_utils.text import metrics
from htr_utils.text.spelling import Correction


@dataclass(frozen=True)
class Report:
    """What a policy did to lines. Rates in %, time in milliseconds per line."""

    policy: str
    lines: int
    cer_without: float
    cer_with: float
    wer_without: float
    wer_with: float
    changed: int
    mended: int
    broken: int
    milliseconds: float

    def __str__(self) -> str:
        return (
            f"{self.policy:<18} CER {self.cer_without:5.2f} -> {self.cer_with:5.2f}  "
            f"WER {self.wer_without:5.2f} -> {self.wer_with:5.2f}  changed {self.changed:4}  "
            f"mended {self.mended:4}  broken {self.broken:4}  {self.milliseconds:6.1f} ms a line"
        )


def report(
    policy: str, correct: Callable[[int], Correction], texts: Sequence[str], truths: Sequence[str]
) -> Report:
    """Measure a policy: `correct(i)` corrects line `i` of `texts`.

    A word is mended when it was wrong and is right afterwards, broken when it was right and is wrong; which
    word of the truth it stands for is read off the alignment of the words.
    """
    started = time.perf_counter()
    made = [correct(i) for i in range(len(texts))]
    seconds = time.perf_counter() - started
    after = [one.text for one in made]
    mended = broken = 0
    for before, then, truth in zip(texts, after, truths, strict=True):
        right, still = right_words(before, truth), right_words(then, truth)
        mended += sum(b and not a for a, b in zip(right, still, strict=True))
        broken += sum(a and not b for a, b in zip(right, still, strict=True))
    cer, cer_with = (100 * metrics.cer(t, truths).value for t in (texts, after))
    wer, wer_with = (100 * metrics.wer(t, truths).value for t in (texts, after))
    changed = sum(len(one.changes) for one in made)
    each = 1000 * seconds / max(1, len(texts))
    return Report(policy, len(texts), cer, cer_with, wer, wer_with, changed, mended, broken, each)


def right_words(text: str, truth: str) -> list[bool]:
    """For each word of a text, whether the word of the truth in its place is the same."""
    return matched(text.split(), truth.split())


def matched(read: Sequence[str], truth: Sequence[str]) -> list[bool]:
    """For each part of a reading (a word, or a character of a text), whether the truth has the same in its place."""
    right = [False] * len(read)
    for block in Levenshtein.opcodes(read, truth):
        if block.tag == "equal":
            right[block.src_start : block.src_end] = [True] * (block.src_end - block.src_start)
    return right
