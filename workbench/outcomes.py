"""Outcomes: what one call of an access pattern may consume on each arm, and how often it does.

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
from numpy.typing import NDArray

from workbench.changes import Member, change, entry_units, is_charged, member_weights, members, table_units
from workbench.columns import Ints
from workbench.design import AccessPattern, Action, Table
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.items import Items
from workbench.load import asked_collections, reads_one_item
from workbench.reach import certain_reach, collection_sizes, page_units, query_condition, read_factor
from workbench.readings import Readings
from workbench.requests import draw_calls
from workbench.ring import PartitionKeys
from workbench.targets import draw_places

Floats = NDArray[np.float64]
Arm = tuple[str, str]  # a table and one of its indexes, '' for the table itself
NEW_ITEMS = 5_000
CALLS = 5_000  # of batches and transactions
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
    """What a call may cost, outcome by outcome: the share of calls, and units by arm. `basis` says what of."""

    shares: Floats
    arms: dict[Arm, Floats]
    basis: str
    bounds: "dict[Arm | None, float] | None" = None

    @cached_property
    def total(self) -> Floats:
        """Units of all arms together."""
        return sum(self.arms.values(), np.zeros(len(self.shares)))

    @property
    def possible(self) -> bool:
        """Whether there is anything that a call may be for."""
        return bool(self.shares.any())

    def per_call(self, arm: Arm | None = None) -> PerCall:
        """The distribution of units on an arm, or in total; a quantile is the smallest value that reaches its share."""
        found = distribution(self.total if arm is None else self.arms[arm], self.shares)
        most = (self.bounds or {}).get(arm, found.most)
        return PerCall(found.mean, found.p50, found.p95, max(most, found.most))


def distribution(units: Floats, shares: Floats) -> PerCall:
    """Mean and quantiles of units, which come in halves, weighted by shares.

    >>> distribution(np.array([1.0, 2.0, 7.5]), np.array([0.5, 0.45, 0.05]))
    PerCall(mean=1.775, p50=1.0, p95=2.0, most=7.5)
    """
    weights = np.bincount(np.rint(units * 2).astype(np.int64), shares)
    running = np.cumsum(weights) / weights.sum()
    p50, p95 = (np.searchsorted(running, [0.5 - 1e-9, 0.95 - 1e-9]) / 2).tolist()
    return PerCall(float(units @ shares / shares.sum()), p50, p95, float(np.flatnonzero(weights)[-1]) / 2)


class Costs:
    """The outcomes of the access patterns of a design, over its items."""

    def __init__(self, items: Items):
        self.items = items
        self._keys: dict[Arm, PartitionKeys] = {}

    def outcomes(self, pattern: AccessPattern) -> Outcomes:
        """What a call of a pattern may cost."""
        if not is_charged(pattern):
            return Outcomes(np.ones(1), {}, "refused before anything is read")
        if pattern.operation == "Scan":
            return self._scan(pattern)
        if pattern.operation == "Query":
            return self._query(pattern)
        found = [(member, self._member(pattern, member)) for member in members(self.items, pattern)]
        if len(found) == 1 and found[0][0].count is None:
            return found[0][1]
        return _together(found, stream(self.items.seed, "calls", pattern.name))

    def keys(self, table: Table, index: str | None) -> PartitionKeys:
        """The partition keys of a table or global index; a local one has the table's."""
        ring = index if index in table.gsi else None
        if (table.name, ring or "") not in self._keys:
            self._keys[table.name, ring or ""] = PartitionKeys(self.items, table.name, ring)
        return self._keys[table.name, ring or ""]

    # Single items

    def _member(self, pattern: AccessPattern, member: Member) -> Outcomes:
        entity, shares, basis = self._asked(pattern, member)
        done, table = change(self.items, pattern, member, entity), entity.table
        arms = {(table.name, ""): table_units(pattern, member, done)}
        for name, index in table.indexes.items():
            units = sum(entry_units(pattern, member, done, index))
            if np.any(units):
                arms[table.name, name] = np.asarray(units)
        return Outcomes(shares, arms, basis)

    def _asked(self, pattern: AccessPattern, member: Member) -> tuple[EntityItems, Floats, str]:
        """The items that a member may be for, the share of each, and what they are, in words."""
        existing = self.items.entities[member.entity]
        if member.is_new and not self.items.design.entities[member.entity].rows:
            rng = stream(self.items.seed, "expected", pattern.name, member.entity)
            drawn = self.items.new(member.entity, NEW_ITEMS, rng)
            return drawn, np.full(len(drawn), 1 / max(len(drawn), 1)), f"{NEW_ITEMS:,} new items drawn"
        return existing, member_weights(self.items, pattern, member), f"all {len(existing):,} items"

    # Query and Scan

    def _scan(self, pattern: AccessPattern) -> Outcomes:
        table = self.items.design.table_for(pattern)
        keys, index = self.keys(table, pattern.index), table.indexes.get(pattern.index or "")
        count, size, fetched = (part.sum() for part in collection_sizes(keys, pattern, None, index))
        parts = pattern.segments
        units = parts * page_units(count / parts, size / parts, limit=pattern.limit, pages=pattern.page_limit)
        most = parts * (pattern.limit or np.inf) * (pattern.page_limit or np.inf)
        read = [np.array([units]), np.array([fetched * min(1.0, most / max(count, 1))])]
        return Outcomes(np.ones(1), _read_arms(table, pattern, *read), "the whole " + ("index" if index else "table"))

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
            return Outcomes(shares, _read_arms(table, pattern, units, np.zeros(len(places))), words)
        if pattern.limit or pattern.page_limit or None in certain_reach(keys, pattern, condition).values():
            return self._drawn_query(pattern, keys)
        count, size, fetched = collection_sizes(keys, pattern, condition, index)
        own = page_units(count, size)
        read = [sum((units[numbers] for numbers in asked), np.zeros(len(places))) for units in (own, fetched)]
        return Outcomes(shares, _read_arms(table, pattern, *read), words)

    def _drawn_query(self, pattern: AccessPattern, keys: PartitionKeys) -> Outcomes:
        """Calls of a Query, drawn as a run draws them, and read item by item."""
        readings, calls = Readings(keys, pattern), draw_calls(self.items, pattern, QUERIES, seed=self.items.seed)
        read = np.array([np.sum([readings.units(r) for r in call.requests], axis=0) for call in calls]).reshape(-1, 2)
        arms = _read_arms(keys.table, pattern, read[:, 0], read[:, 1])
        return Outcomes(np.full(len(calls), 1 / max(len(calls), 1)), arms, f"{len(calls):,} calls drawn")


