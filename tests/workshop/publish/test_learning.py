"""The page "See it learn": its network against Keras, the recorded run, and both in a browser."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from htr_utils.course import first_network
from htr_utils.course.live import example
from tests.helpers.browsing import opened
from tests.helpers.chapters import ROOT
from workshop.publish import learning, site, vendor

BATCH, CLASSES, FRAMES, USED = 8, 27, 24, 28
RUNNER = ROOT / "tests" / "helpers" / "learning_runner.mjs"
WAIT = 240_000  # milliseconds: other work may be going on


def by_name(tensors: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Weights or gradients of the Keras network as the page names and lays them out."""
    named = {}
    for k in range(4):
        kernel, gamma, beta = tensors[3 * k : 3 * k + 3]
        if k == 0:
            kernel = np.pad(kernel, ((0, 0), (0, 0), (0, 3), (0, 0)))
        named |= {f"conv{k}": kernel, f"gamma{k}": gamma, f"beta{k}": beta}
    for k in range(2):
        for place, name in enumerate(("input", "recurrent", "bias")):
            named[f"{name}{k}"] = tensors[12 + 3 * k + place]
    weights, bias = tensors[18:]
    named["last"] = np.pad(weights, ((0, 0), (0, 1)))
    named["lastBias"] = np.pad(bias, (0, 1))
    return named


