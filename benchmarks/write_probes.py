"""Probes of writes: each operation that writes, on both sides of the sizes at which units round up.

1,024 bytes for a write unit, of the larger of the item before and after; every change of an entry of a global and a
local index; writes that their conditions refuse; in a batch and in a transaction.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.probes import ALL_KEYS, Case, Placed, Values, in_all, key_of, keyed, of_several, sized
from workbench.descriptors import to_item


def write_cases() -> Iterator[Case]:
    """Every case of a write, by operation; names are unique."""
    for make in (_puts, _updates, _deletes, _index_writes, _refusals, _batch_writes, _transact_writes):
        yield from make()


def _put(name: str, new: Values, old: Values | None = None, table: str = "Plain", **parameters: Any) -> Case:
    there = ((table, old),) if old else ()
    asked = {"TableName": table, "Item": to_item(new), **parameters}
    return Case(name, "PutItem", asked, there, ((table, key_of(new)),))


def _puts() -> Iterator[Case]:
    for size in (1023, 1024, 1025, 2048, 2049, 409_600):
        yield _put(f"put {size:,} B, new", sized(size))
    yield _put("put 500 B over 3,500 B", sized(500), sized(3500))
    yield _put("put 3,500 B over 500 B", sized(3500), sized(500))
    yield _put("put the same 2,000 B again", sized(2000), sized(2000))
    yield _put("put, its condition met", sized(1500), ConditionExpression="attribute_not_exists(pk)")


def _update(name: str, old: Values | None, expression: str, table: str = "Plain", **values: Any) -> Case:
    key = key_of(old or sized(100))
    names = {f"#{word.removeprefix('#')}": word.removeprefix("#") for word in expression.split() if word[0] == "#"}
    asked = {"TableName": table, "Key": key, "UpdateExpression": expression}
    if names:
        asked["ExpressionAttributeNames"] = names
    if values:
        asked["ExpressionAttributeValues"] = to_item({f":{name}": value for name, value in values.items()})
    return Case(name, "UpdateItem", asked, ((table, old),) if old else (), ((table, key),))


def _updates() -> Iterator[Case]:
    yield _update("update creates the item", None, "SET extra = :v", v="x" * 1500)
    for size in (1024, 1025):
        yield _update(f"update grows to {size:,} B", sized(900), "SET extra = :v", v="x" * (size - 900 - 5))
    yield _update("update shrinks 3,000 B", sized(3000), "SET padding = :v", v="x")
    yield _update("update of a counter in 2,500 B", sized(2500, n=1), "ADD n :v", v=1)
    yield _update("update that changes nothing", sized(2500, n=1), "SET n = :v", v=1)
    yield _update("update removes an attribute", sized(2500, n=1), "REMOVE padding")


def _deletes() -> Iterator[Case]:
    for size in (1024, 1025, 5000):
        yield keyed("DeleteItem", f"delete {size:,} B", "Plain", sized(size), True)
    yield keyed("DeleteItem", "delete what is missing", "Plain", sized(100), False)
    yield keyed("DeleteItem", "delete with entries in all indexes", "Things", in_all(3000), True)
    yield keyed("DeleteItem", "delete with entries in none", "Things", sized(3000), True)


def _index_writes() -> Iterator[Case]:
    yield _put("put with entries in all indexes", in_all(3000), table="Things")
    yield _put("put of 2,000 B with entries in all indexes", in_all(2000), table="Things")
    yield _put("put with entries in none", sized(3000), table="Things")
    yield _put("put the same again, indexed", in_all(3000), in_all(3000), table="Things")
    yield _put("put with another text, not projected", in_all(3000, x="1"), in_all(3000, x="2"), table="Things")
    yield _put("put that leaves all indexes", sized(500), in_all(3000), table="Things")
    yield _put("put that enters all indexes", in_all(3000), sized(500), table="Things")
    for name in ALL_KEYS:
        yield _update(f"update moves {name}", in_all(1500), f"SET {name} = :v", "Things", v="b")
        yield _update(f"update removes {name}", in_all(1500), f"REMOVE {name}", "Things")
        without = {key: "a" for key in ALL_KEYS if key != name}
        yield _update(f"update adds {name}", sized(1500, **without), f"SET {name} = :v", "Things", v="a")
    yield _update("update of what is projected", in_all(1500, title="a"), "SET title = :v", "Things", v="b" * 900)
    yield _update("update of what is not projected", in_all(1500), "SET extra = :v", "Things", v="b" * 900)
    yield _update("update that shrinks entries", in_all(4000), "SET padding = :v", "Things", v="b")
    one, other = sized(1500, gk="a"), sized(1500, gs="a")
    yield _put("put that swaps one key of an index for the other", other, one, table="Things")
    yield _update("update creates an indexed item", None, "SET gw = :v", "Things", v="b" * 1500)


def _refusals() -> Iterator[Case]:
    no = {"ConditionExpression": "attribute_not_exists(pk)"}
    yield _put("put refused, 3,500 B there, 500 B asked", sized(500), sized(3500), **no)
    yield _put("put refused, 500 B there, 3,500 B asked", sized(3500), sized(500), **no)
    yield keyed("DeleteItem", "delete refused, 2,500 B there", "Plain", sized(2500), True, **no)
    there = {"ConditionExpression": "attribute_exists(pk)"}
    yield keyed("DeleteItem", "delete refused, nothing there", "Plain", sized(100), False, **there)


def _batch_write(name: str, puts: Sequence[Placed], deletes: Sequence[Placed], there: Sequence[Placed]) -> Case:
    request: dict[str, list[Any]] = {}
    for table, item in puts:
        request.setdefault(table, []).append({"PutRequest": {"Item": to_item(item)}})
    for table, item in deletes:
        request.setdefault(table, []).append({"DeleteRequest": {"Key": key_of(item)}})
    return of_several("BatchWriteItem", name, {"RequestItems": request}, there, [*puts, *deletes])


def _batch_writes() -> Iterator[Case]:
    three = [("Plain", sized(size, sk=f"s{size}")) for size in (1024, 1025, 2500)]
    yield _batch_write("batch put of three", three, [], [])
    yield _batch_write("batch put over larger ones", [(t, sized(100, sk=i["sk"])) for t, i in three], [], three)
    yield _batch_write("batch delete of three", [], three, three)
    yield _batch_write("batch delete of three missing", [], three, [])
    yield _batch_write("batch put and delete", three[:2], three[2:], three[2:])
    indexed = [("Things", {**in_all(2500), "sk": f"i{i}"}) for i in range(3)]
    yield _batch_write("batch put of three indexed", indexed, [], [])
    yield _batch_write("batch delete of three indexed", [], indexed, indexed)
    yield _batch_write("batch put in two tables", [*three, *indexed], [], [])


def _member(operation: str, table: str, item: Values, **more: Any) -> tuple[Placed, dict[str, Any]]:
    content = {"Item": to_item(item)} if operation == "Put" else {"Key": key_of(item)}
    return (table, item), {operation: {"TableName": table, **content, **more}}


def _transact_write(name: str, members: Sequence[tuple[Placed, dict[str, Any]]], there: Sequence[Placed] = ()) -> Case:
    request = {"TransactItems": [member for _, member in members]}
    return of_several("TransactWriteItems", name, request, there, [placed for placed, _ in members])


def _transact_writes() -> Iterator[Case]:
    for size in (1024, 1025):
        yield _transact_write(f"transact put {size:,} B", [_member("Put", "Plain", sized(size))])
    three = [("Plain", sized(500, sk=f"s{i}")) for i in range(3)]
    yield _transact_write("transact put of three", [_member("Put", *placed) for placed in three])
    yield _transact_write("transact put over 3,500 B", [_member("Put", "Plain", sized(500))], [("Plain", sized(3500))])
    yield _transact_write("transact delete", [_member("Delete", "Plain", sized(2500))], [("Plain", sized(2500))])
    yield _transact_write("transact delete of a missing", [_member("Delete", "Plain", sized(2500))])
    setting = {"UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"N": "7"}}}
    update = _member("Update", "Plain", sized(2500), **setting)
    yield _transact_write("transact update", [update], [("Plain", sized(2500))])
    there = {"ConditionExpression": "attribute_exists(pk)"}
    put = _member("Put", "Plain", sized(500, sk="z"))
    check = _member("ConditionCheck", "Plain", sized(2500), **there)
    yield _transact_write("transact put and condition check", [put, check], [("Plain", sized(2500))])
    for size in (4096, 4097):
        checked = _member("ConditionCheck", "Plain", sized(size), **there)
        yield _transact_write(f"transact condition check of {size:,} B", [put, checked], [("Plain", sized(size))])
    old = [("Plain", sized(2500)), ("Plain", sized(1500, sk="b")), ("Things", in_all(1500))]
    deleted, moving = _member("Delete", "Plain", sized(1500, sk="b")), _member("Put", "Things", in_all(1500, gw="b"))
    yield _transact_write("transact of all four actions in two tables", [put, update, deleted, moving], old)
    gone = _member("ConditionCheck", "Plain", sized(2500), ConditionExpression="attribute_not_exists(pk)")
    yield _transact_write("transact condition check of a missing", [put, gone])
    indexed = _member("Put", "Things", in_all(1500))
    yield _transact_write("transact put, indexed", [indexed])
    moved = _member("Put", "Things", in_all(1500, gw="b"))
    yield _transact_write("transact put moves an entry", [moved], [("Things", in_all(1500))])
    yield _transact_write("transact put in two tables", [put, indexed])
    yield _transact_write("transact refused", [put, gone], [("Plain", sized(2500))])
