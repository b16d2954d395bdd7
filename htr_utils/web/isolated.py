"""PDF pages drawn by a process of their own, with limits of memory and time.

A PDF is a program: a few kilobytes can ask for gigabytes, and PDFium is compiled code. Here the worst that
it can do is to end its own process. Pictures need no such care: their headers announce their size, and their
pages are counted no further than the limit.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.web.jobs import Limits, Refusal

MEMORY = 1_500_000_000  # bytes of data that the process may hold; a page of 40 megapixels takes under 300 MB


def pdf_pages(content: bytes, limits: Limits, seconds: float) -> tuple[int, Iterator[np.ndarray]]:
    """How many pages a PDF has, and the pages one after the other, uint8 (H, W).

    Raises:
        HtrError: damaged, locked, or no pypdfium2. Refusal: 413 too many pages, 422 over the limits of memory
        or time; both also while the pages are taken.
    """
    here = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    child = subprocess.Popen(
        [sys.executable, "-m", "htr_utils.web.isolated", str(limits.pages)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert child.stdin is not None and child.stdout is not None
    late = threading.Event()

    def stop() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(content)
            child.stdin.close()
        count = int(_next(child.stdout, late, limits)["pages"])
        if count > limits.pages:
            raise Refusal(413, "pages", found=count, pages=limits.pages)
    except BaseException:
        _end(child, timer)
        raise
    return count, _pages(child, timer, late, limits)


def _pages(
    child: subprocess.Popen[bytes], timer: threading.Timer, late: threading.Event, limits: Limits
) -> Iterator[np.ndarray]:
    assert child.stdout is not None
    try:
        while shape := _next(child.stdout, late, limits).get("shape"):
            data = child.stdout.read(shape[0] * shape[1])
            if len(data) < shape[0] * shape[1]:
                _next(child.stdout, late, limits)  # it ended: this says why
            yield np.frombuffer(data, np.uint8).reshape(shape)
    finally:
        _end(child, timer)


def _next(stream: IO[bytes], late: threading.Event, limits: Limits) -> dict[str, Any]:
    line = stream.readline()
    if not line.endswith(b"\n"):
        if late.is_set():
            raise Refusal(422, "time", seconds=round(limits.seconds))
        raise Refusal(422, "pdf")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise HtrError(str(answer["error"]))
    return answer


def _end(child: subprocess.Popen[bytes], timer: threading.Timer) -> None:
    timer.cancel()
    child.kill()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    child.wait()


def _draw(most: int) -> None:
    """The process itself: a PDF on standard input; on standard output a line of JSON and the bytes of each page."""
    out = sys.stdout.buffer

    def say(**values: object) -> None:
        out.write(json.dumps(values).encode() + b"\n")
        out.flush()

    with contextlib.suppress(ImportError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    from htr_utils import pages

    content = sys.stdin.buffer.read()
    try:
        say(pages=_count(content, most))
        for grey in pages.each_page(content, most):
            say(shape=grey.shape)
            out.write(grey.tobytes())
        say(end=True)
    except HtrError as error:
        say(error=str(error))


def _count(content: bytes, most: int) -> int:
    """The pages of a PDF; 1 where that cannot be told: who opens it next says why."""
    try:
        import pypdfium2

        with contextlib.closing(pypdfium2.PdfDocument(content)) as document:
            return len(document)
    except Exception:
        return min(1, most)


if __name__ == "__main__":
    _draw(int(sys.argv[1]))
