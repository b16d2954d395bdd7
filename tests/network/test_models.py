"""Presets: sizes as published for the reference system; padding and neighbours change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from htr_utils.errors import HtrError
from htr_utils.lines import dataset
from htr_utils.network import models, training


@pytest.fixture(scope="module")
def course():
    import keras

    keras.utils.set_random_seed(3)
    model = models.build(models.preset("course"), 80)
    # Fresh batch norm is the identity; make its statistics count, as after a training.
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if "norm" in layer.name:
            gamma, beta, mean, variance = layer.weights
            for weight, low, high in (
                (gamma, 0.5, 1.5),
                (beta, -0.5, 0.5),
                (mean, -0.3, 0.3),
                (variance, 0.5, 2),
            ):
                weight.assign(rng.uniform(low, high, weight.shape))
    return model


def logits(model, inks, width=None):
    batch = dataset.collate(inks, [np.zeros(0, np.int32)] * len(inks), range(len(inks)), width)
    return training.predict(model, batch)


def test_alone_in_a_batch_and_with_more_padding_the_logits_are_the_same(course):
    rng = np.random.default_rng(1)
    widths = [37, 150, 201, 330]
    inks = [rng.integers(0, 256, (48, w), np.uint8) for w in widths]
    together = logits(course, inks)
    wider = logits(course, inks, width=640)
    for number, (ink, width) in enumerate(zip(inks, widths, strict=True)):
        frames = -(-width // 4)
        alone = logits(course, [ink])[0, :frames]
        assert np.abs(alone - together[number, :frames]).max() < 1e-4
        assert np.abs(alone - wider[number, :frames]).max() < 1e-4


@pytest.mark.parametrize(
    ("stacked", "parameters", "gmacs"), [(False, 13.26, 6.85), (True, 15.36, 7.06)]
)
def test_reference_has_the_published_size(stacked, parameters, gmacs):
    # FACTS on the reference system: 13.26 M parameters and 6.85 GMAC with its one-way stacks, 15.36 M stacked.
    preset = models.preset("reference", stacked=stacked)
    model = models.build(preset, 80)
    assert round(model.count_params() / 1e6, 2) == parameters
    assert round(models.macs(preset, 80) / 1e9, 2) == gmacs
    assert model.output["logits"].shape == (None, 100, 80)
    assert model.get_layer("columns").output.shape == (None, 100, 512)


def test_reference_second_convolution_is_38_percent_of_the_work():
    preset = models.preset("reference", stacked=False)
    second = 32 * 400 * 25 * 64 * 128
    assert round(100 * second / models.macs(preset, 80)) == 38


@pytest.mark.parametrize("width", [1, 3, 4, 5, 31, 32, 33, 400])
def test_frames_are_counted_from_the_true_width(width):
    preset = models.preset("course")
    assert models.frames(np.array([width]), preset)[0] == -(-width // 4)


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(HtrError, match="course, wide, reference"):
        models.preset("huge")


def test_course_counts():
    preset = models.preset("course")
    model = models.build(preset, 80)
    assert 0.9e6 < model.count_params() < 1.3e6
    with pytest.raises(HtrError):
        models.macs(preset, 80)


def test_padding_changes_nothing_in_one_way_stacks_either():
    """Once, the second backward layer got its mask in the wrong order."""
    import keras

    keras.utils.set_random_seed(4)
    model = models.build(models.preset("course", stacked=False), 80)
    ink = np.random.default_rng(2).integers(0, 256, (48, 90), np.uint8)
    frames = -(-90 // 4)
    assert (
        np.abs(logits(model, [ink])[0, :frames] - logits(model, [ink], width=320)[0, :frames]).max()
        < 1e-4
    )
