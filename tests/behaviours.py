"""The behaviours of an engine on which the workbench relies, area by area: see `tests.conformance`."""

from collections.abc import Callable
from typing import Any

from tests.conformance import (
    API,
    PAGE,
    PAGE_BYTES,
    SCRATCH,
    THINGS,
    Case,
    Step,
    Suite,
    get,
    key,
    numbers,
    place,
    query,
    refused,
    scratch,
    simple,
    sort_keys,
    thing,
    units,
    values,
)


def cases() -> list[Case]:
    """All of them, by area."""
    suite = Suite()
    for area in (tables, keys, conditions, updates, key_conditions, filters, paging, indexes, batches, transactions):
        area(suite)
    ttl(suite)
    capacity(suite)
    refusals(suite)
    return suite.cases


def tables(s: Suite) -> None:
    """CreateTable, DescribeTable, ListTables, DeleteTable."""
    a, name = "tables", "conformance-made"
    s.add(
        a,
        "a created table is described",
        [("CreateTable", simple(name)), ("DescribeTable", {"TableName": name})],
        {"Table": {"TableName": name, "TableStatus": "ACTIVE", "KeySchema": key("PK")}},
    )
    s.add(
        a, "a table that exists is not created again", ("CreateTable", simple(name)), refused("ResourceInUseException")
    )
    s.add(
        a,
        "a table has a creation time",
        ("DescribeTable", {"TableName": name}),
        lambda said: "" if said["Table"]["CreationDateTime"] > 1.5e9 else "none",
    )
    s.add(
        a,
        "on-demand billing is reported",
        ("DescribeTable", {"TableName": name}),
        {"Table": {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}},
    )
    s.add(
        a,
        "a deleted table is gone",
        [("DeleteTable", {"TableName": name}), ("DescribeTable", {"TableName": name})],
        refused("ResourceNotFoundException"),
    )
    s.add(
        a,
        "a missing table cannot be deleted",
        ("DeleteTable", {"TableName": name}),
        refused("ResourceNotFoundException"),
    )
    s.add(
        a,
        "tables are listed in pages",
        ("ListTables", {"Limit": 1, "ExclusiveStartTableName": "conformance-a"}),
        {"TableNames": [SCRATCH], "LastEvaluatedTableName": SCRATCH},
    )
    s.add(a, "a table's name has at least 3 characters", ("CreateTable", simple("ab")), refused("ValidationException"))
    s.add(
        a,
        "a table's name has letters, digits and _ . - only",
        ("CreateTable", simple("conformance made")),
        refused("ValidationException"),
    )
    s.add(
        a,
        "a key attribute must be defined",
        ("CreateTable", simple("conformance-a", KeySchema=key("other"))),
        refused("ValidationException"),
    )
    unused = [{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "unused")]
    s.add(
        a,
        "a defined attribute must be a key's",
        ("CreateTable", simple("conformance-a", AttributeDefinitions=unused)),
        refused("ValidationException"),
    )
    s.add(
        a,
        "provisioned billing needs throughput",
        ("CreateTable", simple("conformance-a", BillingMode="PROVISIONED")),
        refused("ValidationException"),
    )
    lsi = [{"IndexName": "l", "KeySchema": key("PK", "x"), "Projection": {"ProjectionType": "ALL"}}]
    both = [{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "x")]
    s.add(
        a,
        "a local index needs a table with a sort key",
        ("CreateTable", simple("conformance-a", LocalSecondaryIndexes=lsi, AttributeDefinitions=both)),
        refused("ValidationException"),
    )


