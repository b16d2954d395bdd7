"""The line finder as an ONNX file, operator by operator from its Keras layers; batch norm goes into the convolutions.

`quantise` makes the convolutions 8-bit: weights per channel, one scale a layer for the activations, measured on pages
(Jacob et al. 2018, CVPR, arXiv 1712.05877).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

OPSET, IR = 17, 8  # ONNX Runtime reads them since 1.12


class _Graph:
    """Nodes in order, each with one output that has its name; constants beside them."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, name: str, inputs: Iterable[str], **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, list(inputs), [name], name, **attributes))
        return name

    def constant(self, name: str, value: np.ndarray) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def conv(
        self, name: str, x: str, kernel: np.ndarray, bias: np.ndarray, stride: int, groups: int = 1
    ) -> str:
        """kernel: (rows, columns, in / groups, out). Padding: Keras' "same", for multiples of the stride."""
        pad = max(kernel.shape[0] - stride, 0)
        inputs = [
            x,
            self.constant(f"{name}_kernel", kernel.transpose(3, 2, 0, 1).astype(np.float32)),
            self.constant(f"{name}_bias", bias.astype(np.float32)),
        ]
        pads = [pad // 2, pad // 2, pad - pad // 2, pad - pad // 2]
        return self.add("Conv", name, inputs, strides=[stride] * 2, pads=pads, group=groups)


def build(model: Any) -> bytes:
    """The ONNX file of a finder: `page` float32 (1, H, W, 1) -> `maps` float32 (1, H / 4, W / 4, C), logits."""
    from onnx import TensorProto, checker, helper

    graph, outputs = _Graph(), {}
    for layer in model.layers:
        kind, name = type(layer).__name__, layer.name
        if kind == "InputLayer":
            outputs[name] = graph.add("Transpose", name, ["page"], perm=[0, 3, 1, 2])
            continue
        given = [outputs[one.name] for one in _before(layer)]
        if kind == "BatchNormalization":
            outputs[name] = given[0]
        elif kind == "ReLU":
            outputs[name] = graph.add("Relu", name, given)
        elif kind == "Add":
            outputs[name] = graph.add("Add", name, given)
        elif kind == "UpSampling2D":
            scales = graph.constant(f"{name}_scales", np.array([1, 1, 2, 2], np.float32))
            outputs[name] = graph.add("Resize", name, [*given, "", scales], mode="linear")
        else:
            outputs[name] = _convolution(graph, layer, given[0])
    graph.add("Transpose", "maps", [outputs[model.layers[-1].name]], perm=[0, 2, 3, 1])
    count = model.output_shape[-1]
    page = helper.make_tensor_value_info("page", TensorProto.FLOAT, [1, "height", "width", 1])
    maps = helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, "rows", "columns", count])
    made = helper.make_model(
        helper.make_graph(graph.nodes, "line_finder", [page], [maps], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR,
    )
    checker.check_model(made, full_check=True)
    return bytes(made.SerializeToString())


def _before(layer: Any) -> list[Any]:
    return [node.operation for node in layer._inbound_nodes[0].parent_nodes]


def _convolution(graph: _Graph, layer: Any, x: str) -> str:
    """A plain or separable convolution with the batch norm that follows it."""
    weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
    stride = layer.strides[0]
    if type(layer).__name__ == "SeparableConv2D":
        depth = weights.pop(0)  # (rows, columns, in, 1)
        channels = depth.shape[2]
        nothing = np.zeros(channels)
        x = graph.conv(
            f"{layer.name}_each", x, depth.transpose(0, 1, 3, 2), nothing, stride, channels
        )
        stride = 1
    kernel = weights[0]
    bias = weights[1] if len(weights) > 1 else np.zeros(kernel.shape[-1])
    after = [node.operation for node in layer._outbound_nodes]
    if after and type(after[0]).__name__ == "BatchNormalization":
        gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in after[0].get_weights())
        scale = gamma / np.sqrt(variance + after[0].epsilon)
        kernel, bias = kernel * scale, (bias - mean) * scale + beta
    return graph.conv(layer.name, x, kernel, bias, stride)


def quantise(content: bytes, pictures: Iterable[np.ndarray]) -> bytes:
    """The same with 8-bit convolutions; pictures: what the network sees, float32 (1, H, W, 1), a few dozen."""
    from onnxruntime import quantization as q

    class Pages(q.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest: Iterator[np.ndarray] = iter(pictures)

        def get_next(self) -> dict[str, np.ndarray] | None:
            page = next(self.rest, None)
            return None if page is None else {"page": page}

    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        whole.write_bytes(content)
        q.quantize_static(
            str(whole),
            str(small),
            Pages(),
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,  # processors without VNNI clip sums of full 8 bits
            activation_type=q.QuantType.QUInt8,
            weight_type=q.QuantType.QInt8,
        )
        return small.read_bytes()
