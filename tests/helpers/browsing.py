"""Pages in a headless Chromium."""

from __future__ import annotations

from pathlib import Path


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
