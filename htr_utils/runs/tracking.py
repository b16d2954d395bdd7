"""Runs told to MLflow, where somebody asks for it: `htr run --mlflow URI`, `htr sweep --mlflow URI`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.runs import record, sweeps, table

MARK = ".mlflow"  # in a run's folder: where it was told, under which id, and what


def tell(found: Mapping[str, Any], folder: Path, uri: str) -> str:
    """Log one run: parameters, results, a history's rows as steps, versions and git state as tags; a record once.

    Args:
        found: its record. folder: where its `metrics.json` lies. uri: a server or a folder, as MLflow takes it.

    Returns:
        MLflow's id of the run.

    Raises:
        HtrError: MLflow does not answer or refuses.
    """
    import mlflow

    mark, told = (
        folder / MARK,
        {"uri": _hash(uri), "run": _hash(repr(sorted(found.items())))},
    )
    try:
        before = json.loads(mark.read_text(encoding="utf-8"))
        if {name: before[name] for name in told} == told:
            return str(before["id"])
    except OSError:
        pass
    except (ValueError, LookupError, TypeError):  # the id alone, as it was once kept
        return mark.read_text(encoding="utf-8").strip()
    results = found.get("results", {})
    try:
        client = mlflow.tracking.MlflowClient(uri)
        experiment = client.get_experiment_by_name(found["chapter"])
        number = (
            experiment.experiment_id if experiment else client.create_experiment(found["chapter"])
        )
        name = sweeps.label(found.get("given", {}))[:200]
        made = client.create_run(number, run_name=name).info.run_id
        for word, value in found["parameters"].items():
            client.log_param(made, word, str(value)[:500])
        for word, value in table.flat(results, "").items():
            if isinstance(value, (int, float)):
                client.log_metric(made, word.lstrip("."), float(value))
        for row in results.get("history", []):
            for word, value in row.items():
                if word != "epoch":
                    client.log_metric(made, f"history.{word}", float(value), step=int(row["epoch"]))
        tags = {f"version.{name}": version for name, version in found.get("versions", {}).items()}
        tags |= {
            "data": found.get("data"),
            "commit": (found.get("git") or {}).get("commit"),
            "source": found.get("source"),
        }
        for word, value in tags.items():
            client.set_tag(made, word, str(value))
        client.set_terminated(made, "FAILED" if found.get("error") else "FINISHED")
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise HtrError(f"MLflow at {uri}: {' '.join(str(error).split())[:200]}") from None
    files.write_text(mark, json.dumps(told | {"id": made}) + "\n")
    return str(made)


def _hash(text: str) -> str:
    """A mark of a text: an address may hold a password."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def tell_all(sweep: sweeps.Sweep, out: Path, uri: str) -> int:
    """Log the finished runs of a sweep that were not told yet; returns how many there are in all."""
    count = 0
    for point in sweep.points:
        folder = sweep.folder(out, point)
        found = record.read_metrics(folder)
        if found is not None:
            tell(found, folder, uri)
            count += 1
    return count
