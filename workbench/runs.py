"""Runs: a design's tables on an engine, filled, and every access pattern called and metered.

A run creates the tables, loads the items, and calls the served access patterns in file order, each on what the
earlier ones left. Each call carries the units that DynamoDB would charge, computed from the bytes that were read and
written, beside the number that the engine reported. What a pattern expects (its entity's items, an order, an error)
is checked; an expectation that does not hold fails the run, after everything was called and put away.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from workbench.attempts import UNKNOWN
from workbench.capacity import Units
from workbench.design import READS, AccessPattern, Design, key_template
from workbench.engines import Engine
from workbench.errata import ERRATA, Arm, Verdict, verdict
from workbench.errors import EngineError, RequestError
from workbench.explain import Explanation, explain
from workbench.items import Items, generate_items
from workbench.loading import check_distinct, load_items
from workbench.metering import Meter, Metered
from workbench.requests import Call, to_item
from workbench.results import Result, html_notes, html_table, number
from workbench.sampling import DEFAULT_SAMPLE, Plan, plan_run
from workbench.serving import unserved_reason
from workbench.tables import RunTables, default_prefix

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_CALLS = 20
SHOWN = {  # what people see of a summary, and under which heading; items, units and latency are means per call
    "pattern": "access pattern",
    "operation": "operation",
    "calls": "calls",
    "items_scanned": "items read",
    "items_returned": "returned",
    "read_units": "read units",
    "write_units": "write units",
    "engine_units": "engine's units",
    "latency_ms_p50": "ms",
    "errors_expected": "failed as expected",
    "unknown": "answer lost",
}
LEGEND = (
    "Items and units are means per call, ms the median. Units are computed from the bytes that were read and written; "
    "beside them what the engine reports."
)
SHOWN_ARMS = {
    "pattern": "access pattern",
    "arm": "table or index",
    "mean_units_per_call": "units",
    "mean_engine_units_per_call": "engine's units",
}


@dataclass(frozen=True, repr=False)
class Run(Result):
    """What a run measured. `calls` has a line per call, `arms` a line per pattern and table or index.

    Units stand beside those that the engine reported. `failures` are expectations that did not hold, and numbers of
    the engine's that nothing explains; `unserved` says of each pattern that no key serves why, and what would; `notes`
    state what was loaded, and how far the engine can be trusted.
    """

    design: Design
    engine: str
    items: int
    loaded: int
    records: tuple[dict[str, Any], ...] = field(repr=False)
    charges: tuple[dict[str, Any], ...] = field(repr=False)
    failures: tuple[str, ...]
    unserved: dict[str, str]
    notes: tuple[str, ...]

    def summary_line(self) -> str:
        failed = f", {len(self.failures)} expectations failed" if self.failures else ""
        calls = f"{len(self.records):,} calls of {len({r['pattern'] for r in self.records})} access patterns"
        return f"{self.design.name} on {self.engine}: {self.loaded:,} items, {calls}{failed}"

    @property
    def calls(self) -> "pd.DataFrame":
        """A line per call: pattern, items scanned and returned, units by us and by the engine, latency, error.

        `errata` are the known mistakes of the engine that explain its number, where it is not the service's. `repeats`
        is how often it was sent again after a lost answer; the units of such a write, and of one whose answer was lost
        for good, are not known (NaN).
        """
        import pandas as pd

        lines = [{**record, "errata": " + ".join(record["errata"])} for record in self.records]
        return pd.DataFrame(lines).drop(columns="steps", errors="ignore")

    def explain(self, pattern: str, call: int = 0) -> Explanation:
        """Why a call of an access pattern consumed what it did: which bytes, which rounding, which index.

        `call` counts from 0, as in `calls`. KeyError if there was no such call.
        """
        for record in self.records:
            if (record["pattern"], record["call"]) == (pattern, call):
                return explain(record)
        raise KeyError(f"{self.design.name} made no call {call} of {pattern}")

    @property
    def arms(self) -> "pd.DataFrame":
        """A line per pattern, arm (the table or an index) and kind (read or write): units, total and mean per call.

        `engine_units` are the units that the engine reported for it, NaN where it reported none.
        """
        import pandas as pd

        columns = [
            "pattern", "table", "arm", "kind", "units", "engine_units", "mean_units_per_call",
            "mean_engine_units_per_call",
        ]  # fmt: skip
        return pd.DataFrame(list(_arm_lines(self.records, self.charges)), columns=columns)

    @property
    def summary(self) -> "pd.DataFrame":
        """A line per access pattern, in file order, those that no key serves included."""
        import pandas as pd

        return pd.DataFrame([self._line(pattern) for pattern in self.design.access_patterns.values()])

    def to_frame(self) -> "pd.DataFrame":
        return self.summary

    def _html(self, rows: int) -> str:
        calls = html_table(shown(self.summary), self.summary_line(), rows)
        told = [
            *(f"failed: {each}" for each in self.failures),
            *(f"not served: {n}: {w}" for n, w in self.unserved.items()),
        ]
        arms = shown_arms(self.arms)
        by_arm = html_table(arms, "Units of a call by table and index", rows) if len(arms) else ""
        folded = f"{len(self.notes)} notes: what was loaded, and how far the engine's own units can be trusted"
        return calls + f"<div>{LEGEND}</div>" + html_notes(told, rows) + by_arm + html_notes(self.notes, rows, folded)

    def _line(self, pattern: AccessPattern) -> dict[str, Any]:
        mine = [r for r in self.records if r["pattern"] == pattern.name]
        good = [r for r in mine if _tells_costs(r)]
        line: dict[str, Any] = {"pattern": pattern.name, "operation": pattern.operation, "calls": len(mine)}
        for name in ("items_scanned", "items_returned", "read_units", "write_units", "engine_units"):
            line[name] = _mean([r[name] for r in good])
        latencies = sorted(r["latency_ms"] for r in good)
        line["latency_ms_p50"] = latencies[(len(good) - 1) // 2] if good else math.nan
        line["latency_ms_p95"] = latencies[math.ceil(0.95 * len(good)) - 1] if good else math.nan
        line["errors_expected"] = sum(r["error"] != "" and r["as_expected"] for r in mine)
        line["errors"] = sum(r["error"] not in ("", UNKNOWN) and not r["as_expected"] for r in mine)
        line["unknown"] = sum(r["error"] == UNKNOWN for r in mine)
        line["note"] = f"not served: {self.unserved[pattern.name]}" if pattern.name in self.unserved else ""
        return line


def _tells_costs(record: Mapping[str, Any]) -> bool:
    """Whether a call says what its pattern costs: one that failed unexpectedly or was sent twice is only counted."""
    if record["repeats"] and record["operation"] not in READS:
        return False
    return not record["error"] or record["as_expected"]


def shown(summary: "pd.DataFrame") -> "pd.DataFrame":
    """A summary as people read it: nothing where an operation has no such number, no column in which all is nothing."""
    frame, reads = summary[list(SHOWN)].copy(), summary.operation.isin(READS)
    frame["write_units"] = frame.write_units.mask(reads)
    for name in ("items_scanned", "items_returned", "read_units"):
        frame[name] = frame[name].where(reads)
    for name in ("errors_expected", "unknown"):
        frame[name] = frame[name].where(frame[name] > 0)
    return frame.dropna(axis="columns", how="all").rename(columns=SHOWN)


def shown_arms(arms: "pd.DataFrame") -> "pd.DataFrame":
    """Units by table and index as people read them, of the access patterns that consume in more than one place."""
    several = arms[arms.pattern.duplicated(keep=False)]
    return several[list(SHOWN_ARMS)].rename(columns=SHOWN_ARMS)


def _mean(values: list[Any]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan


def _arm_lines(records: tuple[dict[str, Any], ...], charges: tuple[dict[str, Any], ...]) -> Iterator[dict[str, Any]]:
    calls = Counter(record["pattern"] for record in records)
    found: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for charge in charges:
        found.setdefault((charge["pattern"], charge["table"], charge["arm"], charge["kind"]), []).append(charge)
    for (pattern, table, arm, kind), parts in found.items():
        units = sum(part["units"] for part in parts)
        said = [part["engine_units"] for part in parts if part["engine_units"] is not None]
        yield {
            "pattern": pattern, "table": table, "arm": arm, "kind": kind, "units": units,
            "engine_units": sum(said) if said else math.nan, "mean_units_per_call": units / calls[pattern],
            "mean_engine_units_per_call": sum(said) / calls[pattern] if said else math.nan,
        }  # fmt: skip


def run_patterns(
    design: Design,
    engine: Engine,
    items: Items | None = None,
    *,
    calls: int = DEFAULT_CALLS,
    seed: int | None = None,
    sample: int = DEFAULT_SAMPLE,
    prefix: str | None = None,
    keep: bool = False,
    strict: bool = True,
    progress: bool = True,
) -> Run:
    """Create the design's tables on `engine`, load `items`, call every served access pattern, meter each call.

    `calls` per pattern (a Scan, which reads everything, a twentieth); `sample`: load about so many items of a larger
    design; `prefix`: what table names begin with; `keep`: leave the tables. With `strict`, expectations that do not
    hold raise RequestError at the end, with the run as `.run`. An interrupted load leaves tables and items, and the
    same call again goes on from there. EngineError if the engine fails or a table is not the workbench's.
    """
    if calls < 1 or sample < 1:
        raise ValueError(f"calls={calls}, sample={sample}: both must be at least 1")
    items = items if items is not None else generate_items(design)
    if items.design is not design and _content(items.design) != _content(design):
        raise ValueError(f"the items are of another design than {design.name}: generate_items(design) makes its own")
    seed = items.seed if seed is None else seed
    plan = plan_run(items, calls, seed, sample)
    _check_abilities(design, engine)
    tables = RunTables(design, engine, default_prefix(design, engine) if prefix is None else prefix)
    if not engine.is_local:
        _announce(items, plan, tables, keep)
    tables.check()
    tables.claim()
    try:
        run = _loaded_and_called(items, plan, tables, keep, progress)
    finally:
        with suppress(EngineError):
            tables.release()
    if strict and run.failures:
        error = RequestError("expectations that did not hold:\n" + "\n".join(f"  {f}" for f in run.failures))
        error.run = run  # type: ignore[attr-defined]
        raise error
    return run


def _announce(items: Items, plan: Plan, tables: RunTables, keep: bool) -> None:
    """Say what will be created and consumed where that costs money; ValueError if something would be left there."""
    from workbench.announcements import EXTRA, announced

    if keep or not tables.prefix:
        raise ValueError("on AWS tables have a prefix and are deleted at the end: keep=False, and no empty prefix")
    found = announced(items, plan, tables)
    print(f"{found.summary_line()}\n{found.to_frame().to_string(index=False)}\n{EXTRA}", flush=True)


def _loaded_and_called(items: Items, plan: Plan, tables: RunTables, keep: bool, progress: bool) -> Run:
    _load(tables, items, plan, progress)
    try:  # an interruption from here on leaves nothing: what the calls changed is nothing to go on from
        return _called(items.design, items, plan, tables, progress)
    finally:
        if not keep:
            with suppress(EngineError):
                tables.delete()


def _load(tables: RunTables, items: Items, plan: Plan, progress: bool) -> None:
    for table in items.design.tables:
        check_distinct(items, table)
    fingerprint = _fingerprint(items, plan)
    done = tables.create(fingerprint)
    try:
        load_items(tables, items, plan.places, fingerprint, done, progress)
    except BaseException as error:  # only an interruption leaves something to go on from, where that costs nothing
        if isinstance(error, Exception) or not tables.engine.is_local:
            with suppress(EngineError):
                tables.delete()
        raise
    for table in items.design.tables:
        tables.note(table, "", 0)  # from here on the patterns change it: a later load starts anew


def _content(design: Design) -> str:
    """All that a design says: the same text for the same file, in any process."""
    return repr([getattr(design, name) for name in Design.model_fields])


def _fingerprint(items: Items, plan: Plan) -> str:
    """A short text that differs where the design or the items to load differ."""
    digest = sha256(repr((_content(items.design), items.seed, items.now)).encode())
    for name, index in plan.places.items():
        entity = items.entities[name]
        some = [to_item(item) for item in entity.take(index[[0, -1]] if len(index) else index)]
        digest.update(repr((name, some)).encode() + index.tobytes() + entity.sizes[index].tobytes())
    return digest.hexdigest()


def _called(design: Design, items: Items, plan: Plan, tables: RunTables, progress: bool) -> Run:
    from tqdm.auto import tqdm

    meter = Meter(design, tables)
    records: list[dict[str, Any]] = []
    charges: list[dict[str, Any]] = []
    failures: list[str] = []
    total = sum(map(len, plan.calls.values()))
    with tqdm(total=total, desc="calling access patterns", unit="call", disable=not progress, leave=False) as bar:
        for name, calls in plan.calls.items():
            pattern = design.access_patterns[name]
            meter.forget()
            for i, call in enumerate(calls):
                metered = [meter.send(pattern, request) for request in call.requests]
                verdicts = [verdict(tables.engine.behaves_as, pattern.operation, one) for one in metered]
                wrong = _expectations(design, pattern, metered)
                records.append(_record(design, pattern, i, call, metered, verdicts, not wrong))
                charges += _charges(pattern, i, metered, verdicts)
                if tables.engine.behaves_as in ERRATA:  # of an engine that is not known, a number proves nothing
                    wrong += [unexplained(one.difference, tables.engine) for one in verdicts if one.difference]
                failures += [f"{name}, call {i + 1}: {reason}" for reason in wrong]
                bar.update()
            if not calls:
                failures.append(f"{name}: no item fits its target, so that nothing was called")
    return Run(
        design,
        tables.engine.name,
        len(items),
        plan.loaded,
        tuple(records),
        tuple(charges),
        _shortened(failures),
        {p.name: unserved_reason(design, p) for p in design.access_patterns.values() if p.unserved is not None},
        (*_notes(design, plan, tables.engine), *_engine_notes(records, tables.engine)),
    )


def _shortened(failures: list[str]) -> tuple[str, ...]:
    """At most three failures of one kind, so that the list can be read."""
    kinds: dict[str, list[str]] = {}
    for failure in failures:
        kinds.setdefault(failure.partition(",")[0], []).append(failure)
    out: list[str] = []
    for name, found in kinds.items():
        out += found[:3] + ([f"{name}: and {len(found) - 3} calls more"] if len(found) > 3 else [])
    return tuple(out)


def _notes(design: Design, plan: Plan, engine: Engine) -> Iterator[str]:
    yield plan.statement()
    for name, calls in plan.calls.items():
        if 0 < len(calls) < plan.asked[name]:
            yield f"{name} was called {len(calls)} times instead of {plan.asked[name]}: no more items fit its target"
    ttl = [f"{t.name}.{t.ttl}" for t in design.tables.values() if t.ttl]
    if ttl and engine.facts.ttl_deletes:
        names = ", ".join(ttl)
        yield f"TTL on {names} is declared but not switched on: {engine.facts.ttl_deletes}"


def _engine_notes(records: list[dict[str, Any]], engine: Engine) -> Iterator[str]:
    """What the engine's numbers are worth: where they prove nothing, and which mistakes of it are in them."""
    differing = Counter(
        r["pattern"] for r in records if r["engine_units"] not in (None, r["read_units"] + r["write_units"])
    )
    if engine.behaves_as not in ERRATA:
        yield f"which engine answers at {engine.endpoint_url} is not known, so that its units prove nothing"
        if differing:
            yield f"they differ from ours in {sum(differing.values()):,} calls of {', '.join(differing)}"
    elif engine.reads_prove_nothing:
        yield f"what {engine.name} reports for reads proves nothing; our units do not depend on it"
    found: dict[str, list[str]] = {}
    for record in records:
        for erratum in record["errata"]:
            found.setdefault(erratum, []).append(record["pattern"])
    for erratum, patterns in found.items():
        times = f"{len(patterns):,} call{'s' * (len(patterns) > 1)} of {', '.join(dict.fromkeys(patterns))}"
        yield f"the engine's units are wrong in a known way, by exactly what that predicts, in {times}: {erratum}"


