"""The same operations on each engine at hand: the units that it reports beside those that we meter.

Every case is one request of the meter that runs use, on items of sizes that are known, on both sides of the boundaries
at which units round up: see `read_probes` and `write_probes`. What we meter is tested by hand elsewhere; here it shows
which engine is right where, and that each wrong number is the one that an erratum predicts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.probes import DESIGN, Case, key_of
from benchmarks.ratios import Fact, Grid
from benchmarks.read_probes import read_cases
from benchmarks.write_probes import write_cases
from workbench.descriptors import to_item
from workbench.design import Design
from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.engines import KINDS, start_engine
from workbench.errata import Verdict, verdict
from workbench.errors import EngineError
from workbench.metered import Metered
from workbench.metering import Meter
from workbench.requests import Request
from workbench.tables import RunTables

PREFIX = "crosscheck-"


def cases() -> Iterator[Case]:
    """Every case, reads before writes; names are unique."""
    yield from read_cases()
    yield from write_cases()


class Bench:
    """The two tables on one engine; each case finds exactly the items that it wants."""

    def __init__(self, engine: Engine):
        self.design: Design = parse_design(DESIGN)
        self.tables = RunTables(self.design, engine, PREFIX)
        self.tables.create("")
        self.meter = Meter(self.design, self.tables)

    def close(self) -> None:
        """Delete the tables."""
        self.tables.delete()

    def run(self, case: Case) -> Metered:
        """The metered request of a case; the tables are empty again afterwards."""
        self.meter.forget()
        for table, item in case.there:
            self.meter.client.put_item(TableName=self.tables.name(table), Item=to_item(item))
        try:
            return self.meter.send(case.pattern, Request(case.operation, case.parameters, case.keys))
        finally:
            self._empty(case)

    def _empty(self, case: Case) -> None:
        keys = [*case.keys, *((table, key_of(item)) for table, item in case.there)]
        for table, key in {f"{table}{key}": (table, key) for table, key in keys}.values():
            self.meter.client.delete_item(TableName=self.tables.name(table), Key=key)


@dataclass(frozen=True)
class Found:
    """What an engine reported for a case, beside what we metered."""

    case: Case
    metered: Metered
    verdict: Verdict

    @property
    def outcome(self) -> str:
        """In a word: right, a known mistake, nothing reported, or UNEXPLAINED."""
        if self.verdict.difference:
            return "UNEXPLAINED"
        if self.metered.error:
            return "not reported"
        return "as predicted" if self.verdict.errata else "right"


def check(engine: Engine) -> list[Found]:
    """Every case on an engine."""
    bench = Bench(engine)
    try:
        done = [(case, bench.run(case)) for case in cases()]
        return [Found(case, one, verdict(engine.behaves_as, case.operation, one)) for case, one in done]
    finally:
        bench.close()


OUTCOMES = ("right", "as predicted", "not reported", "UNEXPLAINED")


def cells(found: Iterable[Found]) -> dict[str, str]:
    """For each operation how many cases came out how: `12 right, 3 as predicted`."""
    counts: dict[str, Counter[str]] = {}
    for one in found:
        counts.setdefault(one.case.operation, Counter())[one.outcome] += 1
    return {
        operation: ", ".join(f"{times[outcome]} {outcome}" for outcome in OUTCOMES if times[outcome])
        for operation, times in counts.items()
    }


def measure() -> Iterator[Fact | Grid]:
    """The table of engines and operations, and the mistakes that were met; AssertionError if one is not explained."""
    found: dict[str, list[Found]] = {}
    for kind in KINDS:
        try:
            with start_engine(kind) as engine:
                found[engine.name] = check(engine)
        except EngineError as error:
            yield Fact(f"capacity cross-check on {kind}", f"not at hand: {error.message}")
    by_engine = {name: cells(each) for name, each in found.items()}
    operations = next(iter(by_engine.values()))
    rows = tuple((operation, *(each[operation] for each in by_engine.values())) for operation in operations)
    yield Grid(NAME, ("operation", *by_engine), rows, NOTE.format(count=sum(1 for _ in cases())))
    mistakes = Counter(
        (name, erratum) for name, each in found.items() for one in each for erratum in one.verdict.errata
    )
    yield Grid(MISTAKES, ("engine", "what it reports", "cases"), tuple((*m, str(n)) for m, n in mistakes.items()))
    for name, each in found.items():
        for one in each:
            assert not one.verdict.difference, f"{name}: {one.case.name}: {one.verdict.difference}"


NAME = "Capacity: which engine is right where"
MISTAKES = "Capacity: known mistakes of the engines"
NOTE = (
    "{count} operations on each engine, its units by table and index beside ours. *As predicted*: wrong, by exactly "
    "what a known mistake of that engine predicts. *Not reported*: a refused write; its charge is in no answer."
)
