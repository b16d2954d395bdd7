# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 9 · Decoding: from frames to text
#
# After this chapter you can turn the network's probabilities into text, let a language model take part, and say
# what each step buys and what it cannot buy.
#
# *60 minutes to read, 45 for the exercises. Needs only the package.*
#
# **You will**
#
# 1. write greedy decoding and [*prefix beam search*](../docs/guide/glossary.md#prefix-beam) from scratch and check
#   both against the definition;
# 2. build a language model in ten lines, let it write, measure it by its perplexity, and put it into the beam;
# 3. tell an error of the search from an error of the model, and see what a confidence cannot show.
#
# A network that has learned CTC ([CTC loss](07_ctc_loss.ipynb)) does not write text. For each frame, a narrow slice
# of the line, it gives one probability for each of 80 classes: 79 characters and the
# [**blank**](../docs/guide/glossary.md#blank), "nothing new here".
# [**Decoding**](../docs/guide/glossary.md#decoding) is the step from that table to a string. The same table can be
# read well or badly: on the damaged lines of this chapter a language model in the decoder takes away about a quarter
# of the errors.

# %% tags=["parameters"]
data_root: str = ""  # a folder in IAM layout; "" for the embedded data
my_image: str = ""  # a picture of your own, a line or a page; "" for a line of the test split
model: str = "course"  # a model's name, or the path of a .keras file
lines: int = 12  # how many test lines the decoders are compared on
beam_width: int = 10  # prefixes that the beam keeps
weight: float = 0.5  # of the language model
bonus: float = 2.0  # added for each character
tune_lines: int = 40  # validation lines on which weight and bonus are looked at
seed: int = 0  # random tiny lines, and what the language model writes

# %%
from htr_utils.course.parameters import validate

run = validate(
    data_root=(data_root or None, "path"), my_image=(my_image or None, "path"), model=(model, "text", 1, 400),
    lines=(lines, "int", 2, 200), beam_width=(beam_width, "int", 2, 100), seed=(seed, "int", 0, None),
    weight=(weight, "float", 0, 3), bonus=(bonus, "float", 0, 9), tune_lines=(tune_lines, "int", 4, 1000),
)  # fmt: skip

# %% [markdown]
# ## What the network says
#
# You take rendered lines spread over the test split, by writers that the model has never seen. `log_probs` gives one
# table for each line: a row for each frame, a column for each class, natural logarithms.

# %%
from htr_utils import Recognizer
from htr_utils.course import own
from htr_utils.lines import iam, images

