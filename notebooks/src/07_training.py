# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 7 · Training: from blanks to letters
#
# After this chapter you can train a line recogniser, tell from its curves whether it is learning, and name the
# likely culprit when it is not.
#
# *40 minutes to read, 35 for the exercises. Needs only the package.*
#
# **You will be able to**
#
# - write a training loop with all its parts, and run the first test of any training: ten lines learned by heart;
# - recognise *blank collapse*, the stage in which a network answers nothing, and help it out;
# - read loss, blank rate and learning-rate curves, and stop and resume a training without changing its result.
#
# ## It has run for an hour and reads nothing
#
# This is the message that authors of such systems get most often: *my loss goes down, but every prediction is
# empty*. Is it broken, or not finished? You can tell within minutes, if you start small. Below are ten short lines
# of the embedded training split (rendered by a program, not written by hand). Can a network learn these ten?

# %% tags=["parameters"]
steps: int = 90  # optimiser steps of the loop written in this chapter
overfit_steps: int = 60  # steps in which the course's network learns ten lines by heart
epochs: int = 3  # epochs of the short real training
lines: int = 36  # training lines in it; raise this and the epochs for a longer run
batch: int = 6  # lines per batch in it
data_root: str = ""  # folder in IAM layout; empty for the embedded data
seed: int = 0  # initial weights, order of lines, dropout

# %%
from htr_utils.course.parameters import validate

run = validate(
    steps=(steps, "int", 20, 5000),
    overfit_steps=(overfit_steps, "int", 20, 5000),
    epochs=(epochs, "int", 2, 1000),
    lines=(lines, "int", 16, None),
    batch=(batch, "int", 1, 256),
    data_root=(data_root or None, "path"),
    seed=(seed, "int", 0, None),
)

# %% tags=["figure"]
import numpy as np

from htr_utils.course.plots import learning as plots
from htr_utils.lines import dataset, iam, images

train = iam.read(run.data_root).split("train")
narrow = sorted(train, key=lambda line: (line.box[2] / line.box[3], line.id))
by_text = {line.text: line for line in reversed(narrow) if len(line.text) >= 5}
few = sorted(by_text.values(), key=lambda line: (line.box[2] / line.box[3], line.id))[:10]
inks = [images.prepare(line.image(), images.Preparation(32)).ink for line in few]
plots.montage(
    inks, [line.text for line in few],
    alt="Ten very short handwritten lines, mostly single words such as the last words of a paragraph, in two rows.",
)  # fmt: skip

# %% [markdown]
# ## What a training loop consists of
#
# Five things repeat: take a **batch** of lines; let the network answer; compute the **loss** of chapter 6; ask for
# its **gradient** by every weight; let the **optimiser** change the weights a little. One round is a **step**; once
# through all lines is an **epoch**.
#
# You start with a *tiny* network of the same kind as the course's (convolutions, a BLSTM, a class per frame), so
# that you need not wait.

# %%
import keras
import tensorflow as tf

from htr_utils.network import ctc, models, training
from htr_utils.text.charset import Charset

tf.get_logger().setLevel("ERROR")  # no advice about compiling

charset = Charset()
blocks = (models.Block(16, 5, stride=2), models.Block(32, pool=(2, 2)), models.Block(48, pool=(2, 1)))
tiny = models.Preset(
    "tiny", images.Preparation(32), blocks, lstm=48, lstm_layers=1, dropout=0.0, shortcut=False
)
print(f"a frame every {tiny.frame_step} columns, {charset.classes} classes")


def fresh() -> keras.Model:
    """The tiny network, untrained, from the same seed each time."""
    keras.utils.set_random_seed(run.seed)
    return models.build(tiny, charset.classes)


# %% [markdown]
# `dataset.Batches` pads the lines to one width and carries their true widths along. Here one batch holds all ten.

