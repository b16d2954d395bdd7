"""`htr read`: pictures of lines and pages in, text out."""

from __future__ import annotations

import sys
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from htr_utils.cli.common import DECODERS, MODEL, need
from htr_utils.cli.jobs import Job
from htr_utils.cli.outputs import FORMATS, Writer, expand, speller_of

if TYPE_CHECKING:
    from htr_utils.recognizer import Recognizer


@click.command()
@click.argument("files", nargs=-1, required=True)
@MODEL
@click.option(
    "--as",
    "kind",
    type=click.Choice(["auto", "line", "page"]),
    default="auto",
    help="what the pictures show",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="text",
    help="of what is printed or written; page is PAGE XML, pdf the picture with the text behind it",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    help="folder for one result file per input, instead of printing",
)
@click.option(
    "--overlay", is_flag=True, help="with --out: also the picture with the reading drawn over it"
)
@click.option(
    "--decoder",
    type=DECODERS,
    default="lexicon",
    help="lm: with a language model, lexicon: and a word list",
)
@click.option(
    "--language",
    default="auto",
    help="of --decoder lm and lexicon: en, fr, de, es, it, none, a file of `htr lm train`, or auto, which finds "
    "the language of each page",
)
@click.option(
    "--spelling",
    type=click.Choice(["off", "gated", "fast", "full"]),
    default="off",
    help="also give the text after spell correction (in text and JSON): gated changes doubtful words "
    "only, fast and full are autocorrect",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="read over a Dask cluster, folders with all below them: tcp://host:8786, or local; needs --out, "
    "and goes on where it was stopped",
)
@click.option(
    "--chunk", type=click.IntRange(1, 10_000), default=32, help="with --scheduler: files per task"
)
def read(
    files: tuple[str, ...],
    model: str,
    kind: str,
    format_: str,
    out: str | None,
    overlay: bool,
    decoder: str,
    language: str,
    spelling: str,
    scheduler: str | None,
    chunk: int,
) -> None:
    """Read pictures of lines or of pages: PNG, JPEG, TIFF, BMP, GIF, WebP, JPEG 2000, PDF, HEIC.

    A folder stands for the files in it.

    A file that cannot be read is named on stderr, the others are read all the same; the exit status is then 1.
    """
    if scheduler is not None:
        if out is None or overlay:
            raise click.UsageError("--scheduler needs --out FOLDER, and goes without --overlay")
        need("dask", "distributed", extra="runs")
        from htr_utils.cli import read_many

        options = read_many.Options(model, kind, format_, decoder, spelling, out, language)
        say = partial(click.echo, err=True)
        rows = read_many.run(files, options, scheduler=scheduler, chunk=chunk, say=say)
        bad = sum(row["state"] != "finished" for row in rows)
        click.echo(
            f"{len(rows) - bad:,} files read, {bad:,} failed; {Path(out) / read_many.LEDGER}"
        )
        sys.exit(1 if bad else 0)
    names = expand(files)
    if out is None and overlay:
        raise click.UsageError("--overlay needs --out FOLDER")
    if out is None and (format_ == "pdf" or (format_ != "text" and len(names) > 1)):
        of = "" if format_ == "pdf" else " of several files"
        raise click.UsageError(f"--format {format_}{of} needs --out FOLDER")

    @cache
    def load() -> Recognizer:
        from htr_utils.recognizer import Recognizer

        return Recognizer.load(model)

    job = Job(names, kind, printed=out is None, load=load)
    opened = job.open()
    first = next(opened, None)  # nothing to read: no model is loaded
    if first is not None:
        recognizer = load()
        if decoder in ("lm", "lexicon") and language == "auto":
            from htr_utils.text import languages

            if note := languages.none_for(recognizer.charset.characters):
                click.echo(f"note: {model}: {note}", err=True)
        write = Writer(names, format_, out, overlay, speller_of(spelling, recognizer))
        if (
            spelling == "gated"
            and decoder in ("lm", "lexicon")
            and decoder not in recognizer.tuned.gated
        ):
            where = "docs/guide/decoding.md"
            hint = f"note: after --decoder {decoder} the gate did not help on every validation set ({where})"
            click.echo(hint, err=True)
        for page, read_page in job.read(
            recognizer, chain([first], opened), decoder, spelling, language
        ):
            job.do(page.file, partial(write, page, read_page))
    job.bar.close()
    if job.bad:
        sys.exit(1)
