"""KenLM's models as judges of a beam: ARPA or binary files of character n-grams, read by the package `kenlm`.

    pip install kenlm
    fusion.prefix_beam(log_probs, frames, kenlm.load("letters.arpa", charset.characters), weight=0.6, bonus=2.0)

The model's words are single characters; its word for the space is `<space>`, `|`, `_` or U+2581. A character that it
lacks costs what it gives to unknown words. KenLM's Python side answers one question at a time: each context is asked
about every character once and kept, so the first lines are slow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils.errors import HtrError
from htr_utils.text.charset import Charset

SPACES = ("<space>", "|", "_", "\u2581")


class KenLM:
    """A `fusion.Scorer`: states are whole numbers that stand for contexts met so far."""

    def __init__(self, model: Any, characters: str) -> None:
        import kenlm

        self.characters, self.classes, self.order = (
            characters,
            len(characters) + 1,
            int(model.order),
        )
        self._model, self._new = model, kenlm.State
        space = next((word for word in SPACES if word in model), None)
        if space is None or " " not in characters:
            raise HtrError(
                f"the model has no word for the space; known are {', '.join(SPACES[:3])}"
            )
        self._space = characters.index(" ") + 1
        self._words = [space if c == " " else c for c in characters]
        nothing, begun = self._new(), self._new()
        model.NullContextWrite(nothing)
        model.BaseScore(nothing, space, begun)  # a line begins after a space
        self._contexts, self._number = [begun], {begun: 0}
        self._rows: dict[int, tuple[NDArray[np.float32], NDArray[np.int32]]] = {}

    def start(self, count: int) -> NDArray[np.int32]:
        return np.zeros(count, dtype=np.int32)

    def log_probs(self, states: ArrayLike, ids: ArrayLike | None = None) -> NDArray[np.float32]:
        """As `LanguageModel.log_probs`: log P of every class, or of `ids`; 0 for the blank."""
        now = np.asarray(states)
        if ids is not None:
            now, asked = np.broadcast_arrays(now, np.asarray(ids))
        nothing = [np.zeros(self.classes, np.float32)]
        found = np.stack([self._row(int(state))[0] for state in now.ravel()] or nothing)
        if ids is None:
            return found[: now.size].reshape(*now.shape, self.classes).astype(np.float32)
        return found[np.arange(now.size), asked.ravel()].reshape(now.shape).astype(np.float32)

    def advance(self, states: ArrayLike, ids: ArrayLike) -> NDArray[np.int32]:
        now, written = np.asarray(states), np.asarray(ids)
        after = [self._row(int(s))[1][i] for s, i in zip(now.ravel(), written.ravel(), strict=True)]
        return np.array(after, dtype=np.int32).reshape(now.shape)

    def end(self, states: ArrayLike) -> NDArray[np.float32]:
        """log P of a space, as a line's end."""
        return self.log_probs(states, np.full(np.shape(states), self._space))

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """log P of each text with its end, (n,)."""
        charset, total = Charset(self.characters), []
        for text in texts:
            state, said = self.start(1), 0.0
            for i in charset.encode(text):
                said += float(self.log_probs(state, [i])[0])
                state = self.advance(state, np.array([i]))
            total.append(said + float(self.end(state)[0]))
        return np.array(total)

    def _row(self, state: int) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        if state not in self._rows:
            p, after = np.zeros(self.classes, np.float32), np.full(self.classes, state, np.int32)
            for i, word in enumerate(self._words, 1):
                context = self._new()
                p[i] = self._model.BaseScore(self._contexts[state], word, context) * math.log(10)
                if context not in self._number:
                    self._number[context] = len(self._contexts)
                    self._contexts.append(context)
                after[i] = self._number[context]
            self._rows[state] = p, after
        return self._rows[state]


def load(path: str | Path, characters: str) -> KenLM:
    """Read an ARPA or binary file of KenLM.

    Raises:
        HtrError: the package is missing, no such file, or one that KenLM does not read.
    """
    if not Path(path).is_file():
        raise HtrError(f"{path}: no such language model")
    try:
        import kenlm
    except ImportError as error:
        raise HtrError(
            f"{path}: KenLM's files need the package kenlm; run: pip install kenlm"
        ) from error
    try:
        model = kenlm.Model(str(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise HtrError(f"{path}: KenLM cannot read it ({str(error).splitlines()[0]})") from error
    return KenLM(model, characters)