def _read_arms(table: Table, pattern: AccessPattern, own: Floats, fetched: Floats) -> dict[Arm, Floats]:
    """The arms of a read: of the table or index itself, and of what a local index gets from its table."""
    factor = read_factor(pattern)
    arms = {(table.name, pattern.index or ""): own * factor}
    if fetched.any():
        arms = {(table.name, ""): np.ceil(fetched) * factor, **arms}
    return arms


# Batches and transactions


def _together(found: Sequence[tuple[Member, Outcomes]], rng: np.random.Generator) -> Outcomes:
    """The outcomes of calls with several members, each drawn on its own."""
    arms: dict[Arm, Floats] = {}
    bounds: dict[Arm | None, float] = {}
    possible = all(each.possible or _is_optional(member) for member, each in found)
    for member, each in found if possible else ():
        if not each.possible:
            continue
        calls, places = _draw_members(member, each.shares, rng)
        for arm, units in {**each.arms, None: each.total}.items():
            bounds[arm] = bounds.get(arm, 0.0) + _most(member, units[each.shares > 0])
            if arm is not None:
                arms[arm] = arms.get(arm, np.zeros(CALLS)) + np.bincount(calls, units[places], CALLS)
    return Outcomes(np.full(CALLS, float(possible) / CALLS), arms, f"{CALLS:,} calls drawn", bounds)


def _is_optional(member: Member) -> bool:
    """Whether a call goes without it where no item fits: an action that is for a number of items."""
    return isinstance(member.part, Action) and member.count is not None


def _draw_members(member: Member, shares: Floats, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """For each item that a member of the drawn calls is for: the call, and the item's place."""
    if member.count is None:  # evenly over all shares, so that means come out nearly exact
        even = (rng.permutation(CALLS) + rng.random(CALLS)) / CALLS
        running = np.cumsum(shares)
        return np.arange(CALLS), np.minimum(np.searchsorted(running, even * running[-1], side="right"), len(shares) - 1)
    counts = member.count.draw(rng, CALLS)
    if member.is_new:
        return np.repeat(np.arange(CALLS), counts), draw_places(shares, int(counts.sum()), rng)
    return _different(shares, np.minimum(counts, np.count_nonzero(shares)), rng)


def _different(shares: Floats, counts: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """For each call so many different items by their shares: those drawn first, what was drawn before left out."""
    most = int(counts.max(initial=0))
    drawn = draw_places(shares, len(counts) * (4 * most + 8), rng).reshape(len(counts), -1)
    order = np.argsort(drawn, axis=1, kind="stable")
    ordered = np.take_along_axis(drawn, order, axis=1)
    is_first = np.ones(drawn.shape, dtype=bool)
    np.put_along_axis(is_first, order[:, 1:], ordered[:, 1:] != ordered[:, :-1], axis=1)
    taken = is_first & (np.cumsum(is_first, axis=1) <= counts[:, None])
    calls, columns = np.nonzero(taken)
    places = drawn[calls, columns]
    short = np.flatnonzero(taken.sum(axis=1) < counts)  # a few items have nearly all requests: the others follow
    if not len(short):
        return calls, places
    others = draw_places(shares, most, rng, distinct=True)
    kept = ~np.isin(calls, short)
    again = [others[: counts[call]] for call in short]
    return (
        np.concatenate([calls[kept], np.repeat(short, counts[short])]),
        np.concatenate([places[kept], *again]),
    )


def _most(member: Member, units: Floats) -> float:
    """The most units that a member comes to: its largest items, all different unless they are new."""
    count = int(member.count.most) if member.count else 1
    if member.is_new:
        return count * float(units.max(initial=0))
    return float(np.sort(units)[::-1][:count].sum())
