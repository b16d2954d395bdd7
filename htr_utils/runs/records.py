"""What a sweep's folder holds: its finished runs, kept as one small file or read again.

A run here is a dictionary: `parameters`, `given`, `seed`, `results` (error rates as fractions, and a `history` with a
row per epoch where something was trained), `rate` (the error rate that is compared, in %), and where it came from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from htr_utils import files, paths
from htr_utils.course.statistics import Run, rates
from htr_utils.errors import HtrError
from htr_utils.runs import record, sweeps

KEPT = "given parameters seed results seconds date source versions git data machine".split()


SHOWN = ("epoch", "step", "loss", "cer")  # columns of a history that are kept


def stored() -> Path:
    """The records of `sweeps/small.yaml` that come with the course.

    Raises:
        HtrError: there is no checkout.
    """
    root = paths.repo_root()
    if root is None:
        raise HtrError(
            "the course's own sweep lies in its clone; name a folder of `htr sweep` instead"
        )
    return root / "docs" / "measured" / "experiments" / "small.json"


def finished(folder: Path) -> list[Run]:
    """The runs of a sweep's folder that went through: of the points that its last `htr sweep` named, or of all."""
    try:
        names = [
            str(name) for name in json.loads((folder / sweeps.POINTS).read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, TypeError):
        names = sorted(point.name for point in (folder / "points").glob("*"))
    records = [record.read_metrics(folder / "points" / name) for name in names]
    return [record_ for record_ in records if record_ is not None and record_.get("error") == ""]


def load(source: str | Path, result: str = "cer") -> tuple[list[Run], str]:
    """The finished runs of a sweep, and in words where they come from.

    Args:
        source: a folder of `htr sweep`, or a file of `keep`. result: the error rate that is compared.

    Raises:
        HtrError: nothing there, no run that went through, or one that did not record that rate.
    """
    path = Path(source)
    if path.is_dir():
        runs = finished(path)
        origin = f"trained by `htr sweep` into {path.name}/"
    else:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            runs, origin = list(content["runs"]), str(content["origin"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise HtrError(
                f"{path}: no records of a sweep ({error}); give a folder of `htr sweep`"
            ) from None
    if not runs:
        raise HtrError(
            f"{path}: no run of a sweep went through here; give the folder of `htr sweep --out`"
        )
    known = rates(runs)
    if result not in known:
        remedy = f"they have: {', '.join(known)}" if known else "there is nothing to compare"
        raise HtrError(f"{path}: its runs record no error rate {result!r}; {remedy}")
    return [run | {"rate": 100 * run["results"][result]} for run in runs], origin


def keep(sweep: sweeps.Sweep, out: Path, target: Path) -> int:
    """Write the finished runs of a sweep into one file, without notebooks, models and paths; returns how many."""
    runs = [slim(found) for found in sweeps.finished(sweep, out) if found is not None]
    body = ",\n  ".join(json.dumps(run, ensure_ascii=False) for run in runs)
    origin = json.dumps(f"trained by `htr sweep`, {len(runs)} of {len(sweep.points)} points")
    files.write_text(target, f'{{"origin": {origin}, "runs": [\n  {body}\n]}}\n')
    return len(runs)


def slim(run: Mapping[str, Any]) -> Run:
    """What of a run's record is worth keeping: no path of this machine, no column that no chart shows."""
    kept = {name: run[name] for name in KEPT if name in run}
    results = {name: value for name, value in run["results"].items() if name != "model"}
    if "history" in results:
        results["history"] = [
            {name: row[name] for name in SHOWN if name in row} for row in results["history"]
        ]
    return kept | {"results": results}
