"""A model in one file: a zip that holds `htr.json` and the weights, and no code.

`htr.json` names the preset, its switches, the charset, the preparation and where the weights come from.
Loading validates it, builds the preset from this package's own code and reads the numbers; the layer
configuration that stock Keras archives carry, which can run code, is neither written nor read.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines.images import Preparation
from htr_utils.network import checkpoints, models
from htr_utils.text.charset import Charset

FORMAT = 1
_LIMIT = 256_000_000  # bytes unpacked; the largest preset has 61 MB in float32
_REMEDY = "fetch or train the model again"


@dataclass
class Archive:
    """A loaded model: the network, and what is needed to use it."""

    model: Any
    preset: models.Preset
    charset: Charset
    about: dict[str, Any] = field(default_factory=dict)


def save(
    path: str | Path,
    model: Any,
    preset: models.Preset,
    charset: Charset,
    about: dict[str, Any],
    half: bool = True,
) -> None:
    """Write a model; to a temporary file first, then renamed.

    Args:
        about: origin and figures (data fingerprint, seed, command, metrics), plain JSON values.
        half: keep weights as float16: half the size. They are cast to float32 on loading.
    """
    description = {
        "format": FORMAT,
        "preset": preset.to_json(),
        "charset": charset.to_json(),
        "about": about,
        "weights": [[name_of(v), list(v.shape)] for v in stored(model)],
    }
    buffer = io.BytesIO()
    kind = np.float16 if half else np.float32
    weights = [np.asarray(v, np.float32).astype(kind) for v in stored(model)]
    arrays = {f"w{number:04d}": weight for number, weight in enumerate(weights)}
    np.savez(buffer, allow_pickle=False, **arrays)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(description, indent=1).encode()
        for name, content in (("htr.json", text), ("weights.npz", buffer.getvalue())):
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    files.write_bytes(path, whole.getvalue())


def load(path: str | Path) -> Archive:
    """Read a model that `save` wrote.

    Raises:
        HtrError: not such a file, damaged, of another format, or weights that do not fit the preset.
    """
    chosen, charset, about, weights = read(path)
    model = models.build(chosen, charset.classes)
    variables = stored(model)
    if [list(v.shape) for v in variables] != [list(w.shape) for w in weights]:
        raise HtrError(
            f"{path}: the weights do not fit preset {chosen.name!r} and {charset.classes} classes; {_REMEDY}"
        )
    for variable, weight in zip(variables, weights, strict=True):
        variable.assign(weight)
    return Archive(model, chosen, charset, about)


def read(path: str | Path) -> tuple[models.Preset, Charset, dict[str, Any], list[np.ndarray]]:
    """What a model file holds: preset, charset, origin, and the weights in float32; raises like `load`."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LIMIT:
                raise HtrError(f"{path}: unpacks to more than a model can hold; {_REMEDY}")
            description = json.loads(archive.read("htr.json"))
            arrays = checkpoints.arrays_in(archive.read("weights.npz"), _LIMIT)
            weights = [array.astype(np.float32) for array in arrays.values()]
    except FileNotFoundError as error:
        raise HtrError(f"{path}: no such model file") from error
    except KeyError as error:
        raise HtrError(
            f"{path}: is not a model of this course (no htr.json inside); {_REMEDY}"
        ) from error
    except checkpoints.DAMAGE as error:
        raise HtrError(
            f"{path}: is not a model file or is damaged ({checkpoints.reason(error)}); {_REMEDY}"
        ) from error
    try:
        if description["format"] != FORMAT:
            raise HtrError(
                f"{path}: format {description['format']}, this version reads {FORMAT}; update the course"
            )
        about_preset = description["preset"]
        stacked = bool(about_preset["stacked"])
        chosen = models.preset(str(about_preset["name"]), stacked=stacked)
        charset = Charset.from_json(description["charset"])
        if Preparation.from_json(about_preset["preparation"]) != chosen.preparation:
            raise HtrError(f"{path}: prepared otherwise than preset {chosen.name!r} is; {_REMEDY}")
        about = dict(description["about"])
    except checkpoints.DAMAGE as error:
        raise HtrError(
            f"{path}: htr.json is damaged ({checkpoints.reason(error)}); {_REMEDY}"
        ) from error
    return chosen, charset, about, weights


def stored(model: Any) -> list[Any]:
    """All weights but the random states of dropout; the shortcut is kept, so that a training can start from them."""
    return [v for v in model.weights if "seed" not in name_of(v)]


def name_of(variable: Any) -> str:
    """What a weight is called in a model file."""
    return str(getattr(variable, "path", variable.name))
