# ---
# jupyter:
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # 1 · Loading IAM: from a folder to lines with a text and a writer
#
# After this chapter you can read a folder in the layout of the IAM database, say what each column of it
# means, and split it so that a result measured on it can be believed.
#
# *25 minutes to read, 60 for the exercises. Needs only the package.*
#
# **You will be able to**
#
# - write a parser for `lines.txt` that does not stumble over its traps;
# - draw the words and pieces of ink that the files know about onto the picture of a line;
# - explain why train and test must differ in their [*writers*](../docs/guide/glossary.md#writer), and show what leaks
#   when they do not.
#
# ## A riddle to start with
#
# Two people train the same network on IAM, with the same settings and the same random seed. The errors that they
# report lie several points apart. Neither made a mistake in the network, and both tell the truth. The difference is
# in the code that *loaded* the lines. By the end of this chapter you know four places where it may hide, and for the
# third you measure how many points it is worth.

# %% tags=["parameters"]
data_root: str = ""  # a folder in IAM layout; empty: the data that comes with the course
line_number: int = 3  # the line that is looked at closely, counted from 0 in lines.txt
seed: int = 0  # decides the random split

# %%
from htr_utils.course.parameters import validate
from htr_utils.lines import iam

run = validate(
    data_root=(data_root or None, "path"),
    line_number=(line_number, "int", 0, None),
    seed=(seed, "int", 0),
)
folder = iam.read(run.data_root)
line = list(folder.lines.values())[run.line_number % len(folder.lines)]
print(folder.layout)

# %% [markdown]
# ## What IAM is, and what lies here instead
#
# The **IAM Handwriting Database** of the University of Bern is the yardstick of this field: 657 people copied
# English passages (of the LOB corpus) by hand, 1,539 pages in all. A page is called a
# [**form**](../docs/guide/glossary.md#form); cut into single [**lines**](../docs/guide/glossary.md#line) it gives
# 13,353 pictures, each with its text (release 3.0; the paper of 2002 describes an earlier, smaller one). You may
# have it free of charge for non-commercial research once you register, and you may not pass it on. So this course
# cannot contain it.
#
# It brings data of its own, *in the same layout*: passages written for the course, rendered by handwriting
# fonts with a shaking, drifting, uneven pen. Keep this in mind for every number in these chapters: **it is
# rendered, not real handwriting**, and easier to read than a stranger's hand.
#
# When you have IAM, set `data_root` to its folder (or the environment variable `HTR_DATA`), and every chapter
# runs on it unchanged.

# %% tags=["figure"]
from htr_utils.course.plots import collection as plots

every = list(folder.lines.values())
by_writer = {one.writer_id: one for one in every}  # the last line of each
three = list(by_writer.values())[:3]
plots.captioned(three)

# %% [markdown]
# ## The layout on disk
#
#     lines/a01/a01-000u/a01-000u-00.png     one picture per line
#     ascii/lines.txt                        text of each line
#     ascii/forms.txt                        writer of each form
#     xml/a01-000u.xml                       words and pieces of ink of each form
#     splits/train.txt ...                   which line is for what (in this course's data)
#
# The name of a line says where its picture lies: series, form, and the line's place on the form.

# %%
first, form, place = line.id.split("-")
print(f"line {line.id}: series {first}, form {first}-{form}, line {int(place) + 1} from the top")
rows, columns = line.image().shape
print(f"picture lines/{first}/{first}-{form}/{line.id}.png: {rows} rows of {columns} pixels")

# %% [markdown]
# ## One row of lines.txt, by hand
#
# Each row holds nine columns with spaces between them, and rows that begin with `#` are comments. Here are
# two rows as they are in the file.

# %%
lines_txt = sorted(folder.root.glob("**/lines.txt"))[0]
rows = [row for row in lines_txt.read_text(encoding="utf-8").splitlines() if row and row[0] != "#"]
for row in rows[run.line_number : run.line_number + 2]:
    print(row)