def keys(s: Suite) -> None:
    """Items by their primary key."""
    a = "keys and items"
    s.add(a, "an item is read by its key", get("n03"), {"Item": thing(3) | {"tags": {"SS": {"odd", "all"}}}})
    s.add(a, "a missing item is no item", get("n99"), {"Item": None})
    s.add(
        a,
        "a projection returns what it names",
        get("n03", ProjectionExpression="n, color"),
        {"Item": {"n": {"N": "3"}, "PK": None, "tags": None}},
    )
    s.add(
        a,
        "a projection reaches into maps and lists",
        get("n03", ProjectionExpression="deep.#l[1]", ExpressionAttributeNames={"#l": "list"}),
        {"Item": {"deep": {"M": {"list": {"L": [{"N": "3"}]}}}}},
    )
    s.add(
        a,
        "a put replaces the whole item",
        [
            scratch("PutItem", "replace", more={"x": {"S": "1"}}),
            scratch("PutItem", "replace"),
            scratch("GetItem", "replace"),
        ],
        {"Item": {"x": None}},
    )
    s.add(
        a,
        "a put returns the old item when asked",
        [scratch("PutItem", "old", more={"x": {"S": "1"}}), scratch("PutItem", "old", ReturnValues="ALL_OLD")],
        {"Attributes": {"x": {"S": "1"}}},
    )
    s.add(
        a,
        "a put of a new item returns no old item",
        scratch("PutItem", "new", ReturnValues="ALL_OLD"),
        {"Attributes": None},
    )
    s.add(
        a,
        "a delete removes the item",
        [scratch("PutItem", "gone"), scratch("DeleteItem", "gone"), scratch("GetItem", "gone")],
        {"Item": None},
    )
    s.add(a, "a delete of nothing succeeds", scratch("DeleteItem", "never"), {})
    s.add(
        a,
        "a delete returns the old item when asked",
        [scratch("PutItem", "last", more={"x": {"S": "1"}}), scratch("DeleteItem", "last", ReturnValues="ALL_OLD")],
        {"Attributes": {"x": {"S": "1"}}},
    )
    kinds = {
        "a number keeps 38 digits": {"N": "1234567890.1234567890123456789012345678"},
        "a binary value comes back": {"B": "AAEC/w=="},
        "true comes back": {"BOOL": True},
        "null comes back": {"NULL": True},
        "an empty text comes back": {"S": ""},
        "an empty list comes back": {"L": []},
        "an empty map comes back": {"M": {}},
        "text outside the basic plane comes back": {"S": "é漢🦀"},
        "a set of numbers comes back": {"NS": ["1"]},
    }
    for name, value in kinds.items():
        s.add(
            a,
            name,
            [scratch("PutItem", name, more={"v": value}), scratch("GetItem", name)],
            {"Item": {"v": value if value != {"L": []} and value != {"M": {}} else dict(value)}},
            "HowItWorks.NamingRulesDataTypes",
        )
    s.add(
        a,
        "an empty set is refused",
        scratch("PutItem", "empty", more={"v": {"SS": []}}),
        refused("ValidationException"),
    )
    s.add(
        a,
        "a set with a value twice is refused",
        scratch("PutItem", "twice", more={"v": {"SS": ["a", "a"]}}),
        refused("ValidationException"),
    )
    s.add(
        a,
        "a number has at most 38 digits",
        scratch("PutItem", "digits", more={"v": {"N": "1" * 39}}),
        refused("ValidationException"),
    )
    s.add(a, "text is no number", scratch("PutItem", "word", more={"v": {"N": "one"}}), refused("ValidationException"))
    s.add(a, "an empty key is refused", scratch("PutItem", ""), refused("ValidationException"))
    s.add(
        a,
        "a key of another type is refused",
        ("GetItem", {"TableName": SCRATCH, "Key": {"PK": {"N": "1"}}}),
        refused("ValidationException"),
    )
    s.add(
        a,
        "a key must be whole",
        ("GetItem", {"TableName": THINGS, "Key": {"PK": {"S": "p"}}}),
        refused("ValidationException"),
    )
    s.add(
        a,
        "a key must be no more than the key",
        ("GetItem", {"TableName": SCRATCH, "Key": place("n01")}),
        refused("ValidationException"),
    )
    s.add(
        a,
        "an item needs its key",
        ("PutItem", {"TableName": SCRATCH, "Item": {"x": {"S": "1"}}}),
        refused("ValidationException"),
    )
    s.add(
        a,
        "an item has at most 400 KB",
        scratch("PutItem", "400 KB", more={"v": {"S": "x" * 409_600}}),
        refused("ValidationException"),
        "Constraints",
    )
    s.add(
        a,
        "an item may have almost 400 KB",
        scratch("PutItem", "almost", more={"v": {"S": "x" * 409_500}}),
        {},
        "Constraints",
    )
    s.add(
        a,
        "a partition key has at most 2048 bytes",
        scratch("PutItem", "k" * 2_049),
        refused("ValidationException"),
        "Constraints",
    )
    s.add(
        a,
        "an index key of the wrong type is refused",
        ("PutItem", {"TableName": THINGS, "Item": place("x", "typed") | {"g": {"N": "1"}}}),
        refused("ValidationException"),
    )


def conditions(s: Suite) -> None:
    """Writes that depend on what is there."""
    a, failed = "conditions", refused("ConditionalCheckFailedException")
    have = {"n": {"N": "5"}, "t": {"S": "hello"}, "l": {"L": [{"N": "1"}, {"N": "2"}]}, "s": {"SS": ["a", "b"]}}
    true = {
        "attribute_exists(n)": {},
        "attribute_not_exists(x)": {},
        "n = :five": {"five": 5},
        "n <> :six": {"six": 6},
        "n < :six": {"six": 6},
        "n >= :five": {"five": 5},
        "n BETWEEN :one AND :six": {"one": 1, "six": 6},
        "n IN (:one, :five)": {"one": 1, "five": 5},
        "begins_with(t, :he)": {"he": "he"},
        "contains(t, :ll)": {"ll": "ll"},
        "contains(s, :a)": {"a": "a"},
        "size(l) = :two": {"two": 2},
        "size(t) > :four": {"four": 4},
        "attribute_type(l, :list)": {"list": "L"},
        "n = :five AND NOT n = :six": {"five": 5, "six": 6},
        "n = :six OR attribute_exists(t)": {"six": 6},
        "l[1] = :two": {"two": 2},
    }
    for condition, given in true.items():
        found = {"ExpressionAttributeValues": values(**given)} if given else {}
        put = scratch("PutItem", condition, more=have)
        s.add(
            a,
            f"{condition} holds",
            [put, scratch("DeleteItem", condition, ConditionExpression=condition, **found)],
            {},
            "Expressions.OperatorsAndFunctions",
        )
    for condition, given in {
        "n > :five": {"five": 5},
        "attribute_exists(x)": {},
        "x <> :one AND n < :one": {"one": 1},
    }.items():
        found = {"ExpressionAttributeValues": values(**given)} if given else {}
        put = scratch("PutItem", condition, more=have)
        s.add(
            a,
            f"{condition} fails",
            [put, scratch("DeleteItem", condition, ConditionExpression=condition, **found)],
            failed,
            "Expressions.OperatorsAndFunctions",
        )
    once = {"ConditionExpression": "attribute_not_exists(PK)"}
    s.add(a, "an item is put once", [scratch("PutItem", "once", **once), scratch("PutItem", "once", **once)], failed)
    s.add(
        a,
        "a failed condition leaves the item",
        [
            scratch("PutItem", "left", more={"v": {"S": "1"}}),
            scratch(
                "UpdateItem",
                "left",
                UpdateExpression="SET w = :w",
                ConditionExpression="v = :w",
                ExpressionAttributeValues=values(w="2"),
            ),
        ],
        failed,
    )
    s.add(
        a,
        "an update of a missing item may be forbidden",
        scratch(
            "UpdateItem",
            "absent",
            UpdateExpression="SET w = :w",
            ConditionExpression="attribute_exists(PK)",
            ExpressionAttributeValues=values(w="2"),
        ),
        failed,
    )


