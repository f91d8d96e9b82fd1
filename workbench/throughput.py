"""Throughput: how many units a second a table or index may use, and how many partitions it starts with.

A provisioned table has a rate and saves up to 300 seconds of what it does not use; an on-demand table serves at once
twice its previous peak, and a new one 4,000 write and 12,000 read units a second. Both have a warm throughput, which
only grows, and a quota. Below all of that, a partition serves 1,000 write and 3,000 read units a second, whatever the
table has left. (AWS: burst-adaptive-capacity, on-demand-capacity-mode, warm-throughput, ServiceQuotas.)
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from workbench.columns import Floats
from workbench.load import Kind
from workbench.profile import PROFILE, Profile

KINDS: tuple[Kind, Kind] = ("read", "write")


# How many partitions


def partitions_for(
    read: float,
    write: float,
    size: float = 0,
    *,
    rule: Literal["sum", "max"] = "sum",
    profile: Profile = PROFILE,
) -> int:
    """How many partitions a table has for so many units a second and bytes.

    By the sum of what reads and writes need, as AWS's documentation said until 2017, or by the larger of them, which
    is what a new on-demand table shows: 12,000 and 4,000 units on 4 partitions.

    >>> partitions_for(7500, 3000), partitions_for(12_000, 4_000, rule="max"), partitions_for(10, 10, 25 * 2**30)
    (6, 4, 3)
    """
    for name, value in (("read", read), ("write", write), ("size", size)):
        if not 0 <= value < inf:
            raise ValueError(f"{name}={value!r}: units and bytes are numbers from 0, and finite")
    reads, writes = read / profile.partition_read_units, write / profile.partition_write_units
    needed = ceil(reads + writes - 1e-9) if rule == "sum" else max(ceil(reads - 1e-9), ceil(writes - 1e-9))
    return max(1, needed, ceil(size / profile.partition_bytes))


def first_partitions(
    provisioned: Mapping[Kind, float] | None,
    warm: Mapping[Kind, float],
    size: float = 0,
    *,
    previous_peak: Mapping[Kind, float] | None = None,
    profile: Profile = PROFILE,
) -> int:
    """How many partitions a table or index of so many bytes starts with; `provisioned` is None on demand.

    Provisioned, those that its units (or an earlier peak) need; on demand, those for what it serves at once. Warm
    throughput brings more, and bytes do.

    >>> first_partitions(None, {}), first_partitions(None, {}, 80 * 2**30), first_partitions({"write": 100}, {})
    (4, 8, 1)
    """
    peak, known = previous_peak or {}, {kind: warm.get(kind, 0.0) for kind in KINDS}
    if provisioned is not None:
        most = {kind: max(provisioned.get(kind, 0.0), peak.get(kind, 0.0)) for kind in KINDS}
        count = partitions_for(most["read"], most["write"], size, profile=profile)
        return max(count, partitions_for(known["read"], known["write"], rule="max", profile=profile))
    read, write = (
        on_demand_units(kind, peak.get(kind, 0.0), known[kind], profile=profile, quota=inf) for kind in KINDS
    )
    return partitions_for(read, write, size, rule="max", profile=profile)


def even_share(units: float, partitions: int) -> float:
    """What each partition got before 2018, when a table's units were divided evenly between its partitions.

    >>> even_share(3200, 4), even_share(6000, 8)
    (800.0, 750.0)
    """
    if partitions < 1:
        raise ValueError(f"partitions={partitions}: a table has at least 1")
    return units / partitions


# What a partition admits


def admitted(offered: ArrayLike, limit: ArrayLike, table: float = inf) -> Floats:
    """Units that each partition admits in a second, of what it is offered, its limit and what the table has left.

    Adaptive capacity: a hot partition may use what the others leave, up to its own limit. Where the table has less
    than is offered, it is thinned alike everywhere, before partitions refuse.

    >>> admitted([50, 50, 50, 150], 1000, 400).tolist(), admitted([50, 50, 50, 1500], 1000, 2000).tolist()
    ([50.0, 50.0, 50.0, 150.0], [50.0, 50.0, 50.0, 1000.0])
    """
    wanted = np.asarray(offered, dtype=float)
    total = float(wanted.sum())
    return np.minimum(wanted * min(1.0, table / total) if total else wanted, limit)


# On demand

NO_MAXIMUM = -1  # API_OnDemandThroughput: what removes a maximum


def on_demand_units(
    kind: Kind, previous_peak: float = 0.0, warm: float = 0.0, *, profile: Profile = PROFILE, quota: float | None = None
) -> float:
    """Units a second that an on-demand table serves at once; a quota of inf is one that has been lifted.

    >>> on_demand_units("write", 15_000), on_demand_units("read"), on_demand_units("read", 50_000, quota=float("inf"))
    (30000.0, 12000, 100000.0)
    """
    most = profile.quota(kind) if quota is None else quota
    return min(max(profile.new_on_demand(kind), profile.on_demand_growth * previous_peak, warm), most)


def warm_after(warm: float, provisioned: float) -> float:
    """A table's warm throughput once so many units are provisioned: it rises, and never falls.

    >>> warm_after(30_000, 50_000), warm_after(30_000, 10)
    (50000, 30000)
    """
    return max(warm, provisioned)


def effective_limit(available: float, maximum: float | None = None) -> float:
    """Units a second under a stated maximum throughput, which does not lift what is available.

    A maximum of -1 is none, as in the service's API; ValueError for others below 1.

    >>> effective_limit(30_000, 5_000), effective_limit(30_000), effective_limit(30_000, -1)
    (5000, 30000, 30000)
    """
    if maximum is None or maximum == NO_MAXIMUM:
        return available
    if not maximum >= 1:
        raise ValueError(f"maximum={maximum!r}: a maximum throughput is at least 1 unit a second; -1 removes it")
    return min(available, maximum)


# Auto scaling

FIRST_DECREASES, DECREASES_A_DAY = 4, 27  # ServiceQuotas: four at once, then one an hour


def decreases_allowed(hours: float) -> int:
    """How often provisioned capacity may be lowered within so many hours of a day: 4 at once, then 1 an hour.

    >>> decreases_allowed(24), decreases_allowed(1), decreases_allowed(0)
    (27, 4, 4)
    """
    if hours < 0:
        raise ValueError(f"hours={hours}: hours are counted from 0")
    days, rest = divmod(hours, 24)
    return int(days) * DECREASES_A_DAY + (min(FIRST_DECREASES + max(int(rest) - 1, 0), 27) if rest or not days else 0)


@dataclass
class AutoScaler:
    """Target tracking of one kind of provisioned units: up after two minutes above it, down after fifteen below.

    `watch` takes a minute's mean use and returns the new capacity, or None. A decrease is refused when the day's are
    used up.
    """

    least: float
    most: float
    target: float
    profile: Profile = PROFILE
    above: int = 0
    below: int = 0
    decreases: deque[int] = field(default_factory=deque)

    def watch(self, used: float, capacity: float, minute: int) -> float | None:
        """The capacity to set after a minute in which `used` units a second were consumed of `capacity`."""
        utilisation = used / capacity
        self.above = self.above + 1 if utilisation > self.target else 0
        low = utilisation < self.target * (1 - self.profile.scale_down_margin)
        self.below = self.below + 1 if low else 0
        wanted = min(max(ceil(used / self.target), self.least), self.most)
        if self.above >= self.profile.scale_up_minutes and wanted > capacity:
            self.above = 0
            return wanted
        if self.below >= self.profile.scale_down_minutes and wanted < capacity and self._may_decrease(minute):
            self.below = 0
            return wanted
        return None

    def _may_decrease(self, minute: int) -> bool:
        while self.decreases and self.decreases[0] <= minute - 24 * 60:
            self.decreases.popleft()
        hours = (minute - self.decreases[0]) // 60 + 1 if self.decreases else 1
        allowed = len(self.decreases) < decreases_allowed(min(hours, 24))
        if allowed:
            self.decreases.append(minute)
        return allowed


# The table's bucket


@dataclass
class TableBucket:
    """The table-level tokens of one kind: refilled each second, and where there is burst, saved for 300 seconds.

    `limits` are (units a second, seconds that may be saved, reason), each a bucket; a request must pass all.
    """

    limits: list[tuple[float, float, str]]
    tokens: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.tokens:
            self.tokens = [0.0] * len(self.limits)

    def refill(self) -> None:
        """A second's units are added, up to what may be saved beside them."""
        for i, (rate, saved, _) in enumerate(self.limits):
            self.tokens[i] = min(self.tokens[i] + rate, rate * (1 + saved))

    def available(self) -> tuple[float, str]:
        """The units that pass all limits this second, and the reason for turning away more."""
        place = min(range(len(self.limits)), key=self.tokens.__getitem__)
        return max(self.tokens[place], 0.0), self.limits[place][2]

    def spend(self, units: float) -> None:
        """Take what was consumed."""
        for i in range(len(self.tokens)):
            self.tokens[i] -= units

    def saved(self) -> float:
        """Units that are saved beyond a second's: what a burst may use."""
        return max(min(self.tokens, default=0.0), 0.0)


def reason_name(index: str | None, kind: Kind, why: str) -> str:
    """One of the service's 16 names for why a request was throttled.

    >>> reason_name(None, "write", "KeyRangeThroughputExceeded"), reason_name("by-day", "read", "AccountLimitExceeded")
    ('TableWriteKeyRangeThroughputExceeded', 'IndexReadAccountLimitExceeded')
    """
    return f"{'Table' if index is None else 'Index'}{kind.title()}{why}"


WHY = (
    "ProvisionedThroughputExceeded",
    "KeyRangeThroughputExceeded",
    "AccountLimitExceeded",
    "MaxOnDemandThroughputExceeded",
)
REASONS: Sequence[str] = tuple(reason_name(index, kind, why) for index in (None, "i") for kind in KINDS for why in WHY)
