"""Engines and kernels ended at random moments: what the user is told, how soon, and what the next run makes of it.

A seed fixes the design's items and the request at which the kill strikes; up to 5 ms later it comes from another
thread, while other requests are on their way. Afterwards the same `run_patterns` runs again: on a new engine, on the
same data where the engine keeps them, or from a new process. When its load is done, every item is read and compared
with what was generated.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from benchmarks.items import ROOT
from benchmarks.ratios import Fact
from workbench import runs
from workbench.descriptors import to_item
from workbench.design import Design
from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errors import EngineError
from workbench.installing import find_files
from workbench.items import Items, generate_items
from workbench.java import find_java
from workbench.runs import run_patterns

TOLD_SECONDS = 5.0  # after a kill, until the error is there
CALLS = 8
DESIGN = """
name: faults
tables:
  Orders: {partition_key: customer, sort_key: order}
  Events: {partition_key: event}
fields:
  customer: {count: 80, format: "c-{:04}"}
  order: {per: customer, count: 20}
  event: {count: 400, type: ulid}
entities:
  Order:
    table: Orders
    attributes: {title: text(60), price: 1..9999, tags: {list: word, length: 0..3}, gone: {type: integer, present: 30%}}
  Event: {table: Events, attributes: {at: epoch(-7d..now), hits: {value: 0}}}
access_patterns:
  of-customer: {operation: Query, entity: Order, key_condition: customer = :customer, expect: {items: 20}}
  seen:
    operation: TransactWriteItems
    actions:
      - {operation: Update, entity: Event, update: "ADD hits :one", values: {one: 1}}
      - {operation: Put, entity: Order}
