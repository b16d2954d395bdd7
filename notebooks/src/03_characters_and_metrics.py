# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 3 · Characters and metrics
#
# After this chapter you can turn text into the numbers that a network counts with, and measure a reading
# with a rate that other people can compare with theirs.
#
# *40 minutes to read, 40 for the exercises. Needs only the package; no network is trained or loaded.*
#
# You learn
#
# - how a [**charset**](../docs/guide/glossary.md#charset) gives each character a class id, and why class 0 belongs to
#   nobody;
# - how to compute an edit distance by hand, and the character and word error rates from it;
# - how to say how sure such a rate is, and how to spot one that means nothing.
#
# ## Which reading is best?
#
# Below you see a line of the embedded test split (rendered with a handwriting font, not written by a
# hand) and three readings of it. Three imaginary recognisers made them. Put them in order, the best
# first, before you read on. Write your order down: the end of the chapter comes back to it.

# %% tags=["parameters"]
data_root: str = ""  # folder in IAM layout; "" is the embedded data
split: str = "test"  # the split that is measured
line: int = 0  # the first line of the split from here on that suits is read three times
truth: str = "corner"  # a word for the table of edits
reading: str = "comer"  # how it was read
worst: float = 0.15  # share of wrong characters for the least legible writer (0 to 0.5)
samples: int = 1000  # how many bootstrap samples are drawn
seed: int = 0  # for the simulated reader and the bootstrap

# %%
from htr_utils.course.parameters import validate

run = validate(
    data_root=(data_root or None, "path"), split=(split, "text", 1, 40), line=(line, "int", 0, None),
    truth=(truth, "text", 1, 14), reading=(reading, "text", 1, 14), worst=(worst, "float", 0.0, 0.5),
    samples=(samples, "int", 100, 20_000), seed=(seed, "int", 0, None),
)  # fmt: skip

# %% [markdown]
# `iam.read` gives the lines of a folder in IAM layout; [Loading IAM](01_loading_iam.ipynb) takes it apart. The
# three readings are made from the truth by rules that you will recognise. (A line suits if it has more than six
# words and a punctuation mark, without which two of the readings would be alike.)

# %% tags=["figure"]
from htr_utils.course.plots import measures
from htr_utils.lines import iam

lines = iam.read(run.data_root).split(run.split)
raw = {one.id: one.text for one in iam.read(run.data_root, spacing="raw").split(run.split)}
start = run.line % len(lines)
suits = [
    one
    for one in lines[start:] + lines[:start]
    if raw[one.id] != one.text and len(one.text.split()) > 6
]
shown = (suits or lines)[0]
three = {
    "A": shown.text.replace("e", "c"),
    "B": " ".join(shown.text.split()[:-2]),
    "C": raw[shown.id],
}
measures.three_readings(shown.image(), three)

# %% [markdown]
# ## Characters become class ids
#
# A network cannot answer "e". It answers with numbers, one for each of a fixed list of **classes**, and
# the class with the largest number wins. The **charset** is the list that translates. You need three
# lines of code: collect the characters, sort them, number them *from 1*.

# %%
everything = "".join(one.text for one in iam.read(run.data_root).split("train"))
characters = sorted(set(everything))
ids = {character: number for number, character in enumerate(characters, start=1)}
print(f"{len(characters)} characters; 'a' is class {ids['a']}, the space is class {ids[' ']}")
print("to be read ->", [ids[character] for character in "to be read"])

# %% [markdown]
# Class 0 stays free. It is the [**blank**](../docs/guide/glossary.md#blank) of CTC: the network's way to say "no new
# character here". [CTC loss](07_ctc_loss.ipynb) shows why it is needed. Many bugs begin here: other libraries put
# the blank *last*, and then every answer is shifted by one class without any error message.
#
# The package has the same list ready. `Charset()` holds the 79 characters of the IAM transcriptions, the
# space first and "z" last.

# %%
import numpy as np

from htr_utils.text.charset import Charset

charset = Charset()
word_ids = charset.encode("to be read")  # int32, one id a character
same = sum(word_ids == [ids[character] for character in "to be read"])
print(f"{charset.classes} classes with the blank; {same} of {len(word_ids)} ids as ours")
print("decoded:", charset.decode(word_ids), "| with blanks:", charset.decode([0, *word_ids, 0]))

