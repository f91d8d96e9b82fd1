"""Sharding: one hot partition key written as several, so that several partitions serve it.

    WEBHOOK#stripe  ->  WEBHOOK#stripe#0, WEBHOOK#stripe#1, WEBHOOK#stripe#2

A write goes to one of the shards, chosen by the item's own sort key, so that a read of one item knows where it is. A
Query of the collection asks each shard and merges what comes back: n Queries, and at least a unit for each. Shards are
hashed like any key, so that some may land on the same partition until it is split. (AWS: bp-partition-key-sharding.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.ceilings import shards_needed, shared_partition_chance
from workbench.columns import Ints
from workbench.keyanalysis import KeyAnalysis
from workbench.keymeasures import ShardedRead
from workbench.results import Result, percent
from workbench.ring import key_hash
from workbench.spreads import KINDS, LIMITS, UNIT, rate_text
from workbench.workload import Ring, Stream, Workload

if TYPE_CHECKING:
    import pandas as pd

MOST_SHARDS = 1000


@dataclass(frozen=True, repr=False)
class Sharding(Result):
    """What it takes to write a hot key over several: how many, what its Queries cost then, and the code for both."""

    table: str
    index: str | None
    key: str
    shards: int
    units_per_s: float  # of the hottest part of the key that no split divides
    limit: float  # of a partition, in the same units
    unit: str
    partitions: int  # at first
    reads: tuple[ShardedRead, ...]
    code: str

    @property
    def together(self) -> float:
        """The chance that two shards begin on the same partition."""
        return shared_partition_chance(self.shards, self.partitions)

    @property
    def finding(self) -> str:
        """What shards do for the key, in a sentence."""
        each = self.units_per_s / self.shards
        asked = f"{self.key} is asked for {rate_text(self.units_per_s)} {self.unit}/s"
        if self.shards == 1:
            return f"{asked}, which one partition serves: it needs no shards"
        share = percent(each / self.limit)
        told = f"{asked}: {self.shards} shards get {rate_text(each)} each, {share} of a partition's limit"
        reads = [
            f"{r.pattern} becomes {r.queries} Queries, {r.units_before:,.3g} to {r.units_after:,.3g} RU"
            for r in self.reads
        ]
        return "; ".join([told, *reads])

    def summary_line(self) -> str:
        return self.finding

    def to_frame(self) -> "pd.DataFrame":
        """A line for each Query of the key: how many it becomes, and read units of a call before and after."""
        import pandas as pd

        columns = ["pattern", "queries", "units_before", "units_after"]
        return pd.DataFrame([vars(read) for read in self.reads], columns=columns)


def sharding(
    one: KeyAnalysis,
    key: str | None = None,
    shards: int | None = None,
    *,
    partition_key: str = "PK",
    sort_key: str | None = None,
    key_type: str = "S",
) -> Sharding:
    """How to shard a key of a table or index: the hottest unless named, over as many shards as its load needs.

    The names of the key attributes, and the type of the partition key (S, N or B), are for the code. ValueError for a
    key that there is not, or shards that cannot be.
    """
    if one.hot_bound is None:
        raise ValueError(f"{one.name}: no access pattern with a rate comes here, so no key is hot")
    key = str(one.hot_bound.key) if key is None else key
    if key not in one.requests.keys:
        raise ValueError(f"{one.name} has no key {key!r}; the busiest are {', '.join(_busiest(one))}")
    place = one.requests.keys.index(key)
    asked = {kind: float(one.atoms[kind].hottest[place]) for kind in KINDS}
    kind = max(KINDS, key=lambda kind: asked[kind] / LIMITS[kind])
    if shards is None:
        shards = shards_needed(asked[kind], LIMITS[kind]) if asked[kind] > LIMITS[kind] else 1
    if isinstance(shards, bool) or not isinstance(shards, int) or not 1 <= shards <= MOST_SHARDS:
        raise ValueError(f"shards={shards!r}: a whole number from 1 to {MOST_SHARDS:,}")
    code, reads = shard_code(partition_key, sort_key, shards, one.index, key_type), one.sharded_reads(key, shards)
    found = (key, shards, asked[kind], LIMITS[kind], UNIT[kind], one.requests.partitions, reads, code)
    return Sharding(one.table, one.index, *found)


def _busiest(one: KeyAnalysis) -> list[str]:
    return [one.requests.keys[i] for i in np.argsort(-np.maximum(*(a.hottest for a in one.atoms.values())))[:3]]


def rate_with_shards(one: KeyAnalysis, found: Sharding) -> float:
    """The highest rate of the mix by keys, in requests a second, once a key is written over its shards.

    Each shard has its part of the writes and of the reads of single items; of Queries each answers all of them.
    """
    place = one.requests.keys.index(found.key)
    part = {read.pattern: read.units_after / found.shards / read.units_before for read in found.reads}
    multiples: list[float] = []
    for kind in KINDS:
        hottest = one.atoms[kind].hottest.copy()
        asked = [(p.pattern, float(p.units[p.keys == place].sum())) for p in one.requests.loads if p.kind == kind]
        if whole := sum(units for _, units in asked):
            hottest[place] *= sum(units * part.get(name, 1 / found.shards) for name, units in asked) / whole
        if hottest.any():
            multiples.append(LIMITS[kind] / float(hottest.max()))
    return min(multiples, default=float("inf")) * one.requests.requests_per_s


# The code


_SHARD = {  # by the type of the partition key: how a shard of `key` is written, and what to bear in mind
    "S": ('f"{key}#{shard}"', ""),
    "N": ("key * SHARDS + shard", "  # whole numbers; so that none meets another, every key is written like this"),
    "B": ('key + b"#%d" % shard', ""),
}


def shard_code(
    partition_key: str, sort_key: str | None, shards: int, index: str | None = None, key_type: str = "S"
) -> str:
    """Python with boto3 that writes to and reads from the shards of a key, which is text (S), a number or bytes."""
    written, remark = _SHARD[key_type]
    order = f'key=lambda item: item["{sort_key}"]' if sort_key else ""
    merged = (
        f"heapq.merge(*map(items, range(SHARDS)), {order})"
        if sort_key
        else "chain.from_iterable(map(items, range(SHARDS)))"
    )
    imports = "import heapq\nimport zlib" if sort_key else "import zlib\nfrom itertools import chain"
    named = f', IndexName="{index}"' if index else ""
    return f'''\
{imports}

from boto3.dynamodb.conditions import Key

SHARDS = {shards}


def shard_of(key, shard):
    """The partition key of one of a key's shards."""
    return {written}{remark}


