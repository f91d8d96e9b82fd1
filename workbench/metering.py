"""Metering: what each request consumed, computed from the bytes that were really read and written.

DynamoDB charges a read for the items that it evaluated, before filter and projection, and a write for the larger of
the item before and after. Answers do not show all of that, so the meter looks: it asks writes for the old image,
reads an updated item once more, and reads a filtered page again without its filter. These looks are not part of the
call: they are in no count, unit or latency. The engine's own number stands beside ours, and is not trusted: local
engines report it wrong in known cases.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from workbench import capacity, errata, expressions, syntax
from workbench.attempts import UNKNOWN
from workbench.design import AccessPattern, Design
from workbench.errors import AnswerLost
from workbench.metered import Metered, Reading, index_schema
from workbench.requests import Request
from workbench.schema import Table
from workbench.sizes import item_size
from workbench.tables import RunTables

BATCH_TRIES = 8
SINGLE_LOOKS = 100  # whole items behind an index page that are looked up one by one; of more, the table is read once


class Meter:
    """Sends the requests of one design to one engine, and meters each."""

    def __init__(self, design: Design, tables: RunTables):
        self.design, self.tables, self.client = design, tables, tables.engine.client()
        self.schemas = {t.name: [index_schema(t, i) for i in t.indexes.values()] for t in design.tables.values()}
        self._pages: dict[str, list[dict[str, Any]]] = {}
        self._sizes: dict[str, dict[str, int]] = {}

    def forget(self) -> None:
        """Forget the pages and items seen so far: something was written."""
        self._pages.clear()
        self._sizes.clear()

    def send(self, pattern: AccessPattern, request: Request) -> Metered:
        """Send one request, all its pages, and meter it. A refusal is recorded with its code, not raised."""
        metered = Metered(indexes=self.schemas, projected=pattern.projection is not None)
        _METERS[request.operation](self, pattern, request, metered)
        if not pattern.is_read:
            self.forget()
            if metered.repeats:
                metered.forget_units()
        return metered

    # Speaking to the engine

    def timed(self, metered: Metered, operation: str, parameters: dict[str, Any]) -> Any:
        """The answer to a request of the pattern, timed; None if it was refused, or if it is unknown."""
        call = getattr(self.client, _METHODS[operation])
        full = {**self.tables.prefixed(parameters), "ReturnConsumedCapacity": "INDEXES"}
        starts: list[float] = []

        def once() -> Any:
            starts.append(time.perf_counter())
            return call(**full)

        try:
            answer = self.tables.attempts.send(operation, full, once)
        except ClientError as error:
            said = error.response.get("Error", {})
            metered.error, metered.message = said.get("Code", "no code"), said.get("Message", "")
            metered.refusal, answer = dict(error.response), None
        except AnswerLost as error:
            metered.error, answer = UNKNOWN, None
            metered.message = f"{error.message}; it was not sent again, because it could then be done twice"
        metered.seconds += time.perf_counter() - starts[-1]
        metered.repeats += len(starts) - 1
        if answer and (said := answer.get("ConsumedCapacity")):
            parts = said if isinstance(said, list) else [said]
            metered.replies += [(part["TableName"].removeprefix(self.tables.prefix), part) for part in parts]
        return answer

    def look(self, table: str, key: dict[str, Any]) -> dict[str, Any] | None:
        """An item as it stands, read consistently and not metered."""
        parameters = {"TableName": self.tables.name(table), "Key": key, "ConsistentRead": True}
        return self.read("GetItem", parameters).get("Item")

    def read(self, operation: str, parameters: dict[str, Any]) -> Any:
        """The answer to a read that is no part of the pattern."""
        call = getattr(self.client, _METHODS[operation])
        return self.tables.attempts.send(operation, parameters, lambda: call(**parameters))

    def write(self, metered: Metered, table: str, before: Any, after: Any, *, transactional: bool = False) -> None:
        metered.charge(table, capacity.write_steps(before, after, self.schemas[table], transactional=transactional))

    # Single items

    def get_item(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        answer = self.timed(metered, "GetItem", request.parameters)
        if answer is None:
            return
        table = request.parameters["TableName"]
        item = answer.get("Item")  # {} where it has none of the attributes that were asked for
        whole = self.look(table, request.parameters["Key"]) if pattern.projection else item
        metered.charge(table, capacity.read_steps(whole, consistent=pattern.consistent))
        metered.pages, metered.scanned, metered.count = 1, int(whole is not None), int(item is not None)
        metered.returned = [] if item is None else [item]

    def put_item(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        self._single_write(request, metered, lambda before: request.parameters["Item"])

    def delete_item(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        self._single_write(request, metered, lambda before: None)

    def update_item(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        table, key = request.parameters["TableName"], request.parameters["Key"]
        self._single_write(request, metered, lambda before: self.look(table, key))

    def _single_write(self, request: Request, metered: Metered, after: Callable[[Any], Any]) -> None:
        ((table, key),) = request.keys
        images = {"ReturnValues": "ALL_OLD"}
        if "ConditionExpression" in request.parameters:
            images["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        own = {name: value for name, value in images.items() if request.parameters.get(name, value) != value}
        before = self.look(table, key) if own else None  # the caller wants something else back
        answer = self.timed(metered, request.operation, {**images, **request.parameters})
        metered.pages = 1
        if answer is not None:
            before = before if own else answer.get("Attributes") or None
            self.write(metered, table, before, after(before))
        elif metered.error == "ConditionalCheckFailedException":
            # A failed condition is charged on the larger of both images; no index changes.
            before, wanted = before if own else metered.refusal.get("Item"), request.parameters.get("Item")
            metered.charge(table, capacity.write_steps(before, wanted, condition="failed"))

    # Query and Scan

    def read_pages(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        table = self.design.tables[request.parameters["TableName"]]
        index = table.indexes.get(pattern.index or "")
        reading = Reading(pattern, index_schema(table, index) if index else None)
        checked = reading.is_partial and errata.needs_whole_items(self.tables.engine.behaves_as, pattern)
        parameters = dict(request.parameters)
        while True:
            answer = self.timed(metered, request.operation, parameters)
            if answer is None:
                return
            metered.pages += 1
            metered.count += answer["Count"]
            metered.returned += answer.get("Items", [])
            evaluated = self._evaluated(pattern, parameters, answer)
            whole = self._whole_sizes(table, evaluated) if reading.fetches or checked else ()
            reading.pages.append((tuple(map(item_size, evaluated)), whole))
            more = answer.get("LastEvaluatedKey")
            if not more or metered.pages == pattern.page_limit:
                break
            parameters["ExclusiveStartKey"] = more
        metered.scanned = sum(len(sizes) for sizes, _ in reading.pages)
        metered.base_sizes = [whole for _, whole in reading.pages] if checked else []
        metered.charge(table.name, reading.steps(reading.as_the_service_cuts()))
        metered.pages_as_cut = [replace(step, table=table.name) for step in reading.steps(reading.pages)]

    def _evaluated(self, pattern: AccessPattern, parameters: dict[str, Any], answer: Any) -> list[dict[str, Any]]:
        """The items, or index entries, that a page evaluated: those that came back, or the page read again in full."""
        if not answer["ScannedCount"]:
            return []
        if not (pattern.filter or pattern.projection or pattern.select):
            return answer["Items"]
        last = answer.get("LastEvaluatedKey")
        known = f"{sorted(parameters.items(), key=str)}{answer['ScannedCount']}{last}"
        if known not in self._pages:
            self._pages[known] = self._read_again(parameters, answer["ScannedCount"], last)
        return self._pages[known]

    def _read_again(
        self, parameters: dict[str, Any], scanned: int, last: dict[str, Any] | None
    ) -> list[dict[str, Any]]:
        bare = without_filter(parameters) | {"Limit": scanned}
        items: list[dict[str, Any]] = []
        operation = "Query" if "KeyConditionExpression" in bare else "Scan"
        while len(items) < scanned:
            page = self.read(operation, self.tables.prefixed(bare))
            items += page["Items"]
            if not page.get("LastEvaluatedKey"):
                break
            bare |= {"ExclusiveStartKey": page.get("LastEvaluatedKey"), "Limit": scanned - len(items)}
        # An engine was seen to count one item too many in a page that 1 MB ended; its last key tells where it did end.
        ends = [place for place, item in enumerate(items, 1) if last and last.items() <= item.items()]
        return items[: ends[-1]] if ends else items

    def _whole_sizes(self, table: Table, entries: Sequence[dict[str, Any]]) -> tuple[int, ...]:
        """Bytes of the whole items behind entries of an index."""
        keys = [{name: entry[name] for name in table.key_attributes} for entry in entries]
        known = self._sizes.setdefault(table.name, {})
        if len(keys) > SINGLE_LOOKS and not known:
            for page in self.client.get_paginator("scan").paginate(TableName=self.tables.name(table.name)):
                known |= {_text({n: item[n] for n in table.key_attributes}): item_size(item) for item in page["Items"]}
        for key in keys:
            if _text(key) not in known:
                known[_text(key)] = item_size(self.look(table.name, key) or {})
        return tuple(known[_text(key)] for key in keys)

    # Batches and transactions

    def batch_get(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        for answer in self._batch(request, metered, "UnprocessedKeys"):
            for items in answer["Responses"].values():
                metered.returned += items
        if metered.error:
            return
        metered.count = len(metered.returned)
        for table, key in request.keys:
            item = self.look(table, key)
            metered.scanned += item is not None
            metered.charge(table, capacity.read_steps(item, consistent=pattern.consistent))

    def batch_write(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        before = [self.look(table, key) for table, key in request.keys]
        for _ in self._batch(request, metered, "UnprocessedItems"):
            pass
        if metered.error:
            return
        for (table, key), old in zip(request.keys, before, strict=True):
            self.write(metered, table, old, self.look(table, key))

    def _batch(self, request: Request, metered: Metered, unprocessed: str) -> Iterator[Any]:
        """The answers to a batch, and to what each of them left unprocessed."""
        pending = request.parameters["RequestItems"]
        for attempt in range(BATCH_TRIES):
            answer = self.timed(metered, request.operation, {"RequestItems": pending})
            if answer is None:
                return
            metered.pages += 1
            yield answer
            left = answer.get(unprocessed, {})
            if not left:
                return
            pending = {table.removeprefix(self.tables.prefix): members for table, members in left.items()}
            time.sleep(0.02 * 2**attempt)
        metered.error, metered.message = unprocessed, f"something was left {BATCH_TRIES} times in a row"

    def transact_get(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        answer = self.timed(metered, "TransactGetItems", request.parameters)
        if answer is None:
            return
        metered.pages = 1
        metered.returned = [found["Item"] for found in answer["Responses"] if found.get("Item") is not None]
        metered.count = len(metered.returned)
        for table, key in request.keys:
            item = self.look(table, key)
            metered.scanned += item is not None
            metered.charge(table, capacity.read_steps(item, transactional=True))

    def transact_write(self, pattern: AccessPattern, request: Request, metered: Metered) -> None:
        before = [self.look(table, key) for table, key in request.keys]
        answer = self.timed(metered, "TransactWriteItems", request.parameters)
        metered.pages = 1
        if answer is None and metered.error != "TransactionCanceledException":
            return
        members = [next(iter(member.items())) for member in request.parameters["TransactItems"]]
        for (table, key), old, (operation, member) in zip(request.keys, before, members, strict=True):
            if operation == "ConditionCheck":
                metered.charge(table, capacity.write_steps(old, None, condition="checked"))
            elif answer is None:
                # What a cancelled transaction is charged is not documented: as if it had been written.
                wanted = member.get("Item", old)
                metered.charge(table, capacity.write_steps(old, wanted, condition="failed", transactional=True))
            else:
                self.write(metered, table, old, self.look(table, key), transactional=True)


def _text(key: Mapping[str, Any]) -> str:
    return repr(sorted(key.items()))


def without_filter(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The same page without filter, projection and select, with only the names and values that are then used."""
    kept = ("TableName", "IndexName", "KeyConditionExpression", "ExclusiveStartKey", "ScanIndexForward")
    bare = {key: parameters[key] for key in (*kept, "Segment", "TotalSegments") if key in parameters}
    condition = bare.get("KeyConditionExpression")
    if not condition:
        return bare
    node = expressions.parse_condition(condition)
    for api, mark, used in (
        ("ExpressionAttributeNames", "#", syntax.names(node)),
        ("ExpressionAttributeValues", ":", syntax.values(node)),
    ):
        if found := {mark + name: parameters[api][mark + name] for name in used}:
            bare[api] = found
    return bare


_METHODS = {
    "GetItem": "get_item",
    "BatchGetItem": "batch_get_item",
    "Query": "query",
    "Scan": "scan",
    "PutItem": "put_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
    "BatchWriteItem": "batch_write_item",
    "TransactGetItems": "transact_get_items",
    "TransactWriteItems": "transact_write_items",
}
_METERS: dict[str, Callable[[Meter, AccessPattern, Request, Metered], None]] = {
    "GetItem": Meter.get_item,
    "BatchGetItem": Meter.batch_get,
    "Query": Meter.read_pages,
    "Scan": Meter.read_pages,
    "PutItem": Meter.put_item,
    "UpdateItem": Meter.update_item,
    "DeleteItem": Meter.delete_item,
    "BatchWriteItem": Meter.batch_write,
    "TransactGetItems": Meter.transact_get,
    "TransactWriteItems": Meter.transact_write,
}