# %% [markdown]
# How often does the network see each character? That decides what it can learn: a sign that occurs twenty times
# will be read badly, and nobody will notice in the average.

# %% tags=["figure"]
from collections import Counter

measures.frequencies(Counter(everything), rare=100)

# %% [markdown]
# Notice the axis: it is logarithmic. Each step upwards means ten times as many. The space and a dozen
# small letters make up most of the text, so a recogniser can have a fine error rate and never get a `G`
# right.
#
# ## Characters that the charset does not know
#
# Sooner or later somebody's text holds a `é` or a curly quote. Dropping such characters in silence makes
# errors disappear from the count. The package refuses, and names what it does not know. `fold` is the way
# out that you have to ask for: it writes a text with the characters of the charset.

# %%
from htr_utils import HtrError

text = "“Café – 3 €”, said Zoë"
try:
    charset.encode(text)
except HtrError as error:
    print("refused:", error)
print("folded: ", charset.fold(text))

# %% [markdown]
# The accents are gone, the quotes and the dash are plain ones, and the euro sign is lost. A folded truth
# is a friendlier truth: whoever folds before measuring has to say so.
#
# ## Two ways to write the same line
#
# IAM stores [**tokens**](../docs/guide/glossary.md#token): a comma is a token of its own. Joined by spaces, a line
# reads `house , he`. We call this the *raw* convention. The pen wrote `house, he`, the *natural* convention. Both
# are used in publications. Suppose a reader makes no mistake at all and writes natural text, while the truth is
# raw (the other way round than in [Loading IAM](01_loading_iam.ipynb): as many edits, divided by the longer text):

# %%
from htr_utils.text import metrics

natural = [one.text for one in lines]
tokens = [raw[one.id] for one in lines]
print("natural:", shown.text)
print("raw    :", raw[shown.id])
print("same convention :", metrics.cer(natural, natural, split=run.split))
print("mixed           :", metrics.cer(natural, tokens, split=run.split, convention="raw"))
print("mixed, in words :", metrics.wer(natural, tokens, split=run.split, convention="raw"))

# %% [markdown]
# A perfect reader, and an error all the same. In words (the last row) it is far larger: a comma that is stuck to
# its word makes the word wrong, and is itself a word that is missing. Recognisers that differ by less than this
# fill whole tables of results. So: name the convention, and convert both sides to the same one. The package uses
# `natural` by default; `htr_utils.lines.spacing` converts both ways.
#
# ## How far apart are two texts?
#
# An [**edit**](../docs/guide/glossary.md#edit) inserts, deletes or replaces one character. The
# [**edit distance**](../docs/guide/glossary.md#edit-distance) is the smallest number of edits that turns one text
# into the other (Levenshtein, 1966). Handwriting is full of such pairs: `rn` looks like `m`. How many edits from
# *comer* to *corner*? Guess, then let a table answer.
#
# Cell *(i, j)* of the table holds the distance between the first *i* characters of the truth and the
# first *j* of the reading. Each cell needs only its three neighbours: from above (a character was lost),
# from the left (one too many), or from the upper left (the same character, or one read as another).
#
# Fill two cells by hand. The first `c` of both words: from the upper left it costs 0, the same letter, so the cell
# holds 0. Then `c` of the truth against `co` of the reading: from the left 0 + 1, one letter too many; from the upper
# left 1 + 1, another letter; from above 2 + 1. The smallest wins: 1.


# %%
def edit_table(reading, truth) -> np.ndarray:
    """Distances between all beginnings of two sequences: (len(truth) + 1, len(reading) + 1)."""
    table = np.zeros((len(truth) + 1, len(reading) + 1), dtype=int)
    table[:, 0] = np.arange(len(truth) + 1)  # everything lost
    table[0, :] = np.arange(len(reading) + 1)  # everything too many
    for i in range(1, len(truth) + 1):
        for j in range(1, len(reading) + 1):
            replaced = table[i - 1, j - 1] + (truth[i - 1] != reading[j - 1])
            table[i, j] = min(replaced, table[i - 1, j] + 1, table[i, j - 1] + 1)
    return table


