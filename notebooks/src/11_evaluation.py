# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 11 · Evaluation and error analysis: what a number hides
#
# After this chapter you can say where a recogniser fails, how sure its error rate is, and whether two
# published numbers may be compared at all.
#
# *35 minutes to read, 40 for the exercises. Needs only the package.*
#
# **You will**
#
# 1. split one error rate by length, by writer and by character, and look at the misread letters;
# 2. put intervals around a rate and around a difference, and choose what to draw;
# 3. find the flaws that make a weak reader look strong: in the metric and in the split.
#
# "Our model reaches 5 % CER." Five per cent of what: whose lines, which spelling of spaces, with or without
# capitals, how many writers? Read this chapter before you believe such a sentence, or write one.

# %% tags=["parameters"]
data_root: str = ""  # a folder in IAM layout; "" for the embedded data
my_image: str = ""  # a picture of your own, a line or a page: how sure is it there? "" for none
model: str = "course"  # a model's name, or the path of a .keras file
lines: int = 140  # how many test lines are read
seed: int = 0  # of the bootstrap and of the shuffled split

# %%
from htr_utils.course.parameters import validate

run = validate(
    data_root=(data_root or None, "path"),
    my_image=(my_image or None, "path"),
    model=(model, "text", 1, 400),
    lines=(lines, "int", 2, 10000),
    seed=(seed, "int", 0, None),
)

# %% [markdown]
# ## One number
#
# You read lines spread over the test split, whose writers took part in no training. They are rendered, not written
# by hand: what you learn here is how to look, not how well real hands are read. And they are not untouched: the
# model was trained in five stages, and after each of them these lines were read and decided how it went on (its
# card, `model/course.md`, says so). On lines that nobody has looked at, expect a little worse.

# %%
from htr_utils import Recognizer
from htr_utils.lines import iam
from htr_utils.text.metrics import cer, edits

