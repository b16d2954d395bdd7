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
import re
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from htr_utils import paths
from htr_utils.errors import HtrError
from htr_utils.files import write_bytes
from htr_utils.text.charset import Charset
from htr_utils.text.rows import Table, child_of

FORMAT = 1
_LARGEST = 2**28  # bytes of one part, unpacked
# What reading a damaged file may raise.
_FAULTS = OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError
_DAMAGE = *_FAULTS, zipfile.BadZipFile, zlib.error, lzma.LZMAError
_SHORT = (
    3  # contexts up to this length answer from rows: about 30,000, 640 bytes each with 80 classes
)

_WORDS = re.compile(r"(?:[^\t\n]++\t[0-9]++(?:\n|\Z))*+")

# A probability is stored in one byte: its logit on an even grid, fine where p is near 0 and near 1.
GRID = 1 / (1 + np.exp(-np.linspace(-13.0, 8.0, 256)))
_P = GRID.astype(np.float32)


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
        words: the words of the training text with their counts, or a row "word, tab, count" for each.
        about: what the model was trained on; kept with it. profile: see `languages.profile`.
    """

    def __init__(
        self,
        characters: str,
        order: int,
        char: NDArray[np.uint8],
        children: NDArray[np.uint8],
        share: NDArray[np.uint8],
        words: Mapping[str, int] | str | None = None,
        about: Mapping[str, Any] | None = None,
        profile: bytes = b"",
    ) -> None:
        self.characters, self.order, self.profile = characters, order, profile
        self._words, self.about = (
            words if isinstance(words, str) else dict(words or {}),
            dict(about or {}),
        )
        self.classes = len(characters) + 1
        self._space = characters.find(" ") + 1
        if not self._space or not (char.shape == children.shape == share.shape):
            raise HtrError("a language model needs a charset with a space and arrays of one size")
        if (
            int(children.sum(dtype=np.int64)) != char.size - 1
            or char.max(initial=0) >= self.classes
            or not children[0]
        ):
            raise HtrError("the language model's tree does not hold together; train it again")
        self._char, self._share = char, share
        self._lock = threading.RLock()
        self._index(children)
        self._start = int(self.advance(np.zeros(1, np.int32), np.array([self._space]))[0])

    def _index(self, children: NDArray[np.uint8]) -> None:
        """What finds n-grams fast. A state is a context that something follows, by its place among them.

        Its children lie together, in the order of their characters; the bits of some whole numbers say which
        characters it has, so a child's place is that of the first one and the number of bits below its own.
        """
        node = np.flatnonzero(children)
        self._count, self._ends = children[node], self._char[node] == self._space
        self._first = np.cumsum(self._count, dtype=np.int32)
        self._first -= self._count
        self._first += 1
        if (self._first <= node).any():
            raise HtrError("the language model's tree does not hold together; train it again")
        self._none = node.size  # `none` stands for no context: it has no children
        self._context = np.full(int(node[-1]) + 1, -1, dtype=np.int32)  # by node
        self._context[node] = np.arange(node.size, dtype=np.int32)
        # One row a context, so that it is fetched at once: the bits, and the first child beside what is left over.
        self._of_word = self.classes // 64 + 1
        rest = np.zeros((1, self._of_word + 1), dtype=np.uint64)
        rest[:, -1:].view(np.float32)[0, 1] = 1
        self._rows = Table(node.size + 1, rest)
        self._rows.add(np.array([self._none]), rest)
        self._suffix = np.zeros(node.size + 1, dtype=np.int32)  # of contexts that were met so far
        end = 1
        for _ in range(_SHORT):
            end = 1 + int(children[:end].sum(dtype=np.int64))
        # Short contexts are few: each has a row of P and one of next states.
        self._long = int(np.searchsorted(node, end))
        shape = 1, self.classes
        self._short = Table(self._long, np.zeros(shape, np.float32), np.zeros(shape, np.int32))

    @property
    def words(self) -> dict[str, int]:
        """The words of the training text with their counts; read anew each time, to keep memory small."""
        if not isinstance(self._words, str):
            return self._words
        cells = self._words.replace("\n", "\t").split("\t")
        return dict(zip(cells[::2], map(int, cells[1::2]), strict=len(cells) > 1))

    def start(self, count: int) -> NDArray[np.int32]:
        """The states of `count` lines before their first character."""
        return np.full(count, self._start, dtype=np.int32)

    def log_probs(self, states: ArrayLike, ids: ArrayLike | None = None) -> NDArray[np.float32]:
        """log P of every next class, (n, classes), natural logarithm; or of `ids`, which go with the states.

        Class 0, the blank, writes nothing: 0.
        """
        now = np.asarray(states)
        of = np.arange(now.size).reshape(now.shape)
        if ids is None:
            of, ids = of[:, None], np.arange(self.classes)
        of, written = np.broadcast_arrays(of, ids)
        found = self.judge(now.ravel()).log_probs(of.ravel(), written.ravel()).reshape(of.shape)
        return np.where(written == 0, np.float32(0), found)

    def judge(self, states: ArrayLike) -> _Judge:
        """What tells of characters after these states (n,); see `search.Judge`."""
        return _Judge(self, np.asarray(states, dtype=np.int32))

    def advance(self, states: ArrayLike, ids: ArrayLike) -> NDArray[np.int32]:
        """The states after one more character each; id 0 (the blank) leaves a state as it is. Both (n,)."""
        now, written = np.asarray(states, dtype=np.int32), np.asarray(ids)
        after = self.judge(now).advance(np.arange(now.size), written)
        return np.where(written > 0, after, now)

    def end(self, states: ArrayLike) -> NDArray[np.float32]:
        """log P that the line ends here, (n,): that of a space, or 0 where a space was written last."""
        now = np.asarray(states, dtype=np.int32)
        return np.where(
            self._ends[now], np.float32(0), self.log_probs(now, np.full(now.shape, self._space))
        )

    def _contexts(
        self, states: NDArray[np.int32]
    ) -> tuple[list[NDArray[np.int32]], NDArray[np.int32]]:
        """The long contexts of each state, shortest first (`none` where there is no further), its short one's place."""
        found, now = [], states
        for _ in range(self.order - 1 - _SHORT):
            long = now >= self._long
            found.append(np.where(long, now, self._none))
            now = np.where(long, self._suffix[now], now)
        place = self._short.place[now]
        if (place < 0).any():
            with self._lock:
                self._fill(np.unique(now[place < 0]))
            place = self._short.place[now]
        return found[::-1], place

    def _rows_of(
        self, contexts: NDArray[Any]
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.float32]]:
        """Of each context (n,) the bits (n, words), the first child of each word (n, words), what is left over (n,)."""
        place = self._rows.place[contexts]
        if (place < 0).any():
            with self._lock:
                self._make_rows(np.unique(contexts[place < 0]))
            place = self._rows.place[contexts]
        row = self._rows.columns[0][place]
        last = row[:, -1:].copy().view(np.uint32)
        first = np.empty((row.shape[0], self._of_word), dtype=np.uint32)
        first[:, 0] = last[:, 0]
        for k in range(1, self._of_word):
            first[:, k] = first[:, k - 1] + np.bitwise_count(row[:, k - 1])
        return np.ascontiguousarray(row[:, :-1]), first, last[:, 1].view(np.float32)

    def _make_rows(self, contexts: NDArray[np.int32]) -> None:
        """Make the rows of contexts (n,), each once."""
        contexts = contexts[self._rows.place[contexts] < 0]  # another thread may have come first
        if not contexts.size:
            return
        first, count = self._first[contexts], self._count[contexts].astype(np.int64)
        begin = np.cumsum(count) - count
        child = np.repeat(first - begin, count) + np.arange(int(count.sum()))
        ids = self._char[child]
        row = np.zeros((contexts.size, self._of_word + 1), dtype=np.uint64)
        bit = np.uint64(1) << (ids & 63).astype(np.uint64)
        for k in range(self._of_word):
            row[:, k] = np.bitwise_or.reduceat(np.where(ids >> 6 == k, bit, np.uint64(0)), begin)
        last = np.zeros((contexts.size, 2), dtype=np.uint32)
        rest = 1 - np.add.reduceat(_P[self._share[child]], begin)  # kept above 0 by training
        last[:, 0], last[:, 1] = first, np.maximum(rest, np.float32(1e-6)).view(np.uint32)
        row[:, -1] = last.view(np.uint64)[:, 0]
        self._rows.add(contexts, row)

    def _fill(self, states: NDArray[np.int32]) -> None:
        """Work out the rows of short contexts (n,), each once, from those without their first character."""
        place = self._short.place
        shorter = self._suffix[states]
        missing = shorter[(place[shorter] < 0) & (states > 0)]
        if missing.size:
            self._fill(np.unique(missing))
        # The empty context may have come along, or another thread first.
        states = states[place[states] < 0]
        if not states.size:
            return
        p, after = (column[place[self._suffix[states]]] for column in self._short.columns)
        if states[0] == 0:  # below the single characters: every character alike
            p[0], after[0] = 1 / (self.classes - 1), 0
        count = self._count[states].astype(np.int64)
        of = np.repeat(np.arange(states.size), count)
        begin = self._rows_of(states)[1][:, 0].astype(np.int64) - np.cumsum(count) + count
        child = np.repeat(begin, count) + np.arange(of.size)
        ids = self._char[child]
        p *= self._rows_of(states)[2][:, None]
        p[of, ids] += _P[self._share[child]]
        # A child that is the context of something is the next state; what follows it without its first
        # character is where the shorter context goes.
        longer = np.where(child < self._context.size, self._context[child % self._context.size], -1)
        of, ids, longer = of[longer >= 0], ids[longer >= 0], longer[longer >= 0]
        self._suffix[longer] = after[of, ids]
        after[of, ids] = longer
        self._short.add(states, p, after)

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

    def save(self, path: str | Path) -> None:
        """Write the model as one file: arrays and JSON in a zip archive, nothing that could run."""
        about = {
            "format": FORMAT,
            "characters": self.characters,
            "order": self.order,
            "about": self.about,
        }
        children = np.zeros(self._char.size, np.uint8)
        children[np.flatnonzero(self._context >= 0)] = self._count
        words = "\n".join(f"{word}\t{count}" for word, count in sorted(self.words.items()))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, data in {
                "about.json": json.dumps(about, indent=1, sort_keys=True).encode(),
                "words.tsv": words.encode(),
                "char": self._char.tobytes(),
                "children": children.tobytes(),
                "share": self._share.tobytes(),
                "profile": self.profile,
            }.items():
                archive.writestr(
                    zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9
                )
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path, charset: Charset | None = None) -> LanguageModel:
        """Read a model, by its path or its name ("en"); `charset` is the recogniser's, which must be the same.

        Raises:
            HtrError: no such file, a damaged one, one of a later version, or one for another charset.
        """
        try:
            with zipfile.ZipFile(find(path)) as archive:
                if max(entry.file_size for entry in archive.infolist()) > _LARGEST:
                    raise HtrError("unpacks into more than a language model can be")
                about = json.loads(archive.read("about.json"))
                words = archive.read("words.tsv").decode()
                char, children, share = (
                    np.frombuffer(archive.read(name), np.uint8)
                    for name in ("char", "children", "share")
                )
                profile = archive.read("profile") if "profile" in archive.namelist() else b""
            if not _WORDS.fullmatch(words):
                raise HtrError("its word list is damaged; train it again")
            if about["format"] != FORMAT:
                raise HtrError(
                    f"{path}: format {about['format']}, this version reads {FORMAT}; train it again"
                )
            parts = char, children, share, words, about["about"], profile
            model = cls(str(about["characters"]), int(about["order"]), *parts)
        except FileNotFoundError as error:
            raise HtrError(
                f"{path}: no such language model; train one with `htr lm train`"
            ) from error
        except HtrError as error:
            raise HtrError(f"{path}: {error}") from error
        except _DAMAGE as error:
            raise HtrError(
                f"{path}: damaged, or no language model ({error!s:.200}); train it again"
            ) from error
        if charset is not None and charset.characters != model.characters:
            lacks = Charset(model.characters).unknown(charset.characters)
            how = f", it lacks {lacks!r}" if lacks else ""
            raise HtrError(
                f"{path}: made for other characters than the model's ({len(model.characters)}, "
                f"not {len(charset.characters)}{how}); "
                "`htr lm train --model YOUR_MODEL` makes one for it"
            )
        return model


