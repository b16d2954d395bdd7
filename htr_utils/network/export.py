"""A trained network for other programs: as a TensorFlow SavedModel, for TensorFlow Lite, or as ONNX.

Every export takes `image` (B, H, W, 1) float32, 1 = ink, W a multiple of 32, and `width` (B,) int32, the true
columns of each line, and gives `logits` (B, T, C). What a program needs besides stands in a JSON file beside
it: the charset, how a picture is prepared, how many frames belong to a line. Decoding stays with the caller.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from htr_utils import engines, files, paths
from htr_utils.engines.onnx import OnnxEngine
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images
from htr_utils.lines.padding import PAD_TO, collate, to_bytes
from htr_utils.network import onnx_file
from htr_utils.quiet import hushed

if TYPE_CHECKING:
    from htr_utils.network.archive import Archive

KINDS = {"savedmodel": "", "tflite": ".tflite", "onnx": ".onnx"}
MOST_APART = 1e-3  # of an export's logits from the model's, where no weight was rounded
LEAST_ALIKE = 0.98  # of the frames whose best class is the model's, with 8-bit convolutions


def export(
    archive: Archive,
    target: str | Path,
    kind: str,
    width: int | None = None,
    inks: Sequence[np.ndarray] = (),
    made_from: str = "",
) -> Path:
    """Write a network in another format, and its description `<name>.json` beside it.

    Args:
        target: a folder for `savedmodel`, otherwise a file; the ending is added if it is missing.
        kind: one of `KINDS`. `tflite` takes one line at a time, the others any batch.
        width: None for lines of any width, or a fixed number of columns, a multiple of 32, as some runtimes on phones
            want it.
        inks, made_from: of `onnx`, see `onnx_file.build`; others have float32 throughout.

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
    if kind == "onnx":
        files.write_bytes(path, onnx_file.build(archive, made_from, inks, width))
    else:
        {"savedmodel": _savedmodel, "tflite": _tflite}[kind](archive, path, width)
    about = {"kind": kind, **onnx_file.describe(archive, made_from, width), "example": EXAMPLE}
    if kind == "tflite":
        about["inputs"]["image"]["shape"][0] = about["inputs"]["width"]["shape"][0] = 1
    if kind != "onnx" or preparation.width or not preparation.crop:
        del about["example"]
    files.write_text(description_file(path), json.dumps(about, indent=1) + "\n")
    return path


def description_file(path: str | Path) -> Path:
    """Where the description of an export is, beside it: `course.onnx.json`, `course.tflite.json`, `course.json`."""
    return Path(path).with_name(Path(path).name + ".json")


def _function(archive: Archive, width: int | None, batch: int | None = None) -> tuple[Any, Any]:
    """The network as a compiled function (image, width) -> {"logits"}, and what holds its weights."""
    import tensorflow as tf

    network = archive.model
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
        engine = OnnxEngine.load(file)
        return lambda image, width: engine.logits(image, width)[0]
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


def scale_lines(preparation: images.Preparation) -> list[np.ndarray]:
    """Some embedded training lines, uint8 (H, w), which decide 8-bit scales; none where there is no embedded data."""
    if not paths.has_embedded():
        return []
    lines = iam.read(paths.embedded_root()).split("train")
    chosen = np.random.default_rng(0).permutation(len(lines))[: onnx_file.SCALE_LINES]
    return [to_bytes(images.prepare(lines[i].image(), preparation).ink) for i in sorted(chosen)]


