"""Given to the pytest that runs nbval on a notebook: warnings on stderr differ from machine to machine."""

from __future__ import annotations

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
