# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # One way of reading, to be swept
#
# No chapter: `htr sweep sweeps/reading.yaml` runs it at many points. It reads lines with a trained model, one decoder
# and one policy of spell correction, and records the rate and the edits of each line.

# %%
from htr_utils import Recognizer
from htr_utils.course.parameters import validate
from htr_utils.lines import iam
from htr_utils.text import metrics
from htr_utils.text.spelling import Speller

# %% tags=["parameters"]
model: str = "course"  # a model's name, or the path of a .keras file
decoder: str = "greedy"  # greedy, beam, lm or lexicon
beam_width: int = 0  # width of the beam; 0 for the decoder's own
spelling: str = "off"  # off, gated (doubtful words only), fast or full (every unknown word)
split: str = "validation"  # the lines of this split are read
lines: int = 340  # how many of them
data_root: str = ""  # folder in IAM layout; empty for the embedded data
seed: int = 0  # of the bootstrap

# %%
run = validate(
    model=(model, "text", 1, 400), decoder=(decoder, "choice", "greedy", "beam", "lm", "lexicon"),
    beam_width=(beam_width, "int", 0, 200), spelling=(spelling, "choice", "off", "gated", "fast", "full"),
    split=(split, "text", 1, 40), lines=(lines, "int", 1, None), data_root=(data_root or None, "path"),
    seed=(seed, "int", 0, None),
)  # fmt: skip

# %%
every = iam.read(run.data_root).split(run.split)
count = min(run.lines, len(every))
chosen = [every[n * len(every) // count] for n in range(count)]
recognizer = Recognizer.load(run.model)
readings = recognizer.read([line.path for line in chosen], decoder=run.decoder, width=run.beam_width or None)
print(f"{len(readings)} lines read")

# %%
texts, truths = [reading.text for reading in readings], [line.text for line in chosen]
if run.spelling == "gated":
    texts = [recognizer.correct(reading).text for reading in readings]
elif run.spelling != "off":
    speller = Speller(mode=run.spelling)
    texts = [speller.correct(text).text for text in texts]

# %%
cer = metrics.cer(texts, truths, split=run.split, seed=run.seed)
wer = metrics.wer(texts, truths, split=run.split, seed=run.seed)
run.record(
    cer=cer.value, cer_low=cer.low, cer_high=cer.high, wer=wer.value, split=run.split,
    lines=count, edits=[[metrics.edits(a, b), len(b)] for a, b in zip(texts, truths, strict=True)],
)  # fmt: skip
print(cer, wer, sep="\n")
