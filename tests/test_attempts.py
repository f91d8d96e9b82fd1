"""Lost answers, through a proxy before a real engine: what may be is sent again, and nothing is done twice."""

import doctest
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.proxies import Loss, losing
from workbench import attempts
from workbench.attempts import LOST_MOST, UNKNOWN, may_repeat
from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.errors import AnswerLost, EngineError, RequestError
from workbench.items import generate_items
from workbench.runs import Run, run_patterns

PREFIX = "lost-"
DESIGN = parse_design("""
name: counters
tables:
  Counters: {partition_key: id, gsi: {ByKind: {partition_key: kind}}}
fields:
  counter: {count: 12, format: "c-{:02}"}
entities:
  Counter: {key: {id: "{counter}"}, attributes: {kind: [A, B], hits: {value: 0}, seen: timestamp}}
access_patterns:
  hit: {operation: UpdateItem, entity: Counter, update: "ADD hits :one", values: {one: 1}}
  hit-by-set: {operation: UpdateItem, entity: Counter, update: "SET hits = hits + :one", values: {one: 1}}
  hit-two:
    operation: TransactWriteItems
    actions:
      - {operation: Update, update: "ADD hits :one", entity: Counter, values: {one: 1}}
      - {operation: Put, entity: Counter}
  see: {operation: UpdateItem, entity: Counter, update: "SET seen = :now"}
  get: {operation: GetItem, entity: Counter}
  of-kind: {operation: Query, index: ByKind, key_condition: kind = :kind}
  put: {operation: PutItem, entity: Counter}
""")
COUNTED = {"hit", "hit-by-set", "hit-two"}
ITEMS = generate_items(DESIGN)


@pytest.fixture(autouse=True)
def nothing_left(engine: Engine):
    yield
    for name in engine.call("ListTables", {})["TableNames"]:
        if name.startswith(PREFIX):
            engine.call("DeleteTable", {"TableName": name})


def run(engine: Engine, **options: Any) -> Run:
    given = {"calls": 6, "prefix": PREFIX, "keep": True, "strict": False, "progress": False, **options}
    return run_patterns(DESIGN, engine, ITEMS, **given)


def hits(engine: Engine) -> int:
    found = engine.call("Scan", {"TableName": f"{PREFIX}Counters", "ConsistentRead": True})["Items"]
    return sum(int(item["hits"]["N"]) for item in found)


def the(number: int, of: str, when: Loss) -> Callable[[str, bytes], Loss]:
    """The answer to the n-th request of an operation is lost."""
    seen = []

    def loses(operation: str, body: bytes) -> Loss:
        seen.append(operation)
        return when if operation == of and seen.count(of) == number else ""

    return loses


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(attempts).failed == 0


# What may be sent twice


def update(text: str, **more: Any) -> dict[str, Any]:
    values = {":v": {"N": "1"}, ":s": {"SS": ["a"]}, ":l": {"L": [{"N": "1"}]}}
    return {"UpdateExpression": text, "ExpressionAttributeValues": values, **more}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("SET a = :v", True),
        ("SET a = :v, b.c = :v REMOVE d", True),
        ("SET a = if_not_exists(a, :v)", True),
        ("SET a = b", True),
        ("ADD tags :s", True),
        ("DELETE tags :s", True),
        ("ADD n :v", False),
        ("SET n = n + :v", False),
        ("SET n = :v - n", False),
        ("SET l = list_append(l, :l)", False),
        ("SET n = if_not_exists(n, :v) + :v", False),
        ("SET a = b, b = a", False),
        ("SET a = #b, b = :v", False),
        ("SET l[9] = :v", False),  # beyond its end it appends
        ("REMOVE l[0]", False),  # the others move up
    ],
)
def test_an_update_may_be_repeated_if_it_leaves_the_same_twice(engine, text, same):
    """Against the engine, where doing it twice can be tried; `same` says what we claim."""
    parameters = update(text, ExpressionAttributeNames={"#b": "b"})
    assert may_repeat("UpdateItem", parameters) is same
    seen = []
    for times in (1, 2):
        key = {"id": {"S": text}, "n": {"N": "0"}, "a": {"N": "5"}, "b": {"M": {"c": {"N": "7"}}}}
        seen.append(done(engine, key | {"l": {"L": [{"N": "1"}, {"N": "2"}, {"N": "3"}]}}, parameters, times))
    assert (seen[0] == seen[1]) is same


