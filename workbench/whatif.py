"""What if: one call for one question about a design, answered by closed form and by simulation over several seeds.

    wb.whatif.shards(design, "FlightsByDay")                    the hottest key over as many shards as it needs
    wb.whatif.keyed(design, "FlightsByDay", "{carrier}{flight}")    another partition key
    wb.whatif.provisioned(design, "Board", read=500, write=1_000)   capacity provisioned instead of on demand
    wb.whatif.prewarmed(design, "Board", write=20_000)          warm throughput before the load comes
    wb.whatif.step(design, "Board")                             the load comes at once: for how long is it throttled?

Each answer has a sentence, `to_frame()` with the cases side by side, and for shards the code for writes and Queries.
The load is a step to the peak unless asked otherwise: that is when too few partitions and hot keys show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.conditions import Start
from workbench.design import Design
from workbench.domains import check_template
from workbench.identity import key_types
from workbench.items import Items, items_of
from workbench.keyanalysis import KeyAnalysis
from workbench.keyreport import key_report
from workbench.keys import parse_template
from workbench.load import Kind
from workbench.profile import PROFILE
from workbench.results import Result, html_notes, percent
from workbench.sharding import Sharding, rate_with_shards, sharded_load, sharding
from workbench.spreads import KINDS, rate_text
from workbench.sweeps import Scenario, Sweep, shown_bands, sweep
from workbench.workload import workload

if TYPE_CHECKING:
    import pandas as pd

AS_IS = "as it is"
SEEDS = 5


@dataclass(frozen=True, repr=False)
class Answer(Result):
    """What would change: the cases side by side, the answer in a sentence, and what to bear in mind."""

    question: str
    cases: Sweep
    rates: Mapping[str, float]  # by case, the highest requests a second that keys, capacity and quotas allow
    notes: tuple[str, ...] = ()
    sharding: Sharding | None = field(default=None, repr=False)

    @property
    def code(self) -> str:
        """Python that writes to and reads from the shards; "" where the question is another."""
        return self.sharding.code if self.sharding else ""

    @property
    def answer(self) -> str:
        """The cases in a sentence."""
        return "; ".join(_told(case, self.rates) for case in self.cases)

    def __getitem__(self, case: str) -> Scenario:
        for one in self.cases:
            if case in (one.name, _name(one)):
                return one
        raise KeyError(f"no case {case!r}; there are {', '.join(map(_name, self.cases))}")

    def summary_line(self) -> str:
        return f"{self.question} {self.answer}"

    def to_frame(self) -> "pd.DataFrame":
        """A line per case: the highest rate, and the bands of what its simulations measured."""
        frame = self.cases.to_frame()
        frame.insert(0, "case", [_name(one) for one in self.cases])
        frame.insert(1, "highest_requests_per_s", [self.rates.get(_name(one)) for one in self.cases])
        return frame.drop(columns=["design", "start", "capacity"], errors="ignore")

    def shown(self) -> dict[str, list[Any]]:
        """What people see: by case the highest rate, and what its simulations measured."""
        rates = [self.rates.get(_name(one), float("nan")) for one in self.cases]
        first = {"case": [_name(one) for one in self.cases], "highest requests/s": rates}
        return {**first, **shown_bands(self.cases.scenarios)}

    def _html(self, rows: int) -> str:
        return super()._html(rows) + html_notes(self.notes, rows)


def _name(case: Scenario) -> str:
    return next(iter(case.parameters.values()), AS_IS)


def _told(case: Scenario, rates: Mapping[str, float]) -> str:
    share, minutes = case.band("throttled_share"), case.band("throttled_minutes")
    rate = f", at most {rate_text(rates[_name(case)])} requests/s" if rates.get(_name(case), float("inf")) < 1e9 else ""
    if not share.median:
        return f"{_name(case)}: nothing is throttled in the median{rate}"
    when = f"{minutes.median:,.0f} minutes"
    if minutes.low != minutes.high:
        when += f" ({minutes.low:,.0f} to {minutes.high:,.0f} in 90 % of the cases)"
    return f"{_name(case)}: {percent(share.median)} throttled, in {when}{rate}"


# Questions


def shards(
    design: Design | Items,
    table: str | None = None,
    index: str | None = None,
    *,
    key: str | None = None,
    shards: int | None = None,
    load: Any = "step",
    duration: Any = "30min",
    seeds: int | Sequence[int] = SEEDS,
) -> Answer:
    """What if a hot key were written over several? The hottest key, and as many shards as its load needs, unless given.

    ValueError for a table, index or key that there is not.
    """
    items = items_of(design)
    one = _analysed(items, table, index)
    partition, sort = items.design.tables[one.table].keys(index)
    found = sharding(
        one,
        key,
        shards,
        partition_key=", ".join(partition),
        sort_key=sort[0] if sort else None,
        key_type=key_types(items.design, one.table)[partition[0]],
    )
    work = workload(items, table=one.table)
    cases = {AS_IS: work, f"{found.shards} shards": sharded_load(work, one, found.key, found.shards)}
    rates = {AS_IS: _highest(one), f"{found.shards} shards": _highest(one, by_keys=rate_with_shards(one, found))}
    ran = sweep(cases, seeds=seeds, load=load, duration=duration)
    return Answer(f"What if {found.key} had {found.shards} shards?", ran, rates, (found.finding,), found)


def keyed(
    design: Design,
    table: str,
    key: str | Mapping[str, str],
    *,
    load: Any = "step",
    duration: Any = "30min",
    seeds: int | Sequence[int] = SEEDS,
) -> Answer:
    """What if a table had another key? A template for its partition key, or templates for its key attributes by name.

    As "{carrier}{flight}", or {"PK": "{carrier}{flight}", "SK": "{date}"}; all entities of the table get it.
    ValueError for a table, attribute or field that there is not, and where items would share their whole key.
    """
    templates = _templates(design, table, key)
    changed, notes = _rekeyed(design, table, templates)
    case = ", ".join(templates.values())
    old, new = (items_of(each) for each in (design, changed))
    cases = {AS_IS: workload(old, table=table), case: workload(new, table=table)}
    rates = {AS_IS: _highest(_analysed(old, table, None)), case: _highest(_analysed(new, table, None))}
    ran = sweep(cases, seeds=seeds, load=load, duration=duration)
    return Answer(f"What if {table} were keyed by {case}?", ran, rates, notes)


def _templates(design: Design, table: str, key: str | Mapping[str, str]) -> dict[str, str]:
    """The templates by key attribute, checked."""
    if table not in design.tables:
        raise ValueError(f"{design.name} has no table {table!r}; its tables are {', '.join(design.tables)}")
    attributes = design.tables[table].key_attributes
    found = {attributes[0]: key} if isinstance(key, str) else dict(key)
    for name, text in found.items():
        if name not in attributes:
            raise ValueError(f"{name} is no key attribute of {table}: these are {', '.join(attributes)}")
        check_template(text)
    if attributes[0] in found and not parse_template(found[attributes[0]]).fields:
        raise ValueError(f"{found[attributes[0]]!r} is one partition key for all items: name fields in braces")
    return found


def _rekeyed(design: Design, table: str, templates: Mapping[str, str]) -> tuple[Design, tuple[str, ...]]:
    """The design with other keys for a table's entities, and what must be thought of then."""
    mine, patterns, notes = {e.name for e in design.entities_in(table)}, dict(design.access_patterns), list[str]()
    entities = {
        name: entity.model_copy(update={"key": {**entity.key, **templates}}) if name in mine else entity
        for name, entity in design.entities.items()
    }
    for pattern in [p for p in design.served_patterns() if design.table_for(p).name == table]:
        if pattern.operation == "Query" and pattern.index is None:
            notes.append(f"{pattern.name} asks by the old key: whoever calls it must know the new one")
        if stale := templates.keys() & pattern.popularity.keys():
            rest = {name: stated for name, stated in pattern.popularity.items() if name not in stale}
            patterns[pattern.name] = pattern.model_copy(update={"popularity": rest})
            notes.append(f"{pattern.name}: its popularity by {', '.join(stale)} is of the old key, and left out")
    return design.model_copy(update={"entities": entities, "access_patterns": patterns}), tuple(notes)


