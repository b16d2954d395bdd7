"""Files that are whole or not there: written beside their place first, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

from htr_utils.errors import HtrError


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file at one stroke; its folder is made if it is missing.

    Raises:
        HtrError: the disk is full, the folder is read-only, or a folder has this name. The old file stays.
    """
    target = Path(path)
    part = target.with_name(
        f"{target.name[:40]}.{secrets.randbits(64)}.part"
    )  # names may have 255 bytes
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):  # its folder may be a file
            part.unlink(missing_ok=True)
        raise refused(target, error) from error


def refused(path: str | Path, error: OSError) -> HtrError:
    """The one line for a file that the system does not let us write."""
    return HtrError(f"{path}: cannot be written ({error.strerror or error}); choose another place")


@contextlib.contextmanager
def alone(folder: str | Path, work: str) -> Iterator[None]:
    """Keep a folder to this process while it works there; what a killed one left half written goes.

    The lock is the system's and ends with the process, however it ends. Where the file system has no locks,
    nothing is kept.

    Args:
        work: what is done there, for the message: "training".

    Raises:
        HtrError: another process is at the same work there, or the folder cannot be written to.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / ".lock").open("a+b")
    except OSError as error:
        raise refused(place, error) from error
    with lock:
        try:
            if os.name == "nt":
                import msvcrt

                msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
            else:
                import fcntl

                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            remedy = "wait for it, or choose another place"
            raise HtrError(f"{place}: another {work} is at work there; {remedy}") from error
        except OSError:
            pass
        for part in place.glob("*.part"):
            if re.search(r"\.\d+\.part$", part.name) and part.is_file():  # others' downloads stay
                part.unlink(missing_ok=True)
        yield


def sha256(path: str | Path) -> str:
    """A file's hash, by which cards, records and metrics name a model."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_text(path: str | Path, text: str) -> None:
    """The same for text, as UTF-8 with line ends as given."""
    write_bytes(path, text.encode("utf-8"))
