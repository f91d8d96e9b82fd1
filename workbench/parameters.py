"""Parameters: what a notebook says that it can be given, in the cell tagged `parameters`.

Each stands in a line of its own, `name: type = value  # unit and meaning`, which is what papermill reads too
(https://papermill.readthedocs.io/en/latest/usage-parameterize.html). The default is what the notebook runs with by
itself; the type is checked before anything runs.
"""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """A parameter as its notebook states it, in a line of the `parameters` cell: `name: type = value  # help`."""

    name: str
    type: str
    default: Any
    help: str


def stated_parameters(code: str) -> list[Parameter]:
    """The parameters in the code of a `parameters` cell, in order; a default that is no literal stays as text.

    >>> stated_parameters("seed: int = 7  # fixes every draw")
    [Parameter(name='seed', type='int', default=7, help='fixes every draw')]
    """
    lines = code.splitlines()
    return [
        Parameter(target.id, _annotation(statement), _literal(statement.value), _comment(lines, statement))
        for statement in ast.parse(code).body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    ]


def _annotation(statement: ast.Assign | ast.AnnAssign) -> str:
    return ast.unparse(statement.annotation) if isinstance(statement, ast.AnnAssign) else ""


def _literal(value: ast.expr | None) -> Any:
    try:
        return ast.literal_eval(value) if value else None
    except ValueError:
        return ast.unparse(value) if value else None


def _comment(lines: Sequence[str], statement: ast.stmt) -> str:
    line = lines[(statement.end_lineno or 1) - 1].encode()  # ast counts in bytes
    return line[statement.end_col_offset :].decode().partition("#")[2].strip()


def misfit(parameter: Parameter, value: Any) -> str:
    """Why a value does not fit the type that a parameter states; empty if it does, or if no plain type is stated.

    >>> misfit(Parameter("seed", "int", 7, ""), "7")
    "seed is an int, and '7' is a str"
    """
    fits = _FITS.get(parameter.type)
    if fits is None or fits(value):
        return ""
    article = "an" if parameter.type == "int" else "a"
    return f"{parameter.name} is {article} {parameter.type}, and {value!r} is a {type(value).__name__}"


_FITS: dict[str, Callable[[Any], bool]] = {
    "int": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "float": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "str": lambda v: isinstance(v, str),
    "bool": lambda v: isinstance(v, bool),
    "list": lambda v: isinstance(v, list),
    "dict": lambda v: isinstance(v, dict),
}
