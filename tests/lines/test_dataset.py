"""Batches: each line once, padded with paper, in an order that seed and epoch decide."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.errors import HtrError
from htr_utils.lines import dataset, images, padding
from htr_utils.lines.dataset import Batch, Batches, FileLines
from htr_utils.lines.iam import Line, read
from htr_utils.synth import handwriting
from htr_utils.synth.rendered import RenderedLines
from htr_utils.text.charset import Charset
from htr_utils.text.corpus import Corpus
from tests.helpers.iam_fake import write_iam
from tests.helpers.tiny_fonts import FONTS, SANS, one_line_error

HEIGHT = 16


@dataclass
class Drawn:
    """A source: line `index` has its own width, ink and text."""

    widths: list[int]
    epochs_differ: bool = True

    def __len__(self) -> int:
        return len(self.widths)

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        rng = np.random.default_rng([epoch if self.epochs_differ else 0, index])
        ink = rng.integers(1, 256, (HEIGHT, self.widths[index])).astype(np.uint8)
        return ink, "x" * (index % 7 + 1) + str(index)


@dataclass
class Codes:
    """An encoder: code points; a label needs `per` columns per character."""

    per: int = 0

    def encode(self, text: str) -> np.ndarray:
        return np.array([ord(c) for c in text], np.int32)

    def fits(self, label: np.ndarray, width: int) -> bool:
        return len(label) * self.per <= width


def drawn(count: int, seed: int = 0, low: int = 3, high: int = 200) -> Drawn:
    return Drawn(np.random.default_rng(seed).integers(low, high, count).tolist())


def numbers(batches: Iterator[Batch]) -> list[list[int]]:
    return [batch.numbers.tolist() for batch in batches]


def same(one: list[Batch], other: list[Batch]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for name in Batch._fields:
            assert np.array_equal(getattr(a, name), getattr(b, name)), name


# --- batches


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(1, 120),
    size=st.integers(1, 9),
    seed=st.integers(0, 50),
    epoch=st.integers(0, 5),
    shuffle=st.booleans(),
)
def test_each_line_once_per_epoch(
    count: int, size: int, seed: int, epoch: int, shuffle: bool
) -> None:
    batches = Batches(drawn(count, seed), Codes(), size, seed=seed, shuffle=shuffle)
    found = list(batches.epoch(epoch))
    assert sorted(i for batch in found for i in batch.numbers.tolist()) == list(range(count))
    assert len(found) == len(batches)
    for batch in found:
        assert 1 <= len(batch.numbers) <= size


@settings(max_examples=15, deadline=None)
@given(count=st.integers(1, 60), size=st.integers(1, 9), seed=st.integers(0, 50))
def test_what_is_in_a_batch(count: int, size: int, seed: int) -> None:
    source = drawn(count, seed)
    for batch in Batches(source, Codes(), size, seed=seed).epoch(2):
        rows, height, width, channels = batch.image.shape
        assert (height, channels) == (HEIGHT, 1)
        assert width % padding.PAD_TO == 0
        assert width - batch.width.max() < padding.PAD_TO
        assert (batch.image.dtype, batch.width.dtype, batch.label.dtype, batch.length.dtype) == (
            np.float32,
            np.int32,
            np.int32,
            np.int32,
        )
        for row in range(rows):
            ink, text = source.get(2, int(batch.numbers[row]))
            assert batch.width[row] == ink.shape[1]
            assert np.array_equal(batch.image[row, :, : ink.shape[1], 0], ink * np.float32(1 / 255))
            assert not batch.image[row, :, ink.shape[1] :].any(), "right of the line there is paper"
            assert batch.length[row] == len(text)
            assert batch.label[row, : len(text)].tolist() == [ord(c) for c in text]
            assert not batch.label[row, len(text) :].any()


def test_lines_of_a_batch_are_of_similar_width() -> None:
    source = drawn(480, low=50, high=1000)
    spread = [int(np.ptp(b.width)) for b in Batches(source, Codes(), 8).epoch(0)]
    assert np.mean(spread) < 120, "of 950 over all lines"


def test_seed_and_epoch_decide_the_order() -> None:
    source = drawn(100)

    def order(seed: int, epoch: int) -> list[list[int]]:
        return numbers(Batches(source, Codes(), 4, seed=seed).epoch(epoch))

    batches = Batches(source, Codes(), 4, seed=3)
    for epoch in range(3):  # an epoch does not depend on those before it: a training can be resumed
        assert numbers(batches.epoch(epoch)) == order(3, epoch)
    assert order(3, 0) != order(3, 1)
    assert order(3, 0) != order(4, 0)
    pools = [{i for batch in order(*one)[:12] for i in batch} for one in ((3, 0), (3, 1), (4, 0))]
    assert pools[0] != pools[1] != pools[2] != pools[0], "other lines come together"
    whole = Batches(source, Codes(), 4, shuffle=False)
    assert {i for b in list(whole.epoch(0))[:12] for i in b.numbers.tolist()} == set(range(48)), (
        "pools in order"
    )


def test_lines_that_do_not_fit_are_left_out() -> None:
    source, encoder = drawn(90, low=3, high=120), Codes(per=9)
    fitting = {
        i for i in range(90) if encoder.fits(encoder.encode(source.get(0, i)[1]), source.widths[i])
    }
    assert 10 < len(fitting) < 80
    batches = Batches(source, encoder, 4)
    assert {i for batch in batches.epoch(0) for i in batch.numbers.tolist()} == fitting
    assert list(Batches(source, Codes(per=10_000), 4).epoch(0)) == []


def test_workers_make_the_same_batches() -> None:
    source = drawn(70)
    plain = Batches(source, Codes(per=2), 3, seed=5)
    side = Batches(source, Codes(per=2), 3, seed=5, workers=1)
    try:
        for epoch in (
            0,
            1,
            1,
            4,
        ):  # the next epoch is begun ahead of time; asking for another one is no harm
            same(list(side.epoch(epoch)), list(plain.epoch(epoch)))
        next(side.epoch(2))  # given up after one batch
        same(list(side.epoch(2)), list(plain.epoch(2)))
        same(list(side.epoch(3)), list(plain.epoch(3)))
    finally:
        side.close()


def test_a_worker_leaves_ctrl_c_to_the_training() -> None:
    """The terminal sends the signal to every process of the group; a worker that died of it would print its own
    traceback, and the training would end with a broken pool instead of its best model."""
    source = drawn(300)
    side = Batches(source, Codes(per=2), 3, seed=5, workers=1)
    try:
        rows = side.epoch(0)
        first = next(rows)
        assert side._executor is not None
        for process in side._executor._processes.values():
            os.kill(process.pid, signal.SIGINT)
        same([first, *rows], list(Batches(source, Codes(per=2), 3, seed=5).epoch(0)))
    finally:
        side.close()


def test_collate_to_a_given_width() -> None:
    ink = np.full((HEIGHT, 40), 255, np.uint8)
    batch = dataset.collate([ink], [np.zeros(0, np.int32)], [7], width=128)
    assert batch.image.shape == (1, HEIGHT, 128, 1)
    assert batch.image[0, :, :40].min() == 1
    assert batch.label.shape == (1, 1)
    assert batch.length.tolist() == [0]
    assert batch.numbers.tolist() == [7]


def test_bytes_are_exact() -> None:
    every = np.arange(256, dtype=np.float32)[None] / np.float32(255)
    assert np.array_equal(dataset.to_bytes(every), np.arange(256, dtype=np.uint8)[None])
    back = dataset.to_bytes(every) * np.float32(1 / 255)
    assert np.abs(back - every).max() < 1e-6


def test_tensors_are_the_same_batches() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    batches = Batches(drawn(20), Codes(), 6)
    found = list(dataset.tensors(partial(batches.epoch, 1), HEIGHT))
    for one, batch in zip(found, batches.epoch(1), strict=True):
        assert set(one) == {"image", "width", "label", "length"}
        for name, value in one.items():
            assert tensorflow.is_tensor(value)
            assert np.array_equal(value.numpy(), getattr(batch, name))


# --- sources


@pytest.fixture
def lines(tmp_path: Path) -> list[Line]:
    """Lines of a folder, with rendered pictures large enough to be changed."""
    found = list(read(write_iam(tmp_path)).lines.values())
    for number, line in enumerate(found):
        writer = handwriting.Writer.draw(FONTS[number % len(FONTS)], np.random.default_rng(number))
        images.save(
            line.path, handwriting.render(line.text, writer, np.random.default_rng(number)).grey
        )
    return found


def test_lines_of_files(lines: list[Line]) -> None:
    source = FileLines(lines, images.Preparation())
    assert len(source) == len(lines)
    for index, line in enumerate(lines):
        ink, text = source.get(0, index)
        assert text == line.text
        assert ink.dtype == np.uint8
        assert np.array_equal(
            ink, dataset.to_bytes(images.prepare(line.image(), images.Preparation()).ink)
        )


def test_without_strength_nothing_is_changed_ever(lines: list[Line]) -> None:
    """Validation lines are read with the default strength: no epoch, seed or order changes them."""
    one, other = (
        FileLines(lines, images.Preparation()),
        FileLines(lines, images.Preparation(), seed=9),
    )
    for index in (2, 0, 1, 2):
        for epoch in range(3):
            assert np.array_equal(one.get(epoch, index)[0], other.get(7, index)[0])


def test_changed_lines_are_a_function_of_seed_epoch_and_index(lines: list[Line]) -> None:
    source = FileLines(lines, images.Preparation(), strength=1.0, seed=4)
    again = FileLines(lines, images.Preparation(), strength=1.0, seed=4)
    for epoch, index in ((3, 1), (0, 0), (3, 0), (0, 1), (3, 1)):
        assert np.array_equal(source.get(epoch, index)[0], again.get(epoch, index)[0])
    pictures = [source.get(epoch, 0)[0] for epoch in range(6)]
    assert len({(picture.shape, picture.tobytes()) for picture in pictures}) > 4
    other = FileLines(lines, images.Preparation(), strength=1.0, seed=5)
    assert any(not np.array_equal(source.get(e, 0)[0], other.get(e, 0)[0]) for e in range(3))


def test_a_bad_line_is_named(lines: list[Line]) -> None:
    lines[0].path.unlink()
    images.save(lines[1].path, np.full((6, 4000), 255, np.uint8))
    for index in (0, 1):
        assert lines[index].id in one_line_error(
            FileLines(lines, images.Preparation()).get, 0, index
        )


def test_rendered_lines() -> None:
    corpus = Corpus(["A paragraph of several quite ordinary words that says nothing."])
    source = RenderedLines(FONTS, corpus.line, images.Preparation(), count=50, seed=2)
    again = RenderedLines(FONTS[::-1], corpus.line, images.Preparation(), count=50, seed=2)
    assert len(source) == 50
    drawn = [source.get(epoch, index) for epoch in range(2) for index in range(4)]
    for at, (ink, text) in enumerate(drawn):
        assert ink.shape[0] == 48
        assert ink.dtype == np.uint8
        assert ink.any()
        assert Charset().unknown(text) == ""
        same_ink, same_text = again.get(at // 4, at % 4)
        assert same_text == text
        assert np.array_equal(same_ink, ink), "whatever the order of the fonts"
    assert len({text for _, text in drawn}) == len(drawn), "no line comes again"


def test_families_count_alike_whatever_their_weights() -> None:
    many = [SANS, *[type(SANS)("serif", weight, FONTS[1].path) for weight in range(100, 901, 100)]]
    source = RenderedLines(many, lambda rng: "word", images.Preparation())
    assert [len(family) for family in source._families] == [1, 9]


def test_a_text_that_no_font_can_write() -> None:
    source = RenderedLines(FONTS, lambda rng: "漢字", images.Preparation())
    assert "漢字" in one_line_error(source.get, 0, 0)


def test_mixed_lines_have_the_share_and_depend_on_seed_epoch_and_index() -> None:
    first, second = drawn(4000, low=3, high=50), drawn(30, low=100, high=200)
    mixed = dataset.MixedLines(first, second, 0.3, seed=5)
    assert len(mixed) == 4000
    widths = [mixed.get(2, index)[0].shape[1] for index in range(4000)]
    share = np.mean([width >= 100 for width in widths])
    assert abs(share - 0.3) < 0.03
    again = dataset.MixedLines(first, second, 0.3, seed=5)
    for index in (0, 17, 3999):
        assert np.array_equal(mixed.get(2, index)[0], again.get(2, index)[0])
    assert [mixed.get(3, i)[0].shape[1] for i in range(50)] != widths[:50]
    assert all(
        dataset.MixedLines(first, second, 0.0).get(0, i)[1] == first.get(0, i)[1] for i in range(20)
    )


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (HtrError("x.png: is damaged"), "x.png: is damaged"),
        (OSError("the disk is gone"), "the disk is gone"),
        (BrokenProcessPool("ended abruptly"), "take fewer --workers"),
    ],
)
def test_an_error_of_the_lines_comes_out_as_it_is(raised, told) -> None:
    def broken():
        raise raised
        yield

    with pytest.raises((HtrError, OSError), match=f"{told}$"):
        list(dataset.tensors(broken, HEIGHT))
