"""Why a line is still wrong after a language model: was the truth not found, or does it score too low, and by whom?

The search maximises log P(network) + weight * log P(language model) + bonus * characters. A line that is read wrong is
a search error if its truth scores higher than what was read, and a model error otherwise: no wider beam would help
then (the distinction is an old one; for neural sequence models Stahlberg and Byrne 2019, "On NMT search errors and
model errors"). A model error is the network's, the language model's, or that of both, by whose score the truth loses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from htr_utils.network import ctc
from htr_utils.text import decoding, tuned
from htr_utils.text.charset import Charset

CAUSES = ("search", "network", "language", "both")


def cause(network: float, language: float) -> str:
    """Whose error a wrong line is.

    Args:
        network, language: by how much the truth scores higher than what was read, in nats; `language` with weight
            and bonus.
    """
    if network + language > 0:
        return "search"
    if language > 0:
        return "network"
    return "language" if network > 0 else "both"


def count(
    log_probs: np.ndarray,
    frames: np.ndarray,
    truths: Sequence[str],
    readings: Sequence[decoding.Candidate],
    settings: tuned.Tuned,
) -> dict[str, int]:
    """How many lines are wrong, and how many of these for each cause: {"wrong": n, "search": ..., ...}.

    Args:
        log_probs: (lines, frames, classes), natural logarithms. frames: (lines,). truths: the texts.
        readings: the best candidate of each line by `prefix_beam` with these settings.
    """
    charset = Charset(settings.lm.characters)
    how = settings.fusion
    found: Counter[str] = Counter()
    for values, n, truth, reading in zip(log_probs, frames, truths, readings, strict=True):
        read = charset.decode(reading.ids)
        if read.strip() == truth:
            continue
        line = np.asarray(values[: int(n)], dtype=np.float64)
        scores = []
        both = [truth, read]
        for text, judged in zip(both, settings.lm.score(both).tolist(), strict=True):
            ids = charset.encode(text)
            fits = ctc.frames_needed(ids) <= len(line)
            paths = -ctc.forward_backward(line, ids)[0] if fits else -np.inf
            words = how.weight * judged + how.bonus * len(text)
            scores.append((paths, words))
        (truth_paths, truth_words), (read_paths, read_words) = scores
        found[cause(truth_paths - read_paths, truth_words - read_words)] += 1
    return {"wrong": found.total(), **{name: found[name] for name in CAUSES}}
