"""Pages in a headless Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def launched(playwright: Any) -> Iterator[Any]:
    """A headless Chromium, for a fixture: the one that HTR_CHROMIUM names, the system's, or Playwright's own.

    Args:
        playwright: the module `playwright.sync_api`.
    """
    with playwright.sync_playwright() as player:
        if "HTR_CHROMIUM" in os.environ:
            program = shutil.which(os.environ["HTR_CHROMIUM"])
        else:
            places = (
                "chromium",
                "chromium-browser",
                "google-chrome",
                player.chromium.executable_path,
            )
            program = next(filter(None, map(shutil.which, places)), None)
        if program is None:
            pytest.skip(
                "no Chromium: `apt install chromium`, or `playwright install chromium`, or name one by HTR_CHROMIUM"
            )
        made = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


def opened(browser, address: Path | str, script: str = "", prepare=None, **options):  # type: ignore[no-untyped-def]
    """A page and what it complained about or fetched from elsewhere.

    Args:
        script: runs in the page before its own. prepare: takes the page before it is opened. options: of the context.
    """
    address = address.as_uri() if isinstance(address, Path) else address
    home = ("file:", "data:", "blob:", "/".join(address.split("/")[:3]))
    context = browser.new_context(**options)
    page, said = context.new_page(), []
    page.on(
        "console",
        lambda message: said.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    context.on("request", lambda r: None if r.url.startswith(home) else said.append(r.url))
    if script:
        page.add_init_script(script)
    if prepare:
        prepare(page)
    page.goto(address)
    return page, said
