"""What rendered lines say when every letter and sign of a charset is to be learnt.

Prose alone would teach letters by their frequency in novels: no code, no sums, no addresses, hardly a `ł` or a `%`.
So prose of several languages is mixed with made-up items, program text, and words whose letters were exchanged for
others of the charset.
"""

from __future__ import annotations

import lzma
import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.text.charset import Charset
from htr_utils.text.corpus import Corpus, without_held_out

_PATTERNS = Path(__file__).with_name("patterns.txt")
_FRACTIONS, _ENDINGS = "½¼¾", ("com", "org", "de", "fr", "co.uk", "ca", "eu", "edu", "pl", "se")


def read_prose(path: str | Path, most: int) -> list[str]:
    """Paragraphs of a text file (plain or .xz), one a line, spread over the whole of it: at most `most` characters."""
    opened = lzma.open if Path(path).suffix == ".xz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig") as file:
            rows = [row for row in file.read().splitlines() if row.strip()]
    except (OSError, UnicodeDecodeError, lzma.LZMAError) as error:
        raise HtrError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    step = max(1, -(-sum(map(len, rows)) // most))
    return rows[::step]


def by_language(places: Sequence[str], most: int, held_out: Sequence[str]) -> dict[str, list[str]]:
    """Paragraphs by language, at most `most` characters each, of places such as `fr=novels.txt.xz` or `en=FOLDER`.

    English paragraphs that share a stretch of text with one of `held_out` are left out.

    Raises:
        HtrError: a place without `=`, or one where no text is.
    """
    found: dict[str, list[str]] = {}
    for place in places:
        language, _, path = place.partition("=")
        files = [Path(path)] if Path(path).is_file() else sorted(Path(path).glob("*.txt*"))
        if not path or not files:
            raise HtrError(
                f"{place}: no text there; write en=FILE or en=FOLDER with .txt or .txt.xz files"
            )
        for file in files:
            found.setdefault(language, []).extend(read_prose(file, most // len(files)))
    if "en" in found:
        found["en"] = without_held_out(found["en"], held_out)[0]
    return found


@dataclass
class Texts:
    """Lines in all characters of a charset.

    prose: language -> (share, paragraphs). exchanged, items, code: shares of lines with exchanged letters, of made-up
    items and of program text; prose has the rest.
    """

    prose: dict[str, tuple[float, Sequence[str]]]
    charset: Charset
    exchanged: float = 0.16
    items: float = 0.12
    code: float = 0.1
    _corpora: list[Corpus] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        shares = np.array([share for share, _ in self.prose.values()])
        self._upto = np.cumsum(shares / shares.sum())
        self._corpora = [Corpus(rows, self.charset, struck=0.01) for _, rows in self.prose.values()]
        bases: dict[str, list[str]] = {}
        for character in self.charset.characters:
            base = Charset().fold(character)[:1]
            if not character.isascii() and base.isalpha():
                bases.setdefault(base, []).append(character)
        self._variants = bases
        patterns = _PATTERNS.read_text(encoding="utf-8")
        items, code = patterns.partition("[items]\n")[2].split("[code]\n")
        self._items, self._code = items.splitlines(), code.splitlines()
        self._signs = [c for c in self.charset.characters if not c.isalnum() and c != " "]

    def line(self, rng: np.random.Generator) -> str:
        """One line, 1 to about 90 characters."""
        kind = rng.random() - np.cumsum([self.exchanged, self.items, self.code])
        corpus = self._corpora[int(np.searchsorted(self._upto, rng.random()))]
        if kind[0] < 0:
            text = self._exchange(corpus.line(rng), rng)
        elif kind[1] < 0:
            text = self._filled(self._items, corpus, rng, int(rng.integers(1, 6)))
        elif kind[2] < 0:
            text = self._filled(self._code, corpus, rng, 1)
        else:
            text = corpus.line(rng)
        return " ".join(self.charset.fold(text).split())[:90].strip() or "a"

    def word(self, rng: np.random.Generator) -> str:
        """One word of the prose, its punctuation left out, or a number."""
        if rng.random() < 0.25:
            return str(int(10 ** rng.uniform(0, 5)))
        words = self._corpora[int(np.searchsorted(self._upto, rng.random()))].line(rng).split(" ")
        word = words[int(rng.integers(len(words)))].strip(string.punctuation)
        return word.upper() if rng.random() < 0.1 else word

    def _exchange(self, text: str, rng: np.random.Generator) -> str:
        """Letters exchanged for those with accents, here and there a sign between the words."""
        share = rng.uniform(0.1, 0.6)
        made = [
            variants[int(rng.integers(len(variants)))]
            if (variants := self._variants.get(c)) and rng.random() < share
            else c
            for c in text
        ]
        words = "".join(made).split(" ")
        for at in range(len(words)):
            if rng.random() < 0.12:
                sign = self._signs[int(rng.integers(len(self._signs)))]
                words[at] = sign + words[at] if rng.random() < 0.5 else words[at] + sign
        return " ".join(words)

    def _filled(
        self, patterns: Sequence[str], corpus: Corpus, rng: np.random.Generator, count: int
    ) -> str:
        """Patterns with numbers in their places (n, m; their sum s, difference d, product p; two digits k; a year y),
        words (w, v), names of a program (a, b, c), ends of addresses (t) and fractions (f)."""
        made = list[str]()
        for _ in range(count):
            n, m = (int(10 ** rng.uniform(0, 3)) for _ in range(2))
            words = [
                "".join(c for c in word if c.isalpha()).lower() or "x"
                for word in [*corpus.line(rng).split(" "), "value", "next"][:6]
            ]
            short = [
                string.ascii_lowercase[int(rng.integers(26))]
                if rng.random() < 0.4
                else self._name(words, rng)
                for _ in range(3)
            ]
            numbers = {"n": n, "m": m, "s": n + m, "d": n - m, "p": n * m}
            made.append(
                patterns[int(rng.integers(len(patterns)))].format(
                    **numbers,
                    **dict(zip("abc", short, strict=True)),
                    w=words[0],
                    v=words[-3],
                    k=f"{rng.integers(0, 100):02d}",
                    y=int(rng.integers(1850, 2040)),
                    t=_ENDINGS[int(rng.integers(len(_ENDINGS)))],
                    f=_FRACTIONS[int(rng.integers(len(_FRACTIONS)))],
                )
            )
        return "  ".join(made)

    @staticmethod
    def _name(words: Sequence[str], rng: np.random.Generator) -> str:
        one, two = (words[int(rng.integers(len(words)))][:9] for _ in range(2))
        forms = (one, f"{one}_{two}", one + two.capitalize(), one.capitalize(), one.upper())
        return forms[int(rng.integers(len(forms)))]
