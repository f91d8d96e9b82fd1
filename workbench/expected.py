"""Expected units: what each access pattern will consume, from the design alone.

No engine is needed to know what a design costs: the items have sizes, the keys have popularity, and DynamoDB's rules
turn both into units. For every access pattern the units of one call are a distribution (mean, median, 95th
percentile, the most), on the table and on each index that it reads or writes, and with its rate so many units a
second. What an index adds to the writes of its table is its write amplification.
(AWS: read-write-operations, bp-indexes-general.)

Sums over items are exact; what is drawn, with the items' seed, says so in `basis`: new items, Queries of a range or
with a limit, the members of batches and transactions. Beyond that, new values are taken to be drawn as the stored ones
were, members of a transaction to be independent, and pages of 1 MB to hold items of the collection's mean size.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import isnan, nan
from typing import TYPE_CHECKING, Any, Literal

from workbench.capacity import Units, replicated_units
from workbench.design import AccessPattern, Design
from workbench.items import Items, items_of
from workbench.load import Kind
from workbench.members import fitting
from workbench.outcomes import Costs, PerCall, TableIndex
from workbench.results import Result, html_notes, html_table, number
from workbench.schema import Table
from workbench.serving import unserved_reason

if TYPE_CHECKING:
    import pandas as pd

At = Literal["rate", "peak"]
UNITS: dict[Kind, str] = {"read": "RU", "write": "WU"}
NOTHING = PerCall(nan, nan, nan, nan)


@dataclass(frozen=True)
class PatternUnits:
    """What one access pattern consumes: per call in total and by index; or in `note` why nothing can be said."""

    pattern: AccessPattern
    total: PerCall
    by_index: dict[TableIndex, PerCall]
    basis: str = ""
    note: str = ""

    @property
    def kind(self) -> Kind:
        """Whether it consumes read or write units."""
        return "read" if self.pattern.is_read else "write"

    def per_second(self, mean: float, at: At = "rate") -> float:
        """Units a second of so many units a call; NaN without a rate."""
        rate = self.pattern.rate if at == "rate" else self.pattern.peak_rate
        return nan if rate is None else mean * rate


@dataclass(frozen=True)
class IndexUnits:
    """Write units a second of an index, and of its table alone, over all writes that have a rate."""

    table: str
    index: str
    kind: str
    projection: str
    table_units_per_s: float
    index_units_per_s: float

    @property
    def amplification(self) -> float:
        """Index write units for each write unit of the table; NaN if nothing writes to the table."""
        return self.index_units_per_s / self.table_units_per_s if self.table_units_per_s else nan


@dataclass(frozen=True)
class RegionUnits:
    """Write units a second of a global table, in all its regions together, over all writes that have a rate.

    The table and its local indexes consume replicated write units, one in each region; global indexes plain ones, in
    each region as well (AWS: global-tables-billing).
    """

    table: str
    regions: int
    replicated_units_per_s: float
    index_units_per_s: float


@dataclass(frozen=True, repr=False)
class Expected(Result):
    """What the access patterns of a design consume, in file order, those that no key serves included."""

    design: Design
    items: int
    at: At
    lines: tuple[PatternUnits, ...]

    def units_per_s(self, kind: Kind, at: At | None = None) -> float:
        """All read or all write units a second, of the patterns that have a rate."""
        found = [line.per_second(line.total.mean, at or self.at) for line in self.lines if line.kind == kind]
        return sum(units for units in found if units == units)

    def summary_line(self) -> str:
        served = sum(1 for line in self.lines if not line.note)
        loads = " and ".join(f"{number(self.units_per_s(kind))} {unit}/s" for kind, unit in UNITS.items())
        when = "at peak" if self.at == "peak" else "at the mean rate"
        return f"{self.design.name}: {loads} {when}, expected of {served} access patterns on {self.items:,} items"

    def to_frame(self) -> "pd.DataFrame":
        """A line per pattern, table and index ('' for the table itself): units per call and per second."""
        import pandas as pd

        return pd.DataFrame([
            {**_named(line), "table": table, "index": index, **_numbers(line, units), "note": line.note}
            for line in self.lines
            for (table, index), units in (line.by_index or {("", ""): line.total}).items()
        ])  # fmt: skip

    @property
    def patterns(self) -> "pd.DataFrame":
        """A line per pattern: units per call, indexes included, and per second; `basis` says what they follow from."""
        import pandas as pd

        return pd.DataFrame([
            {**_named(line), **_numbers(line, line.total), "rate_per_s": line.pattern.rate,
             "peak_per_s": line.pattern.peak_rate, "basis": line.basis, "note": line.note}
            for line in self.lines
        ])  # fmt: skip

    @property
    def amplified(self) -> tuple[IndexUnits, ...]:
        """What each index adds to the writes of its table."""
        return tuple(_index_units(self, table, name) for table in self.design.tables.values() for name in table.indexes)

    @property
    def indexes(self) -> "pd.DataFrame":
        """A line per index: write units a second of its table and its own, and its write amplification."""
        import pandas as pd

        columns = [*IndexUnits.__dataclass_fields__, "amplification"]
        return pd.DataFrame([[getattr(one, name) for name in columns] for one in self.amplified], columns=columns)

    @property
    def replicated(self) -> tuple[RegionUnits, ...]:
        """What the writes to each global table come to in all its regions."""
        return tuple(_region_units(self, table) for table in self.design.tables.values() if table.replicas)

    @property
    def regions(self) -> "pd.DataFrame":
        """A line per global table: its regions, and replicated and index write units a second in all of them."""
        import pandas as pd

        return pd.DataFrame(
            [[getattr(one, name) for name in RegionUnits.__dataclass_fields__] for one in self.replicated],
            columns=[*RegionUnits.__dataclass_fields__],
        )

    def shown(self) -> dict[str, list[Any]]:
        """What people see: by heading a column over the patterns that are served; columns that say nothing left out."""
        served = [line for line in self.lines if not line.note]
        columns = {heading: [cell(self, line) for line in served] for heading, cell in _SHOWN.items()}
        return {heading: cells for heading, cells in columns.items() if any(c == c and c != "" for c in cells)}

    def notes(self) -> list[str]:
        """In words: the patterns that consume nothing and why, the load in all, and what each index adds to it."""
        found = [f"{line.pattern.name}: {line.note}" for line in self.lines if line.note]
        for kind, unit in UNITS.items():
            if mean := self.units_per_s(kind, "rate"):
                found.append(f"all {kind}s: {number(mean)} {unit}/s, {number(self.units_per_s(kind, 'peak'))} at peak")
        when = " at peak" if self.at == "peak" else ""
        for one in self.amplified:
            if one.table_units_per_s:
                load = f"{number(one.index_units_per_s)} WU/s beside {number(one.table_units_per_s)} on {one.table}"
                name = f"{'local ' * (one.kind == 'lsi')}index {one.index} ({one.projection})"
                found.append(f"{name}: {load}{when}, x {number(one.amplification)}")
        for table in self.replicated:
            own = f"{number(table.replicated_units_per_s)} replicated WU/s"
            more = f" and {number(table.index_units_per_s)} WU/s of global indexes" * bool(table.index_units_per_s)
            found.append(f"global table {table.table}: {own}{more} in its {table.regions} regions together{when}")
        return found

    def _html(self, rows: int) -> str:
        table = html_table(self.shown(), self.summary_line(), rows)
        return f"{table}<div>{LEGEND}</div>{html_notes(self.notes(), rows)}"

    def _by_index(self, line: PatternUnits) -> str:
        """The mean of the table and each index, where there are others than the table."""
        several = len(self.design.tables) > 1
        shown = [
            f"{index or (table if several else 'table')} {number(units.mean)}"
            for (table, index), units in line.by_index.items()
        ]
        return ", ".join(shown) if len(shown) > 1 or any(index for _, index in line.by_index) else ""


LEGEND = (
    "Units are per call: mean, median, 95th percentile and the most that it can be, index entries included. They are "
    "counted over all items; new items, ranges, limits, batches and transactions are drawn with the seed."
)
_SHOWN: dict[str, Callable[[Expected, PatternUnits], Any]] = {
    "access pattern": lambda found, line: line.pattern.name,
    "operation": lambda found, line: line.pattern.operation,
    "mean": lambda found, line: line.total.mean,
    "p50": lambda found, line: line.total.p50,
    "p95": lambda found, line: line.total.p95,
    "max": lambda found, line: line.total.most,
    "unit": lambda found, line: UNITS[line.kind],
    "units/s": lambda found, line: line.per_second(line.total.mean),
    "at peak": lambda found, line: line.per_second(line.total.mean, "peak"),
    "mean by table and index": Expected._by_index,
}


def expected_units(items: "Items | Design", *, at: At = "rate") -> Expected:
    """What each access pattern consumes, per call and per second; of a design, over the items that it generates.

    `at` says for which load write amplification and totals are: the mean rate (for cost) or the peak (for limits).
    Units are read or write units. ValueError if an item would pass 400 KB.
    """
    if at not in ("rate", "peak"):
        raise ValueError(f"at={at!r}: either 'rate' (the mean, for cost) or 'peak' (the highest, for limits)")
    items = items_of(items)
    costs = Costs(items)
    return Expected(items.design, len(items), at, tuple(_lines(costs, items.design)))


def _lines(costs: Costs, design: Design) -> Iterator[PatternUnits]:
    asked = costs.items.asked
    for pattern in design.access_patterns.values():
        yield _line(costs, design, pattern) if asked is None else _kept(asked, costs, design, pattern)


def _kept(asked: dict[str, Any], costs: Costs, design: Design, pattern: AccessPattern) -> PatternUnits:
    """The units of a pattern over the same items as before: what a call consumes does not follow from its rate."""
    call = pattern.model_copy(update={"rate": None, "peak": None})
    if pattern.name not in asked or asked[pattern.name][0] != call:
        asked[pattern.name] = call, _line(costs, design, pattern)
    return replace(asked[pattern.name][1], pattern=pattern)


def _line(costs: Costs, design: Design, pattern: AccessPattern) -> PatternUnits:
    if pattern.unserved is not None:
        return PatternUnits(pattern, NOTHING, {}, note=f"not served: {unserved_reason(design, pattern)}")
    found = costs.outcomes(pattern)
    if not found.possible:
        note = f"no items {fitting(design, pattern)}, so that it is never called"
        return PatternUnits(pattern, NOTHING, {}, note=note)
    by_index = {where: found.per_call(where) for where in _in_order(design, found.by_index)}
    return PatternUnits(pattern, found.per_call(), by_index, found.basis)


def _in_order(design: Design, by_index: dict[TableIndex, Any]) -> list[TableIndex]:
    """Tables before their indexes, as they stand in the design."""
    every = [(table.name, index) for table in design.tables.values() for index in ("", *table.indexes)]
    return [where for where in every if where in by_index]


def _index_units(expected: Expected, table: Table, name: str) -> IndexUnits:
    index, units = table.indexes[name], _written(expected, table)
    projection = index.projection if isinstance(index.projection, str) else ", ".join(index.projection)
    own = {**units.gsi, **units.lsi}.get(name, 0.0)
    return IndexUnits(table.name, name, index.kind, projection, units.table, own)


def _region_units(expected: Expected, table: Table) -> RegionUnits:
    regions = 1 + len(table.replicas)
    units = replicated_units(_written(expected, table), regions)
    return RegionUnits(table.name, regions, units.table + sum(units.lsi.values()), sum(units.gsi.values()))


def _written(expected: Expected, table: Table) -> Units:
    """Write units a second in the table's own region, over all writes that have a rate."""
    total = Units()
    for line in expected.lines:
        each = {index: line.per_second(units.mean, expected.at) for (name, index), units in line.by_index.items()
                if name == table.name}  # fmt: skip
        if line.kind == "write" and not isnan(sum(each.values())):
            gsi, lsi = ({n: each[n] for n in names if n in each} for names in (table.gsi, table.lsi))
            total += Units(each.get("", 0.0), gsi, lsi)
    return total


def _named(line: PatternUnits) -> dict[str, Any]:
    return {"pattern": line.pattern.name, "operation": line.pattern.operation, "kind": line.kind}


def _numbers(line: PatternUnits, units: PerCall) -> dict[str, float]:
    return {
        "mean_units": units.mean,
        "p50_units": units.p50,
        "p95_units": units.p95,
        "max_units": units.most,
        "units_per_s": line.per_second(units.mean),
        "peak_units_per_s": line.per_second(units.mean, "peak"),
    }
