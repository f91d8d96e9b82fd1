"""Spending: the load on each table and global index, and the capacity that is bought for it.

Reads and writes are bought apart, and so are a table and each of its global indexes; entries in local indexes load
their table. On demand, what is consumed is bought. Provisioned, a number of units is bought for every hour: fixed,
where it must hold the peak, or following the load (`scaling`). Each write to a global table is a replicated write in
every region. (AWS: capacity-mode, global-tables-billing.)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil, nan
from typing import Any

import numpy as np

from workbench.columns import Floats
from workbench.design import Design
from workbench.expected import Expected
from workbench.load import Kind
from workbench.prices import HOURS, Prices, TableClass, unit_hours
from workbench.scaling import TARGET, Scaled, daily_curve, reserved_units, scaled, stated_curve
from workbench.schema import AutoScaling, Provisioned, Table

KINDS: tuple[Kind, Kind] = ("read", "write")
Stated = float | AutoScaling | None  # provisioned units, units that follow the load, or on demand


@dataclass(frozen=True)
class Stream:
    """The units a second, mean and at peak, that one access pattern consumes on a table or in one of its indexes."""

    pattern: str
    index: str
    mean: float
    peak: float


@dataclass(frozen=True)
class Spending:
    """The load of one kind on a table (`index` is empty) or global index, and what is bought for it."""

    table: str
    index: str
    kind: Kind
    stated: Stated
    streams: tuple[Stream, ...]
    table_class: TableClass
    replicas: tuple[str, ...]  # the other regions that buy as much
    replicated: bool
    maximum: float | None
    scaled: Scaled = field(repr=False)  # by the stated bounds, else by the usual ones

    @property
    def regions(self) -> int:
        """In how many regions it is bought."""
        return 1 + len(self.replicas)

    @property
    def mean(self) -> float:
        """Units a second, at the mean rates."""
        return sum(stream.mean for stream in self.streams)

    @property
    def peak(self) -> float:
        """Units a second when all patterns are at their peak."""
        return sum(stream.peak for stream in self.streams)

    @property
    def line(self) -> str:
        """What it is called on the bill."""
        return "replicated writes" if self.replicated else f"{self.kind}s"

    @property
    def mode(self) -> str:
        """The capacity mode that the design states."""
        if self.stated is None:
            return "on demand"
        return "auto scaling" if isinstance(self.stated, AutoScaling) else "provisioned"

    @property
    def peak_units(self) -> float:
        """Units that hold the peak without scaling; the least is one."""
        return float(max(ceil(self.peak - 1e-9), 1))

    @property
    def provisioned(self) -> float:
        """The mean of the units that are provisioned as stated; NaN on demand."""
        if self.stated is None:
            return nan
        return self.scaled.mean if isinstance(self.stated, AutoScaling) else float(self.stated)

    def what(self, mode: str) -> str:
        """What is bought in a mode, as prices name it."""
        name = f"{'replicated_' * self.replicated}{self.kind}"
        return f"{name}_requests" if mode == "on demand" else f"{name}_unit_hours"

    def bought(self) -> tuple[str, float]:
        """What the month buys as stated, and how much of it, in all regions."""
        if self.stated is None:
            return self.what("on demand"), self.mean * HOURS * 3600 * self.regions
        return self.what("provisioned"), unit_hours(self.provisioned) * self.regions

    def shares(self) -> Iterator[tuple[Stream, float]]:
        """Each stream and its share of what is bought; what is provisioned for no load at all has no pattern."""
        if self.mean:
            yield from ((stream, stream.mean / self.mean) for stream in self.streams)
        elif self.stated is not None:
            yield Stream("", self.index, 0.0, 0.0), 1.0

    def usd(self, prices: Prices, mode: str, units: float) -> float:
        """US dollars a month for `units` a second on demand, or provisioned, in all regions."""
        per_hour = 3600.0 if mode == "on demand" else 1.0
        return prices.usd(self.what(mode), units * per_hour * HOURS * self.regions, self.table_class)

    def row(self, prices: Prices) -> dict[str, Any]:
        """A line of a frame."""
        held = self.provisioned if self.stated is not None else self.scaled.mean
        return {
            "table": self.table,
            "index": self.index,
            "kind": self.kind,
            "mean_units_per_s": self.mean,
            "peak_units_per_s": self.peak,
            "stated": self.mode,
            "provisioned_units": held,
            "utilisation": self.mean / held,
            "short_minutes_per_day": self.scaled.short_minutes,
            "on_demand_usd_per_month": self.usd(prices, "on demand", self.mean),
            "at_peak_usd_per_month": self.usd(prices, "provisioned", self.peak_units),
            "scaled_usd_per_month": self.usd(prices, "provisioned", self.scaled.mean),
        }

    @staticmethod
    def modes(capacity: "Iterable[Spending]", prices: Prices, *, free_tier: bool = False) -> dict[str, float]:
        """US dollars a month of all requests in each capacity mode; the free tier is of provisioned units only."""
        capacity = list(capacity)
        at_peak = _provisioned(capacity, prices, [each.peak_units for each in capacity], free_tier)
        scaling = _provisioned(capacity, prices, [each.scaled.mean for each in capacity], free_tier)
        saved = {term: _saved(capacity, prices, prices[f"reserved.{term}"]) for term in ("one_year", "three_years")}
        return {
            "on demand": sum(each.usd(prices, "on demand", each.mean) for each in capacity),
            "provisioned at the peak": at_peak,
            "with auto scaling": scaling,
            "with one year reserved": max(scaling - saved["one_year"], 0.0),
            "with three years reserved": max(scaling - saved["three_years"], 0.0),
        }


def _provisioned(capacity: Sequence[Spending], prices: Prices, units: Sequence[float], free_tier: bool) -> float:
    """US dollars a month for so many units of each; what is free is taken off once, over all tables."""
    total = sum(each.usd(prices, "provisioned", own) for each, own in zip(capacity, units, strict=True))
    for kind in KINDS if free_tier else ():
        own = [u for s, u in zip(capacity, units, strict=True) if s.kind == kind and _is_standard(s)]
        hours = unit_hours(sum(own))
        total -= prices.usd(f"{kind}_unit_hours", hours) - prices.usd(f"{kind}_unit_hours", hours, free_tier=True)
    return total


def _is_standard(spent: Spending) -> bool:
    return spent.table_class == "STANDARD" and not spent.replicated


def _saved(capacity: Sequence[Spending], prices: Prices, discount: float) -> float:
    """What reservations take off a month of auto scaling; a reservation serves all tables of its region, no other."""
    total = 0.0
    for units, kind in _by_region(capacity):
        reserved = reserved_units(units, discount, prices["reserved.block_units"])
        kept = reserved * (1 - discount) + float(np.maximum(units - reserved, 0).mean())
        total += prices.usd(f"{kind}_unit_hours", unit_hours(float(units.mean()) - kept))
    return total


def _by_region(capacity: Sequence[Spending]) -> Iterator[tuple[Floats, Kind]]:
    """The day's units that a reservation may be for, by region and kind; the design's own region is the first."""
    for region in dict.fromkeys(["", *(name for spent in capacity for name in spent.replicas)]):
        for kind in KINDS:
            here = [s for s in capacity if s.kind == kind and _is_standard(s) and region in ("", *s.replicas)]
            if here:
                yield np.sum([each.scaled.units for each in here], axis=0), kind


# From a design


CURVE_MATCHES = 0.05  # so far the highest of a curve may be from the design's peak without a word; ours


def spendings(expected: Expected, curve: Sequence[float] | None = None) -> list[Spending]:
    """Reads and writes of every table and global index of a design, tables before their indexes."""
    streams = _streams(expected)
    tables = expected.design.tables.values()
    places: list[tuple[Table, str, Kind]] = [(t, i, kind) for t in tables for i in ("", *t.gsi) for kind in KINDS]
    loads = [streams.get((table.name, index, kind), ()) for table, index, kind in places]
    stated = [_stated(table, index, kind) for table, index, kind in places]
    followed = _scaled(loads, stated, None if curve is None else stated_curve(curve))
    return [
        _spending(*place, own, load, each)
        for place, own, load, each in zip(places, stated, loads, followed, strict=True)
    ]


def _spending(
    table: Table, index: str, kind: Kind, stated: Stated, streams: tuple[Stream, ...], followed: Scaled
) -> Spending:
    writes = kind == "write"
    part = table.gsi[index] if index else table
    return Spending(
        table.name, index, kind, stated, streams, table.table_class,
        replicas=table.replicas if writes else (),
        replicated=writes and not index and bool(table.replicas),
        maximum=getattr(part.max_throughput, kind, None),
        scaled=followed,
    )  # fmt: skip


def _streams(expected: Expected) -> dict[tuple[str, str, Kind], tuple[Stream, ...]]:
    """What each pattern that has a rate consumes, by the table or global index whose capacity it takes."""
    found: dict[tuple[str, str, Kind], list[Stream]] = {}
    for line in expected.lines:
        if line.note or line.pattern.rate is None:
            continue
        for (table, index), units in line.by_index.items():
            owner = index if index in expected.design.tables[table].gsi else ""
            own = Stream(line.pattern.name, index, *(line.per_second(units.mean, at) for at in ("rate", "peak")))
            found.setdefault((table, owner, line.kind), []).append(own)
    return {place: tuple(streams) for place, streams in found.items()}


def _stated(table: Table, index: str, kind: Kind) -> Stated:
    """What a design says of capacity; a global index has its table's unless it says otherwise."""
    own = table.gsi[index].capacity if index else None
    capacity = own if own is not None else table.capacity
    return getattr(capacity, kind) if isinstance(capacity, Provisioned) else None


