"""A tiny training: lines of bars that a small network learns in seconds."""

from __future__ import annotations

import cv2
import numpy as np

from htr_utils.lines import dataset
from htr_utils.lines.images import Preparation
from htr_utils.network import models, training
from htr_utils.text.charset import Charset

CHARSET = Charset("abc")
BLOCKS = (
    models.Block(8, 5, stride=2),
    models.Block(16, pool=(2, 2)),
    models.Block(16, pool=(2, 1)),
)
# All that a preset of the package has, but small: what takes long is to compile it.
TINY = models.Preset("tiny", Preparation(48), BLOCKS, lstm=16, lstm_layers=1)


class Bars:
    """Tiny lines: `a`, `b`, `c` drawn as one, two, three bars."""

    def __init__(self, count: int = 12) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        rng = np.random.default_rng([epoch, index])
        text = "".join(rng.choice(list("abc"), rng.integers(1, 4)))
        ink = np.zeros((48, 8 + 40 * len(text)), np.uint8)
        for place, letter in enumerate(text):
            for bar in range("abc".index(letter) + 1):
                x = 8 + 40 * place + 9 * bar
                cv2.rectangle(ink, (x, 8), (x + 3, 40), 255, -1)
        return ink, text


def trainer(
    folder=None,
    epochs=3,
    validation=False,
    made_from=None,
    say=lambda _: None,
    preset=TINY,
    **more,
):
    import keras

    keras.utils.set_random_seed(1)
    model = models.build(preset, CHARSET.classes)
    labels = training.labels_for(preset, CHARSET)
    settings = training.Settings(epochs=epochs, batch=4, warmup=2, **more)
    batches = dataset.Batches(Bars(), labels, 4)
    watched = dataset.Batches(Bars(4), labels, 4, shuffle=False) if validation else None
    return training.Trainer(
        model,
        preset,
        CHARSET,
        batches,
        settings,
        validation=watched,
        folder=folder,
        say=say,
        made_from=made_from,
    )
