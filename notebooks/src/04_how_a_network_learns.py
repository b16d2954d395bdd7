# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 4 · How a network learns
#
# After this chapter you can compute what a network answers, how wrong it is and how each of its numbers must change,
# by hand in NumPy and with Keras; and you can tell learning from remembering.
#
# *40 minutes to read, 45 for the exercises. Needs only the package.*
#
# You will
#
# - train a detector of strokes with ten lines of NumPy, and see what it has found out;
# - compare rates that are too low and too high, one layer with two, and plain gradient descent with Adam;
# - watch a network remember its examples, and stop it in time.
#
# [Start here](00_start_here.ipynb) trained a network of 82,199 numbers and did not say how. Here is the same with 150
# numbers, slowly. The question is smaller, too: a patch of 7 x 7 pixels from a handwritten word, ink in its middle.
# **Does the stroke run upright, level, or neither?** Mostly you see it at a glance. How would you tell a computer?

# %% tags=["parameters"]
examples: int = 3000  # patches to learn from (90 to 6000)
steps: int = 300  # steps of the first detector (20 to 5000)
rate: float = 1.0  # how far each of them goes (0.001 to 10)
few: int = 60  # patches of the experiment in which a network remembers (15 to 600)
seed: int = 0  # of the first weights and of the choice of patches

# %%
from htr_utils.course.parameters import validate

run = validate(
    examples=(examples, "int", 90, 6000),
    steps=(steps, "int", 20, 5000),
    rate=(rate, "float", 0.001, 10),
    few=(few, "int", 15, 600),
    seed=(seed, "int", 0, None),
)

# %% [markdown]
# `strokes.patches` cuts patches out of the words of the first chapter. A rule that sees more of the word than the
# patch shows says which kind each is: it takes the slopes of the ink around the place, and calls it upright or level
# where their main direction is clear and within about 20 degrees of it. The patches to learn from come from the words
# to learn from, those to judge by from unseen words.

# %% tags=["figure"]
import numpy as np

from htr_utils.course import plots, strokes
from htr_utils.course.plots import learning

learnt_from = strokes.patches("train", run.examples, run.seed)
unseen = strokes.patches("validation", 1100)
learning.patches(unseen.pixels, unseen.kinds, strokes.KINDS)

# %% [markdown]
# ## Weights and logits
#
# The smallest network asks one question for each kind: lay a pattern of 7 x 7
# [**weights**](../docs/guide/glossary.md#weight) over the patch, multiply each weight with the pixel below it, and add
# everything up. The sum is called a [**logit**](../docs/guide/glossary.md#logit): the higher, the more the patch
# looks like this kind. In symbols, with the patch written as a row $x$ of 49 numbers, weights $W$ (49 rows, 3
# columns) and one constant $b$ for each kind: $z = xW + b$.
#
# Nobody knows good weights yet. So they are drawn at random, and small.

# %%
x, kinds = learnt_from.pixels.reshape(-1, 49), learnt_from.kinds  # (patches, 49), (patches,)
x_unseen, kinds_unseen = unseen.pixels.reshape(-1, 49), unseen.kinds


def right(logits, kinds):  # (patches, kinds) -> per cent of the patches
    return 100 * (logits.argmax(axis=1) == kinds).mean()


weights = np.random.default_rng(run.seed).normal(0, 0.1, (49, 3))
constants = np.zeros(3)
logits = x @ weights + constants  # (patches, 3)
print(f"right on {right(logits, kinds):.0f} % of the patches; chance is 33 %")

# %% [markdown]
# ## From logits to a loss
#
# To learn, you need a number that says *how* wrong the network is. First, logits become probabilities:
# [**softmax**](../docs/guide/glossary.md#softmax) takes $e$ to the power of each and divides by their sum,
# $p_k = e^{z_k} / \sum_j e^{z_j}$. Logits of 2, 1 and 0 become 0.67, 0.24 and 0.09: all positive, together 1.


# %%
def softmax(z):  # (patches, kinds) -> probabilities of the same shape
    powers = np.exp(z - z.max(axis=1, keepdims=True))  # the largest becomes 1: no overflow
    return powers / powers.sum(axis=1, keepdims=True)


print(softmax(np.array([[2.0, 1.0, 0.0]])).round(2))

# %% [markdown]
# Then the [**loss**](../docs/guide/glossary.md#loss) of a patch is $-\log p$ of its true kind; $\log$ is the natural
# logarithm here as everywhere in the course. Sure and right ($p = 0.99$) costs 0.01. A shrug ($p = 1/3$) costs 1.10.
# Sure and wrong ($p = 0.01$) costs 4.6. The loss of a network is the mean over the patches.


