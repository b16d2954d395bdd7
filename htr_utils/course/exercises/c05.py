"""Checks of the chapter "CNN features"."""

from __future__ import annotations

import numbers
from collections.abc import Callable

import numpy as np

from htr_utils.course.exercises import exercise, on_drawn_cases


def _field(blocks: list[tuple[int, int, int]]) -> int:
    """The same walk the other way round: from one place of the last map down to the picture."""
    columns = 1
    for kernel, stride, pool in reversed(blocks):
        columns = (columns * pool - 1) * stride + kernel
    return columns


BAR = 0.6  # share of the first letters that a bank must tell; random ones: .48, standard deviation .05


@exercise("05.1")
def guess(answer: int) -> str | None:
    """Which of the seven blocks of the reference network does most work."""
    if isinstance(answer, bool) or not isinstance(answer, numbers.Integral) or not 1 <= answer <= 7:
        return "the number of a block, 1 to 7, please"
    if answer == 2:
        return None
    if answer == 1:
        return "the picture is largest there, but how many channels come in?"
    if answer >= 6:
        return "most channels are there, but how many places are left of the picture?"
    return "think of places x kernel² x channels in x channels out; run on, see the count, and answer again"


@exercise("05.2")
def parameters(answer: Callable[[int, int, int, bool], int]) -> str | None:
    """Numbers stored by a convolution block."""
    plain = answer(5, 1, 64, False)
    if plain == 5 * 5 * 64:
        return "without batch norm each channel out also has a bias"
    if plain == 5 * 5 * 64 + 4 * 64:
        return (
            "four numbers per channel out belong to batch norm; without it there is the bias alone"
        )
    if plain != 5 * 5 * 64 + 64:
        return (
            "without batch norm: kernel² x channels in x channels out, and one bias per channel out"
        )
    if answer(3, 64, 64, False) == 3 * 3 * 64 + 64:
        return "a kernel is as deep as its input: where do the channels in come in?"
    if answer(3, 64, 64, True) == 3 * 3 * 64 * 64 + 2 * 64:
        return "batch norm also stores its moving mean and variance"
    if answer(3, 64, 64, True) == 3 * 3 * 64 * 64 + 5 * 64:
        return "with batch norm the convolution has no bias of its own"
    if answer(3, 128, 32, True) != 3 * 3 * 128 * 32 + 4 * 32:
        return "with batch norm: four numbers per channel out, and no bias"
    return None


@exercise("05.3")
def field_width(answer: Callable[[list[tuple[int, int, int]]], int]) -> str | None:
    """Width of the receptive field from (kernel, stride, pooling) of each block."""
    if answer([]) != 1:
        return "without any block a place sees one column"
    if answer([(3, 1, 1), (3, 1, 1)]) != 5:
        return "two kernels of 3 see 5 columns: each adds two"
    if answer([(3, 2, 1), (3, 1, 1)]) != 7:
        return "after a stride of 2 the places are two columns apart: the next kernel adds twice as much"
    if answer([(3, 1, 2), (3, 1, 1)]) != 8:
        return "a pooling by 2 sees one place more, and doubles the jump for what follows"
    if answer([(5, 2, 2), (3, 1, 1)]) != 15:
        return "the pooling stands after the stride: which jump does it use?"
    return on_drawn_cases(
        answer,
        _field,
        lambda rng: (
            [
                (int(rng.choice([1, 3, 5])), int(rng.integers(1, 3)), int(rng.integers(1, 3)))
                for _ in range(5)
            ],
        ),
    )


@exercise("05.4")
def saved_percent(answer: float) -> str | None:
    """Share of all work that a 3 x 3 kernel in block 2 would save."""
    share = float(answer)
    if 24.0 <= share <= 25.0:
        return None
    if 0.24 <= share <= 0.25:
        return "in per cent, please"
    if 63.5 <= share <= 64.5:
        return "that is the saving within block 2; the question is about all layers together"
    if 13.5 <= share <= 14.0:
        return "that is what stays of block 2, as a share of all; how much goes?"
    if 37.5 <= share <= 39.0:
        return "that is block 2's whole share; 9/25 of it stay"
    return "block 2's work x (1 - 9/25), divided by the sum of all, x 100"


@exercise("05.5")
def norm_for_reading(answer: Callable[..., np.ndarray]) -> str | None:
    """Batch norm with the moving statistics: a line's numbers do not depend on its neighbours."""
    rng = np.random.default_rng(405)
    gamma, beta, mean = rng.normal(size=(3, 5))
    variance = rng.uniform(0.5, 2, 5)
    line, others = rng.normal(size=(1, 4, 6, 5)), rng.normal(2, 3, (2, 4, 6, 5))
    given = line.copy()
    alone = np.asarray(answer(given, gamma, beta, mean, variance))
    if alone.shape != line.shape:
        return f"the shape should stay {line.shape}; it is {alone.shape}"
    if not np.array_equal(given, line):
        return "the array that was given has changed; work on a copy"
    beside = np.asarray(answer(np.concatenate([line, others]), gamma, beta, mean, variance))[:1]
    if not np.allclose(alone, beside):
        return "the same line gets other numbers beside other lines: whose mean and variance do you use?"
    right = gamma * (line - mean) / np.sqrt(variance + 1e-3) + beta
    if np.allclose(alone, gamma * (line - mean) / (variance + 1e-3) + beta):
        return "divide by the standard deviation: the root of the variance"
    if np.allclose(alone, right, atol=1e-6):
        return None
    if np.allclose(alone, (line - mean) / np.sqrt(variance + 1e-3)):
        return "the learned numbers are missing: stretch by gamma, then shift by beta"
    return "subtract the mean, divide by the root of variance + epsilon, stretch by gamma, shift by beta"


@exercise("05.6")
def bank(answer: Callable[[], np.ndarray], told_apart: Callable[[np.ndarray], float]) -> str | None:
    """Eight kernels that tell first letters better than random ones."""
    kernels = np.asarray(answer(), float)
    if kernels.shape != (8, 5, 5):
        return f"eight kernels of 5 x 5: the shape (8, 5, 5), not {kernels.shape}"
    if (kernels == kernels[:1]).all():
        return "all your kernels are alike: eight times the same question"
    share = told_apart(kernels)
    told = f"first letters told: yours {share:.0%}, the bar {BAR:.0%}"
    if share >= BAR:
        print(f"05.6: {told}: correct")
        return None
    if kernels.min() >= 0:
        return f"{told}. No weight is negative: these kernels count ink and ask for no shape"
    if share < 0.5:
        return f"{told}. Random kernels do as well: which strokes part one letter from another?"
    return f"{told}. Better than chance: letters differ in corners, bows and ends as well as in strokes"