def _check_abilities(design: Design, engine: Engine) -> None:
    """EngineError if the design needs what the engine cannot do."""
    several = [
        f"{table.name}.{index.name}"
        for table in design.tables.values()
        for index in table.indexes.values()
        if max(len(index.partition_key), len(index.sort_key)) > 1
    ]
    if several and not engine.facts.multi_attribute_keys:
        raise EngineError(
            f"{engine.name} cannot query an index with several partition or sort key attributes, as "
            f"{', '.join(several)} {'has' if len(several) == 1 else 'have'}: use another engine, "
            "start_engine('embedded') or DynamoDB Local",
            kind=engine.kind,
        )


def unexplained(difference: str, engine: Engine) -> str:
    """What is said of an engine's number that neither the service's rules nor a known mistake predicts."""
    return f"{difference}, which no known mistake of {engine.name} explains: its number or ours is wrong"


def _record(
    design: Design,
    pattern: AccessPattern,
    i: int,
    call: Call,
    metered: list[Metered],
    verdicts: list[Verdict],
    as_expected: bool,
) -> dict[str, Any]:
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


def _charges(
    pattern: AccessPattern, i: int, metered: list[Metered], verdicts: list[Verdict]
) -> Iterator[dict[str, Any]]:
    """Each request's units by arm, ours and the engine's."""
    kind = "read" if pattern.is_read else "write"
    for one, said in zip(metered, verdicts, strict=True):
        ours = {arm: n for table, units in (one.reads if pattern.is_read else one.writes).items()
                for arm, n in _arms(table, units)}  # fmt: skip
        for table, index in {**ours, **(said.arms or {})}:
            yield {
                "pattern": pattern.name,
                "call": i,
                "table": table,
                "arm": f"index {index}" if index else f"table {table}",
                "kind": kind,
                "units": ours.get((table, index), 0.0),
                "engine_units": None if said.arms is None else said.arms.get((table, index), 0.0),
            }


