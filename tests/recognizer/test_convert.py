"""Lines written in another form say the same, and show the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from htr_utils.cli.data import data
from htr_utils.convert import convert
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images, labels
from tests.helpers.iam_fake import write_iam

TEXTS = ['"Yes, I do,"', "she said; no.", 'to "Anna", (the old', "Grüße, 3 €!", "a  b"]


def own(root: Path) -> Path:
    rows = []
    for number, text in enumerate(TEXTS):
        picture = np.full((20, 60 + number), 240, np.uint8)
        picture[8:12, 5:55] = 30
        images.save(root / f"p{number}.png", picture)
        rows.append(f"p{number}\tw{number % 2}\t{text}\n")
    (root / "transcriptions.tsv").write_text("".join(rows), encoding="utf-8")
    return root


def lines_of(root: Path) -> list[tuple[str, int]]:
    return sorted((line.text, line.image().shape[1]) for line in labels.open_lines(root).lines)


@pytest.mark.parametrize("to", ["tsv", "iam", "gt.txt", "page"])
def test_what_is_written_is_read_as_it_was(tmp_path: Path, to: str) -> None:
    source = own(tmp_path / "source")
    assert convert(source, tmp_path / "out", to) == 5
    there, before = lines_of(tmp_path / "out"), lines_of(source)
    blanks = [(" ".join(text.split()), width) for text, width in before]
    assert [text for text, _ in there] == [t for t, _ in (before if to == "tsv" else blanks)]
    if to != "page":  # where a line is cut out anew
        assert [width for _, width in there] == [width for _, width in before]
    assert iam.is_layout(tmp_path / "out") == (to == "iam")
    with pytest.raises(HtrError, match="is not empty"):
        convert(source, tmp_path / "out", to)


@pytest.mark.parametrize("to", ["tsv", "iam", "gt.txt"])
def test_splits_and_writers_are_kept(tmp_path: Path, to: str) -> None:
    convert(write_iam(tmp_path / "source"), tmp_path / "out", to)
    wanted = {"train": 5, "validation": 1, "test": 2}
    if to == "iam":
        folder = iam.read(tmp_path / "out")
        assert {name: len(folder.split(name)) for name in folder.split_names} == wanted
        assert len(folder.writers) == 4
    else:
        found = labels.splits(labels.read(tmp_path / "out"))
        assert {name: len(lines) for name, lines in found.items()} == wanted
    assert lines_of(tmp_path / "out") == lines_of(tmp_path / "source")


def test_the_command_and_the_way_to_train(tmp_path: Path) -> None:
    source = own(tmp_path / "source")
    done = CliRunner().invoke(data, ["convert", str(source), str(tmp_path / "out"), "--to", "tsv"])
    assert done.output == f"wrote 5 lines to {tmp_path / 'out'}\n", done.output
    asked = ["check", str(tmp_path / "out"), "--sheet", str(tmp_path / "sheet.png")]
    done = CliRunner().invoke(data, asked)
    assert done.exit_code == 0, done.output
    assert f"htr train --data {tmp_path / 'out'} --" in done.output
    assert images.load(tmp_path / "sheet.png").shape[1] == 1600
    (tmp_path / "out" / "p1.png").unlink()
    done = CliRunner().invoke(data, asked)
    assert done.exit_code == 1
    assert "error: 1 rows whose image is missing, first " in done.output


def test_labels_are_checked_and_converted_without_tensorflow(tmp_path: Path) -> None:
    """Both are for who has labels and the light install; convert stood in a room that trains."""
    folder = tmp_path / "mine"
    folder.mkdir()
    own(folder)
    program = (
        "import sys; sys.modules['tensorflow'] = sys.modules['keras'] = None\n"
        "from htr_utils.cli import main\nmain(standalone_mode=False)\n"
    )
    out = str(tmp_path / "out")
    for words in (["check", str(folder)], ["convert", str(folder), out, "--to", "tsv"]):
        done = subprocess.run(
            [sys.executable, "-c", program, "data", *words], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "out").is_dir()
