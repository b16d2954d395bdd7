"""What the site's reader needs to look into the network: its layers as further outputs, what a frame sees of a line."""

from __future__ import annotations

from htr_utils.errors import HtrError


def outputs(content: bytes) -> bytes:
    """What, put behind an ONNX file of a line reader, makes what each block hands on a further output of it.

    A protobuf message goes on where its file ends, so the browser looks inside the model that it has already.

    Raises:
        HtrError: not as many layers hand something on as there are convolutions.
    """
    import onnx
    from onnx import TensorProto, helper

    nodes = onnx.load_model_from_string(content).graph.node
    handed = [node.output[0] for node in nodes if node.op_type == "Where"]  # without the padding
    if len(handed) != sum(node.op_type == "Conv" for node in nodes):
        raise HtrError("the model's layers are not those of htr_utils.network.onnx_file; export it")
    more = onnx.ModelProto()
    more.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in handed
    )
    return bytes(more.SerializeToString())


def sees(content: bytes) -> tuple[int, int]:
    """The first and the last column of a prepared line that the convolutions see for its frame 0."""
    import onnx
    from onnx import helper

    first = last = 0
    for node in reversed(onnx.load_model_from_string(content).graph.node):
        if node.op_type in ("Conv", "MaxPool"):
            told = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            step, pads = told["strides"][1], told.get("pads", (0, 0, 0, 0))
            first, last = first * step - pads[1], last * step + step - 1 + pads[3]
    return first, last
