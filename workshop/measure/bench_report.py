"""The document of `python -m htr_utils bench`: tables in Markdown, and one figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workshop.measure.page import filled


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
    shown = {"command": command, "title": title, "figure": f"![{alt}]({picture})"}
    formats = {"rate": _rate, "points": _points, "memory": _memory, "number": _number}
    return filled("bench_report", found=found, **shown, **formats)


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