folder = iam.read(run.data_root)
test = folder.split("test")
chosen = test[:: max(1, len(test) // run.lines)][: run.lines]
recognizer = Recognizer.load(run.model)
readings = recognizer.read([line.path for line in chosen], decoder="greedy")
texts, truths = [reading.text for reading in readings], [line.text for line in chosen]
whole = cer(texts, truths, split="test", seed=run.seed)
print(whole)

# %% [markdown]
# The rate is **micro-averaged**: all edits, divided by all characters. Beside it stands the 95 % interval of the
# [bootstrap](../docs/guide/glossary.md#bootstrap) ([Characters and metrics](03_characters_and_metrics.ipynb)), and
# the [convention](../docs/guide/glossary.md#convention) of the spaces.
#
# ## By length
#
# Is a long line harder than a short one? Draw each line's own rate against its length.

# %% tags=["figure"]
import numpy as np

from htr_utils.course.plots import measures

wrong = np.array([edits(text, truth) for text, truth in zip(texts, truths, strict=True)])
lengths = np.array([len(truth) for truth in truths])
own_rates = wrong / lengths
measures.line_rates(lengths, own_rates, micro=wrong.sum() / lengths.sum(), mean=own_rates.mean())
long = lengths > np.median(lengths)
for name, some in (("the shorter half", ~long), ("the longer half", long)):
    rows = np.flatnonzero(some)
    print(f"{name}:", cer([texts[n] for n in rows], [truths[n] for n in rows], seed=run.seed))

# %% [markdown]
# Compare the rates of the two halves, not how high the dots lie: one lost letter is a large share of a short line.
# Their intervals overlap widely: these lines do not show that long ones are harder or easier. The mean of the lines'
# own rates lets a line of one word weigh as much as a line of twelve. Here most lines are about equally long, so the
# two averages hardly differ.
#
# ## By writer
#
# Now sort the same edits by who wrote the line.

# %% tags=["figure"]
from htr_utils.course.plots import errors as plots

writers = [line.writer_id for line in chosen]
by_writer = {}
for name in sorted(set(writers)):
    rows = [n for n, writer in enumerate(writers) if writer == name]
    by_writer[name] = cer([texts[n] for n in rows], [truths[n] for n in rows], seed=run.seed)
plots.writers(by_writer, whole=whole)

# %% [markdown]
# Errors are not spread evenly: some hands make far more than others. So the lines of one writer are not independent
# witnesses. If another writer came along, how would the rate move?
#
# ## Exercise 11.1 · Predict *(2 minutes)*
# The bootstrap may draw single lines, or whole writers with all their lines. Which interval will be wider?
# Answer "lines" or "writers" before you run the next cell.

# %% tags=["exercise"]
wider_interval = (  # "lines" or "writers"
    # SOLUTION
    "writers"
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("11.1", wider_interval)

# %% [markdown]
# Now measure it: the same edits, drawn in two ways.

# %%
over_writers = cer(texts, truths, split="test", seed=run.seed, groups=writers)
print("drawing lines:  ", whole)
print("drawing writers:", over_writers)
print(f"{len(set(writers))} writers stand behind {len(chosen)} lines")

# %% [markdown]
# Draw writers when you ask "how would it read *other people*?", which is what most readers of your number want to
# know. With a dozen writers even that interval is too narrow: where the writers' rates are spread evenly, the rate
# for all people lies outside in about 8 of 100 such studies, not in 5; where a few writers are far worse than the
# rest, in up to 20. Drawing single lines pretends that every line had a writer of its own. (For
# other lines by *these* people, draw anew within each writer.)
#
# ## By character
#
# Which characters fail? Count how often each character of the truth was written, and how often it was misread or
# lost. `confusions` lists the edits that the table of [Characters and metrics](03_characters_and_metrics.ipynb)
# finds; one without a true character is an insertion.

# %%
from collections import Counter

from htr_utils.text.metrics import confusions

written, missed = Counter("".join(truths)), Counter()
for true, _, count in confusions(texts, truths, top=None):
    if true:
        missed[true] += count
often = {c: (missed[c], count) for c, count in written.items() if count >= 5}
print(f"{sum(missed.values())} of {sum(written.values()):,} characters misread or lost")

# %% [markdown]
# The eight worst of those that are written at least five times, and what is read in their place: a [**confusion
# matrix**](../docs/guide/glossary.md#confusion), a row for each true character. (`∅` is nothing: the
# character was lost.)

# %% tags=["figure"]
from htr_utils.course.plots import base

worst_ones = sorted(often, key=lambda c: (-often[c][0] / often[c][1], c))[:8]
pairs = [(true, read or "∅", n) for true, read, n in confusions(texts, truths, top=None)]
pairs = [one for one in pairs if one[0] in worst_ones]
read_as = list(dict.fromkeys(read for _, read, _ in pairs))[:20]
matrix = np.zeros((len(worst_ones), len(read_as)))  # per cent of the times it is written
for true, read, count in pairs:
    if read in read_as:
        matrix[worst_ones.index(true), read_as.index(read)] = 100 * count / written[true]
drawing, axis = base.figure(height=3.2)
bar = drawing.colorbar(axis.imshow(matrix, cmap="Blues", aspect="auto"))
bar.set_label("of its occurrences (%)")
axis.set_xticks(range(len(read_as)), read_as)
axis.set_yticks(range(len(worst_ones)), [f"{c}  of {written[c]}" for c in worst_ones])
axis.set(xlabel="read as", ylabel="written, how often")
told = ", ".join(f"{c!r} {often[c][0]} of {often[c][1]}" for c in worst_ones[:5])
alt = f"A matrix of written against read characters, most often misread on top: {told}."
base.show(drawing, alt=alt, facts=f"most often misread or lost: {told}")

# %% [markdown]
# Look at the counts before you draw conclusions. A row that stands on six occurrences says little. Two reasons
# bring a character here: it is rare in the training as well, or it is a few pixels of ink that look like a speck or
# like another mark. Which is it for the worst ones? Quotation marks are not rare in the embedded training texts.
#
# ## See the errors
#
# A table of counts never tells you *why*. The reading knows where each character stood, so cut the place out
# of the picture, and look. What was written stands before the arrow, what was read behind it; the mark below each
# picture points at the place.

# %% tags=["figure"]
from rapidfuzz.distance import Levenshtein

from htr_utils.lines import images

misread = []  # picture, x of the character, written > read
for line, reading in zip(chosen, readings, strict=True):
    for step in Levenshtein.editops(line.text, reading.text):
        if step.tag == "replace":
            pair = f"{line.text[step.src_pos]} > {reading.text[step.dest_pos]}"
            misread.append((images.load(line.path), reading.characters[step.dest_pos].x, pair))
plots.crops(misread[:16])

# %% [markdown]
# Which would *you* have misread without the neighbours? Those need language ([Decoding](09_decoding.ipynb)). Which
# are clear to you? Those need more training material of that kind. A first sorting by **cause** needs no eye:


# %%
def cause(true: str, read: str) -> str:
    if " " in (true, read):
        return "a space"
    if not (true + read).isalpha():
        return "a digit or a mark"
    if not true or not read:
        return "a letter lost or invented"
    return "small or capital" if true.lower() == read.lower() else "letter for letter"


def causes(predictions: list[str]) -> Counter:
    counted = Counter()
    for true, read, count in confusions(predictions, truths, top=None):
        counted[cause(true, read)] += count
    return counted


for name, count in causes(texts).most_common():
    print(f"{count:4} {count / wrong.sum():4.0%}  {name}")

# %% [markdown]
# Which of these can a language model mend? Guess now; you count them again below.
#
# ## The worst lines
#
# The ten worst lines deserve a look each, whatever the average says. In real data they often show a fault of the
# data, not of the model: a wrong crop, a wrong transcription, a line crossed out. You see them without their paper,
# as the network does ([Images and augmentation](02_images_and_augmentation.ipynb)); `^` marks what is wrong.

# %% tags=["figure"]
worst = sorted(range(len(chosen)), key=lambda n: (-own_rates[n], chosen[n].id))[:10]
plots.worst([(chosen[n].image(), truths[n], texts[n]) for n in worst])
print(f"the ten worst lines hold {wrong[worst].sum()} of {wrong.sum()} edits")

# %% [markdown]
# ## Does it know?
#
# The reading says how sure it is. Sort the lines by that, surest first, and cut them into four groups.

# %%
surest = np.argsort([-reading.confidence for reading in readings])
for some in np.array_split(surest, 4):
    sure = np.mean([readings[n].confidence for n in some])
    rate = cer([texts[n] for n in some], [truths[n] for n in some], seed=run.seed)
    print(f"mean confidence {sure:.0%}: {rate}")

# %% [markdown]
# For a line of your own (`my_image`) there is no true text, but this much can be said:

# %%
mine = "none given"
if run.my_image:
    from htr_utils.course import own

    reading = recognizer.read(own.line(run.my_image, recognizer), decoder="greedy")
    mine = f"confidence {reading.confidence:.0%}: {reading.text}"
print("your line:", mine)

# %% [markdown]
# Whoever can check a quarter of the lines only, checks the last group. It holds most of the errors, not all.
#
# ## Is the difference real?
#
# Read the same lines again with the [language model](../docs/guide/glossary.md#language-model) and the word list
# ([Decoding](09_decoding.ipynb)). Two intervals that overlap do *not* mean that there is no difference: both
# readers met the same hard lines.

# %%
with_words = [r.text for r in recognizer.read([one.path for one in chosen], decoder="lexicon")]
wrong_with = np.array([edits(text, truth) for text, truth in zip(with_words, truths, strict=True)])
print("greedy: ", whole)
print("lexicon:", cer(with_words, truths, split="test", seed=run.seed))

# %% [markdown]
# So draw the same lines for both, and look at the edits saved in each draw: a **paired** bootstrap.

# %%
gain = wrong - wrong_with  # edits saved, (lines,)
draws = np.random.default_rng(run.seed).integers(len(gain), size=(1000, len(gain)))
low, high = np.percentile(gain[draws].mean(axis=1), [2.5, 97.5])
print(f"edits saved a line: {gain.mean():.2f} [{low:.2f}, {high:.2f}]")
run.record(cer=whole.value, cer_low=whole.low, cer_high=whole.high, saved=gain.mean())
mended = causes(with_words)
print("\n".join(f"{name}: {n} -> {mended[name]}" for name, n in causes(texts).most_common()))

# %% [markdown]
# Words settle most of what is letter for letter, and the least of digits and marks, about which no word list knows
# anything. Whether the gain holds for new people, exercise 11.3 asks.
#
# ## What goes wrong: one reading, many numbers
#
# The same readings give very different rates. Nothing below changes the recogniser; only the counting changes.


# %%
def plain(text: str) -> str:
    """Lower case, letters, digits and single spaces only."""
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c == " ").split())


ways = {
    "as it should be": (texts, truths),
    "capitals ignored": ([t.lower() for t in texts], [t.lower() for t in truths]),
    "no capitals, no punctuation": ([plain(t) for t in texts], [plain(t) for t in truths]),
    "spaces not counted": (
        [t.replace(" ", "") for t in texts],
        [t.replace(" ", "") for t in truths],
    ),
}
for name, (read, true) in ways.items():
    print(f"{name:28} {cer(read, true, seed=run.seed).value:.2%}")
print(f"{'mean of the lines':28} {own_rates.mean():.2%}")
print(f"{'median of the lines':28} {np.median(own_rates):.2%}")

# %% [markdown]
# Each row could call itself "CER". Leaving out the spaces makes the rate *higher*: a space is seldom misread, and
# without them the same errors are divided by fewer characters. Add to this the split (IAM alone has several in use)
# and the spaces before punctuation, and you see why two papers' numbers can seldom be compared. State yours so that
# someone else can: split, convention, case, averaging, interval.
#
# Two flaws flatter still more, and you have met both. A metric that counts padding as characters scores a perfect
# reading far above zero ([Characters and metrics](03_characters_and_metrics.ipynb)): test a metric with a perfect
# reading, an empty one, and one with a single edit. A shuffled split puts every writer on both sides ([Loading
# IAM](01_loading_iam.ipynb)): it answers "can it read more lines by people whom it knows?", a fair question only for
# someone who trains on their own hand.
#
# ## Exercise 11.2 · The pooled rate *(4 minutes)*
# Compute the CER of many lines from the edits and the length of each.


# %% tags=["exercise"]
def pooled(edits_of_lines: list[int], lengths_of_lines: list[int]) -> float:
    """The micro-averaged rate, as a fraction."""
    # SOLUTION
    return sum(edits_of_lines) / sum(lengths_of_lines)
    # END


# %% tags=["check"]
check("11.2", pooled)

# %% [markdown]
# ## Exercise 11.3 · A paired interval over writers *(12 minutes)*
# The interval above drew lines. Return the 95 % interval of the edits saved per line that holds for new *writers*:
# draw as many writers as there are, 1,000 times, with replacement, from `np.random.default_rng(seed)`. A writer
# brings all of their lines; divide the edits saved in a draw by its lines. Then measure it with `wrong`, `wrong_with`
# and `writers`: expect about 0.2 to 0.7.


# %% tags=["exercise"]
def difference(
    before: list[int], after: list[int], hands: list[str], seed: int
) -> tuple[float, float]:
    """2.5th and 97.5th percentile of the edits saved per line; hands[n] wrote line n."""
    # SOLUTION
    spared, hands = np.array(before) - np.array(after), np.array(hands)
    names = np.unique(hands)
    totals = np.array([[spared[hands == name].sum(), (hands == name).sum()] for name in names])
    drawn = np.random.default_rng(seed).integers(len(names), size=(1000, len(names)))
    saved, lines = totals[drawn].sum(axis=1).T  # (1000,) each
    return tuple(np.percentile(saved / lines, [2.5, 97.5]))
    # END


# %% tags=["check"]
check("11.3", difference)

# %% [markdown]
# ## Exercise 11.4 · Measure the leak *(8 minutes)*
# Write a function that says which share of the test lines is by a writer of the training lines. Then measure it for
# a shuffle by [*form*](../docs/guide/glossary.md#form) in place of lines: is that enough? (Expect 1: no.)


# %% tags=["exercise"]
def leak(train_writers_of_lines: list[str], test_writers_of_lines: list[str]) -> float:
    """Test lines whose writer is in training / all test lines, 0 to 1."""
    # SOLUTION
    seen_writers = set(train_writers_of_lines)
    return sum(name in seen_writers for name in test_writers_of_lines) / len(test_writers_of_lines)
    # END


# %% tags=["check"]
check("11.4", leak)

# %% [markdown]
# ## Exercise 11.5 · The lines that nobody measured *(8 minutes)*
# The [reference system](../docs/guide/glossary.md#reference-system) validates in batches and drops the last one
# when it is not full. Those lines take part in no figure. Write the loop that measures all, then compare: how many
# of 668 lines would be dropped at a batch of 50?


# %% tags=["exercise"]
def batches(items: list, size: int) -> list[list]:
    """All items in order, cut into lists of `size`; the last may be shorter, and none is empty."""
    # SOLUTION
    return [items[start : start + size] for start in range(0, len(items), size)]
    # END


# %% tags=["check"]
check("11.5", batches)

# %% [markdown]
# ## Summary
#
# One error rate hides that some writers and rare characters make far more errors than others. Pictures of the
# misread places tell whether language or training material is missing. An interval over writers answers for new
# people; one over lines does not. Differences are compared on the same lines, drawn together. Capitals,
# punctuation, spaces, averaging and the split each change the number, so a rate without them says little.
#
# ## Quiz
#
# **1. Two readers have overlapping intervals. Is their difference due to chance?**
# <details><summary>Answer</summary>
# You cannot tell from that. Both met the same lines, so draw the lines for both together: the interval of the
# difference may be far from zero.
# </details>
#
# **2. A model reads 2 % CER on a shuffled split and 8 % on a split by writers. Which number do you publish?**
# <details><summary>Answer</summary>
# The one that answers the user's question, and with its split named. For a reader of new people's handwriting it is
# the second; the first measures how well known hands are read.
# </details>
#
# **3. Why test a metric with a perfect reading?**
# <details><summary>Answer</summary>
# Because the right answer is known: zero. A metric that counts padding, or divides by the wrong length, shows
# itself at once.
# </details>
#
# ## Further reading
#
# - M. Bisani, H. Ney:
#   [*Bootstrap estimates for confidence intervals in ASR performance
#   evaluation*](../docs/guide/bibliography.md#bisani-2004),
#   ICASSP 2004: the paired comparison of this chapter.
# - B. Efron, R. J. Tibshirani: [*An introduction to the bootstrap*](../docs/guide/bibliography.md#efron-1993), 1993:
#   chapters 8 and 13, what to draw and why.
# - U.-V. Marti, H. Bunke: [*The IAM-database*](../docs/guide/bibliography.md#marti-2002), IJDAR 5, 2002: who wrote
#   what, the ground of every honest split.
#
# Next: [12 · Your own handwriting](12_your_own_handwriting.ipynb). Back to
# [10 · Spell correction](10_spell_correction.ipynb), or to the map in [0 · Start here](00_start_here.ipynb).
