"""A trained network for other programs, as ONNX: for ONNX Runtime, browsers, phones.

It takes `image` (B, H, W, 1) float32, 1 = ink, W a multiple of 32, and `width` (B,) int32, the true
columns of each line, and gives `logits` (B, T, C). What a program needs besides stands in a JSON file beside
it: the charset, how a picture is prepared, how many frames belong to a line. Decoding stays with the caller.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from htr_utils import files, paths
from htr_utils.engines.onnx import OnnxEngine
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images
from htr_utils.lines.padding import collate, to_bytes
from htr_utils.network import onnx_file

if TYPE_CHECKING:
    from htr_utils.network.archive import Archive

MOST_APART = 1e-3  # of an export's logits from the model's, where no weight was rounded
LEAST_ALIKE = 0.98  # of the frames whose best class is the model's, with 8-bit convolutions


def export(
    archive: Archive,
    target: str | Path,
    inks: Sequence[np.ndarray] = (),
    made_from: str = "",
) -> Path:
    """Write a network as ONNX, and its description `<name>.onnx.json` beside it.

    Args:
        target: the file; `.onnx` is added if it is missing.
        inks, made_from: see `onnx_file.build`.

    Returns:
        the path that was written.

    Raises:
        HtrError: a place that cannot be written.
    """
    preparation = archive.preset.preparation
    path = Path(target)
    if path.suffix != ".onnx":
        path = path.with_name(path.name + ".onnx")
    files.write_bytes(path, onnx_file.build(archive, made_from, inks, preparation.width))
    about = {"kind": "onnx", **onnx_file.describe(archive, made_from, preparation.width)}
    if preparation.crop and not preparation.width:
        about["example"] = EXAMPLE
    files.write_text(description_file(path), json.dumps(about, indent=1) + "\n")
    return path


def description_file(path: str | Path) -> Path:
    """Where the description of an export is, beside it: `course.onnx.json`."""
    return Path(path).with_name(Path(path).name + ".json")


def scale_lines(preparation: images.Preparation) -> list[np.ndarray]:
    """Some embedded training lines, uint8 (H, w), which decide 8-bit scales; none where there is no embedded data."""
    if not paths.has_embedded():
        return []
    lines = iam.read(paths.embedded_root()).split("train")
    chosen = np.random.default_rng(0).permutation(len(lines))[: onnx_file.SCALE_LINES]
    return [to_bytes(images.prepare(lines[i].image(), preparation).ink) for i in sorted(chosen)]


def check(archive: Archive, path: str | Path, inks: Sequence[np.ndarray] = ()) -> str:
    """Read a batch of lines of unlike widths with the model and its export; says how near they are.

    Args:
        inks: lines, uint8 (H, w), of an export with 8-bit convolutions; one without is given noise.

    Raises:
        HtrError: they are further apart than `MOST_APART`, or agree on fewer frames than `LEAST_ALIKE`.
    """
    from htr_utils.network import training

    fixed = archive.preset.preparation.width
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
    answers, frames = OnnxEngine.load(path).logits(image, widths)
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
