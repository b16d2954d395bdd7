# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 13 · Experiments: many runs, and what they prove
#
# After this chapter you can plan a sweep of runs, start it on one machine or on a cluster, and say which of its
# differences are more than chance.
#
# *30 minutes to read, 50 for the exercises. Needs only the package.*
#
# **You will**
#
# 1. write a [sweep](../docs/guide/glossary.md#sweep) file, and know how many [runs](../docs/guide/glossary.md#run)
#   it makes;
# 2. draw the learning curves of many runs together, and see how far the [seed](../docs/guide/glossary.md#seed) alone
#    moves a result;
# 3. put an [interval](../docs/guide/glossary.md#interval) around the effect of each parameter, and see why the best
#   of many runs looks too good.
#
# You change one thing in the network, train again, and the error rate falls by two points. Is the change good? Train
# the *old* network again with another seed: how far does its rate move by itself? Until you know that, you do not
# know what your two points mean.

# %% tags=["parameters"]
sweep: str = ""  # folder of a sweep (htr sweep --out), or its file; empty for the stored one
result: str = "cer"  # the error rate that is compared, by the name under which the runs recorded it
model: str = ""  # a model to read a line at the end; empty for the best run's or the course's
data_root: str = ""  # folder in IAM layout; empty for the embedded data
seed: int = 0  # of the draws in this chapter

# %%
from htr_utils.course.parameters import validate

run = validate(
    sweep=(sweep or None, "path"), result=(result, "text", 3, 40), model=(model, "text", 0, 400),
    data_root=(data_root or None, "path"), seed=(seed, "int", 0, None),
)  # fmt: skip

# %% [markdown]
# ## A run and a sweep
#
# A **run** is one execution of a notebook with given parameters. A **sweep** is the same notebook run at many points:
# a small file says which. This is the one behind the figures below.

# %%
from htr_utils.paths import repo_root

file = repo_root() / "sweeps" / "small.yaml"
print(
    "\n".join(
        row for row in file.read_text(encoding="utf-8").splitlines() if not row.startswith("#")
    )
)

# %% [markdown]
# `training.py` beside it trains a network and records what came out. `size` is a factor on all channels and LSTM
# units, `longest` the most characters that a line may have, `watched` the number of validation lines. `points`
# lists five kinds of run: the network **as usual**, and four with one part changed. `depth` is the number of blocks
# that are kept; 0 keeps all seven, so "depth=5 instead of 0" below means five in place of seven. The
# [*shortcut*](../docs/guide/glossary.md#shortcut-branch) is a second, small output right behind the convolutions,
# with a CTC loss of its own: the convolutions learn from it before the LSTM can help, and reading ignores it. Each
# is run with three seeds. The package reads the file and checks every point against the notebook's parameters
# before anything runs:

# %%
from htr_utils.runs import sweeps

plan = sweeps.read(file)
print(f"{len(plan.points)} runs; the last: {sweeps.label(plan.points[-1])}")

# %% [markdown]
# To run it: `htr sweep sweeps/small.yaml`. It uses all cores through Dask, or any cluster with `--scheduler
# ADDRESS`. Stop it when you like: the same command goes on with the points that are left. A point that fails is
# reported with its notebook, and the rest goes on. At the end it runs this chapter over its own records. Taking away
# one part at a time, as here, is called an [**ablation**](../docs/guide/glossary.md#ablation).
#
# ## The records
#
# Each run left its parameters, seed, versions and results. `load` reads the finished ones.

# %%
from htr_utils.course import statistics
from htr_utils.runs import records

runs, origin = records.load(run.sweep or records.stored(), run.result)
print(f"{len(runs)} runs, {origin}")
groups = statistics.groups(runs)  # runs that differ in the seed alone stand together
for name, some in groups.items():
    print(f"{name:16}", "  ".join(f"{one['rate']:5.1f}" for one in some), f" % {run.result}")

# %% [markdown]
# The first line says where the records come from. The stored ones are of the sweep above: a narrow network and a
# few hundred short lines, so that it fits into an hour. What they say holds for this small problem. Your own sweep
# goes in through the parameter `sweep`.
#
# ## At full size
#
# The same question for the network of the shipped model, `wide`, eight minutes each. A row changes one thing and is
# named by it: the height of a line, the LSTM's units, the batch, the share of real lines (else half; the rest is
# rendered while it trains), 32-bit numbers in place of 16. `course`, smaller, and `reference` are other networks
# ([Networks side by side](../docs/measured/presets.md) says more). One training a row is all that was affordable.

