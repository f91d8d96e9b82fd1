"""Histories: what a simulation saw, second by second and partition by partition, as plain arrays.

A `Simulation` has a `RingHistory` for the table and one for each global index, since each has a hash ring, partitions
and limits of its own, and a `PatternHistory` for each access pattern. Rows of arrays are intervals of `interval_s`
seconds, a minute unless asked otherwise; what is summed up over an interval is in units, not in units a second.

Everywhere offered = consumed + throttled. On an index, offered is what the table's writes ask of it; what it cannot
serve at once waits in a backlog, and only what is turned away at the table for its sake is throttled.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workbench.columns import Floats, Ints
from workbench.load import Kind

Cause = Literal["start", "heat", "isolation", "size", "capacity"]
Motion = Literal["", "rising sort key", "current time", "moving hot set"]
BUCKETS = 1024  # rows of a heat map: equal ranges of the hash ring


@dataclass(frozen=True)
class HotAtom:
    """A key that stands out: where it is on the ring, its share of one kind of units, and how it moves."""

    key: str
    kind: Kind
    position: float  # 0..1 on the ring; of a key that moves, its first place
    share: float  # of all units of this kind that are asked of the ring
    units_per_s: float  # at the highest second of the load
    pattern: str  # which asks the most of it
    motion: Motion
    splits: bool  # whether its collection can be split by sort key
    pinned_by: str  # why not: "a local index", "rising sort key", "no sort key"; or ""
    limit: float  # units a second of its mix that one partition serves: of eventually consistent reads, the measured

    @property
    def bucket(self) -> int:
        """The row of a heat map that it is in."""
        return min(int(self.position * BUCKETS), BUCKETS - 1)


@dataclass(frozen=True)
class Heat:
    """Units per row and interval. Rows are 1,024 equal ranges of the ring, or sort-key ranges of one collection."""

    consumed: Mapping[Kind, Floats]  # (rows, intervals); a kind that nobody asks for is zeros
    throttled: Mapping[Kind, Floats]
    collection: str = ""  # the key whose sort-key ranges the rows are, or "" for the ring

    def offered(self, kind: Kind) -> Floats:
        """Units that were asked for."""
        return self.consumed[kind] + self.throttled[kind]


@dataclass(frozen=True)
class PartitionHistory:
    """The partitions that a ring had, numbered by birth: an array element each.

    `lo` and `hi` are positions on the ring, 0..1. Where a boundary lies inside an item collection, the neighbours share
    that position, and `lo_segment`, `hi_segment` say how far along its sort keys (0..1; 0 at a boundary between keys).
    A partition that splits ends, and its children are born in that second. `stuck` says why it could not split.
    """

    lo: Floats
    hi: Floats
    lo_segment: Floats
    hi_segment: Floats
    born_s: Ints
    ended_s: Floats  # inf while it lives
    parent: Ints  # -1 for those at the start
    cause: tuple[Cause, ...]
    stuck: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.lo)

    def alive(self, second: float) -> NDArray[np.bool_]:
        """Which of them there are at a second."""
        return (self.born_s <= second) & (second < self.ended_s)

    def count(self, second: float) -> int:
        """How many there are at a second."""
        return int(self.alive(second).sum())


@dataclass(frozen=True, repr=False)
class RingHistory:
    """What the table, or one of its global indexes, went through.

    `consumed` and `throttled`: units by kind, (intervals, partitions). `reasons`: units turned away, by the service's
    name for why, per second. `capacity`: units a second that the table level allowed at the end of each interval.
    `burst_left`: saved units then (0 where there is no bucket). `backlog`: index writes that waited then.
    """

    table: str
    index: str | None
    mode: Literal["on-demand", "provisioned"]
    keys: int  # distinct partition keys
    hot: tuple[HotAtom, ...]  # those that take the most, the one nearest to a partition's limit first
    partitions: PartitionHistory
    consumed: Mapping[Kind, Floats]
    throttled: Mapping[Kind, Floats]
    reasons: Mapping[str, Floats]
    capacity: Mapping[Kind, Floats]
    burst_left: Mapping[Kind, Floats]
    backlog: Floats
    consumed_per_s: Mapping[Kind, Floats]  # units per second, all partitions
    heat: Heat | None = field(default=None)

    @property
    def name(self) -> str:
        """The table, or the index and its table."""
        return self.table if self.index is None else f"{self.index} of {self.table}"

    def offered(self, kind: Kind) -> Floats:
        """Units that were asked for, (intervals, partitions)."""
        return self.consumed[kind] + self.throttled[kind]


@dataclass(frozen=True)
class PatternHistory:
    """What became of an access pattern's requests on one ring: requests per second, offered, and throttled by reason.

    A pattern that writes has its history on the table; the reasons name an index where its back-pressure was the cause.
    """

    pattern: str
    kind: Kind
    ring: str  # the name of the table or index whose capacity it uses
    offered: Floats  # (seconds)
    throttled: Mapping[str, Floats]  # reason -> (seconds); only reasons that occurred
    given_up: Floats = field(default_factory=lambda: np.zeros(0))  # requests whose retries were used up, per second
    retried: bool = False  # what is turned away comes again: offered and throttled then count attempts

    @cached_property
    def all_throttled(self) -> Floats:
        """Requests turned away per second, for whatever reason."""
        return sum(self.throttled.values(), np.zeros(len(self.offered)))

    @property
    def consumed(self) -> Floats:
        """Requests served per second."""
        return self.offered - self.all_throttled

    @property
    def throttled_share(self) -> float:
        """The share of its requests that were turned away; of its attempts, if they are tried again."""
        return float(self.all_throttled.sum() / max(self.offered.sum(), 1e-300))

    @property
    def never_served(self) -> Floats:
        """Requests per second that were lost for good: after their last attempt, or the only one."""
        return self.given_up if self.retried else self.all_throttled

    @property
    def given_up_share(self) -> float:
        """The share of its requests that were lost for good, of those that were not still waiting at the end."""
        return given_up_share([self])


def given_up_share(patterns: Iterable[PatternHistory]) -> float:
    """The share of requests of some patterns that were lost for good."""
    lost, served = (0.0, 0.0)
    for one in patterns:
        lost, served = lost + float(one.never_served.sum()), served + float(one.consumed.sum())
    return lost / max(lost + served, 1e-300)


@dataclass(frozen=True)
class Note:
    """Something that the result rests on beside AWS's documentation."""

    basis: Literal["measured", "assumed", "estimated"]
    text: str
