"""CTC decoding: greedy, beam, alignment, each against the definition on tiny lines."""

from __future__ import annotations

import itertools
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htr_utils.errors import HtrError
from htr_utils.text import decoding
from htr_utils.text.charset import Charset
from tests.helpers.frames import check_frames, line_of, log_softmax, random_line

WIDE = 10_000


tiny = st.builds(
    random_line,
    seed=st.integers(0, 10**6),
    frames=st.integers(1, 5),
    classes=st.integers(2, 4),
    sharpness=st.sampled_from([0.2, 1.0, 4.0]),
)


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ([], ()),
        ([0, 0], ()),
        ([1, 1, 2], (1, 2)),
        ([1, 0, 1], (1, 1)),
        ([0, 3, 3, 0, 0, 3, 1, 1], (3, 3, 1)),
    ],
)
def test_collapse_merges_then_drops_blanks(path: list[int], ids: tuple[int, ...]) -> None:
    assert decoding.collapse(path) == ids


@settings(max_examples=40, deadline=None)
@given(tiny)
def test_exhaustive_is_a_distribution(line: np.ndarray) -> None:
    found = decoding.exhaustive(line)
    assert np.exp(list(found.values())).sum() == pytest.approx(1)
    assert list(found.values()) == sorted(found.values(), reverse=True)


@settings(max_examples=100, deadline=None)
@given(tiny)
def test_greedy_is_the_collapsed_best_path(line: np.ndarray) -> None:
    [reading] = decoding.greedy(line[None], [len(line)])
    assert reading.ids == decoding.collapse(line.argmax(axis=1))
    assert reading.log_prob == pytest.approx(line.max(axis=1).sum())
    check_frames(reading, line)


@settings(max_examples=60, deadline=None)
@given(tiny)
def test_wide_beam_equals_exhaustive_search(line: np.ndarray) -> None:
    truth = decoding.exhaustive(line)
    [readings] = decoding.beam(line[None], [len(line)], width=WIDE, top=WIDE)
    assert {reading.ids for reading in readings} == set(truth)
    for reading in readings:
        assert reading.log_prob == pytest.approx(truth[reading.ids])
        check_frames(reading, line)
    scores = [reading.log_prob for reading in readings]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=60, deadline=None)
@given(tiny, st.integers(1, 6))
def test_narrow_beam_never_claims_too_much(line: np.ndarray, width: int) -> None:
    truth = decoding.exhaustive(line)
    [readings] = decoding.beam(line[None], [len(line)], width=width, top=width)
    assert len(readings) <= width
    assert len({reading.ids for reading in readings}) == len(readings)
    assert all(reading.log_prob <= truth[reading.ids] + 1e-9 for reading in readings)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=5),
    st.integers(0, 4),
    st.integers(0, 10**6),
    st.booleans(),
)
def test_neighbours_and_padding_never_change_a_line(
    lengths: list[int], extra: int, seed: int, loud: bool
) -> None:
    random = np.random.default_rng(seed)
    batch = random.normal(size=(len(lengths), max(lengths) + extra, 5))
    batch = log_softmax(3 * batch)
    for line, length in zip(batch, lengths, strict=True):
        line[length:] = np.nan if loud else log_softmax(random.normal(size=line[length:].shape))
    for decode in (decoding.greedy, decoding.beam, decoding.beam_merge_mistake):
        together = decode(batch, lengths)
        alone = [decode(line[None, :n], [n])[0] for line, n in zip(batch, lengths, strict=True)]
        assert together == alone


def test_greedy_takes_the_strongest_frame_of_each_run() -> None:
    line = np.log([[0.4, 0.6], [0.1, 0.9], [0.3, 0.7], [0.8, 0.2], [0.45, 0.55]])
    [reading] = decoding.greedy(line[None], [5])
    assert reading.ids == (1, 1)
    assert reading.frames == (1, 4)
    assert reading.confidences == pytest.approx((0.9, 0.55))


def test_doubled_letters_survive_and_the_mistake_loses_them() -> None:
    charset = Charset("elrt")
    path = ["-elrt".index(character) for character in "-llet-tte-r-"]
    line = line_of(path, charset.classes)
    [read_greedily] = decoding.greedy(line[None], [len(line)])
    [[read_by_beam]] = decoding.beam(line[None], [len(line)])
    for reading in (read_greedily, read_by_beam):
        assert charset.decode(reading.ids) == "letter"
        check_frames(reading, line)
    [mistaken] = decoding.beam_merge_mistake(line[None], [len(line)])
    assert charset.decode(mistaken.ids) == "leter"
    check_frames(mistaken, line)