def updates(s: Suite) -> None:
    """UpdateItem's clauses."""
    a = "updates"
    have = {"n": {"N": "5"}, "l": {"L": [{"N": "1"}]}, "s": {"SS": ["a", "b"]}, "m": {"M": {"x": {"N": "1"}}}}
    done: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("SET v = :v", {"v": "1"}, {"v": {"S": "1"}}),
        ("SET n = n + :one", {"one": 1}, {"n": {"N": "6"}}),
        ("SET n = n - :one", {"one": 1}, {"n": {"N": "4"}}),
        ("SET q = if_not_exists(q, :one)", {"one": 1}, {"q": {"N": "1"}}),
        ("SET n = if_not_exists(n, :one)", {"one": 1}, {"n": {"N": "5"}}),
        ("SET l = list_append(l, :two)", {"two": {"L": [{"N": "2"}]}}, {"l": {"L": [{"N": "1"}, {"N": "2"}]}}),
        ("SET m.y = :one", {"one": 1}, {"m": {"M": {"x": {"N": "1"}, "y": {"N": "1"}}}}),
        ("SET l[0] = :two", {"two": 2}, {"l": {"L": [{"N": "2"}]}}),
        ("SET a1 = :one, b1 = n", {"one": 1}, {"a1": {"N": "1"}, "b1": {"N": "5"}}),
        ("REMOVE n", {}, {"n": None}),
        ("REMOVE m.x", {}, {"m": {"M": {}}}),
        ("REMOVE l[0]", {}, {"l": {"L": []}}),
        ("ADD n :two", {"two": 2}, {"n": {"N": "7"}}),
        ("ADD q :two", {"two": 2}, {"q": {"N": "2"}}),
        ("ADD s :c", {"c": {"SS": ["c"]}}, {"s": {"SS": {"a", "b", "c"}}}),
        ("DELETE s :a", {"a": {"SS": ["a"]}}, {"s": {"SS": ["b"]}}),
        ("SET v = :one REMOVE n ADD q :one", {"one": 1}, {"v": {"N": "1"}, "n": None, "q": {"N": "1"}}),
    ]
    for expression, given, after in done:
        found = {"ExpressionAttributeValues": values(**given)} if given else {}
        update = scratch("UpdateItem", expression, UpdateExpression=expression, ReturnValues="ALL_NEW", **found)
        s.add(
            a,
            expression,
            [scratch("PutItem", expression, more=have), update],
            {"Attributes": after},
            "Expressions.UpdateExpressions",
        )
    v = {"UpdateExpression": "SET v = :v", "ExpressionAttributeValues": values(v="2")}
    s.add(
        a,
        "an update makes a missing item",
        scratch("UpdateItem", "made", **v, ReturnValues="ALL_NEW"),
        {"Attributes": {"PK": {"S": "made"}, "v": {"S": "2"}}},
    )
    for wanted, after in (
        ("ALL_OLD", {"v": {"S": "1"}}),
        ("UPDATED_OLD", {"v": {"S": "1"}, "PK": None}),
        ("UPDATED_NEW", {"v": {"S": "2"}, "PK": None}),
    ):
        s.add(
            a,
            f"an update returns {wanted}",
            [
                scratch("PutItem", wanted, more={"v": {"S": "1"}}),
                scratch("UpdateItem", wanted, **v, ReturnValues=wanted),
            ],
            {"Attributes": after},
        )
    for name, expression in {
        "a key cannot be updated": "SET PK = :v",
        "paths must not overlap": "SET v = :v, v.w = :v",
        "an unknown clause is refused": "PUT v = :v",
    }.items():
        s.add(
            a,
            name,
            scratch("UpdateItem", name, UpdateExpression=expression, ExpressionAttributeValues=values(v="2")),
            refused("ValidationException"),
        )
    s.add(
        a,
        "adding to text is refused",
        [
            scratch("PutItem", "text", more={"v": {"S": "1"}}),
            scratch("UpdateItem", "text", UpdateExpression="ADD v :one", ExpressionAttributeValues=values(one=1)),
        ],
        refused("ValidationException"),
    )


