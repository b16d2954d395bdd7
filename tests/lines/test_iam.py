"""Reading IAM layout: every layout, every trap, every message."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.errors import HtrError
from htr_utils.lines.iam import read
from htr_utils.lines.iam_files import read_form_xml, read_forms_txt, read_lines_txt
from tests.helpers.iam_fake import FORMS, NESTED, form_xml, line_row, write, write_iam

NATURAL = {
    "a01-000u-00": 'He said: "The B B C',
    "a01-000u-01": "is late.\" Anna's # clock",
    "a01-000u-02": "(the old one) stopped.",
    "a01-000x-00": "Xavier kept M P hours, he did.",
    "a01-000x-01": "Tea at 4.30 p.m.; or not?",
    "b02-013-00": "A quiet day!",
    "c03-100a-00": "Nobody knew why.",
    "c03-100a-01": "Mr. J. Fox did n't.",
}


def one_line_error(call: object, *args: object, **options: object) -> str:
    with pytest.raises(HtrError) as caught:
        call(*args, **options)  # type: ignore[operator]
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- what a folder gives


def test_lines_forms_and_writers(tmp_path: Path) -> None:
    folder = read(write_iam(tmp_path))
    assert {line.id: line.text for line in folder.lines.values()} == NATURAL
    line = folder.lines["a01-000u-01"]
    assert (line.form_id, line.writer_id, line.status) == ("a01-000u", "000", "err")
    assert (line.grey_level, line.components, line.box) == (154, 19, (408, 746, 40, 12))
    assert line.path == tmp_path / "lines/a01/a01-000u/a01-000u-01.png"
    assert folder.forms["a01-000u"].line_ids == ("a01-000u-00", "a01-000u-01", "a01-000u-02")
    assert folder.forms["a01-000u"].stated_lines == 3
    assert folder.writers == {
        "000": ("a01-000u",),
        "001": ("a01-000x",),
        "002": ("b02-013",),
        "003": ("c03-100a",),
    }


def test_raw_spacing(tmp_path: Path) -> None:
    folder = read(write_iam(tmp_path), spacing="raw")
    assert folder.spacing == "raw"
    assert folder.lines["a01-000u-01"].text == "is late . \" Anna 's # clock"
    assert folder.lines["a01-000u-00"].text.endswith("B B C"), "spaces inside a token stay"


def test_an_image_loads(tmp_path: Path) -> None:
    image = read(write_iam(tmp_path)).lines["b02-013-00"].image()
    assert image.shape == (12, 40)
    assert image.dtype == np.uint8


@pytest.mark.parametrize(
    "lines_txt", ["ascii/lines.txt", "lines.txt", "lines/lines.txt", "ascii/ascii/lines.txt"]
)
@pytest.mark.parametrize(
    "images",
    [
        NESTED,
        "lines/lines/{first}/{form}/{id}.png",
        "{first}/{form}/{id}.png",
        "lines/{id}.png",
        "lines/lines/{id}.png",
    ],
)
def test_layouts(tmp_path: Path, lines_txt: str, images: str) -> None:
    folder = read(write_iam(tmp_path, lines_txt=lines_txt, images=images))
    assert all(line.path.is_file() for line in folder.lines.values())
    assert f"text from {lines_txt};" in folder.layout
    assert images.format(first="a01", form="a01-000u", id="a01-000u-00") in folder.layout
    assert folder.writers.keys() == {"000", "001", "002", "003"}


def test_no_images_still_reads(tmp_path: Path) -> None:
    folder = read(write_iam(tmp_path, images=None))
    assert "no images found" in folder.layout
    assert folder.lines["b02-013-00"].path == tmp_path / "lines/b02/b02-013/b02-013-00.png"


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_other_line_ends(tmp_path: Path, newline: str) -> None:
    folder = read(write_iam(tmp_path, newline=newline))
    assert {line.id: line.text for line in folder.lines.values()} == NATURAL
    assert [line.id for line in folder.split("validation")] == ["b02-013-00"]


def test_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path / "lines.txt", b"\xef\xbb\xbf" + line_row("a01-000u-00", "Go|.").encode())
    assert read_lines_txt(path)[0].id == "a01-000u-00"


def test_lines_out_of_order_share_their_quotes_in_order(tmp_path: Path) -> None:
    rows = [line_row("a01-000-01", '"|said|he'), line_row("a01-000-00", 'Oh|"|go')]
    write(tmp_path / "lines.txt", "\n".join(rows).encode())
    folder = read(tmp_path)
    assert [line.text for line in folder.lines.values()] == ['" said he', 'Oh "go']
    assert folder.forms["a01-000"].line_ids == ("a01-000-00", "a01-000-01")


# --- writers


def test_writers_from_xml(tmp_path: Path) -> None:
    folder = read(write_iam(tmp_path, forms_txt=False, xml=True))
    assert folder.lines["c03-100a-01"].writer_id == "003"
    assert "writers from xml/" in folder.layout


def test_writers_from_both(tmp_path: Path) -> None:
    write_iam(tmp_path, xml=True)
    write(tmp_path / "ascii/forms.txt", b"b02-013 777 1 prt 1 1 4 4\n")
    folder = read(tmp_path)
    assert folder.lines["b02-013-00"].writer_id == "777"
    assert folder.lines["a01-000u-00"].writer_id == "000"
    assert "writers from ascii/forms.txt and xml/" in folder.layout


def test_no_writers(tmp_path: Path) -> None:
    folder = read(write_iam(tmp_path, forms_txt=False))
    assert {line.writer_id for line in folder.lines.values()} == {""}
    assert folder.writers == {}
    assert "no writers" in folder.layout


def test_a_form_without_lines(tmp_path: Path) -> None:
    write_iam(tmp_path)
    with (tmp_path / "ascii/forms.txt").open("a") as file:
        file.write("z99-999 500 1 all 9 9 9 9\n")
    folder = read(tmp_path)
    assert folder.forms["z99-999"].line_ids == ()
    assert "500" not in folder.writers


# --- XML


def test_xml_entities_escaped_twice(tmp_path: Path) -> None:
    text = '"AT&T" isn\'t <here>'
    xml = form_xml("a01-000u", "000", [text])
    assert "&amp;quot;" in xml
    form = read_form_xml(write(tmp_path / "a01-000u.xml", xml.encode()))
    assert form == ("a01-000u", "000", {"a01-000u-00": text})


BOMB = """<?xml version="1.0"?>
<!DOCTYPE form [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>
<form id="a01-000u" writer-id="&c;"/>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "declaration",
    ['<!ENTITY a "ha">', '<!ENTITY % a "ha">', '<!ENTITY a SYSTEM "file:///etc/passwd">'],
)
def test_xml_with_entities_is_refused(tmp_path: Path, encoding: str, declaration: str) -> None:
    text = BOMB.replace('<!ENTITY a "ha">', declaration)
    if encoding == "utf-16":
        text = text.replace('"1.0"?', '"1.0" encoding="utf-16"?')
    path = write(tmp_path / "bomb.xml", text.encode(encoding))
    assert "declares XML entities" in one_line_error(read_form_xml, path)


