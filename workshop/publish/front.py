"""What the first page of the site needs to read handwriting in the browser, and to do so again without a network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np

from htr_utils import files
from htr_utils.lines import images
from workshop.publish import reading

HERE = Path(__file__).parent
LINE, FORM = "sample-4.png", "h08-051x"  # of the embedded data: what visitors may try first
AT_ONCE = ("ort-wasm-simd-threaded.wasm", "course.onnx", "reader.json")


def copy(out: Path) -> int:
    """Put reader, desk and examples into the site; returns the bytes that are loaded before the first reading.

    Raises:
        HtrError: npm cannot fetch the runtime, or `out` cannot be written.
    """
    reading.copy(out / "reader")
    data = HERE.parents[1] / "data"
    sources = {f"read/{path.name}": path for path in (HERE / "static" / "read").glob("*.js")}
    sources["examples/line.png"] = data / "samples" / LINE
    sources |= {name: HERE / "static" / name for name in ("front.css", "front.js")}
    for name, path in sources.items():
        files.write_bytes(out / name, path.read_bytes())
    files.write_bytes(out / "examples" / "page.png", page_of(data, FORM))
    return sum((out / "reader" / name).stat().st_size for name in AT_ONCE)


def page_of(data: Path, form: str) -> bytes:
    """The lines of a form of the embedded data, one below the other on a sheet: a PNG file."""
    pictures = [
        images.load(path) for path in sorted((data / "lines" / form[:3] / form).glob("*.png"))
    ]
    wide, pitch = max(one.shape[1] for one in pictures) + 160, 92
    sheet = np.full((pitch * len(pictures) + 140, wide), 246, np.uint8)
    for k, one in enumerate(pictures):
        place = sheet[80 + pitch * k :, 80:][: one.shape[0], : one.shape[1]]
        np.minimum(place, one, out=place)
    return cv2.imencode(".png", sheet // 16 * 16 + 8)[1].tobytes()


def keep(out: Path) -> None:
    """Write the service worker that keeps the site for visits without a network; its store is named by a hash."""
    kept = [
        path
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and path.suffix not in (".lm", ".words", ".ipynb")
        and path.name != "sw.js"
    ]
    total = hashlib.sha256()
    for path in kept:
        total.update(path.read_bytes())
    names = [path.relative_to(out).as_posix() for path in kept]
    text = (HERE / "static" / "sw.js").read_text(encoding="utf-8")
    text = text.replace('"STORE"', json.dumps(f"htr-{total.hexdigest()[:12]}"))
    files.write_text(out / "sw.js", text.replace('["FILES"]', json.dumps(names)))