def sharded(key, sort_key):
    """The partition key that an item is written under, and found by: always the same one of the shards."""
    return shard_of(key, zlib.crc32(str(sort_key).encode()) % SHARDS)


def query_shards(table, key, **options):
    """The items of all shards of a key{", in the order of their sort key" if sort_key else ""}: a Query for each."""

    def items(shard):
        asked = {{**options, "KeyConditionExpression": Key("{partition_key}").eq(shard_of(key, shard))}}
        while True:
            page = table.query(**asked{named})
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    return {merged}
'''


# The load on the shards


def sharded_load(work: Workload, one: KeyAnalysis, key: str, shards: int) -> Workload:
    """The workload with a key of a table or index written over shards: what a simulation of it needs."""
    if shards == 1:
        return work
    reads = {read.pattern: read for read in one.sharded_reads(key, shards)}
    queries = {number: reads[p.name] for number, p in enumerate(work.patterns) if p.name in reads}
    here = (one.table, one.index)
    rings = [_on_shards(r, key, shards, queries) if (r.table, r.index) == here else r for r in work.rings]
    return replace(work, rings=tuple(rings))


def _on_shards(ring: Ring, key: str, shards: int, queries: Mapping[int, ShardedRead]) -> Ring:
    """A ring on which a key has become its first shard, and the others stand behind the keys that there were."""
    place = next(number for number in range(ring.count) if ring.label(number) == key)
    all_shards = np.array([place, *range(ring.count, ring.count + shards - 1)])

    def hashes(seed: int | None) -> NDArray[np.uint64]:
        own = np.array([key_hash(f"{key}#{n}", seed=seed) >> 64 for n in range(shards)], dtype=np.uint64)
        found = np.concatenate([ring.hashes(seed), own[1:]])
        found[place] = own[0]
        return found

    def label(number: int) -> str:
        if number == place or number >= ring.count:
            return f"{key}#{max(0, number - ring.count + 1)}"
        return ring.label(number)

    return replace(
        ring,
        count=ring.count + shards - 1,
        hashes=hashes,
        label=label,
        streams=tuple(_on_all(stream, all_shards, queries.get(stream.pattern)) for stream in ring.streams),
        segments=_divided(ring.segments, place, shards, least=1),
        bytes=_divided(ring.bytes, place, shards),
        rising={**ring.rising, **{int(n): ring.rising[place] for n in all_shards if place in ring.rising}},
    )


def _divided(values: Any, place: int, shards: int, least: int = 0) -> Any:
    """What is stored under each key, where one of them has become so many shards."""
    if values is None:
        return None
    part = np.full(shards, max(values[place] / shards, least)).astype(values.dtype)
    found = np.concatenate([values, part[1:]])
    found[place] = part[0]
    return found


def _on_all(stream: Stream, shards: Ints, query: ShardedRead | None) -> Stream:
    """A stream whose requests for a key, the first of the shards, go to one of them each, or of a Query to all."""
    keys = np.arange(len(stream.requests)) if stream.keys is None else stream.keys
    units = np.array(np.broadcast_to(np.asarray(stream.units, dtype=float), keys.shape))
    rest, count = keys != shards[0], len(shards)
    if rest.all():
        return stream if stream.keys is not None else replace(stream, keys=keys)
    requests, each = float(stream.requests[~rest][0]), float(units[~rest][0])
    if query is None:
        requests /= count
    else:
        each = query.units_after / count
    return replace(
        stream,
        keys=np.concatenate([keys[rest], shards]),
        requests=np.concatenate([stream.requests[rest], np.full(count, requests)]),
        units=np.concatenate([units[rest], np.full(count, each)]),
    )
