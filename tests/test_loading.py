"""Loading: every item arrives once, whatever comes between, and what was interrupted goes on."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import pytest
import tqdm.auto
from boto3.dynamodb.types import TypeDeserializer

from workbench import loading
from workbench.descriptors import to_item
from workbench.design import Design
from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.errors import EngineError, RequestError
from workbench.items import Items, generate_items
from workbench.loading import check_distinct, count_items
from workbench.runs import run_patterns
from workbench.tables import RunTables

PREFIX = "load-test-"
DESIGN = """
name: load
tables:
  Orders: {partition_key: PK, sort_key: SK}
  Events: {partition_key: event}
fields:
  customer: {count: 40, format: "c-{}", popularity: zipf(1.1)}
  order: {per: customer, count: 10}
  event: {count: 130, type: ulid}
entities:
  Customer: {table: Orders, key: {PK: "{customer}", SK: PROFILE}}
  Order:
    table: Orders
    key: {PK: "{customer}", SK: "ORDER#{order}"}
    attributes:
      raw: binary(9)
      price: 0.50..99.99
      tags: {set: [a, b, c, "ä"], length: 1..3}
      numbers: {set: 1..9, length: 1..3}
      lines: {list: {map: {product: word, open: boolean}}, length: 0..3}
      gone: {type: integer, present: 30%}
  Event: {table: Events, attributes: {at: epoch(-7d..now)}}
access_patterns:
  list:
    operation: Query
    entity: Order
    key_condition: PK = :PK AND begins_with(SK, :orders)
    values: {orders: "ORDER#"}
    expect: {items: 10}
  seen: {operation: Query, entity: Event, key_condition: event = :event, expect: {items: 1}}
