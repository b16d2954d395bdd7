"""The page "See it learn": the training of the chapter "Start here", recorded, and what it takes to run it in the page.

The recording is made once for each state of chapter, words and trainer, and kept in the user's cache.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from htr_utils import files, paths
from htr_utils.course import first_network
from htr_utils.synth import npm

STATIC = Path(__file__).parent / "static"
STEPS, EVERY, SHOWN = 400, 10, 5  # as in the chapter; how often one looks; words shown
_CHAPTER = Path(__file__).parents[2] / "notebooks" / "src" / "00_start_here.py"


def copy(out: Path) -> dict[str, Any]:
    """Put the page's files into the site; returns the recorded run, as `record` does."""
    files.write_bytes(out / "learn.css", (STATIC / "learn.css").read_bytes())
    for path in (STATIC / "learn").iterdir():
        files.write_bytes(out / "learn" / path.name, path.read_bytes())
    words = paths.embedded_root() / "words"
    for name in (first_network.SHEET, first_network.TABLE):
        files.write_bytes(out / "learn" / name, (words / name).read_bytes())
    made = recorded()
    files.write_text(out / "learn" / "run.js", f"window.RUN = {json.dumps(made)};\n")
    return made


def linked(body: str) -> str:
    """The body of a chapter's page with a link to the page, under the heading where the training begins."""
    link = '<p class="tools"><a class="button" href="learn.html">See it learn in the page</a></p>'
    return re.sub(r'<h2 id="from-noise-to-words">.*?</h2>', rf"\g<0>{link}", body)


def recorded() -> dict[str, Any]:
    """The run out of the cache, made the first time."""
    words = paths.embedded_root() / "words"
    sources = (Path(__file__), Path(first_network.__file__), _CHAPTER, *words.iterdir())
    total = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources)))
    kept = npm.cache_folder("learning") / f"{total.hexdigest()[:16]}.json"
    if not kept.is_file():
        files.write_text(kept, json.dumps(record()))
    return json.loads(kept.read_text(encoding="utf-8"))


def small_network() -> Any:
    """The network as the chapter builds it."""
    import keras
    from keras import layers

    tree = ast.parse(_CHAPTER.read_text(encoding="utf-8"))
    space: dict[str, Any] = {"keras": keras, "layers": layers}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "small_network":
            exec(compile(ast.Module([node], []), _CHAPTER.name, "exec"), space)
    return space["small_network"]()


def record(steps: int = STEPS, every: int = EVERY) -> dict[str, Any]:
    """Train as the chapter does: what the network reads of unseen words, and how sure it is, as it goes.

    Returns:
        words: [{text, picture}], pictures as PNG addresses; moments: [{step, error, texts, strips}], error in per cent
        of all unseen words, a strip one hexadecimal digit for each frame and class (frame by frame, 15 is certain).
    """
    import keras

    from htr_utils.text import metrics

    keras.utils.set_random_seed(0)
    network, unseen = small_network(), first_network.words("validation")
    learnt, shown = first_network.words("train"), slice(1, 1 + SHOWN)
    moments = []
    for moment in first_network.learn(network, learnt, steps=steps, look_every=every):
        answers = first_network.read(network, unseen.pictures)
        error = 100 * metrics.cer(answers, unseen.texts).value
        chances = keras.ops.softmax(network(unseen.pictures[shown], training=False))
        digits = np.round(15 * keras.ops.convert_to_numpy(chances)).astype(int).reshape(SHOWN, -1)
        strips = ["".join(f"{digit:x}" for digit in row) for row in digits]
        moments.append(
            {"step": moment.step, "error": round(error, 1), "texts": answers[shown]}
            | {"strips": strips}
        )
    words = [
        {"text": text, "picture": _png(ink)}
        for text, ink in zip(unseen.texts[shown], unseen.pictures[shown], strict=True)
    ]
    return {"steps": steps, "numbers": network.count_params(), "words": words, "moments": moments}


def _png(ink: np.ndarray) -> str:
    """The address of a picture (h, w, 1), 1 = ink, that holds the picture itself."""
    content = cv2.imencode(".png", np.round(255 * (1 - ink[:, :, 0])).astype(np.uint8))[1]
    return "data:image/png;base64," + base64.b64encode(content.tobytes()).decode()