# %%
def loss(logits, kinds):
    return -np.log(softmax(logits)[np.arange(len(kinds)), kinds]).mean()


print(f"loss at the start {loss(logits, kinds):.2f}, of a shrug {np.log(3):.2f}")

# %% [markdown]
# Remember the shrug: $\log 3$ for three kinds, $\log 80$ for 80 of them. A network that has not begun to learn should
# stand near it. If it stays there, something is broken; you see such a case below. (The loss of
# [CTC loss](07_ctc_loss.ipynb) counts a whole line with its many decisions. There a shrug costs hundreds.)
#
# ## Which way is down?
#
# Take one weight, the middle one of "upright". Make it a little larger and look what the loss does.

# %%
nudged = weights.copy()
nudged[24, 0] += 0.001
slope = (loss(x @ nudged + constants, kinds) - loss(logits, kinds)) / 0.001
print(f"the loss changes by {slope:.4f} for each unit of this weight")

# %% [markdown]
# A negative slope says: larger is better here. Such a slope for every weight is the
# [**gradient**](../docs/guide/glossary.md#gradient). You could nudge all 150 numbers one by one. With 82,199 numbers
# you would have to run the network 82,199 times for one step. There is a better way: compute what a nudge does.
# Written out, the loss of a patch is $-\log p = -z_{\text{true}} + \log \sum_j e^{z_j}$. Raise one logit $z_k$ a
# little. The first part changes by -1 for each unit if $k$ is the true kind, else not at all. The second changes by
# the share of the sum that belongs to $k$, and that share is $p_k$. Together the slope for a logit is *what the
# network said minus the truth*, $p_k - y_k$, where $y_k$ is 1 for the true kind and else 0. A weight gets the mean of
# that over the patches, each multiplied by the pixel below the weight. Compare both ways for all the weights:


# %%
def gradient(weights, constants):  # -> the slopes of the loss, shaped like both
    error = softmax(x @ weights + constants) - np.eye(3)[kinds]  # said minus true
    return x.T @ error / len(x), error.mean(axis=0)


slopes, _ = gradient(weights, constants)
by_nudging = np.zeros_like(weights)
for place in np.ndindex(weights.shape):
    nudged = weights.copy()
    nudged[place] += 0.001
    by_nudging[place] = (loss(x @ nudged + constants, kinds) - loss(logits, kinds)) / 0.001
apart = np.abs(by_nudging - slopes).max()
print(
    f"the middle of upright: {slopes[24, 0]:.4f}; all {slopes.size} differ by less than {apart:.0e}"
)

# %% [markdown]
# ## Ten lines that learn
#
# [**Gradient descent**](../docs/guide/glossary.md#gradient-descent) goes a step against the slope, again and again.
# How far, says the [**learning rate**](../docs/guide/glossary.md#learning-rate).


# %%
def descend(rate, steps):
    now, offsets, losses = weights, constants, []
    for _ in range(steps):
        losses.append(loss(x @ now + offsets, kinds))
        by_weight, by_constant = gradient(now, offsets)
        now = now - rate * by_weight
        offsets = offsets - rate * by_constant
    return now, offsets, losses


learned, offsets, losses = descend(run.rate, run.steps)
one_layer = right(x_unseen @ learned + offsets, kinds_unseen)
print(f"loss {losses[0]:.2f} -> {losses[-1]:.2f}; right on {one_layer:.0f} % of the unseen patches")

# %% [markdown]
# Nobody gave it these patterns. Look at what it found: the weights of each kind as a picture, red where ink speaks
# for the kind, blue where ink speaks against it. This figure is drawn in the open, for you to take along.

# %% tags=["figure"]
import matplotlib.pyplot as plt

drawing, axes = plt.subplots(1, 3, figsize=(7, 2.4), layout="constrained")
most = np.abs(learned).max()
for axis, kind, pattern in zip(axes, strokes.KINDS, learned.T, strict=True):
    shown = axis.imshow(pattern.reshape(7, 7), cmap="RdBu_r", vmin=-most, vmax=most)
    axis.set_title(kind)
    axis.axis("off")
drawing.colorbar(shown, ax=axes, label="weight")
plots.show(
    drawing,
    alt="Three patterns of 7 x 7 learned weights side by side, one for each kind of stroke, red where ink speaks for "
    "the kind and blue where ink speaks against it.",
    facts="49 weights a kind",
)

