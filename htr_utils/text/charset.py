"""Characters and the class ids that a network counts with.

A network does not know letters, only class numbers. The charset is the list that translates: class 0 is
the CTC blank ("no new character here"), class 1 is the first character, class 2 the second, and so on. A
model and its charset belong together: with another list the same ids spell another text.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from htr_utils.errors import HtrError

BLANK = 0

# The 79 characters of the IAM line transcriptions, by code point: the space first, "z" last.
IAM79 = "".join(sorted(" !\"#&'()*+,-./:;?" + string.digits + string.ascii_letters))

# The letters beyond a-z of each language, in small; the capitals follow. ß has none that people write.
LETTERS = {
    "French": "àâæçéèêëîïôœùûüÿ",
    "German": "äöüß",
    "Spanish": "áéíñóúü",
    "Portuguese": "ãõáâàçéêíóôúü",
    "Italian": "àèéìíîòóùú",
    "Dutch": "áéèëíïóöúü",
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Nordic": "åäöæøáðéíóúýþ",
}

# Signs beyond ASCII that people write by hand: money, paragraphs and degrees, powers and fractions of recipes and
# measures, sums, French and Spanish punctuation, the middle dot of lists. Curly quotes and long dashes are not among
# them: transcriptions hardly ever tell them from plain ones, and a pen does not either.
SIGNS = "£€¢¥§°²³¼½¾×÷±µ·«»¿¡"

# Printable ASCII, the letters above with their capitals, the signs: by code point, as IAM79.
LATIN = "".join(
    sorted(
        {chr(code) for code in range(32, 127)}
        | {
            c
            for letters in LETTERS.values()
            for c in letters + letters.upper()
            if len(c.upper()) == 1
        }
        - {"ẞ"}
        | {"ß"}
        | set(SIGNS)
    )
)

# What Unicode does not decompose by itself, or decomposes into something that nobody would write.
_PLAIN = {
    **dict.fromkeys("‘’‚‛′‹›`´ʼ", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **{"æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ß": "ss", "ẞ": "SS", "þ": "th", "Þ": "Th"},
    **{
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "ı": "i",
        "⁄": "/",
    },
}


@dataclass(frozen=True)
class Charset:
    """An ordered list of characters; the character at position `i` has class id `i + 1`.

    Two charsets are equal when their characters are equal and in the same order.

    Raises:
        HtrError: no characters, or one of them twice.
    """

    characters: str = IAM79
    blank: ClassVar[int] = BLANK

    def __post_init__(self) -> None:
        if not self.characters:
            raise HtrError("a charset needs at least one character")
        twice = {character for character in self.characters if self.characters.count(character) > 1}
        if twice:
            raise HtrError(
                f"the charset holds {_quoted(twice)} more than once: list each character once"
            )

    @classmethod
    def named(cls, name: str | Path) -> Charset:
        """The charset `iam` or `latin`, or that of a UTF-8 file: all characters in it but line ends, and the space.

        Raises:
            HtrError: neither a known name nor a file that can be read.
        """
        known = {"iam": IAM79, "latin": LATIN}
        if name in known:
            return cls(known[str(name)])
        try:
            text = Path(name).read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise HtrError(
                f"charset {str(name)!r}: neither {' nor '.join(known)}, nor a UTF-8 file of characters ({error})"
            ) from error
        return cls("".join(sorted({" "} | {c for c in text if c.isprintable()})))

    @property
    def classes(self) -> int:
        """Number of classes of a network with this charset: the characters and the blank."""
        return len(self.characters) + 1

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {character: i for i, character in enumerate(self.characters, start=1)}

    def encode(self, text: str) -> NDArray[np.int32]:
        """Class ids of a text: int32, shape (len(text),), values 1 to `classes - 1`.

        Raises:
            HtrError: the text holds characters that are not in the charset; the message names them.
        """
        unknown = self.unknown(text)
        if unknown:
            raise HtrError(
                f"not in the charset: {_quoted(unknown)} in {text!r}; "
                "write them otherwise (Charset.fold does) or use a charset that holds them"
            )
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        kinds, place = np.unique(points, return_inverse=True)
        ids = np.array([self._ids[chr(point)] for point in kinds.tolist()], dtype=np.int32)
        return ids[place]

    def decode(self, ids: Iterable[int]) -> str:
        """Text of class ids; blanks (0) are skipped, repeats are kept.

        This is the inverse of `encode`, not CTC decoding: merging repeated frames is `decoding.collapse`.

        Raises:
            HtrError: an id below 0 or above the last class.
        """
        letters = []
        for i in ids:
            if not 0 <= i < self.classes:
                raise HtrError(
                    f"class id {i} is outside 0..{self.classes - 1}: model and charset differ"
                )
            if i != self.blank:
                letters.append(self.characters[int(i) - 1])
        return "".join(letters)

    def unknown(self, text: str) -> str:
        """The characters of `text` that are not in the charset, each once, sorted by code point."""
        return "".join(sorted(set(text) - self._ids.keys()))

    def fold(self, text: str) -> str:
        """Write a text with the characters of this charset only.

        Accents go ("é" becomes "e"), curly quotes and long dashes become ASCII, ligatures come apart
        ("æ" becomes "ae", "ﬁ" becomes "fi"), any white space becomes a space. What is still unknown is
        dropped. Characters of the charset stay as they are, so folding twice changes nothing more.
        """
        if not self.unknown(text):
            return text
        # Composed first, so that "e" + accent stays "é" in a charset that has "é".
        whole = unicodedata.normalize("NFC", text)
        return whole.translate({ord(c): self._fold_character(c) for c in self.unknown(whole)})

    def _fold_character(self, character: str) -> str:
        if character in self._ids:
            return character
        if character.isspace():
            return " " if " " in self._ids else ""
        # Unicode takes spacing accents such as "¨" apart into a space and an accent: leave that space out.
        parts = _PLAIN.get(character) or unicodedata.normalize("NFKD", character).replace(" ", "")
        if parts == character:
            return ""
        return "".join(map(self._fold_character, parts))

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary that `from_json` reads back."""
        return {"characters": self.characters, "blank": self.blank}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Charset:
        """The charset that `to_json` wrote.

        Raises:
            HtrError: `stored` has no string of characters, or names another class than 0 as the blank.
        """
        characters = stored.get("characters") if isinstance(stored, Mapping) else None
        if not isinstance(characters, str):
            raise HtrError('a stored charset needs "characters", a string')
        if stored.get("blank", BLANK) != BLANK:
            raise HtrError(
                f"a stored charset has blank {stored['blank']!r}: this package reads blank 0 only"
            )
        return cls(characters)


def _quoted(characters: Iterable[str]) -> str:
    return " ".join(repr(character) for character in sorted(characters))
