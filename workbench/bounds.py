"""Bounds: what runs out first as a load grows, a partition for the sake of one key, or what the table is set to.

A table serves at most its provisioned capacity, or on demand its quota (40,000 units of each kind, which AWS raises on
request) or the maximum that was set. These bind whatever the keys are; a partition's limit binds by the hottest key,
and no setting lifts it. (AWS: ServiceQuotas, on-demand-capacity-mode-max-throughput.)
"""

from collections.abc import Iterator
from dataclasses import dataclass

from workbench import limits
from workbench.load import Kind
from workbench.schema import AutoScaling, Index, Provisioned, Table
from workbench.spreads import KINDS, UNIT, RequestSpread, rate_text
from workbench.throughput import first_partitions

_QUOTAS: dict[Kind, int] = {"read": limits.TABLE_READ_UNITS, "write": limits.TABLE_WRITE_UNITS}


@dataclass(frozen=True)
class Bound:
    """Something that runs out: of which kind of units, at which multiple of the load, in requests and units a second.

    `key` is the partition key that fills one partition; None for a setting of the whole table or index, `resource`.
    `index` names the index, where a table is held back by one.
    """

    kind: Kind
    resource: str
    limit: float
    multiple: float
    rate_per_s: float
    key: str | None = None
    index: str | None = None

    @property
    def asked(self) -> str:
        """What the load asks for, in words."""
        return f"{rate_text(self.limit / self.multiple)} {UNIT[self.kind]}/s"

    def __str__(self) -> str:
        """What binds, in words: `1,000 WU/s of one partition, by WEBHOOK#stripe`."""
        where = f"index {self.index}: " if self.index else ""
        return where + (self.resource if self.key is None else f"{self.resource}, by {named_key(self.key)}")


def named_key(key: str) -> str:
    """A key in a sentence; a bare number says that it is a key."""
    return f"key {key}" if key.isdigit() else key


def setting_bounds(requests: RequestSpread, table: Table, index: Index | None = None) -> Iterator[Bound]:
    """What binds whatever the keys are: provisioned capacity, a maximum, or the quota of a table."""
    for kind in KINDS:
        if asked := float(requests.units(kind).sum()):
            for resource, units in _allowed(table, index, kind):
                yield Bound(kind, resource, units, units / asked, units / asked * requests.requests_per_s)


def _allowed(table: Table, index: Index | None, kind: Kind) -> Iterator[tuple[str, float]]:
    capacity, unit = _capacity(table, index), f"{UNIT[kind]}/s"
    if isinstance(capacity, Provisioned):
        side = getattr(capacity, kind)
        scaled = " (auto scaling's maximum)" if isinstance(side, AutoScaling) else ""
        yield f"{_most(side):,.0f} {unit} provisioned{scaled}", _most(side)
        return
    maximum = getattr((index or table).max_throughput, kind, None)
    if maximum is not None:
        yield f"max_throughput of {maximum:,.0f} {unit}", float(maximum)
    yield f"the quota of {_QUOTAS[kind]:,} {unit} (adjustable)", float(_QUOTAS[kind])


def partitions_at_first(table: Table, index: Index | None = None, size: float = 0) -> int:
    """How many partitions a table or index of so many bytes has at first, with auto scaling at its minimum."""
    capacity, warm = _capacity(table, index), (index or table).warm_throughput
    provisioned: dict[Kind, float] | None = None
    if isinstance(capacity, Provisioned):
        provisioned = {kind: _least(getattr(capacity, kind)) for kind in KINDS}
    return first_partitions(provisioned, {kind: getattr(warm, kind, None) or 0.0 for kind in KINDS}, size)


def _capacity(table: Table, index: Index | None) -> object:
    return table.capacity if index is None or index.capacity is None else index.capacity


def _most(units: object) -> float:
    return float(units.max if isinstance(units, AutoScaling) else units)  # type: ignore[arg-type]


def _least(units: object) -> float:
    return float(units.min if isinstance(units, AutoScaling) else units)  # type: ignore[arg-type]