def distance(reading, truth) -> int:
    return int(edit_table(reading, truth)[-1, -1])


# %% [markdown]
# The picture shows the whole table. The answer stands in the lower right corner, and the marked way is
# one of the cheapest ways to get there.

# %% tags=["figure"]
measures.edit_table(edit_table(run.reading, run.truth), run.truth, run.reading)

# %% [markdown]
# Solid strokes are free: the characters agree. Each dashed stroke costs one edit. Often several ways cost
# the same. The distance is then still one number, but *which* character was wrong is a matter of taste.
#
# The package calls the rapidfuzz library, which gives the same answer much faster. Do both agree on lines
# that were damaged at random?

# %%
rng = np.random.default_rng(run.seed)
agree = 0
for truth_text in natural[:40]:
    damaged = "".join(c for c in truth_text if rng.random() > 0.2)
    agree += distance(damaged, truth_text) == metrics.edits(damaged, truth_text)
print(f"our table and the library agree on {agree} of {len(natural[:40])} lines")

# %% [markdown]
# ## A careless reader
#
# To measure something, you need readings. The trained model could make them, but then the numbers would change with
# every model. This chapter **simulates** a reader instead: it confuses letters of similar shape, drops others, and
# takes specks at the start of a line for full stops. Each writer of the split gets a legibility of their own.
# Nothing here says how good the course's model is; [Evaluation](11_evaluation.ipynb) does.

# %%
LOOKS_LIKE = dict(zip("aoecnurtlS5", "oaceunvltsS", strict=True))


def misread(text: str, rate: float) -> str:
    """`text` as a careless reader would copy it; `rate` is the share of characters that go wrong."""
    wrong = rng.random(len(text)) < rate
    letters = [LOOKS_LIKE.get(c, "") if bad else c for c, bad in zip(text, wrong, strict=True)]
    return "." * int(rng.integers(0, 3)) + "".join(letters)


writers = sorted({one.writer_id for one in lines})
illegible = dict(zip(writers, rng.uniform(0.01, run.worst + 0.01, len(writers)), strict=True))
readings = [misread(one.text, illegible[one.writer_id]) for one in lines]
print(natural[0], readings[0], sep="\n")

# %% [markdown]
# ## From edits to a rate
#
# The **character error rate** (CER) divides edits by the length of the truth. With many lines there are
# two ways to average, and they are different numbers:
#
# - **micro**: all edits together, divided by all characters together. Each *character* counts alike.
# - **mean of lines**: a rate for each line, then the mean. Each [*line*](../docs/guide/glossary.md#line) counts
#   alike, so a single wrong character weighs far more in a short line.
#
# The reference system used a third one: the mean of edits / max(length of reading, length of truth).

# %% tags=["figure"]
edits = np.array([metrics.edits(r, t) for r, t in zip(readings, natural, strict=True)])  # (lines,)
length = np.array([len(t) for t in natural])  # (lines,)
longer = np.array([max(len(r), len(t)) for r, t in zip(readings, natural, strict=True)])
micro, mean, reference = (
    edits.sum() / length.sum(),
    (edits / length).mean(),
    (edits / longer).mean(),
)
print(f"micro                 {100 * micro:.2f} %")
print(f"mean of lines         {100 * mean:.2f} %")
print(f"reference system's    {100 * reference:.2f} %")
print(f"the package's         {100 * metrics.cer(readings, natural).value:.2f} %")
measures.line_rates(length, edits / length, micro=micro, mean=mean)

# %% [markdown]
# The same readings, three numbers. Look at the left of the picture to see where the difference comes from: in a
# line of one short word, one speck is a catastrophe. Most published results use the micro rate, not all, and some
# do not say: look before you compare. The package uses it always.
#
# The **word error rate** (WER) is the same with words in place of characters. It is harsher: one wrong
# character spoils its word, and a lost space spoils two.
#
# ## What goes wrong: "WER 650 %"
#
# Users of the reference system saw a WER of several hundred per cent and asked what it meant. Its code
# took the mean of the *counts* of word edits per line and printed it as a percentage. No length in it at
# all.

