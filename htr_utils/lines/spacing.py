"""The two spacing conventions of IAM: raw tokens ("house , he") and natural text ("house, he").

IAM stores a line as tokens, and a punctuation mark is a token of its own. Joined by single spaces they
are the *raw* convention; what the pen wrote is the *natural* one. A rule leads from raw to natural:

- `, . ; : ? ! )` and the endings `'s 'd 'll 'm 've 't 're` join the word on their left,
- `(` joins the word on its right,
- `"` and `'` open and close in turn: an opening one joins its right, a closing one its left.

A quotation may open on one line and close three lines later, so both directions take all the lines of a
form, in order, and carry along which quotes are open.

Raw tokens made here follow IAM: full stops stay with abbreviations and initials (`Mr.`, `p.m.`, `J.`),
marks inside a word stay there (`4.30`, `3/4`, `AT&T`, `o'clock`, `...`), `n't` stays with its word and the
other endings come off (`Anna 's`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

Spacing = Literal["raw", "natural"]

JOINS_LEFT = frozenset([*",.;:?!)", "'s", "'d", "'ll", "'m", "'ve", "'t", "'re"])
JOINS_RIGHT = frozenset("(")
QUOTES = frozenset("\"'")
_MARKS = JOINS_LEFT | JOINS_RIGHT | QUOTES

# A chunk of natural text: marks that open, the word, an ending, marks that close.
_CHUNK = re.compile(r"""([("']*)(.*?)('(?:s|d|ll|m|ve|re))?([,.;:?!)"']*)""", re.DOTALL)
_ABBREVIATION = re.compile(
    r"(?:[A-Za-z]{1,2}(?:\.[A-Za-z])+"  # p.m. e.g. Ph.D.
    r"|[A-HJ-Z]"  # initials; not I, which ends many a sentence
    r"|Mr|Mrs|Ms|Dr|Prof|Rev|St|Capt|Col|Gen|Lt|Sgt|Hon|Jr|Sr|etc)\."
)


def natural_lines(lines: Sequence[str]) -> list[str]:
    """Natural text of the lines of one form, in order, given in raw tokens.

    Natural text comes out as it went in, so the function may be applied twice.
    """
    open_quotes: set[str] = set()
    return [_join(line.split(), open_quotes) for line in lines]


def raw_lines(lines: Sequence[str]) -> list[str]:
    """Raw tokens, separated by single spaces, of the lines of one form, in order, given in natural text.

    `natural_lines(raw_lines(x)) == x` whenever words are separated by single spaces and no mark stands
    alone. To hold that promise, a word whose marks the rule could not join again stays one token: in
    `the boys' hats` the apostrophe is no opening quote, so the tokens are `the`, `boys'`, `hats`.
    """
    open_quotes: set[str] = set()
    return [" ".join(_tokens(line.split(), open_quotes)) for line in lines]


def convert(lines: Sequence[str], to: Spacing) -> list[str]:
    """The lines of one form, in order, in the convention `to`, whichever of the two they are in."""
    if to not in ("raw", "natural"):
        raise ValueError(f"spacing is 'raw' or 'natural', not {to!r}")
    return raw_lines(lines) if to == "raw" else natural_lines(lines)


def _join(tokens: Iterable[str], open_quotes: set[str]) -> str:
    """One line of natural text. `open_quotes` comes from the line before and is changed in place."""
    text, joined = "", True  # joined: no space before the next token
    for token in tokens:
        closes = token in open_quotes
        opens = token in QUOTES and not closes
        if not (joined or closes or token in JOINS_LEFT):
            text += " "
        text += token
        joined = opens or token in JOINS_RIGHT
        if opens:
            open_quotes.add(token)
        elif closes:
            open_quotes.remove(token)
    return text


def _tokens(chunks: Sequence[str], open_quotes: set[str]) -> list[str]:
    """Raw tokens of one line, given as the pieces between its spaces; `open_quotes` as in `_join`."""
    tokens: list[str] = []
    for place, chunk in enumerate(chunks):
        pieces = _pieces(chunk)
        # Would the rule put the pieces together again here? Ask it, with a plain word on each side.
        before = ["x"] if place else []
        after = ["x"] if place + 1 < len(chunks) else []
        if _join([*before, *pieces, *after], set(open_quotes)) != " ".join(
            [*before, chunk, *after]
        ):
            pieces = [chunk]
        _join(pieces, open_quotes)  # for the quotes it opens and closes
        tokens += pieces
    return tokens


def _pieces(chunk: str) -> list[str]:
    """A word taken apart from the marks around it: `"Anna's,"` becomes `"`, `Anna`, `'s`, `,`, `"`."""
    match = _CHUNK.fullmatch(chunk)
    if match is None or chunk in _MARKS or len(chunk) > 100:  # no word is that long: leave it alone
        return [chunk]
    opening, word, ending, closing = match.groups(default="")
    kept = 0  # how many closing marks belong to the word
    if closing.startswith(".."):
        kept = len(closing) - len(closing.lstrip("."))
    elif closing.startswith(".") and not ending and _ABBREVIATION.fullmatch(word + "."):
        kept = 1
    elif ")" in closing and word.count("(") > word.count(")"):  # word(s)
        kept = closing.index(")") + 1
    if kept:
        word, ending, closing = word + ending + closing[:kept], "", closing[kept:]
    # The word may hold a second ending, as in I'd've.
    words = _pieces(word) if word != chunk else [word]
    return [*opening, *filter(None, [*words, ending]), *closing]
