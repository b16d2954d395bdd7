"""What a training keeps on disk: its whole state, the best weights so far, and the history in two plain formats.

state.npz     everything that the next step depends on    history.json, history.csv    a row per epoch
best.npz      the averaged weights of the best epoch
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils import files
from htr_utils.errors import HtrError


@dataclass(frozen=True)
class Best:
    """The averaged weights of the epoch that read the validation lines best. cer: as a share."""

    epoch: int
    cer: float
    weights: list[np.ndarray]


def write(folder: Path, about: dict[str, Any], state: Sequence[np.ndarray], best: Best | None) -> None:
    """Keep a checkpoint; each file is written whole or not at all.

    Args:
        about: plain JSON values with "epoch" and "history". best: written when it is this epoch's.
    """
    if best is not None and best.epoch == about["epoch"]:
        # Before the state: killed in between, the epoch is run again and finds the same weights.
        files.write_bytes(folder / "best.npz", _packed(np.array([best.epoch, best.cer]), best.weights))
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
    found = _unpacked(folder / "state.npz")
    return None if found is None else (json.loads(str(found[0])), found[1])


def read_best(folder: Path) -> Best | None:
    """The best weights so far, or None; HtrError when the file is damaged."""
    found = _unpacked(folder / "best.npz")
    return None if found is None else Best(int(found[0][0]), float(found[0][1]), found[1])


def _packed(about: np.ndarray, arrays: Sequence[np.ndarray]) -> bytes:
    whole = io.BytesIO()
    np.savez(whole, allow_pickle=False, about=about, **{f"v{i:04d}": a for i, a in enumerate(arrays)})
    return whole.getvalue()


def _unpacked(file: Path) -> tuple[np.ndarray, list[np.ndarray]] | None:
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as stored:
            about = stored["about"]
            json.loads(str(about)) if about.ndim == 0 else (float(about[0]), float(about[1]))
            return about, [stored[name] for name in sorted(stored.files) if name != "about"]
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise HtrError(f"{file}: the checkpoint is damaged ({error}); delete it to start again") from error
