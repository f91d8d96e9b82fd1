"""The reach of a Query: how much of an item collection its key condition reads, and the units of that.

A Query pays for every item that its key condition reaches, before filter and projection; in a single table that is
the project and its tasks, or the tasks alone, as the condition says. Items are read in pages: each ends with the item
that reaches 1 MB or the limit, and its bytes are rounded up once, to 4 KB. (AWS: Query.Pagination,
Query.KeyConditionExpressions.)

A prefix that a literal fixes, begins_with(SK, "TASK#"), reaches an entity whole or not at all: its key template says
which. What other conditions reach is estimated as a share of the collection, from a sample of requests.
"""

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from workbench import capacity, limits
from workbench.bindings import bound, drawn_anew
from workbench.columns import Floats, Ints
from workbench.design import AccessPattern, Design, key_template
from workbench.domains import value_domain
from workbench.entities import EntityItems
from workbench.expressions import parse_key_condition, parse_projection
from workbench.fields import stream
from workbench.items import Items
from workbench.key_conditions import KeyCondition, SortCondition, key_condition
from workbench.picks import new_items
from workbench.requests import Request, overrides
from workbench.ring import UNMET, PartitionKeys, entry_sizes, is_in, projected
from workbench.schema import Index
from workbench.syntax import attributes, resolve
from workbench.targets import draw_places, request_weights

SortKey = tuple[Any, ...]
CALLS = 200  # requests that are drawn for an estimate
MEMBERS = 500  # items of a collection that are looked at for one; more where there are few collections
NOWHERE = UNMET - 1  # equal to no collection's number, nor to that of none


