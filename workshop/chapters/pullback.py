"""From a chapter edited in Jupyter back to its source, without losing the solutions.

The rule, cell by cell, by cell id: a cell that reads as it was built keeps its source, solution included. A
changed cell replaces its source; if it was an exercise, each `...` that stood for a solution must still be
there, alone on its line, and the solution goes back in its place. Where that cannot be, nothing is written.

Tools renew ids (nbstripout does so by default). A cell whose id is unknown is matched by what it says: by the same
text, then by the most similar one. An exercise is dropped only where no cell is left that could be it.

The ids are positions. A notebook that was built from an older source has those of other cells, so that it is compared
with the source by what the cells say, and a solution goes back only into an exercise that reads as it was built.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from htr_utils import files
from htr_utils.cli.one_line import one_line
from htr_utils.errors import HtrError
from htr_utils.runs.chapter_files import END, START, blank, notebooks_folder, read

ALIKE = 0.6  # similarity (difflib's ratio) from which two cells are the same one, edited


def _blocks(source: str) -> list[list[str]]:
    """The marked solution blocks of a cell, markers included."""
    blocks: list[list[str]] = []
    inside = False
    for line in source.split("\n"):
        if line.strip() == START:
            inside = True
            blocks.append([])
        if inside:
            blocks[-1].append(line)
        if line.strip() == END:
            inside = False
    return blocks


def restore_solutions(edited: str, original: str, where: str) -> str:
    """The edited exercise cell with the original's solution blocks in place of its `...` lines.

    Raises:
        HtrError: there are not as many `...` lines as solutions.
    """
    blocks = _blocks(original)
    lines = edited.split("\n")
    stubs = [index for index, line in enumerate(lines) if line.strip() == "..."]
    if len(stubs) != len(blocks):
        raise HtrError(
            f"{where}: {len(blocks)} solutions but {len(stubs)} lines with only `...`; "
            "edit this cell in the source instead"
        )
    for index, block in zip(reversed(stubs), reversed(blocks), strict=True):
        old = len(block[0]) - len(block[0].lstrip())
        new = len(lines[index]) - len(lines[index].lstrip())
        lines[index : index + 1] = [
            (" " * new + line[old:]) if line.strip() else line for line in block
        ]
    return "\n".join(lines)


def _places(edited: NotebookNode, built: NotebookNode, older: bool) -> list[int | None]:
    """Which cell of the built lesson each edited cell is; None for a new one.

    By id, unless the lesson is `older` than its source; then by the same text, in order and out of it; then, unless
    `older`, the most similar text of the same kind.
    """
    found: list[int | None] = [None] * len(edited.cells)
    known = {} if older else {cell.id: place for place, cell in enumerate(built.cells)}
    for here, cell in enumerate(edited.cells):
        found[here] = known.pop(cell.get("id"), None)

    def left() -> tuple[list[int], list[int]]:
        places = (place for place in range(len(built.cells)) if place not in found)
        return [here for here, place in enumerate(found) if place is None], list(places)

    mine, theirs = left()
    texts = [edited.cells[here].source for here in mine], [built.cells[i].source for i in theirs]
    for a, b, size in difflib.SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks():
        for step in range(size):
            found[mine[a + step]] = theirs[b + step]
    pairs = []
    for here, there in itertools.product(*left()):
        one, other = edited.cells[here], built.cells[there]
        if one.cell_type == other.cell_type:
            like = difflib.SequenceMatcher(None, one.source, other.source, autojunk=False).ratio()
            if like == 1 or (like >= ALIKE and not older):
                pairs.append((like, here, there))
    for _, here, there in sorted(pairs, key=lambda pair: -pair[0]):
        if found[here] is None and there not in found:
            found[here] = there
    return found


def _may_hold(cell: NotebookNode) -> bool:
    """Whether a cell that matches none of the source may yet be an exercise of it, edited beyond recognition."""
    stub = any(line.strip() == "..." for line in cell.source.split("\n"))
    return stub or "exercise" in cell.metadata.get("tags", [])


def pull(
    notebook_path: Path, *, force: bool = False, folder: Path | None = None
) -> tuple[Path, int]:
    """Write an edited lesson's cells back to `src/`.

    Args:
        notebook_path: `NN_name.ipynb`, anywhere; the name says which chapter it is.
        force: also where the source changed since the notebook was built.
        folder: the folder `notebooks/` to write to; the checkout's without.
    Returns:
        The source file and how many cells changed, moved, came or went.
    Raises:
        HtrError: no such notebook or chapter, a solution notebook, a newer source, a solution without place, or
            what would come out could not be built.

    Says in one line on standard error where cells had to be matched by what they say.
    """
    if not notebook_path.is_file():
        raise HtrError(f"no notebook {notebook_path}")
    if notebook_path.resolve().parent.name == "solutions":
        raise HtrError("pull takes the lesson, not its solutions; edit solutions in the source")
    source = (folder or notebooks_folder()) / "src" / f"{notebook_path.stem}.py"
    edited, built = read(notebook_path), blank(source)
    older = edited.metadata.get("htr", {}).get("source_sha256") != built.metadata.htr.source_sha256
    if older and not force:
        raise HtrError(
            f"{source.name} changed since this notebook was built; rebuild and edit again, or use --force"
        )
    text = source.read_text(encoding="utf-8")
    originals = jupytext.reads(text, fmt="py:percent").cells
    known = dict(enumerate(zip(built.cells, originals, strict=True)))
    places = _places(edited, built, older)
    renewed = sum(
        place is not None and edited.cells[here].get("id") != built.cells[place].id
        for here, place in enumerate(places)
    )
    cells: list[NotebookNode] = []
    changed = 0
    for position, cell in enumerate(edited.cells):
        place = places[position]
        lesson, original = (None, None) if place is None else known.pop(place)
        new = nbformat.from_dict(original or {"cell_type": cell.cell_type, "metadata": {}})
        tags = cell.metadata.get("tags", [])
        if lesson is None or original is None:
            new.source = cell.source
        elif cell.source == lesson.source and tags == lesson.metadata.get("tags", []):
            new.source = original.source
        elif _blocks(original.source):
            where = f"{notebook_path.name}, cell {position}"
            new.source = restore_solutions(cell.source, original.source, where)
        else:
            new.source = cell.source
        old = None if original is None else (original.source, original.metadata.get("tags", []))
        changed += old != (new.source, tags)
        new.cell_type = cell.cell_type
        new.metadata = {"tags": list(tags)} if tags else {}
        cells.append(new)
    lost = [cell.id for cell, original in known.values() if _blocks(original.source)]
    if lost and older:
        raise HtrError(
            f"{source.name} changed since this notebook was built, and no cell here reads as its exercise "
            f"{', '.join(lost)}; rebuild (`make notebooks`) and edit again"
        )
    alone = (here for here, place in enumerate(places) if place is None)
    doubtful = [str(here) for here in alone if _may_hold(edited.cells[here])]
    if lost and doubtful:
        raise HtrError(
            f"{notebook_path.name}: no cell reads as the exercise {', '.join(lost)}, and cell "
            f"{', '.join(doubtful)}, whose id is new, may be it; write the solution there, between "
            f"`{START}` and `{END}`, or delete that cell and use --force"
        )
    if lost and not force:
        raise HtrError(
            f"{notebook_path.name} lacks the exercise cells {', '.join(lost)}; --force drops them for good"
        )
    order = [place for place in places if place is not None]
    changed += len(known) + sum(after < before for before, after in itertools.pairwise(order))
    if changed:
        pulled = _as_percent(text, cells)
        try:
            blank(source, text=pulled)
        except HtrError as error:
            raise HtrError(
                f"{notebook_path.name} would make a source that cannot be built: {error}"
            ) from None
        files.write_text(source, pulled)
    if renewed and not older:
        print(
            f"{notebook_path.name}: cell ids were renewed; {renewed} cells matched by what they say",
            file=sys.stderr,
        )
    return source, changed


def _as_percent(text: str, cells: list[NotebookNode]) -> str:
    """Cells in percent format behind the header that the old source had."""
    header = re.match(r"# ---\n.*?\n# ---\n+", text.replace("\r\n", "\n"), flags=re.DOTALL)
    fresh = nbformat.v4.new_notebook(metadata={"jupytext": {"notebook_metadata_filter": "-all"}})
    for cell in cells:
        make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
        fresh.cells.append(
            make.get(cell.cell_type, nbformat.v4.new_raw_cell)(cell.source, metadata=cell.metadata)
        )
    body = jupytext.writes(fresh, fmt="py:percent")
    return (header[0] if header else "") + body[body.index("# %%") :]


@one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """`pull NOTEBOOK [--force]`."""
    parser = argparse.ArgumentParser(
        prog="python -m htr_utils pull",
        description="Write a chapter edited in Jupyter back to its source.",
    )
    parser.add_argument("notebook", type=Path)
    parser.add_argument(
        "--force", action="store_true", help="even where the source changed since the build"
    )
    options = parser.parse_args(arguments)
    source, changed = pull(options.notebook, force=options.force)
    print(f"{source.name}: {changed} cells changed; now `make notebooks`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
