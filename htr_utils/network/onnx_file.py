"""A trained line reader as one ONNX file: what reads it needs neither TensorFlow nor this package.

The graph is written operator by operator from the weights, so that three things hold for every line, alone or in
a batch, with little padding or much: columns right of its width are zero after each block, the backward LSTM begins
at the line's own last frame (`sequence_lens`), and no scale depends on what else is read. Batch norm is folded into
the convolution before it and convolutions may have 8 bits (Jacob et al. 2018, CVPR, arXiv:1712.05877): weights
per channel, activations with one scale a layer, measured on lines of the training set. Weights use 7 of their 8 bits:
processors without VNNI add two products in 16 bits and clip the sum (`reduce_range` in ONNX Runtime's words).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from htr_utils import files
from htr_utils.engines import onnx as engine
from htr_utils.lines import recipe
from htr_utils.lines.padding import PAD_TO, collate
from htr_utils.network import archive as archives

if TYPE_CHECKING:
    from htr_utils.network.archive import Archive

OPSET, IR = 17, 8  # ONNX Runtime reads them since 1.12
LEVELS = 63  # of an 8-bit weight, on either side of zero
SCALE_LINES = 64  # that decide the scales of 8-bit convolutions
EVERY = 13  # of how many activations one is looked at
Scales = dict[str, tuple[float, int]]


class Graph:
    """Operators in order, each with one output that is named after it."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def __call__(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        from onnx import helper

        name = name or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def constant(self, value: Any, kind: Any, name: str = "") -> str:
        from onnx import numpy_helper

        name = name or f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def weight(self, value: np.ndarray, name: str) -> str:
        """A float32 constant, kept in 16 bits where that loses nothing, as it does for what a `.keras` file holds."""
        half = value.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), value):
            return self.constant(value, np.float32, name)
        return self("Cast", self.constant(half, np.float16, f"{name}_half"), to=1, name=name)


