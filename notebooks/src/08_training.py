# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 8 · Training: from blanks to letters
#
# After this chapter you can train a line recogniser, tell from its curves whether it is learning, and name the
# likely culprit when it is not.
#
# *40 minutes to read, 45 for the exercises. Needs only the package.*
#
# **You will be able to**
#
# - write a training loop with all its parts, and run the first test of any training: ten lines learned by heart;
# - recognise [*blank collapse*](../docs/guide/glossary.md#blank-collapse), the stage in which a network answers
#   nothing, and help it out;
# - watch a network go from random weights to reading lines that it has never seen, find wrong labels by their loss,
#   and stop and resume a training without changing its result.
#
# ## It has run for an hour and reads nothing
#
# This is the message that authors of such systems get most often: *my loss goes down, but every prediction is
# empty*. Is it broken, or not finished? You can tell within minutes, if you start small. Below are ten short lines
# of the embedded training split (rendered by a program, not written by hand). Can a network learn these ten?

# %% tags=["parameters"]
steps: int = 90  # optimiser steps of the loop written in this chapter
epochs: int = 10  # epochs of the real training
lines: int = 640  # lines in each of its epochs; raise this or the epochs for a longer run
batch: int = 16  # lines per batch in it
data_root: str = ""  # folder in IAM layout; empty for the embedded data
seed: int = 0  # initial weights, order of lines, dropout

# %%
from htr_utils.course.parameters import validate

run = validate(
    steps=(steps, "int", 20, 5000), epochs=(epochs, "int", 2, 1000), lines=(lines, "int", 16, None),
    batch=(batch, "int", 1, 256), data_root=(data_root or None, "path"), seed=(seed, "int", 0, None),
)  # fmt: skip

# %% [markdown]
# The narrowest lines come first, each text once and no text of fewer than five characters.

# %% tags=["figure"]
import numpy as np

from htr_utils.course.plots import learning as plots
from htr_utils.lines import dataset, iam, images

train = iam.read(run.data_root).split("train")
narrow = sorted(train, key=lambda line: (line.box[2] / line.box[3], line.id))
by_text = {line.text: line for line in reversed(narrow)}
few = [line for line in narrow if by_text[line.text] is line and len(line.text) >= 5][:10]
inks = [images.prepare(line.image(), images.Preparation(32)).ink for line in few]
plots.montage(inks, [line.text for line in few])

# %% [markdown]
# ## What a training loop consists of
#
# Five things repeat, as in [How a network learns](04_how_a_network_learns.ipynb): take a batch of lines; let the
# network answer; compute the loss, here that of [CTC loss](07_ctc_loss.ipynb); ask for its gradient by every weight;
# let the [**optimiser**](../docs/guide/glossary.md#optimiser) change the weights a little. One round is a **step**.
#
# You start with a *tiny* network of the same kind as the course's (convolutions, a BLSTM, a class per frame), so
# that you need not wait. Its pictures are 32 pixels high. `fresh` makes it untrained, with the same random first
# weights each time.

# %%
import keras

from htr_utils.network import ctc, models, training
from htr_utils.text.charset import Charset

charset = Charset()
blocks = (
    models.Block(16, 5, stride=2),
    models.Block(32, pool=(2, 2)),
    models.Block(48, pool=(2, 1)),
)
height = images.Preparation(32)
# One BLSTM layer of 48 units a direction; no second output for training, which is called a shortcut.
tiny = models.Preset("tiny", height, blocks, lstm=48, lstm_layers=1, dropout=0.0, shortcut=False)
print(f"a frame every {tiny.frame_step} columns, {charset.classes} classes")


def fresh(preset: models.Preset = tiny, classes: int = charset.classes) -> keras.Model:
    """A network, untrained, from the same seed each time."""
    keras.utils.set_random_seed(run.seed)
    return models.build(preset, classes)


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
# The learning rate starts low, rises for a few steps ([**warm-up**](../docs/guide/glossary.md#warm-up)), and falls
# along half a cosine. Why warm-up? Like Adam, the optimiser below divides each gradient by its usual size, so its
# steps are as long as the rate says, however large the gradient is. In the first steps it knows this size from one or
# two gradients, and a full step in a badly known direction is taken for every weight ([Liu
# 2020](../docs/guide/bibliography.md#liu-2020), [Ma 2021](../docs/guide/bibliography.md#ma-2021)).


