""" "CNN features" and "BLSTM": what their exercise checks say to stubs, right and wrong answers."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest

from htr_utils.course.exercises import c05
from htr_utils.published import PUBLISHED
from tests.helpers.chapters import ROOT, defined, stored_output


def block(kernel: int, channels_in: int, channels_out: int, norm: bool) -> int:
    return kernel**2 * channels_in * channels_out + (4 if norm else 1) * channels_out


def field(blocks: list[tuple[int, int, int]]) -> int:
    wide, jump = 1, 1
    for kernel, stride, pool in blocks:
        wide, jump = wide + (kernel - 1) * jump, jump * stride
        wide, jump = wide + (pool - 1) * jump, jump * pool
    return wide


def turned(sequence: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([sequence[:length][::-1], sequence[length:]])


def turned_in_place(sequence: np.ndarray, length: int) -> np.ndarray:
    sequence[:length] = sequence[:length][::-1].copy()
    return sequence


def moved_in_place(x: Any, g: Any, b: Any, m: Any, v: Any) -> Any:
    x -= m
    return norm(x, g, b, 0, v)


def without_window(blocks: list[tuple[int, int, int]]) -> int:
    """Wrong: a pooling widens what follows, and sees nothing more itself."""
    wide, jump = 1, 1
    for kernel, stride, pool in blocks:
        wide, jump = wide + (kernel - 1) * jump, jump * stride * pool
    return wide


def pool_first(blocks: list[tuple[int, int, int]]) -> int:
    """Wrong: the pooling uses the jump from before the stride."""
    wide, jump = 1, 1
    for kernel, stride, pool in blocks:
        wide += (kernel - 1) * jump + (pool - 1) * jump
        jump *= stride * pool
    return wide


def far(changes: np.ndarray, limit: float) -> int:
    above = np.flatnonzero(changes > limit)
    return len(changes) - int(above[0]) if len(above) else 0


def norm(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any, epsilon: float = 1e-3) -> Any:
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta


def batch_norm(x: Any, gamma: Any, beta: Any, mean: Any, variance: Any) -> Any:
    return norm(x, gamma, beta, x.mean((0, 1, 2)), x.var((0, 1, 2)))


def which(inputs: int, units: int, counted: int) -> str:
    first = 8 * units * (inputs + units + 1)
    for wiring, below in (("joined", units), ("stacked", 2 * units)):
        if counted == first + 8 * units * (below + units + 1):
            return wiring
    return "neither"


def strokes_and_corners() -> np.ndarray:
    rows, columns = np.mgrid[-2:3, -2:3]
    across = [columns, rows, (rows + columns) / 2**0.5, (rows - columns) / 2**0.5]
    corners = [(columns == c) | (rows == r) for c in (-2, 2) for r in (-2, 2)]
    made = np.array([*(np.exp(-(d**2) / 1.28) for d in across), *corners], float)
    return made - made.mean(axis=(1, 2), keepdims=True)


def strokes_alone() -> np.ndarray:
    """Eight directions, no corners: better than chance, under the bar."""
    rows, columns = np.mgrid[-2:3, -2:3]
    angles = np.arange(8)[:, None, None] * np.pi / 8
    made = np.exp(-((np.sin(angles) * columns + np.cos(angles) * rows) ** 2) / 1.28)
    return made - made.mean(axis=(1, 2), keepdims=True)


told_apart = defined("05", "told_apart")  # as the chapter hands it to the check


RIGHT = {
    "05.1": 2,
    "05.2": block,
    "05.3": field,
    "05.4": 24.5,
    "05.5": norm,
    "05.6": strokes_and_corners,
    "06.1": "backward",
    "06.2": lambda inputs, units: 8 * units * (inputs + units + 1),
    "06.3": turned,
    "06.4": far,
    "06.5": which,
}
WRONG: list[tuple[str, Any, str]] = [
    ("05.1", 1, "channels come in"),
    ("05.1", 3, "run on"),
    ("05.1", 7, "how many places"),
    ("05.1", "two", "1 to 7"),
    ("05.2", lambda k, i, o, norm: k**2 * i * o, "also has a bias"),
    ("05.2", lambda k, i, o, norm: k**2 * i * o + 4 * o, "belong to batch norm"),
    ("05.2", lambda k, i, o, norm: k**2 * o + (4 if norm else 1) * o, "as deep"),
    ("05.2", lambda k, i, o, norm: k**2 * i * o + (2 if norm else 1) * o, "moving"),
    ("05.2", lambda k, i, o, norm: k**2 * i * o + (5 if norm else 1) * o, "no bias of its own"),
    ("05.3", lambda blocks: 1 + sum(k - 1 for k, _, _ in blocks), "stride"),
    ("05.3", lambda blocks: 3, "one column"),
    ("05.3", without_window, "sees one place more"),
    ("05.3", pool_first, "which jump"),
    ("05.4", 0.245, "per cent"),
    ("05.4", 64, "within block 2"),
    ("05.4", 13.8, "what stays"),
    ("05.4", 38.2, "whole share"),
    ("05.5", batch_norm, "whose mean"),
    ("05.5", lambda x, g, b, m, v: norm(x, 1, 0, m, v), "gamma"),
    ("05.5", lambda x, g, b, m, v: g * (x - m) / (v + 1e-3) + b, "root"),
    ("05.5", moved_in_place, "copy"),
    ("05.6", lambda: strokes_and_corners()[:7], "shape (8, 5, 5)"),
    ("05.6", lambda: np.repeat(strokes_and_corners()[:1], 8, axis=0), "all your kernels are alike"),
    ("05.6", lambda: np.maximum(strokes_and_corners(), 0), "count ink"),
    ("05.6", lambda: np.random.default_rng(3).normal(size=(8, 5, 5)), "Random kernels"),
    ("05.6", strokes_alone, "Better than chance"),
    ("06.1", "both", "not met"),
    ("06.1", "forward", "already"),
    ("06.1", "neither", "covered side"),
    ("06.1", "left", "answer with"),
    ("06.2", lambda inputs, units: 4 * units * (inputs + units + 1), "one direction"),
    ("06.2", lambda inputs, units: 8 * units * (inputs + units), "bias"),
    ("06.2", lambda inputs, units: 8 * units * (inputs + 1), "hidden state"),
    ("06.2", lambda inputs, units: 2 * units * (inputs + units + 1), "how many blocks"),
    ("06.3", lambda sequence, length: sequence[::-1], "padding comes first"),
    ("06.3", turned_in_place, "copy"),
    ("06.3", lambda sequence, length: sequence[:length], "shape"),
    ("06.3", lambda sequence, length: sequence[:, ::-1], "frames are rows"),
    ("06.4", lambda changes, limit: far(changes, limit) - 1, "reach is 1"),
    ("06.4", lambda changes, limit: far(changes, np.nextafter(limit, 0)), "limit itself"),
    ("06.4", lambda changes, limit: int((changes > limit).sum()), "earliest"),
    (
        "06.5",
        lambda i, u, c: {"joined": "stacked", "stacked": "joined"}.get(which(i, u, c), "neither"),
        "other way",
    ),
    ("06.5", lambda i, u, c: "joined" if which(i, u, c) == "joined" else "stacked", "off by one"),
    ("06.5", lambda i, u, c: which(i + 1, u, c), "layer 1 reads"),
    ("06.5", lambda i, u, c: which(i, u, c).replace("neither", "other"), "answer with"),
    (
        "06.4",
        lambda changes, limit: len(changes) - int(np.flatnonzero(changes > limit)[0]),
        "raises IndexError",
    ),
]


def reference_norm(x: np.ndarray) -> np.ndarray:
    """What the reference system does at commit a992f2b, x (lines, ...): moments over axis 0, and nothing stored."""
    return np.asarray((x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3))


def test_a_line_alone_is_nothing_to_the_norm_of_the_reference_system() -> None:
    """The chapter said that it was batch norm left in training mode; that one does not blank a line alone."""
    rng = np.random.default_rng(4)
    line, others = rng.normal(size=(1, 6, 9, 3)), rng.normal(size=(3, 6, 9, 3))
    assert not reference_norm(line).any()
    beside = [reference_norm(np.concatenate([line, some]))[0] for some in (others, others[:2])]
    assert np.abs(beside[0] - beside[1]).max() > 0.1
    assert np.abs(batch_norm(line, 1, 0, None, None)).max() > 1


def test_the_size_of_an_output_follows_the_formula() -> None:
    """floor((n + 2 p - k) / s) + 1, by laying windows."""
    for n, k, s, p in ((48, 2, 2, 0), (48, 3, 1, 1), (50, 5, 2, 2), (7, 3, 2, 0)):
        windows = range(-p, n + p - k + 1, s)
        assert len(windows) == (n + 2 * p - k) // s + 1
    assert (48 - 2) // 2 + 1 == 24 and (48 + 2 - 3) + 1 == 48


def test_the_formula_of_a_convolution_is_what_keras_computes() -> None:
    """Sum over rows, columns and channels in, as the chapter writes it: moved pictures against plain loops."""
    rng = np.random.default_rng(0)
    x, kernels = rng.normal(size=(6, 7, 3)), rng.normal(size=(3, 3, 3, 2))
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    quick = np.zeros((6, 7, 2))
    for k, m in np.ndindex(3, 3):
        quick += padded[k : k + 6, m : m + 7] @ kernels[k, m]
    for r, c, o in np.ndindex(quick.shape):
        slow = (padded[r : r + 3, c : c + 3] * kernels[..., o]).sum()
        assert np.isclose(quick[r, c, o], slow)


@pytest.fixture(scope="module", params=["05_cnn_features", "06_blstm"])
def printed(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A stored chapter and what its cells printed; the claims below are those of its prose."""
    return request.param, stored_output(request.param[:2])