def provisioned(
    design: Design | Items,
    table: str | None = None,
    *,
    read: float | Mapping[str, Any],
    write: float | Mapping[str, Any],
    load: Any = "step",
    duration: Any = "30min",
    seeds: int | Sequence[int] = SEEDS,
) -> Answer:
    """What if capacity were provisioned instead of on demand? `read` and `write` units, or {"min", "max", "target"}.

    Every table and index of the design, or of the table named, gets that capacity.
    """
    items = items_of(design)
    asked: dict[Kind, Any] = {"read": read, "write": write}
    ran = sweep(items, {"capacity": ["on-demand", asked]}, seeds=seeds, load=load, duration=duration, table=table)
    one = _analysed(items, table, None)
    quotas: dict[Kind, float] = {kind: PROFILE.quota(kind) for kind in KINDS}
    limits: list[dict[Kind, float]] = [quotas, {kind: _most(units) for kind, units in asked.items()}]
    rates = {_name(case): _highest(one, limits=found) for case, found in zip(ran, limits, strict=True)}
    return Answer("What if capacity were provisioned?", ran, rates)


def _most(units: Any) -> float:
    return float(units["max"] if isinstance(units, Mapping) else units)


def prewarmed(
    design: Design | Items,
    table: str | None = None,
    *,
    read: float = 0,
    write: float = 0,
    load: Any = "step",
    duration: Any = "30min",
    seeds: int | Sequence[int] = SEEDS,
) -> Answer:
    """What if tables were warmed for so many units a second before the load comes? Warm throughput is paid for once.

    It brings partitions and lifts the table's limit; a hot key stays one key of one partition.
    """
    items = items_of(design)
    warm: dict[Any, float] = {kind: float(units) for kind, units in (("read", read), ("write", write)) if units}
    if not warm:
        raise ValueError("prewarmed: give read or write units a second, as write=20_000")
    ran = sweep(items, {"start": ["cold", Start(warm=warm)]}, seeds=seeds, load=load, duration=duration, table=table)
    one = _analysed(items, table, None)
    return Answer("What if it were warmed before?", ran, {_name(case): _highest(one) for case in ran})


