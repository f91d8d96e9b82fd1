"""Expectations: what must come back from an access pattern, checked against what did.

A pattern's `expect` states how many items or units, an order, attributes that no item lacks, or the error that a
condition must raise. Where it names no error, an error is a failure; and what comes back must be items of the pattern's
entities, as far as their keys tell. Each check yields a sentence for what does not hold.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from workbench.design import AccessPattern, Design, key_template
from workbench.metered import Metered
from workbench.results import number


def unmet(design: Design, pattern: AccessPattern, metered: list[Metered]) -> list[str]:
    """What did not come out as the pattern expects, in words."""
    wanted, error = pattern.expect.error, next((m for m in metered if m.error), None)
    if wanted:
        seen = error.error if error else "success"
        return [] if seen == wanted else [f"expected {wanted}, and it was {seen}"]
    if error:
        return [f"{error.error}: {error.message}"]
    return [reason for check in _CHECKS for reason in check(design, pattern, metered)]


def _check_items(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    count = sum(m.count for m in metered)
    if pattern.expect.items and not pattern.expect.items[0] <= count <= pattern.expect.items[1]:
        yield f"expected {_range(pattern.expect.items)} items, and {count} came back"


def _check_units(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    units = sum(u.total for m in metered for tables in (m.reads, m.writes) for u in tables.values())
    if pattern.expect.units and not pattern.expect.units[0] <= units <= pattern.expect.units[1]:
        yield f"expected {_range(pattern.expect.units)} units, and it took {number(units)}"


def _range(bounds: tuple[float, float]) -> str:
    low, high = bounds
    if low == high:
        return number(low)
    return f"at least {number(low)}" if math.isinf(high) else f"{number(low)} to {number(high)}"


def _check_order(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    name = pattern.expect.order
    for one in metered if name else ():
        found = [_sortable(item[name]) for item in one.returned if name in item]
        if len(found) < len(one.returned):
            yield f"expected the items ordered by {name}, and {len(one.returned) - len(found)} of them lack it"
        elif found != sorted(found, reverse=pattern.descending):
            yield f"expected the items ordered by {name}, and they are not"


def _sortable(value: Mapping[str, Any]) -> tuple[str, Any]:
    """A value in DynamoDB's order: numbers by value, text by its UTF-8 bytes."""
    ((tag, content),) = value.items()
    return tag, {"N": Decimal, "S": str.encode, "B": bytes}.get(tag, repr)(content)


def _check_attributes(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    returned = [item for one in metered for item in one.returned]
    for name in pattern.expect.attributes:
        if lacking := sum(name not in item for item in returned):
            yield f"expected {name} in every item, and {lacking} of {len(returned)} lack it"


def _check_entity(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    """What comes back must be items of the pattern's entities, as far as their keys tell."""
    if not pattern.is_read or pattern.table:
        return
    for item in (item for m in metered for item in m.returned):
        keys = {name: value.get("S") for name, value in item.items()}
        if not any(_could_be(design, entity.name, keys) for entity in design.addressed(pattern)):
            table = design.table_for(pattern)
            shown = ", ".join(f"{name} = {keys.get(name)}" for name in table.key_attributes if keys.get(name))
            names = " or ".join(entity.name for entity in design.addressed(pattern))
            yield f"expected items of {names}, and {shown} came back"
            return


def _could_be(design: Design, entity: str, keys: Mapping[str, str | None]) -> bool:
    domains = design.domains_of(entity)
    for name in design.table_of(entity).key_attributes:
        domain, text = domains.get(name), keys.get(name)
        template = key_template(domain, name) if domain else None
        if text is not None and template is not None and template.match(text) is None:
            return False
    return True


_CHECKS: tuple[Callable[[Design, AccessPattern, list[Metered]], Iterator[str]], ...] = (
    _check_items,
    _check_units,
    _check_order,
    _check_attributes,
    _check_entity,
)
