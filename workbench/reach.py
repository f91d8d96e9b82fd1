"""The reach of a Query: how much of an item collection its key condition reads, and the units of that.

A Query pays for every item that its key condition reaches, before filter and projection; in a single table that is
the project and its tasks, or the tasks alone, as the condition says. Items are read in pages: each ends with the item
that reaches 1 MB or the limit, and its bytes are rounded up once, to 4 KB. (AWS: Query.Pagination,
Query.KeyConditionExpressions.)

A prefix that a literal fixes, begins_with(SK, "TASK#"), reaches an entity whole or not at all: its key template says
which. What other conditions reach is estimated as a share of the collection, from a sample of requests.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import capacity, limits
from workbench.access import value_domain
from workbench.columns import Ints, Mask
from workbench.design import AccessPattern, Design, Index, key_template
from workbench.expressions import attributes, parse_key_condition, parse_projection, resolve
from workbench.key_conditions import KeyCondition, SortCondition, key_condition
from workbench.requests import Request, draw_calls
from workbench.ring import UNMET, PartitionKeys, entry_sizes, is_in, projected

Floats = NDArray[np.float64]
CALLS = 200  # requests that are drawn for an estimate
MEMBERS = 500  # items of a collection that are looked at for one
NOWHERE = UNMET - 1  # equal to no collection's number, nor to that of none


def page_units(items: ArrayLike, size: ArrayLike, *, limit: int | None = None, pages: int | None = None) -> Floats:
    """Strongly consistent read units of reading collections of so many items and bytes, page by page.

    A page is taken to hold items of the collection's mean size; one page of everything comes out exactly.

    >>> page_units([3, 1500], [4097, 96_000]).tolist(), page_units(0, 0).tolist()
    ([2.0, 24.0], 1.0)
    >>> page_units(500, 500 * 400, limit=50, pages=1).tolist(), page_units(300, 3 * limits.MB).tolist()
    (5.0, 768.0)
    """
    count, size = np.asarray(items, dtype=float), np.asarray(size, dtype=float)
    mean = size / np.maximum(count, 1e-9)
    per_page = np.ceil(limits.PAGE_BYTES / np.maximum(mean, 1))
    if limit is not None:
        per_page = np.minimum(per_page, limit)
    read = count if pages is None else np.minimum(count, per_page * pages)
    full = np.floor(read / per_page)
    return np.maximum(full * _units(per_page * mean) + _units((read - full * per_page) * mean), 1.0)


def _units(size: Floats) -> Floats:
    return np.ceil(size / limits.READ_UNIT_BYTES - 1e-9)  # what a division leaves behind makes no unit


def read_factor(pattern: AccessPattern) -> float:
    """What a unit's worth of reading costs: half where it is eventually consistent."""
    return 1.0 if pattern.consistent else 0.5


def query_condition(design: Design, pattern: AccessPattern) -> KeyCondition:
    """What a Query reads, by its key condition."""
    table = design.table_for(pattern)
    node = resolve(parse_key_condition(pattern.key_condition or ""), pattern.names)
    return key_condition(node, *table.keys(pattern.index), pattern.index or table.name)


def collection_units(keys: PartitionKeys, pattern: AccessPattern, condition: KeyCondition | None) -> Floats:
    """Read units of one Query of each item collection; without a condition, of reading the collection whole."""
    index = keys.table.indexes.get(pattern.index or "")
    count, size, fetched = collection_sizes(keys, pattern, condition, index)
    whole = page_units(count, size, limit=pattern.limit, pages=pattern.page_limit)
    cut = _read_items(count, pattern) / np.maximum(count, 1e-9)
    return (whole + fetched * cut) * read_factor(pattern)


def _read_items(count: Floats, pattern: AccessPattern) -> Floats:
    return np.minimum(count, (pattern.limit or np.inf) * (pattern.page_limit or np.inf))


def collection_sizes(
    keys: PartitionKeys, pattern: AccessPattern, condition: KeyCondition | None, index: Index | None
) -> tuple[Floats, Floats, Floats]:
    """Of each collection, what a pattern reaches: items, bytes, and units to fetch them for a local index."""
    totals = np.zeros((3, len(keys)))
    shares = reach(keys, pattern, condition) if condition else {}
    fetching = index is not None and fetches(pattern, projected(keys.table, index))
    for entity in keys.items.in_table(keys.table.name):
        numbers, there = keys.of[entity.name], is_in(entity, index)
        share = shares.get(entity.name, 1.0)
        weights: list[Any] = [np.ones(len(entity)), entry_sizes(entity, index), np.zeros(len(entity))]
        if fetching:
            weights[2] = capacity.read_units(cast(Any, entity.sizes), consistent=True)
        for total, weight in zip(totals, weights, strict=True):
            total += share * np.bincount(numbers[there], weight[there], minlength=len(keys))
    return totals[0], totals[1], totals[2]


def fetches(pattern: AccessPattern, attributes_there: frozenset[str] | None) -> bool:
    """Whether a Query of a local index gets attributes from the table that the index does not project."""
    if attributes_there is None:
        return False
    if pattern.projection is None:
        return pattern.select == "ALL_ATTRIBUTES"
    return not attributes_there.issuperset(attributes(resolve(parse_projection(pattern.projection), pattern.names)))


