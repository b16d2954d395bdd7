"""English text out of Debian packages, for a language model: fetched, unpacked and read, never installed.

| package | what | why free |
|---|---|---|
| r-cran-janeaustenr | the six novels of Jane Austen | author died 1817; the package is under the MIT licence |
| fortunes, fortunes-min | sayings, letters, anecdotes; not the files on computers | BSD licence of the collection |
| dict-devil | A. Bierce, The Devil's Dictionary | author died 1914 |

Only counts of short runs of characters, and of words, go into a model.
"""

from __future__ import annotations

import gzip
import re
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from htr_utils.errors import HtrError

PACKAGES = ("r-cran-janeaustenr", "fortunes", "fortunes-min", "dict-devil")
_NOT_PROSE = {"perl", "linuxcookie", "computers", "debian", "kernelnewbies", "linux"}
_STRINGS = 16  # R's number for a vector of strings


def fetch() -> tuple[list[str], list[dict[str, str]]]:
    """The paragraphs of all packages, and the packages' names with their versions.

    Raises:
        HtrError: no `apt-get` or `dpkg-deb`, or a package that cannot be fetched.
    """
    paragraphs: list[str] = []
    sources = []
    with tempfile.TemporaryDirectory() as folder:
        for package in PACKAGES:
            try:
                inside = Path(folder) / package
                inside.mkdir()
                subprocess.run(
                    ["apt-get", "download", package],
                    cwd=inside,
                    check=True,
                    capture_output=True,
                    timeout=300,
                )
                [file] = inside.glob("*.deb")
                subprocess.run(
                    ["dpkg-deb", "-x", str(file), str(inside)], check=True, capture_output=True
                )
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                raise HtrError(
                    f"could not fetch Debian's {package}; run apt-get update, or leave out --debian"
                ) from error
            sources.append(
                {
                    "name": f"Debian {package}",
                    "version": file.name.split("_")[1].replace("%3a", ":"),
                }
            )
            paragraphs += of_package(inside)
    return paragraphs, sources


def of_package(folder: Path) -> list[str]:
    """The paragraphs in an unpacked package, each in one line."""
    found: list[str] = []
    for file in sorted(folder.rglob("*.rdb")):
        for lines in strings(file.read_bytes()):
            found += _paragraphs("\n".join(lines), r"\n\s*\n")
    for file in sorted(folder.glob("usr/share/games/fortunes/*")):
        if not file.suffix and file.name not in _NOT_PROSE:
            found += _paragraphs(file.read_text(encoding="utf-8", errors="replace"), r"\n%\n")
    for file in sorted(folder.rglob("*.dict.dz")):
        found += _paragraphs(
            gzip.decompress(file.read_bytes()).decode("utf-8", "replace"), r"\n\s*\n"
        )
    return found


def _paragraphs(text: str, between: str) -> list[str]:
    return [joined for part in re.split(between, text) if (joined := " ".join(part.split()))]


def strings(data: bytes) -> Iterator[list[str]]:
    """The vectors of strings in an R data file (.rdb): pieces of a length, in four bytes, and zlib-packed values."""
    at = 0
    while at + 4 < len(data):
        try:
            packed = zlib.decompressobj()
            value = packed.decompress(data[at + 4 :])
        except zlib.error:
            at += 1
            continue
        at = len(data) - len(packed.unused_data)
        for place in range(
            14, 60
        ):  # behind R's head: the kind of the value, how many strings, the strings
            kind, count = (
                struct.unpack_from(">II", value, place) if place + 8 <= len(value) else (0, 0)
            )
            if kind & 0xFF == _STRINGS and 100 < count < len(value):
                yield _vector(value, place + 8, count)
                break


def _vector(value: bytes, at: int, count: int) -> list[str]:
    found = []
    for _ in range(count):
        size = max(0, struct.unpack_from(">i", value, at + 4)[0])
        found.append(value[at + 8 : at + 8 + size].decode("utf-8", "replace"))
        at += 8 + size
    return found