def key_conditions(s: Suite) -> None:
    """Query by partition and sort key."""
    a, page = "key conditions", "Query.KeyConditionExpressions"
    for condition, given, wanted in (
        ("SK = :a", {"a": "n03"}, (3,)),
        ("SK < :a", {"a": "n03"}, (1, 2)),
        ("SK <= :a", {"a": "n03"}, (1, 2, 3)),
        ("SK > :a", {"a": "n08"}, (9, 10)),
        ("SK >= :a", {"a": "n08"}, (8, 9, 10)),
        ("SK BETWEEN :a AND :b", {"a": "n04", "b": "n06"}, (4, 5, 6)),
        ("begins_with(SK, :a)", {"a": "n0"}, tuple(range(1, 10))),
    ):
        s.add(
            a,
            f"a Query with {condition}",
            query(f"PK = :p AND {condition}", values(p="p", **given)),
            sort_keys(*numbers(*wanted)),
            page,
        )
    s.add(
        a,
        "a Query returns a partition in order",
        query("PK = :p"),
        sort_keys(*numbers(*range(1, 11)), Count=10, ScannedCount=10),
    )
    s.add(
        a, "a Query may go backwards", query("PK = :p", ScanIndexForward=False), sort_keys(*numbers(*range(10, 0, -1)))
    )
    s.add(
        a,
        "a Query of an empty partition is empty",
        query("PK = :p", values(p="none")),
        {"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": None},
    )
    s.add(a, "a Query may count only", query("PK = :p", Select="COUNT"), {"Count": 10, "Items": None})
    s.add(a, "a Query may be consistent", query("PK = :p", ConsistentRead=True, Limit=1), sort_keys("n01"))
    for name, condition, given in (
        ("a Query needs the partition key", "SK = :a", values(a="n01")),
        ("the partition key is compared by =", "PK > :p", values(p="p")),
        ("a key condition knows no OR", "PK = :p OR SK = :p", values(p="p")),
        ("a key condition knows no <>", "PK = :p AND SK <> :p", values(p="p")),
        ("a key condition holds only key attributes", "PK = :p AND n = :p", values(p="p")),
        ("a BETWEEN goes upwards", "PK = :p AND SK BETWEEN :p AND :a", values(p="p", a="a")),
    ):
        s.add(a, name, query(condition, given), refused("ValidationException"), page)


def filters(s: Suite) -> None:
    """Filters come after the reading."""
    a, page = "filters", "Query.FilterExpression"
    for expression, given, wanted in (
        ("n > :x", {"x": 8}, (9, 10)),
        ("n BETWEEN :x AND :y", {"x": 2, "y": 3}, (2, 3)),
        ("n IN (:x, :y)", {"x": 2, "y": 9}, (2, 9)),
        ("color = :x AND n < :y", {"x": "red", "y": 4}, (1, 3)),
        ("color = :x OR n = :y", {"x": "blue", "y": 1}, (1, 2, 4, 6, 8, 10)),
        ("NOT color = :x", {"x": "red"}, (2, 4, 6, 8, 10)),
        ("contains(tags, :x)", {"x": "even"}, (2, 4, 6, 8, 10)),
        ("attribute_exists(g)", {}, (1, 3, 5, 7, 9)),
        ("size(color) = :x", {"x": 3}, (1, 3, 5, 7, 9)),
        ("deep.#l[1] = :x", {"x": 7}, (7,)),
    ):
        names = {"ExpressionAttributeNames": {"#l": "list"}} if "#l" in expression else {}
        s.add(
            a,
            f"a filter {expression}",
            query("PK = :p", values(p="p", **given), FilterExpression=expression, **names),
            sort_keys(*numbers(*wanted), ScannedCount=10, Count=len(wanted)),
            page,
        )
    s.add(
        a,
        "a filter comes after the limit",
        query("PK = :p", values(p="p", x=8), FilterExpression="n > :x", Limit=3),
        {"Count": 0, "ScannedCount": 3, "LastEvaluatedKey": place("n03")},
        page,
    )
    s.add(
        a,
        "a filter must not name key attributes",
        query("PK = :p", FilterExpression="SK > :p"),
        refused("ValidationException"),
        page,
    )
    s.add(
        a,
        "a Scan's filter counts what it read",
        (
            "Scan",
            {"TableName": THINGS, "FilterExpression": "n > :x", "Limit": 5, "ExpressionAttributeValues": values(x=100)},
        ),
        {"Count": 0, "ScannedCount": 5},
    )


