"""A folder of one's own pictures with a table of their texts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from htr_utils.lines import iam, images, labels
from tests.helpers.tiny_fonts import one_line_error


def folder(
    root: Path, table: str, names: tuple[str, ...], name: str = "transcriptions.tsv"
) -> Path:
    picture = np.full((20, 60), 240, np.uint8)
    picture[8:12, 5:55] = 30
    images.save(root / "source.dat", picture)
    for one in names:
        (root / one).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "source.dat", root / one)
    (root / name).write_text(table, encoding="utf-8")
    return root


def test_two_columns(tmp_path: Path) -> None:
    lines = labels.read(folder(tmp_path, "b\tsecond\na.png\tfirst line\n", ("a.png", "b.png")))
    assert [(line.id, line.text, line.path.name) for line in lines] == [
        ("b", "second", "b.png"),
        ("a", "first line", "a.png"),
    ]
    assert lines[0].writer_id == ""
    assert lines[0].status == "ok"
    assert lines[0].image().shape == (20, 60)


def test_three_columns_and_a_header(tmp_path: Path) -> None:
    table = "id\twriter_or_document\ttext\na\tanna\tHallo  dort \n\n b \tbob\tYes\n"
    lines = labels.read(folder(tmp_path, table, ("lines/a.jpg", "lines/deep/b.PNG"), "lines.tsv"))
    assert [(line.id, line.writer_id, line.text) for line in lines] == [
        ("a", "anna", "Hallo  dort"),
        ("b", "bob", "Yes"),
    ]


def test_windows_habits(tmp_path: Path) -> None:
    folder(tmp_path, "", ("a.png",))
    (tmp_path / "transcriptions.tsv").write_bytes("\ufeffname\ttext\r\na\tGrüße\r\n".encode())
    assert [line.text for line in labels.read(tmp_path)] == ["Grüße"]


def test_separators_inside_a_text_are_no_ends_of_lines(tmp_path: Path) -> None:
    lines = labels.read(folder(tmp_path, "a\tone\u2028two\x0bthree\n", ("a.png",)))
    assert lines[0].text == "one\u2028two\x0bthree"


def test_dots_in_names(tmp_path: Path) -> None:
    lines = labels.read(
        folder(tmp_path, "line.1\tone\nline.2\ttwo\n", ("line.1.png", "line.2.png", "line.png"))
    )
    assert [(line.id, line.path.name) for line in lines] == [
        ("line.1", "line.1.png"),
        ("line.2", "line.2.png"),
    ]
    (tmp_path / "transcriptions.tsv").write_text("line.3\tthree\n")
    assert "line.3" in one_line_error(labels.read, tmp_path), "and line.png is not taken for it"


def test_a_path_within_the_folder_names_one_picture(tmp_path: Path) -> None:
    table = "mon/a.png\tone\ntue/a.png\ttwo\nmon/b\tthree\nc.png\tfour\n"
    lines = labels.read(
        folder(tmp_path, table, ("mon/a.png", "tue/a.png", "mon/b.tif", "c.png", "old/c.png"))
    )
    found = [(line.id, line.path.relative_to(tmp_path).as_posix()) for line in lines]
    assert found == [
        ("mon/a", "mon/a.png"),
        ("tue/a", "tue/a.png"),
        ("mon/b", "mon/b.tif"),
        ("c", "c.png"),
    ]


@pytest.mark.parametrize("names", [("a.png", "a.jpg"), ("mon/a.png", "tue/a.png")])
def test_a_name_with_two_pictures(tmp_path: Path, names: tuple[str, ...]) -> None:
    message = one_line_error(labels.read, folder(tmp_path, "a\tone\n", names))
    assert "line 1" in message
    assert names[1].split("/")[-1] in message


def test_ids_stay_apart(tmp_path: Path) -> None:
    lines = labels.read(folder(tmp_path, "a.png\tone\na.jpg\ttwo\n", ("a.png", "a.jpg")))
    assert [line.id for line in lines] == ["a", "a.jpg"]
    assert lines[0].path != lines[1].path


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("a\tone\nb\ttwo\n", "line 2: no image named 'b'"),
        ("a\n", "line 1"),
        ("a\t \n", "line 1"),
        ("a\tx\ty\tz\n", "line 1"),
        ("id\ttext\n", "holds no line"),
        ("", "holds no line"),
        ("a\tone\na.png\tagain\n", "in line 1 too"),
    ],
)
def test_tables_that_do_not_read(tmp_path: Path, table: str, says: str) -> None:
    message = one_line_error(labels.read, folder(tmp_path, table, ("a.png",)))
    assert says in message
    assert "transcriptions.tsv" in message


def test_no_table(tmp_path: Path) -> None:
    assert "transcriptions.tsv" in one_line_error(labels.read, tmp_path)
    assert "no such folder" in one_line_error(labels.read, tmp_path / "missing")


def test_a_table_in_another_encoding(tmp_path: Path) -> None:
    folder(tmp_path, "", ("a.png",))
    (tmp_path / "transcriptions.tsv").write_bytes("a\tKäse\n".encode("latin-1"))
    assert "UTF-8" in one_line_error(labels.read, tmp_path)


def test_the_samples_of_the_course_answer_too(tmp_path: Path, root: Path) -> None:
    for path in (root / "data" / "samples").glob("*.png"):
        shutil.copy(path, tmp_path)
    shutil.copy(root / "data" / "samples" / "transcriptions.tsv", tmp_path)
    lines = labels.read(tmp_path)
    assert len(lines) == len(list(tmp_path.glob("*.png"))) >= 5


def test_folders_with_tables_side_by_side_are_one(tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        (tmp_path / name).mkdir()
        folder(tmp_path / name, "line-1.png\t" + name + "\n", ("line-1.png",))
    (tmp_path / "notes").mkdir()
    assert not iam.is_layout(tmp_path)
    assert [(line.id, line.text) for line in labels.read(tmp_path)] == [
        ("monday/line-1", "monday"),
        ("tuesday/line-1", "tuesday"),
    ]
    # As Windows unpacks: a folder round the folder. Beside it pictures with texts, and a table at the top.
    deep = tmp_path / "sunday-training" / "sunday"
    deep.mkdir(parents=True)
    folder(deep, "line-1\tdeep\n", ("line-1.png",))
    assert [line.id for line in labels.read(tmp_path)][1] == "sunday-training/sunday/line-1"
    shutil.copy(deep / "line-1.png", tmp_path / "pair.png")
    (tmp_path / "pair.txt").write_text("beside", encoding="utf-8")
    (deep / "line-1.txt").write_text("a note, since the table says it", encoding="utf-8")
    assert [line.text for line in labels.read(tmp_path)] == ["monday", "deep", "tuesday", "beside"]
    (tmp_path / "transcriptions.tsv").write_text(
        "pair\ttop\nmonday/line-1\tMonday\n", encoding="utf-8"
    )
    assert [line.text for line in labels.read(tmp_path)] == ["top", "Monday", "deep", "tuesday"]
    (tmp_path / "transcriptions.tsv").unlink()
    (tmp_path / "ascii").mkdir()
    (tmp_path / "ascii" / "lines.txt").write_text("#\n", encoding="utf-8")
    assert iam.is_layout(tmp_path), (
        "IAM's layout, whatever lies beside it: here what `htr read` wrote, and tables"
    )
    assert iam.is_layout(Path(__file__).parents[2] / "data")


def test_a_text_file_beside_each_image(tmp_path: Path) -> None:
    root = folder(tmp_path, "", ("a.png", "deep/b.jpg", "c.png"), "unused.txt")
    (root / "a.txt").write_text("first  line\n", encoding="utf-8")
    (root / "deep" / "b.txt").write_text("\ufeffsecond", encoding="utf-8")
    assert not iam.is_layout(root)
    assert [(line.id, line.text) for line in labels.read(root)] == [
        ("a", "first line"),
        ("deep/b", "second"),
    ]
    (root / "c.txt").write_text(" \n", encoding="utf-8")
    assert "c.txt: is empty" in one_line_error(lambda: labels.read(root))


@pytest.mark.parametrize("place", [".", "lines", "ascii/ascii"])
def test_a_text_beside_a_picture_leaves_an_iam_folder_what_it_is(
    tmp_path: Path, place: str
) -> None:
    folder(tmp_path, "", ("lines/a.png",), "unused.txt")
    (tmp_path / "lines" / "a.txt").write_text("as it was read", encoding="utf-8")
    assert not iam.is_layout(tmp_path)
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / "lines.txt").write_text("#\n", encoding="utf-8")
    assert iam.is_layout(tmp_path)
    shutil.copy(tmp_path / "lines" / "a.png", tmp_path / place / "lines.png")
    assert not iam.is_layout(tmp_path), "here lines.txt is what a picture of that name says"


def test_names_are_found_in_either_form_of_unicode(tmp_path: Path) -> None:
    """macOS hands out "é" as a letter and an accent; an editor writes one character."""
    whole, parts = "Caf\u00e9", "Cafe\u0301"
    root = folder(
        tmp_path,
        f"{whole}-1.png\tone\n{parts}-2\ttwo\n{whole}/b\tthree\n",
        (f"{parts}-1.png", f"{whole}-2.png", f"{parts}/b.png", "b.png"),
    )
    assert [(line.id, line.text) for line in labels.read(root)] == [
        (f"{whole}-1", "one"),
        (f"{whole}-2", "two"),
        (f"{whole}/b", "three"),
    ]


def test_a_folder_of_images_alone_is_not_taken(tmp_path: Path) -> None:
    root = folder(tmp_path, "", ("a.png",), "unused.txt")
    message = one_line_error(lambda: labels.read(root))
    assert "1 pictures" in message and "transcriptions.tsv" in message


def test_a_folder_that_is_here_is_no_other(tmp_path: Path) -> None:
    """`mon/b.png` is missing; that there is a `tue/b.png` does not help. Folders of another machine are left out."""
    root = folder(tmp_path, "mon/a.png\tone\nmon/b.png\ttwo\n", ("mon/a.png", "tue/b.png"))
    assert "line 2: no image named 'mon/b.png'" in one_line_error(labels.read, root)
    (root / "transcriptions.tsv").write_text("/home/x/scans/mon/a.png\tone\n", encoding="utf-8")
    assert [(line.path.name, line.text) for line in labels.read(root)] == [("a.png", "one")]


def test_texts_beside_pages_that_have_a_page_file_are_notes(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.png\tone\n", ("in/a.png", "p1.png"), "in/transcriptions.tsv")
    (root / "p1.txt").write_text("line one\nline two\n", encoding="utf-8")
    assert "2 rows for one picture" in one_line_error(labels.read, root)
    place = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
    xml = f'<PcGts xmlns="{place}"><Page imageFilename="p1.png"/></PcGts>'
    (root / "p1.page.xml").write_text(xml, encoding="utf-8")
    assert [line.text for line in labels.read(root)] == ["one"]
