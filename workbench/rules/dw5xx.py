"""DW5xx: traffic and cost. Peaks against what the table serves, and settings against what it needs."""

from collections.abc import Iterator

from workbench import limits
from workbench.evidence import Evidence
from workbench.findings import Finding, Place
from workbench.load import Kind
from workbench.results import percent
from workbench.ring import entry_sizes, is_in
from workbench.rules.registry import rule
from workbench.schema import Index, Provisioned, Table, Throughput, most_units
from workbench.spreads import KINDS, UNIT, rate_text
from workbench.thresholds import (
    CHEAPER_ON_DEMAND,
    MONTH_SECONDS,
    PEAK_MULTIPLE,
    STORAGE_SHARE,
    THROTTLED_ERROR,
    THROTTLED_WARNING,
)

_SLACK = 1e-6  # what a sum of shares leaves behind is no unit
NEW_TABLE: dict[Kind, int] = {"read": limits.ON_DEMAND_READ_UNITS, "write": limits.ON_DEMAND_WRITE_UNITS}
QUOTA: dict[Kind, int] = {"read": limits.TABLE_READ_UNITS, "write": limits.TABLE_WRITE_UNITS}


def _by_index(evidence: Evidence) -> Iterator[tuple[Table, Index | None, Place, Kind, float, float]]:
    """Every table and global index with its units a second, at the mean rate and at peak."""
    for table, name, place in evidence.places():
        for kind in KINDS:
            index = table.gsi[name] if name else None
            mean, peak = (evidence.units_per_s(kind, table.name, name, at=at) for at in ("rate", "peak"))
            yield table, index, place, kind, mean, peak


def _capacity(table: Table, index: Index | None) -> object:
    return index.capacity if index is not None and index.capacity is not None else table.capacity


def _throughput(part: Table | Index, which: str, kind: Kind) -> float | None:
    stated: Throughput | None = getattr(part, which)
    return getattr(stated, kind) if stated else None


@rule("DW501", "warning")
def spike_above_twice_the_peak(evidence: Evidence) -> Iterator[Finding]:
    """An on-demand peak above twice of what the table has served.

    What it does
        Compares the peak of an on-demand table or global index with what it serves at once: 4,000 writes and 12,000
        reads a second when new, twice of what it usually serves, or its warm throughput.
    Why it is bad
        On-demand grows with the load, but not in an instant: more than twice the previous peak within 30 minutes may
        be throttled. That is the launch, the sale, the import.
    Example
        tables:
          Votes: {partition_key: vote}
        access_patterns:
          vote: {operation: PutItem, rate: 200/s, peak: 9_000/s}
    Use instead
        `warm_throughput: {write: 9_000}` set before the day; or let the load rise over half an hour.
    Source
        AWS: on-demand-capacity-mode, warm-throughput.
    """
    for table, index, place, kind, mean, peak in _by_index(evidence):
        warm = _throughput(index or table, "warm_throughput", kind) or 0
        ready = max(NEW_TABLE[kind], PEAK_MULTIPLE * mean, warm)
        if _capacity(table, index) == "on-demand" and ready * (1 + _SLACK) < peak:
            unit = UNIT[kind]
            message = (
                f"{kind}s rise from {rate_text(mean)} to {rate_text(peak)} {unit}/s at peak, and "
                f"{rate_text(ready)} are served at once"
            )
            fix = f"set warm_throughput: {{{kind}: {peak:_.0f}}} ahead of the peak, or let the load rise in 30 minutes"
            low = unit.lower()
            facts = {f"mean_{low}_per_s": mean, f"peak_{low}_per_s": peak, f"ready_{low}_per_s": ready}
            yield evidence.finding("DW501", "warning", place, message, fix, **facts)


@rule("DW502", "note")
def no_maximum(evidence: Evidence) -> Iterator[Finding]:
    """An on-demand table without a maximum throughput.

    What it does
        Finds an on-demand table with user-facing traffic under the quota that sets no `max_throughput`.
    Why it is bad
        A retry loop or an attack is served, and paid for, up to the account's quota: usually 40,000 units a second for
        reads and writes each. A maximum caps the bill.
    Example
        tables:
          Orders: {partition_key: order_id}
    Use instead
        `max_throughput: {read: 4_000, write: 1_000}`, with room above the peak.
    Source
        AWS: on-demand-capacity-mode-max-throughput.
    """
    for table in evidence.design.tables.values():
        facing = [p for p in evidence.asking(table.name) if p.user_facing and p.rate]
        stated = table.max_throughput
        missing: list[Kind] = [kind for kind in KINDS if not (stated and getattr(stated, kind))]
        asked: list[Kind] = [kind for kind in missing if any(p.is_read == (kind == "read") for p in facing)]
        used: list[Kind] = [kind for kind in asked if 0 < evidence.units_per_s(kind, table.name) < QUOTA[kind]]
        if table.capacity == "on-demand" and used:
            peaks: dict[Kind, float] = {kind: evidence.units_per_s(kind, table.name) for kind in used}
            words = " and ".join(f"{kind}s peak at {rate_text(peak)} {UNIT[kind]}/s" for kind, peak in peaks.items())
            message = f"{words}, and a client in a loop is served up to 40,000, the account's quota"
            wanted = ", ".join(f"{kind}: {_maximum(kind, peak):_}" for kind, peak in peaks.items())
            fix = f"max_throughput: {{{wanted}}}"
            facts = {f"peak_{UNIT[kind].lower()}_per_s": peak for kind, peak in peaks.items()}
            yield evidence.finding("DW502", "note", ("tables", table.name), message, fix, **facts)


