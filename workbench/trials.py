"""Trials: one access pattern on an engine that holds its items, to try what a run of all patterns cannot show.

Some promises show only beside other callers or over time. A condition like `attribute_not_exists(PK)` is there for two
writers who come at once: `Trial.race` lets them, and counts the winners. An expired item is returned until the service
gets round to deleting it, which may take days: a read without its filter shows it, and with the filter must not. What
else is to be tried goes by `get`, `query` and `write`, which tells a refused condition from a write that was done.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Barrier
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.columns import Ints
from workbench.design import AccessPattern, Design
from workbench.engine import Engine
from workbench.errors import EngineError, RequestError
from workbench.items import Items, items_of
from workbench.loading import load_items
from workbench.metering import without_filter
from workbench.requests import Request, draw_calls
from workbench.results import Result
from workbench.sampling import places_for
from workbench.schema import Table
from workbench.tables import RunTables, default_prefix

if TYPE_CHECKING:
    import pandas as pd

REFUSED = {"ConditionalCheckFailedException", "TransactionCanceledException"}


@dataclass(frozen=True, repr=False)
class Race(Result):
    """Rounds in which several writers sent the same request at once: how many of them succeeded in each."""

    pattern: str
    writers: int
    winners: tuple[int, ...]
    stored: int

    @property
    def one_winner(self) -> int:
        """The rounds in which exactly one writer succeeded."""
        return sum(count == 1 for count in self.winners)

    def summary_line(self) -> str:
        return (
            f"{self.pattern}: in {self.one_winner} of {len(self.winners)} rounds exactly one of {self.writers} writers "
            f"succeeded; {self.stored} items are stored"
        )

    def to_frame(self) -> "pd.DataFrame":
        """A line per number of winners, with the rounds that had so many."""
        import pandas as pd

        return pd.DataFrame(sorted(Counter(self.winners).items()), columns=["winners", "rounds"])


@dataclass(frozen=True)
class Trial:
    """An access pattern, requests of it, and the engine that holds its items. Made by `trial`."""

    pattern: AccessPattern
    tables: RunTables
    requests: tuple[Request, ...] = field(repr=False)

    def items(self, request: Request, *, unfiltered: bool = False) -> list[dict[str, Any]]:
        """What a Query or Scan returns, all pages, as DynamoDB's JSON; `unfiltered`: without its filter."""
        parameters = without_filter(request.parameters) if unfiltered else dict(request.parameters)
        return self._pages(request.operation, parameters)

    @property
    def table(self) -> Table:
        """The table that the pattern's requests go to."""
        return self.tables.design.table_for(self.pattern)

    def get(self, key: Mapping[str, Any]) -> dict[str, Any]:
        """The item under a key, read with strong consistency, as DynamoDB's JSON; {} if there is none."""
        return self._send("GetItem", _get(self.table.name, key)).get("Item", {})

    def query(self, key_condition: str, values: Mapping[str, Any], **parameters: Any) -> list[dict[str, Any]]:
        """The items that a Query of the table returns, all pages; `values` by name, as {":PK": {"S": "USER#7"}}."""
        asked = {"KeyConditionExpression": key_condition, "ExpressionAttributeValues": dict(values), **parameters}
        return self._pages("Query", {"TableName": self.table.name, **asked})

    def write(self, operation: str, **parameters: Any) -> bool:
        """Send a PutItem, UpdateItem or DeleteItem to the table: whether it was done, or its condition refused it.

        RequestError if it is refused for any other reason.
        """
        return self._wrote(operation, {"TableName": self.table.name, **parameters})

    def delete(self, item: Mapping[str, Any]) -> None:
        """Delete an item that was returned, as the service does some day after it has expired."""
        self.write("DeleteItem", Key={name: item[name] for name in self.table.key_attributes})

    def race(self, writers: int = 2) -> Race:
        """Send each request from several threads at once; the losers must have been refused by the condition.

        RequestError if a writer fails for any other reason.
        """
        gate = Barrier(writers)

        def write(request: Request) -> bool:
            gate.wait()
            return self._wrote(request.operation, request.parameters)

        with ThreadPoolExecutor(writers) as threads:
            rounds = [list(threads.map(write, [request] * writers)) for request in self.requests]
        return Race(self.pattern.name, writers, tuple(map(sum, rounds)), self._stored())

    def _pages(self, operation: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            answer = self._send(operation, parameters)
            found += answer.get("Items", [])
            if "LastEvaluatedKey" not in answer:
                return found
            parameters["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _wrote(self, operation: str, parameters: Mapping[str, Any]) -> bool:
        try:
            self._send(operation, parameters)
        except RequestError as error:
            if error.code not in REFUSED:
                raise
            return False
        return True

    def _stored(self) -> int:
        """How many of the items that the requests address are there."""
        keys = [key for request in self.requests for key in request.keys]
        return sum("Item" in self._send("GetItem", _get(table, key)) for table, key in keys)

    def _send(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self.tables.engine.call(operation, self.tables.prefixed(parameters))


def _get(table: str, key: Mapping[str, Any]) -> dict[str, Any]:
    return {"TableName": table, "Key": dict(key), "ConsistentRead": True}


@contextmanager
def trial(
    items: Items | Design,
    engine: Engine,
    pattern: str,
    *,
    calls: int = 100,
    seed: int | None = None,
    prefix: str | None = None,
) -> Iterator[Trial]:
    """`calls` requests of an access pattern, and the design's tables on `engine` with the items that they touch.

    The tables are deleted at the end. `seed` draws the requests, the items' own unless given; `prefix` is what table
    names begin with. KeyError if the design has no such pattern; ValueError if no key serves it.
    """
    items = items_of(items)
    design = items.design
    if pattern not in design.access_patterns:
        raise KeyError(
            f"{design.name} has no access pattern {pattern!r}; there are {', '.join(design.access_patterns)}"
        )
    stated = design.access_patterns[pattern]
    if stated.unserved is not None:
        raise ValueError(f"no key of {design.name} serves {pattern}: {stated.unserved}")
    drawn = draw_calls(items, stated, calls, seed=items.seed if seed is None else seed)
    with held(items, engine, places_for(items, stated, drawn), prefix=prefix) as tables:
        yield Trial(stated, tables, tuple(request for call in drawn for request in call.requests))


@contextmanager
def held(
    items: Items, engine: Engine, places: Mapping[str, Ints] | None = None, *, prefix: str | None = None
) -> Iterator[RunTables]:
    """The design's tables on `engine`, with the items at `places` of each entity (all, unless given), until the end."""
    design, everything = items.design, {name: np.arange(len(entity)) for name, entity in items.entities.items()}
    tables = RunTables(design, engine, default_prefix(design, engine) if prefix is None else prefix)
    tables.check()
    tables.claim()
    try:
        load_items(tables, items, places or everything, "trial", tables.create("trial"), progress=False)
        yield tables
    finally:
        with suppress(EngineError):
            tables.delete()
            tables.release()
