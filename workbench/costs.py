"""Costs: what a design costs in a month, line by line and access pattern by access pattern.

Requests are priced by the mean of each pattern's `rate`; its `peak` decides what must be provisioned where capacity is
not on demand. Storage counts 100 bytes more for every item and index entry than their size, 148 if replicated. A table
is priced in the capacity mode and table class that its design states, and beside that in the others: on demand,
provisioned at the peak, provisioned with auto scaling over the curve of a day, reserved. What nobody can know from a
design is listed as not estimated and never counted as nothing. (AWS: bp-understanding-billing,
CostOptimization_TableCapacityMode, CostOptimization_TableClass, reserved-capacity.)

All patterns are taken to rise and fall together, so that peaks add up. A month has 730 hours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.capacity import storage_bytes
from workbench.design import Design
from workbench.expected import Expected, PatternUnits, expected_units
from workbench.items import Items, items_of
from workbench.limits import GB
from workbench.prices import CLASSES, HOURS, Prices, TableClass, load_prices
from workbench.results import Result, html_notes, html_table, usd
from workbench.ring import entry_sizes, is_in
from workbench.schema import Table
from workbench.spending import Spending, curve_note, has_provisioned, spendings
from workbench.spikes import Spike, spike
from workbench.usage import EXTRAS, check_usage

if TYPE_CHECKING:
    import pandas as pd

SECONDS = HOURS * 3600
FREE = "free tier"
UNIT_HOURS = ("read_unit_hours", "write_unit_hours")
REQUESTS = ("reads", "writes", "replicated writes")


@dataclass(frozen=True)
class CostLine:
    """One line of the bill: `quantity` of `what` in a month, for a table or one of its indexes."""

    table: str
    index: str
    line: str
    pattern: str
    what: str
    quantity: float
    table_class: TableClass
    usd: float


@dataclass(frozen=True)
class NotEstimated:
    """Something that may cost, and that the design does not say enough about."""

    what: str
    why: str


@dataclass(frozen=True, repr=False)
class Cost(Result):
    """What a design costs in a month of 730 hours, in US dollars."""

    design: Design
    prices: Prices
    lines: tuple[CostLine, ...]
    capacity: tuple[Spending, ...]
    not_estimated: tuple[NotEstimated, ...]
    expected: Expected = field(repr=False)
    warning: str = ""
    free_tier: bool = False
    curve_note: str = ""

    @cached_property
    def usd(self) -> float:
        """The whole month as the design states it."""
        return sum(line.usd for line in self.lines)

    def sum(self, **wanted: Any) -> float:
        """US dollars of the lines with these values, as `sum(table="Board", line="storage")`; a tuple is any of it."""
        return sum(line.usd for line in self.lines if _fits(line, wanted))

    def summary_line(self) -> str:
        requests = self.sum(line=REQUESTS)
        listed = f"{self.prices.region} prices of {self.prices.date}"
        return (
            f"{self.design.name}: {usd(self.usd)} a month, {usd(requests)} of it requests and "
            f"{usd(self.usd - requests)} storage and the rest; {listed}"
        )

    def to_frame(self) -> "pd.DataFrame":
        """A line per line of the bill: table, index, line, access pattern, quantity a month, US dollars a month."""
        import pandas as pd

        columns = ["table", "index", "line", "pattern", "what", "quantity_per_month", "table_class", "usd_per_month"]
        return pd.DataFrame(
            [[getattr(line, name.removesuffix("_per_month")) for name in columns] for line in self.lines],
            columns=columns,
        )

    @property
    def patterns(self) -> "pd.DataFrame":
        """A line per access pattern, in file order: calls a second, units and US dollars a month; NaN where unknown."""
        import pandas as pd

        return pd.DataFrame(
            {
                "pattern": line.pattern.name,
                "operation": line.pattern.operation,
                "rate_per_s": line.pattern.rate,
                "units_per_month": line.per_second(line.total.mean) * SECONDS,
                "usd_per_month": nan if _unknown(line) else self.sum(pattern=line.pattern.name),
                "note": _unknown(line),
            }
            for line in self.expected.lines
        )

    @property
    def modes(self) -> "pd.DataFrame":
        """What the month would cost in each capacity mode: requests, the rest, all, and beside the design as stated.

        Reservations are taken for what auto scaling provisions, over all tables; they are for the Standard class and
        not for replicated writes.
        """
        import pandas as pd

        requests = self.sum(line=REQUESTS) + self.sum(line=FREE, what=UNIT_HOURS)
        rest = self.usd - requests
        found = {"as designed": requests} | Spending.modes(self.capacity, self.prices, free_tier=self.free_tier)
        return pd.DataFrame(
            {"mode": mode, "requests_usd_per_month": spent, "rest_usd_per_month": rest, "usd_per_month": spent + rest}
            for mode, spent in found.items()
        )

    @property
    def throughput(self) -> "pd.DataFrame":
        """A line per table or index and kind: load, what must be provisioned, and US dollars a month in each mode."""
        import pandas as pd

        return pd.DataFrame([each.row(self.prices) for each in self.capacity])

    @property
    def classes(self) -> "pd.DataFrame":
        """A line per table: US dollars a month in the Standard and the Infrequent Access class; which is cheaper."""
        import pandas as pd

        return pd.DataFrame([_class_row(self, name) for name in self.design.tables])

    def spike(self, *, attempts: int = 3) -> Spike:
        """What an hour costs: a mean one, the worst, and a retry storm in which each call is sent `attempts` times.

        Three attempts are what AWS's SDKs make in their standard retry mode.
        """
        return spike(self.design, self.capacity, self.prices, attempts)

    def shown(self) -> dict[str, list[Any]]:
        """What people see: the access patterns that cost something, then the other lines, the dearest first."""
        rows = [(p["pattern"], p["operation"], p["usd_per_month"]) for p in self.patterns.to_dict("records")]
        rows = [row for row in rows if not isnan(row[2])]
        rest: dict[tuple[str, str], float] = {}
        for line in self.lines:
            if line.line not in REQUESTS or not line.pattern:
                what = f"{line.line}, unused" if line.line in REQUESTS else line.line
                key = (_place(line.table, line.index, self.design), what)
                rest[key] = rest.get(key, 0.0) + line.usd
        rows = sorted(rows, key=lambda row: -row[2])
        rows += [(place, what, cost) for (place, what), cost in sorted(rest.items(), key=lambda item: -item[1])]
        whole = self.usd or nan
        columns = {"access pattern or part": [row[0] for row in rows], "operation or line": [row[1] for row in rows]}
        return {
            **columns,
            "USD/month": [usd(row[2])[1:] for row in rows],
            "share": [f"{row[2] / whole:.1%}" if whole == whole else "" for row in rows],
        }

    def notes(self) -> list[str]:
        """In words: age of the prices, other capacity modes and table classes, and what is not estimated."""
        found = [self.warning] if self.warning else []
        modes = self.modes.to_dict("records")[1:]
        found.append("whole month: " + ", ".join(f"{usd(m['usd_per_month'])} {m['mode']}" for m in modes))
        found += [self.curve_note] if self.curve_note else []
        for row in self.classes.to_dict("records"):
            if row["saves_usd_per_month"] > 0.005:
                found.append(
                    f"{row['table']}: {usd(row['saves_usd_per_month'])} a month less as {row['cheaper']} "
                    f"({usd(row['standard_usd_per_month'])} Standard, {usd(row['ia_usd_per_month'])} Standard-IA)"
                )
        if inferred := sorted({f"{line.table_class} {line.what}" for line in self.lines if self._is_inferred(line)}):
            found.append(f"prices that are not from the list: {', '.join(inferred)}")
        return [*found, *(f"not estimated: {each.what}: {each.why}" for each in self.not_estimated)]

    def _is_inferred(self, line: CostLine) -> bool:
        return self.prices.is_inferred(line.what, line.table_class)

    def _html(self, rows: int) -> str:
        return html_table(self.shown(), self.summary_line(), rows) + html_notes(self.notes(), rows)


def estimate_cost(
    design: "Design | Items",
    prices: "str | Path | Mapping[str, Any] | Prices | None" = None,
    *,
    curve: Sequence[float] | None = None,
    usage: Mapping[str, Mapping[str, float]] | None = None,
    free_tier: bool = False,
    now: int | None = None,
) -> Cost:
    """What a design costs in a month: of a design over the items that it generates, or of items made already.

    `prices` is a TOML file like prices.toml, or the same as a mapping; `curve` the load of a day (1 to 1,440 numbers at
    even distances, as 24 for its hours; only their ratios count), in place of a smooth one that reaches the peaks; a
    note says where it is not as high as these. `usage` says by table what a design cannot:
    `{"Orders": {"backups": 7, "exports": 1, "restores": 0, "stream_reads": 2_000_000}}`, the number of whole backups
    that are kept, of whole tables exported and restored a month, of GetRecords calls a month.
    `free_tier` takes off what one account gets for nothing. With `now`, in epoch seconds, prices that are older than
    180 days are warned of. ValueError for prices, curve or usage that cannot be right.

    50 tables of 300 access patterns take under a second up to some 200,000 items; beyond, the time goes into making
    and weighing the items, which is saved where they are given, as `estimate_cost(generate_items(design))`.
    """
    items = items_of(design)
    listed, usage = load_prices(prices), dict(usage or {})
    check_usage(items.design, usage)
    expected = expected_units(items)
    capacity = tuple(spendings(expected, curve))
    lines = [*_request_lines(capacity, listed), *_storage_lines(items, listed), *_extra_lines(items, listed, usage)]
    lines += _free_lines(lines, listed) if free_tier else []
    unknown = (*_unknown_patterns(expected), *_unknown_lines(items.design, usage))
    told = listed.warning(now), free_tier, curve_note(expected, curve)
    return Cost(items.design, listed, tuple(lines), capacity, unknown, expected, *told)


def _fits(line: CostLine, wanted: Mapping[str, Any]) -> bool:
    return all(
        getattr(line, name) in (value if isinstance(value, tuple) else (value,)) for name, value in wanted.items()
    )


def _place(table: str, index: str, design: Design) -> str:
    return f"{table}, index {index}" if index else table or design.name


# Lines


def _request_lines(capacity: Sequence[Spending], prices: Prices) -> Iterator[CostLine]:
    """Requests as the design states their mode: on demand by what is consumed, else what is provisioned, shared out."""
    for spent in capacity:
        what, quantity = spent.bought()
        for stream, share in spent.shares():
            amount = quantity * share
            yield CostLine(
                spent.table, stream.index, spent.line, stream.pattern, what, amount, spent.table_class,
                prices.usd(what, amount, spent.table_class),
            )  # fmt: skip


def _storage_lines(items: Items, prices: Prices) -> Iterator[CostLine]:
    for table in items.design.tables.values():
        for index, stored in stored_bytes(items, table).items():
            yield _line(table, index, "storage", "storage_gb", stored / GB * regions(table), prices)
        if table.pitr:
            yield _line(table, "", "point-in-time recovery", "pitr_gb", backed_up_gb(items, table), prices)


def stored_bytes(items: Items, table: Table) -> dict[str, int]:
    """Bytes that are billed for a table ('') and for each of its indexes, in one region."""
    found = {"": 0, **dict.fromkeys(table.indexes, 0)}
    for entity in items.in_table(table.name):
        found[""] += storage_bytes(len(entity), int(entity.sizes.sum()), global_tables=bool(table.replicas))
        for name, index in table.indexes.items():
            there = is_in(entity, index)
            if there.any():
                found[name] += storage_bytes(int(there.sum()), int(entry_sizes(entity, index)[there].sum()))
    return found


def backed_up_gb(items: Items, table: Table) -> float:
    """GB that a backup of a table holds: its items and its local indexes, in one region."""
    stored = stored_bytes(items, table)
    return (stored[""] + sum(stored[name] for name in table.lsi)) / GB


def regions(table: Table) -> int:
    """In how many regions a table stands, its own included."""
    return 1 + len(table.replicas)


def _extra_lines(items: Items, prices: Prices, usage: Mapping[str, Mapping[str, float]]) -> Iterator[CostLine]:
    for name, amounts in usage.items():
        table = items.design.tables[name]
        for extra, amount in amounts.items():
            line, what = EXTRAS[extra]
            quantity = amount if what in ("stream_reads", "kinesis_units") else amount * backed_up_gb(items, table)
            yield _line(table, "", line, what, quantity, prices)


def _line(table: Table, index: str, line: str, what: str, quantity: float, prices: Prices) -> CostLine:
    cost = prices.usd(what, quantity, table.table_class)
    return CostLine(table.name, index, line, "", what, quantity, table.table_class, cost)


def _free_lines(lines: Sequence[CostLine], prices: Prices) -> Iterator[CostLine]:
    """What the free tier takes off, over all tables: a line each with a negative amount."""
    used: dict[str, float] = {}
    for line in lines:
        if line.table_class == "STANDARD":
            used[line.what] = used.get(line.what, 0.0) + line.quantity
    for what, quantity in used.items():
        off = prices.usd(what, quantity, free_tier=True) - prices.usd(what, quantity)
        if off < 0:
            free = off / prices.price(what)
            yield CostLine("", "", FREE, "", what, free, "STANDARD", off)


def _class_row(cost: Cost, table: str) -> dict[str, Any]:
    """A table's lines in both classes; what does not depend on the class is in both."""
    lines = [line for line in cost.lines if line.table == table]
    whole = [sum(cost.prices.usd(line.what, line.quantity, each) for line in lines) for each in CLASSES]
    storage = sum(line.usd for line in lines if line.line == "storage")
    stated = cost.design.tables[table].table_class
    best = CLASSES[whole[1] < whole[0]]
    return {
        "table": table,
        "stated": stated,
        "standard_usd_per_month": whole[0],
        "ia_usd_per_month": whole[1],
        "storage_share": storage / (sum(line.usd for line in lines) or nan),
        "cheaper": best,
        "saves_usd_per_month": whole[CLASSES.index(stated)] - min(whole),
    }


