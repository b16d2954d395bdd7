# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 7 · CTC: learning without knowing where the letters are
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
word: str = "to"  # the word whose alignments are counted (2 to 5 letters)
frames: int = 4  # how many frames the network has for it (2 to 8)
data_root: str = ""  # folder in IAM layout; empty for the embedded data
my_image: str = ""  # a picture of your own, a line or a page; "" for a line of the test split
seed: int = 0  # random logits for the examples

# %%
from htr_utils.course.parameters import validate

run = validate(
    word=(word, "letters", 2, 5),
    frames=(frames, "int", 2, 8),
    data_root=(data_root or None, "path"),
    my_image=(my_image or None, "path"),
    seed=(seed, "int", 0, None),
)

# %% [markdown]
# Here is the beginning of a line of the embedded data ([rendered](../docs/guide/glossary.md#rendered) by a program
# in the style of handwriting, not written by a person). Each pale stripe is one frame. Try to say which stripe
# belongs to the third letter: you can, roughly, but you would not want to do it for every line of a data set. (This
# figure is drawn in the open, for you to take along.)

# %% tags=["figure"]
import matplotlib.pyplot as plt
import numpy as np

from htr_utils.course import own
from htr_utils.course.plots import base
from htr_utils.lines import iam, images

line = iam.read(run.data_root).split("test")[0]
grey = own.line(run.my_image) if run.my_image else line.image()
ink = images.prepare(grey, images.Preparation(48)).ink  # scaled to 48 rows: (48, columns)
step, part = 4, ink[:, :420]  # columns of a frame; the beginning of the line
drawing, axis = plt.subplots(figsize=(9, 1.5), layout="constrained")
axis.imshow(part, cmap="gray_r")
for border in range(0, part.shape[1] + 1, step):
    axis.axvline(border - 0.5, color=base.SKY, linewidth=0.6)
