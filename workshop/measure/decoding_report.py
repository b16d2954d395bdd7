"""The figures of `model/decoding.json` as tables for people: `python -m workshop.measure.decoding_report`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from htr_utils import paths
from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.files import write_text
from htr_utils.text import tuned
from workshop.measure.page import filled
from workshop.measure.wrong_lines import CAUSES

TARGET = "docs/measured/decoding-figures.md"
_WAYS = {"greedy": "greedy", "lm": "language model", "lexicon": "language model and lexicon"}
_ASKED = {"cer_change": -35.0, "wer_change": -40.0}  # in %: what was asked of the language model
_ASKED_OF = ("test", "jls", "inkbench")


def _change(c: dict[str, float] | None) -> str:
    return f"{c['value']:+.1f} % [{c['low']:+.1f}, {c['high']:+.1f}]" if c else "-"


def worse(measured: dict[str, Any]) -> list[str]:
    """Where the scaled confidences keep their promise worse than the network's own."""
    return [
        f"{name}, {_WAYS[way]} ({kind}s)"
        for name, entry in measured.items()
        for way in _WAYS
        for kind in ("letter", "word")
        if (one := entry[way].get("confidence", {}).get(kind)) and one["ece"] > one["ece_raw"]
    ]


def tables(stored: dict[str, Any]) -> str:
    """Decoders, the gate and the confidences on every set that was measured, in Markdown."""
    measured = stored["measured"]
    asked = {name: measured[name] for name in _ASKED_OF if name in measured}
    missed = [
        f"{name} ({rate[:3].upper()})"
        for name, found in asked.items()
        for rate, goal in _ASKED.items()
        if found["lexicon"][rate]["value"] > goal
    ]
    # Why lines stay wrong with the language model, where that was measured.
    wrong = {name: one for name, found in asked.items() if (one := found["lm"].get("wrong_lines"))}
    return filled(
        "decoding_report",
        stored=stored,
        ways=_WAYS,
        change=_change,
        asked=asked,
        goals=_ASKED,
        missed=missed,
        wrong=wrong,
        causes=CAUSES,
        gated=[_WAYS[way] for way in stored["gated"]],
        worse=worse(measured),
    )


def write(folder: Path) -> Path:
    """Write the tables into the checkout at `folder`."""
    stored = json.loads((folder / "model" / tuned.FILE).read_text(encoding="utf-8"))
    write_text(folder / TARGET, tables(stored))
    return folder / TARGET


@one_line
def main() -> None:
    """Write the tables into this checkout."""
    root = paths.repo_root()
    if root is None:
        raise HtrError("no course beside this installation; clone it")
    write(root)


if __name__ == "__main__":
    sys.exit(main())
