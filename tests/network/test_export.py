"""Exports read like the model they came from: the same logits, the same text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from htr_utils import HtrError, Recognizer
from htr_utils.cli import main
from htr_utils.engines.onnx import OnnxEngine
from htr_utils.lines import dataset, iam
from htr_utils.network import export, models, onnx_file, training
from htr_utils.text import decoding

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def recogniser():
    return Recognizer.load("course")


@pytest.fixture(scope="module")
def batch(recogniser):
    lines = sorted(iam.read().split("test")[::90], key=lambda line: len(line.text))[:4]
    inks = [dataset.to_bytes(recogniser.prepare(line.path).ink) for line in lines]
    return dataset.collate(inks, [np.zeros(0, np.int32)] * len(inks), range(len(inks)), 1024)


def texts(logits, frames, charset):
    best = decoding.greedy(training.log_softmax(logits), frames)
    return [charset.decode(one.ids) for one in best]


def test_the_same_lines_read_alike_through_an_export(recogniser, batch, tmp_path):
    path = export.export(recogniser.archive, tmp_path / "made")
    engine = OnnxEngine.load(path)
    logits, _ = engine.logits(batch.image, batch.width)
    wanted = training.predict(recogniser.model, batch)
    frames = np.asarray(models.frames(batch.width, recogniser.preset))
    for one, other, count in zip(logits, wanted, frames, strict=True):
        assert np.abs(one[:count] - other[:count]).max() < 1e-3
    assert texts(logits, frames, recogniser.charset) == texts(wanted, frames, recogniser.charset)
    assert len("".join(texts(wanted, frames, recogniser.charset))) > 20  # something was read at all
    about = json.loads(export.description_file(path).read_text(encoding="utf-8"))
    assert about["kind"] == "onnx" and about["inputs"]["image"]["shape"][2] == "any"
    assert about["charset"]["characters"] == recogniser.charset.characters
    assert (
        about["classes"] == logits.shape[-1] and about["frame_step"] == recogniser.preset.frame_step
    )
    assert about["preparation"]["height"] == batch.image.shape[1]
    assert [p.name for p in tmp_path.iterdir() if ".part" in p.name] == []
    # The same export takes a narrower picture.
    narrow, _ = engine.logits(batch.image[:1, :, :512], np.minimum(batch.width[:1], 512))
    assert narrow.shape[1] == 512 // recogniser.preset.frame_step


def test_the_description_is_enough_to_decode(recogniser, batch):
    """Written without the package's own functions, as another program would: argmax, merge, drop blanks."""
    about = onnx_file.describe(recogniser.archive)
    logits = training.predict(recogniser.model, batch)
    for one, width in zip(logits, batch.width, strict=True):
        path = one[: -(-int(width) // about["frame_step"])].argmax(-1)
        kept = [
            c for n, c in enumerate(path) if c != about["blank"] and (n == 0 or c != path[n - 1])
        ]
        text = "".join(about["charset"]["characters"][c - 1] for c in kept)
        assert text == texts(one[None], [-(-int(width) // 4)], recogniser.charset)[0]


def test_mistakes_are_one_line(recogniser, tmp_path):
    (tmp_path / "full.onnx").mkdir()
    with pytest.raises(HtrError) as caught:
        export.export(recogniser.archive, tmp_path / "full")
    assert "\n" not in str(caught.value)


def test_the_command_writes_again_and_says_how_near(tmp_path):
    runner = CliRunner()
    for _ in range(2):  # a second export takes the place of the first
        words = ["export", "--convolutions", "float32", "--out", str(tmp_path / "net")]
        done = runner.invoke(main, words)
        assert done.exit_code == 0, done.output
    assert "checked" in done.output and float(done.output.rsplit("most ", 1)[1]) < 1e-3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.onnx.json"]
    done = runner.invoke(main, ["export", "--out", str(tmp_path / "x.keras")])
    assert done.exit_code == 1 and ".keras" in done.output
