"""ONNX Runtime reads: a few megabytes, ready in a tenth of a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils.engines import frames
from htr_utils.errors import HtrError

KEY = "htr"  # of the metadata: what `network.onnx_file` wrote there, as JSON
_MOST = 256_000_000  # bytes of a file that is opened


def session(content: bytes, threads: int = 1) -> Any:
    """An inference session on the processor.

    threads: within one batch. With one, no thread outlives a call: batches may be read from several threads at
    once, and after a fork. Raises what ONNX Runtime raises.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    made = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    made._model_bytes = None  # kept for a start with other providers: 7 MB that nobody reads
    return made


class OnnxEngine:
    """A line reader in an `.onnx` file; see `Engine`.

    Args:
        content: of the file. From bytes ONNX Runtime opens no other file that a model might name.
        name: of the file, for errors.

    Raises:
        HtrError: not an ONNX file, damaged, or not one of this package's line readers.
    """

    def __init__(self, content: bytes, name: str = "the model") -> None:
        try:
            self._session = session(content)
        except ImportError as error:
            raise HtrError(
                "reading needs the package onnxruntime, which does not import here "
                f"({error}); install it with: pip install onnxruntime"
            ) from error
        except Exception as error:  # ONNX Runtime has classes of its own for each kind of damage
            reason = " ".join(str(error).split())[:120]
            raise HtrError(
                f"{name}: is no ONNX file or is damaged ({reason}); fetch or train the model again"
            ) from error
        try:
            self.about: dict[str, Any] = json.loads(
                self._session.get_modelmeta().custom_metadata_map[KEY]
            )
        except (KeyError, ValueError) as error:
            raise HtrError(
                f"{name}: is an ONNX file without a description of this package's; "
                "write one with `htr export`"
            ) from error

    @classmethod
    def load(cls, path: str | Path) -> OnnxEngine:
        """Open a file; raises like the class."""
        try:
            with Path(path).open("rb") as file:
                content = file.read(_MOST)
        except OSError as error:
            raise HtrError(f"{path}: cannot be read ({error.strerror}); check the name") from error
        return cls(content, str(path))

    def logits(self, image: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (logits,) = self._session.run(["logits"], {"image": image, "width": width})
        return logits, frames(self.about, width)
