"""The site of this checkout, built once, and a browser for it."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from workshop.publish import site


@pytest.fixture(scope="session")
def browser() -> Iterator:  # type: ignore[type-arg]
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install playwright"
    )
    program = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    with playwright.sync_playwright() as player:
        found = program or shutil.which(player.chromium.executable_path)
        if found is None:
            pytest.skip("no Chromium: `apt install chromium`")
        made = player.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this checkout, in a folder whose name has a space."""
    out = tmp_path_factory.mktemp("a site")
    site.make(out)
    return out


@pytest.fixture(scope="session")
def served(built: Path) -> Iterator[str]:
    """The same site behind a web server: from a folder, a browser loads no modules and shows a notebook as text."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    handler = functools.partial(Quiet, directory=str(built))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
