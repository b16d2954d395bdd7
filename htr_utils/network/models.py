"""Presets: a name and its settings -> a keras.Model that turns pictures of lines into logits.

Every model takes `{"image": (B, H, W, 1) float32, "width": (B,) int32}` and gives logits (B, T, C).
`width` is the line's own width: columns to its right are padding and change nothing. After a convolution's
bias or a batch norm padding is no longer zero, so it is set to zero again after each block, and both
directions of the LSTM skip it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from htr_utils.errors import HtrError
from htr_utils.lines.images import Preparation


@dataclass(frozen=True)
class Block:
    """One convolution block: `kernel` x `kernel` convolution of `stride`, then a pooling (rows, columns).

    residual: what came in is added to what the convolution makes of it (He et al. 2016, CVPR, arXiv:1512.03385);
    channels and size must be alike.
    """

    channels: int
    kernel: int = 3
    stride: int = 1
    pool: tuple[int, int] = (1, 1)
    norm: bool = True
    residual: bool = False


@dataclass(frozen=True)
class Preset:
    """All that decides a network's shape.

    stacked: True = a true stacked bidirectional LSTM; False = two one-way stacks joined once at the top, as in
    the reference system. shortcut: a 1x3 convolution on the features that a second CTC loss trains.
    joined: frames that the LSTMs read, and answer, in one step: half the steps take half the time on a CPU.
    """

    name: str
    preparation: Preparation
    blocks: tuple[Block, ...]
    lstm: int
    lstm_layers: int = 2
    stacked: bool = True
    leak: float = 0.0
    column_max: bool = True
    dropout: float = 0.2
    shortcut: bool = True
    joined: int = 1

    @property
    def frame_step(self) -> int:
        """Columns of the picture per frame."""
        step = 1
        for block in self.blocks:
            step *= block.stride * block.pool[1]
        return step

    def to_json(self) -> dict[str, Any]:
        """The name and the switches; the rest follows from the name."""
        return {"name": self.name, "stacked": self.stacked, "preparation": asdict(self.preparation)}


def _course() -> Preset:
    blocks = (
        Block(24, kernel=5, stride=2),
        Block(32, pool=(2, 2)),
        Block(64),
        Block(64, pool=(2, 1)),
        Block(96),
        Block(96, pool=(2, 1)),
        Block(160),
    )
    return Preset("course", Preparation(48), blocks, lstm=128)


def _wide() -> Preset:
    # Sizes of a line 800 columns wide after each block: 24x400, 12x200, 6x200, 6x200, 3x200, 3x200, 3x200.
    blocks = (
        Block(24, kernel=5, stride=2),
        Block(64, stride=2),
        Block(64, pool=(2, 1), residual=True),
        Block(128),
        Block(128, pool=(2, 1), residual=True),
        Block(192),
        Block(192, residual=True),
    )
    return Preset("wide", Preparation(48), blocks, lstm=192, joined=2)


def _reference() -> Preset:
    # Sizes after each block, rows x columns: 32x400, 16x400, 8x200, 8x200, 4x100, 2x100, 1x100.
    blocks = (
        Block(64, kernel=5, pool=(2, 2), norm=False),
        Block(128, kernel=5, pool=(2, 1), norm=False),
        Block(128, pool=(2, 2)),
        Block(256, norm=False),
        Block(256, pool=(2, 2), norm=False),
        Block(512, pool=(2, 1)),
        Block(512, pool=(2, 1), norm=False),
    )
    plain: dict[str, Any] = {"column_max": False, "dropout": 0.0, "shortcut": False}
    return Preset("reference", Preparation(64, 800), blocks, lstm=512, leak=0.01, **plain)


PRESETS = {"course": _course, "wide": _wide, "reference": _reference}


def preset(name: str, *, stacked: bool | None = None) -> Preset:
    """The preset of that name.

    Args:
        name: `course` (about 1.1 M parameters, height 48, a frame every 4 columns), `wide` (2.7 M, the same frames,
            two read in one step) or `reference` (the network of the reference system: 64 x 800, 100 frames of
            512 features, LSTMs of 512).
        stacked: for `reference`: True for the true stacked BLSTM (15.4 M parameters, the default), False for
            its own one-way stacks joined at the top (13.3 M).
    """
    if name not in PRESETS:
        raise HtrError(f"no preset {name!r}; choose one of {', '.join(PRESETS)}")
    chosen = PRESETS[name]()
    return chosen if stacked is None else replace(chosen, stacked=stacked)


@contextlib.contextmanager
def built_for(precision: str) -> Iterator[None]:
    """Models that are built meanwhile are trained in this precision; HtrError for an unknown one."""
    names = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
    if precision not in names:
        raise HtrError(f"precision {precision!r}: use one of {', '.join(names)}")
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(names[precision])
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)


@keras.saving.register_keras_serializable("htr_utils")
class KeepWidth(layers.Layer):
    """Set the columns right of each line's width to zero.

    Inputs: features (B, H, W, C) and widths (B,), in columns of these features.
    """

    def call(self, features: Any, widths: Any) -> Any:
        columns = ops.arange(ops.shape(features)[2])
        keep = ops.cast(columns[None, :] < widths[:, None], features.dtype)
        return features * keep[:, None, :, None]


@keras.saving.register_keras_serializable("htr_utils")
class FrameMask(layers.Layer):
    """Which frames belong to the line: feature sequence (B, T, F) and frames (B,) -> (B, T) bool."""

    def call(self, features: Any, columns: Any) -> Any:
        return ops.arange(ops.shape(features)[1])[None, :] < columns[:, None]


@keras.saving.register_keras_serializable("htr_utils")
class Reverse(layers.Layer):
    """The last frame first: (B, T, F) -> (B, T, F)."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, features: Any) -> Any:
        return ops.flip(features, axis=1)


