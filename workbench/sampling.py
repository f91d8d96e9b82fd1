"""Which items a run loads: all of a small design, a stated sample of a large one.

A sample must not change what a request costs. A Query pays for all that its key condition reaches, so whatever the
run's calls reach is loaded, and only the rest is thinned, by whole item collections. Where one call reaches more than
a twentieth of the sample, only the first of it is loaded, and that is said. The spread of items and requests is
always computed on all items, never on the sample.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from boto3.dynamodb.types import TypeDeserializer
from numpy.typing import NDArray

from workbench import expressions
from workbench.columns import Ints
from workbench.design import AccessPattern, Design
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.items import Items
from workbench.key_conditions import key_condition
from workbench.requests import Call, Request, draw_calls

DEFAULT_SAMPLE = 60_000
SCAN_SHARE = 20  # a Scan reads everything: it is called once for every twenty calls of another pattern


@dataclass(frozen=True)
class Plan:
    """The calls of a run, by pattern in file order, and the items of each entity that are loaded for them.

    `cut` counts the item collections of which a call reaches more than is loaded.
    """

    calls: dict[str, list[Call]]
    places: dict[str, Ints]
    total: int
    cut: int

    @property
    def loaded(self) -> int:
        """How many items are loaded."""
        return sum(len(index) for index in self.places.values())

    def statement(self) -> str:
        """What is loaded, in words."""
        if self.loaded == self.total:
            return f"all {self.total:,} items loaded"
        words = f"{self.loaded:,} of {self.total:,} items loaded: all that the calls reach, and a sample of the rest"
        cut = f"; of {self.cut:,} item collections only the first items that a call reaches" if self.cut else ""
        return words + cut


def plan_run(items: Items, calls: int, seed: int, sample: int) -> Plan:
    """Draw the calls of every served pattern, and choose the items to load, at most about `sample`."""
    drawn: dict[str, list[Call]] = {}
    held: dict[str, Ints] = {}
    used: dict[str, Ints] = {}
    for pattern in items.design.served_patterns():
        count = max(1, calls // SCAN_SHARE) if pattern.operation == "Scan" else calls
        among = _left(items, pattern, {**held, **_merged(held, used)})
        drawn[pattern.name] = draw_calls(items, pattern, count, seed=seed, among=among)
        _remember(items.design, pattern, drawn[pattern.name], held, used)
    none = np.array([], dtype=np.int64)
    free = {name: np.delete(np.arange(len(e)), held.get(name, none)) for name, e in items.entities.items()}
    total = sum(len(index) for index in free.values())
    if total <= sample:
        return Plan(drawn, free, total, 0)
    places, cut = _sampled(items, drawn, free, sample, seed)
    return Plan(drawn, places, total, cut)


def _left(items: Items, pattern: AccessPattern, gone: Mapping[str, Ints]) -> dict[str, Ints]:
    """The items that earlier calls left as they were generated."""
    names = [entity.name for entity in items.design.addressed(pattern) if entity.name in gone]
    return {name: np.delete(np.arange(len(items.entities[name])), gone[name]) for name in names}


def _merged(one: Mapping[str, Ints], other: Mapping[str, Ints]) -> dict[str, Ints]:
    empty = np.array([], dtype=np.int64)
    return {name: np.union1d(one.get(name, empty), other.get(name, empty)) for name in {*one, *other}}


def _remember(
    design: Design, pattern: AccessPattern, calls: Iterable[Call], held: dict[str, Ints], used: dict[str, Ints]
) -> None:
    """Rows that a put will create are held back from loading; items that a write changes are used up."""
    if pattern.is_read:
        return
    for call in calls:
        for request in call.requests:
            for name, place in request.places:
                if place >= 0:
                    creates = design.entities[name].rows is not None and pattern.target_of() == "new"
                    book = held if creates else used
                    book[name] = np.union1d(book.get(name, np.array([], dtype=np.int64)), [place])


def _sampled(
    items: Items, calls: Mapping[str, Sequence[Call]], free: Mapping[str, Ints], sample: int, seed: int
) -> tuple[dict[str, Ints], int]:
    """The touched collections of every entity, and others at random up to its part of the sample."""
    total = sum(len(index) for index in free.values())
    most = max(1, sample // 20)
    places, cut = {}, 0
    for name, entity in items.entities.items():
        budget = sample * len(free[name]) // total
        marked, cut_here = _touched(items, entity, calls, most)
        cut += cut_here
        marked &= _mask(free[name], len(entity))
        _fill_up(entity, marked, free[name], budget, most, seed)
        places[name] = np.flatnonzero(marked)
    return places, cut


def _mask(index: Ints, count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, dtype=bool)
    mask[index] = True
    return mask


def _touched(
    items: Items, entity: EntityItems, calls: Mapping[str, Sequence[Call]], most: int
) -> tuple[NDArray[np.bool_], int]:
    """The items of an entity that some call addresses or reads, and how many collections are cut to `most` items."""
    marked, cut = np.zeros(len(entity), dtype=bool), 0
    for name, drawn in calls.items():
        pattern = items.design.access_patterns[name]
        for request in (request for call in drawn for request in call.requests):
            marked[[place for owner, place in request.places if owner == entity.name and place >= 0]] = True
        if pattern.operation == "Query" and items.design.table_for(pattern).name == entity.table.name:
            here, cut_here = _reached(items, entity, pattern, drawn, most)
            marked, cut = marked | here, cut + cut_here
    return marked, cut


def _reached(
    items: Items, entity: EntityItems, pattern: AccessPattern, calls: Sequence[Call], most: int
) -> tuple[NDArray[np.bool_], int]:
    """What the calls of a Query reach among an entity's items: those of its item collections, whosever they are."""
    partition, sort = entity.table.keys(pattern.index)
    marked, cut = np.zeros(len(entity), dtype=bool), set()
    if not all(attribute in entity.columns for attribute in partition):
        return marked, 0
    codes = entity.key_codes(partition)
    known, first = np.unique(codes, return_index=True)
    by_value = dict(zip(_key_values(entity, partition, first), known.tolist(), strict=True))
    for request in (request for call in calls for request in call.requests):
        owner, place = request.places[0]
        code = by_value.get(_key_values(items.entities[owner], partition, np.array([place]))[0], -1)
        reached = reached_items(entity, np.flatnonzero(codes == code), sort, request, pattern) if code >= 0 else []
        if len(reached) > most:
            cut.add(code)
        marked[reached[:most]] = True
    return marked, len(cut)


