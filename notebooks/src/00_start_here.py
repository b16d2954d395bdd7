# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 0 · Start here
#
# After this chapter you have read handwriting with a trained network on your own machine, you know how
# far to trust what it says, and you can find your way through the course.
#
# *20 minutes to read, 35 for the exercises. Needs only the package and the model that comes with it.*
#
# You learn
#
# - how to read a line, the embedded ones and your own pictures, in two lines of code;
# - what comes back with the text: where each character was found, and how sure the network is of it;
# - how the chapters belong together, and how to run one with other settings.
#
# ## What does it say?
#
# A few cells further down you see one line of writing. Read it yourself first. Did you look at single
# letters, or did you know the word before you had seen them all? The network that you are going to build
# does a bit of both.
#
# Every chapter begins with its **parameters**. Change a value here, run the chapter again, and everything
# below follows. The cell after it checks the values and stops with one clear line when something is
# wrong.

# %% tags=["parameters"]
data_root: str = ""  # folder in IAM layout; "" is the embedded data
line: int = -1  # which line of the test split is read first (0 is the first); -1 looks for one with an error
others: int = 24  # how many further lines are read, spread over the split (3 to 200)
my_image: str = ""  # path of a picture of one line of your own; "" takes a sample
model: str = "course"  # name of a model, or the path of a .keras file
seed: int = 0  # nothing is drawn at random here; kept so that every chapter has it

# %%
from htr_utils.course.parameters import validate

run = validate(
    data_root=(data_root or None, "path"), line=(line, "int", -1, None), others=(others, "int", 3, 200),
    my_image=(my_image or None, "path"), model=(model, "text", 1, 500), seed=(seed, "int", 0, None),
)  # fmt: skip

# %% [markdown]
# ## Is this machine ready?
#
# The course needs Python 3.11 to 3.13, a few libraries and about 2 GB of memory; no graphics card and no
# network. The first cell lists what you have. The second gives the verdict, in one line.

# %% tags=["nbval-ignore-output"]
import importlib.metadata
import platform

import cv2
import psutil

memory = psutil.virtual_memory()
print(f"Python {platform.python_version()} on {platform.system()}, {psutil.cpu_count()} cores")
print(f"memory: {memory.total / 1e9:.0f} GB, of which {memory.available / 1e9:.0f} GB are free")
for name in ("tensorflow", "keras", "numpy", "matplotlib", "autocorrect"):
    print(f"{name:<12} {importlib.metadata.version(name)}")
print(f"{'cv2':<12} {cv2.__version__}")

# %% [markdown]
# OpenCV (`cv2`) gets a question of its own, because it is the library that most often fails on a fresh
# machine: can it halve a picture?

# %%
import sys

import numpy as np

