"""How likely is this text? A character n-gram model, small enough to ship and fast enough for a beam.

The model answers one question: after these characters, how likely is each next one? It counts what
followed every context of up to `order - 1` characters and mixes the answers, the longest context first:

    P(c | h) = p(c | h) + rest(h) * P(c | h without its first character)

`p` is the count with a little taken off (modified Kneser-Ney, Chen and Goodman 1999, section 3); `rest` is
what was taken off, so each P adds up to 1. Shorter contexts count in how many different places a character
was seen, not how often. Below the single characters lies the uniform distribution.

A text is seen as it stands in a line: it begins after a space, perhaps in the middle of a sentence, and
its end counts as one more space.
"""

from __future__ import annotations

import io
import json
import lzma
import math
import threading
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.files import write_bytes
from htr_utils.text.charset import Charset

FORMAT = 1
_LARGEST = 2**28  # bytes of one part, unpacked
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError)
_MOST_ROWS = 100_000  # contexts whose answers are kept at hand: 640 bytes each with 80 classes

# A probability is stored in one byte: its logit on an even grid, fine where p is near 0 and near 1.
_GRID = 1 / (1 + np.exp(-np.linspace(-13.0, 8.0, 256)))


class LanguageModel:
    """A character n-gram model over class ids 1 to `classes - 1` of a charset; states are whole numbers.

    The n-grams are a tree in arrays. Node 0 is the empty context, its children the single characters, and
    so on; the children of a node lie together, sorted by character.

    Args:
        characters: the charset's characters, in its order.
        order: longest n-gram.
        char: uint8 (nodes,): class id of a node's last character. Node 0 has 0.
        children: uint8 (nodes,): how many children a node has.
        share: uint8 (nodes,): the node's discounted probability after its parent, as a place in the grid.
        words: the words of the training text with their counts.
        about: what the model was trained on; kept with it.
    """

    def __init__(
        self,
        characters: str,
        order: int,
        char: NDArray[np.uint8],
        children: NDArray[np.uint8],
        share: NDArray[np.uint8],
        words: Mapping[str, int] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.characters, self.order = characters, order
        self.words, self.about = dict(words or {}), dict(about or {})
        self.classes = len(characters) + 1
        self._space = characters.find(" ") + 1
        if not self._space or not (char.shape == children.shape == share.shape):
            raise HtrError("a language model needs a charset with a space and arrays of one size")
        if (
            int(children.sum(dtype=np.int64)) != char.size - 1
            or char.max(initial=0) >= self.classes
        ):
            raise HtrError("the language model's tree does not hold together; train it again")
        self._char, self._children, self._share = char, children, share
        self._first = 1 + np.concatenate([[0], np.cumsum(children[:-1], dtype=np.int64)])
        if (self._first[children > 0] <= np.flatnonzero(children)).any():
            raise HtrError("the language model's tree does not hold together; train it again")
        # Answers of the contexts asked for so far: a row of P and a row of next states each.
        self._lock = threading.Lock()
        self._suffix = np.zeros(char.size, dtype=np.int32)
        self._forget()
        self._start = int(self.advance(np.zeros(1, np.int32), np.array([self._space]))[0])

    def start(self, count: int) -> NDArray[np.int32]:
        """The states of `count` lines before their first character."""
        return np.full(count, self._start, dtype=np.int32)

    def log_probs(self, states: ArrayLike, ids: ArrayLike | None = None) -> NDArray[np.float32]:
        """log P of every next class, (n, classes), natural logarithm; or of `ids`, which go with the states.

        Class 0, the blank, writes nothing: 0.
        """
        with self._lock:
            rows = self._rows(states)  # may replace the arrays, so it comes first
            p = self._p[rows] if ids is None else self._p[rows, np.asarray(ids)]
        return np.log(p)

    def advance(self, states: ArrayLike, ids: ArrayLike) -> NDArray[np.int32]:
        """The states after one more character each; id 0 (the blank) leaves a state as it is. Both (n,)."""
        now, written = np.asarray(states, dtype=np.int32), np.asarray(ids)
        with self._lock:
            rows = self._rows(now)
            after = self._next[rows, written]
        return np.where(written > 0, after, now)

    def end(self, states: ArrayLike) -> NDArray[np.float32]:
        """log P that the line ends here, (n,): that of a space, or 0 where a space was written last."""
        now = np.asarray(states, dtype=np.int32)
        return np.where(
            self._char[now] == self._space, np.float32(0), self.log_probs(now, self._space)
        )

    def score(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """log P of each text with its end, (n,), in nats.

        Raises:
            HtrError: a character that the charset lacks.
        """
        charset = Charset(self.characters)
        rows = [charset.encode(text) for text in texts]
        total, states = np.zeros(len(rows)), self.start(len(rows))
        for at in range(max(map(len, rows), default=0)):
            ids = np.array([row[at] if at < len(row) else 0 for row in rows])
            total += self.log_probs(states, ids)
            states = self.advance(states, ids)
        return total + self.end(states)

    def bits(self, texts: Sequence[str]) -> float:
        """Bits per character of texts, each text's end counted as a character. 2 ** bits is the perplexity."""
        if not texts:
            raise HtrError("no text to score")
        return float(-self.score(texts).sum() / math.log(2) / sum(len(text) + 1 for text in texts))

    def holds(self, text: str, size: int = 6) -> NDArray[np.bool_]:
        """For each n-gram of `size` characters in a text, whether the model has stored it."""
        ids = Charset(self.characters).encode(text)
        return np.array(
            [self._holds(ids[i : i + size]) for i in range(len(ids) - size + 1)], dtype=bool
        )

    def _holds(self, ids: NDArray[np.int32]) -> bool:
        node = 0
        for i in ids:
            first, count = self._first[node], self._children[node]
            place = int(np.searchsorted(self._char[first : first + count], i))
            if place == count or self._char[first + place] != i:
                return False
            node = int(first + place)
        return True

    def _forget(self) -> None:
        self._row = np.full(self._char.size, -1, dtype=np.int32)
        self._p = np.empty((1024, self.classes), dtype=np.float32)
        self._next = np.empty((1024, self.classes), dtype=np.int32)
        self._used = 0

    def _rows(self, states: ArrayLike) -> NDArray[np.int32]:
        """Where the answers of these states lie; those that are missing are worked out first."""
        wanted = np.asarray(states, dtype=np.int32)
        rows = self._row[wanted]
        if rows.size and rows.min() < 0:
            if self._used > _MOST_ROWS:
                self._forget()
                rows = self._row[wanted]
            self._fill(np.unique(wanted[rows < 0]))
            rows = self._row[wanted]
        return rows

    def _fill(self, states: NDArray[np.int32]) -> None:
        """Work out the rows of new states (n,), each once, from those without their first character."""
        shorter = self._suffix[states]
        missing = shorter[(self._row[shorter] < 0) & (states > 0)]
        if missing.size:
            self._fill(np.unique(missing))
            states = states[self._row[states] < 0]  # node 0 may have come along
            shorter = self._suffix[states]
        if states.size and states[0] == 0:  # below the single characters: every character alike
            p = np.full((1, self.classes), 1 / (self.classes - 1), np.float32)
            self._fill_from(states[:1], p, np.zeros((1, self.classes), np.int32))
            states, shorter = states[1:], shorter[1:]
        if states.size:
            rows = self._row[shorter]
            self._fill_from(states, self._p[rows], self._next[rows])

    def _fill_from(
        self, states: NDArray[np.int32], p: NDArray[np.float32], after: NDArray[np.int32]
    ) -> None:
        """Add what the states know beyond the rows (n, classes) of the shorter contexts."""
        count = self._children[states].astype(np.int64)
        of = np.repeat(np.arange(states.size), count)
        child = np.repeat(self._first[states] - np.cumsum(count) + count, count) + np.arange(
            of.size
        )
        ids, share = self._char[child], _GRID[self._share[child]]
        rest = 1 - np.bincount(of, share, minlength=states.size)  # kept above 0 by training
        p *= np.maximum(rest, 1e-6)[:, None].astype(np.float32)
        p[of, ids] += share
        p[:, 0] = 1
        # A child that is the context of something is the next state; what follows it without its first
        # character is where the shorter context goes.
        context = self._children[child] > 0
        of, ids, child = of[context], ids[context], child[context]
        self._suffix[child] = after[of, ids]
        after[of, ids] = child

        while self._used + states.size > len(self._p):
            self._p = np.concatenate([self._p, np.empty_like(self._p)])
            self._next = np.concatenate([self._next, np.empty_like(self._next)])
        place = np.arange(self._used, self._used + states.size)
        self._p[place], self._next[place], self._row[states] = p, after, place
        self._used += states.size

    def save(self, path: str | Path) -> None:
        """Write the model as one file: arrays and JSON in a zip archive, nothing that could run."""
        about = {
            "format": FORMAT,
            "characters": self.characters,
            "order": self.order,
            "about": self.about,
        }
        words = "\n".join(f"{word}\t{count}" for word, count in sorted(self.words.items()))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
            for name, data in {
                "about.json": json.dumps(about, indent=1, sort_keys=True).encode(),
                "words.tsv": words.encode(),
                "char": self._char.tobytes(),
                "children": self._children.tobytes(),
                "share": self._share.tobytes(),
            }.items():
                archive.writestr(
                    zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_LZMA
                )
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path, charset: Charset | None = None) -> LanguageModel:
        """Read a model, by its path or its name ("english"); `charset` is the recogniser's, which must be the same.

        Raises:
            HtrError: no such file, a damaged one, one of a later version, or one for another charset.
        """
        try:
            with zipfile.ZipFile(find(path)) as archive:
                if max(entry.file_size for entry in archive.infolist()) > _LARGEST:
                    raise HtrError("unpacks into more than a language model can be")
                about = json.loads(archive.read("about.json"))
                words = dict(
                    row.split("\t") for row in archive.read("words.tsv").decode().split("\n") if row
                )
                char, children, share = (
                    np.frombuffer(archive.read(name), np.uint8)
                    for name in ("char", "children", "share")
                )
            if about["format"] != FORMAT:
                raise HtrError(
                    f"{path}: format {about['format']}, this version reads {FORMAT}; train it again"
                )
            counts = {word: int(count) for word, count in words.items()}
            size = int(about["order"])
            model = cls(
                str(about["characters"]), size, char, children, share, counts, about["about"]
            )
        except FileNotFoundError as error:
            raise HtrError(
                f"{path}: no such language model; train one with `htr lm train`"
            ) from error
        except HtrError as error:
            raise HtrError(f"{path}: {error}") from error
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            EOFError,
            RuntimeError,
            *_DAMAGE,
        ) as error:
            raise HtrError(
                f"{path}: damaged, or no language model ({error}); train it again"
            ) from error
        if charset is not None and charset.characters != model.characters:
            raise HtrError(
                f"{path}: made for other characters than the model's; train one for its charset"
            )
        return model