# %%
source = dataset.FileLines(few, tiny.preparation)
labels = training.labels_for(tiny, charset)
ten = next(dataset.Batches(source, labels, len(few), shuffle=False).epoch(0))
truths = [few[i].text for i in ten.numbers]  # a batch is sorted by width
true_frames = models.frames(ten.width, tiny)  # (10,)
print(f"image {ten.image.shape}, label {ten.label.shape}, frames {true_frames.tolist()}")

# %% [markdown]
# The learning rate starts low, rises for a few steps (**warm-up**), and falls along half a cosine. Warm-up matters
# because the first gradients of a random network are large and point anywhere.


# %%
def rate(step: int, highest: float, warmup: int, total: int, floor: float = 0.01) -> float:
    """Learning rate at a step: a straight line up, then half a cosine down to a share of the highest."""
    if step < warmup:
        return highest * (step + 1) / warmup
    done = min(1.0, (step - warmup) / (total - warmup))
    return highest * (floor + (1 - floor) * (1 + np.cos(np.pi * done)) / 2)


# %% [markdown]
# And here is one step. `tf.function` compiles it; without that line it works the same, only slower. **Clipping**
# shortens the whole gradient when it is longer than 5, so that one odd batch cannot throw the weights about.


# %%
def make_step(network: keras.Model, optimiser: keras.Optimizer, longest: float):
    @tf.function
    def step(image, width, label, length):
        with tf.GradientTape() as tape:
            logits = network({"image": image, "width": width}, training=True)["logits"]
            loss = tf.reduce_mean(ctc.loss(logits, true_frames, label, length))
        gradients = tape.gradient(loss, network.trainable_variables)
        gradients, _ = tf.clip_by_global_norm(gradients, longest)
        optimiser.apply(gradients, network.trainable_variables)
        return loss, logits  # (), (batch, frames, classes)

    return step


# %% [markdown]
# Around it, a plain loop. It keeps the losses, the answers, and the value of one weight, which you need later.


# %%
def learn(network, highest: float, steps: int, warmup: int = 10, longest: float = 5.0):
    """Train on the ten lines; losses, logits and one weight, a list each with an item per step."""
    optimiser = keras.optimizers.AdamW(highest, weight_decay=5e-5)
    step = make_step(network, optimiser, longest)
    rows = []
    for number in range(steps):
        optimiser.learning_rate.assign(rate(number, highest, warmup, 4 * steps))
        loss, logits = step(ten.image, ten.width, ten.label, ten.length)
        rows.append((float(loss), logits.numpy(), float(network.get_layer("logits").kernel[0, 0])))
    return zip(*rows, strict=True)


# %% [markdown]
# While it learns, watch the **blank rate**: the share of frames in which the blank is the likeliest class.

# %%
network = fresh()
losses, answers, weight = learn(network, 1e-2, run.steps)
real = np.arange(answers[0].shape[1])[None] < true_frames[:, None]  # frames that are no padding
blanks = [float((logits.argmax(-1) == ctc.BLANK)[real].mean()) for logits in answers]

# %% tags=["figure"]
plots.progress(
    losses, blanks,
    alt="Two charts over steps. Left: the loss falls steeply, flattens, then falls to near zero. Right: the blank "
        "rate jumps to one hundred per cent, stays, and then sinks to about half.",
)  # fmt: skip

# %% [markdown]
# ## Blank collapse, seen from inside
#
# The loss falls from the first step, but look at the right panel: within a few steps the network says *blank* in
# every frame. As chapter 6 showed, that is the best answer of someone who cannot see yet. Then letters appear.
# What did it read on the way? The sign ∅ is an empty reading.

# %% tags=["figure"]
from htr_utils.text import decoding


def read(logits: np.ndarray) -> list[str]:
    best = decoding.greedy(training.log_softmax(logits), true_frames)
    return [charset.decode(candidate.ids) for candidate in best]


