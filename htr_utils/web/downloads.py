"""Files out of a result and the texts that its reader edited."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from dataclasses import dataclass
from typing import Any

from htr_utils.web.jobs import Refusal
from htr_utils.web.work import Result

KINDS = ("text", "json", "pagexml", "training")


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


def safe_name(name: str) -> str:
    """The stem of an uploaded file's name, fit for any file system: no folders, letters of ASCII, 40 at most.

    It only names downloads: no path is ever made of it.
    """
    last = re.split(r"[/\\\0]", name)[-1]
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
    sent_texts = sent.get("texts") if isinstance(sent, dict) else None
    right = sent.get("right", [False] * lines) if isinstance(sent, dict) else None
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
    return Edits(tuple(cleaned), tuple(right or ()))


def make(kind: str, result: Result, edits: Edits, name: str) -> Made:
    """One of KINDS.

    Raises:
        Refusal: 409, training data without a line that is marked as right.
    """
    if kind == "training":
        return Made(f"{name}-training.zip", _training(result, edits), "application/zip")
    if kind == "text":
        return Made(f"{name}.txt", _text(result, edits).encode(), "text/plain; charset=utf-8")
    raise NotImplementedError(kind)


def _text(result: Result, edits: Edits) -> str:
    """A line per line, an empty one between pages."""
    texts, pages = list(edits.texts), []
    for page in result.pages:
        pages.append("".join(f"{texts.pop(0)}\n" for _ in page.lines))
    return "\n".join(pages)


def _training(result: Result, edits: Edits) -> bytes:
    """A zip that `htr train --data` takes once unpacked: transcriptions.tsv and a PNG per line marked as right."""
    chosen = [i for i, text in enumerate(edits.texts) if edits.right[i] and text]
    if not chosen:
        raise Refusal(409, "none_right")
    rows, buffer = ["name\ttext"], io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # PNGs do not shrink further
        for i in chosen:
            file = f"line-{i + 1:03d}.png"
            rows.append(f"{file}\t{edits.texts[i]}")
            archive.writestr(zipfile.ZipInfo(file), result.lines[i].png)
        archive.writestr(zipfile.ZipInfo("transcriptions.tsv"), "\n".join(rows) + "\n")
    return buffer.getvalue()
