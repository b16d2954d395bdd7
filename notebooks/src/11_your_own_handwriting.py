# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 11 · Your own handwriting: from a photo to a reader that knows you
#
# After this chapter you can take a photo of a page to its lines, say why a recogniser fails on a hand that it has
# not met, and teach it that hand with ten corrected lines.
#
# *35 minutes to read, 40 for the exercises. Needs only the package.*
#
# **You will**
#
# 1. straighten a photographed page: perspective, shadow, turn, rules; each step seen;
# 2. find its lines in two ways, and count the two errors that hurt most: lines lost and lines found twice;
# 3. correct ten lines, [fine-tune](../docs/glossary.md#fine-tuning), and measure the gain honestly.
#
# Models that shine in a paper often stumble over the first photo that a user brings. The sheet is crooked, a shadow
# lies on it, and the hand is one that nobody trained on. How far can you get with ten lines of patience?

# %% tags=["parameters"]
my_image: str = (
    ""  # photo or scan of a page of your own (JPEG, PNG, TIFF, PDF); "" for a sample letter
)
my_lines: str = (
    ""  # folder of your corrected lines with transcriptions.tsv; "" for those of the letters
)
model: str = "course"  # the model to start from: a name, or the path of a .keras file
corrected: int = 10  # how many lines of the first letter are corrected and learnt from
epochs: int = 24  # passes over the corrected lines
seed: int = 0  # of the distortions, the mixing and the bootstrap

# %%
from htr_utils.course.parameters import validate

run = validate(
    my_image=(my_image or None, "path"), my_lines=(my_lines or None, "path"), model=(model, "text", 1, 400),
    corrected=(corrected, "int", 4, 5000), epochs=(epochs, "int", 1, 500), seed=(seed, "int", 0, None),
)  # fmt: skip

# %% [markdown]
# ## Photograph
#
# Lay the sheet on a darker table, near a window. Hold the phone above its middle, let all four corners be seen, and
# keep your own shadow off it. A line of writing should be at least 40 pixels high: any phone does that for a page.
#
# Until you bring such a photo (`my_image`), you work on two letters in `data/samples/pages`. Be clear about what
# they are: [**rendered**](../docs/glossary.md#rendered) with a handwriting font that no training saw, narrow,
# leaning and joined on purpose, then **composed** into a "photo" by a program that draws the table, the lamp and
# the shadow. They stand in for real ones.

# %% tags=["figure"]
from htr_utils import pages
from htr_utils.course import letters
from htr_utils.course.plots import pages as plots

one, two = letters.samples()  # .grey: uint8 (height, width); .lines: text and outline of each line
photo = pages.open_pages(run.my_image)[0] if run.my_image else one.grey
plots.steps(
    [photo, two.grey],
    ["the page of this chapter", "a second letter in the same hand, for later"],
    alt="Two photos of handwritten pages on a dark table, both tilted, the ink thin, a soft shadow over a corner.",
    facts=f"{photo.shape[0]} x {photo.shape[1]} and {two.grey.shape[0]} x {two.grey.shape[1]} pixels",
)

# %% [markdown]
# `open_pages` also turns a photo upright as the phone's EXIF note asks, and takes every page of a PDF or TIFF file.
#
# ## Undo the perspective
#
# A sheet seen from the side is a crooked four-sided shape. Where are its corners? The sheet is lighter than the
# table, so candidates come from thresholds and from strong edges. The one whose four sides best part light from
# dark wins. Four points then fix the **perspective transform**, a 3 x 3 matrix.

# %%
import cv2
import numpy as np

from htr_utils.pages import sheet

corners = sheet.corners(
    photo
)  # float (4, 2): x and y, clockwise from top left; None: no table is seen
height, width = photo.shape
frame = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
from_above = photo
if corners is not None:
    from_above = cv2.warpPerspective(
        photo, cv2.getPerspectiveTransform(corners, frame), (width, height)
    )
print("the sheet stands out from the table:", corners is not None)

# %% [markdown]
# Ratios of tones decide, not differences: a shadow that falls across sheet *and* table leaves the ratio as it is.
#
# ## Take the shadow out
#
# Paper in the shade is grey, and ink in the light may be as grey. So no single threshold parts them. But near
# any point the [*paper*](../docs/glossary.md#paper) is the brightest thing, and a shadow is smooth. Guess the
# paper, then divide by it. From scratch: the brightest value of each block, made smooth, scaled up.

