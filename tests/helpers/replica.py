"""One process of a tiny training: alone, on two devices, or as a worker among others. Prints its losses as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--strategy", default="auto")
    parser.add_argument("--ports", nargs=2)
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--folder")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    if options.ports:
        workers = [f"127.0.0.1:{port}" for port in options.ports]
        told = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": options.number}}
        os.environ["TF_CONFIG"] = json.dumps(told)
    import keras
    import tensorflow as tf

    from htr_utils.errors import HtrError
    from htr_utils.lines import dataset
    from htr_utils.lines.images import Preparation
    from htr_utils.network import distribute, models, training
    from tests.helpers.bars import CHARSET, Bars

    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [one] * options.devices
    )
    losses: list[float] = []
    try:
        way = distribute.Way(distribute.choose(options.strategy, print))
        blocks = (
            models.Block(8, 5, stride=2),
            models.Block(16, pool=(2, 2)),
            models.Block(16, pool=(2, 1)),
        )
        preset = models.Preset("tiny", Preparation(48), blocks, lstm=16, lstm_layers=1, dropout=0.0)
        keras.utils.set_random_seed(1)
        with models.built_for(options.precision), way.scope():
            model = models.build(preset, CHARSET.classes)
        labels = training.labels_for(preset, CHARSET)
        batches = dataset.Batches(
            Bars(21), labels, 6
        )  # the last of each epoch has three rows: it is doubled
        watched = dataset.Batches(Bars(4), labels, 4, shuffle=False)
        settings = training.Settings(
            epochs=options.epochs, batch=6, warmup=2, rate=3e-3, precision=options.precision
        )
        trainer = way.trainer(
            model,
            preset,
            CHARSET,
            batches,
            settings,
            validation=watched,
            folder=options.folder,
            say=lambda text: print(text, flush=True),
        )
        trainer.after_step.append(lambda _, loss: losses.append(loss))
        trainer.run()
    except HtrError as error:
        print(f"error: {error}", flush=True)
        sys.exit(1)
    print(
        json.dumps({"losses": losses, "cer": trainer.history[-1]["cer"], "steps": trainer.step}),
        flush=True,
    )


if __name__ == "__main__":
    main()
