"""Typed notebook parameters: checked in one place, named in the error, recorded with the results of a run."""

from __future__ import annotations

import json
import math
import operator
import os
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.paths import from_home

# Folder in a run's folder, kept for an interrupted run that is begun again.
CHECKPOINT = "checkpoint"


class Run(SimpleNamespace):
    """The checked parameters of one run, each as an attribute (`run.frames`)."""

    @property
    def checkpoint(self) -> Path | None:
        """The folder for a training's checkpoints and logs; None outside of a run (no HTR_RUN_DIR).

        A run that was interrupted and is begun again with the same parameters, code and data finds it as it was.
        """
        folder = os.environ.get("HTR_RUN_DIR")
        return Path(folder) / CHECKPOINT if folder else None

    def record(self, **results: Any) -> None:
        """Keep results of this run: written to `metrics.json` in the folder HTR_RUN_DIR, else nowhere.

        Every chapter calls it at least once, `run.record(cer=0.031, loss=12.5)`: what `htr run` and `htr sweep`
        compare. A second call adds to the first. The file holds the parameters beside the results.

        Args:
            results: numbers, texts, lists or dictionaries of them (NumPy scalars and arrays too).
        """
        folder = os.environ.get("HTR_RUN_DIR")
        if not folder:
            return
        path = Path(folder) / "metrics.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        kept = stored.get("results", {}) | _plain(results)
        content = {"parameters": _plain(vars(self)), "results": kept}
        files.write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _plain(value: Any) -> Any:
    """`value` as JSON knows it."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _refuse(name: str, value: Any, allowed: str) -> HtrError:
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    return HtrError(f"parameter {name} is {shown} ({type(value).__name__}); allowed: {allowed}")


def _range(kind: str, low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f"{kind} from {low} to {high}"
    if low is not None:
        return f"{kind} of at least {low}"
    return f"{kind} of at most {high}" if high is not None else kind


def _outside(number: float, low: Any, high: Any) -> bool:
    return (low is not None and number < low) or (high is not None and number > high)


def _limits(limits: tuple[Any, ...]) -> tuple[Any, Any]:
    low, high = (*limits, None, None)[:2]
    return low, high


def _int(name: str, value: Any, *limits: Any) -> int:
    low, high = _limits(limits)
    allowed = _range("a whole number", low, high)
    if isinstance(value, (bool, str)):
        raise _refuse(name, value, allowed)
    try:
        number = operator.index(value)
    except TypeError:
        whole = isinstance(value, float) and value.is_integer()
        written = f"{allowed}, written {int(value)}" if whole else allowed
        raise _refuse(name, value, written) from None
    if _outside(number, low, high):
        raise _refuse(name, value, allowed)
    return number


def _float(name: str, value: Any, *limits: Any) -> float:
    low, high = _limits(limits)
    allowed = _range("a number", low, high)
    if isinstance(value, (bool, str)) or value is None:
        raise _refuse(name, value, allowed)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise _refuse(name, value, allowed) from None
    if not math.isfinite(number) or _outside(number, low, high):
        raise _refuse(name, value, allowed)
    return number


def _bool(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    hint = f"; papermill's -p passes text: use -y '{name}: false'" if isinstance(value, str) else ""
    raise _refuse(name, value, f"True or False{hint}")


def _choice(name: str, value: Any, *options: Any) -> Any:
    if len(options) == 1 and isinstance(options[0], (list, tuple)):
        options = tuple(options[0])
    # Compared with the type, since 1 == True in Python.
    if not any(type(value) is type(option) and value == option for option in options):
        raise _refuse(name, value, " or ".join(repr(option) for option in options))
    return value


def _length(name: str, value: Any, kind: str, limits: tuple[Any, ...]) -> str:
    low, high = _limits(limits)
    allowed = kind if low is None and high is None else f"{kind}, {_range('a length', low, high)}"
    if not isinstance(value, str) or _outside(len(value), low, high):
        raise _refuse(name, value, allowed)
    return value


def _letters(name: str, value: Any, *limits: Any) -> str:
    text = _length(name, value, "letters a-z or A-Z", limits)
    if not (text.isascii() and text.isalpha()):
        raise _refuse(name, value, "letters a-z or A-Z, nothing else")
    return text


def _text(name: str, value: Any, *limits: Any) -> str:
    return _length(name, value, "text", limits)


def _path(name: str, value: Any) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, (str, os.PathLike)) or str(value) == "":
        raise _refuse(name, value, "None, or the path of a file or folder")
    path = from_home(Path(value))
    if not path.exists():
        here = Path.cwd().name or "the root"
        raise _refuse(name, value, f"None, or a path that exists (looked from {here}/)")
    return path.resolve()


KINDS: dict[str, Callable[..., Any]] = {
    "int": _int,
    "float": _float,
    "bool": _bool,
    "choice": _choice,
    "letters": _letters,
    "text": _text,
    "path": _path,
}


def refuse_unknown(chapter: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises HtrError, one line, where a given name is no parameter of the chapter."""
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise HtrError(
            f"chapter {chapter} has no parameter {', '.join(map(repr, unknown))}; "
            f"it has: {', '.join(sorted(known)) or 'none'}"
        )


def checked(**specification: tuple[Any, ...]) -> dict[str, Any]:
    """The checked values, as `validate` has them, without seeding anything."""
    values = {}
    for name, (value, kind, *limits) in specification.items():
        if kind not in KINDS or name == "record":
            raise HtrError(
                f"parameter {name}: no kind {kind!r}; known: {', '.join(KINDS)} (and no name 'record')"
            )
        values[name] = KINDS[kind](name, value, *limits)
    return values


def validate(**specification: tuple[Any, ...]) -> Run:
    """Check the parameters of a chapter.

    Args:
        specification: for each parameter `(value, kind, *limits)`. Kinds: "int" and "float" (least,
            greatest), "bool", "choice" (the options), "letters" and "text" (shortest, longest), "path" (None,
            or something that exists; comes back absolute). A limit of None is no limit.
    Returns:
        The checked values as attributes. A parameter called `seed` also seeds `random` and NumPy.
    Raises:
        HtrError: one line with the parameter's name, its value and what is allowed.
    """
    values = checked(**specification)
    if isinstance(values.get("seed"), int):
        import numpy as np

        random.seed(values["seed"])
        np.random.seed(values["seed"] % 2**32)  # noqa: NPY002 - what chapters and libraries draw from by default
    return Run(**values)
