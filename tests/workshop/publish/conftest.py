"""The site of this checkout, built once, and a browser for it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers import browsing
from workshop.publish import site


@pytest.fixture(scope="session")
def browser() -> Iterator:  # type: ignore[type-arg]
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no Playwright: pip install playwright"
    )
    yield from browsing.launched(playwright)


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
