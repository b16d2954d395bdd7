"""Checking a folder: counts, damage, splits, and what makes it usable."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htr_utils.lines import images
from htr_utils.lines.check import IAM_CHARACTERS, CheckReport, Count, check
from htr_utils.lines.looks import look_at
from tests.helpers.iam_fake import SPLITS, png, write, write_iam

COUNTS = {"lines": 8, "ok": 5, "err": 3, "forms": 4, "writers": 4, "characters": 48}
BIG = {f"x{number:02}-000": (str(number), ["Go|on|."] * 10) for number in range(20)}  # 200 lines
BIG_SPLITS = {"train": list(BIG)[:16], "validation": list(BIG)[16:18], "test": list(BIG)[18:]}


def with_counts(root: Path, **changes: int) -> Path:
    write(root / "data.json", json.dumps({"expected_counts": {**COUNTS, **changes}}).encode())
    return root


def only_problem(report: CheckReport) -> str:
    assert len(report.problems) == 1, report.problems
    assert "\n" not in report.problems[0]
    return report.problems[0]


def test_a_sound_folder(tmp_path: Path) -> None:
    report = check(with_counts(write_iam(tmp_path)))
    assert report.problems == []
    assert report.usable
    assert report.counts[:6] == [Count(name, number, number) for name, number in COUNTS.items()]
    assert report.counts[6:] == [
        Count("own test", 2, None),
        Count("own train", 5, None),
        Count("own validation", 1, None),
    ]
    text = report.text()
    assert "as known" in text
    assert "no problems" in text
    assert text.endswith("usable")


def test_the_charset_is_that_of_iam() -> None:
    assert len(IAM_CHARACTERS) == len(set(IAM_CHARACTERS)) == 79


def test_iam_is_compared_with_its_own_counts(tmp_path: Path) -> None:
    write_iam(tmp_path, splits={})
    write(tmp_path / "trainset.txt", b"a01-000u-00\n")
    report = check(tmp_path)
    assert "warning: lines: 8 found, 13,353 known" in report.problems
    assert "warning: official train: 1 found, 6,161 known" in report.problems
    assert "known: 13,353" in report.text()
    assert report.usable, "a part of IAM may be used"


def test_another_folder_has_no_known_counts(tmp_path: Path) -> None:
    report = check(write_iam(tmp_path, BIG, splits=BIG_SPLITS))
    assert report.problems == []
    assert {count.known for count in report.counts} == {None}


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"expected_counts": {"lines": "8"}}', b'{"expected_counts": 3}', b"\xff"]
)
def test_data_json_that_does_not_read(tmp_path: Path, data: bytes) -> None:
    write_iam(tmp_path)
    write(tmp_path / "data.json", data)
    assert "data.json does not read" in only_problem(check(tmp_path))


def test_counts_that_differ_or_are_not_made(tmp_path: Path) -> None:
    report = check(with_counts(write_iam(tmp_path), lines=9, pages=3))
    assert report.problems == [
        "warning: data.json expects counts that are not made: pages",
        "warning: lines: 8 found, 9 known",
    ]
    assert report.usable


# --- images

PNG = png()


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (PNG, ""),
        (PNG + b"\n", ""),
        (b"", "empty (0 bytes)"),
        (PNG[:-1], "cut short"),
        (PNG[:20], "cut short"),
        (PNG[: len(PNG) // 2], "cut short"),
        (b"GIF89a" + PNG, "that are no picture or damaged"),
        (PNG[:16] + bytes(4) + PNG[20:], "without a size"),
        (PNG[:12] + b"IDAT" + PNG[16:], "without a size"),
    ],
)
def test_image_faults(tmp_path: Path, data: bytes, fault: str) -> None:
    assert look_at(write(tmp_path / "x.png", data)).fault == fault


def test_image_faults_of_the_file_system(tmp_path: Path) -> None:
    assert look_at(tmp_path / "x.png").fault == "missing"
    assert look_at(tmp_path).fault.startswith(("unreadable", "missing"))


@given(st.integers(0, len(PNG) - 1))
def test_every_cut_is_seen(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    assert look_at(write(tmp_path_factory.getbasetemp() / "cut.png", PNG[:length])).fault != ""


def line_images(root: Path) -> list[Path]:
    return sorted((root / "lines").rglob("*.png"))


def test_few_damaged_images_are_a_warning(tmp_path: Path) -> None:
    images = line_images(write_iam(tmp_path, BIG, splits=BIG_SPLITS))
    images[3].write_bytes(PNG[:30])
    images[17].write_bytes(b"")
    report = check(tmp_path)
    assert report.problems == [
        "warning: 1 line images cut short: x00-000-03",
        "warning: 1 line images empty (0 bytes): x01-000-07",
    ]
    assert report.usable


def test_many_damaged_images_are_an_error(tmp_path: Path) -> None:
    images = line_images(write_iam(tmp_path, BIG, splits=BIG_SPLITS))
    for image in images[:13]:
        image.unlink()
    (tmp_path / "lines/x00/x00-000").rmdir()
    report = check(tmp_path)
    assert not report.usable
    assert report.problems[0].startswith("error: 13 line images missing: x00-000-00, ")
    assert report.problems[0].endswith("x00-000-09 and 3 more")
    assert report.problems[1].startswith("error: 1 image folders missing: lines/x00/x00-000;")
    assert report.text().endswith("mend the errors above")


def test_empty_word_images_do_not_matter(tmp_path: Path) -> None:
    with_counts(write_iam(tmp_path))
    for word in ("a01/a01-117/a01-117-05-02.png", "r06/r06-022/r06-022-03-05.png"):
        write(tmp_path / "words" / word, b"")
    assert check(tmp_path).problems == []


# --- texts


def test_characters_outside_the_charset(tmp_path: Path) -> None:
    forms = {"x00-000": ("1", ["caf\u00e9|%", "caf\u00e9|&quot;"])}
    report = check(write_iam(tmp_path, forms, splits={"train": ["x00-000"]}))
    assert report.problems == [
        "warning: characters outside the charset, with lines: "
        "'%' (1, first x00-000-00), '\u00e9' (2, first x00-000-00)",
        "warning: texts with XML entities such as &quot;: x00-000-01",
    ]
    assert report.usable


def test_forms_with_fewer_lines_than_stated(tmp_path: Path) -> None:
    path = write_iam(tmp_path, BIG, splits={"train": ["x00-000"]}) / "ascii/lines.txt"
    path.write_bytes(path.read_bytes().rpartition(b"x19-000-09")[0])
    assert "x19-000 (9 of 10)" in only_problem(check(tmp_path))


# --- splits


@pytest.mark.parametrize("forms_txt", [True, False])
def test_a_writer_in_two_splits(tmp_path: Path, forms_txt: bool) -> None:
    splits = {**SPLITS, "validation": ["b02-013", "c03-100a-00"], "test": ["c03-100a-01"]}
    report = check(with_counts(write_iam(tmp_path, splits=splits, forms_txt=forms_txt)))
    who = "003" if forms_txt else "form c03-100a"
    assert (
        report.problems[0]
        == f"error: writers in two splits of the task 'own': {who} (validation and test)"
    )
    assert not report.usable


def test_other_splits_may_share_writers(tmp_path: Path) -> None:
    report = check(with_counts(write_iam(tmp_path, splits={**SPLITS, "fold_1": ["c03-100a"]})))
    assert report.problems == []


def test_halves_of_validation_may_share_a_writer_but_not_with_test(tmp_path: Path) -> None:
    with_counts(write_iam(tmp_path, splits={}))
    write(tmp_path / "trainset.txt", b"a01-000u\n")
    write(tmp_path / "validationset1.txt", b"c03-100a-00\n")
    write(tmp_path / "validationset2.txt", b"c03-100a-01\nz00-000\n")
    assert only_problem(check(tmp_path)).endswith("validationset2.txt: z00-000")
    write(tmp_path / "testset.txt", b"c03-100a-01\n")
    assert check(tmp_path).problems[0].endswith("'official': 003 (validation and test)")


def test_every_task_is_checked(tmp_path: Path) -> None:
    with_counts(write_iam(tmp_path))
    write(tmp_path / "tr.lst", b"b02-013\n")
    write(tmp_path / "te.lst", b"b02-013\n")
    assert "'aachen': 002 (train and test)" in only_problem(check(tmp_path))


def test_unknown_writers_and_ids(tmp_path: Path) -> None:
    splits = {**SPLITS, "test": [f"q{number:02}-000" for number in range(12)]}
    report = check(with_counts(write_iam(tmp_path, splits=splits, forms_txt=False), writers=0))
    assert [problem.partition(":")[0] for problem in report.problems] == ["warning"] * 3
    assert "4 forms have no writer" in report.problems[0]
    assert report.problems[1].endswith("q09-000 and 2 more")
    assert "'test' of the task 'own' has no lines" in report.problems[2]


def test_no_lists_is_a_warning(tmp_path: Path) -> None:
    report = check(with_counts(write_iam(tmp_path, splits={})))
    assert "no split lists" in only_problem(report)
    assert report.usable


def test_one_of_several_tasks_has_to_be_chosen(tmp_path: Path) -> None:
    with_counts(write_iam(tmp_path, splits={}))
    for name, ids in {
        "tr.lst": "a01-000u",
        "te.lst": "c03-100a",
        "testset.txt": "c03-100a",
    }.items():
        write(tmp_path / name, f"{ids}\n".encode())
    report = check(tmp_path)
    assert report.tasks == ["aachen"] and report.usable, "official has no training lines"
    write(tmp_path / "trainset.txt", b"a01-000u\n")
    assert check(tmp_path).tasks == ["official", "aachen"]
    write(tmp_path / "splits/train.txt", b"a01-000u\n")
    assert check(tmp_path).tasks == [], "one's own lists come first"


def test_lists_without_training_lines_are_an_error(tmp_path: Path) -> None:
    with_counts(write_iam(tmp_path, splits={"test": ["c03-100a"]}))
    report = check(tmp_path)
    assert "no list of training lines" in only_problem(report) and not report.usable


# --- folders that do not read


def test_a_folder_that_does_not_read(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        report = check(root)
        assert only_problem(report).startswith("error: ")
        assert not report.usable
        assert "not usable" in report.text()


def test_the_default_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTR_DATA", str(with_counts(write_iam(tmp_path))))
    assert check().usable
    monkeypatch.setenv("HTR_DATA", str(tmp_path / "none"))
    assert "HTR_DATA" in only_problem(check())


# --- folders that are not in IAM layout


def test_a_folder_of_ones_own_is_looked_through(tmp_path: Path) -> None:
    rows = []
    for number in range(200):
        write(tmp_path / f"l{number:03}.png", png(60 + number, level=number))
        rows.append(f"l{number:03}.png\tw{number % 3}\ta few words {number}\n")
    table = tmp_path / "transcriptions.tsv"
    table.write_text("".join(rows), encoding="utf-8")
    report = check(tmp_path)
    assert report.usable and not report.problems, report.problems
    assert report.counts[:2] == [Count("lines", 200, None), Count("writers", 3, None)]
    assert report.layout == "table: transcriptions.tsv" and len(report.lines) == 200
    rows[7] = "l007.png\tw1\t" + "far too long for it " * 12 + "\n"
    rows[8] = "l008.png\tw1\tMaß {1}\n"
    table.write_text("".join(rows), encoding="utf-8")
    (tmp_path / "l009.png").write_bytes((tmp_path / "l010.png").read_bytes())
    (tmp_path / "l011.png").write_bytes(b"GIF89a")
    report = check(tmp_path)
    assert report.usable
    assert report.problems == [
        "warning: characters outside the charset, with lines: "
        "'{' (1, first l008), '}' (1, first l008), 'ß' (1, first l008)",
        "warning: 1 line images that are no picture or damaged: l011",
        "warning: 1 texts that look too long for their pictures: l007",
        "warning: 1 near-duplicates: l010 and l009 with another text",
    ]
    (tmp_path / "l012.png").unlink()
    table.write_text("".join([*rows, "l013.png\tw\t\n"]), encoding="utf-8")
    report = check(tmp_path)
    assert not report.usable
    assert report.problems[0].startswith("error: 1 rows whose image is missing, first ")
    assert "line 13: no image named 'l012.png'" in report.problems[0]
    assert report.problems[1].startswith("error: 1 rows without a text, first ")


def test_pictures_of_one_text_that_differ_by_a_little_are_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 255, (30, 300), dtype=np.uint8)
    other = rng.integers(0, 255, (30, 300), dtype=np.uint8)
    for name, grey in (("a", first), ("b", np.minimum(first, 250)), ("c", other)):
        images.save(tmp_path / f"{name}.png", cv2.blur(grey, (9, 9)))
        (tmp_path / f"{name}.gt.txt").write_text("the very same text", encoding="utf-8")
    assert check(tmp_path).problems == ["warning: 1 near-duplicates: b and a"]
