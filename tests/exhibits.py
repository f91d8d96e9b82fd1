"""Exhibits: one real result of every type that a notebook can show, made of the items of a design.

`EXHIBITS` has a maker for each type, which takes a `Source`: items, an engine, and what was made of them once. A new
type of result needs a maker here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import workbench as wb
from workbench.announcements import Announcement, announced
from workbench.baselines import Change, Tolerance
from workbench.explain import Explanation
from workbench.gate_results import FAILED, MOVED, PASSED, Outcome
from workbench.inventory import Inventory, inventory
from workbench.keyanalysis import KeyAnalysis
from workbench.matrices import Case, Suite
from workbench.migration import Diff
from workbench.regression import NotebookRun
from workbench.results import Captioned, Result
from workbench.sampling import plan_run
from workbench.sharding import Sharding
from workbench.spikes import Spike
from workbench.spreads import ItemSpread, RequestSpread
from workbench.standings import Standing
from workbench.summaries import Summary
from workbench.tables import RunTables
from workbench.whatif import Answer
from workbench.workshop import Seats, seats

PACKAGE = Path(wb.__file__).parent
FLIGHTS = PACKAGE.parent / "notebooks" / "designs" / "flights.yaml"


def public_results() -> list[type]:
    """Every type of the package that shows itself in a notebook."""
    for path in sorted(PACKAGE.glob("*.py")):
        if path.stem != "__main__":
            import_module(f"workbench.{path.stem}")
    return [wb.Design, wb.Finding, *_below(Result)]


def _below(one: type) -> Iterator[type]:
    for each in one.__subclasses__():
        if each.__module__.startswith("workbench."):
            yield each
        yield from _below(each)


@dataclass(frozen=True)
class Source:
    """What exhibits are made of: the items of a design with at least one table and a Query, and an engine."""

    items: wb.Items
    engine: wb.Engine

    @cached_property
    def _made(self) -> dict[type, Any]:
        return {}

    def exhibit(self, kind: type) -> Any:
        """The result of a type, made once."""
        if kind not in self._made:
            self._made[kind] = EXHIBITS[kind](self)
        return self._made[kind]

    @property
    def design(self) -> wb.Design:
        return self.items.design

    @property
    def table(self) -> str:
        """The table that is asked for most."""
        return self.report.worst.table

    @cached_property
    def report(self) -> wb.KeyReport:
        return wb.key_report(self.items)

    @cached_property
    def review(self) -> wb.Review:
        return wb.review(self.items)

    @cached_property
    def run(self) -> wb.Run:
        return wb.run_patterns(self.design, self.engine, self.items, calls=1, sample=500, strict=False)

    @cached_property
    def simulation(self) -> wb.Simulation:
        return wb.simulate(self.items, "5min", "step", patterns=self._first(self.table))

    @cached_property
    def answer(self) -> Answer:
        return wb.whatif.shards(self.items, self.table, duration="2min", seeds=1, shards=2)

    @cached_property
    def cost(self) -> wb.Cost:
        return wb.estimate_cost(self.items)

    @cached_property
    def policy(self) -> wb.Policy:
        return wb.iam_policy(self.design, next(iter(self.design.roles), None))

    @property
    def busiest(self) -> str:
        """An access pattern that takes part in a run."""
        return self.run.records[0]["pattern"]

    def _first(self, table: str) -> list[str]:
        rated = [p.name for p in self.design.served_patterns() if p.rate and self.design.table_for(p).name == table]
        return rated[:3]

    def suite(self) -> wb.Regression:
        """A gate that passed with every access pattern's name as a metric, moved with them, and failed once."""
        names = list(self.design.access_patterns)
        case = Case(Path("notebooks/regression/units.ipynb"), {"design": self.design.name})
        changes = tuple(Change(name, 1.0, 2.5, Tolerance(relative=0.02), "moved") for name in names)
        outcomes = (
            Outcome(case, FAILED, error=f"{self.design.name}: cell 3 raised KeyError", seconds=2.5),
            Outcome(case, MOVED, metrics=dict.fromkeys(names, 2.5), changes=changes, seconds=7.25),
            Outcome(case, PASSED, metrics=dict.fromkeys(names, 1.0), seconds=12.5),
        )
        about = {"engine": "embedded", "began": datetime(2026, 5, 1, tzinfo=UTC).isoformat()}
        return wb.Regression(outcomes, (), Suite((case,), {}, Path("baselines")), about)


def _announced(source: Source) -> Announcement:
    plan = plan_run(source.items, 1, 7, 500)
    return announced(source.items, plan, RunTables(source.design, source.engine, "t-"))


def _inventory(source: Source) -> Inventory:
    assert source.run.loaded
    wb.run_patterns(
        source.design, source.engine, source.items, calls=1, sample=50, strict=False, keep=True, prefix="x-"
    )
    return inventory(source.engine)


def _race(source: Source) -> wb.Race:
    return wb.Race(source.busiest, 2, (1, 1, 2), 3)


EXHIBITS: dict[type, Callable[[Source], Any]] = {
    Announcement: _announced,
    Answer: lambda source: source.answer,
    wb.Brief: lambda source: wb.brief(source.design),
    Captioned: lambda source: wb.captioned(source.run.by_index, source.design.name),
    wb.Check: lambda source: wb.Check(source.design.name, ()),
    wb.Comparison: lambda source: wb.compare(source.items, source.items, labels=[source.design.name, "again"]),
    wb.Cost: lambda source: source.cost,
    wb.Design: lambda source: source.design,
    Diff: lambda source: wb.diff(source.design, wb.load_design(FLIGHTS)),
    wb.Expected: lambda source: wb.expected_units(source.items),
    Explanation: lambda source: source.run.explain(source.busiest),
    wb.Finding: lambda source: source.review[0],
    Inventory: _inventory,
    wb.ItemCollections: lambda source: wb.item_collections(source.items, source.table),
    wb.Items: lambda source: source.items,
    ItemSpread: lambda source: wb.item_spread(source.items, source.table),
    KeyAnalysis: lambda source: source.report.worst,
    wb.KeyReport: lambda source: source.report,
    NotebookRun: lambda source: NotebookRun({"run": source.run.summary_line()}, Path("out.ipynb"), 2.5),
    wb.PatternTable: lambda source: wb.access_pattern_table(source.items),
    wb.Policy: lambda source: source.policy,
    wb.Prices: lambda source: wb.load_prices(),
    wb.Profile: lambda source: wb.PROFILE,
    wb.Proof: lambda source: source.policy.proof,
    wb.Race: _race,
    wb.Regression: lambda source: source.suite(),
    RequestSpread: lambda source: wb.request_spread(source.items, source.table),
    wb.Review: lambda source: source.review,
    wb.Run: lambda source: source.run,
    wb.Scoreboard: lambda source: wb.Scoreboard((Standing(source.design.name, "scan", 2, 1, 1_000, 1_300),)),
    Seats: lambda source: seats(30),
    Sharding: lambda source: source.answer.sharding,
    wb.Simulation: lambda source: source.simulation,
    Spike: lambda source: source.cost.spike(),
    Summary: lambda source: source.simulation.summary(),
    wb.Sweep: lambda source: source.answer.cases,
}