def test_beam_finds_what_greedy_misses() -> None:
    """Two paths of one text together beat the best single path (Graves et al. 2006, figure 2)."""
    line = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert decoding.greedy(line[None], [2])[0].ids == ()
    [[best]] = decoding.beam(line[None], [2], width=2)
    assert best.ids == (1,)
    assert np.exp(best.log_prob) == pytest.approx(0.64)


def test_beam_of_width_one_is_not_greedy() -> None:
    line = np.log([[0.4, 0.6, 1e-9], [0.3, 0.3, 0.4]])
    assert decoding.greedy(line[None], [2])[0].ids == (1, 2)
    assert decoding.beam(line[None], [2], width=1)[0][0].ids == (1,)


def test_probability_zero_is_no_obstacle() -> None:
    with np.errstate(divide="ignore"):
        line = np.log([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])
    assert decoding.greedy(line[None], [3])[0].ids == (1, 1)
    [readings] = decoding.beam(line[None], [3], width=10, top=10)
    assert sorted(reading.ids for reading in readings) == [(1, 1), (1, 2)]
    with pytest.raises(HtrError, match="probability 0"):
        decoding.align(line, [2])


@settings(max_examples=80, deadline=None)
@given(tiny, st.data())
def test_align_follows_the_best_of_all_paths(line: np.ndarray, data: st.DataObject) -> None:
    frames, classes = line.shape
    ids = data.draw(st.sampled_from(list(decoding.exhaustive(line))))
    best = max(
        (
            path
            for path in itertools.product(range(classes), repeat=frames)
            if decoding.collapse(path) == ids
        ),
        key=lambda path: line[np.arange(frames), path].sum(),
    )
    stretches = [
        list(run) for i, run in itertools.groupby(range(frames), key=best.__getitem__) if i != 0
    ]
    expected = [run[line[run, i].argmax()] for run, i in zip(stretches, ids, strict=True)]
    assert decoding.align(line, ids) == expected


@pytest.mark.parametrize("label", [[1, 2], [1, 1], [2], [1, 2, 1]])
def test_the_best_path_writes_its_label_and_none_is_likelier(label: list[int]) -> None:
    line = random_line(len(label), frames=5, classes=3)
    states, score = decoding.best_path(line, label)
    path = np.array([0, *(i for letter in label for i in (letter, 0))])[states]
    assert decoding.collapse(path) == tuple(label)
    fitting = (
        p for p in itertools.product(range(3), repeat=5) if decoding.collapse(p) == tuple(label)
    )
    assert score == pytest.approx(max(line[np.arange(5), p].sum() for p in fitting))
    assert line[np.arange(5), path].sum() == pytest.approx(score)
    assert decoding.best_path(line, [1, 1, 1, 2])[1] == -np.inf


def test_align_needs_a_blank_between_doubled_letters() -> None:
    line = random_line(0, frames=4, classes=3)
    assert decoding.align(line, []) == []
    hardly_blank = np.log([[0.1, 0.9], [0.05, 0.95], [0.1, 0.9]])
    assert decoding.align(hardly_blank, [1, 1]) == [0, 2]
    with pytest.raises(HtrError, match="3 characters need 5 frames, the line has 4"):
        decoding.align(line, [1, 1, 1])
    with pytest.raises(HtrError, match="without blanks"):
        decoding.align(line, [1, 0])


@pytest.mark.parametrize(
    ("log_probs", "lengths", "message"),
    [
        (np.zeros((2, 3)), [2], r"\(batch, frames, classes\)"),
        (np.zeros((2, 3, 4)), [3], r"not \(2, 3, 4\) and \(1,\)"),
        (np.zeros((1, 3, 4)), [4], "lengths 4..4 with 3 frames"),
        (np.full((1, 3, 4), np.nan), [3], "NaN"),
        (np.full((1, 3, 4), 5.0), [3], "log-softmax"),
        (np.full((1, 3, 4), -np.inf), [3], "every class probability 0"),
    ],
)
def test_wrong_input_is_named(log_probs: np.ndarray, lengths: list[int], message: str) -> None:
    for decode in (decoding.greedy, decoding.beam):
        with pytest.raises(HtrError, match=message):
            decode(log_probs, lengths)