@pytest.mark.parametrize(
    "text",
    ["", "<form", "<a/>", "<x><form/><form/></x>", '<?xml version="1.0" encoding="no"?><form/>'],
)
def test_xml_that_is_no_form(tmp_path: Path, text: str) -> None:
    assert "bad.xml" in one_line_error(read_form_xml, write(tmp_path / "bad.xml", text.encode()))


# --- splits


def ids(lines: list) -> list[str]:
    return [line.id for line in lines]


def test_own_lists_of_lines_and_forms(tmp_path: Path) -> None:
    splits = {
        "train": ["a01-000x", "a01-000u-01", "a01-000x-00.png", "z99-000"],
        "val": ["b02-013"],
        "fold_1": ["b02-013"],
    }
    folder = read(write_iam(tmp_path, splits=splits))
    write(tmp_path / "splits/README.txt", b"\xff")
    write(tmp_path / "splits/._train.txt", b"\xff")
    assert folder.split_names == ("fold_1", "train", "validation")
    assert ids(folder.split("train")) == ["a01-000x-00", "a01-000x-01", "a01-000u-01"]
    assert ids(folder.split("validation")) == ["b02-013-00"]
    assert folder.expand(folder.tasks["own"].values())[1] == ["z99-000"]
    assert read(tmp_path).split_names == folder.split_names


def write_official(place: Path) -> None:
    write(place / "trainset.txt", b"a01-000u-00\na01-000u-01\n\n")
    write(place / "validationset1.txt", b"a01-000x-00\n")
    write(place / "validationset2.txt", b"b02-013-00\n")
    write(place / "testset.txt", b"c03-100a-00\n")


def write_aachen(place: Path) -> None:
    write(place / "tr.lst", b"a01-000u\na01-000x\n")
    write(place / "va.lst", b"b02-013\n")
    write(place / "te.lst", b"c03-100a\n")