def find(name: str | Path) -> Path:
    """The file of a model: a path, or the name of one that ships with the course."""
    root = paths.repo_root()
    folders = [Path(paths.__file__).parent / "_model", *([root / "model"] if root else [])]
    shipped = [folder / f"{name}.lm" for folder in folders] if Path(name).suffix != ".lm" else []
    return next((file for file in shipped if file.is_file()), Path(name))


def train(
    paragraphs: Iterable[str],
    characters: str,
    order: int = 7,
    least: Sequence[int] = (),
    about: Mapping[str, Any] | None = None,
) -> LanguageModel:
    """Count a text and make a model of it.

    Args:
        paragraphs: running text; folded to the characters, one space between words.
        order: longest n-gram, 2 to 9 with 79 characters.
        least: how often an n-gram of length 1, 2, ... must occur to be kept; 1 where the list ends. It must
            not fall with the length, or a kept n-gram would lose its ending.

    Raises:
        HtrError: an order that cannot be counted, no text.
    """
    import re
    from collections import Counter

    charset = Charset(characters)
    if (
        order < 2
        or charset.classes**order >= 2**63
        or charset.classes > 256
        or " " not in characters
    ):
        raise HtrError(
            f"a language model of order {order} over {len(characters)} characters cannot be made"
        )
    if any(a > b for a, b in zip(least, list(least)[1:], strict=False)):
        raise HtrError(f"least counts {list(least)} fall with the length; let them rise")
    texts = [" ".join(charset.fold(text).split()) for text in paragraphs]
    joined = " " + "".join(text + " " for text in texts if text)
    if len(joined) < order + 2:
        raise HtrError("no text to train a language model on; name files with --text")
    levels = _count(charset.encode(joined).astype(np.int64), charset.classes, order)
    needed = [*least, *[least[-1] if least else 1] * order]
    levels = [(keys[c >= n], c[c >= n]) for (keys, c), n in zip(levels, needed, strict=False)]

    base = charset.classes
    char, children, share = [np.zeros(1, np.uint8)], [], []
    above = np.zeros(1, dtype=np.int64)  # the keys of the level before
    for k, (keys, counts) in enumerate(levels):
        if k + 1 < order:  # in how many places was it seen, not how often (Kneser and Ney 1995)
            endings, places = np.unique(levels[k + 1][0] % base ** (k + 1), return_counts=True)
            at = np.minimum(np.searchsorted(endings, keys), endings.size - 1)
            counts = np.where(endings[at] == keys, places[at], 1)
        parent = np.searchsorted(above, keys // base)
        char.append((keys % base).astype(np.uint8))
        children.append(np.bincount(parent, minlength=above.size).astype(np.uint8))
        share.append(_quantised(_discounted(counts, parent, above.size), parent, above.size))
        above = keys
    children.append(np.zeros(above.size, np.uint8))
    words = Counter(re.findall(r"(?<![^\W_])[^\W\d_]+(?:'[^\W\d_]+)?(?![^\W_])", joined))
    return LanguageModel(
        characters,
        order,
        np.concatenate(char),
        np.concatenate(children),
        np.concatenate([np.zeros(1, np.uint8), *share]),
        words,
        about,
    )


def _count(
    ids: NDArray[np.int64], base: int, order: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For each length the n-grams, as sorted numbers in base `base`, and how often each occurs."""
    found, keys = [], np.zeros(ids.size + 1, dtype=np.int64)
    for k in range(order):
        keys = keys[:-1] * base + ids[k:]
        unique, counts = np.unique(keys, return_counts=True)
        found.append((unique, counts))
    return found


def _discounted(
    counts: NDArray[np.int64], parent: NDArray[np.int64], parents: int
) -> NDArray[np.float64]:
    """Probability of each n-gram after its parent, less the discount for counts of 1, 2 and 3 or more."""
    n = [max(1, int((counts == times).sum())) for times in (1, 2, 3, 4)]
    y = n[0] / (n[0] + 2 * n[1])
    discount = np.clip(
        [0, *(i - (i + 1) * y * n[i] / n[i - 1] for i in (1, 2, 3))], 0.1, (1, 0.9, 1.8, 2.7)
    )
    total = np.bincount(parent, counts, minlength=parents)
    return np.maximum(counts - discount[np.minimum(counts, 3)], 0.02) / total[parent]


def _quantised(
    p: NDArray[np.float64], parent: NDArray[np.int64], parents: int
) -> NDArray[np.uint8]:
    """The nearest place in the grid, or the one below where a parent's children would use up all of 1."""
    above = np.clip(np.searchsorted(_GRID, p), 1, 255)
    below = above - 1
    nearest = np.where(_GRID[above] - p < p - _GRID[below], above, below)
    full = np.bincount(parent, _GRID[nearest], minlength=parents) > 0.9999
    return np.where(full[parent], below, nearest).astype(np.uint8)
