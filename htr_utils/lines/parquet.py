"""Lines of a Hugging Face parquet file: a column of pictures and one of texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from htr_utils import files
from htr_utils.errors import HtrError
from htr_utils.lines import images
from htr_utils.lines.iam import Line
from htr_utils.lines.page_files import unpacked
from htr_utils.lines.tables import TEXT, WRITER


@dataclass(frozen=True)
class InParquet:
    """Where a picture is: its row in its row group, and the column. store: folder where it is unpacked."""

    group: int
    row: int
    column: str
    store: Path

    def picture(self, path: Path) -> np.ndarray:
        """The line, uint8 (H, W); the first that is asked for unpacks its row group."""
        mark = hashlib.sha256(str(path).encode()).hexdigest()[:16]
        kept = self.store / f"{mark}-{self.group}-{self.row}"
        if not kept.is_file():
            cells = opened(path).read_row_group(self.group, [self.column])[self.column].to_pylist()
            for row, cell in enumerate(cells):
                data = cell.get("bytes") if isinstance(cell, dict) else cell
                files.write_bytes(self.store / f"{mark}-{self.group}-{row}", data or b"")
        return images.decode(f"{path}, row {self.row} of group {self.group}", images.content(kept))


def opened(path: Path) -> Any:
    """A pyarrow.parquet.ParquetFile; HtrError where pyarrow is not there, or the file is none."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise HtrError(
            f"{path}: parquet needs pyarrow; install it with: pip install pyarrow"
        ) from None
    try:
        return pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:80]
        raise HtrError(f"{path}: is no whole parquet file ({reason}); fetch it again") from None


def read(root: Path, file: str, complain: Callable[[str, str], object]) -> Iterator[Line]:
    """The lines of a file: texts now, pictures when they are asked for.

    Raises:
        HtrError: no column of pictures, or none of texts.
    """
    import pyarrow

    path = root / file
    table = opened(path)
    schema = table.schema_arrow
    picture = next((f.name for f in schema if _holds_pictures(f.type)), None)
    text, writer = (
        next((name for name in words.split() if name in schema.names), None)
        for words in (TEXT, WRITER)
    )
    if picture is None or text is None:
        raise HtrError(
            f"{path}: has the columns {', '.join(schema.names)[:80]}; one of pictures and one called text are wanted"
        )
    columns = [text] + ([writer] if writer else [])
    for group in range(table.num_row_groups):
        try:
            cells = table.read_row_group(group, columns)
            texts = cells[text].to_pylist()
            writers = cells[writer].to_pylist() if writer else [""] * len(texts)
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:80]
            raise HtrError(f"{path}: is damaged ({reason}); fetch it again") from None
        for row, (said, by) in enumerate(zip(texts, writers, strict=True)):
            tidy = " ".join(said.split()) if isinstance(said, str) else ""
            line_id = f"{path.stem}-{group}-{row}"
            if tidy:
                part = InParquet(group, row, picture, unpacked())
                yield Line(line_id, tidy, path, writer_id=str(by or ""), part=part)
            else:
                complain("lines without a text", f"{path}: row {row} of group {group} has no text")


def _holds_pictures(kind: Any) -> bool:
    import pyarrow.types as of

    bare = of.is_binary(kind) or of.is_large_binary(kind)
    return bare or (of.is_struct(kind) and any(field.name == "bytes" for field in kind))
