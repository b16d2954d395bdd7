"""A trained network for other programs: as a TensorFlow SavedModel, for TensorFlow Lite, or as ONNX.

Every export takes `image` (B, H, W, 1) float32, 1 = ink, W a multiple of 32, and `width` (B,) int32, the true
columns of each line, and gives `logits` (B, T, C). What a program needs besides stands in a JSON file beside
it: the charset, how a picture is prepared, how many frames belong to a line. Decoding stays with the caller.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines.dataset import PAD_TO
from htr_utils.quiet import hushed

if TYPE_CHECKING:
    from htr_utils.network.archive import Archive

KINDS = {"savedmodel": "", "tflite": ".tflite", "onnx": ".onnx"}
OPSET = 17  # of ONNX; onnxruntime reads it since 1.12


def export(archive: Archive, target: str | Path, kind: str, width: int | None = None) -> Path:
    """Write a network in another format, and its description `<name>.json` beside it.

    Args:
        target: a folder for `savedmodel`, otherwise a file; the ending is added if it is missing.
        kind: one of `KINDS`. `tflite` takes one line at a time, the others any batch.
        width: None for lines of any width, or a fixed number of columns, a multiple of 32, as some runtimes on phones
            want it.

    Returns:
        the path that was written.

    Raises:
        HtrError: an unknown kind, a wrong width, a converter that is missing or fails, a place that is taken.
    """
    if kind not in KINDS:
        raise HtrError(f"no format {kind!r}; choose one of {', '.join(KINDS)}")
    preparation = archive.preset.preparation
    if preparation.width is not None and width not in (None, preparation.width):
        raise HtrError(
            f"this model's lines are {preparation.width} columns wide; leave --width out"
        )
    width = preparation.width if width is None else width
    if width is not None and (width % PAD_TO or not PAD_TO <= width <= 8192):
        raise HtrError(f"--width {width}: must be a multiple of {PAD_TO}, at most 8192")
    path = Path(target)
    if path.suffix != KINDS[kind]:
        path = path.with_name(path.name + KINDS[kind])
    if path.exists() and path.is_dir() != (kind == "savedmodel"):
        raise HtrError(f"{path}: is there already and is no {kind} export; choose another name")
    write = {"savedmodel": _savedmodel, "tflite": _tflite, "onnx": _onnx}[kind]
    write(archive, path, width)
    files.write_text(
        description_file(path), json.dumps(describe(archive, kind, width), indent=1) + "\n"
    )
    return path


def description_file(path: str | Path) -> Path:
    """Where the description of an export is, beside it: `course.onnx.json`, `course.tflite.json`, `course.json`."""
    return Path(path).with_name(Path(path).name + ".json")


def describe(archive: Archive, kind: str, width: int | None) -> dict[str, Any]:
    """All that a program needs to read lines with an export, as plain values."""
    preset, charset = archive.preset, archive.charset
    batch: int | str = 1 if kind == "tflite" else "any"
    return {
        "kind": kind,
        "preset": preset.name,
        "charset": charset.to_json(),
        "classes": charset.classes,
        "blank": 0,
        "preparation": {
            **preset.preparation.to_json(),
            "steps": "grey levels; ink 1, paper 0 (htr_utils.lines.images.normalise); cropped to the ink; scaled "
            "to the height; padded with 0 on the right",
        },
        "inputs": {
            "image": {
                "type": "float32",
                "shape": [batch, preset.preparation.height, width or "any", 1],
            },
            "width": {
                "type": "int32",
                "shape": [batch],
                "meaning": "columns of the line without padding",
            },
        },
        "outputs": {"logits": {"type": "float32", "shape": [batch, "frames", charset.classes]}},
        "width_multiple_of": PAD_TO,
        "frame_step": preset.frame_step,
        "frames": "all"
        if preset.preparation.width
        else "ceil(width / frame_step); later ones are padding",
    }


def _function(archive: Archive, width: int | None, batch: int | None = None) -> tuple[Any, Any]:
    """The network as a compiled function (image, width) -> {"logits"}, and what holds its weights."""
    import tensorflow as tf

    from htr_utils.network import inference

    network = inference.folded(archive.model, archive.preset)
    made = tf.function(
        lambda image, width: {
            "logits": network({"image": image, "width": width}, training=False)["logits"]
        },
        input_signature=[
            tf.TensorSpec(
                (batch, archive.preset.preparation.height, width, 1), tf.float32, name="image"
            ),
            tf.TensorSpec((batch,), tf.int32, name="width"),
        ],
    )
    return made, network


def _savedmodel(archive: Archive, path: Path, width: int | None) -> None:
    import tensorflow as tf

    if path.is_dir() and any(path.iterdir()) and not (path / "saved_model.pb").is_file():
        raise HtrError(f"{path}: is a folder with other files in it; choose another name")
    function, network = _function(archive, width)
    module = tf.Module()
    module.variables_kept = network.variables
    module.read = function
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tf.saved_model.save(module, str(part), signatures=function)
        shutil.rmtree(path, ignore_errors=True)
        part.replace(path)
    except OSError as error:
        raise files.refused(path, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _tflite(archive: Archive, path: Path, width: int | None) -> None:
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    function, _ = _function(archive, width, 1)
    # Its runtime cannot fetch a variable inside the LSTM's loop: the weights become constants first.
    frozen = convert_to_constants.convert_variables_to_constants_v2(
        function.get_concrete_function(), lower_control_flow=False
    )
    constant = tf.function(
        lambda image, width: {"logits": frozen(image, width)[0]},
        input_signature=function.input_signature,
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [constant.get_concrete_function()], tf.Module()
    )
    files.write_bytes(path, _converted("TensorFlow Lite", converter.convert))


def _onnx(archive: Archive, path: Path, width: int | None) -> None:
    try:
        import tf2onnx
    except ImportError as error:
        raise HtrError(
            "ONNX needs tf2onnx; install it with `pip install -e '.[export]'`"
        ) from error
    function, _ = _function(archive, width)

    def convert() -> bytes:
        model, _ = tf2onnx.convert.from_function(
            function, input_signature=function.input_signature, opset=OPSET
        )
        return bytes(model.SerializeToString())

    files.write_bytes(path, _converted("ONNX", convert))


def _converted(name: str, convert: Callable[[], bytes]) -> bytes:
    """Run a converter quietly; what it raises becomes one line."""
    try:
        with hushed():
            return convert()
    except Exception as error:  # converters raise whatever they meet in the graph
        reason = " ".join(str(error).split())[:200]
        raise HtrError(f"the {name} converter failed ({type(error).__name__}: {reason})") from error


def runner(path: str | Path) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """An export as a function (image (B, H, W, 1), width (B,)) -> logits (B, T, C), to check it or to learn from.

    Raises:
        HtrError: not an export, or the runtime is missing.
    """
    file = Path(path)
    if file.suffix == ".onnx":
        try:
            import onnxruntime
        except ImportError as error:
            raise HtrError(
                "reading ONNX needs onnxruntime; install it with `pip install -e '.[export]'`"
            ) from error
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return lambda image, width: session.run(["logits"], {"image": image, "width": width})[0]
    import tensorflow as tf

    if file.suffix == ".tflite":
        with hushed():
            signature = tf.lite.Interpreter(str(file)).get_signature_runner()
        return lambda image, width: np.concatenate(
            [
                signature(image=image[i : i + 1], width=width[i : i + 1])["logits"]
                for i in range(len(width))
            ]
        )
    try:
        loaded = tf.saved_model.load(str(file))
    except OSError as error:
        raise HtrError(f"{path}: is no export; make one with `htr export`") from error
    serve = loaded.signatures["serving_default"]
    return lambda image, width: serve(image=tf.constant(image), width=tf.constant(width))[
        "logits"
    ].numpy()


def difference(archive: Archive, path: str | Path, width: int | None = None) -> float:
    """The largest difference of the logits between the model and its export, on a made-up batch of lines."""
    from htr_utils.network import models, training

    rng = np.random.default_rng(0)
    total = width or archive.preset.preparation.width or 320
    widths = np.array([total, total * 5 // 8], np.int32)
    image = rng.random((2, archive.preset.preparation.height, total, 1), np.float32)
    image[1, :, widths[1] :] = 0
    wanted = training.reader(archive.model)(image, widths).numpy()
    found = runner(path)(image, widths)
    frames = np.asarray(models.frames(widths, archive.preset))
    return max(
        float(np.abs(a[:n] - b[:n]).max()) for a, b, n in zip(wanted, found, frames, strict=True)
    )