def test_wrong_options_are_named() -> None:
    line = random_line(0, 2, 2)[None]
    for width, top in [(0, 1), (3, 0), (3, 4)]:
        with pytest.raises(HtrError, match="at least 1"):
            decoding.beam(line, [2], width=width, top=top)
    with pytest.raises(HtrError, match="too many paths"):
        decoding.exhaustive(random_line(0, 20, 3))


@pytest.mark.parametrize("shape", [(0, 5, 3), (2, 0, 3)])
def test_empty_batches_and_empty_lines(shape: tuple[int, int, int]) -> None:
    nothing = decoding.Candidate((), 0.0, (), ())
    lengths = np.zeros(shape[0], dtype=int)
    assert decoding.greedy(np.zeros(shape), lengths) == [nothing] * shape[0]
    assert decoding.beam(np.zeros(shape), lengths) == [[nothing]] * shape[0]


def test_greedy_reads_a_thousand_lines_in_a_second() -> None:
    lines = log_softmax(np.random.default_rng(0).normal(size=(250, 200, 80)).astype(np.float32))
    lengths = np.full(250, 200)
    times = []
    for _ in range(3):
        started = time.process_time()
        decoding.greedy(lines, lengths)
        times.append(time.process_time() - started)
    assert min(times) < 0.25


def test_agrees_with_tensorflow() -> None:
    """Its decoder takes the last class as the blank, so the classes are rotated: 1, 2, ..., blank."""
    tf = pytest.importorskip("tensorflow")
    lines = np.stack([random_line(seed, 8, 3, sharpness=3) for seed in range(20)]).astype(
        np.float32
    )
    lengths = np.random.default_rng(0).integers(3, 9, size=20).astype(np.int32)
    rotated = np.moveaxis(np.roll(lines, -1, axis=2), 1, 0)

    def ids_of(sparse: object) -> list[tuple[int, ...]]:
        dense = tf.sparse.to_dense(sparse, default_value=-1).numpy()
        return [tuple(int(i) + 1 for i in row if i >= 0) for row in dense]

    [path], _ = tf.nn.ctc_greedy_decoder(rotated, lengths)
    assert [reading.ids for reading in decoding.greedy(lines, lengths)] == ids_of(path)

    ours = decoding.beam(lines, lengths, width=WIDE, top=3)
    theirs, scores = tf.nn.ctc_beam_search_decoder(rotated, lengths, beam_width=WIDE, top_paths=3)
    for rank in range(3):
        assert [readings[rank].ids for readings in ours] == ids_of(theirs[rank])
    log_probs = [[reading.log_prob for reading in readings] for readings in ours]
    np.testing.assert_allclose(log_probs, scores.numpy(), atol=1e-4)

    [merged], _ = tf.compat.v1.nn.ctc_beam_search_decoder(
        rotated, lengths, beam_width=WIDE, top_paths=1, merge_repeated=True
    )
    mistaken = [reading.ids for reading in decoding.beam_merge_mistake(lines, lengths, width=WIDE)]
    assert mistaken == ids_of(merged)
    assert any(reading[0].ids != ids for reading, ids in zip(ours, mistaken, strict=True))


def test_a_peer_is_timed_as_often_as_the_others_and_its_quickest_run_counts(tmp_path, monkeypatch):
    """A stand-in for pyctcdecode that is slow when it is first asked for all lines."""
    from htr_utils.course import hard_lines
    from workshop.measure import decoder_bench

    (tmp_path / "pyctcdecode.py").write_text(
        "import time\n"
        "calls = 0\n"
        "class Decoder:\n"
        "    def decode(self, table, beam_width):\n"
        "        global calls\n"
        "        calls += 1\n"
        "        time.sleep(2 if calls == 2 else 0)\n"
        "        return f'{calls} '\n"
        "def build_ctcdecoder(labels):\n"
        "    return Decoder()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    lines = hard_lines.padded([random_line(seed, 4, 3) for seed in (0, 1)], ["a", "b"])
    texts, seconds = decoder_bench.peer_texts(sys.executable, lines, Charset("ab"), 5, 3)
    assert (
        texts == ["6", "7"] and seconds < 1
    )  # one line that does not count, then three times both


def test_the_decoders_mistakes_are_one_line():
    from click.testing import CliRunner

    from workshop.measure import decoder_bench

    result = CliRunner().invoke(decoder_bench.main, ["--data", "nowhere"])
    assert (
        result.exit_code == 1
        and result.output.startswith("Error: ")
        and result.output.count("\n") == 1
    )