class _Judge:
    """`search.Judge` of a language model."""

    def __init__(self, model: LanguageModel, states: NDArray[np.int32]) -> None:
        self._model = model
        self._contexts, self._short = model._contexts(states)
        self._rows = [model._rows_of(one) for one in self._contexts]

    def _steps(self, of: NDArray[Any], ids: NDArray[Any]) -> Iterator[tuple[NDArray[Any], ...]]:
        """For each length of context: what is left over of each (n,), which know the character, and as what node."""
        at, bit = of * self._model._of_word + (ids >> 6), (ids & 63).astype(np.uint64)
        for bits, first, rest in self._rows:
            yield rest, *child_of(bits, first, at, bit)

    def log_probs(self, of: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.float32]:
        p = self._model._short.columns[0][self._short[of], ids]
        for rest, there, child in self._steps(of, ids):
            p *= rest[of]
            p[there] += _P[self._model._share[child]]
        return np.log(p)

    def advance(self, of: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.int32]:
        model = self._model
        after = model._short.columns[1][self._short[of], ids]
        for _, there, child in self._steps(of, ids):
            known = child < model._context.size
            there, longer = there[known], model._context[child[known]]
            there, longer = there[longer >= 0], longer[longer >= 0]
            model._suffix[longer] = after[there]
            after[there] = longer
        return after


def find(name: str | Path) -> Path:
    """The file of a model: a path, or the name of one that ships with the course."""
    return shipped().get(str(name), Path(name))


def shipped() -> dict[str, Path]:
    """The language models that come with the package, by their names: en, fr, ..."""
    root = paths.repo_root()
    folders = [Path(paths.__file__).parent / "_model", *([root / "model"] if root else [])]
    return {file.stem: file for folder in folders for file in sorted(folder.glob("languages/*.lm"))}


def stored_profile(path: Path, characters: str) -> bytes:
    """The profile in a model's file (see `languages.profile`), or nothing where it is made for other characters.

    Raises:
        HtrError: a damaged file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if json.loads(archive.read("about.json"))["characters"] != characters:
                return b""
            return archive.read("profile")
    except _DAMAGE as error:
        raise HtrError(f"{path}: damaged ({error}); fetch or train it again") from error
