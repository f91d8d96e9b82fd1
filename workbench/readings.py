"""Readings: what one request of a Query reads, item by item.

The items of a collection stand in the order of their sort key, so what a key condition reaches is a stretch of them:
from the first that it allows to the last, or from one end of it as many as the limit and the pages take.
(AWS: Query.KeyConditionExpressions, Query.Pagination, LSI.Reading.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, cast

import numpy as np

from workbench import capacity
from workbench.bindings import bound
from workbench.columns import Floats, Ints, combine
from workbench.design import AccessPattern
from workbench.entities import EntityItems
from workbench.reach import SortKey, bound_values, certain_reach, fetches, grouped, page_units, query_condition, stretch
from workbench.requests import Request
from workbench.ring import UNMET, PartitionKeys, entry_sizes, is_in, projected

MEMBERS = 20_000  # items of a collection that are looked at; of a larger one evenly so many


@dataclass(frozen=True)
class _Collection:
    """The items of a collection in order, each standing for `times`: running sums of bytes and of units to fetch."""

    order: list[SortKey]
    bytes: Floats
    fetched: Floats
    times: float


class Readings:
    """The item collections that a Query reads."""

    def __init__(self, keys: PartitionKeys, pattern: AccessPattern):
        self.keys, self.pattern = keys, pattern
        self.index = keys.table.indexes.get(pattern.index or "")
        self.sort = keys.table.keys(pattern.index)[1]
        self.condition = query_condition(keys.items.design, pattern)
        self.fetches = self.index is not None and fetches(pattern, projected(keys.table, self.index))
        self._known: dict[int, _Collection] = {}
        self._members = {e.name: grouped(np.where(is_in(e, self.index), keys.of[e.name], UNMET)) for e in self._here}

    @cached_property
    def _here(self) -> list[EntityItems]:
        """The entities of which the key condition may reach any items."""
        reached = certain_reach(self.keys, self.pattern, self.condition)
        return [e for e in self.keys.items.in_table(self.keys.table.name) if reached.get(e.name) != 0]

    def units(self, request: Request) -> tuple[float, float]:
        """Strongly consistent read units of a request: of what it reads, and of what a local index fetches."""
        return self._units(bound_values(request))

    def units_for(self, asked: EntityItems, override: Mapping[str, Any]) -> Floats | None:
        """The units of a request for each of some items, a line each; None where its values are drawn for each."""
        items, stated = self.keys.items, self.pattern.values
        names = [*(name for _, name in self.condition.partition), *(n for c in self.condition.sort for n in c.values)]
        columns = {name: bound(items, asked, name, stated, override) for name in names}
        known = {name: column for name, column in columns.items() if column is not None}
        if len(known) < len(columns) or any((column.codes < 0).any() for column in known.values()):
            return None
        if self._whole is not None:
            partition = [known[name] for _, name in self.condition.partition]
            numbers = self.keys.numbers(partition, least=len(asked) + 1)  # none is added
            return np.where((numbers == UNMET)[:, None], [1.0, 0.0], self._whole[numbers])
        codes = combine([column.codes for column in known.values()], len(asked))
        _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
        values = zip(*(column.take(first) for column in known.values()), strict=True)
        each = [self._units(dict(zip(known, value, strict=True))) for value in values]
        return np.array(each, dtype=float).reshape(-1, 2)[inverse.reshape(len(asked))]

    @cached_property
    def _whole(self) -> Floats | None:
        """The units of each collection, a line each, where all of it is reached and it holds one kind of item."""
        reached = certain_reach(self.keys, self.pattern, self.condition)
        here = [e for e in self._here if (is_in(e, self.index) & (self.keys.of[e.name] != UNMET)).any()]
        if len(here) != 1 or reached[here[0].name] != 1:
            return None
        entity, numbers = here[0], np.where(is_in(here[0], self.index), self.keys.of[here[0].name], UNMET)
        order = np.lexsort((*(entity.columns[name].codes for name in reversed(self.sort)), numbers))
        starts = np.searchsorted(numbers[order], np.arange(len(self.keys) + 1))
        limit, pages = self.pattern.limit, self.pattern.page_limit
        taken = np.minimum(np.diff(starts), limit * pages if limit and pages else len(entity))
        begin = starts[1:] - taken if self.pattern.descending else starts[:-1]
        amounts = (entry_sizes(entity, self.index), self._fetched(entity, np.arange(len(entity))))
        running = [np.concatenate([[0.0], np.cumsum(amount[order])]) for amount in amounts]
        size, fetched = (sums[begin + taken] - sums[begin] for sums in running)
        return np.stack([page_units(taken, size, limit=limit, pages=pages), fetched], axis=1)

    def _units(self, values: Mapping[str, Any]) -> tuple[float, float]:
        number = self.keys.number(tuple(values[name] for _, name in self.condition.partition))
        if number == UNMET:
            return 1.0, 0.0
        found = self._collection(number)
        first, last = stretch(found.order, self.condition.sort, values)
        return self._read(found, first, last)

    def _read(self, found: _Collection, first: int, last: int) -> tuple[float, float]:
        """Units of reading a stretch of a collection, from its beginning or its end, as far as the limit goes."""
        limit, pages = self.pattern.limit, self.pattern.page_limit
        most = limit * pages if limit and pages else None
        count = (last - first) * found.times
        if most is not None and most < count:
            taken, count = max(1, round(most / found.times)), most
            first, last = (last - taken, last) if self.pattern.descending else (first, first + taken)
        share = count / max(last - first, 1)
        size, fetched = (float(sums[last] - sums[first]) * share for sums in (found.bytes, found.fetched))
        return float(page_units(count, size, limit=limit, pages=pages)), fetched

    def _collection(self, number: int) -> _Collection:
        if number not in self._known:
            self._known[number] = self._sorted(number)
        return self._known[number]

    def _sorted(self, number: int) -> _Collection:
        members = {name: places[starts[number] : starts[number + 1]] if number + 1 < len(starts) else places[:0]
                   for name, (places, starts) in self._members.items()}  # fmt: skip
        total = sum(map(len, members.values()))
        every = max(1, -(-total // MEMBERS))
        parts = [(entity, members[entity.name][::every]) for entity in self._here if len(members[entity.name])]
        if not parts:
            return _Collection([], np.zeros(1), np.zeros(1), times=1.0)
        order = list(chain.from_iterable(self._sort_keys(entity, places) for entity, places in parts))
        size = np.concatenate([entry_sizes(entity, self.index)[places] for entity, places in parts])
        fetched = np.concatenate([self._fetched(entity, places) for entity, places in parts])
        ranks = sorted(range(len(order)), key=order.__getitem__)
        running = [np.concatenate([[0.0], np.cumsum(values[ranks])]) for values in (size, fetched)]
        return _Collection([order[rank] for rank in ranks], *running, times=total / max(len(order), 1))

    def _sort_keys(self, entity: Any, places: Ints) -> list[SortKey]:
        if not len(places) or not self.sort:
            return [()] * len(places)
        return list(zip(*(entity.columns[name].take(places) for name in self.sort), strict=True))

    def _fetched(self, entity: Any, places: Ints) -> Floats:
        if not self.fetches:
            return np.zeros(len(places))
        return np.asarray(capacity.read_units(cast(Any, entity.sizes[places]), consistent=True), dtype=float)
