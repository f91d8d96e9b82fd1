"""Loading generated items into an engine: fast, counted, and to be resumed after an interruption.

Items go by BatchWriteItem, 25 at a time, several requests in flight. What the engine leaves unprocessed is sent again
with growing pauses. A put is idempotent, so a load that was interrupted goes on where it was: nothing is lost and
nothing is there twice (AWS: API_BatchWriteItem).
"""

import json
import random
import time
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np

from workbench import limits
from workbench.access import sort_prefix
from workbench.columns import Ints
from workbench.entities import EntityItems
from workbench.errors import EngineError
from workbench.items import Items
from workbench.requests import to_item
from workbench.tables import RunTables

BLOCK = 2_500  # items built at a time: bounds memory, whatever the number of items
WORKERS = 4
TRIES = 12  # of one batch with unprocessed items: pauses of up to 3 s


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

    for table in items.design.tables:
        check_distinct(items, table)
    total = sum(len(index) for index in places.values())
    with tqdm(total=total, desc="loading items", unit="item", disable=not progress, leave=False) as bar:
        for table in items.design.tables:
            parts = [(e, places[e.name]) for e in items.in_table(table)]
            _load_table(tables, table, parts, done.get(table, 0), fingerprint, bar, total)
    return total


def _load_table(
    tables: RunTables,
    table: str,
    parts: Parts,
    skip: int,
    fingerprint: str,
    bar: Any,
    total: int,
) -> None:
    put = skip
    bar.update(skip)
    bodies = _bodies(tables.name(table), parts, skip)
    pool = ThreadPoolExecutor(WORKERS)
    waiting: deque[tuple[Future[None], int]] = deque()
    try:
        for body, count in bodies:
            waiting.append((pool.submit(_put_batch, tables, body), count))
            if len(waiting) >= 2 * WORKERS:
                put += _finished(waiting, bar)
        while waiting:
            put += _finished(waiting, bar)
    except BaseException as error:
        pool.shutdown(wait=True, cancel_futures=True)
        _note_progress(tables, table, fingerprint, put)
        if isinstance(error, KeyboardInterrupt):
            message = f"interrupted: {bar.n:,} of {total:,} items are loaded; the same call again goes on from there"
            raise KeyboardInterrupt(message) from None
        raise
    pool.shutdown()
    tables.note(table, fingerprint, put)
    _verify(tables, table, parts)


def _note_progress(tables: RunTables, table: str, fingerprint: str, put: int) -> None:
    """Note how far a load got; an engine that is gone has nothing to go on from."""
    with suppress(EngineError):
        tables.note(table, fingerprint, put)


def _finished(waiting: deque[tuple[Future[None], int]], bar: Any) -> int:
    future, count = waiting.popleft()
    future.result()
    bar.update(count)
    return count


def _bodies(name: str, parts: Parts, skip: int) -> Iterator[tuple[bytes, int]]:
    """Ready-made BatchWriteItem requests, in a fixed order; the first `skip` items are left out."""
    for entity, index in parts:
        start, skip = min(skip, len(index)), max(0, skip - len(index))
        for block in range(start, len(index), BLOCK):
            found = entity.take(index[block : block + BLOCK])
            for i in range(0, len(found), limits.BATCH_WRITE_ITEMS):
                batch = [{"PutRequest": {"Item": to_item(item)}} for item in found[i : i + limits.BATCH_WRITE_ITEMS]]
                yield _encoded({"RequestItems": {name: batch}}), len(batch)


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, default=lambda value: b64encode(value).decode(), separators=(",", ":")).encode()


def _put_batch(tables: RunTables, body: bytes) -> None:
    """Send one batch until the engine has processed all of it."""
    for attempt in range(TRIES):
        left = tables.engine.call("BatchWriteItem", body).get("UnprocessedItems")
        if not left:
            return
        body = _encoded({"RequestItems": left})
        time.sleep(random.uniform(0, min(3.0, 0.05 * 2**attempt)))
    raise EngineError(
        f"{tables.engine.name} left items unprocessed {TRIES} times in a row: it is overloaded or its disk is full",
        kind=tables.engine.kind,
        log=tables.engine.log_tail(),
    )


def _verify(tables: RunTables, table: str, parts: Parts) -> None:
    """EngineError unless the table holds what was put: by the engine's count or, where that is stale, by reading."""
    wanted = sum(len(index) for _, index in parts)
    said = tables.engine.call("DescribeTable", {"TableName": tables.name(table)})["Table"].get("ItemCount")
    found = said if said == wanted else count_items(tables, table)
    if found != wanted:
        raise EngineError(
            f"table {tables.name(table)} holds {found:,} items after loading, not {wanted:,}", kind=tables.engine.kind
        )


def check_distinct(items: Items, table: str) -> None:
    """ValueError if two entities of a table have an item with the same primary key: one would replace the other."""
    entities = [entity for entity in items.in_table(table) if len(entity)]
    for i, one in enumerate(entities):
        for other in entities[i + 1 :]:
            if _may_meet(items, one, other) and (shared := _keys(one) & _keys(other)):
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
        page = tables.engine.call("Scan", request)
        total += page["Count"]
        if not page.get("LastEvaluatedKey"):
            return total
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
