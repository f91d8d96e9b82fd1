"""The load: which partition keys the requests of an access pattern fall on, and the units that each costs.

All of it follows from the design and its items, before anything runs. A request for one item falls on that item's
partition key; a Query falls on one item collection and pays for what its key condition reaches there, filtered away
or not; a Scan falls on everything. A write falls on the table, and for each entry that it adds, removes or changes in
a global index on the key that this entry has there: an index has a ring and partitions of its own.
(AWS: bp-partition-key-design, GSI.ThroughputConsiderations, read-write-operations.)

Shares of requests are exact where popularity decides; for items that do not exist yet and for ranges of sort keys they
are estimated from a sample, drawn with the items' seed. Members of a transaction are taken each by its own popularity.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from workbench.arrivals import Asked, behind, new_items
from workbench.bindings import bound
from workbench.changes import Member, change, entry_units, member_weights, members, table_units
from workbench.columns import Floats, Ints
from workbench.design import AccessPattern
from workbench.entities import EntityItems
from workbench.key_conditions import KeyCondition
from workbench.picks import field_of, of_fields
from workbench.reach import collection_sizes, collection_units, drawn_values, page_units, query_condition, read_factor
from workbench.requests import overrides
from workbench.ring import UNMET, PartitionKeys
from workbench.targets import request_weights

Kind = Literal["read", "write"]


@dataclass(frozen=True)
class Demand:
    """Requests of one access pattern: on which key each part falls, how many a second, and the units of one."""

    pattern: str
    kind: Kind
    keys: Ints
    requests: Floats
    units: Floats

    @property
    def units_per_s(self) -> float:
        """Units a second, over all keys."""
        return float(self.requests @ self.units)


def demands(keys: PartitionKeys, pattern: AccessPattern, rate: float = 1.0) -> Iterator[Demand]:
    """What `rate` requests a second of a pattern ask of the table or global index whose keys are given.

    Nothing, if the pattern goes elsewhere. Keys that only requests have are added to `keys`.
    """
    if pattern.operation in _READS:
        if _reads_here(keys, pattern):
            yield from _READS[pattern.operation](keys, pattern, rate)
        return
    for member in members(keys.items, pattern):
        if keys.items.entities[member.entity].table.name == keys.table.name:
            yield from _member_demands(keys, pattern, member, rate * member.times)


def _reads_here(keys: PartitionKeys, pattern: AccessPattern) -> bool:
    """Whether a Query or Scan reads this table or global index; a local index stands on its table's ring."""
    ring = pattern.index if pattern.index in keys.table.gsi else None
    return keys.items.design.table_for(pattern).name == keys.table.name and ring == keys.ring_index


# Query and Scan


def _query(keys: PartitionKeys, pattern: AccessPattern, rate: float) -> Iterator[Demand]:
    design, items = keys.items.design, keys.items
    condition, entity = query_condition(design, pattern), items.entities[design.addressed(pattern)[0].name]
    places, shares, asked = asked_collections(keys, pattern)
    requests = rate * shares
    if any(numbers is None for numbers in asked):
        drawn = drawn_values(keys, pattern, condition)
        keys_drawn = [keys.number(tuple(v[n] for _, n in condition.partition), add=True) for v in drawn]
        requests = np.full(len(drawn), rate * len(asked) / max(len(drawn), 1))
        asked = [np.array(keys_drawn, dtype=np.int64)]
    units = collection_units(keys, pattern, condition)
    for numbers in asked:
        assert numbers is not None
        own = reads_one_item(pattern, condition) and len(numbers) == len(places)
        each = page_units(1, entity.sizes[places]) * read_factor(pattern) if own else units[numbers]
        yield Demand(pattern.name, "read", numbers, requests, each)


def asked_collections(keys: PartitionKeys, pattern: AccessPattern) -> tuple[Ints, Floats, list[Ints | None]]:
    """The items that a Query may be for, the share of calls for each, and the collection that each request reads.

    A call has one request or, with `for_each`, one for each value. None where the collection is drawn for each call.
    Keys that only requests have are added to `keys`.
    """
    design, items = keys.items.design, keys.items
    condition, entity = query_condition(design, pattern), items.entities[design.addressed(pattern)[0].name]
    weights = request_weights(items, pattern, entity)
    places = np.flatnonzero(weights)
    asked = [_collections(keys, pattern, entity, places, condition, o) for o in overrides(items, pattern, entity)]
    return places, weights[places], asked


