"""Which network learns most per second: candidates trained for equal times on the same lines, side by side.

    python -m workshop.measure.compare --data FOLDER --leave-out IDS --fold --text TEXTS --to docs/measured/presets.md

Each candidate is a preset, or a way to train it, with one thing changed. First its speed is taken over a few steps;
then it gets as many lines as fit into the time, with the rate falling to its end, so that a slow network is not
stopped half way. Rows that are finished are kept beside the table, in JSON, and not measured again: the command may
be interrupted.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from htr_utils import files, paths
from htr_utils.cli.one_line import OneLine
from htr_utils.errors import HtrError
from htr_utils.lines import dataset
from htr_utils.lines.images import Preparation
from htr_utils.network import models, training
from htr_utils.synth.rendered import RenderedLines
from htr_utils.text import corpus
from htr_utils.text.charset import Charset
from htr_utils.trainer import material
from workshop.measure.page import filled

# Steps that tell the speed, and those before them: the first compile, and use up the pools prepared meanwhile
# (four at most, see dataset.Batches).
PROBE, BEFORE = 2 * dataset.POOL, 5 * dataset.POOL


@dataclass(frozen=True)
class Candidate:
    """A network and how it is trained. changes: of the preset; share: of real lines; workers: processes that render."""

    preset: str = "wide"
    changes: Mapping[str, Any] = field(default_factory=dict)
    batch: int = 12
    precision: str = "bfloat16"
    share: float = 0.5
    workers: int = 1
    seed: int = 0

    @property
    def network(self) -> models.Preset:
        """The preset with its changes."""
        return replace(models.preset(self.preset), **self.changes)


# The first is how the shipped model was trained; each of the others changes one thing of it, or says what.
CANDIDATES = {
    "wide": Candidate(),
    "course": Candidate("course"),
    "a quarter real": Candidate(share=0.25),
    "three quarters real": Candidate(share=0.75),
    "batches of 24": Candidate(batch=24),
    "float32": Candidate(precision="float32"),
    "reference, batches of 8": Candidate("reference", batch=8, precision="float32"),
    "no shortcut branch": Candidate(changes={"shortcut": False}),
    "32 px high": Candidate(changes={"preparation": Preparation(32)}),
    "one frame a step": Candidate(changes={"joined": 1}),
    "two processes render": Candidate(workers=2),
    "seed 1": Candidate(seed=1),
    "LSTM of 128": Candidate(changes={"lstm": 128}),
    "LSTM of 256": Candidate(changes={"lstm": 256}),
    "40 px high": Candidate(changes={"preparation": Preparation(40)}),
    "rendered alone": Candidate(share=0.0),
}


@dataclass(frozen=True)
class Row:
    """One candidate. cer: in %, of the embedded validation lines; other: of held-out lines of the folder, if given.

    lines_per_second: of the training itself, rendering beside it.
    """

    name: str
    parameters: int
    lines_per_second: float
    lines: int
    cer: float | None
    other: float | None

    @property
    def minutes(self) -> float:
        """How long the training took: more than was asked where the first steps ran faster than the rest."""
        return self.lines / self.lines_per_second / 60


def candidate(name: str) -> Candidate:
    """The candidate of a name; HtrError for an unknown one."""
    if name not in CANDIDATES:
        raise HtrError(f"no candidate {name!r}; use some of: {'; '.join(CANDIDATES)}")
    return CANDIDATES[name]


def measure(
    name: str,
    source: Callable[[Candidate, int], dataset.Source],
    seconds: float,
    watched: Sequence[Any],
    held_out: Sequence[Any],
    rate: float = 1.5e-3,
) -> Row:
    """Train one candidate for so many seconds and read the watched and the held-out lines with it.

    Args:
        source: (candidate, number of lines) -> the lines to train on.
        watched, held_out: lines (`iam.Line`) that no training sees.
    """
    import keras

    given = candidate(name)
    chosen, batch = given.network, given.batch
    charset = Charset()
    labels = training.labels_for(chosen, charset)

    def trainer(lines: int) -> training.Trainer:
        keras.utils.set_random_seed(given.seed)
        with models.built_for(given.precision):
            model = models.build(chosen, charset.classes)
        steps = -(-lines // batch)
        settings = training.Settings(
            epochs=1,
            batch=batch,
            rate=rate,
            warmup=min(300, max(1, steps // 10)),
            seed=given.seed,
            precision=given.precision,
        )
        batches = dataset.Batches(
            source(given, lines), labels, batch, seed=given.seed, workers=given.workers
        )
        return training.Trainer(model, chosen, charset, batches, settings, say=lambda text: None)

    lines = round(_speed(trainer(batch * (BEFORE + PROBE + 1)), batch) * seconds)
    begun = trainer(lines)
    started = time.perf_counter()
    row = begun.run_epoch()
    taken = time.perf_counter() - started
    begun.batches.close()
    cer, other = (
        round(100 * begun.measure(_plain(some, chosen.preparation, labels))["cer"], 2)
        if some
        else None
        for some in (watched, held_out)
    )
    count = int(begun.model.count_params())
    return Row(name, count, round(row["step"] * batch / taken, 1), lines, cer, other)


def _plain(lines: Sequence[Any], preparation: Preparation, labels: Any) -> dataset.Batches:
    return dataset.Batches(dataset.FileLines(lines, preparation), labels, 32, shuffle=False)


def _speed(trainer: training.Trainer, batch: int) -> float:
    """Lines per second of training, those that compile the step left out."""
    feed = dataset.tensors(lambda: trainer.batches.epoch(0), trainer.preset.preparation.height)
    started = 0.0
    for number, batch_ in enumerate(feed):
        if number == BEFORE:
            started = time.perf_counter()
        if number == BEFORE + PROBE:
            break
        trainer.learn(batch_, 0.9)
    trainer.batches.close()
    return PROBE * batch / (time.perf_counter() - started)


def table(rows: Sequence[Row], minutes: float, command: str, held_out: str | None) -> str:
    """The rows as Markdown, best first."""
    known = {row.name for row in rows}
    return filled(
        "compare",
        rows=sorted(rows, key=lambda row: row.cer or 0.0 if row.other is None else row.other),
        minutes=f"{minutes:g}",
        command=command,
        held_out=held_out,
        missing=", ".join(name for name in CANDIDATES if name not in known),
    )


def kept_rows(file: Path, asked: dict[str, Any]) -> list[Row]:
    """The rows that were measured before; HtrError where they were measured with other lines or another time."""
    if not file.is_file():
        return []
    known = json.loads(file.read_text(encoding="utf-8"))
    if known["asked"] != asked:
        other = next(key for key in asked if known["asked"].get(key) != asked[key])
        raise HtrError(
            f"{file}: its rows were measured with another --{other}; give that one or another --to"
        )
    return [Row(**row) for row in known["rows"]]


def _command() -> str:
    """This command without the folders of this machine, and for all networks: rows may come one by one."""
    parts, skip = list[str](), False
    for part in sys.argv[1:]:
        if not skip and part != "--network":
            parts.append(paths.as_told(part))
        skip = part == "--network"
    return "python -m workshop.measure.compare " + shlex.join(parts)


@click.command(cls=OneLine)
@click.option("--minutes", type=click.FloatRange(0.05), default=8.0, help="for each network")
@click.option("--network", "names", multiple=True, help="only these [default: all]")
@click.option("--data", help="real lines, half of what is seen; an IAM-layout folder or one's own")
@click.option("--leave-out", type=click.Path(exists=True), help="ids that are held out and read")
@click.option("--fold", is_flag=True, help="fold accents of --data")
@click.option("--text", "texts", multiple=True, type=click.Path(exists=True))
@click.option("--fonts", "font_folders", multiple=True, type=click.Path(exists=True))
@click.option("--to", type=click.Path(path_type=Path), default=Path("runs/presets.md"))
def main(
    minutes: float,
    names: Sequence[str],
    data: str | None,
    leave_out: str | None,
    fold: bool,
    texts: Sequence[str],
    font_folders: Sequence[str],
    to: Path,
) -> None:
    """Train networks for equal times and write which reads best."""
    for one in names:
        candidate(one)
    charset = Charset()
    fonts = material.training_fonts(font_folders)
    words = corpus.Corpus(material.training_text(texts), charset)
    real, held_out = list[Any](), list[Any]()
    name = None
    if data is not None:
        lines_of_data = material.all_for_training(
            material.material(data, charset, leave_out=leave_out, fold=fold)
        )
        real, name = lines_of_data.train, lines_of_data.name
        if leave_out is not None:
            used = {line.id for line in real}
            whole = material.all_for_training(material.material(data, charset, fold=fold)).train
            held_out = [line for line in whole if line.id not in used]
    watched = material.material(None, charset).validation

    def source(given: Candidate, lines: int) -> dataset.Source:
        preparation = given.network.preparation
        made = RenderedLines(fonts, words.line, preparation, lines, 0.6)
        if not real or not given.share:
            return made
        return dataset.MixedLines(made, dataset.FileLines(real, preparation, 0.6), given.share)

    kept = to.with_suffix(".json")
    asked = {
        "minutes": minutes,
        "data": name,
        "leave-out": leave_out and Path(leave_out).name,
        "fold": fold,
        "text": [Path(text).name for text in texts],
        "fonts": [Path(folder).name for folder in font_folders],
    }
    rows = kept_rows(kept, asked)
    for one in names or CANDIDATES:
        if any(row.name == one for row in rows):
            continue
        row = measure(one, source, 60 * minutes, watched, held_out)
        rows.append(row)
        files.write_text(
            kept, json.dumps({"asked": asked, "rows": [vars(row) for row in rows]}, indent=1) + "\n"
        )
        click.echo(
            f"{row.name}: {row.lines_per_second} lines/s, {row.lines} lines, CER {row.cer} %, {row.other}"
        )
        files.write_text(to, table(rows, minutes, _command(), name if held_out else None))
    files.write_text(to, table(rows, minutes, _command(), name if held_out else None))
    click.echo(f"wrote {to}")


if __name__ == "__main__":
    main()
