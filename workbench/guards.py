"""Guards: what a condition makes sure of, and which items a filter keeps.

A put without `attribute_not_exists` overwrites, an update without a condition that only an existing item can meet
creates one, and neither says so. Whether a condition guards follows from the expression alone: it is evaluated on an
item that is not there. (AWS: Expressions.ConditionExpressions, WorkingWithItems.)

>>> from workbench.expressions import parse_condition
>>> needs_item(parse_condition("ownerId = :me AND #status <> :done"))
True
>>> needs_item(parse_condition("#status <> :done")), needs_no_item(parse_condition("attribute_not_exists(PK)"))
(False, True)
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workbench.syntax import And, Between, Call, Compare, In, Node, Not, Or, Path, Value, walk

MISSING = object()


def needs_item(condition: Node | None) -> bool:
    """Whether a condition fails where there is no item."""
    return condition is not None and not satisfied(condition, {}, {})


def needs_no_item(condition: Node | None) -> bool:
    """Whether a condition asks, somewhere, that an attribute is not there."""
    calls = (part for part in walk(condition) if isinstance(part, Call)) if condition is not None else ()
    return any(call.function == "attribute_not_exists" for call in calls)


def compares(condition: Node | None) -> set[str]:
    """The attributes whose values a condition looks at, which is more than whether they are there."""
    nodes = [] if condition is None else list(walk(condition))
    looking = [n for n in nodes if isinstance(n, Compare | Between | In) or _looks(n)]
    return {str(part.parts[0]) for n in looking for part in walk(n) if isinstance(part, Path)}


def _looks(node: Node) -> bool:
    return isinstance(node, Call) and node.function in ("begins_with", "contains")


def satisfied(node: Node, item: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether an item of Python values meets a condition or filter; what is missing equals nothing.

    >>> from workbench.expressions import parse_condition
    >>> satisfied(parse_condition("a > :x AND begins_with(b, :y)"), {"a": 3, "b": "TASK#1"}, {"x": 2, "y": "TASK#"})
    True
    """
    return _EVALUATE[type(node)](node, item, values)


def _operand(node: Node, item: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    if isinstance(node, Value):
        return values.get(node.name, MISSING)
    if isinstance(node, Call):  # size
        found = _operand(node.arguments[0], item, values)
        return len(found) if hasattr(found, "__len__") else MISSING
    found: Any = item
    for part in node.parts if isinstance(node, Path) else ():
        try:
            found = found[part]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return found


def _compare(node: Compare, item: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    left, right = _operand(node.left, item, values), _operand(node.right, item, values)
    return _ordered(node.operator, left, right)


def _ordered(operator: str, left: Any, right: Any) -> bool:
    if left is MISSING or right is MISSING or _kind(left) != _kind(right):
        return operator == "<>"  # what is missing, or of another type, is unequal
    return _COMPARE[operator](left, right)


def _kind(value: Any) -> type:
    return Decimal if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else type(value)


_COMPARE = {
    "=": lambda left, right: left == right,
    "<>": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _between(node: Between, item: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    found, low, high = (_operand(each, item, values) for each in (node.operand, node.low, node.high))
    return _ordered(">=", found, low) and _ordered("<=", found, high)


def _in(node: In, item: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    found = _operand(node.operand, item, values)
    return any(_ordered("=", found, _operand(option, item, values)) for option in node.options)


def _call(node: Call, item: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    found, *others = (_operand(each, item, values) for each in node.arguments)
    if node.function in ("attribute_exists", "attribute_not_exists"):
        return (found is not MISSING) == (node.function == "attribute_exists")
    if found is MISSING or MISSING in others:
        return False
    if node.function == "begins_with":
        return isinstance(found, str) and isinstance(others[0], str) and found.startswith(others[0])
    return node.function == "contains" and hasattr(found, "__contains__") and others[0] in found


_EVALUATE: dict[type[Node], Any] = {
    And: lambda n, item, values: satisfied(n.left, item, values) and satisfied(n.right, item, values),
    Or: lambda n, item, values: satisfied(n.left, item, values) or satisfied(n.right, item, values),
    Not: lambda n, item, values: not satisfied(n.operand, item, values),
    Compare: _compare,
    Between: _between,
    In: _in,
    Call: _call,
}
