"""Where the data, the models and the samples are: found from the package, never from the current folder."""

from __future__ import annotations

import os
from pathlib import Path

from htr_utils.errors import HtrError

_PACKAGE = Path(__file__).resolve().parent
MODELS = (".keras", ".onnx")  # what trains, and what reads


def repo_root() -> Path | None:
    """The checkout that holds this package, or None when it was installed from a wheel."""
    root = _PACKAGE.parent
    return root if (root / "notebooks").is_dir() and (root / "pyproject.toml").is_file() else None


def from_home(name: str | Path) -> Path:
    """A path whose `~` is the home folder; `~nobody`, where there is no such user, stays as it is."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 - Path's own raises there


def named_data() -> Path | None:
    """The folder that the environment variable HTR_DATA names, or None; HtrError where there is no such folder."""
    chosen = os.environ.get("HTR_DATA")
    if not chosen:
        return None
    path = from_home(chosen)
    if not path.is_dir():
        raise HtrError(
            f"HTR_DATA is {chosen!r}, which is not a folder; unset it or name a folder in IAM layout"
        )
    return path


def data_root() -> Path:
    """The data folder in IAM layout: the environment variable HTR_DATA, else the embedded `data/`.

    Raises:
        HtrError: HTR_DATA names no folder, or there is no embedded data (a wheel carries none).
    """
    return named_data() or embedded_root()


def embedded_root() -> Path:
    """The embedded `data/`, whatever HTR_DATA says; HtrError where there is none (a wheel carries none)."""
    root = repo_root()
    if root is None or not has_embedded():
        raise HtrError(
            "no embedded data beside this installation; clone the course, or name a folder with --data"
        )
    return root / "data"


def has_embedded() -> bool:
    """Whether there is embedded data here: a clone of the course has it, a wheel does not."""
    root = repo_root()
    return root is not None and (root / "data" / "ascii" / "lines.txt").is_file()


def finder_file() -> Path:
    """The file of the published line finder: `.onnx` where there is one, else `.keras`.

    Raises:
        HtrError: it is missing.
    """
    for folder in _model_folders():
        for file in (folder / "finder.onnx", folder / "finder.keras"):
            if file.is_file():
                return file
    raise HtrError("the line finder, finder.onnx, is missing; install the package again")


def _model_folders() -> list[Path]:
    """Where published models are: a clone's first."""
    root = repo_root()
    return [*([root / "model"] if root else []), _PACKAGE / "_model"]


def model_file(name: str | Path) -> Path:
    """The file of a model that reads lines: a path that exists, or the name of one that ships with the course.

    Raises:
        HtrError: neither a file nor a known name.
    """
    path = Path(name)
    if path.suffix == ".lm":
        raise HtrError(
            f"{name}: is a language model, which reads no picture; give it as --language"
        )
    if path.suffix in MODELS or path.is_file():
        if path.is_file():
            return path
        raise HtrError(
            f"no model file {str(name)!r}; train one with `htr train`, or use the name 'course'"
        )
    folders = _model_folders()
    for folder in folders:
        for ending in MODELS:
            if name != "finder" and (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    known = sorted(
        {file.stem for folder in folders for end in MODELS for file in folder.glob(f"*{end}")}
        - {"finder"}  # finds lines, reads none
    )
    raise HtrError(
        f"no model {str(name)!r}; known: {', '.join(known) or 'none'}; or give a path to a .keras or .onnx file"
    )


def as_told(argument: str) -> str:
    """A part of a command as others would give it: what lies outside the current folder by its last part alone.

    In `name=folder` the folder is shortened.
    """
    name, equals, value = argument.rpartition("=")
    path = Path(value)
    return name + equals + (path.name if path.is_absolute() or ".." in path.parts else value)


def samples() -> list[Path]:
    """The sample images of `data/samples/`, sorted; empty where there are none."""
    root = repo_root()
    if root is None:
        return []
    return sorted((root / "data" / "samples").glob("*.png"))
