"""Browser libraries for the slides: fetched by npm when they are needed, kept in the user's cache, never committed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from htr_utils.errors import HtrError

# What is tested. reveal.js shows the slides, MathJax draws their formulas, axe-core looks at pages in tests.
VERSIONS = {"reveal.js": "5.2.1", "mathjax": "3.2.2", "axe-core": "4.10.3"}


def cache_folder() -> Path:
    """Where fetched packages are kept: HTR_CACHE, else the user's cache folder."""
    base = (
        os.environ.get("HTR_CACHE")
        or os.environ.get("XDG_CACHE_HOME")
        or str(Path.home() / ".cache")
    )
    return Path(base) / "htr_utils" / "browser"


def npm(package: str, folder: Path | None = None) -> Path:
    """The folder of an npm package of the tested version; fetched the first time.

    Args:
        package: one of VERSIONS.
        folder: where `node_modules` goes; the cache without.
    Raises:
        HtrError: npm is missing, or the package cannot be fetched.
    """
    version, folder = VERSIONS[package], folder or cache_folder()
    place = folder / "node_modules" / package
    try:
        if json.loads((place / "package.json").read_text(encoding="utf-8"))["version"] == version:
            return place
    except (OSError, ValueError, KeyError):
        pass
    program = shutil.which("npm")
    if program is None:
        raise HtrError(f"npm is not on the PATH; install Node.js, it brings {package} as a package")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "package.json").exists():
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    command = [program, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact"]
    done = subprocess.run(
        [*command, f"{package}@{version}"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode or not (place / "package.json").is_file():
        last = next(
            (row for row in done.stderr.splitlines() if "error" in row.lower()), "no message"
        )
        raise HtrError(
            f"npm could not fetch {package} {version} ({last.strip()}); check the network"
        )
    return place
