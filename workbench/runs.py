"""Runs: a design's tables on an engine, filled, and every access pattern called and metered.

A run creates the tables, loads the items, and calls the served access patterns in file order, each on what the
earlier ones left. Each call carries the units that DynamoDB would charge, computed from the bytes that were read and
written, beside the number that the engine reported. What a pattern expects (its entity's items, an order, an error)
is checked; an expectation that does not hold fails the run, after everything was called and put away.
"""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from workbench.attempts import UNKNOWN
from workbench.descriptors import to_item
from workbench.design import READS, AccessPattern, Design
from workbench.engine import Engine
from workbench.errata import ERRATA, verdict
from workbench.errors import EngineError, RequestError
from workbench.expectations import unmet
from workbench.explain import Explanation, explain
from workbench.items import Items, design_of, items_of
from workbench.loading import check_distinct, load_items
from workbench.members import fitting
from workbench.metering import Meter
from workbench.records import call_charges, call_record, lines_by_index, mean, tells_costs
from workbench.results import Result, html_notes, html_table
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
SHOWN_BY_INDEX = {
    "pattern": "access pattern",
    "table": "table",
    "index": "index",
    "mean_units_per_call": "units",
    "mean_engine_units_per_call": "engine's units",
}


@dataclass(frozen=True, repr=False)
class Run(Result):
    """What a run measured. `calls` has a line per call, `by_index` a line per pattern, table and index.

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
        called = ", ".join(dict.fromkeys(record["pattern"] for record in self.records))
        raise KeyError(f"{self.design.name} made no call {call} of {pattern!r}; it called {called}")

    @property
    def by_index(self) -> "pd.DataFrame":
        """A line per pattern, table, index ('' for the table) and kind (read or write): units, total and mean per call.

        `engine_units` are the units that the engine reported for it, NaN where it reported none.
        """
        import pandas as pd

        columns = [
            "pattern", "table", "index", "kind", "units", "engine_units", "mean_units_per_call",
            "mean_engine_units_per_call",
        ]  # fmt: skip
        return pd.DataFrame(list(lines_by_index(self.records, self.charges)), columns=columns)

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
        units = shown_by_index(self.by_index)
        by_index = html_table(units, "Units of a call by table and index", rows) if len(units) else ""
        folded = f"{len(self.notes)} notes: what was loaded, and how far the engine's own units can be trusted"
        return calls + f"<div>{LEGEND}</div>" + html_notes(told, rows) + by_index + html_notes(self.notes, rows, folded)

    def _line(self, pattern: AccessPattern) -> dict[str, Any]:
        mine = [r for r in self.records if r["pattern"] == pattern.name]
        good = [r for r in mine if tells_costs(r)]
        line: dict[str, Any] = {"pattern": pattern.name, "operation": pattern.operation, "calls": len(mine)}
        for name in ("items_scanned", "items_returned", "read_units", "write_units", "engine_units"):
            line[name] = mean([r[name] for r in good])
        latencies = sorted(r["latency_ms"] for r in good)
        line["latency_ms_p50"] = latencies[(len(good) - 1) // 2] if good else math.nan
        line["latency_ms_p95"] = latencies[math.ceil(0.95 * len(good)) - 1] if good else math.nan
        line["errors_expected"] = sum(r["error"] != "" and r["as_expected"] for r in mine)
        line["errors"] = sum(r["error"] not in ("", UNKNOWN) and not r["as_expected"] for r in mine)
        line["unknown"] = sum(r["error"] == UNKNOWN for r in mine)
        line["note"] = f"not served: {self.unserved[pattern.name]}" if pattern.name in self.unserved else ""
        return line


def shown(summary: "pd.DataFrame") -> "pd.DataFrame":
    """A summary as people read it: nothing where an operation has no such number, no column in which all is nothing."""
    frame, reads = summary[list(SHOWN)].copy(), summary.operation.isin(READS)
    frame["write_units"] = frame.write_units.mask(reads)
    for name in ("items_scanned", "items_returned", "read_units"):
        frame[name] = frame[name].where(reads)
    for name in ("errors_expected", "unknown"):
        frame[name] = frame[name].where(frame[name] > 0)
    return frame.dropna(axis="columns", how="all").rename(columns=SHOWN)


def shown_by_index(units: "pd.DataFrame") -> "pd.DataFrame":
    """Units by table and index as people read them, of the access patterns that consume in more than one place."""
    several = units[units.pattern.duplicated(keep=False)]
    return several[list(SHOWN_BY_INDEX)].rename(columns=SHOWN_BY_INDEX)


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
    if not isinstance(engine, Engine):
        raise ValueError(f'{engine!r:.200} is no engine: give wb.start_engine("embedded"), or another kind')
    items, design = items_of(design if items is None else items), design_of(design)
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
    # miniters=1: tqdm guesses from quick patterns how seldom to draw, and would stand still for seconds in slow ones
    with tqdm(total=total, unit="call", disable=not progress, leave=False, miniters=1) as bar:
        for name, calls in plan.calls.items():
            pattern = design.access_patterns[name]
            bar.set_description(f"calling {name}")
            meter.forget()
            for i, call in enumerate(calls):
                metered = [meter.send(pattern, request) for request in call.requests]
                verdicts = [verdict(tables.engine.behaves_as, pattern.operation, one) for one in metered]
                wrong = unmet(design, pattern, metered)
                records.append(call_record(design, pattern, i, call, metered, verdicts, not wrong))
                charges += call_charges(pattern, i, metered, verdicts)
                if tables.engine.behaves_as in ERRATA:  # of an engine that is not known, a number proves nothing
                    wrong += [unexplained(one.difference, tables.engine) for one in verdicts if one.difference]
                failures += [f"{name}, call {i + 1}: {reason}" for reason in wrong]
                bar.update()
            if not calls:
                failures.append(f"{name}: no items {fitting(design, pattern)}, so that nothing was called")
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
            times = "once" if len(calls) == 1 else f"{len(calls)} times"
            reason = f"no more items {fitting(design, design.access_patterns[name])}"
            yield f"{name} was called {times} instead of {plan.asked[name]}: {reason}"
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
