"""What decoders and spelling policies make of lines: error rates, confidences, changes beside greedy decoding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from htr_utils.course import calibration
from htr_utils.course.hard_lines import Lines
from htr_utils.errors import HtrError
from htr_utils.text import corrections, decoding, gate, metrics, spelling, symspell, tuned
from htr_utils.text.charset import Charset
from htr_utils.text.settings import Scale, Scales
from workshop.measure import wrong_lines


def stripped(
    reading: decoding.Candidate, charset: Charset, scale: Scale | None = None
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
) -> dict[str, float]:
    """Change of an error rate in % of itself, with the bootstrap 95 % interval over lines (the same lines in both)."""
    counts = [(edits(a, t), edits(b, t)) for a, b, t in zip(before, after, truths, strict=True)]
    old, new = map(sum, zip(*counts, strict=True))
    if not old:
        raise HtrError("no errors before: there is no relative change to give")
    low, high = metrics.bootstrap(counts, lambda sums: 100 * (sums[:, 1] / sums[:, 0] - 1))
    change = {"value": 100 * (new / old - 1), "low": low, "high": high}
    return {name: round(value, 1) for name, value in change.items()}


def said(
    lines: Sequence[tuple[str, tuple[float, ...]]], truths: Sequence[str], scales: Scales
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
    scales: Scales,
) -> dict[str, dict[str, float]]:
    """Expected calibration error of letters and words in %, as the network says it and scaled."""
    lines = [stripped(line[0], charset) for line in readings]
    before, after = (said(lines, truths, how) for how in (Scales(), scales))
    return {
        kind: {
            "ece_raw": round(100 * calibration.error(*before[kind]), 2),
            "ece": round(100 * calibration.error(*after[kind]), 2),
        }
        for kind in ("letter", "word")
    }


def gated(
    policy: gate.Gate,
    readings: list[list[decoding.Candidate]],
    charset: Charset,
    scale: Scale,
) -> Callable[[int], spelling.Correction]:
    """The gate on the readings of lines by their numbers: what `corrections.report` asks for."""

    def correct(i: int) -> spelling.Correction:
        text, sure = stripped(readings[i][0], charset, scale)
        return policy.correct(
            text, sure, [stripped(other, charset)[0] for other in readings[i][1:]]
        )

    return correct


def figures(
    lines: Lines, settings: tuned.Tuned, say: Callable[[str], None] = print
) -> dict[str, Any]:
    """Every decoder on lines, against greedy; every spelling policy after each of them."""
    charset = Charset(settings.lm.characters)
    result: dict[str, Any] = {
        "lines": len(lines.truths),
        "perplexity": round(2 ** settings.lm.bits(lines.truths), 2),
    }
    greedy: list[str] = []
    speller, sym = spelling.Speller("fast"), symspell.SymSpell(settings.words)
    for decoder in ("greedy", "lm", "lexicon"):
        readings = read(lines, settings, decoder, tuned.CANDIDATES)
        now = texts(readings, charset)
        greedy = greedy or now
        # The rates are those of the decoder as it reads by default; the gate sees further candidates, and with
        # these the search keeps prefixes that one of the same future would replace.
        alone = texts(read(lines, settings, decoder), charset)
        entry: dict[str, Any] = {
            name: round(100 * measure(alone, lines.truths).value, 2)
            for name, measure in (("cer", metrics.cer), ("wer", metrics.wer))
        }
        if decoder != "greedy":
            entry["cer_change"] = paired(greedy, alone, lines.truths, metrics.edits)
            entry["wer_change"] = paired(greedy, alone, lines.truths, metrics.word_edits)
        if decoder == "lm":
            best = [one[0] for one in readings]
            entry["wrong_lines"] = wrong_lines.count(
                lines.log_probs, lines.frames, lines.truths, best, settings
            )
        scales = settings.confidence.get(decoder, Scales())
        entry["confidence"] = promises(readings, lines.truths, charset, scales)
        say(f"{decoder}: {entry}")
        policies: dict[str, Callable[[int], spelling.Correction]] = {
            "autocorrect fast": lambda i, now=now: speller.correct(now[i]),  # type: ignore[misc]
            "symspell": lambda i, now=now: sym.correct(now[i]),  # type: ignore[misc]
            "gated": gated(settings.gate, readings, charset, scales.letter),
        }
        for name, policy in policies.items():
            policy(0)  # dictionaries and indexes are loaded now, and not timed
            report = corrections.report(name, policy, now, lines.truths)
            say(f"  {report}")
            kept = {k: v for k, v in asdict(report).items() if k not in ("policy", "lines")}
            entry[name] = {k: round(v, 2) for k, v in kept.items()}
        result[decoder] = entry
    return result


def useful(entry: dict[str, Any]) -> bool:
    """Whether the gate did no harm to either rate, some good to one, and broke less than a word for five mended."""
    after = entry["gated"]
    gains = [after[f"{rate}_without"] - after[f"{rate}_with"] for rate in ("cer", "wer")]
    return bool(min(gains) >= 0 and max(gains) > 0 and 5 * after["broken"] < after["mended"])
