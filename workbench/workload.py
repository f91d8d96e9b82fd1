"""The workload of a simulation: rings of partition keys, and what one request of each access pattern asks of them.

A table has a ring, and so has each global index: keys in the order of their hash. An access pattern has a stream on
every ring that it touches, which says for one request a second how often each key is asked and for how many units.
From a design it is all computed; `keyed` makes a workload of bare numbers, for what has no design: ten million keys.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench import limits
from workbench.changes import members
from workbench.columns import Floats, Ints
from workbench.design import AccessPattern, Design
from workbench.draws import address, words
from workbench.entities import EntityItems
from workbench.items import Items
from workbench.load import Demand, Kind, demands
from workbench.motions import Motion, motion, moving_period, pinned_by
from workbench.quantities import is_quantity
from workbench.reach import read_factor
from workbench.ring import UNMET, PartitionKeys, entry_sizes, keys_of
from workbench.schema import AutoScaling, Index, Provisioned, Table, Throughput

Hashes = NDArray[np.uint64]
_MOVING = 256  # keys that hold the present time: more of them spread evenly wherever they move
_PLACES = 77  # the stream of random numbers that places of numbered keys are drawn from
_CHUNK = 1 << 15  # keys that are hashed together: what a core keeps at hand
_PERIODS = {"minute": 60, "hour": 3600, "date": 86_400, "month": 2_592_000, "epoch": 1, "timestamp": 1}


@dataclass(frozen=True)
class Stream:
    """What one request a second of a pattern asks of the keys of a ring.

    `keys` are numbers of keys, None for all in order; `requests` how many a second come to each; `units` of one of
    them, for all alike or key by key. `eventual` reads are served by all replicas.
    """

    pattern: int
    kind: Kind
    requests: Floats
    units: float | Floats = 1.0
    keys: Ints | None = None
    eventual: bool = False
    motion: Motion = ""
    period_s: int = 0  # of a key that moves: how long it stays

    @cached_property
    def total_requests(self) -> float:
        """Requests a second over all keys."""
        return float(self.requests.sum())

    @cached_property
    def total_units(self) -> float:
        """Units a second over all keys."""
        if isinstance(self.units, np.ndarray):
            return float(self.requests @ self.units)
        return self.total_requests * self.units


@dataclass(frozen=True)
class Settings:
    """How much capacity a table or index is given: on demand, or provisioned with or without auto scaling."""

    mode: Literal["on-demand", "provisioned"] = "on-demand"
    units: Mapping[Kind, float] = field(default_factory=dict)  # provisioned, at first
    scaling: Mapping[Kind, AutoScaling] = field(default_factory=dict)
    most: Mapping[Kind, float] = field(default_factory=dict)  # on demand: the stated maximum
    warm: Mapping[Kind, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ring:
    """The partition keys of a table or global index, and the streams of requests on them.

    `hashes(seed)` gives each key's place, `label(number)` its text; `segments` into how many sort-key ranges a key's
    collection may be split (None: none of them), `pinned` why it may not.
    """

    table: str
    index: str | None
    count: int
    hashes: Callable[[int | None], Hashes]
    label: Callable[[int], str]
    streams: tuple[Stream, ...]
    settings: Settings = Settings()
    segments: Ints | None = None
    pinned: str = ""
    rising: Mapping[int, str] = field(default_factory=dict)  # keys that are pinned for their own reason
    bytes: Floats | None = None
    growth: Mapping[int, float] = field(default_factory=dict)  # bytes that a request of a pattern adds

    @property
    def name(self) -> str:
        """The table, or the index and its table."""
        return self.table if self.index is None else f"{self.index} of {self.table}"


@dataclass(frozen=True)
class PatternRate:
    """An access pattern's mean and highest rate, requests a second."""

    name: str
    rate: float
    peak: float


@dataclass(frozen=True)
class Workload:
    """Everything that a simulation needs to know of a design: patterns with their rates, and rings with streams."""

    name: str
    patterns: tuple[PatternRate, ...]
    rings: tuple[Ring, ...]  # each table's, followed by those of its global indexes
    notes: tuple[str, ...] = ()


