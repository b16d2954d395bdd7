"""The document of `python -m htr_utils bench`: tables in Markdown, and one figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

_NOTES = """\
- **CER, WER**: micro-averaged, in brackets the 95 % bootstrap interval over documents. Accents, curly quotes and other
  signs outside the 79 characters of IAM are folded on both sides, for every reader, and spaces are single, so that a
  rate may differ by some hundredths from that of `htr evaluate`; case and punctuation count.
- **letters**: CER without case and punctuation, again on both sides and for every reader. EasyHTR writes upper-case
  letters, digits, `-` and `'` only: compare it in this column.
- **lines/s**: files in, text out, all cores, after a first line, ours after a first batch as well; **first line**: from
  the loaded reader to the first text; **load**: before that, imports and model; **memory**: the most that the largest
  process held (Tesseract runs one for each core).
- The peers read whole lines as they are meant to be used. Where several settings are tried, the one that reads these
  very lines best is shown, which favours the peer. None of them was fine-tuned. What our models were trained on is in
  their cards: `course` knows other documents of *copiste*, and so the collection, if not the hands.
"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are right-aligned."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _rate(score: dict[str, Any]) -> str:
    return f"{score['value']:.1f} [{score['low']:.1f}, {score['high']:.1f}]"


def _points(found: Sequence[float]) -> str:
    return f"{found[0]:+.1f} [{found[1]:+.1f}, {found[2]:+.1f}]"


def _memory(peak: float | None) -> str:
    return "?" if peak is None else f"{peak:,.0f} MB"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def markdown(found: dict[str, Any], *, command: str, title: str, picture: str, alt: str) -> str:
    """The document. Nothing of the lines' texts stands in it, only how well they were read."""
    parts = [
        f"# Side by side: {title}",
        f"{found['lines']:,} lines of {found['documents']:,} documents, read by everybody in the same run.\n"
        f"Measured on {found['date']}: {found['machine']}. Made by:\n\n    {command}",
        f"![{alt}]({picture})",
        "## Readers",
        _table(
            ("reader", "CER %", "WER %", "letters %", "lines/s", "first line", "load", "memory"),
            (
                (
                    " ".join((one["name"], one["version"])).strip(),
                    *(_rate(one["scores"][name]) for name in ("cer", "wer", "letters")),
                    _number(one["lines_per_second"]),
                    f"{one['first']:.2f} s",
                    f"{one['load']:.1f} s",
                    _memory(one["peak"]),
                )
                for one in found["readers"]
            ),
        ),
        "\n".join(f"- **{one['name']}**: {one['setting']}." for one in found["readers"])
        + "\n"
        + _NOTES.rstrip(),
    ]
    if found["missing"]:
        parts[-1] += (
            f"\n- Not installed where this was measured, so not in the table: {', '.join(found['missing'])}."
        )
    if found["differences"]:
        parts += [
            "Differences in points, first reader minus the other, below zero where the first reads better; paired "
            "bootstrap over documents, 95 %:",
            _table(
                ("", "CER", "letters"),
                (
                    (
                        f"{row['ours']} - {row['theirs']}",
                        _points(row["cer"]),
                        _points(row["letters"]),
                    )
                    for row in found["differences"]
                ),
            ),
        ]
    if found["speed"]:
        parts += [
            "## Presets",
            "Lines per second of the embedded data's kind, weights untrained: `reading` from files to text, "
            "`training` one step after the other, lines prepared before.",
            _table(
                (
                    "preset",
                    "parameters",
                    "batch",
                    "threads",
                    "reading",
                    "first line",
                    "memory",
                    "training",
                    "memory",
                ),
                (
                    (
                        row["preset"],
                        f"{row['parameters'] / 1e6:.2f} M",
                        str(row["batch"]),
                        str(row["threads"]),
                        f"{_number(row['read'])} lines/s",
                        f"{row['first']:.2f} s",
                        _memory(row["read_peak"]),
                        f"{_number(row['train'])} lines/s",
                        _memory(row["train_peak"]),
                    )
                    for row in found["speed"]
                ),
            ),
        ]
    return "\n\n".join(parts) + "\n"


def figure(found: dict[str, Any]) -> tuple[str, bytes]:
    """A sentence that says what is seen, and the figure as PNG: error rates and speed of each reader."""
    from htr_utils.course.plots.base import COLOURS, GREY, encode
    from htr_utils.course.plots.base import figure as empty

    readers = found["readers"]
    made, (left, right) = empty(1, 2, height=1.2 + 0.55 * len(readers), sharey=True)
    places = range(len(readers))[::-1]
    for name, shift, colour, label in (
        ("cer", 0.2, COLOURS[0], "as written"),
        ("letters", -0.2, COLOURS[1], "without case and punctuation"),
    ):
        scores = [reader["scores"][name] for reader in readers]
        values = [score["value"] for score in scores]
        spread = [
            [max(0.0, score["value"] - score["low"]) for score in scores],
            [max(0.0, score["high"] - score["value"]) for score in scores],
        ]
        left.barh(
            [place + shift for place in places],
            values,
            0.36,
            xerr=spread,
            color=colour,
            ecolor=GREY,
            label=label,
            hatch="//" if name == "letters" else None,
            edgecolor="white",
        )
    left.set_yticks(list(places), [reader["name"] for reader in readers])
    left.set_xlabel("character error rate, %")
    left.legend(
        frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2
    )  # above, where no bar is
    speeds = [reader["lines_per_second"] for reader in readers]
    right.barh(list(places), speeds, 0.5, color=COLOURS[2])
    for place, speed in zip(places, speeds, strict=True):
        right.text(speed + 0.02 * max(speeds), place, _number(speed), va="center")
    right.set(xlim=(0, 1.2 * max(speeds)), xlabel="lines per second")
    said = "; ".join(
        f"{reader['name']} {reader['scores']['cer']['value']:.1f} % at {_number(reader['lines_per_second'])} lines/s"
        for reader in readers
    )
    return (
        f"Bars of the character error rate and the reading speed of each reader: {said}.",
        encode(made),
    )
