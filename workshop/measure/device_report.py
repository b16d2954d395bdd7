"""How fast this machine trains with each precision, with and without XLA: a table in docs/training-devices.md.

    python -m workshop.measure.device_report

Each way trains a preset from random weights on the same embedded lines, in a process of its own. To be run on an
idle machine.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from htr_utils import paths
from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.files import write_text
from htr_utils.lines import iam
from htr_utils.recognizer import cores
from workshop.measure import side_by_side

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
WAYS: dict[str, dict[str, Any]] = {
    "float32": {},
    "bfloat16": {"precision": "bfloat16"},
    "float32, XLA": {"xla": True},
}
BATCH = 24


def measure(presets: Sequence[str], count: int) -> list[dict[str, Any]]:
    """A row for each preset and way, on the embedded lines whatever HTR_DATA says."""
    every = iam.read(paths.embedded_root()).split("train")
    count = min(count, len(every))
    lines = [
        [str(line.path), line.text]
        for line in (every[n * len(every) // count] for n in range(count))
    ]
    rows = []
    for preset in presets:
        for name, way in WAYS.items():
            print(f"{preset}, {name}", flush=True)
            found = side_by_side._measure(
                "train", {"preset": preset, "lines": lines, "batch": BATCH, **way}, cores()
            )
            rows.append({"preset": preset, "way": name, "lines": count, **found})
    return rows


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown, with what they are."""
    count, gpus = rows[0]["lines"], rows[0]["gpus"]
    found = f"{gpus or 'no'} GPU{'s' * (gpus > 1)}"
    base = {row["preset"]: row["lines_per_second"] for row in rows if row["way"] == "float32"}
    made = [
        f"| `{row['preset']}` | {row['way']} | {row['lines_per_second']:.1f} | "
        f"{row['lines_per_second'] / base[row['preset']]:.2f} | {row['first']:.0f} | {row['peak'] or 0:,.0f} |"
        for row in rows
    ]
    return "\n".join(
        [
            "| preset | way | lines a second | times float32 | first epoch, s | peak memory, MB |",
            "| --- | --- | ---: | ---: | ---: | ---: |",
            *made,
            "",
            f"Measured by `python -m workshop.measure.device_report`, {datetime.now(UTC).date()}, {cores()} cores, "
            f"{platform.machine()}, {found}: {count}",
            f"embedded training lines, batches of {BATCH}, one run each; the speed is that of the second epoch, the "
            "first one compiles.",
        ]
    )


def put(page: str, text: str) -> str:
    """The page with the text between the two marks.

    Raises:
        HtrError: the page has no such marks.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise HtrError(f"the page has no {BEGIN} and {END}; put them where the table belongs")
    return f"{head}{BEGIN}\n{text}\n{END}{tail}"


@one_line
def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--page", type=Path, default=Path("docs/training-devices.md"))
    parser.add_argument("--presets", nargs="+", default=["course", "wide"])
    parser.add_argument("--lines", type=int, default=240)
    chosen = parser.parse_args()
    page = chosen.page.read_text(encoding="utf-8")
    put(page, "")  # a page without a place for the table is told before anything is measured
    text = table(measure(chosen.presets, chosen.lines))
    print(text)
    write_text(chosen.page, put(page, text))


if __name__ == "__main__":
    sys.exit(main())
