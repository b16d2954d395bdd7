"""Checks of the chapter "Start here"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from htr_utils.course.exercises import exercise, on_drawn_cases


def _pair(answer: Any) -> Any:
    return tuple(answer) if isinstance(answer, list) else answer


@exercise("00.1")
def columns(answer: Any) -> str | None:
    """How far the places move when 200 columns of white paper are glued to the left."""
    number = float(answer)
    if number == 0:
        return "the network sees no change, but x counts the columns of the picture that YOU gave"
    if number < 0:
        return "the first letter is further from the left edge now, not nearer"
    if abs(number - 200) > 1e-3:  # measured, it is 200 but for rounding
        return "nothing is stretched: how far did each letter move in the picture?"
    return None


@exercise("00.2")
def least_sure(answer: Callable[[Any], Any]) -> str | None:
    """The character with the smallest confidence, and its place."""
    from htr_utils.readings import Character, Reading

    def reading_of(*parts: tuple[str, float, float]) -> Reading:
        characters = tuple(Character(*part) for part in parts)
        sure = sum(c.confidence for c in characters) / len(characters)
        return Reading("".join(c.character for c in characters), sure, characters, -1.0)

    given = _pair(answer(reading_of(("c", 10.0, 0.9), ("a", 25.0, 0.4), ("t", 41.0, 0.95))))
    if given == ("t", 41.0):
        return "this is the surest one: you want the smallest confidence"
    if given == ("a", 0.4):
        return "the second value is where it was read: its x, not its confidence"
    if not isinstance(given, tuple) or len(given) != 2:
        return "return two values: the character and its x"
    if given == ("a", 41.0) or given == ("a", 10.0) or given != ("a", 25.0):
        return "try a reading of c (.9), a (.4), t (.95): a is the least sure"
    if _pair(answer(reading_of(("x", 5.0, 0.2), ("y", 15.0, 0.8)))) != ("x", 5.0):
        return "the first character may be the least sure one, too"
    return None


@exercise("00.3")
def without_error(answer: Callable[[Sequence[str], Sequence[str]], int]) -> str | None:
    """How many lines were read without a single error."""
    truths = ["The cat sat.", "on the mat", "It rained."]
    count = answer(["The cat sat.", "on the mat", "It rained."], truths)
    if count == 0:
        return "three readings that are right count three: do you count the wrong ones?"
    if count != 3:
        return "three readings that are right count three"
    if answer(["The cat sat", "on the mat", "it rained."], truths) != 1:
        return "a lost full stop and a wrong capital are errors, too"
    if answer([" The cat sat.", "on  the mat", "It rained. "], truths) != 0:
        return "a space too many is an error, too: compare the texts as they are"
    if answer(["on the mat", "The cat sat.", "It rained."], truths) != 1:
        return "each reading belongs to the truth at the same place of the list"
    return on_drawn_cases(
        answer,
        lambda rs, ts: sum(map(str.__eq__, rs, ts)),
        lambda rng: tuple(rng.choice(list("ab"), (2, 9)).tolist()),
    )


@exercise("00.4")
def safe_above(answer: Callable[[Sequence[float], Sequence[bool]], float]) -> str | None:
    """The highest confidence of a line that was read wrong."""
    limit = answer([0.99, 0.7, 0.95, 0.8], [True, False, True, False])
    if limit in (0.95, 0.99):
        return "this is the confidence of a line that was right: look at the wrong ones"
    if limit == 0.7:
        return "two lines are wrong, with .7 and .8: lines above .7 are not all right"
    if limit != 0.8:
        return "with .7 and .8 for the two wrong lines the answer is .8"
    if answer([0.6, 0.9], [True, True]) != 0.0:
        return "where no line is wrong, the answer is 0.0"
    if answer([0.5, 0.99], [True, False]) != 0.99:
        return "a line may be wrong and surer than all that are right"
    return on_drawn_cases(
        answer,
        lambda sure, good: max([c for c, g in zip(sure, good, strict=True) if not g] or [0.0]),
        lambda rng: (rng.random(7).tolist(), (rng.random(7) < 0.6).tolist()),
    )


@exercise("00.5")
def serve(answer: Callable[..., list[str]]) -> str | None:
    """One loading of the model for all requests, and no picture left behind, also after a failure."""
    import tempfile
    from pathlib import Path

    loads, seen = 0, []

    def load() -> Callable[[Path], str]:
        nonlocal loads
        loads += 1

        def read(path: Path | str) -> str:
            path = Path(path)
            seen.append(path)
            content = path.read_bytes()
            if content == b"broken":
                raise ValueError("no picture")
            return content.decode()

        return read

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = answer([b"one", b"two", b"three"], load, folder)
        if list(texts) != ["one", "two", "three"]:
            return "a text for each upload, in their order: write it into the folder, read it from there"
        if loads != 1:
            return f"the model was loaded {loads} times for three uploads: once is enough"
        if any(folder.iterdir()):
            return "a picture is still in the folder: whoever looks there sees what others sent"
        if any(path.exists() for path in seen):
            return "a picture is still where it was read from: whoever looks there sees what others sent"
        try:
            answer([b"one", b"broken", b"three"], load, folder)
        except Exception:
            if any(folder.iterdir()):
                return "when reading fails, the picture stays behind: `try ... finally` cleans up in any case"
        if any(folder.iterdir()):
            return "when reading fails, the picture stays behind"
    return None


@exercise("00.6")
def two_errors(answer: Callable[[int, int], tuple[float, float]]) -> str | None:
    """The errors of a small network after 150 steps on 40 words, of these and of unseen ones."""
    found = _pair(answer(40, 150))
    if not isinstance(found, tuple) or len(found) != 2:
        return "return two values: the error of the words that it learnt from, and that of the unseen ones"
    learnt, unseen = map(float, found)
    if max(learnt, unseen) <= 1.5:
        return "in per cent: 100 times the share"
    if learnt > unseen:
        return "the first value belongs to the words that it learnt from"
    if unseen < 20:
        return (
            "no network reads unseen words so well after 40: were these among what it learnt from?"
        )
    if learnt > 60:
        return "after 150 steps it should know its 40 words: is the trained network the one that reads?"
    if abs(learnt - unseen) < 1:
        return (
            "the two errors are the same: read the 40 words for the first, `unseen` for the second"
        )
    return None
