"""How the parts of a design are written: rates, ranges, capacity, projections, targets, keys and values.

Each is read by a function that says what is allowed, and shown to editors as JSON Schema. Where a value may be written
short or as a mapping, the two are told apart by their form, so that one slip gives one message.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Strict, Tag, WithJsonSchema

from workbench import limits
from workbench.domains import Part, check_template, value_domain

Flag = Annotated[bool, Strict()]  # `yes` is text in YAML 1.2: whoever writes it is told, and reads the same everywhere
PER = {"s": 1, "min": 60, "h": 3600, "day": 86_400}


def parse_rate(value: object) -> float:
    """Requests per second from `20/s`, `1_500/s`, `3/min`, `2/h` or `500/day`.

    >>> parse_rate("3/min")
    0.05
    """
    text = str(value).strip()
    found = re.fullmatch(r"([0-9][0-9_]*(?:\.[0-9]+)?)\s*/\s*(s|min|h|day)", text)
    if not found:
        fix = _meant_rate(text)
        raise ValueError(f"{text!r} is not a rate: a number above 0 per s, min, h or day, as 20/s{fix}")
    rate = float(found[1].replace("_", "")) / PER[found[2]]
    if rate > 1e9:
        raise ValueError(f"{text!r}: a rate is at most a thousand million requests per second")
    if rate <= 0:
        raise ValueError(f"{text!r}: a rate must be above 0; leave it out if the pattern is no part of a load")
    return rate


_PER_WORDS = {
    **dict.fromkeys(("", "rps", "tps", "qps", "sec", "second", "seconds", "per second", "per s"), "s"),
    **dict.fromkeys(("m", "minute", "minutes", "per minute"), "min"),
    **dict.fromkeys(("hr", "hour", "hours", "per hour"), "h"),
    **dict.fromkeys(("d", "days", "per day"), "day"),
}


def _meant_rate(text: str) -> str:
    """What a rate in other words is to be written as: `; write 100/s` for `100 rps` or `100/sec`."""
    found = re.fullmatch(r"([0-9][0-9_.]*)\s*/?\s*([a-z ]*)", text.lower()) if len(text) <= 40 else None
    unit = _PER_WORDS.get(found[2]) if found else None
    return f"; write {found[1]}/{unit}" if found and unit else ""


def parse_bounds(value: object) -> tuple[float, float]:
    """Lowest and highest allowed number from `3`, `1..20`, `1..` or `..5`.

    >>> parse_bounds("1.."), parse_bounds("..5"), parse_bounds(3)
    ((1.0, inf), (0.0, 5.0), (3.0, 3.0))
    """
    number = r"([0-9][0-9_]*(?:\.[0-9]+)?)"
    found = re.fullmatch(rf"{number}()|{number}?\s*\.\.\s*{number}?", str(value).strip())
    texts = [text and text.replace("_", "") for text in found.groups()] if found else [None] * 4
    if isinstance(value, bool) or not any(texts):
        raise ValueError(f"{value!r} is not a range: write 3, 1..20, 1.. or ..5")
    if texts[0]:
        return float(texts[0]), float(texts[0])
    low, high = float(texts[2] or 0), float(texts[3] or "inf")
    if high < low:
        raise ValueError(f"{value!r} runs backwards: write the smaller number first")
    return low, high


def _names(value: object) -> object:
    """One name or several, as a tuple."""
    return (value,) if isinstance(value, str) else value


def _units(value: object) -> object:
    """A number of units, in which thousands may be parted by `_`."""
    text = str(value).replace("_", "")
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) or not 1 <= float(text) < 1e12:
        raise ValueError(f"{value!r} is not a number of units: write a number from 1, as 400")
    return text


def _projection(value: object) -> object:
    if isinstance(value, list | tuple) and all(isinstance(name, str) for name in value) and value:
        return tuple(value)
    if value not in ("ALL", "KEYS_ONLY"):
        raise ValueError(f"{value!r} is not a projection: write ALL, KEYS_ONLY or a list of attributes, as [title]")
    return value


def _pages(value: object) -> object:
    if value != "all" and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limits.INTEGER):
        raise ValueError(f"{value!r}: pages is a number from 1 to {limits.INTEGER:,}, or all")
    return value


def _target(value: object) -> object:
    if value not in ("existing", "new", "missing"):
        raise ValueError(
            f"{value!r}: a target is existing, new, missing, or a mapping that restricts it, as {{status: OPEN}}"
        )
    return value


def _on_demand(value: object) -> object:
    if value != "on-demand":
        raise ValueError(f"{value!r}: capacity is on-demand or {{read: 100, write: 50}}")
    return value


def _checked_value(value: Any) -> Any:
    value_domain(value)
    return value


def _form(value: object) -> str:
    return "mapping" if isinstance(value, Mapping | Part) else "value"


# Unions are told apart by their form, so that one slip gives one message.
BY_FORM = Discriminator(_form)
_NAMES_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_RATE_SCHEMA = {"type": "string", "pattern": r"^[0-9][0-9_.]*\s*/\s*(s|min|h|day)$"}
_PROJECTION_SCHEMA = {"anyOf": [{"enum": ["ALL", "KEYS_ONLY"]}, {"type": "array", "items": {"type": "string"}}]}
_ATOM_SCHEMA = {"type": ["string", "number", "boolean"]}

Rate = Annotated[
    float, BeforeValidator(lambda v: v if isinstance(v, float) else parse_rate(v)), WithJsonSchema(_RATE_SCHEMA)
]
Bounds = Annotated[
    tuple[float, float],
    BeforeValidator(lambda v: v if isinstance(v, tuple) else parse_bounds(v)),
    WithJsonSchema({"type": ["string", "number"], "description": "3, 1..20, 1.. or ..5"}),
]
Names = Annotated[tuple[str, ...], BeforeValidator(_names), WithJsonSchema(_NAMES_SCHEMA)]
Units = Annotated[float, BeforeValidator(_units), WithJsonSchema({"type": ["number", "string"]})]
Projection = Annotated[
    Literal["ALL", "KEYS_ONLY"] | tuple[str, ...], BeforeValidator(_projection), WithJsonSchema(_PROJECTION_SCHEMA)
]
KeyText = Annotated[Any, BeforeValidator(check_template), WithJsonSchema(_ATOM_SCHEMA)]
Value = Annotated[Any, BeforeValidator(_checked_value), WithJsonSchema({})]
Target = Annotated[
    Annotated[Literal["existing", "new", "missing"], BeforeValidator(_target), Tag("value")]
    | Annotated[dict[str, Any], Tag("mapping")],
    BY_FORM,
]
OnDemand = Annotated[Literal["on-demand"], BeforeValidator(_on_demand), Tag("value")]
Pages = Annotated[int | Literal["all"], BeforeValidator(_pages)]
Accept = dict[str, str]
