"""ONNX Runtime reads as the trained network does, whatever lies beside a line, and without TensorFlow."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from htr_utils import HtrError, Recognizer, engines, paths
from htr_utils.engines.onnx import OnnxEngine
from htr_utils.lines import iam, padding
from htr_utils.text import decoding, metrics

NONE = np.zeros(0, np.int32)


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer.load("course")


@pytest.fixture(scope="module")
def inks(recognizer):
    lines = iam.read(paths.embedded_root()).split("test")[::70]
    return [padding.to_bytes(recognizer.prepare(line.path).ink) for line in lines]


def batch(inks, width=None):
    return padding.collate(inks, [NONE] * len(inks), range(len(inks)), width)


def test_a_line_alone_in_a_batch_or_with_more_padding_has_the_same_logits(recognizer, inks):
    together = batch(inks)
    logits, frames = recognizer.engine.logits(together.image, together.width)
    for number, ink in enumerate(inks):
        for width in (None, together.image.shape[2] + 320):
            alone = batch([ink], width)
            one, count = recognizer.engine.logits(alone.image, alone.width)
            assert count[0] == frames[number]
            assert np.abs(one[0, : count[0]] - logits[number, : count[0]]).max() < 1e-4


def test_what_is_left_of_a_line_never_depends_on_rubbish_in_its_padding(recognizer, inks):
    """Masks keep padding out, not the zeros that it is made of."""
    given = batch(inks[:2], 2048)
    clean, frames = recognizer.engine.logits(given.image, given.width)
    assert frames.max() * recognizer.frame_step < 1500
    given.image[:, :, 1600:] = 1
    dirty, _ = recognizer.engine.logits(given.image, given.width)
    for one, other, count in zip(clean, dirty, frames, strict=True):
        assert np.abs(one[:count] - other[:count]).max() < 1e-4


def test_the_course_reads_without_tensorflow_in_a_fresh_process():
    code = (
        "import sys; from htr_utils import Recognizer, paths\n"
        "print(Recognizer.load('course').read(paths.samples()[0]).text)\n"
        "assert not {'tensorflow', 'keras', 'onnx', 'matplotlib'} & set(sys.modules)\n"
        # Not ru_maxrss, which a process takes over from the one that started it.
        "from pathlib import Path; status = Path('/proc/self/status')\n"
        "print(status.read_text().split('VmHWM:')[1].split()[0] if status.exists() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text, kilobytes = done.stdout.splitlines()
    assert len(text) > 10 and done.stderr == ""
    assert int(kilobytes) < 215 * 1024  # measured: 203 MB


@pytest.mark.slow
def test_both_engines_read_the_embedded_test_lines_alike(recognizer, tmp_path):
    """In float32 the same texts; convolutions in 8 bits change a letter here and there, and the CER hardly."""
    from htr_utils.network import archive, onnx_file

    lines = iam.read(paths.embedded_root()).split("test")
    names, truths = [line.path for line in lines], [line.text for line in lines]
    exact = OnnxEngine(onnx_file.build(archive.load(paths.model_file("course"))))
    readers = {
        "tensorflow": Recognizer.load("course", engine="tensorflow"),
        "float32": Recognizer(exact),
        "8 bit": recognizer,
    }
    texts = {name: [one.text for one in r.read(names)] for name, r in readers.items()}
    cer = {
        name: 100 * metrics.cer(found, truths, split="test").value for name, found in texts.items()
    }
    alike = {
        name: np.mean([a == b for a, b in zip(found, texts["tensorflow"], strict=True)])
        for name, found in texts.items()
    }
    print(cer, alike)
    assert alike["float32"] >= 0.995 and alike["8 bit"] >= 0.85
    assert abs(cer["float32"] - cer["tensorflow"]) < 0.005
    assert abs(cer["8 bit"] - cer["tensorflow"]) < 0.05


def _read(names):
    return [reading.text for reading in Recognizer.load("course").read(names)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_it_reads_after_a_fork_and_from_several_threads(recognizer):
    names = paths.samples()[:4]
    wanted = [reading.text for reading in recognizer.read(names)]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: recognizer.read(names), range(6)):
            assert [reading.text for reading in found] == wanted
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(
        target=lambda: queue.put([reading.text for reading in recognizer.read(names)])
    )
    child.start()
    try:
        assert queue.get(timeout=120) == wanted
    finally:
        child.kill()


def test_it_can_be_pickled(recognizer):
    again = pickle.loads(pickle.dumps(recognizer))
    name = paths.samples()[0]
    assert again.read(name).text == recognizer.read(name).text
    with pytest.raises(HtrError, match="without a file"):
        pickle.dumps(Recognizer(recognizer.engine))
    trained = Recognizer.load("course", engine="tensorflow")
    assert type(pickle.loads(pickle.dumps(trained)).engine) is type(trained.engine)


def test_other_files_are_refused_in_one_line(tmp_path):
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    opset = [helper.make_opsetid("", 17)]
    foreign = helper.make_model(graph, opset_imports=opset, ir_version=8)
    content = {
        "empty": b"",
        "text": b"nothing",
        "foreign": foreign.SerializeToString(),
        "cut": paths.model_file("course").with_suffix(".onnx").read_bytes()[:100_000],
    }
    helper.set_model_props(foreign, {"htr": json.dumps({"charset": 5})})
    content["damaged"] = foreign.SerializeToString()
    for name, data in content.items():
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(data)
        with pytest.raises(HtrError, match=name) as caught:
            Recognizer.load(file)
        assert "\n" not in str(caught.value)
    with pytest.raises(HtrError, match="no model file"):
        Recognizer.load(tmp_path / "none.onnx")


def test_frames_follow_from_the_description():
    about = {"preparation": {"width": None}, "frame_step": 4}
    assert engines.frames(about, np.array([1, 4, 5], np.int32)).tolist() == [1, 1, 2]
    about["preparation"]["width"] = 800
    assert engines.frames(about, np.array([1, 4], np.int32)).tolist() == [200, 200]


def test_log_softmax_is_the_logarithm_of_a_distribution():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 30, (2, 3, 5)).astype(np.float32)
    log_probs = engines.log_softmax(logits)
    assert np.allclose(np.exp(log_probs).sum(-1), 1, atol=1e-5)
    assert np.array_equal(log_probs.argmax(-1), logits.argmax(-1))
    assert len(decoding.greedy(log_probs, np.array([3, 2]))) == 2