axis.set_xticks(range(0, part.shape[1], 10 * step), range(0, part.shape[1] // step, 10))
axis.set(yticks=[], xlabel=f"frame (one every {step} columns)")
base.show(
    drawing,
    alt="The beginning of a handwritten line, cut by pale borders into narrow frames; each letter spans several.",
    facts=f"{int(np.ceil(ink.shape[1] / step))} frames; the embedded line has {len(line.text)} characters",
)

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
# The network gives each class a score per frame, the [**logit**](../docs/guide/glossary.md#logit) $x_c$. As in [How a
# network learns](04_how_a_network_learns.ipynb), the *softmax* turns a frame's logits into probabilities, $p_c =
# e^{x_c} / \sum_k e^{x_k}$, and the [**loss**](../docs/guide/glossary.md#loss) is minus the natural logarithm of the
# right answer's probability, counted in *nats*. In numbers:


# %%
def softmax(logits):  # (frames, classes) -> probabilities of the same shape
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


one_frame = softmax(np.array([[2.0, 1.0, 0.0]]))[0]
print("logits 2, 1, 0: probabilities", one_frame.round(2), "losses", -np.log(one_frame).round(1))
print("of three frames that say it with 0.9 each: loss", round(-np.log(0.9**3), 2))

# %% [markdown]
# A path's probability is the product of its frames' probabilities, and the logarithm turns that product into a sum.
# CTC says: *the probability of a label is the sum over all of its alignments*.
#
# Random logits stand in for a network here. The charset holds only the letters of your word, and class 0 is the
# blank. The honest way is to visit each path and add: you have the list of alignments already.

# %%
from htr_utils.text.charset import Charset

charset = Charset("".join(sorted(set(run.word))))
label = charset.encode(run.word)  # class ids, counted from 1
logits = (
    np.random.default_rng(run.seed).normal(size=(run.frames, charset.classes)).astype(np.float32)
)
probs = softmax(logits)  # (frames, classes)
print(
    f"classes: blank + {charset.characters!r}; label {label.tolist()}; probabilities {probs.shape}"
)

signs = "-" + charset.characters
products = [np.prod([probs[t, signs.index(c)] for t, c in enumerate(path)]) for path in paths]
by_hand = sum(products)
print(f"P({run.word}) is the sum of {len(products)} products, its loss {-np.log(by_hand):.2f} nats")
print(f"the best path alone holds {max(products) / by_hand:.0%} of it")

# %% [markdown]
# ## The trellis: the same sum, quickly
#
# The list explodes. A label of $n$ letters, none doubled, has $\binom{t + n}{2n}$ paths of $t$ frames, the number of
# ways to choose $2n$ of $t + n$ places: for `to` in four frames $\binom{6}{4} = 15$, as listed above. (Each path is
# told by where its letters begin and end.) Look what becomes of it when the frames grow:

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
from htr_utils.course.plots import ctc as plots

log_probs = np.log(probs.astype(float))
plots.trellis(log_probs, label, charset.characters)
plots.trellis(np.log(np.full((4, 2), 0.5)), np.array([1, 1]), "o")

# %% [markdown]
# What to notice: grey states can never be part of a complete walk. The dashed path is the best one, yet much of the
# flow runs beside it; the loss counts all of it. Below it is `oo`, with the same probability everywhere: no arrow
# jumps over the blank in the middle. (For a longer walk set `word` to `hello` and `frames` to 8.)
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
# two states in the last frame. Does it agree with your list, with TensorFlow's `tf.nn.ctc_loss`, by which the package
# trains, and with the package's recursion in NumPy?


# %%
def probability(probs: np.ndarray, label: np.ndarray) -> float:
    """Of a label: the sum over all of its alignments."""
    return float(forward(probs, label)[-1, -2:].sum())


print(f"by the trellis {probability(probs, label):.4f}, by the list {by_hand:.4f}")
in_training = ctc.loss(logits[None], [run.frames], label[None], [len(label)])  # a batch of one line
losses = [-np.log(probability(probs, label)), -np.log(by_hand), float(in_training[0])]
losses.append(ctc.forward_backward(np.log(probs), label)[0])
print("losses, with TensorFlow's and the package's:", np.round(losses, 3))
run.record(paths=len(paths), largest_difference=max(losses) - min(losses))

# %% [markdown]
# ## Posteriors: who was it, once you know the answer?
#
# Read the line and the label from their ends, with the same function, and you get the **backward variable** `beta`:
# the summed probability of all *ends* that begin in state `s` at frame `t`. The probability of that frame is in both,
# so `alpha * beta` is divided by it once: the probability of all walks through the state. Divided by the total, it
# is the [**posterior**](../docs/guide/glossary.md#posterior): how likely the walk stood in state `s` at frame `t`,
# *given* that the label is written.

# %% tags=["figure"]
alpha = forward(probs, label)
beta = forward(probs[::-1], label[::-1])[::-1, ::-1]  # turned there and back
posterior = alpha * beta / probs[:, with_blanks(label)] / by_hand
apart = np.abs(posterior - ctc.posteriors(log_probs, label)).max()
print(f"yours and the package's posterior differ by at most {apart:.4f}")
t, s = 1, 1  # one cell in numbers: frame 2, state 2
a, b, p = alpha[t, s], beta[t, s], probs[t, with_blanks(label)[s]]
print(f"frame 2, state 2: {a:.4f} x {b:.4f} / {p:.4f} / {by_hand:.4f} = {posterior[t, s]:.2f}")
plots.posteriors(probs, (alpha, beta, posterior), label, charset.characters)

# %% [markdown]
# Alpha fades to the right and beta to the left, since each sums products that get longer. In the
# [posterior](../docs/guide/glossary.md#posterior) the fading cancels: every frame sums to one. Compare it with the
# first table (whose rows are classes, not states): knowing the label, the network would change its mind in some
# frames.
#
# ## The gradient: what the network is told to change
#
# The derivative of the loss by a logit has a form that you can read aloud: *what the network says, minus what it
# should have said*. Each path pulls as a right answer does in [How a network learns](04_how_a_network_learns.ipynb),
# by its share of the sum; the shares of all paths through a class add up to its posterior (Graves et al. 2006,
# equation 16).


# %% tags=["figure"]
def gradient(probs: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Derivative of the loss by the logits: softmax minus posterior, (frames, classes)."""
    should = np.zeros_like(probs)
    for c, share in zip(with_blanks(label), ctc.posteriors(np.log(probs), label).T, strict=True):
        should[:, c] += share  # several states may be blanks, or the same letter
    return probs - should


plots.gradient(gradient(np.exp(log_probs), label), charset.characters)

# %% [markdown]
# A negative number means "say this more". Each frame sums to zero: what one class wins, the others lose. Do you
# believe it? Wiggle each logit a little and watch the loss.

# %%
mine = gradient(probs.astype(float), label)
watched = np.zeros_like(mine)
for t, c in np.ndindex(mine.shape):
    for way in (-1e-4, 1e-4):
        wiggled = logits.astype(float)
        wiggled[t, c] += way
        watched[t, c] -= np.log(probability(softmax(wiggled), label)) / (2 * way)
print(f"frame 1, {signs[1]!r}: watched {watched[0, 1]:.4f}, by the formula {mine[0, 1]:.4f}")
print(f"of all {mine.size} none differs by more than {np.abs(mine - watched).max():.4f}")

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
        p = softmax(x)
        change = gradient(p, label)
        x -= change.mean(0) if tied else change
    return softmax(x)


blind, seeing = learn(300, tied=True), learn(300, tied=False)
plots.learned(blind, seeing, charset.characters)
for count in (run.frames, 2 * run.frames, 6 * run.frames):
    says = learn(300, tied=True, count=count)[0, 0]
    print(f"{count:>2} frames for {run.word!r}: blind, it says blank with {100 * says:.0f} %")

# %% [markdown]
# With many frames the blank is part of almost every alignment and each letter of only a few frames. So the best
# *blind* answer is mostly blank, and a reader that takes the likeliest class per frame gets an empty text. The
# fewer frames a character has, the weaker the blank: below about 1.2 frames a character the best blind answer to a
# whole line is its most frequent character, the space. Most CTC trainings begin at such a
# place, with one answer everywhere. It is a stage, not an error; [Training](08_training.ipynb) shows how to get out
# of it.
#
# A trained network goes further than the right panel. Here is the course's model on the line from above, around the
# letter of which it is least sure: each letter holds a frame or two, a [**spike**](../docs/guide/glossary.md#spike),
# and blanks fill the rest. At the foot you see the best path *given the text*: it tells where each letter stands,
# which nobody had noted down. This is called *forced alignment*.

# %% tags=["figure"]
from htr_utils import Recognizer

recognizer = Recognizer.load("course")
full = recognizer.charset  # 79 characters: ids 1 to 79, "z" is the last
answer = recognizer.log_probs([line.image()])[0]  # (frames, 80)
seen = recognizer.prepare(line.image()).ink
ids = full.encode(line.text)
plots.spikes(seen, answer, ids, line.text, recognizer.preset.frame_step)

# %% [markdown]
# One letter has no spike: there the network would say blank and leave the letter out, and the alignment puts it there
# all the same. Look into other lines frame by frame: where somebody sits before this notebook, the next cell has a
# list of lines, a slider for the frame and one for the width of the beam ([Decoding](09_decoding.ipynb)). Slide to a
# spike, then beside it.

# %% tags=["figure"]
from htr_utils.course import live

live.frames(recognizer, iam.read(run.data_root).split("test")[:20])

# %% [markdown]
# ## What CTC assumes
#
# Order in the picture is order in the text, and a frame says one character at most. Above all: the frames are
# *independent*, given the picture. Suppose that two frames could be read as `an` or as `or`, each as likely as the
# other. All that the network can say is: half `a`, half `o`, then half `n`, half `r`.

# %%
either = Charset("anor")
torn = np.zeros((2, either.classes))  # (frames, classes)
torn[0, either.encode("ao")] = torn[1, either.encode("nr")] = 0.5
for text in ("an", "or", "ar", "on"):
    print(f"P({text}) = {probability(torn, either.encode(text)):.2f}")

# %% [markdown]
# Half of the probability goes to words that nobody wrote. This is one reason why a language model helps in
# [Decoding](09_decoding.ipynb). Two other families drop the assumption. A *transducer* ([Graves
# 2012](../docs/guide/bibliography.md#graves-2012)) keeps frames and blanks, and makes each answer depend on the
# letters that were written before. An *attention* decoder ([Michael
# 2019](../docs/guide/bibliography.md#michael-2019)) gives up frames as well: it writes letter after letter and looks
# anywhere in the line for each. Both need more data, and an attention decoder may go back and repeat a piece of the
# line, which CTC cannot. (Leave one out it can, by blanks.)
#
# And the length? Below are a short and a long line; "knowing nothing" gives every class the same probability.

# %%
for some in sorted(iam.read(run.data_root).split("test")[:20], key=lambda one: len(one.text))[::19]:
    trained = recognizer.log_probs([some.image()])[0]
    nothing = np.full_like(trained, -np.log(full.classes))
    before, after = (
        ctc.forward_backward(one, full.encode(some.text))[0] for one in (nothing, trained)
    )
    print(f"{len(some.text)} characters: knowing nothing {before:.0f} nats, trained {after:.1f}")

# %% [markdown]
# A CTC loss counts the whole line. At first it grows with the length; a trained network's depends more on how hard the
# line is. A mean over lines, as this course takes it, lets a long line pull harder. PyTorch's `CTCLoss`
# divides each line's loss by the length of its text first. Neither is wrong, but two programs' losses can be compared
# only if they divide alike.
#
# ## What goes wrong
#
# ### 1. A label that does not fit
#
# A doubled letter needs a blank between its halves, so `oo` needs three frames. What if there are only two? No
# path exists, the probability is 0 and the loss infinite. One such line spoils the mean of its batch. Worse, some
# implementations (`keras.losses.CTC` is one) return a large finite number for it, with a gradient, and nobody is told.

# %%
even = np.log(np.full((2, 3), 1 / 3))  # two frames, three classes
print(f"loss of 'to' in two frames: {ctc.brute_force(even, np.array([1, 2])):.1f}")
print(f"loss of 'oo' in two frames: {ctc.brute_force(even, np.array([1, 1])):.1f}")

# %% [markdown]
# The cure is arithmetic, done *before* training: `ctc.frames_needed(label)` against the frames that the line's width
# gives. The package leaves such lines out of every batch, and `htr train` reports how many there are.
#
# ### 2. The blank in the wrong place
#
# This course counts the blank as class 0. Other programs put it last. Below, an ideal network spells a text in this
# course's convention, and a reader of the other convention takes class 79 for the blank:

# %%
text = "a lazy zebra"
path = [c for i in full.encode(text) for c in (int(i), 0)]  # letter, blank, letter, blank ...
for blank in (0, full.classes - 1):
    kept = [c for c, _ in groupby(path) if c not in (0, blank)]
    print(f"blank is class {blank:2}: reads {full.decode(kept)!r}")

sure = np.log(np.eye(full.classes)[path] * 0.98 + 0.02 / full.classes)  # (frames, classes)
turned = np.roll(sure, -1, axis=1)  # an ideal network of the other convention: the blank is last
for name, table in (("in its place", sure), ("at the other end", turned)):
    print(f"blank {name}: a loss of {ctc.forward_backward(table, full.encode(text))[0]:.0f}")

# %% [markdown]
# No error, and nearly the right text: only the letters of the last class are gone. Such a mistake survives for
# months. In training it is as quiet: the loss with the blank at the other end is finite, and wrong.
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
    # o-o and one frame to spare: double one of its three signs, or put a blank before or behind it.
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
    # One frame a letter, and one more for the blank between two equal neighbours.
    return len(label) + sum(a == b for a, b in zip(label, label[1:], strict=False))
    # END


# %% tags=["check"]
check("07.2", frames_needed)

# %% [markdown]
# ## Exercise 7.3 · Forward, in logarithms *(15 minutes)*
# Write `forward` and `probability` so that nothing vanishes: from log-probabilities to the logarithm of the label's
# probability. Products become sums; a sum $\log(e^a + e^b)$ is `np.logaddexp(a, b)`; the logarithm of 0 is `-np.inf`.
# `with_blanks` may stay as it is. Then take a real line: for `log_probability(answer, ids)` expect about -8.4. Which
# character costs most of it?


# %% tags=["exercise"]
def log_probability(log_probs: np.ndarray, label: np.ndarray) -> float:
    """log P(label) from log-probabilities (frames, classes) and class ids (counted from 1)."""
    # SOLUTION
    # The same walk as `forward`: stay, one step down, or the jump, each with its logarithm. On the real line
    # the comma of 9,000 costs about 6 of the 8.4: the figure of the spikes shows it.
    states = with_blanks(label)
    alpha = np.full((len(log_probs), len(states)), -np.inf)
    alpha[0, :2] = log_probs[0, states[:2]]
    for t in range(1, len(log_probs)):
        for s, c in enumerate(states):
            reach = np.logaddexp.reduce(alpha[t - 1, max(0, s - 1) : s + 1])
            if s >= 2 and c != 0 and c != states[s - 2]:
                reach = np.logaddexp(reach, alpha[t - 1, s - 2])
            alpha[t, s] = reach + log_probs[t, c]
    return float(np.logaddexp.reduce(alpha[-1, -2:]))
    # END


# %% tags=["check"]
check("07.3", log_probability)

# %% [markdown]
# ## Exercise 7.4 · Measure: how wide may a frame be? *(10 minutes)*
# Fewer frames make a faster network. The cell collects, for every training line, its width at 48 rows and the
# frames that its text needs. Write a function that counts the lines which cannot be aligned when a frame comes every
# `step` columns (a started frame counts). Then try it on `widths` and `needed` with steps of 4, 8, 16 and 32. Expect
# none at 4, a few in a hundred at 8, most at 16.

# %% tags=["exercise"]
train = iam.read(run.data_root).split("train")
widths = np.array([round(48 * line.box[2] / line.box[3]) for line in train])  # columns, about
needed = np.array([ctc.frames_needed(full.encode(line.text)) for line in train])  # frames


def too_narrow(widths: np.ndarray, needed: np.ndarray, step: int) -> int:
    """How many lines have fewer frames than they need."""
    # SOLUTION
    # Dividing the negative width rounds away from zero: a started frame counts.
    return int((-(-widths // step) < needed).sum())
    # END


# %% tags=["check"]
check("07.4", too_narrow)

# %% [markdown]
# ## Exercise 7.5 · Where is it blank? *(10 minutes)*
# A posterior has a column for each *state*. Write a function that returns, for each frame, the probability that the
# walk stands in *any* blank. Try it on `posterior`, then on `ctc.posteriors(answer, ids)`: what share of a line's
# frames is blank? Expect 50 to 80 %.


# %% tags=["exercise"]
def blank_share(posterior: np.ndarray) -> np.ndarray:
    """(frames, states) -> (frames,): how likely each frame is blank, given the label."""
    # SOLUTION
    # Blank, letter, blank, letter, ..., blank: every second state, the first one among them.
    return posterior[:, ::2].sum(axis=1)
    # END


# %% tags=["check"]
check("07.5", blank_share)

# %% [markdown]
# ## Summary
#
# CTC needs no letter positions: it adds up all paths that collapse to the label. The trellis does this in frames
# times states instead of visiting each path. The gradient by the logits is what the network says minus the
# posterior, what it should have said. Frames are taken as independent, so that nothing stops two readings from mixing.
# Because blanks take part in nearly every path where frames are many, training
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
# <details><summary>Answer</summary>At lines whose label needs more frames than they have: some implementations report
# such a finite number instead of infinity.</details>
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
