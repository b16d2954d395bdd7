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
# *40 minutes to read, 45 for the exercises. Needs only the package.*
#
# **You will be able to**
#
# - write a training loop with all its parts, and run the first test of any training: ten lines learned by heart;
# - recognise [*blank collapse*](../docs/glossary.md#blank-collapse), the stage in which a network answers nothing,
#   and help it out;
# - read loss, blank rate and learning-rate curves, and stop and resume a training without changing its result.
#
# ## It has run for an hour and reads nothing
#
# This is the message that authors of such systems get most often: *my loss goes down, but every prediction is
# empty*. Is it broken, or not finished? You can tell within minutes, if you start small. Below are ten short lines
# of the embedded training split (rendered by a program, not written by hand). Can a network learn these ten?

# %% tags=["parameters"]
steps: int = 90  # optimiser steps of the loop written in this chapter
epochs: int = 3  # epochs of the short real training
lines: int = 32  # training lines in it; raise this and the epochs for a longer run
batch: int = 8  # lines per batch in it
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
# Five things repeat: take a [**batch**](../docs/glossary.md#batch) of lines; let the network answer; compute the
# [**loss**](../docs/glossary.md#loss) of chapter 6; ask for its [**gradient**](../docs/glossary.md#gradient) by
# every weight; let the [**optimiser**](../docs/glossary.md#optimiser) change the weights a little. One round is a
# **step**; once through all lines is an [**epoch**](../docs/glossary.md#epoch).
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
tiny = models.Preset("tiny", height, blocks, lstm=48, lstm_layers=1, dropout=0.0, shortcut=False)
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
# The learning rate starts low, rises for a few steps ([**warm-up**](../docs/glossary.md#warm-up)), and falls along
# half a cosine. Warm-up matters because the first gradients of a random network are large and point anywhere.


# %%
import numpy as np


def rate(step: int, highest: float, warmup: int, total: int, floor: float = 0.01) -> float:
    """Learning rate at a step: a straight line up, then half a cosine down to a share of the highest."""
    if step < warmup:
        return highest * (step + 1) / warmup
    done = min(1.0, (step - warmup) / (total - warmup))
    return highest * (floor + (1 - floor) * (1 + np.cos(np.pi * done)) / 2)


# %% [markdown]
# And here is one step. `tf.function` compiles it; without that line it works the same, only slower.
# [**Clipping**](../docs/glossary.md#clipping) shortens the whole gradient when it is longer than `longest`, so that
# one odd batch cannot throw the weights about. The optimiser, [**AdamW**](../docs/glossary.md#adamw), moves each
# weight by a step of its own, and draws all of them a little towards zero.

# %%
import tensorflow as tf

tf.get_logger().setLevel("ERROR")  # no advice about compiling
network = fresh()
optimiser = keras.optimizers.AdamW(weight_decay=5e-5)
optimiser.build(network.trainable_variables)


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
# Around it, a plain loop. Each call begins with the same first weights. It keeps the losses, the answers, and the
# value of one weight, which you need later.

# %%
state = (*network.variables, *optimiser.variables)
first = [variable.numpy() for variable in state]


def learn(highest: float, steps: int, warmup: int = 10, longest: float = 5.0):
    """Train on the ten lines; losses, logits and one weight, a list each with an item per step."""
    for variable, value in zip(state, first, strict=True):
        variable.assign(value)
    rows = []
    for number in range(steps):
        optimiser.learning_rate.assign(rate(number, highest, warmup, 4 * steps))
        loss, logits = step(ten.image, ten.width, ten.label, ten.length, tf.constant(longest))
        rows.append((float(loss), logits.numpy(), float(network.get_layer("logits").kernel[0, 0])))
    return zip(*rows, strict=True)


# %% [markdown]
# While it learns, watch the **blank rate**: the share of frames in which the blank is the likeliest class.

# %% tags=["figure"]
losses, answers, weight = learn(1e-2, run.steps)
real = np.arange(answers[0].shape[1])[None] < true_frames[:, None]  # frames that are no padding
blanks = [float((logits.argmax(-1) == ctc.BLANK)[real].mean()) for logits in answers]
plots.progress(losses, blanks)

# %% [markdown]
# ## Blank collapse, seen from inside
#
# The loss falls from the first step, but look at the right panel: within a few steps the network says
# [*blank*](../docs/glossary.md#blank) in every frame. As chapter 6 showed, that is the best answer of someone who
# cannot see yet. Then letters appear. What did it read on the way? The sign ∅ is an empty reading.