def test_what_the_prose_says_about_the_default_run(printed: tuple[str, str]) -> None:
    """Block 2 does most; a whole step moves the frames, half a step changes them; the middle of a field counts most.

    A plain network's gradient fades, an LSTM's with open forget gates does not; only one direction feels the cover.
    """
    chapter, said = printed
    if chapter == "05_cnn_features":
        work = [
            int(n.replace(",", "")) for n in re.findall(r"^block .*, +([\d,]+) mil", said, re.M)
        ]
        total = int(re.findall(r"in all: ([\d,]+)", said)[0].replace(",", ""))
        ours = int(re.findall(r"convolutions: ([\d,]+)", said)[0].replace(",", ""))
        assert len(work) == 7 and max(work) == work[1] > total / 3 and ours < work[1]
        half, whole = map(float, re.findall(r"frames later: ([\d.]+) apart", said))
        assert half > 1 and whole == 0
        like = [float(n) for n in re.findall(r"^most like .* correlation ([\d.]+)$", said, re.M)]
        ((_, high),) = re.findall(r"90 of 100 trials: \[([\d.]+) ([\d.]+)\]", said)
        assert like[0] >= float(high) > 0.4 > like[1]  # upright, level
        ((columns, most, nearly),) = re.findall(
            r"of (\d+) columns (\d+) hold half of the effect, (\d+)", said
        )
        columns, most, nearly = int(columns), int(most), int(nearly)
        assert most < columns / 3 and nearly < 0.7 * columns
    else:
        left = {
            name: float(size)
            for name, size in re.findall(r"(plain|LSTM, f near 0\.\d+): (\de[+-]\d+)", said)
        }
        assert left["plain"] < 1e-4 < left["LSTM, f near 0.73"] < 1e-2
        assert left["LSTM, f near 0.98"] > 0.3
        felt = dict(re.findall(r"^(forward|backward): ([\d.]+)$", said, re.MULTILINE))
        (paper,) = re.findall(r"^backward, white paper: ([\d.]+)$", said, re.MULTILINE)
        assert float(felt["forward"]) == 0 < 2 * float(felt["backward"]) < float(paper)
        opened, covered = re.findall(r"^(?:open|covered): +(.*)$", said, re.MULTILINE)
        assert covered[:15] == opened[:15] and covered[30:] != opened[30:]


