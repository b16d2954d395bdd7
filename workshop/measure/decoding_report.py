"""The figures of `model/decoding.json` as tables for people: `python -m workshop.measure.decoding_report`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from htr_utils import paths
from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.files import write_text
from htr_utils.text import tuned
from workshop.measure.wrong_lines import CAUSES

TARGET = "docs/measured/decoding-figures.md"
_WAYS = {"greedy": "greedy", "lm": "language model", "lexicon": "language model and lexicon"}
_ASKED = {
    "cer_change": -35.0,
    "wer_change": -40.0,
}  # in %: what decoding with language was asked to reach
_ASKED_OF = ("test", "jls", "inkbench")


def _change(c: dict[str, float] | None) -> str:
    return f"{c['value']:+.1f} % [{c['low']:+.1f}, {c['high']:+.1f}]" if c else "-"


def asked(measured: dict[str, Any]) -> list[str]:
    """What was asked of decoding with language beside what it reached, and what was measured about why."""
    rows = [
        "| lines | perplexity of their texts | greedy CER % | CER, asked | reached | WER, asked | reached |"
    ]
    rows.append("|---|---|---|---|---|---|---|")
    missed = []
    for name in _ASKED_OF:
        if name not in measured:
            continue
        found, cells = measured[name], []
        for rate, goal in _ASKED.items():
            change = found["lexicon"][rate]
            cells += [f"{goal:+.0f} %", _change(change)]
            if change["value"] > goal:
                missed.append(f"{name} ({rate[:3].upper()})")
        told = found.get("perplexity", "not measured")
        rows.append(f"| {name} | {told} | {found['greedy']['cer']} | {' | '.join(cells)} |")
    verdict = f"Not reached: {', '.join(missed)}." if missed else "All reached."
    return [
        f"The language model with lexicon, against greedy. {verdict} The perplexity is that of the language model, a "
        "character, on the true texts, none of which it was trained on.",
        "",
        *rows,
        *_causes(measured),
    ]


def _causes(measured: dict[str, Any]) -> list[str]:
    """Why lines stay wrong with the language model, where that was measured (`course.wrong_lines`)."""
    found = {
        name: measured[name]["lm"].get("wrong_lines") for name in _ASKED_OF if name in measured
    }
    told = {name: one for name, one in found.items() if one is not None}
    if not told:
        return []
    rows = [
        "",
        "What holds the gain down: the lines that are still wrong with the language model (without lexicon), by "
        "cause. *Search*: the true text scores higher than what was read, but the beam lost it. *Network*: the "
        "language model prefers the true text, but not by as much as the network prefers what was read. "
        "*Language model*: the network prefers the true text, the language model does not, and won. "
        "*Both*: both prefer what was read.",
        "",
        "| lines | still wrong | search | network | language model | both |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in told.items():
        shares = " | ".join(f"{100 * one[key] / max(1, one['wrong']):.0f} %" for key in CAUSES)
        rows.append(f"| {name} | {one['wrong']} | {shares} |")
    return rows


def worse(measured: dict[str, Any]) -> str:
    """Where the scaled confidences keep their promise worse than the network's own."""
    found = [
        f"{name}, {_WAYS[way]} ({kind}s)"
        for name, entry in measured.items()
        for way in _WAYS
        for kind in ("letter", "word")
        if (one := entry[way].get("confidence", {}).get(kind)) and one["ece"] > one["ece_raw"]
    ]
    where = (
        f"They are worse scaled than raw on: {'; '.join(found)}."
        if found
        else "They are nowhere worse than raw."
    )
    return (
        "For each decoder one scale of letters and one of words was fitted on plain and damaged lines together. "
        + where
    )


def tables(stored: dict[str, Any]) -> str:
    """Decoders, the gate and the confidences on every set that was measured, in Markdown."""
    decoders = ["| lines | decoder | CER % | WER % | CER against greedy | WER against greedy |"]
    decoders.append("|---|---|---|---|---|---|")
    gates = [
        "| lines | after | CER % without, with | WER % without, with | changed | mended | broken | ms a line |"
    ]
    gates.append("|---|---|---|---|---|---|---|---|")
    promises = [
        "| lines | decoder | letters: as the network says | scaled | words: as it says | scaled |"
    ]
    promises.append("|---|---|---|---|---|---|")
    for name, found in stored["measured"].items():
        for way, called in _WAYS.items():
            entry = found[way]
            change = [_change(entry.get(rate)) for rate in _ASKED]
            decoders.append(
                f"| {name}, {found['lines']} | {called} | {entry['cer']} | {entry['wer']} | {' | '.join(change)} |"
            )
            for policy in ("autocorrect fast", "symspell", "gated"):
                one = entry[policy]
                gates.append(
                    f"| {name} | {called}: {policy} | {one['cer_without']}, {one['cer_with']} | {one['wer_without']}, "
                    f"{one['wer_with']} | {one['changed']} | {one['mended']} | {one['broken']} | "
                    f"{one.get('milliseconds', '-')} |"
                )
            if "confidence" in entry:
                cells = [
                    str(entry["confidence"][kind][which])
                    for kind in ("letter", "word")
                    for which in ("ece_raw", "ece")
                ]
                promises.append(f"| {name} | {called} | {' | '.join(cells)} |")
    of_use = ", ".join(_WAYS[way] for way in stored["gated"]) or "no decoder"
    return "\n".join(
        [
            "# Figures of decoding, correction and confidence",
            "",
            "Written by `python -m workshop.measure.decoding_report` from `model/decoding.json` of "
            f"{stored['date']}: model `{stored['model'][:12]}`, language model "
            f"`{stored['language'][:12]}`, `{stored['command']}`. Natural "
            "spacing, case kept. In brackets the paired bootstrap 95 % interval over lines (1,000 samples, seed 0). "
            "The sets that chose the settings say so; the others chose nothing.",
            "",
            "## Decoders",
            "",
            *decoders,
            "",
            "## What was asked, and what is reached",
            "",
            *asked(stored["measured"]),
            "",
            "## Policies of correction",
            "",
            f"The gate is of use on every set that chose after: {of_use}.",
            "",
            *gates,
            "",
            "## Expected calibration error in %, ten bins",
            "",
            worse(stored["measured"]),
            "",
            *promises,
            "",
        ]
    )


def write(folder: Path) -> Path:
    """Write the tables into the checkout at `folder`."""
    stored = json.loads((folder / "model" / tuned.FILE).read_text(encoding="utf-8"))
    write_text(folder / TARGET, tables(stored))
    return folder / TARGET


@one_line
def main() -> None:
    """Write the tables into this checkout."""
    root = paths.repo_root()
    if root is None:
        raise HtrError("no course beside this installation; clone it")
    write(root)


if __name__ == "__main__":
    sys.exit(main())