# %% [markdown]
# From left to right: the line's id; `ok` or `err` (more on that soon); the grey level that parts ink from paper;
# the number of connected pieces of ink; x, y, width and height of the line on its form, in pixels; and the text, as
# [**tokens**](../docs/guide/glossary.md#token) (words and punctuation marks) joined by `|`.
#
# The first idea is to cut at spaces and take the ninth piece. On the row below that goes wrong: one of its
# tokens holds spaces itself. In IAM 36 lines are like this; the row here is invented.

# %%
row = "z99-001-00 ok 154 19 408 746 900 60 the|B B C|said|so"
print("cut at every space:", row.split()[8])
print("cut eight times:   ", row.split(maxsplit=8)[8])


# %% [markdown]
# The text is therefore *everything* from the ninth column on. With that the parser is short.


# %%
def parse(row: str) -> dict:
    """One row of lines.txt."""
    line_id, status, level, pieces, x, y, width, height, text = row.strip().split(maxsplit=8)
    box = (int(x), int(y), int(width), int(height))
    return {"id": line_id, "status": status, "level": int(level), "pieces": int(pieces), "box": box,
            "tokens": text.split("|")}  # fmt: skip


print(parse(rows[run.line_number])["tokens"])

# %% [markdown]
# The package's `iam.read` does the same, with a clear message for every row that does not read. Do both agree,
# on every line of the folder?

# %%
raw = iam.read(run.data_root, spacing="raw")
by_hand = {one["id"]: one for one in map(parse, rows)}
same = 0
for one in raw.lines.values():
    mine = by_hand[one.id]
    same += one.text.split() == " ".join(mine["tokens"]).split() and one.box == mine["box"]
print(f"text and box the same by hand and by package: {same} of {len(raw.lines)} lines")

# %% [markdown]
# ## Lines, forms, writers
#
# `lines.txt` never names a writer. That is in `forms.txt`: one row per form, its first two columns the form
# and the writer. Several forms may be by one hand, and one passage may be copied by several hands.
#
# How wide are the lines, and how long are their texts? Networks care about both: the width costs time, and the text
# must fit into the width ([Images and augmentation](02_images_and_augmentation.ipynb) shows when it does not).

# %% tags=["figure"]
from collections import Counter

statuses = Counter(one.status for one in every)
print(f"{len(every):>6} lines, of them {dict(sorted(statuses.items()))}")
print(f"{len(folder.forms):>6} forms, {len(folder.writers)} writers")
print(
    f"{len(set(''.join(one.text for one in every))):>6} different characters, the space among them"
)
plots.widths_and_lengths(every)

# %% [markdown]
# Notice the tail on the left: the last line of a paragraph is often a word or two. A network that stretches
# every line to one width sees those letters blown up.
#
# ## The XML: where the ink is
#
# For every form there is an XML file. It lists the words of each line, and in each word its
# [**components**](../docs/guide/glossary.md#component), its connected pieces of ink, as boxes *on the form*.
# Subtract the line's own corner and they fit the picture of the line.

# %% tags=["figure"]
from xml.etree import ElementTree

xml_file = sorted(folder.root.glob(f"xml/**/{line.form_id}.xml"))[0]
element = ElementTree.parse(xml_file).find(f".//line[@id='{line.id}']")
left, top = line.box[:2]
words = []
for word in element.iter("word"):
    numbers = [
        [int(cmp.get(key)) for key in ("x", "y", "width", "height")] for cmp in word.iter("cmp")
    ]
    words.append((word.get("text"), [(x - left, y - top, w, h) for x, y, w, h in numbers]))
plots.boxes(line.image(), words, title=f"{line.id}: components as the XML gives them")

# %% [markdown]
# Look at the words with an *i*: in some the dot is a component of its own, in others it has run into its stem. Some
# letters share one component, others fall apart into two. Ink alone does not say where a letter ends, which is why
# this course needs CTC ([CTC loss](07_ctc_loss.ipynb)).
#
# ## err does not mean wrong
#
# In many projects somebody drops the lines marked `err`. The mark says that the automatic
# cutting into *words* failed on this line. About the text of the line it says nothing: compare two of them.

# %% tags=["figure"]
failed = [one for one in every if one.status == "err"]
plots.captioned(failed[1:3] or every[:2])
share = 100 * len(failed) / len(every)
letters = sum(len(one.text) for one in failed)
print(f"dropping the {len(failed)} err lines would throw away {share:.0f} % of all lines,")
print(f"with {letters} characters of text")

