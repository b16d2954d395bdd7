"""A tiny training: alone, on two devices, or as a worker among others. As a program it prints its losses as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def train(
    epochs: int,
    strategy: str = "auto",
    folder: str | Path | None = None,
    precision: str = "float32",
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Four steps an epoch, no dropout; the loss of each step, the last CER, and how many steps there were in all."""
    import keras

    from htr_utils.lines import dataset
    from htr_utils.network import distribute, models, training
    from tests.helpers.bars import CHARSET, TINY, Bars

    way = distribute.Way(distribute.choose(strategy, say))
    preset = replace(TINY, dropout=0.0)
    keras.utils.set_random_seed(1)
    with models.built_for(precision), way.scope():
        model = models.build(preset, CHARSET.classes)
    labels = training.labels_for(preset, CHARSET)
    # The last batch of each epoch has three rows: it is doubled.
    batches = dataset.Batches(Bars(21), labels, 6)
    watched = dataset.Batches(Bars(4), labels, 4, shuffle=False)
    settings = training.Settings(epochs=epochs, batch=6, warmup=2, rate=3e-3, precision=precision)
    trainer = way.trainer(
        model, preset, CHARSET, batches, settings, validation=watched, folder=folder, say=say
    )
    losses: list[float] = []
    trainer.after_step.append(lambda _, loss: losses.append(loss))
    trainer.run()
    return {"losses": losses, "cer": trainer.history[-1]["cer"], "steps": trainer.step}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--strategy", default="auto")
    parser.add_argument("--ports", nargs=2)
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--folder")
    options = parser.parse_args()
    if options.ports:
        workers = [f"127.0.0.1:{port}" for port in options.ports]
        told = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": options.number}}
        os.environ["TF_CONFIG"] = json.dumps(told)
    import tensorflow as tf

    from htr_utils.errors import HtrError

    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [one] * options.devices
    )

    def say(text: str) -> None:
        print(text, flush=True)

    try:
        found = train(options.epochs, options.strategy, options.folder, say=say)
    except HtrError as error:
        print(f"error: {error}", flush=True)
        sys.exit(1)
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
