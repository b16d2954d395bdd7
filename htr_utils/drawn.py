"""What was read, drawn: over the picture of the page, or behind it, in a PDF that can be searched."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.results import ReadPage, Word

_DPI = 200  # of a page's picture: 2,000 pixels are ten inches


def pdf(pages: Sequence[tuple[np.ndarray, ReadPage]]) -> bytes:
    """A PDF of the pages' pictures, uint8 (H, W), with what was read behind them, word by word.

    Raises:
        HtrError: pypdfium2 is not there.
    """
    try:
        import pypdfium2 as pdfium
        import pypdfium2.raw as raw
    except ImportError:
        raise HtrError(
            'a PDF needs pypdfium2; install it with: pip install "htr-utils[pages]"'
        ) from None
    from PIL import Image

    document = pdfium.PdfDocument.new()
    texts = "".join(line.text for _, page in pages for line in page.lines)
    font = _font(document, texts.encode("cp1252", "ignore").decode("cp1252") != texts)
    for grey, read in pages:
        scale = 72 / _DPI
        sheet = document.new_page(read.width * scale, read.height * scale)
        jpeg = io.BytesIO()
        Image.fromarray(grey).save(jpeg, "JPEG", quality=75)
        picture = pdfium.PdfImage.new(document)
        picture.load_jpeg(jpeg, inline=True)
        picture.set_matrix(pdfium.PdfMatrix().scale(read.width * scale, read.height * scale))
        sheet.insert_obj(picture)
        for line in read.lines:
            words = line.split()
            for word in words if words and words[0].box else (Word(line.text, line.box),):
                _write(raw, document, sheet, font, word, read.height, scale)
        sheet.gen_content()
    whole = io.BytesIO()
    document.save(whole)
    document.close()
    return whole.getvalue()


def _font(document: Any, beyond: bool) -> Any:
    """Helvetica, which each reader of PDF has, or for characters `beyond` Windows' own a font of this machine."""
    import pypdfium2.raw as raw

    path = getattr(images.font(12), "path", None)
    if beyond and isinstance(path, str):
        data = images.content(path)
        array = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        return raw.FPDFText_LoadFont(document, array, len(data), raw.FPDF_FONT_TRUETYPE, 1)
    return raw.FPDFText_LoadStandardFont(document, b"Helvetica")


def _write(
    raw: Any, document: Any, sheet: Any, font: Any, word: Word, height: int, scale: float
) -> None:
    """Put a word behind the picture: as wide as its box, its foot a quarter of the box above that of the box."""
    assert word.box is not None
    x, y, w, h = word.box
    text = raw.FPDFPageObj_CreateTextObj(document, font, max(1.0, 0.7 * h * scale))
    letters = ctypes.create_string_buffer(f"{word.text} \0".encode("utf-16-le", "replace"))
    raw.FPDFText_SetText(text, ctypes.cast(letters, raw.FPDF_WIDESTRING))
    raw.FPDFTextObj_SetTextRenderMode(text, raw.FPDF_TEXTRENDERMODE_INVISIBLE)
    edges = [ctypes.c_float() for _ in range(4)]
    raw.FPDFPageObj_GetBounds(text, *edges)
    wide = w * scale / max(0.1, edges[2].value - edges[0].value)
    raw.FPDFPageObj_Transform(text, wide, 0, 0, 1, x * scale, (height - y - 0.75 * h) * scale)
    raw.FPDFPage_InsertObject(sheet, text)


def overlay(grey: np.ndarray, page: ReadPage) -> np.ndarray:
    """The picture (H, W), paler, with each line's outline and above each word what was read: RGB uint8 (h, w, 3)."""
    from PIL import Image, ImageDraw

    scale = min(1.0, 2000 / max(grey.shape))
    size = max(1, round(page.width * scale)), max(1, round(page.height * scale))
    picture = Image.blend(
        Image.fromarray(grey).resize(size).convert("RGB"), Image.new("RGB", size, "white"), 0.3
    )
    draw = ImageDraw.Draw(picture)
    for line in page.lines:
        outline = [(float(x) * scale, float(y) * scale) for x, y in line.polygon]
        draw.line([*outline, outline[0]], fill=(0, 114, 178), width=1)
        words = line.split()
        if not words or words[0].box is None:
            words = (Word(line.text, line.box),)
        full = max(9.0, 0.32 * scale * min(word.box[3] for word in words if word.box))
        lengths = [max(1.0, draw.textlength(word.text, images.font(full))) for word in words]
        # One size for the line, at which most words fit above their places; a longer one is set smaller.
        room = [
            scale * (word.box or line.box)[2] / length
            for word, length in zip(words, lengths, strict=True)
        ]
        usual = min(1.0, float(np.median(room)))
        for word, fits in zip(words, room, strict=True):
            x, y = (scale * value for value in (word.box or line.box)[:2])
            points = max(8.0, full * min(usual, 0.97 * fits))
            place = x, max(0.0, y - 0.55 * points)
            font = images.font(points)
            draw.text(place, word.text, (170, 30, 0), font, stroke_width=2, stroke_fill="white")
    return np.asarray(picture)