class _Writer(Graph):
    """The graph of one network. scales: of each block's activations, for 8-bit convolutions; None for float32."""

    def __init__(self, archive: Archive, scales: Scales | None) -> None:
        super().__init__()
        self.preset, self.scales = archive.preset, scales
        self.layers = {layer.name: layer for layer in archive.model.layers}
        self.classes = archive.charset.classes
        self.seen: list[str] = []  # activations whose scales are to be known

    def scale(self, name: str) -> tuple[str, str]:
        """Scale and zero point of an activation in 8 bits; zero is always exact."""
        assert self.scales is not None
        step, zero = self.scales[name]
        return (
            self.constant(step, np.float32, f"{name}_scale"),
            self.constant(zero, np.uint8, f"{name}_zero"),
        )

    def folded(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Weights (out, in, rows, columns) and bias (out,) of a convolution, batch norm in them."""
        weights = [w.astype(np.float64) for w in self.layers[f"conv{number}"].get_weights()]
        norm = self.layers.get(f"norm{number}")
        if norm is not None:
            gamma, beta, mean, variance = (w.astype(np.float64) for w in norm.get_weights())
            scale = gamma / np.sqrt(variance + norm.epsilon)
            weights = [weights[0] * scale, beta - mean * scale]
        return weights[0].transpose(3, 2, 0, 1), weights[1]

    def conv(self, given: tuple[str, str], number: int, out: str) -> str:
        """A convolution of (value, name of its scale); in 8 bits it is clipped to what `out` can hold."""
        x, source = given
        block, name = self.preset.blocks[number - 1], f"conv{number}"
        kernel, bias = self.folded(number)
        # Keras' "same" padding, for sizes that are multiples of the stride.
        pad = max(block.kernel - block.stride, 0)
        pads = [pad // 2, pad // 2, pad - pad // 2, pad - pad // 2]
        shape: dict[str, Any] = {"strides": [block.stride] * 2, "pads": pads, "name": name}
        if self.scales is None:
            kept = self.constant(kernel, np.float32), self.constant(bias, np.float32)
            return self("Conv", x, *kept, **shape)
        steps = _steps(kernel.reshape(len(kernel), -1), -LEVELS, LEVELS).astype(np.float32)
        whole = np.clip(np.round(kernel / steps[:, None, None, None]), -LEVELS, LEVELS)
        return self(
            "QLinearConv",
            x,
            f"{source}_scale",
            f"{source}_zero",
            self.constant(whole, np.int8),
            self.constant(steps, np.float32),
            self.constant(np.zeros(len(steps)), np.int8),
            *self.scale(out),
            self.constant(np.round(bias / (steps * self.scales[source][0])), np.int32),
            **shape,
        )

    def blocks(self, image: str, width: str) -> tuple[str, str]:
        """Image (B, 1, H, W) -> features (B, C, h, w) and the true columns (B,) of them."""
        preset, quick = self.preset, self.scales is not None
        x, columns, source = image, width, "image"
        if quick:
            x = self("QuantizeLinear", x, *self.scale("image"))
        for number, block in enumerate(preset.blocks, 1):
            name, before = f"relu{number}", (x, source)
            # A ReLU alone is what clipping at zero does: then 8 bits go straight into 8 bits.
            plain = quick and not block.residual and not preset.leak
            out = name if plain else f"conv{number}"
            x = self.conv((x, source), number, out)
            if not plain:
                x = self.floats(x, out)
                if block.residual:
                    x = self("Add", x, self.floats(*before))
                leak = {"alpha": preset.leak} if preset.leak else {}
                x = self("LeakyRelu" if leak else "Relu", x, name=name, **leak)
                x = self("QuantizeLinear", x, *self.scale(name)) if quick else x
            self.seen += [f"conv{number}", name]
            source, columns = name, self.shrunk(columns, block.stride)
            if block.pool != (1, 1):
                x = self("MaxPool", x, kernel_shape=block.pool, strides=block.pool)
                columns = self.shrunk(columns, block.pool[1])
            if preset.preparation.width is None:
                x = self.kept(x, columns, f"{source}_zero" if quick else "nothing")
        if preset.column_max:
            x = self("ReduceMax", x, axes=[2], keepdims=1)
        return self.floats(x, source), columns

    def floats(self, x: str, name: str) -> str:
        """An activation as float32 again, where it is not so already."""
        if self.scales is None:
            return x
        return self("DequantizeLinear", x, f"{name}_scale", f"{name}_zero")

    def shrunk(self, widths: str, factor: int) -> str:
        """Widths after a step of `factor`, rounded up: (B,) int32."""
        if factor == 1:
            return widths
        more = self("Add", widths, self.constant([factor - 1], np.int32))
        return self("Div", more, self.constant([factor], np.int32))

    def kept(self, x: str, columns: str, nothing: str) -> str:
        """Zero right of each line's own columns."""
        numbers = [self.constant(value, np.int64) for value in (0, 3, 1)]
        total = self("Gather", self("Shape", x), numbers[1])
        places = self("Cast", self("Range", numbers[0], total, numbers[2]), to=6)
        edges = self("Reshape", columns, self.constant([-1, 1, 1, 1], np.int64))
        return self("Where", self("Less", places, edges), x, nothing)

    def lstm(self, x: str, cells: Sequence[Any], lengths: str, direction: str, name: str) -> str:
        """(T, B, F) -> (T, B, units a cell), each direction within the line's own frames."""

        def gates(weights: np.ndarray) -> np.ndarray:
            """Keras: input, forget, cell, output; ONNX: input, output, forget, cell, in rows."""
            i, f, c, o = np.split(weights, 4, axis=-1)
            return np.concatenate([i, o, f, c], -1).T

        units = cells[0].units
        kept = [
            self.weight(np.stack([gates(np.asarray(w)) for w in given]), f"{name}_{part}")
            for part, given in (
                ("input", [cell.kernel for cell in cells]),
                ("recurrent", [cell.recurrent_kernel for cell in cells]),
            )
        ]
        bias = np.stack(
            [np.concatenate([gates(np.asarray(cell.bias)), np.zeros(4 * units)]) for cell in cells]
        )
        kept.append(self.weight(bias.astype(np.float32), f"{name}_bias"))
        states = self("LSTM", x, *kept, lengths, name=name, direction=direction, hidden_size=units)
        states = self("Transpose", states, perm=[0, 2, 1, 3])
        return self("Reshape", states, self.constant([0, 0, len(cells) * units], np.int64))

    def recurrent(self, x: str, lengths: str) -> str:
        """(T, B, F) -> (T, B, 2 * lstm)."""
        numbers = range(1, self.preset.lstm_layers + 1)
        if self.preset.stacked:
            for number in numbers:
                both = self.layers[f"blstm{number}"]
                cells = both.forward_layer.cell, both.backward_layer.cell
                x = self.lstm(x, cells, lengths, "bidirectional", f"blstm{number}")
            return x
        ends = []
        for way, direction in (("forward", "forward"), ("backward", "reverse")):
            y = x
            for number in numbers:
                cell = self.layers[f"{way}{number}"].cell
                y = self.lstm(y, [cell], lengths, direction, f"{way}{number}")
            ends.append(y)
        return self("Concat", *ends, axis=-1)

    def whole(self) -> None:
        """From `image` and `width` to `logits`."""
        preset = self.preset
        self.constant(0, np.float32, "nothing")
        height = preset.preparation.height
        image = self("Reshape", "image", self.constant([0, 1, height, -1], np.int64))
        x, columns = self.blocks(image, "width")
        if preset.preparation.width is not None:
            frames = preset.preparation.width // preset.frame_step
            nothing = self("Mul", "width", self.constant([0], np.int32))
            columns = self("Add", nothing, self.constant([frames], np.int32))
        x = self("Transpose", x, perm=[0, 3, 2, 1])  # (B, w, h, C)
        features = preset.blocks[-1].channels * preset.joined
        rows = 1 if preset.column_max else preset.preparation.height // self.shrinks()
        x = self("Reshape", x, self.constant([0, -1, rows * features], np.int64))
        x = self("Transpose", x, perm=[1, 0, 2])
        x = self.recurrent(x, self.shrunk(columns, preset.joined))
        kernel, bias = self.layers["logits"].get_weights()
        x = self("MatMul", x, self.weight(kernel, "logits_weights"))
        x = self("Add", x, self.weight(bias, "logits_bias"))
        x = self("Transpose", x, perm=[1, 0, 2])
        self("Reshape", x, self.constant([0, -1, self.classes], np.int64), name="logits")

    def shrinks(self) -> int:
        """Rows of the picture per row of the last block."""
        return math.prod(block.stride * block.pool[0] for block in self.preset.blocks)

    def file(self, about: dict[str, Any], outputs: Sequence[str] = ()) -> bytes:
        """The file; `outputs`: further values that are given back."""
        from onnx import TensorProto, checker, helper

        height, columns = about["inputs"]["image"]["shape"][1:3]
        size = ["batch", height, "columns" if columns == "any" else columns, 1]
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (
                ("image", size),
                ("logits", ["batch", "frames", self.classes]),
                *((name, [None] * 4) for name in outputs),
            )
        ]
        width = helper.make_tensor_value_info("width", TensorProto.INT32, ["batch"])
        graph = helper.make_graph(
            self.nodes, "line_reader", [values[0], width], values[1:], self.constants
        )
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR)
        helper.set_model_props(model, {engine.KEY: json.dumps(about)})
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())


