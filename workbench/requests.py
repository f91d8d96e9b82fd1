"""The requests of an access pattern, as DynamoDB's parameters.

`draw_calls` samples requests with a seed: which items they fall on say `picks`, what their placeholders stand for says
`placeholders`, and who belongs to one batch or transaction says `members`. One call of a pattern is one request, or
with `for_each` one for each value. (AWS: API_Operations_Amazon_DynamoDB.)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.descriptors import to_item
from workbench.design import AccessPattern
from workbench.entities import EntityItems
from workbench.fields import stream
from workbench.items import Items
from workbench.members import Member, draw_members, key_of
from workbench.picks import Draw, Places, asked, pick
from workbench.placeholders import contexts_of, expression_parameters
from workbench.schema import Table


@dataclass(frozen=True)
class Request:
    """One request: the operation, boto3's parameters for the low-level client, and the items that it addresses."""

    operation: str
    parameters: dict[str, Any]
    keys: tuple[tuple[str, dict[str, Any]], ...] = ()
    places: tuple[tuple[str, int], ...] = ()  # entity and place among its items; -1 for an item that is new
    actions: tuple[str, ...] = ()  # what is done to each of them: Get, Put, Update, Delete, ConditionCheck, Query, Scan


@dataclass(frozen=True)
class Call:
    """One call of an access pattern: usually one request, with `for_each` one for each value."""

    pattern: AccessPattern
    requests: tuple[Request, ...]


def draw_calls(
    items: Items,
    pattern: AccessPattern,
    count: int,
    *,
    seed: int,
    among: Places | None = None,
    there: Places | None = None,
    created: dict[str, int] | None = None,
) -> list[Call]:
    """`count` calls of an access pattern (fewer, if a write has no more items to use up), drawn with `seed`.

    `among` are the items of each entity that may be asked for, `there` those that exist. `created` counts the new items
    of each entity, and of each combination of its key's fields; kept from pattern to pattern, it makes the keys of
    later ones differ from those of earlier ones.
    """
    rng = stream(seed, "requests", asked(items.design, pattern) if pattern.is_read else pattern.name)
    draw = Draw(rng, dict(among or {}), dict(there or among or {}), {} if created is None else created)
    return list(_BUILD[pattern.operation](items, pattern, count, draw))


def _single(items: Items, pattern: AccessPattern, count: int, draw: Draw) -> Iterator[Call]:
    """GetItem, PutItem, UpdateItem and DeleteItem: one item each."""
    entity, places = pick(items, pattern, pattern, count, draw)
    action = pattern.operation.removesuffix("Item")
    for context, place in zip(contexts_of(items, entity, draw.rng), places.tolist(), strict=True):
        parameters = {"TableName": entity.table.name, **_addressed_item(pattern.operation, entity.table, context.item)}
        parameters |= expression_parameters(pattern, pattern.names, pattern.values, context)
        if pattern.consistent:
            parameters["ConsistentRead"] = True
        key = (entity.table.name, key_of(entity.table, context.item))
        yield Call(pattern, (Request(pattern.operation, parameters, (key,), ((entity.name, place),), (action,)),))


def _addressed_item(operation: str, table: Table, item: Mapping[str, Any]) -> dict[str, Any]:
    return {"Item": to_item(item)} if operation == "PutItem" else {"Key": key_of(table, item)}


def read_settings(pattern: AccessPattern) -> dict[str, Any]:
    """The parameters that say how a Query or Scan reads, by their names in the API: those that the pattern states."""
    settings = {
        "IndexName": pattern.index,
        "ConsistentRead": pattern.consistent or None,
        "ScanIndexForward": False if pattern.descending else None,
        "Limit": pattern.limit,
        "Select": pattern.select,
    }
    return {name: value for name, value in settings.items() if value is not None}


