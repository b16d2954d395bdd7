"""The same trained network behind one interface, whichever library runs it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class Engine(Protocol):
    """A line reader that runs. about: what `htr.json` and the metadata of an `.onnx` file say of it, plain values."""

    about: dict[str, Any]

    def logits(self, image: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read a batch of lines.

        Args:
            image: float32 (B, H, W, 1), 1 = ink, padded with 0 on the right to a W that is a multiple of 32.
            width: int32 (B,), each line's own columns.

        Returns:
            logits float32 (B, T, C) and the true frames int32 (B,); later frames hold no meaning. A line's
            logits are the same within 1e-4 whatever lies beside it and however far it is padded.
        """
        ...


def frames(about: dict[str, Any], width: np.ndarray) -> np.ndarray:
    """How many frames a network gives for lines of these widths: int32 (B,)."""
    fixed, step = about["preparation"]["width"], int(about["frame_step"])
    if fixed is not None:
        return np.full(len(width), fixed // step, np.int32)
    return -(-np.asarray(width, np.int32) // step)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities along the last axis, in float32."""
    top = logits.max(-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(-1, keepdims=True))
