"""Augmentation: a function of its generator, keeps text, never an empty picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.lines import augment, images
from htr_utils.synth import handwriting
from tests.helpers.tiny_fonts import SANS


def written(text: str = "Quick foxes, 12", height: int = 64) -> np.ndarray:
    return handwriting.render(
        text, handwriting.Writer(SANS), np.random.default_rng(3), height=height
    ).grey


GREY = written()


def ink_share(grey: np.ndarray) -> float:
    return float(images.prepare(grey, images.Preparation()).ink.mean())


@pytest.mark.parametrize("seed", range(6))
def test_the_generator_decides(seed: int) -> None:
    before = GREY.copy()
    first = augment.augment(GREY, np.random.default_rng(seed))
    assert np.array_equal(first, augment.augment(GREY, np.random.default_rng(seed)))
    others = [augment.augment(GREY, np.random.default_rng(100 + seed + i)) for i in range(3)]
    assert any(not np.array_equal(first, other) for other in others)
    assert np.array_equal(GREY, before), "the given picture stays as it is"


@pytest.mark.parametrize("strength", [0, 0.0, -1.0])
def test_strength_zero_changes_nothing(strength: float) -> None:
    rng = np.random.default_rng(0)
    assert np.array_equal(augment.augment(GREY, rng, strength), GREY)
    assert rng.random() == np.random.default_rng(0).random(), "and draws nothing"


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(1, 110),
    width=st.integers(1, 500),
    strength=st.sampled_from([0.1, 0.5, 1.0, 2.0, 3.0]),
    seed=st.integers(0, 10_000),
)
def test_any_size_stays_a_picture(height: int, width: int, strength: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, 256, (height, width), np.uint8)
    got = augment.augment(grey, rng, strength)
    assert got.dtype == np.uint8
    assert got.ndim == 2
    assert min(got.shape) >= 1
    assert got.shape[0] <= 3 * height + 0.2 * width + 40
    if height >= 30 and width >= 30 and strength <= 1:
        assert got.shape[0] >= 0.5 * height
        assert got.shape[1] >= 0.4 * width


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_the_ink_stays(strength: float) -> None:
    for seed in range(30):
        share = ink_share(augment.augment(GREY, np.random.default_rng(seed), strength))
        assert share > 0.02, f"seed {seed}: nearly all ink is gone"
        assert share < 0.75, f"seed {seed}: nearly all is ink"


def test_changes_are_of_many_kinds() -> None:
    sizes, tones = set(), set()
    for seed in range(20):
        got = augment.augment(GREY, np.random.default_rng(seed))
        sizes.add(got.shape)
        tones.add(augment.paper_tone(got))
    assert len(sizes) > 10
    assert len(tones) > 5


# --- the single changes


def test_nothing_asked_nothing_done() -> None:
    assert np.array_equal(augment.warp(GREY), GREY)
    assert np.array_equal(augment.elastic(GREY, np.random.default_rng(0), amount=0), GREY)
    assert np.array_equal(augment.pen(GREY, 0), GREY)
    assert np.abs(augment.tone(GREY).astype(int) - GREY).max() <= 1
    assert np.array_equal(augment.crop(GREY, 0, 0), GREY)
    assert np.array_equal(augment.noise(GREY, np.random.default_rng(0), sigma=0), GREY)


@pytest.mark.parametrize(
    ("slant", "rotation", "stretch"),
    [(0.5, 0, 1), (-0.5, 0, 1), (0, 3, 1), (0, -3, 1), (0.3, 2, 1.3)],
)
def test_warp_cuts_nothing_off(slant: float, rotation: float, stretch: float) -> None:
    grey = np.full((60, 200), 240, np.uint8)
    for corner in (
        (slice(0, 6), slice(0, 6)),
        (slice(-6, None), slice(-6, None)),
        (slice(0, 6), slice(-6, None)),
        (slice(-6, None), slice(0, 6)),
    ):
        grey[corner] = 20
    got = augment.warp(grey, slant=slant, rotation=rotation, stretch=stretch)
    ink, before = (240 - got.astype(float)).sum(), (240 - grey.astype(float)).sum() * stretch
    assert ink > 0.85 * before
    assert got.shape[1] >= 200 * stretch


def test_warp_slants_to_the_right() -> None:
    grey = np.full((60, 200), 240, np.uint8)
    grey[:, 98:102] = 20
    columns = augment.warp(grey, slant=0.5).argmin(1)
    assert columns[2] - columns[-3] == pytest.approx(0.5 * 56, abs=2), "upwards is to the right"


def test_pen_thickens_and_thins() -> None:
    assert augment.pen(GREY, 1).mean() < augment.pen(GREY, 0.4).mean() < GREY.mean()
    assert augment.pen(GREY, -1).mean() > augment.pen(GREY, -0.4).mean() > GREY.mean()


def test_tone_moves_towards_the_paper() -> None:
    faint = augment.tone(GREY, contrast=0.3)
    assert abs(int(augment.paper_tone(faint)) - augment.paper_tone(GREY)) <= 1
    assert faint.min() > GREY.min() + 50
    assert augment.tone(GREY, brightness=-40).mean() < GREY.mean() - 30


def test_shadow_darkens() -> None:
    shaded = augment.shadow(GREY, np.random.default_rng(1), 0.5)
    assert shaded.shape == GREY.shape
    assert shaded.mean() < GREY.mean()
    assert (shaded <= GREY.astype(float) * 1.15 + 1).all()


def test_noise_has_the_size_it_is_given() -> None:
    flat = np.full((80, 400), 128, np.uint8)
    for grain in (0.0, 1.0):
        noisy = augment.noise(flat, np.random.default_rng(0), sigma=8, grain=grain)
        assert noisy.std() == pytest.approx(8, rel=0.1)
        assert noisy.mean() == pytest.approx(128, abs=1)


def test_crop_and_border() -> None:
    height, width = GREY.shape
    assert augment.crop(GREY, 3, 2).shape == (height - 5, width)
    assert np.array_equal(augment.crop(GREY, 3, 2), GREY[3:-2])
    taller = augment.crop(GREY, -4, -6)
    assert taller.shape == (height + 10, width)
    assert np.array_equal(taller[4:-6], GREY)
    assert (taller[:4] == augment.paper_tone(GREY)).all()
    assert augment.crop(GREY, 500, 500).shape[0] >= height // 2, "never the whole line"
    assert augment.crop(GREY[:1], 5, 5).shape == (1, width)


@pytest.mark.parametrize("squared", [False, True])
def test_rules_leave_the_ink(squared: bool) -> None:
    got = augment.ruled(GREY, np.random.default_rng(2), squared)
    assert (got <= GREY).all()
    assert (got < GREY).any()
    assert np.array_equal(got[GREY < 100], GREY[GREY < 100])


@pytest.mark.parametrize("quality", [25, 80])
def test_jpeg(quality: int) -> None:
    got = augment.jpeg(GREY, quality)
    assert got.shape == GREY.shape
    assert 0 < np.abs(got.astype(int) - GREY).mean() < 12


def test_neighbours_leave_the_line_and_add_ink_at_an_edge() -> None:
    grey = np.full((60, 300), 240, np.uint8)
    grey[15:45, 10:290:7] = 20
    for seed in range(8):
        made = augment.neighbours(grey, np.random.default_rng(seed))
        extra = made.shape[0] - grey.shape[0]
        assert made.shape[1] == 300 and 0 < extra < 10
        above, below = made[: grey.shape[0]], made[extra:]
        assert (above[15:45] <= grey[15:45]).all() or (below[15:45] <= grey[15:45]).all()
        assert (made < 128).sum() > (grey < 128).sum()


def test_a_shadow_is_no_deeper_than_told() -> None:
    """A regression: the cubic overshot, and deep shadows swallowed the line."""
    paper = np.full((64, 800), 200, np.uint8)
    for seed in range(20):
        made = augment.shadow(paper, np.random.default_rng(seed), depth=0.9)
        assert made.min() >= 19 and made.max() <= 200
