"""Choose settings of decoder and gate and fit confidences on validation lines; report on lines that chose nothing.

    python -m workshop.measure.tune --hands unipen --ids model/hands_held_out.txt --every 3 \
        --report jls=jls --report inkbench=inkbench

The validation lines are read twice, as they are and bent and soiled. --hands adds real lines, in the language of the
model, by writers whom no training saw: rendered lines alone are so easy that they choose a language model too weak for
real handwriting, and on soiled ones the network knows its doubts better than on a strange hand. The command writes
model/decoding.json: settings, figures with the paired bootstrap interval of the difference to greedy decoding, and
what they were made from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np

from htr_utils import paths
from htr_utils.cli.one_line import OneLine
from htr_utils.course import calibration
from htr_utils.course.hard_lines import Lines, damaged, padded
from htr_utils.errors import HtrError
from htr_utils.files import write_text
from htr_utils.lines import iam, images
from htr_utils.text import corrections, gate, metrics, tuned
from htr_utils.text.charset import Charset
from htr_utils.text.settings import Fusion, Scales, Settings
from workshop.measure import decoders, decoding_report

GRID: dict[str, tuple[float, ...]] = {
    "weight": (0.3, 0.4, 0.5, 0.6, 0.75, 0.9, 1.1, 1.3),
    "bonus": (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0),
    "price": (2.0, 4.0, 6.0, 8.0),
    "letter": (0.0, 0.5, 1.0),
}
GATE_GRID: dict[str, tuple[float, ...]] = {
    "margin": (-1.0, 0.0, 1.0, 2.0),
    "weight": (0.3, 0.5, 0.8),
    "name": (0.0, 1.0, 3.0, 6.0),
    "insert": (1.0, 2.0, 3.0, 5.0),
}


def climb(
    start: Any,
    grid: dict[str, tuple[float, ...]],
    loss: Callable[[Any], float],
    say: Callable[[str], None],
) -> Any:
    """The best settings on a grid, one setting at a time, until a whole round changes nothing."""
    known: dict[Any, float] = {}

    def measured(settings: Any) -> float:
        if settings not in known:
            known[settings] = loss(settings)
            values = ", ".join(f"{name} {getattr(settings, name):g}" for name in grid)
            say(f"  {known[settings]:.4f}  {values}")
        return known[settings]

    best, before = start, None
    while best != before:
        before = best
        for name, values in grid.items():
            best = min([best, *(replace(best, **{name: value}) for value in values)], key=measured)
    return best


def choose(
    sets: Sequence[Lines], start: tuned.Tuned, say: Callable[[str], None] = print
) -> tuned.Tuned:
    """Settings of beam and gate, on these sets of lines, all of equal weight.

    What is made small is half CER and half WER, each as a share of greedy decoding's.
    """
    charset = Charset(start.lm.characters)
    plain = [decoders.read(lines, start, "greedy") for lines in sets]
    before = [decoders.texts(readings, charset) for readings in plain]

    def share(number: int, now: list[str]) -> float:
        truths, old = sets[number].truths, before[number]
        rates = [
            measure(now, truths).value / measure(old, truths).value
            for measure in (metrics.cer, metrics.wer)
        ]
        return sum(rates) / 2

    say("beam:")
    start = replace(start, listed=start.words)  # the word list is the same for all settings

    def beam(how: Fusion) -> float:
        settings = replace(start, fusion=how)
        readings = (decoders.read(lines, settings, "lexicon") for lines in sets)
        shares = [share(i, decoders.texts(lines, charset)) for i, lines in enumerate(readings)]
        return sum(shares) / len(shares)

    start = calibrated(sets, replace(start, fusion=climb(start.fusion, GRID, beam, say)), say)
    say("gate after greedy decoding:")
    policy = gate.Gate(start.lm, start.words)
    scale = start.confidence["greedy"].letter

    def harm(how: Settings) -> float:
        policy.settings = how
        loss = 0.0
        for lines, readings, old in zip(sets, plain, before, strict=True):
            report = corrections.report(
                "gated", decoders.gated(policy, readings, charset, scale), old, lines.truths
            )
            allowed = 10 * report.broken <= report.mended  # twice as careful as promised
            loss += report.wer_with / report.wer_without + report.cer_with / report.cer_without
            loss += 0 if allowed else 9
        return loss / len(sets)

    return replace(start, settings=climb(start.settings, GATE_GRID, harm, say))


def calibrated(
    sets: Sequence[Lines], start: tuned.Tuned, say: Callable[[str], None] = print
) -> tuned.Tuned:
    """The same with scales of confidence for each decoder, fitted on these sets, all of equal weight."""
    charset = Charset(start.lm.characters)
    fitted: dict[str, Scales] = {}
    for decoder in ("greedy", "lm", "lexicon"):
        lines = [
            (
                [
                    decoders.stripped(line[0], charset)
                    for line in decoders.read(one, start, decoder)
                ],
                one.truths,
            )
            for one in sets
        ]
        scales = Scales()
        for kind in ("letter", "word"):
            parts = [decoders.said(read_, truths, scales)[kind] for read_, truths in lines]
            sure, right = (np.concatenate(part) for part in zip(*parts, strict=True))
            weights = np.concatenate(
                [np.full(len(part[0]), 1000 / max(1, len(part[0]))) for part in parts]
            )
            scales = replace(scales, **{kind: calibration.fit(sure, right, weights)})
        say(f"confidence after {decoder}: {scales}")
        fitted[decoder] = scales
    return replace(start, confidence=fitted)


@click.command(cls=OneLine)
@click.option("--model", default="course", help="name or path of a recogniser")
@click.option("--lm", "language", default="en", help="name or path of a language model")
@click.option(
    "--report",
    "sets",
    multiple=True,
    metavar="NAME=FOLDER",
    help="further lines to report on; they choose nothing",
)
@click.option("--hands", help="folder of real lines that choose too")
@click.option(
    "--ids",
    type=click.Path(exists=True),
    help="which of them: writers or documents that no training saw",
)
@click.option(
    "--every",
    type=click.IntRange(1),
    default=1,
    help="choose on each so many-th line alone, to save time; the figures are of all",
)
@click.option("--keep", is_flag=True, help="choose nothing: report with the settings there are")
@click.option(
    "--scales", is_flag=True, help="with --keep: fit the confidences again, for a new model"
)
@click.option("--to", "target", help="the file to write [default: model/decoding.json]")
def main(
    model: str,
    language: str,
    sets: tuple[str, ...],
    hands: str | None,
    ids: str | None,
    every: int,
    keep: bool,
    scales: bool,
    target: str | None,
) -> None:
    """Choose on the embedded validation split, report on the test split and on --report."""
    from htr_utils.evaluation import load_lines
    from htr_utils.files import sha256
    from htr_utils.recognizer import Recognizer

    if bool(hands) != bool(ids):
        raise click.UsageError("--hands and --ids go together")
    for one in sets:
        if not one.partition("=")[2]:
            raise click.UsageError(f"--report {one}: give NAME=FOLDER")
    recognizer = Recognizer.load(model)

    def answered(
        root: str | None,
        split: str | None,
        change: Callable[[np.ndarray, int], np.ndarray] | None = None,
        ids: str | None = None,
    ) -> Lines:
        lines = load_lines(root or paths.embedded_root(), split)
        if ids:
            names = iam.read_names(Path(ids))  # those of other folders too
            lines = [one for one in lines if names & {one.id, one.form_id, one.writer_id}]
            if not lines:
                raise HtrError(f"{ids}: names no line of {root}; give the ids of its writers")
        truths = [recognizer.charset.fold(line.text) for line in lines]
        source: list[Any] = [line.path for line in lines]
        if change:
            source = [change(images.load(path), number) for number, path in enumerate(source)]
        return padded(recognizer.log_probs(source), truths)

    settings = tuned.Tuned.load(recognizer.charset, language)
    chosen_on = {
        "validation (chosen on)": answered(None, "validation"),
        "validation, bent and soiled (chosen on)": answered(None, "validation", damaged),
    }
    if hands and ids:
        chosen_on["lines by strange hands (chosen on)"] = answered(hands, None, ids=ids)
    some = [
        Lines(one.log_probs[::every], one.frames[::every], one.truths[::every])
        for one in chosen_on.values()
    ]
    if not keep:
        settings = choose(some, settings, click.echo)
    elif scales:
        settings = calibrated(some, settings, click.echo)
    reported = {"test": answered(None, "test")}
    for name, _, root in (one.partition("=") for one in sets):
        reported[name] = answered(root, None)
    measured = {}
    for name, lines in (chosen_on | reported).items():
        click.echo(f"{name}:")
        measured[name] = decoders.figures(lines, settings, click.echo)
    gated = tuple(
        d
        for d in ("greedy", "lm", "lexicon")
        if all(decoders.useful(measured[name][d]) for name in chosen_on)
    )
    from htr_utils.text.language import find

    stored = replace(settings, gated=gated).to_json() | {
        "measured": measured,
        "model": sha256(paths.model_file(model)),
        "language": sha256(find(language)),
        "date": date.today().isoformat(),
        "command": "python -m workshop.measure.tune " + " ".join(map(paths.as_told, sys.argv[1:])),
    }
    root_folder = paths.repo_root() or Path()
    write_text(
        Path(target) if target else root_folder / "model" / tuned.FILE,
        json.dumps(stored, indent=1) + "\n",
    )
    if not target and paths.repo_root():
        decoding_report.write(root_folder)
    click.echo(
        f"the gate is of use on every set that chose after: {', '.join(gated) or 'no decoder'}"
    )


if __name__ == "__main__":
    main()
