"""Files out of a result and the texts that its reader edited."""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass, replace
from typing import Any

from htr_utils import formats, results
from htr_utils.lines import tables
from htr_utils.web.jobs import Refusal
from htr_utils.web.work import Result

# Kind of download: format, type of its content.
FILES = {
    "text": ("text", "text/plain; charset=utf-8"),
    "json": ("json", "application/json"),
    "pagexml": ("page", "application/xml"),
}
KINDS = (*FILES, "training")


@dataclass(frozen=True)
class Edits:
    """texts: one per line of the result. right: whether its reader says that the text is right."""

    texts: tuple[str, ...]
    right: tuple[bool, ...]


@dataclass(frozen=True)
class Made:
    """A file to download."""

    name: str
    content: bytes
    content_type: str


def file_name(name: str) -> str:
    """The name of an uploaded file without its folders and what cannot be printed, 100 characters at most."""
    last = re.split(r"[/\\\0]", name)[-1]
    return "".join(c for c in last if c.isprintable())[:100] or "picture"


def safe_name(name: str) -> str:
    """The stem of an uploaded file's name, fit for any file system: no folders, letters of ASCII, 40 at most.

    It only names downloads: no path is ever made of it.
    """
    last = file_name(name)
    stem = last.rpartition(".")[0] or last
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "reading"


def check_edits(sent: Any, result: Result, characters: int) -> Edits:
    """The edited texts of a request: {"texts": [...], "right": [...]}, one entry per line; `right` may be missing.

    White space becomes single spaces.

    Raises:
        Refusal: 400 another shape, 422 a text too long or with control characters.
    """
    lines = len(result.lines)
    sent = sent if isinstance(sent, dict) else {}
    sent_texts, right = sent.get("texts"), sent.get("right", [False] * lines)
    for values, kind in ((sent_texts, str), (right, bool)):
        fits = isinstance(values, list) and len(values) == lines
        if not fits or not all(isinstance(value, kind) for value in values):
            raise Refusal(400, "texts", lines=lines)
    cleaned = []
    for number, text in enumerate(sent_texts or (), 1):
        text = " ".join(text.split())
        if len(text) > characters:
            raise Refusal(422, "text_long", line=number, characters=characters)
        if any(unicodedata.category(c) in ("Cc", "Cs", "Co", "Cn") for c in text):
            raise Refusal(422, "text_bad", line=number)
        cleaned.append(text)
    return Edits(tuple(cleaned), tuple(right))


def make(kind: str, result: Result, edits: Edits, name: str) -> Made:
    """One of KINDS.

    Raises:
        Refusal: 409, training data without a line that is marked as right.
    """
    if kind == "training":
        return Made(f"{name}-training.zip", _training(result, edits, name), "application/zip")
    format_, content_type = FILES[kind]
    contents = formats.render(_edited(result, edits), format_)
    ending = formats.ENDINGS[format_]
    if len(contents) == 1:
        return Made(f"{name}{ending}", contents[0].encode(), content_type)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, content in enumerate(contents, 1):
            archive.writestr(zipfile.ZipInfo(f"{name}-{number}{ending}"), content)
    return Made(f"{name}{ending}.zip", buffer.getvalue(), "application/zip")


def _edited(result: Result, edits: Edits) -> list[results.ReadPage]:
    """The pages with the edited texts; what somebody typed has neither a confidence nor a correction."""
    texts, pages = iter(edits.texts), []
    for page in result.pages:
        lines = []
        for line, shown in zip(page.read.lines, page.lines, strict=True):
            text = next(texts)
            same = text == line.text
            corrected = shown.correction.text if same else None
            sure = line.confidence if same else None
            lines.append(replace(line, text=text, confidence=sure, corrected=corrected))
        pages.append(replace(page.read, lines=tuple(lines)))
    return pages


def _training(result: Result, edits: Edits, name: str) -> bytes:
    """A zip that `htr train --data` takes once unpacked: transcriptions.tsv and a PNG per line marked as right.

    They lie in a folder of the picture's name and a mark of its lines, so that those of many pages go into one place.
    """
    chosen = [i for i, text in enumerate(edits.texts) if edits.right[i] and text]
    if not chosen:
        raise Refusal(409, "none_right")
    mark = hashlib.sha256(b"".join(line.png for line in result.lines)).hexdigest()[:6]
    rows, buffer, folder = [("name", "text")], io.BytesIO(), f"{name}-{mark}"
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNGs do not shrink further
        for i in chosen:
            file = f"line-{i + 1:03d}.png"
            rows.append((file, edits.texts[i]))
            archive.writestr(zipfile.ZipInfo(f"{folder}/{file}"), result.lines[i].png)
        archive.writestr(zipfile.ZipInfo(f"{folder}/transcriptions.tsv"), tables.written(rows))
    return buffer.getvalue()
