"""The network as it reads: the numbers of the trained one, sooner and without what only training needs.

When reading, batch norm is a fixed scale and shift: it goes into the convolution before it (Jacob et al. 2018,
CVPR, arXiv:1712.05877, section 3.2). And for a few lines the LSTMs run over the whole sequence in one kernel,
where Keras runs a loop of small operations with a mask at each frame; each line is turned around within its own
frames for the backward direction, so that padding changes nothing. For many lines the loop's faster matrix
product wins. Tests hold both ways to the logits of the trained model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from htr_utils.network import models

FEW = 8  # lines: up to here the kernel is the faster way (13 against 54 ms for one line, even at eight)


def folded(model: Any, preset: models.Preset) -> Any:
    """The same network without batch norm: a keras.Model whose convolutions hold its scale and shift."""
    layers = {layer.name: layer for layer in model.layers}
    bare = replace(preset, blocks=tuple(replace(block, norm=False) for block in preset.blocks))
    made = models.build(bare, layers["logits"].units // preset.joined)
    for layer in made.layers:
        weights = layers[layer.name].get_weights()
        norm = (
            layers.get(layer.name.replace("conv", "norm"))
            if layer.name.startswith("conv")
            else None
        )
        if norm is not None:
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            weights = [weights[0] * scale, beta - mean * scale]
        if layer.weights:
            layer.set_weights(weights)
    return made


@dataclass(frozen=True)
class Reader:
    """Image (B, H, W, 1) float32 and width (B,) int32 -> log-probabilities (B, T, C) float32.

    Each of its two ways is traced once, at its first use, for any batch size and width. Frames beyond
    `models.frames` hold no meaning.
    """

    few: Any
    many: Any

    def __call__(self, image: np.ndarray, width: np.ndarray) -> np.ndarray:
        return (self.few if len(width) <= FEW else self.many)(image, width).numpy()


def reader(model: Any, preset: models.Preset) -> Reader:
    """The compiled network with the weights that `model` has now."""
    import keras
    import tensorflow as tf

    bare = folded(model, preset)
    features = keras.Model(bare.inputs, bare.get_layer(models.sequence_layer(preset)).output)
    logits = bare.get_layer("logits")
    classes = logits.units // preset.joined

    def lstm(x: Any, layer: Any) -> Any:
        """(T, B, F) -> (T, B, lstm), from the first frame to the last."""
        state, none = tf.zeros((tf.shape(x)[1], preset.lstm)), tf.zeros((preset.lstm,))
        return tf.raw_ops.BlockLSTMV2(
            seq_len_max=tf.shape(x, out_type=tf.int64)[0],
            x=x,
            cs_prev=state,
            h_prev=state,
            w=tf.concat([layer.cell.kernel, layer.cell.recurrent_kernel], 0),
            wci=none,
            wcf=none,
            wco=none,
            b=layer.cell.bias,
            cell_clip=0.0,
            use_peephole=False,
        ).h

    def kernel(image: Any, width: Any) -> Any:
        steps = models.steps(width, preset)
        x = tf.transpose(features({"image": image, "width": width}, training=False), (1, 0, 2))
        if preset.stacked:
            for number in range(1, preset.lstm_layers + 1):
                both = bare.get_layer(f"blstm{number}")
                back = lstm(tf.reverse_sequence(x, steps, 0, 1), both.backward_layer)
                x = tf.concat(
                    [lstm(x, both.forward_layer), tf.reverse_sequence(back, steps, 0, 1)], -1
                )
        else:
            forward, backward = x, tf.reverse_sequence(x, steps, 0, 1)
            for number in range(1, preset.lstm_layers + 1):
                forward = lstm(forward, bare.get_layer(f"forward{number}"))
                backward = lstm(backward, bare.get_layer(f"backward{number}"))
            x = tf.concat([forward, tf.reverse_sequence(backward, steps, 0, 1)], -1)
        answers = logits(tf.transpose(x, (1, 0, 2)))
        return tf.reshape(answers, (tf.shape(answers)[0], -1, classes))

    def loop(image: Any, width: Any) -> Any:
        return bare({"image": image, "width": width}, training=False)["logits"]

    height, fixed = preset.preparation.height, preset.preparation.width
    signature = [
        tf.TensorSpec((None, height, fixed, 1), tf.float32),
        tf.TensorSpec((None,), tf.int32),
    ]
    return Reader(
        *(
            tf.function(
                lambda image, width, way=way: tf.nn.log_softmax(way(image, width)), signature
            )
            for way in (kernel, loop)
        )
    )