def test_network_of_the_page_is_the_one_of_the_chapter(tmp_path: Path) -> None:
    """The same weights and words: logits, loss and every gradient as in Keras; steps of Adam lower the loss alike."""
    node = shutil.which("node")
    if node is None:
        pytest.fail("node is not on the PATH; install Node.js 20 or newer")
    import keras
    import tensorflow as tf

    from htr_utils.network import ctc

    keras.utils.set_random_seed(3)
    network = learning.small_network()
    words = first_network.words("train", BATCH)
    ids = [first_network.LETTERS.encode(text) for text in words.texts]
    label = np.zeros((BATCH, max(map(len, ids))), np.int32)
    for row, one in zip(label, ids, strict=True):
        row[: len(one)] = one
    length = np.array([len(one) for one in ids], np.int32)
    frames = np.full(BATCH, FRAMES, np.int32)
    means = [w.numpy().tolist() for w in network.weights if "moving_mean" in w.path]
    variances = [w.numpy().tolist() for w in network.weights if "moving_variance" in w.path]
    given: dict[str, Any] = {"batch": BATCH, "means": means, "variances": variances}
    given |= {"labels": [list(map(int, one)) for one in ids], "steps": 3, "rate": 2e-3}
    named = by_name([w.numpy() for w in network.trainable_variables])
    given["layers"] = {name: array.ravel().tolist() for name, array in named.items()}
    (tmp_path / "given.json").write_text(json.dumps(given))
    words.pictures.astype(np.float32).tofile(tmp_path / "pictures.raw")
    command = [node, str(RUNNER), str(learning.STATIC / "learn"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    made = json.loads((tmp_path / "made.json").read_text())

    def logits(name: str) -> np.ndarray:
        rows = np.array(made[name]).reshape(FRAMES, BATCH, USED)
        return rows[:, :, :CLASSES].swapaxes(0, 1)

    seen = network(words.pictures, training=False).numpy()
    np.testing.assert_allclose(logits("reading"), seen, atol=1e-4)
    optimiser = keras.optimizers.Adam(2e-3, global_clipnorm=5.0)
    losses, gradients = [], []
    for _ in range(4):
        with tf.GradientTape() as tape:
            rows = network(words.pictures, training=True)
            loss = tf.reduce_mean(ctc.loss(rows, frames, label, length))
        if not losses:
            np.testing.assert_allclose(logits("learning"), rows.numpy(), atol=1e-3)
        slopes = tape.gradient(loss, network.trainable_variables)
        losses.append(float(loss))
        gradients.append(by_name([slope.numpy() for slope in slopes]))
        optimiser.apply_gradients(zip(slopes, network.trainable_variables, strict=True))
    np.testing.assert_allclose(made["losses"], losses, rtol=2e-3)
    assert losses[-1] < losses[0]
    for name, wanted in gradients[0].items():
        got = np.array(made["gradients"][name]).reshape(wanted.shape)
        apart = np.abs(got - wanted).max() / max(1e-6, np.abs(wanted).max())
        assert apart < 1e-2, f"{name}: {apart:.1e}"


def test_a_recorded_run_says_what_is_read_and_how_surely() -> None:
    made = learning.record(steps=4, every=2)
    assert made["numbers"] == 82_199 and [word["text"] for word in made["words"]] == [
        "horse",
        "safe",
        "teapot",
        "costs",
        "knows",
    ]
    assert [moment["step"] for moment in made["moments"]] == [0, 2, 4]
    for moment in made["moments"]:
        assert moment["error"] > 80 and len(moment["texts"]) == learning.SHOWN
        for strip in moment["strips"]:
            digits = np.array([int(one, 16) for one in strip]).reshape(FRAMES, CLASSES)
            assert digits.sum(1).min() >= 5 and digits.sum(1).max() <= 28, (
                "rounded chances of a frame"
            )


def test_a_run_is_recorded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTR_CACHE", str(tmp_path))
    made: list[int] = []
    monkeypatch.setattr(learning, "record", lambda: made.append(1) or {"steps": 1})
    assert learning.recorded() == learning.recorded() == {"steps": 1} and made == [1]


def test_the_chapter_leads_to_the_page() -> None:
    heading = '<h2 id="from-noise-to-words">From noise to words</h2>'
    assert 'href="learn.html"' in learning.linked(f"{heading}<p>Nobody</p>")
    assert learning.linked("<h2 id='x'>x</h2>") == "<h2 id='x'>x</h2>"
    source = (ROOT / "notebooks" / "src" / "00_start_here.py").read_text(encoding="utf-8")
    assert "\n# ## From noise to words\n" in source


# ---- in a browser


@pytest.mark.slow
@pytest.mark.net
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_recorded_run_is_played(browser, built: Path, motion: str) -> None:  # type: ignore[no-untyped-def]
    """From a folder, too; whom no motion is wanted for sees the end first."""
    page, said = opened(browser, built / "learn.html", reduced_motion=motion)
    moments = page.evaluate("window.RUN.moments.length")
    assert moments == 41 and (built / "learn" / "run.js").stat().st_size < 250_000
    at = page.locator("#step").input_value()
    assert at == ("40" if motion == "reduce" else "0")
    page.locator("#step").fill("40")
    assert page.locator("#told").inner_text() == "step 400 of 400"
    read = page.locator(".learnt .said").all_inner_texts()
    assert len(read) == 5 and sum("✓" in text for text in read) >= 2
    page.locator("#play").click()
    page.wait_for_function("Number(document.getElementById('step').value) > 1", timeout=WAIT)
    page.locator("#play").click()
    assert page.locator("#play").inner_text() == "Play"
    assert page.locator("#live").is_hidden() and said == []
    page.context.close()


@pytest.mark.slow
@pytest.mark.net
def test_a_network_learns_in_the_page(browser, served: str) -> None:  # type: ignore[no-untyped-def]
    """With a word of the visitor; its loss of letters falls. Nothing is fetched from elsewhere."""
    page, said = opened(browser, f"{served}/learn.html", viewport={"width": 1280, "height": 900})
    page.wait_for_selector("#writing:not([hidden])", timeout=WAIT)
    page.locator("#sheet").scroll_into_view_if_needed()
    box = page.locator("#sheet").bounding_box()
    for stroke in example("hello").strokes:
        places = [(box["x"] + 0.8 * x, box["y"] + 0.9 * y - 20) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()
    page.locator("#says").fill("Hello!")
    page.locator("#add").click()
    assert "letters a to z alone" in page.locator("#added").inner_text()
    page.locator("#says").fill("hello")
    page.locator("#add").click()
    assert "learns from this" in page.locator("#mine li").inner_text()
    assert "above the words" in page.locator("#added").inner_text(), "the button is a screen away"
    page.locator("#train").click()
    page.wait_for_function("document.querySelectorAll('.learnt li').length === 6", timeout=WAIT)
    page.wait_for_function(
        "document.getElementById('told').textContent === 'step 20 of 400'", timeout=WAIT
    )
    assert "Learning: step" in page.locator("#state").inner_text()
    page.locator("#train").click()
    assert page.locator("#state").inner_text() == "Stopped."
    page.locator("#recorded").click()
    assert page.locator(".learnt li").count() == 5
    page.evaluate((vendor.package("axe-core") / "axe.min.js").read_text(encoding="utf-8"))
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations']}"
    found = page.evaluate(f"axe.run(document, {rules})")["violations"]
    assert [(one["id"], one["nodes"][0]["html"][:120]) for one in found] == [] and said == []
    page.context.close()


@pytest.mark.slow
@pytest.mark.net
def test_without_scripts_there_is_the_table(browser, built: Path) -> None:  # type: ignore[no-untyped-def]
    page, _ = opened(browser, built / "learn.html", java_script_enabled=False)
    page.locator("summary").click()
    assert page.locator("table").get_by_text("knows").first.is_visible()
    assert page.locator("tbody tr").count() == 9 and page.locator("#learn").is_hidden()
    page.context.close()


def test_moving_pictures_stand_still_on_the_site_where_that_is_wanted(tmp_path: Path) -> None:
    source = (ROOT / "docs" / "guide" / "reading.gif").read_bytes()
    image = f'<img alt="A line." src="data:image/gif;base64,{base64.b64encode(source).decode()}">'
    body = site.with_files(image, tmp_path / "figures")
    still, moving = sorted(path.name for path in (tmp_path / "figures").iterdir())[::-1]
    assert moving.endswith(".gif") and (tmp_path / "figures" / moving).read_bytes() == source
    assert f'(prefers-reduced-motion: reduce)" srcset="figures/{still}"' in body
    assert 'width="720" height="400"' in body and 'alt="A line."' in body
