"""What is reported after a training: both spacing conventions, beside published results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from htr_utils import evaluation, published, trainer
from htr_utils.errors import HtrError
from htr_utils.lines import iam
from htr_utils.text.charset import Charset
from htr_utils.trainer import material


class Reader:
    """Reads every line rightly, but writes `x` for its first letter."""

    def __init__(self, lines: list[iam.Line]) -> None:
        self.texts = {line.path: line.text for line in lines}

    def read(self, paths: list[Any]) -> list[Any]:
        return [SimpleNamespace(text="x" + self.texts[path][1:]) for path in paths]

    def read_iter(self, paths: list[Any], errors: str, decoder: str = "greedy") -> Iterator[Any]:
        assert (errors, decoder) == ("keep", "greedy")
        yield from self.read(paths)


def test_the_closing_table_leaves_damaged_lines_out_and_folds_as_the_training_did() -> None:
    folder = iam.read()
    lines = folder.split("validation")
    reader = Reader(lines)

    def some(paths: list[Any], errors: str, decoder: str) -> Iterator[Any]:
        yield HtrError("a.png: cannot be read")
        yield from (SimpleNamespace(text=reader.texts[path].upper()) for path in paths[1:])

    reader.read_iter = some  # type: ignore[method-assign]
    reader.charset = SimpleNamespace(fold=str.upper)  # type: ignore[attr-defined]
    said: list[str] = []
    (_, cer, wer), _ = published.in_both_conventions(
        reader, lines, "validation", fold=True, say=said.append
    )  # type: ignore[arg-type]
    assert cer.value == wer.value == 0
    assert said == [f"1 of {len(lines)} validation lines cannot be read: left out"]
    reader.read_iter = lambda paths, errors, decoder: iter([HtrError("damaged")] * len(paths))  # type: ignore[method-assign,assignment]
    with pytest.raises(HtrError, match="cannot be read; `htr data check`"):
        published.in_both_conventions(reader, lines, "validation")  # type: ignore[arg-type]


def test_both_conventions_convert_both_sides() -> None:
    folder = iam.read()
    lines = folder.split("validation")
    rates = published.in_both_conventions(Reader(lines), lines, "validation")  # type: ignore[arg-type]
    assert [convention for convention, _, _ in rates] == ["natural", "raw"]
    raw = {line.id: line.text for line in iam.read(spacing="raw").split("validation")}
    wrong = sum(line.text[0] != "x" for line in lines)
    assert rates[0][1].edits == wrong
    assert rates[0][1].length == sum(len(line.text) for line in lines)
    assert rates[1][1].length == sum(map(len, raw.values()))  # as iam.read gives them
    table = published.beside_published(rates, "validation")
    assert f"{100 * rates[0][1].value:.2f} [" in table
    assert "TrOCR" in table and "8.65" in table and "Retsinas" in table
    assert "spacings differ" in table.splitlines()[-1]


class Knowing(Reader):
    """What `evaluate` needs of a recogniser."""

    charset = Charset()


def test_raw_spacing_converts_what_was_read_as_well() -> None:
    lines = iam.read(spacing="raw").split("validation")
    natural = iam.read().split("validation")
    found = evaluation.evaluate(Knowing(natural), lines, split="validation", convention="raw")  # type: ignore[arg-type]
    both = published.in_both_conventions(Reader(natural), natural, "validation")  # type: ignore[arg-type]
    assert found["cer"]["value"] == round(100 * both[1][1].value, 2) < 2.5
    assert sum(n for _, n in found["edits"]) == both[1][1].length


def test_an_interval_over_writers_is_wider_than_one_over_lines() -> None:
    lines = iam.read().split("validation")
    texts = {
        line.path: line.text if line.writer_id > "05" else "#" * len(line.text) for line in lines
    }
    reader = Knowing(lines)
    reader.read = lambda paths: [SimpleNamespace(text=texts[path]) for path in paths]  # type: ignore[assignment]
    wide, narrow = (
        evaluation.evaluate(reader, lines, split="validation", groups=groups)  # type: ignore[arg-type]
        for groups in ("writer", "line")
    )
    assert wide["cer"]["value"] == narrow["cer"]["value"]
    assert wide["cer"]["high"] - wide["cer"]["low"] > 1.5 * (
        narrow["cer"]["high"] - narrow["cer"]["low"]
    )
    assert "over writers" in wide["bootstrap"] and "over lines" in narrow["bootstrap"]


@pytest.mark.parametrize(
    "content", ['{"error": "", "cer": 0.1}', "[1]", "{", '{"embedded-test": {"lines": 3}}']
)
def test_another_metrics_json_is_left_alone(tmp_path: Path, content: str) -> None:
    """`htr run` writes its record under the same name."""
    file = tmp_path / "metrics.json"
    file.write_text(content, encoding="utf-8")
    (tmp_path / "a.keras").write_text("a")
    with pytest.raises(HtrError, match="holds no figures"):
        evaluation.record(file, "test", {"lines": 3}, tmp_path / "a.keras", "htr evaluate")
    assert file.read_text(encoding="utf-8") == content


def test_what_is_written_in_natural_spacing_is_not_mended_by_the_report() -> None:
    lines = iam.read().split("validation")
    reader = Reader(lines)
    reader.texts = {path: text + " ." for path, text in reader.texts.items()}
    rates = published.in_both_conventions(reader, lines, "validation")  # type: ignore[arg-type]
    assert rates[0][1].edits >= 2 * len(lines)


def test_figures_of_one_model_leave_those_of_another_alone(tmp_path: Path) -> None:
    for name in ("a.keras", "b.keras"):
        (tmp_path / name).write_text(name)
        for lines in (3, 4):
            evaluation.record(
                tmp_path / "metrics.json", "test", {"lines": lines}, tmp_path / name, "htr evaluate"
            )
    known = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert {name: entries["test"]["lines"] for name, entries in known.items()} == {
        "a.keras": 4,
        "b.keras": 4,
    }
    assert known["a.keras"]["test"]["sha256"] != known["b.keras"]["test"]["sha256"]


@pytest.mark.parametrize(
    ("lines", "least", "most"), [(100, 60, 90), (2000, 35, 45), (6161, 20, 28), (1, 1, 5000)]
)
def test_default_epochs_suit_the_number_of_lines(lines: int, least: int, most: int) -> None:
    assert least <= trainer.default_epochs(lines) <= most


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_folder_without_splits_has_no_split_of_that_name(split: str, root: Path) -> None:
    with pytest.raises(
        HtrError, match=f"samples: has no split '{split}'; leave --split out"
    ) as caught:
        evaluation.load_lines(root / "data" / "samples", split)
    assert "\n" not in str(caught.value)
    every = evaluation.load_lines(root / "data" / "samples", None)
    for name in ("all lines", "samples"):  # what the lines are called in figures and titles
        assert evaluation.load_lines(root / "data" / "samples", name) == every


def test_lines_whose_picture_cannot_be_read_are_left_out_and_counted() -> None:
    lines = iam.read().split("validation")[:5]
    reader, said = Knowing(lines), list[str]()
    bad = {
        lines[1].path: HtrError("a.png: is damaged"),
        lines[3].path: HtrError("b.png: is damaged"),
    }
    whole = reader.read_iter
    reader.read_iter = lambda paths, **options: (  # type: ignore[method-assign]
        bad.get(path, *whole([path], **options)) for path in paths
    )
    found = evaluation.evaluate(reader, lines, split="validation", say=said.append)  # type: ignore[arg-type]
    assert said == ["2 of 5 lines cannot be read: left out, first a.png: is damaged"]
    assert (found["lines"], found["left_out"], len(found["edits"])) == (3, 2, 3)
    assert found["data"] == evaluation.fingerprint([lines[n] for n in (0, 2, 4)])
    intact = evaluation.evaluate(Knowing(lines), lines[::2], split="validation", say=said.append)  # type: ignore[arg-type]
    assert found["cer"] == intact["cer"] and "left_out" not in intact and len(said) == 1
    with pytest.raises(HtrError, match=r"2 of 2 lines cannot be read, first a\.png: is damaged"):
        evaluation.evaluate(reader, [lines[1], lines[3]], split="x")  # type: ignore[arg-type]


def test_own_lines_are_parted_by_writer_where_there_are_ten() -> None:
    def line(n: int, writer: str) -> iam.Line:
        return iam.Line(str(n), "a", None, writer, writer)  # type: ignore[arg-type]

    train, watched = material.own_lines([line(n, f"w{n % 20:02d}") for n in range(200)])
    assert {x.writer_id for x in watched} == {"w00", "w10"}
    assert not {x.writer_id for x in watched} & {x.writer_id for x in train}
    train, watched = material.own_lines([line(n, "one") for n in range(30)])
    assert len(watched) == 3 and len(train) == 27


def test_a_folder_with_splits_is_measured_on_its_test_lines(tmp_path: Path) -> None:
    """Without --split: a folder of one's own that has a test split must not be measured on what trained."""
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        cv2.imwrite(str(tmp_path / split / "a.png"), np.full((40, 300), 255, np.uint8))
        (tmp_path / split / "a.txt").write_text("a line\n", encoding="utf-8")
    assert [line.path.parent.name for line in evaluation.to_measure(tmp_path, None)[0]] == ["test"]
    assert evaluation.to_measure(tmp_path, None)[1] == "test"
    assert evaluation.to_measure(tmp_path, "all lines")[1] == "all lines"
    lines, name = evaluation.to_measure(tmp_path / "train", None)
    assert (len(lines), name) == (1, "all lines")
