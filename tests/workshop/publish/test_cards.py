"""A card says what it knows of its model, and nothing that is true of the shipped one alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from htr_utils import files, paths
from workshop.publish import cards


def test_the_card_of_a_model_of_ones_own(tmp_path: Path) -> None:
    model = tmp_path / "mine.keras"
    shutil.copy(paths.model_file("course"), model)
    rate = {"value": 3.0, "low": 2.0, "high": 4.0}
    entry = {
        "lines": 9,
        "cer": rate,
        "wer": rate,
        "decoder": "lexicon",
        "convention": "raw",
        "bootstrap": "over lines",
        "date": "2026-01-02",
        "sha256": files.sha256(model),
        "command": "htr evaluate --save box",
    }
    figures = tmp_path / "metrics.json"
    figures.write_text(json.dumps({"mine.keras": {"box": entry}}), encoding="utf-8")
    text = cards.write(model, figures).read_text(encoding="utf-8")
    assert (
        "| box | 9 | 3.0 [2.0, 4.0] | 3.0 [2.0, 4.0] | lexicon, raw | over lines | 2026-01-02 |"
        in text
    )
    assert "htr evaluate --save box" in text
    figures.write_text(
        json.dumps({"mine.keras": {"box": entry | {"left_out": 2}}}), encoding="utf-8"
    )
    assert "| box | 9 (2 left out) | 3.0" in cards.write(model, figures).read_text(encoding="utf-8")
    for word in ("CC BY", "hooker", "jls", "../docs"):
        assert word not in text.replace("docs/measured/model-history.md has the figures", ""), word


def test_the_shipped_card_is_what_its_files_say() -> None:
    model = paths.model_file("course")
    written = model.with_suffix(".md").read_text(encoding="utf-8")
    for part in ("## Licence and attribution", "over writers", files.sha256(model)):
        assert part in written