# %%
word_edits = np.array([metrics.word_edits(r, t) for r, t in zip(readings, natural, strict=True)])
words = np.array([len(t.split()) for t in natural])
print(f"mean count, printed as a rate: WER {100 * word_edits.mean():.0f} %")
print(f"edits / words                : WER {100 * word_edits.sum() / words.sum():.2f} %")
print("the package                  :", metrics.wer(readings, natural, split=run.split))

# %% [markdown]
# Careful, though: a rate above 100 % is not always a bug. Who reads much more than there is makes more
# edits than the truth has characters. What gives the bug away is that the number grows with the length of
# the lines.
#
# ## What goes wrong: counting the padding
#
# Arrays are rectangles, so short labels are **padded** to a common length. The best-known Keras notebook
# on handwriting pads its labels with one number, gets predictions padded with another, and compares the
# rows as they are. What does a *perfect* reading of a word of four letters score, at its padded length of
# 21?

# %%
PAD_LABEL, PAD_READING, padded_length = 99, -1, 21
word = charset.encode("word").tolist()
label_row = word + [PAD_LABEL] * (padded_length - len(word))  # (21,)
reading_row = word + [PAD_READING] * (padded_length - len(word))  # (21,)
print("perfect reading, padding counted :", distance(reading_row, label_row))

# %% [markdown]
# The score measures how short the word is. During training it falls a little and then stays: a plausible
# curve with a floor that nobody can break through. The cure is to cut the padding off, on both sides,
# before measuring; better still, to measure texts and not rows.

# %%
without = [
    [i for i in row if i not in (PAD_LABEL, PAD_READING)] for row in (reading_row, label_row)
]
print("perfect reading, padding cut off :", distance(*without))
print("perfect reading, as texts        :", metrics.edits(charset.decode(without[0]), "word"))

# %% [markdown]
# Whenever you meet a new metric, feed it a perfect reading and an empty one first. They should give 0 %
# and 100 %.
#
# ## How sure is the number?
#
# A test set is a sample, and its CER is near the *true* rate, the one of endlessly many such lines. How near? The
# [**bootstrap**](../docs/guide/glossary.md#bootstrap) (Efron and Tibshirani, 1993) pretends: draw as many lines as
# there are, *with* replacement, compute the CER of this sample, repeat a thousand times. The middle 95 % of these
# rates are the [**interval**](../docs/guide/glossary.md#interval). Made in this way from one test set after
# another, about 95 intervals in 100 would hold the true rate. (It is not the range for the CER of the *next* test
# set, which has a chance of its own and falls outside more often.)

# %%
chance, by_lines = np.random.default_rng(run.seed), []
for _ in range(run.samples):
    drawn = chance.integers(len(lines), size=len(lines))  # some lines twice, some not at all
    by_lines.append(edits[drawn].sum() / length[drawn].sum())
low, high = np.percentile(by_lines, [2.5, 97.5])
rate = metrics.cer(readings, natural, split=run.split, seed=run.seed, samples=run.samples)
print(f"ours:        [{100 * low:.1f}, {100 * high:.1f}]")
print(f"the package: {rate}")

# %% [markdown]
# With four times the lines an interval is about half as wide: its width falls with the *square root* of their
# number. That holds as long as the lines are independent.
#
# They are not. They come from a handful of writers, and a writer who is hard to read is
# hard to read in every line. If your question is "how will it do on *new writers*?", draw whole writers.
# The package does it with `groups`.

# %% tags=["figure"]
names = [one.writer_id for one in lines]
owner = np.array(names)  # (lines,): whose line it is
edits_of = np.array([edits[owner == writer].sum() for writer in writers])  # (writers,)
length_of = np.array([length[owner == writer].sum() for writer in writers])
by_writers = []
for _ in range(run.samples):
    drawn = chance.integers(len(writers), size=len(writers))
    by_writers.append(edits_of[drawn].sum() / length_of[drawn].sum())
wide = metrics.cer(
    readings, natural, split=run.split, seed=run.seed, samples=run.samples, groups=names
)
print(f"{len(writers)} writers\nby lines:   {rate}\nby writers: {wide}")
measures.intervals({"lines": by_lines, "writers": by_writers}, {"lines": rate, "writers": wide})

