"""Other readers of handwriting, each as it is meant to be used on whole lines. Run as a program, by any Python.

    python -I peers.py list                 which of them this Python has: JSON {name: version}
    python -I peers.py rapidocr < job.json  reads {"files": [...], "threads": n}; gives JSON with the texts

It imports nothing of this package, so that it also runs in an environment where the peers alone are installed:
RapidOCR and EasyHTR bring their own, older or second, OpenCV and must not share one with the course.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PEERS = {"rapidocr": "RapidOCR", "tesseract": "Tesseract", "easyhtr": "EasyHTR"}
# Settings that are tried on the lines themselves; the one that reads best is kept, which favours the peer. Chosen
# out of more on 60 training lines of two sets: frames, darker ink and other scales read worse or alike.
SETTINGS = {
    "rapidocr": ("whole picture", "cut to the ink"),
    "tesseract": ("whole picture",),
    "easyhtr": ("scale 0.5", "scale 0.35"),
}
ABOUT = {
    "rapidocr": "recogniser alone, without detection, as shipped, batches of similar width",
    "tesseract": "eng, --psm 7, one process for each core",
    "easyhtr": "word detector and reader, margin 5; the words of a line joined by spaces",
}

Reader = Callable[["list[str]"], "list[str]"]


def available() -> dict[str, str]:
    """Version of each peer that is installed for this Python, or on this machine."""
    found = {}
    for name in ("rapidocr", "easyhtr"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if shutil.which("tesseract"):
        said = subprocess.run(
            ["tesseract", "--version"], capture_output=True, text=True, check=False
        )
        words = (said.stdout or said.stderr).split()
        found["tesseract"] = words[1] if len(words) > 1 else "?"
    return found


def _cut(grey: Any) -> Any:
    """A picture cut to its ink with a margin of four pixels; stray dark pixels at top and bottom do not count."""
    import numpy as np

    rows, columns = np.nonzero(grey < 160)
    if rows.size < 20:
        return grey
    top, bottom = np.percentile(rows, [0.5, 99.5])
    return grey[
        max(0, int(top) - 4) : int(bottom) + 5,
        max(0, int(columns.min()) - 4) : int(columns.max()) + 5,
    ]


def rapidocr(threads: int, setting: str) -> Reader:
    """Its recogniser without detection and without turning lines upright."""
    import cv2
    from rapidocr import RapidOCR

    cv2.setNumThreads(threads)
    engine = RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )

    def read(files: list[str]) -> list[str]:
        texts: list[str] = []
        for at in range(0, len(files), 240):  # it sorts what it is given by width
            pictures: list[Any] = [
                cv2.imread(file, cv2.IMREAD_GRAYSCALE) for file in files[at : at + 240]
            ]
            if setting == "cut to the ink":
                pictures = [_cut(grey) for grey in pictures]
            pictures = [cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR) for grey in pictures]
            texts += engine.recognize_txt(pictures).txts
        return texts

    return read


def tesseract(threads: int, setting: str) -> Reader:
    """The program on lists of files: it reads the files of a list with one start, parted by form feeds."""

    def part(files: list[str]) -> list[str]:
        if not files:
            return []
        with tempfile.TemporaryDirectory() as folder:
            listed = Path(folder) / "files.txt"
            listed.write_text("\n".join(files) + "\n", encoding="utf-8")
            done = subprocess.run(
                ["tesseract", str(listed), "stdout", "--psm", "7", "-l", "eng"],
                capture_output=True,
                check=True,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        pages = done.stdout.decode("utf-8").split("\f")[: len(files)]
        return [" ".join(page.split()) for page in pages]

    def read(files: list[str]) -> list[str]:
        with ThreadPoolExecutor(
            threads
        ) as pool:  # the files dealt out, so that each gets long and short ones
            parts = list(pool.map(part, [files[start::threads] for start in range(threads)]))
        texts = [""] * len(files)
        for start, found in enumerate(parts):
            texts[start::threads] = found
        return texts

    return read


def easyhtr(threads: int, setting: str) -> Reader:
    """Words found and read one by one, as its `read_page` does; the lines it sees in a picture are joined."""
    import cv2
    from htr_pipeline import DetectorConfig, LineClusteringConfig, read_page

    cv2.setNumThreads(threads)
    scale, margin = float(setting.removeprefix("scale ")), 5

    def read(files: list[str]) -> list[str]:
        texts = []
        for file in files:
            grey = cv2.imread(file, cv2.IMREAD_GRAYSCALE)
            try:
                found = read_page(grey, DetectorConfig(scale, margin), LineClusteringConfig(1))
            except (ValueError, cv2.error):  # it fails where it finds no word
                found = []
            texts.append(" ".join(word.text for line in found for word in line))
        return texts

    return read


def main() -> None:
    """`list`, or read a job from standard input."""
    name = sys.argv[1]
    out, sys.stdout = sys.stdout, sys.stderr  # what a peer prints must not mix with the answer
    if name == "list":
        json.dump(available(), out)
        return
    job = json.load(sys.stdin)
    made = {"rapidocr": rapidocr, "tesseract": tesseract, "easyhtr": easyhtr}[name]
    begun = time.perf_counter()
    reader = made(job["threads"], job["setting"])
    loaded = time.perf_counter()
    reader(job["files"][:1])
    first = time.perf_counter()
    texts = reader(job["files"])
    json.dump(
        {
            "texts": texts,
            "load": loaded - begun,
            "first": first - loaded,
            "seconds": time.perf_counter() - first,
            "peak": peak(),
        },
        out,
    )


def peak() -> float | None:
    """Most memory that the largest of this process and its children held, in MB; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    usage = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return max(usage) * unit / 1e6


if __name__ == "__main__":
    main()