def _scaled(loads: Sequence[tuple[Stream, ...]], stated: Sequence[Stated], curve: Floats | None) -> list[Scaled]:
    """What auto scaling provisions for each load: by the stated bounds, else up to what the peak needs."""
    found: dict[tuple[float, ...], Scaled] = {}
    keys = []
    for load, own in zip(loads, stated, strict=True):
        mean, peak = sum(stream.mean for stream in load), sum(stream.peak for stream in load)
        keys.append((mean, peak, *_bounds(own, peak)))
        if keys[-1] not in found:
            found[keys[-1]] = scaled(_day(mean, peak, curve), *keys[-1][2:])
    return [found[key] for key in keys]


def _bounds(stated: Stated, peak: float) -> tuple[float, float, float]:
    if isinstance(stated, AutoScaling):
        return stated.min, stated.max, stated.target
    return 1.0, max(ceil(peak / TARGET), 1.0), TARGET


def _day(mean: float, peak: float, curve: Floats | None) -> Floats:
    shape = curve if curve is not None else daily_curve(max(peak / mean, 1.0) if mean else 1.0)
    return mean * shape


def curve_note(expected: Expected, curve: Sequence[float] | None) -> str:
    """Where the highest of a given curve is not the design's: auto scaling and reservations go by the curve."""
    if curve is None:
        return ""
    highest, kinds = float(stated_curve(curve).max()), []
    for kind in KINDS:
        mean, peak = (expected.units_per_s(kind, at) for at in ("rate", "peak"))
        if mean and abs(highest * mean / peak - 1) > CURVE_MATCHES:
            kinds.append(f"{kind}s {peak / mean:,.3g} times")
    if not kinds:
        return ""
    return (
        f"the curve of {len(curve):,} numbers reaches {highest:,.3g} times its mean, where by the design's peaks "
        f"{' and '.join(kinds)}: auto scaling and reservations are priced by the curve, provisioned at the peak is not"
    )


def has_provisioned(design: Design, table: str) -> bool:
    """Whether a table, or a global index of it, has provisioned capacity."""
    part = design.tables[table]
    return any(_stated(part, index, "read") is not None for index in ("", *part.gsi))
