# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 6 · BLSTM: reading in order
#
# After this chapter you can compute an LSTM step by hand, say what each direction of a bidirectional LSTM knows,
# and keep padding out of both.
#
# *40 minutes to read, 40 for the exercises. Needs only the package.*
#
# You will
#
# - write the LSTM step in NumPy, see that it gives the trained network's own numbers, and measure how far its gradient
#   reaches;
# - watch single cells remember and forget along a line, and find out what each direction cannot know;
# - wire two layers in two ways, count both, and mend a backward direction that starts in the padding.
#
# The convolutions of [CNN features](05_cnn_features.ipynb) hand over a
# [*feature sequence*](../docs/guide/glossary.md#feature-sequence): for each
# [*frame*](../docs/guide/glossary.md#frame), a thin slice of the line, a list of numbers. Could you read a line
# slice by slice, each without the others?

# %% tags=["parameters"]
data_root: str = ""  # folder in IAM layout; "" for the embedded data
my_image: str = ""  # a picture of your own, a line or a page; "" for a line of the test split
line_number: int = 1  # which line of the test split
model: str = "course"  # the trained model that is looked at: a name, or the path of a .keras file
strip_width: int = 8  # columns of the strips in the first figure
cells: int = 8  # how many LSTM cells are drawn
extra_padding: int = 64  # frames of padding put behind the line
toy_lines: int = 2000  # made-up lines for the small training
seed: int = 0  # strips, toy lines and first weights

# %%
from htr_utils.course import own
from htr_utils.course.parameters import validate

run = validate(
    data_root=(data_root or None, "path"), my_image=(my_image or None, "path"), model=(model, "text", 1, 400),
    line_number=(line_number, "int", 0, None), strip_width=(strip_width, "int", 4, 60),
    cells=(cells, "int", 2, 16), extra_padding=(extra_padding, "int", 8, 1000),
    toy_lines=(toy_lines, "int", 200, 50_000), seed=(seed, "int", 0, None),
)  # fmt: skip

# %% [markdown]
# A line and the trained model. (The line is rendered with a handwriting font.)

# %%
from htr_utils import Recognizer
from htr_utils.lines import iam, images

lines = iam.read(run.data_root).split("test")
grey = own.line(run.my_image) if run.my_image else lines[run.line_number % len(lines)].image()
recognizer = Recognizer.load(run.model)
ink = recognizer.prepare(grey).ink  # (height, width), 1 = ink

# %% [markdown]
# Cover the lower row of the figure with your hand and read the strips. They are cut out at random where the model
# reads letters with an upright stroke.

# %% tags=["figure"]
import numpy as np

from htr_utils.course.plots import sequences as plots

