# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 12 · Your own handwriting: from a photo to a reader that knows you
#
# After this chapter you can take a photo of a page to its lines, say why a recogniser fails on a hand that it has
# not met, and teach it that hand with lines that you corrected.
#
# *35 minutes to read, 70 for the exercises. Needs only the package.*
#
# **You will**
#
# 1. see a photo break the plain way to find lines, and train a small network that finds them;
# 2. count the two errors that hurt most, lines lost and lines found twice;
# 3. correct lines, [fine-tune](../docs/guide/glossary.md#fine-tuning), and measure the gain honestly.
#
# Models that shine in a paper often stumble over the first photo that a user brings. The sheet is crooked, a shadow
# lies on it, and the hand is one that nobody trained on. How far do you get with one page,
# corrected?

# %% tags=["parameters"]
my_image: str = ""  # photo or scan of a page of your own; "" for a sample letter
my_lines: str = ""  # folder of your corrected lines; "" for the one beside my_image, or the letters
model: str = "course"  # the model to start from: a name, or the path of a .keras file
examples: int = 240  # crops of composed pages that the small finder learns from
rounds: int = 5  # passes over these crops
epochs: int = 0  # passes over the corrected lines; 0: 9 of the samples, 80 of a hand of your own
frozen: bool = False  # whether the convolutions stay as they are in fine-tuning
seed: int = 0  # of the distortions, the mixing and the bootstrap

# %%
from htr_utils.course.parameters import validate