def test_rates_of_other_readers_are_those_of_the_package() -> None:
    """The table of "BLSTM" and the one that `htr train` prints give the same numbers for the same reader."""
    text = (ROOT / "notebooks" / "src" / "06_blstm.py").read_text(encoding="utf-8")
    rows = {name: (cer, wer) for name, _, cer, wer in PUBLISHED}
    assert "| 5.8 | 18.4 |" in text and rows["Puigcerver 2017, CNN + 5 BLSTM"] == (5.8, 18.4)
    assert "| 5.0 | 16.3 |" in text and rows["VAN, lines"] == (4.97, 16.3)
    large = next(str(cer) for name, (cer, _) in rows.items() if name.startswith("TrOCR"))
    assert re.search(r"558 million .*\| 2\.9 \|", text) and large.endswith("2.89")


def test_a_gradient_along_the_cell_state_is_multiplied_by_the_forget_gate() -> None:
    """c = f c + i g: 20 steps of f = .98 leave .67 of it, of f = .5 nothing; by a small change at the first step."""

    def last(first: float, forget: float) -> float:
        c = first
        for _ in range(20):
            c = forget * c + 0.1 * -1
        return c

    for forget in (0.98, 0.5):
        slope = (last(1.001, forget) - last(1.0, forget)) / 0.001
        assert abs(slope - forget**20) < 1e-9
    assert round(0.98**20, 2) == 0.67 and 0.5**20 < 1e-5


