"""Parameters given to a chapter from outside, checked before a kernel starts.

A chapter says what it takes in its parameters cell (name, type, default, comment) and what it allows in its call
of `validate`. Both are read from the notebook here, so that there is one description and one check.
"""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from htr_utils import paths
from htr_utils.course import parameters
from htr_utils.errors import HtrError


@dataclass(frozen=True)
class Parameter:
    """One line of a parameters cell. `limits` are what follows the kind in `validate`; `kind` is "" if unknown."""

    name: str
    type: str
    default: Any
    comment: str
    kind: str = ""
    limits: tuple[Any, ...] = ()

    def __str__(self) -> str:
        bounds = f" [{', '.join(map(repr, self.limits))}]" if self.limits else ""
        return f"{self.name}: {self.type} = {self.default!r}{bounds}  {self.comment}"


class Chapter:
    """What a notebook or chapter source says about its parameters.

    Args:
        path: a notebook, or a source in percent format.

    Raises:
        HtrError: the parameters cell is not a list of `name: type = value  # comment`.
    """

    def __init__(self, path: Path) -> None:
        from htr_utils.runs.chapter_files import lesson

        self.path = path
        cells = [cell for cell in lesson(path).cells if cell.cell_type == "code"]
        tagged = [
            n for n, cell in enumerate(cells) if "parameters" in cell.metadata.get("tags", [])
        ]
        self._call: ast.Call | None = None
        source = cells[tagged[0]].source if tagged else ""
        if tagged:
            self._call = _validation(
                "\n".join(cell.source for cell in cells[tagged[0] + 1 : tagged[0] + 3])
            )
        specified = {word.arg: word.value for word in self._call.keywords} if self._call else {}
        self.parameters = {one.name: one for one in _declared(source, specified, path.name)}

    def typed(self, name: str, text: str) -> Any:
        """A value from the command line: as it stands for a text, else as JSON has it (4, 0.5, true, null)."""
        known = self.parameters.get(name)
        if known is None or known.type == "str":
            return text
        try:
            return json.loads(text.lower() if text.lower() in ("true", "false", "none") else text)
        except ValueError:
            return text

    def check(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters of a run, the defaults too, with paths made absolute.

        Raises:
            HtrError: one line: an unknown name, a wrong type, a value out of range, a path or model not there.
        """
        parameters.refuse_unknown(self.path.stem, given, self.parameters)
        values = {name: one.default for name, one in self.parameters.items()} | dict(given)
        for name, value in parameters.checked(**self._evaluate(values)).items():
            if isinstance(value, Path):
                values[name] = str(value)
        if isinstance(values.get("model"), str) and values["model"]:
            file = paths.model_file(values["model"])
            values["model"] = (
                str(file.resolve()) if values["model"].endswith(".keras") else values["model"]
            )
        return values

    def _evaluate(self, values: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
        """The arguments of the chapter's `validate` with these values; those that need more are left to it."""
        arguments = {}
        for word in self._call.keywords if self._call else []:
            if word.arg in values:
                with contextlib.suppress(LookupError, ValueError):
                    arguments[word.arg] = _value(word.value, values)
        return arguments


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    """What an argument of `validate` says: literals, names of parameters, `name or None`, and tuples of them.

    Raises:
        ValueError, LookupError: it says something else.
    """
    match node:
        case ast.Name(id=name):
            return values[name]
        case ast.Tuple(elts=parts):
            return tuple(_value(part, values) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=[first, second]):
            return _value(first, values) or _value(second, values)
    return ast.literal_eval(node)


def _validation(source: str) -> ast.Call | None:
    """The call of `validate` in a chapter's code."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a magic in a notebook of one's own
        return None
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return next(
        (c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "validate"), None
    )


def _declared(source: str, specified: Mapping[str | None, ast.expr], where: str) -> list[Parameter]:
    try:
        return [_parameter(node, specified, source) for node in ast.parse(source).body]
    except (SyntaxError, ValueError) as error:
        raise HtrError(
            f"{where}: the parameters cell must be lines of `name: type = value  # comment` ({error})"
        ) from None


def _parameter(node: ast.stmt, specified: Mapping[str | None, ast.expr], source: str) -> Parameter:
    match node:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=kind_of, value=ast.expr() as value):
            pass
        case _:
            raise ValueError(f"line {node.lineno}")
    rest = source.split("\n")[(node.end_lineno or 1) - 1][node.end_col_offset or 0 :]
    rule = specified.get(name)
    kind, limits = "", list[Any]()
    if isinstance(rule, ast.Tuple) and len(rule.elts) > 1:
        with contextlib.suppress(ValueError):
            kind, *limits = [ast.literal_eval(part) for part in rule.elts[1:]]
    comment = rest.strip().lstrip("#").strip()
    default = ast.literal_eval(value)
    return Parameter(name, ast.unparse(kind_of), default, comment, kind, tuple(limits))
