"""The small network of the chapter "Start here": its words, and that it learns what the chapter says."""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np
import pytest

from htr_utils import HtrError, paths
from htr_utils.course import first_network
from htr_utils.text import metrics
from tests.helpers.chapters import SOURCES


def test_unseen_words_are_in_no_training_word_and_every_picture_has_ink() -> None:
    learnt_from, unseen = first_network.words("train"), first_network.words("validation")
    assert (len(learnt_from.texts), len(unseen.texts)) == (1500, 200)
    assert not set(learnt_from.texts) & set(unseen.texts)
    for part in (learnt_from, unseen):
        assert part.pictures.shape == (
            len(part.texts),
            first_network.HEIGHT,
            first_network.WIDTH,
            1,
        )
        assert part.pictures.dtype == np.float32
        ink = part.pictures.sum((1, 2, 3))
        assert (ink > 20).all()  # nothing is empty,
        assert part.pictures[:, :, -1].max() == 0  # and nothing is cut off
    assert first_network.words("train", 3).texts == learnt_from.texts[:3]
    # The longer a word, the more ink: pictures and texts belong together.
    lengths = [len(text) for text in learnt_from.texts]
    assert np.corrcoef(lengths, learnt_from.pictures.sum((1, 2, 3)))[0, 1] > 0.8


def test_an_unknown_split_is_told() -> None:
    with pytest.raises(HtrError, match="take train or validation"):
        first_network.words("tets")


def test_words_of_the_unseen_stand_in_no_training_passage() -> None:
    from htr_utils.text import passages

    text = " ".join(
        p.text
        for p in passages.read_passages(paths.embedded_root() / "passages.tsv")
        if p.split == "train"
    )
    known = set(re.findall(r"\w+", text.lower()))
    assert not known & set(first_network.words("validation").texts)


def small_network() -> Any:
    """The network as the chapter builds it."""
    import keras
    from keras import layers

    source = next(path for path in SOURCES if path.stem.startswith("00")).read_text("utf-8")
    tree = ast.parse(source)
    (built,) = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "small_network"
    )
    space: dict[str, Any] = {"keras": keras, "layers": layers}
    exec(compile(ast.Module([built], []), "start here", "exec"), space)
    return space["small_network"]()


def test_forty_words_are_learnt_by_heart_and_others_are_not_read() -> None:
    import keras

    keras.utils.set_random_seed(0)
    few, unseen = first_network.words("train", 40), first_network.words("validation")
    network = small_network()
    moments = list(first_network.learn(network, few, steps=150, look_every=75))
    assert [moment.step for moment in moments] == [0, 75, 150]
    assert moments[2].loss < moments[1].loss
    errors = [
        metrics.cer(first_network.read(network, part.pictures), part.texts).value
        for part in (few, unseen)
    ]
    assert errors[0] < 0.2
    assert errors[1] > 0.5