"""
TOTAL = 40 + 400 + 130


@pytest.fixture(scope="module")
def design() -> Design:
    return parse_design(DESIGN)


@pytest.fixture(scope="module")
def items(design: Design) -> Items:
    return generate_items(design)


@pytest.fixture(autouse=True)
def nothing_left(engine: Engine):
    yield
    for name in engine.call("ListTables", {})["TableNames"]:
        if name.startswith(PREFIX):
            engine.call("DeleteTable", {"TableName": name})


def load(items: Items, engine: Engine, **options: Any) -> Any:
    return run_patterns(items.design, engine, items, **{"calls": 1, "prefix": PREFIX, "progress": False, **options})


def held(engine: Engine, table: str) -> Counter[str]:
    """The items of a table, each as text."""
    pages = engine.client().get_paginator("scan").paginate(TableName=PREFIX + table)
    return Counter(plain(item) for page in pages for item in page["Items"])


def plain(item: dict[str, Any]) -> str:
    read = TypeDeserializer().deserialize
    return repr(sorted((name, comparable(read(value))) for name, value in item.items()))


def comparable(value: Any) -> Any:
    return sorted(map(repr, value)) if isinstance(value, set) else repr(value)


def wanted(items: Items, table: str) -> Counter[str]:
    return Counter(plain(to_item(i)) for e in items.in_table(table) for i in e.take(range(len(e))))


def assert_all_there(items: Items, engine: Engine) -> None:
    for table, count in (("Orders", 440), ("Events", 130)):
        found = held(engine, table)
        assert found == wanted(items, table)
        assert set(found.values()) == {1}
        assert found.total() == count


def sent(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> list[str]:
    """What is sent from now on: the sort key or the event of each item put by a load."""
    call, seen = engine.call, []

    def noted(operation: str, body: Any) -> dict[str, Any]:
        if operation == "BatchWriteItem":
            ((_, batch),) = json.loads(body)["RequestItems"].items()
            seen.extend(json.dumps(member["PutRequest"]["Item"]) for member in batch)
        return call(operation, body)

    monkeypatch.setattr(engine, "call", noted)
    return seen


# Everything arrives


def test_every_item_arrives_as_it_was_made(items, engine):
    run = load(items, engine, keep=True)
    assert (run.items, run.loaded) == (TOTAL, TOTAL)
    assert run.notes[0] == "all 570 items loaded"
    assert_all_there(items, engine)


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_batch_that_is_throttled_is_sent_again_and_any_other_refusal_is_not(items, engine, monkeypatch, code):
    """AWS: Programming.Errors; a throttled request has done nothing, and is to be sent again after a pause."""
    refusals = [code] * 3
    call = engine.call

    def refuses(operation: str, body: Any) -> dict[str, Any]:
        if operation == "BatchWriteItem" and refusals:
            raise RequestError("refused", code=refusals.pop())
        return call(operation, body)

    monkeypatch.setattr(engine, "call", refuses)
    load(items, engine, keep=True)
    assert refusals == []
    assert_all_there(items, engine)
    refusals.append("ValidationException")
    with pytest.raises(RequestError, match="refused"):
        load(items, engine, prefix="other-")


def test_what_is_left_unprocessed_is_sent_again(items, engine, monkeypatch):
    """AWS: API_BatchWriteItem; UnprocessedItems is a normal answer, to be sent again after a pause that grows."""
    pauses: list[float] = []
    monkeypatch.setattr(loading.time, "sleep", pauses.append)
    monkeypatch.setattr(loading.random, "uniform", lambda low, high: high)
    call, lock = engine.call, threading.Lock()

    def takes_ten(operation: str, body: Any) -> dict[str, Any]:
        if operation != "BatchWriteItem":
            return call(operation, body)
        ((table, batch),) = json.loads(body)["RequestItems"].items()
        with lock:
            answer = call(operation, {"RequestItems": {table: batch[:10]}})
        return answer | ({"UnprocessedItems": {table: batch[10:]}} if batch[10:] else {})

    monkeypatch.setattr(engine, "call", takes_ten)
    load(items, engine, keep=True)
    monkeypatch.undo()
    assert_all_there(items, engine)
    # 17 and 5 full batches are sent three times, the last 15 and 5 items twice and once.
    assert sorted(pauses) == [0.05] * (17 + 5 + 1) + [0.1] * (17 + 5)


def test_an_engine_that_never_takes_all_is_given_up_on(items, engine, monkeypatch):
    monkeypatch.setattr(loading.time, "sleep", lambda seconds: None)
    call = engine.call

    def takes_nothing(operation: str, body: Any) -> dict[str, Any]:
        if operation == "BatchWriteItem":
            return {"UnprocessedItems": json.loads(body)["RequestItems"]}
        return call(operation, body)

    monkeypatch.setattr(engine, "call", takes_nothing)
    with pytest.raises(
        EngineError, match=r" left items unprocessed 12 times in a row: it is overloaded or its disk is"
    ):
        load(items, engine)
    assert tables_left(engine) == []


def tables_left(engine: Engine) -> list[str]:
    return [name for name in engine.call("ListTables", {})["TableNames"] if name.startswith(PREFIX)]


def test_a_count_that_is_wrong_is_an_error_and_leaves_nothing_to_go_on_from(items, engine, monkeypatch):
    call = engine.call

    def loses_one(operation: str, body: Any) -> dict[str, Any]:
        if operation == "BatchWriteItem":
            ((table, batch),) = json.loads(body)["RequestItems"].items()
            return (
                call(operation, {"RequestItems": {table: batch[:-1]}}) if "Events" in table else call(operation, body)
            )
        return call(operation, body)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "call", loses_one)
        with pytest.raises(EngineError, match=r"^table load-test-Events holds 124 items after loading, not 130$"):
            load(items, engine)
        assert tables_left(engine) == []
    load(items, engine, keep=True)
    assert_all_there(items, engine)


def test_where_the_engines_count_is_old_the_items_are_counted(items, engine, monkeypatch):
    """DescribeTable's ItemCount is renewed about every six hours (AWS: API_TableDescription)."""
    call, scans = engine.call, []

    def outdated(operation: str, body: Any) -> dict[str, Any]:
        answer = call(operation, body)
        if operation == "DescribeTable":
            answer["Table"]["ItemCount"] = 0
        if operation == "Scan" and body.get("Select") == "COUNT":
            scans.append(body["TableName"])
        return answer

    monkeypatch.setattr(engine, "call", outdated)
    assert load(items, engine).loaded == TOTAL
    assert scans == [PREFIX + "Orders", PREFIX + "Events"]