def describe(archive: Archive, made_from: str = "", width: int | None = None) -> dict[str, Any]:
    """All that a program needs to read lines with a network, as plain values.

    Args:
        made_from: sha256 of the model's file. width: of the picture, where it is fixed.
    """
    preset, charset = archive.preset, archive.charset
    preparation = preset.preparation
    shape = ["any", preparation.height, width or preparation.width or "any", 1]
    meaning = "columns of the line without padding"
    frames = "all" if preparation.width else "ceil(width / frame_step); later ones are padding"
    return {
        "preset": preset.name,
        "made_from": made_from,
        "charset": charset.to_json(),
        "classes": charset.classes,
        "blank": charset.blank,
        "preparation": preparation.to_json(),
        "steps": recipe.steps(preparation),
        "inputs": {
            "image": {"type": "float32", "shape": shape},
            "width": {"type": "int32", "shape": shape[:1], "meaning": meaning},
        },
        "outputs": {"logits": {"type": "float32", "shape": ["any", "frames", charset.classes]}},
        "width_multiple_of": PAD_TO,
        "frame_step": preset.frame_step,
        "frames": frames,
    }


def build(
    archive: Archive, made_from: str = "", inks: Sequence[np.ndarray] = (), width: int | None = None
) -> bytes:
    """The ONNX file of a line reader, what `describe` says in its metadata.

    Inputs `image` (B, H, W, 1) float32, 1 = ink, W a multiple of 32, and `width` (B,) int32, the true columns of
    each line; output `logits` (B, T, C) float32.

    Args:
        made_from: sha256 of the `.keras` file.
        inks: prepared lines of the training set, uint8 (H, w), true widths; a hundred are enough. With them the
            convolutions get 8 bits, without they stay float32.
        width: a fixed number of columns, a multiple of 32, for runtimes that want it.
    """
    about = describe(archive, made_from, width)
    about["convolutions"] = "8 bit" if inks else "float32"
    writer = _Writer(archive, _scales(archive, about, inks) if inks else None)
    writer.whole()
    return writer.file(about)