def paging(s: Suite) -> None:
    """Limits, pages of 1 MB, and going on."""
    a, page = "paging", "Query.Pagination"
    s.add(
        a,
        "a limit ends a page with a key to go on from",
        query("PK = :p", Limit=3),
        sort_keys(*numbers(1, 2, 3), LastEvaluatedKey=place("n03")),
        page,
    )
    s.add(
        a,
        "a page goes on after that key",
        query("PK = :p", Limit=3, ExclusiveStartKey=place("n03")),
        sort_keys(*numbers(4, 5, 6)),
        page,
    )
    s.add(
        a,
        "the last page has no such key",
        query("PK = :p", ExclusiveStartKey=place("n08")),
        sort_keys(*numbers(9, 10), LastEvaluatedKey=None),
        page,
    )
    s.add(
        a,
        "a page goes on after a key that is not there",
        query("PK = :p", ExclusiveStartKey=place("n08x")),
        sort_keys(*numbers(9, 10)),
        page,
    )
    s.add(
        a,
        "a page goes on backwards",
        query("PK = :p", Limit=2, ScanIndexForward=False, ExclusiveStartKey=place("n03")),
        sort_keys(*numbers(2, 1)),
        page,
    )
    s.add(
        a,
        "1 MB ends a page",
        query("PK = :p", values(p="page"), ProjectionExpression="SK"),
        lambda said: "" if 19 <= said["Count"] <= 22 and said.get("LastEvaluatedKey") else f"{said['Count']} items",
        page,
    )
    s.add(
        a,
        "1 MB is counted before a projection",
        query("PK = :p", values(p="page"), Select="COUNT"),
        lambda said: "" if said["ScannedCount"] < PAGE else f"{said['ScannedCount']} items in a page",
        page,
    )
    s.add(
        a,
        "a page holds the item that crosses 1 MB",
        query("PK = :p", values(p="page"), Select="COUNT"),
        {"Count": 1_048_576 // (PAGE_BYTES + 14) + 1},
        "Query.Pagination",
    )
    s.add(
        a,
        "a page that 1 MB ended counts what it holds",
        query("PK = :p", values(p="page"), Select="COUNT"),
        lambda said: "" if said["Count"] == said["ScannedCount"] else f"{said['Count']} of {said['ScannedCount']}",
        page,
    )
    s.add(a, "a limit is at least 1", query("PK = :p", Limit=0), refused("ValidationException"))
    s.add(
        a,
        "a start key of another partition is refused",
        query("PK = :p", ExclusiveStartKey=place("n01", "other")),
        refused("ValidationException"),
    )
    s.add(a, "a Scan goes through the table", ("Scan", {"TableName": SCRATCH, "Limit": 1}), {"ScannedCount": 1})
    s.add(
        a,
        "a Scan may take one segment of one",
        ("Scan", {"TableName": THINGS, "Segment": 0, "TotalSegments": 1, "Limit": 2}),
        {"ScannedCount": 2},
    )
    s.add(
        a,
        "a segment needs the number of segments",
        ("Scan", {"TableName": THINGS, "Segment": 0}),
        refused("ValidationException"),
    )


def indexes(s: Suite) -> None:
    """Global and local secondary indexes."""
    a, odd = "indexes", {"p": "odd"}

    def on(index: str, **parameters: Any) -> Step:
        return query("g = :p", values(**odd), IndexName=index, **parameters)

    s.add(a, "a global index is in its own order", on("all"), sort_keys(*numbers(9, 7, 5, 3, 1)), "GSI")
    s.add(a, "a global index is sparse", on("all", Select="COUNT"), {"Count": 5, "ScannedCount": 5}, "GSI")
    s.add(
        a,
        "an ALL index has every attribute",
        on("all", Limit=1),
        lambda said: "" if said["Items"][0].get("color") == {"S": "red"} else "no color",
        "GSI",
    )
    s.add(
        a,
        "a KEYS_ONLY index has keys only",
        on("keys", Limit=1),
        lambda said: "" if set(said["Items"][0]) == {"PK", "SK", "g"} else str(set(said["Items"][0])),
        "GSI",
    )
    s.add(
        a,
        "an INCLUDE index has keys and what it includes",
        on("some", Limit=1),
        lambda said: "" if set(said["Items"][0]) == {"PK", "SK", "g", "gs", "color"} else str(set(said["Items"][0])),
        "GSI",
    )
    s.add(
        a,
        "an index has a sort key condition",
        query("g = :p AND gs < :x", values(p="odd", x="05"), IndexName="all"),
        sort_keys(*numbers(9, 7)),
        "GSI",
    )
    s.add(
        a,
        "an index's page ends with both keys",
        on("all", Limit=1),
        {"LastEvaluatedKey": place("n09") | {"g": {"S": "odd"}, "gs": {"S": "01"}}},
        "GSI",
    )
    s.add(
        a,
        "an index's page goes on",
        on("all", Limit=1, ExclusiveStartKey=place("n09") | {"g": {"S": "odd"}, "gs": {"S": "01"}}),
        sort_keys("n07"),
        "GSI",
    )
    s.add(
        a, "a global index is never consistent", on("all", ConsistentRead=True), refused("ValidationException"), "GSI"
    )
    s.add(
        a,
        "a global index does not fetch from the table",
        on("keys", Select="ALL_ATTRIBUTES"),
        refused("ValidationException"),
        "GSI",
    )
    s.add(a, "a missing index is refused", on("none"), refused("ValidationException"), "GSI")
    s.add(
        a,
        "an index may be scanned",
        ("Scan", {"TableName": THINGS, "IndexName": "all", "Select": "COUNT"}),
        {"Count": 5},
        "GSI",
    )
    s.add(
        a, "a local index is in its own order", query("PK = :p", IndexName="local"), sort_keys(*numbers(3, 2, 1)), "LSI"
    )
    s.add(a, "a local index is sparse", query("PK = :p", IndexName="local", Select="COUNT"), {"Count": 3}, "LSI")
    s.add(
        a,
        "a local index may be consistent",
        query("PK = :p", IndexName="local", ConsistentRead=True, Limit=1),
        sort_keys("n03"),
        "LSI",
    )
    s.add(
        a,
        "a local index fetches from the table",
        query("PK = :p", IndexName="local", ProjectionExpression="SK, color", Limit=1),
        {"Items": [{"SK": {"S": "n03"}, "color": {"S": "red"}}]},
        "LSI",
    )
    moved = place("moved", "mover")
    put = ("PutItem", {"TableName": THINGS, "Item": moved | {"g": {"S": "first"}, "gs": {"S": "1"}}})
    update = (
        "UpdateItem",
        {
            "TableName": THINGS,
            "Key": moved,
            "UpdateExpression": "SET g = :g",
            "ExpressionAttributeValues": values(g="second"),
        },
    )
    s.add(
        a,
        "an index entry moves with its key",
        [put, update, query("g = :p", values(p="second"), IndexName="all")],
        sort_keys("moved"),
        "GSI",
    )
    s.add(
        a,
        "an index entry leaves its old key",
        [put, update, query("g = :p", values(p="first"), IndexName="all")],
        sort_keys(),
        "GSI",
    )
    s.add(
        a,
        "an index entry goes with its key attribute",
        [
            put,
            ("UpdateItem", {"TableName": THINGS, "Key": moved, "UpdateExpression": "REMOVE g"}),
            query("g = :p", values(p="first"), IndexName="all"),
        ],
        sort_keys(),
        "GSI",
    )


def batches(s: Suite) -> None:
    """BatchGetItem and BatchWriteItem."""
    a = "batches"

    def gets(*found: dict[str, Any], **more: Any) -> Step:
        return "BatchGetItem", {"RequestItems": {THINGS: {"Keys": list(found), **more}}}

    def writes(*members: dict[str, Any]) -> Step:
        return "BatchWriteItem", {"RequestItems": {SCRATCH: list(members)}}

    def put(name: str, **more: Any) -> dict[str, Any]:
        return {"PutRequest": {"Item": {"PK": {"S": name}, **more}}}

    def delete(name: str) -> dict[str, Any]:
        return {"DeleteRequest": {"Key": {"PK": {"S": name}}}}

    def found(count: int) -> Callable[[Any], str]:
        return lambda said: "" if len(said["Responses"].get(THINGS, ())) == count else str(said)[:200]

    s.add(a, "a batch gets what is there", gets(place("n01"), place("n02"), place("n99")), found(2))
    s.add(a, "a batch that got all leaves no keys", gets(place("n01")), {"UnprocessedKeys": None})
    s.add(
        a,
        "a batch of gets projects",
        gets(place("n01"), ProjectionExpression="color"),
        {"Responses": {THINGS: [{"color": {"S": "red"}}]}},
    )
    s.add(
        a,
        "a batch gets from several tables",
        (
            "BatchGetItem",
            {"RequestItems": {THINGS: {"Keys": [place("n01")]}, SCRATCH: {"Keys": [{"PK": {"S": "nobody"}}]}}},
        ),
        found(1),
    )
    s.add(
        a, "a batch gets at most 100 items", gets(*(place(f"x{i}") for i in range(101))), refused("ValidationException")
    )
    s.add(a, "a batch may get 100 items", gets(*(place(f"x{i}") for i in range(100))), found(0))
    s.add(a, "a batch gets no key twice", gets(place("n01"), place("n01")), refused("ValidationException"))
    s.add(
        a,
        "a batch puts and deletes",
        [writes(put("b1"), put("b2")), writes(delete("b1"), put("b3")), scratch("GetItem", "b1")],
        {"Item": None},
    )
    s.add(a, "a batch that wrote all leaves nothing", writes(put("b4")), {"UnprocessedItems": None})
    s.add(
        a, "a batch writes at most 25 items", writes(*(put(f"c{i}") for i in range(26))), refused("ValidationException")
    )
    s.add(
        a,
        "a batch may write 25 items",
        [writes(*(put(f"d{i}") for i in range(25))), scratch("GetItem", "d24")],
        {"Item": {"PK": {"S": "d24"}}},
    )
    s.add(a, "a batch writes no key twice", writes(put("e"), delete("e")), refused("ValidationException"))
    s.add(a, "a batch is not empty", ("BatchWriteItem", {"RequestItems": {}}), refused("ValidationException"))
    s.add(
        a,
        "a batch to a missing table is refused",
        ("BatchWriteItem", {"RequestItems": {"conformance-none": [put("x")]}}),
        refused("ResourceNotFoundException"),
    )


def transactions(s: Suite) -> None:
    """TransactWriteItems and TransactGetItems: all or nothing."""
    a = "transactions"

    def write(*members: Step, **more: Any) -> Step:
        names = {"PutItem": "Put", "DeleteItem": "Delete", "UpdateItem": "Update", "Check": "ConditionCheck"}
        return "TransactWriteItems", {"TransactItems": [{names[o]: p} for o, p in members], **more}

    def cancelled(*codes: str) -> Callable[[Any], str]:
        return refused("TransactionCanceledException", f"[{', '.join(codes)}]")

    absent = {"ConditionExpression": "attribute_not_exists(PK)"}
    s.add(
        a,
        "a transaction writes all",
        [write(scratch("PutItem", "t1"), scratch("PutItem", "t2")), scratch("GetItem", "t2")],
        {"Item": {"PK": {"S": "t2"}}},
    )
    s.add(
        a,
        "a failed condition cancels a transaction, by member",
        [scratch("PutItem", "t3"), write(scratch("PutItem", "t4"), scratch("PutItem", "t3", **absent))],
        cancelled("None", "ConditionalCheckFailed"),
    )
    s.add(
        a,
        "a cancelled transaction writes nothing",
        scratch("GetItem", "t4"),
        {"Item": None},
        API.format("TransactWriteItems"),
    )
    s.add(
        a,
        "a check alone may cancel",
        write(
            scratch("PutItem", "t5"),
            ("Check", scratch("DeleteItem", "t6", ConditionExpression="attribute_exists(PK)")[1]),
        ),
        cancelled("None", "ConditionalCheckFailed"),
    )
    s.add(
        a,
        "a check that holds lets the rest through",
        [
            write(scratch("PutItem", "t7"), ("Check", scratch("DeleteItem", "t8", **absent)[1])),
            scratch("GetItem", "t7"),
        ],
        {"Item": {"PK": {"S": "t7"}}},
    )
    s.add(
        a,
        "a transaction updates and deletes",
        [
            scratch("PutItem", "t9"),
            write(
                scratch("DeleteItem", "t9"),
                scratch("UpdateItem", "t10", UpdateExpression="ADD n :one", ExpressionAttributeValues=values(one=1)),
            ),
            scratch("GetItem", "t10"),
        ],
        {"Item": {"n": {"N": "1"}}},
    )
    s.add(
        a,
        "a transaction has no item twice",
        write(scratch("PutItem", "t11"), scratch("DeleteItem", "t11")),
        refused("ValidationException"),
    )
    s.add(
        a,
        "a transaction has at most 100 members",
        write(*(scratch("PutItem", f"u{i}") for i in range(101))),
        refused("ValidationException"),
    )
    s.add(
        a,
        "a transaction may have 100 members",
        [write(*(scratch("PutItem", f"v{i}") for i in range(100))), scratch("GetItem", "v99")],
        {"Item": {"PK": {"S": "v99"}}},
    )
    add = scratch("UpdateItem", "t12", UpdateExpression="ADD n :one", ExpressionAttributeValues=values(one=1))
    token = {"ClientRequestToken": "conformance-token-0001"}
    s.add(
        a,
        "a token makes a transaction happen once",
        [write(add, **token), write(add, **token), scratch("GetItem", "t12")],
        {"Item": {"n": {"N": "1"}}},
    )
    s.add(
        a,
        "a token is for one transaction only",
        write(scratch("PutItem", "t13"), **token),
        refused("IdempotentParameterMismatchException"),
    )
    read = [{"Get": get(sort)[1]} for sort in ("n02", "n99", "n01")]
    s.add(
        a,
        "a transaction reads in order, gaps included",
        ("TransactGetItems", {"TransactItems": read}),
        lambda said: (
            ""
            if [r.get("Item", {}).get("SK", {}).get("S") for r in said["Responses"]] == ["n02", None, "n01"]
            else str(said)[:200]
        ),
    )
    s.add(
        a,
        "a failed member may return its item",
        [
            scratch("PutItem", "t14", more={"v": {"S": "here"}}),
            write(scratch("PutItem", "t14", **absent, ReturnValuesOnConditionCheckFailure="ALL_OLD")),
        ],
        refused("TransactionCanceledException", "ConditionalCheckFailed"),
    )


def ttl(s: Suite) -> None:
    """The setting; what an engine does with it is not asked."""
    a, on = "time to live", {"Enabled": True, "AttributeName": "expires"}
    set_on = ("UpdateTimeToLive", {"TableName": SCRATCH, "TimeToLiveSpecification": on})
    s.add(
        a,
        "time to live is off at first",
        ("DescribeTimeToLive", {"TableName": SCRATCH}),
        {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}},
    )
    s.add(a, "time to live is switched on", set_on, {"TimeToLiveSpecification": on})
    s.add(
        a,
        "time to live tells its attribute",
        ("DescribeTimeToLive", {"TableName": SCRATCH}),
        {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}},
    )
    s.add(
        a,
        "time to live of a missing table is refused",
        ("UpdateTimeToLive", {"TableName": "conformance-none", "TimeToLiveSpecification": on}),
        refused("ResourceNotFoundException"),
    )


