"""What reads a model that has no `.onnx` file beside it yet: one is made, or TensorFlow reads."""

from __future__ import annotations

import importlib.util
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils import engines, files
from htr_utils.engines.onnx import OnnxEngine
from htr_utils.errors import HtrError
from htr_utils.network import archive, onnx_file, training


class TensorFlowEngine:
    """See `engines.Engine`. made_from: sha256 of the model's file, "" where there is none."""

    def __init__(self, loaded: archive.Archive, made_from: str = "") -> None:
        self.archive, self._process = loaded, os.getpid()
        self.about: dict[str, Any] = onnx_file.describe(loaded, made_from)

    def logits(self, image: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `engines.Engine`.

        Raises:
            HtrError: in a process that was forked from the one that loaded the model, where TensorFlow would hang.
        """
        if os.getpid() != self._process:
            raise HtrError(
                "TensorFlow does not survive a fork; load the model in the new process, or read with its .onnx file"
            )
        logits = training.reader(self.archive.model)(image, width).numpy()
        return logits, engines.frames(self.about, width)


def engine_of(file: Path) -> engines.Engine:
    """An engine for a `.keras` file. It leaves an `.onnx` file (convolutions in float32) behind for the next time.

    Raises:
        HtrError: as `archive.load`.
    """
    say = logging.getLogger("htr_utils").warning
    loaded, digest = archive.load(file), files.sha256(file)
    target = file.with_suffix(".onnx")
    if importlib.util.find_spec("onnx") is None:
        say("%s: there is no %s of it, so TensorFlow reads; pip install onnx", file, target.name)
        return TensorFlowEngine(loaded, digest)
    content = onnx_file.build(loaded, digest)
    try:
        files.write_bytes(target, content)
        say("%s: made, to read without TensorFlow from now on", target)
    except HtrError as error:
        say("%s; the model is read all the same", error)
    return OnnxEngine(content, str(target))