def write_beside(file: str | Path, inks: Sequence[np.ndarray] = ()) -> Path:
    """Write the `.onnx` file of a model beside it; see `build`.

    Raises:
        HtrError: as `archive.load`; it cannot be written.
    """
    target = Path(file).with_suffix(".onnx")
    files.write_bytes(target, build(archives.load(file), files.sha256(file), inks))
    return target


def _scales(archive: Archive, about: dict[str, Any], inks: Sequence[np.ndarray]) -> Scales:
    """Step and zero point of each block's activations, from what they are on these lines."""
    writer = _Writer(archive, None)
    writer.whole()
    session = engine.session(writer.file(about, writer.seen), threads=0)
    samples: dict[str, list[np.ndarray]] = {name: [] for name in writer.seen}
    for ink in inks:
        batch = collate([ink], [np.zeros(0, np.int32)], [0])
        values = session.run(writer.seen, {"image": batch.image, "width": batch.width})
        for name, value in zip(writer.seen, values, strict=True):
            samples[name].append(value.ravel()[::EVERY])
    scales: Scales = {"image": (1 / 255, 0)}
    for name, parts in samples.items():
        sample, number = np.concatenate(parts), int(name[4:])
        if name.startswith("conv") and archive.preset.blocks[number - 1].residual:
            # Where the sum stays below zero the ReLU takes it anyway.
            step, zero = scales[f"relu{number - 1}"]
            sample = np.maximum(sample, -(255 - zero) * step)
        low, high = min(0.0, float(sample.min())), max(1e-6, float(sample.max()))
        zero = round(-255 * low / (high - low))
        scales[name] = float(_steps(sample[None], -zero, 255 - zero)[0]), zero
    return scales


def _steps(values: np.ndarray, low: int, high: int) -> np.ndarray:
    """For each row of values (n, k) the step (n,) at which the whole numbers from `low` to `high` lose least.

    A little is clipped for finer steps: least squares over shares of the greatest value.
    """
    widest = np.maximum(values.max(1) / high, values.min(1) / low if low else 0) + 1e-9
    best, least = widest, np.full(len(values), np.inf)
    for share in np.linspace(0.75, 1, 26):
        step = (widest * share)[:, None]
        lost = ((np.clip(np.round(values / step), low, high) * step - values) ** 2).sum(1)
        best, least = np.where(lost < least, step[:, 0], best), np.minimum(lost, least)
    return best