# What is not estimated


def _has_conditions(design: Design, table: str) -> bool:
    """Whether a write to a table has a condition that may fail."""
    patterns = [each for each in design.access_patterns.values() if design.table_for(each).name == table]
    return any(part.condition for each in patterns for part in (each, *each.actions))


def _unknown(line: PatternUnits) -> str:
    """Why nothing can be said of what a pattern costs; empty where something can."""
    return line.note or ("" if line.pattern.rate is not None else "no rate is stated")


def _unknown_patterns(expected: Expected) -> Iterator[NotEstimated]:
    for line in expected.lines:
        if why := _unknown(line):
            yield NotEstimated(f"access pattern {line.pattern.name}", why)


def _unknown_lines(design: Design, usage: Mapping[str, Mapping[str, float]]) -> Iterator[NotEstimated]:
    for name, table in design.tables.items():
        said = usage.get(name, {})
        if table.stream and "stream_reads" not in said:
            why = "GetRecords calls are not in the design (those of Lambda triggers are free); say usage stream_reads"
            yield NotEstimated(f"stream of {name}", why)
        if table.replicas:
            yield NotEstimated(f"transfer of {name} to {', '.join(table.replicas)}", "traffic between regions is extra")
            yield NotEstimated(f"prices in {', '.join(table.replicas)}", "the same prices are taken in every region")
        if table.replicas and _has_conditions(design, name):
            why = "they count in every region, though nothing changes that must be replicated: at most as much"
            yield NotEstimated(f"writes to {name} that fail their condition", why)
        if table.replicas and has_provisioned(design, name):
            yield NotEstimated(f"reads in the replicas of {name}", "provisioned reads are counted in one region")
        if table.replicas and table.ttl:
            yield NotEstimated(f"expiry in {name}", "each deletion by TTL is a replicated write in every other region")
        if table.replicas and table.pitr:
            yield NotEstimated(f"recovery of replicas of {name}", "point-in-time recovery is set for each replica")
        if any(part.warm_throughput for part in (table, *table.gsi.values())):
            yield NotEstimated(
                f"warm throughput of {name}", "raising it costs once, at a price that is not in the list"
            )
    if unsaid := [
        name for name in design.tables if not {"backups", "restores", "exports"} & usage.get(name, {}).keys()
    ]:
        why = "how often is not in the design; say usage backups, restores, exports"
        yield NotEstimated(f"backups, restores and exports of {', '.join(unsaid)}", why)
    yield NotEstimated("DAX, Contributor Insights, KMS, data transfer out", "they are billed as other products")
