"""A trained network made to write another charset."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.network.widen import widened
from htr_utils.text.charset import LATIN, Charset

charsets = st.sets(st.sampled_from("abcdeéèß€%"), min_size=1).map(
    lambda letters: Charset("".join(sorted(letters)))
)


def some_weights(classes: int, joined: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "conv1/kernel": rng.normal(size=(3, 3, 1, 4)).astype(np.float32),
        "logits/kernel": rng.normal(size=(6, joined * classes)).astype(np.float32),
        "logits/bias": rng.normal(size=joined * classes).astype(np.float32),
        "shortcut/kernel": rng.normal(size=(3, 4, classes)).astype(np.float32),
        "shortcut/bias": rng.normal(size=classes).astype(np.float32),
    }


@settings(max_examples=60, deadline=None)
@given(old=charsets, new=charsets, joined=st.sampled_from([1, 2]), seed=st.integers(0, 999))
def test_known_characters_and_the_blank_keep_their_weights_in_every_frame(
    old: Charset, new: Charset, joined: int, seed: int
) -> None:
    before = some_weights(old.classes, joined, seed)
    after = widened(before, old, new)
    assert list(after) == list(before)
    assert np.array_equal(after["conv1/kernel"], before["conv1/kernel"])
    for name, frames in (("logits", joined), ("shortcut", 1)):
        for kind in ("kernel", "bias"):
            was = before[f"{name}/{kind}"]
            now = after[f"{name}/{kind}"]
            was = was.reshape(*was.shape[:-1], frames, old.classes)
            now = now.reshape(*now.shape[:-1], frames, new.classes)
            assert np.array_equal(now[..., 0], was[..., 0])
            for place, character in enumerate(new.characters, 1):
                if character in old.characters:
                    there = old.characters.index(character) + 1
                    assert np.array_equal(now[..., place], was[..., there])
                elif kind == "bias":
                    assert (now[..., place] < was[..., 1:].mean(-1)).all()


def test_there_and_back_changes_nothing() -> None:
    before = some_weights(80, 2, 0)
    back = widened(widened(before, Charset(), Charset(LATIN)), Charset(LATIN), Charset())
    for name, value in before.items():
        assert np.array_equal(back[name], value)


@pytest.mark.slow
def test_the_published_model_reads_the_same_before_it_learns_new_letters() -> None:
    from htr_utils import paths
    from htr_utils.lines import dataset, iam, images
    from htr_utils.network import archive, models, training, widen
    from htr_utils.text import decoding

    start = archive.load(paths.model_file("course"))
    wide = widen.with_charset(start, Charset(LATIN))
    assert wide.charset.classes == 215 and wide.preset == start.preset
    lines = iam.read(paths.embedded_root()).split("validation")[:32]
    source = dataset.FileLines(lines, images.Preparation(48))
    texts = []
    for one in (start, wide):
        labels = training.labels_for(one.preset, one.charset)
        (batch,) = dataset.Batches(source, labels, 32, shuffle=False).epoch(0)
        logits = training.log_softmax(training.predict(one.model, batch))
        frames = np.asarray(models.frames(batch.width, one.preset))
        texts.append([one.charset.decode(r.ids) for r in decoding.greedy(logits, frames)])
    assert texts[0] == texts[1]