# %% tags=["figure"]
import json

from htr_utils.course.plots import base

table = repo_root() / "docs" / "measured" / "presets.json"
full = {row["name"]: row["cer"] for row in json.loads(table.read_text(encoding="utf-8"))["rows"]}
names = sorted(full, key=lambda name: -full[name])
drawing, axis = base.figure(height=4.0)
axis.axvspan(full["wide"], full["seed 1"], color=base.ORANGE, alpha=0.3, label="another seed")
axis.plot([full[name] for name in names], names, "o", color=base.BLUE)
axis.set(xlabel="CER on the validation lines (%)", xlim=(0, 100))
axis.legend(loc="center right", frameon=False)
told = ", ".join(f"{name} {full[name]:.1f}" for name in names[::-1])
base.show(drawing, alt=f"A dot for each network's error rate, worst on top: {told}.", facts=told)

# %% [markdown]
# The stripe is what another seed alone changed *once*: two runs, and the true spread may be many times that. Dots near
# it tell nothing: 32 or 40 pixels, a smaller LSTM, more or fewer real lines. Far from it lie the network without the
# shortcut, and those that saw half as many lines in their eight minutes (`LSTM of 256`, `one frame a step`); on the
# other side `course`, which saw more. They are guesses for the next sweep: one training a row says nothing of how far
# *that* row moves.
#
# ## Learning curves together
#
# One curve alone tells you whether a training works ([Training](08_training.ipynb)). Many together tell you what is
# alike and what is not.

# %% tags=["figure"]
from htr_utils.course.plots import experiments as plots

plots.curves(groups)

# %% [markdown]
# Look at one panel first. Its curves are the *same* network on the same lines: other first weights, another order,
# another dropout. That width is your measure for everything else. Then look whether they lie apart from the grey runs
# of the network as usual by more than it. (The training counts spaces at the ends of a line; the rates above were
# read by the finished reader, which cuts them off. They differ by up to 1.3 points.) Many curves rest near 84 %: 16 %
# of the characters of these lines are spaces, and who writes those and nothing else gets this rate. Where curves
# still fall at their end, the comparison is one of speed, not of what can be reached.
#
# ## How far does the seed alone move it?

# %% tags=["figure"]
plots.spread(groups, "CER on the validation lines" if run.result == "cer" else run.result)

# %% [markdown]
# A dot is a run, a bar the mean of its row. If you had run each kind once, you would have compared two dots taken
# at random from two rows. Put a number on the width: the standard deviation of the runs in a row, around their own
# mean. For each row, and for all rows together.

# %%
import numpy as np

rows = [np.array([one["rate"] for one in some]) for some in groups.values()]
for name, row in zip(groups, rows, strict=True):
    print(
        f"{name:16}", f"{row.std(ddof=1):5.1f} points" if len(row) > 1 else "  one run: no spread"
    )
inside = np.concatenate([row - row.mean() for row in rows])  # (runs,)
freedom = len(inside) - len(rows)  # degrees of freedom: a mean was taken off each row
if freedom:
    pooled = float(np.sqrt(np.sum(np.square(inside)) / freedom))
    print(
        f"all rows: the seed alone moves the rate by about {pooled:.1f} points (one standard deviation)"
    )

# %% [markdown]
# ### For the curious: the usual spread
#
# A single run that went astray (find its dot) makes that number. You may not leave such a run out of a comparison: it
# is part of what a seed does. For the *usual* spread, though, take the **median** of the rows' variances, which one
# wild row cannot move. There is a trap: a variance of three values is too small more often than too large. Draw
# rows of pure noise whose true variance is 1:

# %%
noise = np.random.default_rng(run.seed).normal(size=(10_000, 3))  # (rows, runs)
print(
    f"median variance of three values: {np.median(noise.var(axis=1, ddof=1)):.2f}, where 1 is right"
)

# %% [markdown]
# So each row's variance is divided by that number (by its own, where rows are longer) before the median is taken.

# %%
deviation = statistics.deviation(rows, run.seed)
print(
    f"the usual spread: {deviation:.1f} points"
    if deviation
    else "no kind of run has two seeds: no spread to tell"
)