run = validate(
    my_image=(my_image or None, "path"), my_lines=(my_lines or None, "path"), model=(model, "text", 1, 400),
    examples=(examples, "int", 16, 20000), rounds=(rounds, "int", 1, 200),
    epochs=(epochs, "int", 0, 500), frozen=(frozen, "bool"), seed=(seed, "int", 0, None),
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
from htr_utils import Recognizer, pages
from htr_utils.course import letters, own
from htr_utils.course.plots import pages as plots

recognizer = Recognizer.load(run.model)
one, two = letters.samples()  # .grey: uint8 (height, width); .lines: text and outline of each line
page = own.page(run.my_image, recognizer) if run.my_image else pages.find(two.grey)
photo, found = page.image, page.lines
plots.steps({"the page of this chapter": photo, "a sample letter": one.grey})

# %% [markdown]
# A page on its side or on its head is put upright, light ink on a dark ground is turned dark on light, and each such
# change is reported; a picture without writing is refused in one line.
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
    block = min(block, *grey.shape)
    rows, columns = grey.shape[0] // block, grey.shape[1] // block
    tiles = grey[: rows * block, : columns * block].reshape(rows, block, columns, block)
    brightest = np.percentile(tiles, 90, axis=(1, 3)).astype(np.float32)  # (rows, columns)
    brightest = cv2.GaussianBlur(brightest, (0, 0), 1)
    paper = cv2.resize(brightest, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(255.0 * grey / np.maximum(paper, 1), 0, 255).astype(np.uint8)


even = without_light(photo)
inner = tuple(slice(side // 4, -side // 4) for side in photo.shape)  # without the edges
print(f"paper (255 = white): {np.median(photo[inner]):.0f} -> {np.median(even[inner]):.0f}")

# %% [markdown]
# It is the same idea as in [Images and augmentation](02_images_and_augmentation.ipynb), for a whole page. Blocks
# pay for being simple: at the edge of a shadow a block holds light and dark paper at once, and one value cannot be
# both.
#
# ## Find the lines, the plain way
#
# Sum the ink of each row: every line should be a hill, every gap a valley. Cut wherever the profile falls below a
# level. It is the oldest method, a [**projection profile**](../docs/guide/glossary.md#projection-profile), and ten
# lines of code.


# %% tags=["figure"]
def runs_above(picture: np.ndarray) -> tuple[np.ndarray, float, list[tuple[int, int]]]:
    """How much ink each row holds, the level of the cut, and the runs of rows above it."""
    ink = picture < 160
    profile = cv2.blur(ink.sum(axis=1, dtype=np.float32)[:, None], (1, 9))[:, 0]  # (height,)
    level = 0.25 * float(np.percentile(profile[profile > 0], 90))
    above = np.concatenate([[False], profile > level, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1]).reshape(-1, 2)  # (runs, 2)
    return profile, level, [(int(top), int(bottom)) for top, bottom in edges if bottom - top > 8]


profile, level, cuts = runs_above(even)
plots.profile(even, profile, level, cuts)

# %% [markdown]
# On a level scan each line gives a hill, and the method is all that you need. On a photo the lines are not level, so
# a row crosses two of them; a table's grain counts as ink; rules are dark, long and level, so they look like
# perfect lines. You could mend each of these with a method of its own: corners, turn, rules. Every strange photo
# then asks for one more.
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

examples, cores, composed = small_finder.crops(16, run.examples, 160, run.seed)
print("crops:", examples.shape, "their cores:", cores.shape)
first = {"a crop": examples[0, ..., 0], "its cores": cores[0, ..., 0]}  # 0 to 1
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


sheet = keras.Input((None, None, 1))  # (batch, height, width, 1)
near = step(L.Conv2D(16, 8, strides=4, padding="same")(sheet), 24)  # (batch, height / 4, ...)
far = step(step(step(step(near, 32, 2), 48, 2), 48), 48)  # (batch, height / 16, ...)
both = L.Concatenate()([near, L.UpSampling2D(4, interpolation="bilinear")(far)])
small = keras.Model(sheet, L.Conv2D(1, 3, padding="same")(step(both, 24)))  # logits of the core
print(f"{small.count_params():,} parameters")

rate = keras.optimizers.schedules.CosineDecay(4e-3, run.rounds * len(examples) // 8)
loss = keras.losses.BinaryCrossentropy(from_logits=True)  # -log p of the true answer, yes or no
small.compile(keras.optimizers.Adam(rate), loss)
history = small.fit(examples, cores, batch_size=8, epochs=run.rounds, verbose=0).history
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
# Yours has an idea of lines after a few hundred crops. But this page is ruled, and it takes rules for lines as well:
# too few examples showed it that a rule is no writing. Give it more (`examples`, `rounds`) and look again. The
# published one saw hundreds of ruled pages.
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


mine, published = lines_of(maps[0]), [line.polygon for line in found]
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
true = published if run.my_image else two.polygons  # of your page nobody knows better
for name, polygons in {"row profile": stripes, "yours": mine, "published": published}.items():
    owner = small_finder.owners(true, polygons)
    print(f"{name:12} {len(set(owner) - {-1})} of {len(true)} lines, {owner.count(-1)} on none")

# %% [markdown]
# Yours hardly beats the profile on this page, if at all: the rules cost it what it gained. The published one, of the
# same kind, shows what more pages are worth. (For a page of your own its lines are taken for the true ones.) One page
# is an illustration, no measurement. [docs/measured/pages.md](../docs/measured/pages.md) has the measured table:
# fifty real pages, photos and scans, beside another reader.
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
# ## Exercise 12.2 · Light without shadow *(10 minutes)*
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
check("12.2", without_shadow)

# %% [markdown]
# ## Read it
#
# Each line is cut out, level and alone, and read as any other line. Nothing below knows that it came from a photo.

# %%
crops = [line.crop for line in found]
readings = recognizer.read(crops, decoder="greedy")
for number, reading in enumerate(readings[:6], 1):
    print(f"{number:2}  {reading.confidence:4.0%}  {reading.text}")

# %% [markdown]
# The percentages say how sure the [recogniser](../docs/guide/glossary.md#recogniser) is. That costs nothing and needs
# no true text, so look there first, and compare with lines of the kind that it was trained on.

# %%
from htr_utils.lines import iam

known = iam.read().split("train")[100:1700:400]
sure = [np.mean([one.confidence for one in recognizer.read([line.path for line in known])])]
sure.append(np.mean([reading.confidence for reading in readings]))
print(f"mean confidence: rendered lines {sure[0]:.0%}, this page {sure[1]:.0%}")

# %% [markdown]
# ## See why
#
# Put both kinds below each other, as the network sees them: paper taken out, fitted to one height. (It learned from
# real lines as well, which are not part of the course.)

# %% tags=["figure"]
theirs = [recognizer.prepare(line.path).ink for line in known]
plots.hands({"rendered lines": theirs, "the page": [recognizer.prepare(c).ink for c in crops[:4]]})

# %% [markdown]
# The rules catch the eye first, but the network knows ruled lines: painted out in six of these it read no better.
# Compare slant, width, and how letters are joined. Narrow letters have few frames each; crowded ones run into each
# other. Which of it hurts most the picture cannot say. Where a hand is far from all that the model learned from, it
# is read badly, however well it was photographed: the [**domain gap**](../docs/guide/glossary.md#domain-gap). More
# hands in the training help everybody a little. Nothing helps with *this* hand like lines of this hand.
#
# ## Whose handwriting is it?
#
# Before you collect lines, stop for a moment. Handwriting **identifies people**: experts and programs tell writers
# apart by it ([a study](../docs/guide/bibliography.md#srihari-2002)), and a letter names others besides. So ask
# the writer (and say for what), keep the pictures on your own machine (`make serve` sends nothing away), note when
# you will delete them, and remember the model: what it was tuned on can partly be told from it
# ([an attack](../docs/guide/bibliography.md#shokri-2017)). Treat a model of one hand like the letters that it
# learned from, and publish neither without consent.
#
# ## Correct its lines
#
# Correcting is quicker than typing: the reading is there, you only mend it. With `my_image` the next cell writes
# the lines of your page as pictures into a folder beside it, with their readings in a table `transcriptions.tsv`.
# Mend the table in any editor and run the chapter again: then **all** its lines are taken, and what you wrote is
# never overwritten. (For several pages, `make serve` does the same in the browser; unpack its *Training data* into
# one folder and give that as `my_lines`.) Without a page of yours, two sample letters and their true texts stand in.

# %%
from htr_utils.text.metrics import cer


def texts(reader: Recognizer, pictures: list) -> list[str]:
    return [reading.text for reading in reader.read(pictures, decoder="greedy")]


hand = letters.hand(run.my_image, run.my_lines, crops, [reading.text for reading in readings])
(learn, learn_truth), (unseen, unseen_truth) = hand.learn, hand.unseen
learn_before, unseen_before = texts(recognizer, learn), texts(recognizer, unseen)
for name, read, truth in (
    ("to learn from", learn_before, learn_truth),
    ("never learnt from", unseen_before, unseen_truth),
):
    print(f"{name}:", cer(read, truth, seed=run.seed))

# %% [markdown]
# Read your corrections once more before you train. With ten lines, one wrong text is a tenth of the lesson. And
# keep lines aside that no training sees, here one of the two letters, of your own page a third: without them you could
# not tell what you have won.
#
# ## Exercise 12.3 · Predict *(2 minutes)*
# After the training, which [CER](../docs/guide/glossary.md#cer) will be lower: that of "the learnt lines" or that of
# "the unseen lines"? Both are in the same hand. Answer before you run on.

# %% tags=["exercise"]
lower_rate = (  # "the learnt lines" or "the unseen lines"
    # SOLUTION
    "the learnt lines"
    # END
)

# %% tags=["check"]
check("12.3", lower_rate)

# %% [markdown]
# ## Fine-tune
#
# Start from the trained weights, not from random ones: the model can read, it only has to bend. Every pass distorts
# the lines anew, so that they are never quite the same. Nearly a third of what it sees are embedded lines, so that
# other hands are not forgotten. How many lines are enough? Train on the first 5, 10, 20, 40 of them, as far as there
# are so many, and on all, each time with as many passes: more lines are also more steps. (For a hand of your own it
# makes 80 passes instead of 9, some minutes in all.)

# %%
import tempfile
from pathlib import Path

target = Path(tempfile.mkdtemp(prefix="htr-own-")) / "mine.keras"
passes = run.epochs or (80 if hand.keep else 9)
settings = {"epochs": passes, "seed": run.seed, "frozen": run.frozen}
curve = {0: cer(unseen_before, unseen_truth, seed=run.seed)}
for count in [n for n in (5, 10, 20, 40) if n < 0.7 * len(learn)] + [len(learn)]:
    some = (learn[:count], learn_truth[:count])
    tuned = Recognizer.load(letters.fine_tune(some, run.model, target, **settings))
    curve[count] = cer(texts(tuned, unseen), unseen_truth, seed=run.seed)
print("lines learnt from:", *curve)

# %% [markdown]
# The band below is the 95 % interval over the unseen lines, of which there are few.

# %% tags=["figure", "nbval-ignore-output"]
from htr_utils.course.plots import base

drawing, axis = base.figure(height=2.8)
middle = [100 * rate.value for rate in curve.values()]
low, high = ([100 * getattr(rate, end) for rate in curve.values()] for end in ("low", "high"))
axis.fill_between(list(curve), low, high, alpha=0.2, color=base.BLUE)
axis.plot(list(curve), middle, "o-", color=base.BLUE)
axis.set(xlabel="corrected lines that it learnt from", ylabel="CER of unseen lines (%)")
axis.set_ylim(bottom=0)
told = ", ".join(f"{count}: {rate.value:.0%}" for count, rate in curve.items())
alt = f"A falling or rising curve, the CER of unseen lines after so many corrected lines: {told}."
base.show(drawing, alt=alt, facts=f"CER after so many lines: {told}")

# %% [markdown]
# Where the curve still falls at its end, more lines are worth your evening. (On the command line it is `htr train
# --data FOLDER --init course --out mine.keras`, which takes minutes and chooses its best epoch.)
#
# **Frozen or full?** With `frozen` in the parameters the convolutions stay as they are, and only what stands behind
# them learns. Measured on the two letters, trained as here, three seeds
# ([how](../docs/guide/training.md#frozen-or-full)): the unseen letter went from 32.0 % to 21.9 % with all weights and
# to 26.3 % with the convolutions frozen, other hands from 2.4 % to 4.2 % and to 2.6 %. So the frozen model forgot
# less, and learnt less. Is it so for your hand?
#
# ## What goes wrong: marking your own homework
#
# How much better is it? Many users measure the lines that they have corrected. Look at those, at the unseen ones,
# and at lines in other hands, which tell what the lesson cost.

# %% tags=["figure", "nbval-ignore-output"]
others = iam.read().split("test")[::45]
others_truth, pictures = [line.text for line in others], [line.path for line in others]
others_before, others_after = texts(recognizer, pictures), texts(tuned, pictures)
learn_after, unseen_after = texts(tuned, learn), texts(tuned, unseen)
rates = {}
for name, before, after, truth in (
    ("learnt lines", learn_before, learn_after, learn_truth),
    ("unseen lines, same hand", unseen_before, unseen_after, unseen_truth),
    ("other hands", others_before, others_after, others_truth),
):
    rates[name] = cer(before, truth, seed=run.seed), cer(after, truth, seed=run.seed)
plots.before_after(rates)

# %% [markdown]
# The first row is worthless, however good it looks: the model has seen these lines and their texts. It may have
# learnt the hand, or the texts by heart. The truth is in the middle row. The last row is the price: a model that
# bends to one hand bends away from others. So keep the old file, and give each hand its own. Is the gain in the
# middle more than chance? Both models met the same lines, so draw lines for both together
# ([Evaluation](11_evaluation.ipynb)).

# %% tags=["nbval-ignore-output"]
from htr_utils.text.metrics import edits

pairs = zip(unseen_before, unseen_after, unseen_truth, strict=True)
gain = np.array([edits(before, truth) - edits(after, truth) for before, after, truth in pairs])
draws = np.random.default_rng(run.seed).integers(len(gain), size=(1000, len(gain)))
low, high = np.percentile(gain[draws].mean(axis=1), (2.5, 97.5))
print(f"edits saved a line: {gain.mean():.0f}, 95 % interval {low:.0f} to {high:.0f}")
learnt, (before, after) = (rates[name] for name in list(rates)[:2])
run.record(
    unseen_before=before.value, unseen_after=after.value, learnt_after=learnt[1].value,
    curve={str(count): rate.value for count, rate in curve.items()},
)  # fmt: skip

# %% [markdown]
# ## Read the page again
#
# For a hand of your own, the model to keep learns from everything that you corrected, the unseen lines too: they
# have done their duty. Its file stands beside your table. Then it reads the page of this chapter once more.

# %% tags=["nbval-ignore-output"]
if hand.keep:
    tuned = Recognizer.load(letters.fine_tune(hand.all, run.model, hand.keep, **settings))
    print(f"kept: htr read --model {hand.keep} PAGE")
for old, new in list(zip(readings, texts(tuned, crops), strict=True))[:6]:
    print(f"before   {old.text}\nafter    {new}\n")

# %% [markdown]
# Which of the errors that are left would other lines have cured? Look for letters that hardly occur in the corrected
# ones. Next time choose lines with rare letters, capitals and digits, and those read worst.
#
# Honest limits: the sample letters are in a font, where each `a` has one shape at heart; a real hand varies more.
# How real hands gain is measured in [docs/measured/adapting.md](../docs/measured/adapting.md). A dozen unseen lines
# are a small test, too. And the average gains; a single line may well be read worse than before.

# %% [markdown]
# ## Exercise 12.4 · Measure what was forgotten *(8 minutes)*
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
check("12.4", forgotten)

# %% [markdown]
# ## Exercise 12.5 · A quarter of the size *(10 minutes)*
# A file for one hand each: they add up. A weight is stored in 16 or 32 bits; 8 are enough. For each output (column)
# take one scale, so that the largest absolute weight of the column becomes 127; then round weight / scale to whole
# numbers. Return these and the scales; a column of zeros gets the scale 1. Afterwards give the kernels of the LSTM
# and of the last layer of `tuned.model` back from their 8 bits (`w.assign(numbers * scales)`) and read `unseen`
# again: expect the CER to move by less than one point. (A line takes as long as before: the weights are multiplied in
# 32 bits again. Only the file is smaller.)


# %% tags=["exercise"]
def eight_bits(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(inputs, outputs) -> int8 of the same shape, and a scale for each output; weights stay as they are."""
    # SOLUTION
    largest = np.abs(weights).max(axis=0)
    scales = np.where(largest > 0, largest / 127, 1.0)
    return np.round(weights / scales).astype(np.int8), scales
    # END


# %% tags=["check"]
check("12.5", eight_bits)

# %% [markdown]
# ## Exercise 12.6 · Project: a model for one hand *(30 minutes)*
# Here is another hand, `letters.leaning()`: 30 lines that you may correct and 17 of other forms. You have patience
# for 20 of the 30, and time for 500 pictures (lines x passes). Which lines, how many passes, which batch and learning
# rate, frozen or not? The check trains by your plan (a minute or two) and reads the 17, whose CER is 23.1 % before.
# The first 20 lines with nine passes, as above, bring 17.1 %. The bar is 15 %.


# %% tags=["exercise"]
def tried(lines, **settings) -> float:
    """CER, in per cent, of the lines that are kept aside, after a training by the plan."""
    (offered, said), (aside, truth) = letters.leaning()
    chosen = [offered[n] for n in lines], [said[n] for n in lines]
    made = letters.fine_tune(chosen, run.model, target, seed=run.seed, **settings)
    return 100 * cer(texts(Recognizer.load(made), aside), truth).value


plan = (  # {"lines": numbers from 0 to 29, "epochs": passes, "batch": 5, "rate": 1e-3, "frozen": False}
    # SOLUTION
    # All the pictures that may be spent: many passes over few lines, each time distorted anew.
    {"lines": range(20), "epochs": 25, "batch": 5, "rate": 1e-3, "frozen": False}
    # END
)

# %% tags=["check"]
check("12.6", plan, tried)

# %% [markdown]
# ## Summary
#
# A network that says where the cores of lines are needs no method for each trouble of a photo. It needs pages that
# show these troubles: the small one of this chapter saw too few. Lines lost and lines found twice are the errors to
# count. A hand far from the training data is read badly, and the confidence
# shows it without any true text. A few corrected lines and some seconds of training bring the errors on unseen
# lines of this hand down clearly. Only lines that no training saw can tell.
#
# ## Quiz
#
# **1. Why divide by the paper's tone, when subtracting is as quick?**
# <details><summary>Answer</summary>
# A shadow takes away a *share* of the light, from ink and paper alike. Dividing undoes a share; after subtracting,
# ink in the shade would still be fainter than ink in the light.
# </details>
#
# **2. You want to publish the model that you tuned to your grandmother's diary. What do you ask first?**
# <details><summary>Answer</summary>
# Her, or her heirs: handwriting identifies people, and a model holds traces of the lines that it learned from.
# </details>
#
# **3. A friend reports 1 % CER after fine-tuning on 30 lines of a diary, measured on these. What do you ask for?**
# <details><summary>Answer</summary>
# Lines that no training saw, their CER before and after, how many they are, and the rate on another hand.
# </details>
#
# ## Further reading
#
# - O. Ronneberger, P. Fischer, T. Brox: [*U-Net: convolutional networks for biomedical image
#   segmentation*](../docs/guide/bibliography.md#ronneberger-2015), MICCAI 2015: down, up, and the finer stages added.
#
# Next: [13 · Experiments](13_experiments.ipynb). Back to [11 · Evaluation](11_evaluation.ipynb), or to the map in
# [0 · Start here](00_start_here.ipynb).
