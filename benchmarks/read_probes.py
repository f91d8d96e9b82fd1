"""Probes of reads: each operation that reads, on both sides of the sizes at which units round up.

4,096 bytes for a read unit, a page of 1 MB; eventually and strongly consistent; whole, projected, filtered and counted;
of tables, of indexes that hold what is asked, and of local ones that fetch it; what is missing; in a transaction.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.probes import Case, Values, in_all, key_of, keyed, of_several, said, sized


def read_cases() -> Iterator[Case]:
    """Every case of a read, by operation; names are unique."""
    for make in (_gets, _batch_gets, _queries, _index_queries, _scans, _transact_gets):
        yield from make()


def _gets() -> Iterator[Case]:
    for size in (4095, 4096, 4097, 8192, 8193, 409_600):
        for consistent in (False, True):
            words = f"get {size:,} B{', strongly' * consistent}"
            yield keyed("GetItem", words, "Plain", sized(size), True, ConsistentRead=consistent)
    for consistent in (False, True):
        words = f"get what is missing{', strongly' * consistent}"
        yield keyed("GetItem", words, "Plain", sized(100), False, ConsistentRead=consistent)
    yield keyed("GetItem", "get 8,193 B, projected", "Plain", sized(8193), True, ProjectionExpression="sk")
    yield keyed(
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
    yield of_several("BatchGetItem", "batch get of two tables", {"RequestItems": request}, two, two)


def _batch_get(name: str, sizes: Sequence[int], missing: int = 0, **parameters: Any) -> Case:
    there = [("Plain", sized(size, sk=f"s{i}")) for i, size in enumerate(sizes)]
    asked = [*there, *(("Plain", sized(100, sk=f"m{i}")) for i in range(missing))]
    request = {"Plain": {"Keys": [key_of(item) for _, item in asked], **parameters}}
    return of_several("BatchGetItem", name, {"RequestItems": request}, there, asked, **said(parameters))


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
    says = {**said(parameters), "key_condition": "pk = :pk", "pages": pages}
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
    return Case(name, "Query", asked, there, says={**said(asked), "key_condition": "pk = :pk"})


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
    return Case(name, "Scan", {"TableName": table, **parameters}, placed, says={**said(parameters), "pages": pages})


def _transact_gets() -> Iterator[Case]:
    for sizes, missing in (([500] * 3, 0), ([4096, 4097], 0), ([100], 1), ([], 2)):
        there = [("Plain", sized(size, sk=f"s{i}")) for i, size in enumerate(sizes)]
        asked = [*there, *(("Plain", sized(100, sk=f"m{i}")) for i in range(missing))]
        members = [{"Get": {"TableName": table, "Key": key_of(item)}} for table, item in asked]
        words = " and ".join([*(f"{size:,} B" for size in sizes), *([f"{missing} missing"] if missing else [])])
        yield of_several("TransactGetItems", f"transact get {words}", {"TransactItems": members}, there, asked)
    large = [("Plain", sized(9000, sk="a")), ("Plain", sized(9000, sk="b"))]
    members = [
        {"Get": {"TableName": table, "Key": key_of(item), "ProjectionExpression": "sk"}} for table, item in large
    ]
    words = "transact get 9,000 B twice, projected"
    yield of_several("TransactGetItems", words, {"TransactItems": members}, large, large, projection="sk")
    both = [("Plain", sized(500)), ("Things", in_all(5000))]
    members = [{"Get": {"TableName": table, "Key": key_of(item)}} for table, item in both]
    yield of_several("TransactGetItems", "transact get of two tables, indexed", {"TransactItems": members}, both, both)