# %% [markdown]
# What follows takes this number, and it is a rough one: from five rows of pure noise with three runs each it lies, in
# 95 of 100 cases, between half of the true spread and 1.65 times it. So 4.5 means 2.7 to 9.
#
# ## The effect of each change
#
# To judge a change, compare runs that are alike in everything else, the seed included:
# [**matched pairs**](../docs/guide/glossary.md#matched-pairs). Take the first change. For each of its runs,
# subtract the rate of the run as usual that has the same seed.

# %%
usual = {one["seed"]: one["rate"] for one in groups.get("as usual", [])}
changed = [name for name, some in groups.items() if len(statistics.special(some[0], runs)) == 1]
first = changed[0] if changed and usual else "nothing"  # one parameter changed, all else as usual
differences = [
    one["rate"] - usual[one["seed"]] for one in groups.get(first, []) if one["seed"] in usual
]
print(first, "minus as usual:", np.round(differences, 1).tolist())

# %% [markdown]
# Their mean is the effect. Its 95 % interval reaches $t \, s / \sqrt{n}$ to either side: $n$ pairs, $s$ their
# standard deviation. With so few pairs $s$ is itself badly known, and the factor $t$ of Student takes that into
# account: for three pairs (two [degrees of freedom](../docs/guide/glossary.md#degrees-of-freedom)) it is 4.3
# instead of the familiar 1.96.

# %%
count = len(differences)
if count > 1:
    mean = np.mean(differences)
    half = statistics.T975[min(count - 2, 29)] * np.std(differences, ddof=1) / np.sqrt(count)
    print(f"by hand:     {mean:.2f} [{mean - half:.2f}, {mean + half:.2f}]")
    print("the package: {:.2f} [{:.2f}, {:.2f}]".format(*statistics.interval(differences)))
else:
    print(f"{count} pairs: an interval needs two, of runs that differ in one parameter alone")

# %% [markdown]
# Now all changes. The package finds the pairs by itself, in grids as well, where each run has several partners.

# %% tags=["figure"]
effects = statistics.effects(runs)
plots.effects(effects)

# %% [markdown]
# Solid means: the interval keeps away from zero. Dashed does not mean "no effect". It means that *this* sweep
# cannot tell: without augmentation one wild run out of three made the mean large and the interval larger. Two ways
# out: more seeds, or longer trainings on more lines, where the seed matters less.
#
# And you look at several intervals at once. Each misses with a chance of 5 %; with four, chance alone would make at
# least one of them solid in about 19 of 100 sweeps ($1 - 0.95^4$) if they were independent, in 20 at most. The plain
# correction (Bonferroni) shares the 5 % out among them: $t$ is then the value that noise exceeds in 5 % / 4 of the
# cases. Draw it:

# %%
for one in effects:
    if one.pairs > 1:
        noise = np.random.default_rng(run.seed).standard_t(one.pairs - 1, 200_000)
        factor = np.quantile(np.abs(noise), 1 - 0.05 / len(effects))
        half = factor / statistics.T975[min(one.pairs - 2, 29)] * (one.high - one.mean)
        print(f"{one.change:30} {one.mean:5.1f} [{one.mean - half:.1f}, {one.mean + half:.1f}]")

# %% [markdown]
# With three pairs the factor grows from 4.3 to about 9, and what was clear by a little is so no more. Decide before
# the sweep which one question it is for, and the other intervals are hints for the next sweep.
#
# ## The best run
#
# What most people want from a sweep in the end: the best run, its parameters, and its model.

# %%
best = statistics.best(runs)
print(statistics.label(best, runs), f"| seed {best['seed']} | {best['rate']:.1f} % {run.result}")

# %% [markdown]
# A sweep of your own keeps the model file of each run (of networks that are a preset, unchanged) in the folder of
# its point. Where it is there, it reads a line. The stored records have none: their networks were made narrow. Then
# the trained model of the course reads instead.

# %%
from pathlib import Path

from htr_utils import Recognizer
from htr_utils.lines import iam

found = run.model or best["results"].get("model", "")
if not found or (found.endswith(".keras") and not Path(found).is_file()):
    print("no model file beside these records: the course's model reads")
    found = "course"
