"""The network that finds lines: a picture of a page -> maps, at a quarter of its size, of where the lines' cores are.

Fully convolutional down to 1/32 and a short way up that adds the finer stages (Ronneberger et al. 2015,
arXiv 1505.04597; Lin et al. 2017, arXiv 1612.03144).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

L = keras.layers
MAPS = 4  # core, ends, print, turned
_ENTROPY = (2.0, 1.2, 3.0, 3.0)
_DICE = (
    0.5,
    0.3,
    0.0,
    0.0,
)  # most crops hold no print and nothing turned: Dice would teach that there is none


def _normal(x: Any) -> Any:
    return L.ReLU()(L.BatchNormalization(momentum=0.97)(x))


def _plain(x: Any, channels: int, stride: int = 1) -> Any:
    return _normal(L.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x))


def _separable(x: Any, channels: int, stride: int = 1) -> Any:
    return _normal(
        L.SeparableConv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)
    )


def build() -> keras.Model:
    """The model: float32 (B, H, W, 1), grey, H and W multiples of 32 -> logits (B, H / 4, W / 4, MAPS)."""
    page = keras.Input((None, None, 1))
    x = _normal(L.Conv2D(32, 8, strides=4, padding="same", use_bias=False)(page))
    stages = [x := _plain(x, 32)]
    stages.append(x := _plain(_plain(x, 48, 2), 48))
    stages.append(x := _plain(_plain(x, 80, 2), 80))
    x = _separable(_separable(_separable(x, 144, 2), 144), 144)
    for channels, finer in ((80, stages[2]), (48, stages[1]), (32, stages[0])):
        x = L.UpSampling2D(2, interpolation="bilinear")(L.Conv2D(channels, 1)(x))
        x = _plain(L.Add()([x, L.Conv2D(channels, 1)(finer)]), channels)
    return keras.Model(page, L.Conv2D(MAPS, 3, padding="same")(x), name="finder")


def loss(maps: tf.Tensor, logits: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    """Cross-entropy and half the Dice loss (Milletari et al. 2016, arXiv 1606.04797), the mean over the batch.

    Args:
        maps: 0 or 1, (B, h, w, MAPS). counts: (B, h, w, 1), 0 where nothing is known.
    """
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(maps, logits) * counts
    guess = tf.sigmoid(logits) * counts
    both = tf.reduce_sum(guess * maps, [1, 2])
    dice = 1 - (2 * both + 1) / (tf.reduce_sum(guess + maps * counts, [1, 2]) + 1)
    return tf.reduce_mean(
        tf.reduce_mean(entropy, [0, 1, 2]) * _ENTROPY + tf.reduce_mean(dice, 0) * _DICE
    )
