"""Tables of a run: made as the design says, marked as ours, and everybody else's left alone."""

import contextlib
import getpass
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from workbench.design import Design
from workbench.designfile import parse_design
from workbench.engine import Engine
from workbench.engines import start_engine
from workbench.errors import EngineError, RequestError
from workbench.items import generate_items
from workbench.runs import run_patterns
from workbench.tables import RunTables, default_prefix, table_parameters
from workbench.trials import held

DESIGN = """
name: {name}
tables:
  Orders: {{partition_key: PK, sort_key: SK, ttl: expires}}
  Seen: {{partition_key: event}}
fields:
  customer: {{count: 5}}
  order: {{per: customer, count: 4}}
  event: {{count: 10}}
entities:
  Order:
    table: Orders
    key: {{PK: "{{customer}}", SK: "{{order}}"}}
    attributes: {{at: timestamp(now), expires: epoch(at + 1h)}}
  Event: {{table: Seen}}
access_patterns:
  list: {{operation: Query, entity: Order, key_condition: PK = :PK}}
  see: {{operation: PutItem, entity: Event}}
"""


def design_named(name: str) -> Design:
    return parse_design(DESIGN.format(name=name))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine for these tests alone: they look at all its tables, and drop them."""
    with start_engine("embedded") as started:
        yield started


@pytest.fixture(scope="module")
def running(engine: Engine) -> Iterator[Engine]:
    """The same engine as somebody else's: adopted by its URL."""
    with start_engine(engine.endpoint_url) as adopted:
        yield adopted


@pytest.fixture(autouse=True)
def nothing_left(engine: Engine) -> Iterator[None]:
    """Each test begins without tables, so that what is left shows."""
    yield
    for name in tables_on(engine):
        engine.call("DeleteTable", {"TableName": name})


def tables_on(engine: Engine) -> list[str]:
    return sorted(engine.call("ListTables", {})["TableNames"])


def items_in(engine: Engine, table: str) -> list[dict[str, Any]]:
    return engine.call("Scan", {"TableName": table})["Items"]


def identity(engine: Engine, table: str) -> str:
    return engine.call("DescribeTable", {"TableName": table})["Table"]["TableId"]


def foreign_table(engine: Engine, name: str) -> dict[str, Any]:
    """Somebody's table, with an item; returns what it holds."""
    engine.call(
        "CreateTable",
        {
            "TableName": name,
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "SK")],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    item = {"PK": {"S": "precious"}, "SK": {"S": "data"}}
    engine.call("PutItem", {"TableName": name, "Item": item})
    return item


def run(design: Design, engine: Engine, **options: Any) -> Any:
    return run_patterns(design, engine, calls=2, progress=False, **options)


# What is created


def test_parameters_of_a_table_are_those_of_create_table():
    """AWS: API_CreateTable. Only key attributes are defined; a local index has the table's partition key."""
    design = parse_design("""
name: shapes
tables:
  Parcels:
    partition_key: PK
    sort_key: SK
    gsi:
      ByDepot: {partition_key: [carrier, depot], sort_key: [day, weight], projection: [title, price]}
      Bare: {partition_key: depot, projection: KEYS_ONLY}
    lsi:
      ByWeight: {sort_key: weight}
fields: {PK: {count: 3}, SK: {per: PK, count: 2}}
entities:
  Parcel:
    attributes: {carrier: word, depot: [a], day: date(-3d..now), weight: 1..9, title: word, price: 1..9, raw: binary(3)}
access_patterns:
  get: {operation: GetItem}
""")
    parameters = table_parameters(design, design.tables["Parcels"], "mine-Parcels")
    types = {one["AttributeName"]: one["AttributeType"] for one in parameters.pop("AttributeDefinitions")}
    assert types == {"PK": "S", "SK": "S", "carrier": "S", "depot": "S", "day": "S", "weight": "N"}

    def schema(*parts: tuple[str, str]) -> list[dict[str, str]]:
        return [{"AttributeName": name, "KeyType": kind} for name, kind in parts]

    assert parameters == {
        "TableName": "mine-Parcels",
        "KeySchema": schema(("PK", "HASH"), ("SK", "RANGE")),
        "BillingMode": "PAY_PER_REQUEST",
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "ByDepot",
                "KeySchema": schema(("carrier", "HASH"), ("depot", "HASH"), ("day", "RANGE"), ("weight", "RANGE")),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["title", "price"]},
            },
            {
                "IndexName": "Bare",
                "KeySchema": schema(("depot", "HASH")),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            },
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "ByWeight",
                "KeySchema": schema(("PK", "HASH"), ("weight", "RANGE")),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    }


