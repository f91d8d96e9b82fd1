"""Outlook: what a state of the knobs comes to, computed while a slider is dragged.

The parts are those of the plain functions, for the design that the state makes: `key_report` of the table,
`estimate_cost`, and, when there is time, `simulate`. What a change does not touch is kept: items are made again only
when there are others, so that another rate or popularity of 100,000 keys is a matter of some 0.1 s.

    outlooks = Outlooks(design)
    found = outlooks.outlook(State(outlooks.focus("record-webhook"), rate=900))
    found.headline, found.analysis, found.cost
    outlooks.simulated(found).simulation
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from workbench.adjustments import MOST_SKEW, State, with_capacity
from workbench.bounds import Bound, named_key
from workbench.columns import Floats
from workbench.costs import Cost, estimate_cost
from workbench.defaults import DEFAULT_NOW, DEFAULT_SEED
from workbench.design import Design
from workbench.diagnosis import Diagnosis, diagnose, span
from workbench.focus import Focus, choosable
from workbench.items import Items, items_of
from workbench.keyanalysis import RANGES, KeyAnalysis
from workbench.keyreport import KeyReport, key_report
from workbench.load import Kind
from workbench.partitions import request_spread
from workbench.results import percent, usd
from workbench.shapes import duration_seconds, shape
from workbench.simulation import prepare
from workbench.spreads import KINDS, LIMITS, UNIT, rate_text, times_text
from workbench.summaries import Simulation

KEPT = 4  # sets of items
KNOWN = 16  # outlooks
NO_ROOM = 1.05  # times the load, below which a limit is as good as reached
STEPS = 60  # of time in a preview of the heat


@dataclass(frozen=True)
class Outlook:
    """A state and what it comes to: its table's keys under the load at peak, the month's cost, and the simulation.

    `simulation` is None until it has been run; `reads` and `writes` of the preview are expected values.
    """

    state: State
    report: KeyReport
    cost: Cost
    duration_s: int
    simulation: Simulation | None = None

    @cached_property
    def analysis(self) -> KeyAnalysis:
        """The keys of the table or index that reaches a limit first."""
        return self.report.worst

    @property
    def kind(self) -> Kind:
        """The kind of units that is nearer to its limit."""
        hot = self.analysis.hottest
        return hot.kind if hot else "write"

    @cached_property
    def throttled(self) -> float:
        """The share of units that is throttled at the peak: for good, else until splits are done."""
        verdict = self.analysis.verdict
        return verdict.throttled_after_splits or verdict.throttled_now

    @cached_property
    def heat(self) -> Floats:
        """Units a second that are asked of each of 100 ranges of the ring in each of 60 steps of time, as expected.

        Keys whose heat moves stay where they are here; splits and throttling are the simulation's.
        """
        found = np.zeros((RANGES, STEPS))
        patterns = self.cost.design.access_patterns
        for load in self.analysis.requests.loads:
            if load.kind == self.kind:
                where = np.bincount(self.analysis.ranges[load.keys], load.units, minlength=RANGES)
                found += np.outer(where, self._course(patterns[load.pattern].rate, patterns[load.pattern].peak_rate))
        return found

    def _course(self, rate: float | None, peak: float | None) -> Floats:
        """The load of a pattern by steps of time, as a share of its peak."""
        rate, peak = rate or 0.0, peak or rate or 0.0
        seconds = shape(self.state.load).rates(rate, peak, self.duration_s)
        edges = np.unique(np.linspace(0, self.duration_s, STEPS, endpoint=False).astype(np.int64))
        means = np.add.reduceat(seconds, edges) / np.diff(edges, append=self.duration_s)
        return np.resize(means, STEPS) / (peak or 1.0)

    @property
    def results(self) -> dict[str, Any]:
        """The numbers, as plain values: the hottest key, what it is asked for, throttling, the highest rate, cost."""
        hot, verdict = self.analysis.hottest, self.analysis.verdict
        found = {
            "hottest_key": hot.key if hot else "",
            "hottest_units_per_s": hot.units_per_s if hot else 0.0,
            "share_of_limit": hot.utilisation if hot else 0.0,
            "throttled_now": verdict.throttled_now,
            "throttled_after_splits": verdict.throttled_after_splits,
            "highest_requests_per_s": verdict.rate_per_s if verdict.bound else None,
            "shards_needed": verdict.shards,
            "usd_per_month": self.cost.usd,
        }
        if self.simulation is not None:
            found["simulated_throttled_share"] = self.simulation.throttled_share
        return found

    # In words

    @cached_property
    def headline(self) -> str:
        """What is the matter, in a sentence: the key, the number, the limit, and what would help."""
        bound, one = next(iter(self.analysis.bounds), None), self.analysis
        if bound is None:
            return f"{one.name}: no access pattern with a rate comes here."
        if bound.multiple < 1:
            return f"{_too_much(one, bound)} {_help(one, bound)}"
        hot = one.hottest
        asked = f"asked for {rate_text(hot.units_per_s)} {UNIT[hot.kind]}/s, {hot.against}" if hot else ""
        key = hot.key if hot else ""
        if share := one.verdict.throttled_now:
            few = f"{one.requests.partitions:,} partitions are too few, and {percent(share)} of units are throttled"
            few += (
                f" at the {LIMITS['read']:,} RU/s of each that AWS documents" if one.at_first("read") >= share else ""
            )
            ends = "Splits within its collection end that" if hot and hot.utilisation > 1 else "Splits end that"
            told = f"Throttled at first: {few}; {named_key(key)} is {asked}."
            return f"{told} {ends} after some minutes; warm throughput spares it."
        return f"Holds: the hottest key is {key}, {asked}. {_room(bound)}"

    @property
    def dollars(self) -> str:
        """The month's cost in words."""
        return f"{usd(self.cost.usd)} a month"

    @property
    def seen(self) -> tuple[Diagnosis, ...]:
        """What the simulation showed, the most important first; nothing before it was run."""
        return diagnose(self.simulation) if self.simulation is not None else ()

    @property
    def detail(self) -> str:
        """What the simulation adds to the sentence, where it was run."""
        if self.simulation is None:
            return ""
        told = " ".join(self._added(one) for one in self.seen[:2])
        return f"Simulated for {span(self.simulation.duration_s)}: {told[:1].lower()}{told[1:]}"

    def _added(self, one: Diagnosis) -> str:
        """A diagnosis; of a key that the sentence tells of, only what part is throttled, and when."""
        known = one.seen in ("hot key", "rising key") and one.key and f" {one.key} " in self.headline
        if not known and one.seen != "healthy":
            return one.text
        told = "Nothing is throttled." if one.seen == "healthy" else one.detail.rpartition(". ")[2]
        return f"{told} {one.note}".strip()

    def since(self, before: "Outlook") -> str:
        """What is otherwise than in another outlook, in a sentence."""
        told = list(_changed(before.state, self.state))
        told = [", ".join(told) or "nothing is turned"]
        told += _moved("the hottest key", *(_hottest(one) for one in (before, self)))
        told += _moved("throttled at the peak", percent(before.throttled), percent(self.throttled))
        told += _moved("cost", before.dollars, self.dollars)
        return f"Since the pin: {'; '.join(told)}."