def done(engine: Engine, item: dict[str, Any], parameters: dict[str, Any], times: int) -> dict[str, Any]:
    """What an item is after an update was done so many times."""
    name = f"{PREFIX}twice"
    table = {"TableName": name, "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
    key = {"id": item["id"]}
    if name not in engine.call("ListTables", {})["TableNames"]:
        definitions = [{"AttributeName": "id", "AttributeType": "S"}]
        engine.call("CreateTable", {**table, "AttributeDefinitions": definitions, "BillingMode": "PAY_PER_REQUEST"})
    engine.call("PutItem", {"TableName": name, "Item": item})
    used = {k: v for k, v in parameters["ExpressionAttributeValues"].items() if k in parameters["UpdateExpression"]}
    names = {k: v for k, v in parameters["ExpressionAttributeNames"].items() if k in parameters["UpdateExpression"]}
    request: dict[str, Any] = {"TableName": name, "Key": key, "UpdateExpression": parameters["UpdateExpression"]}
    request |= {"ExpressionAttributeValues": used} if used else {}
    request |= {"ExpressionAttributeNames": names} if names else {}
    for _ in range(times):
        engine.call("UpdateItem", request)
    return engine.call("GetItem", {"TableName": name, "Key": key, "ConsistentRead": True})["Item"]


@pytest.mark.parametrize(
    ("operation", "parameters", "may"),
    [
        ("GetItem", {}, True),
        ("Query", {}, True),
        ("BatchWriteItem", {}, True),
        ("PutItem", {"Item": {}}, True),
        ("PutItem", {"Item": {}, "ConditionExpression": "attribute_not_exists(id)"}, False),
        ("DeleteItem", {"Key": {}}, True),
        ("DeleteItem", {"Key": {}, "ConditionExpression": "attribute_exists(id)"}, False),
        ("PutItem", {"Item": {}, "ReturnValues": "ALL_OLD"}, True),  # leaves the same; its units are dropped
        ("CreateTable", {}, False),
        ("TransactWriteItems", {"TransactItems": [{"Put": {}}, {"Delete": {}}]}, True),
        ("TransactWriteItems", {"TransactItems": [{"Put": {}}, {"Update": update("ADD n :v")}]}, False),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Update": update("ADD n :v")}], "ClientRequestToken": "t"},
            True,
        ),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {}}, {"ConditionCheck": {"ConditionExpression": "attribute_exists(id)"}}]},
            False,
        ),
    ],
)
def test_what_may_be_repeated(operation, parameters, may):
    assert may_repeat(operation, parameters) is may


# Runs that lose an answer


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["UpdateItem", "TransactWriteItems"])
def test_a_counter_whose_answer_is_lost_is_unknown_and_not_sent_again(engine, operation, when):
    undisturbed = run(engine)
    expected = hits(engine)
    with losing(engine, the(3, operation, when)) as (beyond, proxy):
        found = run(beyond)
    assert proxy.lost.total() == 1
    assert hits(engine) == expected - (when == "before")
    (call,) = [record for record in found.records if record["error"]]
    assert (call["error"], call["call"], call["as_expected"]) == (UNKNOWN, 2, False)
    assert call["write_units"] != call["write_units"]  # NaN: it may have been done
    assert call["operation"] == operation
    assert proxy.seen[operation] == sum(r["operation"] == operation for r in undisturbed.records)
    line = found.summary.set_index("pattern").loc[call["pattern"]]
    assert (line["unknown"], line["errors"], line["calls"]) == (1, 0, 6)
    assert line["write_units"] == undisturbed.summary.set_index("pattern").loc[call["pattern"], "write_units"]
    assert "answer lost" in found._repr_html_()
    (failure,) = found.failures
    assert failure.startswith(f"{call['pattern']}, call 3: unknown: no answer from url engine at http://127.0.0.1:")
    assert failure.endswith("; it was not sent again, because it could then be done twice")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("operation", ["GetItem", "Query", "PutItem", "BatchWriteItem", "Scan", "DescribeTable"])
