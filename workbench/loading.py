"""Loading generated items into an engine: fast, counted, and to be resumed after an interruption.

Items go by BatchWriteItem, 25 at a time, several requests in flight. What the engine leaves unprocessed is sent again
with growing pauses. A put is idempotent, so a load that was interrupted goes on where it was: nothing is lost and
nothing is there twice (AWS: API_BatchWriteItem).
"""

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import combinations, islice
from typing import Any

import numpy as np

from workbench import limits
from workbench.columns import Ints
from workbench.entities import EntityItems
from workbench.errors import EngineError, RequestError
from workbench.items import Items
from workbench.serving import sort_prefix
from workbench.tables import RunTables
from workbench.wire import put_batches

WORKERS = 4
AHEAD, AHEAD_BYTES = 64, 16 * limits.MB  # batches written ahead of those that are under way
NOTE_SECONDS = 5.0  # how often it is noted on the engine how far the load is
TRIES = 12  # of one batch with unprocessed items, or that was throttled: pauses of up to 3 s
# Refused before anything was done, so that it is safe to send again (AWS: Programming.Errors).
THROTTLED = {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}

Parts = list[tuple[EntityItems, Ints]]


def load_items(
    tables: RunTables,
    items: Items,
    places: Mapping[str, Ints],
    fingerprint: str,
    done: Mapping[str, int],
    progress: bool,
) -> int:
    """Put the items at `places` of each entity into their tables; returns how many there are.

    `done` says how many items of each table an interrupted load had put. On KeyboardInterrupt the tables stay, and
    how far it got is noted on the engine. EngineError if afterwards a table does not hold what it should.
    """
    from tqdm.auto import tqdm

    total = sum(len(index) for index in places.values())
    with tqdm(total=total, desc="loading items", unit="item", disable=not progress, leave=False) as bar:
        load = _Load(tables, fingerprint, bar.update)
        try:
            for table in items.design.tables:
                load.fill(table, [(e, places[e.name]) for e in items.in_table(table)], done.get(table, 0))
        except KeyboardInterrupt:
            names = ", ".join(map(tables.name, load.put))
            said = f"interrupted: {load.total:,} of {total:,} items are loaded, into {names} on {tables.engine.name}"
            raise KeyboardInterrupt(f"{said}; while that engine runs, the same call goes on from there") from None
    return total


