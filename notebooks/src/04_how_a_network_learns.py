# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 4 · How a network learns
#
# After this chapter you can compute what a network answers, how wrong it is and how each of its numbers must change,
# first by hand in NumPy and then with Keras; and you can tell learning from remembering.
#
# *45 minutes to read, 50 for the exercises. Needs only the package.*
#
# You will
#
# - train a detector of strokes with ten lines of NumPy, and see what it has found out;
# - compare too small a step with too large a one, one layer with two, and gradient descent with Adam;
# - watch a network remember its examples, and stop it in time.
#
# Chapter 0 trained a network of 82,199 numbers and did not say how. Here is the same with 150 numbers, slowly. The
# question is smaller, too: a patch of 7 x 7 pixels from a handwritten word, ink in its middle. **Does the stroke run
# upright, level, or neither?** You see that at a glance. How would you tell a computer?

# %% tags=["parameters"]
examples: int = 3000  # patches to learn from (90 to 6000)
steps: int = 300  # steps of gradient descent (20 to 5000)
rate: float = 1.0  # how far each step goes (0.001 to 100)
few: int = 60  # patches of the experiment in which a network remembers (15 to 600)
seed: int = 0  # of the first weights and of the choice of patches

# %%
from htr_utils.course.parameters import validate

run = validate(
    examples=(examples, "int", 90, 6000),
    steps=(steps, "int", 20, 5000),
    rate=(rate, "float", 0.001, 100),
    few=(few, "int", 15, 600),
    seed=(seed, "int", 0, None),
)

# %% [markdown]
# `strokes.patches` cuts patches out of the words of chapter 0. A rule that sees more of the word than the patch says
# which kind each is. The patches to learn from come from the words to learn from, those to judge by from unseen words.

# %% tags=["figure"]
import numpy as np

from htr_utils.course import strokes
from htr_utils.course.plots import learning as plots

learnt_from = strokes.patches("train", run.examples, run.seed)
unseen = strokes.patches("validation", 1100)
plots.patches(unseen.pixels, unseen.kinds, strokes.KINDS)

# %% [markdown]
# ## 1 · Weights and logits
#
# The simplest network asks one question for each kind: lay a pattern of 7 x 7 [*weights*](../docs/glossary.md#weight)
# over the patch, multiply each weight with the pixel below it, add everything up. The sum is called a
# [*logit*](../docs/glossary.md#logit): the higher, the more the patch looks like this kind. In symbols, with the patch
# written as a row $x$ of 49 numbers, weights $W$ (49 rows, 3 columns) and a constant $b$ for each kind: $z = xW + b$.
#
# Nobody knows good weights yet. So they are drawn at random, and small.

# %%
rng = np.random.default_rng(run.seed)
x = learnt_from.pixels.reshape(-1, 49)  # (patches, pixels)
truth = learnt_from.kinds  # (patches,): 0, 1 or 2
weights, constants = rng.normal(0, 0.1, (49, 3)), np.zeros(3)
logits = x @ weights + constants  # (patches, kinds)
print("logits of the first patch:", logits[0].round(2), "-> it looks most", strokes.KINDS[logits[0].argmax()])
print(f"right on {100 * (logits.argmax(1) == truth).mean():.0f} % of the patches; chance is 33 %")

# %% [markdown]
# ## 2 · From logits to a loss
#
# To learn, you need a number that says *how* wrong the network is. First, logits become probabilities:
# [*softmax*](../docs/glossary.md#softmax) takes $e$ to the power of each and divides by their sum,
# $p_k = e^{z_k} / \sum_j e^{z_j}$. Logits 2, 1, 0 become 0.67, 0.24, 0.09: all positive, together 1.
#
# Then the [*loss*](../docs/glossary.md#loss) of a patch is $-\log p$ of its true kind. Sure and right ($p = 0.99$) costs
# 0.01. A shrug ($p = 1/3$) costs 1.10. Sure and wrong ($p = 0.01$) costs 4.6. The loss of a network is the mean over
# the patches.


# %%
def softmax(z):  # (patches, kinds) -> probabilities of the same shape
    powers = np.exp(z - z.max(axis=1, keepdims=True))  # the largest becomes 0: no overflow
    return powers / powers.sum(axis=1, keepdims=True)


def loss_of(weights, constants):
    p = softmax(x @ weights + constants)
    return -np.log(p[np.arange(len(x)), truth]).mean()


print(softmax(np.array([[2.0, 1.0, 0.0]])).round(2))
print(f"loss at the start: {loss_of(weights, constants):.2f}; of a shrug: {np.log(3):.2f}")

# %% [markdown]
# Remember the shrug, $\log 3$ for three kinds, $\log 80$ for 80 characters. A network that has not begun to learn
# should stand near it. If it stays there, something is broken. You see such a case below.
#
# ## 3 · Which way is down?
#
# Take one weight, the middle one of "upright". Make it a little larger and look what the loss does.