@pytest.mark.parametrize(
    "place", [".", "ascii", "splits", "largeWriterIndependentTextLineRecognitionTask"]
)
def test_official_task(tmp_path: Path, place: str) -> None:
    write_official(write_iam(tmp_path, splits={}) / place)
    folder = read(tmp_path)
    assert folder.split_names == ("test", "train", "validation", "validation1", "validation2")
    assert ids(folder.split("validation")) == ["a01-000x-00", "b02-013-00"]
    assert ids(folder.split("validation2")) == ["b02-013-00"]
    assert "splits: official" in folder.layout


def test_two_tasks_want_a_choice(tmp_path: Path) -> None:
    write_official(write_iam(tmp_path, splits={}))
    write_aachen(tmp_path / "splits")
    folder = read(tmp_path)
    assert "aachen, official" in one_line_error(folder.split, "train")
    assert len(folder.split("train", task="official")) == 2
    assert len(folder.split("train", task="aachen")) == 5
    assert folder.split_names == ("test", "train", "validation", "validation1", "validation2")
    assert len(read(tmp_path, task="aachen").split("train")) == 5
    write(tmp_path / "splits/train.txt", b"b02-013\n")
    assert ids(read(tmp_path).split("train")) == ["b02-013-00"], "own lists come first"


def test_split_mistakes(tmp_path: Path) -> None:
    write_iam(tmp_path)
    assert "known: test, train, validation" in one_line_error(read(tmp_path).split, "tset")
    assert "known: own" in one_line_error(read, tmp_path, task="aachen")
    assert "known: own" in one_line_error(read(tmp_path).split, "train", task="official")
    write(tmp_path / "splits/test.txt", b"x\n")
    assert "no id in" in one_line_error(read(tmp_path).split, "test")
    write(tmp_path / "splits/val.txt", b"x\n")
    assert "keep one" in one_line_error(read, tmp_path)


def test_no_lists(tmp_path: Path) -> None:
    folder = read(write_iam(tmp_path, splits={}))
    assert folder.split_names == ()
    assert "splits/" in one_line_error(folder.split, "train")


# --- mistakes, one line each


def test_missing_folder_and_file(tmp_path: Path) -> None:
    assert "no folder" in one_line_error(read, tmp_path / "IAM")
    assert "is a file" in one_line_error(read, write(tmp_path / "lines.tgz", b"x"))
    message = one_line_error(read, tmp_path)
    for place in ("ascii/lines.txt", " lines.txt", "lines/lines.txt", "unpack lines.tgz"):
        assert place in message
    assert "must be 'natural' or 'raw'" in one_line_error(read, tmp_path, spacing="tokens")


def test_the_data_root_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTR_DATA", str(write_iam(tmp_path)))
    assert read().root == tmp_path
    monkeypatch.setenv("HTR_DATA", "~nobody-of-that-name/iam")
    with pytest.raises(
        HtrError, match="HTR_DATA is '~nobody-of-that-name/iam', which is not a folder"
    ):
        read()


GOOD = line_row("a01-000u-00", "Go|on|.")


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([GOOD, "a01-000u-01 ok 154 19 408 746 40 12"], "line 2: 8 columns, 9 are wanted"),
        (["# c", "", "a01-000u-01 ok 154 19"], "line 3: 4 columns"),
        (["a01-000u-01 ok 154 19 408 x46 40 12 Go"], "column 6 is 'x46'"),
        (["a01-000u-01 ok 154 19 408 7_4 40 12 Go"], "column 6 is '7_4'"),
        (["a01-000u-01 ok " + "9" * 5000 + " 19 408 7 40 12 Go"], "column 3 is '999"),
        ([GOOD, "", GOOD], "line 3: a01-000u-00 is already on line 1"),
        (["a01-000u-00-00 ok 154 408 768 27 51 AT A"], "words.txt"),
        (["a01-000u-s00-00 0 ok 154 19 408 746 1661 89 A|MOVE"], "sentences.txt"),
        (["a01-000u-00 0 ok 154 19 408 746 1661 89 A|MOVE"], "column 2 is '0'"),
        (["../../etc/passwd-00 ok 154 19 408 746 1661 89 A"], "is no line id"),
        (["a01-000u-" + "9" * 5000 + " ok 154 19 408 746 1661 89 A"], "is no line id"),
        (["a01-000u-00 ok 154 19 408 746 1661 89 |"], "has no text"),
        (["# nothing"], "holds no lines"),
    ],
)
def test_rows_that_do_not_read(tmp_path: Path, rows: list[str], wanted: str) -> None:
    message = one_line_error(
        read, write(tmp_path / "ascii/lines.txt", "\n".join(rows).encode()).parents[1]
    )
    assert wanted in message
    assert "lines.txt" in message
    assert len(message) < 250 + len(str(tmp_path))


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    write(tmp_path / "lines.txt", GOOD.encode() + b"\na01-000u-01 ok 1 1 1 1 1 1 caf\xe9\n")
    message = one_line_error(read, tmp_path)
    assert "lines.txt, line 2: byte 0xe9" in message