def _reading(items: Items, pattern: AccessPattern, count: int, draw: Draw) -> Iterator[Call]:
    """Query and Scan: an item collection, or everything."""
    if not items.design.addressed(pattern):
        return  # a Scan of a table of which no items are generated
    table = items.design.table_for(pattern)
    entity, places = pick(items, pattern, pattern, count, draw)
    base = {"TableName": table.name, **read_settings(pattern)}
    for context, place in zip(contexts_of(items, entity, draw.rng), places.tolist(), strict=True):
        requests: list[Request] = []
        for override in overrides(items, pattern, items.entities[entity.name]):
            context.overridden = override
            bound = expression_parameters(pattern, pattern.names, pattern.values, context)
            requests += [_read(pattern, {**base, **bound, **part}, entity.name, place) for part in _segments(pattern)]
        yield Call(pattern, tuple(requests))


def _read(pattern: AccessPattern, parameters: dict[str, Any], entity: str, place: int) -> Request:
    return Request(pattern.operation, parameters, (), ((entity, place),), (pattern.operation,))


def overrides(items: Items, pattern: AccessPattern, entity: EntityItems) -> list[dict[str, Any]]:
    """What each request of a call fixes: with `for_each`, one value after the other."""
    if not pattern.for_each:
        return [{}]
    return [{pattern.for_each: value} for value in items.source.all_values(entity, pattern.for_each)]


def _segments(pattern: AccessPattern) -> list[dict[str, int]]:
    total = pattern.segments
    return [{}] if total == 1 else [{"Segment": i, "TotalSegments": total} for i in range(total)]


def _batches(items: Items, pattern: AccessPattern, count: int, draw: Draw) -> Iterator[Call]:
    """BatchGetItem, BatchWriteItem and transactions: several items each, by `count` or by `actions`."""
    for _ in range(count):
        members = draw_members(items, pattern, draw)
        if not members:
            continue
        yield Call(pattern, (_MULTIPLE[pattern.operation](pattern, members),))
        for member in members:
            if member.is_used_up:
                whole = items.entities[member.context.entity.name]
                draw.use_up(whole, member.place, deleted=member.operation == "Delete")


def _request(pattern: AccessPattern, members: Sequence[Member], parameters: dict[str, Any]) -> Request:
    places = tuple((m.context.entity.name, m.place) for m in members)
    keys, actions = tuple(m.key for m in members), tuple(m.operation for m in members)
    return Request(pattern.operation, parameters, keys, places, actions)


def _batch_get(pattern: AccessPattern, members: Sequence[Member]) -> Request:
    tables: dict[str, dict[str, Any]] = {}
    for member in members:
        table = tables.setdefault(member.table.name, {"Keys": []})
        table["Keys"].append(member.key[1])
        if pattern.consistent:
            table["ConsistentRead"] = True
        table |= expression_parameters(pattern, pattern.names, pattern.values, member.context)
    return _request(pattern, members, {"RequestItems": tables})


def _batch_write(pattern: AccessPattern, members: Sequence[Member]) -> Request:
    tables: dict[str, list[Any]] = {}
    for member in members:
        put = {"PutRequest": {"Item": to_item(member.context.item)}}
        one = put if member.operation == "Put" else {"DeleteRequest": {"Key": member.key[1]}}
        tables.setdefault(member.table.name, []).append(one)
    return _request(pattern, members, {"RequestItems": tables})


def _transact(pattern: AccessPattern, members: Sequence[Member]) -> Request:
    return _request(pattern, members, {"TransactItems": [{m.operation: _transact_member(pattern, m)} for m in members]})


def _transact_member(pattern: AccessPattern, member: Member) -> dict[str, Any]:
    names, values = {**pattern.names, **member.part.names}, {**pattern.values, **member.part.values}
    part = {"TableName": member.table.name}
    operation = "PutItem" if member.operation == "Put" else member.operation
    part |= _addressed_item(operation, member.table, member.context.item)
    return part | expression_parameters(member.part, names, values, member.context)


_MULTIPLE = {
    "BatchGetItem": _batch_get,
    "BatchWriteItem": _batch_write,
    "TransactGetItems": _transact,
    "TransactWriteItems": _transact,
}


_BUILD = {
    **dict.fromkeys(("GetItem", "PutItem", "UpdateItem", "DeleteItem"), _single),
    **dict.fromkeys(("Query", "Scan"), _reading),
    **dict.fromkeys(_MULTIPLE, _batches),
}
