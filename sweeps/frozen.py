# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # A model bent to one hand, with its convolutions or without
#
# No chapter: `htr sweep sweeps/frozen.yaml` runs it at many points. It trains further as "Your own handwriting" does, on
# the lines of one hand, and records what other lines of this hand and lines of other hands then read.

# %%
import tempfile
from pathlib import Path

from htr_utils import Recognizer
from htr_utils.course import letters
from htr_utils.course.parameters import validate
from htr_utils.lines import iam
from htr_utils.text import metrics

# %% tags=["parameters"]
model: str = "course"  # the model to start from: a name, or the path of a .keras file
hand: str = "letters"  # letters (the two sample letters) or leaning (a validation writer, narrow and leaning)
lines: int = 12  # how many lines it learns from
epochs: int = 9  # passes over them
frozen: bool = False  # whether the convolutions stay as they are
seed: int = 0  # of the distortions and the mixing

# %%
run = validate(
    model=(model, "text", 1, 400), hand=(hand, "choice", "letters", "leaning"), lines=(lines, "int", 1, 400),
    epochs=(epochs, "int", 1, 500), frozen=(frozen, "bool"), seed=(seed, "int", 0, None),
)  # fmt: skip

# %%
(pictures, texts), (unseen, truth) = letters.material() if run.hand == "letters" else letters.leaning()
learnt = pictures[: run.lines], texts[: run.lines]
out = Path(tempfile.mkdtemp()) / "mine.keras"
letters.fine_tune(learnt, run.model, out, epochs=run.epochs, seed=run.seed, frozen=run.frozen)

# %%
others = iam.read().split("test")[::15]
groups = {
    "learnt": learnt,
    "unseen": (unseen, truth),
    "others": ([line.path for line in others], [line.text for line in others]),
}
results = {}
for name, (shown, true) in groups.items():
    for when, file in (("before", run.model), ("after", out)):
        read = [one.text for one in Recognizer.load(file).read(shown, decoder="greedy")]
        results[f"{name}_{when}"] = [[metrics.edits(a, b), len(b)] for a, b in zip(read, true, strict=True)]

# %%
rates = {name: sum(e for e, _ in pairs) / sum(n for _, n in pairs) for name, pairs in results.items()}
run.record(cer=rates["unseen_after"], rates=rates, edits=results)
print(", ".join(f"{name} {100 * value:.1f} %" for name, value in rates.items()))