def capacity(s: Suite) -> None:
    """ConsumedCapacity in answers."""
    a, page = "capacity in answers", "read-write-operations"
    total, split = {"ReturnConsumedCapacity": "TOTAL"}, {"ReturnConsumedCapacity": "INDEXES"}
    for name, sort, consistent, wanted in (
        ("a read of 1 KB is half a unit", "1 KB", False, 0.5),
        ("a consistent read of 1 KB is one unit", "1 KB", True, 1.0),
        ("a read of 5 KB is one unit", "5 KB", False, 1.0),
        ("a consistent read of 9 KB is three units", "9 KB", True, 3.0),
        ("a read of a missing item is half a unit", "no KB", False, 0.5),
        ("a consistent read of a missing item is one unit", "no KB", True, 1.0),
    ):
        s.add(a, name, get(sort, "sized", ConsistentRead=consistent, **total), units(wanted), page)
    s.add(
        a,
        "a projection does not make a read cheaper",
        get("9 KB", "sized", ConsistentRead=True, **total, ProjectionExpression="SK"),
        units(3.0),
        page,
    )
    s.add(a, "a page is charged by its sum", query("PK = :p", values(p="sized"), **total), units(2.0), page)
    s.add(
        a,
        "a count is charged as the reading",
        query("PK = :p", values(p="sized"), Select="COUNT", **total),
        units(2.0),
        page,
    )
    s.add(
        a,
        "a filter does not make a page cheaper",
        query("PK = :p", values(p="sized", x=1), FilterExpression="n = :x", **total),
        units(2.0),
        page,
    )
    s.add(a, "a Query that finds nothing is half a unit", query("PK = :p", values(p="none"), **total), units(0.5), page)
    for size, wanted in ((900, 1.0), (1_500, 2.0), (5_000, 5.0)):
        s.add(
            a,
            f"a put of {size} bytes is {wanted:g} units",
            scratch("PutItem", f"{size} bytes", more={"v": {"S": "x" * size}}, **total),
            units(wanted),
            page,
        )
    s.add(
        a,
        "a put is charged on the larger of old and new",
        [scratch("PutItem", "shrunk", more={"v": {"S": "x" * 3_500}}), scratch("PutItem", "shrunk", **total)],
        units(4.0),
        page,
    )
    s.add(
        a,
        "a delete is charged on what it deletes",
        [scratch("PutItem", "deleted", more={"v": {"S": "x" * 2_500}}), scratch("DeleteItem", "deleted", **total)],
        units(3.0),
        page,
    )
    s.add(a, "a delete of nothing is one unit", scratch("DeleteItem", "not there", **total), units(1.0), page)
    s.add(
        a,
        "an update is charged on the whole item",
        [
            scratch("PutItem", "updated", more={"v": {"S": "x" * 2_500}}),
            scratch(
                "UpdateItem", "updated", UpdateExpression="SET w = :w", ExpressionAttributeValues=values(w="1"), **total
            ),
        ],
        units(3.0),
        page,
    )
    entry = place("indexed", "charged") | {"g": {"S": "charged"}, "gs": {"S": "1"}}
    s.add(
        a,
        "a put is charged in each index that it enters",
        ("PutItem", {"TableName": THINGS, "Item": entry, **split}),
        units(
            4.0,
            Table={"CapacityUnits": 1.0},
            GlobalSecondaryIndexes={name: {"CapacityUnits": 1.0} for name in ("all", "keys", "some")},
        ),
        "GSI",
    )
    s.add(
        a,
        "a put outside the indexes is charged on the table only",
        ("PutItem", {"TableName": THINGS, "Item": place("plain", "charged"), **split}),
        units(1.0, Table={"CapacityUnits": 1.0}),
        "GSI",
    )
    s.add(
        a,
        "a global index's page is charged to the index",
        query("g = :p", values(p="odd"), IndexName="all", **split),
        units(0.5, GlobalSecondaryIndexes={"all": {"CapacityUnits": 0.5}}),
        "GSI",
    )
    s.add(
        a, "capacity is told only when asked", get("1 KB", "sized"), {"ConsumedCapacity": None}, API.format("GetItem")
    )
    s.add(
        a,
        "a batch of gets is charged item by item",
        (
            "BatchGetItem",
            {"RequestItems": {THINGS: {"Keys": [place("1 KB", "sized"), place("5 KB", "sized")]}}, **total},
        ),
        lambda said: (
            "" if sum(c["CapacityUnits"] for c in said["ConsumedCapacity"]) == 1.5 else str(said["ConsumedCapacity"])
        ),
        page,
    )
    puts = [{"PutRequest": {"Item": {"PK": {"S": f"w{i}"}, "v": {"S": "x" * 1_500}}}} for i in range(2)]
    s.add(
        a,
        "a batch of writes is charged item by item",
        ("BatchWriteItem", {"RequestItems": {SCRATCH: puts}, **total}),
        lambda said: "" if said["ConsumedCapacity"][0]["CapacityUnits"] == 4.0 else str(said["ConsumedCapacity"]),
        page,
    )
    members = [{"Put": scratch("PutItem", f"x{i}")[1]} for i in range(2)]
    s.add(
        a,
        "a transaction's writes are charged twice",
        ("TransactWriteItems", {"TransactItems": members, **total}),
        lambda said: "" if said["ConsumedCapacity"][0]["CapacityUnits"] == 4.0 else str(said["ConsumedCapacity"]),
        page,
    )
    read = [{"Get": get("5 KB", "sized")[1]}]
    s.add(
        a,
        "a transaction's reads are charged twice",
        ("TransactGetItems", {"TransactItems": read, **total}),
        lambda said: "" if said["ConsumedCapacity"][0]["CapacityUnits"] == 4.0 else str(said["ConsumedCapacity"]),
        page,
    )


