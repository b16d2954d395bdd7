"""The whole course, chapter after chapter, and what the trained model reads: `make course`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from htr_utils import files
from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.quiet import hushed
from htr_utils.runs.chapter_files import blank, find, notebooks_folder
from htr_utils.runs.execute import RunResult, run_chapter
from htr_utils.runs.html import describe, index_page, write_page

LINES_SHOWN = 5


def course(out: str | Path = "runs/course", names: Sequence[str] = ()) -> list[RunResult]:
    """Run chapters in order at their defaults into `out`: notebooks, pages, index.html; a line for each.

    A chapter that fails is reported and the rest go on.

    Raises:
        HtrError: there are no chapters, or none of that name.
    """
    out = Path(out).resolve()
    chapters = find(names, pattern="*.ipynb")
    if not chapters:
        raise HtrError(
            f"no notebooks in {notebooks_folder().name}/; build them with `make notebooks`"
        )
    out.mkdir(parents=True, exist_ok=True)
    results, cards = [], []
    for position, chapter in enumerate(chapters, 1):
        print(f"{position:>2}/{len(chapters)}  {chapter.stem:<28}", end="", flush=True)
        result = run_chapter(chapter, out=out)
        results.append(result)
        line = f"{result.seconds:.0f} s, {result.peak_mb:,.0f} MB"
        print(
            f"{result.seconds:5.0f} s {result.peak_mb:7,.0f} MB{'   FAILED' if result.error else ''}",
            flush=True,
        )
        if result.error:
            print(f"       {result.error}\n       see {_near(result.notebook)}", flush=True)
        if result.notebook.is_file():
            card = write_page(result.notebook, out / f"{result.name}.html")
        else:
            card = describe(blank(chapter.parent / "src" / f"{chapter.stem}.py"), chapter.stem)
        cards.append((card, result.error or line, not result.error))
    files.write_text(out / "index.html", index_page(cards))
    return results


def _near(path: Path) -> Path:
    """A path as seen from the current folder, where that is shorter."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def show_readings(count: int = LINES_SHOWN) -> None:
    """Print what the trained model reads in test lines and in the samples, without and with spell correction.

    Raises:
        HtrError: no model or no data.
    """
    from htr_utils import Recognizer
    from htr_utils.lines import iam
    from htr_utils.paths import samples
    from htr_utils.text.spelling import Speller, without_with

    with hushed():
        recognizer = Recognizer.load("course")
    speller = Speller(mode="fast")
    lines = iam.read().split("test")
    step = max(1, len(lines) // count)
    chosen = [(f"test line {line.id}", line.path, line.text) for line in lines[::step][:count]]
    chosen += [(f"sample {path.name}", path, "") for path in samples()]
    for label, path, truth in chosen:
        greedy, reading = recognizer.read(path, decoder="greedy"), recognizer.read(path)
        print(f"\n{label}")
        if truth:
            print(f"Written            : {truth}")
        print(without_with(greedy.text, speller.correct(greedy.text)))
        print(f"Language model     : {reading.text}")


@one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """`course [chapter ...] [--out FOLDER] [--table FILE]`."""
    parser = argparse.ArgumentParser(
        prog="python -m htr_utils course", description="Run the chapters in order."
    )
    parser.add_argument("chapters", nargs="*", help="by number or name; all without")
    parser.add_argument(
        "--out", default="runs/course", help="where the results go (default: %(default)s)"
    )
    parser.add_argument(
        "--table", metavar="FILE", help="also write time and memory of each chapter, in Markdown"
    )
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    begin = time.monotonic()
    print("Running each chapter at its quick defaults", flush=True)
    results = course(options.out, options.chapters)
    failed = [result.name for result in results if result.error]
    if options.table:
        from workshop.measure import costs

        print(*costs.write(results, Path(options.table)), sep="\n")
    try:
        show_readings()
    except HtrError as error:
        failed.append("reading lines")
        print(f"error: {error}", file=sys.stderr)
    where = _near(Path(options.out).resolve())
    print(f"\n{len(results)} chapters in {(time.monotonic() - begin) / 60:.1f} minutes.")
    print(f"Open {where / 'index.html'} in a browser; the executed notebooks are beside it.")
    print("To work in the chapters: make lab (or python -m htr_utils lab).")
    if failed:
        print(f"error: failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