def test_what_may_be_repeated_is_sent_again_and_the_run_is_as_any_other(engine, operation, when):
    expected = run(engine)
    number = 1 if operation == "BatchWriteItem" else 2
    with losing(engine, the(number, operation, when)) as (beyond, proxy):
        found = run(beyond)
    assert proxy.lost.total() == 1
    assert found.failures == ()
    columns = ["pattern", "calls", "items_returned", "read_units", "errors", "unknown"]
    assert found.summary[columns].equals(expected.summary[columns])
    assert hits(engine) == sum(r["pattern"] in COUNTED for r in found.records)


def test_units_of_a_write_that_was_repeated_are_in_no_mean(engine):
    """Its second try meets what the first has left: a put that changes nothing is charged for no index."""
    expected = run(engine).summary.set_index("pattern").write_units["put"]
    loses = the(1, "PutItem", "after")
    with losing(engine, lambda operation, body: loses(operation, body) if b'"kind"' in body else "") as (beyond, _):
        found = run(beyond)
    puts = [r for r in found.records if r["pattern"] == "put"]
    assert [(r["repeats"], r["write_units"] > 0) for r in puts] == [(1, False)] + [(0, True)] * 5
    table = found.calls.set_index(["pattern", "call"]).loc["put"]
    assert table.write_units.isna().to_list() == [True] + [False] * 5  # unknown, and never 0.0
    assert table.repeats.to_list() == [1] + [0] * 5
    assert found.failures == ()
    assert found.summary.set_index("pattern").write_units["put"] == pytest.approx(expected, abs=1)
    assert found.explain("put", 0) is not None


@pytest.mark.slow
@settings(max_examples=15)
@given(st.integers(0, 2**32), st.sampled_from([0.01, 0.05, 0.1]))
def test_counters_equal_the_acknowledged_calls_plus_at_most_the_unknown(engine, seed, share):
    """The law, for answers lost at random before and after the engine has done the work."""
    rng = random.Random(seed)

    def loses(operation: str, body: bytes) -> Loss:
        if operation in ("ListTables", "CreateTable") or b"(claim)" in body or rng.random() > share:
            return ""
        return rng.choice(("before", "after"))

    with losing(engine, loses) as (beyond, proxy):
        try:
            found = run(beyond)
        except EngineError as error:
            assert f"{LOST_MOST + 1} requests failed like this in one run" in str(error)
            return
    acknowledged = sum(r["pattern"] in COUNTED and not r["error"] for r in found.records)
    unknown = sum(r["pattern"] in COUNTED and r["error"] == UNKNOWN for r in found.records)
    assert acknowledged <= hits(engine) <= acknowledged + unknown
    assert unknown <= proxy.lost.total()
    assert {r["error"] for r in found.records} <= {"", UNKNOWN}


def test_an_engine_that_loses_every_answer_ends_the_run_with_its_name(engine):
    with (
        losing(engine, lambda operation, body: "after" if operation == "GetItem" else "") as (beyond, proxy),
        pytest.raises(EngineError, match=f"{LOST_MOST + 1} requests failed like this in one run") as told,
    ):
        run(beyond)
    assert proxy.lost["GetItem", "after"] == LOST_MOST + 1
    assert told.value.kind == "url"


def test_a_strict_run_tells_of_the_unknown_call_at_its_end_and_carries_the_run(engine):
    with (
        losing(engine, the(1, "UpdateItem", "after")) as (beyond, _),
        pytest.raises(RequestError, match=r"hit, call 1: unknown: no answer from url engine") as told,
    ):
        run(beyond, strict=True)
    assert len(told.value.run.records) == 6 * 7


def test_a_lost_answer_is_an_engine_error_that_says_so():
    import pickle

    error = AnswerLost("no answer", kind="url", command=["x"], log="y")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, AnswerLost) and isinstance(copy, EngineError)
    assert (str(copy), copy.kind, copy.command, copy.log) == (str(error), "url", ("x",), "y")
