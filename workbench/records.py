"""Records: what is noted of each call of a run, and the sums over them.

One record a call: items, units by us and by the engine, latency, error. One charge for each table or index of each of
its requests. A call that failed unexpectedly, or a write that was sent twice, is counted and says nothing of what its
pattern costs.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.attempts import UNKNOWN
from workbench.capacity import Units
from workbench.design import READS, AccessPattern, Design
from workbench.errata import TableIndex, Verdict
from workbench.metered import Metered
from workbench.requests import Call

Record = Mapping[str, Any]


def call_record(
    design: Design,
    pattern: AccessPattern,
    i: int,
    call: Call,
    metered: list[Metered],
    verdicts: list[Verdict],
    as_expected: bool,
) -> dict[str, Any]:
    """One call: what it read and returned, what it consumed by us and by the engine, how long, and how it ended."""
    engine = [m.engine_units for m in metered if m.engine_units is not None]
    # of a write that was sent twice, or whose answer was lost, nobody knows them
    known = pattern.is_read or not any(m.repeats or m.error == UNKNOWN for m in metered)
    return {
        "pattern": pattern.name,
        "operation": pattern.operation,
        "table": design.table_for(pattern).name,
        "index": pattern.index or "",
        "call": i,
        "requests": len(call.requests),
        "pages": sum(m.pages for m in metered),
        "items_scanned": sum(m.scanned for m in metered),
        "items_returned": sum(m.count for m in metered),
        "read_units": sum(u.total for m in metered for u in m.reads.values()),
        "write_units": sum(u.total for m in metered for u in m.writes.values()) if known else math.nan,
        "engine_units": sum(engine) if engine else None,
        "errata": tuple(dict.fromkeys(erratum for one in verdicts for erratum in one.errata)),
        "latency_ms": 1000 * sum(m.seconds for m in metered),
        "repeats": sum(m.repeats for m in metered),
        "error": next((m.error for m in metered if m.error), ""),
        "as_expected": as_expected,
        "steps": tuple(step for m in metered for step in m.steps),
    }


def call_charges(
    pattern: AccessPattern, i: int, metered: list[Metered], verdicts: list[Verdict]
) -> Iterator[dict[str, Any]]:
    """Each request's units by table and index, ours and the engine's."""
    kind = "read" if pattern.is_read else "write"
    for one, said in zip(metered, verdicts, strict=True):
        ours = {where: n for table, units in (one.reads if pattern.is_read else one.writes).items()
                for where, n in _by_index(table, units)}  # fmt: skip
        for table, index in {**ours, **(said.by_index or {})}:
            yield {
                "pattern": pattern.name,
                "call": i,
                "table": table,
                "index": index,
                "kind": kind,
                "units": ours.get((table, index), 0.0),
                "engine_units": None if said.by_index is None else said.by_index.get((table, index), 0.0),
            }


def _by_index(table: str, units: Units) -> Iterator[tuple[TableIndex, float]]:
    if units.table:
        yield (table, ""), units.table
    for name, amount in (*units.gsi.items(), *units.lsi.items()):
        yield (table, name), amount


def lines_by_index(
    records: tuple[dict[str, Any], ...], charges: tuple[dict[str, Any], ...]
) -> Iterator[dict[str, Any]]:
    """The charges summed by access pattern, table, index and kind; units in all and as means per call."""
    calls = Counter(record["pattern"] for record in records)
    found: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for charge in charges:
        found.setdefault((charge["pattern"], charge["table"], charge["index"], charge["kind"]), []).append(charge)
    for (pattern, table, index, kind), parts in found.items():
        units = sum(part["units"] for part in parts)
        said = [part["engine_units"] for part in parts if part["engine_units"] is not None]
        yield {
            "pattern": pattern, "table": table, "index": index, "kind": kind, "units": units,
            "engine_units": sum(said) if said else math.nan, "mean_units_per_call": units / calls[pattern],
            "mean_engine_units_per_call": sum(said) / calls[pattern] if said else math.nan,
        }  # fmt: skip


def tells_costs(record: Mapping[str, Any]) -> bool:
    """Whether a call says what its pattern costs: one that failed unexpectedly or was sent twice is only counted."""
    if record["repeats"] and record["operation"] not in READS:
        return False
    return not record["error"] or record["as_expected"]


def mean(values: list[Any]) -> float:
    """The mean of those that are known, NaN if none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan
