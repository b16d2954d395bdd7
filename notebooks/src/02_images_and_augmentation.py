# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 2 · Images and augmentation: what the network gets to see
#
# After this chapter you can follow a line from its file to the network's input, and change its picture in a
# hundred ways without changing its text.
#
# *30 minutes to read, 45 for the exercises. Needs only the package.*
#
# **You will be able to**
#
# - turn grey levels into ink, and say why that is done before anything is learned;
# - choose between keeping a line's width and a fixed canvas, and count what the canvas costs;
# - use augmentation where it helps, and recognise where it harms.

# %% tags=["parameters"]
data_root: str = ""  # a folder in IAM layout; empty: the data that comes with the course
my_image: str = ""  # a picture of your own, a line or a page; "" for a line of the data
line_number: int = -1  # the line looked at closely (0: the first); -1: a short one with h and d
strength: float = 1.0  # how strong the augmentation is: 0 for none, 1 as in training
seed: int = 0  # decides every random change

# %%
from htr_utils.course import own
from htr_utils.course.parameters import validate
from htr_utils.lines import iam, images

run = validate(
    data_root=(data_root or None, "path"), my_image=(my_image or None, "path"),
    line_number=(line_number, "int", -1, None), strength=(strength, "float", 0, 3), seed=(seed, "int", 0),
)  # fmt: skip
every = list(iam.read(run.data_root).lines.values())
short = [one for one in every if 8 <= len(one.text) <= 14 and {"h", "d"} <= set(one.text)]
line = short[0] if short and run.line_number < 0 else every[run.line_number % len(every)]

# %% [markdown]
# ## Four lines, four papers
#
# You read the lines below without noticing that the paper of one is grey and the ink of another pale. A network
# compares numbers, and to it these are four different things. What has to happen to the numbers before reading can
# begin? The lines are picked by their numbers: the darkest and the lightest paper, the blackest and the palest ink.

# %% tags=["figure"]
import numpy as np

from htr_utils.course.plots import pictures as plots

