# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # One training, to be swept
#
# No chapter: `htr sweep sweeps/ablation.yaml` runs it at many points. It trains a network, perhaps with a part taken
# away, reads the validation lines, and records the curve, the rate and the edits of each line.

# %%
import dataclasses
from pathlib import Path

import keras

from htr_utils import evaluation
from htr_utils.course.parameters import validate
from htr_utils.lines import dataset, iam
from htr_utils.network import archive, models, training
from htr_utils.recognizer import Recognizer
from htr_utils.text.charset import Charset

# %% tags=["parameters"]
preset: str = "course"  # the network: course, wide or reference
stacked: bool = True  # a stacked BLSTM; False for one-way stacks joined at the top
depth: int = 0  # convolution blocks kept, counted from the picture; 0 for all
size: float = 1.0  # factor on all channels and LSTM units, for quick sweeps
shortcut: bool = True  # the shortcut's second CTC loss, where the preset has it
augment: float = 1.0  # strength of augmentation, 0 for none
lines: int = 1700  # training lines
longest: int = 0  # leave out lines of more characters than this; 0 for none
epochs: int = 20  # times through them
batch: int = 16  # lines per batch
rate: float = 0.0015  # highest learning rate
watched: int = 340  # validation lines
data_root: str = ""  # folder in IAM layout; empty for the embedded data
seed: int = 0  # initial weights, order of lines, dropout, augmentation

# %%
run = validate(
    preset=(preset, "choice", "course", "wide", "reference"), stacked=(stacked, "bool"), depth=(depth, "int", 0, 7),
    size=(size, "float", 0.1, 4), shortcut=(shortcut, "bool"), augment=(augment, "float", 0, 3),
    lines=(lines, "int", 2, None), longest=(longest, "int", 0, None), epochs=(epochs, "int", 1, 1000),
    batch=(batch, "int", 1, 256), rate=(rate, "float", 1e-6, 1), watched=(watched, "int", 1, None),
    data_root=(data_root or None, "path"), seed=(seed, "int", 0, None),
)  # fmt: skip

# %% [markdown]
# The lines: spread evenly over their split.

# %%
folder = iam.read(run.data_root)


def some(split: str, count: int) -> list[iam.Line]:
    """So many lines of a split, none too long."""
    fitting = [line for line in folder.split(split) if not run.longest or len(line.text) <= run.longest]
    count = min(count, len(fitting))
    return [fitting[n * len(fitting) // count] for n in range(count)]


train, validation = some("train", run.lines), some("validation", run.watched)
print(f"{len(train)} lines to train on, {len(validation)} to watch")

# %% [markdown]
# The network, whole or with a part taken away.

# %%
whole = models.preset(run.preset, stacked=run.stacked)
lowest = whole.blocks[: run.depth] if run.depth else whole.blocks
blocks = tuple(dataclasses.replace(block, channels=round(run.size * block.channels)) for block in lowest)
changed = {
    "blocks": blocks,
    "lstm": round(run.size * whole.lstm),
    "shortcut": whole.shortcut and run.shortcut,
}
chosen = dataclasses.replace(whole, **changed)
charset = Charset()
keras.utils.set_random_seed(run.seed)
network = models.build(chosen, charset.classes)
labels = training.labels_for(chosen, charset)
print(f"{network.count_params():,} parameters")

# %%
source = dataset.FileLines(train, chosen.preparation, run.augment, run.seed)
batches = dataset.Batches(source, labels, run.batch, seed=run.seed)
watch = dataset.Batches(dataset.FileLines(validation, chosen.preparation), labels, 32, shuffle=False)
steps = run.epochs * len(batches)
settings = training.Settings(
    epochs=run.epochs,
    batch=run.batch,
    rate=run.rate,
    warmup=max(1, min(300, steps // 10)),
    ema=0.99,
    seed=run.seed,
)
kept = {"validation": watch, "folder": run.checkpoint}  # an interrupted run goes on from there
trainer = training.Trainer(network, chosen, charset, batches, settings, **kept)
history = trainer.run()

# %% [markdown]
# The averaged weights of the best epoch read the validation lines. A network that is a preset is kept as a model file;
# one with a part taken away has no name under which a file could be loaded.

# %%
with trainer._with_averages(trainer.best.weights):
    reader = Recognizer(archive.Archive(network, chosen, charset))
    found = evaluation.evaluate(reader, validation, split="validation")
    stored = chosen == whole
    if stored:
        archive.save(
            "model.keras", network, chosen, charset, {"origin": "sweeps/training.py", "seed": run.seed}
        )

# %%
run.record(
    cer=found["cer"]["value"] / 100, cer_low=found["cer"]["low"] / 100, cer_high=found["cer"]["high"] / 100,
    wer=found["wer"]["value"] / 100, split="validation", lines=len(validation), edits=found["edits"],
    best_epoch=trainer.best.epoch, parameters=network.count_params(), history=history,
    model=str(Path("model.keras").resolve()) if stored else "",
)  # fmt: skip
print(found["cer_text"])
