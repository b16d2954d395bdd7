"""Every text of the web page, from `texts.toml`.

PAGE goes to the template and, as it is, to the script; `{name}` is filled in by whoever shows the text.
ERRORS are the messages of the server.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

_TEXTS: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
PAGE, ERRORS = _TEXTS["page"], _TEXTS["errors"]


def error(key: str, **values: object) -> str:
    """The message `key` of ERRORS with its values filled in."""
    return ERRORS[key].format(**values)
