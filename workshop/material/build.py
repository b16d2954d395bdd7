"""Build the embedded data: passages and handwriting fonts -> a folder in IAM's exact layout.

Everything is a function of the passages, the fonts' versions and one seed. The same pixels come out again in
the locked environment; `hashes.txt` says whether they did.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines import augment, images, spacing
from htr_utils.synth import fonts, handwriting
from htr_utils.text.passages import Passage

SEED = 2026
SPLITS = {"train": (48, 230), "validation": (8, 45), "test": (12, 75)}  # writers, forms
STRUCK_SHARE = 0.03  # of lines with a crossed-out word; IAM has 0.6 %, too few to learn from here
PAGE_WIDTH = 1240  # A4 at 150 dpi
_GREYS = 17  # 16 grey levels: steps of 17


@dataclass
class BuiltLine:
    """A line and what IAM's files say about it."""

    id: str
    tokens: list[str]
    status: str
    grey_level: int
    box: handwriting.Box
    parts: list[list[handwriting.Box]]  # per token: the boxes of its connected pieces of ink
    components: int
    digest: str


@dataclass
class BuiltForm:
    id: str
    writer_id: str
    split: str
    sentences: int
    lines: list[BuiltLine] = field(default_factory=list)


def pixel_digest(grey: np.ndarray) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of an image's size and pixels."""
    return hashlib.sha256(np.array(grey.shape, np.int64).tobytes() + grey.tobytes()).hexdigest()[
        :16
    ]


def quantise(grey: np.ndarray) -> np.ndarray:
    """16 grey levels: noise in the last bits is most of a PNG's size."""
    return (np.round(grey / _GREYS) * _GREYS).astype(np.uint8)


def otsu(grey: np.ndarray) -> int:
    """The grey level that parts ink from paper best (Otsu 1979, IEEE Trans. SMC 9)."""
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return int(level)


def segment_words(ink: np.ndarray, reach: float = 0.42) -> int:
    """How many words a simple segmentation finds: parts of ink parted by gaps wider than `reach` of the x-height band.

    Args:
        ink: bool (H, W).
    """
    columns = np.flatnonzero(ink.any(0))
    if not columns.size:
        return 0
    rows = ink.sum(1)
    tall = int((rows > 0.35 * rows.max()).sum())
    return 1 + int((np.diff(columns) - 1 > reach * tall).sum())