# %% [markdown]
# For "upright", ink above and below the middle speaks for the kind, and ink on the left and right of it against.
# "Level" is the same lying down. The middle pixel always holds ink, so its weights act like three more constants:
# leave that pixel out, and about as many patches are right.
#
# Now slide the patterns over whole words that it has never seen, and colour each pixel of ink by the kind that wins.

# %% tags=["figure"]
from htr_utils.course import first_network

ink = first_network.glue(first_network.words("validation"), (0, 1, 2, 3))[0] / 255
windows = np.lib.stride_tricks.sliding_window_view(np.pad(ink, 3), (7, 7))
sums = windows.reshape(-1, 49) @ learned + offsets  # (rows * columns, kinds)
learning.coloured(ink, sums.argmax(axis=1).reshape(ink.shape), strokes.KINDS)

# %% [markdown]
# The stems of `p`, `h` and `t` are upright, bars and the tops of bows level. That is a *stroke detector*, and it was
# learnt. [CNN features](05_cnn_features.ipynb) starts from such patterns. It
# calls them kernels, makes them by hand first, and stacks seven layers of them.
#
# ## The rate
#
# The slope is true for a tiny step only. How far may you go?

# %% tags=["figure"]
rates = (0.01, 0.1, 1.0, 3.0)
learning.descents({one: descend(one, run.steps)[2] for one in rates}, shrug=float(np.log(3)))

# %% [markdown]
# Too low a rate creeps. Too high a rate jumps over the valley, back and forth, and may end anywhere. The best one lies
# near the lowest that jumps. To find it, try a few, a factor of three apart.
#
# ## A hidden layer
#
# One pattern a kind cannot say "neither" well: a slanted stroke may lean either way, and the sum of two patterns is a
# blur. Put a layer in between. Each of its numbers comes from a pattern of its own, and negative ones become zero
# ([**ReLU**](../docs/guide/glossary.md#relu); without it, two layers in a row could do no more than one). A layer in
# which every number sees all numbers before it is called [**dense**](../docs/guide/glossary.md#dense-layer).
#
# The first weights are random, with a spread of one over the root of the inputs, so that a sum of many is about as
# large as one of them ([LeCun 1998](../docs/guide/bibliography.md#lecun-1998)).


# %%
def fresh(hidden, scale=1.0):  # -> weights and constants of two layers
    chance = np.random.default_rng(run.seed)
    first = scale * chance.normal(0, 49**-0.5, (49, hidden))
    second = scale * chance.normal(0, hidden**-0.5, (hidden, 3))
    return [first, np.zeros(hidden), second, np.zeros(3)]


# %%
def answer(net, x):  # -> hidden numbers (patches, hidden), logits (patches, 3)
    hidden = np.maximum(0, x @ net[0] + net[1])
    return hidden, hidden @ net[2] + net[3]


# %% [markdown]
# How does a weight of the *first* layer learn? It is two layers away from the error. Hand the error back: a hidden
# number gets from each logit the slope there, times the weight between them, summed up. Where ReLU gave zero, nothing
# comes back. From there on it goes as before: times the pixel. To carry slopes back through the layers like this is
# called [**backpropagation**](../docs/guide/glossary.md#backpropagation)
# ([Rumelhart 1986](../docs/guide/bibliography.md#rumelhart-1986)).


# %%
def backward(net, x, kinds):  # -> slopes, shaped like the weights and constants of `net`
    hidden, logits = answer(net, x)
    error = (softmax(logits) - np.eye(3)[kinds]) / len(x)
    back = error @ net[2].T * (hidden > 0)  # (patches, hidden)
    return [x.T @ back, back.sum(axis=0), hidden.T @ error, error.sum(axis=0)]


net, nudged = fresh(16), fresh(16)
nudged[0][24, 12] += 0.0001
slope = (loss(answer(nudged, x)[1], kinds) - loss(answer(net, x)[1], kinds)) / 0.0001
print(f"by nudging {slope:.4f}, by the formula {backward(net, x, kinds)[0][24, 12]:.4f}")

# %% [markdown]
# One thing more. So far each step looked at all 3,000 patches. A slope from 64 of them, drawn at random, is nearly as
# good at first, good enough later, and takes about a fiftieth of the work. Such a handful is a
# [**batch**](../docs/guide/glossary.md#batch). (You meet `drop` and `scale` below.)