def _key_values(entity: EntityItems, attributes: Sequence[str], index: Ints) -> list[tuple[object, ...]]:
    return list(zip(*(entity.columns[a].take(index) for a in attributes), strict=True))


def reached_items(
    entity: EntityItems, members: Ints, sort: Sequence[str], request: Request, pattern: AccessPattern
) -> Ints:
    """The members of an item collection that a request reads, in the order in which it reads them."""
    ordered = members[np.argsort(_sort_codes(entity, sort)[members], kind="stable")]
    condition = request.parameters.get("KeyConditionExpression")
    if condition is not None and sort:
        ordered = ordered[_in_range(entity, ordered, sort, request, pattern)]
    ordered = ordered[::-1] if pattern.descending else ordered
    pages = pattern.page_limit
    return ordered[: pattern.limit * pages + 1] if pattern.limit and pages else ordered


def _in_range(
    entity: EntityItems, ordered: Ints, sort: Sequence[str], request: Request, pattern: AccessPattern
) -> NDArray[np.bool_]:
    """Which items the key condition's part on the sort key lets through."""
    node = expressions.resolve(expressions.parse_key_condition(pattern.key_condition or ""), pattern.names)
    partition = entity.table.keys(pattern.index if pattern.index in entity.table.indexes else None)[0]
    values = request.parameters["ExpressionAttributeValues"]
    inside = np.ones(len(ordered), dtype=bool)
    for part in key_condition(node, partition, sort, "").sort:
        held = entity.columns[part.attribute].take(ordered)
        bounds = [_READ(values[f":{name}"]) for name in part.values]
        inside &= np.array([_COMPARE[part.operator](value, *bounds) for value in held], dtype=bool)
    return inside


_READ = TypeDeserializer().deserialize
_COMPARE: dict[str, Callable[..., bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "BETWEEN": lambda value, low, high: low <= value <= high,
    "begins_with": lambda value, prefix: value.startswith(prefix),
}


def _sort_codes(entity: EntityItems, sort: Sequence[str]) -> Ints:
    return entity.key_codes(sort) if sort else np.arange(len(entity))


def _fill_up(entity: EntityItems, marked: NDArray[np.bool_], free: Ints, budget: int, most: int, seed: int) -> None:
    """Mark further whole collections, in random order, until the budget is reached."""
    codes = entity.key_codes(entity.table.key_attributes[:1])[free]
    known, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    order = stream(seed, "sample", entity.name).permutation(len(known))
    order = order[counts[order] <= most]
    room = budget - int(marked.sum())
    chosen = order[np.cumsum(counts[order]) <= room]
    marked[free[np.isin(inverse, chosen)]] = True
