"""What rendered lines say: pieces of running text, and what running text lacks.

A network that saw only novels would read a dictionary. So a share of the lines holds dates, prices,
addresses, names, initials and plain nonsense.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.text.charset import IAM79, Charset

LONGEST = 93  # characters in IAM's longest line
_MONTHS = (
    "January February March April May June July August September October November December".split()
)
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_UNITS = "km kg g ml cm mm m miles pages p.m. a.m. years days hours o'clock per cent pounds".split()
_STARTS = "B C Ch D F G H J K L M N P Qu R S St T Th V W X Y Z Br Cr Kl Sch".split()
_MIDDLES = "a e i o u ai ea oo y".split()
_ENDS = "n r l ck tt m nd ll s x z ner son ley ton field berg man wick ford q j v".split()
_WINDOW = 25  # letters and digits in a row that no two texts share by chance
_RARE = "!\"&'()*+,-./:;?"


class Corpus:
    """Text to draw lines from.

    Args:
        paragraphs: running text; folded to the charset.
        charset: the characters a line may hold.
        running: share of lines that are pieces of running text; the others are made up.
        struck: share of lines in which one word is struck out (`#`).
    """

    def __init__(
        self,
        paragraphs: Iterable[str],
        charset: Charset | None = None,
        running: float = 0.72,
        struck: float = 0.015,
    ) -> None:
        self.charset = charset or Charset(IAM79)
        self.paragraphs = [
            words for p in paragraphs if len(words := self.charset.fold(p).split()) > 3
        ]
        if not self.paragraphs:
            raise HtrError(
                "the corpus holds no paragraph of four words or more; name text files with --text"
            )
        self.running, self.struck = running, struck
        sizes = np.array([len(words) for words in self.paragraphs], float)
        self._shares = np.cumsum(sizes / sizes.sum())  # a word is as likely as any other

    def line(self, rng: np.random.Generator) -> str:
        """One line of text: 1 to about 90 characters, as long as IAM's lines are, or shorter."""
        length = (
            int(np.clip(rng.normal(42, 13), 2, 88))
            if rng.random() < 0.85
            else int(rng.integers(1, 30))
        )
        if rng.random() < self.running:
            words = self._piece(rng, length)
        else:
            words = self._made_up(rng, length)
        if len(words) > 2 and rng.random() < self.struck:
            words[int(rng.integers(len(words)))] = "#"
        line = " ".join(words)
        if self.charset.unknown(line):  # made-up words know nothing of a smaller charset
            line = self.charset.fold(line)
        return " ".join(line.split()) or self.charset.characters.strip()[:1]

    def _paragraph(self, rng: np.random.Generator) -> list[str]:
        return self.paragraphs[
            min(int(np.searchsorted(self._shares, rng.random())), len(self.paragraphs) - 1)
        ]

    def _piece(self, rng: np.random.Generator, length: int) -> list[str]:
        source = self._paragraph(rng)
        start = int(rng.integers(len(source)))
        words, used = [source[start][:30]], len(source[start])
        for word in source[start + 1 :]:
            if used + 1 + len(word) > length:
                break
            words.append(word)
            used += 1 + len(word)
        return words

    def _made_up(self, rng: np.random.Generator, length: int) -> list[str]:
        words: list[str] = []
        used = 0
        kind = rng.random()
        while used < length and len(words) < 14:
            if kind < 0.3:  # words of the corpus in no order, some in capitals
                source = self._paragraph(rng)
                word = source[int(rng.integers(len(source)))][:24]
                word = (
                    word.upper()
                    if rng.random() < 0.08
                    else word.capitalize()
                    if rng.random() < 0.15
                    else word
                )
            elif kind < 0.75:
                word = self._item(rng)
            else:
                word = self._nonsense(rng)
            if words and used + len(word) > LONGEST:
                break
            words.append(word)
            used += len(word) + 1
        return words

    def _item(self, rng: np.random.Generator) -> str:
        def pick(options: Sequence[str]) -> str:
            return options[int(rng.integers(len(options)))]

        number = str(int(10 ** rng.uniform(0, 4.5)))
        name = pick(_STARTS) + pick(_MIDDLES) + pick(_ENDS)
        surname = (
            pick(_STARTS)
            + pick(_MIDDLES)
            + pick(_ENDS)
            + (pick(_MIDDLES) + pick(_ENDS)) * int(rng.random() < 0.3)
        )
        options = (
            lambda: f"{rng.integers(1, 32)} {pick(_MONTHS)} {rng.integers(1800, 2040)}",
            lambda: f"{pick(_DAYS)}, {rng.integers(1, 32)}/{rng.integers(1, 13)}",
            lambda: f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}",
            lambda: f"{number} {pick(_UNITS)}",
            lambda: f"{rng.integers(1, 100)}.{rng.integers(0, 100):02d}",
            lambda: f"{name} {surname}",
            lambda: f"{name} & {surname}",
            lambda: f"{name[0]}. {surname[0]}. {surname},",
            lambda: f"({name}; {number})",
            lambda: f'"{name}!"',
            lambda: (
                f"{rng.integers(1, 300)} {surname} {pick(['Street', 'Road', 'Lane', 'Avenue', 'Square'])}"
            ),
            lambda: f"{rng.integers(1, 99)} + {rng.integers(1, 99)}",
            lambda: f"*{name}* {rng.integers(1, 10)}/{rng.integers(1, 10)}",
            lambda: f"{name}'s {surname.lower()}?",
            lambda: number,
        )
        return options[int(rng.integers(len(options)))]()

    def _nonsense(self, rng: np.random.Generator) -> str:
        letters = [c for c in self.charset.characters if c.isalnum()] or list(
            self.charset.characters
        )
        size = int(rng.integers(1, 9))
        word = "".join(letters[int(i)] for i in rng.integers(0, len(letters), size))
        if rng.random() < 0.55:
            word = word.lower() if rng.random() < 0.8 else word.upper()
        if rng.random() < 0.3:
            sign = _RARE[int(rng.integers(len(_RARE)))]
            word = sign + word if sign in "\"('*&" else word + sign
        return "".join(c for c in word if c in self.charset.characters)


