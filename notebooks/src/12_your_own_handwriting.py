# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 12 · Your own handwriting: from a photo to a reader that knows you
#
# After this chapter you can take a photo of a page to its lines, say why a recogniser fails on a hand that it has
# not met, and teach it that hand with ten corrected lines.
#
# *35 minutes to read, 40 for the exercises. Needs only the package.*
#
# **You will**
#
# 1. find the lines of a page by its row profile, and see a photo break that;
# 2. train a small network that finds them, and count the two errors that hurt most: lines lost and lines found twice;
# 3. correct ten lines, [fine-tune](../docs/guide/glossary.md#fine-tuning), and measure the gain honestly.
#
# Models that shine in a paper often stumble over the first photo that a user brings. The sheet is crooked, a shadow
# lies on it, and the hand is one that nobody trained on. How far can you get with ten lines of patience?

# %% tags=["parameters"]
my_image: str = ""  # photo or scan of a page of your own; "" for a sample letter
my_lines: str = ""  # folder of your corrected lines; "" for those of the letters
model: str = "course"  # the model to start from: a name, or the path of a .keras file
examples: int = 320  # crops of composed pages that the small finder learns from
rounds: int = 5  # passes over these crops
corrected: int = 10  # how many lines of the first letter are corrected and learnt from
epochs: int = 14  # passes over the corrected lines
seed: int = 0  # of the distortions, the mixing and the bootstrap

# %%
from htr_utils.course.parameters import validate

run = validate(
    my_image=(my_image or None, "path"), my_lines=(my_lines or None, "path"), model=(model, "text", 1, 400),
    examples=(examples, "int", 16, 20000), rounds=(rounds, "int", 1, 200),
    corrected=(corrected, "int", 4, 5000), epochs=(epochs, "int", 1, 500), seed=(seed, "int", 0, None),
)  # fmt: skip

# %% [markdown]
# ## Photograph
#
# Lay the sheet on a darker table, near a window. Hold the phone above its middle, let all four corners be seen, and
# keep your own shadow off it. A line of writing should be at least 40 pixels high: any phone does that for a page.
#
# Until you bring such a photo (`my_image`), you work on two letters in `data/samples/pages`. Be clear about what
# they are: [**rendered**](../docs/guide/glossary.md#rendered) with a handwriting font that no training saw, narrow,
# leaning and joined on purpose, then **composed** into a "photo" by a program that draws the table, the lamp and
# the shadow. They stand in for real ones.

# %% tags=["figure"]
from htr_utils import pages
from htr_utils.course import letters
from htr_utils.course.plots import pages as plots

one, two = letters.samples()  # .grey: uint8 (height, width); .lines: text and outline of each line
photo = pages.open_pages(run.my_image)[0] if run.my_image else two.grey
plots.steps({"the page of this chapter": photo, "another letter in the same hand": one.grey})

# %% [markdown]
# `open_pages` also turns a photo upright as the phone's EXIF note asks, and takes every page of a PDF or TIFF file.
#
# ## Take the shadow out
#
# Paper in the shade is grey, and ink in the light may be as grey. So no single threshold parts them. But near
# any point the [*paper*](../docs/guide/glossary.md#paper) is the brightest thing, and a shadow is smooth. Guess the
# paper, then divide by it: the brightest value of each block, made smooth, scaled up.

# %%
import cv2
import numpy as np


