"""Every form in which people have transcribed lines: recognised, named, read alike."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from htr_utils.errors import HtrError
from htr_utils.lines import iam, images, labels, page_files
from tests.helpers.iam_fake import FORMS, line_row, png, write, write_iam

TEXTS = ['He said "no, never".', "Grüße; 3 € – bald", "a,b", "last one"]
NAMES = ["l0.png", "deep/l 1.png", "l2.JPG", "l3.bmp"]
XML = "<?xml version='1.0' encoding='UTF-8'?>"


def pictures(root: Path) -> None:
    grey = np.full((20, 60), 240, np.uint8)
    grey[8:12, 5:55] = 30
    for name in NAMES:
        write(root / name, cv2.imencode(Path(name).suffix.lower(), grey)[1].tobytes())


def quoted(cell: str, separator: str) -> str:
    """As a spreadsheet writes a cell."""
    wanted = any(c in cell for c in ('"', separator, "\n"))
    return '"' + cell.replace('"', '""') + '"' if wanted else cell


def table(separator: str, header: str = "", end: str = "\n", every: bool = False) -> str:
    rows = [header] if header else []
    for name, text in zip(NAMES, TEXTS, strict=True):
        cells = [f'"{c.replace(chr(34), chr(34) * 2)}"' for c in (name, text)]
        rows.append(
            separator.join(cells if every else (quoted(c, separator) for c in (name, text)))
        )
    return end.join([*rows, ""])


def parquet(root: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    cells = [{"bytes": (root / name).read_bytes(), "path": name} for name in NAMES]
    made = pa.table({"image": cells, "text": TEXTS, "lang": ["de"] * 4})
    pq.write_table(made, root / "data.parquet", row_group_size=3)
    for name in NAMES:
        (root / name).unlink()


def pairs(ending: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        for name, text in zip(NAMES, TEXTS, strict=True):
            write((root / name).with_suffix(ending), f"{text}\n".encode())

    return make


def rows(name: str, text: str) -> Callable[[Path], None]:
    return lambda root: write(root / name, text.encode()) and None


def objects(**other: str) -> list[dict[str, str]]:
    return [
        {"file_name": name, "text": text, **other} for name, text in zip(NAMES, TEXTS, strict=True)
    ]


FORMATS: dict[str, Callable[[Path], object]] = {
    "csv": rows("labels.csv", table(",", "file,text")),
    "csv without a header": rows("any.csv", table(",")),
    "csv with all quoted": rows("any.csv", table(",", '"image","label"', every=True)),
    "csv of Excel in Germany": rows("Mappe1.csv", "\ufeff" + table(";", "Filename;Text", "\r\n")),
    "csv with sep=": rows("x.csv", "sep=;\n" + table(";", "image path;Transcription")),
    "csv of pandas": rows(
        "train_labels.csv",
        ",FILENAME,IDENTITY\n"
        + "".join(f"{n},{r}\n" for n, r in enumerate(table(",").splitlines())),
    ),
    "tsv of Excel": rows("transcriptions.tsv", table("\t", "image\ttext", "\r\n")),
    "tsv with all quoted": rows("lines.tsv", table("\t", every=True)),
    "tsv plain": rows("x.tsv", "".join(f"{n}\t{t}\n" for n, t in zip(NAMES, TEXTS, strict=True))),
    "old Mac line ends": rows(
        "x.tsv", "".join(f"{n}\t{t}\r" for n, t in zip(NAMES, TEXTS, strict=True))
    ),
    "names with backslashes": rows(
        "transcriptions.tsv",
        "".join(
            f"C:\\scans\\{n.replace('/', chr(92))}\t{t}\n"
            for n, t in zip(NAMES, TEXTS, strict=True)
        ),
    ),
    "gt.txt with blanks": rows(
        "gt.txt", "".join(f"{n} {t}\n" for n, t in zip(NAMES, TEXTS, strict=True))
    ),
    "labels.txt with tabs": rows(
        "labels.txt", "".join(f"{n}\t{t}\n" for n, t in zip(NAMES, TEXTS, strict=True))
    ),
    "ICDAR": rows("gt.txt", "".join(f'{n}, "{t}"\n' for n, t in zip(NAMES, TEXTS, strict=True))),
    "docTR": rows("labels.json", json.dumps(dict(zip(NAMES, TEXTS, strict=True)))),
    "JSON list": rows("any.json", json.dumps(objects())),
    "JSON lines": rows("metadata.jsonl", "\n".join(map(json.dumps, objects(split="x")))),
    ".txt beside": pairs(".txt"),
    ".gt.txt beside": pairs(".gt.txt"),
    "parquet": parquet,
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_form_gives_the_same_lines(tmp_path: Path, name: str) -> None:
    pictures(tmp_path)
    FORMATS[name](tmp_path)
    assert not iam.is_layout(tmp_path)
    lines = labels.read(tmp_path)
    assert sorted(line.text for line in lines) == sorted(TEXTS)
    assert all(line.image().shape == (20, 60) for line in lines)
    assert len({line.id for line in lines}) == 4
    if name != "parquet":
        said = {line.path.relative_to(tmp_path).as_posix(): line.text for line in lines}
        assert said == dict(zip(NAMES, TEXTS, strict=True))


def test_a_file_of_labels_alone_is_taken_too(tmp_path: Path) -> None:
    pictures(tmp_path)
    file = write(tmp_path / "labels.csv", table(",", "file,text").encode())
    assert [line.text for line in labels.read(file)] == TEXTS
    with pytest.raises(HtrError, match="no file of labels"):
        labels.read(tmp_path / "l0.png")


RAW = [
    ['"Hello, dear,"', "she said, and left"],
    ['"Hello', 'you," he said'],
    ['"', '" 5" wide', "a, b"],
    ['"yes"'],
]


@pytest.mark.parametrize("texts", RAW)
def test_quotes_of_the_writing_stay(tmp_path: Path, texts: list[str]) -> None:
    pictures(tmp_path)
    said = "".join(f"{name}\t{text}\n" for name, text in zip(NAMES, texts, strict=False))
    write(tmp_path / "transcriptions.tsv", said.encode())
    assert [line.text for line in labels.read(tmp_path)] == texts


def test_a_text_may_be_a_word_that_headers_use(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path / "transcriptions.tsv", b"l0.png\tname\nl2.JPG\tfile\n")
    assert [line.text for line in labels.read(tmp_path)] == ["name", "file"]


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(
        tmp_path / "x.csv",
        b"text,writer id,split,image\nfirst,anna,a,l0.png\nsecond,bob,b,l3.bmp\n",
    )
    found = [(line.id, line.text, line.writer_id) for line in labels.read(tmp_path)]
    assert found == [("l0", "first", "anna"), ("l3", "second", "bob")]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", "file,text\nl0.png,one, two\n", "line 2: 3 columns, the header has 2; quote"),
        ("x.csv", 'file,text\nl0.png,"one\nl3.bmp,two\n', "line 3: unexpected end of data"),
        ("x.csv", "file,text\ngone.png,one\n", "line 2: no image named 'gone.png'"),
        ("x.jsonl", '{"file_name": "l0.png", "text": "a"}\n{"file', "line 2: is no JSON"),
        ("x.json", '[{"file": "l0.png", "text": "a"}, {"file": "l0"}]', "entry 2: has no"),
        ("gt.txt", "l0.png one\nl3.bmp\n", "line 2: needs a name and a text"),
        ("l0.txt", "one\ntwo\n", "2 rows for one picture"),
    ],
)
def test_what_does_not_read_is_one_line_with_its_place(
    tmp_path: Path, name: str, content: str, says: str
) -> None:
    pictures(tmp_path)
    write(tmp_path / name, content.encode())
    with pytest.raises(HtrError, match=re.escape(says)) as caught:
        labels.read(tmp_path)
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_all_faults_are_told_to_who_asks(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path / "x.csv", b"file,text\ngone.png,a\nl0.png,\nl3.bmp,kept\nnot.png,b\n")
    told: list[str] = []
    lines = labels.look(tmp_path).lines(lambda kind, fault: told.append(kind))
    assert [line.text for line in lines] == ["kept"]
    missing = "rows whose image is missing"
    assert told == [missing, "rows without a text", missing]


def test_other_tables_and_texts_are_left_alone(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path / "results.csv", b"name,value\nloss,0.3\n")
    write(tmp_path / "notes.txt", b"these are my notes\n")
    write(tmp_path / "odd.csv.txt", "é".encode("latin-1"))
    with pytest.raises(HtrError, match=r"no labelled lines in it \(4 pictures, 3 other files"):
        labels.read(tmp_path)
    write(tmp_path / "ascii.tgz", b"x")
    with pytest.raises(HtrError, match=r"unpack ascii\.tgz; it takes IAM .*\.gt\.txt.*PAGE XML"):
        labels.read(tmp_path)


def test_folders_and_files_called_train_and_test_are_splits(tmp_path: Path) -> None:
    for split in ("train", "val", "test-00000-of-1"):
        pictures(tmp_path / split)
        write(tmp_path / split / "metadata.jsonl", "\n".join(map(json.dumps, objects())).encode())
    found = labels.splits(labels.read(tmp_path))
    assert {name: len(lines) for name, lines in found.items()} == {
        "train": 4,
        "validation": 4,
        "test": 4,
    }
    shutil.rmtree(tmp_path / "train")
    assert labels.splits(labels.read(tmp_path)) == {}


# --- IAM


def as_lines(root: Path) -> dict[str, str]:
    assert iam.is_layout(root)
    folder = iam.read(root)
    assert all(line.image().shape == (12, 40) for line in folder.lines.values())
    assert {line.writer_id for line in folder.lines.values()} == {"000", "001", "002", "003"}
    return {line.id: line.text for line in folder.lines.values()}


@pytest.mark.parametrize("how", ["flat XML", "xml", "nested", "jpeg", "words", "pictures anywhere"])
def test_iam_in_the_layouts_that_are_passed_around(tmp_path: Path, how: str) -> None:
    wanted = as_lines(write_iam(tmp_path / "usual"))
    root = write_iam(
        tmp_path / "other" / ("IAM" if how == "nested" else ""), xml="xml" in how.lower()
    )
    if how == "nested":
        write(tmp_path / "other" / "notes" / "readme.txt", b"x")
        root = tmp_path / "other"
    if "xml" in how.lower():
        shutil.rmtree(root / "ascii")
        if how == "flat XML":
            for file in (root / "xml").iterdir():
                file.rename(root / file.name)
    if how == "words":
        names = [(i, w, t) for i, (w, texts) in FORMS.items() for t in enumerate(texts)]
        said = [
            f"{form}-{n:02}-{k:02} ok 154 {10 * k} 7 8 9 NN {word}"
            for form, _, (n, text) in names
            for k, word in enumerate(text.split("|"))
        ]
        write(root / "ascii/words.txt", "\n".join(["# words", *said]).encode())
        (root / "ascii/lines.txt").unlink()
    if how == "jpeg":
        for file in list(root.rglob("*.png")):
            grey = images.load(file)
            write(file.with_suffix(".jpg"), cv2.imencode(".jpg", grey)[1].tobytes())
            file.unlink()
    if how == "pictures anywhere":
        for file in list(root.rglob("*.png")):
            write(root / "all lines" / file.parent.name / file.name, file.read_bytes())
            file.unlink()
    found = as_lines(root)
    if "xml" in how.lower():  # where the form's own spacing stands
        assert found.keys() == wanted.keys()
    else:
        assert found == wanted


def test_words_alone_are_lines_of_a_word(tmp_path: Path) -> None:
    write(
        tmp_path / "words.txt",
        b"a01-000u-00-00 ok 154 1 2 3 4 AT A\na01-000u-00-01 err 1 2 3 4 5 NN M P\n",
    )
    for k in (0, 1):
        write(tmp_path / f"words/a01/a01-000u/a01-000u-00-0{k}.png", png())
    folder = iam.read(tmp_path)
    assert {line.id: line.text for line in folder.lines.values()} == {
        "a01-000u-00-00": "A",
        "a01-000u-00-01": "M P",
    }
    assert "each word is taken for a line" in folder.layout


def test_a_list_called_lines_txt_is_no_iam(tmp_path: Path) -> None:
    pictures(tmp_path)
    write(tmp_path / "lines.txt", b"# mine\nl0.png one\nl3.bmp two\n")
    assert not iam.is_layout(tmp_path)
    assert [line.text for line in labels.read(tmp_path)] == ["one", "two"]
    write(tmp_path / "lines.txt", line_row("a01-000u-00", "Go|on").encode())
    assert iam.is_layout(tmp_path)


# --- pages


def page(root: Path, turned: float = 0.0) -> tuple[np.ndarray, list[np.ndarray]]:
    """Three lines of strokes, of one, two and three pieces, on a page; their baselines."""
    grey = np.full((400, 600), 215, np.uint8)
    baselines = []
    for number in range(3):
        y = 100 + 90 * number
        for piece in range(number + 1):
            left = 60 + 160 * piece
            cv2.rectangle(grey, (left, y - 30), (left + 90, y), 60, -1)
        baselines.append(np.array([[50.0, y], [550.0, y]]))
    cv2.rectangle(
        grey, (60, 100), (70, 150), 60, -1
    )  # a descender of the first line, towards the second
    write(root / "img" / "p1.png", cv2.imencode(".png", grey)[1].tobytes())
    return grey, baselines


def outline(line: np.ndarray) -> str:
    (x0, y), (x1, _) = line
    corners = [(x0, y - 45), (x1, y - 45), (x1, y + 20), (x0, y + 20)]
    return " ".join(f"{x:.0f},{y:.0f}" for x, y in corners)


def page_xml(lines: list[np.ndarray], coords: bool, baseline: bool) -> str:
    rows = ""
    for number, line in enumerate(lines):
        rows += f'<TextLine id="r{number}">'
        rows += f'<Coords points="{outline(line)}"/>' if coords else ""
        (x0, y), (x1, _) = line
        rows += f'<Baseline points="{x0:.0f},{y:.0f} {x1:.0f},{y:.0f}"/>' if baseline else ""
        rows += "<TextEquiv index='1'><Unicode>other</Unicode></TextEquiv>"
        rows += f"<TextEquiv index='0'><Unicode>text {number}</Unicode></TextEquiv></TextLine>"
    space = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"
    return (
        f'{XML}<PcGts xmlns="{space}"><Page imageFilename="p1.png" imageWidth="600" imageHeight="400">'
        f'<TextRegion id="r"><Coords points="0,0 9,0 9,9"/>{rows}</TextRegion></Page></PcGts>'
    )


def alto_xml(lines: list[np.ndarray], coords: bool, baseline: bool) -> str:
    rows = ""
    for number, line in enumerate(lines):
        (x0, y), (x1, _) = line
        base = f'BASELINE="{x0:.0f} {y:.0f} {x1:.0f} {y:.0f}"' if baseline else ""
        rows += f'<TextLine ID="r{number}" HPOS="{x0}" VPOS="{y - 45}" WIDTH="{x1 - x0}" HEIGHT="65" {base}>'
        rows += f'<Shape><Polygon POINTS="{outline(line)}"/></Shape>' if coords else ""
        rows += f'<String CONTENT="text"/><SP/><String CONTENT="{number}"/></TextLine>'
    return (
        f'{XML}<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Description>'
        "<MeasurementUnit>pixel</MeasurementUnit><sourceImageInformation><fileName>scans\\p1.png</fileName>"
        f'</sourceImageInformation></Description><Layout><Page WIDTH="600" HEIGHT="400">{rows}</Page></Layout></alto>'
    )


def pieces(grey: np.ndarray) -> int:
    """Connected pieces of ink of a good size."""
    ink = (images.normalise(grey) > 0.5).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink)
    return int((stats[1:, cv2.CC_STAT_AREA] > 0.2 * stats[1:, cv2.CC_STAT_AREA].max()).sum())


@pytest.mark.parametrize("make", [page_xml, alto_xml])
@pytest.mark.parametrize(("coords", "baseline"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_lines_of_page_files_are_cut_out(
    tmp_path: Path, make: Callable[..., str], coords: bool, baseline: bool, scale: float
) -> None:
    grey, lines = page(tmp_path)
    if scale != 1:  # another size of picture than the file tells of
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        write(tmp_path / "img/p1.png", cv2.imencode(".png", small)[1].tobytes())
    write(tmp_path / "page" / "p1.xml", make(lines, coords, baseline).encode())
    found = labels.read(tmp_path)
    assert [line.text for line in found] == ["text 0", "text 1", "text 2"]
    assert [pieces(line.image()) for line in found] == [1, 2, 3]
    for line in found:
        crop = line.image()
        assert crop.shape[1] > 4 * crop.shape[0] * (0.5 if scale == 1 else 1)
        assert crop[0].min() > 200 and crop[:, 0].min() > 200
    assert np.array_equal(found[1].image(), images.load(found[1])), "taken as a picture"


def test_a_written_page_is_not_opened_until_a_line_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lines = page(tmp_path)
    write(tmp_path / "p1.xml", page_xml(lines, True, True).encode())
    monkeypatch.setattr(page_files, "_page", lambda path: pytest.fail("opened"))
    assert len(labels.read(tmp_path)) == 3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ('points="50,100 550,100"/>', 'points="50,x 550,100"/>'),
        ("p1.png", "p2.png"),
        ("</PcGts>", ""),
        (" 0<", "<"),
        ('Width="600"', 'Width="inf"'),
        ("index='1'", "index='x'"),
    ],
)
def test_a_damaged_page_file_is_one_line(tmp_path: Path, wrong: str, says: str) -> None:
    _, lines = page(tmp_path)
    (tmp_path / "img/p1.png").rename(tmp_path / "img/scan.png")
    whole = page_xml(lines, True, True).replace("p1.png", "scan.png")
    assert wrong.replace("p1", "scan") in whole
    said = says.replace("text", "")
    if wrong == " 0<":
        whole, wrong, said = whole.replace("other", ""), "text 0", ""
    write(tmp_path / "a.xml", whole.replace(wrong.replace("p1", "scan"), said).encode())
    with pytest.raises(HtrError, match=r"a\.xml") as caught:
        labels.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_parquet_file_that_is_none_or_holds_other_things(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet as pq

    write(tmp_path / "a.parquet", b"PAR1 not")
    with pytest.raises(HtrError, match="no whole parquet file"):
        labels.read(tmp_path)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    with pytest.raises(HtrError, match="has the columns x; one of pictures"):
        labels.read(tmp_path)
