"""The published figures of finding lines on pages and reading them: `docs/pages.md`.

    python -m workshop.measure.page_report --out docs/pages.md      # every kind, the measured seeds, the test split
    python -m workshop.measure.page_report --real jls=FOLDER --real copiste=FOLDER --only IDS --out docs/pages-real.md

Finding is measured for `pages.find` and for the plain row profile; reading for the first, with one model.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from htr_utils import pages, paths
from htr_utils.cli.one_line import one_line
from htr_utils.course import line_finding
from htr_utils.errors import HtrError
from htr_utils.files import sha256, write_text
from htr_utils.lines.iam_files import read_names
from htr_utils.synth import compose
from htr_utils.text import metrics
from htr_utils.text.charset import Charset
from workshop.measure import page_bench

FINDERS = {"ridges": line_finding.ridges, "profile": line_finding.profile}
DRAWS = 1000


@dataclass
class Kind:
    """All pages of one kind: counts of each finder by page, and (read, true) texts of pages and of given lines."""

    counts: dict[str, list[line_finding.Count]] = field(
        default_factory=lambda: {name: [] for name in FINDERS}
    )
    texts: list[tuple[str, str]] = field(default_factory=list)
    given: list[tuple[str, str]] = field(default_factory=list)

    def __add__(self, other: Kind) -> Kind:
        counts = {name: self.counts[name] + other.counts[name] for name in FINDERS}
        return Kind(counts, self.texts + other.texts, self.given + other.given)


def interval(
    values: Sequence[line_finding.Count], of: Callable[[line_finding.Count], float], seed: int
) -> str:
    """A figure of all pages together and its 95 % bootstrap interval over pages, in per cent."""
    whole = of(sum(values, line_finding.Count()))
    draws = np.random.default_rng(seed).integers(len(values), size=(DRAWS, len(values)))
    drawn = [of(sum((values[i] for i in row), line_finding.Count())) for row in draws]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{100 * whole:.2f} [{100 * low:.1f}, {100 * high:.1f}]"


def measure(
    kind: str,
    seeds: Sequence[int],
    split: str,
    read: Callable[[list[np.ndarray]], list[str]] | None,
    data: str | None = None,
    only: Collection[str] = (),
) -> Kind:
    """Compose the pages of one kind, find their lines with both finders and read them with `read`.

    Texts of lines of another folder (`data`) are folded to the characters that the model can write.
    """
    made, fold = Kind(), Charset().fold if data else str
    for seed in seeds:
        page = compose.page(kind, seed, split, data, only)
        true = [line.polygon for line in page.lines]
        lines = pages.find(page.grey).lines
        shape: tuple[int, int] = page.grey.shape  # type: ignore[assignment]
        made.counts["ridges"].append(
            line_finding.count(true, [line.polygon for line in lines], shape)
        )
        made.counts["profile"].append(
            line_finding.count(true, line_finding.profile(page.grey), shape)
        )
        if read is not None:
            truth = [fold(line.text) for line in page.lines]
            made.texts.append(("\n".join(read([line.crop for line in lines])), "\n".join(truth)))
            made.given += list(zip(read(page_bench._cut_by_truth(page)), truth, strict=True))
    return made


def never(values: Sequence[line_finding.Count]) -> list[str]:
    """Which of the two errors did not happen once."""
    whole = sum(values, line_finding.Count())
    return [
        name for name, times in (("found twice", whole.twice), ("lost", whole.lost)) if times == 0
    ]


def _never(values: Sequence[line_finding.Count]) -> str:
    """What can be said of an error that did not happen: a bootstrap draws zeros only, and shows no width."""
    lines = sum(values, line_finding.Count()).true
    return (
        f"No line of {lines:,} was {' or '.join(never(values))} by `pages.find`. Not seen is not never: with 95 % "
        f"certainty such a line is rarer than 3 in {lines:,}, {300 / lines:.2f} % (the rule of three: J. Hanley, "
        "A. Lippman-Hand, *If nothing goes wrong, is everything all right?*, JAMA 249, 1983), if the lines were "
        "independent; those of one page are not, so the true bound is wider."
    )


def _rate(pairs: Sequence[tuple[str, str]], seed: int) -> str:
    rate = metrics.cer([a for a, _ in pairs], [b for _, b in pairs], seed=seed)
    return f"{100 * rate.value:.2f} [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def tables(kinds: dict[str, Kind], seed: int) -> str:
    """The rows of both tables in Markdown: finding, then reading where anything was read."""
    every = kinds | {"all": sum(kinds.values(), Kind())}
    rows = [
        "| pages | lines | F1 ridges | twice | lost | F1 row profile | twice | lost |",
        "|---" * 8 + "|",
    ]
    for name, kind in every.items():
        cells = []
        for finder in FINDERS:
            values = kind.counts[finder]
            cells += [
                interval(values, lambda count: count.f1, seed),
                interval(values, lambda count: count.twice / max(1, count.true), seed),
                interval(values, lambda count: count.lost / max(1, count.true), seed),
            ]
        lines = sum(count.true for count in kind.counts["ridges"])
        rows.append(f"| {name} | {lines} | " + " | ".join(cells) + " |")
    if never(every["all"].counts["ridges"]):
        rows += ["", _never(every["all"].counts["ridges"])]
    if not every["all"].texts:
        return "\n".join(rows) + "\n"
    rows += [
        "",
        "| pages | page CER | bag of words | the same lines, cut by the truth: CER |",
        "|---" * 4 + "|",
    ]
    for name, kind in every.items():
        bag = 100 * float(np.mean([page_bench.bag_of_words_error(a, b) for a, b in kind.texts]))
        rows.append(
            f"| {name} | {_rate(kind.texts, seed)} | {bag:.2f} | {_rate(kind.given, seed)} |"
        )
    return "\n".join(rows) + "\n"


HEAD = """# Lines of pages: how many are found, and how well pages are read

