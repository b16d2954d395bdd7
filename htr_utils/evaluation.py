"""How well a model reads: CER and WER with their intervals, kept with all that is needed to measure them again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines import iam, own, spacing
from htr_utils.lines.iam import Line
from htr_utils.recognizer import Decoder, Recognizer
from htr_utils.text import metrics


def load_lines(
    root: str | Path | None, split: str | None, *, spacing: str = "natural", task: str | None = None
) -> list[Line]:
    """The lines to work on: a split of an IAM-layout folder, or all of a folder with `transcriptions.tsv`.

    Args:
        root: None for the embedded data (or HTR_DATA). split: None for every line.
    """
    if root is not None and own.is_own(root):
        return own.read(root)
    folder = iam.read(root, spacing=spacing, task=task)  # type: ignore[arg-type]
    return list(folder.lines.values()) if split is None else folder.split(split)


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
) -> dict[str, Any]:
    """Read lines and compare with what they say.

    Args:
        split: its name, for the record. fold: replace accents and characters that the charset lacks on the
            truth's side. groups: bootstrap over "line" or "writer".

    Returns:
        plain values: cer, wer (each value, low, high in %), lines, per-line edit counts, seconds.
    """
    if not lines:
        raise HtrError("no lines to evaluate; check the split's name")
    truths = [recognizer.charset.fold(line.text) if fold else line.text for line in lines]
    start = time.perf_counter()
    readings = recognizer.read([line.path for line in lines], decoder=decoder)
    seconds = time.perf_counter() - start
    texts = [reading.text for reading in readings]
    by = [line.writer_id or line.id for line in lines] if groups == "writer" else None
    found: dict[str, Any] = {
        "split": split,
        "convention": convention,
        "decoder": decoder,
        "lines": len(lines),
    }
    for name, measure in (("cer", metrics.cer), ("wer", metrics.wer)):
        rate = measure(texts, truths, split=split, convention=convention, groups=by)
        found[name] = {k: round(100 * getattr(rate, k), 2) for k in ("value", "low", "high")}
        found[f"{name}_text"] = str(rate)
    found["bootstrap"] = f"95 %, 1,000 samples over {groups}s, seed 0"
    found["edits"] = [[metrics.edits(a, b), len(b)] for a, b in zip(texts, truths, strict=True)]
    found["data"] = fingerprint(lines)
    found["lines_per_second"] = round(len(lines) / seconds, 1)
    return found


def record(file: Path, name: str, entry: dict[str, Any], model: Path, command: str) -> None:
    """Put an entry into metrics.json: with the model's hash, the command and the day."""
    from htr_utils.files import sha256

    known: dict[str, Any] = {}
    if file.is_file():
        try:
            known = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise HtrError(f"{file}: is not JSON ({error}); mend or delete it") from error
    kept = {k: v for k, v in entry.items() if not k.endswith("_text") and k != "lines_per_second"}
    known[name] = {
        **kept,
        "model": model.name,
        "sha256": sha256(model),
        "command": command,
        "date": date.today().isoformat(),
    }
    rows = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(known.items())]
    files.write_text(file, "{\n" + ",\n".join(rows) + "\n}\n")


# Published results on IAM's lines, CER and WER in %. Splits and conventions differ from row to row, where a
# source gives them at all: such a table orders nothing by itself.
PUBLISHED = (
    ("reference system (CNN, BLSTM, CTC)", "its own validation lines", 8.65, None),
    ("Puigcerver 2017, CNN + 5 BLSTM", "test", 5.8, 18.4),
    ("the same with a word 3-gram", "test", 4.4, 12.2),
    ("PyLaia model card", "test", 8.44, 24.51),
    ("the same with a character 6-gram", "test", 7.50, 20.98),
    ("Gated CNN (flor)", "test", 8.58, 27.9),
    ("OrigamiNet", "test", 4.76, None),
    ("VAN, lines", "test", 4.97, 16.3),
    ("HTR-VT", "test", 4.7, 14.9),
    ("TrOCR small / base / large, 62 / 334 / 558 M", "test", "4.22 / 3.42 / 2.89", None),
    ("DTrOCR", "test", 2.38, None),
)


def in_both_conventions(
    recognizer: Recognizer, folder: iam.IamFolder, split: str
) -> list[tuple[str, metrics.Rate, metrics.Rate]]:
    """CER and WER of a split in natural and in raw spacing, both sides converted by the same rule.

    Args:
        folder: read in the convention that the model writes. The lines of a form carry open quotes from one to
            the next, so readings are converted form by form.
    """
    lines = sorted(folder.split(split), key=lambda line: line.id)
    texts = [reading.text for reading in recognizer.read([line.path for line in lines])]
    found = []
    for convention in ("natural", "raw"):
        sides: list[list[str]] = []
        for side in (texts, [line.text for line in lines]):
            forms: dict[str, list[str]] = {}
            for line, text in zip(lines, side, strict=True):
                forms.setdefault(line.form_id, []).append(text)
            sides.append([text for form in forms.values() for text in spacing.convert(form, convention)])  # type: ignore[arg-type]
        cer = metrics.cer(*sides, split=split, convention=convention)
        found.append((convention, cer, metrics.wer(*sides, split=split, convention=convention)))
    return found


def beside_published(rates: Sequence[tuple[str, metrics.Rate, metrics.Rate]], split: str) -> str:
    """A table in Markdown: these rates, and below them what others published, each with its split."""
    rows = ["| reader | split, spacing | CER % | WER % |", "|---|---|---|---|"]
    for convention, cer, wer in rates:
        spans = (f"{100 * r.value:.2f} [{100 * r.low:.2f}, {100 * r.high:.2f}]" for r in (cer, wer))
        rows.append(f"| **this model** | {split}, {convention} | " + " | ".join(spans) + " |")
    for name, where, *values in PUBLISHED:
        rows.append(
            f"| {name} | {where} | " + " | ".join("-" if v is None else str(v) for v in values) + " |"
        )
    return "\n".join(rows)