def test_a_table_without_indexes_names_none():
    design = design_named("plain")
    assert table_parameters(design, design.tables["Seen"], "Seen") == {
        "TableName": "Seen",
        "KeySchema": [{"AttributeName": "event", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "event", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }


def test_ttl_is_switched_on_only_where_it_does_no_harm(engine, monkeypatch):
    """The embedded engine deletes what has expired within a minute; the service keeps it for days (AWS: TTL)."""
    tables = RunTables(design_named("ttl"), engine, "")

    def status() -> str:
        tables.create("x")
        told = engine.call("DescribeTimeToLive", {"TableName": "Orders"})["TimeToLiveDescription"]
        tables.delete()
        return told["TimeToLiveStatus"]

    monkeypatch.setattr(engine, "behaves_as", "embedded")
    assert status() == "DISABLED"
    monkeypatch.setattr(engine, "behaves_as", "dynoxide")
    assert status() == "ENABLED"


def test_ttl_that_is_not_switched_on_is_said_in_one_line(engine, monkeypatch):
    monkeypatch.setattr(engine, "behaves_as", "embedded")
    notes = run(design_named("ttl"), engine).notes
    assert [note for note in notes if note.startswith("TTL")] == [
        "TTL on Orders.expires is declared but not switched on: it deletes expired items within a minute, also after "
        "five years, when the service keeps them"
    ]
    monkeypatch.setattr(engine, "behaves_as", "dynoxide")
    assert not [note for note in run(design_named("ttl"), engine).notes if note.startswith("TTL")]


# Names


def test_an_engine_of_our_own_has_the_designs_names(engine):
    assert default_prefix(design_named("shop"), engine) == ""


@pytest.mark.parametrize(
    ("user", "design", "prefix"),
    [
        ("ann", "shop", "wb-ann-shop-"),
        ("ann@corp", "my shop/2", "wb-ann-corp-my-shop-2-"),
        ("a.n_n", "s", "wb-a.n_n-s-"),
    ],
)
def test_a_running_engine_gets_a_prefix_in_the_characters_of_table_names(running, monkeypatch, user, design, prefix):
    """AWS: HowItWorks.NamingRules, letters, digits, _ . -"""
    monkeypatch.setattr(getpass, "getuser", lambda: user)
    named = design_named("shop").model_copy(update={"name": design})
    assert default_prefix(named, running) == prefix


@pytest.mark.parametrize("error", [OSError, KeyError, ImportError])
def test_a_user_without_a_name_has_a_prefix_too(running, monkeypatch, error):
    def nobody():
        raise error("no name for this user id")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert default_prefix(design_named("shop"), running) == "wb-user-shop-"


@pytest.mark.parametrize("prefix", ["ana-", "team_1.", "p" * 60])
def test_the_environment_may_name_the_prefix_on_a_running_engine(engine, running, monkeypatch, prefix):
    monkeypatch.setenv("WORKBENCH_PREFIX", prefix)
    assert default_prefix(design_named("shop"), running) == f"{prefix}shop-"
    assert default_prefix(design_named("shop"), engine) == ""


@pytest.mark.parametrize("prefix", ["ana b-", "ana/", "änn-", " ", "p" * 61])
def test_a_prefix_in_the_environment_that_no_table_can_have_is_named_with_what_is_allowed(running, monkeypatch, prefix):
    monkeypatch.setenv("WORKBENCH_PREFIX", prefix)
    with pytest.raises(EngineError) as caught:
        run(design_named("shop"), running)
    assert str(caught.value) == (
        f"WORKBENCH_PREFIX is {prefix!r}, and tables' names begin with it: it may have letters, digits and _ . -, "
        "at most 60 of them; as in WORKBENCH_PREFIX=ana-"
    )
    assert tables_on(running) == []


def test_two_participants_with_a_prefix_each_have_the_same_design_on_one_engine_and_meet_nowhere(running, monkeypatch):
    items = generate_items(design_named("shop"))
    with contextlib.ExitStack() as ana, contextlib.ExitStack() as ben:
        monkeypatch.setenv("WORKBENCH_PREFIX", "ana-")
        hers = ana.enter_context(held(items, running))
        monkeypatch.setenv("WORKBENCH_PREFIX", "ben-")
        his = ben.enter_context(held(items, running))
        assert {name.partition("-")[0] for name in tables_on(running)} == {"ana", "ben"}
        table = next(iter(items.design.tables))
        before = items_in(running, hers.name(table))
        for item in items_in(running, his.name(table)):
            key = {name: item[name] for name in items.design.tables[table].key_attributes}
            running.call("DeleteItem", {"TableName": his.name(table), "Key": key})
        assert items_in(running, hers.name(table)) == before != []
        ben.close()
        assert {name.partition("-")[0] for name in tables_on(running)} == {"ana"}
        assert items_in(running, hers.name(table)) == before
    assert tables_on(running) == []


def test_a_prefix_that_no_table_can_have_is_refused_before_anything_is_made(engine):
    with pytest.raises(ValueError, match=r"prefix 'my shop/': table names are made of letters, digits and _ . -"):
        run(design_named("shop"), engine, prefix="my shop/")
    assert tables_on(engine) == []


def test_requests_get_the_names_that_the_engine_has(engine):
    tables = RunTables(design_named("shop"), engine, "mine-")
    assert tables.prefixed({"TableName": "Orders", "Key": {}}) == {"TableName": "mine-Orders", "Key": {}}
    assert tables.prefixed({"RequestItems": {"Orders": [1], "Seen": [2]}}) == {
        "RequestItems": {"mine-Orders": [1], "mine-Seen": [2]}
    }
    members = [{"Put": {"TableName": "Orders"}}, {"Delete": {"TableName": "Seen"}}]
    assert tables.prefixed({"TransactItems": members}) == {
        "TransactItems": [{"Put": {"TableName": "mine-Orders"}}, {"Delete": {"TableName": "mine-Seen"}}]
    }
    assert members == [{"Put": {"TableName": "Orders"}}, {"Delete": {"TableName": "Seen"}}], "left as it was"


# What is left behind


@pytest.mark.parametrize("which", ["own", "running"])
def test_a_run_leaves_nothing_behind(engine, running, which):
    run(design_named("shop"), {"own": engine, "running": running}[which])
    assert tables_on(engine) == []


def test_kept_tables_carry_the_prefix_and_are_replaced_by_the_next_run(running, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    design = design_named("shop")
    run(design, running, keep=True)
    assert tables_on(running) == [
        "wb-ann-shop-Orders",
        "wb-ann-shop-Seen",
        "wb-ann-shop-workbench-tables-shop",
    ], "the third one holds the notes"
    assert len(items_in(running, "wb-ann-shop-Seen")) == 10 + 2, "the items and what the calls put"
    first = identity(running, "wb-ann-shop-Seen")
    run(design, running, keep=True)
    assert len(items_in(running, "wb-ann-shop-Seen")) == 10 + 2, "from anew, not added to"
    assert identity(running, "wb-ann-shop-Seen") != first
    run(design, running)
    assert tables_on(running) == []


def test_the_tables_of_another_design_stay_and_stay_noted(running):
    one, other = design_named("one"), design_named("other")
    run(one, running, keep=True)
    kept = RunTables(one, running, default_prefix(one, running))
    before = kept.noted()
    assert set(before) == {kept.name("Orders"), kept.name("Seen")}
    run(other, running, keep=True)
    run(other, running)
    assert kept.noted() == before
    assert tables_on(running) == sorted([*before, kept.registry])
    run(one, running)
    assert tables_on(running) == []


def test_runs_of_two_designs_at_once_do_not_disturb_each_other(running):
    designs = [design_named(f"design-{i}") for i in range(4)]
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda design: [run(design, running) for _ in range(3)], designs))
    units = {tuple(r.calls.read_units + r.calls.write_units) for three in runs for r in three}
    assert len(units) == 1
    assert tables_on(running) == []


def test_a_note_about_a_table_that_somebody_deleted_goes_with_the_next_run(engine):
    tables = RunTables(design_named("shop"), engine, "")
    tables.create("x")
    engine.call("DeleteTable", {"TableName": "Orders"})
    tables.delete()
    assert tables_on(engine) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, EngineError("gone")])