moments = sorted({0, *(run.steps * tenths // 10 for tenths in (1, 2, 4, 6, 8)), run.steps - 1})
plots.readings(
    {step: read(answers[step])[-6:] for step in moments}, truths[-6:],
    alt="A table of readings at several steps: gibberish at first, then nothing at all, then single frequent "
        "letters, then parts of the words, and at last mostly the written words.",
)  # fmt: skip

# %% [markdown]
# Gibberish, nothing, frequent letters, fragments, words: large trainings go through the same stages, with hours
# between them. What helps a network out of the blank stage:
#
# - **enough steps**, before anything else: it is a stage;
# - **warm-up and clipping**, so that the first steps do not drive the weights into a corner (shown below);
# - **short lines first**: with few letters per line there are few alignments to sort out;
# - **enough frames per letter**, so that every label has many alignments;
# - **batch norm**, and ink as 1 on paper as 0, so that the picture reaches the last layer at all.
#
# ## The package's loop
#
# `training.Trainer` is your loop with what long trainings need besides: an epoch's batches in a seeded order, a
# moving average, a checkpoint, a history. Do the two agree? Same seed, same lines, same steps:

# %%
pairs = [source.get(0, index) for index in range(len(few))]  # (ink, text) each
again = training.overfit(fresh(), tiny, charset, pairs, steps=10, rate=1e-2)
print("ten losses agree within 1 %:", np.allclose(losses[:10], again, rtol=1e-2))

# %% [markdown]
# ### The rate, and an average of the weights
#
# The weights jitter from step to step, because every batch pulls elsewhere. An **exponential moving average** (EMA)
# follows them slowly: at each step it moves a small share of the way to the current value. The averaged weights
# usually read better, and it is they that are saved.


# %%
def moving_average(values: list[float], decay: float) -> list[float]:
    """Each result is decay x the last result + (1 - decay) x the new value."""
    average = [values[0]]
    for value in values[1:]:
        average.append(decay * average[-1] + (1 - decay) * value)
    return average


# %% tags=["figure"]
settings = training.Settings(epochs=20, batch=10, rate=1e-3, warmup=30, seed=run.seed)
many = dataset.Batches(dataset.FileLines(train[:100], tiny.preparation), labels, 10)
trainer = training.Trainer(network, tiny, charset, many, settings)
rates = [trainer.rate(step) for step in range(trainer.total_steps)]
print("the same rate as yours:", np.allclose(rates, [rate(s, 1e-3, 30, 200) for s in range(200)]))
plots.schedule(
    rates, weight, moving_average(weight, 0.9),
    alt="Left: the learning rate rises in a straight line, then falls along half a cosine nearly to zero. Right: one "
        "weight of the tiny network over the steps, and its moving average following behind it.",
)  # fmt: skip

# %% [markdown]
# ## Ten lines by heart
#
# Now the network of the course, about a million weights, on the same ten lines. This is the first test of every
# training: a network that cannot learn ten lines by heart will not learn ten thousand. It says nothing about unseen
# lines, but a wrong blank, shuffled labels, or a loss on the wrong axis all fail here, within a minute. The default
# stops a little above zero to save your time; with `overfit_steps` at 200 nothing is left.

# %% tags=["figure"]
course = models.preset("course")
tall = dataset.FileLines(few, course.preparation)
keras.utils.set_random_seed(run.seed)
large = models.build(course, charset.classes)
by_heart = training.overfit(
    large, course, charset, [tall.get(0, i) for i in range(len(few))], steps=run.overfit_steps, rate=2e-3
)
share = by_heart[-1] / by_heart[0]
plots.compare(
    {"course": by_heart},
    facts=f"{large.count_params() / 1e6:.1f} million weights; ends below a tenth of its start: {share < 0.1}",
    alt="The loss of the course's network on ten lines over the steps: a steep fall, a slower one, and a tail near "
        "zero.",
)  # fmt: skip

# %% [markdown]
# ## A short real training
#
# Ten lines prove that the loop works. Now draw lines at random from the training split, of any length, and watch
# other lines, by other writers, from the validation split. With the default parameters this is a few dozen steps:
# enough for the loss to fall, far too few to read. Expect the blank stage, and do not expect words.

# %%
pick = np.random.default_rng(run.seed).permutation(len(train))[: run.lines]
watch = iam.read(run.data_root).split("validation")[:10]
batches = dataset.Batches(
    dataset.FileLines([train[i] for i in pick], course.preparation), training.labels_for(course, charset),
    run.batch, seed=run.seed,
)  # fmt: skip
watched = dataset.Batches(dataset.FileLines(watch, course.preparation), batches.encoder, 16, shuffle=False)
settings = training.Settings(epochs=run.epochs, batch=run.batch, rate=1e-3, warmup=10, ema=0.9, seed=run.seed)
keras.utils.set_random_seed(run.seed)
trainer = training.Trainer(
    models.build(course, charset.classes), course, charset, batches, settings, validation=watched,
    say=lambda line: None,
)  # fmt: skip
history = trainer.run()
run.record(history=history)
print(f"{trainer.step} steps; the loss fell:", history[-1]["loss"] < history[0]["loss"])

# %% [markdown]
# Beside it you see how the story goes on for the published model, if its history is in `model/`: the same loop, many
# more steps, and lines rendered on the fly, so that no epoch repeats another. Its card in `model/` has the details.

# %% tags=["figure"]
import json

from htr_utils.paths import repo_root

root = repo_root()
stored = root / "model" / "course.history.json" if root else None
published = json.loads(stored.read_text(encoding="utf-8")) if stored and stored.is_file() else []
plots.curves(
    history, published,
    facts=f"blank stage at the end of the short training: {history[-1]['blank_rate'] > 0.9}",
    alt="Training loss above, validation blank rate and character error rate below, over epochs. In the short "
        "training the loss falls while the blank rate stays near one hundred per cent.",
)  # fmt: skip

# %% [markdown]
# To go on for longer, run this chapter with other parameters: `papermill 07_training.ipynb out.ipynb -p epochs 40
# -p lines 1700 -p batch 16`, or use `htr train`, which does the same from the command line.
#
# ## Stop and resume
#
# Users lose days to a training that "goes on" with a fresh optimiser. AdamW remembers a mean and a spread for every
# weight; forget them, and the first new steps are wild. A **checkpoint** therefore holds weights, optimiser,
# average, random states and the count of steps, and every random draw follows from (seed, epoch, line). So an
# interrupted training must equal an unbroken one. Two epochs at once, against one, a stop, and one more:

# %%
import tempfile


def sitting(folder: str | None, stop_after: int | None = None) -> training.Trainer:
    """A training of two epochs on twenty lines, from the same seed; it goes on from the folder's checkpoint."""
    keras.utils.set_random_seed(run.seed)
    told = training.Settings(epochs=2, batch=10, rate=1e-2, warmup=2, ema=0.9, seed=run.seed)
    small = dataset.Batches(dataset.FileLines(narrow[:20], tiny.preparation), labels, 10, seed=run.seed)
    model = models.build(tiny, charset.classes)
    made = training.Trainer(model, tiny, charset, small, told, folder=folder, say=lambda line: None)
    made.run(stop_after=stop_after)
    return made


unbroken = sitting(None)
with tempfile.TemporaryDirectory(dir=".") as folder:
    sitting(folder, stop_after=1)
    resumed = sitting(folder)
apart = max(np.abs(a.numpy() - b.numpy()).max() for a, b in zip(unbroken.ema, resumed.ema, strict=True))
print(
    f"epochs {unbroken.epoch} and {resumed.epoch}; largest difference of a weight below 1e-5:",
    bool(apart < 1e-5),
)

# %% [markdown]
# ## What goes wrong
#
# ### 1. The loss is infinite
#
# One line whose text does not fit its frames has an infinite loss (chapter 6), and the mean of the batch is infinite
# with it. Here the picture of one line is squeezed on purpose, as a wrong resizing would do.

# %%
squeezed = [pairs[0], (pairs[1][0][:, ::8].copy(), pairs[1][1]), *pairs[2:]]
spoilt = dataset.collate(
    [ink for ink, _ in squeezed], [labels.encode(text) for _, text in squeezed], range(10)
)
enough = models.frames(spoilt.width, tiny)
needed = [ctc.frames_needed(labels.encode(text)) for _, text in squeezed]
print("frames:", enough.tolist())
print("needed:", needed)
print("lines that cannot be learned:", [i for i in range(10) if needed[i] > enough[i]])

# %% [markdown]
# `training.infeasible` makes this comparison for a whole source, and `dataset.Batches` leaves such lines out. If
# there are many, the pictures are too narrow, the frames too wide, or texts and pictures do not belong together.
#
# ### 2. The rate is too high
#
# Your own loop on the ten lines, with two rates, and once more without warm-up and clipping. The losses are drawn
# on a logarithmic axis; where a curve has gaps or ends early, the loss was infinite.

# %% tags=["figure"]
tried = {
    "0.01": losses[:30],
    "0.3": next(learn(fresh(), 0.3, 30)),
    "0.3, no warm-up,\nno clipping": next(learn(fresh(), 0.3, 30, warmup=1, longest=1e9)),
}
careful, careless = list(tried.values())[1:]
plots.compare(
    tried,
    facts=f"with care the loss halved: {careful[-1] < 0.5 * losses[0]}; "
          f"without it doubled: {np.nanmax(careless) > 2 * losses[0]}",
    alt="Three loss curves over thirty steps on a logarithmic axis: with a middle rate a smooth fall, with a large "
        "one a ragged fall, and without warm-up and clipping a jump far above the start.",
)  # fmt: skip

# %% [markdown]
# A tiny network on ten lines forgives a large rate if warm-up and clipping hold it; a network with a million weights
# forgives less. When a loss jumps up or becomes infinite after it was finite, lower the rate by three first.
#
# ### 3. Grey levels from 0 to 255
#
# The reference system's network gets raw grey levels. Any scale can be trained, but reading must use the *same* one.
# Feed the course's trained model the ink it knows (0 to 1), then ink from 0 to 255, then grey levels (paper 255):

# %%
from htr_utils import Recognizer
from htr_utils.text import metrics

recognizer = Recognizer.load("course")
inks = [dataset.to_bytes(recognizer.prepare(line.image()).ink) for line in watch[:8]]
known = dataset.collate(inks, [np.zeros(0, np.int32)] * len(inks), range(len(inks)))


def edits(image: np.ndarray) -> int:
    """Wrong characters when the trained model reads these pictures."""
    logits = training.predict(recognizer.model, known._replace(image=image.astype(np.float32)))
    best = decoding.greedy(training.log_softmax(logits), models.frames(known.width, recognizer.preset))
    texts = [recognizer.charset.decode(candidate.ids) for candidate in best]
    return sum(metrics.edits(text, line.text) for text, line in zip(texts, watch, strict=False))


right = edits(known.image)
print("ink 0 to 255 : more than twice the errors:", edits(known.image * 255) > 2 * right)
print("grey levels  : more than twice the errors:", edits(255 - known.image * 255) > 2 * right)

# %% [markdown]
# Nothing complains, and the wrong scale may read half well, so that one blames the model. That is why a model file
# of this course carries its preparation, and every door (training, notebook, command line, web page) calls the one
# function `images.prepare`.
#
# ## Exercise 7.1 · Predict: nothing but blanks *(2 minutes)*
# A network answers every line with blanks only. What character error rate does it get, in per cent?

# %% tags=["exercise"]
prediction = (
    # SOLUTION
    100
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("07.1", prediction)

# %% [markdown]
# ## Exercise 7.2 · Clip a gradient *(10 minutes)*
# A gradient comes as a list of arrays, one per weight array. Its *global norm* is the root of the sum of all squared
# numbers. When it is longer than `longest`, shorten every array by the same factor; else change nothing.


# %% tags=["exercise"]
def clip(gradients: list[np.ndarray], longest: float) -> list[np.ndarray]:
    """The gradient, at most `longest` long, its direction kept."""
    # SOLUTION
    norm = np.sqrt(sum(float((g**2).sum()) for g in gradients))
    factor = min(1.0, longest / norm) if norm > 0 else 1.0
    return [g * factor for g in gradients]
    # END


# %% tags=["check"]
check("07.2", clip)

# %% [markdown]
# ## Exercise 7.3 · Name the culprit *(5 minutes)*
# Four trainings went wrong. For each, choose one of `"rate too low"`, `"rate too high"`, `"label does not fit"`,
# `"not finished"`.

# %% tags=["exercise"]
culprits = {
    "the loss is inf from the first epoch on, always in the same batch": (
        # SOLUTION
        "label does not fit"
        # END
    ),
    "the loss falls steadily, all readings are empty, 60 steps done": (
        # SOLUTION
        "not finished"
        # END
    ),
    "after 2,000 steps the loss is nearly where it started": (
        # SOLUTION
        "rate too low"
        # END
    ),
    "the loss jumps to ten times its start in the first steps": (
        # SOLUTION
        "rate too high"
        # END
    ),
}

# %% tags=["check"]
check("07.3", culprits)

# %% [markdown]
# ## Exercise 7.4 · Measure: when do the letters come? *(15 minutes)*
# Write a function that gets blank rates, one per step, and returns the first step *after the highest rate* at which
# the rate is below `limit`, or -1 if there is none. Then raise `few` from ten short lines to ten long ones
# (`narrow[-10:]`), run the loop again, and compare: do short lines leave the blank stage sooner?


# %% tags=["exercise"]
def letters_come(rates: list[float], limit: float = 0.9) -> int:
    """The step at which the blank stage ends, or -1."""
    # SOLUTION
    top = int(np.argmax(rates))
    return next((step for step in range(top, len(rates)) if rates[step] < limit), -1)
    # END


# %% tags=["check"]
check("07.4", letters_come)

# %% [markdown]
# ## Summary
#
# A training loop takes a batch, computes the loss and its gradient, and moves the weights; warm-up, clipping and a
# moving average keep it steady. Learning ten lines by heart is the first test, and a failure there is a mistake in
# the code. Every CTC network first answers with blanks; the blank rate shows when it leaves that stage. A checkpoint
# must hold the optimiser and the random states, or the resumed training is another one. Infinite losses come from
# labels that do not fit, wild ones from the rate, and empty readings from stopping too early or from a wrong scale.

# %% [markdown]
# ## Quiz
#
# **1. The loss falls and every reading is empty. What do you look at before you change anything?**
# <details><summary>Answer</summary>At the number of steps and at the blank rate. If it is near 100 % after a few
# hundred steps, go on; if it stays there for thousands, check rate, scale of the ink and frames per letter, and
# whether ten
# lines can be learned by heart.</details>
#
# **2. Why are the averaged weights saved, and not the last ones?**
# <details><summary>Answer</summary>The last weights carry the jitter of the last batches. The average has most of it
# removed, and usually reads a little better.</details>
#
# **3. Ten lines are learned by heart perfectly. What do you know about the CER on new lines?**
# <details><summary>Answer</summary>Nothing. You know that pictures, labels, loss and gradient fit together. Only lines
# by writers whom the training never saw tell how well it reads.</details>

# %% [markdown]
# ## Further reading
#
# - Loshchilov, Hutter: *Decoupled Weight Decay Regularization*, ICLR 2019, arXiv:1711.05101 (AdamW), and *SGDR*,
#   ICLR 2017, arXiv:1608.03983 (cosine).
# - Pascanu, Mikolov, Bengio: *On the difficulty of training recurrent neural networks*, ICML 2013, arXiv:1211.5063.
# - Retsinas et al.: *Best Practices for a Handwritten Text Recognition System*, DAS 2022, arXiv:2404.11339.
#
# Next: [8 · Decoding](08_decoding.ipynb), which gets more out of the same network's answers.