# Without a design


def keyed(
    shares: ArrayLike,
    rate: float,
    *,
    kind: Kind = "write",
    units: float = 1.0,
    peak: float | None = None,
    table: str = "Table",
    pattern: str = "requests",
    settings: Settings | None = None,
) -> Workload:
    """A workload of one pattern on one table without a sort key, from the share of the requests that each key gets.

    ValueError if a share is negative or missing, or if they do not sum to 1.
    """
    popularity = np.asarray(shares, dtype=float)
    check_shares(popularity)
    if kind not in ("read", "write"):
        raise ValueError(f"kind={kind!r}: either 'read' or 'write'")
    if not is_quantity(units) or not units:
        raise ValueError(f"units={units!r}: the units of a request are a finite number above 0")
    check_rate(pattern, rate)
    check_rate(pattern, rate if peak is None else peak)
    count = len(popularity)
    stream = Stream(0, kind, popularity, units)
    ring = Ring(
        table, None, count, lambda seed: _numbered_hashes(count, seed), _number_label, (stream,), settings or Settings()
    )
    return Workload(table, (PatternRate(pattern, rate, rate if peak is None else peak),), (ring,))


def check_shares(shares: Floats) -> None:
    """ValueError unless shares of the requests are finite, not negative, and sum to 1."""
    if shares.ndim != 1 or not len(shares):
        raise ValueError("popularity needs a share for each key: [0.7, 0.2, 0.1]")
    if not np.isfinite(shares).all() or (shares < 0).any():
        raise ValueError("popularity: the share of each key is a number from 0 to 1")
    total = float(shares.sum())
    if abs(total - 1) > 1e-6:
        raise ValueError(f"popularity: the shares of {len(shares):,} keys sum to {total:.6g}, not to 1")


def check_rate(pattern: str, rate: float) -> None:
    """ValueError for a rate that is negative or infinite."""
    if not is_quantity(rate):
        raise ValueError(f"access pattern {pattern}: a rate of {rate!r}/s; a finite number from 0 is allowed")


def _numbered_hashes(count: int, seed: int | None) -> Hashes:
    start, found = address(0 if seed is None else seed, _PLACES), np.empty(count, dtype=np.uint64)
    for begin in range(0, count, _CHUNK):
        numbers = np.arange(begin, min(begin + _CHUNK, count), dtype=np.uint64)
        found[begin : begin + _CHUNK] = words(start, [0], numbers)[0]
    return found


def _number_label(number: int) -> str:
    return f"key {number + 1:,}"


# From a design


def workload(items: Items, patterns: Sequence[str] | None = None, table: str | None = None) -> Workload:
    """The workload of a design whose items are given: all patterns with a rate that some key serves, or those named.

    ValueError for names that are unknown, and if no request comes to a table that is named, or to any.
    """
    design = items.design
    chosen = _chosen(design, patterns)
    rates = tuple(PatternRate(p.name, p.rate or p.peak_rate or 0.0, p.peak_rate or 0.0) for p in chosen)
    for one in rates:
        check_rate(one.name, one.rate)
        check_rate(one.name, one.peak)
    if table is not None and table not in design.tables:
        raise ValueError(f"{design.name} has no table {table!r}; its tables are {', '.join(design.tables)}")
    rings = [
        ring
        for one in design.tables.values()
        if table in (None, one.name)
        for ring in _rings(items, one, chosen, rates)
    ]
    if not any(ring.streams for ring in rings):
        where = f"table {table}" if table else design.name
        raise ValueError(f"{where} has no access patterns with a rate: give one a rate, as 20/s, to simulate its load")
    notes = [f"{name}: no access pattern with a rate comes here" for name in _idle(rings)]
    return Workload(design.name, rates, tuple(ring for ring in rings if ring.streams), tuple(notes))