# %%
def rate(step: int, highest: float, warmup: int, total: int, floor: float = 0.01) -> float:
    """Learning rate at a step: a straight line up, then half a cosine down to a share of the highest."""
    if step < warmup:
        return highest * (step + 1) / warmup
    done = min(1.0, (step - warmup) / (total - warmup))
    return highest * (floor + (1 - floor) * (1 + np.cos(np.pi * done)) / 2)


# %% [markdown]
# And here is one step. `tf.function` compiles it; without that line it works the same, only slower.
# [**Clipping**](../docs/guide/glossary.md#clipping) shortens the whole gradient when it is longer than `longest`. The
# optimiser, [**AdamW**](../docs/guide/glossary.md#adamw), is Adam, which moves a weight by
# $-\text{rate} \cdot m / \sqrt{v}$ ($m$ is the mean of its last gradients, $v$ that of their squares), and besides
# draws each weight a little towards zero, so that none grows large without need.

# %%
import tensorflow as tf

tf.get_logger().setLevel("ERROR")  # no advice about compiling
network = fresh()
optimiser = keras.optimizers.AdamW(weight_decay=5e-5)
optimiser.build(network.trainable_variables)  # makes room for m and v


@tf.function
def step(image, width, label, length, longest):
    with tf.GradientTape() as tape:
        logits = network({"image": image, "width": width}, training=True)["logits"]
        loss = tf.reduce_mean(ctc.loss(logits, true_frames, label, length))
    gradients = tape.gradient(loss, network.trainable_variables)
    gradients, _ = tf.clip_by_global_norm(gradients, longest)
    optimiser.apply(gradients, network.trainable_variables)
    return loss, logits  # (), (batch, frames, classes)


# %% [markdown]
# Around it, a plain loop. Each call begins with the same first weights and keeps the losses and the answers. With
# `turn=1` each line gets the text of the line above it: a control that you need later.

# %%
state = (*network.variables, *optimiser.variables)
first = [variable.numpy() for variable in state]


def learn(highest: float, steps: int, warmup: int = 10, longest: float = 5.0, turn: int = 0):
    """Train on the ten lines; losses and logits (lines, frames, classes), a list each with an item per step."""
    for variable, value in zip(state, first, strict=True):
        variable.assign(value)
    label, length = np.roll(ten.label, turn, axis=0), np.roll(ten.length, turn)
    rows = []
    for number in range(steps):
        # The cosine of a longer training: the rate stays high meanwhile.
        optimiser.learning_rate.assign(rate(number, highest, warmup, 4 * steps))
        loss, logits = step(ten.image, ten.width, label, length, tf.constant(longest))
        rows.append((float(loss), logits.numpy()))
    return zip(*rows, strict=True)


# %% [markdown]
# While it learns, watch the **blank rate**: the share of frames in which the blank is the likeliest class.

# %% tags=["figure", "nbval-ignore-output"]
losses, answers = learn(1e-2, run.steps)
real = np.arange(answers[0].shape[1])[None] < true_frames[:, None]  # frames that are no padding
blanks = [float((logits.argmax(-1) == ctc.BLANK)[real].mean()) for logits in answers]
plots.progress(losses, blanks)

# %% [markdown]
# ## Blank collapse, seen from inside
#
# The loss falls from the first step, but look at the right panel: within a few steps the network says
# [*blank*](../docs/guide/glossary.md#blank) in every frame. Of someone who cannot see yet, the best answer is one
# class everywhere. Mostly that is the blank; in long lines it may be a frequent character (exercise 8.4). Then
# letters appear. What did it read on the way? The sign ∅ is an empty reading.

# %% tags=["figure", "nbval-ignore-output"]
from htr_utils.text import decoding


def read(logits: np.ndarray, frames: np.ndarray = true_frames) -> list[str]:
    best = decoding.greedy(training.log_softmax(logits), frames)
    return [charset.decode(candidate.ids) for candidate in best]