def without_light(grey: np.ndarray, block: int = 24) -> np.ndarray:
    """uint8 (height, width): the picture divided by its paper, 255 = paper."""
    rows, columns = grey.shape[0] // block, grey.shape[1] // block
    tiles = grey[: rows * block, : columns * block].reshape(rows, block, columns, block)
    brightest = np.percentile(tiles, 90, axis=(1, 3)).astype(np.float32)  # (rows, columns)
    brightest = cv2.GaussianBlur(brightest, (0, 0), 1)
    paper = cv2.resize(brightest, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(255.0 * grey / np.maximum(paper, 1), 0, 255).astype(np.uint8)


even = without_light(photo)
middle = slice(photo.shape[0] // 2 - 40, photo.shape[0] // 2 + 40)
print(f"paper (255 = white): {np.median(photo[middle]):.0f} -> {np.median(even[middle]):.0f}")

# %% [markdown]
# It is the same idea as in [Images and augmentation](02_images_and_augmentation.ipynb), for a whole page. Blocks
# pay for being simple: at the edge of a shadow a block holds light and dark paper at once, and one value cannot be
# both.
#
# ## Find the lines, the plain way
#
# Sum the ink of each row: every line should be a hill, every gap a valley. Cut wherever the profile falls below a
# level. It is the oldest method, a [**projection profile**](../docs/guide/glossary.md#projection-profile), and ten
# lines of code. First try it on a page without any of a photo's troubles: the same twelve lines, cut out and set
# level.


# %% tags=["figure"]
def runs_above(picture: np.ndarray) -> tuple[np.ndarray, float, list[tuple[int, int]]]:
    """How much ink each row holds, the level of the cut, and the runs of rows above it."""
    ink = picture < 160
    profile = cv2.blur(ink.sum(axis=1, dtype=np.float32)[:, None], (1, 9))[:, 0]  # (height,)
    level = 0.25 * float(np.percentile(profile[profile > 0], 90))
    above = np.concatenate([[False], profile > level, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1]).reshape(-1, 2)  # (runs, 2)
    return profile, level, [(int(top), int(bottom)) for top, bottom in edges if bottom - top > 8]


tidy = letters.set_level(two)  # uint8 (height, width)
plots.profile(tidy, *runs_above(tidy))

# %% [markdown]
# A hill for each line. Now the photo, with its shadow taken out.

# %% tags=["figure"]
profile, level, cuts = runs_above(even)
plots.profile(even, profile, level, cuts)

# %% [markdown]
# Nothing of the method is wrong, and it fails. The lines are not level, so a row crosses two of them. The table has a
# grain, so it counts as ink. The rules are dark, long and level: they look like perfect lines. You could mend each
# of these with a method of its own: corners, turn, rules. Every strange photo then asks for one more.
#
# ## What should a network say?
#
# Let the pictures teach instead. For each place of the page the answer shall be: is this the **core** of a line, the
# band as high as an `x`? Cores of neighbouring lines never touch, however far their loops reach. So once the cores
# are known, the rest is counting.
#
# To learn that, a network needs pages on which the cores are known. A program composes them: embedded lines on
# paper of all kinds, on a table, bent, in bad light, as a camera has them. The chapter cuts a few hundred crops.

# %% tags=["figure"]
from htr_utils.course import small_finder

crops, cores, composed = small_finder.crops(24, run.examples, 160, run.seed)
print("crops:", crops.shape, "their cores:", cores.shape)
first = {"a crop": crops[0, ..., 0], "its cores": cores[0, ..., 0]}  # 0 to 1
plots.steps({"a composed page": composed[0], "another": composed[1], **first})

# %% [markdown]
# The network sees far and near: one branch goes down to a sixteenth of the size, where a whole word fits under its
# eyes, and comes up again to meet the branch that still knows where each stroke is. It is a small
# [U-Net](../docs/guide/bibliography.md#ronneberger-2015). There is no dense layer, so a page of any size fits.

# %% tags=["nbval-ignore-output"]
import keras

keras.utils.set_random_seed(run.seed)
L = keras.layers


def step(x, channels: int, stride: int = 1):
    """A convolution, its mean and spread made 0 and 1, and only what is positive."""
    x = L.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x)
    return L.ReLU()(L.BatchNormalization(momentum=0.9)(x))


page = keras.Input((None, None, 1))  # (batch, height, width, 1)
near = step(L.Conv2D(16, 8, strides=4, padding="same")(page), 24)  # (batch, height / 4, ...)
far = step(step(step(step(near, 32, 2), 48, 2), 48), 48)  # (batch, height / 16, ...)
both = L.Concatenate()([near, L.UpSampling2D(4, interpolation="bilinear")(far)])
small = keras.Model(page, L.Conv2D(1, 3, padding="same")(step(both, 24)))  # logits of the core
print(f"{small.count_params():,} parameters")

rate = keras.optimizers.schedules.CosineDecay(4e-3, run.rounds * len(crops) // 8)
loss = keras.losses.BinaryCrossentropy(from_logits=True)
small.compile(keras.optimizers.Adam(rate), loss)
history = small.fit(crops, cores, batch_size=8, epochs=run.rounds, verbose=0).history
print("loss of each round:", *(f"{value:.2f}" for value in history["loss"]))

# %% [markdown]
# That was the whole training. The published finder has the same shape and five times the parameters, learnt from real
# pages besides, for about an hour ([docs/develop/finder.md](../docs/develop/finder.md)). Let both look at the photo.

# %% tags=["figure"]
seen, pixels = small_finder.at_work(photo)  # (1, height, width, 1); pixels of the photo in each


def core_of(logits: np.ndarray) -> np.ndarray:
    """How sure a finder is that a place lies in a core: (height / 4, width / 4), 0 to 1."""
    return 1 / (1 + np.exp(-np.asarray(logits)[0, ..., 0]))


maps = [core_of(small(seen)), core_of(pages.network()(seen))]
plots.steps({"the photo": photo, "cores, your finder": maps[0], "cores, the published": maps[1]})

# %% [markdown]
# Yours knows lines, and takes the rules of the paper for lines as well: a few hundred crops are too few to learn
# that a rule is no writing. Give it more (`examples`, `rounds`) and look again. The published one saw hundreds of
# ruled pages.
#
# From map to lines: what hangs together above one half is one piece, and a long piece is a line.


# %% tags=["figure", "nbval-ignore-output"]
def lines_of(core: np.ndarray) -> list[np.ndarray]:
    """A polygon (4, 2) in pixels of the photo around each long piece, top to bottom."""
    count, labels = cv2.connectedComponents((core > 0.5).astype(np.uint8))
    found = []
    for number in range(1, count):
        y, x = np.nonzero(labels == number)
        centre, size, turn = cv2.minAreaRect(np.stack([x, y], 1).astype(np.float32))
        if max(size) > 25:
            taller = [side + 2.2 * min(size) if side == min(size) else side + 4 for side in size]
            found.append(4 * pixels * cv2.boxPoints((centre, taller, turn)))
    return sorted(found, key=lambda polygon: float(polygon[:, 1].mean()))


found = pages.find(photo)
mine, published = lines_of(maps[0]), [line.polygon for line in found.lines]
plots.outlines(photo, {"your finder": mine, "the published one": published})

# %% [markdown]
# `pages.find` does a little more with its map: pieces that continue each other become one line, an end-of-line map
# keeps columns apart, and each outline takes in the loops of its own line and leaves the
# neighbours' out.
#
# ## How good is that?
#
# A line that is **lost** is text that nobody will ever read. A line **found twice** puts text into the result that
# nobody wrote. A found outline belongs to the true line that it overlaps, by at least .3 of
# [**IoU**](../docs/guide/glossary.md#iou), intersection over union: the area that both cover, by the area that
# either covers.

# %% tags=["nbval-ignore-output"]
width = photo.shape[1]
stripes = [np.array([[0, a], [width, a], [width, b], [0, b]]) for a, b in cuts]
lines = [] if run.my_image else two.polygons  # nobody knows the lines of your page
for name, polygons in {"row profile": stripes, "yours": mine, "published": published}.items():
    owner = small_finder.owners(lines, polygons)
    print(f"{name:12} {len(set(owner) - {-1})} of {len(lines)} lines, {owner.count(-1)} on none")

# %% [markdown]
# One page is an illustration, no measurement. [docs/measured/pages.md](../docs/measured/pages.md) has the measured
# table: fifty real pages, photos and scans, beside another reader.
#
# ## Exercise 12.1 · Lost and twice *(6 minutes)*
# For each line that was found, `owner` holds the number of the true line that it lies on (-1: on none). Return how
# many true lines were found twice or more, and how many were lost.


# %% tags=["exercise"]
def twice_and_lost(owner: list[int], lines: int) -> tuple[int, int]:
    """(found twice or more, lost), of the true lines 0, 1, ... lines - 1."""
    # SOLUTION
    times = [owner.count(number) for number in range(lines)]
    return sum(count > 1 for count in times), times.count(0)
    # END


# %% tags=["check"]
from htr_utils.course.exercises import check

check("12.1", twice_and_lost)

# %% [markdown]
# ## Exercise 12.2 · Cut a profile *(10 minutes)*
# Return the runs of rows that hold more ink than `level`, as (first row, row after the last), in order.


# %% tags=["exercise"]
def runs_of(profile: list[float], level: float) -> list[tuple[int, int]]:
    """Each run of rows over `level`."""
    # SOLUTION
    made, start = [], None
    for row, ink_of_row in enumerate([*profile, level]):
        if ink_of_row > level and start is None:
            start = row
        elif ink_of_row <= level and start is not None:
            made.append((start, row))
            start = None
    return made
    # END


# %% tags=["check"]
check("12.2", runs_of)

# %% [markdown]
# ## Exercise 12.3 · Light without shadow *(10 minutes)*
# Divide a grey picture by its paper: at each point the brightest value within `reach` pixels in both directions.
# Paper must become 1. `scipy.ndimage.maximum_filter` is allowed.


# %% tags=["exercise"]
def without_shadow(grey: np.ndarray, reach: int) -> np.ndarray:
    """float (height, width): 1 = paper, lower = ink."""
    # SOLUTION
    from scipy.ndimage import maximum_filter

    return grey / np.maximum(maximum_filter(grey.astype(float), size=2 * reach + 1), 1e-6)
    # END


# %% tags=["check"]
check("12.3", without_shadow)

# %% [markdown]
# ## Read it
#
# Each line is cut out, level and alone, and read as any other line. Nothing below knows that it came from a photo.

# %%
from htr_utils import Recognizer

recognizer = Recognizer.load(run.model)
readings = recognizer.read([line.crop for line in found.lines], decoder="greedy")
for number, reading in enumerate(readings[:6], 1):
    print(f"{number:2}  {reading.text}")

# %% [markdown]
# With some good will you can guess what was meant; nobody would call it a reading. The finding was right, so the
# fault lies elsewhere. How large is it? The true texts of both letters are known, so measure the
# [CER](../docs/guide/glossary.md#cer) ([Characters and metrics](03_characters_and_metrics.ipynb)). `material` finds
# the lines of both and puts the true text beside each. (With `my_lines` it gives the first two thirds of your
# corrected lines in place of the first letter, and the last third in place of the second.)

# %%
from htr_utils.text.metrics import cer


def texts(reader: Recognizer, pictures: list) -> list[str]:
    return [reading.text for reading in reader.read(pictures, decoder="greedy")]


(crops_one, truth_one), (crops_two, truth_two) = letters.material(run.my_lines)
before_one, before_two = texts(recognizer, crops_one), texts(recognizer, crops_two)
print("learnt from later:", cer(before_one, truth_one, seed=run.seed))
print("never learnt from:", cer(before_two, truth_two, seed=run.seed))

# %% [markdown]
# ## See why it fails
#
# Put rendered lines, of the kind that the model learned from, beside lines of the letter, as the network sees them:
# paper taken out, fitted to one height ([Images and augmentation](02_images_and_augmentation.ipynb)). (It learned
# from real lines as well, which are not part of the course.)

# %% tags=["figure"]
from htr_utils.lines import iam

known = iam.read().split("train")[100:1700:400]
theirs = [recognizer.prepare(line.path).ink for line in known]
ours = [recognizer.prepare(line.crop).ink for line in found.lines[:4]]
plots.hands({"rendered lines": theirs, "lines of the page": ours})

# %% [markdown]
# The upper ones are of a kind that it knows well. In the lower ones letters are narrow, so that each has fewer
# frames, and crowded, so that neighbours run into each other. Which of this hurts most the picture cannot say; that
# such a distance hurts, the numbers above did. It is the [**domain gap**](../docs/guide/glossary.md#domain-gap).
# The [recogniser](../docs/guide/glossary.md#recogniser) itself notices: compare how sure it is.

# %% tags=["figure"]
elsewhere = recognizer.read([line.path for line in iam.read().split("test")[::60]])
groups = {
    "this page": [c.confidence for reading in readings for c in reading.characters],
    "embedded test lines": [c.confidence for reading in elsewhere for c in reading.characters],
}
plots.confidences(groups)

# %% [markdown]
# Low confidence costs nothing to compute and needs no true text: on your own page it is the first thing to look at.
#
# What to do? A language model mends some words ([Decoding](09_decoding.ipynb)). More fonts would help everybody a
# little. But nothing helps with *this* hand like lines of this hand.
#
# ## Correct ten lines
#
# Correcting is quicker than typing: the reading is there, you only mend it. `make serve` opens a page in the
# browser that does it: drop the photo, mend each line, press Enter, and download *Training data*. That is a zip.
# Unpacked, it is a folder of line pictures with a table `transcriptions.tsv`: name, tab, text. Unpack those of all
# your pages side by side into one folder, and give its path as `my_lines`.
#
# Here the chapter plays your part and takes the true texts of the first letter.

# %%
import tempfile
from pathlib import Path

from htr_utils.lines import labels

workshop = Path(tempfile.mkdtemp(prefix="htr-11-"))
some = slice(run.corrected)
folder = letters.keep(crops_one[some], truth_one[some], workshop / "corrected")
lines = labels.read(folder)  # what `htr train --data` will see
print(f"{len(lines)} lines, {sum(len(line.text) for line in lines)} characters")

# %% [markdown]
# Read your corrections once more before you train. With ten lines, one wrong text is a tenth of the lesson.
#
# ## Exercise 12.4 · Predict *(2 minutes)*
# After the training, which rate will be lower: that of "the corrected lines" or that of "the second letter"? Both
# are in the same hand. Answer before you run on.

# %% tags=["exercise"]
lower_rate = (  # "the corrected lines" or "the second letter"
    # SOLUTION
    "the corrected lines"
    # END
)

# %% tags=["check"]
check("12.4", lower_rate)

# %% [markdown]
# ## Fine-tune
#
# Start from the trained weights, not from random ones: the model can read, it only has to bend. Three things are
# different from the short training of [Training](08_training.ipynb). Every pass distorts the lines anew, so that
# ten lines are never the same ten. Nearly a third of what it sees are embedded lines, so that other hands are not
# forgotten. And it is over in seconds.

# %%
target, settings = workshop / "mine.keras", {"epochs": run.epochs, "seed": run.seed}
tuned = Recognizer.load(letters.fine_tune(folder, run.model, target, **settings))
after_one, after_two = texts(tuned, crops_one), texts(tuned, crops_two)
print(f"{run.epochs} passes over {len(lines)} lines done")

# %% [markdown]
# On the command line it is `htr train --data FOLDER --init course --out mine.keras`, which trains for some minutes,
# keeps every tenth line to choose the best epoch, and can be interrupted.
#
# ## What goes wrong: marking your own homework
#
# How much better is it? Measure the lines that you have corrected, as many users do.

# %%
learnt_before, learnt_after = (
    cer(read[some], truth_one[some], seed=run.seed) for read in (before_one, after_one)
)
print(f"CER of the lines it learnt from: {learnt_before.value:.0%} -> {learnt_after.value:.0%}")

# %% [markdown]
# Wonderful, and worthless: the model has seen these lines and their texts. It may have learnt the hand, or the ten
# texts by heart. The second letter tells, since no training saw it; and lines in other hands tell what the lesson
# cost.

# %% tags=["figure"]
others = iam.read().split("test")[::45]
others_truth, pictures = [line.text for line in others], [line.path for line in others]
others_before, others_after = texts(recognizer, pictures), texts(tuned, pictures)
rates = {"the corrected lines": (learnt_before, learnt_after)}
for name, before, after, truth in (
    ("the second letter", before_two, after_two, truth_two),
    ("other hands", others_before, others_after, others_truth),
):
    rates[name] = cer(before, truth, seed=run.seed), cer(after, truth, seed=run.seed)
plots.before_after(rates)

# %% [markdown]
# The truth is in the middle row. The last row is the price: a model that bends to you bends away from others. So
# keep the old file, and give each hand its own. Is the gain in the middle more than chance? Both models met the
# same lines, so draw lines for both together ([Evaluation](11_evaluation.ipynb)).

# %%
from htr_utils.text.metrics import edits

pairs = zip(before_two, after_two, truth_two, strict=True)
gain = np.array([edits(before, truth) - edits(after, truth) for before, after, truth in pairs])
draws = np.random.default_rng(run.seed).integers(len(gain), size=(1000, len(gain)))
low, high = np.percentile(gain[draws].mean(axis=1), (2.5, 97.5))
print(f"edits saved a line: {gain.mean():.0f}, 95 % interval {low:.0f} to {high:.0f}")
before, after = (rate.value for rate in rates["the second letter"])
run.record(unseen_before=before, unseen_after=after, learnt_after=learnt_after.value)

# %% [markdown]
# ## Read again
#
# The second letter, line by line: before, after, and what was written.

# %% tags=["nbval-ignore-output"]
for b, a, t in list(zip(before_two, after_two, truth_two, strict=True))[:5]:
    print(f"before   {b}\nafter    {a}\nwritten  {t}\n")

# %% [markdown]
# Which of the errors that are left would ten *other* lines have cured? Letters that hardly occur in the ten
# corrected lines are still read as before. Choose lines with rare letters, capitals and digits, and correct those
# that are read worst.
#
# Honest limits: this hand is a font, so each `a` has one shape at heart. A real hand varies more; how many lines
# yours needs, you find out as here, on a page that no training saw. Twelve lines of one letter are a small test,
# too: the interval says so. And the average gains; a single line may well be read worse than before.

# %% [markdown]
# ## Exercise 12.5 · Measure what was forgotten *(8 minutes)*
# Write a function that returns by how many *percentage points* the CER of some lines rose (negative: fell). Then
# apply it to `others_before`, `others_after` and `others_truth`: was it worth the price?


# %% tags=["exercise"]
def forgotten(before: list[str], after: list[str], truth: list[str]) -> float:
    """CER after minus CER before, in percentage points; edits and lengths are pooled over the lines."""
    # SOLUTION
    wrong = [
        sum(edits(a, b) for a, b in zip(texts, truth, strict=True)) for texts in (before, after)
    ]
    return 100 * (wrong[1] - wrong[0]) / sum(map(len, truth))
    # END


# %% tags=["check"]
check("12.5", forgotten)

# %% [markdown]
# ## Summary
#
# A row profile finds the lines of a tidy page and fails on a photo; a small network that says where the cores of
# lines are needs no method for each trouble. Lines lost and lines found twice are the errors to count. A hand far
# from the training data is read badly, and the confidence shows it without any true text. Ten corrected lines and
# some seconds of training bring the errors on an unseen page down clearly. Measured on the corrected lines
# themselves, the gain looks far larger than it is.
#
# ## Quiz
#
# **1. Why divide by the paper's tone, when subtracting is as quick?**
# <details><summary>Answer</summary>
# A shadow takes away a *share* of the light, from ink and paper alike. Dividing undoes a share; after subtracting,
# ink in the shade would still be fainter than ink in the light.
# </details>
#
# **2. Your page has two columns and the result mixes them line by line. Which step failed?**
# <details><summary>Answer</summary>
# Finding the lines: they were followed across the empty strip between the columns. A row profile always does that;
# a finder that learns is taught where lines end.
# </details>
#
# **3. A friend reports 1 % CER after fine-tuning on 30 lines of a diary, measured on these. What do you ask for?**
# <details><summary>Answer</summary>
# A page that no training saw, its CER before and after, how many lines it has, and the rate on another hand.
# </details>
#
# ## Further reading
#
# - O. Ronneberger, P. Fischer, T. Brox: [*U-Net: convolutional networks for biomedical image
#   segmentation*](../docs/guide/bibliography.md#ronneberger-2015), MICCAI 2015: down, up, and the finer stages added.
#
# Next: [13 · Experiments](13_experiments.ipynb). Back to [11 · Evaluation](11_evaluation.ipynb), or to the map in
# [0 · Start here](00_start_here.ipynb).