# %%
block = 24
rows, columns = from_above.shape[0] // block, from_above.shape[1] // block
tiles = from_above[: rows * block, : columns * block].reshape(rows, block, columns, block)
brightest = np.percentile(tiles, 90, axis=(1, 3)).astype(np.float32)  # (rows, columns)
brightest = cv2.GaussianBlur(
    cv2.morphologyEx(brightest, cv2.MORPH_CLOSE, np.ones((3, 3))), (0, 0), 1
)
paper = cv2.resize(
    brightest, from_above.shape[::-1], interpolation=cv2.INTER_CUBIC
)  # (height, width)
by_hand = np.clip(255.0 * from_above / np.maximum(paper, 1), 0, 255).astype(np.uint8)
library = sheet.flatten(from_above)
near = np.abs(by_hand.astype(int) - library) < 24
print(f"by hand and by the library alike, within 24 grey levels: {near.mean():.0%} of the pixels")

# %% [markdown]
# The library closes the picture with a disc instead of blocks: a stroke is thinner than the disc, so it vanishes,
# and what stays is paper. It is the same idea as in chapter 2, for a whole page. Blocks pay for being simple at the
# edge of a shadow: there a block holds light and dark paper at once, and one value cannot be both. Look for the grey
# band that this leaves, in the middle picture below.
#
# ## Level the lines
#
# Not every photo shows the corners, and a scan may lie askew. So the lines themselves must tell how the page is turned.
# Turn it a little, and sum the ink of each row. When the lines lie level, rows are either full or empty: the row
# profile is at its *sharpest*. So try many turns, and take the sharpest. Your page came out level from its corners;
# turn it by three degrees on purpose, to see whether the method finds the way back.

# %%
ink = sheet.ink_mask(library)  # uint8 (height, width): 1 = ink
centre = (width / 2, height / 2)


def turned(picture: np.ndarray, degrees: float, outside: int) -> np.ndarray:
    """The picture turned about its middle, clockwise; what comes in from outside has one tone."""
    matrix = cv2.getRotationMatrix2D(centre, -degrees, 1.0)  # (2, 3); OpenCV counts anticlockwise
    return cv2.warpAffine(picture, matrix, (width, height), borderValue=outside)


# %% [markdown]
# A turn moves a point up or down in proportion to how far to the right it lies, nothing else for small angles. So no
# picture needs turning to try an angle: shift the rows of the ink, and count.

# %% tags=["figure"]
y, x = np.nonzero(turned(ink, 3.0, 0))  # rows and columns of the ink


def sharpness(angle: float) -> float:
    """Sum of squared steps between neighbouring rows, after turning by `angle` degrees clockwise."""
    rows_now = (y + np.tan(np.deg2rad(angle)) * x).astype(int) // 2
    return float((np.diff(np.bincount(rows_now - rows_now.min())) ** 2).sum())


angles = np.arange(-6, 6.1, 0.25)
values = np.array([sharpness(angle) for angle in angles])
best = float(angles[values.argmax()])
plots.turns(
    angles, values, found=best, pictures=[turned(library, 3.0, 255), turned(library, 3.0 + best, 255)],
    alt="A curve over the turn in degrees with one narrow peak; beside it the page with lines that fall to the right, "
    "and the same page turned back by the turn of the peak, its lines level.",
)  # fmt: skip
print("the turn is found within half a degree:", abs(best + 3.0) <= 0.5)
print("the library finds none in the page as it was:", abs(sheet.skew(library)) <= 0.5)

# %% [markdown]
# ## Take the rules out
#
# Ruled paper is a trap: a rule is dark, long and level, so it looks like a perfect line of writing. But it is
# *thinner* than a letter and runs from edge to edge without a gap. `straighten` does all four steps, the rules
# last: on a rule, each column is filled from the paper above and below; where a stroke crosses, the stroke stays.

# %% tags=["figure"]
made = sheet.straighten(photo)  # .image: the page; .to_given: the way back to the photo, (3, 3)
views = [photo, by_hand, made.image]
plots.steps(
    views,
    ["corners found", "from above, divided by your paper", "level, without rules"],
    corners=corners,
    alt="Three pictures of one page: the photo with its four corners marked, the same from above in nearly even light "
    "with a grey band where the shadow's edge was, and level with the rules gone so that the writing is left.",
    facts=f"dark pixels on the page: {'fewer' if (made.image < 200).mean() < (by_hand < 200).mean() else 'more'} "
    "after the rules are taken out",
)