moments = sorted({0, *(run.steps * tenths // 10 for tenths in (1, 2, 4, 6, 8)), run.steps - 1})
plots.readings({step: read(answers[step])[-6:] for step in moments}, truths[-6:])

# %% [markdown]
# Gibberish, nothing, one frequent sign, fragments, words. Large trainings go through the same stages, with hours
# between them. What helps a network out of the blank stage, by experience:
#
# - **enough steps**, before anything else: it is a stage;
# - **warm-up**, so that the first steps do not drive the weights into a corner (measured below, at a far higher rate);
# - **short texts first**: with few letters to put in order, the gradient tells sooner where each of them stands;
# - **frames enough for each letter** to have one to itself and a blank beside it;
# - [**batch norm**](../docs/guide/glossary.md#batch-norm), and ink as 1 on paper as 0, so that the picture reaches
#   the last layer at all.
#
# ## Ten lines by heart
#
# What you did is the first test of every training: a network that cannot learn ten lines by heart will not learn ten
# thousand. A wrong blank, a loss on the wrong axis, a gradient that gets lost: all fail here, within a minute. But
# what does a pass prove? The control gives each line the text of another one, and trains again.

# %% tags=["nbval-ignore-output"]
control, control_answers = learn(1e-2, run.steps, turn=1)
mixed = np.roll(truths, 1).tolist()
for name, curve, logits, asked in (
    ("their own texts", losses, answers[-1], truths),
    ("texts of other lines", control, control_answers[-1], mixed),
):
    right = sum(text == wanted for text, wanted in zip(read(logits), asked, strict=True))
    print(f"{name:20}  loss {curve[0]:.0f} -> {curve[-1]:.1f}, {right} of {len(asked)} by heart")

# %% [markdown]
# Wrong texts are learnt by heart as well ([Zhang 2017](../docs/guide/bibliography.md#zhang-2017)). So the test
# shows that picture, loss and gradient reach each other. That texts and pictures belong together, and how unseen
# lines are read, it cannot show. For that you need more lines than can be known by heart, and others to watch.
#
# ## The package's loop
#
# `training.Trainer` is your loop with what long trainings need besides: an epoch's batches in a seeded order, a
# moving average, a checkpoint, a history. `training.overfit` is the test above, for any network. Do the two loops
# agree? Same seed, same lines, same steps:

# %%
pairs = [source.get(0, index) for index in range(len(few))]  # (ink, text) each
again = training.overfit(fresh(), tiny, charset, pairs, steps=10, rate=1e-2)
apart = np.max(np.abs(np.divide(losses[:10], again) - 1))
print(f"of ten losses none differs by more than {apart:.1%}")

# %% [markdown]
# `training.Trainer` also keeps an **exponential moving average** (EMA) of the weights. Where every batch pulls
# elsewhere, the weights jitter. The average follows them slowly: after each step $\bar w \leftarrow d \, \bar w +
# (1 - d) \, w$, with $d$ = 0.97 below. It is the averages that are saved.
#
# ## From random weights to reading
#
# Now lines that nobody can know by heart: one to three words of [Start here](00_start_here.ipynb) glued together,
# drawn anew in each epoch. Whatever has a length and a `get` that gives ink and text is a source for `Batches`.

# %%
from dataclasses import dataclass, replace

from htr_utils.course import first_network


@dataclass
class Glued:
    """Lines of `least` to three words of one hand, other ones in each epoch."""

    words: first_network.Words
    count: int
    least: int = 1

    def __len__(self) -> int:
        return self.count

    def get(self, epoch: int, index: int) -> tuple[np.ndarray, str]:
        draw = np.random.default_rng([run.seed, epoch, index])
        size = draw.integers(self.least, 4)
        return first_network.glue(self.words, draw.integers(len(self.words.texts), size=size))


# %% [markdown]
# Labels of real data hold mistakes. To see what they do, five words get the text of another one, on purpose.

# %%
words, unseen = first_network.words("train"), first_network.words("validation")
true_texts = list(words.texts)
planted = np.random.default_rng(run.seed).choice(len(true_texts), 5, replace=False)
for here, there in zip(planted, np.roll(planted, 1), strict=True):
    words.texts[here] = true_texts[there]
print(*(f"{true_texts[number]} labelled {words.texts[number]}" for number in planted), sep="\n")

# %% [markdown]
# The network is the course's own in miniature: the preset `wide`, from which the model of the other chapters was
# trained, with a third of its channels and of its LSTM, on pictures 32 pixels high. It has 28 classes: 26 letters,
# the space and the blank.

# %%
wide = models.preset("wide")
narrow_blocks = tuple(replace(block, channels=block.channels // 3) for block in wide.blocks)
small = replace(wide, name="small", preparation=height, blocks=narrow_blocks, lstm=64, dropout=0)
letters = Charset(" abcdefghijklmnopqrstuvwxyz")
reader = fresh(small, letters.classes)
print(f"{reader.count_params():,} numbers to learn, random so far")

# %% [markdown]
# Forty lines of three unseen words are watched.

# %%
encoder = training.labels_for(small, letters)
batches = dataset.Batches(Glued(words, run.lines), encoder, run.batch, seed=run.seed)
watched = dataset.Batches(Glued(unseen, 40, least=3), encoder, 40, shuffle=False)
settings = training.Settings(run.epochs, run.batch, 7e-3, warmup=40, ema=0.97, seed=run.seed)
# `htr run 08` keeps checkpoints and TensorBoard's logs in its folder; here there is none.
more = {"validation": watched, "say": lambda line: None, "folder": run.checkpoint}
trainer = training.Trainer(reader, small, letters, batches, settings, **more)

# %% [markdown]
# After each epoch one of these lines is read. `CER` is the error rate of
# [Characters and metrics](03_characters_and_metrics.ipynb), with the weights as they are and with their averages.

# %% tags=["nbval-ignore-output"]
from htr_utils.text import metrics

sheet = next(watched.epoch(0))
wanted = [letters.decode(label[:n]) for label, n in zip(sheet.label, sheet.length, strict=True)]


def read_sheet() -> list[str]:
    logits = training.predict(reader, sheet)
    best = decoding.greedy(training.log_softmax(logits), models.frames(sheet.width, small))
    return [letters.decode(candidate.ids) for candidate in best]


print(f"step  loss   CER  averaged   {wanted[0]}\n   0                     {read_sheet()[0]}")
while trainer.epoch < run.epochs:
    row, texts = trainer.run(stop_after=1)[-1], read_sheet()
    raw = metrics.cer(texts, wanted).value
    print(f"{row['step']:4} {row['loss']:5.1f} {raw:5.0%} {row['cer']:9.0%}   {texts[0]}")
print(f"its last weights: {metrics.cer(texts, wanted)}")
history = trainer.history
run.record(history=history, cer=history[-1]["cer"], watched=len(wanted))

# %% [markdown]
# Read the last column downwards: noise, silence, a few frequent letters, pieces, words. As long as every step
# improves, the averages lag behind; they pay at the end of long trainings, where the weights only move to and fro.
# The `Trainer` keeps the averages of the epoch with the lowest error on the watched lines: the early stopping of [How
# a network learns](04_how_a_network_learns.ipynb), without having to stop. Forty lines tell a rate to a few points
# only (the brackets), and these have also chosen the epoch: it is no rate to report.
#
# Beside the curves you see the last stage of the published model's training: the same loop, many more steps and
# hands, and scales of its own. A curve that starts low went on from an earlier stage. Its loss is the higher one
# though it reads better: it counts long and distorted lines.

# %% tags=["figure", "nbval-ignore-output"]
plots.curves(history)

# %% [markdown]
# **Your turn, while you have a coffee:** `papermill 08_training.ipynb out.ipynb -p epochs 40` takes four times as
# long. `htr train` does the same from the command line, on lines of your own.
#
# ## Wrong labels, found by their loss
#
# Now ask the trained network for the loss of each single training word. It has met each of them only a few times.
# What it reads well and what is labelled otherwise stands out. A star marks the five that you planted.

# %% tags=["figure", "nbval-ignore-output"]
single = [first_network.glue(words, [number]) for number in range(len(words.texts))]
word_losses = first_network.losses(reader, small, letters, single)
order = np.argsort(-word_losses)
stars = ["*" if number in planted else "" for number in order]
plots.montage(
    [single[number][0] / 255 for number in order[:10]],
    [
        f"{words.texts[n]}{star} {word_losses[n]:.0f}"
        for n, star in zip(order[:10], stars[:10], strict=True)
    ],
    facts=f"places of the five among {len(order)}: {[n + 1 for n, star in enumerate(stars) if star]}",
)

# %% [markdown]
# A look at the twenty greatest losses of a data set is the cheapest improvement that there is. What stands there
# without a star is hard, or unlucky. Nobody but you can tell: look at the picture before you change a label.
#
# ## Stop and resume
#
# Users lose days to a training that "goes on" with a fresh optimiser. AdamW's $m$ and $v$ are part of the training;
# forget them, and it is another training. A [**checkpoint**](../docs/guide/glossary.md#checkpoint) therefore
# holds weights, optimiser, average, random states and the count of steps, and every random draw follows from (seed,
# epoch, line). Try it: train the tiny network for one epoch, keep a checkpoint, train a second epoch. Then go back
# to the checkpoint and train the second epoch again. Whatever the checkpoint forgot makes the two ends differ.

# %% tags=["nbval-ignore-output"]
import tempfile

plan = training.Settings(epochs=2, batch=10, rate=1e-2, warmup=2, ema=0.9, seed=run.seed)
twenty = dataset.Batches(dataset.FileLines(narrow[:20], height), labels, 10, seed=run.seed)


def averages(trainer: training.Trainer) -> np.ndarray:
    """All averaged weights, as one row of numbers."""
    return np.concatenate([average.numpy().ravel() for average in trainer.ema])


with tempfile.TemporaryDirectory(dir=".") as folder:
    trainer = training.Trainer(fresh(), tiny, charset, twenty, plan, folder=folder, say=str)
    trainer.run_epoch()
    trainer.checkpoint()
    at_one = averages(trainer)
    trainer.run_epoch()
    at_two = averages(trainer)
    trainer.resume()
    back = averages(trainer)
trainer.run_epoch()
for name, some, other in (
    ("end of epoch 1 and of epoch 2", at_one, at_two),
    ("end of epoch 1 and after going back", at_one, back),
    ("end of epoch 2, unbroken and resumed", at_two, averages(trainer)),
):
    print(f"{name:37} {np.abs(some - other).max():.4f} apart at most")

# %% [markdown]
# ## What goes wrong
#
# ### 1. The loss is infinite
#
# One line whose text does not fit its frames has an infinite loss ([CTC loss](07_ctc_loss.ipynb)), and the mean of
# the batch is infinite with it. Here the picture of one line is squeezed to an eighth of its width on purpose, as a
# wrong resizing would do.

# %%
widths = np.array([ink.shape[1] // (8 if i == 1 else 1) for i, (ink, _) in enumerate(pairs)])
enough = models.frames(widths, tiny)  # line 1 is squeezed
needed = [ctc.frames_needed(labels.encode(text)) for _, text in pairs]
print("frames:", enough.tolist())
print("needed:", needed)
print("lines that cannot be learned:", [i for i in range(10) if needed[i] > enough[i]])

# %% [markdown]
# `training.infeasible` makes this comparison for a whole source, and `dataset.Batches` leaves such lines out. If
# there are many, the pictures are too narrow, the frames too wide, or texts and pictures do not belong together.
#
# ### 2. The rate is too high
#
# Your own loop on the ten lines at 25 times the rate. Two things are said to help, warm-up and clipping. Which of
# them does? Whoever switches off both at once cannot know. So try all four, a **2 x 2 experiment**, each with three
# other first weights, since one run may be luck. This figure is drawn in the open.

# %% tags=["figure", "nbval-ignore-output"]
import matplotlib.pyplot as plt

from htr_utils.course.plots import base

drawing, axes = plt.subplots(figsize=(8, 3), layout="constrained")
ways = {"warm-up, clipping": (10, 5.0), "warm-up, no clipping": (10, 1e9)}
ways |= {"no warm-up, clipping": (1, 5.0), "no warm-up, no clipping": (1, 1e9)}
worst = {}
for number, (name, (warmup, clip)) in enumerate(ways.items()):
    highest, right = [], 0
    for again in range(3):
        keras.utils.set_random_seed(run.seed + again)
        other = models.build(tiny, charset.classes).variables
        first[: len(other)] = [variable.numpy() for variable in other]
        curve, logits = learn(0.25, 25, warmup=warmup, longest=clip)
        axes.plot(curve, label=None if again else name, **base.style(number))
        highest.append(f"{np.nanmax(curve):.0f}")
        right += sum(a == b for a, b in zip(read(logits[-1]), truths, strict=True))
    worst[name] = f"{name}: highest {', '.join(highest)}; lines right at the end: {right}"
axes.set_xlabel("step")
axes.set_ylabel("loss (nats per line)")
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
base.show(
    drawing,
    alt="Losses of twelve trainings at too high a rate. " + "; ".join(worst.values()) + ".",
    facts="\n".join(worst.values()),
)

# %% [markdown]
# Compare the rows. Warm-up takes the peak away, with clipping or without; clipping alone does not, and whether it
# lowers the peak is luck. The formula above says why: were all gradients ten times shorter, both $m$ and $\sqrt{v}$
# would be ten times smaller, and the step the same. Clipping shortens some of them. (With plain gradient descent it
# does bound the step. With AdamW it keeps one odd batch from filling $m$ and $v$ for the next hundred steps.) None of
# them has read a line right. When a loss climbs, jumps or becomes infinite after it was finite, divide the rate by
# three first.
#
# ### 3. Ink of another scale
#
# The reference system's network gets raw grey levels from 0 to 255. Any scale can be trained, but reading must use
# the *same* one, and nothing complains when it does not:
# [Images and augmentation](02_images_and_augmentation.ipynb) shows what comes out. That is why a model file of this
# course carries its preparation, and every door (training, notebook, command line, web page) calls the one function
# `images.prepare`.
#
# ## Exercise 8.1 · Predict: nothing but blanks *(2 minutes)*
# A network answers every line with blanks only. What character error rate does it get, in per cent?

# %% tags=["exercise"]
prediction = (
    # SOLUTION
    # An empty text becomes the truth by inserting each of its characters: as many edits as there are characters.
    100
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("08.1", prediction)

# %% [markdown]
# ## Exercise 8.2 · Clip a gradient *(10 minutes)*
# A gradient comes as a list of arrays, one per weight array. Its *global norm* is the root of the sum of all
# squared numbers. When it is longer than `longest`, shorten every array by the same factor. Return new arrays, and
# leave those that are given as they are.


# %% tags=["exercise"]
def clip(gradients: list[np.ndarray], longest: float) -> list[np.ndarray]:
    """The gradient, at most `longest` long, its direction kept."""
    # SOLUTION
    # One length and one factor for all arrays together; new arrays, and no division by a length of 0.
    norm = np.sqrt(sum(float((g**2).sum()) for g in gradients))
    factor = min(1.0, longest / norm) if norm > 0 else 1.0
    return [g * factor for g in gradients]
    # END


# %% tags=["check"]
check("08.2", clip)

# %% [markdown]
# ## Exercise 8.3 · Name the culprit *(5 minutes)*
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
check("08.3", culprits)

# %% [markdown]
# ## Exercise 8.4 · Measure: when do the letters come? *(15 minutes)*
# Write a function that gets blank rates, one per step. The blank stage has come when a rate is at `limit` or above.
# Return the first step *after the highest rate* at which the rate is below `limit` (a short dip counts), or -1 if the
# stage never came or never ended. Measure it on `blanks`: expect 10 to 30. Then take ten long lines in place of the
# short ones (`few = narrow[-10:]`) and run the cells down to `blanks` again. Expect -1: another class takes the
# blank's place. `read(answers[10])` shows which: what is it?


# %% tags=["exercise"]
def letters_come(rates: list[float], limit: float = 0.9) -> int:
    """The step at which the blank stage ends; -1 if it never came or never ended."""
    # SOLUTION
    # The stage is told by its highest rate; whatever comes before it does not count.
    top = int(np.argmax(rates))
    if rates[top] < limit:
        return -1
    return next((step for step in range(top + 1, len(rates)) if rates[step] < limit), -1)
    # END


# %% tags=["check"]
check("08.4", letters_come)

# %% [markdown]
# ## Exercise 8.5 · Is it switched on? *(10 minutes)*
# The reference system has a switch for augmentation that was never connected: the flag was read, and not passed on.
# Nothing fails; the network only reads worse. Write the test that finds it: `draw(index, epoch)` gives the ink of a
# training line. Say whether augmentation is on. It may leave *some* pictures as they are, by chance.


# %% tags=["exercise"]
def augmented(draw, lines: int) -> bool:
    """Whether any of `lines` lines looks different in another epoch."""
    # SOLUTION
    # One line that differs anywhere between two epochs is enough; lines may stay as they are by chance.
    pairs = [(draw(index, 0), draw(index, 1)) for index in range(lines)]
    return any(not np.array_equal(one, other) for one, other in pairs)
    # END


# %% tags=["check"]
check("08.5", augmented)

# %% [markdown]
# ## Summary
#
# A training loop takes a batch, computes the loss and its gradient, and moves the weights; warm-up lets the
# optimiser learn the size of its gradients before it takes full steps. Learning ten lines by heart shows that
# picture, loss and gradient reach each other, not that the labels are right; those that are wrong stand out by
# their loss. A CTC network first answers with one class everywhere, mostly the blank, and the blank rate shows when
# it leaves that stage. A checkpoint must hold the optimiser and the random states, or the resumed training is
# another one. Infinite losses come from labels that do not fit, wild ones from the rate, and empty readings from
# stopping too early or from a wrong scale.

# %% [markdown]
# ## Quiz
#
# **1. The loss falls and every reading is empty. What do you look at before you change anything?**
# <details><summary>Answer</summary>At the number of steps and at the blank rate. If it is near 100 % after a few
# hundred steps, go on; if it stays there for thousands, check rate, scale of the ink and frames per letter, and
# whether ten lines can be learned by heart.</details>
#
# **2. Why are the averaged weights saved, and not the last ones?**
# <details><summary>Answer</summary>The last weights carry the jitter of the last batches, and the average has most
# of it removed. It pays at the end of long trainings; while a network still improves with each step, the average
# lags behind, as the table above shows.</details>
#
# **3. Ten lines are learned by heart perfectly. What do you know about the CER on new lines?**
# <details><summary>Answer</summary>Nothing, and not even that the labels are right: wrong ones are learnt by heart
# as well. You know that picture, loss and gradient reach each other. Only lines by writers whom the training never
# saw tell how well it reads.</details>
#
# ## Further reading
#
# - Loshchilov, Hutter: [*Decoupled Weight Decay Regularization*](../docs/guide/bibliography.md#loshchilov-2019),
#   ICLR 2019, arXiv:1711.05101 (AdamW), and [*SGDR*](../docs/guide/bibliography.md#loshchilov-2017), ICLR 2017,
#   arXiv:1608.03983 (cosine).
# - Zhang et al.:
#   [*Understanding deep learning requires rethinking generalization*](../docs/guide/bibliography.md#zhang-2017),
#   ICLR 2017, arXiv:1611.03530: labels at random are learnt too.
# - Pascanu, Mikolov, Bengio: [*On the difficulty of training recurrent neural
#   networks*](../docs/guide/bibliography.md#pascanu-2013), ICML 2013, arXiv:1211.5063.
# - Retsinas et al.: [*Best Practices for a Handwritten Text Recognition
#   System*](../docs/guide/bibliography.md#retsinas-2022), DAS 2022, arXiv:2404.11339.
#
# Next: [9 · Decoding](09_decoding.ipynb), which gets more out of the same network's answers.
