"""How well a model reads: CER and WER with their intervals, kept with all that is needed to measure them again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines import labels, spacing
from htr_utils.lines.iam import Line
from htr_utils.recognizer import Decoder, Recognizer
from htr_utils.text import languages, metrics


def load_lines(
    root: str | Path | None, split: str | None, *, spacing: Any = "natural", task: str | None = None
) -> list[Line]:
    """The lines of a split, or all of a folder; see `to_measure`.

    Args:
        root: None for the embedded data (or HTR_DATA). split: None for every line.
    """
    if split is None:
        return labels.open_lines(root, spacing=spacing, task=task).lines
    return to_measure(root, split, spacing=spacing, task=task)[0]


def to_measure(
    root: str | Path | None, split: str | None, *, spacing: Any = "natural", task: str | None = None
) -> tuple[list[Line], str]:
    """The lines to measure on, and what figures call them: a split, "test" by default, else "all lines".

    Args:
        split: of a folder without splits it is what figures call its lines, and changes nothing.

    Raises:
        HtrError: no such split; a folder without splits is asked for one.
    """
    found = labels.open_lines(root, spacing=spacing, task=task)
    split = split or ("test" if "test" in found.names else "all lines")
    whole = not found.names or found.folder is None  # any other name is what figures call its lines
    if whole and split not in ("train", "validation", "test"):
        return found.lines, split
    return found.split(split), split


def fingerprint(lines: Sequence[Line]) -> str:
    """A short hash of which lines with which texts were measured: no text can be read from it."""
    import hashlib

    rows = "\n".join(f"{line.id}\t{line.text}" for line in sorted(lines, key=lambda line: line.id))
    return hashlib.sha256(rows.encode()).hexdigest()[:16]


def evaluate(
    recognizer: Recognizer,
    lines: Sequence[Line],
    *,
    split: str,
    convention: str = "natural",
    decoder: Decoder = "greedy",
    fold: bool = False,
    groups: str = "line",
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Read lines and compare with what they say.

    Args:
        split: its name, for the record. convention: spacing of the truths; in "raw" both sides are converted.
        fold: replace accents and characters that the charset lacks on the truth's side.
        groups: bootstrap over "line", "form" or "writer"; a line without one stands for itself.

    Returns:
        plain values: cer, wer (each value, low, high in %), lines, per-line edit counts, seconds; left_out, how many
        pictures could not be read, where some could not.

    Raises:
        HtrError: no lines, or no picture of them can be read; single ones are left out, and counted.
    """
    if not lines:
        raise HtrError("no lines to evaluate; check the split's name")
    if decoder in ("lm", "lexicon") and (note := languages.none_for(recognizer.charset.characters)):
        say(note)
    start = time.perf_counter()
    sources = (line.path if line.part is None else line for line in lines)
    readings = list(recognizer.read_iter(sources, decoder=decoder, errors="keep"))
    seconds = time.perf_counter() - start
    if bad := [reading for reading in readings if isinstance(reading, HtrError)]:
        problem = f"{len(bad)} of {len(lines)} lines cannot be read"
        if len(bad) == len(lines):
            raise HtrError(f"{problem}, first {bad[0]}")
        say(f"{problem}: left out, first {bad[0]}")
    lines = [
        line for line, one in zip(lines, readings, strict=True) if not isinstance(one, HtrError)
    ]
    texts = [reading.text for reading in readings if not isinstance(reading, HtrError)]
    truths = [recognizer.charset.fold(line.text) if fold else line.text for line in lines]
    if convention == "raw":
        texts, truths = converted(lines, texts, "raw"), converted(lines, truths, "raw")
    by = None if groups == "line" else [getattr(line, f"{groups}_id") or line.id for line in lines]
    result: dict[str, Any] = {
        "split": split,
        "convention": convention,
        "decoder": decoder,
        "lines": len(lines),
        **({"left_out": len(bad)} if bad else {}),
    }
    for name, measure in (("cer", metrics.cer), ("wer", metrics.wer)):
        rate = measure(texts, truths, split=split, convention=convention, groups=by)
        result[name] = {k: round(100 * getattr(rate, k), 2) for k in ("value", "low", "high")}
        result[f"{name}_text"] = str(rate)
    result["bootstrap"] = f"95 %, 1,000 samples over {groups}s, seed 0"
    result["edits"] = [[metrics.edits(a, b), len(b)] for a, b in zip(texts, truths, strict=True)]
    result["data"] = fingerprint(lines)
    result["lines_per_second"] = round(len(lines) / seconds, 1)
    return result


def figures(file: Path) -> dict[str, dict[str, Any]]:
    """What metrics.json holds: model file -> name -> entry; HtrError where it is something else."""
    try:
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if all("sha256" in entry for entries in known.values() for entry in entries.values()):
            return dict(known)
    except (ValueError, AttributeError, TypeError):
        pass
    raise HtrError(
        f"{file}: holds no figures of `htr evaluate`; move it, or copy the model into a folder of its own"
    )


def record(file: Path, name: str, entry: dict[str, Any], model: Path, command: str) -> None:
    """Put an entry into metrics.json, below the model's file name: with its hash, the command and the day."""
    known = figures(file)
    kept = {k: v for k, v in entry.items() if not k.endswith("_text") and k != "lines_per_second"}
    known.setdefault(model.name, {})[name] = {
        **kept,
        "sha256": files.sha256(model),
        "command": command,
        "date": date.today().isoformat(),
    }
    files.write_text(file, _rows(known, lambda entries: _rows(entries, json.dumps)) + "\n")


def _rows(values: dict[str, Any], show: Callable[[Any], str]) -> str:
    """A JSON object with a row for each name."""
    return (
        "{\n"
        + ",\n".join(f"{json.dumps(key)}: {show(values[key])}" for key in sorted(values))
        + "\n}"
    )


def converted(
    lines: Sequence[Line], texts: Sequence[str], convention: spacing.Spacing
) -> list[str]:
    """The texts of lines in another spacing, form by form: open quotes go on from a line to the next."""
    forms: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        forms.setdefault(line.form_id or line.id, []).append(number)
    converted_texts = list(texts)
    for numbers in forms.values():
        inside = sorted(numbers, key=lambda number: lines[number].id)
        for number, text in zip(
            inside, spacing.convert([texts[n] for n in inside], convention), strict=True
        ):
            converted_texts[number] = text
    return converted_texts