# %% [markdown]
# ## Find the lines, the plain way
#
# The page is level now. Sum the ink of each row again: every line should be a hill, every gap a valley. Cut
# wherever the profile falls below a level. It is the oldest method, a [**projection
# profile**](../docs/glossary.md#projection-profile), and ten lines of code.

# %% tags=["figure"]
clean = sheet.ink_mask(made.image)
profile = cv2.blur(clean.sum(axis=1, dtype=np.float32)[:, None], (1, 9))[:, 0]  # (height,)
level = 0.25 * float(np.percentile(profile[profile > 0], 90))
above = np.concatenate([[False], profile > level, [False]])
edges = np.flatnonzero(above[1:] != above[:-1]).reshape(-1, 2)  # (runs, 2)
cuts = [(int(top), int(bottom)) for top, bottom in edges if bottom - top > 8]
plots.profile(
    made.image, profile, level, cuts,
    alt="The levelled page with shaded stripes over its lines, and beside it the ink of each row: a hill "
    "for each line, and low ground between them.",
)  # fmt: skip

# %% [markdown]
# On a tidy page that may do. Where does it break? [docs/pages.md](../docs/pages.md) counts it on composed pages. Two
# columns break it altogether, since a straight row crosses both. Turned and photographed pages come next, although
# they were levelled first. Lines that touch or slope cost it little there, on the average.
#
# ## Find the lines, the better way
#
# `pages.find` follows each line instead of cutting through all. Blur the ink much along the rows and little across
# them, and a line of letters becomes one ridge. The blur must fit the size of the letters, which the strongest
# answer over several blurs tells. Follow the crest of each ridge from column to column, join pieces that continue
# each other, and you have the middle of each line, however it bends. A piece of ink goes to the line whose middle
# it crosses; ink that joins two lines is cut where the cut costs least.

# %% tags=["figure"]
found = pages.find(photo)
right = made.image.shape[1]
stripes = [np.array([[0, top], [right, top], [right, bottom], [0, bottom]]) for top, bottom in cuts]
plots.outlines(
    [photo, made.image],
    [[line.polygon for line in found.lines], stripes],
    ["ridges, drawn on the photo", "rows of the profile"],
    alt="The photo with a numbered outline around each line, following its slope, beside the levelled page with "
    "straight stripes from the row profile.",
)  # fmt: skip

# %% [markdown]
# Notice the outlines on the *photo*: each step was a matrix, so a place can be sent back. You will want that when
# somebody asks where on the page a word stands.
#
# ## How good is that?
#
# A line that is **lost** is text that nobody will ever read. A line **found twice** puts text into the result that
# nobody wrote. Count both, and one figure for the whole. A found line is right if it overlaps a true one by at least
# a half *and* comes in the right order. The overlap is [**IoU**](../docs/glossary.md#iou), intersection over union:
# the area that both cover, by the area that either covers. The share of found lines that are right is the precision,
# the share of true lines that were found right the recall, and [**F1**](../docs/glossary.md#f1) is their harmonic
# mean: 1 only if both are. Pages with known lines come from the composer that made the letters, with the test split's
# hands.

# %%
from htr_utils.course import line_finding

kinds = ("plain", "sloping", "columns")
for name, finder in (("profile", line_finding.profile), ("ridges", line_finding.ridges)):
    print(name)
    line_finding.detect(kinds, (3,), "test", finder)

# %% [markdown]
# One page of each kind is an illustration, no measurement. [docs/pages.md](../docs/pages.md) has the measured
# table: all kinds, many pages, intervals. [docs/pages-real.md](../docs/pages-real.md) does the same with *real* lines:
# with modern pens nothing is lost there, in letters of a hundred years ago some lines are lost or found twice.
#
# ## Exercise 11.1 · Lost and twice *(6 minutes)*
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

check("11.1", twice_and_lost)

# %% [markdown]
# ## Exercise 11.2 · Cut a profile *(10 minutes)*
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
check("11.2", runs_of)

# %% [markdown]
# ## Exercise 11.3 · Light without shadow *(10 minutes)*
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
check("11.3", without_shadow)

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
# [CER](../docs/glossary.md#cer) (chapter 3). `material` finds the lines of both and puts the true text beside each.
# (With `my_lines` it gives the first two thirds of your corrected lines in place of the first letter, and the last
# third in place of the second.)

# %%
from htr_utils.text.metrics import cer