# %%
nudged = weights.copy()
nudged[24, 0] += 0.001
slope = (loss_of(nudged, constants) - loss_of(weights, constants)) / 0.001
print(f"the loss changes by {slope:.4f} for each unit of this weight")

# %% [markdown]
# A negative slope says: larger is better here. Such a slope for every weight is the
# [*gradient*](../docs/glossary.md#gradient). You could nudge all 150 numbers one by one. For 82,199 numbers that would
# take days, and there is a better way: differentiate. For softmax and $-\log p$ together the result is short. The slope
# for a logit is *what the network said minus the truth*, $p_k - y_k$, where $y_k$ is 1 for the true kind and else 0. A
# weight gets the sum of that over all patches, each multiplied by the pixel below the weight.


# %%
def gradient(weights, constants):  # -> the slopes of the loss, shaped like both
    error = softmax(x @ weights + constants) - np.eye(3)[truth]  # said minus true
    return x.T @ error / len(x), error.mean(axis=0)


slopes, _ = gradient(weights, constants)
print(f"by nudging {slope:.4f}, by the formula {slopes[24, 0]:.4f}")

# %% [markdown]
# The two agree. To carry slopes back through many layers this way, one rule after the other, is called
# [*backpropagation*](../docs/glossary.md#backpropagation); libraries do it for you.
#
# ## 4 · Ten lines that learn
#
# [*Gradient descent*](../docs/glossary.md#gradient-descent): go a step against the slope, again and again. How far, says
# the [*learning rate*](../docs/glossary.md#learning-rate).


# %%
def descend(rate, steps):
    rng = np.random.default_rng(run.seed)
    weights, constants, losses = rng.normal(0, 0.1, (49, 3)), np.zeros(3), []
    for _ in range(steps):
        losses.append(loss_of(weights, constants))
        by_weight, by_constant = gradient(weights, constants)
        weights = weights - rate * by_weight
        constants = constants - rate * by_constant
    return weights, constants, losses


learned, offsets, losses = descend(run.rate, run.steps)
said = (unseen.pixels.reshape(-1, 49) @ learned + offsets).argmax(axis=1)
right = 100 * (said == unseen.kinds).mean()
print(f"loss {losses[0]:.2f} -> {losses[-1]:.2f}; right on {right:.0f} % of the unseen patches")

# %% [markdown]
# Nobody told it what a stroke is. Look at what it found: the weights of each kind as a picture, red where ink speaks
# for the kind, blue where ink speaks against it. This figure is drawn in the open, for you to take along.

# %% tags=["figure"]
import matplotlib.pyplot as plt

from htr_utils.course.plots import base

drawing, axes = plt.subplots(1, 3, figsize=(7, 2.4), layout="constrained")
most = np.abs(learned).max()
for axis, kind, pattern in zip(axes, strokes.KINDS, learned.T, strict=True):
    shown = axis.imshow(pattern.reshape(7, 7), cmap="RdBu_r", vmin=-most, vmax=most)
    axis.set_title(kind)
    axis.axis("off")
drawing.colorbar(shown, ax=axes, label="weight")
base.show(
    drawing,
    alt="Three patterns of 7 x 7 weights: a red upright bar between blue sides, a red level bar between blue bands, "
    "and a mixed one.",
    facts="49 weights a kind",
)

# %% [markdown]
# "Upright" has become a bar of red with blue on both sides: ink in the middle column, none beside it. That is the
# stroke detector that the chapter on CNN features starts from. There it is called a kernel and slides over the whole
# line; here it was learnt.
#
# ## 5 · The rate
#
# The slope is true for a tiny step only. How far may you go?

# %% tags=["figure"]
rates = (0.01, 0.3, 1.0, 3.0)
curves = {f"rate {one:g}": descend(one, run.steps)[2] for one in rates}
plots.descents(curves, shrug=float(np.log(3)))

# %% [markdown]
# Too low a rate creeps. Too high a rate jumps over the valley to a worse place on the other side, and the next slope is
# steeper still. The best rate lies below the highest that still works; to find it, try a few, a factor of three apart.
# That is not cheating, as long as the *unseen* patches do not take part in the choice.
#
# ## 6 · The same with Keras, and a hidden layer
#
# A library keeps the weights, finds the slopes and goes the steps. The same network is one
# [*dense*](../docs/glossary.md#dense) layer. With the same first weights it has to arrive at the same numbers.

# %%
import keras
from keras import layers


def network(*hidden, drop=0.0):  # sizes of the layers between pixels and logits
    stack = [keras.Input((49,))]
    for size in hidden:
        stack += [layers.Dense(size, activation="relu"), layers.Dropout(drop)]
    return keras.Sequential([*stack, layers.Dense(3)])


plain = network()
plain.layers[-1].set_weights([weights, constants])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
plain.compile(keras.optimizers.SGD(run.rate), loss)
plain.fit(x, truth, batch_size=len(x), epochs=20, verbose=0)
apart = np.abs(plain.layers[-1].get_weights()[0] - descend(run.rate, 20)[0]).max()
print(f"after 20 steps ours and Keras' weights differ by less than {max(1e-4, apart):.4f}")

