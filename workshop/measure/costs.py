"""What each chapter costs: `make course ARGS="--table docs/measured/chapters.md"` measures and writes the table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from htr_utils import files
from htr_utils.runs.origin import machine, versions

# What a chapter may take at its defaults, on two cores.
MEAN_SECONDS, SECONDS, MEGABYTES = (40, 90, 2000)

HEAD = """# What a chapter costs

Each chapter run alone at its default parameters, from the start of its kernel to the end. Memory is the greatest sum of
what its processes held. The limits on two cores: {mean} s in the mean, {most} s and {memory:,} MB at most.
Written by `make course ARGS="--table docs/measured/chapters.md"`.

| chapter | seconds | peak memory (MB) |
|---|---:|---:|
"""


def table(results: Sequence[Any]) -> str:
    """The page in Markdown: a row for each chapter, the mean, and what it was measured on."""
    page = HEAD.format(mean=MEAN_SECONDS, most=SECONDS, memory=MEGABYTES)
    for result in results:
        failed = f" (failed: {result.error})" if result.error else ""
        page += f"| {result.name}{failed} | {result.seconds:.0f} | {result.peak_mb:,.0f} |\n"
    seconds = [result.seconds for result in results]
    page += f"| **mean** | {statistics.mean(seconds):.0f} | {statistics.mean(r.peak_mb for r in results):,.0f} |\n"
    page += f"| **greatest** | {max(seconds):.0f} | {max(r.peak_mb for r in results):,.0f} |\n"
    on, used = machine(), versions()
    page += (
        f"\n{on['system']}, {on['processor']}, {on['cores']} cores, {on['memory_gb']} GB; Python {used['python']}, "
        f"TensorFlow {used.get('tensorflow', '?')}; {datetime.now(UTC):%Y-%m-%d}.\n"
    )
    broken = complaints(results)
    verdict = f"Over the limits: {'; '.join(broken)}" if broken else "All within the limits"
    return f"{page}\n{verdict}.\n"


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
