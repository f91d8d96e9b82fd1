"""The same operations on each engine at hand: the units that it reports beside those that we meter.

Every case is one request of the meter that runs use, on items of sizes that are known, on both sides of the boundaries
at which units round up: 4,096 bytes read, 1,024 written, a page of 1 MB. Between them they cover every operation,
every change of an entry of a global and a local index, batches and transactions. What we meter is tested by hand
elsewhere; here it shows which engine is right where, and that each wrong number is the one that an erratum predicts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.ratios import Fact, Grid
from workbench.descriptors import to_item
from workbench.design import AccessPattern, Design
from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.engines import KINDS, start_engine
from workbench.errata import Verdict, verdict
from workbench.errors import EngineError
from workbench.metered import Metered
from workbench.metering import Meter
from workbench.requests import Request
from workbench.sizes import item_size
from workbench.tables import RunTables

PREFIX = "crosscheck-"
DESIGN = """
name: crosscheck
tables:
  Things:
    partition_key: pk
    sort_key: sk
    gsi:
      keys: {partition_key: gk, sort_key: gs, projection: KEYS_ONLY}
      some: {partition_key: gi, projection: [title]}
      whole: {partition_key: gw, projection: ALL}
    lsi:
      local-keys: {sort_key: lk, projection: KEYS_ONLY}
      local-whole: {sort_key: lw, projection: ALL}
  Plain: {partition_key: pk, sort_key: sk}
fields:
  pk: {count: 1}
entities:
  Thing:
    table: Things
    key: {pk: "{pk}", sk: a, gk: a, gs: a, gi: a, gw: a, lk: a, lw: a}
  Plain: {table: Plain, key: {pk: "{pk}", sk: a}}
access_patterns:
  unused: {operation: Scan, table: Plain, rate: 1/s}
"""

Values = dict[str, Any]
Placed = tuple[str, Values]  # a table and an item of it


@dataclass(frozen=True)
class Case:
    """One operation: its name, the items that are there before, its parameters, and what the pattern says of it."""

    name: str
    operation: str
    parameters: dict[str, Any]
    there: tuple[Placed, ...] = ()
    keys: tuple[tuple[str, dict[str, Any]], ...] = ()
    says: Mapping[str, Any] = ()  # type: ignore[assignment]  # attributes of the access pattern

    @property
    def pattern(self) -> AccessPattern:
        """The access pattern that the request is one of."""
        return AccessPattern.model_construct(name=self.name, operation=self.operation, **dict(self.says))


def sized(size: int, pk: str = "p", sk: str = "a", **more: Any) -> Values:
    """An item of exactly so many bytes."""
    item = {"pk": pk, "sk": sk, **more, "padding": ""}
    return {**item, "padding": "x" * (size - item_size(item))}


def key_of(item: Values) -> dict[str, Any]:
    """An item's primary key, as DynamoDB JSON."""
    return to_item({name: item[name] for name in ("pk", "sk")})


# -- the cases ---------------------------------------------------------------------------------------------------------


def cases() -> Iterator[Case]:
    """Every case, by operation; names are unique."""
    for make in (_gets, _batch_gets, _queries, _index_queries, _scans, _puts, _updates, _deletes, _index_writes,
                 _refusals, _batch_writes, _transact_gets, _transact_writes):  # fmt: skip
        yield from make()


def _keyed(operation: str, name: str, table: str, item: Values, there: bool, **parameters: Any) -> Case:
    """A request for the item's key; `there` says whether the item is."""
    key, says = key_of(item), {}
    if "ProjectionExpression" in parameters:
        says["projection"] = parameters["ProjectionExpression"]
    if parameters.get("ConsistentRead"):
        says["consistent"] = True
    all_parameters = {"TableName": table, "Key": key, **parameters}
    return Case(name, operation, all_parameters, ((table, item),) if there else (), ((table, key),), says)