"""
MOMENTS = {"load": "BatchWriteItem", "query": "Query", "transaction": "TransactWriteItems"}


@dataclass(frozen=True)
class Told:
    """How a kill became known: after how many seconds, by which error."""

    seconds: float
    error: EngineError


def measure(times: int = 20) -> Iterator[Fact]:
    """Every kill of an engine so many times, of Java's half as often, and of a kernel a third as often.

    Each has a seed of its own; an AssertionError names the one that failed.
    """
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        yield from _engines_killed(pool, times)
        yield from _kernels_ended(pool, max(1, times // 3))


def _engines_killed(pool: Executor, times: int) -> Iterator[Fact]:
    for kind, keeps in kinds():
        count = max(1, times // 2) if kind == "java" else times  # which takes seconds to start
        for moment in MOMENTS:
            told = list(pool.map(partial(engine_killed, kind, moment, keeps=keeps), range(count)))
            slowest = max(one.seconds for one in told)
            went_on = "went on with its data" if keeps else "began anew"
            yield Fact(
                f"{kind} engine killed in a {moment}, {count} times",
                f"told within {slowest:.2f} s; the next run {went_on} and held exactly the items, {count} of {count}",
            )


def _kernels_ended(pool: Executor, times: int) -> Iterator[Fact]:
    for number, what in ((signal.SIGKILL, "killed"), (signal.SIGINT, "interrupted")):
        for moment in MOMENTS:
            list(pool.map(partial(kernel_ended, number, moment), range(times)))
            yield Fact(
                f"kernel {what} in a {moment}, {times} times",
                f"the next run held exactly the items, {times} of {times}",
            )


def kinds() -> Iterator[tuple[str, bool]]:
    """The kinds of engines that are here, and whether they keep their data."""
    yield "embedded", False
    if which("dynoxide"):
        yield "dynoxide", True
    with suppress(EngineError):
        find_java()
        find_files()
        yield "java", True


def engine_killed(kind: str, moment: str, seed: int, keeps: bool = False) -> Told:
    """One kill of an engine while a run loads, queries or writes a transaction, and the run after it."""
    rng, design = random.Random(f"{kind} {moment} {seed}"), parse_design(DESIGN)
    items = generate_items(design, seed=seed)
    requests = len(items) // 25 if moment == "load" else CALLS
    options = {"persist": "faults"} if keeps else {}
    installed = {"DYNAMODB_LOCAL_HOME": str(find_files().home)} if kind == "java" else {}
    with TemporaryDirectory() as home, patch.dict(os.environ, {"WORKBENCH_HOME": home, **installed}):
        with start_engine(kind, **options) as engine:
            strike = Strike(engine, rng.randint(1, requests), rng.uniform(0, 0.005))
            told = _told(design, engine, items, strike, MOMENTS[moment])
        assert told.seconds < TOLD_SECONDS, f"seed {seed}: told after {told.seconds:.1f} s"
        assert told.error.kind == kind and told.error.command, f"seed {seed}: {told.error!r} names no engine or command"
        with start_engine(kind, **options) as engine:
            held_after_loading(design, engine, items, seed)
    return told


class Strike:
    """Kills an engine a little after so many requests."""

    def __init__(self, engine: Engine, requests: int, seconds: float):
        self.engine, self.left, self.seconds = engine, requests, seconds
        self.at = 0.0

    def count(self) -> None:
        """Count a request; at the last one, kill."""
        self.left -= 1
        if self.left == 0:
            threading.Timer(self.seconds, self._kill).start()

    def _kill(self) -> None:
        self.at = time.monotonic()
        self.engine._server.process.kill()  # type: ignore[union-attr]


def _told(design: Design, engine: Engine, items: Items, strike: Strike, operation: str) -> Told:
    with counted(engine, operation, strike.count):
        try:
            while True:  # a kill after the last request is for the next run
                run_patterns(design, engine, items, calls=CALLS, sample=len(items), strict=False, progress=False)
        except EngineError as error:
            return Told(time.monotonic() - strike.at, error)


@contextmanager
def counted(engine: Engine, operation: str, count: Callable[[], object]) -> Iterator[None]:
    """Calls `count` before every request of an operation."""
    call = engine.call

    def call_counted(name: str, body: Any) -> Any:
        if name == operation:
            count()
        return call(name, body)

    engine.client().meta.events.register(f"before-call.dynamodb.{operation}", lambda **_: count())
    with patch.object(engine, "call", call_counted):
        yield


def held_after_loading(design: Design, engine: Engine, items: Items, seed: int) -> None:
    """Run again, and compare what the tables hold when the load is done, before the patterns change it."""
    called, held = runs._called, []

    def compared(design: Design, items: Items, plan: Any, tables: Any, progress: bool) -> Any:
        for table in design.tables:
            found = Counter(contents(engine, tables.name(table)))
            made = [e.take(range(len(e))) for e in items.in_table(table)]
            wanted = Counter(_text(to_item(item)) for entity in made for item in entity)
            assert found == wanted, f"seed {seed}: {(wanted - found).total()} lost, {(found - wanted).total()} others"
            held.append(table)
        return called(design, items, plan, tables, progress)

    with patch.object(runs, "_called", compared):
        run_patterns(design, engine, items, calls=1, sample=len(items), progress=False)
    assert held == list(design.tables)


def contents(engine: Engine, table: str) -> Iterator[str]:
    """Every item of a table, as text."""
    request: dict[str, Any] = {"TableName": table, "ConsistentRead": True}
    while True:
        page = engine.call("Scan", request)
        yield from map(_text, page["Items"])
        if not page.get("LastEvaluatedKey"):
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _text(item: dict[str, Any]) -> str:
    return json.dumps(item, sort_keys=True)


def kernel_ended(number: signal.Signals, moment: str, seed: int) -> None:
    """A process that runs patterns on an engine that outlives it gets a signal, and the next one runs them again."""
    rng, design = random.Random(f"kernel {number} {moment} {seed}"), parse_design(DESIGN)
    items = generate_items(design, seed=seed)
    requests = rng.randint(1, len(items) // 25 if moment == "load" else CALLS)
    with start_engine("embedded") as engine:
        words = [engine.endpoint_url, str(seed), MOMENTS[moment], str(requests), str(int(number))]
        done = subprocess.run(
            [sys.executable, "-c", _KERNEL, *words], cwd=ROOT, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == -number, f"seed {seed}: exit code {done.returncode}, {done.stderr}"
        with start_engine(engine.endpoint_url) as adopted:
            held_after_loading(design, adopted, items, seed)


_KERNEL = """
import sys
from benchmarks.faults import end_running
end_running(*sys.argv[1:])
"""


def end_running(url: str, seed: str, operation: str, requests: str, number: str) -> None:
    """Run patterns on an engine, and get a signal a little after so many requests."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let what runs in the background ignore it
    design = parse_design(DESIGN)
    items = generate_items(design, seed=int(seed))
    left = iter(range(int(requests) - 1, -1, -1))

    def count() -> None:
        if next(left, None) == 0:
            threading.Timer(random.Random(seed).uniform(0, 0.005), os.kill, (os.getpid(), int(number))).start()

    with start_engine(url) as engine, counted(engine, operation, count):
        while True:  # a signal after the last request is for the next run
            run_patterns(design, engine, items, calls=CALLS, sample=len(items), strict=False, progress=False)