# %%
def learn(x, kinds, hidden=64, steps=2000, rate=0.3, drop=0.0, scale=1.0):
    net, chance, history = fresh(hidden, scale), np.random.default_rng(run.seed), []
    for number in range(steps + 1):
        if number % 50 == 0:  # look at the patches to learn from, and at the unseen ones
            both = (x, kinds), (x_unseen, kinds_unseen)
            history.append([loss(answer(net, pixels)[1], true) for pixels, true in both])
        batch = chance.choice(len(x), min(64, len(x)), replace=False)
        inputs = x[batch] * (chance.random((len(batch), 49)) >= drop) / (1 - drop)
        for values, slope in zip(net, backward(net, inputs, kinds[batch]), strict=True):
            values -= rate * slope
    return net, np.array(history)  # (looks, 2)


# %% [markdown]
# And what does the hidden layer bring?

# %%
print(f"no hidden layer: right on {one_layer:.0f} % of the unseen patches")
for hidden in (4, 16, 64):
    net, history = learn(x, kinds, hidden)
    share = right(answer(net, x_unseen)[1], kinds_unseen)
    print(f"{hidden:2} hidden numbers: right on {share:.0f} %, loss {history[-1, 1]:.2f}")

# %% [markdown]
# ## What goes wrong: remembering instead of learning
#
# Now give the network of 64 hidden numbers only a few patches, and let it look at them again and again.

# %% tags=["figure"]
some, true = x[: run.few], kinds[: run.few]
net, history = learn(some, true, rate=0.1)
learning.two_losses(history, every=50)
of_some, of_unseen = (
    right(answer(net, p)[1], k) for p, k in ((some, true), (x_unseen, kinds_unseen))
)
print(f"at the end right on {of_some:.0f} % of the {run.few}, on {of_unseen:.0f} % of the unseen")

# %% [markdown]
# The loss on its own patches goes to zero. The loss on unseen ones falls, turns, and rises: the network stops finding
# out what strokes have in common and learns these patches by heart
# ([**over-fitting**](../docs/guide/glossary.md#overfitting)). Three cures:
#
# - [**early stopping**](../docs/guide/glossary.md#early-stopping): keep the weights of the moment in which the unseen
#   ones did best;
# - [**dropout**](../docs/guide/glossary.md#dropout): in each step, silence a random part of the numbers, so that none
#   can rely on the others ([Srivastava 2014](../docs/guide/bibliography.md#srivastava-2014)). Here it is three in ten
#   *pixels*; what is left is made larger by 1 / (1 - 0.3), so that the sums keep their size. When the network is used,
#   all speak;
# - more examples: the dearest cure, and the best.

# %%
print("loss on the unseen   lowest   last")
for name, patches, drop in (
    ("few", run.few, 0.0),
    ("few, dropout", run.few, 0.3),
    ("all", None, 0.0),
):
    _, history = learn(x[:patches], kinds[:patches], rate=0.1, drop=drop)
    print(f"{name:20} {history[:, 1].min():6.2f} {history[-1, 1]:6.2f}")

# %% [markdown]
# Dropout is no magic: its usual place are the *hidden* numbers, and here it pays on the pixels. What helps has to be
# tried, on unseen patches.
#
# And whoever picks the best moment by the unseen patches has *used* them: the loss at that moment flatters a little.
# So serious work has three parts. You learn from *training* lines, choose by
# [**validation**](../docs/guide/glossary.md#validation) lines, and report *test* lines, by which nothing was chosen.
#
# ## What goes wrong: a loss that stays at the shrug
#
# Two more mistakes, without any error message. In one, a careless sort moved the labels by one row. In the other, all
# first weights are zero.

# %%
print("loss of                  start   last   last, unseen")
shifted = np.roll(kinds, 1)
for name, labels, scale in (
    ("all well", kinds, 1),
    ("labels moved", shifted, 1),
    ("weights zero", kinds, 0),
):
    _, history = learn(x, labels, rate=0.1, scale=scale)
    print(f"{name:23} {history[0, 0]:6.2f} {history[-1, 0]:6.2f} {history[-1, 1]:6.2f}")

# %% [markdown]
# With moved labels the loss falls a little, by heart, and on the unseen it stays worse than a shrug. With zero
# weights every hidden number is zero, so no slope reaches any weight: it stays at 1.10 for ever. Look at the loss of
# *unseen* lines first.
#
# ## The same with Keras, and Adam
#
# A library keeps the weights, finds the slopes and goes the steps. With the same first weights it has to arrive at the
# same numbers.