line = iam.read(run.data_root).split("validation")[0]
print("written:", line.text)
print("read:   ", Recognizer.load(found).read(line.path, decoder="greedy").text)

# %% [markdown]
# ## What goes wrong: the winner's luck
#
# Suppose that nothing you change has any effect. You still try many things, and publish the best. How good does it
# look? Draw runs of one and the same network, as far apart as the seeds above, and take the lowest of n.

# %% tags=["figure"]
truth = float(np.mean(list(usual.values()) or [one["rate"] for one in runs]))
width = deviation or 1.0  # one point where these runs do not tell
plots.winners(truth, width, run.seed)

# %% [markdown]
# The number that chose the winner is the wrong number to publish. Choose on the validation lines, then train
# the chosen network anew with other seeds, and measure *those* on the test lines, once. State how many runs you
# chose from.
#
# ## Grid or random?
#
# A grid of three rates by three dropouts tries three rates. Nine points drawn at random try nine. When one
# parameter matters much and the other little, which is the usual case, the random points find more
# ([Bergstra 2012](../docs/guide/bibliography.md#bergstra-2012)). A sweep file can do both; rates are drawn on a
# logarithmic scale.

# %% tags=["figure"]
side = np.linspace(1, 5, 3) / 6
grid = np.array([(a, b) for a in side for b in side])
random = np.random.default_rng(run.seed)
plots.designs(grid, random.uniform(size=(9, 2)))
best_rate = random.uniform(size=(5000, 1))  # anywhere, in 5,000 sweeps
for name, tried in (("grid", side), ("random", random.uniform(size=(5000, 9)))):
    print(
        f"{name}: {np.abs(tried - best_rate).min(axis=1).mean():.3f} from the best rate, on average"
    )

# %% [markdown]
# One draw of nine leaves gaps, as you see; on average it still comes nearer to the best rate than the grid does,
# all rates counted from 0 to 1. In the file:
# `random: {points: 9, seed: 0, from: {rate: {low: 1.0e-4, high: 1.0e-2, log: true}, batch: [8, 16]}}`. A grid stays
# better for a question of the kind "which of these two", where you want matched pairs. Three points for
# [Training](08_training.ipynb), drawn by the package:

# %%
drawn = {"points": 3, "from": {"steps": {"low": 20, "high": 200, "log": True}, "batch": [4, 8]}}
for point in sweeps.from_dict({"chapter": "08", "random": drawn}).points:
    print(point)

# %% [markdown]
# This chapter, too, can be a point of a sweep: it records what it found.

# %%
run.record(
    best=best["rate"], best_change=statistics.label(best, runs), deviation=deviation, runs=len(runs),
    effects={one.change: one.mean for one in effects},
)  # fmt: skip

# %% [markdown]
# ## Exercise 13.1 · Predict: how many runs? *(2 minutes)*
# A grid has three rates, two batch sizes and four depths, and three seeds are given. How many runs will it make?