rng = np.random.default_rng(run.seed)
reading, prepared = recognizer.read(grey, decoder="greedy"), recognizer.prepare(grey)
letters = [(c.character, (c.x - prepared.left) * prepared.scale) for c in reading.characters]
stems = [round(x) for letter, x in letters if letter in "hilmnrtu"] or [ink.shape[1] // 2]
places = np.clip(np.subtract(stems, run.strip_width // 2), 0, ink.shape[1] - run.strip_width)
plots.strips(ink, sorted(rng.permutation(places)[:6].tolist()), run.strip_width)

# %% [markdown]
# A stroke may be an `l`, half an `n` or the end of a `d`. `rn` is an `m`, `cl` is a `d`, until you see
# what stands around them. A frame of the network sees more than these strips ([CNN features](05_cnn_features.ipynb)
# measured how much), but its view ends too. Something has to carry knowledge along the line.
#
# ## 1 · One LSTM step by hand
#
# The simplest network with a memory reads the frames in order and hands its answer, the [*hidden
# state*](../docs/guide/glossary.md#hidden-state) $h$, on to the next frame: $h_t = \tanh(x_t W + h_{t-1} U + b)$,
# where $x_t$ is the frame, $W$, $U$ and $b$ are learned ($\tanh$ squeezes numbers into -1 to 1). But each frame
# overwrites all that it remembers.
#
# An [*LSTM*](../docs/guide/glossary.md#lstm) keeps a note pad beside it, the [*cell
# state*](../docs/guide/glossary.md#cell-state) $c$, with one number per *unit*. At each frame three
# [*gates*](../docs/guide/glossary.md#gate), numbers between 0 and 1, decide for every unit:
#
# - *forget gate* $f$: how much of the old cell state stays;
# - *input gate* $i$: how much of a new *candidate* $g$ is written;
# - *output gate* $o$: how much of the cell state goes out as hidden state.
#
# One unit in numbers: $c_{t-1} = 2$, $f = 0.9$, $i = 0.1$, $g = -1$ give $c_t = 0.9 \cdot 2 + 0.1 \cdot (-1) = 1.7$.
# In symbols, where $\sigma$ is the sigmoid, which lies between 0 and 1, and $\odot$ multiplies unit by unit:
#
# $$ i_t = \sigma(x_t W_i + h_{t-1} U_i + b_i), \quad f_t = \sigma(x_t W_f + h_{t-1} U_f + b_f), \quad
# o_t = \sigma(x_t W_o + h_{t-1} U_o + b_o) $$
#
# $$ g_t = \tanh(x_t W_g + h_{t-1} U_g + b_g), \qquad c_t = f_t \odot c_{t-1} + i_t \odot g_t, \qquad
# h_t = o_t \odot \tanh(c_t) $$

# %% tags=["figure"]
plots.step()

# %% [markdown]
# In code, from the left to the right of this plan:


# %%
def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm_step(x, h, c, W, U, b):  # (features,), (units,), (units,), the three weights
    z = x @ W + h @ U + b  # (4 * units,)
    i, f, g, o = np.split(z, 4)  # in the order in which Keras stores them
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * c + i * g
    return o * np.tanh(c), c, {"input gate": i, "forget gate": f}


# %% [markdown]
# `c = f * c + i * g` is the whole idea. If the forget gate stays near one, a number survives for many frames.
#
# Does Keras do the same? A small LSTM with random weights makes one step.

# %%
import keras
import tensorflow as tf

from htr_utils.network import models

keras.utils.set_random_seed(run.seed)
small = keras.layers.LSTM(3)
frame = rng.normal(size=5).astype(np.float32)  # one frame of 5 features
theirs = np.asarray(small(frame[None, None, :]))[0]  # Keras wants (batch, frames, features)
ours, _, _ = lstm_step(frame, np.zeros(3), np.zeros(3), *small.get_weights())
print("shapes of the three weights:", [weight.shape for weight in small.get_weights()])
print(f"your step and Keras differ by at most {np.abs(ours - theirs).max():.4f}")

# %% [markdown]
# Four blocks of 3 columns make 12.
#
# ### Why the cell state keeps gradients
#
# Learning needs the way back, too: how does the last answer depend on a frame long before it? In a plain network the
# gradient passes $U$ and a $\tanh$ at every frame, and most often shrinks each time. On the direct way along the cell
# state it is multiplied by $f$ and by nothing else. Keras begins with $f = \sigma(1) = 0.73$ or so, which is
# $4 \cdot 10^{-6}$ after 40 frames; with a bias of 4 it is 0.98, and 0.48 is left. You measure the length of the whole
# gradient in fresh networks. (A figure drawn in the open.)

# %% tags=["figure"]
import matplotlib.pyplot as plt

from htr_utils.course.plots import base


def fading(layer):  # -> the gradient's length, by how many frames back the input lies
    x = tf.constant(np.random.default_rng(run.seed).normal(size=(32, 60, 8)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x) * rng.normal(size=32))  # of the last frame's hidden state
    lengths = np.linalg.norm(tape.gradient(total, x), axis=-1).mean(axis=0)[::-1]
    return lengths / lengths[0]


layers = {"plain": keras.layers.SimpleRNN(32), "LSTM, f near 0.73": keras.layers.LSTM(32)}
layers["LSTM, f near 0.98"] = keeper = keras.layers.LSTM(32)
keeper.build((None, 60, 8))
keeper.set_weights([*keeper.get_weights()[:2], np.repeat([0.0, 4, 0, 0], 32)])  # i, f, g, o
curves = {name: fading(layer) for name, layer in layers.items()}
drawing, axis = plt.subplots(figsize=(8, 2.8), layout="constrained")
for number, (name, curve) in enumerate(curves.items()):
    axis.semilogy(curve, label=name, **base.style(number))
axis.set(xlabel="frames back", ylabel="length of the gradient\n(last frame = 1)")
axis.legend(frameon=False)
left_over = "; ".join(f"{name}: {curve[40]:.0e}" for name, curve in curves.items())
base.show(
    drawing,
    alt=f"Three curves of a gradient's length, which begin at 1; what is left after 40 frames: {left_over}.",
    facts=f"left after 40 frames: {left_over}",
)

# %% [markdown]
# In a plain network, what a frame 40 steps back has to teach is drowned by the last one. Open forget gates pass it on,
# and training decides for each unit how open they are. More is left than the direct way alone can pass on: the whole
# gradient also takes the ways through $h$ and the gates. With open gates these add up, so that it may even grow.
#
# ## 2 · Along a real line
#
# Now the trained network. Its convolutions turn the line into a feature sequence, and its first LSTM layer, named
# `blstm1`, reads that in both directions. You run the forward half by hand, step by step. (To save time `course`
# hands its LSTM two frames of the last chapter at once; at the top each step answers for both. In this chapter a
# *frame* is what the LSTM gets at one step. The cell prints its columns.)


# %%
def model_input(ink, canvas):  # (height, w) -> the model's input, padded to `canvas` columns
    image = images.pad_width(ink, canvas)[None, :, :, None]
    return {"image": image, "width": np.array([ink.shape[1]], np.int32)}


trained = recognizer.model
step = recognizer.preset.frame_step * recognizer.preset.joined  # columns of a step
canvas = int(np.ceil(ink.shape[1] / step)) * step  # whole steps

# %% [markdown]
# `trunk` is the convolutions alone; `blstm` is the layer, compiled with `tf.function` because it is called often.

# %%
trunk = keras.Model(
    trained.input, trained.get_layer(models.sequence_layer(recognizer.preset)).output
)
blstm = tf.function(trained.get_layer("blstm1"))
features = np.asarray(trunk(model_input(ink, canvas)))[0]  # (frames, numbers)
both = blstm(features[None]).numpy()[0]  # (frames, 2 * units): forward, then backward
units = both.shape[1] // 2
print(f"a step of {step} columns: {features.shape[1]} numbers in, {units} out of each direction")

# %% [markdown]
# The loop below keeps every state and gate on the way, which Keras throws away.


# %%
def along(features, weights):  # (T, F) -> hidden states (T, units), cell states (T, units), gates
    h = c = np.zeros(len(weights[1]), np.float32)
    rows = []
    for frame in features:
        h, c, gates = lstm_step(frame, h, c, *weights)
        rows.append((h, c, gates))
    hidden, states, gates = zip(*rows, strict=True)
    by_name = {name: np.array([one[name] for one in gates]) for name in gates[0]}
    return np.array(hidden), np.array(states), by_name


forward = trained.get_layer("blstm1").forward_layer.get_weights()
hidden, states, gates = along(features, forward)
apart = np.abs(hidden - both[:, :units]).max()
print(f"forward half, over {len(hidden)} frames: yours and Keras's differ by at most {apart:.3f}")

# %% [markdown]
# The same numbers, so you may look inside. The figure shows two kinds of cell: above those whose
# forget gate is mostly near one, below those whose is mostly near zero; of each kind the liveliest. The letters below
# the line are what the whole network reads there. The last panel follows one cell alone, the uppermost.

# %% tags=["figure"]
drawn = plots.two_kinds(states, gates["forget gate"], run.cells)  # numbers of cells
first_gates = {name: gate[:, drawn[0]] for name, gate in gates.items()}
plots.cells(ink, letters, states[:, drawn], first_gates)

# %% [markdown]
# The upper cells are memory: one colour lasts over many letters, even over words. The last panel shows how. While
# the forget gate is near one and the input gate near zero, nothing changes; where the input gate rises, something
# is written; where the forget gate drops, the old state is wiped. The lower cells are written anew at nearly every
# frame.
#
# Nobody told a cell what to mean, and another training gives other cells.
#
# ## 3 · Why both directions
#
# At the `c` of `cl` a forward LSTM knows everything to the left and nothing to the right. A second LSTM reads the
# line from its end. A *bidirectional* LSTM ([*BLSTM*](../docs/guide/glossary.md#blstm)) runs both and lays their
# outputs side by side.
#
# ### Exercise 6.1 · A prediction *(2 minutes)*
#
# In a moment you cover the right half of the line with the end of another line. Look at the frames well inside the
# *left* half. Whose outputs change there: `"forward"`, `"backward"`, or `"both"`?

# %% tags=["exercise"]
guess = (
    # SOLUTION
    # It reads from the right end: when it comes to the left half, it has met the cover already.
    "backward"
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("06.1", guess)

# %% [markdown]
# Now do it, and once more with white paper as the cover.

# %% tags=["figure"]
start = ink.shape[1] // 2
wide = ink.shape[1] - start  # columns of the cover
other = recognizer.prepare(lines[(run.line_number + 1) % len(lines)].image()).ink
writing = np.pad(other, ((0, 0), (wide, 0)))[:, -wide:]  # the end of another line


def change(cover):  # how far each output moves, (frames, 2 * units)
    covered = np.hstack([ink[:, :start], cover])
    return np.abs(blstm(trunk(model_input(covered, canvas))).numpy()[0] - both)


moved = {
    "forward": change(writing)[:, :units].mean(axis=1),
    "backward": change(writing)[:, units:].mean(axis=1),
    "backward, white paper": change(np.zeros_like(writing))[:, units:].mean(axis=1),
}
plots.covered(ink, start, moved)

# %% [markdown]
# In numbers (outputs lie between -1 and 1): the largest mean change in those frames on the left that no convolution
# connects with the cover. And what does the whole network read now?

# %%
left = max(1, (start - 120) // step)
for name, curve in moved.items():
    print(f"{name}: {curve[:left].max():.3f}")
half = 255 - np.round(255 * np.hstack([ink[:, :start], writing])).astype(np.uint8)  # dark on light
print(f"open:    {reading.text}\ncovered: {recognizer.read(half, decoder='greedy').text}")

# %% [markdown]
# Left of the cover the forward outputs do not move at all. The backward ones move everywhere, if only a little: the
# reader from the right has carried what it saw there through the whole line. (Beside the cover both curves rise: there
# the convolutions below look under it.) White paper moves the line more than writing does; section 5 comes to that.
#
# How much is that worth? Try it on a toy script with two strokes, `o` and `l`. An `o` followed by an `l` is a
# **d** (both strokes belong to it); any other `o` is a **c**, any other `l` an **l**. Chance decides the
# strokes.


# %%
def letters_of(strokes):  # (lines, frames), 0 = o, 1 = l -> 0 = c, 1 = d, 2 = l
    edge = np.ones((len(strokes), 1), int)
    before = np.hstack([edge, strokes[:, :-1]])
    after = np.hstack([strokes[:, 1:], 1 - edge])
    return np.where(strokes == 0, np.where(after == 1, 1, 0), np.where(before == 0, 1, 2))


# %%
strokes = rng.integers(0, 2, (run.toy_lines, 16))
print("strokes:", "".join("ol"[s] for s in strokes[0]))
print("letters:", "".join("cdl"[s] for s in letters_of(strokes[0:1])[0]))

# %% [markdown]
# At an `o` a forward reader must guess whether an `l` follows, and half of the guesses are wrong. Half of the strokes
# are `o`, but the last of the 16 has none behind it and is always a **c**: so of all strokes 1/2 x 1/2 x 15/16 = 23 %
# are read wrong, 77 % right, and no reader of one direction does better but by luck. (Who says **d** at every `o`
# loses the last one, too: 73 %.) A backward reader has the same trouble at every `l`. You train one LSTM in each
# direction for a few seconds, with three judges on top: one sees the forward LSTM, one the backward LSTM, one both
# side by side. (`flip` turns the backward outputs round again; section 5 says why.)

# %%
keras.utils.set_random_seed(run.seed)
line = keras.Input((16, 2))
forwards = keras.layers.LSTM(12, return_sequences=True)(line)
backwards = keras.ops.flip(
    keras.layers.LSTM(12, return_sequences=True, go_backwards=True)(line), axis=1
)
readers = {
    "forward only": forwards,
    "backward only": backwards,
    "both directions": keras.layers.Concatenate()([forwards, backwards]),
}
judges = [keras.layers.Dense(3, activation="softmax")(reader) for reader in readers.values()]
toy = keras.Model(line, judges)
toy.compile(keras.optimizers.Adam(0.02), ["sparse_categorical_crossentropy"] * 3, jit_compile=False)
eye = np.eye(2, dtype=np.float32)  # a stroke as two numbers: (1, 0) or (0, 1)
toy.fit(eye[strokes], [letters_of(strokes)] * 3, batch_size=100, epochs=4, verbose=0)
print("numbers learned:", toy.count_params())

# %% [markdown]
# They are tested on lines that they have not seen: one of these lines as each of them reads it, and the share of right
# letters.

# %% tags=["figure"]
fresh = rng.integers(0, 2, (500, 16))
answers = [np.asarray(answer).argmax(axis=-1) for answer in toy(eye[fresh])]
right = {
    name: float((a == letters_of(fresh)).mean()) for name, a in zip(readers, answers, strict=True)
}
run.record(toy=right)
text = ["".join("cdl"[letter] for letter in one[0]) for one in (letters_of(fresh), *answers)]
strokes = "".join("ol"[s] for s in fresh[0])
ceiling = 1 - 1 / 2 * 1 / 2 * 15 / 16  # what one direction can get right
plots.scores(right, ceiling, strokes, text[0], dict(zip(readers, text[1:], strict=True)))

# %% [markdown]
# The backward reader knows at each `o` what follows; at each `l` it is the other way round. Give or take chance both
# stand between 73 % and 77 %, by what they prefer to guess. No training takes them further: the knowledge is not
# there. The third judge sees nothing but the same two LSTMs side by side, and reads nearly everything.
#
# ## 4 · Stacked or joined?
#
# One layer is rarely enough. With two layers there are two ways to wire them. The reference system runs two
# forward LSTMs on top of each other, two backward ones beside them, and lays the results side by side once, at
# the top: here that is called *joined*. A *stacked* BLSTM lays them side by side after each layer, so that the second
# layer reads both directions.

# %% tags=["figure"]
plots.stacks()

# %% [markdown]
# The difference: in the joined network no LSTM ever sees both sides. Only the last layer, which looks at single
# frames, adds them up. In the stacked one the second layer can reason: "left of me ends a word, right of me a
# capital begins". That costs weights, because its inputs are twice as many.
#
# One LSTM stores 4 x units x (inputs + units + 1) numbers: four blocks, each fed by the frame, the hidden state and
# a bias. You count the LSTMs of the `reference` preset (512 features, 512 units) by formula and by Keras.


# %%
def one_lstm(inputs, units=512):
    return 4 * units * (inputs + units + 1)


for wiring, below in (("joined", 512), ("stacked", 2 * 512)):  # numbers that layer 2 gets
    preset = models.preset("reference", stacked=wiring == "stacked")
    network = models.build(preset, recognizer.charset.classes)
    lstms = [one for one in network.layers if one.name.startswith(("forward", "backward", "blstm"))]
    counted = sum(layer.count_params() for layer in lstms)
    print(f"{wiring}: {2 * (one_lstm(512) + one_lstm(below)):,} LSTM weights by formula,", end=" ")
    print(f"{counted:,} by Keras; {network.count_params() / 1e6:.2f} million in the whole network")

# %% [markdown]
# People call both of them "BLSTM": look which one was built. This course's own network is stacked.
#
# ## 5 · What goes wrong: the backward reader starts in the padding
#
# Lines in a batch are padded at the right. For the forward LSTM that is harmless: padding comes last. The
# backward LSTM *begins* there. It walks through empty frames, and its gates and biases write something into its
# state before the first letter arrives. You pad the feature sequence with zeros and look.

# %% tags=["figure"]
padded = np.pad(features, ((0, run.extra_padding), (0, 0)))[None]  # (1, frames + padding, numbers)
mask = np.arange(padded.shape[1])[None] < len(features)  # True where the line is
bare = np.abs(blstm(padded).numpy()[0, : len(features)] - both)
masked = np.abs(blstm(padded, mask=mask).numpy()[0, : len(features)] - both)
felt = {
    "backward, no mask": bare[:, units:].mean(axis=1),
    "forward, no mask": bare[:, :units].mean(axis=1),
    "both, with the mask": masked.mean(axis=1),
}
plots.reach(felt)

# %% [markdown]
# The damage is greatest at the last frames and never quite fades. In a test with lines one by one you would never see
# it; in batches a word goes wrong, now and then, depending on the longest line.
#
# The cure is a [*mask*](../docs/guide/glossary.md#mask): True for frames of the line, False for padding.
# `FrameMask` in the package makes it from the true widths. A layer may keep its state as it is where the mask is
# False, as Keras does; or turn the line round within its own frames, so that the padding comes last in both
# directions, as the package's `BLSTM` does (exercise 6.3). Either way the backward reader arrives at the last
# letter with a fresh note pad.
#
# A second trap hides beside it. In Keras, an LSTM with `go_backwards=True` returns its outputs in the order in
# which *it* met the frames: last frame first. `Bidirectional` turns them round again; whoever builds the two
# directions by hand must do so, too. Your own code shows it.

# %%
backward = trained.get_layer("blstm1").backward_layer.get_weights()
hidden_backward, _, _ = along(features[::-1], backward)  # read from the end
for name, mine in (("as it comes out", hidden_backward), ("turned round", hidden_backward[::-1])):
    print(f"{name}: differs from Keras by up to {np.abs(mine - both[:, units:]).max():.1f}")

# %% [markdown]
# ## 6 · Why CNN and BLSTM, and not something else?
#
# What puts the features in relation along the line best? These are rates on test lines of
# [IAM](../docs/guide/bibliography.md#iam-2002), without a separate language model, as the authors report them. Splits
# differ, and spacing, which alone is worth points ([Loading IAM](01_loading_iam.ipynb)): only wide gaps say something.
#
# | along the line | learnt from | CER % | WER % |
# |---|---|---|---|
# | LSTMs in two dimensions, CTC ([Pham 2014](../docs/guide/bibliography.md#pham-2014)) | IAM | 10.8 | 35.1 |
# | CNN, BLSTM, CTC ([Puigcerver 2017](../docs/guide/bibliography.md#puigcerver-2017)) | IAM | 5.8 | 18.4 |
# | convolutions alone, CTC ([Coquenet 2022](../docs/guide/bibliography.md#coquenet-2022)) | IAM | 5.0 | 16.3 |
# | transformer, letter by letter ([Kang 2022](../docs/guide/bibliography.md#kang-2022)) | IAM | 7.6 | 24.5 |
# | the same | IAM, rendered lines | 4.7 | 15.5 |
# | TrOCR, 558 million weights ([Li 2023](../docs/guide/bibliography.md#li-2023)) | IAM, millions of lines | 2.9 | |
#
# A BLSTM is no longer the record, and deep convolutions alone do as well. But it is small, it learns from a few
# thousand lines on a small computer, and every letter has its place in the picture. A *transformer* sees the whole
# line at once and also learns which texts are likely, for which it needs far more text.
#
# ## Exercises
#
# ### Exercise 6.2 · Count a BLSTM *(5 minutes)*
#
# How many numbers does one *bidirectional* layer store? Compare with `trained.get_layer("blstm1").count_params()`,
# which has `features.shape[1]` inputs and `units` units.


# %% tags=["exercise"]
def blstm_parameters(inputs: int, units: int) -> int:
    """Numbers stored by one bidirectional LSTM layer of `units` units in each direction."""
    # SOLUTION
    # Two directions, four blocks; each unit has a weight for each input, for each hidden number, and a bias.
    return 2 * 4 * units * (inputs + units + 1)
    # END


# %% tags=["check"]
check("06.2", blstm_parameters)

# %% [markdown]
# ### Exercise 6.3 · Turn round what is real *(10 minutes)*
#
# A padded line is turned round before a backward LSTM. With `sequence[::-1]` the padding would come first.
# Write it properly: the first `length` frames in reverse order, the padding left where it is, the array that was given
# unchanged.


# %% tags=["exercise"]
def turn_round(sequence: np.ndarray, length: int) -> np.ndarray:
    """sequence (T, F) with its first `length` frames reversed and the rest as it was."""
    # SOLUTION
    # Slices are copies once they are joined, so the sequence that was given stays as it is.
    return np.concatenate([sequence[:length][::-1], sequence[length:]])
    # END


# %% tags=["check"]
check("06.3", turn_round)

# %% [markdown]
# ### Exercise 6.4 · Measure the reach *(10 minutes)*
#
# How many frames, counted from the end of the line, does the padding reach? Write a function that takes a curve
# such as `felt["backward, no mask"]` and a limit, and returns the distance from the end to the *earliest* frame
# whose change is above the limit: 0 if there is none, 1 if only the last frame is changed. Then measure your curve
# with the limits 0.03 and 0.001, and again with another `extra_padding`. Expect about half of the line, and all of it:
# the change does not fade out.


# %% tags=["exercise"]
def reach(changes: np.ndarray, limit: float) -> int:
    """Frames from the end of the line back to the earliest one changed by more than `limit`."""
    # SOLUTION
    # The earliest place counts, whatever comes after it; an empty list of places means no reach.
    above = np.flatnonzero(changes > limit)
    return len(changes) - int(above[0]) if len(above) else 0
    # END


# %% tags=["check"]
check("06.4", reach)

# %% [markdown]
# ### Exercise 6.5 · Which BLSTM was built? *(10 minutes)*
#
# A paper says "two BLSTM layers" and gives a number of parameters. Count the LSTM weights of *both* wirings for two
# layers, then say which one a network with `counted` weights has.


# %% tags=["exercise"]
def which_blstm(inputs: int, units: int, counted: int) -> str:
    """ "joined", "stacked", or "neither" if the count fits none of the two."""
    # SOLUTION
    # 8 = two directions times four blocks; layer 2 gets one direction where they are joined, both where stacked.
    first = 8 * units * (inputs + units + 1)
    for wiring, below in (("joined", units), ("stacked", 2 * units)):
        if counted == first + 8 * units * (below + units + 1):
            return wiring
    return "neither"
    # END


# %% tags=["check"]
check("06.5", which_blstm)

# %% [markdown]
# ## Summary
#
# Single frames are ambiguous, so an LSTM carries knowledge along the line in its cell state. Gates decide what it
# forgets, takes in and puts out; where they stay open, the gradient reaches far back. One direction knows only
# one side; two directions together know both, which no amount of training replaces. Joined and stacked BLSTMs
# differ in what the second layer sees and in size. Without a mask the backward direction begins in the padding, and
# the end of a line depends on its neighbours in the batch.
#
# ## Quiz
#
# **1.** A forward LSTM reads `cl` and `d`, which begin alike. At which frame can it tell them apart at the earliest?
#
# <details><summary>Answer</summary>
#
# At the first frame whose receptive field differs between the two: the convolutions look a little ahead, the LSTM
# itself never does. A backward LSTM knows it at the beginning of the letter.
#
# </details>
#
# **2.** Forget gate 1 and input gate 0 for the whole line. What does the cell do?
#
# <details><summary>Answer</summary>
#
# It keeps its first state unchanged: perfect memory of nothing new. With forget gate 0 and input gate 1 it would
# be the opposite, a cell without memory that sees only the present candidate.
#
# </details>
#
# **3.** Someone pads on the *left* instead of the right. Which direction needs the mask now?
#
# <details><summary>Answer</summary>
#
# The forward one: it now begins in the padding. The backward one meets the padding last. Masks in both directions
# make the side of the padding irrelevant, which is why the package always sets them.
#
# </details>
#
# ## Further reading
#
# - F. Gers, J. Schmidhuber and F. Cummins, [*Learning to Forget*](../docs/guide/bibliography.md#gers-2000), Neural
#   Computation 12, 2000: the forget gate.
# - S. Hochreiter and J. Schmidhuber, [*Long Short-Term Memory*](../docs/guide/bibliography.md#hochreiter-1997),
#   Neural Computation 9, 1997.
# - A. Graves and J. Schmidhuber, [*Framewise Phoneme Classification with Bidirectional
#   LSTM*](../docs/guide/bibliography.md#graves-2005), 2005.
# - C. Olah, [*Understanding LSTM Networks*](../docs/guide/bibliography.md#olah-2015), 2015: the gates in pictures.
# - A. Karpathy, J. Johnson and L. Fei-Fei,
#   [*Visualizing and Understanding Recurrent Networks*](../docs/guide/bibliography.md#karpathy-2015), 2015: what
#   cells do, and how few can be named.
#
# Next: [7 · CTC loss](07_ctc_loss.ipynb)