def _arms(table: str, units: Units) -> Iterator[tuple[Arm, float]]:
    if units.table:
        yield (table, ""), units.table
    for name, amount in (*units.gsi.items(), *units.lsi.items()):
        yield (table, name), amount


# What must come back


def _expectations(design: Design, pattern: AccessPattern, metered: list[Metered]) -> list[str]:
    """What did not come out as the pattern expects, in words."""
    wanted, error = pattern.expect.error, next((m for m in metered if m.error), None)
    if wanted:
        seen = error.error if error else "success"
        return [] if seen == wanted else [f"expected {wanted}, and it was {seen}"]
    if error:
        return [f"{error.error}: {error.message}"]
    return [reason for check in _CHECKS for reason in check(design, pattern, metered)]


def _check_items(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    count = sum(m.count for m in metered)
    if pattern.expect.items and not pattern.expect.items[0] <= count <= pattern.expect.items[1]:
        yield f"expected {_range(pattern.expect.items)} items, and {count} came back"


def _check_units(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    units = sum(u.total for m in metered for arms in (m.reads, m.writes) for u in arms.values())
    if pattern.expect.units and not pattern.expect.units[0] <= units <= pattern.expect.units[1]:
        yield f"expected {_range(pattern.expect.units)} units, and it took {number(units)}"


def _range(bounds: tuple[float, float]) -> str:
    low, high = bounds
    if low == high:
        return number(low)
    return f"at least {number(low)}" if math.isinf(high) else f"{number(low)} to {number(high)}"


def _check_order(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    name = pattern.expect.order
    for one in metered if name else ():
        found = [_sortable(item[name]) for item in one.returned if name in item]
        if len(found) < len(one.returned):
            yield f"expected the items ordered by {name}, and {len(one.returned) - len(found)} of them lack it"
        elif found != sorted(found, reverse=pattern.descending):
            yield f"expected the items ordered by {name}, and they are not"


def _sortable(value: Mapping[str, Any]) -> tuple[str, Any]:
    """A value in DynamoDB's order: numbers by value, text by its UTF-8 bytes."""
    ((tag, content),) = value.items()
    return tag, {"N": Decimal, "S": str.encode, "B": bytes}.get(tag, repr)(content)


def _check_attributes(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    returned = [item for one in metered for item in one.returned]
    for name in pattern.expect.attributes:
        if lacking := sum(name not in item for item in returned):
            yield f"expected {name} in every item, and {lacking} of {len(returned)} lack it"


def _check_entity(design: Design, pattern: AccessPattern, metered: list[Metered]) -> Iterator[str]:
    """What comes back must be items of the pattern's entities, as far as their keys tell."""
    if not pattern.is_read or pattern.table:
        return
    for item in (item for m in metered for item in m.returned):
        keys = {name: value.get("S") for name, value in item.items()}
        if not any(_could_be(design, entity.name, keys) for entity in design.addressed(pattern)):
            table = design.table_for(pattern)
            shown = ", ".join(f"{name} = {keys.get(name)}" for name in table.key_attributes if keys.get(name))
            names = " or ".join(entity.name for entity in design.addressed(pattern))
            yield f"expected items of {names}, and {shown} came back"
            return


def _could_be(design: Design, entity: str, keys: Mapping[str, str | None]) -> bool:
    domains = design.domains_of(entity)
    for name in design.table_of(entity).key_attributes:
        domain, text = domains.get(name), keys.get(name)
        template = key_template(domain, name) if domain else None
        if text is not None and template is not None and template.match(text) is None:
            return False
    return True


_CHECKS: tuple[Callable[[Design, AccessPattern, list[Metered]], Iterator[str]], ...] = (
    _check_items,
    _check_units,
    _check_order,
    _check_attributes,
    _check_entity,
)