def looked_at(collections: int) -> int:
    """How many items of each of so many collections are looked at: a narrow range of a large one needs many.

    >>> looked_at(10_000), looked_at(10)
    (500, 10000)
    """
    return max(MEMBERS, CALLS * MEMBERS // max(collections, 1))


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
    names = tuple(pattern.names.items())
    return _condition(pattern.key_condition or "", names, *table.keys(pattern.index), pattern.index or table.name)


@lru_cache(maxsize=1024)  # many questions about a Query begin with this one
def _condition(
    text: str, names: tuple[tuple[str, str], ...], partition: tuple[str, ...], sort: tuple[str, ...], where: str
) -> KeyCondition:
    return key_condition(resolve(parse_key_condition(text), dict(names)), partition, sort, where)


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
        share = shares.get(entity.name, 1.0)
        if not share or not len(entity):
            continue
        numbers, there = keys.of[entity.name], is_in(entity, index)
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
    requests: dict[int, list[dict[str, Any]]] = {}
    for values in drawn_values(keys, pattern, condition):
        requests.setdefault(keys.number(tuple(values[name] for _, name in condition.partition)), []).append(values)
    return {name: _share_reached(keys, pattern, condition, name, requests) for name in entities}


def _share_reached(
    keys: PartitionKeys,
    pattern: AccessPattern,
    condition: KeyCondition,
    entity: str,
    requests: Mapping[int, Sequence[Mapping[str, Any]]],
) -> float:
    """The share of an entity's sort keys that requests, given by the collection that they read, reach."""
    places, starts = grouped(_numbers_there(keys, entity, pattern.index))
    found = looked = 0
    for number, asked in requests.items():
        if 0 <= number < len(starts) - 1 and (members := places[starts[number] : starts[number + 1]]).size:
            members = members[:: max(1, len(members) // looked_at(len(keys)))]
            order = _sort_keys(keys, entity, members, [term.attribute for term in condition.sort])
            looked += len(order) * len(asked)
            for values in asked:
                first, last = stretch(order, condition.sort, values)
                found += last - first
    return found / looked if looked else 0.0


def drawn_values(keys: PartitionKeys, pattern: AccessPattern, condition: KeyCondition) -> list[dict[str, Any]]:
    """What the placeholders of a key condition stand for in some drawn requests, by name."""
    items, (part, *_) = keys.items, keys.items.design.addressed(pattern)
    rng, entity = stream(items.seed, "reach", pattern.name), items.entities[part.name]
    if pattern.target_of() in ("new", "missing"):
        drawn = new_items(items, pattern, part.name, CALLS, rng)
    else:
        weights = request_weights(items, pattern, entity)
        drawn = entity.select(draw_places(weights, CALLS if weights.any() else 0, rng))
    names = [name for _, name in condition.partition] + [name for term in condition.sort for name in term.values]
    found: list[dict[str, Any]] = []
    for fixed in overrides(items, pattern, entity):
        columns = [_values_of(items, drawn, name, pattern, fixed, rng) for name in names]
        found += [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    return found


def _values_of(
    items: Items,
    drawn: EntityItems,
    name: str,
    pattern: AccessPattern,
    fixed: Mapping[str, Any],
    rng: np.random.Generator,
) -> list[Any]:
    """What `:name` stands for in a request for each of the drawn items."""
    column = bound(items, drawn, name, pattern.values, fixed)
    if column is None or (column.codes < 0).any():
        column = drawn_anew(items, drawn, name, pattern.values, rng)
    return column.take(np.arange(len(drawn)))


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


def _sort_keys(keys: PartitionKeys, entity: str, places: Ints, sort: Sequence[str]) -> list[SortKey]:
    """Sort keys of items of one entity in their order."""
    columns = keys.items.entities[entity].columns
    return sorted(zip(*(columns[name].take(places) for name in sort), strict=True))


def grouped(numbers: Ints) -> tuple[Ints, Ints]:
    """The places of items by the number of their collection, and where each collection begins.

    Places of items with a negative number stand first, before any collection.
    """
    order = np.argsort(numbers, kind="stable")
    last = int(numbers.max(initial=-1))
    return order, np.searchsorted(numbers[order], np.arange(last + 2))


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


# A stretch of sort keys


def stretch(order: Sequence[SortKey], sort: Sequence[SortCondition], values: Mapping[str, Any]) -> tuple[int, int]:
    """The stretch of sorted keys, first and behind the last, that conditions on their first parts allow.

    >>> after = SortCondition("at", ">", ("since",))
    >>> stretch([("a",), ("b",), ("b",), ("c",)], [after], {"since": "a"})
    (1, 4)
    """
    equal: SortKey = ()
    for term in sort:
        operands = [values[name] for name in term.values]
        if term is sort[-1]:
            return _STRETCHES[term.operator](_Cut(order, equal), *operands)
        equal = (*equal, *operands)
    return 0, len(order)


@dataclass(frozen=True)
class _Cut:
    """Where a value of the next part of a sort key would stand among keys that begin with some values."""

    order: Sequence[SortKey]
    equal: SortKey

    def before(self, *value: Any) -> int:
        """Where the keys begin that have this value, or any."""
        whole = (*self.equal, *value)
        return bisect_left(self.order, whole, key=self._first(len(whole)))

    def behind(self, *value: Any) -> int:
        """Where the keys end that have this value, or any."""
        whole = (*self.equal, *value)
        return bisect_right(self.order, whole, key=self._first(len(whole)))

    def _first(self, parts: int) -> Callable[[SortKey], SortKey] | None:
        """What takes the first parts of a key, None if it has no more."""
        return None if not self.order or len(self.order[0]) == parts else itemgetter(slice(parts))


def _beginning(cut: _Cut, prefix: Any) -> tuple[int, int]:
    highest: Any = chr(0x10FFFF) if isinstance(prefix, str) else b"\xff" * 1024
    return cut.before(prefix), cut.behind(prefix + highest)


_STRETCHES: dict[str, Callable[..., tuple[int, int]]] = {
    "=": lambda cut, value: (cut.before(value), cut.behind(value)),
    "<": lambda cut, value: (cut.before(), cut.before(value)),
    "<=": lambda cut, value: (cut.before(), cut.behind(value)),
    ">": lambda cut, value: (cut.behind(value), cut.behind()),
    ">=": lambda cut, value: (cut.before(value), cut.behind()),
    "BETWEEN": lambda cut, low, high: (cut.before(low), max(cut.before(low), cut.behind(high))),
    "begins_with": _beginning,
}