def _idle(rings: Sequence[Ring]) -> Iterator[str]:
    return (ring.name for ring in rings if not ring.streams)


def _chosen(design: Design, names: Sequence[str] | None) -> list[AccessPattern]:
    if names is None:
        return [p for p in design.served_patterns() if p.peak_rate]
    unknown = [name for name in names if name not in design.access_patterns]
    if unknown:
        raise ValueError(
            f"{design.name} has no access pattern {unknown[0]!r}; it has {', '.join(design.access_patterns)}"
        )
    found = [design.access_patterns[name] for name in names]
    for pattern in found:
        if not pattern.peak_rate or pattern.unserved is not None:
            why = "no key serves it" if pattern.unserved is not None else "give it a rate, as 20/s"
            raise ValueError(f"access pattern {pattern.name} is no part of a load: {why}")
    return found


def _rings(
    items: Items, table: Table, patterns: Sequence[AccessPattern], rates: Sequence[PatternRate]
) -> Iterator[Ring]:
    for index in (None, *table.gsi):
        yield _ring(items, table, index, patterns, rates)


def _ring(
    items: Items,
    table: Table,
    index: str | None,
    patterns: Sequence[AccessPattern],
    rates: Sequence[PatternRate],
) -> Ring:
    keys = keys_of(items, table.name, index)
    found = [s for n, p in enumerate(patterns) for s in _streams(keys, n, p)]
    sizes, counts = _stored(keys)
    pinned = pinned_by(keys)
    rising = {} if pinned else _rising(found)
    values = keys.values
    return Ring(
        table.name,
        index,
        len(keys),
        keys.hashes,
        lambda number: ", ".join(v.hex() if isinstance(v, bytes) else str(v) for v in values[number]),
        tuple(found),
        settings_of(table, table.gsi.get(index or "")),
        None if pinned else counts,
        pinned,
        rising,
        sizes,
        {n: size for n, p in enumerate(patterns) if (size := _growth(keys, p))},
    )


def _streams(keys: PartitionKeys, number: int, pattern: AccessPattern) -> Iterator[Stream]:
    """The streams of a pattern, one for each kind of units; demands of the same kind are added up."""
    found: dict[Kind, list[Demand]] = {}
    for demand in demands(keys, pattern):
        found.setdefault(demand.kind, []).append(demand)
    moves = motion(keys, pattern) if found else ""
    for kind, mine in found.items():
        numbers = np.concatenate([demand.keys for demand in mine])
        each = np.concatenate([demand.requests for demand in mine])
        units = each * np.concatenate([demand.units for demand in mine])
        requests = np.bincount(numbers, each).astype(float)
        places = np.flatnonzero(np.bincount(numbers, units))
        if len(places):
            mean = np.bincount(numbers, units)[places] / requests[places]
            requests, mean = _by_page(requests[places], mean, pattern)
            eventual = kind == "read" and not pattern.consistent and pattern.operation != "TransactGetItems"
            stream = Stream(number, kind, requests, _flat(mean), places, eventual, moves)
            yield from _by_motion(keys, pattern, stream)


def _by_motion(keys: PartitionKeys, pattern: AccessPattern, stream: Stream) -> Iterator[Stream]:
    """A stream, with the keys that move in one of their own; of very many, as many stay as go, and none counts."""
    assert stream.keys is not None
    by_time, period = stream.motion == "current time", 0
    if stream.motion in ("current time", "moving hot set"):
        period = _period(keys, pattern) if by_time else moving_period(keys, pattern)
    hot = stream.requests > (0 if by_time else stream.requests.max() / 2)
    if not period or hot.sum() > _MOVING:
        yield stream
        return
    for there, stays in ((~hot, 0), (hot, period)):
        if there.any():
            units = stream.units[there] if isinstance(stream.units, np.ndarray) else stream.units
            yield replace(stream, requests=stream.requests[there], units=units, keys=stream.keys[there], period_s=stays)