def _maximum(kind: Kind, peak: float) -> int:
    """A maximum with room above the peak, and not above the quota, where it would cap nothing."""
    return min(max(10, 2 * round(peak)), QUOTA[kind])


@rule("DW503", "warning")
def over_the_quota(evidence: Evidence) -> Iterator[Finding]:
    """More than the quota of a table.

    What it does
        Finds a table or global index that needs more than 40,000 read or write units a second at peak.
    Why it is bad
        The account's quota throttles it, whatever the capacity mode.
    Example
        access_patterns:
          ingest: {operation: PutItem, rate: 50_000/s}
    Use instead
        A quota increase, asked for in time; or larger writes in place of many small ones.
    Source
        AWS: ServiceQuotas.
    """
    for table, _, place, kind, _, peak in _by_index(evidence):
        if peak > QUOTA[kind] * (1 + _SLACK):
            message = (
                f"{kind}s take {rate_text(peak)} {UNIT[kind]}/s at peak; the quota of {table.name} is {QUOTA[kind]:,}"
            )
            fix = "ask for a higher table-level quota before the peak"
            facts = {f"peak_{UNIT[kind].lower()}_per_s": peak, "quota": QUOTA[kind]}
            yield evidence.finding("DW503", "warning", place, message, fix, **facts)


@rule("DW504", "error")
def under_provisioned(evidence: Evidence) -> Iterator[Finding]:
    """Less capacity than the load takes.

    What it does
        Compares provisioned capacity, or the maximum of auto scaling or of on-demand, with the units at peak. Reads of
        global indexes are judged with the index; their writes are DW206.
    Why it is bad
        What is over the limit is throttled. Burst covers five minutes of what was left unused before.
    Example
        tables:
          Orders: {partition_key: order_id, capacity: {read: 20, write: 10}}
        access_patterns:
          read: {operation: GetItem, rate: 100/s}
    Use instead
        Capacity for the peak, auto scaling with that maximum, or on-demand.
    Source
        AWS: provisioned-capacity-mode, burst-adaptive-capacity.
    """
    for table, index, place, kind, _, peak in _by_index(evidence):
        if index is not None and kind == "write":
            continue
        capacity = _capacity(table, index)
        ceilings = [(most_units(getattr(capacity, kind)), "capacity")] if isinstance(capacity, Provisioned) else []
        if most := _throughput(index or table, "max_throughput", kind):
            ceilings.append((most, "maximum throughput"))
        for most, what in ceilings:
            if peak > most * (1 + _SLACK):
                message = f"{kind}s take {rate_text(peak)} {UNIT[kind]}/s at peak, and the {what} is {rate_text(most)}"
                fix = f"raise the {kind} {what} to {peak:,.0f} at least"
                facts = {f"peak_{UNIT[kind].lower()}_per_s": peak, "most_per_s": most}
                yield evidence.finding("DW504", "error", place, message, fix, **facts)


@rule("DW505", "note")
def cheaper_on_demand(evidence: Evidence) -> Iterator[Finding]:
    """Provisioned capacity that is mostly idle.

    What it does
        Finds fixed provisioned capacity whose mean load is under 29 % of it.
    Why it is bad
        At list prices on-demand is cheaper below 28.9 % utilisation, and needs no planning.
    Example
        tables:
          Orders: {partition_key: order_id, capacity: {read: 500, write: 200}}
        access_patterns:
          place: {operation: PutItem, rate: 10/s}
    Use instead
        `capacity: on-demand`; auto scaling, where the load is steady; reserved capacity moves the limit to 7 to 13 %.
    Source
        AWS: CostOptimization_TableCapacityMode (below 35 %); list prices give 28.9 %.
    """
    for table, index, place, kind, mean, peak in _by_index(evidence):
        capacity = _capacity(table, index)
        stated = getattr(capacity, kind) if isinstance(capacity, Provisioned) else None
        if isinstance(stated, float | int) and 0 < mean < CHEAPER_ON_DEMAND * stated and peak <= stated:
            used = percent(mean / stated)
            message = (
                f"{kind}s use {used} of {stated:,.0f} provisioned units on average; on-demand is cheaper under 29 %"
            )
            facts = {f"mean_{UNIT[kind].lower()}_per_s": mean, "provisioned": stated}
            yield evidence.finding("DW505", "note", place, message, "take on-demand, or auto scaling", **facts)