@pytest.mark.parametrize(("bias", "direct"), [(1.0, 4e-6), (4.0, 0.48)])
def test_a_gradient_takes_more_ways_than_the_direct_one(bias: float, direct: float) -> None:
    """After 40 frames of a fresh LSTM: with h cut off from the gates about f ** 40 is left, with it more."""
    tf = pytest.importorskip("tensorflow")
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(0)
    layer = keras.layers.LSTM(32)
    layer.build((None, 60, 8))
    W, U, _ = layer.get_weights()
    b = np.repeat(np.float32([0, bias, 0, 0]), 32)
    x = tf.constant(np.random.default_rng(0).normal(size=(32, 60, 8)).astype(np.float32))
    factors = np.random.default_rng(1).normal(size=32).astype(np.float32)
    left = {}
    for way in ("direct", "whole"):
        with tf.GradientTape() as tape:
            tape.watch(x)
            h = c = tf.zeros((32, 32))
            for frame in tf.unstack(x, axis=1):
                back = tf.stop_gradient(h) if way == "direct" else h
                i, f, g, o = tf.split(frame @ W + back @ U + b, 4, axis=1)
                c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
                h = tf.sigmoid(o) * tf.tanh(c)
            total = tf.reduce_sum(h * factors)
        lengths = np.linalg.norm(tape.gradient(total, x), axis=-1).mean(axis=0)[::-1]
        left[way] = lengths[40] / lengths[0]
    assert direct / 4 < left["direct"] < 4 * direct
    assert left["whole"] > 2 * left["direct"]


def test_a_reader_of_one_direction_gets_77_per_cent_of_the_toy_letters_at_best() -> None:
    """1 - 1/2 x 1/2 x 15/16, by the best guess that sees nothing behind a stroke."""
    strokes = np.array(list(itertools.product((0, 1), repeat=8)))
    after = np.hstack([strokes[:, 1:], np.zeros((len(strokes), 1), int)])
    riddle = (strokes == 0) & (np.arange(8) < 7)  # an o that is not the last: c or d
    right = ~riddle | (after == 0)  # says "c" at each
    assert right.mean() == 1 - 1 / 2 * 1 / 2 * 7 / 8
    assert round(100 * (1 - 1 / 2 * 1 / 2 * 15 / 16)) == 77
    bold = (strokes == 1) | (after == 1)  # says "d" at each o, the last one as well
    assert bold.mean() == 1 / 2 + 1 / 2 * 1 / 2 * 7 / 8
    assert round(100 * (1 / 2 + 1 / 2 * 1 / 2 * 15 / 16)) == 73


