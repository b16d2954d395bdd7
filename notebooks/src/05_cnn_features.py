# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 5 · CNN features: what the network sees
#
# After this chapter you can compute a convolution by hand, say what each of seven layers does to a line, and show
# that empty paper beside a line does not change how it is read.
#
# *45 minutes to read, 70 for the exercises. Needs only the package.*
#
# You will
#
# - write convolution, pooling and batch norm in NumPy and see that Keras computes the same numbers;
# - follow a line through seven layers, to 100 frames of 512 numbers, and measure what one frame sees of it;
# - make two mistakes on purpose that let a line's reading depend on what lies beside it, and mend both.
#
# A [*frame*](../docs/guide/glossary.md#frame) is one time step: a thin slice of the line about which the network
# says one thing. The network never sees a letter cut out; each frame is a
# list of numbers computed from pixels. **From which pixels, and how?**
#
# The parameters come first; the cell after them checks the values and reads the line. The embedded lines are
# rendered with handwriting fonts: they look like handwriting, and nobody's pen wrote them.

# %% tags=["parameters"]
data_root: str = ""  # folder in IAM layout; "" for the embedded data
my_image: str = ""  # a picture of your own, a line or a page; "" for a line of the test split
line_number: int = 1  # which line of the test split
model: str = "course"  # the trained model that is looked at: a name, or the path of a .keras file
extra_padding: int = 160  # columns of empty paper put behind the line
seed: int = 0  # random numbers of the examples

# %%
from htr_utils import Recognizer
from htr_utils.course import own
from htr_utils.course.parameters import validate
from htr_utils.lines import iam, images

run = validate(
    data_root=(data_root or None, "path"), my_image=(my_image or None, "path"),
    line_number=(line_number, "int", 0, None),
    model=(model, "text", 1, 400), extra_padding=(extra_padding, "int", 32, 4000), seed=(seed, "int", 0, None),
)  # fmt: skip
lines = iam.read(run.data_root).split("test")
grey = own.line(run.my_image) if run.my_image else lines[run.line_number % len(lines)].image()

# %% [markdown]
# `prepare` makes ink of grey levels (1 = ink, 0 = paper), scales the line to the model's height and keeps its
# width: [Images and augmentation](02_images_and_augmentation.ipynb) shows how. This is what the trained `course`
# model gets, and what it reads in it.

# %% tags=["figure"]
from htr_utils.course.plots import features as plots

recognizer = Recognizer.load(run.model)
course = recognizer.preset  # its blocks, its height, how many columns make a frame
ink = recognizer.prepare(grey).ink  # (height, width)
plots.read(ink, recognizer.read(grey, decoder="greedy").text)

# %% [markdown]
# ## 1 · A convolution by hand
#
# A [*kernel*](../docs/guide/glossary.md#kernel) is a small square of weights. Lay it on the picture, multiply each
# weight with the pixel below it, add up, write the sum down, move one pixel on. Weights -1, 2, -1 on pixels 0, 1, 0
# give 2; on 1, 1, 1 they give 0. The detector of strokes that [How a network learns](04_how_a_network_learns.ipynb)
# has found was such a kernel, for one patch. Here it slides over the whole line.
#
# A picture may have several numbers a place, its [*channels*](../docs/guide/glossary.md#channel), and a layer has many
# kernels, each as deep as the picture. With input $x$, weights $w$ and output channel $o$:
#
# $$ y_{r,c,o} = \sum_{k,m,i} w_{k,m,i,o} \; x_{r+k,\,c+m,\,i} $$
#
# At the border the picture is padded with zeros, so that as many places come out as went in.

# %%
import numpy as np