some = every[:: max(1, len(every) // 100)]
paper, ink = np.transpose([np.percentile(one.image(), (50, 2)) for one in some])  # grey levels
four = [
    some[i] for i in dict.fromkeys([paper.argmin(), paper.argmax(), ink.argmin(), ink.argmax()])
]
titles = [f"{one.id}: {one.text[:60]}" for one in four]
plots.stages(titles, [one.image() for one in four])

# %% [markdown]
# (The course's data is [*rendered*](../docs/guide/glossary.md#rendered), not real handwriting; give `my_image` a
# photograph of your own line, and the chapter uses that.)
#
# ## Grey levels
#
# A picture is a table of [**grey levels**](../docs/guide/glossary.md#grey-level), whole numbers from 0 (black) to 255
# (white), a row of them for each row of pixels.

# %% tags=["figure"]
grey = own.line(run.my_image) if run.my_image else line.image()  # (rows, columns), uint8
plots.levels(grey)

# %% [markdown]
# Two things to notice. There is no single "ink": a stroke fades at its edges, so its pixels are spread over many
# levels, some nearer to paper than to black. And most pixels are paper, so the network's input would be mostly
# large numbers that say nothing. (The paper of this rendered line is nearly one level, and all levels are steps of
# 17, which keeps the files small. On a photograph paper is spread as well.)
#
# Beware of the data type, too. `uint8` has no room for negative numbers and wraps around without a word:

# %%
print("20 - 30 in uint8:", np.array([20], np.uint8) - np.array([30], np.uint8))

# %% [markdown]
# ## From grey to ink, by hand
#
# Turn the scale around, so that *paper is 0 and ink is 1*. Then padding with zeros is padding with paper, and what
# is not zero matters. Guess the level of the paper and of the strokes from the histogram, and stretch what lies
# between. For the paper we take the 80th percentile: since most pixels are paper, it lies among them. For the
# strokes we take the 2nd, because the very darkest pixel may be a speck.


# %%
def to_ink(grey: np.ndarray) -> np.ndarray:
    """One paper level and one stroke level for the whole picture."""
    paper, stroke = np.percentile(grey, 80), np.percentile(grey, 2)  # floats: nothing wraps around
    return np.clip((paper - grey) / max(1, paper - stroke), 0, 1).astype(np.float32)


by_package = images.normalise(grey)
same = (to_ink(grey) > 0.5) == (by_package > 0.5)
print(f"{100 * same.mean():.0f} % of the pixels are ink or paper in both, ours and the package's")

# %% [markdown]
# The package's `normalise` guesses the paper *around each pixel*, by a *closing*: replace each pixel by its brightest
# neighbour, which wipes out strokes and widens bright places, then each by the darkest of these, which takes the
# widening back. What stays are the slow changes of the paper. On a clean scan both ways agree. Now let a hand throw a
# shadow.

# %% tags=["figure"]
from htr_utils.lines import augment

shaded = augment.shadow(grey, np.random.default_rng(run.seed), depth=0.5)
three = [shaded, to_ink(shaded), images.normalise(shaded)]
plots.stages(["shaded", "one paper level for all", "paper guessed around each pixel"], three)
for name, ink in zip(("one level", "local levels"), three[1:], strict=True):
    print(
        f"mean ink, without shadow -> with it, {name}: {by_package.mean():.2f} -> {ink.mean():.2f}"
    )

# %% [markdown]
# With one level for all, the shaded paper counts as ink. With local levels the shadow is all but gone, and the
# strokes in it are as black as the others.
#
# ## Crop to the ink
#
# The margins of a line carry no text. By hand: find the rows and columns that hold ink.

# %%
rows, columns = np.flatnonzero((by_package > 0.5).any(1)), np.flatnonzero((by_package > 0.5).any(0))
mine = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
print("by hand:   ", mine.tolist(), "(left, top, right, bottom, in pixels)")
print("by package:", list(images.ink_box(by_package)))

# %% [markdown]
# One speck in a corner would spoil the version by hand; the package blurs first, so that specks do not count.
#
# ## Fit: keep the width, or fill a canvas?
#
# A network wants a fixed *height*. For the width there are two schools. The
# [**reference system**](../docs/guide/glossary.md#reference-system) that this course rebuilds fits every line into
# a canvas of 64 x 800 pixels. The course's own network keeps the shape of the line and lets its width be what it
# is. First, a prediction.
#
# ### Exercise 2.1 · A prediction *(2 minutes)*
# A line of 64 x 1600 pixels (rows x columns) is fitted into 64 x 800 without being distorted. How many pixels
# high is it afterwards?

# %% tags=["exercise"]
predicted_height = (
    # SOLUTION
    32
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("02.1", predicted_height)

# %% [markdown]
# Here is the longest line of the data both ways, in one scale.

# %% tags=["figure"]
longest = max(every, key=lambda one: one.box[2] / one.box[3])
ink, _ = images.crop_to_ink(images.normalise(longest.image()))
kept, scale = images.fit_height(ink, 64)
canvas, smaller = images.fit_canvas(ink, 64, 800)
print(f"canvas by hand {min(64 / ink.shape[0], 800 / ink.shape[1]):.2f}, package {smaller:.2f}")
plots.fits(kept, canvas)

# %% [markdown]
# The canvas makes the letters of a long line small, and leaves those of a short line large. It costs something else
# as well. A network speaks once per [**frame**](../docs/guide/glossary.md#frame) (a time step, a narrow strip of the
# picture), and it needs a frame for every symbol it writes: one per character, and one more between doubled letters
# ([CTC loss](07_ctc_loss.ipynb) says why). The reference system has 100 frames for any line; the course's network
# has one for every few columns, so that a longer line has more.

# %% tags=["figure"]
from htr_utils.network import models

some = [every[i] for i in np.random.default_rng(run.seed).permutation(len(every))[:400]]
network = models.preset("course")
course = network.preparation
widths = [images.prepare(one.image(), course).ink.shape[1] for one in some]
plots.frames_per_symbol(widths, [one.text for one in some], network.frame_step)

# %% [markdown]
# Left of the dashed limit a text cannot be written at all, and near it there is one way only. (With `data_root` set
# to IAM this cell measures the same there.)
#
# `images.prepare` runs the whole way: normalise, crop, fit. Training, command line and notebooks all call it,
# with settings that the model carries, so a line is prepared alike everywhere.
#
# ## Padding, and the true width
#
# Lines that keep their width do not stack into one array. So short ones are **padded** with paper on the
# right, and the true widths travel along: what lies beyond must not change the answer.

# %% tags=["figure"]
inks = [images.prepare(one.image(), course).ink for one in some[:5]]
true_widths = [one.shape[1] for one in inks]
batch = np.stack(
    [images.pad_width(one, max(true_widths)) for one in inks]
)  # (lines, rows, columns)
plots.padded(batch, true_widths)

# %% [markdown]
# Padding is work without profit. If lines of similar width share a batch, less of it is needed: in exercise 2.3 you
# measure about 30 % of padding for lines as they come, and about 3 % for sorted ones.
#
# ## Augmentation: the same text, another picture
#
# A few thousand lines show a network few hands. [**Augmentation**](../docs/guide/glossary.md#augmentation) changes
# the pictures at random while the text stays: a little more slant, a thicker pen, worse light. The first of these
# by hand: to lean a line to the right, shift each row further the higher it is.


# %%
def lean(grey: np.ndarray, slant: float) -> np.ndarray:
    """Shift row y to the right by slant * (height - y)."""
    height, width = grey.shape
    wide = np.full((height, width + round(slant * height)), augment.paper_tone(grey), np.uint8)
    for y in range(height):
        shift = round(slant * (height - y))
        wide[y, shift : shift + width] = grey[y]
    return wide


mine, package = lean(grey, 0.3), augment.warp(grey, slant=0.3)
columns = min(mine.shape[1], package.shape[1])
difference = np.abs(mine[:, :columns].astype(float) - package[:, :columns]).mean()
print(f"by hand and by package differ by {difference:.0f} of 255 grey levels on average")

# %% [markdown]
# What is left of a difference comes from half pixels, which the package interpolates. Here are the functions of
# the module `augment` that change the writing or its light, on the line's beginning, at a strength you can see.

# %% tags=["figure"]
rng = np.random.default_rng(run.seed)
part = grey[:, : 8 * grey.shape[0]]
changed = {
    "as it is": part,
    "warp: slant": augment.warp(part, slant=0.35),
    "warp: rotation, 1.5 degrees": augment.warp(part, rotation=1.5),
    "warp: stretch, 0.75": augment.warp(part, stretch=0.75),
    "elastic: an unsteady hand": augment.elastic(part, rng, amount=1.3),
    "pen: thicker": augment.pen(part, 1.0),
    "pen: thinner": augment.pen(part, -0.8),
    "tone: faded ink": augment.tone(part, contrast=0.4),
    "shadow: a phone above the paper": augment.shadow(part, rng, depth=0.6),
    "noise: a cheap sensor": augment.noise(part, rng, sigma=18),
    "ruled: lined paper": augment.ruled(part, rng),
    "jpeg: quality 10": augment.jpeg(part, 10),
}
plots.stages(list(changed), list(changed.values()), columns=2)

# %% [markdown]
# `augment.augment` draws which of these happen, and how much, from *one* random generator. The same seed gives
# the same picture, so that an interrupted training can go on exactly where it was.

# %%
one, two, other = (augment.augment(grey, np.random.default_rng(s), 1.0) for s in (7, 7, 8))
print(f"same seed : {one.shape} and {two.shape} pixels, {(one != two).sum()} of them differ")
print(f"other seed: {one.shape} and {other.shape} pixels")

# %% [markdown]
# Ten draws for the same line, at the strength that the parameters cell names:

# %% tags=["figure"]
draws = [np.random.default_rng([run.seed, n]) for n in range(10)]
versions = [augment.augment(part, rng, run.strength) for rng in draws]
plots.stages([f"version {n + 1}" for n in range(10)], versions, columns=2)

# %% [markdown]
# You can still read all of them, and that is the rule: *if you cannot read it, the network learns to guess.*
#
# ## Lines out of nothing
#
# One step further the line itself is invented. `synth.render` sets a text letter by letter from a font's outlines:
# each is turned, scaled and shifted a little, [baseline](../docs/guide/glossary.md#baseline) and slant wander. The
# course's data was made so, from openly licensed handwriting fonts. Here matplotlib's own print font must do, so
# the hands look like shaky print.

# %% tags=["figure"]
from pathlib import Path

import matplotlib

from htr_utils.synth import fonts, handwriting

ttf = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
font = fonts.FontFile("dejavu", 400, str(ttf))
writers = [
    handwriting.Writer.draw(font, np.random.default_rng([run.seed, n]), variety=1.0)
    for n in range(3)
]
drawn = [
    handwriting.render(
        "No hand wrote this line, and yet it wavers.", one, np.random.default_rng(run.seed)
    )
    for one in writers
]
titles = [f"slant {one.slant:+.0f} degrees, ink {one.ink}, paper {one.paper}" for one in writers]
plots.stages(titles, [one.grey for one in drawn])

# %% [markdown]
# ## What goes wrong
#
# All of the following have happened to real systems. The trained model of this course shows what they cost. It
# was trained on *ink from 0 to 1*. First the same ink goes in as 0 to 255, then with paper as 1 and ink as 0:
# the reference system's own slip (0..255 input) and a common one in one's own code. The function `read` below skips
# the preparation on purpose; take its inside as it is, later chapters explain each call.

# %%
from htr_utils import Recognizer
from htr_utils.lines import dataset
from htr_utils.network import training
from htr_utils.text import decoding, metrics

recognizer = Recognizer.load("course")
some = iam.read(run.data_root).split("validation")[:16]
truths = [one.text for one in some]
inks = [dataset.to_bytes(recognizer.prepare(one.image()).ink) for one in some]
batch = dataset.collate(inks, [np.zeros(0, np.int32)] * len(inks), range(len(inks)))


def read(image: np.ndarray) -> list[str]:
    """Texts of a batch, its ink (lines, rows, columns, 1) taken as it is."""
    scores = training.log_softmax(training.predict(recognizer.model, batch._replace(image=image)))
    best = decoding.greedy(scores, np.asarray(models.frames(batch.width, recognizer.preset)))
    return [recognizer.charset.decode(one.ids) for one in best]


# %% [markdown]
# Sixteen lines of the validation split go through it; the figure shows the first of them. The share of wrong letters
# is their CER ([Characters and metrics](03_characters_and_metrics.ipynb)).

# %% tags=["figure"]
inputs = {
    "ink 0 to 1": batch.image,
    "ink 0 to 255": 255 * batch.image,
    "paper 1, ink 0": 1 - batch.image,
}
answers = [read(image) for image in inputs.values()]
right, large, inverted = (metrics.cer(one, truths, samples=10).value for one in answers)
first = inks[0].shape[1]
pictures = [image[0, :, :first, 0] / image.max() for image in inputs.values()]
plots.readings(pictures, list(inputs), [one[0] for one in answers])
print(
    f"CER of {len(some)} lines: {100 * right:.0f} %; about {round(100 * large, -1):.0f} % from",
    end=" ",
)
print(f"0 to 255; about {round(100 * inverted, -1):.0f} % inverted")

# %% [markdown]
# Nothing warns you: shapes and types are right, and letters come out. A training with such input may even seem to
# get better. The cure is dull and sure: *one* function prepares every picture, in training and in use.
#
# **White on black.** `prepare` expects dark ink on light paper. A blackboard, or a scan in negative, breaks
# that. Invert the picture (`255 - grey`) first; exercise 2.4 does so automatically.

# %%
negatives = [255 - one.image() for one in some]
rates = []
for greys in (negatives, [255 - one for one in negatives]):
    texts = [reading.text for reading in recognizer.read(greys, decoder="greedy")]
    rates.append(metrics.cer(texts, truths, samples=10).value)
print(
    f"white on black: CER about {round(100 * rates[0], -1):.0f} %; inverted back: {100 * rates[1]:.0f} %"
)

# %% [markdown]
# **Augmented validation.** Augmentation belongs to training. If the validation lines go through it as well, they
# become harder, and different each time that they are measured. Here is the same network, on the same sixteen lines
# augmented eight times: no figure is the true one, and they differ although the network does not change.

# %%
rates = []
for draw in range(8):
    greys = [
        augment.augment(one.image(), np.random.default_rng([draw, n]), 1.0)
        for n, one in enumerate(some)
    ]
    texts = [reading.text for reading in recognizer.read(greys, decoder="greedy")]
    rates.append(100 * metrics.cer(texts, truths, samples=10).value)
print(
    f"CER as they are {100 * right:.0f} %, in eight draws between {min(rates):.0f} and {max(rates):.0f} %"
)

# %% [markdown]
# **A change that changes the text.** Recipes for photographs of cats turn pictures left to right. Do that to a
# line, and the label is a lie. A crop can lie as well, and so can too much of anything.

# %% tags=["figure"]
top = round(0.45 * grey.shape[0])
lies = [grey[:, ::-1], grey[top:], augment.augment(grey, np.random.default_rng(5), 3.0)]
plots.stages(["mirrored: b and d swap", "45 % of the rows cut off: h or n?", "strength 3"], lies)
run.record(cer=right, cer_augmented=float(np.mean(rates)) / 100)

# %% [markdown]
# Look at augmented lines with your own eyes before every long training. It takes a minute.
#
# ## Exercise 2.2 · A batch *(10 minutes)*
# Lines of ink (float, the same height, any width) go in. Return the padded batch, an array (lines, rows,
# columns), and the true widths as an array.


# %% tags=["exercise"]
def pad_batch(inks: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(batch, widths); padding is paper, on the right."""
    # SOLUTION
    widths = np.array([ink.shape[1] for ink in inks])
    batch = np.zeros((len(inks), inks[0].shape[0], widths.max()), np.float32)
    for row, ink in zip(batch, inks, strict=True):
        row[:, : ink.shape[1]] = ink
    return batch, widths
    # END


# %% tags=["check"]
check("02.2", pad_batch)

# %% [markdown]
# ## Exercise 2.3 · A measurement: how much is padding? *(10 minutes)*
# Cut a list of widths into batches of `size` in the given order, each padded to its widest line. Which share
# of all columns is padding (0 to 1)? Then compare `padding_share(widths, 16)` with the same for
# `sorted(widths)`: expect about .30 and .03.


# %% tags=["exercise"]
def padding_share(widths: list[int], size: int) -> float:
    """Share of the batches' columns that hold no line."""
    # SOLUTION
    batches = [widths[at : at + size] for at in range(0, len(widths), size)]
    total = sum(max(batch) * len(batch) for batch in batches)
    return 1 - sum(widths) / total
    # END


# %% tags=["check"]
check("02.3", padding_share)

# %% [markdown]
# ## Exercise 2.4 · Dark on light, or light on dark? *(10 minutes)*
# Return the picture with dark ink on light paper: as it is, or inverted. Mind a dim photograph, whose paper is darker
# than 128, and mind what `uint8` does to sums above 255. The picture that is given must not change.


# %% tags=["exercise"]
def upright(grey: np.ndarray) -> np.ndarray:
    """uint8 (rows, columns) with paper lighter than ink; most of a line is paper."""
    # SOLUTION
    paper = np.median(grey)
    middle = (int(grey.min()) + int(grey.max())) / 2
    return grey if paper > middle else 255 - grey
    # END


# %% tags=["check"]
check("02.4", upright)

# %% [markdown]
# ## Exercise 2.5 · A guard at the door *(10 minutes)*
# The reference system's network gets grey levels from 0 to 255, and nothing complains. Write the guard that would
# have: it looks at an array and says in one of four words what it is: `"ink"` (floats, paper 0, ink 1: fit for the
# network), `"inverted"` (floats from 0 to 1, but paper is 1), `"grey levels"` (anything above 1), or `"empty"` (the
# same number everywhere).


# %% tags=["exercise"]
def guard(array: np.ndarray) -> str:
    """What a picture (rows, columns) for the network is; most of a line is paper."""
    # SOLUTION
    if array.max() > 1:
        return "grey levels"
    if array.max() == array.min():
        return "empty"
    return "inverted" if np.median(array) > 0.5 else "ink"
    # END


# %% tags=["check"]
check("02.5", guard)

# %% [markdown]
# ## Summary
#
# A picture of a line is a table of grey levels; `normalise` turns it into ink, 0 for paper and 1 for a stroke,
# whatever the light. The line is cropped to its ink and brought to one height; keeping its width costs padding,
# a fixed canvas costs frames. True widths travel with a batch so that padding changes nothing. Augmentation
# gives each line many looks and leaves its text alone; it is drawn from a seed, and it belongs to training
# only. Wrong scale or inverted ink raises no error, so one function prepares every picture.
#
# ## Quiz
#
# <details><summary>1. Why is ink 1 and paper 0, and not the other way round?</summary>
# Padding is zeros. If paper is zero too, padding looks like empty paper; the other way round it would look like a
# block of ink.
# </details>
#
# <details><summary>2. A line has 70 characters, none doubled, and the network has 60 frames for it. What
# happens?</summary> It cannot be written, so it cannot be learned: every character needs a frame of its own. Such a
# line has to leave the training set, or the network needs more frames per line.
# </details>
#
# <details><summary>3. Your validation error is twice what you expect, and goes up and down although the network hardly
# changes any more. What do you check first?</summary>
# Whether augmentation is switched off for validation, and whether the same lines are measured each time.
# </details>
#
# ## Further reading
#
# - P. Simard, D. Steinkraus and J. Platt, [*Best practices for convolutional neural networks applied to visual
#   document analysis*](../docs/guide/bibliography.md#simard-2003), ICDAR 2003: elastic distortion, in section 3.
# - R. Gonzalez and R. Woods, [*Digital Image Processing*](../docs/guide/bibliography.md#gonzalez-2018), on
#   grey-level morphology: the closing that finds the paper.
#
# **Next:** [3 · Characters and metrics](03_characters_and_metrics.ipynb): from texts to class numbers, and
# how to count errors honestly.
