"""A chapter of a few cells, for tests of what packs and grades chapters."""

CHAPTER = '''# %% [markdown]
# # 6 · A small chapter
#
# See [the glossary](../docs/guide/glossary.md).
#
# ## Exercise 7.2 · A word that does not fit *(5 minutes)*

# %% tags=["parameters"]
seed: int = 0

# %% tags=["exercise"]
def frames_needed(label: str) -> int:
    """Smallest number of frames."""
    # SOLUTION
    doubled = sum(a == b for a, b in zip(label, label[1:]))
    return len(label) + doubled
    # END

# %% tags=["check"]
from htr_utils.course.exercises import check

check("07.2", frames_needed)
'''
