"""`htr lm`: train a language model, and score text with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from htr_utils import files, paths
from htr_utils.cli.common import command_line
from htr_utils.errors import HtrError


@click.group()
def lm() -> None:
    """Train a language model, and score text with it."""


@lm.command("train")
@click.option(
    "--text",
    "texts",
    multiple=True,
    type=click.Path(exists=True),
    help="text files (.txt, .txt.xz, .tsv) or folders, a paragraph a line",
)
@click.option(
    "--passages",
    type=click.IntRange(0, 50),
    default=3,
    help="count the embedded training passages so often",
)
@click.option("--order", type=click.IntRange(2, 9), default=7, help="longest n-gram")
@click.option(
    "--most",
    type=click.IntRange(1),
    default=3_250_000,
    help="n-grams to keep, those that tell most; a million are about 1.4 MB",
)
@click.option(
    "--struck", type=click.FloatRange(0, 0.1), default=0.003, help="share of words struck out (`#`)"
)
@click.option(
    "--apart",
    multiple=True,
    type=click.Path(exists=True),
    help="lines that the model must not know, beside the embedded ones: folders of test lines",
)
@click.option("--model", default="course", help="whose characters it knows")
@click.option("--to", "target", default="runs/language.lm", help="the file to write")
def lm_train(
    texts: tuple[str, ...],
    passages: int,
    order: int,
    most: int,
    struck: float,
    apart: tuple[str, ...],
    model: str,
    target: str,
) -> None:
    """Count text and write a language model of a few megabytes.

    Paragraphs that share a stretch of text with an embedded passage of the validation or test split are left out,
    with a word about it; so are those that share one with a line of --apart.
    """
    from htr_utils.recognizer import Recognizer
    from htr_utils.text import corpus, ngrams

    characters = Recognizer.load(model).charset.characters
    train, held_out = _embedded()
    for folder in apart:
        from htr_utils.evaluation import load_lines

        held_out += [line.text for line in load_lines(folder, None)]
    kept, dropped = corpus.without_held_out(corpus.read_paragraphs(texts), held_out)
    for text in dropped:
        click.echo(f"left out, it holds a passage of the validation or test split: {text[:60]!r}")
    about = {
        "command": command_line(),
        "sources": [
            {"name": file.name, "sha256": files.sha256(file)} for file in corpus.text_files(texts)
        ],
        "embedded_passages": {"split": "train", "passages": len(train), "times": passages},
        "kept_apart": [Path(folder).name for folder in apart],
        "paragraphs": len(kept),
        "paragraphs_left_out": len(dropped),
    }
    counted = _strike(kept + train * passages, struck)
    made = ngrams.train(counted, characters, order, most, about, least=2)
    made.save(target)
    size = Path(target).stat().st_size / 2**20
    click.echo(f"{target}: order {order}, {len(made.words):,} words, {size:.1f} MB")


@lm.command("score")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--lm", "model", default="en", help="name or path of a language model")
def lm_score(file: str, model: str) -> None:
    """How well a language model foresees a text: bits per character and perplexity. One line of text a row."""
    from htr_utils.text import corpus, language
    from htr_utils.text.charset import Charset

    known = language.LanguageModel.load(model)
    charset = Charset(known.characters)
    lines = [" ".join(charset.fold(text).split()) for text in corpus.read_paragraphs([file])]
    bits = known.bits([line for line in lines if line])
    click.echo(f"{bits:.3f} bits per character, perplexity {2**bits:.2f} ({len(lines):,} lines)")


def _strike(paragraphs: Sequence[str], share: float) -> list[str]:
    """Replace some words by `#`, as transcriptions write a struck-out word."""
    import numpy as np

    random = np.random.default_rng(0)
    words = [text.split() for text in paragraphs]
    return [" ".join("#" if random.random() < share else word for word in text) for text in words]


def _embedded() -> tuple[list[str], list[str]]:
    """The embedded passages of the training split, and those of the others."""
    from htr_utils.text.passages import read_passages

    root = paths.repo_root()
    if root is None:
        raise HtrError(
            "`htr lm train` needs a checkout of the course: it must know the held-out passages"
        )
    passages = read_passages(root / "data" / "passages.tsv")
    return [p.text for p in passages if p.split == "train"], [
        p.text for p in passages if p.split != "train"
    ]
