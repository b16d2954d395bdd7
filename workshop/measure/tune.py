"""Choose settings of decoder and gate and fit confidences on validation lines; report on lines that chose nothing.

    python -m workshop.measure.tune --hands FOLDER --ids IDS --report jls=FOLDER --report inkbench=FOLDER

The validation lines are read twice, as they are and bent and soiled, and with --hands a third time: their texts set
from pieces of real lines by writers whom no training saw. Rendered lines alone are so easy that they choose a language
model too weak for real handwriting, and on soiled ones the network knows its doubts better than on a strange hand. The
command writes model/decoding.json: settings, figures with
the paired bootstrap interval of the difference to greedy decoding, and what they were made from.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np

from htr_utils import paths
from htr_utils.cli.one_line import OneLine
from htr_utils.course import calibration
from htr_utils.course.hard_lines import Lines, damaged, in_hands, padded
from htr_utils.errors import HtrError
from htr_utils.files import write_text
from htr_utils.lines import images
from htr_utils.text import decoding, gate, metrics, spelling, tuned
from htr_utils.text.charset import Charset
from workshop.measure import decoding_report, wrong_lines

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


def stripped(
    reading: decoding.Candidate, charset: Charset, scale: tuned.Scale | None = None
) -> tuple[str, tuple[float, ...]]:
    """Text and confidences of a reading without the spaces at its ends."""
    text = charset.decode(reading.ids)
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    sure = reading.confidences[first:last]
    return text[first:last], tuple(map(scale, sure)) if scale else sure


def texts(readings: Sequence[Sequence[decoding.Candidate]], charset: Charset) -> list[str]:
    return [stripped(line[0], charset)[0] for line in readings]


def read(
    lines: Lines, settings: tuned.Tuned, decoder: str, top: int = 1
) -> list[list[decoding.Candidate]]:
    """The candidates of a decoder: "greedy", "lm" or "lexicon"."""
    if decoder == "greedy":
        return [[one] for one in decoding.greedy(lines.log_probs, lines.frames)]
    return settings.decode(lines.log_probs, lines.frames, lexicon=decoder == "lexicon", top=top)


def paired(
    before: Sequence[str],
    after: Sequence[str],
    truths: Sequence[str],
    edits: Callable[[str, str], int],
    samples: int = 1000,
    seed: int = 0,
) -> dict[str, float]:
    """Change of an error rate in % of itself, with the bootstrap 95 % interval over lines (the same lines in both)."""
    a = np.array([edits(x, t) for x, t in zip(before, truths, strict=True)], dtype=float)
    b = np.array([edits(x, t) for x, t in zip(after, truths, strict=True)], dtype=float)
    if not a.sum():
        raise HtrError("no errors before: there is no relative change to give")
    drawn = np.random.default_rng(seed).integers(a.size, size=(samples, a.size))
    sums = a[drawn].sum(axis=1), b[drawn].sum(axis=1)
    change = 100 * (sums[1] - sums[0])[sums[0] > 0] / sums[0][sums[0] > 0]
    low, high = np.percentile(change, [2.5, 97.5])
    return {
        "value": round(100 * float(b.sum() - a.sum()) / float(a.sum()), 1),
        "low": round(float(low), 1),
        "high": round(float(high), 1),
    }


def climb(
    start: Any,
    grid: dict[str, tuple[float, ...]],
    loss: Callable[[Any], float],
    say: Callable[[str], None],
) -> Any:
    """The best settings on a grid, one setting at a time, until a whole round changes nothing."""
    known: dict[Any, float] = {}

    def measured(one: Any) -> float:
        if one not in known:
            known[one] = loss(one)
            say(
                f"  {known[one]:.4f}  "
                + ", ".join(f"{name} {getattr(one, name):g}" for name in grid)
            )
        return known[one]

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
    plain = [read(lines, start, "greedy") for lines in sets]
    before = [texts(readings, charset) for readings in plain]

    def share(number: int, now: list[str]) -> float:
        truths = sets[number].truths
        return (
            sum(
                measure(now, truths).value / measure(before[number], truths).value
                for measure in (metrics.cer, metrics.wer)
            )
            / 2
        )

    say("beam:")
    words = start.words

    def beam(how: tuned.Fusion) -> float:
        made = replace(start, fusion=how)
        made.__dict__["words"] = words  # the word list is the same for all
        shares = [
            share(i, texts(read(lines, made, "lexicon"), charset)) for i, lines in enumerate(sets)
        ]
        return sum(shares) / len(shares)

    start = replace(start, fusion=climb(start.fusion, GRID, beam, say))
    start.__dict__["words"] = words
    start = calibrated(sets, start, say)
    say("gate after greedy decoding:")
    one = gate.Gate(start.lm, words)
    scale = start.confidence["greedy"].letter

    def gated(how: gate.Settings) -> float:
        one.settings = how
        loss = 0.0
        for lines, readings, old in zip(sets, plain, before, strict=True):
            report = gate.report("gated", _gated(one, readings, charset, scale), old, lines.truths)
            allowed = 10 * report.broken <= report.mended  # twice as careful as promised
            loss += report.wer_with / report.wer_without + report.cer_with / report.cer_without
            loss += 0 if allowed else 9
        return loss / len(sets)

    return replace(start, settings=climb(start.settings, GATE_GRID, gated, say))


def calibrated(
    sets: Sequence[Lines], start: tuned.Tuned, say: Callable[[str], None] = print
) -> tuned.Tuned:
    """The same with scales of confidence for each decoder, fitted on these sets, all of equal weight."""
    charset = Charset(start.lm.characters)
    found: dict[str, tuned.Scales] = {}
    for decoder in ("greedy", "lm", "lexicon"):
        lines = [
            ([stripped(line[0], charset) for line in read(one, start, decoder)], one.truths)
            for one in sets
        ]
        scales = tuned.Scales()
        for kind in ("letter", "word"):
            parts = [_said(read_, truths, scales)[kind] for read_, truths in lines]
            sure, right = (np.concatenate(part) for part in zip(*parts, strict=True))
            weights = np.concatenate(
                [np.full(len(part[0]), 1000 / max(1, len(part[0]))) for part in parts]
            )
            scales = replace(scales, **{kind: calibration.fit(sure, right, weights)})
        say(f"confidence after {decoder}: {scales}")
        found[decoder] = scales
    return replace(start, confidence=found)


def _said(
    lines: Sequence[tuple[str, tuple[float, ...]]], truths: Sequence[str], scales: tuned.Scales
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of letters and of words: what was said and whether it came true."""
    texts_ = [text for text, _ in lines]
    sure = [tuple(map(scales.letter, line)) for _, line in lines]
    return {
        "letter": calibration.letters(texts_, sure, truths),
        "word": calibration.words(texts_, sure, truths, scales),
    }


