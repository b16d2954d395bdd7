"""Decoders and spelling policies side by side on the same lines: what they cost and what they read.

    python -m workshop.measure.decoder_bench [--peer PYTHON] [--to docs/measured/decoder-bench.md]

Measure on an idle machine. `--peer` names the Python of an environment of its own that has pyctcdecode 0.5, which needs
numpy below 2. Without a language model all beams search for the same thing, so their texts ought to be the same.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np

from htr_utils import paths
from htr_utils.cli.one_line import OneLine
from htr_utils.course import hard_lines
from htr_utils.errors import HtrError
from htr_utils.text import corrections, decoding, fusion, metrics, spelling, symspell, tuned
from htr_utils.text.charset import Charset
from workshop.measure import decoders
from workshop.measure.page import filled, give

WIDTH = 25
_PEER = """
import json, sys, time
import numpy as np
from pyctcdecode import build_ctcdecoder
given = np.load(sys.argv[1])
labels = json.loads(sys.argv[2])
decoder = build_ctcdecoder(labels)
tables = [table[:n].astype(np.float64) for table, n in zip(given["log_probs"], given["frames"])]
decoder.decode(tables[0], beam_width=int(sys.argv[3]))
seconds = []
for _ in range(int(sys.argv[4])):
    begin = time.perf_counter()
    texts = [decoder.decode(table, beam_width=int(sys.argv[3])) for table in tables]
    seconds.append(time.perf_counter() - begin)
print(json.dumps({"seconds": min(seconds), "texts": texts}))
"""


def timed(read: Callable[[], list[str]], repeats: int) -> tuple[list[str], float]:
    """The texts and the seconds of the quickest of some runs, after one that does not count."""
    texts, best = read(), float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        texts = read()
        best = min(best, time.perf_counter() - begin)
    return texts, best


def tensorflow_texts(lines: hard_lines.Lines, charset: Charset, width: int) -> list[str]:
    """TensorFlow's own beam: blank last, so classes are rotated; `width` 0 is its greedy decoder."""
    import tensorflow as tf

    rotated = np.roll(lines.log_probs, -1, axis=2).transpose(1, 0, 2)  # (frames, batch, classes)
    if width:
        found, _ = tf.nn.ctc_beam_search_decoder(rotated, lines.frames.astype(np.int32), width, 1)
    else:
        found, _ = tf.nn.ctc_greedy_decoder(rotated, lines.frames.astype(np.int32))
    rows: list[list[int]] = [[] for _ in lines.truths]
    for (row, _), i in zip(found[0].indices.numpy(), found[0].values.numpy(), strict=True):
        rows[row].append(int(i) + 1)
    return [charset.decode(row).strip() for row in rows]