@keras.saving.register_keras_serializable("htr_utils")
class BLSTM(layers.Layer):
    """One bidirectional LSTM layer (Graves & Schmidhuber 2005, Neural Networks 18): (B, T, F) -> (B, T, 2 * units).

    With a mask the backward direction begins at each line's own last frame: the line is turned around within its
    frames, read, and turned back. `keras.layers.Bidirectional` gives the same numbers there, but looks at its mask
    at every step, which costs a third of the time on a CPU. Frames outside the mask hold no meaning.
    """

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.supports_masking = units, True
        shared = {"return_sequences": True, "dtype": self.dtype_policy}
        self.forward_layer = layers.LSTM(units, name="forward", **shared)
        self.backward_layer = layers.LSTM(units, name="backward", **shared)

    def build(self, shape: Any) -> None:
        self.forward_layer.build(shape)
        self.backward_layer.build(shape)

    def call(self, features: Any, mask: Any = None) -> Any:
        import tensorflow as tf

        steps = tf.fill([tf.shape(features)[0]], tf.shape(features)[1])
        if mask is not None:
            steps = tf.reduce_sum(tf.cast(mask, tf.int32), 1)
        turned = tf.reverse_sequence(features, steps, seq_axis=1)
        backward = tf.reverse_sequence(self.backward_layer(turned), steps, seq_axis=1)
        return tf.concat([self.forward_layer(features), backward], -1)

    def compute_mask(self, features: Any, mask: Any = None) -> Any:
        return None  # what comes after treats every frame alike

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], 2 * self.units)


def _shrunk(widths: Any, factor: int) -> Any:
    """Widths in columns after a step of `factor`, rounded up: (B,) int32."""
    return (widths + (factor - 1)) // factor if factor > 1 else widths


def frames(widths: np.ndarray | Any, chosen: Preset) -> Any:
    """How many frames the model gives for lines of these widths: (B,) int32."""
    if chosen.preparation.width is not None:
        return widths * 0 + chosen.preparation.width // chosen.frame_step
    return _shrunk(widths, chosen.frame_step)


def steps(widths: np.ndarray | Any, chosen: Preset) -> Any:
    """How many steps the LSTMs take along lines of these widths: (B,) int32."""
    return _shrunk(frames(widths, chosen), chosen.joined)


def sequence_layer(chosen: Preset) -> str:
    """The name of the layer whose output the first LSTM reads."""
    return "join" if chosen.joined > 1 else "column_max" if chosen.column_max else "columns"


