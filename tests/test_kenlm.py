"""KenLM's models as judges of a beam, against the definition of an ARPA file and exhaustive search."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from test_decoding import random_line
from test_fusion import check, judged, searched

from htr_utils.course import kenlm
from htr_utils.errors import HtrError
from htr_utils.text import fusion

TINY = " ab"
ARPA = """\\data\\
ngram 1=6
ngram 2=4

\\1-grams:
-2.0\t<unk>
-99\t<s>\t-0.2
-1.0\t</s>
-0.5\t<space>\t-0.3
-0.6\ta\t-0.1
-0.9\tb\t-0.4

\\2-grams:
-0.2\t<space> a
-0.7\ta b
-0.3\ta <space>
-0.4\tb a

\\end\\
"""
ONE = {"<unk>": -2.0, " ": -0.5, "a": -0.6, "b": -0.9}
BACK = {" ": -0.3, "a": -0.1, "b": -0.4}
TWO = {" a": -0.2, "ab": -0.7, "a ": -0.3, "ba": -0.4}


def by_hand(text: str) -> float:
    """log P of a text after a space, with a space behind it: bigrams where there are, else backoff and unigram."""
    joined, total = f" {text} ", 0.0
    for before, c in zip(joined, joined[1:], strict=False):
        total += TWO.get(before + c, BACK[before] + ONE[c])
    return total * math.log(10)


@pytest.fixture
def model(tmp_path: Path) -> kenlm.KenLM:
    pytest.importorskip("kenlm")
    (tmp_path / "tiny.arpa").write_text(ARPA, encoding="utf-8")
    return kenlm.load(tmp_path / "tiny.arpa", TINY)


def test_scores_are_those_of_the_file(model: kenlm.KenLM) -> None:
    for text in ("ab", "ba a", "", "aabb", "bab ab"):
        assert model.score([text])[0] == pytest.approx(by_hand(text), abs=1e-5)
        ids = tuple(TINY.index(c) + 1 for c in text)
        assert judged(ids, model) == pytest.approx(by_hand(text), abs=1e-5)


def test_wide_beam_with_kenlm_equals_exhaustive_search(model: kenlm.KenLM) -> None:
    for seed in range(8):
        line = random_line(seed, 4, 4, 1.0)
        [found] = fusion.prefix_beam(
            line[None], [len(line)], model, width=400, weight=0.7, bonus=0.5, top=400, prune=0
        )
        check(found, searched(line, [(model, 0.7)], 0.5), line)


def test_what_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HtrError, match="no such language model"):
        kenlm.load(tmp_path / "none.arpa", TINY)
    (tmp_path / "bad.arpa").write_text("nothing", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "kenlm", None)
    with pytest.raises(HtrError, match="pip install kenlm"):
        kenlm.load(tmp_path / "bad.arpa", TINY)
    monkeypatch.undo()
    pytest.importorskip("kenlm")
    with pytest.raises(HtrError, match="cannot read it"):
        kenlm.load(tmp_path / "bad.arpa", TINY)
    (tmp_path / "words.arpa").write_text(ARPA.replace("<space>", "cc"), encoding="utf-8")
    with pytest.raises(HtrError, match="no word for the space"):
        kenlm.load(tmp_path / "words.arpa", TINY)


def test_an_empty_batch(model: kenlm.KenLM) -> None:
    assert model.log_probs(np.zeros(0, int)).shape == (0, 4)
