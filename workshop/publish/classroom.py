"""`python -m htr_utils classroom`: is a learner's machine ready, a zip for machines without a network, nbgrader."""

from __future__ import annotations

from pathlib import Path

import click

from htr_utils.cli.common import need
from htr_utils.cli.one_line import Verbs
from htr_utils.errors import HtrError


@click.group(cls=Verbs)
def main() -> None:
    """For whoever teaches a class with this course."""


@main.command()
@click.option("--quick", is_flag=True, help="without starting a kernel and without a training step")
@click.option("--json", "as_json", is_flag=True, help="the findings as JSON, to be collected")
def check(quick: bool, as_json: bool) -> None:
    """Look at this machine and say in one line whether it is ready, or what to do."""
    need("psutil", "packaging", "jupytext", extra="course")
    from workshop.publish import machines as room

    findings = []
    for finding in room.look(Path.cwd(), quick=quick):
        findings.append(finding)
        if not as_json:
            click.echo(f"{finding.state:<5}{finding.name:<10}{finding.says}")
    click.echo(room.as_json(findings) if as_json else room.verdict(findings))
    if any(finding.state == "bad" for finding in findings):
        click.get_current_context().exit(1)


@main.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    help="the zip [default: runs/kit/offline-SYSTEM-PYTHON.zip]",
)
def pack(out: str | None) -> None:
    """Pack chapters, package, data, models and all wheels for machines like this one.

    There, without a network: unpack the zip and, in its folder, `python -m htr_utils setup`. It fetches about
    1 GB and takes some minutes.
    """
    need("jupytext", "nbformat", extra="course")
    from workshop.publish import kit
    from workshop.publish import machines as room

    kind = room.made_for()
    name = f"offline-{kind['system']}-{kind['machine']}-python{kind['python']}.zip".lower()
    target = Path(out) if out else kit.course_root() / kit.FOLDER / name
    click.echo("fetching wheels (about 1 GB; some minutes)", err=True)
    files, wheels = room.pack(target)
    click.echo(
        f"{target.name}: {files} files, {wheels} wheels, {target.stat().st_size / 1e6:,.0f} MB"
    )
    click.echo(
        f"For {kind['system']} {kind['machine']} with Python {kind['python']}: unpack, `python -m htr_utils setup`"
    )


@main.command()
@click.argument("chapter")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="grading",
    help="folder of the nbgrader course",
)
def nbgrader(chapter: str, out: str) -> None:
    """Turn CHAPTER (number or name) into an nbgrader assignment, and validate it."""
    need("nbgrader", "jupytext", extra="course,grading")
    from workshop.publish import grading

    assignment = grading.assignment(chapter, Path(out))
    click.echo(f"{assignment.name}: {assignment.exercises} exercises, {assignment.points} points")
    click.echo(f"solved version:   {assignment.solved}")
    click.echo(f"released version: {assignment.released}")
    if not assignment.valid:
        raise HtrError(f"{assignment.name} does not validate; see {assignment.folder}")
    click.echo(f"in {assignment.folder}: source/ (yours), release/ (for the class)")


if __name__ == "__main__":
    main(prog_name="python -m htr_utils classroom")
