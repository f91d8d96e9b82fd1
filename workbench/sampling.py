"""Which items a run loads: all of a small design, a stated sample of a large one.

A sample must not change what a request costs. A Query pays for its whole item collection, so the collections that the
run's calls touch are loaded whole, and only the rest is thinned, again by whole collections. Where a touched
collection alone is larger than a twentieth of the sample, its first items by sort key are loaded, and that is said.
The spread of items and requests is always computed on all items, never on the sample.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.columns import Ints
from workbench.design import AccessPattern, Design
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.items import Items
from workbench.requests import Call, draw_calls

DEFAULT_SAMPLE = 60_000
SCAN_SHARE = 10  # a Scan reads everything: it is called once for every ten calls of another pattern


@dataclass(frozen=True)
class Plan:
    """The calls of a run, by pattern in file order, and the items of each entity that are loaded for them.

    `held` are items that a put creates during the run; `cut` counts the collections that are not loaded whole.
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
        words = f"{self.loaded:,} of {self.total:,} items loaded: the item collections that the calls touch, and others"
        cut = f"; {self.cut:,} of them cut to their first items by sort key" if self.cut else ""
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
    free = {name: np.setdiff1d(np.arange(len(e)), held.get(name, [])) for name, e in items.entities.items()}
    total = sum(len(index) for index in free.values())
    if total <= sample:
        return Plan(drawn, free, total, 0)
    places, cut = _sampled(items, drawn, free, sample, seed)
    return Plan(drawn, places, total, cut)


def _left(items: Items, pattern: AccessPattern, gone: Mapping[str, Ints]) -> dict[str, Ints]:
    """The items that earlier calls left as they were generated."""
    names = [entity.name for entity in items.design.addressed(pattern) if entity.name in gone]
    return {name: np.setdiff1d(np.arange(len(items.entities[name])), gone[name]) for name in names}


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
    """The items of an entity that stand in an item collection which some call reads or writes."""
    marked, cut = np.zeros(len(entity), dtype=bool), 0
    for name, drawn in calls.items():
        pattern = items.design.access_patterns[name]
        if entity.name not in [e.name for e in items.design.addressed(pattern)] or pattern.operation == "Scan":
            continue
        here, cut_here = _collections_of(items, entity, pattern, drawn, most)
        marked, cut = marked | here, cut + cut_here
    return marked, cut


def _collections_of(
    items: Items, entity: EntityItems, pattern: AccessPattern, calls: Sequence[Call], most: int
) -> tuple[NDArray[np.bool_], int]:
    partition, sort = entity.table.keys(pattern.index if pattern.index in entity.table.indexes else None)
    codes = entity.key_codes(partition)
    places = [p for call in calls for r in call.requests for n, p in r.places if n == entity.name and p >= 0]
    marked = np.zeros(len(entity), dtype=bool)
    marked[places] = True
    wanted, cut = np.unique(codes[places]), 0
    for code in wanted[wanted >= 0]:
        members = np.flatnonzero(codes == code)
        if len(members) > most:
            members, cut = members[np.argsort(_sort_codes(entity, sort)[members], kind="stable")[:most]], cut + 1
        marked[members] = True
    return marked, cut


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
