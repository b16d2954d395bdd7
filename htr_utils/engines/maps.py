"""The line finder behind one interface: ONNX Runtime where there is a file for it, else TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from htr_utils.engines import onnx
from htr_utils.errors import HtrError

Network = Callable[[np.ndarray], np.ndarray]


def load(file: Path, threads: int = 0) -> Network:
    """The network in a `.keras` or `.onnx` file: float32 (1, H, W, 1) -> logits float32 (1, H / 4, W / 4, C).

    Args:
        threads: of ONNX Runtime; 0: as many as there are cores.

    Raises:
        HtrError: a damaged file.
    """
    try:
        return _onnx(file, threads) if file.suffix == ".onnx" else _keras(file)
    except ImportError:
        raise
    except Exception as error:  # each library has errors of its own
        reason = " ".join(str(error).split())[:120]
        raise HtrError(
            f"{file}: is damaged or no line finder ({reason}); fetch it again"
        ) from error


def _onnx(file: Path, threads: int) -> Network:
    session = onnx.session(file.read_bytes(), threads)
    return lambda picture: np.asarray(session.run(["maps"], {"page": picture})[0])


def _keras(file: Path) -> Network:
    import keras

    model = keras.models.load_model(file, compile=False)
    # Not as a graph: bilinear upsampling wants to know the size there.
    return lambda picture: np.asarray(model(picture, training=False))