@rule("DW506", "note")
def storage_outweighs_traffic(evidence: Evidence) -> Iterator[Finding]:
    """A table that costs more to keep than to use.

    What it does
        Finds an on-demand table of class STANDARD of which storage is half of the cost or more.
    Why it is bad
        Standard-Infrequent Access stores at 40 % of the price, for a quarter more per request.
    Example
        tables:
          Archive: {partition_key: id}
    Use instead
        `table_class: STANDARD_INFREQUENT_ACCESS`; it can be changed twice in 30 days.
    Source
        AWS: CostOptimization_TableClass (half of the cost or more).
    """
    for table in evidence.design.tables.values():
        traffic = sum(
            evidence.units_per_s(kind, table.name, name, at="rate") * MONTH_SECONDS * _PRICE[kind]
            for kind in KINDS
            for name in (None, *table.indexes)
        )
        size = _stored(evidence, table)
        storage = size / limits.GB * _STORAGE_PRICE
        standard = table.table_class == "STANDARD" and table.capacity == "on-demand"
        if standard and traffic and storage >= _WORTH and storage >= STORAGE_SHARE * (storage + traffic):
            message = f"storing {size / limits.GB:,.0f} GB is {percent(storage / (storage + traffic))} of what it costs"
            fix = "table_class: STANDARD_INFREQUENT_ACCESS"
            facts = {"stored_bytes": size, "storage_usd_per_month": storage, "traffic_usd_per_month": traffic}
            yield evidence.finding("DW506", "note", ("tables", table.name), message, fix, **facts)


# us-east-1 at list price, 2026: $ per unit and per GB and month; 25 GB are free
_PRICE: dict[Kind, float] = {"read": 0.125e-6, "write": 0.625e-6}
_STORAGE_PRICE = 0.25
_WORTH = 10.0  # $ a month below which nobody changes a table class


def _stored(evidence: Evidence, table: Table) -> float:
    """Bytes that are billed for a table and its indexes: 100 more for each item and entry."""
    total = 0.0
    for entity in evidence.items.in_table(table.name) if evidence.items is not None else ():
        total += float(entity.sizes.sum()) + limits.STORED_ITEM_OVERHEAD_BYTES * len(entity)
        for index in table.indexes.values():
            there = is_in(entity, index)
            entries = float(entry_sizes(entity, index)[there].sum())
            total += entries + limits.STORED_ITEM_OVERHEAD_BYTES * int(there.sum())
    return total


@rule("DW507", "note")
def one_key_batches(evidence: Evidence) -> Iterator[Finding]:
    """Batches that write into one partition key.

    What it does
        Finds a BatchWriteItem job whose items share the partition key, at a rate of half of one partition's writes or
        more.
    Why it is bad
        A load in key order writes into one partition after the other, while the others wait.
    Example
        access_patterns:
          import: {operation: BatchWriteItem, entity: Reading, count: 25, same: [sensor], rate: 40/s}
    Use instead
        Items of many partition keys in each batch: sort the load by something else.
    Source
        AWS: bp-partition-key-data-upload.
    """
    for pattern in (p for p in evidence.served if p.operation == "BatchWriteItem" and p.same and p.peak_rate):
        table = evidence.design.table_for(pattern)
        template = evidence.design.domains_of(evidence.design.addressed(pattern)[0].name).get(table.partition_key)
        fields = template.template.fields if template and template.template else (table.partition_key,)
        units = evidence.mean_units(pattern) * (pattern.peak_rate or 0)
        if set(fields) <= set(pattern.same) and units >= limits.PARTITION_WRITE_UNITS / 2:
            message = (
                f"each batch writes one {' and '.join(fields)}: {rate_text(units)} WU/s, one partition after the other"
            )
            fix = "put items of many partition keys in each batch"
            yield evidence.finding("DW507", "note", evidence.place(pattern), message, fix, peak_wu_per_s=units)


@rule("DW508", "error", "simulation")
def throttled_in_simulation(evidence: Evidence) -> Iterator[Finding]:
    """Requests that a simulation turns away.

    What it does
        Reads the simulation: an access pattern that loses 1 % of its requests or more is an error, one that loses a
        thousandth a warning. The reason is the service's own name for it.
    Why it is bad
        Clients retry and wait, queues grow, and what is not retried is lost.
    Example
        access_patterns:
          record: {operation: PutItem, rate: 30/s, peak: 1_500/s}
    Use instead
        What the other findings say of its table and index; `wb.charts.heat(simulation)` shows the key and the minute.
    Source
        AWS: throttling-diagnosing-workflow (reasons), bp-partition-key-design.
    """
    summary = evidence.simulation.summary()
    for name, share in summary.throttled_share.items():
        if share < THROTTLED_WARNING or name not in evidence.design.access_patterns:
            continue
        reasons = {why: part for (pattern, why), part in summary.by_reason.items() if pattern == name and part > 0}
        main = max(reasons, key=lambda why: reasons[why], default="")
        span = f"{evidence.simulation.duration_s:,} s of {evidence.simulation.load} load"
        message = f"loses {percent(share)} of its requests in {span}, most of them to {main}"
        severity = "error" if share >= THROTTLED_ERROR else "warning"
        fix = "see the findings of its table and indexes; charts.heat(simulation) shows which key, and when"
        place = ("access_patterns", name)
        yield evidence.finding("DW508", severity, place, message, fix, throttled_share=share, reason=main)
