# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 6 · CTC: learning without knowing where the letters are
#
# After this chapter you can compute the CTC loss of a short word by hand, and say why a network that cannot see yet
# gives one answer everywhere, mostly the blank.
#
# *45 minutes to read, 45 for the exercises. Needs only the package.*
#
# **You will be able to**
#
# - list, count and add up all the ways in which a network can write a label;
# - compute the same sum quickly, forwards and backwards, and read its gradient;
# - recognise the three mistakes that stop a training silently: labels that do not fit, a blank in the wrong
#   place, and probabilities too small for the computer.
#
# ## Where does one letter end?
#
# Somebody wrote a line, and somebody typed what it says. Nobody noted where each letter begins. The network of
# [BLSTM](06_blstm.ipynb) speaks once per [**frame**](../docs/guide/glossary.md#frame) (a narrow column of the
# picture), so there are far more frames than characters. Which frame should say which letter? CTC, *connectionist
# temporal classification*, gives the surprising answer: you need not decide.

# %% tags=["parameters"]
word: str = "to"  # the word whose alignments are counted (2 to 4 letters)
frames: int = 4  # how many frames the network has for it (2 to 7)
data_root: str = ""  # folder in IAM layout; empty for the embedded data
my_image: str = ""  # a picture of your own, a line or a page; "" for a line of the test split
seed: int = 0  # random logits for the examples

# %%
from htr_utils.course.parameters import validate

run = validate(
    word=(word, "letters", 2, 4),
    frames=(frames, "int", 2, 7),
    data_root=(data_root or None, "path"),
    my_image=(my_image or None, "path"),
    seed=(seed, "int", 0, None),
)

# %% [markdown]
# Here is the beginning of a line of the embedded data ([rendered](../docs/guide/glossary.md#rendered) by a program
# in the style of handwriting, not written by a person). Each pale stripe is one frame. Try to say which stripe
# belongs to the third letter: you can, roughly, but you would not want to do it for every line of a data set.

# %% tags=["figure"]
from htr_utils.course import own
from htr_utils.course.plots import ctc as plots
from htr_utils.lines import iam, images

line = iam.read(run.data_root).split("test")[0]
grey = own.line(run.my_image) if run.my_image else line.image()
ink = images.prepare(grey, images.Preparation(48)).ink  # (48, columns)
plots.frames_over_line(ink, "" if run.my_image else line.text, step=4)

# %% [markdown]
# ## Four frames, two letters: how many ways?
#
# In each frame the network may say a letter, or say nothing new: the [**blank**](../docs/guide/glossary.md#blank),
# written `-` here. A [**path**](../docs/guide/glossary.md#path) is one answer per frame. To read a path, merge
# equal neighbours first, then drop the blanks. That is called [*collapsing*](../docs/guide/glossary.md#collapse),
# and it fits into two lines of code.

# %%
from itertools import groupby


def collapse(path: str) -> str:
    merged = [sign for sign, _ in groupby(path)]  # "tt-oo" -> t - o
    return "".join(sign for sign in merged if sign != "-")


for path in ["tt-o", "-to-", "to-o", "ttoo"]:
    print(f"{path}  ->  {collapse(path)}")

# %% [markdown]
# Three of these four paths write the same word. The third one does not: the blank between the two `o` keeps
# them apart, which is the only way to write a doubled letter.
#
# An [**alignment**](../docs/guide/glossary.md#alignment) of a word is a path that
# [collapses](../docs/guide/glossary.md#collapse) to it. Before you run the next cell, guess how many there are for
# your word.

# %%
from htr_utils.errors import HtrError
from htr_utils.network import ctc

paths = ctc.alignments(run.word, run.frames)
if not paths:
    raise HtrError(
        f"{run.word!r} does not fit into {run.frames} frames; choose more frames or another word"
    )
print(f"{len(paths)} paths of {run.frames} frames collapse to {run.word!r}:")
print(" ".join(paths[:30]), "..." if len(paths) > 30 else "")
same = sum(collapse(path) == run.word for path in paths)
print(f"your collapse makes {run.word!r} of {same} of them")