def promises(
    readings: Sequence[Sequence[decoding.Candidate]],
    truths: Sequence[str],
    charset: Charset,
    scales: tuned.Scales,
) -> dict[str, dict[str, float]]:
    """Expected calibration error of letters and words in %, as the network says it and scaled."""
    lines = [stripped(line[0], charset) for line in readings]
    before, after = (_said(lines, truths, how) for how in (tuned.Scales(), scales))
    return {
        kind: {
            "ece_raw": round(100 * calibration.error(*before[kind]), 2),
            "ece": round(100 * calibration.error(*after[kind]), 2),
        }
        for kind in ("letter", "word")
    }


def _gated(
    one: gate.Gate, readings: list[list[decoding.Candidate]], charset: Charset, scale: tuned.Scale
) -> Callable[[int], spelling.Correction]:
    def correct(i: int) -> spelling.Correction:
        text, sure = stripped(readings[i][0], charset, scale)
        return one.correct(text, sure, [stripped(other, charset)[0] for other in readings[i][1:]])

    return correct


def figures(
    lines: Lines, settings: tuned.Tuned, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Every decoder on lines, against greedy; every spelling policy after each of them."""
    charset = Charset(settings.lm.characters)
    found: dict[str, Any] = {
        "lines": len(lines.truths),
        "perplexity": round(2 ** settings.lm.bits(lines.truths), 2),
    }
    greedy: list[str] = []
    speller, sym = spelling.Speller("fast"), spelling.SymSpell(settings.words)
    for decoder in ("greedy", "lm", "lexicon"):
        readings = read(lines, settings, decoder, tuned.CANDIDATES)
        now = texts(readings, charset)
        greedy = greedy or now
        entry: dict[str, Any] = {
            name: round(100 * measure(now, lines.truths).value, 2)
            for name, measure in (("cer", metrics.cer), ("wer", metrics.wer))
        }
        if decoder != "greedy":
            entry["cer_change"] = paired(greedy, now, lines.truths, metrics.edits)
            entry["wer_change"] = paired(greedy, now, lines.truths, metrics.word_edits)
        if decoder == "lm":
            best = [one[0] for one in readings]
            entry["wrong_lines"] = wrong_lines.count(
                lines.log_probs, lines.frames, lines.truths, best, settings
            )
        scales = settings.confidence.get(decoder, tuned.Scales())
        entry["confidence"] = promises(readings, lines.truths, charset, scales)
        say(f"{decoder}: {entry}")
        policies: dict[str, Callable[[int], spelling.Correction]] = {
            "autocorrect fast": lambda i, now=now: speller.correct(now[i]),  # type: ignore[misc]
            "symspell": lambda i, now=now: sym.correct(now[i]),  # type: ignore[misc]
            "gated": _gated(settings.gate, readings, charset, scales.letter),
        }
        for name, policy in policies.items():
            policy(0)  # dictionaries and indexes are loaded now, and not timed
            report = gate.report(name, policy, now, lines.truths)
            say(f"  {report}")
            kept = {k: v for k, v in asdict(report).items() if k not in ("policy", "lines")}
            entry[name] = {k: round(v, 2) for k, v in kept.items()}
        found[decoder] = entry
    return found


def useful(entry: dict[str, Any]) -> bool:
    """Whether the gate did no harm to either rate, some good to one, and broke less than a word for five mended."""
    gated = entry["gated"]
    gains = [gated[f"{rate}_without"] - gated[f"{rate}_with"] for rate in ("cer", "wer")]
    return bool(min(gains) >= 0 and max(gains) > 0 and 5 * gated["broken"] < gated["mended"])


@click.command(cls=OneLine)
@click.option("--model", default="course", show_default=True, help="name or path of a recogniser")
@click.option(
    "--lm",
    "language",
    default="english",
    show_default=True,
    help="name or path of a language model",
)
@click.option(
    "--report",
    "sets",
    multiple=True,
    metavar="NAME=FOLDER",
    help="further lines to report on; they choose nothing",
)
@click.option(
    "--hands",
    default=None,
    help="folder of real lines whose pieces the validation texts are set from",
)
@click.option(
    "--ids",
    type=click.Path(exists=True),
    default=None,
    help="which of them: documents that no training saw",
)
@click.option("--keep", is_flag=True, help="choose nothing: report with the settings there are")
@click.option(
    "--scales", is_flag=True, help="with --keep: fit the confidences again, for a new model"
)
@click.option(
    "--to", "target", default=None, help="the file to write [default: model/decoding.json]"
)
def main(
    model: str,
    language: str,
    sets: tuple[str, ...],
    hands: str | None,
    ids: str | None,
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
    ) -> Lines:
        lines = load_lines(root or paths.embedded_root(), split)
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
        pictures, truths = in_hands(chosen_on["validation (chosen on)"].truths, hands, ids)
        name = "validation, in pieces of strange hands (chosen on)"
        chosen_on[name] = padded(recognizer.log_probs(pictures), truths)
    if not keep:
        settings = choose(list(chosen_on.values()), settings, click.echo)
    elif scales:
        settings = calibrated(list(chosen_on.values()), settings, click.echo)
    reported = {"test": answered(None, "test")}
    for name, _, root in (one.partition("=") for one in sets):
        reported[name] = answered(root, None)
    measured = {}
    for name, lines in (chosen_on | reported).items():
        click.echo(f"{name}:")
        measured[name] = figures(lines, settings, click.echo)
    gated = tuple(
        d
        for d in ("greedy", "lm", "lexicon")
        if all(useful(measured[name][d]) for name in chosen_on)
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