def test_a_folder_that_cannot_be_read_as_a_file(tmp_path: Path) -> None:
    assert "cannot be read" in one_line_error(read_lines_txt, tmp_path)


@pytest.mark.parametrize("row", ["a01-000u", "? 000", "a01-000u 000 2 prt seven", "b02-013 002"])
def test_forms_that_do_not_read(tmp_path: Path, row: str) -> None:
    path = write(tmp_path / "forms.txt", f"b02-013 002\n{row}\n".encode())
    assert "forms.txt, line 2" in one_line_error(read_forms_txt, path)


def test_words_and_sentences_beside_lines_do_no_harm(tmp_path: Path) -> None:
    write_iam(tmp_path)
    write(tmp_path / "ascii/words.txt", b"a01-000u-00-00 ok 154 408 768 27 51 AT A\n")
    write(tmp_path / "words/a01/a01-117/a01-117-05-02.png", b"")
    assert len(read(tmp_path).lines) == len(NATURAL)


# --- properties

line_ids = st.from_regex(r"[a-z][0-9]{2}-[0-9]{3}[a-z]?-[0-9]{2}", fullmatch=True)
numbers = st.integers(-1, 9999)
tokens = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8)
texts = (
    st.lists(tokens, min_size=1, max_size=6)
    .flatmap(
        lambda words: st.lists(st.sampled_from("| "), min_size=len(words), max_size=len(words)).map(
            lambda gaps: "".join(word + gap for word, gap in zip(words, gaps, strict=True)).rstrip(
                "| "
            )
        )
    )
    .filter(lambda text: text.strip("| "))
)
lines_rows = st.lists(
    st.tuples(line_ids, st.sampled_from(["ok", "err"]), st.tuples(*[numbers] * 6), texts),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row[0],
)


@settings(max_examples=60, deadline=None)
@given(lines_rows, st.sampled_from(["\n", "\r\n", "\n\n", "\n# x\n"]))
def test_rows_in_iam_format_read_back(rows: list, newline: str) -> None:
    text = newline.join(
        " ".join(map(str, (line, status, *values, text))) for line, status, values, text in rows
    )
    with tempfile.TemporaryDirectory() as folder:
        found = read_lines_txt(write(Path(folder) / "lines.txt", text.encode()))
    assert [
        (row.id, row.status, (row.grey_level, row.components, *row.box), row.tokens)
        for row in found
    ] == rows


fragments = st.sampled_from(
    [
        GOOD,
        "a01-000u",
        "-00",
        " ok ",
        " 1 2 3",
        "#",
        "\n",
        "\r\n",
        "\0",
        "\x1c",
        "|",
        '"',
        "\xa0",
        "٣",
        " err 1 1 1 1 1 1 x",
    ]
).map(str.encode)
anything = st.one_of(
    st.binary(max_size=80),
    st.lists(st.one_of(fragments, st.binary(max_size=3)), max_size=12).map(b"".join),
)


@settings(max_examples=150, deadline=None)
@given(
    anything,
    st.sampled_from(["lines.txt", "forms.txt", "splits/train.txt", "xml/a01-000u.xml", "tr.lst"]),
)
def test_any_bytes_give_a_result_or_one_line(data: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root / "lines.txt", GOOD.encode())
        write(root / name, data)
        try:
            found = read(root)
            for split in found.split_names:
                found.split(split)
        except HtrError as error:
            assert "\n" not in str(error)


def test_the_fake_is_what_the_tests_think() -> None:
    assert sum(len(texts) for _, texts in FORMS.values()) == len(NATURAL)


def test_a_home_that_nobody_has_is_a_folder_that_is_not_there() -> None:
    with pytest.raises(HtrError, match="no folder ~nobody-of-this-name/iam"):
        read("~nobody-of-this-name/iam")