def reads_one_item(pattern: AccessPattern, condition: KeyCondition) -> bool:
    """Whether a Query names the whole primary key of the item that is asked for."""
    equal = [term for term in condition.sort if term.operator == "="]
    return bool(equal) and pattern.index is None and equal[-1].values[0] not in pattern.values


def _collections(
    keys: PartitionKeys,
    pattern: AccessPattern,
    entity: EntityItems,
    places: Ints,
    condition: KeyCondition,
    override: Mapping[str, Any],
) -> Ints | None:
    """The key that a Query for each item names; None where its values are drawn anew for each request."""
    columns = [bound(keys.items, entity, name, pattern.values, override) for _, name in condition.partition]
    if all(c is entity.columns.get(a) for c, (a, _) in zip(columns, condition.partition, strict=True)):
        return keys.of[entity.name][places]  # each item's own key, which is known
    taken = [column.select(places) for column in columns if column is not None]
    if len(taken) < len(columns) or any((column.codes < 0).any() for column in taken):
        return None
    return keys.numbers(taken) if len(places) else np.zeros(0, dtype=np.int64)


def _scan(keys: PartitionKeys, pattern: AccessPattern, rate: float) -> Iterator[Demand]:
    """A Scan reads every key's items: its requests and units are shared out by bytes."""
    count, size, _ = collection_sizes(keys, pattern, None, keys.table.indexes.get(pattern.index or ""))
    if not size.any():
        return
    units = page_units(count.sum(), size.sum(), limit=pattern.limit, pages=pattern.page_limit) * read_factor(pattern)
    numbers = np.flatnonzero(size)
    shares = size[numbers] / size.sum()
    yield Demand(pattern.name, "read", numbers, rate * shares, np.full(len(numbers), float(units)))


_READS = {"Query": _query, "Scan": _scan}


# Requests for single items, alone or in batches and transactions


def _member_demands(keys: PartitionKeys, pattern: AccessPattern, member: Member, rate: float) -> Iterator[Demand]:
    if keys.index is not None and member.operation in ("Get", "ConditionCheck"):
        return  # only writes come to an index
    asked = _asked(keys, pattern, member)
    done = change(keys.items, pattern, member, asked.entity)
    if keys.index is not None:
        removed, added = entry_units(pattern, member, done, keys.index)
        yield _demand(keys, pattern, "write", asked, asked.keys, rate, removed)
        numbers = keys.under(done.after) if member.operation == "Update" and added.any() else asked.keys
        yield _demand(keys, pattern, "write", asked, numbers, rate, added)
        return
    units = table_units(pattern, member, done)
    for index in keys.table.lsi:  # entries in local indexes stand with their item, and load the same key
        units = units + sum(entry_units(pattern, member, done, keys.table.indexes[index]))
    yield _demand(keys, pattern, "read" if member.operation == "Get" else "write", asked, asked.keys, rate, units)


def _demand(
    keys: PartitionKeys, pattern: AccessPattern, kind: Kind, asked: Asked, numbers: Ints, rate: float, units: Any
) -> Demand:
    """The demand of requests with these units; those of keys not met yet are spread over the entity's keys."""
    units = np.asarray(units, dtype=float)
    costs = (asked.shares > 0) & (units > 0)
    numbers, requests, units = numbers[costs], rate * asked.shares[costs], units[costs]
    new = numbers == UNMET
    if new.any():
        others = np.unique(keys.of[asked.entity.name])
        others = others[others != UNMET]
        even = requests[new].sum()
        mean = requests[new] @ units[new] / even
        numbers = np.concatenate([numbers[~new], others])
        requests = np.concatenate([requests[~new], np.full(len(others), even / len(others))])
        units = np.concatenate([units[~new], np.full(len(others), mean)])
    return Demand(pattern.name, kind, numbers, requests, units)


def _asked(keys: PartitionKeys, pattern: AccessPattern, member: Member) -> Asked:
    existing, part = keys.items.entities[member.entity], keys.items.design.entities[member.entity]
    if member.is_new and not part.rows:
        named = {name: field_of(keys.items.design, part, name) for name in pattern.popularity}
        # Popularity of what is no field with values of its own, as a choice, is among the items that have each of them.
        among = [name for name, field in named.items() if field is None or not keys.items.source.is_identity(field)]
        if not among or behind(keys, existing).keys().isdisjoint(among):
            return new_items(keys, existing, of_fields(keys.items.design, part, pattern))
    return Asked(existing, keys.of[member.entity], member_weights(keys.items, pattern, member))