# %% [markdown]
# ## Adding up the paths
#
# The network gives each class a score per frame, the [**logit**](../docs/guide/glossary.md#logit) $x_c$; the
# *softmax* turns a frame's logits into probabilities, $p_c = e^{x_c} / \sum_k e^{x_k}$. A path's probability is the
# product of its frames' probabilities. That holds if the frames are independent of each other, given the picture:
# an assumption of CTC, since its network answers in each frame without knowing what it says in the others. (Letters
# do depend on each other, which is why a language model helps in [Decoding](09_decoding.ipynb).) CTC says: *the
# probability of a label is the sum over all of its alignments*, and the [**loss**](../docs/guide/glossary.md#loss)
# is minus the natural logarithm of that sum, counted in *nats*: 0 for a probability of 1, and 2.3 more for each
# factor of ten below it. The logarithm turns products over many frames into sums, and makes a sure mistake dear.
#
# Random logits stand in for a network here. The charset holds only the letters of your word, and class 0 is the
# blank.

# %%
import numpy as np

from htr_utils.text.charset import Charset

charset = Charset("".join(sorted(set(run.word))))
label = charset.encode(run.word)  # class ids, counted from 1
logits = (
    np.random.default_rng(run.seed).normal(size=(run.frames, charset.classes)).astype(np.float32)
)
probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)  # (frames, classes)
print(
    f"classes: blank + {charset.characters!r}; label {label.tolist()}; probabilities {probs.shape}"
)

# %% [markdown]
# The honest way is to visit each path and add. You have the list of [alignments](../docs/guide/glossary.md#alignment)
# already.

# %%
signs = "-" + charset.characters
products = [np.prod([probs[t, signs.index(c)] for t, c in enumerate(path)]) for path in paths]
by_hand = sum(products)
print(f"P({run.word}) is the sum of {len(products)} products, its loss {-np.log(by_hand):.2f} nats")
print(f"the best path alone holds {max(products) / by_hand:.0%} of it")

# %% [markdown]
# ## The trellis: the same sum, quickly
#
# The list explodes. A label of $n$ letters, none doubled, has $\binom{t + n}{2n}$ paths of $t$ frames: for `to` in
# four frames $\binom{6}{4} = 15$, as listed above. (Each path is told by where its letters begin and end.) Look
# what becomes of it when the frames grow:

# %%
from math import comb

for t, letters in [(4, 2), (10, 5), (40, 10), (200, 45)]:
    digits = len(str(comb(t + letters, 2 * letters)))
    print(f"{letters:>3} letters in {t:>3} frames: about 10^{digits - 1} paths")

# %% [markdown]
# Most of these paths share their beginnings. So put the label's letters in a column with a blank before, between
# and after them; these are the **states**. A path is a walk from the top to the bottom of this
# [*trellis*](../docs/guide/glossary.md#trellis), one step per frame. It may stay, go on to the next state, or jump
# over a blank, unless that blank parts two equal letters.

# %% tags=["figure"]
log_probs = np.log(probs.astype(float))
plots.trellis(log_probs, label, charset.characters)

# %% [markdown]
# What to notice: grey states can never be part of a complete walk. The red path is the best one, yet much of the
# flow runs beside it; the loss counts all of it. (With the parameter `word = "oo"` no arrow jumps over the middle
# blank.)
#
# The [**forward variable**](../docs/guide/glossary.md#forward-variable) `alpha[t, s]` is the summed probability of
# all beginnings that stand in state `s` at frame `t`. Each one is computed from at most three neighbours in the
# frame before, so the work is frames times states instead of an astronomical list.


# %%
def with_blanks(label: np.ndarray) -> list[int]:
    """The class of each state: blank, letter, blank, letter, ..., blank."""
    return [0] + [c for letter in label for c in (int(letter), 0)]


