"""Checks of the chapter "Loading IAM"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from htr_utils.course.exercises import exercise
from htr_utils.lines.iam import Line


@exercise("01.1")
def predicted_share(answer: float | str) -> str | None:
    """Of the test lines of a random line split, the percentage whose writer is in the training part."""
    answer = float(answer)
    if not 0 <= answer <= 100:
        return "a share in per cent lies between 0 and 100"
    if 0 < answer <= 1:
        return "in per cent, please: 1 means one line in a hundred here"
    if answer < 95:
        return (
            "a writer has dozens of lines, and each falls into the training part nine times out of ten; "
            "how likely is it that none of them does?"
        )
    return None


@exercise("01.2")
def writers_of(answer: Callable[[list[str]], dict[str, str]]) -> str | None:
    """Form id -> writer id from the rows of forms.txt."""
    plain = answer(["x01-001a 000 2 prt 7 5 50 40\n", "x01-004 003 3 prt 9 9 70 70\n"])
    if not isinstance(plain, dict):
        return "return a dictionary: form id -> writer id"
    if plain != {"x01-001a": "000", "x01-004": "003"}:
        return "the form is in the first column, its writer in the second; both stay text ('000' is not 0)"
    if answer(["# forms.txt: id writer ...\n", "b02-013 002 1 prt 4 4 30 30\n"]) != {
        "b02-013": "002"
    }:
        return "rows that begin with # are comments"
    if answer(["b02-013 002\r\n", "\r\n", "\n"]) != {"b02-013": "002"}:
        return "try Windows line ends (\\r\\n), a row of two columns, and empty rows"
    if answer(["b02-013 002 1 prt 4 4 30 30 #2\n"]) != {"b02-013": "002"}:
        return "a # makes a comment only where it begins the row; this form has one further on"
    return None


def _line(
    writer: str, number: int, width: int = 800, height: int = 50, text: str = "a line"
) -> Line:
    form = f"{writer}-{writer}"
    name = f"{form}-{number:02}"
    return Line(name, text, Path(name), form, writer, box=(0, 0, width, height))


@exercise("01.3")
def split_by_writer(
    answer: Callable[[list[Line], float, int], tuple[Sequence[Line], Sequence[Line]]],
) -> str | None:
    """(train, test) without a writer in both."""
    lines = [_line(f"w{writer:03}", number) for writer in range(200) for number in range(5)]
    train, test = answer(list(lines), 0.25, 0)
    if sorted(line.id for line in [*train, *test]) != [line.id for line in lines]:
        return "each line must be in one of the two parts, and in one only"
    if {line.writer_id for line in train} & {line.writer_id for line in test}:
        return "a writer is in both parts: draw writers, then let the lines follow them"
    if not 0.15 <= len(test) / len(lines) <= 0.35:
        return f"asked for a test share of 25 %, got {len(test)} of {len(lines)} lines"
    again = answer(list(lines), 0.25, 0)[1]
    if [line.id for line in again] != [line.id for line in test]:
        return "the same seed must give the same split; sort the writers before you draw (a set has no order)"

    def drawn(letter: str, way: int) -> set[int]:
        """Places of the test writers when all have other names, or the lines come the other way round."""
        every = [
            _line(f"{letter}{writer:03}", number) for writer in range(200) for number in range(5)
        ]
        return {int(line.writer_id[1:]) for line in answer(every[::way], 0.25, 0)[1]}

    if drawn("w", 1) != drawn("v", 1) and drawn("w", 1) != drawn("w", -1):
        return "this split changes when Python is started anew: a set has no order, so sort the writers first"
    others = [[line.id for line in answer(list(lines), 0.25, seed)[1]] for seed in (1, 2, 3)]
    if all(other == [line.id for line in test] for other in others):
        return "another seed should give another split; is `seed` used?"
    few = lines[:60]  # of 12 writers
    if not all(
        len({line.writer_id for line in answer(list(few), 0.1, seed)[1]}) for seed in range(40)
    ):
        return "of 12 writers and a share of 10 % some seeds leave none for the test: draw a number, no coins"
    return None


@exercise("01.4")
def pixels_per_character(answer: Callable[[list[Line], int], float]) -> str | None:
    """Median over the lines of the width at a given height, per character."""
    one = [_line("w00", 0, width=400, height=50, text="ten chars.")]
    if abs(answer(one, 50) - 40) > 1e-6:
        return "400 pixels and ten characters at their own height make 40 pixels a character"
    if abs(answer(one, 100) - 80) > 1e-6:
        return "a line scaled to twice its height is twice as wide as well"
    three = [
        _line("w00", n, width=w, height=50, text="ten chars.")
        for n, w in enumerate((100, 200, 900))
    ]
    if abs(answer(three, 50) - 20) > 1e-6:
        return "take the median over the lines; one very wide line must not decide"
    mixed = [
        _line("w00", n, width=w, height=h, text="x" * letters)
        for n, (w, h, letters) in enumerate(((100, 40, 10), (610, 30, 4), (900, 60, 30)))
    ]
    if abs(answer(mixed, 48) - 24) > 1e-4:
        return "each line has its own height and length: divide line by line, and take the median of the quotients"
    return None


@exercise("01.5")
def harmed(answer: Callable[[list[str]], list[str]]) -> str | None:
    """Rows of lines.txt whose text holds a space: cutting at every space loses what follows it."""
    head = "ok 154 19 408 746 900 60"
    whole, cut = f"a01-000u-00 {head} A|MOVE|to", f"b02-013-04 {head} the|B B C|said"
    ids = answer([whole, cut])
    if list(ids) == [whole, cut] or list(ids) == [cut]:
        return "return ids, not rows: the id is the first column"
    if list(ids) == ["a01-000u-00"]:
        return "this one is whole: nine columns, and no space in the ninth"
    if list(ids) != ["b02-013-04"]:
        return "a row is harmed when its text, from column nine on, holds a space"
    if list(answer([f"c03-000-01 {head} M P\r\n", f"c03-000-02 {head} M|P \n"])) != ["c03-000-01"]:
        return "mind what stands at the end of a row: a blank or a line end there harms nothing"
    return None


@exercise("01.6")
def on_both_sides(answer: Callable[[list[str], float], int]) -> str | None:
    """Writers in the first share of the lines and in the rest."""
    if answer(["a", "a", "b", "b"], 0.5) != 0:
        return "a a | b b: nobody stands on both sides"
    count = answer(["a", "b", "b", "a", "b", "c"], 0.5)
    if count == 3:
        return "count writers, not their lines"
    if count != 2:
        return "a b b | a b c: two writers, a and b, stand on both sides"
    if answer(["a", "b", "a", "a"], 0.5) == 2:
        return "count writers, not their lines: in a b | a a only a stands on both sides"
    if answer(["a"] * 5, 0.95) != 1:
        return "the first .95 of 5 lines are 4.75, so 4 of them, rounded down: a line of `a` stands in the rest"
    writers = list("cabhgdhebfagbdchefgabdhcgefabhdgcfahebz")
    if answer(writers, 0.95) != len(set(writers[:37]) & set(writers[37:])):
        return "of 39 lines, .95 are 37.05: the first 37 train, two are left for validation"
    return None
