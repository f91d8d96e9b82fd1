"""Partitions: how items and requests spread over them, and which partition key is hot.

A partition holds at most 10 GB and serves 3,000 read units and 1,000 write units a second; so does each partition of
a global index. An even spread of items says nothing about the spread of requests: a table keyed by day holds as much
under each day, and writes all of today's items to today's key. (AWS: bp-partition-key-uniform-load.)

Spreads are computed from all items and exact popularities. Partitions are simulated: equal ranges of the hash ring of
`ring`, each key's items together. A new on-demand table has four of them.
"""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Literal

import numpy as np

from workbench import limits
from workbench.columns import Ints
from workbench.design import AccessPattern, Design
from workbench.items import Items, items_of
from workbench.load import Demand, Kind, demands
from workbench.ring import PartitionKeys, keys_of
from workbench.spreads import ItemSpread, PatternLoad, RequestSpread

At = Literal["peak", "rate"]
NEW_TABLE_PARTITIONS = limits.ON_DEMAND_WRITE_UNITS // limits.PARTITION_WRITE_UNITS


def item_spread(
    items: Items | Design,
    table: str,
    index: str | None = None,
    *,
    partitions: int = NEW_TABLE_PARTITIONS,
    hash_seed: int | None = None,
) -> ItemSpread:
    """How all items of a table, or their entries in an index, spread over partition keys and simulated partitions.

    `hash_seed` places the keys on another ring. ValueError names the tables and indexes that there are.
    """
    keys = keys_of(items_of(items), table, index)
    return spread_items(keys, keys.placed(partitions, hash_seed), partitions, hash_seed)


def spread_items(keys: PartitionKeys, placed: Ints, partitions: int, hash_seed: int | None = None) -> ItemSpread:
    """The item spread of a table or index whose keys and their partitions are given.

    Keys that only requests have, have no items.
    """
    name = keys.index.name if keys.index else None
    return ItemSpread(keys.table.name, name, keys.labels(), *keys.held(), placed, partitions, hash_seed)


def request_spread(
    items: Items | Design,
    table: str,
    index: str | None = None,
    *,
    pattern: str | Sequence[str] | None = None,
    partitions: int = NEW_TABLE_PARTITIONS,
    at: At = "peak",
    hash_seed: int | None = None,
) -> RequestSpread:
    """What the access patterns ask of each partition key of a table or global index, a second, at peak or mean rate.

    All patterns with a rate that some key serves, or those named by `pattern`. ValueError for a name that is unknown,
    a pattern without a rate, and a local index, which has no partitions of its own.
    """
    if at not in ("peak", "rate"):
        raise ValueError(f"at={at!r}: either 'peak' (the highest rate, for limits) or 'rate' (the mean, for cost)")
    items = items_of(items)
    keys = keys_of(items, table, index)
    if index is not None and keys.ring_index is None:
        raise ValueError(f"index {index} is local: it stands on the partitions of table {table}; ask for the table's")
    found = [demand for each in _patterns(items.design, pattern) for demand in demands(keys, each, rate_at(each, at))]
    placed = keys.placed(partitions, hash_seed)
    return RequestSpread(table, index, at, keys.labels(), placed, partitions, summed(found), hash_seed)


def rate_at(pattern: AccessPattern, at: At) -> float:
    """A pattern's calls a second at the peak or on average."""
    return (pattern.peak_rate if at == "peak" else pattern.rate) or 0.0


def _patterns(design: Design, wanted: str | Sequence[str] | None) -> list[AccessPattern]:
    """The patterns that make up a load: those named, else all that are served and have a rate."""
    if wanted is None:
        return [pattern for pattern in design.served_patterns() if pattern.peak_rate]
    found = []
    for name in [wanted] if isinstance(wanted, str) else wanted:
        if name not in design.access_patterns:
            near = get_close_matches(name, design.access_patterns, 1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{design.name} has no access pattern {name!r}{meant}")
        found.append(design.access_patterns[name])
        if found[-1].peak_rate is None or found[-1].unserved is not None:
            why = "no key serves it" if found[-1].unserved is not None else "give it a rate, as 20/s"
            raise ValueError(f"access pattern {name} is no part of a load: {why}")
    return found


def summed(found: Sequence[Demand]) -> tuple[PatternLoad, ...]:
    """Demands summed up by access pattern, kind and key."""
    return tuple(_loads(found))


def _loads(found: Sequence[Demand]) -> Iterator[PatternLoad]:
    together: dict[tuple[str, Kind], list[Demand]] = {}
    for demand in found:
        together.setdefault((demand.pattern, demand.kind), []).append(demand)
    for (pattern, kind), mine in together.items():
        numbers = np.concatenate([demand.keys for demand in mine])
        requests = np.concatenate([demand.requests for demand in mine])
        units = np.bincount(numbers, requests * np.concatenate([demand.units for demand in mine])).astype(float)
        keys = np.flatnonzero(units)
        if len(keys):
            yield PatternLoad(pattern, kind, keys, np.bincount(numbers, requests).astype(float)[keys], units[keys])