# Which items


def reach(keys: PartitionKeys, pattern: AccessPattern, condition: KeyCondition) -> dict[str, float]:
    """For each entity in the table, the share of its items in a collection that the key condition reaches."""
    certain = certain_reach(keys, pattern, condition)
    open_ = [name for name, share in certain.items() if share is None]
    known = {name: share for name, share in certain.items() if share is not None}
    return known | (_by_sample(keys, pattern, condition, open_) if open_ else {})


def certain_reach(keys: PartitionKeys, pattern: AccessPattern, condition: KeyCondition) -> dict[str, float | None]:
    """For each entity in the table 1 if the condition reaches all of its items, 0 if none, None if that depends."""
    names = [entity.name for entity in keys.items.in_table(keys.table.name) if len(entity)]
    return {name: _by_template(keys.items.design, name, pattern, condition) for name in names}


def _by_template(design: Design, entity: str, pattern: AccessPattern, condition: KeyCondition) -> float | None:
    """1 if the condition reaches all of an entity's items, 0 if none, None if its template does not say."""
    if not condition.sort:
        return 1.0
    text, first = literal(pattern, condition.sort[0].values[0]), condition.sort[0]
    domain = design.domains_of(entity).get(first.attribute)
    template = key_template(domain, first.attribute) if domain else None
    if len(condition.sort) > 1 or first.operator not in ("begins_with", "=") or text is None or template is None:
        return None
    if not template.fields:
        whole = "".join(map(str, template.parts))
        return float(whole == text if first.operator == "=" else whole.startswith(text))
    if first.operator == "begins_with" and template.prefix.startswith(text):
        return 1.0
    return None if text.startswith(template.prefix) else 0.0


def literal(pattern: AccessPattern, name: str) -> str | None:
    """The text that `:name` always stands for; None if it differs from request to request."""
    domain = value_domain(pattern.values[name]) if name in pattern.values else None
    template = domain.template if domain else None
    return None if template is None or template.fields else "".join(map(str, template.parts))


def _by_sample(
    keys: PartitionKeys, pattern: AccessPattern, condition: KeyCondition, entities: Sequence[str]
) -> dict[str, float]:
    """The share of the sort keys in the collections of drawn requests that satisfy the condition."""
    found, looked = dict.fromkeys(entities, 0), dict.fromkeys(entities, 0)
    collections: dict[tuple[str, int], list[tuple[Any, ...]]] = {}
    sort = [term.attribute for term in condition.sort]
    numbers = {name: _numbers_there(keys, name, pattern.index) for name in entities}
    for values in drawn_values(keys, pattern):
        number = keys.number(tuple(values[name] for _, name in condition.partition))
        for name in entities:
            if (name, number) not in collections:
                collections[name, number] = _sort_keys(keys, name, numbers[name] == number, sort)
            members = collections[name, number]
            looked[name] += len(members)
            found[name] += sum(satisfies(member, condition.sort, values) for member in members)
    return {name: found[name] / looked[name] if looked[name] else 0.0 for name in entities}


def drawn_values(keys: PartitionKeys, pattern: AccessPattern) -> list[dict[str, Any]]:
    """The values of the requests of some drawn calls, by the name of their placeholder."""
    calls = draw_calls(keys.items, pattern, CALLS, seed=keys.items.seed)
    return [bound_values(request) for call in calls for request in call.requests]


def bound_values(request: Request) -> dict[str, Any]:
    """The values of a request, by the name of their placeholder."""
    bound = request.parameters.get("ExpressionAttributeValues", {})
    return {name[1:]: _native(value) for name, value in bound.items()}


def _native(value: Mapping[str, Any]) -> Any:
    ((tag, content),) = value.items()
    return Decimal(content) if tag == "N" else content


def _numbers_there(keys: PartitionKeys, entity: str, index: str | None) -> Ints:
    """The number of each item's key, NOWHERE where the item is not in the index; a local one has its table's keys."""
    there = is_in(keys.items.entities[entity], keys.table.indexes.get(index or ""))
    return np.where(there & (keys.of[entity] != UNMET), keys.of[entity], NOWHERE)


def _sort_keys(keys: PartitionKeys, entity: str, there: Mask, sort: Sequence[str]) -> list[tuple[Any, ...]]:
    """Sort keys of one entity's items that are there, about 500, taken evenly."""
    places = np.flatnonzero(there)
    places = places[:: max(1, len(places) // MEMBERS)]
    columns = keys.items.entities[entity].columns
    return list(zip(*(columns[name].take(places) for name in sort), strict=True)) if len(places) else []


def satisfies(member: tuple[Any, ...], sort: Sequence[SortCondition], values: Mapping[str, Any]) -> bool:
    """Whether the first parts of a sort key meet the conditions on them."""
    return all(
        _SERVED[term.operator](part, *(values[name] for name in term.values))
        for part, term in zip(member, sort, strict=False)
    )


_SERVED: dict[str, Callable[..., bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "BETWEEN": lambda part, low, high: low <= part <= high,
    "begins_with": lambda part, prefix: part.startswith(prefix),
}