# %% tags=["exercise"]
number_of_runs = (
    # SOLUTION
    3 * 2 * 4 * 3
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("13.1", number_of_runs)

# %% [markdown]
# ## Exercise 13.2 · How many pairs? *(10 minutes)*
# You plan a sweep. The differences of matched pairs will have about the standard deviation that is given. How many
# pairs do you need until half the width of the 95 % interval is below the effect that you hope to see? Two are the
# least; `statistics.T975[0]` is the factor for one degree of freedom, which two values have. The table ends at 30
# degrees of freedom; beyond, take its last value.


# %% tags=["exercise"]
def pairs_needed(standard_deviation: float, effect: float) -> int:
    """Fewest pairs whose interval, by Student's t, reaches less than `effect` to either side of the mean."""
    # SOLUTION
    n = 2
    while statistics.T975[min(n - 2, 29)] * standard_deviation / np.sqrt(n) >= effect:
        n += 1
    return n
    # END


# %% tags=["check"]
check("13.2", pairs_needed)

# %% [markdown]
# ## Exercise 13.3 · Measure the luck *(12 minutes)*
# All runs are worth the same. How many must somebody try until the best of them looks better than it is by more
# than so many standard deviations, on average over 5,000 sweeps? Draw from `np.random.default_rng(seed)`.


# %% tags=["exercise"]
def runs_for_luck(limit: float, seed: int) -> int:
    """Fewest equal runs whose lowest lies more than `limit` (at most 2) standard deviations below their mean."""
    # SOLUTION
    values = np.random.default_rng(seed).normal(size=(5000, 64))  # (sweeps, runs)
    n = 1
    while -values[:, :n].min(axis=1).mean() <= limit:
        n += 1
    return n
    # END


# %% tags=["check"]
check("13.3", runs_for_luck)

# %% [markdown]
# ## Exercise 13.4 · Write a sweep *(6 minutes)*
# Write the content of a sweep file for [Training](08_training.ipynb), as a dictionary: `lines` 16 and 32, each with
# `batch` 4 and 8, every point with the seeds 0, 1 and 2. The keys are `chapter` ("08"), `grid` (a dictionary from
# each parameter to a list of its values; every combination is run) and `seeds`. The check gives it to the package's
# own reader.

# %% tags=["exercise"]
my_sweep = (
    # SOLUTION
    {"chapter": "08", "grid": {"lines": [16, 32], "batch": [4, 8]}, "seeds": [0, 1, 2]}
    # END
)

# %% tags=["check"]
check("13.4", my_sweep, sweeps.from_dict)

# %% [markdown]
# ## Exercise 13.5 · Matched pairs *(15 minutes)*
# Each run is a dictionary with `name` ("a" or "b"), `depth`, `seed` and `cer`. Return `b` minus `a` for every pair
# that is alike in all but the parameter given (here always "name"). A run without a partner takes no part.


# %% tags=["exercise"]
def pairs(some_runs: list[dict], parameter: str) -> list[float]:
    """Differences of the error rates of matched pairs."""
    # SOLUTION
    partners = {(r["depth"], r["seed"]): r["cer"] for r in some_runs if r[parameter] == "a"}
    changed = [r for r in some_runs if r[parameter] == "b" and (r["depth"], r["seed"]) in partners]
    return [r["cer"] - partners[r["depth"], r["seed"]] for r in changed]
    # END


# %% tags=["check"]
check("13.5", pairs)

# %% [markdown]
# ## Summary
#
# A sweep file says which runs are made; the package checks, runs, resumes and tabulates them. The seed alone moves
# a result, and only a change that goes beyond this width means something. Matched pairs and an interval by
# Student's t say how sure a change is; an interval across zero says that this sweep cannot tell. The best of
# many runs looks better than it is, so choose on validation lines and measure the choice anew. Random points try
# more values of each parameter than a grid of the same size.
#
# ## Quiz
#
# **1. Two networks, one run each: 7.9 % and 7.4 % [CER](../docs/guide/glossary.md#cer) on the same lines. Which is
# better?**
# <details><summary>Answer</summary> You cannot tell. The bootstrap over lines says how sure each number is for
# <em>these weights</em>. How far another seed would move them, one run does not say. Run each a few times.
# </details>
#
# **2. Why compare runs with the same seed in pairs, when the seed only makes noise?**
# <details><summary>Answer</summary> The same seed draws the same order of lines and the same distortions, so a part
# of the noise is common to both and falls out of the difference. It has a price: three pairs leave two degrees of
# freedom (factor 4.3), two groups of three runs leave four (2.8). Where networks have different shapes little is
# common: in the stored sweep pairing makes three of the four intervals wider, and halves that of `stacked`. </details>
#
# **3. Your sweep had 40 points and you publish the best one's validation rate. What is wrong?**
# <details><summary>Answer</summary>
# It was chosen for being low, so its luck was chosen too. Train the winner again with new seeds, measure on
# the test lines, and say that it was one of 40.
# </details>
#
# ## Further reading
#
# - J. Bergstra and Y. Bengio, [*Random Search for Hyper-Parameter
#   Optimization*](../docs/guide/bibliography.md#bergstra-2012), JMLR 13, 2012: why random points.
# - X. Bouthillier et al.,
#   [*Accounting for Variance in Machine Learning Benchmarks*](../docs/guide/bibliography.md#bouthillier-2021),
#   MLSys 2021: where the spread of results comes from, and how much of it a seed shows.
# - Student, [*The Probable Error of a Mean*](../docs/guide/bibliography.md#student-1908), Biometrika 6, 1908: the
#   factor for few values.
#
# Back to [12 · Your own handwriting](12_your_own_handwriting.ipynb), or to the map in
# [0 · Start here](00_start_here.ipynb).
