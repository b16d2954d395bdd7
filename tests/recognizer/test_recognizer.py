"""Reading with the shipped model: the same text by every road; its figures are what the card says."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from htr_utils import HtrError, Recognizer, paths
from htr_utils.files import sha256
from htr_utils.lines import iam, images
from htr_utils.network import inference, models, training
from htr_utils.text import metrics


@pytest.fixture(scope="module")
def recogniser():
    return Recognizer.load("course")


@pytest.fixture(scope="module")
def some_lines():
    return iam.read().split("test")[::25]


def test_alone_in_a_batch_and_from_memory_the_text_is_the_same(recogniser, some_lines):
    chosen = some_lines[:8]
    batch = recogniser.read([line.path for line in chosen])
    alone = [recogniser.read(line.path) for line in chosen]
    memory = recogniser.read([line.image() for line in chosen], batch=3)
    assert [r.text for r in batch] == [r.text for r in alone] == [r.text for r in memory]
    for one, other in zip(
        recogniser.log_probs([line.path for line in chosen]), chosen, strict=True
    ):
        again = recogniser.log_probs([other.path])[0]
        # float32 holds seven digits: classes at -20 differ by a little more than the likely ones.
        assert np.allclose(one, again, rtol=1e-5, atol=1e-4)


def test_more_paper_on_the_right_changes_no_text(recogniser, some_lines):
    for line in some_lines[:4]:
        grey = line.image()
        paper = np.full((grey.shape[0], 300), int(np.percentile(grey, 90)), np.uint8)
        assert recogniser.read(np.hstack([grey, paper])).text == recogniser.read(grey).text


def test_embedded_test_lines_are_read_within_the_promise(recogniser, some_lines):
    texts = [r.text for r in recogniser.read([line.path for line in some_lines])]
    rate = metrics.cer(texts, [line.text for line in some_lines], split="every 25th of test")
    assert rate.low < 0.06, rate


def test_a_reading_says_where_and_how_sure(recogniser, some_lines):
    line = some_lines[0]
    reading = recogniser.read(line.path)
    assert "".join(c.character for c in reading.characters) == reading.text
    columns = [c.x for c in reading.characters]
    assert columns == sorted(columns)
    assert columns[0] >= 0 and columns[-1] <= line.image().shape[1]
    assert 0 < reading.confidence <= 1 and reading.log_prob < 0


def test_beam_reads_too(recogniser, some_lines):
    greedy, beam = (recogniser.read([some_lines[0].path], decoder=d)[0] for d in ("greedy", "beam"))
    assert metrics.edits(greedy.text, beam.text) <= 0.2 * len(greedy.text) + 2


def test_blank_paper_reads_as_nothing_much(recogniser):
    assert len(recogniser.read(np.full((64, 400), 240, np.uint8)).text) <= 2


def test_mistakes_are_one_line(recogniser, tmp_path):
    for source in (
        tmp_path / "none.png",
        np.zeros((3, 3), np.uint8),
        np.zeros((64, 200), np.float32),
    ):
        with pytest.raises(HtrError) as caught:
            recogniser.read(source)
        assert "\n" not in str(caught.value)
    with pytest.raises(HtrError, match="known: course"):
        Recognizer.load("nonsense")
    with pytest.raises(HtrError, match="decoder"):
        recogniser.read(np.zeros((64, 200), np.uint8), decoder="magic")
    assert recogniser.read([]) == []


def test_published_figures_are_this_models(recogniser):
    """Hashes of metrics.json, and the embedded figures measured again on a part."""
    root = paths.repo_root()
    known = json.loads((root / "model" / "metrics.json").read_text(encoding="utf-8"))
    for model, entries in known.items():
        assert {"embedded-test", "embedded-validation"} <= set(entries)
        for name, entry in entries.items():
            assert entry["sha256"] == sha256(root / "model" / model), name
            assert entry["command"].startswith("htr evaluate") and entry["date"] and entry["data"]
    entry = known["course.keras"]["embedded-test"]
    lines = iam.read().split("test")
    assert len(entry["edits"]) == len(lines)
    value = 100 * sum(e for e, _ in entry["edits"]) / sum(n for _, n in entry["edits"])
    assert entry["cer"]["value"] == pytest.approx(value, abs=0.01)
    some = list(range(0, len(lines), 20))
    readings = recogniser.read([lines[i].path for i in some])
    now = sum(metrics.edits(r.text, lines[i].text) for r, i in zip(readings, some, strict=True))
    then = sum(entry["edits"][i][0] for i in some)
    assert abs(now - then) <= 2  # other processors round otherwise


def test_loading_prepares_like_training(recogniser, some_lines):
    grey = some_lines[0].image()
    prepared = recogniser.prepare(grey)
    assert np.array_equal(prepared.ink, images.prepare(grey, recogniser.preset.preparation).ink)
    assert prepared.ink.shape[0] == recogniser.preset.preparation.height


def test_paper_on_any_side_changes_nothing(recogniser, some_lines):
    """Once, a picture cut close to its ink was read otherwise than the same line with a margin."""
    for line in some_lines[:6]:
        grey = images.load(line.path)
        tone = int(np.percentile(grey, 90))
        more = np.pad(grey, ((0, 0), (200, 150)), constant_values=tone)
        one, other = recogniser.prepare(grey).ink, recogniser.prepare(more).ink
        assert abs(one.shape[1] - other.shape[1]) <= 1
        assert metrics.edits(recogniser.read(grey).text, recogniser.read(more).text) <= 1


def test_a_bad_picture_is_kept_in_its_place_and_the_others_are_read(
    recogniser, some_lines, tmp_path
):
    names = [line.path for line in some_lines[:5]]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    mixed = [names[0], broken, *names[1:3], tmp_path / "none.png", *names[3:]]
    found = list(recogniser.read_iter(mixed, errors="keep", chunk=3, batch=2))
    assert [type(one).__name__ for one in found] == ["Reading", "HtrError"] + ["Reading"] * 2 + [
        "HtrError",
        "Reading",
        "Reading",
    ]
    assert "broken.png" in str(found[1]) and "none.png" in str(found[4])
    texts = [one.text for one in found if not isinstance(one, HtrError)]
    assert texts == [one.text for one in recogniser.read(names)]
    with pytest.raises(HtrError, match=r"broken\.png"):
        list(recogniser.read_iter(mixed))


def test_a_long_list_is_fetched_two_chunks_ahead_and_no_further(recogniser, some_lines):
    fetched = 0

    def endless():
        nonlocal fetched
        while True:
            fetched += 1
            yield some_lines[fetched % 3].path

    readings = recogniser.read_iter(endless(), chunk=4)
    for number in range(9):
        assert next(readings).text
        assert fetched <= (number // 4 + 2) * 4
    readings.close()


def test_each_way_through_the_network_is_traced_once(recogniser, some_lines):
    for count, batch in ((1, 1), (3, 3), (8, 8), (12, 12), (23, 16)):
        recogniser.read([line.path for line in some_lines[:count]], batch=batch)
    network = recogniser._network
    assert network.few.experimental_get_tracing_count() == 1
    assert network.many.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("name", "stacked"), [("course", True), ("course", False), ("reference", False)]
)
def test_the_reading_network_gives_the_trained_ones_numbers(name, stacked):
    """Both ways, with batch norms that do something, lines of unlike width and much padding."""
    preset = models.preset(name, stacked=stacked)
    model = models.build(preset, 80)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if "norm" in layer.name:
            for weight, low, high in zip(
                layer.weights, (0.5, -0.5, -0.3, 0.5), (1.5, 0.5, 0.3, 2), strict=True
            ):
                weight.assign(rng.uniform(low, high, weight.shape))
        elif "lstm" in layer.name or "ward" in layer.name:  # a bias of zero could stand at any gate
            for weight in layer.weights:
                if "bias" in weight.path:
                    weight.assign(rng.uniform(-1, 1, weight.shape))
    total = preset.preparation.width or 256
    for count in (2, inference.FEW + 1):
        widths = rng.integers(20, total, count).astype(np.int32)
        widths[0] = 21
        image = rng.random((count, preset.preparation.height, total, 1), np.float32)
        image *= np.arange(total)[None, None, :, None] < widths[:, None, None, None]
        wanted = training.log_softmax(training.reader(model)(image, widths).numpy())
        found = inference.reader(model, preset)(image, widths)
        frames = np.asarray(models.frames(widths, preset))
        assert (
            max(np.abs(a[:n] - b[:n]).max() for a, b, n in zip(wanted, found, frames, strict=True))
            < 1e-4
        )


@pytest.mark.parametrize(
    ("arguments", "status", "most", "never"),
    [
        (["--help"], 0, 250, {"numpy", "cv2", "tensorflow", "keras"}),
        (["read"], 2, 250, {"numpy", "cv2", "tensorflow", "keras"}),
        (["bench", "--limit", "none"], 2, 250, {"numpy", "cv2", "tensorflow", "keras"}),
        (["export", "--to", "pdf"], 2, 250, {"numpy", "cv2", "tensorflow", "keras"}),
        (
            ["export", "--to", "onnx", "--model", "nonsense"],
            1,
            250,
            {"numpy", "cv2", "tensorflow", "keras"},
        ),
        (["data", "check"], 0, 600, {"tensorflow", "keras", "matplotlib", "scipy", "skimage"}),
    ],
)
def test_quick_answers_import_little(arguments, status, most, never):
    """Within half a second; counted are modules, since time depends on what else the machine does."""
    code = (
        "import sys\nfrom htr_utils.cli import main\nstatus = 0\n"
        f"try: main({arguments!r})\nexcept SystemExit as end: status = end.code\n"
        "print(*sorted(sys.modules), file=sys.stderr)\nsys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    loaded = set(done.stderr.splitlines()[-1].split())
    assert not loaded & never
    assert len(loaded) <= most, len(loaded)


def test_decoders_with_a_language_model_read_the_same_line_alone_and_in_a_batch(
    recogniser, some_lines
):
    paths = [line.path for line in some_lines[:6]]
    for decoder in ("lm", "lexicon"):
        together = [reading.text for reading in recogniser.read(paths, decoder=decoder)]
        assert together == [recogniser.read(path, decoder=decoder).text for path in paths]
    reading = recogniser.read(paths[0])
    assert recogniser.correct(reading).before == reading.text


def test_the_gate_sees_what_the_beam_read_besides(recogniser, some_lines, monkeypatch):
    """Once, no user's gate was shown the other candidates that it had been measured with."""
    picture = some_lines[0].path
    alone = recogniser.read(picture, decoder="lexicon")
    reading = recogniser.read(picture, decoder="lexicon", candidates=5)
    assert alone.others == () and len(reading.others) == 4 and reading.text == alone.text
    assert reading.text not in reading.others
    assert recogniser.read(picture, candidates=5).others == ()  # greedy decoding has one reading
    seen = []
    monkeypatch.setattr(recogniser.tuned.gate, "correct", lambda *given: seen.append(given))
    recogniser.correct(reading)
    assert seen[0][2] == reading.others