def _gets() -> Iterator[Case]:
    for size in (4095, 4096, 4097, 8192, 8193, 409_600):
        for consistent in (False, True):
            words = f"get {size:,} B{', strongly' * consistent}"
            yield _keyed("GetItem", words, "Plain", sized(size), True, ConsistentRead=consistent)
    for consistent in (False, True):
        words = f"get what is missing{', strongly' * consistent}"
        yield _keyed("GetItem", words, "Plain", sized(100), False, ConsistentRead=consistent)
    yield _keyed("GetItem", "get 8,193 B, projected", "Plain", sized(8193), True, ProjectionExpression="sk")
    yield _keyed(
        "GetItem", "get 8,193 B, lacking the projected", "Plain", sized(8193), True, ProjectionExpression="lacked"
    )


def _batch_gets() -> Iterator[Case]:
    yield _batch_get("batch get 1,500 and 6,500 B", [1500, 6500])
    yield _batch_get("batch get 1,500 and 6,500 B, strongly", [1500, 6500], ConsistentRead=True)
    yield _batch_get("batch get 4,096 and 4,097 B", [4096, 4097])
    yield _batch_get("batch get 8,193 B twice, projected", [8193, 8193], ProjectionExpression="sk")
    yield _batch_get("batch get one there and three missing", [100], missing=3)
    yield _batch_get("batch get five missing", [], missing=5)
    yield _batch_get("batch get five missing, strongly", [], missing=5, ConsistentRead=True)
    two = [("Plain", sized(5000)), ("Things", sized(9000))]
    request = {table: {"Keys": [key_of(item)]} for table, item in two}
    yield _of_several("BatchGetItem", "batch get of two tables", {"RequestItems": request}, two, two)


def _batch_get(name: str, sizes: Sequence[int], missing: int = 0, **parameters: Any) -> Case:
    there = [("Plain", sized(size, sk=f"s{i}")) for i, size in enumerate(sizes)]
    asked = [*there, *(("Plain", sized(100, sk=f"m{i}")) for i in range(missing))]
    request = {"Plain": {"Keys": [key_of(item) for _, item in asked], **parameters}}
    return _of_several("BatchGetItem", name, {"RequestItems": request}, there, asked, **_said(parameters))