(crops_one, truth_one), (crops_two, truth_two) = letters.material(run.my_lines)
before_one, before_two = (
    [r.text for r in recognizer.read(crops, decoder="greedy")] for crops in (crops_one, crops_two)
)
print("learnt from later:", cer(before_one, truth_one, seed=run.seed))
print("never learnt from:", cer(before_two, truth_two, seed=run.seed))

# %% [markdown]
# ## See why it fails
#
# Put rendered lines, of the kind that the model learned from, beside lines of the letter, as the network sees them:
# paper taken out, fitted to one height (chapter 2). (It learned from real lines as well, which are not part of the
# course.)

# %% tags=["figure"]
from htr_utils.course.plots import base
from htr_utils.lines import iam

known = iam.read().split("train")[100:1700:400]
theirs = [recognizer.prepare(line.path).ink for line in known]
mine = [recognizer.prepare(line.crop).ink for line in found.lines[:4]]
widest = max(ink.shape[1] for ink in theirs + mine)
base.lines(
    [np.pad(ink, ((0, 0), (0, widest - ink.shape[1]))) for ink in theirs + mine],
    [f"rendered line by {line.writer_id}" for line in known] + [f"line {n + 1} of the page" for n in range(len(mine))],
    alt="Eight lines as the network sees them: four rendered lines in four hands, and below them four lines of the "
    "page in one hand, its letters narrow, thin and crowded.",
    facts=f"{len(theirs)} rendered lines above, {len(mine)} lines of the page below",
    ink=True,
)  # fmt: skip

# %% [markdown]
# The upper ones are of a kind that it knows well. In the lower ones letters are narrow, so that each has
# fewer frames, and crowded, so that neighbours run into each other. Which of this hurts most the picture cannot say;
# that such a distance hurts, the numbers above did. It is the [**domain gap**](../docs/glossary.md#domain-gap). The
# [recogniser](../docs/glossary.md#recogniser) itself notices: compare how sure it is.

# %% tags=["figure"]
elsewhere = recognizer.read([line.path for line in iam.read().split("test")[::60]])
groups = {
    "this page": [c.confidence for reading in readings for c in reading.characters],
    "embedded test lines": [c.confidence for reading in elsewhere for c in reading.characters],
}
plots.confidences(
    groups,
    alt="Two rising curves of how many characters lie below each confidence; the curve of this page lies well above "
    "that of the embedded test lines, so more of its characters are doubtful.",
)

# %% [markdown]
# Low confidence costs nothing to compute and needs no true text: on your own page it is the first thing to look at.
#
# What to do? A language model mends some words (chapter 8). More fonts would help everybody a little. But nothing
# helps with *this* hand like lines of this hand.
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
folder = letters.keep(
    crops_one[: run.corrected], truth_one[: run.corrected], workshop / "corrected"
)
lines = labels.read(folder)  # what `htr train --data` will see
print(
    f"{len(lines)} lines, {sum(len(line.text) for line in lines)} characters; the first: {lines[0].text}"
)

# %% [markdown]
# Read your corrections once more before you train. With ten lines, one wrong text is a tenth of the lesson.
#
# ## Exercise 11.4 · Predict *(2 minutes)*
# After the training, which rate will be lower: that of "the corrected lines" or that of "the second letter"? Both
# are in the same hand. Answer before you run on.

# %% tags=["exercise"]
lower_rate = (  # "the corrected lines" or "the second letter"
    # SOLUTION
    "the corrected lines"
    # END
)

# %% tags=["check"]
check("11.4", lower_rate)

# %% [markdown]
# ## Fine-tune
#
# Start from the trained weights, not from random ones: the model can read, it only has to bend. Three things are
# different from the short training of chapter 7. Every pass distorts the lines anew, so that ten lines are never the
# same ten. Nearly a third of what it sees are embedded lines, so that other hands are not forgotten. And it is over
# in seconds.

# %%
tuned_file = letters.fine_tune(
    folder, run.model, workshop / "mine.keras", epochs=run.epochs, seed=run.seed
)
tuned = Recognizer.load(tuned_file)
after_one, after_two = (
    [r.text for r in tuned.read(crops, decoder="greedy")] for crops in (crops_one, crops_two)
)
print(f"{run.epochs} passes over {len(lines)} lines done")

