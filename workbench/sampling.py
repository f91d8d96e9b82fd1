"""Which items a run loads: all of a small design, a stated sample of a large one.

A sample must not change what a request costs. A Query pays for all that its key condition reaches, so whatever the
run's calls reach is loaded, and only the rest is thinned, by item collections. Where the calls reach more than twice
the sample, only the first of what each reaches is loaded, a twentieth of the sample, and that is said. The spread of
items and requests is always computed on all items, never on the sample.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.columns import Ints, Mask
from workbench.design import AccessPattern, Design
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.items import Items
from workbench.key_conditions import KeyCondition
from workbench.reach import bound_values, query_condition, satisfies
from workbench.requests import Call, Request, draw_calls
from workbench.ring import keys_of

DEFAULT_SAMPLE = 45_000
STRETCH = 2  # so many times the sample may be loaded before what the calls reach is cut
SCAN_SHARE = 20  # a Scan reads everything: it is called once for every twenty calls of another pattern
CUT = 20  # where the calls reach more than the sample, one may reach a twentieth of it


@dataclass(frozen=True)
class Plan:
    """The calls of a run, by pattern in file order, and the items of each entity that are loaded for them.

    `asked` is how often each pattern was to be called; `cut` counts the item collections of which a call reaches more
    than is loaded.
    """

    calls: dict[str, list[Call]]
    asked: dict[str, int]
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
        part = "the first items that each call reaches" if self.cut else "all that the calls reach"
        words = f"{self.loaded:,} of {self.total:,} items loaded: {part}, and a sample of the rest"
        cut = f"; {self.cut:,} item collections are cut, and a Query that reads one costs more than here"
        times = f"about {self.total / max(self.loaded, 1):.3g} times what it does here"
        scans = "".join(f"; {name}, a Scan, would read all items and cost {times}" for name in self._scans())
        return words + (cut if self.cut else "") + scans

    def _scans(self) -> list[str]:
        """The patterns that read all that is loaded."""
        patterns = [calls[0].pattern for calls in self.calls.values() if calls]
        return [p.name for p in patterns if p.operation == "Scan" and p.page_limit is None]


def plan_run(items: Items, calls: int, seed: int, sample: int) -> Plan:
    """Draw the calls of every served pattern, and choose the items to load, at most about `sample`."""
    patterns, state = list(items.design.served_patterns()), _State(items)
    drawn: dict[str, list[Call]] = {}
    for pattern in sorted(patterns, key=lambda p: not takes_rows(items.design, p)):  # what these put is not loaded
        count, there = state.most(pattern, calls), state.there(pattern)
        among = state.among(pattern, there)
        drawn[pattern.name] = draw_calls(
            items, pattern, count, seed=seed, among=among, there=there, created=state.created
        )
        state.remember(pattern, drawn[pattern.name])
    drawn = {pattern.name: drawn[pattern.name] for pattern in patterns}
    asked = {pattern.name: _asked(pattern, calls) for pattern in patterns}
    free = {name: state.without(name, state.held) for name in items.entities}
    total = sum(map(len, free.values()))
    if total <= sample:
        return Plan(drawn, asked, free, total, 0)
    places, cut = _sampled(items, drawn, free, sample, seed)
    return Plan(drawn, asked, places, total, cut)


def _asked(pattern: AccessPattern, calls: int) -> int:
    return max(1, calls // SCAN_SHARE) if pattern.operation == "Scan" else calls


def takes_rows(design: Design, pattern: AccessPattern) -> bool:
    """Whether a pattern creates items that come from rows: these are held back when the others are loaded."""
    if pattern.actions:
        puts = [action for action in pattern.actions if action.operation == "Put"]
        return any(design.entities[design.action_entity(a)].rows and pattern.target_of(a) == "new" for a in puts)
    return not pattern.is_read and pattern.target_of() == "new" and any(e.rows for e in design.addressed(pattern))


@dataclass
class _State:
    """The items after the calls drawn so far: of each entity those held back, deleted and changed, and how many new."""

    items: Items
    held: dict[str, set[int]] = field(default_factory=dict)
    deleted: dict[str, set[int]] = field(default_factory=dict)
    changed: dict[str, set[int]] = field(default_factory=dict)
    created: dict[str, int] = field(default_factory=dict)

    def most(self, pattern: AccessPattern, calls: int) -> int:
        """How often a pattern is called; one that puts rows leaves half of them to the others."""
        asked, design = _asked(pattern, calls), self.items.design
        if not takes_rows(design, pattern) or pattern.actions:
            return asked
        name = design.addressed(pattern)[0].name
        left = len(self.items.entities[name]) - self.created.get(name, 0)
        return min(asked, max(1, left // 2))

    def there(self, pattern: AccessPattern) -> dict[str, Ints]:
        """Of the entities that a pattern addresses, the items that are there."""
        names = [entity.name for entity in self.items.design.addressed(pattern)]
        return {name: self.without(name, self.held, self.deleted) for name in names}

    def among(self, pattern: AccessPattern, there: dict[str, Ints]) -> dict[str, Ints]:
        """The items that a pattern may ask for: those that are there, where it matters those that nothing changed."""
        if not _looks(pattern):
            return there
        unchanged = {name: self.without(name, self.held, self.deleted, self.changed) for name in there}
        return {name: unchanged[name] if len(unchanged[name]) else there[name] for name in there}

    def without(self, name: str, *books: Mapping[str, set[int]]) -> Ints:
        """The places of an entity's items, but for those in a book."""
        noted = sorted(set().union(*(book.get(name, ()) for book in books)))
        return np.delete(np.arange(len(self.items.entities[name])), np.array(noted, dtype=np.int64))

    def remember(self, pattern: AccessPattern, calls: Iterable[Call]) -> None:
        """Note what the calls of a pattern do to the items."""
        books = {"Delete": self.deleted, "Update": self.changed}
        if takes_rows(self.items.design, pattern):
            books["Put"] = self.held
        for request in (request for call in calls for request in call.requests):
            for (name, place), action in zip(request.places, request.actions, strict=True):
                if place >= 0 and action in books:
                    books[action].setdefault(name, set()).add(place)