def _said(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a pattern says that has these parameters."""
    names = {
        "ConsistentRead": "consistent", "ProjectionExpression": "projection", "FilterExpression": "filter",
        "Select": "select", "IndexName": "index", "Limit": "limit",
    }  # fmt: skip
    return {ours: parameters[api] for api, ours in names.items() if api in parameters}


def _of_several(
    operation: str, name: str, parameters: dict[str, Any], there: Sequence[Placed], asked: Sequence[Placed], **says: Any
) -> Case:
    keys = tuple((table, key_of(item)) for table, item in asked)
    return Case(name, operation, parameters, tuple(there), keys, says)


def _queries() -> Iterator[Case]:
    for total in (4096, 4097):
        for consistent in (False, True):
            words = f"query of {total:,} B{', strongly' * consistent}"
            yield _query(words, [2048, total - 2048], ConsistentRead=consistent)
    yield _query("query of 40 x 64 B", [64] * 40)
    yield _query("query of nothing", [])
    yield _query("query of nothing, strongly", [], ConsistentRead=True)
    yield _query("query, COUNT", [5000, 5000], Select="COUNT")
    yield _query("query, projected", [5000, 5000], ProjectionExpression="sk")
    nothing = {"FilterExpression": "sk2 = :none", "values": {":none": {"S": "-"}}}
    yield _query("query, all filtered away", [5000, 5000], **nothing)
    yield _query("query, filtered and counted", [5000, 5000], Select="COUNT", **nothing)
    yield _query("query, limit of 2 of 4", [3000] * 4, Limit=2)
    yield _query("query, last 2 of 4", [3000] * 4, Limit=2, ScanIndexForward=False)
    yield _query("query in three pages of 2", [3000] * 5, Limit=2, pages="all")
    yield _query("query of 1.2 MB in two pages", [300_000] * 4)
    yield _query("query of 1.2 MB, COUNT", [300_000] * 4, Select="COUNT")
    yield _query("query of 1.2 MB, filtered", [300_000] * 4, **nothing)


def _query(name: str, sizes: Sequence[int], values: Values | None = None, pages: Any = None, **parameters: Any) -> Case:
    there = tuple(("Plain", sized(size, sk=f"s{i:03}")) for i, size in enumerate(sizes))
    says = {**_said(parameters), "key_condition": "pk = :pk", "pages": pages}
    return Case(name, "Query", _query_parameters("Plain", "pk", "p", values, **parameters), there, says=says)


def _query_parameters(table: str, key: str, value: str, values: Values | None = None, **more: Any) -> dict[str, Any]:
    return {
        "TableName": table,
        "KeyConditionExpression": f"{key} = :{key}",
        "ExpressionAttributeValues": {f":{key}": {"S": value}, **(values or {})},
        **more,
    }


def _index_queries() -> Iterator[Case]:
    whole = {"title": "t" * 50, "rest": "r" * 3000}
    for index, key in (("keys", "gk"), ("some", "gi"), ("whole", "gw"), ("local-keys", "lk"), ("local-whole", "lw")):
        yield _index_query(f"query of {index}", index, key, whole)
    yield _index_query("query of local-keys, strongly", "local-keys", "lk", whole, ConsistentRead=True)
    yield _index_query("query of local-keys, its own", "local-keys", "lk", whole, ProjectionExpression="sk, lk")
    yield _index_query(
        "query of local-keys, fetched for title", "local-keys", "lk", whole, ProjectionExpression="title"
    )
    everything = {"Select": "ALL_ATTRIBUTES"}
    yield _index_query("query of local-keys, fetched whole", "local-keys", "lk", whole, **everything)
    yield _index_query(
        "query of local-keys, fetched whole, strongly", "local-keys", "lk", whole, ConsistentRead=True, **everything
    )
    for size in (300, 5000):  # each item fetched is rounded up on its own
        for parameters in (everything, {"ProjectionExpression": "title"}):
            words = (
                f"query of local-keys, fetched {'for title' if 'Select' not in parameters else 'whole'} of {size:,} B"
            )
            yield _index_query(words, "local-keys", "lk", {"title": "t"}, size=size, **parameters)
    yield _index_query("query of keys, 1.2 MB of whole items", "keys", "gk", {}, size=100_000, count=12)
    yield _index_query("query of local-keys, 1.2 MB of whole items", "local-keys", "lk", {}, size=100_000, count=12)
    yield _index_query("query of keys, COUNT", "keys", "gk", whole, Select="COUNT")
    yield _index_query("query of whole, projected", "whole", "gw", whole, ProjectionExpression="sk")
    yield _index_query("query of whole, nothing there", "whole", "gw", whole, count=0)


def _index_query(
    name: str, index: str, key: str, more: Values, count: int = 4, size: int = 4000, **parameters: Any
) -> Case:
    own = {"gk": {"gs": "1"}}.get(key, {})
    there = tuple(("Things", sized(size, sk=f"s{i}", **{key: "k"}, **own, **more)) for i in range(count))
    local = index.startswith("local")
    asked = _query_parameters("Things", "pk" if local else key, "p" if local else "k", IndexName=index, **parameters)
    return Case(name, "Query", asked, there, says={**_said(asked), "key_condition": "pk = :pk"})


def _scans() -> Iterator[Case]:
    two = {"there": [5000, 5000]}
    yield _scan("scan", **two)
    yield _scan("scan, strongly", **two, ConsistentRead=True)
    yield _scan("scan, COUNT", **two, Select="COUNT")
    nothing = {"FilterExpression": "sk2 = :none", "ExpressionAttributeValues": {":none": {"S": "-"}}}
    yield _scan("scan, all filtered away", **two, **nothing)
    yield _scan("scan, projected", **two, ProjectionExpression="sk")
    yield _scan("scan of 1.2 MB in two pages", there=[300_000] * 4)
    yield _scan("scan, limit of 2 of 4", there=[3000] * 4, Limit=2)
    yield _scan("scan of nothing", there=[])
    for index, key in (("keys", "gk"), ("some", "gi"), ("whole", "gw"), ("local-keys", "lk"), ("local-whole", "lw")):
        own = {"gk": {"gs": "1"}}.get(key, {})
        yield _scan(f"scan of {index}", there=[4000] * 4, table="Things", more={key: "k", **own}, IndexName=index)

    own = {"gk": "k", "gs": "1"}
    paged = {"Limit": 2, "pages": "all", "IndexName": "keys"}
    yield _scan("scan of keys in pages, the last one empty", there=[4000] * 4, table="Things", more=own, **paged)
    whole = {"Select": "ALL_ATTRIBUTES", "IndexName": "local-keys"}
    yield _scan("scan of local-keys, fetched whole", there=[5000] * 4, table="Things", more={"lk": "k"}, **whole)


def _scan(
    name: str,
    there: Sequence[int],
    table: str = "Plain",
    more: Values | None = None,
    pages: Any = None,
    **parameters: Any,
) -> Case:
    placed = tuple((table, sized(size, sk=f"s{i}", **(more or {}))) for i, size in enumerate(there))
    return Case(name, "Scan", {"TableName": table, **parameters}, placed, says={**_said(parameters), "pages": pages})


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
        yield _keyed("DeleteItem", f"delete {size:,} B", "Plain", sized(size), True)
    yield _keyed("DeleteItem", "delete what is missing", "Plain", sized(100), False)
    yield _keyed("DeleteItem", "delete with entries in all indexes", "Things", _in_all(3000), True)
    yield _keyed("DeleteItem", "delete with entries in none", "Things", sized(3000), True)


ALL_KEYS = {"gk": "a", "gs": "a", "gi": "a", "gw": "a", "lk": "a", "lw": "a"}


def _in_all(size: int, **more: Any) -> Values:
    """An item of so many bytes that stands in all indexes."""
    return sized(size, **{**ALL_KEYS, **more})


def _index_writes() -> Iterator[Case]:
    yield _put("put with entries in all indexes", _in_all(3000), table="Things")
    yield _put("put of 2,000 B with entries in all indexes", _in_all(2000), table="Things")
    yield _put("put with entries in none", sized(3000), table="Things")
    yield _put("put the same again, indexed", _in_all(3000), _in_all(3000), table="Things")
    yield _put("put with another text, not projected", _in_all(3000, x="1"), _in_all(3000, x="2"), table="Things")
    yield _put("put that leaves all indexes", sized(500), _in_all(3000), table="Things")
    yield _put("put that enters all indexes", _in_all(3000), sized(500), table="Things")
    for name in ALL_KEYS:
        yield _update(f"update moves {name}", _in_all(1500), f"SET {name} = :v", "Things", v="b")
        yield _update(f"update removes {name}", _in_all(1500), f"REMOVE {name}", "Things")
        without = {key: "a" for key in ALL_KEYS if key != name}
        yield _update(f"update adds {name}", sized(1500, **without), f"SET {name} = :v", "Things", v="a")
    yield _update("update of what is projected", _in_all(1500, title="a"), "SET title = :v", "Things", v="b" * 900)
    yield _update("update of what is not projected", _in_all(1500), "SET extra = :v", "Things", v="b" * 900)
    yield _update("update that shrinks entries", _in_all(4000), "SET padding = :v", "Things", v="b")
    one, other = sized(1500, gk="a"), sized(1500, gs="a")
    yield _put("put that swaps one key of an index for the other", other, one, table="Things")
    yield _update("update creates an indexed item", None, "SET gw = :v", "Things", v="b" * 1500)


def _refusals() -> Iterator[Case]:
    no = {"ConditionExpression": "attribute_not_exists(pk)"}
    yield _put("put refused, 3,500 B there, 500 B asked", sized(500), sized(3500), **no)
    yield _put("put refused, 500 B there, 3,500 B asked", sized(3500), sized(500), **no)
    yield _keyed("DeleteItem", "delete refused, 2,500 B there", "Plain", sized(2500), True, **no)
    there = {"ConditionExpression": "attribute_exists(pk)"}
    yield _keyed("DeleteItem", "delete refused, nothing there", "Plain", sized(100), False, **there)


def _batch_write(name: str, puts: Sequence[Placed], deletes: Sequence[Placed], there: Sequence[Placed]) -> Case:
    request: dict[str, list[Any]] = {}
    for table, item in puts:
        request.setdefault(table, []).append({"PutRequest": {"Item": to_item(item)}})
    for table, item in deletes:
        request.setdefault(table, []).append({"DeleteRequest": {"Key": key_of(item)}})
    return _of_several("BatchWriteItem", name, {"RequestItems": request}, there, [*puts, *deletes])


def _batch_writes() -> Iterator[Case]:
    three = [("Plain", sized(size, sk=f"s{size}")) for size in (1024, 1025, 2500)]
    yield _batch_write("batch put of three", three, [], [])
    yield _batch_write("batch put over larger ones", [(t, sized(100, sk=i["sk"])) for t, i in three], [], three)
    yield _batch_write("batch delete of three", [], three, three)
    yield _batch_write("batch delete of three missing", [], three, [])
    yield _batch_write("batch put and delete", three[:2], three[2:], three[2:])
    indexed = [("Things", {**_in_all(2500), "sk": f"i{i}"}) for i in range(3)]
    yield _batch_write("batch put of three indexed", indexed, [], [])
    yield _batch_write("batch delete of three indexed", [], indexed, indexed)
    yield _batch_write("batch put in two tables", [*three, *indexed], [], [])


def _transact_gets() -> Iterator[Case]:
    for sizes, missing in (([500] * 3, 0), ([4096, 4097], 0), ([100], 1), ([], 2)):
        there = [("Plain", sized(size, sk=f"s{i}")) for i, size in enumerate(sizes)]
        asked = [*there, *(("Plain", sized(100, sk=f"m{i}")) for i in range(missing))]
        members = [{"Get": {"TableName": table, "Key": key_of(item)}} for table, item in asked]
        words = " and ".join([*(f"{size:,} B" for size in sizes), *([f"{missing} missing"] if missing else [])])
        yield _of_several("TransactGetItems", f"transact get {words}", {"TransactItems": members}, there, asked)
    large = [("Plain", sized(9000, sk="a")), ("Plain", sized(9000, sk="b"))]
    members = [
        {"Get": {"TableName": table, "Key": key_of(item), "ProjectionExpression": "sk"}} for table, item in large
    ]
    words = "transact get 9,000 B twice, projected"
    yield _of_several("TransactGetItems", words, {"TransactItems": members}, large, large, projection="sk")
    both = [("Plain", sized(500)), ("Things", _in_all(5000))]
    members = [{"Get": {"TableName": table, "Key": key_of(item)}} for table, item in both]
    yield _of_several("TransactGetItems", "transact get of two tables, indexed", {"TransactItems": members}, both, both)


def _member(operation: str, table: str, item: Values, **more: Any) -> tuple[Placed, dict[str, Any]]:
    content = {"Item": to_item(item)} if operation == "Put" else {"Key": key_of(item)}
    return (table, item), {operation: {"TableName": table, **content, **more}}


def _transact_write(name: str, members: Sequence[tuple[Placed, dict[str, Any]]], there: Sequence[Placed] = ()) -> Case:
    request = {"TransactItems": [member for _, member in members]}
    return _of_several("TransactWriteItems", name, request, there, [placed for placed, _ in members])


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
    old = [("Plain", sized(2500)), ("Plain", sized(1500, sk="b")), ("Things", _in_all(1500))]
    deleted, moving = _member("Delete", "Plain", sized(1500, sk="b")), _member("Put", "Things", _in_all(1500, gw="b"))
    yield _transact_write("transact of all four actions in two tables", [put, update, deleted, moving], old)
    gone = _member("ConditionCheck", "Plain", sized(2500), ConditionExpression="attribute_not_exists(pk)")
    yield _transact_write("transact condition check of a missing", [put, gone])
    indexed = _member("Put", "Things", _in_all(1500))
    yield _transact_write("transact put, indexed", [indexed])
    moved = _member("Put", "Things", _in_all(1500, gw="b"))
    yield _transact_write("transact put moves an entry", [moved], [("Things", _in_all(1500))])
    yield _transact_write("transact put in two tables", [put, indexed])
    yield _transact_write("transact refused", [put, gone], [("Plain", sized(2500))])


# -- running them ------------------------------------------------------------------------------------------------------


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