def step(
    design: Design | Items, table: str | None = None, *, duration: Any = "1h", seeds: int | Sequence[int] = 20
) -> Answer:
    """What if the load came at once? For how many minutes new tables throttle it, with the band over seeds."""
    items = items_of(design)
    ran = sweep(items, seeds=seeds, load="step", duration=duration, table=table)
    return Answer("What if the load came at once?", ran, {AS_IS: _highest(_analysed(items, table, None))})


def _highest(one: KeyAnalysis, *, by_keys: float | None = None, limits: Mapping[Kind, float] | None = None) -> float:
    """The highest rate of the mix in requests a second, by keys, capacity and quotas; `limits` stands for the latter.

    Of a table its global indexes count too: the writes that they cannot follow are the table's.
    """
    found = [one.by_keys if by_keys is None else by_keys]
    for bound in (*one.settings, *one.others):
        part = limits[bound.kind] / bound.limit if limits and bound.key is None else 1.0
        found.append(part * bound.multiple * one.requests.requests_per_s)
    return min(found)


def _analysed(items: Items, table: str | None, index: str | None) -> KeyAnalysis:
    """The analysis of a table or index; unless it is named, of the one that reaches a limit first."""
    if table is None:
        return key_report(items).worst
    report = key_report(items, tables=[table])
    if index is not None and index not in items.design.tables[table].gsi:
        raise ValueError(
            f"table {table} has no global index {index!r}; it has {', '.join(items.design.tables[table].gsi)}"
        )
    return report[table, index]
