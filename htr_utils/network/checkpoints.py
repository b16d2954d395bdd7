"""What a training keeps on disk: its whole state, the best weights so far, and the history in two plain formats.

state.npz     everything that the next step depends on    history.json, history.csv    a row per epoch
best.npz      the averaged weights of the best epoch
"""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils import files
from htr_utils.errors import HtrError

# What reading a damaged zip of arrays or its JSON raises.
DAMAGE = (
    OSError,
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,
    zlib.error,
    struct.error,
    zipfile.BadZipFile,
)
_LIMIT = 512_000_000  # bytes unpacked; a checkpoint of the largest preset has 246 MB


@dataclass(frozen=True)
class Best:
    """The averaged weights of the epoch that read the validation lines best. cer: as a share."""

    epoch: int
    cer: float
    weights: list[np.ndarray]


def write(
    folder: Path, about: dict[str, Any], state: Sequence[np.ndarray], best: Best | None
) -> None:
    """Keep a checkpoint; each file is written whole or not at all.

    Args:
        about: plain JSON values with "epoch" and "history". best: written when it is this epoch's.
    """
    if best is not None and best.epoch == about["epoch"]:
        # Before the state: killed in between, the epoch is run again and finds the same weights.
        content = _packed(np.array([best.epoch, best.cer]), best.weights)
        files.write_bytes(folder / "best.npz", content)
    if best is None:  # what lies there is of a training before this one
        (folder / "best.npz").unlink(missing_ok=True)
    files.write_bytes(folder / "state.npz", _packed(np.array(json.dumps(about)), state))
    history = about["history"]
    files.write_text(folder / "history.json", json.dumps(history, indent=1) + "\n")
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, list(dict.fromkeys(name for row in history for name in row)))
    writer.writeheader()
    writer.writerows(history)
    files.write_text(folder / "history.csv", table.getvalue())


def read(folder: Path) -> tuple[dict[str, Any], list[np.ndarray]] | None:
    """What `write` was given as `about` and `state`; None where there is no checkpoint.

    Raises:
        HtrError: the file is damaged.
    """
    return _unpacked(folder / "state.npz", lambda about: json.loads(str(about)))


def outdated(folder: Path, about: dict[str, Any], made_from: dict[str, Any] | None) -> str:
    """In words, that a finished training was made from something else, or "".

    Raises:
        HtrError: an unfinished one was.
    """
    known = about.get("made_from") or made_from or {}
    now = (made_from or {}).items()
    changed = ", ".join(name for name, value in now if known.get(name) != value)
    if not changed:
        return ""
    if about["epoch"] < about["settings"]["epochs"]:
        raise HtrError(
            f"{folder}: its unfinished training was begun with other {changed}; give those or another --out"
        )
    return f"other {changed} than in the training that {folder} holds: a new one begins"


def read_best(folder: Path) -> Best | None:
    """The best weights so far, or None; HtrError when the file is damaged."""
    found = _unpacked(folder / "best.npz", lambda about: (int(about[0]), float(about[1])))
    return None if found is None else Best(found[0][0], found[0][1], found[1])


class Curves:
    """The history for TensorBoard: `tensorboard --logdir FOLDER/logs` draws it, without being needed here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "logs"
        self._writer: Any = None

    def add(self, row: dict[str, Any]) -> None:
        """A row of the history: a number by name, and its epoch."""
        import tensorflow as tf

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._folder))
        kind = tf.compat.v1.SummaryMetadata(data_class=1)  # a number
        kind.plugin_data.plugin_name = "scalars"
        with self._writer.as_default(row["epoch"]):
            for name in sorted(row.keys() - {"epoch", "step"}):
                tf.summary.write(name, np.float32(row[name]), metadata=kind)
        self._writer.flush()


def _packed(about: np.ndarray, arrays: Sequence[np.ndarray]) -> bytes:
    whole = io.BytesIO()
    named = {f"v{number:04d}": array for number, array in enumerate(arrays)}
    np.savez(whole, allow_pickle=False, about=about, **named)
    return whole.getvalue()


def arrays_in(npz: bytes, limit: int) -> dict[str, np.ndarray]:
    """The arrays of an npz by name, sorted; what `DAMAGE` lists is raised where it is no whole one.

    Each entry is read to its end before it is looked into: only there does zip compare its checksum, and a
    changed header may ask for less. Pickled objects, which can run code, are refused, and so is what unpacks to
    more than `limit` bytes.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(npz)) as stored:
        # The last 22 bytes say how many entries there are; zipfile does not compare.
        count = int.from_bytes(npz[-12:-10], "little")
        if npz[-22:-18] != b"PK\5\6" or count != len(stored.namelist()):
            raise ValueError("its list of entries is damaged")
        if sum(entry.file_size for entry in stored.infolist()) > limit:
            raise ValueError(f"it unpacks to more than {limit:,} bytes")
        for name in sorted(stored.namelist()):
            data = io.BytesIO(stored.read(name))
            arrays[name.removesuffix(".npy")] = np.lib.format.read_array(data, allow_pickle=False)
            if data.read(1):
                raise ValueError(f"{name} is longer than its array")
    return arrays


def _unpacked(
    file: Path, parse: Callable[[np.ndarray], Any]
) -> tuple[Any, list[np.ndarray]] | None:
    """What `_packed` was given, its `about` parsed; None where there is no file, HtrError where it is damaged."""
    if not file.is_file():
        return None
    try:
        arrays = arrays_in(file.read_bytes(), _LIMIT)
        return parse(arrays.pop("about")), list(arrays.values())
    except DAMAGE as error:
        raise HtrError(
            f"{file}: the checkpoint is damaged ({reason(error)}); delete it to start again"
        ) from error


def reason(error: BaseException) -> str:
    """An error's message in one short line."""
    return " ".join(str(error).split())[:120] or type(error).__name__
