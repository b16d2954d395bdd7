"""Other readers of whole pages. Run as a program, by any Python: `python -I page_peers.py rapidocr < job.json`.

It takes {"files": [...], "threads": n} and gives {"version", "pages": [[{"text", "polygon"}, ...], ...], "seconds"}.
It imports nothing of this package: the peers live in an environment of their own.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from typing import Any

Page = list[dict[str, Any]]


def rapidocr(threads: int) -> Callable[[str], Page]:
    """Detection, turning of lines, recognition, as shipped."""
    from rapidocr import RapidOCR

    settings = {
        "Global.log_level": "error",
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
    }
    engine = RapidOCR(params=settings)

    def read(file: str) -> Page:
        found: Any = engine(file)
        if found.boxes is None:
            return []
        return [
            {"text": t, "polygon": b.tolist()} for t, b in zip(found.txts, found.boxes, strict=True)
        ]

    return read


def kraken(threads: int) -> Callable[[str], Page]:
    """Its default segmentation (blla.mlmodel); it reads nothing."""
    from kraken import blla
    from PIL import Image

    def read(file: str) -> Page:
        found: Any = blla.segment(Image.open(file).convert("RGB"))
        return [{"text": "", "polygon": line.boundary} for line in found.lines if line.boundary]

    return read


def main() -> None:
    """A job from standard input."""
    out, sys.stdout = sys.stdout, sys.stderr
    name, job = sys.argv[1], json.load(sys.stdin)
    reader = {"rapidocr": rapidocr, "kraken": kraken}[name](job["threads"])
    pages, seconds = [], []
    for file in job["files"]:
        begun = time.process_time()
        pages.append(reader(file))
        seconds.append(time.process_time() - begun)
    json.dump(
        {"version": importlib.metadata.version(name), "pages": pages, "seconds": seconds}, out
    )


if __name__ == "__main__":
    main()