# %% [markdown]
# One pattern a kind cannot say "neither": a slanted stroke may lean either way, and the sum of two patterns is a blur.
# Put a layer in between. Each of its numbers is a pattern of its own; negative answers become zero
# ([*ReLU*](../docs/glossary.md#relu)), or two layers in a row would be no more than one. The patches now come in
# [*batches*](../docs/glossary.md#batch) of 64; once through all of them is an [*epoch*](../docs/glossary.md#epoch).

# %%
judged_by = (unseen.pixels.reshape(-1, 49), unseen.kinds)


def trained(model, x, truth, epochs, optimiser):
    keras.utils.set_random_seed(run.seed)
    for layer in model.layers:  # weights from this seed, whatever ran before
        if layer.weights:
            layer.set_weights([rng.normal(0, 0.14, w.shape) if w.ndim > 1 else np.zeros(w.shape) for w in layer.get_weights()])
    model.compile(optimiser, loss, metrics=["accuracy"])
    return model.fit(x, truth, 64, epochs, verbose=0, validation_data=judged_by).history


for hidden in ((), (16,), (64,)):
    history = trained(network(*hidden), x, truth, 20, keras.optimizers.Adam(0.01))
    print(f"hidden {str(hidden):6}: right on {100 * history['val_accuracy'][-1]:.0f} % of the unseen")

# %% [markdown]
# ## 7 · What goes wrong: remembering instead of learning
#
# Now give a network of 64 hidden numbers only a few patches, and let it look at them often.

# %% tags=["figure"]
some = rng.permutation(len(x))[: run.few]
remembered = trained(network(64), x[some], truth[some], 150, keras.optimizers.Adam(0.003))
plots.two_losses(remembered["loss"], remembered["val_loss"])
best = int(np.argmin(remembered["val_loss"]))
for name, at in (("at the best epoch", best), ("at the last", -1)):
    seen, other = remembered["accuracy"][at], remembered["val_accuracy"][at]
    print(f"{name:18} right: {100 * seen:.0f} % of the {run.few}, {100 * other:.0f} % of the unseen")

# %% [markdown]
# The loss on its own patches goes to zero. The loss on unseen ones falls, turns, and rises: the network stops finding
# out what strokes have in common and begins to learn these patches by heart
# ([*over-fitting*](../docs/glossary.md#over-fitting)). Two cures are cheap:
#
# - [*early stopping*](../docs/glossary.md#early-stopping): keep the weights of the epoch in which the unseen ones did best;
# - [*dropout*](../docs/glossary.md#dropout): in each step, silence a random part of the hidden numbers, so that none can
#   rely on its neighbours (Srivastava and others, 2014). When reading, all speak.
#
# The third cure is dear and the best: more examples.

# %%
for name, count, drop in (("few", run.few, 0.0), ("few, dropout", run.few, 0.5), ("all", len(x), 0.0)):
    chosen = rng.permutation(len(x))[:count]
    history = trained(network(64, drop=drop), x[chosen], truth[chosen], 60, keras.optimizers.Adam(0.003))
    print(f"{name:13} lowest loss on the unseen {min(history['val_loss']):.2f}, last {history['val_loss'][-1]:.2f}")

# %% [markdown]
# Whoever picks the best epoch by the unseen patches has *used* them: the figure at that epoch flatters a little. So
# serious work has three parts. You learn from *training* lines, choose by *validation* lines, and report *test* lines,
# which nothing was chosen by.
#
# ## What goes wrong, second: a loss that stays at the shrug
#
# Shift the labels by one place, as a careless sort of a table does, and train as before.

# %%
shifted = trained(network(64), x, np.roll(truth, 1), 20, keras.optimizers.Adam(0.01))
print(f"loss {shifted['loss'][0]:.2f} -> {shifted['loss'][-1]:.2f}, on the unseen {shifted['val_loss'][-1]:.2f}; shrug {np.log(3):.2f}")

# %% [markdown]
# On the patches it falls a little: with enough weights a network learns even nonsense by heart. On the unseen it is
# *worse* than the shrug. No error message, no crash. Look at the loss on unseen lines first.
#
# ## 8 · Adam
#
# Gradient descent gives all weights one rate. Adam (Kingma and Ba, 2015) gives each its own: it keeps a running mean of
# its slope, $m$, and of its squared slope, $v$, and goes $\text{rate} \cdot m / \sqrt{v}$. A weight whose slope keeps
# its sign moves by about the rate, however small the slope is. So one rate suits many networks.

# %%
for name, optimiser in (("gradient descent", keras.optimizers.SGD), ("Adam", keras.optimizers.Adam)):
    row = []
    for factor in (1.0, 0.01):  # pixels as they are, and a hundred times fainter
        history = trained(network(16), factor * x, truth, 8, optimiser(0.01))
        row.append(f"{history['loss'][-1]:.2f}")
    print(f"{name:17} loss after 8 epochs: pixels 0 to 1 {row[0]}, pixels 0 to 0.01 {row[1]}")
