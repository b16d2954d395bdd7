"""Where a run was made: versions of what computes, and the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from htr_utils import __version__

PACKAGES = (
    "tensorflow keras numpy opencv-python opencv-python-headless papermill ipykernel"
).split()


def versions() -> dict[str, str]:
    """Of Python, this package and what computes."""
    versions_of = {"python": platform.python_version(), "htr-utils": __version__}
    for name in PACKAGES:
        try:
            versions_of[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions_of


def machine() -> dict[str, Any]:
    """What the run ran on; no host name and no user."""
    import psutil

    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
    }
