"""What `htr train` ends with: this model's rates in both spacings, beside what others published."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from htr_utils import evaluation
from htr_utils.errors import HtrError
from htr_utils.lines.iam import Line
from htr_utils.recognizer import Recognizer
from htr_utils.text import metrics

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
    ("Retsinas 2022, CRNN", "test", "4.2 to 4.6", 15.9),
    ("HTR-VT", "test", 4.7, 14.9),
    ("TrOCR small / base / large, 62 / 334 / 558 M", "test", "4.22 / 3.42 / 2.89", None),
    ("DTrOCR", "test", 2.38, None),
)


def beside_published(rates: Sequence[tuple[str, metrics.Rate, metrics.Rate]], split: str) -> str:
    """A table in Markdown: these rates, and below them what others published, each with its split."""
    rows = ["| reader | split, spacing | CER % | WER % |", "|---|---|---|---|"]
    for convention, cer, wer in rates:
        spans = (f"{100 * r.value:.2f} [{100 * r.low:.2f}, {100 * r.high:.2f}]" for r in (cer, wer))
        rows.append(f"| **this model** | {split}, {convention} | " + " | ".join(spans) + " |")
    for name, where, *values in PUBLISHED:
        rows.append(
            f"| {name} | {where} | "
            + " | ".join("-" if v is None else str(v) for v in values)
            + " |"
        )
    rows.append(
        "\nThe others' splits and spacings differ, where a source names them at all: the table orders nothing."
    )
    return "\n".join(rows)


def in_both_conventions(
    recognizer: Recognizer,
    every: Sequence[Line],
    split: str,
    written: str = "natural",
    fold: bool = False,
    say: Callable[[str], None] = print,
) -> list[tuple[str, metrics.Rate, metrics.Rate]]:
    """CER and WER of a split in natural and in raw spacing, both sides converted by the same rule.

    Args:
        every: its lines, in the convention that the model writes. written: that one, in which nothing is converted.
        fold: the truths are folded to the model's charset, as in its training.

    Raises:
        HtrError: no picture of the split can be read; single ones are left out, and counted.
    """
    lines, texts = list[Line](), list[str]()
    sources = [line.path if line.part is None else line for line in every]
    read = recognizer.read_iter(sources, decoder="greedy", errors="keep")
    for line, reading in zip(every, read, strict=True):
        if not isinstance(reading, HtrError):
            lines.append(line)
            texts.append(reading.text)
    if len(lines) < len(every):
        problem = f"{len(every) - len(lines)} of {len(every)} {split} lines cannot be read"
        if not lines:
            raise HtrError(f"{problem}; `htr data check` names them")
        say(f"{problem}: left out")
    sides = [texts, [recognizer.charset.fold(line.text) if fold else line.text for line in lines]]
    rates = []
    for name in ("natural", "raw"):
        readings_said, truths_said = (
            side if name == written else evaluation.converted(lines, side, name) for side in sides
        )  # type: ignore[arg-type]
        cer = metrics.cer(readings_said, truths_said, split=split, convention=name)
        rates.append(
            (name, cer, metrics.wer(readings_said, truths_said, split=split, convention=name))
        )
    return rates
