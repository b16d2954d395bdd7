"""Time from opening the built site to the first reading: `python docs/develop/time_first_reading.py runs/site`.

Serves the site compressed, as hosts do, opens it in Chromium as a first visit, writes a word at once, and prints when
its text stood there, and which large files had been sent until then. `--megabits` slows the line down.
"""

from __future__ import annotations

import argparse
import gzip
import http.server
import shutil
import threading
from functools import cache
from pathlib import Path

from playwright.sync_api import sync_playwright

from htr_utils.course.live import example


def server(folder: Path, sent: dict[str, int]) -> http.server.ThreadingHTTPServer:
    """A host of plain files that compresses; adds name and bytes of what it sends to `sent`."""

    @cache
    def packed(file: Path) -> bytes:
        return gzip.compress(file.read_bytes(), 6)

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(
            self, *_: object
        ) -> None: ...  # the browser is closed while it still fetches

    class Host(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            name = self.path.partition("?")[0].lstrip("/") or "index.html"
            file = folder / name
            content = packed(file) if file.is_file() else b""
            self.send_response(200 if content else 404)
            self.send_header("Content-Type", self.guess_type(name))
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            sent[name] = len(content)

    for name in ("ort-wasm-simd-threaded.wasm", "course.onnx", "finder.onnx"):
        packed(folder / "reader" / name)  # a host has done this before
    return Server(("127.0.0.1", 0), Host)


def first_reading(folder: Path, megabits: float | None) -> tuple[float, dict[str, int], str]:
    """Milliseconds from opening to the first text, the bytes of each file sent until then, and the text."""
    sent: dict[str, int] = {}
    host = server(folder, sent)
    threading.Thread(target=host.serve_forever, daemon=True).start()
    with sync_playwright() as player:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(service_workers="block").new_page()
        if megabits:
            rate = {"offline": False, "latency": 20, "uploadThroughput": -1}
            line = page.context.new_cdp_session(page)
            line.send(
                "Network.emulateNetworkConditions",
                rate | {"downloadThroughput": megabits * 1e6 / 8},
            )
        page.goto(f"http://127.0.0.1:{host.server_port}/index.html")
        page.wait_for_selector("#desk:not([hidden])")
        box = page.locator("#sheet").bounding_box()
        assert box
        for stroke in example("hello").strokes:
            for number, (x, y) in enumerate(stroke):
                page.mouse.move(box["x"] + 0.7 * x, box["y"] + 0.7 * y)
                if number == 0:
                    page.mouse.down()
            page.mouse.up()
        entries = "performance.getEntriesByName('reading')"
        page.wait_for_function(f"{entries}.length > 0", timeout=300_000)
        when, sent = page.evaluate(f"{entries}[0].startTime"), dict(sent)
        text = page.locator(".line textarea").first.input_value()
        browser.close()
    host.shutdown()
    return when, sent, text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("--megabits", type=float, help="a second (default: as fast as it goes)")
    options = parser.parse_args()
    when, sent, text = first_reading(options.site, options.megabits)
    print(f"{text!r} after {when / 1000:.1f} s; {sum(sent.values()) / 1e6:.2f} MB sent, of it")
    for name, size in sorted(sent.items(), key=lambda one: -one[1])[:8]:
        print(f"{size / 1e6:6.2f} {name}")


if __name__ == "__main__":
    main()
