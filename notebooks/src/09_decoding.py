# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 9 · Decoding: from frames to text
#
# After this chapter you can turn the network's probabilities into text, let a language model take part, say what
# each buys, and spot two famous bugs in one line of output.
#
# *60 minutes to read, 45 for the exercises. Needs only the package.*
#
# **You will**
#
# 1. write greedy decoding and [*prefix beam search*](../docs/guide/glossary.md#prefix-beam) from scratch and check
#   both against the package;
# 2. see on a tiny line why the best path need not be the best text, and measure how much that matters on
#    lines of the embedded data;
# 3. make two real decoder bugs on purpose, recognise them by what they write, and mend them.
#
# A network that has learned CTC ([CTC loss](07_ctc_loss.ipynb)) does not write text. For each frame, a narrow slice
# of the line, it gives one probability for each of 80 classes: 79 characters and the
# [**blank**](../docs/guide/glossary.md#blank), "nothing new here".
# [**Decoding**](../docs/guide/glossary.md#decoding) is the step from that table to a string. The same table can be
# read well or badly: the system that this course rebuilds turned every "letter" into "leter". Would you notice?

# %% tags=["parameters"]
data_root: str = ""  # a folder in IAM layout; "" for the embedded data
my_image: str = ""  # a picture of your own, a line or a page; "" for a line of the test split
model: str = "course"  # a model's name, or the path of a .keras file
lines: int = 12  # how many test lines the decoders are compared on
beam_width: int = 10  # prefixes that the beam keeps
weight: float = 0.6  # of the language model
bonus: float = 2.0  # added for each character
tune_lines: int = 40  # validation lines for the curve of weights
seed: int = 0  # random tiny lines for the checks

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
# You take lines spread over the test split, by writers that the model has never seen. (The embedded lines are
# rendered, not written by hand; [Loading IAM](01_loading_iam.ipynb) says how.) `log_probs` gives one table for each
# line: a row for each frame, a column for each class, natural logarithms. (A product of two hundred probabilities
# is too small to compute with; a sum of logarithms is not.)

# %%
from htr_utils import Recognizer
from htr_utils.course import own
from htr_utils.lines import iam, images

