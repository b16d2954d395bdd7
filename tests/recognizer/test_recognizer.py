"""Reading with the shipped model: the same text by every road; its figures are what the card says."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from htr_utils import HtrError, Recognizer, paths
from htr_utils.files import sha256
from htr_utils.lines import iam, images
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
    reading = recogniser.read(line.path, decoder="greedy")
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
    readings = recogniser.read(
        [lines[i].path for i in some], decoder=entry.get("decoder", "greedy")
    )
    now = sum(metrics.edits(r.text, lines[i].text) for r, i in zip(readings, some, strict=True))
    then = sum(entry["edits"][i][0] for i in some)
    assert abs(now - then) <= 2  # other processors round otherwise


def test_loading_prepares_like_training(recogniser, some_lines):
    grey = some_lines[0].image()
    prepared = recogniser.prepare(grey)
    assert np.array_equal(prepared.ink, images.prepare(grey, recogniser.preparation).ink)
    assert prepared.ink.shape[0] == recogniser.preparation.height


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


def test_pictures_of_every_kind_are_read_as_the_file_is(recogniser, tmp_path):
    """What users of other readers pass."""
    name = paths.samples()[0]
    data, grey = name.read_bytes(), np.asarray(Image.open(name).convert("L"))
    wanted = recogniser.read(name).text
    rgb = np.repeat(grey[..., None], 3, 2)
    with name.open("rb") as opened:
        kinds = {
            "str": str(name),
            "PIL": Image.open(name),
            "PIL in colour": Image.fromarray(rgb),
            "bytes": data,
            "bytearray": bytearray(data),
            "BytesIO": io.BytesIO(data),
            "open file": opened,
            "grey": grey,
            "(H, W, 1)": grey[..., None],
            "RGB": rgb,
            "RGBA": np.dstack([rgb, np.full(grey.shape, 255, np.uint8)]),
            "float": grey / 255,
            "float to 255": grey.astype(np.float32),
            "int64": grey.astype(np.int64),
            "uint16": grey.astype(np.uint16) * 257,
        }
        texts = {kind: recogniser.read(value).text for kind, value in kinds.items()}
    assert texts == dict.fromkeys(kinds, wanted)
    white = recogniser.read(grey > 128)
    assert metrics.edits(white.text, wanted) <= 0.15 * len(
        wanted
    )  # thresholds cost a letter or two


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (None, "NoneType"),
        (5, "int"),
        ({}, "dict"),
        ("https://example.org/line.png", "web address"),
        (np.zeros((3, 40, 200), np.uint8), "moveaxis"),
        (np.zeros((2, 40, 200, 3), np.uint8), "list of pictures"),
        (np.zeros(40, np.uint8), "no picture"),
        (np.zeros((40, 200, 2), np.uint8), "no picture"),
        (np.full((40, 200), -1), "no picture"),
        (np.full((40, 200), np.nan), "no picture"),
        (np.zeros((40, 200), complex), "no picture"),
        (np.array([["a"] * 9] * 9), "no picture"),
        (np.zeros((0, 200), np.uint8), "too small"),
        (b"", "not an image"),
        (b"%PDF-1.7", "not an image"),
        (io.StringIO("text"), "mode 'rb'"),
        (io.BytesIO(b""), "nothing is left"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_picture_is_named_in_one_line(recogniser, value, named):
    with pytest.raises(HtrError, match=named) as caught:
        recogniser.read(value)
    assert "\n" not in str(caught.value)


def test_a_list_gives_a_list_and_a_generator_a_generator(recogniser):
    names = paths.samples()[:3]
    readings = recogniser.read(names)
    assert isinstance(readings, list) and recogniser.read([]) == []
    assert recogniser.read(tuple(names)) == readings
    lazily = recogniser.read(name for name in names)
    assert not isinstance(lazily, list) and list(lazily) == readings


@pytest.mark.parametrize(
    ("arguments", "status", "most", "never"),
    [
        (["--help"], 0, 250, {"numpy", "cv2", "tensorflow", "keras"}),
        (["read"], 2, 250, {"numpy", "cv2", "tensorflow", "keras"}),
        (["evaluate", "--groups", "none"], 2, 250, {"numpy", "cv2", "tensorflow", "keras"}),
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
    assert (
        recogniser.read(picture, decoder="greedy", candidates=5).others == ()
    )  # greedy decoding has one reading
    seen = []
    monkeypatch.setattr(recogniser.tuned.gate, "correct", lambda *given: seen.append(given))
    recogniser.correct(reading)
    assert seen[0][2] == reading.others


def test_the_finder_is_no_model_that_reads_lines():
    with pytest.raises(HtrError, match="no model 'finder'; known: course") as error:
        Recognizer.load("finder")
    assert "finder," not in str(error.value)


def test_the_language_of_a_page_is_settled_once(recogniser):
    """By the first lines that are read of it: later chunks of the page decode alike, another page for itself."""
    from htr_utils.recognizer import _Job, _Line
    from htr_utils.text.decoding import Candidate

    def lines(*texts):
        ids = [tuple(int(i) for i in recogniser.charset.encode(text)) for text in texts]
        return [
            _Line(n, np.zeros((1, 1)), Candidate(i, 0.0, (0,) * len(i), (0.99,) * len(i)))
            for n, i in enumerate(ids)
        ]

    english = lines(*["The old clock on the kitchen wall is as loud as it was before"] * 8)
    french = lines(*["Je ne sais pas si vous avez de mes nouvelles depuis que nous sommes"] * 12)
    job = _Job("lexicon", "auto", None, 1, 4, lambda number: number // 1000)
    settled = {}
    assert set(recogniser._by_language(english, job, settled, 0)) == {"en"}
    assert set(recogniser._by_language(french, job, settled, 8)) == {"en"}
    assert set(recogniser._by_language(french, job, settled, 1000)) == {"fr"}
    assert settled == {0: "en", 1: "fr"}