folder = iam.read(run.data_root)
test = folder.split("test")
chosen = test[:: max(1, len(test) // run.lines)][: run.lines]

recognizer = Recognizer.load(run.model)
charset = recognizer.charset
tables = recognizer.log_probs([line.path for line in chosen])  # each (frames, classes)
print(len(tables), "lines; the first:", tables[0].shape, "frames x classes")

# %% [markdown]
# The beginning of one line, and below it the probabilities of the classes that are read there: dark is probable.

# %% tags=["figure"]
from htr_utils.course.plots import search as plots

source = own.line(run.my_image, recognizer) if run.my_image else chosen[0].path
[table] = recognizer.log_probs([source])
plots.posteriors(recognizer.prepare(source).ink, table, charset, frames=90)

# %% [markdown]
# Most frames belong to the blank. A letter is certain for a frame or two and then over, although its ink is much
# wider. And where a cell is pale, the network hesitates: there the choice of decoder matters.
#
# ## Greedy decoding, from scratch
#
# Take the likeliest class of each frame, merge neighbours that are equal, drop the blanks. A sequence of classes, one
# a frame, is called a [**path**](../docs/guide/glossary.md#path); merging
# and dropping [**collapses**](../docs/guide/glossary.md#collapse) it into text.


# %%
import numpy as np

from htr_utils.text import decoding


def greedy_ids(table: np.ndarray) -> list[int]:
    """table: (frames, classes) -> class ids of the text."""
    ids, before = [], 0
    for best in table.argmax(axis=1):  # one class a frame
        if best not in (before, 0):
            ids.append(int(best))
        before = best
    return ids


for n in range(3):
    if n < len(tables):
        print("written:", chosen[n].text)
        print("read:   ", charset.decode(greedy_ids(tables[n])), "\n")

# %% [markdown]
# ## Where greedy goes wrong: the best path is not the best text
#
# Shrink the problem until you can do it by hand: two frames, two classes, the blank (written `-`) and `a`.
# Each frame says blank .6, `a` .4. Greedy takes the blank twice: probability .6 x .6 = .36, text: nothing.
# But *three* paths collapse into "a": `aa`, `a-` and `-a`. Together they have .4 x .4 + .4 x .6 + .6 x .4.
# A text is as probable as **all its paths together**.
#
# `exhaustive` is that definition itself: it lists every path and adds up. You use it as an
# [**oracle**](../docs/guide/glossary.md#oracle), the slow program that is right, to check the fast one. The second
# table has four frames and the classes `-`, `a`, `b`: 81 paths. Each likely text is a bar of its paths.

# %% tags=["figure"]
tiny = np.log([[0.6, 0.4], [0.6, 0.4]])  # (frames, classes)
for ids, log_prob in decoding.exhaustive(tiny).items():
    print(f"text {'a' * len(ids)!r:>4}: probability {np.exp(log_prob):.2f}")

small = np.array([[0.6, 0.1, 0.3], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1]])
plots.paths_by_text(small, "ab", least=0.05)

# %% [markdown]
# The best path, orange, lies in the wrong bar. With 80 classes and two hundred frames nobody can list all paths: you
# need a search that adds up *many* paths of a *few* good texts.
#
# ## Beam search, from scratch
#
# **Prefix beam search** walks through the frames and keeps a small set of
# [**prefixes**](../docs/guide/glossary.md#prefix), beginnings of texts, each with its probability so far. In each
# frame a prefix can stay as it is or grow by one character. Different ways to the same prefix **merge**: their
# probabilities add. Then only the best few survive; how many is the **width** of the beam.
#
# There is one trap, and it needs two numbers for each prefix. Say the prefix is "t" and the next frame
# says `t`. Is that the same t, still being written, or a second one? That depends on what came before: after
# a blank it is a second one, otherwise it is the same. So each prefix carries the probability of
# its paths that end in a *blank* and of those that end in its last *letter*.
#
# A second trap waits in the arithmetic. Multiply the best probabilities of 400 frames of which the network is
# unsure, and see what is left.

# %%
rng = np.random.default_rng(run.seed)
unsure = rng.dirichlet(np.ones(80), size=400)  # random probabilities, (400 frames, 80 classes)
print("product of 400 probabilities:", np.prod(unsure.max(axis=1)))
print(f"sum of their logarithms:      {np.log(unsure.max(axis=1)).sum():.0f}")
print("smallest number above 0:     ", np.finfo(float).smallest_subnormal)

# %% [markdown]
# The product is 0, and the search goes astray. So the beam works in logarithms. A product becomes a sum, and a sum
# becomes `logaddexp(a, b)`, which is log(e^a + e^b).

# %%
from collections import defaultdict


def add(grown, prefix, ending, log_p):
    """More paths for a prefix; ending 0: they end in a blank, 1: in its last letter."""
    grown[prefix][ending] = np.logaddexp(grown[prefix][ending], log_p)


def prefix_beam(table, width, judge=lambda prefix: 0.0, floor=-np.inf):
    """table: log probabilities (frames, classes) -> [(prefix, log probability), ...], best first."""
    beam = {(): (0.0, -np.inf)}  # prefix: log P of its paths that end in (blank, letter)
    for frame in table:
        grown = defaultdict(lambda: [-np.inf, -np.inf])  # log 0: no path yet
        for prefix, (blank, letter) in beam.items():
            both = np.logaddexp(blank, letter)
            add(grown, prefix, 0, both + frame[0])  # a blank: the text stays
            for i in 1 + np.flatnonzero(frame[1:] > floor):
                same = prefix and i == prefix[-1]  # the empty prefix has no last letter
                if same:
                    add(grown, prefix, 1, letter + frame[i])  # the same letter goes on
                before = blank if same else both  # its own double: only after a blank
                add(grown, (*prefix, i), 1, before + frame[i])  # a new letter
        ranked = sorted(grown, key=lambda p: -np.logaddexp(*grown[p]) - judge(p))
        beam = {prefix: grown[prefix] for prefix in ranked[:width]}
    return [(prefix, np.logaddexp(*scores)) for prefix, scores in beam.items()]


# %% [markdown]
# (`judge` is for the language, later; `floor` saves time.) With room for every prefix the
# beam must equal the oracle, on random tiny lines.

# %%
gaps = []
for _ in range(20):
    random_line = np.log(rng.dirichlet(np.ones(3), size=5))  # (5 frames, 3 classes)
    truth = decoding.exhaustive(random_line)
    gaps += [abs(p - truth[ids]) for ids, p in prefix_beam(random_line, 10_000) if ids in truth]
print(f"{len(gaps)} texts of 20 tiny lines; largest gap to the oracle: {max(gaps):.6f}")

# %% [markdown]
# On real lines it must equal the package, which works on whole arrays. Then watch it on the four frames from above,
# with a width of 3. Each box is a prefix; its two colours are its two scores. Follow `ba`, which wins, to the start.

# %% tags=["figure"]
mine = [prefix_beam(table.astype(float), run.beam_width)[0][0] for table in tables[:3]]
plain = [decoding.beam(t[None], [len(t)], run.beam_width)[0][0] for t in tables]
same = sum(ids == one.ids for ids, one in zip(mine, plain[:3], strict=True))
print(f"{same} of {len(mine)} real lines as the package reads them")
plots.beam_tree(small, "ab", 3)

# %% [markdown]
# Wherever two blue lines meet in one box, paths have merged. What the width throws away is lost: a grey cross, or
# counted below.
#
# ## Exercise 9.1 · Predict: is a beam of width 1 the same as greedy? *(5 minutes)*
#
# Two frames, classes `-`, `a`, `b`: the first says .4, .6, 0, the second .3, .3, .4. Before you compute
# anything: what does greedy write, and what does a beam of width 1 write? Put the two texts in.

# %% tags=["exercise"]
prediction = (  # the text of greedy, the text of a beam of width 1
    # SOLUTION
    "ab",
    "a",
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("09.1", prediction)

# %% [markdown]
# ## What a width buys
#
# A beam does not add up all paths of its answer. It adds those of which every beginning survived the cuts. Take the
# frames of exercise 9.1: width 1 says .36 of its answer, all paths of that answer have .48. So the score of a beam is
# a **lower bound**. And since width 1 and width 2 cut at different places, a wider beam may even find a *less*
# probable text. On random lines: the share of the true probability that the score holds, and how often the next
# narrower beam had found a better text.

# %%
widths, truly, held_by = (1, 2, 3, 5), [], []
for _ in range(300):
    random_line = np.log(rng.dirichlet(np.ones(3), size=5))
    truth = decoding.exhaustive(random_line)
    winners = [prefix_beam(random_line, width)[0] for width in widths]
    truly.append([truth[ids] for ids, _ in winners])
    held_by.append([np.exp(score - truth[ids]) for ids, score in winners])
fell = (np.diff(truly) < -1e-9).sum(axis=0)
for width, share, worse in zip(widths, np.mean(held_by, axis=0), [0, *fell], strict=True):
    print(f"width {width}: {100 * share:3.0f} % of the true probability, worse on {worse:2} of 300")

# %% [markdown]
# Widening helps on the whole, not on every line. On real lines a trained network is so sure of most frames that there
# is little to add up. What the beam buys is something else: it holds *several* readings with their scores, and that
# is the door for a language model.
#
# ## A language model in ten lines
#
# A **language model** says how probable each next character is after the ones before it. The smallest that is of
# use looks back one character: a **bigram** model. You count which character follows which in the training texts,
# and divide. (Class 0, the blank, is never written; here it stands for the start of a line.) After "q" stood nothing
# but "u", yet a pair that was never seen is not impossible. With P = 0 the model would forbid it, so some probability
# must go to what was not seen: **smoothing**. The idea of [Witten and
# Bell](../docs/guide/bibliography.md#witten-1991) takes three lines: the more different characters followed, the
# likelier is a new one, and which one it is the single letters tell.

# %%
import itertools

counts = np.zeros((charset.classes, charset.classes))  # (before, after)
for line in folder.split("train"):
    for before, after in itertools.pairwise([0, *charset.encode(line.text)]):
        counts[before, after] += 1

alone = (counts.sum(axis=0) + 1) / (counts.sum() + charset.classes)  # P(character), (classes,)
kinds = 1 + (counts > 0).sum(axis=1, keepdims=True)  # different followers, (before, 1)
bigram = (counts + kinds * alone) / (counts.sum(axis=1, keepdims=True) + kinds)

letter, text = 0, []
for _ in range(70):  # let it write: draw the next character, again and again
    letter = rng.choice(charset.classes, p=bigram[letter])
    text.append(letter)
print(charset.decode(text))

# %% [markdown]
# How good is a model? Let it foresee texts that it never saw.
# If it gives the characters of a text 1/2, 1/4 and 1/8, then -log2 P is 1, 2 and 3, in the mean 2: it is as unsure as
# if it had to choose among 2^2 = **4** each time. So its [**perplexity**](../docs/guide/glossary.md#perplexity) is 2
# to the power of the mean of -log2 P. The package's model counts runs of up to seven characters in novels, speeches
# and the training passages; no test text was among them.

# %%
from htr_utils.text import fusion, language

english = language.LanguageModel.load("en", charset)
unseen = [line.text for line in folder.split("validation")]
pairs = [(a, b) for text in unseen for a, b in itertools.pairwise([0, *charset.encode(text)])]
before, after = np.array(pairs).T
raw = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
print(
    f"bigram without smoothing: infinite, {(raw[before, after] == 0).sum()} pairs were never seen"
)
print(f"single letters:           {2 ** -np.log2(alone[after]).mean():.1f}")
print(f"bigram, smoothed:         {2 ** -np.log2(bigram[before, after]).mean():.1f}")
print(f"the package's 7-gram:     {2 ** english.bits(unseen):.1f}")

# %% [markdown]
# ## The language enters the beam
#
# CTC takes the frames as independent of each other once the picture is given, so the network itself cannot know
# that "q" wants "u". **Shallow fusion** adds the language's voice to the score by which prefixes compete (P(a | b) is
# the probability of a when b is known):
#
# log P(prefix | frames) + weight x log P(prefix in the language) + bonus x characters
#
# The *weight* says how much the language counts beside the ink. The *bonus* makes up for the cost of each further
# character.

# %%
import functools


def judge_with(lm: np.ndarray, weight: float, bonus: float):
    """lm: log P (before, after) -> what the language adds to a prefix, kept for its children."""

    @functools.cache
    def judge(prefix):
        if not prefix:
            return 0.0
        last, before = prefix[-1], prefix[-2] if len(prefix) > 1 else 0
        return judge(prefix[:-1]) + weight * lm[before, last] + bonus

    return judge


def fused(table: np.ndarray, judge) -> tuple[int, ...]:
    found = prefix_beam(table.astype(float), run.beam_width, judge, floor=np.log(1e-3))
    return max(found, key=lambda one: one[1] + judge(one[0]))[0]


# %% [markdown]
# On clean rendered lines there is little left to win, so the test lines are damaged first: distorted as in training
# ([Images and augmentation](02_images_and_augmentation.ipynb)), then bent once more. Four ways to read them, the last
# with the package's search, which is yours for whole arrays. In brackets, how many points of CER each saves against
# greedy in 95 of 100 draws of these lines.

# %%
from htr_utils.course.hard_lines import mistakes, read_damaged
from htr_utils.text.metrics import cer, edits


def texts_of(readings) -> list[str]:
    return [charset.decode(one.ids).strip() for one in readings]


hard = read_damaged(recognizer, chosen)  # tables of damaged lines (lines, frames, classes)
each = [table[:length] for table, length in zip(hard.log_probs, hard.frames, strict=True)]
fusing = {"width": run.beam_width, "weight": run.weight, "bonus": run.bonus}
judge = judge_with(np.log(bigram), run.weight, run.bonus)
ways = {
    "greedy": texts_of(decoding.greedy(hard.log_probs, hard.frames)),
    "beam": texts_of([decoding.beam(t[None], [len(t)], run.beam_width)[0][0] for t in each]),
    "beam + bigram": [charset.decode(fused(t, judge)).strip() for t in each],
    "beam + 7-gram": texts_of(
        one[0] for one in fusion.prefix_beam(hard.log_probs, hard.frames, english, **fusing)
    ),
}
lost = {way: np.array(list(map(edits, texts, hard.truths))) for way, texts in ways.items()}
length = np.array([len(truth) for truth in hard.truths])
draws = np.random.default_rng(run.seed).integers(len(length), size=(1000, len(length)))
for way, texts in ways.items():
    saves = 100 * (lost["greedy"] - lost[way])[draws].sum(axis=1) / length[draws].sum(axis=1)
    low, high = np.percentile(saves, [2.5, 97.5])
    rate = cer(texts, hard.truths).value
    print(f"{way:14} {rate:5.1%} CER, saves [{low:4.1f}, {high:3.1f}]  {texts[0]}")
print(f"{'written:':41} {hard.truths[0]}")

# %% [markdown]
# The beam alone saves next to nothing. The bigram's bracket holds 0; the 7-gram's does not, but so few lines leave
# open whether its quarter is a tenth or a half.
#
# ## Search errors and model errors
#
# Whose fault is a wrong text? Compute scores exactly, over all paths. If another text scores higher than what was
# *read*, the beam lost it: a **search error**, and a wider beam may find it. If another text scores higher than the
# *truth*, even a perfect search gets this line wrong: a **model error**, and only a better network or language model
# makes it right. A line can have both. Nobody can score all texts: take the truth and what four widths find, and read
# both counts as "at least".

# %%
from htr_utils.network import ctc

share = folder.split("validation")
held = read_damaged(recognizer, share[:: max(1, len(share) // run.tune_lines)][: run.tune_lines])


@functools.cache
def exact(n: int, text: str) -> float:
    """The fused score of a text for the n-th held line, over all its paths."""
    ink = -ctc.forward_backward(held.log_probs[n, : held.frames[n]], charset.encode(text))[0]
    return ink + run.weight * english.score([text])[0] + run.bonus * len(text)


by_width = {}
for width in (1, 3, 10, 100):
    options = fusing | {"width": width}
    found = fusion.prefix_beam(held.log_probs, held.frames, english, **options)
    by_width[width] = texts_of(one[0] for one in found)
known = list(zip(held.truths, *by_width.values(), strict=True))  # texts of each line
best = [max(exact(n, text) for text in some) for n, some in enumerate(known)]
model = sum(exact(n, truth) < best[n] for n, truth in enumerate(held.truths))
print(f"model errors in {model} of {len(best)} lines")
for width, texts in by_width.items():
    search = sum(exact(n, text) < best[n] for n, text in enumerate(texts))
    wrong = sum(map(str.__ne__, texts, held.truths))
    rate = cer(texts, held.truths).value
    print(f"width {width:3}: {search:2} search errors, {wrong} lines wrong, CER {rate:.1%}")

# %% [markdown]
# With a language model the width does matter: what the language will like may look poor for a while. Beyond width 10
# the search still finds better scores, yet hardly a line becomes right: those lines have both errors.
#
# ## Weight, bonus and lexicon
#
# How strong may the language be? That is chosen on *validation* lines. First the bonus alone: which mistakes are left?


# %%
def held_with(weight: float, bonus: float) -> list[str]:
    settings = {"weight": weight, "bonus": bonus}
    found = fusion.prefix_beam(held.log_probs, held.frames, english, **settings)
    return texts_of([one[0] for one in found])


print("greedy: ", mistakes(texts_of(decoding.greedy(held.log_probs, held.frames)), held.truths))
for bonus_now in (0.0, 1.0, 2.0, 4.0):
    print(f"bonus {bonus_now:g}:", mistakes(held_with(run.weight, bonus_now), held.truths))

# %% [markdown]
# Greedy, which asks no language, omits about as many letters as bonus 0: on damaged lines the *network* omits. The
# language does not mend that by itself, since each further character costs it something. A bonus does, and a high one
# pays for letters that are not there: they are *invented*. The weight shows the same struggle.

# %% tags=["figure"]
published, weights = recognizer.tuned.fusion, (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
curves = {
    f"bonus {b:g}": [cer(held_with(w, b), held.truths).value for w in weights]
    for b in (0.0, published.bonus)
}
plots.weight_curve(weights, curves, published=published.weight)

# %% [markdown]
# Too strong, and it writes fluent English that nobody wrote. The published pair was chosen on all validation lines by
# `python -m workshop.measure.tune`; `htr sweep notebooks/src/09_weight.yaml` runs this chapter at many pairs.
#
# A **lexicon** is a harder rule: words of a list are free, every other word costs a price; digits and punctuation
# cost nothing. What does it cost? Read plain test lines at rising prices, and count words that are not in the list.

# %%
from htr_utils.course.hard_lines import right_by_list

for told in right_by_list(recognizer, test[::6], (0, published.price, 5, 20)):
    print(told)

# %% [markdown]
# A low price makes no difference that these lines could show: three words in nine hundred. A high one makes names
# and rare words impossible, and what then stands there looks right. So the package keeps it low, and leaves numbers,
# codes and capitals alone where the network is sure of them.
#
# ## What goes wrong: "leter"
#
# TensorFlow 1's beam search has `merge_repeated=True` by default: it collapses a path into text *and then merges
# repeats again*. What repeats are left by then are doubled letters: `-l-ee-t-tt-e-r` collapses into "letter", and
# "letter" into "leter". (The [reference system](../docs/guide/glossary.md#reference-system) offers this search; none
# of its commands selects it.) On real lines, mistaken and mended:

# %%
bad = [decoding.beam_merge_mistake(t[None], [len(t)], run.beam_width)[0] for t in tables]
hit = [n for n in range(len(tables)) if plain[n].ids != bad[n].ids]
for n in hit[:1]:
    print(*(charset.decode(one[n].ids) for one in (bad, plain)), sep="\n")
lost = sum(len(plain[n].ids) - len(bad[n].ids) for n in hit)
print(f"{lost} doubled letters lost in {len(hit)} of {len(tables)} lines")

# %% [markdown]
# The bug hides well: a text that looks like a spelling mistake. A decoder that takes another class than yours for the
# blank (TensorFlow's takes the last one) fails as silently. Test yours against the oracle.
#
# ## Where was each character read?
#
# Each character has a frame where it is strongest, and its probability there is a first, rough
# [**confidence**](../docs/guide/glossary.md#confidence).

# %% tags=["figure"]
reading = recognizer.read(source, decoder="greedy")
plots.where_read(
    images.load(source), [(c.character, c.x, c.confidence) for c in reading.characters], doubt=0.8
)

# %% [markdown]
# The shorter and redder a bar, the more the reader doubts. A red one may still be right, a blue one wrong. And one
# kind of error has no bar at all: what was *omitted*, about one in three of the mistakes of greedy decoding above
# (damaged validation lines). A proof-reader who looks at low confidences alone misses every omission. Nor does a
# network's own number keep its promise by itself: `read` puts it through a logistic curve whose slope and shift were
# fitted on validation lines (*Platt scaling*); [Spell correction](10_spell_correction.ipynb) measures what that buys.

# %%
run.record(
    cer_validation=cer(held_with(run.weight, run.bonus), held.truths).value,
    curve={name: dict(zip(map(str, weights), values, strict=True)) for name, values in curves.items()},
    cer_damaged={way: cer(texts, hard.truths).value for way, texts in ways.items()},
)  # fmt: skip

# %% [markdown]
# ## Exercise 9.2 · A fair bonus *(10 minutes)*
# A language model gave the characters of a typical text these probabilities. At which bonus does it cost such a
# text nothing, neither more nor less for each further character? Then measure: for the package's model and the
# published weight expect about 0.8. The published bonus is higher: which mistakes of the network does it repair?


# %% tags=["exercise"]
def fair_bonus(weight: float, probabilities: list[float]) -> float:
    """The bonus per character that makes up, in the mean, for weight x log P (natural logarithm)."""
    # SOLUTION
    return -weight * float(np.log(probabilities).mean())
    # END


# %% tags=["check"]
check("09.2", fair_bonus)

# %% [markdown]
# ## Exercise 9.3 · How sure is the beam? *(10 minutes)*
# The beam gives two readings with log probabilities. If only these two were possible, how probable is the
# first? Mind lines whose probabilities are too small for a computer: e to the power of -900 is 0.


# %% tags=["exercise"]
def sureness(best: float, second: float) -> float:
    """Probability of the first of two readings, given their log probabilities; 0.5 to 1."""
    # SOLUTION
    return 1 / (1 + float(np.exp(second - best)))
    # END


# %% tags=["check"]
check("09.3", sureness)

# %% [markdown]
# ## Exercise 9.4 · The judge *(15 minutes)*
# Choose among readings as the package does: ink + weight x language + bonus for each character (spaces too) - price
# for each word that is not listed (words are what `split()` gives; case does not matter). Then find a weight at
# which `[("tne cat", -1, -18), ("the cat", -6, -9)]` turns, with bonus and price 0: expect it between 0.5 and 0.6.


# %% tags=["exercise"]
def best_reading(
    readings: list[tuple[str, float, float]],
    words: set[str],
    weight: float,
    bonus: float,
    price: float,
) -> str:
    """The text with the best score; readings: (text, log P of the ink, log P in the language), words: lower case."""

    # SOLUTION
    def total(reading):
        text, ink, lm = reading
        strange = sum(word.lower() not in words for word in text.split())
        return ink + weight * lm + bonus * len(text) - price * strange

    return max(readings, key=total)[0]
    # END


# %% tags=["check"]
check("09.4", best_reading)

# %% [markdown]
# ## Summary
#
# Decoding turns a table of probabilities, one row a frame, into text. A text is as probable as all its paths
# together, so the best path need not be the best text; prefix beam search adds up the paths of a few prefixes, in
# logarithms, with two scores each, and its scores are lower bounds. A language model, measured by its perplexity,
# enters the score with a weight and a bonus, and that is where most of the gain lies. A wider beam mends errors of the
# search; a line whose truth scores lower than another text only a better model can make right. Each character has a
# place and a confidence; a character that is missing has neither.
#
# ## Quiz
#
# **1. Why does each prefix need two scores?**
# <details><summary>Answer</summary>
# Because the same class in the next frame means two things: after a blank it is a new, second letter; after
# the letter itself it is still the same one. With one score "letter" and "leter" cannot be told apart.
# </details>
#
# **2. A colleague's beam search gives the same text as greedy on every line. Is it broken?**
# <details><summary>Answer</summary>
# Perhaps not: a trained network is sure of most frames. On tiny random lines greedy and beam often differ; there
# the beam must agree with the oracle.
# </details>
#
# **3. You double the width of the beam and nothing changes, but one text in five is wrong. What now?**
# <details><summary>Answer</summary>
# Compare the exact scores of what was written and what was read. Where the truth scores lower, the network or the
# language model prefers a wrong text, and no width makes that line right.
# </details>
#
# ## Further reading
#
# - A. Graves, S. Fernández, F. Gomez, J. Schmidhuber: [*Connectionist temporal
#   classification*](../docs/guide/bibliography.md#graves-2006), ICML 2006; section 3.2: best path decoding.
# - A. Y. Hannun, A. L. Maas, D. Jurafsky, A. Y. Ng:
#   [*First-pass large vocabulary continuous speech recognition using bi-directional recurrent
#   DNNs*](../docs/guide/bibliography.md#hannun-2014),
#   2014; algorithm 1 is this chapter's beam search, with a word model asked at spaces.
# - A. Graves, N. Jaitly: [*Towards end-to-end speech recognition with recurrent neural
#   networks*](../docs/guide/bibliography.md#graves-2014), ICML 2014.
# - C. Gulcehre and others: [*On using monolingual corpora in neural machine
#   translation*](../docs/guide/bibliography.md#gulcehre-2015), 2015; where "shallow fusion" comes from.
#
# Next: [10 · Spell correction](10_spell_correction.ipynb), what a word list can mend afterwards, and what it
# spoils.
