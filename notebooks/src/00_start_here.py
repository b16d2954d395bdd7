# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 0 · Start here
#
# After this chapter you have trained a network until it reads words that it has never seen, you have read whole
# lines with a larger one, and you know how far to trust what they say.
#
# *25 minutes to read, 45 for the exercises. Needs only the package and the model that comes with it.*
#
# ![A short line of handwriting is read: frame by frame the probability of each letter appears under it, then
# the path of the likeliest ones, then the path without repeats, then the text.](../docs/guide/reading.gif)
#
# You learn
#
# - what it looks like when a network learns to read, and what "unseen" means;
# - how to read a line, the embedded ones and your own pictures, in two lines of code;
# - what comes back with the text: where each character was found, and how sure the network is of it.
#
# ## From noise to words
#
# Nobody can write down the rules by which you tell an `n` from an `m` in somebody's hand. So nobody does. You show
# a network many words with their texts, and it finds rules of its own. This chapter begins with that: in about half
# a minute a network goes from noise to reading.
#
# Every chapter begins with its **parameters**. Change a value here, run the chapter again, and everything below
# follows. The cell after it checks the values and stops with one clear line when something is wrong.

# %% tags=["parameters"]
data_root: str = ""  # folder in IAM layout; "" is the embedded data
words: int = 1500  # how many words the small network learns from (32 to 1500)
steps: int = 400  # how many times it looks at 32 of them (8 to 5000)
line: int = -1  # which line of the test split is read (0 is the first); -1 looks for a misread one
others: int = 24  # how many further lines are read, spread over the split (3 to 200)
my_image: str = ""  # a picture of your own, a line or a page; "" for a sample
model: str = "course"  # name of a model, or the path of a .keras file
seed: int = 0  # of the first weights and of the order of the words

# %%
from htr_utils.course.parameters import validate

run = validate(
    data_root=(data_root or None, "path"),
    words=(words, "int", 32, 1500),
    steps=(steps, "int", 8, 5000),
    line=(line, "int", -1, None),
    others=(others, "int", 3, 200),
    my_image=(my_image or None, "path"),
    model=(model, "text", 1, 500),
    seed=(seed, "int", 0, None),
)

# %% [markdown]
# The course brings 1,700 words in one hand. 1,500 are there to learn from. The other 200 are kept away from the
# network, and it is judged by these: they show whether it has learnt to *read*, or only remembers what it saw.

# %% tags=["figure"]
from htr_utils.course import first_network, plots
from htr_utils.course.plots import start

learnt_from = first_network.words("train", run.words)
unseen = first_network.words("validation")
start.grid(unseen.pictures[:12, :, :, 0], unseen.texts[:12])

# %% [markdown]
# A picture of a word is 32 x 96 numbers: 0 is paper, 1 is ink. The network cuts it into 24 narrow strips from left to
# right, called **frames**, and gives each frame 27 numbers: how much the strip looks like `a`, `b`, ..., `z` or like
# nothing. You need not understand the next cell yet. Each of its lines gets a chapter of its own; look how few they
# are.

# %%
import keras
from keras import layers


def small_network() -> keras.Model:
    picture = x = keras.Input((32, 96, 1))
    for channels, pooling in ((12, (2, 2)), (24, (2, 2)), (32, (2, 1)), (48, (2, 1))):
        x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.MaxPool2D(pooling)(layers.ReLU()(x))
    x = layers.Reshape((24, 96))(layers.Permute((2, 1, 3))(x))  # 24 frames of 96 numbers
    x = layers.Bidirectional(layers.LSTM(48, return_sequences=True))(x)
    return keras.Model(picture, layers.Dense(27)(x))  # 24 frames of 27 numbers


keras.utils.set_random_seed(run.seed)
small = small_network()
print(f"{small.count_params():,} numbers to learn, random so far")

# %% [markdown]
# **Learning** means: look at 32 words, compute how likely the network finds their true texts, and change each of its
# numbers a little so that they become likelier. Then take the next 32. Every 50 steps the network reads the unseen
# words. Watch five of them. The error counts letters that are wrong, missing or too many, in per cent of the true
# letters; so it may exceed 100.

# %% tags=["nbval-ignore-output"]
import time

