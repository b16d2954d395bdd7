"""A folder of one's own line images with one table of transcriptions.

    my_folder/transcriptions.tsv      name <tab> text, or name <tab> writer <tab> text
    my_folder/monday.png ...          the images, anywhere below the folder

The table may have a header (`id`, `file`, `name` in its first column). `lines.tsv` is taken too.
"""

from __future__ import annotations

from pathlib import Path

from htr_utils.errors import HtrError
from htr_utils.lines.iam import Line

TABLES = ("transcriptions.tsv", "lines.tsv")
IMAGE_TYPES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def find_table(root: str | Path) -> Path | None:
    """The table of transcriptions in a folder, or None."""
    return next((Path(root) / name for name in TABLES if (Path(root) / name).is_file()), None)


def read(root: str | Path) -> list[Line]:
    """The lines of such a folder, in the order of its table.

    Raises:
        HtrError: no table, a row that does not parse, a name without an image or with two.
    """
    folder = Path(root)
    table = find_table(folder)
    if table is None:
        raise HtrError(
            f"{root}: neither lines.txt (IAM layout) nor transcriptions.tsv in it; see `htr data check`"
        )
    pictures: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_TYPES:
            pictures.setdefault(path.stem, path)
            pictures[path.relative_to(folder).as_posix()] = path
    lines: list[Line] = []
    try:
        rows = table.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise HtrError(f"{table}: is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    for number, row in enumerate(rows, 1):
        columns = row.split("\t")
        if not row.strip() or (number == 1 and columns[0].lower() in ("id", "file", "name")):
            continue
        if len(columns) not in (2, 3) or not columns[-1].strip():
            raise HtrError(f"{table}, line {number}: needs a name and a text, parted by a tab")
        name = columns[0].strip()
        found = pictures.get(name) or pictures.get(Path(name).stem)
        if found is None:
            raise HtrError(
                f"{table}, line {number}: no image named {name!r} in {folder}; add it or delete the row"
            )
        writer = columns[1].strip() if len(columns) == 3 else ""
        lines.append(
            Line(Path(name).stem, columns[-1].strip(), found, writer, writer, "ok", 0, 0, (0, 0, 0, 0))
        )
    if not lines:
        raise HtrError(f"{table}: holds no line; write one row per image: name, tab, text")
    return lines
