"""The figures of `model/decoding.json` as tables for people: `python -m htr_utils.course.decoding_report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from htr_utils import paths
from htr_utils.files import write_text
from htr_utils.text import tuned

TARGET = "docs/decoding-figures.md"
_WAYS = {"greedy": "greedy", "lm": "language model", "lexicon": "language model and lexicon"}


def tables(stored: dict[str, Any]) -> str:
    """Decoders, the gate and the confidences on every set that was measured, in Markdown."""
    decoders = ["| lines | decoder | CER % | WER % | CER against greedy | WER against greedy |"]
    decoders.append("|---|---|---|---|---|---|")
    gates = ["| lines | after | CER % without, with | WER % without, with | changed | mended | broken |"]
    gates.append("|---|---|---|---|---|---|---|")
    promises = ["| lines | decoder | letters: as the network says | scaled | words: as it says | scaled |"]
    promises.append("|---|---|---|---|---|---|")
    for name, found in stored["measured"].items():
        for way, called in _WAYS.items():
            entry = found[way]
            change = [
                f"{c['value']:+.1f} % [{c['low']:+.1f}, {c['high']:+.1f}]" if c else "-"
                for c in (entry.get("cer_change"), entry.get("wer_change"))
            ]
            decoders.append(
                f"| {name}, {found['lines']} | {called} | {entry['cer']} | {entry['wer']} | {' | '.join(change)} |"
            )
            for policy in ("autocorrect fast", "symspell", "gated"):
                one = entry[policy]
                gates.append(
                    f"| {name} | {called}: {policy} | {one['cer_without']}, {one['cer_with']} | {one['wer_without']}, "
                    f"{one['wer_with']} | {one['changed']} | {one['mended']} | {one['broken']} |"
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
            "Written by `python -m htr_utils.course.decoding_report` from `model/decoding.json` of "
            f"{stored['date']}: model `{stored['model'][:12]}`, language model "
            f"`{stored['language'][:12]}`, `{stored['command']}`. Natural "
            "spacing, case kept. In brackets the paired bootstrap 95 % interval over lines (1,000 samples, seed 0). "
            "The sets that chose the settings say so; the others chose nothing.",
            "",
            "## Decoders", "", *decoders, "",
            "## Policies of correction", "", f"The gate is of use on every set after: {of_use}.", "", *gates, "",
            "## Expected calibration error in %, ten bins", "", *promises, "",
        ]
    )  # fmt: skip


def write(folder: Path) -> Path:
    """Write the tables into the checkout at `folder`."""
    stored = json.loads((folder / "model" / tuned.FILE).read_text(encoding="utf-8"))
    write_text(folder / TARGET, tables(stored))
    return folder / TARGET


if __name__ == "__main__":
    write(paths.repo_root() or Path())
