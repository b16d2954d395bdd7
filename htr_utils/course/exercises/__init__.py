"""The checks behind the exercise cells: "to do", a hint, or "correct", and never a traceback.

A chapter's checks live in a file of their own (`c07.py` for the chapter "CTC loss"):

    @exercise("07.2")
    def frames_needed(answer):      # gets what the learner wrote
        if answer("letter") != 7:
            return "look at the doubled letters"
        return None                 # correct

A function of the learner's is called through a wrapper, so a check never has to catch anything.

`solution("07.2")` shows what the chapter's author wrote, once an answer was checked in this kernel. The solutions
stand in `solutions.txt`, packed so that nobody reads one by chance; a class gets the package without that file.
"""

from __future__ import annotations

import base64
import copy
import dis
import functools
import importlib
import inspect
import itertools
import linecache
import textwrap
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from htr_utils.errors import HtrError

Check = Callable[..., "str | None"]
_checks: dict[str, Check] = {}
_tried: set[str] = set()  # exercises whose check has met an answer in this kernel
MOST = 10_000  # items that a generator of the learner's may give
SEALED = Path(__file__).with_name("solutions.txt")


class _ToDo(Exception):
    """The learner's function has nothing in it yet."""


class _Raised(Exception):
    """The learner's function raised; carries the hint."""


def exercise(number: str) -> Callable[[Check], Check]:
    """Register the decorated function as the check of an exercise ("07.2"); it returns None or a hint."""

    def register(function: Check) -> Check:
        _checks[number] = function
        return function

    return register


def on_drawn_cases(
    answer: Callable[..., Any],
    right: Callable[..., Any],
    draw: Callable[[Any], tuple[Any, ...]],
    times: int = 6,
) -> str | None:
    """None where an answer gives what the right function gives on cases drawn at random (always the same), else a hint.

    Args:
        draw: a NumPy random generator -> the arguments of a case. Numbers may differ by rounding.
    """
    import numpy as np

    rng = np.random.default_rng(20)
    for _ in range(times):
        case = draw(rng)
        mine, wanted = answer(*copy.deepcopy(case)), right(*case)
        numbers = isinstance(wanted, (int, float, np.ndarray, list)) and np.size(wanted)
        if numbers and not isinstance(mine, str):
            same = np.shape(mine) == np.shape(wanted) and np.allclose(mine, wanted, rtol=1e-5)
        else:
            same = mine == wanted
        if not same:
            return "right on the small cases, and not on others drawn at random: which case did you leave out?"
    return None


def verdict(number: str, answer: Any, *tools: Any) -> str:
    """What `check` prints: "to do", "correct" or "hint: ...".

    Args:
        number: chapter and exercise, "07.2".
        answer: a value, or a function that the check calls.
        tools: functions of rooms that checks may not import, handed to the check.
    Raises:
        HtrError: there is no such exercise.
    """
    check_of = _found(number)
    if _empty(answer):
        return "to do"
    probe = _wrap(answer) if inspect.isroutine(answer) else answer
    try:
        hint = check_of(probe, *tools)
    except _ToDo:
        return "to do"
    except _Raised as raised:
        return f"hint: {raised}"
    except Exception as error:  # the answer is of another kind than the check can look at
        return f"hint: this is not the kind of answer that is asked for ({type(error).__name__}: {error})"
    return "correct" if hint is None else f"hint: {hint}"


def check(number: str, answer: Any, *tools: Any) -> None:
    """Print how an exercise stands: "07.2: to do", "07.2: hint: ..." or "07.2: correct"."""
    said = verdict(number, answer, *tools)
    if said != "to do":
        _tried.add(number)
    print(f"{number}: {said}")


def solution(number: str) -> None:
    """Print the solution of an exercise ("07.2" or "7.2"), once its check has met an answer in this kernel."""
    number = number if number[1:2] != "." else f"0{number}"
    _found(number)
    if number not in _tried:
        print(
            f"{number}: try first. Write an answer, run its check; then the solution is shown here."
        )
    else:
        print(unsealed().get(number, f"{number}: this copy has no solutions; your lecturer does."))


def unsealed() -> dict[str, str]:
    """Number -> code of each solution that came with the package; none in the class's copy."""
    rows = SEALED.read_text(encoding="ascii").splitlines() if SEALED.is_file() else []
    pairs = (row.split() for row in rows if row)
    return {number: zlib.decompress(base64.b64decode(code)).decode() for number, code in pairs}


def _found(number: str) -> Check:
    """The check of an exercise; HtrError where there is none."""
    chapter = number.partition(".")[0]
    try:
        importlib.import_module(f"{__name__}.c{chapter}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.c{chapter}":
            raise
    if number not in _checks:
        known = sorted(known for known in _checks if known.startswith(f"{chapter}."))
        raise HtrError(
            f"no exercise {number!r}; of chapter {chapter} there are: {', '.join(known) or 'none'}"
        )
    return _checks[number]


def _empty(answer: Any) -> bool:
    """Whether nothing was filled in: `...` or None, also as an item of a list, tuple or dictionary."""
    if answer is None or answer is ...:
        return True
    if isinstance(answer, (list, tuple)):
        return any(item is ... for item in answer)
    if isinstance(answer, dict):
        return any(item is ... for item in answer.values())
    return False


def _wrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """The learner's function, whose first empty answer means "to do" and whose exception becomes a hint."""
    calls = 0

    @functools.wraps(function)
    def probe(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        try:
            result = function(*arguments, **named)
            # A generator: looked at more than once below, and it may never end.
            if isinstance(result, Iterator):
                result = list(itertools.islice(result, MOST))
        except RecursionError:
            raise _Raised(f"{function.__name__} calls itself without end") from None
        except Exception as error:
            raise _Raised(_describe(function, error)) from None
        if isinstance(result, list) and len(result) == MOST:
            raise _Raised(f"{function.__name__} goes on without end; when should it stop?")
        if _empty(result):
            if calls == 1 and _stub(function):
                raise _ToDo
            raise _Raised(
                f"{function.__name__} returns nothing, at least for some inputs; is a `return` missing?"
            )
        return result

    return probe


def _stub(function: Callable[..., Any]) -> bool:
    """Whether nothing stands in a function but a docstring, `...`, `pass` or `return ...`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    steps = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return code is None or {step.opname for step in dis.get_instructions(code)} <= steps


def _describe(function: Callable[..., Any], error: Exception) -> str:
    """One line: what was raised and in which line of the learner's function."""
    code = getattr(function, "__code__", None)
    where, step = "", error.__traceback__
    while step is not None:
        if code is not None and step.tb_frame.f_code.co_filename == code.co_filename:
            text = linecache.getline(code.co_filename, step.tb_lineno).strip()
            where = f" in line {step.tb_lineno}" + (f": `{text}`" if text else "")
        step = step.tb_next
    message = textwrap.shorten(str(error), 120, placeholder=" ...")
    name = getattr(function, "__name__", "the function")
    return f"{name} raises {type(error).__name__}{f' ({message})' if message else ''}{where}"