def _looks(pattern: AccessPattern) -> bool:
    """Whether it depends on more of an item than its primary key, so that an item must be as it was generated."""
    parts = (pattern, *pattern.actions)
    return pattern.index is not None or any(p.condition is not None or isinstance(p.target, dict) for p in parts)


def places_for(items: Items, pattern: AccessPattern, calls: Sequence[Call]) -> dict[str, Ints]:
    """The places of the items that some calls of a pattern touch, and of no others; of a Scan, of all."""
    everything = {name: np.arange(len(entity)) for name, entity in items.entities.items()}
    if pattern.operation == "Scan":
        return everything
    drawn = {} if takes_rows(items.design, pattern) else {pattern.name: calls}
    marked, _ = _marked(items, [*_addressed(drawn), *_reached(items, drawn)], everything, len(items))
    return {name: np.flatnonzero(mask) for name, mask in marked.items()}


# The sample


def _sampled(
    items: Items, calls: Mapping[str, Sequence[Call]], free: Mapping[str, Ints], sample: int, seed: int
) -> tuple[dict[str, Ints], int]:
    """What the calls touch, and others at random up to the sample; and how many collections are cut."""
    found = [*_addressed(calls), *_reached(items, calls)]
    marked, cut = _marked(items, found, free, sample)
    if cut or _count(marked) > STRETCH * sample:  # whole collections are worth more than an exact number
        marked, cut = _marked(items, found, free, max(1, sample // CUT))
    spare, rest = max(0, sample - _count(marked)), sum(map(len, free.values())) - _count(marked)
    for name, mask in marked.items():
        others = free[name][~mask[free[name]]]
        share = spare * len(others) // max(rest, 1)
        mask[_some(items.entities[name], others, share, seed)] = True
        spare, rest = spare - share, rest - len(others)
    return {name: np.flatnonzero(mask) for name, mask in marked.items()}, cut


def _count(marked: Mapping[str, Mask]) -> int:
    return sum(int(mask.sum()) for mask in marked.values())


def _some(entity: EntityItems, places: Ints, count: int, seed: int) -> Ints:
    """`count` of the items at `places`, one item collection after the other, in random order."""
    codes = entity.key_codes(entity.table.key_attributes[:1])[places]
    known, inverse = np.unique(codes, return_inverse=True)
    turns = stream(seed, "sample", entity.name).permutation(len(known))
    return places[np.argsort(turns[inverse.reshape(len(places))], kind="stable")[:count]]


@dataclass(frozen=True)
class _Found:
    """Items of one entity that a request touches, in the order in which it reads them, and of which collection."""

    entity: str
    places: Ints
    collection: tuple[str | None, int] | None = None


def _marked(items: Items, found: Iterable[_Found], free: Mapping[str, Ints], most: int) -> tuple[dict[str, Mask], int]:
    """The items of each entity that requests touch, of each at most the first `most`; how many collections are cut."""
    marked = {name: np.zeros(len(entity), dtype=bool) for name, entity in items.entities.items()}
    cut = set()
    for one in found:
        marked[one.entity][one.places[:most]] = True
        if len(one.places) > most:
            cut.add(one.collection)
    for name, mask in marked.items():
        mask[np.delete(np.arange(len(mask)), free[name])] = False
    return marked, len(cut)


def _addressed(calls: Mapping[str, Sequence[Call]]) -> Iterator[_Found]:
    for request in (request for drawn in calls.values() for call in drawn for request in call.requests):
        yield from (_Found(name, np.array([place])) for name, place in request.places if place >= 0)


def _reached(items: Items, calls: Mapping[str, Sequence[Call]]) -> Iterator[_Found]:
    for name, drawn in calls.items():
        pattern = items.design.access_patterns[name]
        if pattern.operation == "Query":
            yield from _read(items, pattern, [request for call in drawn for request in call.requests])


def _read(items: Items, pattern: AccessPattern, requests: Sequence[Request]) -> Iterator[_Found]:
    """What the requests of a Query read: items of one item collection, of whichever entity."""
    table, condition = items.design.table_for(pattern), query_condition(items.design, pattern)
    keys, sort = keys_of(items, table.name, pattern.index), table.keys(pattern.index)[1]
    collections: dict[tuple[str, int], list[tuple[tuple[Any, ...], int]]] = {}
    for values in map(bound_values, requests):
        number = keys.number(tuple(values[name] for _, name in condition.partition))
        for name, numbers in keys.of.items() if number >= 0 else ():
            if (name, number) not in collections:
                collections[name, number] = _in_order(items.entities[name], np.flatnonzero(numbers == number), sort)
            places = reached_items(collections[name, number], pattern, condition, values)
            yield _Found(name, places, (pattern.index, number))


def _in_order(entity: EntityItems, members: Ints, sort: Sequence[str]) -> list[tuple[tuple[Any, ...], int]]:
    """Sort keys and places of an item collection, in the order of the sort key."""
    if not len(members):  # an entity that is not in the index may have no such attribute
        return []
    keys = zip(*(entity.columns[name].take(members) for name in sort), strict=True) if sort else [()] * len(members)
    return sorted(zip(keys, members.tolist(), strict=True))


def reached_items(
    collection: Sequence[tuple[tuple[Any, ...], int]],
    pattern: AccessPattern,
    condition: KeyCondition,
    values: Mapping[str, Any],
) -> Ints:
    """The places of a collection's items that a request reads, in the order in which it reads them."""
    found = [place for key, place in collection if satisfies(key, condition.sort, values)]
    found = found[::-1] if pattern.descending else found
    limit, pages = pattern.limit, pattern.page_limit
    return np.array(found[: limit * pages + 1 if limit and pages else None], dtype=np.int64)