def forward(probs: np.ndarray, label: np.ndarray) -> np.ndarray:
    """alpha (frames, states) from probabilities (frames, classes) and class ids."""
    states = with_blanks(label)
    alpha = np.zeros((len(probs), len(states)), probs.dtype)
    alpha[0, :2] = probs[0, states[:2]]
    for t in range(1, len(probs)):
        for s, c in enumerate(states):
            reach = alpha[t - 1, max(0, s - 1) : s + 1].sum()  # stay, or one step down
            if s >= 2 and c != 0 and c != states[s - 2]:
                reach += alpha[t - 1, s - 2]  # jump over a blank
            alpha[t, s] = reach * probs[t, c]
    return alpha


# %% [markdown]
# A complete walk ends in the last letter or in the blank behind it, so the label's probability is the sum of these
# two states in the last frame.


# %%
def probability(probs: np.ndarray, label: np.ndarray) -> float:
    """Of a label: the sum over all of its alignments."""
    return float(forward(probs, label)[-1, -2:].sum())


print(f"by the trellis {probability(probs, label):.4f}, by the list {by_hand:.4f}")

# %% [markdown]
# ### Four ways to the same number
#
# The package holds the brute-force sum and the **forward-backward** recursion in NumPy, for reading. Training
# uses TensorFlow's `tf.nn.ctc_loss`. If you trust none of them alone, trust their agreement on random cases.


# %%
def by_tensorflow(logits: np.ndarray, label: np.ndarray) -> float:
    """One line through the function that trains the networks of this course."""
    return float(
        ctc.loss(logits[None], np.int32([len(logits)]), label[None], np.int32([len(label)]))[0]
    )


rng = np.random.default_rng(run.seed)
largest = 0.0
for _ in range(20):
    some = rng.integers(1, 4, size=rng.integers(1, 4)).astype(np.int32)
    x = rng.normal(scale=2, size=(6, 4)).astype(np.float32)
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    four = [ctc.brute_force(log_p, some), ctc.forward_backward(log_p, some)[0], by_tensorflow(x, some),
            -np.log(probability(np.exp(log_p), some))]  # fmt: skip
    largest = max(largest, max(four) - min(four))
print(f"20 random cases, four computations: losses differ by at most {largest:.3f} nats")
run.record(paths=len(paths), largest_difference=largest)

# %% [markdown]
# ## Posteriors: who was it, once you know the answer?
#
# Read the line and the label from their ends, with the same function, and you get the **backward variable** `beta`:
# the summed probability of all *ends* that begin in state `s` at frame `t`. Both count that frame, so `alpha *
# beta` divided by its probability once is the probability of all walks through the state. Divided by the total, it
# is the [**posterior**](../docs/guide/glossary.md#posterior): how likely the walk stood in state `s` at frame `t`,
# *given* that the label is written.

# %% tags=["figure"]
alpha = forward(probs, label)
beta = forward(probs[::-1], label[::-1])[::-1, ::-1]  # turned there and back
posterior = alpha * beta / probs[:, with_blanks(label)] / by_hand
apart = np.abs(posterior - ctc.posteriors(log_probs, label)).max()
print(f"yours and the package's posterior differ by at most {apart:.4f}")
plots.posteriors(probs, (alpha, beta, posterior), label, charset.characters)

# %% [markdown]
# Alpha fades to the right and beta to the left, since each sums products that get longer. In the
# [posterior](../docs/guide/glossary.md#posterior) the fading cancels: every frame sums to one. Compare it with the
# first table: knowing the label, the network would change its mind in some frames.

# %% [markdown]
# ## The gradient: what the network is told to change
#
# The derivative of the loss by a logit has a form that you can read aloud: *what the network says, minus what it
# should have said* (Graves et al. 2006, equation 16), where the second part is the posterior of each class.


