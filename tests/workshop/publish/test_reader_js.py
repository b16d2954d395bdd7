"""The reader in JavaScript against the Python original: the same pictures, lines, crops, logits, texts."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from htr_utils import Recognizer, page_reading, pages
from htr_utils.engines.onnx import OnnxEngine, session
from htr_utils.errors import HtrError
from htr_utils.lines import iam, images, padding
from htr_utils.network import ctc
from htr_utils.pages import cutting, finder
from htr_utils.text import decoding, fusion, languages
from htr_utils.text.charset import IAM79
from htr_utils.text.decoding import greedy
from tests.helpers import sheets
from tests.helpers.chapters import ROOT
from workshop.publish import front, reading, vendor

RUNNER = ROOT / "tests" / "helpers" / "reader_runner.mjs"
PAGES = ("letter-1.jpg", "letter-2.jpg")
LINES, BEAM = 200, 40
Run = Callable[[list[dict[str, Any]]], list[Any]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reader")
    try:
        vendor.package("onnxruntime-web")
    except HtrError as error:
        pytest.skip(f"the runtime comes from the npm registry, which is out of reach: {error}")
    reading.copy(folder)
    return folder


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """Does jobs of the runner in `tmp_path`, with one reader."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("node is not on the PATH; install Node.js 20 or newer")

    def jobs(wanted: list[dict[str, Any]]) -> list[Any]:
        (tmp_path / "jobs.json").write_text(json.dumps(wanted))
        command = [node, str(RUNNER), str(site), str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads((tmp_path / "made.json").read_text())

    return jobs


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer.load("course")


@pytest.fixture(scope="module")
def greys() -> list[np.ndarray]:
    return [line.image() for line in iam.read().split("test")[:LINES]]


@pytest.fixture(scope="module")
def log_probs(recognizer: Recognizer, greys: list[np.ndarray]) -> list[np.ndarray]:
    return recognizer.log_probs(greys)


def stored(folder: Path, name: str, array: np.ndarray) -> dict[str, Any]:
    """A picture (H, W) as bytes in a file, and what the runner must know of it."""
    np.ascontiguousarray(array).tofile(folder / name)
    return {"file": name, "width": array.shape[1], "height": array.shape[0]}


def test_lines_as_in_python(
    recognizer: Recognizer, greys: list[np.ndarray], run: Run, tmp_path: Path
) -> None:
    """200 lines: the ink within a grey level, greedy texts with their places and confidences."""
    jobs = [{"do": "line", **stored(tmp_path, str(k), grey)} for k, grey in enumerate(greys)]
    readings = recognizer.read(greys, decoder="greedy")
    flips = pixels = same = 0
    places, lines, words = [], [], []
    for k, (one, seen) in enumerate(zip(run(jobs), readings, strict=True)):
        prepared = images.prepare(greys[k], recognizer.preparation)
        ink = np.fromfile(tmp_path / f"{k}.ink", np.float32).reshape(prepared.ink.shape)
        apart = np.abs(ink - prepared.ink) * 255
        assert apart.max() < 1.01
        flips, pixels = flips + int((apart > 0.5).sum()), pixels + ink.size
        assert one["left"] == pytest.approx(prepared.left) and one["scale"] == prepared.scale
        if one["text"] == seen.text:
            same += 1
            places += [
                a["x"] - b.x for a, b in zip(one["characters"], seen.characters, strict=True)
            ]
            lines.append(one["confidence"] - seen.confidence)
            words += [
                a["confidence"] - b.confidence
                for a, b in zip(one["words"], seen.words, strict=True)
            ]
    assert flips < 1e-4 * pixels
    assert same >= 0.99 * len(greys)
    places, lines, words = (np.abs(apart) for apart in (places, lines, words))
    assert (places > 4).mean() < 1e-3 and lines.max() < 0.03, "a frame, and three hundredths"
    assert (words > 0.1).mean() < 2e-3 and words.max() < 0.3


def test_logits_as_in_python(
    recognizer: Recognizer, greys: list[np.ndarray], run: Run, site: Path, tmp_path: Path
) -> None:
    """The same file and ink, the same logits within 1e-3."""
    jobs, wanted = [], []
    engine = OnnxEngine.load(site / "course.onnx")
    for k, grey in enumerate(greys[:20]):
        ink = images.prepare(grey, recognizer.preparation).ink
        jobs.append({"do": "logits", **stored(tmp_path, str(k), ink)})
        batch = padding.collate([padding.to_bytes(ink)], [np.zeros(0, np.int32)], [0])
        logits, frames = engine.logits(batch.image, batch.width)
        wanted.append(logits[0, : frames[0]])
    run(jobs)
    for k, logits in enumerate(wanted):
        seen = np.fromfile(tmp_path / f"{k}.logits", np.float32).reshape(logits.shape)
        np.testing.assert_allclose(seen, logits, atol=1e-3)


def test_weights_in_fewer_bits_say_nearly_the_same(
    recognizer: Recognizer, greys: list[np.ndarray], log_probs: list[np.ndarray], site: Path
) -> None:
    """Logits as those of the model's own file but for a few hundredths; with all else, 7 MB come before a reading."""
    engine = OnnxEngine.load(site / "course.onnx")
    squares, count = 0.0, 0
    for grey, wanted in zip(greys[:20], log_probs, strict=False):
        ink = images.prepare(grey, recognizer.preparation).ink
        batch = padding.collate([padding.to_bytes(ink)], [np.zeros(0, np.int32)], [0])
        logits, frames = engine.logits(batch.image, batch.width)
        rows = logits[0, : frames[0]]
        rows = rows - rows.max(1, keepdims=True)
        rows -= np.log(np.exp(rows).sum(1, keepdims=True))
        squares, count = squares + float(((rows - wanted) ** 2).sum()), count + wanted.size
    assert np.sqrt(squares / count) < 0.03
    sent = ["ort-wasm-simd-threaded.wasm", "course.onnx", "reader.json", *reading.RUNTIME[:2]]
    sent += [path.name for path in reading.READER.glob("*.js")]
    page = front.HERE / "static" / "read"
    first = [
        file for file in page.glob("*.js") if not file.name.startswith("see-")
    ]  # these are asked for
    files = [*(site / name for name in sent), *first, page.parent / "front.html"]
    assert sum(len(gzip.compress(file.read_bytes(), 6)) for file in files) < 7e6


def test_beam_as_in_python(
    recognizer: Recognizer, log_probs: list[np.ndarray], run: Run, tmp_path: Path
) -> None:
    """The same log-probabilities with language model and word list: texts, scores, places, confidences."""
    jobs, wanted = [], []
    for k, language in [(k, "en") for k in range(BEAM)] + [(k, "fr") for k in range(0, BEAM, 10)]:
        rows = np.ascontiguousarray(log_probs[k], np.float32)
        rows.tofile(tmp_path / f"{k}.rows")
        jobs.append(
            {"do": "decode", "file": f"{k}.rows", "frames": len(rows), "language": language}
        )
        found = recognizer.tuned_for(language).decode(rows[None], [len(rows)])[0][0]
        wanted.append((found, recognizer.charset.decode(found.ids).strip()))
    made = run(jobs)
    same = [one["text"] == text for one, (_, text) in zip(made, wanted, strict=True)]
    assert np.mean(same) >= 0.99
    for one, (found, text) in zip(made, wanted, strict=True):
        if one["text"] != text:
            continue
        assert one["score"] == pytest.approx(found.log_prob, abs=1e-3)
        frames = [found.frames[k] for k, i in enumerate(found.ids) if i > 1 or k > 0]
        at = [(c["x"] / recognizer.frame_step) - 0.5 for c in one["characters"]]
        assert set(np.round(at).astype(int)) <= set(frames)


def test_layers_as_in_python(
    recognizer: Recognizer, greys: list[np.ndarray], run: Run, site: Path, tmp_path: Path
) -> None:
    """Of each layer the maps that vary most, within 1e-3 of ONNX Runtime's; they are the Keras model's blocks."""
    content = (site / "course.onnx").read_bytes()
    inside = session(content + (site / "layers.part").read_bytes())
    keras = pytest.importorskip("keras")
    trained = recognizer.model
    kept = [trained.get_layer(f"keep{k}").output for k in range(1, 8)]
    blocks = keras.Model(trained.input, kept)
    jobs = [
        {"do": "layers", "shown": 3, **stored(tmp_path, str(k), grey)}
        for k, grey in enumerate(greys[:3])
    ]
    for k, layers in enumerate(run(jobs)):
        ink = images.prepare(greys[k], recognizer.preparation).ink
        batch = padding.collate([padding.to_bytes(ink)], [np.zeros(0, np.int32)], [0])
        given = {"image": batch.image, "width": batch.width}
        wanted = inside.run(None, given)[1:]
        theirs = [np.moveaxis(np.asarray(one), 3, 1) for one in blocks(given)]
        assert len(layers) == len(wanted) == len(theirs) == 7
        for number, (layer, maps, block) in enumerate(zip(layers, wanted, theirs, strict=True)):
            columns = -(-ink.shape[1] * maps.shape[3] // batch.image.shape[2])
            maps, block = maps[0, :, :, :columns], block[0, :, :, :columns]
            sizes = (layer["channels"], layer["height"], layer["width"])
            assert sizes == maps.shape == block.shape
            spread = maps.std((1, 2))
            assert spread[layer["shown"]] == pytest.approx(np.sort(spread)[-3:][::-1], abs=1e-3)
            for m, channel in enumerate(layer["shown"]):
                seen = np.fromfile(tmp_path / f"{k}.{number}.{m}", np.float32)
                np.testing.assert_allclose(
                    seen.reshape(maps[channel].shape), maps[channel], atol=1e-3
                )
            assert np.abs(maps - block).max() < 0.05 * block.max(), (
                "weights of fewer bits, the same layers"
            )


def test_what_a_frame_sees_as_the_preset_says(recognizer: Recognizer, site: Path) -> None:
    first = last = 0
    for block in reversed(recognizer.preset.blocks):
        first, last = first * block.pool[1], last * block.pool[1] + block.pool[1] - 1
        before = (block.kernel - block.stride) // 2
        first, last = first * block.stride - before, last * block.stride - before + block.kernel - 1
    assert json.loads((site / "reader.json").read_text())["sees"] == [first, last] == [-21, 27]


def test_the_beam_step_by_step_as_in_python(
    recognizer: Recognizer, log_probs: list[np.ndarray], run: Run, tmp_path: Path
) -> None:
    """The table of the last frame is the plain beam's; with the language, the whole search's without short cuts."""
    width, jobs = 12, []
    for k, rows in enumerate(log_probs[:3]):
        np.ascontiguousarray(rows, np.float32).tofile(tmp_path / f"{k}.rows")
        told = {"do": "beam", "file": f"{k}.rows", "frames": len(rows), "width": width}
        jobs += [{**told, "language": "none"}, {**told, "language": "en"}]
    made, tuned = run(jobs), recognizer.tuned_for("en")
    for k, rows in enumerate(log_probs[:3]):
        line, frames = np.ascontiguousarray(rows, np.float32)[None], [len(rows)]
        (plain,) = decoding.beam(line, frames, width, width)
        steps, final = made[2 * k]["steps"], made[2 * k]["final"]
        assert len(steps) == len(rows) and all(len(one["kept"]) <= width for one in steps)
        assert [tuple(one["ids"]) for one in final] == [one.ids for one in plain]
        assert [one["score"] for one in final] == pytest.approx([one.log_prob for one in plain])
        for at in (2, len(rows) // 2):
            (early,) = decoding.beam(line[:, : at + 1], [at + 1], width, width)
            assert [tuple(one["ids"]) for one in steps[at]["kept"]] == [one.ids for one in early]
        (fused,) = fusion.prefix_beam(
            line, frames, tuned.lm, width, tuned.fusion.weight, tuned.fusion.bonus,
            top=width, prune=0, lexicon=tuned.lexicon,
        )  # fmt: skip
        final = made[2 * k + 1]["final"]
        assert [tuple(one["ids"]) for one in final] == [one.ids for one in fused]
        assert [one["score"] for one in final] == pytest.approx(
            [one.log_prob for one in fused], abs=1e-4
        )


def test_merging_is_marked(run: Run, tmp_path: Path) -> None:
    """Two frames, "a" or a blank: of the paths a-, -a and aa of "a", the first two are two ways to it."""
    rows = np.full((2, len(IAM79) + 1), 1e-30)
    rows[:, 0], rows[:, 1] = 0.6, 0.4
    np.log(rows).astype(np.float32).tofile(tmp_path / "rows")
    job = {"do": "beam", "file": "rows", "frames": 2, "width": 3, "language": "none"}
    first, second = run([job])[0]["steps"]
    assert [(one["ids"], one["how"]) for one in first["kept"][:2]] == [
        ([], "stayed"),
        ([1], "grew"),
    ]
    best = second["kept"][0]
    assert (best["ids"], best["how"]) == ([1], "merged")
    assert np.exp(best["ways"]) == pytest.approx([0.4, 0.24], abs=1e-6)  # a- and aa; -a
    assert np.exp(best["score"]) == pytest.approx(0.64) and not first["lost"]


def test_reasons_as_in_python(
    recognizer: Recognizer, log_probs: list[np.ndarray], run: Run, tmp_path: Path
) -> None:
    """Words that the language changed, and what ink, word list and language model say of both lines."""
    tuned, jobs = recognizer.tuned_for("en"), []
    readings, wanted = [], []
    for k in range(BEAM):
        rows = np.ascontiguousarray(log_probs[k], np.float32)
        rows.tofile(tmp_path / f"{k}.rows")
        (seen,), ((found, *_),) = (
            greedy(rows[None], [len(rows)]),
            tuned.decode(rows[None], [len(rows)]),
        )
        texts = [recognizer.charset.decode(one.ids).strip() for one in (seen, found)]
        readings.append(texts)
        ids = [recognizer.charset.encode(text) for text in texts]
        wanted.append([-ctc.forward_backward(rows.astype(float), one)[0] for one in ids])
        ids = [one.tolist() for one in ids]
        jobs.append(
            {
                "do": "reasons",
                "file": f"{k}.rows",
                "frames": len(rows),
                "language": "en",
                "ids": ids,
            }
        )
    changed = 0
    for told, (was, now), likelihoods in zip(run(jobs), readings, wanted, strict=True):
        assert told["likelihoods"] == pytest.approx(likelihoods, abs=1e-3)
        assert bool(told["changes"]) == (was != now)
        if was == now:
            assert told["rival"]["was"] != told["rival"]["now"]
            continue
        changed += 1
        for one in told["changes"]:
            assert one["now"] in now and one["was"] in was and one["was"] != one["now"]
            after = one["b"]
            assert after["ink"] == pytest.approx(likelihoods[1], abs=1e-3)
            language = tuned.fusion.weight * float(tuned.lm.score([now])[0])
            assert after["language"] == pytest.approx(language, abs=1e-4)
            parts = [after[name] for name in ("ink", "words", "language", "bonus")]
            assert after["sum"] == pytest.approx(sum(parts))
            assert after["bonus"] == tuned.fusion.bonus * len(now)
        if len(told["changes"]) == 1:
            assert told["changes"][0]["a"]["ink"] == pytest.approx(likelihoods[0], abs=1e-3)
    assert changed > 3


def test_numbers_stay_as_the_network_read_them(
    recognizer: Recognizer, run: Run, tmp_path: Path
) -> None:
    rows = np.full((60, len(IAM79) + 1), 1e-6, np.float32)
    for k, c in enumerate("tel 20078 6630"):
        rows[4 * k + 1, IAM79.index(c) + 1] = 1
        rows[4 * k + 3, 0] = 1
    rows[rows.max(1) < 0.5, 0] = 1
    rows = np.log(rows / rows.sum(1, keepdims=True))
    rows.tofile(tmp_path / "rows")
    (made,) = run([{"do": "decode", "file": "rows", "frames": 60, "language": "en"}])
    assert made["text"].endswith("20078 6630")
    assert [word["text"] for word in made["words"]][1:] == ["20078", "6630"]


def test_scores_as_in_python(recognizer: Recognizer, run: Run) -> None:
    """What the language models and the word lists say of texts, to 1e-6 of their log-probability."""
    texts = [line.text for line in iam.read().split("validation")[:80]]
    texts += [
        "",
        " the  end ",
        "zzqx!",
        "'dog' dogs' 3rd don't",
        "20078 6630",
        "Qu'est-ce que c'est",
    ]
    names = ("en", "fr")
    jobs = [
        {"do": kind, "texts": texts, "language": n} for kind in ("scores", "lexicon") for n in names
    ]
    made = run(jobs)
    for name, scores, prices in zip(names, made[:2], made[2:], strict=True):
        tuned = recognizer.tuned_for(name)
        np.testing.assert_allclose(scores, tuned.lm.score(texts), rtol=1e-6, atol=1e-5)
        for text, price in zip(texts, prices, strict=True):
            total, state = 0.0, tuned.lexicon.start(1)
            for i in recognizer.charset.encode(text):
                total += float(tuned.lexicon.log_probs(state, [i])[0])
                state = tuned.lexicon.advance(state, [i])
            assert price == pytest.approx(total + float(tuned.lexicon.end(state)[0])), text


def test_language_as_in_python(
    recognizer: Recognizer, log_probs: list[np.ndarray], run: Run, tmp_path: Path
) -> None:
    def frames_of(text: str) -> np.ndarray:
        rows = np.full((2 * len(text), len(IAM79) + 1), np.float32(1e-4))
        rows[1::2, 0] = 1
        rows[np.arange(len(text)) * 2, [IAM79.index(c) + 1 for c in text]] = 1
        return np.log(rows / rows.sum(1, keepdims=True)).astype(np.float32)

    written = {
        "fr": ["Je vous ecris pour vous dire que je suis bien arrive", "nous avons eu beau temps"],
        "de": ["Ich habe heute deinen Brief bekommen und mich sehr gefreut", "wir sind gut"],
        "none": ["xq zvk wq jj 47 + 12 = 59", "fn zx(qw) {kq}"],
    }
    known = set(IAM79)
    groups = [
        [frames_of("".join(c for c in line if c in known)) for line in lines]
        for lines in written.values()
    ]
    groups += [[np.ascontiguousarray(rows, np.float32) for rows in log_probs[:8]]]
    jobs, wanted = [], []
    for number, group in enumerate(groups):
        evidence = languages.Evidence(IAM79)
        for k, rows in enumerate(group):
            rows.tofile(tmp_path / f"{number}.{k}")
            (seen,) = greedy(rows[None], [len(rows)])
            evidence.add(recognizer.charset.decode(seen.ids), seen.confidences)
        wanted.append(evidence.language())
        jobs.append(
            [{"file": f"{number}.{k}", "frames": len(rows)} for k, rows in enumerate(group)]
        )
    (made,) = run([{"do": "language", "pages": jobs}])
    assert made == wanted
    assert wanted[0] == "fr" and wanted[1] == "de" and wanted[3] == "en"


def test_crops_as_in_python(run: Run, tmp_path: Path) -> None:
    """Lines of the same maps; crops of the same lines, within a grey level but for 1 pixel in 100,000."""
    jobs, wanted = [], []
    for number, grey in enumerate(some_pages()):
        seen: dict[str, np.ndarray] = {}

        def network(page: np.ndarray, seen: dict[str, np.ndarray] = seen) -> np.ndarray:
            seen["maps"] = pages.network()(page)
            return seen["maps"]

        found = finder.maps(grey, network)
        lines = finder.lines_of(found)
        seen["maps"].tofile(tmp_path / f"{number}.maps")
        rows, columns, planes = seen["maps"].shape[1:]
        maps = {"file": f"{number}.maps", "width": columns, "height": rows, "planes": planes}
        maps |= {"onPage": [found.core.shape[1] // 2, found.core.shape[0] // 2], "step": found.step}
        told = [
            {"baseline": line.baseline.astype(float).tolist(), "xHeight": line.x_height}
            for line in lines
        ]
        jobs.append(
            {"do": "page", **stored(tmp_path, str(number), grey), "maps": maps, "lines": told}
        )
        wanted.append((lines, cutting.cut(grey, lines)))
    apart = pixels = 0
    for number, (one, (lines, cuts)) in enumerate(zip(run(jobs), wanted, strict=True)):
        assert len(one["lines"]) == len(lines) > 3
        for made, line in zip(one["lines"], lines, strict=True):
            np.testing.assert_allclose(made["baseline"], line.baseline, atol=0.2)
            assert made["xHeight"] == pytest.approx(line.x_height, rel=1e-4)
            assert made["sure"] == pytest.approx(line.sure, abs=1e-4)
        for k, (made, cut) in enumerate(zip(one["crops"], cuts, strict=True)):
            crop = np.fromfile(tmp_path / f"{number}.{k}.crop", np.uint8).reshape(cut.crop.shape)
            apart += int((np.abs(crop.astype(int) - cut.crop) > 1).sum())
            pixels += crop.size
            np.testing.assert_allclose(made["polygon"], cut.polygon, atol=0.5)
    assert apart <= 1e-5 * pixels


def test_pages_as_in_python(recognizer: Recognizer, run: Run, tmp_path: Path) -> None:
    """Whole pages, one turned, one light on dark, and one line: lines, notes, texts."""
    first, second = (images.load(ROOT / "data" / "samples" / "pages" / name) for name in PAGES)
    given = [first, np.ascontiguousarray(np.rot90(second)), 255 - first]
    given.append(images.load(ROOT / "data" / "samples" / "sample-1.png"))
    jobs = [
        {"do": "read", **stored(tmp_path, str(k), grey), "kind": "auto"}
        for k, grey in enumerate(given)
    ]
    same = all_lines = 0
    for grey, made in zip(given, run(jobs), strict=True):
        lines, single, notes = page_reading.find_lines(grey, load=lambda: recognizer)
        assert (made["notes"], made["single"]) == (list(notes), single)
        assert len(made["lines"]) == len(lines)
        readings = recognizer.read([line.crop for line in lines], decoder="greedy")
        for one, line, reading_ in zip(made["lines"], lines, readings, strict=True):
            np.testing.assert_allclose(one["polygon"], line.polygon, atol=1)
            same += one["text"] == reading_.text
            all_lines += 1
            for c in one["characters"]:
                assert 0 <= c["at"][0] <= grey.shape[1] and 0 <= c["at"][1] <= grey.shape[0]
    assert same >= 0.95 * all_lines


def test_mistakes_are_told_in_a_sentence(run: Run, site: Path, tmp_path: Path) -> None:
    small = stored(tmp_path, "small", np.full((3, 50), 255, np.uint8))
    long = stored(tmp_path, "long", np.full((8, 2000), 255, np.uint8))
    jobs = [
        {"do": "refused", "of": "read", **small, "kind": "line"},
        {"do": "refused", "of": "read", **long, "kind": "line"},
        {"do": "refused", "of": "scores", "texts": [], "language": "xx"},
    ]
    told = run(jobs)
    assert told == [
        "ReaderError: 50 x 3 pixels is too small for a page of writing.",
        "ReaderError: 2000 x 8 pixels is too long for one line; cut it into lines first.",
        "ReaderError: There is no language xx; there are de, en, es, fr, it and none.",
    ]


def test_damaged_files_are_told_in_a_sentence(site: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    (tmp_path / "jobs.json").write_text("[]")
    for name, damage in {
        "course.onnx": lambda content: content[:5000],
        "finder.onnx": lambda content: b"<html>" + content[:3000],
    }.items():
        broken = tmp_path / name.split(".")[0]
        shutil.copytree(site, broken)
        (broken / name).write_bytes(damage((site / name).read_bytes()))
        done = subprocess.run(
            [str(node), str(RUNNER), str(broken), str(tmp_path)], capture_output=True, text=True
        )
        assert done.returncode and f"ReaderError: The file {name} is damaged" in done.stderr


def some_pages() -> list[np.ndarray]:
    samples = [images.load(ROOT / "data" / "samples" / "pages" / name) for name in PAGES]
    return [*samples, *(sheets.page(kind)[0] for kind in ("columns", "photo"))]
