"""What each chapter costs: `make course ARGS="--table docs/measured/chapters.md"` measures and writes the table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from htr_utils import files
from htr_utils.runs.origin import machine, versions
from workshop.measure.page import filled

# What a chapter may take at its defaults, on two cores.
MEAN_SECONDS, SECONDS, MEGABYTES = (40, 90, 2000)


def table(results: Sequence[Any]) -> str:
    """The page in Markdown: a row for each chapter, the mean, and what it was measured on."""
    return filled(
        "costs",
        results=results,
        seconds=[result.seconds for result in results],
        memories=[result.peak_mb for result in results],
        limits=(MEAN_SECONDS, SECONDS, MEGABYTES),
        on=machine(),
        used=versions(),
        today=f"{datetime.now(UTC):%Y-%m-%d}",
        broken=complaints(results),
    )


def complaints(results: Sequence[Any]) -> list[str]:
    """Where a limit is passed, a chapter failed, or the mean is too long; one line each."""
    lines = [f"{result.name} failed" for result in results if result.error]
    lines += [f"{r.name} took {r.seconds:.0f} s" for r in results if r.seconds > SECONDS]
    lines += [f"{r.name} held {r.peak_mb:,.0f} MB" for r in results if r.peak_mb > MEGABYTES]
    if (mean := statistics.mean(result.seconds for result in results)) > MEAN_SECONDS:
        lines.append(f"the mean is {mean:.0f} s")
    return lines


def write(results: Sequence[Any], path: Path) -> list[str]:
    """Write the page whole or not at all; returns its complaints."""
    files.write_text(path, table(results))
    return complaints(results)
