"""Readers of whole pages side by side, on a folder of real pages with `truth.json`.

    python -m htr_utils pagebench FOLDER [--decoder greedy --decoder lexicon] [--peer-python PYTHON] [--out FILE]
    python -m htr_utils pagebench FOLDER --kind photo --decoder greedy --side 1000 --side 1800 --side 3000

Each reader reads every page; `page_score` counts. The table names for each kind of page the lines found, lost, doubled
and invented, those in a wrong order, the page's CER and bag-of-words WER, and the seconds of the processor a page.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2

from htr_utils import files, page_reading, pages, paths
from htr_utils.cli.one_line import one_line
from htr_utils.cli.read_many import memory
from htr_utils.errors import HtrError
from htr_utils.recognizer import DECODERS, Recognizer, cores
from workshop.measure import page_peers, page_score
from workshop.measure.page import filled

Pages = list[list[dict[str, Any]]]
_COUNTS = ("pages", "lines", "found", "lost", "merged", "doubled", "invented", "order")
_RATES = ("CER", "CER, folded", "CER of found lines", "WER")
_HEAD = ("reader", "kind", *_COUNTS, *_RATES, "processor s a page")
_LIMIT = 7200  # seconds that a peer may take


def truths(folder: Path) -> list[dict[str, Any]]:
    """The rows of `truth.json`.

    Raises:
        HtrError: it is missing.
    """
    try:
        return list(json.loads((folder / "truth.json").read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise HtrError(
            f"{folder}: has no truth.json; name a folder of pages with their truth"
        ) from error


def ours(
    names: Sequence[Path], model: str, decoder: Any, side: int | None = None
) -> tuple[Pages, list[float]]:
    """Our reading of each page, and the seconds of the processor it took, after the model was loaded.

    side: pixels that the long side of each page is brought to first; None leaves it. Places are those of the file.
    """
    recognizer, made, seconds = Recognizer.load(model), [], []
    pages.network()
    for name in names:
        begun = time.process_time()
        grey = pages.open_pages(name)[0]
        factor = side / max(grey.shape) if side else 1.0
        if side:
            method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
            grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=method)
        page = pages.find(grey, page_reading.judge(lambda: recognizer))
        readings = recognizer.read([line.crop for line in page.lines], decoder=decoder)
        seconds.append(time.process_time() - begun)
        made.append(
            [
                {"text": reading.text, "polygon": (line.polygon / factor).tolist()}
                for line, reading in zip(page.lines, readings, strict=True)
            ]
        )
    return made, seconds


def peer(name: str, python: str, names: Sequence[Path]) -> tuple[Pages, list[float], str]:
    """The same by another reader, in a process of `python`; and its version.

    Raises:
        HtrError: it fails.
    """
    job = json.dumps({"files": [str(one) for one in names], "threads": cores()})
    command = [python, "-I", page_peers.__file__, name]
    done = subprocess.run(
        command, input=job, capture_output=True, text=True, timeout=_LIMIT, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise HtrError(f"{name}: failed in {python} ({said}); install it there")
    made = json.loads(done.stdout)
    return made["pages"], made["seconds"], made["version"]


def counts(
    rows: Sequence[dict[str, Any]], read: Pages, seconds: Sequence[float], fold: bool
) -> dict[str, Counter[str]]:
    """The counts of `page_score.score`, with "pages" and "ms", added up by kind of page and in all."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for row, page, took in zip(rows, read, seconds, strict=True):
        one = page_score.score(row["lines"], page, fold)
        one.update(pages=1, ms=round(1000 * took))
        for kind in (row.get("kind", "page"), "all"):
            sums[kind].update(one)
    return dict(sorted(sums.items(), key=lambda item: (item[0] == "all", item[0])))


def table(readers: dict[str, dict[bool, dict[str, Counter[str]]]]) -> str:
    """Markdown: a row for each reader and kind of page. readers: name -> folded or not -> kind -> counts."""
    made = ["| " + " | ".join(_HEAD) + " |", "|" + " --- |" * len(_HEAD)]
    for name, by_fold in readers.items():
        for kind, one in by_fold[False].items():
            folded = by_fold[True][kind]
            cells = [name, kind, *(str(one[k]) for k in _COUNTS)]
            rates = (
                (one, "edits", "chars"),
                (folded, "edits", "chars"),
                (one, "line_edits", "line_chars"),
                (one, "word_errors", "words"),
            )
            cells += [f"{100 * c[a] / max(1, c[b]):.1f}" for c, a, b in rates]
            made.append(
                "| " + " | ".join([*cells, f"{one['ms'] / 1000 / one['pages']:.2f}"]) + " |"
            )
    return "\n".join(made) + "\n"


@one_line
def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="pagebench", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="pages and truth.json")
    parser.add_argument("--model", default="course")
    parser.add_argument(
        "--decoder", action="append", choices=DECODERS, help="of ours; may be given again"
    )
    parser.add_argument("--kind", help="only pages of this kind, as photo")
    parser.add_argument(
        "--side",
        type=int,
        action="append",
        help="pixels of the pages' long side; may be given again",
    )
    parser.add_argument("--peer-python", help="a Python that has RapidOCR, and perhaps kraken")
    parser.add_argument(
        "--peer",
        action="append",
        choices=("rapidocr", "kraken"),
        help="which peers; default rapidocr",
    )
    parser.add_argument(
        "--out", type=Path, help="write the table here, and all readings as JSON beside it"
    )
    given = parser.parse_args(arguments)
    rows = [row for row in truths(given.folder) if given.kind in (None, row.get("kind", "page"))]
    names = [given.folder / row["file"] for row in rows]
    read: dict[str, tuple[Pages, list[float]]] = {}
    for decoder in given.decoder or ("greedy", "lexicon"):
        for side in given.side or [None]:
            name = f"ours, {decoder}" + (f", {side} px" if side else "")
            read[name] = ours(names, given.model, decoder, side)
    for name in (given.peer or ["rapidocr"]) if given.peer_python else ():
        made, seconds, version = peer(name, given.peer_python, names)
        read[f"{name} {version}"] = made, seconds
    text = table({n: {f: counts(rows, *r, f) for f in (False, True)} for n, r in read.items()})
    print(text)
    if given.out:
        told = " ".join(["pagebench", *map(paths.as_told, arguments or sys.argv[1:])])
        page = filled("pagebench", command=told, table=text, peak=memory())
        files.write_text(given.out, page)
        by_file = {
            n: dict(zip((row["file"] for row in rows), r[0], strict=True)) for n, r in read.items()
        }
        files.write_text(given.out.with_suffix(".json"), json.dumps(by_file, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