# %% tags=["figure"]
from htr_utils.text import decoding


def read(logits: np.ndarray) -> list[str]:
    best = decoding.greedy(training.log_softmax(logits), true_frames)
    return [charset.decode(candidate.ids) for candidate in best]


moments = sorted({0, *(run.steps * tenths // 10 for tenths in (1, 2, 4, 6, 8)), run.steps - 1})
plots.readings({step: read(answers[step])[-6:] for step in moments}, truths[-6:])

# %% [markdown]
# Gibberish, nothing, one frequent sign, fragments, words. The next figure shows one line at the same moments. On the
# left is what the network says, frame by frame; on the right the gradient of chapter 6: where it is told to say more
# (blue) and less (orange).

# %% tags=["figure"]
longest = len(few) - 1  # a batch is sorted by width: the last line is the widest
strips = {s: answers[s][longest, : true_frames[longest]] for s in moments}  # (frames, classes) each
plots.strips(strips, charset, truths[longest])

# %% [markdown]
# At first the gradient pushes the blank up everywhere, and each letter in a broad band: nothing is known yet but their
# order. Once all is blank, each letter is wanted a little over many frames; then the wishes gather in a frame or two
# for each letter, and the gradient fades. Are these frames where the letter *stands*? Compare with the picture above.
# To know ten lines by heart the network need not look at every letter, and CTC asks for the order alone, so letters
# may crowd at the ends; only many lines send each to its place. Large trainings go through the same stages, with hours
# between them. What helps a network out of the blank stage:
#
# - **enough steps**, before anything else: it is a stage;
# - **warm-up and clipping**, so that the first steps do not drive the weights into a corner (shown below);
# - **short lines first**: with few letters per line there are few alignments to sort out;
# - **enough frames per letter**, so that every label has many alignments;
# - [**batch norm**](../docs/glossary.md#batch-norm), and ink as 1 on paper as 0, so that the picture reaches the
#   last layer at all.
#
# ## Ten lines by heart
#
# What you did is the first test of every training: a network that cannot learn ten lines by heart will not learn ten
# thousand. It says nothing about unseen lines, but a wrong blank, shuffled labels, or a loss on the wrong axis all
# fail here, within a minute. Did yours pass?

# %%
errors = sum(text != truth for text, truth in zip(read(answers[-1]), truths, strict=True))
print("the loss ends below a tenth of its start:", losses[-1] < 0.1 * losses[0])
print("most of the ten lines are read without an error:", errors < 5)

# %% [markdown]
# ## The package's loop
#
# `training.Trainer` is your loop with what long trainings need besides: an epoch's batches in a seeded order, a
# moving average, a checkpoint, a history. `training.overfit` is the test above, for any network. Do the two loops
# agree? Same seed, same lines, same steps:

# %%
pairs = [source.get(0, index) for index in range(len(few))]  # (ink, text) each
again = training.overfit(fresh(), tiny, charset, pairs, steps=10, rate=1e-2)
print("ten losses agree within 1 %:", np.allclose(losses[:10], again, rtol=1e-2))

# %% [markdown]
# ### The rate, and an average of the weights
#
# In a training with many batches the weights jitter from step to step, because every batch pulls elsewhere. An
# **exponential moving average** (EMA) follows them slowly: at each step it moves a small share of the way to the
# current value. The averaged weights usually read better, and it is they that are saved.


# %%
def moving_average(values: list[float], decay: float) -> list[float]:
    """Each result is decay x the last result + (1 - decay) x the new value."""
    average = [values[0]]
    for value in values[1:]:
        average.append(decay * average[-1] + (1 - decay) * value)
    return average


# %% [markdown]
# Both in one picture, the rate for a training of 200 steps. The package's rate must be the same as yours. The weight is
# that of your ten lines: one batch again and again, so it wavers at the beginning only, and the average lags behind it.

# %% tags=["figure"]
settings = training.Settings(epochs=20, batch=10, rate=1e-3, warmup=30, seed=run.seed)
many = dataset.Batches(dataset.FileLines(train[:100], tiny.preparation), labels, 10)
trainer = training.Trainer(network, tiny, charset, many, settings)
rates = [trainer.rate(step) for step in range(trainer.total_steps)]
print("the same rate as yours:", np.allclose(rates, [rate(s, 1e-3, 30, 200) for s in range(200)]))
plots.schedule(rates, weight, moving_average(weight, 0.9))

# %% [markdown]
# ## A short real training
#
# Ten lines prove that the loop works. Now take a network of seven layers, the preset `course`. (The model that you
# load in the other chapters is the larger `wide`: it learns more from many lines, and takes longer.) Draw lines at
# random from the training split, of any length, and watch other lines, by other writers, from the validation split.

# %%
course = models.preset("course")
pick = np.random.default_rng(run.seed).permutation(len(train))[: run.lines]
watch = iam.read(run.data_root).split("validation")[:8]
encoder = training.labels_for(course, charset)
sources = [
    dataset.FileLines(some, course.preparation) for some in ([train[i] for i in pick], watch)
]
batches = dataset.Batches(sources[0], encoder, run.batch, seed=run.seed)
watched = dataset.Batches(sources[1], encoder, 8, shuffle=False)
print(f"{len(pick)} lines in batches of {run.batch}; {len(watch)} lines are watched")

# %% [markdown]
# With the default parameters this is a few dozen steps at most: enough for the loss to fall, far too few to read.
# Expect the blank stage, and do not expect words.

# %%
settings = training.Settings(
    epochs=run.epochs, batch=run.batch, rate=1e-3, warmup=10, ema=0.9, seed=run.seed
)
keras.utils.set_random_seed(run.seed)
large = models.build(course, charset.classes)  # untrained
# `htr run 07` keeps checkpoints and TensorBoard's logs in its folder; here there is none.
more = {"validation": watched, "say": lambda line: None, "folder": run.checkpoint}
trainer = training.Trainer(large, course, charset, batches, settings, **more)
history = trainer.run()
run.record(history=history, cer=history[-1]["cer"], watched=len(watch))
print(f"{large.count_params() / 1e6:.1f} million weights, {trainer.step} steps")
print("the loss fell:", history[-1]["loss"] < history[0]["loss"])

# %% [markdown]
# Beside it you see the last stage of the published model's training, if its history is in `model/`: the same loop,
# many more steps, and lines rendered or changed at random each time, so that no epoch repeats another. A curve that
# starts low went on from an earlier stage. The model's card in `model/` has the details.

# %% tags=["figure"]
import json

from htr_utils.paths import repo_root

root = repo_root()
stored = root / "model" / "course.history.json" if root else None
published = json.loads(stored.read_text(encoding="utf-8")) if stored and stored.is_file() else []
blank_stage = history[-1]["blank_rate"] > 0.9
plots.curves(
    history, published, facts=f"blank stage at the end of the short training: {blank_stage}"
)

# %% [markdown]
# To go on for longer, run this chapter with other parameters: `papermill 07_training.ipynb out.ipynb -p epochs 40
# -p lines 1700 -p batch 16`, or use `htr train`, which does the same from the command line.
#
# ## Stop and resume
#
# Users lose days to a training that "goes on" with a fresh optimiser. AdamW remembers a mean and a spread for every
# weight; forget them, and the first new steps are wild. A [**checkpoint**](../docs/glossary.md#checkpoint)
# therefore holds weights, optimiser, average, random states and the count of steps, and every random draw follows
# from (seed, epoch, line). So an interrupted training must equal an unbroken one.


# %%
import tempfile

folder = tempfile.TemporaryDirectory(dir=".")
told = training.Settings(epochs=2, batch=10, rate=1e-2, warmup=2, ema=0.9, seed=run.seed)
small = dataset.Batches(dataset.FileLines(narrow[:20], tiny.preparation), labels, 10, seed=run.seed)
trainer = training.Trainer(
    fresh(), tiny, charset, small, told, folder=folder.name, say=lambda line: None
)
trainer.run_epoch()
trainer.checkpoint()
trainer.run_epoch()
unbroken = [average.numpy() for average in trainer.ema]

# %% [markdown]
# Now go back to the checkpoint, as a new process would, and train the second epoch again. Anything that the checkpoint
# forgot would still be as it was at the end, and show.

# %%
trainer.resume()
folder.cleanup()
print(
    "after epoch",
    trainer.epoch,
    "the weights differ:",
    not np.allclose(unbroken[-1], trainer.ema[-1]),
)
trainer.run_epoch()
apart = max(np.abs(a - b.numpy()).max() for a, b in zip(unbroken, trainer.ema, strict=True))
print(
    "after epoch",
    trainer.epoch,
    "the largest difference of a weight is below 1e-5:",
    bool(apart < 1e-5),
)

# %% [markdown]
# ## What goes wrong
#
# ### 1. The loss is infinite
#
# One line whose text does not fit its frames has an infinite loss (chapter 6), and the mean of the batch is infinite
# with it. Here the picture of one line is squeezed to an eighth of its width on purpose, as a wrong resizing would do.

# %%
widths = np.array([ink.shape[1] for ink, _ in pairs])  # columns
widths[1] //= 8  # squeezed
enough = models.frames(widths, tiny)
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
# Your own loop on the ten lines, with two rates, and once more without warm-up and clipping. The losses are drawn
# on a logarithmic axis; where a curve has gaps or ends early, the loss was infinite.

# %% tags=["figure"]
care, careless = "0.25", "0.25, no warm-up,\nno clipping"
tried = {"0.01": losses[:30]}
tried[care] = next(learn(0.25, 30))
tried[careless] = next(learn(0.25, 30, warmup=1, longest=1e9))
fell, rose = tried[care][-1] < 0.8 * losses[0], np.nanmax(tried[careless]) > 1.2 * losses[0]
plots.compare(tried, facts=f"with care the loss fell: {fell}; without it rose: {rose}")

# %% [markdown]
# Warm-up and clipping keep the large rate from blowing up, but they do not make it learn: after its first steps the
# loss goes up and down where the blanks are. When a loss climbs, jumps or becomes infinite after it was finite, divide
# the rate by three first.
#
# ### 3. Ink of another scale
#
# The reference system's network gets raw grey levels from 0 to 255. Any scale can be trained, but reading must use
# the *same* one, and nothing complains when it does not: chapter 2 shows what comes out. That is why a model file of
# this course carries its preparation, and every door (training, notebook, command line, web page) calls the one
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
# (`narrow[-10:]`), run the chapter again, and compare: do short lines leave the blank stage sooner?


# %% tags=["exercise"]
def letters_come(rates: list[float], limit: float = 0.9) -> int:
    """The step at which the blank stage ends, or -1."""
    # SOLUTION
    top = int(np.argmax(rates))
    return next((step for step in range(top + 1, len(rates)) if rates[step] < limit), -1)
    # END


# %% tags=["check"]
check("07.4", letters_come)

# %% [markdown]
# ## Exercise 7.5 · Is it switched on? *(10 minutes)*
# The reference system has a switch for augmentation that was never connected: the flag was read, and not passed on.
# Nothing fails; the network only reads worse. Write the test that finds it: `draw(index, epoch)` gives the ink of a
# training line. Say whether augmentation is on. It may leave *some* pictures as they are, by chance.


# %% tags=["exercise"]
def augmented(draw, lines: int) -> bool:
    """Whether any of `lines` lines looks different in another epoch."""
    # SOLUTION
    pairs = [(draw(index, 0), draw(index, 1)) for index in range(lines)]
    return any(not np.array_equal(one, other) for one, other in pairs)
    # END


# %% tags=["check"]
check("07.5", augmented)

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
# whether ten lines can be learned by heart.</details>
#
# **2. Why are the averaged weights saved, and not the last ones?**
# <details><summary>Answer</summary>The last weights carry the jitter of the last batches. The average has most of it
# removed, and usually reads a little better.</details>
#
# **3. Ten lines are learned by heart perfectly. What do you know about the CER on new lines?**
# <details><summary>Answer</summary>Nothing. You know that pictures, labels, loss and gradient fit together. Only lines
# by writers whom the training never saw tell how well it reads.</details>
#
# ## Further reading
#
# - Loshchilov, Hutter: [*Decoupled Weight Decay Regularization*](../docs/bibliography.md#loshchilov-2019), ICLR
#   2019, arXiv:1711.05101 (AdamW), and [*SGDR*](../docs/bibliography.md#loshchilov-2017),   ICLR 2017,
#   arXiv:1608.03983 (cosine).
# - Pascanu, Mikolov, Bengio: [*On the difficulty of training recurrent neural
#   networks*](../docs/bibliography.md#pascanu-2013), ICML 2013, arXiv:1211.5063.
# - Retsinas et al.: [*Best Practices for a Handwritten Text Recognition
#   System*](../docs/bibliography.md#retsinas-2022), DAS 2022, arXiv:2404.11339.
#
# Next: [8 · Decoding](08_decoding.ipynb), which gets more out of the same network's answers.