# %% [markdown]
# The centre is the same, the interval is not. And a dozen writers are few: so small a sample shows too little of how
# people differ. *Student's t* allows for that: mean plus and minus 2.2 standard errors for 12 writers, instead of 2.
# How often does each interval hold the true rate? Make a thousand studies, each with new writers as unlike as ours:

# %%
from htr_utils.course import statistics

off = (edits_of - rate.value * length_of) / length_of.mean()  # more text, more weight
_, low, high = statistics.interval(rate.value + off)
print(f"Student's t over {len(writers)} writers: [{100 * low:.1f}, {100 * high:.1f}]")

true_rate, held = 0.01 + run.worst / 2, np.zeros(2)
for _ in range(1000):
    rates = chance.uniform(0.01, run.worst + 0.01, len(writers))  # of this study's writers
    means = rates[chance.integers(len(writers), size=(500, len(writers)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    _, t_low, t_high = statistics.interval(rates)
    held += [low <= true_rate <= high, t_low <= true_rate <= t_high]
print(
    "of 100 intervals hold the true rate: bootstrap {:.0f}, Student's t {:.0f}".format(*held / 10)
)

# %% [markdown]
# The more unlike the writers, the fewer: with `np.exp(0.8 * chance.normal(size=12))` for their rates, a few very bad
# hands among many good ones, 86 and 89. With few writers the honest answer is "somewhere around here".
#
# Do not compare two recognisers by looking whether their intervals overlap. On the *same* lines, bootstrap the
# difference (Bisani and Ney, 2004): the hard lines are hard for both, so it is much sharper.
#
# ## Which mistakes?
#
# A rate says how much goes wrong, not what. The same table of edits also gives the
# [**confusions**](../docs/guide/glossary.md#confusion): which character was read as which, how often.

# %% tags=["figure"]
measures.confusions(metrics.confusions(readings, natural, top=12))

# %% [markdown]
# For this simulated reader you know the cause of each bar. With a real one the list is a to-do list: lost
# spaces speak of words run together, `n` and `u` of slanted joins, a full stop too many of dirty paper.
#
# ## Back to the three readings
#
# Now judge them by numbers, and compare with the order that you wrote down.

# %%
for name, text in three.items():
    one_cer, one_wer = metrics.cer([text], [shown.text]), metrics.wer([text], [shown.text])
    print(f"reading {name}: CER {100 * one_cer.value:5.1f} %   WER {100 * one_wer.value:5.1f} %")
run.record(cer=rate.value, wer=metrics.wer(readings, natural).value)

# %% [markdown]
# A reads wrong letters all over the line, and a person can still read it. B is flawless as far as it goes
# and loses the end. C has nothing wrong but a convention. CER and WER do not put them in the same order.
# No single number is *the* quality: name two, and look at lines.

# %% [markdown]
# ## Exercise 3.1 · Predict the extremes *(2 minutes)*
# Do not compute it: what is the CER, as a fraction, of a line where nothing was read? And when the truth
# is `a` and the reading is `banana`? Replace the dots by two numbers.

# %% tags=["exercise"]
predicted = [
    # the CER when nothing is read, then the CER of "banana" for "a"
    # SOLUTION
    1.0, 5.0,
    # END
]  # fmt: skip

# %% tags=["check"]
from htr_utils.course.exercises import check

check("03.1", predicted)

# %% [markdown]
# ## Exercise 3.2 · Distance in words *(5 minutes)*
# Our `distance` never asked for letters: it compares the items of any two sequences. Use it for words.


# %% tags=["exercise"]
def word_distance(reading: str, truth: str) -> int:
    """Edit distance in words; a word is what stands between spaces."""
    # SOLUTION
    return distance(reading.split(), truth.split())
    # END


# %% tags=["check"]
check("03.2", word_distance)

# %% [markdown]
# ## Exercise 3.3 · The rate that can be compared *(8 minutes)*
# Write the micro-averaged CER of several lines as a fraction.


# %% tags=["exercise"]
def micro_rate(readings: list[str], truths: list[str]) -> float:
    """All edits together, divided by all characters of the truths together."""
    # SOLUTION
    edits = sum(distance(reading, truth) for reading, truth in zip(readings, truths, strict=True))
    return edits / sum(len(truth) for truth in truths)
    # END


# %% tags=["check"]
check("03.3", micro_rate)

# %% [markdown]
# ## Exercise 3.4 · How many writers does it take? *(10 minutes)*
# More lines by the same twelve people would not narrow the interval over writers; more people would. Write the rule
# of the square root as a function: with `writers` writers the interval is `width` points wide; how many make it
# `wanted` points wide? Then ask it for the interval over writers above, and 2 points.


# %% tags=["exercise"]
def writers_needed(writers: int, width: float, wanted: float) -> int:
    """Number of writers, rounded up, for an interval of `wanted` points."""
    # SOLUTION
    return int(np.ceil(writers * (width / wanted) ** 2))
    # END


# %% tags=["check"]
check("03.4", writers_needed)

# %% [markdown]
# ## Exercise 3.5 · A rate that forgives *(5 minutes)*
# The reference system divides by the *longer* of reading and truth, so its rate never exceeds 1, however much rubbish
# is read. Find a reading and a truth for which its rate is below 1 and the CER at least 5. Replace the dots.

# %% tags=["exercise"]
forgiven = (
    # reading, truth
    # SOLUTION
    "banana", "a",
    # END
)  # fmt: skip

# %% tags=["check"]
check("03.5", forgiven)

# %% [markdown]
# ## Exercise 3.6 · Mend the rate above 100 per cent *(8 minutes)*
# The reference system's WER is `mean(word edits of each line)`, printed with a percent sign. Write the rate that its
# users were waiting for; `word_distance` from above may help.


# %% tags=["exercise"]
def word_rate(readings: list[str], truths: list[str]) -> float:
    """Micro-averaged WER as a fraction."""
    # SOLUTION
    edits = sum(
        word_distance(reading, truth) for reading, truth in zip(readings, truths, strict=True)
    )
    return edits / sum(len(truth.split()) for truth in truths)
    # END


# %% tags=["check"]
check("03.6", word_rate)

# %% [markdown]
# ## Summary
#
# A charset numbers the characters from 1 and leaves class 0 to the blank; model and charset belong
# together. Text has a spacing convention, and mixing two costs points that no recogniser can win back.
# The edit distance fills a table in which each cell asks three neighbours. CER and WER are
# micro-averaged: all edits divided by all characters, or words, of the truth. A rate is complete with its
# split, its convention and its interval, drawn over writers if new writers are the question.
#
# ## Quiz
#
# **1. Two papers report a CER of 5.1 % and 5.4 % on IAM. Which recogniser is better?**
#
# <details><summary>Answer</summary>
# You cannot tell. The splits, the spacing conventions and the averaging may differ, and each of the three
# moves the number by more than this. Even with all three alike, ask for the intervals.
# </details>
#
# **2. A recogniser drops the last line of each form. Does it hurt the mean of lines or the micro rate more?**
#
# <details><summary>Answer</summary>
# The mean of lines. Last lines are often short; a lost line has a rate of 100 % there whatever its
# length, while in the micro rate it weighs only as many characters as it has.
# </details>
#
# **3. Your metric says 12 before training, 9 after ten epochs and 9 ever after, though the readings look perfect.
# What do you check first?**
#
# <details><summary>Answer</summary>
# Feed it a perfect reading. If that does not give 0, the metric counts something that is no error:
# padding, blanks, or another spacing convention.
# </details>
#
# ## Further reading
#
# - V. Levenshtein, [*Binary codes capable of correcting deletions, insertions, and
#   reversals*](../docs/guide/bibliography.md#levenshtein-1966), 1966.
# - B. Efron and R. Tibshirani, [*An Introduction to the Bootstrap*](../docs/guide/bibliography.md#efron-1993), 1993,
#   chapter 13.
# - M. Bisani and H. Ney, [*Bootstrap estimates for confidence intervals in ASR performance
#   evaluation*](../docs/guide/bibliography.md#bisani-2004), 2004.
# - U.-V. Marti and H. Bunke, [*The IAM-database: an English sentence database for offline handwriting
#   recognition*](../docs/guide/bibliography.md#marti-2002), 2002.
#
# Next: [4 · How a network learns](04_how_a_network_learns.ipynb)
