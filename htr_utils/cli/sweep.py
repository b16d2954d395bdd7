"""`htr sweep`: one chapter at many points."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from htr_utils.cli.common import need
from htr_utils.errors import HtrError


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    help="folder of the sweep [default: runs/NAME of the file]",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    help="points at a time; 0 runs them here, without Dask [default: one a core]",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="a running Dask scheduler (tcp://host:8786) whose workers see the folder",
)
@click.option(
    "--keep",
    type=click.Path(dir_okay=False),
    help="also write the finished runs into one small JSON file, without notebooks and models",
)
@click.option(
    "--report/--no-report",
    default=True,
    help="at the end run the chapter Experiments over the records: curves, effects, the best run",
)
@click.option("--dry", is_flag=True, help="check and list the points, run nothing")
def sweep(
    file: str,
    out: str | None,
    workers: int | None,
    scheduler: str | None,
    keep: str | None,
    report: bool,
    dry: bool,
) -> None:
    """Run the sweep that FILE describes (YAML: chapter, parameters, grid or random or points, seeds).

    Stop it when you like: the same command goes on with the points that are left, and runs failed ones again.
    """
    need("papermill", "jupytext", "nbconvert", "yaml", extra="course,runs")
    if workers != 0 and not dry:
        need("dask", "distributed", extra="course,runs")
    from htr_utils.runs import records, sweeps

    plan = sweeps.read(file)
    if dry:
        click.echo("\n".join(sweeps.label(point) for point in plan.points))
        return
    folder = Path(out or f"runs/{Path(file).stem}")
    say = partial(click.echo, err=True)
    rows = sweeps.run(plan, folder, workers=workers, scheduler=scheduler, say=say)
    if keep is not None:
        click.echo(f"{records.keep(plan, folder, Path(keep))} runs kept in {keep}")
    failed = [row for row in rows if row["state"] != "finished"]
    if report and len(failed) < len(rows):
        click.echo(_report(folder))
    click.echo(f"{len(rows) - len(failed)} of {len(rows)} points finished; {folder / 'table.csv'}")
    if failed:
        raise HtrError(
            f"{len(failed)} of {len(rows)} points failed; their notebooks are named in the table"
        )


def _report(folder: Path) -> str:
    """Run "Experiments" over a sweep's records into `report/`; in one line where it is, or why there is none."""
    from htr_utils.course import statistics
    from htr_utils.runs import record, records

    rates = statistics.rates(records.finished(folder))
    if not rates:
        return "no report: these runs recorded no error rate that the chapter Experiments could compare"
    parameters = {"sweep": str(folder), "result": rates[0]}
    try:
        row = record.run("13", parameters, folder / "report")
    except HtrError as error:
        return f"no report: {error}"
    if row["error"]:
        return f"no report: {row['error']}; see {folder / 'report'}"
    return f"report of {rates[0]}: {folder / 'report' / row['chapter']}.html"