# %% [markdown]
# On the command line it is `htr train --data FOLDER --init course --out mine.keras`, which trains for some minutes,
# keeps every tenth line to choose the best epoch, and can be interrupted.
#
# ## What goes wrong: marking your own homework
#
# How much better is it? Measure the lines that you have corrected, as many users do.

# %%
learnt_before = cer(before_one[: run.corrected], truth_one[: run.corrected], seed=run.seed)
learnt_after = cer(after_one[: run.corrected], truth_one[: run.corrected], seed=run.seed)
print(
    "the lines it learnt from, errors at most half:", learnt_after.value <= learnt_before.value / 2
)

# %% [markdown]
# Wonderful, and worthless: the model has seen these lines and their texts. It may have learnt the hand, or the ten
# texts by heart. The second letter tells, since no training saw it; and lines in other hands tell what the lesson
# cost.

# %% tags=["figure"]
others = iam.read().split("test")[::45]
others_truth = [line.text for line in others]
others_before, others_after = ([r.text for r in reader.read([line.path for line in others], decoder="greedy")]
                               for reader in (recognizer, tuned))  # fmt: skip
second = cer(before_two, truth_two, seed=run.seed), cer(after_two, truth_two, seed=run.seed)
plots.before_after(
    {
        "the corrected lines": (learnt_before, learnt_after),
        "the second letter": second,
        "other hands": (
            cer(others_before, others_truth, seed=run.seed), cer(others_after, others_truth, seed=run.seed)
        ),
    },
    alt="For three sets of lines the error rate before and after: the corrected lines fall to a fraction, the second "
    "letter falls clearly but less, and lines in other hands, read well before, get somewhat worse.",
)  # fmt: skip

# %% [markdown]
# The truth is in the middle row. The last row is the price: a model that bends to you bends away from others. So
# keep the old file, and give each hand its own. Is the gain in the middle more than chance? Both models met the
# same lines, so draw lines for both together (chapter 10).

# %%
from htr_utils.text.metrics import edits

gain = np.array(
    [edits(b, t) - edits(a, t) for b, a, t in zip(before_two, after_two, truth_two, strict=True)]
)
draws = np.random.default_rng(run.seed).integers(len(gain), size=(1000, len(gain)))
low = float(np.percentile(gain[draws].mean(axis=1), 2.5))
print("on the average over such lines edits are saved, with 95 % certainty:", low > 0)
print("yet the lines it learnt from read better still:", learnt_after.value < second[1].value)
run.record(
    unseen_before=second[0].value, unseen_after=second[1].value, learnt_after=learnt_after.value
)

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
# Honest limits: this hand is a font, so each `a` has one shape at heart. A real hand varies more; how many lines yours
# needs, you find out as here, on a page that no training saw. Twelve lines of one letter are a small test, too: the
# interval says so. And the average gains; a single line may well be read worse than before.

# %% [markdown]
# ## Exercise 11.5 · Measure what was forgotten *(8 minutes)*
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
check("11.5", forgotten)

# %% [markdown]
# ## Summary
#
# A photo becomes lines in steps that can each be seen: corners, shadow, turn, rules, ridges. Lines lost and lines
# found twice are the errors to count. A hand far from the training data is read badly, and the confidence shows it
# without any true text. Ten corrected lines and some seconds of training bring the errors on an unseen page down
# clearly. Measured on the corrected lines themselves, the gain looks far larger than it is.
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
# `pages.find` first parts the page along strips that stay empty over many lines.
# </details>
#
# **3. A friend reports 1 % CER after fine-tuning on 30 lines of a diary, measured on these. What do you ask for?**
# <details><summary>Answer</summary>
# A page that no training saw, its CER before and after, how many lines it has, and the rate on another hand.
# </details>
#
# ## Further reading
#
# - W. Postl: [*Detection of linear oblique structures and skew scan in digitized
#   documents*](../docs/bibliography.md#postl-1986), ICPR 1986: the sharpest profile.
# - T. Lindeberg: [*Feature detection with automatic scale selection*](../docs/bibliography.md#lindeberg-1998),
#   IJCV 30, 1998: how the letters' size is found.
# - N. Arvanitopoulos, S. Süsstrunk: [*Seam carving for text line extraction on color and grayscale historical
#   manuscripts*](../docs/bibliography.md#arvanitopoulos-2014), ICFHR 2014: cutting where the cut costs least.
#
# Next: [12 · Experiments](12_experiments.ipynb). Back to [10 · Evaluation](10_evaluation.ipynb), or to the map in
# [0 · Start here](00_start_here.ipynb).
