"""Files that are whole or not there: written beside their place first, then renamed."""

from __future__ import annotations

import os
from pathlib import Path

from htr_utils.errors import HtrError


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file at one stroke; its folder is made if it is missing.

    Raises:
        HtrError: the disk is full, the folder is read-only, or a folder has this name. The old file stays.
    """
    target = Path(path)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise HtrError(
            f"{target}: cannot be written ({error.strerror or error}); choose another place"
        ) from error


def write_text(path: str | Path, text: str) -> None:
    """The same for text, as UTF-8 with line ends as given."""
    write_bytes(path, text.encode("utf-8"))