class _Load:
    """A load under way: how many items of each table are put for certain, and the noting of it on the engine."""

    def __init__(self, tables: RunTables, fingerprint: str, show: Callable[[int], object]):
        self.tables, self.fingerprint, self.show = tables, fingerprint, show
        self.put: dict[str, int] = {}
        self.noted = time.monotonic()

    @property
    def total(self) -> int:
        """How many items are put in all tables."""
        return sum(self.put.values())

    def fill(self, table: str, parts: Parts, skip: int) -> None:
        """Put a table's items but for the first `skip`, which are there, and count what it then holds."""
        self._count(table, skip)
        pool = ThreadPoolExecutor(WORKERS)
        try:
            self._put_all(pool, table, _bodies(self.tables.name(table), parts, skip))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            with suppress(EngineError):  # an engine that is gone has nothing to go on from
                self.tables.note(table, self.fingerprint, self.put[table])
        _verify(self.tables, table, parts)

    def _put_all(self, pool: ThreadPoolExecutor, table: str, bodies: Iterable[tuple[bytes, int]]) -> None:
        waiting: deque[tuple[Future[None], int]] = deque()
        for body, count in bodies:
            waiting.append((pool.submit(_put_batch, self.tables, body), count))
            most = max(2 * WORKERS, min(AHEAD, AHEAD_BYTES // len(body)))
            if len(waiting) >= most:
                self._finish(table, waiting, most // 2)
                self._note_now_and_then(table)
        self._finish(table, waiting, len(waiting))

    def _finish(self, table: str, waiting: deque[tuple[Future[None], int]], batches: int) -> None:
        """Count the first so many batches; one wait for all of them takes less from the workers than many."""
        wait([sent for sent, _ in islice(waiting, batches)], return_when=FIRST_EXCEPTION)
        for _ in range(batches):
            sent, count = waiting.popleft()
            sent.result()
            self._count(table, count)

    def _note_now_and_then(self, table: str) -> None:
        """Note how far it is, for a load after this process or the engine was killed."""
        if time.monotonic() - self.noted > NOTE_SECONDS:
            self.tables.note(table, self.fingerprint, self.put[table])
            self.noted = time.monotonic()

    def _count(self, table: str, count: int) -> None:
        self.put[table] = self.put.get(table, 0) + count
        self.show(count)


def _bodies(name: str, parts: Parts, skip: int) -> Iterator[tuple[bytes, int]]:
    """Ready-made BatchWriteItem requests, in a fixed order; the first `skip` items are left out."""
    for entity, index in parts:
        yield from put_batches(name, entity, index[skip:])
        skip = max(0, skip - len(index))


def _put_batch(tables: RunTables, body: bytes) -> None:
    """Send one batch until the engine has processed all of it."""
    what = ""
    for attempt in range(TRIES):
        try:
            left = tables.attempts.call("BatchWriteItem", body).get("UnprocessedItems")
        except RequestError as error:
            if error.code not in THROTTLED:
                raise
            what = f"refused items ({error.code})"
        else:
            if not left:
                return
            what = "left items unprocessed"
            body = json.dumps({"RequestItems": left}).encode()
        time.sleep(random.uniform(0, min(3.0, 0.05 * 2**attempt)))
    raise EngineError(
        f"{tables.engine.name} {what} {TRIES} times in a row: it is overloaded or its disk is full",
        kind=tables.engine.kind,
        log=tables.engine.log_tail(),
    )


def _verify(tables: RunTables, table: str, parts: Parts) -> None:
    """EngineError unless the table holds what was put: by the engine's count or, where that is stale, by reading."""
    wanted = sum(len(index) for _, index in parts)
    said = tables.attempts.call("DescribeTable", {"TableName": tables.name(table)})["Table"].get("ItemCount")
    found = said if said == wanted else count_items(tables, table)
    if found != wanted:
        raise EngineError(
            f"table {tables.name(table)} holds {found:,} items after loading, not {wanted:,}", kind=tables.engine.kind
        )


def check_distinct(items: Items, table: str) -> None:
    """ValueError if two entities of a table have an item with the same primary key: one would replace the other."""
    entities = [entity for entity in items.in_table(table) if len(entity)]
    meeting = [(one, other) for one, other in combinations(entities, 2) if _may_meet(items, one, other)]
    keys = {name: _keys(items.entities[name]) for name in {each.name for pair in meeting for each in pair}}
    for one, other in meeting:
        if shared := keys[one.name] & keys[other.name]:
            raise ValueError(
                f"entities {one.name} and {other.name} both have an item with the primary key "
                f"{next(iter(shared))}: one would replace the other; give their keys different prefixes"
            )


def _may_meet(items: Items, one: EntityItems, other: EntityItems) -> bool:
    """Whether no key attribute's literal beginnings tell the entities apart."""
    for name in one.table.key_attributes:
        mine, theirs = (items.design.domains_of(e.name).get(name) for e in (one, other))
        a, b = sort_prefix(mine), sort_prefix(theirs)
        whole_a, whole_b = (d is not None and d.template is not None and not d.template.fields for d in (mine, theirs))
        if not (a.startswith(b) or b.startswith(a)) or (whole_a and whole_b and a != b):
            return False
    return True


def _keys(entity: EntityItems) -> set[tuple[Any, ...]]:
    everything = np.arange(len(entity))
    return set(zip(*(entity.columns[a].take(everything) for a in entity.table.key_attributes), strict=True))


def count_items(tables: RunTables, table: str) -> int:
    """The number of items in a table, counted by reading it (DescribeTable is hours old on the service)."""
    request: dict[str, Any] = {"TableName": tables.name(table), "Select": "COUNT"}
    total = 0
    while True:
        page = tables.attempts.call("Scan", request)
        total += page["Count"]
        if not page.get("LastEvaluatedKey"):
            return total
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
