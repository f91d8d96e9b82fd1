"""Engines: how long each takes from start to first answer, and what each does of what the workbench relies on.

A start is measured in a process of its own, imports included, as the first cell of a notebook would see it. What an
engine is known not to do is skipped by name, with the reason; a fault that is not known fails the tests, too.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator

from benchmarks.ratios import Fact, Ratio, Report
from tests.behaviours import cases
from tests.conformance import Outcome, run
from workbench.engines import start_engine
from workbench.errors import EngineError

LIMITS = {
    "embedded": 1.5,
    "java": 3.0,
    "docker": 4.0,
    "dynoxide": None,
}  # seconds, on two cores with nothing else to do
START = """
import time
start = time.perf_counter()
import workbench as wb
with wb.start_engine({kind!r}) as engine:
    engine.call("ListTables", {{}})
    print(time.perf_counter() - start)
"""


def measure(rounds: int = 7) -> Iterator[Ratio | Fact | Report]:
    """Start times of the engines at hand, and the conformance of each."""
    outcomes: dict[str, list[Outcome]] = {}
    for kind, limit in LIMITS.items():
        try:
            with start_engine(kind) as engine:
                outcomes[engine.name] = run(engine, cases())
        except EngineError as missing:
            yield Fact(f"{kind} engine", f"not at hand: {missing.message}")
            continue
        seconds = [started(kind) for _ in range(rounds)]
        if limit:
            values = tuple(one / limit for one in seconds)
            yield Ratio(f"{kind} engine, start to first answer : {limit:g} s", values, at_most=1.0)
        yield Fact(f"{kind} engine, start to first answer", f"{sorted(seconds)[rounds // 2]:.2f} s")
    yield conformance(outcomes)


def started(kind: str) -> float:
    """Seconds from nothing to the first answer, in a new process."""
    command = [sys.executable, "-c", START.format(kind=kind)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def conformance(outcomes: dict[str, list[Outcome]]) -> Report:
    """A table of areas by engines, good of all, and every behaviour that an engine does not have, with the reason."""
    engines = list(outcomes)
    good = {name: Counter(o.case.area for o in found if not (o.fault or o.skipped)) for name, found in outcomes.items()}
    areas = Counter(case.area for case in cases())
    rows = [[area, str(count), *(str(good[name][area]) for name in engines)] for area, count in areas.items()]
    totals = ["**all**", str(sum(areas.values())), *(f"**{sum(good[name].values())}**" for name in engines)]
    lines = [*_table(["behaviours", "cases", *engines], [*rows, totals]), "", *_missing(outcomes)]
    return Report("Engines: what the workbench relies on", "\n".join(lines))


def _missing(outcomes: dict[str, list[Outcome]]) -> Iterator[str]:
    rows = [
        [o.case.name, name, o.skipped or f"**fault**: {o.fault}"]
        for name, found in outcomes.items()
        for o in found
        if o.fault or o.skipped
    ]
    yield from _table(["what it does not do", "engine", "and what the workbench does about it"], rows)


def _table(header: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    for row in (header, ["---"] * len(header), *rows):
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
