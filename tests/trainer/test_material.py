"""From the command line's words to the material of a training."""

from __future__ import annotations

import itertools
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from htr_utils import evaluation, paths, trainer
from htr_utils.errors import HtrError
from htr_utils.lines import dataset, iam, images, labels
from htr_utils.lines.labels import read as read_lines
from htr_utils.network import archive, models, training
from htr_utils.text.charset import Charset
from htr_utils.trainer import material
from tests.helpers.chapters import ROOT
from tests.helpers.iam_fake import write_iam
from tests.lines.test_formats_in import page, page_xml


def folder(root: Path, writers: int, lines: int, text: str = "été") -> Path:
    picture = np.full((20, 60), 240, np.uint8)
    picture[8:12, 5:55] = 30
    rows = []
    for writer in range(writers):
        for line in range(lines):
            name = f"w{writer:02d}-{line}"
            images.save(root / f"{name}.png", picture)
            rows.append(f"{name}\tw{writer:02d}\t{text}")
    (root / "transcriptions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


def test_left_out_writers_take_part_in_nothing(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", 12, 3)
    (tmp_path / "out.txt").write_text("# not these\nw03\n w10 \n", encoding="utf-8")
    found = material.material(str(data), Charset(), leave_out=str(tmp_path / "out.txt"), fold=True)
    seen = {line.writer_id for line in found.train + found.validation}
    assert seen == {f"w{n:02d}" for n in range(12)} - {"w03", "w10"}
    assert {line.text for line in found.train} == {"ete"}


def test_forms_and_single_lines_are_left_out_too_and_an_unknown_name_is_named(
    tmp_path: Path,
) -> None:
    named = tmp_path / "out.txt"
    form, line = iam.read().split("train")[0].form_id, iam.read().split("train")[-1]
    assert line.form_id != form
    named.write_text(f"{form}\n{line.id}\n", encoding="utf-8")
    seen = material.material(None, Charset(), leave_out=str(named)).train
    assert form not in {one.form_id for one in seen} and line.id not in {one.id for one in seen}
    assert line.form_id in {one.form_id for one in seen}  # its other lines stay
    named.write_text(f"{form}\nnobody\n", encoding="utf-8")
    with pytest.raises(HtrError, match=r"out\.txt: no line here has .*'nobody' \(1 of 2 names\)"):
        material.material(None, Charset(), leave_out=str(named))


def test_the_embedded_data_are_the_embedded_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTR_DATA is the default of --data; the lines mixed in and watched stay those of the course."""
    monkeypatch.setenv("HTR_DATA", str(folder(tmp_path, 12, 3, "ab")))
    found = material.material(None, Charset())
    assert all(line.path.is_relative_to(ROOT / "data") for line in found.train + found.validation)


@pytest.mark.parametrize("watched", [False, True])
def test_lines_that_are_all_too_narrow_end_the_training_before_it_begins(
    tmp_path: Path, watched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = folder(tmp_path / "data", 2, 3, "a text far longer than its picture is wide")
    asked = iter(range(99))
    monkeypatch.setattr(training.Labels, "fits", lambda *rest: watched and next(asked) < 5)
    out = tmp_path / "made.keras"
    said: list[str] = []
    with pytest.raises(
        HtrError,
        match="1 of 1 validation lines are too" if watched else "5 of 5 lines are too narrow",
    ):
        trainer.train(
            trainer.Plan(
                data=str(data),
                out=str(out),
                epochs=1,
                batch=2,
                augment=0,
                workers=0,
            ),
            say=said.append,
        )
    assert not out.exists()


def test_damaged_and_narrow_lines_are_left_out_and_the_first_named(tmp_path: Path) -> None:
    lines = read_lines(folder(tmp_path, 4, 1, "ab"))
    lines[1].path.write_bytes(b"")
    lines[2] = replace(lines[2], text="ab" * 200)
    said: list[str] = []
    preset = models.preset("course")
    labels = training.labels_for(preset, Charset())
    kept = material.usable(lines, preset.preparation, labels, "lines", said.append)
    assert [line.id for line in kept] == [lines[0].id, lines[3].id]
    assert "1 of 4 lines cannot be read" in said[0] and lines[1].path.name in said[0]
    assert "1 of 4 lines are too narrow" in said[1] and lines[2].id in said[1]
    with pytest.raises(HtrError, match="2 of 3"):
        material.usable(
            [lines[1], lines[1], lines[2]], preset.preparation, labels, "lines", said.append
        )


def test_lines_that_say_nothing_in_the_charset_are_left_out_and_the_first_named(
    tmp_path: Path,
) -> None:
    """CTC takes no empty label: without this, the first epoch of a training with --fold breaks off."""
    lines = read_lines(folder(tmp_path, 5, 1, "ab"))
    lines[1], lines[3] = (
        replace(lines[n], text=Charset().fold(text)) for n, text in ((1, "Привет"), (3, "€ 漢"))
    )
    said: list[str] = []
    preset = models.preset("course")
    labels = training.labels_for(preset, Charset())
    kept = material.usable(lines, preset.preparation, labels, "lines", said.append)
    assert [line.id for line in kept] == [lines[n].id for n in (0, 2, 4)]
    assert said == [
        f"2 of 5 lines say nothing that the charset can write: left out, first {lines[1].id}"
    ]
    with pytest.raises(
        HtrError, match=rf"2 of 2 lines say nothing .*, first {lines[1].id}; "
    ) as caught:
        material.usable([lines[1], lines[3]], preset.preparation, labels, "lines", said.append)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rendered", [0, 8])
def test_neither_a_training_nor_its_share_draws_a_line_that_folding_emptied(
    rendered: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = folder(tmp_path / "data", 2, 3, "ab")
    table = data / "transcriptions.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("ab", "Привет", 2), encoding="utf-8")
    drawn: list[str] = []

    def stop(found: material.Material, *rest: object) -> None:
        drawn.extend(line.text for line in found.train)
        raise HtrError("seen")

    monkeypatch.setattr(material, "training_fonts", lambda *rest, **options: [])
    monkeypatch.setattr(material, "from_rendered" if rendered else "from_lines", stop)
    with pytest.raises(HtrError, match="seen"):
        trainer.train(
            trainer.Plan(
                data=str(data),
                rendered=rendered,
                out=str(tmp_path / "made.keras"),
                epochs=1,
                batch=2,
                augment=0,
                workers=0,
                share=0.5,
                fold=True,
            ),
            say=lambda text: None,
        )
    assert drawn and set(drawn) == {"ab"}


def test_pictures_that_cannot_be_read_are_refused_with_what_is_wrong_with_the_first(
    tmp_path: Path,
) -> None:
    """`htr data check` knows IAM's layout alone, so it is no remedy for a folder of one's own."""
    lines = read_lines(folder(tmp_path, 2, 1, "ab"))
    for line in lines:
        line.path.write_bytes(b"")
    preset = models.preset("course")
    labels = training.labels_for(preset, Charset())
    with pytest.raises(
        HtrError, match=rf"2 of 2 lines cannot be read, first .*{lines[0].path.name}: "
    ) as caught:
        material.usable(lines, preset.preparation, labels, "lines", lambda text: None)
    assert "data check" not in str(caught.value)


def test_an_interrupted_training_leaves_its_best_model_and_the_next_one_names_its_stages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, first, second = (
        str(folder(tmp_path / "data", 12, 1, "ab")),
        tmp_path / "first.keras",
        tmp_path / "second.keras",
    )
    said: list[str] = []

    def train(out: Path, init: str | None, command: str) -> None:
        trainer.train(
            trainer.Plan(
                data=data,
                init=init,
                out=str(out),
                epochs=2,
                batch=6,
                augment=0,
                workers=0,
                share=0.0,
            ),
            command=command,
            say=said.append,
        )

    with monkeypatch.context() as patched:
        kept = training.Trainer.checkpoint

        def stop(running: training.Trainer) -> None:
            kept(running)
            raise KeyboardInterrupt

        patched.setattr(training.Trainer, "checkpoint", stop)
        with pytest.raises(
            HtrError, match=r"interrupted after epoch 1; .*first\.keras: epoch 1, validation CER"
        ):
            train(first, None, "htr train one")
    assert archive.load(first).about["epochs"] == 1
    assert not any("before training" in row for row in said), (
        "random weights have nothing to compare with"
    )
    train(first, None, "htr train one")
    assert any("resumed after epoch 1" in row for row in said)
    assert archive.load(first).about["epochs"] == 2
    train(second, str(first), "htr train two")
    assert any("before training: validation CER" in row for row in said)
    assert archive.load(second).about["stages"] == ["htr train one"]


def test_without_embedded_lines_a_model_is_trained_on_with_ones_own_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from a wheel: no clone of the course around the package, so no embedded lines to keep in the mix."""
    preset, charset = models.preset("course"), Charset()
    archive.save(
        tmp_path / "start.keras", models.build(preset, charset.classes), preset, charset, {}
    )
    data = folder(tmp_path / "data", 12, 1, "ab")
    monkeypatch.setattr(paths, "repo_root", lambda: None)
    said: list[str] = []
    trainer.train(
        trainer.Plan(
            data=str(data),
            init=str(tmp_path / "start.keras"),
            out=str(tmp_path / "out.keras"),
            epochs=1,
            batch=6,
            augment=0,
            workers=0,
        ),
        command="htr train",
        say=said.append,
    )
    assert any("10 lines of data; 1 epochs" in row for row in said), said
    assert (tmp_path / "out.keras").is_file()


def test_a_model_that_is_trained_on_takes_another_charset(tmp_path: Path) -> None:
    preset, before = models.preset("course"), Charset()
    start, out = tmp_path / "start.keras", tmp_path / "out.keras"
    archive.save(start, models.build(preset, before.classes), preset, before, {})
    (tmp_path / "letters.txt").write_text("éat", encoding="utf-8")
    plan = trainer.Plan(
        data=str(folder(tmp_path / "data", 10, 1)),
        init=str(start),
        charset=str(tmp_path / "letters.txt"),
        out=str(out),
        epochs=1,
        batch=6,
        share=0.0,
        augment=0,
        workers=0,
    )
    trainer.train(plan, say=lambda row: None)
    assert archive.load(out).charset.characters == " até"


def test_a_text_outside_the_charset_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(HtrError, match=r"'é'.*--fold"):
        material.material(str(folder(tmp_path, 2, 3)), Charset())


def test_beside_rendered_lines_a_folder_without_splits_is_used_whole(tmp_path: Path) -> None:
    found = material.material(str(folder(tmp_path, 12, 3, "ab")), Charset())
    assert found.validation
    every = material.all_for_training(found)
    assert len(every.train) == 36
    assert not every.validation


def test_a_limit_takes_lines_from_the_whole_folder(tmp_path: Path) -> None:
    whole = material.material(str(folder(tmp_path, 20, 5, "ab")), Charset())
    assert len(material.limited(material.all_for_training(whole), 12).train) == 12
    found = material.limited(whole, 9)
    assert len(found.train) == 9
    assert len({line.writer_id for line in found.train}) == 9


def test_nothing_left_is_one_line(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", 1, 2)
    (tmp_path / "out.txt").write_text("w00\n", encoding="utf-8")
    with pytest.raises(HtrError, match="no line is left"):
        material.material(str(data), Charset(), leave_out=str(tmp_path / "out.txt"), fold=True)


def test_the_mark_of_lines_knows_texts_and_pictures(tmp_path: Path) -> None:
    lines = read_lines(folder(tmp_path, 3, 1))
    mark = material.fingerprint(lines)
    assert mark == material.fingerprint(read_lines(tmp_path)) != material.fingerprint(lines[:2])
    assert mark != material.fingerprint([replace(lines[0], text="else"), *lines[1:]])
    lines[0].path.write_bytes(lines[0].path.read_bytes() + b" ")
    assert mark != material.fingerprint(lines)


def test_the_shipped_model_left_the_held_out_documents_out() -> None:
    """In each stage of its training, from random weights on; the list is in the repository."""
    about = archive.load(ROOT / "model" / "course.keras").about
    stages = [*about["stages"], about["command"]]
    assert "--preset" in stages[0] and "--init" not in stages[0]
    for before, stage in itertools.pairwise(stages):
        assert f"--init {before.split('--out ')[1].split()[0]}" in stage
    for stage in stages:
        assert (
            "--data copiste --leave-out model/copiste_held_out.txt" in stage
            and stage.count("--data") == 1
        )
    rows = (ROOT / "model" / "copiste_held_out.txt").read_text(encoding="utf-8").splitlines()
    assert len([row for row in rows if not row.startswith("#")]) == 20


def test_a_charset_is_taken_from_the_texts(tmp_path: Path) -> None:
    data = str(folder(tmp_path / "data", 2, 3))
    assert material.charset_for("texts", data, None).characters == " té"
    known = Charset("abt ")
    assert material.charset_for("texts", data, known).characters == " abté"
    assert material.charset_for("texts", data, Charset("xét ")) == Charset("xét ")
    assert material.charset_for(None, data, known) == known
    assert material.charset_for(None, data, None) == Charset()
    with pytest.raises(HtrError, match=r"data: the texts hold 'é'.*--charset texts adds them"):
        material.material(data, Charset())


def test_splits_of_a_folder_are_kept_to(tmp_path: Path) -> None:
    for split, count in (("train", 12), ("val", 3), ("test", 4)):
        folder(tmp_path / split, count, 2, "ab")
    found = material.material(str(tmp_path), Charset())
    assert (len(found.train), len(found.validation)) == (24, 6)
    assert {line.split for line in found.train} == {"train"}
    assert len(evaluation.load_lines(tmp_path, "test")) == 8
    shutil.rmtree(tmp_path / "val")
    found = material.material(str(tmp_path), Charset())
    assert len(found.train) + len(found.validation) == 24, "no test line is learnt"


def test_iam_trains_by_the_lists_that_it_has(tmp_path: Path) -> None:
    write_iam(tmp_path, splits={})
    found = material.material(str(tmp_path), Charset())
    assert not found.parted and len(found.train) + len(found.validation) == 8
    for name, ids in {"tr.lst": "a01-000u", "trainset.txt": "a01-000x-00"}.items():
        (tmp_path / name).write_text(f"{ids}\n", encoding="utf-8")
    with pytest.raises(HtrError, match="choose with task= or --task: aachen, official"):
        material.material(str(tmp_path), Charset())
    found = material.material(str(tmp_path), Charset(), task="aachen")
    assert {line.form_id for line in found.train + found.validation} == {"a01-000u"}


def test_a_folder_s_labels_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path / "data", 3, 4, "ab")
    opened, look = list[str](), labels.look
    monkeypatch.setattr(labels, "look", lambda root: (opened.append(str(root)), look(root))[1])
    assert evaluation.to_measure(tmp_path / "data", None)[1] == "all lines"
    assert len(opened) == 1
    found = labels.open_lines(tmp_path / "data")
    assert material.charset_for("texts", found, None).characters
    assert material.material(found, Charset()).train
    assert len(opened) == 2


def test_lines_of_pages_are_sent_to_other_processes_and_kept_out_of_memory(tmp_path: Path) -> None:
    _, baselines = page(tmp_path)
    (tmp_path / "p1.xml").write_text(page_xml(baselines, True, True), encoding="utf-8")
    lines = pickle.loads(pickle.dumps(read_lines(tmp_path)))
    source = dataset.FileLines(lines, images.Preparation(), keep=30_000)
    inks = [source.get(0, index)[0] for index in range(3)]
    assert all(ink.shape[0] == 48 for ink in inks)
    assert 0 < len(source._ink) < 3
    assert sum(ink.nbytes for ink in source._ink.values()) <= 30_000
    mark = material.fingerprint(lines)
    assert len(mark) == 16 and mark != material.fingerprint(lines[:2])
