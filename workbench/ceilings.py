"""Ceilings: how much a table can serve at most, in closed form, before anything is simulated.

A partition serves 3,000 read units and 1,000 write units a second, and one item is always in one partition. So however
many partitions a table has, the hottest part of it that no split can divide, its hottest atom, sets the ceiling:

    R* = limit / (share of the hottest atom x units per request)

At Zipf 0.99 over a million keys the hottest takes 6.50 % of the requests, so that 15,400 writes a second are the end,
whatever is paid. (AWS: bp-partition-key-design, burst-adaptive-capacity.)

>>> share = zipf_share(0.99, 1_000_000)
>>> f"{100 * share:.2f} %", round(sustainable_rate(share, 1.0, 1000), -2)
('6.50 %', 15400.0)
"""

from math import exp, inf, lgamma, log, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from workbench import limits
from workbench.columns import Floats

SPLIT_UTILISATION = 0.5  # of a partition's limit, above which it is split: inferred from measurements
UNITS_PER_PARTITION = (250.0, 360.0, 500.0)  # once splits have settled: between half the trigger's and the trigger's
BURST_SECONDS = 300
_ROUNDING = 1e-9  # of a limit: what sums of shares are off by


def sustainable_rate(share: float, units_per_request: float, limit: float) -> float:
    """The highest rate that the hottest key's partition serves, in requests a second, however many partitions exist.

    >>> round(sustainable_rate(0.0650, 1.0, 3000)), sustainable_rate(1.0, 1.0, 1000)  # zipf(0.99) of a million; one key
    (46154, 1000.0)
    """
    return limit / (share * units_per_request) if share * units_per_request > 0 else inf


def zipf_share(exponent: float, count: int) -> float:
    """The share of the first of `count` keys, if their shares fall as rank ** -exponent.

    >>> [f"{100 * zipf_share(s, 1_000_000):.3g} %" for s in (0.8, 1.2)]
    ['1.34 %', '19 %']
    """
    if count < 1 or exponent < 0:
        raise ValueError(f"zipf_share({exponent}, {count}): an exponent from 0 and at least 1 key are needed")
    return float(1 / (np.arange(1, count + 1, dtype=float) ** -exponent).sum())


def served(units: ArrayLike, limit: float) -> float:
    """Units a second that are served once every atom has a partition of its own: none more than its limit.

    >>> served([600, 1500, 300], 1000)
    1900.0
    """
    return float(np.minimum(units, limit).sum())


def throttled_share(units: ArrayLike, limit: float) -> float:
    """The share of these units a second, atom by atom or partition by partition, that is above the limit of each.

    >>> throttled_share([600, 1500, 300], 1000).__round__(4), throttled_share([], 1000)
    (0.2083, 0.0)
    """
    total = float(np.sum(units))
    return float(excess(units, limit).sum()) / total if total > 0 else 0.0


def excess(units: ArrayLike, limit: float) -> Floats:
    """Units a second above the limit of each atom or partition; none where a sum reaches it but for its rounding.

    >>> excess([600, 1500, 1000 * (1 + 1e-15)], 1000).tolist()
    [0.0, 500.0, 0.0]
    """
    above = np.asarray(units, dtype=float) - limit
    return np.where(above > _ROUNDING * limit, above, 0.0)


def burst_units(provisioned: float, age: float = inf) -> float:
    """Units that provisioned capacity has saved after being unused for so many seconds; 300 seconds' worth at most.

    >>> burst_units(150), burst_units(150, 60)
    (45000.0, 9000.0)
    """
    return float(provisioned * min(BURST_SECONDS, age))


def first_throttle(provisioned: float, load: float, *, age: float = inf) -> float:
    """Seconds until a steady load on provisioned capacity is throttled: until the burst that was saved up is spent.

    `age` is how long the capacity was unused before, in seconds; at most 300 s of it are kept.

    >>> first_throttle(150, 200), first_throttle(100, 90), first_throttle(100, 200, age=60)
    (900.0, inf, 60.0)
    """
    return burst_units(provisioned, age) / (load - provisioned) if load > provisioned else inf


class Partitions(NamedTuple):
    """How many partitions a load ends on: at least, about, at most."""

    least: int
    about: int
    most: int


def settled_partitions(units_per_s: float) -> Partitions:
    """The partitions that a steady, well spread load of write units a second ends on, once splits for heat are done.

    >>> settled_partitions(20_000)  # 56 were measured
    Partitions(least=40, about=56, most=80)
    """
    most, about, least = (max(1, int(np.ceil(round(units_per_s / each, 6)))) for each in UNITS_PER_PARTITION)
    return Partitions(least, about, most)


def noise_throttled(limit: float, utilisation: float = 1.0) -> float:
    """The share of requests that a partition turns away at a mean load below its limit, because arrivals vary.

    Requests of one unit arrive at random (Poisson), and what a second does not use is not kept.

    >>> [f"{100 * noise_throttled(1000, u):.2f} %" for u in (1.0, 0.98, 0.95)]
    ['1.26 %', '0.51 %', '0.07 %']
    """
    mean, most = limit * utilisation, int(limit)
    if mean <= 0:
        return 0.0
    counts = range(most + 1, int(max(mean, most) + 12 * max(mean, most) ** 0.5) + 12)
    above = sum((n - limit) * exp(n * log(mean) - mean - lgamma(n + 1)) for n in counts)
    return above / mean


def shards_needed(units_per_s: float, limit: float, *, utilisation: float = SPLIT_UTILISATION) -> int:
    """Over how many keys to write a key that is asked for so many units a second, 1 if it can stay as it is.

    Each shard is to stay under `utilisation` of a partition's limit, so that two of them which land on the same
    partition still fit, and none is hot enough to be split.

    >>> shards_needed(2500, 1000), shards_needed(1000, 1000), shards_needed(500, 1000)
    (5, 2, 1)
    """
    if not 0 < utilisation <= 1:
        raise ValueError(f"utilisation={utilisation}: a share of a partition's limit, above 0 and at most 1")
    return max(1, int(np.ceil(round(units_per_s / (utilisation * limit), 9))))


def shared_partition_chance(shards: int, partitions: int) -> float:
    """The chance that some two of the shards land on the same partition: they are hashed, not dealt out.

    >>> shared_partition_chance(5, 16).__round__(2), shared_partition_chance(5, 4)
    (0.5, 1.0)
    """
    return 1 - prod(max(0.0, 1 - i / partitions) for i in range(shards))


def index_ceiling(share: float, writes_per_write: float, limit: float = limits.PARTITION_WRITE_UNITS) -> float:
    """Write requests a second on the table at which the hottest key of an index reaches its partition's limit.

    `writes_per_write` are the index's write units per write to the table. Beyond it the index holds back every write
    to the table, whatever its key. An index on a status with three values, written once per write:

    >>> index_ceiling(1 / 3, 1.0)
    3000.0
    """
    return sustainable_rate(share, writes_per_write, limit)