def test_items_are_counted_over_all_pages(design, engine, monkeypatch):
    pages = [{"Count": 3, "LastEvaluatedKey": {"PK": {"S": "x"}}}, {"Count": 0, "LastEvaluatedKey": {"PK": {"S": "y"}}}]
    pages.append({"Count": 2})

    monkeypatch.setattr(engine, "call", lambda operation, body: pages.pop(0))
    assert count_items(RunTables(design, engine, PREFIX), "Orders") == 5


def test_an_error_of_the_engine_in_a_worker_ends_the_load(items, engine, monkeypatch):
    call = engine.call

    def refuses(operation: str, body: Any) -> dict[str, Any]:
        if operation == "BatchWriteItem":
            raise RequestError("too large", operation=operation, code="ValidationException")
        return call(operation, body)

    monkeypatch.setattr(engine, "call", refuses)
    with pytest.raises(RequestError, match=r"^too large$"):
        load(items, engine)
    assert tables_left(engine) == []


# Interrupted, and gone on with


class Interrupted(tqdm.auto.tqdm):
    """A progress bar on which somebody presses Ctrl-C after so many items."""

    after = 0

    def update(self, n: float | None = 1) -> bool | None:
        super().update(n)
        if self.n >= self.after:
            signal.raise_signal(signal.SIGINT)
        return None


# First go 40 customers in batches of 25 and 15, then 400 orders and 130 events in batches of 25.
STOPS = [(25, 25), (60, 65), (430, 440), (441, 465), (570, 570)]


@pytest.mark.parametrize(("after", "said"), STOPS)
def test_an_interrupted_load_says_how_far_it_got_and_goes_on(items, engine, monkeypatch, after, said):
    with monkeypatch.context() as patch:
        patch.setattr(tqdm.auto, "tqdm", Interrupted)
        patch.setattr(Interrupted, "after", after)
        with pytest.raises(KeyboardInterrupt) as told:
            load(items, engine, progress=True)
    assert re.fullmatch(
        rf"interrupted: {said} of 570 items are loaded, into load-test-Orders.* on .*; "
        "while that engine runs, the same call goes on from there",
        str(told.value),
    )
    assert len(tables_left(engine)) == 3, "two tables, and the one with the notes"
    again = sent(monkeypatch, engine)
    load(items, engine, keep=True)
    assert len(again) == TOTAL - said, "what is there is not sent again"
    assert_all_there(items, engine)


def test_without_a_progress_bar_it_says_so_too(items, engine, monkeypatch):
    put, batches = loading._put_batch, []

    def third(tables: Any, body: bytes) -> None:
        put(tables, body)
        batches.append(body)
        if len(batches) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(loading, "WORKERS", 1)
    monkeypatch.setattr(loading, "_put_batch", third)
    with pytest.raises(KeyboardInterrupt, match=r"^interrupted: 40 of 570 items are loaded, into "):
        load(items, engine)
    monkeypatch.undo()
    load(items, engine, keep=True)
    assert_all_there(items, engine)


def interrupt(items: Items, engine: Engine, monkeypatch: pytest.MonkeyPatch, after: int = 100, **options: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tqdm.auto, "tqdm", Interrupted)
        patch.setattr(Interrupted, "after", after)
        with pytest.raises(KeyboardInterrupt):
            load(items, engine, progress=True, **options)


def test_a_load_can_be_interrupted_again_and_again(items, engine, monkeypatch):
    for after in (100, 200, 300, 450):
        interrupt(items, engine, monkeypatch, after)
    load(items, engine, keep=True)
    assert_all_there(items, engine)


def test_another_process_that_reads_the_same_design_goes_on_too(items, engine, monkeypatch):
    interrupt(items, engine, monkeypatch)
    program = (
        "import sys\n"
        "from workbench import generate_items, start_engine\n"
        "from workbench.designfile import parse_design\n"
        "from workbench.runs import run_patterns\n"
        "from workbench import loading\n"
        "put, sent = loading._put_batch, []\n"
        "loading._put_batch = lambda tables, body: (sent.append(body), put(tables, body))\n"
        "design = parse_design(sys.argv[2])\n"
        "with start_engine(sys.argv[1]) as engine:\n"
        f"    run_patterns(design, engine, calls=1, prefix={PREFIX!r}, keep=True, progress=False)\n"
        "print(len(sent))\n"
    )
    words = [sys.executable, "-c", program, engine.endpoint_url, DESIGN]
    done = subprocess.run(words, capture_output=True, text=True, timeout=100)
    # 115 of 570 were there: 13 batches of orders and 6 of events were left.
    assert (done.stdout, done.stderr) == ("19\n", "")
    assert_all_there(items, engine)