# %%
def gradient(probs: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Derivative of the loss by the logits: softmax minus posterior, (frames, classes)."""
    should = np.zeros_like(probs)
    for c, share in zip(with_blanks(label), ctc.posteriors(np.log(probs), label).T, strict=True):
        should[:, c] += share  # several states may be blanks, or the same letter
    return probs - should


# %% tags=["figure"]
plots.gradient(gradient(np.exp(log_probs), label), charset.characters)

# %% [markdown]
# A negative number means "say this more". Each frame sums to zero: what one class wins, the others lose.
# TensorFlow reaches the same numbers by automatic differentiation:

# %%
import tensorflow as tf

x = tf.Variable(logits[None])
with tf.GradientTape() as tape:
    value = ctc.loss(x, np.int32([run.frames]), label[None], np.int32([len(label)]))
automatic = tape.gradient(value, x)[0].numpy()
mine = gradient(probs, label)
for name, theirs in (
    ("TensorFlow's", automatic),
    ("the package's", ctc.gradient(log_probs, label)),
):
    print(f"yours and {name} differ by at most {np.abs(mine - theirs).max():.4f}")

# %% [markdown]
# ## Why an untrained network says blank
#
# Let the [gradient](../docs/guide/glossary.md#gradient) work on logits alone, without a network, for 12 frames. On
# the left is a learner that cannot see the picture yet: it must give the *same* answer in every frame, as a fresh
# network nearly does. On the right each frame may answer for itself.


# %% tags=["figure"]
def learn(steps: int, tied: bool, count: int = 12) -> np.ndarray:
    """Gradient descent on free logits, from all-equal; tied: one answer for all frames."""
    x = np.zeros((count, charset.classes))
    for _ in range(steps):
        p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
        change = gradient(p, label)
        x -= change.mean(0) if tied else change
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


blind, seeing = learn(300, tied=True), learn(300, tied=False)
plots.learned(blind, seeing, charset.characters)
for count in (run.frames, 2 * run.frames, 6 * run.frames):
    says = learn(300, tied=True, count=count)[0, 0]
    print(f"{count:>2} frames for {run.word!r}: blind, it says blank with {100 * says:.0f} %")

# %% [markdown]
# With many frames the blank is part of almost every alignment and each letter of only a few frames. So the best
# *blind* answer is mostly blank, and a reader that takes the likeliest class per frame gets an empty text. The
# fewer frames a character has, the weaker the blank: of a whole line of text with hardly more frames than
# characters, the best blind answer is its most frequent character, the space. Most CTC trainings begin at such a
# place, with one answer everywhere. It is a stage, not an error; [Training](08_training.ipynb) shows how to get out
# of it.
#
# A trained network goes further than the right panel. Here is the course's model on the line from above: each
# letter holds a frame or two, a [**spike**](../docs/guide/glossary.md#spike), and blanks fill the rest. At the foot
# you see the best path *given the text*: it tells where each letter stands, which nobody had noted down. This is
# called *forced alignment*.

# %% tags=["figure"]
from htr_utils import Recognizer

recognizer = Recognizer.load("course")
answer = recognizer.log_probs([line.image()])[0]  # (frames, 80)
seen = recognizer.prepare(line.image()).ink
ids = recognizer.charset.encode(line.text)
plots.spikes(seen, answer, ids, line.text, recognizer.preset.frame_step)

# %% [markdown]
# Where a spike is low, the network would have said something else, and the alignment puts the letter there all the
# same. Look into other lines frame by frame: where somebody sits before this notebook, the next cell has a list of
# lines, a slider for the frame and one for the width of the beam ([Decoding](09_decoding.ipynb)). Slide to a spike,
# then beside it.

# %% tags=["figure"]
from htr_utils.course import live

live.frames(recognizer, iam.read(run.data_root).split("test")[:20])

# %% [markdown]
# ## What goes wrong
#
# ### 1. A label that does not fit
#
# A doubled letter needs a blank between its halves, so `oo` needs three frames. What if there are only two? No
# path exists, the probability is 0 and the loss infinite. TensorFlow has two implementations, and they disagree:

# %%
short = np.zeros((2, 1, 3), np.float32)  # (frames, batch, classes): two frames for "oo"
double = np.int32([[1, 1]])
sparse = tf.nn.ctc_loss(tf.sparse.from_dense(double), short, None, np.int32([2]), blank_index=0)
dense = tf.nn.ctc_loss(double, short, np.int32([2]), np.int32([2]), blank_index=0)
print("in NumPy, all paths     :", ctc.brute_force(np.log(np.full((2, 3), 1 / 3)), double[0]))
print("sparse labels           :", float(sparse[0]))
print("dense labels            :", f"about {round(float(dense[0]), -1):.0f}, finite and silent")

# %% [markdown]
# The dense path (which `keras.losses.CTC` takes) hides the problem behind a large number, with a gradient, and
# spoils the mean of the batch. The cure is arithmetic, done *before* training: `ctc.frames_needed(label)` against
# the frames that the line's width gives. The package leaves such lines out of every batch, and `htr train`
# reports how many there are.
#
# ### 2. The blank in the wrong place
#
# This course counts the blank as class 0. Other programs put it last, and some TensorFlow functions do too. Below,
# an ideal network spells a text in this course's convention, and a decoder of the
# other convention reads it:

# %%
full = Charset()  # 79 characters: ids 1 to 79, "z" is the last
text = "a lazy zebra"
path = [c for i in full.encode(text) for c in (int(i), 0)]  # letter, blank, letter, blank ...
sure = np.log(np.eye(full.classes, dtype=np.float32)[path] * 0.98 + 0.01 / full.classes)[:, None]
decoded, _ = tf.nn.ctc_beam_search_decoder(sure, [len(path)], beam_width=4)
print("blank taken as the last class:", full.decode(decoded[0].values.numpy()))
turned, _ = tf.nn.ctc_beam_search_decoder(np.roll(sure, -1, axis=2), [len(path)], beam_width=4)
print("classes turned round by one  :", full.decode(turned[0].values.numpy() + 1))

rows = np.random.default_rng(run.seed).normal(size=(30, 1, full.classes)).astype(np.float32)
target = tf.sparse.from_dense(full.encode(text)[None])
right, wrong = (float(tf.nn.ctc_loss(target, rows, None, [30], blank_index=b)[0]) for b in (0, -1))
print(f"loss with the blank first {right:.1f}, with the blank last {wrong:.1f}")

# %% [markdown]
# No error, and nearly the right text: only the letters of the last class are gone. Such a mistake survives for
# months. In training it is as quiet: the loss with the blank at the wrong end is finite, and wrong.
#
# ### 3. Products that vanish
#
# Your `probability` multiplies probabilities. A real line has hundreds of frames; with 32-bit numbers the product
# falls below the smallest one there is. Adding logarithms instead mends it, and the package works so throughout.

# %%
long = np.full((200, 3), 1 / 3, np.float32)  # 200 frames, nothing unusual about them
print("probabilities, 32 bit:", probability(long, np.int32([1, 2])), "-> a loss of infinity")
print(
    "logarithms           :",
    f"a loss of about {ctc.forward_backward(np.log(long), np.int32([1, 2]))[0]:.0f}",
)

# %% [markdown]
# ## Exercise 7.1 · Predict: a doubled letter *(2 minutes)*
# How many paths of four frames collapse to `oo`? Decide first whether there are more or fewer than for `to`, then
# write them down on paper. Fill in the number.

# %% tags=["exercise"]
prediction = (
    # SOLUTION
    5
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("07.1", prediction)

# %% [markdown]
# ## Exercise 7.2 · A word that does not fit *(5 minutes)*
# Write a function that says how many frames a label needs at least. Mind doubled letters.


# %% tags=["exercise"]
def frames_needed(label: str) -> int:
    """Smallest number of frames in which CTC can write `label`."""
    # SOLUTION
    return len(label) + sum(a == b for a, b in zip(label, label[1:], strict=False))
    # END


# %% tags=["check"]
check("07.2", frames_needed)

# %% [markdown]
# ## Exercise 7.3 · Adding in log space *(10 minutes)*
# `log_sum([-1000, -1000])` should be the logarithm of $e^{-1000} + e^{-1000}$. The direct way gives minus infinity.
# Hint: take the largest value out of the sum first. Mind a list in which every value is minus infinity.


# %% tags=["exercise"]
def log_sum(values: list[float]) -> float:
    """Logarithm of the sum of exponentials, for values however small."""
    # SOLUTION
    top = max(values)
    if top == -np.inf:
        return -np.inf
    return top + float(np.log(sum(np.exp(value - top) for value in values)))
    # END


# %% tags=["check"]
check("07.3", log_sum)

# %% [markdown]
# ## Exercise 7.4 · Measure: how wide may a frame be? *(15 minutes)*
# Fewer frames make a faster network. The cell collects, for every training line, its width at 48 rows and the
# frames that its text needs. Write a function that counts the lines which cannot be aligned when a frame comes every
# `step` columns (a started frame counts). Then try it on `widths` and `needed` with steps of 4, 8, 16 and 32: where
# does it begin to hurt?

# %% tags=["exercise"]
train = iam.read(run.data_root).split("train")
widths = np.array([round(48 * line.box[2] / line.box[3]) for line in train])  # columns, about
needed = np.array([ctc.frames_needed(full.encode(line.text)) for line in train])  # frames


def too_narrow(widths: np.ndarray, needed: np.ndarray, step: int) -> int:
    """How many lines have fewer frames than they need."""
    # SOLUTION
    return int((-(-widths // step) < needed).sum())
    # END


# %% tags=["check"]
check("07.4", too_narrow)

# %% [markdown]
# ## Exercise 7.5 · Where is it blank? *(10 minutes)*
# A posterior has a column for each *state*. Write a function that returns, for each frame, the probability that the
# walk stands in *any* blank. Try it on `posterior`, then on `ctc.posteriors(answer, recognizer.charset.encode(
# line.text))`: what share of a line's frames is blank?


# %% tags=["exercise"]
def blank_share(posterior: np.ndarray) -> np.ndarray:
    """(frames, states) -> (frames,): how likely each frame is blank, given the label."""
    # SOLUTION
    return posterior[:, ::2].sum(axis=1)
    # END


# %% tags=["check"]
check("07.5", blank_share)

# %% [markdown]
# ## Summary
#
# CTC needs no letter positions: it adds up all paths that collapse to the label. The trellis does this in frames
# times states instead of visiting each path. The gradient by the logits is what the network says minus the
# posterior, what it should have said. Because blanks take part in nearly every path where frames are many, training
# mostly begins with blanks, and ends with spikes. Labels that do not fit, a misplaced blank and vanishing products
# go wrong silently, so check for them before you train.

# %% [markdown]
# ## Quiz
#
# **1. Why merge repeats before dropping blanks, and not after?**
# <details><summary>Answer</summary>Dropping the blanks first would put the two t of <code>let-ter</code> side by side,
# and merging would then make one of them. No doubled letter could ever be written.</details>
#
# **2. The gradient at one frame is zero for every class. What does that say?**
# <details><summary>Answer</summary>The network's probabilities equal the posteriors at that frame: given the label,
# it says exactly what the alignments ask for. It need not be sure of one class.</details>
#
# **3. A training reports a loss of about 700 for a few lines and about 20 for the rest. What do you look at?**
# <details><summary>Answer</summary>At lines whose label needs more frames than they have, and whether the dense
# implementation is in use, which reports such a finite number instead of infinity.</details>
#
# ## Further reading
#
# - Graves, Fernández, Gomez, Schmidhuber: [*Connectionist Temporal
#   Classification*](../docs/guide/bibliography.md#graves-2006), ICML 2006, doi:10.1145/1143844.1143891. The original;
#   section 4.1 is the trellis.
# - Hannun: [*Sequence Modeling with CTC*](../docs/guide/bibliography.md#hannun-2017), Distill 2017,
#   doi:10.23915/distill.00008. The best drawings of alignments.
# - Zeyer, Schlüter, Ney: [*Why does CTC result in peaky behavior?*](../docs/guide/bibliography.md#zeyer-2021), 2021,
#   arXiv:2105.14849.
#
# Next: [8 · Training](08_training.ipynb), where this loss meets a network and real batches.