def _too_much(one: KeyAnalysis, bound: Bound) -> str:
    """That something runs out, with how much is asked and how much is served."""
    where = f"index {bound.index}: " if bound.index else ""
    if bound.key is None:
        lost = f"{percent(1 - bound.multiple)} of {bound.kind} units are throttled"
        more = "".join(f" {each.asked} are above {each.resource}, too." for each in _others_too(one, bound))
        return f"Too much: {where}{one.name} is asked for {bound.asked}, above {bound.resource}: {lost}.{more}"
    lost = f": {lost}" if (lost := _lost(one, bound.kind)) else ""
    key = f"{where}{named_key(bound.key)}"
    return f"Too hot: {key} is asked for {one.asked_of(bound)}, and one partition serves {bound.limit:,.0f}{lost}."


def _others_too(one: KeyAnalysis, first: Bound) -> list[Bound]:
    """Other settings of the table or index that are passed too."""
    return [each for each in one.bounds if each is not first and each.key is None and each.multiple < 1]


def _lost(one: KeyAnalysis, kind: Kind) -> str:
    """Which share of a kind's units is throttled before splits, and which stays; "" where all are served."""
    first, lasting = percent(one.at_first(kind)), percent(one.after_splits(kind))
    if not one.after_splits(kind):
        return f"{first} of {kind} units are throttled" if one.at_first(kind) else ""
    if one.at_first(kind) <= one.after_splits(kind) or first == lasting:
        return f"{lasting} of {kind} units are throttled for good"
    return f"{first} of {kind} units are throttled until splits are done, {lasting} for good"


def _help(one: KeyAnalysis, bound: Bound) -> str:
    if bound.key is None:
        served = f"This mix is served up to {rate_text(bound.rate_per_s)} requests/s"
        return f"{served}; raise it, or spread the load over time."
    shards = "give it another key"
    if one.shards > 1 and not bound.index:
        shards = f"{one.shards:,} shards would hold it, each with at most half of what a partition serves"
    why = "" if bound.index else one.why_undivided(bound)
    return f"No split helps this key, since {why}; {shards}." if why else f"{shards[0].upper()}{shards[1:]}."


def _room(bound: Bound) -> str:
    if bound.multiple < NO_ROOM:
        return f"No room: it takes all of the first limit, {bound}."
    return f"At {times_text(bound.multiple)} times this load the first limit is reached: {bound}."


def _hottest(one: Outlook) -> str:
    hot = one.analysis.hottest
    if hot is None:
        return "none"
    return f"{hot.key} {rate_text(hot.units_per_s)} {UNIT[hot.kind]}/s ({percent(hot.utilisation)} of a partition)"


def _moved(what: str, before: str, after: str) -> list[str]:
    return [f"{what} stays {after}" if before == after else f"{what} {before} → {after}"]


def _changed(before: State, after: State) -> Iterator[str]:
    for name in ("pattern", "load", "skew", "rate", "cardinality", "size", "shards", "capacity", "consistency"):
        old, new = (one.settings.get(name, "as designed") for one in (before, after))
        if old != new:
            yield f"{name} {_told(old)} → {_told(new)}"


