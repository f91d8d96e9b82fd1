"""Values and items as DynamoDB JSON: each value under its data type descriptor.

The low-level API takes and gives no bare values: text is `{"S": ...}`, a number `{"N": "..."}` with its digits as text,
so that none are lost. (AWS: Programming.LowLevelAPI, "Data type descriptors".)
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def to_wire(value: Any) -> dict[str, Any]:
    """A Python value as DynamoDB JSON.

    >>> to_wire({"hits": 3, "tags": {"a"}})
    {'M': {'hits': {'N': '3'}, 'tags': {'SS': ['a']}}}
    """
    return _WIRE[type(value)](value)


def _wire_number(value: Any) -> dict[str, str]:
    return {"N": str(value)}


def _wire_set(value: Any) -> dict[str, Any]:
    first = next(iter(value))
    if isinstance(first, bytes):
        return {"BS": sorted(value)}
    if isinstance(first, str):
        return {"SS": sorted(value)}
    return {"NS": [str(number) for number in sorted(value)]}


_WIRE = {
    str: lambda v: {"S": v},
    int: _wire_number,
    float: lambda v: _wire_number(Decimal(repr(v))),
    Decimal: lambda v: {"N": f"{v.normalize():f}"},
    bool: lambda v: {"BOOL": v},
    bytes: lambda v: {"B": v},
    type(None): lambda v: {"NULL": True},
    list: lambda v: {"L": [to_wire(element) for element in v]},
    tuple: lambda v: {"L": [to_wire(element) for element in v]},
    dict: lambda v: {"M": to_item(v)},
    set: _wire_set,
    frozenset: _wire_set,
}


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """An item of Python values as DynamoDB JSON."""
    return {name: to_wire(value) for name, value in values.items()}