def refusals(s: Suite) -> None:
    """Error names of requests that cannot be."""
    a, bad = "refusals", refused("ValidationException")
    page = "Programming.Errors"
    s.add(
        a,
        "a missing table is named by its own error",
        ("GetItem", {"TableName": "conformance-none", "Key": {"PK": {"S": "a"}}}),
        refused("ResourceNotFoundException"),
        page,
    )
    s.add(a, "an undefined value is refused", query("PK = :nobody"), bad, page)
    s.add(a, "an unused value is refused", query("PK = :p", values(p="p", q="q")), bad, page)
    s.add(a, "an unused name is refused", query("PK = :p", ExpressionAttributeNames={"#x": "x"}), bad, page)
    s.add(a, "a reserved word is refused", get("n01", ProjectionExpression="list"), bad, "ReservedWords")
    s.add(
        a,
        "a reserved word passes under another name",
        get("n01", ProjectionExpression="#l", ExpressionAttributeNames={"#l": "list"}),
        {"Item": None},
        "ReservedWords",
    )
    s.add(
        a,
        "an expression that does not parse is refused",
        scratch("DeleteItem", "x", ConditionExpression="PK = ("),
        bad,
        page,
    )
    s.add(a, "an empty expression is refused", get("n01", ProjectionExpression=""), bad, page)
    s.add(
        a,
        "a value of no known type is refused",
        ("PutItem", {"TableName": SCRATCH, "Item": {"PK": {"X": "1"}}}),
        lambda answer: (
            ""
            if isinstance(answer, str) and answer.split("Exception")[0] in ("Validation", "Serialization")
            else f"not refused: {answer}"
        ),
        page,
    )
    s.add(a, "an unknown operation is refused", ("GetEverything", {}), refused("UnknownOperationException"), page)
