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

from htr_utils.network.onnx_file import IR, OPSET, Graph


def _conv(
    graph: Graph,
    name: str,
    x: str,
    kernel: np.ndarray,
    bias: np.ndarray,
    stride: int,
    groups: int = 1,
) -> str:
    """kernel: (rows, columns, in / groups, out). Padding: Keras' "same", for multiples of the stride."""
    pad = max(kernel.shape[0] - stride, 0)
    weights = graph.constant(kernel.transpose(3, 2, 0, 1), np.float32, f"{name}_kernel")
    more = graph.constant(bias, np.float32, f"{name}_bias")
    shape: dict[str, Any] = {"strides": [stride] * 2, "group": groups}
    shape["pads"] = [pad // 2, pad // 2, pad - pad // 2, pad - pad // 2]
    return graph("Conv", x, weights, more, name=name, **shape)


def build(model: Any) -> bytes:
    """The ONNX file of a finder: `page` float32 (1, H, W, 1) -> `maps` float32 (1, H / 4, W / 4, C), logits."""
    from onnx import TensorProto, checker, helper

    graph, outputs = Graph(), {}
    for layer in model.layers:
        kind, name = type(layer).__name__, layer.name
        if kind == "InputLayer":
            outputs[name] = graph("Transpose", "page", name=name, perm=[0, 3, 1, 2])
            continue
        given = [outputs[one.name] for one in _before(layer)]
        if kind == "BatchNormalization":
            outputs[name] = given[0]
        elif kind == "ReLU":
            outputs[name] = graph("Relu", *given, name=name)
        elif kind == "Add":
            outputs[name] = graph("Add", *given, name=name)
        elif kind == "UpSampling2D":
            scales = graph.constant([1, 1, 2, 2], np.float32, f"{name}_scales")
            outputs[name] = graph("Resize", *given, "", scales, name=name, mode="linear")
        else:
            outputs[name] = _convolution(graph, layer, given[0])
    graph("Transpose", outputs[model.layers[-1].name], name="maps", perm=[0, 2, 3, 1])
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


def _convolution(graph: Graph, layer: Any, x: str) -> str:
    """A plain or separable convolution with the batch norm that follows it."""
    weights = [np.asarray(w, np.float64) for w in layer.get_weights()]
    stride = layer.strides[0]
    if type(layer).__name__ == "SeparableConv2D":
        depth = weights.pop(0)  # (rows, columns, in, 1)
        channels = depth.shape[2]
        nothing = np.zeros(channels)
        each = depth.transpose(0, 1, 3, 2)
        x = _conv(graph, f"{layer.name}_each", x, each, nothing, stride, channels)
        stride = 1
    kernel = weights[0]
    bias = weights[1] if len(weights) > 1 else np.zeros(kernel.shape[-1])
    after = [node.operation for node in layer._outbound_nodes]
    if after and type(after[0]).__name__ == "BatchNormalization":
        gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in after[0].get_weights())
        scale = gamma / np.sqrt(variance + after[0].epsilon)
        kernel, bias = kernel * scale, (bias - mean) * scale + beta
    return _conv(graph, layer.name, x, kernel, bias, stride)


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