def test_a_table_is_noted_or_not_there(engine, monkeypatch, error):
    """Interrupted between creating a table and noting it: the next run must not take it for somebody else's."""
    tables = RunTables(design_named("shop"), engine, "")

    def interrupted(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(RunTables, "note", interrupted)
        with pytest.raises((KeyboardInterrupt, EngineError)):
            tables.create("x")
    assert tables_on(engine) == []
    run(design_named("shop"), engine)


# Tables of others


@pytest.mark.parametrize("prefix", ["", "team-"])
def test_a_table_of_somebody_else_is_never_touched(running, prefix):
    item = foreign_table(running, f"{prefix}Orders")
    with pytest.raises(EngineError) as told:
        run(design_named("shop"), running, prefix=prefix)
    assert str(told.value) == (
        f"table {prefix}Orders is on {running.name} already and was not created by the workbench for the design shop: "
        "it is left alone. Choose another prefix for the tables of this run "
        '(prefix="mine-", --prefix mine-)'
    )
    assert told.value.kind == "url"
    assert tables_on(running) == [f"{prefix}Orders"], "nor is any other table made"
    assert items_in(running, f"{prefix}Orders") == [item]
    run(design_named("shop"), running, prefix="mine-")
    assert items_in(running, f"{prefix}Orders") == [item]


def test_the_second_table_of_a_design_is_looked_at_before_the_first_is_made(running):
    item = foreign_table(running, "Seen")
    with pytest.raises(EngineError, match=r"^table Seen is on"):
        run(design_named("shop"), running, prefix="")
    assert tables_on(running) == ["Seen"]
    assert items_in(running, "Seen") == [item]


def test_a_table_that_took_the_place_of_a_kept_one_is_somebody_elses(running):
    run(design_named("shop"), running, prefix="", keep=True)
    running.call("DeleteTable", {"TableName": "Orders"})
    item = foreign_table(running, "Orders")
    with pytest.raises(EngineError, match=r"^table Orders is on .* was not created by the workbench"):
        run(design_named("shop"), running, prefix="")
    RunTables(design_named("shop"), running, "").delete()
    assert tables_on(running) == ["Orders"]
    assert items_in(running, "Orders") == [item]


def test_the_kept_tables_of_a_design_are_not_those_of_another_with_the_same_prefix(running):
    run(design_named("one"), running, prefix="team-", keep=True)
    before = items_in(running, "team-Seen")
    with pytest.raises(EngineError, match=r"^table team-Orders .* not created by the workbench for the design other"):
        run(design_named("other"), running, prefix="team-")
    assert items_in(running, "team-Seen") == before


def test_a_table_that_has_the_name_of_the_notes_is_left_alone(running):
    item = foreign_table(running, "my-workbench-tables-shop")
    with pytest.raises(EngineError, match=r"^table my-workbench-tables-shop is on .* Choose another prefix"):
        run(design_named("shop"), running, prefix="my-")
    assert tables_on(running) == ["my-workbench-tables-shop"]
    assert items_in(running, "my-workbench-tables-shop") == [item]


def test_a_refusal_of_the_engine_is_passed_on(engine, monkeypatch):
    """Only "there is no such table" is an answer; any other refusal is an error."""

    def refuses(operation: str, body: object) -> None:
        raise RequestError("no", operation=operation, code="AccessDeniedException")

    monkeypatch.setattr(engine, "call", refuses)
    tables = RunTables(design_named("shop"), engine, "")
    for action in (tables.check, tables.delete, lambda: tables._drop("Orders")):
        with pytest.raises(RequestError, match=r"^no$"):
            action()
    monkeypatch.undo()


def test_a_table_that_does_not_become_ready_is_an_error(engine, monkeypatch):
    call = engine.call

    def creating(operation: str, body: Any) -> dict[str, Any]:
        answer = call(operation, body)
        if operation == "DescribeTable" and body["TableName"] == "Orders":
            answer["Table"]["TableStatus"] = "CREATING"
        return answer

    monkeypatch.setattr(engine, "call", creating)
    monkeypatch.setattr("workbench.tables.READY_SECONDS", 0.1)
    with pytest.raises(EngineError, match=r"^table Orders was not ready within 0\.1 s"):
        RunTables(design_named("shop"), engine, "").create("x")
    assert tables_on(engine) == []


def test_two_runs_on_the_same_tables_are_kept_apart_while_both_are_alive(running):
    design = design_named("shop")
    mine, other = RunTables(design, running, "claim-"), RunTables(design, running, "claim-")
    mine.claim()
    mine.claim()  # the same process goes on
    holder = {"by": f"process {os.getppid()} on {platform.node()}", "at": str(int(time.time()))}
    assert mine._put_claim(holder, instead_of=mine._holder()["by"])
    with pytest.raises(EngineError, match=rf"process {os.getppid()} on .* is running shop on .*--prefix mine-"):
        other.claim()
    mine.release()
    other.claim()
    other.release()
    assert tables_on(running) == []


def test_a_claim_that_a_dead_process_left_is_taken_over(running):
    tables = RunTables(design_named("shop"), running, "claim-")
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    tables._ensure_registry()
    dead = {"by": f"process {ended.stdout.strip()} on {platform.node()}", "at": str(int(time.time()))}
    assert tables._put_claim(dead, instead_of="nobody")
    tables.claim()
    tables.release()
