"""The measures of a key: cardinality, monotonicity, targeting, spread, and the verdict that follows from them.

The names are those of MongoDB's analyzeShardKey where it has one. Shares are fractions of 1, rates requests or units a
second.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.bounds import Bound
from workbench.columns import Floats, Ints
from workbench.motions import Motion


@dataclass(frozen=True)
class Cardinality:
    """How many distinct partition keys there are, and how many items they have."""

    values: int
    items: int
    most_items: int  # under one key
    is_unique: bool  # each item has a key of its own

    @property
    def items_per_key(self) -> float:
        """The mean."""
        return self.items / max(self.values, 1)


@dataclass(frozen=True)
class Monotonicity:
    """Whether the heat of new items moves: the rank correlation of sort key and time, and the patterns that move."""

    rank_correlation: float
    motions: Mapping[str, Motion]
    pinned_by: str  # why no collection can be split; "" if they can

    def __str__(self) -> str:
        told = [f"{name}: {moved}" for name, moved in self.motions.items()]
        return "; ".join(told + ([f"collections cannot be split: {self.pinned_by}"] if self.pinned_by else []))


@dataclass(frozen=True)
class Targeting:
    """The share of calls that go to one partition key, to several, or to all."""

    one: float
    several: float
    all: float


@dataclass(frozen=True)
class Spread:
    """How unevenly units are spread over 100 equal ranges of the hash ring."""

    gini: float
    variation: float
    peak_to_mean: float


@dataclass(frozen=True)
class Atoms:
    """The hottest part of each key that no split divides: its units a second, and of how many parts it is one."""

    hottest: Floats
    count: Ints


@dataclass(frozen=True)
class ShardedRead:
    """What a Query of a sharded key costs: as many Queries as shards, and units a call before and after."""

    pattern: str
    queries: int
    units_before: float
    units_after: float


@dataclass(frozen=True)
class Verdict:
    """What a table or index can serve at most, in requests a second of this mix, and why not more."""

    load_per_s: float
    bound: Bound | None  # None where nothing is asked
    throttled_now: float  # share of units, with the partitions that there are at first
    throttled_after_splits: float  # share of units, however many partitions there are
    shards: int  # of the hottest key, for this load; 1 where it can stay
    reads: tuple[ShardedRead, ...]
    text: str

    @property
    def rate_per_s(self) -> float:
        """The highest rate of this mix that can be sustained, in requests a second."""
        return self.bound.rate_per_s if self.bound else float("inf")

    @property
    def holds(self) -> bool:
        """Whether the load can be sustained, once splits are done."""
        return self.bound is None or self.bound.multiple >= 1

    def __str__(self) -> str:
        return self.text
