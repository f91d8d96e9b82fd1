"""Outcomes: what one call of an access pattern may consume on a table and its indexes, and how often it does.

A call for one item costs what that item costs, as often as the item is asked for; a Query what its item collection
does; a Scan always the same. So the units of a call are a distribution, and it follows from the items and their
popularity. Three things are drawn, with the items' seed: items that do not exist yet; the calls of a Query whose reach
depends on its values or ends at a limit; the members of batches and transactions, taken independently of each other,
those of one batch all different.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from workbench.bundles import Drawn, Pool, draw_bundles
from workbench.changes import Member, change, entry_units, is_charged, member_weights, members, table_units
from workbench.columns import Floats, Ints, Mask
from workbench.design import AccessPattern, Action
from workbench.fields import stream
from workbench.items import Items
from workbench.load import asked_collections, reads_one_item
from workbench.picks import drawn_items, new_items
from workbench.reach import certain_reach, collection_sizes, page_units, query_condition, read_factor
from workbench.readings import Readings
from workbench.requests import draw_calls, overrides
from workbench.ring import PartitionKeys, keys_of
from workbench.schema import Table

TableIndex = tuple[str, str]  # a table and one of its indexes, '' for the table itself
NEW_ITEMS = 5_000
CALLS = 4_000  # of batches and transactions
QUERIES = 500  # calls of a Query, each read item by item


@dataclass(frozen=True)
class PerCall:
    """Units of one call: mean, median, 95th percentile and the most that it can be."""

    mean: float
    p50: float
    p95: float
    most: float


@dataclass(frozen=True)
class Outcomes:
    """What a call may cost, outcome by outcome: the share of calls, and units by index. `basis` says what of."""

    shares: Floats
    by_index: dict[TableIndex, Floats]
    basis: str
    bounds: "dict[TableIndex | None, float] | None" = None

    @cached_property
    def total(self) -> Floats:
        """Units of the table and all indexes together."""
        return sum(self.by_index.values(), np.zeros(len(self.shares)))

    @property
    def possible(self) -> bool:
        """Whether there is anything that a call may be for."""
        return bool(self.shares.any())

    def per_call(self, where: TableIndex | None = None) -> PerCall:
        """The distribution of units, on a table or index or in total; a quantile is the least value with its share."""
        found = distribution(self.total if where is None else self.by_index[where], self.shares)
        most = (self.bounds or {}).get(where, found.most)
        return PerCall(found.mean, found.p50, found.p95, max(most, found.most))


def distribution(units: Floats, shares: Floats) -> PerCall:
    """Mean and quantiles of units, which come in halves, weighted by shares.

    >>> distribution(np.array([1.0, 2.0, 7.5]), np.array([0.5, 0.45, 0.05]))
    PerCall(mean=1.775, p50=1.0, p95=2.0, most=7.5)
    """
    weights = np.bincount(np.rint(units * 2).astype(np.int64), shares)
    weights /= weights.sum()
    p50, p95 = (np.searchsorted(np.cumsum(weights), [0.5 - 1e-9, 0.95 - 1e-9]) / 2).tolist()
    return PerCall(float(np.arange(len(weights)) @ weights) / 2, p50, p95, float(np.flatnonzero(weights)[-1]) / 2)


class Costs:
    """The outcomes of the access patterns of a design, over its items."""

    def __init__(self, items: Items):
        self.items = items
        self._keys: dict[TableIndex, PartitionKeys] = {}

    def outcomes(self, pattern: AccessPattern) -> Outcomes:
        """What a call of a pattern may cost."""
        if not is_charged(pattern):
            return Outcomes(np.ones(1), {}, "refused before anything is read")
        if pattern.operation == "Scan":
            return self._scan(pattern)
        if pattern.operation == "Query":
            return self._query(pattern)
        found = list(members(self.items, pattern))
        if len(found) == 1 and found[0].count is None:
            return self._single(pattern, found[0])
        return self._bundle(pattern, found)

    def keys(self, table: Table, index: str | None) -> PartitionKeys:
        """The partition keys of a table or global index; a local one has the table's."""
        ring = index if index in table.gsi else None
        if (table.name, ring or "") not in self._keys:
            self._keys[table.name, ring or ""] = keys_of(self.items, table.name, ring)
        return self._keys[table.name, ring or ""]

    # Single items, and bundles of them

    def _single(self, pattern: AccessPattern, member: Member) -> Outcomes:
        pool = self.pool(pattern, member)
        basis = f"all {len(pool.entity):,} items"
        if pool.entity is not self.items.entities[member.entity]:
            basis = f"{len(pool.entity):,} new items drawn"
        return Outcomes(pool.shares, self._by_index(pattern, pool), basis)

    def pool(self, pattern: AccessPattern, member: Member) -> Pool:
        """The items that a member of a request may be for: those that exist, or new ones, drawn."""
        if member.is_new and not self.items.design.entities[member.entity].rows:
            rng = stream(self.items.seed, "expected", pattern.name, member.entity)
            drawn = new_items(self.items, pattern, member.entity, NEW_ITEMS, rng)
            return Pool(member, drawn, np.full(len(drawn), 1 / max(len(drawn), 1)))
        return Pool(member, self.items.entities[member.entity], member_weights(self.items, pattern, member))

    def _by_index(self, pattern: AccessPattern, pool: Pool) -> dict[TableIndex, Floats]:
        """Units of a request for each item of a pool, on its table and on each index that it changes."""
        done, table = change(self.items, pattern, pool.member, pool.entity), pool.entity.table
        by_index = {(table.name, ""): table_units(pattern, pool.member, done)}
        for name, index in table.indexes.items():
            removed, added = entry_units(pattern, pool.member, done, index)
            if removed.any() or added.any():
                by_index[table.name, name] = removed + added
        return by_index

    def _bundle(self, pattern: AccessPattern, found: Sequence[Member]) -> Outcomes:
        """Calls of a batch or transaction, drawn, and added up over their members."""
        pools = self._pools(pattern, found)
        if not pools:
            return Outcomes(np.zeros(0), {}, "")
        drawn, made = self._drawn_bundles(pattern, pools)
        by_index, bounds = dict[TableIndex, Floats](), dict[TableIndex | None, float]()
        for pool, items in zip(pools, drawn, strict=True):
            own = self._by_index(pattern, pool)
            total: Floats = sum(own.values(), np.zeros(len(pool.entity)))
            for where, units in own.items():
                by_index[where] = by_index.get(where, np.zeros(CALLS)) + np.bincount(
                    items.calls, units[items.places], CALLS
                )
            for where, units in {**own, None: total}.items():
                bounds[where] = bounds.get(where, 0.0) + _most(pool.member, units[pool.shares > 0])
        limited = any(items.grouped for items in drawn)
        return Outcomes(made / max(made.sum(), 1), by_index, f"{CALLS:,} calls drawn", None if limited else bounds)

    def _pools(self, pattern: AccessPattern, found: Sequence[Member]) -> list[Pool]:
        """The items that the members of a request may be for; none if one that is needed has none."""
        pools = [self.pool(pattern, member) for member in found]
        if not all(pool.shares.any() or _is_optional(pool.member) for pool in pools):
            return []
        return [pool for pool in pools if pool.shares.any()]

    def _drawn_bundles(self, pattern: AccessPattern, pools: Sequence[Pool]) -> tuple[list[Drawn], Mask]:
        return draw_bundles(self.items, pattern, pools, CALLS, stream(self.items.seed, "calls", pattern.name))

    def bytes_over(self, pattern: AccessPattern, most: int) -> Floats:
        """Bytes of all items of each call of a batch or transaction, drawn; none if no call may come to over `most`."""
        pools = self._pools(pattern, list(members(self.items, pattern)))
        if sum(_most(pool.member, pool.entity.sizes[pool.shares > 0]) for pool in pools) <= most:
            return np.zeros(0)
        drawn, made = self._drawn_bundles(pattern, pools)
        size = np.zeros(CALLS)
        for pool, found in zip(pools, drawn, strict=True):
            size += np.bincount(found.calls, pool.entity.sizes[found.places], CALLS)
        return size[made]

    # Query and Scan

    def _scan(self, pattern: AccessPattern) -> Outcomes:
        table = self.items.design.table_for(pattern)
        keys, index = self.keys(table, pattern.index), table.indexes.get(pattern.index or "")
        count, size, fetched = (part.sum() for part in collection_sizes(keys, pattern, None, index))
        parts = pattern.segments
        units = parts * page_units(count / parts, size / parts, limit=pattern.limit, pages=pattern.page_limit)
        most = parts * (pattern.limit or np.inf) * (pattern.page_limit or np.inf)
        read = [np.array([units]), np.array([fetched * min(1.0, most / max(count, 1))])]
        return Outcomes(
            np.ones(1), _read_by_index(table, pattern, *read), "the whole " + ("index" if index else "table")
        )

    def _query(self, pattern: AccessPattern) -> Outcomes:
        table, condition = self.items.design.table_for(pattern), query_condition(self.items.design, pattern)
        keys, index = self.keys(table, pattern.index), table.indexes.get(pattern.index or "")
        places, shares, asked = asked_collections(keys, pattern)
        if pattern.target in ("new", "missing") or any(numbers is None for numbers in asked):
            return self._drawn_query(pattern, keys)
        words = f"all {len(places):,} items that are asked for"
        if reads_one_item(pattern, condition) and not pattern.for_each:
            entity = self.items.entities[self.items.design.addressed(pattern)[0].name]
            units = page_units(1, entity.sizes[places])
            return Outcomes(shares, _read_by_index(table, pattern, units, np.zeros(len(places))), words)
        if pattern.limit or pattern.page_limit or None in certain_reach(keys, pattern, condition).values():
            return self._drawn_query(pattern, keys)
        count, size, fetched = collection_sizes(keys, pattern, condition, index)
        own = page_units(count, size)
        read = [sum((units[numbers] for numbers in asked), np.zeros(len(places))) for units in (own, fetched)]
        return Outcomes(shares, _read_by_index(table, pattern, *read), words)

    def _drawn_query(self, pattern: AccessPattern, keys: PartitionKeys) -> Outcomes:
        """Calls of a Query, drawn as a run draws them, and read item by item."""
        readings, seed = Readings(keys, pattern), self.items.seed
        asked = drawn_items(self.items, pattern, QUERIES, seed=seed)
        fixed = overrides(self.items, pattern, self.items.entities[asked.name])
        each = [units for o in fixed if (units := readings.units_for(asked, o)) is not None]
        if len(each) < len(fixed):  # some values are drawn for each request
            calls = draw_calls(self.items, pattern, QUERIES, seed=seed)
            each = [np.array([np.sum([readings.units(r) for r in call.requests], axis=0) for call in calls])]
        read: Floats = np.sum(each, axis=0).reshape(-1, 2)
        by_index = _read_by_index(keys.table, pattern, read[:, 0], read[:, 1])
        return Outcomes(np.full(len(read), 1 / max(len(read), 1)), by_index, f"{len(read):,} calls drawn")


def _read_by_index(table: Table, pattern: AccessPattern, own: Floats, fetched: Floats) -> dict[TableIndex, Floats]:
    """The units of a read: of the table or index itself, and of what a local index gets from its table."""
    factor = read_factor(pattern)
    by_index = {(table.name, pattern.index or ""): own * factor}
    if fetched.any():
        by_index = {(table.name, ""): np.ceil(fetched) * factor, **by_index}
    return by_index


# Batches and transactions


def _is_optional(member: Member) -> bool:
    """Whether a call goes without it where no item fits: an action that is for a number of items."""
    return isinstance(member.part, Action) and member.count is not None


def _most(member: Member, units: Floats | Ints) -> float:
    """The most units, or bytes, that a member comes to: its largest items, all different unless they are new."""
    count = int(member.count.most) if member.count else 1
    if member.is_new:
        return count * float(units.max(initial=0))
    return float(np.sort(units)[::-1][:count].sum())