# %% [markdown]
# In IAM it is 2,009 of 13,353 lines. A line recogniser never cuts words apart, so it keeps them all. Whoever
# drops them from the *test* part, too, removes the lines with odd gaps and reports another figure: the first
# place where our riddle may hide.
#
# ## Who is in the test?
#
# A recogniser is measured on lines that it was not trained on. The quick way is to shuffle all lines and keep
# every tenth for the test. Before you go on, predict what that means for the *writers*.
#
# ### Exercise 1.1 · A prediction *(2 minutes)*
# One line in ten goes to the test, at random. Of these test lines, what percentage has a writer who is in the
# training part as well? Write your guess, run both cells, then read on.

# %% tags=["exercise"]
predicted_share = (
    # SOLUTION
    100
    # END
)

# %% tags=["check"]
from htr_utils.course.exercises import check

check("01.1", predicted_share)

# %% [markdown]
# Now do it: a random order, a tenth for the test, and count what both parts share.

# %%
import numpy as np

order = np.random.default_rng(run.seed).permutation(len(every))
cut = len(every) // 10
random_test = [every[i] for i in order[:cut]]
random_train = [every[i] for i in order[cut:]]
for name in ("writer_id", "form_id"):
    known = {getattr(one, name) for one in random_train}
    leaked = sum(getattr(one, name) in known for one in random_test)
    print(
        f"{name:<10} known from training: {100 * leaked / len(random_test):.0f} % of the test lines"
    )

# %% [markdown]
# Such a test asks: *can it read people whose writing it has studied, on pages it has half read?* The question
# that matters is another: *can it read a stranger?* So whole writers go to one part or the other. IAM comes
# with such lists, and so does the course's data.

# %% tags=["figure"]
print("split       lines  forms  writers")
for name in folder.split_names:
    part = folder.split(name)
    forms, writers = ({getattr(one, key) for one in part} for key in ("form_id", "writer_id"))
    print(f"{name:<10} {len(part):>6} {len(forms):>6} {len(writers):>8}")
panels = [
    ("random lines", random_train, random_test),
    ("by writer", folder.split("train"), folder.split("test")),
]
plots.writers_in_splits(panels, sorted(folder.writers))

# %% [markdown]
# Above, almost every bar has two sides: the test writers are old acquaintances. Below, a bar has one side or none.
# (*Validation* is a third part, on which one looks while training, to choose settings and the moment to stop; its
# writers are in neither of the others.) A well-known tutorial on this very subject splits at random, and its
# figures cannot be compared with anybody's. That is the second place of the riddle.
#
# IAM has *two* lists in common use: the official task (6,161 lines to train, 1,861 to test) and the Aachen one
# (6,161 or 6,482 and 2,915). `iam.read` finds either. A result without the name of its split means nothing.
#
# ## Spaces: two ways to write down one text
#
# IAM's tokens part punctuation from words: `house|,|he`. Joined with spaces that is **raw** text; what the
# writer wrote is **natural** text. `iam.read` gives natural text unless you ask for raw. It goes by a rule:
# most marks join the word on their left, `(` joins the right one, and quotes open and close in turn, even from
# one line of a form to the next. A rule errs where the pen did not follow it: in `the boys ' hats` it takes the
# apostrophe for a quote that opens, and writes `the boys 'hats`.
#
# How much would a *perfect* reader lose if its answers came in one convention and the truth in the other? The
# [**CER**](../docs/guide/glossary.md#cer) (character error rate) counts the edits for each character of the truth, and
# the brackets say how sure it is: [Characters and metrics](03_characters_and_metrics.ipynb) computes both, there with
# the raw text as the truth. The edits are the same; that text is longer, so the rate is a little lower.

# %%
from htr_utils.text.metrics import cer

print("raw:    ", raw.lines[line.id].text)
print("natural:", folder.lines[line.id].text)
test = folder.split("test")
perfect = [raw.lines[one.id].text for one in test]  # the right letters, in the other convention
print(cer(perfect, [one.text for one in test], split="test"))