def _by_page(requests: Floats, units: Floats, pattern: AccessPattern) -> tuple[Floats, Floats]:
    """Requests of a Query or Scan that reads several pages, counted page by page, as they are sent."""
    if pattern.operation not in ("Query", "Scan"):
        return requests, units
    pages = np.ceil(units / (limits.PAGE_BYTES / limits.READ_UNIT_BYTES * read_factor(pattern)) - 1e-9)
    return requests * np.maximum(pages, 1.0), units / np.maximum(pages, 1.0)


def _flat(units: Floats) -> float | Floats:
    return float(units[0]) if np.ptp(units) == 0 else units


def _rising(streams: Sequence[Stream]) -> dict[int, str]:
    """The keys that get writes at a rising end of their collection: a split does not help them."""
    found: dict[int, str] = {}
    for stream in streams:
        if stream.kind == "write" and stream.motion in ("rising sort key", "current time") and stream.keys is not None:
            found |= dict.fromkeys(stream.keys.tolist(), "rising sort key")
    return found


def _stored(keys: PartitionKeys) -> tuple[Floats, Ints]:
    """Bytes and items under each key."""
    sizes, counts = np.zeros(len(keys)), np.zeros(len(keys), dtype=np.int64)
    for entity in keys.items.in_table(keys.table.name):
        numbers = keys.of[entity.name]
        there = numbers != UNMET
        counts += np.bincount(numbers[there], minlength=len(keys))
        sizes += np.bincount(numbers[there], entry_sizes(entity, keys.index)[there], minlength=len(keys))
    return sizes, counts


def _growth(keys: PartitionKeys, pattern: AccessPattern) -> float:
    """Bytes that a request adds: of patterns that put new items, the mean size of one."""
    added = 0.0
    for member in members(keys.items, pattern) if not pattern.is_read else ():
        entity = keys.items.entities[member.entity]
        if member.operation == "Put" and member.target == "new" and entity.name in keys.of and len(entity):
            added += member.times * float(entry_sizes(entity, keys.index).mean())
    return added


def _period(keys: PartitionKeys, pattern: AccessPattern) -> int:
    """How long the current partition key stays: as long as the finest time in it; 0 if it does not move."""
    design = keys.items.design
    entities = [e for e in design.addressed(pattern) if e.name in keys.of]
    found = [_PERIODS[word] for e in entities for word in _time_words(keys, keys.items.entities[e.name])]
    return min(found, default=0)


def _time_words(keys: PartitionKeys, entity: EntityItems) -> Iterator[str]:
    design, own = keys.items.design, keys.items.design.domains_of(entity.name)
    todo, seen = list(keys.attributes), set[str]()
    while todo:
        name = todo.pop()
        domain = own[name] if name in own and not own[name].is_field else design.fields.get(name)
        if domain is None or name in seen:
            continue
        seen.add(name)
        todo += domain.references()
        if domain.type and domain.type.span and domain.type.span.ends_now and domain.type.word in _PERIODS:
            yield domain.type.word


def settings_of(table: Table, index: Index | None = None) -> Settings:
    """The capacity settings of a table, or of one of its global indexes, which has the table's unless it states any."""
    part = index or table
    capacity: Any = (index.capacity if index else None) or table.capacity
    most, warm = _units(part.max_throughput), _units(part.warm_throughput)
    if not isinstance(capacity, Provisioned):
        return Settings("on-demand", most=most, warm=warm)
    stated: dict[Kind, Any] = {"read": capacity.read, "write": capacity.write}
    scaling: dict[Kind, AutoScaling] = {kind: one for kind, one in stated.items() if isinstance(one, AutoScaling)}
    units: dict[Kind, float] = {
        kind: float(one.min if isinstance(one, AutoScaling) else one) for kind, one in stated.items()
    }
    return Settings("provisioned", units, scaling, most, warm)


def _units(stated: Throughput | None) -> dict[Kind, float]:
    kinds: tuple[Kind, Kind] = ("read", "write")
    return {kind: value for kind in kinds if stated and (value := getattr(stated, kind)) is not None}