def _told(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


# Computing


class Outlooks:
    """Outlooks of one design, which keep what does not change between them."""

    def __init__(
        self,
        design: Design | Items,
        *,
        duration: Any = "30min",
        seed: int = DEFAULT_SEED,
        now: int = DEFAULT_NOW,
    ):
        self.base = items_of(design, seed, now)
        self.design, self.seed = self.base.design, seed
        self.duration_s = duration_seconds(duration)
        self._items: dict[Any, Items] = {(None, None, None): replace(self.base, asked={})}
        self._known: dict[Any, Outlook] = {}
        self._lock = Lock()  # the simulation runs in a thread

    def focus(self, pattern: str | None = None, table: str | None = None) -> Focus:
        """What the knobs act upon: the pattern, or the one that asks the most of the hottest key, of all or a table."""
        names = choosable(self.design)
        if table is not None and table not in self.design.tables:
            known = ", ".join(self.design.tables)
            raise ValueError(f"{self.design.name} has no table {table!r}; its tables are {known}")
        there = [n for n in names if table in (None, self.design.table_for(self.design.access_patterns[n]).name)]
        if not there:
            where = f"table {table}" if table else self.design.name
            raise ValueError(
                f"{where}: no access pattern that knobs could act upon; one for a single entity needs a rate"
            )
        if pattern is not None and pattern not in there:
            raise ValueError(f"pattern={pattern!r}: an access pattern with a rate, for one entity: {', '.join(there)}")
        name = pattern or self._hottest(there)
        return Focus(self.design, name, len(self.base.entities[Focus(self.design, name).entity]))

    def _hottest(self, names: list[str]) -> str:
        """Of some access patterns the one that asks the most of a single key, against its limit."""

        def heat(name: str) -> float:
            one = Focus(self.design, name)
            spread = request_spread(self.base, one.table, one.index, pattern=name)
            return spread.utilisation

        return max(names, key=heat)

    def exponent(self, focus: Focus) -> float:
        """The Zipf exponent that gives the pattern's hottest key the share that it has in the design."""
        spread = request_spread(self.base, focus.table, focus.index, pattern=focus.pattern)
        asked = int(np.count_nonzero(np.add(*(spread.units(kind) for kind in KINDS))))
        hot, exponents = spread.hottest(), np.arange(0, MOST_SKEW + 0.01, 0.05)
        shares = np.array([1 / (np.arange(1.0, asked + 1) ** -s).sum() for s in exponents])
        return round(float(exponents[np.abs(shares - hot.share).argmin()]), 2) if hot else 0.0

    def items(self, state: State) -> Items:
        """The items of the state's design."""
        made_by = (state.cardinality, state.size, state.shards if state.shards != 1 else None)
        with self._lock:
            if made_by not in self._items:
                self._items = dict([*self._items.items()][:1] + [*self._items.items()][1:][1 - KEPT :])
                self._items[made_by] = self._made(made_by, replace(self.base.again(state.values), asked={}))
            return self._items[made_by].under(state.values)

    def _made(self, made_by: Any, items: Items) -> Items:
        """Items with the partition keys of others that differ in their size alone."""
        other = next((one for by, one in self._items.items() if by[::2] == made_by[::2]), None)
        if other is not None:
            items.keys.update({place: keys.copy(items) for place, keys in other.keys.items()})
        return items

    def state(self, state: State) -> State:
        """The state with the units that its capacity mode provisions."""
        if state.capacity not in ("provisioned", "auto scaling") or state.units:
            return state
        plain = replace(state, capacity="on-demand")
        items, table = self.items(plain), state.focus.table
        mean, peak = (_most_units(key_report(items, at=at, tables=[table])) for at in ("rate", "peak"))
        return with_capacity(state, mean, peak)

    def outlook(self, state: State) -> Outlook:
        """What a state comes to, without a simulation."""
        turned = tuple(item for item in state.settings.items() if item[0] != "load")
        if turned not in self._known:
            self._known = dict(list(self._known.items())[1 - KNOWN :])
            self._known[turned] = self._outlook(self.state(state))
        known = self._known[turned]
        return replace(known, state=replace(state, units=known.state.units))

    def _outlook(self, state: State) -> Outlook:
        items = self.items(state)
        report = key_report(items, tables=[state.focus.table])
        return Outlook(state, report, estimate_cost(items), self.duration_s)

    def simulated(self, found: Outlook, stop: Callable[[], bool] = lambda: False) -> Outlook:
        """The outlook with its simulation, of all of its table's access patterns; `stop` is asked to end it early."""
        items, state = self.items(found.state), found.state
        run = prepare(items, self.duration_s, state.load, table=state.focus.table, seed=self.seed)
        return replace(found, simulation=run.run(stop=stop))


def _most_units(report: KeyReport) -> dict[Kind, float]:
    """By kind, the most units a second that the table or one of its indexes is asked for."""
    return {kind: max(float(one.requests.units(kind).sum()) for one in report) for kind in KINDS}