# %% [markdown]
# Not one letter was misread. That is the third place: state the convention, and hold both sides to the same.
#
# ## What goes wrong
#
# **The sign `#`.** At the start of a row it marks a comment. Inside a text it stands for a struck-out word. A
# parser that skips every row with a `#` in it loses lines, silently; that is the fourth place.

# %%
struck = [one for one in every if "#" in one.text]
print(
    f"{len(struck)} lines hold a struck-out word; for example: {struck[0].text if struck else '-'}"
)

# %% [markdown]
# **Damaged copies.** Downloads stop half-way, disks fill up, and Windows programs end rows with two characters
# instead of one. Make such a folder here: one form, three of its pictures damaged, Windows line ends, and its
# one writer in two splits.

# %%
import shutil
import tempfile
from pathlib import Path

broken = Path(tempfile.mkdtemp(prefix="htr-01-"), "broken")
form = max(folder.forms.values(), key=lambda one: len(one.line_ids))
copies = []
for line_id in form.line_ids:
    copies.append(Path(broken, "lines", line_id[:3], form.id, f"{line_id}.png"))
    copies[-1].parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder.lines[line_id].path, copies[-1])
copies[0].write_bytes(b"")  # nothing arrived
copies[1].write_bytes(copies[1].read_bytes()[:900])  # cut short
copies[2].unlink()  # missing
texts = {
    "ascii/lines.txt": [row for row in rows if row.startswith(form.id + "-")],
    "ascii/forms.txt": [f"{form.id} {form.writer_id}"],
    "splits/train.txt": [form.line_ids[3]],
    "splits/test.txt": [form.line_ids[4]],
}
for name, content in texts.items():
    (broken / name).parent.mkdir(exist_ok=True)
    (broken / name).write_bytes("\r\n".join([*content, ""]).encode())

# %% [markdown]
# Two naive readers meet this folder. The first cuts the file at `\n`. The second opens a picture with OpenCV.

# %%
import cv2

row = (broken / "ascii/lines.txt").read_bytes().decode().split("\n")[0]
print("the last token is", repr(row.split("|")[-1]))
print("the empty picture is", cv2.imread(str(copies[0])))

# %% [markdown]
# Neither complains. The first teaches the network a character `\r` that nobody can see; the second hands on
# `None`, and something else crashes an hour later. So look *before* you train: `check` tests every picture's
# first and last bytes, the characters, the counts and the splits. All of IAM takes less than a minute.

# %%
from htr_utils.lines.check import check as check_folder  # `check` alone is that of the exercises

print(check_folder(broken).text().replace(str(broken), broken.name))

# %% [markdown]
# Mended, it passes: copy the three pictures again, and give the test line to nobody.

# %%
for line_id, copy in zip(form.line_ids, copies, strict=True):
    shutil.copy(folder.lines[line_id].path, copy)
(broken / "splits/test.txt").unlink()
left = [problem for problem in check_folder(broken).problems if problem.startswith("error")]
print("errors left:", len(left))
shutil.rmtree(broken.parent)
run.record(lines=len(every), writers=len(folder.writers), err_share=share)

# %% [markdown]
# On the command line the same is `htr data check FOLDER`.
#
# ## Exercise 1.2 · Who wrote which form? *(10 minutes)*
# Write the reader of `forms.txt`: a list of its rows in, a dictionary from form id to writer id out. Mind
# comments, empty rows and Windows line ends.


# %% tags=["exercise"]
def writers_of(rows: list[str]) -> dict[str, str]:
    """Form id -> writer id."""
    # SOLUTION
    columns = [row.split() for row in rows if not row.startswith("#")]
    return {one[0]: one[1] for one in columns if one}
    # END


# %% tags=["check"]
check("01.2", writers_of)

# %% [markdown]
# ## Exercise 1.3 · A split of your own *(15 minutes)*
# A folder without lists needs a split. Draw about `share` of the *writers* at random and put all their lines
# into the test part. The same seed must give the same split, and neither part may be left without a writer.


# %% tags=["exercise"]
def split_by_writer(lines: list[iam.Line], share: float, seed: int) -> tuple[list, list]:
    """(train, test); no writer is in both."""
    # SOLUTION
    writers = sorted({one.writer_id for one in lines})
    count = min(max(1, round(share * len(writers))), len(writers) - 1)
    chosen = set(np.random.default_rng(seed).permutation(writers)[:count])
    train = [one for one in lines if one.writer_id not in chosen]
    return train, [one for one in lines if one.writer_id in chosen]
    # END


