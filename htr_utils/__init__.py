"""Handwritten text line recognition: the package behind the course.

`from htr_utils import Recognizer` is the short way in. Importing this package is cheap; TensorFlow is
loaded only when a model is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["HtrError", "Recognizer", "__version__"]

if TYPE_CHECKING:
    from htr_utils.errors import HtrError
    from htr_utils.recognizer import Recognizer


def __getattr__(name: str) -> Any:
    if name == "Recognizer":
        from htr_utils.recognizer import Recognizer

        return Recognizer
    if name == "HtrError":
        from htr_utils.errors import HtrError

        return HtrError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
