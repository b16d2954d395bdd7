"""Many hands and all letters: the sources of lines that the published model learns from, assembled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import dataset, images
from htr_utils.lines.iam import Line
from htr_utils.synth import fonts, rendered
from htr_utils.text.charset import Charset
from workshop.training import pieces, sources, texts

# Share of each source in what is seen. By the number of its hands rather than of its lines, so that no small one is
# learnt by heart: a line of csafe is seen as often as one of copiste.
REAL = {
    "copiste": 0.16,
    "unipen": 0.17,
    "testaments": 0.08,
    "dhsd": 0.05,
    "mss19": 0.035,
    "mss20": 0.004,
    "celestine": 0.006,
    "peraire": 0.006,
    "csafe": 0.009,
}
WORDS, SIGNS = 0.11, 0.03  # unipen's words and single signs, set side by side
WRITTEN, PRINTED = 0.27, 0.07  # rendered with handwriting fonts, with print and typewriter fonts
LANGUAGES = {"en": 0.45, "fr": 0.2, "de": 0.15, "es": 0.1, "it": 0.1}


@dataclass
class Mixture:
    """Several sources in one, each with its share; `count` lines an epoch."""

    parts: dict[str, tuple[float, dataset.Source]]
    count: int
    seed: int = 0

    def __len__(self) -> int:
        return self.count

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        rng = np.random.default_rng([self.seed, 13, epoch, index])
        upto = np.cumsum([share for share, _ in self.parts.values()])
        at = int(np.searchsorted(upto, rng.random() * upto[-1]))
        source = list(self.parts.values())[at][1]
        number = int(rng.integers(len(source)))
        # A line drawn twice in an epoch is distorted anew: its "epoch" is the draw's own number.
        return source.get(int(rng.integers(2**31)), number)


@dataclass(frozen=True)
class Hands:
    """What a training sees, and by source the lines of held-out writers that watch it."""

    train: Mixture
    watched: dict[str, list[Line]]


def assemble(
    data: str | Path,
    prose: Mapping[str, Sequence[str]],
    written: Sequence[fonts.FontFile],
    printed: Sequence[fonts.FontFile],
    held_out: Collection[str],
    charset: Charset,
    preparation: images.Preparation,
    *,
    count: int = 8192,
    strength: float = 0.9,
    seed: int = 0,
) -> Hands:
    """The mixture of a folder of sources (see `sources`) and of rendered lines.

    Args:
        data: the folder; of the sources in `REAL` those that it holds are used. prose: language -> paragraphs.
        written, printed: fonts of handwriting, and of print and typescript. held_out: writers that no training sees.
        count: lines an epoch. strength: of the distortion.

    Raises:
        HtrError: none of the sources is there.
    """
    like = (preparation, strength, seed)
    parts: dict[str, tuple[float, dataset.Source]] = {}
    watched: dict[str, list[Line]] = {}
    for name, share in REAL.items():
        lines = sources.read(Path(data) / name, "lines", charset.fold)
        learnt, watched_here = sources.parted(lines, held_out)
        if watched_here:
            watched[name] = watched_here
        if learnt:
            kind = pieces.DrawnLines if name == "unipen" else dataset.FileLines
            parts[name] = (share, kind(learnt, *like))
    if not parts:
        raise HtrError(
            f"{data}: holds none of {', '.join(REAL)}; name the folder of the real lines"
        )
    said = texts.Texts(
        {name: (LANGUAGES.get(name, 0.1), rows) for name, rows in prose.items()}, charset
    )
    for name, kind_of, share, words in (
        ("unipen", "words", WORDS, None),
        ("unipen_chars", "chars", SIGNS, said.word),
    ):
        found = sources.read(Path(data) / name, kind_of, charset.fold)
        learnt, _ = sources.parted(found, held_out)
        if learnt:
            setting = pieces.SideBySide(learnt, preparation, words, strength=strength, seed=seed)
            parts[f"{name} {kind_of}"] = (share, setting)
    every = (preparation, 4096, strength, seed)
    parts["written"] = (WRITTEN, rendered.RenderedLines(written, said.line, *every))
    print_lines = rendered.RenderedLines(printed, said.line, *every, free=0.0, variety=(0.0, 0.12))
    parts["printed"] = (PRINTED, print_lines)
    return Hands(Mixture(parts, count, seed), watched)
