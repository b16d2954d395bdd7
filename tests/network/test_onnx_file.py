"""The ONNX graph that is written from the weights, for every preset; what makes and finds the file beside a model."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import numpy as np
import pytest

from htr_utils import HtrError, Recognizer, paths
from htr_utils.engines.onnx import OnnxEngine
from htr_utils.network import archive, export, inference, models, onnx_file, training
from htr_utils.text.charset import Charset


def random_network(name, stacked=True, seed=0):
    """Batch norms that do something, and biases: one of zero could stand at any gate."""
    preset, charset = models.preset(name, stacked=stacked), Charset()
    model = models.build(preset, charset.classes)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if "norm" in layer.name:
            for weight, low, high in zip(
                layer.weights, (0.5, -0.5, -0.3, 0.5), (1.5, 0.5, 0.3, 2), strict=True
            ):
                weight.assign(rng.uniform(low, high, weight.shape))
        elif "lstm" in layer.name or "ward" in layer.name:
            for weight in layer.weights:
                if "bias" in weight.path:
                    weight.assign(rng.uniform(-1, 1, weight.shape))
    return archive.Archive(model, preset, charset)


def lines(preset, count, seed=0):
    """Noise of unlike widths, much padding."""
    rng = np.random.default_rng(seed)
    total = preset.preparation.width or 256
    widths = rng.integers(20, total, count).astype(np.int32)
    widths[0] = 21
    image = rng.random((count, preset.preparation.height, total, 1), np.float32)
    image *= np.arange(total)[None, None, :, None] < widths[:, None, None, None]
    return image, widths


NETWORKS = [
    ("course", True),
    ("course", False),
    ("wide", True),
    pytest.param("reference", True, marks=pytest.mark.slow),
    pytest.param("reference", False, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "stacked"), NETWORKS)
def test_the_graph_gives_the_trained_networks_numbers(name, stacked):
    made = random_network(name, stacked)
    image, widths = lines(made.preset, 5)
    engine = OnnxEngine(onnx_file.build(made))
    wanted = training.reader(made.model)(image, widths).numpy()
    answers, frames = engine.logits(image, widths)
    assert frames.tolist() == np.asarray(models.frames(widths, made.preset)).tolist()
    for one, other, count in zip(wanted, answers, frames, strict=True):
        assert np.abs(one[:count] - other[:count]).max() < 1e-3


@pytest.mark.parametrize(("name", "stacked"), NETWORKS)
def test_eight_bits_stay_near(name, stacked):
    made = random_network(name, stacked)
    image, widths = lines(made.preset, 5)
    inks = [
        np.round(one[:, : w if made.preset.preparation.width is None else None, 0] * 255).astype(
            np.uint8
        )
        for one, w in zip(image, widths, strict=True)
    ]
    exact = OnnxEngine(onnx_file.build(made))
    rounded = OnnxEngine(onnx_file.build(made, inks=inks))
    assert rounded.about["convolutions"] == "8 bit" and exact.about["convolutions"] == "float32"
    wanted, frames = exact.logits(image, widths)
    answers, _ = rounded.logits(image, widths)
    pairs = [(a[:n], b[:n]) for a, b, n in zip(wanted, answers, frames, strict=True)]
    error = np.concatenate([(a - b).ravel() for a, b in pairs]).std()
    assert 0 < error < 0.1 * np.concatenate([a.ravel() for a, _ in pairs]).std()


def test_steps_lose_least_and_reach_the_ends():
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(0, 1, 500), np.linspace(-4, 4, 500)])
    steps = onnx_file._steps(values, -63, 63)
    plain = np.abs(values).max(1) / 63

    def lost(step):
        whole = np.clip(np.round(values / step[:, None]), -63, 63)
        return ((whole * step[:, None] - values) ** 2).sum(1)

    assert (lost(steps) <= lost(plain) + 1e-12).all() and (steps <= plain + 1e-9).all()
    assert steps[0] < plain[0]  # outliers are cut
    assert steps[1] > 0.97 * plain[1]  # of evenly spread values nothing is


def test_the_check_fails_where_an_export_is_wrong(tmp_path):
    """Once it printed a difference of 4 and called that checked."""
    made, other = random_network("course"), random_network("course", seed=1)
    path = export.export(made, tmp_path / "net")
    assert "at most" in export.check(made, path)
    with pytest.raises(HtrError, match="do not use it"):
        export.check(other, path)
    image, _ = lines(made.preset, 2)
    inks = [np.round(one[:, :224, 0] * 255).astype(np.uint8) for one in image]
    path = export.export(made, tmp_path / "net", inks=inks)
    with pytest.raises(HtrError, match="do not use it"):
        export.check(other, path, inks)


def test_a_model_without_its_onnx_file_gets_one_and_says_so(tmp_path, caplog):
    made = random_network("course")
    file = tmp_path / "mine.keras"
    archive.save(file, made.model, made.preset, made.charset, {})
    sample = paths.samples()[0]
    with caplog.at_level(logging.WARNING):
        first = Recognizer.load(file)
    assert "mine.onnx: made" in caplog.text and (tmp_path / "mine.onnx").is_file()
    caplog.clear()
    again = Recognizer.load(file)
    assert caplog.text == "" and again.engine.about["convolutions"] == "float32"
    assert first.read(sample) == again.read(sample)
    # The file beside belongs to another model now.
    archive.save(file, made.model, made.preset, made.charset, {"retrained": True})
    Recognizer.load(file)
    assert "mine.onnx: made" in caplog.text
    assert Recognizer.load(tmp_path / "mine.onnx").preset.name == "course"
    file.unlink()
    alone = Recognizer.load(tmp_path / "mine.onnx")
    assert alone.read(sample) == again.read(sample)
    with pytest.raises(HtrError, match="no such model file"):
        _ = alone.model


def test_where_the_file_cannot_be_written_it_reads_all_the_same(tmp_path, caplog, monkeypatch):
    made = random_network("course")
    file = tmp_path / "mine.keras"
    archive.save(file, made.model, made.preset, made.charset, {})

    def full(path, data):
        raise HtrError(f"{path}: cannot be written (disk full)")

    monkeypatch.setattr(inference.files, "write_bytes", full)
    reading = Recognizer.load(file).read(paths.samples()[0])
    assert "disk full" in caplog.text
    monkeypatch.undo()
    monkeypatch.setattr(
        inference.importlib.util, "find_spec", lambda name: None if name == "onnx" else True
    )
    caplog.clear()
    other = Recognizer.load(file)
    assert "TensorFlow reads" in caplog.text and other.read(paths.samples()[0]).text == reading.text
    monkeypatch.setattr("os.getpid", lambda: -1)
    with pytest.raises(HtrError, match="fork"):
        other.read(paths.samples()[0])


def test_the_example_reads_with_the_export_and_its_json_alone(tmp_path):
    """By another program: nothing of this package is imported."""
    loaded = archive.load(paths.model_file("course"))
    path = export.export(loaded, tmp_path / "course.onnx")
    about = json.loads(export.description_file(path).read_text(encoding="utf-8"))
    script = tmp_path / "example.py"
    script.write_text(about["example"], encoding="utf-8")
    assert "htr_utils" not in about["example"]
    reader = Recognizer.load(path)
    for sample in paths.samples()[:3]:
        command = [sys.executable, script, path, sample]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == reader.read(sample, decoder="greedy").text
    numbers = json.dumps(about["steps"])
    for number in ("0.08", "0.2", "0.7", "0.4", "0.04", "0.15", "41", "144", "95th"):
        assert number in numbers