def check(
    archive: Archive, path: str | Path, inks: Sequence[np.ndarray] = (), width: int | None = None
) -> str:
    """Read a batch of lines of unlike widths with the model and its export; says how near they are.

    Args:
        inks: lines, uint8 (H, w), of an export with 8-bit convolutions; one without is given noise.

    Raises:
        HtrError: they are further apart than `MOST_APART`, or agree on fewer frames than `LEAST_ALIKE`.
    """
    from htr_utils.network import training

    fixed = width or archive.preset.preparation.width
    if inks:
        some = [ink for ink in inks if fixed is None or ink.shape[1] <= fixed][:16]
        batch = collate(some, [np.zeros(0, np.int32)] * len(some), range(len(some)), fixed)
        image, widths = batch.image, batch.width
    else:
        total = fixed or 320
        widths = np.array([total, total * 5 // 8], np.int32)
        shape = (2, archive.preset.preparation.height, total, 1)
        image = np.random.default_rng(0).random(shape, np.float32)
        image[1, :, widths[1] :] = 0
    wanted = training.reader(archive.model)(image, widths).numpy()
    answers = runner(path)(image, widths)
    frames = engines.frames(onnx_file.describe(archive), widths)
    pairs = [(a[:n], b[:n]) for a, b, n in zip(wanted, answers, frames, strict=True)]
    if inks:
        alike = float(np.concatenate([a.argmax(-1) == b.argmax(-1) for a, b in pairs]).mean())
        if alike < LEAST_ALIKE:
            raise HtrError(
                f"{path}: the same best class at {alike:.1%} of the frames; do not use it"
            )
        return (
            f"the same best class as the model's at {alike:.1%} of the frames of {len(pairs)} lines"
        )
    gap = max(float(np.abs(a - b).max()) for a, b in pairs)
    if gap > MOST_APART:
        raise HtrError(f"{path}: its logits differ from the model's by {gap:.1e}; do not use it")
    return f"its logits differ from the model's by at most {gap:.1e}"


# Reads a line with an export and its JSON alone: `python example.py course.onnx line.png`.
EXAMPLE = """\
import json, sys, cv2, numpy as np, onnxruntime
about = json.load(open(sys.argv[1] + ".json"))
grey = cv2.imread(sys.argv[2], cv2.IMREAD_GRAYSCALE)
height, edge = about["preparation"]["height"], cv2.BORDER_REPLICATE
if len(grey) > 3 * height:
    grey = cv2.resize(grey, (round(grey.shape[1] * 2 * height / len(grey)), 2 * height), interpolation=cv2.INTER_AREA)
side = max(3, min(len(grey) // 2, 41)) | 1
paper = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8), borderType=edge)
paper = cv2.blur(paper, (side, side), borderType=edge).astype(np.float32)
darker = np.clip((paper - grey) / np.maximum(paper, 1), 0, 1)
some = darker[darker > 0.08]
stroke = some[some > np.percentile(some, 95) / 2].mean()
ink = np.clip((darker - 0.2 * stroke) / (0.7 * stroke), 0, 1)
strong = cv2.blur(ink, (3, 3)) > 0.4
y, x = np.flatnonzero(strong.sum(1) >= 2)[[0, -1]], np.flatnonzero(strong.sum(0) >= 2)[[0, -1]]
tall = y[1] + 1 - y[0]
up, left = max(1, round(0.04 * tall)), max(2, round(0.15 * tall))
ink = np.pad(ink, ((up, up), (left, left)))[y[0] : y[1] + 1 + 2 * up, x[0] : x[1] + 1 + 2 * left]
width = max(height // 2, round(ink.shape[1] * height / len(ink)))
way = cv2.INTER_AREA if len(ink) > height else cv2.INTER_LINEAR
ink = np.round(cv2.resize(ink, (width, height), interpolation=way) * 255) / 255
image = np.pad(ink, ((0, 0), (0, -width % about["width_multiple_of"])))[None, :, :, None].astype(np.float32)
session = onnxruntime.InferenceSession(sys.argv[1])
best = session.run(None, {"image": image, "width": np.array([width], np.int32)})[0][0].argmax(-1)
best = best[: -(-width // about["frame_step"])]
kept = [c for n, c in enumerate(best) if c and (n == 0 or c != best[n - 1])]
print("".join(about["charset"]["characters"][c - 1] for c in kept).strip())
"""
