"""Validation lines made harder: set from pieces of the hands that are named, and of no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from htr_utils.course.hard_lines import damaged, in_hands
from htr_utils.errors import HtrError
from htr_utils.lines import iam

TEXTS = ["the rain came in", "a § that nobody wrote", "an hour later"]


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Two writers' lines in one folder, the second writer's alone in another, and the file that names the second."""
    lines = iam.read().split("test")
    first, second = sorted({line.writer_id for line in lines})[:2]
    root = tmp_path_factory.mktemp("hands")
    for name, wanted in (("both", (first, second)), ("second", (second,))):
        (root / name).mkdir()
        rows = []
        for writer in wanted:
            for line in [line for line in lines if line.writer_id == writer][:12]:
                shutil.copy(line.path, root / name / line.path.name)
                rows.append(f"{line.path.name}\t{writer}\t{line.text}")
        (root / name / "transcriptions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (root / "ids.txt").write_text(f"{second}\n", encoding="utf-8")
    return root / "both", root / "second", root / "ids.txt"


def test_only_the_named_hands_are_cut_up(hands: tuple[Path, Path, Path]) -> None:
    both, second, ids = hands
    pictures, texts = in_hands(TEXTS, str(both), str(ids))
    alone, same = in_hands(TEXTS, str(second), str(ids))
    assert texts == same == [TEXTS[0], TEXTS[2]], "what nobody wrote cannot be set, the rest is"
    for one, other in zip(pictures, alone, strict=True):
        assert np.array_equal(one, other)
        assert one.dtype == np.uint8 and (one < one.max() - 40).any()


def test_names_that_are_not_there_and_texts_that_cannot_be_set(
    hands: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("nobody\n", encoding="utf-8")
    with pytest.raises(HtrError, match="nobody"):
        in_hands(TEXTS, str(hands[0]), str(wrong))
    with pytest.raises(HtrError, match="none of 1 texts"):
        in_hands(["§"], str(hands[0]), str(hands[2]))


def test_damage_follows_the_number_alone() -> None:
    grey = np.full((64, 200), 240, np.uint8)
    grey[20:40, 30:170:12] = 20
    assert np.array_equal(damaged(grey, 3), damaged(grey, 3))
    assert (
        damaged(grey, 3).shape != damaged(grey, 4).shape
        or (damaged(grey, 3) != damaged(grey, 4)).any()
    )