def scan(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A tidy flatbed scan: a little blur and paper grain, 16 grey levels."""
    grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.3, 0.6))
    return quantise(
        augment.noise(grey, rng, sigma=rng.uniform(1, 3.5), grain=rng.uniform(0.3, 1.0))
    )


def wrap(text: str, writer: handwriting.Writer, rng: np.random.Generator) -> list[str]:
    """Break a passage into lines where this hand reaches the right margin, which is ragged."""
    glyphs = fonts.outlines(writer.font.path, "".join(sorted(set(text))))
    em = writer.letter_size

    def width(word: str) -> float:
        return sum(
            (glyphs[c].advance * writer.stretch + writer.letter_gap) * em
            for c in word
            if c in glyphs
        )

    limit, used = rng.uniform(800, 950), 0.0
    lines: list[list[str]] = [[]]
    longest = 88  # IAM's longest line has 93 characters
    for word in text.split():
        step = width(word) + writer.word_gap * em
        if lines[-1] and (
            used + step > limit + rng.normal(0, 35) or len(" ".join([*lines[-1], word])) > longest
        ):
            lines.append([])
            used = 0.0
        lines[-1].append(word)
        used += step
    return [" ".join(line) for line in lines]


def _pieces(ink: np.ndarray) -> list[handwriting.Box]:
    """Boxes of the connected pieces of ink, larger than a speck."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    return [(int(x), int(y), int(w), int(h)) for x, y, w, h, area in stats[1:] if area >= 4]


def _assign(
    pieces: list[handwriting.Box], tokens: list[handwriting.Box]
) -> list[list[handwriting.Box]]:
    """Give each piece of ink to the token whose box it overlaps most along the line."""
    parts: list[list[handwriting.Box]] = [[] for _ in tokens]
    for x, y, w, h in pieces:
        overlap = [min(x + w, tx + tw) - max(x, tx) for tx, _, tw, _ in tokens]
        parts[int(np.argmax(overlap))].append((x, y, w, h))
    return parts


def write_line(
    line_id: str,
    text: str,
    raw: str,
    writer: handwriting.Writer,
    rng: np.random.Generator,
    top: int,
    folder: Path,
) -> BuiltLine:
    """Render one line, save its picture, measure what lines.txt and the XML say of it."""
    drawn = handwriting.render(text, writer, rng, height=None)
    grey = scan(drawn.grey, rng)
    level = otsu(grey)
    ink = grey <= level
    tokens, at, boxes = raw.split(" "), 0, []
    for token in tokens:
        boxes.append(handwriting.union(drawn.letters[at : at + len(token)]))
        at += len(token)
    left = min(round(writer.margin + rng.uniform(60, 90)), PAGE_WIDTH - 40)
    pieces = _pieces(ink)
    moved = [[(x + left, y + top, w, h) for x, y, w, h in part] for part in _assign(pieces, boxes)]
    status = "ok" if segment_words(ink) == len(text.split(" ")) else "err"
    images.save(
        folder / "lines" / line_id.split("-")[0] / line_id.rsplit("-", 1)[0] / f"{line_id}.png",
        grey,
    )
    box = (left, top, grey.shape[1], grey.shape[0])
    return BuiltLine(line_id, tokens, status, level, box, moved, len(pieces), pixel_digest(grey))


def writers(
    split: str, count: int, first: int, available: list[fonts.FontFile]
) -> dict[str, handwriting.Writer]:
    """`count` hands for a split, their ids from `first` on; each family serves about equally many."""
    families: dict[str, list[fonts.FontFile]] = {}
    for font in available:
        if font.split == split:
            families.setdefault(font.family, []).append(font)
    names = sorted(families)
    made = {}
    for number in range(count):
        rng = np.random.default_rng([SEED, 1, first + number])
        files = [f for f in families[names[number % len(names)]] if 300 <= f.weight <= 700]
        hand = handwriting.Writer.draw(files[int(rng.integers(len(files)))], rng)
        made[f"{first + number:03d}"] = hand
    return made


def struck(lines: list[str], rng: np.random.Generator) -> list[str]:
    """Cross a word out in a few lines: `#` stands before the word that replaced it."""
    made = []
    for line in lines:
        words = line.split(" ")
        if len(words) > 3 and rng.random() < STRUCK_SHARE:
            words.insert(int(rng.integers(1, len(words) - 1)), handwriting.STRUCK)
        made.append(" ".join(words))
    return made


def build(
    target: Path,
    passages: list[Passage],
    *,
    say: Callable[[str], None] = print,
    scale: float = 1.0,
    available: list[fonts.FontFile] | None = None,
) -> list[BuiltForm]:
    """Render all forms into `target` and write IAM's files beside them.

    Args:
        scale: share of the forms to make (for tests). available: fonts; by default fetched by `fonts.fetch`.

    Raises:
        HtrError: the disk is full or read-only; what was in `target` before stays as it was.
    """
    available = available or fonts.fetch(SPLITS)
    place = target.resolve()  # `.` has no name
    work = place.parent / f"{place.name}.part"
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        made = _forms(work, passages, say, scale, available)
        _write_files(work, made)
        _move(work, target)
    except OSError as error:
        raise files.refused(target, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return made


def _forms(
    work: Path,
    passages: list[Passage],
    say: Callable[[str], None],
    scale: float,
    available: list[fonts.FontFile],
) -> list[BuiltForm]:
    made: list[BuiltForm] = []
    first, letters = 0, "abcdefghijklmnopqr"
    for split, (writer_count, form_count) in SPLITS.items():
        hands = writers(split, writer_count, first, available)
        first += writer_count
        texts = [(n, p) for n, p in enumerate(passages) if p.split == split]
        for number in range(round(form_count * scale)):
            at, passage = texts[number % len(texts)]
            # As in IAM, forms with the same text have the same number and another last letter.
            form_id = f"{letters[at // 8]}{at % 8 + 1:02d}-{(at * 37) % 120:03d}{'uxzwvkr'[number // len(texts)]}"
            # Shifted at each round of the texts, so that a text is written by several hands.
            writer_id = sorted(hands)[(number + number // max(len(texts), len(hands))) % len(hands)]
            made.append(_form(form_id, writer_id, hands[writer_id], passage, work))
        say(f"{split}: {sum(f.split == split for f in made)} forms by {writer_count} writers")
    return made


def _form(
    form_id: str, writer_id: str, hand: handwriting.Writer, passage: Passage, folder: Path
) -> BuiltForm:
    rng = np.random.default_rng([SEED, 2, *form_id.encode()])
    day = replace(
        hand,
        pen=hand.pen + rng.normal(0, 0.05),
        ink=int(np.clip(hand.ink + rng.normal(0, 6), 10, 120)),
    )
    form = BuiltForm(
        form_id, writer_id, passage.split, len(re.findall(r"[.!?](?:\s|$|\")", passage.text)) or 1
    )
    natural = struck(wrap(passage.text, day, rng), rng)
    top = 360 + int(rng.integers(0, 60))
    for number, (text, raw) in enumerate(zip(natural, spacing.raw_lines(natural), strict=True)):
        if raw.replace(" ", "") != text.replace(" ", ""):
            raise HtrError(
                f"{passage.id}: the tokens of {text!r} do not give the text back; mend the passage"
            )
        line = write_line(f"{form_id}-{number:02d}", text, raw, day, rng, top, folder)
        form.lines.append(line)
        top += round(1.25 * line.box[3] + rng.normal(0, 3))
    return form


def _write_files(folder: Path, forms: list[BuiltForm]) -> None:
    lines = sorted((line for form in forms for line in form.lines), key=lambda line: line.id)
    (folder / "ascii").mkdir()
    head = (
        "# lines.txt of the embedded data: rendered handwriting in the layout of the IAM database\n"
        "# id  ok|err: word segmentation  grey level of the binarisation  components  x y w h on the form  "
        "text, tokens parted by |\n"
    )
    rows = [
        f"{ln.id} {ln.status} {ln.grey_level} {ln.components} {' '.join(map(str, ln.box))} {'|'.join(ln.tokens)}"
        for ln in lines
    ]
    (folder / "ascii" / "lines.txt").write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    head = "# forms.txt: id  writer  sentences  prt  lines  lines ok  words  words in ok lines\n"
    form_rows = []
    for form in sorted(forms, key=lambda f: f.id):
        good = [ln for ln in form.lines if ln.status == "ok"]
        counts = (
            len(form.lines),
            len(good),
            sum(len(ln.tokens) for ln in form.lines),
            sum(len(ln.tokens) for ln in good),
        )
        form_rows.append(
            f"{form.id} {form.writer_id} {form.sentences} prt {' '.join(map(str, counts))}"
        )
    (folder / "ascii" / "forms.txt").write_text(
        head + "\n".join(form_rows) + "\n", encoding="utf-8"
    )
    (folder / "xml").mkdir()
    for form in forms:
        (folder / "xml" / f"{form.id}.xml").write_text(_xml(form), encoding="utf-8")
    (folder / "splits").mkdir()
    for split in SPLITS:
        ids = sorted(ln.id for form in forms if form.split == split for ln in form.lines)
        (folder / "splits" / f"{split}.txt").write_text("\n".join(ids) + "\n", encoding="utf-8")
    digests = [f"{ln.id} {ln.digest}" for ln in lines]
    (folder / "hashes.txt").write_text("\n".join(digests) + "\n", encoding="utf-8")
    expected = {
        "lines": len(lines),
        "ok": sum(ln.status == "ok" for ln in lines),
        "err": sum(ln.status == "err" for ln in lines),
        "forms": len(forms),
        "writers": len({f.writer_id for f in forms}),
        "characters": len({c for ln in lines for token in ln.tokens for c in token}) + 1,
    }
    fingerprint = hashlib.sha256("\n".join([*rows, *form_rows, *digests]).encode()).hexdigest()[:16]
    about = {"seed": SEED, "fingerprint": fingerprint, "expected_counts": expected}
    (folder / "data.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _xml(form: BuiltForm) -> str:
    rows = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<form id="{form.id}" writer-id="{form.writer_id}">',
        " <handwritten-part>",
    ]
    for line in form.lines:
        text = quoteattr(" ".join(line.tokens), {'"': "&quot;"})
        rows.append(
            f'  <line id="{line.id}" text={text} threshold="{line.grey_level}" segmentation="{line.status}">'
        )
        for number, (token, boxes) in enumerate(zip(line.tokens, line.parts, strict=True)):
            rows.append(
                f'   <word id="{line.id}-{number:02d}" text={quoteattr(token, {chr(34): "&quot;"})}>'
            )
            rows += [f'    <cmp x="{x}" y="{y}" width="{w}" height="{h}"/>' for x, y, w, h in boxes]
            rows.append("   </word>")
        rows.append("  </line>")
    return "\n".join([*rows, " </handwritten-part>", "</form>", ""])


def _move(work: Path, target: Path) -> None:
    """Put the finished parts in place of the old ones; what else is in `target` stays."""
    target.mkdir(parents=True, exist_ok=True)
    for part in sorted(work.iterdir()):
        old = target / part.name
        if old.is_dir():
            shutil.rmtree(old)
        part.replace(old)
    work.rmdir()


def verify(target: Path, expected: Path) -> list[str]:
    """Ids whose pixels in `target` differ from those that `expected`'s hashes.txt names."""

    def read(folder: Path) -> dict[str, str]:
        rows = (folder / "hashes.txt").read_text(encoding="utf-8").split("\n")
        return dict(row.split(" ") for row in rows if row)  # type: ignore[misc]

    new, old = read(target), read(expected)
    return sorted(line for line in new.keys() | old.keys() if new.get(line) != old.get(line))
