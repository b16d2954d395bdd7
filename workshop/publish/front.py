"""What the first page of the site needs to read handwriting in the browser, and to do so again without a network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from htr_utils import files
from workshop.publish import reading

HERE = Path(__file__).parent
EXAMPLES = {"line.png": "sample-1.png", "page.jpg": "pages/letter-1.jpg"}
AT_ONCE = ("ort-wasm-simd-threaded.wasm", "course.onnx", "finder.onnx", "decoding.json")


def copy(out: Path) -> int:
    """Put reader, desk and examples into the site; returns the bytes that are loaded before the first reading.

    Raises:
        HtrError: npm cannot fetch the runtime, or `out` cannot be written.
    """
    reading.copy(out / "reader")
    samples = HERE.parents[1] / "data" / "samples"
    sources = {f"examples/{name}": samples / place for name, place in EXAMPLES.items()}
    sources |= {f"read/{path.name}": path for path in (HERE / "static" / "read").glob("*.js")}
    sources |= {name: HERE / "static" / name for name in ("front.css", "front.js")}
    for name, path in sources.items():
        files.write_bytes(out / name, path.read_bytes())
    return sum((out / "reader" / name).stat().st_size for name in AT_ONCE)


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