from htr_utils.text import metrics

began, curve = time.perf_counter(), {}
print(f"{'step':>4} {'error':>7}  ", *(f"{text:12}" for text in unseen.texts[1:6]))
for moment in first_network.learn(
    small, learnt_from, steps=run.steps, look_every=max(1, run.steps // 8), seed=run.seed
):
    answers = first_network.read(small, unseen.pictures)
    curve[moment.step] = 100 * metrics.cer(answers, unseen.texts).value
    print(f"{moment.step:4} {curve[moment.step]:5.0f} %  ", *(f"{a:12}" for a in answers[1:6]))
print(f"{time.perf_counter() - began:.0f} s")

# %% [markdown]
# Read the columns downwards. It begins with noise. Then it says next to nothing: silence is the first thing that
# pays. Then a few letters come, the most frequent ones first, and within seconds whole words, which it has never
# seen.
#
# The same as a curve, drawn in the open, for you to take along:

# %% tags=["figure", "nbval-ignore-output"]
import matplotlib.pyplot as plt

drawing, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
axes.plot(list(curve), list(curve.values()), marker="o", color="#0072b2")
axes.set_xlabel("steps (32 words each)")
axes.set_ylabel("letters wrong (%)")
axes.set_ylim(0)
axes.grid(alpha=0.3)
seen = first_network.read(small, learnt_from.pictures[:200])
of_seen = 100 * metrics.cer(seen, learnt_from.texts[: len(seen)]).value
last = list(curve.values())[-1]
plots.show(
    drawing,
    alt=f"A curve of the share of wrong letters of unseen words: {curve[0]:.0f} % before the first step, {last:.0f} % "
    f"after {run.steps} steps.",
    facts=f"unseen words {last:.1f} %, words that it learnt from {of_seen:.1f} %",
)

# %% [markdown]
# Compare the two figures below the curve. The network is better on words that it has seen. That difference is why
# every figure of this course names the lines it was measured on, and why none of them took part in training.
# Exercise 0.6 lets you make the difference large.
#
# The course builds this up to whole lines by many people. For that, you train on more lines, more hands and for
# longer: hours instead of half a minute. You find the result in the file `model/course.keras`.
#
# ## Is this machine ready?
#
# If the cells above ran, it is. The course needs Python 3.11 to 3.13 and a machine with 3 GB of memory; no graphics
# card and no network.

# %% tags=["nbval-ignore-output"]
import importlib.metadata
import platform

import psutil

memory = psutil.virtual_memory().total / 1e9
print(f"Python {platform.python_version()} on {platform.system()}, {psutil.cpu_count()} cores")
print(
    f"memory: {memory:.0f} GB;",
    "enough" if memory >= 3 else "close other programs, 3 GB are wanted",
)
for name in ("tensorflow", "keras", "numpy", "opencv-python", "matplotlib", "autocorrect"):
    print(f"{name:<14} {importlib.metadata.version(name)}")

# %% [markdown]
# ## One line
#
# A [**recogniser**](../docs/guide/glossary.md#recogniser) is a trained network together with everything that it
# needs: the list of its characters and the settings for the picture. `iam.read` finds the lines of a data set and
# their true texts. Its **test split** goes further than the unseen words above, which were in the hand that the
# network had learnt: its lines are by people who took no part in the training.

# %%
from htr_utils import Recognizer
from htr_utils.course import choice
from htr_utils.lines import iam

recognizer = Recognizer.load(run.model)
lines = iam.read(run.data_root).split("test")
number = run.line
if number < 0:
    number = choice.with_an_error(recognizer, lines, look_at=180, few=1)
print(f"{len(lines)} test lines by {len({one.writer_id for one in lines})} writers")

# %% [markdown]
# The embedded set was [**rendered**](../docs/guide/glossary.md#rendered) for this course with handwriting fonts and a
# simulated pen. It is not real handwriting, and that matters: a model does best on what looks like its training
# data. Here is one of its lines. Read it yourself before you go on. Did you look at single letters, or did you know
# the words before you had seen them all? The network does a bit of both.

# %% tags=["figure"]
first = lines[number % len(lines)]
grey = first.image()  # (height, width), 0 = black, 255 = white
plots.lines(
    [grey],
    alt="One line of rendered handwriting, dark ink on light paper, as the network is going to get it.",
    facts=f"line {first.id}: {grey.shape[0]} x {grey.shape[1]} pixels of type {grey.dtype}",
)

# %% [markdown]
# ## Read it
#
# `read` takes a picture, a path, or a list of either, and gives back a
# [**reading**](../docs/guide/glossary.md#reading): the text and more.

# %%
reading = recognizer.read(grey, decoder="greedy")
print("read   :", reading.text)
print("written:", first.text)

# %% [markdown]
# Compare letter by letter. Where the two differ, would you have known better from the picture alone? Try
# other values of `line`.
#
# ## Where, and how sure?
#
# The network walks over the picture in narrow steps, called [**frames**](../docs/guide/glossary.md#frame), and
# gives each frame a probability for every character. So each character that it writes has a place and a
# [**confidence**](../docs/guide/glossary.md#confidence) between 0 and 1. Hatched bars are those of which it is
# unsure.

# %% tags=["figure"]
for character in reading.characters[:3]:
    print(
        f"{character.character!r} at x = {character.x:3.0f}, confidence {character.confidence:.1f}"
    )
start.where(grey, reading)

# %% [markdown]
# Notice two things. The dotted lines show that the places are right, though nobody ever told the network where a
# letter is: it was trained on pictures and whole texts only. [CTC loss](07_ctc_loss.ipynb) shows how that can work.
# And compare the hatched bars with the letters that are wrong: often the two meet, not always. A network can doubt
# what is right and be sure of what is wrong: confidence is a hint, no proof.
#
# ## Without correction, with correction
#
# People repair what they read with what they know about words. A **spell checker** is the poor man's
# version: it replaces each word that is not in its list by a similar word that is.

# %%
from htr_utils.text.spelling import Speller, without_with

speller = Speller(mode="fast")
correction = speller.correct(reading.text)
print(without_with(reading.text, correction))

# %% [markdown]
# Brackets mark the words that were changed; no brackets, no change. Look closely at each: was the word wrong
# before, and is it right now? The checker sees one word at a time and has never seen the picture, so it can also
# spoil a right word, names above all, and leave a wrong one alone. [Spell correction](10_spell_correction.ipynb)
# measures when it pays.
#
# ## Three more, and one of them fails
#
# One line proves nothing. The next cell reads more lines from all over the test split. It counts the wrong
# characters of each line ([Characters and metrics](03_characters_and_metrics.ipynb) says how) and picks three: a
# faultless one, the one with the fewest errors and the one with the most.

# %%
import numpy as np

sample = lines[:: max(1, len(lines) // run.others)][: run.others]
readings = recognizer.read([one.path for one in sample], decoder="greedy")
errors = [
    metrics.edits(r.text, one.text) / len(one.text) for r, one in zip(readings, sample, strict=True)
]
order = np.argsort(errors, kind="stable")
faulty = [i for i in order if errors[i] > 0] or [order[-1]]
three = [int(order[0]), int(faulty[0]), int(order[-1])]
perfect = metrics.rate([error == 0 for error in errors], [1] * len(sample), metric="perfect lines")
print(f"{len(sample)} lines read, {perfect.edits} of them without an error;")
print(
    f"so few lines say of all lines: between {100 * perfect.low:.0f} and {100 * perfect.high:.0f} %"
)

# %% [markdown]
# Here they are, with what was read above each of them. The truth is not shown yet.

# %% tags=["figure"]
start.readings([sample[i].image() for i in three], [readings[i] for i in three])

# %% [markdown]
# **Guess before you go on.** Why does the last one fail? Look for: letters that touch or run into each
# other; a strong slant; pale or thick ink; unusual capitals; digits and signs, which are rare in
# training.
#
# Whether your guess is right, only an experiment tells: change this one thing and read again.
# [Images and augmentation](02_images_and_augmentation.ipynb) does so with slant, size and ink. Here are the three
# texts, with the confidence of each line. Does the recogniser *know* that it is in trouble?

# %%
for i in three:
    print("written:", sample[i].text)
    print(f"read   : {readings[i].text}   (sure: {100 * readings[i].confidence:.0f} %)")

# %% [markdown]
# A little: the order is right, but nobody would guess from the numbers how much went wrong.
#
# ## Now your own
#
# Write with mouse, pen or finger: opened in JupyterLab, the next cell shows a sheet that reads after each stroke
# (it needs the small extra `pip install -e ".[interactive]"`). Where nobody sits before the notebook, it shows a
# word that a program wrote with the same pen.

# %% tags=["figure"]
from htr_utils.course import live

live.canvas(recognizer)

# %% [markdown]
# On paper: write a line on white paper, take a photograph, cut the line out with a little paper around it, and put
# the file's path into `my_image`. Without one, you see a picture from `data/samples`: rendered, too, and
# then made to look as if a phone had caught it.

# %% tags=["figure"]
from htr_utils import paths
from htr_utils.course import own

brought = [*paths.samples(), first.path][0]
own_grey = own.line(run.my_image or brought, recognizer)
own_reading = recognizer.read(own_grey, decoder="greedy")
print(without_with(own_reading.text, speller.correct(own_reading.text)))
start.where(own_grey, own_reading)

# %% [markdown]
# Expect your own writing to be read worse than the rendered lines. The model learned from fonts and from some
# hands, none of them yours: researchers call the difference a [**domain gap**](../docs/guide/glossary.md#domain-gap).
# What helps is in [Images and augmentation](02_images_and_augmentation.ipynb) (cleaner pictures) and
# [Your own handwriting](12_your_own_handwriting.ipynb) (ten corrected lines of yours).
#
# ## The map of the course
#
# Here is the whole way of the line from the top of this page, with the real arrays of this run. Each box names its
# chapter. Blue is reading. Orange is what you need to train and to judge. `log_probs` holds one row of 80 numbers for
# each frame: the logarithms of the probabilities of 79 characters and of the blank.

# %% tags=["figure"]
ink = recognizer.prepare(grey).ink  # (height, width), 1 = ink
log_probs = recognizer.log_probs([grey])[0]  # (frames, classes)
start.way(grey, ink, log_probs, reading.text, correction.text)

# %% [markdown]
# Follow it once from left to right. The [**CNN**](../docs/guide/glossary.md#cnn) (a convolutional neural network)
# turns the picture into a sequence of frames. The [**BLSTM**](../docs/guide/glossary.md#blstm) (a bidirectional
# long short-term memory) lets each frame know what stands before and after it.
# [**CTC**](../docs/guide/glossary.md#ctc) (connectionist temporal classification) lets the network say
# [*blank*](../docs/guide/glossary.md#blank) between letters, so that nobody has to mark where they are.
# [**Decoding**](../docs/guide/glossary.md#decoding) turns frames into text.
#
# | Chapter | You can afterwards |
# |---|---|
# | [1 · Loading IAM](01_loading_iam.ipynb) | read the data set that the field uses, and avoid its traps |
# | [2 · Images and augmentation](02_images_and_augmentation.ipynb) | clean a picture, and make ten out of one |
# | [3 · Characters and metrics](03_characters_and_metrics.ipynb) | turn text into numbers, and measure errors |
# | [4 · How a network learns](04_how_a_network_learns.ipynb) | train a network by hand, and see it remember |
# | [5 · CNN features](05_cnn_features.ipynb) | say what a convolution sees of a line |
# | [6 · BLSTM](06_blstm.ipynb) | compute one step of an LSTM by hand |
# | [7 · CTC loss](07_ctc_loss.ipynb) | train without knowing where the letters are |
# | [8 · Training](08_training.ipynb) | train a network, and see why one does not learn |
# | [9 · Decoding](09_decoding.ipynb) | find the likeliest text, and avoid a famous bug |
# | [10 · Spell correction](10_spell_correction.ipynb) | mend words, and know when to leave them alone |
# | [11 · Evaluation](11_evaluation.ipynb) | see where a reader fails, and how sure its error rate is |
# | [12 · Your own handwriting](12_your_own_handwriting.ipynb) | cut a photo into lines, and teach a reader your hand |
# | [13 · Experiments](13_experiments.ipynb) | plan many runs, and tell an effect from luck |
#
# Each chapter runs on its own, in any order. If you have one evening, take 0, 3, 4 and 7.
#
# ## Running chapters, and changing them
#
# | You want to | Type |
# |---|---|
# | work in the chapters | `make lab` |
# | run all of them into `runs/course/` | `make course` |
# | run one with another value | `papermill -y "line: 7" notebooks/00_start_here.ipynb my_run.ipynb` |
# | use your copy of IAM everywhere | set the environment variable `HTR_DATA` to its folder |
# | read pictures without any notebook | `htr read my_line.png` |
#
# A value that cannot be is refused by the cell after the parameters: try `line = "seven"`.
#
# ## What goes wrong: a page is not a line
#
# The most frequent disappointment of new users: they give `read` a whole page. It was trained on single lines and
# squeezes whatever it gets to the height of one. (The command `htr read` finds the lines first.) We put
# two lines on one sheet, on purpose.

# %% tags=["figure"]
pair = lines[:2]
width = max(one.image().shape[1] for one in pair)
sheet = np.vstack(
    [np.pad(i, ((0, 0), (0, width - i.shape[1])), "edge") for i in (p.image() for p in pair)]
)
nonsense = recognizer.read(sheet, decoder="greedy")
truth = " ".join(one.text for one in pair)
lost = metrics.edits(nonsense.text, truth) / len(truth)
start.readings([sheet], [nonsense])

# %% [markdown]
# No error message, only nonsense. The cure: cut the page into lines first, then read each of them.

# %%
single = recognizer.read([one.path for one in pair], decoder="greedy")
better = metrics.edits(" ".join(one.text for one in single), truth) / len(truth)
print("line by line:", *(one.text for one in single), sep="\n  ")
print(
    f"characters wrong: {100 * lost:.0f} % on the sheet as a whole, {100 * better:.0f} % line by line"
)
# A sweep over many runs collects what a chapter records.
run.record(first=reading.text, confidence=reading.confidence, mean_error=float(np.mean(errors)))

# %% [markdown]
# ## Exercise 0.1 · Predict *(3 minutes)*
# Put your answer in place of the three dots. `check` says "to do", gives a hint or says "correct"; once it has seen
# a try, `solution("0.1")`, imported from where `check` comes from, shows one way.
#
# You glue a strip of white paper, 200 columns wide, to the left of the picture. Empty paper is cut away before
# the network looks. By how many columns does the `x` of the characters grow? Write down your number, then
# try it: `recognizer.read(np.pad(grey, ((0, 0), (200, 0)), "edge"), decoder="greedy")`. Compare the texts as
# well: how much empty paper surrounds a line should not matter.

# %% tags=["exercise"]
columns = (
    # SOLUTION
    200
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("00.1", columns)

# %% [markdown]
# ## Exercise 0.2 · The weakest link *(5 minutes)*
# Which character is the network least sure of? Return it and its x. Then look into the picture at that
# place.


# %% tags=["exercise"]
def least_sure(reading) -> tuple[str, float]:
    """The character of a reading with the smallest confidence, and where it was read."""
    # SOLUTION
    weakest = min(reading.characters, key=lambda character: character.confidence)
    return weakest.character, weakest.x
    # END


# %% tags=["check"]
check("00.2", least_sure)

# %% [markdown]
# ## Exercise 0.3 · How many without a single error? *(5 minutes)*
# For many uses a line is right or it is not. Count the lines whose reading equals the truth, then
# measure: `without_error([r.text for r in readings], [one.text for one in sample])`.


# %% tags=["exercise"]
def without_error(readings: list[str], truths: list[str]) -> int:
    """Number of lines that were read exactly as they were written."""
    # SOLUTION
    return sum(reading == truth for reading, truth in zip(readings, truths, strict=True))
    # END


# %% tags=["check"]
check("00.3", without_error)

# %% [markdown]
# ## Exercise 0.4 · From what confidence on? *(10 minutes)*
# Nobody wants to proof-read every line. Which lines may you skip? Return the highest confidence of a *wrong*
# line: whatever lies above it was right in this sample. 0 if no line is wrong. Then measure it on `readings`
# and `sample`, and count how many lines lie above. On all 558 test lines some above that confidence are wrong all
# the same: a threshold, too, must be judged on lines that did not choose it.


# %% tags=["exercise"]
def safe_above(confidences: list[float], right: list[bool]) -> float:
    """Highest confidence among the lines that were read wrong; 0.0 if there are none."""
    # SOLUTION
    return max(
        (sure for sure, good in zip(confidences, right, strict=True) if not good), default=0.0
    )
    # END


# %% tags=["check"]
check("00.4", safe_above)

# %% [markdown]
# ## Exercise 0.5 · A web page in one function *(10 minutes)*
# The system that this course rebuilds has a small web page. It built the whole network anew for every request, kept
# every picture that anybody sent, and ran in debug mode, in which a visitor may run code on the server. Write the
# first two of these better: read all `uploads` with *one* loading of the model, and leave no file behind, not even
# where reading fails. `load()` takes seconds and returns a function from a path to a text.


# %% tags=["exercise"]
def serve(uploads: list[bytes], load, folder) -> list[str]:
    """The text of each upload; its picture may stand in `folder` (a Path) for as long as it is read."""
    # SOLUTION
    reader, texts = load(), []
    for upload in uploads:
        picture = folder / "upload.png"
        picture.write_bytes(upload)
        try:
            texts.append(reader(picture))
        finally:
            picture.unlink()
    return texts
    # END


# %% tags=["check"]
check("00.5", serve)

# %% [markdown]
# ## Exercise 0.6 · Learn from less *(10 minutes)*
# A network can do well on what it has seen and badly on all else. Predict first: with 40 words instead of 1,500,
# and 150 steps, what becomes of the two errors? Then write the function: train a new `small_network()` on
# `first_network.words("train", count)` and give two errors in per cent, of those words and of the unseen ones. It
# takes about 20 seconds.


# %% tags=["exercise"]
def two_errors(count: int, steps: int) -> tuple[float, float]:
    """Errors in per cent after `steps` steps on `count` words: of these words, and of `unseen`."""
    # SOLUTION
    few, network = first_network.words("train", count), small_network()
    for _ in first_network.learn(network, few, steps=steps, look_every=steps):
        pass
    seen, other = (
        100 * metrics.cer(first_network.read(network, part.pictures), part.texts).value
        for part in (few, unseen)
    )
    return seen, other
    # END


# %% tags=["check"]
check("00.6", two_errors)

# %% [markdown]
# ## Summary
#
# A network is a pile of numbers. Learning changes them, step by step, so that the true texts become likelier;
# whether it has learnt to read shows on words that it has never seen. A recogniser turns the picture of one line
# into text, and says for each character where it was read and how sure it is. It does well on what looks like its
# training data, here rendered handwriting, and worse on anything else. It never refuses: judging the answer is your
# part.
#
# ## Quiz
#
# **1. The reading has a confidence of 95 %. Is it right?**
#
# <details><summary>Answer</summary>
# Not for certain. The number is the mean of the confidences of its characters. They are calibrated: of the
# characters with a confidence of 90 %, at least 90 in 100 are right on rendered lines
# ([Spell correction](10_spell_correction.ipynb)). It tells lines in trouble from easy ones, but a network can be
# sure and wrong, above all on pictures unlike those.
# </details>
#
# **2. Why are the writers of the test split kept out of the training?**
#
# <details><summary>Answer</summary>
# Because you want to know how it does on people whom it has never seen. With the same hands in both, the
# network could learn the hands by heart, and the measured error would be far too small.
# </details>
#
# **3. Somebody's photograph of a full page comes out as a few letters. What do you advise?**
#
# <details><summary>Answer</summary>
# Cut it into lines. A whole page squeezed to the height of one line leaves writing too small to see.
# </details>
#
# ## Further reading
#
# - A. Graves and others,
#   [*A novel connectionist system for unconstrained handwriting
#   recognition*](../docs/guide/bibliography.md#graves-2009),
#   2009: the paper that made BLSTM and CTC the way to read handwriting.
# - B. Shi, X. Bai and C. Yao,
#   [*An end-to-end trainable neural network for image-based sequence
#   recognition*](../docs/guide/bibliography.md#shi-2017),
#   2017: the CNN in front of it.
#
# Next: [1 · Loading IAM](01_loading_iam.ipynb)