def without_held_out(
    paragraphs: Sequence[str], held_out: Sequence[str]
) -> tuple[list[str], list[str]]:
    """The paragraphs that share no longer stretch of text with a held-out one, and those that do.

    Only letters and digits count, and a stretch may go over the end of a paragraph: other line breaks, case or
    punctuation hide nothing.
    """
    bare, whole = [_letters(text) for text in paragraphs], {_letters(text) for text in held_out}
    held = np.unique(np.concatenate([_windows(text) for text in whole] or [np.zeros(0, np.uint64)]))
    ends = np.cumsum([len(text) for text in bare])
    bad = {number for number, text in enumerate(bare) if text in whole}
    for at in np.flatnonzero(np.isin(_windows("".join(bare)), held)):
        first, last = np.searchsorted(ends, [at, at + _WINDOW - 1], side="right")
        bad.update(range(int(first), int(last) + 1))
    return (
        [text for number, text in enumerate(paragraphs) if number not in bad],
        [text for number, text in enumerate(paragraphs) if number in bad],
    )


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).lower()


def _windows(text: str) -> np.ndarray:
    """A number for each stretch of `_WINDOW` characters: the same for the same, uint64, wrapping."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    )
    size = max(0, points.size - _WINDOW + 1)
    number = np.zeros(size, dtype=np.uint64)
    for k in range(_WINDOW):
        number *= np.uint64(0x9E3779B97F4A7C15)
        number += points[k : k + size]
    return number


def read_paragraphs(paths: Iterable[str | Path]) -> list[str]:
    """The paragraphs of text files: one a line; of a .tsv file the last column of the rows that do not begin with `#`.

    Raises:
        HtrError: a file that is not there or not UTF-8; a folder without text files.
    """
    found: list[str] = []
    for file in text_files(paths):
        try:
            content = file.read_bytes()
            if file.suffix.lower() == ".xz":
                content = lzma.decompress(content)
            rows = content.decode("utf-8-sig").splitlines()
        except FileNotFoundError as error:
            raise HtrError(f"{file}: no such text file; check the name given to --text") from error
        except (OSError, UnicodeDecodeError, lzma.LZMAError) as error:
            raise HtrError(
                f"{file}: cannot be read as UTF-8 text ({error}); save it as UTF-8"
            ) from error
        if file.suffix.lower() == ".tsv":
            rows = [row.split("\t")[-1] for row in rows if not row.startswith("#")]
        found += [row for row in rows if row.strip()]
    return found


def text_files(paths: Iterable[str | Path]) -> list[Path]:
    """The files given, and of folders every .txt and .tsv in them; HtrError where a folder has none."""
    found: list[Path] = []
    for path in map(Path, paths):
        inside = (
            [p for p in path.glob("*") if p.name.lower().endswith((".txt", ".tsv", ".txt.xz"))]
            if path.is_dir()
            else [path]
        )
        if not inside:
            raise HtrError(
                f"{path}: no .txt, .txt.xz or .tsv file in it; name a folder that has some, or a file"
            )
        found += sorted(inside)
    return found