page = np.zeros((64, 900), np.uint8)
half = cv2.resize(page, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
problems = []
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    problems.append("use Python 3.11, 3.12 or 3.13")
if memory.total < 3e9:
    problems.append("less than 3 GB of memory: close other programs")
if half.shape != (32, 450):
    problems.append("cv2 does not work: install the course again")
print("Verdict:", "; ".join(problems) or "this machine is ready.")

# %% [markdown]
# ## One line
#
# A [**recogniser**](../docs/glossary.md#recogniser) is a trained network together with everything that it needs:
# the list of its characters and the settings for the picture. Loading takes some seconds, because TensorFlow is
# started; do it once and keep it. `iam.read` finds the lines of a data set and their true texts.

# %%
from htr_utils import Recognizer
from htr_utils.course import choice
from htr_utils.lines import iam

recognizer = Recognizer.load(run.model)
lines = iam.read(run.data_root).split("test")
number = run.line if run.line >= 0 else choice.with_an_error(recognizer, lines)
print(f"{len(lines)} test lines by {len({one.writer_id for one in lines})} writers")

# %% [markdown]
# The embedded set was [**rendered**](../docs/glossary.md#rendered) for this course with handwriting fonts and a
# simulated pen. It is not real handwriting, and that matters: a model does best on what looks like its training
# data. The people (here: fonts) of the **test split** took no part in training. Here is one of its lines. What does
# it say?

# %% tags=["figure"]
from htr_utils.course import plots

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
# `read` takes a picture, a path, or a list of either, and gives back a [**reading**](../docs/glossary.md#reading):
# the text and more.

# %%
reading = recognizer.read(grey, decoder="greedy")
print("read   :", reading.text)
print("written:", first.text)

# %% [markdown]
# Compare letter by letter. Where the two differ, would you have known better from the picture alone? Try
# other values of `line`: you will find lines without an error, lines with a few, and some that go badly
# wrong.
#
# ## Where, and how sure?
#
# The network walks over the picture in narrow steps, called [**frames**](../docs/glossary.md#frame), and gives each
# frame a probability for every character. So each character that it writes has a place and a
# [**confidence**](../docs/glossary.md#confidence) between 0 and 1. Hatched bars are those of which it is unsure.

# %% tags=["figure"]
from htr_utils.course.plots import start

for character in reading.characters[:3]:
    print(f"{character.character!r} at x = {character.x:3.0f}, confidence {character.confidence:.1f}")
start.where(grey, reading)

# %% [markdown]
# Notice two things. The places are right, though nobody ever told the network where a letter is: it was
# trained on pictures and whole texts only. Chapter 6 shows how that can work. And compare the hatched bars
# with the letters that are wrong: often the two meet, not always. A network can doubt what is right and be
# sure of what is wrong: confidence is a hint, no proof.
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
# Brackets mark the words that were changed; no brackets, no change. Look closely at each: was the word wrong before,
# and is it right now? The checker sees one word at a time and has never seen the picture, so it can also spoil a right
# word, names above all, and leave a wrong one alone. Chapter 9 measures when it pays.
#
# ## Three more, and one of them fails
#
# One line proves nothing. The next cell reads more lines from all over the test split. It counts the
# wrong characters of each line (chapter 3 says how) and picks three: the best, the one in the middle and
# the worst.

# %%
from htr_utils.text import metrics

sample = lines[:: max(1, len(lines) // run.others)][: run.others]
readings = recognizer.read([one.path for one in sample], decoder="greedy")
errors = [metrics.edits(r.text, one.text) / len(one.text) for r, one in zip(readings, sample, strict=True)]
order = np.argsort(errors, kind="stable")
three = [int(order[0]), int(order[len(order) // 2]), int(order[-1])]
print(f"{len(sample)} lines by {len({one.writer_id for one in sample})} writers read")

# %% [markdown]
# Here they are, with what was read above each of them. The truth is not shown yet.

# %% tags=["figure"]
plots.lines(
    [sample[i].image() for i in three],
    [f"{name}: {readings[i].text}" for name, i in zip(("best", "middle", "worst"), three, strict=True)],
    alt="Three lines of rendered handwriting, one below the other, each with its reading above it: the best, "
    "a middling one and the worst of the lines that were read.",
    facts=f"3 lines; the worst is read worse than the best: {errors[three[2]] > errors[three[0]]}",
)

# %% [markdown]
# **Guess before you go on.** Why does the last one fail? Look for: letters that touch or run into each
# other; a strong slant; pale or thick ink; unusual capitals; digits and signs, which are rare in
# training; a word that was crossed out (the data writes it as `#`).
#
# Now some evidence. The table compares the three lines with the middle of all test lines: the width a
# character (how wide the hand is), the pieces of ink a character (few when letters join), the grey level
# that parts ink from paper (the higher, the paler the ink), and the share of rare characters, all but
# small letters and spaces.


# %%
def evidence(one: iam.Line) -> list[float]:
    """Width in pixels and pieces of ink a character, grey level, rare characters in per cent."""
    length = len(one.text)
    rare = sum(not (c.islower() or c == " ") for c in one.text)
    return [one.box[2] / length, one.components / length, one.grey_level, 100 * rare / length]


print(f"{'':8}{'width':>8}{'pieces':>8}{'grey':>8}{'rare %':>8}{'sure %':>8}")
for name, i in zip(("best", "middle", "worst"), three, strict=True):
    row = [*evidence(sample[i]), 100 * readings[i].confidence]
    print(f"{name:8}{row[0]:8.1f}{row[1]:8.2f}{row[2]:8.0f}{row[3]:8.0f}{row[4]:8.0f}")
row = np.median([evidence(one) for one in lines], axis=0)
print(f"{'typical':8}{row[0]:8.1f}{row[1]:8.2f}{row[2]:8.0f}{row[3]:8.0f}")

# %% [markdown]
# Does a number of the worst line stand out? Then you have a suspect, no proof: to prove it, change this
# one thing and read again. Chapter 2 does so with slant, size and ink. Look also at the last column: does
# the recogniser *know* that it is in trouble? Here are the three texts side by side.

# %%
for i in three:
    print("written:", sample[i].text)
    print("read   :", readings[i].text)

# %% [markdown]
# ## Now your own
#
# Write with mouse, pen or finger: opened in JupyterLab, the next cell shows a sheet that reads after each stroke (it
# needs the small extra `pip install -e ".[interactive]"`). Where nobody sits before the notebook, it shows a word that
# a program wrote with the same pen.

# %% tags=["figure"]
from htr_utils.course import live

live.canvas(recognizer)

# %% [markdown]
# On paper: write a line on white paper, take a photograph, cut the line out with a little paper around it, and put
# the file's path into `my_image`. Without one, you see a picture from `data/samples`: rendered, too, and
# then made to look as if a phone had caught it.

# %% tags=["figure"]
from htr_utils import paths
from htr_utils.lines import images

own = run.my_image or ([*paths.samples(), first.path])[0]
own_grey = images.load(own)
own_reading = recognizer.read(own_grey, decoder="greedy")
print(without_with(own_reading.text, speller.correct(own_reading.text)))
start.where(own_grey, own_reading)

# %% [markdown]
# Expect your own writing to be read worse than the rendered lines. The model learned from fonts and from some
# hands, none of them yours: researchers call the difference a [**domain gap**](../docs/glossary.md#domain-gap).
# What helps is in chapter 2 (cleaner pictures) and chapter 11 (ten corrected lines of yours).
#
# ## The map of the course
#
# Here is the whole way of the line from the top of this page, with the real arrays of this run. Each box names its
# chapter. Blue is reading. Orange is what you need to train and to judge.

# %% tags=["figure"]
ink = recognizer.prepare(grey).ink  # (height, width), 1 = ink
log_probs = recognizer.log_probs([grey])[0]  # (frames, classes)
start.way(grey, ink, log_probs, reading.text, correction.text)

# %% [markdown]
# Follow it once from left to right. The [**CNN**](../docs/glossary.md#cnn) (a convolutional neural network) turns
# the picture into a sequence of frames. The [**BLSTM**](../docs/glossary.md#blstm) (a bidirectional long short-term
# memory) lets each frame know what stands before and after it. [**CTC**](../docs/glossary.md#ctc) (connectionist
# temporal classification) lets the network say [*blank*](../docs/glossary.md#blank) between letters, so that nobody
# has to mark where they are. [**Decoding**](../docs/glossary.md#decoding) turns frames into text.
#
# | Chapter | You can afterwards |
# |---|---|
# | [1 · Loading IAM](01_loading_iam.ipynb) | read the data set that the field uses, and avoid its traps |
# | [2 · Images and augmentation](02_images_and_augmentation.ipynb) | clean a picture, and make ten out of one |
# | [3 · Characters and metrics](03_characters_and_metrics.ipynb) | turn text into numbers, and measure errors |
# | [4 · CNN features](04_cnn_features.ipynb) | say what a convolution sees of a line |
# | [5 · BLSTM](05_blstm.ipynb) | compute one step of an LSTM by hand |
# | [6 · CTC loss](06_ctc_loss.ipynb) | train without knowing where the letters are |
# | [7 · Training](07_training.ipynb) | train a network, and see why one does not learn |
# | [8 · Decoding](08_decoding.ipynb) | find the likeliest text, and avoid a famous bug |
# | [9 · Spell correction](09_spell_correction.ipynb) | mend words, and know when to leave them alone |
# | [10 · Evaluation](10_evaluation.ipynb) | see where a reader fails, and how sure its error rate is |
# | [11 · Your own handwriting](11_your_own_handwriting.ipynb) | cut a photo into lines, and teach a reader your hand |
# | [12 · Experiments](12_experiments.ipynb) | plan many runs, and tell an effect from luck |
#
# Each chapter runs on its own, in any order. If you have one evening, take 0, 3, 6 and 8.
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
# From Python, `htr_utils.runs.execute.run_chapter("00", {"line": 7}, "runs")` does what papermill does.
#
# ## What goes wrong: a setting that lies
#
# Papermill has two ways to pass a value. `-y` keeps its type; `-p` makes text out of `false`. In Python
# any text but the empty one is true, so a switch that you turned off is on, for hours of computing. See:

# %%
from htr_utils import HtrError

quick = "false"  # what `-p quick false` gives
print("as Python sees it:", bool(quick))
try:
    validate(quick=(quick, "bool"))
except HtrError as error:
    print("as the course sees it:", error)

# %% [markdown]
# That is why the second cell of each chapter validates. Try it: put `line = "seven"` into the parameters.
#
# ## What goes wrong: a page is not a line
#
# The most frequent disappointment of new users: they give the recogniser a whole page. It was trained on
# single lines and squeezes whatever it gets to the height of one. We put two lines on one sheet, on
# purpose.

# %% tags=["figure"]
pair = lines[:2]
width = max(one.image().shape[1] for one in pair)
sheet = np.vstack([np.pad(i, ((0, 0), (0, width - i.shape[1])), "edge") for i in (p.image() for p in pair)])
nonsense = recognizer.read(sheet, decoder="greedy")
truth = " ".join(one.text for one in pair)
lost = metrics.edits(nonsense.text, truth) / len(truth)
plots.lines(
    [sheet],
    [f"read: {nonsense.text}"],
    alt="Two lines of rendered handwriting on one sheet, and above them what was read, most of it wrong.",
    facts=f"two lines read as one: more than half of the characters wrong: {lost > 0.5}",
)

# %% [markdown]
# No error message, only nonsense. The cure: cut the page into lines first, then read each of them.

# %%
single = recognizer.read([one.path for one in pair], decoder="greedy")
better = metrics.edits(" ".join(one.text for one in single), truth) / len(truth)
print("line by line:", *(one.text for one in single), sep="\n  ")
print("better than the sheet as a whole:", better < lost)
run.record(first=reading.text, confidence=reading.confidence, mean_error=float(np.mean(errors)))

# %% [markdown]
# ## Exercise 0.1 · Predict *(3 minutes)*
# You glue a strip of white paper, 200 columns wide, to the left of the picture. Empty paper is cut away before
# the network looks. By how many columns does the `x` of the characters grow? Write down your number, then
# try it: `recognizer.read(np.pad(grey, ((0, 0), (200, 0)), "edge"))`. Compare the texts as well:
# how much empty paper surrounds a line should not matter.

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
# and `sample`, and count how many lines lie above.


# %% tags=["exercise"]
def safe_above(confidences: list[float], right: list[bool]) -> float:
    """Highest confidence among the lines that were read wrong; 0.0 if there are none."""
    # SOLUTION
    return max((sure for sure, good in zip(confidences, right, strict=True) if not good), default=0.0)
    # END


# %% tags=["check"]
check("00.4", safe_above)

# %% [markdown]
# ## Exercise 0.5 · A web page in one function *(10 minutes)*
# The system that this course rebuilds has a small web page. It built the whole network anew for every request, kept
# every picture that anybody sent, and ran in debug mode, in which a visitor may run code on the server. Write the
# first two of these better: read all `uploads` with *one* loading of the model, and leave no file behind. `load()`
# takes seconds and returns a function from a path to a text.


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
# ## Summary
#
# A recogniser turns the picture of one line into text, and says for each character where it was read and
# how sure it is. It does well on what looks like its training data, here rendered handwriting, and worse
# on anything else. Spell correction repairs some words and may spoil others. It reads lines and not
# pages, and it never refuses: judging the answer is your part. The chapters that follow take it apart and
# build it again.
#
# ## Quiz
#
# **1. The reading has a confidence of 95 %. Is it right?**
#
# <details><summary>Answer</summary>
# Not for certain. The number is the mean of the confidences of its characters. They are calibrated, which means
# stretched until they kept their promise on some rendered lines (chapter 9). It tells lines in trouble from easy ones,
# but a network can be sure and wrong, above all on pictures unlike those lines.
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
# - A. Graves and others, [*A novel connectionist system for unconstrained handwriting
#   recognition*](../docs/bibliography.md#graves-2009), 2009: the paper   that made BLSTM and CTC the way to read
#   handwriting.
# - B. Shi, X. Bai and C. Yao, [*An end-to-end trainable neural network for image-based sequence
#   recognition*](../docs/bibliography.md#shi-2017), 2017:   the CNN in front of it.
#
# Next: [1 · Loading IAM](01_loading_iam.ipynb)