Made by `{command}` on {date}; do not edit.

Pages are **composed** from lines of the embedded {split} split by `htr_utils.synth.compose`: {seeds} pages of each
kind, seeds {first} to {last}, A4 at 150 dpi. They are rendered and drawn, not photographed: real pages are harder. The
finder was tuned on pages of seeds 0 to 7 with lines of the train split, and nothing was chosen on the pages measured
here. Pages of seeds 1000 to 1009 had been measured before; they showed a fault, which was mended, so that they count as
seen, and these new ones were composed. Square brackets: 95 % bootstrap intervals over pages ({draws} draws, seed
{seed}). All figures but the lines are per cent.

- **F1**: lines found with an overlap (IoU) of at least .5 and in text order, harmonic mean of precision and recall.
- **twice**: true lines of which two found lines each hold a tenth or more; **lost**: true lines that no found line
  covers by half.
- **ridges** is `pages.find`. **row profile** is the plain method for comparison: straight cuts where the rows of the
  same straightened page hold little ink.
"""

REAL = """# Lines of pages composed of real handwriting

Made by `{command}` on {date}; do not edit.

The lines are real, one hand a page; the sheets, rules, shadows and cameras are drawn by `htr_utils.synth.compose`:
{seeds} pages of each kind, seeds {first} to {last}. That is harder than pages of rendered lines (docs/pages.md) and
still easier than a photograph: the lines were cut out and cleaned one by one before, so that nothing else stands on the
sheet. Nothing was chosen on these pages. Square brackets: 95 % bootstrap intervals over pages ({draws} draws, seed
{seed}). All figures but the lines are per cent; F1, twice, lost and the finders are those of docs/pages.md. Accents
are folded.
"""

READING = """
- **page CER**: edit distance of the whole page's text in reading order, by the page's characters; natural spacing,
  greedy, model `{model}` (sha256 {digest}). **bag of words**: word error without order, mean of the pages.
- The last column reads the same lines cut out by their known outlines, neither straightened nor cleaned: what reading
  alone costs, interval over lines. Where it is above the page CER, straightening pays.
"""


@one_line
def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", default="docs/pages.md")
    parser.add_argument("--split", default="test")
    parser.add_argument("--kinds", nargs="+", default=list(compose.KINDS))
    parser.add_argument("--pages", type=int, default=len(page_bench.MEASURED), help="of each kind")
    parser.add_argument("--model", default="course", help='"" measures finding alone')
    parser.add_argument(
        "--real",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="folders of real lines instead",
    )
    parser.add_argument(
        "--only", help="file of documents or writers to take, of the folders that have them"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    chosen = parser.parse_args()
    if not 1 <= chosen.pages <= len(page_bench.MEASURED):
        raise HtrError(f"--pages {chosen.pages}: from 1 to {len(page_bench.MEASURED)} of each kind")
    seeds = page_bench.MEASURED[: chosen.pages]
    read, about = None, ""
    if chosen.model:
        from htr_utils.recognizer import Recognizer

        reader = Recognizer.load(chosen.model)
        digest = sha256(paths.model_file(chosen.model))[:16]
        about = READING.format(model=Path(chosen.model).stem, digest=digest)

        def read(crops: list[np.ndarray]) -> list[str]:
            return [reading.text for reading in reader.read(crops, decoder="greedy")]

    found = {}
    only = read_names(Path(chosen.only)) if chosen.only else set()
    for name, _, folder in [one.partition("=") for one in chosen.real] or [("", "", None)]:
        for kind in chosen.kinds:
            label = f"{name}, {kind}" if name else kind
            found[label] = measure(kind, seeds, chosen.split, read, folder, only)
            print(sum(found[label].counts["ridges"], line_finding.Count()).row(label), flush=True)
    command = "python -m workshop.measure.page_report"
    if chosen.real:
        told = ["=".join(map(paths.as_told, word.split("="))) for word in sys.argv[1:]]
        command += f" {shlex.join(told)}"
    head = (REAL if chosen.real else HEAD).format(
        command=command,
        date=datetime.now(UTC).date(),
        split=chosen.split,
        seeds=len(seeds),
        first=seeds[0],
        last=seeds[-1],
        draws=f"{DRAWS:,}",
        seed=chosen.seed,
    )
    write_text(Path(chosen.out), head + about + "\n" + tables(found, chosen.seed))
    print(f"wrote {chosen.out}")


if __name__ == "__main__":
    sys.exit(main())