def test_cells_are_drawn_by_what_their_forget_gate_does() -> None:
    from htr_utils.course.plots import sequences

    rng = np.random.default_rng(0)
    states = rng.normal(size=(50, 6)) * [0.1, 2, 0.5, 2, 0.1, 0.5]
    forget = np.tile([0.95, 0.9, 0.1, 0.1, 0.2, 0.9], (50, 1))
    assert sequences.two_kinds(states, forget, 4) == [1, 5, 3, 2]
    assert sequences.two_kinds(states, forget * 0.1, 2) == [3]  # no cell keeps: one kind is missing


def test_a_small_mark_keeps_its_colour_beside_a_large_one_that_is_like_it() -> None:
    """The median cut alone made red marks orange (the chapter "Decoding"'s legend of doubts)."""
    import io

    from PIL import Image

    from htr_utils.course.plots import base

    made, axis = base.figure(width=6)
    axis.imshow(rng_picture(), extent=(0, 1, 0, 1), cmap="gray")
    axis.axvspan(0, 0.5, color=base.ORANGE)
    axis.axvspan(0.6, 0.8, color="#FCFCFC")  # nearly white, and much of it
    axis.plot([0.9, 0.91], [0.5, 0.5], color=base.RED, lw=6)
    seen = Image.open(io.BytesIO(base.encode(made))).convert("RGB")
    assert seen.getpixel((0, 0)) == (255, 255, 255)
    colours = {colour for _, colour in seen.getcolors(seen.width * seen.height) or ()}
    assert {(0xE6, 0x9F, 0x00), (0xD5, 0x5E, 0x00), (255, 255, 255)} <= colours and len(
        colours
    ) <= 64


def rng_picture() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(60, 90))


def test_random_kernels_reach_what_the_project_says_and_the_bar_is_beyond_them() -> None:
    rng = np.random.default_rng(1)
    shares = [told_apart(rng.normal(size=(8, 5, 5))) for _ in range(12)]
    assert 0.43 < np.mean(shares) < 0.53 and max(shares) < c05.BAR
    assert told_apart(strokes_and_corners()) > c05.BAR + 0.05


@pytest.mark.slow
def test_some_lines_are_read_otherwise_beside_other_neighbours() -> None:
    """Batch norm in training mode: of the first 24 test lines 6 change; three of these here, with the chapter's."""
    from dataclasses import replace

    from htr_utils import Recognizer
    from htr_utils.lines import iam, images
    from htr_utils.network import models, training
    from htr_utils.text import decoding

    recognizer, lines = Recognizer.load("course"), iam.read(None).split("test")
    network = models.build(replace(recognizer.preset, dropout=0.0), recognizer.charset.classes)
    stored = {weight.path: weight for weight in recognizer.model.weights}
    for weight in network.weights:
        weight.assign(stored[weight.path])
    others = [recognizer.prepare(line.image()).ink for line in lines[-6:]]

    def read(number: int, company: list[np.ndarray]) -> str:
        inks = [recognizer.prepare(lines[number].image()).ink, *company]
        canvas = int(np.ceil(max(ink.shape[1] for ink in inks + others) / 32)) * 32
        image = np.stack([images.pad_width(ink, canvas) for ink in inks])[..., None]
        width = np.array([ink.shape[1] for ink in inks], np.int32)
        logits = network({"image": image, "width": width}, training=True)["logits"].numpy()[:1]
        frames = models.frames(width[:1], recognizer.preset)
        best = decoding.greedy(training.log_softmax(logits), frames)[0]
        return recognizer.charset.decode(best.ids)

    changed = [read(n, others[:3]) != read(n, others[3:]) for n in (1, 5, 13)]
    assert sum(changed) >= 2
