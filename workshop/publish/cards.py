"""Model cards, written from the model file and `metrics.json`, never by hand: `python -m htr_utils cards`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import jinja2

from htr_utils import files, paths
from htr_utils.cli.one_line import OneLine
from htr_utils.network import archive

CARD = Path(__file__).parent / "static" / "card.md"


def write(model: Path, metrics: Path) -> Path:
    """Write the card beside a model file.

    Args:
        model: the .keras file. metrics: `metrics.json`; entries of other models are left out.
    """
    loaded, digest, target = archive.load(model), files.sha256(model), model.with_suffix(".md")
    about, root = loaded.about, paths.repo_root()
    known = json.loads(metrics.read_text(encoding="utf-8")).get(model.name, {})
    entries = sorted((name, e) for name, e in known.items() if e["sha256"] == digest)
    trained = [*about.get("stages", []), *filter(None, [about.get("command")])]
    text = jinja2.Template(CARD.read_text(encoding="utf-8"), keep_trailing_newline=True).render(
        name=model.stem,
        preset=loaded.preset.name,
        parameters=loaded.model.count_params() / 1e6,
        height=loaded.preset.preparation.height,
        step=loaded.preset.frame_step,
        classes=loaded.charset.classes,
        megabytes=model.stat().st_size / 1e6,
        digest=digest,
        origin=about.get("origin", "not recorded"),
        epochs=about.get("epochs", "?"),
        seed=about.get("seed", "?"),
        history=_curve(model),
        speed=_speed(model, digest),
        note=f"- **Note**: {about['note']}.\n" if about.get("note") else "",
        rows=[_row(name, entry) for name, entry in entries],
        commands=[*trained, *(entry["command"] for _, entry in entries)],
        # Nobody else's model has these data, figures and terms.
        ours=root is not None and model.resolve() == (root / "model" / "course.keras").resolve(),
    )
    files.write_text(target, text)
    return target


def _row(name: str, entry: dict[str, Any]) -> list[str]:
    """The cells of one measurement."""
    cer, wer = (f"{e['value']} [{e['low']}, {e['high']}]" for e in (entry["cer"], entry["wer"]))
    left_out = f" ({entry['left_out']} left out)" if "left_out" in entry else ""
    how = f"{entry['decoder']}, {entry['convention']}"
    return [name, f"{entry['lines']}{left_out}", cer, wer, how, entry["bootstrap"], entry["date"]]


def _speed(model: Path, digest: str) -> str:
    """Reading speed and memory, as one line, from `NAME.speed.json`, which `python -m htr_utils bench` writes."""
    file = model.with_suffix(".speed.json")
    if not file.is_file():
        return ""
    kept = json.loads(file.read_text(encoding="utf-8"))
    if kept["sha256"] != digest:
        return ""
    memory = f"{kept['peak_mb']:,} MB of memory at most, " if kept["peak_mb"] else ""
    return (
        f"- **Reading**: {kept['lines_per_second']:.0f} lines a second, {memory}the "
        f"first line {kept['load_s'] + kept['first_line_s']:.1f} s after the start; {kept['lines']} embedded test "
        f"lines, files in, text out ({kept['machine']}, {kept['date']}; `{kept['command']}`).\n"
    )


def _curve(model: Path) -> str:
    """The validation CER of the epochs, from `NAME.history.json` beside the model, as one line."""
    file = model.with_suffix(".history.json")
    if not file.is_file():
        return ""
    rows = json.loads(file.read_text(encoding="utf-8"))
    values = ", ".join(f"{100 * row['cer']:.1f}" for row in rows if "cer" in row)
    return f"- **Learning curve**: CER % on its validation lines after each epoch: {values}.\n"


@click.command(cls=OneLine)
@click.argument("model", default="course")
def main(model: str) -> None:
    """Write the card of MODEL (a name, or a .keras file with metrics.json beside it)."""
    file = paths.model_file(model)
    click.echo(f"wrote {write(file, file.with_name('metrics.json')).name}")


if __name__ == "__main__":
    main()