test = iam.read(run.data_root).split("test")
chosen = test[:: max(1, len(test) // run.lines)][: run.lines]

recognizer = Recognizer.load(run.model)
step, charset = recognizer.preset.frame_step, recognizer.charset
tables = recognizer.log_probs([line.path for line in chosen])  # each (frames, classes)
print(len(tables), "lines; the first:", tables[0].shape, "frames x classes")

# %% [markdown]
# Draw the beginning of one line, and below it the probabilities of the classes that are read there: rows
# are classes, columns are frames, dark is probable.

# %% tags=["figure"]
from htr_utils.course.plots import search as plots

source = own.line(run.my_image, recognizer) if run.my_image else chosen[0].path
ink, table = recognizer.prepare(source).ink, recognizer.log_probs([source])[0]

frames = min(90, len(table))
seen = list(dict.fromkeys(i for i in table[:frames].argmax(axis=1).tolist() if i != 0))
plots.posteriors(ink[:, : frames * step], table[:frames], charset.decode(seen), seen, step=step)

# %% [markdown]
# Notice three things. Most frames belong to the blank. A letter is certain for a frame or two and then
# over, although its ink is much wider. And where a cell is pale, the network hesitates: there the
# choice of decoder matters.
#
# ## Greedy decoding, from scratch
#
# The shortest recipe has three steps: take the likeliest class of each frame, merge neighbours that are equal, drop
# the blanks. A sequence of classes, one a frame, is called a [**path**](../docs/guide/glossary.md#path); merging
# and dropping [**collapses**](../docs/guide/glossary.md#collapse) it into text. The package's `greedy` does the
# same for a whole batch, and remembers at which frame each character was strongest; the two must agree on every
# line.


# %%
import itertools

import numpy as np

from htr_utils.text import decoding


def greedy_ids(table: np.ndarray) -> list[int]:
    """table: (frames, classes) -> class ids of the text."""
    path = table.argmax(axis=1)  # (frames,)
    first = np.concatenate([[True], path[1:] != path[:-1]])  # where a new stretch begins
    return path[first & (path != 0)].tolist()


for n in range(min(3, len(tables))):
    print("written:", chosen[n].text)
    print("read:   ", charset.decode(greedy_ids(tables[n])), "\n")

packaged = [decoding.greedy(table[None], [len(table)])[0] for table in tables]
agree = [list(one.ids) for one in packaged] == [greedy_ids(table) for table in tables]
print("from scratch and package agree on every line:", agree)

# %% [markdown]
# ## Where greedy goes wrong: the best path is not the best text
#
# Shrink the problem until you can do it by hand: two frames, two classes, the blank (written `-`) and `a`.
# Each frame says blank .6, `a` .4. Greedy takes the blank twice: probability .6 x .6 = .36, text: nothing.
# But *three* paths collapse into "a": `aa`, `a-` and `-a`. Together they have .4 x .4 + .4 x .6 + .6 x .4.
# A text is as probable as **all its paths together**.

# %%
tiny = np.log([[0.6, 0.4], [0.6, 0.4]])

for ids, log_prob in decoding.exhaustive(tiny).items():  # walks through every path there is
    print(f"text {'a' * len(ids)!r:>4}: probability {np.exp(log_prob):.2f}")
print("greedy writes:", repr("a" * len(greedy_ids(tiny))))

# %% [markdown]
# `exhaustive` is the definition itself: it lists every path and adds up. You use it as an
# [**oracle**](../docs/guide/glossary.md#oracle), the slow program that is right, to check the fast one. The next
# table has four frames and the classes `-`, `a`, `b`: 81 paths. Draw each likely text as a bar made of its paths.

# %% tags=["figure"]
# (frames, classes)
small = np.array([[0.6, 0.1, 0.3], [0.1, 0.6, 0.3], [0.5, 0.4, 0.1], [0.2, 0.7, 0.1]])

paths: dict[str, dict[str, float]] = {}
for path in itertools.product(range(3), repeat=len(small)):
    text, name = "".join(" ab"[i] for i in decoding.collapse(path)), "".join("-ab"[i] for i in path)
    paths.setdefault(text, {})[name] = float(np.prod(small[range(4), path]))
plots.paths_by_text({text: group for text, group in paths.items() if sum(group.values()) > 0.05})

# %% [markdown]
# The orange piece is the best path. It lies in the wrong bar. With 80 classes and two hundred frames nobody
# can list all paths, so you need a search that adds up *many* paths of a *few* good texts.
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

# %%
from collections import defaultdict


def prefix_beam(
    table: np.ndarray, width: int, judge=lambda prefix: 0.0
) -> list[tuple[tuple[int, ...], float]]:
    """table: probabilities (frames, classes) -> [(prefix, probability), ...], best first; `judge` comes later."""
    beam = {(): (1.0, 0.0)}  # prefix: (ends in blank, ends in letter)
    for frame in table:
        grown = defaultdict(lambda: [0.0, 0.0])
        for prefix, (blank, letter) in beam.items():
            grown[prefix][0] += (blank + letter) * frame[0]
            for i in range(1, len(frame)):
                if prefix and i == prefix[-1]:
                    grown[prefix][1] += letter * frame[i]  # the same letter goes on
                    grown[(*prefix, i)][1] += blank * frame[i]  # after a blank: a second one
                else:
                    grown[(*prefix, i)][1] += (blank + letter) * frame[i]
        best = sorted(grown, key=lambda p: -np.log(sum(grown[p]) + 1e-300) - judge(p))[:width]
        beam = {prefix: tuple(grown[prefix]) for prefix in best}
    return [(prefix, sum(scores)) for prefix, scores in beam.items()]


# %% [markdown]
# Two checks. With room for every prefix the beam must equal the oracle, on random tiny lines. On the real lines it
# must equal the package, which does the same with logarithms and whole arrays.

# %%
rng = np.random.default_rng(run.seed)
wide = True
for _ in range(20):
    random_line = rng.dirichlet(np.ones(3), size=5)  # (5 frames, 3 classes)
    truth = decoding.exhaustive(np.log(random_line))
    wide &= all(
        np.isclose(p, np.exp(truth.get(ids, -np.inf)))
        for ids, p in prefix_beam(random_line, 10_000)
    )
print("full width equals the oracle:", bool(wide))

mine = [prefix_beam(np.exp(table.astype(float)), run.beam_width)[0][0] for table in tables[:3]]
theirs = [
    decoding.beam(table[None], [len(table)], width=run.beam_width)[0][0].ids for table in tables[:3]
]
print("from scratch and package agree on three real lines:", mine == theirs)

# %% [markdown]
# Now watch it work on the four frames from above, with a width of 3. Each box is a prefix; its two colours
# are its two scores. Follow the prefix `ba`, which wins, back to the start.

# %% tags=["figure"]
plots.beam_tree(small, "ab", 3)

# %% [markdown]
# Wherever two blue lines meet in one box, paths have merged. That is the whole trick. Grey crosses are
# prefixes that the width threw away. Their probability is lost, so the winner's number is a little below what
# the oracle gives.
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
# ## Width against result, on real lines
#
# A beam of width 1 keeps one prefix but still adds up all paths of that prefix, and it never goes
# back on a decision; greedy decides each frame by itself. They are different programs.
#
# Does a wide beam read better? Each line is decoded with each width.

# %%
from htr_utils.text.metrics import cer

widths = sorted({1, 2, 3, 5, 20, run.beam_width})
beams = {w: [decoding.beam(t[None], [len(t)], width=w)[0][0] for t in tables] for w in widths}
scores = [np.mean([one.log_prob for one in beams[w]]) for w in widths]
rises = all(a <= b + 1e-6 for a, b in itertools.pairwise(scores))
print("the mean score never falls as the beam widens:", rises)

# %% [markdown]
# Beside the scores stands what counts, the character error rate (CER,
# [Characters and metrics](03_characters_and_metrics.ipynb)).


# %% tags=["figure"]
def rate(found):
    return cer([charset.decode(one.ids).strip() for one in found], truths, split="test")


truths = [line.text for line in chosen]
rates = [rate(beams[w]) for w in widths]
greedy_rate = rate(packaged)
plots.width_against_result(widths, scores, [one.value for one in rates], greedy_rate.value)

# %% [markdown]
# On how many lines do the two disagree? The rates come with their 95 % intervals.

# %%
found = beams[run.beam_width]
changed = [n for n in range(len(chosen)) if packaged[n].ids != found[n].ids]
print(f"greedy and beam differ on {len(changed)} of {len(chosen)} lines")
for n in changed[:3]:
    one, other = charset.decode(packaged[n].ids), charset.decode(found[n].ids)
    print(f"  written: {truths[n]}\n  greedy:  {one}\n  beam:    {other}")
print("greedy:", greedy_rate, "\nbeam:  ", rate(found))

# %% [markdown]
# Compare the difference with the width of the intervals: on so few lines you cannot tell the two
# apart. A trained CTC network is so sure of most frames that there is little to add up. What the beam
# buys is something else: it holds *several* readings with honest scores, and that is the door through
# which a language model, which knows what letters follow each other, can enter.
#
# ## A language model in the beam
#
# A **language model** says how likely each next character is after the ones before it. The package brings one that
# counted runs of up to seven characters in novels, speeches and the training passages and kept those that tell most;
# no test text was among them. **Shallow fusion** adds its voice to the score by which prefixes compete:
#
# log P(prefix | frames) + weight x log P(prefix in the language) + bonus x characters
#
# The *weight* says how much the language counts beside the ink. The *bonus* is there because each further character
# makes a text less likely: without it short texts win. In your beam one line changes: the one that sorts.

# %%
import functools

from htr_utils.text import fusion, language, ngrams


def judge_with(lm, weight: float, bonus: float):
    """What the language adds to a prefix, each answer kept for its children; and that with the text's end."""

    @functools.cache
    def state(prefix):  # a whole number that stands for the last characters
        return lm.advance(state(prefix[:-1]), [prefix[-1]]) if prefix else lm.start(1)

    @functools.cache
    def row(prefix):  # log P of every next class: (classes,)
        return lm.log_probs(state(prefix))[0]

    @functools.cache
    def judge(prefix):
        return judge(prefix[:-1]) + weight * row(prefix[:-1])[prefix[-1]] + bonus if prefix else 0.0

    return lambda prefix: judge(
        prefix
    ), lambda prefix: judge(prefix) + weight * lm.end(state(prefix))[0]


def fused_beam(table: np.ndarray, lm, width: int, weight: float, bonus: float) -> tuple[int, ...]:
    """table: probabilities (frames, classes) -> class ids of the text with the best fused score."""
    judge, judge_end = judge_with(lm, weight, bonus)
    return max(
        prefix_beam(table, width, judge),
        key=lambda one: np.log(one[1] + 1e-300) + judge_end(one[0]),
    )[0]


# %% [markdown]
# The oracle serves again: score every possible text of a tiny line with the fused score and take the best. The tiny
# language knows the characters space, `a` and `b`. Then compare with the package on real lines.

# %%
tiny_lm = ngrams.train(["ab ab ba b aab ab bab", "a bb ab"], " ab", order=3)
best = True
for _ in range(20):
    random_line = rng.dirichlet(np.ones(4), size=5)  # (5 frames, 4 classes)
    _, judge_end = judge_with(tiny_lm, 0.8, 1.0)
    truth = {ids: p + judge_end(ids) for ids, p in decoding.exhaustive(np.log(random_line)).items()}
    best &= fused_beam(random_line, tiny_lm, 10_000, 0.8, 1.0) == max(truth, key=truth.get)
print("full width finds the best fused score:", best)

english = language.LanguageModel.load("en", charset)
tables_p = [np.exp(table.astype(float)) for table in tables[:2]]
mine = [fused_beam(p, english, run.beam_width, run.weight, run.bonus) for p in tables_p]
options = {
    "width": run.beam_width,
    "weight": run.weight,
    "bonus": run.bonus,
    "prune": 0,
}  # searches plainly
theirs = [fusion.prefix_beam(t[None], [len(t)], english, **options)[0][0].ids for t in tables[:2]]
print("from scratch and package agree on two real lines:", mine == theirs)

# %% [markdown]
# How strong may the language be? That is chosen on *validation* lines, never on the lines that are reported. Here
# some of them are bent and soiled first (`damaged`), because on clean rendered lines there is little left to
# choose. The same lines are decoded with each weight, without and with a bonus: that of the published settings.

# %% tags=["figure"]
from htr_utils.course.hard_lines import damaged, padded

folder = iam.read(run.data_root)


def hard(part: list) -> tuple:
    """The tables of damaged lines, and what was written."""
    pictures = [damaged(images.load(line.path), n) for n, line in enumerate(part)]
    return padded(recognizer.log_probs(pictures), [line.text for line in part])


published, share = recognizer.tuned.fusion, folder.split("validation")
weights = sorted({0.0, 0.25, 0.5, 0.75, 1.0, 1.5, published.weight})
held = hard(share[:: max(1, len(share) // run.tune_lines)][: run.tune_lines])


def error(weight: float, bonus: float) -> float:
    readings = fusion.prefix_beam(held.log_probs, held.frames, english, weight=weight, bonus=bonus)
    return cer([charset.decode(one[0].ids).strip() for one in readings], held.truths).value


curves = {f"bonus {b:g}": [error(w, b) for w in weights] for b in (0.0, published.bonus)}
plots.weight_curve(weights, curves, published=published.weight)

# %% [markdown]
# Too weak, and the language changes nothing. Too strong, and it writes fluent English that nobody wrote; without a
# bonus it also drops letters. The dotted line marks the published weight (`model/decoding.json`). It was chosen by
# `python -m workshop.measure.tune`, which tries weight, bonus and the lexicon's price in turn on all validation
# lines, plain and damaged; on the few lines here the lowest point may lie beside it.
# `htr sweep notebooks/src/09_weight.yaml` runs this chapter at many weights and bonuses with papermill, those
# published among them; `table.csv` puts the results side by side.
#
# A **lexicon** is a harder rule: words of a list are free, every other word costs a price, and digits and
# punctuation cost nothing. It is kept as a tree of letters, so that the beam knows after each letter whether a listed
# word can still follow. Names stay possible, they only cost. Compare all three on damaged *test* lines.

# %%
from htr_utils.text.metrics import edits

hard_test = hard(chosen)
with_words = recognizer.tuned.lexicon
ways = {
    "greedy": [[one] for one in decoding.greedy(hard_test.log_probs, hard_test.frames)],
    "language model": recognizer.tuned.decode(hard_test.log_probs, hard_test.frames, lexicon=False),
    "lexicon": recognizer.tuned.decode(hard_test.log_probs, hard_test.frames),
}
said = {
    way: [charset.decode(one[0].ids).strip() for one in readings] for way, readings in ways.items()
}
wrong = {way: sum(map(edits, texts, hard_test.truths)) for way, texts in said.items()}
for n in range(2):
    print("written:", hard_test.truths[n])
    print(*(f"{way + ':':16}{texts[n]}" for way, texts in said.items()), sep="\n", end="\n\n")
print("wrong characters:", wrong, "of", sum(map(len, hard_test.truths)))
print("fewer than greedy:", {way: wrong[way] < wrong["greedy"] for way in list(wrong)[1:]})

# %% [markdown]
# Some of the errors go. Whether that is more than chance a dozen lines cannot tell:
# [Evaluation](11_evaluation.ipynb) compares both readers on more lines, in pairs, with an interval. Look at the
# price, too. Where the network was unsure of a number or a rare word, fluent English may stand now, and what is
# still wrong looks right. So the package leaves numbers, codes and capitals alone where the network is sure of
# them, and asks first whether the page is in a language that it knows. `recognizer.read(picture)` reads with both
# helpers, `decoder="greedy"` without.
#
# The package searches faster than your beam, with a width of 100: prefixes that fall far behind are given up, and of
# prefixes that end alike, as far back as the judges look, only the best is kept, since whatever comes next is the
# same for all of them (decoders call this *recombination*).
#
# ## What goes wrong, 1: "leter"
#
# The system that this course rebuilds uses TensorFlow 1's beam search with its default
# `merge_repeated=True`. It collapses a path into text *and then merges repeats again*. The repeats that are
# left by then are no accident: they are doubled letters, kept apart by a blank.
#
# By hand: `-l-ee-t-tt-e-r` collapses into "letter", and "letter" collapses into "leter". Now on real lines:
# `beam_merge_mistake` makes the mistake on purpose. The cell shows the first line that it damages, then
# counts the damage on all.

# %%
good = beams[run.beam_width]
bad = [decoding.beam_merge_mistake(t[None], [len(t)], run.beam_width)[0] for t in tables]
hit = [n for n in range(len(tables)) if good[n].ids != bad[n].ids]
for n in hit[:1]:
    print(
        f"written:  {truths[n]}\nmistaken: {charset.decode(bad[n].ids)}\nmended:   {charset.decode(good[n].ids)}"
    )
lost = sum(len(good[n].ids) - len(bad[n].ids) for n in hit)
print(f"{lost} doubled letters lost in {len(hit)} of {len(tables)} lines")

# %% [markdown]
# The bug hides well: no error, no warning, a text that looks like a spelling mistake. The package's
# imitation must agree with TensorFlow's own decoder, and the cure is one argument. (`rotated` is explained
# next: TensorFlow wants the blank last.)

# %%
import tensorflow as tf

v1 = tf.compat.v1.nn.ctc_beam_search_decoder
rotated = [np.roll(table, -1, axis=1)[:, None] for table in tables[:4]]  # each (frames, 1, classes)


def tf_ids(decoder, table, **options) -> tuple[int, ...]:
    [best], _ = decoder(table, [len(table)], beam_width=run.beam_width, top_paths=1, **options)
    return tuple(best.values.numpy().tolist())


for merge, ours in [(True, bad), (False, good)]:
    theirs = [tuple(i + 1 for i in tf_ids(v1, table, merge_repeated=merge)) for table in rotated]
    same = theirs == [one.ids for one in ours[:4]]
    print(f"merge_repeated={merge!s:5}: TensorFlow and the package agree on four lines:", same)

# %% [markdown]
# ## What goes wrong, 2: the wrong blank
#
# Here the blank is class 0. TensorFlow's beam search takes the **last** class as the blank, always; in this
# charset that is "z". If you pass the table as it is, the shapes fit and a text comes back. Try it on a made-up
# table that is very sure of `-p-i-z-z-a-`, as it is and with the classes rotated so that the blank comes last
# (then add one to the ids that come back).

# %%
path = [i for letter in charset.encode("pizza") for i in (0, letter)] + [0]
pizza = np.log(np.full((len(path), 1, charset.classes), 1e-4))  # (frames, 1, classes)
pizza[np.arange(len(path)), 0, path] = np.log(0.99)

modern = tf.nn.ctc_beam_search_decoder
print("as it is:", charset.decode(tf_ids(modern, pizza)))
print("rotated: ", charset.decode([i + 1 for i in tf_ids(modern, np.roll(pizza, -1, axis=2))]))

# %% [markdown]
# It fails silently, and that is what makes it dangerous. TensorFlow takes "z" for the blank, so z vanishes.
# It takes the real blank for a character, and because `decode` skips class 0, the text looks almost right. But
# paths are no longer added up per text, so its scores mean nothing.
#
# ## Where was each character read?
#
# Frames lie in order along the line, so the text comes with places. Each character has a frame where it is
# strongest, and its probability there is a first, rough [**confidence**](../docs/guide/glossary.md#confidence).
# `Recognizer.read` carries both back to the columns of your picture.

# %% tags=["figure"]
reading = recognizer.read(source, decoder="greedy")
plots.where_read(
    images.load(source), [(c.character, c.x, c.confidence) for c in reading.characters], doubt=0.8
)

# %% [markdown]
# The shorter and redder a bar, the more the reader doubts. A red one may still be right, and a blue one may be
# wrong. A network's own numbers need not keep their promise: of the letters that it gives .9, nine in ten should be
# right. So `read` divides the logit of each probability by a **temperature** and adds a shift, both fitted on
# validation lines; [Spell correction](10_spell_correction.ipynb) measures what that buys, and where it costs.

# %%
run.record(
    cer_greedy=greedy_rate.value, cer_beam=rate(found).value, cer_validation=error(run.weight, run.bonus),
    curve={name: dict(zip(map(str, weights), values, strict=True)) for name, values in curves.items()},
    wrong_greedy=wrong["greedy"], wrong_language_model=wrong["language model"], wrong_lexicon=wrong["lexicon"],
)  # fmt: skip

# %% [markdown]
# ## Exercise 9.2 · What the merge costs *(10 minutes)*
# Write a function that counts how many characters of a text `merge_repeated=True` deletes. Then
# measure: what CER does the bug alone cause on the training texts, if everything else is read perfectly?


# %% tags=["exercise"]
def lost_letters(text: str) -> int:
    """How many characters are equal to the one before them."""
    # SOLUTION
    return sum(a == b for a, b in itertools.pairwise(text))
    # END


# %% tags=["check"]
check("09.2", lost_letters)

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
# ## Exercise 9.4 · The weakest word *(15 minutes)*
# A reader who checks a page wants to see doubtful *words*. Return the word that holds the lowest
# confidence of all; `confidences` has one number for each character, spaces too, which do not count.


# %% tags=["exercise"]
def weakest_word(text: str, confidences: list[float]) -> str:
    """The word of `text` with the least sure character."""
    # SOLUTION
    lowest = min((c, n) for n, c in enumerate(confidences) if text[n] != " ")[1]
    return text[: lowest + 1].split(" ")[-1] + text[lowest + 1 :].split(" ")[0]
    # END


# %% tags=["check"]
check("09.4", weakest_word)

# %% [markdown]
# ## Summary
#
# Decoding turns a table of probabilities, one row a frame, into text. Greedy takes the best path, merges
# repeats and drops blanks. A text is as probable as all its paths together, so the best path need not
# be the best text; prefix beam search adds up the paths of a few prefixes, with two scores each. Merging
# after collapsing eats doubled letters, and a wrong blank fails without a word. Each character has a place and
# a confidence, which is where the next step, correction, can begin.
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
# Not necessarily: a trained network is sure of most frames, and then both agree. Test it against the
# oracle on tiny random lines, where they must differ.
# </details>
#
# **3. Your texts never contain "z". What do you suspect?**
# <details><summary>Answer</summary>
# That a decoder takes the last class for the blank. Look at the raw ids: they are full of zeros.
# </details>
#
# ## Further reading
#
# - A. Graves, S. Fernández, F. Gomez, J. Schmidhuber: [*Connectionist temporal
#   classification*](../docs/guide/bibliography.md#graves-2006), ICML 2006; section 3.2 has best path decoding.
# - A. Y. Hannun, A. L. Maas, D. Jurafsky, A. Y. Ng:
#   [*First-pass large vocabulary continuous speech recognition using bi-directional recurrent
#   DNNs*](../docs/guide/bibliography.md#hannun-2014),
#   2014; algorithm 1 is the prefix beam search of this chapter.
# - A. Hannun: [*Sequence modeling with CTC*](../docs/guide/bibliography.md#hannun-2017), Distill, 2017, with the
#   drawings to go with it.
#
# Next: [10 · Spell correction](10_spell_correction.ipynb), what a word list can mend afterwards, and what it
# spoils.