# %% tags=["check"]
check("01.3", split_by_writer)

# %% [markdown]
# ## Exercise 1.4 · A measurement: how wide is a character? *(10 minutes)*
# Scale each line to `height` rows in your head: its width grows by the same factor. Return the median over the
# lines of *pixels per character*. Then call it for the lines of train and of test at height 48. Expect 13.8 and 13.1
# with the embedded data; the medians of single writers scatter by more than that.


# %% tags=["exercise"]
def pixels_per_character(lines: list[iam.Line], height: int) -> float:
    """Median over the lines; one.box is (x, y, width, height), one.text the text."""
    # SOLUTION
    return float(np.median([one.box[2] * height / one.box[3] / len(one.text) for one in lines]))
    # END


# %% tags=["check"]
check("01.4", pixels_per_character)

# %% [markdown]
# ## Exercise 1.5 · Column nine *(8 minutes)*
# The [reference system](../docs/guide/glossary.md#reference-system), whose program this course rebuilds, cuts each
# row at every space, takes the ninth piece for the text, and so loses the rest of 36 texts. Which lines does that
# harm? Return the ids of the rows whose text is cut short. (In the embedded data there is none: its texts hold no
# spaces, only `|`. In IAM there are 36.)


# %% tags=["exercise"]
def harmed(rows: list[str]) -> list[str]:
    """Ids of the rows of lines.txt (no comments among them) that `row.split()[8]` would cut."""
    # SOLUTION
    return [row.split()[0] for row in rows if len(row.split()) > 9]
    # END


# %% tags=["check"]
check("01.5", harmed)

# %% [markdown]
# ## Exercise 1.6 · First 95, last 5 *(10 minutes)*
# The reference system takes the first 95 % of the lines for training and the last 5 % for validation, in the order of
# the file. How many writers stand on both sides? Measure it with
# `on_both_sides([one.writer_id for one in every], 0.95)`, then with the list shuffled: expect 14 and about 58.


# %% tags=["exercise"]
def on_both_sides(writers: list[str], share: float) -> int:
    """Writers with lines in the first `share` (its length rounded down) and in the rest; one entry for each line."""
    # SOLUTION
    cut = int(share * len(writers))
    return len(set(writers[:cut]) & set(writers[cut:]))
    # END


# %% tags=["check"]
check("01.6", on_both_sides)

# %% [markdown]
# ## Summary
#
# IAM is a folder of line pictures with text files beside them, and this course's own rendered data has the same
# layout. A row of `lines.txt` has nine columns, the last of which may hold spaces and `#`. The mark `err` is about
# words, not about the text of the line: such lines stay. Writers, not lines, are divided between training and test,
# and a figure names its split and its spacing. `check` finds damage before a night of training does.
#
# ## Quiz
#
# <details><summary>1. A line is marked <code>err</code>. Is its transcription wrong?</summary>
# The mark does not say so. The automatic segmentation into words failed; the text of the line was typed by a person,
# who may slip in any line, marked or not.
# </details>
#
# <details><summary>2. Why is a random split of lines too kind, even if no line is in both parts?</summary>
# The same writers, and even the same forms, are on both sides. The network has studied these hands, so the test
# no longer measures how it reads a stranger.
# </details>
#
# <details><summary>3. Two papers give a CER on "IAM test". What do you ask before you compare them?</summary>
# Which split (official or Aachen; they differ in size and lines), which spacing (raw or natural), and whether
# lines marked err were kept.
# </details>
#
# ## Further reading
#
# - U.-V. Marti and H. Bunke,
#   [*The IAM-database: an English sentence database for offline handwriting
#   recognition*](../docs/guide/bibliography.md#marti-2002),
#   International Journal on Document Analysis and Recognition 5 (2002).
# - The data sheet of the course's own data: `data/README.md`.
#
# **Next:** [2 · Images and augmentation](02_images_and_augmentation.ipynb): from a picture on disk to the
# numbers that a network gets.