def convolve(x, kernels):  # (H, W, in), (k, k, in, out) -> (H, W, out)
    height, width, size = *x.shape[:2], len(kernels)
    padded = np.pad(x, ((size // 2, size // 2), (size // 2, size // 2), (0, 0)))
    places = np.ndindex(size, size)
    # The whole picture, moved, times the weights of one place of the kernel; @ sums over the channels in.
    return sum(padded[k : k + height, m : m + width] @ kernels[k, m] for k, m in places)


# %% [markdown]
# Cut out the first word.

# %%
inked = np.flatnonzero(ink.any(axis=0))  # columns with ink
gaps = np.flatnonzero(np.diff(inked) > 8)
end = int(inked[gaps[0]]) + 6 if len(gaps) else min(240, ink.shape[1])  # where the first word ends
word = ink[:, : max(end, 80)]

# %% [markdown]
# Two kernels made by hand: one wants ink in its middle *column* and none beside it, the other wants ink in
# its middle *row*.

# %% tags=["figure"]
upright = np.array([[-1, 2, -1]] * 3, np.float32)
two = np.stack([upright, upright.T], axis=-1)[:, :, None]  # (3, 3, 1, 2)
seen = convolve(word[:, :, None], two)  # (H, W, 2)
plots.responses(word, {"upright": seen[:, :, 0], "level": seen[:, :, 1]})

# %% [markdown]
# Red is a positive answer, blue a negative one. Notice three things. A kernel is a question, asked at every place:
# "is there an upright stroke here?" The answer is a picture again, a *feature map*. And a negative answer (blue)
# also says something: "the stroke is right beside me".
#
# Keras has the same operation as a layer, with weights in the same order. Do both agree, on three channels as well?

# %%
import keras

rng = np.random.default_rng(run.seed)
deep, more = rng.normal(size=(20, 30, 3)), rng.normal(size=(5, 5, 3, 4))
for name, x, kernels in (
    ("your two kernels", word[:, :, None], two),
    ("3 channels to 4", deep, more),
):
    layer = keras.layers.Conv2D(kernels.shape[-1], len(kernels), padding="same", use_bias=False)
    layer.build((None, None, None, x.shape[-1]))
    layer.set_weights([kernels])
    apart = np.abs(convolve(x, kernels) - np.asarray(layer(x[None]))[0]).max()
    print(f"{name}: yours and Keras's differ by at most {apart:.3f}")

# %% [markdown]
# Training finds kernels, many at once. Here are those of the trained network's first layer:

# %% tags=["figure"]
import matplotlib.pyplot as plt

from htr_utils.course.plots import base

trained = recognizer.model
weights = trained.get_layer("conv1").get_weights()[0]  # (rows, columns, in, out)
size, count, top = len(weights), weights.shape[-1], np.abs(weights).max()
drawing, axes = plt.subplots(int(np.ceil(count / 12)), 12, figsize=(9, 1.9), layout="constrained")
for number, axis in enumerate(axes.flat[:count]):
    shown = axis.imshow(weights[:, :, 0, number], cmap="RdBu_r", vmin=-top, vmax=top)
    axis.set_title(number + 1, fontsize=8)
    axis.axis("off")
drawing.colorbar(shown, ax=axes, label="weight")
base.show(
    drawing,
    alt=f"{count} small square kernels in red and blue; in most, weights of both colours lie side by side.",
    facts=f"{count} kernels of {size} x {size} weights",
)

# %% [markdown]
# Red weights want ink, blue ones want paper. Which of them are most like your two? A correlation of 1 means alike, of
# 0 nothing in common. But the best of many is never 0: what do as many kernels of random numbers reach?

# %%
for name, mine in (("upright", upright), ("level", upright.T)):
    wanted = np.pad(mine, (size - 3) // 2).ravel()
    alike = [np.corrcoef(wanted, weights[..., number].ravel())[0, 1] for number in range(count)]
    print(f"most like {name!r}: kernel {np.argmax(alike) + 1}, correlation {max(alike):.2f}")
luck = [max(np.corrcoef(wanted, some)[0, 1:]) for some in rng.normal(size=(100, count, size**2))]
print(f"best of {count} random ones, 90 of 100 trials:", np.quantile(luck, [0.05, 0.95]).round(2))

# %% [markdown]
# One kernel asks for upright strokes, a little more clearly than luck would; none asks for level ones. Most questions
# of a trained network have no name.
#
# ## 2 · ReLU and pooling
#
# Two small steps follow. *ReLU* turns negative answers into zero. *Max pooling* keeps the largest number of
# each little block: the question becomes "is there an upright stroke *somewhere near* here?", and the picture
# shrinks.


# %%
def max_pool(picture, rows, columns):  # (H, W) -> (H / rows, W / columns)
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    blocks = picture[: height * rows, : width * columns].reshape(height, rows, width, columns)
    return blocks.max(axis=(1, 3))


positive = np.maximum(seen[:, :, 0], 0)  # ReLU
pooled = max_pool(positive, 2, 1)
theirs = np.asarray(keras.layers.MaxPooling2D((2, 1))(positive[None, :, :, None]))[0, :, :, 0]
print(f"{positive.shape} rows and columns -> {pooled.shape}")
print("numbers in which your pooling and Keras differ:", (pooled != theirs).sum())

# %% [markdown]
# Pooling by 2 x 1 halves the rows and keeps the columns. That is the trick of line readers: the height must go
# down to one, while enough columns stay to become frames. A line of 800 columns with 25 frames could not spell
# 40 letters.
#
# How large is an output? A window of $k$ moved by $s$ (the *stride*) over $n$ places with $p$ zeros at each end stops
# at $\lfloor (n + 2p - k) / s \rfloor + 1$ places: 48 rows pooled by 2 ($k = s = 2$, $p = 0$) leave 24; a 3 x 3
# kernel ($s = 1$, $p = 1$) leaves all 48.
#
# ## 3 · Seven layers, one by one
#
# Now another network, untrained: the preset `reference`. (A *preset* is the plan of a network, a *model* its trained
# file.) It is that of the [reference system](../docs/guide/glossary.md#reference-system), which
# this course rebuilds. It takes a line fitted into 64 x 800 and has seven blocks of convolution, ReLU and, in some,
# pooling. One *multiply-accumulate* is one weight times one number, added to a sum. A convolution does, at each of
# rows x columns places, kernel² x channels in x channels out of them.
#
# ### Exercise 5.1 · A prediction *(2 minutes)*
#
# The kernels of blocks 1 and 2 are 5 x 5, those of blocks 3 to 7 are 3 x 3. The channels are
# 64, 128, 128, 256, 256, 512, 512. All but block 4 halve the rows at their end; blocks 1, 3 and 5 halve the columns
# as well. Which block, 1 to 7, does most work?

# %% tags=["exercise"]
guess = (
    # SOLUTION
    # Block 1 is the largest picture, but only one channel goes in; block 2 has 64 and 5 x 5 kernels.
    2
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("05.1", guess)

# %% [markdown]
# The function walks through the blocks with three numbers in hand: rows, columns, channels.


# %%
from htr_utils.network import models, training


def walk(chosen, columns):  # a preset -> each block: number, itself, size of its output, work
    rows, channels = chosen.preparation.height, 1
    for number, block in enumerate(chosen.blocks, 1):
        rows, columns = rows // block.stride, columns // block.stride
        work = rows * columns * block.kernel**2 * channels * block.channels
        rows, columns, channels = rows // block.pool[0], columns // block.pool[1], block.channels
        yield number, block, (rows, columns, channels), work


reference = models.preset("reference", stacked=False)  # as the reference system wires it
for number, block, (rows, columns, channels), work in walk(reference, 800):
    made = f"{rows:2} x {columns:3} x {channels:3}"
    print(
        f"block {number}: {block.kernel} x {block.kernel}, pool {block.pool} -> {made}, {work / 1e6:5,.0f} million"
    )
course_columns = 800 * course.preparation.height // 64  # as wide as 800 columns at 64 rows
total = models.macs(reference, recognizer.charset.classes)  # with all that follows the convolutions
ours = sum(work for *_, work in walk(course, course_columns))
print(
    f"reference, in all: {total / 1e6:,.0f} million; `{run.model}`, all its convolutions: {ours / 1e6:,.0f}"
)

# %% [markdown]
# The row of block 7 says 1 x 100 x 512: one row is left, so each of the 100 columns is a frame, and each frame is a
# list of 512 numbers, the [*feature sequence*](../docs/guide/glossary.md#feature-sequence). The LSTM layers of the
# next chapter read it.
#
# Block 2 alone takes more than a third of all the work: the picture is still large there *and* the channels are many
# already. The model `course` gets the same line with fewer rows and
# shrinks it before its channels become many: all its convolutions together cost less than that one block. Now send
# the first word through the seven blocks of the reference network (sizes do not depend on training).


# %% tags=["figure"]
def batch(inks, canvas):  # list of (height, w) -> the model's input, padded with paper
    stack = np.stack([images.pad_width(one, canvas) for one in inks])[..., None]
    return {"image": stack, "width": np.array([one.shape[1] for one in inks], np.int32)}


big = models.build(reference, recognizer.charset.classes)
fitted = images.prepare(grey, reference.preparation).ink  # (64, 800)
cut = min(800, round(word.shape[1] * np.flatnonzero(fitted.any(0))[-1] / ink.shape[1] / 8) * 8)
names = [f"{'relu' if b.pool == (1, 1) else 'pool'}{n}" for n, b in enumerate(reference.blocks, 1)]
seven = keras.Model(big.input, [big.get_layer(name).output for name in names])(batch([fitted], 800))
plots.layers(fitted[:, :cut], [np.asarray(one)[0, :, : cut * one.shape[2] // 800] for one in seven])

# %% [markdown]
# ## 4 · The receptive field
#
# In the last panel one row is left: a word has become a few frames. Back to the trained model `course`, for the rest
# of the chapter, and to the question: from which pixels is a frame computed? Walk *backwards*. A frame needs one
# column of the last feature map; a 3 x 3 convolution needs one column more on each side; a pooling by two needs both
# columns of each pair. What is left at the bottom is the [*receptive
# field*](../docs/guide/glossary.md#receptive-field).


# %%
def receptive_field(blocks, first, last):  # columns of the last map -> columns of the picture
    for block in reversed(blocks):
        step = block.pool[1]
        first, last = first * step, last * step + step - 1
        before = (block.kernel - block.stride) // 2  # how far the kernel reaches to the left
        first = first * block.stride - before
        last = last * block.stride - before + block.kernel - 1
    return first, last


frame = min(160, ink.shape[1] // 2) // course.frame_step
first, last = receptive_field(course.blocks, frame, frame)
print(f"frame {frame} of the trained network sees columns {first} to {last}")
print(f"that is {(last + 1 - first) / ink.shape[0]:.1f} times the height of the line")

# %% [markdown]
# From frame to frame this window slides along the line, 4 columns further each time in the `course` model. So a line
# that is moved by 4 columns should give the same frames, one place later. This is called *equivariance*: what moves in
# the picture moves in the answer, and nothing has to be learnt twice.

# %%
trunk = keras.Model(trained.input, trained.get_layer("column_max").output)
canvas = int(np.ceil(ink.shape[1] / 32)) * 32 + 32  # a multiple of 32


def frames_of(ink):  # -> (frames, channels)
    return np.asarray(trunk(batch([ink], canvas)))[0]


whole, end = frames_of(ink), ink.shape[1] // course.frame_step
for columns in (course.frame_step // 2, course.frame_step):
    late = frames_of(np.pad(ink, ((0, 0), (columns, 0))))
    later = columns // course.frame_step  # the first frames see the edge, so they are left out
    apart = np.abs(late[12 + later : end + later] - whole[12:end]).max(initial=0)
    print(f"moved by {columns} columns, compared {later} frames later: {apart:.1f} apart at most")

# %% [markdown]
# By a whole step nothing changes. By half a step much does: strides and pooling look at every fourth place only.
#
# Does each pixel of the window count alike? Ask for the gradient of a frame's numbers by the pixels: where it is
# large, a little ink changes much. Its size, added up over the rows and over several frames, is the *effective*
# receptive field ([Luo 2016](../docs/guide/bibliography.md#luo-2016)). A `GradientTape` writes down what is computed
# and gives the slopes. Random factors keep the frame's numbers from cancelling each other.

# %% tags=["figure"]
import tensorflow as tf

effect = np.zeros(last + 1 - first)
for number in range(frame, frame + 8):
    given = {name: tf.constant(values) for name, values in batch([ink], canvas).items()}
    with tf.GradientTape() as tape:
        tape.watch(given["image"])
        answer = tf.reduce_sum(trunk(given)[0, number] * rng.normal(size=whole.shape[1]))
    slopes = np.abs(tape.gradient(answer, given["image"]))[0, :, :, 0].sum(axis=0)  # (columns,)
    left = receptive_field(course.blocks, number, number)[0] + len(effect)
    effect += np.pad(slopes, len(effect))[left : left + len(effect)]
plots.effective(ink, first, effect / effect.sum(), frame)

# %% [markdown]
# The middle counts most, the ends hardly at all. Each end is reached by few of the ways from pixel to frame, the
# middle by many.
#
# One frame sees a few letters at most, and half of the effect comes from hardly more than one: enough to know strokes
# and most letters, too little to know the word. Whoever wants to know more must look further along the line, and that
# is the LSTM's task.
#
# ## 5 · What trained blocks make of a word
#
# Now look inside. Each row of the next figure shows, after one block (rows x columns x channels), the three channels
# that vary most over the first word.

# %% tags=["figure"]
outputs = [trained.get_layer(f"keep{number}").output for number in range(1, len(course.blocks) + 1)]
inside = keras.Model(trained.input, outputs)(batch([ink], canvas))
stretch = word.shape[1] // 16 * 16
shown = [np.asarray(one)[0, :, : stretch * one.shape[2] // canvas] for one in inside]
plots.maps(ink[:, :stretch], shown)

# %% [markdown]
# At the top you can still read the word: outlines, shadows. Further down, each map answers a question that has no
# name in English, at fewer and fewer places: look which letters make it bright. The last maps are only a few rows
# high, and the network takes the largest number of each column: `column_max`.
#
# ## 6 · What goes wrong, first: whose mean?
#
# Between convolution and ReLU stands one more step. [*Batch norm*](../docs/guide/glossary.md#batch-norm) keeps the
# numbers in each channel at a comfortable size: subtract a mean, divide by a standard deviation, then stretch and
# shift by two learned numbers, $\gamma$ and $\beta$:
#
# $$ y = \gamma \, \frac{x - \text{mean}}{\sqrt{\text{variance} + \varepsilon}} + \beta $$
#
# In training, mean and variance come from the batch at hand. Meanwhile the layer keeps a *moving* average of
# both, and reading uses that. Here is the first batch norm of the trained model, by hand.

# %%
norm = trained.get_layer("norm1")
gamma, beta, mean, variance = norm.get_weights()  # one number a channel each
x = trained.get_layer("conv1")(ink[None, :, : ink.shape[1] // 32 * 32, None])  # a batch of 1
by_hand = gamma * (x - mean) / np.sqrt(variance + norm.epsilon) + beta
apart = np.abs(by_hand - norm(x, training=False)).max()
print(f"by hand and by Keras, with moving statistics: they differ by at most {apart:.3f}")

# %% [markdown]
# The reference system has no moving statistics (and no $\gamma$ and $\beta$): also when it reads, it takes mean and
# variance over the lines of the batch, for each place and channel apart. So your line is read differently beside
# other neighbours; and a line alone in its batch is its own mean, so that nothing but zeros is left of it. You make a
# milder form of this mistake with a copy of the trained model (without dropout, so that nothing else is random): its
# batch norm in training mode, with mean and variance over all places of all lines. The same line is read beside three
# lines and beside three others, in both modes.

# %%
from dataclasses import replace

copy = models.build(replace(course, dropout=0.0), recognizer.charset.classes)
stored = {weight.path: weight for weight in trained.weights}
for weight in copy.weights:
    weight.assign(stored[weight.path])
quick = tf.function(copy)  # compiled: runs faster
others = [recognizer.prepare(line.image()).ink for line in lines[-6:]]
canvas = int(np.ceil(max(one.shape[1] for one in [ink, *others]) / 32)) * 32
frames = int(models.frames(np.array([ink.shape[1]]), recognizer.preset)[0])
beside_a, beside_b = batch([ink, *others[:3]], canvas), batch([ink, *others[3:]], canvas)

# %% [markdown]
# `frames` counts the frames that belong to your line. What the whole network says about a frame before it is turned
# into probabilities are its [*logits*](../docs/guide/glossary.md#logit).

# %% tags=["figure"]
from htr_utils.text import decoding

moved, texts = {}, []
for name, mode in (("batch statistics", True), ("moving statistics", False)):
    made = [
        quick(one, training=mode)["logits"].numpy()[:1, :frames] for one in (beside_a, beside_b)
    ]
    moved[name] = np.abs(made[0] - made[1]).max(axis=(0, 2))  # (frames,)
    for company, logits in zip(("three lines", "three others"), made, strict=True):
        best = decoding.greedy(training.log_softmax(logits), np.array([frames]))[0]
        texts.append(f"{name}, beside {company}: {recognizer.charset.decode(best.ids)}")
plots.changes(moved, "other neighbours", texts)

# %% [markdown]
# The dashed curve lies at the foot of the figure: nothing moves, but perhaps a last digit. The solid one is far
# above it. Compare the texts, too: a letter may change, sometimes even for the better, by luck. Of the first 24 test
# lines 6 are read differently beside these two companies; you cannot know which. A reader whose answer depends on the
# company cannot be tested. `Recognizer` therefore reads with moving statistics, always.
#
# ## 7 · What goes wrong, second: padding that is no longer nothing
#
# Lines of different width share a batch, so the shorter ones are padded with zeros: empty paper.
# Send zeros through the first batch norm: each comes out as $\beta - \gamma \,
# \text{mean} / \sqrt{\text{variance} + \varepsilon}$.

# %%
padding = np.maximum(beta - gamma * mean / np.sqrt(variance + norm.epsilon), 0)  # after ReLU
print(
    f"{np.count_nonzero(padding)} of {len(padding)} channels say something about empty padding,",
    end=" ",
)
print(f"up to {padding.max():.1f}; the largest answer to the line itself is {np.max(by_hand):.1f}")

# %% [markdown]
# A line that ends at the picture's edge has zeros beside it. A line with padding has *these* numbers, and from block
# to block the difference creeps on. The cure is a *width mask*: after each block, the columns right of the true width
# are set to zero again. The layers called `keep` and a number do that; the maps of section 5 were taken behind them.
#
# To see the mistake, lie about the width: say that the whole canvas is line. (`training.reader` is the compiled
# model: pictures and widths in, logits out.)


# %% tags=["figure"]
def logits_of(inks, canvas, masked=True):  # -> (frames, classes) of the first line
    made = batch(inks, canvas)
    if not masked:
        made["width"][:] = canvas
    return training.reader(trained)(made["image"], made["width"]).numpy()[0, :frames]


whole_steps = course.frame_step * course.joined  # columns of a step of the LSTM, which joins frames
tight = int(np.ceil(ink.shape[1] / whole_steps)) * whole_steps  # the line alone, rounded up
wide = canvas + run.extra_padding // 32 * 32
moved = {
    name: np.abs(logits_of([ink], tight, on) - logits_of([ink], wide, on)).max(axis=-1)
    for name, on in (("without the mask", False), ("with the mask", True))
}
plots.changes(moved, "more padding")

# %% [markdown]
# Convolutions could carry the change no further than half a receptive field to the left. But the solid curve does
# not even fade: the backward LSTM starts in the padding and carries what it found there to the first letter
# ([BLSTM](06_blstm.ipynb)).
#
# With the mask: alone, in a batch, with more padding, always the same logits.

# %%
alone = logits_of([ink], tight)
for name, inks, to in (("in a batch", [ink, *others], canvas), ("more padding", [ink], wide)):
    apart = np.abs(alone - logits_of(inks, to)).max()
    print(f"alone and {name}: logits differ by {apart:.3f} at most")
run.record(padding_moves={name: m.max() for name, m in moved.items()}, macs=total)

# %% [markdown]
# ## Exercises
#
# ### Exercise 5.2 · Counting parameters *(5 minutes)*
#
# Write how many numbers a convolution block stores. A convolution has kernel² x channels in x channels out
# weights. Without batch norm it also has one bias per channel out; with batch norm it has no bias, but four
# numbers per channel out ($\gamma$, $\beta$ and the two moving statistics). Block 1 of the reference network,
# `parameters(5, 1, 64, False)`, has 1,664.


# %% tags=["exercise"]
def parameters(kernel: int, channels_in: int, channels_out: int, norm: bool) -> int:
    """Numbers stored by one block."""
    # SOLUTION
    # A kernel is as deep as its input; batch norm's own shift makes a bias needless.
    return kernel**2 * channels_in * channels_out + (4 if norm else 1) * channels_out
    # END


# %% tags=["check"]
check("05.2", parameters)

# %% [markdown]
# ### Exercise 5.3 · The field, forwards *(15 minutes)*
#
# Compute the *width* of the receptive field, walking forwards. Keep two numbers:
# `field`, how many columns one place sees, and `jump`, how far apart in the picture two neighbouring places
# are. Both begin at 1. A window of n places, in convolution or pooling, adds (n - 1) x jump to the field; a
# stride or pooling by s multiplies the jump by s.


# %% tags=["exercise"]
def field_width(blocks: list[tuple[int, int, int]]) -> int:
    """Columns seen by one place after blocks of (kernel, stride, pooling of columns), far from the borders."""
    # SOLUTION
    # From the bottom up: each window adds its further places, each step widens all that follows.
    field, jump = 1, 1
    for kernel, stride, pool in blocks:
        field += (kernel - 1) * jump
        jump *= stride
        field += (pool - 1) * jump
        jump *= pool
    return field
    # END


# %% tags=["check"]
check("05.3", field_width)

# %% [markdown]
# ### Exercise 5.4 · Measure a saving *(10 minutes)*
#
# What share of *all* the reference network's work, in per cent, would be saved if block 2 had a 3 x 3 kernel?
# `walk(reference, 800)` gives the work of each block and `total` all of it. Expect between 10 and 40.

# %% tags=["exercise"]
saved_percent = (
    # SOLUTION
    # Of the second block's work 9/25 stay; the share that goes is measured against everything.
    100 * list(walk(reference, 800))[1][3] * (1 - 9 / 25) / total
    # END
)

# %% tags=["check"]
check("05.4", saved_percent)

# %% [markdown]
# ### Exercise 5.5 · Read with the right mean *(10 minutes)*
#
# Write batch norm for reading: whatever lines stand in the batch, a line's numbers depend on that line alone.


# %% tags=["exercise"]
def norm_for_reading(x, gamma, beta, mean, variance, epsilon=1e-3):
    """Batch norm when reading; x (lines, rows, columns, channels), the others (channels,), the moving statistics."""
    # SOLUTION
    # Nothing is computed from x but x itself: so the lines beside it do not matter.
    return gamma * (x - mean) / np.sqrt(variance + epsilon) + beta
    # END


# %% tags=["check"]
check("05.5", norm_for_reading)

# %% [markdown]
# ### Exercise 5.6 · Project: a kernel bank by hand *(25 minutes)*
#
# Which letter does a word begin with? `told_apart` keeps of each kernel its strongest answer anywhere, and takes the
# letter whose mean answers are nearest. Eight random kernels get 48 % of eight letters right (spread: 5 points).
# Design eight that beat the bar, 60 %, on words that gave no means.


# %% tags=["exercise"]
from htr_utils.course import first_network


def told_apart(
    kernels,
):  # (8, 5, 5) -> share of the unseen first letters that are told, each letter counting alike
    words = first_network.words("train")
    x, first = words.pictures[..., 0], np.array([text[0] for text in words.texts])
    starts = np.maximum((x.max(axis=1) > 0.3).argmax(axis=1) - 2, 0)
    x = np.stack([one[:, at : at + 18] for one, at in zip(x, starts, strict=True)])
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
    answers = np.tensordot(windows, kernels, ([3, 4], [1, 2])).max(axis=(1, 2))  # (words, 8)
    seen, right = np.arange(len(x)) < 1000, []
    answers = (answers - answers[seen].mean(axis=0)) / (answers[seen].std(axis=0) + 1e-9)
    means = [answers[seen & (first == letter)].mean(axis=0) for letter in "sctbplwf"]
    for number, letter in enumerate("sctbplwf"):
        mine = answers[~seen & (first == letter)]
        right.append(
            (np.linalg.norm(mine[:, None] - means, axis=2).argmin(axis=1) == number).mean()
        )
    return np.mean(right)


def bank():
    """Eight kernels: (8, 5, 5)."""
    # SOLUTION
    # Strokes in four directions and four corners; the mean of each is 0, so that plain ink counts nothing.
    rows, columns = np.mgrid[-2:3, -2:3]
    across = [columns, rows, (rows + columns) / 2**0.5, (rows - columns) / 2**0.5]
    strokes = [np.exp(-(distance**2) / 1.28) for distance in across]
    corners = [(columns == c) | (rows == r) for c in (-2, 2) for r in (-2, 2)]
    made = np.array([*strokes, *corners], float)
    return made - made.mean(axis=(1, 2), keepdims=True)
    # END


# %% [markdown]
# *Hint: what has an `l` that an `s` has not? A kernel without negative weights counts ink.*

# %% tags=["check"]
check("05.6", bank, told_apart)

# %% [markdown]
# ## Summary
#
# A convolution asks one question at every place of the picture, and a layer asks many. Pooling shrinks the rows
# faster than the columns, until each column is a frame: 64 x 800 pixels become 100 frames of 512 numbers in the
# reference network. What moves in the picture moves in the frames. A frame sees a few letters at most, and mostly the
# middle of what it sees. Two things must never reach the answer: the
# other lines of a batch (read with moving statistics) and the padding (mask the width after every block).
#
# ## Quiz
#
# **1.** Why do the later poolings of both networks halve the rows but not the columns?
#
# <details><summary>Answer</summary>
#
# Columns become frames, and the network needs at least one frame for each character it writes
# ([CTC loss](07_ctc_loss.ipynb) says how many exactly). Rows must come down to one; columns must not become too
# few.
#
# </details>
#
# **2.** A colleague reads 100 lines one at a time, then the same lines in batches of 10, and gets two
# different error rates. Which two causes do you check first?
#
# <details><summary>Answer</summary>
#
# Batch norm left in training mode, so that the lines of a batch share a mean; and padding without a width mask, so
# that the answer depends on the widest line of the batch.
#
# </details>
#
# **3.** Padding is zero, and a convolution of zeros is zero. So where does padding stop being nothing?
#
# <details><summary>Answer</summary>
#
# At the first thing that adds a constant: the convolution's bias, or the mean and β of batch norm. After it
# padding holds a number that says "empty paper", and the next convolution mixes it into the line's end.
#
# </details>
#
# ## Further reading
#
# - V. Dumoulin and F. Visin, [*A guide to convolution arithmetic for deep
# learning*](../docs/guide/bibliography.md#dumoulin-2016), 2016: sizes, strides and padding in pictures.
# - W. Luo, Y. Li, R. Urtasun and R. Zemel, [*Understanding the Effective Receptive Field in Deep Convolutional Neural
#   Networks*](../docs/guide/bibliography.md#luo-2016), NIPS 2016.
# - S. Ioffe and C. Szegedy, [*Batch Normalization*](../docs/guide/bibliography.md#ioffe-2015), 2015.
# - J. Puigcerver, [*Are Multidimensional Recurrent Layers Really Necessary for Handwritten Text
# Recognition?*](../docs/guide/bibliography.md#puigcerver-2017), ICDAR 2017: the case for a plain CNN below the LSTM.
#
# Next: [6 · BLSTM: reading in order](06_blstm.ipynb)