# %%
import keras
from keras import layers

ours = fresh(64)
for _ in range(20):
    ours = [v - 0.3 * s for v, s in zip(ours, backward(ours, x, kinds), strict=True)]

stack = [layers.Dense(64, activation="relu"), layers.Dense(3)]
model = keras.Sequential([keras.Input((49,)), *stack])
model.set_weights(fresh(64))
from_logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.3), from_logits)
model.fit(x, kinds, batch_size=len(x), epochs=20, verbose=0)
apart = max(np.abs(a - b).max() for a, b in zip(ours, model.get_weights(), strict=True))
print(f"after 20 steps our weights and those of Keras differ by {apart:.3f} at most")

# %% [markdown]
# From here on the course lets Keras do this work.
#
# Gradient descent gives all weights one rate. **Adam** ([Kingma 2015](../docs/guide/bibliography.md#kingma-2015))
# keeps two running means for each weight, of its slope $g$ and of the slope's square:
#
# $$m \leftarrow 0.9\,m + 0.1\,g \qquad v \leftarrow 0.999\,v + 0.001\,g^2 \qquad w \leftarrow w - \text{rate} \cdot
# \frac{m / (1 - 0.9^t)}{\sqrt{v / (1 - 0.999^t)} + \epsilon}$$
#
# Both means start at 0 and would be too small in the first steps; the divisions by $1 - 0.9^t$ and $1 - 0.999^t$ at
# step $t$ mend that. In numbers: a slope that is always 0.004 gives $m = 0.004$ and $\sqrt v = 0.004$, so the weight
# moves by the rate. A slope that is always 4 moves it by the rate, too. So one rate suits many networks. Try it on
# pixels that are a hundred times fainter, which makes the slopes of both layers' weights about as much smaller. Once
# through all patches is an [**epoch**](../docs/guide/glossary.md#epoch).

# %% tags=["nbval-ignore-output"]
for name, optimiser, step in (
    ("descent", keras.optimizers.SGD, 0.3),
    ("Adam", keras.optimizers.Adam, 0.01),
):
    for strength in (1.0, 0.01):
        keras.utils.set_random_seed(run.seed)
        model.set_weights(fresh(64))
        model.compile(optimiser(step), from_logits)
        history = model.fit(strength * x, kinds, batch_size=64, epochs=6, verbose=0).history
        print(f"{name:8} pixels up to {strength:4}: loss {history['loss'][-1]:.2f} after 6 epochs")

# %% [markdown]
# The rate at which gradient descent learns from strong pixels is lost on the faint ones: it stays at the shrug. Adam
# needs longer there, and learns at the rate that it had.

# %%
run.record(one_layer=one_layer, few_unseen=of_unseen, rate_loss=losses[-1])

# %% [markdown]
# ## Exercise 4.1 · Predict the first loss *(3 minutes)*
# Do not run anything. A network is to tell ten digits apart, all equally frequent, and has learnt nothing yet. Which
# loss do you expect? And of a task with two kinds, of which nine in ten patches are "paper" and one in ten "ink": what
# is the lowest loss that a network can reach *without looking*, if it says the same two probabilities every time?

# %% tags=["exercise"]
first_losses = [
    # of ten digits, then of paper and ink; two decimals
    # SOLUTION
    2.30, 0.33,
    # END
]  # fmt: skip

# %% tags=["check"]
from htr_utils.course.exercises import check

check("04.1", first_losses)

# %% [markdown]
# ## Exercise 4.2 · One weight, two layers, by hand *(8 minutes)*
# A network on paper. One pixel, $x = 0.5$. One hidden number, $h = \text{ReLU}(w x)$ with $w = 0.4$. Three logits:
# $h$ times 1, -1 and 0, each plus a constant. With these constants, which we keep from you, it answers with the
# probabilities 0.5, 0.3 and 0.2, and the true kind is the first.
# What is the slope of $w$? What is $w$ after one step with rate 0.5? And what would the slope be, with the same
# probabilities, if $w$ were -0.4?

# %% tags=["exercise"]
by_hand = [
    # the slope, the new weight, the slope at -0.4
    # SOLUTION
    -0.4, 0.6, 0.0,
    # END
]  # fmt: skip

# %% tags=["check"]
check("04.2", by_hand)

