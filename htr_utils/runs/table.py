"""The table of a sweep: a row for each point, as CSV and, where pyarrow is installed, as Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from htr_utils import files


def row(
    key: str, point: Mapping[str, Any], run: Mapping[str, Any] | None, chapter: str
) -> dict[str, Any]:
    """The row of a point from the record of its run; None is a point that is left."""
    state = "left" if run is None else "failed" if run["error"] else "finished"
    run = run or {"error": "not run yet", "results": {}}
    return {
        "point": key,
        "state": state,
        **{f"parameters.{name}": value for name, value in point.items()},
        **flat(run["results"], "results"),
        "seconds": run.get("seconds"),
        "peak_mb": run.get("peak_mb"),
        "error": run["error"],
        "notebook": f"points/{key}/{chapter}.ipynb",
    }


def flat(results: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Single values by dotted names; lists stay in metrics.json."""
    values: dict[str, Any] = {}
    for word, value in results.items():
        if isinstance(value, dict):
            values |= flat(value, f"{name}.{word}")
        elif not isinstance(value, list):
            values[f"{name}.{word}"] = value
    return values


def write(rows: Sequence[Mapping[str, Any]], out: Path) -> list[Path]:
    """Write `table.csv` and `table.parquet`; a column of mixed kinds is text in Parquet. Returns what was written."""
    names = dict.fromkeys(name for row in rows for name in row)
    last = [name for name in ("seconds", "peak_mb", "error", "notebook") if name in names]
    columns = [name for name in names if name not in last] + last
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(out / "table.csv", text.getvalue())
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return [out / "table.csv"]
    content = pyarrow.table(
        {name: _of_one_kind([row.get(name) for row in rows]) for name in columns}
    )
    sink = io.BytesIO()
    pyarrow.parquet.write_table(content, sink)
    files.write_bytes(out / "table.parquet", sink.getvalue())
    return [out / "table.csv", out / "table.parquet"]


def _of_one_kind(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    if len(kinds) > 1 or kinds - {bool, int, float, str}:
        return [
            value if value is None or isinstance(value, str) else json.dumps(value)
            for value in values
        ]
    return values