def build(chosen: Preset, classes: int) -> keras.Model:
    """The network of a preset.

    Args:
        classes: characters + 1 for the blank, which is class 0.

    Returns:
        keras.Model: {"image": (B, H, W, 1), "width": (B,)} -> {"logits": (B, T, classes)} and, where the
        preset has it, {"shortcut": (B, T, classes)}. W must be a multiple of `frame_step`.
    """
    height, fixed = chosen.preparation.height, chosen.preparation.width
    image = keras.Input((height, fixed, 1), name="image")
    width = keras.Input((), dtype="int32", name="width")
    x, columns = image, width
    for number, block in enumerate(chosen.blocks, 1):
        before = x
        x = layers.Conv2D(
            block.channels,
            block.kernel,
            strides=block.stride,
            padding="same",
            use_bias=not block.norm,
            kernel_initializer="he_normal",
            name=f"conv{number}",
        )(x)
        if block.norm:
            x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"norm{number}")(x)
        if block.residual:
            x = layers.Add(name=f"add{number}")([x, before])
        leaky = layers.LeakyReLU(chosen.leak, name=f"relu{number}") if chosen.leak else None
        x = (leaky or layers.ReLU(name=f"relu{number}"))(x)
        columns = _shrunk(columns, block.stride)
        if block.pool != (1, 1):
            x = layers.MaxPooling2D(block.pool, padding="same", name=f"pool{number}")(x)
            columns = _shrunk(columns, block.pool[1])
        if fixed is None:
            x = KeepWidth(name=f"keep{number}")(x, columns)
    if chosen.column_max:
        x = layers.Lambda(_column_max, name="column_max")(x)
    else:
        x = layers.Reshape((-1, x.shape[1] * x.shape[-1]), name="columns")(x)
    features = x  # (B, T, F): the feature sequence
    mask = None
    if fixed is None:
        mask = FrameMask(name="frames")(features, columns)
    outputs: dict[str, Any] = {}
    if chosen.shortcut:
        options = {"padding": "same", "dtype": "float32", "name": "shortcut"}
        outputs["shortcut"] = layers.Conv1D(classes, 3, **options)(features)
    if chosen.joined > 1:
        features = layers.Reshape((-1, chosen.joined * features.shape[-1]), name="join")(features)
        mask = FrameMask(name="steps")(features, _shrunk(columns, chosen.joined))
    sequence = _blstm(features, mask, chosen)
    sequence = layers.Dropout(chosen.dropout, name="drop")(sequence) if chosen.dropout else sequence
    sequence = layers.Dense(chosen.joined * classes, dtype="float32", name="logits")(sequence)
    if chosen.joined > 1:
        sequence = layers.Reshape((-1, classes), dtype="float32", name="part")(sequence)
    outputs["logits"] = sequence
    return keras.Model({"image": image, "width": width}, outputs, name=chosen.name)


def _column_max(x: Any) -> Any:
    return ops.max(x, axis=1)


def _blstm(features: Any, mask: Any, chosen: Preset) -> Any:
    """The recurrent part: (B, T, F) -> (B, T, 2 * lstm)."""
    size, depth = chosen.lstm, chosen.lstm_layers

    def lstm(name: str, backwards: bool = False) -> layers.LSTM:
        return layers.LSTM(size, return_sequences=True, go_backwards=backwards, name=name)

    if chosen.stacked:
        x = features
        for layer in range(1, depth + 1):
            x = layers.Dropout(chosen.dropout, name=f"drop{layer}")(x) if chosen.dropout else x
            x = BLSTM(size, dtype="float32", name=f"blstm{layer}")(x, mask=mask)
        return x
    forward = backward = features
    for layer in range(1, depth + 1):
        forward = lstm(f"forward{layer}")(forward, mask=mask)
    for layer in range(1, depth + 1):
        # Each reads from the right, and its answer is turned back, so that the mask fits the next one too.
        backward = lstm(f"backward{layer}", backwards=True)(backward, mask=mask)
        backward = Reverse(name=f"turned{layer}")(backward)
    return layers.Concatenate(name="joined")([forward, backward])


def macs(chosen: Preset, classes: int, width: int | None = None) -> int:
    """Multiply-accumulate operations for one line of `width` columns (the preset's own when fixed)."""
    rows, columns = chosen.preparation.height, chosen.preparation.width or width
    if columns is None:
        raise HtrError(
            "this preset keeps the line's width; say for which width the operations are counted"
        )
    total, channels = 0, 1
    for block in chosen.blocks:
        rows, columns = -(-rows // block.stride), -(-columns // block.stride)
        total += rows * columns * block.kernel**2 * channels * block.channels
        rows, columns = -(-rows // block.pool[0]), -(-columns // block.pool[1])
        channels = block.channels
    inputs = (channels if chosen.column_max else channels * rows) * chosen.joined
    columns = -(-columns // chosen.joined)
    for layer in range(chosen.lstm_layers):
        below = inputs if layer == 0 else (2 * chosen.lstm if chosen.stacked else chosen.lstm)
        total += columns * 2 * 4 * chosen.lstm * (below + chosen.lstm)
    return total + columns * 2 * chosen.lstm * classes * chosen.joined