def peer_texts(
    python: str, lines: hard_lines.Lines, charset: Charset, width: int, repeats: int
) -> tuple[list[str], float]:
    """pyctcdecode in another environment: the texts and the seconds of the quickest of some runs.

    Raises:
        HtrError: it is not installed there, or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "lines.npz"
        np.savez(file, log_probs=lines.log_probs, frames=lines.frames)
        words = [python, "-c", _PEER, str(file), json.dumps(["", *charset.characters])]
        words += [str(width), str(repeats)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=3600)
        except (OSError, subprocess.SubprocessError) as error:
            raise HtrError(
                f"{python}: pyctcdecode did not run; install pyctcdecode==0.5.0 'numpy<2' there"
            ) from error
    told = json.loads(done.stdout.splitlines()[-1])
    return [str(text).strip() for text in told["texts"]], float(told["seconds"])


def measure(
    lines: hard_lines.Lines, settings: tuned.Tuned, peer: str | None, repeats: int
) -> list[tuple[str, ...]]:
    """The rows of the table."""
    charset = Charset(settings.lm.characters)
    many = len(lines.truths)

    def ours(decoder: str) -> Callable[[], list[str]]:
        return lambda: [
            text.strip()
            for text in decoders.texts(decoders.read(lines, settings, decoder), charset)
        ]

    def plain() -> list[str]:
        found = fusion.prefix_beam(lines.log_probs, lines.frames, width=WIDTH)
        return [charset.decode(line[0].ids).strip() for line in found]

    def taught() -> list[str]:
        found = decoding.beam(lines.log_probs, lines.frames, width=WIDTH)
        return [charset.decode(line[0].ids).strip() for line in found]

    ways: list[tuple[str, Callable[[], list[str]]]] = [
        ("greedy, NumPy", ours("greedy")),
        ("greedy, TensorFlow", lambda: tensorflow_texts(lines, charset, 0)),
        (f"beam {WIDTH}, NumPy, line by line", taught),
        (f"beam {WIDTH}, NumPy, many lines at once", plain),
        (f"beam {WIDTH}, TensorFlow", lambda: tensorflow_texts(lines, charset, WIDTH)),
        (f"beam {WIDTH} with the language model", ours("lm")),
        (f"beam {WIDTH} with language model and lexicon", ours("lexicon")),
    ]
    results = [(name, *timed(way, repeats)) for name, way in ways]
    if peer:
        results.insert(
            5, (f"beam {WIDTH}, pyctcdecode 0.5", *peer_texts(peer, lines, charset, WIDTH, repeats))
        )
    exact = {name: texts for name, texts, _ in results}[f"beam {WIDTH}, NumPy, line by line"]
    rows: list[tuple[str, ...]] = []
    for name, texts, seconds in results:
        same = sum(a == b for a, b in zip(texts, exact, strict=True))
        cer = 100 * metrics.cer(texts, lines.truths).value
        rows.append((name, f"{many / seconds:,.0f}", f"{cer:.2f}", f"{same} of {many}"))
    return rows


def spelling_rows(lines: hard_lines.Lines, settings: tuned.Tuned) -> list[corrections.Report]:
    """What each policy does after greedy decoding, and its time per line."""
    charset = Charset(settings.lm.characters)
    readings = decoders.read(lines, settings, "greedy")
    now = decoders.texts(readings, charset)
    scale = settings.confidence["greedy"].letter if settings.confidence else None
    both = [decoders.stripped(line[0], charset, scale) for line in readings]
    near = symspell.SymSpell(settings.words)
    near.near("hous")
    settings.gate.index.near("hous")
    policies: Sequence[tuple[str, Callable[[int], spelling.Correction]]] = [
        ("autocorrect full", lambda i: spelling.Speller("full").correct(now[i])),
        ("autocorrect fast", lambda i: spelling.Speller("fast").correct(now[i])),
        ("SymSpell", lambda i: near.correct(now[i])),
        ("gated (`--spelling gated`)", lambda i: settings.gate.correct(*both[i])),
    ]
    return [corrections.report(name, policy, now, lines.truths) for name, policy in policies]


@click.command(cls=OneLine)
@click.option("--data", help="folder of lines [default: the embedded test split]")
@click.option("--limit", default=0, help="measure on so many lines only")
@click.option(
    "--repeats", type=click.IntRange(1), default=3, help="runs of each decoder; the quickest counts"
)
@click.option("--peer", help="Python of an environment that has pyctcdecode 0.5")
@click.option("--to", "target", help="also write the tables to this file")
def main(data: str | None, limit: int, repeats: int, peer: str | None, target: str | None) -> None:
    """Measure decoders and spelling policies on the same lines."""
    from htr_utils.evaluation import load_lines
    from htr_utils.recognizer import Recognizer
    from htr_utils.runs.record import machine

    found = load_lines(data or paths.embedded_root(), None if data else "test")
    found = found[: limit or None]
    recognizer = Recognizer.load()
    truths = [recognizer.charset.fold(line.text) for line in found]
    lines = hard_lines.padded(recognizer.log_probs([line.path for line in found]), truths)
    text = filled(
        "decoder_bench",
        lines=len(truths),
        where=Path(data).name if data else "embedded test split",
        here=machine(),
        decoders=measure(lines, recognizer.tuned, peer, repeats),
        policies=spelling_rows(lines, recognizer.tuned),
    )
    give(text, target)


if __name__ == "__main__":
    main()
