"""Pages in several languages, their lines cut by the truth: greedy reading beside the default decoder.

    python -m workshop.measure.language_report real_pages/dev --to docs/measured/languages.md

Case counts, accents and typographic signs do not: see `page_score.plain`. A page is worse by more than chance where
the 95 % interval of the paired difference of its edits (bootstrap over its lines, seed 0) lies above 0.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from htr_utils.cli.one_line import OneLine
from htr_utils.lines import images
from htr_utils.recognizer import Recognizer
from htr_utils.text import metrics
from workshop.measure.decoders import paired
from workshop.measure.page import filled, give
from workshop.measure.page_score import plain

FRENCH = ("copiste", "testamentsdepoilus", "mss-19", "mss-20", "celestine")
_UNREADABLE = ("printed", "ignore")


def cut(page: np.ndarray, polygon: Any) -> np.ndarray:
    """The line in a polygon (N, 2) of a page (H, W), with paper around it."""
    points = np.asarray(polygon, float).reshape(-1, 2)
    low = np.clip(np.floor(points.min(0)).astype(int), 0, None)
    high = np.ceil(points.max(0)).astype(int) + 1
    part = page[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [np.round(points - low).astype(np.int32)], 1)
    return np.where(mask > 0, part, np.uint8(np.percentile(part, 80)))


def unaccented(text: str, truth: bool = False) -> str:
    apart = unicodedata.normalize("NFD", plain(text, truth=truth))
    return "".join(c for c in apart if not unicodedata.combining(c))


def rates(texts: Sequence[str], truths: Sequence[str]) -> str:
    return " / ".join(f"{100 * one(texts, truths).value:.1f}" for one in (metrics.cer, metrics.wer))


@click.command(cls=OneLine)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", default="course", help="name or path of a recogniser")
@click.option("--to", "target", help="also write the tables to this file")
def main(folder: Path, model: str, target: str | None) -> None:
    """Measure greedy reading and the default decoder on the pages of FOLDER/truth.json."""
    reader = Recognizer.load(model)
    pages: list[dict[str, Any]] = []
    crops, of = [], []
    for page in json.loads((folder / "truth.json").read_text(encoding="utf-8")):
        page["lines"] = [one for one in page["lines"] if one.get("kind") not in _UNREADABLE]
        if "turned" in page["kind"] or not page["lines"]:
            continue
        picture = images.load(folder / page["file"])
        crops += [cut(picture, line["polygon"]) for line in page["lines"]]
        of += [len(pages)] * len(page["lines"])
        pages.append(page)
    plainly = [unaccented(one.text) for one in reader.read(crops, decoder="greedy")]
    readings = reader.read(crops, page_of=of.__getitem__)
    groups: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    languages: dict[str, Counter[str]] = defaultdict(Counter)
    worse = []
    for number, page in enumerate(pages):
        at = [n for n, one in enumerate(of) if one == number]
        truths = [unaccented(line["text"], truth=True) for line in page["lines"]]
        before, after = [plainly[n] for n in at], [unaccented(readings[n].text) for n in at]
        french = any(name in page["source"].lower() for name in FRENCH)
        kind = "French scans" if french else "English scans" if page["kind"] == "scan" else "photos"
        groups[kind] += zip(truths, before, after, strict=True)
        language = readings[at[-1]].language
        languages[kind][language] += 1
        if before != truths:
            change = paired(before, after, truths, metrics.edits)
            if change["low"] > 0:
                worse.append(f"{page['file']} ({change['value']:+.0f} %, {language})")
    rows = []
    for kind, lines in groups.items():
        truths, before, after = ([line[k] for line in lines] for k in range(3))
        shares = [
            one(after, truths).value / one(before, truths).value
            for one in (metrics.cer, metrics.wer)
        ]
        both = rates(before, truths), rates(after, truths)
        said = ", ".join(f"{name} {n}" for name, n in languages[kind].most_common())
        rows.append((kind, len(lines), *both, f"{shares[0]:.2f} / {shares[1]:.2f}", said))
    told = {"pages": len(pages), "folder": folder.name, "model": model, "rows": rows}
    give(filled("language_report", worse=worse, **told), target)


if __name__ == "__main__":
    main()
