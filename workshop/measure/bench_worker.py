"""One measurement in a process of its own: `python -m workshop.measure.bench_worker read|train < job.json`."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from htr_utils.quiet import hushed
from workshop.measure.peers import peak


def _limit(threads: int) -> None:
    """Keep to that many threads; where the system allows it, to that many cores, which no library gets round."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import cv2

    cv2.setNumThreads(threads)


def _limit_tensorflow(threads: int) -> None:
    with hushed():
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def read(job: dict[str, Any]) -> dict[str, Any]:
    """Files in, text out. `seconds`: all files, after a line and a batch. `first`: the first line, after loading."""
    begun = time.perf_counter()
    _limit(job["threads"])
    from htr_utils.recognizer import Recognizer

    if "model" in job:
        recognizer = Recognizer.load(job["model"])
    else:
        from htr_utils.network.inference import TensorFlowEngine

        recognizer = Recognizer(TensorFlowEngine(_untrained(job["preset"])))
    loaded = time.perf_counter()
    files, batch, decoder = job["files"], job["batch"], job.get("decoder", "greedy")
    recognizer.read(files[0], decoder=decoder)
    first = time.perf_counter()
    recognizer.read(
        files[:batch], batch=batch, decoder=decoder
    )  # a batch takes another way than one line
    warm = time.perf_counter()
    readings = recognizer.read(files, batch=batch, decoder=decoder)
    return {
        "texts": [reading.text for reading in readings],
        "load": loaded - begun,
        "first": first - loaded,
        "seconds": time.perf_counter() - warm,
        "peak": peak(),
        "parameters": recognizer.model.count_params(),
    }


def train(job: dict[str, Any]) -> dict[str, Any]:
    """Lines a second in the second epoch, prepared beforehand: the first one compiles and prepares.

    `first`: seconds of the first epoch.
    """
    _limit(job["threads"])
    _limit_tensorflow(job["threads"])
    import keras

    from htr_utils.lines import dataset, iam
    from htr_utils.network import training

    keras.utils.set_random_seed(0)
    made = _untrained(job["preset"])
    lines = [iam.Line(str(n), text, path) for n, (path, text) in enumerate(job["lines"])]
    source = dataset.FileLines(lines, made.preset.preparation)
    batches = dataset.Batches(source, training.labels_for(made.preset, made.charset), job["batch"])
    settings = training.Settings(epochs=2, batch=job["batch"])
    given = (made.model, made.preset, made.charset, batches, settings)
    trainer = training.Trainer(*given, say=lambda _: None)
    begun = time.perf_counter()
    trainer.run_epoch()
    first = time.perf_counter() - begun
    return {
        "lines_per_second": trainer.run_epoch()["lines_per_second"],
        "first": first,
        "peak": peak(),
    }


def _untrained(preset: str) -> Any:
    from htr_utils.network import archive, models
    from htr_utils.text.charset import Charset

    chosen, charset = models.preset(preset), Charset()
    return archive.Archive(models.build(chosen, charset.classes), chosen, charset)


def main() -> None:
    """One answer on standard output; mistakes as one line on standard error."""
    from htr_utils.errors import HtrError

    out, sys.stdout = sys.stdout, sys.stderr
    try:
        found = {"read": read, "train": train}[sys.argv[1]](json.load(sys.stdin))
    except HtrError as error:
        sys.exit(str(error))
    json.dump(found, out)


if __name__ == "__main__":
    main()
