"""Which words to correct: a gate that asks how sure the reader was and what the language expects.

A spell checker sees letters only. The gate weighs three things for a word that the dictionary lacks and each
word near it:

    gain = weight * (log P(line with it) - log P(line)) - doubt

`doubt` is what the recogniser's confidence says against the edits: to replace or drop a character of
confidence c costs log(c / (1 - c)) nats, the least that it can cost in its frame; to add one costs `insert`. A word
that another reading of the beam has gains `seen`. The word changes where the best gain is above `margin`; a
capitalised word may be a name and needs `name` more. Words with digits, short words and known words stay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from rapidfuzz.distance import Levenshtein

from htr_utils.text.language import LanguageModel
from htr_utils.text.settings import Settings
from htr_utils.text.spelling import WORD, Change, Correction, replaced, same_case
from htr_utils.text.symspell import SymSpell

_MOST = 12  # words near a word that are looked at
_SUREST = 0.999


class Gate:
    """Corrects the words that are probably wrong, and no others.

    Args:
        lm: scores a line with and without a change.
        counts: the dictionary; see `spelling.dictionary`.
    """

    def __init__(
        self, lm: LanguageModel, counts: Mapping[str, int], settings: Settings | None = None
    ) -> None:
        self.lm, self.settings = lm, settings or Settings()
        self.index = SymSpell(counts)
        self._near: dict[str, list[str]] = {}

    def correct(
        self, text: str, confidences: Sequence[float], others: Sequence[str] = ()
    ) -> Correction:
        """Correct a line.

        Args:
            confidences: one a character of `text`, 0 to 1.
            others: what the beam's other candidates read, best first.
        """
        rule, changes, now = self.settings, list[Change](), text
        said = {match.group() for other in others for match in WORD.finditer(other)}
        for match in WORD.finditer(text):
            word = match.group()
            known = len(word) < rule.shortest or word.lower() in self.index.counts
            options = [] if known else self._options(word)
            if not options:
                continue
            at = match.start() + len(now) - len(text)
            # Farther away than the model's memory a change is not felt: what is left out is the same for all.
            left, end = max(0, at - self.lm.order), at + len(word)
            right = end + self.lm.order
            fit = self.lm.score([now[left:at] + one + now[end:right] for one in (word, *options)])
            sure = confidences[match.start() : match.end()]
            gain = [
                rule.weight * (fit[k] - fit[0])
                - self.doubt(word, option, sure)
                + rule.seen * (option in said)
                for k, option in enumerate(options, 1)
            ]
            best = int(np.argmax(gain))
            before = text[: match.start()].rstrip(" \"'(")
            name = (
                word[0].isupper() and before != "" and before[-1] not in ".!?"
            )  # no capital is due there
            if gain[best] > rule.margin + rule.name * name:
                changes.append(Change(match.start(), match.end(), word, options[best]))
                now = now[:at] + options[best] + now[end:]
        return Correction(replaced(text, changes), text, tuple(changes))

    def doubt(self, word: str, option: str, confidences: Sequence[float]) -> float:
        """What the recogniser's confidence says against writing `option` for `word`, in nats."""
        total = 0.0
        for edit in Levenshtein.editops(word, option):
            if edit.tag == "insert":
                total += self.settings.insert
            else:
                c = min(max(confidences[edit.src_pos], 0.01), _SUREST)
                total += math.log(c / (1 - c))
        return total

    def _options(self, word: str) -> list[str]:
        """Known words near a word, in its case, nearest first."""
        if word not in self._near:
            self._near[word] = [
                same_case(option, word) for _, option in self.index.near(word)[:_MOST]
            ]
        return self._near[word]