# %% [markdown]
# ## Exercise 4.3 · Pick the rate *(10 minutes)*
# `train(rate)` gives a list of losses. Return the rate whose training ends best. A training that jumps about may end
# low by luck, so compare the means of the last ten losses; and one that broke gives `nan` or `inf`, which must never
# win. Then measure: `pick_rate([0.01, 0.03, 0.1, 0.3, 1, 3, 10], lambda rate: descend(rate, 100)[2])`. Expect
# something between 0.3 and 1.


# %% tags=["exercise"]
def pick_rate(rates: list[float], train) -> float:
    """The rate with the lowest mean of the last ten losses."""
    # SOLUTION
    ends = {one: np.mean(train(one)[-10:]) for one in rates}
    return min((one for one in rates if np.isfinite(ends[one])), key=ends.get)
    # END


# %% tags=["check"]
check("04.3", pick_rate)

# %% [markdown]
# ## Exercise 4.4 · One step of Adam *(10 minutes)*
# Write the three formulas as a function, for arrays of any shape, with $\epsilon = 10^{-7}$ as in Keras. Change none
# of the arrays that you are given.


# %% tags=["exercise"]
def adam_step(weight, slope, m, v, t, rate):
    """The new weight, m and v after step t, which counts from 1."""
    # SOLUTION
    m = 0.9 * m + 0.1 * slope
    v = 0.999 * v + 0.001 * slope**2
    move = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
    return weight - rate * move, m, v
    # END


# %% tags=["check"]
check("04.4", adam_step)

# %% [markdown]
# ## Exercise 4.5 · Stop in time *(11 minutes)*
# You do not know the future: at each epoch you see the losses up to now. Stop when the loss on the validation lines
# has not got below its lowest value for `patience` epochs in a row, and keep the weights of the best epoch. Return
# that epoch, counted from 0. What comes after the stop must not count, however good it is.


# %% tags=["exercise"]
def keep_epoch(training: list[float], validation: list[float], patience: int) -> int:
    """The epoch whose weights are kept."""
    # SOLUTION
    best = 0
    for epoch, value in enumerate(validation):
        if value < validation[best]:
            best = epoch
        if epoch - best >= patience:
            break
    return best
    # END


# %% tags=["check"]
check("04.5", keep_epoch)

# %% [markdown]
# ## Summary
#
# A network multiplies its inputs with weights, adds up, and turns the logits into probabilities with a softmax. The
# loss, minus the logarithm of the true kind's probability, says how wrong it is; one that knows nothing stands at the
# shrug. The gradient says for each weight which way is down, backpropagation finds it layer by layer, and each step
# goes a little way against it: too little creeps, too much jumps. With few examples a network learns them by heart;
# only unseen ones show that, and early stopping, dropout and above all more examples help. Adam gives each weight a
# pace of its own.
#
# ## Quiz
#
# **1. A network names single letters, 80 kinds of them. After an hour its loss stands at 4.38. What do you conclude?**
#
# <details><summary>Answer</summary>
# It has learnt nothing: the logarithm of 80 is 4.38, the loss of a shrug. Look for first weights that are all zero, a
# rate that is far too low, or slopes that do not arrive.
# </details>
#
# **2. Training loss 0.02, validation loss 0.90 and rising. Would more epochs help? A larger network?**
#
# <details><summary>Answer</summary>
# Neither. It knows its examples by heart. Go back to the epoch with the lowest validation loss; then try more
# examples, [augmentation](02_images_and_augmentation.ipynb), or dropout.
# </details>
#
# **3. Why must the test lines not help to choose the rate?**
#
# <details><summary>Answer</summary>
# Of many rates some look good on these lines by luck, and you would pick one of them. The rate of errors that you
# then report is too low for any other lines.
# </details>
#
# ## Further reading
#
# - D. Rumelhart, G. Hinton and R. Williams, [*Learning representations by back-propagating
#   errors*](../docs/guide/bibliography.md#rumelhart-1986), 1986: four pages.
# - Y. LeCun, L. Bottou, G. Orr and K.-R. Müller, [*Efficient BackProp*](../docs/guide/bibliography.md#lecun-1998),
#   1998: first weights, rates, and much that still holds.
# - N. Srivastava and others, [*Dropout: a simple way to prevent neural networks from
#   overfitting*](../docs/guide/bibliography.md#srivastava-2014), 2014.
# - D. Kingma and J. Ba, [*Adam: a method for stochastic optimization*](../docs/guide/bibliography.md#kingma-2015),
#   2015: algorithm 1 is exercise 4.4.
#
# Next: [5 · CNN features](05_cnn_features.ipynb)
