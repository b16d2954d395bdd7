"""Small folders in IAM layout, made for tests: real layout, tiny images, invented text."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

import cv2
import numpy as np

# Form id -> writer and the raw tokens of its lines. It holds what trips readers up: a quotation over two
# lines, a token with spaces, a struck-out word (#), an ending.
FORMS: dict[str, tuple[str, list[str]]] = {
    "a01-000u": (
        "000",
        ['He|said|:|"|The|B B C', "is|late|.|\"|Anna|'s|#|clock", "(|the|old|one|)|stopped|."],
    ),
    "a01-000x": ("001", ["Xavier|kept|M P|hours|,|he|did|.", "Tea|at|4.30|p.m.|;|or|not|?"]),
    "b02-013": ("002", ["A|quiet|day|!"]),
    "c03-100a": ("003", ["Nobody|knew|why|.", "Mr.|J.|Fox|did|n't|."]),
}
SPLITS = {"train": ["a01-000u", "a01-000x"], "validation": ["b02-013-00"], "test": ["c03-100a"]}
NESTED = "lines/{first}/{form}/{id}.png"


def png(width: int = 40, height: int = 12, level: int = 40) -> bytes:
    """A grey PNG with a stroke of a grey level on it."""
    grey = np.full((height, width), 255, np.uint8)
    grey[height // 2, 2 : width - 2] = level
    return cv2.imencode(".png", grey)[1].tobytes()


def line_row(line_id: str, tokens: str, status: str = "ok") -> str:
    """A row of lines.txt."""
    return f"{line_id} {status} 154 19 408 746 40 12 {tokens}"


def form_xml(form_id: str, writer: str, texts: list[str]) -> str:
    """The XML of a form, with the DTD that IAM names and entities escaped twice."""
    lines = "".join(
        f'<line id="{form_id}-{number:02}" text={quoteattr(text.replace(chr(34), "&quot;"))}/>'
        for number, text in enumerate(texts)
    )
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        '<!DOCTYPE form SYSTEM "http://www.iam.unibe.ch/~fki/iamdb/form-metadata.dtd">\n'
        f'<form id="{form_id}" writer-id="{writer}"><handwritten-part>{lines}</handwritten-part></form>\n'
    )


def write_iam(
    root: Path,
    forms: dict[str, tuple[str, list[str]]] | None = None,
    *,
    lines_txt: str = "ascii/lines.txt",
    images: str | None = NESTED,
    forms_txt: bool = True,
    xml: bool = False,
    splits: dict[str, list[str]] | None = None,
    newline: str = "\n",
) -> Path:
    """Write a folder in IAM layout and return it.

    Args:
        forms: form id -> writer and raw lines; None for `FORMS`.
        lines_txt: where lines.txt goes; forms.txt goes beside it.
        images: pattern of the image files; None for no images.
        splits: name -> ids for splits/<name>.txt; None for `SPLITS`, {} for none.
        newline: line end of the text files.
    """
    forms = FORMS if forms is None else forms
    rows = ["#--- lines.txt ---#", "#", "# a comment: id status graylevel components x y w h text"]
    form_rows = ["# forms"]
    for form_id, (writer, texts) in forms.items():
        form_rows.append(f"{form_id} {writer} 1 prt {len(texts)} {len(texts)} 9 9")
        for number, tokens in enumerate(texts):
            line_id = f"{form_id}-{number:02}"
            rows.append(line_row(line_id, tokens, "err" if number == 1 else "ok"))
            if images is not None:
                name = images.format(first=form_id.partition("-")[0], form=form_id, id=line_id)
                write(root / name, png(level=len(rows) % 200))  # no two pictures are the same
        if xml:
            write(
                root / "xml" / f"{form_id}.xml", form_xml(form_id, writer, texts).encode("latin-1")
            )
    write(root / lines_txt, newline.join([*rows, ""]).encode())
    if forms_txt:
        write((root / lines_txt).with_name("forms.txt"), newline.join([*form_rows, ""]).encode())
    for name, ids in (SPLITS if splits is None else splits).items():
        write(root / "splits" / f"{name}.txt", newline.join(["# a list", *ids, ""]).encode())
    return root


def write(path: Path, data: bytes) -> Path:
    """Write a file, and the folders it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
