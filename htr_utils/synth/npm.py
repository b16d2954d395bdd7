"""Packages of the npm registry: fonts, and what slides need in the browser. Fetched once, kept in the user's cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from htr_utils.errors import HtrError


def cache_folder(name: str) -> Path:
    """Where packages of a kind are kept: in HTR_CACHE, else in the user's cache folder."""
    base = (
        os.environ.get("HTR_CACHE")
        or os.environ.get("XDG_CACHE_HOME")
        or str(Path.home() / ".cache")
    )
    return Path(base) / "htr_utils" / name


def version(package: str, folder: Path) -> str | None:
    """The version of a package in `folder`, or None where it is not there."""
    try:
        about = (folder / "node_modules" / package / "package.json").read_text(encoding="utf-8")
        return json.loads(about)["version"]
    except (OSError, ValueError, KeyError):
        return None


def install(wanted: dict[str, str], folder: Path) -> None:
    """Fetch what is not yet in `folder`; the scripts of packages do not run.

    Args:
        wanted: version by package. folder: what `node_modules` is put into.

    Raises:
        HtrError: npm is missing, or a package cannot be fetched.
    """
    missing = [f"{name}@{wish}" for name, wish in wanted.items() if version(name, folder) != wish]
    if not missing:
        return
    program = shutil.which("npm")
    if program is None:
        raise HtrError(
            f"npm is not on the PATH; install Node.js, it brings {missing[0]} as a package"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "package.json").exists():
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    command = [program, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"]
    done = subprocess.run(
        [*command, *missing], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode or any(version(name, folder) != wish for name, wish in wanted.items()):
        rows = (row for row in done.stderr.splitlines() if "error" in row.lower())
        what = missing[0] if len(missing) == 1 else f"{len(missing)} packages"
        raise HtrError(
            f"npm could not fetch {what} ({next(rows, 'no message').strip()}); check the network"
        )