def edited(design: Design) -> Design:
    return parse_design(DESIGN.replace("binary(9)", "binary(8)"))


@pytest.mark.parametrize(
    "changed",
    [
        lambda items: generate_items(items.design, seed=8),
        lambda items: generate_items(items.design, now=1_800_000_000),
        lambda items: generate_items(edited(items.design)),
    ],
    ids=["another seed", "another clock", "the design was edited"],
)
def test_other_items_are_loaded_from_the_start(items, engine, monkeypatch, changed):
    interrupt(items, engine, monkeypatch)
    others, again = changed(items), sent(monkeypatch, engine)
    load(others, engine, keep=True)
    assert len(again) == TOTAL
    monkeypatch.undo()
    assert_all_there(others, engine)


def test_rows_that_were_edited_are_loaded_from_the_start(engine, monkeypatch):
    import pandas as pd

    rows = pd.DataFrame({"PK": [f"p-{i}" for i in range(200)], "note": "old"})
    design = parse_design("""
name: rows
tables: {Rows: {partition_key: PK}}
rows: {given: {}}
entities: {Row: {rows: given}}
access_patterns: {get: {operation: GetItem}}
""")
    interrupt(generate_items(design, rows={"given": rows}), engine, monkeypatch)
    load(generate_items(design, rows={"given": rows.assign(note="new")}), engine, keep=True)
    found = engine.call("Scan", {"TableName": f"{PREFIX}Rows"})["Items"]
    assert len(found) == 200
    assert {item["note"]["S"] for item in found} == {"new"}


def test_calls_that_were_interrupted_leave_nothing_and_the_engine_usable(items, engine, monkeypatch):
    """What the calls changed is nothing to go on from: the tables go, unless they are to be kept."""
    monkeypatch.setattr("workbench.runs.call_record", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        load(items, engine)
    assert tables_left(engine) == []
    with pytest.raises(KeyboardInterrupt):
        load(items, engine, keep=True)
    assert f"{PREFIX}Orders" in tables_left(engine)
    monkeypatch.undo()
    again = sent(monkeypatch, engine)
    load(items, engine, keep=True)
    assert len(again) == TOTAL, "the calls may have changed what was loaded"
    monkeypatch.undo()
    assert_all_there(items, engine)


# One key, one item


def entities(one: str, other: str, **fields: str) -> Items:
    counts = "\n".join(f"  {name}: {{count: {count}}}" for name, count in {"a": "5", "b": "5", **fields}.items())
    return generate_items(
        parse_design(f"""
name: keys
tables: {{Both: {{partition_key: PK, sort_key: SK}}}}
fields:
{counts}
entities:
  One: {{key: {{{one}}}}}
  Other: {{key: {{{other}}}}}
access_patterns: {{get: {{operation: GetItem, entity: One}}}}
""")
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('PK: "X#{a}", SK: A', 'PK: "Y#{b}", SK: A'),  # told apart by what the partition keys begin with
        ('PK: "X#{a}", SK: A', 'PK: "X#{b}", SK: B'),  # by constants
        ('PK: "X#{a}", SK: A', 'PK: "X#{b}", SK: "A{b}"'),  # by the values alone
    ],
)
def test_entities_with_different_keys_share_a_table(one, other):
    check_distinct(entities(one, other), "Both")


def test_entities_with_a_key_in_common_are_refused_before_anything_is_made(engine):
    items = entities('PK: "X#{a}", SK: A', 'PK: "X#{b}", SK: A')
    with pytest.raises(
        ValueError, match=r"^entities One and Other both have an item with the primary key \('X#.*, 'A'\): "
    ):
        load(items, engine)
    assert tables_left(engine) == []
